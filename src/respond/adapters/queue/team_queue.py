"""The queue as whoever works with it sees it: put jobs there, look at what waits, take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from respond.adapters.clock import SystemClock
from respond.adapters.queue.refusal import refusing
from respond.adapters.queue.taking_over import take_over
from respond.adapters.queue.team_jobs import ASIDE, EVERYBODY, TeamJob, put, see_deliveries
from respond.adapters.store.postgres import ASK_TIME
from respond.adapters.store.postgres_pool import PostgresPool
from respond.core.records import Frozen

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database
    from respond.ports import Clock

__all__ = ["Backlog", "Left", "TeamQueue"]

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
_LEFT: Final = """
SELECT coalesce(args->>'runbook', ''), coalesce(args->>'lacks', ''), coalesce(args->>'do', ''),
       array_agg(DISTINCT args->>'about')
FROM procrastinate_jobs WHERE status = 'todo' AND starts_with(queue_name, %(aside)s)
GROUP BY 1, 2, 3 ORDER BY min(id) LIMIT 20
"""
_AT_ONCE: Final = 2
_WORKERS: Final = "SELECT count(*) FROM procrastinate_workers"


class Left(Frozen):
    """Runs of a runbook that a worker left to another one, for want of something.

    Attributes:
        lacks, do: What is not there, and how to set it, as that worker found it.
    """

    runbook: str
    lacks: str
    do: str
    runs: tuple[str, ...]


class Backlog(Frozen):
    """What waits now and could be done.

    Attributes:
        oldest_s: How long the oldest of it waits that any worker can take, in seconds.
        aside: Jobs that only a worker can take which has the credentials for them.
        workers: How many give signs of life, or did until a moment ago.
        ahead_s: How far this machine's clock is ahead of the database's.
        left: Of what is aside, the runs and what they wait for.
        refusing: Processes that would be workers and refuse the journal: number and machine.
    """

    waiting: int
    oldest_s: float
    aside: int
    workers: int
    ahead_s: float = 0.0
    left: tuple[Left, ...] = ()
    refusing: tuple[str, ...] = ()


class TeamQueue:
    """The queue in a database. It may be used from several threads.

    Every method raises ``JournalUnusableError`` when the database cannot be had; then nothing was
    put there.

    Args:
        clock: This machine's.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._pool = PostgresPool(database, _AT_ONCE)
        self._clock = clock or SystemClock()

    @property
    def database(self) -> Database:
        return self._pool.database

    def put(self, job: TeamJob, *, in_s: float | None = None, queue: str = "") -> None:
        """As ``team_jobs.put``, in a transaction of its own."""
        with self._pool.transaction() as db:
            put(db, job, in_s=in_s, queue=queue)

    def see_deliveries(self) -> None:
        """As ``team_jobs.see_deliveries``."""
        with self._pool.transaction() as db:
            see_deliveries(db)

    def names(self) -> frozenset[str]:
        """Of the jobs that wait or go on."""
        return frozenset(name for (name,) in self._pool.read(_NAMES))

    def backlog(self) -> Backlog:
        """What waits."""
        rows = self._pool.read(_BACKLOG)
        ((workers,),) = self._pool.read(_WORKERS)
        aside = sum(count for queue, count, _ in rows if queue.startswith(ASIDE))
        left = self._pool.read(_LEFT, {"aside": ASIDE}) if aside else []
        return Backlog(
            waiting=sum(count for _, count, _ in rows),
            oldest_s=max((age for queue, _, age in rows if queue == EVERYBODY), default=0.0),
            aside=aside,
            workers=workers,
            ahead_s=self.ahead_s(),
            left=tuple(Left(what, lacks, do, tuple(runs)) for what, lacks, do, runs in left),
            refusing=refusing(self._pool),
        )

    def ahead_s(self) -> float:
        """How far this machine's clock is ahead of the database's."""
        before_ms = self._clock.now_ms()
        ((theirs_s,),) = self._pool.read(ASK_TIME)
        return (before_ms + self._clock.now_ms()) / 2_000 - float(theirs_s)

    def take_over(self, end: Callable[[str], object]) -> list[str]:
        """As ``taking_over.take_over``."""
        return take_over(self._pool, end)

    def close(self) -> None:
        self._pool.close()
