"""A real server process for the test that kills it: one source, an inbox on disk.

receiving_script.py FOLDER SECRET

It says its port on standard output once it listens.
"""

import os
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from respond.adapters.clock import SystemClock
from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.senders import SENDERS, SenderSecrets
from respond.server.metrics import Metrics
from respond.server.receiving import Receiver, Source


def main(folder: Path, secret: str) -> None:
    """Serve until killed."""
    clock = SystemClock()
    receiver = Receiver(
        {"pd": Source(SENDERS["pagerduty"], lambda: SenderSecrets((secret,)))},
        SqliteInbox.open(folder / "state" / "inbox.db", clock=clock),
        clock=clock,
        log=make_logger(Redactor(), clock, sys.stderr),
        metrics=Metrics(),
        on_new=lambda: None,
    )
    app = Starlette(routes=[Route("/hooks/{source}", receiver)])
    # asyncio sends small answers at once only on sockets that say that they are TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        os.write(1, f"{door.getsockname()[1]}\n".encode())
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
        uvicorn.Server(config).run(sockets=[door])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
