"""Where journal, keys, inbox, locks and evidence of a project lie: in files of this machine.

Everything that has to be the same for all who carry runs on hangs on one ``Store``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.evidence_folder import EvidenceFolder
    from respond.adapters.store.inbox_sqlite import SqliteInbox
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.audit.verify import VerifyReport
    from respond.core.events import Actor
    from respond.formats.project.project import Project
    from respond.ports import Clock, KeyStore
    from respond.wiring.places import Places

__all__ = ["FileStore", "LateKeys", "Store", "journal_path", "rehearsal_store", "store_of"]


class Store(Protocol):
    """One journal, and all that belongs to it.

    Attributes:
        name: What messages call it.
        keys: Where its keys are.
        disk: Folder of this machine in which something of it is written.
    """

    @property
    def name(self) -> str: ...

    @property
    def keys(self) -> KeyStore: ...

    @property
    def disk(self) -> Path: ...

    def is_there(self) -> bool:
        """Whether there is a journal to read. Its keys may still say that one is missing."""
        ...

    def journal(self, *, clock: Clock, actor: Actor, create: bool) -> ChainJournal:
        """Open the journal, and make it if there never was one and ``create`` is set.

        Raises:
            JournalUnusableError: It is missing, cannot be reached, or its keys are not here.
            JournalBrokenError: It does not verify, or is not the one that was here.
        """
        ...

    def fresh(self, *, clock: Clock, actor: Actor) -> ChainJournal:
        """Begin a new journal in the place of one that is lost or broken (``--new-journal``).

        Raises:
            JournalUnusableError: The place cannot be used either.
        """
        ...

    def verified(self) -> VerifyReport:
        """Check the journal with the key and the mark that the key store has."""
        ...

    def inbox(self, *, clock: Clock, redactor: Redactor) -> SqliteInbox:
        """Open the inbox.

        Raises:
            InboxUnusableError: It cannot be used.
        """
        ...

    def hold(self, name: str, clock: Clock) -> AbstractContextManager[None]:
        """Have a run, or the service of that name, alone of all processes.

        Raises:
            RunTakenError: Another has it.
            JournalUnusableError: That cannot be found out.
        """
        ...

    def evidence_to_write(self, journal: str) -> EvidenceFolder:
        """Where runs keep what they looked at."""
        ...

    def evidence_to_read(self, journal: str) -> EvidenceFolder:
        """The same for somebody who only reads.

        Raises:
            NotReadyError: The key store cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileStore:
    """A journal in SQLite at a path, its inbox and evidence beside it, and locks in a folder."""

    path: Path
    keys: KeyStore
    locks: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def disk(self) -> Path:
        return self.path.parent

    def is_there(self) -> bool:
        return self.path.is_file()

    def journal(self, *, clock: Clock, actor: Actor, create: bool) -> ChainJournal:
        from respond.adapters.store.journal_sqlite import SqliteJournal

        return SqliteJournal.open(
            self.path, keys=self.keys, clock=clock, create=create, actor=actor
        )

    def fresh(self, *, clock: Clock, actor: Actor) -> ChainJournal:
        from respond.adapters.store.journal_sqlite import SqliteJournal

        return SqliteJournal.fresh(
            self.path, keys=self.keys, clock=clock, actor=actor, reason="asked for"
        )

    def verified(self) -> VerifyReport:
        from respond.adapters.store.read_only import outside_evidence
        from respond.audit.source import verify_file

        public, mark = outside_evidence(self.path, self.keys)
        return verify_file(self.path, keys=[public] if public is not None else [], mark=mark)

    def inbox(self, *, clock: Clock, redactor: Redactor) -> SqliteInbox:
        from respond.adapters.store.inbox_sqlite import SqliteInbox

        return SqliteInbox.open(self.path.with_name("inbox.db"), clock=clock, redactor=redactor)

    def hold(self, name: str, clock: Clock) -> AbstractContextManager[None]:
        from respond.adapters.store.run_lock import RunLocks

        return RunLocks(self.locks, clock).hold(name)

    def evidence_to_write(self, journal: str) -> EvidenceFolder:
        from respond.adapters.store.evidence_folder import EvidenceFolder

        return EvidenceFolder.to_write(self.path, journal, self.keys)

    def evidence_to_read(self, journal: str) -> EvidenceFolder:
        from respond.adapters.store.evidence_folder import EvidenceFolder

        return EvidenceFolder.to_read(self.path, journal, self.keys)


class LateKeys:
    """A key store that is opened when it is first needed: a keyring costs time and may ask."""

    def __init__(self, make: Callable[[], KeyStore]) -> None:
        self._make = make
        self._made: KeyStore | None = None

    @property
    def _keys(self) -> KeyStore:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def says(self) -> str:
        return self._keys.says

    def get(self, name: str) -> bytes | None:
        return self._keys.get(name)

    def set(self, name: str, value: bytes) -> None:
        self._keys.set(name, value)

    def delete(self, name: str) -> None:
        self._keys.delete(name)


def rehearsal_store(folder: Path) -> FileStore:
    """The store of a rehearsal, all of it in one folder; its keys prove nothing about anybody."""
    from respond.adapters.secrets.key_stores import FolderKeys

    return FileStore(folder / "journal.db", FolderKeys(folder / "keys"), folder)


def store_of(project: Project, places: Places, keys: KeyStore) -> Store:
    """The store of the real runs; ``keys`` are those of this machine."""
    return FileStore(journal_path(project, places), keys, places.state / "locks")


def journal_path(project: Project, places: Places) -> Path:
    """``[journal] path``, or the state folder."""
    return Path(project.journal.path) if project.journal.path else places.journal
