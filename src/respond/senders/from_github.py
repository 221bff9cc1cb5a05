"""Read GitHub's secret scanning webhooks; every other event of GitHub is news.

The name of the event and the delivery's id stand in headers, which the signature does not cover:
what they say counts only with a body of that shape. The secret itself is never in it.

Source: GitHub documentation, "Webhook events and payloads".
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.incoming import Incoming, Means
from respond.senders.fields import (
    Labels,
    dotted,
    event_id,
    identifier,
    key,
    link,
    moment,
    record,
    text,
)
from respond.senders.headers import word
from respond.senders.model import Letter
from respond.senders.providers import provider_of
from respond.senders.refusals import UnusableError

__all__ = ["read"]

_ALERT: Final = "secret_scanning_alert"
_BEGINS: Final = frozenset({"created", "publicly_leaked", "reopened"})


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event that the headers name."""
    event = event_id(word(letter.headers, "x-github-event"), "X-GitHub-Event")
    delivery = event_id(word(letter.headers, "x-github-delivery"), "X-GitHub-Delivery")
    body = record(letter.payload)
    action = identifier(body.get("action"))
    alert = record(body.get("alert"))
    number = identifier(alert.get("number")) if event.startswith(_ALERT) else ""
    if event == _ALERT and not number:
        raise UnusableError("it has no alert.number")
    labels = _labels(body, alert) if number else Labels()
    return (
        Incoming(
            key=key(delivery),
            about=_about(body, number) or key("event", delivery),
            type=f"{event}.{action}" if action else event,
            means=_means(event, action, alert),
            title=_title(alert, labels) if number else "",
            status=text(alert.get("state")),
            severity="",
            service=labels.get("repository"),
            at=moment(alert.get("updated_at")) or moment(alert.get("created_at")),
            url=labels.get("html_url"),
            labels=labels.done(),
            body=dict(body),
        ),
    )


def _means(event: str, action: str, alert: Any) -> Means:
    if event == "ping":
        return Means.TEST
    if event != _ALERT:
        return Means.GOES_ON
    if action in _BEGINS or (action == "validated" and alert.get("validity") == "active"):
        return Means.BEGINS
    return Means.IS_OVER if action == "resolved" else Means.GOES_ON


def _about(body: Any, number: str) -> str:
    """Name alert and repository; a number alone is another alert in every repository."""
    owner, slash, name = identifier(dotted(body, "repository.full_name")).partition("/")
    return key("secret", owner, name, number) if slash and number else ""


def _title(alert: Any, labels: Labels) -> str:
    kind = text(alert.get("secret_type_display_name")) or labels.get("secret_type")
    where = labels.get("repository")
    return text(f"{kind or 'Secret'} in {where}" if where else kind)


def _labels(body: Any, alert: Any) -> Labels:
    labels = Labels()
    labels.put("repository", dotted(body, "repository.full_name"))
    labels.put("organization", dotted(body, "organization.login"))
    for name in ("number", "secret_type", "validity", "resolution", "publicly_leaked"):
        labels.put(name, alert.get(name))
    labels.put("html_url", link(alert.get("html_url")))
    labels.put("provider", provider_of(text(alert.get("secret_type"))))
    return labels
