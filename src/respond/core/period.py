"""What the runs of some months came to: how many, how fast they contained, what they left open.

Facts for who has to show them to somebody else. A run belongs to the period in which it was
proposed. Rehearsals are counted apart: they say that people practise, and nothing of an incident.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from respond.core.fold import RunState, RunStatus
from respond.core.outcome import Item, Outcome, outcome_of
from respond.core.records import Frozen

__all__ = ["Period", "PeriodRun", "ProofTimes", "period_of"]


class PeriodRun(Frozen):
    """A run with what it came to."""

    state: RunState
    outcome: Outcome

    @property
    def is_rehearsal(self) -> bool:
        return self.state.proposed.mode == "rehearsal"

    @property
    def is_open(self) -> bool:
        return self.state.status is not RunStatus.ENDED

    @property
    def left(self) -> tuple[Item, ...]:
        """Work that somebody should do; of a run that is not over nothing is left yet."""
        return () if self.is_open else self.outcome.left_to_do


class ProofTimes(Frozen):
    """Lengths of time, in seconds; None where there is none to take them from."""

    count: int
    median_s: float | None
    worst_s: int | None

    @classmethod
    def of(cls, found: Iterable[int | None]) -> ProofTimes:
        known = [seconds for seconds in found if seconds is not None]
        return cls(len(known), median(known) if known else None, max(known, default=None))


class Period(Frozen):
    """Runs of one kind, oldest first."""

    runs: tuple[PeriodRun, ...]

    @property
    def to_contain(self) -> tuple[PeriodRun, ...]:
        """Those in which there was something to contain."""
        return tuple(run for run in self.runs if run.outcome.containment.planned)

    @property
    def not_proved(self) -> tuple[PeriodRun, ...]:
        """Of these, those whose containment is not proved to this day."""
        return tuple(run for run in self.to_contain if not run.outcome.containment.proved_at)

    @property
    def still_open(self) -> tuple[PeriodRun, ...]:
        return tuple(run for run in self.runs if run.is_open)

    @property
    def with_work(self) -> tuple[PeriodRun, ...]:
        """Those that left something to do."""
        return tuple(run for run in self.runs if run.left)

    @property
    def from_start(self) -> ProofTimes:
        """From the beginning of a run to the proof of its containment."""
        return ProofTimes.of(run.outcome.containment.seconds_from_start for run in self.to_contain)

    @property
    def from_leak(self) -> ProofTimes:
        """From the leak to that proof, where it is known since when harm was possible."""
        return ProofTimes.of(run.outcome.containment.seconds_from_leak for run in self.to_contain)


def period_of(states: Iterable[RunState]) -> tuple[Period, Period]:
    """Real runs, and rehearsals."""
    runs = sorted(
        (PeriodRun(state, outcome_of(state)) for state in states),
        key=lambda run: run.state.proposed_at,
    )
    real = tuple(run for run in runs if not run.is_rehearsal)
    return Period(real), Period(tuple(run for run in runs if run.is_rehearsal))
