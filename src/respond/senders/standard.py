"""Read events of any other sender that follows Standard Webhooks.

Its payload has a type and data, and the rest is its own. Every event begins something: whoever
sets such a source up chooses at the sender what it sends, and with ``when`` what is taken.

Source: Standard Webhooks specification, payload structure.
"""

from __future__ import annotations

from typing import Final

from respond.core.incoming import Incoming, Means
from respond.senders.fields import (
    Labels,
    dotted,
    event_id,
    identifier,
    key,
    link,
    moment,
    text,
)
from respond.senders.model import Letter, Sender
from respond.senders.refusals import UnusableError
from respond.senders.signatures import StandardWebhooks, webhook_id, whsec

__all__ = ["SENDER", "read", "thing"]


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event, with the flat fields of its top and of ``data`` as labels."""
    body = letter.payload
    if not isinstance(body, dict):
        raise UnusableError("it is no JSON object")
    delivery = event_id(webhook_id(letter.headers), "webhook-id")
    labels = Labels()
    labels.put_all(body)
    labels.put_all(body.get("data"))
    return (
        Incoming(
            key=key(delivery),
            about=thing(letter) or key("event", delivery),
            type=identifier(body.get("type")) or identifier(body.get("event_type")),
            means=Means.BEGINS,
            title=text(labels.get("title")) or text(labels.get("message")),
            status=text(labels.get("status")),
            severity=text(labels.get("severity")),
            service=text(labels.get("service")),
            at=moment(body.get("timestamp")),
            url=link(labels.get("url")),
            runbook=text(labels.get("runbook")),
            labels=labels.done(),
            body=body,
        ),
    )


def thing(letter: Letter) -> str:
    """Give what the event is about, where the source's option ``about`` points; else nothing."""
    path = letter.options.get("about")
    found = identifier(dotted(letter.payload, path)) if isinstance(path, str) and path else ""
    return key("thing", found) if found else ""


SENDER: Final = Sender(
    name="standard-webhooks",
    title="Standard Webhooks",
    scheme=StandardWebhooks(),
    reader=read,
    patience_s=15,
    set_up="make an endpoint with this address, and the signing secret",
    ours=whsec,
)
