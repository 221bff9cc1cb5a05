"""What a sender of the kind alertmanager is; what it says, ``alerts`` reads."""

from __future__ import annotations

from typing import Final

from respond.senders.alerts import read
from respond.senders.model import Sender
from respond.senders.signatures import BearerToken, plain

__all__ = ["SENDER"]

SENDER: Final = Sender(
    name="alertmanager",
    title="Prometheus Alertmanager",
    scheme=BearerToken(),
    reader=read,
    patience_s=300,  # The group interval as it is by default.
    set_up="http_config.authorization of a webhook_configs entry: type Bearer, and the "
    "secret as credentials_file",
    ours=plain,
)
