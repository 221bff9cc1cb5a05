"""Take webhook deliveries: ``/hooks/SOURCE``. Read, judge, keep durably, answer.

The only door that strangers may knock at, so everything stands in one order: the source, the
method, the encoding, size and time while reading, the signature over the raw bytes, the rate, and
only then what is inside. It proposes nothing and knows no runbook: who works the inbox does.

What an answer means:

- 202: it is on the disk. Also when it is genuine and of no use: a sender that is told 4xx for that
  drops events, and after three it switches the page off for a day.
- 401: it is not proved to be genuine, in the same words for every reason.
- 503: our own trouble, or too much at once; come again. Never 429: some senders give up then.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets as random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from starlette.responses import JSONResponse, Response

from respond.core.incoming import Delivery
from respond.core.records import Frozen
from respond.errors import NotReadyError, RespondError
from respond.ports import Clock, Inbox, Kept, ServerMemory, Took
from respond.senders import (
    Headers,
    NotGenuineError,
    Options,
    Proven,
    Sender,
    SenderSecrets,
    UnusableError,
    check_secret,
    refuses_encoding,
)
from respond.server.metrics import Metrics
from respond.server.own_memory import OwnMemory
from respond.server.supervising import foreseen

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

__all__ = ["OnClick", "Receiver", "ReceivingLimits", "Source"]

OnClick: TypeAlias = Callable[[str, bytes], tuple[int, Mapping[str, Any] | None]]
"""Takes a source's name and the raw body of a click whose signature is genuine; gives status and
JSON. It is called in a worker thread, may raise ``UnusableError`` and any ``RespondError``."""

_SECRETS_LIVE_MS: Final = 60_000
_SECRETS_RETRY_MS: Final = 5_000
"""A store that does not answer is not asked for every delivery."""
_ROOM_MS: Final = 1_000
_COME_AGAIN_S: Final = 10
_UNKNOWN: Final = "unknown source"


class Source(Frozen):
    """One ``[sources.NAME]``, ready to be listened to.

    Attributes:
        secrets: Gives the active secrets; asked at the start and at most once a minute after it,
            so that a rotation needs no restart. Raises ``RespondError`` when it can not.
        rate: Genuine deliveries a minute; more are told to come again.
    """

    sender: Sender
    secrets: Callable[[], SenderSecrets]
    options: Options = field(default_factory=dict)
    rate: int = 600


class ReceivingLimits(Frozen):
    """What strangers can take of this process.

    Attributes:
        read_s: Time for one body, in seconds.
        queue_max: Events that may wait, and that may be held of one source.
        requests_max: Requests that are being read or judged at once.
        held_bytes_max: Bytes of all bodies that are held at once.
        discarded_bytes_max: Of a body that is refused unread, what is read and thrown away so
            that the sender gets its answer and not a broken connection.
        threads: Deliveries that are judged and kept at once.
    """

    read_s: float = 5.0
    queue_max: int = 1_000
    requests_max: int = 256
    held_bytes_max: int = 64 << 20
    discarded_bytes_max: int = 32 << 20
    threads: int = 4


class _Answer(Frozen):
    """What the sender is told, and what the log calls it."""

    status: int
    result: str
    content: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    delivery: str = ""
    why: str = ""


def _refused(status: int, result: str, **headers: str) -> _Answer:
    """An answer whose words are the same for every request."""
    return _Answer(status, result, {"error": result}, headers)


def _not_now(result: str, *, after_s: int = _COME_AGAIN_S, why: str = "") -> _Answer:
    return _Answer(503, result, {"error": "not now"}, {"retry-after": str(after_s)}, why=why)


_NOT_GENUINE: Final = _refused(401, "not genuine")


class Receiver:
    """An ASGI application for one route whose path parameter is ``source``.

    Attributes:
        on_new: Called on the event loop once something new was kept and its sender was answered.
        memory: Counts what each source sends, here and at other servers.
        trouble: Why nobody carries on what comes in, or empty; then nothing is taken.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        inbox: Inbox,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
        metrics: Metrics,
        on_new: Callable[[], None],
        memory: ServerMemory | None = None,
        on_click: OnClick | None = None,
        trouble: Callable[[], str] = lambda: "",
        limits: ReceivingLimits | None = None,
    ) -> None:
        """Read every source's secrets.

        Raises:
            NotReadyError: A secret is missing, empty, short or malformed. An empty one would
                verify what anybody signs.
        """
        self._desks = {name: _Desk(name, each, clock) for name, each in sources.items()}
        for desk in self._desks.values():
            desk.secrets()
        self._inbox = inbox
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._on_new = on_new
        self._memory = memory or OwnMemory(clock)
        self._on_click = on_click
        self._trouble = trouble
        self._limits = limits or ReceivingLimits()
        self._budget = _Budget(self._limits.requests_max, self._limits.held_bytes_max)
        self._room = _Room(inbox, clock, self._limits.queue_max)
        self._threads = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="receiving")

    def close(self) -> None:
        """Wait for what is being kept; call it when the server takes no more requests."""
        self._threads.shutdown(wait=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_ms = self._clock.mono_ms()
        desk = self._desks.get(scope["path_params"]["source"])
        body = _Body(receive, self._budget, self._limits)
        try:
            answer = await self._answer(desk, scope, body)
            size = body.size
        except _GoneAwayError:
            return
        finally:
            body.let_go()
        response = (
            Response(status_code=answer.status)
            if answer.content is None
            else JSONResponse(answer.content, answer.status)
        )
        # What the sender still sends would be taken for its next request.
        response.headers.update(
            answer.headers if body.ended else {**answer.headers, "connection": "close"}
        )
        try:
            self._say(desk, answer, size, began_ms)
            await response(scope, receive, send)
        finally:
            # Not before: whoever works the inbox would share the interpreter with the answer.
            if answer.result == Took.NEW.value:
                self._on_new()

    async def _answer(self, desk: _Desk | None, scope: Scope, body: _Body) -> _Answer:
        refused = _refused_unread(desk, scope)
        if refused is None and not self._budget.enter():
            refused = _not_now("busy")
        if refused is not None or desk is None:
            await body.discard()
            return refused or _refused(404, _UNKNOWN)
        try:
            fault = await body.read(desk.source.sender.body_max)
            if fault is not None:
                return fault
            # Digests and decoders of some MiB would hold up everybody else here.
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._judged, desk, scope["headers"], body.take()
            )
        finally:
            self._budget.leave()

    def _say(self, desk: _Desk | None, answer: _Answer, size: int, began_ms: int) -> None:
        ms = self._clock.mono_ms() - began_ms
        source = desk.name if desk else ""
        self._metrics.delivered(source, answer.result, ms)
        words = {
            "source": source,
            "sender": desk.source.sender.name if desk else "",
            "status": answer.status,
            "result": answer.result,
            "delivery": answer.delivery,
            "bytes": size,
            "ms": ms,
        }
        if answer.why:
            words["why"] = answer.why
        if answer.status in _FINE and answer.result not in _STRANGE:
            self._log.info("delivery.received", **words)
        else:
            self._log.warning("delivery.received", **words)

    # --- in a worker thread ---------------------------------------------------------------------

    def _judged(self, desk: _Desk, headers: Headers, body: bytes) -> _Answer:
        try:
            with foreseen(self._log, "delivery.broke", source=desk.name):
                try:
                    return self._judge(desk, headers, body)
                except NotGenuineError:
                    return _NOT_GENUINE
        except RespondError as error:
            # A secret that cannot be read, a disk without room: ours, and the sender keeps it.
            return _not_now("own trouble", why=f"{error.what}: {error.why}")

    def _judge(self, desk: _Desk, headers: Headers, body: bytes) -> _Answer:
        now_ms = self._clock.now_ms()
        source = desk.source
        proof = source.sender.verify(desk.secrets(), source.options, headers, body, now_ms // 1_000)
        wait_s = self._memory.wait_s(desk.name, source.rate)
        if wait_s:
            return _not_now("too many", after_s=wait_s)
        if source.sender.brings_clicks:
            return self._clicked(desk, body)
        trouble = self._trouble()
        if trouble:
            return _not_now("own trouble", why=trouble)
        waiting, held = self._room.open(desk.name)
        if waiting >= self._limits.queue_max:
            return _not_now("queue is full")
        if held >= self._limits.queue_max:
            return _not_now("too many are held", why="its runs wait for their turn")
        kept, why = self._keep(desk, proof, headers, body, now_ms)
        content = {"delivery": kept.delivery_id, "result": kept.result.value}
        return _Answer(
            source.sender.success, kept.result.value, content, delivery=kept.delivery_id, why=why
        )

    def _keep(
        self, desk: _Desk, proof: Proven, headers: Headers, body: bytes, now_ms: int
    ) -> tuple[Kept, str]:
        sender = desk.source.sender
        delivery = Delivery(
            id=f"D-{random.token_hex(10)}",
            source=desk.name,
            sender=sender.name,
            their_id=proof.their_id,
            body_digest=hashlib.sha256(body).hexdigest(),
            at_ms=now_ms,
            weak=proof.weak,
        )
        notes: list[str] = []
        try:
            events = sender.events(desk.source.options, headers, body, notes.append)
        except UnusableError as error:
            events, notes = (), [str(error)]
        self._room.taken(len(events))
        unusable, by_body = "; ".join(notes), proof.signed_at_s is None
        return self._inbox.keep(delivery, events, unusable, by_body=by_body), unusable

    def _clicked(self, desk: _Desk, body: bytes) -> _Answer:
        if self._on_click is None:
            return _Answer(desk.source.sender.success, "ignored", why="nobody waits for clicks")
        try:
            status, content = self._on_click(desk.name, body)
        except UnusableError as error:
            return _Answer(desk.source.sender.success, "ignored", why=str(error))
        return _Answer(status, "clicked", content)


_FINE: Final = frozenset({200, 202})
_STRANGE: Final = frozenset({Took.CONFLICT.value, Took.IGNORED.value})


def _refused_unread(desk: _Desk | None, scope: Scope) -> _Answer | None:
    if desk is None:
        return _refused(404, _UNKNOWN)
    methods = desk.source.sender.methods
    if scope["method"] not in methods:
        return _refused(405, "wrong method", allow=", ".join(sorted(methods)))
    if refuses_encoding(scope["headers"]):
        return _refused(415, "content encoding")
    return None


# --- room in the inbox ----------------------------------------------------------------------------


class _Room:
    """How many events are open, at most; the inbox is asked where that could be too many.

    While there is room it is asked once a second, and what was kept here since is added. So this
    server never takes more than there is room for; another one may have been quicker within that
    second.
    """

    def __init__(self, inbox: Inbox, clock: Clock, most: int) -> None:
        self._inbox = inbox
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._taken = 0
        self._seen: tuple[int, int, int, Mapping[str, int]] | None = None

    def open(self, source: str) -> tuple[int, int]:
        """How many wait, and how many of the source are held; or more."""
        mono_ms = self._clock.mono_ms()
        with self._lock:
            taken, seen = self._taken, self._seen
        if seen is not None and 0 <= mono_ms - seen[0] < _ROOM_MS:
            _, then, waiting, held = seen
            most = max(waiting, held.get(source, 0)) + taken - then
            if most < self._most:
                return most, most
        waiting, held = self._inbox.count_open()
        with self._lock:
            self._seen = (mono_ms, taken, waiting, held)
        return waiting, held.get(source, 0)

    def taken(self, events: int) -> None:
        """Say that so many more will wait, before they are kept."""
        with self._lock:
            self._taken += events


# --- one source -----------------------------------------------------------------------------------


class _Desk:
    """What is remembered of one source: its secrets, for a minute."""

    def __init__(self, name: str, source: Source, clock: Clock) -> None:
        self.name = name
        self.source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._secrets: SenderSecrets | None = None
        self._fault: RespondError | None = None
        self._read_ms: int | None = None
        self._live_ms = 0

    def secrets(self) -> SenderSecrets:
        """The active secrets, read again when they are a minute old.

        Raises:
            NotReadyError: They cannot be read or used. Old ones are not used instead: one of them
                may have been taken away because somebody else has it.
        """
        # While somebody reads them anew, the ones of a minute ago serve the others.
        if self._reading.acquire(blocking=self._secrets is None):
            try:
                self._renew()
            finally:
                self._reading.release()
        found, fault = self._secrets, self._fault
        if found is None:
            raise fault or NotReadyError(f"the secret of the source {self.name} was not read yet")
        return found

    def _renew(self) -> None:
        now = self._clock.mono_ms()
        if self._read_ms is not None and now - self._read_ms < self._live_ms:
            return
        try:
            self._secrets, self._fault = self._read(), None
            self._live_ms = _SECRETS_LIVE_MS
        except RespondError as error:
            self._secrets, self._fault = None, error
            self._live_ms = _SECRETS_RETRY_MS
        self._read_ms = now

    def _read(self) -> SenderSecrets:
        found = self.source.secrets()
        faults = [check_secret(self.source.sender, value) for value in found.values]
        fault = next((each for each in faults if each), "" if faults else "there is none")
        if fault:
            raise NotReadyError(
                f"the secret of the source {self.name} cannot be used",
                why=fault,
                do=f"`respond connect {self.name}` stores another one",
            )
        return found


# --- reading --------------------------------------------------------------------------------------


class _GoneAwayError(Exception):
    """The sender hung up; there is nobody to answer."""


class _Budget:
    """What all requests together may take. Used on the event loop only, so it has no lock."""

    def __init__(self, requests_max: int, bytes_max: int) -> None:
        self._requests = requests_max
        self._bytes = bytes_max

    def enter(self) -> bool:
        if self._requests <= 0:
            return False
        self._requests -= 1
        return True

    def leave(self) -> None:
        self._requests += 1

    def hold(self, size: int) -> bool:
        if self._bytes < size:
            return False
        self._bytes -= size
        return True

    def give_back(self, size: int) -> None:
        self._bytes += size


class _Body:
    """One request's body. What is within the limits is held; the rest is read and thrown away.

    Attributes:
        size: Bytes that came.
        ended: All of it came.
    """

    def __init__(self, receive: Receive, budget: _Budget, limits: ReceivingLimits) -> None:
        self._receive = receive
        self._budget = budget
        self._limits = limits
        self._chunks: list[bytes] = []
        self._held = 0
        self.size = 0
        self.ended = False

    async def read(self, bytes_max: int) -> _Answer | None:
        """Hold the body, or say why not. What ``Content-Length`` says is not asked."""
        fault: _Answer | None = None
        try:
            async with asyncio.timeout(self._limits.read_s):
                while not self.ended and self.size <= self._limits.discarded_bytes_max:
                    chunk = await self._next()
                    if self.size > bytes_max:
                        fault = _refused(413, "too large")
                    elif fault is None and not self._budget.hold(len(chunk)):
                        fault = _not_now("busy")
                    if fault is None:
                        self._chunks.append(chunk)
                        self._held += len(chunk)
                    else:
                        self.let_go()
        except TimeoutError:
            return fault or _refused(408, "too slow")
        return fault

    async def discard(self) -> None:
        """Let a sender finish, within limits, whose request is refused."""
        try:
            async with asyncio.timeout(self._limits.read_s):
                while not self.ended and self.size <= self._limits.discarded_bytes_max:
                    await self._next()
        except TimeoutError:
            return

    def take(self) -> bytes:
        """The whole body; it counts as held until ``let_go``."""
        whole = b"".join(self._chunks)
        self._chunks.clear()
        return whole

    def let_go(self) -> None:
        self._chunks.clear()
        self._budget.give_back(self._held)
        self._held = 0

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            raise _GoneAwayError
        chunk: bytes = message.get("body", b"")
        self.size += len(chunk)
        self.ended = not message.get("more_body", False)
        return chunk
