"""Run the simulated company in a process of its own, until it is told to end."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from respond.company.http_server import serve
from respond.company.whole import default_company


def main() -> int:
    """Serve, say where in one line of JSON, and wait for SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m respond.company")
    parser.add_argument("--port", type=int, default=0, help="HTTP port; 0 takes a free one")
    parser.add_argument(
        "--guess-routes", action="store_true", help="offer the routes that nobody has confirmed"
    )
    arguments = parser.parse_args()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    with serve(default_company(guess_routes=arguments.guess_routes), port=arguments.port) as server:
        line = json.dumps({"url": server.base_url, "smtp_port": server.smtp_port})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        over.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
