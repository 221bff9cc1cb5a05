"""Applications in JumpCloud: who reaches one, and by which paths; cutting all of them, and back.

Somebody reaches an application directly, or because a group is bound to it, or both; while one path
is left they have it. Source: API 2.0, the graph: users, applications and user groups. What it shows
is worked out behind the scenes, so that a change shows within minutes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
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
from respond.systems.arguments import one_line
from respond.systems.guards import GuardRefusedError
from respond.systems.jumpcloud.ids import check_object_id
from respond.systems.jumpcloud.system_users import (
    JumpCloudUser,
    OnJumpCloudUser,
    found,
    seen_user,
    spare_user,
)
from respond.systems.jumpcloud.vendor import GRAPH_S, LISTED, PAGES, VENDOR, ending
from respond.systems.rest import Thing, at, change, dig, one, records, rows

__all__ = [
    "ACTIONS", "GiveJumpCloudApp", "JumpCloudApp", "JumpCloudRoute", "TakeJumpCloudApp",
    "WhoHasJumpCloudApp", "app_called",
]  # fmt: skip

DIRECT: Final = ""
"""In place of a group's id."""


class JumpCloudApp(Frozen):
    """An application; without an id there is none."""

    id: str = at("_id")
    label: str = at("displayLabel", default="")
    name: str = at("displayName", default="")


class JumpCloudGroup(Frozen):
    """A user group; a dynamic one chooses its members itself."""

    id: str = at("id")
    name: str = at("name", default="")
    method: str = at("membershipMethod", limit=60, default="")

    @property
    def is_dynamic(self) -> bool:
        return self.method.upper().startswith("DYNAMIC")


class JumpCloudRoute(Frozen):
    """One way by which a user reaches an application.

    Attributes:
        other: The application, or the user, at its end.
        group: The group through which it leads; empty: none.
    """

    other: str
    group: str

    @property
    def called(self) -> str:
        return f"{self.other} by {self.group or 'itself'}"


def _routes(replies: Sequence[Reply]) -> tuple[JumpCloudRoute, ...]:
    """Every path that is listed; one that cannot be read is a fault, since it would stay."""
    seen: dict[JumpCloudRoute, None] = {}
    for row in records(replies):
        paths = row.get("paths")
        if not isinstance(paths, list) or not paths:
            raise MalformedReplyError("the reply has an object without its paths")
        for path in paths:
            steps = [dig(each, "to") for each in path] if isinstance(path, list) else []
            if not steps or not all(isinstance(step, Mapping) for step in steps):
                raise MalformedReplyError("the reply has a path that leads nowhere")
            groups = [str(step["id"]) for step in steps if step.get("type") == "user_group"]
            if len(steps) > 1 and not groups:
                raise MalformedReplyError("the reply has a path through something unknown")
            group = showable(groups[0], limit=60) if groups else DIRECT
            seen.setdefault(JumpCloudRoute(showable(str(row.get("id")), limit=60), group))
    return tuple(seen)


def _graph(name: str, path: tuple[str, ...], parse: Any, *query: tuple[str, str]) -> Thing[Any]:
    return Thing(
        VENDOR,
        name,
        path,
        parse,
        pages=PAGES,
        query=(*LISTED, *query),
        settle_s=GRAPH_S,
        surface="v2",
    )


_APPS: Final = Thing(
    VENDOR,
    "applications",
    ("applications",),
    rows(JumpCloudApp, "results"),
    pages=PAGES,
    query=(*LISTED, ("sort", "_id")),
    surface="v1",
)


class _Called(Frozen):
    id: str = at("_id")
    email: str = at("email", default="")


_PEOPLE: Final = Thing(
    VENDOR,
    "users",
    ("systemusers",),
    rows(_Called, "results"),
    pages=PAGES,
    query=(*LISTED, ("sort", "_id"), ("fields", "email")),
    surface="v1",
)
_GROUP: Final = Thing(
    VENDOR, "group/{group}", ("usergroups", "{group}"), one(JumpCloudGroup), surface="v2"
)
ROUTES: Final[Thing[tuple[JumpCloudRoute, ...]]] = _graph(
    "user/{user}/applications", ("users", "{user}", "applications"), _routes
)
HAVE_APP: Final[Thing[tuple[JumpCloudRoute, ...]]] = _graph(
    "application/{app}/users", ("applications", "{app}", "users"), _routes
)


def _direct(app: str) -> Thing[bool]:
    """Whether a user is bound to an application directly."""

    def parse(replies: Sequence[Reply]) -> bool:
        return JumpCloudRoute(app, DIRECT) in _routes(replies)

    return _graph(f"user/{{user}}/bound-to/{app}", ROUTES.path, parse)


def _member(group: str) -> Thing[bool]:
    """Whether a user is in a group."""

    def parse(replies: Sequence[Reply]) -> bool:
        return any(row.get("id") == group for row in records(replies))

    return _graph(f"user/{{user}}/in/{group}", ("users", "{user}", "memberof"), parse)


def _bound(group: str) -> Thing[bool]:
    """Whether a group is bound to an application."""

    def parse(replies: Sequence[Reply]) -> bool:
        return any(dig(row, "to.id") == group for row in records(replies))

    name, path = f"application/{{app}}/bound-to/{group}", ("applications", "{app}", "associations")
    return _graph(name, path, parse, ("targets", "user_group"))


def app_called(me: Me, name: str) -> Looking[JumpCloudApp]:
    """The application of this id or label; without an id there is none.

    Raises:
        GuardRefusedError: There are several.
    """
    listed = yield from _APPS.of(me.connection)
    wanted = name.casefold()
    by_id = [each for each in listed if each.id == name]
    called = by_id or [
        each for each in listed if wanted in {each.label.casefold(), each.name.casefold()}
    ]
    if len(called) > 1:
        raise GuardRefusedError(
            f"{len(called)} applications are called {showable(name, limit=100)}: "
            + ", ".join(each.id for each in called[:5]),
            do="give the id of the one that is meant",
        )
    return called[0] if called else JumpCloudApp("")


@action(
    "jumpcloud.find_app",
    effect=Effect.READS,
    output=JumpCloudApp,
    source="JumpCloud API 1.0, GET /applications",
)
class FindJumpCloudApp(Frozen):
    """Find an application by its label or name. None is an answer: ``id`` is empty then.

    Attributes:
        label: As people see it.
    """

    label: str

    def __post_init__(self) -> None:
        one_line("label", self.label)

    def run(self, me: Me) -> Script[JumpCloudApp]:
        app = yield from app_called(me, self.label)
        says = f"{app.label or app.name} is {app.id}" if app.id else "no such application"
        return Done(app, says=says)


def _names(me: Me, groups: Sequence[str]) -> Looking[dict[str, JumpCloudGroup]]:
    seen = yield from gather(_GROUP.of(me.connection, group=each) for each in dict.fromkeys(groups))
    return {each.id: each for each in seen}


class JumpCloudAppUsers(Frozen):
    """Who reaches an application, once for each way."""

    users: tuple[JumpCloudRoute, ...]


@action(
    "jumpcloud.who_has_app",
    effect=Effect.READS,
    output=JumpCloudAppUsers,
    source="JumpCloud API 2.0, GET /applications/{id}/users",
)
class WhoHasJumpCloudApp(Frozen):
    """Read who reaches an application, by every path.

    Attributes:
        app: Its id, from ``jumpcloud.find_app``.
    """

    app: str

    def __post_init__(self) -> None:
        check_object_id("app", self.app)

    def run(self, me: Me) -> Script[JumpCloudAppUsers]:
        seen, people = yield from both(
            HAVE_APP.of(me.connection, app=self.app), _PEOPLE.of(me.connection)
        )
        groups = yield from _names(me, [each.group for each in seen if each.group])
        email = {each.id: each.email for each in people}
        lines = tuple(
            f"{email.get(each.other) or each.other} "
            + (f"by the group {groups[each.group].name}" if each.group else "directly")
            for each in seen
        )
        users = len({each.other for each in seen})
        return Done(JumpCloudAppUsers(seen), says=f"{users} users have it", findings=lines)


# --- writes -------------------------------------------------------------------------------------


def _op(me: Me, path: tuple[str, ...], kind: str, other: str, *, add: bool) -> Api[None]:
    body = {"op": "add" if add else "remove", "type": kind, "id": other}
    return ending(me, "POST", "v2", *path, body=body)


def _without(route_is: Any) -> Any:
    return lambda now: tuple(each for each in now if not route_is(each))


def _binding(
    me: Me, user: JumpCloudUser, app: str, label: str, *, add: bool, undo: Undo | None
) -> Write[None]:
    """Bind a user to an application directly, or unbind them."""
    route = JumpCloudRoute(app, DIRECT)
    write = change(
        me,
        _direct(app),
        not add,
        lambda _: add,
        _op(me, ("users", user.id, "associations"), "application", app, add=add),
        ids={"user": user.id},
        says=f"{'give' if add else 'take'} {label} {'to' if add else 'of'} {user.name} directly",
        verb="give" if add else "take",
        target=user.name,
        effect=Effect.WRITES if add else Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # What is there, or is not, stays so.
        undo=undo,
        breaks=""
        if add
        else f"{user.name} cannot sign in to {label} by this path; a session "
        "that it holds goes on.",
    )
    after = (lambda now: (*now, route)) if add else _without(lambda each: each == route)
    listed = Becomes(ROUTES.subject(me.connection, user=user.id), after)
    return replace(write, becomes=(*write.becomes, listed))


def _membership(
    me: Me, user: JumpCloudUser, group: JumpCloudGroup, *, add: bool, breaks: str, undo: Undo | None
) -> Write[None]:
    """Put a user into a group, or take them out of it."""
    word = "into" if add else "out of"
    write = change(
        me,
        _member(group.id),
        not add,
        lambda _: add,
        _op(me, ("usergroups", group.id, "members"), "user", user.id, add=add),
        ids={"user": user.id},
        says=f"{'put' if add else 'take'} {user.name} {word} the group {group.name or group.id}",
        verb="put" if add else "take",
        target=user.name,
        effect=Effect.WRITES if add else Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Who is in it, or is not, stays so.
        undo=undo,
        breaks=breaks,
    )
    if add:  # What the group is bound to is not known here.
        return write
    cut = Becomes(
        ROUTES.subject(me.connection, user=user.id), _without(lambda each: each.group == group.id)
    )
    return replace(write, becomes=(*write.becomes, cut))


class JumpCloudAccess(Frozen):
    """Whether a user reaches an application, or is in a group, now."""

    has: bool


def _is_chosen_by_itself(group: JumpCloudGroup, user: JumpCloudUser) -> str:
    return (
        f"left to do: {user.name} is in {group.name or group.id}, which chooses its members "
        "itself: change what it goes by, or unbind the group (jumpcloud.unbind_group)"
    )


class _OnApp(OnJumpCloudUser):
    """An action on a user and an application. Attributes: app: The application's id."""

    app: str

    def __post_init__(self) -> None:
        OnJumpCloudUser.__post_init__(self)
        check_object_id("app", self.app)


@action(
    "jumpcloud.take_app",
    effect=Effect.DESTROYS,
    output=JumpCloudAccess,
    source="JumpCloud API 2.0, POST /users/{id}/associations and /usergroups/{id}/members",
    by_hand=(
        "Open SSO Applications, the application, Users. Take the person out.",
        "Look at their groups: each that is bound to it lets them in, too.",
        "https://console.jumpcloud.com/",
    ),
)
class TakeJumpCloudApp(_OnApp):
    """Cut every path by which a user reaches an application: their own, and those by groups.

    Attributes:
        directly: Cut their own path alone.
    """

    directly: bool = False

    def run(self, me: Me) -> Script[JumpCloudAccess]:
        user, (routes, apps) = yield from both(
            seen_user(me, self.user),
            both(ROUTES.of(me.connection, user=self.user), _APPS.of(me.connection)),
        )
        labels = {each.id: each.label or each.name for each in apps}
        label = labels.get(self.app) or self.app
        mine = [each.group for each in routes if each.other == self.app]
        ways = [group for group in mine if group == DIRECT or not self.directly]
        if not mine:
            return Done(JumpCloudAccess(has=False), says=f"{user.name} has not {label}")
        groups = yield from _names(me, [group for group in mine if group])
        yield from self._look(me, ways)
        if ways:
            spare_user(me, user, "take an application of")
        if DIRECT in ways:
            back = Undo("jumpcloud.give_app", {"user": user.id, "app": self.app})
            yield from _binding(me, user, self.app, label, add=False, undo=back)
        for group in (groups[each] for each in ways if each and not groups[each].is_dynamic):
            others = sorted(
                {labels.get(each.other) or each.other for each in routes if each.group == group.id}
                - {label}
            )
            yield from _membership(
                me,
                user,
                group,
                add=False,
                undo=Undo("jumpcloud.join_group", {"user": user.id, "group": group.id}),
                breaks=f"{user.name} loses {label} and all else that the group gives"
                + (f": {', '.join(others)}" if others else "")
                + "; devices, networks and folders of it, too.",
            )
        if through := [groups[each].name for each in mine if each not in ways]:
            says = f"{user.name} has {label} still, by the group {', '.join(through)}"
            return Done(JumpCloudAccess(has=True), says=says, findings=(says,))
        stay = [each for each in groups.values() if each.is_dynamic]
        left = tuple(_is_chosen_by_itself(each, user) for each in stay)
        says = f"{user.name} has {label} {'still' if left else 'no more'}"
        return Done(JumpCloudAccess(has=bool(left)), says=says, findings=left, proved=not left)

    def _look(self, me: Me, ways: Sequence[str]) -> Looking[None]:
        """Look at each that may be written, before the first is."""
        yield from gather(
            (_member(each) if each else _direct(self.app)).of(me.connection, user=self.user)
            for each in ways
        )


@action(
    "jumpcloud.give_app",
    effect=Effect.WRITES,
    output=JumpCloudAccess,
    source="JumpCloud API 2.0, POST /users/{id}/associations",
)
class GiveJumpCloudApp(_OnApp):
    """Bind a user to an application directly, whatever their groups give them."""

    def run(self, me: Me) -> Script[JumpCloudAccess]:
        user, (is_bound, _) = yield from both(
            seen_user(me, self.user),
            both(
                _direct(self.app).of(me.connection, user=self.user),
                ROUTES.of(me.connection, user=self.user),
            ),
        )
        if not is_bound:
            back = {"user": user.id, "app": self.app, "directly": True}
            undo = Undo("jumpcloud.take_app", back)
            yield from _binding(me, user, self.app, self.app, add=True, undo=undo)
        return Done(JumpCloudAccess(has=True), says=f"{user.name} has {self.app}")


# --- groups -------------------------------------------------------------------------------------


class _OnGroup(OnJumpCloudUser):
    """An action on a user and a group. Attributes: group: The group's id."""

    group: str

    def __post_init__(self) -> None:
        OnJumpCloudUser.__post_init__(self)
        check_object_id("group", self.group)

    def changed(self, me: Me, *, add: bool, back: str) -> Script[JumpCloudAccess]:
        user, (group, is_in) = yield from both(
            seen_user(me, self.user),
            both(
                _GROUP.of(me.connection, group=self.group),
                _member(self.group).of(me.connection, user=self.user),
            ),
        )
        word = "in" if add else "not in"
        if is_in == add:
            return Done(JumpCloudAccess(has=add), says=f"{user.name} is {word} {group.name}")
        if group.is_dynamic:
            left = (_is_chosen_by_itself(group, user),)
            return Done(JumpCloudAccess(has=is_in), says=left[0], findings=left, proved=False)
        if not add:
            spare_user(me, user, "take out of a group")
        routes = () if add else (yield from ROUTES.of(me.connection, user=self.user))
        lost = sum(each.group == self.group for each in routes)
        yield from _membership(
            me,
            user,
            group,
            add=add,
            breaks=""
            if add
            else f"{user.name} loses all that the group gives: "
            f"{lost} applications, and devices, networks and folders of it.",
            undo=Undo(back, {"user": user.id, "group": group.id}),
        )
        return Done(JumpCloudAccess(has=add), says=f"{user.name} is {word} {group.name}")


@action(
    "jumpcloud.leave_group",
    effect=Effect.DESTROYS,
    output=JumpCloudAccess,
    source="JumpCloud API 2.0, POST /usergroups/{id}/members",
)
class LeaveJumpCloudGroup(_OnGroup):
    """Take a user out of a group, and of all that it gives."""

    def run(self, me: Me) -> Script[JumpCloudAccess]:
        return (yield from self.changed(me, add=False, back="jumpcloud.join_group"))


@action(
    "jumpcloud.join_group",
    effect=Effect.WRITES,
    output=JumpCloudAccess,
    source="JumpCloud API 2.0, POST /usergroups/{id}/members",
)
class JoinJumpCloudGroup(_OnGroup):
    """Put a user into a group again."""

    def run(self, me: Me) -> Script[JumpCloudAccess]:
        return (yield from self.changed(me, add=True, back="jumpcloud.leave_group"))


class _OnBinding(Frozen):
    """An action on a group and an application.

    Attributes:
        group: The group's id.
        app: The application's id.
    """

    group: str
    app: str

    def __post_init__(self) -> None:
        check_object_id("group", self.group)
        check_object_id("app", self.app)

    def changed(self, me: Me, *, add: bool, back: str) -> Script[JumpCloudAccess]:
        group, is_bound = yield from both(
            _GROUP.of(me.connection, group=self.group),
            _bound(self.group).of(me.connection, app=self.app),
        )
        if is_bound != add:
            users = yield from HAVE_APP.of(me.connection, app=self.app)
            if not add:
                yield from self._keep_the_team(me, group)
            lost = sum(each.group == self.group for each in users)
            yield from change(
                me,
                _bound(self.group),
                is_bound,
                lambda _: add,
                _op(
                    me,
                    ("applications", self.app, "associations"),
                    "user_group",
                    self.group,
                    add=add,
                ),
                ids={"app": self.app},
                says=f"{'bind' if add else 'unbind'} the group {group.name} "
                f"{'to' if add else 'from'} {self.app}",
                verb="bind" if add else "unbind",
                target=group.name or group.id,
                effect=Effect.WRITES if add else Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # What is bound, or is not, stays so.
                undo=Undo(back, {"group": self.group, "app": self.app}),
                breaks="" if add else f"{lost} users lose the application, friend or foe.",
            )
        word = "bound to" if add else "not bound to"
        return Done(JumpCloudAccess(has=add), says=f"{group.name} is {word} {self.app}")

    def _keep_the_team(self, me: Me, group: JumpCloudGroup) -> Generator[Any, Any, None]:
        """Nobody who works on the incident loses the application (P8)."""
        roles = {"admin", "approver", "break-glass"}
        team = [p for p in me.persons if p.id == me.operator or roles & {*p.roles}]
        theirs = dict.fromkeys(email for person in team for email in person.emails)
        out = {email.casefold() for email in (*me.suspects, me.subject)}
        for email in (each for each in theirs if each.casefold() not in out):
            user = yield from found(me.connection, email)
            routes = () if not user.id else (yield from ROUTES.of(me.connection, user=user.id))
            if {each.group for each in routes if each.other == self.app} == {self.group}:
                raise GuardRefusedError(
                    f"{email} has the application by the group {group.name} alone",
                    why="who works on the incident must not lose it",
                    do="give it to them with jumpcloud.give_app first",
                )


@action(
    "jumpcloud.unbind_group",
    effect=Effect.DESTROYS,
    output=JumpCloudAccess,
    source="JumpCloud API 2.0, POST /applications/{id}/associations",
)
class UnbindJumpCloudGroup(_OnBinding):
    """Take an application from a whole group: for an emergency."""

    def run(self, me: Me) -> Script[JumpCloudAccess]:
        return (yield from self.changed(me, add=False, back="jumpcloud.bind_group"))


@action(
    "jumpcloud.bind_group",
    effect=Effect.WRITES,
    output=JumpCloudAccess,
    source="JumpCloud API 2.0, POST /applications/{id}/associations",
)
class BindJumpCloudGroup(_OnBinding):
    """Give an application to a whole group again."""

    def run(self, me: Me) -> Script[JumpCloudAccess]:
        return (yield from self.changed(me, add=True, back="jumpcloud.unbind_group"))


ACTIONS: tuple[type, ...] = (
    FindJumpCloudApp,
    WhoHasJumpCloudApp,
    TakeJumpCloudApp,
    GiveJumpCloudApp,
    LeaveJumpCloudGroup,
    JoinJumpCloudGroup,
    UnbindJumpCloudGroup,
    BindJumpCloudGroup,
)
