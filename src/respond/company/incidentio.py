"""A simulated incident.io organization: its incidents by id, private ones included.

A key that may not see private incidents is told that there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusedError, Reply, as_json, as_text
from respond.company.mint import Numbers, upper_for
from respond.company.system import System

if TYPE_CHECKING:
    from respond.company.exchange import Request

SITE = "https://app.incident.io/example-co"
_KINDS = {401: "authentication_error", 403: "authorization_error", 404: "not_found"}


@dataclass
class Incident:
    """An incident.

    Attributes:
        fields: Custom fields by name; a list is a field with several values.
    """

    id: str
    number: int
    name: str
    created_at: float
    private: bool = True
    category: str = "live"
    severity: str = "Major"
    summary: str = ""
    fields: dict[str, str | list[str]] = field(default_factory=dict)


@dataclass
class State:
    """The organization, and its keys: whether each may see private incidents."""

    keys: dict[str, bool]
    incidents: list[Incident] = field(default_factory=list)
    numbers: Numbers = field(default_factory=lambda: Numbers({"incident": 124}))


class IncidentIo(System[State]):
    """The public API, version 2."""

    name: ClassVar[str] = "incidentio"

    def serve(self, request: Request) -> Reply:
        sees_private = self.state.keys.get(request.bearer())
        if sees_private is None:
            raise RefusedError(401, "The API key is not known")
        match request.method, request.parts:
            case "GET", ("v2", "incidents", incident_id):
                incident = self._incident(incident_id)
                if sees_private or not incident.private:
                    return as_json({"incident": _shown(incident)})
        raise RefusedError(404, "Incident not found")

    def open_incident(
        self, name: str, *, private: bool = True, fields: dict[str, str | list[str]] | None = None
    ) -> Incident:
        """Somebody declares an incident."""
        number = self.state.numbers.take("incident")
        made = f"01{upper_for(f'incidentio:{number}', 24)}"
        incident = Incident(made, number, name, self.clock.now(), private, fields=fields or {})
        self.state.incidents.append(incident)
        self.ledger.effect(self.name, "incident.created", f"INC-{number}", by="incident.io")
        return incident

    def _incident(self, incident_id: str) -> Incident:
        for incident in self.state.incidents:
            if incident.id == incident_id:
                return incident
        raise RefusedError(404, "Incident not found")

    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        if status not in _KINDS:
            return as_text("upstream request failed", status)
        kind = _KINDS[status]
        errors = [{"code": kind, "message": detail or kind}]
        return as_json(
            {"type": kind, "status": status, "request_id": "-", "errors": errors}, status
        )

    def things(self) -> dict[str, Json]:
        return {
            f"incident INC-{incident.number}": {
                "name": incident.name,
                "category": incident.category,
                "private": incident.private,
            }
            for incident in self.state.incidents
        }


def _shown(incident: Incident) -> Json:
    at = rfc3339(incident.created_at)
    return {
        "id": incident.id,
        "reference": f"INC-{incident.number}",
        "name": incident.name,
        "summary": incident.summary,
        "permalink": f"{SITE}/incidents/{incident.number}",
        "visibility": "private" if incident.private else "public",
        "mode": "standard",
        "created_at": at,
        "updated_at": at,
        "incident_status": {"category": incident.category, "name": incident.category.capitalize()},
        "severity": {"name": incident.severity, "rank": 2},
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
