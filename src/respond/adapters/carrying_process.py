"""A process of its own that carries runs on, and how it is told which.

To make plans takes much computing; what answers shares no interpreter with it. The process is told
a run a line, and says that line again when it has carried the run on as far as it goes. It ends by
itself when whoever tells it is gone.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import field
from threading import Condition
from typing import Final

from respond.core.records import Mutable
from respond.errors import RespondError
from respond.ports import Clock

__all__ = ["ALIVE", "NOT_NOW", "CarryingProcess"]

ALIVE: Final = "."
"""What it says each second beside the runs."""
NOT_NOW: Final = 75
"""With what it ends where it could not begin, for a reason that it has said."""

_TRIES: Final = 2
_END_S: Final = 20.0
_LIVED_MS: Final = 20_000
"""Who lived so long and died is begun anew at once. Less than the pause before a run is tried again
that kills it each time."""
_SILENT_MS: Final = 60_000
_STOPS_S: Final = 1.0
"""How much later than the process the server may hear of a stop that is meant for both."""


class CarryingProcess(Mutable):
    """The process, or the next one where one died. It may be used from several threads.

    Attributes:
        ended: Told why, when a process has died that had lived for a while, or has to be killed.
        pause: Waits until another is begun where one could not begin, or all stops.
    """

    command: Sequence[str]
    clock: Clock
    ended: Callable[[str], None]
    pause: Callable[[], object]
    _alive_ms: int = field(default=0, init=False)
    _why: str = field(default="", init=False)
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _going: set[str] = field(default_factory=set, init=False)
    _stopping: bool = field(default=False, init=False)
    _changed: Condition = field(default_factory=Condition, init=False)

    def turn(self) -> None:
        """Start it, and hear it until it ends: a turn of a thread that is begun anew.

        Raises:
            RespondError: It died soon, and nobody had stopped it.
            OSError: It cannot be started.
        """
        began_ms = self._alive_ms = self.clock.mono_ms()
        with subprocess.Popen(  # noqa: S603 (our own words)
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            process_group=0,  # Ctrl-C is meant for the server, which says when to stop.
        ) as process:
            self._is_now(process)
            try:
                for line in process.stdout or ():
                    self._heard(line.strip())
            finally:
                self._is_now(None)
        code = process.returncode
        if code == 0:
            return
        self._why = f"signal {-code} ended it" if code < 0 else f"it ended with {code}"
        if self._stops():
            return
        if code == NOT_NOW:
            self.pause()
        elif self.clock.mono_ms() - began_ms < _LIVED_MS:
            raise RespondError("the process that carries runs on has died", why=self._why)
        else:
            self.ended(self._why)

    def trouble(self) -> str:
        """Why runs are not carried on now, or empty."""
        if self._why:
            return f"the process that carries runs on is not there: {self._why}"
        if self.clock.mono_ms() - self._alive_ms > _SILENT_MS:
            return "the process that carries runs on says nothing"
        return ""

    def renew(self) -> None:
        """Have another one in its place, which opens the journal that there is now."""
        with self._changed:
            if self._process is not None:
                self._let_end(self._process)

    def carry(self, run: str) -> None:
        """Have a run carried on; returns when it is, or when all stops.

        If the process dies meanwhile, the next one carries it on; once, for it may be the run.
        """
        with self._changed:
            for _ in range(_TRIES):
                self._changed.wait_for(lambda: self._process is not None or self._stopping)
                if (process := self._process) is None or self._stopping:
                    return
                self._going.add(run)
                self._tell(process, run)
                self._changed.wait_for(
                    lambda now=process: run not in self._going or self._process is not now  # type: ignore[misc]
                )
                if run not in self._going:
                    return
                self._going.discard(run)

    def stop(self) -> None:
        """Let it park every run at its next safe point, and end."""
        with self._changed:
            self._stopping = True
            if self._process is not None:
                self._let_end(self._process)
            self._changed.notify_all()

    def close(self) -> bool:
        """Stop it, and end it where it does not come to its end; whether it did."""
        self.stop()
        with self._changed:
            process = self._process
        if process is not None:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self.ended(f"it did not come to rest within {_END_S:.0f} s, and is killed")
                process.kill()
                return False
        return True

    # --- the process ----------------------------------------------------------------------------

    def _is_now(self, process: subprocess.Popen[str] | None) -> None:
        with self._changed:
            self._process = process
            if process is not None and self._stopping:
                self._let_end(process)
            self._changed.notify_all()

    def _heard(self, line: str) -> None:
        self._alive_ms, self._why = self.clock.mono_ms(), ""
        if line != ALIVE:
            with self._changed:
                self._going.discard(line)
                self._changed.notify_all()

    def _stops(self) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._stopping, _STOPS_S)

    def _tell(self, process: subprocess.Popen[str], run: str) -> None:
        # Of one that has just died this is heard when its output ends.
        with suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.write(f"{run}\n")
                process.stdin.flush()

    def _let_end(self, process: subprocess.Popen[str]) -> None:
        with suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
