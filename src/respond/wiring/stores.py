"""Where journal, keys, inbox, locks and evidence of a project lie: in files, or in a database.

Everything that has to be the same for all who carry runs on hangs on one ``Store``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from respond.adapters.ordinary_file import may_be_there
from respond.core.records import Frozen
from respond.errors import NotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.inbox_postgres import PostgresInbox
    from respond.adapters.store.inbox_sqlite import SqliteInbox
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.adapters.store.journal_postgres import OnRecord
    from respond.adapters.store.postgres import Database, DatabaseConnection
    from respond.adapters.store.read_only import KnownOfJournal
    from respond.adapters.store.repetition import Unusable
    from respond.adapters.store.sealed_evidence import SealedEvidence
    from respond.adapters.store.server_memory_postgres import PostgresMemory
    from respond.adapters.store.team_keys import TeamKeys
    from respond.audit.verify import StoredRow, VerifyReport
    from respond.core.events import Actor
    from respond.formats.project.project import Project
    from respond.ports import Clock, KeyStore, Secrets, ServerMemory
    from respond.wiring.places import Places

    AnyInbox = SqliteInbox | PostgresInbox

__all__ = [
    "DatabaseStore",
    "FileStore",
    "LateKeys",
    "Store",
    "database_of",
    "database_store",
    "journal_path",
    "rehearsal_store",
    "store_of",
]


_SESSION_KEY_BYTES = 32


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

    def rows(self) -> AbstractContextManager[Iterator[StoredRow]]:
        """All rows of the journal as they lie there, for who checks or copies them.

        Raises:
            SourceError: They cannot be read; also while they are.
        """
        ...

    def known(self, journal: str = "") -> KnownOfJournal:
        """What the key store knows of it, as ``known_of``; of another journal by its id."""
        ...

    def inbox(self, *, clock: Clock, redactor: Redactor) -> AnyInbox:
        """Open the inbox.

        Raises:
            InboxUnusableError: It cannot be used.
        """
        ...

    def server_memory(self, clock: Clock) -> ServerMemory:
        """What all servers of this store know alike."""
        ...

    def session_key(self) -> bytes:
        """What signs the sessions of its pages, the same at each of its servers."""
        ...

    def unusable_since(self, at_ms: int) -> list[Unusable]:
        """What came in and could not be used since then, by source.

        Raises:
            InboxUnusableError: That cannot be read.
        """
        ...

    def hold(self, name: str, clock: Clock) -> AbstractContextManager[object]:
        """Have a run, or the service of that name, alone of all processes.

        Raises:
            RunTakenError: Another has it.
            JournalUnusableError: That cannot be found out.
        """
        ...

    def evidence_to_write(self, journal: str) -> SealedEvidence:
        """Where runs keep what they looked at."""
        ...

    def evidence_to_read(self, journal: str) -> SealedEvidence:
        """The same for somebody who only reads.

        Raises:
            NotReadyError: The key store cannot be read.
        """
        ...


class FileStore(Frozen):
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
        return may_be_there(self.path)

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
        return _verified(self)

    def rows(self) -> AbstractContextManager[Iterator[StoredRow]]:
        from respond.audit.source import open_rows

        return open_rows(self.path)

    def known(self, journal: str = "") -> KnownOfJournal:
        from respond.adapters.store.journal_keys import place_of
        from respond.adapters.store.read_only import known_of

        return known_of(place_of(self.path.absolute()), self.keys, journal=journal)

    def inbox(self, *, clock: Clock, redactor: Redactor) -> SqliteInbox:
        from respond.adapters.store.inbox_sqlite import SqliteInbox

        return SqliteInbox.open(self.path.with_name("inbox.db"), clock=clock, redactor=redactor)

    def server_memory(self, clock: Clock) -> ServerMemory:
        from respond.server.own_memory import OwnMemory

        return OwnMemory(clock)

    def session_key(self) -> bytes:
        # A restart signs everybody off: who has signed off is known to that process alone.
        return secrets.token_bytes(_SESSION_KEY_BYTES)

    def unusable_since(self, at_ms: int) -> list[Unusable]:
        from respond.adapters.store.inbox_sqlite import unusable_since

        path = self.path.with_name("inbox.db")
        return unusable_since(path, at_ms) if may_be_there(path) else []

    def hold(self, name: str, clock: Clock) -> AbstractContextManager[object]:
        from respond.adapters.store.run_lock import RunLocks

        return RunLocks(self.locks, clock).hold(name)

    def evidence_to_write(self, journal: str) -> SealedEvidence:
        from respond.adapters.store.evidence_folder import EvidenceFolder

        return EvidenceFolder.to_write(self.path, journal, self.keys)

    def evidence_to_read(self, journal: str) -> SealedEvidence:
        from respond.adapters.store.evidence_folder import EvidenceFolder

        return EvidenceFolder.to_read(self.path, journal, self.keys)


class DatabaseStore(Frozen):
    """A journal, inbox, evidence and locks in one database, for all machines that use it.

    Attributes:
        team_key: Seals what is secret in it; asked when it is first needed.
        keys: The team's, in the database, and this machine's own.
        disk: This machine's state folder.
        on_record, on_delivery: What is done in the transaction of each record, and of each
            delivery that has an event.
    """

    database: Database
    team_key: Callable[[], bytes]
    keys: TeamKeys
    disk: Path
    on_record: OnRecord
    on_delivery: Callable[[DatabaseConnection], None]

    @property
    def name(self) -> str:
        return self.database.name

    def is_there(self) -> bool:
        from respond.adapters.store.journal_postgres import is_begun

        return is_begun(self.database)

    def journal(self, *, clock: Clock, actor: Actor, create: bool) -> ChainJournal:
        from respond.adapters.store.journal_postgres import PostgresJournal

        return PostgresJournal.open(
            self.database,
            keys=self.keys,
            clock=clock,
            create=create,
            actor=actor,
            on_record=self.on_record,
            marks=self.disk / "mark.lock",
        )

    def fresh(self, *, clock: Clock, actor: Actor) -> ChainJournal:
        from respond.adapters.store.journal_postgres import PostgresJournal

        return PostgresJournal.fresh(
            self.database,
            keys=self.keys,
            clock=clock,
            actor=actor,
            reason="asked for",
            on_record=self.on_record,
            marks=self.disk / "mark.lock",
        )

    def verified(self) -> VerifyReport:
        return _verified(self)

    def rows(self) -> AbstractContextManager[Iterator[StoredRow]]:
        from respond.adapters.store.journal_postgres import open_table

        return open_table(self.database)

    def known(self, journal: str = "") -> KnownOfJournal:
        from respond.adapters.store.journal_keys import place_of_base
        from respond.adapters.store.read_only import known_of

        return known_of(place_of_base(self.database.place), self.keys, journal=journal)

    def inbox(self, *, clock: Clock, redactor: Redactor) -> PostgresInbox:
        from respond.adapters.store.inbox_postgres import PostgresInbox

        return PostgresInbox.open(
            self.database,
            key=self.team_key(),
            clock=clock,
            redactor=redactor,
            on_delivery=self.on_delivery,
        )

    def unusable_since(self, at_ms: int) -> list[Unusable]:
        from respond.adapters.clock import SystemClock
        from respond.adapters.secrets.redactor import Redactor

        with self.inbox(clock=SystemClock(), redactor=Redactor()) as inbox:
            return inbox.unusable_since(at_ms)

    def server_memory(self, clock: Clock) -> PostgresMemory:
        from respond.adapters.store.server_memory_postgres import PostgresMemory

        del clock  # Time is the database's.
        return PostgresMemory(self.database)

    def session_key(self) -> bytes:
        return hmac.new(self.team_key(), b"respond sessions", hashlib.sha256).digest()

    def hold(self, name: str, clock: Clock) -> AbstractContextManager[object]:
        from respond.adapters.store.run_lock_postgres import DatabaseRunLocks

        del clock  # The database says since when.
        return DatabaseRunLocks(self.database).hold(name)

    def evidence_to_write(self, journal: str) -> SealedEvidence:
        from respond.adapters.store.evidence_postgres import EvidenceTable

        return EvidenceTable.to_write(self.database, journal, self.keys)

    def evidence_to_read(self, journal: str) -> SealedEvidence:
        from respond.adapters.store.evidence_postgres import EvidenceTable

        return EvidenceTable.to_read(self.database, journal, self.keys)


def _verified(store: Store) -> VerifyReport:
    from respond.audit.source import verify_rows

    known = store.known()
    if known.trouble:
        # Without the mark nobody can tell whether its end was cut off.
        raise NotReadyError("the journal's keys cannot be read", why=known.trouble)
    return verify_rows(store.rows, keys=[known.key] if known.key else [], mark=known.mark)


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


def store_of(project: Project, places: Places, keys: KeyStore, secrets: Secrets) -> Store:
    """The store of the real runs.

    Args:
        keys: Those of this machine.
        secrets: Opens the credentials of a database.

    Raises:
        NotReadyError: It is a database, and what talks to one is not installed.
    """
    if project.store.url:
        return database_store(project, places, keys, secrets)
    path = journal_path(project, places)
    return FileStore(path, keys, path.parent / "locks")


def database_of(project: Project, secrets: Secrets, *, drill: bool = False) -> Database:
    """The database that ``[store]`` names; ``drill`` means its part for drills.

    Raises:
        NotReadyError: What talks to a database is not installed.
    """
    try:
        from respond.adapters.store.postgres import DRILL_NAME, SCHEMA_NAME, Database
    except ImportError as error:
        raise NotReadyError(
            "[store] of respond.toml names a database, and nothing here can talk to one",
            why=f"the extra 'postgres' is not installed: {error}",
            do="in the checkout: make postgres; elsewhere: docs/team-database.md",
        ) from error
    from respond.formats.project.project import NOWHERE, STORE

    wants_none = project.store.credential == NOWHERE
    password = str if wants_none else partial(secrets.credential, STORE)
    return Database(project.store.url, password, DRILL_NAME if drill else SCHEMA_NAME)


def database_store(
    project: Project, places: Places, keys: KeyStore, secrets: Secrets, *, drill: bool = False
) -> DatabaseStore:
    """The store in the database that ``[store]`` names. Arguments as of ``store_of``.

    Args:
        drill: What is rehearsed lies beside the real runs, and never among them.
    """
    database = database_of(project, secrets, drill=drill)
    from respond.adapters.queue import team_jobs
    from respond.adapters.store.team_keys import TeamKeys, read_team_key
    from respond.formats.project.project import STORE_KEY

    def team_key() -> bytes:
        return read_team_key(secrets.credential(STORE_KEY))

    team = TeamKeys(database, team_key, keys)
    return DatabaseStore(
        database, team_key, team, places.state, team_jobs.on_record, team_jobs.on_delivery
    )


def journal_path(project: Project, places: Places) -> Path:
    """``[journal] path``, or the state folder."""
    return Path(project.journal.path) if project.journal.path else places.journal
