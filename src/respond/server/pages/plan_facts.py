"""The plan of a run for its page: the rows of the terminal, and what cannot be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from respond.core.fold import RunState
from respond.core.plan import Plan, short_digest
from respond.core.runbook import Phase
from respond.views.layout import said, word
from respond.views.plan_rows import (
    PlanRow,
    found_lines,
    plan_rows,
    row_cells,
    row_pairs,
    row_remarks,
)
from respond.views.plan_text import plan_notes
from respond.views.words import day_text, phase_word, value_text

__all__ = ["LineView", "Loss", "PlanView", "losses_of", "lost_text", "plan_view"]

_LONG: Final = 2_000


@dataclass(frozen=True, slots=True)
class LineView:
    """One numbered line of the plan, in the terminal's words."""

    number: int
    who: str
    what: str
    now: str
    after: str
    undo: str
    destroys: bool
    remarks: tuple[str, ...]
    details: tuple[tuple[str, str], ...]
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan, as the terminal shows it."""

    looked: str
    accounts: tuple[str, ...]
    found: tuple[str, ...]
    inputs: tuple[str, ...]
    phases: tuple[tuple[str, tuple[LineView, ...]], ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    ends: str
    next: str
    digest: str
    full_digest: str


@dataclass(frozen=True, slots=True)
class Loss:
    """A write that cannot be undone, or that destroys.

    Attributes:
        for_ever: There is no way back, or nobody knows yet whether there is.
    """

    says: str
    where: str
    breaks: str
    destroys: bool
    for_ever: bool
    by_hand: bool


def plan_view(state: RunState, plan: Plan) -> PlanView:
    """The plan, as the terminal shows it."""
    rows = plan_rows(plan)
    number_of = {row.step.address: row.number for row in reversed(rows)}
    phases = tuple(
        (_heading(phase, within), tuple(_line(row, number_of) for row in group))
        for (phase, within), group in groupby(
            rows, key=lambda row: (row.step.phase, row.step.within)
        )
    )
    return PlanView(
        looked=day_text(state.planned_at),
        accounts=tuple(f"{word(n, limit=30)}: {said(a)}" for n, a in plan.connections.items()),
        found=found_lines(plan),
        inputs=tuple(
            f"{word(name, limit=30)}: {value_text(value)}"
            for name, value in plan.inputs.items()
            if value not in (None, "", [])
        ),
        phases=phases,
        notes=tuple(
            (label, tuple(text for _, text in group))
            for label, group in groupby(plan_notes(plan, rows), key=lambda note: note[0])
        ),
        ends=said(plan.ends),
        next=word(plan.next),
        digest=short_digest(plan.digest),
        full_digest=plan.digest,
    )


def _heading(phase: Phase | None, within: str) -> str:
    return f"{phase_word(phase)}: {said(within)}" if within else phase_word(phase)


def _line(row: PlanRow, number_of: Mapping[str, int]) -> LineView:
    who, what, now, after, undo = row_cells(row, number_of)
    stays = row.write.stays if row.write is not None else ()
    return LineView(
        number=row.number,
        who=who,
        what=what,
        now=now,
        after=after,
        undo=undo,
        destroys=row.destroys,
        remarks=tuple(row_remarks(row)),
        details=tuple(row_pairs(row)),
        stays=tuple(said(each) for each in stays),
    )


def losses_of(plan: Plan) -> Iterator[Loss]:
    """What cannot be undone, what destroys first; and what may turn out to destroy."""
    rows = [row for row in plan_rows(plan) if row.destroys or (row.write and not row.write.undo)]
    for row in sorted(rows, key=lambda row: not row.destroys):
        write, step = row.write, row.step
        breaks = step.confirm or (write.breaks if write is not None else "")
        yield Loss(
            says=said(write.says if write is not None else step.title or step.address),
            where=said(write.where) if write is not None else "",
            breaks=said(breaks, limit=_LONG),
            destroys=row.destroys,
            for_ever=write is None or not write.undo,
            by_hand=write is not None and write.hands == "person",
        )


def lost_text(losses: Sequence[Loss]) -> str:
    """How much of it there is no way back from, in a sentence."""
    for_ever, destroys = (
        sum(each.for_ever for each in losses),
        sum(each.destroys for each in losses),
    )
    parts = []
    if for_ever:
        parts.append(f"{for_ever} {'change' if for_ever == 1 else 'changes'} cannot be undone")
    if destroys:
        parts.append(f"{destroys} {'destroys' if destroys == 1 else 'destroy'}")
    return "; ".join(parts) + "." if parts else ""
