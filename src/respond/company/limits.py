"""Rate limits over simulated time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Limit:
    """At most so many calls in any window of simulated seconds.

    Attributes:
        calls: ``None`` switches the limit off.
    """

    calls: int | None
    window_s: float
    _times: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> int | None:
        """Count one call, or say in how many whole seconds the next may come."""
        while self._times and self._times[0] <= now - self.window_s:
            self._times.popleft()
        if self.calls is None or len(self._times) < self.calls:
            self._times.append(now)
            return None
        return max(1, math.ceil(self._times[0] + self.window_s - now))

    @property
    def left(self) -> int:
        """Calls that remain in the window, as of the last ``take``; 0 if it is off."""
        return max(0, (self.calls or 0) - len(self._times))
