"""Carry runs on for a server, in a process of its own (``adapters.carrying_process``).

It is told a run a line; at the end of its input every run that goes on parks at its next safe
point. It looks after its own journal, and after what people were not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import TYPE_CHECKING, Final

from respond.adapters.carrying_process import ALIVE
from respond.core.records import Mutable
from respond.errors import RespondError
from respond.server.carrying import Carrier
from respond.server.supervising import Supervisor, foreseen

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["CarryingApart"]

_ROUND_S: Final = 1.0
_TELL_EVERY: Final = 60
"""After so many rounds a notice is tried again that a fault of this process kept back."""


class CarryingApart(Mutable):
    """What the process does.

    Attributes:
        at_once: How many runs at the same time.
        mend: Opens the journal anew where a fault closed it; whether it did.
        says: Says that a run is carried on, or that it is alive.
    """

    carrier: Carrier
    supervisor: Supervisor
    at_once: int
    mend: Callable[[], bool]
    says: Callable[[str], object]
    log: FilteringBoundLogger
    _begun: bool = field(default=False, init=False)
    _rounds: int = field(default=0, init=False)
    _trouble: str = field(default="", init=False)

    def work(self, runs: Iterable[str]) -> None:
        """Carry these on as they come; returns when there are no more, and all is at rest."""
        looks_after = self.supervisor.begin("rounds", self._turn)
        try:
            with ThreadPoolExecutor(self.at_once, thread_name_prefix="worker") as pool:
                try:
                    for line in runs:
                        pool.submit(self._carry, line.strip())
                finally:
                    self.carrier.stop()
        finally:
            self.supervisor.stopping.set()
            looks_after.join()

    def _carry(self, run: str) -> None:
        try:
            with foreseen(self.log, "run.broke", run=run):
                self.carrier.carry(run)
        except RespondError as error:
            self.log.warning("run.stopped", run=run, what=error.what, why=error.why, do=error.do)
        finally:
            self.says(run)

    def _turn(self) -> None:
        try:
            self._round()
            self._trouble = ""
        except RespondError as error:
            if error.sentence != self._trouble:  # It is tried each second, and said once.
                self.log.warning("round.failed", what=error.what, why=error.why, do=error.do)
            self._trouble = error.sentence
        self.says(ALIVE)
        self.supervisor.stopping.wait(_ROUND_S)

    def _round(self) -> None:
        """Have a journal; with a new one people are told what they were asked and not told."""
        if self.mend() or not self._begun:
            self.carrier.tell_again()
            self._begun = True
        self._rounds += 1
        if self._rounds % _TELL_EVERY == 0:
            self.carrier.tell_untold()
