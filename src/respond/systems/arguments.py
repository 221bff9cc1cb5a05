"""Check the arguments of a step when the action is built, before anything is looked at."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from respond.core.shapes import ShapeError
from respond.core.showable import showable

__all__ = ["ArgumentError", "one_line", "one_of"]

_LINE_MAX: Final = 200


class ArgumentError(ShapeError, ValueError):
    """An argument of a step has the right type, and cannot be used; the text says why."""


def one_of(name: str, value: str, choices: Collection[str]) -> None:
    """Refuse a value outside a closed list.

    Raises:
        ArgumentError: With the nearest choice, and all of them.
    """
    if value in choices:
        return
    from difflib import get_close_matches  # noqa: PLC0415 - only for who misspelt

    near = get_close_matches(value, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    given = showable(value, limit=60)
    raise ArgumentError(f"{name} cannot be {given!r}.{hint} It is one of: {', '.join(choices)}")


def one_line(name: str, value: str, *, limit: int = _LINE_MAX) -> None:
    """Refuse a text that is empty, longer than ``limit`` characters, or more than one line.

    Raises:
        ArgumentError: The text names the argument, not the value.
    """
    if not value.strip():
        raise ArgumentError(f"{name} is empty")
    if len(value) > limit:
        raise ArgumentError(f"{name} has {len(value)} characters; at most {limit} fit")
    if "\n" in value or "\r" in value:
        raise ArgumentError(f"{name} must be one line")
