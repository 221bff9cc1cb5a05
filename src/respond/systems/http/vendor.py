"""Any system with an HTTP API: what it offers is described in the runbook."""

from __future__ import annotations

from typing import Final

from respond.systems.vendor import EVERY_SURFACE, Scheme, SentAs, Vendor

__all__ = ["VENDOR"]

VENDOR: Final = Vendor(
    name="http",
    title="HTTP",
    aside=True,
    variants={
        "bearer": {EVERY_SURFACE: Scheme(SentAs.HEADER)},
        "basic": {EVERY_SURFACE: Scheme(SentAs.BASIC)},
        "none": {EVERY_SURFACE: Scheme(SentAs.NOTHING)},
    },
    probes={"": "only the service's owner knows which request is harmless"},
    ready_by_itself=True,
    snippet="""\
[connections.{name}]
system = "http"
auth = "bearer" # or basic, none
base_urls = {{ http = "https://api.example.com" }}
""",
    simulated="respond.company.widgets",
)
