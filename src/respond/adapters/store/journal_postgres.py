"""The journal in PostgreSQL: one table for all machines, which is only added to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from respond.adapters.store.journal_chain import ChainJournal, ChainRow, SealedRow
from respond.adapters.store.journal_keys import (
    ChainEnd,
    known_at,
    place_of_base,
    read_timeline,
    write_timeline,
)
from respond.adapters.store.postgres import Database, DatabaseConnection, explain, lock_key
from respond.adapters.store.postgres_schema import see
from respond.adapters.store.run_lock import own_turn
from respond.audit.verify import SourceError, StoredRow
from respond.errors import JournalBrokenError, JournalUnusableError, NotReadyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from respond.core.events import Actor, Kind
    from respond.ports import Clock, KeyStore

__all__ = [
    "OnRecord",
    "PostgresJournal",
    "PostgresStore",
    "is_begun",
    "open_table",
    "table_rows",
    "turn_of",
]

OnRecord = Callable[[DatabaseConnection, ChainRow], None]
"""Told of each record in its own transaction; what it does there stands with the record."""

_IDLE_S: Final = 5
"""A writer that stopped dead between two statements loses its turn after so long."""
_HEARD_MS: Final = 15_000
"""Less than the server needs to find a client gone, by the keepalives of ``postgres``."""
_LAST: Final = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LAZY: Final = "SET LOCAL synchronous_commit = off; "
_ROWS_AT_ONCE: Final = 500
_ROWS: Final = (
    "SELECT j.seq, j.body, j.body_hash, j.hash, j.kind, j.run, j.step, j.at, b.hash"
    " FROM journal j LEFT JOIN journal b ON b.seq = j.seq - 1 WHERE j.seq >= %s"
)


class PostgresJournal(ChainJournal):
    """The journal of all machines that use one database."""

    _marks: Path | None = None
    _alive_ms: int = 0

    def may_send(self) -> bool:
        """Whether the database was heard lately: it gives this process up before it gives its run.

        A laptop that slept between its intent and its request wakes up without its lock.
        """
        return self._clock.mono_ms() - self._alive_ms < _HEARD_MS

    def _commit(self, after: ChainEnd, *, synced: bool = True) -> None:
        asked_ms = self._clock.mono_ms()
        super()._commit(after, synced=synced)
        self._alive_ms = asked_ms

    @contextmanager
    def _marking(self) -> Iterator[None]:
        """The mark is this machine's own: its processes are waited for, and not all machines."""
        with self._reading():
            with self._turn_of_mark():
                yield
            try:
                # While the mark moved, another engine may have taken the run.
                self._caught_up()
            except JournalBrokenError as error:
                self._die(error.what)
                raise

    def reopen(self) -> bool:
        """As ``ChainJournal.reopen``; which server took over is kept for who starts later."""
        with self._lock:
            is_again = super().reopen()
            if is_again:
                self._keep_timeline()
            return is_again

    def _keep_timeline(self) -> None:
        store = cast("PostgresStore", self._store)
        try:
            store.check_timeline(self.id, self._keys)
            store.keep_timeline(self.id, self._keys)
        except (JournalUnusableError, NotReadyError) as error:
            self._die(error.sentence)
            self._do = error.do
            raise

    @contextmanager
    def _turn_of_mark(self) -> Iterator[None]:
        with own_turn(self._marks, self._clock) if self._marks else nullcontext():
            yield

    @classmethod
    def open(
        cls,
        database: Database,
        *,
        keys: KeyStore,
        clock: Clock,
        create: bool,
        actor: Actor,
        on_record: OnRecord | None = None,
        marks: Path | None = None,
    ) -> PostgresJournal:
        """Open the journal of a database, and begin it if there never was one and ``create``.

        Args:
            marks: File whose lock keeps the machine's processes from lifting its mark at once.

        Raises:
            JournalUnusableError: It cannot be reached, has no tables of ours, was emptied, or its
                keys are not in the key store. Nothing was changed.
            JournalBrokenError: It does not verify, ends before the high-water mark, or is another
                journal than the one that was here.
        """
        store = PostgresStore(database, on_record)
        journal = cls(store, keys=keys, clock=clock, actor=actor)
        journal._marks = marks
        try:
            journal._open(known_at(store.place, keys), create=create)
        except psycopg.Error as error:
            raise store.explain(error) from error
        except JournalBrokenError:
            # Where an old server is back, that is what has to be said, and not to begin anew.
            store.check_timeline(journal.id, keys)
            raise
        journal._keep_timeline()
        return journal

    @classmethod
    def fresh(
        cls,
        database: Database,
        *,
        keys: KeyStore,
        clock: Clock,
        actor: Actor,
        reason: str,
        on_record: OnRecord | None = None,
        marks: Path | None = None,
    ) -> PostgresJournal:
        """Begin a new journal where the database has none, instead of the one that was there.

        Its second record names that one. What an engine cannot do is set a journal aside: that
        is for who administers the database.

        Raises:
            JournalUnusableError: There is one, or the database cannot be used.
        """
        store = PostgresStore(database, on_record)
        journal = cls(store, keys=keys, clock=clock, actor=actor)
        journal._marks = marks
        try:
            if not store.is_empty():
                store.close()
                raise JournalUnusableError(
                    f"the {store.name} holds a journal, and no engine can set it aside",
                    why="engines may add to it and nothing else",
                    do="to go on at once: take [store] out of respond.toml, then runs are recorded"
                    " on this machine; to begin anew there: docs/team-database.md",
                )
            old = known_at(store.place, keys)
            journal._begin_anew(old, instead_of=database.place, set_aside="", reason=reason)
        except psycopg.Error as error:
            raise store.explain(error) from error
        return journal


def turn_of(database: Database) -> int:
    """Who holds this lock of the database writes into the journal; a commit gives it back."""
    return lock_key(f"journal {database.schema}")


class PostgresStore:
    """The ``ChainStore`` in PostgreSQL, on one connection.

    A statement that fails ends it; ``reopen`` makes a new connection.
    """

    failures: tuple[type[Exception], ...] = (psycopg.Error,)
    back = "let [store] url lead to the right database, or have its newest backup put back"

    def __init__(self, database: Database, on_record: OnRecord | None = None) -> None:
        self._database = database
        self._on_record = on_record
        self.name = database.name
        self.place = place_of_base(database.place)
        self._turn = turn_of(database)
        self._seen: ChainEnd | None = None
        """Where the chain ended when this transaction got its turn, until it adds to it."""
        self.db = self._connected()

    def _connected(self) -> DatabaseConnection:
        db = self._database.connect()
        self._said: list[str] = []
        db.add_notice_handler(lambda told: self._said.append(told.message_primary or ""))
        try:
            db.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_S}s'")
        except psycopg.Error as error:
            raise self.explain(error) from error
        return db

    def explain(self, failure: Exception) -> JournalUnusableError:
        return explain(failure, self.name)

    def close(self) -> None:
        self.db.close()

    def reopen(self) -> None:
        self.db = self._connected()

    def check_timeline(self, journal: str, keys: KeyStore) -> None:
        """Hold the server against the newest that this machine saw with a journal.

        Raises:
            JournalUnusableError: Another one took over from it.
        """
        server, known = read_timeline(journal, keys)
        if server == self.db.server:
            self._database.recognise(server, max(known, self.db.timeline))
            self._database.recognise(server, self.db.timeline)

    def keep_timeline(self, journal: str, keys: KeyStore) -> None:
        """Let this machine remember the server, with this journal."""
        ours = self.db.server, self.db.timeline
        if read_timeline(journal, keys) != ours:
            write_timeline(journal, keys, *ours)

    # --- the tables -----------------------------------------------------------------------------

    def is_empty(self) -> bool:
        return self._ask("SELECT NOT EXISTS (SELECT FROM journal)") == [(True,)]

    def make(self) -> bool:
        self.begin(synced=True)
        return self.is_empty()

    def recognise(self) -> None:
        see(self.db, self.name)
        # A commit that is synced takes along what others committed before, synced or not.
        self.db.execute("SELECT pg_logical_emit_message(true, 'respond', 'opened')")

    def check_place(self) -> None:
        """Nothing to see: a connection leads to one database for as long as it lives."""

    # --- transactions ---------------------------------------------------------------------------

    def begin(self, *, synced: bool) -> None:
        try:
            lazy = "" if synced else _LAZY
            # One way there and back for all of it; each statement sees what was committed before.
            turn = f"SELECT pg_advisory_xact_lock({self._turn})"
            done = self._session().execute(f"{_BEGIN}; {lazy}{turn}; {_LAST}")
        except errors.LockNotAvailable as error:
            raise self.explain(error) from error
        while done.nextset():
            pass
        self._seen = _end_of(done.fetchall())

    def commit(self) -> None:
        self._seen = None
        self._said.clear()
        done = self.db.execute("COMMIT").statusmessage
        if done != "COMMIT":
            msg = f"the commit became a {done}"
            raise psycopg.OperationalError(msg)
        if self._said:
            # It stands there and not yet where it has to stand, too: on the other server.
            raise psycopg.OperationalError(self._said[0])

    def end(self) -> None:
        self._seen = None
        if self.db.info.transaction_status is not TransactionStatus.IDLE:
            self.db.execute("ROLLBACK")

    # --- rows -----------------------------------------------------------------------------------

    def insert(self, row: ChainRow) -> None:
        self._seen = None
        query = "INSERT INTO journal VALUES (%s, %b, %b, %b, %s, %s, %s, %s)"
        self.db.execute(query, row[:-1])
        if self._on_record is not None:
            self._on_record(self.db, row)

    def last(self) -> ChainEnd:
        return self._seen or _end_of(self._ask(_LAST))

    def rows(self, since: int, *, run: str = "", limit: int | None = None) -> list[ChainRow]:
        # That a run has a name stands in the text, so that the index of runs is used.
        of_run = " AND j.run = %s AND j.run <> ''" if run else ""
        query = f"{_ROWS}{of_run} ORDER BY j.seq LIMIT %s"
        found = self._ask(query, since, *([run] if run else []), limit)
        return [ChainRow(*row) if row[-1] else ChainRow(*row[:-1]) for row in found]

    def newest(self, kind: Kind, run: str = "") -> int | None:
        # The kind stands in the text, so that the index of that kind is used.
        query = f"SELECT seq FROM journal WHERE kind = '{kind.value}'"  # noqa: S608 (our own word)
        query += f"{' AND run = %s' if run else ''} ORDER BY seq DESC LIMIT 1"
        found = self._ask(query, *([run] if run else []))
        return found[0][0] if found else None

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
            of_run = (
                f"SELECT FROM journal WHERE run = j.run AND run <> '' AND kind = '{also.value}'"
            )
            query += f" AND EXISTS ({of_run})"
        if lacking is not None:
            of_run = f"SELECT FROM journal WHERE kind = '{lacking.value}' AND run = j.run"
            query += f" AND NOT EXISTS ({of_run})"
        found = self._ask(f"{query} ORDER BY seq DESC LIMIT %s", None if newest < 0 else newest)
        return list(dict.fromkeys(run for (run,) in reversed(found)))

    def highest(self) -> str:
        return str(self._ask("SELECT max(at) FROM journal")[0][0])

    def put_sealed(self, rows: Sequence[SealedRow]) -> None:
        query = (
            "INSERT INTO sealed VALUES (%s, %s, %b, %s) ON CONFLICT (run, handle)"
            " DO UPDATE SET box = excluded.box, meta = excluded.meta"
        )
        for row in rows:
            self.db.execute(query, row)

    def sealed(self, run: str) -> list[SealedRow]:
        query = "SELECT run, handle, box, meta FROM sealed WHERE run = %s ORDER BY handle"
        return [SealedRow(*row) for row in self._ask(query, run)]

    def drop_sealed(self, run: str) -> None:
        self.db.execute("DELETE FROM sealed WHERE run = %s", (run,))

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._session().execute(query, values, binary=True).fetchall()

    def _session(self) -> DatabaseConnection:
        """The connection, unless this process knows that another server took over meanwhile."""
        if self._database.is_behind(self.db):
            msg = "another server took over from the one that this connection leads to"
            raise psycopg.OperationalError(msg)
        return self.db


def _end_of(found: Sequence[tuple[Any, ...]]) -> ChainEnd:
    for seq, linked in found:
        return ChainEnd(seq + 1, linked)
    return ChainEnd()


# --- for who reads and changes nothing ------------------------------------------------------------


def is_begun(database: Database) -> bool:
    """Whether there is a journal in the database.

    Raises:
        JournalUnusableError: That cannot be found out.
    """
    db = database.connect()
    try:
        return db.execute("SELECT EXISTS (SELECT FROM journal)").fetchone() == (True,)
    except psycopg.Error as error:
        raise explain(error, database.name) from error
    finally:
        db.close()


@contextmanager
def open_table(database: Database) -> Iterator[Iterator[StoredRow]]:
    """The rows as they lie in the database, one at a time, all of one moment.

    Raises:
        SourceError: They cannot be read; also while they are.
    """
    try:
        db = database.connect()
    except (JournalUnusableError, NotReadyError) as error:
        raise SourceError(error.sentence) from error
    with closing(db):
        yield table_rows(db, database.name)


def table_rows(db: DatabaseConnection, name: str) -> Iterator[StoredRow]:
    """The same on a session that is open already."""
    query = "SELECT seq, body, body_hash, hash, kind, run, step, at FROM journal ORDER BY seq"
    try:
        see(db, name)
        with db.transaction(), db.cursor(name="rows", binary=True) as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            for seq, body, body_hash, linked, *columns in cursor.execute(query):
                yield StoredRow(seq, body, body_hash, linked, tuple(columns))
    except psycopg.Error as error:
        raise SourceError(explain(error, name).sentence) from error
    except (JournalUnusableError, JournalBrokenError) as error:
        raise SourceError(error.sentence) from error
