"""Decode the JSON of a delivery within limits, the costly ones before anything is built.

Depth and number of values are counted on the raw bytes: 5 MB of brackets would become 100 MB of
lists first. How strict the rest is, ``core/strict_json`` says. What is only long is cut: one text
must not take with it what stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from respond.core.strict_json import NotStrictJsonError, decode
from respond.senders.fields import cut
from respond.senders.refusals import UnusableError

__all__ = ["DEPTH_MAX", "NODES_MAX", "TEXT_MAX", "decoded", "of_form"]

DEPTH_MAX: Final = 32
NODES_MAX: Final = 50_000
TEXT_MAX: Final = 64 * 1024

# Possessive throughout: it never goes back, so its time is linear, also when a text has no end.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]},]', re.DOTALL)
_BLANK: Final = b" \t\r\n"
_FIELD: Final = b"payload="
_BOM: Final = b"\xef\xbb\xbf"


def decoded(body: bytes, *, bytes_max: int, note: Callable[[str], None] = lambda _: None) -> Any:
    """Give the value that ``body`` spells, with its texts cut where they are too long.

    Args:
        note: Told how many texts were cut.

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
    cut = _cut_long_texts(value)
    if cut:
        note(f"{cut} of its texts were cut to {TEXT_MAX:,} characters")
    return value


def of_form(body: bytes) -> bytes:
    """What stands in a form with the one field ``payload``.

    It is taken apart by hand: one field, one value, nothing that two readers could take
    differently.

    Raises:
        UnusableError: It is another form, or none.
    """
    if not body.startswith(_FIELD) or b"&" in body:
        raise UnusableError("it is no form with the one field payload")
    return unquote_to_bytes(body.removeprefix(_FIELD).replace(b"+", b" "))


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


def _cut_long_texts(value: Any) -> int:
    """Cut them in place, and count. A name is left: as a name of a label it is too long anyway."""
    count = 0
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            inside: Iterable[tuple[Any, Any]] = holder.items()
        elif isinstance(holder, list):
            inside = enumerate(holder)
        else:
            continue
        for place, item in inside:
            if isinstance(item, str) and len(item) > TEXT_MAX:
                holder[place] = cut(item, TEXT_MAX)
                count += 1
            elif isinstance(item, (dict, list)):
                waiting.append(item)
    return count
