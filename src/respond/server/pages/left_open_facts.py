"""What a run that is over left open, for its page, and why the viewer may not close it."""

from __future__ import annotations

from respond.core.events import Actor
from respond.core.fold import RunState
from respond.core.outcome import Outcome
from respond.core.records import Frozen
from respond.errors import RefusedByPersonError
from respond.people.answers import Entry
from respond.people.following_up import open_items, see_that_they_may
from respond.views.layout import said
from respond.views.summary import item_text

__all__ = ["LeftOpen", "OpenItem", "left_open_of"]


class OpenItem(Frozen):
    """One of it, with what closes it."""

    name: str
    text: str


class LeftOpen(Frozen):
    """All of it.

    Attributes:
        can_prove: A look may prove something that the run could not.
        may_not_close: Why the viewer may not; empty when they may.
    """

    items: tuple[OpenItem, ...]
    can_prove: bool
    may_not_close: str


def left_open_of(state: RunState, outcome: Outcome, viewer: Actor, entry: Entry) -> LeftOpen | None:
    """What the run left open; None while it is not over, and when there is nothing."""
    items = tuple(OpenItem(item.name, item_text(item)) for item in open_items(state))
    command = f"respond prove {state.id}"
    dos = (item.do for item in outcome.items)
    can_prove = any(command in text for text in (*outcome.containment.close, *dos))
    if not items and not can_prove:
        return None
    return LeftOpen(items, can_prove, _may_not_close(state, viewer, entry))


def _may_not_close(state: RunState, viewer: Actor, entry: Entry) -> str:
    try:
        see_that_they_may(entry, state, viewer)
    except RefusedByPersonError as error:
        return said(error.why)
    return ""
