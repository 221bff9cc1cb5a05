"""Say when a run that a server carries on is worth another advance. Time is handed in.

A run that waits for people is left alone until one of them has said something; what waits for time
or for a system that did not answer comes again by itself. Who asks remembers the last ``Try``: one
process in a ``Pace``, the workers of a team in the job that tries the run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from respond.core.approval import Request, Standing
from respond.core.asked import Today
from respond.core.fold import RunState, RunStatus
from respond.core.recorded import AskKind
from respond.core.records import Frozen
from respond.engine.other_people import has_news
from respond.errors import ExitCode

__all__ = ["Pace", "Try", "again_in_s", "due_s", "is_ours", "open_for_s", "tried"]

_WAIT_S: Final = 30
"""A wait of the runbook, or something that is not there yet, is looked at again after this."""

_WATCH_S: Final = (60, 60, 60, 60, 60, 300)
"""Pauses between looks at a person's work: they may have done it and said nothing."""

_STUCK_S: Final = 60

_TROUBLE_S: Final = (60, 120, 300, 900)
"""Pauses after a system, a credential or a disk was not there; the last repeats."""

_MOMENT_MS: Final = 1_000


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


def open_for_s(request: Request, today: Today) -> int:
    """Seconds until the time of a request is over, and it is worth a look; at least one."""
    left_ms = request.expires_ms - max(today.now.wall_ms, today.highest_ms)
    return max(0, left_ms) // 1000 + 1


# --- tries ----------------------------------------------------------------------------------------


class Try(Frozen):
    """That a run was tried.

    Attributes:
        mark: What it had come to then.
        times: How often it had been tried before and came no further.
    """

    mark: str
    times: int = 0


def tried(state: RunState, last: Try | None) -> Try:
    """That a run is tried now, after its last try."""
    mark = _mark(state)
    is_stuck = last is not None and last.mark == mark
    return Try(mark, last.times + 1 if last is not None and is_stuck else 0)


def again_in_s(state: RunState, standing: Standing | None, last: Try | None) -> int | None:
    """Seconds after its last try until it is worth another; None while people think."""
    is_stuck = last is not None and last.mark == _mark(state)
    pause_s = due_s(state, standing, last.times if last is not None and is_stuck else 0)
    # Nothing came of it: another process has the run, or the disk is full. Somebody has decided, so
    # it is not put off ever longer.
    return _STUCK_S if pause_s == 0 and is_stuck else pause_s


def _mark(state: RunState) -> str:
    """What a run has come to; when an advance leaves it as it was, nothing came of it."""
    come_to = (
        state.status.value,
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
    return hashlib.sha256(repr(come_to).encode()).hexdigest()[:16]


class Pace:
    """Says which runs are due, and tries one that comes no further ever less often.

    What it remembers is lost with the process: then each run is tried once, at once.
    """

    def __init__(self) -> None:
        self._tried: dict[str, tuple[int, Try]] = {}
        self._not_due: dict[str, tuple[int, int]] = {}

    def forget(self, run: str) -> None:
        """Let the next look try this run, as if it had not been tried."""
        self._tried.pop(run, None)
        self._not_due.pop(run, None)

    def may_be_due(self, state: RunState, mono_ms: int) -> bool:
        """Whether to ask at all: not within a second after it was not due, if nothing was recorded.

        In a storm somebody looks at every open run as often as something comes in.
        """
        seq, at_ms = self._not_due.get(state.id, (-1, 0))
        return seq != state.last_seq or not 0 <= mono_ms - at_ms < _MOMENT_MS

    def is_due(self, state: RunState, standing: Standing | None, mono_ms: int) -> bool:
        """Whether to advance the run now; it is then counted as tried."""
        at_ms, last = self._tried.get(state.id, (0, None))
        pause_s = again_in_s(state, standing, last)
        if pause_s is None or (last is not None and mono_ms - at_ms < pause_s * 1000):
            self._not_due[state.id] = (state.last_seq, mono_ms)
            return False
        self._tried[state.id] = (mono_ms, tried(state, last))
        return True
