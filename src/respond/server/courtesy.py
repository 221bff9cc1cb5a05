"""Let who is answered go first: threads that plan wait a little while a delivery is under way.

The threads of one interpreter take turns, and a plan has much to compute: without this a storm that
begins many runs would wait for all of their plans.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from respond.core.events import Record
from respond.core.script import Call, Reply
from respond.ports import Reader
from respond.views.live import QuietProgress

__all__ = ["CourteousProgress", "CourteousReader", "Courtesy"]

_PATIENCE_S: Final = 0.25
"""A storm makes plans slow, and never stops them."""


class Courtesy:
    """Answers are under way in one thread; who works in another gives way to them.

    Args:
        patience_s: How long one look waits at most.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
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

    def give_way(self) -> None:
        """Wait until nobody is answered, or patience is over."""
        self._quiet.wait(self._patience_s)


@dataclass(frozen=True, slots=True)
class CourteousReader:
    """A ``Reader`` that gives way before each request."""

    reader: Reader
    courtesy: Courtesy

    def fetch(self, call: Call) -> Reply:
        self.courtesy.give_way()
        return self.reader.fetch(call)


class CourteousProgress(QuietProgress):
    """Tells nobody anything, and gives way at each step and behind each record."""

    def __init__(self, courtesy: Courtesy) -> None:
        super().__init__()
        self._courtesy = courtesy

    def say(self, text: str) -> None:
        super().say(text)
        self._courtesy.give_way()

    def event(self, record: Record) -> None:
        super().event(record)
        self._courtesy.give_way()
