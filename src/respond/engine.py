"""Carry a run on until it is over or needs a person: look, ask, write down, send, prove.

``Engine.advance`` may be called at any time, by anyone, twice. It walks the runbook from the top;
what the journal has as concluded answers from there. Nothing else remembers anything (P3).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.plan import Plan, PlannedStep, short_digest
from respond.core.questions import (
    Answer,
    AskConfirm,
    AskDrift,
    AskStart,
    Decision,
    Question,
    other_orders,
)
from respond.core.run import As, RunState, RunStatus, after, fold, fold_all, verdict
from respond.core.runbook import Input, InputKind, Runbook
from respond.core.script import Person
from respond.core.shapes import decode, encode
from respond.core.values import SecretHandle, Value
from respond.drivers import World
from respond.engine_walk import EngineWalk, WaitsError
from respond.errors import (
    ExitCode,
    ParkedError,
    RefusedByPersonError,
    RespondError,
    StepFailedError,
    UnknownOutcomeError,
    UsageError,
)
from respond.inventory import take_inventory
from respond.planner import NotSoError, make_plan
from respond.ports import Clock, Intent, Journal, Pen, Progress, Prompt, Reader
from respond.site import Site
from respond.stopping import QuitError, Stop
from respond.walk import EndedError, Here, absent_input

__all__ = ["Engine", "QuitError", "Tools"]

MACHINE = Actor("respond", Strength.MACHINE)


@dataclass(frozen=True, slots=True)
class Tools:
    """The ports of a run."""

    journal: Journal
    reader: Reader
    pen: Pen
    clock: Clock
    prompt: Prompt
    progress: Progress
    stop: Stop = field(default_factory=Stop)


@dataclass(slots=True)
class Engine:
    """One engine for one run."""

    run: str
    runbook: Runbook
    site: Site
    tools: Tools
    state: RunState = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    _asking: threading.RLock = field(default_factory=threading.RLock, init=False)

    def __post_init__(self) -> None:
        state = fold(self.tools.journal.records(self.run))
        if state is None:
            raise RespondError(f"there is no run {self.run!r}", do="respond runs")
        self.state = state

    # --- the journal is the only memory -----------------------------------------------------

    def add(
        self,
        kind: Kind,
        step: str = "",
        *,
        seal: Mapping[str, str] | None = None,
        by: Actor | None = None,
        **data: Any,
    ) -> Record:
        """Append an event, and be in the state after it."""
        event = Event(kind, self.run, step, by or MACHINE, data)
        # A conclusion that a power cut takes away is found again by looking; its step's intents
        # and outcomes are synced, and the next intent syncs it before anything else happens.
        synced = kind is not Kind.OBSERVED
        with self._lock:
            record = self.tools.journal.append(event, seal=seal, synced=synced)
            self._took(record)
        return record

    def intend(self, step: str, digest: str, **data: Any) -> Intent:
        """Append an intent, and get the key to its one request (P1)."""
        event = Event(Kind.INTENT, self.run, step, MACHINE, data)
        with self._lock:
            intent = self.tools.journal.intend(event, digest=digest)
            if intent.record is None:
                raise RespondError("the journal gave an intent without its record")
            self._took(intent.record)
        return intent

    def _took(self, record: Record) -> None:
        self.state = after(self.state, record)
        self.tools.progress.event(record)

    def ask(self, question: Question) -> Answer:
        """Put a question to the operator; one at a time, also from parallel steps.

        Raises:
            ParkedError: LATER was answered, or nobody is there.
            QuitError: QUIT was answered.
        """
        with self._asking, self.tools.stop.waiting(self.run):
            answer = self.tools.prompt.ask(question)
        return self.heed(answer, getattr(question, "step", ""))

    def by_hand(self, task: Person[Any], title: str, seen: Callable[[], bool] | None) -> Answer:
        """Let a person do a task; the answer is not heeded yet."""
        with self._asking, self.tools.stop.waiting(self.run):
            return self.tools.prompt.by_hand(task, title, seen=seen, every_s=3.0)

    def pause(self, seconds: float, what: str) -> None:
        """Let time pass; Ctrl-C parks the run meanwhile."""
        if seconds <= 0:
            return
        self.tools.progress.waiting(what, seconds)
        with self.tools.stop.waiting(self.run):
            self.tools.clock.sleep(seconds)

    def heed(self, answer: Answer, step: str) -> Answer:
        """Let LATER and QUIT end the advance; hand every other answer back."""
        if answer.decision is Decision.LATER:
            raise ParkedError(
                f"run {self.run} is parked" + (f" before {step!r}" if step else ""),
                why=answer.reason or "it waits for a person",
                do=f"respond resume {self.run}",
            )
        if answer.decision is Decision.QUIT:
            self.add(
                Kind.CONFIRMED,
                by=self.site.operator,
                decision="quit",
                at=step,
                reason=answer.reason,
            )
            raise QuitError(f"run {self.run} was ended by {self.site.operator.id}")
        return answer

    # --- advance ---------------------------------------------------------------------------

    def advance(self) -> ExitCode:
        """Go on until the run is over or needs a person.

        Raises:
            JournalUnusableError, JournalBrokenError, NotReadyError, UsageError: Nothing was
                written after it.
        """
        if self.state.status is RunStatus.ENDED:
            return ExitCode(self.state.ended["exit"])
        if self.site.mode == "dry-run":
            raise UsageError("a dry run makes its plan and is not carried on")
        self.take()
        try:
            return self._carry_on()
        except ParkedError as parked:
            return self.park(parked, ExitCode.PARKED)
        except UnknownOutcomeError as unknown:
            return self.park(unknown, ExitCode.UNKNOWN)

    def take(self) -> None:
        """Be the one engine of this run; an older one can append nothing from now on (P4)."""
        event = Event(Kind.TAKEN, self.run, "", MACHINE, {"by": self.site.operator.id})
        epoch = self.tools.journal.take(event)
        self.state = fold(self.tools.journal.records(self.run)) or self.state
        self.tools.progress.say(f"engine {epoch} has run {self.run}")

    def park(self, error: RespondError, code: ExitCode) -> ExitCode:
        """Record where the run waits, and for what."""
        told: dict[str, Any] = {
            "why": error.what,
            "reason": error.why,
            "do": error.do,
            "exit": int(code),
        }
        if isinstance(error, WaitsError):
            self.add(Kind.PARKED, error.address, **told, waits=error.since)
        else:
            self.add(Kind.PARKED, **told)
        return code

    def _carry_on(self) -> ExitCode:
        try:
            return self._advance()
        except QuitError as quit_:
            return self._stop_here(quit_.what)

    def _advance(self) -> ExitCode:
        if self.state.cancelled:
            return self._stop_here("cancelled")
        self._plan_is_current()
        if not self.state.started:
            code = self._plan_and_start()
            if code is not None:
                return code
        return self._walk()

    def _walk(self) -> ExitCode:
        walk = EngineWalk(self.runbook, self)
        here = Here(self.first_values())
        ended = EndedError("", "")
        try:
            walk.steps(self.runbook.steps, here)
        except EndedError as end:
            ended = end
        failed = self._first_failure()
        with contextlib.suppress(EndedError):
            if failed:
                walk.finish(self.runbook.on_failure, here, failed=failed)
        with contextlib.suppress(EndedError):
            walk.finish(self.runbook.always, here, failed=failed)
        return self._end_counted(walk, ended)

    def _end_counted(self, walk: EngineWalk, ended: EndedError) -> ExitCode:
        """All means all: what a run over a set came to is counted, and the set looked at (P9)."""
        counted = take_inventory(self, walk.sets.values())
        code = verdict(self.state)
        # Items of a set are counted there.
        lost = [] if self._agreed_to_end() else [s for s in self.not_reached() if not s.group]
        findings = [
            *counted.findings,
            *(f"planned, and not done: {write.says}" for step in lost for write in step.writes),
        ]
        if findings and code is ExitCode.DONE:
            code = ExitCode.FAILED
        say = "; ".join([*([ended.say] if ended.say else []), *findings])
        return self._end(code, say, next_runbook=ended.next, inventory=counted.items)

    def not_reached(self) -> list[PlannedStep]:
        """Steps with planned writes that the run has not come to."""
        plan = self.state.plan
        if plan is None or self._first_failure():
            return []
        return [
            step
            for step in plan.steps
            if step.writes and self.state.step(step.address).conclusion is None
        ]

    def _agreed_to_end(self) -> bool:
        return any("end" in step.confirmed for step in self.state.steps.values())

    def _stop_here(self, why: str) -> ExitCode:
        """A person ended the run; its handlers go on, as far as that person lets them."""
        if self.state.started:
            walk = EngineWalk(self.runbook, self)
            here = Here(self.first_values())
            for steps in (self.runbook.on_cancel, self.runbook.always):
                with contextlib.suppress(EndedError, QuitError):
                    walk.finish(steps, here, failed={})
        unknown = any(step.open() for step in self.state.steps.values())
        return self._end(ExitCode.UNKNOWN if unknown else ExitCode.REFUSED, why)

    def first_values(self) -> dict[str, Value]:
        return self.site.first_values(self.runbook, self.state, self.inputs())

    def inputs(self) -> Value:
        """The inputs as expressions see them; secrets as handles."""
        given = dict(self.state.inputs)
        return {i.name: _input_value(i, given.get(i.name)) for i in self.runbook.inputs}

    @property
    def now(self) -> int:
        """When the run was proposed, in seconds; what actions take as their now."""
        return int(self.state.proposed["at_s"])

    def plan(self) -> Plan:
        """Look at everything anew and say what would be done."""
        return make_plan(
            self.runbook,
            self.state,
            self.site,
            World(self.tools.reader),
            self.tools.journal,
            self.tools.progress,
            self.inputs(),
            self.now,
        )

    def _plan_and_start(self) -> ExitCode | None:
        while True:
            try:
                plan = self.plan()
            except NotSoError as error:
                return self._end(ExitCode.FAILED, error.what)
            except RefusedByPersonError as error:
                return self._end(ExitCode.REFUSED, f"{error.what}: {error.why}")
            except StepFailedError as error:
                return self.park(error, ExitCode.FAILED)
            self.add(Kind.PLANNED, digest=plan.digest, plan=encode(plan))
            if plan.ends and not plan.does_anything:
                return self._end(ExitCode.DONE, plan.ends, next_runbook=plan.next)
            if not self._may_go_beside_others(plan):
                return self._end(ExitCode.REFUSED, "not started")
            answer = self.ask(AskStart(plan, other_orders(self.runbook, self.state.inputs)))
            match answer.decision:
                case Decision.YES:
                    self.add(
                        Kind.CONFIRMED,
                        by=self.site.operator,
                        decision="yes",
                        scope="start",
                        digest=plan.digest,
                        typed=answer.typed,
                    )
                    return None
                case Decision.OTHER_ORDER:
                    self._other_order(answer.typed)
                case _:
                    return self._end(ExitCode.REFUSED, "not started")

    def _may_go_beside_others(self, plan: Plan) -> bool:
        """Ask, when an unfinished run writes the same subjects (rule 14)."""
        mine = {write.subject for write in plan.writes}
        for other in _unfinished(self.tools.journal.records(), self.run) if mine else ():
            theirs = {write.subject for write in (other.plan.writes if other.plan else ())}
            if not mine & theirs:
                continue
            answer = self.ask(
                AskConfirm(
                    step="",
                    title=f"run {other.id} is not over, and writes the same things",
                    wants=f"beside {other.id}",
                    destructive=True,
                    lines=tuple(sorted(mine & theirs)),
                    breaks=f"The two may undo each other's work. To go on there: "
                    f"respond resume {other.id}",
                    undo="",
                    where="",
                    on_skip="this run is not started",
                    by_hand=False,
                )
            )
            if answer.decision is not Decision.YES:
                return False
            self.add(
                Kind.CONFIRMED,
                by=self.site.operator,
                decision="beside",
                other=other.id,
                typed=answer.typed,
            )
        return True

    def _other_order(self, word: str) -> None:
        for given in self.runbook.inputs:
            if given.kind is InputKind.CHOICE and word in given.of:
                inputs = {**self.state.inputs, given.name: word}
                self.add(
                    Kind.CONFIRMED,
                    by=self.site.operator,
                    decision="other-order",
                    inputs=encode(inputs),
                    typed=word,
                )
                return

    def _plan_is_current(self) -> None:
        """A yes binds runbook, engine, policy and mode too; when those changed, ask anew (P10)."""
        plan = self.state.plan
        if plan is None or not self.state.started:
            return
        was = {
            "runbook": plan.runbook_digest,
            "engine": plan.engine,
            "mode": plan.mode,
            "policy": dict(plan.policy),
        }
        now = {
            "runbook": self.runbook.digest,
            "engine": self.site.engine,
            "mode": self.site.mode,
            "policy": self.site.policy.as_json(),
        }
        changed = [name for name in was if was[name] != now[name]]
        if not changed:
            return
        if "mode" in changed:
            raise RefusedByPersonError(
                f"run {self.run} is a {plan.mode} run and cannot be carried on as {self.site.mode}",
            )
        fresh = self.plan()
        answer = self.ask(
            AskDrift(
                step="",
                title=f"{' and '.join(changed)} changed since the plan was agreed to",
                planned=tuple(write.says for write in plan.writes),
                now=tuple(write.says for write in fresh.writes),
                wants=f"agree {short_digest(fresh.digest)}",
                planned_writes=plan.writes,
                now_writes=fresh.writes,
            )
        )
        if answer.decision is not Decision.YES:
            raise ParkedError(
                f"{' and '.join(changed)} changed since the plan was agreed to",
                why="nobody agreed to the new plan",
                do=f"respond resume {self.run}, or respond cancel {self.run}",
            )
        self.add(Kind.PLANNED, digest=fresh.digest, plan=encode(fresh))
        self.add(
            Kind.CONFIRMED,
            by=self.site.operator,
            decision="yes",
            scope="replan",
            digest=fresh.digest,
            changed=changed,
            typed=answer.typed,
        )

    def _first_failure(self) -> dict[str, str]:
        for step in self.state.steps.values():
            end = step.conclusion
            if end is not None and end.how is As.FAILED and not end.recovered:
                return {"step": step.address, "reason": end.why}
        return {}

    def _end(
        self,
        code: ExitCode,
        say: str,
        *,
        next_runbook: str = "",
        inventory: Mapping[str, Any] | None = None,
    ) -> ExitCode:
        told: dict[str, Any] = {"exit": int(code), "say": say, "next": next_runbook}
        if inventory:
            told["inventory"] = inventory
        # First: a crash between the two leaves a run that ends again, and no secret behind.
        self.tools.journal.forget_secrets(self.run)
        self.add(Kind.ENDED, **told)
        self.tools.journal.checkpoint(f"end of run {self.run}")
        return code


def _unfinished(records: Iterable[Record], run: str) -> list[RunState]:
    """Other runs that were started and are not over."""
    theirs: dict[str, list[Record]] = {}
    for record in records:
        name = record.event.run
        if record.event.kind is Kind.ENDED:
            theirs.pop(name, None)
        elif name != run and (name in theirs or record.event.kind is Kind.PROPOSED):
            theirs.setdefault(name, []).append(record)
    states = fold_all(record for kept in theirs.values() for record in kept)
    return [state for state in states.values() if state.started]


def _input_value(declared: Input, given: Any) -> Value:
    if given is None:
        return absent_input(declared)
    if declared.kind is InputKind.SECRET:
        handle: SecretHandle = decode(SecretHandle, given)
        return handle
    value: Value = given
    return value
