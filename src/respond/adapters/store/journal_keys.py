"""What the key store holds of journals, and under which names."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from respond.adapters.ordinary_file import real_path
from respond.audit.chain import GENESIS
from respond.errors import JournalUnusableError

if TYPE_CHECKING:
    from pathlib import Path

    from respond.ports import KeyStore

__all__ = [
    "ChainEnd",
    "digest_key",
    "evidence_key",
    "known_at",
    "place_of",
    "place_of_base",
    "read_mark",
    "read_timeline",
    "run_key",
    "signing_key",
    "write_mark",
    "write_timeline",
]


class ChainEnd(NamedTuple):
    """Where a chain ends: how many records, the hash of the last."""

    size: int = 0
    hash: bytes = GENESIS


def signing_key(journal: str) -> str:
    """32 bytes, Ed25519."""
    return f"signing-key/{journal}"


def digest_key(journal: str) -> str:
    """32 bytes, for keyed digests of secrets."""
    return f"digest-key/{journal}"


def evidence_key(journal: str) -> str:
    """32 bytes, seals the answers that runs keep as evidence; it outlives them."""
    return f"evidence-key/{journal}"


def run_key(run: str) -> str:
    """32 bytes, seals the secrets of one run."""
    return f"run-key/{run}"


def place_of(path: Path) -> str:
    """Which journal id lies at a path; the name has the path's digest."""
    return _place(os.fsencode(real_path(path.parent) / path.name))


def place_of_base(place: str) -> str:
    """The same of a database, by what it is for everybody who means it."""
    return _place(place.encode())


def _place(where: bytes) -> str:
    return f"place/{hashlib.sha256(where).hexdigest()[:32]}"


def known_at(place: str, keys: KeyStore) -> str:
    """Id of the journal that was last seen at a place, or empty."""
    return (keys.get(place) or b"").decode("ascii", "replace")


def read_mark(journal: str, keys: KeyStore) -> ChainEnd | None:
    """The high-water mark: where the chain ended when it was lifted last."""
    stored = keys.get(_mark(journal))
    if stored is None:
        return None
    try:
        size, digest = stored.decode("ascii").split(" ")
        return ChainEnd(int(size), bytes.fromhex(digest))
    except ValueError as error:
        raise JournalUnusableError(
            f"the high-water mark of {journal} in {keys.says} is malformed",
            do="find out what changed it; `respond audit verify` checks without it",
        ) from error


def write_mark(journal: str, keys: KeyStore, end: ChainEnd) -> None:
    """Remember it as text: size and hash."""
    keys.set(_mark(journal), f"{end.size} {end.hash.hex()}".encode("ascii"))


def read_timeline(journal: str, keys: KeyStore) -> tuple[str, int]:
    """The database server that this machine saw a journal on last, and its timeline."""
    stored = (keys.get(_timeline(journal)) or b"").decode("ascii", "replace")
    server, _, timeline = stored.partition(" ")
    return (server, int(timeline)) if timeline.isdecimal() else ("", 0)


def write_timeline(journal: str, keys: KeyStore, server: str, timeline: int) -> None:
    """Remember them as text."""
    keys.set(_timeline(journal), f"{server} {timeline}".encode("ascii"))


def _timeline(journal: str) -> str:
    return f"timeline/{journal}"


def _mark(journal: str) -> str:
    return f"high-water/{journal}"
