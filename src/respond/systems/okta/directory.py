"""What Okta does of what a directory is asked for."""

from __future__ import annotations

from typing import Any, Final

from respond.core.script import Connection, Done, Looking, Me, Script, both
from respond.core.shapes import Timestamp
from respond.systems.directory.vocabulary import (
    Directory,
    Does,
    Lacks,
    ListedUser,
    PersonSeen,
    Target,
)
from respond.systems.okta.apps import APP_USERS, AssignOktaApp, UnassignOktaApp, WhoHasOktaApp
from respond.systems.okta.factors import (
    FACTORS,
    CreateOktaAccessCode,
    DeleteOktaFactor,
    ListOktaFactors,
    ResetOktaFactors,
    without_those_that_stay,
)
from respond.systems.okta.lifecycle import ResetOktaPassword, SuspendOktaUser, UnsuspendOktaUser
from respond.systems.okta.roles import ROLES, ListOktaAdmins, remove_roles, roles_of
from respond.systems.okta.signing_out import RevokeOktaGrants, SignOutOfOkta
from respond.systems.okta.system_log import ListLeftInOkta, ReadOktaLog
from respond.systems.okta.users import LISTED, OktaUserId, found, seen_user
from respond.systems.rest import noted

__all__ = ["DIRECTORY"]

_STATES: Final = {"ACTIVE": "active", "SUSPENDED": "suspended", "DEPROVISIONED": "other"}
_KEPT_S: Final = 90 * 86_400


def _find(me: Me, connection: Connection, email: str) -> Looking[PersonSeen]:
    del me
    why: list[str] = []
    user = yield from found(connection, email, why)
    if why:  # Of two with the address one may be unseen: who is meant is not known then.
        return PersonSeen(connection.name, word=why[0])
    if not user.id:
        return PersonSeen(connection.name, state="gone", word="nobody has this address")
    no_roles: list[str] = []
    no_factors: list[str] = []
    roles, factors = yield from both(
        ROLES.of(connection, or_else=noted(no_roles, ()), user=user.id),
        FACTORS.of(connection, or_else=noted(no_factors, ()), user=user.id),
    )
    return PersonSeen(
        connection.name,
        user.id,
        user.login,
        _STATES.get(user.status, "other"),
        user.status,
        "unknown" if no_factors else _told(without_those_that_stay(factors)),
        "unknown" if no_roles else _told(roles),
        Timestamp(user.last_login),
    )


def _told(seen: tuple[Any, ...]) -> str:
    return "yes" if seen else "no"


def _user(to: Target) -> OktaUserId:
    return OktaUserId(to.user)


def _reset_factors(me: Me, to: Target) -> Script[Any]:
    if to.factor:
        return DeleteOktaFactor(_user(to), to.factor).run(me)
    return ResetOktaFactors(_user(to)).run(me)


def _remove_rights(me: Me, to: Target) -> Script[Any]:
    user, roles = yield from both(seen_user(me, _user(to)), roles_of(me, to.user))
    own = tuple(role for role in roles if role.how != "GROUP")
    if own:
        yield from remove_roles(me, user, own)
    of_groups = tuple(
        f"{role.type} of {user.login} comes of a group: take them out of it"
        for role in roles
        if role.how == "GROUP"
    )
    says = f"{user.login} has no administrator role of their own"
    return Done(None, says=says, findings=of_groups, proved=not of_groups)


def _everybody(connection: Connection, unseen: list[str]) -> Looking[tuple[ListedUser, ...]]:
    """The list leaves out whom Okta calls deprovisioned: they are gone."""
    users = yield from LISTED.of(connection, or_else=noted(unseen, ()))
    return tuple(
        ListedUser(
            each.id,
            tuple(filter(None, (each.login, each.email))),
            _STATES.get(each.status, "other"),
            each.status,
        )
        for each in users
    )


def _assigned(connection: Connection, app: str, unseen: list[str]) -> Looking[frozenset[str]]:
    users = yield from APP_USERS.of(connection, or_else=noted(unseen, ()), app=app)
    return frozenset(each.id for each in users)


def _factors(connection: Connection, user: str, unseen: list[str]) -> Looking[tuple[str, ...]]:
    seen = yield from FACTORS.of(connection, or_else=noted(unseen, ()), user=user)
    return tuple(each.type for each in without_those_that_stay(seen))


DIRECTORY: Final = Directory(
    _find,
    "okta.find_user",
    {
        "suspend_user": Does(
            lambda me, to: SuspendOktaUser(_user(to)).run(me), "okta.suspend_user"
        ),
        "restore_user": Does(
            lambda me, to: UnsuspendOktaUser(_user(to)).run(me), "okta.unsuspend_user"
        ),
        "end_sessions": Does(
            lambda me, to: SignOutOfOkta(_user(to)).run(me), "okta.sign_out_everywhere"
        ),
        "revoke_grants": Does(
            lambda me, to: RevokeOktaGrants(_user(to)).run(me), "okta.revoke_grants"
        ),
        "reset_factors": Does(_reset_factors, "okta.delete_factor okta.reset_all_factors"),
        "issue_bridge": Does(
            lambda me, to: CreateOktaAccessCode(_user(to)).run(me),
            "okta.create_temporary_access_code",
        ),
        "reset_password": Does(
            lambda me, to: ResetOktaPassword(_user(to)).run(me), "okta.reset_password"
        ),
        "remove_admin_rights": Does(_remove_rights, "okta.remove_role"),
        "restore_admin_rights": Lacks(
            "what was taken knows its targets: respond undo RUN gives it back with them",
            ("Undo the run that took the rights: respond undo RUN.",),
        ),
        "take_app": Does(
            lambda me, to: UnassignOktaApp(_user(to), to.app).run(me), "okta.unassign_app"
        ),
        "give_app": Does(
            lambda me, to: AssignOktaApp(_user(to), to.app).run(me), "okta.assign_app"
        ),
        "list_factors": Does(
            lambda me, to: ListOktaFactors(_user(to)).run(me), "okta.list_factors"
        ),
        "list_admins": Does(lambda me, _: ListOktaAdmins().run(me), "okta.list_admins"),
        "read_sign_ins": Does(
            lambda me, to: ReadOktaLog(_user(to), within=to.within(me.now, _KEPT_S)).run(me),
            "okta.read_log",
        ),
        "who_has_app": Does(lambda me, to: WhoHasOktaApp(to.app).run(me), "okta.who_has_app"),
        "list_left_behind": Does(
            lambda me, to: ListLeftInOkta(_user(to), within=to.within(me.now, _KEPT_S)).run(me),
            "okta.list_left_behind",
        ),
    },
    _everybody,
    _assigned,
    _factors,
    strong=frozenset({"signed_nonce", "u2f", "webauthn"}),
)
