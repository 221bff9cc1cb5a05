"""The Track API, and the ingest of Pipelines: where events come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.exchange import RefusalError, SimReply, as_json

if TYPE_CHECKING:
    from respond.company.customerio.account import CioAccount
    from respond.company.customerio.rows import TrackKey
    from respond.company.exchange import SimRequest

_REGION = ("api", "v1", "accounts", "region")
_CUSTOMERS = ("api", "v1", "customers")
_HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}


def serve_track(account: CioAccount, request: SimRequest) -> SimReply:
    """Answer one Track API request.

    The region is told on either host, so that a caller can find out where to go; everything
    else works at home only, unless the account is set to refuse that, too.

    Raises:
        RefusalError: with 401 for a dead pair or the wrong region, with 404 otherwise.
    """
    key = _pair(account, request)
    home = request.surface.partition("/")[0] == account.state.region
    if request.parts == _REGION and request.method in {"GET", "HEAD"}:
        if not home and not account.settings.track_region_anywhere:
            raise RefusalError(401, "unauthorized")
        return _region(account, key)
    if not home:
        raise RefusalError(401, "unauthorized")
    if request.parts[:3] == _CUSTOMERS and request.method in {"PUT", "POST", "DELETE"}:
        place = account.environment(key.environment_id)
        account.ledger.effect("customerio", "customer.changed", f"{place} customer", by="api")
        return as_json({})
    raise RefusalError(404, "not found")


def serve_ingest(account: CioAccount, request: SimRequest) -> SimReply:
    """Answer 200 to everything, and keep only what a living key of a running source sends."""
    value = request.basic()[0]
    at_home = request.surface.partition("/")[0] == account.state.region
    for source in account.state.sources if at_home else ():
        if source.enabled and any(key.value == value for key in source.api_keys):
            place = account.environment(source.environment_id)
            account.ledger.effect(
                "customerio", "event.ingested", f"{place}/{source.slug}", by="api"
            )
    return as_json({"success": True})


def _pair(account: CioAccount, request: SimRequest) -> TrackKey:
    given = request.basic()
    for key in account.state.track_keys:
        if (key.site_id, key.api_key) == given and account.works(key.revoked_at):
            return key
    raise RefusalError(401, "unauthorized")


def _region(account: CioAccount, key: TrackKey) -> SimReply:
    region = account.state.region
    body = {"url": _HOSTS[region], "region": region, "environment_id": key.environment_id}
    return as_json(body)
