"""What was done with the account: its log, exports, and keys that somebody made or could read.

All of it only reads. What our credential may not see is said as unseen, and is no failure: a
review that stops at the first 403 helps nobody.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from respond.core.exposure import Exposure, TakenData
from respond.core.finding import Finding, Severity
from respond.core.records import Frozen, replace
from respond.core.script import (
    Call,
    Done,
    Effect,
    Looking,
    Me,
    Paging,
    Read,
    Reply,
    Script,
    action,
    both,
    gather,
)
from respond.core.shapes import Timestamp
from respond.systems.customerio.facts import (
    KIND_WORDS,
    KeyId,
    MemberId,
    epoch,
    member_number,
    number_of,
    timestamp,
    told,
)
from respond.systems.customerio.identify import key_text, made_here
from respond.systems.customerio.members import (
    MemberRow,
    by_email,
    is_admin,
    members_if_allowed,
    number_of_member,
)
from respond.systems.customerio.probes import life_of
from respond.systems.customerio.reading import (
    UNSEEN,
    PlacedKey,
    WorkspaceRow,
    account,
    all_rows,
    counted,
    every_row,
    few,
    workspaces,
)
from respond.systems.customerio.stood_open import (
    NO_NAMES,
    open_to_key,
    open_to_member,
    system_of,
)
from respond.systems.customerio.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import KEPT, Thing, asking, at, dig, rows

__all__ = [
    "ACTIONS",
    "AuditEntry",
    "AuditLog",
    "AuditRow",
    "Export",
    "ExportList",
    "ExposedKeys",
    "KeyFinding",
    "KeyFindings",
    "ListExports",
    "ListExposedKeys",
    "ListMemberKeys",
    "ListSuspectKeys",
    "LogSeen",
    "ReadAuditLog",
    "read_log",
    "without_ours",
    "words_of_key",
]

# --- the vendor's own log -----------------------------------------------------------------------


class AuditRow(Frozen):
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


class LogSeen(Frozen):
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
        evidence=KEPT,
    )


def read_log(me: Me, since: int, places: Sequence[WorkspaceRow]) -> Looking[LogSeen]:
    """Every entry since then, each once: the workspaces' logs repeat the account's."""
    number = yield from account(me)
    logs = [
        _log(since, "account", "v1", "accounts", number),
        *(_log(since, place.id, "v1", "environments", place.id) for place in places),
    ]
    whole, *parts = yield from gather(log.unless(UNSEEN, None, me.connection) for log in logs)
    entries = {entry.id: entry for entry in whole or ()}
    unseen = [] if whole is not None else ["UNSEEN audit log of the account: 403"]
    for place, part in zip(places, parts, strict=True):
        if part is None:
            unseen.append(f"UNSEEN audit log of {place.name}: 403")
        entries.update((entry.id, entry) for entry in part or ())
    ordered = sorted(entries.values(), key=lambda entry: (entry.at, entry.id))
    kept = tuple(entry for entry in ordered if entry.at >= since)
    return LogSeen(kept, whole is not None, tuple(unseen))


class AuditEntry(Frozen):
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


class AuditLog(Frozen):
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
class ReadAuditLog(Frozen):
    """Read what the vendor has logged since, of everybody or of one member.

    Attributes:
        since: From when on, such as ``${{ inputs.since }}``; the vendor decides how far back it
            keeps any.
        by: A member's e-mail, or id of ``find_member``; everybody when empty.
        email: What to call them, should they be no member any more.
    """

    since: Timestamp
    by: str = ""
    email: str = ""

    def run(self, me: Me) -> Script[AuditLog]:
        since = epoch(self.since)
        people, places = yield from both(members_if_allowed(me), workspaces(me))
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
        counts = Counter(one.address for one in entries if one.address)
        addresses = tuple(sorted(counts, key=lambda address: (-counts[address], address)))
        findings = [*few(self._lines(entries), "entries"), *log.unseen]
        if self.by and not wanted:
            findings.append(f"{self.by} is no team member now: read the log of everybody")
        of = f" by {names.get(wanted, self.by)}" if self.by else ""
        signs = (entries[0].at, entries[-1].at) if entries and self.by else ("", "")
        who = names.get(wanted, self.email or self.by)
        unseen = tuple(log.unseen)
        return Done(
            AuditLog(entries, len(entries), addresses, log.seen),
            says=f"{'1 entry' if len(entries) == 1 else f'{len(entries)} entries'}{of} "
            f"since {self.since}",
            findings=tuple(findings),
            exposures=(
                Exposure(system_of(me), who, since=signs[0], until=signs[1], unseen=unseen),
            ),
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


def _shown(entry: AuditRow, names: Mapping[str, str], places: Mapping[str, str]) -> AuditEntry:
    who = "nobody named"
    if entry.user:
        who = names.get(entry.user) or f"user {entry.user}"
    elif entry.service_account:
        who = f"service account {entry.service_account}"
    return AuditEntry(
        timestamp(entry.at),
        entry.action,
        entry.object_type,
        entry.object_id,
        who,
        entry.address,
        places.get(entry.workspace, entry.workspace),
    )


# --- exports ------------------------------------------------------------------------------------


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _asked_by(row: Mapping[str, Any]) -> str:
    return str(row.get("user_email") or f"user {row.get('user_id', '?')}")


class Export(Frozen):
    """A file that somebody asked for.

    Attributes:
        type: ``customers`` or ``deliveries``.
        rows: How many people or messages are in it.
        workspace: Name of the workspace, or empty where only the App API key knows.
    """

    id: str = told("key.id")
    who: str = at("", read=_asked_by)
    type: str = at("", read=lambda row: str(row.get("type", "")))
    rows: int = at("total", read=_count)
    downloads: int = at("downloads", read=_count)
    created_at: str = told("key.created_at", lambda row, what: timestamp(number_of(row, what)))
    description: str = at("description", read=lambda text: str(text or ""))
    workspace: str = at("", read=lambda _: "")


class ExportList(Frozen):
    """Exports since a point in time.

    Attributes:
        downloads: All of them together.
        complete: False when some workspace could not be looked into.
    """

    exports: tuple[Export, ...]
    count: int
    downloads: int
    complete: bool


@action(
    "customerio.list_exports",
    effect=Effect.READS,
    output=ExportList,
    source="App API GET /v1/exports (DOC); GET environments/{id}/exports (CLI-ROUTE)",
)
class ListExports(Frozen):
    """List what was exported since, by whom, and how often it was downloaded.

    No link to a file is asked for: that would count as a download.

    Attributes:
        since: From when on, such as ``${{ inputs.since }}``; older exports are left out.
    """

    since: Timestamp

    def run(self, me: Me) -> Script[ExportList]:
        since = timestamp(epoch(self.since))
        places = yield from workspaces(me)
        found: list[Export] = []
        unseen: list[str] = []
        lists = yield from gather(self._of(me, place) for place in places)
        for place, seen in zip(places, lists, strict=True):
            if seen is None:
                unseen.append(f"UNSEEN exports of {place.name}: 403")
            found.extend(replace(row, workspace=place.name) for row in seen or ())
        recent = tuple(row for row in found if not row.created_at or row.created_at >= since)
        downloads = sum(row.downloads for row in recent)
        says = f"{counted(len(recent), 'export')} since {since}, {counted(downloads, 'download')}"
        lines = [
            f"{row.created_at} {row.who} exported {row.rows} {row.type} of {row.workspace}, "
            f"{counted(row.downloads, 'download')}: {row.description}"
            for row in recent
        ]
        taken = tuple(
            TakenData(
                f"{row.rows} {row.type}", row.workspace, row.created_at, row.who, row.downloads
            )
            for row in recent
        )
        return Done(
            ExportList(recent, len(recent), downloads, not unseen),
            says=says,
            findings=(*few(lines, "exports"), *unseen),
            exposures=(
                Exposure(system_of(me), taken=taken, unknown=(NO_NAMES,), unseen=tuple(unseen)),
            ),
        )

    def _of(self, me: Me, place: WorkspaceRow) -> Read[tuple[Export, ...] | None]:
        surface = "management"
        path: tuple[str, ...] = ("v1", "environments", place.id, "exports")
        options = me.connection.options
        if options.get("app") and str(options.get("app_workspace") or "") == place.id:
            # The documented way, for the workspace that our App API key opens.
            path, surface = ("v1", "exports"), "app"
        parse, name = rows(Export, "exports"), f"exports/{place.id}"
        thing = Thing(VENDOR, name, path, parse, settle_s=0, surface=surface, evidence=KEPT)
        return thing.unless(UNSEEN, None, me.connection)


# --- keys that should not be there ----------------------------------------------------------------


class KeyFinding(Frozen):
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


class KeyFindings(Frozen):
    """Keys that somebody should look at.

    Attributes:
        undated: Keys whose list says neither when nor by whom they were made.
    """

    keys: tuple[KeyFinding, ...]
    count: int
    undated: int


def _finding(found: PlacedKey, names: Mapping[str, str], why: str, command: str = "") -> KeyFinding:
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


def words_of_key(one: PlacedKey) -> str:
    """``backend-prod ...cdef (App API key, Production)``."""
    place = one.workspace.name or one.row.holder
    ending = f" ...{one.row.hint}" if one.row.hint else ""
    return f"{one.row.name}{ending} ({', '.join(filter(None, (KIND_WORDS[one.kind], place)))})"


def _words(one: KeyFinding) -> str:
    ending = f" ...{one.hint}" if one.hint else ""
    place = f", {one.workspace}" if one.workspace else ""
    when = f", made {one.created_at}" if one.created_at else ""
    who = f" by {one.who}" if one.who else ""
    return f"{one.name}{ending} ({KIND_WORDS[one.kind]}{place}{when}{who})"


def _line(one: KeyFinding) -> str:
    line = f"{_words(one)}: {one.why}"
    return f"{line}; {one.next}" if one.next else line


def _everything(me: Me) -> Looking[tuple[tuple[PlacedKey, ...], tuple[MemberRow, ...]]]:
    """Every key, except what this run has made, and everybody's names."""
    rows, people = yield from both(every_row(me), members_if_allowed(me))
    return without_ours(me, rows), people


def without_ours(me: Me, rows: Iterable[PlacedKey]) -> tuple[PlacedKey, ...]:
    """Those that this run has not made, and would not make."""
    return tuple(one for one in rows if not made_here(me, one))


def _findings(keys: Iterable[KeyFinding], undated: int, what: str) -> Done[KeyFindings]:
    found = tuple(keys)
    lines = [_line(one) for one in found]
    if undated:
        lines.append(f"{counted(undated, 'key')} without a date or a maker: look there, too")
    return Done(
        KeyFindings(found, len(found), undated),
        says=f"{counted(len(found), 'key')} {what}",
        findings=few(lines, "keys"),
    )


@action(
    "customerio.list_suspect_keys",
    effect=Effect.READS,
    output=KeyFindings,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN)",
)
class ListSuspectKeys(Frozen):
    """List keys of every kind that were made since, or by somebody suspect.

    Attributes:
        since: From when on, such as ``${{ inputs.since }}``; what was made before is left out.
        like: The key that this is about; it is left out.
        leave_out: More to leave out.
    """

    since: Timestamp
    like: KeyId = KeyId("")
    leave_out: tuple[KeyId, ...] = ()

    def run(self, me: Me) -> Script[KeyFindings]:
        since = epoch(self.since)
        rows, people = yield from _everything(me)
        names = {number_of_member(row): row.email for row in people}
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
        done = _findings(keys, undated, f"made since {self.since}, or by a suspect")
        return replace(done, exposures=open_to_key(me, self.like, rows)) if self.like else done


@action(
    "customerio.list_member_keys",
    effect=Effect.READS,
    output=KeyFindings,
    source="customerio/cli: ext_api_keys, site_ids, sources (CLI-SHOWN)",
)
class ListMemberKeys(Frozen):
    """List the keys that one member has made.

    Attributes:
        member: Id of the member, from ``customerio.find_member``.
        email: The member's address, for the texts of what is found.
        since: Only those made since; all of them when not given.
    """

    member: MemberId
    email: str = ""
    since: Timestamp | None = None

    def run(self, me: Me) -> Script[KeyFindings]:
        number = member_number(self.member)
        since = epoch(self.since) if self.since else 0
        rows, people = yield from _everything(me)
        names = {number_of_member(row): row.email for row in people} | {number: self.email}
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
        line = f"{counted(unsaid, 'key')} without a maker; the audit log may know"
        return replace(done, findings=(*done.findings, line))


class ExposedKeys(Frozen):
    """Keys whose values somebody could read whole, and may have kept.

    Attributes:
        ids: As ``rotate-all-keys`` takes them.
    """

    keys: tuple[KeyFinding, ...]
    count: int
    ids: tuple[str, ...] = ()


@action(
    "customerio.list_exposed_keys",
    effect=Effect.READS,
    output=ExposedKeys,
    source="docs.customer.io: managing credentials (DOC); customerio/cli: sources (CLI-SHOWN)",
)
class ListExposedKeys(Frozen):
    """List keys that a member could read in full, each with the command that replaces it.

    Write keys stand in clear in their source; Track pairs are shown again to whoever may manage
    API credentials. App API keys and tokens are shown once, to whoever made them.

    Attributes:
        email: The member's address, for the texts of what is found.
        member: Their id; empty for somebody who is no member any more: no list has their rights,
            so they could have read every key.
    """

    member: MemberId
    email: str = ""

    def run(self, me: Me) -> Script[ExposedKeys]:
        number = member_number(self.member) if self.member else ""
        people, places = yield from both(members_if_allowed(me), workspaces(me))
        row = next((one for one in people if number and number_of_member(one) == number), None)
        row = row or by_email(people, self.email)
        if row is not None and self.email and row.email.casefold() != self.email.casefold():
            raise GuardRefusedError(f"{self.member} belongs to {row.email}, not to {self.email}")
        rows = yield from all_rows(me, ("track", "write"), places)
        keys = tuple(
            _finding(one, {}, "readable in full", _command(one, rows))
            for one in rows
            if _could_read(row, one) and not made_here(me, one)
        )
        who = row.email if row is not None else self.email or self.member
        says = f"{counted(len(keys), 'key')} that {who} could read in full"
        ids = tuple(one.id for one in keys)
        return Done(
            ExposedKeys(keys, len(keys), ids),
            says=says,
            findings=tuple(_readable(me, one) for one in keys),
            exposures=(open_to_member(me, who, row, places, [_line(one) for one in keys]),),
        )


def _readable(me: Me, one: KeyFinding) -> Finding:
    """Work until the key is gone, whoever takes it away."""
    return Finding(
        id=f"readable-key/customerio/{one.id.replace('/', ':')}",
        severity=Severity.HIGH,
        says=_words(one),
        evidence=one.why,
        command=one.next,
        subject=life_of(me, one.id).name,
    )


def _could_read(row: MemberRow | None, one: PlacedKey) -> bool:
    """Whether they could; somebody whose rights are not known could."""
    if row is None or row.roles is None or is_admin(row):
        return True
    if one.kind == "track":
        return row.roles.api_credentials
    return any(role.environment == one.workspace.id for role in row.roles.environment_roles)


def _command(one: PlacedKey, rows: Sequence[PlacedKey]) -> str:
    # Several write keys of one source have its name; then only the id says which one is meant.
    alone = sum(other.row.name == one.row.name for other in rows) == 1
    name = shlex.quote(one.row.name if alone else key_text(one.row.id))
    return f"respond rotate-key --key {name}"


ACTIONS: tuple[type, ...] = (
    ReadAuditLog,
    ListExports,
    ListSuspectKeys,
    ListMemberKeys,
    ListExposedKeys,
)
