"""Take over what the dead were doing: see who gives no sign of life, and put their jobs back.

That somebody is dead is decided once, by taking the line away that they renew: from then on no
sign of life of theirs is confirmed any more, and their lease has ended before (``lease``). What
they were doing is put back in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from respond.adapters.queue.lease import STALLED_S
from respond.adapters.queue.team_jobs import Task, TeamJob, put

if TYPE_CHECKING:
    from respond.adapters.store.postgres_pool import PostgresPool

__all__ = ["name_of", "take_over"]

_STALLED: Final = """
SELECT id FROM procrastinate_workers
WHERE last_heartbeat < now() - make_interval(secs => %(stalled_s)s)
"""
_ANY_LEFT: Final = """
SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL)
"""
_DEAD: Final = "SELECT procrastinate_prune_stalled_workers_v1(%(stalled_s)s)"
_LEFT: Final = """
SELECT id, task_name, args FROM procrastinate_jobs
WHERE status = 'doing' AND worker_id IS NULL AND task_name = ANY(%(tasks)s)
FOR UPDATE SKIP LOCKED
"""
_DROP: Final = "SELECT procrastinate_finish_job_v1(%(id)s, 'aborted', true)"


def name_of(worker: int) -> str:
    """What a worker holds in the database while it lives, and the others end."""
    return f"worker {worker}"


def take_over(pool: PostgresPool, end: Callable[[str], object]) -> list[str]:
    """Put the jobs of the dead back; gives their names, none most of the time.

    Args:
        end: Ends all sessions of whoever holds something. One that was stopped may hold more than
            its jobs: the journal, or a line that is wanted here.
    """
    given: dict[str, Any] = {"stalled_s": STALLED_S, "tasks": [each.value for each in Task]}
    stalled = pool.read(_STALLED, given)
    if not stalled and pool.read(_ANY_LEFT) != [(True,)]:
        return []
    for (worker,) in stalled:
        end(name_of(worker))
    put_back = []
    with pool.transaction() as db:
        db.execute(_DEAD, given)
        for number, task, args in db.execute(_LEFT, given).fetchall():
            more = {name: value for name, value in args.items() if name != "about"}
            job = TeamJob(Task(task), args["about"], more)
            # Not procrastinate's retry: another job of the same name may wait by now.
            db.execute(_DROP, {"id": number})
            put(db, job)
            put_back.append(job.name)
    return put_back
