"""Find out what there is to check a journal with, without opening the journal for writing.

``SqliteJournal.open`` refuses a journal that is broken, and makes one that is missing; whoever
checks a journal wants neither. ``respond.audit.source`` reads the rows; here is what the key store
knows of them. Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from respond.adapters.store.journal_sqlite import _digest_key, _known_at, _read_mark, _signing_key
from respond.audit.checkpoint import PublicKey, Signer
from respond.audit.verify import Anchor
from respond.errors import JournalUnusableError, NotReadyError
from respond.ports import KeyStore

__all__ = ["Known", "digest_key_of", "known_of"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a key store says about the journal at a path.

    Attributes:
        says: Where the keys lie; empty when the store could not be opened.
        journal: Id of the journal that was last seen at the path; empty when there was none.
        trouble: Why something could not be asked; empty when all could.
    """

    says: str = ""
    journal: str = ""
    key: PublicKey | None = None
    mark: Anchor | None = None
    trouble: str = ""


def known_of(path: Path, keys: KeyStore, *, journal: str = "") -> Known:
    """What the key store knows of the journal at a path; never raises for a store in trouble.

    Args:
        journal: Use this id instead of the one that was last seen at the path. Then there is no
            mark: an export may be older than the journal.
    """
    try:
        says = keys.says
        at_place = journal or _known_at(path.absolute(), keys)
        seed = keys.get(_signing_key(at_place)) if at_place else None
    except NotReadyError as error:
        return Known(trouble=_sentence(error))
    key = Signer(at_place, seed).public if seed else None
    if not at_place or journal:
        return Known(says, at_place, key)
    try:
        end = _read_mark(at_place, keys)
    except (JournalUnusableError, NotReadyError) as error:
        return Known(says, at_place, key, trouble=_sentence(error))
    mark = Anchor(at_place, end.size, end.hash.hex()) if end else None
    return Known(says, at_place, key, mark)


def digest_key_of(journal: str, keys: KeyStore) -> bytes | None:
    """The key of a journal's keyed digests, to look for a secret value; None when it is gone."""
    return keys.get(_digest_key(journal))


def _sentence(error: JournalUnusableError | NotReadyError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
