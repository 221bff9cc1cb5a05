"""The inbox in SQLite: what every inbox does, and what becomes of its file."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.errors import ExitCode, InboxUnusableError
from respond.ports import Became, Took
from respond.testing.contract_inbox import InboxContract, Opener, delivery, event, keep, keys
from respond.testing.settable_clock import SettableClock


def opened(path: Path) -> SqliteInbox:
    return SqliteInbox.open(path, clock=SettableClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "inbox.db"


class TestSqliteInbox(InboxContract):
    @pytest.fixture
    def opened(self, path: Path) -> Opener:
        def opens(
            clock: SettableClock | None = None, redactor: Redactor | None = None
        ) -> SqliteInbox:
            return SqliteInbox.open(path, clock=clock or SettableClock(), redactor=redactor)

        return opens


# --- what is kept ---------------------------------------------------------------------------------


def test_its_file_is_synced_at_each_commit_and_nobody_else_may_read_it(path: Path) -> None:
    """The settings are read back from the open file, and the modes from the disk."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("k")])
        assert inbox._db is not None
        assert inbox._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert inbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_a_settled_event_said_stays_in_no_file(path: Path) -> None:
    """Title, labels and body of what is done with stay in no file, while the inbox is open too."""
    with opened(path) as inbox:
        labels = {"user": "canary-jean"}
        keep(inbox, delivery("a"), [event("1", "canary-title", labels=labels, body=["canary-x"])])
        assert b"canary-jean" in path.with_name("inbox.db-wal").read_bytes()
        stays = ("incident.triggered", "A key is out")
        inbox.settle(inbox.waiting(1)[0].id, Became.PROPOSED, run="CK-1", stays=stays)
        for file in path.parent.iterdir():
            assert b"canary" not in file.read_bytes(), file
        (line,) = inbox.recent(10)
        assert (line.type, line.title) == stays
        inbox.settle(1, Became.IGNORED)
    assert b"canary" not in path.read_bytes()


def test_a_storm_empties_the_log_once_a_second_and_what_asks_for_more_empties_it_then(
    path: Path,
) -> None:
    """It costs some syncs, and deliveries wait for them."""
    clock = SettableClock()
    log = path.with_name("inbox.db-wal")
    with SqliteInbox.open(path, clock=clock) as inbox:
        for number in range(3):
            keep(inbox, delivery(f"d{number}"), [event(f"{number}", "canary-title")])
            inbox.settle(inbox.waiting(1)[0].id, Became.IGNORED)
            assert bool(log.stat().st_size) == (number > 0)
        assert inbox.waiting(1) == []
        assert b"canary" in log.read_bytes()
        clock.advance(1)
        assert inbox.waiting(1) == []
        assert log.stat().st_size == 0


def test_what_a_crash_left_in_the_log_goes_when_the_inbox_is_opened(path: Path) -> None:
    """A process that died right after it settled an event left it readable until the next."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("1", "canary-title"), event("2")])
        inbox.settle(inbox.waiting(1)[0].id, Became.IGNORED)
        crashed = path.parent.parent / "crashed"
        shutil.copytree(path.parent, crashed)
    crashed.chmod(0o700)
    assert b"canary" in (crashed / "inbox.db-wal").read_bytes()
    with opened(crashed / "inbox.db"):
        for file in crashed.iterdir():
            assert b"canary" not in file.read_bytes(), file


@pytest.mark.promise("P22")
def test_a_live_secret_is_in_no_file(path: Path) -> None:
    """A redactor that knows a value keeps it out of the file."""
    redactor = Redactor()
    redactor.register("app-key", "canary-0123456789")
    with SqliteInbox.open(path, clock=SettableClock(), redactor=redactor) as inbox:
        leaked = "key canary-0123456789 seen"
        keep(inbox, delivery("a"), [event("1", leaked, labels={"x": leaked}, body=[leaked])])
        keep(inbox, delivery("b"), [], leaked)
        assert inbox.waiting(1)[0].event.title == "key [secret app-key] seen"
    assert b"canary" not in b"".join(each.read_bytes() for each in path.parent.iterdir())


# --- when it cannot be kept -----------------------------------------------------------------------


@pytest.mark.promise("P17")
@pytest.mark.campaign("C4")
def test_a_full_disk_refuses_and_takes_again_when_there_is_room(path: Path) -> None:
    """What was refused is not there, what was taken is, and nobody has to restart anything."""
    taken = []
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("a")])
        assert inbox._db is not None
        (pages,) = inbox._db.execute("PRAGMA page_count").fetchone()
        inbox._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(InboxUnusableError, match="cannot be used") as caught:  # noqa: PT012 (which delivery it is, is open)
            for number in range(500):
                keep(inbox, delivery(f"{number}"), [event(f"{number}", "x" * 300)])
                taken.append(str(number))
        assert "SQLITE_FULL" in caught.value.why
        assert caught.value.exit_code is ExitCode.JOURNAL_UNUSABLE
        # The limit was that of a connection, which is gone.
        assert keep(inbox, delivery("z"), [event("z")]).result is Took.NEW
        assert keys(inbox) == ["a", *taken, "z"]


def test_a_file_that_is_removed_or_replaced_is_not_taken_up_again(path: Path) -> None:
    """An empty inbox in its place would forget what came before."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("1")])
        path.rename(path.with_name("away"))
        with pytest.raises(InboxUnusableError):
            keep(inbox, delivery("b"), [event("2")])
        opened(path).close()
        with pytest.raises(InboxUnusableError, match="cannot be used") as caught:
            inbox.waiting(1)
        assert "removed or renamed" in caught.value.why


def test_a_file_that_is_replaced_during_a_write_keeps_nothing(path: Path) -> None:
    """What is committed into a file without a name is not durable, so it gets no 2xx."""
    with opened(path) as inbox:

        def replace(statement: str) -> None:
            if statement.startswith("INSERT INTO events"):
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content)

        assert inbox._db is not None
        inbox._db.set_trace_callback(replace)
        with pytest.raises(InboxUnusableError):
            keep(inbox, delivery("a"), [event("1")])


def test_a_file_that_is_replaced_while_it_is_shut_is_noticed(path: Path) -> None:
    """Between an error and the next delivery another file may have come in its place."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("1")])
        inbox._let_go()
        path.rename(path.with_name("away"))
        opened(path).close()
        with pytest.raises(InboxUnusableError) as caught:
            keep(inbox, delivery("b"), [event("2")])
        assert "another file" in caught.value.why


def test_somebody_elses_database_is_left_alone(path: Path) -> None:
    """Also a journal is no inbox."""
    path.parent.mkdir(mode=0o700)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (a)")
    db.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(InboxUnusableError, match="cannot be used"):
        opened(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_open_to_others_is_refused(path: Path) -> None:
    """Who can write there could take deliveries away."""
    path.parent.mkdir(mode=0o755)
    path.parent.chmod(0o755)
    with pytest.raises(InboxUnusableError) as caught:
        opened(path)
    assert "open to other users" in caught.value.why
