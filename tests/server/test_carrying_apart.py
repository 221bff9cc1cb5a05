"""Runs are carried on in a process of their own, which may die, and does not outlive its server."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Container
from pathlib import Path

import pytest
from tests.server.house_kit import Site, site

from respond.adapters.carrying_process import CarryingProcess
from respond.core.approval import Standing
from respond.core.fold import RunStatus
from respond.errors import RespondError
from respond.testing.settable_clock import SettableClock

ECHO = "import sys\nfor run in sys.stdin: print(run, end='', flush=True)"
"""Says of each run at once that it is carried on."""
LIMIT_S = 60


def process_of(
    program: str, clock: SettableClock | None = None
) -> tuple[CarryingProcess, list[str]]:
    ended: list[str] = []
    command = (sys.executable, "-c", program)
    return CarryingProcess(command, clock or SettableClock(), ended.append), ended


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


# --- the whole server -----------------------------------------------------------------------------


def carrying(served: Site) -> CarryingProcess:
    process = served.house.conductor.carrying.__self__  # type: ignore[union-attr]
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


def test_a_process_that_nobody_can_tell_anything_comes_to_rest(tmp_path: Path) -> None:
    """Its server was killed: the end of its input is the end of it, with the run at rest."""
    told, tells = os.pipe()
    with site(tmp_path) as served:
        served.send("pagerduty")
        run = served.told().id
        command = list(carrying(served).command)
        actions = [(os.POSIX_SPAWN_DUP2, told, 0), (os.POSIX_SPAWN_CLOSE, tells)]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        os.close(told)
        os.write(tells, f"{run}\n".encode())
        os.close(tells)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert len(served.waiting().requests) == 1
