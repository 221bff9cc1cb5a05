"""The process that carries runs on beside a server: ``python -m respond.wiring.carry_apart``."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from respond.adapters.carrying_process import NOT_NOW
from respond.adapters.clock import SystemClock
from respond.adapters.log import make_logger
from respond.adapters.secrets.redactor import Redactor
from respond.core.events import Actor, Strength
from respond.errors import RespondError
from respond.formats.faults import FormatFault, FormatFaults
from respond.people.answers import Entry
from respond.server.board import Board
from respond.server.carrying_apart import CarryingApart
from respond.server.supervising import Supervisor
from respond.wiring.places import Places
from respond.wiring.server import Parts, carrier_of, parts_of
from respond.wiring.session import changed_of

__all__: list[str] = []


def _main(project: str, state: str, at: str, url: str, verbosity: str) -> None:
    """Carry on what standard input names, until it ends."""
    # What systemd sends to all is meant for the server, which says when to stop.
    signal.signal(signal.SIGTERM, lambda *_: None)
    # Whatever else is printed is for the log, and no run.
    out = os.dup(1)
    os.dup2(2, 1)
    log = make_logger(Redactor(), SystemClock(), sys.stderr)
    boot = f"process-{uuid.uuid4()}" if at else ""
    try:
        parts = parts_of(Places(Path(project), Path(state)), at, url, int(verbosity), boot=boot)
        _carry(parts, partial(_say, out))
    except (RespondError, FormatFault, FormatFaults) as error:
        log.warning("carrying.failed", why=str(error))
        sys.exit(NOT_NOW)


def _say(out: int, line: str) -> None:
    with suppress(OSError):  # Whoever heard it is gone, and the input ends as well.
        os.write(out, f"{line}\n".encode())


def _carry(parts: Parts, says: Callable[[str], object]) -> None:
    actor = Actor("server", Strength.MACHINE)
    with parts.store.journal(clock=parts.clock, actor=actor, create=False) as journal:
        board = Board(journal, parts.clock, parts.store.verified)
        changed = changed_of(parts.project, parts.runbooks)
        entry = Entry(journal, parts.clock, parts.people, parts.project.person_keys, changed)
        CarryingApart(
            carrier=carrier_of(parts, journal, board, entry),
            supervisor=Supervisor(parts.log, give_up=lambda: os._exit(1)),
            at_once=parts.project.server.workers,
            mend=journal.reopen,
            says=says,
            log=parts.log,
        ).work(sys.stdin)


if __name__ == "__main__":
    _main(*sys.argv[1:])
