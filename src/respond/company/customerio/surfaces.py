"""A simulated Customer.io: four surfaces in two regions over one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from respond.company.customerio import app_api, track
from respond.company.customerio.account import SYSTEM, CioAccount, Settings
from respond.company.customerio.journeys import EXCHANGE, Journeys
from respond.company.customerio.rows import CioState
from respond.company.exchange import LOGIN_PAGE, Json, RefusalError, SimReply, as_html, as_json
from respond.company.mint import hint
from respond.company.system import HttpSystem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.company.company_clock import CompanyClock
    from respond.company.exchange import SimRequest
    from respond.company.ledger import Ledger

SURFACES = tuple(
    f"{region}/{kind}" for region in ("us", "eu") for kind in ("management", "app", "track", "cdp")
)


class CustomerIo(HttpSystem):
    """Customer.io as one company sees it.

    Attributes:
        settings: How it behaves where the vendor's behaviour is unknown.
        account: What operations work on; a person at the console uses the same.
        journeys: The management host.
    """

    name: ClassVar[str] = SYSTEM
    surfaces: ClassVar[Mapping[str, str]] = {
        f"customerio/{surface}": surface for surface in SURFACES
    }

    def __init__(
        self, state: CioState, clock: CompanyClock, ledger: Ledger, settings: Settings
    ) -> None:
        self.settings = settings
        self.account = CioAccount(state, clock, ledger, settings)
        self.journeys = Journeys(self.account)
        super().__init__(state, clock, ledger)

    # The account holds it, so that operations and stale views look at the same.
    @property
    def state(self) -> CioState:
        return self.account.state

    @state.setter
    def state(self, state: CioState) -> None:
        self.account.state = state

    def is_write(self, request: SimRequest) -> bool:
        if request.parts == EXCHANGE:
            return False
        return super().is_write(request)

    def serve(self, request: SimRequest) -> SimReply:
        match request.surface.partition("/")[2]:
            case "management":
                return self.journeys.serve(request)
            case "app":
                return app_api.serve(self.account, request)
            case "track":
                return track.serve_track(self.account, request)
            case _:
                return track.serve_ingest(self.account, request)

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
        return {**self._people(), **self._keys(), **self._channels()}

    def _people(self) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "account": {"session_hours": self.state.session_hours, "sso": self.state.sso}
        }
        for member in self.account.present():
            row = member.shown()
            del row["last_login_at"]
            shown[f"member {member.email}"] = row
        return shown

    def _keys(self) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        places = self.state.environments
        for app_key in self.state.app_keys:
            if app_key.revoked_at is None:
                name = f"app key {places[app_key.environment_id]}/{app_key.name} #{app_key.id}"
                shown[name] = app_key.shown()
        for pair in self.state.track_keys:
            if pair.revoked_at is None:
                row = pair.shown() | {"site_id": f"...{hint(pair.site_id)}"}
                shown[f"track key {places[pair.environment_id]}/{pair.name} #{pair.id}"] = row
        for source in self.state.sources:
            place = f"{places[source.environment_id]}/{source.slug}"
            shown[f"source {place}"] = source.shown()
            for key in source.api_keys:
                shown[f"write key {place} #{key.id}"] = {"id": key.id, "hint": hint(key.value)}
        return shown

    def _channels(self) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        places = self.state.environments
        for owner in self.state.service_accounts:
            for token in owner.shown()["tokens"]:
                shown[f"token {owner.name}/{token['name']} #{token['id']}"] = token
        for hook in self.state.webhooks:
            name = f"reporting webhook {places[hook.environment_id]}/{hook.name} #{hook.id}"
            shown[name] = hook.shown()
        for export in self.state.exports:
            shown[f"export {places[export.environment_id]} #{export.id}"] = export.shown()
        for sent in self.state.sent:
            shown[f"mail {sent.delivery_id}"] = {"to": sent.to, "subject": sent.subject}
        return shown

    def told(self) -> list[Json]:
        return [
            {"to": sent.to, "from": sent.sender, "subject": sent.subject, "text": sent.body}
            for sent in self.state.sent
        ]


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
