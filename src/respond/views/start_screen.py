"""The start question on one screen: what decides, and behind words of one line all else.

It is as long as a terminal of 24 rows shows without scrolling; a taller one gets more of the plan's
lines. Nothing is left out without its number and the word that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from respond.core.fold import RunState
from respond.core.plan import Plan, short_digest
from respond.core.records import Frozen
from respond.ports import Head
from respond.views.deciding import Change, Deciding, deciding
from respond.views.layout import (
    bullets,
    cut,
    labelled,
    number_ranges,
    said,
    word,
    wrap,
)
from respond.views.plan_rows import agree_sentence, plan_rows, so_far_sentence
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import clock_text, head_line, span_text

__all__ = ["decisive_lines", "fold_text", "start_screen"]

_ROWS: Final = 20
"""Rows in which what decides has to stand, the one for the answer among them."""
_BESIDE: Final = 4
"""Rows of a terminal that are left to what stood there before."""
_LABEL: Final = 10
_IN: Final = 4
_CUT: Final = 30
_STATE: Final = 30
_NAMES: Final = 6
_NUMBERS: Final = 30


class _Room(Frozen):
    """How much is shown of each kind before the rest is counted.

    Attributes:
        asks: Changes that want a yes of their own.
        covered: Changes that ``start`` covers.
        found: Lines about what is there.
        breaks: Whether what stops working stands below its change.
        states: Whether what is so now and after stands behind a change.
    """

    asks: int
    covered: int
    found: int
    breaks: bool = False
    states: bool = True


_ROOMS: Final = (
    _Room(1_000, 1_000, 3, breaks=True),
    _Room(12, 6, 3, breaks=True),
    *(_Room(12, covered, 3) for covered in (8, 6, 4)),
    *(_Room(12, covered, 2, states=False) for covered in (4, 2, 0)),
    *(_Room(asks, 0, 1, states=False) for asks in (12, 10, 8, 7, 6, 5, 4, 3, 2, 1)),
)
"""From all of it to the least; the first that fits is taken. What destroys is folded last."""


def start_screen(
    state: RunState,
    plan: Plan,
    head: Head,
    *,
    elapsed_s: float,
    width: int = 80,
    height: int = 24,
    others: tuple[str, ...] = (),
    style: Style = PLAIN,
) -> str:
    """What decides whether the plan may start, and the words that answer. It ends with a newline.

    Args:
        elapsed_s: How long the looking took, in seconds.
        height: Rows of the terminal.
        others: Words that choose another order.
    """
    facts = deciding(plan, state)
    right = f"looked {clock_text(state.planned_at)}, {span_text(elapsed_s)}"
    lines = [head_line(state.id, plan.runbook, plan.mode, right, width, style)]
    below = [*_stands(state, facts, head, plan, width), *_closing(facts, width, style)]
    below += _choices(plan, facts, others, width, style)
    room = max(_ROWS, height - _BESIDE) - len(lines) - len(below) - 1
    lines += [*decisive_lines(plan, facts, room=room, width=width, style=style), *below]
    return "\n".join(lines) + "\n"


def decisive_lines(
    plan: Plan, facts: Deciding, *, room: int, width: int = 80, style: Style = PLAIN
) -> list[str]:
    """What is there, what would be done to it, who is told: in ``room`` lines, if they suffice."""
    lines: list[str] = []
    for given in _ROOMS:
        lines = list(_facts(plan, facts, given, width, style))
        if len(lines) <= room:
            break
    return lines


def _facts(plan: Plan, facts: Deciding, room: _Room, width: int, style: Style) -> Iterator[str]:
    places = {change.account for change in facts.asks}
    beside = [line for line in map(said, plan.connections.values()) if line not in places]
    found = facts.found if room.states else [cut(text, width - _CUT) for text in facts.found]
    yield from _some("Found", found, room.found, width)
    yield from _some("Also in" if places - {""} else "Account", beside, 2, width)
    known = [change for change in facts.asks if not change.known]
    if known:
        tone = Tone.DANGER if any(change.destroys for change in known) else Tone.CARE
        yield style.paint("ASKS AGAIN", tone)
    for place, group in groupby(known[: room.asks], key=lambda change: change.place):
        yield from (f"{' ' * _IN}{line}" for line in wrap(f"in {place}", width - _IN))
        for change in group:
            yield from _row(change, room, width, style)
            if room.breaks and change.breaks:
                yield from labelled("", change.breaks, width, column=_LABEL)
    yield from _rest(known, room.asks, width)
    covered = sorted((*facts.covered, *facts.tasks), key=lambda change: change.number)
    for title, changes in (("COVERED BY start", covered), ("KNOWN LATER, asked then", facts.late)):
        yield from _listed(title, changes, room, width, style)
    told = facts.told
    names = ", ".join(told[:_NAMES]) + (f" and {len(told) - _NAMES} more" * (len(told) > _NAMES))
    if told:
        numbers = number_ranges(message.number for message in facts.messages)
        yield from labelled("Tells", f"{names} ({numbers})", width, column=_LABEL)
    for label, texts in (
        ("Looking", facts.looking),
        ("Waits", facts.waits),
        ("Spared", facts.refused),
        ("Not seen", facts.not_seen),
    ):
        yield from _some(label, texts, 3 if room.states else 1, width)
    if facts.ends or facts.next:
        then = f"; then: respond {facts.next}" if facts.next else ""
        yield from labelled("Ends", f"{facts.ends}{then}", width, column=_LABEL)


def _some(label: str, texts: Iterable[str], most: int, width: int) -> Iterator[str]:
    """Texts under one label, and how many more the plan has."""
    every = list(texts)
    for n, text in enumerate(every[:most]):
        more = f" (and {len(every) - most} more)" if n == most - 1 and len(every) > most else ""
        yield from labelled(label if n == 0 else "", text + more, width, column=_LABEL)


def _listed(
    title: str, changes: Sequence[Change], room: _Room, width: int, style: Style
) -> Iterator[str]:
    if not changes:
        return
    if not room.covered:
        yield from labelled(f"{title}: ", _counted(changes), width, column=len(title) + 4)
        return
    yield style.paint(title, Tone.STRONG)
    for change in changes[: room.covered]:
        yield from _row(change, room, width, style)
    yield from _rest(changes, room.covered, width)


def _rest(changes: Sequence[Change], most: int, width: int) -> Iterator[str]:
    if rest := changes[most:]:
        yield from labelled("", f"and {len(rest)} more: {_counted(rest)}", width, column=_LABEL)


def _counted(changes: Sequence[Change]) -> str:
    lost = sum(change.for_ever for change in changes)
    numbers = number_ranges(change.number for change in changes)
    if len(numbers) > _NUMBERS:
        numbers = f"{len(changes)} lines of the plan"
    return numbers + (f"; {lost} cannot be undone" if lost else "")


def _row(change: Change, room: _Room, width: int, style: Style) -> Iterator[str]:
    who = "YOU" if change.by_hand else "tool"
    text = _text(change, states=room.states)
    for line in labelled(f"{change.number:>2}  {who:<4}", text, width, column=_LABEL):
        yield style.paint(line, Tone.DANGER) if change.destroys else line


def _text(change: Change, *, states: bool) -> str:
    if change.known:
        return f"{change.says} ({change.known})"
    both = (change.now, change.after)
    shown = ": " + " -> ".join(cut(each, _STATE) for each in both) if states and all(both) else ""
    lost = "CANNOT BE UNDONE" if change.destroys else "cannot be undone"
    undo = lost if change.for_ever else "can be undone" if change.destroys else ""
    return ", ".join(filter(None, (f"{change.says}{shown}", undo)))


# --- below ----------------------------------------------------------------------------------------


def _stands(state: RunState, facts: Deciding, head: Head, plan: Plan, width: int) -> Iterator[str]:
    """Who may start it, how old the event is, and what was done so far."""
    if state.old_event:
        yield from labelled("Event", state.old_event, width, column=_LABEL)
    alone = agree_sentence(facts.agree)
    yield from labelled("You", f"{word(state.operator)}. {alone}", width, column=_LABEL)
    where = f"{short_digest(plan.digest)}, journal {head.size} {word(head.hash[:8])}"
    yield from labelled("So far", f"{so_far_sentence(state)} Plan {where}", width, column=_LABEL)


def _closing(facts: Deciding, width: int, style: Style) -> Iterator[str]:
    for line in wrap(facts.closing, width):
        yield style.paint(line, Tone.STRONG)


def _choices(
    plan: Plan, facts: Deciding, others: tuple[str, ...], width: int, style: Style
) -> Iterator[str]:
    again = number_ranges(change.number for change in facts.asks)
    start = "start" + (f" (asks again at {again})" if again else "")
    answers = (start, *(word(other) for other in others), "later", "quit")
    numbers = number_ranges(row.number for row in plan_rows(plan))
    folds = (f"{fold.word.value} ({fold.count})" for fold in facts.folds)
    see = filter(None, ("plan", numbers, *folds, "?"))
    yield from labelled("See", " | ".join(see), width, column=_LABEL)
    first, *more = labelled("Answer", " | ".join(answers), width, column=_LABEL)
    yield style.paint(first, Tone.STRONG)
    yield from (style.paint(line, Tone.STRONG) for line in more)


def fold_text(plan: Plan, name: str, *, width: int = 80) -> str:
    """What stands behind one of the words: every line of it; empty when there is none."""
    fold = deciding(plan).fold(name)
    if fold is None:
        return ""
    return "\n".join((fold.title.upper(), *bullets(fold.lines, width))) + "\n"
