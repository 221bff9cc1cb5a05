"""Say where in a TOML file a key stands. The library that reads TOML does not.

The text is cut into statements: a line, and as many more as it takes until they are TOML of
their own. Since the whole file was read before, each statement is found where it ends. Keys
inside of one statement (an inline table) have the place of the statement's own key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from respond.formats.faults import Mark, Path
from respond.formats.tree import Mapping as MappingNode
from respond.formats.tree import Node, Scalar, Sequence

__all__ = ["place_of", "places", "tree"]

_LINES_MAX: Final = 100
"""Lines of one statement; behind a longer one no place is known."""


def tree(value: Any) -> Node:
    """What ``tomllib`` has read, as a tree; where its nodes stand, ``places`` finds by path."""
    match value:
        case dict():
            return MappingNode(
                tuple((Scalar(key, False, key), tree(each)) for key, each in value.items())
            )
        case list():
            return Sequence(tuple(tree(each) for each in value))
        case _:
            return Scalar(str(value), not isinstance(value, str), value)


def places(text: str) -> Mapping[Path, Mark]:
    """Where each key and table begins, by path; items of arrays of tables by number.

    The text is one that ``tomllib`` has read.
    """
    found: dict[Path, Mark] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for line, statement in _statements(text):
        indent = len(statement) - len(statement.lstrip())
        mark = Mark(line, indent + 1)
        keys = _keys(tomllib.loads(statement))
        if statement.lstrip().startswith("["):
            table = _numbered(keys, counts, adds=statement.lstrip().startswith("[["))
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], mark)
            continue
        for keys in _chains(tomllib.loads(statement)):
            found.setdefault((*table, *keys), mark)
    return found


def place_of(path: Path, found: Mapping[Path, Mark]) -> Mark | None:
    """The place of the path, or of the nearest thing around it."""
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return None


def _statements(text: str) -> Iterator[tuple[int, str]]:
    lines = text.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        end = at + 1
        if lines[at].strip() and not lines[at].lstrip().startswith("#"):
            while not _is_whole("\n".join(lines[at:end])):
                end += 1
                if end > len(lines) or end - at > _LINES_MAX:
                    return
            yield at + 1, "\n".join(lines[at:end])
        at = end


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _keys(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted key of a header."""
    keys: list[str] = []
    value: Any = data
    while isinstance(value, dict) and value:
        key = next(iter(value))
        keys.append(key)
        value = value[key]
        if isinstance(value, list):
            value = value[0] if value else {}
    return tuple(keys)


def _chains(data: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from _chains(value, (*before, key))


def _numbered(keys: tuple[str, ...], counts: dict[Path, int], *, adds: bool) -> Path:
    """The path of a header, with the number of the latest item where there is an array."""
    path: Path = ()
    for number, key in enumerate(keys):
        path = (*path, key)
        if adds and number == len(keys) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
