"""Keep count of a playbook: what of it was read, and so what was not.

Whoever reads a value says so. All that nobody took is named at the end, so that nothing is lost
without a word, whatever a file holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from respond.formats.cacao.cacao_terms import ExchangeLoss, Path, pointer

__all__ = ["Tally"]

_UNREAD: Final = {
    "signatures": "a signature: it was not checked, and is not carried over",
    "revoked": "whether its maker has withdrawn it: look before you use it",
    "valid_until": "until when it holds: look before you use it",
}


class Tally:
    """What of one playbook was taken over."""

    def __init__(self, playbook: Mapping[str, Any]) -> None:
        self._playbook = playbook
        self._taken: set[Path] = set()
        self._losses: dict[ExchangeLoss, None] = {}

    def take(self, *path: str | int) -> None:
        """This value, with all that stands in it, is in the runbook."""
        self._taken.add(path)

    def lost(self, path: Path, what: str, *, fill: bool = False) -> None:
        """This is not in the runbook as it was."""
        self._losses[ExchangeLoss(pointer(*path), what, fill=fill)] = None

    def hold_against(self, again: Mapping[str, Any]) -> None:
        """Take all that our own export of the runbook says, too; name what only it says."""
        self._taken.update(_same(self._playbook, again, ()))
        for path in _missing(again, self._playbook, ()):
            self.lost(path, "our extension says it and was believed; the file has it no more")

    def losses(self) -> Iterator[ExchangeLoss]:
        """All that is not there as it was, what nobody read last."""
        yield from self._losses
        above = {path[:length] for path in self._taken for length in range(len(path))}
        told = {loss.pointer for loss in self._losses}
        for path in _unread(self._playbook, (), self._taken, above):
            if pointer(*path) not in told:
                yield ExchangeLoss(pointer(*path), _UNREAD.get(str(path[0]), "not carried over"))


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _unread(
    value: Any, path: Path, taken: AbstractSet[Path], above: AbstractSet[Path]
) -> Iterator[Path]:
    """The highest places of which nothing was taken."""
    for key, each in _entries(value):
        place = (*path, key)
        if place in taken:
            continue
        if place in above:
            yield from _unread(each, place, taken, above)
        else:
            yield place


def _same(one: Any, other: Any, path: Path) -> Iterator[Path]:
    """The highest places at which both say the same."""
    theirs = dict(_entries(other))
    for key, each in _entries(one):
        if key in theirs and each == theirs[key]:
            yield (*path, key)
        elif key in theirs:
            yield from _same(each, theirs[key], (*path, key))


def _missing(one: Any, other: Any, path: Path) -> Iterator[Path]:
    """The highest places that the other does not have."""
    theirs = dict(_entries(other))
    for key, each in _entries(one):
        if key not in theirs:
            yield (*path, key)
        else:
            yield from _missing(each, theirs[key], (*path, key))
