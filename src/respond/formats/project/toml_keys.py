"""Every key that ``respond.toml`` may have: what may stand behind it, its default, what it does.

One table; the reader goes by it, and ``docs/configuration.md`` is held to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from respond.core.addresses import EMAIL, HOST
from respond.core.policy import Chat, Confirm, TwoPeople
from respond.core.review_policy import FACTS, SHARED
from respond.formats.kinds import (
    Address,
    Count,
    CredentialPlace,
    Flag,
    Free,
    Keyword,
    Listed,
    MapOf,
    OneOf,
    RecordOf,
    Span,
    Table,
    TextLike,
)
from respond.formats.runbook.keywords import DAY_S
from respond.senders import SENDERS
from respond.systems import by_preference, connectable, stores, takes_clicks
from respond.systems.vendor import OwnKey

__all__ = ["ACCOUNTS", "GONE", "PLAIN_NAME", "PROJECT", "SYSTEMS", "TABLES"]

SYSTEMS: Final = connectable()

PLAIN_NAME: Final = TextLike("a name of small letters, digits, _ and -", r"[a-z][a-z0-9_-]{0,62}")
_ADDRESS: Final = TextLike("an e-mail address", f"(?a:{EMAIL})")
_LOGIN: Final = TextLike("an account name", r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_SSH_KEY: Final = TextLike(
    "a public SSH key", r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{32,}={0,3}( .*)?"
)
_HOST: Final = TextLike("a host name", f"(?a:{HOST})")
_LISTEN: Final = TextLike(
    "an address such as 127.0.0.1 or ::", r"[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}"
)
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_PROXY: Final = TextLike(
    "an address such as http://proxy.example.com:3128",
    rf"http://{_LABEL}(?:\.{_LABEL})*:(?:{_PORT})",
)
_WAY: Final[Table] = {
    "ca": Keyword(TextLike(), "File with the certificate authorities that count there, in PEM "
        "form and from the project's folder; no others do. Empty: the public ones.", '""'),
    "proxy": Keyword(_PROXY, "Proxy to go through. That of the environment is never used.", '""'),
}  # fmt: skip
"""How to get to a place: the same for each that requests go to."""
_LOCAL_PART: Final = TextLike("the part of an address before the @", r"[^@\s]{1,64}")
_DATE: Final = TextLike("a day such as 2027-01-31, in quotes", r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR: Final = "(?:1?[0-9]|2[0-3])"
_SCOPE: Final = TextLike("the name of a scope", r"[A-Za-z0-9:/._-]{1,100}")

ACCOUNTS: Final = {v.name: v.person_id for v in by_preference() if v.person_id is not None}
"""Keys of a ``[[person]]``, each of which is their id in the system of that name."""


def _own(key: OwnKey) -> Keyword:
    return Keyword(TextLike(key.wanted, key.pattern), key.says, '""')


TABLES: Final[Mapping[str, Table]] = {
    "connections.NAME": {
        "system": Keyword(OneOf(SYSTEMS), "Which system it is an account of.", required=True),
        "account": Keyword(TextLike(), "Id of the account; shown at every question.", '""'),
        "region": Keyword(TextLike(), "Where the account lives, such as eu.", '""'),
        "identity": Keyword(TextLike(), "Whose credential it is, as the system names them.", '""'),
        "sink": Keyword(TextLike(), "Where a new credential goes: "
            f"{', '.join(store.sink_form for store in stores().values())}, "
            "own or screen.", '""'),
        "auth": Keyword(OneOf(("bearer", "basic", "none")), "For the system http: how the "
            "credential is sent.", '"bearer"'),
        "credential": Keyword(CredentialPlace(), "Where the credential is kept.", '"keyring"'),
        "credentials": Keyword(MapOf(CredentialPlace(), ""), "Further credentials by name, such as "
            "app and track.", "{}"),
        "base_urls": Keyword(MapOf(Address(), ""), "Surface to address, where it is not the "
            "vendor's own. Only https.", "{}"),
        **_WAY,
        "inside": Keyword(Flag(), "For the system http: whether its address may be one of this "
            "machine or of a private network.", "false"),
        "options": Keyword(Free(), "What only this system knows; docs of its actions.", "{}"),
    },
    "policy": {
        "confirm": Keyword(OneOf(tuple(each.value for each in Confirm)), "At which writes the "
            "operator is asked. Destructive ones ask always.", '"destructive"'),
        "two_people": Keyword(OneOf(tuple(each.value for each in TwoPeople)), "For which writes "
            "another person has to agree.", '"never"'),
        "approvals": Keyword(Count(1, 5), "How many have to agree where somebody has to.", "1"),
        "approver": Keyword(PLAIN_NAME, "Role of the persons who may agree.", '"approver"'),
        "limit": Keyword(Count(1, 1_000), "Targets of one step beyond which it asks again, "
            "whatever its runbook says. A destructive step that names no number has one "
            "target.", "25"),
        "require_reason": Keyword(Flag(), "Whether no run begins without a reason.", "false"),
        "expiry": Keyword(Span(86_400), "How long an approval request stays open.", '"30m"'),
        "chat": Keyword(OneOf(tuple(each.value for each in Chat)), "What buttons in chat may "
            "decide: nothing, what destroys nothing, or all.", '"never"'),
        "alone": Keyword(Flag(), "Whether one person may go alone in an emergency, with a reason, "
            "in front of everybody.", "true"),
    },
    "person": {
        "id": Keyword(PLAIN_NAME, "Short name, as the record uses it.", required=True),
        "name": Keyword(TextLike(), "How to call them.", '""'),
        "emails": Keyword(Listed(_ADDRESS, is_set=True), "All of their addresses: one person, one "
            "entry.", "[]"),
        "logins": Keyword(Listed(_LOGIN, is_set=True), "Names of their accounts on machines where "
            "respond runs.", "[]"),
        "roles": Keyword(
            Listed(PLAIN_NAME, is_set=True),
            "Such as admin, approver, and application: who runs what uses a key.",
            "[]",
        ),
        **{name: _own(key) for name, key in ACCOUNTS.items()},
        "ssh_keys": Keyword(Listed(_SSH_KEY, is_set=True), "Public keys that sign "
            "approvals.", "[]"),
        "oidc_issuer": Keyword(Address(here=True), "Who signs this person's ID tokens.", '""'),
        "oidc_subject": Keyword(TextLike(), "The person's sub there.", '""'),
    },
    "journal": {
        "path": Keyword(TextLike(), "File of the journal, absolute, outside of the project. Empty: "
            "the user's state folder.", '""'),
        "keys": Keyword(OneOf(("keyring", "file")), "Where the signing key is. file is for "
            "servers, and verify says so.", '"keyring"'),
        "keys_path": Keyword(TextLike(), "With file: folder of those files, absolute, outside of "
            "the project. Empty: keys in the user's state folder.", '""'),
    },
    "store": {
        "url": Keyword(TextLike("a PostgreSQL address, postgresql://USER@HOST/DATABASE",
            r"postgres(ql)?://\S+"), "Database that holds journal and inbox for several machines, "
            "without a password. Empty: they lie in files of this machine.", '""'),
        "credential": Keyword(CredentialPlace(may_lack=True), "Where its password is kept, as "
            "store; none where the server asks for none.", '"keyring"'),
        "key": Keyword(CredentialPlace(), "Where the key is kept that seals every secret in the "
            "database, as store-key. It never lies in the database.", '"keyring"'),
    },
    "directory": {
        "connections": Keyword(Listed(PLAIN_NAME, is_set=True), "Connections of what signs people "
            "in; the one that signs them in comes first. None: a person acts there.", "[]"),
    },
    "notify": {
        "smtp_host": Keyword(_HOST, "Mail server.", '""'),
        "smtp_port": Keyword(Count(1, 65_535), "Its port.", "587"),
    },
    "sources.NAME": {
        "sender": Keyword(OneOf(tuple(SENDERS)), "Which kind of sender it is.", required=True),
        "secret": Keyword(CredentialPlace(), "Where the secret is kept that its deliveries are "
            "signed with, or the token that comes with them.", '"keyring"'),
        "old_secret": Keyword(CredentialPlace(may_lack=True), "The one before, while a secret is "
            "being changed: both count.", '"none"'),
        "runbooks": Keyword(Listed(PLAIN_NAME, is_set=True), "The runbooks that it may propose, "
            "and no others. Needed for every sender but "
            f"{', '.join(filter(takes_clicks, SENDERS))}.", "[]"),
        "rate": Keyword(Count(1, 100_000), "Deliveries a minute beyond which it is asked to come "
            "again later.", "600"),
        "connection": Keyword(PLAIN_NAME, "Connection with which to look up what a delivery leaves "
            "out.", '""'),
        "api": Keyword(Address(), "Where the sender's own API is, to ask for what was "
            "missed.", '""'),
        "token": Keyword(CredentialPlace(may_lack=True), "Where the credential for that API is "
            "kept.", '"none"'),
        **_WAY,
        "options": Keyword(Free(), "What only this kind of sender knows, such as signature_header, "
            "org or team.", "{}"),
    },
    "hooks": {
        "source": Keyword(PLAIN_NAME, "Name of a source.", required=True),
        "runbook": Keyword(PLAIN_NAME, "The runbook to propose; one that the source "
            "may.", required=True),
        "when": Keyword(TextLike(), "Expression over event: which events. Empty: every one that "
            "begins something.", '""'),
        "with": Keyword(MapOf(TextLike(), ""), "Input to text, literal or with ${{ event... }}.",
            "{}"),
        "about": Keyword(TextLike(), "Expression over event: what the event is about, where the "
            "sender's own thing is not right.", '""'),
    },
    "server": {
        "url": Keyword(Address(here=True), "Address of the page as people reach it.", '""'),
        "listen": Keyword(_LISTEN, "Address to listen on.", '"127.0.0.1"'),
        "port": Keyword(Count(1, 65_535), "Port to listen on.", "8080"),
        "workers": Keyword(Count(1, 16), "How many runs are carried on at the same time.", "2"),
        "proposals": Keyword(Count(1, 1_000), "How many runs of one runbook may be proposed in ten "
            "minutes; further ones are held, and taken up by themselves, the oldest first, once "
            "there are fewer.", "10"),
        "reconcile": Keyword(Span(86_400), "How often senders are asked for what was "
            "missed.", '"5m"'),
    },
    "server.oidc": {
        "issuer": Keyword(Address(here=True), "Who signs people on to the page.", required=True),
        "client_id": Keyword(TextLike(), "Name of the page there.", required=True),
        "secret": Keyword(CredentialPlace(may_lack=True), "Where the client secret is kept; none "
            "for a client without one.", '"keyring"'),
        "scopes": Keyword(Listed(_SCOPE, is_set=True), "What to ask for; openid is "
            "needed.", '["openid", "email"]'),
        **_WAY,
    },
    "review": {
        "domains": Keyword(Listed(_HOST, is_set=True), "Domains of the company's own addresses. "
            "None: no address is held against them.", "[]"),
        "idle": Keyword(Span(3_650 * DAY_S), "Who has not signed in for so long is idle.",
            '"90d"'),
        "admins_max": Keyword(Count(1, 300), "More administrators than this are too many.", "5"),
        "admins_min": Keyword(Count(1, 300), "Fewer administrators who could act tonight are too "
            "few.", "3"),
        "shared": Keyword(Listed(_LOCAL_PART, is_set=True), "First parts of addresses that are "
            "nobody's own.", json.dumps(SHARED)),
        "owners": Keyword(MapOf(PLAIN_NAME, ""), "Service account, by its name or id, to the id of "
            "the person who answers for it.", "{}"),
        "certificate": Keyword(Span(3_650 * DAY_S), "A certificate that ends within this time is "
            "about to end.", '"30d"'),
        "sso": Keyword(TextLike("a fingerprint of sixteen digits", "[0-9a-f]{16}"), "The single "
            "sign-on that somebody looked at, as sign-in-review shows it.", '""'),
        "apps": Keyword(MapOf(TextLike(), ""), "Directory, by its connection, to the id of the "
            "application there that opens what is reviewed.", "{}"),
        "attested": Keyword(Span(3_650 * DAY_S), "How long a fact of [[attested]] counts.",
            '"180d"'),
        "night": Keyword(TextLike("two hours such as 22-6", rf"{_HOUR}-{_HOUR}"), "Hours in UTC "
            "between which nobody works, for export-review.", '"22-6"'),
    },
    "rights.NAME": {
        "who": Keyword(Listed(_ADDRESS, is_set=True), "Who has this job and is no [[person]] with "
            "the role NAME.", "[]"),
        "account": Keyword(OneOf(("member", "admin")), "Account role, at most.", '"member"'),
        "workspaces": Keyword(MapOf(TextLike(), ""), "Id of a "
            "workspace, or * for every one, to the role there: admin, author, viewer, or the "
            "id of a custom role.", "{}"),
        "switches": Keyword(Listed(OneOf(("billing", "api_credentials", "support_access")),
            is_set=True), "Switches that may be on.", "[]"),
    },
    "attested": {
        "fact": Keyword(OneOf(FACTS), "What is so.", required=True),
        "by": Keyword(PLAIN_NAME, "Id of the person who looked.", required=True),
        "on": Keyword(_DATE, "The day on which they looked.", required=True),
    },
    "accepted": {
        "finding": Keyword(TextLike("the id of a finding, KIND/SYSTEM/THING",
            r"[a-z0-9-]+/[a-z0-9_-]+/\S.{0,300}"), "Id of the finding, as a review shows "
            "it.", required=True),
        "by": Keyword(PLAIN_NAME, "Id of the person who accepts it. Somebody who is no [[person]] "
            "accepts nothing.", '""'),
        "why": Keyword(TextLike(), "Why the company lives with it.", '""'),
        "until": Keyword(_DATE, "The last day on which it is accepted. Without one, it is "
            "not.", '""'),
    },
    "links": {
        "SYSTEM": Keyword(MapOf(Address(), ""), "Page to address, where a console's own link has "
            "changed: app, members, audit and so on.", "{}"),
    },
}  # fmt: skip
"""Every key, by table."""

PROJECT: Final[Table] = {
    "connections": Keyword(
        MapOf(RecordOf(TABLES["connections.NAME"]), PLAIN_NAME.pattern, "connection")
    ),
    "policy": Keyword(RecordOf(TABLES["policy"])),
    "person": Keyword(Listed(RecordOf(TABLES["person"]))),
    "journal": Keyword(RecordOf(TABLES["journal"])),
    "store": Keyword(RecordOf(TABLES["store"])),
    "directory": Keyword(RecordOf(TABLES["directory"])),
    "notify": Keyword(RecordOf(TABLES["notify"])),
    "sources": Keyword(MapOf(RecordOf(TABLES["sources.NAME"]), PLAIN_NAME.pattern, "source")),
    "hooks": Keyword(Listed(RecordOf(TABLES["hooks"]))),
    "server": Keyword(
        RecordOf({**TABLES["server"], "oidc": Keyword(RecordOf(TABLES["server.oidc"]))})
    ),
    "review": Keyword(RecordOf(TABLES["review"])),
    "rights": Keyword(MapOf(RecordOf(TABLES["rights.NAME"]), PLAIN_NAME.pattern, "job")),
    "attested": Keyword(Listed(RecordOf(TABLES["attested"]))),
    "accepted": Keyword(Listed(RecordOf(TABLES["accepted"]))),
    "links": Keyword(MapOf(TABLES["links"]["SYSTEM"].kind, "")),
}
"""The tables that the file may have."""

GONE: Final = {
    id(PROJECT): "timeouts",
    id(TABLES["notify"]): r"channels|from|[a-z]+_(?:channel|service)",
}
"""By table, keys that were there and that nothing read."""
