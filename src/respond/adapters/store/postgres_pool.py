"""Several connections to one database, for what several threads of a process do at once.

A connection that died while nobody used it is replaced before anything was asked on it, so that a
database that was started anew is found by the first who comes.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from respond.adapters.store.postgres import explain
from respond.errors import JournalUnusableError

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database, DatabaseConnection

__all__ = ["PostgresPool"]

_AT_ONCE: Final = 8


class PostgresPool:
    """Lends connections, so many at once; the next waits until one is back.

    Every method raises ``JournalUnusableError`` when the database cannot be had, or says no.
    """

    def __init__(self, database: Database, at_once: int = _AT_ONCE) -> None:
        self.database = database
        self._turns = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._idle: list[DatabaseConnection] = []
        self._closed = False

    def close(self) -> None:
        """Close what is idle, and the others as they come back; anything else is an error."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def read(
        self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Rows of one statement, which is a transaction of its own."""
        with self._turns, self._explained():
            opened = self._take()
            try:
                rows = opened.execute(query, params).fetchall()
            except BaseException:
                opened.close()
                raise
            self._give_back(opened)
            return rows

    @contextmanager
    def transaction(self) -> Iterator[DatabaseConnection]:
        """One transaction, in which each statement sees what was committed before it.

        Leaving the block without an error commits: then it is durable. After an error nothing is
        known to be, and the connection is not used again. Statements go out together, up to one
        whose rows are fetched: a lock is held once something after it was fetched.
        """
        with self._turns, self._explained():
            opened = self._take()
            try:
                with opened.pipeline():
                    # Whoever waited for a lock has to see what its holder committed.
                    opened.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                    yield opened
                    opened.execute("COMMIT")
            except BaseException:
                opened.close()
                raise
            self._give_back(opened)

    def _take(self) -> DatabaseConnection:
        """A connection; one of which is heard although nothing was asked is at its end.

        So is one to a server that another took over from, which may not know it itself.
        """
        while True:
            with self._lock:
                if self._closed:
                    raise self._over()
                if not self._idle:
                    break
                opened = self._idle.pop()
            if self.database.is_behind(opened):
                opened.close()
                continue
            if not _is_heard(opened):
                return opened
            opened.close()
        return self.database.connect()

    def _give_back(self, opened: DatabaseConnection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(opened)
                return
        opened.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise explain(error, self.database.name) from error

    def _over(self) -> JournalUnusableError:
        return JournalUnusableError(
            f"the {self.database.name} is not used any more", why="it was closed"
        )


def _is_heard(opened: DatabaseConnection) -> bool:
    # Not select: that knows no file beyond 1,024, and each sender has one.
    ear = select.poll()
    ear.register(opened.fileno(), select.POLLIN)
    return bool(ear.poll(0))
