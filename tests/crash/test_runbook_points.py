"""Campaigns C1 and C4 over whole runbooks: killed, torn and failed at writes and syncs.

A sample of the points in CI; ``--every-point`` takes them all. The company runs in the test's own
process and stays; the run dies in a fork, and the command line's ``resume`` carries it on.
"""

from __future__ import annotations

import errno
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.crash import shim

from respond.adapters.company_doors import Doors
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.cli.main import run
from respond.company import Server, default_company, serve
from respond.company.rehearsal import OPERATOR
from respond.core.events import Kind
from respond.errors import ExitCode
from respond.testing.crashing import SENT_AGAIN
from respond.testing.settable_clock import SettableClock

SCRIPT = Path(__file__).with_name("runbook_script.py")
RUNBOOKS = ("compromised-key", "compromised-user", "lost-2fa")

pytestmark = pytest.mark.skipif(bool(shim.why_not()), reason=shim.why_not() or "usable")
every_runbook = pytest.mark.parametrize("name", RUNBOOKS)


@dataclass(frozen=True)
class Stage:
    """One company and the state folder of the runs against it."""

    server: Server
    state: Path

    def argv(self, name: str) -> tuple[str, ...]:
        return (name, self.server.base_url, str(self.state))

    @property
    def run(self) -> str:
        """Id of the only rehearsal, or empty when it died before it had one."""
        folder = self.state / "respond" / "rehearsals"
        runs = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        return runs[0] if runs else ""

    @property
    def doors(self) -> Doors:
        return Doors.knock(self.server.base_url)

    def tally(self) -> Counter[tuple[str, str]]:
        effects = self.doors.get("effects")["effects"]
        return Counter((e["system"], e["kind"]) for e in effects)

    def intents(self) -> int:
        """Durable intents, as a fresh process reads them; none when there is no journal."""
        folder = self.state / "respond" / "rehearsals" / self.run
        if not self.run or not (folder / "journal.db").is_file():
            return 0
        with SqliteJournal.open(
            folder / "journal.db",
            keys=FolderKeys(folder / "keys"),
            clock=SettableClock(),
            create=True,
            actor=OPERATOR,
        ) as journal:
            return sum(r.event.kind is Kind.INTENT for r in journal.records())


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Callable[[], Stage]]:
    """Makes a fresh company with a fresh state folder for each point."""
    servers: list[Server] = []

    def make() -> Stage:
        servers.append(serve(default_company()))
        return Stage(servers[-1], tmp_path / f"state-{len(servers)}")

    yield make
    for server in servers:
        server.close()


def resumed(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> dict[str, Any]:
    """What ``resume --auto --json`` says."""
    monkeypatch.setenv("XDG_STATE_HOME", str(stage.state))
    capsys.readouterr()
    code = run(["resume", stage.run, "--auto", "--json"])
    out, err = capsys.readouterr()
    return {"code": code, "out": out, "err": err, "said": json.loads(out) if out else {}}


@cache
def undisturbed(name: str) -> tuple[int, Counter[tuple[str, str]]]:
    """How many points a whole run has, and what it does to the company."""
    with serve(default_company()) as server, tempfile.TemporaryDirectory() as folder:
        stage = Stage(server, Path(folder))
        (result,) = shim.run_forked(SCRIPT, [shim.Case(stage.argv(name))])
        assert result.returncode == 0, result.stderr[-2000:]
        return len(result.points), stage.tally()


@every_runbook
@pytest.mark.campaign("C1")
@pytest.mark.promise("P1", "P2", "P3")
def test_killed_at_any_write_or_sync_the_resumed_run_does_each_thing_once(
    name: str,
    staged: Callable[[], Stage],
    todays: Callable[[range, int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    """Also with half of the write on the disk."""
    total, base = undisturbed(name)
    points = todays(range(1, total + 1), total // 3)
    stages = [staged() for _ in points]
    cases = [
        shim.Case(stage.argv(name), kill_at=at, torn=at % 2 == 0)
        for stage, at in zip(stages, points, strict=True)
    ]
    for stage, at, result in zip(stages, points, shim.run_forked(SCRIPT, cases), strict=True):
        assert result.killed, f"point {at}: {result.stderr[-500:]}"
        assert stage.tally().total() <= _effects_per_intent(stage), f"point {at}"
        if not stage.intents() and not stage.run:
            continue
        answer = resumed(stage, monkeypatch, capsys)
        if "there is no run" in answer["err"]:
            # It died before the run was recorded, and so before anything was looked at.
            assert stage.tally().total() == 0
            continue
        extra = stage.tally() - base
        assert answer["code"] == 0, f"point {at}: {answer['err'][-800:]}"
        assert not base - stage.tally(), f"point {at}: {base - stage.tally()} is missing"
        # A sign-out of which nobody knows is sent again, once for each answer that was lost.
        again = {effect: n for effect, n in extra.items() if effect in SENT_AGAIN}
        assert set(again.values()) <= {1}
        extra -= Counter(again)
        # A new key whose value died with the process is removed, and another one made.
        assert set(extra) <= {("customerio", "app_key.created"), ("customerio", "app_key.revoked")}
        assert extra.total() in (0, 2), f"point {at}: {extra}"
    record_property("points", f"{len(points)} of {total}")
    print(f"C1 {name}: {len(points)} of {total} points")  # noqa: T201 - read with -rA


def _effects_per_intent(stage: Stage) -> int:
    """No effect without a durable intent; one intent of Slack's may also open the conversation,
    and removing or adding a member also ends sessions or sends an invitation.
    """
    return 2 * stage.intents()


@every_runbook
@pytest.mark.campaign("C4")
@pytest.mark.promise("P1")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["disk-full", "io-error"])
def test_a_disk_that_fails_at_any_point_stops_the_run_before_its_next_effect(
    name: str,
    number: int,
    staged: Callable[[], Stage],
    todays: Callable[[range, int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 7 or 8 in words; with the disk in order again, the run is carried to its end."""
    total, base = undisturbed(name)
    points = todays(range(1, total + 1), total // 2)
    stages = [staged() for _ in points]
    cases = [
        shim.Case(stage.argv(name), fail_at=at, errno=number)
        for stage, at in zip(stages, points, strict=True)
    ]
    for stage, at, result in zip(stages, points, shim.run_forked(SCRIPT, cases), strict=True):
        ends = (ExitCode.JOURNAL_UNUSABLE, ExitCode.JOURNAL_BROKEN)
        # A sync that fails while the file is closed at the very end came too late to matter.
        assert result.returncode in (*ends, ExitCode.DONE), f"point {at}: {result.stderr[-800:]}"
        assert stage.tally().total() <= _effects_per_intent(stage), f"point {at}"
        if result.returncode != ExitCode.DONE:
            assert "Traceback" not in result.stderr, f"point {at}: {result.stderr[-2000:]}"
            assert '"error"' in result.stderr, f"point {at}"
        if stage.run and stage.intents():
            answer = resumed(stage, monkeypatch, capsys)
            assert answer["code"] == 0, f"point {at}: {answer['err'][-800:]}"
            assert not base - stage.tally(), f"point {at}"
