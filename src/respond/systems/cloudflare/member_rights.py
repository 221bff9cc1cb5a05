"""Cut the rights of a member of a Cloudflare account, and give them back.

Source: Cloudflare API v4, Accounts: Members, Roles. A change sends roles or policies, never both,
and replaces what was there; id and membership stay. Whether a member may be left without any right
nobody has confirmed: who loses all keeps the role that only shows the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Script,
    Undo,
    Write,
    action,
    both,
)
from respond.systems.arguments import ArgumentError
from respond.systems.cloudflare.memberships import (
    MEMBER,
    MEMBERS,
    MINIMAL,
    RESULT,
    SUPER,
    CloudflareMember,
    CloudflareMemberId,
    CloudflarePolicy,
    CloudflareRole,
    OnCloudflareMember,
    seen_member,
    spare_member,
)
from respond.systems.cloudflare.user_groups import groups_of, keep_super_admins, leave
from respond.systems.cloudflare.vendor import ID, PAGE, VENDOR, ask, check_id, ended, look, placed
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, rows

__all__ = [
    "ACTIONS", "GiveCloudflareSuperAdmin", "RemoveCloudflareAdminRights",
    "RestrictCloudflareMember", "SetCloudflareMemberRights", "WithCloudflareRights", "rights_back",
    "rights_sent",
]  # fmt: skip

_POLICY: Final = re.compile(rf"(allow|deny) ({ID}(?:,{ID})*) on ({ID}(?:,{ID})*)")


class _RoleSeen(Frozen):
    id: str = at("id")
    name: str = at("name", limit=80)


_ROLES: Final = Thing(VENDOR, "roles", placed("roles"), rows(_RoleSeen, RESULT), query=PAGE)


def rights_sent(roles: Iterable[Any], policies: Iterable[CloudflarePolicy]) -> dict[str, Any]:
    """What is sent of rights: policies where there are any, without the ids of the vendor's."""
    sent = [
        {
            "access": policy.access,
            "permission_groups": [{"id": each} for each in policy.groups],
            "resource_groups": [{"id": each} for each in policy.resources],
        }
        for policy in policies
    ]
    return {"policies": sent} if sent else {"roles": list(roles)}


def rights_back(member: CloudflareMember) -> dict[str, Any]:
    """What gives a member these rights again, as an action takes it."""
    return {
        "roles": [role.id for role in member.roles],
        "policies": [policy.text for policy in member.policies],
    }


def _put(
    me: Me,
    member: CloudflareMember,
    roles: tuple[CloudflareRole, ...],
    policies: tuple[CloudflarePolicy, ...],
    **words: Any,
) -> Write[None]:
    def after(now: CloudflareMember) -> CloudflareMember:
        return replace(now, roles=roles, policies=policies) if now.id == member.id else now

    body = rights_sent(({"id": role.id} for role in roles), policies)
    write = change(
        me,
        MEMBER,
        member,
        after,
        Api(ask(me, "PUT", "members", str(member.id), body=body), ended),
        ids={"member": str(member.id)},
        target=member.email,
        foretold=None,
        repeatable=True,  # PUT (RFC 9110, section 9.2.2).
        undo=Undo(
            "cloudflare.set_member_rights", {"member": str(member.id), **rights_back(member)}
        ),
        **words,
    )
    listed = Becomes(MEMBERS.subject(me.connection), lambda now: tuple(map(after, now)))
    return replace(write, becomes=(*write.becomes, listed))


def minimal_role(me: Me) -> Looking[CloudflareRole]:
    """The role that lets somebody see the account and nothing else.

    Raises:
        GuardRefusedError: The account does not have it.
    """
    listed = yield from look(_ROLES, me.connection)
    role = next((each for each in listed if each.name == MINIMAL), None)
    if role is None:
        raise GuardRefusedError(
            f"this account has no role {MINIMAL}",
            why="nobody has confirmed that a member may be left without any",
            do="remove them with cloudflare.remove_member instead",
        )
    return CloudflareRole(role.id, role.name)


# --- less ---------------------------------------------------------------------------------------


@action(
    "cloudflare.restrict_member",
    effect=Effect.DESTROYS,
    output=CloudflareMember,
    source="Cloudflare API v4, PUT /accounts/{account_id}/members/{member_id}",
    by_hand=(
        "Open Manage Account, Members, the person. Choose Edit, and leave Minimal Account Access.",
        "https://dash.cloudflare.com",
    ),
)
class RestrictCloudflareMember(OnCloudflareMember):
    """Cut a member's rights to seeing the account, and take them out of user groups.

    They can still sign in, and do nothing here. Membership and id stay, so there is a way back
    without an invitation.
    """

    def run(self, me: Me) -> Script[CloudflareMember]:
        member, (role, (groups, why)) = yield from both(
            seen_member(me, self.member),
            both(minimal_role(me), groups_of(me.connection, self.member)),
        )
        if groups or not member.is_restricted:
            yield from both(
                spare_member(me, member.email, "restrict"), keep_super_admins(me, member, groups)
            )
        if not member.is_restricted:
            yield from _put(
                me,
                member,
                (role,),
                (),
                says=f"cut the rights of {member.email} to {MINIMAL}",
                verb="restrict",
                effect=Effect.DESTROYS,
                breaks=f"{member.email} can change nothing in the account any more; they can "
                "still sign in to the dashboard.",
            )
        for group in groups:
            yield from leave(me, member, group)
        after = replace(member, roles=(role,), policies=())
        says = f"{member.email} can see the account, and do nothing in it"
        return Done(after, says=says, findings=(why,) if why else (), proved=not why)


@action(
    "cloudflare.remove_admin_rights",
    effect=Effect.DESTROYS,
    output=CloudflareMember,
    source="Cloudflare API v4, PUT /accounts/{account_id}/members/{member_id}",
    by_hand=(
        "Open Manage Account, Members, the person. Choose Edit, and take the role away.",
        "https://dash.cloudflare.com",
    ),
)
class RemoveCloudflareAdminRights(OnCloudflareMember):
    """Take a member's roles of Administrator and Super Administrator; their other rights stay.

    Who would have none left may see the account, since nobody has confirmed that none is allowed.
    """

    def run(self, me: Me) -> Script[CloudflareMember]:
        member, (groups, why) = yield from both(
            seen_member(me, self.member), groups_of(me.connection, self.member)
        )
        names = ", ".join(group.name for group in groups)
        left = why or (
            f"{member.email} is in the groups {names}, which may give more" * bool(names)
        )
        findings = (left,) if left else ()
        if not member.is_admin:
            says = f"{member.email} is no administrator of their own"
            return Done(member, says=says, findings=findings)
        yield from both(
            spare_member(me, member.email, "take the rights of"), keep_super_admins(me, member)
        )
        roles = tuple(role for role in member.roles if not role.is_admin)
        policies = tuple(p.without_admin for p in member.policies if p.without_admin.groups)
        if not (roles or policies):
            roles = ((yield from minimal_role(me)),)
        yield from _put(
            me,
            member,
            roles,
            policies,
            says=f"take the administrator's rights of {member.email}",
            verb="take",
            effect=Effect.DESTROYS,
            breaks=f"{member.email} is no administrator any more.",
        )
        after = replace(member, roles=roles, policies=policies)
        return Done(after, says=f"{member.email} is no administrator any more", findings=findings)


# --- more ---------------------------------------------------------------------------------------


def _parsed(text: str) -> CloudflarePolicy:
    """A policy from its text; what its groups are called is not in it."""
    match = _POLICY.fullmatch(text)
    if match is None:
        raise ArgumentError("a policy is 'allow GROUP,GROUP on RESOURCE', by ids")
    groups, resources = (tuple(sorted(part.split(","))) for part in match.groups()[1:])
    return CloudflarePolicy(match[1], groups, ("",) * len(groups), resources)


class WithCloudflareRights(Frozen):
    """Checks what is given.

    Attributes:
        roles: Ids of roles; they count where there are no policies.
        policies: ``allow GROUP,GROUP on RESOURCE``, each by ids.
    """

    roles: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    def check(self) -> None:
        if not (self.roles or self.policies):
            raise ArgumentError("roles or policies are needed")
        for role in self.roles:
            check_id("a role", role, "cloudflare.find_member")
        for policy in self.policies:
            _parsed(policy)

    @property
    def wanted(self) -> tuple[tuple[CloudflareRole, ...], tuple[CloudflarePolicy, ...]]:
        roles = tuple(CloudflareRole(each) for each in sorted(self.roles))
        policies = (_parsed(each) for each in self.policies)
        return roles, tuple(sorted(policies, key=lambda policy: policy.text))

    def takes(self, member: CloudflareMember) -> bool:
        """Whether a member loses something by these; what is behind both is not looked into."""
        if member.is_restricted or (SUPER in self.roles and not self.policies):
            return False
        had = {p.text for p in member.policies} or {role.id for role in member.roles}
        return bool(had - ({p.text for p in self.wanted[1]} or {*self.roles}))

    def is_so(self, member: CloudflareMember) -> bool:
        """Whether these are a member's rights: by the policies, where there are any."""
        roles, policies = self.wanted
        if policies:
            return [p.text for p in member.policies] == [p.text for p in policies]
        return not member.policies and [r.id for r in member.roles] == [r.id for r in roles]


@action(
    "cloudflare.set_member_rights",
    effect=Effect.DESTROYS,
    output=CloudflareMember,
    source="Cloudflare API v4, PUT /accounts/{account_id}/members/{member_id}",
)
class SetCloudflareMemberRights(WithCloudflareRights, kw_only=True):
    """Give a member exactly these rights, such as those that they had before.

    Attributes:
        member: Their id, from ``cloudflare.find_member``.
        roles: Ids of roles; they count where there are no policies.
        policies: ``allow GROUP,GROUP on RESOURCE``, each by ids.
    """

    member: CloudflareMemberId

    def __post_init__(self) -> None:
        check_id("member", self.member, "cloudflare.find_member")
        self.check()

    def run(self, me: Me) -> Script[CloudflareMember]:
        member = yield from seen_member(me, self.member)
        roles, policies = self.wanted
        if self.is_so(member):
            return Done(member, says=f"{member.email} has these rights")
        # Beside policies the roles are not sent.
        if policies or SUPER not in self.roles:
            yield from both(
                spare_member(me, member.email, "change the rights of"),
                keep_super_admins(me, member),
            )
        takes = self.takes(member)
        yield from _put(
            me,
            member,
            roles,
            policies,
            says=f"give {member.email} {len(policies) or len(roles)} "
            f"{'policies' if policies else 'roles'}, and no others",
            verb="give",
            effect=Effect.DESTROYS if takes else Effect.WRITES,
            breaks=f"{member.email} has no more than that of: {', '.join(member.names)}."
            if takes
            else "",
        )
        after = replace(member, roles=roles, policies=policies)
        return Done(after, says=f"{member.email} has these rights")


@action(
    "cloudflare.give_super_admin",
    effect=Effect.WRITES,
    output=CloudflareMember,
    source="Cloudflare, SCIM troubleshooting: PUT /accounts/{account_id}/members/{member_id}",
)
class GiveCloudflareSuperAdmin(OnCloudflareMember):
    """Make a member Super Administrator, where all of them were lost. Other roles are part of it.

    With a token that the account owns; it outlives every administrator.
    """

    def run(self, me: Me) -> Script[CloudflareMember]:
        member = yield from seen_member(me, self.member)
        if member.status != "accepted":
            raise GuardRefusedError(
                f"{member.email} is {member.status}", do="they accept the invitation first"
            )
        suspects = {email.casefold() for email in (*me.suspects, me.subject)}
        if member.email.casefold() in suspects:
            raise GuardRefusedError(f"{member.email} is who this incident is about")
        role = CloudflareRole(SUPER, "Super Administrator - All Privileges")
        if not member.is_super:
            yield from _put(
                me,
                member,
                (role,),
                (),
                says=f"make {member.email} Super Administrator",
                verb="make",
                effect=Effect.WRITES,
            )
        after = replace(member, roles=(role,), policies=())
        return Done(after, says=f"{member.email} is Super Administrator")


ACTIONS: tuple[type, ...] = (
    RestrictCloudflareMember,
    RemoveCloudflareAdminRights,
    SetCloudflareMemberRights,
    GiveCloudflareSuperAdmin,
)
