"""Read Customer.io's lists into rows: workspaces, keys of every kind, sources.

Each list is one subject and has one parser, so that whoever reads it gets the same rows and a
prediction about it means the same to everybody. Values that a list shows in full end here: a
row keeps the last four characters and keyed digests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

from respond.core.records import Frozen, replace
from respond.core.script import (
    Call,
    Evidence,
    Looking,
    MalformedReplyError,
    Me,
    Paging,
    Reply,
    Subject,
    gather,
)
from respond.core.values import Late
from respond.systems.customerio.facts import (
    FIELDS,
    KEY_SETTLE_S,
    KIND_WORDS,
    KeyId,
    KeyRef,
    hint_of,
    id_of,
    number_of,
    text_of,
    told,
)
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import Thing, asking, at, dig, read_record, records, rows

__all__ = [
    "NOWHERE",
    "PAGES",
    "PAGES_IF_SAID",
    "SOURCES",
    "UNSEEN",
    "KeyRow",
    "PlacedKey",
    "SourceRow",
    "WorkspaceRow",
    "account",
    "all_rows",
    "altered",
    "collection",
    "counted",
    "every_row",
    "few",
    "hint_matches",
    "key_list",
    "key_rows",
    "tokens_listed",
    "workspaces",
]

T = TypeVar("T")
Row = TypeVar("Row", bound=Any)

# --- lists --------------------------------------------------------------------------------------


UNSEEN: Final = frozenset({403})
"""What a review takes for an answer: it may not look there."""

_FINDINGS_MAX: Final = 20


def few(findings: Sequence[str], what: str) -> tuple[str, ...]:
    """As many lines as a person reads; the output has all of it."""
    more = len(findings) - _FINDINGS_MAX
    if more <= 0:
        return tuple(findings)
    return (*findings[:_FINDINGS_MAX], f"and {more} more {what}")


def counted(number: int, thing: str) -> str:
    """``1 key``, ``2 keys``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def altered(row_id: Any, **to: Any) -> Callable[[tuple[Row, ...] | None], Any]:
    """The list with this row made so; one that may not be looked at just now stays unseen."""

    def made_so(before: tuple[Row, ...] | None) -> tuple[Row, ...] | None:
        if before is None:
            return None
        return tuple(replace(row, **to) if row.id == row_id else row for row in before)

    return made_so


def _more(reply: Reply, so_far: int, *, until_empty: bool) -> bool:
    """Whether another page exists, by whatever this reply says about that."""
    body = reply.body if isinstance(reply.body, dict) else {}
    shown = next((len(value) for value in body.values() if isinstance(value, list)), 0)
    if body.get("has_more") is False or not shown:
        return False
    if isinstance(pages := body.get("total_pages"), int):
        return so_far < pages
    if isinstance(total := body.get("total"), int):
        limit = body.get("limit")
        return so_far * (limit if isinstance(limit, int) else shown) < total
    return body.get("has_more") is True or until_empty


def _pages(*, until_empty: bool) -> Paging:
    def after(call: Call, reply: Reply, so_far: int) -> Call | None:
        more = _more(reply, so_far, until_empty=until_empty)
        return asking(call, "page", str(so_far + 1)) if more else None

    return Paging(after)


PAGES: Final = _pages(until_empty=True)
"""For lists that are known to have pages: without a word about the end, an empty page is it."""

PAGES_IF_SAID: Final = _pages(until_empty=False)
"""For lists that are shown whole as far as anybody knows, unless a reply says otherwise."""


# --- account and workspaces -----------------------------------------------------------------------


def _account_number(replies: Sequence[Reply]) -> str:
    row = dig(replies[0].body, "account")
    if not isinstance(row, Mapping):
        raise MalformedReplyError("the reply has no account")
    return id_of(row, "key.id")


_ACCOUNT: Final = Thing(
    VENDOR, "account", ("v1", "accounts", "current"), _account_number, settle_s=0
)


def account(me: Me) -> Looking[str]:
    """The account's number: as configured, else as the credential's own account."""
    return me.connection.account or (yield from _ACCOUNT.of(me.connection))


class WorkspaceRow(Frozen):
    """A workspace, which paths call an environment."""

    id: str = told("key.id", id_of)
    name: str = told("key.name")


NOWHERE: Final = WorkspaceRow("", "")


_WORKSPACES: Final = Thing(
    VENDOR,
    "workspaces",
    ("v1", "accounts", "{account}", "environments"),
    rows(WorkspaceRow, "environments"),
    pages=PAGES_IF_SAID,
    settle_s=0,
)


def workspaces(me: Me) -> Looking[tuple[WorkspaceRow, ...]]:
    """Every workspace that our credential sees."""
    number = yield from account(me)
    return (yield from _WORKSPACES.of(me.connection, account=number))


# --- sources --------------------------------------------------------------------------------------


class SourceRow(Frozen):
    """A Pipelines source."""

    id: str = told("key.id", id_of)
    name: str = told("key.name")
    enabled: bool = at("enabled", read=lambda value: value is not False)


SOURCES: Final = Thing(
    VENDOR,
    "sources/{workspace}",
    ("cdp", "api", "workspaces", "{workspace}", "sources"),
    rows(SourceRow, "sources"),
    pages=PAGES_IF_SAID,
    settle_s=KEY_SETTLE_S,
)


# --- keys ---------------------------------------------------------------------------------------


def _bare_id(row: Mapping[str, Any], what: str) -> KeyId:
    return KeyId(id_of(row, what))


class KeyRow(Frozen):
    """One key as a list shows it, without its value.

    Attributes:
        id: Late in a dry run, for a key that the run would make.
        hint: The last characters that the list shows or that we kept; may be empty.
        created_at: Unix seconds; 0 when the list does not say.
        created_by: The vendor's number of a member; empty when the list does not say.
        holder: Name of the source or service account that the key belongs to.
        digests: Keyed digests of the value (and of its secret half), where the list shows it.
    """

    id: KeyId | Late = told("key.id", _bare_id)
    name: str = told("key.name")
    hint: str = told("key.hint", lambda row, what: hint_of(text_of(row, what)), default="")
    created_at: int = told("key.created_at", number_of, default=0)
    created_by: str = told("key.created_by", default="")
    holder: str = ""
    digests: tuple[str, ...] = ()

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


def collection(ref: KeyRef, account: str) -> tuple[str, ...]:
    """Where keys like this one are listed and made; a token is only made and revoked there."""
    match ref.kind:
        case "app":
            return ("v1", "environments", ref.place[0], "ext_api_keys")
        case "track":
            return ("v1", "environments", ref.place[0], "site_ids")
        case "write":
            workspace, source = ref.place
            return ("cdp", "api", "workspaces", workspace, "sources", source, "api_keys")
    return ("v1", "accounts", account, "service_accounts", ref.place[0], "tokens")


def _row(kind: str, place: tuple[str, ...], row: Mapping[str, Any]) -> KeyRow:
    seen = read_record(KeyRow, row)
    return replace(seen, id=KeyRef(kind, place, str(seen.id)).id)


def _seen_row(me: Me, ref: KeyRef, row: Mapping[str, Any]) -> KeyRow:
    """A row of a list that may show values: the console shows pairs again, so it may, too."""
    seen = _row(ref.kind, ref.place, row)
    value = "" if ref.kind == "app" else text_of(row, f"{ref.kind}.value")
    if not value:
        if ref.kind == "write":
            raise MalformedReplyError("a write key without its value")
        return seen
    pair = (me.digest(f"{text_of(row, 'track.site')}:{value}"),) if ref.kind == "track" else ()
    return replace(seen, hint=hint_of(value), digests=(*pair, me.digest(value)))


def _token_rows(replies: Sequence[Reply]) -> tuple[KeyRow, ...]:
    found: list[KeyRow] = []
    for owner in records(replies, "service_accounts"):
        place, tokens = (id_of(owner, "key.id"),), owner.get("tokens", [])
        if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
            raise MalformedReplyError("a service account whose tokens are no list")
        found.extend(
            replace(_row("sa", place, token), holder=text_of(owner, "key.name")) for token in tokens
        )
    return tuple(found)


_OF_KEYS: Final = Evidence(
    only=frozenset(
        name
        for what in ("key.id", "key.name", "key.hint", "key.created_at", "key.created_by")
        for name in FIELDS[what]
    )
)
"""Some of these lists show whole values: nothing but what tells keys apart is kept."""


def _keys(me: Me, ref: KeyRef) -> Thing[tuple[KeyRow, ...]]:
    """The list that a key stands in. Service accounts and their tokens come as one list."""
    if ref.kind == "sa":
        owners = ("v1", "accounts", "{account}", "service_accounts")
        return Thing(
            VENDOR,
            "keys/sa",
            owners,
            _token_rows,
            pages=PAGES_IF_SAID,
            settle_s=KEY_SETTLE_S,
            evidence=_OF_KEYS,
        )
    path = collection(ref, "")

    def parse(replies: Sequence[Reply]) -> tuple[KeyRow, ...]:
        return tuple(_seen_row(me, ref, row) for row in records(replies, path[-1]))

    name = "/".join(("keys", ref.kind, *ref.place))
    return Thing(
        VENDOR,
        name,
        path,
        parse,
        pages=PAGES_IF_SAID,
        settle_s=KEY_SETTLE_S,
        shows_values=frozenset(() if ref.kind == "app" else FIELDS[f"{ref.kind}.value"]),
        evidence=_OF_KEYS,
    )


def key_list(me: Me, ref: KeyRef) -> Subject[tuple[KeyRow, ...]]:
    """The list that a key stands in, as what a write changes."""
    return _keys(me, ref).subject(me.connection)


def tokens_listed(me: Me) -> bool:
    """Whether the list of service accounts is known to exist; nobody has published it."""
    return "customerio.service_accounts.list" in me.connection.can


def key_rows(me: Me, ref: KeyRef) -> Looking[tuple[KeyRow, ...] | None]:
    """The list that a key stands in, or None where no list can be read."""
    number = ""
    if ref.kind == "sa":
        if not tokens_listed(me):
            return None
        number = yield from account(me)
    return (yield from _keys(me, ref).of(me.connection, account=number))


class PlacedKey(Frozen):
    """A row and where it stood."""

    kind: str
    row: KeyRow
    workspace: WorkspaceRow

    @property
    def words(self) -> str:
        """How a person tells it from others."""
        place = self.workspace.name or self.row.holder
        return f"{self.row.words} in {place}" if place else self.row.words


def all_rows(
    me: Me, kinds: Sequence[str], places: Sequence[WorkspaceRow]
) -> Looking[tuple[PlacedKey, ...]]:
    """Keys of these kinds in these workspaces; service account tokens belong to none."""
    wanted = [(kind, place) for place in places for kind in kinds if kind != "sa"]
    if "sa" in kinds:
        wanted.append(("sa", NOWHERE))
    # What takes two round trips sets out first: only so many go out at once.
    in_turn = sorted(wanted, key=lambda each: each[0] != "write")
    lists = yield from gather(
        _write_keys(me, place) if kind == "write" else _placed(me, kind, place)
        for kind, place in in_turn
    )
    found = dict(zip(in_turn, lists, strict=True))
    return tuple(chain.from_iterable(found[each] for each in wanted))


def every_row(me: Me) -> Looking[tuple[PlacedKey, ...]]:
    """All keys that our credential sees."""
    places = yield from workspaces(me)
    return (yield from all_rows(me, tuple(KIND_WORDS), places))


def _placed(me: Me, kind: str, place: WorkspaceRow) -> Looking[tuple[PlacedKey, ...]]:
    keys = yield from key_rows(me, KeyRef(kind, (place.id,) if place.id else (), ""))
    return tuple(PlacedKey(kind, row, place) for row in keys or ())


def _write_keys(me: Me, place: WorkspaceRow) -> Looking[tuple[PlacedKey, ...]]:
    sources = yield from SOURCES.of(me.connection, workspace=place.id)
    refs = [KeyRef("write", (place.id, source.id), "") for source in sources]
    lists = yield from gather(key_rows(me, ref) for ref in refs)
    # A write key has no name of its own; people know it by its source.
    return tuple(
        PlacedKey("write", replace(row, name=row.name or source.name, holder=source.name), place)
        for source, keys in zip(sources, lists, strict=True)
        for row in keys or ()
    )
