"""Turn what a person typed for an input into a value of its type.

``respond.core.inputs`` says what fits; this adds what only people write. One closed grammar for
times, so that what is understood is what was meant: ``2026-11-20``, ``2026-11-20 14:00``, RFC
3339, ``now``, ``yesterday``, ``today``, ``3 days ago``, ``2h ago``, ``14:00`` (today). Times
without a zone are UTC, as everything on our screens is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from respond.core.inputs import input_value
from respond.core.runbook import Input, InputKind
from respond.core.shapes import ShapeError
from respond.core.showable import hidden_character, showable
from respond.core.strict_json import decode
from respond.core.values import Value
from respond.errors import UsageError

__all__ = ["parse_input"]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS: Final = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "day": "d", "week": "w",
}  # fmt: skip
_AGO: Final = r"(\d{1,7}|an?)\s*([a-z]+?)s?\s+ago"
_IN: Final = r"in\s+(\d{1,7}|an?)\s*([a-z]+?)s?"
_CLOCK: Final = r"([01]?\d|2[0-3]):([0-5]\d)"
_SAID: Final = {"yes": "true", "y": "true", "no": "false", "n": "false"}


def parse_input(declared: Input, text: str, *, now_s: int) -> Value:
    """The value of an input that is no secret.

    Raises:
        UsageError: It does not fit; says what would.
    """
    text = text.strip()
    if hidden_character(text) is not None or "\n" in text or "\r" in text:
        raise _no(declared, text, "it has control or invisible characters")
    given: object = text
    try:
        match declared.kind:
            case InputKind.LIST:
                given = _items(text)
            case InputKind.BOOLEAN:
                given = _SAID.get(text.lower(), text.lower())
            case InputKind.TIME | InputKind.DEADLINE:
                ahead = declared.kind is InputKind.DEADLINE
                given = _parse_time(text, now_s=now_s, ahead=ahead)
            case _:
                pass
        return input_value(declared, given)
    except OverflowError as error:
        raise _no(declared, text, "it lies too far away") from error
    except (ShapeError, ValueError) as error:
        raise _no(declared, text, str(error)) from error


def _items(text: str) -> object:
    """Texts with commas between, or a list as JSON.

    Raises:
        ValueError: It looks like JSON and is none; an item of that name would be a guess.
    """
    if text.startswith("["):
        return decode(text.encode())
    items = [item.strip() for item in text.split(",") if item.strip()]
    if any(item[0] in '[]{}"' for item in items):
        raise ValueError('a list looks like: north, south; or as JSON: ["north", "south"]')
    return items


def _parse_time(text: str, *, now_s: int, ahead: bool) -> str:
    """RFC 3339 in UTC, with ``Z``; ``ahead`` is one that is still to come.

    Raises:
        ValueError: It is not understood, or lies on the other side of now.
    """
    now = datetime.fromtimestamp(now_s, UTC)
    found = _moment(text.strip().lower(), now, ahead=ahead)
    if found is None:
        such = "tomorrow 9:00 or in 3 hours" if ahead else "yesterday or 3 days ago"
        raise ValueError(f"a time looks like 2026-11-20, 2026-11-20 14:00, {such}")
    if ahead and found <= now:
        raise ValueError("it lies in the past")
    if not ahead and found > now + timedelta(minutes=5):
        raise ValueError("it lies in the future")
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(word: str, now: datetime, *, ahead: bool) -> datetime | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    a_day = timedelta(days=1)
    day, _, clock = word.partition(" ")
    named = {"today": midnight, "yesterday": midnight - a_day, "tomorrow": midnight + a_day,
             "now": now}  # fmt: skip
    if day in named:
        return _at(named[day], clock.removeprefix("at ")) if clock else named[day]
    away = re.fullmatch(_IN if ahead else _AGO, word)
    if away is not None:
        count = 1 if away[1].startswith("a") else int(away[1])
        unit = away[2] if away[2] in _UNITS else _WORDS.get(away[2], "")
        span = timedelta(seconds=count * _UNITS[unit]) if unit else None
        return None if span is None else now + span if ahead else now - span
    if re.fullmatch(_CLOCK, word):
        today = _at(midnight, word)
        if today is None or (today > now) is ahead:
            return today
        return today + a_day if ahead else today - a_day
    return _written(word)


def _at(day: datetime, clock: str) -> datetime | None:
    found = re.fullmatch(_CLOCK, clock)
    if found is None:
        return None
    return day.replace(hour=int(found[1]), minute=int(found[2]))


def _written(word: str) -> datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d", word):
        return None
    try:
        moment = datetime.fromisoformat(word.upper())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _no(declared: Input, text: str, why: str) -> UsageError:
    # A secret never comes this way, but a person may paste one where a name is asked for.
    shown = showable(text, limit=24) if declared.kind is not InputKind.SECRET else "it"
    return UsageError(
        f"{declared.name}: {shown!r} does not fit",
        why=why,
        do=f"for example: {declared.example}" if declared.example else "",
    )
