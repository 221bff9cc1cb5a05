"""What somebody who should not have been here leaves behind, each with what puts it right.

It only reads. Lists tell what stands there now; most of them say neither when nor by whom it was
made, and then the vendor's own log does, to whoever may read it. What no API is known to show is
said as unseen, with the page on which a person looks: nobody may take silence for an all-clear.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Script, action, both
from respond.core.shapes import Timestamp
from respond.systems.customerio.evidence import (
    AuditRow,
    LogSeen,
    read_log,
    without_ours,
    words_of_key,
)
from respond.systems.customerio.facts import (
    KeyId,
    KeyRef,
    MemberId,
    epoch,
    link,
    member_number,
    timestamp,
    told,
)
from respond.systems.customerio.identify import key_text
from respond.systems.customerio.members import (
    MemberRow,
    by_email,
    members_if_allowed,
    number_of_member,
)
from respond.systems.customerio.reading import (
    UNSEEN,
    PlacedKey,
    WorkspaceRow,
    counted,
    every_row,
    tokens_listed,
    workspaces,
)
from respond.systems.customerio.stood_open import open_to_key
from respond.systems.customerio.switches import Webhook, webhooks_of
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import Thing, rows

__all__ = ["ACTIONS", "LeftBehind", "LeftThing", "ListLeftInAccount"]


class _Logged(Frozen):
    """Kinds of things that only the log tells of.

    Attributes:
        kind: What the finding is about.
        types: Parts of what the log may call them; the vendor publishes no list.
        page: Where a person looks, by its name in ``facts``.
        do: What a person does there.
        protects: That one is gone can be the damage.
    """

    kind: str
    types: tuple[str, ...]
    page: str
    do: str
    protects: bool = False


_LOGGED: Final = (
    _Logged(
        "single sign-on",
        ("sso", "saml"),
        "security",
        "compare it with what your identity provider shows, and set it back",
        protects=True,
    ),
    _Logged(
        "IP allow list",
        ("whitelist", "allowlist", "allow_list", "ip_addr"),
        "track",
        "remove addresses that are not yours; the last one switches the list off",
        protects=True,
    ),
    _Logged(
        "sender address",
        ("sender",),
        "senders",
        "remove senders that are not yours",
    ),
    _Logged(
        "message",
        ("campaign", "newsletter", "broadcast", "message", "transactional", "delivery"),
        "messages",
        "stop it, and keep it as evidence",
    ),
    _Logged(
        "way out",
        ("destination", "reverse_etl", "database_config", "credential", "integration"),
        "write",
        "switch it off, and keep its settings as evidence",
    ),
    _Logged(
        "service account",
        ("service_account",),
        "sa",
        "revoke its tokens and delete it, unless one of you made it",
    ),
    _Logged(
        "setting of the account",
        ("account", "setting", "security", "session_duration"),
        "security",
        "compare login session, two-factor and support access with what you had",
        protects=True,
    ),
)
"""In this order: the first whose word fits."""

_LISTED: Final = frozenset({"session", "user", "team_member", "member", "invitation", "export"})
"""What the log tells of, too, and is looked at elsewhere."""

_NO_API: Final = (
    ("the IP allow list", "track"),
    ("messages that are scheduled, and campaigns that run", "messages"),
    ("Pipelines destinations and reverse ETL", "write"),
)
"""What no API is known to list; a person looks there, whatever the log says."""


class LeftThing(Frozen):
    """One thing that somebody has to put right, or to know as theirs.

    Attributes:
        kind: ``member``, ``key``, ``service account``, ``webhook``, ``sender address``, ...
        id: The vendor's own id.
        who: E-mail or name of who did it, where that is known.
        is_suspect: It was the subject, a suspect, or what the leaked key belongs to.
        command: The command that deals with it, or empty.
        link: Where a person deals with it, or empty.
        person: What a person does there, or empty.
    """

    kind: str
    id: str
    says: str
    at: str
    who: str
    is_suspect: bool
    command: str = ""
    link: str = ""
    person: str = ""

    @property
    def finding(self) -> Finding:
        """All of it, for a person and for whoever reads it later."""
        parts = [self.at and f"at {self.at}", self.who and f"by {self.who}"]
        mark = "SUSPECT, " if self.is_suspect else ""
        return Finding(
            id=f"left-{self.kind.replace(' ', '-')}/customerio/{self.id.replace('/', ':')}",
            severity=Severity.HIGH if self.is_suspect else Severity.MEDIUM,
            says=f"{mark}{self.kind}: {self.says}",
            evidence=" ".join(filter(None, parts)) or "listed",
            since=self.at,
            command=self.command,
            link=self.link,
            person=self.person,
        )


class LeftBehind(Frozen):
    """What was left behind.

    Attributes:
        unseen: What nobody could look at, a line each, with where a person looks.
        webhooks: Reporting webhooks that send, and were made or changed since.
    """

    things: tuple[LeftThing, ...]
    count: int
    unseen: tuple[str, ...]
    webhooks: tuple[Webhook, ...]


class _SenderRow(Frozen):
    id: str = told("key.id")
    email: str = told("member.email")


_SENDERS: Final = Thing(
    VENDOR,
    "senders",
    ("v1", "sender_identities"),
    rows(_SenderRow, "sender_identities"),
    settle_s=0,
    surface="app",
)


class _Account(Frozen):
    """Everything that was seen of it."""

    people: tuple[MemberRow, ...]
    places: tuple[WorkspaceRow, ...]
    keys: tuple[PlacedKey, ...]
    log: LogSeen
    webhooks: tuple[Webhook, ...]
    closed: tuple[str, ...]
    senders: tuple[_SenderRow, ...] | None


@action(
    "customerio.list_left_behind",
    effect=Effect.READS,
    output=LeftBehind,
    source="the lists of the other reads; audit_logs (CLI-ROUTE); App API sender_identities (DOC)",
)
class ListLeftInAccount(Frozen):
    """List what an intruder may have left behind since, each with what puts it right.

    Members who were invited or changed, service accounts and tokens, keys of every kind, reporting
    webhooks and other ways out, single sign-on, settings, the IP allow list, senders, messages.

    Attributes:
        since: From when on the account was in wrong hands.
        member: Id of the member who is suspect; what they did stands first.
        email: Address of that member, should they be none any more. Without an id nobody can say
            which keys they made: those of makers who are no members any more are listed then.
        key: The key that leaked. It is left out; of a service account's token, whatever that
            account did is suspect.
    """

    since: Timestamp
    member: MemberId = MemberId("")
    email: str = ""
    key: KeyId = KeyId("")

    def run(self, me: Me) -> Script[LeftBehind]:
        since = epoch(self.since)
        here = both(members_if_allowed(me), workspaces(me))
        (people, places), senders = yield from both(here, _senders(me))
        changed = both(read_log(me, since, places), webhooks_of(me, places))
        keys, (log, (webhooks, closed)) = yield from both(every_row(me), changed)
        seen = _Account(people, places, keys, log, webhooks, closed, senders)
        found = _Found(self, me, since, seen)
        things = sorted(found.things(), key=lambda one: (not one.is_suspect, one.kind, one.at))
        unseen = (*log.unseen, *closed, *found.unseen())
        return Done(
            LeftBehind(tuple(things), len(things), unseen, found.touched_webhooks()),
            says=f"{counted(len(things), 'thing')} made or changed since {self.since}",
            findings=(*(one.finding for one in things), *unseen),
            exposures=open_to_key(me, self.key, keys) if self.key else (),
        )


def _senders(me: Me) -> Looking[tuple[_SenderRow, ...] | None]:
    if not me.connection.options.get("app"):
        return None
    return (yield from _SENDERS.unless(UNSEEN, None, me.connection))


class _Found:
    """Goes through what was seen; looks at nothing."""

    def __init__(self, asked: ListLeftInAccount, me: Me, since: int, seen: _Account) -> None:
        self._asked, self._me, self._since, self._seen = asked, me, since, seen
        self._emails = {number_of_member(row): row.email for row in seen.people}
        if asked.member:
            self._emails.setdefault(member_number(asked.member), asked.email)
        self._accounts = {
            KeyRef.of(key_text(one.row.id)).place[0]: one.row.holder
            for one in seen.keys
            if one.kind == "sa" and key_text(one.row.id)
        }
        self._entries = [entry for entry in seen.log.entries if not self._is_ours(entry)]

    def things(self) -> Iterator[LeftThing]:
        yield from self._members()
        yield from self._keys()
        yield from self._hooks()
        yield from self._senders()
        yield from self._told_by_the_log()

    def touched_webhooks(self) -> tuple[Webhook, ...]:
        touched = {entry.object_id for entry in self._entries if "webhook" in entry.object_type}
        sends = (one for one in self._seen.webhooks if not one.disabled)
        return tuple(one for one in sends if one.id.rpartition("/")[2] in touched)

    def unseen(self) -> Iterator[str]:
        """What nobody could look at, though an intruder can leave something there."""
        me = self._me
        if not tokens_listed(me):
            yield f"UNSEEN service accounts and their tokens: look at {link(me, 'sa')}"
        opened = str(me.connection.options.get("app_workspace") or "")
        shut = [
            place.name
            for place in self._seen.places
            if self._seen.senders is None or place.id != opened
        ]
        if shut:
            yield f"UNSEEN sender addresses of {', '.join(shut)}: look at {link(me, 'senders')}"
        undated = [
            one for one in self._seen.keys if not one.row.created_at and not one.row.created_by
        ]
        if undated:
            yield f"UNSEEN when {counted(len(undated), 'key')} were made, and by whom: no list says"
        for what, page in _NO_API:
            yield f"UNSEEN {what}: look at {link(me, page)}"

    # --- who ------------------------------------------------------------------------------------

    def _who(self, entry: AuditRow) -> tuple[str, bool]:
        """Who did it, and whether that is somebody suspect."""
        if entry.user:
            email = self._emails.get(entry.user, "")
            return email or self._nobody(entry.user), self._is_suspect(email)
        if entry.service_account:
            name = self._accounts.get(entry.service_account) or entry.service_account
            leaked = self._asked.key.split("/")
            is_its = leaked[0] == "sa" and leaked[1] == entry.service_account
            return f"service account {name}", is_its
        return "", False

    def _nobody(self, number: str) -> str:
        gone = ", who is no member any more" if self._seen.people else ""
        return f"user {number}{gone}"

    def _is_suspect(self, email: str) -> bool:
        me = self._me
        names = {each.casefold() for each in (me.subject, self._asked.email, *me.suspects)}
        return bool(email) and email.casefold() in names - {""}

    def _is_ours(self, entry: AuditRow) -> bool:
        """Whether this run did it: by its own account, or by the operator's hands."""
        if entry.at < self._me.now:
            return False
        email = self._emails.get(entry.user, "").casefold()
        theirs = {
            address.casefold()
            for person in self._me.persons
            if person.id == self._me.operator
            for address in person.emails
        }
        ours = self._me.connection.identity
        return email in theirs or bool(
            ours and self._accounts.get(entry.service_account, "") == ours
        )

    def _last(self, types: Iterable[str], number: str) -> AuditRow | None:
        """The last entry about this thing."""
        about = [
            entry
            for entry in self._entries
            if entry.object_id == number and any(word in entry.object_type for word in types)
        ]
        return about[-1] if about else None

    # --- each kind ------------------------------------------------------------------------------

    def _members(self) -> Iterator[LeftThing]:
        suspect = by_email(self._seen.people, self._asked.email) if self._asked.email else None
        for row in self._seen.people:
            number = number_of_member(row)
            if row is suspect or not number:
                continue
            entry = self._last(("user", "member", "invitation"), number)
            if entry is None or entry.user == number:
                # What somebody did to their own account, such as accepting, is no trace.
                if row.created_at < self._since:
                    continue
                entry = None
            who, is_suspect = self._who(entry) if entry is not None else ("", False)
            made = row.created_at >= self._since or (entry and entry.action == "created")
            word = "was added" if made else "was changed"
            state = row.account_role if row.accepted else f"{row.account_role}, invited"
            command = "compromised-user" if made else "role-change"
            yield LeftThing(
                "member",
                str(row.id),
                f"{row.email} ({state}) {word}",
                timestamp(entry.at if entry else row.created_at),
                who,
                is_suspect,
                command=f"respond {command} --email {shlex.quote(row.email)}",
            )

    def _keys(self) -> Iterator[LeftThing]:
        for one in without_ours(self._me, self._seen.keys):
            key = key_text(one.row.id)
            maker = one.row.created_by
            is_new = one.row.created_at >= self._since or self._is_by_suspect(maker)
            is_left = self._may_be_theirs(maker)
            if key == self._asked.key or not (is_new or is_left):
                continue
            entry = self._last(("key", "site_id", "token"), KeyRef.of(key).number)
            who, is_suspect = self._who(entry) if entry else ("", False)
            yield LeftThing(
                "service account token" if one.kind == "sa" else "key",
                key,
                words_of_key(one),
                timestamp(one.row.created_at),
                who or self._emails.get(maker, "") or (maker and self._nobody(maker)),
                is_suspect or self._is_by_suspect(maker),
                command=f"respond compromised-key --key {shlex.quote(key)}",
            )

    def _is_by_suspect(self, number: str) -> bool:
        return self._is_suspect(self._emails.get(number, ""))

    def _may_be_theirs(self, maker: str) -> bool:
        """Whether it may be of somebody who was removed before: only their address is known."""
        asked = self._asked
        nobody = bool(asked.email) and not asked.member and bool(self._seen.people)
        return nobody and bool(maker) and maker not in self._emails

    def _hooks(self) -> Iterator[LeftThing]:
        for hook in self.touched_webhooks():
            entry = self._last(("webhook",), hook.id.rpartition("/")[2])
            who, is_suspect = self._who(entry) if entry else ("", False)
            what = "whole messages" if hook.with_content else "events"
            yield LeftThing(
                "webhook",
                hook.id,
                f"{hook.name} sends {what} of {hook.workspace or 'its workspace'} to {hook.host}",
                timestamp(entry.at) if entry else "",
                who,
                is_suspect,
                link=link(self._me, "webhooks"),
                person="switch it off, and keep it as evidence",
            )

    def _senders(self) -> Iterator[LeftThing]:
        """Senders of no domain that one of the company's people has."""
        ours = {
            address.rpartition("@")[2].casefold()
            for person in self._me.persons
            for address in person.emails
        }
        for row in self._seen.senders or ():
            if row.email and row.email.rpartition("@")[2].casefold() not in ours:
                yield LeftThing(
                    "sender address",
                    row.id,
                    f"{row.email} is of no domain of yours",
                    "",
                    "",
                    False,
                    link=link(self._me, "senders"),
                    person="remove senders that are not yours",
                )

    def _told_by_the_log(self) -> Iterator[LeftThing]:
        seen: set[tuple[str, str]] = set()
        listed = {one.row.id for one in self._seen.keys}
        numbers = {KeyRef.of(key_text(key)).number for key in listed if key_text(key)}
        for entry in reversed(self._entries):
            kind = _kind_of(entry, numbers)
            if kind is None or (entry.object_type, entry.object_id) in seen:
                continue
            seen.add((entry.object_type, entry.object_id))
            who, is_suspect = self._who(entry)
            place = self._place(entry.workspace)
            yield LeftThing(
                kind.kind,
                f"{entry.object_type}/{entry.object_id}",
                f"{entry.object_type} {entry.object_id}{place} was {entry.action}",
                timestamp(entry.at),
                who,
                is_suspect,
                link=link(self._me, kind.page),
                person=kind.do,
            )

    def _place(self, number: str) -> str:
        names: Mapping[str, str] = {place.id: place.name for place in self._seen.places}
        return f" of {names.get(number, number)}" if number else ""


def _kind_of(entry: AuditRow, keys: set[str]) -> _Logged | None:
    """What a line of the log is about; None where a list tells it, or it leaves nothing."""
    word = entry.object_type
    if word in _LISTED or "webhook" in word:
        return None
    if any(part in word for part in ("api_key", "site_id", "token")) and entry.object_id in keys:
        return None
    kind = next((each for each in _LOGGED if any(part in word for part in each.types)), None)
    if kind is not None and entry.action == "deleted" and not kind.protects:
        return None
    return kind


ACTIONS: tuple[type, ...] = (ListLeftInAccount,)
