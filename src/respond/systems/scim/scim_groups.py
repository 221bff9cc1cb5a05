"""Groups by SCIM: find one, take somebody out, and put them in again.

Source: RFC 7643, section 4.2; RFC 7644, section 3.5.2. What a user record says of its groups is
read-only and often missing: membership is read and changed at the group.
"""

from __future__ import annotations

from collections.abc import Generator
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
    gather,
)
from respond.core.showable import showable
from respond.core.values import Late
from respond.systems.arguments import one_line
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, no_answer, one, or_said
from respond.systems.scim.provider import switches
from respond.systems.scim.scim_changes import Edit
from respond.systems.scim.scim_users import (
    OnScimUser,
    ScimUser,
    check_scim_id,
    in_order,
    listed,
    may_filter,
    quoted,
    seen_user,
    values_of,
)
from respond.systems.scim.vendor import A_PAGE, NO_FILTER, PAGES, VENDOR

__all__ = [
    "ACTIONS", "GROUP", "AddToScimGroup", "FindScimGroup", "OnScimMembership", "ScimGroup",
    "all_groups", "group_of", "groups_with", "joining", "leaving",
]  # fmt: skip

_NO_TARGET: Final = "noTarget"


class ScimGroup(Frozen):
    """A group; without an id there is none.

    Attributes:
        members: Ids of users and of groups.
    """

    id: str = at("id")
    name: str = at("displayName", default="")
    members: tuple[str | Late, ...] = at("members", read=values_of, default=())
    version: str = at("meta.version", default="")


_NO_GROUP: Final = ScimGroup("")
GROUP: Final = Thing(VENDOR, "group/{group}", ("Groups", "{group}"), one(ScimGroup), gone=_NO_GROUP)
_NAMES: Final = Thing(
    VENDOR,
    "groups",
    ("Groups",),
    listed(ScimGroup),
    pages=PAGES,
    query=(*A_PAGE, ("excludedAttributes", "members")),
)
_WITH: Final = replace(
    _NAMES, name="groups-with/{text}", query=(*A_PAGE, ("filter", "members.value eq {text}"))
)


def all_groups(me: Me) -> Looking[tuple[ScimGroup, ...]]:
    """Every group, without its members."""
    return (yield from in_order(_NAMES, me.connection))


def groups_with(me: Me, user: ScimUser) -> Looking[tuple[ScimGroup, ...]]:
    """The groups that a user is a member of themselves, each read by id.

    Found by a filter; where the product does not understand it, or finds none, every group is
    read: an empty list may be a filter that was swallowed. One that offers users alone has none.
    """
    rows: tuple[ScimGroup, ...] | None = None
    if (yield from may_filter(me.connection)):
        with_them = replace(_WITH, gone=())
        rows = yield from with_them.unless(NO_FILTER, None, me.connection, text=quoted(user.id))
    if not rows:
        rows = yield from in_order(replace(_NAMES, gone=()), me.connection)
    ids = dict.fromkeys((*(row.id for row in rows), *user.groups))
    groups = yield from gather(GROUP.of(me.connection, group=each) for each in ids)
    return tuple(group for group in groups if user.id in group.members)


def group_of(me: Me, group: str) -> Looking[ScimGroup]:
    """The group of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from GROUP.of(me.connection, group=group)
    if not seen.id:
        raise GuardRefusedError(f"there is no group {group}", do="take it of scim.find_group")
    return seen


@action(
    "scim.find_group",
    effect=Effect.READS,
    output=ScimGroup,
    source="RFC 7644, section 3.4.2: GET /Groups",
)
class FindScimGroup(Frozen):
    """Find a group by its name, with its members. None is an answer: ``id`` is empty then.

    Attributes:
        name: Its display name.
    """

    name: str

    def __post_init__(self) -> None:
        one_line("name", self.name)

    def run(self, me: Me) -> Script[ScimGroup]:
        rows = yield from all_groups(me)
        ids = [row.id for row in rows if row.name.casefold() == self.name.casefold()]
        name = showable(self.name, limit=100)
        if len(ids) > 1:
            raise GuardRefusedError(
                f"{len(ids)} groups are called {name}: {', '.join(ids[:5])}",
                do="give the id of the one that is meant",
            )
        if not ids:
            return Done(_NO_GROUP, says=f"{name} is no group")
        group = yield from group_of(me, ids[0])
        return Done(group, says=f"{group.name} has {len(group.members)} members")


# --- in and out ---------------------------------------------------------------------------------


def leaving(me: Me, user: ScimUser, group: ScimGroup) -> Generator[Any, Any, None]:
    """Take a member out of a group. Whom to spare, the caller has judged."""
    path, value = f"members[value eq {quoted(user.id)}]", {}
    if switches(me.connection).remove == "value":
        path, value = "members", {"value": [{"value": user.id}]}
    edit = Edit(
        {"op": "remove", "path": path, **value},
        lambda record: (
            record
            | {"members": [m for m in record.get("members", ()) if m.get("value") != user.id]}
        ),
    )
    call, more = yield from edit.call(
        me, "Groups", group.id, group.version, answers=frozenset({400})
    )
    yield from _membership(
        me,
        group,
        user.id,
        lambda now: replace(now, members=tuple(m for m in now.members if m != user.id)),
        # A product that finds no such member says so with a word: it is as wanted.
        Api(call, or_said(VENDOR, no_answer, _NO_TARGET, means=None)),
        more,
        says=f"take {user.called} out of the group {group.name}",
        verb="remove",
        target=user.called,
        effect=Effect.DESTROYS,
        undo=Undo("scim.add_to_group", {"user": user.id, "group": group.id}),
        breaks=f"{user.called} loses what the group {group.name} may.",
    )


def joining(me: Me, user: str | Late, called: str, group: ScimGroup) -> Generator[Any, Any, None]:
    """Make somebody a member of a group; their id may be known only later."""
    members = [{"value": user}]
    edit = Edit(
        {"op": "add", "path": "members", "value": members},
        lambda record: record | {"members": [*record.get("members", ()), *members]},
    )
    call, more = yield from edit.call(me, "Groups", group.id, group.version)
    yield from _membership(
        me,
        group,
        user,
        lambda now: replace(now, members=(*now.members, user)),
        Api(call, no_answer),
        more,
        says=f"put {called} into the group {group.name}",
        verb="add",
        target=called,
        effect=Effect.WRITES,
        undo=None
        if isinstance(user, Late)
        else Undo("scim.remove_from_group", {"user": user, "group": group.id}),
    )


def _membership(
    me: Me,
    group: ScimGroup,
    user: str | Late,
    after: Any,
    hands: Api[None],
    more: Becomes[Any],
    **words: Any,
) -> Write[None]:
    write = change(
        me,
        GROUP,
        group,
        after,
        hands,
        ids={"group": group.id},
        foretold=None,
        repeatable=True,  # A set: one member once (RFC 7644, section 3.5.2.1).
        **words,
    )
    # Whoever else is in it is nobody's business here, and may change meanwhile.
    is_in = user in group.members
    return replace(
        write,
        becomes=(*write.becomes, more),
        before={"is a member": is_in},
        after={"is a member": not is_in},
    )


class OnScimMembership(OnScimUser):
    """An action on one membership. Attributes: group: Id, from ``scim.find_group``."""

    group: str

    def __post_init__(self) -> None:
        OnScimUser.__post_init__(self)
        check_scim_id("group", self.group)


@action(
    "scim.add_to_group",
    effect=Effect.WRITES,
    output=ScimGroup,
    source="RFC 7644, section 3.5.2.1: PATCH /Groups/{id}, op add",
)
class AddToScimGroup(OnScimMembership):
    """Put a user into a group."""

    def run(self, me: Me) -> Script[ScimGroup]:
        user = yield from seen_user(me, self.user)
        group = yield from group_of(me, self.group)
        if user.id not in group.members:
            yield from joining(me, user.id, user.called, group)
        return Done(
            replace(group, members=tuple(dict.fromkeys((*group.members, user.id)))),
            says=f"{user.called} is in the group {group.name}",
        )


ACTIONS: tuple[type, ...] = (FindScimGroup, AddToScimGroup)
