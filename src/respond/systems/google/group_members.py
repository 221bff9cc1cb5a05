"""Members of groups in Google Workspace: an application is given there by a group.

Source: Directory API, members. What somebody was in a group, and how they got its mail, comes back
with them.
"""

from __future__ import annotations

import re
from typing import Final

from respond.core.records import Frozen
from respond.core.script import Api, Done, Effect, Me, Script, Undo, action, both
from respond.systems.arguments import ArgumentError, one_of
from respond.systems.google.vendor import PEOPLE, VENDOR, ask, ending, listed
from respond.systems.google.workspace_users import OnGoogleUser, account_of, spare_account
from respond.systems.rest import Thing, at, change, no_answer, one, or_said

__all__ = ["ACTIONS", "JoinGoogleGroup", "LeaveGoogleGroup"]

_GROUP: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}|[0-9a-z]{6,40}")
_ROLES: Final = ("MEMBER", "MANAGER", "OWNER")
_DELIVERY: Final = ("ALL_MAIL", "DAILY", "DIGEST", "DISABLED", "NONE")


class GoogleMember(Frozen):
    """Somebody in a group; without an id they are not in it.

    Attributes:
        role: ``MEMBER``, ``MANAGER`` or ``OWNER``.
        delivery: How they get its mail.
    """

    id: str = at("id")
    role: str = at("role", limit=20, default="MEMBER")
    delivery: str = at("delivery_settings", limit=20, default="")


class _Inside(Frozen):
    id: str = at("id", default="")  # Somebody from outside need not have one.


_ABSENT: Final = GoogleMember("")
_MEMBER: Final = Thing(
    VENDOR,
    "user/{user}/in/{group}",
    (*PEOPLE, "groups", "{group}", "members", "{user}"),
    one(GoogleMember),
    gone=_ABSENT,
)
# Of one that is not in a group and of a group that is not there the same word is said: its list
# tells, which has those of groups inside it, too.
_ALL: Final = Thing(
    VENDOR,
    "group/{group}/members",
    (*PEOPLE, "groups", "{group}", "members"),
    listed(_Inside, "members"),
    query=(("includeDerivedMembership", "true"),),
)


class _InGroup(OnGoogleUser):
    """Attributes: group: Its address, or its id."""

    group: str

    def __post_init__(self) -> None:
        OnGoogleUser.__post_init__(self)
        if not _GROUP.fullmatch(self.group):
            raise ArgumentError("group must be the address or the id of a group of Google's")


@action(
    "google.leave_group",
    effect=Effect.DESTROYS,
    output=GoogleMember,
    source="Directory API, members.delete",
)
class LeaveGoogleGroup(_InGroup):
    """Take somebody out of a group, and so from what the group gives."""

    def run(self, me: Me) -> Script[GoogleMember]:
        user, seen = yield from both(
            account_of(me, self.user),
            _MEMBER.of(me.connection, user=self.user, group=self.group),
        )
        says = f"{user.email} is not in {self.group}"
        if not seen.id:
            every = yield from _ALL.of(me.connection, group=self.group)
            if user.id not in {each.id for each in every}:
                return Done(seen, says=says)
            left = f"{user.email} is in {self.group} by a group inside it: take them out of that"
            return Done(seen, says=left, findings=(left,), proved=False)
        spare_account(me, user, "take an application from")
        back = {"user": user.id, "group": self.group, "role": seen.role, "delivery": seen.delivery}
        yield from change(
            me,
            _MEMBER,
            seen,
            lambda _: _ABSENT,
            ending(me, *PEOPLE, "groups", self.group, "members", user.id),
            ids={"user": user.id, "group": self.group},
            says=f"take {user.email} out of {self.group}",
            verb="remove",
            target=user.email,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # The second time it answers that there is no such member.
            undo=Undo("google.join_group", back),
            breaks=f"{user.email} loses what the group {self.group} gives.",
        )
        return Done(_ABSENT, says=says)


@action(
    "google.join_group",
    effect=Effect.WRITES,
    output=GoogleMember,
    source="Directory API, members.insert",
)
class JoinGoogleGroup(_InGroup):
    """Put somebody into a group.

    Attributes:
        role: ``MEMBER``, ``MANAGER`` or ``OWNER``.
        delivery: How they get its mail; empty: as is usual there.
    """

    role: str = "MEMBER"
    delivery: str = ""

    def __post_init__(self) -> None:
        _InGroup.__post_init__(self)
        one_of("role", self.role, _ROLES)
        if self.delivery:
            one_of("delivery", self.delivery, _DELIVERY)

    def run(self, me: Me) -> Script[GoogleMember]:
        user, seen = yield from both(
            account_of(me, self.user),
            _MEMBER.of(me.connection, user=self.user, group=self.group),
        )
        there = GoogleMember(user.id, self.role, self.delivery)
        if seen.id:
            return Done(seen, says=f"{user.email} is in {self.group} already")
        # Google takes no id here; it is that of the account with this id, as it was just read.
        body = {"email": user.email, "role": self.role}
        body |= {"delivery_settings": self.delivery} if self.delivery else {}
        call = ask(
            me, "POST", *PEOPLE, "groups", self.group, "members",
            body=body, answers=frozenset({409}),
        )  # fmt: skip
        yield from change(
            me,
            _MEMBER,
            seen,
            lambda _: there,
            Api(call, or_said(VENDOR, no_answer, "duplicate", means=None)),
            ids={"user": user.id, "group": self.group},
            says=f"put {user.email} into {self.group}",
            verb="add",
            target=user.email,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # The second time it answers that they are in it.
            undo=Undo("google.leave_group", {"user": user.id, "group": self.group}),
        )
        return Done(there, says=f"{user.email} is in {self.group}")


ACTIONS: tuple[type, ...] = (LeaveGoogleGroup, JoinGoogleGroup)
