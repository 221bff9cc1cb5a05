"""Every action of Cloudflare's, from its modules."""

from __future__ import annotations

from respond.systems.cloudflare import (
    access_users,
    account_log,
    account_tokens,
    member_list,
    member_rights,
    memberships,
    user_groups,
)

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *memberships.ACTIONS,
    *member_rights.ACTIONS,
    *member_list.ACTIONS,
    *user_groups.ACTIONS,
    *account_tokens.ACTIONS,
    *access_users.ACTIONS,
    *account_log.ACTIONS,
)
