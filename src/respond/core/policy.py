"""Say how much care a step gets: the policy of the project is the floor, and care only grows.

Whatever a runbook, a flag or a pager asks for is laid on top: booleans are or-ed, orders take the
higher, numbers the smaller (limits, time) or the larger (how many agree). There is no way to
write less care down, so there is none to check for (P12).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from respond.core.records import Frozen
from respond.core.runbook import ActionStep, Approval
from respond.core.script import Effect
from respond.core.shapes import encode

__all__ = [
    "Asked",
    "Care",
    "Chat",
    "Confirm",
    "Policy",
    "TwoPeople",
    "asked_by",
    "effective",
    "floor",
    "raised",
]


class _CareLevel(Enum):
    """Each member is more careful than those before it."""

    @property
    def order(self) -> int:
        return list(type(self)).index(self)

    def covers(self, effect: Effect) -> bool:
        return effect in _COVERED[self.value]


class Confirm(_CareLevel):
    """At which writes the operator is asked. Reads never ask."""

    DESTRUCTIVE = "destructive"
    EVERY_WRITE = "every-write"


class TwoPeople(_CareLevel):
    """For which writes another person has to agree."""

    NEVER = "never"
    DESTRUCTIVE = "destructive"
    EVERY_WRITE = "every-write"


class Chat(Enum):
    """What buttons in chat may decide. Chat itself may be in the attacker's hands."""

    NEVER = "never"
    ORDINARY = "ordinary"
    DESTRUCTIVE = "destructive"

    @property
    def order(self) -> int:
        """The higher, the more careful."""
        return -list(Chat).index(self)

    def covers(self, *, destroys: bool) -> bool:
        return self is Chat.DESTRUCTIVE or (self is Chat.ORDINARY and not destroys)


_COVERED: Mapping[str, frozenset[Effect]] = {
    "never": frozenset(),
    "destructive": frozenset({Effect.DESTROYS}),
    "every-write": frozenset({Effect.WRITES, Effect.DESTROYS}),
}


class Policy(Frozen):
    """``[policy]`` of ``respond.toml``. The defaults let one person contain, and nothing slip.

    Attributes:
        approvals: How many have to agree where somebody has to.
        approver: Role of those who may.
        limit: Targets of one step beyond which it asks again, whatever its runbook says.
        require_reason: No run begins without a reason; ``engine.proposing`` sees to it.
        expiry_s: How long an approval request stays open, at most.
        alone: Whether one person may go alone in an emergency (P14).
    """

    confirm: Confirm = Confirm.DESTRUCTIVE
    two_people: TwoPeople = TwoPeople.NEVER
    approvals: int = 1
    approver: str = "approver"
    limit: int = 25
    require_reason: bool = False
    expiry_s: int = 1_800
    chat: Chat = Chat.NEVER
    alone: bool = True

    def as_json(self) -> dict[str, Any]:
        """As plans carry it; every field, so that a change of any changes the plan's digest."""
        data: dict[str, Any] = encode(self)
        return data


class Asked(Frozen):
    """What a runbook step and the flags of this run ask for. Nothing of it can lower care."""

    confirm: bool = False
    approval: Approval | None = None
    limit: int | None = None


class Care(Frozen):
    """What a step gets.

    Attributes:
        confirm: The operator is asked, with verb and target.
        approvals: How many others have to agree; 0 when nobody has to.
        roles: An approver has to have all of these.
        within_s: How long the request stays open; None when nobody is asked.
        limit: Targets beyond which it asks again.
    """

    confirm: bool
    approvals: int
    limit: int
    roles: frozenset[str] = frozenset()
    within_s: int | None = None

    def is_at_least(self, floor: Care) -> bool:
        """Whether this is as careful as ``floor`` in every way."""
        return (
            self.confirm >= floor.confirm
            and self.approvals >= floor.approvals
            and self.roles >= floor.roles
            and self.limit <= floor.limit
            and (floor.within_s is None or (self.within_s or 0) <= floor.within_s)
        )


def asked_by(step: ActionStep, *, every_write: bool = False) -> Asked:
    """What a step of a runbook asks for, with the flags of the run.

    Args:
        every_write: ``--step-by-step``.
    """
    return Asked(
        confirm=every_write or step.confirm is not None,
        approval=step.approve,
        limit=step.for_each.limit if step.for_each is not None else None,
    )


def floor(policy: Policy, effect: Effect) -> Care:
    """The least care that policy allows for a write of this effect."""
    agreed = policy.two_people.covers(effect)
    return Care(
        confirm=effect is Effect.DESTROYS or policy.confirm.covers(effect),
        approvals=policy.approvals if agreed else 0,
        limit=policy.limit,
        roles=frozenset({policy.approver} if agreed else ()),
        within_s=policy.expiry_s if agreed else None,
    )


def effective(policy: Policy, effect: Effect, asked: Asked) -> Care:
    """The care that a step gets: the floor, and on it whatever the step asks for.

    A destructive step without a number of its own has one target.
    """
    least = floor(policy, effect)
    reads = effect is Effect.READS
    approval = None if reads else asked.approval
    limit = asked.limit
    if limit is None and effect is Effect.DESTROYS:
        limit = 1
    return Care(
        confirm=least.confirm or (asked.confirm and not reads),
        approvals=max(least.approvals, approval.count if approval else 0),
        limit=least.limit if limit is None else min(least.limit, limit),
        roles=least.roles | ({approval.by} if approval else set()),
        within_s=min(policy.expiry_s, approval.within_s) if approval else least.within_s,
    )


def raised(policy: Policy, *others: Policy) -> Policy:
    """The strictest of several policies in every way; the first one's role of approvers counts."""
    every = (policy, *others)
    return Policy(
        confirm=max((each.confirm for each in every), key=lambda each: each.order),
        two_people=max((each.two_people for each in every), key=lambda each: each.order),
        approvals=max(each.approvals for each in every),
        approver=policy.approver,
        limit=min(each.limit for each in every),
        require_reason=any(each.require_reason for each in every),
        expiry_s=min(each.expiry_s for each in every),
        chat=max((each.chat for each in every), key=lambda each: each.order),
        alone=all(each.alone for each in every),
    )
