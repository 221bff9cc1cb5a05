"""Find people in Entra; what every action on one of them goes by.

Source: Microsoft Graph v1.0, user: list, get. A list may be stale, so it only finds ids; and a user
that is read without ``$select`` does not say whether they may sign in.
"""

from __future__ import annotations

from typing import Any, Final, NewType

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Looking, Me, Script, action, gather
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.entra.vendor import VENDOR, check_guid, quoted
from respond.systems.guards import GuardRefusedError, only_one, spare
from respond.systems.rest import KEPT, Thing, at, noted, one, rows

__all__ = [
    "ACTIONS", "ENTRA_NOBODY", "ENTRA_USER", "LISTED", "EntraUser", "EntraUserId",
    "FindEntraUser", "OnEntraUser", "last_sign_in", "seen_entra_user", "spare_entra_user",
    "user_called",
]  # fmt: skip

EntraUserId = NewType("EntraUserId", str)
"""An object id: never a user principal name, which may come to mean somebody else."""

_SHOWN: Final = (
    "id", "userPrincipalName", "mail", "displayName", "accountEnabled", "userType",
    "onPremisesSyncEnabled", "proxyAddresses",
)  # fmt: skip
_SELECT: Final = ("$select", ",".join(_SHOWN))


def _aliases(found: Any) -> tuple[str, ...]:
    """Addresses at which mail reaches the mailbox: ``smtp:x@y``, the first one ``SMTP:``."""
    listed = found if isinstance(found, list) else ()
    kinds = (str(each).partition(":") for each in listed)
    return tuple(showable(text, limit=200) for kind, _, text in kinds if kind.lower() == "smtp")


class EntraUser(Frozen):
    """A user as Entra has them now; without an id there is none.

    Attributes:
        is_enabled: They may sign in.
        kind: ``Member`` or ``Guest``.
        is_synced: Active Directory is the master of this account.
    """

    id: EntraUserId = at("id")
    login: str = at("userPrincipalName", default="")
    email: str = at("mail", default="")
    name: str = at("displayName", default="")
    is_enabled: bool = at("accountEnabled", is_needed=True, default=False)
    kind: str = at("userType", limit=20, default="")
    is_synced: bool = at("onPremisesSyncEnabled", default=False)
    aliases: tuple[str, ...] = at("proxyAddresses", read=_aliases, default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the account goes by."""
        return tuple(each for each in (self.login, self.email, *self.aliases) if each)

    def is_called(self, *names: str) -> bool:
        return bool({n.casefold() for n in names} & {n.casefold() for n in self.names})

    @property
    def says(self) -> str:
        return "enabled" if self.is_enabled else "disabled"


ENTRA_NOBODY: Final = EntraUser(EntraUserId(""))
ENTRA_USER: Final = Thing(
    VENDOR,
    "user/{user}",
    ("users", "{user}"),
    one(EntraUser),
    gone=ENTRA_NOBODY,
    query=(_SELECT,),
    evidence=KEPT,
)
LISTED: Final = Thing(
    VENDOR,
    "users-listed",
    ("users",),
    rows(EntraUser, "value"),
    query=(("$top", "999"), _SELECT),
)
_SEARCHED: Final = Thing(
    VENDOR,
    "users-called/{name}",
    ("users",),
    rows(EntraUser, "value"),
    query=(("$filter", "mail eq '{name}' or userPrincipalName eq '{name}'"), _SELECT),
    evidence=KEPT,
)
_BY_ALIAS: Final = Thing(
    VENDOR,
    "users-reached-at/{name}",
    ("users",),
    rows(EntraUser, "value"),
    query=(("$filter", "proxyAddresses/any(p:p eq 'smtp:{name}')"), _SELECT),
)


class _Activity(Frozen):
    last: str = at("signInActivity.lastSignInDateTime", limit=40, default="")


_ACTIVITY: Final = Thing(
    VENDOR,
    "user/{user}/activity",
    ("users", "{user}"),
    one(_Activity),
    query=(("$select", "id,signInActivity"),),
)


def last_sign_in(connection: Connection, user: str) -> Looking[str]:
    """When a user signed in last; empty where the tenant has no P1 licence, or nobody may look."""
    return (yield from _ACTIVITY.of(connection, or_else=lambda _: _Activity(), user=user)).last


def user_called(
    connection: Connection, name: str, unseen: list[str] | None = None
) -> Looking[EntraUser]:
    """The one user with this address, alias or user principal name, read by id; else nobody.

    Addresses for recovery do not count: whoever has an account can set them.

    Args:
        unseen: Gets why something could not be looked at, instead of the script's end there.

    Raises:
        GuardRefusedError: Several have it.
    """
    rows_or, one_or = noted(unseen, ()), noted(unseen, ENTRA_NOBODY)
    found = yield from gather(
        thing.of(connection, or_else=rows_or, name=quoted(name)) for thing in (_SEARCHED, _BY_ALIAS)
    )
    ids = dict.fromkeys(hit.id for hits in found for hit in hits)
    users = yield from gather(ENTRA_USER.of(connection, or_else=one_or, user=each) for each in ids)
    called = [user for user in users if user.id and user.is_called(name)]
    return only_one(
        name,
        called,
        ENTRA_NOBODY,
        says=lambda user: f"{user.login} ({user.id})",
        why="Entra lets several users have one address",
        do="give the user principal name",
    )


def seen_entra_user(me: Me, user: EntraUserId) -> Looking[EntraUser]:
    """The user of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from ENTRA_USER.of(me.connection, user=user)
    if not seen.id:
        raise GuardRefusedError(f"there is no user {user}", do="take it of entra.find_user")
    return seen


def spare_entra_user(me: Me, user: EntraUser, verb: str) -> None:
    """Never the operator, an emergency account, or whom the connection names as its own (P8)."""
    spare(me, verb, *user.names)


class OnEntraUser(Frozen):
    """An action on one user. Attributes: user: Their object id, from ``entra.find_user``."""

    user: EntraUserId

    def __post_init__(self) -> None:
        check_guid("user", self.user)


@action(
    "entra.find_user",
    effect=Effect.READS,
    output=EntraUser,
    source="Microsoft Graph v1.0, GET /users and /users/{id}",
)
class FindEntraUser(Frozen):
    """Find a user by address or user principal name. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: Their address, or their user principal name.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[EntraUser]:
        user = yield from user_called(me.connection, self.email)
        says = f"{user.login} is {user.says}" if user.id else f"{self.email} is no user"
        return Done(user, says=says)


ACTIONS: tuple[type, ...] = (FindEntraUser,)
