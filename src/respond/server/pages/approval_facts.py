"""What people are asked to agree to, and who has answered, for the page of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from respond.core.approval import Request, Standing, Verdict, able, agreed, refusal, void
from respond.core.events import Actor, Strength
from respond.core.fold import RunState
from respond.core.plan import PlannedWrite, digest_of, short_digest
from respond.core.records import Frozen
from respond.core.script import Effect
from respond.core.shapes import encode
from respond.people.answers import Entry
from respond.server.board import OneRun
from respond.views.approval_text import writes_asked
from respond.views.layout import said, word
from respond.views.words import at_text, clock_text, span_text, state_cells

__all__ = ["ApprovalView", "ChangeView", "VoteView", "approval_view", "tail_of", "votes_of"]

_LONG: Final = 2_000
_STRENGTHS: Final = {
    Strength.CLAIMED: "their name is only claimed",
    Strength.CHAT: "by chat",
    Strength.KEY: "signed with their key",
    Strength.SIGNED_ON: "signed on",
    Strength.MACHINE: "a machine",
}
_PAST: Final = {
    Verdict.APPROVE: "approved",
    Verdict.DENY: "denied",
    Verdict.START: "started",
    Verdict.ALONE: "went alone",
    Verdict.REVIEW: "reviewed",
}


class ChangeView(Frozen):
    """A write of one step that is asked for by itself; or something else that is, in words.

    Its fields are those of ``views.deciding.Change``, so that a page shows either.
    """

    says: str
    place: str = ""
    now: str = ""
    after: str = ""
    by_hand: bool = False
    known: str = ""
    breaks: str = ""
    destroys: bool = False
    for_ever: bool = False


class VoteView(Frozen):
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


class ApprovalView(Frozen):
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


def approval_view(one: OneRun, request: Request, viewer: Actor, entry: Entry) -> ApprovalView:
    """What a request asks, and what this viewer may do about it."""
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
        can_still=tuple(word(person.name or person.id) for person in open_to),
        may_not_approve=refusal(request, viewer, Verdict.APPROVE, entry.people),
        may_not_deny=refusal(request, viewer, Verdict.DENY, entry.people),
        mine=_PAST[mine[-1].verdict] if mine else "",
        anchor=said(request.anchor),
    )


def tail_of(run: str) -> str:
    """The last part of a run's id: what is typed for what destroys."""
    return run.rpartition("-")[2]


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
        place=said(write.where),
        now=now,
        after=after,
        by_hand=write.hands == "person",
        breaks=said(write.breaks, limit=_LONG),
        destroys=write.effect is Effect.DESTROYS,
        for_ever=not write.undo,
    )


def _left(request: Request, entry: Entry) -> str:
    seconds = (request.expires_ms - entry.clock.now_ms()) / 1000
    return span_text(seconds) if seconds > 0 else ""


def votes_of(state: RunState, entry: Entry) -> Iterator[VoteView]:
    """Every answer, the earliest first, with why one does not count."""
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
