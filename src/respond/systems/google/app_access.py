"""What applications may do for somebody in Google Workspace: OAuth grants, and app passwords.

Source: Directory API, tokens and asps. An app password goes without a second step, so both go
together. Ending them works while the account is suspended, too.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, TypeAlias

from respond.core.records import Frozen, replace
from respond.core.script import Becomes, Done, Effect, Looking, Me, Script, action, both, gather
from respond.core.showable import showable
from respond.systems.google.vendor import PEOPLE, VENDOR, ending, listed
from respond.systems.google.workspace_users import (
    BY_HAND,
    GoogleUser,
    OnGoogleUser,
    account_of,
    spare_account,
)
from respond.systems.rest import KEPT, Thing, at, change, one

__all__ = ["ACTIONS", "APP_PASSWORDS", "GRANTS", "RevokeGoogleGrants", "access_of"]

_SCOPES_SHOWN: Final = 6


def _scopes(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    return tuple(showable(each, limit=120) for each in given if isinstance(each, str))


def _code_id(value: Any) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else showable(str(value or ""), limit=20)


class GoogleGrant(Frozen):
    """An application that may act for the person. The name is the application's own word."""

    id: str = at("clientId")
    name: str = at("displayText", limit=80, default="")
    scopes: tuple[str, ...] = at("scopes", read=_scopes, default=())

    @property
    def says(self) -> str:
        short = [scope.rstrip("/").rpartition("/")[2] for scope in self.scopes]
        return f"{self.name or self.id} ({', '.join(short[:_SCOPES_SHOWN])})"


class GoogleAppPassword(Frozen):
    """A password for one application, without itself."""

    id: str = at("codeId", read=_code_id)
    name: str = at("name", limit=80, default="")

    @property
    def says(self) -> str:
        return f"the app password {self.name}"


_OF: Final = (*PEOPLE, "users", "{user}")
GRANTS: Final = Thing(
    VENDOR, "user/{user}/grants", (*_OF, "tokens"), listed(GoogleGrant), evidence=KEPT
)
APP_PASSWORDS: Final = Thing(
    VENDOR, "user/{user}/app-passwords", (*_OF, "asps"), listed(GoogleAppPassword), evidence=KEPT
)
_GRANT: Final = Thing(
    VENDOR,
    "user/{user}/grant/{id}",
    (*_OF, "tokens", "{id}"),
    one(GoogleGrant),
    gone=GoogleGrant(""),
)
_APP_PASSWORD: Final = Thing(
    VENDOR,
    "user/{user}/app-password/{id}",
    (*_OF, "asps", "{id}"),
    one(GoogleAppPassword),
    gone=GoogleAppPassword(""),
)
_Access: TypeAlias = GoogleGrant | GoogleAppPassword


def access_of(
    me: Me, user: str
) -> Looking[tuple[tuple[GoogleGrant, ...], tuple[GoogleAppPassword, ...]]]:
    """All grants and app passwords of an account."""
    return (
        yield from both(
            GRANTS.of(me.connection, user=user), APP_PASSWORDS.of(me.connection, user=user)
        )
    )


class GoogleAccessLeft(Frozen):
    """How many grants and app passwords are left."""

    left: int


@action(
    "google.revoke_grants",
    effect=Effect.DESTROYS,
    output=GoogleAccessLeft,
    source="Directory API, tokens.delete and asps.delete",
    by_hand=(
        "Open Directory, Users, the person, Security.",
        "Remove Connected applications, and Application-specific passwords.",
        BY_HAND,
    ),
)
class RevokeGoogleGrants(OnGoogleUser):
    """Take away what a person let applications do, and their app passwords. There is no way back.

    A mail application on a phone loses its mail until the person signs in there again.
    """

    def run(self, me: Me) -> Script[GoogleAccessLeft]:
        user, (grants, passwords) = yield from both(
            account_of(me, self.user), access_of(me, self.user)
        )
        if grants or passwords:
            spare_account(me, user, "revoke the grants of")
            yield from _ending(me, user, (_GRANT, GRANTS), grants)
            yield from _ending(me, user, (_APP_PASSWORD, APP_PASSWORDS), passwords)
        return Done(GoogleAccessLeft(0), says=f"{user.email} lets no application act for them")


def _ending(
    me: Me, user: GoogleUser, things: tuple[Thing[Any], Thing[Any]], listed: tuple[_Access, ...]
) -> Generator[Any, Any, None]:
    """Each for itself; the list that it stands in is the second thing."""
    thing, among = things
    seen: tuple[_Access, ...] = yield from gather(
        thing.of(me.connection, user=user.id, id=each.id) for each in listed
    )
    for each in seen:
        if each.id:
            yield from _end(me, user, thing, among, each)


def _end(
    me: Me, user: GoogleUser, thing: Thing[Any], among: Thing[Any], each: _Access
) -> Generator[Any, Any, None]:
    write = change(
        me,
        thing,
        each,
        lambda _: thing.gone,
        ending(me, *PEOPLE, "users", user.id, among.path[-1], each.id),
        ids={"user": user.id, "id": each.id},
        says=f"revoke {each.says} of {user.email}",
        verb="revoke",
        target=user.email,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time it answers that there is none.
        breaks=f"{user.email} agrees anew in the application, or makes another app password.",
    )
    left = Becomes(
        among.subject(me.connection, user=user.id),
        lambda now: tuple(other for other in now if other.id != each.id),
    )
    yield replace(write, becomes=(*write.becomes, left))


ACTIONS: tuple[type, ...] = (RevokeGoogleGrants,)
