"""Say where a secret value occurs in a journal, or that it does not, without storing it anywhere.

Secrets enter the journal as keyed digests. Who has the value and the journal's digest key can find
it; who has only the journal can not even guess at short values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from respond.audit.body import read_body
from respond.audit.canonical import encode
from respond.audit.chain import keyed_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from respond.audit.verify import StoredRow

__all__ = ["Occurrence", "prove"]

_CLEAR_FROM = 6
"""Shorter values are not searched for in the clear: they would be found by chance."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a value occurs.

    Attributes:
        where: Path inside ``data``, such as ``inputs.leaked.digest``; empty for ``in_clear``.
        in_clear: The value itself stands in the body, which is a fault.
    """

    seq: int
    at: str
    run: str
    step: str
    kind: str
    where: str
    in_clear: bool = False


def prove(rows: Iterable[StoredRow], value: str, digest_key: bytes) -> Iterator[Occurrence]:
    """Every place in these records where the value occurs.

    It proves as much as the records do: check them with ``verify`` first.
    """
    digest = keyed_digest(digest_key, value)
    clear = encode(value)[1:-1]
    for row in rows:
        has_clear = len(value) >= _CLEAR_FROM and clear in row.body
        if not has_clear and digest.encode("ascii") not in row.body:
            continue
        body = read_body(row.body)
        place = (body.seq, body.at, body.run, body.step, body.kind)
        for where in _places(body.data, digest, ()):
            yield Occurrence(*place, where)
        if has_clear:
            yield Occurrence(*place, "", in_clear=True)


def _places(value: Any, digest: str, path: tuple[str, ...]) -> Iterator[str]:
    """Paths of the texts that are this digest."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, digest, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _places(item, digest, (*path, str(place)))
    elif value == digest:
        yield ".".join(path)
