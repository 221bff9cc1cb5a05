"""How a run went in time: the moments that tell its story, and for whom it waited in between.

Facts for the picture in the report, taken from the records alone. A stretch between two records
belongs to people when a person's act ends it, when a write is in a person's hands, or when the run
is parked until people say something; otherwise to the systems, the tool's own work included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from respond.core import recorded
from respond.core.events import Kind, Record, Strength
from respond.core.fold import RunState
from respond.core.outcome import Containment
from respond.core.recorded import Content, WriteStatus, content_of
from respond.core.records import Frozen
from respond.core.runbook import Phase

__all__ = ["Course", "CourseKind", "CourseMark", "CourseWait", "course_of"]

_ACTS: Final = frozenset(
    {
        Kind.CONFIRMED,
        Kind.ANSWERED,
        Kind.APPROVED,
        Kind.DENIED,
        Kind.BREAK_GLASS,
        Kind.UNDO_ASKED,
    }
)


class CourseKind(Enum):
    """What a moment of the story is."""

    LEAK = "leak"
    ALERT = "alert"
    BEGAN = "began"
    DECIDED = "decided"
    CONTAINS = "contains"
    TOLD = "told"
    PROVED = "proved"
    ENDED = "ended"
    AFTERWARDS = "afterwards"


class CourseMark(Frozen):
    """One moment. ``says`` may be text from outside.

    Attributes:
        at: RFC 3339.
        at_s: The same in seconds since 1970.
        who: Whose act it is; empty where it is nobody's.
    """

    kind: CourseKind
    at: str
    at_s: float
    says: str = ""
    who: str = ""


class CourseWait(Frozen):
    """A stretch in which the run waited, for people or for systems."""

    for_people: bool
    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.begin_s


class Course(Frozen):
    """All of it, in order of time.

    Attributes:
        harm_from_s: Since when harm was possible, as far as that was said; None where it was not.
        harm_until_s: When containment was proved; None while it is not, or where none was planned.
        contains: Whether there is anything to contain.
    """

    marks: tuple[CourseMark, ...]
    waits: tuple[CourseWait, ...]
    contains: bool
    harm_from_s: float | None
    harm_until_s: float | None

    @property
    def people_s(self) -> float:
        return sum(wait.seconds for wait in self.waits if wait.for_people)

    @property
    def systems_s(self) -> float:
        return sum(wait.seconds for wait in self.waits if not wait.for_people)


def course_of(state: RunState, records: Sequence[Record], contained: Containment) -> Course:
    """The course of a run, from all its records in order."""
    marks = [*_before(state, contained), *_within(state, records)]
    if contained.proved_at:
        marks.append(_mark(CourseKind.PROVED, contained.proved_at))
    known = [mark for mark in marks if mark is not None]
    return Course(
        marks=tuple(sorted(known, key=lambda mark: mark.at_s)),
        waits=tuple(_joined(_stretches(state, records))),
        contains=contained.planned,
        harm_from_s=_seconds_of(contained.since),
        harm_until_s=_seconds_of(contained.proved_at),
    )


def _seconds_of(at: str) -> float | None:
    """An RFC 3339 time in seconds since 1970, without a zone in UTC; None when it is none."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _mark(kind: CourseKind, at: str, says: str = "", who: str = "") -> CourseMark | None:
    at_s = _seconds_of(at)
    return CourseMark(kind, at, at_s, says, who) if at_s is not None else None


def _before(state: RunState, contained: Containment) -> Iterator[CourseMark | None]:
    event = state.proposed.event
    if contained.since:
        yield _mark(CourseKind.LEAK, contained.since)
    if event is not None and event.at:
        yield _mark(CourseKind.ALERT, event.at, event.title, event.source or event.sender)


def _within(state: RunState, records: Iterable[Record]) -> Iterator[CourseMark | None]:
    says: dict[int, str] = {}
    for record in records:
        event, who = record.event, record.event.actor.id
        match content_of(event):
            case recorded.Proposed():
                yield _mark(CourseKind.BEGAN, record.at, "", who)
            case recorded.Intended(write=write):
                says[record.seq] = write.says
            case recorded.Settled(how=WriteStatus.DONE, intent=intent):
                found = _of_phase(state, event.step)
                if found is not None:
                    yield _mark(found, record.at, says.get(intent, ""))
            case recorded.Noticed(about="", says=told) if told:
                yield _mark(CourseKind.TOLD, record.at, told)
            case recorded.Confirmed() as content if event.actor.strength is not Strength.MACHINE:
                about = "; ".join(content.says) or content.scope.value or content.decision.value
                yield _mark(CourseKind.DECIDED, record.at, about, who)
            case recorded.Voted() | recorded.WentAlone():
                yield _mark(CourseKind.DECIDED, record.at, event.kind.value, who)
            case recorded.Ended():
                yield _mark(CourseKind.ENDED, record.at)
            case recorded.FollowedUp(line=line, how=how):
                goes_on = "" if how.closes else "IT GOES ON: "
                yield _mark(CourseKind.AFTERWARDS, record.at, f"{goes_on}{line}", who)
            case _:
                pass


def _of_phase(state: RunState, address: str) -> CourseKind | None:
    phase = state.step(address).phase
    if not phase and state.plan is not None:
        planned = state.plan.step(address)
        phase = planned.phase.value if planned is not None and planned.phase else ""
    kinds = {Phase.CONTAIN.value: CourseKind.CONTAINS, Phase.NOTIFY.value: CourseKind.TOLD}
    return kinds.get(phase)


# --- waits ----------------------------------------------------------------------------------------


def _stretches(state: RunState, records: Iterable[Record]) -> Iterator[CourseWait]:
    """Between each two records, until the run ends: what comes after that waits for nobody."""
    parked: recorded.Parked | None = None
    in_hands: dict[int, str] = {}
    last = 0.0
    for n, record in enumerate(records):
        content, at = content_of(record.event), _seconds_of(record.at)
        if at is None:
            continue
        if n and at > last:
            people = bool(in_hands) or _waits_for_people(state, record, content, parked)
            yield CourseWait(people, last, at)
        last = max(last, at)
        match content:
            case recorded.Parked():
                parked = content
            case recorded.Taken() | recorded.Planned():
                parked = None
            case recorded.Intended(write=write) if write.hands == "person":
                in_hands[record.seq] = record.event.step
            case recorded.Settled(intent=intent):
                in_hands.pop(intent, None)
            case recorded.Conclusion():
                step = record.event.step
                in_hands = {seq: whose for seq, whose in in_hands.items() if whose != step}
            case recorded.Ended():
                return
            case _:
                pass


def _waits_for_people(
    state: RunState, record: Record, content: Content, parked: recorded.Parked | None
) -> bool:
    """Whom the stretch waited for that this record ends."""
    if parked is not None:
        # A ``wait`` looks at a system, or lets a time pass.
        return parked.waits is None
    if isinstance(content, recorded.Taken) and content.epoch > 1:
        return not state.is_served  # Its process had ended: a person, or the server, took it up.
    by_machine = record.event.actor.strength is Strength.MACHINE
    return record.event.kind in _ACTS and not by_machine


def _joined(waits: Iterable[CourseWait]) -> Iterator[CourseWait]:
    """Stretches of one kind that follow each other, as one."""
    before: CourseWait | None = None
    for wait in waits:
        if before is not None and before.for_people is wait.for_people:
            before = CourseWait(wait.for_people, before.begin_s, wait.end_s)
            continue
        if before is not None:
            yield before
        before = wait
    if before is not None:
        yield before
