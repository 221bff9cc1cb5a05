"""The inbox in SQLite: a delivery is durable before anybody is told that it was taken.

A queue, and a memory of what came before; no evidence: the journal records what became of each
event. It has a file of its own, so that a flood of alerts can not fill the journal's pages.

What came is remembered as marks: the sender's id, the body's digest, each event's key. A mark
lives for 30 days of *running* time, counted on the clock that can not be set (P16): whoever moves
the wall clock, or switches the machine off, makes marks live longer and never shorter.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from respond.adapters.store.repetition import (
    MARK_LIFE_MS,
    MARK_REFRESH_MS,
    EventTexts,
    FirstMet,
    FoundMark,
    Mark,
    Unusable,
    all_marks,
    first_met,
    marks_of,
    read_event,
    repeated,
)
from respond.adapters.store.sqlite_file import (
    FileIdentity,
    carry_over,
    connect_file,
    empty_log,
    is_empty,
    make_tables,
    prepare_folder,
    sqlite_says,
    sync_folder,
    write_locked,
)
from respond.core.incoming import Delivery, Incoming
from respond.errors import InboxUnusableError, JournalUnusableError
from respond.ports import Became, Kept, KeptEvent, Received, Settlement, Took

if TYPE_CHECKING:
    from typing import Self

    from respond.adapters.secrets.redactor import Redactor
    from respond.ports import Clock

__all__ = ["SqliteInbox", "unusable_since"]

_PRUNED_AT_ONCE: Final = 500
_PRUNE_MS: Final = 1_000
_TIDY_MS: Final = 1_000

_APPLICATION_ID: Final = 0x52535049
"""``RSPI`` in the file's header."""
_SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE deliveries (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, sender TEXT NOT NULL,
    their_id TEXT NOT NULL, body_digest TEXT NOT NULL, at_ms INTEGER NOT NULL,
    weak INTEGER NOT NULL, result TEXT NOT NULL, why TEXT NOT NULL, age_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_age ON deliveries (age_ms);
-- AUTOINCREMENT: a number that somebody holds is never given to another event.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL, type TEXT NOT NULL,
    title TEXT NOT NULL, event TEXT NOT NULL, result TEXT NOT NULL, run TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE INDEX events_delivery ON events (delivery);
CREATE INDEX events_open ON events (result, id) WHERE result IN ('waiting', 'held');
CREATE TABLE marks (
    source TEXT NOT NULL, kind TEXT NOT NULL, mark TEXT NOT NULL, body_digest TEXT NOT NULL,
    delivery TEXT NOT NULL, age_ms INTEGER NOT NULL, PRIMARY KEY (source, kind, mark)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_age ON marks (age_ms);
CREATE TABLE age (ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL, boot TEXT NOT NULL) STRICT;
"""

_OPEN_EVENTS = (
    "SELECT e.id, e.event, d.id, d.source, d.sender, d.their_id, d.body_digest, d.at_ms, d.weak"
    " FROM events e JOIN deliveries d ON d.id = e.delivery WHERE e.result = ?"
    " ORDER BY e.id LIMIT ?"
)
_ANY_WAITING = "SELECT EXISTS (SELECT 1 FROM events WHERE result = 'waiting')"
_MARKS_GIVEN = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
_KNOWN = f"SELECT * FROM marks WHERE source = ? AND (kind, mark) IN ({_MARKS_GIVEN})"  # noqa: S608 (our own words)
_REMEMBER = f"INSERT OR IGNORE INTO marks SELECT ?, m.*, ?, ?, ? FROM ({_MARKS_GIVEN}) AS m"  # noqa: S608 (the same)
_COUNT_OPEN = (
    "SELECT '', count(*) FROM events WHERE result = 'waiting' UNION ALL"
    " SELECT d.source, count(*) FROM events e JOIN deliveries d ON d.id = e.delivery"
    " WHERE e.result = 'held' GROUP BY d.source"
)
_RECENT = (
    "SELECT d.id, d.source, d.sender, coalesce(e.type, ''), coalesce(e.title, ''), d.at_ms,"
    " coalesce(e.result, d.result), coalesce(e.run, ''), coalesce(nullif(e.why, ''), d.why),"
    " d.weak, coalesce(e.id, 0) FROM deliveries d LEFT JOIN events e ON e.delivery = d.id"
    " ORDER BY d.n DESC, e.id DESC LIMIT ?"
)
_UNUSABLE = (
    "SELECT source, count(*), why, max(n) FROM deliveries"  # The reason is that of the last.
    " WHERE result = ? AND at_ms >= ? GROUP BY source"
)
_OLD = (
    "SELECT id FROM deliveries d WHERE age_ms < ? AND NOT EXISTS (SELECT 1 FROM events e"
    " WHERE e.delivery = d.id AND e.result IN ('waiting', 'held')) LIMIT ?"
)


class SqliteInbox:
    """The ``Inbox`` port over one SQLite file. It may be used from several threads.

    After an error it opens its file anew when it is next asked: a full disk may have room again.
    A file that was removed or replaced is not taken up again in this process.
    """

    def __init__(self, path: Path, clock: Clock, redactor: Redactor | None) -> None:
        """Use ``open`` instead."""
        self._path = path
        self._clock = clock
        self._texts = EventTexts(redactor)
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._identity: FileIdentity | None = None
        self._file: list[int] | None = None
        self._gone = ""
        self._aged: tuple[int, int] | None = None
        self._pruned_at = -_PRUNE_MS
        self._log_holds = False
        self._tidied_ms = -_TIDY_MS

    @classmethod
    def open(cls, path: Path, *, clock: Clock, redactor: Redactor | None = None) -> SqliteInbox:
        """Open the inbox at a path, and make it if there is none.

        Raises:
            InboxUnusableError: Its folder or file is foreign, open to others, on a network disk,
                or cannot be written.
        """
        inbox = cls(path.absolute(), clock, redactor)
        with inbox._lock, inbox._translated():
            prepare_folder(inbox._path.parent)
            inbox._connect(create=True)
        return inbox

    def close(self) -> None:
        """Close the file; anything else afterwards is an error."""
        with self._lock:
            self._gone = self._gone or "it was closed"
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the port -------------------------------------------------------------------------------

    def keep(
        self, delivery: Delivery, events: Sequence[Incoming], unusable: str, *, by_body: bool
    ) -> Kept:
        # Few statements: while plans are made, each may wait for its turn of the interpreter.
        with self._transaction() as db:
            age = self._age(db)
            known = _known(db, delivery.source, all_marks(delivery, events))
            seen = repeated(known.get, delivery, events, by_body=by_body)
            if seen:
                _refresh(db, delivery, marks_of(delivery, events), age)
                return Kept(seen, Took.DUPLICATE)
            self._grow_older(db, age)
            met = first_met(known.get, delivery, events, unusable)
            self._insert(db, delivery, met, age)
            _remember(db, delivery, met.marks, age)
            return met.kept

    def waiting(self, limit: int) -> list[KeptEvent]:
        found = self._open_events(Became.WAITING, limit)
        if not found:
            with self._lock:
                self._tidy()
        return found

    def held(self, limit: int) -> list[KeptEvent]:
        return self._open_events(Became.HELD, limit)

    def settle(
        self,
        event_id: int,
        became: Became,
        *,
        run: str = "",
        why: str = "",
        stays: tuple[str, str] = ("", ""),
    ) -> bool:
        return self.settle_all([Settlement(event_id, became, run, why, stays)]) == 1

    def settle_all(self, settled: Sequence[Settlement]) -> int:
        if any(each.became is Became.WAITING for each in settled):
            raise ValueError("an event that is settled does not wait")
        with self._lock:
            with self._transaction() as db:
                done = sum(self._settle(db, each) for each in settled)
            self._log_holds = True
            self._tidy()
        return done

    def _tidy(self) -> None:
        """Leave nothing in the log of what was settled: at most once a second, since it costs some
        syncs, and each second by whoever asks what waits.
        """
        mono_ms = self._clock.mono_ms()
        if self._log_holds and not 0 <= mono_ms - self._tidied_ms < _TIDY_MS:
            with self._reading() as db:
                (waits,) = db.execute(_ANY_WAITING).fetchone()
                if not waits:
                    empty_log(db)
                    self._log_holds, self._tidied_ms = False, mono_ms

    def _settle(self, db: sqlite3.Connection, settled: Settlement) -> int:
        # What is settled is known to the journal; here only the line for the page stays.
        is_held = settled.became is Became.HELD
        forget = "" if is_held else ", event = '', type = ?, title = ?"
        stays = () if is_held else map(self._texts.line, settled.stays)
        given = (settled.became.value, settled.run, self._texts.line(settled.why), *stays)
        return db.execute(
            f"UPDATE events SET result = ?, run = ?, why = ?{forget}"  # noqa: S608 (both forms stand above)
            " WHERE id = ? AND result IN ('waiting', 'held') AND result <> ?",
            (*given, settled.event, settled.became.value),
        ).rowcount

    def count_waiting(self) -> int:
        with self._reading() as db:
            (count,) = db.execute("SELECT count(*) FROM events WHERE result = 'waiting'").fetchone()
        return int(count)

    def count_held(self) -> int:
        with self._reading() as db:
            (count,) = db.execute("SELECT count(*) FROM events WHERE result = 'held'").fetchone()
        return int(count)

    def count_open(self) -> tuple[int, Mapping[str, int]]:
        with self._reading() as db:
            found = dict(db.execute(_COUNT_OPEN).fetchall())
        # A source has a name: the row without one is of all that wait.
        return int(found.pop("")), found

    def last_heard(self) -> Mapping[str, int]:
        with self._reading() as db:
            rows = db.execute("SELECT source, max(at_ms) FROM deliveries GROUP BY source")
            return {str(source): int(at_ms) for source, at_ms in rows}

    def recent(self, limit: int) -> list[Received]:
        with self._reading() as db:
            rows = db.execute(_RECENT, (limit,)).fetchall()
        return [Received(*[*row[:-2], bool(row[-2]), row[-1]]) for row in rows]

    # --- writing --------------------------------------------------------------------------------

    def _insert(self, db: sqlite3.Connection, delivery: Delivery, met: FirstMet, age: int) -> None:
        db.execute(
            "INSERT INTO deliveries (id, source, sender, their_id, body_digest, at_ms, weak,"
            " result, why, age_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                delivery.id,
                delivery.source,
                delivery.sender,
                self._texts.line(delivery.their_id),
                delivery.body_digest,
                delivery.at_ms,
                delivery.weak,
                met.kept.result.value,
                self._texts.line(met.why),
                age,
            ),
        )
        for event in met.events:
            db.execute(
                "INSERT INTO events (delivery, type, title, event, result, run, why)"
                " VALUES (?, ?, ?, ?, 'waiting', '', '')",
                (
                    delivery.id,
                    self._texts.line(event.type),
                    self._texts.line(event.title),
                    self._texts.whole(event),
                ),
            )

    # --- time -----------------------------------------------------------------------------------

    def _age(self, db: sqlite3.Connection) -> int:
        """Milliseconds that this inbox was alive on a running machine."""
        now = self._clock.mono_ms()
        if self._aged is None:
            ms, mono_ms, boot = db.execute("SELECT ms, mono_ms, boot FROM age").fetchone()
            self._aged = ms, mono_ms if boot == self._clock.boot() else now
        ms, mono_ms = self._aged
        return ms + max(0, now - mono_ms)

    def _grow_older(self, db: sqlite3.Connection, age: int) -> None:
        """Write the age down, and drop some of what is over age: once a second."""
        if age < self._pruned_at + _PRUNE_MS:
            return
        db.execute(
            "UPDATE age SET ms = ?, mono_ms = ?, boot = ?",
            (age, self._clock.mono_ms(), self._clock.boot()),
        )
        self._pruned_at = age
        over = (age - MARK_LIFE_MS, _PRUNED_AT_ONCE)
        db.execute(
            "DELETE FROM marks WHERE (source, kind, mark) IN"
            " (SELECT source, kind, mark FROM marks WHERE age_ms < ? LIMIT ?)",
            over,
        )
        old = db.execute(_OLD, over).fetchall()
        db.executemany("DELETE FROM events WHERE delivery = ?", old)
        db.executemany("DELETE FROM deliveries WHERE id = ?", old)

    # --- reading --------------------------------------------------------------------------------

    def _open_events(self, became: Became, limit: int) -> list[KeptEvent]:
        with self._reading() as db:
            rows = db.execute(_OPEN_EVENTS, (became.value, limit)).fetchall()
        return [
            KeptEvent(number, Delivery(*[*rest[:-1], bool(rest[-1])]), read_event(text))
            for number, text, *rest in rows
        ]

    # --- the file -------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock. Leaving the block without an error commits, with a full sync."""
        with self._lock, self._translated():
            db = self._open_file()
            with write_locked(db):
                yield db
            # Asked afterwards: what was committed into a file without a name is not durable.
            self._check_identity()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            yield self._usable()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._let_go()
            raise self._unusable(sqlite_says(error)) from error
        except JournalUnusableError as error:
            self._let_go()
            raise self._unusable(f"{error.what}; {error.why}", do=error.do) from error
        except OSError as error:
            self._let_go()
            raise self._unusable(error.strerror or str(error)) from error

    def _usable(self) -> sqlite3.Connection:
        db = self._open_file()
        self._check_identity()
        return db

    def _open_file(self) -> sqlite3.Connection:
        if self._gone:
            raise self._unusable(self._gone, do="put the file back, and start the server again")
        if self._db is None:
            self._connect(create=False)
        assert self._db is not None  # noqa: S101 (for the type checker: _connect sets it)
        return self._db

    def _connect(self, *, create: bool) -> None:
        db = connect_file(self._path, create=create, application_id=_APPLICATION_ID)
        try:
            _make_tables(db, self._clock)
            carry_over(db, self._path)
            empty_log(db)
            self._identity = self._identify()
            sync_folder(self._path.parent)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _identify(self) -> FileIdentity:
        """Who the files are. The log and its index may be new ones, the database may not."""
        found = FileIdentity.take(self._path)
        _, *file = found.marks[0]
        if self._file not in (None, file):
            self._gone = "another file stands in its place"
            raise self._unusable(self._gone)
        self._file = file
        return found

    def _check_identity(self) -> None:
        assert self._identity is not None  # noqa: S101 (for the type checker: set with the db)
        try:
            self._identity.check()
        except JournalUnusableError as error:
            self._gone = error.what
            raise

    def _let_go(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = self._aged = None

    def _unusable(self, why: str, *, do: str = "") -> InboxUnusableError:
        return InboxUnusableError(
            f"the inbox {self._path} cannot be used",
            why=why,
            do=do or "make room or mend the disk; senders were told to come again",
        )


def unusable_since(path: Path, at_ms: int) -> list[Unusable]:
    """What an inbox could not use since then; nothing is written.

    Raises:
        InboxUnusableError: It cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            found = db.execute(_UNUSABLE, (Took.IGNORED.value, at_ms)).fetchall()
    except sqlite3.Error as error:
        raise InboxUnusableError(
            f"the inbox {path} cannot be read",
            why=sqlite_says(error),
            do="mend the disk; an inbox that is set aside is begun anew, and forgets what came",
        ) from error
    return [Unusable(source, count, why) for source, count, why, _ in found]


# --- tables ---------------------------------------------------------------------------------------


def _make_tables(db: sqlite3.Connection, clock: Clock) -> None:
    """Make them once; of several processes one does."""
    with write_locked(db):
        if is_empty(db):
            make_tables(db, _APPLICATION_ID, _SCHEMA_VERSION, _SCHEMA.split(";\n")[:-1])
            db.execute("INSERT INTO age VALUES (0, ?, ?)", (clock.mono_ms(), clock.boot()))
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != _SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"its tables are of version {version}")


def _known(db: sqlite3.Connection, source: str, marks: Sequence[Mark]) -> dict[Mark, FoundMark]:
    rows = db.execute(_KNOWN, (source, json.dumps(marks)))
    return {(kind, mark): FoundMark(first, body) for _, kind, mark, body, first, _ in rows}


def _remember(db: sqlite3.Connection, delivery: Delivery, marks: Sequence[Mark], age: int) -> None:
    # A mark that is there already names the first delivery, and goes on doing so.
    given = (delivery.source, delivery.body_digest, delivery.id, age, json.dumps(marks))
    db.execute(_REMEMBER, given)


def _refresh(db: sqlite3.Connection, delivery: Delivery, marks: Sequence[Mark], age: int) -> None:
    db.executemany(
        "UPDATE marks SET age_ms = ? WHERE source = ? AND kind = ? AND mark = ? AND age_ms < ?",
        [(age, delivery.source, *mark, age - MARK_REFRESH_MS) for mark in marks],
    )
