"""What a simulated Customer.io account holds. Data only: no rules, no HTTP.

Field names of people and audit entries are not published by the vendor; they stand here as our
best reading, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from respond.company import mint
from respond.company.mint import Numbers

if TYPE_CHECKING:
    from respond.company.exchange import Json

PERMISSIONS = ("billing", "api_credentials", "support_access")


class _Shown:
    """A row of which lists show these fields."""

    shows: ClassVar[str]

    def shown(self) -> Json:
        return {name: getattr(self, name) for name in self.shows.split()}


@dataclass
class Member:
    """A team member, invited or accepted.

    Attributes:
        account_role: ``admin`` or ``member``.
        environment_roles: For each workspace ``environment_id`` and ``role`` or ``role_id``.
        removed_at: When the removal was asked for. Lists show the member a while longer.
    """

    id: int
    email: str
    first_name: str
    last_name: str
    account_role: str
    created_at: int
    permissions: dict[str, bool] = field(default_factory=dict)
    environment_roles: list[dict[str, Any]] = field(default_factory=list)
    two_factor_enabled: bool = True
    last_login_at: int | None = None
    invited: bool = False
    removed_at: float | None = None

    def shown(self) -> Json:
        return {
            "id": self.id,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "account_role": self.account_role,
            "permissions": {name: self.permissions.get(name, False) for name in PERMISSIONS},
            "environment_roles": self.environment_roles,
            "two_factor_enabled": self.two_factor_enabled,
            "last_login_at": self.last_login_at,
            "invited": self.invited,
            "created_at": self.created_at,
        }


@dataclass
class AppKey(_Shown):
    """An App API key. Its value is shown once; lists give a hint.

    Attributes:
        scopes: ``None`` is a key for everything; a key with scopes gets 403 elsewhere.
    """

    shows: ClassVar[str] = "id name hint created_at created_by"

    id: int
    environment_id: int
    name: str
    value: str
    created_at: int
    created_by: int | None
    scopes: tuple[str, ...] | None = None
    revoked_at: float | None = None

    @property
    def hint(self) -> str:
        return mint.hint(self.value)


@dataclass
class TrackKey(_Shown):
    """A Track API pair: site id and API key."""

    shows: ClassVar[str] = "id name site_id api_key_hint created_at"

    id: int
    environment_id: int
    name: str
    site_id: str
    api_key: str
    created_at: int
    revoked_at: float | None = None

    @property
    def api_key_hint(self) -> str:
        return mint.hint(self.api_key)


@dataclass
class WriteKey:
    """A write key of a Pipelines source. Anyone who may read the list reads the whole value."""

    id: int
    value: str

    def shown(self) -> Json:
        return {"id": self.id, "api_key": self.value}


@dataclass
class PipelinesSource(_Shown):
    """A Pipelines source with its write keys."""

    shows: ClassVar[str] = "id name slug enabled"

    id: int
    environment_id: int
    name: str
    slug: str
    enabled: bool = True
    api_keys: list[WriteKey] = field(default_factory=list)


@dataclass
class SaToken(_Shown):
    """A token of a service account."""

    shows: ClassVar[str] = "id name hint read_only created_at"

    id: int
    name: str
    value: str
    read_only: bool
    created_at: int
    revoked_at: float | None = None

    @property
    def hint(self) -> str:
        return mint.hint(self.value)


@dataclass
class ServiceAccount:
    """A system service account.

    Attributes:
        role: ``admin`` may see and change people, tokens and the account's audit log.
    """

    id: int
    name: str
    role: str
    tokens: list[SaToken] = field(default_factory=list)

    def shown(self) -> Json:
        tokens = [token.shown() for token in self.tokens if token.revoked_at is None]
        return {"id": self.id, "name": self.name, "role": self.role, "tokens": tokens}


@dataclass
class PeopleExport:
    """A file of customers or deliveries that somebody asked for."""

    id: int
    environment_id: int
    user_id: int
    user_email: str
    description: str
    total: int
    downloads: int
    created_at: int
    type: str = "customers"

    def shown(self) -> Json:
        return {
            "id": self.id,
            "user_id": self.user_id,
            "user_email": self.user_email,
            "total": self.total,
            "deduplicate_id": f"{self.id}:{self.created_at}",
            "type": self.type,
            "failed": False,
            "status": "done",
            "description": self.description,
            "downloads": self.downloads,
            "created_at": self.created_at,
            "updated_at": self.created_at + 60,
        }


@dataclass
class ReportingWebhook(_Shown):
    """A webhook that streams message events, perhaps with content, to an endpoint."""

    shows: ClassVar[str] = "id name endpoint disabled events full_resolution with_content"

    id: int
    environment_id: int
    name: str
    endpoint: str
    events: list[str]
    disabled: bool = False
    full_resolution: bool = False
    with_content: bool = False


@dataclass(frozen=True)
class AuditLine(_Shown):
    """One line of the account's or a workspace's audit log."""

    shows: ClassVar[str] = (
        "id timestamp action object_type object_id user_id service_account_id ip_addr"
        " environment_id"
    )

    id: int
    at: float
    timestamp: str
    action: str
    object_type: str
    object_id: str
    user_id: int | None
    service_account_id: int | None
    ip_addr: str
    environment_id: int | None


@dataclass
class QueuedMail:
    """A transactional mail that was queued."""

    delivery_id: str
    environment_id: int
    to: list[str]
    sender: str
    subject: str
    body: str
    queued_at: int


def _numbers() -> Numbers:
    return Numbers(
        {
            "user": 51300,
            "ext_api_key": 9200,
            "site_id": 8200,
            "write_key": 7200,
            "token": 6200,
            "audit": 990001,
            "delivery": 1,
        }
    )


@dataclass
class CioState:
    """The whole account. A member, key or token that is gone keeps its row and its time."""

    account_id: int
    name: str
    region: str
    environments: dict[int, str]
    members: list[Member] = field(default_factory=list)
    app_keys: list[AppKey] = field(default_factory=list)
    track_keys: list[TrackKey] = field(default_factory=list)
    sources: list[PipelinesSource] = field(default_factory=list)
    service_accounts: list[ServiceAccount] = field(default_factory=list)
    exports: list[PeopleExport] = field(default_factory=list)
    webhooks: list[ReportingWebhook] = field(default_factory=list)
    audit: list[AuditLine] = field(default_factory=list)
    sent: list[QueuedMail] = field(default_factory=list)
    sso: Json | None = None
    session_hours: int = 336
    sessions_ended_at: float | None = None
    numbers: Numbers = field(default_factory=_numbers)
