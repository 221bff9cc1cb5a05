"""Campaigns C1 and C4 for the inbox: killed, or failing, at each of its writes and syncs."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tests.crash import shim

from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.testing.settable_clock import SettableClock

SCRIPT = Path(__file__).with_name("inbox_script.py")
ALL = ["0", "1", "2", "3"]
MATCH = "state/inbox.db"

pytestmark = pytest.mark.skipif(bool(shim.why_not()), reason=shim.why_not() or "-")


def kept_after(folder: Path) -> list[str]:
    with SqliteInbox.open(folder / "state" / "inbox.db", clock=SettableClock()) as inbox:
        return [kept.event.key for kept in inbox.waiting(100)]


def cases(folder: Path, points: int, step: int) -> dict[str, shim.Case]:
    """Each point four ways: killed before it, killed in the middle of it, no room, I/O error."""
    found = {}
    for at in range(1, points + 1, step):
        for way in ("kill", "torn", "full", "error"):
            killed = way in ("kill", "torn")
            place = f"{way}{at}"
            found[place] = shim.Case(
                (str(folder / place),),
                fail_at=None if killed else at,
                errno=errno.ENOSPC if way == "full" else None,
                kill_at=at if killed else None,
                torn=way == "torn",
            )
    return found


@pytest.mark.promise("P17")
@pytest.mark.campaign("C1")
@pytest.mark.campaign("C4")
def test_at_any_write_or_sync_what_was_taken_is_there_once(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was said to be kept is there; what was refused or repeated is there at most once."""
    (whole,) = shim.run_forked(SCRIPT, [shim.Case((str(tmp_path / "whole"),))], match=MATCH)
    assert whole.stdout.split() == ALL
    assert kept_after(tmp_path / "whole") == ALL
    assert whole.counts["fdatasync"] >= len(ALL)
    step = 1 if request.config.getoption("--every-point") else 5
    planned = cases(tmp_path, len(whole.points), step)
    results = shim.run_forked(SCRIPT, planned.values(), match=MATCH)
    for place, result in zip(planned, results, strict=True):
        found = kept_after(tmp_path / place)
        assert len(found) == len(set(found)), (place, found)
        assert set(result.stdout.split()) <= set(found), (place, result)
