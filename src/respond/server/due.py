"""Say when a run that a server carries on is worth another advance. Pure: time is handed in.

A run that waits for people is left alone until one of them has said something; what waits for time
or for a system that did not answer comes again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.approval import Standing
from respond.core.run import RunState, RunStatus
from respond.errors import ExitCode

__all__ = ["due_s", "is_ours"]

_WAIT_S: Final = 15
"""A wait of the runbook, or something that is not there yet, is looked at again after this."""

_WATCH_S: Final = 60
"""A person's work is looked at again after this: they may have done it and said nothing."""

_TROUBLE_S: Final = (60, 120, 300, 900)
"""Pauses after a system, a credential or a disk was not there; the last repeats."""


def is_ours(state: RunState) -> bool:
    """Whether a server carries this run on, and not a person at a terminal."""
    return state.is_served and state.status is not RunStatus.ENDED


def due_s(state: RunState, standing: Standing | None, tried: int) -> int | None:
    """Seconds after it was parked until it is worth another advance; None while people think.

    Args:
        state: The run; one of ours.
        standing: Of what people are asked now; None when nobody is asked.
        tried: How often it was advanced in a row and came no further.
    """
    if state.status is not RunStatus.PARKED or state.answers:
        return 0
    if standing in (Standing.AGREED, Standing.DENIED):
        return 0
    asks: Mapping[str, Any] = state.parked.get("asks", {})
    match asks.get("kind"):
        case "approval":
            return 0 if standing is Standing.EXPIRED else None
        case "task" if asks.get("watched"):
            return _WATCH_S
        case str():
            return None
        case _:
            pass
    if state.parked.get("exit") == ExitCode.PARKED:
        return _WAIT_S
    return _TROUBLE_S[min(tried, len(_TROUBLE_S) - 1)]
