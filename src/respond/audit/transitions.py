"""Which record may follow which, as far as the journal's own format promises it.

This is a table of its own on purpose: a fault in the engine's table must not hide itself here.
It asks less than the engine does: only what makes no sense in any version.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from respond.audit.body import Body

__all__ = ["Transitions"]

_AFTER_END = frozenset(
    {
        "undo-asked", "undo-done", "undo-failed", "taken", "intent", "outcome", "unknown",
        "reconciled", "observed", "confirmed", "notice", "reviewed", "erased", "parked",
        "joined", "answered", "approved", "denied", "approval-asked", "followed-up",
    }
)  # fmt: skip
"""What a run may still have after ``ended``: its undo, words about it, and what crossed its end."""

_OF_A_RUN = frozenset(
    {
        "taken", "intent", "outcome", "unknown", "reconciled", "ended", "followed-up",
        "plan-part",
    }
)  # fmt: skip

_SAY_NO_MORE = frozenset({"observed", "confirmed", "notice"})
"""The most frequent kinds of which nothing is asked before the end of their run."""

# What is known of an intent, and which kind may settle it.
_MAY_SETTLE = {
    "intent": frozenset({"outcome", "unknown", "reconciled"}),
    "unknown": frozenset({"reconciled"}),
}

# What may be said of an item after what was said of it before: a proof is the last word.
_MAY_FOLLOW = {
    "": frozenset({"word", "proved", "alive"}),
    "word": frozenset({"proved", "alive"}),
    "alive": frozenset({"word", "proved", "alive"}),
    "proved": frozenset[str](),
}


@dataclass(slots=True)
class _Run:
    epoch: int = 0
    ended: bool = False
    parts: int = 0
    """How many of a plan have come since the last ``planned`` or ``taken``."""
    intents: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Place of each intent, with its step and the last kind that spoke of it."""
    items: dict[str, str] = field(default_factory=dict)
    """What was said last of each item that the run left open."""


class Transitions:
    """Takes the bodies of a journal in order and says what is wrong with the next, if anything."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    def __call__(self, body: Body) -> str:
        """The reason why this body may not come now, or an empty text."""
        kind, name = body.kind, body.run
        if (kind == "opened") != (body.seq == 0):
            return "a journal begins with one opening record and has no other"
        if not name:
            return f"{kind} belongs to no run" if kind in _OF_A_RUN else ""
        run = self._runs.get(name)
        if run is None:
            if kind != "proposed":
                return f"run {name!r} begins with {kind}"
            self._runs[name] = _Run()
            return ""
        return "" if kind in _SAY_NO_MORE and not run.ended else _in_run(run, body)


def _in_run(run: _Run, body: Body) -> str:
    if body.kind == "proposed":
        return f"run {body.run!r} is proposed twice"
    if run.ended and body.kind not in _AFTER_END:
        return f"{body.kind} follows the end of run {body.run!r}"
    match body.kind:
        case "taken":
            run.epoch, run.parts = run.epoch + 1, 0
            epoch = body.data.get("epoch")
            if type(epoch) is not int or epoch != run.epoch:
                return f"run {body.run!r} was taken, and its epoch is not {run.epoch}"
        case "ended":
            run.ended = True
        case "plan-part":
            run.parts += 1
        case "planned":
            return _plan(run, body)
        case "intent":
            # The same few words in every run: held once, however many runs there are.
            run.intents[body.seq] = (sys.intern(body.step), "intent")
        case "outcome" | "unknown" | "reconciled":
            return _settle(run, body)
        case "followed-up":
            return _follow_up(run, body)
    return ""


def _plan(run: _Run, body: Body) -> str:
    named, before, run.parts = body.data.get("parts", 0), run.parts, 0
    if type(named) is not int or not 0 <= named <= before:
        return f"planned names {named} parts, and {before} stand before it"
    return ""


def _settle(run: _Run, body: Body) -> str:
    of = body.data.get("intent")
    found = run.intents.get(of) if type(of) is int else None
    if found is None or type(of) is not int:
        return f"{body.kind} names no intent of run {body.run!r} before it"
    step, last = found
    if step != body.step:
        return f"{body.kind} of step {body.step!r} names an intent of step {step!r}"
    if body.kind not in _MAY_SETTLE.get(last, ()):
        return f"{body.kind} of intent {of} follows its {last}"
    run.intents[of] = (step, sys.intern(body.kind))
    return ""


def _follow_up(run: _Run, body: Body) -> str:
    item, how = body.data.get("item"), body.data.get("how")
    if not run.ended:
        return f"followed-up stands before the end of run {body.run!r}"
    if type(item) is not str or type(how) is not str or not item:
        return "followed-up names no item, or says nothing of it"
    last = run.items.get(item, "")
    if how not in _MAY_FOLLOW[last]:
        return f"followed-up says {how!r} of an item of which {last or 'nothing'!r} was said"
    run.items[item] = sys.intern(how)
    return ""
