"""What happens to the company from outside: a secret is found, an incident is declared.

Only the simulator's own doors lead here. Each can leave the webhook out that should tell of it,
so that a test can see whether it is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.exchange import RefusedError
from respond.company.github import Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.exchange import Json
    from respond.company.world import Company


def happen(company: Company, what: str, about: Json) -> Json:
    """Let it happen; what the vendor calls it comes back.

    Raises:
        RefusedError: with 404 when nothing of this name can happen, with 400 when ``about`` does
            not say what it must.
    """
    if what not in HAPPENINGS:
        raise RefusedError(404, f"{what} cannot happen; {', '.join(sorted(HAPPENINGS))} can")
    with company.lock:
        return HAPPENINGS[what](company, about)


def _text(about: Json, name: str, default: str = "") -> str:
    value = about.get(name, default)
    if not isinstance(value, str) or not value:
        raise RefusedError(400, f"about.{name} must be a text")
    return value


def _fields(about: Json, name: str) -> Json:
    value = about.get(name, {})
    if not isinstance(value, dict):
        raise RefusedError(400, f"about.{name} must be an object")
    return value


def _answered(about: Json) -> int:
    """The status with which the webhook was answered; 0 when it reached nobody."""
    value = about.get("answered", 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError(400, "about.answered must be a status")
    return value


def _github_alert(company: Company, about: Json) -> Json:
    alert = company.github.open_alert(
        _text(about, "repository", company.story.github_repository),
        _text(about, "secret_type"),
        locations=(Location(_text(about, "path", "config/settings.py"), 12),),
        validity=_text(about, "validity", "active"),
        publicly_leaked=about.get("publicly_leaked") is True,
        answered=_answered(about),
    )
    return {"repository": alert.repository, "number": alert.number}


def _github_change(company: Company, about: Json) -> Json:
    repository = _text(about, "repository", company.story.github_repository)
    alert = company.github.alert(repository, str(about.get("number")))
    company.github.change_alert(alert, _text(about, "action"), answered=_answered(about))
    return {}


def _gitguardian_incident(company: Company, about: Json) -> Json:
    incident = company.gitguardian.open_incident(
        _text(about, "detector"),
        severity=_text(about, "severity", "high"),
        validity=_text(about, "validity", "valid"),
    )
    return {"id": incident.id}


def _incidentio_incident(company: Company, about: Json) -> Json:
    incident = company.incidentio.open_incident(
        _text(about, "name"),
        private=about.get("private") is not False,
        fields=_fields(about, "fields"),
    )
    return {"id": incident.id, "reference": f"INC-{incident.number}"}


def _pagerduty_incident(company: Company, about: Json) -> Json:
    pager = company.pagerduty
    incident = pager.open_incident(
        _text(about, "title"), company.story.pagerduty_service, "", company.clock.now()
    )
    incident.details = _fields(about, "details")
    incident.fields = _fields(about, "fields")
    pager.happened("incident.triggered", incident, by="monitoring", service=incident.service_id)
    return {"id": incident.id, "number": incident.number}


HAPPENINGS: dict[str, Callable[[Company, Json], Json]] = {
    "github.alert": _github_alert,
    "github.change": _github_change,
    "gitguardian.incident": _gitguardian_incident,
    "incidentio.incident": _incidentio_incident,
    "pagerduty.incident": _pagerduty_incident,
}
