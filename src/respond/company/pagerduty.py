"""A simulated PagerDuty account: the REST API, and Events v2.

Events are accepted at once and become incidents a little later. A general access key acts for
the account, so its writes must say in ``From`` which user they are made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from respond.company.company_clock import CompanyClock, rfc3339
from respond.company.example_co import ADMINS, COMPROMISED, OPERATOR
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, as_text
from respond.company.ledger import Ledger
from respond.company.limits import Limit
from respond.company.mint import Numbers, hex_for, lower_for, upper_for
from respond.company.paging import by_offset
from respond.company.simulated_rest import Answer, Headers, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_SUMMARY_MAX = 1024
_SEVERITIES = ("critical", "error", "warning", "info")
_STATUSES = ("triggered", "acknowledged", "resolved")
_RESOLVED, _ACKNOWLEDGED = "Incident Already Resolved", "Incident Already Acknowledged"
_SPECIAL_CODES = {_RESOLVED: 1001, _ACKNOWLEDGED: 1002}
_ERRORS = {
    400: ("Invalid Input Provided", 2001),
    402: ("Account Does Not Have Ability", 2012),
    403: ("Access Denied", 2010),
    404: ("Not Found", 2100),
    409: ("Conflict", 2001),
    429: ("Rate Limit Exceeded", 2020),
}

# --- what a row looks like ---


def _incident_row(number: int, title: str, service_id: str, at: float, **more: Any) -> Row:
    """An incident, with the alert that opened it.

    ``details`` are the custom details of that alert and ``grouped`` those of further ones;
    ``fields`` are custom fields by name, where a list is a field with several values.
    """
    fields: Json = {
        "id": f"Q{upper_for(f'incident:{number}', 13)}",
        "incident_key": lower_for(f"incident-key:{number}", 32),
        "status": "triggered",
        "urgency": "high",
        "assignee": "",
        "visible_at": 0.0,
        "severity": "critical",
        "details": {},
        "fields": {},
        "grouped": [],
        "notes": [],
        **more,
    }
    return Row(number=number, title=title, service_id=service_id, created_at=at, **fields)


def _user_row(user_id: str, name: str, email: str, role: str = "user") -> Row:
    return Row(id=user_id, name=name, email=email, role=role)


def _reference(kind: str, thing_id: str, summary: str) -> Json:
    return {
        "id": thing_id,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.com/{kind}s/{thing_id}",
        "html_url": f"https://example-co.pagerduty.com/{kind}s/{thing_id}",
    }


def _user(user: Row) -> Json:
    return {
        **_reference("user", user.id, user.name),
        "type": "user",
        "name": user.name,
        "email": user.email,
        "time_zone": "Etc/UTC",
        "color": "purple",
        "role": user.role,
        "avatar_url": "https://example.com/avatar.png",
        "invitation_sent": False,
        "job_title": "",
        "teams": [],
        "contact_methods": [],
        "notification_rules": [],
    }


# --- how its routes answer ---


def _page(call: RestCall, name: str, rows: list[Json]) -> Json:
    return by_offset(call.request, name, rows, size=25, most=100, reach=10_000)


def _find_users(pager: PagerDuty, call: RestCall) -> Json:
    """Search name and address for a part, as the vendor does; exact it is not."""
    query = call.request.argument("query").casefold()
    found = [u for u in pager.rows("users") if query in f"{u.name} {u.email}".casefold()]
    return _page(call, "users", [_user(user) for user in found])


def _on_calls(pager: PagerDuty, call: RestCall) -> Json:
    user, now = pager.row("users", id=pager.state.on_call), pager.clock.now()
    row: Json = {
        "user": _reference("user", user.id, user.name),
        "schedule": _reference("schedule", "PSCHED1", "Security primary"),
        "escalation_policy": _reference("escalation_policy", "PPOLICY", "Security"),
        "escalation_level": 1,
        "start": rfc3339(now - 86_400),
        "end": rfc3339(now + 86_400),
    }
    return _page(call, "oncalls", [row])


def _incidents(pager: PagerDuty, call: RestCall) -> Json:
    key = call.request.argument("incident_key")
    statuses = call.request.query.get("statuses[]", list(_STATUSES))
    found = [
        pager.shown(incident)
        for incident in pager.rows("incidents")
        if incident.status in statuses and key in {"", incident.incident_key}
    ]
    return _page(call, "incidents", found)


def _create_incident(pager: PagerDuty, call: RestCall) -> SimReply:
    pager.requester(call)
    body = call.wrapped("incident")
    key, service_id = str(body.get("incident_key", "")), (body.get("service") or {}).get("id", "")
    if not body.get("title") or service_id not in pager.state.services:
        raise RefusalError(400, "Title and Service are required")
    if key and pager.open_with(service_id, key):
        raise RefusalError(400, "Open incident with matching dedup key already exists")
    more = {"incident_key": key} if key else {}
    urgency = body.get("urgency", "high")
    incident = pager.open_incident(body["title"], service_id, urgency=urgency, **more)
    pager.changed(incident, "incident.triggered", service=service_id)
    return as_json({"incident": pager.shown(incident)}, 201)


def _put_incident(pager: PagerDuty, call: RestCall) -> Json:
    pager.requester(call)
    incident, body = pager.incident(call.ids["incident"]), call.wrapped("incident")
    if "status" in body:
        pager.set_status(incident, str(body["status"]))
    return {"incident": pager.shown(incident)}


def _create_note(pager: PagerDuty, call: RestCall) -> Json:
    user, incident = pager.requester(call), pager.incident(call.ids["incident"])
    content = str(call.wrapped("note").get("content", ""))
    return {"note": pager.note(pager.add_note(incident, user, content))}


def _alerts(pager: PagerDuty, call: RestCall) -> Json:
    incident = pager.incident(call.ids["incident"])
    told = [incident.details, *incident.grouped]
    return _page(call, "alerts", [_alert(pager, incident, i, d) for i, d in enumerate(told)])


def _alert(pager: PagerDuty, incident: Row, place: int, details: Json) -> Json:
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
        "service": pager.service(incident),
        "incident": _reference("incident", incident.id, incident.title),
        "body": {"type": "alert_body", "contexts": [], "details": details},
    }


def _custom_field(name: str, value: str | list[str]) -> Json:
    return {
        "id": f"P{upper_for(f'field:{name}', 6)}",
        "type": "field_value",
        "name": name,
        "display_name": name.replace("_", " ").capitalize(),
        "description": "",
        "data_type": "string",
        "field_type": "single_value" if isinstance(value, str) else "multi_value",
        "value": value,
    }


def _status_update(pager: PagerDuty, call: RestCall) -> Json:
    user, incident = pager.requester(call), pager.incident(call.ids["incident"])
    message = str(call.request.json_object().get("message", ""))
    if not message:
        raise RefusalError(400, "Message cannot be empty")
    pager.state.updates.append((incident.id, message))
    pager.changed(incident, "status_update.sent")
    update = {
        "id": upper_for(f"update:{len(pager.state.updates)}", 14),
        "message": message,
        "created_at": rfc3339(pager.clock.now()),
        "sender": _reference("user", user.id, user.name),
    }
    return {"status_update": update}


_ONE = "incidents/{incident}"


class PagerDuty(RestSystem):
    """PagerDuty as one account sees it.

    Attributes:
        events_show_after_s: How long an accepted event takes to become an incident.
        events: Limit on events. Off by default; about 120 a minute at the vendor.
    """

    name: ClassVar[str] = "pagerduty"
    surfaces: ClassVar[Mapping[str, str]] = {"pagerduty/rest": "rest", "pagerduty/events": "events"}
    says: ClassVar[Mapping[int, str]] = {403: "Access Denied", 404: "Not Found"}
    # The key after ``Token`` alone is refused.
    key_forms: ClassVar[tuple[str, ...]] = ("Token token={}", 'Token token="{}"')
    calls_a_minute: ClassVar[int | None] = 960
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "incidents": ("incident {id}", "title status incident_key notes"),
        "users": ("user {email}", "id role"),
    }

    routes: ClassVar[Mapping[str, Answer]] = {
        "GET users": _find_users,
        "GET users/{user}": lambda pager, c: {"user": _user(pager.row("users", id=c.ids["user"]))},
        "GET abilities": lambda pager, _: {"abilities": list(pager.state.abilities)},
        "GET oncalls": _on_calls,
        "GET incidents": _incidents,
        "POST incidents": _create_incident,
        f"GET {_ONE}": lambda pager, c: {
            "incident": pager.shown(pager.incident(c.ids["incident"]))
        },
        f"PUT {_ONE}": _put_incident,
        f"GET {_ONE}/notes": lambda pager, c: {
            "notes": [pager.note(note) for note in pager.incident(c.ids["incident"]).notes]
        },
        f"POST {_ONE}/notes": _create_note,
        f"GET {_ONE}/alerts": _alerts,
        f"GET {_ONE}/custom_fields/values": lambda pager, c: {
            "custom_fields": [
                _custom_field(*pair) for pair in pager.incident(c.ids["incident"]).fields.items()
            ]
        },
        f"POST {_ONE}/status_updates": _status_update,
    }

    def __init__(self, state: Row, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(state, clock, ledger)
        self.events_show_after_s = 2.0
        self.events = Limit(None, 60.0)

    def serve(self, request: SimRequest) -> SimReply:
        return self._event(request) if request.surface == "events" else super().serve(request)

    def rate_headers(self, wait_s: int | None) -> Headers:
        return (
            ("ratelimit-limit", str(self.rest.calls)),
            ("ratelimit-remaining", str(self.rest.left)),
            ("ratelimit-reset", str(60 if wait_s is None else wait_s)),
        )

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        if request.surface == "events" and no.status == 400:  # noqa: PLR2004 - HTTP.
            body = {"status": "invalid event", "message": "Event object is invalid"}
            return as_json(body | {"errors": [no.detail]}, no.status)
        if no.status == 401:  # noqa: PLR2004 - the HTTP status.
            return SimReply(no.status, b"", "")
        if no.status not in _ERRORS:
            return as_text("upstream request failed", no.status)
        message, code = _ERRORS[no.status]
        error: Json = {"message": message, "code": _SPECIAL_CODES.get(no.detail, code)}
        return as_json({"error": error | ({"errors": [no.detail]} if no.detail else {})}, no.status)

    def requester(self, call: RestCall) -> Row:
        """For whom this write is made. Raises RefusalError with 400 if nobody is named."""
        if call.key.user_id:
            return self.row("users", id=call.key.user_id)
        email = call.request.header("from").casefold()
        found = [user for user in self.rows("users") if user.email.casefold() == email]
        if not found:
            raise RefusalError(400, "Requester User Not Found")
        return found[0]

    def incident(self, incident_id: str) -> Row:
        """One incident that can be seen by now. Raises RefusalError with 404."""
        return self.row("incidents", id=incident_id)

    def shown(self, incident: Row) -> Json:
        """An incident as the vendor shows it."""
        at = rfc3339(incident.created_at)
        assigned = [] if incident.status == "resolved" else self._users(incident.assignee)
        return {
            **_reference("incident", incident.id, f"[#{incident.number}] {incident.title}"),
            "type": "incident",
            "incident_number": incident.number,
            "title": incident.title,
            "status": incident.status,
            "urgency": incident.urgency,
            "created_at": at,
            "updated_at": at,
            "incident_key": incident.incident_key,
            "service": self.service(incident),
            "assignments": [{"at": at, "assignee": user} for user in assigned],
            "acknowledgements": [],
            "teams": [],
            "pending_actions": [],
            "priority": None,
        }

    def _users(self, user_id: str) -> list[Json]:
        return [_reference("user", one.id, one.name) for one in self.rows("users", id=user_id)]

    def service(self, incident: Row) -> Json:
        """The service of an incident."""
        name = self.state.services[incident.service_id]
        return _reference("service", incident.service_id, name)

    def note(self, note: Row) -> Json:
        """A note as the vendor shows it."""
        at = rfc3339(note.created_at)
        return {
            "id": note.id,
            "user": self._users(note.user_id)[0],
            "channel": {"summary": "The PagerDuty website or APIs"},
            "content": note.content,
            "created_at": at,
            "updated_at": at,
        }

    # --- what changes ---

    def open_incident(self, title: str, service_id: str, **more: Any) -> Row:
        """A new incident, assigned to whoever is on call."""
        number, now = self.state.numbers.take("incident"), self.clock.now()
        assignee = self.state.on_call
        incident = _incident_row(number, title, service_id, now, assignee=assignee, **more)
        self.state.incidents.append(incident)
        return incident

    def set_status(self, incident: Row, status: str, by: str = "api") -> None:
        """Move an incident on.

        Raises:
            RefusalError: with 400, if it is there already, or resolved before.
        """
        if status not in _STATUSES:
            raise RefusalError(400, f"Status must be one of {', '.join(_STATUSES)}")
        if incident.status == "resolved" and status != "triggered":
            raise RefusalError(400, _RESOLVED)
        if incident.status == status == "acknowledged":
            raise RefusalError(400, _ACKNOWLEDGED)
        if incident.status != status:
            incident.status = status
            self.changed(incident, f"incident.{status}", by=by)

    def add_note(self, incident: Row, user: Row, content: str, by: str = "api") -> Row:
        """Put a note on an incident; every call makes another note.

        Raises:
            RefusalError: with 400, if there is nothing in it.
        """
        if not content:
            raise RefusalError(400, "Content cannot be empty")
        note_id = upper_for(f"note:{self.state.numbers.take('note')}", 14)
        note = Row(id=note_id, user_id=user.id, content=content, created_at=self.clock.now())
        incident.notes.append(note)
        self.changed(incident, "note.added", by=by, note=note.id)
        return note

    def changed(self, incident: Row, kind: str, by: str = "api", **detail: Any) -> None:
        self.happened(kind, f"incident {incident.id}", by, **detail)

    # --- Events v2 ---

    def _event(self, request: SimRequest) -> SimReply:
        """Take an event. The same key again is the same alert: accepted, and nothing new."""
        if request.parts != ("v2", "enqueue") or request.method != "POST":
            raise self.no(404)
        wait_s = self.events.take(self.clock.now())
        if wait_s is not None:
            return self.refuse(request, RefusalError(429)).having(("Retry-After", str(wait_s)))
        event = request.json_object()
        service_id = self.state.routing_keys.get(str(event.get("routing_key", "")))
        if service_id is None:
            raise RefusalError(400, "'routing_key' is invalid")
        dedup_key = self._take_event(event, service_id)
        body = {"status": "success", "message": "Event processed", "dedup_key": dedup_key}
        return as_json(body, 202)

    def _take_event(self, event: Json, service_id: str) -> str:
        action, dedup_key = event.get("event_action"), str(event.get("dedup_key", ""))
        if action == "trigger":
            return self._trigger(event, service_id, dedup_key)
        if action not in {"acknowledge", "resolve"} or not dedup_key:
            raise RefusalError(400, "'event_action' or 'dedup_key' is invalid")
        incident = self.open_with(service_id, dedup_key)
        wanted = f"{action.removesuffix('e')}ed"
        if incident is not None and incident.status != wanted:
            self.set_status(incident, wanted)
        return dedup_key

    def _trigger(self, event: Json, service_id: str, dedup_key: str) -> str:
        payload = event.get("payload")
        if not isinstance(payload, dict):
            raise RefusalError(400, "'payload' is missing or blank")
        for needed in ("summary", "source", "severity"):
            if not payload.get(needed):
                raise RefusalError(400, f"'payload.{needed}' is missing or blank")
        if payload["severity"] not in _SEVERITIES:
            raise RefusalError(400, "'payload.severity' is invalid")
        if len(payload["summary"]) > _SUMMARY_MAX:
            raise RefusalError(400, "'payload.summary' is too long")
        if dedup_key and self.open_with(service_id, dedup_key):
            return dedup_key
        incident = self.open_incident(
            payload["summary"],
            service_id,
            visible_at=self.clock.now() + self.events_show_after_s,
            severity=payload["severity"],
            details=payload.get("custom_details") or {},
            **({"incident_key": dedup_key} if dedup_key else {}),
        )
        self.changed(incident, "incident.triggered", service=service_id)
        return str(incident.incident_key)

    def open_with(self, service_id: str, key: str) -> Row | None:
        """The incident with this key that is not resolved, even if nobody can see it yet."""
        for incident in self.table("incidents"):
            same = (incident.service_id, incident.incident_key) == (service_id, key)
            if same and incident.status != "resolved":
                return incident
        return None

    def things(self) -> dict[str, Json]:
        return super().things() | {"status updates": {"sent": len(self.state.updates)}}

    def told(self) -> list[Json]:
        incidents = self.state.incidents
        told: list[Json] = [
            {"to": incident.id, "text": note.content, "kind": "note"}
            for incident in incidents
            for note in incident.notes
        ]
        told += [{"to": to, "text": text, "kind": "update"} for to, text in self.state.updates]
        told += [
            {"to": one.service_id, "text": one.title, "kind": "incident", "details": one.details}
            for one in incidents
        ]
        return told


# --- Example Co ---


def _begin(night: Night) -> PagerDuty:
    """The account with the incident that started the night."""
    story = night.story
    state = Row(
        keys=[
            access_key(story.pagerduty_key, user_id=""),
            access_key(story.pagerduty_read_only_key, user_id="", read_only=True),
        ],
        routing_keys={story.pagerduty_routing_key: story.pagerduty_service},
        users=[
            _user_row("PDANA01", "Dana Reyes", OPERATOR, "owner"),
            _user_row("PANA001", "Ana Silva", ADMINS[0], "admin"),
            _user_row("PBEN001", "Ben Okafor", ADMINS[1]),
            _user_row("PMALLO1", "Mallory Hart", COMPROMISED),
        ],
        services={story.pagerduty_service: "Security"},
        incidents=[
            _incident_row(
                1234,
                "Customer.io key in a public repository",
                story.pagerduty_service,
                night.clock.now() - 600,
                id=story.pagerduty_incident,
                incident_key=hex_for("incident:1234", 32),
                assignee="PDANA01",
                details={"runbook": "compromised-key", "key": story.leaked_app_key_name},
            )
        ],
        abilities=("teams", "read_only_users", "coordinated_responding"),
        on_call="PDANA01",
        updates=[],
        numbers=Numbers({"incident": 1235, "note": 1}),
    )
    return PagerDuty(state, night.clock, night.ledger)


def _note_by_hand(pager: PagerDuty, errand: Errand) -> Json:
    incident, content = pager.incident(errand.text("incident")), errand.text("content")
    return {"id": pager.add_note(incident, pager.state.users[0], content, by=errand.by).id}


def _status_by_hand(pager: PagerDuty, errand: Errand) -> Json:
    pager.set_status(pager.incident(errand.text("incident")), errand.text("status"), by=errand.by)
    return {}


def _declared(pager: PagerDuty, errand: Errand) -> Json:
    service_id = errand.story.pagerduty_service
    incident = pager.open_incident(
        errand.words("title"),
        service_id,
        details=errand.fields("details"),
        fields=errand.fields("fields"),
    )
    pager.changed(incident, "incident.triggered", by="monitoring", service=service_id)
    return {"id": incident.id, "number": incident.number}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "pagerduty_key": f"y_NbA{upper_for('pagerduty:rest', 15)}",
        "pagerduty_read_only_key": f"y_Ro0{upper_for('pagerduty:read', 15)}",
        "pagerduty_routing_key": hex_for("pagerduty:routing", 32),
        "pagerduty_incident": "Q1EXAMPLE",
        "pagerduty_service": "PSECURE",
        "pagerduty_user": OPERATOR,
    },
    connection={
        "name": "pagerduty",
        "system": "pagerduty",
        "account": "example-co",
        "options": {"from": "{pagerduty_user}"},
        "credentials": {"": "{pagerduty_key}", "events": "{pagerduty_routing_key}"},
        "base_urls": {"rest": "pagerduty/rest", "events": "pagerduty/events"},
    },
    console={"add_note": _note_by_hand, "set_incident_status": _status_by_hand},
    happenings={"incident": _declared},
)
