"""The list of runs, and where one of them stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from respond.core.approval import void
from respond.core.asked import Today, asked_now
from respond.core.fold import RunState, RunStatus, StepState
from respond.core.item_names import item_id
from respond.core.outcome import outcome_of
from respond.core.recorded import AskKind, FollowedUp, FollowUp
from respond.core.way_back import put_back
from respond.ports import Head
from respond.views.layout import as_screen, bullets, cell_rows, labelled, pad, said, width_of, word
from respond.views.style import PLAIN, Style, Tone
from respond.views.summary import close_lines, containment_lines, item_lines, last_lines
from respond.views.verdict import verdict_of
from respond.views.waiting import Waiting, waiting
from respond.views.words import (
    clock_text,
    day_text,
    head_line,
    mode_of,
    mode_word,
    phase_word,
    runbook_of,
)

__all__ = ["run_status", "runs_table"]

_GAP: Final = "  "
_STATUS_MIN: Final = 18


def runs_table(
    runs: Iterable[tuple[RunState, Today]], *, width: int = 80, style: Style = PLAIN
) -> str:
    """One line a run, of at least one, in the order given; open ones say what they wait for."""
    rows = [
        (
            word(state.id, limit=16),
            word(runbook_of(state), limit=40),
            mode_word(mode_of(state)) if mode_of(state) else "?",
            day_text(state.proposed_at)[:16],
            _stands(state, waiting(state, today)),
        )
        for state, today in runs
    ]
    titles = ("run", "runbook", "mode", "began (UTC)", "stands")
    widths = [max(width_of(row[n]) for row in (titles, *rows)) for n in range(4)]
    widths[1] = min(widths[1], 22)
    widths.append(max(_STATUS_MIN, width - sum(widths) - 4 * len(_GAP)))
    lines = [_GAP.join(pad(t, w) for t, w in zip(titles, widths, strict=True)).rstrip()]
    for row in rows:
        for cells in cell_rows(row, widths):
            if row[2] == "REAL":
                cells[2] = style.paint(cells[2], Tone.STRONG)
            lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines) + "\n"


_IN_HANDS: Final = "in a person's hands"


def _stands(state: RunState, waits: Waiting) -> str:
    """Where a run stands, in a few words."""
    return f"PARKED: {waits.line}" if state.status is RunStatus.PARKED else waits.line


@as_screen
def run_status(
    state: RunState, head: Head, today: Today, *, width: int = 80, style: Style = PLAIN
) -> Iterator[str]:
    """One run: its steps, what it waits for, what is left, and how to go on.

    It ends with what to type, or with the verdict: on a small screen the begin is scrolled away.
    """
    right, waits = f"began {day_text(state.proposed_at)}", waiting(state, today)
    yield head_line(state.id, runbook_of(state), mode_of(state), right, width, style)
    yield from labelled("Stands", _stands(state, waits), width)
    yield from labelled("Operator", word(state.operator), width)
    if state.old_event:
        yield from labelled("Event", state.old_event, width)
    if waits.why:
        yield from labelled("Because", waits.why, width)
    yield from _answers(state, today, width)
    if waits.next:
        yield from labelled("Go on with", waits.next, width)
    outcome = outcome_of(state)
    yield from containment_lines(outcome.containment, width)
    if state.steps:
        yield ""
        said_of = {a: state.followed_up.get(item_id("step", a)) for a in state.steps}
        back = put_back(state)
        lines = (_step(s, said_of[a], back.get(a, "")) for a, s in state.steps.items())
        yield from bullets(lines, width)
    for title, items in (("LEFT TO DO", outcome.left_to_do), ("LOOK AT", outcome.look_at)):
        if items:
            yield ""
            yield style.paint(title, Tone.CARE)
            yield from bullets(item_lines(items), width)
    yield from close_lines(state, outcome, width)
    yield ""
    yield from labelled("Journal", f"{head.size} {word(head.hash[:8])}", width)
    if state.status is RunStatus.ENDED:
        yield from last_lines(verdict_of(state, today), width, style)
    elif waits.next:
        yield from labelled("Go on with", waits.next, width)


def _answers(state: RunState, today: Today, width: int) -> Iterator[str]:
    """What people said to what is asked now, and the words that may be said."""
    request, asks = asked_now(state), state.asks
    for vote in state.votes:
        if request is not None and vote.nonce == request.nonce:
            why = void(request, vote, today.people)
            text = f"{word(vote.who.id)} said {vote.verdict.value} ({vote.who.strength.value})"
            yield from labelled("Answer", f"{text}, void: {said(why)}" if why else text, width)
    if asks.kind in (AskKind.QUESTION, AskKind.TASK):
        for line in asks.lines:
            yield from labelled("", said(line), width)
        yield from labelled("Words", " | ".join(map(said, asks.words)), width)


def _step(step: StepState, last: FollowedUp | None, put_back_at: str) -> str:
    title = said(step.title or step.address)
    end = step.conclusion
    if end is None:
        if any(write.by != "person" for write in step.open()):
            return f"{title}: may have happened: resume looks"
        begun = _IN_HANDS if step.open() else "begun"
        return f"{title}: {begun}"
    phase = f"{phase_word(step.phase).lower()}, " if step.phase else ""
    proof = "" if end.proved or not end.how.is_good else ", not proved"
    if last is not None:
        # What was said of it since the run was over goes beyond what the run knew.
        seen = {FollowUp.WORD: "seen to", FollowUp.PROVED: "proved", FollowUp.ALIVE: "IT GOES ON"}
        proof += f"; {seen[last.how]} afterwards, {word(last.by.id)}"
    if put_back_at:
        proof = f"; put back at {day_text(put_back_at)}"
    return f"{title}: {end.how.value.replace('-', ' ')}{proof} ({phase}{clock_text(end.at)})"
