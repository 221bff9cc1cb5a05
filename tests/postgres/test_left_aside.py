"""What a worker cannot do is left, named and done by another one; what has no job is found."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from starlette.requests import Request
from tests.cli.test_two_houses import DOOR, House, house, plain_loopback
from tests.postgres.team_kit import Laptop
from tests.server.house_kit import public_line

from respond.adapters.clock import SystemClock
from respond.adapters.queue.team_jobs import Task, TeamJob, on_delivery
from respond.adapters.queue.team_queue import TeamQueue
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.sealing import describe_secret
from respond.core.asked import asked_now
from respond.core.events import Actor, Kind, Strength
from respond.core.incoming import Incoming, Means
from respond.core.script import Connection
from respond.engine.proposing import GivenInputs, propose
from respond.engine.setting import Site
from respond.errors import NotReadyError
from respond.testing.contract_inbox import delivery, event, keep
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.senders import secret_for
from respond.wiring.places import Places
from respond.wiring.server import build
from respond.wiring.session import ENGINE, load_runbook
from respond.wiring.team_worker import Crew, build_crew

__all__ = ["house", "plain_loopback"]

LIMIT_S = 30.0
PAGER = Actor("hook/pager", Strength.MACHINE)
KEY = b"the-key-of-the-castle"
RUNBOOK = (
    "runbook: one-door\ntitle: One door\nsummary: One door.\nowner: a@example.com\n"
    "reviewed: '2026-11-23'\nsteps:\n"
    + DOOR.format(door="north")
    # Never done, and its credential is needed all the same: who plans cannot know that.
    + "  - {id: tell, when: 'false', action: github.resolve_secret_alert,"
    " with: {repository: a/b, number: '1', refused: false}}\n"
)
DOORS = """
[connections.doors]
system = "http"
account = "castle"
inside = true
base_urls = {{ http = "{url}" }}

[connections.gh]
system = "github"
base_urls = {{ rest = "{url}" }}

[server]
proposals = 1

[sources.pager]
sender = "pagerduty"
secret = "file:{secret}"
runbooks = ["one-door"]

[[hooks]]
source = "pager"
runbook = "one-door"

[[person]]
id = "ana"
emails = ["ana@example.com"]
roles = ["admin", "approver"]
ssh_keys = ["{ssh_key}"]
"""


def soon(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + LIMIT_S
    while not (got := found()):
        assert time.monotonic() < end
        threading.Event().wait(0.02)
    return got


@pytest.fixture
def team(laptops: tuple[Laptop, Laptop], house: House) -> tuple[Laptop, Laptop]:
    """Two machines with one runbook and one connection; neither has its credential."""
    for each in laptops:
        (each.project / "runbooks").mkdir()
        (each.project / "runbooks" / "one-door.yaml").write_text(RUNBOOK, encoding="utf-8")
        config = each.project / "respond.toml"
        each.keys.set("credential/doors", KEY)
        secret = each.project / "pager.secret"
        secret.write_text(secret_for("pagerduty"), encoding="utf-8")
        secret.chmod(0o600)
        more = DOORS.format(url=house.url, secret=secret, ssh_key=public_line())
        each.configure(config.read_text(encoding="utf-8") + more)
    return laptops


def places(machine: Laptop) -> Places:
    return Places(machine.project, machine.state)


@contextmanager
def working(machine: Laptop) -> Iterator[Crew]:
    """A worker on that machine, in threads of ours."""
    crew = build_crew(places(machine))
    crew.start()
    try:
        yield crew
    finally:
        assert crew.stop(LIMIT_S)
        crew.close()


def proposed(machine: Laptop, run: str) -> None:
    """A run that an event began, in the journal; what that makes due is in the queue with it."""
    clock = SystemClock()
    site = Site(
        connections={"doors": Connection("doors", "http", "castle", "")},
        persons=(), operator=PAGER, mode="real", engine=ENGINE, served=True,
    )  # fmt: skip
    with machine.store.journal(clock=clock, actor=PAGER, create=True) as journal:
        runbook = load_runbook(places(machine), "one-door")
        propose(
            runbook, GivenInputs(), run=run, site=site, journal=journal, clock=clock,
            describe=describe_secret, extra={"served": True},
        )  # fmt: skip


def asks_people(crew: Crew, run: str) -> bool:
    """Whether it was looked at over HTTP, planned, and waits for somebody's yes."""
    state = crew.work.board.state(run)
    return state is not None and asked_now(state) is not None


def said(text: str, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines() if line[:1] == "{"]
    return [line for line in lines if line["event"] == event]


@pytest.mark.long
@pytest.mark.promise("P18", "P24")
def test_a_run_whose_credential_is_not_here_is_left_to_a_worker_that_has_it(
    team: tuple[Laptop, Laptop], capsys: pytest.CaptureFixture[str]
) -> None:
    """The log, the figures, `doctor` and the page name run and credential; the first that has it
    goes on, another worker or the same one once it is set there. Nothing is recorded against it.
    """
    one, two = team
    queue = TeamQueue(one.store.database)
    with working(one) as first:
        proposed(one, "OD-AAAA")
        (left,) = soon(lambda: queue.backlog().left)
        assert (left.runbook, left.runs) == ("one-door", ("OD-AAAA",))
        assert "'gh' is not set" in left.lacks
        assert "connect gh" in left.do
        log = capsys.readouterr().err
        found = one.run("doctor", "one-door", "--json").json["findings"]
        (told,) = [each for each in found if each["id"] == "store/left/one-door"]
        assert "OD-AAAA of one-door: left until" in told["what"]
        assert "'gh' is not set" in told["why"]
        assert not [each for each in found if each["id"] == "store/no-worker"]
        left_now = two.run("status", "OD-AAAA", "--json").json["left"]
        assert "'gh' is not set" in left_now["lacks"]
        assert "connect gh" in left_now["do"]
        screen = " ".join(two.run("status", "OD-AAAA").out.split())
        assert "Left until a worker can carry it on: the credential 'gh' is not set" in screen

        two.keys.set("credential/gh", KEY)
        with working(two):
            soon(lambda: asks_people(first, "OD-AAAA"))
            soon(lambda: not queue.backlog().left)

        proposed(one, "OD-BBBB")
        soon(lambda: any("OD-BBBB" in left.runs for left in queue.backlog().left))
        one.keys.set("credential/gh", KEY)
        soon(lambda: asks_people(first, "OD-BBBB"))
        soon(lambda: not queue.backlog().left)
        assert first.lacks == {}
        for run in ("OD-AAAA", "OD-BBBB"):
            kinds = [each.event.kind for each in first.work.entry.journal.records(run)]
            assert kinds[:3] == [Kind.PROPOSED, Kind.TAKEN, Kind.PLANNED]
    queue.close()
    log += capsys.readouterr().err
    assert said(log, "worker.lacks")[0]["runbook"] == "one-door"
    for line in said(log, "run.left"):
        assert line["run"] in ("OD-AAAA", "OD-BBBB")
        assert "'gh' is not set" in line["what"]
    assert said(log, "worker.lacks-no-more")
    assert two.run("status", "OD-BBBB", "--json").json["left"] is None


# --- a journal that is not what it was ------------------------------------------------------------


@contextmanager
def without_the_last(
    admin: psycopg.Connection[Any], count: int, *, names_outlive_it: bool = False
) -> Iterator[None]:
    """Such a database as takes over without the last records: nobody's session outlives it, or
    only those by which workers hold their names.
    """
    admin.execute("SET session_replication_role = replica")
    admin.execute("CREATE TABLE lost AS TABLE respond.journal")
    admin.execute(
        "DELETE FROM respond.journal WHERE seq >= (SELECT max(seq) FROM lost) - %s", (count - 1,)
    )
    end = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s"
        " AND NOT (%s AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))"
    )
    admin.execute(end, (ENGINE_ROLE, names_outlive_it))
    yield
    admin.execute("INSERT INTO respond.journal TABLE lost ON CONFLICT DO NOTHING")


@pytest.mark.long
@pytest.mark.promise("P18", "P23")
@pytest.mark.parametrize("names_outlive_it", [False, True])
def test_a_worker_that_refuses_the_journal_takes_no_job_and_is_named(
    postgres: PostgresCluster,
    base: str,
    team: tuple[Laptop, Laptop],
    capsys: pytest.CaptureFixture[str],
    *,
    names_outlive_it: bool,
) -> None:
    """It has read records that are gone. It is none of the team's workers then, pages and `doctor`
    name it, and its log says why; with all records there again it goes on by itself.
    """
    one, two = team
    queue = TeamQueue(one.store.database)
    with working(one) as crew, postgres.admin(base) as admin:
        proposed(one, "OD-AAAA")
        soon(lambda: queue.backlog().left)
        assert queue.backlog().refusing == ()
        with without_the_last(admin, 1, names_outlive_it=names_outlive_it):
            (who,) = soon(lambda: queue.backlog().refusing)
            assert who == f"process {os.getpid()} on {socket.gethostname()[:36]}"
            soon(lambda: not queue.backlog().workers)
            log = capsys.readouterr().err
            queue.put(TeamJob(Task.TAKE_IN))
            assert crew.health.ready(Request({"type": "http"})).status_code == 503
            house = build(places(two), url="http://127.0.0.1:1")
            told = [each.what for each in house.outages.all()]
            house.close()
            log += capsys.readouterr().err
            assert (
                f"a worker refuses the journal and does nothing: {who} has seen more of it" in told
            )
            found = one.run("doctor", "one-door", "--json").json["findings"]
            assert {"store/refused", "store/no-worker"} <= {each["id"] for each in found}
            assert "take-in" in queue.names()
        soon(lambda: queue.backlog().workers)
        soon(lambda: "take-in" not in queue.names())
        soon(lambda: not queue.backlog().refusing)
        assert crew.health.ready(Request({"type": "http"})).status_code == 200
    queue.close()
    assert any("older than it was" in line["what"] for line in said(log, "round.failed"))
    assert not [line for line in said(log, "round.failed") if "any more" in line["what"]]
    assert not said(log, "job.failed")


# --- what only time, and only one server, knows ---------------------------------------------------


@contextmanager
def idle(machine: Laptop) -> Iterator[Crew]:
    """A worker that takes nothing by itself: what it is told, it does."""
    crew = build_crew(places(machine))
    try:
        yield crew
    finally:
        crew.close()


def do(crew: Crew, task: Task, about: str = "", **more: Any) -> None:
    crew.work.tasks()[task]({"about": about, **more})


def forget_jobs(postgres: PostgresCluster, base: str) -> None:
    with postgres.admin(base) as admin:
        admin.execute("SET search_path = respond")
        admin.execute("DELETE FROM respond.procrastinate_jobs")


@pytest.mark.promise("P18")
def test_what_is_due_and_has_no_job_is_picked_up(
    postgres: PostgresCluster, base: str, team: tuple[Laptop, Laptop]
) -> None:
    """A run and an event whose jobs were lost; no second job for what has one, and for a run that
    waits for people one that comes when their time is over.
    """
    one, _ = team
    one.keys.set("credential/gh", KEY)
    queue = TeamQueue(one.store.database)
    one.record_run("CK-HAND")
    proposed(one, "OD-CCCC")
    with one.store.inbox(clock=SystemClock(), redactor=Redactor()) as inbox:
        keep(inbox, delivery("one", source="pager"), [event("incident 1")])
    forget_jobs(postgres, base)
    with idle(one) as crew:
        do(crew, Task.SWEEP)
        assert queue.names() == {"advance OD-CCCC", "take-in", "sweep"}
        do(crew, Task.SWEEP)
        assert queue.backlog().waiting == len({"advance OD-CCCC", "take-in"})

        do(crew, Task.ADVANCE, "OD-CCCC")
        assert asks_people(crew, "OD-CCCC")
        forget_jobs(postgres, base)
        do(crew, Task.SWEEP)
        assert queue.backlog().waiting == len({"take-in"})
        assert "advance OD-CCCC" in queue.names()
    queue.close()


@pytest.mark.promise("P17")
def test_a_delivery_that_is_being_kept_is_waited_for(team: tuple[Laptop, Laptop]) -> None:
    """It found this job waiting and put none there: who looks before its commit sees nothing."""
    one, _ = team
    with idle(one) as crew, one.store.database.connect() as server:
        takes = threading.Thread(target=do, args=(crew, Task.TAKE_IN))
        with server.transaction():
            on_delivery(server)
            takes.start()
            takes.join(0.2)
            assert takes.is_alive()
        takes.join(60)
        assert not takes.is_alive()


@pytest.mark.promise("P18", "P28")
def test_a_held_event_is_let_go_at_whichever_server_somebody_says_so(
    team: tuple[Laptop, Laptop],
) -> None:
    """The server puts it into the queue; a worker makes it a run that says who let it go."""
    one, two = team
    with one.store.inbox(clock=SystemClock(), redactor=Redactor()) as inbox:
        for n in (1, 2):
            arrived = Incoming(
                f"key {n}", f"incident/{n}", "incident.triggered", Means.BEGINS, f"number {n}"
            )
            keep(inbox, delivery(f"{n}", source="pager"), [arrived])
    queue, house = TeamQueue(one.store.database), build(places(two), url="http://127.0.0.1:1")
    with idle(one) as crew:
        do(crew, Task.TAKE_IN)
        assert house.workings.held() == 1
        assert len(house.board.runs()) == 1
        do(crew, Task.TAKE_IN)
        assert house.workings.held() == 1
        (held,) = house.inbox.held(2)
        house.workings.let_go(held.id, "ana")
        assert f"let-go {held.id}" in queue.names()
        do(crew, Task.LET_GO, str(held.id), by="ana")
        assert house.workings.held() == 0
        assert len(house.board.runs()) == 2
    house.close()
    queue.close()


def test_senders_are_asked_once_for_what_did_not_come(team: tuple[Laptop, Laptop]) -> None:
    """However many workers there are, one job of it waits; when it is done, the next one does."""
    one, two = team
    queue, asked = TeamQueue(one.store.database), list[str]()
    with idle(one) as first, idle(two) as second:
        for crew in (first, second):
            crew.work.reconcile = lambda: asked.append("once")
            crew.jobs.do = crew.work.tasks()
            crew.work.begin()
        assert queue.names() == {"reconcile", "sign", "sweep"}
        assert queue.backlog().waiting == 0
        queue.put(TeamJob(Task.RECONCILE))
        first.start()
        second.start()
        soon(lambda: asked)
        soon(lambda: not queue.backlog().waiting and "reconcile" in queue.names())
        for crew in (first, second):
            assert crew.stop(LIMIT_S)
    assert asked == ["once"]
    queue.close()


@pytest.mark.parametrize("off_s", [45, -45])
def test_a_worker_whose_clock_is_wrong_does_not_begin(
    team: tuple[Laptop, Laptop],
    off_s: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says by how much and against what; a server takes in what comes and says so; `doctor`
    says so too. Within half a minute nobody minds.
    """
    one, _ = team
    one.record_run("CK-HAND")
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + off_s * 10**9)
    way = "ahead of" if off_s > 0 else "behind"
    with pytest.raises(NotReadyError, match=rf"clock is \d+ s {way} that of the database"):
        build_crew(places(one))
    house = build(places(one), url="http://127.0.0.1:1")
    (line,) = said(capsys.readouterr().err, "clock.apart")
    assert f"s {way} that of the database" in line["what"]
    (told,) = [each for each in house.outages.all() if "clock" in each.what]
    assert not told.stops
    figures = bytes(house.health.figures(Request({"type": "http"})).body).decode().splitlines()
    (ahead,) = [line for line in figures if line.startswith("respond_clock_ahead_seconds ")]
    assert float(ahead.split()[1]) == pytest.approx(off_s, abs=5)
    house.close()
    found = one.run("doctor", "one-door", "--json").json["findings"]
    assert {"store/clock", "store/no-worker"} <= {each["id"] for each in found}
    monkeypatch.setattr(time, "time_ns", lambda: real() + off_s // 2 * 10**9)
    capsys.readouterr()
    with idle(one) as crew:
        monkeypatch.setattr(time, "time_ns", lambda: real() + off_s * 10**9)
        crew._see_that_clocks_agree()
        crew._see_that_clocks_agree()
    assert len(said(capsys.readouterr().err, "clock.apart")) == 1
