"""Say whether a run waits for one person: for their yes, their answer, or their review.

Asked with the functions that say whether an answer counts, so that nobody is sent to a run where
they are then refused.
"""

from __future__ import annotations

from respond.core.approval import Standing, Verdict, refusal, silenced
from respond.core.asked import asked_now
from respond.core.events import Actor
from respond.core.fold import RunState
from respond.core.recorded import AskKind
from respond.people.answers import Entry, no_review_by

__all__ = ["waits_for"]


def waits_for(entry: Entry, state: RunState, who: Actor) -> bool:
    """Whether this person could take the run further now, and has not."""
    request = asked_now(state)
    if request is not None:
        has_answered = any(v.nonce == request.nonce and v.who.id == who.id for v in state.votes)
        return (
            not has_answered
            and not refusal(request, who, Verdict.APPROVE, entry.people)
            and entry.standing(state, request) is Standing.OPEN
        )
    if state.alone and not state.reviewed:
        return not no_review_by(entry, state, who)
    asks = state.asks
    is_asked = asks.kind in (AskKind.QUESTION, AskKind.TASK, AskKind.INPUTS)
    if not is_asked or asks.id in state.answers:
        return False
    people = entry.people.suspecting(state.proposed.suspects)
    return not silenced(who, people, state.proposed.subject, decides=False)
