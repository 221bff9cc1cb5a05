"""Send webhooks as each sender does: its signature, its payload, its way of trying again.

For tests and for trying a set-up out. Nothing here opens a connection: what sends is handed in.

Source: the senders' own documents; for Alertmanager also an own run of 0.25.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import quote_plus

from respond.core.records import Frozen
from respond.senders import SENDERS
from respond.testing.settable_clock import SettableClock

__all__ = [
    "RETRIES",
    "Retries",
    "RetryTable",
    "SentDelivery",
    "payload",
    "secret_for",
    "signed",
    "slack_click",
]

RequestHeaders: TypeAlias = list[tuple[str, str]]
Send: TypeAlias = Callable[[RequestHeaders, bytes], int]

_DAY_S: Final = 86_400


def secret_for(sender_name: str, word: str = "canary") -> str:
    """Give a secret of the form that this sender uses, the same for the same word."""
    digest = hashlib.sha256(f"{sender_name} {word}".encode())
    if sender_name in {"incidentio", "standard-webhooks"}:
        return f"whsec_{base64.b64encode(digest.digest()[:24]).decode()}"
    return f"{word}-{digest.hexdigest()[:32]}"


class _Delivery(Frozen):
    secrets: Sequence[str]
    body: bytes
    now: str
    delivery_id: str
    options: Mapping[str, Any]


def signed(
    sender_name: str,
    secrets: Sequence[str],
    body: bytes,
    *,
    now_s: int,
    delivery_id: str = "delivery-1",
    options: Mapping[str, Any] | None = None,
) -> RequestHeaders:
    """Give the headers with which this sender would send ``body`` now.

    Args:
        secrets: One, or two while it is being rotated. Senders with a place for one signature
            use the first.
    """
    return _SIGNERS[sender_name](_Delivery(secrets, body, str(now_s), delivery_id, options or {}))


def _hex(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()


def _pagerduty(it: _Delivery) -> RequestHeaders:
    return [
        ("content-type", "application/json"),
        ("user-agent", "PagerDuty-Webhook/V3.0"),
        ("x-webhook-id", it.delivery_id),
        ("x-pagerduty-signature", ",".join(f"v1={_hex(s.encode(), it.body)}" for s in it.secrets)),
    ]


def _bearer(it: _Delivery) -> RequestHeaders:
    header = str(it.options.get("token_header", "authorization")).lower()
    scheme = it.options.get("scheme", "Bearer" if header == "authorization" else "")
    token = f"{scheme} {it.secrets[0]}".strip()
    return [("content-type", "application/json"), (header, token)]


def _grafana(it: _Delivery) -> RequestHeaders:
    name = str(it.options.get("signature_header", "x-grafana-alerting-signature")).lower()
    time_name = str(it.options.get("timestamp_header", "")).lower()
    message = f"{it.now}:".encode() + it.body if time_name else it.body
    headers = [("content-type", "application/json"), (name, _hex(it.secrets[0].encode(), message))]
    return [*headers, (time_name, it.now)] if time_name else headers


def _standard(it: _Delivery) -> RequestHeaders:
    message = f"{it.delivery_id}.{it.now}.".encode() + it.body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in it.secrets]
    entries = [base64.b64encode(hmac.digest(key, message, "sha256")).decode() for key in keys]
    return [
        ("content-type", "application/json"),
        ("webhook-id", it.delivery_id),
        ("webhook-timestamp", it.now),
        ("webhook-signature", " ".join(f"v1,{entry}" for entry in entries)),
    ]


def _github(it: _Delivery) -> RequestHeaders:
    return [
        ("content-type", "application/json"),
        ("x-github-event", str(it.options.get("event", "secret_scanning_alert"))),
        ("x-github-delivery", it.delivery_id),
        ("x-hub-signature-256", f"sha256={_hex(it.secrets[0].encode(), it.body)}"),
    ]


def _gitguardian(it: _Delivery) -> RequestHeaders:
    return [
        ("content-type", "application/json"),
        ("timestamp", it.now),
        ("gitguardian-signature", f"sha256={_hex((it.now + it.secrets[0]).encode(), it.body)}"),
    ]


def _slack(it: _Delivery) -> RequestHeaders:
    return [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", it.now),
        (
            "x-slack-signature",
            f"v0={_hex(it.secrets[0].encode(), f'v0:{it.now}:'.encode() + it.body)}",
        ),
    ]


_SIGNERS: Final[Mapping[str, Callable[[_Delivery], RequestHeaders]]] = MappingProxyType(
    {
        "pagerduty": _pagerduty,
        "alertmanager": _bearer,
        "grafana": _grafana,
        "incidentio": _standard,
        "standard-webhooks": _standard,
        "github": _github,
        "gitguardian": _gitguardian,
        "generic": _bearer,
        "slack": _slack,
    }
)


def payload(
    sender_name: str,
    *,
    thing: str = "1001",
    event: str = "event-1",
    over: bool = False,
    at: str = "2026-11-23T03:12:00Z",
    labels: Mapping[str, str] | None = None,
) -> bytes:
    """Give a small body as this sender writes it: something leaked, or is over.

    Args:
        thing: The sender's own thing: an incident, an alert, a number in a repository.
        event: The event's own id, where the sender writes one into the body.
        over: The thing is resolved instead of begun.
        labels: Labels, details or custom fields, where the sender has any.
    """
    makers: dict[str, Callable[[], Any]] = {
        "pagerduty": lambda: _pagerduty_body(thing, event, at, labels or {}, over=over),
        "alertmanager": lambda: _alerts_body(thing, at, labels or {}, over=over),
        "grafana": lambda: _alerts_body(thing, at, labels or {}, over=over),
        "incidentio": lambda: _incidentio_body(thing, at, labels or {}, over=over),
        "standard-webhooks": lambda: {
            "type": "key.leaked",
            "timestamp": at,
            "data": {"thing": thing, **(labels or {})},
        },
        "github": lambda: _github_body(thing, at, over=over),
        "gitguardian": lambda: _gitguardian_body(thing, at, over=over),
        "generic": lambda: {
            "id": event,
            "title": "A key was seen in public",
            "status": "resolved" if over else "firing",
            "at": at,
            "labels": {"thing": thing, **(labels or {})},
        },
    }
    return json.dumps(makers[sender_name](), separators=(",", ":")).encode()


def slack_click(
    value: str,
    *,
    action_id: str = "approve",
    user: str = "U0JANE",
    user_team: str = "T0ACME",
    team: str = "T0ACME",
    channel: str = "C0INCIDENT",
    message_ts: str = "1795403520.000100",
    clicked_ts: str = "1795403525.000200",
) -> bytes:
    """Give the body with which Slack says that somebody pressed a button."""
    click = {
        "type": "block_actions",
        "user": {"id": user, "team_id": user_team},
        "api_app_id": "A0RESPOND",
        "container": {"type": "message", "message_ts": message_ts, "channel_id": channel},
        "trigger_id": "111.222.abc",
        "team": {"id": team, "domain": "acme"},
        "channel": {"id": channel},
        "response_url": "https://hooks.slack.com/actions/not/kept",
        "actions": [
            {
                "type": "button",
                "action_id": action_id,
                "block_id": "b",
                "value": value,
                "action_ts": clicked_ts,
            }
        ],
    }
    return f"payload={quote_plus(json.dumps(click))}".encode()


def _pagerduty_body(
    thing: str, event: str, at: str, labels: Mapping[str, str], *, over: bool
) -> Any:
    return {
        "event": {
            "id": event,
            "event_type": "incident.resolved" if over else "incident.triggered",
            "resource_type": "incident",
            "occurred_at": at,
            "agent": None,
            "client": None,
            "data": {
                "id": thing,
                "type": "incident",
                "html_url": f"https://example.pagerduty.com/incidents/{thing}",
                "status": "resolved" if over else "triggered",
                "title": "A key was seen in public",
                "service": {"id": "PSVC001", "type": "service_reference", "summary": "Mailing"},
                "priority": None,
                "urgency": "high",
                "custom_fields": [{"name": n, "value": v} for n, v in labels.items()],
            },
        }
    }


def _alerts_body(thing: str, at: str, labels: Mapping[str, str], *, over: bool) -> Any:
    status = "resolved" if over else "firing"
    return {
        "receiver": "respond",
        "status": status,
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "LeakedKey", **labels},
                "annotations": {"summary": "A key was seen in public"},
                "startsAt": at,
                "endsAt": at if over else "0001-01-01T00:00:00Z",
                "generatorURL": "https://prometheus.example.com/graph",
                "fingerprint": thing,
            }
        ],
        "version": "4",
        "groupKey": '{}:{alertname="LeakedKey"}',
        "truncatedAlerts": 0,
    }


def _incidentio_body(thing: str, at: str, labels: Mapping[str, str], *, over: bool) -> Any:
    incident = {
        "id": thing,
        "reference": "INC-77",
        "name": "A key was seen in public",
        "updated_at": at,
        "incident_status": {"category": "closed" if over else "live"},
        "severity": {"name": "Major"},
        "custom_field_entries": [
            {"custom_field": {"name": name}, "values": [{"value_text": value}]}
            for name, value in labels.items()
        ],
    }
    if not over:
        name = "public_incident.incident_created_v2"
        return {"event_type": name, name: incident}
    name = "public_incident.incident_status_updated_v2"
    return {"event_type": name, name: {"incident": incident, "new_status": {"category": "closed"}}}


def _github_body(thing: str, at: str, *, over: bool) -> Any:
    number = int(thing)
    return {
        "action": "resolved" if over else "created",
        "alert": {
            "number": number,
            "updated_at": at,
            "html_url": f"https://github.com/example/mailing/security/secret-scanning/{number}",
            "state": "resolved" if over else "open",
            "resolution": "revoked" if over else None,
            "secret_type": "sendgrid_api_key",
            "validity": "active",
        },
        "repository": {"full_name": "example/mailing"},
        "organization": {"login": "example"},
        "sender": {"login": "github"},
    }


def _gitguardian_body(thing: str, at: str, *, over: bool) -> Any:
    return {
        "source": "GitGuardian",
        "timestamp": at,
        "action": "incident_resolved" if over else "incident_triggered",
        "message": "Something was found.",
        "incident": {
            "id": int(thing),
            "detector": {"name": "sendgrid_key", "display_name": "SendGrid key"},
            "validity": "valid",
            "occurrence_count": 1,
            "status": "resolved" if over else "triggered",
            "severity": "critical",
            "gitguardian_url": f"https://dashboard.gitguardian.com/incidents/{thing}",
        },
    }


class RetryTable(Frozen):
    """When a sender tries again.

    Attributes:
        retried: Statuses that it takes as "come again": single ones, or 5 for all of 5xx.
            No answer in time counts as 5.
        pauses_s: What it waits before each further attempt; after the last it gives up.
        strikes: Deliveries lost in a row after which it switches itself off; 0 for never.
        off_s: For how long.
    """

    retried: frozenset[int] = frozenset()
    pauses_s: tuple[float, ...] = ()
    strikes: int = 0
    off_s: int = 0

    def tries_again(self, status: int) -> bool:
        return status in self.retried or status // 100 in self.retried


def _growing(first_s: float, factor: float, pause_s_max: float, total_s: float) -> list[float]:
    pauses = [first_s]
    while sum(pauses) + (following := min(pauses[-1] * factor, pause_s_max)) <= total_s:
        pauses.append(following)
    return pauses


_NEVER: Final = RetryTable()
_SVIX: Final = RetryTable(frozenset({3, 4, 5}), (5, 300, 1800, 7200, 18_000, 36_000, 36_000))

RETRIES: Final[Mapping[str, RetryTable]] = MappingProxyType(
    {
        # How the pauses grow is not documented; that they end after 48 hours is.
        "pagerduty": RetryTable(
            frozenset({5, 429}),
            tuple(_growing(60, 2, 3600, 2 * _DAY_S)),
            strikes=3,
            off_s=_DAY_S,
        ),
        # Until the group interval ends: 5 minutes as it is by default.
        "alertmanager": RetryTable(frozenset({5}), tuple(_growing(0.5, 1.5, 60, 300))),
        "grafana": _NEVER,  # The next group interval sends the state again, as a new delivery.
        "incidentio": _SVIX,
        "standard-webhooks": _SVIX,
        "github": _NEVER,
        "gitguardian": _NEVER,
        "generic": _NEVER,  # Not documented for Opsgenie.
        "slack": _NEVER,
    }
)


class SentDelivery(Frozen):
    """What became of one delivery.

    Attributes:
        statuses: Each answer, in order; 0 stands for one that came too late.
        arrived: The sender believes that we have it.
    """

    statuses: tuple[int, ...]
    arrived: bool


@dataclass(slots=True)
class Retries:
    """One sender with one subscription, which sends through ``send`` and tries again as it does.

    It lets the clock's time pass between attempts. ``send`` may move the clock too: an answer
    that takes longer than the sender waits is none.

    Attributes:
        off_until_ms: Until when it has switched itself off.
    """

    sender_name: str
    secrets: Sequence[str]
    send: Send
    clock: SettableClock
    options: Mapping[str, Any] = field(default_factory=dict)
    off_until_ms: int = 0
    _lost_in_a_row: int = 0

    def deliver(self, body: bytes, delivery_id: str) -> SentDelivery:
        """Send one delivery until it has arrived or the sender gives up."""
        if self.clock.now_ms() < self.off_until_ms:
            return SentDelivery((), arrived=False)
        table = RETRIES[self.sender_name]
        statuses = [self._attempt(body, delivery_id)]
        for pause_s in table.pauses_s:
            if not table.tries_again(statuses[-1] or 500):
                break
            self.clock.advance(pause_s)
            statuses.append(self._attempt(body, delivery_id))
        arrived = statuses[-1] // 100 == 2  # noqa: PLR2004 - 2xx
        self._count(table, arrived=arrived)
        return SentDelivery(tuple(statuses), arrived)

    def _attempt(self, body: bytes, delivery_id: str) -> int:
        began_ms = self.clock.now_ms()
        headers = signed(
            self.sender_name,
            self.secrets,
            body,
            now_s=began_ms // 1000,
            delivery_id=delivery_id,
            options=self.options,
        )
        status = self.send(headers, body)
        took_ms = self.clock.now_ms() - began_ms
        return status if took_ms <= SENDERS[self.sender_name].patience_s * 1000 else 0

    def _count(self, table: RetryTable, *, arrived: bool) -> None:
        self._lost_in_a_row = 0 if arrived else self._lost_in_a_row + 1
        if table.strikes and self._lost_in_a_row >= table.strikes:
            self.off_until_ms = self.clock.now_ms() + table.off_s * 1000
            self._lost_in_a_row = 0
