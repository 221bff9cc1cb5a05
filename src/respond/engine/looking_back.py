"""Go the way once more that a run went, as far as it went, without doing anything.

What comes out are its steps with the values that they had: to look at what is open, at what others
changed meanwhile, or at what was not proved.
"""

from __future__ import annotations

import contextlib
from dataclasses import field

from respond.core.runbook import ActionStep, AssertStep, Step, WaitStep
from respond.core.shapes import ShapeError
from respond.core.values import Late, Value
from respond.engine.run import LiveRun
from respond.engine.setting import recorded_values
from respond.engine.step.state import LiveStep
from respond.engine.walk import Absent, EndedError, Here, Walk, late_output
from respond.errors import StepFailedError

__all__ = ["LookBack"]


class LookBack(Walk, kw_only=True):
    """Goes the way that the run went, as far as it went, and does nothing."""

    live: LiveRun
    visited: list[LiveStep] = field(default_factory=list)

    @classmethod
    def over(cls, live: LiveRun) -> LookBack:
        """Go the whole way, and stop where the run stopped."""
        back = cls(live.runbook, live.site, live=live)
        # Here it ended, or this far it came.
        with contextlib.suppress(EndedError, StepFailedError):
            back.steps(live.runbook.steps, Here(live.first_values()))
        return back

    def action(self, step: ActionStep, address: str, here: Here) -> Value | Absent:
        end = self.live.state.step(address).conclusion
        there = Here(dict(here.values), here.prefix, here.phase, here.group)
        self.visited.append(LiveStep(self.live, step, address, there))
        if end is None:
            return late_output(address, step)
        if not end.how.has_output:
            return Absent(end.why)
        try:
            return recorded_values(step.action, end.output)
        except ShapeError:  # Another version recorded it; what rests on it is not known here.
            return late_output(address, step)

    def asserted(self, step: AssertStep, address: str, here: Here) -> Absent | None:
        return None

    def waited(self, step: WaitStep, address: str, here: Here) -> Value | Absent:
        return None

    def undecided(self, step: Step, address: str, here: Here, on: Late) -> None:
        """This far the run came."""

    def impossible(self, step: Step, address: str, here: Here, error: StepFailedError) -> None:
        """It failed, and that is recorded."""

    def over_limit(self, step: Step, address: str, count: int, limit: int) -> bool:
        return True
