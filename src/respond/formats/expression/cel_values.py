"""Take values to CEL and nowhere else: find them, and check them against their shapes.

Nothing here quotes a value in a fault: it may have been a secret pasted in the wrong place.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

from respond.core import shapes
from respond.core.values import Late, SecretHandle, Value
from respond.formats.expression.syntax import ExpressionFault

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 32


def look(path: tuple[str, ...], values: Mapping[str, Value], source: str) -> Value:
    """Follow a path: the value, a ``Late`` met on the way, or None for an absent one."""
    value = values.get(path[0])
    for number, name in enumerate(path[1:], start=1):
        if isinstance(value, Late) or value is None:
            return value
        if not isinstance(value, dict):
            raise ExpressionFault(f"'{'.'.join(path[:number])}' is not a record", 0, source)
        value = value.get(name)
    return value


def check_kept(value: Value, shape: shapes.Shape, name: str, source: str, depth: int = 0) -> None:
    """Check a value that is handed on as it is; secrets and late values may be inside."""
    if isinstance(value, Late):
        return
    match shape, value:
        case shapes.SecretShape(), SecretHandle():
            return
        case shapes.ListOf(item=item), list() if depth < DEPTH_MAX:
            for number, part in enumerate(value):
                check_kept(part, item, f"{name}[{number}]", source, depth + 1)
        case shapes.RecordShape(fields=fields), dict() if depth < DEPTH_MAX:
            for key, below in fields:
                if value.get(key) is not None:
                    check_kept(value[key], below, f"{name}.{key}", source, depth + 1)
        case _:
            bound(value, shape, name, source, depth)


def late_in(value: Value, depth: int = 0) -> Late | None:
    """Find a late value in another: what holds one is not known either."""
    if isinstance(value, Late):
        return value
    if depth > DEPTH_MAX:
        return None
    inside: list[Value] = []
    if isinstance(value, list):
        inside = value
    elif isinstance(value, dict):
        inside = list(value.values())
    return next((late for part in inside if (late := late_in(part, depth + 1)) is not None), None)


def bound(value: Value, shape: shapes.Shape, name: str, source: str, depth: int = 0) -> Any:
    """Check a value against its shape and give it in the form that CEL takes.

    Raises:
        ExpressionFault: It has another shape. The value is not quoted.
    """
    below = functools.partial(bound, source=source, depth=depth + 1)
    if depth <= DEPTH_MAX:
        match shape, value:
            case ((shapes.Text() | shapes.Time() | shapes.AnyJson()), str()):
                return _encodable(value, name, source)
            case ((shapes.Boolean() | shapes.AnyJson()), bool()):
                return value
            case ((shapes.Integer() | shapes.Duration() | shapes.AnyJson()), int()) if (
                not isinstance(value, bool)
            ):
                if abs(value) <= INTEGER_MAX:
                    return value
                what = f"{name} is a number larger than {INTEGER_MAX}"
                raise ExpressionFault(what, 0, source)
            case shapes.AnyJson(), None:
                return None
            case shapes.ListOf(item=item), list() | tuple():
                return [below(part, item, f"{name}[{n}]") for n, part in enumerate(value)]
            case shapes.AnyJson(), list() | tuple():
                return [below(part, shape, f"{name}[{n}]") for n, part in enumerate(value)]
            case shapes.AnyJson(), dict():
                return {
                    _encodable(key, name, source): below(part, shape, f"{name}.(field)")
                    for key, part in value.items()
                }
            case shapes.RecordShape(fields=fields), dict():
                # An optional field without a value is left out, so that has() says so.
                return {
                    key: below(value[key], field, f"{name}.{key}")
                    for key, field in fields
                    if value.get(key) is not None or (key in value and field == shapes.AnyJson())
                }
            case _:
                pass
    kind = "a secret" if isinstance(value, SecretHandle) else type(value).__name__
    what = f"{name} must be {shapes.shape_text(shape)}, and is {kind}"
    raise ExpressionFault(what, 0, source)


def _encodable(text: object, name: str, source: str) -> str:
    # A lone surrogate ends CEL in an exception of its own.
    if not isinstance(text, str) or (not text.isascii() and re.search("[\ud800-\udfff]", text)):
        raise ExpressionFault(f"{name} is not text that UTF-8 can say", 0, source)
    # cel-expr-python 0.1.3 gives back only what stands before a NUL: another text, and no error.
    if "\x00" in text:
        raise ExpressionFault(f"{name} is text with a NUL in it", 0, source)
    return text
