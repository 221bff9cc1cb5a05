"""Refuse requests whose head is too large, or says twice where its body ends.

A proxy in front and we could take such a body differently; what one of us takes for the rest of it,
the other takes for the next request.

Source: RFC 9112, section 6.3; RFC 6585, section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Framed"]

_HEADERS_MAX: Final = 100
_HEAD_BYTES_MAX: Final = 16_384
_BODY_ENDS: Final = frozenset({b"content-length", b"transfer-encoding"})


class Framed:
    """An ASGI application behind this check."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refused(scope) if scope["type"] == "http" else 0
        if refused:
            # What comes behind the head is nobody's request.
            await Response(status_code=refused, headers={"connection": "close"})(
                scope, receive, send
            )
        else:
            await self._app(scope, receive, send)


def _refused(scope: Scope) -> int:
    headers = scope["headers"]
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) for name, value in headers)
    if len(headers) > _HEADERS_MAX or size > _HEAD_BYTES_MAX:
        return 431
    return 400 if {name for name, _ in headers} >= _BODY_ENDS else 0
