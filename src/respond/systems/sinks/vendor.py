"""Places for new secrets: a sink lies in another system, or there is nothing to connect to."""

from __future__ import annotations

from typing import Final

from respond.systems.vendor import CarriedBy, Vendor

__all__ = ["VENDOR"]

VENDOR: Final = Vendor(
    name="sinks",
    title="Sinks",
    actions={"sink": "respond.systems.sinks.actions"},
    carried_by=CarriedBy.NOTHING,
)
