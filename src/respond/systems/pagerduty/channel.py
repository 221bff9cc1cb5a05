"""Page whoever is on call, once it is seen that they may know."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from respond.core.script import Connection, Me
from respond.systems.pagerduty.actions import on_call, page
from respond.systems.people.channels import NoticeChannel, notice_to
from respond.systems.people.messages import Notice
from respond.systems.people.recipients import kept_out

__all__ = ["CHANNEL"]


def _page(me: Me, pager: Connection, notice: Notice) -> Generator[Any, object, str]:
    if pager.options.get("events_only", False):
        return "it cannot be seen who would be woken"
    found = yield from on_call(pager, needed=False)
    if found.why_not:
        return found.why_not
    if any(kept_out(me, (email,)) for email in found.emails):
        return "somebody who must not know is on call"
    thing = notice_to(me, "on-call")
    yield page(pager, me, subject=thing, summary=notice.title, severity="critical", looked=False)
    return ""


CHANNEL: Final = NoticeChannel("there is no connection for PagerDuty", page=_page)
