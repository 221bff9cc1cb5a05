"""Go through a runbook's steps in order: ``when``, ``choose``, ``for_each``, blocks, failures.

The planner and the engine take the same way through the same file, because both are a ``Walk``;
they differ in what they do at an action, an assertion, an end and a wait. After a crash the
engine walks again from the top: what is concluded answers from the journal, so the way is the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from respond.core.inputs import absent_value
from respond.core.plan import digest_of
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    Failure,
    ForEach,
    Input,
    ParallelStep,
    Phase,
    Runbook,
    Step,
    WaitStep,
    all_steps,
)
from respond.core.shapes import RecordShape, encode
from respond.core.values import Late, Value
from respond.engine.setting import Site
from respond.errors import StepFailedError

__all__ = [
    "Absent",
    "Came",
    "EndedError",
    "Here",
    "Place",
    "Walk",
    "absent_input",
    "item_address",
    "item_name",
    "late_output",
    "timed",
]


@dataclass(frozen=True, slots=True)
class Absent:
    """A step without output: skipped, failed or left open. ``why`` is one line.

    Attributes:
        waits: What becomes of it is not decided yet, so that its output is late.
    """

    why: str
    failed: bool = False
    waits: bool = False


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
    """

    values: dict[str, Value]
    prefix: str = ""
    phase: Phase | None = None
    group: str = ""

    def inside(self, name: str, **values: Value) -> Here:
        return Here({**self.values, **values}, f"{self.prefix}{name}/", self.phase, self.group)


Place: TypeAlias = tuple[str, Here]
"""An item of a set: its address, and where the walk stands there."""

Came: TypeAlias = tuple[str, Here, "Value | Absent"]
"""The same, with what it came to."""


def item_name(address: str) -> str:
    """``revoke[3f2a91c0]`` of ``revoke[3f2a91c0]/log``; the address itself outside of a set."""
    head, bracket, rest = address.partition("[")
    return f"{head}[{rest.partition(']')[0]}]" if bracket else address


def item_address(item: Value) -> str:
    """Name of a ``for_each`` item: the start of a digest of what it is."""
    return digest_of(encode(item))[:8]


def timed(step: WaitStep, values: Mapping[str, Value]) -> WaitStep | Late:
    """The wait with its length worked out, where an expression says it.

    Raises:
        StepFailedError: What the expression says is no length.
    """
    if step.for_s is None:
        return step
    length = step.for_s.value(values)
    if isinstance(length, Late):
        return length
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise StepFailedError(
            "what the wait is to last is no duration", why=f"for: {step.for_s.source}"
        )
    return replace(step, within_s=length, for_s=None)


def late_output(address: str, step: ActionStep) -> Value:
    """What later steps see of a step whose output is not known: each field is late."""
    from respond.core.shapes import shape_of  # noqa: PLC0415 - keeps the import graph flat

    shape = shape_of(step.action.spec.output)
    if isinstance(shape, RecordShape):
        return {name: Late(address, name) for name, _ in shape.fields}
    return Late(address, "output")


@dataclass(slots=True)
class Walk(ABC):
    """One way through one runbook. Subclasses say what happens at each kind of step."""

    runbook: Runbook
    site: Site
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
    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        """``when``, ``choose`` or ``for_each`` needs a late value (in a plan only)."""

    @abstractmethod
    def impossible(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        """The step cannot be taken: an expression failed, no branch fits, too many targets."""

    @abstractmethod
    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        """Whether more items than ``limit`` may go on."""

    # --- what not every walk minds ------------------------------------------------------------

    def ends(self, step: EndStep, address: str, here: Here, say: str) -> bool:
        """Whether the run ends well here."""
        return True

    def skipped(self, step: Step, address: str, here: Here, why: str) -> None:  # noqa: B027
        """Its own ``when`` says no."""

    def together(self, step: ParallelStep, here: Here) -> None:
        """Steps that may run at the same time; in order unless a subclass knows better."""
        self.steps(step.steps, here)

    def not_started(self, step: Step, address: str, why: str) -> None:  # noqa: B027
        """A step that is left out because an earlier one failed."""

    def waits(self) -> bool:
        """Whether something before this place is not decided yet, and comes again."""
        return False

    def each(  # noqa: B027
        self, step: ActionStep | BlockStep, address: str, here: Here, items: list[Value]
    ) -> None:
        """The set of a ``for_each`` is known."""

    def items(self, step: ActionStep, places: Iterable[Place]) -> Iterator[Came]:
        """What the items of a set come to, in their order; at the same time, if a subclass may."""
        for address, here in places:
            if self._halted and not self._may_contain(step, here):
                self.not_started(step, address, self._halted)
                continue
            yield address, here, self.action(step, address, here)

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
            self.impossible(step, address, here, error)
            self._failed(step, address, here, Absent(error.what, failed=True))

    def _decided(self, step: Step, address: str, here: Here) -> None:
        words = step.words
        if words.when is not None:
            holds = words.when.value(here.values)
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
            if result.waits and words.id:
                late: Value = Late(address, "output")
                if isinstance(step, ActionStep) and step.for_each is None:
                    late = late_output(address, step)
                here.values[words.id] = late
            return
        if words.id and result is not None:
            here.values[words.id] = result

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
                said = str(say) if not isinstance(say, Late) else ""
                if self.ends(step, address, here, said):
                    raise EndedError(said, step.next)
                return None

    def _choose(self, step: ChooseStep, address: str, here: Here) -> Value | Absent:
        value = step.on.value(here.values)
        if isinstance(value, Late):
            self.undecided(step, address, here, value)
            return None
        word = str(value).lower() if isinstance(value, bool) else str(value)
        branch = step.branches.get(word)
        if branch is None:
            raise StepFailedError(
                f"no branch for {word!r} among {', '.join(step.branches)}",
                why=f"choose: {step.on.source}",
            )
        self.steps(branch, here)
        return None

    def _block(self, step: BlockStep, here: Here, address: str) -> Value | Absent:
        if step.runbook is not None:
            self._called(step, step.runbook, here, address)
            return None
        ended: EndedError | None = None
        try:
            self.steps(step.steps, here)
        except EndedError as end:
            ended = end
        if not self.waits():
            self._whatever_happened(step.always, here)
        if ended is not None:
            raise ended
        return None

    def _called(self, step: BlockStep, runbook: Runbook, here: Here, address: str) -> None:
        """Another runbook, with names of its own; its ``end`` ends only itself."""
        filled = {name: t.value(here.values) for name, t in step.arguments.items()}
        values: dict[str, Value] = {
            "inputs": {i.name: filled.get(i.name, absent_input(i)) for i in runbook.inputs},
            "connection": here.values["connection"],
            "run": here.values["run"],
        }
        try:
            self.steps(runbook.steps, Here(values, f"{address}/", here.phase, here.group))
        except EndedError:
            return

    def _whatever_happened(self, steps: tuple[Step, ...], here: Here) -> None:
        halted, contain_only = self._halted, self._contain_only
        self._halted, self._contain_only = "", False
        self.steps(steps, here)
        if halted:
            self._halted, self._contain_only = halted, contain_only

    def _each(
        self, step: ActionStep | BlockStep, each: ForEach | None, address: str, here: Here
    ) -> Value | Absent:
        assert each is not None  # noqa: S101 - the caller matched on it
        items = each.items.value(here.values)
        if isinstance(items, Late):
            self.undecided(step, address, here, items)
            return None
        chosen = list(items) if isinstance(items, list | tuple) else []
        limit = self.site.limit(step, each)
        self.each(step, address, here, chosen)
        if len(chosen) > limit and not self.over_limit(step, address, len(chosen), limit):
            raise StepFailedError(f"{len(chosen)} targets, and the limit is {limit}")
        outputs: list[Value] = []
        waits: Absent | None = None
        places = (
            (
                f"{address}[{item_address(item)}]",
                Here({**here.values, each.name: item}, here.prefix, here.phase, address),
            )
            for item in chosen
        )
        if isinstance(step, BlockStep):
            for name, inner in places:
                self.steps(step.steps, replace(inner, prefix=f"{name}/"))
            return outputs
        for name, inner, result in self.items(step, places):
            if isinstance(result, Absent):
                if result.failed:
                    self._failed(step, name, replace(inner, prefix=f"{name}/"), result)
                waits = result if result.waits else waits
                continue
            outputs.append(result)
        return waits or outputs

    def _failed(self, step: Step, address: str, here: Here, result: Absent) -> None:
        failure: Failure = step.words.on_failure
        if failure.how == "continue":
            return
        if failure.how == "steps":
            failed: dict[str, Value] = {"step": address, "reason": result.why}
            values = {**here.values, "failed": failed}
            self._whatever_happened(failure.steps, Here(values, here.prefix, here.phase))
            if failure.recovered:
                return
        # What an assertion keeps from happening, it keeps from happening: containment too.
        contained = (step.words.phase or here.phase) is Phase.CONTAIN
        contained = contained or isinstance(step, AssertStep)
        if not self._halted:
            self._halted, self._contain_only = address, not contained
        elif contained:
            self._contain_only = False

    def finish(self, steps: tuple[Step, ...], here: Here, *, failed: Mapping[str, Any]) -> None:
        """Handlers of the whole runbook, which run whatever happened before."""
        self._halted, self._contain_only = "", False
        values = {**here.values, "failed": dict(failed)} if failed else here.values
        self.steps(steps, Here(values, here.prefix))


def absent_input(declared: Input) -> Value:
    """What expressions see of an input that was not given: its default, or nothing of its kind."""
    return absent_value(declared.kind) if declared.default is None else declared.default
