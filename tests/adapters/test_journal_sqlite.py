from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from respond.adapters.secrets.key_stores import FolderKeys, MemoryKeys
from respond.adapters.store.journal_keys import ChainEnd, read_mark
from respond.adapters.store.journal_sqlite import SqliteJournal, SqliteStore, _translate
from respond.adapters.store.sqlite_file import file_system_of, is_network
from respond.audit.body import Body
from respond.audit.checkpoint import Signer
from respond.audit.record_schema import ADDED, SCHEMA
from respond.audit.verify import AnchorPolicy, Verification
from respond.core.events import Kind
from respond.errors import (
    JournalBrokenError,
    JournalUnusableError,
    NotReadyError,
    RunTakenError,
    StepFailedError,
)
from respond.ports import Journal, KeyStore
from respond.testing.contract_journal import DANA, RUN, JournalContract, event
from respond.testing.journals import (
    MadeJournal,
    finished_runs,
    outside_evidence,
    reforge,
    stored_rows,
    verify_file,
)
from respond.testing.settable_clock import SettableClock

ROOT = Path(__file__).parents[2]
DIGEST = "ab" * 32
VALUE = "sa_live_0123456789abcdef0123456789abcdef"


def opened(
    path: Path, keys: KeyStore, *, create: bool = True, clock: SettableClock | None = None
) -> SqliteJournal:
    clock = clock or SettableClock()
    return SqliteJournal.open(path, keys=keys, clock=clock, create=create, actor=DANA)


def db_of(journal: SqliteJournal) -> sqlite3.Connection:
    """The journal's own connection."""
    assert isinstance(journal._store, SqliteStore)
    return journal._store.db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


def raw(path: Path, *statements: str) -> None:
    """Do to the file what somebody with a database program could do."""
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


REPLACE_KEN = "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), 'ken', 'bob') AS BLOB)"
COLUMNS = "body, body_hash, hash, kind, run, step, at"
DROP_TRIGGERS = ("DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete")


class TestSqliteFile(JournalContract):
    @pytest.fixture
    def journals(self) -> Iterator[list[SqliteJournal]]:
        made: list[SqliteJournal] = []
        yield made
        for journal in made:
            journal.close()

    @pytest.fixture
    def journal(self, path: Path, keys: MemoryKeys) -> Iterator[Journal]:
        with opened(path, keys) as journal:
            yield journal
            key, mark = outside_evidence(path, keys)
            assert key is not None
            # Contract tests append records in any order, so runs need not be legal here.
            every = AnchorPolicy(loose_max=10_000)
            report = verify_file(path, keys=[key], mark=mark, policy=every, legal=lambda _: "")
            assert report.answer is Verification.INTACT, report.says

    @pytest.fixture
    def reopen(
        self, path: Path, keys: MemoryKeys, journals: list[SqliteJournal]
    ) -> Callable[[], Journal]:
        def again() -> Journal:
            journals.append(opened(path, keys, create=False))
            return journals[-1]

        return again


class TestInMemory(JournalContract):
    @pytest.fixture
    def journal(self, keys: MemoryKeys) -> Iterator[Journal]:
        with SqliteJournal.in_memory(keys, SettableClock(), DANA) as journal:
            yield journal


# --- opening --------------------------------------------------------------------------------------


def test_the_next_open_goes_on(path: Path, keys: MemoryKeys) -> None:
    """What one process recorded the next one reads, with the same id and the same key."""
    with opened(path, keys) as first:
        record = first.append(event(Kind.PROPOSED))
        head, key = first.head(), first.public_key
    with opened(path, keys, create=False) as second:
        assert (second.head(), second.public_key) == (head, key)
        assert list(second.records(RUN)) == [record]


@pytest.mark.promise("P1")
def test_settings_are_what_durable_means(path: Path, keys: MemoryKeys) -> None:
    """WAL, full sync, and the settings against tricks in the file, as SQLite reads them back."""
    with opened(path, keys) as journal:

        def pragma(name: str) -> object:
            return db_of(journal).execute(f"PRAGMA {name}").fetchone()[0]

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2
        assert pragma("fullfsync") == pragma("checkpoint_fullfsync") == 1
        assert pragma("trusted_schema") == 0
        assert pragma("recursive_triggers") == 1
        assert pragma("secure_delete") == 1


@pytest.mark.promise("P22")
def test_files_are_ours_alone(path: Path, keys: MemoryKeys) -> None:
    """Folder 0700; database, log and index 0600, whatever the umask is."""
    before = os.umask(0)
    try:
        with opened(path, keys) as journal:
            journal.append(event(Kind.PROPOSED))
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_no_journal_is_not_made_by_reading(path: Path, keys: MemoryKeys) -> None:
    """Without ``create`` a missing journal is an error, and no file appears."""
    with pytest.raises(JournalUnusableError, match="no journal"):
        opened(path, keys, create=False)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o707])
def test_an_open_folder_is_refused(tmp_path: Path, keys: MemoryKeys, mode: int) -> None:
    """In a folder that others can enter there is no journal."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    with pytest.raises(JournalUnusableError, match="chmod 700"):
        opened(tmp_path / "state" / "journal.db", keys)
    assert list((tmp_path / "state").iterdir()) == []


def test_an_open_file_is_refused(path: Path, keys: MemoryKeys) -> None:
    """A journal that others can read or write is not gone on with."""
    opened(path, keys).close()
    path.chmod(0o644)
    with pytest.raises(JournalUnusableError, match="0644"):
        opened(path, keys)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_foreign_folder_is_refused(path: Path, keys: MemoryKeys) -> None:
    """Who owns the folder can replace the journal."""
    opened(path, keys).close()
    os.chown(path.parent, 65534, 65534)
    with pytest.raises(JournalUnusableError, match="somebody else"):
        opened(path, keys)


def test_a_link_is_refused(path: Path, keys: MemoryKeys) -> None:
    """A link in the journal's place is not followed."""
    opened(path, keys).close()
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("elsewhere.db")
    with pytest.raises(JournalUnusableError, match="not a file of yours"):
        opened(path, keys)


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    ("kind", "refused"),
    [("ext4", False), ("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("fuse.encfs", False)],
)
def test_file_systems_are_told_apart(tmp_path: Path, kind: str, *, refused: bool) -> None:
    """The mount that holds the folder is found, the deepest and the last one counts."""
    mounts = tmp_path / "mountinfo"
    place = tmp_path / "my state"
    place.mkdir()
    text = str(place).replace(" ", "\\040")
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"40 22 0:50 / {text} rw - tmpfs none rw\n"
        f"41 22 0:51 / {text} rw,nosuid shared:2 master:1 - {kind} server:/home rw\n"
        f"42 22 0:52 / {text}er rw - nfs server:/other rw\n"
    )
    assert file_system_of(place / "deeper", mounts) == kind
    assert is_network(kind) is refused
    assert file_system_of(place, tmp_path / "none") == ""


@pytest.mark.promise("P1")
def test_a_folder_on_a_network_disk_is_refused(
    path: Path, keys: MemoryKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks and syncs there do not keep what a commit promises, so nothing is made there."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"41 22 0:51 / {tmp_path} rw - nfs4 server:/home rw\n")
    monkeypatch.setattr(file_system_of, "__defaults__", (mounts,))  # The kernel's own table.

    with pytest.raises(JournalUnusableError, match="network file system"):
        opened(path, keys)
    assert not path.exists()


def test_a_journal_of_another_version_is_not_written_to(path: Path, keys: MemoryKeys) -> None:
    """What a later version means by its tables is not known here; it is named and left alone."""
    opened(path, keys).close()
    raw(path, "PRAGMA user_version = 99")

    with pytest.raises(JournalUnusableError, match="this version can read"):
        opened(path, keys)


def test_a_journal_of_before_gets_its_indexes_with_the_next_record(
    path: Path, keys: MemoryKeys
) -> None:
    """Reading it changes nothing, nor does a record that was refused; it verifies all the time."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
    raw(path, *(f"DROP INDEX {name}" for name in ADDED), "PRAGMA user_version = 1")

    def version(journal: SqliteJournal) -> int:
        (found,) = db_of(journal).execute("PRAGMA user_version").fetchone()
        key, mark = outside_evidence(path, keys)
        assert key is not None
        report = verify_file(path, keys=[key], mark=mark)
        assert report.answer is Verification.INTACT, report.says
        return int(found)

    with opened(path, keys) as journal, opened(path, keys) as other:
        assert journal.unfinished() == journal.runs(newest=1) == [RUN]
        with pytest.raises(StepFailedError):
            journal.append(event(Kind.NOTICE, bad=0.5))
        assert version(journal) == 1
        journal.append(event(Kind.NOTICE))
        other.append(event(Kind.NOTICE))
        assert version(journal) == version(other) == 2
    opened(path, keys).close()


def _steps(journal: SqliteJournal, ask: Callable[[], object]) -> int:
    """How many steps SQLite's machine takes for what is asked."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    db_of(journal).set_progress_handler(step, 1)
    ask()
    db_of(journal).set_progress_handler(None, 1)
    return count


def test_what_a_start_asks_does_not_grow_with_runs_that_are_over(keys: MemoryKeys) -> None:
    """A free id, reviews, the latest time, the newest runs and one run's records cost the same
    beside 50 runs and beside 150; which are not over costs one look into an index a run.
    """
    found: list[list[int]] = []
    with SqliteJournal.in_memory(keys, SettableClock(), DANA) as journal:
        for first in (0, 50, 100):
            finished_runs(journal, 50, first=first)
            asks: list[Callable[[], object]] = [
                lambda: list(journal.records("CK-FREE")),
                lambda: list(journal.records("OLD-00007")),
                journal.unreviewed,
                journal.highest_at,
                lambda: journal.runs(newest=20),
                journal.head,
                journal.unfinished,
            ]
            found.append([_steps(journal, ask) for ask in asks])
    few, _, many = found
    assert few[:-1] == many[:-1]
    assert many[-1] - few[-1] <= 100 * 15


def test_a_crash_while_it_is_made_is_no_loss(path: Path, keys: MemoryKeys) -> None:
    """An empty file, left by a crash in the first second, becomes the journal."""
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    with opened(path, keys) as journal:
        assert journal.head().size == 2


# --- what happened to the file between two opens --------------------------------------------------


@pytest.mark.promise("P23")
def test_a_lost_journal_is_not_replaced_quietly(path: Path, keys: MemoryKeys) -> None:
    """A journal that was here and is gone is an error that says how to go on, never a new one."""
    with opened(path, keys) as journal:
        head = journal.checkpoint("end of run")
    path.unlink()
    with pytest.raises(JournalUnusableError) as error:
        opened(path, keys)
    assert "--new-journal" in error.value.do
    assert f"at least {head.size} records" in error.value.why
    assert not path.exists()


@pytest.mark.promise("P23")
@pytest.mark.parametrize("how", ["emptied", "no database", "another table"])
def test_a_ruined_journal_is_not_replaced_quietly(path: Path, keys: MemoryKeys, how: str) -> None:
    """A file that was emptied or overwritten is refused and left as it is."""
    opened(path, keys).close()
    if how == "another table":
        path.unlink()
        raw(path, "CREATE TABLE t (x)")
        path.chmod(0o600)
    else:
        path.write_bytes(b"" if how == "emptied" else b"x" * 5000)
    before = path.read_bytes()
    with pytest.raises((JournalUnusableError, JournalBrokenError)):
        opened(path, keys)
    assert path.read_bytes() == before


@pytest.mark.promise("P23")
def test_an_old_backup_is_found_out(path: Path, keys: MemoryKeys) -> None:
    """A copy from before the last checkpoint ends before the high-water mark."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
    old = path.read_bytes()
    with opened(path, keys) as journal:
        journal.append(event(Kind.NOTICE))
        journal.checkpoint("end of run")
    path.write_bytes(old)
    with pytest.raises(JournalBrokenError, match="older than it was"):
        opened(path, keys)


@pytest.mark.promise("P23")
def test_the_journal_of_another_machine_is_found_out(tmp_path: Path, keys: MemoryKeys) -> None:
    """Another journal in this place is refused, even one whose keys are here too."""
    here, there = tmp_path / "here" / "journal.db", tmp_path / "there" / "journal.db"
    opened(here, keys).close()
    opened(there, keys).close()
    here.write_bytes(there.read_bytes())
    with pytest.raises(JournalBrokenError, match="another journal"):
        opened(here, keys)


@pytest.mark.promise("P23")
def test_without_its_keys_nothing_is_appended(path: Path, keys: MemoryKeys) -> None:
    """A journal whose signing key is not here is not gone on with under a new one."""
    opened(path, keys).close()
    with pytest.raises(JournalUnusableError, match="not in"):
        opened(path, MemoryKeys())


@pytest.mark.promise("P23")
@pytest.mark.parametrize(
    "change",
    [
        f"{REPLACE_KEN} WHERE seq = 3",
        "UPDATE journal SET run = 'OTHER' WHERE seq = 3",
        "UPDATE journal SET kind = 'notice' WHERE seq = 2",
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = 4",
        "UPDATE journal SET seq = 9 WHERE seq = 4",
        "DELETE FROM journal WHERE seq = 3",
        "DELETE FROM journal WHERE seq > 0",
        f"INSERT INTO journal SELECT 5, {COLUMNS} FROM journal WHERE seq = 4",  # noqa: S608
        "CREATE TRIGGER t AFTER INSERT ON journal BEGIN SELECT 1; END",
        "DROP INDEX journal_taken",
        "DROP TRIGGER journal_no_delete",
    ],
)
def test_a_changed_end_is_found_at_the_next_open(path: Path, keys: MemoryKeys, change: str) -> None:
    """Records since the last checkpoint, and the tables, are checked before any append."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.NOTICE, to="ken"))
        journal.append(event(Kind.NOTICE))
    triggers = [sql for sql in DROP_TRIGGERS if sql != change]
    again = [SCHEMA[sql.split()[-1]] for sql in triggers]
    raw(path, *triggers, change, *again)
    with pytest.raises(JournalBrokenError):
        opened(path, keys)


@pytest.mark.promise("P23")
def test_a_beginning_that_hides_under_another_run_is_found(path: Path, keys: MemoryKeys) -> None:
    """Also in a part that was signed, and is not read as the journal is opened."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.NOTICE))
        run = event(Kind.NOTICE).run
        journal.checkpoint("end of run")
    again = [SCHEMA[sql.split()[-1]] for sql in DROP_TRIGGERS]
    raw(path, *DROP_TRIGGERS, "UPDATE journal SET run = 'OTHER' WHERE kind = 'proposed'", *again)
    with (
        opened(path, keys) as journal,
        pytest.raises(JournalBrokenError, match="columns do not say"),
    ):
        list(journal.records(run))


@pytest.mark.promise("P23")
@pytest.mark.parametrize("resigned", [False, True])
def test_a_rewritten_journal_is_found_by_its_signature_alone(
    path: Path, keys: MemoryKeys, *, resigned: bool
) -> None:
    """Who has chained everything anew, and taken the mark away, lacks the signing key."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED, runbook="one"))
        journal.checkpoint("end of run")
        made = MadeJournal(tuple(stored_rows(journal)), Signer(journal.id, bytes(32)), ())
    keys.delete(f"high-water/{made.id}")

    def lie(bodies: list[Body]) -> list[Body]:
        return [b._replace(data={"runbook": "two"}) if b.kind == "proposed" else b for b in bodies]

    forged = reforge(made, lie, signer=made.signer if resigned else None)
    db = sqlite3.connect(path, isolation_level=None)
    for statement in (*DROP_TRIGGERS, "DELETE FROM journal"):
        db.execute(statement)
    db.executemany(
        "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(row.seq, row.body, row.body_hash, row.hash, *(row.columns or ())) for row in forged],
    )
    for statement in DROP_TRIGGERS:
        db.execute(SCHEMA[statement.split()[-1]])
    db.close()

    with pytest.raises(JournalBrokenError, match="checkpoint"):
        opened(path, keys)


@pytest.mark.promise("P23")
def test_the_mark_never_sinks(path: Path, keys: MemoryKeys) -> None:
    """Of two that raise it at once the one that is behind leaves it where the other put it."""
    with opened(path, keys) as ours, opened(path, keys, create=False) as theirs:
        begun: list[str] = []

        def meanwhile(statement: str) -> None:
            if statement.startswith("BEGIN"):
                begun.append(statement)
                if len(begun) == 2:  # Our record stands, and the mark is not raised to it yet.
                    theirs.checkpoint("theirs")

        db_of(ours).set_trace_callback(meanwhile)
        ours.checkpoint("ours")
        db_of(ours).set_trace_callback(None)

        mark = read_mark(ours.id, keys)
        assert mark is not None
        assert mark.size == ours.head().size


@pytest.mark.promise("P23")
def test_a_changed_old_record_is_not_read(path: Path, keys: MemoryKeys) -> None:
    """A record before the last checkpoint is checked when it is read: a resume never folds it.

    Records are counted from 1, as ``audit verify`` counts them.
    """
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED, to="ken"))
        journal.checkpoint("end of run")
    raw(
        path,
        *DROP_TRIGGERS,
        f"{REPLACE_KEN} WHERE seq = 2",
        SCHEMA["journal_no_update"],
        SCHEMA["journal_no_delete"],
    )
    with (
        opened(path, keys) as journal,
        pytest.raises(JournalBrokenError, match="broken at record 3"),
    ):
        list(journal.records(RUN))


def test_the_seat_belt_holds(path: Path, keys: MemoryKeys) -> None:
    """Through our own connection no record can be changed, removed or replaced."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        for statement in (
            "UPDATE journal SET at = ''",
            "DELETE FROM journal",
            "INSERT OR REPLACE INTO journal SELECT * FROM journal WHERE seq = 1",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db_of(journal).execute(statement)


# --- what happens to the file while it is open ----------------------------------------------------


@pytest.mark.promise("P1")
@pytest.mark.campaign("C4")
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_a_file_that_goes_away_stops_the_next_write(
    path: Path, keys: MemoryKeys, suffix: str, how: str
) -> None:
    """A journal removed, renamed or replaced while open gives no intent, now or later."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        file = path.with_name(path.name + suffix)
        content = file.read_bytes()
        if how == "renamed":
            file.rename(file.with_name("away"))
        else:
            file.unlink()
        if how == "replaced":
            file.write_bytes(content)
        with pytest.raises(JournalUnusableError, match="while it was open"):
            journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST)
        # Putting it back does not make the object usable again: it must be opened and checked.
        with pytest.raises(JournalUnusableError, match="can not be used any more"):
            journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST)
        with pytest.raises(JournalUnusableError):
            list(journal.records())


@pytest.mark.promise("P1")
@pytest.mark.campaign("C4")
@pytest.mark.parametrize("what", ["intent", "outcome"])
def test_a_file_that_is_replaced_during_a_write_records_nothing(
    path: Path, keys: MemoryKeys, what: str
) -> None:
    """What is committed into a file without a name is not durable, and nothing rests on it."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))

        def replace(statement: str) -> None:
            if statement.startswith("INSERT"):
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content)

        db_of(journal).set_trace_callback(replace)
        write: dict[str, Callable[[], object]] = {
            "intent": partial(journal.intend, event(Kind.INTENT, step="s"), digest=DIGEST),
            "outcome": partial(journal.append, event(Kind.OUTCOME, step="s")),
        }
        with pytest.raises(JournalUnusableError, match="replaced by another file"):
            write[what]()


@pytest.mark.promise("P1")
@pytest.mark.parametrize("what", ["intent", "word", "taken", "checkpoint", "secrets"])
def test_after_a_record_that_need_not_be_synced_each_one_is_again(
    path: Path, keys: MemoryKeys, what: str
) -> None:
    """An unsynced record is for once: no intent stands on a commit that is not durable."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.OUTCOME), synced=False)
        levels: list[int] = []

        def seen(statement: str) -> None:
            if statement == "COMMIT":
                with closing(db_of(journal).cursor()) as cursor:
                    levels.extend(cursor.execute("PRAGMA synchronous").fetchone())

        db_of(journal).set_trace_callback(seen)
        write: dict[str, Callable[[], object]] = {
            "intent": partial(journal.intend, event(Kind.INTENT, step="s"), digest=DIGEST),
            "word": partial(journal.append, event(Kind.CONFIRMED)),
            "taken": partial(journal.take, event(Kind.TAKEN)),
            "checkpoint": partial(journal.checkpoint, "end of run"),
            "secrets": partial(journal.forget_secrets, RUN),
        }
        write[what]()

        assert levels == [2]


@pytest.mark.promise("P1")
def test_the_folder_going_away_stops_the_next_write(path: Path, keys: MemoryKeys) -> None:
    """The same when the whole folder is renamed."""
    with opened(path, keys) as journal:
        path.parent.rename(path.parent.with_name("away"))
        with pytest.raises(JournalUnusableError, match="removed or renamed"):
            journal.append(event(Kind.PROPOSED))


def test_a_write_that_fails_without_room_is_called_a_full_disk(tmp_path: Path) -> None:
    """SQLite may say only "I/O error": where the disk has no room, that is the reason."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    # The file system of the kernel's own tables has no room, ever.
    assert "the disk is full" in _translate(error, Path("/proc/journal.db")).what
    assert "could not be written" in _translate(error, tmp_path / "journal.db").what
    assert "the disk is full" not in _translate(error, tmp_path / "journal.db").what


def test_who_only_looks_is_told_of_the_full_disk_too() -> None:
    """SQLite makes an index of its log to read it: without room for that, the disk is full."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    told = _translate(error, Path("/journal.db"))
    assert "the disk is full" in told.what
    assert "to look at it takes some room, too" in told.why
    assert "`respond audit show`" in told.do


@pytest.mark.promise("P1")
@pytest.mark.campaign("C4")
def test_a_full_disk_stops_the_next_write(path: Path, keys: MemoryKeys) -> None:
    """At the page limit nothing is recorded, the object is done, and the journal is whole."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        head = journal.head()
        (pages,) = db_of(journal).execute("PRAGMA page_count").fetchone()
        db_of(journal).execute(f"PRAGMA max_page_count={pages}")
        for _ in range(200):
            try:
                journal.append(event(Kind.NOTICE, text="x" * 2000))
            except JournalUnusableError as error:
                assert "SQLITE_FULL" in str(error)  # noqa: PT017 (which append it is, is open)
                assert "the disk is full" in str(error)  # noqa: PT017 (the same)
                break
            head = journal.head()
        with pytest.raises(JournalUnusableError):
            journal.append(event(Kind.NOTICE))
    with opened(path, keys) as journal:
        assert journal.head() == head
        journal.append(event(Kind.NOTICE))


def fault(journal: SqliteJournal) -> None:
    """Let one append fail as on a full disk, which closes the journal."""
    (pages,) = db_of(journal).execute("PRAGMA page_count").fetchone()
    db_of(journal).execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(JournalUnusableError):
        journal.append(event(Kind.NOTICE, text="x" * 50_000))


@pytest.mark.promise("P1")
@pytest.mark.campaign("C4")
def test_a_journal_goes_on_after_a_fault_that_is_over(path: Path, keys: MemoryKeys) -> None:
    """Verified and with all that was durable; one that is well or was closed stays as it is."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        head = journal.head()
        fault(journal)
        with pytest.raises(JournalUnusableError):
            journal.head()
        assert journal.reopen()
        assert journal.head() == head
        assert journal.append(event(Kind.NOTICE)).seq == head.size
        assert not journal.reopen()
    assert not journal.reopen()


@pytest.mark.promise("P3")
def test_an_older_file_in_its_place_is_not_gone_on_with(path: Path, keys: MemoryKeys) -> None:
    """It verifies by itself and reaches the mark; what was durable in this process is not there."""
    with opened(path, keys):
        pass
    old = path.read_bytes()
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        fault(journal)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.write_bytes(old)
        with pytest.raises(JournalBrokenError, match="older than it was") as caught:
            journal.reopen()
        assert "this process" in caught.value.why
        with pytest.raises(JournalUnusableError):
            journal.append(event(Kind.NOTICE))


def test_while_the_file_is_away_the_fault_lasts(path: Path, keys: MemoryKeys) -> None:
    """And it goes on when the file is back."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        away = path.rename(path.with_name("away"))
        for _ in range(2):
            with pytest.raises(JournalUnusableError):
                journal.append(event(Kind.NOTICE))
            with pytest.raises(JournalUnusableError, match="no journal"):
                journal.reopen()
        away.rename(path)
        assert journal.reopen()
        journal.append(event(Kind.NOTICE))


@pytest.mark.promise("P4")
def test_who_loses_the_run_while_its_intent_is_made_sends_nothing(
    path: Path, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record stands, and who has the run settles it: a key to send it is not made then."""
    with opened(path, keys) as journal, opened(path, keys) as other:
        journal.append(event(Kind.PROPOSED))
        journal.take(event(Kind.TAKEN))
        mark = journal._mark_follows

        def slowly(to: ChainEnd) -> None:
            assert other.take(event(Kind.TAKEN)) == 2
            mark(to)

        monkeypatch.setattr(journal, "_mark_follows", slowly)
        with pytest.raises(RunTakenError):
            journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST)


def test_who_carries_a_run_does_not_go_on_after_a_fault(path: Path, keys: MemoryKeys) -> None:
    """Somebody else may have taken the run meanwhile."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        journal.take(event(Kind.TAKEN))
        fault(journal)
        assert not journal.reopen()
        with pytest.raises(JournalUnusableError):
            journal.head()


READ_ONLY = """
import os, sys
from pathlib import Path
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.events import Actor, Strength
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.testing.settable_clock import SettableClock
from respond.errors import JournalUnusableError
os.setgid(65534), os.setuid(65534)
try:
    SqliteJournal.open(Path(sys.argv[1]), keys=MemoryKeys(), clock=SettableClock(), create=True,
                       actor=Actor("dana", Strength.CLAIMED))
except JournalUnusableError as error:
    print(error)
    sys.exit(8)
"""


@pytest.mark.campaign("C4")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_a_folder_without_rights_says_so() -> None:
    """Where no file can be made the message names the folder, and the status is 8."""
    with tempfile.TemporaryDirectory() as name:  # Not tmp_path: others can not enter its parents.
        folder = Path(name)
        folder.chmod(0o755)
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", READ_ONLY, str(folder / "state" / "journal.db")],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    assert done.returncode == 8, done.stderr
    assert str(folder / "state") in done.stdout


@pytest.mark.campaign("C4")
def test_a_mark_that_cannot_be_kept_is_a_journal_unusable(path: Path, tmp_path: Path) -> None:
    """A key store that fails in a run ends it with 8, not 9: something was started; all stands."""
    folder, away = tmp_path / "keys", tmp_path / "keys-away"
    with opened(path, FolderKeys(folder)) as journal:
        journal.append(event(Kind.PROPOSED))
        folder.rename(away)
        folder.write_text("no folder", encoding="ascii")
        with pytest.raises(JournalUnusableError, match="high-water mark") as caught:
            journal.checkpoint("end of run")
        assert "is not a folder" in caught.value.why
        assert "respond runs" in caught.value.do
        folder.unlink()
        away.rename(folder)
        written = [record.event.kind for record in journal.records()][-2:]
        head = journal.checkpoint("end of run")
    assert Kind.CHECKPOINT in written
    key, mark = outside_evidence(path, FolderKeys(folder))
    assert key is not None
    assert mark is not None
    assert mark.size == head.size
    assert verify_file(path, keys=[key], mark=mark).answer is Verification.INTACT


def test_another_writer_is_waited_for_then_named(path: Path, keys: MemoryKeys) -> None:
    """A process that holds the lock too long is named as the reason; the object stays usable."""
    with opened(path, keys) as journal:
        db_of(journal).execute("PRAGMA busy_timeout=1")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnusableError, match="held by another process"):
            journal.append(event(Kind.PROPOSED))
        other.execute("ROLLBACK")
        other.close()
        journal.append(event(Kind.PROPOSED))


@pytest.mark.promise("P23")
def test_a_change_behind_our_back_is_found(path: Path, keys: MemoryKeys) -> None:
    """When the last record is changed while the journal is open, the next append refuses."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        raw(path, *DROP_TRIGGERS, "UPDATE journal SET hash = zeroblob(32) WHERE seq = 2")
        with pytest.raises(JournalBrokenError):
            journal.append(event(Kind.NOTICE))
        with pytest.raises(JournalUnusableError):
            journal.append(event(Kind.NOTICE))


# --- a new journal in the place of a lost one -----------------------------------------------------


@pytest.mark.promise("P25")
def test_a_fresh_journal_names_the_old_one(path: Path, keys: MemoryKeys) -> None:
    """``--new-journal`` opens with a record that has id, size and head of the lost one."""
    with opened(path, keys) as journal:
        old, head = journal.id, journal.checkpoint("end of run")
    path.unlink()
    with SqliteJournal.fresh(
        path, keys=keys, clock=SettableClock(), actor=DANA, reason="disk died"
    ) as journal:
        restored = list(journal.records())[1].event
        assert journal.id != old
    assert restored.kind is Kind.RESTORED
    assert restored.data["old"] == {"journal": old, "size": head.size, "hash": head.hash}
    assert restored.data["reason"] == "disk died"
    with opened(path, keys, create=False) as journal:
        assert journal.id != old


def test_a_fresh_journal_sets_the_broken_file_aside(path: Path, keys: MemoryKeys) -> None:
    """The broken file is renamed, not removed, and the record says how it is called now."""
    opened(path, keys).close()
    broken = b"x" * 5000
    path.write_bytes(broken)
    with SqliteJournal.fresh(path, keys=keys, clock=SettableClock(), actor=DANA) as journal:
        name = list(journal.records())[1].event.data["set_aside"]
    assert (path.parent / name).read_bytes() == broken


class FullKeys(MemoryKeys):
    """Keys on a disk that takes so many more."""

    room = 99

    def set(self, name: str, value: bytes) -> None:
        if self.room <= 0:
            raise NotReadyError("the key file cannot be written", why="No space left on device")
        self.room -= 1
        super().set(name, value)


@pytest.mark.promise("P25")
@pytest.mark.parametrize("room", range(4))
def test_a_fresh_journal_that_cannot_be_begun_leaves_the_old_one(path: Path, room: int) -> None:
    """Whichever key finds no room: what stood there stands there again, and can be gone on with."""
    keys = FullKeys()
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED))
        size = journal.head().size
    keys.room = room
    with pytest.raises((NotReadyError, JournalUnusableError)):
        SqliteJournal.fresh(path, keys=keys, clock=SettableClock(), actor=DANA)
    assert [each.name for each in path.parent.iterdir() if "set-aside" in each.name] == []
    keys.room = 99
    with opened(path, keys, create=False) as journal:
        assert journal.head().size == size


def test_a_fresh_journal_on_another_disk(tmp_path: Path, path: Path, keys: MemoryKeys) -> None:
    """The new one may lie elsewhere; it still names the old one."""
    with opened(path, keys) as journal:
        old = journal.id
    with SqliteJournal.fresh(
        tmp_path / "usb" / "j.db", keys=keys, clock=SettableClock(), actor=DANA, instead_of=path
    ) as journal:
        assert list(journal.records())[1].event.data["old"]["journal"] == old
    assert path.exists()


# --- secrets --------------------------------------------------------------------------------------


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


@pytest.mark.promise("P22")
def test_no_secret_lies_on_the_disk_in_clear(tmp_path: Path) -> None:
    """A sealed value is in no file of the journal or the keys, open or closed."""
    path, keys = tmp_path / "state" / "journal.db", FolderKeys(tmp_path / "keys")
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED), seal={"new.value": VALUE})
        assert VALUE.encode() not in everything_in(tmp_path)
    assert VALUE.encode() not in everything_in(tmp_path)
    with opened(path, keys) as journal:
        assert journal.open_secret(RUN, "new.value") == VALUE


@pytest.mark.promise("P22")
def test_a_forgotten_run_leaves_no_box_and_no_key(tmp_path: Path) -> None:
    """After forgetting, neither the key nor the box is in any file: no backup of one opens."""
    path, keys = tmp_path / "state" / "journal.db", FolderKeys(tmp_path / "keys")
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED), seal={"new.value": VALUE})
        (box,) = db_of(journal).execute("SELECT box FROM sealed").fetchone()
        key = keys.get(f"run-key/{RUN}")
        assert key is not None
        journal.forget_secrets(RUN)
    left = everything_in(tmp_path)
    assert key not in left
    assert box not in left
    assert not any("run-key" in file.name for file in (tmp_path / "keys").iterdir())


@pytest.mark.promise("P22")
def test_a_secret_in_the_event_itself_is_refused(path: Path, keys: MemoryKeys) -> None:
    """An action that leaves the value in its data is stopped before the record is written."""
    value = 'quote " and \u00e9 in it'
    with opened(path, keys) as journal:
        before = journal.head()
        with pytest.raises(JournalUnusableError, match="in clear") as error:
            journal.append(event(Kind.PROPOSED, url=f"https://x/?k={value}"), seal={"k": value})
        assert value not in str(error.value)
        assert journal.head() == before
        assert journal.held(RUN) == {}


@pytest.mark.promise("P22")
def test_a_box_opens_only_in_its_place(path: Path, keys: MemoryKeys) -> None:
    """A box that was moved to another handle, or whose hint was changed, does not open."""
    with opened(path, keys) as journal:
        journal.append(event(Kind.PROPOSED), seal={"a": VALUE, "b": "other " + VALUE})
        db_of(journal).execute(
            "UPDATE sealed SET box = (SELECT box FROM sealed WHERE handle = 'a') WHERE handle = 'b'"
        )
        db_of(journal).execute("UPDATE sealed SET meta = replace(meta, 'cdef', 'aaaa')")
        for handle in "ab":
            with pytest.raises(JournalBrokenError, match="does not open"):
                journal.open_secret(RUN, handle)


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.promise("P16")
def test_the_highest_time_is_kept(path: Path, keys: MemoryKeys) -> None:
    """After the clock was set back, the journal still knows how late it had been."""
    clock = SettableClock()
    with opened(path, keys, clock=clock) as journal:
        clock.advance(3600)
        late = journal.append(event(Kind.PROPOSED)).at
        clock.jump(-86400)
        early = journal.append(event(Kind.NOTICE)).at
        assert early < late == journal.highest_at()
    key, mark = outside_evidence(path, keys)
    assert key is not None
    report = verify_file(path, keys=[key], mark=mark)
    assert report.answer is Verification.INTACT
    assert any("wall clock went back" in note for note in report.notes)


def test_times_are_utc_with_milliseconds(path: Path, keys: MemoryKeys) -> None:
    """A record has wall clock, monotonic clock and boot, as the clock gave them."""
    clock = SettableClock(now_ms=1_795_403_520_007, mono_ms=42, boot="b")
    with opened(path, keys, clock=clock) as journal:
        record = journal.append(event(Kind.PROPOSED))
    assert (record.at, record.mono_ms, record.boot) == ("2026-11-23T03:12:00.007Z", 42, "b")


# --- structure ------------------------------------------------------------------------------------


@pytest.mark.promise("P1")
def test_only_the_journal_mints_intents() -> None:
    """``Intent.mint`` is called in one place of the whole package."""
    root = ROOT / "src" / "respond"
    found = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"\bIntent\.mint\(|\b_MINT\b|\bIntent\(", path.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == ["adapters/store/journal_chain.py", "ports.py"]
