"""What can be done to team members: invite, accept, change, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from respond.company.customerio.rows import PERMISSIONS, member_row
from respond.company.exchange import RefusalError

if TYPE_CHECKING:
    from respond.company.customerio.account import ActingAs, CioAccount
    from respond.company.exchange import Json
    from respond.company.simulated_rest import Row

_ROLE_FIELDS = ("account_role", "permissions", "environment_roles")


def find_email(cio: CioAccount, email: str) -> Row:
    """The member with this address, whatever its case.

    Raises:
        RefusalError: with 404, also for one who was removed.
    """
    for member in cio.table("members"):
        if member.email.casefold() == email.casefold():
            return member
    raise RefusalError(404, f"user {email} not found")


def remove_member(cio: CioAccount, actor: ActingAs, member: Row) -> None:
    """Take a member out.

    Raises:
        RefusalError: with 422, if nobody could administer the account afterwards.
    """
    _keep_an_admin(cio, without=member)
    member.gone_at = cio.clock.now()
    _happened(cio, actor, "member.removed", member, "deleted")


def add_member(cio: CioAccount, actor: ActingAs, fields: Json) -> Row:
    """Invite somebody: a new id, not accepted yet, and a mail on its way.

    Raises:
        RefusalError: with 422, if the address is missing, is no address, or still belongs to
            somebody whom lists show, and for roles that do not exist.
    """
    email = str(fields.get("email", ""))
    if "@" not in email:
        raise RefusalError(422, "email is not an address", "/data/email")
    if any(m.email.casefold() == email.casefold() for m in cio.listed()):
        raise RefusalError(422, "email has already been taken", "/data/email")
    _check_roles(cio, fields)
    member = member_row(
        cio.state.numbers.take("user"),
        email,
        str(fields.get("first_name", "")),
        str(fields.get("last_name", "")),
        str(fields.get("account_role", "member")),
        int(cio.clock.now()),
        permissions=fields.get("permissions", {}),
        environment_roles=list(fields.get("environment_roles", [])),
        two_factor_enabled=False,
        invited=True,
    )
    cio.state.members.append(member)
    _happened(cio, actor, "member.added", member, "created", account_role=member.account_role)
    send_invitation(cio, actor, member)
    return member


def send_invitation(cio: CioAccount, actor: ActingAs, member: Row) -> None:
    """Mail an invitation, again if need be.

    Raises:
        RefusalError: with 422, if the member has accepted already.
    """
    if not member.invited:
        raise RefusalError(422, "user has already accepted the invitation")
    _happened(cio, actor, "invitation.sent", member, "created", "invitation")


def accept_invitation(cio: CioAccount, actor: ActingAs, member: Row) -> None:
    """The invited person follows the link, and sets up a second factor.

    Raises:
        RefusalError: with 422, if there is no open invitation.
    """
    if not member.invited:
        raise RefusalError(422, f"{member.email} has no open invitation")
    member.invited = False
    member.two_factor_enabled = True
    member.last_login_at = int(cio.clock.now())
    _happened(cio, actor, "invitation.accepted", member, "updated")


def change_roles(cio: CioAccount, actor: ActingAs, member: Row, fields: Json) -> None:
    """Set the role fields that are given, and leave the others alone.

    Raises:
        RefusalError: with 422, if the last administrator would go, or a role does not exist.
    """
    _check_roles(cio, fields)
    if fields.get("account_role", "admin") != "admin":
        _keep_an_admin(cio, without=member)
    wanted = {name: fields[name] for name in _ROLE_FIELDS if name in fields}
    if "permissions" in wanted:
        wanted["permissions"] = member.permissions | wanted["permissions"]
    if all(getattr(member, name) == value for name, value in wanted.items()):
        return
    vars(member).update(wanted)
    _happened(
        cio, actor, "member.role_changed", member, "updated", account_role=member.account_role
    )


def force_reauth(cio: CioAccount, actor: ActingAs, hours: int) -> None:
    """Change how long logins last, which ends every session of every person at once.

    Raises:
        RefusalError: with 422, where it is that long already: nothing changes or ends.
    """
    if cio.state.session_hours == hours:
        raise RefusalError(422, f"logins last {hours} h already")
    cio.state.session_hours = hours
    cio.state.sessions_ended_at = cio.clock.now()
    cio.changed(
        actor,
        "sessions.ended",
        "all team members",
        ("updated", "account", cio.state.account_id),
        session_hours=cio.state.session_hours,
    )


def _happened(
    cio: CioAccount,
    actor: ActingAs,
    kind: str,
    member: Row,
    action: str,
    what: str = "user",
    **detail: Any,
) -> None:
    logged = (action, what, member.id)
    cio.changed(actor, kind, member.email, logged, user_id=member.id, **detail)


def _keep_an_admin(cio: CioAccount, *, without: Row) -> None:
    if without.account_role != "admin":
        return
    admins = [m for m in cio.table("members") if m.account_role == "admin" and not m.invited]
    if without in admins and len(admins) == 1:
        raise RefusalError(422, "an account must keep at least one Account Admin")


def _check_roles(cio: CioAccount, fields: Json) -> None:
    if fields.get("account_role", "member") not in {"admin", "member"}:
        raise RefusalError(422, "account_role must be admin or member", "/data/account_role")
    unknown = sorted(set(fields.get("permissions", {})) - set(PERMISSIONS))
    if unknown:
        raise RefusalError(422, f"no permission is called {unknown[0]}", "/data/permissions")
    for role in fields.get("environment_roles", []):
        _check_environment_role(cio, role)


def _check_environment_role(cio: CioAccount, role: Any) -> None:
    where = "/data/environment_roles"
    if not isinstance(role, dict) or ("role" in role) == ("role_id" in role):
        raise RefusalError(422, "an environment role needs role or role_id", where)
    if role.get("environment_id") not in cio.state.environments:
        raise RefusalError(422, "an environment role needs a known environment_id", where)
    if role.get("role", "viewer") not in {"workspace_admin", "author", "viewer"}:
        raise RefusalError(422, f"no role is called {role['role']}", where)
