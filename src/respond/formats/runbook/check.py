"""Look at a runbook as ``respond check`` does: every fault, and what is allowed but unwise.

Warnings are about the night on which somebody needs the runbook: words that are missing, a
review long ago, questions that keep a person from containment, steps that could wait.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from respond.core.records import Frozen
from respond.core.runbook import (
    ActionStep,
    BlockStep,
    ChooseStep,
    ParallelStep,
    Phase,
    Runbook,
    Step,
    WaitStep,
    all_steps,
    refs_of,
)
from respond.core.script import Effect, PersonRecord
from respond.formats.faults import FormatFault, FormatFaults, Mark, SourceText
from respond.formats.runbook.loading import Find, RunbookRead, read

__all__ = ["Checked", "check"]

REVIEW_DAYS_MAX: Final = 180
ASKED_MAX: Final = 3
_DIRECTORY: Final = "directory"
"""Its actions go to whichever system signs people in."""
_WORDS: Final = {
    "summary": "people cannot see in the list what it does",
    "use_when": "a person at night cannot tell whether it is the right one",
    "owner": "nobody is named who keeps it true",
    "reviewed": "nobody can tell whether it still fits the world",
}


class Checked(Frozen):
    """What a check found.

    Attributes:
        runbook: None when it cannot be loaded.
        faults: A runbook with any of these is refused.
        warnings: It runs, but somebody should look.
    """

    runbook: Runbook | None
    faults: tuple[FormatFault, ...]
    warnings: tuple[FormatFault, ...]


def check(
    data: bytes,
    *,
    name: str,
    actions: Mapping[str, type],
    today: dt.date,
    find: Find | None = None,
    persons: tuple[PersonRecord, ...] = (),
    commands: Collection[str] = (),
    connections: Mapping[str, str] | None = None,
) -> Checked:
    """Check a runbook file as ``load`` does. Raises nothing about its content.

    Args:
        today: For the age of the last review.
        commands: Names that are commands already; a runbook cannot be called like one.
        connections: The system of each of the project's, by name; None where there is no project.
    """
    try:
        found = read(data, name=name, actions=actions, find=find, persons=persons)
    except FormatFault as fault:
        return Checked(None, (fault,), ())
    except FormatFaults as faults:
        return Checked(None, faults.faults, ())
    looking = _Looking(found, today, connections)
    if found.runbook.name in commands:
        what = f"'{found.runbook.name}' is a command, and a runbook cannot be called the same"
        return Checked(None, (looking.at("runbook", what),), tuple(looking.warnings()))
    return Checked(found.runbook, (), tuple(looking.warnings()))


class _Looking:
    def __init__(
        self, found: RunbookRead, today: dt.date, connections: Mapping[str, str] | None
    ) -> None:
        self._found = found
        self._connections = connections
        self._runbook = found.runbook
        self._source: SourceText = found.source
        self._today = today

    def at(self, path: str, what: str, hint: str = "") -> FormatFault:
        mark = self._found.places.get(path) or self._found.places[""]
        return self._source.fault(mark, what, hint=hint, path=path)

    def warnings(self) -> list[FormatFault]:
        found = [*self._words(), *self._review(), *self._inputs(), *self._parts(), *self._order()]
        found += self._named()
        return sorted(found, key=lambda fault: (fault.line, fault.column))

    def _words(self) -> Iterator[FormatFault]:
        for word, why in _WORDS.items():
            if not getattr(self._runbook, word):
                yield self.at("", f"there is no '{word}': {why}")

    def _review(self) -> Iterator[FormatFault]:
        if not self._runbook.reviewed:
            return
        days = (self._today - dt.date.fromisoformat(self._runbook.reviewed)).days
        if days > REVIEW_DAYS_MAX:
            hint = "read it against the world, rehearse it, then set the date"
            yield self.at("reviewed", f"the last review is {days} days ago", hint)
        elif days < 0:
            yield self.at("reviewed", "this date is in the future")

    def _inputs(self) -> Iterator[FormatFault]:
        grouped = {name for group in self._runbook.require for name in group}
        asked = [each for each in self._runbook.inputs if each.required and each.default is None]
        if len(asked) > ASKED_MAX:
            what = f"it asks {len(asked)} questions before it can look, and {ASKED_MAX} is a lot"
            yield self.at("inputs", what, "give defaults, or find it out in a step")
        for each in self._runbook.inputs:
            path = f"inputs.{each.name}"
            if not self._is_read(path) and each.name != self._runbook.subject:
                yield self.at(path, f"no step reads the input '{each.name}'")
            if each.name in grouped and each.required and each.default is None:
                what = f"'{each.name}' is required, so the group in 'require' says nothing"
                yield self.at(path, what, "write required: false")
            if each.required and each.default is None and not each.ask:
                yield self.at(path, f"the input '{each.name}' has no 'ask'")

    def _is_read(self, path: str) -> bool:
        return any(ref == path or ref.startswith(f"{path}.") or ref == "inputs"
                   for ref in self._found.refs)  # fmt: skip

    def _parts(self) -> Iterator[FormatFault]:
        for name in self._found.unused_parts:
            yield self.at(f"parts.{name}", f"no step uses the part '{name}'")

    def _named(self) -> Iterator[FormatFault]:
        """Connections that steps name and the project does not have."""
        there, runbook = self._connections, self._runbook
        if there is None:
            return
        own = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
        for step in all_steps(own, called=False):
            call = step.look if isinstance(step, WaitStep) else step
            if not isinstance(call, ActionStep) or call.names is None or call.names.refs:
                continue
            name, system = str(call.names.value({}) or ""), call.action.spec.system
            if not name or there.get(name) == system or (name in there and system == _DIRECTORY):
                continue
            if not there and name in runbook.stand_ins:
                continue  # Nothing is connected yet, and it is practised.
            own_of = ", ".join(each for each, theirs in there.items() if theirs == system)
            yield self._source.fault(
                Mark(step.words.place.line, step.words.place.column),
                f"respond.toml has no connection '{name}' of {system}",
                hint=f"of {system} it has: {own_of or 'none'}; "
                f"`respond connect {name}` prints what to add",
            )

    def _order(self) -> Iterator[FormatFault]:
        """What stands before containment although nothing up to there needs it."""
        way = _way_to_containment(self._runbook.steps)
        if way is None:
            return
        needed = _needed(way) | _read_by_containment(self._runbook.steps)
        for step in way[:-1]:
            words = step.words
            if not isinstance(step, ActionStep) or _contains(step) or words.id in needed:
                continue
            if not words.why:
                yield self._source.fault(
                    Mark(words.place.line, words.place.column),
                    f"'{words.id}' stands before containment, which does not need it",
                    hint=f"move it behind '{way[-1].words.id}', or say in 'why' what it is for",
                )


def _contains(step: Step) -> bool:
    return step.words.phase is Phase.CONTAIN


def _is_containment(step: Step) -> bool:
    return (
        isinstance(step, ActionStep)
        and _contains(step)
        and step.action.spec.effect is not Effect.READS
    )


def _way_to_containment(steps: tuple[Step, ...]) -> list[Step] | None:
    """The steps up to the first write that contains, that one last; None when there is none.

    Of several branches the quickest is taken: a slower one is somebody's choice.
    """
    way: list[Step] = []
    for step in steps:
        way.append(step)
        if _is_containment(step):
            return way
        below = [found for inner in _inside(step) if (found := _way_to_containment(inner))]
        if below:
            return way + min(below, key=len)
        if isinstance(step, BlockStep | ParallelStep):
            way.extend(step.steps)
    return None


def _inside(step: Step) -> list[tuple[Step, ...]]:
    match step:
        case ChooseStep():
            return list(step.branches.values())
        case BlockStep() | ParallelStep():
            return [step.steps]
        case _:
            return []


def _needed(way: list[Step]) -> set[str]:
    """Ids of the steps whose outputs decide, or are used, on the way to its end."""
    needed: set[str] = set()
    for step in reversed(way):
        decides = not isinstance(step, ActionStep) or _contains(step)
        if decides or step.words.id in needed:
            needed |= {ref.partition(".")[0] for ref in refs_of(step)}
    return needed


def _read_by_containment(steps: tuple[Step, ...]) -> set[str]:
    """What a later containing write reads may have to be seen before the first one."""
    reading = (refs_of(step) for step in all_steps(steps) if _is_containment(step))
    return {ref.partition(".")[0] for refs in reading for ref in refs}
