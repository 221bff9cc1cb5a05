"""A web server on loopback that answers exactly what a test has queued, and a transport to it.

The server knows no vendor. ``received`` holds every request as it came off the wire, its target
undecoded, so that a test can say what left the process and what did not.
"""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from respond.adapters.http.only_httpx import httpx
from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.core.records import Frozen
from respond.core.values import SecretHandle
from respond.errors import NotReadyError
from respond.ports import Clock
from respond.testing.settable_clock import SettableClock

__all__ = [
    "CannedAnswer",
    "FixedSecrets",
    "Loopback",
    "SeenRequest",
    "loopback_client",
    "page",
    "says",
    "transport_to",
]


_TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def loopback_client(**options: Any) -> httpx.Client:
    """A client for this machine, without TLS: to load the world's authorities takes 30 ms."""
    return httpx.Client(trust_env=False, verify=_TRUSTS_NOBODY, **options)


class SeenRequest(Frozen):
    """One request. Header names are lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


class CannedAnswer(Frozen):
    """What to answer: a status with a body, or raw bytes, or no word at all.

    Attributes:
        raw: Sent instead of everything else; then the connection is closed.
        cut: Close after so many bytes of the body; 0 closes before a status line.
        hold: Say nothing until the test ends.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Iterable[bytes] | None = None
    cut: int | None = None
    hold: bool = False


def says(value: Any, status: int = 200, **headers: str) -> CannedAnswer:
    """A JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return CannedAnswer(
        status, json.dumps(value).encode(), {"Content-Type": "application/json", **named}
    )


def page(status: int = 200, text: str = "<!DOCTYPE html><title>Log in</title>") -> CannedAnswer:
    """A page for people, which some systems send for any address."""
    return CannedAnswer(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


class Loopback:
    """Answers in the order queued; when nothing is queued, ``{}`` with 200.

    Attributes:
        received: Every request, in order.
        accepted: Connections that were opened, whether or not a request came.
        opened: Set with the first of them.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[SeenRequest] = []
        self.accepted = 0
        self.opened = threading.Event()
        self._answers: queue.SimpleQueue[CannedAnswer] = queue.SimpleQueue()
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes; with Nagle's algorithm each answer takes 40 ms.
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                outer._receive(self)

            def log_message(self, *_: object) -> None:
                """Tests read ``received`` instead."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def process_request(self, request: Any, client_address: Any) -> None:
                outer.accepted += 1
                outer.opened.set()
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that leaves early is no trouble of the test's."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def will(self, *answers: CannedAnswer) -> None:
        for answer in answers:
            self._answers.put(answer)

    @property
    def lines(self) -> list[str]:
        return [seen.line for seen in self.received]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _receive(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(SeenRequest(handler.command, handler.path, headers, body))
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            answer = CannedAnswer()
        if answer.hold:
            self._over.wait(30)
            handler.close_connection = True
            return
        if answer.raw is not None:
            for part in answer.raw:
                if self._over.is_set():
                    break
                handler.wfile.write(part)
            _shut(handler)
            return
        self._write(handler, answer)

    def _write(self, handler: BaseHTTPRequestHandler, answer: CannedAnswer) -> None:
        if answer.cut == 0:
            _shut(handler)
            return
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.status not in {204, 304}:
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if handler.command != "HEAD" and answer.status not in {204, 304}:
            handler.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            _shut(handler)


def _shut(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


class FixedSecrets:
    """Credentials and secrets of a run from a mapping.

    Attributes:
        asked: Names of all that were opened, in order.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: list[str] = []

    def credential(self, connection: str) -> str:
        self.asked.append(connection)
        if connection not in self._values:
            raise NotReadyError(f"the credential '{connection}' is not set")
        return self._values[connection]

    def opened(self, handle: SecretHandle) -> str:
        return self.credential(handle.name)


def transport_to(
    url: str,
    secrets: FixedSecrets,
    *,
    system: str,
    connection: str = "it",
    surfaces: Iterable[str] = ("api",),
    auth: str = "",
    clock: Clock | None = None,
    redactor: Redactor | None = None,
    options: Mapping[str, str] | None = None,
    **more: Any,
) -> HttpTransport:
    """A transport with one connection, all of whose surfaces lead to ``url``."""
    endpoint = Endpoint(
        connection,
        system,
        dict.fromkeys(surfaces, url),
        auth or system,
        loopback_ok=True,
        options=options or {},
    )
    return HttpTransport(
        {connection: endpoint},
        secrets,
        secrets.opened,
        clock or SettableClock(),
        user_agent="respond/test",
        redactor=redactor or Redactor(),
        **more,
    )
