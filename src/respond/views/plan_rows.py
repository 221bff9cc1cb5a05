"""The numbered lines of a plan in words, for every view: a write each, or a step that has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from respond.core.fold import RunState
from respond.core.plan import OthersAgree, Plan, PlannedStep, PlannedWrite, StepPlan
from respond.core.records import Frozen
from respond.core.runbook import Phase
from respond.core.script import Effect, Proof
from respond.views.layout import said, width_of, word
from respond.views.words import phase_word, state_cells, value_text

__all__ = [
    "CELL",
    "PlanRow",
    "agree_sentence",
    "found_lines",
    "known_after",
    "others_needed",
    "plan_rows",
    "row_cells",
    "row_pairs",
    "row_remarks",
    "so_far_sentence",
    "step_title",
    "unseen_in",
    "write_pairs",
]

CELL: Final = 11
"""Columns of a short state, such as what is so now."""

_UNSEEN: Final = "UNSEEN"
_DETAIL_MAX: Final = 2_000
_OPTIONAL: Final = frozenset({StepPlan.SKIPPED, StepPlan.ENDS})


class PlanRow(Frozen):
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
    def is_under_way(self) -> bool:
        """Whether it waits for no other step: it is being looked at, and has not come yet."""
        late = self.step.state is StepPlan.LATE
        return late and not self.step.late_on and bool(self.step.says)

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
        f"{_who_agrees(step.approve)}, before {step_title(step)}"
        for step in plan.steps
        if step.approve and step.state not in (StepPlan.NOTHING, *_OPTIONAL)
    )


def agree_sentence(agree: Sequence[str]) -> str:
    """Whether the operator can do all of it alone; ``agree`` is as ``others_needed`` gives it."""
    return f"Not alone: {'; '.join(agree)}." if agree else "You can do all of this alone."


def so_far_sentence(state: RunState) -> str:
    """What a run has changed already."""
    count = sum(len(step.done()) + len(step.open()) for step in state.steps.values())
    if not count:
        return "Nothing has been changed."
    return f"{count} {'write was' if count == 1 else 'writes were'} made before."


def _who_agrees(approve: OthersAgree) -> str:
    count, roles = approve.count, " and ".join(map(word, approve.roles))
    people = f"{count} {'person' if count == 1 else 'people'}" + (f" with {roles}" if roles else "")
    return f"{people}, or your own key" if approve.or_signed else people


def step_title(step: PlannedStep) -> str:
    """What a step is called, safe to show."""
    return said(step.title or step.address)


def found_lines(plan: Plan) -> tuple[str, ...]:
    """What is there now, as it was looked at."""
    return tuple(said(step.says) for step in plan.steps if _is_fact(step))


def unseen_in(line: str) -> str:
    """What a finding says could not be looked at, without its mark; empty when it is no such one.

    An action marks it: ``UNSEEN: the audit log: 403``.
    """
    return line.removeprefix(_UNSEEN).lstrip(": ") if line.startswith(_UNSEEN) else ""


def row_cells(row: PlanRow, number_of: Mapping[str, int]) -> tuple[str, str, str, str, str]:
    """Who, what, now, after, undo, as every view shows them; safe to show.

    ``number_of`` has the number of each step's line, by address.
    """
    step, write = row.step, row.write
    if write is not None:
        now, after = state_cells(write.before, write.after)
        if write.is_message or write.is_task:
            now, after = "-", "told" if write.is_message else "your word"
        who = "YOU" if write.hands == "person" else "tool"
        undo = ("yes" if write.undo else "NO") + (" !" if row.destroys else "")
        return who, said(write.says), now, after, undo
    title = step_title(step)
    destroys = "? !" if row.destroys else "?"
    match step.state:
        case StepPlan.LATE if step.effect is Effect.READS:
            return "tool", title, "later", "read only", "-"
        case StepPlan.LATE:
            return "tool", title, "later", f"known {known_after(step, number_of)}", destroys
        case StepPlan.UNSEEN:
            return "tool", title, "not seen", "?", destroys
        case StepPlan.REFUSED:
            return "-", title, "spared", "stays so", "-"
        case StepPlan.WAITS:
            return "wait", f"{title}: {said(step.says)}", "waits", "-", "-"
        case _ if step.effect is Effect.READS:
            return "tool", title, _in_a_cell(step.says), "read only", "-"
        case _:
            return "tool", title, "as wanted", "unchanged", "-"


def _in_a_cell(says: str) -> str:
    """What was seen, where it fits; else it stands below the line."""
    shown = said(says)
    return shown if 0 < width_of(shown) <= CELL else "looked"


def known_after(step: PlannedStep, number_of: Mapping[str, int]) -> str:
    """``after 4``: behind which lines a late step is known."""
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
        if row.is_under_way or (row.step.state is StepPlan.NOTHING and width_of(shown) > CELL):
            yield shown
        return
    if write.is_task:
        return  # It stands there already: somebody's word is all there is.
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
        pairs += write_pairs(row.write, step.confirm)
    return [(label, text) for label, text in pairs if text]


def write_pairs(write: PlannedWrite, breaks: str = "") -> list[tuple[str, str]]:
    """All that is known of one write, as labels and texts; some texts are empty.

    ``breaks`` is what the runbook says of it.
    """
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
        ("Breaks", said(breaks or write.breaks, limit=_DETAIL_MAX)),
        ("Proof", seen),
        ("Again", "harmless to repeat" if write.repeatable else "not repeated on a guess"),
    ]
