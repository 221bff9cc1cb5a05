"""How long a process may still write after its last confirmed sign of life.

Whoever gives no sign of life for ``STALLED_S`` is taken for dead, and another takes its work over.
A process that was only stopped does not know that: the lease ends before, by a clock that goes on
while it is stopped, so that nothing of it leaves once another may have begun (P4).
"""

from __future__ import annotations

from typing import Final

from respond.ports import Clock

__all__ = ["BEAT_S", "LEASE_S", "STALLED_S", "Lease"]

BEAT_S: Final = 1.0
"""Pause between two signs of life."""

LEASE_S: Final = 2.0
STALLED_S: Final = 3.0
"""Longer than the lease, by what a request needs from the last look at it to the wire and there."""


class Lease:
    """Whether this process may write. It may be asked from several threads.

    Args:
        clock: Its ``mono_ms`` counts while the machine sleeps and the process is stopped.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_ms = 0

    def asked(self) -> int:
        """When a sign of life is about to be given; for ``confirmed``."""
        return self._clock.mono_ms()

    def confirmed(self, asked_ms: int) -> None:
        """It arrived, and nobody had taken us for dead. It counts from when it was given."""
        self._until_ms = asked_ms + round(LEASE_S * 1000)

    def end(self) -> None:
        """We are taken for dead, or have stopped."""
        self._until_ms = 0

    def holds(self) -> bool:
        """Whether what is sent now leaves before anybody else may do our work."""
        return self._clock.mono_ms() < self._until_ms
