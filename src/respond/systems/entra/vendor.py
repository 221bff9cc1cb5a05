"""Microsoft Entra ID, as the rest of the tool needs to know it: all of it is Microsoft Graph.

Source: Microsoft Graph v1.0 reference; its permission table of August 2026; its pages on errors,
paging and throttling; the Microsoft identity platform on client credentials.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from respond.core.records import replace
from respond.core.script import (
    Api,
    Call,
    MalformedReplyError,
    Me,
    OwnCredential,
    RefusedError,
    Reply,
)
from respond.core.showable import showable
from respond.errors import StepFailedError
from respond.systems.arguments import ArgumentError
from respond.systems.rest import by_link, dig, no_answer, word_of
from respond.systems.vendor import (
    Allowed,
    Ask,
    CredentialVerdict,
    Ending,
    Probed,
    Probing,
    Refusals,
    Right,
    Scheme,
    SentAs,
    Trade,
    Vendor,
    record_at,
    text_in,
    tried,
)

__all__ = [
    "GLOBAL_ADMIN", "GRAPH", "LOGIN", "REVOKED_SOON_S", "SCOPE", "VENDOR", "about", "ask",
    "check_guid", "ending", "moment", "or_words", "quoted", "words_of",
]  # fmt: skip

R = TypeVar("R")
GLOBAL_ADMIN: Final = "62e90394-69f5-4237-9190-012177145e10"
"""Global Administrator, in every tenant."""
SCOPE: Final = "https://graph.microsoft.com/.default"
"""What a token may do is fixed by the permissions of the application; no less can be asked for."""
REVOKED_SOON_S: Final = 300
"""Until a revocation shows: "a few minutes"."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""As Graph tells them: capitals would be found, and compared with nothing that is listed."""
_GONE: Final = frozenset(
    {"Request_ResourceNotFound", "ResourceNotFound", "resourceNotFound", "ErrorItemNotFound"}
)
_FIRST_NO: Final = 400
_WORDS: Final = ("error.message", "odata.error.message.value")


def check_guid(name: str, value: str) -> None:
    """Refuse what is no id of this kind.

    Raises:
        ArgumentError: With one that is.
    """
    if not _GUID.fullmatch(value):
        raise ArgumentError(f"{name} must be an id such as {GLOBAL_ADMIN}, in small letters")


def quoted(text: str) -> str:
    """A text inside of ``$filter``."""
    return text.replace("'", "''")


def moment(found: Any, reply: Reply) -> int:
    """A moment of Graph's in seconds since 1970 by our clock; 0 where it tells none."""
    if not isinstance(found, str) or not found:
        return 0
    try:
        return int(datetime.fromisoformat(found).timestamp()) + reply.ahead_s
    except ValueError:
        raise MalformedReplyError("the reply has a moment that is none") from None


def about(kind: str, **body: Any) -> dict[str, Any]:
    """A body. Graph's description demands its type; Graph itself takes it with or without."""
    return {"@odata.type": f"#microsoft.graph.{kind}", **body}


def words_of(reply: Reply) -> str:
    """What Graph says of its no, in either of its shapes."""
    found = (dig(reply.body, place) for place in _WORDS)
    return showable(next((each for each in found if isinstance(each, str)), ""), limit=200)


def or_words(parse: Callable[[Reply], R], *words: str, means: R) -> Callable[[Reply], R]:
    """The parser of a write that takes a 400 or 409: these words of it mean ``means``.

    One code stands for many a no, so the sentence decides.
    """

    def judge(reply: Reply) -> R:
        if reply.status < _FIRST_NO:
            return parse(reply)
        said = words_of(reply)
        if any(each.casefold() in said.casefold() for each in words) or (
            word_of(VENDOR, reply) in _GONE and not words
        ):
            return means
        raise RefusedError(word_of(VENDOR, reply), said)

    return judge


# --- rights -------------------------------------------------------------------------------------


def _right(
    name: str, grants: str, actions: str, *path: str, **query: str
) -> tuple[Right, frozenset[str]]:
    """A right with all permissions that give it, the least first."""
    each = grants.split()
    found = Right(
        name,
        f"the application permission {each[0]}",
        frozenset(f"entra.{action}" for action in actions.split()),
        Ask("graph", ("v1.0", *path), query) if path else None,
    )
    return found, frozenset(each)


_ONE: Final = {"$top": "1"}
_DIRECTORY: Final = "Directory.Read.All Directory.ReadWrite.All"
_ROLES: Final = ("roleManagement", "directory")
_RIGHTS: Final = (
    _right(
        "look at users", f"User.Read.All User.ReadWrite.All {_DIRECTORY}",
        "find_user disable_user enable_user revoke_sessions reset_password revoke_consents "
        "grant_consent remove_role assign_role unassign_app assign_app list_auth_methods "
        "delete_auth_method reset_auth_methods create_temporary_access_pass "
        "revoke_temporary_access_pass list_inbox_rules disable_inbox_rule enable_inbox_rule "
        "list_devices disable_device read_sign_ins list_left_behind",
        "users", **_ONE,
    ),
    _right(
        "disable and enable users", "User.EnableDisableAccount.All User.ReadWrite.All",
        "disable_user enable_user",
    ),
    _right("end sessions", "User.RevokeSessions.All User.ReadWrite.All", "revoke_sessions"),
    _right(
        "set passwords", "User-PasswordProfile.ReadWrite.All User.ReadWrite.All", "reset_password"
    ),
    _right(
        "see authentication methods",
        "UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All",
        "list_auth_methods delete_auth_method reset_auth_methods create_temporary_access_pass "
        "revoke_temporary_access_pass",
    ),
    _right(
        "delete authentication methods", "UserAuthenticationMethod.ReadWrite.All",
        "delete_auth_method reset_auth_methods",
    ),
    _right(
        "issue access passes",
        "UserAuthMethod-TAP.ReadWrite.All UserAuthenticationMethod.ReadWrite.All",
        "create_temporary_access_pass revoke_temporary_access_pass",
    ),
    _right(
        "see administrators",
        f"RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory {_DIRECTORY}",
        "list_admins disable_user reset_password remove_role assign_role",
        "directoryRoles",
    ),
    _right(
        "see who is in a group with a role",
        f"GroupMember.Read.All Group.Read.All {_DIRECTORY}",
        "list_admins disable_user reset_password remove_role unassign_app",
    ),
    _right(
        "see who could become an administrator",
        "RoleEligibilitySchedule.Read.Directory RoleManagement.Read.Directory "
        "RoleManagement.ReadWrite.Directory",
        "list_admins remove_role", *_ROLES, "roleEligibilityScheduleInstances", **_ONE,
    ),
    _right(
        "change administrators", "RoleManagement.ReadWrite.Directory", "remove_role assign_role"
    ),
    _right(
        "see consents", _DIRECTORY, "revoke_consents grant_consent list_left_behind",
        "oauth2PermissionGrants", **_ONE,
    ),
    _right(
        "change consents", "DelegatedPermissionGrant.ReadWrite.All", "revoke_consents grant_consent"
    ),
    _right(
        "see applications",
        f"Application.Read.All Application.ReadWrite.All {_DIRECTORY}",
        "find_app who_has_app unassign_app assign_app list_app_secrets add_app_secret "
        "prove_app_secret remove_app_secret disable_app enable_app",
        "servicePrincipals", **_ONE,
    ),
    _right(
        "give and take applications", "AppRoleAssignment.ReadWrite.All", "unassign_app assign_app"
    ),
    _right(
        "change applications", "Application.ReadWrite.OwnedBy Application.ReadWrite.All",
        "add_app_secret remove_app_secret disable_app enable_app",
    ),
    _right(
        "read the audit log", "AuditLog.Read.All", "read_app_changes list_left_behind",
        "auditLogs", "directoryAudits", **_ONE,
    ),
    _right(
        "read sign-ins (Entra ID P1)", "AuditLog.Read.All", "read_sign_ins",
        "auditLogs", "signIns", **_ONE,
    ),
    _right(
        "see devices", f"Device.Read.All Device.ReadWrite.All {_DIRECTORY}",
        "list_devices disable_device enable_device list_left_behind", "devices", **_ONE,
    ),
    _right("switch devices", "Device.ReadWrite.All", "disable_device enable_device"),
    _right(
        "see inbox rules", "MailboxSettings.Read MailboxSettings.ReadWrite",
        "list_inbox_rules disable_inbox_rule enable_inbox_rule list_left_behind",
    ),
    _right(
        "switch inbox rules", "MailboxSettings.ReadWrite", "disable_inbox_rule enable_inbox_rule"
    ),
)  # fmt: skip
GRAPH: Final = "00000003-0000-0000-c000-000000000000"
"""The application id of Microsoft Graph, in every tenant."""


def _probe(opened: Probing) -> Probed:
    """What the application was granted, as Entra lists it; where it may not look, by trying."""
    reply = opened.fetch("graph", "v1.0", "users", query={"$top": "1", "$select": "id"})
    name, granted = "", frozenset[str]()
    notes = ["a token may always do all that the application was granted: make one a purpose"]
    try:
        name, granted = _granted(opened)
    except StepFailedError as error:
        notes.append(f"what else it was granted is not known: {error.sentence}")
    endings: tuple[Ending, ...] = ()
    try:
        endings = _endings(opened)
    except StepFailedError as error:
        notes.append(f"when its secret runs out is not known: {error.sentence}")
    rights = tuple(_held(tried(opened, right), names, granted) for right, names in _RIGHTS)
    known = {each for _, names in _RIGHTS for each in names}
    if more := sorted(granted - known):
        notes.append(f"no action needs {', '.join(more)}: take it away")
    notes.append(
        "who has an administrator's role is touched only if the application's service principal "
        "has one, too: Privileged Authentication Administrator for all of them"
    )
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=name,
        rights=rights,
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
        endings=endings,
    )


def _endings(opened: Probing) -> tuple[Ending, ...]:
    """When each secret and certificate of the application ends; which one is ours, nobody says."""
    own = str(opened.options.get("client_id", ""))
    query = {
        "$filter": f"appId eq '{quoted(own)}'",
        "$select": "id,passwordCredentials,keyCredentials",
    }
    row = dig(opened.fetch("graph", "v1.0", "applications", query=query).body, "value.0")
    return tuple(
        Ending(
            f"the {what} {text_in(record_at(each), 'displayName') or 'without a name'}",
            ends,
            f"make another {what} of the application, if this is the one that is connected",
        )
        for what, place in (("secret", "passwordCredentials"), ("certificate", "keyCredentials"))
        for each in dig(row, place) or ()
        if (ends := text_in(record_at(each), "endDateTime"))
    )


def _granted(opened: Probing) -> tuple[str, frozenset[str]]:
    """Name of our own service principal, and the application permissions that it has."""
    own = str(opened.options.get("client_id", ""))
    ours, graph = (
        dig(
            opened.fetch(
                "graph",
                "v1.0",
                "servicePrincipals",
                query={"$filter": f"appId eq '{quoted(each)}'"},
            ).body,
            "value.0",
        )
        for each in (own, GRAPH)
    )
    path = ("v1.0", "servicePrincipals", str(dig(ours, "id") or ""), "appRoleAssignments")
    listed = dig(opened.fetch("graph", *path).body, "value") or ()
    names = {dig(each, "id"): str(dig(each, "value")) for each in dig(graph, "appRoles") or ()}
    held = {names.get(dig(each, "appRoleId"), "") for each in listed}
    return showable(str(dig(ours, "displayName") or ""), limit=120), frozenset(held - {""})


def _held(right: Right, names: Iterable[str], granted: frozenset[str]) -> Right:
    """A right that only a write would show, where what was granted tells of it."""
    if right.ask is not None or not granted:
        return right
    return replace(right, allowed=Allowed.YES if {*names} & granted else Allowed.NO)


# --- the record ---------------------------------------------------------------------------------

_HINTS: Final = {
    "Authorization_RequestDenied": "a permission is missing, or it is about an administrator: then "
    "the service principal needs a role, too (Privileged Authentication Administrator)",
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant": "this needs Entra ID P1",
    "Request_MultipleObjectsWithSameKeyValue": "it is there already",
}

_TRADE: Final = Trade(
    path=("{tenant}", "oauth2", "v2.0", "token"),
    surface="login",
    form={
        "grant_type": "client_credentials",
        "client_id": "{client_id}",
        "client_secret": OwnCredential(),
        "scope": "{scope}",
    },
    scope=SCOPE,
    read_scope=SCOPE,
)

VENDOR: Final = Vendor(
    name="entra",
    title="Microsoft Entra ID",
    hosts={
        "": {"graph": "https://graph.microsoft.com", "login": "https://login.microsoftonline.com"}
    },
    prefix=("v1.0",),
    pages=by_link("$skiptoken", "@odata.nextLink"),
    settle_s=30,
    # The next read may be answered by a replica that has not heard of it yet.
    looks=2,
    schemes={
        "": Scheme(SentAs.SESSION, trade=_TRADE),
        "login": Scheme(SentAs.NOTHING),
    },
    refusals=Refusals(
        code="error.code odata.error.code",
        hints=_HINTS,
        dead=frozenset({"InvalidAuthenticationToken"}),
        gone=_GONE,
    ),
    probes={"": _probe},
    rights=tuple(right for right, _ in _RIGHTS),
    snippet="""\
[connections.{name}]
system = "entra"
options = {{ tenant = "contoso.onmicrosoft.com", client_id = "00000000-0000-0000-0000-000000000000" }}
""",  # noqa: E501 - one line is what is pasted
    directory="respond.systems.entra.directory",
    simulated="respond.company.entra",
)

LOGIN: Final = replace(VENDOR, prefix=())
"""The same, for the token endpoint."""


def ask(me: Me, method: str, *path: str, **more: Any) -> Call:
    """A request to the tenant of this step."""
    return VENDOR.call(me.connection.name, method, *path, **more)


def ending(me: Me, *path: str) -> Api[None]:
    """A request that deletes something. Where Graph says that it is gone, it was deleted already.

    One kind of it says so with 400 and a sentence.
    """
    call = ask(me, "DELETE", *path, answers=frozenset({404}))
    return Api(call, or_words(no_answer, means=None))
