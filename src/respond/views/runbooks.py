"""A runbook in words: when to use it, what it asks, what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Input,
    InputKind,
    ParallelStep,
    Phase,
    Runbook,
    Step,
    WaitStep,
    all_steps,
)
from respond.core.script import Effect
from respond.views.json_view import picked
from respond.views.layout import as_screen, labelled, labelled_pairs, said, word
from respond.views.style import PLAIN, Style, Tone
from respond.views.words import phase_word, span_text, value_text

__all__ = ["input_text", "runbook_json", "runbook_text", "step_title"]

_COLUMN: Final = 13
_INDENT: Final = "  "


@as_screen
def runbook_text(runbook: Runbook, *, width: int = 80, style: Style = PLAIN) -> Iterator[str]:
    """One runbook in words."""
    for line in labelled(word(runbook.name), said(runbook.title), width, column=_COLUMN):
        yield style.paint(line, Tone.STRONG)
    destroys = [s for s in all_steps(runbook.steps) if _effect(s) is Effect.DESTROYS]
    pairs = [
        ("Does", said(runbook.summary)),
        ("Use when", said(runbook.use_when)),
        ("Owner", said(runbook.owner)),
        ("Reviewed", word(runbook.reviewed)),
        ("Destroys", "; ".join(dict.fromkeys(map(step_title, destroys))) or "nothing"),
        ("File", said(runbook.file)),
    ]
    yield from labelled_pairs(pairs, width, column=_COLUMN)
    if runbook.inputs:
        yield "\nASKS"
        names = [f"{_INDENT}{word(given.name)}" for given in runbook.inputs]
        column = max(_COLUMN, *(len(name) + 2 for name in names))
        for name, given in zip(names, runbook.inputs, strict=True):
            yield from labelled(name, input_text(given), width, column=column)
        for group in runbook.require:
            yield from labelled("", f"one of: {', '.join(map(word, group))}", width, column=column)
    for title, steps in (
        ("STEPS", runbook.steps),
        ("IF ONE FAILS", runbook.on_failure),
        ("IF IT IS CANCELLED", runbook.on_cancel),
        ("ALWAYS, AT THE END", runbook.always),
    ):
        if steps:
            yield f"\n{title}"
            yield from _steps(steps, _INDENT, None, width, style)
    for title, sentences in (("CANNOT", runbook.cannot), ("AFTERWARDS", runbook.afterwards)):
        if sentences:
            yield f"\n{title}"
        for sentence in sentences:
            yield from labelled(f"{_INDENT}-", said(sentence, limit=1_000), width, column=5)


def input_text(given: Input) -> str:
    """What is asked, of which kind it is, and whether it may be left out."""
    parts = [said(given.ask), given.kind.value]
    if given.kind is InputKind.CHOICE:
        parts[-1] = " | ".join(map(word, given.of))
    if given.default not in (None, "", []):
        parts.append(f"default {value_text(given.default)}")
    elif not given.required or given.default is not None:
        parts.append("may be left out")
    if given.example:
        parts.append(f"for example {said(given.example)}")
    return "; ".join(part for part in parts if part)


def _steps(
    steps: tuple[Step, ...], indent: str, phase: Phase | None, width: int, style: Style
) -> Iterator[str]:
    for step in steps:
        here = step.words.phase or phase
        yield from _one(step, indent, here, width, style)
        deeper = indent + _INDENT
        match step:
            case ChooseStep():
                for name, branch in step.branches.items():
                    yield f"{deeper}{word(name)}:"
                    yield from _steps(branch, deeper + _INDENT, here, width, style)
            case BlockStep():
                yield from _steps((*step.steps, *step.always), deeper, here, width, style)
            case ParallelStep():
                yield from _steps(step.steps, deeper, here, width, style)
            case _:
                pass


def _one(step: Step, indent: str, phase: Phase | None, width: int, style: Style) -> Iterator[str]:
    about = ", ".join(_about(step, phase))
    text = step_title(step) + (f" ({about})" if about else "")
    tone = Tone.DANGER if _effect(step) is Effect.DESTROYS else None
    for line in labelled(f"{indent}-", text, width, column=len(indent) + 3):
        yield style.paint(line, tone) if tone else line
    if step.words.why:
        yield from labelled("", said(step.words.why), width, column=len(indent) + 5)


def _about(step: Step, phase: Phase | None) -> Iterator[str]:
    if isinstance(step, ActionStep):
        if phase is not None:
            yield phase_word(phase).lower()
        yield f"{word(step.action.spec.name)}, {_EFFECTS[step.action.spec.effect]}"
        if step.approve is not None:
            yield f"{step.approve.count} by {word(step.approve.by)} agree first"
    if isinstance(step, BlockStep) and step.runbook is not None:
        yield f"the runbook {word(step.runbook.name)}"
    if isinstance(step, ActionStep | BlockStep) and step.for_each is not None:
        yield f"for each of {said(step.for_each.items.source)}, at most {step.for_each.limit}"
    if step.words.skipped:
        yield f"left out if {said(step.words.skipped)}"
    if step.words.when is not None:
        yield f"only when {said(step.words.when.source)}"


_EFFECTS: Final = {
    Effect.READS: "only reads",
    Effect.WRITES: "writes",
    Effect.DESTROYS: "DESTROYS, asks first",
}


def _effect(step: Step) -> Effect | None:
    return step.action.spec.effect if isinstance(step, ActionStep) else None


def step_title(step: Step) -> str:
    """What a step does: its own words, else those of what it calls."""
    title = said(step.words.title)
    match step:
        case ActionStep():
            return title or said(step.action.spec.summary)
        case ChooseStep():
            return f"{title or 'One of'} (by {said(step.on.source)})"
        case AssertStep():
            return title or f"Must hold: {said(step.holds.source)}"
        case EndStep():
            return title or "Ends well here" + (f"; next: {word(step.next)}" if step.next else "")
        case WaitStep():
            until = f" until {said(step.until.source)}" if step.until is not None else ""
            return title or f"Waits{until}, at most {span_text(step.within_s)}"
        case ParallelStep():
            return title or "At the same time"
        case BlockStep():
            return title or (said(step.runbook.title) if step.runbook else "Together")


def runbook_json(runbook: Runbook) -> dict[str, Any]:
    """One runbook as plain data."""
    return {
        "runbook": runbook.name,
        **picked(runbook, "title summary use_when cannot afterwards owner reviewed file digest"),
        "inputs": [
            {
                "name": given.name,
                "type": given.kind.value,
                **picked(given, "ask required of example"),
            }
            for given in runbook.inputs
        ],
        "require": [list(group) for group in runbook.require],
        "steps": [
            {
                **picked(step.words, "id title"),
                "phase": step.words.phase.value if step.words.phase else "",
                "action": step.action.spec.name,
                "effect": step.action.spec.effect.value,
            }
            for step in all_steps(runbook.steps)
            if isinstance(step, ActionStep)
        ],
    }
