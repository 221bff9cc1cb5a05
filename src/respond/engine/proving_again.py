"""Look once more at what a run that is over could not prove, with the look that it would have used.

A step's own script is run with its hands tied, as the engine proves any step; where it takes a
value that nobody had, with that value. It decides nothing and records nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.finding import lines_of
from respond.core.fold import RunStatus
from respond.core.item_names import item_id
from respond.core.outcome import Item, Known, LookedAgain, can_be_seen, outcome_of
from respond.core.plan import moved
from respond.core.recorded import FollowUp
from respond.core.records import Frozen, replace
from respond.core.script import Done, NotYet, WrittenAction
from respond.core.shapes import ShapeError, encode
from respond.core.values import SecretHandle
from respond.engine.drivers import Look, World, look
from respond.engine.looking_back import LookBack
from respond.engine.run import LiveRun
from respond.engine.shared_answers import TOGETHER
from respond.engine.step.state import LiveStep
from respond.errors import NotReadyError, StepFailedError, UsageError

__all__ = ["ToProve", "look_again", "to_prove"]

_PAUSES_S: Final = (0.0, 1.0, 3.0)
"""Before each of the looks, of which one has to prove it; what settles has settled long ago."""

_OPEN: Final = frozenset({Known.NOT_SEEN, Known.LEFT_TO_DO, Known.YOUR_WORD})


class ToProve(Frozen):
    """One item that can be looked at once more.

    Attributes:
        takes: A value is tried, and without one there is no proof.
    """

    item: Item
    at: LiveStep
    takes: bool


def to_prove(live: LiveRun) -> list[ToProve]:
    """What a run that is over has not proved, and can be looked at.

    Raises:
        UsageError: The run is not over, or its connections lead elsewhere now.
    """
    state = live.state
    if state.status is not RunStatus.ENDED:
        raise UsageError(f"run {state.id} is not over", do=f"respond resume {state.id}")
    elsewhere = moved(state.plan.bound, live.site.bound) if state.plan is not None else ()
    if elsewhere:
        raise UsageError(
            f"{elsewhere[0]} changed since run {state.id} wrote there",
            why="what is refused at another place proves nothing of this one",
            do=f"the connection as it was; or by your word: respond done {state.id}",
        )
    open_ = {item.id: item for item in outcome_of(state).items if item.id and item.known in _OPEN}
    found = []
    for at in LookBack.over(live).visited:
        item = open_.get(item_id("step", at.address))
        if item is not None and can_be_seen(state, at.address):
            found.append(ToProve(item, at, _takes(at)))
    return found


def _takes(at: LiveStep) -> bool:
    name = at.step.action.spec.tries
    if not name:
        return False
    return hasattr(at.step.action, "with_value") or _given(at, name) is not None


def _given(at: LiveStep, name: str) -> SecretHandle | None:
    value = at.ready.arguments.get(name)
    return value if isinstance(value, SecretHandle) else None


def look_again(live: LiveRun, one: ToProve, value: SecretHandle | None) -> LookedAgain:
    """Look at one item.

    Args:
        value: What somebody pasted, held for as long as this looks.

    Raises:
        UsageError: The value is another thing's, or the runbook would look at something else now.
    """
    at = one.at
    if at.ready.late is not None:
        says = f"what it was about is {at.ready.late.says}, and that never became known"
        return LookedAgain(one.item, None, says)
    _see_that_it_is_the_same(at)
    try:
        if one.takes:
            at.ready.action = _with_value(at, value)
        return _looked(live, one)
    except (StepFailedError, NotReadyError) as error:
        says = ": ".join(filter(None, (error.what, error.why)))
        return LookedAgain(one.item, None, f"it could not be looked at: {says}")
    except ShapeError as error:
        return LookedAgain(one.item, None, f"it could not be looked at: {error}")


def _with_value(at: LiveStep, value: SecretHandle | None) -> WrittenAction[Any]:
    action, name = at.ready.action, at.step.action.spec.tries
    given = _given(at, name)
    if value is None:
        raise NotReadyError(f"no value was given to try for {at.title!r}")
    if given is None:
        made: WrittenAction[Any] = action.with_value(value)  # type: ignore[attr-defined]
        return made
    if given.digest != value.digest:
        ending = f" (...{given.hint})" if given.hint else ""
        raise UsageError(
            f"that is not the value{ending} which run {at.live.run} tried",
            why="its keyed digest is another one",
        )
    tried: WrittenAction[Any] = replace(action, **{name: value})  # type: ignore[type-var]
    return tried


def _see_that_it_is_the_same(at: LiveStep) -> None:
    """See that the runbook of today leads to what the run acted on.

    Raises:
        UsageError: It does not.
    """
    planned = at.planned.arguments if at.planned is not None else {}
    for name, was in planned.items():
        if not _is_late(was) and encode(at.ready.arguments.get(name)) != was:
            raise UsageError(
                f"the step {at.title!r} would look at something else than run {at.live.run} did",
                why=f"the runbook changed since: {name} is not what it was",
                do=f"by your word: respond done {at.live.run}",
            )


def _is_late(value: Any) -> bool:
    """Whether nobody knew it, or a part of it, when the plan was made."""
    match value:
        case Mapping():
            return "late" in value or any(map(_is_late, value.values()))
        case list() | tuple():
            return any(map(_is_late, value))
        case _:
            return False


def _looked(live: LiveRun, one: ToProve) -> LookedAgain:
    for pause in _PAUSES_S:
        live.pause(pause, f"looking at {one.at.title!r} again")
        world = World(live.answers.of(one.at.address), threads=TOGETHER)
        seen = look(one.at.script(), world, known={}, predict=False)
        found = _came_to(one.item, seen)
        if found.how is FollowUp.PROVED:
            break
    return found


def _came_to(item: Item, seen: Look[Any]) -> LookedAgain:
    wanted = [write.says for write in seen.writes if not write.cleans_up]
    if wanted:
        return LookedAgain(item, FollowUp.ALIVE, f"still to be done: {'; '.join(wanted)}")
    match seen.outcome:
        case Done(says=says, proved=proved, findings=findings):
            lines = lines_of(findings)
            how = FollowUp.PROVED if proved else None
            return LookedAgain(item, how, says, tuple(lines))
        case NotYet(says=says, goes_on=goes_on):
            return LookedAgain(item, FollowUp.ALIVE if goes_on else None, says)
        case again:
            return LookedAgain(item, None, again.says)
