"""Read the alerts of Prometheus Alertmanager and of Grafana: one event for each alert.

A whole group comes again whenever one alert joins or leaves it, and every few hours; several
replicas send it each. One event is therefore one alert in one state since one moment, whatever
delivery it came with.

Source: Alertmanager documentation, webhook_config; Grafana documentation, webhook notifier.
"""

from __future__ import annotations

import hashlib
import json
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
from respond.senders.model import Letter
from respond.senders.refusals import UnusableError

__all__ = ["read"]

_MEANS: Final = {"firing": Means.BEGINS, "resolved": Means.IS_OVER}


def read(letter: Letter) -> tuple[Incoming, ...]:
    """Read every alert of the group that can be read."""
    alerts = dotted(letter.payload, "alerts")
    if not isinstance(alerts, list):
        raise UnusableError("it has no list of alerts; leave the body as it is, without a template")
    found, faults = [], []
    for each in alerts:
        try:
            found.append(_alert(record(each), record(letter.payload)))
        except UnusableError as error:
            faults.append(str(error))
    if faults and not found:
        raise UnusableError(faults[0])
    if faults:
        letter.note(f"{len(faults)} of {len(alerts)} alerts were left out: {faults[0]}")
    return tuple(found)


def _alert(alert: Any, group: Any) -> Incoming:
    fingerprint = _fingerprint(alert)
    status = event_id(alert.get("status") or group.get("status"), "status")
    labels = _labels(alert, group.get("truncatedAlerts"))
    started = identifier(alert.get("startsAt"))
    return Incoming(
        key=key(fingerprint, started, status),
        about=key("alert", fingerprint),
        type=status,
        means=_MEANS.get(status, Means.GOES_ON),
        title=text(labels.get("annotation_summary")) or text(labels.get("alertname")),
        status=status,
        severity=text(labels.get("severity")),
        service=text(labels.get("service")),
        at=(status == "resolved" and moment(alert.get("endsAt"))) or moment(started),
        url=link(alert.get("generatorURL")),
        runbook=text(labels.get("runbook")) or text(labels.get("annotation_runbook")),
        labels=labels.done(),
        body=dict(alert),
    )


def _fingerprint(alert: Any) -> str:
    """Give the sender's fingerprint of the labels; a digest of them when it sent none."""
    if found := identifier(alert.get("fingerprint")):
        return found
    labels = record(alert.get("labels"))
    if not labels:
        raise UnusableError("an alert of it has neither a fingerprint nor labels")
    exact = json.dumps(labels, sort_keys=True).encode()
    return f"labels:{hashlib.sha256(exact).hexdigest()[:32]}"


def _labels(alert: Any, left_out: Any) -> Labels:
    labels = Labels()
    if isinstance(left_out, int) and left_out > 0:
        labels.put("truncated", left_out)
    labels.put_all(alert.get("labels"))
    labels.put_all(alert.get("annotations"), prefix="annotation_")
    return labels
