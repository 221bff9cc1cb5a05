"""The plan on one screen: what is there, what would change, what cannot be undone, who acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.plan import OthersAgree, Plan, PlannedStep, PlannedWrite, StepPlan, short_digest
from respond.core.runbook import Phase
from respond.core.script import Effect, Proof
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
    width_of,
    word,
    wrap,
)
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import (
    clock_text,
    head_line,
    phase_word,
    span_text,
    state_cells,
    value_text,
)

__all__ = [
    "PlanRow",
    "facts_lines",
    "found_lines",
    "others_needed",
    "plan_notes",
    "plan_rows",
    "plan_screen",
    "row_cells",
    "row_pairs",
    "row_remarks",
    "step_details",
]

_WHO: Final = 4
_CELL: Final = 11
_UNDO: Final = 5
_GAP: Final = "  "
_WHAT_MIN: Final = 20
_DETAIL_MAX: Final = 2_000
_OPTIONAL: Final = frozenset({StepPlan.SKIPPED, StepPlan.ENDS})


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One numbered line of the plan: a write, or a step that has none to show."""

    number: int
    step: PlannedStep
    write: PlannedWrite | None

    @property
    def destroys(self) -> bool:
        if self.write is not None:
            return self.write.effect is Effect.DESTROYS
        return self.step.state is StepPlan.LATE and self.step.effect is Effect.DESTROYS

    @property
    def asks(self) -> bool:
        """Whether ``start`` does not cover it: destructive, or not known yet."""
        late = self.step.state is StepPlan.LATE and self.step.effect is not Effect.READS
        return self.destroys or late


def plan_rows(plan: Plan) -> tuple[PlanRow, ...]:
    """The lines of the table, numbered from 1 in the order of the plan."""
    pairs = [(step, write) for step in plan.steps for write in _lines_of(step)]
    return tuple(PlanRow(n, step, write) for n, (step, write) in enumerate(pairs, 1))


def _lines_of(step: PlannedStep) -> Sequence[PlannedWrite | None]:
    if step.writes:
        return step.writes
    if step.state in _OPTIONAL or _is_fact(step) or not (step.action or step.title or step.id):
        return ()
    return (None,)


def _is_fact(step: PlannedStep) -> bool:
    """A look whose one line stands above the table, as what is there now."""
    return (
        step.state is StepPlan.NOTHING
        and step.effect is Effect.READS
        and step.phase is Phase.IDENTIFY
        and bool(step.says)
    )


def others_needed(plan: Plan) -> tuple[str, ...]:
    """Who else has to agree, one line each; empty when the operator can do all of it alone."""
    return tuple(
        f"{_who_agrees(step.approve)}, before {_title(step)}"
        for step in plan.steps
        if step.approve and step.state not in (StepPlan.NOTHING, *_OPTIONAL)
    )


def _who_agrees(approve: OthersAgree) -> str:
    count, roles = approve.count, " and ".join(map(word, approve.roles))
    people = f"{count} {'person' if count == 1 else 'people'}" + (f" with {roles}" if roles else "")
    return f"{people}, or your own key" if approve.or_signed else people


def _title(step: PlannedStep) -> str:
    return said(step.title or step.address)


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


def found_lines(plan: Plan) -> tuple[str, ...]:
    """What is there now, as it was looked at."""
    return tuple(said(step.says) for step in plan.steps if _is_fact(step))


# --- the table ----------------------------------------------------------------------------------


def _table(rows: Sequence[PlanRow], width: int, style: Style) -> Iterator[str]:
    numbers = max(2, len(str(rows[-1].number)))
    fixed = numbers + _WHO + 2 * _CELL + _UNDO + 5 * len(_GAP)
    widths = (numbers, _WHO, max(_WHAT_MIN, width - fixed), _CELL, _CELL, _UNDO)
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


def row_cells(row: PlanRow, number_of: Mapping[str, int]) -> tuple[str, str, str, str, str]:
    """Who, what, now, after, undo, as every view shows them; safe to show.

    ``number_of`` has the number of each step's line, by address.
    """
    step, write = row.step, row.write
    if write is not None:
        now, after = state_cells(write.before, write.after)
        who = "YOU" if write.hands == "person" else "tool"
        undo = ("yes" if write.undo else "NO") + (" !" if row.destroys else "")
        return who, said(write.says), now, after, undo
    title = _title(step)
    destroys = "? !" if row.destroys else "?"
    match step.state:
        case StepPlan.LATE if step.effect is Effect.READS:
            return "tool", title, "later", "read only", "-"
        case StepPlan.LATE:
            return "tool", title, "later", f"known {_after(step, number_of)}", destroys
        case StepPlan.UNSEEN:
            return "tool", title, "not seen", "?", destroys
        case StepPlan.REFUSED:
            return "-", title, "refused", "stays so", "-"
        case StepPlan.WAITS:
            return "wait", f"{title}: {said(step.says)}", "waits", "-", "-"
        case _ if step.effect is Effect.READS:
            return "tool", title, _in_a_cell(step.says), "read only", "-"
        case _:
            return "tool", title, "as wanted", "unchanged", "-"


def _in_a_cell(says: str) -> str:
    """What was seen, where it fits; else it stands below the line."""
    shown = said(says)
    return shown if 0 < width_of(shown) <= _CELL else "looked"


def _after(step: PlannedStep, number_of: Mapping[str, int]) -> str:
    names = [
        str(number_of[address])
        if address in number_of
        else "your answer"
        if address == "inputs"
        else word(address)
        for address in step.late_on
    ]
    return f"after {', '.join(names)}" if names else "later"


def row_remarks(row: PlanRow) -> Iterator[str]:
    """What stands below a line of the plan."""
    write = row.write
    if write is None:
        shown = said(row.step.says)
        if row.step.state is StepPlan.NOTHING and width_of(shown) > _CELL:
            yield shown
        return
    if write.hands == "person":
        yield (
            "by hand: I cannot see it, your word is the record"
            if write.proof is Proof.WORD
            else "by hand: you click, I watch until it is seen"
            if write.proof is Proof.SEEN
            else "by hand: nobody can look at it afterwards"
        )
    elif write.proof is Proof.BLIND:
        yield "nobody can look at it afterwards: the system's answer is all there is"


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
            yield "LATER", f"line {row.number}: known {_after(row.step, number_of)}{again}"
    for step in plan.steps:
        if step.state is StepPlan.REFUSED:
            yield "REFUSED", f"{_title(step)}: {said(step.says)}"
    for step in plan.steps:
        if step.state is StepPlan.SKIPPED:
            yield "SKIPPED", f"{_title(step)}: {said(step.says)}"
        if step.state is StepPlan.ENDS:
            yield "ENDS", f"{_title(step)}: {said(step.says)}"
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
    title = labelled(str(number), _title(step), width, column=len(str(number)) + 2)
    lines = [style.paint(line, Tone.STRONG) for line in title]
    lines += labelled_pairs(row_pairs(row), width)
    if row.write is not None and row.write.stays:
        lines += ["Stays, not to be touched:", *bullets(map(said, row.write.stays), width)]
    return "\n".join(lines) + "\n"


def row_pairs(row: PlanRow) -> list[tuple[str, str]]:
    """Everything the plan has about one line, as labels and texts; empty texts are left out."""
    step = row.step
    given = [f"{word(n)} = {value_text(v, limit=_DETAIL_MAX)}" for n, v in step.arguments.items()]
    pairs = [
        ("Step", f"{word(step.address)}, {phase_word(step.phase)}"),
        ("Of", said(step.within)),
        ("Action", f"{word(step.action) or 'none'}, {step.effect.value}"),
        # The words of a step that writes are foretold: what will be so when it is done.
        ("Then" if step.writes else "Seen", said(step.says, limit=_DETAIL_MAX)),
        ("Why", said(step.why, limit=_DETAIL_MAX)),
        ("With", "; ".join(given)),
    ]
    if row.write is not None:
        pairs += _write_pairs(row.write, step)
    return [(label, text) for label, text in pairs if text]


def _write_pairs(write: PlannedWrite, step: PlannedStep) -> list[tuple[str, str]]:
    danger = " (destructive)" if write.effect is Effect.DESTROYS else ""
    seen = {
        Proof.SEEN: "it is looked at until it is seen",
        Proof.WORD: "nobody can look: a person's word",
        Proof.BLIND: "nobody can look: the system's answer is all there is",
    }[write.proof]
    return [
        ("What", said(write.says, limit=_DETAIL_MAX)),
        ("Where", said(write.where)),
        ("Who", "you, by hand" if write.hands == "person" else "the tool"),
        ("Request", said(write.request, limit=_DETAIL_MAX)),
        ("Subject", said(write.subject)),
        ("Now", value_text(write.before, limit=_DETAIL_MAX)),
        ("After", value_text(write.after, limit=_DETAIL_MAX)),
        ("Undo", ("can be undone" if write.undo else "cannot be undone") + danger),
        ("Breaks", said(step.confirm or write.breaks, limit=_DETAIL_MAX)),
        ("Proof", seen),
        ("Again", "harmless to repeat" if write.repeatable else "not repeated on a guess"),
    ]
