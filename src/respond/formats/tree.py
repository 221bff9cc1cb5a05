"""A file as a tree of nodes that know their place, whatever language it is written in.

``runbook.yaml_positions`` and ``project.toml_positions`` make it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from respond.formats.faults import Mark, Path

UNPLACED: Final = Mark(0, 0)
"""The place of a node whose file finds places by path, and only when one is asked for."""


class Scalar(NamedTuple):
    """One value.

    Attributes:
        value: The text as it stands in the file.
        plain: Whether it stands there without quotes, so that it may be a number.
        data: What it means: text, a whole number, true, false, None, or what only TOML has.
    """

    value: str
    plain: bool
    data: Any
    mark: Mark = UNPLACED
    end: Mark = UNPLACED


class Sequence(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    mark: Mark = UNPLACED


class Mapping(NamedTuple):
    """Keys and values in the order of the file. No key occurs twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    mark: Mark = UNPLACED

    def get(self, key: str) -> Node | None:
        """Give the value of ``key``, or None when the mapping has no such key."""
        return next((value for name, value in self.entries if name.value == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """Give a node as ordinary values: records, lists, text, whole numbers, booleans and None."""
    match node:
        case Scalar():
            return node.data
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.value: plain(value) for key, value in node.entries}


def scalars(node: Node, path: Path = ()) -> Iterator[tuple[Scalar, Path]]:
    """Every text below a node with its path, keys too."""
    match node:
        case Scalar():
            yield node, path
        case Sequence():
            for number, item in enumerate(node.items):
                yield from scalars(item, (*path, number))
        case Mapping():
            for key, value in node.entries:
                yield key, (*path, key.value)
                yield from scalars(value, (*path, key.value))


def inside(node: Node, at: int) -> Mark:
    """Find the place of the ``at``-th character of a text, as far as its quotes let us."""
    if not isinstance(node, Scalar) or node.mark.line != node.end.line:
        return node.mark
    if node.plain:
        return Mark(node.mark.line, node.mark.column + at)
    if node.end.column - node.mark.column != len(node.value) + 2:  # It holds escapes.
        return node.mark
    return Mark(node.mark.line, node.mark.column + 1 + at)
