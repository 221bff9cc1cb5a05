"""Team members as rows: who there is, with which roles, and who could still administer.

Reads and compares; the actions are in ``members``. No field name of a member is confirmed by the
vendor, so a member whose roles cannot be read whole has no roles here, and nothing is done to
them that would have to be put back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from respond.core.script import Me, Reply
from respond.core.values import Json, Late
from respond.systems.customerio.facts import (
    MEMBER_SETTLE_S,
    MemberId,
    field_of,
    flag_of,
    id_of,
    member_number,
    number,
    number_of,
    text_of,
)
from respond.systems.customerio.reading import PAGES, UNSEEN, Looking, account
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import Thing, records

__all__ = [
    "ADMIN",
    "MEMBER",
    "MEMBERS",
    "NO_ROLES",
    "EnvironmentRole",
    "MemberRoles",
    "MemberRow",
    "by_email",
    "is_admin",
    "members",
    "members_if_allowed",
    "number_of_member",
    "role_words",
    "roles_json",
    "same_roles",
    "usable_admins",
]

ADMIN: Final = "admin"
MEMBER: Final = "member"
_PERMISSIONS: Final = ("billing", "api_credentials", "support_access")


@dataclass(frozen=True, slots=True)
class EnvironmentRole:
    """A role in one workspace: a standard one by name, or a custom one by number."""

    environment: str
    role: str = ""
    role_id: str = ""


@dataclass(frozen=True, slots=True)
class MemberRoles:
    """Everything that a member may do, as it has to be put back."""

    account_role: str
    billing: bool = False
    api_credentials: bool = False
    support_access: bool = False
    environment_roles: tuple[EnvironmentRole, ...] = ()


NO_ROLES: Final = MemberRoles(MEMBER)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One team member as the list shows them.

    Attributes:
        id: Late in a dry run, for somebody whom the run would add.
        accepted: Not merely invited.
        active: Not suspended.
        two_factor: None when the list does not say.
        last_login: Unix seconds; 0 when never, or when the list does not say.
        roles: None when they could not be read whole.
    """

    id: MemberId | Late
    email: str
    name: str = ""
    account_role: str = ""
    accepted: bool = True
    active: bool = True
    two_factor: bool | None = None
    last_login: int = 0
    roles: MemberRoles | None = None


def _members(replies: Sequence[Reply]) -> tuple[MemberRow, ...]:
    # A member who moves while pages are read may be on two of them.
    rows = {row.email.casefold(): row for row in map(_member, records(replies, "users"))}
    return tuple(rows.values())


MEMBERS: Final = Thing(
    VENDOR,
    "members",
    ("v1", "accounts", "{account}", "users"),
    _members,
    pages=PAGES,
    query=(("limit", "100"), ("page", "1")),
    settle_s=MEMBER_SETTLE_S,
)
"""Everybody, whatever page they are on."""


def members(me: Me) -> Looking[tuple[MemberRow, ...]]:
    """Everybody."""
    number = yield from account(me)
    return (yield from MEMBERS.of(me.connection, account=number))


def members_if_allowed(me: Me) -> Looking[tuple[MemberRow, ...]]:
    """Everybody, or nobody where our credential may not see them; for names only."""
    number = yield from account(me)
    return (yield from MEMBERS.unless(UNSEEN, (), me.connection, account=number))


def _member(row: Mapping[str, Any]) -> MemberRow:
    names = (text_of(row, "member.first_name"), text_of(row, "member.last_name"))
    role = _account_role(text_of(row, "member.account_role"))
    invited = flag_of(row, "member.invited")
    last_login = number_of(row, "member.last_login")
    return MemberRow(
        id=MemberId(f"member/{id_of(row, 'member.id')}"),
        email=text_of(row, "member.email"),
        name=" ".join(name for name in names if name),
        account_role=role,
        # Whoever has signed in has accepted, should the list not say it in so many words.
        accepted=invited is False or (invited is None and last_login > 0),
        active=flag_of(row, "member.suspended") is not True,
        two_factor=flag_of(row, "member.two_factor"),
        last_login=last_login,
        roles=_roles(row, role),
    )


def _account_role(word: str) -> str:
    return ADMIN if word in {ADMIN, "account_admin"} else word


def _roles(row: Mapping[str, Any], account_role: str) -> MemberRoles | None:
    permissions = field_of(row, "member.permissions")
    places = field_of(row, "member.environment_roles")
    if account_role not in {ADMIN, MEMBER} or not isinstance(permissions, dict):
        return None
    if not all(isinstance(permissions.get(name), bool) for name in _PERMISSIONS):
        return None
    if not isinstance(places, list):
        return None
    roles = [_environment_role(place) for place in places]
    if any(role is None for role in roles):
        return None
    flags = {name: permissions[name] for name in _PERMISSIONS}
    return MemberRoles(account_role, **flags, environment_roles=tuple(r for r in roles if r))


def _environment_role(place: Any) -> EnvironmentRole | None:
    if not isinstance(place, dict):
        return None
    environment, role, custom = (place.get(n) for n in ("environment_id", "role", "role_id"))
    if not isinstance(environment, int | str) or (role is None) == (custom is None):
        return None
    return EnvironmentRole(
        str(environment), str(role) if role else "", "" if custom is None else str(custom)
    )


def by_email(rows: Sequence[MemberRow], email: str) -> MemberRow | None:
    """The member with this address, whatever its case."""
    return next((row for row in rows if row.email.casefold() == email.casefold()), None)


def number_of_member(row: MemberRow) -> str:
    """The vendor's number; empty for somebody whom a dry run only foretells."""
    return "" if isinstance(row.id, Late) else member_number(row.id)


def is_admin(row: MemberRow) -> bool:
    """Whether they are Account Admin, accepted or not."""
    return row.account_role == ADMIN


def usable_admins(rows: Sequence[MemberRow]) -> tuple[str, ...]:
    """Addresses of administrators who are accepted and active.

    Service accounts are not in this list at all.
    """
    return tuple(row.email for row in rows if is_admin(row) and row.accepted and row.active)


def same_roles(one: MemberRoles | None, other: MemberRoles) -> bool:
    """Whether two members may do the same, however it is written down.

    An Account Admin may do everything in every workspace, so the rest says nothing about one.
    """
    if one is None or one.account_role != other.account_role:
        return False
    if one.account_role == ADMIN:
        return True
    return _normal(one) == _normal(other)


def _normal(roles: MemberRoles) -> tuple[Any, ...]:
    return (
        roles.billing,
        roles.api_credentials,
        roles.support_access,
        frozenset(roles.environment_roles),
    )


def role_words(roles: MemberRoles | None) -> str:
    """Everything that somebody may do, in one line: ``member; api_credentials; 190001 author``."""
    if roles is None:
        return "roles unknown"
    if roles.account_role == ADMIN:
        return ADMIN
    switches = [name for name in _PERMISSIONS if getattr(roles, name)]
    places = [
        f"{place.environment} {place.role or f'role {place.role_id}'}"
        for place in roles.environment_roles
    ]
    return "; ".join((roles.account_role, *switches, *places))


def roles_json(roles: MemberRoles) -> dict[str, Json]:
    """Roles as bodies and tasks carry them."""
    places: list[Json] = []
    for place in roles.environment_roles:
        role: dict[str, Json] = {"environment_id": number(place.environment)}
        role |= {"role": place.role} if place.role else {"role_id": number(place.role_id)}
        places.append(role)
    permissions: dict[str, Json] = {name: getattr(roles, name) for name in _PERMISSIONS}
    return {
        "account_role": roles.account_role,
        "permissions": permissions,
        "environment_roles": places,
    }
