"""What was done with the account: exports, audit log, keys that somebody made or could read.

All of it only reads. What our credential may not see is said as unseen, and is no failure: a
review that stops at the first 403 helps nobody.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from respond.actions.customerio.facts import (
    KIND_WORDS,
    KeyId,
    MemberId,
    epoch,
    made_by_this_run,
    member_number,
    number_of,
    subject,
    text_of,
    timestamp,
)
from respond.actions.customerio.identify import key_text
from respond.actions.customerio.people import (
    MemberRow,
    by_email,
    is_admin,
    members_if_allowed,
)
from respond.actions.customerio.reading import (
    Found,
    Looking,
    Workspace,
    account,
    all_rows,
    management,
    rows_in,
    workspaces,
)
from respond.actions.guards import GuardRefusedError
from respond.core.script import Call, Done, Effect, Me, Paging, Read, Reply, Script, Subject, action
from respond.core.shapes import Timestamp
from respond.core.values import Late

__all__ = [
    "ACTIONS",
    "AuditEntry",
    "AuditLog",
    "Export",
    "ExportList",
    "ExposedKeys",
    "KeyFinding",
    "KeyFindings",
    "ListExports",
    "ListExposedKeys",
    "ListMemberKeys",
    "ListSuspectKeys",
    "ReadAuditLog",
]

T = TypeVar("T")

_FORBIDDEN: Final = 403
_UNSEEN: Final = frozenset({_FORBIDDEN})
_FINDINGS_MAX: Final = 20
_KINDS: Final = ("app", "track", "write", "sa")


def _few(findings: Sequence[str], what: str) -> tuple[str, ...]:
    """As many as a person reads; the output has all of them."""
    more = len(findings) - _FINDINGS_MAX
    if more <= 0:
        return tuple(findings)
    return (*findings[:_FINDINGS_MAX], f"and {more} more {what}")


def _unless_forbidden(
    parse: Callable[[Sequence[Reply]], T],
) -> Callable[[Sequence[Reply]], T | None]:
    def either(replies: Sequence[Reply]) -> T | None:
        return None if replies[-1].status == _FORBIDDEN else parse(replies)

    return either


# --- exports ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Export:
    """A file that somebody asked for.

    Attributes:
        type: ``customers`` or ``deliveries``.
        rows: How many people or messages are in it.
        workspace: Name of the workspace, or empty where only the App API key knows.
    """

    id: str
    who: str
    type: str
    rows: int
    downloads: int
    created_at: str
    description: str
    workspace: str


@dataclass(frozen=True, slots=True)
class ExportList:
    """Exports since a point in time.

    Attributes:
        downloads: All of them together.
        complete: False when some workspace could not be looked into.
    """

    exports: tuple[Export, ...]
    count: int
    downloads: int
    complete: bool


def _exports(replies: Sequence[Reply]) -> tuple[Export, ...]:
    return tuple(
        Export(
            id=text_of(row, "key.id"),
            who=str(row.get("user_email") or f"user {row.get('user_id', '?')}"),
            type=str(row.get("type", "")),
            rows=_count(row, "total"),
            downloads=_count(row, "downloads"),
            created_at=timestamp(number_of(row, "key.created_at")),
            description=str(row.get("description") or ""),
            workspace="",
        )
        for row in rows_in(replies, "exports")
    )


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


@action(
    "customerio.list_exports",
    effect=Effect.READS,
    output=ExportList,
    source="App API GET /v1/exports (DOC); GET environments/{id}/exports (CLI-ROUTE)",
)
@dataclass(frozen=True)
class ListExports:
    """List what was exported since, by whom, and how often it was downloaded.

    No link to a file is asked for: that would count as a download.
    """

    since: Timestamp

    def run(self, me: Me) -> Script[ExportList]:
        since = timestamp(epoch(self.since))
        places = yield from workspaces(me)
        found: list[Export] = []
        unseen: list[str] = []
        for place in places:
            rows = yield from self._of(me, place)
            if rows is None:
                unseen.append(f"UNSEEN exports of {place.name}: 403")
            found.extend(replace(row, workspace=place.name) for row in rows or ())
        recent = tuple(row for row in found if not row.created_at or row.created_at >= since)
        downloads = sum(row.downloads for row in recent)
        says = f"{len(recent)} exports since {since}, downloaded {downloads} times"
        lines = [
            f"{row.created_at} {row.who} exported {row.rows} {row.type} of {row.workspace}, "
            f"{row.downloads} downloads: {row.description}"
            for row in recent
        ]
        return Done(
            ExportList(recent, len(recent), downloads, not unseen),
            says=says,
            findings=(*_few(lines, "exports"), *unseen),
        )

    def _of(self, me: Me, place: Workspace) -> Looking[tuple[Export, ...] | None]:
        call = management(me, "v1", "environments", place.id, "exports", answers=_UNSEEN)
        if me.connection.options.get("app") and _app_workspace(me) == place.id:
            # The documented way, for the workspace that our App API key opens.
            call = Call(me.connection.name, "app", "GET", ("v1", "exports"), answers=_UNSEEN)
        where: Subject[tuple[Export, ...] | None] = subject(me, "exports", place.id)
        return (yield from Read(where, call, _unless_forbidden(_exports)))


def _app_workspace(me: Me) -> str:
    """The workspace of our App API key, as ``connect`` has found it."""
    return str(me.connection.options.get("app_workspace") or "")


# --- audit log ----------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class _Raw:
    id: str
    at: int
    action: str
    object_type: str
    object_id: str
    user: str
    service_account: str
    address: str
    workspace: str


def _entries(replies: Sequence[Reply]) -> tuple[_Raw, ...]:
    return tuple(
        _Raw(
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
        by: E-mail of a member; everybody when empty.
    """

    since: Timestamp
    by: str = ""

    def run(self, me: Me) -> Script[AuditLog]:
        since = epoch(self.since)
        account_number = yield from account(me)
        people = yield from members_if_allowed(me)
        names = {_number_of(row): row.email for row in people}
        places = yield from workspaces(me)
        path = ("v1", "accounts", account_number, "audit_logs")
        whole = yield from self._log(me, since, ("audit", "account"), path)
        raw = {entry.id: entry for entry in whole or ()}
        unseen = [] if whole is not None else ["UNSEEN audit log of the account: 403"]
        for place in places:
            path = ("v1", "environments", place.id, "audit_logs")
            part = yield from self._log(me, since, ("audit", place.id), path)
            if part is None:
                unseen.append(f"UNSEEN audit log of {place.name}: 403")
            raw.update((entry.id, entry) for entry in part or ())
        shown = {place.id: place.name for place in places}
        entries = tuple(
            _entry(one, names, shown)
            for one in sorted(raw.values(), key=lambda one: (one.at, one.id))
            if one.at >= since
        )
        return self._done(entries, unseen, seen=whole is not None)

    def _done(
        self, all_entries: Sequence[AuditEntry], unseen: Sequence[str], *, seen: bool
    ) -> Done[AuditLog]:
        by = self.by.casefold()
        entries = tuple(one for one in all_entries if not by or one.who.casefold() == by)
        lines = [
            f"{one.at} {one.who} from {one.address or 'nowhere known'} {one.action} "
            f"{one.object_type} {one.object_id}"
            for one in entries
            if one.object_type in _TELLING or (by and one.object_type == "session")
        ]
        counts: dict[str, int] = {}
        for one in entries:
            if one.address:
                counts[one.address] = counts.get(one.address, 0) + 1
        addresses = tuple(sorted(counts, key=lambda address: (-counts[address], address)))
        of = f" by {self.by}" if self.by else ""
        says = f"{len(entries)} entries{of} since {self.since}"
        return Done(
            AuditLog(entries, len(entries), addresses, seen),
            says=says,
            findings=(*_few(lines, "entries"), *unseen),
        )

    def _log(
        self, me: Me, since: int, name: tuple[str, ...], path: tuple[str, ...]
    ) -> Looking[tuple[_Raw, ...] | None]:
        call = replace(
            management(me, *path, answers=_UNSEEN),
            query=(("limit", "100"), ("sort_order", "desc"), ("start_time", timestamp(since))),
        )
        where: Subject[tuple[_Raw, ...] | None] = subject(me, *name)
        return (yield from Read(where, call, _unless_forbidden(_entries), _back_to(since)))


def _number_of(row: MemberRow) -> str:
    return "" if isinstance(row.id, Late) else member_number(row.id)


def _entry(one: _Raw, names: Mapping[str, str], places: Mapping[str, str]) -> AuditEntry:
    if one.user:
        who = names.get(one.user) or f"user {one.user}"
    else:
        who = f"service account {one.service_account}" if one.service_account else "nobody named"
    return AuditEntry(
        timestamp(one.at),
        one.action,
        one.object_type,
        one.object_id,
        who,
        one.address,
        places.get(one.workspace, one.workspace),
    )


# --- keys that should not be there ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """A key that somebody should look at.

    Attributes:
        who: E-mail of the member who made it, where the list says so.
        why: ``made since``, ``made by a suspect``, ``readable in full``.
        next: The command that deals with it, or empty.
    """

    id: KeyId
    kind: str
    name: str
    hint: str
    created_at: str
    who: str
    workspace: str
    why: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class KeyFindings:
    """Keys that somebody should look at.

    Attributes:
        undated: Keys whose list says neither when nor by whom they were made.
    """

    keys: tuple[KeyFinding, ...]
    count: int
    undated: int


def _finding(found: Found, names: Mapping[str, str], why: str, command: str = "") -> KeyFinding:
    row = found.row
    return KeyFinding(
        id=key_text(row.id),
        kind=found.kind,
        name=row.name,
        hint=row.hint,
        created_at=timestamp(row.created_at),
        who=names.get(row.created_by, f"user {row.created_by}" if row.created_by else ""),
        workspace=found.workspace.name,
        why=why,
        next=command,
    )


def _line(one: KeyFinding) -> str:
    ending = f" ...{one.hint}" if one.hint else ""
    place = f", {one.workspace}" if one.workspace else ""
    when = f", made {one.created_at}" if one.created_at else ""
    who = f" by {one.who}" if one.who else ""
    line = f"{one.name}{ending} ({KIND_WORDS[one.kind]}{place}{when}{who}): {one.why}"
    return f"{line}; {one.next}" if one.next else line


def _everything(me: Me) -> Looking[tuple[tuple[Found, ...], tuple[MemberRow, ...]]]:
    """Every key, except what this run has made, and everybody's names."""
    people = yield from members_if_allowed(me)
    places = yield from workspaces(me)
    rows = yield from all_rows(me, _KINDS, places)
    return tuple(one for one in rows if not made_by_this_run(me, one.row.name)), people


def _findings(keys: Iterable[KeyFinding], undated: int, what: str) -> Done[KeyFindings]:
    found = tuple(keys)
    lines = [_line(one) for one in found]
    if undated:
        lines.append(f"{undated} keys say neither when nor by whom they were made: look at them")
    return Done(
        KeyFindings(found, len(found), undated),
        says=f"{len(found)} keys {what}",
        findings=_few(lines, "keys"),
    )


@action(
    "customerio.list_suspect_keys",
    effect=Effect.READS,
    output=KeyFindings,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN)",
)
@dataclass(frozen=True)
class ListSuspectKeys:
    """List keys of every kind that were made since, or by somebody suspect.

    Attributes:
        like: The key that this is about; it is left out.
        leave_out: More to leave out.
    """

    since: Timestamp
    like: KeyId = KeyId("")  # noqa: RUF009 - a constant, and no call at all
    leave_out: tuple[KeyId, ...] = ()

    def run(self, me: Me) -> Script[KeyFindings]:
        since = epoch(self.since)
        rows, people = yield from _everything(me)
        names = {_number_of(row): row.email for row in people}
        suspects = {email.casefold() for email in (*me.suspects, me.subject) if email}
        known = {self.like, *self.leave_out}
        keys, undated = [], 0
        for one in rows:
            if one.row.id in known:
                continue
            if names.get(one.row.created_by, "").casefold() in suspects:
                keys.append(_finding(one, names, "made by a suspect"))
            elif one.row.created_at >= since:
                keys.append(_finding(one, names, "made since"))
            elif not one.row.created_at and not one.row.created_by:
                undated += 1
        return _findings(keys, undated, f"made since {self.since}, or by a suspect")


@action(
    "customerio.list_member_keys",
    effect=Effect.READS,
    output=KeyFindings,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN)",
)
@dataclass(frozen=True)
class ListMemberKeys:
    """List the keys that one member has made.

    Attributes:
        since: Only those made since; all of them when not given.
    """

    member: MemberId
    email: str = ""
    since: Timestamp | None = None

    def run(self, me: Me) -> Script[KeyFindings]:
        number = member_number(self.member)
        since = epoch(self.since) if self.since else 0
        rows, people = yield from _everything(me)
        names = {_number_of(row): row.email for row in people} | {number: self.email}
        who = self.email or self.member
        keys = [
            _finding(one, names, f"made by {who}")
            for one in rows
            if one.row.created_by == number and one.row.created_at >= since
        ]
        unsaid = sum(1 for one in rows if not one.row.created_by)
        done = _findings(keys, 0, f"made by {who}")
        if not unsaid:
            return done
        line = f"{unsaid} keys do not say who made them; the audit log may"
        return replace(done, findings=(*done.findings, line))


@dataclass(frozen=True, slots=True)
class ExposedKeys:
    """Keys whose values somebody could read whole, and may have kept."""

    keys: tuple[KeyFinding, ...]
    count: int


@action(
    "customerio.list_exposed_keys",
    effect=Effect.READS,
    output=ExposedKeys,
    source="docs.customer.io: managing credentials (DOC); customerio/cli: sources (CLI-SHOWN)",
)
@dataclass(frozen=True)
class ListExposedKeys:
    """List keys that a member could read in full, each with the command that replaces it.

    Write keys stand in clear in their source; Track pairs are shown again to whoever may manage
    API credentials. App API keys and tokens are shown once, to whoever made them.
    """

    member: MemberId
    email: str = ""

    def run(self, me: Me) -> Script[ExposedKeys]:
        number = member_number(self.member)
        people = yield from members_if_allowed(me)
        row = next((one for one in people if _number_of(one) == number), None)
        row = row or by_email(people, self.email)
        if row is not None and self.email and row.email.casefold() != self.email.casefold():
            raise GuardRefusedError(f"{self.member} belongs to {row.email}, not to {self.email}")
        places = yield from workspaces(me)
        rows = yield from all_rows(me, ("track", "write"), places)
        keys = tuple(
            _finding(one, {}, "readable in full", _command(one))
            for one in rows
            if _could_read(row, one) and not made_by_this_run(me, one.row.name)
        )
        who = row.email if row is not None else self.email or self.member
        says = f"{len(keys)} keys that {who} could read in full"
        return Done(ExposedKeys(keys, len(keys)), says=says, findings=tuple(map(_line, keys)))


def _could_read(row: MemberRow | None, one: Found) -> bool:
    """Whether they could; somebody whose rights are not known could."""
    if row is None or row.roles is None or is_admin(row):
        return True
    if one.kind == "track":
        return row.roles.api_credentials
    return any(role.environment == one.workspace.id for role in row.roles.environment_roles)


def _command(one: Found) -> str:
    return f"respond compromised-key --key {shlex.quote(one.row.name)} --order no-downtime"


ACTIONS: tuple[type, ...] = (
    ListExports,
    ReadAuditLog,
    ListSuspectKeys,
    ListMemberKeys,
    ListExposedKeys,
)
