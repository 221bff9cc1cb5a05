"""Runs are carried on in a process of their own, which may die, and does not outlive its server."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Container, Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from tests.server.house_kit import Site, site

from respond.adapters.carrying_process import ALIVE, NOT_NOW, CarryingProcess
from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.core.approval import Standing
from respond.core.asked import asked_now
from respond.core.events import Actor, Strength
from respond.core.fold import RunStatus
from respond.errors import JournalUnusableError, RespondError
from respond.server.carrying import Carrier
from respond.server.carrying_apart import CarryingApart
from respond.server.supervising import Supervisor
from respond.testing.settable_clock import SettableClock
from respond.wiring.stores import rehearsal_store

ECHO = "import sys\nfor run in sys.stdin: print(run, end='', flush=True)"
"""Says of each run at once that it is carried on."""
LIMIT_S = 60


def process_of(
    program: str, clock: SettableClock | None = None
) -> tuple[CarryingProcess, list[str]]:
    ended: list[str] = []
    command = (sys.executable, "-c", program)
    return CarryingProcess(command, clock or SettableClock(), ended.append, lambda: None), ended


def suppressing(do: Callable[[], None]) -> None:
    with suppress(RespondError):
        do()


def in_thread(do: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    return thread


# --- the process, seen from the server ------------------------------------------------------------


def test_a_run_is_carried_on_by_the_process_and_it_ends_with_its_input() -> None:
    """A stop is its end, and no fault."""
    process, ended = process_of(ECHO)
    hears = in_thread(process.turn)
    for run in ("CK-1", "CK-2"):
        process.carry(run)
    process.stop()
    hears.join(LIMIT_S)
    assert not hears.is_alive()
    assert ended == []
    process.carry("CK-3")  # Nobody waits for what has stopped.


def test_of_a_process_that_dies_the_next_one_carries_the_run_on_once() -> None:
    """It may be the run that kills it: others wait for it no longer than twice."""
    process, _ = process_of("import sys; sys.stdin.readline(); sys.exit(3)")
    carried = in_thread(lambda: process.carry("CK-1"))
    for _ in range(2):
        assert carried.is_alive()
        with pytest.raises(RespondError, match="has died") as caught:
            process.turn()
        assert caught.value.why == "it ended with 3"
    carried.join(LIMIT_S)
    assert not carried.is_alive()


def test_a_process_that_lived_and_was_killed_is_begun_anew_at_once() -> None:
    """Whoever kills it each night does not end the server after the sixth."""
    clock = SettableClock()
    process, ended = process_of(
        "import os, sys\nsys.stdin.readline(); os.kill(os.getpid(), 9)", clock
    )
    carried = in_thread(lambda: process.carry("CK-1"))
    hears = in_thread(process.turn)
    clock.advance(61)
    hears.join(LIMIT_S)
    assert ended == ["signal 9 ended it"]
    process.close()
    carried.join(LIMIT_S)
    assert not carried.is_alive()


def test_a_death_is_trouble_at_once() -> None:
    """While the server waits whether all was to stop, it is not ready."""
    process, _ = process_of("import os, sys\nsys.stdin.readline(); os.kill(os.getpid(), 9)")
    hears = in_thread(lambda: suppressing(process.turn))
    carried = in_thread(lambda: process.carry("CK-1"))
    while not process.trouble():
        assert hears.is_alive()
    assert process.trouble().endswith("is not there: signal 9 ended it")
    process.stop()
    hears.join(LIMIT_S)
    carried.join(LIMIT_S)
    assert not hears.is_alive()


def test_one_that_does_not_come_to_rest_is_killed_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server has not stopped before."""
    monkeypatch.setattr("respond.adapters.carrying_process._END_S", 0.1)
    process, ended = process_of("import time\nprint('.', flush=True)\nwhile True: time.sleep(1)")
    hears = in_thread(process.turn)
    while process._process is None:
        assert hears.is_alive()
    assert not process.close()
    hears.join(LIMIT_S)
    assert not hears.is_alive()
    assert ended == ["it did not come to rest within 0 s, and is killed"]


def test_what_it_says_of_itself_is_the_servers_trouble() -> None:
    """One that cannot begin, one that says nothing for a minute; until one says that it lives."""
    clock, paused = SettableClock(), list[int]()
    program = f"import sys; sys.exit({NOT_NOW})"
    process, ended = process_of(program, clock)
    process.pause = lambda: paused.append(1)
    process.turn()
    assert (paused, ended) == ([1], [])
    assert process.trouble() == "the process that carries runs on is not there: it ended with 75"
    process.command = (sys.executable, "-c", ECHO)
    hears = in_thread(process.turn)
    process.carry("CK-1")
    assert process.trouble() == ""
    clock.advance(61)
    assert process.trouble() == "the process that carries runs on says nothing"
    process.carry("CK-2")
    assert process.trouble() == ""
    process.close()
    hears.join(LIMIT_S)


def test_a_process_is_renewed_without_a_fault() -> None:
    """What it is told meanwhile, the next one carries on."""
    process, ended = process_of(ECHO)
    hears = in_thread(process.turn)
    process.carry("CK-1")
    process.renew()
    carried = in_thread(lambda: process.carry("CK-2"))
    hears.join(LIMIT_S)
    hears = in_thread(process.turn)
    carried.join(LIMIT_S)
    assert not carried.is_alive()
    process.close()
    hears.join(LIMIT_S)
    assert ended == []


# --- what the process does ------------------------------------------------------------------------


class Noting(Carrier):
    """A carrier that carries nothing on, and notes what it is asked; a run blocks until a stop."""

    def carry(self, run: str) -> None:
        NOTED.append(run)
        if run == "CK-BAD":
            raise KeyError(run)
        STOPPED.wait(LIMIT_S)

    def stop(self) -> None:
        NOTED.append("stop")
        STOPPED.set()

    def tell_again(self, runs: Collection[str] | None = None) -> None:
        NOTED.append("tell again")

    def tell_untold(self) -> None:
        NOTED.append("tell untold")


NOTED: list[str] = []
STOPPED = threading.Event()


def apart(mended: Iterator[bool]) -> tuple[CarryingApart, list[str]]:
    NOTED.clear()
    STOPPED.clear()
    said: list[str] = []
    nothing: Any = None
    log = make_logger(Redactor(), SettableClock(), io.StringIO())
    carrier = Noting(nothing, nothing, nothing, nothing, log)
    return CarryingApart(
        carrier=carrier,
        supervisor=Supervisor(log),
        at_once=2,
        mend=lambda: next(mended, False),
        says=said.append,
        log=log,
    ), said


def test_at_the_end_of_its_input_runs_park_and_each_is_said() -> None:
    """One that breaks says so too, and breaks no other."""
    work, said = apart(iter(()))
    work.work(["CK-1\n", "CK-BAD\n"])
    assert sorted(run for run in said if run != ALIVE) == ["CK-1", "CK-BAD"]
    assert {"CK-1", "CK-BAD", "stop"} <= set(NOTED)


def test_people_are_told_again_at_the_start_and_with_a_journal_that_was_mended() -> None:
    """And each minute of what a fault kept back."""
    work, _ = apart(iter((False, False, True)))
    for _ in range(4):
        work._round()
    assert NOTED == ["tell again", "tell again"]
    for _ in range(56):
        work._round()
    assert NOTED == ["tell again", "tell again", "tell untold"]


# --- the whole server -----------------------------------------------------------------------------


def carrying(served: Site) -> CarryingProcess:
    process = served.house.conductor.carrying
    assert isinstance(process, CarryingProcess)
    return process


def pid_of(served: Site, *, but: Container[int] = ()) -> int:
    """Of the process that there is, or of another one as soon as it is there."""

    def up() -> int | None:
        found = carrying(served)._process
        return found.pid if found is not None and found.pid not in but else None

    pid: int = served.soon(up)
    return pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_goes_on_after_the_process_that_had_it_was_killed(tmp_path: Path) -> None:
    """While it waits, and while it is planned; people are asked once, and all comes to its end."""
    with site(tmp_path) as served:
        first = pid_of(served)
        served.send("pagerduty")
        served.until(lambda s: s.epoch > 0)
        os.kill(first, signal.SIGKILL)
        state = served.told()
        second = pid_of(served, but=(first,))
        os.kill(second, signal.SIGKILL)
        assert served.by_file(state) is Standing.AGREED
        ended = served.until(lambda s: s.status is RunStatus.ENDED)
        assert ended.ended.exit == 0
        assert len(ended.requests) == 1


def test_the_process_is_gone_with_its_server(tmp_path: Path) -> None:
    """Stopped, it lets the run rest first; nothing of it is left."""
    with site(tmp_path) as served:
        pid = pid_of(served)
        served.send("pagerduty")
        served.told()
    assert not is_alive(pid)


def test_a_process_whose_server_was_killed_comes_to_rest(tmp_path: Path) -> None:
    """The end of its input is the end of it, with the run at rest; that nobody hears it any more
    is no fault.
    """
    hears, said = os.pipe()
    os.close(hears)
    with site(tmp_path) as served:
        served.send("pagerduty")
        run = served.told().id
        with subprocess.Popen(  # noqa: S603 (our own words)
            carrying(served).command, stdin=PIPE, stdout=said, stderr=PIPE, text=True
        ) as process:
            os.close(said)
            _, log = process.communicate(f"{run}\n")
        assert process.returncode == 0
        assert "broke" not in log
        assert len(served.waiting().requests) == 1


def test_runs_of_a_journal_that_was_begun_anew_are_carried_on(tmp_path: Path) -> None:
    """The process that had the old one open is renewed."""
    with site(tmp_path) as served:
        served.send("pagerduty")
        old, first = served.told().id, pid_of(served)
        disk = served.house.outages.disk
        for name in [each.name for each in disk.iterdir() if each.name.startswith("journal.db")]:
            (disk / name).rename(disk / f"aside-{name}")
        actor = Actor("ana", Strength.CLAIMED)
        rehearsal_store(disk).fresh(clock=served.house.clock, actor=actor).close()
        served.send("alertmanager")

        def asked() -> bool | None:
            with suppress(JournalUnusableError):  # The server has not opened it yet.
                return any(s.id != old and asked_now(s) is not None for s in served.runs()) or None
            return None

        assert served.soon(asked)
        assert pid_of(served, but=(first,)) != first


def test_a_process_that_cannot_begin_ends_no_server(tmp_path: Path) -> None:
    """It is not ready, takes what comes, and goes on once `respond.toml` is mended."""
    with site(tmp_path) as served:
        first = pid_of(served)
        toml = Path(carrying(served).command[4]) / "respond.toml"
        whole = toml.read_text()
        toml.write_text("[[[")
        os.kill(first, signal.SIGKILL)
        served.soon(lambda: "it ended with 75" in carrying(served).trouble() or None)
        assert served.send("pagerduty").status_code == 202
        assert any("is not there" in each.what for each in served.house.outages.stopping())
        toml.write_text(whole)
        served.waiting()
        assert carrying(served).trouble() == ""
