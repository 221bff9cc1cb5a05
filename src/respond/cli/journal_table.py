"""The records of a journal as people read them: a number, when, what kind, whose, and what it says.

What a record says is told in the words of the screen where it has any; else its plain fields
stand there. On a terminal it is a table, each line cut where the screen ends and a line for each
day; elsewhere a record is one whole line, so that it can be searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.records import Mutable
from respond.views.layout import cut, pad, said, word
from respond.views.live import Memory, record_told

if TYPE_CHECKING:
    from respond.audit.body import Body
    from respond.audit.verify import StoredRow

__all__ = ["JournalTable"]

_SAYS_MAX: Final = 400
_NUMBER: Final = 6
_KIND: Final = 13
_RUN: Final = 8
_DAY: Final = 10
_SECOND: Final = 19
_GAP: Final = "  "
_QUIET: Final = frozenset(
    {"digest", "runbook_digest", "proof", "public_key", "note", "key", "nonce", "at_s"}
)
"""Fields that are there for machines; ``--json`` has them."""


class JournalTable(Mutable):
    """One record after the other.

    Args:
        width: Columns of the terminal; 0 where there is none.
    """

    width: int
    _day: str = ""
    _memories: dict[str, Memory] = field(default_factory=dict)

    def lines(self, row: StoredRow, body: Body | None, says: str) -> str:
        """The record; on a terminal behind what has to stand above it."""
        if body is None:
            return f"{word(row.seq):>{_NUMBER}}{_GAP}this row cannot be read"
        number, kind = f"{body.seq + 1:>{_NUMBER}}", pad(word(body.kind), _KIND)
        run = pad(word(body.run), _RUN)
        who, step = _who(body), word(body.step)
        if not self.width:
            at = pad(word(body.at[:_SECOND].replace("T", " ")), _SECOND)
            return _GAP.join(filter(None, (number, at, kind, run, who, step, says)))
        # The words of the screen name the step; a machine's work is the rule.
        by = "" if body.strength == Strength.MACHINE.value else f"{who}: "
        at = pad(word(body.at[_DAY + 1 : _SECOND]), _SECOND - _DAY - 1)
        line = cut(_GAP.join((number, at, kind, run, by + says)), self.width)
        return "\n".join((*self._above(body), line.rstrip()))

    def _above(self, body: Body) -> Iterator[str]:
        day, first = word(body.at[:_DAY]), not self._day
        if day != self._day:
            self._day = day
            yield f"{'' if first else chr(10)}{day} (UTC)"
        if first:
            names = ("record".rjust(_NUMBER), "at".ljust(8), pad("kind", _KIND), pad("run", _RUN))
            yield _GAP.join((*names, "what"))

    def says(self, body: Body | None) -> str:
        """What a record says, where it was given every record of its run before this one."""
        if body is None:
            return ""
        memory = self._memories.setdefault(body.run, Memory())
        try:
            record = _record(body)
            memory.take(record)
            told = [each.words for each in record_told(record, memory)]
        except (KeyError, TypeError, ValueError):
            told = []  # It is shown as it is stored; whether it may stand there, verify says.
        return "; ".join(told or _plain(body.data))


def _who(body: Body) -> str:
    is_machine = body.strength == Strength.MACHINE.value
    return word(body.actor) if is_machine else f"{word(body.actor)} ({word(body.strength)})"


def _record(body: Body) -> Record:
    actor = Actor(body.actor, Strength(body.strength))
    event = Event(Kind(body.kind), body.run, body.step, actor, body.data)
    return Record(body.seq, event, body.at, body.mono_ms, body.boot, "")


def _plain(data: Mapping[str, Any]) -> Iterator[str]:
    """The fields that are a word, a number or a truth."""
    for name, value in data.items():
        if name not in _QUIET and isinstance(value, str | int) and value not in ("", False):
            yield f"{word(name)} {said(value, limit=_SAYS_MAX)}"
