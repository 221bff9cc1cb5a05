"""A simulated incident.io organization: its incidents by id, private ones included.

A key that may not see private incidents is told that there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, as_text
from respond.company.mint import Numbers, hex_for, upper_for
from respond.company.simulated_rest import Answer, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_SITE = "https://app.incident.io/example-co"
_KINDS = {401: "authentication_error", 403: "authorization_error", 404: "not_found"}


def _incident_row(number: int, name: str, at: float, **more: Any) -> Row:
    """An incident. ``fields`` are custom ones by name; a list is one with several values."""
    fields: Json = {"private": True, "category": "live", "fields": {}, **more}
    made = f"01{upper_for(f'incidentio:{number}', 24)}"
    return Row(id=made, number=number, name=name, created_at=at, **fields)


def _shown(incident: Row) -> Json:
    at = rfc3339(incident.created_at)
    return {
        "id": incident.id,
        "reference": f"INC-{incident.number}",
        "name": incident.name,
        "summary": "",
        "permalink": f"{_SITE}/incidents/{incident.number}",
        "visibility": "private" if incident.private else "public",
        "mode": "standard",
        "created_at": at,
        "updated_at": at,
        "incident_status": {"category": incident.category, "name": incident.category.capitalize()},
        "severity": {"name": "Major", "rank": 2},
        "incident_type": {"name": "Security", "private_incidents_only": incident.private},
        "custom_field_entries": [_entry(name, value) for name, value in incident.fields.items()],
        "incident_role_assignments": [],
        "slack_channel_id": "C0LEADS001",
    }


def _entry(name: str, value: str | list[str]) -> Json:
    values = [value] if isinstance(value, str) else value
    kind = "text" if isinstance(value, str) else "multi_select"
    told = [
        {"value_text": text} if kind == "text" else {"value_option": {"id": text, "value": text}}
        for text in values
    ]
    own = {"id": upper_for(f"field:{name}", 26), "name": name, "field_type": kind, "options": []}
    return {"custom_field": own, "values": told}


def _incident(system: IncidentIo, call: RestCall) -> Json:
    incident = system.row("incidents", id=call.ids["id"])
    if incident.private and not call.key.sees_private:
        raise system.no(404)
    return {"incident": _shown(incident)}


class IncidentIo(RestSystem):
    """The public API, version 2."""

    name: ClassVar[str] = "incidentio"
    surfaces: ClassVar[Mapping[str, str]] = {"incidentio": "rest"}
    says: ClassVar[Mapping[int, str]] = {401: "The API key is not known", 404: "Incident not found"}
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "incidents": ("incident INC-{number}", "name category private")
    }
    routes: ClassVar[Mapping[str, Answer]] = {"GET v2/incidents/{id}": _incident}

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        if no.status not in _KINDS:
            return as_text("upstream request failed", no.status)
        kind = _KINDS[no.status]
        errors = [{"code": kind, "message": no.detail or kind}]
        body = {"type": kind, "status": no.status, "request_id": "-", "errors": errors}
        return as_json(body, no.status)


def _begin(night: Night) -> IncidentIo:
    """One private incident, as those about security are."""
    story = night.story
    incident = _incident_row(
        123,
        "Customer.io key in a public repository",
        night.clock.now() - 600,
        fields={"Affected key": story.leaked_app_key_name},
    )
    state = Row(
        keys=[
            access_key(story.incidentio_key, sees_private=True),
            access_key(story.incidentio_public_key, sees_private=False),
        ],
        incidents=[incident],
        numbers=Numbers({"incident": 124}),
    )
    return IncidentIo(state, night.clock, night.ledger)


def _declared(system: IncidentIo, errand: Errand) -> Json:
    """Somebody declares an incident."""
    number = system.state.numbers.take("incident")
    incident = _incident_row(
        number,
        errand.words("name"),
        system.clock.now(),
        private=errand.about.get("private") is not False,
        fields=errand.fields("fields"),
    )
    system.state.incidents.append(incident)
    system.happened("incident.created", f"INC-{number}", by="incident.io")
    return {"id": incident.id, "reference": f"INC-{number}"}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "incidentio_key": f"inc_{hex_for('incidentio:key', 64)}",
        "incidentio_public_key": f"inc_{hex_for('incidentio:public', 64)}",
        "incidentio_incident": f"01{upper_for('incidentio:123', 24)}",
    },
    happenings={"incident": _declared},
)
