"""Read the audit log of an organization: Enterprise Cloud alone has it by API.

Source: GitHub REST API, Get the audit log for an organization; its pages have cursors.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Done, Effect, Me, Script, action
from respond.core.shapes import Seconds
from respond.systems.arguments import ArgumentError
from respond.systems.github.org_members import OnOrgMember
from respond.systems.github.vendor import PAGE, VENDOR, org_of
from respond.systems.rest import KEPT, Thing, at, by_link, rows, stamp

__all__ = ["ACTIONS", "AuditEvent", "ReadOrgAuditLog"]

_A_WEEK: Final = Seconds(7 * 86_400)
_KEPT_S: Final = 180 * 86_400
_SHOWN: Final = 20


def _moment(ms: Any) -> str:
    plain = isinstance(ms, int) and not isinstance(ms, bool) and 0 < ms < 1 << 43
    return stamp(ms / 1000) if plain else ""


class AuditEvent(Frozen):
    """One event of the audit log. Its texts come from outside."""

    id: str = at("_document_id", limit=60, default="")
    time: str = at("@timestamp", read=_moment, default="")
    action: str = at("action", limit=100, default="")
    actor: str = at("actor", limit=100, default="")
    user: str = at("user", limit=100, default="")
    repo: str = at("repo", limit=200, default="")


_EVENTS: Final = Thing(
    VENDOR,
    "audit-log/{login}/{since}/{include}",
    ("orgs", "{org}", "audit-log"),
    rows(AuditEvent),
    pages=by_link("after"),
    query=(("phrase", "actor:{login} created:>={since}"), ("include", "{include}"), *PAGE),
    evidence=KEPT,
)


class AuditEvents(Frozen):
    """Events, the newest first. Attributes: seen: False where there is no such log."""

    events: tuple[AuditEvent, ...]
    seen: bool = True


@action(
    "github.read_audit_log",
    effect=Effect.READS,
    output=AuditEvents,
    source="GitHub REST API, GET /orgs/{org}/audit-log",
)
class ReadOrgAuditLog(OnOrgMember):
    """Read what somebody did in the organization.

    Attributes:
        within: How far back, up to 180 days.
        git: What was pushed, cloned and fetched, too; GitHub keeps that for a week.
    """

    within: Seconds = _A_WEEK
    git: bool = False

    def __post_init__(self) -> None:
        OnOrgMember.__post_init__(self)
        if not 0 < self.within <= _KEPT_S:
            raise ArgumentError("within must be a time up to 180 days: GitHub keeps no more")

    def run(self, me: Me) -> Script[AuditEvents]:
        ids = {
            "org": org_of(me),
            "login": self.login,
            "since": stamp(me.now - self.within),
            "include": "all" if self.git else "web",
        }
        seen = yield from _EVENTS.unless(frozenset({404}), None, me.connection, **ids)
        if seen is None:
            line = (
                f"UNSEEN: the audit log of {org_of(me)}: it is for Enterprise Cloud, and for "
                "owners; else read it under Settings, Logs, Audit log"
            )
            return Done(AuditEvents((), seen=False), says=line, findings=(line,))
        lines = (f"{e.time} {e.action} {e.repo} {e.user}".rstrip() for e in seen[:_SHOWN])
        says = f"{self.login} did {len(seen)} things"
        return Done(
            AuditEvents(seen), says=says, findings=tuple(" ".join(x.split()) for x in lines)
        )


ACTIONS: tuple[type, ...] = (ReadOrgAuditLog,)
