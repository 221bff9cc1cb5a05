"""The report as a page: of its own, or inside of the server's. No link leads out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from respond.core.course import CourseKind
from respond.views.markup import Element, el, page_of, titled_part
from respond.views.paper_style import COLOURS, PAPER, RULES
from respond.views.report import Report
from respond.views.report_document import (
    ReportCheck,
    ReportDocument,
    ReportEntry,
    ReportSection,
    document_of,
)
from respond.views.style import Tone
from respond.views.timeline import timeline_rows, timeline_svg, timeline_words

__all__ = ["report_body", "report_page"]

_TONES: Final = {Tone.GOOD: "good", Tone.CARE: "care", Tone.DANGER: "danger"}
_SIGNS: Final = {
    CourseKind.DECIDED: "decided",
    CourseKind.TOLD: "told",
    CourseKind.PROVED: "proved",
}


def report_page(made: Report) -> str:
    """A whole page, in one file."""
    document = document_of(made)
    name = document.title or document.runbook
    return page_of(
        f"{document.mode} {document.run}: {name}",
        COLOURS + PAPER + RULES,
        el(
            "header",
            el(
                "p",
                el("strong", document.mode, class_=_mode_class(document)),
                f" {document.runbook} ",
                el("span", document.run, class_="mono"),
                class_="paper-bar",
            ),
        ),
        el(
            "main",
            el("h1", f"Report: {name}"),
            report_body(document),
            class_="report",
        ),
        el("footer", el("p", f"Made {document.made} by respond. All times are UTC.")),
    )


def _mode_class(document: ReportDocument) -> str:
    return f"mode {'real' if document.mode == 'REAL' else 'practice'}"


def report_body(document: ReportDocument) -> list[Element]:
    """All below the heading, from the verdict on."""
    return [
        *_top(document),
        _picture(document),
        *map(_section, document.sections),
        _facts(document),
        _check(document.check),
        _steps(document),
    ]


def _top(document: ReportDocument) -> Iterator[Element]:
    verdict = document.verdict
    yield el(
        "div",
        el("p", verdict.title, class_="verdict-line"),
        el("p", verdict.at) if verdict.at else None,
        _listed(verdict.because),
        [el("p", "Do: ", el("span", each, class_="mono")) for each in verdict.do],
        class_=f"verdict {_TONES.get(verdict.tone, '')}",
    )
    if document.figures:
        pairs = (el("div", el("dt", name), el("dd", text)) for name, text in document.figures)
        yield el("dl", pairs, class_="figures")


def _listed(lines: Sequence[str], class_: str | None = None) -> Element | None:
    return el("ul", [el("li", line) for line in lines], class_=class_) if lines else None


def _picture(document: ReportDocument) -> Element:
    course = document.course
    return titled_part(
        "time-line",
        "Time line",
        el("p", timeline_words(course), class_="lead"),
        timeline_svg(course),
        el("ol", [_moment(row.number, row.kind, row.name, row.day, row.text)
                  for row in timeline_rows(course)], class_="moments"),
        el(
            "p",
            "Not to scale: a long stretch is drawn shorter than it was. Dots are waiting for "
            "people, stripes are waiting for systems, crosses are the time in which harm was "
            "possible. A diamond is a decision, a square is people told, a double ring is the "
            "proof.",
            class_="small",
        ),
    )  # fmt: skip


def _moment(number: int, kind: CourseKind | None, name: str, day: str, text: str) -> Element:
    sign = _SIGNS.get(kind, "other") if kind is not None else "other"
    return el(
        "li",
        el("span", str(number), class_=f"at-sign {sign}"),
        " ",
        el("span", day, class_="mono when"),
        " ",
        el("strong", name),
        f": {text}" if text else "",
    )


def _section(section: ReportSection) -> Element:
    return titled_part(
        section.name,
        section.title,
        el("p", section.lead, class_="lead") if section.lead else None,
        el("ul", [_entry(entry) for entry in section.entries], class_="entries"),
    )


def _entry(entry: ReportEntry) -> Element:
    tone = _TONES.get(entry.tone, "") if entry.tone is not None else ""
    return el(
        "li",
        el("span", entry.at, class_="mono when") if entry.at else None,
        " " if entry.at else None,
        el("strong", entry.mark, class_=f"known {tone}") if entry.mark else None,
        " " if entry.mark else None,
        entry.text,
        _listed(entry.notes, "notes"),
    )


def _facts(document: ReportDocument) -> Element:
    pairs = (
        el("div", el("dt", label), [el("dd", text) for text in texts])
        for label, texts in document.facts
    )
    return titled_part("facts", "Facts", el("dl", list(pairs), class_="facts"))


def _steps(document: ReportDocument) -> Element:
    rows = [
        el(
            "tr",
            el("td", str(number), class_="number"),
            el("td", entry.at, class_="mono when"),
            el("td", entry.text),
        )
        for number, entry in document.steps
    ]
    head = el("tr", *(el("th", name, scope="col") for name in ("Record", "UTC", "What")))
    return titled_part(
        "steps",
        "Every step, in order",
        el("table", el("thead", head), el("tbody", rows), class_="steps"),
    )


def _check(check: ReportCheck) -> Element:
    keepers = [
        el("li", f"{who}: ", el("span", anchor, class_="mono")) for who, anchor in check.keepers
    ]
    return titled_part(
        "check",
        "How to check this",
        [el("p", words) for words in check.words],
        el("p", check.anchor, class_="mono anchor"),
        el("p", check.command, class_="mono command"),
        el("p", "Others who have such a line, because they answered a request:")
        if keepers
        else None,
        el("ul", keepers) if keepers else None,
    )
