"""Which runs a journal has, for a shell that completes their names: read without any key.

A shell may ask at each touch of a key, and no key store is opened for it. So nothing of this is
verified, and nobody decides by it: it only saves typing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from respond.adapters.ordinary_file import is_file
from respond.audit.body import read_body
from respond.audit.canonical import NotCanonicalError
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.errors import JournalUnusableError

__all__ = ["RunName", "run_names", "runbook_text", "unverified_records"]

_NAMES: Final = (
    "SELECT p.run, p.at, p.body,"
    " EXISTS (SELECT 1 FROM journal WHERE kind = 'ended' AND run = p.run),"
    " (SELECT kind FROM journal WHERE run = p.run ORDER BY seq DESC LIMIT 1)"
    " FROM journal p WHERE p.kind = 'proposed' ORDER BY p.seq DESC LIMIT ?"
)
_PLANNED: Final = (
    "SELECT body FROM journal WHERE kind = 'planned' AND run = ? ORDER BY seq DESC LIMIT 1"
)
_BODIES: Final = "SELECT body FROM journal WHERE run = ? ORDER BY seq"


class RunName(NamedTuple):
    """One run.

    Attributes:
        began: RFC 3339.
        stands: ``over``, ``parked`` or ``begun``.
    """

    run: str
    runbook: str
    began: str
    stands: str


def run_names(path: Path, *, newest: int) -> list[RunName]:
    """The newest runs of the journal in this file, the last one first; none where there is no file.

    Raises:
        JournalUnusableError: It cannot be read.
    """
    if not is_file(path):
        return []
    found = []
    with _opened(path) as db:
        for run, began, body, is_over, last in db.execute(_NAMES, (newest,)):
            data = json.loads(body).get("data", {})
            stands = "over" if is_over else "parked" if last == "parked" else "begun"
            found.append(RunName(run, str(data.get("runbook", "")), began, stands))
    return found


def runbook_text(path: Path, run: str) -> str:
    """The runbook of a run's last plan, as it was then; empty when there is none.

    Raises:
        JournalUnusableError: It cannot be read.
    """
    if not is_file(path):
        return ""
    with _opened(path) as db:
        row = db.execute(_PLANNED, (run,)).fetchone()
    return str(json.loads(row[0]).get("data", {}).get("runbook", "")) if row else ""


def unverified_records(path: Path, run: str) -> list[Record]:
    """The records of a run as they stand there, in order; none where there is no file.

    Raises:
        JournalUnusableError: They cannot be read.
    """
    if not is_file(path):
        return []
    with _opened(path) as db:
        return [_record(bytes(body)) for (body,) in db.execute(_BODIES, (run,))]


def _record(stored: bytes) -> Record:
    body = read_body(stored)
    actor = Actor(body.actor, Strength(body.strength))
    event = Event(Kind(body.kind), body.run, body.step, actor, body.data)
    return Record(body.seq, event, body.at, body.mono_ms, body.boot, "")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=0.2)
    try:
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("PRAGMA query_only=ON")
        yield db
    except (sqlite3.Error, NotCanonicalError, ValueError) as error:
        raise JournalUnusableError(f"{path} cannot be read", why=str(error)) from error
    finally:
        db.close()
