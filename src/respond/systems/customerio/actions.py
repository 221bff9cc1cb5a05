"""Customer.io: keys, team members, webhooks, and the evidence of what was done with them.

``facts`` holds what is known and what is only assumed about the vendor; ``offers`` what a real
account may offer besides; ``reading`` and ``probes`` are what the actions in the other modules are
made of.
"""

from __future__ import annotations

from respond.systems.customerio import (
    account_review,
    evidence,
    identify,
    keys,
    member_review,
    members,
    rotation,
    sign_on_review,
    switches,
)
from respond.systems.customerio.facts import KeyId, MemberId, WebhookId

__all__ = ["ACTIONS", "KeyId", "MemberId", "WebhookId"]

ACTIONS: tuple[type, ...] = (
    *identify.ACTIONS,
    *keys.ACTIONS,
    *rotation.ACTIONS,
    *members.ACTIONS,
    *evidence.ACTIONS,
    *switches.ACTIONS,
    *member_review.ACTIONS,
    *account_review.ACTIONS,
    *sign_on_review.ACTIONS,
)
