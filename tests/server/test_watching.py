"""Whoever watches a process that has no pages."""

from __future__ import annotations

import io
import socket
import threading
from pathlib import Path

import pytest
from tests.server.test_outages import Server

from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.server.health import Health
from respond.server.metrics import Metrics
from respond.server.watching import Watching
from respond.testing.loopback import loopback_client


@pytest.mark.promise("P28")
def test_a_process_without_pages_says_how_it_is(tmp_path: Path) -> None:
    """Alive, ready and its figures, over HTTP, and nothing else."""
    parts = Server(tmp_path)
    log = make_logger(Redactor(), parts.clock, io.StringIO())
    with socket.create_server(("127.0.0.1", 0)) as bound:
        at = f"http://127.0.0.1:{bound.getsockname()[1]}"
        watching = Watching(Health(parts.outages, Metrics(), parts.inbox, log), bound)
        thread = threading.Thread(target=watching.run)
        thread.start()
        with loopback_client(base_url=at) as http:
            paths = ("/healthz", "/readyz", "/metrics", "/", "/hooks/pager", "/runs/CK-1")
            assert [http.get(each).status_code for each in paths] == [200, 200, 200, 404, 404, 404]
            assert "respond_events_waiting 0.0" in http.get("/metrics").text
            parts.broke = "the database is gone"
            parts.clock.advance(61)
            assert [http.get(each).status_code for each in paths[:3]] == [503, 503, 200]
            assert http.get("/readyz").json() == {"ready": False}
        watching.stop()
        thread.join(10)
        assert not thread.is_alive()
