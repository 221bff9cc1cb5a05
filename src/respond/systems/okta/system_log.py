"""Read Okta's System Log, and what an account has left behind.

Source: Okta Management API, System Log; guide "System Log query". Nothing older than 90 days is
there, and events may come late. Without ``until`` the list has no end.
"""

from __future__ import annotations

from typing import Final

from respond.core.records import Frozen
from respond.core.script import Connection, Done, Effect, Looking, Me, Script, action, both
from respond.core.shapes import Seconds
from respond.systems.arguments import ArgumentError
from respond.systems.okta.signing_out import OktaGrants, grants_of
from respond.systems.okta.tokens import OktaApiToken, tokens_of
from respond.systems.okta.users import OnOktaUser, seen_user
from respond.systems.okta.vendor import VENDOR, stamp
from respond.systems.rest import KEPT, Thing, at, rows

__all__ = [
    "ACTIONS", "ListLeftInOkta", "OktaEvent", "OktaEvents", "OktaLeftBehind", "ReadOktaLog",
    "events_by",
]  # fmt: skip

_A_WEEK: Final = Seconds(7 * 86_400)
_KEPT_S: Final = 90 * 86_400
_AHEAD_S: Final = 3_600
"""What happens while the run goes on belongs to it."""

_MADE: Final = (
    "app.oauth2.credentials.lifecycle", "application.lifecycle", "application.user_membership.add",
    "event_hook", "group.user_membership.add", "iam.resourceset", "inline_hook", "policy.",
    "system.api_token.create", "system.idp.lifecycle", "user.account.privilege.grant",
    "user.lifecycle.create", "user.mfa.factor.activate", "user.mfa.factor.reset_all",
    "zone.",
)  # fmt: skip
"""Beginnings of the event types by which an account leaves a way back in."""


class OktaEvent(Frozen):
    """One event of the System Log. Its texts come from outside."""

    id: str = at("uuid", limit=60)
    time: str = at("published", limit=40, default="")
    type: str = at("eventType", limit=100, default="")
    result: str = at("outcome.result", limit=20, default="")
    actor: str = at("actor.alternateId", default="")
    target: str = at("target.0.alternateId", default="")
    ip: str = at("client.ipAddress", limit=60, default="")
    country: str = at("client.geographicalContext.country", limit=60, default="")


_EVENTS: Final = Thing(
    VENDOR,
    "log/{user}/{since}",
    ("logs",),
    rows(OktaEvent),
    query=(
        ("since", "{since}"),
        ("until", "{until}"),
        ("filter", 'actor.id eq "{user}"'),
        ("sortOrder", "DESCENDING"),
        ("limit", "1000"),
    ),
    evidence=KEPT,
)


def events_by(
    connection: Connection, user: str, now_s: int, within_s: int
) -> Looking[tuple[OktaEvent, ...]]:
    """What a user has done within so many seconds, the newest first."""
    since, until = stamp(now_s - within_s), stamp(now_s + _AHEAD_S)
    return (yield from _EVENTS.of(connection, user=user, since=since, until=until))


class OktaEvents(Frozen):
    """Events, the newest first."""

    events: tuple[OktaEvent, ...]


class _Within(OnOktaUser):
    """Attributes: within: How far back to look; 90 days at most, since Okta keeps no more."""

    within: Seconds = _A_WEEK

    def __post_init__(self) -> None:
        OnOktaUser.__post_init__(self)
        if not 0 < self.within <= _KEPT_S:
            raise ArgumentError("within must be a time up to 90 days: Okta keeps no more")


@action(
    "okta.read_log",
    effect=Effect.READS,
    output=OktaEvents,
    source="Okta Management API, GET /api/v1/logs",
)
class ReadOktaLog(_Within):
    """Read what a user did, from Okta's System Log. The newest events may come late."""

    def run(self, me: Me) -> Script[OktaEvents]:
        seen = yield from events_by(me.connection, self.user, me.now, self.within)
        return Done(OktaEvents(seen), says=f"{len(seen)} events")


class OktaLeftBehind(Frozen):
    """What goes on working when the account itself is closed, and what it has changed.

    Attributes:
        grants: How many grants and refresh tokens there are.
        made: Events by which a way back in may have been made.
    """

    api_tokens: tuple[OktaApiToken, ...]
    grants: int
    made: tuple[OktaEvent, ...]


def left_by(
    me: Me, user: str, within_s: int
) -> Looking[tuple[tuple[OktaApiToken, ...], OktaGrants, tuple[OktaEvent, ...]]]:
    """API tokens, grants, and the events by which something was made."""
    tokens, (grants, events) = yield from both(
        tokens_of(me, user),
        both(grants_of(me, user), events_by(me.connection, user, me.now, within_s)),
    )
    return tokens, grants, tuple(each for each in events if each.type.startswith(_MADE))


@action(
    "okta.list_left_behind",
    effect=Effect.READS,
    output=OktaLeftBehind,
    source="Okta Management API, GET /api/v1/api-tokens, /users/{id}/grants, /clients and /logs",
)
class ListLeftInOkta(_Within):
    """Read what a user leaves behind: API tokens, grants, and what they changed of the org."""

    def run(self, me: Me) -> Script[OktaLeftBehind]:
        user = yield from seen_user(me, self.user)
        tokens, grants, made = yield from left_by(me, self.user, self.within)
        left = OktaLeftBehind(tokens, grants.count, made)
        says = (
            f"{user.login} leaves {len(tokens)} API tokens, {grants.count} grants and tokens, "
            f"{len(made)} changes"
        )
        findings = tuple(
            f"{each.time} {each.type} {each.target}".rstrip()
            for each in made
            if each.result != "FAILURE"
        )
        return Done(left, says=says, findings=findings[:20])


ACTIONS: tuple[type, ...] = (ReadOktaLog, ListLeftInOkta)
