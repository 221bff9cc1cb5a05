"""Disable users of Entra and enable them again; end their sessions and their passwords.

Source: Microsoft Graph v1.0, user: update, revokeSignInSessions. Disabling stops new tokens alone:
sessions are ended as well. Both show in the user, some minutes later.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Done,
    DrawnSecret,
    Effect,
    Me,
    Proof,
    Reply,
    Script,
    Undo,
    Write,
    action,
)
from respond.systems.entra.role_assignments import (
    held_roles,
    keep_a_global_admin,
    why_perhaps_refused,
)
from respond.systems.entra.tenant_users import (
    ENTRA_USER,
    EntraUser,
    OnEntraUser,
    seen_entra_user,
    spare_entra_user,
)
from respond.systems.entra.vendor import REVOKED_SOON_S, VENDOR, about, ask, moment
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, change, dig, no_answer, stamp

__all__ = [
    "ACTIONS", "DisableEntraUser", "EnableEntraUser", "EntraSince", "ResetEntraPassword",
    "RevokeEntraSessions",
]  # fmt: skip

_EDGE_S: Final = 2
"""Moments are told in whole seconds, and clocks are compared by a header."""
_LIVE_ON: Final = (
    "access tokens that were issued live on for up to about an hour, but for services that are "
    "told at once (continuous access evaluation: those of Microsoft 365)"
)
_SYNCED: Final = (
    "Active Directory is the master of {login}: do it there, too, or a sync may take it back"
)


class EntraSince(Frozen):
    """From when something is good, in seconds since 1970 by our clock."""

    at_s: int


def _since(name: str, what: str) -> Thing[EntraSince]:
    def parse(replies: Sequence[Reply]) -> EntraSince:
        return EntraSince(moment(dig(replies[0].body, what), replies[0]))

    query = (("$select", f"id,{what}"),)
    path, late = ("users", "{user}"), REVOKED_SOON_S
    return Thing(VENDOR, f"user/{{user}}/{name}", path, parse, query=query, settle_s=late)


_SESSIONS: Final = _since("sessions-since", "signInSessionsValidFromDateTime")
_PASSWORD: Final = _since("password-since", "lastPasswordChangeDateTime")


def _set(me: Me, user: EntraUser, **body: Any) -> Api[None]:
    call = ask(me, "PATCH", "users", user.id, body=about("user", **body))
    return Api(call, no_answer)


def _switched(me: Me, user: EntraUser, *, on: bool, **words: Any) -> Write[None]:
    verb = "enable" if on else "disable"
    return change(
        me,
        ENTRA_USER,
        user,
        lambda now: replace(now, is_enabled=on),
        _set(me, user, accountEnabled=on),
        ids={"user": user.id},
        says=f"{verb} {user.login}",
        verb=verb,
        target=user.login,
        foretold=None,
        repeatable=True,  # PATCH to the same value.
        **words,
    )


def _synced(user: EntraUser) -> tuple[str, ...]:
    return (_SYNCED.format(login=user.login),) if user.is_synced else ()


# --- disable and enable -------------------------------------------------------------------------


@action(
    "entra.disable_user",
    effect=Effect.DESTROYS,
    output=EntraUser,
    source="Microsoft Graph v1.0, PATCH /users/{id}",
    by_hand=(
        "Open Users, the person. Choose Edit account status, clear Account enabled, Save.",
        "https://entra.microsoft.com",
    ),
)
class DisableEntraUser(OnEntraUser):
    """Disable a user, so that no new token is issued. Sessions go on: end them as well."""

    def run(self, me: Me) -> Script[EntraUser]:
        user = yield from seen_entra_user(me, self.user)
        if not user.is_enabled:
            return Done(user, says=f"{user.login} is disabled already", findings=_synced(user))
        spare_entra_user(me, user, "disable")
        held = yield from held_roles(me, self.user)
        yield from keep_a_global_admin(me, user, held.active)
        perhaps = yield from why_perhaps_refused(me, user, held)
        yield from _switched(
            me,
            user,
            on=False,
            effect=Effect.DESTROYS,
            undo=Undo("entra.enable_user", {"user": user.id}),
            breaks=f"{user.login} cannot sign in any more; sessions go on until they are ended. "
            "Given back, mail and files may take 15 to 40 minutes to open again.",
        )
        findings = (*_synced(user), *perhaps)
        return Done(
            replace(user, is_enabled=False), says=f"{user.login} is disabled", findings=findings
        )


@action(
    "entra.enable_user",
    effect=Effect.WRITES,
    output=EntraUser,
    source="Microsoft Graph v1.0, PATCH /users/{id}",
)
class EnableEntraUser(OnEntraUser):
    """Let a disabled user sign in again. Mail and files may take 15 to 40 minutes more."""

    def run(self, me: Me) -> Script[EntraUser]:
        user = yield from seen_entra_user(me, self.user)
        if user.is_enabled:
            return Done(user, says=f"{user.login} is enabled already")
        yield from _switched(me, user, on=True, effect=Effect.WRITES)
        says = f"{user.login} is enabled"
        return Done(replace(user, is_enabled=True), says=says, findings=_synced(user))


# --- what shows as a moment ---------------------------------------------------------------------


def _ends(
    me: Me,
    user: EntraUser,
    thing: Thing[EntraSince],
    seen: EntraSince,
    hands: Callable[[], Api[None]],
    **words: Any,
) -> Generator[Any, Any, None]:
    """End what there is; it is seen where it was older than this run."""
    # That it is newer than this run says not by whom: whoever has the account may have been first.
    is_older = seen.at_s < me.now - _EDGE_S
    write = change(
        me,
        thing,
        seen,
        lambda now: replace(now, at_s=max(now.at_s, me.now)),
        hands(),
        ids={"user": user.id},
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        proof=Proof.SEEN if is_older else Proof.BLIND,
        **words,
    )
    # The same in both cases, so that one yes and one answer are good for both.
    yield from replace(write, before=None, after={"since": f"{stamp(me.now)} or later"})


@action(
    "entra.revoke_sessions",
    effect=Effect.DESTROYS,
    output=EntraUser,
    source="Microsoft Graph v1.0, POST /users/{id}/revokeSignInSessions",
    by_hand=(
        "Open Users, the person. Choose Revoke sessions.",
        "https://entra.microsoft.com",
    ),
)
class RevokeEntraSessions(OnEntraUser):
    """End a user's sessions: refresh tokens and cookies. There is no way back, and no harm."""

    def run(self, me: Me) -> Script[EntraUser]:
        user = yield from seen_entra_user(me, self.user)
        if user.kind == "Guest":
            raise GuardRefusedError(
                f"{user.login} is a guest",
                why="a guest signs in to their own tenant, and sessions are ended there",
                do="disable them here, and tell their own company",
            )
        spare_entra_user(me, user, "sign out")
        seen = yield from _SESSIONS.of(me.connection, user=self.user)
        # The long name is the one that the description has.
        path = ("users", user.id, "microsoft.graph.revokeSignInSessions")
        yield from _ends(
            me,
            user,
            _SESSIONS,
            seen,
            lambda: Api(ask(me, "POST", *path), no_answer),
            says=f"end the sessions of {user.login}",
            verb="end",
            repeatable=True,  # What is ended stays ended.
            breaks=f"{user.login} signs in again everywhere; {_LIVE_ON}.",
        )
        return Done(user, says=f"the sessions of {user.login} are ended", findings=(_LIVE_ON,))


@action(
    "entra.reset_password",
    effect=Effect.DESTROYS,
    output=EntraUser,
    source="Microsoft Graph v1.0, PATCH /users/{id} with passwordProfile",
)
class ResetEntraPassword(OnEntraUser):
    """End a password: another one is set that nobody knows. Sessions are not ended by it.

    The person gets in with an access pass, or with a password that an administrator makes by hand.
    """

    def run(self, me: Me) -> Script[EntraUser]:
        user = yield from seen_entra_user(me, self.user)
        if user.kind == "Guest":
            raise GuardRefusedError(
                f"{user.login} is a guest", why="their own tenant holds the password"
            )
        spare_entra_user(me, user, "end the password of")
        held = yield from held_roles(me, self.user)
        perhaps = yield from why_perhaps_refused(me, user, held)
        seen = yield from _PASSWORD.of(me.connection, user=self.user)
        yield from keep_a_global_admin(me, user, held.active)
        profile = {"password": DrawnSecret(), "forceChangePasswordNextSignIn": True}
        yield from _ends(
            me,
            user,
            _PASSWORD,
            seen,
            lambda: _set(me, user, passwordProfile=profile),
            says=f"end the password of {user.login}",
            verb="reset",
            repeatable=True,  # Another one that nobody knows.
            breaks=f"{user.login} cannot sign in with a password until they get one by hand; "
            "an access pass lets them in meanwhile. Sessions go on until they are ended.",
        )
        findings = (*_synced(user), *perhaps)
        return Done(user, says=f"the password of {user.login} is ended", findings=findings)


ACTIONS: tuple[type, ...] = (
    DisableEntraUser,
    EnableEntraUser,
    RevokeEntraSessions,
    ResetEntraPassword,
)
