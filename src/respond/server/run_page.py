"""Make the facts of one run ready for its page: frozen, in words, in the order they are read.

Words and rows are those of the terminal (``respond.views``); who may do what is said by
``core.approval``. Nothing is decided here, and nothing is laid out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from respond.core.approval import Request, Standing, Verdict, able, agreed, refusal, void
from respond.core.asked import asked_now
from respond.core.events import Actor, Record, Strength
from respond.core.fold import RunState, RunStatus, WriteStatus
from respond.core.outcome import Item, Known, Outcome, outcome_of
from respond.core.plan import Plan, PlannedWrite, digest_of, short_digest
from respond.core.recorded import AskKind, OutsideEvent
from respond.core.runbook import Phase
from respond.core.script import Effect, PersonRecord
from respond.core.shapes import encode
from respond.core.showable import hidden_character, showable_host
from respond.people.answers import Entry
from respond.server.board import OneRun
from respond.views.approval_text import at_text, writes_asked
from respond.views.layout import said, word
from respond.views.live import Memory, record_told
from respond.views.plan_rows import (
    PlanRow,
    found_lines,
    plan_rows,
    row_cells,
    row_pairs,
    row_remarks,
)
from respond.views.plan_text import plan_notes
from respond.views.summary import containment_lines, item_lines, item_text
from respond.views.waiting import waiting
from respond.views.words import (
    clock_text,
    day_text,
    mode_of,
    mode_word,
    phase_word,
    runbook_of,
    span_text,
    state_cells,
    value_text,
)

__all__ = [
    "ApprovalView",
    "Asks",
    "CameIn",
    "LineView",
    "PlanView",
    "RunPage",
    "StepLine",
    "asked_of",
    "contained_lines",
    "run_page",
    "since_of",
    "tail_of",
]

_WIDE: Final = 10_000
"""Columns of a line that the browser breaks."""
_LONG: Final = 2_000

_STRENGTHS: Final = {
    Strength.CLAIMED: "their name is only claimed",
    Strength.CHAT: "by chat",
    Strength.KEY: "signed with their key",
    Strength.SIGNED_ON: "signed on",
    Strength.MACHINE: "a machine",
}
_WORDS: Final = {
    Known.PROVED: ("PROVED", "good"),
    Known.LOOKED: ("looked", ""),
    Known.YOUR_WORD: ("YOUR WORD", "care"),
    Known.NOT_SEEN: ("NOT SEEN", "danger"),
}
_LEFT: Final = {
    "not-started": ("left to do", ""),
    "unknown": ("UNKNOWN", "danger"),
    "failed": ("FAILED", "danger"),
    "left-open": ("LEFT OPEN", "care"),
}
_TONES: Final = {"good": "good", "care": "care", "danger": "danger"}


@dataclass(frozen=True, slots=True)
class CameIn:
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


@dataclass(frozen=True, slots=True)
class LineView:
    """One numbered line of the plan, in the terminal's words."""

    number: int
    who: str
    what: str
    now: str
    after: str
    undo: str
    destroys: bool
    remarks: tuple[str, ...]
    details: tuple[tuple[str, str], ...]
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan, as the terminal shows it."""

    looked: str
    accounts: tuple[str, ...]
    found: tuple[str, ...]
    inputs: tuple[str, ...]
    phases: tuple[tuple[str, tuple[LineView, ...]], ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    ends: str
    next: str
    digest: str
    full_digest: str


@dataclass(frozen=True, slots=True)
class Loss:
    """A write that cannot be undone, or that destroys.

    Attributes:
        for_ever: There is no way back, or nobody knows yet whether there is.
    """

    says: str
    where: str
    breaks: str
    destroys: bool
    for_ever: bool
    by_hand: bool


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A write of one step that is asked for by itself; or something else that is, in words."""

    says: str
    where: str = ""
    now: str = ""
    after: str = ""
    who: str = ""
    breaks: str = ""
    destroys: bool = False
    for_ever: bool = False


@dataclass(frozen=True, slots=True)
class VoteView:
    """Somebody's answer.

    Attributes:
        void: Why it does not count, or empty.
    """

    at: str
    person: str
    verdict: str
    strength: str
    channel: str
    reason: str
    void: str
    earlier: bool


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """What people are asked to agree to now.

    Attributes:
        type_this: What whoever approves has to type; empty when a button is enough.
        changes: The writes of a step that are asked for; empty when it is the whole plan.
        unclear: Why this page cannot show all that is asked; then nobody can approve here.
        may_not_approve: Why the viewer may not; empty when they may.
    """

    nonce: str
    digest: str
    short: str
    step: str
    wanted: str
    until: str
    left: str
    initiator: str
    type_this: str
    changes: tuple[ChangeView, ...]
    unclear: str
    standing: Standing
    agreed: int
    count: int
    can_still: tuple[str, ...]
    may_not_approve: str
    may_not_deny: str
    mine: str
    anchor: str
    anew: str

    @property
    def is_open(self) -> bool:
        return self.standing is Standing.OPEN


@dataclass(frozen=True, slots=True)
class Asks:
    """What a run was parked with for a person.

    Attributes:
        kind: ``question``, ``task`` or ``inputs``.
        names: Of inputs that are needed.
        keep: A secret has to be pasted, which a terminal does better.
        answered: Who has answered, or empty.
    """

    kind: str
    id: str
    title: str
    lines: tuple[str, ...]
    words: tuple[str, ...]
    link: str
    host: str
    look_for: str
    avoid: tuple[str, ...]
    watched: bool
    keep: bool
    names: tuple[str, ...]
    answered: str


@dataclass(frozen=True, slots=True)
class StepLine:
    """How far one step is."""

    word: str
    tone: str
    phase: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class MomentView:
    """Something that happened."""

    at: str
    status: str
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class RunPage:
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
    losses: tuple[Loss, ...]
    lost: str
    approval: ApprovalView | None
    asks: Asks | None
    votes: tuple[VoteView, ...]
    progress: tuple[StepLine, ...]
    contained: tuple[str, ...]
    broken: tuple[str, ...]
    look_at: tuple[str, ...]
    alone: str
    reviewed: str
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


def run_page(one: OneRun, viewer: Actor, entry: Entry, anchor: str) -> RunPage:
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
    waits = waiting(state, today)
    losses = tuple(_losses(plan)) if plan is not None else ()
    return RunPage(
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
        plan=_plan(state, plan) if plan is not None else None,
        losses=losses,
        lost=_lost(losses),
        approval=_approval(one, request, viewer, entry) if request is not None else None,
        asks=asked_of(state),
        votes=tuple(_votes(state, entry)),
        progress=tuple(_progress(state, outcome.items)) if state.started else (),
        contained=contained_lines(outcome) if state.started else (),
        broken=tuple(said(line, limit=_LONG) for line in outcome.broken),
        look_at=tuple(item_lines(outcome.look_at)) if state.started else (),
        alone=_alone(state),
        reviewed=_reviewed(state),
        told=tuple(_told(state, entry.people.persons)),
        moments=tuple(_moments(one.records)),
        go_on=waits.next,
        anchor=said(anchor),
        version=str(state.last_seq),
    )


def tail_of(run: str) -> str:
    """The last part of a run's id: what is typed for what destroys."""
    return run.rpartition("-")[2]


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


# --- where it stands ----------------------------------------------------------------------------


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


# --- what came in -------------------------------------------------------------------------------


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


# --- the plan -----------------------------------------------------------------------------------


def _heading(phase: Phase | None, within: str) -> str:
    return f"{phase_word(phase)}: {said(within)}" if within else phase_word(phase)


def _plan(state: RunState, plan: Plan) -> PlanView:
    rows = plan_rows(plan)
    number_of = {row.step.address: row.number for row in reversed(rows)}
    phases = tuple(
        (_heading(phase, within), tuple(_line(row, number_of) for row in group))
        for (phase, within), group in groupby(
            rows, key=lambda row: (row.step.phase, row.step.within)
        )
    )
    return PlanView(
        looked=day_text(state.planned_at),
        accounts=tuple(f"{word(n, limit=30)}: {said(a)}" for n, a in plan.connections.items()),
        found=found_lines(plan),
        inputs=tuple(
            f"{word(name, limit=30)}: {value_text(value)}"
            for name, value in plan.inputs.items()
            if value not in (None, "", [])
        ),
        phases=phases,
        notes=tuple(
            (label, tuple(text for _, text in group))
            for label, group in groupby(plan_notes(plan, rows), key=lambda note: note[0])
        ),
        ends=said(plan.ends),
        next=word(plan.next),
        digest=short_digest(plan.digest),
        full_digest=plan.digest,
    )


def _line(row: PlanRow, number_of: Mapping[str, int]) -> LineView:
    who, what, now, after, undo = row_cells(row, number_of)
    stays = row.write.stays if row.write is not None else ()
    return LineView(
        number=row.number,
        who=who,
        what=what,
        now=now,
        after=after,
        undo=undo,
        destroys=row.destroys,
        remarks=tuple(row_remarks(row)),
        details=tuple(row_pairs(row)),
        stays=tuple(said(each) for each in stays),
    )


def _losses(plan: Plan) -> Iterator[Loss]:
    """What cannot be undone, what destroys first; and what may turn out to destroy."""
    rows = [row for row in plan_rows(plan) if row.destroys or (row.write and not row.write.undo)]
    for row in sorted(rows, key=lambda row: not row.destroys):
        write, step = row.write, row.step
        breaks = step.confirm or (write.breaks if write is not None else "")
        yield Loss(
            says=said(write.says if write is not None else step.title or step.address),
            where=said(write.where) if write is not None else "",
            breaks=said(breaks, limit=_LONG),
            destroys=row.destroys,
            for_ever=write is None or not write.undo,
            by_hand=write is not None and write.hands == "person",
        )


def _lost(losses: Sequence[Loss]) -> str:
    """How much of it there is no way back from, in a sentence."""
    for_ever, destroys = (
        sum(each.for_ever for each in losses),
        sum(each.destroys for each in losses),
    )
    parts = []
    if for_ever:
        parts.append(f"{for_ever} {'change' if for_ever == 1 else 'changes'} cannot be undone")
    if destroys:
        parts.append(f"{destroys} {'destroys' if destroys == 1 else 'destroy'}")
    return "; ".join(parts) + "." if parts else ""


# --- deciding -----------------------------------------------------------------------------------


def _approval(one: OneRun, request: Request, viewer: Actor, entry: Entry) -> ApprovalView:
    state = one.state
    changes, unclear = _changes(one, request)
    today = entry.today()
    said_so = {vote.who.id for vote in state.votes if vote.nonce == request.nonce}
    open_to = [p for p in able(request, entry.people) if p.id not in said_so]
    mine = [v for v in state.votes if v.nonce == request.nonce and v.who.id == viewer.id]
    roles = " and ".join(map(word, sorted(request.roles)))
    people = "1 person" if request.count == 1 else f"{request.count} people"
    return ApprovalView(
        nonce=request.nonce,
        digest=request.digest,
        short=short_digest(request.digest),
        step=word(request.step),
        wanted=people + (f" with the role {roles}" if roles else ""),
        until=at_text(request.expires_ms),
        left=_left(request, entry),
        initiator=word(request.initiator),
        type_this=tail_of(state.id) if request.destroys else "",
        changes=changes,
        unclear=unclear,
        standing=today.standing(state, request),
        agreed=len(agreed(request, state.votes, entry.people)),
        anew=said(request.anew, limit=_LONG),
        count=request.count,
        can_still=tuple(map(_name, open_to)),
        may_not_approve=refusal(request, viewer, Verdict.APPROVE, entry.people),
        may_not_deny=refusal(request, viewer, Verdict.DENY, entry.people),
        mine=_PAST[mine[-1].verdict] if mine else "",
        anchor=said(request.anchor),
    )


_PAST: Final = {
    Verdict.APPROVE: "approved",
    Verdict.DENY: "denied",
    Verdict.START: "started",
    Verdict.ALONE: "went alone",
    Verdict.REVIEW: "reviewed",
}


def _changes(one: OneRun, request: Request) -> tuple[tuple[ChangeView, ...], str]:
    """The writes that are asked for by themselves; or why this page cannot show all of it."""
    plan = one.state.plan
    if plan is None:
        return (), "there is no plan"
    if not request.step:
        is_shown = request.shown in {"", digest_of(encode(plan))}
        if request.digest != plan.digest or not is_shown:
            return (), "the plan is not the one that was asked about: it is being asked anew"
        return (), ""
    writes = writes_asked(plan, request)
    if writes is None or request.shown not in {"", digest_of(list(request.shows))}:
        return (), "the plan does not show all that is asked, and the request does not either"
    more = (said(each.get("says", "")) for each in request.shows if "key" not in each)
    return (*map(_change, writes), *(ChangeView(says=text) for text in more)), ""


def _change(write: PlannedWrite) -> ChangeView:
    now, after = state_cells(write.before, write.after)
    return ChangeView(
        says=said(write.says),
        where=said(write.where),
        now=now,
        after=after,
        who="by hand" if write.hands == "person" else "by the tool",
        breaks=said(write.breaks, limit=_LONG),
        destroys=write.effect is Effect.DESTROYS,
        for_ever=not write.undo,
    )


def _left(request: Request, entry: Entry) -> str:
    seconds = (request.expires_ms - entry.clock.now_ms()) / 1000
    return span_text(seconds) if seconds > 0 else ""


def _votes(state: RunState, entry: Entry) -> Iterator[VoteView]:
    request_of = {request.nonce: request for request in state.requests}
    newest = state.requests[-1].nonce if state.requests else ""
    for vote in state.votes:
        request = request_of.get(vote.nonce)
        took_effect = vote.nonce in state.used
        why = "" if took_effect else "unknown"
        if request is not None and not took_effect:
            why = void(request, vote, entry.people)
        yield VoteView(
            at=clock_text(vote.at),
            person=word(vote.who.id),
            verdict=_PAST[vote.verdict],
            strength=_STRENGTHS[vote.who.strength],
            channel=word(vote.channel),
            reason=said(vote.reason, limit=_LONG),
            void=said(why),
            earlier=vote.nonce != newest,
        )


def _name(person: PersonRecord) -> str:
    return word(person.name or person.id)


# --- what a person is asked for -----------------------------------------------------------------


def asked_of(state: RunState) -> Asks | None:
    """What the run is parked with for a person; None when it waits for nobody, or for a yes."""
    asks = state.asks
    if asks.kind in (AskKind.NOTHING, AskKind.APPROVAL):
        return None
    safe = asks.link if _is_link(asks.link) else ""
    answer = state.answers.get(asks.id)
    return Asks(
        kind=asks.kind.value,
        id=asks.id,
        title=said(asks.title),
        lines=tuple(said(each, limit=_LONG) for each in asks.lines),
        words=tuple(asks.words),
        link=safe,
        host=_host(safe),
        look_for=said(asks.look_for, limit=_LONG),
        avoid=tuple(map(said, asks.avoid)),
        watched=asks.watched,
        keep=asks.keep,
        names=tuple(asks.names),
        answered=word(answer.by.id) if answer is not None else "",
    )


def _is_link(link: str) -> bool:
    return link.startswith("https://") and hidden_character(link) is None and " " not in link


def _host(link: str) -> str:
    """The host of a link once more, where its letters could deceive."""
    host = link.partition("//")[2].partition("/")[0]
    return showable_host(host) if not host.isascii() else ""


# --- how far it is ------------------------------------------------------------------------------


def _progress(state: RunState, items: Iterable[Item]) -> Iterator[StepLine]:
    begun = {a for a, s in state.steps.items() if s.conclusion is None and not s.open()}
    for item in items:
        if item.how == "finding":
            continue
        shown, tone = _WORDS.get(item.known) or _LEFT.get(item.how, ("left to do", ""))
        if item.how == "not-started" and item.step in begun:
            shown, tone = "begun", "care"
        if item.how == "unknown" and _is_under_way(state, item.step):
            yield StepLine("under way", "", phase_word(item.phase), said(item.title), "")
            continue
        yield StepLine(
            word=shown,
            tone=tone,
            phase=phase_word(item.phase) if item.phase else "",
            text=said(item.title) if item.how == "not-started" else item_text(item),
            at=clock_text(item.at) if item.at else "",
        )


def _is_under_way(state: RunState, address: str) -> bool:
    """An engine has sent it and waits for the answer; it, too, would say so if it were lost."""
    sent = state.step(address).open()
    return state.status is RunStatus.RUNNING and all(w.status is WriteStatus.INTENT for w in sent)


def contained_lines(outcome: Outcome) -> tuple[str, ...]:
    """Whether the harm is stopped, and behind it what is not, as the terminal says it."""
    lines = containment_lines(outcome.containment, _WIDE)
    return tuple(line.removeprefix("  - ") for line in lines)


def _told(state: RunState, persons: Sequence[PersonRecord]) -> Iterator[tuple[str, str, str]]:
    """What people were told of the run: when, about what, whom."""
    names = {person.id: _name(person) for person in persons}
    for address, notice in state.notices.items():
        end = notice.conclusion
        about = address.removeprefix("notice:").rpartition("#")[0]
        what = "an emergency entry" if about == "alone" else "that somebody has to agree"
        if end is None:
            yield clock_text(notice.began), what, "nobody knows yet who was reached"
            continue
        output = end.output if isinstance(end.output, Mapping) else {}
        told = [names.get(str(each), word(each)) for each in output.get("told", ())]
        whom = ", ".join(told) or said(end.why or end.says) or "nobody"
        yield clock_text(end.at), what, whom


def _moments(records: Sequence[Record]) -> Iterator[MomentView]:
    memory = Memory()
    for record in records:
        memory.take(record)
        for told in record_told(record, memory):
            tone = _TONES.get(told.tone.name.lower(), "") if told.tone is not None else ""
            yield MomentView(clock_text(record.at), told.status, told.text, tone)
