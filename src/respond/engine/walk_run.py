"""Take the way through a runbook and do what it comes to: steps, sets, waits, assertions.

What was concluded before answers from the journal, so that a resumed run takes the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from functools import partial
from typing import Any

from respond.core.events import Kind
from respond.core.fold import As
from respond.core.plan import OthersAgree, StepPlan
from respond.core.questions import AskConfirm, AskDrift, Decision
from respond.core.recorded import Confirmed, ConfirmScope, Since, data_of
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    EndStep,
    ParallelStep,
    Phase,
    Step,
    WaitStep,
    all_steps,
)
from respond.core.script import Done, Effect
from respond.core.shapes import ShapeError, encode
from respond.core.values import Late, Value
from respond.engine.inventory import SetTaken
from respond.engine.late_inputs import learned, unknown
from respond.engine.other_people import agreed_to, heed_any_no, step_needs
from respond.engine.run import LiveRun, lies_in
from respond.engine.setting import values_of
from respond.engine.step.agree import Agreement
from respond.engine.step.prove import cannot_run, conclude, failure_of
from respond.engine.step.state import LiveStep
from respond.engine.step.step import StepRun
from respond.engine.stopping import FailedOpenError, WaitsError
from respond.engine.together import SetTogether, Touched
from respond.engine.walk import Absent, Came, Here, Place, Walk, actions_in, timed
from respond.engine.walk_plan import wait_says, waits_for
from respond.errors import ParkedError, StepFailedError, UnknownOutcomeError

__all__ = ["EngineWalk"]

PARALLEL_MAX = 4
"""Threads for ``parallel``; more would only wait for the same rate limits."""

_SITS_S = 900
"""Until a time that is further away nobody sits at a terminal: then a run parks."""

_UNSURE = (StepPlan.LATE, StepPlan.UNSEEN, StepPlan.WAITS, StepPlan.REFUSED)
"""Of such a step nobody knows what it will read and write."""


class EngineWalk(Walk, kw_only=True):
    """A walk that does what it comes to."""

    live: LiveRun
    sets: dict[str, SetTaken] = field(default_factory=dict)
    uncontained: dict[str, str] = field(default_factory=dict)
    """Steps that were to contain and failed, by their titles, with the reason."""

    def action(self, step: ActionStep, address: str, here: Here) -> Value | Absent:
        at = self._ready(step, address, here)
        try:
            came = StepRun(at, Agreement(at)).go()
        except (FailedOpenError, UnknownOutcomeError) as open_:
            tools = self.live.tools
            if (
                step.words.on_failure.how != "continue"
                or tools.prompt.is_there
                or tools.stop.wanted
            ):
                raise
            tools.progress.say(f"{open_.what}: it waits, and the run goes on as far as it may")
            self.live.waiting[address] = open_
            return Absent(open_.what, waits=True)
        recovered = step.words.on_failure.recovered or here.recovered
        if isinstance(came, Absent) and came.failed and at.phase is Phase.CONTAIN and not recovered:
            self.uncontained[at.title] = came.why
        return came

    def _ready(self, step: ActionStep, address: str, here: Here) -> LiveStep:
        """The step, with the inputs that it needs and nobody was asked for yet."""
        at = LiveStep(self.live, step, address, here)
        while at.state.conclusion is None:
            try:
                late = at.ready.late
            except StepFailedError:
                break  # It says so itself.
            if late is None or not learned(self.live, late, here, address):
                break
            at = LiveStep(self.live, step, address, here)
        return at

    def waits(self) -> bool:
        return bool(self.live.waiting)

    def park_if_waiting(self) -> None:
        """Park, if something has failed that people have to decide about.

        Raises:
            ParkedError: The first of it, with the rest named.
        """
        for first in self.live.waiting.values():
            if more := list(self.live.waiting)[1:]:
                first.why = "; ".join([*filter(None, [first.why]), f"{', '.join(more)} too"])
            raise first

    def each(
        self, step: ActionStep | BlockStep, address: str, here: Here, items: list[Value]
    ) -> None:
        self.sets[address] = SetTaken(step, address, here, tuple(items))

    # --- at the same time -----------------------------------------------------------------------

    def together(self, step: ParallelStep, here: Here) -> None:
        if not self._apart(step, here):
            self.steps(step.steps, here)
            return
        with ThreadPoolExecutor(max_workers=PARALLEL_MAX, thread_name_prefix="step") as pool:
            walk_too = partial(EngineWalk, self.runbook, self.site, live=self.live, sets=self.sets)
            walks = [walk_too(uncontained=self.uncontained) for _ in step.steps]
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

    def items(self, step: ActionStep, places: Iterable[Place]) -> Iterator[Came]:
        """In order; those at the same time of which none depends on another (rule 10).

        A failure that stops the run keeps the targets behind it from being written, so only what
        reads, or goes on after a failure, goes at the same time.
        """
        reads = step.action.spec.effect is Effect.READS
        if self._halted or not (reads or step.words.on_failure.how == "continue"):
            yield from Walk.items(self, step, places)
            return
        together = SetTogether(step, self.action)
        for address, here in places:
            touched = self._touched(step, address, here)
            if touched is None or not together.has_room_for(address, touched):
                yield from together.came()
                together = SetTogether(step, self.action)
            if touched is None:
                # Somebody may be asked here, or nobody knows what it does.
                yield from Walk.items(self, step, [(address, here)])
            else:
                together.add(address, here, touched, map(self.site.at_once, touched.connections))
        yield from together.came()

    def _touched(self, step: ActionStep, address: str, here: Here) -> Touched | None:
        """What an item reads and writes, as far as it is the tool's, foreseen and agreed to."""
        known, plan = self.live.state.step(address), self.live.state.plan
        if known.conclusion is not None:
            return Touched()
        planned = plan.step(address) if plan is not None else None
        if planned is None or planned.late_on or planned.state in _UNSURE or known.open():
            return None
        if any(w.hands == "person" for w in planned.writes):
            return None
        if planned.writes and Agreement(LiveStep(self.live, step, address, here)).is_wanted_first():
            return None
        return Touched(
            reads=frozenset(planned.subjects),
            subjects=frozenset(w.subject for w in planned.writes),
            changes=frozenset(name for w in planned.writes for name in w.changes),
        )

    def _apart(self, step: ParallelStep, here: Here) -> bool:
        """Whether none of the steps writes what another one reads or writes (rule 10).

        Steps at which a person is asked, or does the work, come one after the other too.
        """
        plan = self.live.state.plan
        if plan is None:
            return False
        touched: list[tuple[set[str], set[str]]] = []
        for inner in step.steps:
            address = here.prefix + inner.words.id
            slices = plan.of(address)
            if not slices or any(s.late_on or s.state in _UNSURE for s in slices):
                return False
            shown = [w for s in slices for w in s.writes]
            if any(w.hands == "person" or w.effect is Effect.DESTROYS for w in shown):
                return False
            if (
                isinstance(inner, ActionStep)
                and inner.action.spec.effect is not Effect.READS
                and self.site.care(inner).confirm
            ):
                return False
            writes = {name for w in shown for name in w.changes}
            touched.append((writes, {name for s in slices for name in s.subjects}))
        return all(
            not (writes & (reads | others))
            for n, (writes, _) in enumerate(touched)
            for m, (others, reads) in enumerate(touched)
            if n != m
        )

    # --- assertions and waits -------------------------------------------------------------------

    def asserted(self, step: AssertStep, address: str, here: Here) -> Absent | None:
        holds = step.holds.value(here.values)
        if holds is True:
            return None
        if isinstance(holds, Late):
            if learned(self.live, holds, here, address):
                return self.asserted(step, address, here)
            return self._needs(step, address, here, holds)
        message = step.message.value(here.values)
        why = message if isinstance(message, str) else f"assert: {step.holds.source}"
        self._agree_to_end(step, address, here, why)
        self._conclude(step, address, here, As.FAILED, why)
        return Absent(why, failed=True)

    def waited(self, step: WaitStep, address: str, here: Here) -> Value | Absent:
        end = self.live.state.step(address).conclusion
        if end is not None:
            return None if end.how.is_good else Absent(end.why, failed=True)
        since = self.live.state.waits.get(address) or self.live.since_now()
        known = timed(step, here.values, since.since // 1000)
        if isinstance(known, Late):
            return self._needs(step, address, here, known)
        at = LiveStep(self.live, step.look, address, here) if step.look is not None else None
        if at is not None and at.ready.late is not None:
            return self._needs(step, address, here, at.ready.late)
        return self._wait(known, at, address, here, since)

    def _needs(self, step: Step, address: str, here: Here, late: Late) -> Absent:
        """What keeps the run from going on cannot be judged, so it does not go on."""
        self.park_if_waiting()
        self.undecided(step, address, here, late)
        return Absent(f"it needs {late.step}.{late.name}", failed=True)

    def _wait(
        self, step: WaitStep, at: LiveStep | None, address: str, here: Here, since: Since
    ) -> Absent | None:
        live = self.live
        live.tools.progress.say(wait_says(step))
        while True:
            passed = live.passed_s(since)
            met, seen, trouble = self._until(step, at, here)
            if met or (step.until is None and passed >= step.within_s):
                self._conclude(step, address, here, As.DONE, "", says=wait_says(step), output=seen)
                return None
            if passed >= step.within_s:
                why = f"not within {step.within_s} s: {step.until.source if step.until else ''}"
                why += f"; {trouble}" if trouble else ""
                self._conclude(step, address, here, As.FAILED, why)
                return Absent(why, failed=True)
            left = step.within_s - passed
            sits = live.tools.prompt.is_there and not (step.till and left > _SITS_S)
            if not sits and live.site.mode != "rehearsal":  # Nobody waits here: it parks (rule 17).
                raise WaitsError(
                    wait_says(step),
                    why=trouble,
                    do=f"respond resume {live.run}",
                    address=address,
                    since=since,
                )
            pause = min(step.every_s, max(1, step.within_s - passed))
            live.pause(pause, waits_for(step), partial(heed_any_no, live), left)

    def _until(self, step: WaitStep, at: LiveStep | None, here: Here) -> tuple[bool, Any, str]:
        """Whether it has happened, what was seen, and why nothing was; no answer is not yet."""
        if step.until is None:
            return False, None, ""
        if at is None:
            return step.until.value(here.values) is True, None, ""
        try:
            outcome = at.look().outcome
        except StepFailedError as error:
            self.live.tools.progress.say(f"{error.what}; looking again")
            return False, None, ": ".join(filter(None, (error.what, error.why)))
        except ShapeError as error:
            raise cannot_run(at.address, error) from error
        if not isinstance(outcome, Done):
            return False, None, ""
        values = {**here.values, "seen": values_of(outcome.output)}
        return step.until.value(values) is True, encode(outcome.output), ""

    # --- an end that was not planned ------------------------------------------------------------

    def ends(self, step: EndStep, address: str, here: Here, say: str) -> bool:
        if not here.called:
            self.park_if_waiting()
        self._agree_to_end(step, address, here, say)
        return True

    def called_ended(self, step: BlockStep, address: str, here: Here, say: str) -> None:
        self._conclude(step, address, here, As.DONE, "", says=say)

    def failed_in(self, called: str) -> Mapping[str, str]:
        return self.live.first_failure(called)

    def _agree_to_end(self, step: Step, address: str, here: Here, say: str) -> None:
        """An end that the plan did not foresee takes planned writes away: that is drift (P10).

        Raises:
            ParkedError: Nobody agreed to it.
        """
        plan, live = self.live.state.plan, self.live
        # What an end or a failure stops: all of it, or the called runbook, item or block it is in.
        stops = (here.called,) if isinstance(step, EndStep) else here.apart or ("",)
        left = [each for each in live.not_reached() if lies_in(each.address, stops)]
        lost = tuple(write for each in left for write in each.writes)
        if plan is None or plan.ends or not lost or live.state.step(address).confirmed:
            return
        if any(s.address == address and s.late_on for s in plan.of(address)):
            return  # Nobody could foresee it, and the plan said so.
        answer = live.ask(
            AskDrift(
                step=address,
                title=step.words.title or "The run would end here, and that was not planned",
                planned=tuple(write.says for write in lost),
                now=(f"ends: {say}",),
                wants="end here",
                planned_writes=lost,
            )
        )
        if answer.decision is not Decision.YES:
            raise ParkedError(
                f"the run would end here: {say}",
                why=f"{len(lost)} planned writes would not be done, and nobody agreed to that",
                do=f"respond resume {live.run}, or respond cancel {live.run}",
            )
        told = data_of(
            Confirmed,
            decision=Decision.YES,
            scope=ConfirmScope.END,
            writes=[f"end {each}".rstrip() for each in stops],
            says=[write.says for write in lost],
            typed=answer.typed,
        )
        live.add(Kind.CONFIRMED, address, by=answer.by or live.site.operator, **told)

    # --- what does not run ----------------------------------------------------------------------

    def skipped(self, step: Step, address: str, here: Here, why: str) -> None:
        if not isinstance(step, ActionStep):
            return
        plan = self.live.state.plan
        planned = plan is not None and any(s.writes for s in plan.of(address))
        if planned and not self.live.agreed_to_end(address):
            self._conclude(step, address, here, As.LEFT_OPEN, f"it was planned, and now: {why}")
        else:
            self._conclude(step, address, here, As.SKIPPED, why)

    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        if self.live.state.step(address).conclusion is None and learned(
            self.live, on, here, address
        ):
            self._decided(step, address, here)
            return
        if self.waits():
            return  # It may have happened when the run comes here again.
        self._conclude(step, address, here, As.LEFT_OPEN, unknown(self.live, on, address))

    def impossible(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        failure = failure_of(step, here, error)
        self._conclude(step, address, here, As.FAILED, error.what, error=failure)

    def not_started(self, step: Step, address: str, here: Here, why: str) -> None:
        self.live.tools.progress.say(f"not started: {step.words.title or address} ({why} failed)")
        plan, says = self.live.state.plan, f"not started, since {why} failed"
        for inner, where, place in actions_in(step, address, here):
            # What the plan names is known to be left; of a set that came late it names no item.
            if place.recovered or (plan is not None and plan.step(where) is not None):
                continue
            told = f"{says} ({place.within})" if place.within else says
            self._conclude(inner, where, place, As.LEFT_OPEN, told)

    def _conclude(
        self,
        step: Step,
        address: str,
        here: Here,
        how: As,
        why: str,
        *,
        says: str = "",
        **more: Any,
    ) -> None:
        if self.live.state.step(address).conclusion is not None:
            return
        if how is As.FAILED:
            more.setdefault("error", failure_of(step, here, StepFailedError(why)))
        conclude(self.live, step, address, here, how, says=says or why, why=why, **more)

    # --- how many -------------------------------------------------------------------------------

    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        if f"all {count}" in self.live.state.step(address).confirmed:
            return True
        approve = self._approval(step) if self.live.site.served else None
        if approve is not None:
            needed = step_needs(self.live, approve, address, (), f"all {count}")
            if needed is not None:
                agreed_to(self.live, needed)
                return True
        answer = self.live.ask(
            AskConfirm(
                step=address,
                title=step.words.title or address,
                wants=f"all {count}",
                destructive=True,
                lines=(f"{count} targets",),
                over_limit=f"the runbook expects at most {limit}",
            )
        )
        if answer.decision is not Decision.YES:
            return False
        told = data_of(
            Confirmed,
            decision=Decision.YES,
            scope=ConfirmScope.LIMIT,
            writes=[f"all {count}"],
            typed=answer.typed,
        )
        self.live.add(Kind.CONFIRMED, address, by=answer.by or self.live.site.operator, **told)
        return True

    def _approval(self, step: Step) -> OthersAgree | None:
        """What the strictest of the action steps in it needs; None when none needs anything."""
        inside = [each for each in all_steps((step,)) if isinstance(each, ActionStep)]
        needs = [found for each in inside if (found := self.live.site.approval(each)) is not None]
        return max(needs, key=lambda need: (need.count, len(need.roles)), default=None)
