"""Hold a positioned YAML tree against the table of keywords, and find all that does not fit.

What comes out are values with their places: durations in seconds, steps sorted by kind. What
does not fit is reported once and left out, so that later stages need not look at it again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Mapping as Map
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, assert_never

from respond.core.inputs import parse_span
from respond.core.showable import showable
from respond.formats.faults import (
    FormatFault,
    FormatFaults,
    Mark,
    SourceText,
    did_you_mean,
    path_text,
    suggest,
)
from respond.formats.runbook import keywords as kw
from respond.formats.runbook.yaml_positions import Mapping, Node, Scalar, Sequence, plain
from respond.formats.secret_looks import looks_secret

__all__ = ["Faults", "Fitted", "Fitting", "Given", "StepGiven", "inside", "scalars"]

Path: TypeAlias = tuple[str | int, ...]

_FAULTS_MAX: Final = 100
_QUOTES: Final = "put it in quotes"
_FIND_ONE: Final = "write one of: {}"


class Faults:
    """All that is wrong in one file, each place and sentence once."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self._found: dict[tuple[int, int, str], FormatFault] = {}

    def add(
        self,
        mark: Mark | None,
        what: str,
        *,
        hint: str = "",
        path: Path = (),
        quotes: bool = True,
    ) -> None:
        """Report one; without ``quotes`` its line is not shown, for it may hold a secret.

        Raises:
            FormatFaults: There are so many that looking for more would only take time.
        """
        if looks_secret(what):
            what, hint, quotes = "a text that looks like a secret has no place here", "", False
        fault = self.source.fault(mark, what, hint=hint, path=path_text(path))
        if not quotes or looks_secret(fault.source_line):
            fault.source_line = ""
        self.take([fault])

    def take(self, faults: Iterable[FormatFault]) -> None:
        """Report faults as they are; those about another file too."""
        for fault in faults:
            self._found.setdefault((fault.line, fault.column, f"{fault.name} {fault.what}"), fault)
        if len(self._found) >= _FAULTS_MAX:
            self.refuse()

    def __len__(self) -> int:
        return len(self._found)

    @property
    def found(self) -> tuple[FormatFault, ...]:
        """In the order of the file; what is about the whole file comes first."""
        return tuple(sorted(self._found.values(), key=lambda fault: (fault.line, fault.column)))

    def refuse(self) -> None:
        """Raise ``FormatFaults`` if anything was found."""
        if self._found:
            raise FormatFaults(self.found)


class Given(NamedTuple):
    """A value that fits its kind.

    Attributes:
        value: By kind: text, ``int`` (seconds for a duration), ``bool``, a list of ``Given``, a
            ``Fitted``, a list of ``StepGiven``, a node (for a value with ``${{ }}``), plain data.
        mark: Where it stands.
        kind: Which of an ``Either`` it is.
    """

    value: Any
    mark: Mark
    node: Node
    path: Path
    kind: kw.Kind


Fitted: TypeAlias = dict[str, Given]
"""A record: the keys that are there and fit."""


class StepGiven(NamedTuple):
    """One step. ``kind`` is empty when nobody can say what it is; ``words`` has what fits."""

    kind: str
    words: Fitted
    mark: Mark
    path: Path
    branches: Map[str, Given] = MappingProxyType({})
    keys: Map[str, Mark] = MappingProxyType({})
    is_whole: bool = True


def inside(node: Node, at: int) -> Mark:
    """Find the place of the ``at``-th character of a text, as far as its quotes let us."""
    if not isinstance(node, Scalar) or node.mark.line != node.end.line:
        return node.mark
    if node.plain:
        return Mark(node.mark.line, node.mark.column + at)
    if node.end.column - node.mark.column != len(node.value) + 2:  # It holds escapes.
        return node.mark
    return Mark(node.mark.line, node.mark.column + 1 + at)


def scalars(node: Node) -> Iterator[Scalar]:
    """Every text below a node, keys too."""
    match node:
        case Scalar():
            yield node
        case Sequence(items=items):
            for item in items:
                yield from scalars(item)
        case Mapping(entries=entries):
            for key, value in entries:
                yield key
                yield from scalars(value)


class Fitting:
    """One pass over a file. Everything that does not fit goes to ``faults``."""

    def __init__(self, faults: Faults, actions: Map[str, bool] | None) -> None:
        """Prepare a pass.

        Args:
            faults: Where to report.
            actions: Name to whether it only reads; None leaves the names of actions unchecked.
        """
        self._faults = faults
        self._actions = actions

    def record(
        self,
        node: Node,
        table: kw.Table,
        what: str,
        path: Path = (),
        *,
        only: Collection[str] | None = None,
    ) -> Fitted:
        """Fit the keys of a table.

        Args:
            node: What stands there.
            table: The keys.
            what: What the record is, for faults.
            path: Its place.
            only: Look at these keys alone.
        """
        if not isinstance(node, Mapping):
            self._wrong(node, f"a {what}", "a record of keys and values", path)
            return {}
        keywords = {name: word for name, word in table.items() if only is None or name in only}
        fitted: Fitted = {}
        for key, value in node.entries:
            place = (*path, key.value)
            if key.value in keywords:
                given = self.value(value, keywords[key.value].kind, key.value, place)
                if given is not None:
                    fitted[key.value] = given
            elif only is None:
                self._unknown_key(key, what, table, place)
        self._check_missing(node, keywords, what, path)
        return fitted

    def value(self, node: Node, kind: kw.Kind, what: str, path: Path) -> Given | None:
        """Fit one value; None when it does not."""
        is_empty = isinstance(node, Scalar) and plain(node) is None
        if is_empty and not isinstance(kind, kw.Anything | kw.FillAny):
            hint = "fill it in, or leave it out"
            self._faults.add(node.mark, f"'{what}' is empty", hint=hint, path=path)
            return None
        value, chosen = self._fit(node, kind, what, path)
        return None if value is None else Given(value[0], node.mark, node, path, chosen)

    def _fit(
        self, node: Node, kind: kw.Kind, what: str, path: Path
    ) -> tuple[tuple[Any] | None, kw.Kind]:
        """The value in a tuple of one, or None; and the kind it was fitted to."""
        match kind:
            case kw.Either():
                return self._either(node, kind, what, path)
            case kw.Record(table=table, what=name):
                if not isinstance(node, Mapping):
                    return self._wrong(node, what, kind.wanted, path), kind
                return (self.record(node, table, name, path),), kind
            case kw.Listed():
                return self._listed(node, kind, what, path), kind
            case kw.MapOf():
                return self._map(node, kind, what, path), kind
            case kw.Steps():
                return self._steps(node, kind, what, path), kind
            case kw.FillAny():
                return (node,), kind
            case kw.Anything():
                return (plain(node),), kind
            case _:
                return self._scalar(node, kind, what, path), kind

    def _scalar(self, node: Node, kind: kw.ScalarKind, what: str, path: Path) -> tuple[Any] | None:
        if not isinstance(node, Scalar):
            hint = ""
            if isinstance(kind, kw.Bare):
                hint = f"an expression that begins with a bracket is quoted: '{what}: \"[...]\"'"
            return self._wrong(node, what, kind.wanted, path, hint=hint)
        value = plain(node)
        match kind, value:
            case kw.Bare(), _:
                return self._bare(node, what, path)
            case kw.Flag(), bool():
                return (value,)
            case kw.Count(), int() if not isinstance(value, bool):
                if kind.least <= value <= kind.most:
                    return (value,)
                sentence = f"'{what}' must be {kind.wanted}, and is {value}"
                self._faults.add(node.mark, sentence, path=path)
                return None
            case ((kw.Flag() | kw.Count()), _):
                return self._wrong(node, what, kind.wanted, path)
            case _, str():
                return self._text(node, kind, what, path)
            case _:
                hint = "write the unit too" if isinstance(kind, kw.Span) else _QUOTES
                return self._wrong(node, what, kind.wanted, path, hint=hint)

    def _text(self, node: Scalar, kind: kw.ScalarKind, what: str, path: Path) -> tuple[Any] | None:
        match kind:
            case kw.Words():
                return self._words(node, kind, what, path)
            case kw.Name():
                return self._name(node, kind, what, path)
            case kw.Actions():
                return self._action(node, kind, what, path)
            case kw.Day():
                return self._day(node, kind, what, path)
            case kw.Span():
                return self._span(node, kind, what, path)
            case kw.OneOf():
                return self._one_of(node, kind, what, path)
            case kw.Fill() | kw.Bare() | kw.Flag() | kw.Count():
                return (node.value,)
            case _:
                assert_never(kind)

    def _one_of(self, node: Scalar, kind: kw.OneOf, what: str, path: Path) -> tuple[Any] | None:
        if node.value in kind.words:
            return (node.value,)
        hint = did_you_mean(node.value, kind.words) or _FIND_ONE.format(", ".join(kind.words))
        sentence = f"'{what}' cannot be '{showable(node.value)}'"
        self._faults.add(node.mark, sentence, hint=hint, path=path)
        return None

    def _bare(self, node: Scalar, what: str, path: Path) -> tuple[Any] | None:
        if "${{" in node.value:
            self._faults.add(
                inside(node, node.value.index("${{")),
                f"'{what}' is an expression already",
                hint="write it without ${{ }}",
                path=path,
            )
            return None
        return (node.value,)

    def _words(self, node: Scalar, kind: kw.Words, what: str, path: Path) -> tuple[Any] | None:
        if "${{" in node.value:
            self._faults.add(
                inside(node, node.value.index("${{")),
                f"'{what}' is shown as it stands and takes no ${{{{ }}}}",
                path=path,
            )
            return None
        if len(node.value) > kind.max:
            sentence = f"'{what}' has {len(node.value)} characters, and {kind.max} is the most"
            self._faults.add(node.mark, sentence, path=path)
            return None
        if not node.value.strip():
            return self._wrong(node, what, "text", path)
        return (node.value.strip(),)

    def _name(self, node: Scalar, kind: kw.Name, what: str, path: Path) -> tuple[Any] | None:
        if fits_name(node.value, kind.pattern):
            return (node.value,)
        self._faults.add(node.mark, *bad_name(node.value, kind.pattern, what), path=path)
        return None

    def _action(self, node: Scalar, kind: kw.Actions, what: str, path: Path) -> tuple[Any] | None:
        name = node.value
        if self._actions is None:
            return (name,)
        if name not in self._actions:
            self._faults.add(
                node.mark,
                f"there is no action '{showable(name)}'",
                hint=_nearest_action(name, self._actions) or "respond actions lists them",
                path=path,
            )
            return None
        if kind.reads_only and not self._actions[name]:
            sentence = f"'{name}' writes, and '{what}' takes only an action that reads"
            self._faults.add(node.mark, sentence, path=path)
            return None
        return (name,)

    def _day(self, node: Scalar, kind: kw.Day, what: str, path: Path) -> tuple[Any] | None:
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", node.value, re.ASCII):
                return (dt.date.fromisoformat(node.value).isoformat(),)
        except ValueError:
            pass
        return self._wrong(node, what, kind.wanted, path)

    def _span(self, node: Scalar, kind: kw.Span, what: str, path: Path) -> tuple[Any] | None:
        seconds = parse_span(node.value)
        if seconds is None:
            return self._wrong(node, what, kind.wanted, path)
        if seconds > kind.most_s:
            sentence = f"'{what}' is longer than {span_text(kind.most_s)}"
            self._faults.add(node.mark, sentence, path=path)
            return None
        return (seconds,)

    def _either(
        self, node: Node, kind: kw.Either, what: str, path: Path
    ) -> tuple[tuple[Any] | None, kw.Kind]:
        for one in kind.kinds:
            match one, node:
                case (kw.Steps() | kw.Listed(), Sequence()) | (kw.Record(), Mapping()):
                    return self._fit(node, one, what, path)
                case (kw.OneOf(), Scalar()):
                    return self._fit(node, one, what, path)
                case _:
                    continue
        return self._wrong(node, what, kind.wanted, path), kind

    def _listed(self, node: Node, kind: kw.Listed, what: str, path: Path) -> tuple[Any] | None:
        if not isinstance(node, Sequence):
            return self._wrong(node, what, "a list", path)
        if len(node.items) < kind.least:
            self._faults.add(node.mark, f"'{what}' needs at least {kind.least} entries", path=path)
            return None
        items = [self.value(item, kind.item, what, (*path, n)) for n, item in enumerate(node.items)]
        return ([item for item in items if item is not None],)

    def _map(self, node: Node, kind: kw.MapOf, what: str, path: Path) -> tuple[Any] | None:
        if not isinstance(node, Mapping):
            return self._wrong(node, what, "a record of names and values", path)
        fitted: Fitted = {}
        for key, value in node.entries:
            place = (*path, key.value)
            if not fits_name(key.value, kind.pattern):
                self._faults.add(
                    key.mark, *bad_name(key.value, kind.pattern, kind.what), path=place
                )
            given = self.value(value, kind.value, key.value, place)
            if given is not None:
                fitted[key.value] = Given(given.value, key.mark, value, place, given.kind)
        return (fitted,)

    # --- steps ----------------------------------------------------------------------------------

    def _steps(self, node: Node, kind: kw.Steps, what: str, path: Path) -> tuple[Any] | None:
        if not isinstance(node, Sequence):
            return self._wrong(node, what, "a list of steps", path, hint="begin each with '- '")
        if not node.items and not kind.may_be_empty:
            self._faults.add(node.mark, f"'{what}' has no steps", path=path)
            return None
        last = len(node.items) - 1
        return (
            [
                self._step(item, (*path, n), is_handler_end=kind.handler and n == last)
                for n, item in enumerate(node.items)
            ],
        )

    def _step(self, node: Node, path: Path, *, is_handler_end: bool) -> StepGiven:
        if not isinstance(node, Mapping):
            self._wrong(node, "a step", "a record of keys and values", path)
            return StepGiven("", {}, node.mark, path, is_whole=False)
        keys = {key.value: key.mark for key, _ in node.entries}
        kinds = [name for name in keys if name in kw.STEP_KINDS]
        if len(kinds) != 1:
            self._which_kind(node, kinds, path)
            words = self.record(node, kw.STEP_WORDS, "step", path, only=("id",))
            return StepGiven("", words, node.mark, path, keys=keys, is_whole=False)
        kind = kinds[0]
        step_kind = kw.STEP_KINDS[kind]
        table = {**step_kind.words, **step_kind.table, **(kw.HANDLER_END if is_handler_end else {})}
        if step_kind.needs_id:
            table["id"] = kw.Keyword(table["id"].kind, table["id"].says, required=True)
        before = len(self._faults)
        branches: dict[str, Given] = {}
        if kind == "choose":
            node = self._take_branches(node, table, branches, path)
        words = self.record(node, table, f"step with '{kind}'", path)
        whole = len(self._faults) == before
        return StepGiven(kind, words, node.mark, path, branches, keys, is_whole=whole)

    def _take_branches(
        self, node: Mapping, table: kw.Table, branches: dict[str, Given], path: Path
    ) -> Mapping:
        """Move what can only be a branch to ``branches``, and give what is left."""
        rest: list[tuple[Scalar, Node]] = []
        for key, value in node.entries:
            is_empty = isinstance(value, Scalar) and plain(value) is None
            if key.value in table or not (isinstance(value, Sequence) or is_empty):
                rest.append((key, value))
                continue
            place = (*path, key.value)
            kind = kw.Steps(may_be_empty=True)
            given = self.value(value, kind, key.value, place)
            if given is not None:
                branches[key.value] = Given(given.value, key.mark, value, place, kind)
        return Mapping(tuple(rest), node.mark)

    def _which_kind(self, node: Mapping, kinds: list[str], path: Path) -> None:
        keys = [key for key, _ in node.entries]
        if len(kinds) > 1:
            second = next(key for key in keys if key.value == kinds[1])
            self._faults.add(
                second.mark,
                f"a step is either '{kinds[0]}' or '{kinds[1]}'",
                hint="make two steps of it",
                path=path,
            )
            return
        for key in keys:
            hint = did_you_mean(key.value, kw.STEP_KINDS)
            if hint and key.value not in kw.STEP_WORDS:
                what = f"unknown key '{showable(key.value)}' in a step"
                self._faults.add(key.mark, what, hint=hint, path=(*path, key.value))
                return
        self._faults.add(
            node.mark,
            "this step does not say what to do",
            hint=f"it needs one of: {', '.join(kw.STEP_KINDS)}",
            path=path,
        )

    # --- faults ---------------------------------------------------------------------------------

    def _unknown_key(self, key: Scalar, what: str, table: kw.Table, path: Path) -> None:
        word = key.value
        self._faults.add(
            key.mark,
            f"unknown key '{showable(word)}' in {_article(what)}",
            hint=_where_it_belongs(word, table) or did_you_mean(word, table) or _known(table),
            path=path,
        )

    def _check_missing(self, node: Mapping, table: kw.Table, what: str, path: Path) -> None:
        present = {key.value for key, _ in node.entries}
        for name, word in table.items():
            if word.required and name not in present:
                self._faults.add(node.mark, f"{_article(what)} needs '{name}'", path=path)

    def _wrong(
        self, node: Node, what: str, wanted: str, path: Path, *, hint: str = ""
    ) -> tuple[Any] | None:
        # Without the value: somebody may have put a secret in the wrong place.
        subject = what if what.startswith("a ") else f"'{showable(what)}'"
        self._faults.add(
            node.mark, f"{subject} must be {wanted}, and is {_what_is(node)}", hint=hint, path=path
        )
        return None


def check_secrets(node: Node, faults: Faults) -> None:
    """Report every text that looks like a credential; the fault does not repeat it."""
    for scalar in scalars(node):
        looks = looks_secret(scalar.value)
        if looks:
            # Not through ``source.fault``: a quoted line would print the secret.
            what = f"this looks like {looks}, and a runbook never holds a secret"
            hint = "make it an input of type secret; and replace it, others may have read it here"
            fault = FormatFault(
                faults.source.name, scalar.mark.line, scalar.mark.column, what, hint=hint
            )
            faults.take([fault])


def fits_name(text: str, pattern: str) -> bool:
    """Whether a text has the form of a name."""
    return len(text) <= kw.NAME_MAX and re.fullmatch(pattern, text, re.ASCII) is not None


def bad_name(text: str, pattern: str, what: str) -> tuple[str]:
    """The sentence for a name that has another form."""
    if len(text) > kw.NAME_MAX:
        return (f"the {what} '{showable(text, limit=40)}' is longer than {kw.NAME_MAX} characters",)
    return (f"the {what} '{showable(text)}' must match {pattern}",)


def span_text(seconds: int) -> str:
    """``90s``, ``30m``, ``2h`` or ``1d``: the shortest way to write it in a file."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _nearest_action(name: str, actions: Iterable[str]) -> str:
    """Compare the system and what is done apart: a long system's name makes all look alike."""
    system, _, verb = name.partition(".")
    by_system: dict[str, list[str]] = {}
    for action in actions:
        by_system.setdefault(action.partition(".")[0], []).append(action.partition(".")[2])
    near = system if system in by_system else suggest(system, by_system)
    meant = suggest(verb, by_system[near]) if near else None
    return f"did you mean '{near}.{meant}'?" if meant else ""


def _where_it_belongs(word: str, table: kw.Table) -> str:
    """A hint for a key that stands one level too high, or in the wrong kind of step."""
    for name, keyword in table.items():
        if isinstance(keyword.kind, kw.Record) and word in keyword.kind.table:
            return f"it belongs inside of '{name}'"
    owners = [name for name, kind in kw.STEP_KINDS.items() if word in kind.table and name != word]
    if owners and ("id" in table or any(name in table for name in kw.STEP_KINDS)):
        return f"it belongs to a step with {' or '.join(repr(owner) for owner in owners)}"
    if word == "recovered":
        return "it belongs to the last step of an 'on_failure' list"
    return ""


def _known(table: kw.Table) -> str:
    return f"known: {', '.join(table)}"


def _article(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _what_is(node: Node) -> str:
    match node:
        case Sequence():
            return "a list"
        case Mapping():
            return "a record"
        case Scalar():
            match plain(node):
                case None:
                    return "empty"
                case bool():
                    return "true or false"
                case int():
                    return "a number"
                case _:
                    return "text" if node.value.strip() else "empty"
