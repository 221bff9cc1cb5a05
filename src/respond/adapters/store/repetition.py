"""What makes a delivery a repetition, and what is kept of an event: once, for every inbox.

A *mark* stands for something that came: the sender's id, the body's digest, an event's key. An
inbox remembers marks of one source; these rules say which of them it has to look up, and what
follows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import structs

from respond.core.incoming import Delivery, Incoming, Means
from respond.core.records import Frozen
from respond.ports import Kept, Took

if TYPE_CHECKING:
    from respond.adapters.secrets.redactor import Redactor

__all__ = [
    "EVENT_BYTES_MAX",
    "MARK_LIFE_MS",
    "MARK_REFRESH_MS",
    "EventTexts",
    "Find",
    "FirstMet",
    "FoundMark",
    "Mark",
    "Unusable",
    "all_marks",
    "first_met",
    "marks_of",
    "read_event",
    "repeated",
]

EVENT_BYTES_MAX: Final = 262_144
"""A longer event is kept without its body: labels, title and key stay."""

MARK_LIFE_MS: Final = 30 * 24 * 3_600_000
MARK_REFRESH_MS: Final = 24 * 3_600_000
"""An alert that goes on for months is sent every few hours, and must not begin twice: a mark that
is met again becomes young again, at the cost of one write a day."""

_TEXT_MAX: Final = 300

_ID, _BODY, _KEY, _CLASH = "id", "body", "key", "clash"
"""Kinds of marks. ``clash``: an id that came with another body, which was said once."""

Mark = tuple[str, str]
"""Kind, and digest of what it stands for."""


class FoundMark(NamedTuple):
    """What a mark says: the first delivery that had it, and the digest of that one's body."""

    delivery_id: str
    body_digest: str


Find = Callable[[Mark], FoundMark | None]
"""Looks a mark of the delivery's source up."""


class FirstMet(Frozen):
    """What to write down of a delivery that repeats none.

    Attributes:
        why: Why nothing waits because of it, or empty.
        events: Those of its events that were not here before, each once.
        marks: What it is remembered by from now on.
    """

    kept: Kept
    why: str
    events: tuple[Incoming, ...]
    marks: tuple[Mark, ...]


class Unusable(Frozen):
    """Deliveries of a source that were genuine and of no use: how many, and why the last was."""

    source: str
    count: int
    why: str


def repeated(find: Find, delivery: Delivery, events: Sequence[Incoming], *, by_body: bool) -> str:
    """The delivery that this one repeats, or empty."""
    first = find(_by_id(delivery)) if delivery.their_id else None
    if first is not None and first.body_digest == delivery.body_digest:
        return first.delivery_id
    if first is not None:
        clash = find(_by_clash(delivery))
        return clash.delivery_id if clash else ""
    same = find((_BODY, delivery.body_digest)) if by_body else None
    if same is not None:
        return same.delivery_id
    known = [find(_by_key(event)) for event in events]
    if known and known[0] and all(known):
        return known[0].delivery_id
    return ""


def first_met(
    find: Find, delivery: Delivery, events: Sequence[Incoming], unusable: str
) -> FirstMet:
    """What follows from a delivery that repeats none."""
    first = find(_by_id(delivery)) if delivery.their_id else None
    if first is not None:
        why = f"delivery {first.delivery_id} had the same id and another body"
        return FirstMet(Kept(delivery.id, Took.CONFLICT), why, (), (_by_clash(delivery),))
    fresh = _fresh(find, events)
    marks = marks_of(delivery, fresh)
    if not any(event.means is Means.BEGINS for event in fresh):
        # What kind of event it is may stand in a header that nobody signs: the same body
        # under its true name still has to begin something.
        marks = tuple(mark for mark in marks if mark[0] != _BODY)
    took = Took.NEW if fresh else Took.IGNORED
    why = unusable or ("" if fresh else "there is no event in it")
    return FirstMet(Kept(delivery.id, took), why, fresh, marks)


def marks_of(delivery: Delivery, events: Sequence[Incoming]) -> tuple[Mark, ...]:
    """What a delivery with these events is remembered by."""
    own = [_by_id(delivery)] if delivery.their_id else []
    return (*own, (_BODY, delivery.body_digest), *map(_by_key, events))


def all_marks(delivery: Delivery, events: Sequence[Incoming]) -> tuple[Mark, ...]:
    """Every mark that ``repeated`` or ``first_met`` may look up."""
    clash = [_by_clash(delivery)] if delivery.their_id else []
    return (*clash, *marks_of(delivery, events))


def _by_id(delivery: Delivery) -> Mark:
    return _ID, _digest(delivery.their_id)


def _by_clash(delivery: Delivery) -> Mark:
    return _CLASH, _digest(f"{delivery.their_id}\0{delivery.body_digest}")


def _by_key(event: Incoming) -> Mark:
    return _KEY, _digest(event.key)


def _digest(text: str) -> str:
    # Marks have one length, whatever a sender calls an id.
    return hashlib.sha256(text.encode()).hexdigest()


def _fresh(find: Find, events: Sequence[Incoming]) -> tuple[Incoming, ...]:
    """Events that were not here before, each once."""
    once: dict[str, Incoming] = {}
    for event in events:
        if find(_by_key(event)) is None:
            once.setdefault(event.key, event)
    return tuple(once.values())


# --- events as text -------------------------------------------------------------------------------


class EventTexts(Frozen):
    """What may be written down of what came: without secrets that are live here, and bounded."""

    redactor: Redactor | None

    def line(self, text: str) -> str:
        """A text for people, of one line at most."""
        return (self.redactor.clean(text) if self.redactor else text)[:_TEXT_MAX]

    def whole(self, event: Incoming) -> str:
        """All of an event, for ``read_event``."""
        # Every field that an event has, so that a new one is not lost on its way.
        data: dict[str, Any] = structs.asdict(event)
        data |= {"means": event.means.value, "labels": dict(event.labels)}
        if self.redactor:
            data = self.redactor.clean_data(data)
        text = _encode(data)
        if len(text.encode()) > EVENT_BYTES_MAX:
            text = _encode({**data, "body": None})
        return text


def _encode(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def read_event(text: str) -> Incoming:
    """The event that ``EventTexts.whole`` wrote."""
    data = json.loads(text)
    return Incoming(**{**data, "means": Means(data["means"])})
