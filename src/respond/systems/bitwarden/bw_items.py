"""The password, or one custom field, of a Bitwarden item, as a place for new secrets.

An item is changed by JSON, coded and on standard input. Of that, a login and the custom fields
each come as a whole, and notes always; the values of others never pass through here. So the tool
writes what stands alone in its part of the item; anything else is a person's, who is shown the
value once. None is made: items are named by their ids alone.

The server refuses a change of what was changed since. Nothing is put back: the item's own history
has the old value.

Source: Bitwarden help, Password Manager CLI; the CLI's own source, edit.command.ts and
cipher.export.ts; the server's, CipherService.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from respond.core.records import Frozen, replace
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
from respond.core.values import Json, SecretHandle
from respond.errors import UsageError
from respond.systems.bitwarden.vendor import ALONE, ITEM, SYNC, VENDOR
from respond.systems.rest import dig, no_answer
from respond.systems.sinks.sink import Looks, SinkSeen, Writes, handing, named
from respond.systems.vendor import record_at

__all__ = ["SINK", "BwItem", "BwSink"]

_HEX: Final = r"[0-9a-f]{4}"
_TEXT: Final = re.compile(
    rf"([^:#]+):({_HEX}{_HEX}(?:-{_HEX}){{4}}{_HEX}{_HEX})#(\w[\w.@ -]{{0,127}})"
)
_PASSWORD: Final = "password"  # noqa: S105 - the name of a field
_LOGIN: Final = 1
_HIDDEN: Final = 1
_MARK: Final = re.compile(r"respond: put here by run (\w{1,20})")
_SECONDS: Final = 30
_VALUES: Final = frozenset({_PASSWORD, "value"})


class BwItem(Frozen):
    """An item, without its values.

    Attributes:
        plain: What a change has to say again of it, or it would be lost.
        revision: When it was changed last; a change that names another one is refused.
        digest: Keyed digest of what stands in the field; empty for nothing.
        others: What its part of the item keeps besides, by name.
        marked: Run of ours that wrote it last, by its notes.
    """

    id: str
    name: str
    plain: tuple[tuple[str, Json], ...]
    revision: str
    digest: str = ""
    others: tuple[str, ...] = ()
    marked: str = ""


class BwSink(Frozen):
    """A field of an item."""

    connection: Connection
    item: str
    field: str

    @classmethod
    def of(cls, text: str, me: Me) -> BwSink:
        parts = _TEXT.fullmatch(text)
        if parts is None:
            raise UsageError(
                f"the sink {f'bitwarden:{text}'[:80]!r} cannot be understood",
                do=f"write it as {VENDOR.sink_form}; bw list items --search NAME shows ids",
            )
        return cls(named(me, parts[1]), parts[2], parts[3])

    def look(self, me: Me, value: SecretHandle | None) -> Looks[SinkSeen]:
        yield from self._sync()
        seen = yield from self._look_at(me)
        says = f"{seen.name} {self.field}, changed {seen.revision}"
        if seen.marked:
            says += f", marked by run {seen.marked}"
        if seen.others:
            says += f"; beside {', '.join(seen.others)}, so a person puts it there"
        return SinkSeen(
            bool(value and value.digest and value.digest == seen.digest),
            True,
            says,
            exists=bool(seen.digest),
            others=seen.others,
            current=seen.digest,
            found=seen,
        )

    def deliver(self, me: Me, seen: SinkSeen, value: SecretHandle, what: str) -> Writes:
        item: BwItem = seen.found
        where = f"{item.name} {self.field}"
        strange = f"; it {seen.unlike}" if seen.strange else ""
        if item.others:
            yield from handing(
                me,
                f"screen/{me.step}",
                Call(me.connection.name, "screen", "SHOW", (f"{what}, for {where}",), body=value),
                proof=Proof.WORD,
                says=f"show {what} once, for you to put into {where} of Bitwarden{strange}",
                target="screen",
                where="this terminal",
                repeatable=True,
                stays=item.others,
            )
            return
        part: dict[str, Any] = (
            {"login": {_PASSWORD: value}}
            if self.field == _PASSWORD
            else {"fields": [{"name": self.field, "value": value, "type": _HIDDEN}]}
        )
        changed = {
            **dict(item.plain),
            **part,
            "notes": f"respond: put here by run {me.mark}",
            "revisionDate": item.revision,
        }
        words = (ALONE, "edit", "item", self.item)
        yield Write(
            says=f"Bitwarden {where} <- {what}",
            verb="store",
            target=self.field,
            where=f"Bitwarden {self.connection.name}",
            effect=Effect.DESTROYS if seen.strange else Effect.WRITES,
            hands=Api(self._call(*words, body={"stdin": changed, "coded": True}), no_answer),
            before={"changed": item.revision},
            after={"put by": me.mark},
            becomes=(
                Becomes(
                    self._subject,
                    lambda before: replace(
                        before, revision="", digest=value.digest, marked=me.mark
                    ),
                ),
            ),
            foretold=None,
            # A second one names a revision that is over, or brings the same content again.
            repeatable=True,
            breaks=f"{where} {seen.unlike}; whatever reads it there "
            "gets the new key instead. The item's history keeps the old one."
            if seen.strange
            else "",
        )

    # --- asking -----------------------------------------------------------------------------------

    @property
    def _subject(self) -> Subject[BwItem]:
        name = f"{self.connection.name}/item/{self.item}/{self.field}"
        return Subject(name, VENDOR.settle_s)

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

    def _sync(self) -> Read[bool]:
        def parse(replies: Sequence[Reply]) -> bool:
            if dig(replies[0].body, "success") is not True:
                raise MalformedReplyError("it does not say that it is up to date")
            return True

        return Read(Subject(f"{self.connection.name}/sync", 0), self._call(*SYNC), parse)

    def _look_at(self, me: Me) -> Read[BwItem]:
        def parse(replies: Sequence[Reply]) -> BwItem:
            return _seen(me, self.item, self.field, replies[0].body)

        words = (self.item if word == "{item}" else word for word in ITEM)
        return Read(self._subject, self._call(*words, shows_values=_VALUES), parse)


def _seen(me: Me, item: str, field: str, body: Any) -> BwItem:
    kind, name, revision = (dig(body, each) for each in ("type", "name", "revisionDate"))
    texts = isinstance(name, str) and isinstance(revision, str)
    if dig(body, "id") != item or not isinstance(kind, int) or not texts:
        raise MalformedReplyError("it is not the item that was asked for")
    if dig(body, "deletedDate"):
        raise RefusedError("deleted", "the item is in the trash; restore it, or choose another")
    if field == _PASSWORD and kind != _LOGIN:
        raise RefusedError("no-login", "only a login has a password; name a custom field instead")
    notes = dig(body, "notes")
    mark = _MARK.fullmatch(notes) if isinstance(notes, str) else None
    held, others = _part(field, body)
    return BwItem(
        item,
        showable(name, limit=60),
        (
            ("type", kind),
            ("name", name),
            ("folderId", dig(body, "folderId")),
            ("favorite", dig(body, "favorite") is True),
            ("reprompt", dig(body, "reprompt") or 0),
        ),
        showable(revision, limit=40),
        me.digest(held) if isinstance(held, str) and held else "",
        (*others, *(("notes",) if notes and mark is None else ())),
        mark[1] if mark else "",
    )


def _part(field: str, body: Any) -> tuple[Any, tuple[str, ...]]:
    """What stands in the field, and what its part of the item keeps besides."""
    if field == _PASSWORD:
        login = record_at(body, "login")
        besides = ("username", "totp", "uris", "fido2Credentials")
        return login.get(_PASSWORD), tuple(name for name in besides if login.get(name))
    rows = dig(body, "fields") or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise MalformedReplyError("an item whose fields are no list")
    ours = [row for row in rows if row.get("name") == field]
    if len(ours) > 1:
        raise RefusedError("ambiguous", f"{len(ours)} custom fields are called {field}")
    return (ours[0].get("value") if ours else None), tuple(_names(rows, ours))


def _names(rows: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row not in ours:
            yield showable(str(row.get("name") or "a field without a name"), limit=60)


SINK = BwSink
