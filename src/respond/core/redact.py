"""Find secrets in text, also where something has encoded them, and put a name in their place.

Pure: it is told the values and the text. ``adapters.redactor`` keeps the values of a process.

A secret is found in its own form and in the forms that libraries, proxies and vendors like to
print: JSON, Python, HTML and URL escapes, hex, and base64 of any longer text that contains it.
Base64 works in groups of three bytes, so a secret inside a longer text looks different at each
of three alignments; the characters at its edges mix with its neighbours and are left out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

__all__ = ["SHORTEST", "forms", "redact"]

SHORTEST: Final = 6
"""Values with fewer characters are no secrets that can be looked for: ``admin`` and ``1234``
would turn every text into marks, and tell the reader what they are."""


_MARKUP: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)
"""As ``html.escape`` has it; importing that costs each start a table of 2,231 names."""


def forms(value: str) -> frozenset[str]:
    """All texts that give ``value`` away, itself included; empty when it is too short."""
    if len(value) < SHORTEST:
        return frozenset()
    raw = value.encode("utf-8", "surrogatepass")
    found = {value, *_escaped(value), *_percent(raw), raw.hex(), raw.hex().upper()}
    for alignment in range(3):
        found.update(_base64(raw, alignment))
    return frozenset(found)


def redact(text: str, table: Iterable[tuple[str, str]]) -> str:
    """Replace in ``text`` every form by its mark.

    Args:
        table: Pairs of (form, mark), longest form first: a secret that contains another one is
            to be found before it.
    """
    # One plain search for each form. A single regular expression over some 150 literals was
    # 15 times slower on long texts: it tries every literal at every character.
    for form, mark in table:
        if form in text:
            text = text.replace(form, mark)
    return text


def _escaped(value: str) -> Iterable[str]:
    if value.isascii() and value.isalnum():
        return
    for ensure_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=ensure_ascii)[1:-1]
        yield text
        yield text.replace("/", "\\/")
    yield repr(value)[1:-1]
    yield value.translate(_MARKUP)


def _percent(raw: bytes) -> Iterable[str]:
    for text in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield text
        yield _lower_escapes(text)


def _lower_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def _base64(raw: bytes, alignment: int) -> Iterable[str]:
    # Bits, in sixes: the first characters hold bits of what stands before, the last one may
    # hold bits of what follows.
    first = (8 * alignment + 5) // 6
    last = 8 * (alignment + len(raw)) // 6
    padded = bytes(alignment) + raw
    yield base64.b64encode(padded).decode("ascii")[first:last]
    yield base64.urlsafe_b64encode(padded).decode("ascii")[first:last]
