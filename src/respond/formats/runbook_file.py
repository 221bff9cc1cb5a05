"""Read a runbook file: bytes in, a checked ``Runbook`` out, or every fault with its place.

``head`` reads only what a list, a help text or a completion needs: it looks at no step, knows no
action and no expression, and is quick. ``load`` reads everything. ``read`` is ``load`` with what
``respond check`` wants to know besides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from respond.core.inputs import input_value, pattern_trouble
from respond.core.runbook import Input, InputKind, Runbook, Step
from respond.core.script import Effect, PersonRecord
from respond.core.shapes import ShapeError
from respond.formats import keywords as kw
from respond.formats.faults import FormatFault, FormatFaults, Mark, SourceText, did_you_mean
from respond.formats.fitting import Faults, Fitted, Fitting, Given, StepGiven, check_secrets
from respond.formats.yaml_positions import Mapping as MappingNode
from respond.formats.yaml_positions import Node
from respond.formats.yaml_positions import read as read_yaml

if TYPE_CHECKING:
    from respond.formats.expressions import Expressions

__all__ = ["Find", "RunbookHead", "RunbookRead", "head", "load", "read"]

Find: TypeAlias = Callable[[str], "tuple[str, bytes] | None"]
"""Gives another runbook by its name: its file and its bytes, or None."""

_CALLS_MAX: Final = 8
_LISTS: Final = ("steps", "on_failure", "on_cancel", "always")


@dataclass(frozen=True, slots=True)
class RunbookHead:
    """What can be said about a runbook without reading its steps."""

    name: str
    title: str
    summary: str
    use_when: str
    inputs: tuple[Input, ...]
    require: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RunbookRead:
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


def head(data: bytes, name: str) -> RunbookHead:
    """Read the words and inputs of a runbook.

    Args:
        data: The file's bytes.
        name: The file's name or path, for faults.

    Raises:
        FormatFault: It is not YAML as runbooks have it.
        FormatFaults: A word or an input has a fault. Steps are not looked at.
    """
    root = read_yaml(data, name=name)
    faults = Faults(SourceText(name, data))
    only = ("runbook", "title", "summary", "use_when", "inputs", "require")
    fitted = Fitting(faults, None).record(root, kw.RUNBOOK, "runbook", only=only)
    inputs = _inputs(fitted, None, faults)
    require = _require(fitted, inputs, faults)
    faults.refuse()
    return RunbookHead(
        name=_text(fitted, "runbook"),
        title=_text(fitted, "title"),
        summary=_text(fitted, "summary"),
        use_when=_text(fitted, "use_when"),
        inputs=inputs,
        require=require,
    )


def load(
    data: bytes,
    *,
    name: str,
    actions: Mapping[str, type],
    find: Find | None = None,
    persons: tuple[PersonRecord, ...] = (),
) -> Runbook:
    """Read and check a runbook.

    Args:
        data: The file's bytes.
        name: The file's name or path; without its ending it must be the runbook's name.
        actions: Every action by its name.
        find: Gives other runbooks by name. Without it none can be called.
        persons: Who could approve; when empty, approvals are not checked against persons.

    Raises:
        FormatFault: It is not YAML as runbooks have it.
        FormatFaults: Everything else that is wrong in it, and in the runbooks that it calls.
    """
    return read(data, name=name, actions=actions, find=find, persons=persons).runbook


def read(
    data: bytes,
    *,
    name: str,
    actions: Mapping[str, type],
    find: Find | None = None,
    persons: tuple[PersonRecord, ...] = (),
) -> RunbookRead:
    """Do what ``load`` does, and give what ``respond.formats.runbook_check`` needs.

    Raises:
        FormatFault, FormatFaults: As ``load``.
    """
    from respond.formats.expressions import Expressions  # noqa: PLC0415 - head() needs none

    loading = _Loading(actions, find, persons, Expressions())
    return _File(data, name, loading).read()


@dataclass(slots=True)
class _Loading:
    """What the files of one ``load`` share."""

    actions: Mapping[str, type]
    find: Find | None
    persons: tuple[PersonRecord, ...]
    expressions: Expressions
    open: list[str] = field(default_factory=list)
    loaded: dict[str, Runbook | None] = field(default_factory=dict)


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
        reads = {
            name: cls.spec.effect is Effect.READS  # type: ignore[attr-defined]
            for name, cls in self._loading.actions.items()
        }
        fitted = Fitting(faults, reads).record(root, kw.RUNBOOK, "runbook")
        _check_no_secrets(root, faults)
        self._check_name(fitted)
        inputs = _inputs(fitted, self._loading.actions, faults)
        require = _require(fitted, inputs, faults)
        subject = _subject(fitted, inputs, faults)
        rehearsal = _rehearsal(fitted, inputs, faults)
        self._loading.open.append(_text(fitted, "runbook"))
        made = self._steps(fitted, inputs)
        self._loading.open.pop()
        faults.refuse()
        runbook = Runbook(
            name=_text(fitted, "runbook"),
            title=_text(fitted, "title"),
            digest=self._digest(),
            file=self._name,
            inputs=inputs,
            **made.lists,
            summary=_text(fitted, "summary"),
            use_when=_text(fitted, "use_when"),
            owner=_text(fitted, "owner"),
            reviewed=_text(fitted, "reviewed"),
            require=require,
            rehearsal=rehearsal,
            outputs=made.outputs,
            subject=subject,
        )
        return RunbookRead(
            runbook, faults.source, _places(root), made.unused_parts, frozenset(made.refs)
        )

    def _check_name(self, fitted: Fitted) -> None:
        given = fitted.get("runbook")
        path = PurePath(self._name)
        stem = path.stem if path.suffix in {".yaml", ".yml"} else path.name
        if given and given.value != stem:
            what = f"the runbook is called '{given.value}', and its file '{path.name}'"
            self._faults.add(given.mark, what, hint=f"rename the file, or write '{stem}'")

    def _steps(self, fitted: Fitted, inputs: tuple[Input, ...]) -> _Made:
        from respond.formats.runbook_scope import View  # noqa: PLC0415 - head() needs none
        from respond.formats.runbook_steps import Steps, at_the_end, ids_of  # noqa: PLC0415

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
        )
        start = View.at_start(inputs)
        lists: dict[str, tuple[Step, ...]] = {}
        lists["steps"], view = walk.steps(given["steps"], start)
        for name in ("on_failure", "on_cancel", "always"):
            around = at_the_end(view, start, knows_failure=name == "on_failure")
            lists[name], behind = walk.steps(given[name], around)
            view = behind.back_to(view)
        unused = tuple(name for name in parts if name not in walk.used_parts)
        return _Made(lists, walk.outputs, unused, walk.refs)

    # --- other runbooks -------------------------------------------------------------------------

    def _exists(self, name: str) -> bool:
        find = self._loading.find
        return find is None or find(name) is not None

    def _call(self, name: str, given: Given) -> Runbook | None:
        """Load a runbook that a step calls; None, with a fault, when that cannot be."""
        loading = self._loading
        if name in loading.open:
            chain = " -> ".join((*loading.open[loading.open.index(name) :], name))
            self._faults.add(given.mark, f"the runbook calls itself: {chain}", path=given.path)
            return None
        if name not in loading.loaded:
            found = loading.find(name) if loading.find else None
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


@dataclass(frozen=True, slots=True)
class _Made:
    lists: Mapping[str, tuple[Step, ...]]
    outputs: Mapping[str, Any]
    unused_parts: tuple[str, ...]
    refs: set[str]


# --- inputs -------------------------------------------------------------------------------------


def _inputs(
    fitted: Fitted, actions: Mapping[str, type] | None, faults: Faults
) -> tuple[Input, ...]:
    given: Fitted = fitted["inputs"].value if "inputs" in fitted else {}
    made = (_input(name, each, actions, faults) for name, each in given.items())
    return tuple(each for each in made if each is not None)


def _input(
    name: str, given: Given, actions: Mapping[str, type] | None, faults: Faults
) -> Input | None:
    words: Fitted = given.value
    if "type" not in words:
        return None
    kind = InputKind(words["type"].value)
    made = Input(
        name=name,
        kind=kind,
        ask=_text(words, "ask"),
        required=words["required"].value if "required" in words else True,
        of=tuple(each.value for each in words["of"].value) if "of" in words else (),
        pick=_text(words, "pick"),
        pattern=_text(words, "pattern"),
        example=_text(words, "example"),
    )
    _check_words_of_kind(made, given, words, faults)
    if actions is not None and "pick" in words:
        _check_pick(words["pick"], actions, faults)
    default = _default(made, words, faults)
    if default is None:
        return made
    return Input(
        made.name, kind, made.ask, default, made.required, made.of, made.pick, made.pattern,
        made.example,
    )  # fmt: skip


_MATCHED: Final = frozenset({InputKind.TEXT, InputKind.EMAIL, InputKind.URL, InputKind.LIST})


def _check_words_of_kind(made: Input, given: Given, words: Fitted, faults: Faults) -> None:
    kind = made.kind
    if kind is InputKind.CHOICE and not _has_key(given.node, "of"):
        faults.add(given.mark, f"the choice '{made.name}' needs 'of'", path=given.path)
    if kind is not InputKind.CHOICE and "of" in words:
        faults.add(words["of"].mark, f"'of' goes with the type choice, not {kind.value}")
    if "of" in words and len(set(made.of)) < len(made.of):
        faults.add(words["of"].mark, "'of' has a value twice", path=words["of"].path)
    for word in ("pattern", "pick"):
        if word in words and kind not in _MATCHED:
            faults.add(words[word].mark, f"'{word}' does not go with the type {kind.value}")
    if "pattern" in words and (trouble := pattern_trouble(made.pattern)):
        faults.add(words["pattern"].mark, f"'pattern': {trouble}", path=words["pattern"].path)


def _check_pick(given: Given, actions: Mapping[str, type], faults: Faults) -> None:
    from respond.formats.arguments import argument_fields  # noqa: PLC0415 - head() needs none

    needed = [each.name for each in argument_fields(actions[given.value]).values()
              if each.is_required]  # fmt: skip
    if needed:
        what = f"'pick' gives no arguments, and '{given.value}' needs '{needed[0]}'"
        faults.add(given.mark, what, path=given.path)


def _default(made: Input, words: Fitted, faults: Faults) -> Any:
    given = words.get("default")
    if given is None or given.value is None:
        return None
    if made.kind is InputKind.SECRET:
        what = "a secret has no default: a runbook never holds one"
        faults.add(given.mark, what, path=given.path, quotes=False)
        return None
    if "pattern" in words and pattern_trouble(made.pattern):
        return None
    if made.kind is InputKind.CHOICE and not made.of:
        return None
    try:
        return input_value(made, given.value)
    except ShapeError as error:
        hint = ""
        if made.kind is InputKind.CHOICE and isinstance(given.value, str):
            hint = did_you_mean(given.value, made.of)
        faults.add(given.mark, f"the default of {error}", hint=hint, path=given.path)
        return None


def _require(
    fitted: Fitted, inputs: tuple[Input, ...], faults: Faults
) -> tuple[tuple[str, ...], ...]:
    names = _declared(fitted, inputs)
    groups: list[tuple[str, ...]] = []
    for group in fitted["require"].value if "require" in fitted else []:
        for each in group.value:
            _check_input(each, names, faults)
        groups.append(tuple(each.value for each in group.value))
    return tuple(groups)


def _subject(fitted: Fitted, inputs: tuple[Input, ...], faults: Faults) -> str:
    given = fitted.get("subject")
    if given is None:
        return ""
    _check_input(given, _declared(fitted, inputs), faults)
    kinds = {each.name: each.kind for each in inputs}
    kind = kinds.get(given.value, InputKind.EMAIL)
    if kind not in {InputKind.EMAIL, InputKind.TEXT}:
        what = f"the subject is a person's e-mail address, and '{given.value}' is {kind.value}"
        faults.add(given.mark, what, path=given.path)
    return str(given.value)


def _rehearsal(fitted: Fitted, inputs: tuple[Input, ...], faults: Faults) -> dict[str, Any]:
    given: Fitted = fitted["rehearsal"].value if "rehearsal" in fitted else {}
    names = _declared(fitted, inputs)
    for name, each in given.items():
        if name not in names:
            hint = did_you_mean(name, names)
            faults.add(each.mark, f"there is no input '{name}'", hint=hint, path=each.path)
    return {name: each.value for name, each in given.items()}


def _declared(fitted: Fitted, inputs: tuple[Input, ...]) -> tuple[str, ...]:
    """Names of all inputs, those with faults too."""
    if "inputs" in fitted:
        return tuple(fitted["inputs"].value)
    return tuple(each.name for each in inputs)


def _check_input(given: Given, names: tuple[str, ...], faults: Faults) -> None:
    if given.value not in names:
        hint = did_you_mean(given.value, names)
        faults.add(given.mark, f"there is no input '{given.value}'", hint=hint, path=given.path)


# --- places -------------------------------------------------------------------------------------


def _check_no_secrets(root: Node, faults: Faults) -> None:
    """Look everywhere but in ``rehearsal``, whose secrets belong to the simulated company."""
    if isinstance(root, MappingNode):
        kept = tuple(entry for entry in root.entries if entry[0].value != "rehearsal")
        check_secrets(MappingNode(kept, root.mark), faults)


def _places(root: Node) -> dict[str, Mark]:
    """Where the keys of the first two levels stand."""
    places: dict[str, Mark] = {"": root.mark}
    for key, value in root.entries if isinstance(root, MappingNode) else ():
        places[key.value] = key.mark
        if isinstance(value, MappingNode):
            places |= {f"{key.value}.{below.value}": below.mark for below, _ in value.entries}
    return places


def _has_key(node: Node, key: str) -> bool:
    return isinstance(node, MappingNode) and node.get(key) is not None


def _text(fitted: Fitted, name: str) -> str:
    given = fitted.get(name)
    return str(given.value) if given else ""
