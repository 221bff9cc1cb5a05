"""Hold the tree of ``respond.toml`` against the table of its keys, in the words of TOML.

What is not particular to that file is in ``respond.formats.fitting``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlsplit

from respond.core.addresses import is_https
from respond.core.inputs import parse_span
from respond.core.showable import showable
from respond.formats import kinds
from respond.formats.faults import Path, path_text
from respond.formats.fitting import MISFIT, QUOTES, Fitted, Fitting, Given
from respond.formats.project.project import KEYRING, NOWHERE, Credential
from respond.formats.project.toml_keys import GONE, PLAIN_NAME
from respond.formats.tree import Mapping, Node, Scalar, Sequence, plain, scalars

__all__ = ["TableFitting", "settings"]

_OPTION: Final = "an option is text, a number, true, false, or a list or table of these"
_STORED: Final = "the credential itself is stored with: respond connect NAME"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def settings(fitted: Fitted) -> dict[str, Any]:
    """What a table says, as the dataclasses have it: a duration's name ends in ``_s``."""
    return {
        f"{name}_s" if isinstance(given.kind, kinds.Span) else name: _setting(given)
        for name, given in fitted.items()
    }


def _setting(given: Given) -> Any:
    match given.kind:
        case kinds.RecordOf() | kinds.MapOf():
            return settings(given.value)
        case kinds.Listed():
            return tuple(_setting(each) for each in given.value)
        case _:
            return given.value


class TableFitting(Fitting):
    """One pass over a ``respond.toml``."""

    write = "write one of"

    def record(
        self, node: Node, table: kinds.Table, what: str, path: Path = (), *,
        only: Collection[str] | None = None,
    ) -> Fitted:  # fmt: skip
        """A table is called by its header, and what it needs may not be empty."""
        fitted = super().record(node, table, what or _header(path), path, only=only)
        for name, word in table.items():
            if word.required and name in fitted and fitted[name].value == "":
                self.faults.at((*path, name), f"'{name}' must not be empty")
                del fitted[name]
        return fitted

    def hint_of(self, word: str, table: kinds.Table) -> str:
        """A key that is gone is told so: who wrote it relied on it."""
        if re.fullmatch(GONE.get(id(table), "(?!)"), word):
            return "it is gone, for it never had an effect: take it out"
        return super().hint_of(word, table)

    def fit(self, node: Node, kind: kinds.Kind, what: str, path: Path) -> Any:
        """Credentials, addresses and options too."""
        match kind, node:
            case kinds.Listed(item=kinds.RecordOf()), Sequence() if not all(
                isinstance(item, Mapping) for item in node.items
            ):
                return self.wrong(node, what, kind, path)
            case kinds.CredentialPlace(), _:
                return _credential(plain(node), kind) or self.wrong(node, what, kind, path)
            case kinds.Address(), Scalar(data=str(text)):
                fits = text == "" or (_is_address(text) if kind.here else is_https(text))
                return text if fits else self.wrong(node, what, kind, path)
            case kinds.Free(), Mapping():
                for scalar, place in scalars(node, path):
                    if not isinstance(scalar.data, str | int):
                        return self.refuse(scalar, _OPTION, place)
                return plain(node)
            case kinds.Free(), _:
                return self.wrong(node, what, kind, path)
            case _:
                return super().fit(node, kind, what, path)

    def span(self, node: Scalar, kind: kinds.Span, what: str, path: Path) -> Any:
        """A duration, in seconds; the fault always says how long it may be."""
        seconds = parse_span(node.value)
        if seconds is None or seconds > kind.most_s:
            return self.wrong(node, what, kind, path)
        return seconds

    def lacks(self, what: str, name: str, kind: kinds.Kind) -> str:
        """The sentence for a key that has to be there, and what that is."""
        return f"{super().lacks(what, name, kind)}: {kinds.wanted(kind)}"

    def bad_name(self, name: str, pattern: str, what: str) -> str:
        """The sentence for a connection or a source."""
        return f"the {what} '{showable(name)}' must have {PLAIN_NAME.wanted}"

    def wrong(
        self, node: Node, what: str, kind: kinds.Kind | str, path: Path, *, hint: str = "",
        found: str = "",
    ) -> Any:  # fmt: skip
        """Report a value of another kind; what stands there may be a secret, and is not said."""
        match kind:
            case kinds.RecordOf():
                what, must = path_text(path), f"be a table: {_header(path)}"
            case kinds.MapOf() | kinds.Free():
                must = "be a table"
            case kinds.Listed(item=kinds.RecordOf()):
                must = f"be written as [[{what}]]"
            case kinds.Listed():
                must = f"be a list, each {kinds.wanted(kind.item)}"
            case kinds.Span():
                must = f"be a duration such as 30s or 5m, at most {kinds.span_text(kind.most_s)}"
            case _:
                must = f"be {kind if isinstance(kind, str) else kinds.wanted(kind)}"
        is_number = isinstance(node, Scalar) and isinstance(node.data, int)
        is_kept = isinstance(kind, kinds.CredentialPlace)
        hint = (
            _STORED if is_kept else QUOTES if isinstance(kind, kinds.TextLike) and is_number else ""
        )
        sentence = f"'{what}' must {must}"
        self.faults.add(node.mark, sentence, hint=hint, path=path, quotes=not is_kept)
        return MISFIT


def _header(path: Path) -> str:
    """``[connections.cio]`` or ``[[person]]``."""
    names = path_text([part for part in path if isinstance(part, str)])
    return f"[[{names}]]" if any(isinstance(part, int) for part in path) else f"[{names}]"


def _credential(value: Any, kind: kinds.CredentialPlace) -> Credential | None:
    match value:
        case str():
            is_file = value.startswith("file:") and len(value) > len("file:")
            is_none = value == NOWHERE and kind.may_lack
            return value if value == KEYRING or is_file or is_none else None
        case {"command": [str(), *_] as words, **rest} if not rest:
            return tuple(words) if all(isinstance(word, str) for word in words) else None
        case _:
            return None


def _is_address(text: str) -> bool:
    """Whether it is https, or http that does not leave this machine."""
    if text.startswith("http://"):
        # Looked at as if it were https: what else is wrong with it stays wrong.
        text = f"https://{text.removeprefix('http://')}"
        if not is_https(text) or urlsplit(text).hostname not in _LOOPBACK:
            return False
    return is_https(text) and not urlsplit(text).query
