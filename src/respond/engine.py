"""Carry a run on until it is over or needs a person: look, ask, write down, send, prove.

``Engine.advance`` may be called at any time, by anyone, twice. It walks the runbook from the top;
what the journal has as concluded answers from there. Nothing else remembers anything (P3).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.plan import Plan, short_digest
from respond.core.questions import (
    Answer,
    AskConfirm,
    AskDrift,
    AskStart,
    Decision,
    Question,
    other_orders,
)
from respond.core.run import RunState, RunStatus, after, fold, verdict
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ForEach,
    InputKind,
    ParallelStep,
    Runbook,
    Step,
    WaitStep,
)
from respond.core.shapes import decode, encode
from respond.core.values import Late, SecretHandle, Value
from respond.drivers import World, look
from respond.errors import (
    ExitCode,
    ParkedError,
    RefusedByPersonError,
    RespondError,
    StepFailedError,
    UnknownOutcomeError,
)
from respond.planner import make_plan, wait_says
from respond.ports import Clock, Intent, Journal, Pen, Progress, Prompt, Reader
from respond.site import Site, values_of
from respond.step import StepRun
from respond.stopping import Stop
from respond.walk import Absent, EndedError, Here, Walk

__all__ = ["Engine", "QuitError", "Tools"]

MACHINE = Actor("respond", Strength.MACHINE)
PARALLEL_MAX = 4
"""Threads for ``parallel``; more would only wait for the same rate limits."""


class QuitError(RefusedByPersonError):
    """The operator ended the run."""


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
        with self._lock:
            record = self.tools.journal.append(event, seal=seal)
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
        with self._lock, self.tools.stop.waiting(self.run):
            answer = self.tools.prompt.ask(question)
        return self.heed(answer, getattr(question, "step", ""))

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
        epoch = self.tools.journal.take(
            Event(Kind.TAKEN, self.run, "", MACHINE, {"by": self.site.operator.id})
        )
        self.state = fold(self.tools.journal.records(self.run)) or self.state
        self.tools.progress.say(f"engine {epoch} has run {self.run}")
        try:
            return self._advance()
        except ParkedError as parked:
            return self._park(parked, ExitCode.PARKED)
        except UnknownOutcomeError as unknown:
            return self._park(unknown, ExitCode.UNKNOWN)
        except QuitError as quit_:
            return self._end(ExitCode.REFUSED, quit_.what, handlers=True)

    def _park(self, error: RespondError, code: ExitCode) -> ExitCode:
        self.add(Kind.PARKED, why=error.what, reason=error.why, do=error.do, exit=int(code))
        return code

    def _advance(self) -> ExitCode:
        if self.state.cancelled:
            return self._end(ExitCode.REFUSED, "cancelled", handlers=True)
        self._plan_is_current()
        if not self.state.started:
            code = self._plan_and_start()
            if code is not None:
                return code
        walk = EngineWalk(self.runbook, self)
        here = Here(self.first_values())
        try:
            walk.steps(self.runbook.steps, here)
        except EndedError as end:
            return self._end(verdict(self.state), end.say, next_runbook=end.next)
        failed = self._first_failure()
        if failed:
            walk.finish(self.runbook.on_failure, here, failed=failed)
        walk.finish(self.runbook.always, here, failed=failed)
        return self._end(verdict(self.state), "")

    def first_values(self) -> dict[str, Value]:
        return self.site.first_values(self.runbook, self.state, self.inputs())

    def inputs(self) -> Value:
        """The inputs as expressions see them; secrets as handles."""
        given = dict(self.state.inputs)
        return {
            i.name: _input_value(given.get(i.name), i.default, i.kind) for i in self.runbook.inputs
        }

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
            plan = self.plan()
            self.add(Kind.PLANNED, digest=plan.digest, plan=encode(plan))
            if plan.ends:
                return self._end(ExitCode.DONE, plan.ends, next_runbook=plan.next)
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
                    return self._end(ExitCode.REFUSED, "not started", handlers=False)

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
        self.ask(
            AskDrift(
                step="",
                title=f"{' and '.join(changed)} changed since the plan was agreed to",
                planned=tuple(write.says for write in plan.writes),
                now=tuple(write.says for write in fresh.writes),
                wants=f"agree {short_digest(fresh.digest)}",
            )
        )
        self.add(Kind.PLANNED, digest=fresh.digest, plan=encode(fresh))
        self.add(
            Kind.CONFIRMED,
            by=self.site.operator,
            decision="yes",
            scope="replan",
            digest=fresh.digest,
            changed=changed,
        )

    def _first_failure(self) -> dict[str, str]:
        for step in self.state.steps.values():
            if step.conclusion is not None and step.conclusion.how.value == "failed":
                return {"step": step.address, "reason": step.conclusion.why}
        return {}

    def _end(
        self, code: ExitCode, say: str, *, next_runbook: str = "", handlers: bool = False
    ) -> ExitCode:
        if handlers and self.state.started:
            walk = EngineWalk(self.runbook, self)
            here = Here(self.first_values())
            walk.finish(self.runbook.on_cancel, here, failed={})
            walk.finish(self.runbook.always, here, failed={})
        self.add(Kind.ENDED, exit=int(code), say=say, next=next_runbook)
        self.tools.journal.forget_secrets(self.run)
        self.tools.journal.checkpoint(f"end of run {self.run}")
        return code


def _input_value(given: Any, default: Value, kind: InputKind) -> Value:
    if given is None:
        given = default
    if given is None:
        return {InputKind.LIST: [], InputKind.SECRET: None}.get(kind, "")
    if kind is InputKind.SECRET:
        handle: SecretHandle = decode(SecretHandle, given)
        return handle
    value: Value = given
    return value


@dataclass(slots=True)
class EngineWalk(Walk):
    """A walk that does what it comes to."""

    engine: Engine

    def action(self, step: ActionStep, address: str, here: Here) -> Value | Absent:
        return StepRun(self.engine, step, address, here).go()

    def together(self, step: ParallelStep, here: Here) -> None:
        if not self._apart(step, here):
            self.steps(step.steps, here)
            return
        with ThreadPoolExecutor(max_workers=PARALLEL_MAX, thread_name_prefix="step") as pool:
            walks = [EngineWalk(self.runbook, self.engine) for _ in step.steps]
            futures = [
                pool.submit(walk.steps, (inner,), here)
                for walk, inner in zip(walks, step.steps, strict=True)
            ]
        errors = [error for future in futures if (error := future.exception()) is not None]
        for walk in walks:
            if walk._halted and not self._halted:  # noqa: SLF001 - its own kind
                self._halted, self._contain_only = walk._halted, walk._contain_only  # noqa: SLF001
        if errors:
            raise errors[0]

    def _apart(self, step: ParallelStep, here: Here) -> bool:
        """Whether none of the steps writes what another one reads or writes (rule 10)."""
        plan = self.engine.state.plan
        if plan is None:
            return False
        touched: list[tuple[set[str], set[str]]] = []
        for inner in step.steps:
            slices = [
                s
                for s in plan.steps
                if s.address == here.prefix + inner.words.id
                or s.group == here.prefix + inner.words.id
            ]
            if not slices or any(s.late_on for s in slices):
                return False
            touched.append(
                (
                    {w.subject for s in slices for w in s.writes},
                    {name for s in slices for name in s.subjects},
                )
            )
        return all(
            not (writes & (reads | others))
            for n, (writes, _) in enumerate(touched)
            for m, (others, reads) in enumerate(touched)
            if n != m
        )

    def asserted(self, step: AssertStep, address: str, here: Here) -> Absent | None:
        holds = step.holds.value(here.values)
        if holds is True:
            return None
        message = str(step.message.value(here.values))
        if self.engine.state.step(address).conclusion is None:
            self.engine.add(
                Kind.OBSERVED,
                address,
                how="failed",
                says=message,
                why=message,
                title=step.words.title,
                phase=_phase(step, here),
            )
        return Absent(message, failed=True)

    def waited(self, step: WaitStep, address: str, here: Here) -> Value | Absent:
        engine = self.engine
        state = engine.state.step(address)
        if state.conclusion is not None:
            good = state.conclusion.how.is_good
            return (
                values_of(state.conclusion.output) if good else Absent(state.conclusion.why, True)
            )
        began = next(
            (w for w in (engine.state.parked.get("waits", {}),) if w.get("step") == address), None
        )
        since = int(began["since"]) if began else engine.tools.clock.now_ms()
        engine.tools.progress.say(wait_says(step))
        while True:
            passed = (engine.tools.clock.now_ms() - since) // 1000
            met, seen = self._until(step, here)
            if met or (step.until is None and passed >= step.within_s):
                engine.add(
                    Kind.OBSERVED,
                    address,
                    how="done",
                    says=wait_says(step),
                    output=seen,
                    title=step.words.title,
                    phase=_phase(step, here),
                )
                return values_of(seen)
            if passed >= step.within_s:
                why = f"not within {step.within_s} s: {step.until.source if step.until else ''}"
                engine.add(
                    Kind.OBSERVED,
                    address,
                    how="failed",
                    says=why,
                    why=why,
                    title=step.words.title,
                    phase=_phase(step, here),
                )
                return Absent(why, failed=True)
            self._nap(step, address, since, passed)

    def _nap(self, step: WaitStep, address: str, since: int, passed: int) -> None:
        """Wait a little where somebody sits there; park where nobody does (rule 17)."""
        engine = self.engine
        left = step.within_s - passed
        nap = min(step.every_s, max(1, left))
        if not engine.tools.prompt.is_there:
            engine.add(
                Kind.PARKED,
                address,
                why=wait_says(step),
                reason="it waits",
                do=f"respond resume {engine.run}",
                exit=int(ExitCode.PARKED),
                waits={"step": address, "since": since},
            )
            raise ParkedError(wait_says(step), do=f"respond resume {engine.run}")
        engine.pause(nap, wait_says(step))

    def _until(self, step: WaitStep, here: Here) -> tuple[bool, Any]:
        if step.until is None:
            return False, None
        seen: Any = None
        values = dict(here.values)
        if step.action is not None:
            engine = self.engine
            connection = engine.site.connection_for(step.action.spec.system)
            me = engine.site.me(
                engine.state, step.words.id, connection, engine.tools.journal, engine.now
            )
            action = engine.site.action(step.action, engine.site.arguments(step, here.values))
            looked = look(
                engine.site.script(action, me), World(engine.tools.reader), known={}, predict=False
            )
            seen = encode(getattr(looked.outcome, "output", None))
            if seen is None:
                return False, None
            values["seen"] = values_of(seen)
        return step.until.value(values) is True, seen

    def skipped(self, step: Step, address: str, here: Here, why: str) -> None:
        if isinstance(step, ActionStep) and self.engine.state.step(address).conclusion is None:
            self.engine.add(
                Kind.OBSERVED,
                address,
                how="skipped",
                says=why,
                why=why,
                title=step.words.title,
                phase=_phase(step, here),
            )

    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        why = f"{address} needs {on.step}.{on.name}, which has not happened"
        if self.engine.state.step(address).conclusion is None:
            self.engine.add(
                Kind.OBSERVED,
                address,
                how="left-open",
                says=why,
                why=why,
                title=step.words.title,
                phase=_phase(step, here),
            )

    def unevaluated(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        if self.engine.state.step(address).conclusion is None:
            self.engine.add(
                Kind.OBSERVED,
                address,
                how="failed",
                says=error.what,
                why=error.what,
                title=step.words.title,
                phase=_phase(step, here),
                error=failure_data(error),
            )

    def limit(self, step: ActionStep | BlockStep, each: ForEach) -> int:
        return self.engine.site.limit(step, each)

    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        if self.engine.state.step(address).confirmed:
            return True
        answer = self.engine.ask(
            AskConfirm(
                step=address,
                title=step.words.title or address,
                wants=f"all {count}",
                destructive=True,
                lines=(f"{count} targets",),
                breaks="",
                undo="",
                where="",
                over_limit=f"the runbook expects at most {limit}",
            )
        )
        if answer.decision is Decision.YES:
            self.engine.add(
                Kind.CONFIRMED,
                address,
                by=self.engine.site.operator,
                decision="yes",
                scope="limit",
                writes=["over-limit"],
                typed=answer.typed,
            )
        return answer.decision is Decision.YES

    def not_started(self, step: Step, address: str, why: str) -> None:
        self.engine.tools.progress.say(f"not started: {step.words.title or address} ({why} failed)")


def _phase(step: Step, here: Here) -> str:
    phase = step.words.phase or here.phase
    return phase.value if phase is not None else ""


def failure_data(error: StepFailedError) -> dict[str, Any]:
    """A failure as it stands in the journal."""
    return {
        "what": error.what,
        "why": error.why,
        "do": error.do,
        "request": error.request,
        "by_hand": error.by_hand,
    }
