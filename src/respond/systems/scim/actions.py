"""All that can be done by SCIM."""

from __future__ import annotations

from respond.systems.scim import scim_accounts, scim_admins, scim_groups, scim_users

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *scim_users.ACTIONS,
    *scim_accounts.ACTIONS,
    *scim_groups.ACTIONS,
    *scim_admins.ACTIONS,
)
