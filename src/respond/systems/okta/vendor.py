"""Okta, as the rest of the tool needs to know it.

Source: Okta's OpenAPI description 2026.06.3; its guides on service apps, limits and error codes.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import replace
from respond.core.script import Api, Call, Me
from respond.systems import rest
from respond.systems.rest import by_link, dig, no_answer, or_said
from respond.systems.vendor import (
    EVERY_SURFACE,
    Allowed,
    Ask,
    Assertion,
    CredentialVerdict,
    Probed,
    Probing,
    Refusals,
    Right,
    Scheme,
    SentAs,
    Trade,
    Vendor,
    Waits,
    tried,
)

__all__ = ["GONE", "ORG", "SUPER_ADMIN", "VENDOR", "ask", "ending", "is_service_app", "stamp"]

SUPER_ADMIN: Final = "SUPER_ADMIN"
GONE: Final = "E0000007"
"""A 404 that names what is not there; ``E0000008`` says that the path is not."""

_API: Final = ("api", "v1")
_OWNER: Final = "; its owner: "


def stamp(at_s: int) -> str:
    """A moment as Okta writes it."""
    return rest.stamp(at_s).replace("Z", ".000Z")


def is_service_app(options: Any) -> bool:
    """Whether the credential is the private key of a service app; else it is an API token."""
    return options.get("oauth") is True


# --- rights -------------------------------------------------------------------------------------


def _right(
    name: str, scope: str, role: str, actions: str, *path: str, **query: str
) -> tuple[Right, str]:
    """A right with the least standard role that has it; without a path only a write shows it."""
    found = Right(
        name,
        f"the scope {scope}{_OWNER}{role}",
        frozenset(f"okta.{each}" for each in actions.split()),
        Ask("http", (*_API, *path), query) if path else None,
    )
    return found, role


_ONE: Final = {"limit": "1"}
_RIGHTS: Final = (
    _right(
        "look at users", "okta.users.read", "READ_ONLY_ADMIN",
        "find_user list_factors list_left_behind", "users", **_ONE,
    ),
    _right(
        "change users", "okta.users.manage", "ORG_ADMIN",
        "suspend_user unsuspend_user revoke_sessions revoke_grants delete_factor reset_all_factors "
        "expire_password reset_password create_temporary_access_code revoke_temporary_access_code",
    ),
    _right(
        "sign somebody out of everything", "okta.universalLogout.manage", "ORG_ADMIN",
        "sign_out_everywhere",
    ),
    _right(
        "see administrators", "okta.roles.read", "READ_ONLY_ADMIN",
        "list_admins suspend_user remove_role expire_password reset_password",
        "iam", "assignees", "users", **_ONE,
    ),
    _right(
        "change administrators", "okta.roles.manage", SUPER_ADMIN, "add_role remove_role",
    ),
    _right(
        "see API tokens", "okta.apiTokens.read", "READ_ONLY_ADMIN",
        "list_api_tokens list_left_behind sign_out_everywhere", "api-tokens",
    ),
    _right(
        "change API tokens", "okta.apiTokens.manage", SUPER_ADMIN,
        "confine_api_token revoke_api_token",
    ),
    _right(
        "see applications", "okta.apps.read", "READ_ONLY_ADMIN", "find_app who_has_app",
        "apps", **_ONE,
    ),
    _right(
        "change applications", "okta.apps.manage", "APP_ADMIN",
        "assign_app unassign_app rotate_client_secret activate_client_secret "
        "deactivate_client_secret",
    ),
    _right(
        "read the System Log", "okta.logs.read", "READ_ONLY_ADMIN", "read_log list_left_behind",
        "logs", **_ONE,
    ),
)  # fmt: skip


def _scopes(ending: str) -> str:
    """All that the actions need, as they are asked for."""
    named = (right.grant.split(";")[0].rpartition(" ")[2] for right, _ in _RIGHTS)
    return " ".join(scope for scope in named if scope.endswith(ending))


def _probe(opened: Probing) -> Probed:
    if is_service_app(opened.options):
        reply = opened.fetch("http", *_API, "users", query=_ONE)
        rights = tuple(tried(opened, right) for right, _ in _RIGHTS)
        return Probed(
            CredentialVerdict.ACCEPTED,
            account=opened.account,
            identity=opened.identity,
            rights=rights,
            notes=("what a service app may write is its scopes and its admin roles together",),
            date=reply.headers.get("date", ""),
        )
    reply = opened.fetch("http", *_API, "users", "me")
    login = str(dig(reply.body, "profile.login") or "")
    listed = opened.fetch("http", *_API, "users", str(dig(reply.body, "id") or ""), "roles").body
    roles = [str(dig(row, "type")) for row in listed if isinstance(listed, list)]
    notes = [f"it may do what its owner may: {', '.join(roles) or 'no administrator role'}"]
    if SUPER_ADMIN in roles:
        notes.append(
            "a super administrator's token does everything; a service app with the scopes of your "
            "runbooks (options = { oauth = true }) does less"
        )
    notes.append("unused for 30 days it dies; it dies with its owner, too")
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=login,
        rights=tuple(_held(tried(opened, right), role, roles) for right, role in _RIGHTS),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
    )


def _held(right: Right, role: str, roles: list[str]) -> Right:
    """A right that only a write would show, where the owner's role tells of it."""
    if right.ask is None and {role, SUPER_ADMIN} & {*roles}:
        return replace(right, allowed=Allowed.YES)
    return right


# --- the record ---------------------------------------------------------------------------------

_HINTS: Final = {
    "E0000004": "Okta could not authenticate this",
    "E0000005": "the session is not valid",
    "E0000006": "the credential lacks the permission: a scope, or an administrator role",
    "E0000008": "the path is not there: this org lacks the feature",
    "E0000015": "this org has not switched the feature on; the credential is fine",
    "E0000038": "not in the user's present status",
    "E0000112": "the user is still being activated; try again in minutes",
    "E0000268": "somebody else is changing roles at this moment; try again",
}

_ASSERTS: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TRADE: Final = Trade(
    ("oauth2", "v1", "token"),
    {
        "grant_type": "client_credentials",
        "scope": "{scope}",
        "client_assertion_type": _ASSERTS,
        "client_assertion": Assertion(
            {"iss": "{identity}", "sub": "{identity}", "aud": "{url}"}, header={"kid": "{key_id}"}
        ),
    },
    scope="{write_scopes}",
    read_scope="{read_scopes}",
    insists=True,
    usual={
        "key_id": "",
        "read_scopes": _scopes(".read"),
        "write_scopes": _scopes(".manage"),
    },
)
"""A service app: its private key signs, and never leaves this machine.

Source: Okta, "Implement OAuth for Okta with a service app"; OAuth 2.0 API, POST /oauth2/v1/token.
"""

VENDOR: Final = Vendor(
    name="okta",
    title="Okta",
    prefix=_API,
    pages=by_link("after"),
    # A read by id is current; the index that is searched is not, and nothing is proved by it.
    settle_s=10,
    schemes={EVERY_SURFACE: Scheme(SentAs.HEADER, before="SSWS ")},
    variants={"okta-oauth": {EVERY_SURFACE: Scheme(SentAs.SESSION, trade=_TRADE)}},
    rights=tuple(right for right, _ in _RIGHTS),
    refusals=Refusals(
        code="errorCode", hints=_HINTS, dead=frozenset({"E0000011"}), gone=frozenset({GONE})
    ),
    waits=Waits(epoch=("x-rate-limit-reset",), spent=("x-rate-limit-remaining",)),
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "okta"
base_urls = {{ http = "https://example.okta.com" }}
""",
    directory="respond.systems.okta.directory",
    simulated="respond.company.okta",
)

ORG: Final = replace(VENDOR, prefix=())
"""The same, for what does not stand below ``/api/v1``."""


def ask(me: Me, method: str, *path: str, **more: Any) -> Call:
    """A request to the org of this step."""
    return VENDOR.call(me.connection.name, method, *path, **more)


def ending(me: Me, method: str, *path: str, **more: Any) -> Api[None]:
    """A request that ends something. Where Okta says that it is gone, it was ended already."""
    call = ask(me, method, *path, answers=frozenset({404}), **more)
    return Api(call, or_said(VENDOR, no_answer, GONE, means=None))
