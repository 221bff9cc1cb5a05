"""Find the last review of the same kind, and say how this one's findings stand to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from respond.core.finding import Finding
from respond.core.fold import RunState, fold
from respond.core.recorded import Proposed, content_of
from respond.core.review import ReviewEnd, compared
from respond.engine.setting import Site
from respond.ports import Journal

__all__ = ["last_review", "review_end"]

_RUNS_MAX: Final = 5_000
"""How far back it is looked for; a review that runs daily is not that far away."""


def last_review(journal: Journal, state: RunState) -> RunState | None:
    """The newest review of the same runbook, mode and connection that came to its end."""
    own = state.proposed
    alike = f"{state.id.partition('-')[0]}-"  # The initials of the runbook: others are not read.
    for run in reversed(journal.runs(newest=_RUNS_MAX)):
        if run == state.id or not run.startswith(alike):
            continue
        first = next(iter(journal.records(run)), None)
        said = content_of(first.event) if first is not None else None
        if not isinstance(said, Proposed) or said.runbook != own.runbook:
            continue
        if (said.mode, said.connection) != (own.mode, own.connection):
            continue
        found = fold(journal.records(run))
        if found is not None and found.ended.review is not None:
            return found
    return None


def review_end(state: RunState, last: RunState | None, site: Site, at: str) -> ReviewEnd:
    """What a review came to, now that all of its steps are concluded."""

    def found() -> Iterator[tuple[str, Finding]]:
        for address, step in state.steps.items():
            for each in step.conclusion.found if step.conclusion is not None else ():
                yield address, each

    ends = {a: s.conclusion for a, s in state.steps.items() if s.conclusion is not None}
    marks = compared(
        found(),
        looked={address for address, end in ends.items() if end.how.has_output and end.proved},
        last=last.ended.review if last is not None else None,
        accepted=site.review.accepted,
        persons={person.id for person in site.persons},
        at=at,
    )
    if last is None:
        return ReviewEnd(marks)
    return ReviewEnd(marks, last.id, last.ended_at)
