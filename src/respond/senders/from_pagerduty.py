"""Read PagerDuty's v3 webhooks: one event a delivery.

Only the event's own id and type are sure. ``data`` is not always the incident: a note points back
at it, and so does a set of field values. The alert's details are not in it at all.

Source: PagerDuty developer documentation, webhooks.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.incoming import Incoming, Means
from respond.senders.fields import (
    Labels,
    dotted,
    event_id,
    identifier,
    items,
    key,
    link,
    moment,
    record,
    text,
)
from respond.senders.model import Letter

__all__ = ["read"]

_INCIDENT: Final = frozenset({"incident", "incident_reference"})

_MEANS: Final = {
    "incident.triggered": Means.BEGINS,
    "incident.reopened": Means.BEGINS,
    "incident.resolved": Means.IS_OVER,
    "pagey.ping": Means.TEST,
}


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event; a type that we do not know is news like any other."""
    event = record(dotted(letter.payload, "event"))
    own_id = event_id(event.get("id"), "event.id")
    name = event_id(event.get("event_type"), "event.event_type")
    data = record(event.get("data"))
    labels = _labels(data)
    return (
        Incoming(
            key=key(own_id),
            about=_about(data, own_id),
            type=name,
            means=_MEANS.get(name, Means.GOES_ON),
            title=text(data.get("title")) or text(dotted(data, "incident.summary")),
            status=text(data.get("status")),
            severity=labels.get("priority") or labels.get("urgency"),
            service=labels.get("service"),
            at=moment(event.get("occurred_at")),
            url=link(data.get("html_url")) or link(dotted(data, "incident.html_url")),
            runbook=labels.get("runbook"),
            labels=labels.done(),
            body=dict(event),
        ),
    )


def _about(data: Any, own_id: str) -> str:
    kind = identifier(data.get("type"))
    its_id = identifier(data.get("id"))
    if kind in _INCIDENT and its_id:
        return key("incident", its_id)
    if incident := identifier(dotted(data, "incident.id")):
        return key("incident", incident)
    return key(kind, its_id) if kind and its_id else key("event", own_id)


def _labels(data: Any) -> Labels:
    labels = Labels()
    labels.put("service", dotted(data, "service.summary"))
    labels.put("service_id", dotted(data, "service.id"))
    labels.put("urgency", data.get("urgency"))
    labels.put("priority", dotted(data, "priority.summary"))
    labels.put("incident_type", dotted(data, "incident_type.name"))
    labels.put("incident_key", data.get("incident_key"))
    labels.put("number", data.get("number"))
    for field in items(data.get("custom_fields")):
        name = dotted(field, "name")
        value = dotted(field, "value")
        if isinstance(value, list):
            value = ", ".join(each for each in value if isinstance(each, str))
        labels.put(name, value)
    return labels
