"""Read JSON from outside so that two readers could not take it differently.

UTF-8 without a byte order mark, no duplicate names, no NaN or Infinity, no number beyond what a
float holds, no half of a surrogate pair, bounded depth. The caller bounds the size. A whole number
beyond 2^53 - 1 comes out as its text: nothing behind this door carries more, and no digit is lost.

Source: RFC 8259, sections 4, 6, 8 and 9; RFC 7493 (I-JSON), section 2.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

__all__ = ["NotStrictJsonError", "decode"]

_INTEGER_MAX: Final = 2**53 - 1
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class NotStrictJsonError(ValueError):
    """The bytes are not JSON as we take it; the text says why, without showing them."""


def decode(data: bytes, *, depth_max: int = 64) -> Any:
    """Give the value that ``data`` spells.

    Args:
        data: At most a few MiB; the caller has cut longer input off.
        depth_max: Arrays and objects inside each other, at most.

    Raises:
        NotStrictJsonError: Not JSON, or JSON that is ambiguous or too deep.
    """
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise NotStrictJsonError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotStrictJsonError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise NotStrictJsonError(f"it is not JSON ({place})") from None
    except NotStrictJsonError:
        raise
    except ValueError:
        # The interpreter's own limit for the digits of one whole number.
        raise NotStrictJsonError("it holds a number with too many digits") from None
    surrogates = _SURROGATE_ESCAPE.search(data) is not None
    # Fewer brackets than levels can not be too deep: the usual reply is not walked at all.
    if surrogates or data.count(b"[") + data.count(b"{") > depth_max:
        _check(value, depth_max, surrogates=surrogates)
    return value


def _check(value: Any, depth_max: int, *, surrogates: bool) -> None:
    level = [value]
    depth = 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
                if surrogates:
                    below.extend(item)
            elif isinstance(item, list):
                below.extend(item)
            elif surrogates and isinstance(item, str):
                try:
                    item.encode("utf-8")
                except UnicodeEncodeError:
                    raise NotStrictJsonError("it holds half a surrogate pair") from None
        depth += 1
        if depth >= depth_max and any(isinstance(item, (dict, list)) for item in below):
            raise NotStrictJsonError(f"it is nested more than {depth_max} deep")
        level = below


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise NotStrictJsonError("a name stands twice in one object")
    return record


def _whole(text: str) -> int | str:
    number = int(text)
    return number if abs(number) <= _INTEGER_MAX else text


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotStrictJsonError("it holds a number that is too large")
    return number


def _constant(_: str) -> NoReturn:
    raise NotStrictJsonError("it holds NaN or Infinity")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_whole, parse_float=_number, parse_constant=_constant
)
