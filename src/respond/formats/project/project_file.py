"""Read ``respond.toml``: the systems, the people, and how much care a run gets.

The file lies in git beside the team's runbooks and never holds a secret: a text that looks like
one is refused. ``config_keys`` says every key with its default. Unknown keys are refused, with
what was probably meant: a setting that is misspelt and quietly ignored would be found out at the
worst moment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from respond.core.policy import Chat, Confirm, Policy, TwoPeople
from respond.core.script import PersonRecord
from respond.core.showable import hidden_character, showable
from respond.errors import UsageError
from respond.formats.faults import FormatFault, Mark, SourceText, did_you_mean
from respond.formats.project.project import (
    ConnectionConfig,
    Credential,
    HookConfig,
    JournalConfig,
    NotifyConfig,
    OidcConfig,
    PersonConfig,
    Project,
    ServerConfig,
    SourceConfig,
    Timeouts,
    Where,
)
from respond.formats.project.server_tables import (
    check_server,
    read_hooks,
    read_server,
    read_sources,
)
from respond.formats.project.toml_keys import (
    ACCOUNTS,
    NAME,
    NOTIFY_OWN,
    PLAIN_NAME,
    SENDERS,
    SYSTEMS,
    TABLES,
    TOP,
    Key,
)
from respond.formats.project.toml_positions import Path as KeyPath
from respond.formats.project.toml_values import FILE, Values
from respond.formats.secret_looks import looks_secret
from respond.systems import takes_clicks

__all__ = [
    "FILE",
    "SENDERS",
    "SYSTEMS",
    "TABLES",
    "ConnectionConfig",
    "Credential",
    "HookConfig",
    "JournalConfig",
    "Key",
    "NotifyConfig",
    "OidcConfig",
    "PersonConfig",
    "Project",
    "ServerConfig",
    "SourceConfig",
    "Timeouts",
    "find_project",
    "parse_project",
    "read_project",
]

_BYTES_MAX: Final = 262_144


# --- reading ------------------------------------------------------------------------------------


def find_project(start: Path, override: Path | None = None) -> Path | None:
    """Find the project's folder: the one named, or the nearest at or above ``start``.

    Raises:
        UsageError: The named folder has no ``respond.toml``.
    """
    if override is not None:
        folder = override.parent if override.name == FILE else override
        if not (folder / FILE).is_file():
            raise UsageError(f"there is no {FILE} in {showable(str(folder))}", do="respond init")
        return folder.resolve()
    folder = start.resolve()
    return next((each for each in (folder, *folder.parents) if (each / FILE).is_file()), None)


def read_project(folder: Path) -> Project:
    """Read the ``respond.toml`` of a folder.

    Raises:
        UsageError: It cannot be read.
        FormatFault, FormatFaults: As ``parse_project``.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", why=error.strerror or "") from error
    return parse_project(data, name=str(path), folder=folder)


def parse_project(data: bytes, *, name: str, folder: Path | None = None) -> Project:
    """Check the bytes of a ``respond.toml``.

    Raises:
        FormatFault: It is no TOML, or larger than 256 KiB.
        FormatFaults: Everything else that is wrong in it.
    """
    text, raw = _toml(data, name)
    where = Where(name, data, text)
    reading = _Reading(where)
    reading.check_secrets(raw)
    reading.check_keys(raw, TOP, (), "the file")
    project = Project(
        folder=folder,
        connections=reading.connections(raw),
        policy=reading.policy(raw),
        persons=reading.persons(raw),
        journal=reading.journal(raw, folder),
        notify=reading.notify(raw),
        links=reading.links(raw),
        timeouts=reading.timeouts(raw),
        sources=read_sources(reading, raw),
        hooks=read_hooks(reading, raw),
        server=read_server(reading, raw),
        where=where,
    )
    reading.check_references(project)
    check_server(reading, project)
    reading.faults.refuse()
    return project


def _toml(data: bytes, name: str) -> tuple[str, dict[str, Any]]:
    source = SourceText(name, data[:_BYTES_MAX])
    if len(data) > _BYTES_MAX:
        raise source.fault(None, f"the file has more than {_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise source.fault(Mark(line, 1), "this line is not UTF-8") from None
    found = hidden_character(text.replace("\r\n", "\n"))
    if found:
        before = text.replace("\r\n", "\n")[: found.start()]
        mark = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        what = f"the invisible or control character {showable(found[0])}"
        raise source.fault(mark, what, hint="remove it")
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(source, str(error)) from None
    except RecursionError:
        raise source.fault(None, "lists or tables are nested too deep") from None


def _not_toml(source: SourceText, message: str) -> FormatFault:
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    mark = Mark(int(found[1]), int(found[2])) if found and found[1] else None
    what = message[: found.start()] if found else message
    fault = source.fault(mark, f"this is not TOML: {what[:1].lower()}{what[1:]}")
    if looks_secret(fault.source_line) or looks_secret(fault.what):
        return FormatFault(fault.name, fault.line, fault.column, "this is not TOML")
    return fault


class _Reading(Values):
    """The tables that every project may have; the server's are read in a module of their own."""

    # --- tables ---------------------------------------------------------------------------------

    def connections(self, raw: Mapping[str, Any]) -> dict[str, ConnectionConfig]:
        made: dict[str, ConnectionConfig] = {}
        for name, table in self.table(raw, "connections", ()).items():
            path = ("connections", name)
            if not re.fullmatch(NAME, name, re.ASCII):
                what = f"the connection '{showable(name)}' must have {PLAIN_NAME.wanted}"
                self.fault(path, what)
            values = self.values(table, "connections.NAME", path)
            if "system" not in values:
                continue
            if "auth" in values and values["system"] != "http":
                self.fault((*path, "auth"), "'auth' goes with the system http only")
            made[name] = ConnectionConfig(name=name, **values)
        return made

    def policy(self, raw: Mapping[str, Any]) -> Policy:
        values = self.values(raw.get("policy", {}), "policy", ("policy",))
        if "confirm" in values:
            values["confirm"] = Confirm(values["confirm"])
        if "two_people" in values:
            values["two_people"] = TwoPeople(values["two_people"])
        if "chat" in values:
            values["chat"] = Chat(values["chat"])
        if "expiry" in values:
            values["expiry_s"] = values.pop("expiry")
        return Policy(**values)

    def persons(self, raw: Mapping[str, Any]) -> tuple[PersonConfig, ...]:
        made: list[PersonConfig] = []
        known: dict[tuple[str, str], str] = {}
        called: dict[str, tuple[str, str]] = {}
        for number, table in enumerate(self.tables(raw, "person")):
            path = ("person", number)
            values = self.values(table, "person", path)
            if "id" not in values:
                continue
            self._check_one_person(values, path, known)
            self._check_names(values, path, called)
            own = {key: values.pop(key) for key in ("ssh_keys", "oidc_issuer", "oidc_subject")
                   if key in values}  # fmt: skip
            if bool(own.get("oidc_issuer")) != bool(own.get("oidc_subject")):
                self.fault(path, "'oidc_issuer' and 'oidc_subject' belong together")
            accounts = _popped(values, ACCOUNTS)
            record = PersonRecord(
                **values, accounts=accounts, clicks=any(map(takes_clicks, accounts))
            )
            made.append(PersonConfig(record, **own))
        return tuple(made)

    def _check_one_person(
        self, values: Mapping[str, Any], path: KeyPath, known: dict[tuple[str, str], str]
    ) -> None:
        """One person with two entries could approve their own run."""
        marks = [("id", values["id"])]
        marks += [("emails", email.casefold()) for email in values.get("emails", ())]
        marks += [("logins", login.casefold()) for login in values.get("logins", ())]
        marks += [("ssh_keys", " ".join(key.split()[:2])) for key in values.get("ssh_keys", ())]
        marks += [(key, values[key]) for key in ACCOUNTS if values.get(key)]
        if values.get("oidc_subject"):
            marks.append(("oidc_subject", f"{values.get('oidc_issuer')} {values['oidc_subject']}"))
        for key, value in marks:
            other = known.setdefault((key, value), values["id"])
            if other != values["id"] or (key == "id" and self._again(known, values["id"], path)):
                shown = "" if key in {"ssh_keys", "oidc_subject"} else f" '{showable(value)}'"
                self.fault(
                    (*path, key),
                    f"the person '{other}' has this {key.removesuffix('s')}{shown} already",
                    "one person has one entry",
                )

    def _check_names(
        self, values: Mapping[str, Any], path: KeyPath, called: dict[str, tuple[str, str]]
    ) -> None:
        """A login that is another person's id or address would let one stand for the other."""
        given = [("id", values["id"]), *((key, values.get(key, "")) for key in ACCOUNTS)]
        given += [(key, each) for key in ("emails", "logins") for each in values.get(key, ())]
        for key, word in given:
            if word:
                other, kind = called.setdefault(word.casefold(), (values["id"], key))
                # The same kind twice was reported before.
                if other != values["id"] and kind != key:
                    what = f"'{showable(word)}' means the person '{other}' already"
                    self.fault((*path, key), what, "one person has one entry")

    def _again(self, known: dict[tuple[str, str], str], name: str, path: KeyPath) -> bool:
        return known.setdefault(("number of id", name), str(path[-1])) != str(path[-1])

    def journal(self, raw: Mapping[str, Any], folder: Path | None) -> JournalConfig:
        values = self.values(raw.get("journal", {}), "journal", ("journal",))
        if values.get("path"):
            path = Path(values["path"]).expanduser()
            if not path.is_absolute():
                self.fault(("journal", "path"), "the path must be absolute, or begin with ~/")
            elif folder is not None and path.resolve().is_relative_to(folder.resolve()):
                what = "the journal must not lie in the project, where git would take it"
                self.fault(("journal", "path"), what)
            values["path"] = str(path)
        return JournalConfig(**values)

    def notify(self, raw: Mapping[str, Any]) -> NotifyConfig:
        values = self.values(raw.get("notify", {}), "notify", ("notify",))
        if "from" in values:
            values["sender"] = values.pop("from")
        own = _popped(values, NOTIFY_OWN)
        return NotifyConfig(**values, own=own)

    def links(self, raw: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
        made: dict[str, Mapping[str, str]] = {}
        for system, table in self.table(raw, "links", ()).items():
            path = ("links", system)
            if system not in SYSTEMS:
                hint = did_you_mean(system, SYSTEMS) or f"known: {', '.join(SYSTEMS)}"
                self.fault(path, f"there is no system '{showable(system)}'", hint)
            made[system] = self.value(table, TABLES["links"]["SYSTEM"].kind, path) or {}
        return made

    def timeouts(self, raw: Mapping[str, Any]) -> Timeouts:
        values = self.values(raw.get("timeouts", {}), "timeouts", ("timeouts",))
        return Timeouts(**{f"{key}_s": value for key, value in values.items()})

    # --- across tables --------------------------------------------------------------------------

    def check_references(self, project: Project) -> None:
        """What only the whole file can tell."""
        policy = project.policy
        able = [each for each in project.records if policy.approver in each.roles]
        if policy.two_people is not TwoPeople.NEVER and len(able) < policy.approvals:
            self.fault(
                ("policy", "two_people"),
                f"nobody could approve: {policy.approvals} with the role '{policy.approver}' "
                f"are wanted, and {len(able)} stand in [[person]]",
            )
        for name, connection in project.connections.items():
            kind, _, rest = connection.sink.partition(":")
            holder = rest.partition(":")[0]
            if kind in {"vault", "command"} and holder not in project.connections:
                hint = did_you_mean(holder, project.connections)
                what = f"the sink names the connection '{showable(holder)}', which is not there"
                self.fault(("connections", name, "sink"), what, hint)


def _popped(values: dict[str, Any], keys: Iterable[str]) -> dict[str, str]:
    """Take these keys out of a table; those that say something."""
    return {key: value for key in keys if (value := values.pop(key, ""))}
