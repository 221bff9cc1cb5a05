"""Say what an expression at some place of a runbook may read, and why not something else.

A ``View`` is what stands behind a place on the way through the steps: outputs of the steps
before it, which of those may be missing, and for every other name a reason that helps. Views are
values; walking on makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any, Final, assert_never

from respond.core.inputs import is_nullable
from respond.core.records import Frozen, replace
from respond.core.runbook_head import Input, InputKind
from respond.core.shapes import (
    AnyJson,
    Boolean,
    Duration,
    Integer,
    ListOf,
    RecordShape,
    SecretShape,
    Shape,
    Text,
    Time,
)
from respond.core.values import Value
from respond.errors import StepFailedError
from respond.formats.expression.expressions import Expression, Expressions, Scope
from respond.formats.expression.expressions import ExpressionTemplate as TextTemplate
from respond.formats.expression.syntax import (
    MACROS,
    Binary,
    CallNode,
    ExpressionFault,
    NameNode,
    Tree,
    name_chain,
    parts_of,
)

__all__ = [
    "CONNECTION",
    "FAILED",
    "RUN",
    "Bound",
    "BoundFormula",
    "BoundList",
    "BoundLiteral",
    "BoundRecord",
    "BoundText",
    "Reading",
    "View",
    "input_shape",
    "joined",
    "readings",
    "sure_of",
]

CONNECTION: Final = RecordShape(
    tuple((n, Text()) for n in ("name", "system", "account", "region", "sink", "identity"))
)
RUN: Final = RecordShape(
    (
        ("id", Text()),
        ("started", Time()),
        ("operator", Text()),
        ("subject", Text()),
        ("incident", Text()),
    )
)
FAILED: Final = RecordShape((("step", Text()), ("reason", Text())))


# --- what expressions become --------------------------------------------------------------------


@contextmanager
def _in_words() -> Iterator[None]:
    """An expression that cannot be evaluated is a failed step: what it needs did not happen."""
    try:
        yield
    except ExpressionFault as fault:
        raise StepFailedError(fault.what, why=f"in: {fault.source.strip()}") from fault


class BoundFormula(Frozen):
    """A bare expression, with what evaluates it."""

    expression: Expression
    using: Expressions = field(repr=False, compare=False)

    @property
    def source(self) -> str:
        return self.expression.source

    @property
    def refs(self) -> frozenset[str]:
        return self.expression.refs

    def value(self, scope: Mapping[str, Value]) -> Value:
        with _in_words():
            return self.using.evaluate(self.expression, scope)


class BoundLiteral(Frozen):
    """A value as it stands; also a formula, for a duration written out."""

    literal: Any
    source: str = ""

    @property
    def refs(self) -> frozenset[str]:
        return frozenset()

    def value(self, scope: Mapping[str, Value]) -> Value:
        result: Value = self.literal
        return result


class BoundText(Frozen):
    """A text with ``${{ }}`` in it."""

    text: TextTemplate
    using: Expressions = field(repr=False, compare=False)

    @property
    def source(self) -> str:
        return self.text.text

    @property
    def refs(self) -> frozenset[str]:
        return self.text.refs

    def value(self, scope: Mapping[str, Value]) -> Value:
        with _in_words():
            return self.using.fill(self.text, scope)


class BoundList(Frozen):
    """A list of templates."""

    items: tuple[Bound, ...]

    @property
    def refs(self) -> frozenset[str]:
        return frozenset().union(*(item.refs for item in self.items))

    def value(self, scope: Mapping[str, Value]) -> Value:
        return [item.value(scope) for item in self.items]


class BoundRecord(Frozen):
    """A record of templates."""

    fields: tuple[tuple[str, Bound], ...]

    @property
    def refs(self) -> frozenset[str]:
        return frozenset().union(*(item.refs for _, item in self.fields))

    def value(self, scope: Mapping[str, Value]) -> Value:
        return {name: item.value(scope) for name, item in self.fields}


Bound = BoundLiteral | BoundText | BoundList | BoundRecord


# --- what may be read ---------------------------------------------------------------------------


class View(Frozen):
    """What may be read at one place.

    Attributes:
        names: Name to shape.
        skippable: Steps that may have been skipped, or have failed without ending the run.
        nullable: Inputs that may be None, dotted.
        empty_texts: Inputs that are never absent because none of them is the empty text or list.
        hidden: For names of this file that cannot be read here: why.
        parts: Parts whose steps are on the way here, with the line of their use.
    """

    names: Mapping[str, Shape]
    skippable: frozenset[str] = frozenset()
    nullable: frozenset[str] = frozenset()
    empty_texts: frozenset[str] = frozenset()
    hidden: Mapping[str, str] = {}
    parts: Mapping[str, int] = {}

    @staticmethod
    def at_start(inputs: tuple[Input, ...], faulty: Iterable[str] = ()) -> View:
        """What may be read first; of a ``faulty`` input anything, for its fault is said already."""
        nullable = frozenset(f"inputs.{each.name}" for each in inputs if is_nullable(each))
        texts = frozenset(
            f"inputs.{each.name}"
            for each in inputs
            if not each.required and each.default is None and not is_nullable(each)
        )
        known = _inputs_shape(inputs)
        shape = RecordShape(known.fields + tuple((n, AnyJson()) for n in faulty), known.optional)
        names = {"inputs": shape, "run": RUN, "connection": CONNECTION}
        return View(names, nullable=nullable, empty_texts=texts)

    @property
    def scope(self) -> Scope:
        return Scope(self.names, self.skippable)

    def having(self, name: str, shape: Shape, *, skippable: bool = False) -> View:
        hidden = {key: why for key, why in self.hidden.items() if key != name}
        skip = self.skippable | {name} if skippable else self.skippable - {name}
        return replace(self, names={**self.names, name: shape}, skippable=skip, hidden=hidden)

    def without(self, names: frozenset[str], why: str) -> View:
        return replace(
            self,
            names={name: shape for name, shape in self.names.items() if name not in names},
            skippable=self.skippable - names,
            hidden={**self.hidden, **dict.fromkeys(names, why)},
        )

    def sure(self, names: frozenset[str]) -> View:
        """Behind a condition that has asked for these."""
        return replace(self, skippable=self.skippable - names, nullable=self.nullable - names)

    def unsure_since(self, before: View) -> View:
        """The same, but everything that came after ``before`` may be missing."""
        return replace(self, skippable=self.skippable | self.added_since(before))

    def added_since(self, before: View) -> frozenset[str]:
        return frozenset(self.names) - frozenset(before.names)

    def gaining(self, end: View, *, since: View) -> View:
        """The same with what came to be on a way that began at ``since`` and ended at ``end``."""
        new = end.added_since(since)
        return replace(
            self,
            names={**self.names, **{name: end.names[name] for name in new}},
            skippable=self.skippable | (end.skippable & new),
            hidden={**self.hidden, **end.hidden},
            parts=end.parts,
        )

    def back_to(self, before: View) -> View:
        """What ``before`` says, knowing what has been used meanwhile."""
        return replace(before, parts=self.parts, hidden={**self.hidden, **before.hidden})


def joined(before: View, ways: list[View], where: str) -> View:
    """What may be read after one of several ways was taken."""
    if not ways:
        return before
    names: dict[str, Shape] = dict(before.names)
    skippable = set(before.skippable)
    hidden = {key: why for way in ways for key, why in way.hidden.items()}
    parts = {name: line for way in ways for name, line in way.parts.items()}
    new = [name for way in ways for name in way.names if name not in before.names]
    for name in dict.fromkeys(new):
        shapes = [way.names[name] for way in ways if name in way.names]
        if any(shape != shapes[0] for shape in shapes):
            hidden[name] = f"it has another output in each of the branches of {where}"
            continue
        names[name] = shapes[0]
        if len(shapes) < len(ways) or any(name in way.skippable for way in ways):
            skippable.add(name)
    hidden = {name: why for name, why in hidden.items() if name not in names}
    return replace(before, names=names, skippable=frozenset(skippable), hidden=hidden, parts=parts)


# --- looking into expressions -------------------------------------------------------------------


class Reading(Frozen):
    """A name in an expression: all its parts, where it stands, whether ``has()`` asks for it."""

    path: tuple[str, ...]
    at: int
    is_asked: bool = False

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


def readings(
    tree: Tree, taken: frozenset[str] = frozenset(), *, asked: bool = False
) -> Iterator[Reading]:
    """Every name that an expression reads from its scope, in order; ``taken`` are macro names."""
    path = tuple(name for name, _ in name_chain(tree))
    if path:
        if path[0] not in taken:
            yield Reading(path, tree.start, asked)
        return
    match tree:
        case CallNode(name=name, target=target, arguments=arguments):
            inner = taken
            if target is not None:
                yield from readings(target, taken)
                if name in MACROS and arguments and isinstance(arguments[0], NameNode):
                    inner, arguments = taken | {arguments[0].name}, arguments[1:]
            for argument in arguments:
                yield from readings(argument, inner, asked=name == "has" and target is None)
        case _:
            for part in parts_of(tree):
                yield from readings(part, taken)


def sure_of(tree: Tree) -> frozenset[str]:
    """Names that are there whenever the condition holds: its ``has()`` joined by ``&&``.

    Steps by their id, inputs dotted.
    """
    match tree:
        case Binary(sign="&&", left=left, right=right):
            return sure_of(left) | sure_of(right)
        case CallNode(name="has", target=None, arguments=(asked,)):
            path = [name for name, _ in name_chain(asked)]
            return frozenset({path[0], ".".join(path[:2])}) if path else frozenset()
        case _:
            return frozenset()


def input_shape(kind: InputKind) -> Shape:
    """The shape of ``inputs.NAME``."""
    match kind:
        case InputKind.TEXT | InputKind.EMAIL | InputKind.URL | InputKind.CHOICE:
            return Text()
        case InputKind.INTEGER:
            return Integer()
        case InputKind.BOOLEAN:
            return Boolean()
        case InputKind.DURATION:
            return Duration()
        case InputKind.TIME | InputKind.DEADLINE:
            return Time()
        case InputKind.LIST:
            return ListOf(Text())
        case InputKind.SECRET:
            return SecretShape()
        case _:
            assert_never(kind)


def _inputs_shape(inputs: tuple[Input, ...]) -> RecordShape:
    """The shape of ``inputs``; those that may be None are optional in it."""
    return RecordShape(
        tuple((each.name, input_shape(each.kind)) for each in inputs),
        frozenset(each.name for each in inputs if is_nullable(each)),
    )
