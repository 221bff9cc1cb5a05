"""Call ``advance`` for the runs of a server: some threads, each run in one of them at a time.

A run that is woken while it is carried on is carried on once more. What a thread could not do is
tried again later by whoever wakes runs (``conducting``); nothing is remembered here that the
journal does not know.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final

from respond.server.supervising import Supervisor

__all__ = ["Workers"]

_STOP: Final = ""


class Workers:
    """Threads that carry runs on.

    Args:
        carry: Advances one run; it handles what can go wrong with one.
        threads: How many runs at the same time.
    """

    def __init__(self, carry: Callable[[str], None], threads: int, supervisor: Supervisor) -> None:
        self._carry = carry
        self._supervisor = supervisor
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued: set[str] = set()
        self._going: set[str] = set()
        self._stopping = False
        self._count = threads
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._threads = [
            self._supervisor.begin(f"worker-{number}", self._turn) for number in range(self._count)
        ]

    def wake(self, run: str) -> None:
        """See to it that the run is advanced once more, soon."""
        with self._lock:
            if self._stopping or run in self._queued:
                return
            self._queued.add(run)
            if run not in self._going:
                self._queue.put(run)

    def is_busy(self, run: str) -> bool:
        """Whether it is being carried on, or about to be."""
        with self._lock:
            return run in self._queued or run in self._going

    def stop(self, within_s: float) -> bool:
        """Begin nothing more, and wait for what goes on; whether all of it came to rest."""
        with self._lock:
            self._stopping = True
            self._queued.clear()
        alive = [thread for thread in self._threads if thread.is_alive()]
        for _ in alive:
            self._queue.put(_STOP)
        for thread in alive:
            thread.join(within_s / len(alive))
        return not any(thread.is_alive() for thread in alive)

    def _turn(self) -> None:
        run = self._queue.get()
        with self._lock:
            if self._stopping or run == _STOP:
                return
            self._queued.discard(run)
            self._going.add(run)
        try:
            self._carry(run)
        finally:
            with self._lock:
                self._going.discard(run)
                if run in self._queued:
                    self._queue.put(run)
