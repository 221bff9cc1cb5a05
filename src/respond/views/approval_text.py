"""What somebody is asked to agree to: who asks, until when, what cannot be undone, and the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from respond.core.approval import Request
from respond.core.fold import RunState
from respond.core.plan import Plan, PlannedWrite, short_digest, write_from
from respond.core.script import Effect
from respond.ports import Head
from respond.views.layout import bullets, labelled, labelled_pairs, said, word, wrap
from respond.views.plan_text import plan_screen
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import at_text, day_text, mode_word, seconds_between, state_cells

__all__ = ["approval_screen", "writes_asked"]

_LONG = 1_000
_LOST_MAX = 6
"""So many changes without a way back stand beside the answer; all of them stand above."""


def writes_asked(plan: Plan, request: Request) -> tuple[PlannedWrite, ...] | None:
    """The writes that a yes to this request covers; None when the plan does not show all of them.

    For a request about the whole plan these are all of its writes.
    """
    if not request.step:
        return plan.writes
    known = {write.key: write for write in plan.writes}
    known |= {w.key: w for w in map(write_from, (s for s in request.shows if "key" in s))}
    words = {str(each.get("says", "")) for each in request.shows if "key" not in each}
    if not set(request.writes) <= known.keys() | words:
        return None
    return tuple(known[key] for key in request.writes if key in known)


def approval_screen(
    state: RunState,
    plan: Plan,
    request: Request,
    head: Head,
    *,
    writes: Sequence[PlannedWrite],
    width: int = 80,
    style: Style = PLAIN,
) -> str:
    """Everything that a person has to see before they answer; ``writes`` are what a yes covers.

    It ends with a newline.
    """
    lines: list[str] = []
    if request.step:
        lines += _writes(writes, width)
        more = [said(each["says"]) for each in request.shows if "key" not in each]
        lines += [line for text in more for line in labelled("Also", text, width)]
    else:
        took_s = seconds_between(state.proposed_at, state.planned_at) or 0.0
        screen = plan_screen(
            state, plan, head, elapsed_s=took_s, width=width, own=False, style=style
        )
        lines += screen.rstrip("\n").split("\n")
    # What decides stands last, where whoever answers looks.
    lines += ["", *_asked(state, plan, request, width, style)]
    lines += _for_ever(writes, width, style)
    lines += wrap(_signed(request), width)
    return "\n".join(lines) + "\n"


def _asked(
    state: RunState, plan: Plan, request: Request, width: int, style: Style
) -> Iterator[str]:
    yield style.paint("APPROVAL", Tone.STRONG) + f"  asked for run {word(request.run)}"
    roles = " and ".join(map(word, sorted(request.roles)))
    people = "1 person" if request.count == 1 else f"{request.count} persons"
    pairs = (
        ("What", _what(plan, request)),
        ("Began by", f"{word(request.initiator)}, {day_text(state.proposed_at)}"),
        ("Reason", said(state.proposed.reason, limit=_LONG)),
        ("Incident", said(state.proposed.incident)),
        ("About", said(request.subject)),
        ("Event", state.old_event),
        ("Asked anew", said(request.anew, limit=_LONG)),
        ("Wanted", people + (f" with the role {roles}" if roles else "")),
        ("Open until", at_text(request.expires_ms)),
    )
    yield from labelled_pairs(pairs, width)


def _what(plan: Plan, request: Request) -> str:
    mode = mode_word(plan.mode)
    if not request.step:
        return f"the whole plan of {word(plan.runbook)}, {mode}"
    count = len(request.writes)
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"{changes} of step {word(request.step)} of {word(plan.runbook)}, {mode}"


def _writes(writes: Sequence[PlannedWrite], width: int) -> Iterator[str]:
    for write in writes:
        now, after = state_cells(write.before, write.after)
        who = "by hand" if write.hands == "person" else "by the tool"
        yield from bullets([f"{said(write.says)} ({said(write.where)})"], width)
        for text in (f"{now} -> {after}", f"{who}: {said(write.request, limit=_LONG)}"):
            yield from (f"    {line}" for line in wrap(text, width - 4))


def _for_ever(writes: Sequence[PlannedWrite], width: int, style: Style) -> Iterator[str]:
    """What cannot be undone, what is destroyed first, and what it breaks."""
    lost = [write for write in writes if not (write.undo or write.is_message or write.is_task)]
    if not lost:
        yield "All that is shown here can be undone."
        return
    lost.sort(key=lambda write: write.effect is not Effect.DESTROYS)
    more = f", the first {_LOST_MAX} of {len(lost)}" if len(lost) > _LOST_MAX else ""
    yield style.paint(f"CANNOT BE UNDONE{more}", Tone.DANGER)
    for write in lost[:_LOST_MAX]:
        destroys = "DESTROYS: " if write.effect is Effect.DESTROYS else ""
        breaks = f" Breaks: {said(write.breaks, limit=_LONG)}" if write.breaks else ""
        yield from bullets([f"{destroys}{said(write.says)} ({said(write.where)}).{breaks}"], width)


def _signed(request: Request) -> str:
    return (
        f"Your answer is bound to {short_digest(request.digest)}, to this request alone, and to "
        f"the journal as it was: {word(request.anchor, limit=100)}"
    )
