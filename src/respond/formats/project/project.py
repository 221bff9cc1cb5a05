"""What ``respond.toml`` comes to: the project as the rest of the house knows it.

Frozen values with their defaults, and what is derived from them. Nothing here reads the file;
``project_file`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import field
from pathlib import Path
from typing import Any, Final, TypeAlias

from respond.core.approval import People, account
from respond.core.policy import Policy
from respond.core.records import Frozen
from respond.core.review_policy import ReviewPolicy
from respond.core.script import Connection, PersonRecord
from respond.formats.faults import Faults, Mark, SourceText
from respond.formats.faults import Path as KeyPath
from respond.formats.project.toml_positions import place_of, places
from respond.systems import takes_clicks

__all__ = [
    "FILE",
    "KEYRING",
    "NOWHERE",
    "OIDC",
    "STORE",
    "STORE_KEY",
    "ConnectionConfig",
    "Credential",
    "HookConfig",
    "JournalConfig",
    "NotifyConfig",
    "OidcConfig",
    "PersonConfig",
    "Project",
    "ServerConfig",
    "SourceConfig",
    "StoreConfig",
    "Where",
]

FILE: Final = "respond.toml"

Credential: TypeAlias = "str | tuple[str, ...]"
"""``keyring``, ``file:PATH``, the words of a command that prints it; ``none`` where it may lack."""

KEYRING: Final = "keyring"
"""The credential lies in the key store."""

NOWHERE: Final = "none"
"""There is no such credential."""

OIDC: Final = "oidc"
"""Name of the credential with which the page's sign-on is asked for."""

STORE: Final = "store"
"""Name of the credential of the database that several machines share."""

STORE_KEY: Final = "store-key"
"""Name of the key that seals the secrets in it."""


class ConnectionConfig(Frozen):
    """``[connections.NAME]``: one account of a system, and where its credential is.

    Attributes:
        sink: Where a new credential goes, such as ``vault:NAME:MOUNT/PATH#FIELD``.
        auth: How a connection of the system ``http`` says who it is.
        credentials: Further credentials by name, such as ``app`` and ``track``.
        base_urls: Surface to https address, where it is not the vendor's own.
        ca: File with the authorities that count there; empty: the public ones.
        proxy: Proxy to go through, or empty.
        inside: A connection of the system ``http`` may lead to a private address.
        options: What only this system knows.
    """

    name: str
    system: str
    account: str = ""
    region: str = ""
    identity: str = ""
    sink: str = ""
    auth: str = "bearer"
    credential: Credential = KEYRING
    credentials: Mapping[str, Credential] = {}
    base_urls: Mapping[str, str] = {}
    ca: str = ""
    proxy: str = ""
    inside: bool = False
    options: Mapping[str, Any] = {}

    @property
    def references(self) -> dict[str, Credential]:
        """Where each credential is, by its full name: ``cio`` and ``cio/app``."""
        named = {f"{self.name}/{key}": place for key, place in self.credentials.items()}
        return {self.name: self.credential, **named}


class PersonConfig(Frozen):
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

    def accounts(self, issuer: str) -> frozenset[str]:
        """What signs this person on, where this one signs people on."""
        theirs = self.oidc_subject and self.oidc_issuer == issuer
        return frozenset({account(issuer, self.oidc_subject)} if theirs else ())


class JournalConfig(Frozen):
    """``[journal]``. An empty path is the user's own state folder, and ``keys`` in it."""

    path: str = ""
    keys: str = "keyring"
    keys_path: str = ""


class StoreConfig(Frozen):
    """``[store]``: a database that several machines share. Without an address there is none.

    Attributes:
        url: ``postgresql://USER@HOST/DATABASE``, never with a password.
        credential: Where its password is kept.
        key: Where the key is kept that seals the secrets in it.
    """

    url: str = ""
    credential: Credential = KEYRING
    key: Credential = KEYRING


class NotifyConfig(Frozen):
    """``[notify]``: the mail server of connections that name none."""

    smtp_host: str = ""
    smtp_port: int = 587


class SourceConfig(Frozen):
    """``[sources.NAME]``: who may send webhooks, and how it is known that it was them.

    Attributes:
        sender: Which kind of sender it is.
        secret: Where the secret of its deliveries is kept.
        old_secret: Where the one before is kept, while a secret is being changed.
        runbooks: What it may propose, and nothing else.
        rate: Deliveries a minute beyond which it is asked to come again.
        connection: Name of a connection that looks up what a delivery leaves out, or empty.
        api: Address of the sender's own API, or empty.
        token: Where the credential for that API is kept.
        options: What only this kind of sender knows.
    """

    name: str
    sender: str
    secret: Credential = KEYRING
    old_secret: Credential = NOWHERE
    runbooks: tuple[str, ...] = ()
    rate: int = 600
    connection: str = ""
    api: str = ""
    token: Credential = NOWHERE
    ca: str = ""
    proxy: str = ""
    options: Mapping[str, Any] = {}

    @property
    def brings_clicks(self) -> bool:
        """Whether its deliveries are people's answers: it proposes no run then."""
        return takes_clicks(self.sender)

    @property
    def references(self) -> dict[str, Credential]:
        """Where each credential that it has is: ``pager``, ``pager/old``, ``pager/token``."""
        named = {
            self.name: self.secret,
            f"{self.name}/old": self.old_secret,
            f"{self.name}/token": self.token,
        }
        return {name: place for name, place in named.items() if place != NOWHERE}


class HookConfig(Frozen):
    """``[[hooks]]``: which events of a source propose which runbook.

    Attributes:
        when: Expression over ``event``; empty for every event that begins something.
        inputs: Input to text, literal or with ``${{ event... }}``; ``with`` in the file.
        about: Expression over ``event``; empty for the sender's own thing.
    """

    source: str
    runbook: str
    when: str = ""
    inputs: Mapping[str, str] = {}
    about: str = ""


class OidcConfig(Frozen):
    """``[server.oidc]``: who signs people on to the page."""

    issuer: str
    client_id: str
    secret: Credential = KEYRING
    scopes: tuple[str, ...] = ("openid", "email")
    ca: str = ""
    proxy: str = ""


class ServerConfig(Frozen):
    """``[server]``.

    Attributes:
        url: Address of the page as people reach it, without a slash at its end; or empty.
        workers: How many runs are carried on at the same time.
        proposals: Of one runbook in ten minutes, before further ones are held.
        reconcile_s: Pause between two questions to a sender for what was missed.
    """

    url: str = ""
    listen: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    proposals: int = 10
    reconcile_s: int = 300
    oidc: OidcConfig | None = None


class Where:
    """The file's own text, so that what is found wrong later is said with its place too."""

    def __init__(self, name: str, data: bytes, text: str) -> None:
        self.source = SourceText(name, data)
        self._text = text
        self._places: Mapping[KeyPath, Mark] | None = None

    def faults(self) -> Faults:
        """Begin to gather what is wrong in it."""
        return Faults(self.source, self.mark)

    def mark(self, path: KeyPath) -> Mark | None:
        """Where a key stands, or the nearest thing around it."""
        if self._places is None:
            # Found out only when something is wrong: it costs more than reading the file.
            self._places = places(self._text)
        return place_of(path, self._places)


class Project(Frozen):
    """``respond.toml``, read. Without the file there are no connections and no persons.

    Attributes:
        folder: Where the file lies; None without one.
        directories: Connections of what signs people in, the one that signs them in first.
        links: System to page to https address, where ours is not right.
        sources: Who may send webhooks.
        hooks: In the order of the file; ``respond.intake.hooks`` holds them against the runbooks.
        review: What reviews hold the world against.
        where: The file's text; None without a file.
    """

    folder: Path | None = None
    connections: Mapping[str, ConnectionConfig] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    persons: tuple[PersonConfig, ...] = ()
    journal: JournalConfig = field(default_factory=JournalConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
    directories: tuple[str, ...] = ()
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sources: Mapping[str, SourceConfig] = field(default_factory=dict)
    hooks: tuple[HookConfig, ...] = ()
    server: ServerConfig = field(default_factory=ServerConfig)
    review: ReviewPolicy = field(default_factory=ReviewPolicy)
    where: Where | None = field(default=None, compare=False, repr=False)

    @property
    def records(self) -> tuple[PersonRecord, ...]:
        """The persons as actions and approvals know them."""
        return tuple(person.record for person in self.persons)

    @property
    def references(self) -> dict[str, Credential]:
        """Where every credential is, by its full name."""
        named: dict[str, Credential] = {}
        for connection in self.connections.values():
            named.update(connection.references)
        for source in self.sources.values():
            named.update(source.references)
        if self.server.oidc is not None and self.server.oidc.secret != NOWHERE:
            named[OIDC] = self.server.oidc.secret
        if self.store.url:
            named[STORE_KEY] = self.store.key
            if self.store.credential != NOWHERE:
                named[STORE] = self.store.credential
        return named

    @property
    def people(self) -> People:
        """Everybody who can be asked, as approvals know them."""
        from respond.audit.ssh_signature import fingerprints  # noqa: PLC0415 - not for each command

        issuer = self.server.oidc.issuer if self.server.oidc is not None else ""
        proofs = {
            each.record.id: fingerprints(each.ssh_keys) | each.accounts(issuer)
            for each in self.persons
            if each.ssh_keys or each.accounts(issuer)
        }
        return People(
            self.records,
            chat=self.policy.chat,
            approver=self.policy.approver,
            proofs=proofs,
        )

    @property
    def person_keys(self) -> dict[str, tuple[str, ...]]:
        """Person to their public SSH keys; who has none is not in it."""
        return {each.record.id: each.ssh_keys for each in self.persons if each.ssh_keys}

    def connection(self, name: str, can: AbstractSet[str] = frozenset()) -> Connection:
        """A connection as actions know it, with ``[links]`` of its system in its options.

        ``can`` is what discovery has confirmed for it.
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
