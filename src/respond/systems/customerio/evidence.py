"""What was done with the account: exports, and keys that somebody made or could read.

All of it only reads. What our credential may not see is said as unseen, and is no failure: a
review that stops at the first 403 helps nobody.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from respond.core.script import Done, Effect, Me, Reply, Script, action
from respond.core.shapes import Timestamp
from respond.core.values import Late
from respond.systems.customerio.facts import (
    KIND_WORDS,
    KeyId,
    MemberId,
    epoch,
    made_by_this_run,
    member_number,
    number_of,
    text_of,
    timestamp,
)
from respond.systems.customerio.identify import key_text
from respond.systems.customerio.members import (
    MemberRow,
    by_email,
    is_admin,
    members_if_allowed,
    number_of_member,
)
from respond.systems.customerio.reading import (
    UNSEEN,
    Looking,
    PlacedKey,
    WorkspaceRow,
    all_rows,
    counted,
    few,
    workspaces,
)
from respond.systems.customerio.vendor import VENDOR
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, records

__all__ = [
    "ACTIONS",
    "Export",
    "ExportList",
    "ExposedKeys",
    "KeyFinding",
    "KeyFindings",
    "ListExports",
    "ListExposedKeys",
    "ListMemberKeys",
    "ListSuspectKeys",
]

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
        for row in records(replies, "exports")
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
        says = f"{counted(len(recent), 'export')} since {since}, {counted(downloads, 'download')}"
        lines = [
            f"{row.created_at} {row.who} exported {row.rows} {row.type} of {row.workspace}, "
            f"{counted(row.downloads, 'download')}: {row.description}"
            for row in recent
        ]
        return Done(
            ExportList(recent, len(recent), downloads, not unseen),
            says=says,
            findings=(*few(lines, "exports"), *unseen),
        )

    def _of(self, me: Me, place: WorkspaceRow) -> Looking[tuple[Export, ...] | None]:
        surface = "management"
        path: tuple[str, ...] = ("v1", "environments", place.id, "exports")
        if me.connection.options.get("app") and _app_workspace(me) == place.id:
            # The documented way, for the workspace that our App API key opens.
            path, surface = ("v1", "exports"), "app"
        name = f"exports/{place.id}"
        thing = Thing(VENDOR, name, path, _exports, settle_s=0, surface=surface)
        return (yield from thing.unless(UNSEEN, None, me.connection))


def _app_workspace(me: Me) -> str:
    """The workspace of our App API key, as ``connect`` has found it."""
    return str(me.connection.options.get("app_workspace") or "")


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


def _line(one: KeyFinding) -> str:
    ending = f" ...{one.hint}" if one.hint else ""
    place = f", {one.workspace}" if one.workspace else ""
    when = f", made {one.created_at}" if one.created_at else ""
    who = f" by {one.who}" if one.who else ""
    line = f"{one.name}{ending} ({KIND_WORDS[one.kind]}{place}{when}{who}): {one.why}"
    return f"{line}; {one.next}" if one.next else line


def _everything(me: Me) -> Looking[tuple[tuple[PlacedKey, ...], tuple[MemberRow, ...]]]:
    """Every key, except what this run has made, and everybody's names."""
    people = yield from members_if_allowed(me)
    places = yield from workspaces(me)
    rows = yield from all_rows(me, tuple(KIND_WORDS), places)
    return tuple(one for one in rows if not _ours(me, one)), people


def _ours(me: Me, one: PlacedKey) -> bool:
    """Whether this run has made it, or would: by its name, its value, or its place in a plan."""
    row = one.row
    held = {handle.digest for handle in me.held.values() if handle.name.endswith(".value")}
    return (
        isinstance(row.id, Late) or made_by_this_run(me, row.name) or bool(held & set(row.digests))
    )


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
        row = next((one for one in people if number_of_member(one) == number), None)
        row = row or by_email(people, self.email)
        if row is not None and self.email and row.email.casefold() != self.email.casefold():
            raise GuardRefusedError(f"{self.member} belongs to {row.email}, not to {self.email}")
        places = yield from workspaces(me)
        rows = yield from all_rows(me, ("track", "write"), places)
        keys = tuple(
            _finding(one, {}, "readable in full", _command(one, rows))
            for one in rows
            if _could_read(row, one) and not _ours(me, one)
        )
        who = row.email if row is not None else self.email or self.member
        says = f"{counted(len(keys), 'key')} that {who} could read in full"
        return Done(ExposedKeys(keys, len(keys)), says=says, findings=tuple(map(_line, keys)))


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
    return f"respond compromised-key --key {name} --order no-downtime"


ACTIONS: tuple[type, ...] = (
    ListExports,
    ListSuspectKeys,
    ListMemberKeys,
    ListExposedKeys,
)
