"""A simulated PagerDuty account: the REST API, and Events v2.

Events are accepted at once and become incidents a little later. A general access key acts for
the account, so its writes must say in ``From`` which user they are made for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusedError, Reply, as_json, as_text
from respond.company.limits import Limit
from respond.company.mint import Numbers, lower_for, upper_for
from respond.company.system import System

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.company_clock import Clock
    from respond.company.exchange import Request
    from respond.company.ledger import Ledger

EVENTS_SURFACE = "events"
SUMMARY_MAX = 1024
_SEVERITIES = ("critical", "error", "warning", "info")
_REST_LIMIT = 960
_STATUSES = ("triggered", "acknowledged", "resolved")


@dataclass
class User:
    """A user of the account."""

    id: str
    name: str
    email: str
    role: str = "user"

    def shown(self) -> Json:
        link = f"https://api.pagerduty.com/users/{self.id}"
        return {
            "id": self.id,
            "type": "user",
            "summary": self.name,
            "self": link,
            "html_url": f"https://example-co.pagerduty.com/users/{self.id}",
            "name": self.name,
            "email": self.email,
            "time_zone": "Etc/UTC",
            "color": "purple",
            "role": self.role,
            "avatar_url": "https://example.com/avatar.png",
            "invitation_sent": False,
            "job_title": "",
            "teams": [],
            "contact_methods": [],
            "notification_rules": [],
        }

    def reference(self) -> Json:
        return _reference("user", self.id, self.name)


@dataclass
class Note:
    """A note on an incident."""

    id: str
    user_id: str
    content: str
    created_at: float


@dataclass
class Incident:
    """An incident, with the alert that opened it.

    Attributes:
        visible_at: Incidents made of events appear only after this moment.
        details: The custom details of its alert.
        fields: Its custom fields by name; a list is a field with several values.
        grouped: Custom details of further alerts that were grouped into it.
    """

    id: str
    number: int
    title: str
    service_id: str
    created_at: float
    incident_key: str
    status: str = "triggered"
    urgency: str = "high"
    assignee: str = ""
    visible_at: float = 0.0
    severity: str = "critical"
    details: Json = field(default_factory=dict)
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    grouped: list[Json] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass
class Key:
    """A REST API key.

    Attributes:
        user_id: Whose key it is; empty for a general access key.
    """

    value: str
    read_only: bool = False
    user_id: str = ""


@dataclass
class State:
    """The whole account."""

    keys: list[Key] = field(default_factory=list)
    routing_keys: dict[str, str] = field(default_factory=dict)
    users: list[User] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    abilities: tuple[str, ...] = ()
    on_call: str = ""
    updates: list[tuple[str, str]] = field(default_factory=list)
    numbers: Numbers = field(default_factory=lambda: Numbers({"incident": 1235, "note": 1}))


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request whose key was accepted."""

    pagerduty: PagerDuty
    request: Request
    key: Key

    def body(self, wrapper: str) -> Json:
        """The object inside the body's wrapper. Raises RefusedError with 400 without one."""
        inner = self.request.json_object().get(wrapper)
        if not isinstance(inner, dict):
            raise RefusedError(400, f"{wrapper} is missing")
        return inner

    def requester(self) -> User:
        """For whom this write is made. Raises RefusedError with 400 if nobody is named."""
        state = self.pagerduty.state
        if self.key.user_id:
            return next(user for user in state.users if user.id == self.key.user_id)
        email = self.request.header("from").casefold()
        for user in state.users:
            if user.email.casefold() == email:
                return user
        raise RefusedError(400, "Requester User Not Found")

    def incident(self) -> Incident:
        """The incident of the path. Raises RefusedError with 404 if there is none."""
        return self.pagerduty.incident(self.request.parts[1])


class PagerDuty(System[State]):
    """PagerDuty as one account sees it.

    Attributes:
        events_show_after_s: How long an accepted event takes to become an incident.
        rest: Limit on REST calls; at the vendor's number from the start.
        events: Limit on events. Off by default; about 120 a minute at the vendor.
    """

    name: ClassVar[str] = "pagerduty"

    def __init__(self, state: State, clock: Clock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.events_show_after_s = 2.0
        self.rest = Limit(_REST_LIMIT, 60.0)
        self.events = Limit(None, 60.0)

    def serve(self, request: Request) -> Reply:
        if request.surface == EVENTS_SURFACE:
            return self._event(request)
        key = self._key(request)
        wait_s = self.rest.take(self.clock.now())
        if wait_s is not None:
            return as_json(_LIMITED, 429, *self._rate_headers(wait_s))
        reply = self._rest(request, key)
        headers = (*reply.headers, *self._rate_headers(60))
        return Reply(reply.status, reply.body, reply.content_type, headers)

    def _rest(self, request: Request, key: Key) -> Reply:
        found = _find(request)
        if found is None:
            raise RefusedError(404, "Not Found")
        if key.read_only and self.is_write(request):
            raise RefusedError(403, "Access Denied")
        return found(Call(self, request, key))

    def _key(self, request: Request) -> Key:
        """Only ``Token token=KEY`` will do; the key after ``Token`` alone is refused."""
        given = request.header("authorization")
        for key in self.state.keys:
            if given in {f"Token token={key.value}", f'Token token="{key.value}"'}:
                return key
        raise RefusedError(401, "")

    def _rate_headers(self, reset_s: int) -> tuple[tuple[str, str], ...]:
        return (
            ("ratelimit-limit", str(self.rest.calls)),
            ("ratelimit-remaining", str(self.rest.left)),
            ("ratelimit-reset", str(reset_s)),
        )

    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        if request.surface == EVENTS_SURFACE and status == 400:  # noqa: PLR2004 - HTTP.
            body = {"status": "invalid event", "message": "Event object is invalid"}
            return as_json(body | {"errors": [detail]}, status)
        if status == 401:  # noqa: PLR2004 - the HTTP status.
            return Reply(status, b"", "")
        if status not in _ERRORS:
            return as_text("upstream request failed", status)
        message, code = _ERRORS[status]
        error: Json = {"message": message, "code": code}
        if detail in _SPECIAL_CODES:
            error["code"] = _SPECIAL_CODES[detail]
        if detail:
            error["errors"] = [detail]
        return as_json({"error": error}, status)

    def incident(self, incident_id: str) -> Incident:
        """One incident that can be seen by now. Raises RefusedError with 404."""
        for incident in self.shown_incidents():
            if incident.id == incident_id:
                return incident
        raise RefusedError(404, "Not Found")

    def shown_incidents(self) -> list[Incident]:
        now = self.clock.now()
        return [incident for incident in self.state.incidents if incident.visible_at <= now]

    def open_incident(self, title: str, service_id: str, key: str, visible_at: float) -> Incident:
        """A new incident, assigned to whoever is on call."""
        number = self.state.numbers.take("incident")
        incident = Incident(
            id=f"Q{upper_for(f'incident:{number}', 13)}",
            number=number,
            title=title,
            service_id=service_id,
            created_at=self.clock.now(),
            incident_key=key or lower_for(f"incident-key:{number}", 32),
            assignee=self.state.on_call,
            visible_at=visible_at,
        )
        self.state.incidents.append(incident)
        return incident

    def set_status(self, incident: Incident, status: str, by: str = "api") -> None:
        """Move an incident on.

        Raises:
            RefusedError: with 400, if it is there already, or resolved before.
        """
        if status not in _STATUSES:
            raise RefusedError(400, f"Status must be one of {', '.join(_STATUSES)}")
        if incident.status == "resolved" and status != "triggered":
            raise RefusedError(400, _ALREADY_RESOLVED)
        if incident.status == status == "acknowledged":
            raise RefusedError(400, _ALREADY_ACKNOWLEDGED)
        if incident.status != status:
            incident.status = status
            self.happened(f"incident.{status}", incident, by=by)

    def add_note(self, incident: Incident, user: User, content: str, by: str = "api") -> Note:
        """Put a note on an incident; every call makes another note.

        Raises:
            RefusedError: with 400, if there is nothing in it.
        """
        if not content:
            raise RefusedError(400, "Content cannot be empty")
        number = self.state.numbers.take("note")
        note = Note(upper_for(f"note:{number}", 14), user.id, content, self.clock.now())
        incident.notes.append(note)
        self.happened("note.added", incident, by=by, note=note.id)
        return note

    def happened(self, kind: str, incident: Incident, by: str = "api", **detail: Any) -> None:
        self.ledger.effect(self.name, kind, f"incident {incident.id}", by=by, **detail)

    def _event(self, request: Request) -> Reply:
        """Take an event. The same key again is the same alert: accepted, and nothing new."""
        if request.parts != ("v2", "enqueue") or request.method != "POST":
            raise RefusedError(404, "Not Found")
        wait_s = self.events.take(self.clock.now())
        if wait_s is not None:
            return as_json(_LIMITED, 429, ("Retry-After", str(wait_s)))
        event = request.json_object()
        service_id = self.state.routing_keys.get(str(event.get("routing_key", "")))
        if service_id is None:
            raise RefusedError(400, "'routing_key' is invalid")
        dedup_key = self._take_event(event, service_id)
        body = {"status": "success", "message": "Event processed", "dedup_key": dedup_key}
        return as_json(body, 202)

    def _take_event(self, event: Json, service_id: str) -> str:
        action, dedup_key = event.get("event_action"), str(event.get("dedup_key", ""))
        if action == "trigger":
            return self._trigger(event, service_id, dedup_key)
        if action not in {"acknowledge", "resolve"} or not dedup_key:
            raise RefusedError(400, "'event_action' or 'dedup_key' is invalid")
        incident = self.open_with(service_id, dedup_key)
        wanted = f"{action.removesuffix('e')}ed"
        if incident is not None and incident.status != wanted:
            self.set_status(incident, wanted)
        return dedup_key

    def _trigger(self, event: Json, service_id: str, dedup_key: str) -> str:
        payload = event.get("payload")
        if not isinstance(payload, dict):
            raise RefusedError(400, "'payload' is missing or blank")
        for needed in ("summary", "source", "severity"):
            if not payload.get(needed):
                raise RefusedError(400, f"'payload.{needed}' is missing or blank")
        if payload["severity"] not in _SEVERITIES:
            raise RefusedError(400, "'payload.severity' is invalid")
        if len(payload["summary"]) > SUMMARY_MAX:
            raise RefusedError(400, "'payload.summary' is too long")
        known = self.open_with(service_id, dedup_key) if dedup_key else None
        if known is not None:
            return dedup_key
        visible_at = self.clock.now() + self.events_show_after_s
        incident = self.open_incident(payload["summary"], service_id, dedup_key, visible_at)
        incident.severity = payload["severity"]
        incident.details = payload.get("custom_details") or {}
        self.happened("incident.triggered", incident, service=service_id)
        return incident.incident_key

    def open_with(self, service_id: str, key: str) -> Incident | None:
        """The incident with this key that is not resolved, even if nobody can see it yet."""
        for incident in self.state.incidents:
            same = (incident.service_id, incident.incident_key) == (service_id, key)
            if same and incident.status != "resolved":
                return incident
        return None

    def things(self) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        for incident in self.state.incidents:
            shown[f"incident {incident.id}"] = {
                "title": incident.title,
                "status": incident.status,
                "incident_key": incident.incident_key,
                "notes": len(incident.notes),
            }
        for user in self.state.users:
            shown[f"user {user.email}"] = {"id": user.id, "role": user.role}
        shown["status updates"] = {"sent": len(self.state.updates)}
        return shown


_ALREADY_RESOLVED = "Incident Already Resolved"
_ALREADY_ACKNOWLEDGED = "Incident Already Acknowledged"
_SPECIAL_CODES = {_ALREADY_RESOLVED: 1001, _ALREADY_ACKNOWLEDGED: 1002}
_ERRORS = {
    400: ("Invalid Input Provided", 2001),
    402: ("Account Does Not Have Ability", 2012),
    403: ("Access Denied", 2010),
    404: ("Not Found", 2100),
    409: ("Conflict", 2001),
    429: ("Rate Limit Exceeded", 2020),
}
_LIMITED = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}


def _reference(kind: str, thing_id: str, summary: str) -> Json:
    return {
        "id": thing_id,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.com/{kind}s/{thing_id}",
        "html_url": f"https://example-co.pagerduty.com/{kind}s/{thing_id}",
    }


def _show_incident(state: State, incident: Incident) -> Json:
    link = f"https://api.pagerduty.com/incidents/{incident.id}"
    assigned = [user for user in state.users if user.id == incident.assignee]
    at = rfc3339(incident.created_at)
    shown = {
        "id": incident.id,
        "type": "incident",
        "summary": f"[#{incident.number}] {incident.title}",
        "self": link,
        "html_url": f"https://example-co.pagerduty.com/incidents/{incident.id}",
        "incident_number": incident.number,
        "title": incident.title,
        "status": incident.status,
        "urgency": incident.urgency,
        "created_at": at,
        "updated_at": at,
        "incident_key": incident.incident_key,
        "service": _reference("service", incident.service_id, state.services[incident.service_id]),
        "assignments": [{"at": at, "assignee": user.reference()} for user in assigned],
        "acknowledgements": [],
        "teams": [],
        "pending_actions": [],
        "priority": None,
    }
    if incident.status == "resolved":
        shown["assignments"] = []
    return shown


def _show_note(state: State, note: Note) -> Json:
    user = next(user for user in state.users if user.id == note.user_id)
    at = rfc3339(note.created_at)
    return {
        "id": note.id,
        "user": user.reference(),
        "channel": {"summary": "The PagerDuty website or APIs"},
        "content": note.content,
        "created_at": at,
        "updated_at": at,
    }


def _page(call: Call, name: str, rows: list[Json]) -> Reply:
    limit = min(call.request.number("limit", 25), 100)
    offset = call.request.number("offset", 0)
    if offset + limit > 10_000:  # noqa: PLR2004 - the vendor's limit.
        raise RefusedError(400, "Offset and limit exceed 10000")
    total = len(rows) if call.request.argument("total") == "true" else None
    body: Json = {name: rows[offset : offset + limit], "limit": limit, "offset": offset}
    return as_json(body | {"more": offset + limit < len(rows), "total": total})


def _users(call: Call) -> Reply:
    """Search name and address for a part, as the vendor does; exact it is not."""
    query = call.request.argument("query").casefold()
    found = [u for u in call.pagerduty.state.users if query in f"{u.name} {u.email}".casefold()]
    return _page(call, "users", [user.shown() for user in found])


def _user(call: Call) -> Reply:
    for user in call.pagerduty.state.users:
        if user.id == call.request.parts[1]:
            return as_json({"user": user.shown()})
    raise RefusedError(404, "Not Found")


def _abilities(call: Call) -> Reply:
    return as_json({"abilities": list(call.pagerduty.state.abilities)})


def _on_calls(call: Call) -> Reply:
    state = call.pagerduty.state
    user = next(user for user in state.users if user.id == state.on_call)
    policy = _reference("escalation_policy", "PPOLICY", "Security")
    row: Json = {
        "user": user.reference(),
        "schedule": _reference("schedule", "PSCHED1", "Security primary"),
        "escalation_policy": policy,
        "escalation_level": 1,
        "start": rfc3339(call.pagerduty.clock.now() - 86_400),
        "end": rfc3339(call.pagerduty.clock.now() + 86_400),
    }
    return _page(call, "oncalls", [row])


def _incidents(call: Call) -> Reply:
    key = call.request.argument("incident_key")
    statuses = call.request.query.get("statuses[]", list(_STATUSES))
    found = [
        _show_incident(call.pagerduty.state, incident)
        for incident in call.pagerduty.shown_incidents()
        if incident.status in statuses and key in {"", incident.incident_key}
    ]
    return _page(call, "incidents", found)


def _create_incident(call: Call) -> Reply:
    call.requester()
    body = call.body("incident")
    pagerduty, key = call.pagerduty, str(body.get("incident_key", ""))
    service_id = (body.get("service") or {}).get("id", "")
    if not body.get("title") or service_id not in pagerduty.state.services:
        raise RefusedError(400, "Title and Service are required")
    if key and pagerduty.open_with(service_id, key):
        raise RefusedError(400, "Open incident with matching dedup key already exists")
    incident = pagerduty.open_incident(body["title"], service_id, key, pagerduty.clock.now())
    incident.urgency = body.get("urgency", "high")
    pagerduty.happened("incident.triggered", incident, service=service_id)
    return as_json({"incident": _show_incident(pagerduty.state, incident)}, 201)


def _incident(call: Call) -> Reply:
    return as_json({"incident": _show_incident(call.pagerduty.state, call.incident())})


def _put_incident(call: Call) -> Reply:
    call.requester()
    incident, body = call.incident(), call.body("incident")
    if "status" in body:
        call.pagerduty.set_status(incident, str(body["status"]))
    return as_json({"incident": _show_incident(call.pagerduty.state, incident)})


def _notes(call: Call) -> Reply:
    notes = [_show_note(call.pagerduty.state, note) for note in call.incident().notes]
    return as_json({"notes": notes})


def _create_note(call: Call) -> Reply:
    user, incident = call.requester(), call.incident()
    content = str(call.body("note").get("content", ""))
    note = call.pagerduty.add_note(incident, user, content)
    return as_json({"note": _show_note(call.pagerduty.state, note)})


def _alerts(call: Call) -> Reply:
    incident = call.incident()
    told = [incident.details, *incident.grouped]
    return _page(call, "alerts", [_alert(call, incident, i, d) for i, d in enumerate(told)])


def _alert(call: Call, incident: Incident, place: int, details: Json) -> Json:
    label = f"alert:{incident.number}" + (f":{place}" if place else "")
    return {
        "id": f"Q{upper_for(label, 13)}",
        "type": "alert",
        "summary": incident.title,
        "status": "resolved" if incident.status == "resolved" else "triggered",
        "alert_key": incident.incident_key,
        "severity": incident.severity,
        "suppressed": False,
        "created_at": rfc3339(incident.created_at),
        "service": _reference(
            "service", incident.service_id, call.pagerduty.state.services[incident.service_id]
        ),
        "incident": _reference("incident", incident.id, incident.title),
        "body": {"type": "alert_body", "contexts": [], "details": details},
    }


def _custom_fields(call: Call) -> Reply:
    rows = [
        {
            "id": f"P{upper_for(f'field:{name}', 6)}",
            "type": "field_value",
            "name": name,
            "display_name": name.replace("_", " ").capitalize(),
            "description": "",
            "data_type": "string",
            "field_type": "single_value" if isinstance(value, str) else "multi_value",
            "value": value,
        }
        for name, value in call.incident().fields.items()
    ]
    return as_json({"custom_fields": rows})


def _status_update(call: Call) -> Reply:
    user, incident = call.requester(), call.incident()
    message = str(call.request.json_object().get("message", ""))
    if not message:
        raise RefusedError(400, "Message cannot be empty")
    call.pagerduty.state.updates.append((incident.id, message))
    call.pagerduty.happened("status_update.sent", incident)
    now = rfc3339(call.pagerduty.clock.now())
    number = len(call.pagerduty.state.updates)
    update = {
        "id": upper_for(f"update:{number}", 14),
        "message": message,
        "created_at": now,
        "sender": user.reference(),
    }
    return as_json({"status_update": update})


_ROUTES: dict[tuple[str, tuple[str, ...]], Callable[[Call], Reply]] = {
    ("GET", ("users",)): _users,
    ("GET", ("users", "*")): _user,
    ("GET", ("abilities",)): _abilities,
    ("GET", ("oncalls",)): _on_calls,
    ("GET", ("incidents",)): _incidents,
    ("POST", ("incidents",)): _create_incident,
    ("GET", ("incidents", "*")): _incident,
    ("PUT", ("incidents", "*")): _put_incident,
    ("GET", ("incidents", "*", "notes")): _notes,
    ("POST", ("incidents", "*", "notes")): _create_note,
    ("GET", ("incidents", "*", "alerts")): _alerts,
    ("GET", ("incidents", "*", "custom_fields", "values")): _custom_fields,
    ("POST", ("incidents", "*", "status_updates")): _status_update,
}


def _find(request: Request) -> Callable[[Call], Reply] | None:
    shape = tuple("*" if place == 1 else part for place, part in enumerate(request.parts))
    method = "GET" if request.method == "HEAD" else request.method
    return _ROUTES.get((method, shape))
