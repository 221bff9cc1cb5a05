"""Connections that several threads share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_pool import PostgresPool
from respond.errors import JournalUnusableError
from respond.testing.postgres_cluster import PostgresCluster


@pytest.fixture
def pool(postgres: PostgresCluster) -> Iterator[PostgresPool]:
    pool = PostgresPool(Database(postgres.url()), at_once=2)
    yield pool
    pool.close()


@pytest.mark.promise("P17")
def test_what_failed_in_part_is_not_committed(pool: PostgresPool) -> None:
    """Whoever swallows an error inside is told at the end: PostgreSQL itself would call it well."""
    with (
        pytest.raises(JournalUnusableError),
        pool.transaction() as db,
        pytest.raises(psycopg.errors.DivisionByZero),
    ):
        db.execute("SELECT 1 / 0").fetchone()
    assert pool.read("SELECT 1") == [(1,)]


def test_so_many_at_once_and_no_more(pool: PostgresPool) -> None:
    """A database has few connections for everybody; who comes third waits for the first."""
    both, go_on = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with pool.transaction() as db:
            db.execute("SELECT 1").fetchone()
            both.wait()
            go_on.wait()

    with ThreadPoolExecutor(3) as threads:
        held = [threads.submit(hold) for _ in range(2)]
        both.wait()
        third = threads.submit(pool.read, "SELECT 3")
        with pytest.raises(TimeoutError):
            third.result(0.05)
        go_on.set()
        assert third.result() == [(3,)]
        for each in held:
            each.result()


def test_each_statement_sees_what_was_committed_before_it(
    postgres: PostgresCluster, pool: PostgresPool
) -> None:
    """Whoever waited for somebody finds what they did; so it is also where the server's own
    setting is another one.
    """
    with postgres.admin() as other:
        other.execute("CREATE TABLE seen_late (n INT)")
        with pool.transaction() as db:
            db.execute("SELECT 1").fetchone()
            other.execute("INSERT INTO seen_late VALUES (1)")
            assert db.execute("SELECT count(*) FROM public.seen_late").fetchone() == (1,)
        other.execute("DROP TABLE seen_late")


def test_what_is_closed_says_so(pool: PostgresPool) -> None:
    """Whoever comes late finds nothing half open."""
    pool.read("SELECT 1")
    pool.close()
    for late in (lambda: pool.read("SELECT 1"), lambda: pool.transaction().__enter__()):
        with pytest.raises(JournalUnusableError, match="not used any more"):
            late()


@pytest.mark.usefixtures("crowd")
def test_a_connection_is_found_among_a_thousand_open_files(pool: PostgresPool) -> None:
    """A server holds one for each who sends to it or looks at a page."""
    pool.read("SELECT 1")
    assert pool.read("SELECT 2") == [(2,)]
