"""Page people, and keep the pager's incident up to date.

Not here: PagerDuty's own keys and users. No API makes or kills its keys.

A general access key acts for the account: every write then needs a ``From`` of a valid user,
which the transport takes from the connection's ``from`` option.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, NewType

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    OwnCredential,
    Proof,
    RefusedError,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
    answer_as,
)
from respond.core.showable import showable
from respond.core.values import Late
from respond.errors import StepFailedError
from respond.systems.arguments import ArgumentError, one_line, one_of
from respond.systems.pagerduty.vendor import A_PAGE, ALREADY, VENDOR
from respond.systems.rest import Thing, at, change, dig, one, read_record, records, rows, where

__all__ = [
    "ACTIONS",
    "AddNote",
    "Alert",
    "Context",
    "FindIncident",
    "GetContext",
    "Incident",
    "IncidentId",
    "Noted",
    "OnCall",
    "Page",
    "Paged",
    "SetStatus",
    "WhoIsOnCall",
    "on_call",
    "page",
]

IncidentId = NewType("IncidentId", str)
"""``Q0ABC123``: the id at the end of an incident's address, not its number."""

_ID: Final = re.compile(r"[A-Z0-9]{2,40}")
_STATUSES: Final = ("triggered", "acknowledged", "resolved")
_SEVERITIES: Final = ("critical", "error", "warning", "info")

_BAD_REQUEST: Final = 400
_SUMMARY_MAX: Final = 1024
_DEDUP_MAX: Final = 255
_NOTE_MAX: Final = 25_000
_DETAILS_MAX: Final = 200
_TEXT_MAX: Final = 4000
_EVENT_SETTLE_S: Final = 60
"""Events are taken first and become incidents later."""

_LIMIT: Final = ("limit", str(A_PAGE))


# --- what can be looked at ----------------------------------------------------------------------


class Incident(Frozen):
    """An incident as PagerDuty has it now; without an id there is none."""

    id: IncidentId = at("id")
    status: str = at("status", among=_STATUSES, is_needed=True, default="")
    title: str = at("title", limit=500, default="")
    urgency: str = at("urgency", limit=20, default="")
    key: str = at("incident_key", limit=_DEDUP_MAX, default="")
    url: str = at("html_url", default="")


def _details(found: Any) -> dict[str, str]:
    named = found if isinstance(found, Mapping) else {"details": found}
    return {
        showable(str(name), limit=80): showable(value, limit=_TEXT_MAX, newlines=True)
        for name, value in list(named.items())[:_DETAILS_MAX]
        if isinstance(value, str)
    }


class Alert(Frozen):
    """One alert of an incident. ``details`` is text from outside, as the pager handed it on."""

    id: str = at("id")
    severity: str = at("severity", limit=20, default="")
    key: str = at("alert_key", limit=_DEDUP_MAX, default="")
    details: dict[str, str] = at("body.details", read=_details, default_factory=dict)


class _Note(Frozen):
    id: str = at("id")
    content: str = at("content", limit=_NOTE_MAX, default="")


class _User(Frozen):
    id: str = at("id")
    email: str = at("email", default="")


_NONE: Final = Incident(IncidentId(""))
_INCIDENT: Final = Thing(
    VENDOR, "incident/{incident}", ("incidents", "{incident}"), one(Incident, "incident")
)
_ALERTS: Final = Thing(
    VENDOR,
    "incident/{incident}/alerts",
    ("incidents", "{incident}", "alerts"),
    rows(Alert, "alerts"),
    query=(_LIMIT,),
)
_USER: Final = Thing(VENDOR, "user/{user}", ("users", "{user}"), one(_User, "user"))


def _first_on_call(replies: Sequence[Reply]) -> tuple[_User, ...]:
    on_call = records(replies, "oncalls")
    return tuple(
        one(_User, "user")([Reply(200, {}, row)])
        for row in on_call
        if row.get("escalation_level") == 1
    )


_ON_CALL: Final = Thing(
    VENDOR,
    "on-call",
    ("oncalls",),
    _first_on_call,
    query=(("earliest", "true"), ("include[]", "users"), _LIMIT),
)


def _with_key(key: str) -> Thing[Incident]:
    """The newest incident with this key, whatever its status.

    An incident that has alerts need not show a key of its own; then the filter is believed, unless
    it let another key through.
    """

    def newest(replies: Sequence[Reply]) -> Incident:
        found = rows(Incident, "incidents")(replies)
        filtered = all(each.key in {"", key} for each in found)
        ours = [each for each in found if each.key == key or (filtered and not each.key)]
        return ours[-1] if ours else _NONE

    return Thing(
        VENDOR,
        "incident-with-key/{key}",
        ("incidents",),
        newest,
        query=(("incident_key", "{key}"), *(("statuses[]", each) for each in _STATUSES), _LIMIT),
        settle_s=_EVENT_SETTLE_S,
    )


# --- incidents ----------------------------------------------------------------------------------


def check_incident(incident: str) -> None:
    """Refuse what is no incident's id.

    Raises:
        ArgumentError: A number, an address, or empty.
    """
    if not _ID.fullmatch(incident):
        raise ArgumentError("incident must be an incident's id such as Q0ABC123, not its number")


@action(
    "pagerduty.find_incident",
    effect=Effect.READS,
    output=Incident,
    source="PagerDuty REST API v2, GET /incidents and GET /incidents/{id}",
)
class FindIncident(Frozen):
    """Find an incident by its id, or by the key that its events carried.

    With a key, no incident is an answer: its ``id`` is empty then.

    Attributes:
        incident: Its id, as its address ends: ``Q1QAIYFCZEV4S1``; this, or ``key``.
        key: The key that its events have in common, instead of the id.
    """

    incident: IncidentId = IncidentId("")
    key: str = ""

    def __post_init__(self) -> None:
        if bool(self.incident) == bool(self.key):
            raise ArgumentError("pagerduty.find_incident takes either incident or key")
        if self.incident:
            check_incident(self.incident)
        else:
            one_line("key", self.key, limit=_DEDUP_MAX)

    def run(self, me: Me) -> Script[Incident]:
        if self.incident:
            found = yield from _INCIDENT.of(me.connection, incident=self.incident)
        else:
            found = yield from _with_key(self.key).of(me.connection, key=self.key)
        return Done(found, says=f"{found.id} is {found.status}" if found.id else "no such incident")


class Context(Frozen):
    """What an incident's alerts say. ``details`` holds all alerts' details; the first one wins."""

    alerts: tuple[Alert, ...]
    details: dict[str, str]


@action(
    "pagerduty.get_context",
    effect=Effect.READS,
    output=Context,
    source="PagerDuty REST API v2, GET /incidents/{id}/alerts",
)
class GetContext(Frozen):
    """Read what the alerts of an incident say; a webhook does not carry it.

    Only details that are text are taken, each up to 4,000 characters. They come from outside.

    Attributes:
        incident: The incident's id.
    """

    incident: IncidentId

    def __post_init__(self) -> None:
        check_incident(self.incident)

    def run(self, me: Me) -> Script[Context]:
        alerts = yield from _ALERTS.of(me.connection, incident=self.incident)
        details: dict[str, str] = {}
        for alert in alerts:
            details = {**alert.details, **details}
        return Done(Context(alerts, details), says=f"{len(alerts)} alerts")


# --- notes --------------------------------------------------------------------------------------


class Noted(Frozen):
    """The note on the incident."""

    id: str | Late


@action(
    "pagerduty.note",
    effect=Effect.WRITES,
    output=Noted,
    source="PagerDuty REST API v2, GET and POST /incidents/{id}/notes",
)
class AddNote(Frozen):
    """Put a note on an incident, once.

    The note begins with run and step, and notes are searched for that first: PagerDuty itself
    would take the same note twice. All responders and every listener of webhooks can read it.

    Attributes:
        incident: The incident's id.
        text: Plain text. Never put a secret in.
    """

    incident: IncidentId
    text: str

    def __post_init__(self) -> None:
        check_incident(self.incident)
        if not self.text.strip() or len(self.text) > _NOTE_MAX:
            raise ArgumentError(f"text must have 1 to {_NOTE_MAX} characters")

    def run(self, me: Me) -> Script[Noted]:
        mark = f"[respond {me.run}/{me.step}]"
        place = ("incidents", self.incident, "notes")

        def marked(replies: Sequence[Reply]) -> str:
            notes = rows(_Note, "notes")(replies)
            return next((note.id for note in notes if note.content.startswith(mark)), "")

        name = "incident/{incident}/note/{step}"
        step, noted = f"{me.run}/{me.step}", Thing(VENDOR, name, place, marked)
        subject = noted.subject(me.connection, incident=self.incident, step=step)
        seen = yield from noted.of(me.connection, incident=self.incident, step=step)
        if seen:
            return Done(Noted(seen), says="the note is there already")
        text = f"{mark} {showable(self.text, limit=10 * len(self.text), newlines=True)}"
        call = VENDOR.call(me.connection.name, "POST", *place, body={"note": {"content": text}})
        answer = yield from Write(
            says=f"note on incident {self.incident}",
            verb="note",
            target=self.incident,
            where=where(VENDOR, me.connection),
            effect=Effect.WRITES,
            hands=Api(call, lambda reply: Noted(one(_Note, "note")([reply]).id)),
            before={"noted": False},
            after={"noted": True},
            becomes=(Becomes(subject, lambda _: "foretold"),),
            foretold=Noted(Late(me.step, "id")),
        )
        return Done(answer_as(Noted, answer, Noted("")), says=f"noted on {self.incident}")


# --- status -------------------------------------------------------------------------------------


@action(
    "pagerduty.set_status",
    effect=Effect.WRITES,
    output=Incident,
    source="PagerDuty REST API v2, PUT /incidents/{id}; error codes 1001 and 1002",
)
class SetStatus(Frozen):
    """Acknowledge or resolve an incident, or open it again.

    Acknowledging stops the escalation, so it is refused while nobody is at work on the run. An
    incident that is resolved stays so when it was to be acknowledged. Opening one again pages
    people anew.

    Attributes:
        incident: The incident's id.
        status: ``acknowledged``, ``resolved`` or ``triggered``.
    """

    incident: IncidentId
    status: str

    def __post_init__(self) -> None:
        check_incident(self.incident)
        one_of("status", self.status, _STATUSES)

    def run(self, me: Me) -> Script[Incident]:
        if self.status == "acknowledged" and not me.operator:
            raise StepFailedError(
                f"incident {self.incident} is not acknowledged",
                why="that stops the escalation, and nobody is at work on this run",
                do="acknowledge it when somebody is",
            )
        seen = yield from _INCIDENT.of(me.connection, incident=self.incident)
        if seen.status == self.status:
            return Done(seen, says=f"{self.incident} is {self.status} already")
        if (seen.status, self.status) == ("resolved", "acknowledged"):
            return Done(seen, findings=(f"incident {self.incident} was resolved by others",))
        body = {"incident": {"type": "incident_reference", "status": self.status}}
        call = VENDOR.call(
            me.connection.name,
            "PUT",
            "incidents",
            self.incident,
            body=body,
            answers=frozenset({_BAD_REQUEST}),
        )
        answer = yield from change(
            me,
            _INCIDENT,
            seen,
            self._changed,
            Api(call, self._parse),
            ids={"incident": self.incident},
            says=f"set incident {self.incident} from {seen.status} to {self.status}",
            verb=_VERBS[self.status],
            target=self.incident,
            effect=Effect.WRITES,
            foretold=self._changed(seen),
            # Nothing says what a second request for the same status does.
            repeatable=False,
            # Only what was resolved can be opened again; an acknowledgement cannot be taken back.
            undo=Undo("pagerduty.set_status", {"incident": self.incident, "status": "triggered"})
            if self.status == "resolved"
            else None,
        )
        found = answer_as(Incident, answer, self._changed(seen))
        return Done(found, says=f"{self.incident} is {found.status}")

    def _parse(self, reply: Reply) -> Incident:
        if reply.status != _BAD_REQUEST:
            return one(Incident, "incident")([reply])
        code = dig(reply.body, "error.code")
        if isinstance(code, int) and code in ALREADY:
            return Incident(self.incident, ALREADY[code])
        reasons = dig(reply.body, "error.errors")
        said = (
            reasons if isinstance(reasons, list) and reasons else [dig(reply.body, "error.message")]
        )
        hint = "; ".join(showable(each, limit=200) for each in said if isinstance(each, str))
        raise RefusedError(showable(str(code), limit=40), hint)

    def _changed(self, seen: Incident) -> Incident:
        return replace(seen, status=self.status)


_VERBS: Final = {"acknowledged": "acknowledge", "resolved": "resolve", "triggered": "reopen"}


# --- paging -------------------------------------------------------------------------------------


class Paged(Frozen):
    """The event's key. PagerDuty took it; whether somebody's phone rang, it does not say."""

    dedup_key: str = at("dedup_key", limit=_DEDUP_MAX)


def dedup_key(me: Me) -> str:
    """The same for the same run and step: PagerDuty makes one alert of it, however often it comes.

    Source: Events API v2, "Event Action Behavior".
    """
    key = f"respond:{me.run}:{me.step}"
    if len(key) <= _DEDUP_MAX:
        return key
    return f"respond:{me.run}:{hashlib.sha256(me.step.encode()).hexdigest()}"


def page(
    connection: Connection,
    me: Me,
    *,
    subject: Subject[Incident],
    summary: str,
    severity: str,
    looked: bool,
) -> Write[Paged]:
    """Trigger an event. The routing key stands in the body; the transport puts it there."""
    key = dedup_key(me)
    body = {
        "routing_key": OwnCredential(),
        "event_action": "trigger",
        "dedup_key": key,
        "payload": {
            "summary": showable(summary, limit=_SUMMARY_MAX - 20),
            "source": "respond",
            "severity": severity,
            "component": "runbook",
            "group": "security",
            "custom_details": {"run": me.run, "step": me.step, "runbook": me.runbook},
        },
        "client": "respond",
    }

    def parse(reply: Reply) -> Paged:
        if dig(reply.body, "status") != "success":
            raise MalformedReplyError("the events API did not answer success")
        return read_record(Paged, reply.body)

    return Write(
        says=f"page whoever is on call ({severity})",
        verb="page",
        target="on-call",
        where=where(VENDOR, connection),
        effect=Effect.WRITES,
        hands=Api(
            VENDOR.call(connection.name, "POST", "v2", "enqueue", surface="events", body=body),
            parse,
        ),
        before={"paged": False},
        after={"paged": True},
        becomes=(Becomes(subject, lambda _: Incident(IncidentId("foretold"), "triggered")),),
        foretold=Paged(key),
        proof=Proof.SEEN if looked else Proof.BLIND,
        repeatable=True,
        tells=("whoever is on call",),
    )


@action(
    "pagerduty.page",
    effect=Effect.WRITES,
    output=Paged,
    source="PagerDuty Events API v2, POST /v2/enqueue",
)
class Page(Frozen):
    """Page whoever is on call for the service behind the routing key, once.

    The event carries run and step as its key, so PagerDuty makes one alert of it even if it
    arrives twice. With a REST credential the incident is looked for afterwards; a connection that
    has only a routing key (option ``events_only = true``) is taken at its word.

    Attributes:
        summary: One line, at most 1,000 characters. Never put a secret in.
        severity: ``critical``, ``error``, ``warning`` or ``info``.
    """

    summary: str
    severity: str = "critical"

    def __post_init__(self) -> None:
        one_line("summary", self.summary, limit=_SUMMARY_MAX - 24)
        one_of("severity", self.severity, _SEVERITIES)

    def run(self, me: Me) -> Script[Paged]:
        pager, key = me.connection, dedup_key(me)
        ours = _with_key(key)
        looked = not pager.options.get("events_only", False)
        if looked:
            seen = yield from ours.of(pager, key=key)
            if seen.id:
                return Done(Paged(key), says=f"paged already: incident {seen.id}")
        answer = yield from page(
            pager,
            me,
            subject=ours.subject(pager, key=key),
            summary=self.summary,
            severity=self.severity,
            looked=looked,
        )
        paged = answer_as(Paged, answer, Paged(key))
        return Done(paged, says="PagerDuty took the page")


# --- who would be woken -------------------------------------------------------------------------


class OnCall(Frozen):
    """Who is on call now, at the first level of each escalation policy.

    Attributes:
        emails: Their addresses.
        why_not: Why it could not be looked up, or empty.
    """

    emails: tuple[str, ...]
    why_not: str = ""


def on_call(connection: Connection, *, needed: bool = True) -> Generator[Any, object, OnCall]:
    """Look up who is on call; unless it is ``needed``, a look that fails does not end the step.

    The list may name users without their addresses; each of those is looked up.
    """
    found = yield from _ON_CALL.of(
        connection, or_else=None if needed else lambda _: (_User(_UNSEEN),)
    )
    emails: dict[str, str] = {}
    for user in found:
        email = user.email
        if not email and user.id != _UNSEEN:
            looked_up = yield from _USER.of(
                connection, user=user.id, or_else=None if needed else lambda _: _User(_UNSEEN)
            )
            email = looked_up.email
        emails[user.id] = email
    why_not = "" if all(emails.values()) else "who is on call cannot be looked up"
    return OnCall(tuple(email for email in emails.values() if email), why_not)


_UNSEEN: Final = ""


@action(
    "pagerduty.who_is_on_call",
    effect=Effect.READS,
    output=OnCall,
    source="PagerDuty REST API v2, GET /oncalls",
)
class WhoIsOnCall(Frozen):
    """Read who is on call now, over all escalation policies."""

    def run(self, me: Me) -> Script[OnCall]:
        found = yield from on_call(me.connection)
        return Done(found, says=f"{len(found.emails)} people are on call")


ACTIONS: tuple[type, ...] = (FindIncident, GetContext, AddNote, SetStatus, Page, WhoIsOnCall)
