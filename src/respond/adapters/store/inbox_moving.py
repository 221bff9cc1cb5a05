"""Bring an inbox in SQLite over into PostgreSQL: all of it, or nothing.

What waits goes on waiting, and what came stays known as long as it would have been.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from respond.adapters.store.sqlite_file import sqlite_says
from respond.core.incoming import Delivery
from respond.errors import InboxUnusableError

if TYPE_CHECKING:
    from respond.adapters.store.inbox_postgres import PostgresInbox
    from respond.adapters.store.postgres import DatabaseConnection

__all__ = ["move_inbox"]

_ONLY: Final = "LOCK TABLE inbox_deliveries, inbox_marks, inbox_ages IN EXCLUSIVE MODE"
_EMPTY: Final = (
    "SELECT NOT EXISTS (SELECT 1 FROM inbox_deliveries) AND NOT EXISTS (SELECT 1 FROM inbox_marks)"
)
_DELIVERY: Final = (
    "INSERT INTO inbox_deliveries (id, source, sender, body_digest, at_ms, weak, result, line,"
    " age_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_EVENT: Final = (
    "INSERT INTO inbox_events (delivery, result, run, line, why, event)"
    " SELECT n, %s, %s, %s, %s, %s FROM inbox_deliveries WHERE id = %s"
)
_MARK: Final = "INSERT INTO inbox_marks VALUES (%s, %s, %s, %s, %s, %s)"
_AGE: Final = (
    "INSERT INTO inbox_ages VALUES (%s, %s, %s)"
    " ON CONFLICT (boot) DO UPDATE SET mono_ms = excluded.mono_ms, age_ms = excluded.age_ms"
)


def move_inbox(old: Path, inbox: PostgresInbox, write: DatabaseConnection) -> int:
    """Copy what an SQLite inbox holds, which nobody else has open; gives how many deliveries.

    The old file is not changed. An inbox into which something came already is not touched.

    Args:
        write: In a transaction, whose end says whether it is so.

    Raises:
        InboxUnusableError: One of them cannot be used, or the new one is not empty.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(old))}?mode=ro", uri=True)) as read:
            return _copy(read, write, inbox)
    except sqlite3.Error as error:
        raise InboxUnusableError(
            f"the inbox {old} cannot be read",
            why=sqlite_says(error),
            do="mend the disk; nothing was moved",
        ) from error


def _copy(read: sqlite3.Connection, write: DatabaseConnection, inbox: PostgresInbox) -> int:
    write.execute(_ONLY)
    if write.execute(_EMPTY).fetchone() != (True,):
        raise InboxUnusableError(
            "the inbox in the database is not empty",
            why="something came in there, or was moved there, before",
            do="move into a database that no server has used yet",
        )
    shut = inbox.boxes.shut
    deliveries: dict[str, Delivery] = {}
    rows: list[tuple[Any, ...]] = []
    for row in read.execute(
        "SELECT id, source, sender, their_id, body_digest, at_ms, weak, result, why, age_ms"
        " FROM deliveries ORDER BY n"
    ):
        name, source, sender, their_id, digest, at_ms, weak, result, why, age_ms = row
        each = Delivery(name, source, sender, their_id, digest, at_ms, bool(weak))
        deliveries[name] = each
        line = shut("delivery", each, each.their_id, why)
        of_it = (each.id, each.source, each.sender, each.body_digest, each.at_ms, each.weak)
        rows.append((*of_it, result, line, age_ms))
    with write.cursor() as cursor:
        cursor.executemany(_DELIVERY, rows)
        cursor.executemany(
            _EVENT,
            [
                (
                    result,
                    run,
                    shut("line", deliveries[name], kind, title),
                    shut("why", deliveries[name], why) if why else None,
                    shut("event", deliveries[name], event) if event else None,
                    name,
                )
                for name, kind, title, event, result, run, why in read.execute(
                    "SELECT delivery, type, title, event, result, run, why FROM events ORDER BY id"
                )
            ],
        )
        marks = "SELECT source, kind, mark, body_digest, delivery, age_ms FROM marks"
        cursor.executemany(_MARK, read.execute(marks).fetchall())
        cursor.executemany(_AGE, read.execute("SELECT boot, mono_ms, ms FROM age").fetchall())
    return len(deliveries)
