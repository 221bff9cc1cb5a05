"""What a run that is over has left open, and how each of it is closed; and what came of trying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.outcome import Item, Known, LookedAgain, outcome_of
from respond.core.recorded import FollowUp
from respond.views.json_view import item_json
from respond.views.layout import as_screen, bullets, labelled, said, word
from respond.views.style import PLAIN, Style, Tone
from respond.views.summary import containment_lines, item_lines
from respond.views.words import day_text, head_line, mode_of, runbook_of

__all__ = ["left_open_json", "left_open_text", "looked_again_json", "looked_again_text"]

_TITLES: Final = ("LEFT TO DO", "NOT SEEN", "LOOK AT")


def _sections(state: RunState) -> tuple[tuple[str, tuple[Item, ...]], ...]:
    outcome = outcome_of(state)
    unseen = tuple(item for item in outcome.of(Known.NOT_SEEN) if item.do)
    found = zip(_TITLES, (outcome.left_to_do, unseen, outcome.look_at), strict=True)
    return tuple((title, items) for title, items in found if items)


@as_screen
def left_open_text(state: RunState, *, width: int = 80, style: Style = PLAIN) -> Iterator[str]:
    """What is open, with the name of each, and what to type."""
    right, run = f"ended {day_text(state.ended_at)}", word(state.id)
    yield head_line(state.id, runbook_of(state), mode_of(state), right, width, style)
    outcome, sections = outcome_of(state), _sections(state)
    yield from containment_lines(outcome.containment, width)
    for title, items in sections:
        yield style.paint(title, Tone.CARE)
        yield from bullets(item_lines(items), width)
    if not sections:
        yield "Nothing is open that this tool knows of."
        return
    yield ""
    yield from labelled("Close one", f"respond done {run} NAME --reason 'what was done'", width)
    proves = f"respond prove {run}"
    if any(proves in text for text in (*outcome.containment.close, *_dos(sections))):
        yield from labelled("Prove", f"{proves}   looks once more, and tries a value", width)
    if any(item.how == "put-back" for _, items in sections for item in items):
        yield from labelled("Put back", f"respond undo {run}", width)


def _dos(sections: Sequence[tuple[str, tuple[Item, ...]]]) -> Iterator[str]:
    yield from (item.do for _, items in sections for item in items)


def left_open_json(state: RunState) -> dict[str, Any]:
    """The same as data."""
    items = [item for _, found in _sections(state) for item in found]
    return {"run": state.id, "open": [item_json(item) for item in items if item.is_open]}


@as_screen
def looked_again_text(
    state: RunState, looked: Sequence[LookedAgain], *, width: int = 80, style: Style = PLAIN
) -> Iterator[str]:
    """What became of each item that was looked at once more; what goes on stands first."""
    for each in sorted(looked, key=lambda each: each.how is not FollowUp.ALIVE):
        title, says = said(each.item.title), said(each.says)
        match each.how:
            case FollowUp.ALIVE:
                yield style.paint(f"IT GOES ON: {title}", Tone.DANGER)
                yield from bullets((says, "END IT NOW, by hand if need be"), width)
                again = f"respond prove {word(state.id)} {word(each.item.name)}"
                yield from labelled("Then", again, width)
            case FollowUp.PROVED:
                yield style.paint(f"PROVED: {title}", Tone.GOOD)
                yield from bullets((says, *map(said, each.findings)), width)
            case _:
                yield style.paint(f"NOT PROVED: {title}", Tone.CARE)
                yield from bullets(
                    (says, "nothing was recorded; try again, or by your word:"), width
                )
                close = f"respond done {word(state.id)} {word(each.item.name)}"
                yield from labelled("", close, width)
    yield from containment_lines(outcome_of(state).containment, width)


def looked_again_json(state: RunState, looked: Sequence[LookedAgain]) -> dict[str, Any]:
    """The same as data."""
    told = [
        {
            "name": each.item.name,
            "step": each.item.step,
            "how": each.how.value if each.how is not None else "unclear",
            "says": each.says,
            "findings": list(each.findings),
        }
        for each in looked
    ]
    return {"run": state.id, "looked": told, "open": left_open_json(state)["open"]}
