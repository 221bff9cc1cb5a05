"""A runbook as the engine sees it: frozen, checked, with the place of each thing in its file.

``respond.formats.runbook.runbook_file`` makes these out of YAML; nothing else does. Expressions are
kept as ``Formula`` (bare) and ``Template`` (text with ``${{ }}``), already checked against the
shapes of what they refer to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from respond.core.records import Frozen
from respond.core.runbook_head import TIMES, Input, InputKind, Phase
from respond.core.script import WrittenAction
from respond.core.shapes import Shape
from respond.core.values import Value

__all__ = [
    "TIMES",
    "ActionStep",
    "Approval",
    "AssertStep",
    "BlockStep",
    "ChooseStep",
    "EndStep",
    "Failure",
    "Fixed",
    "ForEach",
    "Formula",
    "Input",
    "InputKind",
    "ParallelStep",
    "Phase",
    "Place",
    "Retry",
    "Runbook",
    "Step",
    "StepWords",
    "Template",
    "WaitStep",
    "all_calls",
    "all_steps",
    "refs_of",
]


class Formula(Protocol):
    """A checked bare expression. ``refs`` are the dotted names it reads."""

    @property
    def source(self) -> str: ...

    @property
    def refs(self) -> frozenset[str]: ...

    def value(self, scope: Mapping[str, Value]) -> Value:
        """The result; ``Late`` when it needs something that is not known yet.

        Raises:
            ExpressionError: It cannot be evaluated; never a truth value.
        """
        ...


class Template(Protocol):
    """A checked value that may hold ``${{ }}`` at any depth; a literal refers to nothing."""

    @property
    def refs(self) -> frozenset[str]: ...

    def value(self, scope: Mapping[str, Value]) -> Value: ...


class Fixed(Frozen):
    """A value of ours where a step has a template."""

    given: Value
    refs: frozenset[str] = frozenset()

    def value(self, scope: Mapping[str, Value]) -> Value:
        del scope
        return self.given


class Place(Frozen):
    """Line and column in the file, both from 1."""

    line: int
    column: int


class Approval(Frozen):
    """Another person agrees first."""

    by: str
    count: int
    within_s: int


class Retry(Frozen):
    """How often a step that was refused for now is tried again.

    Attributes:
        times: Attempts in all.
        wait_s: Pause between them, in seconds, when the system names none.
        on: ``rate-limit``, ``unavailable``, ``no-answer``, ``not-seen``.
    """

    times: int = 4
    wait_s: int = 2
    on: frozenset[str] = frozenset({"rate-limit", "unavailable"})


class ForEach(Frozen):
    """A fixed set of targets. More than ``limit`` ask again (P8)."""

    items: Formula
    name: str
    limit: int


class Failure(Frozen):
    """What a failed step means for the rest."""

    how: str = "stop"
    """``stop``, ``continue`` or ``steps``."""
    steps: tuple[Step, ...] = ()
    recovered: bool = False


class StepWords(Frozen):
    """What every kind of step may carry.

    Attributes:
        skipped: What is so when ``when`` does not hold, for people: ``no alert began it``.
    """

    id: str
    place: Place
    title: str = ""
    why: str = ""
    phase: Phase | None = None
    when: Formula | None = None
    on_failure: Failure = Failure()
    skipped: str = ""

    @property
    def does_not_apply(self) -> str:
        """Why the step is skipped, in words: its condition is for whoever looks closer."""
        return f"does not apply: {self.skipped}" if self.skipped else "does not apply"


class ActionStep(Frozen):
    """Calls an action.

    Attributes:
        arguments: By name of the action's field.
        confirm: What the operator should know before this write.
    """

    words: StepWords
    action: type[WrittenAction[Any]]
    arguments: Mapping[str, Template]
    connection: Template | None = None
    for_each: ForEach | None = None
    confirm: Template | None = None
    approve: Approval | None = None
    timeout_s: int | None = None
    retry: Retry | None = None

    @property
    def names(self) -> Template | None:
        """What says which connection it uses; None for the one of its system."""
        return self.connection or self.arguments.get("connection")


class ChooseStep(Frozen):
    """One of several lists of steps, by the value of an expression."""

    words: StepWords
    on: Formula
    branches: Mapping[str, tuple[Step, ...]]


class BlockStep(Frozen):
    """Steps in order, with one ``when``, ``for_each`` and ``on_failure`` for all of them.

    Attributes:
        runbook: The one that is called; ``steps`` and ``always`` are its own then. It has names of
            its own, and all of its steps an address behind that of this one.
        arguments: What its inputs are filled with.
    """

    words: StepWords
    steps: tuple[Step, ...]
    for_each: ForEach | None = None
    always: tuple[Step, ...] = ()
    runbook: Runbook | None = None
    arguments: Mapping[str, Template] = {}


class ParallelStep(Frozen):
    """Steps that may run at the same time, if none writes what another reads."""

    words: StepWords
    steps: tuple[Step, ...]


class AssertStep(Frozen):
    """Must hold, or the run fails; in a dry run too."""

    words: StepWords
    holds: Formula
    message: Template


class EndStep(Frozen):
    """Ends the run well, here: nothing to do, or another runbook is the right one."""

    words: StepWords
    say: Template
    next: str = ""


class WaitStep(Frozen):
    """Parks the run until something holds, or a time has passed.

    Attributes:
        until: Looked at every ``every_s``; None waits the whole ``within_s``.
        look: A read whose output ``until`` may use, as ``seen``.
        at: When it goes on, instead of a length.
        till: The same, worked out.
    """

    words: StepWords
    until: Formula | None
    every_s: int
    within_s: int
    look: ActionStep | None = None
    for_s: Formula | None = None
    at: Formula | None = None
    till: str = ""


Step: TypeAlias = (
    ActionStep | ChooseStep | BlockStep | ParallelStep | AssertStep | EndStep | WaitStep
)


class Runbook(Frozen):
    """One file.

    Attributes:
        digest: SHA-256 of the file's bytes (hex), with those of runbooks it calls.
        text: Of the file.
        inputs: By name, in the order of the file.
        require: At least one of each group has to be given.
        cannot: What it cannot do, a sentence each.
        afterwards: What is left to do once it is over, a sentence each.
        rehearsal: Inputs for a rehearsal, raw.
        stand_ins: What answers in a rehearsal where nobody simulates the system, by connection.
        outputs: Shape of every step's output, by id; what expressions were checked against.
    """

    name: str
    title: str
    digest: str
    file: str
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    summary: str = ""
    use_when: str = ""
    cannot: tuple[str, ...] = ()
    afterwards: tuple[str, ...] = ()
    owner: str = ""
    reviewed: str = ""
    require: tuple[tuple[str, ...], ...] = ()
    on_failure: tuple[Step, ...] = ()
    on_cancel: tuple[Step, ...] = ()
    always: tuple[Step, ...] = ()
    rehearsal: Mapping[str, Any] = {}
    stand_ins: Mapping[str, Any] = {}
    outputs: Mapping[str, Shape] = {}
    subject: str = ""
    """Name of the input that says whom the incident is about, or empty."""
    text: str = ""
    review: bool = False
    """It only reads, and what it finds is compared with the last time."""


def all_steps(steps: tuple[Step, ...], *, called: bool = True) -> Iterator[Step]:
    """Every step below, in the order of the file, handlers and branches included.

    Args:
        called: Those of called runbooks too, in which names mean something else.
    """
    for step in steps:
        yield step
        inside: tuple[Step, ...] = ()
        match step:
            case ChooseStep():
                inside = tuple(each for branch in step.branches.values() for each in branch)
            case BlockStep(runbook=None):
                inside = (*step.steps, *step.always)
            case BlockStep(runbook=Runbook() as runbook) if called:
                inside = (*runbook.steps, *runbook.on_failure, *runbook.always)
            case ParallelStep():
                inside = step.steps
            case _:
                pass
        yield from all_steps(inside, called=called)
        yield from all_steps(step.words.on_failure.steps, called=called)


def refs_of(step: Step) -> frozenset[str]:
    """What a step itself reads; not the steps inside of it."""
    readers: list[Formula | Template | None] = [step.words.when]
    match step:
        case ActionStep():
            readers += [*step.arguments.values(), step.connection, step.confirm]
        case ChooseStep():
            readers.append(step.on)
        case AssertStep():
            readers += [step.holds, step.message]
        case EndStep():
            readers.append(step.say)
        case WaitStep():
            readers += [step.until, step.for_s, step.at]
            readers += step.look.arguments.values() if step.look is not None else ()
        case BlockStep():
            readers += step.arguments.values()
        case ParallelStep():
            pass
    if isinstance(step, ActionStep | BlockStep) and step.for_each:
        readers.append(step.for_each.items)
    return frozenset().union(*(each.refs for each in readers if each is not None))


def all_calls(steps: tuple[Step, ...]) -> Iterator[ActionStep]:
    """Every call of an action below: the steps that are one, and what waits look at."""
    for step in all_steps(steps):
        match step:
            case ActionStep():
                yield step
            case WaitStep(look=ActionStep() as look):
                yield look
            case _:
                pass
