"""Keep what grows with a run so that the next state of it shares what did not change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

__all__ = ["grown"]

V = TypeVar("V")
_APART: Final = 64


def grown(mapping: Mapping[str, V], key: str, value: V) -> Mapping[str, V]:
    """The same with one more entry, or with another value in its place; ``mapping`` stays.

    A copy for each entry would make n entries cost n times n. Of one that came out of here only
    what was put in lately is copied, and merged when that is as much as the root of the rest.
    """
    rest, late = mapping.parts if isinstance(mapping, _Grown) else (dict(mapping), {})
    late = {**late, key: value}
    if len(late) ** 2 > max(_APART, len(rest)):
        rest, late = rest | late, {}
    return _Grown(rest, late)


class _Grown(Mapping[str, V]):
    __slots__ = ("parts",)

    def __init__(self, rest: dict[str, V], late: dict[str, V]) -> None:
        self.parts = rest, late

    def __getitem__(self, key: str) -> V:
        rest, late = self.parts
        return late[key] if key in late else rest[key]

    def __iter__(self) -> Iterator[str]:
        rest, late = self.parts
        yield from rest
        yield from (key for key in late if key not in rest)

    def __len__(self) -> int:
        rest, late = self.parts
        return len(rest.keys() | late.keys()) if late else len(rest)

    def __repr__(self) -> str:
        return repr(dict(self))
