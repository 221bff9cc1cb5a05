"""Find people in a product by SCIM; what every action on one of them goes by.

Source: RFC 7643, section 4.1; RFC 7644, sections 3.4 and 3.12. A filter only finds ids: what is
shown, judged and proved is read by id. Without a filter all are listed, and compared here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NewType, TypeVar

from respond.core.records import Frozen, replace
from respond.core.script import (
    Connection,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Read,
    Reply,
    Script,
    action,
    gather,
)
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.guards import GuardRefusedError, only_one, spare
from respond.systems.rest import KEPT, Thing, at, dig, noted, one, read_record, records
from respond.systems.scim.provider import ScimFeatures, switches
from respond.systems.scim.vendor import A_PAGE, NO_FILTER, PAGES, VENDOR

__all__ = [
    "ACTIONS", "NOBODY", "RECORD", "USER", "FindScimUser", "ListScimUsers", "OnScimUser",
    "ScimUser", "ScimUserId", "account_called", "check_scim_id", "everybody", "features",
    "found", "in_order", "is_on", "listed", "may_filter", "quoted", "seen_user", "spare_user",
    "there", "values_of",
]  # fmt: skip

T = TypeVar("T")
ScimUserId = NewType("ScimUserId", str)
"""The product's own, and immutable: never an address, which may come to mean somebody else."""

_ID: Final = re.compile(r"[^\s/\\@\x00-\x1f\x7f]{1,200}")
_UNSAID: Final = frozenset({403, 404, 501})


# --- what a record comes to ---------------------------------------------------------------------


def values_of(found: Any) -> tuple[str, ...]:
    """The values of a multi-valued attribute, the primary one first; they may be plain texts."""
    listed_ = [each if isinstance(each, Mapping) else {"value": each} for each in found or ()]
    listed_.sort(key=lambda each: each.get("primary") is not True)
    return tuple(showable(str(each["value"]), limit=200) for each in listed_ if each.get("value"))


def is_on(found: Any) -> bool:
    """Loose products write it as text; where nothing is said, they may sign in."""
    return str(found).casefold() != "false"


class ScimUser(Frozen):
    """A user as the product has them now; without an id there is none.

    Attributes:
        groups: Ids; products often leave them out.
        version: Opaque; only whether it is another one counts.
    """

    id: ScimUserId = at("id")
    user_name: str = at("userName", is_needed=True, default="")
    display: str = at("displayName", default="")
    emails: tuple[str, ...] = at("emails", read=values_of, default=())
    active: bool = at("active", read=is_on, default=False)
    roles: tuple[str, ...] = at("roles", read=values_of, default=())
    groups: tuple[str, ...] = at("groups", read=values_of, default=())
    version: str = at("meta.version", default="")

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name.casefold() for name in (self.user_name, *self.emails) if name)

    @property
    def called(self) -> str:
        """The name that people know: an address where there is one."""
        known = (self.user_name, *self.emails)
        return next((name for name in known if "@" in name), self.user_name or self.id)

    @property
    def state(self) -> str:
        return "active" if self.active else "inactive"


NOBODY: Final = ScimUser(ScimUserId(""))


def listed(cls: type[T]) -> Callable[[Sequence[Reply]], tuple[T, ...]]:
    """The parser of a list over all pages. Without an order a walk may meet one twice.

    Raises:
        MalformedReplyError: Not as many came as there are: another walk may find them.
    """

    def parse(replies: Sequence[Reply]) -> tuple[T, ...]:
        found: dict[str, T] = {}
        for reply in replies:
            # Of an empty list the array may be missing (RFC 7644, section 3.4.2).
            if dig(reply.body, "totalResults") == 0:
                continue
            found |= {
                str(row.get("id")): read_record(cls, row) for row in records([reply], "Resources")
            }
        total = dig(replies[-1].body, "totalResults")
        if not isinstance(total, int) or len(found) < total:
            raise MalformedReplyError(f"the list has {len(found)} of {total}")
        return tuple(found.values())

    return parse


def _record(replies: Sequence[Reply]) -> dict[str, Any]:
    body = replies[0].body
    if not isinstance(body, dict):
        raise MalformedReplyError("the reply has no record")
    return body


# --- what can be looked at ----------------------------------------------------------------------

USER: Final = Thing(
    VENDOR, "user/{user}", ("Users", "{user}"), one(ScimUser), gone=NOBODY, evidence=KEPT
)
RECORD: Final = Thing(VENDOR, "record/{kind}/{id}", ("{kind}", "{id}"), _record, evidence=KEPT)
"""The whole of a user or group, for what has to give all of it back."""

_USERS: Final = Thing(VENDOR, "users", ("Users",), listed(ScimUser), pages=PAGES, query=A_PAGE)
_ANYBODY: Final = Thing(
    VENDOR,
    "anybody",
    ("Users",),
    lambda _: True,
    query=(("count", "1"), ("attributes", "id")),
)
_FEATURES: Final = Thing(VENDOR, "features", ("ServiceProviderConfig",), one(ScimFeatures))


def _by(attribute: str) -> Thing[tuple[ScimUser, ...]]:
    query = (*A_PAGE, ("filter", f"{attribute} eq {{text}}"))
    return replace(_USERS, name=f"users-by/{attribute}/{{text}}", query=query)


_BY_NAME: Final = _by("userName")
_BY_MAIL: Final = _by("emails.value")


def quoted(text: str) -> str:
    """A text inside a filter (RFC 7644, section 3.4.2.2): as JSON writes it."""
    return json.dumps(text, ensure_ascii=False)


def features(connection: Connection) -> Read[ScimFeatures]:
    """What the product says that it can; one that says nothing is as most are."""
    return _FEATURES.unless(_UNSAID, ScimFeatures(), connection)


def may_filter(connection: Connection, or_else: Any = None) -> Looking[bool]:
    """Whether to ask by a filter: not where the options, or the product itself, say no."""
    if not switches(connection).filter:
        return False
    can = yield from replace(features(connection), or_else=or_else and (lambda _: ScimFeatures()))
    return can.filter


def in_order(
    thing: Thing[tuple[T, ...]], connection: Connection, or_else: Any = None
) -> Looking[tuple[T, ...]]:
    """All of a list; in an order that does not change between its pages, where there is one."""
    can = yield from replace(features(connection), or_else=or_else and (lambda _: ScimFeatures()))
    query = (*thing.query, ("sortBy", "id")) if can.sort else thing.query
    return (yield from replace(thing, query=query).of(connection, or_else=or_else))


def everybody(connection: Connection, or_else: Any = None) -> Looking[tuple[ScimUser, ...]]:
    """Every user that the product lists; it may hide who is inactive."""
    return (yield from in_order(_USERS, connection, or_else))


# --- finding one --------------------------------------------------------------------------------


def found(connection: Connection, name: str, unseen: list[str] | None = None) -> Looking[ScimUser]:
    """The one user with this user name or address, read by id; ``NOBODY`` where there is none.

    The inactive count only where nobody else has the name.

    Args:
        unseen: Gets why something could not be looked at, instead of the script's end there.

    Raises:
        GuardRefusedError: Several have it.
    """
    rows_or, one_or = noted(unseen, ()), noted(unseen, NOBODY)
    rows: tuple[ScimUser, ...] | None = None
    if (yield from may_filter(connection, rows_or)):
        # A user name has no case by the standard, and has one in some products all the same.
        asked = [
            replace(each.unless(NO_FILTER, None, connection, text=quoted(text)), or_else=rows_or)
            for text in dict.fromkeys((name, name.casefold()))
            for each in (_BY_NAME, _BY_MAIL)
        ]
        answers = yield from gather(asked)
        hits = tuple(row for answer in answers for row in answer or ())
        if hits or None not in answers:
            rows = hits
    if rows is None:
        rows = yield from everybody(connection, rows_or)
    ids = dict.fromkeys(row.id for row in rows if name.casefold() in row.names)
    users = yield from gather(USER.of(connection, or_else=one_or, user=each) for each in ids)
    called = [user for user in users if name.casefold() in user.names]
    live = [user for user in called if user.active] or called
    return only_one(
        name,
        live,
        NOBODY,
        says=lambda user: f"{user.user_name} ({user.id})",
        do="give the user name",
    )


def account_called(connection: Connection, name: str) -> Looking[tuple[Thing[ScimUser], str]]:
    """What has this user name, as a thing that can come to be, and the name as it is asked for."""
    by_filter = yield from may_filter(connection)
    rows = listed(ScimUser)

    def parse(replies: Sequence[Reply]) -> ScimUser:
        wanted = name.casefold()
        return next((u for u in rows(replies) if u.user_name.casefold() == wanted), NOBODY)

    query = (*A_PAGE, ("filter", "userName eq {text}")) if by_filter else A_PAGE
    thing = Thing(VENDOR, "account/{text}", ("Users",), parse, pages=PAGES, query=query)
    return thing, quoted(name)


def there(me: Me, user: str) -> Looking[ScimUser]:
    """The user of this id, or ``NOBODY``.

    A 404 has no word of its own in SCIM, so it counts only where the list of users is answered:
    else a wrong address would pass for accounts that are gone.
    """
    seen = yield from USER.of(me.connection, user=user)
    if not seen.id:
        yield from _ANYBODY.of(me.connection)
    return seen


def seen_user(me: Me, user: str) -> Looking[ScimUser]:
    """The user of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from there(me, user)
    if not seen.id:
        raise GuardRefusedError(f"there is no user {user}", do="take it of scim.find_user")
    return seen


def spare_user(me: Me, user: ScimUser, verb: str) -> None:
    """Never the operator, an emergency account, or whom we work as (P8)."""
    spare(me, verb, user.called, *user.names)


def check_scim_id(name: str, value: str) -> None:
    """Refuse what can be no id.

    Raises:
        ArgumentError: It is empty, an address, or more than one segment of a path.
    """
    if not _ID.fullmatch(value) or value in {".", ".."}:
        raise ArgumentError(f"{name} must be an id of the product's, from scim.find_{name}")


class OnScimUser(Frozen):
    """An action on one user. Attributes: user: Their id, from ``scim.find_user``."""

    user: ScimUserId

    def __post_init__(self) -> None:
        check_scim_id("user", self.user)


@action(
    "scim.find_user",
    effect=Effect.READS,
    output=ScimUser,
    source="RFC 7644, section 3.4.2: GET /Users with a filter, GET /Users/{id}",
)
class FindScimUser(Frozen):
    """Find a user by user name or e-mail address. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: Their address, or their user name.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[ScimUser]:
        user = yield from found(me.connection, self.email)
        if user.id:
            return Done(user, says=f"{user.called} is {user.state}")
        hidden = "; an inactive one would not be shown" * switches(me.connection).hides_inactive
        return Done(user, says=f"{showable(self.email, limit=100)} is no user{hidden}")


class ScimUsers(Frozen):
    """Those whom the product lists."""

    users: tuple[ScimUser, ...]


@action(
    "scim.list_users",
    effect=Effect.READS,
    output=ScimUsers,
    source="RFC 7644, section 3.4.2: GET /Users",
)
class ListScimUsers(Frozen):
    """Read who may use the product: all active users."""

    def run(self, me: Me) -> Script[ScimUsers]:
        seen = tuple(user for user in (yield from everybody(me.connection)) if user.active)
        return Done(ScimUsers(seen), says=f"{len(seen)} users are active")


ACTIONS: tuple[type, ...] = (FindScimUser, ListScimUsers)
