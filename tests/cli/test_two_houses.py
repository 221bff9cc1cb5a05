"""Runs from ``respond.toml`` to the socket: where a write goes, and what ends a run on its way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from respond.adapters.http.request import Endpoint
from respond.core.events import Kind
from respond.core.records import replace
from respond.testing.cli_kit import Machine
from respond.wiring import connections, session

TOML = """\
[journal]
keys = "file"
[connections.doors]
system = "http"
account = "{account}"
inside = true
base_urls = {{ http = "{url}" }}
"""

DOOR = """\
  - id: {door}
    phase: contain
    action: http.change
    with:
      observe: {{path: [doors, {door}], pick: [locked]}}
      becomes: {{locked: true}}
      apply: {{method: PUT, path: [doors, {door}], body: {{locked: true}}}}
      undo: {{method: PUT, path: [doors, {door}], body: {{locked: false}}}}
"""

PAUSE = "  - {id: pause, wait: {for: TIME}}\n"
RUNBOOK = (
    "runbook: two-doors\ntitle: Two doors\nsummary: Two doors.\nowner: a@example.com\n"
    "reviewed: '2026-11-23'\nsteps:\n"
    + DOOR.format(door="north")
    + PAUSE
    + DOOR.format(door="south")
)


class House:
    """A house with doors, over HTTP.

    Attributes:
        heard: Called with each request that changes something, before it does.
        looks: How often it was looked at.
        answers: What every look is answered with instead of what is so: status and text.
    """

    def __init__(self) -> None:
        self.locked: dict[str, bool] = {"north": False, "south": False}
        self.heard: Callable[[str], None] = lambda _: None
        self.looks = 0
        self.answers: tuple[int, str] | None = None
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                house.looks += 1
                if house.answers is not None:
                    self._send(*house.answers)
                else:
                    self._say({"locked": house.locked[self.path.rpartition("/")[2]]})

            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                house.heard(self.path)
                house.locked[self.path.rpartition("/")[2]] = body["locked"]
                self._say({})

            def _say(self, value: Any) -> None:
                self._send(200, json.dumps(value))

            def _send(self, status: int, said: str) -> None:
                text = said.encode()
                self.send_response_only(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """The house itself is looked at."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def house() -> Iterator[House]:
    with House() as made:
        yield made


@pytest.fixture(autouse=True)
def plain_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The houses have no certificate: what is https in the file goes there in the clear."""
    real = connections.endpoint_of

    def endpoint_of(config: Any, project: Any) -> Endpoint:
        made = real(config, project)
        if config.system != "http":
            return made
        (url,) = (url.replace("https:", "http:") for url in made.base_urls.values())
        return replace(made, base_urls={"": url, "http": url}, loopback_ok=True)

    for module in (connections, session):
        monkeypatch.setattr(module, "endpoint_of", endpoint_of)


def write_runbook(home: Machine, house: House, wait: str = "1h") -> None:
    """A project with the runbook and its one connection."""
    (home.project / "runbooks").mkdir(exist_ok=True)
    text = RUNBOOK.replace("TIME", wait) if wait else RUNBOOK.replace(PAUSE, "")
    (home.project / "runbooks" / "two-doors.yaml").write_text(text, encoding="utf-8")
    home.configure(TOML.format(url=house.url, account="castle"))
    home.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.keys.set("credential/doors", b"the-key-of-the-castle")


def begun(home: Machine, house: House) -> str:
    """A run that locked the north door and waits; its id."""
    write_runbook(home, house)
    ran = home.run("two-doors", "--yes")
    assert ran.code == 3, ran
    assert house.locked == {"north": True, "south": False}
    (run,) = (each["run"] for each in home.run("runs", "--json").json)
    return str(run)


@pytest.mark.promise("P10")
@pytest.mark.parametrize("what", ["address", "account"])
def test_a_changed_connection_is_asked_about_before_the_next_write(
    home: Machine, house: House, what: str
) -> None:
    """``resume --yes`` writes nowhere, names old and new, and the log has where each write went."""
    run = begun(home, house)
    with House() as other:
        url, account = (other.url, "castle") if what == "address" else (house.url, "hut")
        home.configure(TOML.format(url=url, account=account))
        ran = home.run("resume", run, "--yes")
        assert ran.code == 3
        assert not other.locked["north"]
        assert not house.locked["south"]
        assert not other.locked["south"]
    (intent,) = home.events(Kind.INTENT)
    (planned,) = home.events(Kind.PLANNED)
    here = house.url.replace("https:", "http:")
    assert here in intent["write"]["to"]["doors"].values()
    assert here in planned["plan"]["connections"]["doors"]
    assert here in "".join(home.run("report", run).out.split())
    views = (ran.out, *(home.run(*w, run).out for w in (["status"], ["status", "--json"])))
    for view in (*views, home.run("runs").out):
        told = "".join(view.split())
        assert ("hut" if what == "account" else url.replace("https:", "http:")) in told
        assert f"run {run} is parked" not in view
        assert "now: change" not in view  # The same writes as planned say nothing.
    assert "".join(views[1].split()).count("sincetheplan") == 1


# --- a no from another terminal -----------------------------------------------------------------


@pytest.mark.parametrize("wait", ["1h", ""], ids=["where it would park", "before a write"])
def test_cancel_in_another_terminal_ends_the_run_there(
    home: Machine, house: House, wait: str
) -> None:
    """Both end with 4, the south door is never touched, and it ends once."""
    others: list[subprocess.Popen[str]] = []

    def cancel(path: str) -> None:
        if path.endswith("north"):
            main = "import sys; from respond.cli.main import run; sys.exit(run(sys.argv[1:]))"
            words = [sys.executable, "-c", main, "cancel", "--reason", "ana objects"]
            others.append(subprocess.Popen(words, stdout=-1, stderr=-1, text=True))  # noqa: S603 - our own
            with home.open_journal() as journal:
                while all(r.event.data.get("reason") != "ana objects" for r in journal.records()):
                    assert others[0].poll() is None

    house.heard = cancel
    write_runbook(home, house, wait)
    ran = home.run("two-doors", "--yes")
    out, err = others[0].communicate()
    assert (ran.code, others[0].returncode) == (4, 4), err
    assert "cancelled" in out
    assert house.locked == {"north": True, "south": False}
    assert len(home.events(Kind.ENDED)) == 1


# --- what a way out needs -----------------------------------------------------------------------


def moved(home: Machine) -> None:
    (home.project / "runbooks" / "two-doors.yaml").rename(home.project / "elsewhere.yaml")


def broken(home: Machine) -> None:
    (home.project / "runbooks" / "two-doors.yaml").write_text("steps: [", encoding="utf-8")


def wrong_key(home: Machine) -> None:
    home.configure('[journal]\nkeys = "file"\n[conections]\n')


def no_toml(home: Machine) -> None:
    home.configure('[journal\nkeys = "file"\n')


@pytest.mark.parametrize("fault", [moved, broken, wrong_key, no_toml])
def test_cancel_needs_nothing_but_the_journal(
    home: Machine, house: House, fault: Callable[[Machine], None]
) -> None:
    """``status`` and ``resume`` name the run and the fault; ``cancel`` ends it."""
    run = begun(home, house)
    fault(home)
    name = "respond.toml" if fault in (wrong_key, no_toml) else "two-doors"
    shown = home.run("status", "--json")
    assert shown.json["run"] == run
    assert name in shown.json["missing"]
    assert f"respond cancel {run}" in home.run("status").out
    assert home.run("show", run, "--json").json["text"] == RUNBOOK.replace("TIME", "1h")
    refused = home.run("resume")
    assert refused.code == 2
    assert run in refused.err
    assert name in "".join(refused.err.split())

    ended = home.run("cancel", "--json")
    assert (ended.code, ended.json["run"], ended.json["status"]) == (4, run, "ended")
    assert "handlers were left out" in ended.json["says"]
    assert home.run("status", run, "--json").json["missing"] == ""


@pytest.mark.promise("P7")
@pytest.mark.parametrize("fault", [moved, broken])
def test_undo_needs_no_runbook(
    home: Machine, house: House, fault: Callable[[Machine], None]
) -> None:
    """What is over is put back by the requests that the journal has."""
    run = begun(home, house)
    assert home.run("cancel", run).code == 4
    fault(home)
    ran = home.run("undo", run)
    assert ran.code == 3
    assert "north" in ran.out


# --- which targets ------------------------------------------------------------------------------

WANTS_REASON = "[policy]\nrequire_reason = true\n"
EACH = (
    RUNBOOK.partition("steps:")[0].replace("two-doors", "doors")
    + "inputs:\n  doors: {type: list, ask: Which?}\n  floor: {type: integer, required: false}\n"
    + "steps:\n"
    + DOOR.format(door="'${{ door }}'").replace("id: '${{ door }}'", "id: each", 1)
    + "    for_each: inputs.doors\n    as: door\n"
)


def test_an_undo_that_ctrl_c_stops_is_gone_on_with_as_undo(home: Machine, house: House) -> None:
    """In a request too: it is waited for, and then the undo waits, in every view."""

    class Interrupting(dict[str, bool]):
        def __getitem__(self, door: str) -> bool:
            house.locked = dict(self)  # Once is enough.
            os.kill(os.getpid(), signal.SIGINT)
            return super().__getitem__(door)

    write_runbook(home, house, "")
    assert home.run("two-doors", "--yes").code == 0
    (run,) = (each["run"] for each in home.run("runs", "--json").json)
    house.locked = Interrupting(house.locked)
    ran = home.run("undo", run)
    assert ran.code == 3
    for view in (ran.err, home.run("status", run).out, home.run("report", run, "--short").out):
        assert f"respond undo {run}" in view
        assert "respond resume" not in view
    status = " ".join(home.run("status", run).out.split())
    assert "its undo is begun, 2 of 2 changes left" in status


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    ("words", "doors"),
    [
        (["--doors", "north", "--doors", "south"], ["north", "south"]),
        (["--doors", "north, south"], ["north", "south"]),
        (["--doors", '["north", "south"]'], ["north", "south"]),
        (["--doors", '["south"]', "--doors", "north"], ["north", "south"]),
        (["--doors", '["north"'], []),
        (["--doors", '[["north"]]'], []),
        (["--doors", "[1]"], []),
        (["--doors", '"north","south"'], []),
        (["--doors", '{"north": 1}'], []),
        (["--doors", "north", "--floor", "1", "--floor", "2"], []),
        (["--doors", "north", "--connection", "doors", "--connection", "other"], []),
    ],
)
def test_no_target_is_lost_or_made_up(
    home: Machine, house: House, words: list[str], doors: list[str]
) -> None:
    """Lists given twice add up, JSON is read or refused, and what takes one value takes one."""
    write_runbook(home, house)
    (home.project / "runbooks" / "doors.yaml").write_text(EACH, encoding="utf-8")
    ran = home.run("doors", *words, "--yes")
    assert ran.code == (0 if doors else 2)
    assert doors or "does not fit" in ran.err or "2 times" in ran.err
    assert sorted(door for door, locked in house.locked.items() if locked) == doors


# --- which connection ---------------------------------------------------------------------------

OTHER = """\
[connections.hut]
system = "http"
account = "hut"
inside = true
base_urls = {{ http = "{url}" }}
[connections.slack]
system = "slack"
"""


def both(home: Machine, house: House, other: House) -> None:
    """Two houses in one project, and a runbook that says of neither which."""
    write_runbook(home, house)
    home.configure(TOML.format(url=house.url, account="castle") + OTHER.format(url=other.url))
    home.keys.set("credential/hut", b"the-key-of-the-hut")


@pytest.mark.promise("P10")
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--by-hand"]])
def test_a_connection_that_is_not_there_writes_nowhere_else(
    home: Machine, house: House, options: list[str]
) -> None:
    """Exit 2 with the names that there are, also where there is one; nothing is recorded."""
    write_runbook(home, house)
    ran = home.run("two-doors", "--connection", "staging", "--yes", *options)
    assert ran.code == 2
    assert "there is no connection 'staging'" in ran.err
    assert "doors (http)" in ran.err
    assert "respond connect staging" in ran.err
    assert house.locked == {"north": False, "south": False}
    assert not (home.state / "journal.db").exists()


@pytest.mark.promise("P10")
def test_the_connection_that_is_chosen_is_the_one_that_is_used(home: Machine, house: House) -> None:
    """One of several is used for its system; without a name, or with one of another system, it is
    asked for before anything is recorded.
    """
    with House() as other:
        both(home, house, other)
        ran = home.run("two-doors", "--yes")
        assert ran.code == 2
        assert "--connection NAME" in ran.err
        ran = home.run("two-doors", "--yes", "--connection", "slack")
        assert ran.code == 2
        assert "no step of two-doors goes by the connection 'slack'" in ran.err
        assert "doors, hut" in " ".join(ran.err.split())
        assert not home.events(Kind.PROPOSED)
        assert home.run("two-doors", "--yes", "--connection", "hut").code == 3
        assert other.locked == {"north": True, "south": False}
        # What it was begun with is gone: nothing goes to the one that is left.
        home.configure(TOML.format(url=house.url, account="castle"))
        refused = home.run("resume", "--yes")
        assert refused.code == 2
        assert "there is no connection 'hut'" in " ".join(refused.err.split())
        assert "'hut'" in home.run("status", "--json").json["missing"]
    assert house.locked == {"north": False, "south": False}


def test_who_gave_a_connection_is_not_asked_for_one(home: Machine, house: House) -> None:
    """Where two systems have several, a step says which; one name cannot."""
    with House() as other:
        both(home, house, other)
        path = home.project / "runbooks" / "two-doors.yaml"
        tells = "  - {id: tell, action: slack.find_person, with: {email: a@example.com}}\n"
        path.write_text(path.read_text(encoding="utf-8") + tells, encoding="utf-8")
        text = (home.project / "respond.toml").read_text(encoding="utf-8")
        home.configure(text + '[connections.chat]\nsystem = "slack"\n')
        ran = home.run("two-doors", "--yes", "--connection", "hut")
    assert ran.code == 2
    assert "slack has several connections: slack, chat" in ran.err
    assert "say which one" not in ran.err
    assert "connection: NAME" in ran.err


def test_a_step_that_names_a_connection_that_is_not_there_says_the_remedy(
    home: Machine, house: House
) -> None:
    """Before anything is recorded: what it is, which there are, what to type."""
    write_runbook(home, house)
    path = home.project / "runbooks" / "two-doors.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "    with:\n", "    connection: gate\n    with:\n"
    )
    path.write_text(text, encoding="utf-8")
    ran = home.run("two-doors", "--yes")
    assert ran.code == 2
    assert "there is no connection 'gate'" in ran.err
    assert "respond connect gate" in ran.err
    assert not home.events(Kind.PROPOSED)
    said = home.run("check", "two-doors")
    assert said.code == 0
    assert said.err.count("respond.toml has no connection 'gate' of http") == 2
    assert "of http it has: doors; `respond connect gate`" in " ".join(said.err.split())
    refused = home.run("two-doors", "--yes", "--connection", "doors")
    assert "no step of two-doors goes by the connection 'doors'" in refused.err
    home.configure('[journal]\nkeys = "file"\n')
    none = " ".join(home.run("two-doors", "--yes").err.split())
    assert "why: respond.toml has none do: add [connections.gate] with system = 'http'" in none
    rehearsed = home.run("rehearse", "two-doors", "--auto")
    assert "the simulated company has no connection 'gate' of http" in rehearsed.err + rehearsed.out
    assert "stand_ins: gate:" in " ".join((rehearsed.err + rehearsed.out).split())


# --- a reason -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--by-hand"], ["--reason", "  "]])
def test_no_run_begins_without_the_reason_that_policy_wants(
    home: Machine, house: House, options: list[str]
) -> None:
    """Where nobody can be asked: exit 2 before anything is looked at or recorded."""
    write_runbook(home, house)
    home.configure((home.project / "respond.toml").read_text() + WANTS_REASON)
    ran = home.run("two-doors", "--yes", *options)
    assert ran.code == 2
    assert "two-doors needs --reason" in ran.err
    assert "require_reason" in ran.err
    assert not home.events(Kind.PROPOSED)
    assert house.looks == 0


def test_the_reason_stands_in_every_view(home: Machine, house: House) -> None:
    """Journal, report and JSON; a dry run and a rehearsal need none."""
    write_runbook(home, house, wait="")
    home.configure((home.project / "respond.toml").read_text() + WANTS_REASON)
    assert home.run("two-doors", "--dry-run").code == 0
    ran = home.run("two-doors", "--yes", "--reason", "the master key is gone", "--json")
    assert (ran.code, ran.json["reason"]) == (0, "the master key is gone")
    (proposed,) = home.events(Kind.PROPOSED)
    assert proposed["reason"] == "the master key is gone"
    for form in ([], ["--markdown", "-"]):
        assert "the master key is gone" in home.run("report", ran.json["run"], *form).out


# --- what cannot be looked at -------------------------------------------------------------------


def test_a_look_that_fails_names_the_connection_and_what_to_type(
    home: Machine, house: House
) -> None:
    """Of several services of one's own it says which; nobody asks whether a look happened."""
    write_runbook(home, house)
    look = "  - {id: now, action: http.read, with: {observe: {path: [doors, north]}}}\n"
    path = home.project / "runbooks" / "two-doors.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("steps:\n", f"steps:\n{look}"))
    house.answers = 200, "<p>hello"
    ran = home.run("two-doors", "--yes")
    assert ran.code == 1
    told = " ".join((ran.err + ran.out).split())
    assert "HTTP (doors) answered 200 to GET /doors/north with a page that is not JSON" in told
    assert "go on with: check the address of connection 'doors'; or go through it" in told
    assert "whether it happened" not in told
