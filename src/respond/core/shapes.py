"""Say what inputs and outputs look like, so that a runbook is checked before it runs.

An action declares fields with ordinary annotations; ``shape_of`` turns those into the
small closed list of shapes below, ``encode`` and ``decode`` carry values to JSON and back.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeAlias

from respond.core.records import Frozen, is_record, is_record_type, names_of, needed_of
from respond.core.values import DrawnSecret, Late, OwnCredential, SecretHandle
from respond.errors import ShapeError

__all__ = [
    "AnyJson",
    "Boolean",
    "Duration",
    "Integer",
    "JsonWithSecrets",
    "ListOf",
    "RecordShape",
    "Seconds",
    "SecretShape",
    "Shape",
    "ShapeError",
    "Text",
    "Time",
    "Timestamp",
    "accepts",
    "decode",
    "encode",
    "hints_of",
    "shape_of",
    "shape_text",
]

Timestamp = typing.NewType("Timestamp", str)
"""RFC 3339 in UTC with ``Z``, e.g. ``2026-11-23T03:14:07Z``; sorts as text."""

Seconds = typing.NewType("Seconds", int)
"""A duration in whole seconds."""

if typing.TYPE_CHECKING:
    JsonWithSecrets: TypeAlias = Any
else:
    JsonWithSecrets = typing.NewType("JsonWithSecrets", object)
"""What is sent as JSON: handles of secrets may stand in it, to any depth."""


class Text(Frozen):
    """Text; ``kind`` names an id type such as ``customerio.KeyId`` that must not be swapped."""

    kind: str = ""


class Integer(Frozen):
    """A whole number up to 2^53-1."""


class Boolean(Frozen):
    """True or false."""


class Time(Frozen):
    """A point in time, RFC 3339 in UTC."""


class Duration(Frozen):
    """Whole seconds."""


class SecretShape(Frozen):
    """A handle; the value itself is nowhere."""


class AnyJson(Frozen):
    """Whatever JSON can say; where ``secrets`` is true, handles too."""

    secrets: bool = False


class ListOf(Frozen):
    """A list with items of one shape."""

    item: Shape


class RecordShape(Frozen):
    """Named fields in order; ``optional`` ones may be absent."""

    fields: tuple[tuple[str, Shape], ...]
    optional: frozenset[str] = frozenset()

    def get(self, name: str) -> Shape | None:
        return dict(self.fields).get(name)


Shape: TypeAlias = (
    "Text | Integer | Boolean | Time | Duration | SecretShape | AnyJson | ListOf | RecordShape"
)


def shape_text(shape: Shape) -> str:
    """The shape in a reader's words: ``text``, ``list of text``, ``customerio.KeyId``."""
    match shape:
        case Text(kind=kind):
            return kind or "text"
        case ListOf(item=item):
            return f"list of {shape_text(item)}"
        case RecordShape(fields=fields):
            return "{" + ", ".join(name for name, _ in fields) + "}"
        case AnyJson(secrets=takes_secrets):
            return "any value, secrets too" if takes_secrets else "any value"
        case _:
            return type(shape).__name__.removesuffix("Shape").lower()


def accepts(wanted: Shape, given: Shape) -> bool:
    """Whether a value of shape ``given`` may stand where ``wanted`` is asked for.

    Plain text goes where an id type is wanted (the id type's pattern is checked when the value
    is known); one id type never goes where another is wanted.
    """
    match wanted, given:
        case AnyJson(secrets=takes_secrets), SecretShape():
            return takes_secrets
        case AnyJson(), _:
            return True
        case _, AnyJson():
            return True
        case Text(kind=a), Text(kind=b):
            return not a or not b or a == b
        case Text(kind=""), Time():
            return True
        case Integer(), Duration():
            return True
        case ListOf(item=a), ListOf(item=b):
            return accepts(a, b)
        case RecordShape(fields=fields, optional=optional), RecordShape():
            return all(
                (other := given.get(name)) is not None and accepts(shape, other)
                for name, shape in fields
                if name not in optional or given.get(name) is not None
            )
        case _:
            return type(wanted) is type(given)


@cache
def shape_of(annotation: Any) -> Shape:
    """The shape of an annotation.

    Raises:
        ShapeError: The annotation is outside the closed list (a fault of the action's author).
    """
    if annotation is Timestamp:
        return Time()
    if annotation is Seconds:
        return Duration()
    if annotation is JsonWithSecrets:
        return AnyJson(secrets=True)
    if isinstance(annotation, typing.NewType):
        base = shape_of(annotation.__supertype__)
        if isinstance(base, Text):
            # Whose kind of text it is: its module's, or of ``actions`` the system's.
            *_, parent, name = annotation.__module__.split(".")
            return Text(kind=f"{parent if name == 'actions' else name}.{annotation.__name__}")
        return base
    simple: dict[Any, Shape] = {
        str: Text(),
        int: Integer(),
        bool: Boolean(),
        SecretHandle: SecretShape(),
        Any: AnyJson(),
        object: AnyJson(),
    }
    if annotation in simple:
        return simple[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        present = [a for a in args if a is not type(None) and a is not Late]
        if len(present) == 1:
            return shape_of(present[0])
    if origin in (tuple, list) and args:
        return ListOf(shape_of(args[0]))
    if origin is dict:
        return AnyJson()
    if is_record_type(annotation):
        return _record(annotation)
    raise ShapeError(f"no shape for {annotation!r}")


def _record(cls: type) -> RecordShape:
    hints, names = hints_of(cls), names_of(cls)
    return RecordShape(
        fields=tuple((name, shape_of(hints[name])) for name in names),
        optional=frozenset(names) - needed_of(cls),
    )


_PLAIN = frozenset({type(None), bool, int, str})
_SAID = ("hint", "prefix", "form", "digest")
"""What a handle says beside its name."""


def encode(value: Any) -> Any:
    """A value as JSON. Handles become ``{"secret": name, ...}``, late ones ``{"late": ...}``.

    Raises:
        ShapeError: It holds something that JSON cannot say (a fault of an action's author).
    """
    # By exact type first: this runs for every value of every event.
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {
            str(key): item if type(item) in _PLAIN else encode(item) for key, item in value.items()
        }
    if kind is list or kind is tuple or kind is frozenset:
        return [item if type(item) in _PLAIN else encode(item) for item in value]
    return _encode_other(value)


def _encode_other(value: Any) -> Any:
    match value:
        case SecretHandle():
            return {"secret": value.name, **{name: getattr(value, name) for name in _SAID}}
        case Late():
            return {"late": f"{value.step}.{value.name}"}
        case DrawnSecret():
            return {"drawn": True}
        case OwnCredential():
            return {"own": True}
        case Enum():
            return value.value
    if is_record(value):
        names = names_of(type(value))
        return {
            name: item if type(item) in _PLAIN else encode(item)
            for name, item in zip(names, [getattr(value, name) for name in names], strict=True)
        }
    match value:
        case bool() | int() | str():
            return value
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case list() | tuple():
            return [encode(item) for item in value]
    raise ShapeError(f"{type(value).__name__} has no JSON form")


def handle_from(data: dict[str, Any]) -> SecretHandle:
    """The handle back from its JSON form."""
    said = {name: str(data[name]) for name in _SAID if name in data}
    return SecretHandle(str(data["secret"]), **said)


def decode(annotation: Any, data: Any, *, where: str = "value") -> Any:
    """JSON (or a plain value) as the annotation wants it.

    Raises:
        ShapeError: Wrong type, missing or unknown field; ``where`` names the place.
    """
    kind = type(data)
    if kind is annotation and kind in _PLAIN:
        return data
    if kind is Late or kind is SecretHandle:
        return data
    if isinstance(data, dict) and len(data) == 1 and "late" in data:
        step, _, name = str(data["late"]).rpartition(".")
        return Late(step, name)
    return _reader(annotation)(data, where)


_Reader: TypeAlias = Callable[[Any, str], Any]
"""Reads JSON as one annotation wants it, given the name of its place."""


@cache
def _reader(annotation: Any) -> _Reader:
    # Made once an annotation: taking it apart costs more than reading with it.
    if annotation in (Any, object):
        return lambda data, _: data
    if isinstance(annotation, typing.NewType):
        return _reader(annotation.__supertype__)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return _read_union(args)
    if origin in (tuple, list):
        return _read_items(origin, args[0])
    if origin is dict:
        return _read_dict
    if is_record_type(annotation):
        return _read_record(annotation)
    return _read_plain(annotation)


def _read_union(args: tuple[Any, ...]) -> _Reader:
    present = next(a for a in args if a is not type(None) and a is not Late)
    may_be_none = type(None) in args

    def read(data: Any, where: str) -> Any:
        if data is None and may_be_none:
            return None
        return decode(present, data, where=where)

    return read


def _read_items(made: type[list[Any] | tuple[Any, ...]], item: Any) -> _Reader:
    def read(data: Any, where: str) -> Any:
        if not isinstance(data, list | tuple):
            raise _wrong(where, "a list", data)
        return made(decode(item, one, where=f"{where}[{n}]") for n, one in enumerate(data))

    return read


def _read_dict(data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise _wrong(where, "a record", data)
    return data


def _read_plain(annotation: Any) -> _Reader:
    def read(data: Any, where: str) -> Any:
        if annotation is int and isinstance(data, bool):
            raise _wrong(where, "a whole number", data)
        if isinstance(annotation, type) and isinstance(data, annotation):
            return data
        raise _wrong(where, shape_text(shape_of(annotation)), data)

    return read


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """The types of a record's fields. To resolve them costs more than to decode with them."""
    return typing.get_type_hints(cls)


def _read_record(cls: type) -> _Reader:
    hints, needed = hints_of(cls), needed_of(cls)
    wanted = [(name, hints[name], name in needed) for name in names_of(cls)]
    known = frozenset(name for name, _, _ in wanted)

    def read(data: Any, where: str) -> Any:
        if isinstance(data, cls):
            return data
        if not isinstance(data, dict):
            raise _wrong(where, "a record", data)
        if cls is SecretHandle and "secret" in data:
            return handle_from(data)
        if not known.issuperset(data):
            raise ShapeError(f"{where} has the unknown field {min(data.keys() - known)!r}")
        values: dict[str, Any] = {}
        for name, annotation, is_needed in wanted:
            if name in data:
                values[name] = decode(annotation, data[name], where=f"{where}.{name}")
            elif is_needed:
                raise ShapeError(f"{where} lacks the field {name!r}")
        return cls(**values)

    return read


def _wrong(where: str, wanted: str, data: Any) -> ShapeError:
    # The value itself stays out of the message: it may be a secret, pasted in a wrong place.
    return ShapeError(f"{where} must be {wanted}, and is {type(data).__name__}")
