"""The database dies in the middle of a run: killed, crashed, hanging, full. Nothing leaves without
a durable intent, the message says what to do, and the run is carried on when it is back.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store import postgres as reaching
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_schema import init
from respond.adapters.store.team_keys import TeamKeys
from respond.audit.verify import Verification
from respond.company.crash_points import Moments
from respond.core.events import Kind
from respond.errors import ExitCode, JournalUnusableError
from respond.testing.contract_journal import DANA, event
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.runbook_kit import Stage
from respond.testing.settable_clock import SettableClock
from respond.wiring.stores import DatabaseStore

pytestmark = pytest.mark.long

STEPS = 3
RUNBOOK = """\
runbook: changes
title: Some changes
summary: Changes a note again and again.
use_when: In tests.
owner: ops
reviewed: "2026-11-23"
steps:
""" + "".join(
    f"""\
  - id: s{n}
    title: Change {n}
    phase: recover
    action: http.change
    with:
      observe: {{path: [items, door-7], pick: [note]}}
      becomes: {{note: "round {n}"}}
      apply: {{method: PUT, path: [items, door-7], body: {{enabled: true, note: "round {n}"}}}}
"""
    for n in range(STEPS)
)


@dataclass(slots=True)
class Dies(Moments):
    """Does something to the database at a moment of the run, instead of ending the process."""

    do: Callable[[], None] = lambda: None
    at: int = -1
    passed: list[str] = field(default_factory=list)

    def here(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) - 1 == self.at:
            self.do()


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    """A company, and a runbook of three writes whose runs are recorded in the database."""
    project = tmp_path / "project"
    (project / "runbooks").mkdir(parents=True)
    (project / "respond.toml").write_text("")
    (project / "runbooks" / "changes.yaml").write_text(RUNBOOK)
    keys = TeamKeys(database, lambda: bytes(32), MemoryKeys())
    store = DatabaseStore(
        database, lambda: bytes(32), keys, tmp_path, lambda *_: None, lambda _: None
    )
    with Stage(tmp_path / "state", "changes", project=project, kept_in=store) as stage:
        yield stage


def writes(stage: Stage) -> int:
    return stage.counts()["widgets"]["writes"]


def intents(stage: Stage) -> int:
    assert stage.kept_in is not None
    with stage.kept_in.rows() as rows:
        columns = [row.columns for row in rows if row.columns]
    return sum(kind == "intent" and run == stage.run for kind, run, *_ in columns)


def dies_at(
    stage: Stage, at: int, do: Callable[[], None], mend: Callable[[], None] = lambda: None
) -> str:
    """Carry a new run on with a database that dies at a moment; gives what was said.

    Asserts that no write left without its intent, and that the run then comes to its end with each
    write done once.
    """
    stage.run = f"XX-{at}"
    before = writes(stage)
    says = ""
    try:
        stage.advance(Dies(do=do, at=at))
    except JournalUnusableError as error:
        says = str(error)
    finally:
        mend()
    assert writes(stage) - before <= intents(stage)
    assert stage.advance() is ExitCode.DONE
    assert writes(stage) - before == STEPS
    return says


@pytest.mark.promise("P1", "P3")
def test_a_session_that_is_ended_at_any_moment_stops_the_run_before_its_next_write(
    postgres: PostgresCluster,
    base: str,
    stage: Stage,
    todays: Callable[[Sequence[int], int], list[int]],
) -> None:
    """No effect without a durable intent; what happened is in the words; resuming does the rest."""
    all_moments = Dies()
    assert stage.advance(all_moments) is ExitCode.DONE

    def end_all() -> None:
        with postgres.admin(base) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                (ENGINE_ROLE,),
            )

    points = todays(range(len(all_moments.passed)), 9)
    said = [dies_at(stage, at, end_all) for at in points]
    assert len([text for text in said if text]) >= len(points) - 2, "at the end it came too late"
    for text in filter(None, said):
        assert "could not be reached, read or written" in text
        assert "respond resume" in text
    assert stage.kept_in is not None
    assert stage.kept_in.verified().answer in {Verification.INTACT, Verification.UNANCHORED}


@pytest.mark.promise("P1", "P3")
def test_a_database_that_crashes_or_hangs_stops_the_run_and_is_taken_up_again(
    postgres: PostgresCluster, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pg_ctl stop -m immediate` while a write is under way; and a server that stops answering."""

    def crash() -> None:
        postgres.stop(signal.SIGQUIT)

    moments = Dies()
    assert stage.advance(moments) is ExitCode.DONE
    sends = [n for n, name in enumerate(moments.passed) if "send" in name or "intend" in name]
    says = dies_at(stage, sends[1], crash, postgres.start)
    assert "see that it runs" in says

    def hang() -> None:
        monkeypatch.setattr(reaching, "_SILENT_S", 0.3)  # Not before: it may be slow all the same.
        postgres.pause()

    def go_on() -> None:
        monkeypatch.undo()
        postgres.pause(going_on=True)

    assert "no answer for" in dies_at(stage, sends[-1], hang, go_on)


def fill(journal: PostgresJournal, filled: list[int]) -> None:
    """Add records until there is no room; ``filled`` says which were added."""
    while True:
        random = os.urandom(250_000).hex()  # It cannot be compressed.
        filled.append(journal.append(event(Kind.NOTICE, says=random)).seq)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_of_the_database_is_named_and_nothing_is_lost(
    postgres: PostgresCluster,
) -> None:
    """What was recorded stands; with room again, the same journal goes on."""
    disk = Path(tempfile.mkdtemp(prefix="respond-small-", dir="/tmp"))
    mount, umount = shutil.which("mount"), shutil.which("umount")
    made = [str(mount), "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]
    if subprocess.run(made, check=False, capture_output=True).returncode:  # noqa: S603 (ours)
        pytest.skip("no disk can be mounted here")
    base = "small"
    try:
        shutil.chown(disk, "postgres")
        with postgres.admin() as admin:
            admin.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            admin.execute(f"CREATE DATABASE {base} TABLESPACE small")
        with postgres.admin(base) as admin:
            init(admin, ENGINE_ROLE)
        database = Database(postgres.url(base, ENGINE_ROLE))
        keys = TeamKeys(database, lambda: bytes(32), MemoryKeys())
        clock = SettableClock()
        with PostgresJournal.open(
            database, keys=keys, clock=clock, create=True, actor=DANA
        ) as journal:
            filled: list[int] = []
            with pytest.raises(JournalUnusableError, match="has no room") as full:
                fill(journal, filled)
            assert "make room" in full.value.do
            more = [str(mount), "-o", "remount,size=60m", str(disk)]
            subprocess.run(more, check=True)  # noqa: S603 (ours)
            assert journal.reopen()
            there = journal.head().size
            assert journal.append(event(Kind.NOTICE)).seq == there == filled[-1] + 1
    finally:
        with postgres.admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {base} WITH (FORCE)")
            admin.execute("DROP TABLESPACE IF EXISTS small")
        subprocess.run([str(umount), "-l", str(disk)], check=False)  # noqa: S603 (ours)
        disk.rmdir()
