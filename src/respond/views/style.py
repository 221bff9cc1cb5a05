"""Emphasis on a terminal. Nothing is said by colour alone, and plain text is complete."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TextIO

from respond.core.records import Frozen

__all__ = ["ANSI", "ANSI_256", "PLAIN", "Style", "Tone", "style_for"]


class Tone(Enum):
    """Why a piece of text is set apart."""

    STRONG = "strong"
    DANGER = "danger"
    GOOD = "good"
    CARE = "care"
    FAINT = "faint"


class Style(Frozen):
    """Puts emphasis on text that is already safe to show; none where there are no codes."""

    codes: Mapping[Tone, str]

    def paint(self, text: str, tone: Tone) -> str:
        code = self.codes.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text.strip() else text


PLAIN: Final = Style({})
ANSI: Final = Style(
    {
        Tone.STRONG: "1",
        Tone.DANGER: "1;31",
        Tone.GOOD: "1",
        Tone.CARE: "35",
        Tone.FAINT: "2",
    }
)
"""SGR sequences of ECMA-48 that every terminal has. Its green, yellow and cyan cannot be read on
white, its blue not on black: red and magenta can on both.
"""

ANSI_256: Final = Style(
    {**ANSI.codes, Tone.DANGER: "1;38;5;160", Tone.GOOD: "38;5;28", Tone.CARE: "38;5;130"}
)
"""Where a terminal has xterm's 256 colours, whose upper ones no theme changes: a red, a green and a
brown that can be read on white and on black.
"""


def style_for(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """Colour on a terminal only; ``NO_COLOR`` wins (no-color.org: set, and not empty)."""
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or term in {"", "dumb"} or not stream.isatty():
        return PLAIN
    return ANSI_256 if "256color" in term or environ.get("COLORTERM") else ANSI
