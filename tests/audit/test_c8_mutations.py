"""Campaign C8: tampered journals, checked by ``verify`` and by a verifier that shares no code.

What must be found is worked out here from what was done to the journal, not from its hashes.
"""

from __future__ import annotations

import importlib.util
import io
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.journal_sqlite import SqliteJournal, outside_evidence
from respond.adapters.keys import MemoryKeys
from respond.audit.body import Body
from respond.audit.chain import body_hash, link
from respond.audit.export import read_export, write_export
from respond.audit.source import open_rows, verify_file
from respond.audit.verify import Anchor, Answer, SourceError, Stored, verify
from respond.core.events import Kind
from respond.testing.clock import SettableClock
from respond.testing.contract_journal import DANA, event
from respond.testing.journals import MadeJournal, make_journal, reforge

pytestmark = [pytest.mark.campaign("C8"), pytest.mark.promise("P23", "P24")]

SEED = 20261123
MUTATIONS = 10_000
PARTS = 4  # So that several workers share the work.
HONEST = 1_000

PAGE = Path(__file__).parents[2] / "docs" / "journal-format.md"
SECOND = Path(__file__).parents[1] / "independent" / "verifier.py"


def load_second() -> Any:
    spec = importlib.util.spec_from_file_location("second_verifier", SECOND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECOND_VERIFIER = load_second()
BASES = [make_journal(n, runs=1 + n % 3, tail=n % 5) for n in range(12)]

Rows = tuple[Stored, ...]
Chance = random.Random


@dataclass(frozen=True)
class Tampered:
    """A journal after an attack.

    Attributes:
        from_place: The first row that differs.
        broken: The chain itself does not hold any more.
        signed: Whatever checkpoints it has were signed with the right key, over what it says now.
        stranger: It is a journal of another machine.
    """

    how: str
    rows: Rows
    from_place: int
    broken: bool = False
    signed: bool = False
    stranger: bool = False


def ours_and_second(
    rows: Sequence[Stored], made: MadeJournal, outside: Sequence[Anchor], mark: Anchor | None
) -> tuple[int, int]:
    """Exit statuses of both verifiers; both hold the keys of all journals there are."""
    ours = verify(rows, keys=[base.key for base in BASES], anchors=outside, mark=mark)
    points = [(p.journal, p.size, p.start) for p in (*outside, *([mark] if mark else []))]
    second = SECOND_VERIFIER.verify(rows, [str(base.key) for base in BASES], points)
    return ours.exit_code, second


# --- attacks that do not mend the chain ----------------------------------------------------------


def flip(chance: Chance, made: MadeJournal) -> Tampered:
    """One byte of a body or a hash is another."""
    place = chance.randrange(len(made.rows))
    field = chance.choice(["body", "body_hash", "hash"])
    raw = bytearray(getattr(made.rows[place], field))
    raw[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
    return put(made, place, field, bytes(raw))


def cut_value(chance: Chance, made: MadeJournal) -> Tampered:
    """A body or a hash is shorter or longer, or of another type."""
    place = chance.randrange(len(made.rows))
    field = chance.choice(["body", "body_hash", "hash"])
    value = getattr(made.rows[place], field)
    new = chance.choice([value[:-1], value + b"\0", b"", value.hex(), None, 7])
    return put(made, place, field, new)


def column(chance: Chance, made: MadeJournal) -> Tampered:
    """A derived column says something else than the body."""
    place = chance.randrange(len(made.rows))
    columns = list(made.rows[place].columns or ())
    columns[chance.randrange(4)] = chance.choice(["x", None, 3, b"notice"])
    return put(made, place, "columns", tuple(columns))


def number(chance: Chance, made: MadeJournal) -> Tampered:
    """A row has another number."""
    place = chance.randrange(len(made.rows))
    return put(made, place, "seq", chance.choice([place + 1, place - 1, -1, 10**9, None, str(place)]))


def put(made: MadeJournal, place: int, field: str, value: Any) -> Tampered:
    row = made.rows[place]._replace(**{field: value})
    rows = (*made.rows[:place], row, *made.rows[place + 1 :])
    return Tampered(field, rows, place, broken=True)


def drop(chance: Chance, made: MadeJournal) -> Tampered:
    """Rows inside are gone; at times exactly the checkpoints."""
    last = len(made.rows) - 1
    gone = set(chance.sample(range(last), chance.randint(1, 3)))
    if chance.random() < 0.3:
        gone = {place for place in made.checkpoints if place < last} or gone
    rows = tuple(row for place, row in enumerate(made.rows) if place not in gone)
    return Tampered("drop", rows, min(gone), broken=True)


def swap(chance: Chance, made: MadeJournal) -> Tampered:
    """Two rows change places, with their numbers or without."""
    a, b = sorted(chance.sample(range(len(made.rows)), 2))
    rows = list(made.rows)
    rows[a], rows[b] = rows[b], rows[a]
    if chance.random() < 0.5:
        rows[a], rows[b] = rows[a]._replace(seq=a), rows[b]._replace(seq=b)
    return Tampered("swap", tuple(rows), a, broken=True)


def repeat(chance: Chance, made: MadeJournal) -> Tampered:
    """A row stands twice, and what follows is numbered on."""
    place = chance.randrange(len(made.rows))
    rows = [*made.rows[: place + 1], *made.rows[place:]]
    if chance.random() < 0.5:
        rows = [row._replace(seq=n) for n, row in enumerate(rows)]
    return Tampered("repeat", tuple(rows), place + 1, broken=True)


def splice(chance: Chance, made: MadeJournal) -> Tampered:
    """The end, or the middle, comes from another journal."""
    other = chance.choice([base for base in BASES if base is not made])
    place = chance.randrange(1, min(len(made.rows), len(other.rows)))
    rows = [*made.rows[:place], *other.rows[place:]]
    if chance.random() < 0.5:
        rows = [*made.rows[:place], other.rows[place], *made.rows[place + 1 :]]
    return Tampered("splice", tuple(rows), place, broken=True)


def half_mended(chance: Chance, made: MadeJournal) -> Tampered:
    """A body is changed and its own hash mended, and no further."""
    place = chance.randrange(len(made.rows))
    row = made.rows[place]
    body = row.body.replace(b'"v":1}', b'"v": 1}')
    return put(made, place, "body", body)._replace_row(place, body_hash=body_hash(body))


def _replace_row(self: Tampered, place: int, **fields: Any) -> Tampered:
    row = self.rows[place]._replace(**fields)
    return replace(self, rows=(*self.rows[:place], row, *self.rows[place + 1 :]))


Tampered._replace_row = _replace_row  # type: ignore[attr-defined]
