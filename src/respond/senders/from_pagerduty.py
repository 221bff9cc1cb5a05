"""Read PagerDuty's v3 webhooks: one event a delivery.

Only the event's own id and type are sure. ``data`` is not always the incident: a note points back
at it, and so does a set of field values. The alert's details are not in it at all: ``enrich`` looks
them up.

Source: PagerDuty developer documentation, webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from respond.core.incoming import Incoming, Means
from respond.core.records import replace
from respond.errors import StepFailedError
from respond.senders.asking import A_PAGE, Asking, incident_of
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
    texts,
)
from respond.senders.model import Letter, Sender
from respond.senders.signatures import HmacHeader
from respond.systems.pagerduty.vendor import VENDOR

__all__ = ["SENDER", "enrich", "read"]

_ALERTS_MAX: Final = 25
_LABELS_MAX: Final = 200
_NAMES_SHOWN: Final = 50

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


def _incident(data: Any) -> str:
    """The incident's id; what the event is about may be something of it, such as a note."""
    its_own = data.get("id") if identifier(data.get("type")) in _INCIDENT else None
    return identifier(its_own) or identifier(dotted(data, "incident.id"))


def _about(data: Any, own_id: str) -> str:
    kind = identifier(data.get("type"))
    its_id = identifier(data.get("id"))
    if incident := _incident(data):
        return key("incident", incident)
    return key(kind, its_id) if kind and its_id else key("event", own_id)


def _labels(data: Any) -> Labels:
    labels = Labels()
    labels.put("incident", _incident(data))
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


# --- what a webhook leaves out ------------------------------------------------------------------


def enrich(asked: Asking, event: Incoming) -> Incoming:
    """Custom details of the incident's alerts, and its custom fields.

    Anybody who may trigger an alert writes its details: they never take the place of what the
    webhook itself says.

    Source: PagerDuty REST reference, "List alerts for an incident" and "Get Custom Field Values".
    """
    own_id = incident_of(event)
    if not own_id:
        return event
    call = asked.call("incidents", own_id, "alerts", query=(("limit", str(_ALERTS_MAX)),))
    body = asked.record(call)
    if body.get("more") is True:
        asked.note(f"the incident has more than {_ALERTS_MAX} alerts; the rest was not read")
    found = _agreed(asked, [_details(alert) for alert in items(body.get("alerts"))[:A_PAGE]])
    found |= _custom_fields(asked, own_id)
    found = _joined(asked, event.labels, found)
    return replace(event, labels=found, runbook=event.runbook or found.get("runbook", ""))


def _custom_fields(asked: Asking, own_id: str) -> dict[str, str]:
    """The incident's custom fields; an account without them has nothing to lose."""
    try:
        body = asked.record(asked.call("incidents", own_id, "custom_fields", "values"))
    except StepFailedError as error:
        asked.note(error.what)
        return {}
    fields = items(body.get("custom_fields"))[:A_PAGE]
    return texts((dotted(field, "name"), dotted(field, "value")) for field in fields)


def _details(alert: Any) -> dict[str, str]:
    details = dotted(alert, "body.details")
    return texts((details if isinstance(details, dict) else {"details": details}).items())


def _agreed(asked: Asking, told: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What no alert of the incident contradicts: of two keys, neither is guessed."""
    found: dict[str, str] = {}
    disputed: set[str] = set()
    for one in told:
        disputed |= {name for name, value in one.items() if found.get(name, value) != value}
        found = {**one, **found}
    if disputed:
        names = ", ".join(sorted(disputed)[:_NAMES_SHOWN])
        asked.note(f"the incident's alerts do not agree about {names}")
    return {name: value for name, value in found.items() if name not in disputed}


def _joined(asked: Asking, own: Mapping[str, str], further: Mapping[str, str]) -> dict[str, str]:
    """An event's own labels, all of them as they are, and further ones as far as there is room."""
    new = [pair for pair in further.items() if pair[0] not in own]
    room = max(0, _LABELS_MAX - len(own))
    if len(new) > room:
        asked.note(f"{len(new) - room} of {len(new)} further labels were left out")
    return {**own, **dict(new[:room])}


SENDER: Final = Sender(
    name="pagerduty",
    title="PagerDuty v3",
    scheme=HmacHeader(
        "x-pagerduty-signature", prefix=b"v1=", several=True, id_header="x-webhook-id"
    ),
    reader=read,
    patience_s=5,
    set_up="make a webhook subscription (v3) with this address; it shows the secret once",
    api=VENDOR.hosts[VENDOR.region]["rest"],
    api_scheme=replace(VENDOR.scheme("rest"), suffix="/token"),
    through=(VENDOR.name, "rest"),
    enrich=enrich,
)
