"""Remove members of a Cloudflare account, take invitations back, and invite anew.

Source: Cloudflare API v4, Accounts: Members. Who is added again gets an invitation, which they have
to accept, and another id; what they had through user groups is given again by itself.
"""

from __future__ import annotations

from dataclasses import field
from typing import Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Done,
    Effect,
    Me,
    Reply,
    Script,
    Undo,
    Write,
    action,
    both,
)
from respond.core.values import Late
from respond.systems.arguments import one_line
from respond.systems.cloudflare.member_rights import (
    WithCloudflareRights,
    rights_back,
    rights_sent,
)
from respond.systems.cloudflare.memberships import (
    MEMBER,
    MEMBERS,
    NOBODY,
    RESULT,
    CloudflareMember,
    CloudflareMemberId,
    OnCloudflareMember,
    spare_member,
)
from respond.systems.cloudflare.user_groups import groups_of, keep_super_admins, leave
from respond.systems.cloudflare.vendor import VENDOR, ask, ending, look
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import at, change, one, yes

__all__ = [
    "ACTIONS", "AddCloudflareMember", "CancelCloudflareInvitation", "CloudflareMemberGone",
    "RemoveCloudflareMember",
]  # fmt: skip


_NONE_BACK: Final = "undoing it gives back none of their user groups: those could not be read"


def _removal(
    me: Me,
    member: CloudflareMember,
    everybody: tuple[CloudflareMember, ...],
    *,
    unread: bool = False,
) -> Write[None]:
    """It is a change of the list: the way back is, too, since the id is another one then."""
    undo, back = None, "No rights of theirs can be seen, so there is no way back."
    if member.roles or member.policies:
        undo = Undo("cloudflare.add_member", {"email": member.email, **rights_back(member)})
        back = "Given back, they get an invitation that they have to accept, and another id."
    if unread and undo:
        back = f"{back} {_NONE_BACK.capitalize()}."
    write = change(
        me,
        MEMBERS,
        everybody,
        lambda now: tuple(each for each in now if each.id != member.id),
        ending(me, "members", str(member.id)),
        ids={},
        says=f"remove {member.email} from the account",
        verb="remove",
        target=member.email,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Who is not there stays away.
        undo=undo,
        breaks=f"{member.email} reaches nothing in the account any more. {back}",
    )
    gone = Becomes(MEMBER.subject(me.connection, member=str(member.id)), lambda _: NOBODY)
    return replace(write, becomes=(*write.becomes, gone))


class CloudflareMemberGone(Frozen):
    """The id of the membership that is not there now."""

    member: str


@action(
    "cloudflare.remove_member",
    effect=Effect.DESTROYS,
    output=CloudflareMemberGone,
    source="Cloudflare API v4, DELETE /accounts/{account_id}/members/{member_id}",
    by_hand=(
        "Open Manage Account, Members, the person. Choose Revoke.",
        "https://dash.cloudflare.com",
    ),
)
class RemoveCloudflareMember(OnCloudflareMember):
    """Remove a member, or take an invitation back. The way back is a new invitation.

    It is the one thing that ends what sessions in the dashboard and user tokens can do here.
    """

    def run(self, me: Me) -> Script[CloudflareMemberGone]:
        member = yield from look(MEMBER, me.connection, member=self.member)
        gone = CloudflareMemberGone(self.member)
        if not member.is_there:
            return Done(gone, says=f"there is no member {self.member} any more")
        everybody, (groups, why) = yield from both(
            look(MEMBERS, me.connection), groups_of(me.connection, self.member)
        )
        yield from both(
            spare_member(me, member.email, "remove"), keep_super_admins(me, member, groups)
        )
        if not (member.roles or member.policies):
            raise GuardRefusedError(
                f"no rights of {member.email} can be seen",
                why="nothing would be known that could be given back",
                do="look in Manage Account, Members, and remove them there",
            )
        for group in groups:
            yield from leave(me, member, group)
        yield from _removal(me, member, everybody, unread=bool(why))
        left = (f"{why}; {_NONE_BACK}",) if why else ()
        return Done(gone, says=f"{member.email} is no member any more", findings=left)


@action(
    "cloudflare.cancel_invitation",
    effect=Effect.DESTROYS,
    output=CloudflareMemberGone,
    source="Cloudflare API v4, DELETE /accounts/{account_id}/members/{member_id}",
)
class CancelCloudflareInvitation(Frozen):
    """Take an invitation back that nobody has accepted: intruders invite their helpers.

    Attributes:
        email: Who was invited.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[CloudflareMemberGone]:
        everybody = yield from look(MEMBERS, me.connection)
        wanted = [each for each in everybody if each.email.casefold() == self.email.casefold()]
        invited = [each for each in wanted if each.status != "accepted"]
        if len(invited) != len(wanted):
            raise GuardRefusedError(
                f"{self.email} has accepted",
                do="remove them with cloudflare.remove_member, if that is meant",
            )
        if invited and isinstance(invited[0].id, Late):
            raise GuardRefusedError(f"{self.email} is invited by this run", do="undo that step")
        if invited:
            yield from _removal(me, invited[0], everybody)
        gone = CloudflareMemberGone(str(invited[0].id) if invited else "")
        return Done(gone, says=f"{self.email} is not invited")


class _Added(Frozen):
    id: CloudflareMemberId = at("id")


@action(
    "cloudflare.add_member",
    effect=Effect.WRITES,
    output=CloudflareMember,
    source="Cloudflare API v4, POST /accounts/{account_id}/members",
)
class AddCloudflareMember(WithCloudflareRights, kw_only=True):
    """Invite somebody to the account, such as a member who was removed. They have to accept.

    Groups are given with ``cloudflare.join_group``, behind it.

    Attributes:
        email: Their address.
        roles: Ids of roles; they count where there are no policies.
        policies: ``allow GROUP,GROUP on RESOURCE``, each by ids.
    """

    email: str = field(metadata=STEERS)

    def __post_init__(self) -> None:
        one_line("email", self.email)
        self.check()

    def run(self, me: Me) -> Script[CloudflareMember]:
        everybody = yield from look(MEMBERS, me.connection)
        there = [each for each in everybody if each.email.casefold() == self.email.casefold()]
        if there:
            return Done(there[0], says=f"{self.email} is a member", findings=self._odd(there[0]))
        roles, policies = self.wanted
        late = Late(me.step, "id")
        new = CloudflareMember(late, "pending", self.email, roles=roles, policies=policies)
        # Roles are plain ids here, and objects in a change.
        rights = rights_sent(self.roles, policies)
        body = {"email": self.email, "status": "pending", **rights}
        answer = yield from change(
            me,
            MEMBERS,
            everybody,
            lambda now: (*now, new),
            Api(ask(me, "POST", "members", body=body), _added),
            ids={},
            says=f"invite {self.email} to the account",
            verb="invite",
            target=self.email,
            effect=Effect.WRITES,
            foretold=late,
            # Whom it finds there already it refuses, but an invitation is a letter to a person.
            repeatable=False,
            undo=Undo("cloudflare.cancel_invitation", {"email": self.email}),
        )
        made = answer if isinstance(answer, str) else late
        after = replace(new, id=CloudflareMemberId(made) if isinstance(made, str) else made)
        return Done(after, says=f"{self.email} is invited", findings=self._odd(after))

    def _odd(self, member: CloudflareMember) -> tuple[str, ...]:
        pending = f"{self.email} has to accept the invitation" if member.status == "pending" else ""
        other = "" if self.is_so(member) else (
            f"{self.email} has other rights: {', '.join(member.names) or 'none'}"
        )  # fmt: skip
        return tuple(filter(None, (pending, other)))


def _added(reply: Reply) -> CloudflareMemberId | Late:
    return one(_Added, RESULT)([yes(VENDOR, reply)]).id


ACTIONS: tuple[type, ...] = (
    RemoveCloudflareMember,
    CancelCloudflareInvitation,
    AddCloudflareMember,
)
