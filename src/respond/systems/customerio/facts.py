"""What we know about Customer.io: ids, links, settle times, and names nobody confirmed.

Everything that may turn out different for a real account stands here and nowhere else, so that
one look at one file corrects it. It asks for nothing and decides nothing.

Sources: the vendor's App, Track and Pipelines references; the vendor's own command line client;
where neither speaks, the comment says that we assume.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NewType

from respond.core.records import Frozen
from respond.core.script import Api, Connection, Keep, MalformedReplyError, Me, Reply
from respond.core.shapes import Timestamp
from respond.core.values import Json
from respond.systems.customerio.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import at, no_answer

__all__ = [
    "BY_HAND",
    "FIELDS",
    "KEY_SETTLE_S",
    "KIND_WORDS",
    "MEMBER_SETTLE_S",
    "SETTING_SETTLE_S",
    "KeyId",
    "KeyRef",
    "MemberId",
    "WebhookId",
    "account_line",
    "api_allowed",
    "by_api",
    "epoch",
    "field_of",
    "flag_of",
    "hint_of",
    "id_of",
    "link",
    "look_back",
    "made_by_this_run",
    "made_name",
    "member_number",
    "number",
    "number_of",
    "regions",
    "text_of",
    "timestamp",
    "told",
    "webhook_place",
]

# --- ids --------------------------------------------------------------------------------------

KeyId = NewType("KeyId", str)
"""``app/ENV/ID``, ``track/ENV/ID``, ``write/ENV/SOURCE/ID`` or ``sa/SERVICE_ACCOUNT/ID``."""

MemberId = NewType("MemberId", str)
"""``member/51234``."""

WebhookId = NewType("WebhookId", str)
"""``webhook/ENV/ID``; ``webhook/app/ID`` where only the App API key knows the workspace."""

for _id in (KeyId, MemberId, WebhookId):
    # Readers of a runbook meet these as ``customerio.KeyId``, wherever they are written down.
    _id.__module__ = "respond.systems.customerio"

BY_HAND: Final = "by-hand"
"""Stands for a service account in the id of a token that no list shows us."""

_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY_PARTS: Final[Mapping[str, int]] = {"app": 2, "track": 2, "write": 3, "sa": 2}
KIND_WORDS: Final[Mapping[str, str]] = {
    "app": "App API key",
    "track": "Track API key",
    "write": "Pipelines write key",
    "sa": "service account token",
}


class KeyRef(Frozen):
    """A ``KeyId`` taken apart.

    Attributes:
        kind: ``app``, ``track``, ``write`` or ``sa``.
        place: Workspace; workspace and source; or service account.
    """

    kind: str
    place: tuple[str, ...]
    number: str

    @classmethod
    def of(cls, key: str) -> KeyRef:
        """Take an id apart.

        Raises:
            GuardRefusedError: It is not the id of a key. Nothing was looked at.
        """
        kind, *place, number = _parts(
            key,
            _KEY_PARTS,
            "key",
            "app/WORKSPACE/ID, track/WORKSPACE/ID, write/WORKSPACE/SOURCE/ID or "
            "sa/SERVICE_ACCOUNT/ID",
            "identify_key",
        )
        return cls(kind, tuple(place), number)

    @property
    def id(self) -> KeyId:
        return KeyId("/".join((self.kind, *self.place, self.number)))

    @property
    def words(self) -> str:
        return KIND_WORDS[self.kind]


def member_number(member: str) -> str:
    """The vendor's number behind a ``MemberId``; raises as ``KeyRef.of``."""
    return _parts(member, {"member": 1}, "team member", "member/51234", "find_member")[1]


def webhook_place(webhook: str) -> tuple[str, str]:
    """Workspace (or ``app``) and number behind a ``WebhookId``; raises as ``KeyRef.of``."""
    form = "webhook/WORKSPACE/ID"
    _, place, number = _parts(webhook, {"webhook": 2}, "reporting webhook", form, "list_webhooks")
    return place, number


def _parts(text: str, kinds: Mapping[str, int], what: str, form: str, source: str) -> list[str]:
    kind, *rest = parts = text.split("/")
    if kinds.get(kind) != len(rest) or not all(map(_PART.fullmatch, rest)):
        raise GuardRefusedError(
            f"{text[:80]!r} is not the id of a Customer.io {what}",
            why=f"such an id reads {form}",
            do=f"take the id from customerio.{source}",
        )
    return parts


def number(text: str) -> Json:
    """The vendor's ids are numbers; bodies and tasks carry them as such."""
    return int(text) if text.isdecimal() else text


# --- links ------------------------------------------------------------------------------------

_LINKS: Final[Mapping[str, str]] = {
    "app": "https://fly.customer.io/settings/api_credentials?keyType=app",
    "track": "https://fly.customer.io/settings/api_credentials",
    "write": "https://fly.customer.io",
    "sa": "https://fly.customer.io/settings/api_credentials?keyType=service_accounts",
    "audit": "https://fly.customer.io/settings/audit-logs",
    # The vendor documents the way through the menus for these; the addresses are assumed.
    "members": "https://fly.customer.io/settings/team",
    "security": "https://fly.customer.io/settings/security",
    "webhooks": "https://fly.customer.io/settings/reporting_webhooks",
    # Of these not even the way is documented: the workspace's own pages have them.
    "senders": "https://fly.customer.io",
    "messages": "https://fly.customer.io",
}


def link(me: Me, page: str) -> str:
    """Address of a console page; ``options.links`` of the connection overrides ours."""
    own = me.connection.options.get("links") or {}
    return str(own.get(page) or _LINKS[page])


def regions(connection: Connection) -> tuple[str, ...]:
    """Both regions, the connection's own first."""
    return tuple(sorted(VENDOR.hosts, key=lambda region: region != connection.region))


def account_line(me: Me, workspace: str = "") -> str:
    """``Example Co (48213) EU, Production``: where a write lands, for the question."""
    one = me.connection
    name = str(one.options.get("account_name") or one.name)
    account = f"{name} ({one.account})" if one.account else name
    line = f"{account} {one.region.upper()}".strip()
    return f"{line}, {workspace}" if workspace else line


# --- settle times -----------------------------------------------------------------------------

# The vendor publishes none. Its own client polls a removal for up to a minute, and a minute is
# what a cached credential check commonly takes; longer only costs patience after a crash.
MEMBER_SETTLE_S: Final = 60
KEY_SETTLE_S: Final = 60
SETTING_SETTLE_S: Final = 30


# --- what we make -------------------------------------------------------------------------------

_TAG_MAX: Final = 24


def made_name(me: Me, base: str) -> str:
    """Name of a thing that this step makes: ``backend-prod-ck7f3q-new``.

    Run and step are in it, so that a step that runs again finds its own work, and never takes the
    work of another step for its own.
    """
    tag = re.sub(r"[^a-z0-9]+", "-", me.step.lower()).strip("-")
    if len(tag) > _TAG_MAX or not tag:
        tag = hashlib.sha256(me.step.encode()).hexdigest()[:8]
    return f"{base}-{me.mark}-{tag}"


def made_by_this_run(me: Me, name: str) -> bool:
    """Whether a name is one that a step of this run has given."""
    return f"-{me.mark}-" in name


# --- who may carry a write out ------------------------------------------------------------------

SHOWN: Final = frozenset(
    {
        "customerio.app_keys.create",
        "customerio.write_keys.create",
        "customerio.reporting_webhooks.update",
    }
)
"""Writes with request and reply in the vendor's reference or client: no discovery needed."""


def api_allowed(me: Me, operation: str) -> bool:
    """Whether the tool may send this write itself."""
    if me.by_hand:
        return False
    return operation in SHOWN or operation in me.connection.can


def by_api(
    me: Me,
    operation: str,
    method: str,
    *path: str,
    parse: Callable[[Reply], Any] = no_answer,
    keep: Keep | None = None,
    **more: Any,
) -> Api[Any] | None:
    """Hands of the tool's own; None where a person has to do it.

    A write that nobody has confirmed goes by API only when discovery found it and a person
    accepted that (``Connection.can``); otherwise, and with ``--by-hand``, a person does it.
    """
    if not api_allowed(me, operation):
        return None
    return Api(VENDOR.call(me.connection.name, method, *path, **more), parse, keep)


# --- field names --------------------------------------------------------------------------------

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    # Members: the collection exists, its field names are assumed.
    "member.id": ("id",),
    "member.email": ("email",),
    "member.first_name": ("first_name",),
    "member.last_name": ("last_name",),
    "member.account_role": ("account_role", "role"),
    "member.permissions": ("permissions",),
    "member.environment_roles": ("environment_roles",),
    "member.two_factor": ("two_factor_enabled",),
    "member.last_login": ("last_login_at",),
    "member.invited": ("invited",),
    "member.suspended": ("suspended", "deactivated"),
    # Keys: wrapper names come from the vendor's client, most field names are assumed.
    "key.id": ("id",),
    "key.name": ("name",),
    "key.hint": ("hint", "api_key_hint", "key_hint", "last_four"),
    "key.created_at": ("created_at",),
    "key.created_by": ("created_by", "created_by_id", "user_id"),
    "app.value": ("key", "value", "api_key", "token"),
    "track.site": ("site_id",),
    "track.value": ("api_key",),
    "write.value": ("api_key",),
    "sa.value": ("token", "value", "secret", "client_secret"),
    # Audit entries: named after the filters of the log.
    "audit.at": ("timestamp", "created_at"),
    "audit.action": ("action",),
    "audit.type": ("object_type",),
    "audit.object": ("object_id",),
    "audit.user": ("user_id",),
    "audit.service_account": ("service_account_id",),
    "audit.address": ("ip_addr",),
    "audit.workspace": ("environment_id",),
}
"""For each thing that we read, the names under which it may come, the likeliest first."""


def field_of(row: Mapping[str, Any], what: str) -> Any:
    """The first of the possible fields that is there, or None."""
    return next((row[name] for name in FIELDS[what] if row.get(name) is not None), None)


def text_of(row: Mapping[str, Any], what: str) -> str:
    """A text or number as text; empty when absent."""
    value = field_of(row, what)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def number_of(row: Mapping[str, Any], what: str) -> int:
    """A whole number; 0 when absent. Times are unix seconds, or RFC 3339 text."""
    value = field_of(row, what)
    if isinstance(value, bool):
        return 0
    if isinstance(value, int | float):
        return int(value)
    return _seconds(value) if isinstance(value, str) else 0


def flag_of(row: Mapping[str, Any], what: str) -> bool | None:
    """True, false, or None when absent."""
    value = field_of(row, what)
    return value if isinstance(value, bool) else None


def id_of(row: Mapping[str, Any], what: str) -> str:
    """An id that fits into a path.

    Raises:
        MalformedReplyError: There is none, or it could climb out of its place.
    """
    value = text_of(row, what)
    if not _PART.fullmatch(value):
        raise MalformedReplyError(f"a row without a usable {FIELDS[what][0]}")
    return value


def told(what: str, read: Callable[[Mapping[str, Any], str], Any] = text_of, **default: Any) -> Any:
    """A field of a record of ours: the vendor's own, under whichever name it comes."""
    return at("", read=lambda row: read(row, what), **default)


def hint_of(value: str) -> str:
    """What may be shown of a value."""
    return value[-4:]


# --- time ---------------------------------------------------------------------------------------


def _seconds(text: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def epoch(moment: str) -> int:
    """Unix seconds of a ``Timestamp``.

    Raises:
        GuardRefusedError: It is no time; looking "since never" would look at everything.
    """
    seconds = _seconds(moment)
    if not seconds:
        raise GuardRefusedError(
            f"{moment[:40]!r} is not a point in time", do="write it as 2026-11-23T03:14:07Z"
        )
    return seconds


_YEAR_10000: Final = 253_402_300_800


def timestamp(seconds: int) -> Timestamp:
    """Unix seconds as ``2026-11-23T03:14:07Z``; empty for 0 ("unknown") and for what is no time."""
    if not 0 < seconds < _YEAR_10000:
        return Timestamp("")
    return Timestamp(datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


_LOOK_BACK_S: Final = 90 * 86_400


def look_back(me: Me, made_at: int = 0) -> Timestamp:
    """Where to look from when nobody knows since when: when it was made, at most 90 days ago."""
    return timestamp(max(made_at, me.now - _LOOK_BACK_S))
