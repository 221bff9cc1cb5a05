"""Carry out ``respond connect``: ask, try, say what is missing, store, record.

The order matters. A credential is tried before it is stored, the journal must be able to take the
record before anything is changed, and what is refused leaves no trace.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respond.adapters.ordinary_file import write_whole
from respond.checks.credentials import Line, open_line, probe
from respond.checks.rights import missing_rights, sinks_in
from respond.core.records import Mutable
from respond.errors import NotReadyError, StepFailedError, UsageError
from respond.systems import discovery_of, vendor, vendors
from respond.systems.vendor import CredentialVerdict, Probed, Right
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.cli.credential_keeper import CredentialKeeper
    from respond.core.runbook import Runbook
    from respond.formats.project.project import ConnectionConfig, Project
    from respond.ports import Secrets
    from respond.systems.discovery import CapabilityTable, Discovery

__all__ = ["Connected", "Connecting", "check_name"]


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
    further = vendor(config.system).further
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
    """What to paste for a connection of this name; one that says nothing gets the first that an
    incident may be about.
    """
    usable = [each for each in vendors().values() if each.snippet]
    usual = next(each for each in usable if not each.aside)
    meant = next((each for each in usable if name == each.name or name in each.nicknames), usual)
    plain = name if name.isidentifier() and name.islower() else "NAME"
    return meant.snippet.format(name=plain)


# --- the table of what an account offers ---------------------------------------------------------


def _store_table(folder: Path, name: str, table: CapabilityTable) -> Path:
    """Store what a person accepted where ``accepted_table`` reads it; 0600, as a whole."""
    path = folder / f"{name}.json"
    text = json.dumps(table.as_json(), indent=1).encode()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write(text))
    except OSError as error:
        raise NotReadyError(
            f"the accepted table cannot be stored in {path}", why=error.strerror or str(error)
        ) from error
    return path


def _table_digest(table: CapabilityTable) -> str:
    text = json.dumps(table.as_json(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- connecting ----------------------------------------------------------------------------------


class _Trial(Mutable):
    """The credential that is being tried, and the stored ones for everything else."""

    name: str
    value: str
    others: Secrets

    def credential(self, connection: str) -> str:
        return self.value if connection == self.name else self.others.credential(connection)


class Connected(Mutable):
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


class Connecting(Mutable):
    """One call of ``respond connect``.

    Args:
        line: Where the connection leads.
        new: Gives the new credential: asks, or reads it. Not called when the stored one is kept.
        accept: Asked with the table; whether a person accepts it.
        tell: Chatter.
    """

    places: Places
    name: str
    config: ConnectionConfig
    part: str
    line: Line
    keeper: CredentialKeeper
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
        store = self.keeper.store
        keep = self._has() and not self.replace
        value = store.credential(self.name) if keep else self._new()
        secrets = store if keep else _Trial(self.name, value, store)
        opened = open_line(
            self.config,
            self.line,
            secrets=secrets,
            redactor=self.keeper.redactor,
            clock=self.keeper.clock,
            sinks=sinks_in(self.keeper.project, self.config),
            tell=self.tell,
        )
        try:
            self.tell(f"trying {self.name}: reads only, nothing is changed")
            probed = probe(opened, self.part)
            made = Connected(self.name, self.config, probed, self.runbooks, kept=keep)
            self._refuse(made)
            if not keep:
                self.keeper.keep(
                    self.name,
                    self.config.system,
                    value,
                    tried=probed.verdict.value,
                    account=probed.account,
                )
                made.stored_in = self.keeper.keys.says
            discovery = discovery_of(self.config.system)
            if discovery is not None and not self.part:
                self._discover(discovery, opened.reader, made)
        finally:
            opened.close()
        return made

    # --- the credential ---

    def _has(self) -> bool:
        """Whether there is a credential already. One that is kept elsewhere is only tried."""
        from respond.adapters.secrets.credential_store import KEYRING

        if self.keeper.project.references.get(self.name, KEYRING) != KEYRING:
            if self.replace:
                raise UsageError(
                    f"{self.name} is kept outside of respond, as respond.toml says",
                    do="put the new value there, then connect without --replace",
                )
            return True
        has = self.keeper.has(self.name)
        if has and not self.replace:
            self.tell(
                f"{self.name} is stored already and is tried again; --replace gives a new one"
            )
        return has

    def _new(self) -> str:
        value = self.new()
        if not value.isascii() or not value.isprintable():
            raise UsageError(
                "what was given holds characters that no credential has", do="copy it again"
            )
        self.keeper.redactor.register(self.name, value)
        return value

    def _refuse(self, made: Connected) -> None:
        probed = made.probed
        if probed.verdict in {CredentialVerdict.ACCEPTED, CredentialVerdict.UNTRIED}:
            return
        refused = probed.verdict is CredentialVerdict.REFUSED
        stays = "the stored one stays as it is" if made.kept else "nothing was stored"
        raise NotReadyError(
            f"{self.name} is not accepted: {stays}"
            if refused
            else f"{self.name} could not be tried: {stays}",
            why=self.keeper.redactor.clean(probed.says),
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

    # --- discovery ---

    def _discover(self, discovery: Discovery, reader: Any, made: Connected) -> None:
        from respond.wiring.connections import accepted_table, live_documents

        folder = self.places.state / "connections"
        self.tell("reading what the account offers")
        try:
            made.table = discovery.match(*live_documents(discovery, reader, self.config.name))
        except StepFailedError as error:
            made.trouble = error.sentence
            return
        before = accepted_table(folder, self.config.name)
        if before is not None and _table_digest(before) == _table_digest(made.table):
            made.accepted = True
            return
        made.changes = _changes(before, made.table)
        if not made.table.confirmed or self.accept(made):
            self.keeper.record(
                self.name,
                self.config.system,
                what="capabilities-accepted",
                confirmed=sorted(made.table.confirmed),
                sha256=_table_digest(made.table),
            )
            _store_table(folder, self.config.name, made.table)
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
