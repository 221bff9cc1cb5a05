"""Find, remove, add and demote team members, without ever locking the company out.

Removing and adding again is two steps; each looks at the whole list. Every removal is guarded:
the last administrator who could act, the operator, the account that this tool works with, and the
accounts kept for emergencies stay.

No field name of a member is confirmed by the vendor, so a member whose roles cannot be read whole
has no roles here, and nothing is done to them that would have to be put back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Becomes,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    NotYet,
    Person,
    Reply,
    Script,
    Undo,
    Write,
    action,
)
from respond.core.shapes import Timestamp, encode
from respond.core.values import Json, Late
from respond.errors import UsageError
from respond.systems.customerio.facts import (
    MEMBER_SETTLE_S,
    MemberId,
    account_line,
    api_allowed,
    by_api,
    field_of,
    flag_of,
    id_of,
    link,
    look_back,
    member_number,
    number,
    number_of,
    text_of,
    timestamp,
    told,
)
from respond.systems.customerio.reading import PAGES, UNSEEN, account, altered
from respond.systems.customerio.vendor import VENDOR
from respond.systems.guards import (
    GuardRefusedError,
    keep_an_administrator,
    spare,
    who_could_act,
)
from respond.systems.rest import KEPT, Thing, dig, rows

__all__ = [
    "ACTIONS",
    "SWITCHES",
    "AddMember",
    "AddedMember",
    "AwaitMember",
    "EnvironmentRole",
    "FindMember",
    "FoundMember",
    "ListCustomerioAdmins",
    "MemberRoles",
    "MemberRow",
    "RemoveMember",
    "RemovedMember",
    "RoleSet",
    "SetMemberRole",
    "by_email",
    "everybody",
    "is_admin",
    "members_if_allowed",
    "number_of_member",
    "role_words",
    "same_roles",
    "usable_admins",
]

_LOOK_AGAIN_S: Final = 5
_INVITATION_AGAIN_S: Final = 30
_GONE: Final = frozenset({404})


# --- who there is -------------------------------------------------------------------------------

ADMIN: Final = "admin"
MEMBER: Final = "member"
SWITCHES: Final = ("billing", "api_credentials", "support_access")


class EnvironmentRole(Frozen):
    """A role in one workspace: a standard one by name, or a custom one by number."""

    environment: str
    role: str = ""
    role_id: str = ""


class MemberRoles(Frozen):
    """Everything that a member may do, as it has to be put back."""

    account_role: str
    billing: bool = False
    api_credentials: bool = False
    support_access: bool = False
    environment_roles: tuple[EnvironmentRole, ...] = ()


NO_ROLES: Final = MemberRoles(MEMBER)


def _member_id(row: Mapping[str, Any], what: str) -> MemberId:
    return MemberId(f"member/{id_of(row, what)}")


def _full_name(row: Mapping[str, Any], _: str) -> str:
    names = (text_of(row, "member.first_name"), text_of(row, "member.last_name"))
    return " ".join(name for name in names if name)


def _account_role(row: Mapping[str, Any], what: str) -> str:
    word = text_of(row, what)
    return ADMIN if word in {ADMIN, "account_admin"} else word


def _accepted(row: Mapping[str, Any], what: str) -> bool:
    """Whoever has signed in has accepted, should the list not say it in so many words."""
    invited = flag_of(row, what)
    return invited is False or (invited is None and number_of(row, "member.last_login") > 0)


def _roles(row: Mapping[str, Any], _: str) -> MemberRoles | None:
    account_role = _account_role(row, "member.account_role")
    permissions = field_of(row, "member.permissions")
    places = field_of(row, "member.environment_roles")
    if account_role not in {ADMIN, MEMBER} or not isinstance(permissions, dict):
        return None
    if not all(isinstance(permissions.get(name), bool) for name in SWITCHES):
        return None
    if not isinstance(places, list):
        return None
    roles = [_environment_role(place) for place in places]
    if any(role is None for role in roles):
        return None
    flags = {name: permissions[name] for name in SWITCHES}
    return MemberRoles(account_role, **flags, environment_roles=tuple(r for r in roles if r))


def _environment_role(place: Any) -> EnvironmentRole | None:
    if not isinstance(place, dict):
        return None
    environment, role, custom = (place.get(n) for n in ("environment_id", "role", "role_id"))
    if not isinstance(environment, int | str) or (role is None) == (custom is None):
        return None
    return EnvironmentRole(
        str(environment), str(role) if role else "", "" if custom is None else str(custom)
    )


class MemberRow(Frozen):
    """One team member as the list shows them.

    Attributes:
        id: Late in a dry run, for somebody whom the run would add.
        accepted: Not merely invited.
        active: Not suspended.
        two_factor: None when the list does not say.
        last_login: Unix seconds; 0 when never, or when the list does not say.
        roles: None when they could not be read whole.
        created_at: Unix seconds of the invitation; 0 when the list does not say.
    """

    id: MemberId | Late = told("member.id", _member_id)
    email: str = told("member.email")
    name: str = told("member.first_name", _full_name, default="")
    account_role: str = told("member.account_role", _account_role, default="")
    accepted: bool = told("member.invited", _accepted, default=True)
    active: bool = told(
        "member.suspended", lambda row, what: flag_of(row, what) is not True, default=True
    )
    two_factor: bool | None = told("member.two_factor", flag_of, default=None)
    last_login: int = told("member.last_login", number_of, default=0)
    roles: MemberRoles | None = told("member.permissions", _roles, default=None)
    created_at: int = told("key.created_at", number_of, default=0)


def _members(replies: Sequence[Reply]) -> tuple[MemberRow, ...]:
    # A member who moves while pages are read may be on two of them.
    found = {row.email.casefold(): row for row in rows(MemberRow, "users")(replies)}
    return tuple(found.values())


_MEMBERS: Final = Thing(
    VENDOR,
    "members",
    ("v1", "accounts", "{account}", "users"),
    _members,
    pages=PAGES,
    query=(("limit", "100"), ("page", "1")),
    settle_s=MEMBER_SETTLE_S,
    evidence=KEPT,
)
"""Everybody, whatever page they are on."""


def everybody(me: Me) -> Looking[tuple[MemberRow, ...]]:
    """Every member, from the one list that all looks share."""
    number = yield from account(me)
    return (yield from _MEMBERS.of(me.connection, account=number))


def members_if_allowed(me: Me) -> Looking[tuple[MemberRow, ...]]:
    """Everybody, or nobody where our credential may not see them; for names only."""
    number = yield from account(me)
    return (yield from _MEMBERS.unless(UNSEEN, (), me.connection, account=number))


def _users(me: Me, *number: str) -> Looking[tuple[str, ...]]:
    """Where members are listed and made, or the one with this number."""
    return ("v1", "accounts", (yield from account(me)), "users", *number)


def by_email(rows: Sequence[MemberRow], email: str) -> MemberRow | None:
    """The member with this address, whatever its case."""
    return next((row for row in rows if row.email.casefold() == email.casefold()), None)


def number_of_member(row: MemberRow) -> str:
    """The vendor's number; empty for somebody whom a dry run only foretells."""
    return "" if isinstance(row.id, Late) else member_number(row.id)


def is_admin(row: MemberRow) -> bool:
    """Whether they are Account Admin, accepted or not."""
    return row.account_role == ADMIN


def usable_admins(rows: Sequence[MemberRow]) -> tuple[str, ...]:
    """Addresses of administrators who are accepted and active.

    Service accounts are not in this list at all.
    """
    return tuple(row.email for row in rows if is_admin(row) and row.accepted and row.active)


def same_roles(one: MemberRoles | None, other: MemberRoles) -> bool:
    """Whether two members may do the same, however it is written down.

    An Account Admin may do everything in every workspace, so the rest says nothing about one.
    """
    if one is None or one.account_role != other.account_role:
        return False
    if one.account_role == ADMIN:
        return True
    bare, others = (replace(each, environment_roles=()) for each in (one, other))
    return bare == others and set(one.environment_roles) == set(other.environment_roles)


def role_words(roles: MemberRoles | None) -> str:
    """Everything that somebody may do, in one line: ``member; api_credentials; 190001 author``."""
    if roles is None:
        return "roles unknown"
    if roles.account_role == ADMIN:
        return ADMIN
    switches = [name for name in SWITCHES if getattr(roles, name)]
    places = [
        f"{place.environment} {place.role or f'role {place.role_id}'}"
        for place in roles.environment_roles
    ]
    return "; ".join((roles.account_role, *switches, *places))


def _roles_json(roles: MemberRoles) -> dict[str, Json]:
    """Roles as bodies and tasks carry them."""
    places: list[Json] = []
    for place in roles.environment_roles:
        role: dict[str, Json] = {"environment_id": number(place.environment)}
        role |= {"role": place.role} if place.role else {"role_id": number(place.role_id)}
        places.append(role)
    permissions: dict[str, Json] = {name: getattr(roles, name) for name in SWITCHES}
    return {
        "account_role": roles.account_role,
        "permissions": permissions,
        "environment_roles": places,
    }


def _is_operator(me: Me, email: str) -> bool:
    return any(
        email.casefold() in {address.casefold() for address in person.emails}
        for person in me.persons
        if person.id == me.operator
    )


# --- guards -------------------------------------------------------------------------------------


def _guard(me: Me, row: MemberRow, rows: Sequence[MemberRow], verb: str) -> None:
    """Refuse what would lock somebody out who is needed tonight (P8).

    Raises:
        GuardRefusedError: ``row`` is excluded. Nothing was written.
    """
    spare(me, verb, row.email)
    if is_admin(row):
        keep_an_administrator(
            me,
            row.email,
            usable_admins(rows),
            do="make somebody else Account Admin first, and let them accept",
        )


def _snapshot(row: MemberRow, verb: str) -> MemberRoles:
    if row.roles is None:
        raise GuardRefusedError(
            f"the roles of {row.email} cannot be read whole",
            why=f"to {verb} somebody whose roles are not known could not be undone",
            do="note them in the console, and do this step by hand there",
        )
    return row.roles


# --- find ---------------------------------------------------------------------------------------


class FoundMember(Frozen):
    """A team member, or nobody.

    Attributes:
        accepted: Not merely invited.
        two_factor: ``on``, ``off`` or ``unknown``.
        last_login: RFC 3339, or empty.
        roles: What ``add_member`` takes to put everything back.
        roles_complete: False when they could not be read whole.
        admins: Other administrators who could act.
        only_admin: Nobody else could.
        is_operator: It is the person who runs this.
        look_back: 90 days before the run, where nobody knows since when.
    """

    found: bool
    id: MemberId
    email: str
    name: str
    account_role: str
    accepted: bool
    two_factor: str
    last_login: str
    roles: MemberRoles
    roles_complete: bool
    admins: int
    only_admin: bool
    is_operator: bool
    look_back: Timestamp = Timestamp("")


def _known_id(row: MemberRow) -> MemberId:
    return MemberId("") if isinstance(row.id, Late) else row.id


_SECOND_FACTOR: Final[Mapping[bool | None, str]] = {True: "on", False: "off", None: "unknown"}


@action(
    "customerio.find_member",
    effect=Effect.READS,
    output=FoundMember,
    source="customerio/cli: GET accounts/{id}/users (CLI-ROUTE); field names assumed",
)
class FindMember(Frozen):
    """Find a team member by e-mail address, with everything they may do.

    Attributes:
        email: The address that they sign in with, in any case.
    """

    email: str

    def run(self, me: Me) -> Script[FoundMember]:
        rows = yield from everybody(me)
        seen = by_email(rows, self.email)
        row = seen or MemberRow(MemberId(""), self.email, accepted=False)
        others = who_could_act(me, usable_admins(rows), but=row.email)
        found = FoundMember(
            found=seen is not None,
            id=_known_id(row),
            email=row.email,
            name=row.name,
            account_role=row.account_role,
            accepted=row.accepted,
            two_factor=_SECOND_FACTOR[row.two_factor],
            last_login=timestamp(row.last_login),
            roles=row.roles or NO_ROLES,
            roles_complete=row.roles is not None,
            admins=len(others),
            only_admin=is_admin(row) and not others,
            is_operator=_is_operator(me, self.email),
            look_back=look_back(me),
        )
        if seen is None:
            return Done(found, says=f"{self.email} is no team member")
        findings = []
        if found.only_admin:
            findings.append(f"{row.email} is the only administrator who could act")
        if not found.roles_complete:
            findings.append(f"the roles of {row.email} cannot be read whole")
        state = "member" if row.accepted else "invited"
        says = f"{row.email}, {row.account_role} ({state}), second factor {found.two_factor}"
        return Done(found, says=says, findings=tuple(findings))


# --- administrators -----------------------------------------------------------------------------


class CustomerioAdmins(Frozen):
    """The Account Admins by address, and how many of them could act tonight."""

    admins: tuple[str, ...]
    able: int


@action(
    "customerio.list_admins",
    effect=Effect.READS,
    output=CustomerioAdmins,
    source="customerio/cli: GET accounts/{id}/users (CLI-ROUTE); field names assumed",
)
class ListCustomerioAdmins(Frozen):
    """List the Account Admins. Invited, suspended and emergency accounts could not act."""

    def run(self, me: Me) -> Script[CustomerioAdmins]:
        rows = yield from everybody(me)
        admins = tuple(row.email for row in rows if is_admin(row))
        able = len(who_could_act(me, usable_admins(rows)))
        says = f"{len(admins)} Account Admins, {able} of them could act"
        return Done(CustomerioAdmins(admins, able), says=says)


# --- remove -------------------------------------------------------------------------------------


class RemovedMember(Frozen):
    """Somebody who is no team member any more."""

    email: str
    says: str


@action(
    "customerio.remove_member",
    effect=Effect.DESTROYS,
    undo="customerio.add_member",
    output=RemovedMember,
    source="DELETE accounts/{id}/users/{id} GUESS until discovered; by hand DOC",
    by_hand=(
        "Open Account Settings, Team Members. Write down roles and workspaces of the person.",
        "Make sure that another usable admin is left. Remove the person, and confirm.",
        "https://fly.customer.io/settings/team",
    ),
)
class RemoveMember(Frozen):
    """Remove a team member; their sessions end, their keys stay.

    Attributes:
        email: Must be that member's address; a number alone is too easily another's.
        member: Id of that membership. Somebody who was removed and added again has another one.
    """

    email: str
    member: MemberId = MemberId("")

    def run(self, me: Me) -> Script[RemovedMember]:
        wanted = member_number(self.member) if self.member else ""
        rows = yield from everybody(me)
        row = self._row(rows)
        if row is None:
            return self._done()
        if row.email.casefold() != self.email.casefold():
            raise GuardRefusedError(
                f"{self.member} belongs to {row.email}, not to {self.email}",
                do="take both from the same customerio.find_member",
            )
        _guard(me, row, rows, "remove")
        roles = _snapshot(row, "remove")
        path = yield from _users(me, wanted or member_number(_known_id(row)))
        yield self._write(me, row, rows, roles, path)
        return self._done()

    def _done(self) -> Done[RemovedMember]:
        says = f"{self.email} is no team member"
        return Done(RemovedMember(self.email, says), says=says)

    def _row(self, rows: Sequence[MemberRow]) -> MemberRow | None:
        if not self.member:
            return by_email(rows, self.email)
        return next((row for row in rows if row.id == self.member), None)

    def _write(
        self,
        me: Me,
        row: MemberRow,
        rows: Sequence[MemberRow],
        roles: MemberRoles,
        path: tuple[str, ...],
    ) -> Write[None]:
        def without(before: tuple[MemberRow, ...]) -> tuple[MemberRow, ...]:
            return tuple(one for one in before if one.id != row.id)

        # Others whose address begins the same.
        start = row.email.partition("@")[0][:3].casefold()
        others = (one.email for one in rows if one.email != row.email)
        alike = tuple(email for email in others if email.casefold().startswith(start))
        return Write(
            says=f"remove {row.email}",
            verb="remove",
            target=row.email,
            where=account_line(me),
            effect=Effect.DESTROYS,
            hands=by_api(me, "customerio.members.remove", "DELETE", *path, answers=_GONE)
            or Person(
                steps=(
                    "Open Account Settings, Team Members.",
                    f"Find {row.email}. Compare the whole address.",
                    "Choose Remove, and confirm.",
                ),
                link=link(me, "members"),
                look_for="The row is gone; I keep looking, and go on by myself.",
                task="customerio.remove_member",
                about={"email": row.email},
                answer=None,
                avoid=alike,
            ),
            before={"email": row.email, "state": role_words(roles)},
            after={"email": row.email, "state": "absent"},
            becomes=(Becomes(_MEMBERS.subject(me.connection), without),),
            foretold=None,
            undo=Undo("customerio.add_member", {"email": row.email, "roles": encode(roles)}),
            repeatable=True,
            breaks=f"{row.email} is signed out and has no access.",
            stays=alike,
        )


# --- add ----------------------------------------------------------------------------------------


class AddedMember(Frozen):
    """Somebody who is on the list.

    Attributes:
        id: Known once they are on it. Somebody who is added again has another id than before.
        accepted: False while they are only invited.
    """

    id: MemberId | Late
    email: str
    accepted: bool
    says: str


@action(
    "customerio.add_member",
    effect=Effect.WRITES,
    undo="customerio.remove_member",
    output=AddedMember,
    source="POST accounts/{id}/users GUESS until discovered; by hand DOC",
    by_hand=(
        "Open Account Settings, Team Members, Add. Give the roles that you wrote down before.",
        "https://fly.customer.io/settings/team",
    ),
)
class AddMember(Frozen):
    """Invite somebody with given roles; the vendor mails them.

    Attributes:
        email: Where the invitation goes; whoever reads that mailbox can accept it.
        roles: As ``find_member`` has read them.
        replaces: Id of an earlier membership; while the list still shows it, this waits.
    """

    email: str
    roles: MemberRoles
    replaces: MemberId = MemberId("")

    def run(self, me: Me) -> Script[AddedMember]:
        local, _, host = self.email.partition("@")
        if not local or "." not in host or any(c.isspace() for c in self.email):
            raise UsageError(f"{self.email[:80]!r} is not an e-mail address")
        rows = yield from everybody(me)
        row = by_email(rows, self.email)
        if row is None:
            made = yield from self._addition(me, (yield from _users(me)))
            new = made if isinstance(made, str) else Late(me.step, "id")
            return self._done(MemberRow(new, self.email, accepted=False))
        if self.replaces and row.id == self.replaces:
            return NotYet(f"the removal of {self.email} does not show yet", _LOOK_AGAIN_S)
        if not same_roles(row.roles, self.roles):
            yield (yield from _role_write(me, row, self.roles, Effect.WRITES))
        return self._done(row)

    def _done(self, row: MemberRow) -> Done[AddedMember]:
        word = "a team member" if row.accepted else "invited"
        says = f"{self.email}: {word}"
        return Done(AddedMember(row.id, row.email, row.accepted, word), says=says)

    def _addition(self, me: Me, path: tuple[str, ...]) -> Write[MemberId | Late]:
        late = Late(me.step, "id")
        roles = _roles_json(self.roles)
        new = MemberRow(
            late, self.email, "", self.roles.account_role, accepted=False, roles=self.roles
        )
        body = {"user": {"email": self.email, **roles}}
        return Write(
            says=f"add {self.email} as {self.roles.account_role}",
            verb="add",
            target=self.email,
            where=account_line(me),
            effect=Effect.WRITES,
            hands=by_api(me, "customerio.members.add", "POST", *path, body=body, parse=_new_member)
            or Person(
                steps=(
                    "Open Account Settings, Team Members, and choose Add.",
                    f"Address: {self.email}",
                    *_role_lines(self.roles),
                    "Send the invitation.",
                ),
                link=link(me, "members"),
                look_for="The row is there, invited; I look for it, and go on by myself.",
                task="customerio.add_member",
                about={"email": self.email, **roles},
                answer=late,
            ),
            before={"email": self.email, "state": "absent"},
            after={"email": self.email, "state": f"invited; {role_words(self.roles)}"},
            becomes=(Becomes(_MEMBERS.subject(me.connection), lambda before: (*before, new)),),
            foretold=late,
            undo=Undo("customerio.remove_member", {"email": self.email}),
        )


def _new_member(reply: Reply) -> MemberId | Late:
    number = dig(reply.body, "user.id")
    if not isinstance(number, int | str):
        raise MalformedReplyError("no user")
    return MemberId(f"member/{number}")


def _role_lines(roles: MemberRoles) -> tuple[str, ...]:
    """A checklist of roles in the console's words."""
    if roles.account_role == ADMIN:
        return ("Account role: Account Admin",)
    switches = {
        "billing and account info": roles.billing,
        "manage API credentials": roles.api_credentials,
        "allow access for Customer.io support": roles.support_access,
    }
    places = (
        f"Workspace {place.environment}: {place.role or f'custom role {place.role_id}'}"
        for place in roles.environment_roles
    )
    return (
        "Account role: Member",
        *(f"{name}: {'on' if on else 'off'}" for name, on in switches.items()),
        *(tuple(places) or ("No workspace.",)),
    )


# --- roles --------------------------------------------------------------------------------------


class RoleSet(Frozen):
    """What somebody may do now."""

    email: str
    account_role: str
    says: str


@action(
    "customerio.set_member_role",
    effect=Effect.DESTROYS,
    undo="customerio.set_member_role",
    output=RoleSet,
    source="PUT accounts/{id}/users/{id} GUESS until discovered; by hand DOC",
)
class SetMemberRole(Frozen):
    """Set what a member may do; by default a bare Member without any workspace.

    This contains somebody without removing them, and so without a new invitation afterwards.

    Attributes:
        email: The address of the member, for the plan and the questions.
        member: Id of that membership, from ``customerio.find_member``; empty: that of the address.
        account_role: ``member`` or ``admin``, when ``roles`` is not given.
        roles: Everything they may do; how the undo puts it back.
    """

    email: str
    member: MemberId = MemberId("")
    account_role: str = MEMBER
    roles: MemberRoles | None = None

    def run(self, me: Me) -> Script[RoleSet]:
        if self.member:
            member_number(self.member)
        if self.account_role not in {ADMIN, MEMBER}:
            raise UsageError(
                f"account_role is {self.account_role[:40]!r}", do="use member or admin"
            )
        wanted = self.roles or MemberRoles(self.account_role)
        rows = yield from everybody(me)
        row = by_email(rows, self.email)
        if row is None or (self.member and row.id != self.member):
            raise GuardRefusedError(
                f"{self.email} is not the team member {self.member}",
                do="take both from the same customerio.find_member",
            )
        if not same_roles(row.roles, wanted):
            _guard(me, row, rows, "change")
            _snapshot(row, "change")
            yield (yield from _role_write(me, row, wanted, Effect.DESTROYS))
        says = f"{self.email}: {wanted.account_role}"
        return Done(RoleSet(self.email, wanted.account_role, says), says=says)


def _role_write(me: Me, row: MemberRow, roles: MemberRoles, effect: Effect) -> Looking[Write[None]]:
    path, body = (yield from _users(me, number_of_member(row))), _roles_json(roles)
    if isinstance(row.id, Late) and api_allowed(me, "customerio.members.update"):
        raise GuardRefusedError(
            f"{row.email} is not a member yet",
            why="their number is known only after the step that adds them",
        )
    changed = altered(row.id, account_role=roles.account_role, roles=roles)
    undo = None
    if row.roles is not None:
        undo = Undo("customerio.set_member_role", {"email": row.email, "roles": encode(row.roles)})
    return Write(
        says=f"make {row.email} {roles.account_role}",
        verb="change",
        target=row.email,
        where=account_line(me),
        effect=effect,
        hands=by_api(me, "customerio.members.update", "PUT", *path, body={"user": body})
        or Person(
            steps=(
                "Open Account Settings, Team Members.",
                f"Open {row.email}. Compare the whole address.",
                *_role_lines(roles),
                "Save.",
            ),
            link=link(me, "members"),
            look_for="The row shows the new role; I keep looking, and go on by myself.",
            task="customerio.set_member_role",
            about={"email": row.email, **body},
            answer=None,
        ),
        before={"email": row.email, "state": role_words(row.roles)},
        after={"email": row.email, "state": role_words(roles)},
        becomes=(Becomes(_MEMBERS.subject(me.connection), changed),),
        foretold=None,
        undo=undo,
        repeatable=True,
        breaks=f"{row.email} may do no more than: {'; '.join(_role_lines(roles))}.",
    )


# --- wait ---------------------------------------------------------------------------------------


@action(
    "customerio.await_member",
    effect=Effect.READS,
    output=AddedMember,
    source="customerio/cli: GET accounts/{id}/users (CLI-ROUTE); field names assumed",
)
class AwaitMember(Frozen):
    """Wait until somebody has accepted their invitation; only they can.

    Attributes:
        email: The address that was invited.
        roles: Also until they may do just this, as ``find_member`` read it before.
        second_factor: Also until their second factor is seen to be on. Where the list does not
            say, that is a finding, and nothing is proved.
    """

    email: str
    roles: MemberRoles | None = None
    second_factor: bool = False

    def run(self, me: Me) -> Script[AddedMember]:
        rows = yield from everybody(me)
        row = by_email(rows, self.email)
        if row is None:
            return NotYet(f"{self.email} is not on the list yet", _INVITATION_AGAIN_S)
        if not row.accepted:
            return NotYet(f"{self.email} has not accepted the invitation yet", _INVITATION_AGAIN_S)
        if self.second_factor and row.two_factor is False:
            return NotYet(f"{self.email} has no second factor yet", _INVITATION_AGAIN_S)
        if self.roles is not None and not same_roles(row.roles, self.roles):
            return NotYet(
                f"{self.email} may do {role_words(row.roles)}, and had {role_words(self.roles)}",
                _INVITATION_AGAIN_S,
            )
        is_unseen = self.second_factor and row.two_factor is None
        unseen = f"UNSEEN second factor of {self.email}: look at {link(me, 'members')}"
        says = f"{self.email} has accepted"
        if self.second_factor and not is_unseen:
            says = f"{says}, with the second factor on"
        if self.roles is not None:
            says = f"{says}, and may do what they did before"
        return Done(
            AddedMember(row.id, row.email, True, "a team member"),
            says=says,
            findings=(unseen,) if is_unseen else (),
            proved=not is_unseen,
        )


ACTIONS: tuple[type, ...] = (
    FindMember,
    ListCustomerioAdmins,
    RemoveMember,
    AddMember,
    SetMemberRole,
    AwaitMember,
)
