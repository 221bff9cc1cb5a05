"""The whole plan of a run for its page: the rows of the terminal. What decides stands above it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from respond.core.fold import RunState
from respond.core.plan import Plan, short_digest
from respond.core.records import Frozen
from respond.core.runbook import Phase
from respond.views.deciding import deciding
from respond.views.layout import said, word
from respond.views.plan_rows import (
    PlanRow,
    plan_rows,
    row_cells,
    row_pairs,
    row_remarks,
)
from respond.views.plan_text import plan_notes
from respond.views.words import day_text, phase_word, value_text

__all__ = ["LineView", "PlanView", "plan_view"]


class LineView(Frozen):
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


class PlanView(Frozen):
    """The plan, as the terminal shows it."""

    looked: str
    closing: str
    accounts: tuple[str, ...]
    inputs: tuple[str, ...]
    count: int
    phases: tuple[tuple[str, tuple[LineView, ...]], ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    digest: str
    full_digest: str


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
        closing=deciding(plan).closing,
        accounts=tuple(f"{word(n, limit=30)}: {said(a)}" for n, a in plan.connections.items()),
        inputs=tuple(
            f"{word(name, limit=30)}: {value_text(value)}"
            for name, value in plan.inputs.items()
            if value not in (None, "", [])
        ),
        count=len(rows),
        phases=phases,
        notes=tuple(
            (label, tuple(text for _, text in group))
            for label, group in groupby(plan_notes(plan), key=lambda note: note[0])
        ),
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
