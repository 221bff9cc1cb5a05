"""Users of Cloudflare Access: find one, end their sessions, take an authenticator away.

Source: Cloudflare API v4, Zero Trust: Access users, organizations. They need not be members of the
account, and have sessions of their own. Whoever is signed out signs straight back in, unless what
signs them in refuses them: that comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Proof,
    Reply,
    Script,
    Subject,
    Write,
    action,
    gather,
)
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.cloudflare.memberships import RESULT, spare_member
from respond.systems.cloudflare.vendor import (
    USER_ID,
    VENDOR,
    ask,
    check_id,
    ending,
    look,
    placed,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import (
    KEPT,
    Thing,
    at,
    change,
    dig,
    one,
    read_record,
    records,
    rows,
    where,
    yes,
)

__all__ = [
    "ACTIONS", "CloudflareAccessUser", "CloudflareAppUsers", "CloudflareSession",
    "DeleteCloudflareAccessFactor", "FindCloudflareAccessUser", "RevokeCloudflareAccessSessions",
    "WhoIsInCloudflareApp", "access_user_of", "revoke_access",
]  # fmt: skip

_MANY: Final = 200
_SETTLES_S: Final = 60  # How long a revocation takes to spread is not documented.
_STAYS: Final = (
    "sessions in the dashboard go on: no API ends those of somebody else, and only the membership "
    "decides what they reach"
)


class CloudflareAccessUser(Frozen):
    """A user of Access; without an id there is none.

    Attributes:
        devices: How many devices of theirs are registered and active.
    """

    id: str = at("id", limit=60)
    email: str = at("email", is_needed=True, default="")
    last_sign_in: str = at("last_successful_login", limit=40, default="")
    devices: int = at("active_device_count", default=0)


def _apps(found: Any) -> tuple[str, ...]:
    rows = found.values() if isinstance(found, dict) else ()
    names = (f"{row.get('name')} {row.get('uid')}" for row in rows if isinstance(row, dict))
    return tuple(sorted(showable(name, limit=120) for name in names))


class CloudflareSession(Frozen):
    """A session of Access. Attributes: began: In seconds since 1970, by our clock."""

    id: str = at("metadata.nonce", default="", limit=80)
    began: int = at("metadata.iat", default=0)
    apps: tuple[str, ...] = at("metadata.apps", read=_apps, default=())


def _sessions(replies: Sequence[Reply]) -> tuple[CloudflareSession, ...]:
    seen = (read_record(CloudflareSession, row) for row in records(replies, RESULT))
    return tuple(replace(each, began=each.began + replies[0].ahead_s) for each in seen)


_NOBODY: Final = CloudflareAccessUser("")
_USERS: Final = Thing(
    VENDOR,
    "access-users/{email}",
    placed("access", "users"),
    rows(CloudflareAccessUser, RESULT),
    query=(("email", "{email}"),),
)
_EVERYBODY: Final = replace(_USERS, name="access-users", query=())
_USER: Final = Thing(
    VENDOR,
    "access-user/{user}",
    placed("access", "users", "{user}"),
    one(CloudflareAccessUser, RESULT),
    gone=_NOBODY,
)
_SESSIONS: Final = Thing(
    VENDOR,
    "access-user/{user}/sessions",
    placed("access", "users", "{user}", "active_sessions"),
    _sessions,
    settle_s=_SETTLES_S,
    evidence=KEPT,
)


def access_user_of(connection: Connection, email: str) -> Looking[CloudflareAccessUser]:
    """The user of Access with this address. Not every account heeds the address in the query."""
    listed = yield from look(_USERS, connection, email=email)
    return next((u for u in listed if u.email.casefold() == email.casefold()), _NOBODY)


class _OnUser(Frozen):
    """An action on one user. Attributes: user: Their id, from ``cloudflare.find_access_user``."""

    user: str

    def __post_init__(self) -> None:
        check_id("user", self.user, "cloudflare.find_access_user", USER_ID)

    def seen(self, me: Me) -> Looking[CloudflareAccessUser]:
        user = yield from look(_USER, me.connection, user=self.user)
        if not user.id:
            raise GuardRefusedError(f"Access has no user {self.user}")
        return user


@action(
    "cloudflare.find_access_user",
    effect=Effect.READS,
    output=CloudflareAccessUser,
    source="Cloudflare API v4, GET /accounts/{account_id}/access/users",
)
class FindCloudflareAccessUser(Frozen):
    """Find a user of Access by e-mail address. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: Their address.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[CloudflareAccessUser]:
        user = yield from access_user_of(me.connection, self.email)
        says = f"{user.email} came in last {user.last_sign_in or 'never'}, {user.devices} devices"
        return Done(user, says=says if user.id else f"{self.email} is no user of Access")


# --- signing out --------------------------------------------------------------------------------


class CloudflareSignedOut(Frozen):
    """How many sessions of before are left."""

    left: int


def _revoked(reply: Reply) -> None:
    if dig(yes(VENDOR, reply).body, RESULT) is not True:
        raise MalformedReplyError("the reply does not say that the sessions were ended")


def revoke_access(me: Me, user: CloudflareAccessUser) -> Script[CloudflareSignedOut]:
    """End what somebody is signed in with at Access; with a later session they came back."""
    yield from spare_member(me, user.email, "sign out")
    seen = yield from look(_SESSIONS, me.connection, user=user.id)
    old = tuple(each for each in seen if each.began <= me.now)
    body = {"email": user.email, "devices": True, "warp_session_reauth": True}
    hands = Api(ask(me, "POST", "access", "organizations", "revoke_user", body=body), _revoked)
    words: dict[str, Any] = {
        "says": f"end the Access sessions of {user.email}, on {user.devices} devices, too",
        "verb": "end",
        "target": user.email,
        "effect": Effect.DESTROYS,
        "hands": hands,
        "foretold": None,
        "repeatable": True,  # What is ended stays ended.
        "breaks": f"{user.email} signs in again everywhere behind Access.",
    }
    if old:
        new = tuple(each for each in seen if each not in old)
        yield from change(me, _SESSIONS, seen, lambda _: new, ids={"user": user.id}, **words)
    elif user.devices:
        yield from _on_devices(me, user, words)
    says = f"{user.email} has no Access session of before"
    return Done(CloudflareSignedOut(0), says=says, findings=(_STAYS,))


def _on_devices(me: Me, user: CloudflareAccessUser, words: dict[str, Any]) -> Write[None]:
    """Devices without a session: whether their number falls with it is not documented."""
    subject: Subject[Any] = Subject(
        f"{me.connection.name}/access-user/{user.id}/devices", _SETTLES_S
    )
    return Write(
        where=where(VENDOR, me.connection),
        before=None,
        after={"devices": "revoked"},
        becomes=(Becomes(subject, lambda before: before),),
        proof=Proof.BLIND,
        **words,
    )


@action(
    "cloudflare.revoke_access_sessions",
    effect=Effect.DESTROYS,
    output=CloudflareSignedOut,
    source="Cloudflare API v4, POST /accounts/{account_id}/access/organizations/revoke_user",
    by_hand=(
        "Open Zero Trust, Team & Resources, Users, the person. Choose Action, Revoke.",
        "https://one.dash.cloudflare.com",
    ),
)
class RevokeCloudflareAccessSessions(_OnUser):
    """End a user's sessions at Access, on their devices, too. There is no way back, and no harm."""

    def run(self, me: Me) -> Script[CloudflareSignedOut]:
        user = yield from self.seen(me)
        return (yield from revoke_access(me, user))


# --- authenticators -----------------------------------------------------------------------------


class CloudflareFactorGone(Frozen):
    """The id of the authenticator that was taken away."""

    factor: str


@action(
    "cloudflare.delete_access_factor",
    effect=Effect.DESTROYS,
    output=CloudflareFactorGone,
    source="Cloudflare API v4, DELETE .../access/users/{user_id}/mfa_authenticators/{id}",
)
class DeleteCloudflareAccessFactor(_OnUser):
    """Take an authenticator of Access away. Nothing lists them, so that it is gone is unproved.

    Attributes:
        factor: Its id, as the dashboard shows it.
    """

    factor: str

    def __post_init__(self) -> None:
        _OnUser.__post_init__(self)
        check_id("factor", self.factor, "Zero Trust, Users", USER_ID)

    def run(self, me: Me) -> Script[CloudflareFactorGone]:
        user = yield from self.seen(me)
        yield from spare_member(me, user.email, "take a factor of")
        subject: Subject[Any] = Subject(
            f"{me.connection.name}/access-user/{user.id}/factor/{self.factor}", VENDOR.settle_s
        )
        path = ("access", "users", user.id, "mfa_authenticators", self.factor)
        yield from Write(
            says=f"take the authenticator {self.factor} of {user.email} away",
            verb="take",
            target=user.email,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=ending(me, *path),
            before=None,
            after={"authenticator": "gone"},
            becomes=(Becomes(subject, lambda before: before),),
            foretold=None,
            proof=Proof.BLIND,
            repeatable=True,  # What is gone stays gone.
            breaks=f"{user.email} cannot use it any more, and enrols another one.",
        )
        left = (
            f"nothing lists the authenticators of {user.email}: look in Zero Trust, Users, "
            f"whether {self.factor} is gone"
        )
        says = f"Cloudflare was told to take the authenticator {self.factor} of {user.email} away"
        return Done(CloudflareFactorGone(self.factor), says=says, findings=(left,), proved=False)


# --- applications -------------------------------------------------------------------------------


class CloudflareAppUsers(Frozen):
    """Addresses of who is signed in to an application."""

    emails: tuple[str, ...]


@action(
    "cloudflare.who_is_in_app",
    effect=Effect.READS,
    output=CloudflareAppUsers,
    source="Cloudflare API v4, GET .../access/users and /users/{id}/active_sessions",
)
class WhoIsInCloudflareApp(Frozen):
    """Read who is signed in to an application of Access. Who else may is in its policies.

    Attributes:
        app: Its name or id.
    """

    app: str = field(default="")

    def __post_init__(self) -> None:
        one_line("app", self.app)

    def run(self, me: Me) -> Script[CloudflareAppUsers]:
        users = yield from look(_EVERYBODY, me.connection)
        if len(users) > _MANY:
            raise GuardRefusedError(
                f"Access has {len(users)} users, and each is a request of its own",
                why="beyond 1,200 requests in 5 minutes Cloudflare blocks everything",
                do="look in Zero Trust, Logs, Access",
            )
        sessions = yield from gather(look(_SESSIONS, me.connection, user=user.id) for user in users)
        emails = tuple(
            user.email
            for user, rows in zip(users, sessions, strict=True)
            if any(self._is(app) for row in rows for app in row.apps)
        )
        says = f"{len(emails)} are signed in to {showable(self.app, limit=80)}"
        return Done(CloudflareAppUsers(emails), says=says, findings=emails)

    def _is(self, app: str) -> bool:
        name, _, uid = app.rpartition(" ")
        return self.app.casefold() in (name.casefold(), uid.casefold())


ACTIONS: tuple[type, ...] = (
    FindCloudflareAccessUser,
    RevokeCloudflareAccessSessions,
    DeleteCloudflareAccessFactor,
    WhoIsInCloudflareApp,
)
