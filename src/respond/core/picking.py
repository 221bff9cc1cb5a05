"""What a typed word means among what there is to pick from: one of it, a part of it, or nothing.

A row is what there is: first the value to give, then what tells it apart. Nothing is guessed: what
fits nothing is asked again with what is nearest, and taken as it is when it is typed once more. The
list may lack what was made since it was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

__all__ = ["NONE_THERE", "Picked", "Row", "ToPick", "fits", "nearest", "picked"]

Row: TypeAlias = tuple[str, ...]
_NEAREST: Final = 3
_ALIKE: Final = 0.5


class ToPick(NamedTuple):
    """What there is to pick from.

    Attributes:
        heads: What each cell of a row is, the value's own included.
        names: The column that names a row; the value itself where no other does.
    """

    heads: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    names: int = 0


NONE_THERE: Final = ToPick()


class Picked(NamedTuple):
    """What came of a typed line.

    Attributes:
        value: What is given; empty where it is asked again.
        left: Numbers of the rows that are meant, from 0 on.
        why: Why it is asked again; what somebody typed stands in it.
    """

    value: str = ""
    left: tuple[int, ...] = ()
    why: str = ""


def picked(rows: Sequence[Row], text: str, *, several: bool, before: str = "") -> Picked:
    """What a line means: numbers of rows, or whole cells of them, or a part that some have.

    Args:
        several: Commas part values, as in a list.
        before: The line that was typed last and fitted nothing.
    """
    if text == before:
        return Picked(text)
    values = []
    for part in (each.strip() for each in (text.split(",") if several else [text])):
        row, left = _meant(rows, part)
        if row is not None:
            values.append(row[0])
        elif part:
            return Picked(left=left, why=_why(rows, part, left))
    return Picked(", ".join(values))


def fits(rows: Sequence[Row], text: str) -> bool:
    """Whether a value is one of these, by whatever names it."""
    return any(_is(row, text) for row in rows)


def nearest(rows: Sequence[Row], text: str) -> tuple[str, ...]:
    """The cells that are most alike, each as it stands in its row."""
    cells = {cell.casefold(): cell for row in rows for cell in row if cell}
    from difflib import get_close_matches  # noqa: PLC0415 - only for who misspelt

    near = get_close_matches(text.casefold(), cells, n=_NEAREST, cutoff=_ALIKE)
    return tuple(cells[each] for each in near)


def _meant(rows: Sequence[Row], part: str) -> tuple[Row | None, tuple[int, ...]]:
    """The one row that is meant; or those that could be."""
    whole = tuple(n for n, row in enumerate(rows) if _is(row, part))
    if len(whole) == 1:
        return rows[whole[0]], whole
    if part.isascii() and part.isdigit() and 0 < int(part[:6]) <= len(rows):
        return rows[int(part[:6]) - 1], ()
    having = (n for n, row in enumerate(rows) if any(part.casefold() in c.casefold() for c in row))
    return None, whole or tuple(having)


def _is(row: Row, text: str) -> bool:
    return text.casefold() in (cell.casefold() for cell in row)


def _why(rows: Sequence[Row], part: str, left: tuple[int, ...]) -> str:
    if left:
        return f"{len(left)} of {len(rows)} have {part!r} in them: type a number, or more of it"
    near = ", ".join(nearest(rows, part))
    there = f"nearest: {near}" if near else f"none of the {len(rows)} is like it"
    return f"{part!r} is none of these; {there}. To take it all the same, type it again"
