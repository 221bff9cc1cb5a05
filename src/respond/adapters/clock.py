"""The machine's clock. Nothing else asks what time it is."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

__all__ = ["JumpedClock", "SystemClock"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """Wall clock, monotonic clock, and the boot that the monotonic clock belongs to.

    Where the system does not tell its boot id, each object counts as a boot of its own: then
    monotonic times of two processes are never compared, which is weaker but never wrong.
    """

    def __init__(self, boot_id: Path = _BOOT_ID) -> None:
        self._boot = _read(boot_id) or f"process-{uuid.uuid4()}"

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        # The boot-time clock goes on counting while a laptop sleeps; time.monotonic need not.
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return time.monotonic_ns() // 1_000_000

    def today(self) -> date:
        """The day in UTC."""
        return datetime.now(UTC).date()

    def boot(self) -> str:
        return self._boot

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class JumpedClock(SystemClock):
    """The machine's clock, and what a rehearsal has jumped over before.

    Attributes:
        ahead_ms: How far it is ahead.
    """

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms

    def mono_ms(self) -> int:
        return super().mono_ms() + self.ahead_ms

    def goes_on_from(self, mono_ms: int, boot: str) -> None:
        """Never stand before this moment, if it is of the same boot."""
        if boot == self.boot():
            self.ahead_ms += max(0, mono_ms - self.mono_ms())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
