"""One engine a run on all machines: a lock in the database that ends with its holder's session.

It keeps two from working at the same time; what makes it safe is the run's epoch in the journal,
which stops whoever was overtaken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import psycopg

from respond.adapters.store.postgres import explain, lock_key
from respond.errors import RunTakenError

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database, DatabaseConnection

__all__ = ["HOLDER", "DatabaseRunLocks", "called"]

HOLDER: Final = (
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (l.classid::bigint << 32) | l.objid::bigint = %(key)s AND l.objsubid = 1 AND l.granted"
)
"""Sessions that have the lock of the number ``key``."""
_WHO: Final = (
    "SELECT a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', 'HH24:MI')" + HOLDER
)
_ISHOLDERS: Final = " AND s.application_name IN (SELECT a.application_name" + HOLDER + ")"
_END: Final = (
    "SELECT s.pid, pg_terminate_backend(s.pid) FROM pg_stat_activity s"  # noqa: S608 (our own words)
    " WHERE s.usename = current_user AND s.pid <> pg_backend_pid()"
    " AND s.datname = current_database()" + _ISHOLDERS
)
_GOES_MS: Final = 2_000
"""How long a session that was told to end is waited for."""


class DatabaseRunLocks:
    """Locks of runs, each on a session of its own, which is gone when the process is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def hold(self, run: str) -> Iterator[int]:
        """Hold the run's lock; gives the number under which ``HOLDER`` finds it.

        Raises:
            RunTakenError: Another process has it; says which, where, and since when.
            JournalUnusableError: The database cannot be reached; nothing was started.
        """
        db, key = self._database.connect(), self._key(run)
        try:
            try:
                taken = db.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
                if taken != (True,):
                    raise RunTakenError(
                        f"another respond has run {run}{_holder(db, key)}",
                        why="one engine a run, so that nothing happens twice",
                        do=f"wait for it, or end it and then: respond resume {run}",
                    )
            except psycopg.Error as error:
                raise explain(error, self._database.name) from error
            try:
                yield key
            finally:  # Before it is closed: the server ends a session a moment after we do.
                with suppress(psycopg.Error):
                    db.execute("SELECT pg_advisory_unlock(%s)", (key,))
        finally:
            db.close()

    def end_holder(self, run: str) -> bool:
        """End all sessions of the process that holds a run; whether there was one.

        For a holder that shows no life. Its lock is free then, unless a session does not go within
        two seconds, and so is the journal's, should it have stopped between two statements; what it
        does when it goes on finds no session.

        Raises:
            JournalUnusableError: The database cannot be reached.
        """
        db = self._database.connect()
        try:
            ended = db.execute(_END, {"key": self._key(run)}).fetchall()
            for pid, _ in ended:  # All are told first: a session goes a moment after it was told.
                db.execute("SELECT pg_terminate_backend(%s, %s)", (pid, _GOES_MS))
            return bool(ended)
        except psycopg.Error as error:
            raise explain(error, self._database.name) from error
        finally:
            db.close()

    def _key(self, run: str) -> int:
        return lock_key(f"run {run} {self._database.schema}")


def _holder(db: DatabaseConnection, key: int) -> str:
    row = db.execute(_WHO, {"key": key}).fetchone()
    who = called(row[0]) if row is not None else ""
    return f": {who}, since {row[1]} UTC" if row is not None and who else ""


def called(session: str) -> str:
    """Number and machine of the process that gave its session that name; empty if none of ours."""
    words = session.split()
    if len(words) < len(("respond", "host", "pid")):
        return ""
    return f"process {words[2]} on {words[1]}"
