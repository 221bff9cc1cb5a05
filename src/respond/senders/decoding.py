"""Decode the JSON of a delivery within limits, the costly ones before anything is built.

Depth and number of values are counted on the raw bytes: 5 MB of brackets would become 100 MB of
lists first. How strict the rest is, ``core/strict_json`` says.
"""

from __future__ import annotations

import re
from typing import Any, Final

from respond.core.strict_json import NotStrictJsonError, decode
from respond.senders.refusals import UnusableError

__all__ = ["DEPTH_MAX", "NODES_MAX", "TEXT_BYTES_MAX", "decoded"]

DEPTH_MAX: Final = 32
NODES_MAX: Final = 10_000
TEXT_BYTES_MAX: Final = 64 * 1024

# Possessive throughout: it never goes back, so its time is linear, also when a text has no end.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]},]', re.DOTALL)
_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"


def decoded(body: bytes, *, bytes_max: int) -> Any:
    """Give the value that ``body`` spells.

    Raises:
        UnusableError: It is not JSON as we take it, or larger, deeper or fuller than we take it.
    """
    if len(body) > bytes_max:
        raise UnusableError(f"it is longer than {bytes_max:,} bytes")
    if body.startswith(_BOM):
        raise UnusableError("it begins with a byte order mark")
    _count(body)
    try:
        value = decode(body, depth_max=DEPTH_MAX)
    except NotStrictJsonError as error:
        raise UnusableError(str(error)) from None
    _refuse_long_texts(value)
    return value


def _count(body: bytes) -> None:
    """Refuse by depth and number of values, on bytes that may not even be JSON.

    It ends at the first that is too many, so what it costs goes by the limits, not by the body.
    """
    if body.count(b"[") + body.count(b"{") + body.count(b",") < DEPTH_MAX:
        return
    depth = texts = 0
    values = 1  # The one at the top; in each container one more than there are commas.
    just_opened = -1
    for token in _TOKEN.finditer(body):
        match body[token.start() : token.start() + 1]:
            case b'"':
                texts += 1
            case b",":
                values += 1
            case b"[" | b"{":
                depth += 1
                values += 1
            case _:
                depth -= 1
                is_empty = just_opened >= 0 and not body[just_opened : token.start()].strip(_BLANK)
                values -= is_empty
        just_opened = token.end() if body[token.start()] in b"[{" else -1
        if depth > DEPTH_MAX:
            raise UnusableError(f"it is nested more than {DEPTH_MAX} deep")
        if depth < 0:
            raise UnusableError("it is not JSON (a bracket closes that was never open)")
        # Whatever is open may still turn out to be empty; a value has a name at most.
        if values - depth > NODES_MAX or texts > 2 * NODES_MAX:
            break
    if values > NODES_MAX or texts > 2 * NODES_MAX:
        raise UnusableError(f"it holds more than {NODES_MAX:,} values")


def _refuse_long_texts(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str) and _utf8_bytes(item) > TEXT_BYTES_MAX:
            raise UnusableError(f"it holds a text longer than {TEXT_BYTES_MAX // 1024} KiB")


def _utf8_bytes(text: str) -> int:
    # Most are short: four bytes a character is the most that UTF-8 needs.
    return len(text) if 4 * len(text) <= TEXT_BYTES_MAX else len(text.encode())
