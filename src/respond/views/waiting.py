"""Say what a run waits for, and what comes next: terminal, page and JSON all take it from here."""

from __future__ import annotations

from respond.core.approval import Request, Standing, agreed
from respond.core.asked import Today, asked_now
from respond.core.fold import RunState, RunStatus
from respond.core.outcome import Outcome, outcome_of
from respond.core.recorded import AskKind
from respond.core.records import Frozen
from respond.views.layout import said, word
from respond.views.words import exit_text

__all__ = ["Waiting", "waiting"]

_SAYS_MAX = 80
_WHY_MAX = 1_000
_ASKED = {
    AskKind.QUESTION: "asks",
    AskKind.TASK: "a person has to do",
    AskKind.INPUTS: "needs to know",
}


class Waiting(Frozen):
    """Where a run stands.

    Attributes:
        line: What it waits for or came to.
        why: What is behind that, such as the cause of a park or whose yes is void; may be empty.
        next: What comes next; empty when it is over.
        tone: ``good``, ``care`` or empty.
    """

    line: str
    why: str = ""
    next: str = ""
    tone: str = ""


def waiting(state: RunState, today: Today) -> Waiting:
    """What a run waits for, and what comes next."""
    request = asked_now(state)
    over = state.status is RunStatus.ENDED
    if state.cancelled and not over:
        return Waiting("a person ended it", "", _carried_on(state, "ends it"), "care")
    if request is not None and state.status is not RunStatus.RUNNING:
        return _approval(state, request, today)
    if state.status is RunStatus.PARKED:
        return _parked(state)
    go_on = f"respond resume {word(state.id)}"
    match state.status:
        case RunStatus.ENDED:
            line = f"ended {exit_text(state.ended.exit, state.ended.say[:_SAYS_MAX])}"
            if left := state.undo_wanted - len(state.undone):
                line += f"; its undo is begun, {left} of {state.undo_wanted} changes left"
                return Waiting(line, _why(state), f"respond undo {word(state.id)}", "care")
            outcome = outcome_of(state)
            if outcome.put_back:
                line += "; put back since the run"
                line += ", not contained any more" if outcome.containment.put_back else ""
            return Waiting(line, tone="good" if _went_well(state, outcome) else "care")
        case RunStatus.RUNNING:
            died = f"if its process died, {go_on} looks first"
            if state.proposed.passing:
                died = f"if its process died, it is over: respond cancel {word(state.id)}"
            return Waiting(_running(state), next=died)
        case RunStatus.PLANNED:
            return Waiting("planned, not started", next=go_on)
        case RunStatus.PROPOSED:
            return Waiting("proposed, not planned", next=go_on)


def _carried_on(state: RunState, what: str) -> str:
    """What happens when it is carried on next, and who does that."""
    resume = f"respond resume {word(state.id)} {what}"
    return f"the server {what}; without one: {resume}" if state.is_served else resume


def _went_well(state: RunState, outcome: Outcome) -> bool:
    """All was done, and where harm was to be stopped, that is proved and stays so."""
    contained = outcome.containment
    stands = contained.holds if contained.planned else not outcome.put_back
    return state.ended_well and stands


def _approval(state: RunState, request: Request, today: Today) -> Waiting:
    again = "undo" if state.status is RunStatus.ENDED else "resume"
    go_on = _carried_on(state, "goes on") if again == "resume" else f"respond undo {word(state.id)}"
    if not today.people.persons:
        return Waiting("waits for people to agree", "who they are is not known here", go_on, "care")
    anew = f"asked anew: {said(request.anew, limit=_WHY_MAX)}" if request.anew else ""
    match today.standing(state, request):
        case Standing.OPEN:
            left = request.count - len(agreed(request, state.votes, today.people))
            who = "1 person" if left == 1 else f"{left} people"
            what = f"step {word(request.step)}" if request.step else "the plan"
            answer = f"respond approve {word(state.id)}"
            return Waiting(f"waits for {who} to agree to {what}", anew, answer, "care")
        case Standing.AGREED:
            return Waiting("agreed: it goes on", "", go_on, "good")
        case Standing.DENIED:
            return Waiting("denied: it ends", "", _carried_on(state, "ends it"), "care")
        case Standing.VOID:
            void = said(today.why_void(state, request), limit=_WHY_MAX)
            line = "has to be asked anew: nothing was changed by it"
            return Waiting(line, void, _carried_on(state, "asks anew"), "care")
        case Standing.EXPIRED:
            line = "nobody agreed in time: nothing was changed by it"
            return Waiting(line, anew, f"to ask again: respond resume {word(state.id)}", "care")


def _parked(state: RunState) -> Waiting:
    asks, why = state.asks, said(state.parked.reason, limit=_WHY_MAX)
    do = said(state.parked.do, limit=_WHY_MAX) or f"respond resume {word(state.id)}"
    if asks.kind not in _ASKED:
        return Waiting(said(state.parked.why) or "waits for a person", why, do, "care")
    if answer := state.answers.get(asks.id):
        return Waiting(
            f"{word(answer.by.id)} has answered: it goes on", "", _carried_on(state, "goes on")
        )
    what = ", ".join(map(word, asks.names)) if asks.kind is AskKind.INPUTS else said(asks.title)
    return Waiting(f"{_ASKED[asks.kind]}: {what}", _why(state), do, "care")


def _why(state: RunState) -> str:
    """What stopped it, and why that is."""
    parts = (said(part, limit=_WHY_MAX) for part in (state.parked.why, state.parked.reason))
    return ": ".join(filter(None, parts))


def _running(state: RunState) -> str:
    """What is going on this moment: the step that has begun and is not concluded."""
    for step in reversed(tuple(state.steps.values())):
        if step.conclusion is None and (step.writes or step.began):
            planned = state.plan.step(step.address) if state.plan is not None else None
            title = step.title or (planned.title if planned is not None else "") or step.address
            return f"running: {said(title)}"
    return "running"
