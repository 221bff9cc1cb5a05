"""What somebody did, from JumpCloud's Directory Insights.

Source: Directory Insights API, ``POST /events``. It keeps 90 days; when an event shows there,
JumpCloud does not say. Only administrators' credentials may ask, a Command Runner may not.
"""

from __future__ import annotations

import json
from typing import Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Call,
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Paging,
    Read,
    Reply,
    Script,
    Subject,
    action,
    both,
)
from respond.core.shapes import Seconds
from respond.systems.arguments import ArgumentError
from respond.systems.jumpcloud.console_admins import ADMINS, JumpCloudAdmin
from respond.systems.jumpcloud.system_users import USER, OnJumpCloudUser
from respond.systems.jumpcloud.vendor import ask
from respond.systems.rest import KEPT, at, rows, stamp

__all__ = ["ACTIONS", "KEPT_S", "SIGN_INS", "JumpCloudEvent", "ReadJumpCloudEvents"]

KEPT_S: Final = 90 * 86_400
_A_WEEK: Final = Seconds(7 * 86_400)
_A_PAGE: Final = 1000
_AHEAD_S: Final = 3_600
"""What happens while the run goes on belongs to it."""

SIGN_INS: Final = ("user_login_attempt", "sso_auth", "admin_login_attempt")


class JumpCloudEvent(Frozen):
    """One event. Its texts come from outside."""

    id: str = at("id", limit=80)
    time: str = at("timestamp", limit=40, default="")
    type: str = at("event_type", limit=100, default="")
    success: bool = at("success", default=True)
    ip: str = at("client_ip", limit=60, default="")
    country: str = at("geoip.country_code2", limit=20, default="")
    app: str = at("application.display_label", default="")

    @property
    def says(self) -> str:
        word = "" if self.success else " failed"
        place = " ".join(filter(None, (self.ip, self.country)))
        more = f"{f' to {self.app}' if self.app else ''}{f' from {place}' if place else ''}"
        return f"{self.time} {self.type}{word}{more}"


def _more(call: Call, reply: Reply, _: int) -> Call | None:
    """A page that is as long as the limit has another one behind a cursor."""
    count, limit = (reply.headers.get(name, "") for name in ("x-result-count", "x-limit"))
    if not (count.isdecimal() and limit.isdecimal()):
        raise MalformedReplyError("the reply does not say how many events there are")
    if int(count) < int(limit):
        return None
    try:
        cursor = json.loads(reply.headers.get("x-search_after", ""))
    except ValueError:
        cursor = None
    if not isinstance(cursor, list) or not cursor:
        raise MalformedReplyError("a full page of events does not say where the next begins")
    return replace(call, body={**call.body, "search_after": cursor})


def events_by(
    me: Me, ids: tuple[str, ...], within_s: int, kinds: tuple[str, ...]
) -> Looking[tuple[JumpCloudEvent, ...]]:
    """What those of these ids did within so many seconds, the newest first."""
    terms = [{"initiated_by.id": list(ids)}, *([{"event_type": list(kinds)}] if kinds else [])]
    body = {
        "service": ["all"],
        "start_time": stamp(me.now - within_s),
        "end_time": stamp(me.now + _AHEAD_S),
        "sort": "DESC",
        "limit": _A_PAGE,
        "search_term": {"and": terms},
    }
    name = f"{me.connection.name}/events/{'+'.join(ids)}/{within_s}/{'+'.join(kinds)}"
    call = ask(me, "POST", "insights", "events", body=body)
    pages, parse = Paging(_more), rows(JumpCloudEvent)
    return (yield from Read(Subject(name, 0), call, parse, pages, evidence=KEPT))


class JumpCloudEvents(Frozen):
    """Events, the newest first."""

    events: tuple[JumpCloudEvent, ...]


@action(
    "jumpcloud.read_events",
    effect=Effect.READS,
    output=JumpCloudEvents,
    source="JumpCloud Directory Insights API, POST /events",
)
class ReadJumpCloudEvents(OnJumpCloudUser):
    """Read what a user did, from Directory Insights. The newest events may come late.

    An administrator of the same address has another id, and is asked for, too.

    Attributes:
        within: How far back to look; 90 days at most, since JumpCloud keeps no more.
        kinds: Types of events, ``sso_auth`` and so on; all of them when empty.
    """

    within: Seconds = _A_WEEK
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        OnJumpCloudUser.__post_init__(self)
        if not 0 < self.within <= KEPT_S:
            raise ArgumentError("within must be a time up to 90 days: JumpCloud keeps no more")

    def run(self, me: Me) -> Script[JumpCloudEvents]:
        why: list[str] = []

        def noted(word: str) -> tuple[JumpCloudAdmin, ...]:
            why.append(f"UNSEEN: what they did as an administrator: {word}")
            return ()

        user, admins = yield from both(
            USER.of(me.connection, user=self.user), ADMINS.of(me.connection, or_else=noted)
        )
        email = user.email.casefold()
        theirs = [str(each.id) for each in admins if email and each.email.casefold() == email]
        seen = yield from events_by(me, (self.user, *theirs), self.within, self.kinds)
        lines = (*why, *(each.says for each in seen[:50]))
        return Done(JumpCloudEvents(seen), says=f"{len(seen)} events", findings=lines)


ACTIONS: tuple[type, ...] = (ReadJumpCloudEvents,)
