"""Let who is answered go first: threads that plan wait a little while a delivery is under way.

The threads of one interpreter take turns, and a plan has much to compute: without this a storm that
begins many runs would wait for all of their plans.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from respond.core.records import Frozen
from respond.core.script import Call, Reply
from respond.ports import Reader
from respond.views.live import QuietProgress

__all__ = ["CourteousProgress", "CourteousReader", "Courtesy", "Guest"]

_PATIENCE_S: Final = 0.25
_IN_ALL_S: Final = 5.0
"""Whoever goes on sending, forged or not, makes a plan slower by this at most."""


class Courtesy:
    """Answers are under way in one thread; who works in another gives way to them."""

    def __init__(self) -> None:
        self._answering = 0
        self._quiet = threading.Event()
        self._quiet.set()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Somebody is answered meanwhile."""
        self._answering += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self._quiet.set()

    def wait(self, seconds: float) -> None:
        """Until nobody is answered, or so long."""
        self._quiet.wait(seconds)


class Guest:
    """One run while a server carries it on: it gives way, and its patience has an end.

    Args:
        patience_s: How long one look waits at most, and
        in_all_s: all of them together.
    """

    def __init__(
        self, courtesy: Courtesy, *, patience_s: float = _PATIENCE_S, in_all_s: float = _IN_ALL_S
    ) -> None:
        self._courtesy = courtesy
        self._patience_s = patience_s
        self._left_s = in_all_s

    def give_way(self) -> None:
        """Wait until nobody is answered, or patience is over."""
        if self._left_s > 0:
            began = time.monotonic()
            self._courtesy.wait(min(self._patience_s, self._left_s))
            self._left_s -= time.monotonic() - began


class CourteousReader(Frozen):
    """A ``Reader`` that gives way before each request."""

    reader: Reader
    guest: Guest

    def fetch(self, call: Call) -> Reply:
        self.guest.give_way()
        return self.reader.fetch(call)


class CourteousProgress(QuietProgress):
    """Tells nobody anything, and gives way at each step, but never between record and request."""

    def __init__(self, guest: Guest) -> None:
        super().__init__()
        self._guest = guest

    def say(self, text: str) -> None:
        super().say(text)
        self._guest.give_way()
