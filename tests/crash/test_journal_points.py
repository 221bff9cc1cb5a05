"""Campaigns C1 and C4 at the journal: every write and sync of a run is killed, torn, and failed.

A third of them each day; ``--every-point`` takes them all.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.crash import shim

from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.audit.verify import Verification
from respond.core.events import Actor, Event, Kind, Strength
from respond.errors import ExitCode
from respond.testing.journals import outside_evidence, verify_file
from respond.testing.settable_clock import SettableClock

pytestmark = pytest.mark.skipif(bool(shim.why_not()), reason=shim.why_not() or "usable")

SCRIPT = Path(__file__).with_name("journal_script.py")
PATH = "state/journal.db"
RUN = "CK-7F3Q"
DANA = Actor("dana", Strength.CLAIMED)
Todays = Callable[[Sequence[shim.Point], int], list[shim.Point]]


def runs(
    tmp_path: Path, cases: Iterable[tuple[Any, dict[str, Any]]]
) -> Iterator[tuple[Any, Path, shim.ShimResult]]:
    """Run the script once a case, each in a folder of its own; gives case, folder and result."""
    cases = list(cases)
    folders = [tmp_path / f"run-{number}" for number in range(len(cases))]
    for folder in folders:
        folder.mkdir()
    orders = [
        shim.Case((str(folder),), **settings)
        for folder, (_, settings) in zip(folders, cases, strict=True)
    ]
    results = shim.run_forked(SCRIPT, orders)
    for (case, _), folder, result in zip(cases, folders, results, strict=True):
        yield case, folder, result


def said(result: shim.ShimResult, word: str) -> list[int]:
    """The numbers that the script printed behind a word."""
    lines = [line.split() for line in result.stdout.splitlines()]
    return [int(line[1]) for line in lines if line[0] == word]


def assert_nothing_was_lost(folder: Path, result: shim.ShimResult) -> None:
    """What was said to be recorded is there, whole, and the journal can be gone on with."""
    promised = said(result, "recorded") + said(result, "intent")
    sent = said(result, "sent")
    keys = FolderKeys(folder / "keys")
    with SqliteJournal.open(
        folder / PATH, keys=keys, clock=SettableClock(), create=True, actor=DANA
    ) as journal:
        records = list(journal.records())
        assert all(seq < len(records) for seq in promised)
        intents = {r.seq for r in records if r.event.kind is Kind.INTENT}
        assert set(sent) <= intents, "an effect without a durable intent"
        if any(r.event.run == RUN for r in records):
            journal.take(Event(Kind.TAKEN, RUN, "", DANA, {}))
        journal.checkpoint("after the crash")
    key, mark = outside_evidence(folder / PATH, keys)
    assert key is not None
    report = verify_file(folder / PATH, keys=[key], mark=mark)
    assert report.answer is Verification.INTACT, report.says


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> tuple[shim.Point, ...]:
    """Every point of an undisturbed run."""
    (result,) = shim.run_forked(SCRIPT, [shim.Case((str(tmp_path_factory.mktemp("whole")),))])
    assert result.returncode == 0, result.stderr
    return result.points


@pytest.mark.promise("P1")
@pytest.mark.campaign("C1")
def test_a_sync_stands_between_asking_and_intent(tmp_path: Path) -> None:
    """Between asking for an intent and holding it, the log is written and then synced."""
    # Standard output is watched too, so that its lines stand among the points.
    out = tmp_path / "said-journal.db"
    argv = [
        "/bin/sh",
        "-c",
        f'exec "$0" "$1" "$2" > {out}',
        sys.executable,
        str(SCRIPT),
        str(tmp_path),
    ]
    result = shim.run_under_shim(argv)
    assert result.returncode == 0, result.stderr
    lines = iter(out.read_text(encoding="ascii").splitlines())
    story = [next(lines) if p.path == str(out) else f"{p.call} {p.path}" for p in result.points]
    asked = [n for n, line in enumerate(story) if line.startswith("asked")]
    held = [n for n, line in enumerate(story) if line.startswith("intent")]
    assert len(asked) == len(held) == 2
    for begin, end in zip(asked, held, strict=True):
        between = story[begin + 1 : end]
        syncs = [n for n, line in enumerate(between) if line.startswith("fdatasync")]
        assert syncs, between
        assert between[syncs[-1]].endswith("journal.db-wal")
        assert syncs[-1] == len(between) - 1, "written after the sync"
        assert any(line.startswith("pwrite") for line in between)


@pytest.mark.promise("P1", "P3")
@pytest.mark.campaign("C1")
@pytest.mark.parametrize("torn", [False, True])
def test_killed_at_every_point(
    tmp_path: Path, points: tuple[shim.Point, ...], todays: Todays, *, torn: bool
) -> None:
    """Killed before each write and sync, or in the middle of each write: nothing said is lost."""
    assert len(points) > 20
    wanted = todays([point for point in points if not torn or "write" in point.call], 3)
    cases = [(point, {"kill_at": point.number, "torn": torn}) for point in wanted]
    for point, folder, result in runs(tmp_path, cases):
        assert result.killed, (point, result.stderr)
        assert_nothing_was_lost(folder, result)


@pytest.mark.promise("P1")
@pytest.mark.campaign("C4")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_failing_at_every_point(
    tmp_path: Path, points: tuple[shim.Point, ...], todays: Todays, code: int
) -> None:
    """A full or broken disk at each call: status 8, a message, nothing sent without an intent."""
    cases = [(point, {"fail_at": point.number, "errno": code}) for point in todays(points, 3)]
    for point, folder, result in runs(tmp_path, cases):
        assert result.returncode in {0, ExitCode.JOURNAL_UNUSABLE}, (point, result.stderr)
        if result.returncode:
            assert "Traceback" not in result.stderr
            assert "do:" in result.stderr
        else:
            # Only after the last promise: what failed was tidying up while closing.
            assert said(result, "signed"), point
        assert_nothing_was_lost(folder, result)


@pytest.mark.promise("P1")
@pytest.mark.campaign("C4")
def test_after_a_failed_sync_nothing_more_is_written(
    tmp_path: Path, points: tuple[shim.Point, ...]
) -> None:
    """A sync that failed is not asked again for the same record, and no intent follows it."""
    syncs = [point for point in points if point.call == "fdatasync"]
    cases = [(point, {"fail_at": point.number, "errno": errno.EIO}) for point in syncs]
    for point, _, result in runs(tmp_path, cases):
        whole = len(said(result, "intent"))
        assert whole <= sum(1 for p in result.points if p.call == "fdatasync" and p != point)
        if result.returncode:
            assert not said(result, "signed")


def test_the_shim_counts_what_the_kernel_sees(tmp_path: Path) -> None:
    """The points are real calls: a script with known calls gives just those."""
    script = (
        "import os, sys\n"
        "fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "os.write(fd, b'abcd'); os.pwrite(fd, b'ef', 4); os.fdatasync(fd); os.fsync(fd)\n"
        "os.ftruncate(fd, 1)\n"
    )
    path = tmp_path / "journal.db"
    argv = [sys.executable, "-c", script, str(path)]
    result = shim.run_under_shim(argv)
    assert [point.call for point in result.points] == [
        "write", "pwrite", "fdatasync", "fsync", "ftruncate",
    ]  # fmt: skip
    assert {point.path for point in result.points} == {str(path)}
    torn = shim.run_under_shim(argv, kill_at=1, torn=True)
    assert torn.killed
    assert path.read_bytes() == b"ab"
    failed = shim.run_under_shim(argv, fail_at=3, errno=errno.ENOSPC)
    assert os.strerror(errno.ENOSPC) in failed.stderr
