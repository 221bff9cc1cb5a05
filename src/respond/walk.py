"""Go through a runbook's steps in order: ``when``, ``choose``, ``for_each``, blocks, failures.

The planner and the engine take the same way through the same file, because both are a ``Walk``;
they differ in what they do at an action, an assertion, an end and a wait. After a crash the
engine walks again from the top: what is concluded answers from the journal, so the way is the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from respond.core.plan import digest_of
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Failure,
    ForEach,
    Formula,
    ParallelStep,
    Phase,
    Runbook,
    Step,
    StepWords,
    WaitStep,
    all_steps,
)
from respond.core.shapes import Record, encode
from respond.core.values import Late, Value
from respond.errors import StepFailedError

__all__ = ["Absent", "EndedError", "Here", "Walk", "item_address", "late_output"]


@dataclass(frozen=True, slots=True)
class Absent:
    """A step without output: skipped, failed or left open. ``why`` is one line."""

    why: str
    failed: bool = False


class EndedError(Exception):
    """The run ends well, here (``end``)."""

    def __init__(self, say: str, next_runbook: str) -> None:
        super().__init__(say)
        self.say = say
        self.next = next_runbook


@dataclass(slots=True)
class Here:
    """Where the walk stands.

    Attributes:
        values: What expressions see, by first name; steps' outputs are added as they come.
        prefix: Address of what encloses this place, ending in ``/``, or empty.
        suffix: ``[item]`` inside ``for_each``.
    """

    values: dict[str, Value]
    prefix: str = ""
    phase: Phase | None = None
    group: str = ""

    def inside(self, name: str, **values: Value) -> Here:
        return Here({**self.values, **values}, f"{self.prefix}{name}/", self.phase, self.group)


def item_address(item: Value) -> str:
    """Name of a ``for_each`` item: the start of a digest of what it is."""
    return digest_of(encode(item))[:8]


def late_output(address: str, step: ActionStep) -> Value:
    """What later steps see of a step whose output is not known: each field is late."""
    from respond.core.shapes import shape_of  # noqa: PLC0415 - keeps the import graph flat

    shape = shape_of(step.action.spec.output)
    if isinstance(shape, Record):
        return {name: Late(address, name) for name, _ in shape.fields}
    return Late(address, "output")


@dataclass(slots=True)
class Walk(ABC):
    """One way through one runbook. Subclasses say what happens at each kind of step."""

    runbook: Runbook
    _halted: str = field(default="", init=False)
    _contain_only: bool = field(default=False, init=False)

    # --- what subclasses decide ---------------------------------------------------------------

    @abstractmethod
    def action(self, step: ActionStep, address: str, here: Here) -> Value | Absent: ...

    @abstractmethod
    def asserted(self, step: AssertStep, address: str, here: Here) -> Absent | None: ...

    @abstractmethod
    def waited(self, step: WaitStep, address: str, here: Here) -> Value | Absent: ...

    @abstractmethod
    def skipped(self, step: Step, address: str, here: Here, why: str) -> None: ...

    @abstractmethod
    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        """``when``, ``choose`` or ``for_each`` needs a late value (in a plan only)."""

    @abstractmethod
    def unevaluated(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        """``when``, ``choose`` or ``for_each`` could not be evaluated."""

    @abstractmethod
    def limit(self, step: ActionStep | BlockStep, each: ForEach) -> int:
        """How many items go on without a further question: the least that anybody set."""

    @abstractmethod
    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        """Whether more items than ``limit`` may go on."""

    def together(self, step: ParallelStep, here: Here) -> None:
        """Steps that may run at the same time; in order unless a subclass knows better."""
        self.steps(step.steps, here)

    @abstractmethod
    def not_started(self, step: Step, address: str, why: str) -> None:
        """A step that is left out because an earlier one failed."""

    # --- the way ------------------------------------------------------------------------------

    def steps(self, steps: tuple[Step, ...], here: Here) -> None:
        """Take these steps in order."""
        for step in steps:
            if self._halted and not self._may_contain(step, here):
                self.not_started(step, here.prefix + step.words.id, self._halted)
                continue
            self._step(step, here)

    def _may_contain(self, step: Step, here: Here) -> bool:
        # A failed step outside containment never keeps a containment step from running.
        if not self._contain_only:
            return False
        below = (s.words.phase or here.phase for s in all_steps((step,)))
        return Phase.CONTAIN in below

    def _step(self, step: Step, here: Here) -> None:
        words = step.words
        address = here.prefix + words.id
        here = replace(here, phase=words.phase) if words.phase is not None else here
        try:
            self._decided(step, address, here)
        except StepFailedError as error:
            # An expression could not be evaluated: what it needs did not happen.
            self.unevaluated(step, address, here, error)
            self._failed(step, address, here, Absent(error.what, failed=True))

    def _decided(self, step: Step, address: str, here: Here) -> None:
        words = step.words
        if words.when is not None:
            holds = self._formula(words.when, here)
            if isinstance(holds, Late):
                self.undecided(step, address, here, holds)
                return
            if not holds:
                self.skipped(step, address, here, f"when: {words.when.source}")
                return
        result = self._kind(step, address, here)
        if isinstance(result, Absent):
            if result.failed:
                self._failed(step, address, here, result)
            return
        if words.id and result is not None:
            here.values[words.id] = result

    def _formula(self, formula: Formula, here: Here) -> Value:
        return formula.value(here.values)

    def _kind(self, step: Step, address: str, here: Here) -> Value | Absent:
        match step:
            case ActionStep(for_each=None):
                return self.action(step, address, here)
            case ActionStep():
                return self._each(step, step.for_each, address, here)
            case BlockStep(for_each=None):
                return self._block(step, here, address)
            case BlockStep():
                return self._each(step, step.for_each, address, here)
            case ChooseStep():
                return self._choose(step, address, here)
            case ParallelStep():
                self.together(step, here)
                return None
            case AssertStep():
                return self.asserted(step, address, here)
            case WaitStep():
                return self.waited(step, address, here)
            case EndStep():
                say = step.say.value(here.values)
                raise EndedError(str(say) if not isinstance(say, Late) else "", step.next)

    def _choose(self, step: ChooseStep, address: str, here: Here) -> Value | Absent:
        value = self._formula(step.on, here)
        if isinstance(value, Late):
            self.undecided(step, address, here, value)
            return None
        word = str(value).lower() if isinstance(value, bool) else str(value)
        branch = step.branches.get(word)
        if branch is None:
            return self.no_branch(step, address, word)
        self.steps(branch, here)
        return None

    def no_branch(self, step: ChooseStep, address: str, word: str) -> Absent:
        """No branch for this value; what that means is the same for plan and run: a failure."""
        return Absent(
            f"{address}: no branch for {word!r} among {', '.join(step.branches)}", failed=True
        )

    def _block(self, step: BlockStep, here: Here, address: str) -> Value | Absent:
        if step.runbook is not None:
            filled = {name: t.value(here.values) for name, t in step.arguments.items()}
            given: dict[str, Value] = {i.name: i.default for i in step.runbook.inputs} | filled
            inner = Here(
                {
                    "inputs": given,
                    "connection": here.values["connection"],
                    "run": here.values["run"],
                },
                f"{address}/",
                here.phase,
                here.group,
            )
            self.steps(step.runbook.steps, inner)
            return None
        before = self._halted
        self.steps(step.steps, here)
        if step.always:
            halted, self._halted = self._halted, ""
            self.steps(step.always, here)
            self._halted = halted or before
        return None

    def _each(
        self, step: ActionStep | BlockStep, each: ForEach | None, address: str, here: Here
    ) -> Value | Absent:
        assert each is not None  # noqa: S101 - the caller matched on it
        items = self._formula(each.items, here)
        if isinstance(items, Late):
            self.undecided(step, address, here, items)
            return None
        chosen = list(items) if isinstance(items, list | tuple) else []
        limit = self.limit(step, each)
        if len(chosen) > limit and not self.over_limit(step, address, len(chosen), limit):
            return Absent(f"{len(chosen)} targets, and the limit is {limit}", failed=True)
        outputs: list[Value] = []
        for item in chosen:
            name = f"{address}[{item_address(item)}]"
            inner = Here({**here.values, each.name: item}, here.prefix, here.phase, address)
            if isinstance(step, BlockStep):
                inner = replace(inner, prefix=f"{name}/")
                self.steps(step.steps, inner)
                continue
            result = self.action(step, name, inner)
            if isinstance(result, Absent):
                if result.failed:
                    self._failed(step, name, here, result)
                continue
            outputs.append(result)
        return outputs

    def _failed(self, step: Step, address: str, here: Here, result: Absent) -> None:
        failure: Failure = step.words.on_failure
        if failure.how == "continue":
            return
        if failure.how == "steps":
            failed: dict[str, Value] = {"step": address, "reason": result.why}
            self.steps(
                failure.steps, Here({**here.values, "failed": failed}, here.prefix, here.phase)
            )
            if failure.recovered:
                return
        if not self._halted:
            self._halted = address
            self._contain_only = (step.words.phase or here.phase) is not Phase.CONTAIN

    def finish(self, steps: tuple[Step, ...], here: Here, *, failed: Mapping[str, Any]) -> None:
        """Handlers of the whole runbook, which run whatever happened before."""
        self._halted, self._contain_only = "", False
        values = {**here.values, "failed": dict(failed)} if failed else here.values
        self.steps(steps, Here(values, here.prefix))


def words_of(step: Step) -> StepWords:
    """The words of any kind of step."""
    return step.words
