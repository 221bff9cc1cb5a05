"""Customer.io: keys, team members, webhooks, and the evidence of what was done with them.

``facts`` holds what is known and what is only assumed about the vendor; ``discovery`` finds out
what a real account offers; ``reading``, ``people``, ``probes`` and ``hands`` are what the actions
in the other modules are made of.
"""

from __future__ import annotations

from respond.systems.customerio import (
    audit_log,
    evidence,
    identify,
    keys,
    members,
    sources,
    webhooks,
)
from respond.systems.customerio.facts import KeyId, MemberId, WebhookId

__all__ = ["ACTIONS", "KeyId", "MemberId", "WebhookId"]

ACTIONS: tuple[type, ...] = (
    *identify.ACTIONS,
    *keys.ACTIONS,
    *members.ACTIONS,
    *audit_log.ACTIONS,
    *evidence.ACTIONS,
    *webhooks.ACTIONS,
    *sources.ACTIONS,
)
