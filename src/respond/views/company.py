"""Show what a rehearsal changed in the simulated company: before and after, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from respond.core.showable import showable
from respond.views.layout import labelled

__all__ = ["changes", "counts_text", "diff_text"]


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
    """The company before and after, a change a paragraph."""
    found = changes(before, after)
    if not found:
        return "THE COMPANY   nothing in it changed"
    lines = ["THE COMPANY, before and after"]
    for place, was, now in found:
        lines += labelled(" ", showable(place, limit=76), width, column=4)
        lines += labelled("    before", showable(was, limit=68), width, column=12)
        lines += labelled("    after", showable(now, limit=68), width, column=12)
    return "\n".join(lines)


def counts_text(counts: Mapping[str, Mapping[str, int]], *, width: int = 80) -> str:
    """What each simulator counted."""
    parts = [
        f"{system} {c['reads']} reads, {c['writes']} writes, {c['effects']} effects"
        for system, c in counts.items()
        if any(c.values())
    ]
    told = "; ".join(parts) or "nothing was asked"
    return "\n".join(labelled("COUNTED", told, width, column=14))
