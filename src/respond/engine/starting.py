"""Begin a run at the terminal: the operator's own signature, other people's yes, or going alone.

The operator has typed ``start``. What they can prove of themselves is recorded with it; where
others have to agree they are asked now, so that their answer is there when it is needed. Going
alone in an emergency is loud: a personal key, a reason, and everybody learns of it before the
first write (P14).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from respond.core.approval import Request, Verdict, answer_text
from respond.core.events import Actor, Kind, Strength
from respond.core.plan import Plan
from respond.core.questions import Decision
from respond.core.recorded import Confirmed, ConfirmScope, Noticed, WentAlone, data_of
from respond.engine.other_people import (
    ask_people,
    heed_any_no,
    is_theirs,
    moment,
    plan_needs,
    request_for,
)
from respond.engine.run import LiveRun
from respond.engine.telling import tell
from respond.errors import ParkedError, RefusedByPersonError, RespondError

__all__ = ["agreed_anew", "go_alone", "started"]

NOBODY_TOLD_S = 120
"""How long going alone waits when nobody could be told, in seconds."""


def started(live: LiveRun, plan: Plan, typed: str) -> None:
    """Record the operator's start, and ask whoever else has to agree.

    Raises:
        RefusedByPersonError: They wanted to go alone and may not; nothing was started.
    """
    if live.site.alone:
        go_alone(live, plan)
    proof = {} if live.site.alone else _signature(live, plan, Verdict.START)
    _said_yes(live, plan, ConfirmScope.START, typed, proof)


def agreed_anew(live: LiveRun, plan: Plan, typed: str, changed: Sequence[str]) -> None:
    """Record that the operator takes another plan than the one they started.

    What they signed holds for that plan alone, and so does what others agreed to.
    """
    proof = _signature(live, plan, Verdict.START)
    _said_yes(live, plan, ConfirmScope.REPLAN, typed, proof, changed=changed)


def _said_yes(
    live: LiveRun,
    plan: Plan,
    scope: ConfirmScope,
    typed: str,
    proof: Mapping[str, str],
    **told: Any,
) -> None:
    """Record it; and ask whoever else has to agree, to have their answer when it is needed."""
    operator, yes = live.site.operator, Decision.YES
    told |= data_of(Confirmed, decision=yes, scope=scope, digest=plan.digest, typed=typed)
    if proof:
        operator, told["proof"] = Actor(operator.id, Strength.KEY), dict(proof)
    live.add(Kind.CONFIRMED, by=operator, **told)
    needed = plan_needs(live, plan)
    if needed is None or request_for(live, needed) is not None:
        return
    try:
        ask_people(live, needed)
    except ParkedError as nobody:
        # What needs no second yes goes on; the step that does says it again, and waits.
        live.tools.progress.say(f"{nobody.what}: {nobody.why}")


def _signature(live: LiveRun, plan: Plan, verdict: Verdict) -> Mapping[str, str]:
    """The operator's own signature under this plan; empty where it is not needed, or not there."""
    person, sign = live.site.operator.id, live.tools.sign
    wants = any(step.approve and step.approve.or_signed for step in plan.steps)
    if sign is None or person not in live.site.proofs or not (wants or verdict is Verdict.ALONE):
        return {}
    head = live.tools.journal.head()
    request = Request(
        nonce=live.tools.nonce(),
        run=live.run,
        digest=plan.digest,
        step="",
        writes=(),
        count=0,
        roles=frozenset(),
        destroys=True,
        initiator=person,
        subject="",
        asked=moment(live.tools.clock),
        within_s=live.site.policy.expiry_s,
        anchor=head.anchor,
    )
    try:
        return sign(answer_text(request, person, verdict), person)
    except RespondError as error:
        live.tools.progress.say(f"not signed: {error.what}. {error.why}".strip())
        return {}


# --- alone --------------------------------------------------------------------------------------


def go_alone(live: LiveRun, plan: Plan) -> None:
    """Let one person go on without a second one's yes.

    Raises:
        RefusedByPersonError: Policy, place or key do not allow it.
    """
    if is_theirs(live, plan.digest, live.state.alone):
        return  # Said, signed and told before a crash or a pause.
    reason = live.site.alone.strip()
    proof = _signature(live, plan, Verdict.ALONE)
    why = ""
    if not live.site.policy.alone:
        why = "the project's policy does not allow it"
    elif live.site.served or not live.tools.prompt.is_there:
        why = "only a person at a terminal can"
    elif not reason:
        why = "it wants a reason"
    elif not proof:
        why = "it wants the signature of your own key, as listed under [[person]] ssh_keys"
    if why:
        raise RefusedByPersonError("nobody goes alone here", why=why, do="ask a second person")
    told = data_of(WentAlone, reason=reason, digest=plan.digest, proof=proof)
    live.add(Kind.BREAK_GLASS, by=Actor(live.site.operator.id, Strength.KEY), **told)
    live.tools.journal.checkpoint(f"run {live.run} goes alone")
    others = tuple(p.id for p in live.site.persons if p.id != live.site.operator.id)
    reached = tell(live, f"alone:{plan.digest[:8]}", "emergency-entry", others)
    waited = 0 if reached else NOBODY_TOLD_S
    live.add(Kind.NOTICE, **data_of(Noticed, about="alone", told=reached, waited_s=waited))
    if waited:
        said = "nobody could be told that you go alone: waiting"
        live.pause(waited, said, partial(heed_any_no, live))
