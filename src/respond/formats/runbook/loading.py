"""Load a whole runbook file, with the runbooks that it calls.

Here the parts meet: the tree is fitted to the table of keywords, inputs and steps are read, and
everything that is wrong is gathered, in this file and in those it calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import PurePath
from typing import Final, TypeAlias

from respond.core.records import Frozen, Mutable
from respond.core.runbook import (
    BlockStep,
    Input,
    Place,
    Runbook,
    Step,
    all_calls,
    all_steps,
)
from respond.core.script import Effect, PersonRecord
from respond.formats.expression.expressions import Expressions
from respond.formats.faults import Faults, FormatFault, FormatFaults, Mark, SourceText
from respond.formats.fitting import Fitted, Given, check_secrets
from respond.formats.runbook import keywords as kw
from respond.formats.runbook.input_entries import (
    read_inputs,
    read_rehearsal,
    read_require,
    read_stand_ins,
    read_subject,
    text_of,
    texts_of,
)
from respond.formats.runbook.scope import View
from respond.formats.runbook.step_fitting import RunbookFitting, StepGiven
from respond.formats.runbook.steps import Steps, at_the_end, ids_of
from respond.formats.runbook.yaml_positions import read as read_yaml
from respond.formats.tree import Mapping as MappingNode
from respond.formats.tree import Node

__all__ = ["Find", "RunbookRead", "read"]

Find: TypeAlias = Callable[[str], "tuple[str, bytes] | None"]
"""Gives another runbook by its name: its file and its bytes, or None."""

_CALLS_MAX: Final = 8
_KEPT_MAX: Final = 64
"""Runbooks that stay as they were read; one takes some 200 kB."""
_LISTS: Final = ("steps", "on_failure", "on_cancel", "always")


class RunbookRead(Frozen):
    """A runbook with what only its checks need.

    Attributes:
        places: Where things stand, by path: ``reviewed``, ``inputs.key``, ``parts.kill``.
        unused_parts: No step uses them.
        refs: Dotted names that any expression reads.
    """

    runbook: Runbook
    source: SourceText
    places: Mapping[str, Mark]
    unused_parts: tuple[str, ...]
    refs: frozenset[str]


def read(
    data: bytes,
    *,
    name: str,
    actions: Mapping[str, type],
    find: Find | None = None,
    persons: tuple[PersonRecord, ...] = (),
) -> RunbookRead:
    """Do what ``load`` does, and give what ``respond.formats.runbook.check`` needs.

    What was read is not read again in this process, as long as its bytes, those of the runbooks
    that it calls and everything else that it was read with are the same.

    Raises:
        FormatFault, FormatFaults: As ``respond.formats.runbook.runbook_file.load``.
    """
    key = (data, name, bool(persons))
    kept = _kept.get(key)
    if kept is None or not kept.holds(actions, persons, find):
        loading = _Loading(actions, find, persons, Expressions())
        made = _File(data, name, loading).read()
        kept = _Kept(made, actions, persons, loading.found if find is not None else None)
        if len(_kept) >= _KEPT_MAX:
            _kept.clear()
        _kept[key] = kept
    return kept.made


class _Kept(Frozen):
    """A runbook as it was read, and what it was read with.

    Attributes:
        found: What there was behind each name that it asked for; None: there was nobody to ask.
    """

    made: RunbookRead
    actions: Mapping[str, type]
    persons: tuple[PersonRecord, ...]
    found: Mapping[str, tuple[str, bytes] | None] | None

    def holds(
        self, actions: Mapping[str, type], persons: tuple[PersonRecord, ...], find: Find | None
    ) -> bool:
        """Whether reading it again would come to the same."""
        if self.actions is not actions or self.persons != persons:
            return False
        if find is None or self.found is None:
            return find is None and self.found is None
        return all(find(name) == found for name, found in self.found.items())


_kept: Final[dict[tuple[bytes, str, bool], _Kept]] = {}


class _Loading(Mutable):
    """What the files of one ``load`` share."""

    actions: Mapping[str, type]
    find: Find | None
    persons: tuple[PersonRecord, ...]
    expressions: Expressions
    open: list[str] = field(default_factory=list)
    loaded: dict[str, Runbook | None] = field(default_factory=dict)
    found: dict[str, tuple[str, bytes] | None] = field(default_factory=dict)

    def look(self, name: str) -> tuple[str, bytes] | None:
        """Another runbook: its file and its bytes; None where there is none."""
        if name not in self.found:
            self.found[name] = self.find(name) if self.find is not None else None
        return self.found[name]


class _File:
    """One file on its way to a ``Runbook``."""

    def __init__(self, data: bytes, name: str, loading: _Loading) -> None:
        self._data = data
        self._name = name
        self._loading = loading
        self._called: dict[str, Runbook] = {}
        self._faults = Faults(SourceText(name, data))

    def read(self) -> RunbookRead:
        root = read_yaml(self._data, name=self._name)
        faults = self._faults
        fitting = RunbookFitting(faults, self._loading.actions)
        fitted = fitting.record(root, kw.RUNBOOK, "a runbook")
        _check_no_secrets(root, faults)
        self._check_name(fitted)
        inputs = read_inputs(fitted, self._loading.actions, faults)
        require = read_require(fitted, inputs, faults)
        subject = read_subject(fitted, inputs, faults)
        rehearsal = read_rehearsal(fitted, inputs, faults)
        stand_ins = read_stand_ins(fitted, faults)
        self._loading.open.append(text_of(fitted, "runbook"))
        try:
            lists, walk = self._steps(fitted, inputs, subject)
        finally:
            self._loading.open.pop()
        is_review = "review" in fitted and fitted["review"].value is True
        if is_review:
            self._check_only_reads([step for steps in lists.values() for step in steps])
        faults.refuse()
        runbook = Runbook(
            name=text_of(fitted, "runbook"),
            title=text_of(fitted, "title"),
            digest=self._digest(),
            file=self._name,
            inputs=inputs,
            **lists,
            summary=text_of(fitted, "summary"),
            use_when=text_of(fitted, "use_when"),
            cannot=texts_of(fitted, "cannot"),
            afterwards=texts_of(fitted, "afterwards"),
            owner=text_of(fitted, "owner"),
            reviewed=text_of(fitted, "reviewed"),
            require=require,
            rehearsal=rehearsal,
            stand_ins=stand_ins,
            outputs=walk.outputs,
            subject=subject,
            text=self._data.decode(),
            review=is_review,
        )
        parts = fitted["parts"].value if "parts" in fitted else ()
        unused = tuple(name for name in parts if name not in walk.used_parts)
        return RunbookRead(runbook, faults.source, _places(root), unused, frozenset(walk.refs))

    def _check_name(self, fitted: Fitted) -> None:
        given = fitted.get("runbook")
        path = PurePath(self._name)
        stem = path.stem if path.suffix in {".yaml", ".yml"} else path.name
        if given and given.value != stem:
            what = f"the runbook is called '{given.value}', and its file '{path.name}'"
            self._faults.add(given.mark, what, hint=f"rename the file, or write '{stem}'")

    def _check_only_reads(self, steps: Iterable[Step]) -> None:
        """A review that could write would be run daily by a machine that nobody watches."""
        called = [s for s in all_steps(tuple(steps)) if isinstance(s, BlockStep) and s.runbook]
        theirs = {id(call) for block in called for call in all_calls(block.steps)}
        for block in called:
            name = block.runbook.name if block.runbook is not None else ""
            if block.runbook is not None and not block.runbook.review:
                self._refuse_write(block.words.place, f"it calls '{name}', which is no review")
        for call in all_calls(tuple(steps)):
            spec = call.action.spec
            if id(call) not in theirs and spec.effect is not Effect.READS:
                self._refuse_write(call.words.place, f"'{spec.name}' {spec.effect.value}")

    def _refuse_write(self, place: Place, why: str) -> None:
        hint = "take the step out, or take out 'review: true'"
        self._faults.add(
            Mark(place.line, place.column), f"a review only reads, and {why}", hint=hint
        )

    def _steps(
        self, fitted: Fitted, inputs: tuple[Input, ...], subject: str
    ) -> tuple[dict[str, tuple[Step, ...]], Steps]:
        """Each list of steps by its word, and the walk that made them."""
        parts: Fitted = fitted["parts"].value if "parts" in fitted else {}
        given: dict[str, list[StepGiven]] = {
            name: fitted[name].value if name in fitted else [] for name in _LISTS
        }
        written = [*given.values(), *(part.value for part in parts.values())]
        walk = Steps(
            faults=self._faults,
            expressions=self._loading.expressions,
            actions=self._loading.actions,
            inputs=inputs,
            parts=parts,
            ids=ids_of([step for steps in written for step in steps], self._faults),
            call=self._call,
            exists=self._exists,
            persons=self._loading.persons,
            subject=subject,
        )
        declared = fitted["inputs"].value if "inputs" in fitted else ()
        start = View.at_start(inputs, set(declared) - {each.name for each in inputs})
        lists: dict[str, tuple[Step, ...]] = {}
        lists["steps"], view = walk.steps(given["steps"], start)
        for name in ("on_failure", "on_cancel", "always"):
            around = at_the_end(view, start, knows_failure=name == "on_failure")
            lists[name], behind = walk.steps(given[name], around)
            view = behind.back_to(view)
        return lists, walk

    # --- other runbooks -------------------------------------------------------------------------

    def _exists(self, name: str) -> bool:
        return self._loading.find is None or self._loading.look(name) is not None

    def _call(self, name: str, given: Given) -> Runbook | None:
        """Load a runbook that a step calls; None, with a fault, when that cannot be."""
        loading = self._loading
        if name in loading.open:
            chain = " -> ".join((*loading.open[loading.open.index(name) :], name))
            self._faults.add(given.mark, f"the runbook calls itself: {chain}", path=given.path)
            return None
        if name not in loading.loaded:
            found = loading.look(name)
            if found is None:
                self._faults.add(given.mark, f"there is no runbook '{name}'", path=given.path)
                return None
            if len(loading.open) >= _CALLS_MAX:
                what = f"runbooks call one another more than {_CALLS_MAX} deep"
                self._faults.add(given.mark, what, path=given.path)
                return None
            loading.loaded[name] = self._read_called(found)
        runbook = loading.loaded[name]
        if runbook is not None:
            self._called[name] = runbook
        return runbook

    def _read_called(self, found: tuple[str, bytes]) -> Runbook | None:
        file, data = found
        try:
            return _File(data, file, self._loading).read().runbook
        except FormatFault as fault:
            self._faults.take([fault])
        except FormatFaults as faults:
            self._faults.take(faults.faults)
        return None

    def _digest(self) -> str:
        """Of the file alone if it calls nothing; else of its digest and those of the called."""
        own = hashlib.sha256(self._data)
        if not self._called:
            return own.hexdigest()
        whole = hashlib.sha256(own.digest())
        for name in sorted(self._called):
            whole.update(name.encode() + b"\0" + bytes.fromhex(self._called[name].digest))
        return whole.hexdigest()


def _check_no_secrets(root: Node, faults: Faults) -> None:
    """Look everywhere but in ``rehearsal``, whose secrets belong to the simulated company."""
    if isinstance(root, MappingNode):
        kept = tuple(entry for entry in root.entries if entry[0].value != "rehearsal")
        hint = "make it an input of type secret; and replace it, others may have read it here"
        check_secrets(MappingNode(kept, root.mark), faults, "a runbook", hint)


def _places(root: Node) -> dict[str, Mark]:
    """Where the keys of the first two levels stand."""
    places: dict[str, Mark] = {"": root.mark}
    for key, value in root.entries if isinstance(root, MappingNode) else ():
        places[key.value] = key.mark
        if isinstance(value, MappingNode):
            places |= {f"{key.value}.{below.value}": below.mark for below, _ in value.entries}
    return places
