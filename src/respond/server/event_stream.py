"""Say that something changed, as server-sent events; what it is, the browser fetches as a page.

A stream carries no fact of a run, only that there is a new version of what somebody looks at. It
ends by itself after some minutes, and with the session; the browser comes back for another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from respond.errors import RespondError
from respond.ports import Clock

__all__ = ["Streams"]

_LOOK_EVERY_S: Final = 0.5
_TICK_MS: Final = 20_000
"""A message at least this often: what is asked runs out, and nothing is recorded when it does."""
_LIVES_MS: Final = 300_000
_STREAMS_MAX: Final = 64
_OF_ONE_MAX: Final = 8
"""Of one person, who may have left many tabs open."""


class Streams:
    """All open streams of a server; there may be only so many."""

    def __init__(self, clock: Clock, *, look_every_s: float = _LOOK_EVERY_S) -> None:
        self._clock = clock
        self._look_every_s = look_every_s
        self._open: Counter[str] = Counter()
        self._closing = False

    def close(self) -> None:
        """End every stream soon: the server stops."""
        self._closing = True

    def response(self, request: Request, who: str, version: Callable[[], str | None]) -> Response:
        """A stream that says whenever ``version`` gives something else than before.

        Args:
            who: Whose it is.
            request: Its ``since``, or the last event's id, is what the browser has already.
            version: Called in a worker thread; None ends the stream.
        """
        many = self._open.total() >= _STREAMS_MAX or self._open[who] >= _OF_ONE_MAX
        if many or self._closing:
            return PlainTextResponse("too many streams", 503, {"Retry-After": "15"})
        last = request.headers.get("last-event-id") or request.query_params.get("since", "")
        return StreamingResponse(
            self._messages(request, who, last, version), media_type="text/event-stream"
        )

    async def _messages(
        self, request: Request, who: str, last: str, version: Callable[[], str | None]
    ) -> AsyncIterator[str]:
        self._open[who] += 1
        began_ms = told_ms = self._clock.mono_ms()
        try:
            yield "retry: 2000\n\n"
            while not self._closing and not await request.is_disconnected():
                try:
                    now = await run_in_threadpool(version)
                except RespondError:
                    return  # The browser comes back, and is told by a page what is wrong.
                mono_ms = self._clock.mono_ms()
                if now is None or mono_ms - began_ms >= _LIVES_MS:
                    return
                if now != last or mono_ms - told_ms >= _TICK_MS:
                    last, told_ms = now, mono_ms
                    yield f"id: {now}\nevent: changed\ndata: {now}\n\n"
                await anyio.sleep(self._look_every_s)
        finally:
            self._open[who] -= 1
