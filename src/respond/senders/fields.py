"""Take single fields out of a payload that may hold anything anywhere.

A field of the wrong type is no field: it is passed over, since senders' documents and deliveries
differ. What makes an event one event is asked for by name and missed aloud.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from respond.core.inputs import timestamp_from
from respond.senders.refusals import UnusableError

__all__ = [
    "Labels",
    "cut",
    "dotted",
    "event_id",
    "identifier",
    "items",
    "key",
    "link",
    "moment",
    "record",
    "text",
    "texts",
]

TITLE_MAX: Final = 1_000
LABEL_MAX: Final = 4_000
_LABELS_MAX: Final = 1_000
_NAME_MAX: Final = 200
_ID_MAX: Final = 200
_LINK_MAX: Final = 2_000
_ITEMS_MAX: Final = 50

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:+-]{1,64}")
_LINK: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f]+")


def record(value: Any) -> Mapping[str, Any]:
    """Give an object's fields; none when it is no object."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Give a list's items; none when it is no list."""
    return value if isinstance(value, list) else []


def text(value: Any, limit: int = TITLE_MAX) -> str:
    """Give a text, cut where it is longer than ``limit``; empty when it is no text."""
    return cut(value, limit) if isinstance(value, str) else ""


def identifier(value: Any) -> str:
    """Give an id, which may be a whole number. One that is too long is none: it is never cut."""
    found = _flat(value) if not isinstance(value, (bool, float)) else ""
    return found if len(found) <= _ID_MAX else ""


def event_id(value: Any, what: str) -> str:
    """Give an id that an event cannot be without.

    Raises:
        UnusableError: It is not there.
    """
    found = identifier(value)
    if not found:
        raise UnusableError(f"it has no {what}")
    return found


def dotted(value: Any, path: str) -> Any:
    """Give what stands at ``a.b.c``; None when the way ends before."""
    for name in path.split("."):
        value = record(value).get(name)
    return value


def moment(value: Any) -> str:
    """Give a time as RFC 3339 in UTC; empty when it is none, or the year 1 that means never."""
    found = timestamp_from(value) if isinstance(value, str) else None
    return "" if found is None or found.startswith("0001-") else found


def link(value: Any) -> str:
    """Give a web address; empty when it is none. Whoever shows it decides what is safe to show."""
    fits = isinstance(value, str) and len(value) <= _LINK_MAX and _LINK.fullmatch(value)
    return value if fits else ""


def key(*parts: str) -> str:
    """Join parts so that no other parts give the same.

    Usual parts stay readable; any other are digested together, so that a slash inside of one
    cannot pretend to be the next.
    """
    if all(_PLAIN.fullmatch(part) for part in parts):
        return "/".join(parts)
    exact = json.dumps(parts, ensure_ascii=True).encode()
    return f"{parts[0] if _PLAIN.fullmatch(parts[0]) else ''}/sha256:{_digest(exact)}"


def texts(values: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Every flat field, or list of such as one text; the rest is no label."""
    found = {
        name: cut(_joined(value), LABEL_MAX)
        for name, value in values
        if isinstance(name, str) and 0 < len(name) <= _NAME_MAX
    }
    return {name: text for name, text in found.items() if text}


class Labels:
    """Gathers flat texts under names; what was put under a name first stays."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._left_out = 0

    def put(self, name: Any, value: Any) -> None:
        """Keep ``value`` when it is a text, a number or a truth value, and not empty."""
        flat = _flat(value)
        if not isinstance(name, str) or not 0 < len(name) <= _NAME_MAX or not flat:
            return
        if name not in self._found and len(self._found) >= _LABELS_MAX:
            self._left_out += 1
        else:
            self._found.setdefault(name, cut(flat, LABEL_MAX))

    def put_all(self, values: Any, prefix: str = "") -> None:
        """Keep every flat field of an object."""
        for name, value in record(values).items():
            self.put(prefix + name, value)

    def get(self, name: str) -> str:
        return self._found.get(name, "")

    def done(self) -> dict[str, str]:
        """All of them; of too many, the first and how many were left out."""
        left_out = {"labels_left_out": str(self._left_out)} if self._left_out else {}
        return {**self._found, **left_out}


def _flat(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return ""


def _joined(value: Any) -> str:
    if not isinstance(value, list):
        return _flat(value)
    return ", ".join(filter(None, (cut(_flat(each), LABEL_MAX) for each in value[:_ITEMS_MAX])))


def cut(value: str, limit: int) -> str:
    """Give a text of at most ``limit`` characters."""
    # The dots make a cut value a different one: it must not pass for a whole.
    return value if len(value) <= limit else f"{value[: limit - 3]}..."


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
