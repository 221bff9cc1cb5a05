"""Read the logs of Entra, and what an account has left behind.

Source: Microsoft Graph v1.0, auditLogs: signIns, directoryAudits; Microsoft's guides on
illicit consents and compromised applications. Sign-ins need a P1 licence. Both logs answer five
requests in ten seconds, so they are asked for little.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Looking, Me, Script, action, both
from respond.core.shapes import Seconds
from respond.systems.arguments import ArgumentError
from respond.systems.entra.consents import consents_of
from respond.systems.entra.inbox_rules import HIDDEN_RULES, RULES, EntraRule
from respond.systems.entra.registered_devices import devices_of
from respond.systems.entra.tenant_users import OnEntraUser, seen_entra_user
from respond.systems.entra.vendor import VENDOR
from respond.systems.rest import KEPT, Thing, at, rows, stamp

__all__ = [
    "ACTIONS", "EntraAudit", "EntraAudits", "EntraLeftBehind", "EntraSignIn", "EntraSignIns",
    "ListLeftInEntra", "ReadEntraAppChanges", "ReadEntraSignIns",
]  # fmt: skip

_A_WEEK: Final = Seconds(7 * 86_400)
_KEPT_S: Final = 30 * 86_400
"""Thirty days with a licence, seven without."""
_SHOWN: Final = 50
_NO_LICENCE: Final = (
    "UNSEEN: sign-ins: the tenant has no Entra ID P1 licence, or the permission AuditLog.Read.All "
    "is missing"
)
_WATCHED: Final = (
    "add app role assignment", "add application", "add delegated permission", "add member to role",
    "add owner to", "add service principal", "add eligible member to role",
    "consent to application", "update application", "update service principal",
)  # fmt: skip
"""Beginnings of the activities by which an intruder makes a way back in."""


class EntraSignIn(Frozen):
    """One sign-in. Its texts come from outside. Attributes: error: 0 for one that went well."""

    id: str = at("id", limit=60)
    time: str = at("createdDateTime", limit=40, default="")
    ip: str = at("ipAddress", limit=60, default="")
    app: str = at("appDisplayName", default="")
    client: str = at("clientAppUsed", default="")
    error: int = at("status.errorCode", default=-1)
    country: str = at("location.countryOrRegion", limit=60, default="")

    @property
    def says(self) -> str:
        how = "signed in" if self.error == 0 else f"failed ({self.error})"
        return f"{self.time} {self.ip} {self.country} {self.app} {how}"


class EntraAudit(Frozen):
    """One change in the directory. Its texts come from outside."""

    id: str = at("id")
    time: str = at("activityDateTime", limit=40, default="")
    what: str = at("activityDisplayName", default="")
    by: str = at("initiatedBy.user.userPrincipalName", default="")
    by_app: str = at("initiatedBy.app.displayName", default="")
    target: str = at("targetResources.0.displayName", default="")
    result: str = at("result", limit=40, default="")

    @property
    def says(self) -> str:
        return f"{self.time} {self.by or self.by_app}: {self.what} {self.target}".rstrip()


_SIGN_INS: Final = Thing(
    VENDOR,
    "sign-ins/{user}/{since}",
    ("auditLogs", "signIns"),
    rows(EntraSignIn, "value"),
    query=(("$filter", "userId eq '{user}' and createdDateTime ge {since}"), ("$top", "1000")),
    evidence=KEPT,
)
_BY_USER: Final = Thing(
    VENDOR,
    "audits/{user}/{since}",
    ("auditLogs", "directoryAudits"),
    rows(EntraAudit, "value"),
    query=(
        ("$filter", "initiatedBy/user/id eq '{user}' and activityDateTime ge {since}"),
        ("$top", "1000"),
    ),
    evidence=KEPT,
)
_BY_KIND: Final = Thing(
    VENDOR,
    "audits-of/{kind}/{since}",
    ("auditLogs", "directoryAudits"),
    rows(EntraAudit, "value"),
    query=(("$filter", "category eq '{kind}' and activityDateTime ge {since}"), ("$top", "1000")),
)


def _watched(seen: tuple[EntraAudit, ...]) -> tuple[EntraAudit, ...]:
    return tuple(each for each in seen if each.what.casefold().startswith(_WATCHED))


def _sign_ins(
    connection: Connection, user: str, since: str
) -> Looking[tuple[EntraSignIn, ...] | None]:
    """The newest first; None where they cannot be read."""
    none: Any = None
    read = _SIGN_INS.unless(frozenset({403}), none, connection, user=user, since=since)
    return (yield from read)


def _checked(within: int) -> None:
    if not 0 < within <= _KEPT_S:
        raise ArgumentError("within must be a time up to 30 days: Entra keeps no more")


class _Within(OnEntraUser):
    """Attributes: within: How far back to look; 30 days at most."""

    within: Seconds = _A_WEEK

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        _checked(self.within)


class EntraSignIns(Frozen):
    """Sign-ins, the newest first. Attributes: readable: The tenant lets them be read."""

    sign_ins: tuple[EntraSignIn, ...]
    readable: bool


@action(
    "entra.read_sign_ins",
    effect=Effect.READS,
    output=EntraSignIns,
    source="Microsoft Graph v1.0, GET /auditLogs/signIns",
)
class ReadEntraSignIns(_Within):
    """Read how a user signed in. It needs a P1 licence; without one that is said."""

    def run(self, me: Me) -> Script[EntraSignIns]:
        seen = yield from _sign_ins(me.connection, self.user, stamp(me.now - self.within))
        if seen is None:
            return Done(EntraSignIns((), False), says=_NO_LICENCE, findings=(_NO_LICENCE,))
        lines = tuple(each.says for each in seen[:_SHOWN])
        return Done(EntraSignIns(seen, True), says=f"{len(seen)} sign-ins", findings=lines)


class EntraAudits(Frozen):
    """Changes, the newest first."""

    changes: tuple[EntraAudit, ...]


@action(
    "entra.read_app_changes",
    effect=Effect.READS,
    output=EntraAudits,
    source="Microsoft Graph v1.0, GET /auditLogs/directoryAudits",
)
class ReadEntraAppChanges(Frozen):
    """Read consents, new credentials of applications, and new roles, whoever made them.

    Attributes:
        within: How far back to look; 30 days at most.
    """

    within: Seconds = _A_WEEK

    def __post_init__(self) -> None:
        _checked(self.within)

    def run(self, me: Me) -> Script[EntraAudits]:
        since = stamp(me.now - self.within)
        apps, roles = yield from both(
            _BY_KIND.of(me.connection, kind="ApplicationManagement", since=since),
            _BY_KIND.of(me.connection, kind="RoleManagement", since=since),
        )
        seen = _watched((*apps, *roles))
        lines = tuple(each.says for each in seen[:_SHOWN])
        return Done(EntraAudits(seen), says=f"{len(seen)} changes", findings=lines)


class EntraLeftBehind(Frozen):
    """What goes on working when the account itself is closed, and what it has changed."""

    consents: int
    devices: int
    rules: int
    changes: int


@action(
    "entra.list_left_behind",
    effect=Effect.READS,
    output=EntraLeftBehind,
    source="Microsoft Graph v1.0, GET /users/{id}/oauth2PermissionGrants, /registeredDevices, "
    "/mailFolders/inbox/messageRules and /auditLogs/directoryAudits",
)
class ListLeftInEntra(_Within):
    """Read what a user leaves behind: consents, devices, inbox rules, and changes they made."""

    def run(self, me: Me) -> Script[EntraLeftBehind]:
        user = yield from seen_entra_user(me, self.user)
        unseen: list[str] = []

        def noted(why: str) -> tuple[EntraRule, ...]:
            unseen.append(f"UNSEEN: inbox rules of {user.login}: {why}")
            return ()

        (consents, devices), (rules, audits) = yield from both(
            both(consents_of(me, self.user), devices_of(me, self.user)),
            both(
                RULES.of(me.connection, or_else=noted, user=self.user),
                _BY_USER.of(me.connection, user=self.user, since=stamp(me.now - self.within)),
            ),
        )
        made = _watched(audits)
        findings = (
            *(f"consent: {each.client} may {each.scope}" for each in consents),
            *(f"device: {each.says}" for each in devices),
            *(each.says(user) for each in rules),
            *(each.says for each in made[:_SHOWN]),
            *(unseen or [HIDDEN_RULES]),
        )
        left = EntraLeftBehind(len(consents), len(devices), len(rules), len(made))
        says = (
            f"{user.login} leaves {left.consents} consents, {left.devices} devices, "
            f"{left.rules} inbox rules, {left.changes} changes"
        )
        return Done(left, says=says, findings=findings)


ACTIONS: tuple[type, ...] = (ReadEntraSignIns, ReadEntraAppChanges, ListLeftInEntra)
