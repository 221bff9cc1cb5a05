"""All that can be done in GitHub."""

from __future__ import annotations

from respond.systems.github import (
    actions_secrets,
    audit_events,
    deploy_keys,
    leaked_tokens,
    made_since,
    org_members,
    scanning_alerts,
)

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *org_members.ACTIONS,
    *leaked_tokens.ACTIONS,
    *deploy_keys.ACTIONS,
    *made_since.ACTIONS,
    *audit_events.ACTIONS,
    *actions_secrets.ACTIONS,
    *scanning_alerts.ACTIONS,
)
