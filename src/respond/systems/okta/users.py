"""Find people in Okta; what every action on one of them goes by.

Source: Okta Management API, User: list users, get a user. A search reads an index that lags, so it
only finds ids: what is shown, judged and proved is read by id.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Looking, Me, Script, action, gather
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.guards import GuardRefusedError, only_one, spare
from respond.systems.okta.vendor import VENDOR, is_service_app
from respond.systems.rest import KEPT, Thing, at, noted, one, rows

__all__ = [
    "ACTIONS", "ID", "LISTED", "NOBODY", "SEARCHED", "USER", "FindOktaUser", "OktaUser",
    "OktaUserId", "OnOktaUser", "check_id", "found", "our_owner", "quoted", "seen_user",
    "spare_user",
]  # fmt: skip

OktaUserId = NewType("OktaUserId", str)
"""``00u7hq3xkPqLmZ2Yt5d7``: never a login, which may come to mean somebody else."""

ID: Final = "[A-Za-z0-9]{8,40}"


class OktaUser(Frozen):
    """A user as Okta has them now; without an id there is none.

    Attributes:
        becoming: The status that Okta is bringing them to at this moment; or empty.
        provider: Who checks the password: ``OKTA``, ``ACTIVE_DIRECTORY``, ``FEDERATION``, ...
    """

    id: OktaUserId = at("id")
    status: str = at("status", limit=40, is_needed=True, default="")
    login: str = at("profile.login", default="")
    email: str = at("profile.email", default="")
    last_login: str = at("lastLogin", limit=40, default="")
    password_changed: str = at("passwordChanged", limit=40, default="")
    provider: str = at("credentials.provider.type", limit=40, default="")
    becoming: str = at("transitioningToStatus", limit=40, default="")

    def is_called(self, name: str) -> bool:
        return name.casefold() in {self.login.casefold(), self.email.casefold()}


NOBODY: Final = OktaUser(OktaUserId(""))
USER: Final = Thing(
    VENDOR, "user/{user}", ("users", "{user}"), one(OktaUser), gone=NOBODY, evidence=KEPT
)
_BY_LOGIN: Final = Thing(
    VENDOR, "user-called/{login}", ("users", "{login}"), one(OktaUser), gone=NOBODY, evidence=KEPT
)
LISTED: Final = Thing(VENDOR, "users-listed", ("users",), rows(OktaUser), query=(("limit", "200"),))
SEARCHED: Final = Thing(
    VENDOR,
    "users-searched/{text}",
    ("users",),
    rows(OktaUser),
    query=(("search", 'profile.email eq "{text}" or profile.login eq "{text}"'),),
    evidence=KEPT,
)


def check_id(name: str, value: str, begin: str, like: str) -> None:
    """Refuse what is no id of this kind.

    Raises:
        ArgumentError: With one that is.
    """
    if not re.fullmatch(f"{begin}{ID}", value):
        raise ArgumentError(f"{name} must be an id of Okta's such as {like}")


def quoted(name: str) -> str:
    """A name inside of a search."""
    return name.replace("\\", "\\\\").replace('"', '\\"')


def found(connection: Connection, name: str, unseen: list[str] | None = None) -> Looking[OktaUser]:
    """The one user with this e-mail address or login, read by id; ``NOBODY`` where there is none.

    Deactivated users count only where nobody else has the name.

    Args:
        unseen: Gets why something could not be looked at, instead of the script's end there.

    Raises:
        GuardRefusedError: Several have it.
    """
    one_or = noted(unseen, NOBODY)
    hits = yield from SEARCHED.of(connection, or_else=noted(unseen, ()), text=quoted(name))
    users = yield from gather(USER.of(connection, or_else=one_or, user=hit.id) for hit in hits)
    called = [user for user in users if user.id and user.is_called(name)]
    live = [user for user in called if user.status != "DEPROVISIONED"] or called
    meant = only_one(
        name,
        live,
        NOBODY,
        says=lambda user: f"{user.login} ({user.id})",
        why="Okta lets several users have one e-mail address",
        do="give the login",
    )
    if meant.id:
        return meant
    # The index may not have them yet. A login with a slash is never found this way.
    by_login = (
        NOBODY if "/" in name else (yield from _BY_LOGIN.of(connection, or_else=one_or, login=name))
    )
    if not by_login.id or not by_login.is_called(name):
        return NOBODY
    return (yield from USER.of(connection, or_else=one_or, user=by_login.id))


def seen_user(me: Me, user: OktaUserId) -> Looking[OktaUser]:
    """The user of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from USER.of(me.connection, user=user)
    if not seen.id:
        raise GuardRefusedError(f"there is no user {user}", do="take it of okta.find_user")
    return seen


_ME: Final = Thing(VENDOR, "user-we-are", ("users", "me"), one(OktaUser))


def our_owner(me: Me) -> Looking[str]:
    """The id of the user whose API token we work with; empty for a service app, which is nobody."""
    if is_service_app(me.connection.options):
        return ""
    return (yield from _ME.of(me.connection)).id


def spare_user(me: Me, user: OktaUser, verb: str) -> Looking[None]:
    """Never the operator, an emergency account, or whom we work as (P8)."""
    ours = yield from our_owner(me)
    spare(me, verb, user.login, user.email, is_ours=ours == user.id)


class OnOktaUser(Frozen):
    """An action on one user. Attributes: user: Their id, from ``okta.find_user``."""

    user: OktaUserId

    def __post_init__(self) -> None:
        check_id("user", self.user, "00u", "00u7hq3xkPqLmZ2Yt5d7")


@action(
    "okta.find_user",
    effect=Effect.READS,
    output=OktaUser,
    source="Okta Management API, GET /api/v1/users and /api/v1/users/{id}",
)
class FindOktaUser(Frozen):
    """Find a user by e-mail address or login. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: Their address, or their login.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[OktaUser]:
        user = yield from found(me.connection, self.email)
        says = f"{user.login} is {user.status}" if user.id else f"{self.email} is no user"
        return Done(user, says=says)


ACTIONS: tuple[type, ...] = (FindOktaUser,)
