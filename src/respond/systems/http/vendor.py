"""Any system with an HTTP API: what it offers is described in the runbook."""

from __future__ import annotations

from typing import Final

from respond.systems.vendor import EVERY_SURFACE, Scheme, SentAs, Vendor, Waits

__all__ = ["VENDOR"]

VENDOR: Final = Vendor(
    name="http",
    title="HTTP",
    aside=True,
    # Nobody knows whose API it is: a 403 that says when to come again is no missing right.
    waits=Waits(if_told=frozenset({403}), spent=("x-ratelimit-remaining", "ratelimit-remaining")),
    variants={
        "bearer": {EVERY_SURFACE: Scheme(SentAs.HEADER)},
        "basic": {EVERY_SURFACE: Scheme(SentAs.BASIC)},
        "none": {EVERY_SURFACE: Scheme(SentAs.NOTHING)},
    },
    probes={"": "only the service's owner knows which request is harmless"},
    stays_outside=True,
    ready_by_itself=True,
    snippet="""\
[connections.{name}]
system = "http"
auth = "bearer" # or basic, none
base_urls = {{ http = "https://api.example.com" }}
""",
    simulated="respond.company.widgets",
)
