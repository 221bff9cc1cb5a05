"""Send the bytes of one request, once, and say what came back or how far it got.

The only module that uses httpx, and ``adapters.http`` imports it when the first request
leaves. It knows no system and makes no errors of ours: it answers ``Raw`` or ``Broken``.

What sends is a transport of httpx, without its client: there is nothing that could follow a
redirect, keep a cookie or read a proxy from the environment. Connections come from httpcore, the
pool underneath httpx, because two things can be said only there: one deadline over the whole answer
(httpx has one for each read, so that a server could drip for hours), and which client may send
which verb.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, cast
from weakref import WeakSet

import httpcore

from respond.adapters.http.answer import Broken, How, Raw
from respond.adapters.http.only_httpx import httpx
from respond.adapters.http.request import WriteRefusedError
from respond.adapters.sockets import InwardError, outward, tls_context
from respond.adapters.way import WayThere
from respond.ports import Clock

__all__ = ["FAULTS", "Pool", "public_authorities", "send"]

Safe = Callable[[str, str, bytes, Sequence[tuple[str, str]]], bool]

FAULTS: Final = (httpx.HTTPError, httpx.InvalidURL)
"""What httpx raises where another library sends with it, and no usable answer comes."""

_KEEP_S: Final = 5.0
_CONNECTIONS_MAX: Final = 16
_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})
"""Verbs whose requests say that they have no body (RFC 9110, section 8.6)."""
_LINE_ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)


class Pool:
    """The connections of one run, shared by a client that can only read and one that writes.

    Args:
        may_write: Asked before each piece of a request that can change something leaves.
    """

    def __init__(self, clock: Clock, may_write: Callable[[], bool]) -> None:
        self.deadlines = _Deadlines(clock)
        self._may_write = may_write
        self._pools: dict[tuple[bool, str, str, bool], httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()
        self._streams: WeakSet[_Timed] = WeakSet()
        self._is_closed = False

    def opened(self, stream: _Timed) -> _Timed:
        """A new connection of this pool.

        Raises:
            ConnectError: The pool is closed; the connection is too.
        """
        with self._lock:
            if not self._is_closed:
                self._streams.add(stream)
                return stream
        stream.close()
        raise httpcore.ConnectError("the run is over")

    def through(self, way: WayThere, *, secure: bool) -> httpcore.ConnectionPool:
        """The connections of one way.

        Raises:
            NotReadyError: Its authorities cannot be used.
        """
        key = secure, way.ca, way.proxy, way.inside
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._made(way, secure=secure)
            return self._pools[key]

    def _made(self, way: WayThere, *, secure: bool) -> httpcore.ConnectionPool:
        context = None
        if secure:
            context = tls_context(way) if way.ca else public_authorities()
        kept: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": _CONNECTIONS_MAX,
            "max_keepalive_connections": _CONNECTIONS_MAX,
            "keepalive_expiry": _KEEP_S,
            "retries": 0,
            "network_backend": _Network(self, way),
        }
        return (
            httpcore.HTTPProxy(way.proxy, **kept) if way.proxy else httpcore.ConnectionPool(**kept)
        )

    def reading_client(self, safe: Safe) -> httpx.BaseTransport:
        """A client that has no way to send anything but what ``safe`` knows to read.

        ``safe`` gets method, origin, target and headers of a request.
        """

        def permit(request: httpx.Request) -> None:
            headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
            target = request.extensions["target"]
            if not safe(request.method, str(request.url), target, headers):
                raise WriteRefusedError(f"a reading client was given a {request.method}")

        return _Wire(self, permit, lambda: True)

    def writing_client(self) -> httpx.BaseTransport:
        return _Wire(self, lambda _: None, self._may_write)

    def close(self) -> None:
        """End it, with what other threads still read: nobody waits for that any more."""
        with self._lock:
            self._is_closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.cut()
        for pool in self._pools.values():
            pool.close()


@cache
def public_authorities() -> ssl.SSLContext:
    """A context that trusts the world's authorities; to load them takes 20 ms and more."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


def send(
    client: httpx.BaseTransport,
    method: str,
    origin: httpx.URL,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
    content: bytes | None,
    *,
    way: WayThere,
    timeout_s: float,
    body_bytes_max: int,
) -> Raw | Broken:
    """Send one request once and read its answer to the end, within ``timeout_s`` in all."""
    # All that httpx would add stands here: that spares it from looking for what to add.
    framing = [(b"Host", origin.netloc)]
    if content or method in _WITH_LENGTH:
        framing.append((b"Content-Length", b"%d" % len(content or b"")))
    request = httpx.Request(
        method,
        origin,
        headers=framing + headers,
        stream=httpx.ByteStream(content or b""),
        extensions={
            # The target goes to the wire as it is: httpx would fold dot segments and undo quotes.
            "target": target,
            "way": way,
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s),
        },
    )
    try:
        response = client.handle_request(request)
    except _LateError as error:
        return Broken(How.CUT if error.begun else How.LATE, "", error)
    except _LINE_ERRORS as error:
        return _broken(error)
    try:
        return _read(response, 0 if method == "HEAD" else body_bytes_max)
    except _LINE_ERRORS as error:
        return _broken(error)
    finally:
        response.close()


def _read(response: httpx.Response, body_bytes_max: int) -> Raw | Broken:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        if name != "set-cookie":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if headers.get("content-encoding", "identity") != "identity":
        return _no_more(How.ENCODED, headers["content-encoding"][:40])
    # The answer to HEAD tells the length of a body that does not come.
    length = headers.get("content-length", "0") if body_bytes_max else "0"
    if len(length) > len(str(body_bytes_max)) or int(length) > body_bytes_max:
        return _no_more(How.TOO_LONG, f"more than {body_bytes_max} bytes")
    parts: list[bytes] = []
    size = 0
    # Not ``iter_raw``, which counts, times and cuts to length what is not wanted here.
    for part in cast("httpx.SyncByteStream", response.stream):
        size += len(part)
        if size > body_bytes_max:
            return _no_more(How.TOO_LONG, f"more than {body_bytes_max} bytes")
        parts.append(part)
    return Raw(response.status_code, headers, b"".join(parts))


def _no_more(how: How, detail: str) -> Broken:
    return Broken(how, detail, ValueError(how.value))


def _broken(error: Exception) -> Broken:
    """Say how far the request got."""
    match error:
        case httpcore.PoolTimeout():
            return Broken(How.CROWDED, "", error)
        case httpcore.ConnectTimeout():
            return Broken(How.NOT_CONNECTED, "it took too long", error)
        case httpcore.ConnectError():
            return _not_connected(error)
        case httpcore.ProxyError():
            return Broken(How.NO_TUNNEL, str(error), error)
        case httpcore.ReadTimeout() | httpcore.WriteTimeout():
            return Broken(How.TIMED_OUT, "", error)
        case httpcore.ReadError() | httpcore.WriteError():
            return Broken(How.CUT, "", error)
        case httpcore.RemoteProtocolError() if "disconnected" in str(error) or (
            "closed connection" in str(error)
        ):
            return _no_more(How.CUT, "")
        # h11 puts the line that it could not read into its error, and with it what a hostile
        # or merely talkative server echoes. The chain of exceptions ends here.
        case _:
            return _no_more(How.GARBLED, "")


def _not_connected(error: Exception) -> Broken:
    cause = error.__cause__ or error.__context__
    match cause:
        case ssl.SSLCertVerificationError():
            return Broken(How.NOT_TRUSTED, cause.verify_message, error)
        case ssl.SSLError():
            return Broken(How.NO_TLS, cause.reason or "", error)
        case InwardError():
            return Broken(How.INWARD, cause.strerror or "", error)
        case socket.gaierror():
            return Broken(How.NOT_FOUND, "", error)
        case OSError():
            return Broken(How.NOT_CONNECTED, cause.strerror or "", error)
        case _:
            return Broken(How.NOT_CONNECTED, "", error)


# --- underneath httpx ---------------------------------------------------------------------------


class _Wire(httpx.BaseTransport):
    """Hands a request to the pool, as ``httpx.HTTPTransport`` does, after ``permit``."""

    def __init__(
        self, pool: Pool, permit: Callable[[httpx.Request], None], may_send: Callable[[], bool]
    ) -> None:
        self._pool = pool
        self._permit = permit
        self._may_send = may_send

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._permit(request)
        url, way = request.url, request.extensions["way"]
        self._pool.deadlines.begin(request.extensions["timeout"]["read"], self._may_send)
        answer = self._pool.through(way, secure=url.scheme == "https").handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme,
                    host=url.raw_host,
                    port=url.port,
                    target=request.extensions["target"],
                ),
                headers=request.headers.raw,
                content=request.stream,
                # And no more: httpcore would take "target" for that of a proxy's CONNECT, too.
                extensions={"timeout": request.extensions["timeout"]},
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer.stream))


class _Stream(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class _LateError(Exception):
    """Nothing more may be sent; ``begun``: something of the request has left."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class _Deadlines(threading.local):
    """Until when the request of this thread may take, and whether it may still be sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_ms = 0
        self._may_send: Callable[[], bool] = lambda: True
        self._begun = False

    def begin(self, seconds: float, may_send: Callable[[], bool]) -> None:
        self._until_ms = self._clock.mono_ms() + int(seconds * 1000)
        self._may_send = may_send
        self._begun = False

    def check(self) -> None:
        """The last look before bytes leave: between it and the wire nothing is done."""
        if not self._may_send():
            raise _LateError(begun=self._begun)
        self._begun = True

    def left_s(self, timeout_s: float | None, over: type[Exception]) -> float:
        """What is left, but no more than ``timeout_s``; raises ``over`` when nothing is."""
        left = (self._until_ms - self._clock.mono_ms()) / 1000
        left = left if timeout_s is None else min(left, timeout_s)
        if left <= 0:
            raise over("the deadline has passed")
        return left


class _Network(httpcore.NetworkBackend):
    """Opens connections whose every read and write knows the deadline."""

    def __init__(self, pool: Pool, way: WayThere) -> None:
        self._pool = pool
        # A proxy looks names up itself, and decides where one may go.
        self._anywhere = way.inside or bool(way.proxy)
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            places = (host,) if self._anywhere else outward(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for place in places[:-1]:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._timed(place, port, timeout, local_address, socket_options)
        return self._timed(places[-1], port, timeout, local_address, socket_options)

    def _timed(self, *where: Any) -> _Timed:
        stream = self._sockets.connect_tcp(*where)
        return self._pool.opened(_Timed(stream, self._pool))


class _Timed(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, pool: Pool) -> None:
        self._stream = stream
        self._pool = pool
        self._deadlines = pool.deadlines

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadlines.left_s(timeout, httpcore.ReadTimeout)
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._deadlines.left_s(timeout, httpcore.WriteTimeout)
        self._deadlines.check()
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def cut(self) -> None:
        """Wake whoever reads from it or writes to it."""
        with contextlib.suppress(OSError):
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadlines.left_s(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return self._pool.opened(_Timed(stream, self._pool))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
