"""See to it that a person's yes covers every write of a step, or ask (P10, P15).

The yes at the start covers planned ordinary writes; a destructive one is asked for at its step,
and so is what differs from the plan. It looks and asks; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from respond.core.events import Kind
from respond.core.fold import WriteStatus
from respond.core.plan import PlannedStep, PlannedWrite, StepPlan, planned_write, write_key
from respond.core.questions import Answer, AskConfirm, AskDrift, Decision
from respond.core.recorded import Confirmed, ConfirmScope, data_of
from respond.core.records import Mutable
from respond.core.runbook import Phase
from respond.core.script import Effect, Write
from respond.engine.drivers import Look
from respond.engine.other_people import (
    Needed,
    agreed_to,
    agreed_writes,
    is_agreed,
    is_gated,
    is_let_off,
    plan_needs,
    step_needs,
)
from respond.engine.step.state import LOOK_AGAIN_S, LiveStep, StepOpenError, pauses

__all__ = ["Agreement"]

_ALREADY_SO_S = 10
"""Least time for which a planned write that is not wanted any more is looked at, in seconds."""

_Together = list[tuple[str, list[PlannedWrite]]]
"""Writes that are one question, by the address of their step."""


class Agreement(Mutable):
    """What is agreed to at one step, and how more is asked for."""

    at: LiveStep
    _already_so: set[str] = field(default_factory=set, init=False)
    _asked_as_tasks: set[str] = field(default_factory=set, init=False)

    # --- what a kind of step may know better -----------------------------------------------------

    def check(self, seen: Look[Any]) -> None:
        """Whether what is wanted may be asked for at all; an undo knows more."""

    def wants_typed(self, writes: list[PlannedWrite]) -> bool:
        """Whether verb and target have to be typed, and not just a yes."""
        return any(w.effect is Effect.DESTROYS for w in writes)

    # --- what is covered -------------------------------------------------------------------------

    def covers(self, write: Write[Any], key: str) -> bool:
        """Whether this write may be sent; what cleans up our own leavings may always."""
        return write.cleans_up or key in self._covered()

    def is_wanted_first(self) -> bool:
        """Whether to look and agree before the script runs; no write stops it halfway then."""
        at = self.at
        if at.step.action.spec.effect is Effect.READS:
            return False
        foreseen = at.foreseen
        if foreseen is None:
            return True
        covered = self._covered()
        return any(w.key not in covered for w in foreseen.writes) and not at.state.done()

    def _covered(self) -> set[str]:
        """Keys that a recorded yes covers: the start covers planned ordinary writes."""
        at = self.at
        keys = {key for key in at.state.confirmed if self._others_let(key)} | self._asked_as_tasks
        planned = at.planned
        if planned is not None and planned.state is StepPlan.WRITES and at.live.state.started:
            keys |= {w.key for w in planned.writes if self._plan_covers(planned, w)}
        if at.live.site.served:
            keys |= agreed_writes(at.live.state, at.address)
        return keys

    def _others_let(self, key: str) -> bool:
        """Whether the operator's own yes to this write is enough, or others agreed to it as well.

        Asked each time: plan, policy and people may be others than when the operator said it.
        """
        at = self.at
        live, planned = at.live, at.planned
        shown = planned is not None and any(w.key == key for w in planned.writes)
        if planned is not None and shown and is_gated(live, planned):
            return is_agreed(live.state)
        approve = live.site.approval(at.step)
        if shown or approve is None or is_let_off(live, approve):
            return True
        return key in agreed_writes(live.state, at.address)

    def _plan_covers(self, planned: PlannedStep, write: PlannedWrite) -> bool:
        """Whether the yes to the plan is all that a planned write needs.

        At a terminal the start covers ordinary writes; those that others agree to, once they did.
        Where a server carries the run on, their yes to the plan covers every write it shows.
        """
        live = self.at.live
        agreed = is_agreed(live.state)
        if live.site.served:
            return agreed
        return not self._wants_question(write) and (agreed or not is_gated(live, planned))

    def _wants_question(self, write: PlannedWrite) -> bool:
        if write.cleans_up:
            return False
        return write.effect is Effect.DESTROYS or self.at.care.confirm

    # --- agreeing --------------------------------------------------------------------------------

    def reach(self) -> None:
        """Look, and see to it that a yes covers every write that is wanted now.

        Raises:
            StepOpenError: The operator leaves the step out.
            ParkedError: Somebody else has to decide, or nobody is there.
        """
        seen = self.at.look()
        wanted = _to_agree(seen)
        if not self._fresh(wanted):
            return
        self.check(seen)
        drifted = self._drift(wanted)
        fresh = self._fresh(wanted if drifted is None else drifted)
        if not fresh or self._others_agree(fresh):
            return
        # The task's own question is where a person says yes or no to their own work.
        self._asked_as_tasks |= {w.key for w in fresh if w.is_task and not self._wants_question(w)}
        # What the start covers is covered once others have agreed.
        fresh = self._fresh(fresh)
        if drifted is None and fresh:
            self._confirm(fresh)
        elif fresh:
            self._ask_drift(fresh)

    def _fresh(self, wanted: list[PlannedWrite]) -> list[PlannedWrite]:
        covered = self._covered()
        return [w for w in wanted if w.key not in covered]

    def _others_agree(self, fresh: list[PlannedWrite]) -> bool:
        """See that other people agreed to these writes; whether theirs is all the yes they need.

        What the plan shows was asked for with the plan; what is known only now is asked for here.

        Raises:
            ParkedError, QuitError: They have not answered yet, or said no.
        """
        at = self.at
        live, site = at.live, at.live.site
        planned = at.planned
        shown = {w.key for w in planned.writes} if planned is not None else set()
        needed: Needed | None
        if {w.key for w in fresh} <= shown and live.state.plan is not None and planned is not None:
            mine = site.served or is_gated(live, planned)
            needed = plan_needs(live, live.state.plan) if mine else None
        else:
            needed = step_needs(live, site.approval(at.step, fresh), at.address, fresh)
        if needed is not None:
            agreed_to(live, needed)
        return site.served

    def _confirm(self, writes: list[PlannedWrite]) -> None:
        at = self.at
        together = self._group(writes)
        everything = [w for _, group in together for w in group]
        destructive = self.wants_typed(everything)
        first = everything[0]
        wants = ""
        if destructive:
            one = len(everything) == 1
            wants = f"{first.verb} {first.target}" if one else f"{first.verb} {len(everything)}"
        answer = at.live.ask(
            AskConfirm(
                step=at.address,
                title=at.title if len(together) == 1 else at.step.words.title or at.title,
                wants=wants,
                destructive=destructive,
                lines=tuple(_line(w) for w in everything),
                breaks=self._breaks()
                or " ".join(dict.fromkeys(w.breaks for w in writes if w.breaks)),
                undo="can be undone" if all(w.undo for w in everything) else "cannot be undone",
                where=first.where,
                stays=tuple(dict.fromkeys(s for w in everything for s in w.stays)),
                why=at.step.words.why,
                on_skip=_on_skip(at.phase),
                writes=tuple(everything),
                by_hand=any(w.hands == "tool" for w in everything),
            )
        )
        self._take(answer.decision, together, typed=answer.typed)

    def _breaks(self) -> str:
        """What the runbook says will break: as planned, or as its values are now."""
        planned, step = self.at.planned, self.at.step
        if planned is not None and planned.confirm:
            return planned.confirm
        if step.confirm is None:
            return ""
        return str(step.confirm.value(self.at.here.values) or "")

    def _group(self, writes: list[PlannedWrite]) -> _Together:
        """The destructive targets of one ``for_each`` are one question (P15)."""
        at = self.at
        state = at.live.state
        groups = [(at.address, writes)]
        if not at.here.group or state.plan is None:
            return groups
        for other in state.plan.of(at.here.group):
            if other.address in (at.address, at.here.group):
                continue
            known = state.step(other.address)
            fresh = [
                w for w in other.writes if w.key not in known.confirmed and self._wants_question(w)
            ]
            if fresh and known.conclusion is None and other.action == at.step.action.spec.name:
                groups.append((other.address, fresh))
        return groups

    def _take(self, decision: Decision, together: _Together, *, typed: str) -> None:
        at = self.at
        match decision:
            case Decision.YES:
                for address, writes in together:
                    told = data_of(
                        Confirmed,
                        decision=Decision.YES,
                        writes=[w.key for w in writes],
                        says=[w.says for w in writes],
                        typed=typed,
                    )
                    at.live.add(Kind.CONFIRMED, address, by=at.operator, **told)
            case Decision.BY_HAND:
                told = data_of(Confirmed, decision=Decision.BY_HAND)
                at.add(Kind.CONFIRMED, by=at.operator, **told)
                self.reach()
            case _:
                told = data_of(Confirmed, decision=Decision.SKIP, typed=typed)
                at.add(Kind.CONFIRMED, by=at.operator, **told)
                raise StepOpenError(f"skipped by {at.operator.id}")

    # --- what is not as it was planned -----------------------------------------------------------

    def _drift(self, wanted: list[PlannedWrite]) -> list[PlannedWrite] | None:
        """What is wanted now, when that is not what was planned; None when it is the same.

        A difference is looked at again through the settle time: a stale read is no drift.
        """
        at = self.at
        foreseen = at.foreseen
        if foreseen is None:
            return None
        expected = {w.key for w in foreseen.writes if not w.cleans_up} - set(at.state.done())
        if {w.key for w in wanted} <= expected:
            return None
        for pause in pauses(LOOK_AGAIN_S):
            at.live.pause(pause, "what is seen is not what was planned: looking again")
            wanted = _to_agree(at.look())
            if {w.key for w in wanted} <= expected:
                return None
        return wanted

    def _ask_drift(self, now: list[PlannedWrite]) -> None:
        at = self.at
        planned = at.planned
        was = planned.writes if planned is not None else ()
        destructive = [w for w in now if w.effect is Effect.DESTROYS]
        wants = f"{destructive[0].verb} {destructive[0].target}" if destructive else "agree"
        lines = tuple(_line(w) for w in now)
        answer = self._ask_anew(was, lines, wants, now_writes=tuple(now))
        self._take(answer.decision, [(at.address, now)], typed=answer.typed)

    def _ask_anew(
        self,
        was: Sequence[PlannedWrite],
        now: tuple[str, ...],
        wants: str,
        now_writes: tuple[PlannedWrite, ...] = (),
    ) -> Answer:
        """Say what was planned and what is so now."""
        return self.at.live.ask(
            AskDrift(
                step=self.at.address,
                title=self.at.title,
                planned=tuple(_line(w) for w in was),
                now=now,
                wants=wants,
                planned_writes=tuple(was),
                now_writes=now_writes,
            )
        )

    def allows_the_end(self) -> bool:
        """Whether the step may end where its script does; False: look and write once more.

        A planned write that is not wanted any more is drift: somebody did it, or we misread. It is
        looked at again through the settle time, then asked.

        Raises:
            StepOpenError: The operator leaves the step out.
            ParkedError: Nobody agreed to it yet.
        """
        at, foreseen = self.at, self.at.foreseen
        written = {w.write.subject for w in at.state.writes if w.status is WriteStatus.DONE}
        missing = [
            w
            for w in (foreseen.writes if foreseen is not None else ())
            if w.subject not in written
            and not w.cleans_up
            and w.key not in self._already_so | at.state.already_so
        ]
        if not missing:
            return True
        keys = {w.key for w in missing}
        for pause in pauses(max(_ALREADY_SO_S, at.look().settle_s)):
            at.live.pause(pause, "it is already so: looking again")
            if keys & {write_key(w) for w in at.look().writes}:
                return False
        so = ("already so: nothing is left to write",)
        answer = self._ask_anew(missing, so, "agree")
        if answer.decision is not Decision.YES:
            self._take(answer.decision, [], typed=answer.typed)
        told = data_of(
            Confirmed,
            decision=Decision.YES,
            scope=ConfirmScope.ALREADY_SO,
            writes=sorted(keys),
            typed=answer.typed,
        )
        at.add(Kind.CONFIRMED, by=answer.by or at.operator, **told)
        self._already_so |= keys
        return True


def _to_agree(seen: Look[Any]) -> list[PlannedWrite]:
    return [planned_write(w) for w in seen.writes if not w.cleans_up]


def _on_skip(phase: Phase | None) -> str:
    if phase is Phase.CONTAIN:
        return "not contained: what this step kills goes on working, and the run ends with 1"
    return "it stays open, and the run ends with 1"


def _line(write: PlannedWrite) -> str:
    hands = "by hand" if write.hands == "person" else "tool"
    return f"{write.says}  [{write.where}]  {hands}, {'undo: yes' if write.undo else 'NO UNDO'}"
