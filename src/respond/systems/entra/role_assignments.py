"""Administrators of Entra: who they are, by groups and as eligible too; taking and giving a role.

Source: Microsoft Graph v1.0, roleManagement: roleAssignments, roleEligibilityScheduleInstances;
directoryRoles. Assignments are listed for one principal or one role, never all. Groups with a role
cannot be nested. Who is eligible only can make it active at any time (PIM).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    Looking,
    Me,
    Reply,
    Script,
    Undo,
    action,
    both,
    gather,
)
from respond.systems.arguments import ArgumentError
from respond.systems.entra.tenant_users import (
    ENTRA_USER,
    EntraUser,
    OnEntraUser,
    seen_entra_user,
    spare_entra_user,
)
from respond.systems.entra.vendor import (
    GLOBAL_ADMIN,
    VENDOR,
    about,
    ask,
    check_guid,
    ending,
    or_words,
)
from respond.systems.guards import GuardRefusedError, emergency_names, keep_an_administrator
from respond.systems.rest import KEPT, Thing, at, change, no_answer, one, rows

__all__ = [
    "ACTIONS", "GROUP_MEMBERS", "OF_PRINCIPAL", "AssignEntraRole", "EntraAdmin",
    "EntraAdmins", "EntraRole", "HeldRoles", "ListEntraAdmins", "RemoveEntraRole", "held_roles",
    "keep_a_global_admin", "remove_roles", "roles_of_groups", "why_perhaps_refused",
]  # fmt: skip

_RM: Final = ("roleManagement", "directory")
_THERE: Final = "conflicting object"
_PRIVILEGED_AUTH: Final = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
_USER_ADMIN: Final = "fe930be7-5e62-47db-91af-98c3a49a38b1"
_LESSER: Final = frozenset(
    {
        _USER_ADMIN,
        "729827e3-9c14-49f7-bb1b-9608f156bbb8",  # Helpdesk
        "966707d0-3269-4727-9be2-8c3a10f19b9d",  # Password
        "fdd7a751-b60b-444a-984c-02652fe8fa1c",  # Groups
    }
)
"""Roles whose holders a User Administrator may touch. Source: user resource, sensitive actions."""


_ENDS_ANYWAY: Final = (
    " It was active for a time (PIM): it has no way back, since it would be theirs for good then."
)


class EntraRole(Frozen):
    """One assignment of a role.

    Attributes:
        id: Of the assignment; opaque.
        role: Id of the role's definition.
        scope: ``/`` for the whole tenant, or a part of it.
        kind: What the principal is: ``user``, ``group`` or ``servicePrincipal``, where expanded.
    """

    id: str = at("id")
    role: str = at("roleDefinitionId", limit=60)
    principal: str = at("principalId", limit=60)
    scope: str = at("directoryScopeId", default="")
    app_scope: str = at("appScopeId", default="")
    name: str = at("roleDefinition.displayName", default="")
    kind: str = at("principal.@odata.type", limit=80, default="")
    who: str = at("principal.userPrincipalName", default="")
    called_so: str = at("principal.displayName", default="")

    @property
    def called(self) -> str:
        """The role's name, and of which part of the tenant."""
        part = "" if self.scope == "/" else f" of {self.scope or self.app_scope}"
        return f"{self.name or self.role}{part}"

    @property
    def is_global(self) -> bool:
        return self.role == GLOBAL_ADMIN and self.scope == "/"


class _Group(Frozen):
    id: str = at("id")
    name: str = at("displayName", default="")
    kind: str = at("@odata.type", limit=80, default="")
    is_assignable: bool = at("isAssignableToRole", default=False)

    @property
    def may_have_roles(self) -> bool:
        """Of what we may not read, Graph tells kind and id alone; every group has a name."""
        return self.is_assignable or (self.kind.endswith(".group") and not self.name)


class _Member(Frozen):
    id: str = at("id")
    kind: str = at("@odata.type", limit=80, default="")


class _InUse(Frozen):
    role: str = at("roleTemplateId", limit=60)
    name: str = at("displayName", default="")


class _Scheduled(Frozen):
    role: str = at("roleDefinitionId", limit=60)
    scope: str = at("directoryScopeId", default="")
    how: str = at("assignmentType", limit=20, default="")
    until: str = at("endDateTime", limit=40, default="")

    @property
    def is_for_a_time(self) -> bool:
        return self.how == "Activated" or bool(self.until)


class _Definition(Frozen):
    role: str = at("id", limit=60)
    name: str = at("displayName", default="")


_ASSIGNED: Final = (*_RM, "roleAssignments")
_ELIGIBLE: Final = (*_RM, "roleEligibilityScheduleInstances")
_BY_PRINCIPAL: Final = (
    ("$filter", "principalId eq '{principal}'"),
    ("$expand", "roleDefinition"),
)
OF_PRINCIPAL: Final = Thing(
    VENDOR,
    "principal/{principal}/roles",
    _ASSIGNED,
    rows(EntraRole, "value"),
    query=_BY_PRINCIPAL,
    evidence=KEPT,
)
_COULD_BE: Final = Thing(
    VENDOR,
    "principal/{principal}/eligible-roles",
    _ELIGIBLE,
    rows(EntraRole, "value"),
    query=_BY_PRINCIPAL,
)
_SCHEDULED: Final = Thing(
    VENDOR,
    "principal/{principal}/scheduled-roles",
    (*_RM, "roleAssignmentScheduleInstances"),
    rows(_Scheduled, "value"),
    query=(("$filter", "principalId eq '{principal}'"),),
)
_OF_ROLE: Final = Thing(
    VENDOR,
    "role/{role}/assignments",
    _ASSIGNED,
    rows(EntraRole, "value"),
    query=(("$filter", "roleDefinitionId eq '{role}'"), ("$expand", "principal")),
)
_ALL_ELIGIBLE: Final = Thing(
    VENDOR, "eligible-roles", _ELIGIBLE, rows(EntraRole, "value"), query=(("$expand", "principal"),)
)
_IN_USE: Final = Thing(VENDOR, "roles-in-use", ("directoryRoles",), rows(_InUse, "value"))
_CUSTOM: Final = Thing(
    VENDOR,
    "custom-roles",
    (*_RM, "roleDefinitions"),
    rows(_Definition, "value"),
    query=(("$filter", "isBuiltIn eq false"),),
)
_ROLE: Final = Thing(
    VENDOR, "role/{role}", (*_RM, "roleDefinitions", "{role}"), one(_Definition),
    gone=_Definition(""),
)  # fmt: skip
_GROUPS: Final = Thing(
    VENDOR, "user/{user}/groups", ("users", "{user}", "memberOf"), rows(_Group, "value")
)
GROUP_MEMBERS: Final = Thing(
    VENDOR, "group/{group}/members", ("groups", "{group}", "members"), rows(_Member, "value")
)
_OURS: Final = Thing(
    VENDOR,
    "application-we-are/{app}",
    ("servicePrincipals",),
    rows(_Group, "value"),
    query=(("$filter", "appId eq '{app}'"),),
)


def _held(role: str, scope: str) -> Thing[bool]:
    """Whether somebody has this role there: a thing for each, since each is written by itself."""

    def parse(replies: Sequence[Reply]) -> bool:
        return any((each.role, each.scope) == (role, scope) for each in OF_PRINCIPAL.parse(replies))

    name = f"principal/{{principal}}/role/{role}/at{scope}"
    return Thing(VENDOR, name, _ASSIGNED, parse, query=_BY_PRINCIPAL)


# --- who has what -------------------------------------------------------------------------------


class HeldRoles(Frozen):
    """The roles of one user.

    Attributes:
        by_group: Name of the group, and the role that comes of it.
        eligible: Roles that they can make active themselves.
        unseen: Why it is not known what they are eligible for; empty: it is.
    """

    own: tuple[EntraRole, ...]
    by_group: tuple[tuple[str, EntraRole], ...]
    eligible: tuple[EntraRole, ...] = ()
    unseen: str = ""

    @property
    def active(self) -> tuple[EntraRole, ...]:
        return (*self.own, *(role for _, role in self.by_group))


def held_roles(me: Me, user: str) -> Looking[HeldRoles]:
    """All roles of a user: their own, those of groups, and those that they could make active."""
    why: list[str] = []

    def noted(says: str) -> tuple[EntraRole, ...]:
        why.append(says)
        return ()

    own, by_group = yield from both(
        OF_PRINCIPAL.of(me.connection, principal=user), roles_of_groups(me.connection, user)
    )
    groups = yield from _GROUPS.of(me.connection, user=user)
    could = yield from gather(
        _COULD_BE.of(me.connection, or_else=noted, principal=each)
        for each in (user, *(group.id for group in groups if group.may_have_roles))
    )
    eligible = tuple(role for each in could for role in each)
    return HeldRoles(own, by_group, eligible, why[0] if why else "")


def roles_of_groups(
    connection: Connection, user: str, *, or_else: Callable[[str], tuple[Any, ...]] | None = None
) -> Looking[tuple[tuple[str, EntraRole], ...]]:
    """Roles that come of groups: the group's name, and the role."""
    groups = yield from _GROUPS.of(connection, or_else=or_else, user=user)
    assignable = [each for each in groups if each.may_have_roles]
    of_groups = yield from gather(
        OF_PRINCIPAL.of(connection, or_else=or_else, principal=each.id) for each in assignable
    )
    return tuple(
        (group.name or group.id, role)
        for group, roles in zip(assignable, of_groups, strict=True)
        for role in roles
    )


def _users_of(me: Me, roles: Sequence[EntraRole]) -> Looking[tuple[tuple[EntraRole, str], ...]]:
    """Each assignment with the ids of the users who have it, groups taken apart."""
    groups = sorted({role.principal for role in roles if role.kind.endswith(".group")})
    listed = yield from gather(GROUP_MEMBERS.of(me.connection, group=each) for each in groups)
    members = dict(zip(groups, listed, strict=True))
    found: list[tuple[EntraRole, str]] = []
    for role in roles:
        if role.principal in members:
            found += [
                (role, each.id) for each in members[role.principal] if each.kind.endswith(".user")
            ]
        elif role.kind.endswith(".user"):
            found.append((role, role.principal))
    return tuple(found)


def keep_a_global_admin(me: Me, user: EntraUser, roles: Sequence[EntraRole]) -> Looking[None]:
    """Refuse to lose the last Global Administrator who could act; emergency accounts do not count.

    Nor do guests, service principals, and who is only eligible. What Graph itself answers for the
    last one nobody has confirmed.
    """
    if not any(role.is_global for role in roles):
        return
    assigned = yield from _OF_ROLE.of(me.connection, role=GLOBAL_ADMIN)
    pairs = yield from _users_of(me, [role for role in assigned if role.is_global])
    ids = tuple(dict.fromkeys(each for _, each in pairs if each != user.id))
    seen = yield from gather(ENTRA_USER.of(me.connection, user=each) for each in ids)
    kept = emergency_names(me)
    suspect = [each for each in (*me.suspects, me.subject) if each]
    others = [
        each.email or each.login
        for each in seen
        if each.is_enabled and each.kind != "Guest" and not each.is_called(*kept, *suspect)
    ]
    do = "make somebody else a Global Administrator first"
    keep_an_administrator(me, user.email or user.login, others, do=do)


def why_perhaps_refused(me: Me, user: EntraUser, held: HeldRoles) -> Looking[tuple[str, ...]]:
    """That Entra may refuse to touch this administrator, since we have no sufficient role.

    A word for the plan and no guard: the table knows no custom roles, and Entra decides.
    Source: Microsoft Graph v1.0, user resource, "Who can perform sensitive actions".
    """
    own = str(me.connection.options.get("client_id", ""))
    if not held.active or not own:
        return ()
    ours = yield from _OURS.of(me.connection, or_else=lambda _: (), app=own)
    roles = yield from gather(
        OF_PRINCIPAL.of(me.connection, or_else=lambda _: (), principal=each.id) for each in ours
    )
    enough = {GLOBAL_ADMIN, _PRIVILEGED_AUTH}
    if not held.by_group and {role.role for role in held.own} <= _LESSER:
        enough.add(_USER_ADMIN)
    if any(role.role in enough and role.scope == "/" for each in roles for role in each):
        return ()
    names = ", ".join(role.called for role in held.active)
    says = (
        f"{user.login} is {names}: if Entra refuses, give the service principal of respond the "
        "role Privileged Authentication Administrator, or do it by hand"
    )
    return (says,)


class EntraAdmin(Frozen):
    """Somebody, or something, with a role.

    Attributes:
        role: Its name, and of which part of the tenant.
        how: ``active`` or ``eligible``; with the group that it comes of.
        role_id: Id of the role's definition, as ``entra.remove_role`` takes it.
    """

    id: str
    login: str
    role: str
    how: str
    role_id: str = ""


class EntraAdmins(Frozen):
    """The administrators, and how many Global Administrators are there by an active role."""

    admins: tuple[EntraAdmin, ...]
    able: int


@action(
    "entra.list_admins",
    effect=Effect.READS,
    output=EntraAdmins,
    source="Microsoft Graph v1.0, GET /directoryRoles, /roleManagement/directory/roleAssignments "
    "and .../roleEligibilityScheduleInstances",
)
class ListEntraAdmins(Frozen):
    """Read who has an administrator's role, by groups and as eligible too."""

    def run(self, me: Me) -> Script[EntraAdmins]:
        why: list[str] = []

        def noted(says: str) -> tuple[EntraRole, ...]:
            why.append(says)
            return ()

        built_in, custom = yield from both(_IN_USE.of(me.connection), _CUSTOM.of(me.connection))
        names = {each.role: each.name for each in built_in}
        names |= {each.role: each.name for each in custom}
        lists, eligible = yield from both(
            gather(_OF_ROLE.of(me.connection, role=each) for each in names),
            _ALL_ELIGIBLE.of(me.connection, or_else=noted),
        )
        active = tuple(role for each in lists for role in each)
        pairs = yield from _users_of(me, (*active, *eligible))
        ids = tuple(dict.fromkeys(user for _, user in pairs))
        seen = yield from gather(ENTRA_USER.of(me.connection, user=each) for each in ids)
        users = {str(user.id): user for user in seen if user.id}
        admins = [
            EntraAdmin(
                user,
                users[user].login,
                replace(role, name=names.get(role.role, "")).called,
                _how(role, eligible),
                role.role,
            )
            for role, user in pairs
            if user in users
        ]
        admins += [
            EntraAdmin(
                role.principal,
                role.called_so,
                replace(role, name=names.get(role.role, "")).called,
                "active, a service principal",
                role.role,
            )
            for role in active
            if role.kind.endswith(".servicePrincipal")
        ]
        able = {
            user
            for role, user in pairs
            if role.is_global and role in active and user in users and users[user].is_enabled
        }
        says = f"{len(admins)} assignments, {len(able)} Global Administrators who can sign in"
        lines = tuple(f"{each.login}: {each.role} {each.role_id} ({each.how})" for each in admins)
        unseen = tuple(f"UNSEEN: who is eligible: {each}" for each in why[:1])
        return Done(EntraAdmins(tuple(admins), len(able)), says=says, findings=(*lines, *unseen))


def _how(role: EntraRole, eligible: Sequence[EntraRole]) -> str:
    word = "eligible" if role in eligible else "active"
    return f"{word}, by {role.called_so}" if role.kind.endswith(".group") else word


# --- taking and giving --------------------------------------------------------------------------


class EntraRolesLeft(Frozen):
    """What a person has to take by hand: roles of groups, and roles that can be made active."""

    left: tuple[str, ...]


def _for_a_time(me: Me, user: EntraUser, held: HeldRoles) -> Looking[frozenset[tuple[str, str]]]:
    """Role and scope of what is active for a time (PIM); where that is unseen, of what may be."""
    seen = yield from _SCHEDULED.of(me.connection, or_else=lambda _: (), principal=user.id)
    told = {(each.role, each.scope) for each in seen if each.is_for_a_time}
    return frozenset(told | {(each.role, each.scope) for each in held.eligible})


def remove_roles(
    me: Me, user: EntraUser, own: Sequence[EntraRole], for_a_time: frozenset[tuple[str, str]]
) -> Generator[Any, Any, None]:
    """Take these of a user's own roles away; what gives one back has the same three ids.

    Args:
        for_a_time: Role and scope of those that would come back for good, and so do not.
    """
    yield from gather(
        _held(role.role, role.scope).of(me.connection, principal=user.id) for role in own
    )
    spare_entra_user(me, user, "take a role of")
    yield from keep_a_global_admin(me, user, own)
    for role in own:
        back = {"user": user.id, "role": role.role, "scope": role.scope}
        is_for_a_time = (role.role, role.scope) in for_a_time
        write = change(
            me,
            _held(role.role, role.scope),
            seen=True,
            after=lambda _: False,
            hands=ending(me, *_ASSIGNED, role.id),
            ids={"principal": user.id},
            says=f"take the role {role.called} of {user.login}",
            verb="take",
            target=user.login,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # The second time there is no such assignment.
            undo=None if is_for_a_time else Undo("entra.assign_role", back),
            breaks=f"{user.login} is no {role.called} any more."
            + (_ENDS_ANYWAY if is_for_a_time else ""),
        )
        lists = _in_lists(me, role, partial(_without, gone=role.id))
        yield from replace(write, becomes=(*write.becomes, *lists))


def _without(now: tuple[EntraRole, ...], gone: str) -> tuple[EntraRole, ...]:
    return tuple(each for each in now if each.id != gone)


def _in_lists(
    me: Me, role: EntraRole, after: Callable[[tuple[EntraRole, ...]], tuple[EntraRole, ...]]
) -> tuple[Becomes[Any], ...]:
    """What becomes of the lists in which an assignment stands."""
    subjects = (
        OF_PRINCIPAL.subject(me.connection, principal=role.principal),
        _OF_ROLE.subject(me.connection, role=role.role),
    )
    return tuple(Becomes(subject, after) for subject in subjects)


def for_hands(user: EntraUser, held: HeldRoles) -> tuple[str, ...]:
    """What of a user's roles no request of ours takes."""
    return (
        *(
            f"{role.called} of {user.login} comes of the group {group}: take them out of it"
            for group, role in held.by_group
        ),
        *(
            f"{user.login} can make {role.called} active: remove the eligible assignment in the "
            "Entra admin center, Privileged Identity Management"
            for role in held.eligible
        ),
        *(
            (f"what {user.login} is eligible for is not known: {held.unseen}",)
            if held.unseen
            else ()
        ),
    )


@action(
    "entra.remove_role",
    effect=Effect.DESTROYS,
    output=EntraRolesLeft,
    source="Microsoft Graph v1.0, DELETE /roleManagement/directory/roleAssignments/{id}",
    by_hand=(
        "Open Roles & admins, the role. Choose the person, Remove assignments.",
        "https://entra.microsoft.com",
    ),
)
class RemoveEntraRole(OnEntraUser):
    """Take administrators' roles of a user; those of groups and eligible ones are left to hands.

    Attributes:
        role: Id of the role's definition; empty: all that are theirs.
        scope: Of which part of the tenant, as for ``entra.assign_role``; empty: wherever.
    """

    role: str = ""
    scope: str = ""

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        if self.role:
            check_guid("role", self.role)

    def run(self, me: Me) -> Script[EntraRolesLeft]:
        user = yield from seen_entra_user(me, self.user)
        held = yield from held_roles(me, self.user)
        own = [
            each
            for each in held.own
            if self.role in ("", each.role) and self.scope in ("", each.scope)
        ]
        if self.role and not own:
            role = yield from _ROLE.of(me.connection, role=self.role)
            if not role.role:
                raise GuardRefusedError(
                    f"there is no role {self.role}",
                    why="the id of its definition is meant, not that of an activated role",
                    do="take it of entra.list_admins, or the role's Template ID in Roles & admins",
                )
        if own:
            for_a_time = yield from _for_a_time(me, user, held)
            yield from remove_roles(me, user, own, for_a_time)
        left = for_hands(user, held)
        says = f"{user.login} has no role of their own" if not self.role else "the role is taken"
        return Done(EntraRolesLeft(left), says=says, findings=left, proved=not left)


class EntraRoleGiven(Frozen):
    """Which role the user has now."""

    role: str
    scope: str


@action(
    "entra.assign_role",
    effect=Effect.WRITES,
    output=EntraRoleGiven,
    source="Microsoft Graph v1.0, POST /roleManagement/directory/roleAssignments",
)
class AssignEntraRole(OnEntraUser):
    """Give a user an administrator's role.

    Attributes:
        role: Id of the role's definition.
        scope: ``/``, ``/administrativeUnits/{id}`` or ``/{id of an application}``.
    """

    role: str
    scope: str = "/"

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        check_guid("role", self.role)
        if not self.scope.startswith("/") or "'" in self.scope:
            raise ArgumentError("scope must be / or a path that begins with it")

    def run(self, me: Me) -> Script[EntraRoleGiven]:
        user = yield from seen_entra_user(me, self.user)
        thing = _held(self.role, self.scope)
        given = EntraRoleGiven(self.role, self.scope)
        if (yield from thing.of(me.connection, principal=self.user)):
            return Done(given, says=f"{user.login} has the role already")
        body = about(
            "unifiedRoleAssignment",
            roleDefinitionId=self.role,
            principalId=self.user,
            directoryScopeId=self.scope,
        )
        call = ask(me, "POST", *_ASSIGNED, body=body, answers=frozenset({400, 409}))
        new = EntraRole("foretold", self.role, self.user, self.scope, kind="#microsoft.graph.user")
        write = change(
            me,
            thing,
            seen=False,
            after=lambda _: True,
            hands=Api(call, or_words(no_answer, _THERE, means=None)),
            ids={"principal": self.user},
            says=f"give {user.login} the role {self.role}",
            verb="give",
            target=user.login,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # The second time it conflicts with the first.
            undo=Undo(
                "entra.remove_role", {"user": self.user, "role": self.role, "scope": self.scope}
            ),
        )
        lists = _in_lists(me, new, lambda now: (*now, new))
        yield from replace(write, becomes=(*write.becomes, *lists))
        return Done(given, says=f"{user.login} has the role")


ACTIONS: tuple[type, ...] = (ListEntraAdmins, RemoveEntraRole, AssignEntraRole)
