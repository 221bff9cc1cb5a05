"""Administrators of Okta: who they are, taking a role away, and giving it back with its targets.

Source: Okta Management API, Role assignment. A role that is given back covers everything until its
first target is put, so role and targets are one step. ``disableNotifications`` is never sent: it
makes the person a third-party administrator.
"""

from __future__ import annotations

import base64
from collections.abc import Generator, Sequence
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Reply,
    Script,
    Undo,
    Write,
    action,
    answer_as,
    both,
    gather,
)
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError, emergency_names, keep_an_administrator
from respond.systems.okta.users import (
    USER,
    OktaUser,
    OktaUserId,
    OnOktaUser,
    seen_user,
    spare_user,
)
from respond.systems.okta.vendor import SUPER_ADMIN, VENDOR, ask, ending
from respond.systems.rest import (
    KEPT,
    Thing,
    at,
    by_link,
    change,
    no_answer,
    one,
    or_said,
    rows,
)

__all__ = [
    "ACTIONS",
    "ROLES",
    "AddOktaRole",
    "ListOktaAdmins",
    "OktaAdmin",
    "OktaAdmins",
    "OktaRole",
    "RemoveOktaRole",
    "admins",
    "keep_a_super_admin",
    "remove_roles",
    "roles_of",
]  # fmt: skip

_STANDARD: Final = (
    "ACCESS_CERTIFICATIONS_ADMIN", "ACCESS_REQUESTS_ADMIN", "API_ACCESS_MANAGEMENT_ADMIN",
    "APP_ADMIN", "GROUP_MEMBERSHIP_ADMIN", "HELP_DESK_ADMIN", "ORG_ADMIN", "READ_ONLY_ADMIN",
    "REPORT_ADMIN", "SUPER_ADMIN", "USER_ADMIN", "WORKFLOWS_ADMIN",
)  # fmt: skip
_CUSTOM: Final = "CUSTOM"
_ALREADY: Final = ("E0000090", "E0000263")
_ASSIGNED: Final = frozenset({409})
_MAKE_ANOTHER: Final = "make somebody else a super administrator first"


class OktaRole(Frozen):
    """One role of a user.

    Attributes:
        id: Of the assignment; opaque.
        how: ``USER`` if it is theirs, ``GROUP`` if it comes of a group.
        custom: Id of a custom role; its resource set goes with it.
        resources: Id of the resource set of a custom role.
    """

    id: str = at("id")
    type: str = at("type", limit=60)
    status: str = at("status", limit=20, default="ACTIVE")
    how: str = at("assignmentType", limit=20, default="USER")
    custom: str = at("role", limit=60, default="")
    resources: str = at("resource-set", limit=60, default="")

    @property
    def called(self) -> str:
        """A custom role by its id and that of what it is for; another by its type."""
        own = self.custom and f"{self.custom} for {self.resources}"
        return f"{own or self.type}{' by a group' if self.how == 'GROUP' else ''}"

    @property
    def is_super(self) -> bool:
        return self.type == SUPER_ADMIN and self.status == "ACTIVE"


class _Id(Frozen):
    id: str = at("id", default="")
    name: str = at("name", default="")


ROLES: Final = Thing(
    VENDOR, "user/{user}/roles", ("users", "{user}", "roles"), rows(OktaRole), evidence=KEPT
)
_ASSIGNEES: Final = Thing(
    VENDOR,
    "administrators",
    ("iam", "assignees", "users"),
    rows(_Id, "value"),
    query=(("limit", "100"),),
    # This list alone tells of its next page in the body.
    pages=by_link("after", "_links.next.href"),
)
_KINDS: Final = {"groups": ("groups",), "apps": ("catalog", "apps")}
_TARGETS: Final = ("users", "{user}", "roles", "{role}", "targets")
# A role that is not there has no targets.
_GROUPS: Final[Thing[tuple[_Id, ...]]] = Thing(
    VENDOR, "user/{user}/role/{role}/groups", (*_TARGETS, "groups"), rows(_Id), gone=()
)
_APPS: Final[Thing[tuple[_Id, ...]]] = Thing(
    VENDOR, "user/{user}/role/{role}/apps", (*_TARGETS, "catalog", "apps"), rows(_Id), gone=()
)


def _target(kind: str, name: str) -> Thing[bool]:
    """Whether a role is confined to this one: a thing for each, since each is put by itself.

    It is called by the role's type: before the role is given, nobody knows its id.
    """
    listed = _GROUPS if kind == "groups" else _APPS

    def parse(replies: Sequence[Reply]) -> bool:
        return name in {_named(each) for each in listed.parse(replies)}

    subject = f"user/{{user}}/role-of-type/{{type}}/{kind}/{name}"
    return Thing(VENDOR, subject, listed.path, parse, gone=False)


def _named(target: _Id) -> str:
    """A group by its id; an application by its key, or by key and id."""
    return f"{target.name}/{target.id}" if target.name and target.id else target.name or target.id


def roles_of(me: Me, user: str) -> Looking[tuple[OktaRole, ...]]:
    """All roles of a user, those of groups too."""
    return (yield from ROLES.of(me.connection, user=user))


# --- who they are -------------------------------------------------------------------------------


class OktaAdmin(Frozen):
    """An administrator. ``roles`` are types, ``USER_ADMIN``; ``is_super`` only if they can act."""

    id: OktaUserId
    login: str
    email: str
    status: str
    roles: tuple[str, ...]
    is_super: bool


def admins(me: Me) -> Looking[tuple[OktaAdmin, ...]]:
    """Everybody with a role; whether also those who have it by a group only, Okta does not say."""
    listed = yield from _ASSIGNEES.of(me.connection)
    ids = tuple(dict.fromkeys(each.id for each in listed if each.id))
    pairs = yield from gather(
        both(USER.of(me.connection, user=each), roles_of(me, each)) for each in ids
    )
    return tuple(
        OktaAdmin(
            user.id,
            user.login,
            user.email,
            user.status,
            tuple(role.type for role in roles),
            user.status == "ACTIVE" and any(role.is_super for role in roles),
        )
        for user, roles in pairs
        if user.id
    )


def keep_a_super_admin(me: Me, user: OktaUser, roles: tuple[OktaRole, ...]) -> Looking[None]:
    """Refuse to lose the last super administrator who could act; emergency accounts do not count.

    Whether Okta itself would refuse it, nobody has confirmed.
    """
    if not any(role.is_super for role in roles):
        return
    kept = emergency_names(me)
    everybody = yield from admins(me)
    others = [
        each.email
        for each in everybody
        if each.is_super
        and each.id != user.id
        and not {each.email.casefold(), each.login.casefold()} & kept
    ]
    keep_an_administrator(me, user.email or user.login, others, do=_MAKE_ANOTHER)


class OktaAdmins(Frozen):
    """The administrators, and how many super administrators could act."""

    admins: tuple[OktaAdmin, ...]
    able: int


@action(
    "okta.list_admins",
    effect=Effect.READS,
    output=OktaAdmins,
    source="Okta Management API, GET /api/v1/iam/assignees/users and /users/{id}/roles",
)
class ListOktaAdmins(Frozen):
    """Read who has an administrator role, and which."""

    def run(self, me: Me) -> Script[OktaAdmins]:
        seen = yield from admins(me)
        able = sum(each.is_super for each in seen)
        says = f"{len(seen)} administrators, {able} of them super administrators who can sign in"
        return Done(OktaAdmins(seen, able), says=says)


# --- taking one away ----------------------------------------------------------------------------


class OktaRoleGone(Frozen):
    """The id of the assignment that is not there now."""

    role: str


def remove_roles(me: Me, user: OktaUser, roles: tuple[OktaRole, ...]) -> Generator[Any, Any, None]:
    """Take roles away; what gives one back knows its targets.

    Raises:
        GuardRefusedError: One comes of a group, or who has them must stay an administrator.
    """
    for role in roles:
        if role.how == "GROUP":
            raise GuardRefusedError(
                f"{role.type} of {user.login} comes of a group",
                why="Okta takes such a role away only with the membership",
                do="take them out of the group in the Admin Console: Directory, Groups",
            )
    _, confined = yield from both(
        spare_user(me, user, "remove"),
        gather(
            both(
                _given(role).of(me.connection, user=user.id),
                both(
                    _GROUPS.of(me.connection, user=user.id, role=role.id),
                    _APPS.of(me.connection, user=user.id, role=role.id),
                ),
            )
            for role in roles
        ),
    )
    yield from keep_a_super_admin(me, user, roles)
    for role, (_, targets) in zip(roles, confined, strict=True):
        yield from _removal(me, user, role, *targets)


def _given(role: OktaRole) -> Thing[bool]:
    """Whether somebody has this role: a thing for each, since each is taken by itself."""

    def parse(replies: Sequence[Reply]) -> bool:
        return any(each.id == role.id for each in ROLES.parse(replies))

    return Thing(VENDOR, f"user/{{user}}/role/{role.id}", ROLES.path, parse)


def _removal(
    me: Me, user: OktaUser, role: OktaRole, groups: tuple[_Id, ...], apps: tuple[_Id, ...]
) -> Write[None]:
    back = {
        "user": user.id,
        "type": role.type,
        "groups": [_named(each) for each in groups],
        "apps": [_named(each) for each in apps],
        "custom": role.custom,
        "resources": role.resources,
    }
    write = change(
        me,
        _given(role),
        True,
        lambda _: False,
        ending(me, "DELETE", "users", user.id, "roles", role.id),
        ids={"user": user.id},
        says=f"remove {role.type} of {user.login}",
        verb="remove",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Recorded: the second time it answers that there is no such assignment.
        undo=Undo("okta.add_role", back),
        breaks=f"{user.login} is no {role.type} any more.",
    )
    left = Becomes(
        ROLES.subject(me.connection, user=user.id),
        lambda now: tuple(each for each in now if each.id != role.id),
    )
    unconfined = tuple(
        Becomes(_target(kind, name).subject(me.connection, user=user.id, type=role.type), _no)
        for kind in _KINDS
        for name in back[kind]
    )
    return replace(
        write,
        before={role.called: "there"},
        after={role.called: "absent"},
        becomes=(*write.becomes, left, *unconfined),
    )


def _no(_: bool) -> bool:  # noqa: FBT001 - as a prediction is asked
    return False


@action(
    "okta.remove_role",
    effect=Effect.DESTROYS,
    output=OktaRoleGone,
    source="Okta Management API, DELETE /api/v1/users/{id}/roles/{roleAssignmentId}",
    by_hand=(
        "Open Security, Administrators, the person. Choose Edit, and take the role away.",
        "https://login.okta.com",
    ),
)
class RemoveOktaRole(OnOktaUser):
    """Take an administrator role away from a user.

    Attributes:
        role: Id of the assignment, or its type: ``USER_ADMIN``.
    """

    role: str

    def run(self, me: Me) -> Script[OktaRoleGone]:
        user, roles = yield from both(seen_user(me, self.user), roles_of(me, self.user))
        fitting = [role for role in roles if self.role in (role.id, role.type)]
        own = next((role for role in fitting if role.how != "GROUP"), None)
        role = own or next(iter(fitting), None)
        if role is None:
            return Done(OktaRoleGone(self.role), says=f"{user.login} has no role {self.role}")
        yield from remove_roles(me, user, (role,))
        return Done(OktaRoleGone(self.role), says=f"{user.login} is no {role.type} any more")


# --- giving one ---------------------------------------------------------------------------------


def _id_of(kind: str) -> str:
    """The id that Okta gives the assignment of a standard role: recorded, equal for every user."""
    return base64.b32encode(kind.encode()).decode().rstrip("=")


class OktaRoleGiven(Frozen):
    """Which role the user has now."""

    type: str


class _Given(Frozen):
    id: str = at("id")


@action(
    "okta.add_role",
    effect=Effect.WRITES,
    output=OktaRoleGiven,
    source="Okta Management API, POST /api/v1/users/{id}/roles and PUT .../targets",
)
class AddOktaRole(OnOktaUser):
    """Give a user an administrator role, with the groups and applications that it is confined to.

    Attributes:
        type: ``USER_ADMIN`` and so on, or ``CUSTOM``.
        groups: Ids of the groups that the role is confined to.
        apps: Applications likewise: ``customerio``, or ``customerio/0oa...`` for one of them.
        custom: Id of a custom role; its resource set goes with it.
        resources: Id of the resource set of a custom role.
    """

    type: str
    groups: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    custom: str = ""
    resources: str = ""

    def __post_init__(self) -> None:
        OnOktaUser.__post_init__(self)
        if self.type not in {*_STANDARD, _CUSTOM}:
            raise ArgumentError(f"type must be one of {', '.join(_STANDARD)} or {_CUSTOM}")
        if {bool(self.custom), bool(self.resources)} != {self.type == _CUSTOM}:
            raise ArgumentError("a role of type CUSTOM, and no other, has custom and resources")
        if self.type == _CUSTOM and (self.groups or self.apps):
            raise ArgumentError("a custom role is confined by its resource set, not by targets")

    def run(self, me: Me) -> Script[OktaRoleGiven]:
        user, roles = yield from both(seen_user(me, self.user), roles_of(me, self.user))
        mine = (self.type, self.custom, self.resources)
        there = next(
            (r for r in roles if mine == (r.type, r.custom, r.resources) and r.how != "GROUP"), None
        )
        # What the assignment is called before it exists; if Okta calls it otherwise, the targets
        # are not those that were agreed to, and are asked for anew.
        role = there.id if there is not None else self.custom or _id_of(self.type)
        targets = [(kind, name) for kind in _KINDS for name in getattr(self, kind)]
        ids = {"user": self.user, "type": self.type}
        are_put = yield from gather(
            _target(*target).of(me.connection, role=role, user=self.user, type=self.type)
            for target in targets
        )
        if there is None:
            answer = yield from self._assignment(me, user, roles, role)
            role = answer_as(str, answer, role)
        for (kind, name), is_put in zip(targets, are_put, strict=True):
            if not is_put:
                place = (*_KINDS[kind], *name.split("/"))
                path = ("users", self.user, "roles", role, "targets", *place)
                yield from change(
                    me,
                    _target(kind, name),
                    is_put,
                    lambda _: True,
                    Api(ask(me, "PUT", *path), no_answer),
                    ids=ids,
                    says=f"confine {self.type} of {user.login} to {name}",
                    verb="confine",
                    target=user.login,
                    effect=Effect.WRITES,
                    foretold=None,
                    repeatable=True,  # PUT (RFC 9110, section 9.2.2).
                )
        return Done(OktaRoleGiven(self.type), says=f"{user.login} is {self.type}")

    def _assignment(
        self, me: Me, user: OktaUser, roles: tuple[OktaRole, ...], foretold: str
    ) -> Write[str]:
        body = {"type": self.type}
        if self.type == _CUSTOM:
            body |= {"role": self.custom, "resource-set": self.resources}
        confined = [*self.groups, *self.apps]
        new = OktaRole(foretold, self.type, custom=self.custom, resources=self.resources)
        parse = or_said(VENDOR, lambda reply: one(_Given)([reply]).id, *_ALREADY, means=foretold)
        return change(
            me,
            ROLES,
            roles,
            lambda now: (*now, new),
            Api(ask(me, "POST", "users", self.user, "roles", body=body, answers=_ASSIGNED), parse),
            ids={"user": self.user},
            says=f"make {user.login} {self.type}"
            + (f", confined to {', '.join(confined)}" if confined else ""),
            verb="add",
            target=user.login,
            effect=Effect.WRITES,
            foretold=foretold,
            repeatable=True,  # A second one is answered: assigned already.
            undo=Undo("okta.remove_role", {"user": self.user, "role": self.type}),
        )


ACTIONS: tuple[type, ...] = (ListOktaAdmins, RemoveOktaRole, AddOktaRole)
