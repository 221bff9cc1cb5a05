"""Applications in Entra: who is assigned to one, taking it away, and giving it back.

Source: Microsoft Graph v1.0, appRoleAssignment. An assignment that is made again has a new id. One
of a group stands with the group, and not with its members. That an assignment is gone already is
said with 400 and a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Api, Done, Effect, Looking, Me, Reply, Script, Undo, action, gather
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.entra.role_assignments import GROUP_MEMBERS
from respond.systems.entra.tenant_users import OnEntraUser, seen_entra_user, spare_entra_user
from respond.systems.entra.vendor import VENDOR, about, ask, check_guid, or_words, quoted
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, no_answer, one, rows

__all__ = [
    "ACTIONS", "PRINCIPAL", "AssignEntraApp", "EntraApp", "EntraAppRole", "EntraAppRoles",
    "FindEntraApp", "OnEntraApp", "UnassignEntraApp", "WhoHasEntraApp",
]  # fmt: skip

_PLAIN: Final = "00000000-0000-0000-0000-000000000000"
"""The role of an application that has none."""
_GONE: Final = "EntitlementGrant being updated or deleted is not found"
_THERE: Final = "already exists"


class EntraApp(Frozen):
    """An application as the tenant has it, its service principal; without an id there is none.

    Attributes:
        app_id: The application's own id ("client id"), which is the same in every tenant.
    """

    id: str = at("id", limit=60)
    app_id: str = at("appId", limit=60, default="")
    name: str = at("displayName", default="")
    is_enabled: bool = at("accountEnabled", default=False)


class EntraAppRole(Frozen):
    """An assignment to an application."""

    id: str = at("id")
    principal: str = at("principalId", limit=60, default="")
    name: str = at("principalDisplayName", default="")
    kind: str = at("principalType", limit=40, default="")
    app: str = at("resourceId", limit=60, default="")
    app_name: str = at("resourceDisplayName", default="")
    role: str = at("appRoleId", limit=60, default=_PLAIN)


NO_APP: Final = EntraApp("")
PRINCIPAL: Final = Thing(
    VENDOR, "application/{app}", ("servicePrincipals", "{app}"), one(EntraApp), gone=NO_APP
)
_CALLED: Final = Thing(
    VENDOR,
    "applications-called/{name}",
    ("servicePrincipals",),
    rows(EntraApp, "value"),
    query=(("$filter", "displayName eq '{name}'"),),
)
HAVE_APP: Final = Thing(
    VENDOR,
    "application/{app}/assignments",
    ("servicePrincipals", "{app}", "appRoleAssignedTo"),
    rows(EntraAppRole, "value"),
)
_OF_USER: Final = Thing(
    VENDOR,
    "user/{user}/applications",
    ("users", "{user}", "appRoleAssignments"),
    rows(EntraAppRole, "value"),
)


def _has(app: str, role: str) -> Thing[bool]:
    """Whether a user has this application in this role: a thing for each."""

    def parse(replies: Sequence[Reply]) -> bool:
        return any(
            (each.app, each.role, each.kind) == (app, role, "User")
            for each in _OF_USER.parse(replies)
        )

    return Thing(VENDOR, f"user/{{user}}/application/{app}/{role}", _OF_USER.path, parse)


class OnEntraApp(Frozen):
    """An action on an application. Attributes: app: Object id of its service principal."""

    app: str

    def __post_init__(self) -> None:
        check_guid("app", self.app)


@action(
    "entra.find_app",
    effect=Effect.READS,
    output=EntraApp,
    source="Microsoft Graph v1.0, GET /servicePrincipals",
)
class FindEntraApp(Frozen):
    """Find an application of the tenant by its name. None is an answer: ``id`` is empty then.

    Attributes:
        name: As it stands under Enterprise applications.
    """

    name: str

    def __post_init__(self) -> None:
        one_line("name", self.name)

    def run(self, me: Me) -> Script[EntraApp]:
        seen = yield from _CALLED.of(me.connection, name=quoted(self.name))
        if len(seen) > 1:
            raise GuardRefusedError(
                f"{len(seen)} applications are called {showable(self.name, limit=100)}: "
                + ", ".join(each.id for each in seen[:5]),
                do="give the id of the one that is meant",
            )
        found = seen[0] if seen else NO_APP
        says = f"{found.name} is {found.id}" if found.id else "no such application"
        return Done(found, says=says)


class EntraAppRoles(Frozen):
    """Who has an application; a group stands for its members."""

    assigned: tuple[EntraAppRole, ...]


@action(
    "entra.who_has_app",
    effect=Effect.READS,
    output=EntraAppRoles,
    source="Microsoft Graph v1.0, GET /servicePrincipals/{id}/appRoleAssignedTo",
)
class WhoHasEntraApp(OnEntraApp):
    """Read who is assigned to an application, groups too."""

    def run(self, me: Me) -> Script[EntraAppRoles]:
        seen = yield from HAVE_APP.of(me.connection, app=self.app)
        lines = tuple(f"{each.name} ({each.kind or 'unknown'})" for each in seen)
        return Done(EntraAppRoles(seen), says=f"{len(seen)} assignments", findings=lines)


def _by_groups(me: Me, user: str, app: str) -> Looking[tuple[str, ...]]:
    """The groups by which a user has an application."""
    listed = yield from HAVE_APP.of(me.connection, app=app)
    groups = [each for each in listed if each.kind == "Group"]
    members = yield from gather(GROUP_MEMBERS.of(me.connection, group=g.principal) for g in groups)
    return tuple(
        group.name
        for group, inside in zip(groups, members, strict=True)
        if user in {each.id for each in inside}
    )


class _OnAppOfUser(OnEntraUser):
    """Attributes: app: Object id of the application's service principal."""

    app: str

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        check_guid("app", self.app)


@action(
    "entra.unassign_app",
    effect=Effect.DESTROYS,
    output=EntraApp,
    source="Microsoft Graph v1.0, DELETE /servicePrincipals/{id}/appRoleAssignedTo/{id}",
)
class UnassignEntraApp(_OnAppOfUser):
    """Take an application away from a user. What they have by a group is left to hands.

    Attributes:
        role: Id of the role in it; empty: all.
    """

    role: str = ""

    def __post_init__(self) -> None:
        _OnAppOfUser.__post_init__(self)
        if self.role:
            check_guid("role", self.role)

    def run(self, me: Me) -> Script[EntraApp]:
        user = yield from seen_entra_user(me, self.user)
        app = yield from PRINCIPAL.of(me.connection, app=self.app)
        if not app.id:
            raise GuardRefusedError(
                f"there is no application {self.app}", do="take it of entra.find_app"
            )
        listed = yield from _OF_USER.of(me.connection, user=self.user)
        mine = [
            each
            for each in listed
            if (each.app, each.kind) == (self.app, "User") and self.role in ("", each.role)
        ]
        yield from gather(
            _has(self.app, each.role).of(me.connection, user=self.user) for each in mine
        )
        groups = yield from _by_groups(me, self.user, self.app)
        if mine:
            spare_entra_user(me, user, "take an application of")
        for each in mine:
            path = ("servicePrincipals", self.app, "appRoleAssignedTo", each.id)
            call = ask(me, "DELETE", *path, answers=frozenset({400}))
            back = {"user": user.id, "app": self.app, "role": each.role}
            yield from change(
                me,
                _has(self.app, each.role),
                seen=True,
                after=lambda _: False,
                hands=Api(call, or_words(no_answer, _GONE, means=None)),
                ids={"user": user.id},
                says=f"take the application {app.name} of {user.login}",
                verb="take",
                target=user.login,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # The second time there is no such assignment.
                undo=Undo("entra.assign_app", back),
                breaks=f"{user.login} loses {app.name}; where Entra provisions, the account in it "
                "is switched off.",
            )
        left = tuple(
            f"{user.login} has {app.name} by the group {each}: take them out of it"
            for each in groups
        )
        says = f"{user.login} has {app.name} no more"
        says += f" in the role {self.role}" if self.role else ""
        return Done(app, says=says, findings=left, proved=not left)


@action(
    "entra.assign_app",
    effect=Effect.WRITES,
    output=EntraApp,
    source="Microsoft Graph v1.0, POST /servicePrincipals/{id}/appRoleAssignedTo",
)
class AssignEntraApp(_OnAppOfUser):
    """Give a user an application.

    Attributes:
        role: Id of the role in it; all zeroes where it has none.
    """

    role: str = _PLAIN

    def __post_init__(self) -> None:
        _OnAppOfUser.__post_init__(self)
        check_guid("role", self.role)

    def run(self, me: Me) -> Script[EntraApp]:
        user = yield from seen_entra_user(me, self.user)
        app = yield from PRINCIPAL.of(me.connection, app=self.app)
        if not app.id:
            raise GuardRefusedError(
                f"there is no application {self.app}", do="take it of entra.find_app"
            )
        thing = _has(self.app, self.role)
        if (yield from thing.of(me.connection, user=self.user)):
            return Done(app, says=f"{user.login} has {app.name} already")
        body: dict[str, Any] = about(
            "appRoleAssignment", principalId=self.user, resourceId=self.app, appRoleId=self.role
        )
        path = ("servicePrincipals", self.app, "appRoleAssignedTo")
        call = ask(me, "POST", *path, body=body, answers=frozenset({400, 409}))
        yield from change(
            me,
            thing,
            seen=False,
            after=lambda _: True,
            hands=Api(call, or_words(no_answer, _THERE, means=None)),
            ids={"user": self.user},
            says=f"give {user.login} the application {app.name}",
            verb="give",
            target=user.login,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # The second time it is there already.
            undo=Undo(
                "entra.unassign_app", {"user": self.user, "app": self.app, "role": self.role}
            ),
        )
        return Done(app, says=f"{user.login} has {app.name}")


ACTIONS: tuple[type, ...] = (FindEntraApp, WhoHasEntraApp, UnassignEntraApp, AssignEntraApp)
