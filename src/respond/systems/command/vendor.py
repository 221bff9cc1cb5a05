"""A program of the team's own, as the rest of the tool needs to know it."""

from __future__ import annotations

from typing import Final

from respond.systems.vendor import CarriedBy, Vendor

__all__ = ["VENDOR"]

VENDOR: Final = Vendor(
    name="command",
    title="Command",
    actions={},
    carried_by=CarriedBy.COMMAND,
    sink="respond.systems.command.program",
    sink_form="command:NAME",
    probes={"": "a command is run, not asked"},
)
