"""Suspend accounts of Google Workspace and give them back; sign out, end passwords, mend recovery.

Source: Directory API, users.update and users.signOut; Google's page on compromised accounts. A
suspension alone ends sign-in cookies and the tokens that are out, so it comes first and is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Done,
    DrawnSecret,
    Effect,
    Me,
    Proof,
    Script,
    Subject,
    Undo,
    Write,
    action,
)
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.google.admin_roles import keep_a_google_admin
from respond.systems.google.vendor import PEOPLE, VENDOR, ask
from respond.systems.google.workspace_users import (
    BY_HAND,
    USER,
    GoogleUser,
    OnGoogleUser,
    account_of,
    spare_account,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import change, no_answer, where

__all__ = [
    "ACTIONS", "ResetGooglePassword", "SetGoogleRecovery", "SignOutOfGoogle", "SuspendGoogleUser",
    "UnsuspendGoogleUser",
]  # fmt: skip

_STAY: Final = (
    "mail that is open may stay so for up to an hour; applications that were allowed in and "
    "app passwords go on"
)
_ELSEWHERE: Final = "where another system signs the person in, end its session, and password, there"


def _sets(
    me: Me, user: GoogleUser, body: dict[str, Any], to: Callable[[GoogleUser], GoogleUser],
    **words: Any,
) -> Write[None]:  # fmt: skip
    """The update; fields that are not sent stay as they are."""
    plain = {"target": user.email, "effect": Effect.DESTROYS}
    return change(
        me,
        USER,
        user,
        to,
        Api(ask(me, "PUT", *PEOPLE, "users", user.id, body=body), no_answer),
        ids={"user": user.id},
        foretold=None,
        repeatable=True,  # PUT (RFC 9110, section 9.2.2), and the same values again.
        **{**plain, **words},
    )


def _blind(me: Me, user: GoogleUser, what: str) -> Becomes[Any]:
    subject: Subject[Any] = Subject(f"{me.connection.name}/user/{user.id}/{what}", VENDOR.settle_s)
    return Becomes(subject, lambda before: before)


# --- suspend ------------------------------------------------------------------------------------


@action(
    "google.suspend_user",
    effect=Effect.DESTROYS,
    output=GoogleUser,
    source="Directory API, users.update with suspended",
    by_hand=("Open Directory, Users, the person. Choose Suspend user.", BY_HAND),
)
class SuspendGoogleUser(OnGoogleUser):
    """Suspend an account; that ends its sign-in cookies and tokens, too. New mail bounces."""

    def run(self, me: Me) -> Script[GoogleUser]:
        user = yield from account_of(me, self.user)
        if user.suspended:
            return Done(user, says=f"{user.email} is {user.state} already")
        spare_account(me, user, "suspend")
        yield from keep_a_google_admin(me, user)
        yield from _sets(
            me,
            user,
            {"suspended": True},
            lambda now: replace(now, suspended=True, reason="ADMIN"),
            says=f"suspend {user.email}",
            verb="suspend",
            undo=Undo("google.unsuspend_user", {"user": user.id}),
            breaks=f"{user.email} cannot sign in, and new mail to them bounces; their second steps "
            "and backup codes cannot be changed until the account is given back.",
        )
        after = replace(user, suspended=True, reason="ADMIN")
        return Done(after, says=f"{user.email} is suspended")


@action(
    "google.unsuspend_user",
    effect=Effect.WRITES,
    output=GoogleUser,
    source="Directory API, users.update with suspended",
    by_hand=("Open Directory, Users, the person. Choose Reactivate.", BY_HAND),
)
class UnsuspendGoogleUser(OnGoogleUser):
    """Give a suspended account back. What was left to do because of it, is done now."""

    def run(self, me: Me) -> Script[GoogleUser]:
        user = yield from account_of(me, self.user)
        if not user.suspended:
            return Done(user, says=f"{user.email} is not suspended")
        if user.reason not in {"", "ADMIN"}:
            raise GuardRefusedError(
                f"{user.email} is {user.state}",
                why="not an administrator but Google suspended the account",
                do="ask for it in the Admin console: Directory, Users, the person",
            )
        yield from _sets(
            me,
            user,
            {"suspended": False},
            lambda now: replace(now, suspended=False, reason=""),
            says=f"give {user.email} their account back",
            verb="restore",
            effect=Effect.WRITES,
        )
        after = replace(user, suspended=False, reason="")
        return Done(after, says=f"{user.email} has the account back")


# --- sign out -----------------------------------------------------------------------------------


class SignedOutOfGoogle(Frozen):
    """Whose sessions ended."""

    user: str


@action(
    "google.sign_out",
    effect=Effect.DESTROYS,
    output=SignedOutOfGoogle,
    source="Directory API, users.signOut",
    by_hand=(
        "Open Directory, Users, the person, Security. Choose Sign-in cookies, Reset.",
        BY_HAND,
    ),
)
class SignOutOfGoogle(OnGoogleUser):
    """End an account's sessions on web and devices. A suspension has done so already."""

    def run(self, me: Me) -> Script[SignedOutOfGoogle]:
        user = yield from account_of(me, self.user)
        if user.suspended:
            says = f"{user.email} is suspended, which has ended the sessions"
            return Done(SignedOutOfGoogle(user.id), says=says)
        spare_account(me, user, "sign out")
        yield from Write(
            says=f"sign {user.email} out everywhere",
            verb="end",
            target=user.email,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=Api(ask(me, "POST", *PEOPLE, "users", user.id, "signOut"), no_answer),
            before=None,
            after={"sessions": "ended"},
            becomes=(_blind(me, user, "sessions"),),
            foretold=None,
            proof=Proof.BLIND,  # Nothing lists sessions.
            repeatable=True,  # What is ended stays ended.
            breaks=f"{user.email} signs in again; {_STAY}.",
        )
        return Done(
            SignedOutOfGoogle(user.id),
            says=f"{user.email} is signed out",
            findings=(_STAY, _ELSEWHERE),
        )


# --- passwords ----------------------------------------------------------------------------------


@action(
    "google.reset_password",
    effect=Effect.DESTROYS,
    output=GoogleUser,
    source="Directory API, users.update with password and changePasswordAtNextLogin",
    by_hand=("Open Directory, Users, the person. Choose Reset password.", BY_HAND),
)
class ResetGooglePassword(OnGoogleUser):
    """End a password; nobody knows the new one. A person gives another when it is proved who asks.

    Works while the account is suspended, too.
    """

    def run(self, me: Me) -> Script[GoogleUser]:
        user = yield from account_of(me, self.user)
        spare_account(me, user, "end the password of")
        yield from keep_a_google_admin(me, user)
        # That they have to choose one may have been so before, and then says nothing of the old.
        becomes = USER.subject(me.connection, user=user.id)
        body = {"password": DrawnSecret(), "changePasswordAtNextLogin": True}
        yield from Write(
            says=f"end the password of {user.email}",
            verb="reset",
            target=user.email,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=Api(ask(me, "PUT", *PEOPLE, "users", user.id, body=body), no_answer),
            before=None,
            after={"password": "nobody knows it"},
            becomes=(
                _blind(me, user, "password"),
                Becomes(becomes, lambda now: replace(now, must_change=True)),
            ),
            foretold=None,
            proof=Proof.BLIND,
            repeatable=True,  # Another that nobody knows.
            breaks=f"{user.email} cannot sign in until a person resets the password in the Admin "
            "console and tells them the new one.",
        )
        return Done(
            replace(user, must_change=True),
            says=f"the password of {user.email} is ended",
            findings=(
                f"a person gives {user.email} a new password: Admin console, Reset password",
                _ELSEWHERE,
            ),
        )


# --- recovery -----------------------------------------------------------------------------------

_PHONE: Final = re.compile(r"\+[1-9][0-9]{5,14}")


@action(
    "google.set_recovery",
    effect=Effect.WRITES,
    output=GoogleUser,
    source="Directory API, users.update with recoveryEmail and recoveryPhone",
    by_hand=("Open Directory, Users, the person, Security. Choose Recovery information.", BY_HAND),
)
class SetGoogleRecovery(OnGoogleUser):
    """Set by which address and number an account is recovered; empty: by none.

    Attributes:
        email: The address for recovery; empty: none shall be there.
        phone: The number, as ``+15550100``.
    """

    email: str = field(default="", metadata=STEERS)
    phone: str = field(default="", metadata=STEERS)

    def __post_init__(self) -> None:
        OnGoogleUser.__post_init__(self)
        if self.email:
            one_line("email", self.email)
        if self.phone and not _PHONE.fullmatch(self.phone):
            raise ArgumentError("phone must be a number such as +15550100, or empty")

    def run(self, me: Me) -> Script[GoogleUser]:
        user = yield from account_of(me, self.user)
        after = replace(user, recovery_email=self.email, recovery_phone=self.phone)
        if after != user:
            spare_account(me, user, "change the recovery of")
            yield from self._setting(me, user)
        says = f"{user.email} is recovered by {self.email or 'no address'}, {self.phone or 'no'}"
        return Done(after, says=f"{says}{'' if self.phone else ' number'}")

    def _setting(self, me: Me, user: GoogleUser) -> Generator[Any, Any, None]:
        before = {"email": user.recovery_email, "phone": user.recovery_phone}
        yield from _sets(
            me,
            user,
            {"recoveryEmail": self.email, "recoveryPhone": self.phone},
            lambda now: replace(now, recovery_email=self.email, recovery_phone=self.phone),
            says=f"set how {user.email} is recovered",
            verb="set",
            effect=Effect.WRITES,
            undo=Undo("google.set_recovery", {"user": user.id, **before}),
        )


ACTIONS: tuple[type, ...] = (
    SuspendGoogleUser,
    UnsuspendGoogleUser,
    SignOutOfGoogle,
    ResetGooglePassword,
    SetGoogleRecovery,
)
