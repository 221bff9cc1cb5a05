"""A simulated Customer.io: four surfaces in two regions over one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.customerio import app_api, track
from respond.company.customerio.account import ActingAs, Settings
from respond.company.customerio.journeys import EXCHANGE, Journeys
from respond.company.customerio.rows import SHOWN, shown
from respond.company.exchange import LOGIN_PAGE, Json, RefusalError, SimReply, as_html, as_json
from respond.company.limits import Limit
from respond.company.simulated_rest import RestSystem, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.company.company_clock import CompanyClock
    from respond.company.exchange import SimRequest
    from respond.company.ledger import Ledger
    from respond.company.simulated_rest import Answer

SURFACES = tuple(
    f"{region}/{kind}" for region in ("us", "eu") for kind in ("management", "app", "track", "cdp")
)
_NOUNS = {
    "members": "user",
    "app_keys": "ext_api_key",
    "track_keys": "site_id",
    "sources": "source",
    "write_keys": "api_key",
    "service_accounts": "service account",
    "tokens": "token",
    "exports": "export",
    "webhooks": "reporting webhook",
    "audit": "audit log",
}


class CustomerIo(RestSystem):
    """Customer.io as one company sees it: the App API is a table of routes, the rest is its own.

    Attributes:
        settings: How it behaves where the vendor's behaviour is unknown.
        journeys: The management host.
        rest: Limit on the App API. Off by default.
    """

    name: ClassVar[str] = "customerio"
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
        super().__init__(state, clock, ledger)
        self.settings = settings
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

    def is_home(self, request: SimRequest) -> bool:
        """Whether it came to a host of the account's own region."""
        return bool(request.surface.partition("/")[0] == self.state.region)

    # --- rows ---

    def table(self, name: str) -> list[Row]:
        """Those that nobody has taken away."""
        return [row for row in super().table(name) if getattr(row, "gone_at", None) is None]

    def rows(self, table: str, **wanted: object) -> list[Row]:
        self.holder(**wanted)
        return super().rows(table, **wanted)

    def row(self, table: str, **wanted: object) -> Row:
        found = self.rows(table, **wanted)
        if not found:
            raise RefusalError(404, f"{_NOUNS[table]} {wanted['id']} not found")
        return found[0]

    def environment(self, environment_id: Any) -> str:
        """The workspace's name. Raises RefusalError with 404 if there is none."""
        name = self.state.environments.get(environment_id)
        if name is None:
            raise RefusalError(404, f"environment {environment_id} not found")
        return str(name)

    def holder(self, **wanted: Any) -> str:
        """What a thing with these fields stands in, as histories name it.

        Raises:
            RefusalError: with 404 if there is no such workspace, source or service account.
        """
        if "service_account_id" in wanted:
            return str(self.row("service_accounts", id=wanted["service_account_id"]).name)
        if "environment_id" not in wanted:
            return ""
        place = self.environment(wanted["environment_id"])
        if "source_id" not in wanted:
            return place
        place_id, source_id = wanted["environment_id"], wanted["source_id"]
        return str(self.row("sources", environment_id=place_id, id=source_id).title)

    def listed(self) -> list[Row]:
        """Members that lists show: those present, and those removed a moment ago."""
        seen_from = self.clock.now() - self.settings.removal_shows_after_s
        return [m for m in self.state.members if m.gone_at is None or m.gone_at > seen_from]

    def works(self, key: Row) -> bool:
        """Whether a key still opens doors, revoked or not."""
        bites_after_s = self.settings.revocation_bites_after_s
        return key.gone_at is None or bool(self.clock.now() < key.gone_at + bites_after_s)

    def changed(
        self,
        actor: ActingAs,
        kind: str,
        target: str,
        logged: tuple[str, str, object],
        environment_id: int | None = None,
        **detail: Any,
    ) -> None:
        """Put one change into the company's ledger and into the account's audit log.

        Args:
            logged: How the log calls it: action, type and id of the object.
        """
        self.happened(kind, target, actor.by, **detail)
        self.audit(actor, logged, environment_id)

    def audit(
        self,
        actor: ActingAs,
        logged: tuple[str, str, object],
        environment_id: int | None = None,
        at: float | None = None,
    ) -> None:
        when = self.clock.now() if at is None else at
        action, object_type, object_id = logged
        entry = Row(
            id=self.state.numbers.take("audit"),
            at=when,
            timestamp=rfc3339(when),
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            user_id=actor.user_id,
            service_account_id=actor.service_account_id,
            ip_addr=actor.ip,
            environment_id=environment_id,
        )
        self.state.audit.append(entry)

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
