"""Hold the tree of a runbook against the keywords: steps, sorted by kind, and the names of actions.

What is not particular to runbooks is in ``respond.formats.fitting``.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Map
from types import MappingProxyType
from typing import Any, NamedTuple

from respond.core.showable import showable
from respond.formats import kinds
from respond.formats.faults import Faults, Mark, Path, did_you_mean, suggest
from respond.formats.fitting import MISFIT, Fitted, Fitting, Given
from respond.formats.kinds import Kind, Table
from respond.formats.runbook.keywords import HANDLER_END, KEYWORDS, STEP_KINDS, STEP_WORDS
from respond.formats.tree import Mapping, Node, Scalar, Sequence

__all__ = ["RunbookFitting", "StepGiven"]


class StepGiven(NamedTuple):
    """One step. ``kind`` is empty when nobody can say what it is; ``words`` has what fits."""

    kind: str
    words: Fitted
    mark: Mark
    path: Path
    branches: Map[str, Given] = MappingProxyType({})
    keys: Map[str, Mark] = MappingProxyType({})
    is_whole: bool = True


class RunbookFitting(Fitting):
    """One pass over a runbook file."""

    def __init__(self, faults: Faults, actions: Map[str, type] | None) -> None:
        """Prepare a pass; without ``actions`` their names stay unchecked."""
        super().__init__(faults)
        self._actions = actions

    def fit(self, node: Node, kind: Kind, what: str, path: Path) -> Any:
        """A list of ``StepGiven`` for steps; else as every file has it."""
        if isinstance(kind, kinds.StepList):
            return self._steps(node, kind, what, path)
        value = super().fit(node, kind, what, path)
        if isinstance(kind, kinds.Actions) and value is not MISFIT and self._actions is not None:
            return self._action(node, value, kind, what, path, self._actions)
        return value

    def hint_of(self, word: str, table: Table) -> str:
        """Where a key belongs that stands one level too high, or in the wrong kind of step."""
        for name, keyword in table.items():
            if isinstance(keyword.kind, kinds.RecordOf) and word in keyword.kind.table:
                return f"it belongs inside of '{name}'"
        owners = [name for name, kind in STEP_KINDS.items() if word in kind.table and name != word]
        if owners and ("id" in table or any(name in table for name in STEP_KINDS)):
            return f"it belongs to a step with {' or '.join(repr(owner) for owner in owners)}"
        if word == "recovered":
            return "it belongs to the last step of an 'on_failure' list"
        return super().hint_of(word, table)

    def _action(
        self, node: Node, name: str, kind: kinds.Actions, what: str, path: Path,
        actions: Map[str, type],
    ) -> Any:  # fmt: skip
        if name not in actions:
            hint = _nearest_action(name, actions) or "respond actions lists them"
            return self.refuse(node, f"there is no action '{showable(name)}'", path, hint)
        from respond.core.script import Effect  # noqa: PLC0415 - head() needs none

        if kind.reads_only and actions[name].spec.effect is not Effect.READS:  # type: ignore[attr-defined]
            what = f"'{name}' writes, and '{what}' takes only an action that reads"
            return self.refuse(node, what, path)
        return name

    # --- steps ----------------------------------------------------------------------------------

    def _steps(self, node: Node, kind: kinds.StepList, what: str, path: Path) -> Any:
        if not isinstance(node, Sequence):
            return self.wrong(node, what, kind, path, hint="begin each with '- '")
        if not node.items and not kind.may_be_empty:
            return self.refuse(node, f"'{what}' has no steps", path)
        last = len(node.items) - 1
        return [
            self._step(item, (*path, n), is_handler_end=kind.handler and n == last)
            for n, item in enumerate(node.items)
        ]

    def _step(self, node: Node, path: Path, *, is_handler_end: bool) -> StepGiven:
        if not isinstance(node, Mapping):
            self.wrong(node, "a step", "a record of keys and values", path)
            return StepGiven("", {}, node.mark, path, is_whole=False)
        keys = {key.value: key.mark for key, _ in node.entries}
        named = [name for name in keys if name in STEP_KINDS]
        if len(named) != 1:
            self._which_kind(node, named, path)
            words = self.record(node, STEP_WORDS, "a step", path, only=("id",))
            return StepGiven("", words, node.mark, path, keys=keys, is_whole=False)
        kind = named[0]
        step_kind = STEP_KINDS[kind]
        table = {**step_kind.words, **step_kind.table, **(HANDLER_END if is_handler_end else {})}
        if step_kind.needs_id:
            table["id"] = table["id"]._replace(required=True)
        before = len(self.faults)
        branches: dict[str, Given] = {}
        if kind == "choose":
            node = self._take_branches(node, table, branches, path)
        words = self.record(node, table, f"a step with '{kind}'", path)
        whole = len(self.faults) == before
        return StepGiven(kind, words, node.mark, path, branches, keys, is_whole=whole)

    def _take_branches(
        self, node: Mapping, table: Table, branches: dict[str, Given], path: Path
    ) -> Mapping:
        """Move what can only be a branch to ``branches``, and give what is left."""
        rest: list[tuple[Scalar, Node]] = []
        for key, value in node.entries:
            is_empty = isinstance(value, Scalar) and value.data is None
            if key.value in table or not (isinstance(value, Sequence) or is_empty):
                rest.append((key, value))
                continue
            given = self.value(
                value, kinds.StepList(may_be_empty=True), key.value, (*path, key.value)
            )
            if given is not None:
                branches[key.value] = given._replace(mark=key.mark)
        return Mapping(tuple(rest), node.mark)

    def _which_kind(self, node: Mapping, named: list[str], path: Path) -> None:
        keys = [key for key, _ in node.entries]
        if len(named) > 1:
            second = next(key for key in keys if key.value == named[1])
            what = f"a step is either '{named[0]}' or '{named[1]}'"
            self.refuse(second, what, path, "make two steps of it")
            return
        for key in keys:
            hint = did_you_mean(key.value, STEP_KINDS)
            if hint and key.value not in KEYWORDS:
                what = f"unknown key '{showable(key.value)}' in a step"
                self.refuse(key, what, (*path, key.value), hint)
                return
        found = {key.value for key in keys}
        likely = [name for name, kind in STEP_KINDS.items() if found & kind.table.keys()]
        hint = f"it needs one of: {', '.join(likely or STEP_KINDS)}"
        self.refuse(node, "this step does not say what to do", path, hint)


def _nearest_action(name: str, actions: Iterable[str]) -> str:
    """Compare the system and what is done apart: a long system's name makes all look alike."""
    system, _, verb = name.partition(".")
    by_system: dict[str, list[str]] = {}
    for action in actions:
        by_system.setdefault(action.partition(".")[0], []).append(action.partition(".")[2])
    near = system if system in by_system else suggest(system, by_system)
    meant = suggest(verb, by_system[near]) if near else None
    return f"did you mean '{near}.{meant}'?" if meant else ""
