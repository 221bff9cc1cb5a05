"""User groups of a Cloudflare account: what a member has through them, out of one and into one.

Source: Cloudflare API v4, IAM: User Groups. Not every plan has them. Where an identity provider
fills a group, it puts back whom we take out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Connection,
    Done,
    Effect,
    Looking,
    Me,
    Script,
    Undo,
    Write,
    action,
    gather,
)
from respond.systems.cloudflare.memberships import (
    MEMBER,
    RESULT,
    CloudflareMember,
    OnCloudflareMember,
    found,
    is_admin_name,
    keep_a_super_admin,
    records_in,
    seen_member,
    spare_member,
    text_of,
)
from respond.systems.cloudflare.vendor import (
    PAGE,
    VENDOR,
    ask,
    check_id,
    ended,
    ending,
    look,
    placed,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, rows

__all__ = [
    "ACTIONS", "CloudflareGroup", "CloudflareGroups", "JoinCloudflareGroup",
    "LeaveCloudflareGroup", "ListCloudflareGroups", "groups_of",
    "keep_super_admins", "leave",
]  # fmt: skip

_UNREAD: Final = "user groups could not be read: rights that come of one stay"
_NOT_THERE: Final = frozenset({403, 404})


class _InGroup(Frozen):
    id: str = at("id")


def _given(found: Any) -> tuple[str, ...]:
    """What a group's policies allow, by name; empty where that is not said."""
    if found is None:
        return ("",)
    allowed = [p for p in records_in(found, "policies") if p.get("access") == "allow"]
    return tuple(
        text_of(group, "name")
        for policy in allowed
        for group in records_in(policy.get("permission_groups", [{}]), "permission groups")
    )


class CloudflareGroup(Frozen):
    """A user group, and who is in it.

    Attributes:
        gives: The permission groups of its policies, by name; empty where one has none.
    """

    id: str = at("id")
    name: str = at("name", limit=80, default="")
    gives: tuple[str, ...] = at("policies", read=_given, default=())
    inside: tuple[_InGroup, ...] = ()

    @property
    def gives_super(self) -> bool:
        return any(name.startswith("Super ") for name in self.gives)

    @property
    def gives_admin(self) -> str:
        """``yes``, ``no`` or ``unknown``."""
        if any(map(is_admin_name, self.gives)):
            return "yes"
        return "unknown" if "" in self.gives else "no"

    @property
    def may_give_super(self) -> bool:
        """Who leaves it may lose that: what is not said counts."""
        return self.gives_super or "" in self.gives


_GROUPS: Final = Thing(
    VENDOR, "groups", placed("iam", "user_groups"), rows(CloudflareGroup, RESULT), query=PAGE
)
_INSIDE: Final = Thing(
    VENDOR,
    "group/{group}/members",
    placed("iam", "user_groups", "{group}", "members"),
    rows(_InGroup, RESULT),
    query=PAGE,
)


def _all_groups(
    connection: Connection, or_else: Any = None
) -> Looking[tuple[tuple[CloudflareGroup, ...], str]]:
    asked = _GROUPS.unless(_NOT_THERE, None, connection, account=connection.account)
    listed = yield from replace(asked, or_else=or_else)
    if listed is None:
        return (), _UNREAD
    inside = yield from gather(
        look(_INSIDE, connection, or_else=or_else, group=each.id) for each in listed
    )
    if None in inside:
        return (), _UNREAD
    return tuple(replace(g, inside=rows) for g, rows in zip(listed, inside, strict=True)), ""


def groups_of(
    connection: Connection, member: str, or_else: Any = None
) -> Looking[tuple[tuple[CloudflareGroup, ...], str]]:
    """The user groups of a member, and why they cannot be told.

    Args:
        or_else: Makes None of trouble, which is a reason then and not the script's end.
    """
    groups, why = yield from _all_groups(connection, or_else)
    return tuple(group for group in groups if _InGroup(member) in group.inside), why


def keep_super_admins(
    me: Me, member: CloudflareMember, leaves: Iterable[CloudflareGroup] = ()
) -> Looking[None]:
    """As ``keep_a_super_admin``, where a member loses what is their own and leaves these groups."""
    left = member.status == "accepted" and any(group.may_give_super for group in leaves)
    if not (member.is_super or left):
        return
    groups, _ = yield from _all_groups(me.connection)
    by_group = frozenset(row.id for g in groups if g.gives_super for row in g.inside)
    yield from keep_a_super_admin(me, member, by_group)


def leave(me: Me, member: CloudflareMember, group: CloudflareGroup) -> Write[None]:
    """Take a member out of a group; the way back finds them when they were added again."""
    back = {"member": str(member.id), "group": group.id, "email": member.email}
    return change(
        me,
        _INSIDE,
        group.inside,
        lambda now: tuple(each for each in now if each.id != member.id),
        ending(me, "iam", "user_groups", group.id, "members", str(member.id)),
        ids={"group": group.id},
        says=f"take {member.email} out of the group {group.name}",
        verb="take",
        target=member.email,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Who is not in a group is out of it.
        undo=Undo("cloudflare.join_group", back),
        breaks=f"{member.email} loses what the group {group.name} gives.",
    )


class CloudflareGroups(Frozen):
    """User groups of a member."""

    groups: tuple[CloudflareGroup, ...]


@action(
    "cloudflare.list_groups",
    effect=Effect.READS,
    output=CloudflareGroups,
    source="Cloudflare API v4, GET /accounts/{account_id}/iam/user_groups and their members",
)
class ListCloudflareGroups(OnCloudflareMember):
    """Read which user groups a member is in: rights that come of them go with the membership."""

    def run(self, me: Me) -> Script[CloudflareGroups]:
        groups, why = yield from groups_of(me.connection, self.member)
        says = ", ".join(group.name for group in groups) or "in no user group"
        return Done(CloudflareGroups(groups), says=why or says, findings=(why,) * bool(why))


class CloudflareGroupOf(Frozen):
    """A member, and a group."""

    member: str
    group: str


class _OnGroup(OnCloudflareMember):
    """Attributes: group: Id of the user group."""

    group: str

    def __post_init__(self) -> None:
        OnCloudflareMember.__post_init__(self)
        check_id("group", self.group, "cloudflare.list_groups")


@action(
    "cloudflare.leave_group",
    effect=Effect.DESTROYS,
    output=CloudflareGroupOf,
    source="Cloudflare API v4, DELETE .../iam/user_groups/{user_group_id}/members/{member_id}",
)
class LeaveCloudflareGroup(_OnGroup):
    """Take a member out of a user group. Where an identity provider fills it, it puts them back."""

    def run(self, me: Me) -> Script[CloudflareGroupOf]:
        member = yield from seen_member(me, self.member)
        groups, why = yield from groups_of(me.connection, self.member)
        group = next((each for each in groups if each.id == self.group), None)
        if why:
            raise GuardRefusedError(why)
        if group is not None:
            yield from spare_member(me, member.email, "take the rights of")
            others = (each for each in groups if each.id != group.id)
            if not (member.is_super or any(each.gives_super for each in others)):
                yield from keep_super_admins(me, member, (group,))
            yield from leave(me, member, group)
        return Done(
            CloudflareGroupOf(self.member, self.group),
            says=f"{member.email} is not in the group {group.name if group else self.group}",
        )


@action(
    "cloudflare.join_group",
    effect=Effect.WRITES,
    output=CloudflareGroupOf,
    source="Cloudflare API v4, POST /accounts/{account_id}/iam/user_groups/{id}/members",
)
class JoinCloudflareGroup(_OnGroup):
    """Put a member into a user group.

    Attributes:
        email: Their address, where the membership may be another one by now: who was added again
            has a new id.
    """

    email: str = ""

    def run(self, me: Me) -> Script[CloudflareGroupOf]:
        member = yield from look(MEMBER, me.connection, member=self.member)
        if not member.is_there and self.email:
            member = yield from found(me.connection, self.email)
        if not member.is_there:
            raise GuardRefusedError(f"there is no member {self.email or self.member}")
        inside = yield from look(_INSIDE, me.connection, group=self.group)
        new = _InGroup(str(member.id))
        if new not in inside:
            path = ("iam", "user_groups", self.group, "members")
            yield from change(
                me,
                _INSIDE,
                inside,
                lambda now: (*now, new),
                Api(ask(me, "POST", *path, body=[{"id": new.id}]), ended),
                ids={"group": self.group},
                says=f"put {member.email} into the group {self.group}",
                verb="put",
                target=member.email,
                effect=Effect.WRITES,
                foretold=None,
                repeatable=True,  # Who is in it stays in it.
                undo=Undo("cloudflare.leave_group", {"member": new.id, "group": self.group}),
            )
        says = f"{member.email} is in the group {self.group}"
        return Done(CloudflareGroupOf(new.id, self.group), says=says)


ACTIONS: tuple[type, ...] = (ListCloudflareGroups, LeaveCloudflareGroup, JoinCloudflareGroup)
