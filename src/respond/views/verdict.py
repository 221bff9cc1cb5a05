"""The verdict of a run: what it came to, what that lacks, and what to type, in words.

The one place for it: the last screen, the list of runs, the page, the report and the JSON take it
from here. It says nothing that ``core.outcome`` does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from respond.core.asked import Today
from respond.core.fold import RunState, RunStatus
from respond.core.outcome import Item, Known, Outcome, outcome_of
from respond.core.records import Frozen
from respond.core.runbook import Phase
from respond.errors import ExitCode
from respond.views.layout import said, word
from respond.views.style import Tone
from respond.views.waiting import waiting
from respond.views.words import behind, day_text, mode_of, span_text

__all__ = ["CameTo", "RunVerdict", "verdict_of"]

_UNDONE: Final = {"unknown": "nobody knows whether it happened", "by-hand": "in somebody's hands"}


class CameTo(Enum):
    """What a run came to, so far as it has come."""

    CONTAINED = "contained"
    CONTAINED_NOT_PROVED = "contained-not-proved"
    NOT_CONTAINED = "not-contained"
    PUT_BACK = "put-back"
    DONE = "done"
    DONE_NOT_PROVED = "done-not-proved"
    NOT_DONE = "not-done"
    DRY_RUN = "dry-run"

    @property
    def lacks_proof(self) -> bool:
        """It was done, and nobody saw that it is so."""
        return self in (CameTo.CONTAINED_NOT_PROVED, CameTo.DONE_NOT_PROVED)

    @property
    def tone(self) -> Tone:
        if self in (CameTo.CONTAINED, CameTo.DONE):
            return Tone.GOOD
        return Tone.DANGER if self in (CameTo.NOT_CONTAINED, CameTo.NOT_DONE) else Tone.CARE


class RunVerdict(Frozen):
    """What a run came to.

    Attributes:
        came_to: As a word for machines.
        is_over: The run has ended; else it may still become better.
        title: Its words: ``CONTAINED and proved 5 s after the start``.
        at: When that was proved, and how long after the leak, or when containment was put back;
            empty where nothing was.
        because: What it lacks, a line each; empty where it lacks nothing.
        do: What to type now, a command each; empty when nothing is left.
    """

    came_to: CameTo
    is_over: bool
    title: str
    at: str = ""
    because: tuple[str, ...] = ()
    do: tuple[str, ...] = ()

    @property
    def tone(self) -> Tone:
        """Of the title: good only where nothing is missing."""
        tone = self.came_to.tone
        return Tone.CARE if tone is Tone.GOOD and (self.because or not self.is_over) else tone

    @property
    def line(self) -> str:
        """The title with the first reason, and how many more there are."""
        if not self.because:
            return self.title
        more = f" (and {len(self.because) - 1} more)" if len(self.because) > 1 else ""
        return f"{self.title}: {self.because[0]}{more}"


def verdict_of(state: RunState, today: Today) -> RunVerdict:
    """What a run came to."""
    if mode_of(state) == "dry-run":
        return RunVerdict(CameTo.DRY_RUN, state.ended_at != "", "DRY RUN: nothing was changed")
    outcome = outcome_of(state)
    came_to, is_over = _came_to(state, outcome), state.status is RunStatus.ENDED
    every = tuple(dict.fromkeys(_do(state, outcome, today)))
    # The same command may stand there bare, and behind what has to be seen to before it.
    do = tuple(one for one in every if not any(one != two and one in two for two in every))
    if is_over and came_to.lacks_proof and not do:
        do = (f"respond report {word(state.id)}",)
    return RunVerdict(
        came_to,
        is_over,
        _title(state, outcome, came_to),
        _at(outcome, came_to),
        tuple(dict.fromkeys(_because(state, outcome, came_to, today))),
        do,
    )


def _came_to(state: RunState, outcome: Outcome) -> CameTo:
    contained = outcome.containment
    if contained.planned:
        if contained.put_back and (contained.proved_at or contained.is_done):
            return CameTo.PUT_BACK
        if contained.proved_at:
            return CameTo.CONTAINED
        return CameTo.CONTAINED_NOT_PROVED if contained.is_done else CameTo.NOT_CONTAINED
    if not state.ended_well and not outcome.is_closed:
        return CameTo.NOT_DONE
    if outcome.put_back:
        return CameTo.PUT_BACK
    return CameTo.DONE_NOT_PROVED if _not_proved(state, outcome) else CameTo.DONE


def _not_proved(state: RunState, outcome: Outcome) -> list[Item]:
    """What was done and nobody saw: but for messages and a person's own work, which nobody can."""
    items = (*outcome.of(Known.NOT_SEEN), *outcome.of(Known.YOUR_WORD))
    return [item for item in items if not _cannot_be_seen(state, item)]


def _cannot_be_seen(state: RunState, item: Item) -> bool:
    writes = [each.write for each in state.step(item.step).writes]
    return bool(writes) and all(write.is_message or write.is_task for write in writes)


# --- in words -------------------------------------------------------------------------------------


def _title(state: RunState, outcome: Outcome, came_to: CameTo) -> str:
    over, contained = state.status is RunStatus.ENDED, outcome.containment
    yet = "" if over else " YET"
    nothing = ", NOTHING WAS STARTED" if outcome.nothing_started else ""
    match came_to:
        case CameTo.CONTAINED:
            start = contained.seconds_from_start
            since = f" {span_text(start)} after the start" if start is not None else ""
            well = state.ended_well or outcome.is_closed
            rest = "" if well else ", NOT ALL DONE" if over else ", NOT OVER YET"
            return f"CONTAINED and proved{since}{rest}"
        case CameTo.CONTAINED_NOT_PROVED:
            return f"CONTAINED, NOT PROVED{yet}"
        case CameTo.PUT_BACK:
            return f"PUT BACK{', NOT CONTAINED ANY MORE' if contained.planned else ''}"
        case CameTo.NOT_CONTAINED:
            return f"NOT CONTAINED{yet}{nothing}"
        case CameTo.DONE if state.ended.review is not None:
            count = sum(mark.stands.counts for mark in state.ended.review.marks)
            return f"DONE, {count or 'no'} finding{'s' * (count != 1)}"
        case CameTo.DONE:
            has_changed = any(step.done() for step in state.steps.values())
            return "DONE and proved" if has_changed else "DONE, nothing was changed"
        case CameTo.DONE_NOT_PROVED:
            return "DONE, NOT PROVED"
        case _:
            return f"NOT DONE{yet}{nothing}"


def _at(outcome: Outcome, came_to: CameTo) -> str:
    contained = outcome.containment
    if came_to is CameTo.PUT_BACK and contained.put_back_at:
        return day_text(contained.put_back_at)
    if came_to is not CameTo.CONTAINED:
        return ""
    leak = contained.seconds_from_leak
    since = (
        f", {span_text(leak)} after {day_text(contained.since)} (the leak)"
        if leak is not None
        else ""
    )
    by = f", by {word(contained.proved_by)}, after the run" if contained.proved_by else ""
    return f"{day_text(contained.proved_at)}{since}{by}"


def _because(state: RunState, outcome: Outcome, came_to: CameTo, today: Today) -> Iterator[str]:
    """What it lacks, what decides first."""
    is_over = state.status is RunStatus.ENDED
    is_open = came_to in (CameTo.NOT_CONTAINED, CameTo.CONTAINED_NOT_PROVED)
    is_open = is_open and not outcome.nothing_started
    if not is_over:
        waits = waiting(state, today)
        yield ": ".join(filter(None, (waits.line, waits.why)))
    elif _was_ended(state) or outcome.nothing_started:
        yield said(state.ended.say) or "a person ended it"
    if is_open and state.started:
        yield from map(said, outcome.containment.open)
    contained = outcome.containment
    for title in contained.put_back if contained.planned else outcome.put_back:
        yield behind(said(title), "put back since the run")
    if not is_over or outcome.nothing_started:
        return
    unproved = "" if came_to.lacks_proof else "not proved: "
    lacking = [(unproved, item) for item in _not_proved(state, outcome)]
    lacking += [(f"{_UNDONE.get(item.how, 'not done')}: ", item) for item in _undone(outcome)]
    for what, item in lacking:
        if not (is_open and _contains(state, item)):
            says = said(item.says) if item.says != item.title and item.how != "not-started" else ""
            yield what + behind(said(item.title), says)


def _contains(state: RunState, item: Item) -> bool:
    """Whether it is told among what containment lacks."""
    planned = state.plan.step(item.step) if state.plan is not None else None
    return item.phase == Phase.CONTAIN.value or (
        planned is not None and planned.phase is Phase.CONTAIN
    )


def _was_ended(state: RunState) -> bool:
    """Whether a person's no ended it, and did not come when it had come to its end by itself."""
    is_heard = state.ended.exit in (ExitCode.REFUSED, ExitCode.UNKNOWN)
    return state.cancelled and is_heard and bool(state.ended.say)


def _undone(outcome: Outcome) -> list[Item]:
    """What failed, was skipped, or never began; no finding, and nothing to put back some day."""
    beside = {"put-back", "finding", "ended"}
    return [item for item in outcome.left_to_do if item.how not in beside and item.step]


def _do(state: RunState, outcome: Outcome, today: Today) -> Iterator[str]:
    if after := waiting(state, today).next:
        yield after
    for item in outcome.left_to_do:
        if item.do and item.how not in ("put-back", "finding"):
            yield said(item.do)
    yield from filter(None, outcome.containment.close)
    for item in outcome.of(Known.NOT_SEEN):
        if item.do:
            yield said(item.do)
