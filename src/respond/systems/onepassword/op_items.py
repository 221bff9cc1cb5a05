"""Fields of 1Password items, as a place for new secrets.

An item is changed by its whole JSON on standard input; what that leaves out is lost, and a passkey
always is. The values of other fields never pass through here, so only an item that keeps this one
secret is written by the tool; any other is a person's, who is shown the value once.

Nothing compares versions there, and nothing is put back: the item's own history has the old value.

Source: 1Password CLI reference, version 2, item get, list, create and edit; item JSON template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Becomes,
    Call,
    Connection,
    Effect,
    MalformedReplyError,
    Me,
    Proof,
    Read,
    RefusedError,
    Reply,
    Subject,
    Write,
)
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.errors import UsageError
from respond.systems.guards import GuardRefusedError
from respond.systems.onepassword.vendor import AS_JSON, VENDOR
from respond.systems.rest import dig, no_answer, records
from respond.systems.sinks.sink import Looks, SinkSeen, Writes, handing, named

__all__ = ["SINK", "OpItem", "OpItemSink"]

_WORD: Final = r"\w[\w.@ -]{0,127}"
_TEXT: Final = re.compile(rf"([^:#]+):({_WORD})/({_WORD})#({_WORD})")
_CONCEALED: Final = "CONCEALED"
_OWN_MARK: Final = "respond-"
_SAFE: Final = frozenset({"API_CREDENTIAL", "PASSWORD", "SECURE_NOTE"})
"""Categories without passkeys, keys or files: what JSON shows of them is all there is."""
_BUILT_IN: Final = {
    "credential": ("API_CREDENTIAL", {"id": "credential"}),
    "password": ("PASSWORD", {"id": "password", "purpose": "PASSWORD"}),
}
"""Fields that a category has anyway, by name."""
_PLAIN_TAG: Final = re.compile(r"\w[\w /.-]*")
_SECONDS: Final = 30
_VALUES: Final = frozenset({"value"})
_PLANNED: Final = ""
"""Stands for the id of an item that a plan makes."""


class OpItem(Frozen):
    """An item, without its values.

    Attributes:
        id: Empty: there is none.
        frame: The field in question, as JSON without its value; empty where there is none yet.
        digest: Keyed digest of what stands there; empty for nothing.
        others: Labels of what it keeps besides, which a write would lose.
        marked: Run of ours that wrote it last, by its tags.
        title: Its own, which a write keeps.
    """

    id: str
    version: int = 0
    category: str = ""
    frame: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    others: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    marked: str = ""
    title: str = ""

    @property
    def is_ours_to_write(self) -> bool:
        plain = all(map(_PLAIN_TAG.fullmatch, self.tags))
        return not self.id or (self.category in _SAFE and not self.others and plain)


class OpItemSink(Frozen):
    """A field of an item."""

    connection: Connection
    vault: str
    item: str
    field: str

    @classmethod
    def of(cls, text: str, me: Me) -> OpItemSink:
        parts = _TEXT.fullmatch(text)
        if parts is None:
            raise UsageError(
                f"the sink {f'onepassword:{text}'[:80]!r} cannot be understood",
                do=f"write it as {VENDOR.sink_form}",
            )
        return cls(named(me, parts[1]), *parts.group(2, 3, 4))

    @property
    def _where(self) -> str:
        return f"{self.vault}/{self.item} {self.field}"

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        ids = yield from self._list()
        if len(ids) > 1:
            raise GuardRefusedError(
                f"{len(ids)} items of {self.vault} are called {self.item}", do="name the item's id"
            )
        if ids == (_PLANNED,):
            raise GuardRefusedError(
                f"an earlier step makes the item {self.item}",
                do="give each new secret an item of its own, or make the item first",
            )
        seen = OpItem("")
        if ids:
            seen = yield from self._look_at(me, ids[0])
        says = f"{self._where} at version {seen.version}" if seen.id else f"{self._where} absent"
        if seen.marked:
            says += f", marked by run {seen.marked}"
        if seen.others and not seen.is_ours_to_write:
            says += f"; beside {', '.join(seen.others)}, so a person puts it there"
        return SinkSeen(
            bool(value and value.digest and value.digest == seen.digest),
            True,
            says,
            seen.version,
            bool(seen.id),
            seen.others,
            current=seen.digest,
            found=seen,
        )

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        item: OpItem = seen.found
        strange = f"; it {seen.unlike}" if seen.strange else ""
        if not item.is_ours_to_write:
            yield from handing(
                me,
                f"screen/{me.step}",
                Call(
                    me.connection.name,
                    "screen",
                    "SHOW",
                    (f"{what}, for {self._where}",),
                    body=value,
                ),
                proof=Proof.WORD,
                says=f"show {what} once, for you to put into {self._where}{strange}",
                target="screen",
                where="this terminal",
                repeatable=True,
                stays=item.others,
            )
            return
        mark = f"{_OWN_MARK}{me.mark}"
        tags = (*(tag for tag in item.tags if not tag.startswith(_OWN_MARK)), mark)
        category, built_in = _BUILT_IN.get(self.field, ("API_CREDENTIAL", {"id": ""}))
        frame = dict(item.frame) or {**built_in, "label": self.field, "type": _CONCEALED}
        template = {
            "title": item.title or self.item,
            "category": item.category or category,
            "fields": [{**frame, "value": value}],
        }
        # The reference: ``-`` as the first argument of create takes the item from standard input.
        words = ("item", "edit", item.id) if item.id else ("item", "create", "-")
        argv = (*words, "--vault", self.vault, "--tags", ",".join(tags))
        yield Write(
            says=f"1Password {self._where} <- {what}",
            verb="store",
            target=self.field,
            where=f"1Password {self.connection.name}",
            effect=Effect.DESTROYS if seen.strange else Effect.WRITES,
            hands=Api(self._call(*argv, body={"stdin": template}), no_answer),
            before={"version": item.version},
            after={"version": item.version + 1},
            becomes=tuple(self._becomes(item, value, tags)),
            foretold=None,
            # The same content again is one more version; a second new item would be another item.
            repeatable=bool(item.id),
            breaks=f"{self._where} {seen.unlike}; whatever reads it "
            "there gets the new key instead. The item's history keeps the old one."
            if seen.strange
            else "",
        )

    def _becomes(
        self, item: OpItem, value: SecretHandle, tags: tuple[str, ...]
    ) -> Iterator[Becomes[Any]]:
        if not item.id:
            yield Becomes(self._items, lambda before: (*before, _PLANNED))
            return

        def change(before: OpItem) -> OpItem:
            return OpItem(
                before.id,
                before.version + 1,
                before.category,
                before.frame,
                value.digest,
                before.others,
                tags,
                tags[-1].removeprefix(_OWN_MARK),
                before.title,
            )

        yield Becomes(self._subject(item.id), change)

    # --- asking -----------------------------------------------------------------------------------

    @property
    def _items(self) -> Subject[tuple[str, ...]]:
        return Subject(f"{self.connection.name}/{self.vault}/{self.item}", VENDOR.settle_s)

    def _subject(self, item: str) -> Subject[OpItem]:
        return Subject(f"{self.connection.name}/item/{item}/{self.field}", VENDOR.settle_s)

    def _call(self, *words: str, body: Any = None, **more: Any) -> Call:
        program = VENDOR.runs(self.connection.options)
        return Call(
            self.connection.name,
            "command",
            "RUN",
            (program, *words),
            body=body,
            timeout_s=_SECONDS,
            **more,
        )

    def _list(self) -> Read[tuple[str, ...]]:
        """Ids of the items that are meant: that very id, or all of that title."""

        def parse(replies: Sequence[Reply]) -> tuple[str, ...]:
            rows = records(replies)
            ids = [str(row.get("id", "")) for row in rows if row.get("title") == self.item]
            found = [each for each in ids if each]
            own = [self.item for row in rows if row.get("id") == self.item]
            return tuple(own or found)

        call = self._call("item", "list", "--vault", self.vault, *AS_JSON)
        return Read(self._items, call, parse)

    def _look_at(self, me: Me, item: str) -> Read[OpItem]:
        def parse(replies: Sequence[Reply]) -> OpItem:
            if dig(replies[0].body, "id") != item:
                raise MalformedReplyError("it is not the item that was asked for")
            return _seen(me, self.field, replies[0].body)

        call = self._call(
            "item", "get", item, "--vault", self.vault, *AS_JSON, shows_values=_VALUES
        )
        return Read(self._subject(item), call, parse)


def _seen(me: Me, field: str, body: Any) -> OpItem:
    item, version, fields = dig(body, "id"), dig(body, "version"), dig(body, "fields") or []
    if not isinstance(item, str) or not isinstance(version, int) or not isinstance(fields, list):
        raise MalformedReplyError("an item without id, version or fields")
    rows: list[Mapping[str, Any]] = [row for row in fields if isinstance(row, Mapping)]
    ours = [row for row in rows if field in {row.get("id"), row.get("label")}]
    if len(ours) > 1:
        raise RefusedError("ambiguous", f"{len(ours)} fields are called {field}: name its id")
    held = dig(ours[0], "value") if ours else None
    tags = tuple(str(tag) for tag in dig(body, "tags") or ())
    return OpItem(
        item,
        version,
        showable(str(dig(body, "category")), limit=40),
        tuple(
            (name, str(ours[0][name]))
            for name in ("id", "label", "type", "purpose")
            if name in ours[0]
        )
        if ours
        else (),
        me.digest(held) if isinstance(held, str) and held else "",
        tuple(_besides(body, rows, ours)),
        tags,
        next((t.removeprefix(_OWN_MARK) for t in tags if t.startswith(_OWN_MARK)), ""),
        str(dig(body, "title") or ""),
    )


def _besides(
    body: Any, rows: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What the item keeps besides the field, by name."""
    for row in rows:
        if row not in ours and row.get("value"):
            yield showable(str(row.get("label") or row.get("id")), limit=60)
    for name in ("files", "urls"):
        if dig(body, name):
            yield name
    if ours and dig(ours[0], "section"):
        yield "a section"


SINK = OpItemSink
