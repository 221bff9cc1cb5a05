"""Measure what a `for_each` costs as its targets grow.

    python bench/targets.py

A set of boxes, each with a look for the plan, a look, an intent, a write, an outcome and a look
that proves it; the outside is a dictionary in the same process, so that what is measured is ours.

- CPU a target, over 100, 1,000, 5,000 and 10,000 targets, and how much memory grew at 10,000;
- a run that is killed half way and carried on: what it looks at again, and the processor time that
  it takes until its next request, for nothing of it waits for anybody;
- targets a second where each answer takes a while, over a bare thread pool of as many threads
  that does nothing but wait for the same answers, of each the best of rounds that alternate.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from figures import figure

from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.script import Call, Reply
from respond.errors import ExitCode
from respond.ports import Intent
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import DANA, Boxes, BoxStage, runbook_of

SIZES = (100, 1000, 5000, 10_000)
GROWS = 1.3
MEMORY_MIB = 50
RESUME_S = 2.0
THROUGHPUT = 0.8
ANSWER_S = 0.1
"""How long the outside takes to answer where throughput is measured."""
TARGETS = 150

STEPS = (
    "  - {id: all_of, action: box.list}\n"
    "  - {id: each, for_each: all_of.names, as: n, limit: 1000, on_failure: continue,"
    " action: box.set, with: {name: '${{ n }}', value: new}}"
)


class Outside(Boxes):
    """Boxes in constant time: nothing of the past is kept, and nothing is remembered."""

    def fetch(self, call: Call) -> Reply:
        self.broken(call)
        if call.path == ("boxes",):
            return Reply(200, {}, {"names": sorted(self.values)})
        return Reply(200, {}, {"value": self.values.get(call.path[-1])})

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        intent.spend(digest)
        self.broken(call)
        self.values[call.path[-1]] = str(call.body["value"])
        return Reply(200, {}, {"ok": True})


class Slow(Outside):
    """An outside whose answers take a while; the time passes, and costs nothing."""

    def fetch(self, call: Call) -> Reply:
        time.sleep(ANSWER_S)
        return Outside.fetch(self, call)

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        time.sleep(ANSWER_S)
        return Outside.send(self, intent, call, digest)


class Hush:
    """A progress that remembers nothing."""

    def event(self, record: Any) -> None: ...

    def say(self, text: str) -> None: ...

    def waiting(self, what: str, seconds: float) -> None: ...

    def show_secret(self, title: str, value: str) -> None: ...


class Gone(BaseException):
    """The process is killed."""


def _stage(count: int, folder: Path, outside: type[Outside] = Outside) -> BoxStage:
    clock = SettableClock()
    journal = SqliteJournal.open(
        folder / "journal.db",
        keys=FolderKeys(folder / "keys"),
        clock=clock,
        create=True,
        actor=DANA,
    )
    values = {f"box-{n:05}": "old" for n in range(count)}
    stage = BoxStage(runbook_of(STEPS), values, journal=journal, clock=clock)
    stage.boxes = outside(clock, values)
    stage.says.boxes = stage.boxes
    stage.progress = Hush()  # type: ignore[assignment]
    return stage


def _one(count: int) -> None:
    """In a process of its own: CPU in ms a target, and MiB that the run added."""
    with tempfile.TemporaryDirectory() as text:
        warm = _stage(20, Path(text) / "warm")
        assert warm.advance() is ExitCode.DONE  # noqa: S101
        stage = _stage(count, Path(text) / "run")
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        assert stage.advance() is ExitCode.DONE  # noqa: S101
        spent = time.process_time() - began
        grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(spent / count * 1000, grew / 1024)


def _measured(count: int) -> tuple[float, float]:
    command = [sys.executable, __file__, "--one", str(count)]
    cpu, grew = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(cpu), float(grew)


def _resumed(count: int) -> tuple[int, float]:
    """How many finished targets a resumed run asks for again; CPU seconds to its next request."""
    with tempfile.TemporaryDirectory() as text:
        stage = _stage(count, Path(text))
        state: dict[str, Any] = {"writes": 0, "again": 0, "first": 0.0}
        done: set[str] = set()

        def half(call: Call) -> None:
            if call.method != "GET":
                state["writes"] += 1
                if state["writes"] > count // 2:
                    raise Gone

        stage.boxes.broken = half
        with contextlib.suppress(Gone):
            stage.advance()
        done = {name for name, value in stage.boxes.values.items() if value == "new"}
        began = time.process_time()

        def looks(call: Call) -> None:
            state["first"] = state["first"] or time.process_time() - began
            state["again"] += call.path[-1] in done

        stage.boxes.broken = looks
        assert stage.advance() is ExitCode.DONE  # noqa: S101
        return state["again"], state["first"]


def _four_answers() -> None:
    for _ in range(4):
        time.sleep(ANSWER_S)


def _throughput() -> float:
    """Targets a second of a run, over those of a bare pool that waits for the answers."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as text:
            stage = _stage(TARGETS, Path(text), Slow)
            began = time.perf_counter()
            assert stage.advance() is ExitCode.DONE  # noqa: S101
            ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with ThreadPoolExecutor(stage.site.at_once("box")) as pool:
            for _ in range(TARGETS):
                pool.submit(_four_answers)
        theirs.append(time.perf_counter() - began)
    return min(theirs) / min(ours)


def main() -> int:
    """Print each figure with its bound; exit 1 when one is beyond it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", type=int)
    given = parser.parse_args()
    if given.one:
        _one(given.one)
        return 0
    found = {count: _measured(count) for count in SIZES}
    least = found[SIZES[0]][0]
    wrong = False
    for count, (cpu, _) in found.items():
        name = f"CPU of a target of {count}, over one of {SIZES[0]}"
        wrong |= figure(name, cpu / least, "times", bound=GROWS, says=f"{cpu:.2f} ms")
    grew = found[SIZES[-1]][1] - found[SIZES[0]][1]
    wrong |= figure(f"memory growth at {SIZES[-1]} targets", grew, "MiB", bound=MEMORY_MIB)
    again, first = _resumed(5000)
    wrong |= figure("targets looked at twice after a resume half done", again, bound=0)
    wrong |= figure("start of a resume half done at 5000 targets", first, "s", bound=RESUME_S)
    name, ratio = "throughput of targets over a bare thread pool", _throughput()
    wrong |= figure(name, ratio, "times", bound=THROUGHPUT, at_least=True)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
