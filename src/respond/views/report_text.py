"""The report as plain text: whole for a terminal, short for a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from respond.core.fold import WriteStatus
from respond.views.layout import as_screen, bullets, labelled, labelled_pairs, said, word, wrap
from respond.views.report import Report, ReportedChange, undo_words
from respond.views.report_document import ReportSection, document_of
from respond.views.review_text import review_short
from respond.views.summary import item_lines, not_any_more, proved_text
from respond.views.timeline import timeline_words
from respond.views.words import (
    clock_text,
    day_text,
    exit_text,
    head_line,
    mode_word,
    state_cells,
)

__all__ = ["as_text", "short"]

_SHORT_LINES: Final = 12
_SHORT_CHANGES: Final = 4
_SHORT_WIDTH: Final = 200


@as_screen
def as_text(made: Report, *, width: int = 80) -> Iterator[str]:
    """The whole report."""
    document = document_of(made)
    right = day_text(made.ended) if made.ended else f"not ended: {made.status}"
    yield head_line(made.run, made.runbook, made.mode, right, width)
    for label, texts in document.facts:
        pairs = zip((label, *("",) * (len(texts) - 1)), texts, strict=True)
        yield from labelled_pairs(pairs, width)
    yield ""
    verdict = document.verdict
    yield from wrap(verdict.title, width)
    yield from wrap(verdict.at, width) if verdict.at else ()
    yield from bullets(verdict.because, width)
    for each in verdict.do:
        yield from labelled("Do", each, width, column=6)
    for section in document.sections:
        yield from ("", section.title.upper(), *_section(section, width))
    yield from (
        "",
        "TIMELINE (UTC; in brackets the number of the record)",
        *wrap(timeline_words(document.course), width),
    )
    for number, entry in document.steps:
        yield from labelled(entry.at[:8], f"{entry.text}  [{number}]", width, column=10)
    yield from ("", "HOW TO CHECK THIS")
    for words in document.check.words:
        yield from wrap(words, width)
    yield document.check.anchor
    yield document.check.command
    for who, anchor in document.check.keepers:
        yield from labelled("", f"{who} has {anchor}", width, column=4)


def _section(section: ReportSection, width: int) -> Iterator[str]:
    if section.lead:
        yield from wrap(section.lead, width)
    for entry in section.entries:
        yield from bullets([entry.line], width)
        yield from bullets(entry.notes, width, indent=4)


# --- for a ticket ---------------------------------------------------------------------------------


def short(made: Report) -> str:
    """At most twelve lines, for a ticket. It names no secret, and no suspect but in findings."""
    ends = f"exit {exit_text(made.exit, made.says)}" if made.exit is not None else ""
    waits = made.waits
    stands = ": ".join(filter(None, (waits.line, waits.why)))
    stands_ = [f"now: {stands}", f"go on with: {waits.next}"] if waits.next else []
    lines = [
        f"{word(made.run)} {word(made.runbook)} {mode_word(made.mode)}: "
        + (ends or f"not ended ({word(made.status)})"),
        f"{day_text(made.began)}, by {word(made.operator)}",
        _contained(made),
    ]
    done = [change for change in made.changes if change.status == WriteStatus.DONE.value]
    lines += _some([_change_text(change) for change in done], _SHORT_CHANGES, "changes")
    lines += stands_
    left = [f"left to do: {line}" for line in item_lines(made.outcome.left_to_do)]
    is_known = stands_ or made.review or not made.outcome.nothing_left
    left = left or ([] if is_known else ["left to do: nothing known"])
    if made.review is not None:
        left += review_short(made.review)
    left += [f"look at: {line}" for line in item_lines(made.outcome.look_at)]
    lines += _some(left, _SHORT_LINES - len(lines) - 1, "to do or to look at")
    lines.append(f"anchor {said(made.anchor)}")
    lines = [said(line, limit=_SHORT_WIDTH) for line in lines]
    return "\n".join(lines) + "\n"


def _change_text(change: ReportedChange) -> str:
    now, after = state_cells(change.before, change.after)
    seen = "seen" if change.proved else "not seen"
    hands = "by hand" if change.by == "person" else "by the tool"
    undo = undo_words(change)
    says = said(change.says)
    return f"{clock_text(change.at)} {says} ({now} -> {after}): done, {seen}, {hands}, {undo}"


def _contained(made: Report) -> str:
    contained = made.outcome.containment
    if contained.put_back:
        before = f". {proved_text(contained)}" if contained.proved_at else ""
        return not_any_more(contained) + before
    if not contained.planned:
        is_known = made.plan_digest or made.ended
        return "nothing to contain" if is_known else "not planned yet, and so not contained"
    if not contained.proved_at:
        return f"CONTAINMENT IS NOT PROVED ({len(contained.open)} open)"
    return proved_text(contained)


def _some(lines: list[str], most: int, what: str) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"and {len(lines) - most + 1} more {what}"]
