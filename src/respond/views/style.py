"""Emphasis on a terminal. Nothing is said by colour alone, and plain text is complete."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Protocol, TextIO

__all__ = ["ANSI", "PLAIN", "Ansi", "Plain", "Style", "Tone", "style_for"]


class Tone(Enum):
    """Why a piece of text is set apart."""

    STRONG = "strong"
    DANGER = "danger"
    GOOD = "good"
    CARE = "care"
    FAINT = "faint"


class Style(Protocol):
    """Puts emphasis on text that is already safe to show."""

    def paint(self, text: str, tone: Tone) -> str: ...


class Plain:
    """No emphasis."""

    def paint(self, text: str, tone: Tone) -> str:
        del tone
        return text


class Ansi:
    """SGR sequences of ECMA-48 that every terminal has: bold, faint, red, green, yellow."""

    def paint(self, text: str, tone: Tone) -> str:
        return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if text.strip() else text


_CODES: Final = {
    Tone.STRONG: "1",
    Tone.DANGER: "1;31",
    Tone.GOOD: "32",
    Tone.CARE: "33",
    Tone.FAINT: "2",
}

PLAIN: Final[Style] = Plain()
ANSI: Final[Style] = Ansi()


def style_for(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """Colour on a terminal only; ``NO_COLOR`` wins (no-color.org: set, and not empty)."""
    if environ.get("NO_COLOR") or environ.get("TERM", "") in {"", "dumb"}:
        return PLAIN
    return ANSI if stream.isatty() else PLAIN
