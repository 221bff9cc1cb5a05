"""Canonical JSON: one value has one spelling, so that its bytes can be hashed.

The order and the escapes are those of RFC 8785. Numbers are integers up to 2^53 - 1 only, so the
hard part of that RFC, the spelling of floats, never comes up. ``decode`` is the strict way back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["BODY_BYTES_MAX", "DEPTH_MAX", "INTEGER_MAX", "NotCanonicalError", "decode", "encode"]

INTEGER_MAX = 2**53 - 1
"""Largest integer; a double holds it exactly (RFC 8785, section 3.2.2.3)."""

DEPTH_MAX = 64
"""Deepest nesting of lists and objects."""

BODY_BYTES_MAX = 16 * 1024 * 1024
"""Longest text that is written or read, in bytes."""


class NotCanonicalError(ValueError):
    """A value has no canonical form, or bytes are not the strict JSON that is asked for."""


def encode(value: Any, *, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Spell a value in its one way, as UTF-8.

    Raises:
        NotCanonicalError: It holds a float, a large integer, a lone surrogate, a key that is no
            text, another type, or is too deep or too long.
    """
    # What json leaves to do is exactly the RFC's section 3.2.2.2: the two-character escapes,
    # \u00xx in lower case for the other control characters, everything else as it is.
    in_order = _is_simple(value, 0)
    text = _IN_ORDER.encode(value) if in_order else _AS_IT_IS.encode(_ordered(value, 0))
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonicalError("a text holds a lone surrogate") from error
    if len(encoded) > bytes_max:
        raise NotCanonicalError(f"{len(encoded)} bytes are more than {bytes_max}")
    return encoded


def decode(encoded: bytes, *, bytes_max: int = BODY_BYTES_MAX) -> Any:
    """Read strict JSON: UTF-8, no duplicate keys, no floats, no lone surrogates.

    It does not ask for canonical order or spelling: hashes are taken over the bytes as stored, so
    nothing depends on it.

    Raises:
        NotCanonicalError: With the reason.
    """
    if len(encoded) > bytes_max:
        raise NotCanonicalError(f"{len(encoded)} bytes are more than {bytes_max}")
    try:
        text = encoded.decode("utf-8")
        try:
            value, end = _SCAN(text, 0)
        except StopIteration:
            end = -1
        if end != len(text):  # White space around it, or a fault.
            value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise NotCanonicalError(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise NotCanonicalError(f"not JSON: {error.msg} at {error.pos}") from error
    except RecursionError as error:
        raise NotCanonicalError(f"deeper than {DEPTH_MAX}") from error
    # A journal is read as a whole, and walking what was read costs as much as reading it: only an
    # escape brings half a pair in, and fewer brackets than levels are not too deep.
    if b"\\" in encoded and _SURROGATE_ESCAPE.search(encoded):
        _check_read(value, 0)
    elif encoded.count(b"[") + encoded.count(b"{") > DEPTH_MAX:
        _check_depth(value)
    return value


_AS_IT_IS = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, sort_keys=False
)
_IN_ORDER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, sort_keys=True
)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_DIGITS_MAX = len(str(INTEGER_MAX))
_NESTED = frozenset({dict, list})
_LEAVES = frozenset({type(None), bool, str})


def _is_simple(value: Any, depth: int) -> bool:
    """Whether json's own order of keys is the right one, and nothing in it is to be refused.

    So it is with nearly every record. False says nothing: ``_ordered`` finds out.
    """
    # Loops and no generators: a run asks this of every value that it records.
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        value = value.values()
    elif kind is not list:
        return kind in _LEAVES or (kind is int and -INTEGER_MAX <= value <= INTEGER_MAX)
    if depth >= DEPTH_MAX:
        return False
    for item in value:
        if type(item) not in _LEAVES and not _is_simple(item, depth + 1):
            return False
    return True


def _ordered(value: Any, depth: int) -> Any:
    """The value with every object's keys in order, or an error."""
    # By exact type first: asking an abstract base class costs ten times as much.
    kind = type(value)
    if value is None or kind is str or kind is bool or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonicalError(f"the integer {value} is outside 2^53 - 1")
        return value
    if depth >= DEPTH_MAX:
        raise NotCanonicalError(f"deeper than {DEPTH_MAX}")
    if kind is dict or isinstance(value, Mapping):
        return {key: _ordered(value[key], depth + 1) for key in _sorted_keys(value)}
    if isinstance(value, (list, tuple)):
        return [_ordered(item, depth + 1) for item in value]
    raise NotCanonicalError(f"a value of type {type(value).__name__} cannot be written")


def _sorted_keys(value: Mapping[Any, Any]) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise NotCanonicalError(f"the key {key!r} is not a text")
    if all(map(str.isascii, value)):
        return sorted(value)
    # RFC 8785, section 3.2.3: the order of UTF-16 code units. It differs from the order of code
    # points above U+FFFF. Big-endian bytes compare like the units.
    return sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotCanonicalError(f"the key {key!r} stands twice")
            seen.add(key)
    return found


def _integer(text: str) -> int:
    if len(text) < _DIGITS_MAX:
        return int(text)
    if len(text) > len(str(-INTEGER_MAX)) or not -INTEGER_MAX <= int(text) <= INTEGER_MAX:
        raise NotCanonicalError(f"the integer {text[:20]} is outside 2^53 - 1")
    return int(text)


def _refuse_number(text: str) -> Any:
    raise NotCanonicalError(f"the number {text[:20]} is not an integer")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
)


_SCAN = _DECODER.scan_once  # type: ignore[attr-defined]  # what raw_decode calls


def _check_read(value: Any, depth: int) -> None:
    """Depth, and the surrogates that an escape can bring in."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise NotCanonicalError("a text holds a lone surrogate") from error
        return
    if not isinstance(value, (dict, list)):
        return
    if depth >= DEPTH_MAX:
        raise NotCanonicalError(f"deeper than {DEPTH_MAX}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_read(key, depth + 1)
            _check_read(item, depth + 1)
    else:
        for item in value:
            _check_read(item, depth + 1)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        inner = (each.values() if type(each) is dict else each for each in level)
        level = [item for items in inner for item in items if type(item) in _NESTED]
        if not level:
            return
    raise NotCanonicalError(f"deeper than {DEPTH_MAX}")
