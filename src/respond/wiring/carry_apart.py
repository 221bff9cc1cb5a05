"""The process that carries runs on beside a server: ``python -m respond.wiring.carry_apart``."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from pathlib import Path

from respond.core.events import Actor, Strength
from respond.errors import RespondError
from respond.wiring.places import Places
from respond.wiring.server import carrier_of, parts_of
from respond.wiring.session import changed_of

__all__: list[str] = []


def _say(run: str) -> None:
    # At once, and whole: several threads say what they did.
    os.write(1, f"{run}\n".encode())


def _main(project: str, state: str, at: str, url: str, verbosity: str) -> None:
    """Carry on what standard input names, until it ends."""
    from respond.people.answers import Entry
    from respond.server.board import Board
    from respond.server.carrying_apart import CarryingApart
    from respond.server.supervising import Supervisor

    # Ctrl-C, and what systemd sends to all, is meant for the server, which says when to stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    boot = f"process-{uuid.uuid4()}" if at else ""
    parts = parts_of(Places(Path(project), Path(state)), at, url, int(verbosity), boot=boot)
    actor = Actor("server", Strength.MACHINE)
    try:
        with parts.store.journal(clock=parts.clock, actor=actor, create=False) as journal:
            board = Board(journal, parts.clock, parts.store.verified)
            changed = changed_of(parts.project, parts.runbooks)
            entry = Entry(journal, parts.clock, parts.people, parts.project.person_keys, changed)
            work = CarryingApart(
                carrier=carrier_of(parts, journal, board, entry),
                supervisor=Supervisor(parts.log),
                at_once=parts.project.server.workers,
                mend=journal.reopen,
                says=_say,
                log=parts.log,
            )
            work.work(sys.stdin)
    except RespondError as error:
        parts.log.warning("carrying.failed", what=error.what, why=error.why, do=error.do)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    _main(*sys.argv[1:])
