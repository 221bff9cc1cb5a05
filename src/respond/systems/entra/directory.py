"""What Entra does of what a directory is asked for."""

from __future__ import annotations

from typing import Any, Final

from respond.core.script import Connection, Looking, Me, Script, both
from respond.core.shapes import Timestamp
from respond.systems.directory.vocabulary import (
    Directory,
    Does,
    Lacks,
    ListedUser,
    PersonSeen,
    Target,
)
from respond.systems.entra.app_assignments import (
    HAVE_APP,
    AssignEntraApp,
    UnassignEntraApp,
    WhoHasEntraApp,
)
from respond.systems.entra.audit_logs import ListLeftInEntra, ReadEntraSignIns
from respond.systems.entra.auth_methods import (
    METHODS,
    NOT_FACTORS,
    CreateEntraAccessPass,
    DeleteEntraMethod,
    ListEntraMethods,
    ResetEntraMethods,
)
from respond.systems.entra.consents import RevokeEntraConsents
from respond.systems.entra.enabling import (
    DisableEntraUser,
    EnableEntraUser,
    ResetEntraPassword,
    RevokeEntraSessions,
)
from respond.systems.entra.role_assignments import (
    OF_PRINCIPAL,
    ListEntraAdmins,
    RemoveEntraRole,
    roles_of_groups,
)
from respond.systems.entra.tenant_users import LISTED, EntraUserId, last_sign_in, user_called
from respond.systems.rest import noted

__all__ = ["DIRECTORY"]

_KEPT_S: Final = 30 * 86_400


def _find(me: Me, connection: Connection, email: str) -> Looking[PersonSeen]:
    del me
    why: list[str] = []
    user = yield from user_called(connection, email, why)
    if why:  # Of two with the address one may be unseen: who is meant is not known then.
        return PersonSeen(connection.name, word=why[0])
    if not user.id:
        return PersonSeen(connection.name, state="gone", word="nobody has this address")
    no_roles: list[str] = []
    no_methods: list[str] = []
    (own, of_groups), (methods, last) = yield from both(
        both(
            OF_PRINCIPAL.of(connection, or_else=noted(no_roles, ()), principal=user.id),
            roles_of_groups(connection, user.id, or_else=noted(no_roles, ())),
        ),
        both(
            METHODS.of(connection, or_else=noted(no_methods, ()), user=user.id),
            last_sign_in(connection, user.id),
        ),
    )
    factors = [each for each in methods if each.kind not in NOT_FACTORS]
    administers = "unknown" if no_roles else "no"
    return PersonSeen(
        connection.name,
        user.id,
        user.login,
        "active" if user.is_enabled else "suspended",
        user.says,
        "unknown" if no_methods else "yes" if factors else "no",
        "yes" if own or of_groups else administers,
        Timestamp(last),
    )


def _user(to: Target) -> EntraUserId:
    return EntraUserId(to.user)


def _reset_factors(me: Me, to: Target) -> Script[Any]:
    if to.factor:
        return DeleteEntraMethod(_user(to), to.factor).run(me)
    return ResetEntraMethods(_user(to)).run(me)


def _everybody(connection: Connection, unseen: list[str]) -> Looking[tuple[ListedUser, ...]]:
    users = yield from LISTED.of(connection, or_else=noted(unseen, ()))
    return tuple(
        ListedUser(each.id, each.names, "active" if each.is_enabled else "suspended", each.says)
        for each in users
    )


def _assigned(connection: Connection, app: str, unseen: list[str]) -> Looking[frozenset[str]]:
    """Members of a group have it too, and are not listed here: then not everybody is seen."""
    seen = yield from HAVE_APP.of(connection, or_else=noted(unseen, ()), app=app)
    unseen += [f"members of the group {each.name} have it" for each in seen if each.kind == "Group"]
    return frozenset(each.principal for each in seen if each.kind == "User")


def _factors(connection: Connection, user: str, unseen: list[str]) -> Looking[tuple[str, ...]]:
    seen = yield from METHODS.of(connection, or_else=noted(unseen, ()), user=user)
    return tuple(each.kind for each in seen if each.kind not in NOT_FACTORS)


DIRECTORY: Final = Directory(
    _find,
    "entra.find_user",
    {
        "suspend_user": Does(
            lambda me, to: DisableEntraUser(_user(to)).run(me), "entra.disable_user"
        ),
        "restore_user": Does(
            lambda me, to: EnableEntraUser(_user(to)).run(me), "entra.enable_user"
        ),
        "end_sessions": Does(
            lambda me, to: RevokeEntraSessions(_user(to)).run(me), "entra.revoke_sessions"
        ),
        "revoke_grants": Does(
            lambda me, to: RevokeEntraConsents(_user(to)).run(me), "entra.revoke_consents"
        ),
        "reset_factors": Does(_reset_factors, "entra.delete_auth_method entra.reset_auth_methods"),
        "issue_bridge": Does(
            lambda me, to: CreateEntraAccessPass(_user(to)).run(me),
            "entra.create_temporary_access_pass",
        ),
        "reset_password": Does(
            lambda me, to: ResetEntraPassword(_user(to)).run(me), "entra.reset_password"
        ),
        "remove_admin_rights": Does(
            lambda me, to: RemoveEntraRole(_user(to)).run(me), "entra.remove_role"
        ),
        "restore_admin_rights": Lacks(
            "what was taken knows its scope: respond undo RUN gives it back with that",
            ("Undo the run that took the rights: respond undo RUN.",),
        ),
        "take_app": Does(
            lambda me, to: UnassignEntraApp(_user(to), to.app).run(me), "entra.unassign_app"
        ),
        "give_app": Does(
            lambda me, to: AssignEntraApp(_user(to), to.app).run(me), "entra.assign_app"
        ),
        "list_factors": Does(
            lambda me, to: ListEntraMethods(_user(to)).run(me), "entra.list_auth_methods"
        ),
        "list_admins": Does(lambda me, _: ListEntraAdmins().run(me), "entra.list_admins"),
        "read_sign_ins": Does(
            lambda me, to: ReadEntraSignIns(_user(to), within=to.within(me.now, _KEPT_S)).run(me),
            "entra.read_sign_ins",
        ),
        "who_has_app": Does(lambda me, to: WhoHasEntraApp(to.app).run(me), "entra.who_has_app"),
        "list_left_behind": Does(
            lambda me, to: ListLeftInEntra(_user(to), within=to.within(me.now, _KEPT_S)).run(me),
            "entra.list_left_behind",
        ),
    },
    _everybody,
    _assigned,
    _factors,
    strong=frozenset({"fido2", "platformCredential", "windowsHelloForBusiness"}),
)
