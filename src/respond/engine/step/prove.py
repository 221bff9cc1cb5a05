"""Prove that a step did what it was to do, and record how it came out (P6).

A step is done when a look with tied hands does not want anything any more; what is not seen
within its settle time is recorded as not seen.
"""

from __future__ import annotations

import re
from typing import Any, Final

from respond.core.events import Kind
from respond.core.finding import lines_of, structured
from respond.core.fold import As, WriteStatus
from respond.core.recorded import Conclusion, StepFailure, data_of
from respond.core.records import is_record, names_of, replace
from respond.core.runbook import Step
from respond.core.script import Done, Effect, NotYet, Proof
from respond.core.shapes import ShapeError
from respond.core.values import SecretHandle, Value
from respond.engine.drivers import Look, still_wanted
from respond.engine.run import LiveRun
from respond.engine.setting import values_of
from respond.engine.step.state import ONCE_MORE_S, LiveStep, pauses
from respond.engine.walk import Absent, Here, titled
from respond.errors import StepFailedError

__all__ = [
    "cannot_run",
    "conclude",
    "end_with",
    "failed",
    "failure_of",
    "left_open",
    "observe",
    "prove",
]

_ALREADY: Final = re.compile(r" already(?=$|: )")
"""How an action says that it found nothing to do."""


def prove(at: LiveStep, outcome: Done[Any]) -> Value:
    """Look with tied hands until nothing is wanted, or the settle time is over.

    Returns:
        The step's output, after its conclusion is recorded.
    """
    outcome = _with_its_secrets(at, outcome)
    to_see = [
        w for w in at.state.writes if w.status is WriteStatus.DONE and w.write.proof is Proof.SEEN
    ]
    if not to_see:
        return end_with(at, outcome)
    settle = max(w.write.settle_s for w in to_see)
    looks, agreed = max(w.write.looks for w in to_see), 0
    last: Look[Any] | None = None
    failure: StepFailedError | None = None
    for pause in (0.0, *pauses(settle), *[ONCE_MORE_S] * (looks - 1)):
        at.live.pause(pause, "waiting until it is seen")
        try:
            last = at.look()
        except StepFailedError as error:
            # The write is done and recorded; a look that fails is tried until the time is over.
            failure, agreed = error, 0
            continue
        if still_wanted(last) or not isinstance(last.outcome, Done):
            agreed = 0
            continue
        agreed += 1
        if agreed >= looks:
            return end_with(at, last.outcome)
    why = f"it was done, and was not seen within {settle} s"
    if last is not None and isinstance(last.outcome, NotYet):
        why = f"{why}: {last.outcome.says}"
    if last is None and failure is not None:
        why = f"it was done, and could not be looked at: {failure.what}"
    output = last.outcome.output if last and isinstance(last.outcome, Done) else outcome.output
    observe(at, As.NOT_SEEN, Done(output, says=why, proved=False), why=why)
    return values_of(output)


def _with_its_secrets(at: LiveStep, outcome: Done[Any]) -> Done[Any]:
    """The same, with the handles of what was kept meanwhile.

    A script that made a secret in its last pass knows its name alone, and what nobody can look at
    has no later pass; a handle without a digest would be taken for a secret that is not made yet.
    """
    output = outcome.output
    if not is_record(output):
        return outcome
    bare = {
        field: value.name
        for field in names_of(type(output))
        if isinstance(value := getattr(output, field), SecretHandle) and not value.digest
    }
    if not bare:
        return outcome
    held = at.live.tools.journal.held(at.live.run)
    made = {field: held[name] for field, name in bare.items() if name in held}
    return replace(outcome, output=replace(output, **made))


def end_with(at: LiveStep, outcome: Done[Any]) -> Value:
    """Record what the step came to, and give its output."""
    done = at.state.done().values()
    how = As.DONE
    if not done and at.step.action.spec.effect is not Effect.READS:
        how = As.UNCHANGED
    if any(w.write.proof is Proof.WORD for w in done):
        how = As.YOUR_WORD
    if done:
        # A look after our own write finds it there; that is this run's work, and nothing found.
        outcome = replace(outcome, says=_ALREADY.sub("", outcome.says))
    observe(at, how, outcome, why="")
    return values_of(outcome.output)


# --- how it stands in the journal ----------------------------------------------------------------


def observe(at: LiveStep, how: As, outcome: Done[Any], *, why: str) -> None:
    """Record a conclusion with its output."""
    more: dict[str, Any] = {"found": structured(outcome.findings), "exposures": outcome.exposures}
    _observed(
        at,
        how,
        says=outcome.says,
        output=outcome.output,
        proved=outcome.proved,
        findings=[*lines_of(outcome.findings), *_gone(at, outcome)],
        why=why,
        **{name: value for name, value in more.items() if value},
    )


def left_open(at: LiveStep, why: str, *, said: bool = False) -> Absent:
    """Record that the step stays open.

    Args:
        said: A person's word is all that leaves it open, and stands in no other record.
    """
    _observed(at, As.LEFT_OPEN, synced=said or None, says=why, why=why)
    return Absent(why)


def failed(at: LiveStep, error: StepFailedError, *, said: bool = False) -> Absent:
    """Record that the step failed; ``said`` as in ``left_open``."""
    failure = failure_of(at.step, at.here, error)
    _observed(at, As.FAILED, synced=said or None, says=error.what, why=error.what, error=failure)
    return Absent(error.what, failed=True)


def cannot_run(address: str, error: ShapeError) -> StepFailedError:
    """A value of the step is not what its action takes."""
    return StepFailedError(f"step {address!r} cannot run", why=str(error))


def failure_of(step: Step, here: Here, error: StepFailedError) -> StepFailure:
    """A failure as the journal has it."""
    return StepFailure(
        what=error.what,
        why=error.why,
        do=error.do,
        request=error.request,
        by_hand=error.by_hand,
        recovered=step.words.on_failure.recovered or here.recovered,
    )


def conclude(live: LiveRun, step: Step, address: str, here: Here, how: As, **told: Any) -> None:
    """Record how a step ended that called no action."""
    title, name = step.words.title and titled(step, here), (step.words.phase or here.phase)
    shown = name.value if name is not None else ""
    told = data_of(Conclusion, how=how, title=title, phase=shown, **told)
    live.add(Kind.OBSERVED, address, **told)


def _observed(at: LiveStep, how: As, *, synced: bool | None = None, **told: Any) -> None:
    phase = at.phase.value if at.phase else ""
    told = data_of(Conclusion, how=how, title=at.title, phase=phase, **told)
    at.add(Kind.OBSERVED, synced=synced, **told)


def _gone(at: LiveStep, outcome: Done[Any]) -> list[str]:
    """What was to stay beside something that a person removed by hand, and is gone."""
    if outcome.stays is None:
        return []
    before = {name for w in at.state.writes if w.by == "person" for name in w.write.stays}
    return [
        f"ALARM: {name} was there before and is gone: was the wrong one removed?"
        for name in sorted(before - set(outcome.stays))
    ]
