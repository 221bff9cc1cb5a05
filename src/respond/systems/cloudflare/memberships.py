"""Members of a Cloudflare account: what is seen of them, finding them, and whom to spare.

Source: Cloudflare API v4, Accounts: Members. A member has roles, or policies (permission groups
over resource groups). Who has roles may be shown with policies over the whole account that say the
same: those are no rights of their own here. Nothing stops the loss of the last Super Administrator
but the guard below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NewType

from respond.core.records import Frozen, replace
from respond.core.script import (
    Connection,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Script,
    action,
)
from respond.core.showable import showable
from respond.core.values import Late
from respond.systems.arguments import one_line
from respond.systems.cloudflare.vendor import ID, NOT_LET_IN, PAGE, VENDOR, check_id, look, placed
from respond.systems.guards import GuardRefusedError, keep_an_administrator, only_one, spare
from respond.systems.rest import KEPT, Thing, at, dig, noted, one, rows

__all__ = [
    "ACCOUNT_OWNED", "ACTIONS", "MEMBER", "MEMBERS", "MINIMAL", "NOBODY", "RESULT", "SUPER",
    "CloudflareAdmins", "CloudflareMember", "CloudflareMemberId", "CloudflarePolicy",
    "CloudflareRole", "FindCloudflareMember", "ListCloudflareAdmins", "OnCloudflareMember", "found",
    "is_admin_name", "keep_a_super_admin", "records_in", "seen_member", "spare_member", "text_of",
]  # fmt: skip

CloudflareMemberId = NewType("CloudflareMemberId", str)
"""Of the membership: who is added again has another one."""

RESULT: Final = "result"
SUPER: Final = "33666b9c79b9a5273fc7344ff42f953d"
"""The role Super Administrator; this id it has in every account."""
MINIMAL: Final = "Minimal Account Access"
_ACCOUNT_SCOPE: Final = re.compile(rf"com\.cloudflare\.api\.account\.{ID}")


# --- what there is ------------------------------------------------------------------------------


class CloudflareRole(Frozen):
    """A role; in every account they have the same names."""

    id: str
    name: str = ""

    @property
    def is_super(self) -> bool:
        return self.id == SUPER

    @property
    def is_admin(self) -> bool:
        return self.is_super or is_admin_name(self.name)


class CloudflarePolicy(Frozen):
    """A policy without the id that the vendor gives it anew each time.

    Attributes:
        groups: Ids of the permission groups, in order; ``names`` beside them.
        resources: Ids of the resource groups, in order.
    """

    access: str
    groups: tuple[str, ...]
    names: tuple[str, ...]
    resources: tuple[str, ...]

    @property
    def text(self) -> str:
        """``allow GROUP,GROUP on RESOURCE``, as an action takes it."""
        return f"{self.access} {','.join(self.groups)} on {','.join(self.resources)}"

    @property
    def without_admin(self) -> CloudflarePolicy:
        kept = [
            (g, n) for g, n in zip(self.groups, self.names, strict=True) if not is_admin_name(n)
        ]
        return replace(self, groups=tuple(g for g, _ in kept), names=tuple(n for _, n in kept))


def is_admin_name(name: str) -> bool:
    """Of those that reach all of an account, the ones that write."""
    return name == "Administrator" or name.startswith("Super Administrator")


def records_in(found: Any, what: str) -> list[Mapping[str, Any]]:
    """A list of records inside of one.

    Raises:
        MalformedReplyError: It is none.
    """
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise MalformedReplyError(f"the reply has no list of {what}")
    return found


def text_of(row: Mapping[str, Any], name: str, *, limit: int = 80) -> str:
    """A text in a record; empty where there is none."""
    value = row.get(name)
    return showable(value, limit=limit) if isinstance(value, str) else ""


def _roles(found: Any) -> tuple[CloudflareRole, ...]:
    read = (
        CloudflareRole(text_of(row, "id"), text_of(row, "name"))
        for row in records_in(found or [], "roles")
    )
    return tuple(sorted(read, key=lambda role: role.id))


def _policies(member: Any) -> tuple[CloudflarePolicy, ...]:
    """None where all that they say is what the roles say."""
    found = records_in(member.get("policies") or [], "policies")
    names = {role.name for role in _roles(member.get("roles"))}
    if all(_says_no_more(row, names) for row in found):
        return ()
    return tuple(sorted(map(_policy, found), key=lambda policy: policy.text))


def _policy(row: Mapping[str, Any]) -> CloudflarePolicy:
    groups = records_in(row.get("permission_groups"), "permission groups")
    pairs = sorted((text_of(group, "id"), text_of(group, "name")) for group in groups)
    resources = records_in(row.get("resource_groups"), "resource groups")
    return CloudflarePolicy(
        text_of(row, "access"),
        tuple(group for group, _ in pairs),
        tuple(name for _, name in pairs),
        tuple(sorted(text_of(each, "id") for each in resources)),
    )


def _says_no_more(row: Mapping[str, Any], names: set[str]) -> bool:
    scopes = [
        scope
        for group in records_in(row.get("resource_groups"), "resource groups")
        for scope in records_in(group.get("scope") or [], "scopes")
    ]
    whole = bool(scopes) and all(
        _ACCOUNT_SCOPE.fullmatch(text_of(scope, "key"))
        and [text_of(each, "key") for each in records_in(scope.get("objects"), "objects")] == ["*"]
        for scope in scopes
    )
    policy = _policy(row)
    return whole and policy.access == "allow" and {*policy.names} <= names


def _email(member: Any) -> str:
    """Of those who have not accepted there is no user, only an address."""
    found = dig(member, "user.email") or dig(member, "email")
    if not isinstance(found, str) or not found:
        raise MalformedReplyError("the reply has no email")
    return showable(found, limit=200)


class CloudflareMember(Frozen):
    """A member as the account has them now; without an id there is none.

    Attributes:
        status: ``accepted``, or ``pending`` until they take the invitation.
        user: Id of the person's own account, which stays when a membership does not.
    """

    id: CloudflareMemberId | Late = at("id")
    status: str = at("status", limit=20, is_needed=True, default="")
    email: str = at("", read=_email, default="")
    user: str = at("user.id", default="")
    has_factor: bool = at("user.two_factor_authentication_enabled", default=False)
    roles: tuple[CloudflareRole, ...] = at("roles", read=_roles, default=())
    policies: tuple[CloudflarePolicy, ...] = at("", read=_policies, default=())

    @property
    def called(self) -> str:
        return self.email

    @property
    def is_there(self) -> bool:
        """Whether there is such a member, were it only foreseen."""
        return isinstance(self.id, Late) or bool(self.id)

    @property
    def names(self) -> tuple[str, ...]:
        """What their rights are called, those of groups left out."""
        of_policies = (name for policy in self.policies for name in policy.names)
        return tuple(dict.fromkeys((*(role.name for role in self.roles), *of_policies)))

    @property
    def is_super(self) -> bool:
        """Whether they administer the account; who has only been invited does not."""
        allowed = (p for p in self.policies if p.access == "allow")
        names = [name for policy in allowed for name in policy.names]
        has = any(role.is_super for role in self.roles)
        return self.status == "accepted" and (has or any(n.startswith("Super ") for n in names))

    @property
    def is_admin(self) -> bool:
        return any(role.is_admin for role in self.roles) or any(map(is_admin_name, self.names))

    @property
    def is_restricted(self) -> bool:
        return {*self.names} == {MINIMAL}


NOBODY: Final = CloudflareMember(CloudflareMemberId(""))
MEMBER: Final = Thing(
    VENDOR,
    "member/{member}",
    placed("members", "{member}"),
    one(CloudflareMember, RESULT),
    gone=NOBODY,
    evidence=KEPT,
)
MEMBERS: Final = Thing(
    VENDOR, "members", placed("members"), rows(CloudflareMember, RESULT), query=PAGE, evidence=KEPT
)


def found(
    connection: Connection, email: str, unseen: list[str] | None = None
) -> Looking[CloudflareMember]:
    """The one member with this address, read by id; ``NOBODY`` where there is none.

    Args:
        unseen: Gets why something could not be looked at, instead of the script's end there.

    Raises:
        GuardRefusedError: Several have it.
    """
    listed = yield from look(MEMBERS, connection, or_else=noted(unseen, ()))
    called = [each for each in listed if each.email.casefold() == email.casefold()]
    one = only_one(
        email,
        called,
        NOBODY,
        says=lambda member: str(member.id),
        do="look in Manage Account, Members",
    )
    if not one.is_there or isinstance(one.id, Late):
        return one
    return (yield from look(MEMBER, connection, or_else=noted(unseen, NOBODY), member=one.id))


def seen_member(me: Me, member: str) -> Looking[CloudflareMember]:
    """The member of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from look(MEMBER, me.connection, member=member)
    if not seen.is_there:
        raise GuardRefusedError(
            f"there is no member {member}",
            do="take it of cloudflare.find_member; who was added again has another id",
        )
    return seen


# --- who is spared ------------------------------------------------------------------------------


class _Owner(Frozen):
    email: str = at("email", default="")


def _own_id(replies: Any) -> str:
    """The id of our token where the account owns it: else its verify endpoint does not know it."""
    body = replies[0].body
    return str(dig(body, "result.id") or "") if dig(body, "success") is True else ""


ACCOUNT_OWNED: Final = Thing(
    replace(VENDOR, no_in_success=None),
    "our-token",
    placed("tokens", "verify"),
    _own_id,
    answers=NOT_LET_IN,
)
_WE: Final = Thing(VENDOR, "user-we-are", ("user",), one(_Owner, RESULT))


def our_owner(me: Me) -> Looking[str]:
    """The address of whom we work as; empty where the account owns the token.

    Raises:
        GuardRefusedError: It is somebody's, and nobody knows whose.
    """
    if (yield from look(ACCOUNT_OWNED, me.connection)):
        return ""
    nobody = _Owner()
    owner = yield from _WE.unless(NOT_LET_IN, nobody, me.connection)
    if not (owner.email or me.connection.identity):
        raise GuardRefusedError(
            "the token is a person's, and it may not be asked whose",
            why="nobody may cut the access that works on the incident",
            do="use a token that the account owns, or set identity of the connection",
        )
    return owner.email


def spare_member(me: Me, email: str, verb: str) -> Looking[None]:
    """Never the operator, an emergency account, or whom we work as (P8)."""
    ours = yield from our_owner(me)
    spare(me, verb, email, is_ours=ours.casefold() == email.casefold())


def keep_a_super_admin(me: Me, member: CloudflareMember, by_group: frozenset[str]) -> Looking[None]:
    """Refuse to lose the last Super Administrator who could act: Cloudflare lets it happen.

    Args:
        member: One of them.
        by_group: Ids of the members whom a user group makes one.
    """
    everybody = yield from look(MEMBERS, me.connection)
    others = [
        each.email
        for each in everybody
        if each.is_super or (each.id in by_group and each.status == "accepted")
        if each.id != member.id
    ]
    do = "give it to somebody else first, with cloudflare.give_super_admin"
    keep_an_administrator(me, member.email, others, do=do)


# --- finding ------------------------------------------------------------------------------------


class OnCloudflareMember(Frozen):
    """An action on one member. Attributes: member: Their id, from ``cloudflare.find_member``."""

    member: CloudflareMemberId

    def __post_init__(self) -> None:
        check_id("member", self.member, "cloudflare.find_member")


@action(
    "cloudflare.find_member",
    effect=Effect.READS,
    output=CloudflareMember,
    source="Cloudflare API v4, GET /accounts/{account_id}/members and /members/{member_id}",
)
class FindCloudflareMember(Frozen):
    """Find a member by e-mail address. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: Their address.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[CloudflareMember]:
        member = yield from found(me.connection, self.email)
        says = f"{member.email} is {member.status}: {', '.join(member.names) or 'no rights'}"
        return Done(member, says=says if member.is_there else f"{self.email} is no member")


class CloudflareAdmins(Frozen):
    """Super Administrators, and how many of them have accepted."""

    admins: tuple[CloudflareMember, ...]
    able: int


@action(
    "cloudflare.list_admins",
    effect=Effect.READS,
    output=CloudflareAdmins,
    source="Cloudflare API v4, GET /accounts/{account_id}/members",
)
class ListCloudflareAdmins(Frozen):
    """Read who is Super Administrator by themselves; a group may make more of them."""

    def run(self, me: Me) -> Script[CloudflareAdmins]:
        everybody = yield from look(MEMBERS, me.connection)
        seen = [each for each in everybody if replace(each, status="accepted").is_super]
        able = sum(each.is_super for each in seen)
        return Done(
            CloudflareAdmins(tuple(seen), able),
            says=f"{len(seen)} Super Administrators, {able} of them have accepted",
            findings=tuple(
                f"{each.email} {each.status}{'' if each.has_factor else ', no second factor'}"
                for each in seen
            ),
        )


ACTIONS: tuple[type, ...] = (FindCloudflareMember, ListCloudflareAdmins)
