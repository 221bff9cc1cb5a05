"""A clock that tests and rehearsals set. Nobody sleeps: ``sleep`` moves it."""

from __future__ import annotations

import threading

__all__ = ["SettableClock"]

# 2026-11-23T03:12:00Z: the night that the documentation tells about.
THE_NIGHT_MS = 1_795_403_520_000


class SettableClock:
    """A clock for tests: it moves only when told to, and sleeping tells it to.

    It may be used from several threads at once.

    Attributes:
        slept: Every pause that was asked for, in seconds, in order.
    """

    def __init__(
        self, now_ms: int = THE_NIGHT_MS, *, mono_ms: int = 1_000_000, boot: str = "boot-1"
    ) -> None:
        self._now_ms = now_ms
        self._mono_ms = mono_ms
        self._boot = boot
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now_ms(self) -> int:
        with self._lock:
            return self._now_ms

    def mono_ms(self) -> int:
        with self._lock:
            return self._mono_ms

    def boot(self) -> str:
        with self._lock:
            return self._boot

    def sleep(self, seconds: float) -> None:
        """Move both clocks on by this much, at once."""
        with self._lock:
            self.slept.append(seconds)
            self._move(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move on."""
        if seconds < 0:
            msg = "time does not pass backwards; use jump() to set the wall clock back"
            raise ValueError(msg)
        with self._lock:
            self._move(seconds)

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, forwards or backwards, as a person or NTP does."""
        with self._lock:
            self._now_ms += round(seconds * 1000)

    def reboot(self, boot: str = "", *, mono_ms: int = 0) -> None:
        """Begin a new boot: the monotonic clock starts again, the wall clock stays."""
        with self._lock:
            self._boot = boot or f"{self._boot}+"
            self._mono_ms = mono_ms

    def _move(self, seconds: float) -> None:
        moved = round(max(0.0, seconds) * 1000)
        self._now_ms += moved
        self._mono_ms += moved
