"""Two to eight processes on one run at the same moment: one does it, each of the others is told."""

from __future__ import annotations

# ruff: noqa: S603 - this Python, on a program of this file
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.team_keys import TeamKeys
from respond.audit.checkpoint import NoteKey
from respond.audit.verify import Verification, verify
from respond.core.events import Kind
from respond.testing.contract_journal import DANA, event
from respond.testing.journals import stored_rows
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster

pytestmark = [pytest.mark.long, pytest.mark.campaign("races"), pytest.mark.promise("P2")]

TEAM_KEY = bytes(range(32))
RACERS = 8
RACES, ALL_RACES = 25, 1_000
SEED = 20261130

RACER = """
import os, sys
from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.run_lock_postgres import DatabaseRunLocks
from respond.adapters.store.server_memory_postgres import PostgresMemory
from respond.adapters.store.team_keys import TeamKeys
from respond.core.events import Kind
from respond.errors import RunTakenError
from respond.testing.contract_journal import DANA, event

database = Database(sys.argv[1])
keys = TeamKeys(database, lambda: bytes(range(32)), MemoryKeys())
journal = PostgresJournal.open(
    database, keys=keys, clock=SystemClock(), create=False, actor=DANA
)
locks, memory = DatabaseRunLocks(database), PostgresMemory(database)
effects = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
print("ready", flush=True)
for line in sys.stdin:
    run = line.strip()
    first = memory.spend(f"answer to {run}", 60)
    try:
        with locks.hold(run):
            if any(each.event.kind is Kind.OUTCOME for each in journal.records(run)):
                came_to = "late"
            else:
                journal.take(event(Kind.TAKEN, run))
                intent = journal.intend(event(Kind.INTENT, run, "close"), digest="ab" * 32)
                os.write(effects, f"{run}\\n".encode())
                journal.append(event(Kind.OUTCOME, run, "close", intent=intent.seq))
                came_to = "did it"
    except RunTakenError:
        came_to = "refused"
    print(came_to, "first" if first else "second", flush=True)
"""


@pytest.fixture
def journal(database: Database) -> Iterator[PostgresJournal]:
    """The team's journal, on a machine of its own."""
    keys = TeamKeys(database, lambda: TEAM_KEY, MemoryKeys())
    clock = SystemClock()
    with PostgresJournal.open(database, keys=keys, clock=clock, create=True, actor=DANA) as made:
        yield made


@pytest.fixture
def racers(
    postgres: PostgresCluster, base: str, journal: PostgresJournal, tmp_path: Path
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that wait for the name of a run."""
    del journal  # It is there before they open it.
    words = [sys.executable, "-c", RACER, postgres.url(base, ENGINE_ROLE), str(tmp_path / "done")]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        started: list[subprocess.Popen[str]] = []
        for _ in range(RACERS):
            process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, bufsize=1)
            started.append(stack.enter_context(process))
            stack.callback(process.kill)
        assert [said(each) for each in started] == ["ready"] * RACERS
        yield started


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_processes_that_meet_at_a_run_one_does_it(
    journal: PostgresJournal,
    racers: list[subprocess.Popen[str]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Its write happens once, one answer counts as the first, and what all wrote is one chain."""
    races = ALL_RACES if request.config.getoption("--every-point") else RACES
    chance = random.Random(SEED)  # noqa: S311 - no secret
    ends: Counter[str] = Counter()
    for n in range(races):
        run = f"R{n}"
        journal.append(event(Kind.PROPOSED, run))
        chosen = chance.sample(racers, chance.randint(2, RACERS))
        for each in chosen:
            assert each.stdin is not None
            each.stdin.write(f"{run}\n")
        came_to = [said(each).rsplit(" ", 1) for each in chosen]
        assert [how for how, _ in came_to].count("did it") == 1, came_to
        assert [order for _, order in came_to].count("first") == 1, came_to
        ends.update(how for how, _ in came_to)
    done = (tmp_path / "done").read_text(encoding="utf-8").split()
    assert done == [f"R{n}" for n in range(races)]
    assert ends["refused"], "they never met"
    key = NoteKey.parse(journal.public_key)
    report = verify(stored_rows(journal), keys=[key])
    assert report.answer in {Verification.INTACT, Verification.UNANCHORED}, report.says
    print(f"races: {races}, {dict(ends)}, seed {SEED}")  # noqa: T201
