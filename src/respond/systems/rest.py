"""What can be looked at in a REST system, and the write that makes one state of another.

A ``Thing`` is what can be looked at: its subject, its address, and what a reply comes to.
``change`` makes the ``Write`` whose before, after and prediction follow from what was seen and what
it becomes. An action is then what only it knows: what it looks at, whom it spares, what it changes.
How the vendor speaks is the ``Vendor``'s.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from respond.core.records import Frozen, is_record, marks_of, names_of, replace
from respond.core.script import (
    Api,
    Becomes,
    Call,
    Connection,
    Effect,
    Evidence,
    MalformedReplyError,
    Me,
    Paging,
    Person,
    Proof,
    Read,
    RefusedError,
    Reply,
    Subject,
    Undo,
    Write,
)
from respond.core.shapes import encode
from respond.core.showable import showable
from respond.systems.vendor import Vendor, filled

__all__ = [
    "KEPT",
    "Thing",
    "asking",
    "at",
    "by_cursor",
    "by_link",
    "by_offset",
    "change",
    "dig",
    "is_gone",
    "no_answer",
    "no_in",
    "noted",
    "one",
    "or_said",
    "read_record",
    "records",
    "rows",
    "said_no",
    "stamp",
    "where",
    "word_of",
    "yes",
]

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U")
_NEXT: Final = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_NOT_FOUND: Final = 404  # RFC 9110, section 15.5.5
_FIRST_NO: Final = 400
_LINE_MAX: Final = 200
_ROWS_SHOWN: Final = 50


# --- records ------------------------------------------------------------------------------------


def dig(value: Any, path: str) -> Any:
    """What stands at ``profile.login`` or ``errorCauses.0.errorSummary``; None if nothing does.

    A name may have dots of its own: ``@odata.type``.
    """
    parts = path.split(".") if path else []
    while parts:
        part = parts.pop(0)
        if isinstance(value, Mapping):
            while part not in value and parts:
                part = f"{part}.{parts.pop(0)}"
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def at(
    path: str,
    *,
    limit: int = _LINE_MAX,
    among: Iterable[str] = (),
    read: Callable[[Any], Any] | None = None,
    is_needed: bool = False,
    **default: Any,
) -> Any:
    """A field of a record: where in the vendor's it stands.

    Args:
        path: As ``dig`` takes it.
        limit: A longer text is shortened, visibly.
        among: The only texts that it may be.
        read: Makes the value of what stands there, which may be None.
        is_needed: It has to be there, although the record has a default for it.
        default: ``default=...``; without it the field has to be there.
    """
    is_needed = is_needed or not default
    return field(metadata={"at": _At(path, limit, tuple(among), read, is_needed)}, **default)


class _At(Frozen):
    path: str
    limit: int
    among: tuple[str, ...]
    read: Callable[[Any], Any] | None
    is_needed: bool

    def value(self, record: Any, kind: type[Any]) -> Any:
        """What stands there; ``...`` where the record's default stands."""
        found = dig(record, self.path)
        if self.read is not None:
            return self.read(found)
        if kind is int and isinstance(found, bool):
            found = None
        if not isinstance(found, kind) or found == "":
            if self.is_needed:
                raise MalformedReplyError(f"the reply has no {self.path}")
            return ...
        if not isinstance(found, str):
            return found
        if self.among and found not in self.among:
            raise MalformedReplyError(
                f"the reply has the {self.path} {showable(found, limit=40)!r}"
            )
        return showable(found, limit=self.limit)


@cache
def _fields(cls: Any) -> tuple[tuple[str, type[Any], _At], ...]:
    """Name, type and place of each field that the vendor has."""
    hints = typing.get_type_hints(cls)
    return tuple(
        (
            name,
            hints[name] if hints[name] in (bool, int) else str,
            mark["at"],
        )
        for name, mark in marks_of(cls).items()
        if "at" in mark
    )


def read_record(cls: type[T], record: Any) -> T:
    """A record of the vendor's as ours; texts are made showable.

    Raises:
        MalformedReplyError: A field that has to be there is not, or is of another type.
    """
    values = {name: at.value(record, kind) for name, kind, at in _fields(cast("Any", cls))}
    return cls(**{name: value for name, value in values.items() if value is not ...})


def one(cls: type[T], inside: str = "") -> Callable[[Sequence[Reply]], T]:
    """The parser of one record, which may stand ``inside`` of a wrapper."""

    def parse(replies: Sequence[Reply]) -> T:
        record = dig(replies[0].body, inside)
        if not isinstance(record, Mapping):
            raise MalformedReplyError(f"the reply has no {inside or 'record'}")
        return read_record(cls, record)

    return parse


def rows(cls: type[T], inside: str = "") -> Callable[[Sequence[Reply]], tuple[T, ...]]:
    """The parser of a list of records, over all pages."""

    def parse(replies: Sequence[Reply]) -> tuple[T, ...]:
        return tuple(read_record(cls, row) for row in records(replies, inside))

    return parse


def noted(unseen: list[str] | None, instead: T) -> Callable[[str], T] | None:
    """For ``or_else``: why it could not be looked at goes there, and this is the answer instead.

    Without a list the script ends there.
    """
    if unseen is None:
        return None

    def note(why: str) -> T:
        unseen.append(why)
        return instead

    return note


def stamp(at_s: float) -> str:
    """A moment as most vendors write and take it: RFC 3339, in UTC, whole seconds."""
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def no_answer(_: Reply) -> None:
    """The parser where nobody needs what a write answers."""


def records(replies: Sequence[Reply], inside: str = "") -> list[Mapping[str, Any]]:
    """The vendor's own records of all pages.

    Raises:
        MalformedReplyError: A page does not hold that list; an empty list is one.
    """
    found: list[Mapping[str, Any]] = []
    for reply in replies:
        page = dig(reply.body, inside)
        if not isinstance(page, list) or not all(isinstance(row, Mapping) for row in page):
            raise MalformedReplyError(f"the reply has no list of {inside or 'records'}")
        found += page
    return found


# --- pages --------------------------------------------------------------------------------------


def asking(call: Call, name: str, value: str) -> Call:
    """The call with this in its query, in place of what stood there."""
    others = tuple(pair for pair in call.query if pair[0] != name)
    return replace(call, query=(*others, (name, value)))


def by_offset(size: int, *, more: str = "more", name: str = "offset") -> Paging:
    """Pages of a fixed size, as long as the body says that there is more."""

    def after(call: Call, reply: Reply, so_far: int) -> Call | None:
        return asking(call, name, str(so_far * size)) if dig(reply.body, more) is True else None

    return Paging(after)


def by_cursor(inside: str, *, name: str = "cursor") -> Paging:
    """Pages behind a cursor in the body; an empty one is the end, an empty page is not."""

    def after(call: Call, reply: Reply, _: int) -> Call | None:
        cursor = dig(reply.body, inside)
        return asking(call, name, cursor) if isinstance(cursor, str) and cursor else None

    return Paging(after)


def by_link(cursor: str, inside: str = "") -> Paging:
    """Pages behind ``Link: rel="next"``, or behind an address in the body.

    Only the cursor is taken from it, so that a reply cannot send us elsewhere.

    Source: RFC 8288, section 3.
    """

    def after(call: Call, reply: Reply, _: int) -> Call | None:
        found = _NEXT.search(reply.headers.get("link", ""))
        link = dig(reply.body, inside) if inside else found and found[1]
        if not link:
            return None
        value = dict(parse_qsl(urlsplit(str(link)).query)).get(cursor)
        if not value:
            raise MalformedReplyError("the link to the next page has no cursor")
        return asking(call, cursor, value)

    return Paging(after)


# --- a no in a success --------------------------------------------------------------------------


def no_in(vendor: Vendor, reply: Reply) -> str:
    """The vendor's own word for a no that comes with a status of success; empty for a yes.

    Raises:
        RefusedError: The credential itself is refused.
        MalformedReplyError: It says neither yes nor no, or part of the work may have been done.
    """
    no = vendor.no_in_success
    if no is None:
        return ""
    is_yes = dig(reply.body, no.unless)
    if not isinstance(is_yes, bool):
        raise MalformedReplyError(f"the reply has no {no.unless} of true or false")
    if is_yes:
        return ""
    code = str(dig(reply.body, no.code) or "unknown_error")
    if code in no.maybe:
        raise MalformedReplyError(f"{vendor.title} answered {code}: part of it may have been done")
    if code in no.dead:
        raise RefusedError(code, no.hints[code], credential=True)
    return code


def yes(vendor: Vendor, reply: Reply) -> Reply:
    """The reply, which has to be a yes.

    Raises:
        RefusedError: The vendor said no; nothing happened.
        MalformedReplyError: As ``no_in``.
    """
    code, no = no_in(vendor, reply), vendor.no_in_success
    if not code or no is None:
        return reply
    lacking = dig(reply.body, no.lacks) if no.lacks else None
    hint = f"the token lacks the scope {showable(str(lacking))}" if lacking else no.hints.get(code)
    raise RefusedError(showable(code, limit=80), hint or "")


def is_gone(vendor: Vendor, reply: Reply) -> bool:
    """Whether a reply says that the thing is not there.

    Raises:
        RefusedError: A 404 that says something else.
    """
    if reply.status != _NOT_FOUND:
        return False
    word, refusals = word_of(vendor, reply), vendor.refusals
    if word in refusals.no_path or (refusals.gone and word not in refusals.gone):
        raise _no(vendor, reply)
    return True


def word_of(vendor: Vendor, reply: Reply) -> str:
    """The vendor's own word for a no with a 4xx status; the status where it gave none."""
    return showable(str(said_no(vendor, reply.body) or reply.status), limit=80)


def said_no(vendor: Vendor, body: Any) -> str | int | None:
    """The vendor's own word in the body of a no; None where there is none."""
    found = (dig(body, place) for place in vendor.refusals.code.split())
    return next((word for word in found if isinstance(word, str | int) and word != ""), None)


def _no(vendor: Vendor, reply: Reply) -> RefusedError:
    word = word_of(vendor, reply)
    return RefusedError(word, vendor.refusals.hints.get(word, ""))


def or_said(
    vendor: Vendor, parse: Callable[[Reply], R], *words: str, means: R
) -> Callable[[Reply], R]:
    """The parser of a write that takes statuses of a no: these words of it mean ``means``.

    So it is when somebody was quicker, or where the account lacks what was asked for.
    """

    def judge(reply: Reply) -> R:
        if reply.status < _FIRST_NO:
            return parse(reply)
        if word_of(vendor, reply) in words:
            return means
        raise _no(vendor, reply)

    return judge


KEPT: Final = Evidence()
"""Mark of what fades, or is about to be switched off: its answer is kept as it came."""


# --- what can be looked at ----------------------------------------------------------------------


class Thing(Frozen, Generic[T]):
    """Something that can be looked at: ``seen = yield from USER.of(me.connection, user="00u1")``.

    Attributes:
        name: Its name below the connection, which no other address of the same thing may change:
            ``user/{user}``.
        path: Segments; ``{user}`` is filled in, and quoted by the transport.
        parse: The replies of all pages to a value. It must not let secret values out.
        gone: What 404 means; without it 404 is a refusal.
        said: What these words of a no in a success mean; the others are refusals.
        query: Names and values; ``{email}`` is filled in. A name may stand twice.
        settle_s: Where it takes longer, or shorter, than the vendor's own.
        surface: Where it is not the vendor's first.
        answers: Statuses besides 2xx that ``parse`` takes itself.
        shows_values: As for ``Call``.
        evidence: As for ``Read``.
    """

    vendor: Vendor
    name: str
    path: tuple[str, ...]
    parse: Callable[[Sequence[Reply]], T]
    gone: T | None = None
    pages: Paging | None = None
    query: tuple[tuple[str, str], ...] = ()
    settle_s: int | None = None
    surface: str = ""
    said: Mapping[str, T] = {}
    answers: frozenset[int] = frozenset()
    shows_values: frozenset[str] = frozenset()
    evidence: Evidence | None = None

    def subject(self, connection: Connection, **ids: str) -> Subject[T]:
        """The thing, under the one name that it has in a run."""
        settle = self.vendor.settle_s if self.settle_s is None else self.settle_s
        name = f"{connection.name}/{filled(self.name, ids)}"
        return Subject(name, settle, self.vendor.looks)

    def of(
        self, connection: Connection, *, or_else: Callable[[str], T] | None = None, **ids: str
    ) -> Read[T]:
        """Look at it. ``or_else`` as for ``Read``: never for what a guard looks at."""

        def parse(replies: Sequence[Reply]) -> T:
            if self.gone is not None and is_gone(self.vendor, replies[0]):
                return self.gone
            for reply in replies:
                if (code := no_in(self.vendor, reply)) in self.said:
                    return self.said[code]
                yes(self.vendor, reply)
            return self.parse(replies)

        call = self.vendor.call(
            connection.name,
            "GET",
            *(filled(segment, ids) for segment in self.path),
            surface=self.surface,
            query=tuple((name, filled(value, ids)) for name, value in self.query),
            answers=self.answers | (frozenset() if self.gone is None else {_NOT_FOUND}),
            shows_values=self.shows_values,
        )
        paging = self.pages or self.vendor.pages
        subject = self.subject(connection, **ids)
        return Read(subject, call, parse, paging, or_else, self.evidence)

    def unless(
        self, statuses: frozenset[int], other: U, connection: Connection, **ids: str
    ) -> Read[T | U]:
        """Look at it; one of these statuses is an answer too, and means ``other``."""
        read = self.of(connection, or_else=None, **ids)

        def parse(replies: Sequence[Reply]) -> T | U:
            return other if replies[-1].status in statuses else read.parse(replies)

        call = replace(read.call, answers=read.call.answers | statuses)
        subject: Subject[Any] = read.subject
        return Read(subject, call, parse, read.paging, evidence=read.evidence)


def where(vendor: Vendor, connection: Connection) -> str:
    """The account, for the question before a write: ``PagerDuty example-co``."""
    return f"{vendor.title} {showable(connection.account or connection.name, limit=60)}"


# --- changes ------------------------------------------------------------------------------------


def change(
    me: Me,
    thing: Thing[T],
    seen: T,
    after: Callable[[T], T],
    hands: Api[R] | Person[R],
    *,
    ids: Mapping[str, str],
    says: str,
    verb: str,
    target: str,
    effect: Effect,
    foretold: R,
    repeatable: bool,
    undo: Undo | None = None,
    breaks: str = "",
    stays: tuple[str, ...] = (),
    proof: Proof = Proof.SEEN,
) -> Write[R]:
    """The write that makes of a thing what ``after`` makes of it; it shows what differs.

    The prediction is worked out anew from whatever was seen last, so that earlier steps of a plan
    are in it.

    Args:
        ids: What the thing's name is filled with.
        repeatable: Sending it twice does no harm by the vendor's own word. Argued for each write.
    """
    before, then = _differs(seen, after(seen))
    return Write(
        says=says,
        verb=verb,
        target=target,
        where=where(thing.vendor, me.connection),
        effect=effect,
        hands=hands,
        before=before,
        after=then,
        becomes=(Becomes(thing.subject(me.connection, **ids), after),),
        foretold=foretold,
        proof=proof,
        undo=undo,
        repeatable=repeatable,
        breaks=breaks,
        stays=stays,
    )


def _differs(seen: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    if is_record(seen):
        names = [
            name for name in names_of(type(seen)) if getattr(seen, name) != getattr(after, name)
        ]
        before, then = (
            {name: encode(getattr(value, name)) for name in names} for value in (seen, after)
        )
        return before, then
    if not isinstance(seen, tuple):
        return {"state": encode(seen)}, {"state": encode(after)}
    first, second = ({_name(row): row for row in value} for value in (seen, after))
    both = [
        (name, first.get(name, _ABSENT), second.get(name, _ABSENT))
        for name in dict.fromkeys([*first, *second])
        if first.get(name, _ABSENT) != second.get(name, _ABSENT)
    ][:_ROWS_SHOWN]
    return (
        {name: _row(one, other) for name, one, other in both},
        {name: _row(other, one) for name, one, other in both},
    )


_ABSENT: Final = "absent"


def _name(row: Any) -> str:
    """What a row of a list is called; one that is not made yet has no id."""
    name = getattr(row, "called", getattr(row, "id", row))
    return name if isinstance(name, str) else "new"


def _row(row: Any, other: Any) -> Any:
    """A row beside what becomes of it; whether it is there, where one of them is absent."""
    return encode(row) if _ABSENT not in (row, other) else row if row == _ABSENT else "there"
