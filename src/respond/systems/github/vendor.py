"""GitHub, as the rest of the tool needs to know it.

Source: GitHub REST API, description of version 2022-11-28; its guides on rate limits, errors and
secrets. The organization is the connection's account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from respond.core.records import replace
from respond.core.script import Api, Call, Me
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import by_link, dig, no_answer, or_said
from respond.systems.vendor import (
    EVERY_SURFACE,
    Allowed,
    Ask,
    Assertion,
    CredentialVerdict,
    Ending,
    OwnKey,
    Probed,
    Probing,
    Refusals,
    Right,
    Scheme,
    ScopeRecord,
    SentAs,
    Trade,
    Vendor,
    Waits,
    differs,
)

__all__ = ["DEAD", "GONE", "PAGE", "VENDOR", "ask", "ending", "is_app", "is_server", "org_of"]

GONE: Final = "Not Found"
"""Also the answer about what the credential may not see."""

DEAD: Final = "Bad credentials"
PAGE: Final = (("per_page", "100"),)
_ENDS: Final = "github-authentication-token-expiration"
"""Source: GitHub changelog, "Expiration options for personal access tokens" (2021-07-26)."""
_SCOPES: Final = "x-oauth-scopes"


def org_of(me: Me) -> str:
    """The organization.

    Raises:
        GuardRefusedError: The connection names none.
    """
    if not me.connection.account:
        raise GuardRefusedError(
            f"the connection {me.connection.name!r} names no organization",
            do=f'add account = "YOUR-ORG" under [connections.{me.connection.name}]',
        )
    return me.connection.account


def is_server(options: Mapping[str, Any]) -> bool:
    """Whether this is GitHub Enterprise Server, which a company runs itself."""
    return options.get("server") is True


def is_app(options: Mapping[str, Any]) -> bool:
    """Whether the credential is an app's: it is nobody, so no account is its own."""
    return options.get("app") is True


# --- rights -------------------------------------------------------------------------------------


def _right(
    name: str, permission: str, scope: str, actions: str, *path: str
) -> tuple[Right, tuple[str, ...]]:
    """A right with the classic scopes that have it; without a path only a write shows it."""
    classic = scope if scope == _NO_SCOPE else f"of a classic token the scope {scope}"
    found = Right(
        name,
        f"{permission}; {classic}",
        frozenset(f"github.{each}" for each in actions.split()),
        Ask("rest", path, {"per_page": "1"}) if path else None,
    )
    return found, (scope, _WIDER.get(scope, scope))


_ORG: Final = ("orgs", "{org}")
_NO_SCOPE: Final = "of an app alone"
_WIDER: Final = {
    "read:org": "admin:org", "read:audit_log": "admin:org", "security_events": "repo",
}  # fmt: skip
_RIGHTS: Final = (
    _right(
        "see members and invitations", "members: read", "admin:org",
        "find_member list_teams remove_member invite_member set_role list_made_since",
        *_ORG, "invitations",
    ),
    _right(
        "change members and teams", "members: write, as an owner", "admin:org",
        "remove_member invite_member set_role add_to_team remove_from_team "
        "remove_outside_collaborator",
    ),
    _right(
        "see webhooks", "organization_hooks: read", "admin:org_hook", "list_made_since",
        *_ORG, "hooks",
    ),
    _right(
        "see installed apps", "organization_administration: read", "read:org", "list_made_since",
        *_ORG, "installations",
    ),
    _right(
        "see self-hosted runners", "organization_self_hosted_runners: read", "admin:org",
        "list_made_since", *_ORG, "actions", "runners",
    ),
    _right(
        "change deploy keys, see what a repository was given",
        "administration: write of the repositories", "repo",
        "list_deploy_keys delete_deploy_key add_deploy_key list_made_since",
    ),
    _right(
        "put secrets of a repository", "secrets: write of the repositories, environments: write",
        "repo", "delete_actions_secret",
    ),
    _right(
        "put secrets of the organization", "organization_secrets: write", "admin:org",
        "delete_actions_secret", *_ORG, "actions", "secrets",
    ),
    _right(
        "see and close secret scanning alerts", "secret_scanning_alerts: write",
        "security_events", "get_secret_alert resolve_secret_alert reopen_secret_alert",
        *_ORG, "secret-scanning", "alerts",
    ),
    _right(
        "see and end what SSO lets in", "organization_administration: write", "admin:org",
        "revoke_sso_credentials", *_ORG, "credential-authorizations",
    ),
    _right(
        "keep fine-grained tokens out", "organization_personal_access_tokens: write", _NO_SCOPE,
        "revoke_fine_grained_tokens",
    ),
    _right(
        "read the audit log", "organization_administration: read", "read:audit_log",
        "read_audit_log", *_ORG, "audit-log",
    ),
)  # fmt: skip


def _probe_app(opened: Probing) -> Probed:
    """An installation is nobody: what it may do, only reads tell, and writes."""
    org = opened.account
    reply = opened.fetch("rest", "rate_limit")  # Counts against no limit.
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=org,
        identity=opened.identity,
        rights=tuple(_held(opened, org, each, wide, set()) for each, wide in _RIGHTS),
        notes=("it asks for no more than each request needs: reads with rights to read alone",),
        date=reply.headers.get("date", ""),
    )


def _probe(opened: Probing) -> Probed:
    if is_app(opened.options):
        return _probe_app(opened)
    reply = opened.fetch("rest", "user")
    org, login = opened.account, str(dig(reply.body, "login") or "")
    scopes = {each.strip() for each in reply.headers.get(_SCOPES, "").split(",")} - {""}
    notes = []
    if scopes:
        notes.append(
            f"a classic token with {', '.join(sorted(scopes))}, for every organization of {login}: "
            "a fine-grained token with the permissions of your runbooks, for one, does less"
        )
    if not org:
        notes.append('without account = "YOUR-ORG" nothing can be looked at')
    else:
        role = _role(opened, org)
        if role != "admin":
            notes.append(f"{login} is no owner of {org}, and changes no membership")
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=org,
        identity=login,
        rights=tuple(_held(opened, org, each, wide, scopes) for each, wide in _RIGHTS),
        mismatch=differs("the token's owner", opened.identity, login, "identity", opened.name),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
        endings=_endings(reply.headers.get(_ENDS, "")),
    )


def _endings(told: str) -> tuple[Ending, ...]:
    """When the token ends: ``2027-01-31 09:00:00 UTC``, or with an offset; empty: never."""
    at = re.sub(r"^(\S+) (\S+) (UTC|[+-]\d\d:?\d\d)$", r"\1T\2\3", told).replace("UTC", "Z")
    return (Ending("the token", at, "make a new one with the same permissions"),) if told else ()


def _role(opened: Probing, org: str) -> str:
    try:
        return str(dig(opened.fetch("rest", "user", "memberships", "orgs", org).body, "role"))
    except (RefusedBySystemError, NoAnswerError):
        return ""


def _held(
    opened: Probing, org: str, right: Right, wide: tuple[str, ...], scopes: set[str]
) -> Right:
    """A right, by a classic token's scopes, else by a read; of the rest nothing is known."""
    if scopes and not {*wide} & scopes:
        return replace(
            right,
            allowed=Allowed.NO,
            why=f"the token lacks the scope {wide[0]}"
            if wide[0] != _NO_SCOPE
            else "no token of a person has it",
        )
    if right.ask is None or not org:
        return replace(right, allowed=Allowed.YES) if scopes else right
    path = (org if each == "{org}" else each for each in right.ask.path)
    try:
        opened.fetch("rest", *path, query=right.ask.query)
    except RefusedBySystemError as error:
        # What a token may not see is answered as what is not there.
        no = error.code in {"401", "403", "404"}
        return replace(right, allowed=Allowed.NO if no else Allowed.UNTRIED, why=error.sentence)
    except (NoAnswerError, NotReadyError) as error:
        return replace(right, why=error.sentence)
    return replace(right, allowed=Allowed.YES)


_READS: Final = (
    "members:read organization_hooks:read organization_administration:read "
    "organization_self_hosted_runners:read administration:read contents:read secrets:read "
    "environments:read organization_secrets:read secret_scanning_alerts:read "
    "organization_personal_access_tokens:read"
)
_WRITES: Final = (
    "members:write organization_administration:write administration:write secrets:write "
    "environments:write organization_secrets:write secret_scanning_alerts:write "
    "organization_personal_access_tokens:write"
)
_TRADE: Final = Trade(
    ("app", "installations", "{installation}", "access_tokens"),
    {"permissions": ScopeRecord()},
    # Ten minutes are the most that GitHub takes.
    bearer=Assertion({"iss": "{identity}"}, lives_s=540),
    scope="{write_scopes}",
    read_scope="{read_scopes}",
    insists=True,
    usual={"read_scopes": _READS, "write_scopes": _WRITES},
    token="token",  # noqa: S106 - a name
    until="expires_at",
    granted="permissions",
)
"""An app: its private key signs, and never leaves this machine.

Source: GitHub REST API, "Create an installation access token for an app"; "Generating a JSON Web
Token (JWT) for a GitHub App".
"""


# --- the record ---------------------------------------------------------------------------------

_ALWAYS: Final = (
    ("Accept", "application/vnd.github+json"),
    ("X-GitHub-Api-Version", "2022-11-28"),
)
_HINTS: Final = {
    GONE: "it is not there, or the credential may not see it: GitHub says the same of both",
    "Validation Failed": "it is so already, or cannot be so now",
}

VENDOR: Final = Vendor(
    name="github",
    title="GitHub",
    hosts={"": {"rest": "https://api.github.com"}},
    pages=by_link("page"),
    # Membership is read as it was written; what hangs on it is cleared up behind the scenes.
    settle_s=10,
    schemes={EVERY_SURFACE: Scheme(SentAs.HEADER, always=_ALWAYS)},
    variants={"github-app": {EVERY_SURFACE: Scheme(SentAs.SESSION, always=_ALWAYS, trade=_TRADE)}},
    rights=tuple(right for right, _ in _RIGHTS),
    refusals=Refusals(code="message", hints=_HINTS, dead=frozenset({DEAD}), gone=frozenset({GONE})),
    # A 403 is a missing right or a limit: the headers tell them apart.
    waits=Waits(
        seconds=("retry-after",),
        epoch=("x-ratelimit-reset",),
        if_told=frozenset({403}),
        spent=("x-ratelimit-remaining",),
        # Its limit on too much at once may stand in the message alone.
        words=frozenset({"secondary rate limit"}),
        unsaid_s=60,
    ),
    probes={"": _probe},
    spares_own=True,
    sink="respond.systems.github.actions_secrets",
    sink_form="github:NAME:OWNER/REPO#SECRET",
    snippet="""\
[connections.{name}]
system = "github"
account = "your-org"
""",
    nicknames=("gh",),
    person_id=OwnKey(
        "a GitHub login", "[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "GitHub login, such as octocat."
    ),
    simulated="respond.company.github",
)


def ask(me: Me, method: str, *path: str, **more: Any) -> Call:
    """A request to the GitHub of this step."""
    return VENDOR.call(me.connection.name, method, *path, **more)


def ending(me: Me, method: str, *path: str, **more: Any) -> Api[None]:
    """A request that ends something. Where GitHub finds nothing, a look says what is there."""
    call = ask(me, method, *path, answers=frozenset({404}), **more)
    return Api(call, or_said(VENDOR, no_answer, GONE, means=None))
