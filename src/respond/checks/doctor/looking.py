"""What the checks share: what was well, what stands in the journal, which runbooks there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from respond.adapters.secrets.credential_store import CredentialStore
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.audit.body import read_body
from respond.audit.canonical import NotCanonicalError
from respond.audit.verify import SourceError, StoredRow
from respond.checks.credentials import Line
from respond.checks.rights import actions_of, makes_secrets
from respond.core.records import Mutable
from respond.formats.project.project import ConnectionConfig, Project, SourceConfig
from respond.systems import DIRECTORY, channels
from respond.systems.vendor import Reaches, Trouble
from respond.wiring.session import credential_store
from respond.wiring.stores import Store, journal_path, store_of

if TYPE_CHECKING:
    from respond.adapters.secrets.redactor import Redactor
    from respond.audit.source import OpenRows
    from respond.core.runbook import Runbook
    from respond.formats.runbook.check import Checked
    from respond.ports import Clock, KeyStore
    from respond.wiring.places import Places

__all__ = [
    "CLOCK_S_MAX",
    "DAY_S",
    "Bears",
    "Doctor",
    "Findings",
    "FoundTrouble",
    "JournalRead",
    "day_of",
    "iso_s",
]

CLOCK_S_MAX: Final = 60
DAY_S: Final = 86_400


class Bears(Enum):
    """How a finding bears on a run tonight; the gravest first."""

    STOPS = "stops"
    """It would not start, would stop, or must not be relied on."""
    HANDS = "hands"
    """A person does what the tool could do."""
    LATER = "later"
    """It would work; something wants looking after."""


class FoundTrouble(Trouble, frozen=True):
    """Something that would hurt tonight. ``id`` is ``AREA/KIND``, whatever the words say.

    Attributes:
        runbooks: Those that it is about; none: it is about the machine, or the server.
    """

    bears: Bears = Bears.LATER
    runbooks: tuple[str, ...] = ()

    @property
    def area(self) -> str:
        return self.id.partition("/")[0]

    @property
    def wants_credential(self) -> bool:
        """Whether runs would stop, or steps be done by hand, for want of a credential."""
        return self.area in {"credential", "keys"}


Findings: TypeAlias = Iterator[FoundTrouble]


class JournalRead(Mutable):
    """What stands in a journal that was read once, from its first record to its last.

    Attributes:
        latest: Latest time of a record.
        alone: Runs whose emergency entry nobody has reviewed, and who went alone.
        ended_well_s: When the last run that ended with 0 did; 0 for none.
        is_whole: The rows could be read to their end.
    """

    latest: str = ""
    alone: dict[str, str] = field(default_factory=dict)
    ended_well_s: float = 0.0
    is_whole: bool = True

    def rows(self, opened: OpenRows) -> Iterator[StoredRow]:
        """The rows, for somebody to judge; may raise ``SourceError``."""
        try:
            with opened() as rows:
                for row in rows:
                    if row.columns:
                        self._take(row.body, *row.columns)
                    yield row
        except SourceError:
            self.is_whole = False
            raise

    def _take(self, raw: Any, kind: Any, _run: Any, _step: Any, at: Any) -> None:
        if isinstance(at, str):
            self.latest = max(self.latest, at)
        if kind not in {"break-glass", "reviewed", "ended"}:
            return
        try:
            body = read_body(raw)
        except (NotCanonicalError, TypeError):
            return  # What is wrong with a journal is said with the journal.
        if kind == "ended":
            self.ended_well_s = iso_s(body.at) if body.data.get("exit") == 0 else self.ended_well_s
            return
        self.alone.pop(body.run, None)
        if kind == "break-glass":
            self.alone[body.run] = body.actor


class Doctor(Mutable):
    """One look at everything, and what its checks share.

    Args:
        line: Where a connection leads, by name.
        check: Checks the file of a runbook, as ``respond check`` does.
        only: Look at this runbook and what it needs; empty looks at all.
        operator: The person at the keyboard, as the machine calls them.
    """

    places: Places
    project: Project
    clock: Clock
    redactor: Redactor
    line: Callable[[str], Line]
    check: Callable[[Path], Checked]
    operator: str
    tell: Callable[[str], None]
    only: str = ""
    well: list[str] = field(default_factory=list, init=False)
    keys: KeyStore | None = field(default=None, init=False)
    secrets: CredentialStore | None = field(default=None, init=False)
    checked: dict[str, Checked] = field(default_factory=dict, init=False)
    runbooks: dict[str, Runbook] = field(default_factory=dict, init=False)
    """Those without a fault."""
    journal: JournalRead = field(default_factory=JournalRead, init=False)
    offered: dict[str, frozenset[str]] = field(default_factory=dict, init=False)
    """By connection, what its account offers and somebody accepted; only where it was looked at."""
    rehearsed: dict[str, str] = field(default_factory=dict, init=False)
    """The day on which a runbook was last rehearsed to a good end."""

    @property
    def journal_path(self) -> Path:
        return journal_path(self.project, self.places)

    @property
    def store(self) -> Store:
        """Where the journal is; without a key store it is one of which nothing is known.

        Raises:
            NotReadyError: It is a database, and what talks to one is not installed.
        """
        keys = self.keys or MemoryKeys()
        secrets = self.secrets or credential_store(
            self.project, keys, self.redactor, self.clock, self.tell
        )
        return store_of(self.project, self.places, keys, secrets)

    @property
    def now_s(self) -> float:
        return self.clock.now_ms() / 1000

    @property
    def heard(self) -> list[SourceConfig]:
        """Sources to look at: all, or those that may propose the one runbook."""
        every = self.project.sources.values()
        return [each for each in every if not self.only or self.only in each.runbooks]

    @property
    def every(self) -> tuple[str, ...]:
        """The runbooks that are looked at: what is wrong with the machine is wrong for each."""
        return tuple(self.checked)

    def systems_of(self, name: str) -> frozenset[str]:
        """Systems that a runbook goes to; what it says of a directory goes to those there are."""
        systems = set(actions_of(self.runbooks[name]).values())
        if "notify" in systems:
            systems |= set(channels(Reaches.EACH, Reaches.MANY))
        if DIRECTORY in systems:
            found = self.project.connections
            systems |= {found[each].system for each in self.project.directories}
        return frozenset(systems)

    def needing(self, config: ConnectionConfig) -> tuple[str, ...]:
        """The runbooks that need a connection, be it only because a new secret is kept there."""
        keeps_for = {
            each.system
            for each in self.project.connections.values()
            if each.sink.split(":")[1:2] == [config.name]
        }
        return tuple(
            name
            for name, one in self.runbooks.items()
            if config.system in (systems := self.systems_of(name))
            or (keeps_for & systems and makes_secrets(one))
        )

    def wanted(self) -> Iterable[ConnectionConfig]:
        """Connections to look at: all, or those that the one runbook needs."""
        every = self.project.connections.values()
        return [each for each in every if not self.only or self.needing(each)]


def iso_s(text: str) -> float:
    """An RFC 3339 time in seconds since 1970; 0 where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def day_of(seconds: float) -> str:
    """The day of a moment, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
