"""PagerDuty at work. Source: developer.pagerduty.com/api-reference, REST v2 and Events v2."""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {
    "pagerduty/rest": "https://api.pagerduty.com",
    "pagerduty/events": "https://events.pagerduty.com",
}

_INCIDENT = "story.pagerduty_incident"
_FOUND = {"found": ("pagerduty.find_incident", {"incident": _INCIDENT})}

EXAMPLES = (
    Example("pagerduty.find_incident", {"incident": _INCIDENT}),
    Example("pagerduty.find_incident", {"key": "${{ found.key }}"}, earlier=_FOUND),
    Example("pagerduty.find_incident", {"key": "respond:none"}),
    Example("pagerduty.get_context", {"incident": _INCIDENT}),
    Example("pagerduty.note", {"incident": _INCIDENT, "text": "The key is contained."}),
    Example("pagerduty.set_status", {"incident": _INCIDENT, "status": "acknowledged"}),
    Example("pagerduty.set_status", {"incident": _INCIDENT, "status": "resolved"}),
    Example("pagerduty.page", {"summary": "Run CK-7F3Q needs somebody"}),
    Example("pagerduty.who_is_on_call"),
)

_KEY = {"Authorization": "Token token={pagerduty_key}"}
_WHO = {**_KEY, "From": "{pagerduty_user}"}
_SERVICE = {"id": "{pagerduty_service}", "type": "service_reference"}


def _get(path: str) -> BareRequest:
    return BareRequest("GET", "pagerduty/rest", path, _KEY)


def _send(method: str, path: str, body: Any, status: int = 200) -> BareRequest:
    return BareRequest(method, "pagerduty/rest", path, _WHO, body, status)


def _event(status: int = 202, **fields: str) -> BareRequest:
    payload = {"summary": "s", "source": "respond", "severity": "info"}
    body = {"routing_key": "{pagerduty_routing_key}", "event_action": "trigger", "payload": payload}
    return BareRequest("POST", "pagerduty/events", "/v2/enqueue", {}, {**body, **fields}, status)


_ONE = "/incidents/{pagerduty_incident}"

ASKED = (
    _get("/abilities"),
    _get("/users?query=ana&total=true"),
    _get("/users/PANA001"),
    _get("/oncalls"),
    _get("/incidents"),
    _get(_ONE),
    _get(f"{_ONE}/alerts"),
    _get(f"{_ONE}/custom_fields/values"),
    _send(
        "POST",
        "/incidents",
        {"incident": {"type": "incident", "title": "t", "service": _SERVICE}},
        201,
    ),
    _send("PUT", _ONE, {"incident": {"type": "incident_reference", "status": "acknowledged"}}),
    _send("POST", f"{_ONE}/notes", {"note": {"content": "n"}}),
    _get(f"{_ONE}/notes"),
    _send("POST", f"{_ONE}/status_updates", {"message": "m"}),
    _event(),
    _event(dedup_key="k"),
    _event(400, event_action="shout"),
)
