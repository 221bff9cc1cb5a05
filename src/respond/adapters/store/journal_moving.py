"""Move a journal from its file into a database: record for record, in one transaction.

The file keeps its chain and is marked in itself, so that nobody goes on with it. What is sealed
moves and leaves nothing behind: a run that ends destroys its secrets wherever they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respond.adapters.ordinary_file import read_ordinary
from respond.adapters.store.evidence_folder import FILE_BYTES_MAX
from respond.adapters.store.journal_keys import ChainEnd
from respond.adapters.store.journal_postgres import table_rows, turn_of
from respond.adapters.store.sqlite_file import connect_file
from respond.audit.record_schema import (
    ADDED,
    APPLICATION_ID,
    MOVED_VERSION,
    SCHEMA,
    SCHEMA_VERSION,
)
from respond.audit.source import verify_rows
from respond.audit.verify import Verification
from respond.errors import JournalBrokenError, JournalUnusableError

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database, DatabaseConnection
    from respond.audit.checkpoint import NoteKey

__all__ = ["copy_answers", "copy_journal", "end_of", "mark_moved", "only_writer", "sealed_runs"]

_COLUMNS: Final = "seq, body, body_hash, hash, kind, run, step, at"
_TYPES: Final = ["int8", "bytea", "bytea", "bytea", "text", "text", "text", "text"]


@contextmanager
def only_writer(path: Path) -> Iterator[sqlite3.Connection]:
    """The old journal's file, into which nobody else writes meanwhile.

    Raises:
        JournalUnusableError: It is not there, or somebody else's.
        sqlite3.Error: As SQLite says.
    """
    with closing(connect_file(path, create=False, application_id=APPLICATION_ID)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        finally:
            if db.in_transaction:
                db.rollback()


def end_of(db: sqlite3.Connection) -> ChainEnd:
    """Where the old chain ends."""
    (row,) = db.execute("SELECT seq + 1, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchall()
    return ChainEnd(*row)


def sealed_runs(db: sqlite3.Connection) -> list[str]:
    """Runs whose secrets are sealed in the old file."""
    return [run for (run,) in db.execute("SELECT DISTINCT run FROM sealed WHERE run <> ''")]


def copy_journal(
    old: sqlite3.Connection, new: DatabaseConnection, database: Database, key: NoteKey
) -> bool:
    """Copy the chain and what is sealed, in the open transaction of ``new``, and verify the copy.

    Returns:
        False where it is there already, from a move that was interrupted behind its commit.

    Raises:
        JournalUnusableError: Another journal is there.
        JournalBrokenError: The copy does not verify to the head of the old one.
        psycopg.Error: As PostgreSQL says.
    """
    # As much as there is, in one go.
    new.execute("SET LOCAL statement_timeout = 0")
    new.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    new.execute("SELECT pg_advisory_xact_lock(%s)", (turn_of(database),))
    end = end_of(old)
    there = new.execute("SELECT hash FROM journal WHERE seq = %s", (end.size - 1,)).fetchone()
    if there is not None and bytes(there[0]) == end.hash:
        return False
    if new.execute("SELECT EXISTS (SELECT FROM journal)").fetchone() == (True,):
        raise JournalUnusableError(
            f"the {database.name} holds another journal",
            why="two chains cannot become one, and nothing of it was changed",
            do="move into a database of its own: respond store init there, and [store] url",
        )
    _copy(new, f"journal ({_COLUMNS})", _TYPES, old.execute(f"SELECT {_COLUMNS} FROM journal"))  # noqa: S608 (our own words)
    rows = old.execute("SELECT run, handle, box, meta FROM sealed WHERE run <> ''")
    _copy(new, "sealed (run, handle, box, meta)", ["text", "text", "bytea", "text"], rows)
    report = verify_rows(lambda: nullcontext(table_rows(new, database.name)), keys=[key])
    query = "SELECT seq + 1, hash FROM journal ORDER BY seq DESC LIMIT 1"
    found = new.execute(query, binary=True).fetchone()
    verifies = report.answer in {Verification.INTACT, Verification.UNANCHORED}
    if not verifies or found is None or ChainEnd(*found) != end:
        raise JournalBrokenError(
            f"the copy in the {database.name} is not the journal",
            why=f"{report.says}; {end.size} records were to come over",
            do="nothing was changed; report this",
        )
    return True


def copy_answers(new: DatabaseConnection, folder: Path) -> int:
    """Copy kept answers as they lie sealed in a journal's folder; gives how many.

    Raises:
        OSError: One cannot be read.
    """
    boxes = (
        (path.parent.name, path.stem, read_ordinary(path, FILE_BYTES_MAX))
        for path in folder.glob("*/*.sealed")
    )
    _copy(new, "evidence (run, sha256, box)", ["text", "text", "bytea"], boxes)
    found = new.execute("SELECT count(*) FROM evidence").fetchone()
    return int(found[0]) if found else 0


def mark_moved(db: sqlite3.Connection, to: str) -> None:
    """Mark the old file, durably and in itself, and leave nothing sealed in it; commits."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version < SCHEMA_VERSION:
        for name in ADDED:
            db.execute(SCHEMA[name])
    db.execute("DELETE FROM sealed")
    db.execute("INSERT INTO sealed VALUES ('', 'moved', x'', ?)", (to,))
    db.execute(f"PRAGMA user_version={MOVED_VERSION}")
    db.execute("COMMIT")


def _copy(
    new: DatabaseConnection, into: str, types: Sequence[str], rows: Iterator[tuple[Any, ...]]
) -> None:
    with (
        new.cursor() as cursor,
        cursor.copy(f"COPY {into} FROM STDIN (FORMAT binary)".encode()) as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
