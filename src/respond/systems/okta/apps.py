"""Applications in Okta: who is assigned to one, taking it away, and giving it back.

Source: Okta Management API, Application users. What the application keeps of the person may be lost
when it is taken; the profile that Okta holds of them in it is saved, and set again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Proof,
    Script,
    Subject,
    Undo,
    Write,
    action,
)
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.guards import GuardRefusedError
from respond.systems.okta.users import OktaUser, OnOktaUser, check_id, seen_user, spare_user
from respond.systems.okta.vendor import VENDOR, ask, ending
from respond.systems.rest import Thing, at, change, no_answer, one, or_said, rows, where

__all__ = [
    "ACTIONS", "AssignOktaApp", "FindOktaApp", "OktaApp", "OktaAppUser", "OktaAppUsers",
    "UnassignOktaApp", "WhoHasOktaApp", "app_users", "apps_called", "take_app",
]  # fmt: skip

_MAPPED: Final = "E0000075"
_ALREADY: Final = "E0000062"


class OktaApp(Frozen):
    """An application; without an id there is none."""

    id: str = at("id")
    label: str = at("label", default="")
    name: str = at("name", default="")
    status: str = at("status", limit=20, default="")


def _profile(found: Any) -> dict[str, Any]:
    """What is set of it: an attribute without a value is not given back."""
    known = found if isinstance(found, Mapping) else {}
    return {str(name): value for name, value in known.items() if value is not None}


class OktaAppUser(Frozen):
    """Somebody's assignment to an application; without an id they have it not.

    Attributes:
        scope: ``USER`` if it is theirs, ``GROUP`` if it comes of a group.
        login: What the application calls them.
    """

    id: str = at("id")
    scope: str = at("scope", limit=20, default="")
    status: str = at("status", limit=40, default="")
    login: str = at("credentials.userName", default="")
    profile: dict[str, Any] = at("profile", read=_profile, default_factory=dict)


_NOT: Final = OktaAppUser("")
_OF: Final = ("apps", "{app}", "users")
_FOUND: Final = Thing(
    VENDOR, "apps-called/{label}", ("apps",), rows(OktaApp), query=(("q", "{label}"),)
)
APP_USERS: Final = Thing(VENDOR, "app/{app}/users", _OF, rows(OktaAppUser))
APP_USER: Final = Thing(
    VENDOR, "app/{app}/user/{user}", (*_OF, "{user}"), one(OktaAppUser), gone=_NOT
)


def apps_called(me: Me, label: str) -> Looking[tuple[OktaApp, ...]]:
    """The applications of this label; Okta's search finds whatever begins with it."""
    listed = yield from _FOUND.of(me.connection, label=label)
    return tuple(each for each in listed if each.label.casefold() == label.casefold())


def app_users(me: Me, app: str) -> Looking[tuple[OktaAppUser, ...]]:
    """Everybody who has it."""
    return (yield from APP_USERS.of(me.connection, app=app))


@action(
    "okta.find_app",
    effect=Effect.READS,
    output=OktaApp,
    source="Okta Management API, GET /api/v1/apps",
)
class FindOktaApp(Frozen):
    """Find an application by its label. None is an answer: ``id`` is empty then.

    Attributes:
        label: As it stands on people's dashboards.
    """

    label: str

    def __post_init__(self) -> None:
        one_line("label", self.label)

    def run(self, me: Me) -> Script[OktaApp]:
        seen = yield from apps_called(me, self.label)
        if len(seen) > 1:
            raise GuardRefusedError(
                f"{len(seen)} applications are called {showable(self.label, limit=100)}: "
                + ", ".join(each.id for each in seen[:5]),
                do="give the id of the one that is meant",
            )
        found = next(iter(seen), OktaApp(""))
        return Done(
            found, says=f"{found.label} is {found.id}" if found.id else "no such application"
        )


class OktaAppUsers(Frozen):
    """Who has an application."""

    users: tuple[OktaAppUser, ...]


class _OnApp(Frozen):
    """An action on one application. Attributes: app: Its id, from ``okta.find_app``."""

    app: str

    def __post_init__(self) -> None:
        check_id("app", self.app, "0oa", "0oaj96z2dGonI16R1d7")


@action(
    "okta.who_has_app",
    effect=Effect.READS,
    output=OktaAppUsers,
    source="Okta Management API, GET /api/v1/apps/{appId}/users",
)
class WhoHasOktaApp(_OnApp):
    """Read who is assigned to an application."""

    def run(self, me: Me) -> Script[OktaAppUsers]:
        seen = yield from app_users(me, self.app)
        return Done(OktaAppUsers(seen), says=f"{len(seen)} users have it")


# --- off and on again ---------------------------------------------------------------------------


class _OnAppUser(OnOktaUser):
    """An action on somebody's assignment. Attributes: app: Id of the application."""

    app: str

    def __post_init__(self) -> None:
        OnOktaUser.__post_init__(self)
        check_id("app", self.app, "0oa", "0oaj96z2dGonI16R1d7")


def take_app(me: Me, user: OktaUser, app: str, seen: OktaAppUser) -> Generator[Any, Any, None]:
    """Take an application away from somebody who has it.

    Raises:
        GuardRefusedError: They have it by a group.
    """
    if seen.scope == "GROUP":
        raise GuardRefusedError(
            f"{user.login} has the application by a group",
            why="what Okta does with such an assignment when it is deleted, it does not say",
            do="take them out of the group in the Admin Console: Directory, Groups",
        )
    yield from spare_user(me, user, "take an application of")
    back = {"user": user.id, "app": app, "login": seen.login, "profile": seen.profile}
    path = ("apps", app, "users", user.id)
    yield from change(
        me,
        APP_USER,
        seen,
        lambda _: _NOT,
        ending(me, "DELETE", *path, query=(("sendEmail", "false"),)),
        ids={"user": user.id, "app": app},
        says=f"take the application {app} of {user.login}",
        verb="take",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time there is no such assignment.
        undo=Undo("okta.assign_app", back),
        breaks=f"{user.login} loses the application; where Okta provisions, the account in it is "
        "switched off, and what it keeps of them may be lost.",
    )


@action(
    "okta.unassign_app",
    effect=Effect.DESTROYS,
    output=OktaAppUser,
    source="Okta Management API, DELETE /api/v1/apps/{appId}/users/{userId}",
)
class UnassignOktaApp(_OnAppUser):
    """Take an application away from a user. Its own data of them may be lost."""

    def run(self, me: Me) -> Script[OktaAppUser]:
        user = yield from seen_user(me, self.user)
        seen = yield from APP_USER.of(me.connection, app=self.app, user=self.user)
        if not seen.id:
            return Done(_NOT, says=f"{user.login} has not {self.app}")
        yield from take_app(me, user, self.app, seen)
        return Done(_NOT, says=f"{user.login} has {self.app} no more")


@action(
    "okta.assign_app",
    effect=Effect.WRITES,
    output=OktaAppUser,
    source="Okta Management API, POST /api/v1/apps/{appId}/users and .../users/{userId}",
)
class AssignOktaApp(_OnAppUser):
    """Give a user an application.

    Attributes:
        login: What the application calls them; empty: as the application maps it.
        profile: Attributes in it. Where Okta fills them itself, it refuses them, and fills them.
    """

    login: str = ""
    profile: dict[str, Any] = field(default_factory=dict)

    def run(self, me: Me) -> Script[OktaAppUser]:
        user = yield from seen_user(me, self.user)
        ids = {"app": self.app, "user": self.user}
        seen = yield from APP_USER.of(me.connection, app=self.app, user=self.user)
        if not seen.id:
            yield from self._assignment(me, user, seen, ids)
        mapped = []
        for name, value in self.profile.items():
            if seen.profile.get(name) != value and (yield from self._set(me, user, name, value)):
                mapped.append(name)
        new = replace(
            seen, id=self.user, scope=seen.scope or "USER", login=seen.login or self.login
        )
        filled = f"Okta fills {', '.join(mapped)} of {user.login} in {self.app} itself: not set"
        says = f"{user.login} has {self.app}"
        return Done(new, says=says, findings=(filled,) if mapped else ())

    def _assignment(
        self, me: Me, user: OktaUser, seen: OktaAppUser, ids: dict[str, str]
    ) -> Write[None]:
        body: dict[str, Any] = {"id": self.user, "scope": "USER"}
        if self.login:
            body["credentials"] = {"userName": self.login}
        new = OktaAppUser(self.user, "USER", "ACTIVE", self.login, self.profile)
        call = ask(me, "POST", "apps", self.app, "users", body=body, answers=frozenset({409}))
        return change(
            me,
            APP_USER,
            seen,
            lambda _: new,
            Api(call, or_said(VENDOR, no_answer, _ALREADY, means=None)),
            ids=ids,
            says=f"give {user.login} the application {self.app}",
            verb="give",
            target=user.login,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # The second time: assigned already.
            undo=Undo("okta.unassign_app", dict(ids)),
        )

    def _set(self, me: Me, user: OktaUser, name: str, value: Any) -> Write[bool]:
        """Set an attribute, in a request of its own: one that Okta fills itself refuses all."""
        path = ("apps", self.app, "users", self.user)
        call = ask(me, "POST", *path, body={"profile": {name: value}}, answers=frozenset({403}))
        place = f"{me.connection.name}/app/{self.app}/user/{self.user}/{name}"
        subject: Subject[Any] = Subject(place, VENDOR.settle_s)
        return Write(
            says=f"set {name} of {user.login} in {self.app}",
            verb="set",
            target=user.login,
            where=where(VENDOR, me.connection),
            effect=Effect.WRITES,
            hands=Api(call, or_said(VENDOR, lambda _: False, _MAPPED, means=True)),
            before=None,
            after={name: value},
            becomes=(Becomes(subject, lambda before: before),),
            foretold=False,
            # Which attributes Okta fills itself, only its answer tells.
            proof=Proof.BLIND,
            repeatable=True,  # The same values.
        )


ACTIONS: tuple[type, ...] = (FindOktaApp, WhoHasOktaApp, UnassignOktaApp, AssignOktaApp)
