from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.house_kit import LIMIT_S, Site, as_json, project, site, started

from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.company import Server as Company
from respond.company import default_company, serve
from respond.core.approval import Standing, Verdict
from respond.core.asked import asked_now
from respond.core.events import Actor, Strength
from respond.core.fold import RunState, RunStatus
from respond.core.recorded import AskKind
from respond.errors import RefusedByPersonError
from respond.people.answers import answer
from respond.testing.loopback import loopback_client
from respond.testing.senders import payload, secret_for, signed

BEN = Actor("ben", Strength.KEY)
HOOK_FOR_LOST_2FA = (
    '[[hooks]]\nsource = "SOURCE"\nrunbook = "lost-2fa"\n'
    'with = {email = "${{ event.labels.user }}", device = "lost"}'
)


@pytest.fixture
def company() -> Iterator[Company]:
    with serve(default_company(guess_routes=True)) as running:
        yield running


def told(state: RunState) -> set[str]:
    """Who was told of the run itself."""
    ends = [notice.conclusion for notice in state.notices.values()]
    return {name for end in ends if end is not None for name in (end.output or {}).get("told", ())}


# --- what people are told and asked ---------------------------------------------------------------


@pytest.mark.promise("P22")
def test_a_leaked_key_in_an_alert_stays_in_no_file(tmp_path: Path) -> None:
    """Once the event has its run, no file of the state folder holds it, logs of SQLite included."""
    canary = b"sa_live_canary_4f2a9d07be31"
    with site(tmp_path) as served:
        title = b"A key was seen in public"
        body = payload("pagerduty", at=served.now_text(), labels={"seen": canary.decode()})
        assert served.send("pagerduty", body.replace(title, b"leaked: " + canary)).is_success
        served.waiting()
        (line,) = served.house.inbox.recent(5)
        assert (line.result, line.title) == ("proposed", "(a text that looks like a credential)")
        files = [each for each in (tmp_path / "state").rglob("*") if each.is_file()]
        assert any(each.name == "inbox.db-wal" for each in files)
        assert [each for each in files if canary in each.read_bytes()] == []


def test_an_event_is_the_reason_of_the_run_that_it_proposes(tmp_path: Path) -> None:
    """Where policy wants one, in the words of the event; nobody is asked for it."""
    with site(tmp_path, policy="require_reason = true") as served:
        served.send("pagerduty")
        proposed = served.waiting().proposed
        assert proposed.event is not None
        assert proposed.event.title
        assert proposed.reason == f"{proposed.event.source}: {proposed.event.title}"


@pytest.mark.promise("P13")
def test_those_who_can_agree_are_told_and_nobody_else(tmp_path: Path) -> None:
    """Once each, with run, plan and anchor; not whoever has no part in it."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        served.waiting()
        state = served.until(told)
        assert told(state) == {"ana", "ben", "jean"}
        posted = [e for e in served.effects("slack") if e["kind"] == "message.posted"]
        assert {e["target"] for e in posted} <= {"@ana", "@ben", "@jean"}


@pytest.mark.promise("P11", "P13")
def test_the_subject_is_not_told_sees_nothing_and_cannot_agree(tmp_path: Path) -> None:
    """Whom the incident is about gets no notice, no page and no vote."""
    with site(tmp_path, hooks=HOOK_FOR_LOST_2FA) as served:
        labels = {"user": "jean@example.com"}
        served.send("alertmanager", payload("alertmanager", labels=labels, at=served.now_text()))
        state = served.waiting()
        assert state.proposed.subject == "jean@example.com"
        assert "jean" not in told(served.until(told))
        assert served.page("jean").get(f"/runs/{state.id}").status_code == 404
        assert state.id not in served.page("jean").get("/").text
        assert served.by_page(state, "jean").status_code in (403, 404)
        assert served.by_page(state, "ana").status_code == 303


def test_what_the_event_cannot_give_is_asked_on_the_page(tmp_path: Path) -> None:
    """Nothing is guessed: the run waits for its input, and looks when it has it."""
    with site(tmp_path, hooks=HOOK_FOR_LOST_2FA) as served:
        served.send("pagerduty")
        state = served.until(lambda s: s.parked.asks.kind is AskKind.INPUTS)
        assert state.plan is None
        page = served.page("ana")
        text = page.get(f"/runs/{state.id}").text
        assert 'name="in_email"' in text
        wrong = page.post(f"/runs/{state.id}/inputs", {"in_email": "no address"})
        assert wrong.status_code != 303
        given = page.post(f"/runs/{state.id}/inputs", {"in_email": "jean@example.com"})
        assert given.status_code == 303, given.text
        state = served.waiting()
        assert state.inputs["email"] == "jean@example.com"
        assert state.proposed.subject == "jean@example.com"


def test_a_value_that_fits_nothing_is_asked_again_on_the_page(tmp_path: Path) -> None:
    """A slip in what an event says does not end the run: people correct it, and it goes on."""
    hooks = (
        '[[hooks]]\nsource = "SOURCE"\nrunbook = "compromised-key"\n'
        'with = {key = "backend-prdo", since = "${{ event.at }}"}'
    )
    with site(tmp_path, hooks=hooks) as served:
        served.send("pagerduty")
        state = served.until(lambda s: s.parked.asks.kind is AskKind.INPUTS)
        assert "no key fits backend-prdo" in state.parked.why
        assert state.parked.asks.names == ("key", "since")
        assert f"respond resume {state.id}" in state.parked.do
        page = served.page("ana")
        shown = page.get(f"/runs/{state.id}").text
        assert "no key fits backend-prdo" in shown
        assert "nearest: backend-prod" in shown
        assert 'value="backend-prdo"' in shown
        given = {"in_since": state.inputs["since"]}
        again = {**given, "in_key": "nowhere"}
        assert page.post(f"/runs/{state.id}/inputs", again).status_code == 303
        served.until(lambda s: "no key fits nowhere" in s.parked.why)
        # What is there is offered by name and ending, and an id of it is taken.
        shown = page.get(f"/runs/{state.id}").text
        assert 'list="in_key-there"' in shown
        (there,) = re.findall(r'<option value="([^"]+)">backend-prod, [^<]*</option>', shown)
        right = {**given, "in_key": there}
        assert page.post(f"/runs/{state.id}/inputs", right).status_code == 303
        assert served.waiting().inputs["key"] == there
        assert served.writes() == 0
        # Once it is planned there is nothing to correct any more.
        assert page.post(f"/runs/{state.id}/inputs", again).status_code != 303


@pytest.mark.parametrize("is_there", [True, False])
def test_what_there_is_to_pick_from_is_looked_at_or_said_to_be_unknown(
    is_there: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    """An event that names no key: the page offers those that are there, and no value of one."""
    hooks = (
        '[[hooks]]\nsource = "SOURCE"\nrunbook = "compromised-key"\n'
        'with = {since = "${{ event.at }}"}'
    )
    with site(tmp_path, hooks=hooks) as served:
        if not is_there:
            served.rehearsal.doors.arm(["customerio:403xall"])
        served.send("alertmanager")
        parked = served.until(lambda s: s.parked.asks.kind is AskKind.INPUTS).parked
        offered = parked.asks.offered.get("key", ())
        assert any("backend-prod" in what for _, what in offered) == is_there
        assert ("what there is for key could not be looked at" in parked.reason) != is_there
        assert "key" in parked.asks.names


def test_an_address_that_nobody_has_is_asked_again_and_no_success(tmp_path: Path) -> None:
    """A slip in what an event says would otherwise end 0, and whoever it is about be left alone."""
    with site(tmp_path, hooks=HOOK_FOR_LOST_2FA) as served:
        labels = {"user": "jaen@example.com"}
        served.send("alertmanager", payload("alertmanager", labels=labels, at=served.now_text()))
        state = served.until(lambda s: s.parked.asks.kind is AskKind.INPUTS)
        assert "Nobody in this account has the address jaen@example.com" in state.parked.why
        assert "email" in state.parked.asks.names
        right = {name: str(value) for name, value in state.inputs.items() if value}
        given = {
            f"in_{name}": value for name, value in {**right, "email": "jean@example.com"}.items()
        }
        assert served.page("ana").post(f"/runs/{state.id}/inputs", given).status_code == 303
        assert served.waiting().proposed.subject == "jean@example.com"


@pytest.mark.long
def test_a_step_by_hand_is_reported_on_the_page_and_proved_by_looking(tmp_path: Path) -> None:
    """The unconfirmed change is a person's: they say it on the page, and the tool looks."""
    with site(tmp_path, api_hands=False) as served:
        served.send("pagerduty")
        served.by_file(served.waiting())
        state = served.until(lambda s: s.parked.asks.kind is AskKind.TASK)
        asks = state.parked.asks
        text = served.page("ana").get(f"/runs/{state.id}").text
        assert asks.title in text
        fields = {"question": asks.id, "word": "done"}
        assert served.page("ana").post(f"/runs/{state.id}/answer", fields).status_code == 303
        ended = served.until(lambda s: s.status is RunStatus.ENDED)
        end = ended.step("revoke").conclusion
        assert end is not None
        assert end.how.value in ("done", "your-word")


@pytest.mark.promise("P11")
def test_two_people_on_two_channels(tmp_path: Path) -> None:
    """Where policy wants two, the second person lets it go on, and the same person does not."""
    policy = 'two_people = "destructive"\napprovals = 2'
    with site(tmp_path, policy=policy) as served:
        served.send("pagerduty")
        state = served.waiting()
        assert served.by_file(state) is Standing.OPEN
        served.by_page(state, "ben")
        assert asked_now(served.run()) is not None
        served.by_page(state, "ana")
        ended = served.until(lambda s: s.status is RunStatus.ENDED)
        assert ended.ended.exit == 0
        assert {vote.who.id for vote in ended.votes} == {"ana", "ben"}


def test_a_no_on_the_page_ends_it(tmp_path: Path) -> None:
    """Nothing was written, and the record says who said no."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        served.by_page(served.waiting(), "ana", "deny")
        ended = served.until(lambda s: s.status is RunStatus.ENDED)
        assert ended.ended.exit == 4
        assert "ana said no" in ended.ended.say
        assert served.writes() == 0


# --- hostile events -------------------------------------------------------------------------------

ATTACKS = (
    "<script>alert(1)</script>",
    "${{ inputs.leaked }}",
    "\x1b]0;owned\x07\x1b[2J",
    "../../etc/passwd",
    "\u202egnp.exe\u2066",
    "'; DROP TABLE journal; --",
    "run.operator == 'dana' || true",
    "=cmd|' /C calc'!A0",
    "A" * 60_000,
    "[x](javascript:alert(1)) <!channel>",
)


@pytest.mark.share(6)
@pytest.mark.promise("P13", "P18", "P19", "P21")
@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
@pytest.mark.long
def test_a_hostile_text_becomes_ugly_text_in_a_proposal_at_most(
    attack: str, tmp_path: Path
) -> None:
    """It chooses nothing, starts nothing, writes nothing, and is inert on the page."""
    with site(tmp_path) as served:
        body = json.loads(payload("pagerduty", at=served.now_text()))
        data = body["event"]["data"]
        data["title"] = data["html_url"] = data["incident_key"] = attack
        data["service"]["summary"] = attack
        body["event"]["agent"] = {"summary": attack, "id": attack}
        assert served.send("pagerduty", as_json(body)).status_code == 202
        state = served.waiting()
        assert state.proposed.runbook == "compromised-key"
        assert state.inputs["key"] == "backend-prod"
        text = served.page("ana").get(f"/runs/{state.id}").text
        assert "<script>alert" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "javascript:alert" not in text.replace("[x](javascript:alert(1))", "")
        assert served.writes() == 0


NO_USE = (
    b"[" * 10_000 + b"]" * 10_000,
    b'{"event": {"id": "a", "id": "b"}}',
    b'{"event": "\xff\xfe"}',
    b"\xef\xbb\xbf{}",
    b'{"event": NaN}',
    b"not json",
    b"",
    b'{"event": ' + b"[1," * 20_000 + b"1" + b"]" * 20_000 + b"}",
)


@pytest.mark.promise("P18")
def test_a_genuine_delivery_that_is_no_use_is_recorded_and_begins_nothing(tmp_path: Path) -> None:
    """202, so that the sender does not switch the page off; and nothing more than a line."""
    with site(tmp_path) as served:
        for body in NO_USE:
            answer_ = served.send("pagerduty", body)
            assert (answer_.status_code, answer_.json()["result"]) == (202, "ignored"), body[:40]
        assert served.send("pagerduty").status_code == 202
        served.waiting()
        assert len(served.runs()) == 1


@pytest.mark.promise("P18")
def test_ten_megabytes_are_refused_at_the_limit(tmp_path: Path) -> None:
    """Too large is too large before anything is judged."""
    with site(tmp_path) as served:
        assert served.send("pagerduty", b"[" * 10_000_000).status_code == 413
        assert served.runs() == []


# --- stopping, dying, coming back -----------------------------------------------------------------


def test_a_server_that_stops_leaves_its_runs_to_the_next_one(
    tmp_path: Path, company: Company
) -> None:
    """What waited goes on waiting; what people decided meanwhile takes effect at the start."""
    where, state_folder = project(tmp_path / "project"), tmp_path / "state"
    with started(where, state_folder, company) as first:
        first.send("pagerduty")
        state = first.waiting()
    with started(where, state_folder, company) as second:
        assert second.waiting().id == state.id
        second.by_file(second.waiting())
        ended = second.until(lambda s: s.status is RunStatus.ENDED)
        assert ended.ended.exit == 0


Running = tuple["subprocess.Popen[bytes]", str]


@contextmanager
def process(where: Path, state: Path, company: Company) -> Iterator[Running]:
    """``respond serve`` in a process of its own; gives it and its address."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    words = ["--project", str(where), "serve", "--at", company.base_url, "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", "from respond.cli.main import main; main()", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
    ) as running:
        assert running.stderr is not None
        url = ""
        for line in running.stderr:
            if b"server.listening" in line:
                url = json.loads(line)["at"]
                break
        rest = threading.Thread(target=running.stderr.read, daemon=True)
        rest.start()
        try:
            yield running, url
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
            running.wait(timeout=LIMIT_S)
            rest.join(timeout=LIMIT_S)


def send_to(url: str, n: int) -> int:
    body = payload("pagerduty", thing=f"P{n}", event=f"event-{n}")
    headers = signed(
        "pagerduty",
        [secret_for("pagerduty")],
        body,
        now_s=int(time.time()),
        delivery_id=f"delivery-{n}",
    )
    with loopback_client(timeout=60) as http:
        return http.post(f"{url}/hooks/pagerduty", content=body, headers=dict(headers)).status_code


@pytest.mark.promise("P17")
@pytest.mark.campaign("C6")
def test_killed_after_a_202_every_event_is_there_and_each_once(
    tmp_path: Path, company: Company
) -> None:
    """SIGKILL at once after the answer; the next server proposes each event exactly once."""
    hooks = (
        '[[hooks]]\nsource = "SOURCE"\nrunbook = "compromised-key"\n'
        'with = {key = "${{ event.about }}"}'
    )
    more = "\n[server]\nproposals = 100\n"
    where, state = project(tmp_path / "project", hooks=hooks, sources=more), tmp_path / "state"
    sent = 3
    with process(where, state, company) as (running, url):
        for number in range(sent):
            assert send_to(url, number) == 202
        running.kill()
    with started(where, state / "respond", company) as served:
        served.soon(lambda: len(served.runs()) >= sent or None)
        served.soon(lambda: served.house.inbox.count_waiting() == 0 or None)
        keys = Counter(run.proposed.event.key for run in served.runs() if run.proposed.event)
    assert len(keys) == sent
    assert set(keys.values()) == {1}


@pytest.mark.long
def test_sigterm_takes_a_run_to_its_next_safe_point(tmp_path: Path, company: Company) -> None:
    """The process ends by itself within its limit, and the journal verifies."""
    where, state = project(tmp_path / "project"), tmp_path / "state"
    with process(where, state, company) as (running, url):
        assert send_to(url, 1) == 202
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=LIMIT_S) == 0
    folder = state / "respond" / "rehearsals" / "served"
    keys, actor = FolderKeys(folder / "keys"), Actor("test", Strength.CLAIMED)
    with SqliteJournal.open(
        folder / "journal.db", keys=keys, clock=SystemClock(), create=False, actor=actor
    ) as journal:
        assert len(journal.runs(newest=2)) <= 1


# --- the outside is down --------------------------------------------------------------------------


@pytest.mark.promise("P27")
@pytest.mark.campaign("C12")
@pytest.mark.parametrize(
    "faults",
    [
        ("slack:timeout-beforexall",),
        ("slack:503xall", "pagerduty:503xall", "sign-on:503xall"),
        ("sign-on:503xall",),
    ],
    ids=["chat-hangs", "all-talk-is-down", "sign-on-is-down"],
)
def test_without_chat_pager_and_sign_on_people_still_decide(
    faults: tuple[str, ...], tmp_path: Path, company: Company
) -> None:
    """The plan is made, a signed answer counts, and containment is proved."""
    with site(tmp_path, company=company) as served:
        served.rehearsal.doors.arm(list(faults))
        began = time.monotonic()
        served.send("pagerduty")
        state = served.waiting()
        planned_s = time.monotonic() - began
        assert served.by_file(state) is Standing.AGREED
        done = served.until(lambda s: s.step("revoke").conclusion is not None)
        assert done.step("revoke").conclusion is not None
        assert planned_s < 60


def test_too_little_room_is_not_ready_and_says_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A warning ahead of time: deliveries are still taken while they can be kept."""
    with site(tmp_path) as served, loopback_client(base_url=served.url) as http:
        monkeypatch.setattr("respond.server.outages._ROOM_BYTES", 1 << 60)
        assert http.get("/readyz").status_code == 503
        assert served.send("pagerduty").status_code == 202
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [each for each in lines if each["event"] == "server.not-ready"]
    assert line["why"].endswith(f"fewer than {1 << 60}")
    assert line["do"].startswith(f"make room in {served.house.outages.disk}")


def test_health_says_whether_it_lives_and_is_ready(tmp_path: Path) -> None:
    """200 for both, and figures; no word about runs for strangers."""
    with site(tmp_path) as served, loopback_client(base_url=served.url) as http:
        assert http.get("/healthz").json() == {"alive": True}
        assert http.get("/readyz").json() == {"ready": True}
        served.send("pagerduty")
        run = served.waiting().id
        text = http.get("/metrics").text
        assert 'respond_deliveries_total{result="new",source="pagerduty"} 1.0' in text
        assert run not in text


@pytest.mark.promise("P11")
def test_an_answer_to_what_is_not_asked_is_refused(tmp_path: Path) -> None:
    """A page that somebody left open answers nothing new."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        state = served.waiting()
        with pytest.raises(RefusedByPersonError):
            answer(served.house.entry, state.id, Actor("zoe", Strength.KEY), "x", "yes", proof={})
        served.by_file(state, Verdict.DENY)
        served.until(lambda s: s.status is RunStatus.ENDED)
        assert served.by_page_late(state, "ana") != 303


_ = Site


@pytest.mark.promise("P13", "P18")
def test_a_flood_of_proposals_is_held_and_stops_no_other_sender(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than the configured number wait aside, said in the log, the figures and on the page.

    News about what is open still comes in.
    """
    hooks = (
        '[[hooks]]\nsource = "SOURCE"\nrunbook = "compromised-key"\n'
        'with = {key = "backend-prod", used_by = "${{ event.about }}", since = "1 day ago"}'
    )
    with site(tmp_path, hooks=hooks, sources="\n[server]\nproposals = 3\n") as served:
        for n in range(6):
            body = payload("pagerduty", thing=f"P{n}", event=f"event-{n}")
            assert served.send("pagerduty", body).status_code == 202
        served.soon(lambda: len(served.house.inbox.held(10)) == 3 or None)
        assert len(served.runs()) == 3
        assert served.house.inbox.count_waiting() == 0
        with loopback_client() as http:
            assert "respond_events_waiting 3.0" in http.get(f"{served.url}/metrics").text
        assert "Held: 3." in served.page("ana").get("/").text
        said = ""

        def logged() -> bool | None:
            nonlocal said
            said += capsys.readouterr().err
            return "yet: 3" in said or None

        served.soon(logged)
        (line,) = [each for each in said.splitlines() if "yet: 3" in each]
        assert json.loads(line)["event"] == "proposals.held"
        over = payload("pagerduty", thing="P0", event="over", over=True)
        assert served.send("pagerduty", over).status_code == 202
        served.until(lambda s: len(s.joined) == 1)
        assert len(served.runs()) == 3

        first = served.house.inbox.held(1)[0]
        form = {"event": str(first.id)}
        assert served.page("ana").post("/held", form).status_code == 303
        served.soon(lambda: len(served.runs()) == 4 or None)
        (let_go,) = [state for state in served.runs() if state.proposed.reason]
        assert let_go.proposed.reason == "it was held, and ana let it go"
        assert served.page("ana").post("/held", form).status_code == 409
        assert len(served.house.inbox.held(10)) == 2


def test_a_rehearsal_is_started_from_the_page_and_goes_on_as_any_run(tmp_path: Path) -> None:
    """It asks there what it has to know, and whoever began it agrees to nothing of it."""
    with site(tmp_path) as served:
        ana = served.page("ana")
        assert "compromised-key" in ana.get("/start").text
        run = ana.post("/start", {"runbook": "lost-2fa"}).headers["location"].rpartition("/")[2]
        state = served.until(lambda s: s.asks.names)
        assert (state.id, state.operator, state.is_served) == (run, "ana", True)
        form = {"in_email": "jean@example.com", "in_device": "stolen"}
        ana.post(f"/runs/{run}/inputs", form)
        served.waiting()
        text = ana.get(f"/runs/{run}").text
        assert "You cannot approve this:</strong> they began the run" in text
        assert '<form id="approve"' in served.page("ben").get(f"/runs/{run}").text
