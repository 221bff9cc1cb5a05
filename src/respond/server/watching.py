"""Answer whoever watches a process that has no pages: its health, and its figures."""

from __future__ import annotations

import socket
from dataclasses import field
from typing import Final

import uvicorn
from starlette.applications import Starlette

from respond.core.records import Mutable
from respond.server.health import Health

__all__ = ["Watching"]

_AT_ONCE: Final = 32


class Watching(Mutable):
    """A small server of its own for ``Health``, in a thread of the process that it is about.

    Attributes:
        bound: A listening socket; it is closed at the end.
    """

    health: Health
    bound: socket.socket
    _server: uvicorn.Server = field(init=False)

    def __post_init__(self) -> None:
        config = uvicorn.Config(
            Starlette(routes=self.health.routes()),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            limit_concurrency=_AT_ONCE,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answer until ``stop``."""
        self._server.run(sockets=[self.bound])

    def stop(self) -> None:
        """Answer nobody any more. It may be called from any thread."""
        self._server.should_exit = True
