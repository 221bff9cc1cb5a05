"""What came in from outside: a delivery that was genuine, and the events in it.

Everything in it was written by whoever triggered the alert. It is data: it fills typed inputs of a
proposal, and chooses no runbook, host, recipient or mode (P13).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from respond.core.records import Frozen

__all__ = ["Delivery", "Incoming", "Means"]


class Means(Enum):
    """What an event means to a run."""

    BEGINS = "begins"  # may propose a run
    GOES_ON = "goes-on"  # news about the thing: joins an open run, begins none
    IS_OVER = "is-over"  # joins an open run as news; nothing is undone
    TEST = "test"  # the sender tries the connection


class Incoming(Frozen):
    """One event, as ``[[hooks]]`` see it. A delivery may hold several.

    Attributes:
        key: What makes it one event, unique at its source; the same again is a duplicate.
        about: The sender's own thing it is about, such as ``incident/PFQZPSY``; joins events.
        type: The sender's name for it, such as ``incident.triggered``.
        at: When it happened by the sender's account, RFC 3339, or empty.
        runbook: What the payload itself asks for; only an expression may look at it.
        labels: Labels, details or custom fields, as flat texts.
        body: The event's own JSON.
    """

    key: str
    about: str
    type: str
    means: Means
    title: str = ""
    status: str = ""
    severity: str = ""
    service: str = ""
    at: str = ""
    url: str = ""
    runbook: str = ""
    labels: Mapping[str, str] = {}
    body: Any = None


class Delivery(Frozen):
    """One request that was verified and is kept durably.

    Attributes:
        source: Name of the source in ``respond.toml``.
        sender: Kind of the sender, such as ``pagerduty``.
        their_id: The sender's own delivery id, or empty.
        body_digest: SHA-256 of the raw bytes, hex.
        at_ms: When it was received, wall clock.
        weak: Nothing proves who wrote the body: a token came with it, and no signature.
    """

    id: str
    source: str
    sender: str
    their_id: str
    body_digest: str
    at_ms: int
    weak: bool = False
