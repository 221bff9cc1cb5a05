"""What is read of incident.io. Source: api-docs.incident.io."""

from __future__ import annotations

from respond.company.examples import BareRequest

HOSTS = {"incidentio/rest": "https://api.incident.io"}

_KEY = {"Authorization": "Bearer {incidentio_key}"}

ASKED = (BareRequest("GET", "incidentio", "/v2/incidents/{incidentio_incident}", _KEY),)
