"""The picture of a run's time line, and the same in words.

The picture is not to scale, and says so: a leak of days and a proof within seconds have to stand
in one line. Each stretch between two moments is as wide as the logarithm of how long it took, and
lengths are written. People and systems are told apart by pattern and by row, not by colour alone.
Nothing from outside is drawn: what a moment was about stands in the list below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from respond.core.course import Course, CourseKind, CourseMark, CourseWait
from respond.core.records import Frozen
from respond.views.layout import said, word
from respond.views.markup import Element, el
from respond.views.words import at_text, span_text

__all__ = ["TimelineRow", "timeline_rows", "timeline_svg", "timeline_words"]

_ROWS_MAX: Final = 14
_FIRST: Final = 9
_TEXTS_MAX: Final = 2
_SAYS_MAX: Final = 160

_NAMES: Final = {
    CourseKind.LEAK: "Leak",
    CourseKind.ALERT: "Alert",
    CourseKind.BEGAN: "Begun",
    CourseKind.DECIDED: "Decided",
    CourseKind.CONTAINS: "Containment",
    CourseKind.TOLD: "People told",
    CourseKind.PROVED: "PROVED",
    CourseKind.ENDED: "Ended",
    CourseKind.AFTERWARDS: "Afterwards",
}
_MANY: Final = frozenset(
    {CourseKind.DECIDED, CourseKind.CONTAINS, CourseKind.TOLD, CourseKind.AFTERWARDS}
)
"""Those that follow each other stand in one row; each of the others stands for itself."""


class TimelineRow(Frozen):
    """A moment, or several of one kind that follow each other; ``text`` is safe to show.

    Attributes:
        kind: None for those that had no room.
    """

    number: int
    kind: CourseKind | None
    name: str
    at_s: float
    text: str

    @property
    def day(self) -> str:
        """``2026-11-23 03:14:07Z``."""
        return at_text(self.at_s * 1000)


def timeline_rows(course: Course) -> tuple[TimelineRow, ...]:
    """The moments as the list below the picture has them."""
    groups: list[list[CourseMark]] = []
    for each in course.marks:
        if groups and groups[-1][0].kind is each.kind and each.kind in _MANY:
            groups[-1].append(each)
        else:
            groups.append([each])
    over = len(groups) - _ROWS_MAX
    last = _ROWS_MAX - _FIRST - 1
    rows = [
        _row(n, group[0].kind, group)
        for n, group in enumerate(groups if over <= 0 else groups[:_FIRST], 1)
    ]
    if over > 0:
        between = [each for group in groups[_FIRST:-last] for each in group]
        rows.append(_row(_FIRST + 1, None, between))
        rows += [
            _row(_FIRST + 2 + n, group[0].kind, group) for n, group in enumerate(groups[-last:])
        ]
    return tuple(rows)


def _row(number: int, kind: CourseKind | None, group: Sequence[CourseMark]) -> TimelineRow:
    first = group[0]
    if kind is None:
        text = f"{len(group)} more moments, all of them in the list of every step"
        return TimelineRow(number, None, "More", first.at_s, text)
    texts = list(dict.fromkeys(filter(None, map(_text, group))))
    over = len(texts) - _TEXTS_MAX
    more = f"; and {over} more" if over > 0 else ""
    return TimelineRow(number, kind, _NAMES[kind], first.at_s, "; ".join(texts[:_TEXTS_MAX]) + more)


def _text(each: CourseMark) -> str:
    who, says = word(each.who), said(each.says, limit=_SAYS_MAX)
    match each.kind:
        case CourseKind.LEAK:
            return "from here on harm was possible, as a person said"
        case CourseKind.PROVED:
            return "it was seen that the harm is stopped"
        case CourseKind.BEGAN:
            return f"by {who}"
        case CourseKind.ENDED:
            return "the run was over"
        case _:
            return ": ".join(filter(None, (who, says)))


def timeline_words(course: Course) -> str:
    """What the picture shows, in a few sentences."""
    return " ".join(_sentences(course))


def _sentences(course: Course) -> Iterator[str]:
    begin, end = course.harm_from_s, course.harm_until_s
    match begin is not None, end is not None:
        case True, True:
            assert begin is not None  # noqa: S101 - the pattern says so
            assert end is not None  # noqa: S101 - and here
            yield f"Harm was possible for {span_text(end - begin)}, until containment was proved."
        case True, False if course.contains:
            yield "Harm was possible from the leak on, and containment is not proved."
        case False, True:
            yield "Since when harm was possible is not known; containment was proved."
        case False, False if course.contains:
            yield "Since when harm was possible is not known, and containment is not proved."
        case _:
            pass
    people, systems = span_text(course.people_s), span_text(course.systems_s)
    yield f"The run waited {people} for people and {systems} for systems, its own work included."


# --- the picture ----------------------------------------------------------------------------------

_WIDTH: Final = 400
_LEFT: Final = 14
_RIGHT: Final = 386
_BASE: Final = 1.0
_HARM_Y: Final = 28
_PEOPLE_Y: Final = 72
_SYSTEMS_Y: Final = 116
_BAR: Final = 14
_BAR_MIN: Final = 1.5
_DRAWN_S: Final = 0.5
"""A shorter wait is counted and not drawn."""
_AXIS_Y: Final = 162
_HEIGHT: Final = 200
_RADIUS: Final = 10.0


class _Scale(Frozen):
    """Where a time lies: at each moment of the list, and even in between."""

    times: tuple[float, ...]
    places: tuple[float, ...]

    @classmethod
    def of(cls, rows: Sequence[TimelineRow]) -> _Scale:
        times = tuple(row.at_s for row in rows)
        widths = [_BASE + math.log1p(max(0.0, b - a)) for a, b in pairwise(times)]
        room = _RIGHT - _LEFT - 2 * _RADIUS
        # No two moments nearer than their signs are wide, whatever the logarithm says.
        least = 2 * _RADIUS + 2
        spare = max(0.0, room - least * len(widths))
        whole = sum(widths) or 1.0
        places, x = [_LEFT + _RADIUS], _LEFT + _RADIUS
        for width in widths:
            x += least + spare * width / whole
            places.append(x)
        return cls(times, tuple(places))

    def x(self, at_s: float) -> float:
        for n in range(1, len(self.times)):
            if at_s <= self.times[n]:
                begin, end = self.times[n - 1], self.times[n]
                part = (max(at_s, begin) - begin) / (end - begin) if end > begin else 0.0
                return self.places[n - 1] + part * (self.places[n] - self.places[n - 1])
        return self.places[-1]


def timeline_svg(course: Course) -> Element | None:
    """The picture; None while there is no line between two moments."""
    rows = timeline_rows(course)
    if not rows[1:]:
        return None
    scale = _Scale.of(rows)
    top = 0 if course.contains else _PEOPLE_Y - _HARM_Y
    return el(
        "svg",
        el("title", "Time line of the run", id="timeline-title"),
        el("desc", timeline_words(course), id="timeline-text"),
        _harm(course, scale),
        _lane(course, scale, for_people=True),
        _lane(course, scale, for_people=False),
        _axis(rows, scale),
        viewBox=f"0 {top} {_WIDTH} {_HEIGHT - top}",
        role="img",
        aria_labelledby="timeline-title timeline-text",
        class_="timeline",
    )


def _label(text: str, y: float) -> Element:
    return el("text", text, x=_LEFT, y=y - 5, class_="lane")


def _harm(course: Course, scale: _Scale) -> Element | None:
    if not course.contains:
        return None
    begin, end = course.harm_from_s, course.harm_until_s
    left = scale.x(begin) if begin is not None else _LEFT
    right = scale.x(end) if end is not None else _RIGHT
    if begin is not None and end is not None:
        text = f"Harm was possible: {span_text(end - begin)}"
    else:
        since = "" if begin is not None else ", since when is not known"
        text = "Harm was possible" + since + ("" if end is not None else ", NOT PROVED to be over")
    parts = [_label(text, _HARM_Y), _bar("harm", left, right, _HARM_Y)]
    if end is None:
        tip = f"M{right:.1f},{_HARM_Y - 3} l7,{_BAR / 2 + 3} l-7,{_BAR / 2 + 3} z"
        parts.append(el("path", d=tip, class_="bar harm"))
    return el("g", *parts)


def _lane(course: Course, scale: _Scale, *, for_people: bool) -> Element:
    y, name = (_PEOPLE_Y, "people") if for_people else (_SYSTEMS_Y, "systems")
    spent = course.people_s if for_people else course.systems_s
    waits = [w for w in course.waits if w.for_people is for_people and w.seconds >= _DRAWN_S]
    return el(
        "g",
        _label(f"Waiting for {name}: {span_text(spent)}", y),
        el("line", x1=_LEFT, x2=_RIGHT, y1=y + _BAR, y2=y + _BAR, class_="ground"),
        [_bar(name, *_ends(wait, scale), y) for wait in waits],
    )


def _ends(wait: CourseWait, scale: _Scale) -> tuple[float, float]:
    return scale.x(wait.begin_s), scale.x(wait.end_s)


def _bar(name: str, left: float, right: float, y: float) -> Element:
    """A box with what fills it. A pattern by reference would be printed as a picture of dots."""
    right = max(right, left + _BAR_MIN)
    box = el(
        "rect",
        x=f"{left:.1f}",
        y=y,
        width=f"{right - left:.1f}",
        height=_BAR,
        class_=f"bar {name}",
    )
    match name:
        case "people":
            inside = _dots(left, right, y)
        case "systems":
            inside = _stripes(left, right, y)
        case _:
            inside = f"{_stripes(left, right, y)} {_stripes(left, right, y, down=True)}"
    return el("g", box, el("path", d=inside, class_=f"fill {name}"))


def _dots(left: float, right: float, y: float) -> str:
    """Lines without a length: with round ends each is a dot (SVG 2, section 13.5.4)."""
    rows = ((y + 4, 0), (y + _BAR - 4, 3))
    return " ".join(
        f"M{left + 3 + shift + n * 6:.1f},{row:.1f} h0"
        for row, shift in rows
        for n in range(max(0, int((right - left - shift) / 6)))
    )


def _stripes(left: float, right: float, y: float, *, down: bool = False) -> str:
    """Slanted lines, each cut where the box ends."""
    lines = []
    for n in range(int((right - left + _BAR) / 6) + 1):
        foot = left - _BAR + 3 + n * 6
        begin, end = max(foot, left), min(foot + _BAR, right)
        if begin < end:
            first, last = begin - foot, end - foot
            ys = (y + first, y + last) if down else (y + _BAR - first, y + _BAR - last)
            lines.append(f"M{begin:.1f},{ys[0]:.1f} L{end:.1f},{ys[1]:.1f}")
    return " ".join(lines)


def _axis(rows: Sequence[TimelineRow], scale: _Scale) -> Element:
    return el(
        "g",
        el("line", x1=_LEFT, x2=_RIGHT, y1=_AXIS_Y, y2=_AXIS_Y, class_="axis"),
        [_sign(row, x) for row, x in zip(rows, scale.places, strict=True)],
        el("text", rows[0].day, x=_LEFT, y=_HEIGHT - 8, class_="tick"),
        el("text", rows[-1].day, x=_RIGHT, y=_HEIGHT - 8, class_="tick end"),
    )


def _sign(row: TimelineRow, x: float) -> Element:
    """A diamond for a decision, a square for people told, a double ring for the proof."""
    name = row.kind.value if row.kind is not None else "more"
    y, r = _AXIS_Y, _RADIUS
    match row.kind:
        case CourseKind.DECIDED:
            shape = el("path", d=f"M{x:.1f},{y - r} l{r},{r} l-{r},{r} l-{r},-{r} z", class_="sign")
        case CourseKind.TOLD:
            side = 2 * r - 3
            shape = el(
                "rect",
                x=f"{x - side / 2:.1f}",
                y=y - side / 2,
                width=side,
                height=side,
                class_="sign",
            )
        case _:
            shape = el("circle", cx=f"{x:.1f}", cy=y, r=r - 1, class_="sign")
    ring = el("circle", cx=f"{x:.1f}", cy=y, r=r + 2, class_="ring")
    return el(
        "g",
        ring if row.kind is CourseKind.PROVED else None,
        shape,
        el("text", str(row.number), x=f"{x:.1f}", y=y + 4, class_="number"),
        class_=f"moment {name}",
    )
