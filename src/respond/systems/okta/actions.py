"""All that can be done in Okta."""

from __future__ import annotations

from respond.systems.okta import (
    apps,
    client_secrets,
    factors,
    lifecycle,
    roles,
    signing_out,
    system_log,
    tokens,
    users,
)

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *users.ACTIONS,
    *lifecycle.ACTIONS,
    *signing_out.ACTIONS,
    *factors.ACTIONS,
    *roles.ACTIONS,
    *apps.ACTIONS,
    *tokens.ACTIONS,
    *client_secrets.ACTIONS,
    *system_log.ACTIONS,
)
