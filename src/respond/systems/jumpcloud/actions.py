"""All that can be done in JumpCloud."""

from __future__ import annotations

from respond.systems.jumpcloud import (
    app_paths,
    console_admins,
    enrolments,
    insights,
    keys_left,
    planned,
    service_accounts,
    system_users,
)

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *system_users.ACTIONS,
    *planned.ACTIONS,
    *enrolments.ACTIONS,
    *keys_left.ACTIONS,
    *app_paths.ACTIONS,
    *console_admins.ACTIONS,
    *service_accounts.ACTIONS,
    *insights.ACTIONS,
)
