"""Measure what grows with finished runs, and with the events of one run.

    python bench/journal.py [--most 10000]

Beside 0 to 10,000 runs that are over: a run that does nothing, from the command line to its end,
over the same in a journal that was empty; which runs are not over, which is asked before the first
write of a run; and ``respond runs``. For one run: what folding an event
costs in a run of 100, 1,000 and 10,000. Processor time in this process, each the least of some
rounds, so that starting Python is not in it. The files lie in memory where there is such a place,
so that no disk is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from figures import figure

from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.cli import main as command_line
from respond.core.events import Actor, Record, Strength
from respond.core.fold import fold
from respond.testing.example_run import ExampleRun
from respond.testing.journals import finished_runs

ROUNDS = 9
BOUND_START = 1.2
BOUND_US = 2.0
BOUND_LIST_S = 0.3
BOUND_FOLD = 1.3
DANA = Actor("dana", Strength.CLAIMED)
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
RUNBOOK = """\
runbook: nothing
title: Nothing to do
summary: For the bench.
use_when: Never.
owner: bench
reviewed: "2026-11-23"
steps:
  - id: one
    title: Nobody does it
    when: "false"
    action: human.do
    with: {instructions: Nothing}
"""


def _least(*works: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Seconds of processor time of each work; they take turns, so that noise meets all alike."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, found, strict=True):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return [min(times) for times in found]


def _respond(home: Path, *words: str) -> None:
    """Run a command that must end well; what it prints is not looked at."""
    os.environ["XDG_STATE_HOME"] = str(home)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command_line.run(list(words))
    if code:
        raise SystemExit(f"respond {' '.join(words)} ended with {code}:\n{printed.getvalue()}")


def _beside_finished(folder: Path, sizes: list[int]) -> bool:
    beyond = False
    (folder / "runbooks").mkdir()
    (folder / "runbooks" / "nothing.yaml").write_text(RUNBOOK, encoding="utf-8")
    (folder / "respond.toml").write_text('[journal]\nkeys = "file"\n', encoding="utf-8")
    os.chdir(folder)
    there = 0
    for size in sizes:
        with _opened(folder / "full") as journal:
            finished_runs(journal, size - there, first=there)
        there = size
        empty, start = _least(
            lambda: _respond(folder / "empty", "nothing", "--yes"),
            lambda: _respond(folder / "full", "nothing", "--yes"),
        )
        name = f"start of a run beside {size} finished, over an empty journal"
        beyond |= figure(
            name, start / empty, "times", bound=BOUND_START, says=f"{start * 1000:.0f} ms"
        )
        with _opened(folder / "full") as journal:
            (asked,) = _least(journal.unfinished)
        if size:
            name = f"which runs are not over, a run, beside {size} finished"
            beyond |= figure(name, asked * 1e6 / size, "us", bound=BOUND_US)
        (listed,) = _least(lambda: _respond(folder / "full", "runs"), rounds=5)
        beyond |= figure(f"runs beside {size} finished", listed, "s", bound=BOUND_LIST_S)
    return beyond


def _opened(home: Path) -> SqliteJournal:
    state = home / "respond"
    state.mkdir(parents=True, mode=0o700, exist_ok=True)
    keys, clock = FolderKeys(state / "keys"), SystemClock()
    path = state / "journal.db"
    return SqliteJournal.open(path, keys=keys, clock=clock, create=True, actor=DANA)


def _long_run(events: int) -> list[Record]:
    """A run with as many events: steps with a write each."""
    night = ExampleRun().propose().look().start()
    write = night.plan.steps[1].writes[0]
    number = 0
    while len(night.records) < events:
        night.write(f"each[{number}]", write)
        night.observe(f"each[{number}]", how="done")
        number += 1
    return night.records


def _folds(sizes: list[int]) -> bool:
    beyond = False
    runs = [_long_run(size) for size in sizes]
    found = _least(*(partial(fold, records) for records in runs), rounds=ROUNDS)
    each = [seconds / len(records) for seconds, records in zip(found, runs, strict=True)]
    for size, seconds in zip(sizes, each, strict=True):
        name = f"fold of an event in a run of {size}, over one of {sizes[0]}"
        says = f"{seconds * 1e6:.0f} us"
        beyond |= figure(name, seconds / each[0], "times", bound=BOUND_FOLD, says=says)
    return beyond


def main() -> int:
    """Print each figure beside its bound; 1 where one is beyond it."""
    os.umask(0o077)
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--most", type=int, default=10_000)
    most = asked.parse_args().most
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as made:
        beyond = _beside_finished(Path(made), [n for n in (0, 100, 1_000, 10_000) if n <= most])
    return int(_folds([100, 1_000, 10_000]) or beyond)


if __name__ == "__main__":
    sys.exit(main())
