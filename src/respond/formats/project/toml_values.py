"""Hold the values of ``respond.toml`` against the table of its keys, and say where they are wrong.

Everything that does not fit is reported with its place and left out. A value that may be a secret
is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from respond.core.inputs import parse_span
from respond.core.showable import showable
from respond.formats.faults import did_you_mean, path_text
from respond.formats.project import toml_keys as ck
from respond.formats.project.project import NOWHERE, Credential, Where
from respond.formats.project.toml_positions import Path
from respond.formats.runbook.fitting import Faults
from respond.formats.secret_looks import looks_secret

__all__ = ["FILE", "Values", "header"]

FILE: Final = "respond.toml"


class Values:
    """One pass over the file. Everything that is wrong goes to ``faults``."""

    def __init__(self, where: Where) -> None:
        self.where = where
        self.faults = Faults(where.source)

    def fault(self, path: Path, what: str, hint: str = "", *, quotes: bool = True) -> None:
        """Report; without ``quotes`` the line is not shown, for it may hold a secret."""
        self.faults.add(self.where.mark(path), what, hint=hint, path=path, quotes=quotes)

    def tables(self, raw: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """The tables of ``[[key]]``."""
        given = raw.get(key, [])
        if isinstance(given, list) and all(isinstance(each, dict) for each in given):
            return given
        self.fault((key,), f"'{key}' must be written as [[{key}]]")
        return []

    # --- values ---------------------------------------------------------------------------------

    def check_keys(
        self, table: Mapping[str, Any], known: Iterable[str], path: Path, what: str
    ) -> None:
        names = tuple(known)
        for key in table:
            if key not in names:
                hint = did_you_mean(key, names) or f"known: {', '.join(names)}"
                self.fault((*path, key), f"unknown key '{showable(key)}' in {what}", hint)

    def table(self, raw: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
        given = raw.get(key, {})
        if isinstance(given, dict):
            return given
        self.fault((*path, key), f"'{key}' must be a table")
        return {}

    def values(self, table: Any, name: str, path: Path) -> dict[str, Any]:
        """The keys of a table that are there and right."""
        if not isinstance(table, dict):
            self.fault(path, f"'{path_text(path)}' must be a table: {header(path)}")
            return {}
        keys = ck.TABLES[name]
        self.check_keys(table, keys, path, header(path))
        values: dict[str, Any] = {}
        for key, word in keys.items():
            if key in table:
                value = self.value(table[key], word.kind, (*path, key))
                if word.required and value == "":
                    self.fault((*path, key), f"'{key}' must not be empty")
                elif value is not None:
                    values[key] = value
            elif word.required:
                self.fault(path, f"{header(path)} needs '{key}': {word.kind.wanted}")
        return values

    def value(  # noqa: C901, PLR0912 - a table of kinds
        self, value: Any, kind: ck.Kind, path: Path
    ) -> Any:
        """The value as the dataclasses have it; None, with a fault, when it does not fit."""
        match kind, value:
            case ck.Text(), str():
                if value == "" or re.fullmatch(kind.pattern, value):
                    return value
            case ck.Words(), str():
                if value in kind.words:
                    return value
                hint = did_you_mean(value, kind.words) or f"write {kind.wanted}"
                self.fault(path, f"'{path[-1]}' cannot be '{showable(value, limit=40)}'", hint)
                return None
            case ck.Number(), int() if not isinstance(value, bool):
                if kind.least <= value <= kind.most:
                    return value
            case ck.Switch(), bool():
                return value
            case ck.Span(), str():
                seconds = parse_span(value)
                if seconds is not None and seconds <= kind.most_s:
                    return seconds
            case ck.List(), list():
                return self._list(value, kind, path)
            case ck.Place(), (str() | dict()):
                return self._credential(value, kind, path)
            case ck.Https(), str() if value == "" or _is_https(value):
                return value
            case ck.Address(), str() if value == "" or _is_address(value):
                return value
            case ck.Map(), dict():
                return self._map(value, kind, path)
            case ck.Free(), dict() if (bad := next(_not_free(value, path), None)) is not None:
                what = "an option is text, a number, true, false, or a list or table of these"
                self.fault(bad, what)
                return None
            case ck.Free(), dict():
                return value
            case _:
                pass
        # Without the value: somebody may have put a secret there.
        hint = "put it in quotes" if isinstance(kind, ck.Text) and isinstance(value, int) else ""
        quotes = not isinstance(kind, ck.Place)
        self.fault(path, f"'{path[-1]}' must be {kind.wanted}", hint, quotes=quotes)
        return None

    def _list(self, value: list[Any], kind: ck.List, path: Path) -> tuple[Any, ...] | None:
        made = tuple(self.value(each, kind.item, path) for each in value)
        if any(each is None for each in made):
            return None
        if len(set(made)) < len(made):
            self.fault(path, f"'{path[-1]}' has an entry twice")
        return made

    def _map(self, value: dict[str, Any], kind: ck.Map, path: Path) -> dict[str, Any]:
        made = {key: self.value(each, kind.value, (*path, key)) for key, each in value.items()}
        return {key: each for key, each in made.items() if each is not None}

    def _credential(
        self, value: str | dict[str, Any], kind: ck.Place, path: Path
    ) -> Credential | None:
        match value:
            case str() if value == NOWHERE and kind.may_lack:
                return value
            case "keyring":
                return value
            case str() if value.startswith("file:") and len(value) > len("file:"):
                return value
            case {"command": [str(), *_] as words, **rest} if not rest:
                if all(isinstance(word, str) for word in words):
                    return tuple(words)
            case _:
                pass
        hint = "the credential itself is stored with: respond connect NAME"
        what = f"'{path[-1]}' must be {kind.wanted}"
        self.fault(path, what, hint, quotes=False)
        return None

    def check_secrets(self, raw: Any, path: Path = ()) -> None:
        """Report texts that look like credentials, without repeating them."""
        match raw:
            case str() if looks := looks_secret(raw):
                self.fault(
                    path,
                    f"this looks like {looks}, and {FILE} never holds a secret",
                    "store it with: respond connect NAME; and replace it, it has been in a file",
                )
            case list():
                for number, each in enumerate(raw):
                    self.check_secrets(each, (*path, number))
            case dict():
                for key, each in raw.items():
                    self.check_secrets(each, (*path, key))
            case _:
                pass


def header(path: Path) -> str:
    """``[connections.cio]`` or ``[[person]]``."""
    names = path_text([part for part in path if isinstance(part, str)])
    return f"[[{names}]]" if any(isinstance(part, int) for part in path) else f"[{names}]"


def _not_free(value: Any, path: Path) -> Iterator[Path]:
    match value:
        case str() | bool() | int():
            return
        case list():
            for each in value:
                yield from _not_free(each, path)
        case dict():
            for key, each in value.items():
                yield from _not_free(each, (*path, key))
        case _:
            yield path


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    is_plain = parts.username is None and not parts.fragment and text.isprintable()
    return parts.scheme == "https" and bool(parts.hostname) and is_plain and " " not in text


_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _is_address(text: str) -> bool:
    """Whether it is https, or http that does not leave this machine."""
    if text.startswith("http://"):
        # Looked at as if it were https: what else is wrong with it stays wrong.
        text = f"https://{text.removeprefix('http://')}"
        if not _is_https(text) or urlsplit(text).hostname not in _LOOPBACK:
            return False
    return _is_https(text) and not urlsplit(text).query
