"""Accept connections on a port, one thread for each, until closed."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

_BACKLOG = 128


class Listener:
    """A listening socket and the conversations that came of it.

    ``close`` ends them all: each thread finds its socket shut and returns.

    Attributes:
        closing: Set when the end has come; conversations that wait look at it.
    """

    def __init__(
        self, talk: Callable[[socket.socket], None], host: str, port: int, name: str
    ) -> None:
        self._talk = talk
        self._name = name
        self._socket = socket.create_server((host, port), backlog=_BACKLOG)
        self._wake, self._awake = socket.socketpair()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Stop listening and end every conversation. Again is harmless."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._wake.send(b"x")
        self._thread.join()
        with self._lock:
            for connection in self._open:
                shut(connection)
        for end in (self._socket, self._wake, self._awake):
            end.close()

    def _accept(self) -> None:
        somebody = _heard(self._socket, self._awake)
        while True:
            somebody.poll()
            if self.closing.is_set():
                return
            connection, _ = self._socket.accept()
            with self._lock:
                self._open.add(connection)
            threading.Thread(
                target=self._converse, args=(connection,), name=self._name, daemon=True
            ).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A caller that leaves is no trouble of ours, and conversations do no other I/O.
            with contextlib.suppress(OSError):
                self._talk(connection)
        finally:
            with self._lock:
                self._open.discard(connection)
                shut(connection)
                connection.close()


def shut(connection: socket.socket) -> None:
    """End both directions, whatever state they are in."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def wait_for_leaving(connection: socket.socket, closing: threading.Event, limit_s: float) -> None:
    """Stay silent until the caller leaves, the server closes, or the limit is over."""
    step_ms = 50
    caller = _heard(connection)
    for _ in range(int(limit_s * 1000 / step_ms)):
        if closing.is_set():
            return
        # Data that nobody asked for keeps the socket readable; only its end counts.
        if caller.poll(step_ms) and not connection.recv(4096):
            return


def _heard(*sockets: socket.socket) -> select.poll:
    """What waits for any of them, also where a thousand are open: ``select`` ends at 1,024."""
    ears = select.poll()
    for each in sockets:
        ears.register(each, select.POLLIN)
    return ears
