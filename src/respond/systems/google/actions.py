"""All that can be done in Google Workspace, and with keys of service accounts."""

from __future__ import annotations

from respond.systems.google import (
    admin_roles,
    app_access,
    group_members,
    service_account_keys,
    suspending,
    two_step,
    workspace_logs,
    workspace_users,
)

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *workspace_users.ACTIONS,
    *suspending.ACTIONS,
    *app_access.ACTIONS,
    *two_step.ACTIONS,
    *admin_roles.ACTIONS,
    *group_members.ACTIONS,
    *workspace_logs.ACTIONS,
    *service_account_keys.ACTIONS,
)
