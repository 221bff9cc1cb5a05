"""What a product does by SCIM of what a directory is asked for: it keeps accounts, and signs
nobody in.
"""

from __future__ import annotations

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
from respond.systems.rest import noted
from respond.systems.scim.provider import switches
from respond.systems.scim.scim_accounts import ActivateScimUser, DeactivateScimUser
from respond.systems.scim.scim_admins import ListScimAdmins, has_admin_role, remove_admin_rights
from respond.systems.scim.scim_users import (
    ListScimUsers,
    ScimUser,
    ScimUserId,
    everybody,
    found,
)

__all__ = ["DIRECTORY"]

_CONSOLE: Final = "Open the administration of the product."


def _find(me: Me, connection: Connection, email: str) -> Looking[PersonSeen]:
    del me
    why: list[str] = []
    user = yield from found(connection, email, why)
    if why:
        return PersonSeen(connection.name, word=why[0])
    if not user.id:
        hidden = "nobody active has this address; an inactive one would not be shown"
        word = hidden if switches(connection).hides_inactive else "nobody has this address"
        return PersonSeen(connection.name, state="gone", word=word)
    told = switches(connection)
    no = "unknown" if told.admin_groups or not told.admin_roles else "no"
    return PersonSeen(
        connection.name,
        user.id,
        user.user_name,
        "active" if user.active else "suspended",
        user.state,
        administrator="yes" if has_admin_role(user, told) else no,
    )


def _suspend(me: Me, to: Target) -> Script[Any]:
    """Off, where that can be taken back; what would remove the account is asked for as that."""
    if switches(me.connection).deactivate_deletes:
        left = "left to do: this product removes whom it deactivates; scim.deactivate_user does"
        return Done(None, says=left, findings=(f"{left} it to {to.email}",), proved=False)
    return (yield from DeactivateScimUser(ScimUserId(to.user)).run(me))


def _lines(script: Script[Any], name: str) -> Script[Any]:
    """A list with a line for each of them."""
    outcome = yield from script
    if not isinstance(outcome, Done):
        return outcome
    users: tuple[ScimUser, ...] = getattr(outcome.output, name)
    return replace(outcome, findings=tuple(f"{user.called} ({user.state})" for user in users))


def _everybody(connection: Connection, unseen: list[str]) -> Looking[tuple[ListedUser, ...]]:
    users = yield from everybody(connection, noted(unseen, ()))
    return tuple(
        ListedUser(
            each.id,
            (each.user_name, *each.emails),
            "active" if each.active else "suspended",
            each.state,
        )
        for each in users
    )


DIRECTORY: Final = Directory(
    _find,
    "scim.find_user",
    {
        "suspend_user": Does(_suspend, "scim.deactivate_user"),
        "restore_user": Does(
            lambda me, to: ActivateScimUser(ScimUserId(to.user)).run(me), "scim.activate_user"
        ),
        "end_sessions": Lacks(
            "SCIM knows no session: the product decides whether one goes on when the account is "
            "off, and how long",
            (_CONSOLE, "End the sessions of {email} there, if it can."),
        ),
        "revoke_grants": Lacks(
            "SCIM knows no token or grant: what the person made in the product may go on",
            (_CONSOLE, "Remove keys, tokens and connected applications of {email} there."),
        ),
        "reset_factors": Lacks("SCIM knows no factor: it is reset where the person signs in"),
        "issue_bridge": Lacks("SCIM signs nobody in: a way in is issued where the person does"),
        "reset_password": Lacks(
            "the password in the product stays, if it has one; scim.set_password sets one that "
            "the run is given, where the product takes it",
            (_CONSOLE, "Reset the password of {email} there, if it has one."),
        ),
        "remove_admin_rights": Does(
            lambda me, to: remove_admin_rights(me, ScimUserId(to.user)),
            "scim.remove_from_group scim.set_roles",
        ),
        "restore_admin_rights": Lacks(
            "what was taken knows its groups and roles: respond undo RUN gives them back",
            ("Undo the run that took the rights: respond undo RUN.",),
        ),
        # The product is the application.
        "take_app": Does(_suspend, "scim.deactivate_user"),
        "give_app": Does(
            lambda me, to: ActivateScimUser(ScimUserId(to.user)).run(me), "scim.activate_user"
        ),
        "list_factors": Lacks("SCIM knows no factor: look where the person signs in"),
        "list_admins": Does(
            lambda me, _: _lines(ListScimAdmins().run(me), "admins"), "scim.list_admins"
        ),
        "read_sign_ins": Lacks("SCIM knows no sign-in: look where the person signs in"),
        "who_has_app": Does(
            lambda me, _: _lines(ListScimUsers().run(me), "users"), "scim.list_users"
        ),
        "list_left_behind": Lacks(
            "SCIM shows no token, key or rule: what the account made in the product stays unseen"
        ),
    },
    _everybody,
)
