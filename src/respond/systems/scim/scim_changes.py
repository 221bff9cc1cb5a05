"""How a change is told to a product: as PATCH in its dialect, or as PUT of a whole copy.

Source: RFC 7644, sections 3.5.1, 3.5.2 and 3.14. Operations are lower case, values are what they
are, and the path is named: what every product of the standard takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from respond.core.records import Frozen, replace
from respond.core.script import Api, Becomes, Call, Effect, Looking, Me, Undo, Write
from respond.systems.rest import change, no_answer
from respond.systems.scim.provider import switches
from respond.systems.scim.scim_users import RECORD, USER, ScimUser, features, is_on
from respond.systems.scim.vendor import ask

__all__ = ["Edit", "change_user", "ours_of"]

_PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_THEIRS: Final = frozenset({"meta", "groups"})
Record: TypeAlias = dict[str, Any]


def ours_of(record: Record) -> Record:
    """A record without what only the product itself may set; ``active`` is no text in it."""
    ours = {name: value for name, value in record.items() if name not in _THEIRS}
    return ours | ({"active": is_on(ours["active"])} if "active" in ours else {})


class Edit(Frozen):
    """One change of a user or group.

    Attributes:
        operation: As PATCH says it, with a path.
        copy: Makes it in a whole copy.
    """

    operation: dict[str, Any]
    copy: Callable[[Record], Record]

    def call(
        self, me: Me, kind: str, name: str, version: str, **more: Any
    ) -> Looking[tuple[Call, Becomes[Any]]]:
        """The request, and what it foretells of the whole.

        Where the product keeps versions it is bound to the one that was seen: if somebody was
        quicker it is refused with 412, and nothing happened.
        """
        can = yield from features(me.connection)
        wanted = switches(me.connection).patch
        headers = (("If-Match", version),) if can.etag and version else ()
        whole = Becomes(RECORD.subject(me.connection, kind=kind, id=name), self.copy)
        if wanted == "put" or not can.patch:
            record = yield from RECORD.of(me.connection, kind=kind, id=name)
            body = ours_of(self.copy(record))
            return ask(me, "PUT", kind, name, body=body, headers=headers, **more), whole
        operation = dict(self.operation)
        if wanted == "value" and "value" in operation and operation["op"] != "remove":
            operation["value"] = {operation.pop("path"): operation["value"]}
        body = {"schemas": [_PATCH], "Operations": [operation]}
        return ask(me, "PATCH", kind, name, body=body, headers=headers, **more), whole


def change_user(
    me: Me,
    user: ScimUser,
    edit: Edit,
    after: Callable[[ScimUser], ScimUser],
    *,
    says: str,
    verb: str,
    effect: Effect,
    undo: Undo | None = None,
    breaks: str = "",
) -> Looking[Write[None]]:
    """The write that changes attributes of a user; the product may answer 200 or 204."""
    call, whole = yield from edit.call(me, "Users", user.id, user.version)
    write = change(
        me,
        USER,
        user,
        after,
        Api(call, no_answer),
        ids={"user": user.id},
        says=says,
        verb=verb,
        target=user.called,
        effect=effect,
        foretold=None,
        repeatable=True,  # The same value in the same place.
        undo=undo,
        breaks=breaks,
    )
    return replace(write, becomes=(*write.becomes, whole))
