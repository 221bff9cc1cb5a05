"""Find people in Google Workspace; what every action on one of them goes by.

Source: Directory API, users.get and users.list. An address and an alias lead to the same account,
so what is shown, judged and proved is read by id. A search lags and only finds ids.
"""

from __future__ import annotations

import re
from typing import Any, Final, NewType

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Looking, Me, Script, action
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.google.vendor import PEOPLE, VENDOR, listed
from respond.systems.guards import GuardRefusedError, spare
from respond.systems.rest import KEPT, Thing, at, noted, one

__all__ = [
    "ACTIONS", "BY_HAND", "LISTED", "NOBODY", "USER", "FindGoogleUser", "GoogleUser",
    "GoogleUserId", "OnGoogleUser", "account_of", "acts_as", "check_user", "found", "spare_account",
]  # fmt: skip

GoogleUserId = NewType("GoogleUserId", str)
"""``103870000000000000001``: never an address, which may come to mean somebody else."""

_ID: Final = re.compile(r"[0-9]{15,25}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")
_NEVER: Final = "1970-01-01"

BY_HAND: Final = "https://admin.google.com/ac/users"


def _names(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    return tuple(showable(each, limit=200) for each in given if isinstance(each, str))


def _login(value: Any) -> str:
    """When they last signed in; who never did is shown as of 1970."""
    plain = isinstance(value, str) and not value.startswith(_NEVER)
    return showable(value, limit=40) if plain else ""


class GoogleUser(Frozen):
    """An account as Google has it now; without an id there is none.

    Attributes:
        reason: Why it is suspended: ``ADMIN``, ``ABUSE``, ...
        super_admin: Of the two kinds of administrator the one that may everything.
        delegated_admin: The other kind.
        two_step: They have enrolled a second step, and
        enforced: they have to have one.
        must_change: They choose a password at the next sign-in.
        enrols_again: In a plan: their second step is taken, and what they set up then nobody knows.
    """

    id: GoogleUserId = at("id")
    email: str = at("primaryEmail", is_needed=True, default="")
    suspended: bool = at("suspended", default=False)
    reason: str = at("suspensionReason", limit=40, default="")
    archived: bool = at("archived", default=False)
    super_admin: bool = at("isAdmin", default=False)
    delegated_admin: bool = at("isDelegatedAdmin", default=False)
    two_step: bool = at("isEnrolledIn2Sv", default=False)
    enforced: bool = at("isEnforcedIn2Sv", default=False)
    must_change: bool = at("changePasswordAtNextLogin", default=False)
    last_login: str = at("lastLoginTime", read=_login, default="")
    recovery_email: str = at("recoveryEmail", default="")
    recovery_phone: str = at("recoveryPhone", default="")
    aliases: tuple[str, ...] = at("aliases", read=_names, default=())
    enrols_again: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.email, *self.aliases)

    @property
    def state(self) -> str:
        """In one word, with the reason behind it."""
        if self.suspended:
            return f"suspended ({self.reason})" if self.reason else "suspended"
        return "archived" if self.archived else "active"


class _Deleted(Frozen):
    id: str = at("id")
    email: str = at("primaryEmail", default="")
    at_time: str = at("deletionTime", limit=40, default="")


NOBODY: Final = GoogleUser(GoogleUserId(""))
USER: Final = Thing(
    VENDOR, "user/{user}", (*PEOPLE, "users", "{user}"), one(GoogleUser), gone=NOBODY, evidence=KEPT
)
_CALLED: Final = Thing(
    VENDOR,
    "user-called/{name}",
    (*PEOPLE, "users", "{name}"),
    one(GoogleUser),
    gone=NOBODY,
    evidence=KEPT,
)
LISTED: Final = Thing(
    VENDOR,
    "users-listed",
    (*PEOPLE, "users"),
    listed(GoogleUser, "users"),
    query=(("customer", "my_customer"), ("maxResults", "500")),
)
_DELETED: Final = Thing(
    VENDOR,
    "deleted-users/{name}",
    (*PEOPLE, "users"),
    listed(_Deleted, "users"),
    query=(("customer", "my_customer"), ("showDeleted", "true"), ("query", "email:{name}")),
)


class SeenByName(Frozen):
    """Whom an address leads to. Attributes: deleted: When the account was deleted that had it."""

    user: GoogleUser
    deleted: str = ""


def found(
    connection: Connection, name: str, unseen: list[str] | None = None
) -> Looking[SeenByName]:
    """The account with this address or alias, read by id; ``NOBODY`` where there is none.

    Args:
        unseen: Gets why something could not be looked at, instead of the script's end there.
    """
    if "/" in name:  # No address of Google's has one.
        return SeenByName(NOBODY)
    or_else = noted(unseen, NOBODY)
    called = yield from _CALLED.of(connection, or_else=or_else, name=name)
    if called.id:
        user = yield from USER.of(connection, or_else=or_else, user=called.id)
        return SeenByName(user)
    if unseen or not _PLAIN.fullmatch(name):  # A search has a language of its own.
        return SeenByName(NOBODY)
    # Good to know, and nothing hangs on it.
    gone = yield from _DELETED.of(connection, or_else=lambda _: (), name=name)
    return SeenByName(NOBODY, max((each.at_time for each in gone), default=""))


def check_user(value: str) -> None:
    """Refuse what is no id of a user.

    Raises:
        ArgumentError: With one that is.
    """
    if not _ID.fullmatch(value):
        raise ArgumentError("user must be an id of Google's such as 103870000000000000001")


def account_of(me: Me, user: GoogleUserId) -> Looking[GoogleUser]:
    """The account of this id.

    Raises:
        GuardRefusedError: There is none.
    """
    seen = yield from USER.of(me.connection, user=user)
    if not seen.id:
        raise GuardRefusedError(f"there is no user {user}", do="take it of google.find_user")
    return seen


def acts_as(me: Me) -> str:
    """Address of the admin whom we act as.

    Raises:
        GuardRefusedError: The connection does not say: then nobody could be spared.
    """
    named = str(me.connection.options.get("acts_as", "")).casefold()
    if not named:
        raise GuardRefusedError(
            "respond.toml does not say as whom respond acts",
            do=f"set options = {{ acts_as = ... }} of {me.connection.name}",
        )
    return named


def spare_account(me: Me, user: GoogleUser, verb: str) -> None:
    """Never the operator, an emergency account, or the admin whom we act as (P8)."""
    is_ours = acts_as(me) in {name.casefold() for name in user.names}
    spare(me, verb, *user.names, is_ours=is_ours)


class OnGoogleUser(Frozen):
    """An action on one account. Attributes: user: Its id, from ``google.find_user``."""

    user: GoogleUserId

    def __post_init__(self) -> None:
        check_user(self.user)


@action(
    "google.find_user",
    effect=Effect.READS,
    output=GoogleUser,
    source="Directory API, users.get and users.list",
)
class FindGoogleUser(Frozen):
    """Find an account by address or alias. Nobody is an answer: ``id`` is empty then.

    Attributes:
        email: The address that they sign in with, or an alias of it.
    """

    email: str

    def __post_init__(self) -> None:
        one_line("email", self.email)

    def run(self, me: Me) -> Script[GoogleUser]:
        seen = yield from found(me.connection, self.email)
        user = seen.user
        if seen.deleted:
            says = f"{self.email} was deleted on {seen.deleted}"
            return Done(user, says=says, findings=(f"{says}: a person may get it back for a time",))
        is_alias = bool(user.id) and user.email.casefold() != self.email.casefold()
        alias = (f"{self.email} is an alias of {user.email}",) if is_alias else ()
        says = f"{user.email} is {user.state}" if user.id else f"{self.email} is no user"
        return Done(user, says=says, findings=alias)


ACTIONS: tuple[type, ...] = (FindGoogleUser,)
