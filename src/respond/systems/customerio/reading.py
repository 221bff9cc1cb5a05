"""Read Customer.io's lists into rows: workspaces, keys of every kind, members, webhooks.

Each list is one subject and has one parser, so that whoever reads it gets the same rows and a
prediction about it means the same to everybody. Values that a list shows in full end here: a
row keeps the last four characters and keyed digests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar

from respond.core.script import Call, MalformedReplyError, Me, Paging, Read, Reply, Subject
from respond.core.values import Late
from respond.systems.customerio.facts import (
    KEY_SETTLE_S,
    KeyId,
    KeyRef,
    flag_of,
    hint_of,
    id_of,
    number_of,
    subject,
    text_of,
)

__all__ = [
    "FORBIDDEN",
    "NOWHERE",
    "PAGES",
    "PAGE_ROWS",
    "UNSEEN",
    "Found",
    "KeyRow",
    "Looking",
    "SourceRow",
    "Workspace",
    "account",
    "all_rows",
    "counted",
    "few",
    "hint_matches",
    "key_list",
    "key_rows",
    "management",
    "rows_in",
    "sources",
    "tokens_listed",
    "unless_forbidden",
    "workspaces",
]

T = TypeVar("T")
Looking: TypeAlias = Generator[Read[Any], object, T]
"""A part of a script that only reads; ``x = yield from part()``."""

PAGE_ROWS: Final = 100


# --- lists --------------------------------------------------------------------------------------


def rows_in(replies: Sequence[Reply], name: str) -> list[dict[str, Any]]:
    """The rows of all pages.

    Raises:
        MalformedReplyError: A page does not hold that list; an empty list is one.
    """
    rows: list[dict[str, Any]] = []
    for reply in replies:
        page = reply.body.get(name) if isinstance(reply.body, dict) else None
        if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
            raise MalformedReplyError(f"no list called {name}")
        rows.extend(page)
    return rows


FORBIDDEN: Final = 403
UNSEEN: Final = frozenset({FORBIDDEN})
"""What a review takes for an answer: it may not look there."""

_FINDINGS_MAX: Final = 20


def unless_forbidden(
    parse: Callable[[Sequence[Reply]], T],
) -> Callable[[Sequence[Reply]], T | None]:
    """The parser, for replies that may say that we must not look: then None."""

    def either(replies: Sequence[Reply]) -> T | None:
        return None if replies[-1].status == FORBIDDEN else parse(replies)

    return either


def few(findings: Sequence[str], what: str) -> tuple[str, ...]:
    """As many lines as a person reads; the output has all of it."""
    more = len(findings) - _FINDINGS_MAX
    if more <= 0:
        return tuple(findings)
    return (*findings[:_FINDINGS_MAX], f"and {more} more {what}")


def counted(number: int, thing: str) -> str:
    """``1 key``, ``2 keys``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _more(reply: Reply, so_far: int, *, until_empty: bool) -> bool:
    """Whether another page exists, by whatever this reply says about that."""
    body = reply.body if isinstance(reply.body, dict) else {}
    rows = next((len(value) for value in body.values() if isinstance(value, list)), 0)
    if body.get("has_more") is False or not rows:
        return False
    if isinstance(pages := body.get("total_pages"), int):
        return so_far < pages
    if isinstance(total := body.get("total"), int):
        limit = body.get("limit")
        return so_far * (limit if isinstance(limit, int) else rows) < total
    return body.get("has_more") is True or until_empty


def _pages(*, until_empty: bool) -> Paging:
    def after(call: Call, reply: Reply, so_far: int) -> Call | None:
        if not _more(reply, so_far, until_empty=until_empty):
            return None
        others = tuple(pair for pair in call.query if pair[0] != "page")
        return replace(call, query=(*others, ("page", str(so_far + 1))))

    return Paging(after)


PAGES: Final = _pages(until_empty=True)
"""For lists that are known to have pages: without a word about the end, an empty page is it."""

_PAGES_IF_SAID: Final = _pages(until_empty=False)
"""For lists that are shown whole as far as anybody knows, unless a reply says otherwise."""


def management(me: Me, *path: str, answers: frozenset[int] = frozenset()) -> Call:
    """A GET on the management host."""
    return Call(me.connection.name, "management", "GET", path, answers=answers)


# --- account and workspaces -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, which paths call an environment."""

    id: str
    name: str


def _account_number(replies: Sequence[Reply]) -> str:
    body = replies[0].body
    row = body.get("account") if isinstance(body, dict) else None
    if not isinstance(row, dict):
        raise MalformedReplyError("no account")
    return id_of(row, "key.id")


def account(me: Me) -> Looking[str]:
    """The account's number: as configured, else as the credential's own account."""
    if me.connection.account:
        return me.connection.account
    current = management(me, "v1", "accounts", "current")
    place: Subject[str] = subject(me, "account")
    return (yield from Read(place, current, _account_number))


def _workspaces(replies: Sequence[Reply]) -> tuple[Workspace, ...]:
    rows = rows_in(replies, "environments")
    return tuple(Workspace(id_of(row, "key.id"), text_of(row, "key.name")) for row in rows)


def workspaces(me: Me) -> Looking[tuple[Workspace, ...]]:
    """Every workspace that our credential sees."""
    number = yield from account(me)
    call = management(me, "v1", "accounts", number, "environments")
    place: Subject[tuple[Workspace, ...]] = subject(me, "workspaces")
    return (yield from Read(place, call, _workspaces, _PAGES_IF_SAID))


# --- keys ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key as a list shows it, without its value.

    Attributes:
        id: Late in a dry run, for a key that the run would make.
        hint: The last characters that the list shows or that we kept; may be empty.
        created_at: Unix seconds; 0 when the list does not say.
        created_by: The vendor's number of a member; empty when the list does not say.
        holder: Name of the source or service account that the key belongs to.
        digests: Keyed digests of the value (and of its secret half), where the list shows it.
    """

    id: KeyId | Late
    name: str
    hint: str = ""
    created_at: int = 0
    created_by: str = ""
    holder: str = ""
    digests: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def words(self) -> str:
        """``backend-prod ...cdef (9123)``: how a person tells it from others."""
        ending = f" ...{self.hint}" if self.hint else ""
        if isinstance(self.id, Late):
            return f"{self.name}{ending}".strip()
        return f"{self.name}{ending} ({KeyRef.of(self.id).number})".strip()


def hint_matches(one: str, other: str) -> bool:
    """Whether two endings can belong to one value; they may be of different length."""
    one, other = one.strip(".*\u2026 "), other.strip(".*\u2026 ")
    return bool(one and other) and (one.endswith(other) or other.endswith(one))


def key_list(me: Me, ref: KeyRef) -> Subject[tuple[KeyRow, ...]]:
    """The list that a key stands in. Service accounts and their tokens come as one list."""
    place = () if ref.kind == "sa" else ref.place
    return subject(me, "keys", ref.kind, *place, settle_s=KEY_SETTLE_S)


def _row(ref_kind: str, place: tuple[str, ...], row: dict[str, Any]) -> KeyRow:
    return KeyRow(
        id=KeyRef(ref_kind, place, id_of(row, "key.id")).id,
        name=text_of(row, "key.name"),
        hint=hint_of(text_of(row, "key.hint")),
        created_at=number_of(row, "key.created_at"),
        created_by=text_of(row, "key.created_by"),
    )


def _app_row(row: dict[str, Any], place: tuple[str, ...], _: Me) -> KeyRow:
    return _row("app", place, row)


def _track_row(row: dict[str, Any], place: tuple[str, ...], me: Me) -> KeyRow:
    seen = _row("track", place, row)
    value, site = text_of(row, "track.value"), text_of(row, "track.site")
    if not value:
        return seen
    # The console shows pairs again to whoever may manage them, so the list may, too.
    digests = (me.digest(f"{site}:{value}"), me.digest(value))
    return replace(seen, hint=hint_of(value), digests=digests)


def _write_row(row: dict[str, Any], place: tuple[str, ...], me: Me) -> KeyRow:
    value = text_of(row, "write.value")
    if not value:
        raise MalformedReplyError("a write key without its value")
    return replace(_row("write", place, row), hint=hint_of(value), digests=(me.digest(value),))


def _listed(
    me: Me, name: str, place: tuple[str, ...], one: Callable[..., KeyRow]
) -> Callable[[Sequence[Reply]], tuple[KeyRow, ...]]:
    def parse(replies: Sequence[Reply]) -> tuple[KeyRow, ...]:
        return tuple(one(row, place, me) for row in rows_in(replies, name))

    return parse


def _token_rows(replies: Sequence[Reply]) -> tuple[KeyRow, ...]:
    rows: list[KeyRow] = []
    for owner in rows_in(replies, "service_accounts"):
        place, tokens = (id_of(owner, "key.id"),), owner.get("tokens", [])
        if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
            raise MalformedReplyError("a service account whose tokens are no list")
        rows.extend(
            replace(
                _row("sa", place, token),
                holder=text_of(owner, "key.name"),
                read_only=bool(flag_of(token, "sa.read_only")),
            )
            for token in tokens
        )
    return tuple(rows)


_LISTS: Final[dict[str, tuple[str, Callable[..., KeyRow]]]] = {
    "app": ("ext_api_keys", _app_row),
    "track": ("site_ids", _track_row),
    "write": ("api_keys", _write_row),
}


def tokens_listed(me: Me) -> bool:
    """Whether the list of service accounts is known to exist; nobody has published it."""
    return "customerio.service_accounts.list" in me.connection.can


def key_rows(me: Me, ref: KeyRef) -> Looking[tuple[KeyRow, ...] | None]:
    """The list that a key stands in, or None where no list can be read."""
    if ref.kind == "sa":
        if not tokens_listed(me):
            return None
        number = yield from account(me)
        call = management(me, "v1", "accounts", number, "service_accounts")
        return (yield from Read(key_list(me, ref), call, _token_rows, _PAGES_IF_SAID))
    name, one = _LISTS[ref.kind]
    if ref.kind == "write":
        workspace, source = ref.place
        call = management(me, "cdp", "api", "workspaces", workspace, "sources", source, name)
    else:
        call = management(me, "v1", "environments", ref.place[0], name)
    parse = _listed(me, name, ref.place, one)
    return (yield from Read(key_list(me, ref), call, parse, _PAGES_IF_SAID))


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A Pipelines source."""

    id: str
    name: str
    enabled: bool


def _sources(replies: Sequence[Reply]) -> tuple[SourceRow, ...]:
    return tuple(
        SourceRow(id_of(row, "key.id"), text_of(row, "key.name"), row.get("enabled") is not False)
        for row in rows_in(replies, "sources")
    )


def sources(me: Me, workspace: str) -> Looking[tuple[SourceRow, ...]]:
    """The Pipelines sources of a workspace."""
    call = management(me, "cdp", "api", "workspaces", workspace, "sources")
    place: Subject[tuple[SourceRow, ...]] = subject(me, "sources", workspace, settle_s=KEY_SETTLE_S)
    return (yield from Read(place, call, _sources, _PAGES_IF_SAID))


@dataclass(frozen=True, slots=True)
class Found:
    """A row and where it stood."""

    kind: str
    row: KeyRow
    workspace: Workspace

    @property
    def words(self) -> str:
        """How a person tells it from others."""
        place = self.workspace.name or self.row.holder
        return f"{self.row.words} in {place}" if place else self.row.words


NOWHERE: Final = Workspace("", "")


def all_rows(
    me: Me, kinds: Sequence[str], places: Sequence[Workspace]
) -> Looking[tuple[Found, ...]]:
    """Keys of these kinds in these workspaces; service account tokens belong to none."""
    found: list[Found] = []
    for workspace in places:
        for kind in kinds:
            if kind in {"app", "track"}:
                rows = yield from key_rows(me, KeyRef(kind, (workspace.id,), ""))
                found.extend(Found(kind, row, workspace) for row in rows or ())
            elif kind == "write":
                found.extend((yield from _write_keys(me, workspace)))
    if "sa" in kinds:
        rows = yield from key_rows(me, KeyRef("sa", (), ""))
        found.extend(Found("sa", row, NOWHERE) for row in rows or ())
    return tuple(found)


def _write_keys(me: Me, workspace: Workspace) -> Looking[tuple[Found, ...]]:
    found: list[Found] = []
    for source in (yield from sources(me, workspace.id)):
        rows = yield from key_rows(me, KeyRef("write", (workspace.id, source.id), ""))
        # A write key has no name of its own; people know it by its source.
        found.extend(
            Found(
                "write", replace(row, name=row.name or source.name, holder=source.name), workspace
            )
            for row in rows or ()
        )
    return tuple(found)
