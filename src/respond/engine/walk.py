"""Go through a runbook's steps in order: ``when``, ``choose``, ``for_each``, blocks, failures.

The planner and the engine take the same way through the same file, because both are a ``Walk``;
they differ in what they do at an action, an assertion, an end and a wait. After a crash the
engine walks again from the top: what is concluded answers from the journal, so the way is the same.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any, TypeAlias

from respond.core.inputs import absent_value, input_value, timestamp_from
from respond.core.plan import digest_of
from respond.core.records import AbstractMeta, Frozen, Mutable, replace
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
from respond.core.shapes import RecordShape, ShapeError, encode
from respond.core.values import Late, Value
from respond.engine.proposing import lacking
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
    "actions_in",
    "item_address",
    "item_names",
    "item_words",
    "late_output",
    "timed",
]


class Absent(Frozen):
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


class Here(Mutable):
    """Where the walk stands.

    Attributes:
        values: What expressions see, by first name; steps' outputs are added as they come.
        prefix: Address of what encloses this place, ending in ``/``, or empty.
        group: Address of the set that this place is an item of, or empty.
        among: The steps whose addresses are ``prefix`` and their id.
        called: Address of the called runbook, ending in ``/``; empty in the run's own steps.
        within: The same for people: ``rotate-key, backend-prod``.
        apart: What a failure here stops: addresses of steps, or how they begin, ending in ``/``;
            nothing when it stops the run.
        recovered: A handler around this place makes a failure good.
        call: The call that this place is inside of, and where that stands; None in the run's own
            steps.
    """

    values: dict[str, Value]
    prefix: str = ""
    phase: Phase | None = None
    group: str = ""
    among: tuple[Step, ...] = ()
    called: str = ""
    within: str = ""
    apart: tuple[str, ...] = ()
    recovered: bool = False
    call: tuple[BlockStep, Here] | None = None

    def given_anew(self) -> dict[str, Value]:
        """What the called runbook is given, now that its caller knows more.

        Raises:
            StepFailedError: It is not what it takes.
        """
        assert self.call is not None  # noqa: S101 - who asks has looked
        step, outside = self.call
        assert step.runbook is not None  # noqa: S101 - it is a call
        return _given(step, step.runbook, outside.values)


Place: TypeAlias = tuple[str, Here]
"""An item of a set: its address, and where the walk stands there."""

Came: TypeAlias = tuple[str, Here, "Value | Absent"]
"""The same, with what it came to."""


def item_names(address: str) -> list[str]:
    """Every item that an address lies in, the outermost first, or is; outside of a set none.

    ``all[3f2a91c0]/restarted[9b12c4de]`` lies in ``all[3f2a91c0]`` and is an item of its own.
    """
    return [address[: at + 1] for at, letter in enumerate(address) if letter == "]"]


def item_words(item: Value) -> str:
    """An item of a set, as people know it: its name if it has one."""
    if isinstance(item, Mapping):
        names = (item.get(name) for name in ("label", "name", "email", "id", "key"))
        return next((str(name) for name in names if isinstance(name, str | int) and name), "")
    return str(item) if isinstance(item, str | int) else ""


def titled(step: Step, here: Here) -> str:
    """What a step is called; as one of a set with its item: ``Restart what uses it: billing``."""
    action = step.action.spec.summary if isinstance(step, ActionStep) else ""
    title = step.words.title or action
    each = step.for_each if isinstance(step, ActionStep | BlockStep) else None
    item = item_words(here.values.get(each.name)) if each is not None else ""
    return f"{title}: {item}" if title and item else title


def item_address(item: Value) -> str:
    """Name of a ``for_each`` item: the start of a digest of what it is."""
    return digest_of(encode(item))[:8]


def timed(step: WaitStep, values: Mapping[str, Value], began_s: int) -> WaitStep | Late:
    """The wait with its length worked out, where an expression says it.

    Args:
        began_s: When it began; a time of the day is that far away.

    Raises:
        StepFailedError: What the expression says is no length, or no time.
    """
    if step.at is not None:
        till = step.at.value(values)
        if isinstance(till, Late):
            return till
        moment = timestamp_from(till) if isinstance(till, str) else None
        if moment is None:
            raise StepFailedError("what the wait is to last to is no time", why=step.at.source)
        left = int(dt.datetime.fromisoformat(moment).timestamp()) - began_s
        return replace(step, within_s=max(0, left), at=None, till=moment)
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


class Walk(Mutable, metaclass=AbstractMeta):
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

    def skipped(self, step: Step, address: str, here: Here, why: str) -> None:
        """Its own ``when`` says no."""

    def together(self, step: ParallelStep, here: Here) -> None:
        """Steps that may run at the same time; in order unless a subclass knows better."""
        self.steps(step.steps, here)

    def not_started(self, step: Step, address: str, here: Here, why: str) -> None:
        """A step that is left out because an earlier one failed."""

    def called_ended(self, step: BlockStep, address: str, here: Here, say: str) -> None:
        """A called runbook has ended well before its last step, and says why."""

    def failed_in(self, called: str) -> Mapping[str, str]:
        """What has failed in a called runbook, as its handlers see it; empty for nothing."""
        return {}

    def waits(self) -> bool:
        """Whether something before this place is not decided yet, and comes again."""
        return False

    def each(
        self, step: ActionStep | BlockStep, address: str, here: Here, items: list[Value]
    ) -> None:
        """The set of a ``for_each`` is known."""

    def items(self, step: ActionStep, places: Iterable[Place]) -> Iterator[Came]:
        """What the items of a set come to, in their order; at the same time, if a subclass may."""
        for address, here in places:
            if self._halted and not self._may_contain(step, here):
                self.not_started(step, address, here, self._halted)
                continue
            yield address, here, self.action(step, address, here)

    # --- the way ------------------------------------------------------------------------------

    def steps(self, steps: tuple[Step, ...], here: Here) -> None:
        """Take these steps in order."""
        for step in steps:
            if self._halted and not self._may_contain(step, here):
                self.not_started(step, here.prefix + step.words.id, here, self._halted)
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
                self.skipped(step, address, here, words.does_not_apply)
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
                self._block(step, here, address)
                return None
            case BlockStep():
                return self._each(step, step.for_each, address, here)
            case ChooseStep():
                return self._choose(step, address, here)
            case ParallelStep():
                self._block(step, here, address)
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

    def _block(self, step: BlockStep | ParallelStep, here: Here, address: str) -> None:
        """Several steps, and what a failure of any of them means to the rest."""
        before = self._halted, self._contain_only
        here = replace(here, recovered=here.recovered or step.words.on_failure.recovered)
        if isinstance(step, BlockStep) and step.runbook is not None:
            self._called(step, step.runbook, here, address)
        elif isinstance(step, ParallelStep):
            self.together(step, _apart(step, here))
        else:
            own = here if step.for_each is not None else _apart(step, here)
            self._with_always(step.steps, step.always, own)
        failed, contain_only = self._halted, self._contain_only
        if not failed or (failed, contain_only) == before or step.words.on_failure.how == "stop":
            return
        self._halted, self._contain_only = before
        if not self._goes_on(step, failed, here, f"{failed} failed"):
            self._halted, self._contain_only = failed, contain_only

    def _with_always(self, steps: tuple[Step, ...], always: tuple[Step, ...], here: Here) -> None:
        ended: EndedError | None = None
        try:
            self.steps(steps, here)
        except EndedError as end:
            ended = end
        if not self.waits():
            self._whatever_happened(always, here)
        if ended is not None:
            raise ended

    def _called(self, step: BlockStep, runbook: Runbook, here: Here, address: str) -> None:
        """Another runbook, with names, handlers and an end of its own.

        Raises:
            StepFailedError: What it is given is not what it takes.
        """
        values: dict[str, Value] = {
            "inputs": _given(step, runbook, here.values),
            "run": here.values["run"],
        }
        values["connection"] = self.site.connection_of(runbook, values)
        prefix = f"{address}/"
        item = here.values.get(step.for_each.name) if step.for_each is not None else ""
        own = ", ".join(filter(None, (runbook.name, item_words(item))))
        inside = replace(
            here,
            values=values,
            prefix=prefix,
            among=(*runbook.steps, *runbook.always),
            called=prefix,
            call=(step, here),
            within=": ".join(filter(None, (here.within, own))),
            apart=here.apart if step.words.on_failure.how == "stop" else (prefix,),
        )
        try:
            self.steps(runbook.steps, inside)
        except EndedError as end:
            self.called_ended(step, address, here, end.say)
        if self.waits():
            return
        failed = self.failed_in(prefix)
        handlers: list[tuple[tuple[Step, ...], dict[str, Value]]] = [(runbook.always, values)]
        if failed:
            handlers = [
                (each, {**values, "failed": dict(failed)})
                for each in (runbook.on_failure, runbook.always)
            ]
        for steps, known in handlers:
            with suppress(EndedError):
                self._whatever_happened(steps, replace(inside, values=known))

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
                replace(here, values={**here.values, each.name: item}, group=address),
            )
            for item in chosen
        )
        if isinstance(step, BlockStep):
            for name, inner in places:
                self._item_of_block(step, name, inner)
            return outputs
        for name, inner, result in self.items(step, places):
            if isinstance(result, Absent):
                if result.failed:
                    self._failed(step, name, replace(inner, prefix=f"{name}/"), result)
                waits = result if result.waits else waits
                continue
            outputs.append(result)
        return waits or outputs

    def _item_of_block(self, step: BlockStep, name: str, here: Here) -> None:
        if self._halted and not self._may_contain(step, here):
            self.not_started(step, name, here, self._halted)
            return
        apart = here.apart if step.words.on_failure.how == "stop" else (f"{name}/",)
        inside = replace(here, prefix=f"{name}/", among=(*step.steps, *step.always), apart=apart)
        try:
            self._block(step, inside, name)
        except StepFailedError as error:
            self.impossible(step, name, inside, error)
            self._failed(step, name, inside, Absent(error.what, failed=True))

    def _goes_on(self, step: Step, address: str, here: Here, why: str) -> bool:
        """Give its handler its turn; whether what comes behind it is done all the same."""
        failure: Failure = step.words.on_failure
        if failure.how == "steps":
            failed: dict[str, Value] = {"step": address, "reason": why}
            values = {**here.values, "failed": failed}
            self._whatever_happened(failure.steps, replace(here, values=values))
        return failure.how == "continue" or failure.recovered

    def _failed(self, step: Step, address: str, here: Here, result: Absent) -> None:
        if self._goes_on(step, address, here, result.why):
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
        self.steps(steps, replace(here, values=values, phase=None))


def _apart(step: BlockStep | ParallelStep, here: Here) -> Here:
    """The place inside of steps whose failure stops them alone, if it does."""
    if step.words.on_failure.how == "stop":
        return here
    below = all_steps(step.steps, called=False)
    return replace(here, apart=tuple(here.prefix + each.words.id for each in below))


def actions_in(step: Step, address: str, here: Here) -> Iterator[tuple[ActionStep, str, Here]]:
    """What a step calls, itself or in what it holds, without handlers; and where each stands."""
    here = replace(here, phase=step.words.phase or here.phase)
    held: tuple[Step, ...] = ()
    match step:
        case ActionStep():
            yield step, address, here
        case BlockStep(runbook=Runbook() as runbook):
            held, within = runbook.steps, ": ".join(filter(None, (here.within, runbook.name)))
            here = replace(here, values={}, prefix=f"{address}/", within=within)
        case BlockStep():
            # The items of a set have addresses of their own.
            here = replace(here, prefix=f"{address}/") if step.for_each is not None else here
            held = step.steps
        case ParallelStep():
            held = step.steps
        case ChooseStep():
            held = tuple(inner for branch in step.branches.values() for inner in branch)
        case _:
            pass
    for inner in held:
        yield from actions_in(inner, here.prefix + inner.words.id, here)


def absent_input(declared: Input) -> Value:
    """What expressions see of an input that was not given: its default, or nothing of its kind."""
    return absent_value(declared.kind) if declared.default is None else declared.default


def _given(step: BlockStep, runbook: Runbook, values: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs of a called runbook, through the same door as what a person types.

    Raises:
        StepFailedError: One is not what it takes, or is missing.
    """
    inputs = {each.name: absent_input(each) for each in runbook.inputs}
    for each in runbook.inputs:
        if each.name not in step.arguments:
            continue
        value = step.arguments[each.name].value(values)
        if not isinstance(value, Late) and value in (None, "", []):
            continue
        try:
            # What is no text has the shape that the loader has asked for.
            is_text = isinstance(value, str | list)
            inputs[each.name] = input_value(each, value) if is_text else value
        except ShapeError as error:
            raise StepFailedError(f"{runbook.name} cannot be called: {error}") from error
    if missing := lacking(runbook, inputs):
        raise StepFailedError(f"{runbook.name} needs {', '.join(missing)}, and nothing was given")
    return inputs
