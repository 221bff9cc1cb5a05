"""Say what a run asks people now, what it has come to today, and what is new about it.

``Today`` is what recorded answers are held against when they are counted: the people, the clocks,
and what a yes to a plan binds beside its writes. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

from respond.core.approval import (
    Moment,
    People,
    Request,
    Standing,
    Verdict,
    expired,
    standing,
    step_digest,
    voids,
)
from respond.core.fold import RunState, RunStatus, is_undo
from respond.core.plan import moved
from respond.core.policy import Policy
from respond.core.records import Frozen
from respond.core.runbook import Runbook

__all__ = ["Today", "asked_now", "changed_since", "why_anew"]

_YES = Verdict.APPROVE


def asked_now(state: RunState) -> Request | None:
    """What people are asked to agree to now: the newest open request about the plan as it is.

    A run that is over asks only for its undo.
    """
    plan = state.plan_digest
    over = state.status is RunStatus.ENDED
    for request in reversed(state.requests):
        about = step_digest(plan, request.step, request.writes) if request.step else plan
        is_for_undo = is_undo(request.step)
        if request.nonce not in state.used and request.digest == about and over == is_for_undo:
            return request
    return None


def changed_since(
    state: RunState,
    runbook: Runbook,
    *,
    engine: str,
    policy: Policy,
    bound: Mapping[str, Mapping[str, str]],
    mode: str = "",
) -> tuple[str, ...]:
    """What a yes to a run's plan binds beside its writes, and is not what it was (P10).

    Args:
        bound: Where each connection leads now.
        mode: Of now; empty where it cannot be another one.
    """
    plan = state.plan
    if plan is None:
        return ()
    changes = {
        _runbook_changed(state.runbook_text, runbook.text): plan.runbook_digest != runbook.digest,
        "respond is another version": plan.engine != engine,
        "the mode changed": mode not in ("", plan.mode),
        "the policy changed": dict(plan.policy) != policy.as_json(),
    }
    elsewhere = (f"{line} changed" for line in moved(plan.bound, bound))
    return (*(text for text, is_so in changes.items() if is_so), *elsewhere)


def _runbook_changed(was: str, now: str) -> str:
    """With the first line that differs, where the old text is known."""
    lines = enumerate(zip_longest(was.splitlines(), now.splitlines()), 1)
    first = next((n for n, (old, new) in lines if old != new), 0)
    if not was:
        return "the runbook changed"
    return f"the runbook changed (line {first})" if first else "a runbook that it calls changed"


class Today(Frozen):
    """What recorded answers are held against.

    Attributes:
        highest_ms: The latest wall time that any record of the journal carries.
        changed: Gives what ``changed_since`` says of a run.
    """

    people: People
    now: Moment
    highest_ms: int = 0
    changed: Callable[[RunState], tuple[str, ...]] = lambda _: ()

    def standing(self, state: RunState, request: Request) -> Standing:
        """What a request has come to."""
        found = standing(request, state.votes, self.people, self.now, highest_ms=self.highest_ms)
        is_open = found in (Standing.OPEN, Standing.AGREED)
        return Standing.VOID if is_open and self._changed(state, request) else found

    def has_run_out(self, request: Request) -> bool:
        """Whether the time of a request is over."""
        return expired(request, self.now, highest_ms=self.highest_ms)

    def why_void(self, state: RunState, request: Request) -> str:
        """Why people have to be asked anew, and whose yes is void; empty when they need not."""
        if self.standing(state, request) is not Standing.VOID:
            return ""
        return why_anew(state, request, self.people, self._changed(state, request))

    def _changed(self, state: RunState, request: Request) -> tuple[str, ...]:
        return () if is_undo(request.step) else self.changed(state)


def why_anew(state: RunState, was: Request, people: People, reasons: Sequence[str] = ()) -> str:
    """Why people are asked once more, and whose yes to the request before counts no more.

    Args:
        reasons: Empty where it is the yes itself that does not count.
    """
    lost = [f"{who}: {why}" for who, why in voids(was, state.votes, people).items()]
    agreed = {v.who.id for v in state.votes if v.nonce == was.nonce and v.verdict is _YES}
    void = [f"the yes of {' and '.join(sorted(agreed))} is void"] if agreed else []
    return "; ".join((" and ".join(reasons or lost), *void))
