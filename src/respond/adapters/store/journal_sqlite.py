"""The journal in SQLite: tables in a file that are only added to, and commits that are synced."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from respond.adapters.ordinary_file import may_be_there
from respond.adapters.store.journal_chain import (
    VERIFY_FIRST,
    ChainJournal,
    ChainRow,
    SealedRow,
    lost,
)
from respond.adapters.store.journal_keys import ChainEnd, known_at, place_of
from respond.adapters.store.sqlite_file import (
    FileIdentity,
    carry_over,
    connect_file,
    connect_memory,
    is_empty,
    make_tables,
    prepare_folder,
    sqlite_says,
    sync_folder,
)
from respond.audit.body import time_text
from respond.audit.record_schema import (
    ADDED,
    APPLICATION_ID,
    MOVED_VERSION,
    READABLE_VERSIONS,
    SCHEMA,
    SCHEMA_VERSION,
    schema_faults,
)
from respond.errors import JournalBrokenError, JournalUnusableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from respond.core.events import Actor, Kind
    from respond.ports import Clock, KeyStore

__all__ = ["SqliteJournal", "SqliteStore"]

_LEVELS = {True: ("FULL", 2), False: ("NORMAL", 1)}
"""Synced or not: what SQLite calls it, and answers when it is asked."""
_ROWS = (
    "SELECT j.seq, j.body, j.body_hash, j.hash, j.kind, j.run, j.step, j.at, b.hash"
    " FROM journal j LEFT JOIN journal b ON b.seq = j.seq - 1 WHERE j.seq >= ?"
)


class SqliteJournal(ChainJournal):
    """The journal over one SQLite file, or over memory for dry runs and rehearsals."""

    @classmethod
    def open(
        cls, path: Path, *, keys: KeyStore, clock: Clock, create: bool, actor: Actor
    ) -> SqliteJournal:
        """Open the journal at a path, and make it if there never was one and ``create`` is set.

        Raises:
            JournalUnusableError: Missing, emptied, not ours, on a network disk, or its keys are
                not in the key store. Nothing was changed.
            JournalBrokenError: It does not verify, ends before the high-water mark, or is another
                journal than the one that was here.
        """
        path = path.absolute()
        known = known_at(place_of(path), keys)
        if known and not may_be_there(path):
            raise lost(str(path), known, keys, "is gone", SqliteStore.back)
        prepare_folder(path.parent)
        with _translated(path):
            if known and path.stat().st_size == 0:
                raise lost(str(path), known, keys, "has been emptied", SqliteStore.back)
            db = connect_file(path, create=create, application_id=APPLICATION_ID)
            journal = cls(SqliteStore(db, path), keys=keys, clock=clock, actor=actor)
            journal._open(known, create=create)
        return journal

    @classmethod
    def fresh(
        cls,
        path: Path,
        *,
        keys: KeyStore,
        clock: Clock,
        actor: Actor,
        instead_of: Path | None = None,
        reason: str = "",
    ) -> SqliteJournal:
        """Begin a new journal in the place of one that is lost or broken (``--new-journal``).

        Its second record, ``restored``, names the head of the old one as far as the key store
        knows it. A file that stands at ``path`` is set aside under another name, never removed.
        ``instead_of`` is where the old one was, if not at ``path``.

        Raises:
            JournalUnusableError, NotReadyError: The place cannot be used either, or the key store;
            what stood at ``path`` stands there again.
        """
        path = path.absolute()
        old_path = (instead_of or path).absolute()
        old = known_at(place_of(old_path), keys)
        prepare_folder(path.parent)
        with _translated(path):
            aside = _set_aside(path, time_text(clock.now_ms()))
            try:
                db = connect_file(path, create=True, application_id=APPLICATION_ID)
                journal = cls(SqliteStore(db, path), keys=keys, clock=clock, actor=actor)
                journal._begin_anew(
                    old,
                    instead_of=_as_text(str(old_path)),
                    set_aside=_as_text(aside),
                    reason=reason,
                )
            except BaseException:
                _put_back(path, aside)
                raise
        return journal

    @classmethod
    def in_memory(cls, keys: KeyStore, clock: Clock, actor: Actor) -> SqliteJournal:
        """A journal that is gone with the process; give it throw-away keys."""
        journal = cls(SqliteStore(connect_memory(), None), keys=keys, clock=clock, actor=actor)
        journal._open("", create=True)
        return journal


class SqliteStore:
    """The ``ChainStore`` in SQLite, WAL and full sync."""

    failures: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
    back = "put the newest file back"

    def __init__(self, db: sqlite3.Connection, path: Path | None) -> None:
        self.db = db
        self.name = str(path or "in memory")
        self.place = place_of(path) if path else ""
        self._path = path
        self._identity: FileIdentity | None = None
        self._synced = True
        self._version = SCHEMA_VERSION

    def explain(self, failure: Exception) -> JournalUnusableError | JournalBrokenError:
        return _translate(failure, self._path)

    def close(self) -> None:
        self.db.close()

    def reopen(self) -> None:
        if self._path is not None:
            self.db = connect_file(self._path, create=False, application_id=APPLICATION_ID)
            self._synced = True
            carry_over(self.db, self._path)

    # --- the file -------------------------------------------------------------------------------

    def is_empty(self) -> bool:
        return is_empty(self.db)

    def make(self) -> bool:
        self.db.execute("BEGIN IMMEDIATE")
        if not self.is_empty():
            return False
        make_tables(self.db, APPLICATION_ID, SCHEMA_VERSION, SCHEMA.values())
        return True

    def recognise(self) -> None:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        self._refuse_moved()
        if application != APPLICATION_ID or version not in READABLE_VERSIONS:
            raise JournalUnusableError(
                f"{self._path} is not a journal that this version can read",
                why=f"application id {application}, schema version {version}",
                do="use the version of respond that wrote it, or choose another path",
            )
        fault = schema_faults(self.db, version)
        if fault:
            raise JournalBrokenError(
                f"the tables of {self._path} were changed", why=fault, do=VERIFY_FIRST
            )
        self._version = version
        if self._path is not None:
            self._identity = FileIdentity.take(self._path)

    def check_place(self) -> None:
        if self._identity is not None:
            self._identity.check()

    # --- transactions ---------------------------------------------------------------------------

    def begin(self, *, synced: bool) -> None:
        if synced is not self._synced:
            self._sync(synced=synced)
        try:
            self.db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise JournalUnusableError(
                    f"the journal {self._path} is held by another process",
                    why="it waited 10 seconds for its turn to write; nothing was recorded",
                    do="look for a stopped `respond` process, end it, and `respond resume`",
                ) from error
            raise
        # Asked each time: it may have been moved while it was open.
        self._refuse_moved()
        if self._version != SCHEMA_VERSION:
            self._add_indexes()

    def _sync(self, *, synced: bool) -> None:
        """Whether commits are synced from here on.

        The WAL is one file, synced from its start: the next full sync takes along what was not.
        """
        word, level = _LEVELS[synced]
        self.db.execute(f"PRAGMA synchronous={word}")
        if self.db.execute("PRAGMA synchronous").fetchone() != (level,):
            raise sqlite3.OperationalError(f"SQLite does not go to synchronous={word}")
        self._synced = synced

    def _refuse_moved(self) -> None:
        if self.db.execute("PRAGMA user_version").fetchone() != (MOVED_VERSION,):
            return
        query = "SELECT meta FROM sealed WHERE run = '' AND handle = 'moved'"
        (to,) = self.db.execute(query).fetchone() or ("a database",)
        raise JournalUnusableError(
            f"the journal {self._path} was moved into the {to}",
            why="runs are recorded there since; this file is kept as it was then",
            do="name that database in [store] of respond.toml",
        )

    def _add_indexes(self) -> None:
        """Bring a file of an older version up to ours, with the first record that goes into it."""
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:  # Else another process has done it.
            for name in ADDED:
                self.db.execute(SCHEMA[name])
            self.db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def commit(self) -> None:
        self.db.execute("COMMIT")
        self._version = SCHEMA_VERSION
        if self._path is not None and self._identity is None:
            sync_folder(self._path.parent)  # It was made just now, and so were its log's names.

    def end(self) -> None:
        if self.db.in_transaction:
            self.db.rollback()

    # --- rows -----------------------------------------------------------------------------------

    def insert(self, row: ChainRow) -> None:
        self.db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row[:-1])

    def last(self) -> ChainEnd:
        found = self.db.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
        for seq, linked in found.fetchall():
            return ChainEnd(seq + 1, linked)
        return ChainEnd()

    def rows(self, since: int, *, run: str = "", limit: int | None = None) -> list[ChainRow]:
        # That a run has a name stands in the text, so that the index of runs is used.
        of_run = " AND j.run = ? AND j.run <> ''" if run else ""
        query = f"{_ROWS}{of_run} ORDER BY j.seq LIMIT ?"
        values = (since, *([run] if run else []), -1 if limit is None else limit)
        found = self.db.execute(query, values).fetchall()
        return [ChainRow(*row) if row[-1] else ChainRow(*row[:-1]) for row in found]

    def newest(self, kind: Kind, run: str = "") -> int | None:
        # The kind stands in the text, so that the index of that kind is used.
        query = f"SELECT seq FROM journal WHERE kind = '{kind.value}'"  # noqa: S608 (our own word)
        query += f"{' AND run = ?' if run else ''} ORDER BY seq DESC LIMIT 1"
        found = self.db.execute(query, (run,) if run else ()).fetchone()
        return found[0] if found else None

    def runs(
        self,
        having: Kind,
        *,
        also: Kind | None = None,
        lacking: Kind | None = None,
        newest: int = -1,
    ) -> list[str]:
        # The kinds stand in the text, so that the indexes of those kinds are used.
        query = f"SELECT run FROM journal j WHERE kind = '{having.value}'"  # noqa: S608 (our own word)
        if also is not None:
            # No index has this kind, but each run has few records.
            of_run = (
                f"SELECT 1 FROM journal WHERE run = j.run AND run <> '' AND kind = '{also.value}'"  # noqa: S608 (the same)
            )
            query += f" AND EXISTS ({of_run})"
        if lacking is not None:
            of_run = f"SELECT 1 FROM journal WHERE kind = '{lacking.value}' AND run = j.run"  # noqa: S608 (the same)
            query += f" AND NOT EXISTS ({of_run})"
        found = self.db.execute(f"{query} ORDER BY seq DESC LIMIT ?", (newest,)).fetchall()
        return list(dict.fromkeys(run for (run,) in reversed(found)))

    def highest(self) -> str:
        return str(self.db.execute("SELECT max(at) FROM journal").fetchone()[0])

    def put_sealed(self, rows: Sequence[SealedRow]) -> None:
        self.db.executemany("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?)", rows)

    def sealed(self, run: str) -> list[SealedRow]:
        query = "SELECT run, handle, box, meta FROM sealed WHERE run = ? ORDER BY handle"
        return [SealedRow(*row) for row in self.db.execute(query, (run,)).fetchall()]

    def drop_sealed(self, run: str) -> None:
        self.db.execute("DELETE FROM sealed WHERE run = ?", (run,))


# --- errors, files --------------------------------------------------------------------------------


def _as_text(path: str) -> str:
    """A path may have any bytes, a record only text."""
    return path.encode("utf-8", "backslashreplace").decode()


def _set_aside(path: Path, at: str) -> str:
    """Rename what stands at the path, with its side files; gives the new name or empty."""
    if not os.path.lexists(path):
        return ""
    aside = path.with_name(f"{path.name}.set-aside-{at.replace(':', '')}")
    for suffix in ("", "-wal", "-shm"):
        here = path.with_name(path.name + suffix)
        if os.path.lexists(here):
            here.rename(aside.with_name(aside.name + suffix))
    return aside.name


def _put_back(path: Path, aside: str) -> None:
    """Undo ``_set_aside``: what was begun in its place has sent nothing, and is not known."""
    # The file comes last, each way: it never stands beside the log of another.
    files = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "")]
    with suppress(OSError):  # Who set it aside hears of the first trouble.
        for here in files:
            here.unlink(missing_ok=True)
        for here in files if aside else ():
            before = path.with_name(here.name.replace(path.name, aside, 1))
            if os.path.lexists(before):
                before.rename(here)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error
    except UnicodeDecodeError as error:
        # SQLite's error text quotes the damaged schema, and Python cannot read that.
        raise JournalBrokenError(
            f"the file {path} is damaged", why="its schema is not text", do=VERIFY_FIRST
        ) from error
    except OSError as error:
        raise JournalUnusableError(
            f"the journal {path} cannot be used", why=error.strerror or str(error)
        ) from error


def _is_disk_full(name: str, path: Path | None) -> bool:
    """SQLite says so, or it says only that writing failed and the disk has no room."""
    if name in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
        return True
    if path is None or not name.startswith("SQLITE_IOERR"):
        return False
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _ROOM_MIN


_ROOM_MIN = 65_536
"""A disk with less room is full: a commit needs some pages of 4096 bytes, and WAL frames."""
_ELSEWHERE = (
    "to go on at once on another disk: set [journal] path, with keys in files copy their folder"
    " there and set keys_path, then respond RUNBOOK --new-journal"
)
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def _translate(error: Exception, path: Path | None) -> JournalUnusableError | JournalBrokenError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_DAMAGED):
        return JournalBrokenError(
            f"the file {path} is damaged", why=sqlite_says(error), do=VERIFY_FIRST
        )
    if _is_disk_full(name, path):
        return JournalUnusableError(
            f"the disk is full: the journal {path or 'in memory'} could not be written",
            why=f"{sqlite_says(error)}; to look at it takes some room, too",
            do=(
                "make room, 1 MiB to look, and `respond resume`; `respond audit show` may need"
                f" none; {_ELSEWHERE}"
            ),
        )
    return JournalUnusableError(
        f"the journal {path or 'in memory'} could not be written or read",
        why=sqlite_says(error),
        do=(f"make room or mend the disk and `respond resume`; {_ELSEWHERE}"),
    )
