"""Ask a sender's own API for what its webhooks leave out: whole deliveries, and details.

Some try once, so ``missed`` lists what they have; some say little in a webhook, so ``enrich`` looks
the thing up. Which, and how, says the sender. Everything here is a read, sent by a ``Reader``;
nothing could write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from respond.core.incoming import Incoming, Means
from respond.core.records import Frozen, replace
from respond.core.script import Call
from respond.core.showable import showable
from respond.errors import NotReadyError, StepFailedError
from respond.ports import Reader
from respond.senders import SENDERS, UnusableError
from respond.senders.asking import A_PAGE, Unsent, unexpected
from respond.senders.model import Sender

if TYPE_CHECKING:
    from respond.formats.project.project import SourceConfig

__all__ = ["Enriched", "enrich", "missed"]

_PAGES_MAX: Final = 10
_PATIENCE_S: Final = 5
_LINK_MAX: Final = 8_192

_LINKED: Final = re.compile(r"<([^<>]{1,2000})>([^<>]{0,200})")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:[;,]|\Z)')
_CURSORS: Final = frozenset({"page", "after", "cursor"})
_CURSOR: Final = re.compile(r"[!-~]{1,500}")


class Enriched(Frozen):
    """An event with what could be found out about it.

    Attributes:
        event: The same event; where nothing was found out, exactly as it came.
        note: What could not be found out and why, or empty. Showable.
    """

    event: Incoming
    note: str = ""


def missed(
    reader: Reader,
    source_name: str,
    sender: str,
    options: Mapping[str, Any],
    since_s: int,
    *,
    note: Callable[[str], None] = lambda _: None,
) -> list[Incoming]:
    """What a sender that delivers once has found or changed since, as its webhook would tell it.

    A thing that came by webhook too is about the same, and joins. Its key is its own: the same
    state of the same thing is one event.

    Args:
        options: Of the source.
        since_s: Unix seconds; ask again with the same when this fails.
        note: Told what was left out: entries that cannot be read, and more than 1,000.

    Raises:
        UsageError: The options do not say where to look.
        StepFailedError, NotReadyError: The API did not answer; nothing is known.
    """
    kind = SENDERS[sender]
    if kind.missed is None:
        return []
    found: list[Incoming] = []
    for unsent in kind.missed(_Asked(reader, kind, source_name, sender, note), options, since_s):
        try:
            event = _reread(kind, unsent)
        except UnusableError as error:
            note(f"an entry of {source_name} was left out: {showable(str(error))}")
            continue
        found.append(replace(event, key=f"api/{event.about}/{event.at or event.status}"))
    return found


def enrich(reader: Reader, source: SourceConfig, event: Incoming) -> Enriched:
    """Look up what the webhook does not say. It never fails: the note says why nothing came."""
    kind = SENDERS[source.sender]
    can_ask = source.connection or f"{source.name}/token" in source.references
    if kind.enrich is None or not can_ask or event.means is Means.TEST:
        return Enriched(event)
    notes: list[str] = []
    # The source's own token, or a connection's.
    place = source.connection or source.name
    surface = kind.through[1] if source.connection else source.sender
    try:
        event = kind.enrich(_Asked(reader, kind, place, surface, notes.append), event)
    except (StepFailedError, NotReadyError) as error:
        notes.append(error.what)
    return Enriched(event, showable("; ".join(notes), limit=500))


class _Asked(Frozen):
    """Where questions go, and who is told what they leave open. See ``senders.asking``."""

    reader: Reader
    sender: Sender
    connection: str
    surface: str
    note: Callable[[str], None]

    def call(
        self,
        *path: str,
        query: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Call:
        return Call(
            self.connection, self.surface, "GET", path, query, headers, timeout_s=_PATIENCE_S
        )

    def record(self, call: Call) -> Mapping[str, Any]:
        body = self.reader.fetch(call).body
        if not isinstance(body, dict):
            raise unexpected(call)
        return body

    def page(self, call: Call) -> tuple[list[Mapping[str, Any]], bool]:
        rows, cursor = self._page(call)
        return rows, bool(cursor)

    def rows(self, call: Call) -> Iterator[Mapping[str, Any]]:
        """After the last page that is asked for, a note."""
        for _ in range(_PAGES_MAX):
            rows, cursor = self._page(call)
            yield from rows
            if not cursor:
                return
            kept = tuple(pair for pair in call.query if pair[0] not in cursor)
            call = replace(call, query=(*kept, *cursor.items()))
        self.note(f"{self.connection} has more than {_PAGES_MAX} pages; the rest was not read")

    def reread(self, call: Call, unsent: Unsent) -> Incoming:
        try:
            return _reread(self.sender, unsent)
        except UnusableError as error:
            raise unexpected(call) from error

    def _page(self, call: Call) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
        reply = self.reader.fetch(call)
        if not isinstance(reply.body, list) or len(reply.body) > A_PAGE:
            raise unexpected(call)
        rows: list[Mapping[str, Any]] = [row for row in reply.body if isinstance(row, dict)]
        return rows, _cursor(reply.headers.get("link", ""))


def _cursor(header: str) -> dict[str, str]:
    """What leads to the next page. Of the link only that is taken: it must not choose the host."""
    for url, parameters in _LINKED.findall(header[:_LINK_MAX]):
        if _NEXT.search(parameters):
            try:
                pairs = parse_qsl(urlsplit(url).query, max_num_fields=20)
            except ValueError:
                return {}
            return {k: v for k, v in pairs if k in _CURSORS and _CURSOR.fullmatch(v)}
    return {}


def _reread(sender: Sender, unsent: Unsent) -> Incoming:
    """What the sender's reader makes of a webhook that was never sent; may raise UnusableError."""
    payload, headers = unsent
    return sender.events({}, headers, json.dumps(payload, ensure_ascii=True).encode())[0]
