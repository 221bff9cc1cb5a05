"""Attacks on the server's edge: by strangers, and by people the incident is about."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.page_kit import ISSUER, RUN, Night, Served, decided, form_in, on, served
from tests.server.test_receiving import Hooks

from respond.server.sessions import SESSION
from respond.testing.senders import payload


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.fixture
def at(night: Night) -> Iterator[Served]:
    with served(night, ISSUER) as made:
        yield made


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    opened = Hooks(tmp_path)
    yield opened
    opened.close()


def raw(url: str, request: bytes, *, half: bool = False) -> bytes:
    """Send bytes as they are, and give what comes back."""
    there = httpx.URL(url)
    with socket.create_connection((there.host, there.port or 80), timeout=60) as line:
        line.sendall(request)
        if half:
            line.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while chunk := line.recv(65_536):
                found += chunk
        except (TimeoutError, ConnectionError):
            pass
        return found


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "host", [b"[", b"[::1", b"a]b", b"x:y", b"\xff", b"", b"[v1.x]", b"a/b?c#d@e"]
)
def test_no_host_makes_a_fault(at: Served, host: bytes) -> None:
    """Whatever the header says, it is refused."""
    for path in (b"/", b"/sign-on", b"/nope"):
        told = raw(
            at.url,
            b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n",
        )
        assert re.match(rb"HTTP/1.1 4\d\d", told), told[:100]


@pytest.mark.promise("P21")
@pytest.mark.long
def test_half_a_form_is_no_answer(night: Night, at: Served) -> None:
    """The browser is cut off inside a field: nothing may be recorded of the rest."""
    night.waiting()
    with on(at, "ben") as who:
        form = form_in(who.get(f"/runs/{RUN}").text, "deny")
        token, cookie = who.token(), who.cookies[SESSION]
    body = httpx.Request(
        "POST", at.url, data={"csrf": token, **form, "verdict": "deny", "reason": "no, that is"}
    ).read()
    head = (
        f"POST /runs/{RUN}/decision HTTP/1.1\r\nHost: {at.url[7:]}\r\n"
        f"Cookie: {SESSION}={cookie}\r\n"
        "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body) + 40}\r\n\r\n"
    )
    raw(at.url, head.encode() + body, half=True)
    end = time.monotonic() + 2
    while not decided(night) and time.monotonic() < end:
        with at.client() as who:
            who.get("/sign-on")
    assert [event.data["reason"] for event in decided(night)] == []


@pytest.mark.promise("P13")
def test_the_subject_is_told_of_no_change_by_a_run_about_them(night: Night, at: Served) -> None:
    """The list's version counts only what the list shows."""

    def version() -> str:
        with on(at, "jean") as jean:
            found = re.search(r"/events\?since=([\w.-]+)", jean.get("/").text)
            assert found
            return found[1]

    night.proposed()
    night.received.clear()
    night.came(RUN, at_ms=123)
    hidden = version()
    night.received.clear()
    night.clock.advance(5)
    night.came(RUN, at_ms=456)
    night.came(RUN, at_ms=789)
    assert version() == hidden


@pytest.mark.promise("P18")
def test_one_person_cannot_take_every_stream(night: Night, at: Served) -> None:
    """64 tabs of one person, who sees nothing, must not blind whoever has to decide."""
    night.waiting()
    with on(at, "kim") as kim:
        cookie = f"{SESSION}={kim.cookies[SESSION]}"
    lines = []
    try:
        for _ in range(64):
            line = socket.create_connection(
                (httpx.URL(at.url).host, httpx.URL(at.url).port or 80), timeout=60
            )
            line.sendall(
                f"GET /events HTTP/1.1\r\nHost: {at.url[7:]}\r\nCookie: {cookie}\r\n\r\n".encode()
            )
            line.recv(4096)
            lines.append(line)
        with on(at, "ben") as ben, ben.http.stream("GET", "/events") as answer:
            assert answer.status_code == 200
    finally:
        for line in lines:
            line.close()


@pytest.mark.promise("P18")
def test_strangers_do_not_make_us_ask_the_provider_and_the_keyring_each_time(night: Night) -> None:
    """While the provider is away, ten knocks are not ten reads of our own secret."""
    asked: list[int] = []

    def secret() -> str:
        asked.append(1)
        return "s"

    with served(night, "http://127.0.0.1:9", secret=secret) as at, at.client() as who:
        for _ in range(10):
            assert who.begin().status_code == 503
    assert len(asked) <= 2


@pytest.mark.promise("P17")
@pytest.mark.parametrize("name", ["ping", "bad name", ""])
def test_a_header_nobody_signed_does_not_use_up_a_genuine_body(hooks: Hooks, name: str) -> None:
    """The same signed bytes under another event's name must not make the true one a duplicate."""
    body = payload("github")
    headers = [
        (k, name if k.lower() == "x-github-event" else v)
        for k, v in hooks.headers("github", body, "x-1")
    ]
    hooks.client.post("github", content=body, headers=headers)
    hooks.send("github", body, "x-2")
    begun = [
        kept for kept in hooks.inbox.waiting(9) if kept.event.type.startswith("secret_scanning")
    ]
    assert len(begun) == 1
