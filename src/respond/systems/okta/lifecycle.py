"""Suspend people in Okta and give their accounts back; end their passwords.

Source: Okta Management API, User lifecycle. Only who is ``ACTIVE`` can be suspended, and who is
suspended "can only be unsuspended or deactivated". After a password was ended the user is not
active any more, so suspending comes first.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import field
from typing import Any, Final

from respond.core.records import replace
from respond.core.script import (
    STEERS,
    Api,
    Done,
    Effect,
    Keep,
    Me,
    NotYet,
    Script,
    Undo,
    Write,
    action,
    both,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.okta.roles import keep_a_super_admin, roles_of
from respond.systems.okta.users import USER, OktaUser, OnOktaUser, seen_user, spare_user
from respond.systems.okta.vendor import ask
from respond.systems.rest import change, dig, no_answer
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "ExpireOktaPassword", "ResetOktaPassword", "SuspendOktaUser", "UnsuspendOktaUser",
    "end_password", "suspend", "unsuspend", "why_not_suspended",
]  # fmt: skip

_SIGNS_IN_NOWHERE: Final = frozenset({"SUSPENDED", "DEPROVISIONED"})
_NO_PASSWORD: Final = frozenset({"FEDERATION", "SOCIAL"})
_WAITS_S: Final = 15


def why_not_suspended(user: OktaUser) -> str:
    """Why Okta would refuse to suspend them now; empty where it would not."""
    return "" if user.status == "ACTIVE" else f"Okta suspends only who is ACTIVE, not {user.status}"


def on_the_way(user: OktaUser) -> NotYet | None:
    """Okta is changing the status: what is seen now is the old one."""
    if not user.becoming:
        return None
    return NotYet(f"Okta is making {user.login} {user.becoming}", _WAITS_S)


def _brings(me: Me, user: OktaUser, status: str, transition: str, **words: Any) -> Write[None]:
    """The transition of this name."""
    call = ask(me, "POST", "users", user.id, "lifecycle", transition)
    plain: dict[str, Any] = {
        "verb": transition,
        "target": user.login,
        "hands": Api(call, no_answer),
    }
    return change(
        me,
        USER,
        user,
        lambda now: replace(now, status=status),
        ids={"user": user.id},
        foretold=None,
        repeatable=True,  # Where it is so already, Okta refuses and changes nothing.
        **{**plain, **words},
    )


# --- suspend ------------------------------------------------------------------------------------


def suspend(me: Me, user: OktaUser) -> Generator[Any, Any, None]:
    """Suspend an active user.

    Raises:
        GuardRefusedError: They have to stay, or Okta suspends nobody in this status.
    """
    _, roles = yield from both(spare_user(me, user, "suspend"), roles_of(me, user.id))
    yield from keep_a_super_admin(me, user, roles)
    if why := why_not_suspended(user):
        raise GuardRefusedError(
            f"{user.login} cannot be suspended",
            why=why,
            do="end the password with okta.reset_password, or deactivate them in the Admin Console",
        )
    yield from _brings(
        me,
        user,
        "SUSPENDED",
        "suspend",
        says=f"suspend {user.login}",
        effect=Effect.DESTROYS,
        undo=Undo("okta.unsuspend_user", {"user": user.id}),
        breaks=f"{user.login} cannot sign in to Okta any more; sessions that applications hold "
        "go on.",
    )


def unsuspend(me: Me, user: OktaUser) -> Generator[Any, Any, None]:
    """Give a suspended user back, groups and applications with them.

    Raises:
        GuardRefusedError: They are not suspended.
    """
    if user.status != "SUSPENDED":
        raise GuardRefusedError(
            f"{user.login} is {user.status}, not SUSPENDED",
            why="Okta gives back only who is suspended",
        )
    says = f"give {user.login} their account back"
    yield from _brings(me, user, "ACTIVE", "unsuspend", says=says, effect=Effect.WRITES)


@action(
    "okta.suspend_user",
    effect=Effect.DESTROYS,
    output=OktaUser,
    source="Okta Management API, POST /api/v1/users/{id}/lifecycle/suspend",
    by_hand=(
        "Open Directory, People, the person. Choose More Actions, Suspend.",
        "https://login.okta.com",
    ),
)
class SuspendOktaUser(OnOktaUser):
    """Suspend a user, so that no new session can start. Sessions that applications hold go on."""

    def run(self, me: Me) -> Script[OktaUser]:
        user = yield from seen_user(me, self.user)
        if (wait := on_the_way(user)) is not None:
            return wait
        if user.status in _SIGNS_IN_NOWHERE:
            return Done(user, says=f"{user.login} is {user.status} already")
        yield from suspend(me, user)
        return Done(replace(user, status="SUSPENDED"), says=f"{user.login} is suspended")


@action(
    "okta.unsuspend_user",
    effect=Effect.WRITES,
    output=OktaUser,
    source="Okta Management API, POST /api/v1/users/{id}/lifecycle/unsuspend",
)
class UnsuspendOktaUser(OnOktaUser):
    """Give a suspended account back, with its groups and applications."""

    def run(self, me: Me) -> Script[OktaUser]:
        user = yield from seen_user(me, self.user)
        if (wait := on_the_way(user)) is not None:
            return wait
        if user.status == "ACTIVE":
            return Done(user, says=f"{user.login} is active already")
        yield from unsuspend(me, user)
        return Done(replace(user, status="ACTIVE"), says=f"{user.login} has the account back")


# --- passwords ----------------------------------------------------------------------------------


def end_password(
    me: Me, user: OktaUser, status: str, transition: str, **words: Any
) -> Generator[Any, Any, None]:
    """Bring the password to its end.

    Raises:
        GuardRefusedError: Okta does not hold it, cannot end it in this status, or it is ours.
    """
    if user.provider in _NO_PASSWORD:
        raise GuardRefusedError(
            f"{user.login} has no password in Okta",
            why=f"{user.provider} checks it",
            do="end it there",
        )
    if user.status in {"STAGED", *_SIGNS_IN_NOWHERE}:
        raise GuardRefusedError(
            f"the password of {user.login} cannot be ended while they are {user.status}",
            why="who is suspended can only be given back or deactivated",
            do="end the password directly after the account is given back",
        )
    _, roles = yield from both(spare_user(me, user, "end the password of"), roles_of(me, user.id))
    yield from keep_a_super_admin(me, user, roles)
    more = " In Active Directory, too." if user.provider == "ACTIVE_DIRECTORY" else ""
    yield from _brings(
        me,
        user,
        status,
        transition,
        effect=Effect.DESTROYS,
        **{**words, "breaks": f"{words['breaks']}{more}"},
    )


@action(
    "okta.expire_password",
    effect=Effect.DESTROYS,
    output=OktaUser,
    source="Okta Management API, POST /api/v1/users/{id}/lifecycle/expire_password",
)
class ExpireOktaPassword(OnOktaUser):
    """Make a user change their password. Against a thief who knows it this is useless."""

    def run(self, me: Me) -> Script[OktaUser]:
        user = yield from seen_user(me, self.user)
        if user.status in {"PASSWORD_EXPIRED", "RECOVERY"}:
            return Done(user, says=f"{user.login} is {user.status} already")
        yield from end_password(
            me,
            user,
            "PASSWORD_EXPIRED",
            "expire_password",
            verb="expire",
            says=f"expire the password of {user.login}",
            breaks=f"{user.login} changes the password at the next sign-in, with the old one; "
            "until then they cannot be suspended.",
        )
        says = f"the password of {user.login} is expired"
        return Done(replace(user, status="PASSWORD_EXPIRED"), says=says)


@action(
    "okta.reset_password",
    effect=Effect.DESTROYS,
    output=OktaUser,
    source="Okta Management API, POST /api/v1/users/{id}/lifecycle/reset_password",
)
class ResetOktaPassword(OnOktaUser):
    """End a password and every session at Okta; no letter is sent, since a thief may read it.

    Attributes:
        sink: Where the link goes with which a new one is chosen: ``screen``. Empty: nobody gets it,
            and another is made by hand when the person is proved.
    """

    sink: str = field(default="", metadata=STEERS)

    def run(self, me: Me) -> Script[OktaUser]:
        user = yield from seen_user(me, self.user)
        handle = me.handle("link")
        held = handle.name in me.held
        if user.status == "RECOVERY" and not held:
            kept = ("its link is not kept; another is made in the Admin Console: Reset Password",)
            says = f"the password of {user.login} is ended already"
            return Done(user, says=says, findings=kept if self.sink else ())
        if user.status != "RECOVERY":
            yield from self._reset(me, user)
        if self.sink:
            sink = sink_of(self.sink, me)
            seen = yield from sink.look(me, handle if held else None)
            if not seen.holds:
                yield from sink.deliver(me, seen, handle, f"the reset link of {user.login}")
        return Done(replace(user, status="RECOVERY"), says=f"the password of {user.login} is ended")

    def _reset(self, me: Me, user: OktaUser) -> Generator[Any, Any, None]:
        handle = me.handle("link")
        call = ask(
            me,
            "POST",
            "users",
            user.id,
            "lifecycle",
            "reset_password",
            query=(("sendEmail", "false"), ("revokeSessions", "true")),
        )
        keep = Keep(
            handle.name,
            lambda body: str(dig(body, "resetPasswordUrl") or ""),
            frozenset({"resetPasswordUrl"}),
        )
        yield from end_password(
            me,
            user,
            "RECOVERY",
            "reset_password",
            verb="reset",
            hands=Api(call, no_answer, keep if self.sink else None),
            says=f"end the password of {user.login}, and every session at Okta",
            breaks=f"{user.login} cannot sign in until a new password is chosen with the link; "
            "until then they cannot be suspended.",
        )


ACTIONS: tuple[type, ...] = (
    SuspendOktaUser,
    UnsuspendOktaUser,
    ExpireOktaPassword,
    ResetOktaPassword,
)
