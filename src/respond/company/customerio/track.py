"""The Track API, and the ingest of Pipelines: where events come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.exchange import RefusalError, SimReply, as_json

if TYPE_CHECKING:
    from respond.company.customerio.account import CioAccount
    from respond.company.exchange import SimRequest

_REGION = ("api", "v1", "accounts", "region")
_CUSTOMERS = ("api", "v1", "customers")
_HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}


def serve_track(cio: CioAccount, request: SimRequest) -> SimReply:
    """Answer one Track API request.

    The region is told on either host, so that a caller can find out where to go; everything
    else works at home only, unless the account is set to refuse that, too.

    Raises:
        RefusalError: with 401 for a dead pair or the wrong region, with 404 otherwise.
    """
    given = request.basic()
    keys = (k for k in cio.state.track_keys if (k.site_id, k.value) == given and cio.works(k))
    key, is_home = next(keys, None), cio.is_home(request)
    asks_region = request.parts == _REGION and request.method in {"GET", "HEAD"}
    may_be_abroad = asks_region and cio.settings.track_region_anywhere
    if key is None or not (is_home or may_be_abroad):
        raise RefusalError(401, "unauthorized")
    if asks_region:
        region = cio.state.region
        body = {"url": _HOSTS[region], "region": region, "environment_id": key.environment_id}
        return as_json(body)
    if request.parts[:3] == _CUSTOMERS and request.method in {"PUT", "POST", "DELETE"}:
        cio.happened("customer.changed", f"{cio.environment(key.environment_id)} customer")
        return as_json({})
    raise RefusalError(404, "not found")


def serve_ingest(cio: CioAccount, request: SimRequest) -> SimReply:
    """Answer 200 to everything, and keep only what a living key of a running source sends."""
    for key in cio.rows("write_keys", value=request.basic()[0]) if cio.is_home(request) else ():
        source = cio.row("sources", id=key.source_id)
        if source.enabled:
            cio.happened("event.ingested", source.title)
    return as_json({"success": True})
