"""Verbs for whatever signs people in; which systems that are, ``respond.toml`` says."""

from __future__ import annotations

from typing import Final

from respond.systems.vendor import CarriedBy, Vendor

__all__ = ["VENDOR"]

VENDOR: Final = Vendor(name="directory", title="Directory", carried_by=CarriedBy.NOTHING)
