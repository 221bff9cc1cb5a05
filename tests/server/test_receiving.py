from __future__ import annotations

import asyncio
import io
import json
import math
import re
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route

from respond.adapters.clock import SystemClock
from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.errors import InboxUnusableError, NotReadyError
from respond.ports import Became, ServerMemory
from respond.senders import SENDERS, SenderSecrets, UnusableError
from respond.server.metrics import Metrics, TeamFigures
from respond.server.receiving import OnClick, Receiver, ReceivingLimits, Source
from respond.testing.contract_inbox import OpenInbox
from respond.testing.loopback import loopback_client
from respond.testing.senders import RETRIES, Retries, payload, secret_for, signed
from respond.testing.settable_clock import SettableClock

SCRIPT = Path(__file__).with_name("receiving_script.py")
NAMES = ("pagerduty", "alertmanager", "incidentio", "github", "slack", "grafana")
MIB = 1 << 20


def source(name: str, **more: Any) -> Source:
    return Source(SENDERS[name], lambda: SenderSecrets((secret_for(name),)), **more)


class Hooks:
    """A receiver over an inbox on disk, behind a real server on loopback."""

    def __init__(
        self,
        folder: Path,
        sources: Mapping[str, Source] | None = None,
        *,
        limits: ReceivingLimits | None = None,
        on_click: OnClick | None = None,
        inbox: OpenInbox | None = None,
        memory: ServerMemory | None = None,
    ) -> None:
        self.clock = SettableClock()
        own = folder / "state" / "inbox.db"
        self.inbox = inbox or SqliteInbox.open(own, clock=self.clock)
        self.said = io.StringIO()
        self.metrics = Metrics()
        self.woken = 0
        self.receiver = Receiver(
            sources or {name: source(name) for name in NAMES},
            self.inbox,
            clock=self.clock,
            log=make_logger(Redactor(), self.clock, self.said, verbosity=1),
            metrics=self.metrics,
            on_new=self._wake,
            on_click=on_click,
            limits=limits,
            memory=memory,
        )
        self.app = Starlette(routes=[Route("/hooks/{source}", self.receiver)])
        # asyncio sends small answers at once only on sockets that say that they are TCP.
        self.door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.door.bind(("127.0.0.1", 0))
        self.door.listen()
        self.address: tuple[str, int] = self.door.getsockname()
        self.client = loopback_client(
            base_url="http://{}:{}/hooks/".format(*self.address),
        )
        config = uvicorn.Config(self.app, log_config=None, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self.door],))
        self._thread.start()

    def close(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.receiver.close()
        self.inbox.close()
        self.door.close()

    def headers(self, name: str, body: bytes, delivery_id: str = "w-1") -> list[tuple[str, str]]:
        now_s = self.clock.now_ms() // 1000
        return signed(name, [secret_for(name)], body, now_s=now_s, delivery_id=delivery_id)

    def send(self, name: str, body: bytes, delivery_id: str = "w-1") -> httpx.Response:
        headers = self.headers(name, body, delivery_id)
        return self.client.post(name, content=body, headers=headers)

    def keys(self) -> list[str]:
        return [kept.event.key for kept in self.inbox.waiting(2000)]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said.getvalue().splitlines()]

    def _wake(self) -> None:
        self.woken += 1


Open = Callable[..., Hooks]


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Open]:
    """Opens servers, and closes them after the test."""
    opened: list[Hooks] = []

    def _open(*args: Any, **more: Any) -> Hooks:
        opened.append(Hooks(tmp_path, *args, **more))
        return opened[-1]

    yield _open
    for each in opened:
        each.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look until it is so, for two minutes at most."""
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end, "it never came"


@pytest.mark.parametrize("stays", [True, False], ids=["answered", "hung-up"])
def test_the_inbox_is_worked_once_the_sender_has_its_answer(tmp_path: Path, *, stays: bool) -> None:
    """Whoever works it shares the interpreter with the answer; a sender that went is no reason."""
    clock, order = SettableClock(), list[str]()
    body, now_s = payload("pagerduty"), clock.now_ms() // 1000
    headers = signed("pagerduty", [secret_for("pagerduty")], body, now_s=now_s)
    head = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        order.append(message["type"])
        if not stays:
            raise ConnectionResetError

    scope = {"type": "http", "method": "POST", "path_params": {"source": "pd"}, "headers": head}
    with SqliteInbox.open(tmp_path / "state" / "inbox.db", clock=clock) as inbox:
        receiver = Receiver(
            {"pd": source("pagerduty")},
            inbox,
            clock=clock,
            log=make_logger(Redactor(), clock, io.StringIO()),
            metrics=Metrics(),
            on_new=lambda: order.append("woken"),
        )
        with nullcontext() if stays else pytest.raises(ConnectionResetError):
            asyncio.run(receiver(scope, receive, send))
        receiver.close()
    answer = ["http.response.start", "http.response.body"] if stays else ["http.response.start"]
    assert order == [*answer, "woken"]


# --- what is taken --------------------------------------------------------------------------------


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", [name for name in NAMES if name != "slack"])
def test_a_genuine_delivery_is_kept_and_taken(hooks: Open, name: str) -> None:
    """202, an id, the event in the inbox, and whoever works the inbox is woken."""
    stage = hooks()
    answer = stage.send(name, payload(name))
    assert (answer.status_code, answer.json()["result"]) == (202, "new")
    (kept,) = stage.inbox.waiting(10)
    assert kept.delivery.id == answer.json()["delivery"]
    assert (kept.delivery.source, kept.delivery.sender) == (name, name)
    assert kept.delivery.at_ms == stage.clock.now_ms()
    assert kept.delivery.weak is (name == "alertmanager")
    wait_until(lambda: stage.woken == 1)


@pytest.mark.promise("P17")
def test_a_repeated_delivery_gets_the_same_id_and_wakes_nobody(hooks: Open) -> None:
    """However often it is sent, and by however many at once."""
    stage = hooks()
    body = payload("pagerduty")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stage.send("pagerduty", body), range(24)))
    told = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {202}
    assert len({each["delivery"] for each in told}) == 1
    assert sorted({each["result"] for each in told}) == ["duplicate", "new"]
    wait_until(lambda: stage.woken > 0)
    assert (len(stage.keys()), stage.woken) == (1, 1)


@pytest.mark.promise("P17")
def test_the_same_id_with_another_body_is_taken_as_a_conflict(hooks: Open) -> None:
    """The sender must not be told 4xx for it; people are told, and nothing is proposed."""
    stage = hooks()
    stage.send("pagerduty", payload("pagerduty", event="e-1"))
    answer = stage.send("pagerduty", payload("pagerduty", event="e-2"))
    assert (answer.status_code, answer.json()["result"]) == (202, "conflict")
    assert len(stage.keys()) == 1
    assert stage.lines()[-1]["level"] == "warning"


@pytest.mark.promise("P17")
def test_a_replay_under_an_id_that_nobody_signed_is_a_duplicate(hooks: Open) -> None:
    """GitHub's delivery id is the event's key and is not signed: the body's digest decides."""
    stage = hooks()
    body = payload("github")
    results = [stage.send("github", body, f"id-{n}").json()["result"] for n in range(3)]
    assert results == ["new", "duplicate", "duplicate"]


@pytest.mark.promise("P17", "P18")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"[]",
        b'{"event":{"id":"a","id":"b"}}',
        b'{"event":NaN}',
        b'{"event":"\\ud800"}',
        b"[" * 10_000 + b"]" * 10_000,
        b"[" * (MIB - 1),
        b"[" + b"1," * 20_000 + b"1]",
        b'{"event":"' + b"x" * 100_000 + b'"}',
    ],
)
def test_what_is_genuine_and_of_no_use_is_taken_and_said(hooks: Open, body: bytes) -> None:
    """Three 4xx in a row would switch the page off for a day; and it takes no time to say so."""
    stage = hooks()
    began = time.process_time()
    answer = stage.send("pagerduty", body)
    assert time.process_time() - began < 2
    assert (answer.status_code, answer.json()["result"]) == (202, "ignored")
    (line,) = stage.inbox.recent(10)
    assert (line.result, line.delivery) == ("ignored", answer.json()["delivery"])
    assert line.why
    assert stage.keys() == []


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.promise("P17")
def test_every_failure_of_authenticity_gets_the_same_answer(hooks: Open) -> None:
    """No signature, two, a wrong one, another source's, an old one: one status and one text."""
    stage = hooks()
    body = payload("pagerduty")
    good = stage.headers("pagerduty", body)
    stale = signed("incidentio", [secret_for("incidentio")], body, now_s=1)
    bearer = ("authorization", "Bearer wrong-wrong-wrong")
    attempts: list[tuple[str, list[tuple[str, str]]]] = [
        ("pagerduty", []),
        ("pagerduty", [*good, good[-1]]),
        ("pagerduty", [(name, value.replace("v1=", "v2=")) for name, value in good]),
        ("pagerduty", [(name, value[:-1]) for name, value in good]),
        ("pagerduty", [(name.replace("-", "_"), value) for name, value in good]),
        ("pagerduty", stage.headers("github", body)),
        ("github", good),
        ("incidentio", stale),
        ("slack", good),
        ("alertmanager", [bearer]),
        ("alertmanager", []),
        ("grafana", good),
    ]
    answers = [stage.client.post(name, content=body, headers=sent) for name, sent in attempts]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    shown = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in answers]
    assert all(each == shown[0] for each in shown)
    assert stage.inbox.recent(10) == []


@pytest.mark.promise("P17", "P18")
def test_source_method_and_encoding_are_asked_before_the_body(hooks: Open) -> None:
    """404, 405, 415: their words do not depend on what was sent."""
    stage = hooks()
    body = payload("pagerduty")
    headers = stage.headers("pagerduty", body)
    for place in ("nobody", "%00", "pagerduty%20", "..%2fpagerduty2"):
        answer = stage.client.post(place, content=body, headers=headers)
        assert answer.status_code == 404, place
    assert stage.client.get("pagerduty").status_code == 405
    assert stage.client.put("pagerduty", content=body, headers=headers).status_code == 405
    packed = [*headers, ("content-encoding", "gzip")]
    assert stage.client.post("pagerduty", content=body, headers=packed).status_code == 415
    put = stage.client.put(
        "grafana", content=(told := payload("grafana")), headers=stage.headers("grafana", told)
    )
    assert put.status_code == 202
    assert len(stage.keys()) == 1


@pytest.mark.promise("P18")
def test_a_body_that_is_too_large_is_refused_at_the_limit(hooks: Open) -> None:
    """Declared or in chunks; the sender gets its answer, and the connection stays of use."""
    stage = hooks()

    def chunks() -> Iterator[bytes]:
        for _ in range(160):
            yield b"x" * 65_536

    assert stage.client.post("pagerduty", content=chunks()).status_code == 413
    assert stage.client.post("pagerduty", content=b"x" * (MIB + 1)).status_code == 413
    assert stage.client.post("pagerduty", content=b"x" * MIB).status_code == 401
    assert stage.client.post("github", content=b"x" * (5 * MIB)).status_code == 401
    assert stage.client.post("nobody", content=chunks()).status_code == 404
    assert stage.send("pagerduty", payload("pagerduty")).status_code == 202


async def _knock(app: Any, name: str, chunks: Iterator[bytes]) -> int:
    """Speak ASGI without a server, so that only the receiver's own memory is measured."""
    status = 0

    async def receive() -> dict[str, Any]:
        chunk = next(chunks, b"")
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    path = f"/hooks/{name}"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return status


@pytest.mark.promise("P18")
def test_what_is_beyond_the_limit_is_not_held(hooks: Open) -> None:
    """Thirty MiB in chunks take no more memory than the limit of one body."""
    stage = hooks()
    tracemalloc.start()
    try:
        chunks = (bytes(65_536) for _ in range(480))
        assert asyncio.run(_knock(stage.app, "pagerduty", chunks)) == 413
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * MIB


@pytest.mark.promise("P18")
def test_all_bodies_together_have_a_limit(hooks: Open) -> None:
    """When it is reached others come again later; what was held is given back."""
    stage = hooks(limits=ReceivingLimits(held_bytes_max=100_000, requests_max=1))
    assert stage.client.post("pagerduty", content=b"x" * 100_001).status_code == 503
    for _ in range(3):
        assert stage.client.post("pagerduty", content=b"x" * 100_000).status_code == 401
    assert stage.send("pagerduty", payload("pagerduty")).status_code == 202


@pytest.mark.promise("P18")
def test_requests_at_once_have_a_limit(hooks: Open) -> None:
    """Whoever comes beyond it is told to come again, and nothing of theirs is held."""
    stage = hooks(limits=ReceivingLimits(requests_max=0))
    answer = stage.send("pagerduty", payload("pagerduty"))
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert stage.inbox.recent(10) == []


def raw(stage: Hooks, text: bytes) -> socket.socket:
    door = socket.create_connection(stage.address, timeout=60)
    door.sendall(text)
    return door


def heard(door: socket.socket) -> bytes:
    """All that the server says until it hangs up."""
    with door:
        return b"".join(iter(lambda: door.recv(65_536), b""))


HEAD = b"POST /hooks/%b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"


@pytest.mark.promise("P18")
@pytest.mark.parametrize("name", [b"pagerduty", b"nobody"])
def test_a_body_that_does_not_come_is_not_waited_for(hooks: Open, name: bytes) -> None:
    """A length that is a lie, or a byte now and then: 408, and the connection is closed."""
    stage = hooks(limits=ReceivingLimits(read_s=0.2))
    said = heard(raw(stage, HEAD % (name, b"", 500) + b"half"))
    assert said.startswith(b"HTTP/1.1 408" if name == b"pagerduty" else b"HTTP/1.1 404")
    assert b"connection: close" in said.lower()


@pytest.mark.promise("P17", "P18")
def test_a_length_that_is_too_short_cuts_the_body_and_its_proof(hooks: Open) -> None:
    """What is beyond the length is another request, and none of ours."""
    stage = hooks(limits=ReceivingLimits(read_s=0.2))
    body = payload("pagerduty")
    lines = "".join(f"{k}: {v}\r\n" for k, v in stage.headers("pagerduty", body)).encode()
    said = heard(raw(stage, HEAD % (b"pagerduty", lines, len(body) - 1) + body + b"\r\n\r\n"))
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"401", b"400"]
    both = b"Transfer-Encoding: chunked\r\n" + lines
    said = heard(
        raw(stage, HEAD % (b"pagerduty", both + b"Connection: close\r\n", len(body)) + body)
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", said) in ([b"400"], [b"408"])
    assert stage.inbox.recent(10) == []


@pytest.mark.promise("P17", "P18")
def test_who_hangs_up_leaves_nothing_behind(hooks: Open) -> None:
    """Half a body is not kept, not said to be anything, and holds no place."""
    stage = hooks(limits=ReceivingLimits(requests_max=1))
    raw(stage, HEAD % (b"pagerduty", b"", 500) + b"half").close()
    body = payload("pagerduty")
    wait_until(lambda: stage.send("pagerduty", body).status_code == 202)
    assert stage.lines()[-1]["result"] == "new"
    assert {line["result"] for line in stage.lines()} <= {"new", "busy"}


@given(
    name=st.sampled_from(["pagerduty", "github", "incidentio", "alertmanager", "slack", "x"]),
    method=st.sampled_from(["POST", "PUT", "GET", "DELETE", "BREW"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [b"x-pagerduty-signature", b"x-webhook-id", b"webhook-signature", b"webhook-id",
                 b"webhook-timestamp", b"authorization", b"x-hub-signature-256", b"content-length",
                 b"content-encoding", b"content-type", b"x-slack-signature", b"expect"]
            ),
            st.binary(max_size=80),
        ),
        max_size=6,
    ),
    body=st.binary(max_size=200),
)  # fmt: skip
@settings(max_examples=80)
@pytest.mark.long
def test_no_bytes_end_in_anything_but_an_answer(
    name: str, method: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Arbitrary requests are refused in words; nothing is kept and nothing is raised."""

    class Never:
        """Reaching it would mean that something was taken for genuine."""

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    clock = SettableClock()
    receiver = Receiver(
        {each: source(each) for each in NAMES},
        Never(),
        clock=clock,
        log=make_logger(Redactor(), clock, io.StringIO()),
        metrics=Metrics(),
        on_new=lambda: None,
    )
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    scope = {"type": "http", "method": method, "path_params": {"source": name}, "headers": headers}
    asyncio.run(receiver(scope, receive, send))
    receiver.close()
    assert statuses[0] in {401, 404, 405, 415}


# --- our own trouble ------------------------------------------------------------------------------


@pytest.mark.promise("P17")
def test_an_empty_or_short_secret_keeps_the_server_from_starting(tmp_path: Path) -> None:
    """An empty key verifies what anybody signs; also none at all, and one of two."""
    clock = SettableClock()
    for values in ((), ("",), ("short",), (secret_for("pagerduty"), "")):
        with (
            SqliteInbox.open(tmp_path / "state" / "inbox.db", clock=clock) as inbox,
            pytest.raises(NotReadyError, match="secret of the source pd") as caught,
        ):
            Receiver(
                {"pd": Source(SENDERS["pagerduty"], lambda: SenderSecrets(values))},  # noqa: B023 (called before the loop goes on)
                inbox,
                clock=clock,
                log=make_logger(Redactor(), clock, io.StringIO()),
                metrics=Metrics(),
                on_new=lambda: None,
            )
        assert "short" not in str(caught.value).replace("shorter", "").replace("too short", "")


@pytest.mark.promise("P17")
def test_secrets_are_rotated_without_a_restart(hooks: Open) -> None:
    """Two at a time, then the new one alone; a minute later the old one opens nothing."""
    old, new = secret_for("pagerduty", "old"), secret_for("pagerduty", "new")
    active = [old]
    asked = []

    def secrets() -> SenderSecrets:
        asked.append(1)
        return SenderSecrets(tuple(active))

    stage = hooks({"pd": Source(SENDERS["pagerduty"], secrets)})
    statuses = []

    def send(event: str, secret: str) -> int:
        body = payload("pagerduty", event=event)
        headers = signed("pagerduty", [secret], body, now_s=0, delivery_id=event)
        return stage.client.post("pd", content=body, headers=headers).status_code

    statuses.append(send("1", old))
    for keys in ([new, old], [new]):
        active[:] = keys
        stage.clock.advance(60)
        statuses += [send(f"{keys}{n}", secret) for n, secret in enumerate((old, new))]
    assert statuses == [202, 202, 202, 401, 202]
    assert len(asked) == 3


@pytest.mark.promise("P17")
def test_a_secret_that_cannot_be_read_is_our_trouble(hooks: Open) -> None:
    """503 for everybody, genuine or not; the store is not asked for each; then it works again."""
    locked: list[NotReadyError] = []
    asked = []

    def secrets() -> SenderSecrets:
        asked.append(1)
        if locked:
            raise locked[0]
        return SenderSecrets((secret_for("pagerduty"),))

    stage = hooks({"pagerduty": Source(SENDERS["pagerduty"], secrets)})
    locked.append(NotReadyError("the keyring is locked"))
    stage.clock.advance(60)
    body = payload("pagerduty")
    for _ in range(3):
        assert stage.send("pagerduty", body).status_code == 503
    assert stage.client.post("pagerduty", content=body).status_code == 503
    assert len(asked) == 2
    assert "keyring is locked" in stage.lines()[-1]["why"]
    locked.clear()
    stage.clock.advance(5)
    assert stage.send("pagerduty", body).status_code == 202


@pytest.mark.promise("P17")
@pytest.mark.campaign("C4")
def test_a_full_disk_is_503_and_the_senders_retry_is_kept(hooks: Open) -> None:
    """Nothing that was refused is there, all that was taken is, and PagerDuty stays switched on."""
    stage = hooks()
    stage.send("pagerduty", payload("pagerduty", event="first"), "first")
    full = []

    def limit() -> None:
        assert isinstance(stage.inbox, SqliteInbox)
        assert stage.inbox._db is not None
        (pages,) = stage.inbox._db.execute("PRAGMA page_count").fetchone()
        stage.inbox._db.execute(f"PRAGMA max_page_count={pages}")

    def send(headers: list[tuple[str, str]], body: bytes) -> int:
        status = stage.client.post("pagerduty", content=body, headers=headers).status_code
        if status == 503:
            full.append(1)
        return status

    sender = Retries("pagerduty", [secret_for("pagerduty")], send, stage.clock)
    limit()
    for number in range(60):
        long = payload("pagerduty", event=f"e-{number}", labels={"why": "x" * 500})
        sent = sender.deliver(long, f"{number}")
        assert sent.arrived
    assert full, "the disk was never full"
    assert sender.off_until_ms == 0
    assert len(stage.keys()) == len(set(stage.keys())) == 61
    assert "SQLITE_FULL" in stage.said.getvalue()


@pytest.mark.promise("P17")
def test_who_sends_too_much_is_told_to_come_again(hooks: Open) -> None:
    """503 and when; never 429. What is not genuine uses nothing up, other sources go on."""
    stage = hooks({name: source(name, rate=3) for name in ("pagerduty", "github")})
    for _ in range(20):
        assert stage.client.post("pagerduty", content=b"{}").status_code == 401
    statuses = [
        stage.send("pagerduty", payload("pagerduty", event=f"{n}"), f"{n}").status_code
        for n in range(4)
    ]
    assert statuses == [202, 202, 202, 503]
    later = stage.send("pagerduty", payload("pagerduty", event="3"), "3")
    assert (later.status_code, later.headers["retry-after"]) == (503, "20")
    assert stage.send("github", payload("github")).status_code == 202
    stage.clock.advance(20)
    assert stage.send("pagerduty", payload("pagerduty", event="3"), "3").status_code == 202


@pytest.mark.promise("P17", "P18")
def test_a_full_queue_is_503_until_somebody_works_it(hooks: Open) -> None:
    """What waits is bounded; Alertmanager sends again."""
    stage = hooks(limits=ReceivingLimits(queue_max=2))
    for number in range(2):
        body = payload("alertmanager", thing=f"{number}")
        assert stage.send("alertmanager", body).status_code == 202
    body = payload("alertmanager", thing="2")
    assert stage.send("alertmanager", body).status_code == 503
    stage.inbox.settle(stage.inbox.waiting(1)[0].id, Became.IGNORED, why="nobody asked")
    assert stage.send("alertmanager", body).status_code == 202


@pytest.mark.promise("P17", "P18")
def test_a_flood_that_is_held_is_bounded_by_503_to_its_own_sender(hooks: Open) -> None:
    """Nothing that was answered 202 is dropped for it, and other senders are taken."""
    stage = hooks(limits=ReceivingLimits(queue_max=2))
    for number in range(2):
        body = payload("alertmanager", thing=f"{number}")
        assert stage.send("alertmanager", body).status_code == 202
        stage.inbox.settle(stage.inbox.waiting(1)[0].id, Became.HELD, why="too many")
    assert stage.send("alertmanager", payload("alertmanager", thing="2")).status_code == 503
    assert (
        stage.inbox.count_open()
        == (0, {"alertmanager": stage.inbox.count_held()})
        == (0, {"alertmanager": 2})
    )
    assert stage.send("github", payload("github")).status_code == 202
    stage.inbox.settle(stage.inbox.held(1)[0].id, Became.PROPOSED, run="CK-1")
    assert stage.send("alertmanager", payload("alertmanager", thing="2")).status_code == 202


def test_what_is_left_out_of_a_delivery_is_said(hooks: Open) -> None:
    """In the log and beside the events that were read, which are kept."""
    stage = hooks()
    body = json.loads(payload("alertmanager"))
    body["alerts"].append({"status": "firing"})
    assert stage.send("alertmanager", json.dumps(body).encode()).json()["result"] == "new"
    (line,) = stage.inbox.recent(5)
    for why in (stage.lines()[-1]["why"], line.why):
        assert why.startswith("1 of 2 alerts were left out")


def test_a_sender_that_is_never_retried_is_not_lied_to(hooks: Open) -> None:
    """GitHub sends once: 503 loses the delivery, and 2xx is only said when it is on the disk."""
    assert RETRIES["github"].pauses_s == ()
    stage = hooks()
    stage.inbox.close()
    assert stage.send("github", payload("github")).status_code == 503
    with pytest.raises(InboxUnusableError):
        stage.keys()


# --- clicks ---------------------------------------------------------------------------------------


def test_a_click_is_handed_over_and_answered_at_once(hooks: Open) -> None:
    """It is somebody's answer and no event: it is not kept here, and its answer is not ours."""
    clicks: list[tuple[str, bytes]] = []
    trouble: list[Exception] = []

    def on_click(name: str, body: bytes) -> tuple[int, Mapping[str, Any] | None]:
        clicks.append((name, body))
        if trouble:
            raise trouble.pop()
        return 200, {"text": "noted"}

    stage = hooks(on_click=on_click)
    answer = stage.send("slack", b"payload=%7B%7D")
    assert (answer.status_code, answer.json()) == (200, {"text": "noted"})
    assert clicks == [("slack", b"payload=%7B%7D")]
    assert stage.client.post("slack", content=b"payload=%7B%7D").status_code == 401
    trouble += [InboxUnusableError("no room"), UnusableError("no click of ours")]
    assert stage.send("slack", b"payload=1").status_code == 200
    assert stage.send("slack", b"payload=2").status_code == 503
    assert len(clicks) == 3
    assert stage.inbox.recent(10) == []


def test_clicks_that_nobody_waits_for_are_ignored(hooks: Open) -> None:
    """Slack shows people an error for anything but 200."""
    answer = hooks().send("slack", b"payload=%7B%7D")
    assert (answer.status_code, answer.content) == (200, b"")


# --- what is said ---------------------------------------------------------------------------------


@pytest.mark.promise("P22")
def test_the_log_has_a_line_for_each_request_and_nothing_of_what_was_in_it(hooks: Open) -> None:
    """Source, result, id, bytes, time; no header, no body, no name that a stranger made up."""
    stage = hooks()
    body = payload("pagerduty", thing="CANARY1", event="CANARY2")
    answer = stage.send("pagerduty", body)
    stage.client.post("CANARY3", content=b"CANARY4", headers={"x-canary": "CANARY5"})
    stage.client.post("pagerduty", content=b"CANARY6")
    first, second, third = stage.lines()
    assert {key: first[key] for key in ("event", "source", "sender", "result", "bytes")} == {
        "event": "delivery.received",
        "source": "pagerduty",
        "sender": "pagerduty",
        "result": "new",
        "bytes": len(body),
    }
    assert first["delivery"] == answer.json()["delivery"]
    assert (second["source"], second["status"]) == ("", 404)
    assert (third["result"], third["delivery"]) == ("not genuine", "")
    shown = stage.said.getvalue() + stage.metrics.text().decode()
    assert "CANARY" not in shown
    assert secret_for("pagerduty") not in shown


def test_figures_count_requests_by_source_and_result(hooks: Open) -> None:
    """For Prometheus, from a registry of this server alone."""
    stage = hooks()
    stage.send("pagerduty", payload("pagerduty"))
    stage.send("pagerduty", payload("pagerduty"))
    stage.client.post("nobody")
    stage.metrics.waiting.set(1)
    stage.metrics.runs.labels("parked").set(2)
    stage.metrics.answers.labels("approve", "key").inc()
    stage.metrics.wrote(7)
    text = stage.metrics.text().decode()
    for line in (
        'respond_deliveries_total{result="new",source="pagerduty"} 1.0',
        'respond_deliveries_total{result="duplicate",source="pagerduty"} 1.0',
        'respond_deliveries_total{result="unknown source",source=""} 1.0',
        "respond_delivery_seconds_count 3.0",
        "respond_events_waiting 1.0",
        'respond_runs{status="parked"} 2.0',
        'respond_answers{strength="key",verdict="approve"} 1.0',
        'respond_journal_write_seconds_bucket{le="0.005"} 0.0',
        'respond_journal_write_seconds_bucket{le="0.01"} 1.0',
    ):
        assert line in text, line
    assert "respond_workers" not in text


def test_figures_of_a_team_say_what_waits_for_whom() -> None:
    """Jobs that only a worker with the credentials can do are told apart; unknown is not none."""
    metrics = Metrics()
    team = TeamFigures(metrics.registry)
    team.took_over(2)
    team.queue(waiting=5, aside=2, oldest_s=3.5, workers=2, ahead_s=-31)
    text = metrics.text().decode()
    for line in (
        "respond_jobs_taken_over_total 2.0",
        'respond_jobs_waiting{who="any worker"} 3.0',
        'respond_jobs_waiting{who="one with the credentials"} 2.0',
        "respond_jobs_oldest_seconds 3.5",
        "respond_workers 2.0",
        "respond_clock_ahead_seconds -31.0",
    ):
        assert line in text, line
    unknown = dict.fromkeys(("waiting", "aside", "oldest_s", "workers", "ahead_s"), math.nan)
    team.queue(**unknown)
    assert "respond_workers NaN" in metrics.text().decode()


# --- a real process -------------------------------------------------------------------------------


@contextmanager
def process(folder: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    command = [sys.executable, str(SCRIPT), str(folder), secret_for("pagerduty")]
    with (
        (folder / "stderr").open("a") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as server,  # noqa: S603 (our own script)
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline())
        url = f"http://127.0.0.1:{port}/hooks/"
        try:
            with loopback_client(base_url=url, timeout=60) as client:
                yield client, server
        finally:
            server.kill()


def post(client: httpx.Client, number: int) -> httpx.Response:
    body = payload("pagerduty", event=f"e-{number}")
    headers = signed("pagerduty", [secret_for("pagerduty")], body, now_s=0, delivery_id=f"{number}")
    return client.post("pd", content=body, headers=headers)


@pytest.mark.promise("P17")
@pytest.mark.long
def test_killed_after_each_202_everything_is_there_once(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """SIGKILL the moment the answer is read; the next process has it and knows it again."""
    count = 20 if request.config.getoption("--every-point") else 4
    ids = []
    for number in range(count):
        with process(tmp_path) as (client, server):
            answer = post(client, number)
            server.kill()
        assert answer.json()["result"] == "new"
        ids.append(answer.json()["delivery"])
    with process(tmp_path) as (client, _):
        again = [post(client, number).json() for number in range(count)]
    assert again == [{"delivery": each, "result": "duplicate"} for each in ids]
    with SqliteInbox.open(tmp_path / "state" / "inbox.db", clock=SystemClock()) as inbox:
        assert [kept.delivery.id for kept in inbox.waiting(100)] == ids


@pytest.mark.promise("P17")
@pytest.mark.long
def test_killed_under_load_everything_that_was_answered_is_there_once(tmp_path: Path) -> None:
    """Many at once, killed in the middle: no 202 is lost, and a retry makes no second event."""
    answered: dict[int, str] = {}
    with process(tmp_path) as (client, server):

        def send(number: int) -> None:
            try:
                answer = post(client, number)
            except httpx.TransportError:
                return
            assert answer.status_code == 202
            answered[number] = answer.json()["delivery"]
            if len(answered) == 20:
                server.kill()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, range(60)))
    assert 20 <= len(answered) < 60
    with process(tmp_path) as (client, _):
        again = {number: post(client, number).json() for number in range(60)}
    for number, first in answered.items():
        assert again[number] == {"delivery": first, "result": "duplicate"}
    with SqliteInbox.open(tmp_path / "state" / "inbox.db", clock=SystemClock()) as inbox:
        kept = [event.delivery.id for event in inbox.waiting(1000)]
    assert len(kept) == len(set(kept)) == 60
