"""What one server remembers by itself, where it is the only one. A restart forgets it."""

from __future__ import annotations

import math
import threading

from respond.core.records import Mutable
from respond.ports import Clock

__all__ = ["OwnMemory"]


class _Bucket(Mutable):
    """Deliveries that a source may still send, and when that was counted."""

    tokens: float
    filled_ms: int


class OwnMemory:
    """The ``ServerMemory`` of a server that is alone. It may be used from several threads."""

    apart_ms = 0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[str, int]] = {}
        self._rates: dict[str, _Bucket] = {}

    def spend(self, thing: str, life_s: int) -> bool:
        boot, now = self._clock.boot(), self._clock.mono_ms()
        with self._lock:
            # A clock that began anew says nothing of what was before it.
            over = [t for t, (b, end) in self._spent.items() if b == boot and end <= now]
            for each in over:
                del self._spent[each]
            if thing in self._spent:
                return False
            self._spent[thing] = (boot, now + life_s * 1_000)
            return True

    def is_spent(self, thing: str) -> bool:
        with self._lock:
            return thing in self._spent

    def wait_s(self, source: str, rate: int) -> int:
        most, per_ms = float(max(1, rate)), max(1, rate) / 60_000
        with self._lock:
            now = self._clock.mono_ms()
            bucket = self._rates.setdefault(source, _Bucket(most, now))
            filled = bucket.tokens + max(0, now - bucket.filled_ms) * per_ms
            bucket.tokens, bucket.filled_ms = min(most, filled), now
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return 0
            return math.ceil((1 - bucket.tokens) / per_ms / 1_000)

    def close(self) -> None:
        """There is nothing to let go of."""
