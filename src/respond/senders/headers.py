"""Read raw request headers so that a proxy and we could not take them differently.

A header that we rely on stands once or not at all, under exactly its name: the spelling with an
underscore is another header, and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from respond.senders.refusals import NotGenuineError

__all__ = ["Headers", "is_form", "refuses_encoding", "single", "word"]

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names and values as ASGI hands them over: raw, names in lower case."""

_WORD: Final = re.compile(rb"[!-~]{1,200}")


def single(headers: Headers, name: str) -> bytes | None:
    """Give the value of a header, or None when it is not there.

    Raises:
        NotGenuineError: It stands there twice.
    """
    wanted = name.lower().encode("latin-1", "replace")
    found = [value for key, value in headers if key.lower() == wanted]
    if len(found) > 1:
        raise NotGenuineError
    return found[0] if found else None


def word(headers: Headers, name: str) -> str:
    """Give a short visible ASCII value, such as a delivery id; empty when it is anything else.

    Raises:
        NotGenuineError: The header stands there twice.
    """
    value = single(headers, name)
    return value.decode("ascii") if value is not None and _WORD.fullmatch(value) else ""


def refuses_encoding(headers: Headers) -> bool:
    """Whether the body is compressed: we unpack nothing that a stranger packed. Answer 415."""
    return any(
        key.lower() == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}
        for key, value in headers
    )


def is_form(headers: Headers) -> bool:
    """Whether the body says of itself that it is an HTML form."""
    return any(
        key.lower() == b"content-type"
        and value.strip().lower().startswith(b"application/x-www-form-urlencoded")
        for key, value in headers
    )
