"""A simulated Customer.io: four surfaces in two regions over one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from respond.company.customerio import app_api, track
from respond.company.customerio.account import CioAccount, Settings
from respond.company.customerio.journeys import EXCHANGE, Journeys
from respond.company.customerio.rows import SHOWN, shown
from respond.company.exchange import LOGIN_PAGE, Json, RefusalError, SimReply, as_html, as_json
from respond.company.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.company.company_clock import CompanyClock
    from respond.company.exchange import SimRequest
    from respond.company.ledger import Ledger
    from respond.company.simulated_rest import Answer, Row

SURFACES = tuple(
    f"{region}/{kind}" for region in ("us", "eu") for kind in ("management", "app", "track", "cdp")
)


class CustomerIo(CioAccount):
    """Customer.io as one company sees it: the App API is a table of routes, the rest is its own.

    Attributes:
        journeys: The management host.
        rest: Limit on the App API. Off by default.
    """

    surfaces: ClassVar[Mapping[str, str]] = {
        f"customerio/{surface}": surface for surface in SURFACES
    }
    says: ClassVar[Mapping[int, str]] = {404: "not found"}
    routes: ClassVar[Mapping[str, Answer]] = app_api.ROUTES
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "members": ("member {email}", SHOWN["members"].replace(" last_login_at", "")),
        "app_keys": ("app key {title} #{id}", ""),
        "track_keys": (
            "track key {title} #{id}",
            "id name site_id=site_hint api_key_hint=hint created_at",
        ),
        "sources": ("source {title}", ""),
        "write_keys": ("write key {title} #{id}", "id hint"),
        "tokens": ("token {title} #{id}", ""),
        "webhooks": ("reporting webhook {place}/{name} #{id}", ""),
        "exports": ("export {place} #{id}", ""),
        "sent": ("mail {delivery_id}", "to subject"),
    }

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger, settings: Settings) -> None:
        super().__init__(state, clock, ledger, settings)
        self.journeys = Journeys(self)
        self.rest = Limit(None, 1.0)

    def is_write(self, request: SimRequest) -> bool:
        return request.parts != EXCHANGE and super().is_write(request)

    def serve(self, request: SimRequest) -> SimReply:
        match request.surface.partition("/")[2]:
            case "management":
                return self.journeys.serve(request)
            case "app":
                return super().serve(request)
            case "track":
                return track.serve_track(self, request)
            case _:
                return track.serve_ingest(self, request)

    def _key(self, request: SimRequest) -> Row:
        return app_api.caller(self, request)

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        match request.surface.partition("/")[2]:
            case "management":
                return _management_error(request, no)
            case "app":
                return _app_error(request, no)
            case _:
                return _track_error(no)

    def login_page(self) -> SimReply:
        return as_html(LOGIN_PAGE)

    def things(self) -> dict[str, Json]:
        account = {"session_hours": self.state.session_hours, "sso": self.state.sso}
        return {"account": account} | {
            name.format_map(vars(row)): shown(table, row, words)
            for table, (name, words) in self.view.items()
            for row in self.table(table)
        }

    def told(self) -> list[Json]:
        return [shown("sent", sent, "to from=sender subject text=body") for sent in self.state.sent]


def _management_error(request: SimRequest, no: RefusalError) -> SimReply:
    if request.parts == EXCHANGE and no.status == 401:  # noqa: PLR2004 - the HTTP status.
        body = {"error": "invalid_client", "error_description": "invalid client credentials"}
        return as_json(body, no.status)
    words = {401: "unauthorized", 403: "forbidden", 429: "rate_limited"}
    if no.status in words:
        return as_json({"error": words[no.status]}, no.status)
    error: Json = {"detail": no.detail or "something went wrong", "status": str(no.status)}
    if no.pointer:
        error["source"] = {"pointer": no.pointer}
    return as_json({"errors": [error]}, no.status)


def _app_error(request: SimRequest, no: RefusalError) -> SimReply:
    if request.parts == app_api.SEND and no.status in {400, 403}:
        return as_json({"meta": {"error": no.detail or "not allowed"}}, no.status)
    words = {401: "unauthorized", 403: "forbidden", 404: "not found", 429: "rate limit exceeded"}
    said = words.get(no.status) or no.detail or "something went wrong"
    return as_json({"errors": [{"detail": said, "status": no.status}]}, no.status)


def _track_error(no: RefusalError) -> SimReply:
    if no.status == 400:  # noqa: PLR2004 - the HTTP status.
        return as_json({"meta": {"errors": [no.detail or "invalid"]}}, no.status)
    return SimReply(no.status, b"", "")
