"""A simulated GitGuardian workspace: its secret incidents, to be read.

Source: the vendor's API reference, "List secret incidents".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from respond.company.company_clock import rfc3339
from respond.company.exchange import Json, RefusalError, SimReply, SimRequest, as_json, as_text
from respond.company.mint import Numbers, hex_for
from respond.company.paging import by_cursor
from respond.company.simulated_rest import Answer, RestCall, RestSystem, Row, access_key
from respond.company.system import Counterpart, Errand, Night

_API = "https://api.gitguardian.com"
_SITE = "https://dashboard.gitguardian.com"


def _incident_row(number: int, detector: str, date: float, **more: Any) -> Row:
    """A secret that was found somewhere."""
    fields: Json = {
        "status": "TRIGGERED",
        "severity": "high",
        "validity": "valid",
        "regression": False,
        "occurrences": 1,
        **more,
    }
    return Row(id=number, detector=detector, date=date, **fields)


def _shown(incident: Row) -> Json:
    words = incident.detector.replace("_", " ").capitalize()
    gone = ("assignee_id", "assignee_email", "ignore_reason", "ignored_at", "ignorer_id")
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
        "gitguardian_url": f"{_SITE}/workspace/1/incidents/{incident.id}",
        "regression": incident.regression,
        "status": incident.status,
        "occurrences_count": incident.occurrences,
        "secret_presence": {"files_requiring_code_fix": 1, "files_pending_merge": 0},
        "triggered_at": rfc3339(incident.date),
        **dict.fromkeys((*gone, "resolver_id", "resolved_at", "share_url")),
        "secret_revoked": False,
        "severity": incident.severity,
        "validity": incident.validity,
        "tags": [],
        "feedback_list": [],
    }


def _moment(text: str) -> float:
    """Unix seconds of a date. Raises RefusalError with 400 for what is none."""
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusalError(400, "date_after: not a date") from None
    if moment.tzinfo is None:
        raise RefusalError(400, "date_after: without a time zone")
    return moment.timestamp()


def _incidents(system: GitGuardian, call: RestCall) -> SimReply:
    status, after = call.request.argument("status"), _moment(call.request.argument("date_after"))
    found = [one for one in system.rows("incidents") if status in {"", one.status}]
    found.sort(key=lambda incident: (incident.date, incident.id), reverse=True)
    rows = [_shown(incident) for incident in found if incident.date >= after]
    return by_cursor(call.request, rows, _API)


class GitGuardian(RestSystem):
    """The public API."""

    name: ClassVar[str] = "gitguardian"
    surfaces: ClassVar[Mapping[str, str]] = {"gitguardian": "rest"}
    key_forms: ClassVar[tuple[str, ...]] = ("Token {}",)
    says: ClassVar[Mapping[int, str]] = {
        401: "Invalid API key.",
        403: "You do not have permission.",
        404: "Not found.",
    }
    view: ClassVar[Mapping[str, tuple[str, str]]] = {
        "incidents": ("incident {id}", "detector status validity")
    }
    routes: ClassVar[Mapping[str, Answer]] = {
        "GET v1/incidents/secrets": _incidents,
        "GET v1/incidents/secrets/{id}": lambda system, call: {
            **_shown(system.row("incidents", id=call.ids["id"])),
            "occurrences": [],
        },
    }

    def open_incident(self, detector: str, **more: Any) -> Row:
        """A secret is found now, and whether anybody is told of it is another matter."""
        number = self.state.numbers.take("incident")
        incident = _incident_row(number, detector, self.clock.now(), **more)
        self.state.incidents.append(incident)
        self.happened("incident.triggered", f"incident {number}", by="gitguardian")
        return incident

    def refuse(self, request: SimRequest, no: RefusalError) -> SimReply:
        words = no.detail or self.says.get(no.status, "")
        if not words:
            return as_text("upstream request failed", no.status)
        return as_json({"detail": words}, no.status)


def _begin(night: Night) -> GitGuardian:
    """The workspace that saw the leak, too."""
    number, at = night.story.gitguardian_incident, night.clock.now() - 840
    state = Row(
        keys=[access_key(night.story.gitguardian_key)],
        incidents=[_incident_row(number, "customerio_app_api_key", at, severity="critical")],
        numbers=Numbers({"incident": number + 1}),
    )
    return GitGuardian(state, night.clock, night.ledger)


def _found(system: GitGuardian, errand: Errand) -> Json:
    severity, validity = errand.words("severity", "high"), errand.words("validity", "valid")
    detector = errand.words("detector")
    return {"id": system.open_incident(detector, severity=severity, validity=validity).id}


COUNTERPART = Counterpart(
    begin=_begin,
    facts={"gitguardian_key": hex_for("gitguardian:key", 64), "gitguardian_incident": 31_542},
    happenings={"incident": _found},
)
