"""What comes back from the wire: an answer as it came, or how far the request got."""

from __future__ import annotations

from enum import Enum
from typing import Final

from respond.core.records import Frozen

__all__ = ["UNSENT", "Broken", "How", "Raw"]


class How(Enum):
    """How a request failed, and so what may have happened."""

    NOT_FOUND = "the name of the host is not known"
    NOT_CONNECTED = "no connection"
    NOT_TRUSTED = "its certificate is not accepted"
    NO_TLS = "no TLS"
    INWARD = "its address lies inside"
    NO_TUNNEL = "the proxy gives no tunnel"
    CROWDED = "all connections are in use"
    LATE = "this process gave no sign of life for too long: another may have the run now"
    # From here on the request may have arrived.
    TIMED_OUT = "no answer in time"
    CUT = "the connection was cut"
    GARBLED = "the answer is not HTTP"
    TOO_LONG = "the answer is too long"
    ENCODED = "the answer is compressed though that was not asked for"


UNSENT: Final = frozenset(
    {
        How.NOT_FOUND, How.NOT_CONNECTED, How.NOT_TRUSTED, How.NO_TLS, How.INWARD, How.NO_TUNNEL,
        How.CROWDED, How.LATE,
    }
)  # fmt: skip


class Broken(Frozen):
    """No answer. ``detail`` comes from our side of the line and holds no outside text but TLS's."""

    how: How
    detail: str
    cause: Exception


class Raw(Frozen):
    """An answer as it came; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes
