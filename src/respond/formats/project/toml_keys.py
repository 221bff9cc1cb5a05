"""Every key that ``respond.toml`` may have: what may stand behind it, its default, what it does.

One table; the reader goes by it, and ``docs/configuration.md`` is held to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from respond.core.policy import Chat, Confirm, TwoPeople
from respond.formats.runbook.fitting import span_text
from respond.systems import by_preference, channels, connectable
from respond.systems.vendor import OwnKey, Reaches

__all__ = [
    "ACCOUNTS",
    "NAME",
    "NOTIFY_OWN",
    "PLAIN_NAME",
    "SENDERS",
    "SYSTEMS",
    "TABLES",
    "TOP",
    "Address",
    "Free",
    "Https",
    "Key",
    "Kind",
    "List",
    "Map",
    "Number",
    "Place",
    "Span",
    "Switch",
    "Text",
    "Words",
]

SYSTEMS: Final = connectable()

SENDERS: Final = (
    "pagerduty", "alertmanager", "grafana", "incidentio", "standard-webhooks", "github",
    "gitguardian", "generic", "slack",
)  # fmt: skip
"""Kinds of webhook senders. Said here again, so that no start loads them all; a test compares."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text; ``pattern`` is its form, ``wanted`` what a fault calls it."""

    wanted: str = "text"
    pattern: str = r"(?s).*"


@dataclass(frozen=True, slots=True)
class Words:
    """One of these words."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return f"one of {', '.join(self.words)}"


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in a range."""

    least: int
    most: int

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""

    wanted: str = "true or false"


@dataclass(frozen=True, slots=True)
class Span:
    """A duration, in whole seconds."""

    most_s: int

    @property
    def wanted(self) -> str:
        return f"a duration such as 30s or 5m, at most {span_text(self.most_s)}"


@dataclass(frozen=True, slots=True)
class List:
    """A list without repetitions."""

    item: Text | Words

    @property
    def wanted(self) -> str:
        return f"a list, each {self.item.wanted}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a credential is kept; ``may_lack`` lets ``none`` stand for no credential."""

    may_lack: bool = False

    @property
    def wanted(self) -> str:
        none = '"none", ' if self.may_lack else ""
        return f'{none}"keyring", "file:PATH" or {{command = ["...", "..."]}}'


@dataclass(frozen=True, slots=True)
class Https:
    """An https address."""

    wanted: str = "an address that begins with https://"


@dataclass(frozen=True, slots=True)
class Address:
    """An https address, or one of this machine."""

    wanted: str = "an address that begins with https:// (http:// only to this machine)"


@dataclass(frozen=True, slots=True)
class Map:
    """Free names, each with a value of one kind."""

    value: Https | Place | Text | Map
    wanted: str = "a table"


@dataclass(frozen=True, slots=True)
class Free:
    """A table that only its system understands: texts, numbers, booleans, and lists of them."""

    wanted: str = "a table"


Kind: TypeAlias = (
    Text | Words | Number | Switch | Span | List | Place | Https | Address | Map | Free
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file.

    Attributes:
        kind: What may stand behind it.
        default: As one would write it; empty when there is none.
        says: What it does.
    """

    kind: Kind
    default: str
    says: str
    required: bool = False


NAME: Final = r"[a-z][a-z0-9_-]{0,62}"
PLAIN_NAME: Final = Text("a name of small letters, digits, _ and -", NAME)
_ADDRESS: Final = Text("an e-mail address", r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_LOGIN: Final = Text("an account name", r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_SSH_KEY: Final = Text(
    "a public SSH key", r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{32,}={0,3}( .*)?"
)
_HOST: Final = Text("a host name", r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LISTEN: Final = Text("an address such as 127.0.0.1 or ::", r"[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}")
_SCOPE: Final = Text("the name of a scope", r"[A-Za-z0-9:/._-]{1,100}")

ACCOUNTS: Final = {v.name: v.person_id for v in by_preference() if v.person_id is not None}
"""Keys of a ``[[person]]``, each of which is their id in the system of that name."""

NOTIFY_OWN: Final = {name: key for v in by_preference() for name, key in v.notify_keys.items()}
_TOLD_BY: Final = json.dumps(list(channels(Reaches.EACH, Reaches.MANY)))


def _own(key: OwnKey) -> Key:
    return Key(Text(key.wanted, key.pattern), '""', key.says)


TABLES: Final[Mapping[str, Mapping[str, Key]]] = MappingProxyType(
    {
        "connections.NAME": {
            "system": Key(Words(SYSTEMS), "", "Which system it is an account of.", required=True),
            "account": Key(Text(), '""', "Id of the account; shown at every question."),
            "region": Key(Text(), '""', "Where the account lives, such as eu."),
            "identity": Key(Text(), '""', "Whose credential it is, as the system names them."),
            "sink": Key(Text(), '""', "Where a new credential goes: vault:NAME:MOUNT/PATH#FIELD, "
                        "command:NAME, own or screen."),
            "auth": Key(Words(("bearer", "basic", "none")), '"bearer"',
                        "For the system http: how the credential is sent."),
            "credential": Key(Place(), '"keyring"', "Where the credential is kept."),
            "credentials": Key(Map(Place()), "{}",
                               "Further credentials by name, such as app and track."),
            "base_urls": Key(Map(Https()), "{}", "Surface to address, where it is not the "
                             "vendor's own. Only https."),
            "options": Key(Free(), "{}", "What only this system knows; docs of its actions."),
        },
        "policy": {
            "confirm": Key(Words(tuple(each.value for each in Confirm)), '"destructive"',
                           "At which writes the operator is asked. Destructive ones ask always."),
            "two_people": Key(Words(tuple(each.value for each in TwoPeople)), '"never"',
                              "For which writes another person has to agree."),
            "approvals": Key(Number(1, 5), "1", "How many have to agree where somebody has to."),
            "approver": Key(PLAIN_NAME, '"approver"', "Role of the persons who may agree."),
            "limit": Key(Number(1, 1_000), "25", "Targets of one step beyond which it asks again, "
                         "whatever its runbook says. A destructive step that names no number has "
                         "one target."),
            "require_reason": Key(Switch(), "false", "Whether a run wants a reason."),
            "expiry": Key(Span(86_400), '"30m"', "How long an approval request stays open."),
            "chat": Key(Words(tuple(each.value for each in Chat)), '"never"',
                        "What buttons in chat may decide: nothing, what destroys nothing, or all."),
            "alone": Key(Switch(), "true", "Whether one person may go alone in an emergency, "
                         "with a reason, in front of everybody."),
        },
        "person": {
            "id": Key(PLAIN_NAME, "", "Short name, as the record uses it.", required=True),
            "name": Key(Text(), '""', "How to call them."),
            "emails": Key(List(_ADDRESS), "[]", "All of their addresses: one person, one entry."),
            "logins": Key(List(_LOGIN), "[]", "Names of their accounts on machines where respond "
                          "runs."),
            "roles": Key(List(PLAIN_NAME), "[]", "Such as admin and approver."),
            **{name: _own(key) for name, key in ACCOUNTS.items()},
            "ssh_keys": Key(List(_SSH_KEY), "[]", "Public keys that sign approvals."),
            "oidc_issuer": Key(Address(), '""', "Who signs this person's ID tokens."),
            "oidc_subject": Key(Text(), '""', "The person's sub there."),
        },
        "journal": {
            "path": Key(Text(), '""', "File of the journal, absolute, outside of the project. "
                        "Empty: the user's state folder."),
            "keys": Key(Words(("keyring", "file")), '"keyring"',
                        "Where the signing key is. file is for servers, and verify says so."),
        },
        "notify": {
            "channels": Key(List(Words(tuple(channels()))), _TOLD_BY,
                            "How people are told, in order of preference."),
            "from": Key(_ADDRESS, '""', "Address that mail comes from."),
            **{name: _own(key) for name, key in NOTIFY_OWN.items()},
            "smtp_host": Key(_HOST, '""', "Mail server."),
            "smtp_port": Key(Number(1, 65_535), "587", "Its port."),
        },
        "sources.NAME": {
            "sender": Key(Words(SENDERS), "", "Which kind of sender it is.", required=True),
            "secret": Key(Place(), '"keyring"', "Where the secret is kept that its deliveries are "
                          "signed with, or the token that comes with them."),
            "old_secret": Key(Place(may_lack=True), '"none"', "The one before, while a secret is "
                              "being changed: both count."),
            "runbooks": Key(List(PLAIN_NAME), "[]", "The runbooks that it may propose, and no "
                            "others. Needed for every sender but slack."),
            "rate": Key(Number(1, 100_000), "600", "Deliveries a minute beyond which it is asked "
                        "to come again later."),
            "connection": Key(PLAIN_NAME, '""', "Connection with which to look up what a delivery "
                              "leaves out."),
            "api": Key(Https(), '""', "Where the sender's own API is, to ask for what was missed."),
            "token": Key(Place(may_lack=True), '"none"', "Where the credential for that API is "
                         "kept."),
            "options": Key(Free(), "{}", "What only this kind of sender knows, such as "
                           "signature_header, org or team."),
        },
        "hooks": {
            "source": Key(PLAIN_NAME, "", "Name of a source.", required=True),
            "runbook": Key(PLAIN_NAME, "", "The runbook to propose; one that the source may.",
                           required=True),
            "when": Key(Text(), '""', "Expression over event: which events. Empty: every one that "
                        "begins something."),
            "with": Key(Map(Text()), "{}", "Input to text, literal or with ${{ event... }}."),
            "about": Key(Text(), '""', "Expression over event: what the event is about, where the "
                         "sender's own thing is not right."),
        },
        "server": {
            "url": Key(Address(), '""', "Address of the page as people reach it."),
            "listen": Key(_LISTEN, '"127.0.0.1"', "Address to listen on."),
            "port": Key(Number(1, 65_535), "8080", "Port to listen on."),
            "workers": Key(Number(1, 16), "2", "How many runs are carried on at the same time."),
            "proposals": Key(Number(1, 1_000), "10", "How many runs of one runbook may be proposed "
                             "in ten minutes; further ones are held for a person."),
            "reconcile": Key(Span(86_400), '"5m"', "How often senders are asked for what was "
                             "missed."),
        },
        "server.oidc": {
            "issuer": Key(Address(), "", "Who signs people on to the page.", required=True),
            "client_id": Key(Text(), "", "Name of the page there.", required=True),
            "secret": Key(Place(may_lack=True), '"keyring"', "Where the client secret is kept; "
                          "none for a client without one."),
            "scopes": Key(List(_SCOPE), '["openid", "email"]', "What to ask for; openid is "
                          "needed."),
        },
        "links": {
            "SYSTEM": Key(Map(Https()), "{}", "Page to address, where a console's own link has "
                          "changed: app, members, audit and so on."),
        },
        "timeouts": {
            "request": Key(Span(120), '"10s"', "Limit for one request."),
            "command": Key(Span(600), '"30s"', "Limit for a program that keeps a credential."),
            "patience": Key(Span(86_400), '"5m"', "How long a step waits for something that is "
                            "not there yet."),
        },
    }
)  # fmt: skip
"""Every key, by table."""

TOP: Final = (
    "connections", "policy", "person", "journal", "notify", "sources", "hooks", "server", "links",
    "timeouts",
)  # fmt: skip
"""The tables that the file may have."""
