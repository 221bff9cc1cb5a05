"""Say what time it is in the simulated company.

The only module of the company that reads the machine's clock. Visibility delays, expiry of
tokens and rate limits all ask here, so that a test moves time instead of waiting for it.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class CompanyClock(Protocol):
    """Anything that can say the time in unix seconds."""

    def now(self) -> float: ...


class CountsMs(Protocol):
    """A clock in whole milliseconds, such as the rest of the tool uses."""

    def now_ms(self) -> int: ...


class SimClock:
    """Another clock, or the machine's, plus an offset that only ever grows."""

    def __init__(self, base: CountsMs | None = None) -> None:
        self._base = base
        self._offset_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        base_s = time.time() if self._base is None else self._base.now_ms() / 1000
        return base_s + self._offset_s

    def advance(self, seconds: float) -> None:
        """Move time forward.

        Raises:
            ValueError: if ``seconds`` is negative; nothing has moved then.
        """
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} seconds")
        with self._lock:
            self._offset_s += seconds


def rfc3339(at: float) -> str:
    """Write unix seconds as UTC to the second, as most vendors do."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
