"""Customer.io: keys, team members, webhooks, and the evidence of what was done with them.

``facts`` holds what is known and what is only assumed about the vendor; ``offers`` what a real
account may offer besides; ``reading`` and ``probes`` are what the actions in the other modules are
made of.
"""

from __future__ import annotations

from respond.systems.customerio import (
    account_review,
    address_review,
    evidence,
    export_review,
    identify,
    jobs,
    keys,
    left_behind,
    login_sessions,
    member_review,
    members,
    rotation,
    sign_on_review,
    single_sign_on,
    switches,
)
from respond.systems.customerio.facts import KeyId, MemberId, WebhookId

__all__ = ["ACTIONS", "KeyId", "MemberId", "WebhookId"]

ACTIONS: tuple[type, ...] = (
    *identify.ACTIONS,
    *keys.ACTIONS,
    *rotation.ACTIONS,
    *jobs.ACTIONS,
    *members.ACTIONS,
    *single_sign_on.ACTIONS,
    *login_sessions.ACTIONS,
    *evidence.ACTIONS,
    *switches.ACTIONS,
    *left_behind.ACTIONS,
    *member_review.ACTIONS,
    *account_review.ACTIONS,
    *sign_on_review.ACTIONS,
    *export_review.ACTIONS,
    *address_review.ACTIONS,
)
