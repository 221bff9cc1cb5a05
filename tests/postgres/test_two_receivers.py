"""Two servers that take deliveries into one database, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.server.test_receiving import Hooks, source

from respond.adapters.store.inbox_postgres import PostgresInbox
from respond.adapters.store.postgres import Database
from respond.adapters.store.server_memory_postgres import PostgresMemory
from respond.testing.postgres_cluster import PostgresCluster
from respond.testing.senders import payload
from respond.testing.settable_clock import SettableClock


@pytest.fixture
def servers(database: Database, tmp_path: Path) -> Iterator[tuple[Hooks, Hooks]]:
    memories = [PostgresMemory(database) for _ in range(2)]
    sources = {"pagerduty": source("pagerduty"), "github": source("github", rate=3)}
    hooks = [
        Hooks(
            tmp_path,
            sources,
            inbox=PostgresInbox.open(database, key=bytes(32), clock=SettableClock()),
            memory=memory,
        )
        for memory in memories
    ]
    yield hooks[0], hooks[1]
    for hook in hooks:
        hook.close()
    for memory in memories:
        memory.close()


@pytest.mark.promise("P17")
def test_the_same_delivery_at_two_servers_is_kept_once(servers: tuple[Hooks, Hooks]) -> None:
    """Both answer 202 with one and the same id: a sender may repeat itself anywhere."""
    with ThreadPoolExecutor(4) as pool:
        for number in range(5):
            body = payload("pagerduty", thing=f"P{number}", event=f"event-{number}")
            calls = [pool.submit(at.send, "pagerduty", body, f"w-{number}") for at in servers * 2]
            answers = [call.result() for call in calls]
            assert {each.status_code for each in answers} == {202}
            assert len({each.json()["delivery"] for each in answers}) == 1
            told = sorted(each.json()["result"] for each in answers)
            assert told == ["duplicate", "duplicate", "duplicate", "new"]
    assert len(servers[0].keys()) == 5


@pytest.mark.promise("P18")
def test_a_rate_is_that_of_both_servers(servers: tuple[Hooks, Hooks]) -> None:
    """Three a minute are not three at each; another source is taken."""
    one, other = servers
    statuses = [
        at.send("github", payload("github", event=f"{n}"), f"g-{n}").status_code
        for n, at in enumerate((one, other, one, other, one))
    ]
    assert statuses == [202, 202, 202, 503, 503]
    assert one.send("pagerduty", payload("pagerduty")).status_code == 202


@pytest.mark.promise("P17", "P18")
@pytest.mark.campaign("C4")
def test_without_the_database_deliveries_are_told_to_come_again(
    postgres: PostgresCluster, base: str, servers: tuple[Hooks, Hooks]
) -> None:
    """503 at each server and never 202, until it is back; then the retry is the first."""
    body = payload("pagerduty", thing="P1")
    with postgres.admin() as db:
        db.execute(f"ALTER DATABASE {base} ALLOW_CONNECTIONS false")
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        db.execute(end, (base,))
        refused = [at.send("pagerduty", body) for at in servers * 2]
        db.execute(f"ALTER DATABASE {base} ALLOW_CONNECTIONS true")
    assert {each.status_code for each in refused} == {503}
    assert all(each.headers["retry-after"] for each in refused)
    assert "own trouble" in servers[0].said.getvalue()
    taken = [at.send("pagerduty", body).json()["result"] for at in servers]
    assert taken == ["new", "duplicate"]
