"""Put a worker of a team together: ``wiring`` for ``respond worker``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Final

from respond.audit.verify import SERVER_STOPPED
from respond.core.clocks import APART_DO, APART_WHY, apart, are_apart
from respond.core.events import Actor, Strength
from respond.core.records import Mutable
from respond.engine.setting import Site
from respond.errors import NotReadyError, RespondError, UsageError
from respond.wiring.connections import connection_of
from respond.wiring.server import ahead_of, carrier_of, parts_of, work_of
from respond.wiring.session import ENGINE, changed_of, not_ready

if TYPE_CHECKING:
    import socket
    import threading

    from structlog.typing import FilteringBoundLogger

    from respond.adapters.queue.job_worker import JobWorker
    from respond.adapters.queue.refusal import Refusal
    from respond.adapters.queue.team_queue import TeamQueue
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.ports import Secrets
    from respond.server.carrying import Carrier
    from respond.server.conducting import Conductor
    from respond.server.health import Health
    from respond.server.metrics import TeamFigures
    from respond.server.supervising import Supervisor
    from respond.server.team_work import TeamWork
    from respond.server.watching import Watching
    from respond.wiring.places import Places
    from respond.wiring.server import Parts

__all__ = ["Crew", "build_crew"]

_WATCH_S: Final = 0.5
"""How often it is looked whether somebody is dead."""

_BEGIN_EVERY: Final = 120
"""After so many looks it is seen that what comes again and again is in the queue."""

_CREDENTIALS_EVERY: Final = 10
"""After so many looks it is seen whether what was lacking is there now, if runs wait for that."""

_AGAIN_S: Final = 1.0


class Crew(Mutable):
    """One worker process: it takes jobs, takes over from the dead, and counts.

    Attributes:
        lacks: Runbooks that this machine cannot carry on, and which credential is not here.
        lacking: What a runbook needs and is not on this machine, as of now.
        refusal: Seen by all who look at the queue while this process refuses the journal.
        watching: Answers whoever asks how this process is; None where nobody can.
    """

    name: str
    mode: str
    log: FilteringBoundLogger
    lacks: dict[str, NotReadyError]
    journal: ChainJournal
    refusal: Refusal
    conductor: Conductor
    carrier: Carrier
    work: TeamWork
    jobs: JobWorker
    queue: TeamQueue
    end_holder: Callable[[str], object]
    health: Health
    figures: TeamFigures
    lacking: Callable[[str], NotReadyError | None]
    watching: Watching | None = None
    closers: list[Callable[[], object]] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    _looks: int = field(default=0, init=False)
    _told: dict[str, str] = field(default_factory=dict, init=False)
    _is_apart: bool = field(default=False, init=False)

    @property
    def supervisor(self) -> Supervisor:
        return self.conductor.supervisor

    def answer_at(self, bound: socket.socket) -> None:
        """Answer those who ask how this process is, once it is started."""
        from respond.server.watching import Watching

        self.watching = Watching(self.health, bound)

    def start(self) -> None:
        self.conductor.start()
        begin = self.supervisor.begin
        self._threads = [begin("jobs", self._take_jobs), begin("watch", self._watch)]
        if self.watching is not None:
            self._threads.append(begin("health", self.watching.run))
        self.log.info("worker.started", mode=self.mode)
        for runbook, error in self.lacks.items():
            self.log.warning("worker.lacks", runbook=runbook, what=error.what, do=error.do)

    def stop(self, within_s: float) -> bool:
        """Take no other job, and park what goes on; whether all of it came to rest."""
        self.supervisor.stopping.set()
        self.carrier.stop()
        self.jobs.stop()
        if self.watching is not None:
            self.watching.stop()
        for thread in self._threads:
            thread.join(within_s)
        self.conductor.stop(within_s)
        self._said("worker.unsigned", self._sign_off, pause_s=0)
        return not any(thread.is_alive() for thread in self._threads)

    def _sign_off(self) -> None:
        if not self.queue.backlog().workers:
            # From here on silence is no alarm.
            self.work.entry.journal.checkpoint(SERVER_STOPPED)

    def close(self) -> None:
        for close in reversed(self.closers):
            close()

    def _take_jobs(self) -> None:
        self._said("worker.failed", self._take_them, pause_s=_AGAIN_S)

    def _take_them(self) -> None:
        self.journal.head()  # Who has no journal is no worker: its jobs would all come to nothing.
        self.jobs.run()
        if not (self.supervisor.stopping.is_set() or self.journal.is_refused):
            self.log.warning(
                "worker.begins-anew",
                why="it was silent for too long, or its session in the database was cut",
                do="if it comes again and again: see that nothing on the way cuts idle sessions",
            )

    def _watch(self) -> None:
        self._said("watch.failed", self._look, pause_s=_WATCH_S)

    def _look(self) -> None:
        self._see_that_the_journal_holds()
        if self._looks % _BEGIN_EVERY == 0:
            self.work.begin()
            self._see_that_clocks_agree()
        if self.lacks and self._looks % _CREDENTIALS_EVERY == 0:
            self.see_what_came()
        self._looks += 1
        taken = self.queue.take_over(self.end_holder)
        if taken:
            self.figures.took_over(len(taken))
            self.log.warning(
                "jobs.taken-over", jobs=taken, why="who did them died, or lost the database"
            )

    def _see_that_the_journal_holds(self) -> None:
        """Who refuses it leaves the work to others, and is named on their pages."""
        if self.journal.is_refused:
            self.jobs.leave()
            self.refusal.show()
        else:
            self.refusal.end()

    def _see_that_clocks_agree(self) -> None:
        """A clock that goes wrong later is said once: what goes on is not broken off for it."""
        ahead_s = self.queue.ahead_s()
        if are_apart(ahead_s) and not self._is_apart:
            what = apart(ahead_s, self.queue.database.name)
            self.log.warning("clock.apart", what=what, why=APART_WHY, do=APART_DO)
        self._is_apart = are_apart(ahead_s)

    def see_what_came(self) -> None:
        """Take runs that were left, too, once what they need is on this machine."""
        waits_for = {left.runbook for left in self.queue.backlog().left} & self.lacks.keys()
        for runbook in sorted(waits_for):
            if self.lacking(runbook) is None:
                del self.lacks[runbook]
                self.jobs.queues.append(_aside(runbook))
                self.log.info("worker.lacks-no-more", runbook=runbook)

    def _said(self, event: str, do: Callable[[], None], *, pause_s: float) -> None:
        """A database that is not there is tried again, and said once."""
        try:
            do()
            self._told.pop(event, None)
        except RespondError as error:
            if error.sentence != self._told.get(event):
                self.log.warning(event, what=error.what, why=error.why, do=error.do)
            self._told[event] = error.sentence
        self.supervisor.stopping.wait(pause_s)


def build_crew(places: Places, *, at: str = "", at_once: int = 0, verbosity: int = 1) -> Crew:
    """Put it together; nothing is started.

    Args:
        at: Address of a simulated company, for a drill; empty for the real systems.
        at_once: How many jobs at the same time; 0: as ``[server] workers`` says.

    Raises:
        NotReadyError: No project, no database, what talks to one is not installed, or its clock and
            this machine's differ.
        FormatFaults: Something in ``respond.toml`` or a runbook is wrong.
        JournalUnusableError, JournalBrokenError: As ``Store.journal``.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.log import open_library_logger
    from respond.people.answers import Entry
    from respond.server.board import Board
    from respond.server.conducting import Conductor
    from respond.server.health import Health
    from respond.server.metrics import Metrics, TeamFigures
    from respond.server.outages import Outages
    from respond.server.supervising import Supervisor

    parts = parts_of(places, at, "", verbosity)
    store, project = parts.store, parts.project
    queue = parts.team
    if queue is None:
        raise NotReadyError(
            "there is no database that workers could share",
            why="[store] of respond.toml names none; then `respond serve` does all by itself",
            do="docs/many-machines.md says how to set one up",
        )
    _see_clock(queue)
    from respond.adapters.queue.job_worker import JobWorker, lost_with
    from respond.adapters.queue.lease import Lease
    from respond.adapters.queue.refusal import Refusal
    from respond.adapters.queue.team_jobs import EVERYBODY
    from respond.adapters.store.postgres import process_name
    from respond.adapters.store.run_lock_postgres import DatabaseRunLocks
    from respond.server.team_work import TeamWork

    parts.log = parts.log.bind(worker=process_name())
    lost = partial(lost_with, database=queue.database)
    open_library_logger("procrastinate", "error", parts.log, lost)
    actor = Actor("server", Strength.MACHINE)
    journal = store.journal(clock=parts.clock, actor=actor, create=True)
    inbox = store.inbox(clock=parts.clock, redactor=parts.redactor)
    board = Board(journal, parts.clock)
    changed = changed_of(project, parts.runbooks)
    entry = Entry(journal, parts.clock, parts.people, project.person_keys, changed)
    lease = Lease(SystemClock())
    work = work_of(parts, journal, inbox, board)
    carrier = carrier_of(parts, journal, board, entry, may_write=lease.holds, tells=False)
    lacks: dict[str, NotReadyError] = {}
    if parts.rehearsal is None:
        # A store remembers what it fetched: each credential is asked for once.
        secrets = parts.fresh_secrets()
        found = {name: _lacking(parts, secrets, name) for name in places.runbooks()}
        lacks = {name: missing for name, missing in found.items() if missing is not None}
    takes = [EVERYBODY, *sorted(_aside(name) for name in places.runbooks() if name not in lacks)]
    team = TeamWork(
        entry=entry,
        board=board,
        intake=work.intake,
        carrier=carrier,
        queue=queue,
        log=parts.log,
        able=takes,
        aside=_aside,
        reconcile=work.reconcile,
        reconcile_s=project.server.reconcile_s,
    )
    carrier.leaves = team.leave
    locks, refusal = DatabaseRunLocks(queue.database), Refusal(queue.database)
    metrics = Metrics()
    journal.wrote = metrics.wrote
    figures = TeamFigures(metrics.registry)
    conductor = Conductor(
        entry=entry,
        intake=work.intake,
        workers=None,
        supervisor=Supervisor(parts.log),
        states=work.states,
        log=parts.log,
        metrics=metrics,
        mend=journal.reopen,
    )
    outages = Outages(
        conductor=conductor.trouble,
        down=conductor.supervisor.down,
        alive_ms=lambda: conductor.alive_ms,
        began_ms=board.began_ms,
        journal=journal,
        inbox=inbox,
        clock=parts.clock,
        disk=store.disk,
        senders=(),
    )
    rehearsal = parts.rehearsal
    return Crew(
        name=process_name(),
        mode=parts.mode,
        log=parts.log,
        lacks=lacks,
        journal=journal,
        refusal=refusal,
        conductor=conductor,
        carrier=carrier,
        work=team,
        jobs=JobWorker(
            queue.database,
            team.tasks(),
            lease,
            locks.hold,
            takes,
            at_once or project.server.workers,
            lambda: not journal.is_shut,
        ),
        queue=queue,
        end_holder=locks.end_holder,
        health=Health(outages, metrics, inbox, parts.log, figures, queue.backlog),
        figures=figures,
        lacking=lambda runbook: _lacking(parts, parts.fresh_secrets(), runbook),
        closers=[
            journal.close,
            refusal.end,
            *([rehearsal.close] if rehearsal is not None else []),
            inbox.close,
            *parts.closers,
        ],
    )


def _aside(runbook: str) -> str:
    """The queue of those who have what a runbook needs."""
    from respond.adapters.queue.team_jobs import ASIDE

    return f"{ASIDE}{hashlib.sha256(runbook.encode()).hexdigest()[:16]}"


def _see_clock(queue: TeamQueue) -> None:
    ahead_s = ahead_of(queue)
    if are_apart(ahead_s):
        raise NotReadyError(
            apart(ahead_s, queue.database.name), why=APART_WHY, do=f"{APART_DO}; then start it"
        )


def _lacking(parts: Parts, secrets: Secrets, runbook: str) -> NotReadyError | None:
    """A credential that a runbook needs and that is not on this machine."""
    from respond.formats.faults import FormatFault, FormatFaults

    project = parts.project
    site = Site(
        connections={name: connection_of(project, name) for name in project.connections},
        persons=parts.people.persons,
        operator=Actor("server", Strength.MACHINE),
        mode=parts.mode,
        engine=ENGINE,
        directories=project.directories,
    )
    try:
        return not_ready(parts.runbooks(runbook), site, secrets)
    except (NotReadyError, UsageError, FormatFault, FormatFaults):
        return None  # The same on every machine: it is said of the run.
