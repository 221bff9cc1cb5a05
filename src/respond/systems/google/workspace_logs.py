"""Read the logs of Google Workspace, and what an account leaves behind.

Source: Reports API, activities.list; Google's page on lag and retention. Events are kept 180 days.
They come late, by minutes or hours, and some never: that there is none proves nothing.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Looking, Me, Script, action, both
from respond.core.shapes import Seconds
from respond.core.showable import showable
from respond.systems.arguments import ArgumentError
from respond.systems.google.admin_roles import GoogleAssignment, assignments_of
from respond.systems.google.app_access import GoogleAppPassword, GoogleGrant, access_of
from respond.systems.google.vendor import REPORTS, VENDOR, listed
from respond.systems.google.workspace_users import GoogleUser, OnGoogleUser, account_of
from respond.systems.rest import KEPT, Thing, at, dig, stamp

__all__ = [
    "ACTIONS", "KEPT_S", "GoogleEvent", "ListLeftInGoogle", "ReadGoogleAdminLog",
    "ReadGoogleLogins",
]  # fmt: skip

_A_WEEK: Final = Seconds(7 * 86_400)
KEPT_S: Final = 180 * 86_400
_LATE: Final = "the log comes late, by minutes or hours: what is not in it may have happened"
_MAIL: Final = (
    "UNSEEN: forwarding, filters and delegates of the mailbox; look there when the account is given"
    " back: Gmail, Settings, Filters and Forwarding, Accounts"
)
_WAYS_BACK: Final = frozenset(
    {"2sv_enroll", "2sv_disable", "password_edit", "recovery_email_edit", "recovery_phone_edit"}
)
"""Events of the login log by which a way back in is made, or another one closed."""
_ABOUT_SHOWN: Final = 6


def _events(value: Any) -> tuple[str, ...]:
    rows = value if isinstance(value, list) else []
    return tuple(showable(str(dig(row, "name") or ""), limit=80) for row in rows)


def _about(value: Any) -> str:
    """The parameters of the first event; a value stands in one of four places."""
    rows = dig(value, "0.parameters")
    found = []
    for row in rows[:_ABOUT_SHOWN] if isinstance(rows, list) else []:
        told = [dig(row, name) for name in ("value", "intValue", "boolValue", "multiValue")]
        known = next((each for each in told if each is not None), None)
        many = known if isinstance(known, list) else [known]
        found.append(f"{dig(row, 'name')}={'+'.join(str(each) for each in many)}")
    return showable(", ".join(found), limit=200)


class GoogleEvent(Frozen):
    """One entry of a log. Its texts come from outside."""

    time: str = at("id.time", limit=40)
    names: tuple[str, ...] = at("events", read=_events, default=())
    about: str = at("events", read=_about, default="")
    actor: str = at("actor.email", default="")
    ip: str = at("ipAddress", limit=60, default="")

    @property
    def says(self) -> str:
        return f"{self.time} {'+'.join(self.names)} {self.ip} {self.about}".rstrip()


_LOG: Final = Thing(
    VENDOR,
    "log/{app}/{user}/{since}",
    (*REPORTS, "activity", "users", "{user}", "applications", "{app}"),
    listed(GoogleEvent),
    query=(("startTime", "{since}"), ("maxResults", "1000")),
    evidence=KEPT,
)


def _log(
    connection: Connection, app: str, user: str, now_s: int, within_s: int
) -> Looking[tuple[GoogleEvent, ...]]:
    """What a user has done within so many seconds, the newest first."""
    since = stamp(now_s - within_s)
    return (yield from _LOG.of(connection, app=app, user=user, since=since))


class GoogleEvents(Frozen):
    """Events, the newest first."""

    events: tuple[GoogleEvent, ...]


class _Within(OnGoogleUser):
    """Attributes: within: How far back to look; 180 days at most, since Google keeps no more."""

    within: Seconds = _A_WEEK

    def __post_init__(self) -> None:
        OnGoogleUser.__post_init__(self)
        if not 0 < self.within <= KEPT_S:
            raise ArgumentError("within must be a time up to 180 days: Google keeps no more")

    def events(self, me: Me, app: str) -> Looking[tuple[GoogleEvent, ...]]:
        return (yield from _log(me.connection, app, self.user, me.now, self.within))

    def told(self, events: tuple[GoogleEvent, ...]) -> Done[GoogleEvents]:
        lines = tuple(each.says for each in events[:20])
        return Done(GoogleEvents(events), says=f"{len(events)} events; {_LATE}", findings=lines)


@action(
    "google.read_logins",
    effect=Effect.READS,
    output=GoogleEvents,
    source="Reports API, activities.list of login",
)
class ReadGoogleLogins(_Within):
    """Read how an account was signed in to, from the login log. The newest events come late."""

    def run(self, me: Me) -> Script[GoogleEvents]:
        return self.told((yield from self.events(me, "login")))


@action(
    "google.read_admin_log",
    effect=Effect.READS,
    output=GoogleEvents,
    source="Reports API, activities.list of admin",
)
class ReadGoogleAdminLog(_Within):
    """Read what an account changed as an administrator. The newest events come late."""

    def run(self, me: Me) -> Script[GoogleEvents]:
        return self.told((yield from self.events(me, "admin")))


# --- what is left behind ------------------------------------------------------------------------


class LeftInGoogle(Frozen):
    """What goes on working when the account itself is closed, and what it has changed.

    Attributes:
        made: Events by which a way back in may have been made.
    """

    grants: tuple[GoogleGrant, ...]
    app_passwords: tuple[GoogleAppPassword, ...]
    roles: tuple[GoogleAssignment, ...]
    recovery_email: str
    recovery_phone: str
    made: tuple[GoogleEvent, ...]


@action(
    "google.list_left_behind",
    effect=Effect.READS,
    output=LeftInGoogle,
    source="Directory API, tokens.list, asps.list, roleAssignments.list; Reports API",
)
class ListLeftInGoogle(_Within):
    """Read what an account leaves behind: grants, app passwords, recovery, roles, changes.

    Where its mail is forwarded to is not among it: a person looks there.
    """

    def run(self, me: Me) -> Script[LeftInGoogle]:
        (user, roles), ((grants, passwords), (logins, changes)) = yield from both(
            both(account_of(me, self.user), assignments_of(me, self.user)),
            both(
                access_of(me, self.user),
                both(self.events(me, "login"), self.events(me, "admin")),
            ),
        )
        made = (*(e for e in logins if _WAYS_BACK & {*e.names}), *changes)
        left = LeftInGoogle(
            grants, passwords, roles, user.recovery_email, user.recovery_phone, made
        )
        says = (
            f"{user.email} leaves {len(grants)} grants, {len(passwords)} app passwords, "
            f"{len(roles)} roles, {len(made)} changes"
        )
        return Done(left, says=says, findings=_lines(user, left))


def _lines(user: GoogleUser, left: LeftInGoogle) -> tuple[str, ...]:
    ways = [way for way in (user.recovery_email, user.recovery_phone) if way]
    return (
        *(f"may act for {user.email}: {each.says}" for each in left.grants),
        *(f"app password: {each.name}" for each in left.app_passwords),
        *((f"the account is recovered by {' and '.join(ways)}: is that theirs?",) if ways else ()),
        *(f"{each.called}{' by a group' if each.is_of_group else ''}" for each in left.roles),
        *(each.says for each in left.made[:20]),
        _MAIL,
    )


ACTIONS: tuple[type, ...] = (ReadGoogleLogins, ReadGoogleAdminLog, ListLeftInGoogle)
