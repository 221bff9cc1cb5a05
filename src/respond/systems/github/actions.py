"""All that can be done in GitHub."""

from __future__ import annotations

from respond.systems.github import org_members

__all__ = ["ACTIONS"]

ACTIONS: tuple[type, ...] = (*org_members.ACTIONS,)
