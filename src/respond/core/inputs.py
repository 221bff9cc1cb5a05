"""Say what an input of a runbook is inside: its value, and what stands for none.

An optional input that was not given and has no default is the empty text (``text``, ``email``,
``url``, ``choice``), the empty list (``list``), and otherwise None, which expressions see as
absent: ``has(inputs.since)`` asks. Times that depend on the hour ("3 days ago") are read where
the clock is, not here.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from typing import TYPE_CHECKING, Any, Final

from respond.core.addresses import is_email, is_https
from respond.core.runbook_head import Input, InputKind
from respond.errors import ShapeError

if TYPE_CHECKING:
    from respond.core.values import Value

__all__ = [
    "absent_value",
    "input_value",
    "is_nullable",
    "parse_span",
    "pattern_trouble",
    "timestamp_from",
]

_TEXTS: Final = frozenset({InputKind.TEXT, InputKind.EMAIL, InputKind.URL, InputKind.CHOICE})
_TEXT_MAX: Final = 4_096
_LIST_MAX: Final = 1_000
_MATCHED_MAX: Final = 256
_REPETITIONS_MAX: Final = 3
# Compiled where they are used: the help of a runbook waits for this module.
_WHOLE_NUMBER: Final = "-?(0|[1-9][0-9]{0,14})"
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN: Final = "([1-9][0-9]{0,5})([smhd])"
_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def absent_value(kind: InputKind) -> Value:
    """What an optional input is when nothing was given and it has no default."""
    if kind in _TEXTS:
        return ""
    return [] if kind is InputKind.LIST else None


def is_nullable(given: Input) -> bool:
    """Whether the input's value may be None in a run."""
    if given.required or given.default is not None:
        return False
    return absent_value(given.kind) is None


def input_value(given: Input, data: Any) -> Value:
    """Plain data (a default, an argument, a field of a pager's event) as the input's value.

    Texts are taken for durations (``30m``), times (RFC 3339), whole numbers and booleans too;
    an e-mail address and a URL are looked at for their form, a choice for its words.

    Raises:
        ShapeError: It is not what the input takes; the text does not repeat the value.
    """
    try:
        value = _typed(given.kind, data)
    except ShapeError as error:
        raise ShapeError(f"{given.name} {error}") from None
    if given.kind is InputKind.CHOICE and value not in given.of:
        raise ShapeError(f"{given.name} must be one of {', '.join(given.of)}")
    texts = value if isinstance(value, list) else [value]
    if given.pattern and not all(
        _matches(given.pattern, text) for text in texts if isinstance(text, str)
    ):
        hint = f", such as {given.example}" if given.example else ""
        raise ShapeError(f"{given.name} must match {given.pattern}{hint}")
    return value


def _typed(kind: InputKind, data: Any) -> Value:
    value: Value = None
    match kind, data:
        case ((InputKind.TEXT | InputKind.CHOICE | InputKind.SECRET), str()):
            return _short(data)
        case InputKind.INTEGER, int() if not isinstance(data, bool):
            return data
        case InputKind.BOOLEAN, bool():
            return data
        case InputKind.LIST, list() if len(data) <= _LIST_MAX:
            if all(isinstance(item, str) for item in data):
                return [_short(item) for item in data]
        case _, str():
            value = _from_text(kind, data)
        case _:
            pass
    if value is None:
        raise ShapeError(f"must be {_WANTED[kind]}")
    return value


def _from_text(kind: InputKind, text: str) -> Value:
    match kind:
        case InputKind.EMAIL if is_email(text):
            return text
        case InputKind.URL if is_https(text):
            return _short(text)
        case InputKind.INTEGER if re.fullmatch(_WHOLE_NUMBER, text):
            return int(text)
        case InputKind.BOOLEAN if text in {"true", "false"}:
            return text == "true"
        case InputKind.DURATION:
            return parse_span(text)
        case InputKind.TIME | InputKind.DEADLINE:
            return timestamp_from(text)
        case _:
            return None


_WANTED: Final = {
    InputKind.TEXT: "text",
    InputKind.EMAIL: "an e-mail address",
    InputKind.URL: "an https address",
    InputKind.INTEGER: "a whole number",
    InputKind.BOOLEAN: "true or false",
    InputKind.CHOICE: "text",
    InputKind.DURATION: "a duration such as 30s, 5m, 2h or 1d",
    InputKind.TIME: "a time such as 2026-11-23T03:14:07Z",
    InputKind.DEADLINE: "a time such as 2026-11-23T03:14:07Z",
    InputKind.LIST: f"a list of at most {_LIST_MAX} texts",
    InputKind.SECRET: "text",
}


def _matches(pattern: str, text: str) -> bool:
    # With at most three repetitions in a pattern, this bounds the time of a match too.
    return len(text) <= _MATCHED_MAX and re.fullmatch(pattern, text) is not None


def _short(text: str) -> str:
    if len(text) > _TEXT_MAX:
        raise ShapeError(f"has {len(text)} characters, and {_TEXT_MAX} is the most")
    return text


def parse_span(text: str) -> int | None:
    """Read ``30s``, ``5m``, ``2h`` or ``1d`` as seconds; None when it is none of these."""
    found = re.fullmatch(_SPAN, text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def timestamp_from(text: str) -> str | None:
    """Read an RFC 3339 time and give it in UTC with ``Z`` and whole seconds; None when it is none.

    A date alone is its first second in UTC.
    """
    if re.fullmatch(_DATE, text):
        text += "T00:00:00Z"
    if re.fullmatch(_MOMENT, text) is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text.upper()).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def pattern_trouble(pattern: str) -> str:
    """Say why a regular expression may not be used on text from outside; empty when it may.

    A repetition inside of a repetition takes time that doubles with each character, and a pager
    chooses the characters. Look-around and back-references are left out for the same reason.
    """
    try:
        with warnings.catch_warnings():
            # What Python warns about today ("possible nested set") means something else tomorrow.
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return f"this is not a regular expression: {error}"
    bare = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", re.sub(r"\\[^1-9]", "x", pattern))
    if re.search(r"\\[1-9]|\(\?[^:]", bare):
        return "groups that begin with '(?' and back-references are left out here"
    groups = [False]
    repetitions = 0
    for at, character in enumerate(bare):
        if character in "*+" or re.match(r"\{[0-9]*,[0-9]*\}", bare[at:]):
            repetitions += 1
            groups[-1] = True
        elif character == "|":
            groups[-1] = True
        elif character == "(":
            groups.append(False)
        elif character == ")" and len(groups) > 1:
            is_open = groups.pop()
            if is_open and re.match(r"[*+{]", bare[at + 1 :]):
                return "a repetition or a choice stands inside of a repetition"
            groups[-1] |= is_open
    if repetitions > _REPETITIONS_MAX:
        return f"it has {repetitions} repetitions, and {_REPETITIONS_MAX} is the most"
    return ""
