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
from respond.adapters.queue.team_queue import Backlog, Left, TeamQueue
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_postgres import PostgresInbox
from respond.adapters.store.inbox_sqlite import SqliteInbox
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


@pytest.mark.promise("P28")
def test_whoever_looks_at_a_page_learns_what_the_workers_lack(tmp_path: Path) -> None:
    """No worker, late ones, a credential that none has, a clock that is wrong: each by its name,
    and what to do. Nothing of it keeps a server from taking in what comes.
    """
    clock, actor = SettableClock(), Actor("server", Strength.MACHINE)
    lies = [Backlog(waiting=0, oldest_s=60, aside=0, workers=1, ahead_s=-30)]
    outages = Outages(
        conductor=str, down=(), alive_ms=clock.mono_ms, began_ms=lambda: 0,
        journal=SqliteJournal.in_memory(MemoryKeys(), clock, actor),
        inbox=SqliteInbox.open(tmp_path / "inbox.db", clock=clock), clock=clock,
        disk=tmp_path, senders=(), backlog=lambda: lies[-1],
    )  # fmt: skip
    assert outages.all() == ()
    lies.append(Backlog(waiting=3, oldest_s=900, aside=0, workers=0, ahead_s=31))
    told = [(each.what, each.do) for each in outages.all()]
    assert told == [
        (
            "runs are not carried on: no worker gives a sign of life; 3 wait",
            "start one: respond worker",
        ),
        (
            "this machine's clock is 31 s ahead of that of the team's database",
            "set the clock that is wrong, by NTP",
        ),
    ]
    left = Left("lost-2fa", "the credential 'okta' is not set", "respond connect okta", ("A", "B"))
    lies.append(Backlog(waiting=3, oldest_s=61, aside=2, workers=1, left=(left,)))
    late, aside = outages.all()
    lies.append(Backlog(waiting=3, oldest_s=0, aside=0, workers=1, refusing=("process 7 on desk",)))
    (refused,) = outages.all()
    assert "a worker refuses the journal and does nothing: process 7 on desk" in refused.what
    assert "team-database.md" in refused.do
    assert late.what == "runs are carried on late: the oldest job waits for 61 s"
    assert aside.what == (
        "A, B of lost-2fa: left until a worker can carry it on: the credential 'okta' is not set"
    )
    assert aside.do == "on a machine with a worker: respond connect okta"
    assert not any(each.stops for each in (late, aside, refused))


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
