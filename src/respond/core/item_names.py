"""Name what a run left open, so that a person can close it later: short, and the same each time.

An id is made of what the item is about (a step, a finding's words, a change), never of how it
stands, so it stays while the rest of the list changes. People see and type its beginning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

__all__ = ["SHOWN", "fitting", "item_id", "short_names"]

_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""No 0, o, 1, i, l: a name is read aloud."""
_LENGTH: Final = 16
SHOWN: Final = 4
"""Letters that people see of an id, where more are not needed to tell it apart."""


@lru_cache(maxsize=4096)  # Every view of a run asks for the same ones, several times.
def item_id(kind: str, *about: str) -> str:
    """The id of an item: letters and digits alone, whatever text it is about."""
    parts = b"".join(len(raw).to_bytes(4) + raw for raw in map(_bytes, (kind, *about)))
    number = int.from_bytes(hashlib.sha256(b"respond-item-v1" + parts).digest())
    letters = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def short_names(ids: Iterable[str]) -> Mapping[str, str]:
    """Of each id so much that it is no other's beginning, and ``SHOWN`` letters at least."""
    found = sorted(set(ids))
    names = {}
    for place, each in enumerate(found):
        beside = found[max(0, place - 1) : place] + found[place + 1 : place + 2]
        length = max((_shared(each, other) + 1 for other in beside), default=0)
        names[each] = each[: max(SHOWN, length)]
    return names


def _shared(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def fitting(typed: str, ids: Iterable[str]) -> list[str]:
    """The ids that begin with what was typed, in any case; none for less than ``SHOWN`` letters."""
    wanted = typed.strip().casefold()
    return [each for each in dict.fromkeys(ids) if len(wanted) >= SHOWN and each.startswith(wanted)]
