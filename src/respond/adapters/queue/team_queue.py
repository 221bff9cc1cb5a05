"""The queue as whoever works with it sees it: put jobs there, look at what waits, take over.

One object holds one connection, and opens another when that one is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from respond.adapters.queue.taking_over import take_over
from respond.adapters.queue.team_jobs import ASIDE, TeamJob, put
from respond.adapters.store.postgres import explain

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database, DatabaseConnection

__all__ = ["Backlog", "TeamQueue"]

_NAMES: Final = """
SELECT queueing_lock FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
"""
_BACKLOG: Final = """
SELECT queue_name, count(*),
       extract(epoch FROM now() - min(coalesce(job.scheduled_at, event.at)))::float
FROM procrastinate_jobs job JOIN procrastinate_events event
  ON event.job_id = job.id AND event.type = 'deferred'
WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
GROUP BY queue_name
"""
_WORKERS: Final = "SELECT count(*) FROM procrastinate_workers"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits now and could be done.

    Attributes:
        oldest_s: How long the oldest of it waits, in seconds.
        aside: Jobs that only a worker can take which has the credentials for them.
        workers: How many give signs of life, or did until a moment ago.
    """

    waiting: int
    oldest_s: float
    aside: int
    workers: int


@dataclass(slots=True)
class TeamQueue:
    """The queue in a database. It may be used from several threads; one after the other."""

    database: Database
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _db: DatabaseConnection | None = field(default=None, init=False)

    def put(self, job: TeamJob, *, in_s: float | None = None, queue: str = "") -> None:
        """As ``jobs.put``, in a transaction of its own.

        Raises:
            JournalUnusableError: The database cannot be reached; nothing was put there.
        """
        with self._connection() as db:
            put(db, job, in_s=in_s, queue=queue)

    def names(self) -> frozenset[str]:
        """Of the jobs that wait or go on; raises as ``put``."""
        with self._connection() as db:
            return frozenset(name for (name,) in db.execute(_NAMES).fetchall())

    def backlog(self) -> Backlog:
        """What waits; raises as ``put``."""
        with self._connection() as db:
            rows = db.execute(_BACKLOG).fetchall()
            (workers,) = db.execute(_WORKERS).fetchone() or (0,)
        return Backlog(
            waiting=sum(count for _, count, _ in rows),
            oldest_s=max((age for _, _, age in rows), default=0.0),
            aside=sum(count for queue, count, _ in rows if queue.startswith(ASIDE)),
            workers=workers,
        )

    def take_over(self, end: Callable[[str], object]) -> list[str]:
        """As ``taking_over.take_over``; raises as ``put``."""
        with self._connection() as db:
            return take_over(db, end)

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with self._lock:
            try:
                if self._db is None or self._db.closed:
                    self._db = self.database.connect()
                yield self._db
            except psycopg.Error as error:
                if self._db is not None:
                    self._db.close()
                raise explain(error, self.database.name) from error
