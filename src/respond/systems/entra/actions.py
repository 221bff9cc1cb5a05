"""All that can be done in Entra."""

from __future__ import annotations

from respond.systems.entra import (
    app_assignments,
    app_secrets,
    audit_logs,
    auth_methods,
    consents,
    enabling,
    inbox_rules,
    registered_devices,
    role_assignments,
    tenant_users,
)

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *tenant_users.ACTIONS,
    *enabling.ACTIONS,
    *auth_methods.ACTIONS,
    *role_assignments.ACTIONS,
    *consents.ACTIONS,
    *app_assignments.ACTIONS,
    *registered_devices.ACTIONS,
    *inbox_rules.ACTIONS,
    *app_secrets.ACTIONS,
    *audit_logs.ACTIONS,
)
