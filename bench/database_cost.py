"""Measure what a journal in PostgreSQL costs over one in a file, and how much one database takes.

    python bench/database_cost.py

The records of a step (an intent, its outcome, what was concluded) go into a journal in SQLite and
into one in PostgreSQL, in turns, on the same machine and disk; each keeps its mark in 0600 files.
The second figure is how many synced records several processes add to one journal at once.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import figure

from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_chain import ChainJournal
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_schema import init
from respond.adapters.store.team_keys import TeamKeys
from respond.core.events import Actor, Event, Kind, Strength
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster, bin_folder
from respond.testing.settable_clock import SettableClock

STEPS = 300
SECONDS = 4.0
BOUND = 3.0
DANA = Actor("dana", Strength.CLAIMED)

WRITER = """
import sys, time
from pathlib import Path
from respond.adapters.clock import SystemClock
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.team_keys import TeamKeys
from respond.core.events import Actor, Event, Kind, Strength
url, folder, name, seconds = sys.argv[1:]
dana, database = Actor("dana", Strength.CLAIMED), Database(url)
keys = TeamKeys(database, lambda: bytes(32), FolderKeys(Path(folder) / name))
with PostgresJournal.open(
    database, keys=keys, clock=SystemClock(), create=True, actor=dana
) as journal:
    sys.stdin.readline()
    end, count = time.monotonic() + float(seconds), 0
    while time.monotonic() < end:
        journal.append(Event(Kind.NOTICE, name, "", dana, {"says": "x" * 200}))
        count += 1
    print(count)
"""


def _step_ms(journal: ChainJournal, number: int) -> float:
    step = f"s{number}"
    began = time.perf_counter()
    intent = journal.intend(Event(Kind.INTENT, "CK-1", step, DANA, {}), digest="ab" * 32)
    told = {"intent": intent.seq, "how": "done"}
    journal.append(Event(Kind.OUTCOME, "CK-1", step, DANA, told), synced=False)
    journal.append(Event(Kind.OBSERVED, "CK-1", step, DANA, told), synced=False)
    return (time.perf_counter() - began) * 1000


def _cost(database: Database, folder: Path) -> bool:
    clock, own = SettableClock(), FolderKeys(folder / "keys")
    team = TeamKeys(database, lambda: bytes(32), FolderKeys(folder / "team"))
    made: list[Callable[[], ChainJournal]] = [
        lambda: PostgresJournal.open(database, keys=team, clock=clock, create=True, actor=DANA),
        lambda: SqliteJournal.open(
            folder / "file" / "journal.db", keys=own, clock=clock, create=True, actor=DANA
        ),
    ]
    with made[0]() as there, made[1]() as here:
        for journal in (there, here):
            journal.append(Event(Kind.PROPOSED, "CK-1", "", DANA, {}))
        pairs = [[_step_ms(journal, n) for journal in (there, here)] for n in range(STEPS)]
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    says = f"{theirs:.2f} ms over {ours:.2f}"
    name = "records of a step in PostgreSQL over those in SQLite"
    return figure(name, theirs / ours, "times", bound=BOUND, says=says)


def _at_once(url: str, folder: Path, count: int) -> int:
    """How many records so many processes add in a second."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(folder), f"W{n}", str(SECONDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for n in range(count)
    ]  # fmt: skip
    time.sleep(3)  # Until all of them have it open.
    for each in writers:
        assert each.stdin is not None  # noqa: S101 - it is a pipe
        each.stdin.write("\n")
        each.stdin.flush()
    return round(sum(int(each.communicate()[0]) for each in writers) / SECONDS)


def main() -> int:
    """Print the figures; exit 1 when one is beyond its bound."""
    if bin_folder() is None:
        print("PostgreSQL is not installed here")
        return 0
    with tempfile.TemporaryDirectory() as text, PostgresCluster.begin() as cluster:
        base, folder = cluster.new_base(), Path(text)
        with cluster.admin(base) as admin:
            init(admin, ENGINE_ROLE)
        url = cluster.url(base, ENGINE_ROLE)
        beyond = _cost(Database(url), folder)
        for count in (1, 4):
            name = f"synced records a second in one database, from {count} processes"
            figure(name, _at_once(url, folder, count))
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())
