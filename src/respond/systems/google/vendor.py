"""Google Workspace, as the rest of the tool needs to know it.

Source: Google's discovery documents admin:directory_v1, admin:reports_v1 and iam:v1; its pages on
service accounts with domain-wide delegation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from respond.core.script import Api, Call, MalformedReplyError, Me, Reply
from respond.systems.rest import by_cursor, dig, no_answer, or_said, read_record
from respond.systems.vendor import (
    EVERY_SURFACE,
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
    text_in,
    tried,
)

__all__ = ["GONE", "MINE", "PEOPLE", "REPORTS", "VENDOR", "ask", "ending", "listed"]

T = TypeVar("T")

PEOPLE: Final = ("admin", "directory", "v1")
REPORTS: Final = ("admin", "reports", "v1")
MINE: Final = (*PEOPLE, "customer", "my_customer")
GONE: Final = ("notFound", "NOT_FOUND")
"""The words of a 404 of the services themselves; one of a server in front has none."""

_SCOPE: Final = "https://www.googleapis.com/auth/"
_READ: Final = ".readonly"


def listed(cls: type[T], name: str = "items") -> Callable[[Sequence[Reply]], tuple[T, ...]]:
    """The parser of a list, which Google leaves out of a page that has nothing."""

    def parse(replies: Sequence[Reply]) -> tuple[T, ...]:
        found: list[Any] = []
        for reply in replies:
            if not isinstance(reply.body, dict):
                raise MalformedReplyError("the reply is no record")
            page = reply.body.get(name, [])
            if not isinstance(page, list):
                raise MalformedReplyError(f"the reply has no list of {name}")
            found += page
        return tuple(read_record(cls, row) for row in found)

    return parse


# --- rights -------------------------------------------------------------------------------------


def _right(name: str, scope: str, actions: str, *path: str, **query: str) -> Right:
    """A right; without a path only a write shows it, or a read of somebody's."""
    return Right(
        name,
        f"the scope {_SCOPE}{scope}",
        frozenset(f"google.{each}" for each in actions.split()),
        Ask("admin", path, query) if path else None,
    )


_ONE: Final = {"maxResults": "1"}
_RIGHTS: Final = (
    _right(
        "look at users", "admin.directory.user.readonly",
        "find_user suspend_user unsuspend_user sign_out revoke_grants list_factors list_admins "
        "list_left_behind turn_off_two_step make_backup_codes end_backup_codes reset_password "
        "set_recovery remove_role assign_role join_group leave_group",
        *PEOPLE, "users", customer="my_customer", **_ONE,
    ),
    _right(
        "change users", "admin.directory.user",
        "suspend_user unsuspend_user reset_password set_recovery",
    ),
    _right(
        "see and end what users are signed in with; reading has no scope of its own",
        "admin.directory.user.security",
        "sign_out revoke_grants list_factors list_left_behind turn_off_two_step "
        "make_backup_codes end_backup_codes",
    ),
    _right(
        "see administrators", "admin.directory.rolemanagement.readonly",
        "list_admins suspend_user remove_role assign_role", *MINE, "roles", **_ONE,
    ),
    _right(
        "change administrators (the admin who is acted as has to be a super admin)",
        "admin.directory.rolemanagement", "remove_role assign_role",
    ),
    _right(
        "see members of groups", "admin.directory.group.member.readonly", "join_group leave_group",
    ),
    _right("change members of groups", "admin.directory.group.member", "join_group leave_group"),
    _right(
        "read the logs", "admin.reports.audit.readonly",
        "read_logins read_admin_log list_left_behind",
        *REPORTS, "activity", "users", "all", "applications", "login", **_ONE,
    ),
    Right(
        "change keys of service accounts (its own credential: NAME/iam)",
        "the role Service Account Key Admin on the service account",
        frozenset(
            f"google.{each}_key"
            for each in ("create", "disable", "enable", "delete")
        ) | {"google.list_keys"},
    ),
)  # fmt: skip


def _scopes(*, reads: bool) -> str:
    """All that the actions need. What reads and has no scope for it asks for the one to change."""
    named = [right.grant.rpartition(" ")[2] for right in _RIGHTS if _SCOPE in right.grant]
    security = f"{_SCOPE}admin.directory.user.security"
    return " ".join(
        scope
        for scope in named
        if scope == security or (scope.endswith(_READ) if reads else not scope.endswith(_READ))
    )


def _probe(opened: Probing) -> Probed:
    reply = opened.fetch(
        "admin", *PEOPLE, "users", query={"customer": "my_customer", "maxResults": "1"}
    )
    customer = text_in(dig(reply.body, "users.0") or {}, "customerId")
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        account_name=customer,
        identity=opened.identity,
        rights=tuple(tried(opened, right) for right in _RIGHTS),
        notes=(
            f"it acts as {opened.options.get('acts_as', 'nobody')}; the log names that account",
            "every scope asked for has to be delegated; options read_scopes, write_scopes: fewer",
        ),
        date=reply.headers.get("date", ""),
    )


# --- the record ---------------------------------------------------------------------------------

_HINTS: Final = {
    "authError": "the session is not accepted any more",
    "required": "no session came with the request",
    "forbidden": "the admin who is acted as lacks the privilege, or a super admin is concerned",
    "insufficientPermissions": "the delegation lacks the scope",
    "domainCannotUseApis": "API access is switched off in the Admin console",
    "adminCannotUnsuspend": "Google suspended the account for abuse: only Google gives it back",
    "PERMISSION_DENIED": "the service account lacks the role on that service account",
}

_TOKENS: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _trade(scope: str, read_scope: str, **claims: str) -> Trade:
    """A key file signs for a session (RFC 7523, section 2.1); the key never leaves this machine."""
    return Trade(
        ("token",),
        {
            "grant_type": _TOKENS,
            "assertion": Assertion(
                {"iss": "{client_email}", "scope": "{scope}", "aud": "{url}", **claims},
                key="private_key",
                header={"kid": "{private_key_id}"},
            ),
        },
        surface="token",
        scope=scope,
        read_scope=read_scope,
        usual={"read_scopes": _scopes(reads=True), "write_scopes": _scopes(reads=False)},
    )


_KEYS: Final = f"{_SCOPE}cloud-platform"

VENDOR: Final = Vendor(
    name="google",
    title="Google Workspace",
    hosts={
        "": {
            "admin": "https://admin.googleapis.com",
            "iam": "https://iam.googleapis.com",
            "token": "https://oauth2.googleapis.com",
        }
    },
    pages=by_cursor("nextPageToken", name="pageToken"),
    # Changes spread slowly; the next read, from elsewhere, may still show what was.
    settle_s=60,
    looks=2,
    schemes={
        EVERY_SURFACE: Scheme(
            SentAs.SESSION, trade=_trade("{write_scopes}", "{read_scopes}", sub="{acts_as}")
        ),
        "iam": Scheme(SentAs.SESSION, suffix="/iam", trade=_trade(_KEYS, _KEYS)),
    },
    variants={
        # Where key files are forbidden, a program of one's own fetches access tokens.
        "google-token": {
            EVERY_SURFACE: Scheme(SentAs.HEADER),
            "iam": Scheme(SentAs.HEADER, suffix="/iam"),
        }
    },
    further={"iam": "service account that changes keys of service accounts"},
    rights=_RIGHTS,
    refusals=Refusals(
        code="error.errors.0.reason error.status",
        hints=_HINTS,
        dead=frozenset({"authError", "UNAUTHENTICATED"}),
        gone=frozenset(GONE),
    ),
    waits=Waits(
        words=frozenset(
            {
                "userRateLimitExceeded",
                "rateLimitExceeded",
                "quotaExceeded",
                "sharingRateLimitExceeded",
                "quota exceeded",
            }
        )
    ),
    probes={"": _probe, "iam": "what it may do shows only on the service account concerned"},
    snippet="""\
[connections.{name}]
system = "google"
options = {{ acts_as = "respond@example.com" }}
""",
    directory="respond.systems.google.directory",
    simulated="respond.company.google",
)


def ask(me: Me, method: str, *path: str, **more: Any) -> Call:
    """A request for this step."""
    return VENDOR.call(me.connection.name, method, *path, **more)


def ending(me: Me, *path: str, **more: Any) -> Api[None]:
    """A request that ends something. Where Google says that it is gone, it was ended already."""
    call = ask(me, "DELETE", *path, answers=frozenset({404}), **more)
    return Api(call, or_said(VENDOR, no_answer, *GONE, means=None))
