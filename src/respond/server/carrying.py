"""Advance one run of a server, and let those know who are asked.

Each advance has a session of its own, as a process of the command line has. What stops a run is
recorded, and said in the log. Notices are sent by threads of their own: chat that hangs for a
minute must not hold a plan up (P27).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from respond.adapters.prompt.nobody_there import ServedPrompt
from respond.core.approval import Request, Standing, able
from respond.core.asked import asked_now
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunState
from respond.core.recorded import AskKind, Parked, data_of
from respond.core.records import Mutable
from respond.core.runbook import Runbook
from respond.engine.telling import tell, tell_of_a_request
from respond.errors import (
    JournalBrokenError,
    JournalUnusableError,
    NotReadyError,
    RefusedByPersonError,
    RespondError,
)
from respond.people.answers import Entry
from respond.server.board import Board
from respond.server.due import is_ours
from respond.server.supervising import foreseen

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.engine.engine import Engine
    from respond.engine.run import LiveRun
    from respond.engine.stopping import Stop
    from respond.ports import Clock, Prompt

__all__ = ["Carried", "Carrier"]

_TELLERS: Final = 2
"""Notices that are sent at the same time."""

_FOR_PEOPLE: Final = (AskKind.INPUTS, AskKind.QUESTION, AskKind.TASK)
"""What a run waits for that people are told of here; of an approval they are told when asked."""

_LOOK_FOR_STOP_S: Final = 0.5


class Carried(Protocol):
    """What one advance of a run is made with."""

    run: str
    clock: Clock
    prompt: Prompt
    asked: Callable[[LiveRun, Request, tuple[str, ...]], None] | None

    def hold(self, run: str, clock: Clock, /) -> AbstractContextManager[object]: ...

    def engine(self, runbook: Runbook) -> Engine: ...

    def close(self) -> None: ...


class Carrier(Mutable):
    """Carries runs on. It may be used from several threads; a run is in one of them at a time.

    Attributes:
        open_session: Gives what a run is carried on with; raises ``RespondError`` when something
            of it is not there.
        leaves: Told that something a run needs is not on this machine; whether the run is left to
            another one. Else it stands in the record that it could not be carried on.
        tells: Lets people know by itself what a run waits for; else somebody calls ``tell``.
    """

    entry: Entry
    board: Board
    open_session: Callable[[RunState, Runbook], Carried]
    load_runbook: Callable[[str], Runbook]
    log: FilteringBoundLogger
    leaves: Callable[[RunState, NotReadyError], bool] = lambda *_: False
    tells: bool = True
    _stopped: bool = field(default=False, init=False)
    _stops: dict[str, Stop] = field(default_factory=dict, init=False)
    _untold: set[str] = field(default_factory=set, init=False)
    _telling: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_TELLERS, thread_name_prefix="telling"),
        init=False,
    )

    def carry(self, run: str) -> None:
        """Advance a run as far as it goes. What stops it is recorded, where it can be."""
        try:
            try:
                with foreseen(self.log, "run.broke", run=run):
                    self._carry(run)
            except (JournalUnusableError, JournalBrokenError, RefusedByPersonError):
                raise
            except RespondError as error:
                self._record(run, error)
        except RespondError as error:
            self._say(run, "run.stopped", error)

    def _carry(self, run: str) -> None:
        state = self.board.state(run)
        if state is None or self._stopped:
            return
        runbook = self.load_runbook(state.proposed.runbook)
        try:
            session = self.open_session(state, runbook)
        except NotReadyError as error:
            if self.leaves(state, error):
                return
            raise
        session.asked = self._asked
        try:
            with session.hold(run, session.clock):
                now = self.board.state(run)
                if now is not None and is_ours(now):  # A terminal may have taken it over.
                    self._advance(session, runbook)
        finally:
            self._stops.pop(run, None)
            session.close()
        self._tell_who_is_needed(run)

    def _advance(self, session: Carried, runbook: Runbook) -> None:
        engine = session.engine(runbook)
        if isinstance(session.prompt, ServedPrompt):
            session.prompt.state = lambda: engine.state
            session.prompt.sealed = partial(self.entry.journal.open_secret, session.run)
        stop = engine.tools.stop
        stop.slices_s, stop.why = _LOOK_FOR_STOP_S, "what carries it on stops"
        self._stops[session.run] = stop
        stop.wanted = self._stopped
        self.log.info("run.advance", run=session.run)
        code = engine.advance()
        status = engine.state.status.value
        self.log.info("run.advanced", run=session.run, exit=int(code), status=status)

    @property
    def is_stopped(self) -> bool:
        """Runs were let park that could go on."""
        return self._stopped

    def stop(self) -> None:
        """Let every run that goes on park at its next safe point."""
        self._stopped = True
        self._telling.shutdown(wait=False, cancel_futures=True)
        for stop in list(self._stops.values()):
            stop.wanted = True

    def _say(self, run: str, event: str, error: RespondError) -> None:
        self.log.warning(event, run=run, what=error.what, why=error.why, do=error.do)

    def _record(self, run: str, error: RespondError) -> None:
        """Record why a run came no further; once, until something else happens to it."""
        self._say(run, "run.stopped", error)
        state = self.board.state(run)
        if state is None or state.parked.why == error.what:
            return
        code = error.exit_code
        told = data_of(Parked, why=error.what, reason=error.why, do=error.do, exit=code)
        machine = Actor("respond", Strength.MACHINE)
        self.entry.journal.append(Event(Kind.PARKED, state.id, "", machine, told))

    # --- letting people know --------------------------------------------------------------------

    def tell_again(self, runs: Collection[str] | None = None) -> None:
        """Let people know of what they were asked and not told: for some runs, or for all."""
        for state in self.board.runs():
            if runs is None or state.id in runs:
                request = asked_now(state)
                if self._is_to_tell(state, request):
                    self._tell_later(state, request)

    def tell(self, run: str) -> None:
        """Let people know what one run waits for; returns when they were told, or could not be.

        Raises:
            RespondError: It could not even be tried.
        """
        state = self.board.state(run)
        if state is not None and self._is_to_tell(state, request := asked_now(state)):
            self._tell_now(state, request)

    def _is_to_tell(self, state: RunState, request: Request | None) -> bool:
        if not is_ours(state):
            return False
        if request is None:
            return state.asks.kind in _FOR_PEOPLE
        return self.entry.standing(state, request) is Standing.OPEN

    def tell_untold(self) -> None:
        """Tell what could not be told, through no fault of chat or mail: that they record."""
        # One by one: in a set that is put aside whole, what another thread just adds is lost.
        runs = {self._untold.pop() for _ in range(len(self._untold))}
        if runs:
            self.tell_again(runs)

    def _tell_who_is_needed(self, run: str) -> None:
        """A run that waits for an input, an answer or somebody's hands says so, once for each."""
        state = self.board.state(run)
        if state is not None and state.asks.kind in _FOR_PEOPLE:
            self._tell_later(state, None)

    def _asked(self, live: LiveRun, request: Request, persons: tuple[str, ...]) -> None:
        del persons  # Worked out anew when they are told.
        self._tell_later(live.state, request)

    def _tell_later(self, state: RunState, request: Request | None) -> None:
        if self.tells and not self._stopped:
            self._telling.submit(self._tell, state, request)

    def _tell(self, state: RunState, request: Request | None) -> None:
        try:
            with foreseen(self.log, "notice.broke", run=state.id):
                self._tell_now(state, request)
        except RespondError as error:
            self._untold.add(state.id)
            self._say(state.id, "notice.failed", error)

    def _tell_now(self, state: RunState, request: Request | None) -> None:
        runbook = self.load_runbook(state.proposed.runbook)
        session = self.open_session(state, runbook)
        try:
            engine = session.engine(runbook)
            if request is not None:
                persons = tuple(person.id for person in able(request, self.entry.people))
                told = tell_of_a_request(engine, request, persons)
            else:
                people = self.entry.people
                deciding = tuple(p.id for p in people.persons if people.approver in p.roles)
                about = f"waits:{state.parked.asks.id[:16]}"
                told = tell(engine, about, "person-needed", deciding)
            if not told:
                self.log.warning("notice.reached-nobody", run=state.id, do="tell them yourself")
        finally:
            session.close()
