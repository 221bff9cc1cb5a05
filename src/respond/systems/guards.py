"""Refuse what no runbook may ask for: the wrong kind of target, or one that must stay.

A guard is part of an action's script, so it holds in a dry run, in a run and on resume alike.
"""

from __future__ import annotations

from respond.errors import RefusedByPersonError

__all__ = ["GuardRefusedError"]


class GuardRefusedError(RefusedByPersonError):
    """The target is excluded (P8): nothing was written, and nothing will be."""
