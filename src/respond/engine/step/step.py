"""Take one step to its end: recover, agree, act, prove. The order inside it is the promise.

``StepRun.go`` is the only way from a step to a write. An open outcome is looked at before anything
else (``recovering``), a yes covers the write or a question is asked (``agreeing``), the intent is
durable before the request leaves (``sending``), and the step is done when a look with tied hands
does not want anything any more (``proving``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import partial
from typing import Any

from respond.core.events import Kind
from respond.core.fold import As, is_notice
from respond.core.plan import write_key
from respond.core.questions import AskByHand, AskPerson, Decision
from respond.core.recorded import Confirmed, data_of
from respond.core.records import Mutable
from respond.core.runbook import Phase
from respond.core.script import Again, Done, Effect, NotYet, Person, Write
from respond.core.shapes import ShapeError
from respond.core.values import Value
from respond.engine.drivers import act
from respond.engine.other_people import heed_any_no
from respond.engine.setting import recorded_values
from respond.engine.step.agree import Agreement
from respond.engine.step.prove import cannot_run, end_with, failed, left_open, observe, prove
from respond.engine.step.recover import recover
from respond.engine.step.send import UnknownError, WriteSender
from respond.engine.step.state import LiveStep, StepOpenError
from respond.engine.stopping import FailedOpenError, QuitError, WaitsError
from respond.engine.walk import Absent
from respond.errors import ParkedError, RefusedByPersonError, RunTakenError, StepFailedError
from respond.ports import FIRST_PAUSES_S

__all__ = ["StepRun"]

PASSES_MAX = 12
"""Passes over one script; more means that an action chases itself."""

PATIENCE_S = 300
"""How long a step waits for ``NotYet`` when it names no ``timeout``, in seconds."""


class _NotAgreedError(Exception):
    """The script wants a write that no yes covers."""


class _HandsError(Exception):
    """The next write is a person's; the generator has to be closed before anybody is asked."""

    def __init__(self, write: Write[Any], person: Person[Any]) -> None:
        super().__init__(write.says)
        self.write = write
        self.person = person


class StepRun(Mutable):
    """The way of one step, in one advance."""

    at: LiveStep
    agreement: Agreement
    sender: WriteSender = field(init=False)
    _pauses: Iterator[float] = field(default_factory=lambda: iter(FIRST_PAUSES_S), init=False)

    def __post_init__(self) -> None:
        self.sender = WriteSender(self.at)

    def go(self) -> Value | Absent:
        """The step's output, or why there is none. Concluded steps answer from the journal."""
        at = self.at
        concluded = at.state.conclusion
        if concluded is not None:
            if concluded.how.has_output:
                return recorded_values(at.step.action, concluded.output)
            return Absent(concluded.why or concluded.says, failed=concluded.how is As.FAILED)
        try:
            late = at.ready.late
        except StepFailedError as error:
            return left_open(at, error.what)
        at.live.tools.stop.check(at.live.run)
        if late is not None:
            why = f"it needs {late.step}.{late.name}, which has not happened"
            return Absent(why, waits=True) if at.live.waiting else left_open(at, why)
        at.live.tools.progress.say(at.title)
        try:
            return self._to_the_end()
        except ShapeError as error:
            return self._failed(cannot_run(at.address, error))
        except StepOpenError as open_:
            return left_open(at, str(open_))
        except StepFailedError as error:
            return self._on_my_word(error) if at.state.by_hand else self._failed(error)
        except (QuitError, RunTakenError):
            raise
        except RefusedByPersonError as error:
            # A guard: what the step aims at now must not be touched (P8).
            return self._failed(StepFailedError(error.what, why=error.why, do=error.do))

    # --- the passes ------------------------------------------------------------------------------

    def _to_the_end(self) -> Value:
        at = self.at
        began = at.live.tools.clock.mono_ms()
        passes = 0
        while passes < PASSES_MAX:
            passes += 1
            outcome = self._pass()
            match outcome:
                case NotYet():
                    if ended := self._wait_for(outcome, began):
                        return end_with(at, ended)
                    passes -= 1  # Waiting is no pass: the step's own limit ends it.
                case Again():
                    at.live.tools.progress.say(outcome.says)
                case Done() if self.agreement.allows_the_end():
                    return prove(at, outcome)
                case _:
                    pass
        raise StepFailedError(
            f"step {at.address!r} did not come to an end in {PASSES_MAX} passes",
            why="what it looks at keeps changing",
            do=f"look at it, then: respond resume {at.live.run}",
        )

    def _pass(self) -> Done[Any] | NotYet | Again | None:
        """Run the script once; None when something came between, and it has to run anew."""
        at = self.at
        recover(at, self.sender.sent)
        if self.agreement.is_wanted_first():
            self.agreement.reach()
        known = at.known(blind_only=False)
        try:
            outcome, _ = act(at.script(), at.world(), known=known, perform=self._perform)
        except _NotAgreedError:
            self.agreement.reach()
        except _HandsError as hands:
            self.sender.by_hand(hands.write, hands.person)
        except UnknownError:
            pass  # The next pass begins with finding out.
        else:
            return outcome
        return None

    def _perform(self, write: Write[Any]) -> Any:
        key = write_key(write)
        if not self.agreement.covers(write, key):
            raise _NotAgreedError
        if not is_notice(self.at.address):
            heed_any_no(self.at.live)
        self.at.live.tools.stop.check(self.at.live.run)
        if isinstance(write.hands, Person):
            raise _HandsError(write, write.hands)
        return self.sender.send(write, write.hands, key)

    def _wait_for(self, outcome: NotYet, began: int) -> Done[Any] | None:
        """Wait a little; or what the step comes to when its time is over."""
        at = self.at
        tools = at.live.tools
        limit = at.step.timeout_s or PATIENCE_S
        since = at.live.state.waits.get(at.address)
        waited = (tools.clock.mono_ms() - began) // 1000
        if since is not None:
            waited = at.live.passed_s(since)
        if waited >= limit and outcome.otherwise is not None:
            return outcome.otherwise
        if waited >= limit:
            raise StepFailedError(
                f"step {at.address!r} waited {limit} s: {outcome.says}",
                do=f"when it has happened: respond resume {at.live.run}",
            )
        if not tools.prompt.is_there:
            raise WaitsError(
                outcome.says,
                do=f"respond resume {at.live.run}",
                address=at.address,
                since=since or at.live.since_now(),
            )
        every_s = min(next(self._pauses, outcome.every_s), outcome.every_s)
        pause = min(every_s, limit - waited)
        at.live.pause(pause, outcome.says, partial(heed_any_no, at.live))
        return None

    # --- where the tool cannot -------------------------------------------------------------------

    def _failed(self, error: StepFailedError) -> Value | Absent:
        at = self.at
        may_go_by_hand = (
            error.by_hand
            and at.phase is Phase.CONTAIN
            and at.step.action.spec.effect is not Effect.READS
            and not at.state.by_hand
            and not at.live.site.by_hand
        )
        if not may_go_by_hand:
            return failed(at, error)
        question = AskByHand(
            step=at.address,
            title=at.title,
            error=error.what,
            why=at.step.words.why,
            cause=error.why,
            do=error.do,
        )
        try:
            answer = at.live.ask(question)
        except ParkedError as parked:
            raise FailedOpenError(
                parked.what, why=parked.why, do=parked.do, asks=parked.asks
            ) from error
        if answer.decision not in (Decision.YES, Decision.BY_HAND):
            return failed(at, error, said=True)
        told = data_of(Confirmed, decision=Decision.BY_HAND, why=error.what)
        at.add(Kind.CONFIRMED, by=answer.by or at.operator, **told)
        try:
            return self._to_the_end()
        except StepOpenError as open_:
            return left_open(at, str(open_))
        except StepFailedError as again:
            return self._on_my_word(again)

    def _on_my_word(self, error: StepFailedError) -> Value | Absent:
        """Nothing can be read either: the person's word is all there is, and is recorded so."""
        at = self.at
        planned = at.planned
        if planned is None or not planned.writes:
            return self._failed(error)
        for write in planned.writes:
            if write.says in at.state.words:
                continue
            answer = at.live.ask(
                AskPerson(
                    step=at.address,
                    title=at.title,
                    instructions=f"{write.says} ({write.where})",
                    wants="done",
                )
            )
            if answer.decision is not Decision.YES:
                return left_open(at, f"could not be done by hand: {error.what}", said=True)
            told = data_of(Confirmed, decision=Decision.WORD, says=[write.says])
            at.add(Kind.CONFIRMED, by=answer.by or at.operator, **told)
        says = "done by hand, could not be looked at"
        observe(at, As.YOUR_WORD, Done(None, says=says, proved=False), why=error.what)
        return Absent("done by hand; nothing could be read")
