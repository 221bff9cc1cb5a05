"""The one place that reads configuration and builds real things.

Everything else is handed its ports. A ``Session`` is what one command needs to carry runs on; it
belongs to one run, because a run's secrets open only for that run.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respond import __version__
from respond.core.events import Actor, Strength
from respond.core.runbook import Runbook
from respond.core.script import Call, Connection
from respond.core.values import SecretHandle
from respond.errors import NotReadyError, UsageError
from respond.places import Places, read_runbook
from respond.ports import Clock, Journal, KeyStore, Pen, Progress, Prompt, Reader
from respond.site import Site

if TYPE_CHECKING:
    from respond.adapters.journal_sqlite import SqliteJournal
    from respond.adapters.redactor import Redactor
    from respond.engine import Engine
    from respond.rehearsal import Rehearsal

__all__ = ["ENGINE", "Session", "load_runbook", "rehearsal_session", "run_ids"]

ENGINE = f"respond {__version__}"
REHEARSAL_TIMEOUTS = 0.1
"""Requests time out ten times sooner in a rehearsal: its systems are on this machine."""


def load_runbook(places: Places, name: str) -> Runbook:
    """Read and check a runbook by name.

    Raises:
        UsageError: There is none.
        FormatFaults: It has faults.
    """
    from respond.actions import load as load_actions  # noqa: PLC0415 - heavy
    from respond.formats.runbook_file import load  # noqa: PLC0415 - heavy

    found = places.runbooks()
    if name not in found:
        raise UsageError(f"there is no runbook {name!r}", do="respond list")

    def find(other: str) -> tuple[str, bytes] | None:
        entry = found.get(other)
        return (str(entry.path), read_runbook(entry.path)) if entry is not None else None

    path = found[name].path
    return load(read_runbook(path), name=str(path), actions=load_actions(), find=find)


def run_ids(journal: Journal) -> list[str]:
    """Every run in the journal, in the order in which they were proposed."""
    return list(dict.fromkeys(r.event.run for r in journal.records() if r.event.run))


def chance(count: int = 64) -> bytes:
    return os.urandom(count)


def os_user() -> Actor:
    """The person at the keyboard, as the machine calls them: a label, no proof."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(name, Strength.CLAIMED)


@dataclass(slots=True)
class Session:
    """What one run is carried on with. ``close`` it."""

    places: Places
    clock: Clock
    keys: KeyStore
    journal: SqliteJournal
    site: Site
    reader: Reader
    pen: Pen
    prompt: Prompt
    progress: Progress
    redactor: Redactor
    run: str
    locks: Path
    closers: list[Callable[[], None]] = field(default_factory=list)

    def engine(self, runbook: Runbook) -> Engine:
        from respond.engine import Engine, Tools  # noqa: PLC0415 - heavy

        tools = Tools(
            self.journal, self.reader, self.pen, self.clock, self.prompt, self.progress
        )
        return Engine(self.run, runbook, self.site, tools)

    def close(self) -> None:
        for close in reversed(self.closers):
            close()


def rehearsal_session(
    places: Places,
    rehearsal: Rehearsal,
    *,
    run: str,
    prompt: Callable[[Clock, Redactor], Prompt],
    progress: Callable[[Clock], Progress],
    by_hand: bool = False,
    dry_run: bool = False,
    ahead_s: float = 0.0,
    crash: Callable[[Any], Any] | None = None,
) -> Session:
    """Everything for a run against the simulated company; no real credential is touched.

    Args:
        prompt: Makes the prompt, once the clock is there.
        crash: Wraps the journal, for ``--fault crash@STEP``.
    """
    from respond.adapters.clock import SystemClock  # noqa: PLC0415 - heavy imports where used
    from respond.adapters.journal_sqlite import SqliteJournal  # noqa: PLC0415
    from respond.adapters.keys import FolderKeys, MemoryKeys  # noqa: PLC0415
    from respond.adapters.redactor import Redactor  # noqa: PLC0415
    from respond.rehearsal import OPERATOR, RehearsalClock  # noqa: PLC0415

    clock = RehearsalClock(SystemClock(), rehearsal.doors, ahead_s=ahead_s)
    folder = places.rehearsals / run
    keys: KeyStore
    if dry_run:
        keys = MemoryKeys()
        journal = SqliteJournal.in_memory(keys, clock, OPERATOR)
    else:
        keys = FolderKeys(folder / "keys")
        journal = SqliteJournal.open(
            folder / "journal.db", keys=keys, clock=clock, create=True, actor=OPERATOR
        )
    redactor = Redactor()
    made = progress(clock)
    connections = rehearsal.connections(frozenset())
    transport = _transport(
        run, connections, journal, redactor, clock, made, rehearsal.secrets(),
        urls=rehearsal.base_urls, loopback=True, timeout_scale=REHEARSAL_TIMEOUTS,
    )
    can = _discovered(transport.reader(), connections["cio"])
    site = Site(
        connections=rehearsal.connections(can),
        persons=rehearsal.persons(),
        operator=OPERATOR,
        mode="dry-run" if dry_run else "rehearsal",
        engine=ENGINE,
        policy={"confirm": "destructive", "two_people": "never"},
        by_hand=by_hand,
    )
    return Session(
        places, clock, keys, crash(journal) if crash else journal, site, transport.reader(),
        transport.pen(), prompt(clock, redactor), made, redactor, run, folder,
        [journal.close, transport.close],
    )


def _transport(
    run: str,
    connections: Mapping[str, Connection],
    journal: SqliteJournal,
    redactor: Redactor,
    clock: Clock,
    progress: Progress,
    secrets: Any,
    *,
    urls: Callable[[Connection], Mapping[str, str]],
    loopback: bool,
    timeout_scale: float = 1.0,
) -> Any:
    from respond.adapters.transport import Transport  # noqa: PLC0415 - heavy

    def open_secret(handle: SecretHandle) -> str:
        value = journal.open_secret(run, handle.name)
        if value is None:
            raise NotReadyError(f"the secret {handle.name} of run {run} is not held any more")
        return value

    return Transport(
        connections=connections, urls=urls, secrets=secrets, opener=open_secret, clock=clock,
        redactor=redactor, waiting=progress.waiting, loopback=loopback,
        timeout_scale=timeout_scale, user_agent=f"respond/{__version__}",
    )


def _discovered(reader: Reader, connection: Connection) -> frozenset[str]:
    """What the account's live API description offers, as it stands now."""
    from respond.actions.customerio import discovery  # noqa: PLC0415 - heavy

    documents = [
        reader.fetch(Call(connection.name, "management", "GET", path)).body
        for path in (("v1", "openapi.json"), ("cdp", "api", "openapi.json"))
    ]
    return discovery.match(*documents).confirmed
