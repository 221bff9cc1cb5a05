"""Find the arguments that an action marks: those that say where something goes, or stand whole."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from respond.core.records import is_record_type, marks_of, names_of
from respond.core.runbook import (
    ActionStep,
    BlockStep,
    ChooseStep,
    ParallelStep,
    Runbook,
    Step,
    Template,
    WaitStep,
)
from respond.core.script import STEERS
from respond.core.shapes import hints_of
from respond.formats.runbook.scope import BoundList, BoundRecord, BoundText

__all__ = ["called", "marked", "steered_by", "texts"]

_From: TypeAlias = Mapping[str, frozenset[str]]
"""A name that expressions read to the inputs that it comes from."""


def marked(
    cls: type, given: Mapping[str, Template], mark: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], Template]]:
    """Every argument in a field of this mark, to any depth, with its path."""
    hints, marks = hints_of(cls), marks_of(cls)
    for name in names_of(cls):
        value, hint = given.get(name), hints[name]
        if value is None:
            continue
        if marks.get(name) == mark:
            yield (name,), value
        for inner in filter(is_record_type, (hint, *typing.get_args(hint))):
            if isinstance(value, BoundRecord):
                below = marked(inner, dict(value.fields), mark)
                yield from (((name, *path), found) for path, found in below)
            elif mark in marks_of(inner).values():
                yield (name,), value


def called(value: Template, name: str) -> Iterator[Template]:
    """Every value of this name, to any depth; what is in one is part of it."""
    match value:
        case BoundList(items=items):
            for item in items:
                yield from called(item, name)
        case BoundRecord(fields=fields):
            for key, item in fields:
                yield from [item] if key == name else called(item, name)


def texts(value: Template) -> Iterator[BoundText]:
    """Every text with an expression in it."""
    match value:
        case BoundText():
            yield value
        case BoundList(items=items):
            for item in items:
                yield from texts(item)
        case BoundRecord(fields=fields):
            for _, item in fields:
                yield from texts(item)


def steered_by(runbook: Runbook) -> Mapping[str, str]:
    """Each input that says where something goes, and which argument that is, in words."""
    found: dict[str, str] = {}
    comes: _From = {f"inputs.{each.name}": frozenset({each.name}) for each in runbook.inputs}
    handlers = (*runbook.on_failure, *runbook.on_cancel, *runbook.always)
    for step, at in _calls((*runbook.steps, *handlers), comes):
        steering = dict(marked(step.action, step.arguments, STEERS))
        if step.connection is not None:
            steering[("connection",)] = step.connection
        for path, value in steering.items():
            for name in _inputs_of(value, at):
                words = f"'{'.'.join(path)}' of step '{step.words.id}'"
                found.setdefault(name, f"{words} (line {step.words.place.line})")
    return found


def _calls(steps: Iterable[Step], comes: _From) -> Iterator[tuple[ActionStep, _From]]:
    """Every call below, with what the names in it come from."""
    for step in steps:
        inner = comes
        if isinstance(step, ActionStep | BlockStep) and step.for_each is not None:
            inner = {**comes, step.for_each.name: _inputs_of(step.for_each.items, comes)}
        match step:
            case ActionStep():
                yield step, inner
            case WaitStep(look=ActionStep() as look):
                yield look, inner
            case ChooseStep():
                for branch in step.branches.values():
                    yield from _calls(branch, inner)
            case ParallelStep():
                yield from _calls(step.steps, inner)
            case BlockStep():
                handlers = step.always
                if step.runbook is not None:
                    given = step.arguments.items()
                    inner = {f"inputs.{name}": _inputs_of(each, inner) for name, each in given}
                    handlers = (*step.runbook.on_failure, *handlers)
                yield from _calls((*step.steps, *handlers), inner)
            case _:
                pass
        yield from _calls(step.words.on_failure.steps, comes)


def _inputs_of(value: Any, comes: _From) -> frozenset[str]:
    """The inputs that a value is made of."""
    return frozenset().union(
        *(
            names
            for ref in value.refs
            for at, names in comes.items()
            if f"{ref}.".startswith(f"{at}.")
        )
    )
