"""The last screen of a run: proved, your word, not seen, left to do, to look at, contained when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from respond.core.asked import Today
from respond.core.fold import RunState, RunStatus
from respond.core.outcome import Containment, Item, Known, Outcome, outcome_of
from respond.core.recorded import FollowedUp, FollowUp
from respond.errors import ExitCode
from respond.ports import Head
from respond.views.layout import as_screen, bullets, labelled, said, word, wrap
from respond.views.review_text import review_lines
from respond.views.style import PLAIN, Style, Tone
from respond.views.verdict import RunVerdict, verdict_of
from respond.views.words import (
    behind,
    clock_text,
    day_text,
    exit_text,
    head_line,
    mode_of,
    runbook_of,
    seconds_between,
    span_text,
)

__all__ = [
    "NOTHING_KNOWN",
    "close_lines",
    "containment_lines",
    "item_lines",
    "item_text",
    "last_lines",
    "not_any_more",
    "proved_text",
    "summary",
]

_NOW: Final = 4
_LACKS: Final = 4
NOTHING_KNOWN: Final = "nothing that this tool knows of"

_SECTIONS: Final = (
    (Known.PROVED, "PROVED", Tone.GOOD),
    (Known.LOOKED, "LOOKED", Tone.STRONG),
    (Known.YOUR_WORD, "YOUR WORD", Tone.STRONG),
    (Known.NOT_SEEN, "NOT SEEN", Tone.DANGER),
)

_HOW: Final = {
    "done": "",
    "not-started": "",
    "ended": "",
    "your-word": "",
    "not-seen": "",
    "unchanged": "already so",
    "blind": "the system said yes, and nobody can look",
    "put-back": "still so since this run",
    "undone": "put back since, it had been",
}


@as_screen
def summary(
    state: RunState,
    head: Head,
    *,
    exit_code: ExitCode,
    today: Today,
    width: int = 80,
    style: Style = PLAIN,
) -> Iterator[str]:
    """What a run came to: the verdict first, and last with what to type."""
    outcome, verdict = outcome_of(state), verdict_of(state, today)
    yield head_line(state.id, runbook_of(state), mode_of(state), _spent(state), width, style)
    yield from _verdict(verdict, width, style)
    for known, title, tone in _SECTIONS:
        yield from _section(title, outcome.of(known), width, style, tone)
    review = state.ended.review
    if review is not None and (review.marks or not outcome.nothing_started):
        yield from review_lines(review, width, style)
    yield from _section("LEFT TO DO", outcome.left_to_do, width, style, Tone.CARE)
    nothing_left = outcome.nothing_left and not verdict.because
    if nothing_left and state.status is RunStatus.ENDED and review is None:
        yield style.paint("LEFT TO DO", Tone.STRONG)
        yield f"  {NOTHING_KNOWN}"
    yield from _section("LOOK AT", outcome.look_at, width, style, Tone.CARE)
    yield from close_lines(state, outcome, width)
    yield ""
    yield from _broken(state, outcome, width, style)
    nothing, says = outcome.nothing_started, said(state.ended.say)
    why = "nothing was started" if nothing else state.ended.say
    if review is not None and exit_code is not state.ended.exit:
        why = "a finding is as bad as --fail-on, or worse"
    ends = exit_text(exit_code, why)
    if says and not nothing and says not in ends:
        yield from labelled("Says", says, width)
    yield from labelled("Report", f"respond report {word(state.id)}", width)
    yield from labelled("Journal", f"{head.size} {word(head.hash[:8])}", width)
    unproved = exit_code is ExitCode.DONE and verdict.came_to.lacks_proof
    yield from labelled("Exit", f"{ends}, and not proved" if unproved else ends, width)
    yield from last_lines(verdict, width, style)


def last_lines(verdict: RunVerdict, width: int, style: Style = PLAIN) -> Iterator[str]:
    """What to type now, and the verdict: what whoever looks at the end of a screen reads."""
    for n, what in enumerate(verdict.do[:_NOW]):
        yield from labelled("" if n else "Now", what, width)
    # What a run says of itself may come from outside: only its first line begins at the edge.
    for n, line in enumerate(wrap(verdict.line, width - 2)):
        yield style.paint(f"  {line}" if n else line, verdict.tone)


def _verdict(verdict: RunVerdict, width: int, style: Style) -> Iterator[str]:
    """Its words, when that was proved, and what it lacks."""
    for line in wrap(verdict.title, width):
        yield style.paint(line, verdict.tone)
    if verdict.at:
        yield from (f"  {line}" for line in wrap(f"at {verdict.at}", width - 2))
    yield from bullets(verdict.because[:_LACKS], width)
    if (more := len(verdict.because) - _LACKS) > 0:
        yield from bullets([f"and {more} more, below"], width)


def _section(
    title: str, items: tuple[Item, ...], width: int, style: Style, tone: Tone
) -> Iterator[str]:
    if items:
        yield style.paint(title, tone)
        yield from bullets(item_lines(items), width)


def item_lines(items: Iterable[Item], *, named: bool = True) -> list[str]:
    """A line each, behind the name by which it is closed; lines that read the same, such as those
    of a set's items, once with a count.
    """
    alike: dict[str, list[Item]] = {}
    for item in items:
        alike.setdefault(item_text(item), []).append(item)
    counted = {t: f"{t} ({len(i)} times)" if len(i) > 1 else t for t, i in alike.items()}
    return [f"{_names(alike[t]) if named else ''}{line}" for t, line in counted.items()]


def _names(items: Sequence[Item]) -> str:
    # A name is shown where something is to be done, and not beside each message.
    shown = [item for item in items if item.known is Known.LEFT_TO_DO or item.do]
    names = ", ".join(word(item.name) for item in shown if item.is_open)
    return f"[{names}] " if names else ""


def close_lines(state: RunState, outcome: Outcome, width: int) -> Iterator[str]:
    """How to close what a run that is over has left open."""
    if any(item.is_open for item in (*outcome.left_to_do, *outcome.look_at)):
        yield from labelled("Close one", f"respond done {word(state.id)} NAME", width)


def _spent(state: RunState) -> str:
    end = state.ended_at
    seconds = seconds_between(state.proposed_at, end) if end else None
    if seconds is None:
        return f"began {clock_text(state.proposed_at)}"
    return f"ended {clock_text(end)}, {span_text(seconds)}"


def item_text(item: Item) -> str:
    """One thing in a line: its title, how it came out, and what to do."""
    title, says = said(item.title), said(item.says)
    if item.followed_up is not None:
        return _followed_up(item, item.followed_up)
    if item.how == "finding":
        return says
    how = _HOW.get(item.how, item.how.replace("-", " "))
    if item.known is Known.NOT_SEEN and item.how in {"done", "unchanged"}:
        how = "done, not proved"
    parts = [part for part in (how, says if says != title else "") if part]
    do = f" (do: {said(item.do)})" if item.do else ""
    return behind(title, ": ".join(parts)) + do


def _followed_up(item: Item, last: FollowedUp) -> str:
    """An item of which somebody spoke after the end of its run: who, when, and what."""
    title, says = said(item.title), said(item.says)
    who = f"{word(last.by.id)} ({last.by.strength.value}), {day_text(last.at)}"
    parts = [title, says if says != title else ""]
    about = ": ".join(part for part in parts if part)
    match last.how:
        case FollowUp.WORD:
            words = f": {said(last.says)}" if last.says else ""
            return f"{about}; seen to, by the word of {who}{words}"
        case FollowUp.PROVED:
            return f"{about}; proved afterwards by {who}"
        case FollowUp.ALIVE:
            return f"IT GOES ON: {about}; tried by {who} (do: {said(item.do)})"


def containment_lines(contained: Containment, width: int) -> Iterator[str]:
    """When containment was proved, counted from the leak and from the start; or why it is not,
    or not any more.
    """
    if not contained.planned:
        return
    if contained.put_back:
        yield from wrap(not_any_more(contained), width)
        yield from bullets(map(said, contained.put_back), width)
    if not contained.proved_at:
        if contained.put_back and not contained.open:
            return
        yield "CONTAINMENT IS NOT PROVED"
        ways = contained.close or ("",) * len(contained.open)
        lines = zip(contained.open, ways, strict=True)
        yield from bullets(
            (f"{said(w)} (type: {said(c)})" if c else said(w) for w, c in lines), width
        )
        return
    yield from wrap(proved_text(contained), width)


def not_any_more(contained: Containment) -> str:
    """That containment was put back, and when."""
    return f"NOT CONTAINED ANY MORE, put back at {day_text(contained.put_back_at)}"


def proved_text(contained: Containment) -> str:
    """When containment was proved, where it is."""
    spans = []
    leak, start = contained.seconds_from_leak, contained.seconds_from_start
    if leak is not None:
        spans.append(f"{span_text(leak)} after {day_text(contained.since)} (the leak)")
    if start is not None:
        spans.append(f"{span_text(start)} after the start")
    if contained.proved_by:
        spans.append(f"by {word(contained.proved_by)}, after the run")
    at = f"Containment was proved at {day_text(contained.proved_at)}"
    return ": ".join(filter(None, (at, ", ".join(spans))))


def _broken(state: RunState, outcome: Outcome, width: int, style: Style) -> Iterator[str]:
    """What is broken until somebody goes on."""
    if outcome.broken and (state.status is not RunStatus.ENDED or outcome.left_to_do):
        yield style.paint("BROKEN UNTIL SOMEBODY GOES ON", Tone.DANGER)
        yield from bullets(map(said, outcome.broken), width)
