"""Page people, and keep the pager's incident up to date.

Not here: PagerDuty's own keys and users. No API makes or kills its keys.

A general access key acts for the account: every write then needs a ``From`` of a valid user,
which the transport takes from the connection's ``from`` option.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NewType

from respond.core.script import (
    Api,
    Becomes,
    Call,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    OwnCredential,
    Paging,
    Proof,
    Read,
    RefusedError,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
)
from respond.core.showable import showable
from respond.core.values import Late
from respond.errors import StepFailedError
from respond.systems.arguments import ArgumentError, one_line, one_of
from respond.systems.write_answer import answer_as

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
_ALREADY: Final = {1001: "resolved", 1002: "acknowledged"}
"""Error codes that say: it is so already. Source: REST API overview, "Errors"."""

_BAD_REQUEST: Final = 400
_SUMMARY_MAX: Final = 1024
_DEDUP_MAX: Final = 255
_NOTE_MAX: Final = 25_000
_DETAILS_MAX: Final = 200
_TEXT_MAX: Final = 4000
_A_PAGE: Final = 100
_SETTLE_S: Final = 10
_EVENT_SETTLE_S: Final = 60
"""Events are taken first and become incidents later."""


# --- calls and replies --------------------------------------------------------------------------


def _get(connection: Connection, *path: str, query: tuple[tuple[str, str], ...] = ()) -> Call:
    return Call(connection.name, "rest", "GET", path, query=query)


def _record(record: Any, name: str) -> Mapping[str, Any]:
    inner = record.get(name) if isinstance(record, Mapping) else None
    if not isinstance(inner, Mapping):
        raise MalformedReplyError(f"the reply has no {name}")
    return inner


def _records(body: Any, name: str) -> list[Mapping[str, Any]]:
    inner = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(inner, list) or not all(isinstance(one, Mapping) for one in inner):
        raise MalformedReplyError(f"the reply has no list of {name}")
    return inner


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedReplyError(f"the reply has no {name}")
    return value


def _shown(value: Any, limit: int = 200) -> str:
    return showable(value, limit=limit) if isinstance(value, str) else ""


def _next(call: Call, reply: Reply, pages: int) -> Call | None:
    """Classic pages: offset and limit, while ``more`` says so."""
    if not isinstance(reply.body, Mapping) or reply.body.get("more") is not True:
        return None
    query = tuple(pair for pair in call.query if pair[0] != "offset")
    return _get_again(call, (*query, ("offset", str(pages * _A_PAGE))))


def _get_again(call: Call, query: tuple[tuple[str, str], ...]) -> Call:
    return Call(call.connection, call.surface, call.method, call.path, query=query)


_PAGES: Final = Paging(_next)
_LIMIT: Final = ("limit", str(_A_PAGE))


def _where(connection: Connection) -> str:
    return f"PagerDuty {showable(connection.account or connection.name, limit=60)}"


# --- incidents ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as PagerDuty has it now; without an id there is none."""

    id: IncidentId
    status: str = ""
    title: str = ""
    urgency: str = ""
    key: str = ""
    url: str = ""


_NONE: Final = Incident(IncidentId(""))


def _incident(record: Mapping[str, Any]) -> Incident:
    status = _text(record, "status")
    if status not in _STATUSES:
        raise MalformedReplyError(f"an incident has the status {showable(status, limit=40)!r}")
    return Incident(
        id=IncidentId(_text(record, "id")),
        status=status,
        title=_shown(record.get("title"), 500),
        urgency=_shown(record.get("urgency"), 20),
        key=_shown(record.get("incident_key"), _DEDUP_MAX),
        url=_shown(record.get("html_url")),
    )


def _incident_read(connection: Connection, incident: str) -> Read[Incident]:
    return Read(
        Subject(f"{connection.name}/incident/{incident}", settle_s=_SETTLE_S),
        _get(connection, "incidents", incident),
        lambda replies: _incident(_record(replies[0].body, "incident")),
    )


def _by_key(connection: Connection, subject: Subject[Incident], key: str) -> Read[Incident]:
    """The newest incident with this key, whatever its status.

    An incident that has alerts need not show a key of its own; then the filter is believed, unless
    it let another key through.
    """

    def parse(replies: Sequence[Reply]) -> Incident:
        rows = [row for reply in replies for row in _records(reply.body, "incidents")]
        found = [_incident(row) for row in rows]
        filtered = all(one.key in {"", key} for one in found)
        ours = [one for one in found if one.key == key or (filtered and not one.key)]
        return ours[-1] if ours else _NONE

    query = (("incident_key", key), *(("statuses[]", status) for status in _STATUSES), _LIMIT)
    return Read(subject, _get(connection, "incidents", query=query), parse, _PAGES)


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
@dataclass(frozen=True)
class FindIncident:
    """Find an incident by its id, or by the key that its events carried.

    With a key, no incident is an answer: its ``id`` is empty then.

    Attributes:
        incident: Its id; or
        key: its incident key. One of the two.
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
        pager = me.connection
        if self.incident:
            found = yield from _incident_read(pager, self.incident)
        else:
            subject: Subject[Incident] = Subject(
                f"{pager.name}/incident-with-key/{self.key}", settle_s=_EVENT_SETTLE_S
            )
            found = yield from _by_key(pager, subject, self.key)
        return Done(found, says=f"{found.id} is {found.status}" if found.id else "no such incident")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of an incident. ``details`` is text from outside, as the pager handed it on."""

    id: str
    severity: str
    key: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """What an incident's alerts say. ``details`` holds all alerts' details; the first one wins."""

    alerts: tuple[Alert, ...]
    details: dict[str, str]


def _alert(record: Mapping[str, Any]) -> Alert:
    body = record.get("body")
    details = body.get("details") if isinstance(body, Mapping) else None
    if details is not None and not isinstance(details, Mapping):
        details = {"details": details}
    flat = {
        showable(str(name), limit=80): showable(value, limit=_TEXT_MAX, newlines=True)
        for name, value in list((details or {}).items())[:_DETAILS_MAX]
        if isinstance(value, str)
    }
    return Alert(
        id=_text(record, "id"),
        severity=_shown(record.get("severity"), 20),
        key=_shown(record.get("alert_key"), _DEDUP_MAX),
        details=flat,
    )


@action(
    "pagerduty.get_context",
    effect=Effect.READS,
    output=Context,
    source="PagerDuty REST API v2, GET /incidents/{id}/alerts",
)
@dataclass(frozen=True)
class GetContext:
    """Read what the alerts of an incident say; a webhook does not carry it.

    Only details that are text are taken, each up to 4,000 characters. They come from outside.

    Attributes:
        incident: The incident's id.
    """

    incident: IncidentId

    def __post_init__(self) -> None:
        check_incident(self.incident)

    def run(self, me: Me) -> Script[Context]:
        pager = me.connection
        alerts = yield from Read(
            Subject(f"{pager.name}/incident/{self.incident}/alerts", settle_s=_SETTLE_S),
            _get(pager, "incidents", self.incident, "alerts", query=(_LIMIT,)),
            lambda replies: tuple(
                _alert(row) for reply in replies for row in _records(reply.body, "alerts")
            ),
            _PAGES,
        )
        details: dict[str, str] = {}
        for alert in alerts:
            details = {**alert.details, **details}
        return Done(Context(alerts, details), says=f"{len(alerts)} alerts")


# --- notes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noted:
    """The note on the incident."""

    id: str | Late


@action(
    "pagerduty.note",
    effect=Effect.WRITES,
    output=Noted,
    source="PagerDuty REST API v2, GET and POST /incidents/{id}/notes",
)
@dataclass(frozen=True)
class AddNote:
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
        pager = me.connection
        mark = f"[respond {me.run}/{me.step}]"
        subject: Subject[str] = Subject(
            f"{pager.name}/incident/{self.incident}/note/{me.run}/{me.step}", settle_s=_SETTLE_S
        )
        place = ("incidents", self.incident, "notes")

        def marked(replies: Sequence[Reply]) -> str:
            rows = [row for reply in replies for row in _records(reply.body, "notes")]
            ours = (row for row in rows if str(row.get("content", "")).startswith(mark))
            found = next(ours, None)
            return _text(found, "id") if found else ""

        seen = yield from Read(subject, _get(pager, *place), marked)
        if seen:
            return Done(Noted(seen), says="the note is there already")
        text = f"{mark} {showable(self.text, limit=10 * len(self.text), newlines=True)}"
        answer = yield from Write(
            says=f"note on incident {self.incident}",
            verb="note",
            target=self.incident,
            where=_where(pager),
            effect=Effect.WRITES,
            hands=Api(
                Call(pager.name, "rest", "POST", place, body={"note": {"content": text}}),
                lambda reply: Noted(_text(_record(reply.body, "note"), "id")),
            ),
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
@dataclass(frozen=True)
class SetStatus:
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
        pager = me.connection
        if self.status == "acknowledged" and not me.operator:
            raise StepFailedError(
                f"incident {self.incident} is not acknowledged",
                why="that stops the escalation, and nobody is at work on this run",
                do="acknowledge it when somebody is",
            )
        read = _incident_read(pager, self.incident)
        seen = yield from read
        if seen.status == self.status:
            return Done(seen, says=f"{self.incident} is {self.status} already")
        if (seen.status, self.status) == ("resolved", "acknowledged"):
            return Done(seen, findings=(f"incident {self.incident} was resolved by others",))
        answer = yield from Write(
            says=f"set incident {self.incident} from {seen.status} to {self.status}",
            verb=_VERBS[self.status],
            target=self.incident,
            where=_where(pager),
            effect=Effect.WRITES,
            hands=Api(self._call(pager), self._parse),
            before={"status": seen.status},
            after={"status": self.status},
            becomes=(Becomes(read.subject, self._changed),),
            foretold=self._changed(seen),
            undo=self._undo(seen.status),
        )
        found = answer_as(Incident, answer, self._changed(seen))
        return Done(found, says=f"{self.incident} is {found.status}")

    def _call(self, pager: Connection) -> Call:
        body = {"incident": {"type": "incident_reference", "status": self.status}}
        return Call(
            pager.name,
            "rest",
            "PUT",
            ("incidents", self.incident),
            body=body,
            answers=frozenset({_BAD_REQUEST}),
        )

    def _parse(self, reply: Reply) -> Incident:
        if reply.status != _BAD_REQUEST:
            return _incident(_record(reply.body, "incident"))
        error = _record(reply.body, "error")
        code = error.get("code")
        if isinstance(code, int) and code in _ALREADY:
            return Incident(self.incident, _ALREADY[code])
        reasons = error.get("errors")
        hint = "; ".join(_shown(one) for one in reasons) if isinstance(reasons, list) else ""
        raise RefusedError(_shown(str(code), 40), hint or _shown(error.get("message")))

    def _changed(self, seen: Incident) -> Incident:
        return Incident(seen.id, self.status, seen.title, seen.urgency, seen.key, seen.url)

    def _undo(self, before: str) -> Undo | None:
        """Only what was resolved can be opened again; an acknowledgement cannot be taken back."""
        if self.status != "resolved" or before not in _STATUSES:
            return None
        return Undo("pagerduty.set_status", {"incident": self.incident, "status": "triggered"})


_VERBS: Final = {"acknowledged": "acknowledge", "resolved": "resolve", "triggered": "reopen"}


# --- paging -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paged:
    """The event's key. PagerDuty took it; whether somebody's phone rang, it does not say."""

    dedup_key: str


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
        if not isinstance(reply.body, Mapping) or reply.body.get("status") != "success":
            raise MalformedReplyError("the events API did not answer success")
        return Paged(_text(reply.body, "dedup_key"))

    return Write(
        says=f"page whoever is on call ({severity})",
        verb="page",
        target="on-call",
        where=_where(connection),
        effect=Effect.WRITES,
        hands=Api(Call(connection.name, "events", "POST", ("v2", "enqueue"), body=body), parse),
        before={"paged": False},
        after={"paged": True},
        becomes=(Becomes(subject, lambda _: Incident(IncidentId("foretold"), "triggered")),),
        foretold=Paged(key),
        proof=Proof.SEEN if looked else Proof.BLIND,
        repeatable=True,
    )


@action(
    "pagerduty.page",
    effect=Effect.WRITES,
    output=Paged,
    source="PagerDuty Events API v2, POST /v2/enqueue",
)
@dataclass(frozen=True)
class Page:
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
        subject: Subject[Incident] = Subject(
            f"{pager.name}/incident-with-key/{key}", settle_s=_EVENT_SETTLE_S
        )
        looked = not pager.options.get("events_only", False)
        if looked:
            seen = yield from _by_key(pager, subject, key)
            if seen.id:
                return Done(Paged(key), says=f"paged already: incident {seen.id}")
        answer = yield from page(
            pager, me, subject=subject, summary=self.summary, severity=self.severity, looked=looked
        )
        paged = answer_as(Paged, answer, Paged(key))
        return Done(paged, says="PagerDuty took the page")


# --- who would be woken -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call now, at the first level of each escalation policy.

    Attributes:
        emails: Their addresses.
        why_not: Why it could not be looked up, or empty.
    """

    emails: tuple[str, ...]
    why_not: str = ""


def on_call(
    connection: Connection, *, or_else: Callable[[str], dict[str, str]] | None = None
) -> Generator[Any, object, OnCall]:
    """Look up who is on call; without ``or_else`` a look that fails ends the step.

    The list may name users without their addresses; each of those is looked up.
    """

    def parse(replies: Sequence[Reply]) -> dict[str, str]:
        rows = [row for reply in replies for row in _records(reply.body, "oncalls")]
        first = [_record(row, "user") for row in rows if row.get("escalation_level") == 1]
        return {_text(user, "id"): _email(user) for user in first}

    query = (("earliest", "true"), ("include[]", "users"), _LIMIT)
    found: dict[str, str] = yield from Read(
        Subject(f"{connection.name}/on-call", settle_s=_SETTLE_S),
        _get(connection, "oncalls", query=query),
        parse,
        _PAGES,
        or_else=or_else,
    )
    emails = []
    for user, email in found.items():
        if not email and user:
            email = yield from Read(  # noqa: PLW2901 - the address that the list did not show
                Subject(f"{connection.name}/user/{user}", settle_s=_SETTLE_S),
                _get(connection, "users", user),
                lambda replies: _email(_record(replies[0].body, "user")),
                or_else=(lambda _: "") if or_else else None,
            )
        emails.append(email)
    why_not = "" if all(emails) else "who is on call cannot be looked up"
    return OnCall(tuple(email for email in emails if email), why_not)


def _email(user: Mapping[str, Any]) -> str:
    email = user.get("email")
    return email if isinstance(email, str) else ""


@action(
    "pagerduty.who_is_on_call",
    effect=Effect.READS,
    output=OnCall,
    source="PagerDuty REST API v2, GET /oncalls",
)
@dataclass(frozen=True)
class WhoIsOnCall:
    """Read who is on call now, over all escalation policies."""

    def run(self, me: Me) -> Script[OnCall]:
        found = yield from on_call(me.connection)
        return Done(found, says=f"{len(found.emails)} people are on call")


ACTIONS: tuple[type, ...] = (FindIncident, GetContext, AddNote, SetStatus, Page, WhoIsOnCall)
