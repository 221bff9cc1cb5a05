"""Carry records to the journal's JSON and back, as kindly as a journal of before needs.

``read`` gives what is missing its default and passes over what is not known; ``shapes.decode`` is
the strict one, for what comes from elsewhere.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, EnumType
from functools import cache
from typing import Any, ParamSpec, TypeVar

from respond.core.records import is_record_type, names_of, needed_of
from respond.core.shapes import encode

__all__ = ["data_of", "read"]

T = TypeVar("T")
P = ParamSpec("P")


def data_of(record: Callable[P, object], /, *_: P.args, **given: P.kwargs) -> dict[str, Any]:
    """What an event of this record says as JSON: just the fields that are given, no defaults."""
    del record  # For the type checker: it knows the fields by it.
    data: dict[str, Any] = encode(given)
    return data


def read(record: Callable[..., T], data: Mapping[str, Any]) -> T:
    """The record that a part of the journal holds.

    Raises:
        KeyError, TypeError, ValueError: It is no such record.
    """
    made: T = _reader(record)(data)
    return made


@cache
def _reader(wanted: Any) -> Callable[[Any], Any]:
    # Made once a type: taking an annotation apart costs more than reading with it.
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (types.UnionType, typing.Union):
        some = _reader(args[0])
        if isinstance(args[0], EnumType):  # A word that another version knows is none of ours.
            members: Mapping[str, Enum] = args[0].__members__
            return {word.value: word for word in members.values()}.get
        return lambda data: None if data is None else some(data)
    if origin in (tuple, frozenset, Sequence):
        one, many = _reader(args[0]), frozenset if origin is frozenset else tuple
        return lambda data: many(map(one, (data,) if isinstance(data, str) else data))
    if is_record_type(wanted):
        return _fields_reader(wanted)
    if isinstance(wanted, type) and (wanted in (str, int, bool) or issubclass(wanted, Enum)):
        return wanted
    return lambda data: data


def _fields_reader(record: Any) -> Callable[[Any], Any]:
    hints, needed = typing.get_type_hints(record), needed_of(record)
    known = [(name, _reader(hints[name]), name in needed) for name in names_of(record)]

    def read_fields(data: Any) -> Any:
        return record(**{n: of(data[n]) for n, of, is_needed in known if is_needed or n in data})

    return read_fields
