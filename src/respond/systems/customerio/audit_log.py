"""The vendor's own log of what was done, of the account and of each workspace, read as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from respond.core.script import Call, Done, Effect, Me, Paging, Reply, Script, action
from respond.core.shapes import Timestamp
from respond.systems.customerio.facts import epoch, member_number, number_of, timestamp, told
from respond.systems.customerio.members import (
    MemberRow,
    by_email,
    members_if_allowed,
    number_of_member,
)
from respond.systems.customerio.reading import (
    UNSEEN,
    Looking,
    WorkspaceRow,
    account,
    few,
    workspaces,
)
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import Thing, asking, dig, rows

__all__ = ["ACTIONS", "AuditEntry", "AuditLog", "AuditRow", "LogSeen", "ReadAuditLog", "read_log"]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line as the vendor has it; people, keys and workspaces by number."""

    id: str = told("key.id")
    at: int = told("audit.at", number_of)
    action: str = told("audit.action")
    object_type: str = told("audit.type")
    object_id: str = told("audit.object")
    user: str = told("audit.user")
    service_account: str = told("audit.service_account")
    address: str = told("audit.address")
    workspace: str = told("audit.workspace")


@dataclass(frozen=True, slots=True)
class LogSeen:
    """All that could be read, oldest first.

    Attributes:
        seen: The account's own log was among it.
        unseen: One line for each log that was closed to us.
    """

    entries: tuple[AuditRow, ...]
    seen: bool
    unseen: tuple[str, ...]


def _back_to(since: int) -> Paging:
    """Page backwards in time until an entry is older than that."""

    def after(call: Call, reply: Reply, so_far: int) -> Call | None:
        del so_far
        cursor, shown = dig(reply.body, "next_cursor"), dig(reply.body, "audit_logs")
        if not isinstance(cursor, int | str) or not shown or not isinstance(shown, list):
            return None
        if isinstance(shown[-1], dict) and 0 < number_of(shown[-1], "audit.at") < since:
            return None
        return asking(call, "cursor", str(cursor))

    return Paging(after)


def _log(since: int, place: str, *path: str) -> Thing[tuple[AuditRow, ...]]:
    query = (("limit", "100"), ("sort_order", "desc"), ("start_time", timestamp(since)))
    return Thing(
        VENDOR,
        f"audit/{place}",
        (*path, "audit_logs"),
        rows(AuditRow, "audit_logs"),
        pages=_back_to(since),
        query=query,
        settle_s=0,
    )


def read_log(me: Me, since: int, places: Sequence[WorkspaceRow]) -> Looking[LogSeen]:
    """Every entry since then, each once: the workspaces' logs repeat the account's."""
    number = yield from account(me)
    log = _log(since, "account", "v1", "accounts", number)
    whole = yield from log.unless(UNSEEN, None, me.connection)
    entries = {entry.id: entry for entry in whole or ()}
    unseen = [] if whole is not None else ["UNSEEN audit log of the account: 403"]
    for place in places:
        log = _log(since, place.id, "v1", "environments", place.id)
        part = yield from log.unless(UNSEEN, None, me.connection)
        if part is None:
            unseen.append(f"UNSEEN audit log of {place.name}: 403")
        entries.update((entry.id, entry) for entry in part or ())
    ordered = sorted(entries.values(), key=lambda entry: (entry.at, entry.id))
    kept = tuple(entry for entry in ordered if entry.at >= since)
    return LogSeen(kept, whole is not None, tuple(unseen))


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


def _addresses(entries: Sequence[AuditEntry]) -> tuple[str, ...]:
    counts = Counter(one.address for one in entries if one.address)
    return tuple(sorted(counts, key=lambda address: (-counts[address], address)))


def _shown(entry: AuditRow, names: Mapping[str, str], places: Mapping[str, str]) -> AuditEntry:
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
