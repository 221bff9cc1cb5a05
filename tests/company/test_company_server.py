"""How the simulated company is served."""

from __future__ import annotations

import ast
import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import respond.company as package
from respond.company import Server, SimClock, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(default_company()) as running:
        yield running


HUNG_UP = b"(hung up)"


def raw(server: Server, data: bytes) -> bytes:
    """Send bytes, say that there are no more, and read to the end."""
    with socket.create_connection(("127.0.0.1", int(server.base_url.rpartition(":")[2]))) as end:
        try:
            end.sendall(data)
            end.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: end.recv(65536), b""))
        except OSError:
            # It hung up while we still sent: too much came, and there is no answer to read.
            return HUNG_UP


def test_only_the_standard_library_is_imported() -> None:
    """Neither other packages nor the rest of the tool: others can trust what it says of us.

    Four modules need what the standard library does not have: to sign as a provider does, to check
    what callers sign, to open what is sealed, and to make a certificate. Two others hang the tool
    up to the company, and nothing in the company knows them; and which systems stand in it is what
    the tool's records name.
    """
    allowed = {
        **dict.fromkeys(("assertions.py", "id_token.py", "signing_certificate.py"), "cryptography"),
        "github_secrets.py": "nacl",
    }
    hang_up = {"rehearsal.py", "crash_points.py"}
    named = {"respond.systems", "respond.senders"}
    for path in Path(package.__file__).parent.rglob("*.py"):
        if path.name in hang_up:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                own = (
                    name.startswith("respond.company")
                    and name.split(".")[-1] + ".py" not in hang_up
                )
                own |= path.name == "whole.py" and name in named
                known = {*sys.stdlib_module_names, allowed.get(path.name)}
                assert own or name.partition(".")[0] in known, (path.name, name)


def test_a_company_has_the_systems_that_it_is_handed() -> None:
    """No other is reached, breaks, or stands in its story; and a run is told of no other."""
    company = default_company(simulated=["respond.company.widgets"])
    with serve(company) as server:
        token = {"X-Respond-Sim": server.token}
        told = httpx.get(f"{server.base_url}/_sim/story", headers=token, trust_env=False).json()

    assert list(server.urls) == list(company.snapshot()) == ["widgets"]
    assert [way["base_urls"] for way in told["connections"]] == [{"http": server.urls["widgets"]}]
    assert told["connections"][0]["credentials"] == {"": company.story.widgets_token}
    assert "slack_bot_token" not in told["story"]
    with pytest.raises(ValueError, match="there are widgets"):
        company.fault("slack:429")


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.0.2.1", "example.com"])  # noqa: S104
def test_it_listens_on_loopback_only(host: str) -> None:
    """The made-up secrets of a rehearsal are for this machine."""
    with pytest.raises(ValueError, match="loopback"):
        serve(default_company(), host)


def test_a_connection_serves_many_requests(server: Server) -> None:
    """Two at once in one packet, answered in order."""
    one = b"GET /slack/api/auth.test HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = raw(server, one * 2)

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"not_authed") == 2


def test_a_caller_may_ask_to_close(server: Server) -> None:
    """Then one answer is all."""
    one = b"GET /slack/api/auth.test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(server, one * 2).count(b"HTTP/1.1 200 OK") == 1


def test_bodies_may_come_in_chunks(server: Server) -> None:
    """As httpx sends what it does not know the length of."""
    body = json.dumps({"event_action": "trigger"}).encode()
    with loopback_client() as http:
        reply = http.post(
            f"{server.urls['pagerduty/events']}/v2/enqueue", content=iter([body[:5], body[5:]])
        )
    assert "routing_key" in reply.text


def test_head_has_no_body(server: Server) -> None:
    """And the length that GET would have."""
    with loopback_client() as http:
        url = f"{server.urls['customerio/eu/management']}/v1/openapi.json"
        head, full = http.head(url), http.get(url)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(full.content))


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /slack HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /slack HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /slack HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(server: Server, request_bytes: bytes) -> None:
    """It gets 400 or is hung up on, and the server goes on."""
    answer = raw(server, request_bytes)
    assert answer == HUNG_UP or answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert b"not_authed" in raw(server, b"GET /slack/api/auth.test HTTP/1.1\r\nHost: x\r\n\r\n")


@pytest.mark.parametrize("length", [b"Content-Length: 500", b"Transfer-Encoding: chunked"])
def test_half_a_request_is_not_carried_out(server: Server, length: bytes) -> None:
    """Somebody who dies while sending has sent nothing."""
    token = server.company.story.slack_bot_token.encode()
    body = b"channel=C0SECURITY1&text=half"
    chunk = b"1ff\r\n" if b"chunked" in length else b""
    head = b"POST /slack/api/chat.postMessage HTTP/1.1\r\nAuthorization: Bearer " + token
    form = b"Content-Type: application/x-www-form-urlencoded"
    answer = raw(server, b"\r\n".join((head, form, length, b"", chunk + body)))

    assert answer.startswith(b"HTTP/1.1 400")
    assert server.company.ledger.effects == ()


def test_a_place_where_no_vendor_lives(server: Server) -> None:
    """404, and nothing is counted."""
    with loopback_client() as http:
        assert http.get(f"{server.base_url}/acme/api/v1/users").status_code == 404
    assert server.company.ledger.counts() == {}


def test_many_callers_at_once_lose_nothing(server: Server) -> None:
    """Each of their writes is one effect."""
    key = server.company.story.pagerduty_routing_key
    payload = {"summary": "x", "source": "y", "severity": "info"}
    body = {"routing_key": key, "event_action": "trigger", "payload": payload}

    def call() -> None:
        with loopback_client() as http:
            for _ in range(10):
                http.post(f"{server.urls['pagerduty/events']}/v2/enqueue", json=body)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.company.ledger.counts()["pagerduty"] == {"reads": 0, "writes": 40, "effects": 40}
    assert [effect.seq for effect in server.company.ledger.effects] == list(range(1, 41))


def test_closing_ends_open_connections(server: Server) -> None:
    """Nobody hangs on a server that is gone; closing again is harmless."""
    port = int(server.base_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as end:
        end.sendall(b"GET /slack/api/auth.test HTTP/1.1\r\nHost: x\r\n\r\n")
        assert end.recv(1024)
        server.close()
        assert end.recv(1024) == b""
    server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_two_companies_are_the_same_but_for_the_time() -> None:
    """Secrets and ids do not change from run to run, so output stays stable."""

    class Fixed:
        def now_ms(self) -> int:
            return 1_795_403_520_000

    one, two = (default_company(clock=Fixed()) for _ in range(2))
    assert one.snapshot() == two.snapshot()
    assert one.story == two.story


def test_the_clock_runs_ahead_of_the_one_it_was_given() -> None:
    """A shared clock in milliseconds moves it, and it moves by itself, never back."""

    class Counts:
        ms = 1_000

        def now_ms(self) -> int:
            return self.ms

    counts = Counts()
    clock = SimClock(counts)
    clock.advance(5)
    counts.ms += 2_000
    assert clock.now() == 8.0
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_in_a_process_of_its_own(end: signal.Signals) -> None:
    """One line says where; the signal ends it in peace."""
    command = [sys.executable, "-m", "respond.company", "--guess-routes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        with loopback_client() as http:
            hello = http.get(f"{where['url']}/_sim/hello").json()
            document = http.get(f"{where['url']}/customerio/eu/management/v1/openapi.json").json()
        process.send_signal(end)
        assert process.wait(10) == 0
    assert hello["respond_simulator"] == 1
    assert "delete" in document["paths"]["/v1/accounts/{account_id}/users/{user_id}"]
    assert where["smtp_port"] > 0
