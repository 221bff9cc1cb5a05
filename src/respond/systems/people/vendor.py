"""Steps that people do, and what they are told: there is nothing to connect to."""

from __future__ import annotations

from typing import Final

from respond.systems.vendor import CarriedBy, Vendor

__all__ = ["VENDOR"]

VENDOR: Final = Vendor(
    name="people",
    title="People",
    actions={
        "human": "respond.systems.people.human",
        "notify": "respond.systems.people.notify",
    },
    carried_by=CarriedBy.NOTHING,
)
