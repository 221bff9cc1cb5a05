"""A runbook as a page for people, in Markdown: made from its file and from what its actions say.

What a person has to know and no record can tell stands in the file: ``summary``, ``use_when``,
``why``, ``confirm``, ``cannot``, ``afterwards``. ``tests/test_docs.py`` writes the pages and holds
them to this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Input,
    ParallelStep,
    Runbook,
    Step,
    Template,
    all_calls,
    all_steps,
)
from respond.core.script import Effect, Spec
from respond.formats.runbook.scope import BoundText
from respond.systems import DIRECTORY, directories
from respond.systems.directory.vocabulary import VERBS
from respond.systems.hands import ByHand, by_hand
from respond.views.layout import said
from respond.views.runbooks import input_text, step_title

__all__ = ["runbook_page"]

_LIMIT: Final = 2_000
_EFFECTS: Final = {
    Effect.READS: "reads",
    Effect.WRITES: "writes",
    Effect.DESTROYS: "**destroys**, and asks first",
}


def runbook_page(runbook: Runbook) -> str:
    """The whole page."""
    parts = [
        [f"# {runbook.name}: {_text(runbook.title)}", _text(runbook.summary)],
        _when(runbook),
        ["## What it asks", *_asks(runbook)],
        *_orders(runbook),
        _undone(runbook),
        ["## What it cannot do", _listed([*map(_text, runbook.cannot), *_nobody(runbook)])],
        _hands(runbook),
        _afterwards(runbook),
    ]
    return "\n\n".join(line for part in parts if len(part) > 1 for line in part if line) + "\n"


# --- when, and what it asks ----------------------------------------------------------------------


def _when(runbook: Runbook) -> list[str]:
    lines = [f"respond {runbook.name}"]
    if not runbook.review:
        lines.append(f"respond {runbook.name} --dry-run    # looks, and changes nothing")
    lines.append(f"respond rehearse {runbook.name}    # practise; no account is needed")
    kind = "It is a review: it only reads, and asks nobody." if runbook.review else ""
    typed = "\n".join(f"    {line}" for line in lines)
    return ["## When", _text(runbook.use_when), kind, typed]


def _asks(runbook: Runbook) -> list[str]:
    if not runbook.inputs:
        return ["Nothing."]
    rows = [f"- `{given.name}`: {_asked(given)}" for given in runbook.inputs]
    groups = [f"- One of {_names(group)} has to be given." for group in runbook.require]
    return ["\n".join([*rows, *groups])]


def _asked(given: Input) -> str:
    text = _text(input_text(given))
    return f"{text}. Asked only when a step needs it" if getattr(given, "late", False) else text


# --- what it does --------------------------------------------------------------------------------


def _orders(runbook: Runbook) -> Iterator[list[str]]:
    for title, steps in (
        ("What it does, in this order", runbook.steps),
        ("If a step fails", runbook.on_failure),
        ("If somebody cancels it", runbook.on_cancel),
        ("At the end, however it came", runbook.always),
    ):
        yield [f"## {title}", "\n".join(_steps(steps, ""))] if steps else []


def _steps(steps: Iterable[Step], indent: str) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        head = f"{indent}{number}. "
        deeper = " " * len(head)
        yield f"{head}{_one(step)}"
        if step.words.why:
            yield f"{deeper}- Why: {_text(step.words.why)}"
        for label, text in _said_then(step):
            if text:
                yield f"{deeper}- {label}: {text}"
        yield from _below(step, deeper)
        if step.words.on_failure.steps:
            yield f"{deeper}- If it fails:"
            yield from _steps(step.words.on_failure.steps, f"{deeper}  ")


def _said_then(step: Step) -> Iterator[tuple[str, str]]:
    """What a person reads at this step."""
    match step:
        case ActionStep():
            if step.confirm is not None:
                yield "Before the yes", _written(step.confirm)
            if step.action.spec.person and "instructions" in step.arguments:
                yield "The person reads", _written(step.arguments["instructions"])
        case AssertStep():
            yield "Else the run fails", _written(step.message)
        case EndStep():
            yield "It says", _written(step.say)
        case _:
            pass


def _below(step: Step, indent: str) -> Iterator[str]:
    match step:
        case ChooseStep():
            for name, branch in step.branches.items():
                yield f"{indent}- `{name}`:"
                yield from _steps(branch, f"{indent}  ")
        case BlockStep() if step.runbook is None:
            yield from _steps((*step.steps, *step.always), indent)
        case ParallelStep():
            yield from _steps(step.steps, indent)
        case _:
            pass


def _one(step: Step) -> str:
    title, about = _text(step_title(step)), ", ".join(_about(step))
    if isinstance(step, EndStep):
        about = ", ".join(filter(None, (about, "the run ends well here")))
    return f"{title} ({about})" if about else title


def _about(step: Step) -> Iterator[str]:
    if isinstance(step, ActionStep):
        yield f"`{step.action.spec.name}`, {_EFFECTS[step.action.spec.effect]}"
        if step.approve is not None:
            yield f"{step.approve.count} with the role {step.approve.by} agree first"
    if isinstance(step, BlockStep) and step.runbook is not None:
        yield f"the runbook [{step.runbook.name}]({step.runbook.name}.md)"
    if isinstance(step, ActionStep | BlockStep) and step.for_each is not None:
        yield f"for each of `{step.for_each.items.source}`, at most {step.for_each.limit}"
    if step.words.skipped:
        yield f"left out if {said(step.words.skipped, limit=_LIMIT)}"
    if step.words.when is not None:
        yield f"only when `{said(step.words.when.source, limit=_LIMIT)}`"


# --- what stays ----------------------------------------------------------------------------------


def _undone(runbook: Runbook) -> list[str]:
    """What takes something away, and its way back; and what is made, where that has one."""
    found: dict[str, str] = {}
    for step in _calls(runbook):
        spec, way = step.action.spec, _way_back(step.action.spec)
        if spec.effect is Effect.DESTROYS or (spec.effect is Effect.WRITES and way):
            found.setdefault(_text(step_title(step)), way)
    called = sorted({each.runbook.name for each in _blocks(runbook) if each.runbook is not None})
    if not found and not called:
        return []
    none = [title for title, way in found.items() if not way]
    back = [f"- {title}: {way}" for title, way in found.items() if way]
    lines = ["## What cannot be undone", _listed(none) or "Nothing of its own steps."]
    if called:
        links = ", ".join(f"[{name}]({name}.md)" for name in called)
        lines.append(f"What the runbooks that it calls take away stands on their pages: {links}.")
    if back:
        lines += ["What has a way back (`respond undo RUN`), or needs none:", "\n".join(back)]
    return lines


_BACK: Final = {
    "harmless": "nothing has to: they sign in again",
    "expires": "it runs out by itself",
}


def _way_back(spec: Spec) -> str:
    verb = spec.name.partition(".")[2]
    if spec.system == DIRECTORY and verb in VERBS:
        undo = VERBS[verb].undo
        return _BACK.get(undo, f"`{DIRECTORY}.{undo}`" if undo else "")
    return f"`{spec.undo}`" if "." in spec.undo else spec.undo


def _left(runbook: Runbook) -> Iterator[ByHand]:
    """What people do, or nobody can, on whatever account and with whatever directory."""
    found: dict[ByHand, None] = {}
    for step in _calls(runbook):
        title = step.words.title
        for signing_in in ((), tuple(directories())):
            every = by_hand(step.action.spec, title, can=frozenset(), directories=signing_in)
            found |= dict.fromkeys(every)
    yield from found


def _nobody(runbook: Runbook) -> Iterator[str]:
    for each in _left(runbook):
        if each.nobody:
            yield f"{each.system}: {_text(each.says)} ({_text(each.why)})"


def _hands(runbook: Runbook) -> list[str]:
    rows = [
        f"| {each.system} | {_text(each.says)} | {_text(each.why)} |"
        for each in _left(runbook)
        if not each.nobody
    ]
    if not rows:
        return []
    table = "\n".join(["| with | what a person does | when, or why |", "|---|---|---|", *rows])
    return ["## What stays by hand", table]


def _afterwards(runbook: Runbook) -> list[str]:
    own = [
        *map(_text, runbook.afterwards),
        *(
            ["What is still to be mended stays in the next review until somebody has done it."]
            if runbook.review
            else ["`respond report RUN`: what is proved, what is not, and what is left to do."]
        ),
    ]
    return ["## Afterwards", _listed(own)]


def _calls(runbook: Runbook) -> Iterator[ActionStep]:
    """Its own calls; what a called runbook does stands on that one's page."""
    theirs = {id(step) for block in _blocks(runbook) for step in all_calls(block.steps)}
    yield from (step for step in all_calls(_every(runbook)) if id(step) not in theirs)


def _blocks(runbook: Runbook) -> list[BlockStep]:
    """Where it calls another runbook."""
    return [s for s in all_steps(_every(runbook)) if isinstance(s, BlockStep) and s.runbook]


def _every(runbook: Runbook) -> tuple[Step, ...]:
    return (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)


# --- words ---------------------------------------------------------------------------------------


def _text(text: str) -> str:
    """In one line, with nothing that Markdown would take for its own."""
    line = " ".join(text.splitlines())
    return re.sub(r"([|<>*_`\[\]])", r"\\\1", said(line, limit=_LIMIT))


def _written(template: Template) -> str:
    """A text as it stands in the file, with the names of what is filled in.

    Empty where more than a name is filled in: that is a program, and no sentence.
    """
    text = template.source if isinstance(template, BoundText) else str(template.value({}))
    named = re.sub(r"\$\{\{\s*(?:[\w.]*\.)?(\w+)\s*\}\}", lambda found: found[1].upper(), text)
    return "" if "${{" in named else _text(named)


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {each}" for each in sentences)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
