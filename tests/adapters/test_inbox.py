from __future__ import annotations

import hashlib
import shutil
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_sqlite import EVENT_BYTES_MAX, MARK_LIFE_MS, SqliteInbox
from respond.core.incoming import Delivery, Incoming, Means
from respond.errors import ExitCode, InboxUnusableError
from respond.ports import Became, Inbox, Kept, Took
from respond.testing.settable_clock import SettableClock

DAY_S = 24 * 3600
LIFE_S = MARK_LIFE_MS // 1000


def opened(path: Path, clock: SettableClock | None = None) -> SqliteInbox:
    return SqliteInbox.open(path, clock=clock or SettableClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "inbox.db"


_counted = iter(range(1_000_000))


def delivery(body: str, *, their_id: str = "", source: str = "pd") -> Delivery:
    digest = hashlib.sha256(body.encode()).hexdigest()
    return Delivery(f"D-{next(_counted)}", source, "pagerduty", their_id, digest, 5, weak=False)


def event(key: str, title: str = "A key is out", **more: object) -> Incoming:
    return Incoming(key, "incident/1", "incident.triggered", Means.BEGINS, title, **more)  # type: ignore[arg-type] # texts and labels of a test


def keep(
    inbox: Inbox,
    arrived: Delivery,
    events: Sequence[Incoming] = (),
    unusable: str = "",
    *,
    by_body: bool = False,
) -> Kept:
    return inbox.keep(arrived, events, unusable, by_body=by_body)


def keys(inbox: Inbox) -> list[str]:
    return [kept.event.key for kept in inbox.waiting(1000)]


# --- what is kept ---------------------------------------------------------------------------------


def test_an_event_comes_back_as_it_was_kept(path: Path) -> None:
    """Every field of event and delivery, after the file was closed and opened."""
    arrived = delivery("a", their_id="w-1")
    full = Incoming(
        "k", "incident/9", "x.y", Means.IS_OVER, "Title \u202e", "open", "high", "billing",
        "2026-11-23T03:12:00Z", "https://example.org", "compromised-key", {"key": "\0ü"},
        {"n": 1_625_239_293_064_000_000, "deep": [None, True, 1.5, {"": "🔑"}]},
    )  # fmt: skip
    with opened(path) as inbox:
        assert keep(inbox, arrived, [full]) == Kept(arrived.id, Took.NEW)
    with opened(path) as inbox:
        (kept,) = inbox.waiting(10)
        assert (kept.delivery, kept.event) == (arrived, full)


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


def test_what_waits_comes_oldest_first_and_goes_when_it_is_settled(path: Path) -> None:
    """Settling says once what became of an event; a held one may be settled once more."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("1"), event("2"), event("3")])
        first, second, third = inbox.waiting(10)
        assert [kept.event.key for kept in inbox.waiting(2)] == ["1", "2"]
        stays = (first.event.type, first.event.title)
        assert inbox.settle(first.id, Became.PROPOSED, run="CK-1", stays=stays)
        assert not inbox.settle(first.id, Became.IGNORED, why="again")
        assert inbox.settle(second.id, Became.HELD, why="too many")
        assert not inbox.settle(second.id, Became.HELD, why="again")
        assert not inbox.settle(999, Became.IGNORED)
        assert inbox.count_waiting() == 1
        assert inbox.held(10) == [second]
        assert inbox.settle(second.id, Became.JOINED, run="CK-1")
        assert inbox.held(10) == []
        assert inbox.waiting(10) == [third]
        shown = [(line.result, line.run, line.why) for line in inbox.recent(10)]
    assert shown == [("waiting", "", ""), ("joined", "CK-1", ""), ("proposed", "CK-1", "")]


def test_a_settled_event_leaves_only_its_line(path: Path) -> None:
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


def test_an_event_that_is_too_long_loses_its_body_and_nothing_else(path: Path) -> None:
    """What one event takes of the disk is bounded."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("1", labels={"a": "b"}, body="x" * EVENT_BYTES_MAX)])
        (kept,) = inbox.waiting(1)
    assert kept.event == event("1", labels={"a": "b"})


@pytest.mark.promise("P22")
def test_a_live_secret_in_an_event_is_not_kept(path: Path) -> None:
    """A redactor that knows a value keeps it out of the file."""
    redactor = Redactor()
    redactor.register("app-key", "canary-0123456789")
    with SqliteInbox.open(path, clock=SettableClock(), redactor=redactor) as inbox:
        leaked = "key canary-0123456789 seen"
        keep(inbox, delivery("a"), [event("1", leaked, labels={"x": leaked}, body=[leaked])])
        keep(inbox, delivery("b"), [], leaked)
        assert inbox.waiting(1)[0].event.title == "key [secret app-key] seen"
    assert b"canary" not in b"".join(each.read_bytes() for each in path.parent.iterdir())


# --- first deliveries -----------------------------------------------------------------------------


@pytest.mark.promise("P17")
def test_a_repeated_delivery_is_answered_with_the_id_of_the_first(path: Path) -> None:
    """The sender's retry proposes nothing, also after a restart."""
    first = delivery("a", their_id="w-1")
    with opened(path) as inbox:
        keep(inbox, first, [event("1")])
    with opened(path) as inbox:
        for again in (delivery("a", their_id="w-1"), delivery("b"), delivery("c", their_id="w-2")):
            assert keep(inbox, again, [event("1")]) == Kept(first.id, Took.DUPLICATE)
        assert keys(inbox) == ["1"]
        assert len(inbox.recent(10)) == 1


@pytest.mark.promise("P17")
def test_the_same_id_with_another_body_is_recorded_once_and_proposes_nothing(path: Path) -> None:
    """A conflict is news for people, however often it is sent."""
    first, other = delivery("a", their_id="w-1"), delivery("b", their_id="w-1")
    with opened(path) as inbox:
        keep(inbox, first, [event("1")])
        assert keep(inbox, other, [event("2")]) == Kept(other.id, Took.CONFLICT)
        again = delivery("b", their_id="w-1")
        assert keep(inbox, again, [event("2")]) == Kept(other.id, Took.DUPLICATE)
        assert keep(inbox, delivery("a", their_id="w-1")) == Kept(first.id, Took.DUPLICATE)
        assert keys(inbox) == ["1"]
        line, _ = inbox.recent(10)
    assert (line.result, first.id in line.why) == ("conflict", True)


@pytest.mark.promise("P17")
def test_the_same_body_under_another_id_is_a_duplicate_where_nothing_signs_the_time(
    path: Path,
) -> None:
    """A replay can carry any id that is not signed; where the time is, a body may repeat."""
    with opened(path) as inbox:
        keep(inbox, delivery("a", their_id="w-1"), [event("w-1")], by_body=True)
        replayed = delivery("a", their_id="w-2")
        assert keep(inbox, replayed, [event("w-2")], by_body=True).result is Took.DUPLICATE
        assert keep(inbox, replayed, [event("w-2")], by_body=False).result is Took.NEW


@pytest.mark.promise("P17")
def test_of_a_group_only_what_is_new_is_kept(path: Path) -> None:
    """An alert that joins a group sends the whole group again."""
    with opened(path) as inbox:
        keep(inbox, delivery("a"), [event("1"), event("2"), event("1")])
        assert keep(inbox, delivery("b"), [event("2"), event("3")]).result is Took.NEW
        assert keys(inbox) == ["1", "2", "3"]


def test_sources_do_not_share_what_they_remember(path: Path) -> None:
    """Two accounts of one sender may use the same ids."""
    with opened(path) as inbox:
        for source in ("pd-eu", "pd-us"):
            arrived = delivery("a", their_id="w-1", source=source)
            assert keep(inbox, arrived, [event("1")], by_body=True).result is Took.NEW


def test_what_cannot_be_used_is_kept_as_such(path: Path) -> None:
    """Genuine and unusable, or empty: recorded with the reason, and nothing waits."""
    with opened(path) as inbox:
        assert keep(inbox, delivery("a"), [], "it is not JSON").result is Took.IGNORED
        assert keep(inbox, delivery("b")).result is Took.IGNORED
        assert inbox.count_waiting() == 0
        assert [line.why for line in inbox.recent(10)] == [
            "there is no event in it",
            "it is not JSON",
        ]


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.promise("P16", "P17")
@pytest.mark.campaign("C5")
@pytest.mark.parametrize("jump_s", [LIFE_S * 12, -LIFE_S * 12])
def test_a_clock_that_is_set_makes_no_mark_shorter(path: Path, jump_s: int) -> None:
    """A year ahead or back, before the first delivery or after it: a replay stays a replay."""
    clock = SettableClock()
    with opened(path, clock) as inbox:
        keep(inbox, delivery("a", their_id="w-1"), [event("1")])
        clock.jump(jump_s)
        keep(inbox, delivery("b", their_id="w-2"), [event("2")])
        clock.jump(-jump_s)
        clock.advance(29 * DAY_S)
        keep(inbox, delivery("c"), [event("3")])
        for number in ("1", "2"):
            again = delivery(number, their_id=f"w-{number}x")
            assert keep(inbox, again, [event(number)]).result is Took.DUPLICATE


@pytest.mark.promise("P16", "P17")
def test_a_machine_that_was_off_remembers_longer(path: Path) -> None:
    """A new boot's clock counts from where the old one's stood, not from its own zero."""
    clock = SettableClock()
    for day in range(40):
        with opened(path, clock) as inbox:
            got = keep(inbox, delivery("a"), [event("1")], by_body=True).result
            assert got is (Took.DUPLICATE if day else Took.NEW)
            keep(inbox, delivery(f"day {day}"), [event(f"day {day}")])
        clock.reboot(mono_ms=LIFE_S * 1000 * day)


def test_after_thirty_days_what_is_settled_is_forgotten(path: Path) -> None:
    """Marks and lines go; what waits for somebody stays."""
    clock = SettableClock()
    with opened(path, clock) as inbox:
        keep(inbox, delivery("a", their_id="w-1"), [event("1"), event("2"), event("3")])
        keep(inbox, delivery("b", their_id="w-2"), [event("4")])
        for kept in inbox.waiting(10)[1:]:
            inbox.settle(kept.id, Became.PROPOSED, run="CK-1", stays=(kept.event.type, ""))
        clock.advance(LIFE_S + 1)
        keep(inbox, delivery("c"), [event("5")])
        assert keys(inbox) == ["1", "5"]
        assert {line.type for line in inbox.recent(10)} == {"incident.triggered"}
        assert len(inbox.recent(10)) == 4
        assert inbox._db is not None
        assert inbox._db.execute("SELECT count(*) FROM marks").fetchone() == (2,)
        assert keep(inbox, delivery("b", their_id="w-2"), [event("4")]).result is Took.NEW


@pytest.mark.promise("P17")
def test_an_alert_that_is_sent_for_months_begins_once(path: Path) -> None:
    """A mark that is met again lives on, by whichever mark the delivery was known."""
    clock = SettableClock()
    with opened(path, clock) as inbox:
        keep(inbox, delivery("a"), [event("1")], by_body=True)
        for week in range(20):
            clock.advance(7 * DAY_S)
            keep(inbox, delivery(f"week {week}"), [event(f"week {week}")], by_body=True)
            again = keep(inbox, delivery("a"), [event("1")], by_body=True)
            assert again.result is Took.DUPLICATE
        assert keep(inbox, delivery("group"), [event("1")], by_body=True).result is Took.DUPLICATE


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


def test_a_closed_inbox_says_so(path: Path) -> None:
    """A worker that comes late is told, and finds nothing half open."""
    inbox = opened(path)
    inbox.close()
    with pytest.raises(InboxUnusableError) as caught:
        inbox.count_waiting()
    assert "closed" in caught.value.why
