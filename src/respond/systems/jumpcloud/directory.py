"""What JumpCloud does of what a directory is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from respond.core.records import replace
from respond.core.script import Connection, Done, Looking, Me, Script
from respond.systems.directory.vocabulary import (
    Directory,
    Does,
    Lacks,
    ListedUser,
    PersonSeen,
    Target,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.jumpcloud.app_paths import (
    HAVE_APP,
    GiveJumpCloudApp,
    TakeJumpCloudApp,
    WhoHasJumpCloudApp,
    app_called,
)
from respond.systems.jumpcloud.console_admins import (
    ADMINS,
    READ_ONLY,
    ListJumpCloudAdmins,
    key_rotation,
    may_be_ours,
    set_role,
)
from respond.systems.jumpcloud.enrolments import (
    DeactivateJumpCloudDevice,
    ListJumpCloudFactors,
    OpenJumpCloudWindow,
    ResetJumpCloudMfa,
    enrolled,
)
from respond.systems.jumpcloud.insights import KEPT_S, SIGN_INS, ReadJumpCloudEvents
from respond.systems.jumpcloud.keys_left import ListLeftInJumpCloud, RemoveJumpCloudSshKeys
from respond.systems.jumpcloud.system_users import (
    LISTED_USERS,
    JumpCloudUser,
    JumpCloudUserId,
    ResetJumpCloudPassword,
    RestoreJumpCloudUser,
    SuspendJumpCloudUser,
    found,
    seen_user,
)
from respond.systems.rest import noted

__all__ = ["DIRECTORY"]

_STATES: Final = {"ACTIVATED": "active", "SUSPENDED": "suspended"}
_LOOKS_ONLY: Final = frozenset({READ_ONLY, "Billing Only"})


def _find(me: Me, connection: Connection, email: str) -> Looking[PersonSeen]:
    del me
    why: list[str] = []
    user = yield from found(connection, email, why)
    if why:  # Of two with the address one may be unseen: who is meant is not known then.
        return PersonSeen(connection.name, word=why[0])
    admins = yield from ADMINS.of(connection, or_else=noted(why, ()))
    mine = [each for each in admins if each.email.casefold() == email.casefold()]
    administrator = "unknown" if why else "yes" if mine else "no"
    if user.id:
        return PersonSeen(
            connection.name,
            user.id,
            user.name,
            _STATES.get(user.state, "other"),
            user.state,
            _second_factor(user),
            administrator,
        )
    if mine:  # The two are not the same: there is no account to act on by its id.
        word = f"no user, but the administrator {mine[0].says}"
        return PersonSeen(connection.name, state="other", word=word, administrator="yes")
    if why:
        return PersonSeen(connection.name, word=why[0])
    return PersonSeen(connection.name, state="gone", word="nobody has this address")


def _second_factor(user: JumpCloudUser) -> str:
    """A device or a security key may be one without these two saying so."""
    return "yes" if user.has_totp or user.has_mfa else "unknown"


def _user(to: Target) -> JumpCloudUserId:
    return JumpCloudUserId(to.user)


def _reset_factors(me: Me, to: Target) -> Script[Any]:
    if to.factor:
        return DeactivateJumpCloudDevice(_user(to), to.factor).run(me)
    return ResetJumpCloudMfa(_user(to)).run(me)


def _revoke(me: Me, to: Target) -> Script[Any]:
    """SSH keys, and by a person's hands the API key of an administrator."""
    user = yield from seen_user(me, _user(to))
    why: list[str] = []
    seen = yield from ADMINS.of(me.connection, or_else=noted(why, ()))
    lines = [f"UNSEEN: whether {user.name} has an API key: {each}" for each in why]
    mine = [each for each in seen if each.email.casefold() == user.email.casefold()]
    done = yield from RemoveJumpCloudSshKeys(user.id).run(me)
    for admin in mine:
        if may_be_ours(me, admin):  # No reason to leave the SSH keys.
            lines.append(
                f"left to do: {admin.email} has an API key, which may be the one that respond "
                "works with; set identity of the connection, or have them make another one"
            )
        else:
            yield from key_rotation(me, admin)
    return replace(done, findings=tuple(lines)) if isinstance(done, Done) else done


def _remove_rights(me: Me, to: Target) -> Script[Any]:
    user = yield from seen_user(me, _user(to))
    seen = yield from ADMINS.of(me.connection)
    mine = [each for each in seen if each.email.casefold() == user.email.casefold()]
    for admin in mine[:1]:
        if admin.role not in _LOOKS_ONLY:
            yield from set_role(me, admin, READ_ONLY)
    left = tuple(
        f"{admin.email} still sees all that the console shows: have them suspended there "
        "(jumpcloud.suspend_admin)"
        for admin in mine
        if not admin.suspended
    )
    return Done(None, says=f"{user.name} may change nothing in the console", findings=left)


def _on_app(me: Me, to: Target, script: Callable[[str], Script[Any]]) -> Script[Any]:
    app = yield from app_called(me, to.app)
    if not app.id:
        raise GuardRefusedError(
            f"no application is called {to.app}", do="take it of jumpcloud.find_app"
        )
    return (yield from script(app.id))


def _everybody(connection: Connection, unseen: list[str]) -> Looking[tuple[ListedUser, ...]]:
    users = yield from LISTED_USERS.of(connection, or_else=noted(unseen, ()))
    return tuple(
        ListedUser(
            each.id,
            tuple(filter(None, (each.email, each.username))),
            _STATES.get(each.state, "other"),
            each.state,
            "yes" if each.has_mfa else "no",
            factors=tuple(
                filter(
                    None,
                    (
                        "codes of an application" if each.has_totp else "",
                        "security key" if enrolled(each.security_keys) else "",
                        "JumpCloud Go" if enrolled(each.go) else "",
                    ),
                )
            ),
        )
        for each in users
    )


def _assigned(connection: Connection, app: str, unseen: list[str]) -> Looking[frozenset[str]]:
    routes = yield from HAVE_APP.of(connection, or_else=noted(unseen, ()), app=app)
    return frozenset(each.other for each in routes)


DIRECTORY: Final = Directory(
    _find,
    "jumpcloud.find_user",
    {
        "suspend_user": Does(
            lambda me, to: SuspendJumpCloudUser(_user(to)).run(me), "jumpcloud.suspend_user"
        ),
        "restore_user": Does(
            lambda me, to: RestoreJumpCloudUser(_user(to)).run(me), "jumpcloud.restore_user"
        ),
        "end_sessions": Lacks(
            "no API ends sessions alone: suspending logs somebody out of devices and of what "
            "JumpCloud opens; sessions that applications hold go on until they run out",
        ),
        "revoke_grants": Does(_revoke, "jumpcloud.remove_ssh_keys"),
        "reset_factors": Does(
            _reset_factors, "jumpcloud.deactivate_push_device jumpcloud.reset_mfa"
        ),
        "issue_bridge": Does(
            lambda me, to: OpenJumpCloudWindow(_user(to), stolen=to.stolen).run(me),
            "jumpcloud.open_mfa_window",
        ),
        "reset_password": Does(
            lambda me, to: ResetJumpCloudPassword(_user(to)).run(me), "jumpcloud.reset_password"
        ),
        "remove_admin_rights": Does(_remove_rights, "jumpcloud.set_admin_role"),
        "restore_admin_rights": Lacks(
            "what was taken knows the role's name: respond undo RUN gives it back",
            ("Undo the run that took the rights: respond undo RUN.",),
        ),
        "take_app": Does(
            lambda me, to: _on_app(me, to, lambda app: TakeJumpCloudApp(_user(to), app).run(me)),
            "jumpcloud.take_app",
        ),
        "give_app": Does(
            lambda me, to: _on_app(me, to, lambda app: GiveJumpCloudApp(_user(to), app).run(me)),
            "jumpcloud.give_app",
        ),
        "list_factors": Does(
            lambda me, to: ListJumpCloudFactors(_user(to)).run(me), "jumpcloud.list_factors"
        ),
        "list_admins": Does(lambda me, _: ListJumpCloudAdmins().run(me), "jumpcloud.list_admins"),
        "read_sign_ins": Does(
            lambda me, to: ReadJumpCloudEvents(_user(to), to.within(me.now, KEPT_S), SIGN_INS).run(
                me
            ),
            "jumpcloud.read_events",
        ),
        "who_has_app": Does(
            lambda me, to: _on_app(me, to, lambda app: WhoHasJumpCloudApp(app).run(me)),
            "jumpcloud.who_has_app",
        ),
        "list_left_behind": Does(
            lambda me, to: ListLeftInJumpCloud(_user(to)).run(me), "jumpcloud.list_left_behind"
        ),
    },
    _everybody,
    _assigned,
    strong=frozenset({"JumpCloud Go", "security key"}),
)
