"""The plan on one screen: what is there, what would change, what cannot be undone, who acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.plan import Plan, StepPlan, short_digest
from respond.ports import Head
from respond.views.layout import (
    LABEL,
    bullets,
    cell_rows,
    labelled,
    labelled_pairs,
    number_ranges,
    pad,
    said,
    word,
    wrap,
)
from respond.views.plan_rows import (
    CELL,
    PlanRow,
    found_lines,
    known_after,
    others_needed,
    plan_rows,
    row_cells,
    row_pairs,
    row_remarks,
    step_title,
)
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import clock_text, head_line, phase_word, span_text, value_text

__all__ = ["facts_lines", "plan_notes", "plan_screen", "step_details"]

_WHO: Final = 4
_UNDO: Final = 5
_GAP: Final = "  "
_WHAT_MIN: Final = 20


def plan_screen(
    state: RunState,
    plan: Plan,
    head: Head,
    *,
    elapsed_s: float,
    width: int = 80,
    others: tuple[str, ...] = (),
    asks: bool = True,
    own: bool = True,
    style: Style = PLAIN,
) -> str:
    """The whole plan.

    Args:
        elapsed_s: How long the looking took, in seconds.
        others: Words that choose another order.
        asks: Whether the choices are offered; not so in a dry run or when nobody sits there.
        own: Whether the reader is its operator, and not somebody who is asked to agree.
    """
    right = f"looked {clock_text(state.planned_at)}, {span_text(elapsed_s)}"
    rows = plan_rows(plan)
    lines = [head_line(state.id, plan.runbook, plan.mode, right, width, style)]
    # What stands fast. The labels are ours: no name from outside stands at the left edge.
    lines += facts_lines("Account", plan.connections, width)
    lines += _listed("Found", found_lines(plan), width, column=LABEL)
    lines += facts_lines("Inputs", plan.inputs, width)
    if own:
        lines += labelled("Event", state.old_event, width) if state.old_event else ()
        others_agree = "; ".join(others_needed(plan))
        alone = f"Not alone: {others_agree}" if others_agree else "You can do all of this alone."
        lines += labelled("You", f"{word(state.operator)}. {alone}", width)
    if rows:
        lines += ["", *_table(rows, width, style)]
    lines += ["", *_notes(plan, rows, width, style)]
    lines += _last_lines(state, plan, head, width)
    if asks and plan.mode != "dry-run":
        first, *rest = wrap(" | ".join(_choices(rows, others)), width - 2)
        lines += [first, *(f"  {line}" for line in rest)]
    return "\n".join(lines) + "\n"


# --- above the table ----------------------------------------------------------------------------


def facts_lines(label: str, facts: Mapping[str, Any], width: int) -> Iterator[str]:
    """Names and values under one label, those without a value left out."""
    given = [
        f"{word(name, limit=30)}: {value_text(value)}"
        for name, value in facts.items()
        if value not in (None, "", [])
    ]
    for n, line in enumerate(given):
        yield from labelled(label if n == 0 else "", line, width)


# --- the table ----------------------------------------------------------------------------------


def _table(rows: Sequence[PlanRow], width: int, style: Style) -> Iterator[str]:
    numbers = max(2, len(str(rows[-1].number)))
    fixed = numbers + _WHO + 2 * CELL + _UNDO + 5 * len(_GAP)
    widths = (numbers, _WHO, max(_WHAT_MIN, width - fixed), CELL, CELL, _UNDO)
    titles = ("", "who", "what", "now", "after", "undo")
    yield _GAP.join(pad(t, w) for t, w in zip(titles, widths, strict=True)).rstrip()
    number_of = {row.step.address: row.number for row in reversed(rows)}
    for (phase, within), group in groupby(rows, key=lambda row: (row.step.phase, row.step.within)):
        heading = phase_word(phase)
        lines = [heading]
        if within:
            lines = labelled(heading, said(within), width, column=len(heading) + 2)
        yield from (style.paint(line, Tone.STRONG) for line in lines)
        for row in group:
            yield from _row(row, widths, number_of, style)


def _row(
    row: PlanRow, widths: tuple[int, ...], number_of: dict[str, int], style: Style
) -> Iterator[str]:
    who, what, now, after, undo = row_cells(row, number_of)
    tone = Tone.DANGER if row.destroys else None
    number = f"{row.number:>{widths[0]}}"
    for n, cells in enumerate(
        cell_rows((number if row.number else "", who, what, now, after, undo), widths)
    ):
        cells[0] = number if n == 0 else " " * widths[0]
        if tone is not None:
            cells[5] = style.paint(cells[5].rstrip(), tone)
        if who == "YOU":
            cells[1] = style.paint(cells[1], Tone.STRONG)
        yield _GAP.join(cells).rstrip()
    indent = " " * (widths[0] + widths[1] + 2 * len(_GAP))
    for remark in row_remarks(row):
        for line in wrap(remark, sum(widths[2:]) + 3 * len(_GAP)):
            yield indent + style.paint(line, Tone.FAINT)


# --- below the table ----------------------------------------------------------------------------


def _notes(plan: Plan, rows: Sequence[PlanRow], width: int, style: Style) -> Iterator[str]:
    for label, text in plan_notes(plan, rows):
        for line in _listed(label, [text], width):
            yield style.paint(line, Tone.CARE) if label == "FINDING" else line
    if plan.ends or plan.next:
        yield from _listed("ENDS", [said(plan.ends) or "here"], width)
    if plan.next:
        yield from _listed("NEXT", [f"respond {word(plan.next)}"], width)


def plan_notes(plan: Plan, rows: Sequence[PlanRow]) -> Iterator[tuple[str, str]]:
    """What could not be seen, is known later, is left out, or should be looked at: label, text."""
    number_of = {row.step.address: row.number for row in reversed(rows)}
    for line in plan.unseen:
        yield "UNSEEN", said(line)
    for row in rows:
        if row.step.state is StepPlan.LATE:
            again = ", asks again" if row.asks else ""
            known = f"known {known_after(row.step, number_of)}{again}"
            shown = known if row.step.late_on else said(row.step.says) or known
            yield "LATER", f"line {row.number}: {shown}"
    for step in plan.steps:
        if step.state is StepPlan.REFUSED:
            yield "REFUSED", f"{step_title(step)}: {said(step.says)}"
    for step in plan.steps:
        if step.state is StepPlan.SKIPPED:
            yield "SKIPPED", f"{step_title(step)}: {said(step.says)}"
        if step.state is StepPlan.ENDS:
            yield "ENDS", f"{step_title(step)}: {said(step.says)}"
    for step in plan.steps:
        for finding in step.findings:
            yield "FINDING", said(finding)


def _listed(
    label: str, texts: Iterable[str], width: int, *, column: int = LABEL - 4
) -> Iterator[str]:
    for text in texts:
        yield from labelled(label, text, width, column=column)


def _last_lines(state: RunState, plan: Plan, head: Head, width: int) -> list[str]:
    written = sum(len(step.done()) + len(step.open()) for step in state.steps.values())
    so_far = (
        f"{written} {'write was' if written == 1 else 'writes were'} made before."
        if written
        else "Nothing has been changed."
    )
    if plan.mode == "dry-run":
        so_far = "A dry run: nothing was changed, and nothing will be."
    where = f"journal {head.size} {word(head.hash[:8])}"
    return wrap(f"{so_far} Plan {short_digest(plan.digest)}, {where}", width)


def _choices(rows: Sequence[PlanRow], others: tuple[str, ...]) -> Iterator[str]:
    again = [row.number for row in rows if row.asks]
    yield "start" + (f" (asks again at {number_ranges(again)})" if again else "")
    yield from (word(other) for other in others)
    if rows:
        yield f"1-{rows[-1].number} details" if len(rows) > 1 else "1 details"
    yield "later"
    yield "quit"


# --- one line of it -----------------------------------------------------------------------------


def step_details(plan: Plan, number: int, *, width: int = 80, style: Style = PLAIN) -> str:
    """Everything the plan has about one numbered line; empty when there is no such line."""
    rows = plan_rows(plan)
    row = next((row for row in rows if row.number == number), None)
    if row is None:
        return ""
    step = row.step
    title = labelled(str(number), step_title(step), width, column=len(str(number)) + 2)
    lines = [style.paint(line, Tone.STRONG) for line in title]
    lines += labelled_pairs(row_pairs(row), width)
    if row.write is not None and row.write.stays:
        lines += ["Stays, not to be touched:", *bullets(map(said, row.write.stays), width)]
    return "\n".join(lines) + "\n"
