"""People whom JumpCloud signs in: find them, suspend them, give the account back, end the password.

Source: API 1.0, ``/systemusers``. A search only finds ids: what is shown, judged and proved is read
by id. Whoever is an administrator besides stays one when the user is suspended.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Final, NewType

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Done,
    DrawnSecret,
    Effect,
    Looking,
    Me,
    Proof,
    Script,
    Subject,
    Undo,
    Write,
    action,
    gather,
)
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.guards import GuardRefusedError, only_one, spare
from respond.systems.jumpcloud.console_admins import admins_called, keep_an_admin
from respond.systems.jumpcloud.ids import check_object_id
from respond.systems.jumpcloud.planned import JumpCloudJob, cancel, reactivations
from respond.systems.jumpcloud.vendor import LISTED, PAGES, VENDOR, ask
from respond.systems.rest import KEPT, Thing, at, change, no_answer, noted, one, rows, stamp, where

__all__ = [
    "ACTIONS",
    "LISTED_USERS",
    "NOBODY",
    "USER",
    "ExpireJumpCloudPassword",
    "FindJumpCloudUser",
    "JumpCloudUser",
    "JumpCloudUserId",
    "OnJumpCloudUser",
    "ResetJumpCloudPassword",
    "RestoreJumpCloudUser",
    "SuspendJumpCloudUser",
    "found",
    "seen_user",
    "spare_user",
]

JumpCloudUserId = NewType("JumpCloudUserId", str)
"""``64b000000000000000000001``: never an address, which may come to mean somebody else."""

_PEOPLE: Final = ("Open User Management, Users, the person.", "https://console.jumpcloud.com/")


def _moment(found: Any) -> str:
    """A time, written as we write it: what was set has to be what is seen."""
    text = showable(found, limit=40) if isinstance(found, str) else ""
    try:
        return stamp(int(datetime.fromisoformat(text).timestamp()))
    except ValueError:
        return text


class JumpCloudUser(Frozen):
    """A user as JumpCloud has them now; without an id there is none.

    Attributes:
        state: ``ACTIVATED``, ``SUSPENDED``, ``STAGED``.
        has_mfa: JumpCloud says that a second factor is set up, of whatever kind.
        has_totp: A code of an application is enrolled.
        exclusion: Nobody asks for a second factor,
        exclusion_until: up to then.
        security_keys: JumpCloud's own word for whether there are any.
        go: Its word for whether they confirm with JumpCloud Go.
        managed_by: The outside directory that the account comes of.
    """

    id: JumpCloudUserId = at("_id")
    email: str = at("email", default="")
    username: str = at("username", default="")
    state: str = at("state", limit=40, is_needed=True, default="")
    suspended: bool = at("suspended", default=False)
    password_expired: bool = at("password_expired", default=False)
    has_mfa: bool = at("mfa.configured", default=False)
    has_totp: bool = at("totp_enabled", default=False)
    exclusion: bool = at("mfa.exclusion", default=False)
    exclusion_until: str = at("mfa.exclusionUntil", read=_moment, default="")
    security_keys: str = at("mfaEnrollment.webAuthnStatus", limit=40, default="")
    go: str = at("mfaEnrollment.jcGoStatus", limit=40, default="")
    managed_by: str = at("external_source_type", limit=60, default="")

    @property
    def name(self) -> str:
        return self.email or self.username


NOBODY: Final = JumpCloudUser(JumpCloudUserId(""))
USER: Final = Thing(
    VENDOR,
    "user/{user}",
    ("systemusers", "{user}"),
    one(JumpCloudUser),
    gone=NOBODY,
    surface="v1",
    evidence=KEPT,
)


class _Hit(Frozen):
    id: JumpCloudUserId = at("_id")


LISTED_USERS: Final = Thing(
    VENDOR,
    "users-listed",
    ("systemusers",),
    rows(JumpCloudUser, "results"),
    pages=PAGES,
    query=(*LISTED, ("sort", "_id")),
    surface="v1",
)
_SEARCHED: Final = Thing(
    VENDOR,
    "users-searched/{email}",
    ("systemusers",),
    rows(_Hit, "results"),
    pages=PAGES,
    query=(*LISTED, ("sort", "_id"), ("fields", "email"), ("filter", "email:$eq:{email}")),
    surface="v1",
)


def found(
    connection: Connection, email: str, unseen: list[str] | None = None
) -> Looking[JumpCloudUser]:
    """The one user of this address, read by id; ``NOBODY`` where there is none.

    Whether the search minds capitals, JumpCloud does not say: it is asked as given, and without.

    Args:
        unseen: Gets why something could not be looked at, instead of the script's end there.

    Raises:
        GuardRefusedError: Several have it.
    """
    rows_or, one_or = noted(unseen, ()), noted(unseen, NOBODY)
    wanted = email.casefold()
    hits = yield from gather(
        _SEARCHED.of(connection, or_else=rows_or, email=each)
        for each in dict.fromkeys((email, wanted))
    )
    ids = dict.fromkeys(hit.id for each in hits for hit in each)
    users = yield from gather(USER.of(connection, or_else=one_or, user=each) for each in ids)
    called = [user for user in users if user.id and user.email.casefold() == wanted]
    return only_one(
        email,
        called,
        NOBODY,
        says=lambda user: f"{user.username} ({user.id})",
        do="act on the id",
    )


def seen_user(me: Me, user: JumpCloudUserId) -> Looking[JumpCloudUser]:
    """The user of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from USER.of(me.connection, user=user)
    if not seen.id:
        raise GuardRefusedError(f"there is no user {user}", do="take it of jumpcloud.find_user")
    return seen


def spare_user(me: Me, user: JumpCloudUser, verb: str) -> None:
    """Never the operator, an emergency account, or whom we work as (P8)."""
    spare(me, verb, user.name, user.username)


class OnJumpCloudUser(Frozen):
    """An action on one user. Attributes: user: Their id, from ``jumpcloud.find_user``."""

    user: JumpCloudUserId

    def __post_init__(self) -> None:
        check_object_id("user", self.user)


@action(
    "jumpcloud.find_user",
    effect=Effect.READS,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, GET /systemusers and /systemusers/{id}",
)
class FindJumpCloudUser(Frozen):
    """Find a user by e-mail address. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: Their address.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from found(me.connection, self.email)
        return Done(user, says=f"{user.name} is {user.state}" if user.id else "no such user")


# --- suspended and given back -------------------------------------------------------------------


def _brings(me: Me, user: JumpCloudUser, state: str, **words: Any) -> Generator[Any, Any, None]:
    call = ask(me, "PUT", "v1", "systemusers", user.id, body={"state": state})
    yield from change(
        me,
        USER,
        user,
        lambda now: replace(now, state=state, suspended=state == "SUSPENDED"),
        Api(call, no_answer),
        ids={"user": user.id},
        target=user.name,
        foretold=None,
        repeatable=True,  # PUT (RFC 9110, section 9.2.2).
        **words,
    )


def _what_undoes_it(
    me: Me, user: JumpCloudUser, left: Sequence[JumpCloudJob], unseen: Sequence[str]
) -> Looking[tuple[str, ...]]:
    """What may let somebody in all the same."""
    lines = [f"UNSEEN: whether {user.name} is to be given back some time: {w}" for w in unseen]
    lines += [
        f"{user.name} is to be given back at {job.when}, with {len(job.users) - 1} others: cancel "
        "that with jumpcloud.cancel_reactivations"
        for job in left
    ]
    if user.managed_by:
        lines.append(
            f"{user.name} comes of {user.managed_by}, which may give them back: suspend them there"
        )
    lines += [
        f"{admin.email} is an administrator, too ({admin.role}): the console stays open to them; "
        "take the role with jumpcloud.set_admin_role, have them suspended in the console"
        for admin in (yield from admins_called(me, user.email))
        if not admin.suspended
    ]
    return tuple(lines)


@action(
    "jumpcloud.suspend_user",
    effect=Effect.DESTROYS,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, PUT /systemusers/{id} (state)",
    by_hand=(*_PEOPLE[:1], "Choose Suspend. Delete nobody.", _PEOPLE[1]),
)
class SuspendJumpCloudUser(OnJumpCloudUser):
    """Suspend a user, who is logged out of devices, and cancel what would give them back."""

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from seen_user(me, self.user)
        unseen: list[str] = []
        jobs = yield from reactivations(me, user.id, unseen)
        # What is about others besides is a step of its own; who is new may be planned to begin.
        mine = [job for job in jobs if len(job.users) == 1 and user.state != "STAGED"]
        left = [job for job in jobs if job not in mine]
        more = yield from _what_undoes_it(me, user, left, unseen)
        if user.state == "STAGED":
            return Done(user, says=f"{user.name} is STAGED, not active yet", findings=more)
        if mine or user.state != "SUSPENDED":
            spare_user(me, user, "suspend")
        if user.state != "SUSPENDED":
            yield from self._suspend(me, user)
        for job in mine:
            yield from cancel(me, user.id, job)
        after = replace(user, state="SUSPENDED", suspended=True)
        return Done(after, says=f"{user.name} is suspended", findings=more)

    def _suspend(self, me: Me, user: JumpCloudUser) -> Generator[Any, Any, None]:
        yield from keep_an_admin(me, user.email)
        yield from _brings(
            me,
            user,
            "SUSPENDED",
            says=f"suspend {user.name}",
            verb="suspend",
            effect=Effect.DESTROYS,
            undo=Undo("jumpcloud.restore_user", {"user": user.id})
            if user.state == "ACTIVATED"
            else None,
            breaks=f"{user.name} is logged out of devices (of Windows Home when it restarts) and "
            "can sign in to nothing; sessions that applications hold go on.",
        )


@action(
    "jumpcloud.restore_user",
    effect=Effect.WRITES,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, PUT /systemusers/{id} (state)",
)
class RestoreJumpCloudUser(OnJumpCloudUser):
    """Give a suspended account back."""

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from seen_user(me, self.user)
        if user.state == "ACTIVATED" and not user.suspended:
            return Done(user, says=f"{user.name} is active already")
        if user.state not in {"ACTIVATED", "SUSPENDED"}:
            raise GuardRefusedError(
                f"{user.name} is {user.state}, not suspended",
                why="an account that was never active is activated with a letter to its owner",
                do="activate them in the console, when they are proved",
            )
        yield from _brings(
            me,
            user,
            "ACTIVATED",
            says=f"give {user.name} their account back",
            verb="restore",
            effect=Effect.WRITES,
            undo=Undo("jumpcloud.suspend_user", {"user": user.id}),
        )
        after = replace(user, state="ACTIVATED", suspended=False)
        return Done(after, says=f"{user.name} has the account back")


# --- the password -------------------------------------------------------------------------------


@action(
    "jumpcloud.expire_password",
    effect=Effect.DESTROYS,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, POST /systemusers/{id}/expire",
)
class ExpireJumpCloudPassword(OnJumpCloudUser):
    """Expire a user's password. Whoever knows it, or reads their mail, chooses the new one."""

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from seen_user(me, self.user)
        if not user.password_expired:
            spare_user(me, user, "expire the password of")
            yield from change(
                me,
                USER,
                user,
                lambda now: replace(now, password_expired=True),
                Api(ask(me, "POST", "v1", "systemusers", user.id, "expire"), no_answer),
                ids={"user": user.id},
                says=f"expire the password of {user.name}",
                verb="expire",
                target=user.name,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # What is expired stays so.
                breaks=f"{user.name} has to choose a new password. There is no way back. Who "
                "reads their mail can choose it, as who knows the old one: end it against a thief.",
            )
        after = replace(user, password_expired=True)
        return Done(after, says=f"the password of {user.name} is expired")


@action(
    "jumpcloud.reset_password",
    effect=Effect.DESTROYS,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, PUT /systemusers/{id} (password)",
    by_hand=(*_PEOPLE[:1], "Set a password that nobody keeps.", _PEOPLE[1]),
)
class ResetJumpCloudPassword(OnJumpCloudUser):
    """End a user's password: another one is set that nobody knows."""

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from seen_user(me, self.user)
        if user.managed_by:
            raise GuardRefusedError(
                f"{user.name} comes of {user.managed_by}",
                why="the password is kept there, and may be put here again",
                do="end it there",
            )
        spare_user(me, user, "end the password of")
        ended: Subject[Any] = Subject(
            f"{me.connection.name}/user/{user.id}/password", VENDOR.settle_s
        )
        body = {"password": DrawnSecret()}
        yield from Write(
            says=f"end the password of {user.name}",
            verb="reset",
            target=user.name,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=Api(ask(me, "PUT", "v1", "systemusers", user.id, body=body), no_answer),
            before=None,
            after={"password": "nobody knows it"},
            becomes=(Becomes(ended, lambda before: before),),
            foretold=None,
            proof=Proof.BLIND,  # Nothing shows when it was set.
            repeatable=True,  # Another one that nobody knows.
            breaks=f"{user.name} cannot sign in, on devices neither, until they get another "
            "password. Where people may reset their own, who reads their mail can: then suspend.",
        )
        left = f"a person gives {user.name} a new password in the console, when they are proved"
        return Done(user, says=f"the password of {user.name} is ended", findings=(left,))


ACTIONS: tuple[type, ...] = (
    FindJumpCloudUser,
    SuspendJumpCloudUser,
    RestoreJumpCloudUser,
    ExpireJumpCloudPassword,
    ResetJumpCloudPassword,
)
