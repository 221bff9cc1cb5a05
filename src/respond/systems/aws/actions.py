"""All that can be done in AWS."""

from __future__ import annotations

from respond.systems.aws import access_keys, footholds, inline_policies, secret_versions

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (
    *access_keys.ACTIONS,
    *inline_policies.ACTIONS,
    *footholds.ACTIONS,
    *secret_versions.ACTIONS,
)
