"""JumpCloud, as the rest of the tool needs to know it.

Source: JumpCloud's Swagger descriptions of API 1.0, API 2.0 and Directory Insights; for service
accounts and for the hosts of regions its own command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from respond.core.records import replace
from respond.core.script import Api, Call, MalformedReplyError, Me, Paging, Reply
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.systems.rest import asking, by_link, dig, no_answer
from respond.systems.vendor import (
    EVERY_SURFACE,
    Allowed,
    Ask,
    CredentialVerdict,
    Ending,
    Probed,
    Probing,
    Reads,
    Refusals,
    Right,
    Scheme,
    SentAs,
    Trade,
    Vendor,
    differs,
    record_at,
    text_in,
    tried,
)

__all__ = [
    "BILLING", "FULL", "GRAPH_S", "LISTED", "PAGES", "VENDOR", "ask", "ending",
    "is_service_account",
]  # fmt: skip

BILLING: Final = "Administrator with Billing"
FULL: Final = (BILLING, "Administrator")
"""The built-in roles that may change everything; the first may change administrators, too."""

GRAPH_S: Final = 300
"""Who has what is worked out behind the scenes: it shows within minutes."""

_A_PAGE: Final = "100"
_V1: Final = "v1"


def is_service_account(options: Any) -> bool:
    """Whether the credential is a service account's client secret; else it is an API key."""
    return options.get("oauth") is True


# --- lists --------------------------------------------------------------------------------------

LISTED: Final = (("limit", _A_PAGE), ("skip", "0"))
_LINKED: Final = by_link("skip")


def _next_page(call: Call, reply: Reply, so_far: int) -> Call | None:
    """API 1.0 says how many there are; of API 2.0 a full page, or a link, means another one."""
    if (linked := _LINKED.after(call, reply, so_far)) is not None:
        return linked
    found = reply.body if isinstance(reply.body, list) else dig(reply.body, "results")
    rows = len(found) if isinstance(found, list) else 0
    had = int(dict(call.query).get("skip", "0")) + rows
    total = dig(reply.body, "totalCount")
    counted = isinstance(total, int) and not isinstance(total, bool)
    if not (total > had if counted else rows >= int(_A_PAGE)):
        return None
    if not rows:
        raise MalformedReplyError(f"a list of {total} ends after {had}")
    return asking(call, "skip", str(had))


PAGES: Final = Paging(_next_page, pages_max=1_000)
"""An organization may have tens of thousands of users."""


# --- rights -------------------------------------------------------------------------------------


def _right(name: str, grant: str, actions: str, *path: str, surface: str = _V1) -> Right:
    """A right; without a path only a write, or a question by POST, shows it."""
    return Right(
        name,
        grant,
        frozenset(f"jumpcloud.{each}" for each in actions.split()),
        Ask(surface, path, {"limit": "1"}) if path else None,
    )


_CHANGE_ADMINS: Final = "change administrators"
_RIGHTS: Final = (
    _right(
        "look at users", "users: read",
        "find_user list_factors list_left_behind suspend_user restore_user", "systemusers",
    ),
    _right(
        "change users", "users: read and write",
        "suspend_user restore_user expire_password reset_password "
        "reset_mfa open_mfa_window close_mfa_window "
        "activate_push_device deactivate_push_device remove_security_keys remove_ssh_keys "
        "add_ssh_key plan_reactivation cancel_reactivations",
    ),
    _right("see applications", "applications: read", "find_app who_has_app", "applications"),
    _right(
        "see user groups", "user groups: read", "take_app leave_group join_group", "usergroups",
        surface="v2",
    ),
    _right(
        "change who has an application", "users, user groups and applications: write",
        "take_app give_app leave_group join_group unbind_group bind_group",
    ),
    _right(
        "see administrators", "administrators: read",
        "list_admins read_events suspend_user suspend_admin restore_admin rotate_admin_key",
        "users",
    ),
    _right(
        _CHANGE_ADMINS, f"administrators: write; of the built-in roles {BILLING}",
        "set_admin_role set_admin_api_access reset_admin_totp reset_admin_password",
    ),
    _right(
        "see service accounts", "service accounts: read", "list_service_accounts",
        "service-accounts", surface="v2",
    ),
    _right(
        "change service accounts", "service accounts: write", "revoke_service_credential"
    ),
    _right(
        "read Directory Insights", "Directory Insights: read; a Command Runner is refused",
        "read_events",
    ),
)  # fmt: skip


def _probe(opened: Probing) -> Probed:
    reply = opened.fetch(_V1, "organizations", query={"limit": _A_PAGE})
    listed = dig(reply.body, "results")
    orgs = [record_at(row) for row in listed] if isinstance(listed, list) else []
    chosen = str(opened.options.get("org") or "")
    one = next((row for row in orgs if chosen in ("", row.get("_id"))), {})
    names = (text_in(one, "_id"), text_in(one, "displayName"))
    date = reply.headers.get("date", "")
    role, notes, endings = _owner(opened)
    if len(orgs) > 1 and not chosen:
        notes.append(
            f"this administrator is of {len(orgs)} organizations: say which with "
            'options = { org = "ITS ID" }'
        )
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=names[0],
        account_name=names[1],
        identity=opened.identity,
        region=opened.region or VENDOR.region,
        rights=tuple(_held(tried(opened, right), role) for right in _RIGHTS),
        mismatch=()
        if opened.account in names
        else differs("the organization", opened.account, names[1], "account", opened.name),
        notes=tuple(notes),
        date=date,
        endings=endings,
    )


_BY_ROLE: Final = (
    "what a service account may do is its role: the rights of your runbooks are enough"
)
_WHOSE: Final = (
    "JumpCloud does not say whose an API key is: set identity to the administrator's e-mail, or "
    "the service account's name; until then no administrator who has an API key is touched"
)


def _owner(opened: Probing) -> tuple[str, list[str], tuple[Ending, ...]]:
    """The built-in role that the credential's owner has, as far as it is known; notes; its end."""
    if is_service_account(opened.options):
        return "", [_BY_ROLE], ()
    if not opened.identity:
        return "", [_WHOSE], ()
    try:
        admin = next(_called(opened), None)
    except (RefusedBySystemError, NoAnswerError) as error:
        return "", [f"whose the key is could not be looked up: {error.what}"], ()
    if admin is None:
        return (
            "",
            [f"no administrator is called {opened.identity}: taken for a service account"],
            (),
        )
    role = text_in(admin, "roleName")
    notes = [f"it may do what its owner may: {role or 'an unknown role'}"]
    if role in FULL:
        notes.append(
            "a service account with a role of its own does less, and belongs to no person "
            "(options = { oauth = true })"
        )
    ends = text_in(record_at(admin, "apiKeyHash"), "expireAt")
    if not ends:
        return role, [*notes, "the key does not say when it runs out"], ()
    return role, notes, (Ending("the API key", ends, "let its owner make another one"),)


def _called(opened: Probing) -> Iterator[Any]:
    """The administrators of this address, over all pages."""
    call: Call | None = Call(opened.name, _V1, "GET", ("users",), query=LISTED)
    so_far = 0
    while call is not None:
        reply = opened.fetch(_V1, "users", query=dict(call.query))
        so_far += 1
        listed = dig(reply.body, "results")
        for row in listed if isinstance(listed, list) else ():
            if str(dig(row, "email")).casefold() == opened.identity.casefold():
                yield row
        call = _next_page(call, reply, so_far)


def _held(right: Right, role: str) -> Right:
    """A right that only a write would show, where the owner's role tells of it."""
    if right.ask is None and role in FULL and (role == BILLING or right.name != _CHANGE_ADMINS):
        return replace(right, allowed=Allowed.YES)
    return right


# --- the record ---------------------------------------------------------------------------------


def _hosts(region: str) -> dict[str, str]:
    return {
        _V1: f"https://console.{region}jumpcloud.com/api",
        "v2": f"https://console.{region}jumpcloud.com/api/v2",
        "insights": f"https://api.{region}jumpcloud.com/insights/directory/v1",
        "oauth": f"https://admin-oauth.id.{region}jumpcloud.com",
    }


_ORG: Final = (("org", "x-org-id"),)
_TRADE: Final = Trade(
    ("oauth2", "token"),
    {"grant_type": "client_credentials", "scope": "{scope}"},
    surface="oauth",
    # There is one scope: what a session may do is the account's role.
    scope="api",
    read_scope="api",
    basic=True,
)

VENDOR: Final = Vendor(
    name="jumpcloud",
    title="JumpCloud",
    hosts={"us": _hosts(""), "eu": _hosts("eu."), "in": _hosts("in.")},
    region="us",
    settle_s=10,
    reads=Reads(
        posts=frozenset({("insights", ("events",))}),
        # It sends mail.
        never=frozenset({("users", "reactivate", "{id}")}),
    ),
    schemes={
        EVERY_SURFACE: Scheme(SentAs.HEADER, header="x-api-key", before="", from_options=_ORG)
    },
    variants={
        "jumpcloud-oauth": {
            EVERY_SURFACE: Scheme(SentAs.SESSION, trade=_TRADE, from_options=_ORG),
        }
    },
    rights=_RIGHTS,
    # A 404 without this word may mean the organization that the request names.
    refusals=Refusals(code="status", gone=frozenset({"NOT_FOUND"})),
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "jumpcloud"
region = "us" # us, eu or in
identity = "" # e-mail of the key's administrator, or name of the service account
""",
    nicknames=("jc",),
    directory="respond.systems.jumpcloud.directory",
    simulated="respond.company.jumpcloud",
)


def ask(me: Me, method: str, surface: str, *path: str, **more: Any) -> Call:
    """A request to this step's organization."""
    return VENDOR.call(me.connection.name, method, *path, surface=surface, **more)


def ending(me: Me, method: str, surface: str, *path: str, **more: Any) -> Api[None]:
    """A request that brings about what a look then has to show.

    What JumpCloud answers where it is so already, it does not say: 404 and 409 decide nothing.
    """
    call = ask(me, method, surface, *path, answers=frozenset({404, 409}), **more)
    return Api(call, no_answer)
