"""The words that several screens share: modes, phases, times, values, what an exit code means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.runbook import Phase
from respond.errors import ExitCode
from respond.views.layout import pad, said, width_of, word
from respond.views.style import PLAIN, Style, Tone

__all__ = [
    "EXIT_MEANS",
    "at_text",
    "behind",
    "clock_text",
    "day_text",
    "exit_text",
    "head_line",
    "mode_of",
    "mode_word",
    "phase_word",
    "runbook_of",
    "seconds_between",
    "span_text",
    "state_cells",
    "value_text",
]

_MODES: Final = {"real": "REAL", "rehearsal": "REHEARSAL", "dry-run": "DRY RUN"}
_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(\.\d+)?Z", re.ASCII)
_MODE_AT: Final = 45
_RIGHT_GAP: Final = 2
_ITEMS_SHOWN: Final = 12

EXIT_MEANS: Final[Mapping[ExitCode, str]] = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "something failed, was skipped, or is left open",
    ExitCode.USAGE: "wrong usage, or the runbook is not valid",
    ExitCode.PARKED: "parked: it waits for a person",
    ExitCode.REFUSED: "ended by a person or by policy",
    ExitCode.UNKNOWN: "nobody knows whether a write happened: a person must look",
    ExitCode.UNDO_FAILED: "something could not be put back: a person must",
    ExitCode.JOURNAL_BROKEN: "the journal does not verify",
    ExitCode.JOURNAL_UNUSABLE: "the journal is missing, replaced, or cannot be written",
    ExitCode.NOT_READY: "a credential or a connection is not ready",
    ExitCode.CANNOT_BE_CHECKED: "the journal cannot be checked",
}


def exit_text(code: int, say: str) -> str:
    """An exit code in words: of what the run says something, just that."""
    found = ExitCode(code)
    is_wide = found in (ExitCode.FAILED, ExitCode.REFUSED, ExitCode.PARKED)
    return f"{code}: {said(say) if say and is_wide else EXIT_MEANS[found]}"


def behind(title: str, says: str) -> str:
    """A step's title, and what there is to say of it; a title that asks wants no colon."""
    return f"{title}{' ' if title.endswith('?') else ': '}{says}" if says else title


def mode_word(mode: str) -> str:
    """``REAL``, ``REHEARSAL`` or ``DRY RUN``, in capitals on every screen."""
    return _MODES.get(mode) or word(mode).upper() or "MODE NOT KNOWN"


def mode_of(state: RunState) -> str:
    """The mode, from the plan or, before there is one, from what was proposed."""
    return state.plan.mode if state.plan is not None else state.proposed.mode


def runbook_of(state: RunState) -> str:
    """The runbook's name."""
    return state.plan.runbook if state.plan is not None else state.proposed.runbook


def phase_word(phase: Phase | str | None) -> str:
    """The phase in capitals, as a heading."""
    name = phase.value if isinstance(phase, Phase) else (phase or "")
    return word(name).upper() or "STEPS"


def head_line(
    run: str, runbook: str, mode: str, right: str, width: int, style: Style = PLAIN
) -> str:
    """The first line of every screen: run, runbook, REAL or not, and the time."""
    mode = mode_word(mode)
    left = f"{word(run, limit=24)}  {word(runbook, limit=48)}"
    room = width - width_of(right) - _RIGHT_GAP - width_of(mode)
    at = max(width_of(left) + _RIGHT_GAP, min(_MODE_AT, room))
    tone = Tone.DANGER if mode == "REAL" else Tone.STRONG
    begin = style.paint(pad(left, at), Tone.STRONG) + style.paint(mode, tone)
    used = at + width_of(mode)
    if used + _RIGHT_GAP + width_of(right) > width:
        return f"{begin}\n{' ' * max(0, width - width_of(right))}{right}"
    return f"{begin}{' ' * (width - used - width_of(right))}{right}"


def clock_text(at: str) -> str:
    """``03:14:07Z`` of a journal time; anything else as it is, made showable."""
    found = _AT.fullmatch(at)
    return f"{found[1]}Z" if found else word(at)


def day_text(at: str) -> str:
    """``2026-11-23 03:14:07Z``."""
    found = _AT.fullmatch(at)
    return f"{at[:10]} {found[1]}Z" if found else word(at)


def at_text(wall_ms: float) -> str:
    """``2026-11-23 03:14:07Z`` of a wall clock in milliseconds; a number when it is no time."""
    try:
        at = datetime.fromtimestamp(wall_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{wall_ms} ms"
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def span_text(seconds: float) -> str:
    """A length of time with its two largest units: ``4 s``, ``2 min 5 s``, ``3 d 4 h``."""
    whole = max(0, round(seconds))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


def seconds_between(begin: str, end: str) -> float | None:
    """Seconds from one RFC 3339 time to another; None when one of them is none."""
    try:
        first, last = datetime.fromisoformat(begin), datetime.fromisoformat(end)
        return (last - first).total_seconds()
    except (ValueError, TypeError):
        return None


def value_text(value: Any, *, limit: int = 200) -> str:
    """JSON in a reader's words. Secrets appear by name and last characters, never by value."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case Mapping() if "secret" in value:
            hint = f", ends in {word(value['hint'])}" if value.get("hint") else ""
            return f"secret {word(value['secret'])}{hint}"
        case Mapping() if set(value) == {"late"}:
            return f"known after {word(str(value['late']).rpartition('.')[0])}"
        case Mapping():
            pairs = [
                f"{word(key)} {value_text(item, limit=limit)}"
                for key, item in list(value.items())[:_ITEMS_SHOWN]
            ]
            return _counted(pairs, len(value)) or "nothing"
        case list() | tuple():
            items = [value_text(item, limit=limit) for item in value[:_ITEMS_SHOWN]]
            return _counted(items, len(value)) or "none"
        case _:
            return said(value, limit=limit)


def _counted(parts: list[str], count: int) -> str:
    more = f" (+{count - len(parts)})" if count > len(parts) else ""
    return ", ".join(parts) + more


def state_cells(before: Any, after: Any) -> tuple[str, str]:
    """What a write finds and leaves, in a few words each; only what differs."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping) or "secret" in after:
        return _state(before), _state(after)
    now, then = _differing(before, after)
    return _state(now), _state(then)


def _differing(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs of two records, and of each record in both: what stays does not vanish."""
    now: dict[str, Any] = {}
    then: dict[str, Any] = {}
    names = (*before, *(name for name in after if name not in before))
    for name in names:
        one, other = before.get(name, ...), after.get(name, ...)
        if one == other:
            continue
        if _is_record(one) and _is_record(other):
            one, other = _differing(one, other)
        now |= {name: one} if one is not ... else {}
        then |= {name: other} if other is not ... else {}
    return now, then


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) and "secret" not in value and set(value) != {"late"}


def _state(value: Any) -> str:
    if not _is_record(value):
        return value_text(value)
    parts = [_part(str(name), item, alone=len(value) == 1) for name, item in value.items()]
    return ", ".join(parts) or "-"


def _part(name: str, item: Any, *, alone: bool) -> str:
    match item:
        case True:
            return word(name)
        case False:
            return "absent" if name in {"there", "exists"} else f"not {word(name)}"
        case None:
            return f"no {word(name)}"
        case str() if alone:
            return said(item)
        case _:
            return f"{word(name)} {value_text(item)}"
