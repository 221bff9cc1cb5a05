"""What records are made of: structs, which cost next to nothing to define and to make.

A dataclass takes forty times as long to define, and a run begins with hundreds. A system that
writes its actions as dataclasses is understood all the same: what reads records reads both.
"""

from __future__ import annotations

import dataclasses
from abc import ABCMeta
from collections.abc import Mapping
from dataclasses import MISSING, Field
from functools import cache
from typing import TYPE_CHECKING, Any, dataclass_transform

import msgspec
from msgspec import NODEFAULT, UNSET, Struct, StructMeta, structs

__all__ = [
    "AbstractMeta",
    "Frozen",
    "Mutable",
    "is_record",
    "is_record_type",
    "marks_of",
    "names_of",
    "needed_of",
    "replace",
]


class _RecordMeta(StructMeta):
    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        fields = {key: one for key, one in namespace.items() if isinstance(one, Field)}
        namespace |= {key: _as_msgspec(one) for key, one in fields.items()}
        namespace["__marks__"] = {key: one.metadata for key, one in fields.items() if one.metadata}
        if any(not one.repr for one in fields.values()):
            if "__repr__" in namespace:
                raise TypeError("a record with a hidden value prints its kind, and nothing else")
            # Who hides a field from what is printed must not find it there, whoever prints.
            namespace |= {"__repr__": object.__repr__, "__rich_repr__": None}
        if apart := frozenset(key for key, one in fields.items() if not one.compare):
            if any(issubclass(base, Mutable) for base in bases):
                raise TypeError("what has a state equals itself alone: nothing is compared")
            apart = apart.union(*(getattr(base, "__apart__", ()) for base in bases))
            namespace |= {"__apart__": apart, "__eq__": _is_equal, "__hash__": _hashed}
        return super().__new__(cls, name, bases, namespace, **options)


class AbstractMeta(ABCMeta, _RecordMeta):
    """For records whose subclasses have to fill in what is abstract."""


def _compared(record: Any) -> list[Any]:
    return [
        getattr(record, name) for name in names_of(type(record)) if name not in record.__apart__
    ]


def _is_equal(one: Any, other: object) -> Any:
    return _compared(one) == _compared(other) if type(one) is type(other) else NotImplemented


def _hashed(one: Any) -> int:
    return hash(tuple(_compared(one)))


def _as_msgspec(one: Field[Any]) -> Any:
    if one.hash is not None or one.kw_only is True:
        raise TypeError("a field of a struct takes no hash and no kw_only")
    if one.default_factory is not MISSING:
        return msgspec.field(default_factory=one.default_factory)
    if one.default is not MISSING:
        return one.default
    return msgspec.field() if one.init else UNSET


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Frozen(Struct, frozen=True, metaclass=_RecordMeta):
    """Values under names, which do not change: of a plan, an action, a reply.

    Takes ``dataclasses.field`` for a default that is made anew, for metadata, which ``marks_of``
    reads again, to leave a value out of comparisons, or to hide it from what is printed: such a
    record shows none of its values.
    """


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
class Mutable(Struct, eq=False, metaclass=_RecordMeta):
    """Something with a state that changes, equal to itself alone: a run, a screen, a line.

    What it holds is not printed: of much of it that would be a secret, or half the program.
    """

    __repr__ = object.__repr__
    __rich_repr__ = None  # type: ignore[assignment]  # it shows what repr shows


def is_record_type(kind: Any) -> bool:
    """Whether this is a class of records."""
    return isinstance(kind, type) and (issubclass(kind, Struct) or dataclasses.is_dataclass(kind))


def is_record(value: object) -> bool:
    """Whether this is a record, and not a class of them."""
    return isinstance(value, Struct) or is_record_type(type(value))


def names_of(kind: Any) -> tuple[str, ...]:
    """The names of the fields, in the order of the constructor."""
    return kind.__struct_fields__ if issubclass(kind, Struct) else _names_of(kind)


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def marks_of(kind: Any) -> Mapping[str, Mapping[str, Any]]:
    """The metadata of each field that has some, in the order of the fields."""
    if dataclasses.is_dataclass(kind):
        found = {field.name: field.metadata for field in dataclasses.fields(kind)}
    else:
        marks = [vars(base).get("__marks__", {}) for base in reversed(kind.__mro__)]
        found = {name: mark for each in marks for name, mark in each.items()}
    return {name: found[name] for name in names_of(kind) if found.get(name)}


def needed_of(kind: Any) -> frozenset[str]:
    """The names of the fields that have no default."""
    if issubclass(kind, Struct):
        # Only the last ones have an entry: those before it have no default.
        names, defaults = kind.__struct_fields__, kind.__struct_defaults__
        of = zip(reversed(names), reversed(defaults), strict=False)
        return frozenset(names) - {name for name, default in of if default is not NODEFAULT}
    return frozenset(
        field.name
        for field in dataclasses.fields(kind)
        if field.default is field.default_factory is MISSING
    )


if TYPE_CHECKING:
    # Type checkers know by this one which fields there are.
    from dataclasses import replace
else:

    def replace(record: Any, /, **changes: Any) -> Any:
        """The record with other values, as ``copy.replace`` of Python 3.13."""
        of = structs.replace if isinstance(record, Struct) else dataclasses.replace
        return of(record, **changes)
