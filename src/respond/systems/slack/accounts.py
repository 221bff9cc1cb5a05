"""Find people in Slack. Nobody is an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from respond.core.script import (
    Connection,
    Done,
    Effect,
    Me,
    Read,
    Reply,
    Script,
    Subject,
    action,
)
from respond.core.showable import showable, showable_host
from respond.systems.arguments import one_line
from respond.systems.people.recipients import same_address
from respond.systems.slack.replies import (
    PAGES,
    SETTLE_S,
    body_and_code,
    get,
    records,
    text_at,
    yes,
)

__all__ = ["PEOPLE_A_PAGE", "FindPerson", "Found", "find", "find_by_id", "ourselves"]

PEOPLE_A_PAGE: Final = "999"
_NOBODY: Final = frozenset({"users_not_found", "user_not_found", "user_not_visible"})


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody in the workspace, or nobody.

    Attributes:
        there: Whether there is such a person at all.
        active: False for nobody, and for somebody deactivated.
        bot: An app; it reads no messages.
        why: Why it could not be looked up, or empty.
    """

    there: bool = False
    id: str = ""
    name: str = ""
    email: str = ""
    active: bool = False
    admin: bool = False
    bot: bool = False
    why: str = ""


def _found(user: Any) -> Found:
    user_id = text_at(user, "id")
    profile = user.get("profile")
    email = profile.get("email", "") if isinstance(profile, dict) else ""
    return Found(
        there=True,
        id=user_id,
        name=showable(str(user.get("name", "")), limit=80),
        email=str(email),
        active=user.get("deleted") is False,
        admin=any(user.get(f"is_{what}") is True for what in ("admin", "owner", "primary_owner")),
        bot=user.get("is_bot") is True,
    )


def _looked_up(replies: Sequence[Reply]) -> Found:
    body, code = body_and_code(replies[0])
    if code in _NOBODY:
        return Found()
    return _found((yes(replies[0]) if code else body).get("user"))


def find(
    connection: Connection, email: str, *, or_else: Callable[[str], Found] | None = None
) -> Read[Found]:
    """Look somebody active up by address. Nobody is an answer."""
    return Read(
        Subject(f"{connection.name}/person/{email.casefold()}", settle_s=SETTLE_S),
        get(connection, "users.lookupByEmail", ("email", email)),
        _looked_up,
        or_else=or_else,
    )


def find_by_id(
    connection: Connection, user: str, *, or_else: Callable[[str], Found] | None = None
) -> Read[Found]:
    """Look somebody up by the id in ``respond.toml``."""
    return Read(
        Subject(f"{connection.name}/person/{user}", settle_s=SETTLE_S),
        get(connection, "users.info", ("user", user)),
        _looked_up,
        or_else=or_else,
    )


def _find_anyone(connection: Connection, email: str) -> Read[Found]:
    """Look through everybody: deactivated people are not found by address."""

    def parse(replies: Sequence[Reply]) -> Found:
        everybody = [_found(user) for reply in replies for user in records(yes(reply), "members")]
        return next((one for one in everybody if same_address(one.email, email)), Found())

    return Read(
        Subject(f"{connection.name}/person/{email.casefold()}", settle_s=SETTLE_S),
        get(connection, "users.list", ("limit", PEOPLE_A_PAGE)),
        parse,
        PAGES,
    )


@action(
    "slack.find_person",
    effect=Effect.READS,
    output=Found,
    source="Slack Web API, methods users.lookupByEmail and users.list",
)
@dataclass(frozen=True)
class FindPerson:
    """Find the person with an e-mail address, deactivated ones included.

    Nobody is an answer: ``there`` is false then.

    Attributes:
        email: The address in their Slack profile.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[Found]:
        found = yield from find(me.connection, self.email)
        if not found.there:
            found = yield from _find_anyone(me.connection, self.email)
        shown = showable_host(self.email)
        if not found.there:
            return Done(found, says=f"nobody in Slack is {shown}")
        return Done(found, says=f"{shown} is {found.id}{'' if found.active else ', deactivated'}")


def ourselves(connection: Connection, *, or_else: Callable[[str], str] | None = None) -> Read[str]:
    """Our own user id: only what we posted ourselves counts as our mark."""
    return Read(
        Subject(f"{connection.name}/self", settle_s=SETTLE_S),
        get(connection, "auth.test"),
        lambda replies: text_at(yes(replies[0]), "user_id"),
        or_else=or_else,
    )
