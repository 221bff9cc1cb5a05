"""The vendor's own log of what was done, of the account and of each workspace, read as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from respond.core.script import Call, Done, Effect, Me, Paging, Read, Reply, Script, Subject, action
from respond.core.shapes import Timestamp
from respond.core.values import Late
from respond.systems.customerio.facts import (
    epoch,
    member_number,
    number_of,
    subject,
    text_of,
    timestamp,
)
from respond.systems.customerio.people import MemberRow, by_email, members_if_allowed
from respond.systems.customerio.reading import (
    UNSEEN,
    Looking,
    Workspace,
    account,
    few,
    management,
    rows_in,
    unless_forbidden,
    workspaces,
)

__all__ = ["ACTIONS", "AuditEntry", "AuditLog", "Entry", "Log", "ReadAuditLog", "read_log"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as the vendor has it; people, keys and workspaces by number."""

    id: str
    at: int
    action: str
    object_type: str
    object_id: str
    user: str
    service_account: str
    address: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Log:
    """All that could be read, oldest first.

    Attributes:
        seen: The account's own log was among it.
        unseen: One line for each log that was closed to us.
    """

    entries: tuple[Entry, ...]
    seen: bool
    unseen: tuple[str, ...]


def _entries(replies: Sequence[Reply]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            text_of(row, "key.id"),
            number_of(row, "audit.at"),
            text_of(row, "audit.action"),
            text_of(row, "audit.type"),
            text_of(row, "audit.object"),
            text_of(row, "audit.user"),
            text_of(row, "audit.service_account"),
            text_of(row, "audit.address"),
            text_of(row, "audit.workspace"),
        )
        for row in rows_in(replies, "audit_logs")
    )


def _back_to(since: int) -> Paging:
    """Page backwards in time until an entry is older than that."""

    def after(call: Call, reply: Reply, so_far: int) -> Call | None:
        del so_far
        body = reply.body if isinstance(reply.body, dict) else {}
        cursor, rows = body.get("next_cursor"), body.get("audit_logs")
        if not isinstance(cursor, int | str) or not rows or not isinstance(rows, list):
            return None
        last = rows[-1]
        if isinstance(last, dict) and 0 < number_of(last, "audit.at") < since:
            return None
        others = tuple(pair for pair in call.query if pair[0] != "cursor")
        return replace(call, query=(*others, ("cursor", str(cursor))))

    return Paging(after)


def _one(
    me: Me, since: int, place: str, path: tuple[str, ...]
) -> Looking[tuple[Entry, ...] | None]:
    call = replace(
        management(me, *path, answers=UNSEEN),
        query=(("limit", "100"), ("sort_order", "desc"), ("start_time", timestamp(since))),
    )
    where: Subject[tuple[Entry, ...] | None] = subject(me, "audit", place)
    return (yield from Read(where, call, unless_forbidden(_entries), _back_to(since)))


def read_log(me: Me, since: int, places: Sequence[Workspace]) -> Looking[Log]:
    """Every entry since then, each once: the workspaces' logs repeat the account's."""
    number = yield from account(me)
    whole = yield from _one(me, since, "account", ("v1", "accounts", number, "audit_logs"))
    entries = {entry.id: entry for entry in whole or ()}
    unseen = [] if whole is not None else ["UNSEEN audit log of the account: 403"]
    for place in places:
        path = ("v1", "environments", place.id, "audit_logs")
        part = yield from _one(me, since, place.id, path)
        if part is None:
            unseen.append(f"UNSEEN audit log of {place.name}: 403")
        entries.update((entry.id, entry) for entry in part or ())
    ordered = sorted(entries.values(), key=lambda entry: (entry.at, entry.id))
    kept = tuple(entry for entry in ordered if entry.at >= since)
    return Log(kept, whole is not None, tuple(unseen))


# --- the action ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the vendor's own log.

    Attributes:
        who: E-mail where the member is known, else the vendor's number.
    """

    at: str
    action: str
    object_type: str
    object_id: str
    who: str
    address: str
    workspace: str


@dataclass(frozen=True, slots=True)
class AuditLog:
    """What the vendor has written down.

    Attributes:
        addresses: Network addresses that occur, most frequent first.
        seen: False when the account's log could not be read.
    """

    entries: tuple[AuditEntry, ...]
    count: int
    addresses: tuple[str, ...]
    seen: bool


_TELLING: Final = frozenset(
    {
        "account",
        "api_key",
        "export",
        "ext_api_key",
        "invitation",
        "reporting_webhook",
        "service_account",
        "service_account_token",
        "site_id",
        "sso_configuration",
        "user",
    }
)
"""Kinds of things whose change an intruder leaves behind, or data goes out by."""


@action(
    "customerio.read_audit_log",
    effect=Effect.READS,
    output=AuditLog,
    source="GET accounts/{id}/audit_logs and environments/{id}/audit_logs (CLI-ROUTE, 3P)",
)
@dataclass(frozen=True)
class ReadAuditLog:
    """Read what the vendor has logged since, of everybody or of one member.

    Attributes:
        by: A member's e-mail, or id of ``find_member``; everybody when empty.
        email: What to call them, should they be no member any more.
    """

    since: Timestamp
    by: str = ""
    email: str = ""

    def run(self, me: Me) -> Script[AuditLog]:
        since = epoch(self.since)
        people = yield from members_if_allowed(me)
        places = yield from workspaces(me)
        log = yield from read_log(me, since, places)
        names = {number_of_member(row): row.email for row in people}
        wanted = self._number(people)
        if wanted and self.email:
            names.setdefault(wanted, self.email)
        shown = {place.id: place.name for place in places}
        entries = tuple(
            _shown(entry, names, shown)
            for entry in log.entries
            if not self.by or (wanted and entry.user == wanted)
        )
        findings = [*few(self._lines(entries), "entries"), *log.unseen]
        if self.by and not wanted:
            findings.append(f"{self.by} is no team member now: read the log of everybody")
        of = f" by {names.get(wanted, self.by)}" if self.by else ""
        return Done(
            AuditLog(entries, len(entries), _addresses(entries), log.seen),
            says=f"{'1 entry' if len(entries) == 1 else f'{len(entries)} entries'}{of} "
            f"since {self.since}",
            findings=tuple(findings),
        )

    def _number(self, people: Sequence[MemberRow]) -> str:
        """The vendor's number of the member that is asked for; empty when nobody knows it."""
        if "@" in self.by:
            row = by_email(people, self.by)
            return number_of_member(row) if row is not None else ""
        return member_number(self.by) if self.by else ""

    def _lines(self, entries: Sequence[AuditEntry]) -> list[str]:
        return [
            f"{one.at} {one.who} from {one.address or 'nowhere known'} {one.action} "
            f"{one.object_type} {one.object_id}"
            for one in entries
            if one.object_type in _TELLING or (self.by and one.object_type == "session")
        ]


def number_of_member(row: MemberRow) -> str:
    """The vendor's number; empty for somebody whom a dry run only foretells."""
    return "" if isinstance(row.id, Late) else member_number(row.id)


def _addresses(entries: Sequence[AuditEntry]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for one in entries:
        if one.address:
            counts[one.address] = counts.get(one.address, 0) + 1
    return tuple(sorted(counts, key=lambda address: (-counts[address], address)))


def _shown(entry: Entry, names: Mapping[str, str], places: Mapping[str, str]) -> AuditEntry:
    if entry.user:
        who = names.get(entry.user) or f"user {entry.user}"
    elif entry.service_account:
        who = f"service account {entry.service_account}"
    else:
        who = "nobody named"
    return AuditEntry(
        timestamp(entry.at),
        entry.action,
        entry.object_type,
        entry.object_id,
        who,
        entry.address,
        places.get(entry.workspace, entry.workspace),
    )


ACTIONS: tuple[type, ...] = (ReadAuditLog,)
