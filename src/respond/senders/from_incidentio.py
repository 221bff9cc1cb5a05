"""Read incident.io's webhooks: the event's name is also the key under which its data stands.

A private incident sends its id and nothing else: ``enrich`` looks it up. Not every id is an
incident's: an action or a follow-up has one of its own, and names its incident only when it is
public.

Source: incident.io documentation, webhooks.
"""

from __future__ import annotations

import re
from typing import Any, Final

from respond.core.incoming import Incoming, Means
from respond.core.records import replace
from respond.senders.asking import Asking, incident_of, unexpected
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
from respond.senders.model import Letter, Sender
from respond.senders.signatures import StandardWebhooks, webhook_id

__all__ = ["SENDER", "enrich", "read"]

# Of the status categories, those after which nobody works on the incident. One that was merged
# goes on under another number.
_OVER: Final = frozenset({"closed", "declined", "canceled"})

_NOT_OF_INCIDENTS: Final = ("action", "follow_up", "alert")

_UNSENT: Final = ((b"webhook-id", b"api"), (b"webhook-signature", b""))

_VALUES: Final = (
    "value_text",
    "value_option.value",
    "value_catalog_entry.name",
    "value_numeric",
    "value_link",
)


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event; one that we do not know is news like any other."""
    name = event_id(dotted(letter.payload, "event_type"), "event_type")
    data = record(record(letter.payload).get(name))
    # A change of status wraps the incident; everything else about an incident is the incident.
    incident = record(data.get("incident")) or data
    status = record(data.get("new_status")) or record(incident.get("incident_status"))
    delivery = event_id(webhook_id(letter.headers), "webhook-id")
    labels = _labels(incident)
    return (
        Incoming(
            key=key(delivery),
            about=_about(name, data, incident, delivery),
            type=name,
            means=_means(name, status),
            title=text(incident.get("name")) or text(incident.get("title")),
            status=text(status.get("category")) or text(data.get("status")),
            severity=labels.get("severity"),
            service=labels.get("service"),
            at=moment(incident.get("updated_at")) or moment(incident.get("created_at")),
            url=link(incident.get("permalink")),
            runbook=labels.get("runbook"),
            labels=labels.done(),
            body=dict(data),
        ),
    )


def _means(name: str, status: Any) -> Means:
    _, _, what = name.partition(".")
    if what.startswith("incident_created"):
        return Means.BEGINS
    if what.startswith("incident_status_updated") and text(status.get("category")) in _OVER:
        return Means.IS_OVER
    return Means.GOES_ON


def _about(name: str, data: Any, incident: Any, delivery: str) -> str:
    if of_incident := identifier(data.get("incident_id")):
        return key("incident", of_incident)
    its_id = identifier(incident.get("id"))
    if not its_id:
        return key("event", delivery)
    _, _, what = name.partition(".")
    for kind in _NOT_OF_INCIDENTS:
        if what.startswith(kind):
            return key(kind, its_id)
    return key("incident", its_id)


def _labels(incident: Any) -> Labels:
    labels = Labels()
    labels.put("severity", dotted(incident, "severity.name"))
    labels.put("reference", incident.get("reference"))
    labels.put("incident_type", dotted(incident, "incident_type.name"))
    labels.put("visibility", incident.get("visibility"))
    labels.put("mode", incident.get("mode"))
    for entry in items(incident.get("custom_field_entries")):
        name = re.sub(r"[^a-z0-9]+", "_", text(dotted(entry, "custom_field.name")).lower())
        values = [_value(each) for each in items(dotted(entry, "values"))]
        labels.put(name.strip("_"), ", ".join(filter(None, values)))
    return labels


def _value(entry: Any) -> str:
    """Give the one of its forms that this value is filled in."""
    for path in _VALUES:
        if found := text(dotted(entry, path), limit=4_000):
            return found
    return ""


def enrich(asked: Asking, event: Incoming) -> Incoming:
    """A private incident, whose webhook holds its id alone.

    Source: incident.io API reference, "Show an incident", version 2.
    """
    own_id = incident_of(event)
    if not own_id or not event.type.startswith("private_incident."):
        return event
    call = asked.call("v2", "incidents", own_id)
    incident = record(asked.record(call).get("incident"))
    if incident.get("id") != own_id:
        raise unexpected(call)
    payload = {"event_type": event.type, event.type: incident}
    whole = asked.reread(call, (payload, _UNSENT))
    return replace(whole, key=event.key, about=event.about)


SENDER: Final = Sender(
    name="incidentio",
    title="incident.io",
    scheme=StandardWebhooks(),
    reader=read,
    patience_s=15,
    set_up="make a webhook endpoint with this address; it shows the signing secret",
    api="https://api.incident.io",
    simulated="respond.company.incidentio",
    enrich=enrich,
)
