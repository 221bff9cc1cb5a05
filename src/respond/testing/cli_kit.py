"""A machine with a project on it, and the command line: for tests of commands.

``Machine`` is one user's home; ``Town`` is the simulated company, with the credentials that it
takes, and leads a machine's connections there instead of to the vendors.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from respond.adapters.clock import SystemClock
from respond.adapters.http.request import Endpoint
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.way import SmtpServer
from respond.checks.credentials import Line
from respond.cli import main
from respond.company.rehearsal import Rehearsal
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.script import Connection
from respond.formats.project.project import Project

__all__ = ["TOML", "Machine", "RanCommand", "Town", "public_key_of"]

_DANA: Final = Actor("dana", Strength.CLAIMED)

TOML: Final = """\
[journal]
keys = "file"

[connections.cio]
system = "customerio"
account = "48213"
region = "eu"
identity = "respond-ir"
sink = "vault:vault:kv/cio/backend#api_key"
credentials = { app = "keyring", cdp = "keyring" }
options = { app = true, app_workspace = "190001" }

[connections.slack]
system = "slack"

[connections.pager]
system = "pagerduty"
region = "us"
options = { from = "dana@example.com" }

[connections.vault]
system = "vault"
base_urls = { http = "https://vault.example.com:8200" }

[connections.mail]
system = "email"
options = { host = "smtp.example.com", user = "respond" }

[[person]]
id = "ana"
emails = ["ana@example.com"]
roles = ["admin"]
"""


def public_key_of(name: str) -> str:
    """A public key that nobody has the other half of."""
    kind, raw = b"ssh-ed25519", hashlib.sha256(name.encode()).digest()
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, raw))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {name}"


@dataclass
class RanCommand:
    """What a call of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Machine:
    """A project, a state folder, and the command line on them.

    Attributes:
        read: What was printed since the last time: standard output, standard error.
    """

    project: Path
    state: Path
    read: Callable[[], tuple[str, str]]

    @property
    def journal(self) -> Path:
        return self.state / "journal.db"

    @property
    def keys(self) -> FolderKeys:
        return FolderKeys(self.state / "keys")

    def run(self, *words: str) -> RanCommand:
        self.read()
        code = main.run(list(words))
        out, err = self.read()
        return RanCommand(code, out, err)

    def configure(self, text: str) -> None:
        (self.project / "respond.toml").write_text(text, encoding="utf-8")

    def open_journal(self) -> SqliteJournal:
        return SqliteJournal.open(
            self.journal, keys=self.keys, clock=SystemClock(), create=True, actor=_DANA
        )

    def events(self, kind: Kind) -> list[Mapping[str, Any]]:
        with self.open_journal() as journal:
            return [r.event.data for r in journal.records() if r.event.kind is kind]

    def append(self, kind: Kind, run: str, **data: Any) -> None:
        """One more event, which no checkpoint covers."""
        with self.open_journal() as journal:
            journal.append(Event(kind, run, "", _DANA, data))

    def write_run(self, run: str, *, secret: str = "") -> None:
        """A short run in the journal, signed at its end."""
        with self.open_journal() as journal:
            digest = journal.digest(secret) if secret else ""
            for kind, data in (
                (Kind.PROPOSED, {"runbook": "lost-laptop", "inputs": {"leaked": digest}}),
                (Kind.PARKED, {"reason": "quit \x1b[31m now"}),
            ):
                journal.append(Event(kind, run, "", _DANA, data))
            journal.checkpoint(f"end of run {run}")


_SURFACES: Final = {
    "cio": Connection("cio", "customerio", region="eu"),
    "slack": Connection("slack", "slack"),
    "pager": Connection("pager", "pagerduty"),
    "vault": Connection("vault", "vault"),
}


@dataclass
class Town:
    """The simulated company, and the credentials that it takes."""

    rehearsal: Rehearsal
    moved: dict[str, str] = field(default_factory=dict)

    @property
    def credentials(self) -> dict[str, str]:
        story = self.rehearsal.story
        return {
            "cio": story["write_token"],
            "cio/app": story["app_key"],
            "slack": story["slack_bot_token"],
            "pager": story["pagerduty_key"],
            "vault": story["vault_token"],
            "mail": story["smtp_password"],
        }

    def line(self, project: Project, name: str) -> Line:
        """Where a connection leads: into the company instead of to its vendor."""
        config = project.connections[name]
        if config.system == "email":
            smtp = self.rehearsal.smtp
            server = SmtpServer(name, smtp["host"], smtp["port"], user="respond", loopback_ok=True)
            return Line(server=server)
        if config.system not in {c.system for c in _SURFACES.values()}:
            return Line()
        urls = self.rehearsal.base_urls(_SURFACES[name])
        if name in self.moved:
            urls = dict.fromkeys(urls, self.moved[name])
        return Line(
            endpoint=Endpoint(name, config.system, urls, auth=config.system, loopback_ok=True)
        )

    def store(self, home: Machine, *names: str) -> None:
        """Put credentials into the key store, as connecting would."""
        home.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names or self.credentials:
            home.keys.set(f"credential/{name}", self.credentials[name].encode())

    def drift(self) -> None:
        """The vendor describes an operation differently from now on."""
        path = "/v1/accounts/{account_id}/users/{user_id}"
        told = {"method": "DELETE", "path": path, "summary": "Archive something"}
        self.rehearsal.doors.post("drift", told)
