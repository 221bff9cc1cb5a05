"""Is each runbook whole, ours alone to change, reviewed, and rehearsed?"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from respond.adapters.ordinary_file import OPEN_DO, names_in, who_else_decides
from respond.audit.source import open_rows
from respond.audit.verify import SourceError
from respond.checks.doctor.looking import (
    DAY_S,
    Bears,
    Doctor,
    Findings,
    FoundTrouble,
    JournalRead,
    day_of,
    iso_s,
)
from respond.checks.rights import called_by
from respond.company.rehearsal import recall
from respond.formats.project.project import FILE

if TYPE_CHECKING:
    from respond.core.runbook import Runbook

__all__ = ["open_to_others", "rehearsed", "runbooks"]

REVIEW_DAYS_MAX: Final = 180


def runbooks(at: Doctor) -> Findings:
    """Faults, and when somebody last held it against the world."""
    for name, one in at.checked.items():
        if name in at.runbooks:
            yield from _reviewed(at.runbooks[name], int(at.now_s))
            continue
        more = f" and {len(one.faults) - 1} more" if len(one.faults) > 1 else ""
        yield FoundTrouble(
            "runbook/fault",
            f"{name} has a fault: {one.faults[0].what}{more}",
            "it cannot be run",
            f"respond check {name}",
            Bears.STOPS,
            (name,),
        )


def open_to_others(at: Doctor) -> Findings:
    """Files of the project that say what a run does, and that somebody else could change."""
    if (project := at.places.project) is None:
        return
    own = (each for each in at.places.runbooks().values() if not each.shipped)
    concerned = {project / FILE: at.every, **{each.path: _who_runs(at, each.name) for each in own}}
    for path, names in concerned.items():
        if at.only and not names:
            continue
        for what in who_else_decides(path, project):
            yield FoundTrouble(
                "project/open",
                f"{path.relative_to(project)}: {what}",
                "who changes it says what a run does to real systems",
                OPEN_DO,
                Bears.STOPS,
                names,
            )


def _who_runs(at: Doctor, name: str) -> tuple[str, ...]:
    """A runbook that is looked at, and those that call it."""
    return tuple(
        each for each in at.every if each == name or name in called_by(at.runbooks.get(each))
    )


def _reviewed(runbook: Runbook, now_s: int) -> Findings:
    do = "read it against the world, rehearse it, then set 'reviewed' in the file"
    if not runbook.reviewed:
        what = f"{runbook.name} says no date of review"
        yield FoundTrouble(
            "runbook/not-reviewed", what, "it may be stale", do, runbooks=(runbook.name,)
        )
        return
    days = int((now_s - iso_s(f"{runbook.reviewed}T00:00:00Z")) // DAY_S)
    if days > REVIEW_DAYS_MAX:
        yield FoundTrouble(
            "runbook/old-review",
            f"{runbook.name} was last reviewed {days} days ago",
            "consoles, people and roles change; a stale instruction costs minutes at night",
            do,
            runbooks=(runbook.name,),
        )


def rehearsed(at: Doctor) -> Findings:
    """When it was last rehearsed to a good end."""
    done, begun = _rehearsals(at.places.rehearsals)
    for name in at.runbooks:
        last = done.get(name)
        if last is not None and at.now_s - last <= REVIEW_DAYS_MAX * DAY_S:
            at.rehearsed[name] = day_of(last)
            continue
        if last is not None:
            what = f"{name} was last rehearsed on {day_of(last)}"
        elif name in begun:
            what = f"{name} was never rehearsed to its end here"
        else:
            what = f"{name} was never rehearsed here"
        why = "the first time should not be at 3 a.m."
        do = f"respond rehearse {name}"
        yield FoundTrouble("runbook/not-rehearsed", what, why, do, runbooks=(name,))


def _rehearsals(folder: Path) -> tuple[dict[str, float], set[str]]:
    """When each runbook was last rehearsed to a good end, and which were begun at all."""
    done: dict[str, float] = {}
    begun: set[str] = set()
    names: list[str] = []
    with suppress(OSError):  # Of the disk and its rights another finding says more.
        names = names_in(folder)
    for run in (folder / name for name in names):
        try:
            name = str(recall(run).get("runbook") or "")
        except (OSError, ValueError):
            continue
        if not name:
            continue
        begun.add(name)
        read = JournalRead()
        with suppress(SourceError):
            deque(read.rows(partial(open_rows, run / "journal.db")), maxlen=0)
        if read.is_whole and read.ended_well_s:
            done[name] = max(done.get(name, 0.0), read.ended_well_s)
    return done, begun
