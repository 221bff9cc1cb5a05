"""The one list of webhook senders: raw request in; genuine or not, and the events in it.

Pure: nothing here does I/O or asks the time. ``Sender.verify`` looks at raw bytes only, and
``Sender.events`` is for what was verified. A sender that is not in this list does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from respond.senders import (
    alerts,
    from_gitguardian,
    from_github,
    from_incidentio,
    from_pagerduty,
    generic,
    standard,
)
from respond.senders.from_slack import SlackClick, slack_action
from respond.senders.headers import Headers, refuses_encoding
from respond.senders.model import BY_TOKEN, Options, Proof, Secrets, Sender, Wanting
from respond.senders.refusals import NotGenuineError, UnusableError
from respond.senders.signatures import BearerToken, HmacHeader, StandardWebhooks, plain, whsec
from respond.systems.vendor import EVERY_SURFACE, Scheme, SentAs

__all__ = [
    "SENDERS",
    "Headers",
    "NotGenuineError",
    "Options",
    "Proof",
    "Secrets",
    "Sender",
    "SlackClick",
    "UnusableError",
    "api_schemes",
    "check_options",
    "check_secret",
    "refuses_encoding",
    "slack_action",
]

_ALL: Final = (
    Sender(
        name="pagerduty",
        title="PagerDuty v3",
        scheme=HmacHeader(
            "x-pagerduty-signature", prefix=b"v1=", several=True, id_header="x-webhook-id"
        ),
        reader=from_pagerduty.read,
        patience_s=5,
        set_up="make a webhook subscription (v3) with this address; it shows the secret once",
        api="https://api.pagerduty.com",
        api_scheme=Scheme(
            SentAs.HEADER,
            "/token",
            before="Token token=",
            always=(("Accept", "application/vnd.pagerduty+json;version=2"),),
        ),
        through=("pagerduty", "rest"),
        enrich=from_pagerduty.enrich,
    ),
    Sender(
        name="alertmanager",
        title="Prometheus Alertmanager",
        scheme=BearerToken(),
        reader=alerts.read,
        patience_s=300,  # The group interval as it is by default.
        set_up="http_config.authorization of a webhook_configs entry: type Bearer, and the "
        "secret as credentials_file",
        ours=plain,
    ),
    Sender(
        name="grafana",
        title="Grafana alerting",
        scheme=HmacHeader(
            "x-grafana-alerting-signature",
            # Without a configured time header nothing but the body is signed.
            message=lambda body, time: b"%b:%b" % (time, body) if time else body,
            configurable=True,
        ),
        reader=alerts.read,
        patience_s=30,
        set_up="contact point of type Webhook: this address, the secret as HMAC secret, and a "
        "timestamp header (its name also in options.timestamp_header of the source)",
        ours=plain,
        wants=Wanting(
            "timestamp_header",
            "no-time",
            "deliveries of {0} (grafana) have no signed time",
            "who has recorded one can send it again later",
            "name a timestamp header in Grafana's contact point, and in options of "
            "[sources.{0}]: timestamp_header",
        ),
        methods=frozenset({"POST", "PUT"}),
    ),
    Sender(
        name="incidentio",
        title="incident.io",
        scheme=StandardWebhooks(),
        reader=from_incidentio.read,
        patience_s=15,
        set_up="make a webhook endpoint with this address; it shows the signing secret",
        api="https://api.incident.io",
        simulated="respond.company.incidentio",
        enrich=from_incidentio.enrich,
    ),
    Sender(
        name="standard-webhooks",
        title="Standard Webhooks",
        scheme=StandardWebhooks(),
        reader=standard.read,
        patience_s=15,
        set_up="make an endpoint with this address, and the signing secret",
        ours=whsec,
    ),
    Sender(
        name="github",
        title="GitHub secret scanning",
        scheme=HmacHeader("x-hub-signature-256", prefix=b"sha256=", id_header="x-github-delivery"),
        reader=from_github.read,
        patience_s=10,
        set_up="webhook: this address, content type application/json, the secret, and the events "
        "of secret scanning alerts alone",
        ours=plain,
        api="https://api.github.com",
        simulated="respond.company.github",
        body_max=5 << 20,
        missed=from_github.missed,
        enrich=from_github.enrich,
    ),
    Sender(
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
        reader=from_gitguardian.read,
        patience_s=5,  # Not documented.
        set_up="custom webhook with this address; it shows the signature token",
        api="https://api.gitguardian.com",
        simulated="respond.company.gitguardian",
        api_scheme=Scheme(SentAs.HEADER, "/token", before="Token "),
        missed=from_gitguardian.missed,
    ),
    Sender(
        name="generic",
        title="Opsgenie or a sender of your own",
        scheme=BearerToken(),
        reader=generic.read,
        patience_s=5,  # Not documented for Opsgenie.
        set_up="send to this address with the header Authorization: Bearer, and the secret",
        ours=plain,
    ),
    Sender(
        name="slack",
        title="Slack buttons",
        scheme=HmacHeader(
            "x-slack-signature",
            prefix=b"v0=",
            message=lambda body, time: b"v0:%b:%b" % (time, body),
            time_header="x-slack-request-timestamp",
        ),
        reader=None,
        patience_s=3,
        set_up="the app's Interactivity: this address as request URL; the secret is the signing "
        "secret under Basic Information",
        wants=Wanting(
            "team",
            "no-team",
            "{0} does not say whose Slack it is",
            "a user id counts only together with its workspace; the server does not start",
            'add options = {{ team = "T0123ABCD" }} to [sources.{0}]',
        ),
        success=200,
    ),
)

SENDERS: Final[Mapping[str, Sender]] = MappingProxyType({each.name: each for each in _ALL})


def api_schemes() -> dict[str, Scheme]:
    """How each sender's own API is told who asks, by name."""
    return {EVERY_SURFACE: BY_TOKEN} | {
        name: each.api_scheme for name, each in SENDERS.items() if each.api
    }


_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,9}")

_OPTIONS: Final = MappingProxyType(
    {
        "signature_header": (_HEADER, "the name of a header"),
        "timestamp_header": (_HEADER, "the name of a header"),
        "token_header": (_HEADER, "the name of a header"),
        "scheme": (_WORD, "one word"),
        "about": (_PATH, "names with dots between them"),
    }
)


def check_secret(sender: Sender, value: str) -> str:
    """Say why ``value`` can not be a secret of this sender; empty when it can. It is not shown."""
    return sender.scheme.trouble(value)


def check_options(options: Options) -> str:
    """Say which of the options that are read here is wrong; empty when none is."""
    for name, (pattern, meaning) in _OPTIONS.items():
        value = options.get(name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            return f"the option {name} must be {meaning}"
    return ""
