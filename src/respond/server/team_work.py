"""Do the jobs of a team's queue: what a server's rounds do by themselves, when it is due.

A job is a hint. What there is to do stands in the journal and in the inbox, is looked up when the
job begins, and what comes next is put into the queue before it ends: who dies meanwhile leaves a
job behind that another one does again. What a job could not do for a fault of this machine or of
the database is put there anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from respond.adapters.queue.team_jobs import Task, TeamJob
from respond.audit.verify import HEARTBEAT
from respond.core.approval import Standing
from respond.core.asked import Today, asked_now
from respond.core.fold import RunState
from respond.core.records import Mutable
from respond.errors import JournalUnusableError, NotReadyError, RespondError
from respond.intake.intake import Intake
from respond.people.answers import Entry
from respond.server.board import Board
from respond.server.carrying import Carrier
from respond.server.due import Try, again_in_s, due_s, is_ours, open_for_s, tried
from respond.server.supervising import foreseen

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.adapters.queue.team_queue import TeamQueue

__all__ = ["TeamWork"]

_SWEEP_S: Final = 30
_SIGN_S: Final = 900
"""A journal that somebody works on is signed this often, so that silence is a statement."""

_FAULT_S: Final = 30
"""What broke off is done again after this."""

_LOST_S: Final = 5
"""The same where the database was lost: what put the job back there found it again."""


class TeamWork(Mutable):
    """What each task does.

    Attributes:
        able: Queues that this machine takes from: of everybody, and of each runbook that it has all
            credentials for.
        aside: The queue of a runbook.
        reconcile: Asks the senders that deliver once; None where there is none.
    """

    entry: Entry
    board: Board
    intake: Intake
    carrier: Carrier
    queue: TeamQueue
    log: FilteringBoundLogger
    able: Collection[str]
    aside: Callable[[str], str]
    reconcile: Callable[[], None] | None
    reconcile_s: int

    def tasks(self) -> Mapping[Task, Callable[[Mapping[str, Any]], None]]:
        """What does each of them; none of it raises but for the queue itself."""
        does: dict[Task, Callable[[Mapping[str, Any]], None]] = {
            Task.ADVANCE: self._advance,
            Task.TELL: self._tell,
            Task.TAKE_IN: self._take_in,
            Task.LET_GO: self._let_go,
            Task.SWEEP: self._sweep,
            Task.SIGN: self._sign,
            Task.RECONCILE: self._reconcile,
        }
        return {task: self._safely(task, do) for task, do in does.items()}

    def begin(self) -> None:
        """Put there what comes again and again; what is there already stays."""
        for task, every_s in self._every():
            self.queue.put(TeamJob(task), in_s=every_s)

    def _every(self) -> Sequence[tuple[Task, int]]:
        asks = [(Task.RECONCILE, self.reconcile_s)] if self.reconcile is not None else []
        return (Task.SWEEP, _SWEEP_S), (Task.SIGN, _SIGN_S), *asks

    def _safely(
        self, task: Task, do: Callable[[Mapping[str, Any]], None]
    ) -> Callable[[Mapping[str, Any]], None]:
        again = dict(self._every())

        def done(given: Mapping[str, Any]) -> None:
            more = {name: value for name, value in given.items() if name != "about"}
            job = TeamJob(task, given["about"], more)
            try:
                with foreseen(self.log, "job.broke", job=job.name):
                    do(given)
            except RespondError as error:
                self.log.warning(
                    "job.failed", job=job.name, what=error.what, why=error.why, do=error.do
                )
                is_lost = isinstance(error, JournalUnusableError)
                self.queue.put(job, in_s=_LOST_S if is_lost else _FAULT_S)
            else:
                if task in again:
                    self.queue.put(job, in_s=again[task])

        return done

    # --- runs -----------------------------------------------------------------------------------

    def _advance(self, given: Mapping[str, Any]) -> None:
        run = given["about"]
        state, today = self.board.state(run), self.entry.today()
        if state is None:
            self.log.warning("run.unknown", run=run, why="a job is about it; the journal has none")
            return
        if not is_ours(state):
            return
        last = Try(given["mark"], given["times"]) if "mark" in given else None
        now = None
        if due_s(state, _standing(state, today), 0) is not None:
            now = tried(state, last)
            self.carrier.carry(run)
        self._see_again(run, now)

    def _see_again(self, run: str, last: Try | None) -> None:
        """Put a job there for when the run is worth another look; none while it waits for people,
        but for the end of the time that they have.
        """
        state = self.board.state(run)
        if state is None or not is_ours(state):
            return
        wait_s = _wait_s(state, last, self.entry.today())
        if wait_s is not None:
            more = {} if last is None else {"mark": last.mark, "times": last.times}
            # What was let park because this worker stops is for another one, at once.
            in_s = None if self.carrier.is_stopped else wait_s or None
            self.queue.put(TeamJob(Task.ADVANCE, run, more), in_s=in_s)

    def leave(self, state: RunState, error: NotReadyError) -> bool:
        """Leave a run to a worker that has what it needs; False if this is one of those."""
        return self._leave(Task.ADVANCE, state, error)

    def _leave(self, task: Task, state: RunState, error: NotReadyError) -> bool:
        runbook = state.proposed.runbook
        queue = self.aside(runbook)
        if queue in self.able:
            return False
        told = {"runbook": runbook, "lacks": error.what, "do": error.do}
        self.queue.put(TeamJob(task, state.id, told), queue=queue)
        self.log.warning(
            "run.left", run=state.id, runbook=runbook, what=error.what, why=error.why, do=error.do
        )
        return True

    def _tell(self, given: Mapping[str, Any]) -> None:
        run = given["about"]
        try:
            self.carrier.tell(run)
        except NotReadyError as error:
            state = self.board.state(run)
            if state is None or not self._leave(Task.TELL, state, error):
                raise

    # --- what came in ---------------------------------------------------------------------------

    def _take_in(self, _: Mapping[str, Any]) -> None:
        self.queue.see_deliveries()
        while not self.carrier.is_stopped and self.intake.work():
            pass
        self.intake.take_up_held()
        if self.carrier.is_stopped and self.intake.inbox.count_waiting():
            self.queue.put(TeamJob(Task.TAKE_IN))

    def _let_go(self, given: Mapping[str, Any]) -> None:
        self.intake.let_go(int(given["about"]), given["by"])
        self.intake.work()

    # --- what only time makes due ---------------------------------------------------------------

    def _sweep(self, _: Mapping[str, Any]) -> None:
        """Let nothing lie that is due and has no job, whatever became of that one."""
        inbox = self.intake.inbox
        if inbox.count_waiting() or inbox.count_held():
            self.queue.put(TeamJob(Task.TAKE_IN))
        there, today = self.queue.names(), self.entry.today()
        for state in self.board.runs():
            job = TeamJob(Task.ADVANCE, state.id)
            if is_ours(state) and job.name not in there:
                wait_s = _wait_s(state, None, today)
                if wait_s is not None:
                    self.log.info("run.picked-up", run=state.id, in_s=wait_s)
                    self.queue.put(job, in_s=wait_s or None)

    def _sign(self, _: Mapping[str, Any]) -> None:
        self.entry.journal.checkpoint(HEARTBEAT)

    def _reconcile(self, _: Mapping[str, Any]) -> None:
        if self.reconcile is not None:
            self.reconcile()


def _standing(state: RunState, today: Today) -> Standing | None:
    """What people are asked now has come to; None when nobody is asked."""
    request = asked_now(state)
    return today.standing(state, request) if request is not None else None


def _wait_s(state: RunState, last: Try | None, today: Today) -> int | None:
    """Seconds until a run is worth a look; None while nothing but people ends its waiting."""
    standing = _standing(state, today)
    wait_s = again_in_s(state, standing, last)
    request = asked_now(state)
    if wait_s is None and request is not None and standing is Standing.OPEN:
        return open_for_s(request, today)
    return wait_s
