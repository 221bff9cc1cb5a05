"""Listen on an address that somebody chose, or say why that cannot be."""

from __future__ import annotations

import socket
from typing import Final

from respond.core.showable import showable
from respond.errors import UsageError

__all__ = ["PORT_MAX", "bound_to"]

PORT_MAX: Final = 65_535
_BACKLOG: Final = 1_024


def bound_to(address: str, port: int) -> socket.socket:
    """A listening socket. The protocol is named: without it asyncio sets no TCP_NODELAY.

    Raises:
        UsageError: The address or port cannot be used.
    """
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        family, place = found[0], found[4]
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(_BACKLOG)  # Who comes before the server is up waits a moment, and is served.
    except (OSError, UnicodeError) as error:  # The second: a name that no host can have.
        raise UsageError(
            f"{showable(address, limit=80)} port {port} cannot be used",
            why=getattr(error, "strerror", None) or str(error),
            do="take another: --port N, --listen ADDRESS",
        ) from error
    return bound
