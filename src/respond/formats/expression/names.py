"""Find what an expression reads, and say it again in names that mean nothing to CEL.

One walk through the tree: each name is found in the scope, each field in its record, each
function in a closed list, and the shape of the result is worked out. On the way every value
that is read becomes a variable ``v0``, ``v1``, ... of one type, every ``has(step.output)`` a
boolean ``h0``, and every name of a macro ``m0``: so no step id or field means something to CEL,
and ``has``, which CEL takes for the value itself on a declared dotted name, asks what it says.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias, assert_never

from respond.core.records import Frozen
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
    shape_text,
)
from respond.formats.expression import syntax
from respond.formats.faults import did_you_mean

_MACRO_NESTING_MAX: Final = 2
_FUNCTIONS: Final = frozenset({"size", "int", "string", "has"})
_METHODS: Final = frozenset({"size", "contains", "startsWith", "endsWith"}) | syntax.MACROS
_LEFT_OUT: Final = {
    "matches": "patterns are left out: use contains, startsWith or endsWith",
    "duration": "durations are whole seconds here, e.g. 300",
    "timestamp": "times are text here and compare as text",
    "lowerAscii": "there is no change of case: compare with ==",
    "double": "there are no fractions here",
}


class Scope(Frozen):
    """What an expression may read.

    Attributes:
        names: ``inputs``, the earlier steps, the ``as`` name, and so on, each with its shape.
            The fields of a ``Record`` are read as ``name.field``.
        skippable: Those of the names that may have no value when the expression is evaluated.
    """

    names: Mapping[str, Shape]
    skippable: frozenset[str] = frozenset()


class Variable(Frozen):
    """What CEL is told about one value: ``v0`` for itself, ``h0`` for whether it is there."""

    name: str
    path: tuple[str, ...]
    shape: Shape
    asks_presence: bool


class _Edit(Frozen):
    start: int
    end: int
    text: str


class Rewritten(Frozen):
    """An expression in the names that CEL is told, with the way back for faults."""

    text: str
    starts: tuple[tuple[int, int], ...]
    """Where pieces of ``text`` begin, and where in the source they come from."""
    names: tuple[tuple[str, str], ...]

    def place(self, line: int, column: int) -> int:
        """Give the offset in the source of a place that CEL names."""
        lines = self.text.split("\n")
        if not 0 < line <= len(lines):
            return 0
        offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
        made, came = max((pair for pair in self.starts if pair[0] <= offset), default=(0, 0))
        following = min((pair[1] for pair in self.starts if pair[0] > offset), default=None)
        source = came + offset - made
        return source if following is None else min(source, max(following - 1, came))


_MacroNames: TypeAlias = Mapping[str, tuple[Shape, str]]


class NameReading:
    """One walk through the tree: the shape of each part, and what CEL will be given instead."""

    def __init__(self, source: str, scope: Scope) -> None:
        self._source = source
        self._scope = scope
        self._edits: list[_Edit] = []
        self._macros = 0
        self._guarded: set[str] = set()
        self._read: list[tuple[tuple[str, ...], int]] = []
        self.variables: dict[tuple[tuple[str, ...], bool], Variable] = {}
        self.whole: tuple[str, ...] = ()

    @property
    def paths(self) -> list[tuple[str, ...]]:
        return [path for path, _ in self._read]

    def shape_of_whole(self, tree: syntax.Tree) -> Shape:
        if (chain := syntax.name_chain(tree)) and (found := self._find(chain))[1] == len(chain):
            self.whole = tuple(name for name, _ in chain)
            self._read.append((self.whole, tree.start))
            shape = found[0]
        else:
            shape = self._shape(tree, {}, 0)
        for path, at in self._read:
            if path[0] in self._scope.skippable and path[0] not in self._guarded:
                dotted = ".".join(path)
                raise self._fault(
                    f"step '{path[0]}' may be skipped, and then {dotted} is absent", at,
                    f"ask first: has({dotted}) ? {dotted} : ..., or has({dotted}) && ...",
                )  # fmt: skip
        return shape

    def rewritten(self) -> Rewritten:
        pieces: list[str] = []
        starts: list[tuple[int, int]] = []
        at = made = 0
        for edit in sorted(self._edits, key=lambda edit: edit.start):
            for text, came in ((self._source[at : edit.start], at), (edit.text, edit.start)):
                starts.append((made, came))
                pieces.append(text)
                made += len(text)
            at = edit.end
        starts.append((made, at))
        pieces.append(self._source[at:])
        names = tuple((item.name, ".".join(item.path)) for item in self.variables.values())
        return Rewritten("".join(pieces), tuple(starts), names)

    def _fault(self, what: str, at: int, hint: str = "") -> syntax.ExpressionFault:
        return syntax.ExpressionFault(what, at, self._source, hint)

    def _shape(self, tree: syntax.Tree, macro: _MacroNames, nesting: int) -> Shape:
        match tree:
            case syntax.Literal(kind=kind):
                return _LITERALS[kind]
            case syntax.NameNode() | syntax.FieldNode():
                return self._chain_shape(tree, macro, nesting)
            case syntax.Index():
                return self._index(tree, macro, nesting)
            case syntax.CallNode(name="has", target=None):
                return self._has(tree, macro, nesting)
            case syntax.CallNode():
                return self._call(tree, macro, nesting)
            case syntax.Listing(items=items):
                return ListOf(_common([self._shape(item, macro, nesting) for item in items]))
            case syntax.Object():
                return self._object(tree, macro, nesting)
            case syntax.Unary(sign=sign, operand=operand):
                self._shape(operand, macro, nesting)
                return Boolean() if sign == "!" else Integer()
            case syntax.Binary():
                return self._binary(tree, macro, nesting)
            case syntax.Choice(condition=condition, yes=yes, no=no):
                self._shape(condition, macro, nesting)
                return _common([self._shape(part, macro, nesting) for part in (yes, no)])
            case _:
                assert_never(tree)

    # Names and fields.

    def _find(self, chain: list[tuple[str, int]]) -> tuple[Shape, int]:
        """Follow a chain into the scope: the shape found, and how many names led there."""
        name, at = chain[0]
        names = self._scope.names
        if name not in names:
            hint = did_you_mean(name, names) or f"for text, write '{name}' in quotes"
            raise self._fault(f"unknown name '{name}'", at, hint)
        shape = names[name]
        used = 1
        while used < len(chain) and isinstance(shape, RecordShape):
            shape = self._field_of(shape, chain[used], ".".join(n for n, _ in chain[:used]))
            used += 1
        return shape, used

    def _field_of(self, record: RecordShape, name: tuple[str, int], of: str) -> Shape:
        shape = record.get(name[0])
        if shape is None:
            known = [known for known, _ in record.fields]
            listed = f"it has {', '.join(known[:12])}" if known else ""
            hint = did_you_mean(name[0], known) or listed
            raise self._fault(f"'{of}' has no field '{name[0]}'", name[1], hint)
        return shape

    def _chain_shape(
        self, tree: syntax.NameNode | syntax.FieldNode, macro: _MacroNames, nesting: int
    ) -> Shape:
        chain = syntax.name_chain(tree)
        if chain and chain[0][0] not in macro:
            shape, used = self._find(chain)
            path = tuple(name for name, _ in chain[:used])
            if isinstance(shape, RecordShape):
                raise self._fault(
                    f"'{'.'.join(path)}' is a record, and can only stand alone", tree.start,
                    f"name one of its fields: {', '.join(name for name, _ in shape.fields[:12])}",
                )  # fmt: skip
            if _holds_secret(shape):
                raise self._secret(".".join(path), tree.start)
            variable = self._variable(path, shape, asks_presence=False)
            self._read.append((path, tree.start))
            stop = chain[used - 1][1] + len(chain[used - 1][0])
            self._edits.append(_Edit(tree.start, stop, variable.name))
            for name, at in chain[used:]:
                shape = self._below(shape, (name, at), ".".join(path))
            return shape
        if isinstance(tree, syntax.NameNode):
            shape, renamed = macro[tree.name]
            self._edits.append(_Edit(tree.start, tree.end, renamed))
            return shape
        shape = self._shape(tree.operand, macro, nesting)
        of = self._source[tree.operand.start : tree.operand.end]
        return self._below(shape, (tree.name, tree.name_at), of)

    def _below(self, shape: Shape, name: tuple[str, int], of: str) -> Shape:
        match shape:
            case AnyJson():
                return AnyJson()
            case RecordShape():
                found = self._field_of(shape, name, of)
                if _holds_secret(found):
                    raise self._secret(f"{of}.{name[0]}", name[1])
                return found
            case _:
                raise self._fault(f"'{of}' is {shape_text(shape)} and has no fields", name[1])

    def _secret(self, name: str, at: int) -> syntax.ExpressionFault:
        return self._fault(
            f"'{name}' is or holds a secret", at,
            "a secret can only be the whole value: ${{ " + name + " }}",
        )  # fmt: skip

    def _variable(self, path: tuple[str, ...], shape: Shape, *, asks_presence: bool) -> Variable:
        key = (path, asks_presence)
        if key not in self.variables:
            name = f"{'h' if asks_presence else 'v'}{len(self.variables)}"
            self.variables[key] = Variable(name, path, shape, asks_presence)
        return self.variables[key]

    def _has(self, tree: syntax.CallNode, macro: _MacroNames, nesting: int) -> Shape:
        asked = tree.arguments[0] if len(tree.arguments) == 1 else None
        chain = syntax.name_chain(asked) if asked else []
        if asked is None or not (chain or isinstance(asked, syntax.FieldNode)):
            raise self._fault("has() takes one name, like has(step.output)", tree.start)
        if not chain or chain[0][0] in macro:
            if isinstance(asked, syntax.NameNode):
                raise self._fault("has() takes a field here, like has(item.field)", asked.start)
            self._shape(asked, macro, nesting)
            return Boolean()
        shape, used = self._find(chain)
        path = tuple(name for name, _ in chain[:used])
        self._guarded.add(path[0])
        self._read.append((path, asked.start))
        presence = self._variable(path, shape, asks_presence=True)
        if used == len(chain):
            self._edits.append(_Edit(tree.start, tree.end, presence.name))
            return Boolean()
        for name in chain[used:]:
            self._below(shape, name, ".".join(path))
        variable = self._variable(path, shape, asks_presence=False)
        rest = "".join(f".{name}" for name, _ in chain[used:])
        text = f"({presence.name} && has({variable.name}{rest}))"
        self._edits.append(_Edit(tree.start, tree.end, text))
        return Boolean()

    # Operators and functions.

    def _index(self, tree: syntax.Index, macro: _MacroNames, nesting: int) -> Shape:
        operand = self._shape(tree.operand, macro, nesting)
        self._shape(tree.key, macro, nesting)
        match operand:
            case ListOf(item=item):
                return item
            case AnyJson():
                return AnyJson()
            case RecordShape():
                raise self._fault("the fields of a record are read with a dot", tree.key.start)
            case _:
                of = self._source[tree.operand.start : tree.operand.end]
                raise self._fault(f"'{of}' is {shape_text(operand)} and no list", tree.start)

    def _object(self, tree: syntax.Object, macro: _MacroNames, nesting: int) -> Shape:
        fields: dict[str, Shape] = {}
        for key, value in tree.entries:
            if not (isinstance(key, syntax.Literal) and key.kind == "text"):
                raise self._fault("a key here must be a text in quotes", key.start)
            # Keys with escapes stay as they are written; nobody can name them with a dot.
            name = key.text.strip("rR").strip("'\"")
            if name in fields:
                raise self._fault(f"the key '{name}' stands here twice", key.start)
            fields[name] = self._shape(value, macro, nesting)
        return RecordShape(tuple(fields.items()))

    def _binary(self, tree: syntax.Binary, macro: _MacroNames, nesting: int) -> Shape:
        left = self._shape(tree.left, macro, nesting)
        right = self._shape(tree.right, macro, nesting)
        if tree.sign in {"==", "!=", "in"}:
            against = right.item if tree.sign == "in" and isinstance(right, ListOf) else right
            if (
                isinstance(left, Text)
                and isinstance(against, Text)
                and left.kind
                and against.kind
                and left.kind != against.kind
            ):
                what = f"{left.kind} and {against.kind} can never be the same thing"
                raise self._fault(what, tree.sign_at)
        match tree.sign:
            case "+" if isinstance(left, Text | Time) and isinstance(right, Text | Time):
                return Text()
            case "+" if isinstance(left, ListOf) and isinstance(right, ListOf):
                return ListOf(_common([left.item, right.item]))
            case "+" if AnyJson() in (left, right):
                return AnyJson()
            case "+" | "-" | "*" | "/" | "%":
                return Integer()
            case _:
                return Boolean()

    def _call(self, tree: syntax.CallNode, macro: _MacroNames, nesting: int) -> Shape:
        known = _FUNCTIONS if tree.target is None else _METHODS
        if tree.name not in known:
            hint = _LEFT_OUT.get(tree.name) or did_you_mean(tree.name, _FUNCTIONS | _METHODS)
            listed = f"there are {', '.join(sorted(known))}"
            raise self._fault(f"unknown function '{tree.name}'", tree.name_at, hint or listed)
        if tree.target is not None and tree.name in syntax.MACROS:
            return self._macro(tree, tree.target, macro, nesting)
        for part in (tree.target, *tree.arguments):
            if part is not None:
                self._shape(part, macro, nesting)
        return _RESULTS[tree.name]

    def _macro(
        self, tree: syntax.CallNode, target: syntax.Tree, macro: _MacroNames, nesting: int
    ) -> Shape:
        if nesting >= _MACRO_NESTING_MAX:
            what = f"{tree.name}() stands inside of {nesting} others"
            raise self._fault(what, tree.name_at, "let an action work it out")
        over = self._shape(target, macro, nesting)
        if not isinstance(over, ListOf | AnyJson):
            of = self._source[target.start : target.end]
            what = f"{tree.name}() needs a list, and '{of}' is {shape_text(over)}"
            raise self._fault(what, target.start)
        item = over.item if isinstance(over, ListOf) else AnyJson()
        allowed = {2, 3} if tree.name == "map" else {2}
        variable = tree.arguments[0] if tree.arguments else None
        if len(tree.arguments) not in allowed or not isinstance(variable, syntax.NameNode):
            example = f"{tree.name}(x, ...)"
            raise self._fault(f"{tree.name}() takes a name and what to do: {example}", tree.start)
        if variable.name in macro or variable.name in self._scope.names:
            raise self._fault(
                f"the name '{variable.name}' is taken", variable.start, "choose another one"
            )
        renamed = f"m{self._macros}"
        self._macros += 1
        self._edits.append(_Edit(variable.start, variable.end, renamed))
        inner = {**macro, variable.name: (item, renamed)}
        bodies = [self._shape(body, inner, nesting + 1) for body in tree.arguments[1:]]
        match tree.name:
            case "map":
                return ListOf(bodies[-1])
            case "filter":
                return over if isinstance(over, ListOf) else ListOf(AnyJson())
            case _:
                return Boolean()


_LITERALS: Final[dict[str, Shape]] = {
    "text": Text(),
    "integer": Integer(),
    "boolean": Boolean(),
    "null": AnyJson(),
}
_RESULTS: Final[dict[str, Shape]] = {
    "size": Integer(),
    "int": Integer(),
    "string": Text(),
    "contains": Boolean(),
    "startsWith": Boolean(),
    "endsWith": Boolean(),
}


def _common(shapes: list[Shape]) -> Shape:
    """Give the shape that all of these have."""
    if not shapes:
        return AnyJson()
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    if all(isinstance(shape, Text | Time) for shape in shapes):
        return Text()
    if all(isinstance(shape, Integer | Duration) for shape in shapes):
        return Integer()
    lists = [shape.item for shape in shapes if isinstance(shape, ListOf)]
    # An empty list written out goes with every list.
    known = [item for item in lists if item != AnyJson()]
    return ListOf(_common(known)) if len(lists) == len(shapes) else AnyJson()


def _holds_secret(shape: Shape) -> bool:
    match shape:
        case SecretShape():
            return True
        case ListOf(item=item):
            return _holds_secret(item)
        case RecordShape(fields=fields):
            return any(_holds_secret(field) for _, field in fields)
        case _:
            return False
