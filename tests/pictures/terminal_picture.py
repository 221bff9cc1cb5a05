"""What stands on a terminal as a picture: SVG that asks nothing of anybody, for light and dark."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pexpect
import pyte

__all__ = ["played", "svg"]

COLUMNS: Final = 80
_ROWS: Final = 40
_LIMIT_S: Final = 120
_WIDE: Final = 8.4
_HIGH: Final = 18
_EDGE: Final = 16

_STYLE: Final = """
text{font:14px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre}
text{fill:#1f2328}
.p{fill:#f6f8fa;stroke:#d0d7de}.b{font-weight:700}
.red{fill:#b3261e}.green{fill:#1a7f37}.brown{fill:#8a5a00}.blue{fill:#0550ae}.magenta{fill:#8250df}.cyan{fill:#0b6a75}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.p{fill:#0d1117;stroke:#30363d}
.red{fill:#ff8a80}.green{fill:#56d364}.brown{fill:#e3b341}.blue{fill:#79c0ff}.magenta{fill:#d2a8ff}.cyan{fill:#76e3ea}}
"""


def played(
    argv: Sequence[str], *, home: Path, typed: Sequence[str], rows: int = _ROWS
) -> list[list[Any]]:
    """The last screen of a command, after all was typed: rows of cells as ``pyte`` has them.

    An answer is typed where the last row is a prompt. A command that waits still is ended.
    """
    screen = pyte.Screen(COLUMNS, rows)
    stream = pyte.Stream(screen)
    child = pexpect.spawn(
        argv[0],
        list(argv[1:]),
        cwd=str(home),
        env={
            "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "PATH": os.environ["PATH"],
            "TERM": "xterm-256color", "LANG": "C.UTF-8", "USER": "dana",
        },
        encoding="utf-8",
        timeout=_LIMIT_S,
        dimensions=(rows, COLUMNS),
    )  # fmt: skip
    left, until = list(typed), time.monotonic() + _LIMIT_S
    while time.monotonic() < until:
        try:
            stream.feed(child.read_nonblocking(65_536, timeout=0.5))
        except pexpect.EOF:
            break
        except pexpect.TIMEOUT:
            row = screen.display[screen.cursor.y].rstrip()
            if not row.endswith(">"):
                continue
            if not left:
                break
            child.sendline(left.pop(0))
    child.close(force=True)
    cells = [[screen.buffer[y][x] for x in range(COLUMNS)] for y in range(rows)]
    while cells and not "".join(cell.data for cell in cells[-1]).strip():
        cells.pop()
    return cells


def svg(cells: Sequence[Sequence[Any]], *, title: str) -> str:
    """A picture of these rows; its text can be selected, and read to people who do not see it."""
    width = COLUMNS * _WIDE + 2 * _EDGE
    height = len(cells) * _HIGH + 2 * _EDGE
    lines = "\n".join(_lines(cells))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' aria-label="{escape(title, quote=True)}">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="p" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="8"/>\n'
        f"{lines}\n</svg>\n"
    )


def _lines(cells: Sequence[Sequence[Any]]) -> Iterator[str]:
    for number, row in enumerate(cells):
        y = _EDGE + (number + 1) * _HIGH - 4
        at = 0
        for words, group in groupby(row, key=_words):
            text = "".join(cell.data for cell in group)
            if text.strip():
                x = _EDGE + at * _WIDE
                length = len(text.rstrip()) * _WIDE
                style = f' class="{words}"' if words else ""
                yield (
                    f'<text{style} x="{x:g}" y="{y}" textLength="{length:g}">'
                    f"{escape(text.rstrip())}</text>"
                )
            at += len(text)


def _words(cell: Any) -> str:
    colour = cell.fg if cell.fg in {"red", "green", "brown", "blue", "magenta", "cyan"} else ""
    return " ".join(filter(None, (colour, "b" if cell.bold else "")))
