"""The plan on one screen: what is there, what would change, what cannot be undone, who acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.plan import Plan, StepPlan, short_digest
from respond.core.records import Frozen
from respond.ports import Head
from respond.views.deciding import deciding
from respond.views.layout import (
    LABEL,
    bullets,
    cell_rows,
    labelled,
    labelled_pairs,
    pad,
    said,
    width_of,
    word,
    wrap,
)
from respond.views.plan_rows import (
    PlanRow,
    agree_sentence,
    found_lines,
    others_needed,
    plan_rows,
    row_cells,
    row_pairs,
    row_remarks,
    so_far_sentence,
    step_title,
)
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import clock_text, head_line, phase_word, span_text, value_text

__all__ = ["facts_lines", "plan_notes", "plan_screen", "step_details"]

_WHO: Final = 4
_UNDO: Final = 5
_NARROW: Final = 80
_STATE: Final = 14
_CELL_LINES: Final = 2
_GAP: Final = "  "
_WHAT_MIN: Final = 20


def plan_screen(
    state: RunState,
    plan: Plan,
    head: Head,
    *,
    elapsed_s: float,
    width: int = 80,
    own: bool = True,
    style: Style = PLAIN,
) -> str:
    """The whole plan.

    Args:
        elapsed_s: How long the looking took, in seconds.
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
        alone = agree_sentence(others_needed(plan))
        lines += labelled("You", f"{word(state.operator)}. {alone}", width)
    if rows:
        lines += ["", *_table(rows, width, style)]
    lines += ["", *_notes(plan, width, style)]
    lines += _last_lines(state, plan, head, width)
    closing = wrap(deciding(plan, state).closing, width)
    lines += [style.paint(line, Tone.STRONG) for line in closing]
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
    number_of = {row.step.address: row.number for row in reversed(rows)}
    most = _STATE + max(0, width - _NARROW) // 5
    lines = [_Line.of(row, number_of, most) for row in rows]
    numbers = max(2, len(str(rows[-1].number)))
    now, after = (max(4, *(_needed(line.cells[n], most) for line in lines)) for n in (2, 3))
    what = max(_WHAT_MIN, width - numbers - _WHO - now - after - _UNDO - 5 * len(_GAP))
    widths = (numbers, _WHO, what, now, after, _UNDO)
    titles = ("", "who", "what", "now", "after", "undo")
    yield _GAP.join(pad(t, w) for t, w in zip(titles, widths, strict=True)).rstrip()
    for (phase, within), group in groupby(
        lines, key=lambda line: (line.row.step.phase, line.row.step.within)
    ):
        heading = phase_word(phase)
        head = [heading]
        if within:
            head = labelled(heading, said(within), width, column=len(heading) + 2)
        yield from (style.paint(line, Tone.STRONG) for line in head)
        for line in group:
            yield from _row(line, widths, style)


class _Line(Frozen):
    """One line of the table. A state that would have to be broken stands below its line."""

    row: PlanRow
    cells: tuple[str, str, str, str, str]
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, row: PlanRow, number_of: Mapping[str, int], most: int) -> _Line:
        who, what, now, after, undo = row_cells(row, number_of)
        remarks = tuple(row_remarks(row))
        if not (_needed(now, most) and _needed(after, most)):
            remarks = (f"{now} -> {after}", *remarks)
            now = after = "below"
        return cls(row, (who, what, now, after, undo), remarks)


def _needed(cell: str, most: int) -> int:
    """Columns in which a cell takes two lines at most and breaks no word; 0 where ``most`` do not
    suffice.
    """
    least = max(map(width_of, cell.split() or [cell]))
    if least > most:
        return 0
    if width_of(cell) <= most:
        return width_of(cell)
    return next((w for w in range(least, most + 1) if len(wrap(cell, w)) <= _CELL_LINES), 0)


def _row(line: _Line, widths: tuple[int, ...], style: Style) -> Iterator[str]:
    row, (who, what, *states) = line.row, line.cells
    tone = Tone.DANGER if row.destroys else None
    number = f"{row.number:>{widths[0]}}"
    remarks, words = line.remarks, what.split()
    fits = list(takewhile(lambda name: width_of(name) <= widths[2], words))
    if len(fits) < len(words):
        # A name that is longer than its column stands below, whole.
        remarks, what = (what, *remarks), " ".join((*fits, "..."))
    for n, cells in enumerate(cell_rows((number, who, what, *states), widths)):
        cells[0] = pad(number if n == 0 else "", widths[0])
        if tone is not None:
            cells[5] = style.paint(cells[5].rstrip(), tone)
        if who == "YOU":
            cells[1] = style.paint(cells[1], Tone.STRONG)
        yield _GAP.join(cells).rstrip()
    indent = " " * (widths[0] + widths[1] + 2 * len(_GAP))
    for remark in remarks:
        for text in wrap(remark, sum(widths[2:]) + 3 * len(_GAP)):
            yield indent + style.paint(text, Tone.FAINT)


# --- below the table ----------------------------------------------------------------------------


def _notes(plan: Plan, width: int, style: Style) -> Iterator[str]:
    for label, text in plan_notes(plan):
        for line in _listed(label, [text], width):
            yield style.paint(line, Tone.CARE) if label == "FINDING" else line
    if plan.ends or plan.next:
        yield from _listed("ENDS", [said(plan.ends) or "here"], width)
    if plan.next:
        yield from _listed("NEXT", [f"respond {word(plan.next)}"], width)


def plan_notes(plan: Plan) -> Iterator[tuple[str, str]]:
    """What could not be seen, is spared, is left out, or should be looked at: label, text."""
    for line in plan.unseen:
        yield "UNSEEN", said(line)
    for step in plan.steps:
        if step.state is StepPlan.REFUSED:
            yield "SPARED", f"{step_title(step)}: {said(step.says)}"
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
    so_far = so_far_sentence(state)
    if plan.mode == "dry-run":
        so_far = "A dry run: nothing was changed, and nothing will be."
    where = f"journal {head.size} {word(head.hash[:8])}"
    return wrap(f"{so_far} Plan {short_digest(plan.digest)}, {where}", width)


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
