"""What is read of GitGuardian. Source: api.gitguardian.com/docs."""

from __future__ import annotations

from respond.company.examples import BareRequest

HOSTS = {"gitguardian/rest": "https://api.gitguardian.com"}

_KEY = {"Authorization": "Token {gitguardian_key}"}

ASKED = (
    BareRequest("GET", "gitguardian", "/v1/incidents/secrets?status=TRIGGERED", _KEY),
    BareRequest("GET", "gitguardian", "/v1/incidents/secrets/{gitguardian_incident}", _KEY),
)
