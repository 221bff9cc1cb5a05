"""Go through a runbook on a person's word, on the night on which nothing can be looked at.

Every credential refused, single sign-on down, the vendor's API answering 503: then a plan cannot
be made, and ``--by-hand`` still has to lead somebody through. Each step is asked for in the
console's words, and every answer is recorded as a word, never as something seen. What depends on
what nobody can look at is said as a condition for the person to judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any

from respond.core.events import Kind
from respond.core.fold import As
from respond.core.questions import AskPerson, Decision
from respond.core.recorded import Confirmed, data_of
from respond.core.records import replace
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Phase,
    Step,
    WaitStep,
)
from respond.core.script import Effect
from respond.core.values import Late, SecretHandle, Value
from respond.engine.late_inputs import learned
from respond.engine.run import LiveRun
from respond.engine.step.prove import conclude
from respond.engine.walk import Absent, Here, Walk, late_output, timed
from respond.errors import StepFailedError

__all__ = ["WordWalk"]


class WordWalk(Walk, kw_only=True):
    """A walk that asks a person to do each step, and looks at nothing."""

    live: LiveRun
    _judge: list[str] = field(default_factory=list, init=False)

    def action(self, step: ActionStep, address: str, here: Here) -> Value | Absent:
        concluded = self.live.state.step(address).conclusion
        if concluded is not None or step.action.spec.effect is Effect.READS:
            return late_output(address, step)
        # What the person has to judge before this step is said once.
        lines = [*self._judge, *_task(step, here)]
        self._judge.clear()
        link = lines.pop() if lines and lines[-1].startswith("https://") else ""
        title = step.words.title or step.action.spec.summary
        answer = self.live.ask(
            AskPerson(
                step=address, title=title, instructions="\n".join(lines), link=link, wants="done"
            )
        )
        done = answer.decision is Decision.YES
        if done:
            told = data_of(Confirmed, decision=Decision.WORD, says=[title], typed=answer.typed)
            self.live.add(Kind.CONFIRMED, address, by=self.live.site.operator, **told)
        self._conclude(step, address, here, As.YOUR_WORD if done else As.LEFT_OPEN)
        return late_output(address, step)

    def _conclude(self, step: Step, address: str, here: Here, how: As) -> None:
        says = "done by hand; nothing could be looked at"
        if how is As.LEFT_OPEN:
            says = f"skipped by {self.live.site.operator.id}"
        why = "" if how is As.YOUR_WORD else says
        conclude(self.live, step, address, here, how, says=says, proved=False, why=why)

    # --- what nobody can look at ---------------------------------------------------------------

    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        if learned(self.live, on, here, address):
            self._decided(step, address, here)
            return
        match step:
            case EndStep():
                say = step.say.value(here.values)
                words = step.words.title or "it ends well there"
                self._judge.append(f"Stop here if this is so: {words}.")
                if isinstance(say, str):
                    self._judge.append(f"Then: {say}")
            case ChooseStep():
                self.steps(_likely(step, here), here)
            case ActionStep() | BlockStep():
                if step.words.when is not None and "has(" not in step.words.when.source:
                    self._judge.append(
                        f"Leave it out if so: {step.words.skipped}."
                        if step.words.skipped
                        else f"Only if it applies: {step.words.when.source}."
                    )
                if step.for_each is not None:
                    if isinstance(step, BlockStep):
                        words = step.words.title or step.for_each.items.source
                        self._judge.append(f"All that follows for each, one by one: {words}.")
                    late = Late(on.step, step.for_each.name)
                    here = replace(here, values={**here.values, step.for_each.name: late})
                if isinstance(step, ActionStep):
                    self.action(step, address, here)
                else:
                    self._block(step, here, address)
            case _:
                self._judge.append(step.words.title or step.words.id)

    def asserted(self, step: AssertStep, address: str, here: Here) -> Absent | None:
        holds = step.holds.value(here.values)
        if holds is True:
            return None
        message = step.message.value(here.values)
        said = message if isinstance(message, str) else ""
        if isinstance(holds, Late):
            title = step.words.title or step.holds.source
            words = f"Stop here if this is so: {said}" if said else f"Go on only if: {title}."
            self._judge.append(words)
            return None
        raise StepFailedError(said or step.words.title, why=f"assert: {step.holds.source}")

    def waited(self, step: WaitStep, address: str, here: Here) -> Value | Absent:
        known = timed(step, here.values, self.live.now)
        length = known.says if isinstance(known, Late) else f"{max(1, known.within_s // 60)} min"
        if not isinstance(known, Late) and known.till:
            length = f"until {known.till}"
        self._judge.append(f"First: {step.words.title or 'wait'} ({length}).")
        return None

    def impossible(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        if self.live.state.step(address).conclusion is None:
            self._conclude(step, address, here, As.LEFT_OPEN)

    def not_started(self, step: Step, address: str, here: Here, why: str) -> None:
        self.live.tools.progress.say(f"not started: {step.words.title or address} ({why})")

    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        return True  # Each of them is asked for one by one.


def _likely(step: ChooseStep, here: Here) -> tuple[Step, ...]:
    """The branch of the input that was given; containment first where that says nothing."""
    inputs = here.values.get("inputs")
    given = list(inputs.values()) if isinstance(inputs, dict) else []
    for word, branch in step.branches.items():
        if word in given:
            return branch
    contains = [b for b in step.branches.values() if b and b[0].words.phase is Phase.CONTAIN]
    return (contains or list(step.branches.values()))[0]


def _task(step: ActionStep, here: Here) -> Iterator[str]:
    """What the person does: why, what breaks, the console's words, what is known of the target."""
    if step.words.why:
        yield step.words.why
    told = {name: _known(step, name, here) for name, t in step.arguments.items() if t.refs}
    if step.action.spec.system == "human":
        yield from str(_known(step, "instructions", here)).splitlines()
        return
    for name, value in told.items():
        if value:
            yield f"{name}: {value}"
    if step.confirm is not None and isinstance(breaks := step.confirm.value(here.values), str):
        yield f"Breaks: {breaks}"
    yield from step.action.spec.by_hand or (step.action.spec.summary,)


def _known(step: ActionStep, name: str, here: Here) -> Any:
    """An argument as far as it is known without looking; a secret by its ending."""
    try:
        value = step.arguments[name].value(here.values)
    except StepFailedError:
        return ""
    match value:
        case SecretHandle() if name == "value":
            return f"the one that ends in ...{value.hint}" if value.hint else ""
        case str() | int():
            return value
        case _:
            return ""
