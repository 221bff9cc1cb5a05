"""Propose a rehearsal because somebody wants one who is signed on, as an event would propose a run.

Only a server for drills has this: its systems are the simulated company's, and who practises
reaches nothing real. What the runbook has to be told is asked on the run's own page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from respond.core.events import Actor
from respond.core.fold import RunState
from respond.core.recorded import Proposed, data_of
from respond.core.records import Frozen, replace
from respond.core.runbook import Runbook
from respond.engine.proposing import GivenInputs, new_run_id, propose
from respond.engine.setting import Site
from respond.ports import Clock, Journal

__all__ = ["Practice"]


class Practice(Frozen):
    """Starts rehearsals.

    Attributes:
        titles: The runbooks that there are, by name, with their titles.
        load_runbook: Raises as ``wiring.load_runbook``.
        states: Every run.
        chance: Random bytes for run ids.
    """

    journal: Journal
    clock: Clock
    site: Site
    titles: Callable[[], Mapping[str, str]]
    load_runbook: Callable[[str], Runbook]
    states: Callable[[], Iterable[RunState]]
    describe: Any
    chance: Callable[[], bytes]

    def start(self, name: str, who: Actor) -> str:
        """Propose a run of a runbook; gives its id.

        Raises:
            UsageError: There is no such runbook.
            FormatFaults: The runbook cannot be read.
        """
        runbook = self.load_runbook(name)
        taken = {state.id for state in self.states()}
        return propose(
            runbook,
            GivenInputs(),
            run=new_run_id(runbook.name, taken.__contains__, self.chance()),
            site=replace(self.site, operator=who),
            journal=self.journal,
            clock=self.clock,
            describe=self.describe,
            extra=data_of(Proposed, served=True),
            complete=False,
        )
