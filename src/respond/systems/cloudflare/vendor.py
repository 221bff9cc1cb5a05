"""Cloudflare, as the rest of the tool needs to know it.

Source: Cloudflare API v4 reference; its pages on rate limits and on account-owned tokens. No list
of error codes is published: those here were seen in public issues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from respond.core.records import replace
from respond.core.script import Api, Call, Connection, Me, Paging, Read, Reply
from respond.errors import RefusedBySystemError
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, asking, is_gone, yes
from respond.systems.vendor import (
    Allowed,
    Ask,
    CredentialRefusedError,
    CredentialVerdict,
    Ending,
    NoInSuccess,
    Probed,
    Probing,
    Refusals,
    Right,
    Vendor,
    record_at,
    text_in,
    tried,
)

__all__ = [
    "ID", "INVALID", "NOT_LET_IN", "PAGE", "USER_ID", "VENDOR", "ask", "check_id", "ended",
    "ending", "look", "placed",
]  # fmt: skip

T = TypeVar("T")

_V4: Final = ("client", "v4")
ID: Final = r"[0-9a-f]{32}"
USER_ID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""Users of Access have UUIDs."""

INVALID: Final = "1000"
"""``Invalid API Token``: said of dead tokens, and of good ones at the other owner's endpoint."""

NOT_LET_IN: Final = frozenset({400, 401, 403})
PAGE: Final = (("per_page", "50"),)


def check_id(name: str, value: str, like: str = "", pattern: str = ID) -> None:
    """Refuse what is no id of this kind.

    Raises:
        ArgumentError: With where one is found.
    """
    if not re.fullmatch(pattern, value):
        raise ArgumentError(f"{name} must be an id of Cloudflare's; take it of {like}")


# --- requests -----------------------------------------------------------------------------------


def _account(connection: Connection) -> str:
    if not re.fullmatch(ID, connection.account):
        raise GuardRefusedError(
            f"{connection.name} has no account",
            why="every path of the API begins with the account's id, 32 hexadecimal digits",
            do=f"set account of {connection.name} in respond.toml; the dashboard's address has it",
        )
    return connection.account


def placed(*path: str) -> tuple[str, ...]:
    """The path of a thing in the account."""
    return ("accounts", "{account}", *path)


def look(
    thing: Thing[T],
    connection: Connection,
    *,
    or_else: Callable[[str], T] | None = None,
    **ids: str,
) -> Read[T]:
    """Look at a thing in the account of this connection."""
    return thing.of(connection, or_else=or_else, account=_account(connection), **ids)


def ask(me: Me, method: str, *path: str, **more: Any) -> Call:
    """A request to the account of this step."""
    return VENDOR.call(
        me.connection.name, method, "accounts", _account(me.connection), *path, **more
    )


def ended(reply: Reply) -> None:
    """The parser of a write that ends or changes something; of what is gone it is a yes, too."""
    if not is_gone(VENDOR, reply):
        yes(VENDOR, reply)


def ending(me: Me, *path: str) -> Api[None]:
    """A DELETE. An older description wants a body, and it must be JSON."""
    return Api(ask(me, "DELETE", *path, body={}, answers=frozenset({404})), ended)


def _next_page(call: Call, reply: Reply, so_far: int) -> Call | None:
    """Pages by number; where nothing says how many there are, a full one is not the last."""
    info = record_at(reply.body, "result_info")
    size, count, total = (info.get(name) for name in ("per_page", "count", "total_count"))
    pages = info.get("total_pages")
    if not isinstance(pages, int) and isinstance(total, int) and isinstance(size, int) and size:
        pages = -(-total // size)
    more = so_far < pages if isinstance(pages, int) else bool(size) and count == size
    return asking(call, "page", str(so_far + 1)) if more else None


# --- rights -------------------------------------------------------------------------------------

_CHANGES_MEMBERS: Final = (
    "restrict_member set_member_rights remove_member cancel_invitation add_member give_super_admin "
    "remove_admin_rights join_group leave_group"
)


def _right(name: str, grant: str, actions: str, *path: str, **query: str) -> Right:
    """A right by the permission that has it; without a path only a write shows it."""
    named = frozenset(f"cloudflare.{each}" for each in actions.split())
    return Right(name, grant, named, Ask("api", path, query) if path else None)


_RIGHTS: Final = (
    _right("see members, roles, groups and the audit log", "Account Settings Read",
           f"find_member list_admins list_groups read_log list_left_behind {_CHANGES_MEMBERS}",
           "members", per_page="5"),
    _right("change members and groups", "Account Settings Write", _CHANGES_MEMBERS),
    _right("see account tokens", "Account API Tokens Read",
           "list_tokens disable_token enable_token roll_token delete_token list_left_behind",
           "tokens", per_page="5"),
    _right("change account tokens", "Account API Tokens Write",
           "disable_token enable_token roll_token delete_token"),
    _right("see users of Access", "Access: Audit Logs Read",
           "find_access_user revoke_access_sessions delete_access_factor who_is_in_app read_log",
           "access", "users", per_page="5"),
    _right("end sessions of Access", "Access: Organizations, Identity Providers, and Groups Write",
           "revoke_access_sessions delete_access_factor"),
)  # fmt: skip


def _probe(opened: Probing) -> Probed:
    if not re.fullmatch(ID, opened.account):
        return Probed(
            CredentialVerdict.UNCLEAR,
            says="respond.toml names no account, 32 hexadecimal digits, and paths begin with it",
            do=f"set account of {opened.name}; the dashboard's address has it",
        )
    place = (*_V4, "accounts", opened.account)
    reply, notes = _verified(opened, place)
    token = text_in(record_at(reply.body, "result"), "id")
    status = text_in(record_at(reply.body, "result"), "status")
    if status in {"disabled", "expired"}:
        raise CredentialRefusedError(f"the token is {status}", "make a new one")
    if status != "active":
        return Probed(CredentialVerdict.UNCLEAR, says="Cloudflare does not say what the token is")
    endings: tuple[Ending, ...] = ()
    if runs_out := text_in(record_at(reply.body, "result"), "expires_on"):
        endings = (Ending("the token", runs_out, "make a new one, or give it a later end"),)
    held, more = ((), ()) if notes[:1] == (_A_PERSONS,) else _held(opened, place, token)
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=opened.identity or token,
        rights=tuple(_found(opened, place, right, held) for right in _RIGHTS),
        notes=(*notes, *more),
        date=reply.headers.get("date", ""),
        endings=endings,
    )


_A_PERSONS: Final = (
    "it is a person's token, which dies with their membership; one that the account owns does not"
)


def _verified(opened: Probing, place: Sequence[str]) -> tuple[Reply, tuple[str, ...]]:
    """Each endpoint knows the tokens of one kind of owner: only two refusals are one."""
    try:
        return opened.fetch("api", *place, "tokens", "verify"), ()
    except RefusedBySystemError as error:
        if error.code != "401":
            raise
    return opened.fetch("api", *_V4, "user", "tokens", "verify"), (_A_PERSONS,)


def _held(
    opened: Probing, place: Sequence[str], token: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of our own token's permissions, where it may be looked at; and what is too much."""
    try:
        seen = record_at(opened.fetch("api", *place, "tokens", token).body, "result")
    except RefusedBySystemError:
        return (), ()
    policies = seen.get("policies")
    names = [
        text_in(group, "name")
        for policy in (policies if isinstance(policies, list) else [])
        for group in record_at(policy).get("permission_groups", [])
    ]
    # The vendor's own page on lost administrators names this one for the way back.
    needed = {"SCIM Provisioning", *(right.grant for right in _RIGHTS)}
    notes = [f"it holds {name}, which nothing here needs" for name in names if name not in needed]
    if not record_at(seen, "condition"):
        notes.append("it works from every address; restrict it to those of your machines")
    return tuple(names), tuple(notes[:4])


def _found(opened: Probing, place: Sequence[str], right: Right, held: Iterable[str]) -> Right:
    """Whether it is there: by its name, where the token could be looked at; else by a read."""
    if names := {*held}:
        has = right.grant in names or right.grant.replace(" Read", " Write") in names
        return replace(right, allowed=Allowed.YES if has else Allowed.NO)
    if right.ask is None:
        return right
    return tried(opened, replace(right, ask=replace(right.ask, path=(*place, *right.ask.path))))


# --- the record ---------------------------------------------------------------------------------

_HINTS: Final = {
    INVALID: "Cloudflare does not know this token",
    "1001": "the connection sends no token",
    "6003": "the token does not have the form of one",
    "7000": "there is no such path for this method",
    "7003": "the path is not there; the account's id may be wrong",
    "9106": "the token is not accepted, or lacks a permission",
    "9109": "the token is not accepted, not from this address, or lacks a permission",
    "10000": "the token lacks a permission, or is not accepted",
}
_DEAD: Final = frozenset({INVALID})
"""9109 is none: a live token gets it, too, from an address that it is not for."""

VENDOR: Final = Vendor(
    name="cloudflare",
    title="Cloudflare",
    hosts={"": {"api": "https://api.cloudflare.com"}},
    prefix=_V4,
    pages=Paging(_next_page, pages_max=200),
    settle_s=30,  # How long a change takes to show is not documented.
    # More than 1,200 requests within 5 minutes block everything for 5 minutes.
    at_once=4,
    refusals=Refusals(
        code="errors.0.code", hints=_HINTS, dead=_DEAD, no_path=frozenset({"7000", "7003"})
    ),
    no_in_success=NoInSuccess("success", "errors.0.code", hints=_HINTS, dead=_DEAD),
    probes={"": _probe},
    rights=_RIGHTS,
    snippet="""\
[connections.{name}]
system = "cloudflare"
account = "0123456789abcdef0123456789abcdef" # id of the account
""",
    directory="respond.systems.cloudflare.directory",
    simulated="respond.company.cloudflare",
)
