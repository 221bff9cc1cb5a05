"""The account that all surfaces share: its rows, time and history, and who is acting.

Operations live in ``team``, ``api_keys`` and ``data``. They are the same for the API and for a
person at the vendor's console; only the actor differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusalError, SimReply
from respond.company.limits import Limit
from respond.company.simulated_rest import RestSystem, Row

if TYPE_CHECKING:
    from respond.company.company_clock import CompanyClock
    from respond.company.exchange import SimRequest
    from respond.company.ledger import Ledger


@dataclass
class Settings:
    """How this account behaves where the vendor's behaviour differs or is unknown.

    Attributes:
        guess_routes: Whether the routes exist that nobody has confirmed.
        removal_shows_after_s: How long lists still show a removed member, in simulated seconds.
        revocation_bites_after_s: How long a revoked key still works, in simulated seconds.
        jwt_lives_s: Life of a session made by the token exchange.
        track_region_anywhere: The Track host of the other region tells a pair's region, too, as
            the vendor documents; otherwise it answers 401.
        page_size_max: Largest page that a list gives, whatever was asked for.
        exchanges: Limit on the token exchange, by source address. Off by default.
    """

    guess_routes: bool = False
    removal_shows_after_s: float = 3.0
    revocation_bites_after_s: float = 2.0
    jwt_lives_s: int = 3600
    track_region_anywhere: bool = True
    page_size_max: int = 100
    exchanges: Limit = field(default_factory=lambda: Limit(None, 10.0))


@dataclass(frozen=True, slots=True)
class ActingAs:
    """Who does something: a service account by API, or a person at the console."""

    by: str
    user_id: int | None = None
    service_account_id: int | None = None
    ip: str = "127.0.0.1"


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


class CioAccount(RestSystem):
    """One Customer.io account with everything that an operation needs.

    Attributes:
        settings: How it behaves where the vendor's behaviour is unknown.
    """

    name: ClassVar[str] = "customerio"

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger, settings: Settings) -> None:
        super().__init__(state, clock, ledger)
        self.settings = settings

    def is_home(self, request: SimRequest) -> bool:
        """Whether it came to a host of the account's own region."""
        return bool(request.surface.partition("/")[0] == self.state.region)

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


@dataclass(frozen=True, slots=True)
class CioCall:
    """One request of the management API that found its route.

    Attributes:
        ids: What the thing stands in, and its own ``id``, by the names that rows have for them.
        body: The request's body, reduced to what the route's schema knows.
    """

    request: SimRequest
    actor: ActingAs
    ids: dict[str, int]
    body: Json


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the management API; it is given the system and the call.

    Attributes:
        body: Schema of the request's body; ``None`` for an operation without one.
        guess: Nobody has confirmed that the vendor has it; a switch hides it.
        admin: Only an Account Admin may call it.
    """

    summary: str
    handler: Callable[[Any, CioCall], SimReply | Json]
    body: Json | None = None
    guess: bool = False
    admin: bool = False
