"""What Google Workspace does of what a directory is asked for."""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import replace
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
from respond.systems.google.admin_roles import (
    ListGoogleAdmins,
    assignments_of,
    remove_google_roles,
    role_names,
)
from respond.systems.google.app_access import RevokeGoogleGrants
from respond.systems.google.group_members import JoinGoogleGroup, LeaveGoogleGroup
from respond.systems.google.suspending import (
    ResetGooglePassword,
    SignOutOfGoogle,
    SuspendGoogleUser,
    UnsuspendGoogleUser,
)
from respond.systems.google.two_step import (
    ListGoogleFactors,
    MakeGoogleBackupCodes,
    TurnOffGoogleTwoStep,
)
from respond.systems.google.workspace_logs import KEPT_S, ListLeftInGoogle, ReadGoogleLogins
from respond.systems.google.workspace_users import LISTED, GoogleUserId, account_of, found
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import noted

__all__ = ["DIRECTORY"]

_STILL_LETS_IN: Final = (
    "a stolen second step lets in until they remove it: first thing after they signed in"
)
_NO_STEP: Final = (
    "until a new second step is set up the password alone lets in: reset it, if the thief may know"
)


def _find(me: Me, connection: Connection, email: str) -> Looking[PersonSeen]:
    del me
    why: list[str] = []
    seen = yield from found(connection, email, why)
    if why:
        return PersonSeen(connection.name, word=why[0])
    user = seen.user
    if not user.id:
        word = f"deleted on {seen.deleted}" if seen.deleted else "nobody has this address"
        return PersonSeen(connection.name, state="gone", word=word)
    return PersonSeen(
        connection.name,
        user.id,
        user.email,
        "suspended" if user.suspended else "other" if user.archived else "active",
        user.state,
        "unknown" if user.enrols_again else "yes" if user.two_step else "no",
        "yes" if user.super_admin or user.delegated_admin else "no",
        Timestamp(user.last_login),
    )


def _user(to: Target) -> GoogleUserId:
    return GoogleUserId(to.user)


def _reset_factors(me: Me, to: Target) -> Script[Any]:
    if to.factor:
        raise GuardRefusedError(
            "Google takes all second steps or none",
            why="no API of it names a single one",
            do="let the person in with a backup code, and remove the lost one themselves",
        )
    return TurnOffGoogleTwoStep(_user(to)).run(me)


def _bridge(me: Me, to: Target) -> Script[Any]:
    outcome = yield from MakeGoogleBackupCodes(_user(to)).run(me)
    if not to.stolen or not isinstance(outcome, Done) or not outcome.proved:
        return outcome
    more = _NO_STEP if outcome.output.code is None else _STILL_LETS_IN
    return replace(outcome, findings=(*outcome.findings, more))


def _remove_rights(me: Me, to: Target) -> Script[Any]:
    user, (given, names) = yield from both(
        account_of(me, _user(to)), both(assignments_of(me, to.user), role_names(me))
    )
    of_groups = [each for each in given if each.is_of_group]
    own = tuple(each for each in given if not each.is_of_group)
    if own:
        yield from remove_google_roles(me, user, given, own, names)
    return Done(
        None,
        says=f"{user.email} has no administrator role of their own",
        findings=tuple(
            f"{each.called} of {user.email} comes of a group: take them out of it"
            for each in of_groups
        ),
        proved=not of_groups,
    )


def _everybody(connection: Connection, unseen: list[str]) -> Looking[tuple[ListedUser, ...]]:
    users = yield from LISTED.of(connection, or_else=noted(unseen, ()))
    return tuple(
        ListedUser(
            each.id,
            each.names,
            "suspended" if each.suspended else "other" if each.archived else "active",
            each.state,
            "yes" if each.two_step else "no",
            "yes" if each.super_admin or each.delegated_admin else "no",
        )
        for each in users
    )


DIRECTORY: Final = Directory(
    _find,
    "google.find_user",
    {
        "suspend_user": Does(
            lambda me, to: SuspendGoogleUser(_user(to)).run(me), "google.suspend_user"
        ),
        "restore_user": Does(
            lambda me, to: UnsuspendGoogleUser(_user(to)).run(me), "google.unsuspend_user"
        ),
        "end_sessions": Does(lambda me, to: SignOutOfGoogle(_user(to)).run(me), "google.sign_out"),
        "revoke_grants": Does(
            lambda me, to: RevokeGoogleGrants(_user(to)).run(me), "google.revoke_grants"
        ),
        "reset_factors": Does(_reset_factors, "google.turn_off_two_step"),
        "issue_bridge": Does(_bridge, "google.make_backup_codes"),
        "reset_password": Does(
            lambda me, to: ResetGooglePassword(_user(to)).run(me), "google.reset_password"
        ),
        "remove_admin_rights": Does(_remove_rights, "google.remove_role"),
        "restore_admin_rights": Lacks(
            "what was taken knows where it held: respond undo RUN gives it again",
            ("Undo the run that took the rights: respond undo RUN.",),
        ),
        "take_app": Does(
            lambda me, to: LeaveGoogleGroup(_user(to), to.app).run(me), "google.leave_group"
        ),
        "give_app": Does(
            lambda me, to: JoinGoogleGroup(_user(to), to.app).run(me), "google.join_group"
        ),
        "list_factors": Does(
            lambda me, to: ListGoogleFactors(_user(to)).run(me), "google.list_factors"
        ),
        "list_admins": Does(lambda me, _: ListGoogleAdmins().run(me), "google.list_admins"),
        "read_sign_ins": Does(
            lambda me, to: ReadGoogleLogins(_user(to), within=to.within(me.now, KEPT_S)).run(me),
            "google.read_logins",
        ),
        "who_has_app": Lacks("Google lists no application by who may use it; a group by members"),
        "list_left_behind": Does(
            lambda me, to: ListLeftInGoogle(_user(to), within=to.within(me.now, KEPT_S)).run(me),
            "google.list_left_behind",
        ),
    },
    _everybody,
)
"""All that can be done in Google Workspace. An application is given and taken by a group."""
