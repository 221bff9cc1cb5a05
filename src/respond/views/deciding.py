"""What decides whether a plan may start: the facts that every screen shows first, in a few words.

Terminal, page and report take them from here. What a reader may open beside them (findings, skipped
steps, what could not be seen) stands in folds, each with the word that opens it. All texts are safe
to show; nothing is laid out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

from respond.core.fold import RunState
from respond.core.plan import Plan, PlannedStep, StepPlan
from respond.core.records import Frozen
from respond.core.script import Effect
from respond.views.layout import said, word
from respond.views.plan_rows import (
    PlanRow,
    found_lines,
    known_after,
    others_needed,
    plan_rows,
    row_cells,
    step_title,
    unseen_in,
)

__all__ = ["Change", "Deciding", "Fold", "FoldWord", "deciding", "place_of"]

_LONG: Final = 1_000


class FoldWord(Enum):
    """What a fold is called, and what is typed to open it."""

    FINDINGS = "findings"
    UNSEEN = "unseen"
    SKIPPED = "skipped"


class Fold(Frozen):
    """Facts of one kind behind their number."""

    word: FoldWord
    lines: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.lines)

    @property
    def title(self) -> str:
        """``3 findings``, ``1 finding``, ``2 skipped``."""
        name = self.word.value
        return f"{self.count} {name.removesuffix('s') if self.count == 1 else name}"


class Change(Frozen):
    """One line of the plan that writes, or that may: nobody knows yet.

    Attributes:
        number: Its number in the plan.
        says: What is done to what, verb first, with name and ending; of a late one its title.
        now: What is so now, such as ``alive``; empty for tasks and messages.
        account: System, account, region and the identity used; empty for what is done by hand
            outside of any.
        where: Account, region and workspace, as the action says it.
        by_hand: A person does it, and not the tool.
        destroys: It removes access, data or a credential, or may.
        for_ever: It changes something and cannot be undone.
        known: For a late one, when it will be known: ``known after 4``. Else empty.
        breaks: What stops working.
        stays: Look-alikes that are not meant.
        tells: Whom it tells something.
    """

    number: int
    says: str
    now: str
    after: str
    account: str
    where: str
    by_hand: bool
    destroys: bool
    for_ever: bool
    known: str
    breaks: str
    stays: tuple[str, ...]
    tells: tuple[str, ...]

    @property
    def place(self) -> str:
        """Account and identity, and what ``where`` says beyond that."""
        return place_of(self.account, self.where)


class Deciding(Frozen):
    """What decides.

    Attributes:
        found: What is there now, such as ``backend-prod ...cdef, App API key: ALIVE``.
        asks: Changes that want a yes of their own: destructive, or not known yet.
        covered: Changes that the yes to the plan covers.
        tasks: What a person is asked to do that is no change of a system: restart, call, hand on.
        messages: What tells people something. None can be unsaid, and none changes anything.
        waits: Pauses, such as a time in which somebody may object.
        refused: What a guard keeps the tool from, and why.
        not_seen: Steps that want to write and could not look; they look again when their turn is.
        agree: Who else has to agree, a line each.
        looks: Steps that only look.
        looking: Those that are still under way: what they find comes when it is there.
        ends: Where the plan ends by itself, with what it says; empty when it does not.
        next: The runbook that comes next.
        folds: All else, each behind a number and a word; none is empty.
    """

    found: tuple[str, ...]
    asks: tuple[Change, ...]
    covered: tuple[Change, ...]
    tasks: tuple[Change, ...]
    messages: tuple[Change, ...]
    waits: tuple[str, ...]
    refused: tuple[str, ...]
    not_seen: tuple[str, ...]
    agree: tuple[str, ...]
    looks: int
    looking: tuple[str, ...]
    ends: str
    next: str
    folds: tuple[Fold, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is known to change something, in the order of the plan."""
        known = (change for change in (*self.asks, *self.covered) if not change.known)
        return tuple(sorted(known, key=lambda change: change.number))

    @property
    def late(self) -> tuple[Change, ...]:
        """What may change something, and is known when an earlier step has run."""
        return tuple(change for change in self.asks if change.known)

    @property
    def for_ever(self) -> tuple[Change, ...]:
        """Changes that cannot be undone."""
        return tuple(change for change in self.changes if change.for_ever)

    @property
    def told(self) -> tuple[str, ...]:
        """Who is told, each once."""
        return tuple(dict.fromkeys(name for message in self.messages for name in message.tells))

    @property
    def closing(self) -> str:
        """``Plan: 3 changes, 1 cannot be undone, 2 people told``."""
        changes, lost, told = len(self.changes), len(self.for_ever), len(self.told)
        tasks, late = len(self.tasks), len(self.late)
        parts = (
            f"{changes or 'no'} change{'s' * (changes != 1)}",
            f"{lost} cannot be undone" if lost else "all can be undone" if changes else "",
            f"{told} {'person' if told == 1 else 'people'} told" if told else "",
            f"{tasks} task{'s' * (tasks != 1)} for a person" if tasks else "",
            f"{late} known later" if late else "",
        )
        return f"Plan: {', '.join(filter(None, parts))}"

    def fold(self, text: str) -> Fold | None:
        """The fold that a word opens, if there is one."""
        return next((fold for fold in self.folds if fold.word.value == text), None)


def place_of(account: str, where: str) -> str:
    """An account's line, and what an action's ``where`` says beyond it."""
    more = [part for part in where.split(", ") if part and part not in account]
    return ", ".join(filter(None, (account, *more)))


def deciding(plan: Plan, state: RunState | None = None) -> Deciding:
    """What decides about a plan.

    Args:
        state: The run, once there is one: what it has done already is no change any more.
    """
    rows = plan_rows(plan)
    number_of = {row.step.address: row.number for row in reversed(rows)}
    done = _done(state)
    kinds: dict[str, list[Change]] = {"asks": [], "covered": [], "tasks": [], "messages": []}
    for row in rows:
        if row.write is not None and row.write.key in done.get(row.step.address, ()):
            continue
        if kind := _kind(row):
            kinds[kind].append(_change(row, plan.connections, number_of))
    return Deciding(
        found=found_lines(plan),
        asks=tuple(kinds["asks"]),
        covered=tuple(kinds["covered"]),
        tasks=tuple(kinds["tasks"]),
        messages=tuple(kinds["messages"]),
        waits=tuple(_of(plan, StepPlan.WAITS)),
        refused=tuple(_of(plan, StepPlan.REFUSED)),
        not_seen=tuple(_of(plan, StepPlan.UNSEEN)),
        agree=others_needed(plan),
        looks=sum(_looks(row) for row in rows),
        looking=tuple(_line(row.step) for row in rows if _looks(row) and row.is_under_way),
        ends=said(plan.ends) or ("here" if plan.next else ""),
        next=word(plan.next),
        folds=tuple(fold for fold in _folds(plan) if fold.lines),
    )


def _done(state: RunState | None) -> Mapping[str, frozenset[str]]:
    steps = state.steps.values() if state is not None else ()
    return {step.address: frozenset(step.done()) for step in steps}


def _kind(row: PlanRow) -> str:
    """Where a line belongs; empty for what changes nothing."""
    if row.asks:
        return "asks"
    if row.write is None:
        return ""
    if row.write.is_message:
        return "messages"
    return "tasks" if row.write.is_task else "covered"


def _change(row: PlanRow, connections: Mapping[str, str], number_of: Mapping[str, int]) -> Change:
    step, write = row.step, row.write
    _, says, now, after, _ = row_cells(row, number_of)
    if write is None:
        known = known_after(step, number_of)
        return Change(
            number=row.number,
            says=says,
            now="",
            after="",
            account="",
            where="",
            by_hand=False,
            destroys=row.destroys,
            for_ever=False,
            known=f"known {known}",
            breaks=said(step.confirm, limit=_LONG),
            stays=(),
            tells=(),
        )
    changes = not (write.is_task or write.is_message)
    return Change(
        number=row.number,
        says=says,
        now=now if changes else "",
        after=after if changes else "",
        # A subject's name begins with its connection.
        account=said(connections.get(write.subject.partition("/")[0], "")),
        where=said(write.where),
        by_hand=write.hands == "person",
        destroys=row.destroys,
        for_ever=changes and not write.undo,
        known="",
        breaks=said(step.confirm or write.breaks, limit=_LONG),
        stays=tuple(map(said, write.stays)),
        tells=tuple(map(said, write.tells)),
    )


def _looks(row: PlanRow) -> bool:
    return row.write is None and row.step.effect is Effect.READS


def _of(plan: Plan, state: StepPlan) -> Iterator[str]:
    return (_line(step) for step in plan.steps if step.state is state)


def _line(step: PlannedStep) -> str:
    return f"{step_title(step)}: {said(step.says)}"


def _folds(plan: Plan) -> Sequence[Fold]:
    lines = [said(line) for step in plan.steps for line in step.findings]
    unseen = filter(None, map(unseen_in, lines))
    left_out = (StepPlan.SKIPPED, StepPlan.ENDS)
    return (
        Fold(FoldWord.FINDINGS, tuple(line for line in lines if not unseen_in(line))),
        Fold(FoldWord.UNSEEN, (*map(said, plan.unseen), *unseen)),
        Fold(FoldWord.SKIPPED, tuple(_line(s) for s in plan.steps if s.state in left_out)),
    )
