"""Refuse requests whose head is too large, or says twice where its body ends.

A proxy in front and we could take such a body differently; what one of us takes for the rest of it,
the other takes for the next request.

Source: RFC 9112, section 6.3; RFC 6585, section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from respond.server.metrics import Metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

__all__ = ["Framed"]

_HEADERS_MAX: Final = 100
_HEAD_BYTES_MAX: Final = 16_384
_BODY_ENDS: Final = frozenset({b"content-length", b"transfer-encoding"})


class Framed:
    """An ASGI application behind this check."""

    def __init__(self, app: ASGIApp, log: FilteringBoundLogger, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused, why = _refused(scope) if scope["type"] == "http" else (0, "")
        if refused:
            self._metrics.refused(refused)
            self._log.warning("request.refused", status=refused, why=why)
            # What comes behind the head is nobody's request.
            await Response(status_code=refused, headers={"connection": "close"})(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, send)


def _refused(scope: Scope) -> tuple[int, str]:
    headers = scope["headers"]
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) for name, value in headers)
    if len(headers) > _HEADERS_MAX:
        return 431, f"more than {_HEADERS_MAX} headers"
    if size > _HEAD_BYTES_MAX:
        return 431, f"a head of more than {_HEAD_BYTES_MAX} bytes"
    if {name for name, _ in headers} >= _BODY_ENDS:
        return 400, "it says twice where its body ends: Content-Length and Transfer-Encoding"
    return 0, ""
