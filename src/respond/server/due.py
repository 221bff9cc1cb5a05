"""Say when a run that a server carries on is worth another advance. Time is handed in.

A run that waits for people is left alone until one of them has said something; what waits for time
or for a system that did not answer comes again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from respond.core.approval import Standing
from respond.core.fold import RunState, RunStatus
from respond.core.recorded import AskKind
from respond.engine.other_people import has_news
from respond.errors import ExitCode

__all__ = ["Pace", "due_s", "is_ours"]

_WAIT_S: Final = 30
"""A wait of the runbook, or something that is not there yet, is looked at again after this."""

_WATCH_S: Final = (60, 60, 60, 60, 60, 300)
"""Pauses between looks at a person's work: they may have done it and said nothing."""

_STUCK_S: Final = 60

_TROUBLE_S: Final = (60, 120, 300, 900)
"""Pauses after a system, a credential or a disk was not there; the last repeats."""


def is_ours(state: RunState) -> bool:
    """Whether a server carries this run on, and not a person at a terminal."""
    return state.is_served and state.status is not RunStatus.ENDED


def due_s(state: RunState, standing: Standing | None, tried: int) -> int | None:
    """Seconds after it was last tried until it is worth another advance; None while people think.

    Args:
        state: The run; one of ours.
        standing: Of what people are asked now; None when nobody is asked.
        tried: How often it was advanced in a row and came no further.
    """
    if state.status is not RunStatus.PARKED or state.answers or state.cancelled:
        return 0
    if standing in (Standing.AGREED, Standing.DENIED, Standing.VOID):
        return 0
    match state.asks.kind:
        case AskKind.APPROVAL:
            return 0 if standing is Standing.EXPIRED else None
        case AskKind.TASK if state.asks.watched:
            return _nth(_WATCH_S, tried)
        case AskKind.QUESTION | AskKind.TASK | AskKind.INPUTS:
            return 0 if state.asks.question == "AskAgain" and has_news(state) else None
        case AskKind.NOTHING:
            pass
    if state.parked.exit == ExitCode.PARKED:
        return _WAIT_S
    return _nth(_TROUBLE_S, tried)


def _nth(pauses: Sequence[int], n: int) -> int:
    return pauses[min(n, len(pauses) - 1)]


@dataclass(slots=True)
class _Tried:
    """When a run was last tried, what it had come to then, and how often nothing came of it."""

    at_ms: int
    mark: tuple[object, ...]
    times: int = 0


class Pace:
    """Says which runs are due, and tries one that comes no further ever less often.

    What it remembers is lost with the process: then each run is tried once, at once.
    """

    def __init__(self) -> None:
        self._tried: dict[str, _Tried] = {}

    def forget(self, run: str) -> None:
        """Let the next look try this run, as if it had not been tried."""
        self._tried.pop(run, None)

    def is_due(self, state: RunState, standing: Standing | None, mono_ms: int) -> bool:
        """Whether to advance the run now; it is then counted as tried."""
        tried, mark = self._tried.get(state.id), _mark(state)
        stuck = tried is not None and tried.mark == mark
        times = tried.times if tried is not None and stuck else 0
        pause = due_s(state, standing, times)
        if pause is None:
            return False
        if pause == 0 and stuck:
            # Nothing came of it: another process has the run, or the disk is full. Somebody has
            # decided, so it is not put off ever longer.
            pause = _STUCK_S
        if tried is not None and mono_ms - tried.at_ms < pause * 1000:
            return False
        self._tried[state.id] = _Tried(mono_ms, mark, times + 1 if stuck else 0)
        return True


def _mark(state: RunState) -> tuple[object, ...]:
    """What a run has come to; when an advance leaves it as it was, nothing came of it."""
    return (
        state.status,
        state.parked.why,
        state.parked.asks.id,
        len(state.requests),
        len(state.votes),
        len(state.answers),
        len(state.used),
        len(state.inputs),
        len(state.joined),
        sum(step.conclusion is not None for step in state.steps.values()),
    )
