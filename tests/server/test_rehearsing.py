"""A person who is signed on rehearses from the page of a server that works on real systems."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.page_kit import ISSUER, Browserish, Night, on, served

from respond.adapters.clock import SystemClock
from respond.adapters.command import Ran, run
from respond.server.playing import LIMIT_S, Player, Plays, SeenRehearsal
from respond.testing.example_run import ExampleRun, example_plan
from respond.wiring.beside_server import environment_of, player_of
from respond.wiring.places import Places
from respond.wiring.server import build

SOON_S = 60.0
ENDLESS = """
import os, json, sys, time
sys.stderr.write(json.dumps({"type": "say", "text": f"process {os.getpid()}"}) + "\\n")
sys.stderr.flush()
time.sleep(60)
"""
DONE = 'print(\'{"run": "SI-2K4M", "exit": 0, "verdict": {"title": "DONE and proved"}}\')'

BADGE = b"""
runbook: lock-badge
title: Lock a lost badge
inputs:
  badge: {type: text, ask: "Which badge?", example: b-17}
steps:
  - id: locked
    title: Lock the badge
    phase: contain
    action: http.change
    connection: doors
    with:
      observe: {path: [badges, "${{ inputs.badge }}"], pick: [state]}
      becomes: {state: locked}
      apply: {method: PUT, path: [badges, "${{ inputs.badge }}"], body: {state: locked}}
rehearsal:
  badge: b-17
  stand_ins:
    doors:
      - read: badges/b-17
        answers: {state: open}
        writes:
          - {request: PUT badges/b-17, then: {state: locked}}
"""


def of_python(night: Night, program: str) -> Plays:
    """Another program in the place of ``respond rehearse``; it is run in the same way."""

    def plays(_runbook: str, hears: Callable[[bytes], None], is_stopped: Callable[[], bool]) -> Ran:
        return run(
            (sys.executable, "-I", "-S", "-c", program),
            stdin=b"", environment={}, timeout_s=LIMIT_S, clock=night.clock,
            hears=hears, is_stopped=is_stopped,
        )  # fmt: skip

    return plays


@contextmanager
def rehearsing(night: Night, player: Player) -> Iterator[Browserish]:
    """Ana on the page of a server on real systems that rehearses so."""
    night.rehearses = player
    try:
        with served(night, ISSUER) as at, on(at, "ana") as ana:
            yield ana
    finally:
        player.close()


def soon(found: Callable[[], object]) -> None:
    """Wait until it is found; there is a limit."""
    end = time.monotonic() + SOON_S
    while not found():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def is_over(player: Player) -> bool:
    return player.last is not None and player.last.is_over


def begin(ana: Browserish, name: str = "sample-inputs") -> int:
    return ana.post("/start", {"runbook": name}).status_code


def process_of(player: Player) -> int:
    """The process of what goes on, once it has said which one it is."""
    soon(lambda: player.last is not None and player.last.says)
    assert player.last is not None
    return int(player.last.says.removeprefix("process "))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def children_with(word: bytes) -> list[Path]:
    """Our own child processes that have this among their words."""
    own = Path("/proc/self/task").glob("*/children")
    numbers = {number for each in own for number in each.read_text().split()}
    return [
        place
        for number in numbers
        if word in (place := Path("/proc", number)).joinpath("cmdline").read_bytes()
    ]


@pytest.mark.long
@pytest.mark.promise("P22")
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads the kernel's files")
def test_a_rehearsal_from_the_page_is_a_whole_one_of_its_own(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very command, with the project's runbook and without the server's environment.

    Its journal is its own; what it came to, its report and what it changed in its company stand on
    pages that say REHEARSAL, and after a restart all but the last, whatever became of its notes.
    """
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/canary-of-the-server")
    project, state = tmp_path / "project", tmp_path / "state" / "respond"
    (project / "runbooks").mkdir(parents=True)
    (project / "respond.toml").write_text('[journal]\nkeys = "file"\n')
    (project / "runbooks" / "lock-badge.yaml").write_bytes(BADGE)
    places, before = Places(project, state), night.journal.head()
    state.mkdir(parents=True)
    titles = {"lock-badge": "Lock a lost badge"}
    player = night.player(of_python(night, ""))

    def made() -> Player:
        return player_of(places, lambda: titles, night.entry.people, SystemClock(), player.log)

    player = made()
    with rehearsing(night, player) as ana:
        assert "There is none yet on this machine." in ana.get("/start").text
        assert begin(ana, "lock-badge") == 303
        soon(lambda: children_with(b"rehearse"))
        (child,) = children_with(b"rehearse")
        assert b"canary" not in child.joinpath("environ").read_bytes()
        assert "lock-badge goes on" in ana.get("/start").text
        soon(lambda: is_over(player))
        text = ana.get("/start").text
        assert "lock-badge: CONTAINED and proved" in text
        assert "Exit code 0: done" in text
        (run_id,) = [each.name for each in places.rehearsals.iterdir()]
        page = ana.get(f"/rehearsals/{run_id}").text
        assert '<strong class="mode">REHEARSAL</strong>' in page
        assert "ana began it here; every question was answered yes." in page
        assert "CONTAINED and proved" in page
        assert "state: open -&gt; locked" in page
        assert "Counted: doors" in page
        assert ana.get("/rehearsals/CK-N0PE").status_code == 404
        assert ana.get("/rehearsals/..%2f..").status_code == 404
    (places.rehearsals / run_id / "rehearsal.json").write_text("")
    with rehearsing(night, made()) as ana:
        assert run_id in ana.get("/start").text
        page = ana.get(f"/rehearsals/{run_id}").text
        assert "CONTAINED and proved" in page
        assert "Counted" not in page
    assert night.journal.head() == before
    assert not (state / "journal.db").exists()


@pytest.mark.promise("P22")
def test_the_process_of_a_rehearsal_gets_no_way_to_a_credential() -> None:
    """Neither folders of secrets, nor agents, nor tokens, nor proxies: four names, and no more."""
    own = dict.fromkeys(
        ("CREDENTIALS_DIRECTORY", "SSH_AUTH_SOCK", "VAULT_TOKEN", "HTTPS_PROXY", "PYTHONPATH",
         "DBUS_SESSION_BUS_ADDRESS", "XDG_STATE_HOME", "PATH", "HOME", "LANG"), "canary"
    )  # fmt: skip
    got = environment_of(Places(None, Path("/var/lib/respond")), own)
    assert got == {"PATH": "canary", "HOME": "canary", "LANG": "canary",
                   "XDG_STATE_HOME": "/var/lib"}  # fmt: skip


@pytest.mark.promise("P13")
def test_a_server_on_real_systems_proposes_no_rehearsal(tmp_path: Path) -> None:
    """What it proposed would be a real run: it has nothing that could, and plays them beside it."""
    (tmp_path / "respond.toml").write_text('[journal]\nkeys = "file"\n')
    house = build(Places(tmp_path, tmp_path / "state" / "respond"), url="http://127.0.0.1")
    try:
        assert isinstance(house.workings.rehearses, Player)
    finally:
        house.close()


def test_one_rehearsal_goes_on_at_a_time(night: Night) -> None:
    """Whoever comes second is told whose goes on; nothing more is started."""
    player = night.player(of_python(night, ENDLESS))
    with rehearsing(night, player) as ana:
        assert begin(ana) == 303
        answer = ana.post("/start", {"runbook": "sample-inputs"})
        assert answer.status_code == 409
        assert "ana began sample-inputs; there is one at a time" in answer.text
        assert 'action="/start"' not in ana.get("/start").text
        assert f"process {process_of(player)}" in ana.get("/start").text


def test_the_server_takes_its_rehearsal_with_it(night: Night) -> None:
    """Nothing that it started outlives it."""
    player = night.player(of_python(night, ENDLESS))
    with rehearsing(night, player) as ana:
        begin(ana)
        process = process_of(player)
        assert is_alive(process)
        player.close()
        assert not is_alive(process)
        assert "the server was stopped, and this with it" in ana.get("/start").text


def test_a_rehearsal_that_hangs_is_ended(night: Night) -> None:
    """After five minutes, of whatever clock nobody can set; the next one may begin."""
    player = night.player(of_python(night, ENDLESS))
    with rehearsing(night, player) as ana:
        begin(ana)
        process = process_of(player)
        night.clock.advance(LIMIT_S + 1)
        soon(lambda: is_over(player))
        assert not is_alive(process)
        assert "it took more than 300 s, and was ended" in ana.get("/start").text
        assert begin(ana) == 303


def test_a_person_rehearses_a_few_times_an_hour(night: Night) -> None:
    """Somebody else still may, and an hour later they may again."""
    player = night.player(of_python(night, DONE))
    with rehearsing(night, player) as ana:
        for _ in range(6):
            assert begin(ana) == 303
            soon(lambda: is_over(player))
        answer = ana.post("/start", {"runbook": "sample-inputs"})
        assert answer.status_code == 409
        assert "you have begun 6 rehearsals within an hour" in answer.text
        night.clock.advance(3_601)
        assert begin(ana) == 303


def test_a_rehearsal_leaves_the_real_runs_their_disk(night: Night) -> None:
    """Where little is free none is begun: the journal of the real runs may lie there, too."""
    player = night.player(of_python(night, DONE), room=lambda: 60 << 20)
    with rehearsing(night, player) as ana:
        assert "fewer than 64 MiB are free" in ana.post("/start", {"runbook": "sample-inputs"}).text
        assert player.last is None


@pytest.mark.promise("P19")
@pytest.mark.parametrize("name", ["--at", "compromised-key", "sample-inputs --dry-run", ""])
def test_only_a_runbook_of_the_list_is_rehearsed(night: Night, name: str) -> None:
    """What a form says becomes no other word of the command."""
    player = night.player(of_python(night, DONE))
    with rehearsing(night, player) as ana:
        answer = ana.post("/start", {"runbook": name})
        assert answer.status_code == 409
        assert "there is no such runbook here" in answer.text
        assert player.last is None


@pytest.mark.promise("P21")
@pytest.mark.parametrize(
    ("program", "says"),
    [
        ('import sys; sys.stderr.write(\'{"error": {"what": "no <b>key</b>", "why": "none"}}\\n\')',
         "no &lt;b&gt;key&lt;/b&gt;: none"),
        ("import sys; sys.exit(9)", "it came to no end: it ended with 9"),
        ("import os; os.kill(os.getpid(), 9)", "it came to no end: signal 9 ended it"),
        ("print('[1]')", "it came to no end: it ended with 0"),
    ],
)  # fmt: skip
def test_a_rehearsal_that_came_to_no_end_says_why(night: Night, program: str, says: str) -> None:
    """In the words of its own error, or with how its process ended."""
    player = night.player(of_python(night, program))
    with rehearsing(night, player) as ana:
        begin(ana)
        soon(lambda: is_over(player))
        text = ana.get("/start").text
        assert "sample-inputs did not come to its end" in text
        assert says in text


def test_a_program_that_cannot_be_started_is_said(ana: Browserish) -> None:
    """And the server goes on."""
    assert begin(ana) == 303
    soon(lambda: "it could not be started: there is no such program" in ana.get("/start").text)


@pytest.mark.parametrize("stays", [False, True])
def test_a_rehearsal_that_is_not_over_says_what_can_become_of_it(
    night: Night, *, stays: bool
) -> None:
    """Nothing carries one on whose company went with it; with one that stays somebody can."""
    night.put(ExampleRun(example_plan(mode="rehearsal")).propose().look())

    def read(run: str) -> SeenRehearsal | None:
        one = night.board.run(run)
        assert one is not None
        return SeenRehearsal(one, night.board.head(), night.entry.today(), stays)

    player = night.player(of_python(night, DONE), read=read)
    with rehearsing(night, player) as ana:
        page = ana.get("/rehearsals/CK-7F3Q").text
        assert "It has not come to its end" in page
        assert ("nothing carries it on" in page) is not stays


@pytest.mark.promise("P13")
def test_rehearsals_need_somebody_who_is_signed_on(night: Night) -> None:
    """A stranger sees none, and starts none; whom one is about sees it as little as a real run."""
    night.put(ExampleRun(example_plan(mode="rehearsal")).propose(), subject="jean@example.com")
    player = night.player(of_python(night, DONE))
    night.rehearses = player
    with served(night, ISSUER) as at, at.client() as stranger, on(at, "jean") as jean:
        for path in ("/start", "/rehearsals/CK-7F3Q", "/start/events"):
            assert stranger.get(path).status_code in (303, 401)
        own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        form = {"runbook": "sample-inputs", "csrf": "0" * 64}
        assert stranger.http.post("/start", data=form, headers=own).status_code == 403
        assert jean.http.post("/start", data=form, headers=own).status_code == 403
        assert player.last is None
        assert "CK-7F3Q" not in jean.get("/start").text
        assert jean.get("/rehearsals/CK-7F3Q").status_code == 404
        with on(at, "ana") as ana:
            assert "CK-7F3Q" in ana.get("/start").text
            assert ana.get("/rehearsals/CK-7F3Q").status_code == 200
