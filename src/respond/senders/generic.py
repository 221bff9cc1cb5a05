"""Read what comes with nothing but a token: Opsgenie's webhooks, and home-made ones.

Opsgenie's alerts are known by their shape. Any other JSON object is one event: its own ``id`` and
``status`` make the key where it has them, a digest of the body where it has not.

Source: Opsgenie support documentation, "Webhook integration data".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
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
from respond.senders.model import Letter, Sender
from respond.senders.refusals import UnusableError
from respond.senders.signatures import BearerToken, plain
from respond.senders.standard import thing

__all__ = ["SENDER", "read"]

_OVER: Final = frozenset({"resolved", "closed"})
_OPSGENIE_MEANS: Final = {
    "Create": Means.BEGINS,
    "Close": Means.IS_OVER,
    "Delete": Means.IS_OVER,
}
_RUNBOOK_TAG: Final = "runbook:"
# Opsgenie writes one time in milliseconds and the other in nanoseconds, both as whole numbers.
_NANOSECONDS_FROM: Final = 10**17
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_MILLISECONDS_MAX: Final = 253_402_300_799_999  # The end of the year 9999.


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read the one event."""
    body = letter.payload
    if not isinstance(body, dict):
        raise UnusableError("it is no JSON object")
    alert = record(body.get("alert"))
    is_opsgenie = isinstance(body.get("action"), str) and "alertId" in alert
    return (_opsgenie(letter, alert) if is_opsgenie else _any(letter),)


def _opsgenie(letter: Letter, alert: Any) -> Incoming:
    own_id = event_id(alert.get("alertId"), "alert.alertId")
    action = event_id(letter.payload.get("action"), "action")
    labels = _opsgenie_labels(alert)
    return Incoming(
        key=key(own_id, action, identifier(alert.get("updatedAt")) or letter.digest),
        about=key("alert", own_id),
        type=action,
        means=_OPSGENIE_MEANS.get(action, Means.GOES_ON),
        title=text(alert.get("message")),
        severity=labels.get("priority"),
        service=text(alert.get("entity")),
        at=_counted(alert.get("updatedAt")) or _counted(alert.get("createdAt")),
        runbook=labels.get("runbook"),
        labels=labels.done(),
        body=letter.payload,
    )


def _opsgenie_labels(alert: Any) -> Labels:
    labels = Labels()
    for name in ("priority", "alias", "entity", "source", "team", "tinyId"):
        labels.put(name, alert.get(name))
    labels.put_all(alert.get("details"))
    tags = [tag for tag in items(alert.get("tags")) if isinstance(tag, str)]
    labels.put("tags", ", ".join(tags))
    for tag in tags:
        if tag.startswith(_RUNBOOK_TAG):
            labels.put("runbook", tag.removeprefix(_RUNBOOK_TAG).strip())
    return labels


def _any(letter: Letter) -> Incoming:
    body = letter.payload
    own_id = identifier(body.get("id"))
    status = identifier(body.get("status"))
    own_key = key(*filter(None, (own_id, status))) if own_id else f"sha256:{letter.digest}"
    labels = Labels()
    labels.put_all(body)
    labels.put_all(body.get("labels"))
    labels.put_all(body.get("details"))
    return Incoming(
        key=own_key,
        about=thing(letter) or key("event", own_id or letter.digest),
        type=identifier(body.get("type")) or identifier(body.get("event_type")),
        means=Means.IS_OVER if status.lower() in _OVER else Means.BEGINS,
        title=_first(labels, "title", "message", "summary"),
        status=status,
        severity=_first(labels, "severity", "priority"),
        service=_first(labels, "service"),
        at=_at(body),
        url=link(body.get("url")),
        runbook=_first(labels, "runbook"),
        labels=labels.done(),
        body=body,
    )


def _first(labels: Labels, *names: str) -> str:
    return next((text(labels.get(name)) for name in names if labels.get(name)), "")


def _at(body: Any) -> str:
    times = (moment(dotted(body, name)) for name in ("at", "timestamp", "occurred_at", "time"))
    return next(filter(None, times), "")


def _counted(value: Any) -> str:
    """Read milliseconds or nanoseconds since 1970; whole seconds are enough."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return ""
    ms = value // 1_000_000 if value >= _NANOSECONDS_FROM else value
    if ms > _MILLISECONDS_MAX:
        return ""
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19] + "Z"


SENDER: Final = Sender(
    name="generic",
    title="Opsgenie or a sender of your own",
    scheme=BearerToken(),
    reader=read,
    patience_s=5,  # Not documented for Opsgenie.
    set_up="send to this address with the header Authorization: Bearer, and the secret",
    ours=plain,
)
