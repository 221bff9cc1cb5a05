"""The tables of a journal file, word for word, so that a changed one is noticed.

A view, trigger or column that is not listed here could show a reader other rows than were
written; that is why a file with anything else in its schema is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "ADDED",
    "APPLICATION_ID",
    "MOVED_VERSION",
    "READABLE_VERSIONS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "schema_faults",
]

APPLICATION_ID = 0x52535044
"""``RSPD`` in the file's header."""

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, SCHEMA_VERSION)

MOVED_VERSION = 0x4D4F5645
"""``MOVE``: of a file whose records are in a database now. It is read, and never written to."""

ADDED = ("journal_begun", "journal_over", "journal_at")
"""Indexes that files of version 1 do not have yet; the records in them are the same."""

SCHEMA: dict[str, str] = {
    # The chain. Columns after hash are derived from body, for queries; checking recomputes them.
    "journal": (
        "CREATE TABLE journal ("
        "seq INTEGER PRIMARY KEY, "
        "body BLOB NOT NULL, "
        "body_hash BLOB NOT NULL, "
        "hash BLOB NOT NULL, "
        "kind TEXT NOT NULL, "
        "run TEXT NOT NULL, "
        "step TEXT NOT NULL, "
        "at TEXT NOT NULL"
        ") STRICT"
    ),
    "journal_run": "CREATE INDEX journal_run ON journal (run, seq) WHERE run <> ''",
    "journal_taken": "CREATE INDEX journal_taken ON journal (run, seq) WHERE kind = 'taken'",
    # What is asked at each start, so that it does not go through all that ever was.
    "journal_begun": (
        "CREATE INDEX journal_begun ON journal (kind, seq, run) "
        "WHERE kind = 'proposed' OR kind = 'break-glass'"
    ),
    "journal_over": (
        "CREATE INDEX journal_over ON journal (kind, run) WHERE kind = 'ended' OR kind = 'reviewed'"
    ),
    "journal_at": "CREATE INDEX journal_at ON journal (at)",
    # A seat belt only: who can write the file can drop them.
    "journal_no_update": (
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    ),
    "journal_no_delete": (
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    ),
    # Secrets on their way to a sink, sealed under a key of their run. Not part of the chain.
    "sealed": (
        "CREATE TABLE sealed ("
        "run TEXT NOT NULL, "
        "handle TEXT NOT NULL, "
        "box BLOB NOT NULL, "
        "meta TEXT NOT NULL, "
        "PRIMARY KEY (run, handle)"
        ") STRICT, WITHOUT ROWID"
    ),
}


def schema_faults(db: sqlite3.Connection, version: int) -> str:
    """What differs between the file's schema and ours of that version, or an empty text."""
    found = dict(db.execute("SELECT name, sql FROM sqlite_schema"))
    wanted = {n: sql for n, sql in SCHEMA.items() if version >= SCHEMA_VERSION or n not in ADDED}
    for name in found.keys() - wanted.keys():
        return f"it has {name!r}, which is not ours"
    for name, statement in wanted.items():
        if found.get(name) != statement:
            return f"{name!r} is missing or not as we made it"
    return ""
