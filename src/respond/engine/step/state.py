"""Hold one step while it goes on: where it stands, what is recorded of it, and how it is looked at.

Whoever agrees, sends, recovers or proves is handed a ``LiveStep``. It looks, and writes nothing to
any system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import partial
from typing import Any

from respond.core.events import Actor, Kind, Record
from respond.core.fold import StepState, WriteStatus
from respond.core.plan import PlannedStep, StepPlan
from respond.core.policy import Care
from respond.core.records import Mutable
from respond.core.runbook import ActionStep, Phase
from respond.core.script import Api, Proof, Script, Write
from respond.engine.drivers import Look, World, look
from respond.engine.ready import Ready
from respond.engine.run import LiveRun
from respond.engine.shared_answers import TOGETHER
from respond.engine.walk import Here, titled
from respond.ports import FIRST_PAUSES_S

__all__ = ["LOOK_AGAIN_S", "ONCE_MORE_S", "LiveStep", "StepOpenError", "pauses"]

LOOK_AGAIN_S = 30
"""How long a look is tried again, where one answer alone would decide wrongly, in seconds."""

ONCE_MORE_S = 1.0
"""Between looks that have to agree, where one is not enough, in seconds."""

_POLL_S = (*FIRST_PAUSES_S, 5.0, 10.0)
"""Pauses between looks while a change settles; the last one repeats."""


class StepOpenError(Exception):
    """The step stays open: a person chose so."""


def pauses(total_s: float) -> Iterator[float]:
    """Pauses between looks, that add up to ``total_s``."""
    slept, n = 0.0, 0
    while slept < total_s:
        pause = min(_POLL_S[min(n, len(_POLL_S) - 1)], total_s - slept)
        yield pause
        slept, n = slept + pause, n + 1


class LiveStep(Mutable):
    """One action step at one address, in one advance."""

    live: LiveRun
    step: ActionStep
    address: str
    here: Here
    _ready: Ready | None = field(default=None, init=False)
    _care: Care | None = field(default=None, init=False)

    # --- what is known of it ---------------------------------------------------------------------

    @property
    def state(self) -> StepState:
        return self.live.state.step(self.address)

    @property
    def title(self) -> str:
        return titled(self.step, self.here)

    @property
    def phase(self) -> Phase | None:
        return self.step.words.phase or self.here.phase

    @property
    def planned(self) -> PlannedStep | None:
        plan = self.live.state.plan
        return plan.step(self.address) if plan is not None else None

    @property
    def foreseen(self) -> PlannedStep | None:
        """Its place in the plan, when its writes were known then and are still the tool's to do."""
        planned = self.planned
        if planned is None or planned.state is not StepPlan.WRITES or self.state.by_hand:
            return None
        return planned

    @property
    def care(self) -> Care:
        """What it gets: the most that policy, runbook and flags ask for (P12)."""
        if self._care is None:
            self._care = self.live.site.care(self.step)
        return self._care

    @property
    def operator(self) -> Actor:
        return self.live.site.operator

    # --- what is recorded and asked of it --------------------------------------------------------

    def add(
        self,
        kind: Kind,
        *,
        seal: Mapping[str, str] | None = None,
        by: Actor | None = None,
        synced: bool | None = None,
        **data: Any,
    ) -> Record:
        """Append an event of this step."""
        return self.live.add(kind, self.address, seal=seal, by=by, synced=synced, **data)

    # --- looking ---------------------------------------------------------------------------------

    @property
    def ready(self) -> Ready:
        """The step with its values filled in; they do not change while it goes on.

        Raises:
            StepFailedError: An expression in it has no value.
        """
        if self._ready is None:
            self._ready = Ready(self.live.site, self.step, self.address, self.here.values)
        return self._ready

    def look(self) -> Look[Any]:
        """Look with tied hands; what nobody can see is answered from the journal.

        Raises:
            StepFailedError, ShapeError: It cannot be looked at.
        """
        known = self.known(blind_only=True)
        return look(self.script(), self.world(), known=known, predict=False)

    def script(self) -> Script[Any]:
        """The action's script, anew from its beginning."""
        live = self.live
        return self.ready.script(live.state, live.tools.journal, live.now)

    @property
    def chose_hands(self) -> bool:
        """Whether a person chose to do it themselves, for the whole run or at a question."""
        return self.state.by_hand or self.live.site.by_hand

    def world(self) -> World:
        """The systems as they are, for one pass."""
        live = self.live
        plan, answers = live.state.plan, live.answers
        next_reads = plan.reads_after(self.address) if plan is not None else ()
        reader, keep = answers.of(self.address, *next_reads), partial(live.kept.keep, self.address)
        return World(reader, threads=TOGETHER, keep=keep, by_hand=self.chose_hands)

    def leads_to(self, write: Write[Any]) -> dict[str, dict[str, str]]:
        """The connection that a write goes to, with what a yes binds of it."""
        name = write.subject.name.partition("/")[0]
        if isinstance(write.hands, Api):
            name = write.hands.call.connection
        known = self.live.site.connections.get(name)
        return {name: known.bound} if known is not None else {}

    def known(self, *, blind_only: bool) -> dict[str, Any]:
        """Answers of writes that are done, by key, for the script to be answered with."""
        return {
            w.key: w.value
            for w in self.state.writes
            if w.status is WriteStatus.DONE and not (blind_only and w.write.proof is Proof.SEEN)
        }
