"""An error as a person reads it: what happened, why, and what to do now; and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from respond.core.showable import showable
from respond.errors import ExitCode, RespondError
from respond.views.layout import said, width_of, wrap

if TYPE_CHECKING:
    from respond.formats.faults import FormatFault, FormatFaults

__all__ = ["as_json", "as_text", "error_json"]

_LONG: Final = 2_000
_LINES_MAX: Final = 20
_COLUMN: Final = len("error: ")


def as_text(error: RespondError | FormatFault | FormatFaults, *, width: int = 100) -> str:
    """The error in lines; what comes from outside stays behind its label."""
    if not isinstance(error, RespondError):
        # A fault quotes its own file, made showable, with a caret under the place.
        return f"error: {error}"
    parts = (("error:", error.what), ("  why:", error.why), ("  do:", error.do))
    return "\n".join(line for label, text in parts if text for line in _part(label, text, width))


def _part(label: str, text: str, width: int) -> Iterator[str]:
    """One part, every line of it behind the label or under it, so that none can be forged."""
    begin = label.ljust(_COLUMN)
    for line in text.split("\n")[:_LINES_MAX]:
        shown = said(line, limit=_LONG)
        if not line.strip():
            continue
        # A line that fits is not wrapped: what a person copies keeps its spaces.
        fits = _COLUMN + width_of(shown) <= width
        for piece in [shown] if fits else wrap(shown, width - _COLUMN):
            yield begin + piece
            begin = " " * _COLUMN


def as_json(error: RespondError | FormatFault | FormatFaults) -> str:
    """The error as one line of ASCII JSON."""
    return json.dumps({"error": error_json(error)}, ensure_ascii=True)


def error_json(error: RespondError | FormatFault | FormatFaults) -> dict[str, Any]:
    """The error as plain data, with the exit code it leads to."""
    if isinstance(error, RespondError):
        return {
            "kind": type(error).__name__.removesuffix("Error"),
            "exit": int(error.exit_code),
            "what": error.what,
            "why": error.why,
            "do": error.do,
        }
    faults: tuple[Any, ...] = getattr(error, "faults", (error,))
    return {
        "kind": "FormatFaults",
        "exit": int(ExitCode.USAGE),
        "what": showable(str(faults[0]).partition("\n")[0], limit=_LONG),
        "why": "",
        "do": "",
        "faults": [
            {
                "file": fault.name,
                "line": fault.line,
                "column": fault.column,
                "path": fault.path,
                "what": fault.what,
                "hint": fault.hint,
            }
            for fault in faults
        ],
    }
