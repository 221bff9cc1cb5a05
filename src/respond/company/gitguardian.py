"""A simulated GitGuardian workspace: its secret incidents, to be read.

Source: the vendor's API reference, "List secret incidents".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusedError, Reply, as_json, as_text
from respond.company.mint import Numbers, hex_for
from respond.company.paging import by_cursor
from respond.company.system import System

if TYPE_CHECKING:
    from respond.company.exchange import Request

API = "https://api.gitguardian.com"
SITE = "https://dashboard.gitguardian.com"
_WORDS = {401: "Invalid API key.", 403: "You do not have permission.", 404: "Not found."}


@dataclass
class Incident:
    """A secret that was found somewhere."""

    id: int
    detector: str
    date: float
    status: str = "TRIGGERED"
    severity: str = "high"
    validity: str = "valid"
    regression: bool = False
    occurrences: int = 1


@dataclass
class State:
    """The workspace, and the key that may read it."""

    key: str
    incidents: list[Incident] = field(default_factory=list)
    numbers: Numbers = field(default_factory=lambda: Numbers({"incident": 31_543}))


class GitGuardian(System[State]):
    """The public API."""

    name: ClassVar[str] = "gitguardian"

    def serve(self, request: Request) -> Reply:
        if request.header("authorization") != f"Token {self.state.key}":
            raise RefusedError(401, _WORDS[401])
        match request.method, request.parts:
            case "GET", ("v1", "incidents", "secrets"):
                return self._list(request)
            case "GET", ("v1", "incidents", "secrets", number):
                for incident in self.state.incidents:
                    if str(incident.id) == number:
                        return as_json(_shown(incident) | {"occurrences": []})
        raise RefusedError(404, _WORDS[404])

    def open_incident(
        self, detector: str, *, severity: str = "high", validity: str = "valid"
    ) -> Incident:
        """A secret is found now, and whether anybody is told of it is another matter."""
        number = self.state.numbers.take("incident")
        incident = Incident(number, detector, self.clock.now(), "TRIGGERED", severity, validity)
        self.state.incidents.append(incident)
        what = f"incident {number}"
        self.ledger.effect(self.name, "incident.triggered", what, by="gitguardian")
        return incident

    def _list(self, request: Request) -> Reply:
        status, after = request.argument("status"), _moment(request.argument("date_after"))
        found = [
            incident
            for incident in self.state.incidents
            if status in {"", incident.status} and incident.date >= after
        ]
        found.sort(key=lambda incident: (incident.date, incident.id), reverse=True)
        rows = [_shown(incident) for incident in found]
        shown, headers = by_cursor(request, rows, f"{API}{request.path}")
        return as_json(shown, 200, *headers)

    def refuse(self, request: Request, status: int, detail: str = "", pointer: str = "") -> Reply:
        words = detail or _WORDS.get(status, "")
        if not words:
            return as_text("upstream request failed", status)
        return as_json({"detail": words}, status)

    def things(self) -> dict[str, Json]:
        return {
            f"incident {incident.id}": {
                "detector": incident.detector,
                "status": incident.status,
                "validity": incident.validity,
            }
            for incident in self.state.incidents
        }


def _moment(text: str) -> float:
    """Unix seconds of a date. Raises RefusedError with 400 for what is none."""
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, "date_after: not a date") from None
    if moment.tzinfo is None:
        raise RefusedError(400, "date_after: without a time zone")
    return moment.timestamp()


def _shown(incident: Incident) -> Json:
    words = incident.detector.replace("_", " ").capitalize()
    return {
        "id": incident.id,
        "date": rfc3339(incident.date),
        "detector": {
            "name": incident.detector,
            "display_name": words,
            "nature": "specific",
            "family": "apikey",
            "detector_group_name": incident.detector,
            "detector_group_display_name": words,
        },
        "secret_hash": hex_for(f"gitguardian:{incident.id}", 56),
        "hmsl_hash": hex_for(f"hmsl:{incident.id}", 64),
        "gitguardian_url": f"{SITE}/workspace/1/incidents/{incident.id}",
        "regression": incident.regression,
        "status": incident.status,
        "assignee_id": None,
        "assignee_email": None,
        "occurrences_count": incident.occurrences,
        "secret_presence": {"files_requiring_code_fix": 1, "files_pending_merge": 0},
        "ignore_reason": None,
        "triggered_at": rfc3339(incident.date),
        "ignored_at": None,
        "ignorer_id": None,
        "resolver_id": None,
        "resolved_at": None,
        "secret_revoked": False,
        "severity": incident.severity,
        "validity": incident.validity,
        "share_url": None,
        "tags": [],
        "feedback_list": [],
    }
