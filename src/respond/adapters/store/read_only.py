"""Find out what there is to check a journal with, without opening the journal for writing.

``SqliteJournal.open`` refuses a journal that is broken, and makes one that is missing; whoever
checks a journal wants neither. ``respond.audit.source`` reads the rows; here is what the key store
knows of them. Nothing is written.
"""

from __future__ import annotations

from respond.adapters.store.journal_keys import known_at, read_mark, signing_key
from respond.audit.checkpoint import NoteKey, Signer
from respond.audit.verify import Anchor
from respond.core.records import Frozen, replace
from respond.errors import JournalUnusableError, NotReadyError
from respond.ports import KeyStore

__all__ = ["KnownOfJournal", "known_of"]


class KnownOfJournal(Frozen):
    """What a key store says about the journal at a place.

    Attributes:
        says: Where the keys lie; empty when the store could not be opened.
        journal: Id of the journal that was last seen there; empty when there was none.
        trouble: Why something could not be asked; empty when all could.
    """

    says: str = ""
    journal: str = ""
    key: NoteKey | None = None
    mark: Anchor | None = None
    trouble: str = ""


def known_of(place: str, keys: KeyStore, *, journal: str = "") -> KnownOfJournal:
    """What the key store knows of the journal at a place; never raises for a store in trouble.

    Args:
        place: As ``ChainStore.place``.
        journal: Use this id instead of the one that was last seen there. Then there is no
            mark: an export may be older than the journal.
    """
    known = KnownOfJournal()
    try:
        at_place = journal or known_at(place, keys)
        known = KnownOfJournal(keys.says, at_place, _public_key(at_place, keys))
        return known if journal else replace(known, mark=_mark(at_place, keys))
    except (JournalUnusableError, NotReadyError) as error:
        return replace(known, trouble=f"{error.what}: {error.why}" if error.why else error.what)


def _public_key(journal: str, keys: KeyStore) -> NoteKey | None:
    seed = keys.get(signing_key(journal)) if journal else None
    return Signer(journal, seed).public if seed else None


def _mark(journal: str, keys: KeyStore) -> Anchor | None:
    end = read_mark(journal, keys) if journal else None
    return Anchor(journal, end.size, end.hash.hex()) if end else None
