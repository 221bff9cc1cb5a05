"""Prism, a validating proxy of other people, finds nothing that our own check does not know.

Each exchange of a vendor's examples goes through it, with what our simulator answered behind it.
Prism reads no Google discovery, and dies of Entra's references that lead nowhere.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from respond.checks.contract import hold
from respond.checks.description import Description, read_descriptions
from respond.checks.exchanges import Exchange, Exchanged, VendorExamples

PRISM = Path(__file__).parents[1] / "data" / "node" / "node_modules" / ".bin" / "prism"
DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "openapi"
NAMES = ("customerio-app", "github", "okta", "pagerduty", "slack")
NOT_OURS = {("request", "header"), ("request", "path")}
"""Headers that everybody sends; and what a path's variable is called, once the path is found."""
HOP_BY_HOP = frozenset({"host", "content-length", "connection", "accept-encoding"})

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PRISM.exists(), reason="Prism is not installed: make peers"),
    pytest.mark.skipif(not DESCRIPTIONS.is_dir(), reason="no descriptions are on this machine"),
]


class Upstream(ThreadingHTTPServer):
    """Answers what the simulator answered to the exchange at hand."""

    now: Exchange


class _Answers(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        now = self.server.now
        self.send_response(now.status)
        if now.reply:
            self.send_header("content-type", now.reply_kind)
        self.send_header("content-length", str(len(now.reply)))
        self.end_headers()
        self.wfile.write(now.reply)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def behind() -> Iterator[Upstream]:
    """What stands behind Prism."""
    with Upstream(("127.0.0.1", 0), _Answers) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        yield upstream
        upstream.shutdown()


@contextmanager
def prism(description: Path, upstream: str) -> Iterator[str]:
    """Where it listens."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    words = [str(PRISM), "proxy", str(description), upstream, "-h", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - our own words
        try:
            end = time.monotonic() + 120
            while True:
                assert process.poll() is None, "Prism ended"
                assert time.monotonic() < end, "Prism does not listen"
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def violations(proxy: str, exchange: Exchange, base: str) -> list[dict[str, Any]]:
    """What Prism says of an exchange; a request that it refuses is one, too."""
    query = urlencode([(name, value) for name, all_ in exchange.query.items() for value in all_])
    url = f"{proxy}{base}{exchange.path}{'?' if query else ''}{query}"
    headers = {k: v for k, v in exchange.headers.items() if k not in HOP_BY_HOP}
    asked = urllib.request.Request(  # noqa: S310 - loopback
        url, exchange.body or None, headers, method=exchange.method
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - loopback
            told = answer.headers.get("sl-violations")
    except urllib.error.HTTPError as error:
        with error:
            told = error.headers.get("sl-violations")
    return [one for one in json.loads(told or "[]") if one.get("severity") in ("Error", 0)]


def known_of(descriptions: tuple[Description, ...], exchanged: Exchanged) -> set[tuple[str, str]]:
    """Operation and part (request or response) of all that our own check remarks on."""
    (report, *_) = hold(descriptions, [exchanged])
    parts = {"reply": "response", "body": "request", "parameter": "request"}
    return {(one.operation, parts[one.id]) for one in report.remarks if one.id in parts}


@pytest.mark.share(3)
@pytest.mark.parametrize("name", NAMES)
def test_prism_finds_nothing_that_our_check_does_not_know(name: str) -> None:
    """Of requests and replies of every example."""
    path = DESCRIPTIONS / f"{name}.json"
    descriptions = read_descriptions(path.read_bytes(), path.name)
    exchanged = VendorExamples(name.partition("-")[0]).exchanged
    known = known_of(descriptions, exchanged)
    found, count = set(), 0
    with behind() as upstream, prism(path, f"http://127.0.0.1:{upstream.server_port}") as proxy:
        for one in exchanged.exchanges:
            url = urlsplit(exchanged.hosts.get(one.surface, ""))
            place = f"{url.path.rstrip('/')}{one.path}"
            operation, _ = descriptions[0].find(one.method, url.netloc, place)
            if operation is None or (one.status >= 400 and not one.is_ours):
                continue
            upstream.now, count = one, count + 1
            for fault in violations(proxy, one, url.path.rstrip("/")):
                part, *where = fault["location"]
                if (part, *where[:1]) not in NOT_OURS:
                    found.add((operation.says, part, str(fault["message"])))
    assert count > 10
    assert {one for one in found if one[:2] not in known} == set()
