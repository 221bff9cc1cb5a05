"""Administrators of Google Workspace: who they are, taking a role, and giving it again.

Source: Directory API, roles and roleAssignments. A role that is given again is a new assignment
with an id of its own; that it is there already is answered with a 500.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Reply,
    Script,
    Undo,
    Write,
    action,
    both,
    gather,
)
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.google.vendor import MINE, PEOPLE, VENDOR, ask, ending, listed
from respond.systems.google.workspace_users import (
    BY_HAND,
    USER,
    GoogleUser,
    OnGoogleUser,
    account_of,
    acts_as,
    spare_account,
)
from respond.systems.guards import GuardRefusedError, emergency_names, keep_an_administrator
from respond.systems.rest import KEPT, Thing, at, change, dig, no_answer, one

__all__ = [
    "ACTIONS", "AssignGoogleRole", "GoogleAssignment", "ListGoogleAdmins", "RemoveGoogleRole",
    "assignments_of", "keep_a_google_admin", "remove_google_roles", "role_names",
]  # fmt: skip

_HERE_ALREADY: Final = "role assignment exists"
_SERVER_ERROR: Final = 500


class GoogleRole(Frozen):
    """A kind of administrator. Attributes: id: Digits. name: ``_SEED_ADMIN_ROLE``."""

    id: str = at("roleId")
    name: str = at("roleName", limit=80, default="")
    is_super: bool = at("isSuperAdminRole", default=False)


class GoogleAssignment(Frozen):
    """One role of an account, of a group, or of a service account.

    Attributes:
        id: Of the assignment; another one when the role is given again.
        role: Id of the role.
        to: Id of who has it.
        scope: ``CUSTOMER``, or ``ORG_UNIT`` with
        unit: the id of the unit.
        condition, expires: Under which condition, and until when.
    """

    id: str = at("roleAssignmentId")
    role: str = at("roleId")
    to: str = at("assignedTo")
    kind: str = at("assigneeType", limit=20, default="user")
    scope: str = at("scopeType", limit=20, default="CUSTOMER")
    unit: str = at("orgUnitId", limit=60, default="")
    condition: str = at("condition", limit=2_000, default="")
    expires: str = at("expirationDetails.expireTime", limit=40, default="")

    @property
    def is_of_group(self) -> bool:
        return self.kind.casefold() == "group"

    @property
    def called(self) -> str:
        return f"role {self.role}{f' in unit {self.unit}' if self.unit else ''}"


_NONE: Final = GoogleAssignment("", "", "")
_ROLES: Final = Thing(VENDOR, "roles", (*MINE, "roles"), listed(GoogleRole))
_OF: Final = Thing(
    VENDOR,
    "user/{user}/roles",
    (*MINE, "roleassignments"),
    listed(GoogleAssignment),
    query=(("userKey", "{user}"), ("includeIndirectRoleAssignments", "true")),
    evidence=KEPT,
)
_ONE: Final = Thing(
    VENDOR,
    "assignment/{id}",
    (*MINE, "roleassignments", "{id}"),
    one(GoogleAssignment),
    gone=_NONE,
)
_ALL: Final = Thing(VENDOR, "assignments", (*MINE, "roleassignments"), listed(GoogleAssignment))


class _Found(Frozen):
    id: str = at("id")


_SUPERS: Final = Thing(
    VENDOR,
    "super-admins",
    (*PEOPLE, "users"),
    listed(_Found, "users"),
    query=(("customer", "my_customer"), ("query", "isAdmin=true"), ("maxResults", "500")),
)


def assignments_of(me: Me, user: str) -> Looking[tuple[GoogleAssignment, ...]]:
    """All roles of an account, those that come of a group too."""
    return (yield from _OF.of(me.connection, user=user))


def role_names(me: Me) -> Looking[dict[str, GoogleRole]]:
    """The roles that there are, by id."""
    return {role.id: role for role in (yield from _ROLES.of(me.connection))}


def keep_a_google_admin(me: Me, user: GoogleUser) -> Looking[None]:
    """Refuse to lose the last super administrator who could act; emergency accounts do not count.

    Nor does the account that we act as: nobody signs in with it. Whether Google itself would
    refuse, nobody has confirmed. The search finds ids; what they are is read by id.
    """
    if not user.super_admin:
        return
    hits = yield from _SUPERS.of(me.connection)
    users = yield from gather(USER.of(me.connection, user=each.id) for each in hits)
    suspects = (each.casefold() for each in (*me.suspects, me.subject) if each)
    kept = {acts_as(me), *suspects, *emergency_names(me)}
    others = [
        each.email
        for each in users
        if each.super_admin
        and not each.suspended
        and not each.archived
        and each.id != user.id
        and not {name.casefold() for name in each.names} & kept
    ]
    do = "make somebody else a super admin first"
    keep_an_administrator(me, user.email, others, do=do)


# --- who they are -------------------------------------------------------------------------------


class GoogleAdmin(Frozen):
    """Who has a role. ``email`` is empty for a group or a service account; ``roles`` are names.

    Attributes:
        role_ids: Of the same roles, in the same order.
    """

    id: str
    email: str
    kind: str
    state: str
    roles: tuple[str, ...]
    is_super: bool
    role_ids: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        named = zip(self.roles, self.role_ids, strict=True)
        roles = ", ".join(f"{name} {role}" for name, role in named)
        return f"{self.email or f'{self.kind} {self.id}'}: {roles}"


class GoogleAdmins(Frozen):
    """The administrators, and how many super administrators could act."""

    admins: tuple[GoogleAdmin, ...]
    able: int


@action(
    "google.list_admins",
    effect=Effect.READS,
    output=GoogleAdmins,
    source="Directory API, roleAssignments.list, roles.list and users.get",
)
class ListGoogleAdmins(Frozen):
    """Read who has an administrator role, and which; groups with a role are named as such."""

    def run(self, me: Me) -> Script[GoogleAdmins]:
        given, names = yield from both(_ALL.of(me.connection), role_names(me))
        ids = tuple(dict.fromkeys(each.to for each in given))
        groups = {each.to for each in given if each.is_of_group}
        users = dict(
            zip(
                [each for each in ids if each not in groups],
                (
                    yield from gather(
                        USER.of(me.connection, user=each) for each in ids if each not in groups
                    )
                ),
                strict=True,
            )
        )
        admins = tuple(_admin(each, users.get(each), given, names) for each in ids)
        able = sum(each.is_super and each.state == "active" for each in admins)
        return Done(
            GoogleAdmins(admins, able),
            says=f"{len(admins)} administrators, {able} of them super admins who can sign in",
            findings=tuple(each.says for each in admins),
        )


def _admin(
    whose: str,
    user: GoogleUser | None,
    given: tuple[GoogleAssignment, ...],
    names: dict[str, GoogleRole],
) -> GoogleAdmin:
    own = [each for each in given if each.to == whose]
    ids = tuple(each.role for each in own)
    roles = tuple(names[role].name if role in names else role for role in ids)
    is_super = any(e.role in names and names[e.role].is_super for e in own)
    if user is None:
        return GoogleAdmin(whose, "", "group", "", roles, is_super, ids)
    if not user.id:
        return GoogleAdmin(whose, "", "service account", "", roles, is_super, ids)
    return GoogleAdmin(whose, user.email, "user", user.state, roles, is_super, ids)


# --- taking one away ----------------------------------------------------------------------------


class GoogleRoleGone(Frozen):
    """The id of the role that they do not have now."""

    role: str


def remove_google_roles(
    me: Me,
    user: GoogleUser,
    given: tuple[GoogleAssignment, ...],
    chosen: tuple[GoogleAssignment, ...],
    names: dict[str, GoogleRole],
) -> Generator[Any, Any, None]:
    """Take these roles of those that somebody has; what gives one back knows where it held.

    Raises:
        GuardRefusedError: Who has them must stay an administrator.
    """
    spare_account(me, user, "remove a role of")
    if any(each.role not in names or names[each.role].is_super for each in chosen):
        yield from keep_a_google_admin(me, user)
    seen = yield from gather(_ONE.of(me.connection, id=each.id) for each in chosen)
    for each in seen:
        if each.id:
            given = tuple(other for other in given if other.id != each.id)
            yield from _removal(me, user, each, given, names)


def _removal(
    me: Me,
    user: GoogleUser,
    taken: GoogleAssignment,
    left: tuple[GoogleAssignment, ...],
    names: dict[str, GoogleRole],
) -> Write[None]:
    name = names[taken.role].name if taken.role in names else taken.role
    back = {
        "user": user.id,
        "role": taken.role,
        "unit": taken.unit,
        "condition": taken.condition,
        "expires": taken.expires,
    }
    write = change(
        me,
        _ONE,
        taken,
        lambda _: _NONE,
        ending(me, *MINE, "roleassignments", taken.id),
        ids={"id": taken.id},
        says=f"remove {name} of {user.email}",
        verb="remove",
        target=user.email,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time it answers that there is no such assignment.
        undo=Undo("google.assign_role", back),
        breaks=f"{user.email} is no {name} any more.",
    )
    supers = [each for each in left if each.role in names and names[each.role].is_super]
    of_user = Becomes(
        _OF.subject(me.connection, user=user.id),
        lambda now: tuple(each for each in now if each.id != taken.id),
    )
    account = Becomes(
        USER.subject(me.connection, user=user.id),
        lambda now: replace(now, super_admin=bool(supers), delegated_admin=len(left) > len(supers)),
    )
    return replace(write, becomes=(*write.becomes, of_user, account))


@action(
    "google.remove_role",
    effect=Effect.DESTROYS,
    output=GoogleRoleGone,
    source="Directory API, roleAssignments.delete",
    by_hand=(
        "Open Directory, Users, the person, Admin roles and privileges. Take the role away.",
        BY_HAND,
    ),
)
class RemoveGoogleRole(OnGoogleUser):
    """Take an administrator role away from an account, wherever it holds.

    Attributes:
        role: Its id, from ``google.list_admins``, or its name.
        unit: Only where it holds in this unit.
        everywhere: Only where it holds everywhere, and not in a unit alone.
    """

    role: str
    unit: str = ""
    everywhere: bool = False

    def __post_init__(self) -> None:
        OnGoogleUser.__post_init__(self)
        one_line("role", self.role)
        if self.unit and self.everywhere:
            raise ArgumentError("a role holds in a unit or everywhere: give one of both")

    def run(self, me: Me) -> Script[GoogleRoleGone]:
        user, (given, names) = yield from both(
            account_of(me, self.user), both(assignments_of(me, self.user), role_names(me))
        )
        ids = {role.id for role in names.values() if self.role in (role.id, role.name)}
        if not ids and self.role not in {each.role for each in given}:
            raise GuardRefusedError(
                f"there is no role {showable(self.role, limit=60)}",
                why="the console's name of a role is another: a super admin has _SEED_ADMIN_ROLE",
                do="take it of google.list_admins",
            )
        fitting = tuple(
            e
            for e in given
            if e.role in {*ids, self.role}
            and self.unit in ("", e.unit)
            and not (self.everywhere and e.unit)
        )
        if any(each.is_of_group for each in fitting):
            raise GuardRefusedError(
                f"{self.role} of {user.email} comes of a group",
                why="it is the group's, and goes only with the membership",
                do="take them out of the group with google.leave_group",
            )
        place = f" in unit {self.unit}" if self.unit else " everywhere" if self.everywhere else ""
        if fitting:
            yield from remove_google_roles(me, user, given, fitting, names)
        return Done(GoogleRoleGone(self.role), says=f"{user.email} has no role {self.role}{place}")


# --- giving one ---------------------------------------------------------------------------------


class GoogleRoleGiven(Frozen):
    """The id of the role that they have now."""

    role: str


def _given(reply: Reply) -> None:
    """Nothing; or that it was there already, which Google answers with a 500.

    Raises:
        MalformedReplyError: Another 500: nobody knows.
    """
    if reply.status < _SERVER_ERROR:
        return no_answer(reply)
    says = str(dig(reply.body, "error.message") or "")
    if not says.casefold().startswith(_HERE_ALREADY):
        raise MalformedReplyError(f"Google answered {reply.status} to a role that was to be given")
    return None


@action(
    "google.assign_role",
    effect=Effect.WRITES,
    output=GoogleRoleGiven,
    source="Directory API, roleAssignments.insert",
)
class AssignGoogleRole(OnGoogleUser):
    """Give an account an administrator role; the assignment has a new id.

    Attributes:
        role: Its id.
        unit: Id of the unit that it holds in; empty: everywhere.
        condition: Under which condition, in Google's words.
        expires: Until when, as Google writes a moment; empty: for good.
    """

    role: str
    unit: str = ""
    condition: str = ""
    expires: str = ""

    def __post_init__(self) -> None:
        OnGoogleUser.__post_init__(self)
        if not self.role.isdecimal():
            raise ArgumentError("role must be an id of Google's such as 3894208461012993")

    def run(self, me: Me) -> Script[GoogleRoleGiven]:
        user, (given, names) = yield from both(
            account_of(me, self.user), both(assignments_of(me, self.user), role_names(me))
        )
        there = any(
            (each.role, each.unit, each.is_of_group) == (self.role, self.unit, False)
            for each in given
        )
        name = names[self.role].name if self.role in names else self.role
        if not there:
            yield from self._assignment(me, user, given, name)
        return Done(GoogleRoleGiven(self.role), says=f"{user.email} is {name}")

    def _assignment(
        self, me: Me, user: GoogleUser, given: tuple[GoogleAssignment, ...], name: str
    ) -> Generator[Any, Any, None]:
        scope = "ORG_UNIT" if self.unit else "CUSTOMER"
        new = GoogleAssignment("", self.role, self.user, "user", scope, self.unit, self.condition)
        body: dict[str, Any] = {"roleId": self.role, "assignedTo": self.user, "scopeType": scope}
        more = {"orgUnitId": self.unit, "condition": self.condition}
        body |= {key: value for key, value in more.items() if value}
        if self.expires:
            body["expirationDetails"] = {"expireTime": self.expires}
        call = ask(
            me,
            "POST",
            *MINE,
            "roleassignments",
            body=body,
            answers=frozenset({_SERVER_ERROR}),
        )
        yield from change(
            me,
            _OF,
            given,
            lambda now: (*now, new),
            Api(call, _given),
            ids={"user": self.user},
            says=f"make {user.email} {name}{f' in unit {self.unit}' if self.unit else ''}",
            verb="add",
            target=user.email,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # The second time it answers that the assignment exists.
            undo=Undo("google.remove_role", {"user": self.user, "role": self.role,
                                             "unit": self.unit, "everywhere": not self.unit}),
        )  # fmt: skip


ACTIONS: tuple[type, ...] = (ListGoogleAdmins, RemoveGoogleRole, AssignGoogleRole)
