"""Make a plan: go through the runbook, look at everything, hold every write back.

It is handed what reads (``SharedAnswers``) and has nothing else to reach a system with.
"""

from __future__ import annotations

from dataclasses import field
from functools import partial
from typing import Any

from respond.core.finding import lines_of
from respond.core.fold import RunState
from respond.core.plan import Plan, PlannedStep, StepPlan, planned_write
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    EndStep,
    Runbook,
    Step,
    WaitStep,
    all_steps,
    refs_of,
)
from respond.core.script import Connection, Done, Effect, NotYet
from respond.core.shapes import ShapeError, encode
from respond.core.values import Late, LateValueUsedError, Value
from respond.engine.drivers import World, look
from respond.engine.keeping import Keeping
from respond.engine.lookahead import Lookahead
from respond.engine.ready import Ready
from respond.engine.setting import Site, recorded_values, values_of
from respond.engine.shared_answers import TOGETHER, SharedAnswers
from respond.engine.walk import (
    Absent,
    EndedError,
    Here,
    Walk,
    actions_in,
    late_output,
    timed,
    titled,
)
from respond.errors import ExitCode, RefusedByPersonError, RespondError, StepFailedError
from respond.ports import Journal, Progress
from respond.systems import title_of, vendor

__all__ = ["NotSoError", "Planner", "make_plan"]


class NotSoError(StepFailedError):
    """Something that the runbook asserts does not hold: the run is not for this case."""


def make_plan(
    runbook: Runbook,
    state: RunState,
    site: Site,
    answers: SharedAnswers,
    journal: Journal,
    progress: Progress,
    inputs: Value,
    now: int,
    kept: Keeping,
) -> Plan:
    """Look at everything and say what would be done.

    Raises:
        RespondError: A read that the plan cannot do without failed, or a guard refused.
    """
    values = site.first_values(runbook, state, inputs)
    here = Here(values, among=(*runbook.steps, *runbook.always))
    ends = next_runbook = ""
    with Lookahead(site, state, answers, journal, now) as ahead:
        planner = Planner(
            runbook, site, state=state, answers=answers, journal=journal, progress=progress,
            now=now, ahead=ahead, kept=kept,
        )  # fmt: skip
        try:
            planner.steps(runbook.steps, here)
        except EndedError as end:
            ends, next_runbook = end.say, end.next
        else:
            planner.finish(runbook.always, here, failed={})
    connections = {c.name: _line(c) for c in planner.used.values()}
    return Plan(
        runbook=runbook.name,
        runbook_digest=runbook.digest,
        engine=site.engine,
        mode=site.mode,
        inputs=encode(state.inputs),
        policy=site.policy.as_json(),
        connections=connections,
        steps=tuple(planner.planned),
        unseen=tuple(planner.unseen),
        ends=ends,
        next=next_runbook,
        bound=site.bound,
    )


def _line(connection: Connection) -> str:
    """``Customer.io Example Co (48213) EU, as respond-ir``, and where it is, if elsewhere."""
    name, account = str(connection.options.get("account_name", "")), connection.account
    parts = [
        title_of(connection.system),
        f"{name} ({account})" if name and account else name or account,
        connection.region.upper(),
    ]
    line = " ".join(part for part in parts if part)
    own = vendor(connection.system).base_urls(connection.region).values()
    given = [at for name, at in connection.reached.items() if name.startswith("address")]
    elsewhere = [at for at in dict.fromkeys(given) if at not in own]
    if connection.identity:
        line = f"{line}, as {connection.identity}"
    return f"{line}, at {', '.join(elsewhere)}" if elsewhere else line


class Planner(Walk, kw_only=True):
    """A walk that only looks."""

    state: RunState
    answers: SharedAnswers
    journal: Journal
    progress: Progress
    now: int
    ahead: Lookahead
    kept: Keeping
    world: World = field(init=False)
    planned: list[PlannedStep] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    used: dict[str, Connection] = field(default_factory=dict)

    may_write: bool = field(default=False, init=False)
    """A step that is no look stands in the plan already."""
    _read: frozenset[str] = field(init=False)
    """First names that expressions of any step read."""
    _until_ms: int = field(init=False)

    def __post_init__(self) -> None:
        runbook, clock = self.runbook, self.answers.clock
        self.world = World(self.answers, threads=TOGETHER, by_hand=self.site.by_hand)
        every = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
        reads = (ref for step in all_steps(every) for ref in refs_of(step))
        self._read = frozenset(ref.partition(".")[0] for ref in reads)
        self._until_ms = clock.mono_ms() + int(self.site.patience_s * 1000)

    def _can_wait(self, step: ActionStep, here: Here) -> bool:
        """A look behind what may write, and nothing is decided by it: it holds up no question.

        It is taken in its turn, as it would be in any case. A dry run and a review are for what
        they look at, and who agrees from afar has time.
        """
        site = self.site
        return (
            self.may_write
            and step.action.spec.effect is Effect.READS
            and not here.group
            and step.words.id not in self._read
            and not (site.mode == "dry-run" or site.served or self.runbook.review)
        )

    def _patience_s(self) -> float:
        return max(0, self._until_ms - self.answers.clock.mono_ms()) / 1000

    def action(self, step: ActionStep, address: str, here: Here) -> Value | Absent:
        concluded = self.state.step(address).conclusion
        if concluded is not None:
            return self._keep(step, address, concluded)
        self.ahead.begin(address, here)
        ready = Ready(self.site, step, address, here.values)
        arguments = ready.arguments
        if ready.late is not None:
            system = step.action.spec.system
            self._uses(*(n for n, c in self.site.connections.items() if c.system == system))
            self._add(step, address, here, StepPlan.LATE, arguments=arguments, late=ready.late)
            return late_output(address, step)
        self._uses(ready.connection.name)
        if self._can_wait(step, here) and not self.ahead.has_looked(address, self._patience_s()):
            says = "still being looked at"
            self._add(step, address, here, StepPlan.LATE, arguments=arguments, says=says)
            return late_output(address, step)
        self.progress.say(
            f"looking{self._place(here.group or address)}: {step.words.title or address}"
        )
        try:
            script = ready.script(self.state, self.journal, self.now)
            reader, keep = self.answers.of(address), partial(self.kept.keep, address)
            world = self.world.through(reader, keep)
            seen = look(script, world, known={}, predict=True)
        except ShapeError as error:
            raise RespondError(f"step {address!r} cannot be planned", why=str(error)) from error
        except LateValueUsedError as error:
            # It looks at what an earlier step of the plan makes.
            self._add(step, address, here, StepPlan.LATE, arguments=arguments, late=error.late)
            return late_output(address, step)
        except StepFailedError as error:
            return self._unseen(step, address, here, arguments, error)
        except RefusedByPersonError as error:
            return self._refused(step, address, here, arguments, error)
        outcome = seen.outcome
        writes = tuple(planned_write(write) for write in seen.writes)
        self._uses(*(name.partition("/")[0] for each in writes for name in each.changes))
        if isinstance(outcome, NotYet):
            self._add(step, address, here, StepPlan.WAITS, arguments=arguments, says=outcome.says)
            return late_output(address, step)
        done = outcome if isinstance(outcome, Done) else None
        output = values_of(done.output) if done else None
        self._add(
            step,
            address,
            here,
            StepPlan.NOTHING if done and not writes else StepPlan.WRITES,
            arguments=arguments,
            says=outcome.says,
            writes=writes,
            subjects=seen.subjects,
            # After held-back writes the script saw what they would leave: no finding of today.
            findings=lines_of(done.findings) if done and not writes else (),
            output=output,
        )
        return output if done else late_output(address, step)

    def each(
        self, step: ActionStep | BlockStep, address: str, here: Here, items: list[Value]
    ) -> None:
        if isinstance(step, ActionStep) and step.for_each is not None:
            self.ahead.each(step, step.for_each, address, here.values, items)

    def _place(self, address: str) -> str:
        """How far it is, of all that may come."""
        steps = all_steps((*self.runbook.steps, *self.runbook.always))
        # Branches may hold the same steps.
        ids = list(dict.fromkeys(s.words.id for s in steps if isinstance(s, ActionStep)))
        return f" {ids.index(address) + 1}/{len(ids)}" if address in ids else ""

    def _uses(self, *names: str) -> None:
        known = self.site.connections
        self.used |= {name: known[name] for name in names if name in known}

    def _keep(self, step: ActionStep, address: str, concluded: Any) -> Value | Absent:
        old = self.state.plan.step(address) if self.state.plan is not None else None
        if old is not None:
            self.planned.append(old)
        if not concluded.how.has_output:
            return Absent(concluded.why)
        return recorded_values(step.action, concluded.output)

    def _unseen(
        self,
        step: ActionStep,
        address: str,
        here: Here,
        arguments: dict[str, Value],
        error: StepFailedError,
    ) -> Value | Absent:
        reads = step.action.spec.effect is Effect.READS
        if error.exit_code is not ExitCode.FAILED:
            raise error
        stops = reads and step.words.on_failure.how == "stop"
        if stops and not here.apart:
            raise error
        says = error.what if not error.why else f"{error.what}: {error.why}"
        self._add(step, address, here, StepPlan.UNSEEN, arguments=arguments, says=says)
        self.unseen.append(f"{_named(step, address, here)}: {says}")
        return Absent(says, failed=stops) if reads else late_output(address, step)

    def _refused(
        self,
        step: ActionStep,
        address: str,
        here: Here,
        arguments: dict[str, Value],
        error: RefusedByPersonError,
    ) -> Absent:
        """A guard refuses. Where the runbook goes on after a failure, all else is planned.

        Raises:
            RefusedByPersonError: The runbook stops there.
        """
        if step.words.on_failure.how != "continue":
            raise error
        says = "; ".join(filter(None, (error.what, error.why, error.do)))
        self._add(step, address, here, StepPlan.REFUSED, arguments=arguments, says=says)
        return Absent(says)

    def _add(
        self,
        step: ActionStep,
        address: str,
        here: Here,
        plan_state: StepPlan,
        *,
        arguments: dict[str, Value],
        says: str = "",
        output: Value = None,
        late: Late | None = None,
        **more: Any,
    ) -> None:
        confirm = step.confirm.value(here.values) if step.confirm is not None else ""
        self._note(
            step,
            address,
            here,
            plan_state,
            late.says if late is not None and not says else says,
            late.step if late is not None else "",
            title=titled(step, here),
            arguments=encode(arguments),
            confirm="" if isinstance(confirm, Late) else str(confirm or ""),
            output=encode(output),
            limit=self.site.care(step).limit,
            approve=self.site.approval(step, more.get("writes", ())),
            **more,
        )

    def _note(
        self,
        step: Step,
        address: str,
        here: Here,
        plan_state: StepPlan,
        says: str,
        late: str = "",
        **more: Any,
    ) -> None:
        words, spec = step.words, step.action.spec if isinstance(step, ActionStep) else None
        told: dict[str, Any] = {"title": words.title and titled(step, here), **more}
        self.may_write |= spec is not None and spec.effect is not Effect.READS
        self.planned.append(
            PlannedStep(
                address=address,
                id=words.id,
                phase=words.phase or here.phase,
                action=spec.name if spec else "",
                effect=spec.effect if spec else Effect.READS,
                state=plan_state,
                says=says,
                why=words.why,
                late_on=(late,) if late else (),
                group=here.group,
                within=here.within,
                **told,
            )
        )

    def asserted(self, step: AssertStep, address: str, here: Here) -> Absent | None:
        holds = step.holds.value(here.values)
        if isinstance(holds, Late):
            self._note(step, address, here, StepPlan.LATE, holds.says, holds.step)
            return None
        if holds is True:
            return None
        message = step.message.value(here.values)
        says = message if isinstance(message, str) else f"assert: {step.holds.source}"
        error = NotSoError(says, why=f"assert: {step.holds.source}", do="nothing has been changed")
        self.impossible(step, address, here, error)
        return Absent(says, failed=True)

    def waited(self, step: WaitStep, address: str, here: Here) -> Value | Absent:
        if self.state.step(address).conclusion is None:
            known = timed(step, here.values, self.now)
            if isinstance(known, Late):
                self._note(step, address, here, StepPlan.LATE, known.says, known.step)
            else:
                self._note(step, address, here, StepPlan.WAITS, wait_says(known))
        return None

    def skipped(self, step: Step, address: str, here: Here, why: str) -> None:
        if isinstance(step, EndStep):
            return  # It ends nothing here, and is no work that is left out.
        when = step.words.when.source if step.words.when is not None else ""
        self._note(step, address, here, StepPlan.SKIPPED, why, when=when)

    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        self._note(step, here.prefix + step.words.id, here, StepPlan.LATE, on.says, on.step)
        for inner, where, place in actions_in(step, here.prefix + step.words.id, here):
            if inner is not step:
                self._note(inner, where, place, StepPlan.LATE, on.says, on.step)
            place.values.setdefault(inner.words.id, late_output(inner.words.id, inner))

    def not_started(self, step: Step, address: str, here: Here, why: str) -> None:
        says = f"not planned, since {why} cannot be"
        self.unseen.append(f"{step.words.title or address}: {says}")
        # It stands in the plan all the same: what it was to contain is not contained.
        for inner, where, place in actions_in(step, address, here):
            self._note(inner, where, place, StepPlan.UNSEEN, says)

    def impossible(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        """Nothing is planned then, unless it is one of several that stand each for itself."""
        if not here.apart:
            raise error
        self._note(step, address, here, StepPlan.UNSEEN, error.what)
        self.unseen.append(f"{_named(step, address, here)}: {error.what}")

    def called_ended(self, step: BlockStep, address: str, here: Here, say: str) -> None:
        self._note(step, address, here, StepPlan.ENDS, say)

    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        self.unseen.append(f"{address}: {count} targets, more than {limit}: asks again")
        return True


def _named(step: Step, address: str, here: Here) -> str:
    """A step as people know it; of several that are alike, which one."""
    title = titled(step, here) or address
    return f"{title} ({here.within})" if here.within else title


def wait_says(step: WaitStep) -> str:
    """What a wait waits for, in a line."""
    if step.till:
        return f"waits until {step.till}"
    minutes, seconds = divmod(step.within_s, 60)
    length = f"{minutes} min" if minutes else f"{seconds} s"
    return f"waits {length}" if step.until is None else f"{waits_for(step)}, at most {length}"


def waits_for(step: WaitStep) -> str:
    """The same without its length, for where what is left of that is said."""
    return f"waits until {step.until.source}" if step.until is not None else "waits"
