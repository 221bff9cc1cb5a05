"""Machines with one respond.toml that names one database."""

from __future__ import annotations

import base64

import pytest

from respond.adapters.clock import SystemClock
from respond.core.events import Actor, Event, Kind, Strength
from respond.formats.project.project_file import parse_project
from respond.testing.cli_kit import Machine
from respond.wiring.places import Places
from respond.wiring.session import own_secrets
from respond.wiring.stores import DatabaseStore, FileStore, database_store

TEAM_KEY = base64.b64encode(bytes(range(32))).decode()
DANA = Actor("dana", Strength.CLAIMED)
TOML = """\
[journal]
keys = "file"

[store]
url = "{url}"
credential = "none"
"""


class Laptop(Machine):
    """A machine of the team; which one the command line is on is said by ``here``."""

    patch: pytest.MonkeyPatch

    def here(self) -> None:
        self.patch.setenv("XDG_STATE_HOME", str(self.state.parent))
        self.patch.chdir(self.project)

    @property
    def files(self) -> FileStore:
        """Its own journal, from before it was of the team."""
        return FileStore(self.journal, self.keys, self.state / "locks")

    @property
    def store(self) -> DatabaseStore:
        return self._store(drill=False)

    def _store(self, *, drill: bool) -> DatabaseStore:
        project = parse_project((self.project / "respond.toml").read_bytes(), name="respond.toml")
        secrets = own_secrets(project, self.keys, lambda _: None)
        places = Places(self.project, self.state)
        return database_store(project, places, self.keys, secrets, drill=drill)

    def record_run(self, run: str, *, drill: bool = False) -> None:
        """A short run in the team's journal, signed at its end."""
        with self._store(drill=drill).journal(
            clock=SystemClock(), actor=DANA, create=True
        ) as journal:
            for kind, data in (
                (Kind.PROPOSED, {"runbook": "lost-laptop", "inputs": {}}),
                (Kind.PARKED, {"reason": "quit"}),
            ):
                journal.append(Event(kind, run, "", DANA, data))
            journal.checkpoint(f"end of run {run}")
