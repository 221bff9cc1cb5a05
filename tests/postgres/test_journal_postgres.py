"""The journal in PostgreSQL: the contract, what was put back or changed, and what a crash takes."""

from __future__ import annotations

# ruff: noqa: S603 - this Python, on programs of this file
import base64
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_chain import ChainRow
from respond.adapters.store.journal_keys import read_mark
from respond.adapters.store.journal_postgres import PostgresJournal, PostgresStore, turn_of
from respond.adapters.store.postgres import Database, DatabaseConnection
from respond.adapters.store.postgres_schema import init
from respond.adapters.store.run_lock import own_turn
from respond.adapters.store.team_keys import TeamKeys
from respond.audit.checkpoint import NoteKey
from respond.audit.verify import Anchor, AnchorPolicy, Verification, verify
from respond.core.events import Kind
from respond.errors import JournalBrokenError, JournalUnusableError, RunTakenError
from respond.ports import Journal, KeyStore
from respond.testing.contract_journal import DANA, RUN, JournalContract, event
from respond.testing.journals import stored_rows
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.settable_clock import SettableClock

DIGEST = "ab" * 32
TEAM_KEY = bytes(range(32))


def opened(database: Database, keys: KeyStore, *, create: bool = True) -> PostgresJournal:
    return PostgresJournal.open(
        database, keys=keys, clock=SettableClock(), create=create, actor=DANA
    )


@pytest.fixture
def own() -> MemoryKeys:
    """The machine's own key store."""
    return MemoryKeys()


@pytest.fixture
def keys(database: Database, own: MemoryKeys) -> TeamKeys:
    return TeamKeys(database, lambda: TEAM_KEY, own)


class TestPostgres(JournalContract):
    @pytest.fixture
    def journals(self) -> Iterator[list[PostgresJournal]]:
        made: list[PostgresJournal] = []
        yield made
        for journal in made:
            journal.close()

    @pytest.fixture
    def journal(self, database: Database, keys: TeamKeys) -> Iterator[Journal]:
        with opened(database, keys) as journal:
            yield journal
            mark = read_mark(journal.id, keys)
            assert mark is not None
            report = verify(
                stored_rows(journal),
                keys=[NoteKey.parse(journal.public_key)],
                mark=Anchor(journal.id, mark.size, mark.hash.hex()),
                # Contract tests append records in any order, so runs need not be legal here.
                policy=AnchorPolicy(loose_max=10_000),
                legal=lambda _: "",
            )
            assert report.answer is Verification.INTACT, report.says

    @pytest.fixture
    def reopen(
        self, database: Database, keys: TeamKeys, journals: list[PostgresJournal]
    ) -> Callable[[], Journal]:
        def again() -> Journal:
            journals.append(opened(database, keys, create=False))
            return journals[-1]

        return again


def store_of(journal: PostgresJournal) -> PostgresStore:
    assert isinstance(journal._store, PostgresStore)
    return journal._store


# --- what a database that was changed or put back shows -------------------------------------------


@pytest.mark.promise("P23")
def test_each_machine_finds_out_that_the_database_was_put_back(
    postgres: PostgresCluster, base: str, database: Database
) -> None:
    """A machine that saw more refuses it, another that saw less goes on; emptied, all refuse."""
    machines = [TeamKeys(database, lambda: TEAM_KEY, MemoryKeys()) for _ in range(2)]
    knows_more, knows_less = machines
    with opened(database, knows_less) as journal:
        journal.append(event(Kind.PROPOSED))
        old = journal.checkpoint("taken").size
    with opened(database, knows_more) as journal:
        journal.intend(event(Kind.INTENT, step="revoke"), digest=DIGEST)
    with postgres.admin(base) as admin:
        admin.execute("SET session_replication_role = replica; SET search_path = respond")
        admin.execute("DELETE FROM journal WHERE seq >= %s", (old,))
        with pytest.raises(JournalBrokenError, match="older than it was"):
            opened(database, knows_more)
        opened(database, knows_less).close()
        admin.execute("DELETE FROM journal")
        for keys in machines:
            with pytest.raises(JournalUnusableError, match="has been emptied"):
                opened(database, keys)


@pytest.mark.promise("P23")
def test_a_changed_record_is_found_by_who_reads_and_by_who_opens(
    postgres: PostgresCluster, base: str, database: Database, keys: TeamKeys
) -> None:
    """The owner of the table can take off the seat belt, and no more than that."""
    with opened(database, keys) as journal, postgres.admin(base) as admin:
        journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.NOTICE, to="ken"))
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE respond.journal SET step = 'other' WHERE seq = 3")
        with pytest.raises(JournalBrokenError, match="columns do not say"):
            list(journal.records(RUN))
    with pytest.raises(JournalBrokenError, match="broken at record 4"):
        opened(database, keys)


@pytest.mark.promise("P22")
def test_a_dump_of_the_database_shows_nothing(
    postgres: PostgresCluster, base: str, database: Database, own: MemoryKeys
) -> None:
    """Neither a sealed value nor a key that opens one stands in any table, in any form."""
    value = "sa_live_" + "c4n4ry" * 5
    seen: dict[str, bytes] = {}

    class Watched(TeamKeys):
        def set(self, name: str, value: bytes) -> None:
            seen[name] = value
            super().set(name, value)

    keys = Watched(database, lambda: TEAM_KEY, own)
    with opened(database, keys) as journal:
        journal.append(event(Kind.PROPOSED), seal={"new.key": value})
        assert journal.open_secret(RUN, "new.key") == value
    with postgres.admin(base) as admin:
        names = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'respond'")
        dump = b""
        for (name,) in names.fetchall():
            query = f"COPY respond.{name} TO STDOUT (FORMAT binary)"
            with admin.cursor().copy(query) as rows:
                dump += b"".join(bytes(row) for row in rows)
    secrets = [value.encode(), TEAM_KEY]
    secrets += [key for name, key in seen.items() if name.split("/")[0].endswith("-key")]
    assert len(secrets) == 5
    assert RUN.encode() in dump
    for secret in secrets:
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in dump


APPENDS = """
import sys
from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.team_keys import TeamKeys
from respond.core.events import Actor, Event, Kind, Strength
dana, database = Actor("dana", Strength.CLAIMED), Database(sys.argv[1])
keys = TeamKeys(database, lambda: bytes(range(32)), MemoryKeys())
with PostgresJournal.open(
    database, keys=keys, clock=SystemClock(), create=True, actor=dana
) as journal:
    print("ready", flush=True)
    sys.stdin.read()
    for n in range(25):
        journal.append(Event(Kind.OUTCOME, sys.argv[2], "", dana, {}), synced=n % 2 > 0)
"""


@pytest.mark.promise("P23")
def test_a_journal_that_was_begun_anew_names_the_old_one_and_is_taken_up_by_all(
    postgres: PostgresCluster, base: str, database: Database
) -> None:
    """An administrator sets the old one aside, one machine begins anew, the others follow; a
    journal of somebody who knew nothing of the old one is still another journal.
    """
    machines = [TeamKeys(database, lambda: TEAM_KEY, MemoryKeys()) for _ in range(3)]
    one, two, _ = machines
    for keys in machines[:2]:
        with opened(database, keys) as journal:
            head = journal.head()
    clock = SettableClock()

    def fresh(keys: TeamKeys) -> PostgresJournal:
        return PostgresJournal.fresh(
            database, keys=keys, clock=clock, actor=DANA, reason="put back from a backup"
        )

    with pytest.raises(JournalUnusableError, match="no engine can set it aside"):
        fresh(one)

    def set_aside(number: int) -> None:
        with postgres.admin(base) as admin:
            admin.execute(f"ALTER SCHEMA respond RENAME TO aside_{number}")
            init(admin, ENGINE_ROLE)

    set_aside(1)
    with pytest.raises(JournalUnusableError, match="has been emptied"):
        opened(database, two)
    with fresh(one) as journal:
        _, second, *_ = journal.records()
        assert second.event.kind is Kind.RESTORED
        assert second.event.data["old"] == {
            "journal": head.journal,
            "size": head.size,
            "hash": head.hash,
        }
    opened(database, two).close()
    set_aside(2)
    opened(database, TeamKeys(database, lambda: TEAM_KEY, MemoryKeys())).close()
    with pytest.raises(JournalBrokenError, match="another journal"):
        opened(database, two)


# --- who writes -----------------------------------------------------------------------------------


@pytest.mark.long
def test_processes_keep_one_chain(postgres: PostgresCluster, base: str, database: Database) -> None:
    """Three processes append as fast as they can; the chain of all of them verifies."""
    url = postgres.url(base, ENGINE_ROLE)
    pipe = subprocess.PIPE
    words = [[sys.executable, "-c", APPENDS, url, f"R{n}"] for n in range(3)]
    with ExitStack() as stack:
        started = [subprocess.Popen(each, stdin=pipe, stdout=pipe) for each in words]
        for each in started:
            stack.enter_context(each)
        for each in started:
            assert each.stdout is not None
            assert each.stdout.readline() == b"ready\n"
        for each in started:
            assert each.stdin is not None
            each.stdin.close()
    assert [each.returncode for each in started] == [0] * 3
    keys = TeamKeys(database, lambda: TEAM_KEY, MemoryKeys())
    with opened(database, keys, create=False) as journal:
        key = NoteKey.parse(journal.public_key)
        report = verify(stored_rows(journal), keys=[key], legal=lambda _: "")
        assert report.answer is Verification.INTACT, report.says
        runs = [record.event.run for record in journal.records() if record.event.run]
        assert sorted(runs) == sorted(f"R{n % 3}" for n in range(75))
        assert runs != sorted(runs), "they never met"


@pytest.mark.promise("P2")
def test_who_slept_behind_an_intent_sends_nothing_on_its_strength(
    database: Database, keys: TeamKeys
) -> None:
    """A laptop wakes up without its lock: what it recorded counts while the database has just been
    heard, and again once something new was recorded.
    """
    clock = SettableClock()
    with PostgresJournal.open(database, keys=keys, clock=clock, create=True, actor=DANA) as journal:
        journal.intend(event(Kind.INTENT), digest=DIGEST)
        assert journal.may_send()
        clock.advance(14)
        assert journal.may_send()
        clock.advance(2)
        assert not journal.may_send()
        journal.append(event(Kind.NOTICE))
        assert journal.may_send()


def test_who_waits_too_long_for_its_turn_loses_nothing(
    postgres: PostgresCluster, base: str, database: Database, keys: TeamKeys
) -> None:
    """A journal that others hold too long says so, and goes on when it is free."""
    with opened(database, keys) as journal, postgres.admin(base) as other:
        store_of(journal).db.execute("SET lock_timeout = '20ms'")
        with other.transaction():
            other.execute(f"SELECT pg_advisory_xact_lock({turn_of(database)})")
            with pytest.raises(JournalUnusableError, match="held by another process"):
                journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.PROPOSED))


@pytest.mark.promise("P4")
def test_who_lost_the_run_while_its_mark_moved_gets_no_intent(
    database: Database, own: MemoryKeys
) -> None:
    """The mark is lifted outside of the journal's turn; who took the run meanwhile has it."""

    class Slow(MemoryKeys):
        meanwhile: Callable[[], object] = staticmethod(lambda: None)

        def set(self, name: str, value: bytes) -> None:
            super().set(name, value)
            if name.startswith("high-water/"):
                self.meanwhile()

    slow = Slow()
    ours, theirs = (TeamKeys(database, lambda: TEAM_KEY, each) for each in (slow, own))
    with opened(database, ours) as journal, opened(database, theirs) as other:
        journal.append(event(Kind.PROPOSED))
        journal.take(event(Kind.TAKEN))
        slow.meanwhile = lambda: other.take(event(Kind.TAKEN))
        with pytest.raises(RunTakenError):
            journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST)


@pytest.mark.promise("P23")
def test_the_mark_of_a_machine_never_sinks(
    database: Database, own: MemoryKeys, tmp_path: Path
) -> None:
    """A process that is slow to lift the mark keeps the others of its machine waiting, and says so
    when it takes too long; what is recorded meanwhile stands.
    """
    keys = TeamKeys(database, lambda: TEAM_KEY, own)
    lock = tmp_path / "mark.lock"
    with PostgresJournal.open(
        database, keys=keys, clock=SettableClock(), create=True, actor=DANA, marks=lock
    ) as journal:
        journal.append(event(Kind.PROPOSED))
        before = read_mark(journal.id, own)
        with own_turn(lock, SettableClock()):
            journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST).spend(DIGEST)
            assert read_mark(journal.id, own) == before
        _, notice = list(journal.records())[-2:]
        assert "another process holds" in notice.event.data["says"]
        assert journal.checkpoint("again").size == (read_mark(journal.id, own) or (0,))[0]


def test_what_belongs_to_a_record_stands_with_it_or_not_at_all(
    postgres: PostgresCluster, base: str, database: Database, keys: TeamKeys
) -> None:
    """What is done about a record in its transaction is there when it is, and only then."""
    with postgres.admin(base) as admin:
        admin.execute(
            f"CREATE TABLE respond.told (kind text); GRANT ALL ON respond.told TO {ENGINE_ROLE}"
        )

    def tell(db: DatabaseConnection, row: ChainRow) -> None:
        db.execute("INSERT INTO told VALUES (%s)", (row.kind,))
        if row.kind == Kind.NOTICE.value:
            db.execute("SELECT 1 / 0")

    with opened(database, keys) as journal:
        store_of(journal)._on_record = tell
        journal.append(event(Kind.PROPOSED))
        with pytest.raises(JournalUnusableError, match="division by zero"):
            journal.append(event(Kind.NOTICE))
    with postgres.admin(base) as admin, opened(database, keys) as journal:
        assert admin.execute("SELECT kind FROM respond.told").fetchall() == [("proposed",)]
        assert [record.event.kind for record in journal.records(RUN)] == [Kind.PROPOSED]


# --- the database dies ----------------------------------------------------------------------------


@pytest.mark.promise("P1")
def test_a_killed_backend_gives_no_intent_and_the_journal_can_be_taken_up_again(
    postgres: PostgresCluster, base: str, database: Database, keys: TeamKeys
) -> None:
    """Nothing is recorded on a session that was ended; who carries no run opens it once more."""
    with opened(database, keys) as journal, postgres.admin(base) as admin:
        before = journal.append(event(Kind.PROPOSED))
        admin.execute("SELECT pg_terminate_backend(%s)", (store_of(journal).db.info.backend_pid,))
        for why in ("could not be reached", "can not be used any more"):
            with pytest.raises(JournalUnusableError, match=why) as error:
                journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST)
        assert "respond resume" in error.value.do
        assert journal.reopen()
        assert list(journal.records(RUN)) == [before]
        journal.append(event(Kind.NOTICE))


@pytest.mark.promise("P1")
def test_a_crash_of_the_database_takes_no_more_than_what_was_not_synced(
    postgres: PostgresCluster, base: str, database: Database, keys: TeamKeys
) -> None:
    """What was returned as durable is there afterwards, and a journal without it is refused."""
    with postgres.admin(base) as admin:
        admin.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        admin.execute("SELECT pg_reload_conf()")
    with opened(database, keys) as journal:
        kept = journal.append(event(Kind.PROPOSED))
        journal.append(event(Kind.OUTCOME, step="old"), synced=False)
        postgres.stop(signal.SIGQUIT)
        with pytest.raises(JournalUnusableError):
            journal.append(event(Kind.NOTICE))
        with pytest.raises(JournalUnusableError, match="could not be reached"):
            journal.reopen()
        postgres.start()
        assert journal.reopen()
        assert list(journal.records(RUN)) == [kept]

        journal.append(event(Kind.NOTICE))
        with postgres.admin(base) as admin:
            admin.execute("ALTER SYSTEM RESET wal_writer_delay")
            admin.execute("SELECT pg_reload_conf()")
            admin.execute(
                "SELECT pg_terminate_backend(%s)", (store_of(journal).db.info.backend_pid,)
            )
            admin.execute("SET session_replication_role = replica")
            admin.execute("DELETE FROM respond.journal WHERE seq > %s", (kept.seq,))
        with pytest.raises(JournalUnusableError):
            journal.append(event(Kind.NOTICE))
        with pytest.raises(JournalBrokenError, match="this process: it had"):
            journal.reopen()


@pytest.mark.promise("P1")
def test_a_commit_that_waits_for_no_other_server_any_more_is_none(
    postgres: PostgresCluster, base: str, database: Database, keys: TeamKeys
) -> None:
    """Where a second server has to have it, too, one that gave up waiting gives no intent."""
    with opened(database, keys) as journal, postgres.admin(base) as admin:
        journal.append(event(Kind.PROPOSED))
        pid = store_of(journal).db.info.backend_pid
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")

        over, given_up = threading.Event(), threading.Event()

        def give_up() -> None:
            waits = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
            while not admin.execute(waits, (pid,)).fetchall():
                if over.wait(0.01):
                    return
            given_up.set()
            admin.execute("SELECT pg_cancel_backend(%s)", (pid,))

        def until_it_holds() -> None:
            while not given_up.is_set():  # The server takes the setting up when its turn comes.
                journal.intend(event(Kind.INTENT, step="s"), digest=DIGEST)

        impatient = threading.Thread(target=give_up)
        try:
            impatient.start()
            with pytest.raises(JournalUnusableError, match="canceling wait"):
                until_it_holds()
        finally:
            over.set()
            impatient.join()
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
