from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from tests.server.house_kit import Site, site

from respond.testing.loopback import loopback_client
from respond.testing.senders import payload, secret_for


def answered(served: Site, raw: bytes) -> tuple[bytes, bool]:
    """The first line of what comes back, and whether the connection was closed after it."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(raw)
        said = b""
        try:
            while got := line.recv(65_536):
                said += got
        except TimeoutError:
            return said.partition(b"\r\n")[0], False
        except ConnectionResetError:
            pass
    return said.partition(b"\r\n")[0], True


def figures(served: Site) -> str:
    with loopback_client() as http:
        return http.get(f"{served.url}/metrics").text


def post(*headers: str, body: bytes = b"", path: str = "/hooks/alertmanager") -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: x", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.promise("P17")
def test_a_body_whose_end_is_said_twice_is_refused(tmp_path: Path) -> None:
    """400 and closed, though it is genuine, so that nothing behind it is taken for a request."""
    body = payload("alertmanager")
    genuine = f"Authorization: Bearer {secret_for('alertmanager')}"
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    length = f"Content-Length: {len(chunked)}"
    with site(tmp_path) as served:
        twice = post(genuine, length, "Transfer-Encoding: chunked", body=chunked)
        assert answered(served, twice + post()) == (b"HTTP/1.1 400 Bad Request", True)
        assert served.house.inbox.recent(5) == []
        assert 'respond_requests_refused_total{status="400"} 1.0' in figures(served)
        once = post(genuine, "Transfer-Encoding: chunked", "Connection: close", body=chunked)
        assert answered(served, once)[0].startswith(b"HTTP/1.1 202")


@pytest.mark.promise("P18")
@pytest.mark.parametrize(
    "raw",
    [
        post(*(f"X-{number}: y" for number in range(5_000))),
        post(*(f"X-{number}: y" for number in range(100))),
        post(f"X-Long: {'y' * 65_536}"),
        post(path=f"/hooks/{'y' * 16_384}"),
    ],
    ids=["5000", "101", "64k", "path"],
)
def test_too_large_a_head_is_refused(
    raw: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """431 and closed; counted, and a line of the log says why."""
    with site(tmp_path) as served:
        status, closed = answered(served, raw)
        assert (status.split()[1], closed) == (b"431", True)
        assert 'respond_requests_refused_total{status="431"} 1.0' in figures(served)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [each for each in lines if each["event"] == "request.refused"]
    assert (line["status"], line["why"].startswith(("more than 100", "a head of"))) == (431, True)


def test_every_line_of_the_log_is_structured(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no request at all is said by the HTTP library, in a line like any other."""
    with site(tmp_path) as served:
        assert answered(served, b"X\r\n\r\n")[0].startswith(b"HTTP/1.1 400")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert "library.said" in {line["event"] for line in lines}
