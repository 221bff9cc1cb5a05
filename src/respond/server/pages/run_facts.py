"""The facts of one run for its page: frozen, in words, in the order they are read.

Words and rows are those of the terminal (``respond.views``); who may do what is said by
``core.approval``. Nothing is decided here, and nothing is laid out.
"""

from __future__ import annotations

from typing import Final

from respond.core.asked import asked_now
from respond.core.events import Actor
from respond.core.fold import RunState, RunStatus
from respond.core.outcome import outcome_of
from respond.core.recorded import OutsideEvent
from respond.core.records import Frozen
from respond.people.answers import Entry, no_review_by, waits_for_no_person
from respond.server.board import OneRun
from respond.server.pages.approval_facts import ApprovalView, VoteView, approval_view, votes_of
from respond.server.pages.asked_facts import Asks, asked_of
from respond.server.pages.left_open_facts import LeftOpen, left_open_of
from respond.server.pages.plan_facts import PlanView, plan_view
from respond.server.pages.progress_facts import (
    MomentView,
    StepLine,
    moments_of,
    progress_of,
    told_of,
)
from respond.views.deciding import Deciding, deciding
from respond.views.layout import said, word
from respond.views.summary import item_lines
from respond.views.verdict import RunVerdict, verdict_of
from respond.views.waiting import waiting
from respond.views.words import day_text, mode_of, mode_word, runbook_of

__all__ = ["CameIn", "RunFacts", "run_facts", "since_of"]

_LONG: Final = 2_000


class CameIn(Frozen):
    """What a sender told: the event that proposed the run, or one that joined it."""

    at: str
    source: str
    sender: str
    type: str
    title: str
    about: str
    url: str
    weak: bool
    old: str


class RunFacts(Frozen):
    """All of it."""

    id: str
    runbook: str
    title: str
    mode: str
    status: str
    stands: str
    stands_tone: str
    why: str
    since: str
    began: str
    operator: str
    subject: str
    incident: str
    reason: str
    came_in: CameIn | None
    joined: tuple[CameIn, ...]
    notes: tuple[str, ...]
    plan: PlanView | None
    deciding: Deciding | None
    approval: ApprovalView | None
    asks: Asks | None
    votes: tuple[VoteView, ...]
    progress: tuple[StepLine, ...]
    verdict: RunVerdict | None
    broken: tuple[str, ...]
    look_at: tuple[str, ...]
    left_open: LeftOpen | None
    alone: str
    reviewed: str
    no_review: str
    is_tried_again: bool
    told: tuple[tuple[str, str, str], ...]
    moments: tuple[MomentView, ...]
    go_on: str
    anchor: str
    version: str

    @property
    def is_over(self) -> bool:
        return self.status == RunStatus.ENDED.value

    @property
    def is_started(self) -> bool:
        return bool(self.progress)

    @property
    def is_asked(self) -> bool:
        """Whether somebody could still agree to something now."""
        return self.approval is not None and self.approval.is_open


def run_facts(one: OneRun, viewer: Actor, entry: Entry, anchor: str) -> RunFacts:
    """The facts of a run for one viewer.

    Args:
        one: The run.
        viewer: Who looks.
        entry: For people, time, and what a request has come to.
        anchor: Where the journal ends now.
    """
    state, plan, event = one.state, one.state.plan, one.state.proposed.event
    outcome = outcome_of(state)
    request, today = asked_now(state), entry.today()
    waits, is_over = waiting(state, today), state.status is RunStatus.ENDED
    return RunFacts(
        id=word(state.id),
        runbook=word(runbook_of(state)),
        title=said(state.proposed.title),
        mode=mode_word(mode_of(state)),
        status=state.status.value,
        stands=waits.line,
        stands_tone=waits.tone,
        why=waits.why,
        since=day_text(since_of(state)),
        began=day_text(state.proposed_at),
        operator=word(state.operator),
        subject=said(state.proposed.subject),
        incident=said(state.proposed.incident),
        reason=said(state.proposed.reason, limit=_LONG),
        came_in=_came_in(event, state.proposed_at) if event is not None else None,
        joined=tuple(_came_in(each.event, each.recorded_at) for each in state.joined),
        notes=tuple(said(note) for note in state.proposed.notes),
        plan=plan_view(state, plan) if plan is not None else None,
        deciding=deciding(plan, state) if plan is not None else None,
        approval=approval_view(one, request, viewer, entry) if request is not None else None,
        asks=asked_of(state),
        votes=tuple(votes_of(state, entry)),
        progress=tuple(progress_of(state, outcome.items)) if state.started else (),
        verdict=verdict_of(state, today) if state.started or is_over else None,
        broken=tuple(said(line, limit=_LONG) for line in outcome.broken),
        look_at=tuple(item_lines(outcome.look_at)) if state.started else (),
        left_open=left_open_of(state, outcome, viewer, entry),
        alone=_alone(state),
        reviewed=_reviewed(state),
        no_review=said(no_review_by(entry, state, viewer)),
        is_tried_again=waits_for_no_person(state),
        told=tuple(told_of(state, entry.people.persons)),
        moments=tuple(moments_of(one.records)),
        go_on=waits.next,
        anchor=said(anchor),
        version=str(state.last_seq),
    )


def since_of(state: RunState) -> str:
    """Since when a run stands as it does."""
    match state.status:
        case RunStatus.ENDED:
            return state.ended_at
        case RunStatus.PARKED:
            return state.parked.at
        case RunStatus.RUNNING:
            return state.started_at
        case RunStatus.PLANNED:
            return state.planned_at
        case RunStatus.PROPOSED:
            return state.proposed_at


def _alone(state: RunState) -> str:
    if not state.alone:
        return ""
    who, reason = word(state.alone.by), said(state.alone.reason, limit=_LONG)
    return f"{who} went alone at {day_text(state.alone.at)}: {reason}"


def _reviewed(state: RunState) -> str:
    if not state.reviewed:
        return ""
    words = said(state.reviewed.words, limit=_LONG)
    return f"{word(state.reviewed.by)}, {day_text(state.reviewed.at)}: {words}"


def _came_in(event: OutsideEvent, recorded_at: str) -> CameIn:
    return CameIn(
        at=day_text(event.at or recorded_at),
        source=word(event.source),
        sender=word(event.sender),
        type=word(event.type),
        title=said(event.title),
        about=said(event.about),
        url=said(event.url),
        weak=event.weak,
        old=event.old,
    )
