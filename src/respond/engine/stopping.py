"""Stop well on Ctrl-C: never between a request and its record, at once while waiting.

The engine says where it may be stopped; the command line's signal handler says when.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from respond.core.recorded import Since
from respond.core.records import Mutable
from respond.errors import ParkedError, RefusedByPersonError
from respond.ports import Clock

__all__ = ["FailedOpenError", "QuitError", "Stop", "WaitsError"]


class QuitError(RefusedByPersonError):
    """The operator ended the run."""


class FailedOpenError(ParkedError):
    """A step failed, and whoever could say what then is not there."""


class WaitsError(ParkedError):
    """The run waits and nobody sits there; ``since`` says from when the time counts."""

    def __init__(self, what: str, *, do: str, address: str, since: Since, why: str = "") -> None:
        super().__init__(what, why=why or "it waits", do=do)
        self.address = address
        self.since = since


class Stop(Mutable):
    """Whether somebody wants the run to stop.

    Attributes:
        wanted: Set by the first Ctrl-C; the run parks at its next safe point.
        slices_s: Longest nap without looking whether somebody wants to stop; 0 naps in one piece,
            which a signal interrupts, in the main thread alone.
        why: What made it stop, for the record.
    """

    wanted: bool = False
    slices_s: float = 0
    why: str = "Ctrl-C"
    _waiting: int = field(default=0, init=False)

    @property
    def at_once(self) -> bool:
        """Nothing is in flight: a person is asked, or time passes."""
        return self._waiting > 0

    def check(self, run: str) -> None:
        """Park here, if somebody wants to stop.

        Raises:
            ParkedError: They do.
        """
        if self.wanted:
            raise ParkedError(f"run {run} was stopped", why=self.why, do=f"respond resume {run}")

    def nap(self, clock: Clock, seconds: float, run: str) -> None:
        """Let time pass, and park when somebody wants to stop meanwhile.

        Raises:
            ParkedError: They do.
        """
        left = seconds
        while left > 0:
            piece = min(left, self.slices_s or left)
            clock.sleep(piece)
            left -= piece
            self.check(run)

    @contextmanager
    def waiting(self, run: str) -> Iterator[None]:
        """Inside, Ctrl-C parks the run at once.

        Raises:
            ParkedError: Ctrl-C came, before or inside.
        """
        self.check(run)
        if threading.current_thread() is not threading.main_thread():
            yield  # Signals reach the main thread only, and that one has steps in flight.
            return
        self._waiting += 1
        try:
            yield
        except KeyboardInterrupt:
            self.wanted = True
            self.check(run)
        finally:
            self._waiting -= 1
