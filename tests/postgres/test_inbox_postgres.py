"""The inbox in PostgreSQL: what every inbox does, and what holds across servers and crashes."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_moving import move_inbox
from respond.adapters.store.inbox_postgres import INBOX_RIGHTS, PostgresInbox
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.adapters.store.postgres import SCHEMA_NAME, Database, DatabaseConnection
from respond.adapters.store.postgres_schema import init
from respond.adapters.store.repetition import MARK_LIFE_MS
from respond.core.records import replace
from respond.errors import ExitCode, InboxUnusableError
from respond.ports import Became, Kept, Took
from respond.testing.contract_inbox import InboxContract, Opener, delivery, event, keep, keys
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.settable_clock import SettableClock

KEY = bytes(range(32))
HOUR_S = 3600


def moved(path: Path, inbox: PostgresInbox) -> int:
    with inbox.transaction() as write:
        return move_inbox(path, inbox, write)


@pytest.fixture(scope="module")
def whole(postgres: PostgresCluster, template: str) -> str:
    return postgres.new_base(template)


@pytest.fixture
def base(postgres: PostgresCluster, whole: str) -> str:
    """The database of this module, empty: a new one for each test takes longer than most."""
    with postgres.admin(whole) as db:
        db.execute(f"SET search_path TO {SCHEMA_NAME}")
        db.execute(f"TRUNCATE {', '.join(INBOX_RIGHTS)} RESTART IDENTITY")
    return whole


@pytest.fixture
def inbox(database: Database) -> Iterator[PostgresInbox]:
    with opened(database) as inbox:
        yield inbox


def opened(database: Database, clock: SettableClock | None = None) -> PostgresInbox:
    return PostgresInbox.open(database, key=KEY, clock=clock or SettableClock())


class TestPostgresInbox(InboxContract):
    @pytest.fixture
    def opened(self, database: Database) -> Opener:
        def opens(
            clock: SettableClock | None = None, redactor: Redactor | None = None
        ) -> PostgresInbox:
            clock = clock or SettableClock()
            return PostgresInbox.open(database, key=KEY, clock=clock, redactor=redactor)

        return opens


# --- what lies there ------------------------------------------------------------------------------


@pytest.mark.promise("P22")
def test_a_dump_shows_nothing_of_what_came(
    postgres: PostgresCluster, base: str, inbox: PostgresInbox
) -> None:
    """Waiting, held, settled and unusable: in no row and no file of the database is a word."""
    told = event("canary-key", "canary-title", labels={"u": "canary-jean"}, body=["canary-x"])
    again = replace(told, key="canary-2", type="canary.type")
    keep(inbox, delivery("a", their_id="canary-id"), [told, again, event("canary-3", "canary-t")])
    keep(inbox, delivery("b"), [], "canary-why")
    first, second, _ = inbox.waiting(10)
    inbox.settle(first.id, Became.PROPOSED, run="CK-1", why="canary", stays=("canary", "canary"))
    inbox.settle(second.id, Became.HELD, why="canary")
    assert "canary" in f"{inbox.recent(10)}"
    with postgres.admin(base) as db:
        rows = [
            db.execute(f"SELECT t::text FROM {SCHEMA_NAME}.{name} t").fetchall()  # noqa: S608 - ours
            for name in INBOX_RIGHTS
        ]
    assert all(rows)
    # The log has each version of each row that ever was.
    log = b"".join(each.read_bytes() for each in (postgres.folder / "data/pg_wal").glob("0*"))
    assert b"inbox_events" in log
    for text in ("canary", b"canary".hex()):
        assert text not in f"{rows}"
        assert text.encode() not in log


def test_a_settled_event_is_not_kept_in_its_row(
    postgres: PostgresCluster, base: str, inbox: PostgresInbox
) -> None:
    """Sealed as it is, what is done with is not kept either; what is held is."""
    keep(inbox, delivery("a"), [event("1"), event("2"), event("3")])
    first, second, _ = inbox.waiting(10)
    inbox.settle(first.id, Became.PROPOSED, run="CK-1")
    inbox.settle(second.id, Became.HELD)
    with postgres.admin(base) as db:
        rows = db.execute("SELECT event IS NULL FROM respond.inbox_events ORDER BY id").fetchall()
    assert rows == [(True,), (False,), (False,)]


@pytest.mark.promise("P13", "P15")
@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE respond.inbox_deliveries SET source = 'other'",
        "UPDATE respond.inbox_deliveries SET weak = NOT weak",
        "UPDATE respond.inbox_deliveries SET body_digest = 'aa'",
        "UPDATE respond.inbox_events SET event = (SELECT line FROM respond.inbox_events LIMIT 1)",
    ],
)
def test_who_writes_to_the_tables_makes_no_event(
    postgres: PostgresCluster, base: str, inbox: PostgresInbox, forged: str
) -> None:
    """An event belongs to the delivery, source and digest that it came with."""
    keep(inbox, delivery("a"), [event("1")])
    keep(inbox, delivery("b", source="pd-2"), [event("2")])
    with postgres.admin(base) as db:
        db.execute(forged)
    with pytest.raises(InboxUnusableError, match="cannot be opened") as caught:
        inbox.waiting(10)
    assert "team key" in caught.value.why


def test_what_could_not_be_used_is_told_by_source(inbox: PostgresInbox) -> None:
    """How many, and why the last was; what came before the time that is asked for counts not."""
    keep(inbox, delivery("a"), [], "it is not JSON")
    keep(inbox, delivery("b"), [], "it is too deep")
    keep(inbox, delivery("c", source="pd-2"), [event("1")])
    assert [(u.source, u.count, u.why) for u in inbox.unusable_since(0)] == [
        ("pd", 2, "it is too deep")
    ]
    assert inbox.unusable_since(6) == []


# --- one transaction ------------------------------------------------------------------------------


@pytest.mark.promise("P17")
def test_what_takes_an_event_in_is_asked_for_in_the_same_transaction(database: Database) -> None:
    """No event without it: when it cannot be asked for, the delivery is refused and not kept."""
    asked: list[int] = []

    def on_delivery(db: DatabaseConnection) -> None:
        (count,) = db.execute("SELECT count(*) FROM inbox_events").fetchone() or (0,)
        asked.append(count)
        if len(asked) == 2:
            db.execute("SELECT 1 / 0")

    with PostgresInbox.open(
        database, key=KEY, clock=SettableClock(), on_delivery=on_delivery
    ) as inbox:
        keep(inbox, delivery("a"), [event("1")])
        with pytest.raises(InboxUnusableError, match="cannot be used"):
            keep(inbox, delivery("b"), [event("2")])
        assert keys(inbox) == ["1"]
        assert keep(inbox, delivery("b"), [event("2")], by_body=True).result is Took.NEW
        keep(inbox, delivery("b"), [event("2")])
        keep(inbox, delivery("c"))
    assert asked == [1, 2, 2]


@pytest.mark.promise("P17")
def test_a_server_that_dies_before_its_commit_kept_nothing(database: Database) -> None:
    """Its session ends with everything written and nothing committed: the retry is the first."""

    def die(db: DatabaseConnection) -> None:
        db.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with (
        PostgresInbox.open(database, key=KEY, clock=SettableClock(), on_delivery=die) as dies,
        opened(database) as other,
    ):
        with pytest.raises(InboxUnusableError):
            keep(dies, delivery("a", their_id="w-1"), [event("1")])
        assert other.recent(10) == []
        assert keep(other, delivery("a", their_id="w-1"), [event("1")]).result is Took.NEW


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.promise("P16", "P17")
def test_many_servers_make_no_mark_shorter(database: Database) -> None:
    """Three machines that run side by side see one and the same day pass, and not three."""
    clocks = [SettableClock(mono_ms=n * 1_000_000_000, boot=f"machine-{n}") for n in range(3)]
    inboxes = [opened(database, clock) for clock in clocks]
    keep(inboxes[0], delivery("a"), [event("1")])
    for day in range(29):
        for clock, inbox in zip(clocks, inboxes, strict=True):
            clock.advance(24 * HOUR_S)
            keep(inbox, delivery(f"{day}"))
    assert keep(inboxes[2], delivery("again"), [event("1")]).result is Took.DUPLICATE
    for inbox in inboxes:
        inbox.close()


@pytest.mark.promise("P17")
def test_the_inbox_grows_older_while_any_server_runs(database: Database) -> None:
    """Servers that take turns: what one saw pass counts for the next."""
    first, second = SettableClock(boot="machine-1"), SettableClock(boot="machine-2", mono_ms=7)
    with opened(database, first) as one, opened(database, second) as other:
        keep(one, delivery("a"), [event("1")], by_body=True)
        one.settle(one.waiting(1)[0].id, Became.IGNORED)
        first.advance(MARK_LIFE_MS / 2_000)
        keep(one, delivery("b"))
        keep(other, delivery("c"))
        second.advance(61)
        keep(other, delivery("d"))
        second.advance(MARK_LIFE_MS / 2_000)
        assert keep(other, delivery("a"), [event("1")], by_body=True).result is Took.NEW


# --- when the database is not there ---------------------------------------------------------------


@pytest.mark.promise("P17")
def test_a_session_that_the_server_ends_is_replaced(
    postgres: PostgresCluster, base: str, inbox: PostgresInbox
) -> None:
    """A connection that died while nobody used it costs nobody a refusal."""
    keep(inbox, delivery("a"), [event("1")])
    for do in (lambda: keys(inbox), lambda: keep(inbox, delivery("b"), [event("2")])):
        with postgres.admin() as db:
            db.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [base],
            )
        do()
    assert keys(inbox) == ["1", "2"]


@pytest.mark.promise("P17")
@pytest.mark.campaign("C4")
def test_what_was_answered_is_there_after_the_database_died_in_the_middle() -> None:
    """Killed as by a power cut while four threads keep: nothing that was answered is lost or twice.

    Meanwhile it is refused with a reason, and taken again once the database is back.
    """
    refused: list[InboxUnusableError] = []
    with PostgresCluster.begin() as cluster:
        with cluster.admin() as admin:
            init(admin, ENGINE_ROLE)
        with (
            opened(Database(cluster.url("postgres", ENGINE_ROLE))) as inbox,
            ThreadPoolExecutor(4) as pool,
        ):

            def send(number: int) -> str:
                if number == 40 and not refused:
                    cluster.stop(signal.SIGQUIT)
                try:
                    keep(inbox, delivery(f"{number}"), [event(f"{number}")], by_body=True)
                except InboxUnusableError as error:
                    refused.append(error)
                    return ""
                return f"{number}"

            answered = [number for number in pool.map(send, range(80)) if number]
            assert 0 < len(answered) < 80
            assert {error.exit_code for error in refused} == {ExitCode.JOURNAL_UNUSABLE}
            assert all("come again" in error.do for error in refused)
            cluster.start()
            assert set(answered) <= set(keys(inbox))
            assert all(pool.map(send, range(80)))
            assert sorted(keys(inbox)) == sorted(f"{number}" for number in range(80))


def test_a_database_without_tables_says_what_to_do(postgres: PostgresCluster) -> None:
    """Whoever forgot to prepare it is told at the start, and not at the first delivery."""
    with pytest.raises(InboxUnusableError, match="cannot be used") as caught:
        opened(Database(postgres.url(postgres.new_base())))
    assert "respond store init" in caught.value.do


def test_a_server_keeps_what_another_one_answers_for(database: Database) -> None:
    """What one server kept another one settles, and a third one knows as a repetition."""
    with opened(database) as one, opened(database) as other, opened(database) as third:
        arrived = delivery("a", their_id="w-1")
        keep(one, arrived, [event("1")])
        assert other.settle(other.waiting(1)[0].id, Became.PROPOSED, run="CK-1")
        assert not one.settle(1, Became.IGNORED)
        assert keep(third, delivery("a", their_id="w-1")) == Kept(arrived.id, Took.DUPLICATE)


@pytest.mark.promise("P17")
def test_servers_that_keep_the_same_do_not_wait_in_a_ring(
    postgres: PostgresCluster, base: str, inbox: PostgresInbox
) -> None:
    """Two groups, one the other way round, of which a third session has the middle: both wait."""
    group = [event("a"), event("middle"), event("b")]
    held = ("pd", hashlib.sha256(b"middle").hexdigest())
    with postgres.admin(base) as db, ThreadPoolExecutor(2) as pool:
        with db.transaction(force_rollback=True):
            db.execute("INSERT INTO respond.inbox_marks VALUES (%s, 'key', %s, '', '', 0)", held)
            calls = [
                pool.submit(keep, inbox, delivery(name), events)
                for name, events in (("1", group), ("2", group[::-1]))
            ]
            with postgres.admin(base) as watch:
                query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                while watch.execute(query).fetchone() != (2,):
                    assert not any(call.done() for call in calls)
        assert {call.result().result for call in calls} == {Took.NEW, Took.DUPLICATE}
    assert sorted(keys(inbox)) == ["a", "b", "middle"]


def test_the_engines_role_needs_no_more_than_it_is_given(
    postgres: PostgresCluster, base: str
) -> None:
    """All of the above ran as that role; it can change no table and empty none."""
    for statement in ("TRUNCATE respond.inbox_marks", "ALTER TABLE respond.inbox_marks ADD x int"):
        with (
            psycopg.connect(postgres.url(base, ENGINE_ROLE)) as db,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            db.execute(statement)


# --- moving ---------------------------------------------------------------------------------------


@pytest.mark.promise("P17")
def test_an_inbox_in_sqlite_is_brought_over_whole(database: Database, tmp_path: Path) -> None:
    """What waits waits, what was said is said, and a repetition stays one for as long as before."""
    clock, path = SettableClock(), tmp_path / "state" / "inbox.db"
    with SqliteInbox.open(path, clock=clock) as old:
        first, conflict = delivery("a", their_id="w-1"), delivery("b", their_id="w-1")
        keep(old, first, [event("1"), event("2", "Two", labels={"a": "b"}), event("3")])
        keep(old, conflict, [event("4")])
        keep(old, delivery("c"), [], "it is not JSON")
        one, two, _ = old.waiting(10)
        old.settle(one.id, Became.PROPOSED, run="CK-1", why="a hook", stays=("a.type", "A title"))
        old.settle(two.id, Became.HELD, why="too many")
        waiting, held, recent = old.waiting(10), old.held(10), old.recent(10)
    clock.advance(MARK_LIFE_MS / 2_000)
    with opened(database, clock) as inbox:
        assert moved(path, inbox) == 3
        assert [each.event for each in inbox.waiting(10)] == [each.event for each in waiting]
        assert [each.event for each in inbox.held(10)] == [each.event for each in held]
        assert inbox.recent(10) == recent
        assert keep(inbox, delivery("a", their_id="w-1")) == Kept(first.id, Took.DUPLICATE)
        assert keep(inbox, delivery("b", their_id="w-1")) == Kept(conflict.id, Took.DUPLICATE)
        with pytest.raises(InboxUnusableError, match="not empty"):
            moved(path, inbox)
        clock.advance(MARK_LIFE_MS / 2_000 + 1)
        keep(inbox, delivery("d"))
        assert keep(inbox, delivery("c", their_id="w-3"), [event("3")]).result is Took.NEW


def test_an_inbox_that_cannot_be_read_is_not_moved_in_part(
    database: Database, tmp_path: Path
) -> None:
    """Broken in the middle, it leaves nothing behind, and moving it begins anew."""
    path = tmp_path / "state" / "inbox.db"
    with SqliteInbox.open(path, clock=SettableClock()) as old:
        keep(old, delivery("a"), [event("1")])
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE marks RENAME TO marked")
    db.close()
    with opened(database) as inbox:
        with pytest.raises(InboxUnusableError, match="cannot be read"):
            moved(path, inbox)
        assert inbox.recent(10) == []
