"""Read GitGuardian's custom webhooks, and keep only fields that cannot hold the secret.

Older versions of the payload held the leaked secret in clear: what is not known here by name and
flat is not kept at all, nor are hashes of the secret or links that need no login.

A secret that has become invalid is news, not the end: the incident stays open at GitGuardian until
somebody resolves it.

Source: GitGuardian documentation, custom webhooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from respond.core.incoming import Incoming, Means
from respond.senders.asking import A_PAGE, Asking, Unsent
from respond.senders.fields import (
    Labels,
    dotted,
    event_id,
    key,
    link,
    moment,
    record,
    text,
)
from respond.senders.model import Letter, Options, Sender
from respond.senders.providers import provider_of
from respond.senders.signatures import HmacHeader
from respond.systems.vendor import Scheme, SentAs

__all__ = ["SENDER", "missed", "read"]

_MEANS: Final = {
    "incident_triggered": Means.BEGINS,
    "incident_regression": Means.BEGINS,
    "incident_reopened": Means.BEGINS,
    "incident_resolved": Means.IS_OVER,
    "incident_ignored": Means.IS_OVER,
}

_KEPT: Final = ("source", "timestamp", "action", "message", "custom_webhook_name")
_KEPT_OF_INCIDENT: Final = (
    "id",
    "date",
    "secret_revoked",
    "validity",
    "occurrence_count",
    "status",
    "regression",
    "assignee_email",
    "severity",
    "ignored_at",
    "ignore_reason",
    "resolved_at",
    "gitguardian_url",
)
_KEPT_OF_DETECTOR: Final = (
    "name",
    "display_name",
    "nature",
    "family",
    "detector_group_name",
    "detector_group_display_name",
)


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event; an action that we do not know is news like any other."""
    body = record(letter.payload)
    incident = record(body.get("incident"))
    detector = record(incident.get("detector"))
    own_id = event_id(incident.get("id"), "incident.id")
    action = event_id(body.get("action"), "action")
    at = event_id(body.get("timestamp"), "timestamp")
    kind = text(detector.get("display_name")) or text(detector.get("name"))
    return (
        Incoming(
            key=key(own_id, action, at),
            about=key("incident", own_id),
            type=action,
            means=_MEANS.get(action, Means.GOES_ON),
            title=text(": ".join(filter(None, (kind, text(body.get("message")))))),
            status=text(incident.get("status")),
            severity=text(incident.get("severity")),
            service=text(body.get("custom_webhook_name")),
            at=moment(at),
            url=link(incident.get("gitguardian_url")),
            labels=_labels(incident, detector),
            body=_scrubbed(body, incident, detector),
        ),
    )


def _labels(incident: Any, detector: Any) -> dict[str, str]:
    labels = Labels()
    labels.put("provider", provider_of(text(detector.get("name"))))
    labels.put("incident_id", incident.get("id"))
    labels.put("detector", detector.get("name"))
    labels.put("detector_group", dotted(detector, "detector_group_name"))
    for name in ("validity", "secret_revoked", "occurrence_count", "severity", "status"):
        labels.put(name, incident.get(name))
    return labels.done()


def _scrubbed(body: Any, incident: Any, detector: Any) -> dict[str, Any]:
    kept = _flat(body, _KEPT)
    kept["incident"] = _flat(incident, _KEPT_OF_INCIDENT)
    kept["incident"]["detector"] = _flat(detector, _KEPT_OF_DETECTOR)
    return kept


def _flat(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: value[name]
        for name in names
        if name in value and not isinstance(value[name], (dict, list))
    }


def missed(asked: Asking, _options: Options, since_s: int) -> Iterator[Unsent]:
    """The triggered incidents. One that is old and came back has its old date there.

    Source: GitGuardian API reference, "List secret incidents".
    """
    query = (
        ("status", "TRIGGERED"),
        ("date_after", datetime.fromtimestamp(since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("per_page", str(A_PAGE)),
    )
    for row in asked.rows(asked.call("v1", "incidents", "secrets", query=query)):
        came_back, status = row.get("regression") is True, row.get("status")
        told = {
            "status": status.lower() if isinstance(status, str) else None,
            "occurrence_count": row.get("occurrences_count"),
        }
        payload = {
            "source": "GitGuardian",
            "timestamp": row.get("triggered_at") or row.get("date"),
            "action": "incident_regression" if came_back else "incident_triggered",
            "message": "",
            "incident": {**row, **told},
        }
        yield payload, ()


SENDER: Final = Sender(
    name="gitguardian",
    title="GitGuardian",
    # The documents show a number for the time and do not say that it is never a text. A
    # date is refused until one has been seen.
    scheme=HmacHeader(
        "gitguardian-signature",
        prefix=b"sha256=",
        key=lambda secret, time: time + secret,
        time_header="timestamp",
    ),
    reader=read,
    patience_s=5,  # Not documented.
    set_up="custom webhook with this address; it shows the signature token",
    api="https://api.gitguardian.com",
    simulated="respond.company.gitguardian",
    api_scheme=Scheme(SentAs.HEADER, "/token", before="Token "),
    missed=missed,
)
