"""Administrators of JumpCloud: who they are, and what they may do.

They are another population than the users that JumpCloud signs in, with passwords, factors and API
keys of their own; somebody may be in both. Source: API 1.0, ``/users``. No API suspends one, ends
their sessions or makes another API key: a person does, and the list shows it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Final, NewType

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Person,
    Proof,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
)
from respond.systems.arguments import one_line
from respond.systems.guards import GuardRefusedError, keep_an_administrator, spare
from respond.systems.jumpcloud.ids import check_object_id
from respond.systems.jumpcloud.vendor import (
    BILLING,
    FULL,
    LISTED,
    PAGES,
    VENDOR,
    ask,
    is_service_account,
)
from respond.systems.rest import Thing, at, change, no_answer, records, rows, where

__all__ = [
    "ACTIONS",
    "ADMINS",
    "READ_ONLY",
    "JumpCloudAdmin",
    "JumpCloudAdminId",
    "JumpCloudAdmins",
    "ListJumpCloudAdmins",
    "SetJumpCloudAdminRole",
    "admins_called",
    "keep_an_admin",
    "key_rotation",
    "may_be_ours",
    "set_role",
]  # fmt: skip

JumpCloudAdminId = NewType("JumpCloudAdminId", str)
"""``64b0000000000000000000a1``; in a path beside the ids of users, and never one of these."""

READ_ONLY: Final = "Read Only"
_ANEW: Final = "after this run began"
_PUT_BACK: Final = ("email", "firstname", "lastname", "enableMultiFactor", "apiKeyAllowed")
"""Sent along as they are: whether what is left out of a PUT stays, nobody has confirmed."""

_SENT_ALONG: Final = {"key_allowed": "apiKeyAllowed"}
"""What of these is changed here, by our name: a later step of the plan sends it as it will be."""

_CONSOLE: Final = "https://console.jumpcloud.com/"
_AT: Final = "Open Settings, Administrators."


class JumpCloudAdmin(Frozen):
    """An administrator.

    Attributes:
        has_totp: They have enrolled a second factor.
        key_allowed: They may have an API key, and
        key_set: they have one,
        key_made: since then.
    """

    id: JumpCloudAdminId = at("_id")
    email: str = at("email", default="")
    role: str = at("roleName", limit=80, default="")
    suspended: bool = at("suspended", default=False)
    has_totp: bool = at("totpEnrolled", default=False)
    key_allowed: bool = at("apiKeyAllowed", default=False)
    key_set: bool = at("apiKeySet", default=False)
    key_made: str = at("apiKeyHash.createdAt", limit=40, default="")

    @property
    def may_all(self) -> bool:
        return self.role in FULL and not self.suspended

    @property
    def says(self) -> str:
        more = [
            "suspended" if self.suspended else "",
            "" if self.has_totp else "no second factor",
            "an API key" if self.key_set else "",
        ]
        return ", ".join(
            [f"{self.email}: {self.role or 'a role of their own'}", *filter(None, more)]
        )


def _list(name: str, parse: Any) -> Thing[Any]:
    query = (*LISTED, ("sort", "_id"))
    return Thing(VENDOR, name, ("users",), parse, pages=PAGES, query=query, surface="v1")


ADMINS: Final[Thing[tuple[JumpCloudAdmin, ...]]] = _list(
    "administrators", rows(JumpCloudAdmin, "results")
)
_AHEAD: Final[Thing[int]] = _list("administrators-clock", lambda replies: replies[0].ahead_s)
# What is put back as it was is no text of ours: it is sent, and shown to nobody.
_AS_THEY_ARE: Final[Thing[dict[str, dict[str, Any]]]] = _list(
    "administrators-as-they-are",
    lambda replies: {
        str(row.get("_id")): {name: row[name] for name in _PUT_BACK if name in row}
        for row in records(replies, "results")
    },
)


def admins_called(me: Me, email: str) -> Looking[tuple[JumpCloudAdmin, ...]]:
    """Those of this address."""
    seen = yield from ADMINS.of(me.connection)
    return tuple(each for each in seen if each.email.casefold() == email.casefold())


def keep_an_admin(me: Me, *emails: str) -> Looking[None]:
    """Refuse to lose the last administrator who could act.

    Emergency accounts do not count, nor does the one that we work as.
    """
    seen = yield from ADMINS.of(me.connection)
    names = {email.casefold() for email in emails if email}
    ours = me.connection.identity.casefold()
    for mine in (each for each in seen if each.may_all and each.email.casefold() in names):
        peers = (BILLING,) if mine.role == BILLING else FULL
        others = [
            each.email
            for each in seen
            if each.may_all and each.role in peers and each.email.casefold() != ours
        ]
        keep_an_administrator(
            me, mine.email, others, do=f"make somebody else {BILLING} in the console first"
        )


def may_be_ours(me: Me, admin: JumpCloudAdmin) -> bool:
    """Whether their API key may be the one that we work with: whose it is, nothing says."""
    unknown = not me.connection.identity and not is_service_account(me.connection.options)
    return unknown and admin.key_set


def _spare(me: Me, admin: JumpCloudAdmin, verb: str) -> None:
    """Never who is needed tonight, nor whoever has the API key that we may be working with."""
    if may_be_ours(me, admin):
        raise GuardRefusedError(
            f"{admin.email} may be who respond works as",
            why="they have an API key, and JumpCloud does not say whose a key is",
            do=f"set identity under [connections.{me.connection.name}]",
        )
    spare(me, verb, admin.email)


def _part(admin: str, name: str) -> Thing[Any]:
    """One field of one administrator: what changes beside it does not stand in the way of it."""

    def parse(replies: Sequence[Reply]) -> Any:
        found = (each for each in ADMINS.parse(replies) if each.id == admin)
        return next((getattr(each, name) for each in found), None)

    return _list(f"administrator/{admin}/{name}", parse)


def _changes(
    me: Me,
    admin: JumpCloudAdmin,
    name: str,
    value: Any,
    hands: Api[None] | Person[None],
    **words: Any,
) -> Generator[Any, Any, None]:
    """Make one field of an administrator another."""
    thing = _part(admin.id, name)
    seen = yield from thing.of(me.connection)
    write = change(
        me,
        thing,
        seen,
        lambda _: value,
        hands,
        ids={},
        target=admin.email,
        foretold=None,
        **words,
    )

    def changed(now: tuple[JumpCloudAdmin, ...]) -> tuple[JumpCloudAdmin, ...]:
        return tuple(replace(a, **{name: value}) if a.id == admin.id else a for a in now)

    def put_back(now: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        sent = {_SENT_ALONG[name]: value} if name in _SENT_ALONG else {}
        return {**now, admin.id: {**now.get(admin.id, {}), **sent}}

    listed = Becomes(ADMINS.subject(me.connection), changed)
    as_it_is = Becomes(_AS_THEY_ARE.subject(me.connection), put_back)
    yield from replace(write, becomes=(*write.becomes, listed, as_it_is))


class _OnAdmin(Frozen):
    """An action on one of them. Attributes: admin: Their id, from ``jumpcloud.list_admins``."""

    admin: JumpCloudAdminId

    def __post_init__(self) -> None:
        check_object_id("admin", self.admin)

    def seen(self, me: Me, verb: str) -> Looking[JumpCloudAdmin]:
        """The administrator, whom this may be done to; without a verb it harms nobody."""
        seen = yield from ADMINS.of(me.connection)
        admin = next((each for each in seen if each.id == self.admin), None)
        if admin is None:
            raise GuardRefusedError(
                f"there is no administrator {self.admin}", do="take it of jumpcloud.list_admins"
            )
        if verb:
            _spare(me, admin, verb)
        return admin


class JumpCloudAdmins(Frozen):
    """The administrators, and how many of them may do everything and are not suspended."""

    admins: tuple[JumpCloudAdmin, ...]
    able: int


@action(
    "jumpcloud.list_admins",
    effect=Effect.READS,
    output=JumpCloudAdmins,
    source="JumpCloud API 1.0, GET /users",
)
class ListJumpCloudAdmins(Frozen):
    """Read who administers JumpCloud, with which role, factor and API key."""

    def run(self, me: Me) -> Script[JumpCloudAdmins]:
        seen = yield from ADMINS.of(me.connection)
        able = sum(each.may_all for each in seen)
        says = f"{len(seen)} administrators, {able} of them may do everything"
        return Done(JumpCloudAdmins(seen, able), says=says, findings=tuple(a.says for a in seen))


# --- roles --------------------------------------------------------------------------------------


def _put(me: Me, admin: JumpCloudAdmin, kept: dict[str, Any], **new: Any) -> Api[None]:
    return Api(ask(me, "PUT", "v1", "users", admin.id, body={**kept, **new}), no_answer)


def set_role(me: Me, admin: JumpCloudAdmin, role: str) -> Generator[Any, Any, None]:
    """Give an administrator a role in place of theirs.

    Raises:
        GuardRefusedError: They have to keep it.
    """
    kept = (yield from _AS_THEY_ARE.of(me.connection)).get(admin.id, {})
    _spare(me, admin, "take the role of")
    less = role not in FULL or (admin.role == BILLING and role != BILLING)
    if less:
        yield from keep_an_admin(me, admin.email)
    yield from _changes(
        me,
        admin,
        "role",
        role,
        _put(me, admin, kept, roleName=role),
        undo=Undo("jumpcloud.set_admin_role", {"admin": admin.id, "role": admin.role})
        if admin.role
        else None,
        says=f"make {admin.email} {role}, who is {admin.role or 'of a role of their own'}",
        verb="make",
        effect=Effect.DESTROYS if less else Effect.WRITES,
        repeatable=True,  # PUT (RFC 9110, section 9.2.2).
        breaks=f"{admin.email} may no longer do what {admin.role} may; their API key neither."
        if less
        else "",
    )


@action(
    "jumpcloud.set_admin_role",
    effect=Effect.DESTROYS,
    output=JumpCloudAdmin,
    source="JumpCloud API 1.0, PUT /users/{id}",
    by_hand=("Open Settings, Administrators, the person. Choose another role.", _CONSOLE),
)
class SetJumpCloudAdminRole(_OnAdmin):
    """Give an administrator another role, by its name. A demoted one still reads everything.

    Attributes:
        role: ``Read Only``, ``Help Desk``, ``Administrator`` and so on.
    """

    role: str = READ_ONLY

    def __post_init__(self) -> None:
        _OnAdmin.__post_init__(self)
        one_line("role", self.role, limit=80)

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        admin = yield from self.seen(me, "")
        if admin.role != self.role:
            yield from set_role(me, admin, self.role)
        return Done(replace(admin, role=self.role), says=f"{admin.email} is {self.role}")


# --- API keys -----------------------------------------------------------------------------------

_REFUSED_NOW: Final = (
    "whether the old API key of {email} is refused from now on, JumpCloud does not say: have them "
    "make a new one (jumpcloud.rotate_admin_key)"
)


@action(
    "jumpcloud.set_admin_api_access",
    effect=Effect.DESTROYS,
    output=JumpCloudAdmin,
    source="JumpCloud API 1.0, PUT /users/{id} (apiKeyAllowed)",
)
class SetJumpCloudApiAccess(_OnAdmin):
    """Let an administrator have an API key, or not. What that does to the key they have is unsaid.

    Attributes:
        allowed: Whether they may have one.
    """

    allowed: bool = False

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        admin = yield from self.seen(me, "take the API access of")
        if admin.key_allowed != self.allowed:
            kept = (yield from _AS_THEY_ARE.of(me.connection)).get(admin.id, {})
            back = {"admin": admin.id, "allowed": admin.key_allowed}
            yield from _changes(
                me,
                admin,
                "key_allowed",
                self.allowed,
                _put(me, admin, kept, apiKeyAllowed=self.allowed),
                undo=Undo("jumpcloud.set_admin_api_access", back),
                says=f"{'allow' if self.allowed else 'deny'} {admin.email} an API key",
                verb="allow" if self.allowed else "deny",
                effect=Effect.WRITES if self.allowed else Effect.DESTROYS,
                repeatable=True,  # PUT (RFC 9110, section 9.2.2).
                breaks="" if self.allowed else "What uses the key may stop working.",
            )
        unproved = not self.allowed and admin.key_set
        word = "may" if self.allowed else "may not"
        return Done(
            replace(admin, key_allowed=self.allowed),
            says=f"{admin.email} {word} have an API key",
            findings=(_REFUSED_NOW.format(email=admin.email),) if unproved else (),
            proved=not unproved,
        )


def _made_after(admin: JumpCloudAdmin, now_s: int) -> bool:
    """Whether the API key is newer than the run; a time that cannot be read is no proof."""
    if admin.key_made == _ANEW:
        return True
    try:
        return datetime.fromisoformat(admin.key_made).timestamp() > now_s
    except ValueError:
        return False


def key_rotation(me: Me, admin: JumpCloudAdmin) -> Generator[Any, Any, None]:
    """Have the API key made anew by whom it belongs to, unless it was since the run began."""
    ahead_s = yield from _AHEAD.of(me.connection)  # When it was made is told by their clock.
    if not admin.key_set or _made_after(admin, me.now - ahead_s):
        return
    _spare(me, admin, "end the API key of")
    hands: Person[None] = Person(
        steps=(
            f"Let {admin.email} sign in to the console, with you beside them.",
            "Open the menu with their initials, My API Key. Choose Generate New API Key.",
            "Store the new key where the old one was needed. The old one is dead at once.",
        ),
        link=_CONSOLE,
        look_for="The list of administrators shows when the key was made; I look for it.",
        task="jumpcloud.rotate_admin_key",
        about={"email": admin.email},
        answer=None,
    )
    # Until it is made nobody knows when that will be.
    yield from _changes(
        me,
        admin,
        "key_made",
        _ANEW,
        hands,
        says=f"have the API key of {admin.email} made anew",
        verb="end",
        effect=Effect.DESTROYS,
        repeatable=False,
        breaks="What uses the old key stops working.",
    )


@action(
    "jumpcloud.rotate_admin_key",
    effect=Effect.DESTROYS,
    output=JumpCloudAdmin,
    person="a key is made by its owner alone",
    source="JumpCloud support pages: an API key is made by its owner alone",
    by_hand=("Sign in as the key's owner. Initials, My API Key, Generate New API Key.", _CONSOLE),
)
class RotateJumpCloudAdminKey(_OnAdmin):
    """Have an administrator make a new API key, which kills the old one."""

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        admin = yield from self.seen(me, "")
        yield from key_rotation(me, admin)
        word = "is newer than this run" if admin.key_set else "is not there"
        return Done(admin, says=f"the API key of {admin.email} {word}")


# --- suspended by hand --------------------------------------------------------------------------


def _by_hand(me: Me, action: _OnAdmin, *, suspended: bool) -> Script[JumpCloudAdmin]:
    verb, back = ("suspend", "restore") if suspended else ("restore", "suspend")
    admin = yield from action.seen(me, verb if suspended else "")
    if admin.suspended != suspended:
        if suspended:
            yield from keep_an_admin(me, admin.email)
        menu = "Suspend" if suspended else "Activate"
        hands: Person[None] = Person(
            steps=(_AT, f"Find {admin.email}, and choose {menu}. Delete nobody."),
            link=_CONSOLE,
            look_for="Their row says so; I look for it, and go on by myself.",
            task=f"jumpcloud.{verb}_admin",
            about={"email": admin.email},
            answer=None,
        )
        yield from _changes(
            me,
            admin,
            "suspended",
            suspended,
            hands,
            undo=Undo(f"jumpcloud.{back}_admin", {"admin": admin.id}),
            says=f"{verb} the administrator {admin.email}",
            verb=verb,
            effect=Effect.DESTROYS if suspended else Effect.WRITES,
            repeatable=True,  # Who is suspended already stays so.
            breaks=f"{admin.email} cannot sign in to the console." if suspended else "",
        )
    word = "suspended" if suspended else "active"
    return Done(replace(admin, suspended=suspended), says=f"{admin.email} is {word}")


@action(
    "jumpcloud.suspend_admin",
    effect=Effect.DESTROYS,
    output=JumpCloudAdmin,
    person="the vendor shows no request for it",
    source="JumpCloud Directory Insights has admin_suspended; no API writes it",
    by_hand=("Open Settings, Administrators. Suspend the person.", _CONSOLE),
)
class SuspendJumpCloudAdmin(_OnAdmin):
    """Have an administrator suspended by a person; the list shows when it is done."""

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        return (yield from _by_hand(me, self, suspended=True))


@action(
    "jumpcloud.restore_admin",
    effect=Effect.WRITES,
    output=JumpCloudAdmin,
    person="the vendor shows no request for it",
    source="the way back of jumpcloud.suspend_admin",
)
class RestoreJumpCloudAdmin(_OnAdmin):
    """Have a suspended administrator activated again by a person."""

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        return (yield from _by_hand(me, self, suspended=False))


# --- factor and password ------------------------------------------------------------------------


@action(
    "jumpcloud.reset_admin_totp",
    effect=Effect.DESTROYS,
    output=JumpCloudAdmin,
    source="JumpCloud API 1.0, POST /users/resettotp/{id}",
)
class ResetJumpCloudAdminTotp(_OnAdmin):
    """Take an administrator's second factor away. They enrol another one at the next sign-in."""

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        admin = yield from self.seen(me, "reset the factor of")
        if admin.has_totp:
            yield from _changes(
                me,
                admin,
                "has_totp",
                value=False,
                hands=Api(ask(me, "POST", "v1", "users", "resettotp", admin.id), no_answer),
                says=f"take the second factor of the administrator {admin.email}",
                verb="take",
                effect=Effect.DESTROYS,
                repeatable=False,  # It would take one that was enrolled meanwhile.
                breaks="There is no way back: they enrol another one.",
            )
        return Done(replace(admin, has_totp=False), says=f"{admin.email} has no second factor")


@action(
    "jumpcloud.reset_admin_password",
    effect=Effect.WRITES,
    output=JumpCloudAdmin,
    source="JumpCloud API 1.0, GET /users/reactivate/{id}, which sends mail",
)
class ResetJumpCloudAdminPassword(_OnAdmin):
    """Have JumpCloud mail an administrator a link to a new password. The old one goes on."""

    def run(self, me: Me) -> Script[JumpCloudAdmin]:
        admin = yield from self.seen(me, "reset the password of")
        mailed: Subject[Any] = Subject(
            f"{me.connection.name}/administrator/{admin.id}/mailed", VENDOR.settle_s
        )
        yield from Write(
            says=f"mail {admin.email} a link to a new password",
            verb="mail",
            target=admin.email,
            where=where(VENDOR, me.connection),
            effect=Effect.WRITES,
            hands=Api(ask(me, "GET", "v1", "users", "reactivate", admin.id), no_answer),
            before=None,
            after={"link": "mailed"},
            becomes=(Becomes(mailed, lambda before: before),),
            foretold=None,
            # Directory Insights tells of it, minutes later and not to every credential.
            proof=Proof.BLIND,
            repeatable=False,  # Each sends a letter.
            breaks=f"Whoever reads the mail of {admin.email} gets in.",
        )
        return Done(admin, says=f"{admin.email} is mailed a link to a new password")


ACTIONS: tuple[type, ...] = (
    ListJumpCloudAdmins,
    SetJumpCloudAdminRole,
    SetJumpCloudApiAccess,
    RotateJumpCloudAdminKey,
    SuspendJumpCloudAdmin,
    RestoreJumpCloudAdmin,
    ResetJumpCloudAdminTotp,
    ResetJumpCloudAdminPassword,
)
