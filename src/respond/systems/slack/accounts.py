"""Find people in Slack. Nobody is an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Me, Read, Reply, Script, action
from respond.core.showable import showable_host
from respond.systems.arguments import one_line
from respond.systems.people.recipients import same_address
from respond.systems.rest import Thing, at, one, rows
from respond.systems.slack.vendor import A_PAGE, VENDOR

__all__ = ["FindPerson", "SlackAccount", "find", "find_by_id", "ourselves"]


def _is_admin(user: Any) -> bool:
    return any(user.get(f"is_{what}") is True for what in ("admin", "owner", "primary_owner"))


class SlackAccount(Frozen):
    """Somebody in the workspace, or nobody.

    Attributes:
        there: Whether there is such a person at all.
        active: False for nobody, and for somebody deactivated.
        bot: An app; it reads no messages.
        why: Why it could not be looked up, or empty.
    """

    there: bool = at("id", read=bool, default=False)
    id: str = at("id", is_needed=True, default="")
    name: str = at("name", limit=80, default="")
    # Compared with other addresses, so it stays as it is.
    email: str = at("profile.email", read=lambda found: str(found or ""), default="")
    active: bool = at("deleted", read=lambda deleted: deleted is False, default=False)
    admin: bool = at("", read=_is_admin, default=False)
    bot: bool = at("is_bot", default=False)
    why: str = ""


_NOBODY: Final = dict.fromkeys(
    ("users_not_found", "user_not_found", "user_not_visible"), SlackAccount()
)
_BY_EMAIL: Final = Thing(
    VENDOR,
    "person/{person}",
    ("users.lookupByEmail",),
    one(SlackAccount, "user"),
    query=(("email", "{email}"),),
    said=_NOBODY,
)
_BY_ID: Final = Thing(
    VENDOR,
    "person/{user}",
    ("users.info",),
    one(SlackAccount, "user"),
    query=(("user", "{user}"),),
    said=_NOBODY,
)


class _Ourselves(Frozen):
    user_id: str = at("user_id")


_US: Final = Thing(VENDOR, "self", ("auth.test",), lambda replies: one(_Ourselves)(replies).user_id)


def find(
    connection: Connection, email: str, *, or_else: Callable[[str], SlackAccount] | None = None
) -> Read[SlackAccount]:
    """Look somebody active up by address. Nobody is an answer."""
    return _BY_EMAIL.of(connection, or_else=or_else, person=email.casefold(), email=email)


def find_by_id(
    connection: Connection, user: str, *, or_else: Callable[[str], SlackAccount] | None = None
) -> Read[SlackAccount]:
    """Look somebody up by the id in ``respond.toml``."""
    return _BY_ID.of(connection, or_else=or_else, user=user)


def ourselves(connection: Connection, *, or_else: Callable[[str], str] | None = None) -> Read[str]:
    """Our own user id: only what we posted ourselves counts as our mark."""
    return _US.of(connection, or_else=or_else)


def _find_anyone(connection: Connection, email: str) -> Read[SlackAccount]:
    """Look through everybody: deactivated people are not found by address."""

    def parse(replies: Sequence[Reply]) -> SlackAccount:
        everybody = rows(SlackAccount, "members")(replies)
        return next((one for one in everybody if same_address(one.email, email)), SlackAccount())

    anyone = Thing(VENDOR, "person/{person}", ("users.list",), parse, query=(("limit", A_PAGE),))
    return anyone.of(connection, person=email.casefold())


@action(
    "slack.find_person",
    effect=Effect.READS,
    output=SlackAccount,
    source="Slack Web API, methods users.lookupByEmail and users.list",
)
class FindPerson(Frozen):
    """Find the person with an e-mail address, deactivated ones included.

    Nobody is an answer: ``there`` is false then.

    Attributes:
        email: The address in their Slack profile.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[SlackAccount]:
        found = yield from find(me.connection, self.email)
        if not found.there:
            found = yield from _find_anyone(me.connection, self.email)
        shown = showable_host(self.email)
        if not found.there:
            return Done(found, says=f"nobody in Slack is {shown}")
        return Done(found, says=f"{shown} is {found.id}{'' if found.active else ', deactivated'}")
