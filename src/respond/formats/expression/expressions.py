"""Check and evaluate the expressions of a runbook. The one module that knows CEL.

An expression is looked at three times. When the runbook is loaded: our own parser reads it,
finds every name in the scope, knows the fields of list items, and lets only a closed list of
functions pass; then CEL compiles it and checks the types. When it is evaluated: the values are
checked against their shapes, the work is reckoned, and only then CEL runs, within its own
budget. A result is converted to plain values and never evaluated again.

CEL never sees a name of the runbook. Each output that is read becomes a typed variable of our
own naming, so that no step id means something to CEL, and ``has(step.output)`` becomes a
boolean variable (on a declared dotted name CEL takes ``has`` for the value itself).

Three kinds of value that are not there are kept apart. A **late** one is unbound, and whatever
error comes of that is the late value again. An **absent** one (a step was skipped, an input was
not given) makes ``has`` false and every other use an error. **Null** occurs only inside of
``AnyJson``.

What is not caught at load: fields and types inside of ``AnyJson``; a comparison of a list
item's field with a literal of another type, which is false; a ``has`` guard that stands in the
expression but does not guard (it ends in an error when evaluated, never in a value).
"""

import enum
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, assert_never

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
from respond.core.values import Late, Value
from respond.formats.expression.cel_values import (
    DEPTH_MAX,
    INTEGER_MAX,
    bound,
    check_kept,
    late_in,
    look,
)
from respond.formats.expression.cost import Size, check_work, measure
from respond.formats.expression.names import NameReading, Rewritten, Scope, Variable
from respond.formats.expression.syntax import ExpressionFault, Tree, expressions_in, parse

if TYPE_CHECKING:
    # The package brings stubs and no py.typed, so that mypy does not take them.
    from cel_expr_python import cel  # type: ignore[import-untyped]

__all__ = ["Expression", "ExpressionFault", "ExpressionTemplate", "Expressions", "Scope", "Wants"]

_RESULT_MAX: Final = 1_000_000
"""Characters and values that one result may hold."""

_UNBOUND: Final = re.compile(r'No value with name "([vh]\d+)"')
_CEL_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")
_CEL_OVERLOAD: Final = re.compile(r"no matching overload for '(.*?)' applied to '(.*)'")
_SIGN_NAMES: Final = {"_?_:_": "?:", "@in": "in", "_[_]": "[]", "!_": "!", "-_": "-"}
_CEL_TYPE_NAMES: Final = {"int": "integer", "string": "text", "bool": "boolean", "dyn": "any value"}


class Wants(enum.Enum):
    """What the place where an expression stands can use."""

    ANYTHING = "a value"
    BOOLEAN = "a boolean"
    """``when``, ``assert``, ``until``."""
    LIST = "a list"
    """``for_each``. A list that is absent has no items."""
    CHOICE = "text, an integer or a boolean"
    """``choose``."""


class Prepared(Frozen):
    """What evaluation needs of a checked expression that is more than a name.

    Attributes:
        tree: Of the source.
        variables: What CEL is told.
        rewritten: The source in CEL's names.
    """

    tree: Tree
    variables: tuple[Variable, ...]
    rewritten: Rewritten


class Expression(Frozen):
    """An expression that was checked, with all that its evaluation needs.

    Attributes:
        source: As it stands in the runbook.
        shape: Of its result.
        refs: Dotted names that it reads.
        wants: What its result is used for.
        prepared: For CEL; or only the path, when the expression is a name and nothing else.
    """

    source: str
    shape: Shape
    refs: frozenset[str]
    wants: Wants = Wants.ANYTHING
    prepared: Prepared | tuple[str, ...] = ()


class ExpressionTemplate(Frozen):
    """A text that may hold expressions in ``${{ }}``.

    Attributes:
        text: As it stands in the runbook.
        parts: Literal text and expressions in order.
        shape: Of the filled-in value: the expression's own when it is the whole text.
    """

    text: str
    parts: tuple[str | Expression, ...]
    shape: Shape

    @property
    def refs(self) -> frozenset[str]:
        """Dotted names that the expressions read."""
        return frozenset().union(*(part.refs for part in self._expressions))

    @property
    def is_whole(self) -> bool:
        """Whether the text is one expression and nothing else, so that the type is kept."""
        return len(self.parts) == 1 and bool(self._expressions)

    @property
    def _expressions(self) -> list[Expression]:
        return [part for part in self.parts if isinstance(part, Expression)]


class Expressions:
    """Checks expressions and evaluates them; compiled programs are kept.

    CEL is imported when the first expression needs it. A name that stands alone does not.
    """

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, tuple[tuple[str, str], ...]], cel.Expression] = {}

    def check(self, source: str, scope: Scope, *, wants: Wants = Wants.ANYTHING) -> Expression:
        """Check an expression against what it may read.

        Raises:
            ExpressionFault: It cannot be used there; ``at`` counts from the start of ``source``.
        """
        tree = parse(source)
        reading = NameReading(source, scope)
        shape = reading.shape_of_whole(tree)
        if not _serves(wants, shape):
            what = f"this must be {wants.value}, and is {shape_text(shape)}"
            raise ExpressionFault(what, tree.start, source)
        refs = frozenset(".".join(path) for path in reading.paths)
        if reading.whole:
            return Expression(source, shape, refs, wants, reading.whole)
        prepared = Prepared(tree, tuple(reading.variables.values()), reading.rewritten())
        self._program(prepared, source)
        return Expression(source, shape, refs, wants, prepared)

    def evaluate(self, expression: Expression, values: Mapping[str, Value]) -> Value:
        """Work out an expression.

        Args:
            expression: From ``check``.
            values: For each name of the scope its value. One that is missing or None is absent.

        Returns:
            The result, or a ``Late`` where it depends on a value that is not known yet.

        Raises:
            ExpressionFault: There is no result, or it is not of the expression's shape.
        """
        if isinstance(expression.prepared, Prepared):
            return self._evaluate(expression, expression.prepared, values)
        return _whole_value(expression, expression.prepared, values)

    def check_template(self, text: str, scope: Scope) -> ExpressionTemplate:
        """Check a text that may hold ``${{ }}``.

        Raises:
            ExpressionFault: ``at`` counts from the start of ``text``.
        """
        parts: list[str | Expression] = []
        at = 0
        for offset, source in expressions_in(text):
            start = offset - 3
            if start > at:
                parts.append(text[at:start])
            try:
                parts.append(self.check(source, scope))
            except ExpressionFault as fault:
                raise fault.within(text, offset) from None
            at = offset + len(source) + 2
            if text[start:at] != text:
                _check_mixed(parts[-1], start, text)
        if at < len(text) or not parts:
            parts.append(text[at:])
        whole = parts[0] if len(parts) == 1 else None
        return ExpressionTemplate(
            text, tuple(parts), whole.shape if isinstance(whole, Expression) else Text()
        )

    def fill(self, template: ExpressionTemplate, values: Mapping[str, Value]) -> Value:
        """Put the values into a text, once.

        Returns:
            The expression's own value when it is the whole text (None when that is absent), else
            text; ``Late`` when a part is late.

        Raises:
            ExpressionFault: A part has no value, or one that cannot stand in a text.
        """
        results = [
            part if isinstance(part, str) else self.evaluate(part, values)
            for part in template.parts
        ]
        if template.is_whole:
            return results[0]
        pieces: list[str] = []
        for part, result in zip(template.parts, results, strict=True):
            if isinstance(result, Late):
                return result
            if isinstance(result, bool) or not isinstance(result, str | int):
                source = part if isinstance(part, str) else part.source
                what = "only text and integers can stand inside of a text"
                raise ExpressionFault(what, 0, source, _absent_hint(source, result))
            pieces.append(str(result))
        if sum(map(len, pieces)) > _RESULT_MAX:
            raise ExpressionFault("the text becomes too long", 0, template.text)
        return "".join(pieces)

    def _evaluate(
        self, expression: Expression, prepared: Prepared, values: Mapping[str, Value]
    ) -> Value:
        source = expression.source
        data: dict[str, Any] = {}
        sizes: dict[str, Size] = {}
        late: dict[str, Late] = {}
        for variable in prepared.variables:
            value = look(variable.path, values, source)
            unknown = value if isinstance(value, Late) else None
            if unknown is None and not variable.asks_presence:
                unknown = late_in(value)
            if unknown is not None:
                late[variable.name] = unknown
            elif variable.asks_presence:
                data[variable.name] = value is not None
            elif value is not None:
                dotted = ".".join(variable.path)
                data[variable.name] = bound(value, variable.shape, dotted, source)
                sizes[dotted] = measure(data[variable.name])
        try:
            check_work(prepared.tree, source, sizes)
            return self._run(expression, prepared, data)
        except ExpressionFault as fault:
            # Whatever went wrong may go right with the value that is not known yet.
            if not late:
                raise
            named = _UNBOUND.search(str(fault.__cause__))
            return late.get(named[1] if named else "", next(iter(late.values())))

    def _run(self, expression: Expression, prepared: Prepared, data: dict[str, Any]) -> Value:
        source = expression.source
        program = self._program(prepared, source)
        try:
            result = program.eval(data=data)
        except (RuntimeError, ValueError, TypeError) as error:
            raise _evaluation_fault(prepared, source, str(error)) from error
        if result.type().name() == "ERROR":
            # CEL gives most errors back as a value; one that nobody looks at would be the result.
            message = str(result.value())
            raise _evaluation_fault(prepared, source, message) from RuntimeError(message)
        value = _Conversion(source).plain(result, 0)
        bound(value, expression.shape, "the result", source)
        if not _is_wanted(expression.wants, value):
            raise ExpressionFault(f"this must be {expression.wants.value}", 0, source)
        return value

    def _program(self, prepared: Prepared, source: str) -> "cel.Expression":
        declared = tuple(
            (variable.name, "bool" if variable.asks_presence else _cel_type(variable.shape))
            for variable in prepared.variables
        )
        key = (prepared.rewritten.text, declared)
        if key not in self._compiled:
            self._compiled[key] = _compile(prepared.rewritten, declared, source)
        return self._compiled[key]


def _compile(
    rewritten: Rewritten, declared: tuple[tuple[str, str], ...], source: str
) -> "cel.Expression":
    from cel_expr_python import cel  # noqa: PLC0415 - not every start needs it

    types = {name: cel.Type(signature) for name, signature in declared}
    try:
        return cel.NewEnv(variables=types).compile(rewritten.text)
    except (RuntimeError, ValueError) as error:
        raise _compile_fault(str(error), rewritten, source) from error


def _cel_type(shape: Shape) -> str:
    match shape:
        case Text() | Time():
            return "string"
        case Integer() | Duration():
            return "int"
        case Boolean():
            return "bool"
        case ListOf(item=item):
            return f"list<{_cel_type(item)}>"
        case RecordShape():
            return "map<string, dyn>"
        case AnyJson() | SecretShape():
            return "dyn"
        case _:
            assert_never(shape)


_WANTED: Final[Mapping[Wants, tuple[tuple[type[Shape], ...], tuple[type, ...]]]] = {
    Wants.BOOLEAN: ((Boolean, AnyJson), (bool,)),
    Wants.LIST: ((ListOf, AnyJson), (list,)),
    Wants.CHOICE: ((Text, Time, Integer, Duration, Boolean, AnyJson), (str, int)),
}
"""The shapes and the values that serve where not anything does."""


def _serves(wants: Wants, shape: Shape) -> bool:
    return wants is Wants.ANYTHING or isinstance(shape, _WANTED[wants][0])


def _is_wanted(wants: Wants, value: Value) -> bool:
    return wants is Wants.ANYTHING or isinstance(value, _WANTED[wants][1])


def _check_mixed(part: str | Expression, start: int, text: str) -> None:
    if isinstance(part, Expression):
        if isinstance(part.shape, SecretShape):
            what = "a secret can only be the whole value, with no text around it"
            raise ExpressionFault(what, start, text)
        if not isinstance(part.shape, Text | Time | Integer | Duration | AnyJson):
            what = (
                f"only text and integers can stand inside of a text, not {shape_text(part.shape)}"
            )
            raise ExpressionFault(what, start, text)


def _whole_value(
    expression: Expression, path: tuple[str, ...], values: Mapping[str, Value]
) -> Value:
    dotted = ".".join(path)
    if path[0] not in values:
        raise ExpressionFault(f"'{path[0]}' has no value yet", 0, expression.source)
    value = look(path, values, expression.source)
    if isinstance(value, Late):
        return value
    if value is None:
        match expression.wants:
            case Wants.ANYTHING:
                return None
            case Wants.LIST:
                return []
            case _:
                what = f"'{dotted}' is absent"
                raise ExpressionFault(what, 0, expression.source, f"ask first: has({dotted})")
    check_kept(value, expression.shape, dotted, expression.source)
    if not _is_wanted(expression.wants, value):
        raise ExpressionFault(f"this must be {expression.wants.value}", 0, expression.source)
    return value


class _Conversion:
    """Take CEL's result apart into plain values, and stop when there are too many."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = _RESULT_MAX

    def plain(self, result: "cel.Value", depth: int) -> Value:
        kind = result.type().name()
        # Never ask an item that is null for its value: cel-expr-python 0.1.3 then gives away a
        # reference to None that it does not own, and after some thousand times Python aborts.
        value = None if kind == "NULL" else result.value()
        self._left -= 1 + (len(value) if isinstance(value, str) else 0)
        if self._left < 0 or depth > DEPTH_MAX:
            raise ExpressionFault("the result is too large", 0, self._source)
        if kind.startswith("LIST") and isinstance(value, list):
            return [self.plain(item, depth + 1) for item in value]
        if kind.startswith("MAP") and isinstance(value, dict):
            return {self._key(key): self.plain(item, depth + 1) for key, item in value.items()}
        match kind, value:
            case "NULL", None:
                return None
            case "BOOL", bool():
                return value
            case "INT", int() if abs(value) <= INTEGER_MAX:
                return value
            case "INT", int():
                what = f"the result is a number larger than {INTEGER_MAX}"
                raise ExpressionFault(what, 0, self._source)
            case "STRING", str():
                return value
            case "ERROR", _:
                raise ExpressionFault(f"part of the result is an error: {value}", 0, self._source)
            case _:
                what = f"the result is a {kind.lower()}, which a value cannot be"
                raise ExpressionFault(what, 0, self._source)

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise ExpressionFault("the result has a key that is not text", 0, self._source)
        self._left -= len(key)
        return key


def _compile_fault(message: str, rewritten: Rewritten, source: str) -> ExpressionFault:
    if "recursion" in message:
        return ExpressionFault("the expression is nested too deep, or too long a chain", 0, source)
    found = _CEL_PLACE.search(message)
    if found is None:
        return ExpressionFault(_ours(message, rewritten.names), 0, source)
    at = rewritten.place(int(found[1]), int(found[2]))
    overload = _CEL_OVERLOAD.search(found[3])
    if overload is None:
        return ExpressionFault(_ours(found[3], rewritten.names), at, source)
    sign = _SIGN_NAMES.get(overload[1], overload[1].strip("_"))
    types = re.sub(r"[a-z_]+", lambda name: _CEL_TYPE_NAMES.get(name[0], name[0]), overload[2])
    return ExpressionFault(f"'{sign}' does not go with {types}", at, source)


def _evaluation_fault(prepared: Prepared, source: str, message: str) -> ExpressionFault:
    if unbound := _UNBOUND.search(message):
        name = dict(prepared.rewritten.names).get(unbound[1], unbound[1])
        return ExpressionFault(f"'{name}' is absent", 0, source, f"ask first: has({name})")
    if "budget" in message:
        what = "the expression goes round too many times"
        return ExpressionFault(what, 0, source, "filter the list first")
    return ExpressionFault(f"no result: {_ours(message, prepared.rewritten.names)}", 0, source)


def _ours(message: str, names: tuple[tuple[str, str], ...]) -> str:
    first = re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", message.split("\n", 1)[0])
    table = dict(names)
    return re.sub(r"\b[vh]\d+\b", lambda name: table.get(name[0], name[0]), first)


def _absent_hint(source: str, result: object) -> str:
    return f"ask first: has({source.strip()}) ? ... : ..." if result is None else ""
