"""Administrators of a product by SCIM: by groups and roles, which ``options`` name.

The standard does not know the word: ``admin_groups`` and ``admin_roles`` say what it is there.
Source: RFC 7643, section 4.1.2 (roles); RFC 7644, section 3.5.2.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import Done, Effect, Looking, Me, Script, Undo, action, gather
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError, emergency_names, keep_an_administrator
from respond.systems.scim.provider import ScimSwitches, switches
from respond.systems.scim.scim_changes import Edit, change_user
from respond.systems.scim.scim_groups import (
    GROUP,
    OnScimMembership,
    ScimGroup,
    all_groups,
    group_of,
    leaving,
)
from respond.systems.scim.scim_users import (
    RECORD,
    USER,
    OnScimUser,
    ScimUser,
    ScimUserId,
    everybody,
    seen_user,
    spare_user,
)

__all__ = [
    "ACTIONS", "ListScimAdmins", "RemoveFromScimGroup", "SetScimRoles", "admins", "has_admin_role",
    "keep_an_admin", "remove_admin_rights",
]  # fmt: skip

_ANOTHER: Final = "make somebody else an administrator of it first"
_LEVELS_MAX: Final = 20


def has_admin_role(user: ScimUser, told: ScimSwitches) -> bool:
    """Whether one of a user's roles makes an administrator."""
    wanted = {role.casefold() for role in told.admin_roles}
    return any(role.casefold() in wanted for role in user.roles)


def _admin_groups(me: Me) -> Looking[dict[str, ScimGroup]]:
    """The groups that make an administrator, by id, with those inside of them.

    Raises:
        GuardRefusedError: The options name neither group nor role, or a group that is not there.
    """
    told = switches(me.connection)
    if not (told.admin_groups or told.admin_roles):
        raise GuardRefusedError(
            "who administers this product is not known",
            why="SCIM has no word for it",
            do="set admin_groups or admin_roles, or admins_elsewhere = true where SCIM does not "
            f"show them, in options of [connections.{me.connection.name}]",
        )
    if not told.admin_groups:
        return {}
    known = yield from all_groups(me)
    ids: list[str] = []
    for name in told.admin_groups:
        fitting = [g.id for g in known if g.id == name or g.name.casefold() == name.casefold()]
        if not fitting:
            raise GuardRefusedError(
                f"the product has no group {showable(name, limit=60)}",
                why="so who administers it is not known",
                do=f"correct admin_groups in options of [connections.{me.connection.name}]",
            )
        ids += fitting
    every = {group.id for group in known}
    found: dict[str, ScimGroup] = {}
    for _ in range(_LEVELS_MAX):
        if not ids:
            break
        groups = yield from gather(GROUP.of(me.connection, group=each) for each in ids)
        found |= {group.id: group for group in groups if group.id}
        inner = dict.fromkeys(str(m) for g in groups for m in g.members if m in every)
        ids = [each for each in inner if each not in found]
    return found


def admins(me: Me) -> Looking[tuple[ScimUser, ...]]:
    """Everybody whom a group or a role makes an administrator, each read by id.

    Raises:
        GuardRefusedError: The options do not say which groups and roles do.
    """
    told, groups = switches(me.connection), (yield from _admin_groups(me))
    ids = dict.fromkeys(str(m) for g in groups.values() for m in g.members if m not in groups)
    if told.admin_roles:
        rows = yield from everybody(me.connection)
        ids |= dict.fromkeys(str(row.id) for row in rows if has_admin_role(row, told))
    users = yield from gather(USER.of(me.connection, user=each) for each in ids)
    in_groups = {m for g in groups.values() for m in g.members}
    return tuple(u for u in users if u.id and (u.id in in_groups or has_admin_role(u, told)))


def keep_an_admin(me: Me, user: ScimUser) -> Looking[None]:
    """Refuse to lose the last administrator who could act; emergency accounts do not count.

    A product was seen to switch its last one off and answer 403 only then: it is no guard.

    Raises:
        GuardRefusedError: Nobody else is left, or who administers the product is not known.
    """
    told = switches(me.connection)
    if told.shows_no_admin:
        return
    groups = yield from _admin_groups(me)
    if not has_admin_role(user, told) and all(user.id not in g.members for g in groups.values()):
        return
    everyone = yield from admins(me)
    out = {each.casefold() for each in (*me.suspects, me.subject, me.connection.identity)}
    out |= emergency_names(me)
    others = [
        each.called
        for each in everyone
        if each.active and each.id != user.id and not each.names & out
    ]
    keep_an_administrator(me, user.called, others, do=_ANOTHER)


class ScimAdmins(Frozen):
    """The administrators, and how many of them are active."""

    admins: tuple[ScimUser, ...]
    able: int


@action(
    "scim.list_admins",
    effect=Effect.READS,
    output=ScimAdmins,
    source="RFC 7643, sections 4.1.2 and 4.2: GET /Groups, GET /Users",
)
class ListScimAdmins(Frozen):
    """Read who administers the product, by the groups and roles that its options name."""

    def run(self, me: Me) -> Script[ScimAdmins]:
        seen = yield from admins(me)
        able = sum(each.active for each in seen)
        return Done(ScimAdmins(seen, able), says=f"{len(seen)} administrators, {able} active")


# --- roles --------------------------------------------------------------------------------------


def _roles(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The roles of a record as the product writes them.

    Raises:
        GuardRefusedError: Otherwise than the standard does: nobody knows how to give them back.
    """
    roles = record.get("roles") or []
    if not isinstance(roles, list) or not all(isinstance(each, Mapping) for each in roles):
        raise GuardRefusedError(
            "this product writes roles otherwise than the standard does",
            why="what is taken could not be given back",
            do="change them in the product, by hand",
        )
    return [dict(each) for each in roles]


def _values(roles: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(each["value"]) for each in roles if each.get("value"))


def set_roles(
    me: Me, user: ScimUser, roles: tuple[Mapping[str, Any], ...]
) -> Generator[Any, Any, None]:
    """Give a user these roles and no others. Whom to spare, the caller has judged."""
    record = yield from RECORD.of(me.connection, kind="Users", id=user.id)
    had = _roles(record)
    if set(_values(had)) == set(_values(roles)):
        return
    value = [dict(each) for each in roles]
    operation = {"op": "replace", "path": "roles", "value": value}
    edit = Edit(
        operation if value else {"op": "remove", "path": "roles"},
        lambda now: {**now, "roles": value},
    )
    lost = [each for each in _values(had) if each not in _values(roles)]
    named = ", ".join(showable(each, limit=60) for each in _values(roles)) or "none"
    write = yield from change_user(
        me,
        user,
        edit,
        lambda now: replace(now, roles=_values(value)),
        says=f"set the roles of {user.called} to {named}",
        verb="set",
        effect=Effect.DESTROYS if lost else Effect.WRITES,
        undo=Undo("scim.set_roles", {"user": user.id, "roles": had}),
        breaks=f"{user.called} is no {', '.join(lost)} any more." if lost else "",
    )
    yield from write


@action(
    "scim.set_roles",
    effect=Effect.DESTROYS,
    output=ScimUser,
    source="RFC 7643, section 4.1.2; RFC 7644, section 3.5.2.3: PATCH /Users/{id}, op replace",
)
class SetScimRoles(OnScimUser):
    """Give a user these roles and no others; the way back gives the same as before.

    Attributes:
        roles: Each as the product writes it: ``{value: viewer}``, perhaps with display and type.
    """

    roles: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        OnScimUser.__post_init__(self)
        if not all(isinstance(each.get("value"), str) for each in self.roles):
            raise ArgumentError("each of roles must be a record with a value")

    def run(self, me: Me) -> Script[ScimUser]:
        user = yield from seen_user(me, self.user)
        wanted = _values(self.roles)
        told = switches(me.connection)
        if set(user.roles) - set(wanted):
            spare_user(me, user, "take roles of")
            stays = has_admin_role(replace(user, roles=wanted), told)
            if not told.tells_admins or (has_admin_role(user, told) and not stays):
                yield from keep_an_admin(me, user)
        yield from set_roles(me, user, self.roles)
        named = ", ".join(wanted) or "none"
        return Done(replace(user, roles=wanted), says=f"the roles of {user.called}: {named}")


# --- taking rights ------------------------------------------------------------------------------


@action(
    "scim.remove_from_group",
    effect=Effect.DESTROYS,
    output=ScimGroup,
    source="RFC 7644, section 3.5.2.2: PATCH /Groups/{id}, op remove",
)
class RemoveFromScimGroup(OnScimMembership):
    """Take a user out of a group."""

    def run(self, me: Me) -> Script[ScimGroup]:
        user = yield from seen_user(me, self.user)
        group = yield from group_of(me, self.group)
        if user.id not in group.members:
            return Done(group, says=f"{user.called} is not in the group {group.name}")
        spare_user(me, user, "take a group of")
        told = switches(me.connection)
        if not told.shows_no_admin and group.id in (yield from _admin_groups(me)):
            yield from keep_an_admin(me, user)
        yield from leaving(me, user, group)
        left = replace(group, members=tuple(m for m in group.members if m != user.id))
        return Done(left, says=f"{user.called} is in the group {group.name} no more")


def remove_admin_rights(me: Me, name: ScimUserId) -> Script[None]:
    """Take a user out of the groups, and take the roles, that make an administrator."""
    told = switches(me.connection)
    user = yield from seen_user(me, name)
    if told.shows_no_admin:
        left = f"left to do: SCIM does not show who administers it; look at {user.called} there"
        return Done(None, says=left, findings=(left,), proved=False)
    spare_user(me, user, "remove")
    yield from keep_an_admin(me, user)
    inside = yield from _admin_groups(me)
    own = [group for group in inside.values() if user.id in group.members]
    if has_admin_role(user, told):
        wanted = {role.casefold() for role in told.admin_roles}
        record = yield from RECORD.of(me.connection, kind="Users", id=user.id)
        stay = (r for r in _roles(record) if str(r.get("value")).casefold() not in wanted)
        yield from set_roles(me, user, tuple(stay))
    for group in own:
        yield from leaving(me, user, group)
    return Done(None, says=f"{user.called} has no administrator's right by a group or role")


ACTIONS: tuple[type, ...] = (ListScimAdmins, RemoveFromScimGroup, SetScimRoles)
