"""Count a run over a set: every item done, failed or left out, and a fresh look at the set (P9).

Where the set came from a read step it is read again at the end, so that an item which appeared
while the run went on is named. A set that was typed in is counted and not read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from respond.core.fold import RunState
from respond.core.plan import StepPlan
from respond.core.recorded import Conclusion
from respond.core.records import Frozen
from respond.core.runbook import ActionStep, BlockStep, all_steps
from respond.core.script import Done, Effect
from respond.core.shapes import ShapeError, encode
from respond.core.values import Late, Value
from respond.engine.run import LiveRun
from respond.engine.setting import values_of
from respond.engine.step.state import LiveStep
from respond.engine.walk import Here, item_address, item_names
from respond.errors import RespondError

__all__ = ["SetTaken", "take_inventory"]

_NAMES = ("id", "key", "name", "email")
"""Fields that say which item a record is, whatever else about it changes; the first one counts."""


class SetTaken(Frozen):
    """The set of a ``for_each`` as this run took it."""

    step: ActionStep | BlockStep
    address: str
    here: Here
    items: tuple[Value, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(f"{self.address}[{item_address(item)}]" for item in self.items)


def take_inventory(
    live: LiveRun, sets: Iterable[SetTaken]
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Count every set of a run that is at its end. It only looks.

    Returns:
        By the step's address: how many items there were, and how they came out. And what does
        not add up, one line each; then the run did not succeed.
    """
    items: dict[str, dict[str, int]] = {}
    findings: list[str] = []
    live.answers.end()  # A set as it was taken would tell nothing of what appeared since.
    ends: dict[str, list[Conclusion | None]] = {}
    for address, step in live.state.steps.items():
        for name in item_names(address):
            ends.setdefault(name, []).append(step.conclusion)
    for taken in sets:
        counts = {"items": len(set(taken.addresses)), "done": 0, "failed": 0, "left": 0}
        for name in dict.fromkeys(taken.addresses):
            counts[_came_out(ends.get(name, []))] += 1
        items[taken.address] = counts
        lines = [*_gone(live.state, taken), *_recount(live, taken)]
        findings += [f"{taken.address}: {line}" for line in lines]
    return items, findings


def _came_out(ends: Sequence[Conclusion | None]) -> str:
    known = [end for end in ends if end is not None]
    if any(end.how.value in ("failed", "not-seen") and not end.recovered for end in known):
        return "failed"
    if not known or len(known) < len(ends) or any(end.how.value == "left-open" for end in known):
        return "left"
    return "done"


def _gone(state: RunState, taken: SetTaken) -> Iterable[str]:
    """Items of the plan that the run did not find any more."""
    if state.plan is None:
        return
    planned = {
        name: None
        for step in state.plan.of(taken.address)
        if step.group == taken.address and step.state is not StepPlan.LATE
        for name in item_names(step.address)
        if name.startswith(f"{taken.address}[") and name.count("[") == taken.address.count("[") + 1
    }
    for name in planned.keys() - set(taken.addresses):
        yield f"{name} was planned, and was not there any more"


def _recount(live: LiveRun, taken: SetTaken) -> Iterable[str]:
    """Items that are there now and were not when the set was taken."""
    source = _source(live, taken)
    each = taken.step.for_each
    if source is None or each is None:
        return
    name = source.words.id
    try:
        looked = LiveStep(live, source, taken.here.prefix + name, taken.here).look()
        if not isinstance(looked.outcome, Done):
            yield f"{name} could not be listed again"
            return
        values = {**taken.here.values, name: values_of(looked.outcome.output)}
        now = each.items.value(values)
    except (RespondError, ShapeError) as error:
        yield f"{name} could not be listed again: {error.args[0]}"
        return
    if isinstance(now, Late) or not isinstance(now, list):
        return
    known = {_identity(item) for item in taken.items}
    for item in now:
        if _identity(item) not in known:
            yield f"{_shown(item)} appeared while the run went on, and was left out"


def _source(live: LiveRun, taken: SetTaken) -> ActionStep | None:
    """The read step that the set came from, when it can be read again."""
    each = taken.step.for_each
    if each is None:
        return None
    first = {ref.partition(".")[0] for ref in each.items.refs}
    for step in all_steps(taken.here.among, called=False):
        if isinstance(step, ActionStep) and step.words.id in first and step.for_each is None:
            reads = step.action.spec.effect is Effect.READS
            ran = live.state.step(taken.here.prefix + step.words.id).conclusion
            return step if reads and ran is not None and ran.how.has_output else None
    return None


def _identity(item: Value) -> Any:
    if isinstance(item, dict):
        for name in _NAMES:
            if isinstance(item.get(name), str | int):
                return (name, item[name])
    return repr(encode(item))


def _shown(item: Value) -> str:
    if isinstance(item, dict):
        for name in reversed(_NAMES):
            if isinstance(item.get(name), str | int):
                return f"{name} {item[name]}"
    return str(encode(item))
