"""Read ``respond.toml``: the systems, the people, and how much care a run gets.

The file lies in git beside the team's runbooks and never holds a secret: a text that looks like
one is refused. One table below says every key with its default; ``docs/configuration.md`` is held
to it. Unknown keys are refused, with what was probably meant: a setting that is misspelt and
quietly ignored would be found out at the worst moment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from respond.core.inputs import parse_span
from respond.core.policy import Confirm, Policy, TwoPeople
from respond.core.script import Connection, PersonRecord
from respond.core.showable import hidden_character, showable
from respond.errors import UsageError
from respond.formats.faults import FormatFault, Mark, SourceText, did_you_mean, path_text
from respond.formats.fitting import Faults, span_text
from respond.formats.secret_looks import looks_secret
from respond.formats.toml_positions import place_of, places

__all__ = [
    "FILE",
    "SYSTEMS",
    "TABLES",
    "ConnectionConfig",
    "Credential",
    "JournalConfig",
    "Key",
    "NotifyConfig",
    "PersonConfig",
    "Project",
    "Timeouts",
    "find_project",
    "parse_project",
    "read_project",
]

FILE: Final = "respond.toml"
_BYTES_MAX: Final = 262_144
SYSTEMS: Final = ("command", "customerio", "email", "http", "pagerduty", "slack", "vault")

_Path: TypeAlias = tuple[str | int, ...]
Credential: TypeAlias = "str | tuple[str, ...]"
"""``keyring``, ``file:PATH``, or the words of a command that prints it."""


# --- what a project is --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """``[connections.NAME]``: one account of a system, and where its credential is.

    Attributes:
        sink: Where a new credential goes, such as ``vault:NAME:MOUNT/PATH#FIELD``.
        auth: How a connection of the system ``http`` says who it is.
        credentials: Further credentials by name, such as ``app`` and ``track``.
        base_urls: Surface to https address, where it is not the vendor's own.
        options: What only this system knows.
    """

    name: str
    system: str
    account: str = ""
    region: str = ""
    identity: str = ""
    sink: str = ""
    auth: str = "bearer"
    credential: Credential = "keyring"
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    base_urls: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def references(self) -> dict[str, Credential]:
        """Where each credential is, by its full name: ``cio`` and ``cio/app``."""
        named = {f"{self.name}/{key}": place for key, place in self.credentials.items()}
        return {self.name: self.credential, **named}


@dataclass(frozen=True, slots=True)
class PersonConfig:
    """``[[person]]``: what actions may know, and what tells that it is really them.

    Attributes:
        ssh_keys: Public keys, as in an ``authorized_keys`` file.
        oidc_issuer: Who signs this person's ID tokens.
        oidc_subject: The person's ``sub`` there.
    """

    record: PersonRecord
    ssh_keys: tuple[str, ...] = ()
    oidc_issuer: str = ""
    oidc_subject: str = ""


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """``[journal]``. An empty path is the user's own state folder."""

    path: str = ""
    keys: str = "keyring"


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """``[notify]``: how people are told, in order of preference."""

    channels: tuple[str, ...] = ("slack", "email")
    sender: str = ""
    slack_channel: str = ""
    pagerduty_service: str = ""
    smtp_host: str = ""
    smtp_port: int = 587


@dataclass(frozen=True, slots=True)
class Timeouts:
    """``[timeouts]``, in seconds.

    Attributes:
        request_s: Limit for one request.
        command_s: Limit for a program that prints a credential or takes one.
        patience_s: How long a step waits for something that is not there yet.
    """

    request_s: int = 10
    command_s: int = 30
    patience_s: int = 300


@dataclass(frozen=True, slots=True)
class Project:
    """``respond.toml``, read. Without the file there are no connections and no persons.

    Attributes:
        folder: Where the file lies; None without one.
        links: System to page to https address, where ours is not right.
        hooks: ``[[hooks]]``, as they stand; their own reader checks them.
    """

    folder: Path | None = None
    connections: Mapping[str, ConnectionConfig] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    persons: tuple[PersonConfig, ...] = ()
    journal: JournalConfig = field(default_factory=JournalConfig)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timeouts: Timeouts = field(default_factory=Timeouts)
    hooks: tuple[Mapping[str, Any], ...] = ()

    @property
    def records(self) -> tuple[PersonRecord, ...]:
        """The persons as actions and approvals know them."""
        return tuple(person.record for person in self.persons)

    @property
    def references(self) -> dict[str, Credential]:
        """Where every credential is, by its full name."""
        return {
            name: place
            for connection in self.connections.values()
            for name, place in connection.references.items()
        }

    def connection(self, name: str, can: frozenset[str] = frozenset()) -> Connection:
        """A connection as actions know it, with ``[links]`` of its system in its options.

        Args:
            name: One of ``connections``.
            can: What discovery has confirmed for it.
        """
        given = self.connections[name]
        links = self.links.get(given.system)
        options = {**given.options, **({"links": dict(links)} if links else {})}
        return Connection(
            name=given.name,
            system=given.system,
            account=given.account,
            region=given.region,
            identity=given.identity,
            sink=given.sink,
            options=options,
            can=can,
        )


# --- the keys -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    """A text; ``pattern`` is its form, ``wanted`` what a fault calls it."""

    wanted: str = "text"
    pattern: str = r"(?s).*"


@dataclass(frozen=True, slots=True)
class _Words:
    """One of these words."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return f"one of {', '.join(self.words)}"


@dataclass(frozen=True, slots=True)
class _Number:
    least: int
    most: int

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class _Switch:
    wanted: str = "true or false"


@dataclass(frozen=True, slots=True)
class _Span:
    most_s: int

    @property
    def wanted(self) -> str:
        return f"a duration such as 30s or 5m, at most {span_text(self.most_s)}"


@dataclass(frozen=True, slots=True)
class _List:
    item: _Text | _Words

    @property
    def wanted(self) -> str:
        return f"a list, each {self.item.wanted}"


@dataclass(frozen=True, slots=True)
class _Credential:
    wanted: str = '"keyring", "file:PATH" or {command = ["...", "..."]}'


@dataclass(frozen=True, slots=True)
class _Https:
    wanted: str = "an address that begins with https://"


@dataclass(frozen=True, slots=True)
class _Map:
    """Free names, each with a value of one kind."""

    value: _Https | _Credential | _Map
    wanted: str = "a table"


@dataclass(frozen=True, slots=True)
class _Free:
    """A table that only its system understands: texts, numbers, booleans, and lists of them."""

    wanted: str = "a table"


_Kind: TypeAlias = (
    _Text | _Words | _Number | _Switch | _Span | _List | _Credential | _Https | _Map | _Free
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file.

    Attributes:
        kind: What may stand behind it.
        default: As one would write it; empty when there is none.
        says: What it does.
    """

    kind: _Kind
    default: str
    says: str
    required: bool = False


_NAME: Final = r"[a-z][a-z0-9_-]{0,62}"
_PLAIN_NAME: Final = _Text("a name of small letters, digits, _ and -", _NAME)
_ADDRESS: Final = _Text("an e-mail address", r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_SSH_KEY: Final = _Text(
    "a public SSH key", r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{32,}={0,3}( .*)?"
)
_HOST: Final = _Text("a host name", r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

TABLES: Final[Mapping[str, Mapping[str, Key]]] = MappingProxyType(
    {
        "connections.NAME": {
            "system": Key(_Words(SYSTEMS), "", "Which system it is an account of.", required=True),
            "account": Key(_Text(), '""', "Id of the account; shown at every question."),
            "region": Key(_Text(), '""', "Where the account lives, such as eu."),
            "identity": Key(_Text(), '""', "Whose credential it is, as the system names them."),
            "sink": Key(_Text(), '""', "Where a new credential goes: vault:NAME:MOUNT/PATH#FIELD, "
                        "command:NAME, own or screen."),
            "auth": Key(_Words(("bearer", "basic", "none")), '"bearer"',
                        "For the system http: how the credential is sent."),
            "credential": Key(_Credential(), '"keyring"', "Where the credential is kept."),
            "credentials": Key(_Map(_Credential()), "{}",
                               "Further credentials by name, such as app and track."),
            "base_urls": Key(_Map(_Https()), "{}", "Surface to address, where it is not the "
                             "vendor's own. Only https."),
            "options": Key(_Free(), "{}", "What only this system knows; docs of its actions."),
        },
        "policy": {
            "confirm": Key(_Words(tuple(each.value for each in Confirm)), '"destructive"',
                           "At which writes the operator is asked. Destructive ones ask always."),
            "two_people": Key(_Words(tuple(each.value for each in TwoPeople)), '"never"',
                              "For which writes another person has to agree."),
            "approvals": Key(_Number(1, 5), "1", "How many have to agree where somebody has to."),
            "approver": Key(_PLAIN_NAME, '"approver"', "Role of the persons who may agree."),
            "limit": Key(_Number(1, 1_000), "25", "Targets of one step beyond which it asks again, "
                         "whatever its runbook says. A destructive step that names no number has "
                         "one target."),
            "require_reason": Key(_Switch(), "false", "Whether a run wants a reason."),
            "expiry": Key(_Span(86_400), '"30m"', "How long an approval request stays open."),
        },
        "person": {
            "id": Key(_PLAIN_NAME, "", "Short name, as the record uses it.", required=True),
            "name": Key(_Text(), '""', "How to call them."),
            "emails": Key(_List(_ADDRESS), "[]", "All of their addresses: one person, one entry."),
            "roles": Key(_List(_PLAIN_NAME), "[]", "Such as admin and approver."),
            "slack": Key(_Text("a Slack user id", "[UW][A-Z0-9]{2,20}"), '""',
                         "Slack user id, such as U024BE7LH."),
            "pagerduty": Key(_Text("a PagerDuty user id", "[A-Z0-9]{3,20}"), '""',
                             "PagerDuty user id."),
            "ssh_keys": Key(_List(_SSH_KEY), "[]", "Public keys that sign approvals."),
            "oidc_issuer": Key(_Https(), '""', "Who signs this person's ID tokens."),
            "oidc_subject": Key(_Text(), '""', "The person's sub there."),
        },
        "journal": {
            "path": Key(_Text(), '""', "File of the journal, absolute, outside of the project. "
                        "Empty: the user's state folder."),
            "keys": Key(_Words(("keyring", "file")), '"keyring"',
                        "Where the signing key is. file is for servers, and verify says so."),
        },
        "notify": {
            "channels": Key(_List(_Words(("slack", "email", "pagerduty"))), '["slack", "email"]',
                            "How people are told, in order of preference."),
            "from": Key(_ADDRESS, '""', "Address that mail comes from."),
            "slack_channel": Key(_Text("a Slack channel id", "[CG][A-Z0-9]{2,20}"), '""',
                                 "Channel for notices to everybody."),
            "pagerduty_service": Key(_Text("a PagerDuty service id", "[A-Z0-9]{3,20}"), '""',
                                     "Service whose on-call person is paged."),
            "smtp_host": Key(_HOST, '""', "Mail server."),
            "smtp_port": Key(_Number(1, 65_535), "587", "Its port."),
        },
        "links": {
            "SYSTEM": Key(_Map(_Https()), "{}", "Page to address, where a console's own link has "
                          "changed: app, members, audit and so on."),
        },
        "timeouts": {
            "request": Key(_Span(120), '"10s"', "Limit for one request."),
            "command": Key(_Span(600), '"30s"', "Limit for a program that keeps a credential."),
            "patience": Key(_Span(86_400), '"5m"', "How long a step waits for something that is "
                            "not there yet."),
        },
    }
)  # fmt: skip
"""Every key, by table. ``hooks`` has a reader of its own."""

_TOP: Final = ("connections", "policy", "person", "journal", "notify", "links", "timeouts", "hooks")


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
    reading = _Reading(name, data, text)
    reading.check_secrets(raw)
    reading.check_keys(raw, _TOP, (), "the file")
    project = Project(
        folder=folder,
        connections=reading.connections(raw),
        policy=reading.policy(raw),
        persons=reading.persons(raw),
        journal=reading.journal(raw, folder),
        notify=reading.notify(raw),
        links=reading.links(raw),
        timeouts=reading.timeouts(raw),
        hooks=tuple(reading.tables(raw, "hooks")),
    )
    reading.check_references(project)
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


class _Reading:
    """One pass over the file. Everything that is wrong goes to ``faults``."""

    def __init__(self, name: str, data: bytes, text: str) -> None:
        self.faults = Faults(SourceText(name, data))
        self._text = text
        self._places: Mapping[_Path, Mark] | None = None

    def fault(self, path: _Path, what: str, hint: str = "", *, quotes: bool = True) -> None:
        """Report; without ``quotes`` the line is not shown, for it may hold a secret."""
        if self._places is None:
            self._places = places(self._text)
        mark = place_of(path, self._places)
        self.faults.add(mark, what, hint=hint, path=path, quotes=quotes)

    # --- tables ---------------------------------------------------------------------------------

    def connections(self, raw: Mapping[str, Any]) -> dict[str, ConnectionConfig]:
        made: dict[str, ConnectionConfig] = {}
        for name, table in self._table(raw, "connections", ()).items():
            path = ("connections", name)
            if not re.fullmatch(_NAME, name, re.ASCII):
                what = f"the connection '{showable(name)}' must have {_PLAIN_NAME.wanted}"
                self.fault(path, what)
            values = self._values(table, "connections.NAME", path)
            if "system" not in values:
                continue
            if "auth" in values and values["system"] != "http":
                self.fault((*path, "auth"), "'auth' goes with the system http only")
            made[name] = ConnectionConfig(name=name, **values)
        return made

    def policy(self, raw: Mapping[str, Any]) -> Policy:
        values = self._values(raw.get("policy", {}), "policy", ("policy",))
        if "confirm" in values:
            values["confirm"] = Confirm(values["confirm"])
        if "two_people" in values:
            values["two_people"] = TwoPeople(values["two_people"])
        if "expiry" in values:
            values["expiry_s"] = values.pop("expiry")
        return Policy(**values)

    def persons(self, raw: Mapping[str, Any]) -> tuple[PersonConfig, ...]:
        made: list[PersonConfig] = []
        known: dict[tuple[str, str], str] = {}
        for number, table in enumerate(self.tables(raw, "person")):
            path = ("person", number)
            values = self._values(table, "person", path)
            if "id" not in values:
                continue
            self._check_one_person(values, path, known)
            own = {key: values.pop(key) for key in ("ssh_keys", "oidc_issuer", "oidc_subject")
                   if key in values}  # fmt: skip
            if bool(own.get("oidc_issuer")) != bool(own.get("oidc_subject")):
                self.fault(path, "'oidc_issuer' and 'oidc_subject' belong together")
            made.append(PersonConfig(PersonRecord(**values), **own))
        return tuple(made)

    def _check_one_person(
        self, values: Mapping[str, Any], path: _Path, known: dict[tuple[str, str], str]
    ) -> None:
        """One person with two entries could approve their own run."""
        marks = [("id", values["id"])]
        marks += [("emails", email.casefold()) for email in values.get("emails", ())]
        marks += [("ssh_keys", " ".join(key.split()[:2])) for key in values.get("ssh_keys", ())]
        marks += [(key, values[key]) for key in ("slack", "pagerduty") if values.get(key)]
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

    def _again(self, known: dict[tuple[str, str], str], name: str, path: _Path) -> bool:
        return known.setdefault(("number of id", name), str(path[-1])) != str(path[-1])

    def journal(self, raw: Mapping[str, Any], folder: Path | None) -> JournalConfig:
        values = self._values(raw.get("journal", {}), "journal", ("journal",))
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
        values = self._values(raw.get("notify", {}), "notify", ("notify",))
        if "from" in values:
            values["sender"] = values.pop("from")
        return NotifyConfig(**values)

    def links(self, raw: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
        made: dict[str, Mapping[str, str]] = {}
        for system, table in self._table(raw, "links", ()).items():
            path = ("links", system)
            if system not in SYSTEMS:
                hint = did_you_mean(system, SYSTEMS) or f"known: {', '.join(SYSTEMS)}"
                self.fault(path, f"there is no system '{showable(system)}'", hint)
            made[system] = self._value(table, TABLES["links"]["SYSTEM"].kind, path) or {}
        return made

    def timeouts(self, raw: Mapping[str, Any]) -> Timeouts:
        values = self._values(raw.get("timeouts", {}), "timeouts", ("timeouts",))
        return Timeouts(**{f"{key}_s": value for key, value in values.items()})

    def tables(self, raw: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """The tables of ``[[key]]``."""
        given = raw.get(key, [])
        if isinstance(given, list) and all(isinstance(each, dict) for each in given):
            return given
        self.fault((key,), f"'{key}' must be written as [[{key}]]")
        return []

    # --- values ---------------------------------------------------------------------------------

    def check_keys(
        self, table: Mapping[str, Any], known: Iterable[str], path: _Path, what: str
    ) -> None:
        names = tuple(known)
        for key in table:
            if key not in names:
                hint = did_you_mean(key, names) or f"known: {', '.join(names)}"
                self.fault((*path, key), f"unknown key '{showable(key)}' in {what}", hint)

    def _table(self, raw: Mapping[str, Any], key: str, path: _Path) -> dict[str, Any]:
        given = raw.get(key, {})
        if isinstance(given, dict):
            return given
        self.fault((*path, key), f"'{key}' must be a table")
        return {}

    def _values(self, table: Any, name: str, path: _Path) -> dict[str, Any]:
        """The keys of a table that are there and right."""
        if not isinstance(table, dict):
            self.fault(path, f"'{path_text(path)}' must be a table: {_header(path)}")
            return {}
        keys = TABLES[name]
        self.check_keys(table, keys, path, _header(path))
        values: dict[str, Any] = {}
        for key, word in keys.items():
            if key in table:
                value = self._value(table[key], word.kind, (*path, key))
                if value is not None:
                    values[key] = value
            elif word.required:
                self.fault(path, f"{_header(path)} needs '{key}': {word.kind.wanted}")
        return values

    def _value(self, value: Any, kind: _Kind, path: _Path) -> Any:
        """The value as the dataclasses have it; None, with a fault, when it does not fit."""
        match kind, value:
            case _Text(), str():
                if value == "" or re.fullmatch(kind.pattern, value):
                    return value
            case _Words(), str():
                if value in kind.words:
                    return value
                hint = did_you_mean(value, kind.words) or f"write {kind.wanted}"
                self.fault(path, f"'{path[-1]}' cannot be '{showable(value, limit=40)}'", hint)
                return None
            case _Number(), int() if not isinstance(value, bool):
                if kind.least <= value <= kind.most:
                    return value
            case _Switch(), bool():
                return value
            case _Span(), str():
                seconds = parse_span(value)
                if seconds is not None and seconds <= kind.most_s:
                    return seconds
            case _List(), list():
                return self._list(value, kind, path)
            case _Credential(), (str() | dict()):
                return self._credential(value, path)
            case _Https(), str() if value == "" or _is_https(value):
                return value
            case _Map(), dict():
                return self._map(value, kind, path)
            case _Free(), dict() if (bad := next(_not_free(value, path), None)) is not None:
                what = "an option is text, a number, true, false, or a list or table of these"
                self.fault(bad, what)
                return None
            case _Free(), dict():
                return value
            case _:
                pass
        # Without the value: somebody may have put a secret there.
        hint = "put it in quotes" if isinstance(kind, _Text) and isinstance(value, int) else ""
        quotes = not isinstance(kind, _Credential)
        self.fault(path, f"'{path[-1]}' must be {kind.wanted}", hint, quotes=quotes)
        return None

    def _list(self, value: list[Any], kind: _List, path: _Path) -> tuple[Any, ...] | None:
        made = tuple(self._value(each, kind.item, path) for each in value)
        if any(each is None for each in made):
            return None
        if len(set(made)) < len(made):
            self.fault(path, f"'{path[-1]}' has an entry twice")
        return made

    def _map(self, value: dict[str, Any], kind: _Map, path: _Path) -> dict[str, Any]:
        made = {key: self._value(each, kind.value, (*path, key)) for key, each in value.items()}
        return {key: each for key, each in made.items() if each is not None}

    def _credential(self, value: str | dict[str, Any], path: _Path) -> Credential | None:
        match value:
            case "keyring":
                return value
            case str() if value.startswith("file:") and len(value) > len("file:"):
                return value
            case {"command": [str(), *_] as words, **rest} if not rest:
                if all(isinstance(word, str) for word in words):
                    return tuple(words)
            case _:
                pass
        hint = "the credential itself is stored with: respond connect NAME"
        what = f"'{path[-1]}' must be {_Credential().wanted}"
        self.fault(path, what, hint, quotes=False)
        return None

    # --- across tables --------------------------------------------------------------------------

    def check_secrets(self, raw: Any, path: _Path = ()) -> None:
        """Report texts that look like credentials, without repeating them."""
        match raw:
            case str() if looks := looks_secret(raw):
                self.fault(
                    path,
                    f"this looks like {looks}, and {FILE} never holds a secret",
                    "store it with: respond connect NAME; and replace it, it has been in a file",
                )
            case list():
                for number, each in enumerate(raw):
                    self.check_secrets(each, (*path, number))
            case dict():
                for key, each in raw.items():
                    self.check_secrets(each, (*path, key))
            case _:
                pass

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


def _header(path: _Path) -> str:
    """``[connections.cio]`` or ``[[person]]``."""
    names = path_text([part for part in path if isinstance(part, str)])
    return f"[[{names}]]" if any(isinstance(part, int) for part in path) else f"[{names}]"


def _not_free(value: Any, path: _Path) -> Iterator[_Path]:
    match value:
        case str() | bool() | int():
            return
        case list():
            for each in value:
                yield from _not_free(each, path)
        case dict():
            for key, each in value.items():
                yield from _not_free(each, (*path, key))
        case _:
            yield path


def _is_https(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    is_plain = parts.username is None and not parts.fragment and text.isprintable()
    return parts.scheme == "https" and bool(parts.hostname) and is_plain and " " not in text
