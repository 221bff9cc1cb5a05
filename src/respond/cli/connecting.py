"""Carry out ``respond connect``: ask, try, say what is missing, store, record.

The order matters. A credential is tried before it is stored, the journal must be able to take the
record before anything is changed, and what is refused leaves no trace.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respond.checks.credentials import (
    FURTHER,
    Allowed,
    Line,
    Probed,
    Right,
    Verdict,
    open_line,
    probe,
)
from respond.errors import NotReadyError, StepFailedError, UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.adapters.secrets.credential_store import CredentialStore
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.core.runbook import Runbook
    from respond.formats.project.project_file import ConnectionConfig, Project
    from respond.ports import Clock, KeyStore, Secrets
    from respond.systems.customerio.discovery import CapabilityTable

__all__ = [
    "Connected",
    "Connecting",
    "actions_of",
    "check_name",
    "loadable",
    "missing_rights",
    "read_table",
    "sinks_in",
    "store_table",
    "wants",
]

_SNIPPETS: Final[Mapping[str, str]] = {
    "customerio": """\
[connections.{name}]
system = "customerio"
account = "48213" # your account
region = "eu" # eu or us
identity = "respond-ir" # name of the service account
sink = "screen" # where new keys go
""",
    "slack": """\
[connections.{name}]
system = "slack"
account = "T0123456789" # id of the workspace
""",
    "pagerduty": """\
[connections.{name}]
system = "pagerduty"
region = "us" # us or eu
options = {{ from = "you@example.com" }}
""",
    "vault": """\
[connections.{name}]
system = "vault"
base_urls = {{ http = "https://vault.example.com:8200" }}
""",
    "email": """\
[connections.{name}]
system = "email"

[connections.{name}.options]
host = "smtp.example.com"
port = 587
user = "respond"
from = "security@example.com"
""",
    "http": """\
[connections.{name}]
system = "http"
auth = "bearer" # or basic, none
base_urls = {{ http = "https://api.example.com" }}
""",
}  # fmt: skip
"""What to paste into ``respond.toml``, by system."""

_NICKNAMES: Final[Mapping[str, str]] = {
    "cio": "customerio", "customer": "customerio", "pager": "pagerduty", "pd": "pagerduty",
    "mail": "email", "smtp": "email",
}  # fmt: skip


def check_name(project: Project, places: Places, name: str) -> tuple[ConnectionConfig, str]:
    """The connection that ``cio`` or ``cio/app`` means, and which of its credentials.

    Raises:
        UsageError: It is not in ``respond.toml``; the text holds what to paste there.
    """
    main, _, part = name.partition("/")
    config = project.connections.get(main)
    if config is None:
        raise UsageError(
            f"there is no connection {main[:60]!r}",
            why=_known(project, places),
            do=f"add to respond.toml, then again: respond connect {name[:60]}\n\n{_snippet(main)}",
        )
    if not part:
        return config, ""
    further = FURTHER.get(config.system, {})
    if part not in further:
        known = "; ".join(f"{config.name}/{key}: {what}" for key, what in further.items())
        raise UsageError(
            f"{config.system} has no credential {part[:60]!r}", why=known or "it has one alone"
        )
    if part not in config.credentials:
        raise UsageError(
            f"{name!r} is not in respond.toml",
            why=f"it would be used for: {further[part]}",
            do=f'add to [connections.{config.name}]:\n\ncredentials = {{ {part} = "keyring" }}\n',
        )
    return config, part


def _known(project: Project, places: Places) -> str:
    if places.project is None:
        return "there is no respond.toml here or above: respond init"
    names = ", ".join((*project.connections, *project.sources))
    return f"respond.toml has: {names or 'no connection'}"


def _snippet(name: str) -> str:
    system = _NICKNAMES.get(name, name)
    found = [system] if system in _SNIPPETS else ["customerio"]
    plain = name if name.isidentifier() and name.islower() else "NAME"
    return "\n".join(_SNIPPETS[each].format(name=plain) for each in found)


# --- what runbooks need --------------------------------------------------------------------------


def loadable(places: Places) -> dict[str, Runbook]:
    """Every runbook that loads; ``respond check`` has the faults of the others."""
    from respond.errors import RespondError
    from respond.formats.faults import FormatFault, FormatFaults
    from respond.wiring.session import load_runbook

    found = {}
    for name in places.runbooks():
        try:
            found[name] = load_runbook(places, name)
        except (RespondError, FormatFault, FormatFaults):
            continue
    return found


def actions_of(runbook: Runbook) -> dict[str, str]:
    """The actions of a runbook, each with the system that it needs."""
    from respond.core.runbook import all_calls

    steps = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    return {step.action.spec.name: step.action.spec.system for step in all_calls(steps)}


def wants(runbooks: Mapping[str, Runbook], right: Right) -> list[str]:
    """Which runbooks need a right."""
    return [name for name, one in runbooks.items() if right.actions & actions_of(one).keys()]


def missing_rights(
    probed: Probed, runbooks: Mapping[str, Runbook]
) -> Iterator[tuple[Right, list[str]]]:
    """Rights that are known to be missing, with the runbooks that need them."""
    for right in probed.rights:
        names = wants(runbooks, right)
        if right.allowed is Allowed.NO and names:
            yield right, names


def sinks_in(project: Project, vault: str) -> tuple[str, ...]:
    """``MOUNT/PATH`` of every sink of the project that lies in this Vault."""
    begin = f"vault:{vault}:"
    places = (
        connection.sink.removeprefix(begin).partition("#")[0]
        for connection in project.connections.values()
        if connection.sink.startswith(begin)
    )
    return tuple(dict.fromkeys(places))


# --- the table of what an account offers ---------------------------------------------------------


def read_table(reader: Any, name: str) -> CapabilityTable:
    """What the account's live description offers now.

    Raises:
        StepFailedError: It cannot be read.
    """
    from respond.systems.customerio import discovery
    from respond.wiring.session import live_documents

    return discovery.match(*live_documents(reader, name))


def store_table(folder: Path, name: str, table: CapabilityTable) -> Path:
    """Store what a person accepted where ``accepted_table`` reads it; 0600, as a whole."""
    path = folder / f"{name}.json"
    new = folder / f".{name}.{os.getpid()}.new"
    text = json.dumps(table.as_json(), indent=1).encode()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise NotReadyError(
            f"the accepted table cannot be stored in {path}", why=error.strerror or str(error)
        ) from error
    return path


def table_digest(table: CapabilityTable) -> str:
    text = json.dumps(table.as_json(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- connecting ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Trial:
    """The credential that is being tried, and the stored ones for everything else."""

    name: str
    value: str
    others: Secrets

    def credential(self, connection: str) -> str:
        return self.value if connection == self.name else self.others.credential(connection)


@dataclass(slots=True)
class Connected:
    """What ``connect`` found and did.

    Attributes:
        name: ``cio`` or ``cio/app``.
        stored_in: Where the credential was stored; empty when nothing was stored.
        kept: The stored credential was tried, and stays.
        table: What the account offers; None where nothing is discovered.
        changes: What differs from the table that was accepted before, a line each.
        accepted: The table was accepted, now or before, as it is.
    """

    name: str
    config: ConnectionConfig
    probed: Probed
    runbooks: Mapping[str, Runbook]
    stored_in: str = ""
    kept: bool = False
    table: CapabilityTable | None = None
    changes: tuple[str, ...] = ()
    accepted: bool = False
    trouble: str = ""

    @property
    def missing(self) -> list[tuple[Right, list[str]]]:
        return list(missing_rights(self.probed, self.runbooks))


@dataclass(slots=True)
class Connecting:
    """One call of ``respond connect``.

    Args:
        line: Where the connection leads.
        new: Gives the new credential: asks, or reads it. Not called when the stored one is kept.
        accept: Asked with the table; whether a person accepts it.
        tell: Chatter.
    """

    places: Places
    project: Project
    name: str
    config: ConnectionConfig
    part: str
    line: Line
    keys: KeyStore
    journal: SqliteJournal
    clock: Clock
    redactor: Redactor
    new: Callable[[], str]
    accept: Callable[[Connected], bool]
    tell: Callable[[str], None]
    replace: bool = False
    runbooks: Mapping[str, Runbook] = field(default_factory=dict)

    def go(self) -> Connected:
        """Do it.

        Raises:
            NotReadyError: The credential is refused or could not be tried; nothing was stored.
        """
        store = self._store()
        has = self._has(store)
        keep = has and not self.replace
        value = store.credential(self.name) if keep else self._new()
        secrets = store if keep else _Trial(self.name, value, store)
        opened = open_line(
            self.config,
            self.line,
            secrets=secrets,
            redactor=self.redactor,
            clock=self.clock,
            sinks=sinks_in(self.project, self.config.name),
            waiting=lambda what, s: self.tell(f"waiting {s:.0f} s for {what}"),
        )
        try:
            self.tell(f"trying {self.name}: reads only, nothing is changed")
            probed = probe(opened, self.part)
            made = Connected(self.name, self.config, probed, self.runbooks, kept=keep)
            self._refuse(made)
            if not keep:
                self._keep(store, value, made)
            if self.config.system == "customerio" and not self.part:
                self._discover(opened.reader, made)
        finally:
            opened.close()
        return made

    # --- the credential ---

    def _store(self) -> CredentialStore:
        from respond.wiring.session import credential_store

        return credential_store(self.project, self.keys, self.redactor, self.clock)

    def _has(self, store: CredentialStore) -> bool:
        """Whether there is a credential already. One that is kept elsewhere is only tried."""
        from respond.adapters.secrets.credential_store import KEYRING

        if self.project.references.get(self.name, KEYRING) != KEYRING:
            if self.replace:
                raise UsageError(
                    f"{self.name} is kept outside of respond, as respond.toml says",
                    do="put the new value there, then connect without --replace",
                )
            return True
        try:
            store.credential(self.name)
        except NotReadyError:
            return False
        if not self.replace:
            self.tell(
                f"{self.name} is stored already and is tried again; --replace gives a new one"
            )
        return True

    def _new(self) -> str:
        value = self.new()
        if not value.isascii() or not value.isprintable():
            raise UsageError(
                "what was given holds characters that no credential has", do="copy it again"
            )
        self.redactor.register(self.name, value)
        return value

    def _refuse(self, made: Connected) -> None:
        probed = made.probed
        if probed.verdict in {Verdict.ACCEPTED, Verdict.UNTRIED}:
            return
        refused = probed.verdict is Verdict.REFUSED
        stays = "the stored one stays as it is" if made.kept else "nothing was stored"
        raise NotReadyError(
            f"{self.name} is not accepted: {stays}"
            if refused
            else f"{self.name} could not be tried: {stays}",
            why=self.redactor.clean(probed.says),
            do=self._do(made, refused=refused),
        )

    def _do(self, made: Connected, *, refused: bool) -> str:
        if not refused:
            return made.probed.do or "mend that, then connect again"
        again = f"respond connect {self.name}{' --replace' if made.kept else ''}"
        # The words of a failed request say "respond connect", which is what is going on here.
        said = made.probed.do if not made.probed.do.startswith("respond connect") else ""
        region = " (and check the region)" if self.config.region or not self.part else ""
        return f"{said or 'copy the credential anew' + region}, then: {again}"

    def _keep(self, store: CredentialStore, value: str, made: Connected) -> None:
        """Record first, store then: a stored credential without a record must not be."""
        self._record(
            what="credential-stored",
            digest=self.journal.digest(value),
            keys=self.keys.says,
            tried=made.probed.verdict.value,
            account=made.probed.account,
        )
        try:
            store.keep(self.name, value)
        except NotReadyError as error:
            self._record(what="credential-not-stored", why=error.what)
            raise
        made.stored_in = self.keys.says

    def _record(self, **data: Any) -> None:
        from respond.core.events import Event, Kind
        from respond.wiring.session import os_user

        named = {"connection": self.name, "system": self.config.system, **data}
        self.journal.append(Event(Kind.CONFIG_CHANGED, "", "", os_user(), named))
        # Signed at once: there may be no run, and so no other signature, for weeks.
        self.journal.checkpoint(f"connect {self.name}")

    # --- discovery ---

    def _discover(self, reader: Any, made: Connected) -> None:
        from respond.wiring.session import accepted_table

        folder = self.places.state / "connections"
        self.tell("reading what the account offers")
        try:
            made.table = read_table(reader, self.config.name)
        except StepFailedError as error:
            made.trouble = f"{error.what}: {error.why}" if error.why else error.what
            return
        before = accepted_table(folder, self.config.name)
        if before is not None and table_digest(before) == table_digest(made.table):
            made.accepted = True
            return
        made.changes = _changes(before, made.table)
        if not made.table.confirmed or self.accept(made):
            self._record(
                what="capabilities-accepted",
                confirmed=sorted(made.table.confirmed),
                sha256=table_digest(made.table),
            )
            store_table(folder, self.config.name, made.table)
            made.accepted = True


def _changes(before: CapabilityTable | None, now: CapabilityTable) -> tuple[str, ...]:
    if before is None:
        return ()
    old = {one.name: one for one in before.capabilities}
    lines = []
    for one in now.capabilities:
        was = old.get(one.name)
        if was is None or (was.confirmed, was.sha256) != (one.confirmed, one.sha256):
            how = "is offered now" if one.confirmed and not (was and was.confirmed) else "changed"
            lines.append(f"{one.name} {how}{f': {one.why_not}' if one.why_not else ''}")
    return tuple(lines)
