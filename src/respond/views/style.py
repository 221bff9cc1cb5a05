"""Emphasis on a terminal. Nothing is said by colour alone, and plain text is complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TextIO

__all__ = ["ANSI", "PLAIN", "Style", "Tone", "style_for"]


class Tone(Enum):
    """Why a piece of text is set apart."""

    STRONG = "strong"
    DANGER = "danger"
    GOOD = "good"
    CARE = "care"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Style:
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
        Tone.GOOD: "32",
        Tone.CARE: "33",
        Tone.FAINT: "2",
    }
)
"""SGR sequences of ECMA-48 that every terminal has: bold, faint, red, green, yellow."""


def style_for(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """Colour on a terminal only; ``NO_COLOR`` wins (no-color.org: set, and not empty)."""
    if environ.get("NO_COLOR") or environ.get("TERM", "") in {"", "dumb"}:
        return PLAIN
    return ANSI if stream.isatty() else PLAIN
