"""What a balancer and Prometheus see of a server whose database goes and comes back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from respond.adapters.log import make_logger
from respond.adapters.queue.team_queue import TeamQueue
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_postgres import PostgresInbox
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.postgres import Database
from respond.core.events import Actor, Strength
from respond.server.health import Health
from respond.server.metrics import Metrics, TeamFigures
from respond.server.outages import Outages
from respond.testing.postgres_cluster import PostgresCluster
from respond.testing.settable_clock import SettableClock

ASKED = Request({"type": "http"})


def lines(answer: Response) -> list[str]:
    return bytes(answer.body).decode().splitlines()


@pytest.mark.promise("P18", "P28")
def test_a_server_without_its_database_lives_and_is_not_ready(
    postgres: PostgresCluster, base: str, database: Database, tmp_path: Path
) -> None:
    """A balancer sends elsewhere, nobody starts it anew, and it is ready by itself afterwards."""
    clock, said = SettableClock(), io.StringIO()
    actor = Actor("server", Strength.MACHINE)
    metrics, queue = Metrics(), TeamQueue(database)
    inbox = PostgresInbox.open(database, key=bytes(32), clock=clock)
    outages = Outages(
        conductor=str, down=(), alive_ms=clock.mono_ms, began_ms=lambda: 0,
        journal=SqliteJournal.in_memory(MemoryKeys(), clock, actor), inbox=inbox, clock=clock,
        disk=tmp_path, senders=(),
    )  # fmt: skip
    log = make_logger(Redactor(), clock, said, verbosity=1)
    team = TeamFigures(metrics.registry)
    health = Health(outages, metrics, inbox, log, team, queue.backlog)

    def seen() -> tuple[int, int, list[str]]:
        names = ("respond_events_waiting ", "respond_jobs_oldest_seconds ", "respond_workers ")
        figures = [line for line in lines(health.figures(ASKED)) if line.startswith(names)]
        return health.alive(ASKED).status_code, health.ready(ASKED).status_code, figures

    well = (
        200,
        200,
        ["respond_events_waiting 0.0", "respond_jobs_oldest_seconds 0.0", "respond_workers 0.0"],
    )
    assert seen() == well
    with postgres.admin() as db:
        db.execute(f"ALTER DATABASE {base} ALLOW_CONNECTIONS false")
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        db.execute(end, (base,))
        alive, ready, figures = seen()
        assert (alive, ready) == (200, 503)
        assert [line.split()[1] for line in figures] == ["NaN"] * 3
        assert health.ready(ASKED).status_code == 503
        db.execute(f"ALTER DATABASE {base} ALLOW_CONNECTIONS true")
    assert seen() == well
    told: list[dict[str, Any]] = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [each["event"] for each in told] == ["server.not-ready"]
    assert base in told[0]["why"]
    inbox.close()
    queue.close()
