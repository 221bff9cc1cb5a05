"""What may have been seen in the incident of a run, put together from what its steps say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from respond.core.exposure import ExposedPlace, TakenData
from respond.core.fold import RunState
from respond.core.outcome import Containment
from respond.core.records import Frozen

__all__ = ["Exposed", "exposed_of"]

T = TypeVar("T")


class Exposed(Frozen):
    """Facts for who has to judge what follows. Times are RFC 3339, or empty.

    Attributes:
        systems: Each with its account.
        who: What opened them: accounts, keys.
        by_them: Taken by those, as the system names them.
        by_others: Taken in the same time by others, or by nobody knows whom.
        given: Since when, as a person said.
        first, last: First and last sign of them in the systems.
        closed: When the last of what contains was proved; empty while something may go on.
        open: What is not proved to be contained.
        reopened: When containment was put back after the run, or empty.
        discovered: When this tool, or the sender of the alert that began the run, heard of it.
    """

    systems: tuple[str, ...]
    who: tuple[str, ...]
    places: tuple[ExposedPlace, ...]
    by_them: tuple[TakenData, ...]
    by_others: tuple[TakenData, ...]
    given: str
    first: str
    last: str
    closed: str
    open: tuple[str, ...]
    discovered: str
    unknown: tuple[str, ...]
    unseen: tuple[str, ...]
    reopened: str = ""


def exposed_of(state: RunState, contained: Containment) -> Exposed | None:
    """The facts of a run; None when none of its steps says to whom something stood open.

    A list of exports alone, as a review has it, is no incident.
    """
    ends = [step.conclusion for step in state.steps.values()]
    told = [each for end in ends if end is not None for each in end.exposures]
    who = _once(each.who for each in told if each.who)
    if not who:
        return None
    theirs = {name.casefold() for name in (*who, state.proposed.subject) if name}
    taken = _once(one for each in told for one in each.taken)
    return Exposed(
        systems=_once(each.system for each in told),
        who=who,
        places=_once(place for each in told for place in each.places),
        by_them=tuple(one for one in taken if one.by.casefold() in theirs),
        by_others=tuple(one for one in taken if one.by.casefold() not in theirs),
        given=contained.since,
        first=min((each.since for each in told if each.since), default=""),
        last=max((each.until for each in told if each.until), default=""),
        closed=contained.proved_at,
        reopened=contained.put_back_at,
        open=contained.open,
        discovered=_discovered(state),
        unknown=_once(line for each in told for line in each.unknown),
        unseen=_once(line for each in told for line in each.unseen),
    )


def _discovered(state: RunState) -> str:
    """The earlier of the two, so that the time since is never told too short."""
    event = state.proposed.event
    told, began = _seconds(event.at if event is not None else ""), _seconds(state.proposed_at)
    is_earlier = told is not None and (began is None or told < began)
    return event.at if event is not None and is_earlier else state.proposed_at


def _seconds(at: str) -> float | None:
    """A moment in seconds; None where a sender wrote none, or without saying of which zone."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def _once(things: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(things))
