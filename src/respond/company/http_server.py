"""Serve the simulated company over HTTP/1.1 and SMTP on loopback.

One HTTP port, one path prefix for each surface of each vendor. Reading requests is done by hand:
a call must cost well under a millisecond, and faults need the bare connection.
"""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, Self
from urllib.parse import parse_qs, unquote

from respond.company import doors
from respond.company.exchange import SimDelivery, SimReply, SimRequest, as_json
from respond.company.listening import Listener, wait_for_leaving
from respond.company.mail_server import MailConversation
from respond.company.whole import Company

HOLD_S = 30.0
BODY_BYTES_MAX = 4_194_304
_LINE_BYTES_MAX = 65_536
_HEADERS_MAX = 200
_LOOPBACK = ("127.0.0.1", "localhost")

_DOORS = ("_sim",)


@dataclass(frozen=True, slots=True)
class _Head:
    """A request line and its headers."""

    method: str
    target: str
    headers: dict[str, str]
    keep: bool


class _BadRequestError(Exception):
    """What came is no HTTP/1.1 request that this server reads."""


class Server(doors.ReachedCompany):
    """A running company. Closing it ends every connection."""

    def __init__(self, company: Company, host: str, port: int) -> None:
        if host not in _LOOPBACK:
            raise ValueError(f"the simulated company listens on loopback only, not on {host}")
        self.company = company
        self.token = secrets.token_hex(16)
        self._mail = Listener(self._talk_smtp, host, 0, "sim-smtp")
        try:
            self._http = Listener(self._talk_http, host, port, "sim-http")
        except OSError:
            self._mail.close()
            raise
        self.smtp_port = self._mail.port
        self.base_url = f"http://{host}:{self._http.port}"
        self.reach()
        self.facts = {}
        for system in company.systems.values():
            self.facts |= system.opened(self.base_url)

    def reach(self) -> None:
        self._prefixes = {
            tuple(prefix.split("/")): (name, surface)
            for name, system in self.company.http.items()
            for prefix, surface in system.surfaces.items()
        }
        paths = ["/".join(prefix) for prefix in self._prefixes]
        self.urls = {path: f"{self.base_url}/{path}" for path in paths}

    def close(self) -> None:
        self._http.close()
        self._mail.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _talk_smtp(self, connection: socket.socket) -> None:
        company, closing = self.company, self._mail.closing
        MailConversation(connection, company.mail, company.faults, company.lock, closing).run()

    def _talk_http(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            peer = str(connection.getpeername()[0])
            try:
                while (head := _read_head(stream)) is not None:
                    body = _read_body(stream, head, connection)
                    delivery = self._receive(head, body, peer)
                    if not self._deliver(connection, head, delivery):
                        return
            except _BadRequestError as error:
                connection.sendall(_encode(as_json({"error": str(error)}, 400), keep=False))

    def _receive(self, head: _Head, body: bytes, peer: str) -> SimDelivery:
        path, _, query = head.target.partition("?")
        raw = tuple(path.strip("/").split("/"))
        surfaces = ((n, self._prefixes[raw[:n]]) for n in (3, 2, 1) if raw[:n] in self._prefixes)
        length, (system, surface) = next(surfaces, (1, ("", "")))
        request = SimRequest(
            method=head.method,
            surface=surface,
            path=f"/{'/'.join(raw[length:])}",
            parts=tuple(unquote(part) for part in raw[length:]),
            query=parse_qs(query, keep_blank_values=True) if query else {},
            headers=head.headers,
            body=body,
            peer=peer,
        )
        if system:
            return self.company.receive(system, request)
        if raw[:1] == _DOORS:
            return SimDelivery(doors.answer(self, request))
        return SimDelivery(as_json({"error": "no vendor lives here"}, 404))

    def _deliver(self, connection: socket.socket, head: _Head, delivery: SimDelivery) -> bool:
        """Send the answer as the delivery says. Returns whether the connection goes on."""
        if delivery.hold:
            wait_for_leaving(connection, self._http.closing, HOLD_S)
        if delivery.reply is None:
            return False
        if delivery.delay_s:
            time.sleep(delivery.delay_s)
        bare = head.method == "HEAD"
        connection.sendall(_encode(delivery.reply, keep=head.keep, bare=bare))
        return head.keep


def serve(company: Company, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Start serving; port 0 takes a free one.

    Raises:
        ValueError: for a host that is not loopback.
        OSError: if the port is taken.
    """
    return Server(company, host, port)


def _read_head(stream: BinaryIO) -> _Head | None:
    line = _line(stream)
    while line == b"\r\n":
        line = _line(stream)
    if not line:
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - RFC 9112.
        raise _BadRequestError("not an HTTP/1.1 request line")
    headers = _read_headers(stream)
    keep = words[2] == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return _Head(words[0], words[1], headers, keep)


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := _line(stream)) not in {b"\r\n", b"\n"}:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or len(headers) >= _HEADERS_MAX:
            raise _BadRequestError("headers are broken or too many")
        headers[name.lower()] = value.strip()
    return headers


def _read_body(stream: BinaryIO, head: _Head, connection: socket.socket) -> bytes:
    if head.headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        return _read_chunks(stream)
    length = head.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        raise _BadRequestError("Content-Length is no number or too large")
    return _exactly(stream, int(length))


def _read_chunks(stream: BinaryIO) -> bytes:
    parts: list[bytes] = []
    left = BODY_BYTES_MAX
    while size := _chunk_size(_line(stream)):
        left -= size
        if left < 0:
            raise _BadRequestError("the body is too large")
        parts.append(_exactly(stream, size))
        _line(stream)
    _read_headers(stream)
    return b"".join(parts)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise _BadRequestError("a chunk has no size") from None


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """So many bytes: half a request, from a caller who died, must not be carried out."""
    data = stream.read(size)
    if len(data) < size:
        raise _BadRequestError("the body ended early")
    return data


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(_LINE_BYTES_MAX)
    if len(line) == _LINE_BYTES_MAX:
        raise _BadRequestError("a line is too long")
    return line


_REASONS = {status.value: status.phrase for status in HTTPStatus}


def _encode(reply: SimReply, *, keep: bool, bare: bool = False) -> bytes:
    """The whole answer in one piece, so that it leaves in one packet."""
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, '')}"]
    if reply.content_type:
        lines.append(f"Content-Type: {reply.content_type}")
    if reply.status not in {204, 304}:
        lines.append(f"Content-Length: {len(reply.body)}")
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if not keep:
        lines.append("Connection: close")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (b"" if bare else reply.body)
