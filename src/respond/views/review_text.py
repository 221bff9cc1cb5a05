"""A review's findings: what is new, still so, gone or accepted, and what mends each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from respond.core.review import ReviewEnd, ReviewMark, Stands, worst
from respond.views.json_view import picked
from respond.views.layout import labelled_pairs, said, wrap
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import day_text

__all__ = ["review_json", "review_lines", "review_sections", "review_short"]

_TITLES: Final = {
    Stands.NEW: ("NEW", Tone.CARE),
    Stands.STILL: ("STILL SO", Tone.CARE),
    Stands.UNSEEN: ("COULD NOT BE LOOKED AT THIS TIME", Tone.DANGER),
    Stands.GONE: ("GONE", Tone.GOOD),
    Stands.ACCEPTED: ("ACCEPTED", Tone.STRONG),
}
_CLOSED: Final = (
    "A finding is closed by mending it: the next review says that it is gone. To live with one for "
    "a while, put its id under [[accepted]] in respond.toml."
)
_INDENT: Final = 10
_SHORT: Final = 100
_FINDING: Final = "id says evidence since command link person"


def review_lines(end: ReviewEnd, width: int, style: Style = PLAIN) -> Iterator[str]:
    """The findings in groups, the worst first."""
    yield from wrap(_beside(end), width)
    for stands, (title, tone) in _TITLES.items():
        marks = end.of(stands)
        if marks:
            yield style.paint(f"{title} ({len(marks)})", tone)
        for mark in marks:
            yield from _entry(mark, width)
    if any(mark.stands.counts for mark in end.marks):
        yield from wrap(_CLOSED, width)


def review_sections(end: ReviewEnd) -> Iterator[tuple[str, list[str]]]:
    """The same as titles with lines, for where a report has its sections."""
    for stands, (title, _) in _TITLES.items():
        if marks := end.of(stands):
            yield title, [_in_a_line(mark) for mark in marks]


def review_short(end: ReviewEnd) -> list[str]:
    """The same for a ticket: what is so, how bad it is, and its name."""
    return [
        f"{_TITLES[stands][0].lower()}: {mark.finding.severity.value.upper()} "
        f"{said(mark.finding.says, limit=_SHORT)} [{said(mark.finding.id)}]"
        for stands in _TITLES
        for mark in end.of(stands)
    ]


def review_json(end: ReviewEnd) -> dict[str, Any]:
    """The same as plain data."""
    bad = worst(end.marks)
    return {
        "last": end.last,
        "last_at": end.last_at,
        "worst": bad.value if bad is not None else "",
        "findings": [
            {
                "stands": mark.stands.value,
                "severity": mark.finding.severity.value,
                **picked(mark.finding, _FINDING),
                "first_seen": mark.since,
                "step": mark.step,
                "accepted": picked(mark.accepted, "by why until") if mark.accepted else None,
            }
            for mark in end.marks
        ],
    }


def _beside(end: ReviewEnd) -> str:
    count = sum(mark.stands.counts for mark in end.marks)
    found = f"{count} finding{'s' * (count != 1)}" if count else "Nothing found"
    if not end.last:
        return f"{found}; this is the first review, so all of it is new."
    return f"{found}; compared with {said(end.last)} of {day_text(end.last_at)}."


def _entry(mark: ReviewMark, width: int) -> Iterator[str]:
    finding = mark.finding
    begin = " " * _INDENT
    lines = wrap(said(finding.says), width - _INDENT)
    yield f"  {finding.severity.value.upper():<{_INDENT - 2}}{lines[0]}"
    yield from (f"{begin}{line}" for line in lines[1:])
    gone = mark.stands is Stands.GONE
    pairs = (
        ("seen", said(finding.evidence)),
        ("since", _since(mark)),
        ("accepted", _accepted(mark)),
        ("do", "" if gone or mark.accepted else said(finding.do)),
        ("id", said(finding.id)),
    )
    for line in labelled_pairs(pairs, width - _INDENT, column=10):
        yield f"{begin}{line}"


def _since(mark: ReviewMark) -> str:
    first = f"first seen {day_text(mark.since)}" if mark.stands is not Stands.NEW else ""
    since = mark.finding.since
    return "; ".join(filter(None, (day_text(since) if since else "", first)))


def _accepted(mark: ReviewMark) -> str:
    risk = mark.accepted
    return f"by {said(risk.by)} until {said(risk.until)}: {said(risk.why)}" if risk else ""


def _in_a_line(mark: ReviewMark) -> str:
    finding = mark.finding
    mends = mark.stands is not Stands.GONE and not mark.accepted
    parts = (
        f"{finding.severity.value.upper()} {said(finding.says)} ({said(finding.evidence)})",
        _since(mark),
        _accepted(mark),
        f"do: {said(finding.do)}" if mends and finding.do else "",
        said(finding.id),
    )
    return "; ".join(filter(None, parts))
