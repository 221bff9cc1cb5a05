"""Slack, as a sender of clicks on our buttons; ``button_clicks`` reads them.

Source: Slack, "Verifying requests from Slack".
"""

from __future__ import annotations

from typing import Final

from respond.senders.model import Sender, Wanting
from respond.senders.signatures import HmacHeader

__all__ = ["SENDER"]

SENDER: Final = Sender(
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
)
