"""Say every request in the operational log: what was asked, what came back, how long it took.

Only with ``--verbose``. The journal has the facts; this is for finding out why a system is slow or
says no. No bodies, no queries, no headers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from respond.core.records import Frozen
from respond.core.script import Call, Reply
from respond.errors import StepFailedError
from respond.ports import Clock, Intent, Pen, Reader

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["LoggedPen", "LoggedReader"]


class _Log(Frozen):
    """Times one request and says how it went."""

    _log: FilteringBoundLogger
    _clock: Clock

    def around(self, event: str, call: Call, send: Callable[[], Reply], **more: Any) -> Reply:
        began = self._clock.mono_ms()
        words = {"connection": call.connection, "surface": call.surface, "request": call.says}
        try:
            reply = send()
        except StepFailedError as error:
            more |= {"error": type(error).__name__, "why": error.what}
            ms = self._clock.mono_ms() - began
            self._log.warning(f"{event}.failed", **words, **more, ms=ms)
            raise
        ms = self._clock.mono_ms() - began
        self._log.info(event, **words, **more, status=reply.status, ms=ms)
        return reply


class LoggedReader:
    """A reader that says what it read."""

    def __init__(self, reader: Reader, log: FilteringBoundLogger, clock: Clock) -> None:
        self._reader = reader
        self._log = _Log(log, clock)

    def fetch(self, call: Call) -> Reply:
        return self._log.around("request.read", call, lambda: self._reader.fetch(call))


class LoggedPen:
    """A pen that says what it wrote."""

    def __init__(self, pen: Pen, log: FilteringBoundLogger, clock: Clock) -> None:
        self._pen = pen
        self._log = _Log(log, clock)

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        return self._log.around(
            "request.written",
            call,
            lambda: self._pen.send(intent, call, digest),
            intent=intent.seq,
        )
