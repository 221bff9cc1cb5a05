"""Reckon, before an expression is evaluated, how much work it could be at most.

CEL's own budget counts iterations, not sizes: ``xs.map(x, t + t)`` over 9,000 items and a text
of 60,000 characters stays inside it and takes 2 GiB. So sizes are carried through the tree
first. The reckoning errs upwards, and costs far less than the evaluation would.
"""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from respond.core.records import Frozen
from respond.formats.expression import syntax

WORK_MAX: Final = 32_000_000
"""Characters and values touched in one evaluation: well under a second and 100 MiB."""

_DIGITS_MAX: Final = 20
_SEARCH_STEP: Final = 1_000
"""How much of a text one step of a search compares at once."""


class Size(Frozen):
    """How large a value is at most.

    Attributes:
        whole: Its characters and values in all.
        count: Its items, if it is a list or a record.
        below: The size that each of its items or fields has at most.
    """

    whole: int = 1
    count: int = 0
    below: "Size | None" = None

    @property
    def item(self) -> "Size":
        return self.below or Size(self.whole)


def measure(value: Any) -> Size:
    """Measure a value of JSON. Its depth must have been bounded before."""
    match value:
        case str():
            return Size(len(value) + 1)
        case list():
            return _together([measure(item) for item in value])
        case dict():
            fields = _together([measure(item) for item in value.values()])
            keys = sum(len(key) + 1 for key in value)
            return Size(fields.whole + keys, fields.count, fields.below)
        case _:
            return Size()


def check_work(tree: syntax.Tree, source: str, sizes: Mapping[str, Size]) -> None:
    """Refuse an evaluation that could be more work than ``WORK_MAX``.

    ``sizes`` has, for each dotted name that it reads, how large the value is.

    Raises:
        ExpressionFault: It could.
    """
    _Reckoning(source, sizes).size(tree, {}, 1)


def _together(parts: list[Size]) -> Size:
    """Give the size of a list that holds these."""
    return Size(1 + sum(part.whole for part in parts), len(parts), _largest(parts))


def _largest(parts: list[Size]) -> Size | None:
    """Give a size that none of these goes beyond in any respect."""
    if not parts:
        return None
    return Size(
        max(part.whole for part in parts),
        max(part.count for part in parts),
        _largest([part.below for part in parts if part.below]),
    )


class _Reckoning:
    def __init__(self, source: str, values: Mapping[str, Size]) -> None:
        self._source = source
        self._values = values
        self._work = 0

    def _spend(self, work: int, tree: syntax.Tree) -> None:
        self._work += work
        if self._work > WORK_MAX:
            raise syntax.ExpressionFault(
                "with these values the expression could take too much work", tree.start,
                self._source, "make the list smaller first, with filter or in the action",
            )  # fmt: skip

    def size(self, tree: syntax.Tree, items: Mapping[str, Size], times: int) -> Size:
        """Give the size of a part's result; its work, done ``times`` times, is spent.

        ``items`` has the names that the macros around the part gave to their items.
        """
        dotted = ".".join(name for name, _ in syntax.name_chain(tree))
        if (known := self._values.get(dotted)) is not None:
            # CEL takes a value over from Python anew each time that it is read.
            self._spend(times * known.whole, tree)
            return known
        match tree:
            case syntax.Literal(text=text):
                return Size(len(text))
            case syntax.NameNode(name=name):
                return items.get(name, Size())
            case syntax.FieldNode(operand=operand):
                return self.size(operand, items, times).item
            case syntax.Index(operand=operand, key=key):
                self.size(key, items, times)
                return self.size(operand, items, times).item
            case syntax.Choice(condition=condition, yes=yes, no=no):
                self.size(condition, items, times)
                parts = [self.size(part, items, times) for part in (yes, no)]
                return _largest(parts) or Size()
            case syntax.Listing() | syntax.Object():
                return _together([self.size(part, items, times) for part in syntax.parts_of(tree)])
            case syntax.Unary(operand=operand):
                return self.size(operand, items, times)
            case syntax.Binary():
                return self._binary(tree, items, times)
            case syntax.CallNode():
                return self._call(tree, items, times)
            case _:
                assert_never(tree)

    def _binary(self, tree: syntax.Binary, items: Mapping[str, Size], times: int) -> Size:
        left, right = (self.size(part, items, times) for part in (tree.left, tree.right))
        if tree.sign in {"&&", "||"}:
            return Size()
        both = left.whole + right.whole
        self._spend(times * both, tree)
        if tree.sign != "+":
            return Size()
        below = _largest([part.below for part in (left, right) if part.below])
        return Size(both, left.count + right.count, below)

    def _call(self, tree: syntax.CallNode, items: Mapping[str, Size], times: int) -> Size:
        if tree.target is not None and tree.name in syntax.MACROS:
            return self._macro(tree, tree.target, items, times)
        parts = [self.size(part, items, times) for part in (tree.target, *tree.arguments) if part]
        work = sum(part.whole for part in parts)
        if tree.name == "contains":
            work += parts[0].whole * parts[-1].whole // _SEARCH_STEP
        self._spend(times * work, tree)
        return Size(work + _DIGITS_MAX) if tree.name == "string" else Size()

    def _macro(
        self, tree: syntax.CallNode, target: syntax.Tree, items: Mapping[str, Size], times: int
    ) -> Size:
        over = self.size(target, items, times)
        rounds = times * max(over.count, 1)
        self._spend(rounds, tree)
        variable = tree.arguments[0]
        name = variable.name if isinstance(variable, syntax.NameNode) else ""
        bodies = [self.size(b, {**items, name: over.item}, rounds) for b in tree.arguments[1:]]
        match tree.name:
            case "map":
                made = bodies[-1]
                return Size(1 + over.count * made.whole, over.count, made)
            case "filter":
                return over
            case _:
                return Size()
