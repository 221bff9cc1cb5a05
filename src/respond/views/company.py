"""Show what a rehearsal changed in the simulated company, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.showable import showable
from respond.views.layout import bullets, labelled

__all__ = ["change_text", "changes", "counted", "counts_text", "diff_text"]

_PLACE_MAX: Final = 100
_STATE_MAX: Final = 60


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(place, before, after) of everything that differs; ``-`` for what is not there."""
    return _differ("", before, after)


def _differ(place: str, before: Any, after: Any) -> list[tuple[str, str, str]]:
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: list[tuple[str, str, str]] = []
        for key in [*before, *(k for k in after if k not in before)]:
            inner = f"{place} / {key}" if place else str(key)
            found += _differ(inner, before.get(key), after.get(key))
        return found
    return [(place, _words(before), _words(after))]


def _words(value: Any) -> str:
    match value:
        case None:
            return "-"
        case Mapping():
            return ", ".join(
                f"{k} {_words(v)}" for k, v in value.items() if v not in (None, "", [])
            )
        case list():
            return ", ".join(_words(v) for v in value) or "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def diff_text(before: Mapping[str, Any], after: Mapping[str, Any], *, width: int = 80) -> str:
    """What became of the simulated company, a change a line: new, gone, or from what to what."""
    found = changes(before, after)
    if not found:
        return "THE SIMULATED COMPANY   nothing in it changed since this command began"
    lines = [change_text(*change) for change in found]
    return "\n".join(("THE SIMULATED COMPANY", *bullets(lines, width)))


def change_text(place: str, was: str, now: str) -> str:
    """One of ``changes``: what is new or gone, or from what to what."""
    where = showable(place.replace(" / ", ", "), limit=_PLACE_MAX)
    if "-" in (was, now):
        return f"{where}: {'new' if was == '-' else 'gone'}"
    return f"{where}: {showable(was, limit=_STATE_MAX)} -> {showable(now, limit=_STATE_MAX)}"


def counts_text(counts: Mapping[str, Mapping[str, int]], *, width: int = 80) -> str:
    """What each simulator counted."""
    return "\n".join(labelled("COUNTED", "; ".join(counted(counts)), width, column=14))


def counted(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What each simulator counted, a system each."""
    parts = [
        f"{system} {c['reads']} reads, {c['writes']} writes, {c['effects']} effects"
        for system, c in counts.items()
        if any(c.values())
    ]
    return parts or ["nothing was asked"]
