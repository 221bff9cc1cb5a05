"""The account that all surfaces share: state, time, history, and who is acting.

Operations live in ``people``, ``keys``, ``tokens`` and ``data``. They are the same for the API
and for a person at the vendor's console; only the actor differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from respond.company.company_clock import rfc3339
from respond.company.customerio.rows import AuditLine, CioState, Member
from respond.company.exchange import RefusalError
from respond.company.limits import Limit

if TYPE_CHECKING:
    from respond.company.company_clock import CompanyClock
    from respond.company.ledger import Ledger

SYSTEM = "customerio"


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
        app_calls: Limit on the App API. Off by default.
    """

    guess_routes: bool = False
    removal_shows_after_s: float = 3.0
    revocation_bites_after_s: float = 2.0
    jwt_lives_s: int = 3600
    track_region_anywhere: bool = True
    page_size_max: int = 100
    exchanges: Limit = field(default_factory=lambda: Limit(None, 10.0))
    app_calls: Limit = field(default_factory=lambda: Limit(None, 1.0))


@dataclass(frozen=True, slots=True)
class ActingAs:
    """Who does something: a service account by API, or a person at the console."""

    by: str
    user_id: int | None = None
    service_account_id: int | None = None
    ip: str = "127.0.0.1"


@dataclass
class CioAccount:
    """One Customer.io account with everything an operation needs."""

    state: CioState
    clock: CompanyClock
    ledger: Ledger
    settings: Settings

    def now(self) -> int:
        return int(self.clock.now())

    def environment(self, environment_id: int) -> str:
        """The workspace's name.

        Raises:
            RefusalError: with 404, if there is no such workspace.
        """
        name = self.state.environments.get(environment_id)
        if name is None:
            raise RefusalError(404, f"environment {environment_id} not found")
        return name

    def present(self) -> list[Member]:
        """Members whose removal nobody has asked for."""
        return [member for member in self.state.members if member.removed_at is None]

    def listed(self) -> list[Member]:
        """Members that lists show: those present, and those removed a moment ago."""
        seen_from = self.clock.now() - self.settings.removal_shows_after_s
        return [m for m in self.state.members if m.removed_at is None or m.removed_at > seen_from]

    def works(self, revoked_at: float | None) -> bool:
        """Whether a credential that was revoked then still opens doors."""
        if revoked_at is None:
            return True
        return self.clock.now() < revoked_at + self.settings.revocation_bites_after_s

    def happened(
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
        self.ledger.effect(SYSTEM, kind, target, by=actor.by, **detail)
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
        entry = AuditLine(
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
