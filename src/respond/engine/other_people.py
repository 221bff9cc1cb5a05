"""See to it that other people agree where they have to, and wait for their answer (P10, P11).

It records what is asked, counts the answers as ``core.approval`` says, and lets a yes take effect
once. Who may answer is not decided here; answers come in through ``deciding``, in any process, and
are found in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from respond.core.approval import (
    Moment,
    People,
    Request,
    Standing,
    Verdict,
    able,
    disproved,
    is_denied,
    person_for,
    step_digest,
    voids,
)
from respond.core.asked import Today, why_anew
from respond.core.events import Kind
from respond.core.fold import RunState, RunStatus
from respond.core.incoming import Means
from respond.core.plan import OthersAgree, Plan, PlannedStep, PlannedWrite, StepPlan, digest_of
from respond.core.questions import AskAgain, Decision
from respond.core.recorded import (
    AskKind,
    AsksFor,
    Confirmed,
    ConfirmScope,
    Signed,
    WentAlone,
    data_of,
)
from respond.core.records import Frozen, replace
from respond.core.script import Effect
from respond.core.shapes import encode
from respond.engine.run import MEANWHILE_S, LiveRun
from respond.engine.stopping import QuitError
from respond.errors import ParkedError
from respond.ports import Clock, Journal

__all__ = [
    "Needed",
    "agreed_to",
    "agreed_writes",
    "ask_again",
    "ask_people",
    "has_news",
    "has_run_out",
    "heed_any_no",
    "is_agreed",
    "is_gated",
    "is_let_off",
    "is_theirs",
    "moment",
    "plan_needs",
    "request_for",
    "step_needs",
    "today",
]


class Needed(Frozen):
    """What other people have to agree to.

    Attributes:
        digest: Of the plan, or of one step's writes.
        step: That step's address; empty for the plan.
        writes: Keys of the writes.
        shows: The same in words, where the plan does not show them.
    """

    digest: str
    step: str
    writes: tuple[str, ...]
    count: int
    roles: frozenset[str]
    destroys: bool
    within_s: int
    shows: tuple[Mapping[str, Any], ...] = ()


def plan_needs(live: LiveRun, plan: Plan) -> Needed | None:
    """What a plan needs before its gated writes; None when the operator can do all alone."""
    gated = [step for step in plan.steps if is_gated(live, step)]
    asked = [step.approve for step in gated if step.approve]
    if not asked:
        return None
    return Needed(
        digest=plan.digest,
        step="",
        writes=tuple(w.key for step in gated for w in step.writes),
        count=max(others.count for others in asked),
        roles=frozenset(role for others in asked for role in others.roles),
        destroys=any(_destroys(step) for step in gated),
        within_s=min(others.within_s for others in asked),
    )


def step_needs(
    live: LiveRun,
    approve: OthersAgree | None,
    step: str,
    writes: Sequence[PlannedWrite],
    *more: str,
) -> Needed | None:
    """What writes of one step need that the plan did not show; None when nobody else is asked.

    Args:
        more: What else is agreed to there, such as ``all 300``.
    """
    if not approve or is_let_off(live, approve):
        return None
    keys = (*(w.key for w in writes), *more)
    return Needed(
        digest=step_digest(live.state.plan_digest, step, keys),
        step=step,
        writes=keys,
        count=approve.count,
        roles=frozenset(approve.roles),
        destroys=bool(more) or any(w.effect is Effect.DESTROYS for w in writes),
        within_s=approve.within_s,
        shows=(*(encode(w) for w in writes), *({"says": each} for each in more)),
    )


def is_agreed(state: RunState) -> bool:
    """Whether people agreed to the plan as it stands."""
    return bool(state.plan_digest) and state.plan_digest in state.agreed


def is_gated(live: LiveRun, step: PlannedStep) -> bool:
    """Whether somebody else has to agree before this step of a plan writes."""
    unsure = step.state in (StepPlan.LATE, StepPlan.UNSEEN, StepPlan.REFUSED)
    writes = bool(step.writes) or unsure
    return step.approve is not None and writes and not is_let_off(live, step.approve)


def is_let_off(live: LiveRun, approve: OthersAgree) -> bool:
    """Who went alone in an emergency asks nobody; whose own key signed proved enough for some.

    Both hold for that person, and for the plan that they signed.
    """
    state, site = live.state, live.site
    alone = site.policy.alone and is_theirs(live, state.plan_digest, state.alone)
    return alone or (approve.or_signed and is_theirs(live, state.plan_digest, state.proved))


def is_theirs(live: LiveRun, digest: str, signed: Signed | WentAlone | None) -> bool:
    """Whether the operator signed just this plan, with a key that is theirs today."""
    site = live.site
    return (
        signed is not None
        and (signed.digest, signed.by) == (digest, site.operator.id)
        and not disproved(signed.by, signed.key, site.people)
    )


def agreed_writes(state: RunState, step: str) -> frozenset[str]:
    """Keys of the writes of one step that people agreed to, beyond the plan as it is now."""
    plan = state.plan_digest
    return frozenset(
        key
        for request in state.requests
        if request.step == step
        and request.digest in state.agreed
        and request.digest == step_digest(plan, step, request.writes)
        for key in request.writes
    )


def _destroys(step: PlannedStep) -> bool:
    unknown = step.state in (StepPlan.LATE, StepPlan.UNSEEN, StepPlan.REFUSED)
    return any(w.effect is Effect.DESTROYS for w in step.writes) or (
        unknown and step.effect is Effect.DESTROYS
    )


def agreed_to(live: LiveRun, needed: Needed) -> None:
    """Come back when people have agreed; their yes is used up then.

    Raises:
        ParkedError: They have not answered, and nobody sits at a terminal to wait.
        QuitError: Somebody said no.
    """
    while needed.digest not in live.state.agreed:
        heed_any_no(live)
        request = request_for(live, needed) or ask_people(live, needed)
        match _today(live).standing(live.state, request):
            case Standing.AGREED:
                _take_effect(live, request)
            case Standing.DENIED:
                _heed_no(live, request)
            case Standing.EXPIRED:
                ask_again(live, request)
                ask_people(live, needed)
            case Standing.VOID:
                ask_people(live, needed)
            case Standing.OPEN:
                _wait(live, request)


def heed_any_no(live: LiveRun) -> None:
    """End the run if it was cancelled, or anybody who may has said no to anything that it asked.

    Any process may record that at any time, so it is asked again while the run waits and before
    each write.

    Raises:
        QuitError: Somebody has, whatever was asked since, and however late it is found.
    """
    live.refresh()
    if live.is_stopping or live.state.status is RunStatus.ENDED:
        return  # Its handlers go on, and so does its undo.
    if live.state.cancelled:
        raise QuitError("cancelled")
    state, people = live.state, live.site.people
    for request in state.requests:
        if request.nonce not in state.used and is_denied(request, state.votes, people):
            _heed_no(live, request)


def request_for(live: LiveRun, needed: Needed) -> Request | None:
    """The newest request for just this, if its answer was not used yet.

    One that was made when somebody else carried the run on does not know who may not agree.
    """
    state = live.state
    for request in reversed(state.requests):
        if request.digest == needed.digest and request.step == needed.step:
            fits = request.count >= needed.count and request.roles >= needed.roles
            knows = set(_hands_in(live)) <= {request.initiator, *request.also}
            return request if fits and knows and request.nonce not in state.used else None
    return None


def _hands_in(live: LiveRun) -> tuple[str, ...]:
    """Whoever else than its initiator has a hand in a run: who started it, who carries it on."""
    names = {live.state.started_by} | (set() if live.site.served else {live.site.operator.id})
    return tuple(sorted(names - {"", live.state.operator}))


def ask_people(live: LiveRun, needed: Needed) -> Request:
    """Record a request and tell those who could agree.

    Raises:
        ParkedError: Nobody could; nothing is asked.
    """
    tools, site = live.tools, live.site
    if not site.served and person_for(site.persons, site.operator.id) is None:
        raise ParkedError(
            "others have to agree, and it is not known who began this run",
            why=f"the login {site.operator.id!r} is nobody's in respond.toml: whoever it is could "
            "agree with themselves",
            do=f'add logins = ["{site.operator.id}"] to your own [[person]], then: '
            f"respond resume {live.run}",
        )
    # Whoever signs the answer signs this head too, and so becomes a witness of the journal.
    head = tools.journal.checkpoint(f"before an approval of run {live.run}")
    now = moment(tools.clock)
    request = Request(
        nonce=tools.nonce(),
        run=live.run,
        **structs.asdict(needed),
        initiator=live.state.operator,
        also=_hands_in(live),
        suspects=(*site.suspects, *live.state.proposed.suspects),
        subject=live.state.proposed.subject,
        # Not before the latest time that the journal has seen, or it would be over at once.
        asked=replace(now, wall_ms=max(now.wall_ms, _highest_ms(tools.journal))),
        anchor=head.anchor,
        shown=digest_of(list(needed.shows) if needed.step else encode(live.state.plan)),
        anew=_why_anew(live, needed),
    )
    people = able(request, site.people)
    if len(people) < request.count:
        raise ParkedError(
            f"{request.count} other {'person has' if request.count == 1 else 'people have'} to "
            f"agree, and {len(people)} could",
            why="; ".join(filter(None, (request.anew, _who_is_missing(request)))),
            do="add people with the role and a key to [[person]] in respond.toml, then: "
            f"respond resume {live.run}",
        )
    if request.anew:
        tools.progress.say(f"asked anew: {request.anew}")
    live.add(Kind.APPROVAL_ASKED, **request.as_json())
    tools.asked(live, request, tuple(person.id for person in people))
    return request


def _why_anew(live: LiveRun, needed: Needed) -> str:
    """Why this is asked once more, and whose yes is void by it; empty when it is the first time."""
    state, people = live.state, live.site.people
    was = next((each for each in reversed(state.requests) if each.step == needed.step), None)
    if was is None:
        return ""
    reasons: Sequence[str] = ()
    if was.digest != needed.digest:
        reasons = state.changed or ("what is there is not what it was",)
    elif has_run_out(live, was):
        reasons = ("not everybody agreed in time",)
    elif not voids(was, state.votes, people):
        reasons = ("it has another hand in it, or more people have to agree",)
    return why_anew(state, was, people, reasons)


def _who_is_missing(request: Request) -> str:
    roles = " and ".join(sorted(request.roles)) or "no role"
    why = f"wanted: {roles}, not the initiator {request.initiator!r}"
    if request.subject:
        why += ", not the subject of the incident"
    if request.destroys:
        why += "; and with a key or a sign-on, for something is destroyed"
    return why


def today(
    people: People,
    clock: Clock,
    journal: Journal,
    changed: Callable[[RunState], tuple[str, ...]] = lambda _: (),
) -> Today:
    """What answers are held against now."""
    return Today(people, moment(clock), _highest_ms(journal), changed)


def _today(live: LiveRun) -> Today:
    # What the plan rests on is compared before, where the run is taken up.
    return today(live.site.people, live.tools.clock, live.tools.journal)


def moment(clock: Clock) -> Moment:
    """Now, by both clocks."""
    return Moment(clock.now_ms(), clock.mono_ms(), clock.boot())


def _highest_ms(journal: Journal) -> int:
    return round(datetime.fromisoformat(journal.highest_at()).timestamp() * 1000)


def has_run_out(live: LiveRun, request: Request) -> bool:
    """Whether the time of a request is over."""
    return _today(live).has_run_out(request)


def _take_effect(live: LiveRun, request: Request) -> None:
    persons = sorted({v.who.id for v in live.state.votes if v.nonce == request.nonce})
    told = data_of(
        Confirmed,
        decision=Decision.YES,
        scope=ConfirmScope.AGREED,
        nonce=request.nonce,
        digest=request.digest,
        at_step=request.step,
        persons=persons,
    )
    live.add(Kind.CONFIRMED, **told)


def _heed_no(live: LiveRun, request: Request) -> None:
    said = [
        vote
        for vote in live.state.votes
        if vote.nonce == request.nonce and vote.verdict is Verdict.DENY
    ]
    persons = " and ".join(sorted({vote.who.id for vote in said}))
    reason = next((vote.reason for vote in said if vote.reason), "")
    told = data_of(Confirmed, decision=Decision.QUIT, nonce=request.nonce, reason=reason)
    live.add(Kind.CONFIRMED, **told)
    raise QuitError(f"{persons} said no" + (f": {reason}" if reason else ""))


def ask_again(live: LiveRun, request: Request) -> None:
    """Come back when somebody wants to ask the same people once more.

    Raises:
        ParkedError: Nobody has said so.
    """
    by = live.site.operator
    if not has_news(live.state):
        why = f"the request was open for {request.within_s // 60} minutes"
        title = "Nobody agreed in time"
        answer = live.ask(AskAgain(request.step, title, f"{why}, and counts as a no"))
        if answer.decision is not Decision.YES:
            raise ParkedError(
                f"nobody agreed to run {live.run} in time",
                why=why,
                do=f"to ask again: respond resume {live.run}",
            )
        by = answer.by or by
    # From here on the old request is answered.
    told = data_of(Confirmed, decision=Decision.AGAIN, nonce=request.nonce)
    live.add(Kind.CONFIRMED, by=by, **told)


def has_news(state: RunState) -> bool:
    """Whether the alert came again since the run was parked: that asks again by itself."""
    parked = state.parked.at
    return bool(parked) and any(
        joined.event.means is Means.BEGINS and joined.recorded_at > parked
        for joined in state.joined
    )


def _waiting_text(live: LiveRun, request: Request) -> str:
    """Who is waited for, in a line."""
    said = {vote.who.id for vote in live.state.votes if vote.nonce == request.nonce}
    names = [p.id for p in able(request, live.site.people) if p.id not in said]
    left = max(1, request.count - len(said))
    return f"waiting for {left} of {', '.join(names)} to agree: respond approve {live.run}"


def _wait(live: LiveRun, request: Request) -> None:
    if live.tools.prompt.is_there:
        live.pause(MEANWHILE_S, _waiting_text(live, request))
        return
    where = f"step {request.step!r}" if request.step else f"run {live.run}"
    raise ParkedError(
        f"{where} waits for another person's approval",
        why=_waiting_text(live, request),
        do=f"respond approve {live.run}; then: respond resume {live.run}",
        asks=data_of(AsksFor, kind=AskKind.APPROVAL, id=request.nonce),
    )
