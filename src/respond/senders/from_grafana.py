"""What a sender of the kind grafana is; what it says, ``alerts`` reads."""

from __future__ import annotations

from typing import Final

from respond.senders.alerts import read
from respond.senders.model import Sender, Wanting
from respond.senders.signatures import HmacHeader, plain

__all__ = ["SENDER"]

SENDER: Final = Sender(
    name="grafana",
    title="Grafana alerting",
    scheme=HmacHeader(
        "x-grafana-alerting-signature",
        # Without a configured time header nothing but the body is signed.
        message=lambda body, time: b"%b:%b" % (time, body) if time else body,
        configurable=True,
    ),
    reader=read,
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
)
