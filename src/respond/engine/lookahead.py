"""Look ahead while a plan is made: at what later steps look at, as soon as their values are there.

The plan is still made in the runbook's order and out of its own looks; these find their answers
there. What goes wrong here says nothing: it comes again when the step has its turn.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import field
from functools import partial
from threading import Event
from typing import Any, Final, Self, TypeAlias

from respond.core.background import in_background
from respond.core.fold import RunState
from respond.core.records import Mutable
from respond.core.runbook import (
    ActionStep,
    AssertStep,
    BlockStep,
    ChooseStep,
    EndStep,
    ForEach,
    ParallelStep,
    Step,
    WaitStep,
)
from respond.core.script import Call, Reply
from respond.core.shapes import ShapeError
from respond.core.values import Late, Value, holds_secret
from respond.engine.drivers import World, look
from respond.engine.ready import Ready
from respond.engine.setting import Site
from respond.engine.shared_answers import TOGETHER, SharedAnswers
from respond.engine.walk import Here, item_address
from respond.errors import NotReadyError, RespondError
from respond.ports import Journal

__all__ = ["Lookahead"]

_ITEMS: Final = 16
"""How far ahead in a set: further, and an answer would be too old when its turn comes."""

_Values: TypeAlias = Mapping[str, Value]


class Lookahead(Mutable):
    """A context manager: at its end what was not begun never is."""

    site: Site
    state: RunState
    answers: SharedAnswers
    journal: Journal
    now: int
    _begun: set[str] = field(default_factory=set, init=False)
    _sets: dict[str, Iterator[None]] = field(default_factory=dict, init=False)
    _looks: dict[str, Future[Any]] = field(default_factory=dict, init=False)
    _is_over: Event = field(default_factory=Event, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()

    def fetch(self, call: Call) -> Reply:
        """What the looks of here read with, while it lasts."""
        if self._is_over.is_set():
            raise NotReadyError("the plan is made")
        return self.answers.fetch(call, self._is_over)

    def begin(self, address: str, here: Here) -> None:
        """A step has its turn: look at what may come behind it meanwhile."""
        self._begun.add(address)
        if here.group in self._sets:
            self._begun.discard(address)  # Its set does not come back to it.
            next(self._sets[here.group], None)
            return
        values = here.values
        with suppress(RespondError):  # An expression that has no value says so at its turn.
            for step, guessed in _coming(here.among, values):
                met = self._begun if step.for_each is None else self._sets
                if here.prefix + step.words.id in met:
                    continue
                for name, known in _places(step, here.prefix + step.words.id, values):
                    if _known(step, known):
                        self._begin(step, name, known, guessed=guessed)

    def each(
        self, step: ActionStep, each: ForEach, address: str, values: _Values, items: list[Value]
    ) -> None:
        """A set is known: look at its first items, and at one more whenever one has its turn."""

        def one_more() -> Iterator[None]:
            for name, known in _items(each, address, values, items):
                self._begin(step, name, known, guessed=False)
                yield

        more = self._sets[address] = one_more()
        for _ in zip(range(_ITEMS), more, strict=False):
            pass

    def has_looked(self, address: str, within_s: float) -> bool:
        """Whether the look at a step is over, or is within so many seconds.

        One that was not begun here is taken in its turn: nobody waits for it.
        """
        look = self._looks.get(address)
        return look is None or not wait([look], within_s).not_done

    def _begin(self, step: ActionStep, address: str, values: _Values, *, guessed: bool) -> None:
        if address in self._begun:
            return
        try:
            ready = Ready(self.site, step, address, values)
            # Nobody is shown a secret on a guess.
            if ready.late is not None or (guessed and holds_secret(ready.arguments)):
                return
            script = ready.script(self.state, self.journal, self.now)
        except (RespondError, ShapeError):
            return
        self._begun.add(address)
        # What comes of it is in the answers; what goes wrong is said when the step has its turn.
        world = World(self, threads=TOGETHER)
        came = in_background(partial(look, script, world, known={}, predict=False))
        # What the looks of a large set come to would take more room than the plan.
        if step.for_each is None:
            self._looks[address] = came


def _coming(
    steps: Iterable[Step], values: _Values, *, guessed: bool = False
) -> Generator[tuple[ActionStep, bool], None, bool]:
    """Calls that may come, and whether that they come is a guess.

    It is one while a ``when``, or what stands before them and could end the run, is open.

    Returns:
        Whether what stands behind these steps is a guess.
    """
    for step in steps:
        guess = guessed
        if step.words.when is not None:
            if _named(step.words.when.refs, values):
                if step.words.when.value(values) is not True:
                    continue
            else:
                guess = True
        match step:
            case ActionStep():
                yield step, guess
            case ChooseStep() if _named(step.on.refs, values):
                chosen = step.on.value(values)
                if isinstance(chosen, Late):  # An input that is asked later decides.
                    guessed = True
                    continue
                branch = step.branches.get(str(chosen), ())
                guessed |= yield from _coming(branch, values, guessed=guess)
            case BlockStep(for_each=None, runbook=None):
                inner = (*step.steps, *step.always)
                guessed |= yield from _coming(inner, values, guessed=guess)
            case ParallelStep():
                guessed |= yield from _coming(step.steps, values, guessed=guess)
            case AssertStep() if _named(step.holds.refs, values):
                guessed |= step.holds.value(values) is not True
            case AssertStep() | EndStep() | WaitStep():
                guessed = True
            case _:
                pass
    return guessed


def _places(step: ActionStep, address: str, values: _Values) -> Iterable[tuple[str, _Values]]:
    """Where a step looks, and with which values: once, or at the first items of a set."""
    each = step.for_each
    if each is None:
        return [(address, values)]
    items = each.items.value(values) if _named(each.items.refs, values) else None
    return _items(each, address, values, items[:_ITEMS] if isinstance(items, list | tuple) else ())


def _items(
    each: ForEach, address: str, values: _Values, items: Iterable[Value]
) -> Iterator[tuple[str, _Values]]:
    for item in items:
        yield f"{address}[{item_address(item)}]", {**values, each.name: item}


def _known(step: ActionStep, values: _Values) -> bool:
    templates = [*step.arguments.values(), *([step.names] if step.names is not None else [])]
    return all(_named(template.refs, values) for template in templates)


def _named(refs: Iterable[str], values: _Values) -> bool:
    return all(ref.partition(".")[0] in values for ref in refs)
