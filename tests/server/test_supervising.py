from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.house_kit import LIMIT_S, Site, project, site

from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.company import default_company, serve
from respond.core.approval import Standing
from respond.core.fold import RunStatus
from respond.errors import JournalUnusableError, RespondError
from respond.server.carrying import Carrier
from respond.server.supervising import Supervisor
from respond.testing.loopback import loopback_client
from respond.testing.settable_clock import SettableClock


def at(served: Site, path: str) -> httpx.Response:
    with loopback_client(base_url=served.url) as http:
        return http.get(path)


def waits(served: Site) -> float:
    """What the metric says that waits."""
    (line,) = [
        each for each in at(served, "/metrics").text.splitlines()
        if each.startswith("respond_events_waiting ")
    ]  # fmt: skip
    return float(line.split()[1])


# --- threads --------------------------------------------------------------------------------------


class Turns:
    """Turns that break as often as is said, each in another way."""

    def __init__(self, breaking: int) -> None:
        self.breaking = breaking
        self.whole = threading.Event()
        self.taken = 0

    def __call__(self) -> None:
        self.taken += 1
        if self.taken <= self.breaking:
            raise SystemExit if self.taken % 2 else KeyError("nobody foresaw it")
        self.whole.set()
        threading.Event().wait(0.001)


def supervised(said: io.StringIO, pauses: int) -> Supervisor:
    log = make_logger(Redactor(), SettableClock(), said)
    return Supervisor(log, pauses_s=(0,) * pauses)


def test_a_thread_that_breaks_is_begun_again_and_that_is_logged() -> None:
    """Whatever ended it, also what ends a thread silently."""
    said, turns = io.StringIO(), Turns(3)
    supervisor = supervised(said, 3)
    thread = supervisor.begin("one", turns)
    assert turns.whole.wait(LIMIT_S)
    supervisor.stopping.set()
    thread.join(LIMIT_S)
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [(line["event"], line["thread"], line["times"]) for line in lines] == [
        ("thread.broke", "one", times) for times in (1, 2, 3)
    ]
    assert "SystemExit" in lines[0]["exception"]
    assert not supervisor.given_up
    assert not supervisor.down


def test_what_was_foreseen_is_one_line_and_no_fault_of_the_program() -> None:
    """A process that somebody killed, say: who reads the log has nothing to report."""
    said, turned = io.StringIO(), threading.Event()

    def ends() -> None:
        turned.set()
        raise RespondError("the process has died", why="signal 9 ended it")

    supervisor = supervised(said, 3)
    thread = supervisor.begin("one", ends)
    assert turned.wait(LIMIT_S)
    supervisor.stopping.set()
    thread.join(LIMIT_S)
    line = json.loads(said.getvalue().splitlines()[0])
    assert (line["event"], line["level"], line["why"]) == (
        "thread.ended",
        "warning",
        "signal 9 ended it",
    )
    assert "exception" not in line


def test_a_thread_that_breaks_each_time_is_given_up() -> None:
    """Then it is down for good, and whoever can end the process is told."""
    told = threading.Event()
    supervisor = supervised(io.StringIO(), 2)
    supervisor.give_up = told.set
    turns = Turns(100)
    thread = supervisor.begin("one", turns)
    assert told.wait(LIMIT_S)
    thread.join(LIMIT_S)
    assert (turns.taken, supervisor.given_up, supervisor.down) == (3, "one", {"one"})


def test_while_rounds_break_nothing_is_taken_and_readiness_says_so(tmp_path: Path) -> None:
    """503 to senders, who come again; 202 and a run as soon as it goes on."""

    def broken() -> bool:
        raise KeyError("nobody foresaw it")

    with site(tmp_path) as served:
        conductor, mend = served.house.conductor, served.house.conductor.mend
        served.house.supervisor.pauses_s = (0.01,) * 10_000
        conductor.mend = broken
        served.soon(lambda: conductor.trouble() or None)
        assert served.send("pagerduty").status_code == 503
        assert at(served, "/readyz").status_code == 503
        conductor.mend = mend
        served.soon(lambda: at(served, "/readyz").status_code == 200 or None)
        assert served.send("pagerduty").status_code == 202
        served.waiting()


ENDS = """
import sys
from respond.wiring import server

build = server.build

def broken(*args, **options):
    house = build(*args, **options)
    house.supervisor.pauses_s = (0, 0)
    house.conductor.mend = lambda: 1 // 0
    return house

server.build = broken
from respond.cli.main import main
main()
"""


def test_a_server_that_cannot_go_on_ends_and_says_so(tmp_path: Path) -> None:
    """Non-zero, so that whoever started it starts it anew; with each cause in the log."""
    where = project(tmp_path / "project")
    with serve(default_company()) as company:
        done = subprocess.run(  # noqa: S603 - our own program
            [
                sys.executable, "-c", ENDS, "--project", str(where),
                "serve", "--at", company.base_url, "--port", "0",
            ],
            capture_output=True, text=True, timeout=LIMIT_S * 2, check=False,
            env={"XDG_STATE_HOME": str(tmp_path / "state"), "PATH": ""},
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "error: the server ended itself: conductor broke" in done.stderr
    broke = [line for line in done.stderr.splitlines() if "thread.broke" in line]
    assert [json.loads(line)["times"] for line in broke] == [1, 2, 3]


# --- one run, one event ---------------------------------------------------------------------------


def test_a_run_that_breaks_a_worker_says_so_and_is_tried_again(tmp_path: Path) -> None:
    """It is parked with the reason, without the text of the fault, which may hold anything."""

    def broken(*_: Any) -> Any:
        raise KeyError("sa_live_0123456789abcdef")

    with site(tmp_path) as served:
        house = served.house
        served.send("pagerduty")
        run = served.waiting().id
        carrier = Carrier(house.entry, house.board, broken, house.runbook, house.log)
        carrier.carry(run)
        carrier.stop()
        state = served.until(lambda s: "KeyError" in s.parked.why)
        assert "sa_live" not in state.parked.why + state.parked.reason
        house.clock.sleep(61)  # A rehearsal's clock jumps.
        served.waiting()


def test_an_event_that_breaks_the_intake_stops_no_other(tmp_path: Path) -> None:
    """It waits, is counted, and is tried again; the next one is proposed at once."""
    with site(tmp_path) as served:
        intake = served.house.conductor.intake
        enrich = intake.enrich

        def broken(source: Any, event: Any) -> Any:
            if source.name == "pagerduty":
                raise KeyError("nobody foresaw it")
            return enrich(source, event)

        intake.enrich = broken
        assert served.send("pagerduty").status_code == 202
        assert served.send("alertmanager").status_code == 202
        assert served.waiting().operator == "hook/alertmanager"
        assert waits(served) == 1.0
        assert at(served, "/readyz").status_code == 200
        intake.enrich = enrich
        served.house.clock.sleep(61)
        served.soon(lambda: waits(served) == 0 or None)


def test_when_the_company_of_a_rehearsal_is_gone_the_run_says_so(tmp_path: Path) -> None:
    """In words and not as a fault of ours."""
    company = serve(default_company())
    with site(tmp_path, company=company) as served:
        served.send("pagerduty")
        state = served.waiting()
        company.close()
        assert served.by_file(state) is Standing.AGREED
        state = served.until(lambda s: "answers no more" in s.parked.why)
        assert "respond simulate" in state.parked.do


# --- storage --------------------------------------------------------------------------------------


def test_after_a_passing_fault_of_the_journal_everything_goes_on(tmp_path: Path) -> None:
    """503 and not ready while it lasts, with what waits in the metric; then all of it goes in."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        served.told()
        journal = served.house.outages.disk / "journal.db"
        away = journal.rename(journal.with_name("away"))
        assert served.send("alertmanager").status_code == 202  # It is in the inbox.
        served.soon(lambda: served.house.conductor.trouble() or None)
        assert served.send("grafana").status_code == 503
        assert at(served, "/readyz").status_code == 503
        assert waits(served) == 1.0
        away.rename(journal)
        served.soon(lambda: at(served, "/readyz").status_code == 200 or None)
        served.until(lambda s: len(s.joined) == 1)  # Of the same key, so it is no other run.
        assert served.send("grafana").status_code == 202
        served.until(lambda s: len(s.joined) == 2)
        served.soon(lambda: waits(served) == 0 or None)
        assert served.by_file(served.waiting()) is Standing.AGREED
        assert served.until(lambda s: s.status is RunStatus.ENDED).ended.exit == 0


def test_an_answer_on_a_full_disk_counts_when_there_is_room(tmp_path: Path) -> None:
    """It is refused and not lost in silence; the same answer is taken a second later."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        state = served.waiting()
        db = served.house.journal._store.db  # type: ignore[attr-defined]
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(JournalUnusableError):  # noqa: PT012 (which one it is, is open)
            for _ in range(200):
                served.house.entry.journal.checkpoint("heartbeat")

        def agreed() -> Standing | None:
            try:
                return served.by_file(state)
            except JournalUnusableError:
                return None

        assert served.soon(agreed) is Standing.AGREED
        assert served.until(lambda s: s.status is RunStatus.ENDED).ended.exit == 0


def test_without_an_inbox_what_people_decided_is_carried_on(tmp_path: Path) -> None:
    """Nothing more is taken in, and the run that waits does not wait for that."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        state = served.waiting()
        inbox = served.house.outages.disk / "inbox.db"
        inbox.rename(inbox.with_name("gone"))
        served.soon(lambda: served.house.conductor.trouble() or None)
        assert served.send("grafana").status_code == 503
        assert str(waits(served)) == "nan"
        assert served.by_file(state) is Standing.AGREED
        assert served.until(lambda s: s.status is RunStatus.ENDED).ended.exit == 0


def test_a_notice_that_a_fault_of_ours_kept_back_is_tried_again(tmp_path: Path) -> None:
    """A disk that was full for a minute must not leave people untold for the night."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        served.told()  # One at a time may tell of a run.
        house, opened = served.house, list[Any]()
        real = house.workings.looks.open_session

        def full_at_first(*given: Any) -> Any:
            opened.append(given)
            if len(opened) == 1:
                raise JournalUnusableError("the disk is full")
            return real(*given)

        carrier = Carrier(house.entry, house.board, full_at_first, house.runbook, house.log)
        carrier.tell_again()
        served.soon(lambda: carrier._untold or None)
        carrier.tell_untold()
        served.soon(lambda: len(opened) == 2 or None)
        carrier.stop()
        assert not carrier._untold
