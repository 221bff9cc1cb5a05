"""Lay text out in columns of a terminal. It knows widths and indents, and nothing of runs.

A text from outside is shown through ``said`` or ``word``, and then only inside of a cell or behind
an indent. However long it is, its next line begins under its first one: it cannot begin a line of
its own, and it cannot reach into another column (P21).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Final, ParamSpec

from respond.core.showable import showable

__all__ = [
    "LABEL",
    "TEXT_MAX",
    "as_screen",
    "bullets",
    "cell_rows",
    "cut",
    "labelled",
    "labelled_pairs",
    "number_ranges",
    "numbered_rows",
    "pad",
    "said",
    "width_of",
    "word",
    "wrap",
]

TEXT_MAX: Final = 400
"""Characters of one outside text that a screen shows; the rest is counted."""

LABEL: Final = 13
"""Columns of the labels at the left of a screen."""

_Given = ParamSpec("_Given")
_SPACES: Final = re.compile("^ +|  +| +$")
_NARROW_MIN: Final = 8


def said(text: object, *, limit: int = TEXT_MAX) -> str:
    r"""A text from outside in one line that shows all of it.

    Spaces that the eye would miss (several in a row, or at an end) are written ``\x20``, so that
    two names that look alike are two names.
    """
    whole = str(text)
    # A huge text is not gone through as a whole only to show its first words.
    head, rest = whole[: 4 * limit + 64], whole[4 * limit + 64 :]
    return showable(_SPACES.sub(lambda run: _visible(run, whole), head) + rest, limit=limit)


def _visible(run: re.Match[str], text: str) -> str:
    at_an_end = run.start() == 0 or run.end() == len(text)
    keep = "" if at_an_end else " "
    return keep + "\\x20" * (len(run[0]) - len(keep))


def word(text: object, *, limit: int = 60) -> str:
    """A name or an id from outside, short."""
    return said(text, limit=limit)


def width_of(text: str) -> int:
    """Columns that ``text`` takes: wide characters two, combining marks none (UAX 11)."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """``text`` with spaces up to ``width`` columns; a longer one stays as it is."""
    return text + " " * (width - width_of(text))


def cut(text: str, width: int) -> str:
    """``text``, or as much of it as fits into ``width`` columns, with dots behind it."""
    if width_of(text) <= width:
        return text
    kept, room = "", width - 3
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept += character
    return f"{kept}..."


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns, broken at spaces where there are any."""
    width = max(width, _NARROW_MIN)
    lines: list[str] = []
    line, used = "", 0
    for piece in (part for word_ in text.split() for part in _parts(word_, width)):
        more = width_of(piece)
        if line and used + 1 + more > width:
            lines.append(line)
            line, used = piece, more
        else:
            line, used = (f"{line} {piece}", used + 1 + more) if line else (piece, more)
    return [*lines, line] if line or not lines else lines


def _parts(text: str, width: int) -> Iterable[str]:
    """A word as it is, or in pieces of ``width`` columns when it is longer than a line."""
    if width_of(text) <= width:
        yield text
        return
    piece, used = "", 0
    for character in text:
        more = _columns(character)
        if used + more > width:
            yield piece
            piece, used = "", 0
        piece += character
        used += more
    yield piece


def labelled(label: str, text: str, width: int, *, column: int = LABEL) -> list[str]:
    """``label`` at the left, ``text`` behind it, its further lines under its first one."""
    begin = pad(label, column - 2) + "  "
    lines = wrap(text, width - width_of(begin))
    return [begin + lines[0], *(" " * width_of(begin) + line for line in lines[1:])]


def as_screen(lines: Callable[_Given, Iterator[str]]) -> Callable[_Given, str]:
    """The lines that a function yields, as one text that ends with a newline."""

    @wraps(lines)
    def joined(*args: _Given.args, **kwargs: _Given.kwargs) -> str:
        return "\n".join(lines(*args, **kwargs)) + "\n"

    return joined


def labelled_pairs(
    pairs: Iterable[tuple[str, str]], width: int, *, column: int = LABEL
) -> Iterator[str]:
    """Labels with their texts; an empty text is left out."""
    for label, text in pairs:
        if text:
            yield from labelled(label, text, width, column=column)


def bullets(texts: Iterable[str], width: int, *, mark: str = "-", indent: int = 2) -> list[str]:
    """One bullet for each text."""
    begin = " " * indent + mark + " "
    found: list[str] = []
    for text in texts:
        lines = wrap(text, width - len(begin))
        found.append(begin + lines[0])
        found += [" " * len(begin) + line for line in lines[1:]]
    return found


def cell_rows(cells: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """The lines of one row of a table: each cell wrapped and padded to its own column."""
    wrapped = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    return [
        [
            pad(lines[n] if n < len(lines) else "", width)
            for lines, width in zip(wrapped, widths, strict=True)
        ]
        for n in range(height)
    ]


def numbered_rows(
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    heads: Sequence[str] = (),
    numbers: Sequence[int] = (),
) -> Iterator[str]:
    """A numbered table of texts from outside; its widest column makes room for the others.

    Args:
        heads: What each column is.
        numbers: Of each row; from 1 on when left out.
    """
    shown = [[said(cell) for cell in row] for row in (*([heads] if heads else []), *rows)]
    widths = [max(map(width_of, column)) for column in zip(*shown, strict=True)]
    labels = [f"{n}. " for n in numbers or range(1, len(rows) + 1)]
    begin = 1 + max(map(len, labels), default=0)
    over = begin + sum(widths) + 2 * len(widths) - 2 - width
    if over > 0:
        widest = widths.index(max(widths))
        widths[widest] -= over
        if widths[widest] < _NARROW_MIN:  # No table: the cells one after the other.
            shown, widths = [[" ".join(row)] for row in shown], [width - begin]
    for label, row in zip([*([""] if heads else []), *labels], shown, strict=True):
        for number, cells in enumerate(cell_rows(row, widths)):
            yield f"{'' if number else label:>{begin}}{'  '.join(cells)}".rstrip()


def number_ranges(numbers: Iterable[int]) -> str:
    """``1, 3-5``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
