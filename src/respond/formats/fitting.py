"""Hold a tree against a table of keys, and find all that does not fit.

What comes out are values with their places, durations in seconds. What does not fit is reported
once and left out, so that later stages need not look at it again. A value that may be a secret is
not repeated. What only runbooks have is in ``runbook.step_fitting``, and the other way in which
``respond.toml`` speaks of its tables in ``project.table_fitting``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from typing import Any, Final, NamedTuple, TypeAlias

from respond.core.inputs import parse_span
from respond.core.secret_looks import looks_secret, names_an_id
from respond.core.showable import showable
from respond.formats import kinds
from respond.formats.faults import Faults, Mark, Path, did_you_mean
from respond.formats.kinds import Kind, Table, span_text, wanted
from respond.formats.tree import Mapping, Node, Scalar, Sequence, inside, plain, scalars

__all__ = ["MISFIT", "QUOTES", "Fitted", "Fitting", "Given", "check_secrets"]

MISFIT: Final = object()
"""What a value that does not fit comes to, once that is reported."""

QUOTES: Final = "put it in quotes"


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
    kind: Kind


Fitted: TypeAlias = dict[str, Given]
"""A record: the keys that are there and fit."""


class Fitting:
    """One pass over a file. Everything that does not fit goes to ``faults``."""

    write = "write one of:"
    """How the words begin that there are, for one that is not among them."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def record(
        self,
        node: Node,
        table: Table,
        what: str,
        path: Path = (),
        *,
        only: Collection[str] | None = None,
    ) -> Fitted:
        """Fit the keys of a table; faults call the record ``what``.

        With ``only``, other keys are not looked at.
        """
        if not isinstance(node, Mapping):
            self.wrong(node, what, "a record of keys and values", path)
            return {}
        given = {key.value: value for key, value in node.entries}
        for key, _ in node.entries:
            if only is None and key.value not in table:
                hint = self.hint_of(key.value, table) or f"known: {', '.join(table)}"
                sentence = f"unknown key '{showable(key.value)}' in {what}"
                self.faults.add(key.mark, sentence, hint=hint, path=(*path, key.value))
        fitted: Fitted = {}
        for name, word in table.items():
            if only is not None and name not in only:
                continue
            if name not in given:
                if word.required:
                    self.faults.add(node.mark, self.lacks(what, name, word.kind), path=path)
            elif fits := self.value(given[name], word.kind, name, (*path, name)):
                fitted[name] = fits
        return fitted

    def value(self, node: Node, kind: Kind, what: str, path: Path) -> Given | None:
        """Fit one value; None when it does not."""
        if isinstance(node, Scalar) and node.data is None and not isinstance(kind, _MAY_BE_EMPTY):
            hint = "fill it in, or leave it out"
            self.faults.add(node.mark, f"'{what}' is empty", hint=hint, path=path)
            return None
        if isinstance(kind, kinds.Either):
            kind = next((one for one in kind.kinds if _looks_like(node, one)), kind)
        value = self.fit(node, kind, what, path)
        return None if value is MISFIT else Given(value, node.mark, node, path, kind)

    def fit(self, node: Node, kind: Kind, what: str, path: Path) -> Any:
        """The value as ``Given`` has it, or ``MISFIT``."""
        match kind, node:
            case kinds.RecordOf(), Mapping():
                return self.record(node, kind.table, kind.what, path)
            case kinds.Listed(), Sequence():
                return self._listed(node, kind, what, path)
            case kinds.MapOf(), Mapping():
                return self._map(node, kind, path)
            case kinds.FillAny(), _:
                return node
            case kinds.Anything(), _:
                return plain(node)
            case ((kinds.RecordOf() | kinds.Listed() | kinds.MapOf() | kinds.Either()), _):
                return self.wrong(node, what, kind, path)
            case _, Scalar():
                return self._scalar(node, kind, what, path)
            case _:
                hint = ""
                if isinstance(kind, kinds.Bare):
                    hint = (
                        f"an expression that begins with a bracket is quoted: '{what}: \"[...]\"'"
                    )
                return self.wrong(node, what, kind, path, hint=hint)

    def _listed(self, node: Sequence, kind: kinds.Listed, what: str, path: Path) -> Any:
        if len(node.items) < kind.least:
            return self.refuse(node, f"'{what}' needs at least {kind.least} entries", path)
        made = [
            self.value(item, kind.item, what, path if kind.is_set else (*path, number))
            for number, item in enumerate(node.items)
        ]
        items = [item for item in made if item is not None]
        if kind.is_set:
            if len(items) < len(made):
                return MISFIT
            if len({item.value for item in items}) < len(items):
                self.faults.add(node.mark, f"'{what}' has an entry twice", path=path)
        return items

    def _map(self, node: Mapping, kind: kinds.MapOf, path: Path) -> Fitted:
        fitted: Fitted = {}
        for key, value in node.entries:
            place = (*path, key.value)
            if kind.pattern and not _is_name(key.value, kind.pattern):
                self.refuse(key, self.bad_name(key.value, kind.pattern, kind.what), place)
            own = kind.own.get(key.value)
            given = self.value(value, own.kind if own else kind.value, key.value, place)
            if given is not None:
                fitted[key.value] = given._replace(mark=key.mark)
        return fitted

    # --- scalars --------------------------------------------------------------------------------

    def _scalar(self, node: Scalar, kind: Kind, what: str, path: Path) -> Any:
        match kind, node.data:
            case kinds.Bare(), _:
                return self._bare(node, f"'{what}' is an expression already", path, _WITHOUT)
            case kinds.Flag(), bool():
                return node.data
            case kinds.Count(), int() if not isinstance(node.data, bool):
                if kind.least <= node.data <= kind.most:
                    return node.data
                return self.wrong(node, what, kind, path, found=str(node.data))
            case ((kinds.Flag() | kinds.Count()), _):
                return self.wrong(node, what, kind, path)
            case _, str():
                return self._text(node, kind, what, path)
            case _:
                hint = "write the unit too" if isinstance(kind, kinds.Span) else QUOTES
                return self.wrong(node, what, kind, path, hint=hint)

    def _text(self, node: Scalar, kind: Kind, what: str, path: Path) -> Any:
        text = node.value
        match kind:
            case kinds.Words():
                return self._words(node, kind, what, path)
            case kinds.Name():
                if _is_name(text, kind.pattern):
                    return text
                return self.refuse(node, self.bad_name(text, kind.pattern, what), path)
            case kinds.TextLike():
                fits = text == "" or re.fullmatch(kind.pattern, text)
                return text if fits else self.wrong(node, what, kind, path)
            case kinds.Day():
                return text if _is_day(text) else self.wrong(node, what, kind, path)
            case kinds.Span():
                return self.span(node, kind, what, path)
            case kinds.OneOf():
                if text in kind.words:
                    return text
                hint = did_you_mean(text, kind.words) or f"{self.write} {', '.join(kind.words)}"
                return self.refuse(
                    node, f"'{what}' cannot be '{showable(text, limit=40)}'", path, hint
                )
            case _:
                return text

    def _bare(self, node: Scalar, what: str, path: Path, hint: str = "") -> Any:
        """The text, if it holds no ``${{ }}``."""
        if "${{" not in node.value:
            return node.value
        self.faults.add(inside(node, node.value.index("${{")), what, hint=hint, path=path)
        return MISFIT

    def _words(self, node: Scalar, kind: kinds.Words, what: str, path: Path) -> Any:
        sentence = f"'{what}' is shown as it stands and takes no ${{{{ }}}}"
        text = self._bare(node, sentence, path)
        if text is MISFIT:
            return MISFIT
        if len(text) > kind.max:
            sentence = f"'{what}' has {len(text)} characters, and {kind.max} is the most"
            return self.refuse(node, sentence, path)
        return text.strip() or self.wrong(node, what, kind, path)

    def span(self, node: Scalar, kind: kinds.Span, what: str, path: Path) -> Any:
        """A duration, in seconds."""
        seconds = parse_span(node.value)
        if seconds is None:
            return self.wrong(node, what, kind, path)
        if seconds > kind.most_s:
            return self.refuse(node, f"'{what}' is longer than {span_text(kind.most_s)}", path)
        return seconds

    # --- faults ---------------------------------------------------------------------------------

    def hint_of(self, word: str, table: Table) -> str:
        """What may have been meant by a key that is not known; empty when nobody can tell."""
        return did_you_mean(word, table)

    def lacks(self, what: str, name: str, kind: Kind) -> str:
        """The sentence for a key that has to be there."""
        return f"{what} needs '{name}'"

    def bad_name(self, name: str, pattern: str, what: str) -> str:
        """The sentence for a name that has another form."""
        if len(name) > kinds.NAME_MAX:
            limit = kinds.NAME_MAX
            return f"the {what} '{showable(name, limit=40)}' is longer than {limit} characters"
        return f"the {what} '{showable(name)}' must match {pattern}"

    def wrong(
        self, node: Node, what: str, kind: Kind | str, path: Path, *, hint: str = "",
        found: str = "",
    ) -> Any:  # fmt: skip
        """Report a value of another kind."""
        # Without the value: somebody may have put a secret in the wrong place.
        subject = what if what.startswith("a ") else f"'{showable(what)}'"
        must = kind if isinstance(kind, str) else wanted(kind)
        sentence = f"{subject} must be {must}, and is {found or _what_is(node)}"
        return self.refuse(node, sentence, path, hint)

    def refuse(self, node: Node, what: str, path: Path, hint: str = "") -> Any:
        """Report what is wrong with a node, and give ``MISFIT``."""
        self.faults.add(node.mark, what, hint=hint, path=path)
        return MISFIT


_WITHOUT: Final = "write it without ${{ }}"
_MAY_BE_EMPTY: Final = (kinds.Anything, kinds.FillAny)


def check_secrets(node: Node, faults: Faults, holder: str, hint: str) -> None:
    """Report every text that looks like a credential; the fault does not repeat it."""
    for scalar, path in scalars(node):
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        if looks := looks_secret(scalar.value, is_id=names_an_id(name)):
            what = f"this looks like {looks}, and {holder} never holds a secret"
            faults.add(scalar.mark, what, hint=hint, path=path, quotes=False)


def _looks_like(node: Node, kind: Kind) -> bool:
    match kind, node:
        case (
            ((kinds.StepList() | kinds.Listed()), Sequence())
            | (kinds.RecordOf(), Mapping())
            | (kinds.OneOf(), Scalar())
        ):
            return True
        case _:
            return False


def _is_name(text: str, pattern: str) -> bool:
    return len(text) <= kinds.NAME_MAX and re.fullmatch(pattern, text, re.ASCII) is not None


def _is_day(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _what_is(node: Node) -> str:
    match node:
        case Sequence():
            return "a list"
        case Mapping():
            return "a record"
        case Scalar(data=None):
            return "empty"
        case Scalar(data=bool()):
            return "true or false"
        case Scalar(data=int()):
            return "a number"
        case Scalar():
            return "text" if node.value.strip() else "empty"
