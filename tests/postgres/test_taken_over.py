"""A standby took over, and the server before it comes back without knowing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

import psycopg
import pytest
from tests.postgres.test_journal_postgres import TEAM_KEY, opened

from respond.adapters.queue.job_worker import JobWorker
from respond.adapters.queue.lease import Lease
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_pool import PostgresPool
from respond.adapters.store.run_lock_postgres import DatabaseRunLocks
from respond.adapters.store.team_keys import TeamKeys
from respond.core.events import Kind
from respond.errors import JournalUnusableError
from respond.testing.contract_journal import event
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.settable_clock import SettableClock

pytestmark = pytest.mark.long


def journal(database: Database, own: MemoryKeys) -> PostgresJournal:
    """As a machine with these keys opens it."""
    return opened(database, TeamKeys(database, lambda: TEAM_KEY, own))


def refused() -> AbstractContextManager[pytest.ExceptionInfo[JournalUnusableError]]:
    return pytest.raises(JournalUnusableError, match="another one took over from")


@pytest.fixture(scope="module")
def base(postgres: PostgresCluster, template: str) -> Iterator[str]:
    """A database with a journal, on both servers."""
    made = postgres.new_base(template)
    journal(Database(postgres.url(made, ENGINE_ROLE)), MemoryKeys()).close()
    yield made
    postgres.drop(made)


@pytest.fixture(scope="module")
def new(postgres: PostgresCluster, base: str) -> Iterator[PostgresCluster]:
    """The server that took over."""
    assert base
    with postgres.successor() as cluster:
        yield cluster


@pytest.fixture
def here(postgres: PostgresCluster, base: str) -> Database:
    """On the old server."""
    return Database(postgres.url(base, ENGINE_ROLE))


@pytest.fixture
def there(new: PostgresCluster, base: str) -> Database:
    """On the new server."""
    return Database(new.url(base, ENGINE_ROLE))


def see(database: Database, server: Database) -> None:
    """Let a process have been with a server."""
    with server.connect() as opened:
        database.recognise(opened.server, opened.timeline)


@pytest.mark.promise("P23")
def test_a_server_that_another_took_over_from_is_refused(
    postgres: PostgresCluster, new: PostgresCluster, base: str, there: Database
) -> None:
    """By who was with the new one, if only for a moment after it took over; what was open to the
    old one is not used any more, and as long as the new one answers, it is asked first.
    """
    hosts = f"{postgres.folder},{new.folder}&target_session_attrs=read-write"
    database = Database(f"postgresql://{ENGINE_ROLE}@/{base}?host={hosts}")
    with closing(PostgresPool(database)) as pool, journal(database, MemoryKeys()) as before:
        assert pool.read("SELECT 1") == [(1,)]
        see(database, there)
        with pytest.raises(JournalUnusableError, match="could not be reached") as lost:
            before.append(event(Kind.PROPOSED))
        assert "another server took over" in lost.value.why
        with refused() as told:
            pool.read("SELECT 1")
        assert "timeline is 1, and it was 2" in told.value.why
        assert "stop that server" in told.value.do

        postgres.stop(signal.SIGQUIT)
        try:
            assert pool.read("SELECT 1") == [(1,)]
        finally:
            postgres.start()
        with database.connect() as found:
            assert found.info.host == str(new.folder)
    new.stop()
    try:
        with refused():
            database.connect()
    finally:
        new.start()


@pytest.mark.promise("P23")
def test_a_worker_takes_no_job_from_a_server_that_another_took_over_from(
    here: Database, there: Database
) -> None:
    """The queue comes in by connections of its own, and they are held against the same."""
    database = Database(here.url)
    see(database, there)

    async def come_in(server: Database) -> None:
        worker = JobWorker(
            database, {}, Lease(SettableClock()), DatabaseRunLocks(database).hold, [], 1
        )
        async with await psycopg.AsyncConnection.connect(server.url) as connection:
            await worker._come_in(connection)

    asyncio.run(come_in(there))
    with refused():
        asyncio.run(come_in(here))


@pytest.mark.promise("P23")
def test_a_machine_remembers_that_a_server_was_taken_over_from(
    here: Database, there: Database
) -> None:
    """A process that starts later refuses the old one, too, whether or not records are missing
    there; a machine that never saw the new one cannot know.
    """
    ours, others = MemoryKeys(), MemoryKeys()
    with journal(there, ours) as taken_up:
        name = f"timeline/{taken_up.id}"
    server, timeline = (ours.get(name) or b"").split()
    assert timeline == b"2"
    late = Database(here.url)
    with refused():
        journal(late, ours)
    with journal(there, ours) as longer:
        longer.append(event(Kind.PROPOSED))
        longer.checkpoint("more than the old one has")
    shorter = Database(here.url)
    with refused():
        journal(shorter, ours)
    assert ours.get(name) == server + b" 2"
    journal(here, others).close()
    assert others.get(name) == server + b" 1"
    # Another server's timelines say nothing of this one's: the journal was moved.
    others.set(name, b"7713855842452191640 9")
    journal(Database(here.url), others).close()
    assert others.get(name) == server + b" 1"


@pytest.mark.promise("P23")
def test_a_process_that_sees_a_server_take_over_keeps_it_for_those_that_start_later(
    here: Database, there: Database
) -> None:
    """When it takes the journal up again, and with another process's word against the old one."""
    ours = MemoryKeys()
    with journal(here, ours) as going_on:
        name = f"timeline/{going_on.id}"
        server, _ = (ours.get(name) or b"").split()
        ours.set(name, server + b" 2")  # By another process of this machine.
        see(here, here)
        going_on._store.close()
        with pytest.raises(JournalUnusableError, match="could not be reached"):
            going_on.append(event(Kind.PROPOSED))
        with refused():
            going_on.reopen()
        here.url = there.url  # As where the address leads to the new one now.
        assert going_on.reopen()
        going_on.append(event(Kind.PROPOSED))
