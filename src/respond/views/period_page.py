"""The runs of some months as one page, for somebody who has to be shown that they were handled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from respond.core.asked import Today
from respond.core.period import Period, PeriodRun, ProofTimes
from respond.core.records import Frozen
from respond.views.layout import said, word
from respond.views.markup import Element, el, page_of, titled_part
from respond.views.paper_style import COLOURS, PAPER, RULES
from respond.views.summary import item_lines
from respond.views.verdict import verdict_of
from respond.views.words import day_text, runbook_of, span_text

__all__ = ["PeriodFacts", "period_json", "period_page"]

_MINUTE: Final = 16
_DAY: Final = 10


class PeriodFacts(Frozen):
    """What the page is about.

    Attributes:
        today: By run, what answers in it are held against.
        since, until: RFC 3339; the period begins with the one and ends before the other.
        anchor: Of the journal that has the real runs; empty where there is none.
        unread: What could not be read, a line each.
    """

    since: str
    until: str
    made: str
    real: Period
    rehearsed: Period
    today: Mapping[str, Today]
    anchor: str = ""
    unread: tuple[str, ...] = ()


def period_page(facts: PeriodFacts) -> str:
    """A whole page, in one file."""
    since, until = day_text(facts.since), day_text(facts.until)
    return page_of(
        f"Runs from {since} until {until}",
        COLOURS + PAPER + RULES,
        el("header", el("p", "respond", class_="paper-bar")),
        el(
            "main",
            el("h1", "Incident runs and rehearsals"),
            el("p", f"Begun from {since} until {until}."),
            _figures(facts.real),
            titled_part("times", "Time to containment", _times(facts)),
            titled_part("runs", "Runs", _runs(facts.real, facts.today, "No incident was handled.")),
            titled_part("left", "Left open", _left(facts.real)),
            titled_part("rehearsals", "Rehearsals", _rehearsals(facts)),
            titled_part("unread", "Not in these figures", _lines(facts.unread))
            if facts.unread
            else None,
            titled_part("check", "How to check this", _check(facts)),
            class_="report",
        ),
        el("footer", el("p", f"Made {day_text(facts.made)} by respond. All times are UTC.")),
    )


def _figures(real: Period) -> Element:
    contained = len(real.to_contain) - len(real.not_proved)
    pairs = (
        ("Runs", str(len(real.runs))),
        ("Something to contain", str(len(real.to_contain))),
        ("Contained and proved", str(contained)),
        ("Median to the proof", _length(real.from_start.median_s)),
        ("Worst", _length(real.from_start.worst_s)),
        ("Not over yet", str(len(real.still_open))),
        ("Left something to do", str(len(real.with_work))),
    )
    return el("dl", (el("div", el("dt", n), el("dd", t)) for n, t in pairs), class_="figures")


def _length(seconds: float | None) -> str:
    return span_text(seconds) if seconds is not None else "-"


def _times(facts: PeriodFacts) -> list[Element]:
    rows = [
        (f"{name}: {what}", span)
        for name, period in (("Incidents", facts.real), ("Rehearsals", facts.rehearsed))
        for what, span in (
            ("start of the run to proof", period.from_start),
            ("leak to proof", period.from_leak),
        )
    ]
    words = (
        "Contained means that it was seen: the leaked key was refused, the account was locked. "
        "Runs that have not got there are not in these times; they stand below."
    )
    cells = [
        (what, str(span.count), _length(span.median_s), _length(span.worst_s))
        for what, span in rows
    ]
    heads = ("What", "Counted", "Median", "Worst")
    return [el("p", words, class_="lead"), _table(heads, cells)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
    head = el("tr", (el("th", name, scope="col") for name in heads))
    body = [el("tr", (el("td", cell) for cell in row)) for row in rows]
    return el("table", el("thead", head), el("tbody", body))


def _runs(period: Period, today: Mapping[str, Today], none: str) -> Element:
    if not period.runs:
        return el("p", none)
    rows = [
        (
            day_text(run.state.proposed_at)[:_MINUTE],
            f"{word(run.state.id)} {word(runbook_of(run.state))}, {word(run.state.operator)}",
            verdict_of(run.state, today[run.state.id]).title,
        )
        for run in period.runs
    ]
    return _table(("Begun", "Run, runbook, operator", "What it came to"), rows)


def _left(period: Period) -> list[Element]:
    found = list(_open_lines(period.runs))
    if not found:
        return [el("p", "Nothing that this tool knows of.")]
    return [
        el("ul", (el("li", name, el("ul", (el("li", line) for line in lines), class_="notes"))
                  for name, lines in found), class_="entries")
    ]  # fmt: skip


def _open_lines(runs: Sequence[PeriodRun]) -> Iterator[tuple[str, list[str]]]:
    for run in runs:
        name = f"{word(run.state.id)}, {word(runbook_of(run.state))}"
        lines = item_lines(run.left)
        if not run.outcome.containment.proved_at:
            lines += [f"not proved: {said(line)}" for line in run.outcome.containment.open]
        if run.is_open:
            lines = [f"the run is not over ({word(run.state.status.value)})", *lines]
        if lines:
            yield name, lines


def _rehearsals(facts: PeriodFacts) -> Element:
    """A line for each runbook: how often, when last, and what the last one came to."""
    latest: dict[str, list[PeriodRun]] = {}
    for run in facts.rehearsed.runs:
        latest.setdefault(runbook_of(run.state), []).append(run)
    if not latest:
        return el("p", "Nothing was rehearsed.")
    rows = [
        (
            word(name),
            f"{len(runs)}, the last {day_text(runs[-1].state.proposed_at)[:_DAY]}",
            _length(ProofTimes.of(r.outcome.containment.seconds_from_start for r in runs).median_s),
            verdict_of(runs[-1].state, facts.today[runs[-1].state.id]).title,
        )
        for name, runs in sorted(latest.items())
    ]
    return _table(("Runbook", "Times", "Median to proof", "The last came to"), rows)


def _lines(lines: Sequence[str]) -> Element:
    return el("ul", (el("li", said(line)) for line in lines))


def _check(facts: PeriodFacts) -> list[Element]:
    words = el(
        "p",
        "Each figure here is worked out anew from the log of the runs; nothing is kept beside it. "
        "The report of one run says what was done and how surely that is known: respond report RUN "
        "--html FILE.",
    )
    if not facts.anchor:
        return [words]
    anchor = said(facts.anchor)
    return [
        words,
        el(
            "p",
            "This line is the fingerprint of the whole log when this page was made. Whoever keeps "
            "a copy of it can find out later whether anything in the log was changed or removed "
            "since; the answer begins with a sentence that says so.",
        ),
        el("p", anchor, class_="mono anchor"),
        el("p", f"respond audit verify --anchor '{anchor}'", class_="mono command"),
    ]


def period_json(facts: PeriodFacts) -> dict[str, Any]:
    """The figures as plain data."""
    return {
        "since": facts.since,
        "until": facts.until,
        "incidents": _period(facts.real),
        "rehearsals": _period(facts.rehearsed),
        "anchor": facts.anchor,
        "unread": list(facts.unread),
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "runs": [run.state.id for run in period.runs],
        "to_contain": len(period.to_contain),
        "not_proved": [run.state.id for run in period.not_proved],
        "still_open": [run.state.id for run in period.still_open],
        "left_to_do": [run.state.id for run in period.with_work],
        "from_start": _span(period.from_start),
        "from_leak": _span(period.from_leak),
    }


def _span(span: ProofTimes) -> dict[str, Any]:
    return {"count": span.count, "median_s": span.median_s, "worst_s": span.worst_s}
