"""Records of either kind, read alike.

respond's own are structs, which cost next to nothing to define and to make; what an author of
actions writes down, arguments and outputs, are dataclasses.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import NODEFAULT, Struct, structs

__all__ = ["is_record", "is_record_type", "names_of", "needed_of", "replace"]


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


def needed_of(kind: Any) -> frozenset[str]:
    """The names of the fields that have no default."""
    if issubclass(kind, Struct):
        # Only the last ones have an entry: those before it have no default.
        names, defaults = kind.__struct_fields__, kind.__struct_defaults__
        of = zip(reversed(names), reversed(defaults), strict=False)
        return frozenset(names) - {name for name, default in of if default is not NODEFAULT}
    missing = dataclasses.MISSING
    return frozenset(
        field.name
        for field in dataclasses.fields(kind)
        if field.default is field.default_factory is missing
    )


if TYPE_CHECKING:
    # Type checkers know by this one which fields there are.
    from dataclasses import replace
else:

    def replace(record: Any, /, **changes: Any) -> Any:
        """The record with other values, as ``copy.replace`` of Python 3.13."""
        of = structs.replace if isinstance(record, Struct) else dataclasses.replace
        return of(record, **changes)
