"""Journals to check and to tamper with: honest ones as rows, and what an attacker can make of them.

The honest ones come out of the real journal. The attacker's work is done on rows, with or without
the signing key, in the ways that ``docs/journal-format.md`` lists at its end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_chain import ChainJournal
from respond.adapters.store.journal_keys import ChainEnd, place_of
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.read_only import known_of
from respond.audit.body import Body, read_body, write_body
from respond.audit.chain import GENESIS, body_hash, link
from respond.audit.checkpoint import NoteKey, Signer
from respond.audit.source import open_rows, verify_rows
from respond.audit.verify import Anchor, StoredRow, VerifyReport
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.records import Frozen, replace
from respond.ports import KeyStore
from respond.testing.example_run import ExampleRun
from respond.testing.settable_clock import SettableClock

__all__ = [
    "MadeJournal",
    "finished_runs",
    "make_journal",
    "outside_evidence",
    "reforge",
    "stored_rows",
    "verify_file",
]

_DANA = Actor("dana", Strength.CLAIMED)


def verify_file(path: Path, *, keys: Sequence[NoteKey], **given: Any) -> VerifyReport:
    """``verify_rows`` for a journal file or an export."""
    return verify_rows(partial(open_rows, path), keys=keys, **given)


def outside_evidence(path: Path, keys: KeyStore) -> tuple[NoteKey | None, Anchor | None]:
    """What the key store knows of the journal at a path: its key, and the high-water mark."""
    known = known_of(place_of(path.absolute()), keys)
    return known.key, known.mark


class MadeJournal(Frozen):
    """A journal as rows, with everything that its owner and others know about it.

    Attributes:
        signer: Holds the signing key; an honest checker has only ``key``.
        marks: High-water marks in the order in which they were raised.
    """

    rows: tuple[StoredRow, ...]
    signer: Signer
    marks: tuple[Anchor, ...]

    @property
    def id(self) -> str:
        return self.signer.public.name

    @property
    def key(self) -> NoteKey:
        return self.signer.public

    def anchor(self, size: int) -> Anchor:
        """The anchor that a notice sent at this size carries."""
        return Anchor(self.id, size, self.rows[size - 1].hash.hex()[:32])

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """``seq`` of each checkpoint record."""
        return tuple(row.seq for row in self.rows if row.columns and row.columns[0] == "checkpoint")


def make_journal(seed: int, *, runs: int = 2, tail: int = 4) -> MadeJournal:
    """A journal of some runs, with a tail of notices that no checkpoint covers."""
    chance = random.Random(seed)  # noqa: S311 (no secret comes of it)
    clock = SettableClock()
    keys = MemoryKeys()
    with SqliteJournal.in_memory(keys, clock, _DANA) as journal:
        heads = []
        for number in range(runs):
            _live(journal, f"CK-{number}", chance, clock)
            heads.append(journal.checkpoint(f"end of run CK-{number}"))
        for number in range(tail):
            clock.advance(1)
            journal.append(_event(Kind.NOTICE, "", to=f"person {number}"))
        seed_bytes = keys.get(f"signing-key/{journal.id}") or b""
        return MadeJournal(
            rows=tuple(stored_rows(journal)),
            signer=Signer(journal.id, seed_bytes),
            marks=tuple(Anchor(head.journal, head.size, head.hash) for head in heads),
        )


def finished_runs(journal: ChainJournal, count: int, *, first: int = 0) -> None:
    """Add runs that are over, as whole as the documentation's night, in a few transactions.

    They go through the journal's own door for a record, so that it verifies; only what is synced
    for each record of a real run is synced for hundreds of runs here.
    """
    night = ExampleRun().propose().look().start().contain().recover().finish()
    for batch in range(first, first + count, _BATCH):
        with journal._transaction() as before:  # noqa: SLF001 (the door behind ``append``)
            end = before
            for number in range(batch, min(batch + _BATCH, first + count)):
                places: dict[int, int] = {}
                for record in night.records:
                    end = _copied(journal, end, record, f"OLD-{number:05}", places)
            journal._commit(end)  # noqa: SLF001
    journal.checkpoint("runs that are over were added")


def _copied(
    journal: ChainJournal, end: ChainEnd, record: Record, run: str, places: dict[int, int]
) -> ChainEnd:
    """The same record in another run, at the end; ``places`` tells where its intents stand."""
    data = dict(record.event.data)
    if record.event.kind is Kind.INTENT:
        data["digest"] = data["key"]
        places[record.seq] = end.size
    if "intent" in data:
        data["intent"] = places[data["intent"]]
    _, end, _ = journal._insert(end, replace(record.event, run=run, data=data))  # noqa: SLF001
    return end


_BATCH = 500


def stored_rows(journal: ChainJournal) -> list[StoredRow]:
    """All rows of an open journal, as its store gives them."""
    return [StoredRow(*row[:4], row[4:8]) for row in journal._store.rows(0)]  # noqa: SLF001


def reforge(
    made: MadeJournal,
    change: Callable[[list[Body]], Sequence[Body]],
    *,
    signer: Signer | None = None,
) -> tuple[StoredRow, ...]:
    """Change bodies, then number and chain everything anew, as an attacker with a tool would.

    With ``signer`` the checkpoints are signed anew too; without, they stay as they were.
    """
    before = GENESIS
    rows: list[StoredRow] = []
    for seq, changed in enumerate(change([read_body(row.body) for row in made.rows])):
        body = changed._replace(seq=seq)
        if body.kind == "checkpoint" and signer is not None:
            reason = str(body.data["reason"])
            note = signer.sign(size=seq, head=before.hex(), at=body.at, reason=reason)
            body = body._replace(journal=signer.public.name, data={**body.data, "note": note})
        encoded = write_body(body)
        digest = body_hash(encoded)
        before = link(body.journal, seq, before, digest)
        columns = (body.kind, body.run, body.step, body.at)
        rows.append(StoredRow(seq, encoded, digest, before, columns))
    return tuple(rows)


def _live(journal: SqliteJournal, run: str, chance: random.Random, clock: SettableClock) -> None:
    """One run with everything that a run can have."""
    journal.append(_event(Kind.PROPOSED, run, inputs={"key": f"backend-{chance.random()}"[:14]}))
    journal.take(_event(Kind.TAKEN, run, by="dana"))
    parts = int(run[-1]) % 3  # The first run has none, as most.
    for _ in range(parts):
        journal.append(_event(Kind.PLAN_PART, run, steps=[]))
    named: dict[str, Any] = {"parts": parts} if parts else {}
    journal.append(_event(Kind.PLANNED, run, digest=chance.randbytes(32).hex(), **named))
    for number in range(chance.randint(1, 2)):
        clock.advance(chance.randint(0, 100))
        step = f"s{number}"
        journal.append(_event(Kind.CONFIRMED, run, step, decision="yes"))
        intent = journal.intend(_event(Kind.INTENT, run, step), digest=chance.randbytes(32).hex())
        if chance.random() < 0.5:  # noqa: PLR2004 (one in two)
            journal.append(_event(Kind.UNKNOWN, run, step, intent=intent.seq, why="no answer"))
            if chance.random() < 0.5:  # noqa: PLR2004 (the same)
                clock.reboot(f"boot {chance.random()}")
                journal.take(_event(Kind.TAKEN, run, by="dana"))
            journal.append(_event(Kind.RECONCILED, run, step, intent=intent.seq, how="done"))
        else:
            journal.append(_event(Kind.OUTCOME, run, step, intent=intent.seq, how="done"))
        journal.append(_event(Kind.NOTICE, run, step, to="ana \u202e \U0001f511"))
    journal.append(_event(Kind.ENDED, run, exit=0))
    for how in ("word", "alive", "proved"):
        journal.append(_event(Kind.FOLLOWED_UP, run, item="k7fq2m9d", how=how))


def _event(kind: Kind, run: str, step: str = "", **data: Any) -> Event:
    return Event(kind, run, step, _DANA, data)
