"""Take jobs and do them, with procrastinate: a worker of its, whose signs of life are our lease.

The only module that runs it. What a job does is handed in, and answers for itself: a job is over
when it returns, and none is ever tried again by itself, since what is due is put there anew.

procrastinate is imported when a worker runs, and not before: something that it needs starts a
program while it is imported, to find out about the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg

from respond.adapters.queue.lease import BEAT_S, Lease
from respond.adapters.queue.taking_over import name_of
from respond.adapters.queue.team_jobs import Task
from respond.adapters.store.postgres import ASK_SERVER, explain
from respond.adapters.store.run_lock_postgres import HOLDER
from respond.core.records import Mutable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from procrastinate.jobs import Job, Status
    from procrastinate.manager import JobManager
    from procrastinate.worker import Worker

    from respond.adapters.store.postgres import Database
    from respond.errors import JournalUnusableError

__all__ = ["Do", "JobWorker", "TakenForDeadError", "lost_with"]

Do = Callable[[Mapping[str, Any]], None]
"""Does what a job is for; it is given what was put there with it."""

_LOOK_S: Final = 1.0
"""How often it is looked for jobs that came due by time; of all others the database tells."""

_CONNECTIONS_MAX: Final = 4
_CONNECTION_S: Final = 10.0
_NEVER_S: Final = 86_400.0
_AGAIN_S: Final = (0.1, 0.5, 1, 2, 5)
_BEAT: Final = (
    "UPDATE procrastinate_workers SET last_heartbeat = now()"  # noqa: S608 (our own words)
    " WHERE id = %(worker_id)s AND EXISTS (SELECT" + HOLDER + ") RETURNING id"
)
_DONE: Final = """
SELECT procrastinate_finish_job_v1(id, %(status)s, true) FROM procrastinate_jobs
WHERE id = %(id)s AND status = 'doing' AND worker_id = %(worker)s
"""
_LEAVE: Final = """
UPDATE procrastinate_jobs SET worker_id = NULL
WHERE id = %(id)s AND status = 'doing' AND worker_id = %(worker)s
"""


def lost_with(error: BaseException, database: Database) -> JournalUnusableError | None:
    """What became of the database, where that is what an error of procrastinate's came of."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, psycopg.OperationalError):
        found = found.__cause__
    return explain(found, database.name) if found is not None else None


class TakenForDeadError(Exception):
    """Others have taken this worker's jobs over: it was silent for too long."""


class _Signs:
    """procrastinate's own manager of jobs, whose signs of life keep the lease when confirmed.

    Everything else goes on to that one.
    """

    def __init__(
        self,
        manager: JobManager,
        lease: Lease,
        hold: Callable[[str], AbstractContextManager[int]],
        stop: Callable[[], None],
        may_take: Callable[[], bool],
    ) -> None:
        self._stop = stop
        self._may_take = may_take
        self._manager = manager
        self._lease = lease
        self._hold = hold
        self._held = contextlib.ExitStack()
        self._worker = 0
        self._name_key = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    async def register_worker(self) -> int:
        asked_ms = self._lease.asked()
        self._worker = await self._manager.register_worker()
        self._name_key = self._held.enter_context(self._hold(name_of(self._worker)))
        self._lease.confirmed(asked_ms)
        return self._worker

    async def update_heartbeat(self, worker_id: int) -> None:
        """Give a sign of life; when nobody waits for it any more, stop, to begin as another one.

        Nor does it live on without its name: whoever takes it for dead ends all that it holds, and
        it may be continued between that and the end of its line. Without the name nobody could end
        what it holds the next time.

        It never fails: procrastinate would give none any more, and go on.
        """
        from procrastinate.exceptions import ConnectorException  # noqa: PLC0415 - see above

        asked_ms, ask = self._lease.asked(), self._manager.connector.execute_query_all_async
        try:
            rows = await ask(_BEAT, worker_id=worker_id, key=self._name_key)
        except ConnectorException:
            return  # What is not confirmed counts for nothing.
        if rows:
            self._lease.confirmed(asked_ms)
        else:
            self._lease.end()
            self._stop()

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take a job; none once it was told to stop, or while it may take none, but for one that
        is on its way already.

        Raises:
            TakenForDeadError: Others have taken this worker for dead.
        """
        from procrastinate.exceptions import ConnectorException  # noqa: PLC0415 - see above

        if not self._may_take():
            return None
        try:
            return await self._manager.fetch_job(queues, worker_id)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.ForeignKeyViolation):
                raise
            self._lease.end()
            raise TakenForDeadError from error

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - theirs
        """Take a job away that is done; one that others took over by now is theirs.

        One that broke off, since not even the queue could be reached, is left as the dead leave
        theirs, and is put back by ``take_over``.
        """
        from procrastinate.exceptions import ConnectorException  # noqa: PLC0415 - see above
        from procrastinate.jobs import Status  # noqa: PLC0415 - the same

        statement = _LEAVE if status is Status.FAILED else _DONE
        given = {"id": job.id, "status": status.value, "worker": self._worker}
        for pause_s in (*_AGAIN_S, None):
            try:
                await self._manager.connector.execute_query_async(statement, **given)
            except ConnectorException:
                # While this worker lives, nobody else would take the job away.
                if pause_s is None:
                    raise
                await asyncio.sleep(pause_s)
            else:
                return

    def let_go(self) -> None:
        self._lease.end()
        self._held.close()


class JobWorker(Mutable):
    """Does jobs of a team's queue.

    Attributes:
        do: What each task does; it is called in threads.
        lease: Confirmed as long as the database knows that we live.
        hold: Holds a name in the database until it is let go of or this process dies; gives the
            number under which ``HOLDER`` finds it.
        queues: Whose jobs are taken; one that is added while it runs is looked at each second.
        at_once: How many at the same time.
        may_take: Whether a job could be done now; while not, none is taken.
    """

    database: Database
    do: Mapping[Task, Do]
    lease: Lease
    hold: Callable[[str], AbstractContextManager[int]]
    queues: list[str]
    at_once: int
    may_take: Callable[[], bool] = lambda: True
    _worker: Worker | None = field(default=None, init=False)
    _stopped: bool = field(default=False, init=False)

    def run(self) -> None:
        """Take jobs until ``stop``; or until this worker is taken for dead, or the database lost.

        Returns when all that went on came to its end.

        Raises:
            JournalUnusableError: The database could not be reached any more.
        """
        from procrastinate.exceptions import ProcrastinateException  # noqa: PLC0415 - see above

        self.database.connect().close()  # What is wrong with it is said in its own words.
        try:
            asyncio.run(self._run())
        except TakenForDeadError:
            return
        except (ProcrastinateException, psycopg.Error, TimeoutError) as error:
            cause = error.__cause__
            known = cause if isinstance(cause, Exception) else error
            raise explain(known, self.database.name) from error

    def stop(self) -> None:
        """Take no other job, and never ``run`` again. It may be called from any thread."""
        self._stopped = True
        self.leave()

    def leave(self) -> None:
        """Be none of the team's workers any more, until ``run`` is called again; the same."""
        worker = self._worker
        if worker is not None:
            worker.stop()  # type: ignore[no-untyped-call]  # not typed there

    async def _run(self) -> None:
        from procrastinate import App, PsycopgConnector  # noqa: PLC0415 - see above
        from procrastinate.jobs import DeleteJobCondition  # noqa: PLC0415 - the same
        from procrastinate.worker import Worker  # noqa: PLC0415 - the same

        connector = PsycopgConnector(
            conninfo="",
            kwargs=self.database.way_in,
            min_size=1,
            max_size=_CONNECTIONS_MAX,
            timeout=_CONNECTION_S,
            configure=self._come_in,
        )
        app = App(connector=connector)
        signs = _Signs(
            app.job_manager,
            self.lease,
            self.hold,
            self.leave,
            lambda: not self._stopped and self.may_take(),
        )
        app.job_manager = cast("JobManager", signs)
        for task, do in self.do.items():
            app.task(name=task.value)(_with_words(do))
        threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="job")
        asyncio.get_running_loop().set_default_executor(threads)
        async with app.open_async():
            self._worker = Worker(
                app,
                queues=self.queues,
                concurrency=self.at_once,
                fetch_job_polling_interval=_LOOK_S,
                abort_job_polling_interval=_NEVER_S,
                delete_jobs=DeleteJobCondition.ALWAYS,
                install_signal_handlers=False,
                update_heartbeat_interval=BEAT_S,
                # Whoever is dead is found by ``take_over``, which puts their jobs back as well.
                stalled_worker_timeout=_NEVER_S,
            )
            try:
                if not self._stopped:
                    await self._worker.run()  # type: ignore[no-untyped-call]  # as above
            finally:
                self._worker = None
                signs.let_go()

    async def _come_in(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """See that it leads where all others do; nothing on it waits in a transaction for us."""
        await connection.set_autocommit(True)
        found = await (await connection.execute(ASK_SERVER)).fetchone()
        self.database.recognise(*found or ("", 0))


def _with_words(do: Do) -> Callable[..., None]:
    def done(**given: Any) -> None:
        do(given)

    return done
