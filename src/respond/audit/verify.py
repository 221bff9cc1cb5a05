"""Check a journal: one of four answers, each with its own exit status, never a bare yes.

It takes rows as they are stored, so that it looks at what is there and not at what a database
makes of it. The public key, the high-water mark and the anchors come from outside, never from the
journal. ``docs/journal-format.md`` lists the same checks in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from respond.audit.body import Body, UnknownVersionError, read_body
from respond.audit.canonical import NotCanonicalError
from respond.audit.chain import GENESIS, HASH_BYTES, body_hash, is_journal_id, link
from respond.audit.checkpoint import NoteError, NoteKey, SignedNote, open_note
from respond.audit.transitions import Transitions

__all__ = [
    "HEARTBEAT",
    "SERVER_STOPPED",
    "Anchor",
    "AnchorError",
    "AnchorPolicy",
    "Damage",
    "SourceError",
    "StoredRow",
    "Verification",
    "VerifyReport",
    "verify",
]

HEARTBEAT = "heartbeat"
"""Reason of the checkpoints that a server makes while nothing happens."""

SERVER_STOPPED = "server stopped"
"""Reason of a server's last checkpoint: silence after it is no gap."""

_HEARTBEAT_S = 15 * 60
_HEARTBEAT_LATE_S = 5 * 60

_ANCHOR = re.compile(
    r"(J-[A-Z2-7]{26})[ ]([1-9][0-9]{0,14})[ ]([0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-zA-Z])"
)
_NOTES_MAX = 20


class Verification(Enum):
    """The four answers; the values are the exit statuses."""

    INTACT = 0
    UNANCHORED = 3
    BROKEN = 7
    CANNOT_BE_CHECKED = 10


class Damage(Enum):
    """What is wrong with the first bad record, or with the journal as a whole."""

    MISSING = "a record is missing, or stands in the wrong place"
    BODY_CHANGED = "the body is not the one that was hashed"
    CHAIN = "the hash does not follow from the record before it"
    MALFORMED = "the body is not what a body must be"
    OTHER_JOURNAL = "it belongs to another journal"
    COLUMNS = "the columns do not say what the body says"
    TIME = "the monotonic clock runs backwards within one boot"
    CHECKPOINT = "a checkpoint is not signed by the key, or contradicts the records before it"
    TRANSITION = "this record cannot come here"
    REWRITTEN = "the records are not those that were here before"
    CUT = "records are missing at the end"
    FILE = "the file itself is damaged or was changed"


class AnchorError(ValueError):
    """A line is not an anchor."""


class SourceError(Exception):
    """The rows cannot be read on from here."""


class StoredRow(NamedTuple):
    """A row as stored. Nothing is known of its types; ``columns`` is None where there are none.

    ``columns`` are kind, run, step and at.
    """

    seq: Any
    body: Any
    body_hash: Any
    hash: Any
    columns: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A size and the beginning of the head's hash, as somebody else kept them.

    Attributes:
        start: Hex digits: 32 in anchor lines, all 64 in the high-water mark.
    """

    journal: str
    size: int
    start: str

    @classmethod
    def parse(cls, line: str) -> Anchor:
        """Read ``J-... 1284 a91f...``; text around it may stay.

        Raises:
            AnchorError: There is no anchor in the line.
        """
        found = _ANCHOR.search(line)
        if found is not None:
            return cls(found[1], int(found[2]), found[3])
        raise AnchorError(f"{line[:100]!r} holds no anchor (journal id, size, 32 hex digits)")


@dataclass(frozen=True, slots=True)
class AnchorPolicy:
    """From when on an intact journal counts as not anchored enough.

    Attributes:
        loose_max: Records at the end that neither a signature, nor the high-water mark, nor an
            anchor covers.
        anchors_min: Anchors that must match.
    """

    loose_max: int = 1000
    anchors_min: int = 0


Legal: TypeAlias = Callable[[Body], str]
"""Given the bodies in order: why the next may not come, or an empty text."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found. Numbers of records count from 1; ``seq`` counts from 0.

    Attributes:
        journal: Its id, or empty when it could not be read.
        checked: Records that are whole and in place, from the first on.
        signed: Up to here a checkpoint's signature covers them; 0 when none does.
        outside: Up to here the high-water mark or an anchor covers them.
        first_bad: Number of the first bad record, or None.
        anchored: The anchors that match: how many records each speaks of, and when the last of
            these was written; in order.
        outside_at: When the record ``outside`` was written, by the log itself.
        begun_at, checked_at: The same of the first record, and of the last one in place.
        why: One sentence on the fault, or on why it cannot be checked.
        notes: What is no fault and should be read: clock jumps, silence, what was not checked.
    """

    answer: Verification
    journal: str = ""
    checked: int = 0
    signed: int = 0
    outside: int = 0
    anchors_matched: int = 0
    anchors_given: int = 0
    anchored: tuple[tuple[int, str], ...] = ()
    outside_at: str = ""
    begun_at: str = ""
    checked_at: str = ""
    mark: str = "not given"
    first_bad: int | None = None
    fault: Damage | None = None
    why: str = ""
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return self.answer.value

    @property
    def says(self) -> str:
        """One line on how far the journal can be trusted."""
        match self.answer:
            case Verification.INTACT:
                return f"intact{self._unless_cut()}: {self._reach()}"
            case Verification.UNANCHORED:
                return f"intact but unanchored beyond policy ({self.why}): {self._reach()}"
            case Verification.BROKEN:
                where = f"record {self.first_bad}: " if self.first_bad else ""
                before = f"before it: {self._reach()}" if self.checked else "nothing is vouched for"
                return f"broken: {where}{self.why}; {before}"
            case Verification.CANNOT_BE_CHECKED:
                return f"cannot be checked: {self.why}"

    def _unless_cut(self) -> str:
        """From where on nothing outside knows how long it was."""
        if self.outside == self.checked:
            return ""
        behind = f"behind {self.outside}" if self.outside else "of its end"
        return f", but a cut {behind} would not show"

    def _reach(self) -> str:
        parts = []
        if self.signed:
            parts.append(f"1 to {self.signed} signed")
        if self.checked > self.signed:
            parts.append(f"{_span(self.signed + 1, self.checked)} chained only")
        if self.anchors_given:
            verb = "matches" if self.anchors_given == 1 else "match"
            parts.append(f"{self.anchors_matched} of {self.anchors_given} anchors {verb}")
        else:
            parts.append("no anchors given")
        parts.append(f"high-water mark {self.mark}")
        parts.append(f"nothing can be said after {self.checked}")
        return ", ".join(parts)


def verify(
    rows: Iterable[StoredRow],
    *,
    keys: Sequence[NoteKey],
    mark: Anchor | None = None,
    anchors: Sequence[Anchor] = (),
    policy: AnchorPolicy | None = None,
    legal: Legal | None = None,
) -> VerifyReport:
    """Check rows from the opening record on.

    Args:
        rows: In stored order. A ``SourceError`` that they raise ends the check as broken.
        keys: Pinned public keys; the one of this journal's id is used.
        mark: The high-water mark; its journal is the one that should be here.
        anchors: What other people kept.
        policy: From when on to say unanchored.
        legal: Another table of which record may follow which.
    """
    check = _Check(keys=keys, mark=mark, anchors=anchors, legal=legal or Transitions())
    try:
        for row in rows:
            check.take(row)
        check.end()
    except _BrokenError as broken:
        return check.report(
            Verification.BROKEN, fault=broken.fault, why=broken.why, bad=broken.number
        )
    except SourceError as error:
        if not check.size:
            return check.report(Verification.CANNOT_BE_CHECKED, why=str(error))
        return check.report(
            Verification.BROKEN, fault=Damage.FILE, why=str(error), bad=check.size + 1
        )
    except UnknownVersionError as error:
        return check.report(Verification.CANNOT_BE_CHECKED, why=str(error))
    if not check.size:
        return check.report(Verification.CANNOT_BE_CHECKED, why="it has no records")
    if check.key is None:
        return check.report(
            Verification.CANNOT_BE_CHECKED,
            why=f"no public key of {check.journal} was given, so no checkpoint can be checked",
        )
    loose = check.unanchored(policy or AnchorPolicy())
    if loose:
        return check.report(Verification.UNANCHORED, why=loose)
    return check.report(Verification.INTACT)


class _BrokenError(Exception):
    def __init__(self, fault: Damage, number: int | None, why: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.number = number
        self.why = why or fault.value


@dataclass(slots=True)
class _Check:
    """The state of a check: everything that the records so far have shown."""

    keys: Sequence[NoteKey]
    mark: Anchor | None
    anchors: Sequence[Anchor]
    legal: Legal
    journal: str = ""
    key: NoteKey | None = None
    size: int = 0
    head: bytes = GENESIS
    signed: int = 0
    outside: int = 0
    matched: list[tuple[int, str]] = field(default_factory=list)
    mark_matches: bool = False
    begun_at: str = ""
    outside_at: str = ""
    placed_at: str = ""
    points: dict[int, list[Anchor]] = field(default_factory=dict)
    monos: dict[str, int] = field(default_factory=dict)
    last_at: str = ""
    heartbeat: tuple[int, Body] | None = None
    notes: list[str] = field(default_factory=list)

    def take(self, row: StoredRow) -> None:
        """Check the next row. The order of the checks decides which fault is named."""
        seq, raw, digest, linked, columns = row
        size, number = self.size, self.size + 1
        if type(seq) is not int or seq != size:
            raise _BrokenError(Damage.MISSING, number)
        if not (type(raw) is type(digest) is type(linked) is bytes):
            raise _BrokenError(Damage.MALFORMED, number, "a column has the wrong type")
        if len(digest) != HASH_BYTES or len(linked) != HASH_BYTES:
            raise _BrokenError(Damage.MALFORMED, number, "a hash has the wrong length")
        if body_hash(raw) != digest:
            raise _BrokenError(Damage.BODY_CHANGED, number)
        if size == 0:
            self._begin(_read(raw, number))
        if link(self.journal, size, self.head, digest) != linked:
            raise _BrokenError(Damage.CHAIN, number)
        body = _read(raw, number)
        journal, own, at, mono_ms, boot, _, _, run, step, kind, _ = body
        if journal != self.journal:
            raise _BrokenError(Damage.OTHER_JOURNAL, number)
        if own != size:
            raise _BrokenError(Damage.MISSING, number)
        if columns is not None and columns != (kind, run, step, at):
            raise _BrokenError(Damage.COLUMNS, number)
        monos = self.monos
        if mono_ms < monos.get(boot, 0):
            raise _BrokenError(Damage.TIME, number)
        monos[boot] = mono_ms
        if at < self.last_at:
            jump = f"{self.last_at[:24]} to {at[:24]}"
            self._note(f"the wall clock went back at record {number}: {jump}")
        self.last_at = at
        if kind == "checkpoint":
            self._checkpoint(body, number)
        reason = self.legal(body)
        if reason:
            raise _BrokenError(Damage.TRANSITION, number, reason)
        self.begun_at = self.begun_at or at
        self.head, self.size, self.placed_at = linked, number, at
        if number in self.points:
            self._points()

    def end(self) -> None:
        """What is known from outside must not lie beyond the last record, not even of none."""
        beyond = [p.size for p in (*self._marks(), *self.anchors) if p.size > self.size]
        if beyond:
            raise _BrokenError(
                Damage.CUT,
                self.size + 1,
                f"there were {max(beyond)} records, and {self.size} are left",
            )

    def unanchored(self, policy: AnchorPolicy) -> str:
        """Why this is not enough by the policy, or an empty text."""
        loose = self.size - max(self.signed, self.outside)
        if not self.signed:
            return "no checkpoint"
        if loose > policy.loose_max:
            return f"{loose} records at the end are covered by nothing but the chain"
        if len(self.matched) < policy.anchors_min:
            return f"{len(self.matched)} anchors match, {policy.anchors_min} are wanted"
        return ""

    def report(
        self,
        answer: Verification,
        *,
        fault: Damage | None = None,
        why: str = "",
        bad: int | None = None,
    ) -> VerifyReport:
        vouched = self.size if bad is None else min(self.size, bad - 1)
        says = "matches" if self.mark_matches else "not reached"
        return VerifyReport(
            answer=answer,
            journal=self.journal,
            checked=vouched,
            signed=min(self.signed, vouched),
            outside=min(self.outside, vouched),
            anchors_matched=len(self.matched),
            anchors_given=len(self.anchors),
            anchored=tuple(self.matched),
            outside_at=self.outside_at,
            begun_at=self.begun_at,
            checked_at=self.placed_at,
            mark="not given" if self.mark is None else says,
            first_bad=bad,
            fault=fault,
            why=why,
            notes=tuple(self.notes),
        )

    def _begin(self, body: Body) -> None:
        if not is_journal_id(body.journal):
            raise _BrokenError(Damage.MALFORMED, 1, "the journal id is malformed")
        self.journal = body.journal
        self.key = next((key for key in self.keys if key.name == self.journal), None)
        for point in (*self._marks(), *self.anchors):
            if point.journal != self.journal:
                raise _BrokenError(
                    Damage.OTHER_JOURNAL, 1, f"{point.journal} is expected; this is {self.journal}"
                )
            self.points.setdefault(point.size, []).append(point)

    def _marks(self) -> tuple[Anchor, ...]:
        return (self.mark,) if self.mark is not None else ()

    def _note(self, text: str) -> None:
        """Keep a note; a hostile journal must not fill the memory with them."""
        if len(self.notes) < _NOTES_MAX:
            self.notes.append(text)
        elif len(self.notes) == _NOTES_MAX:
            self.notes.append("and more of the same kind")

    def _checkpoint(self, body: Body, number: int) -> None:
        if self.key is None:
            return
        # Which record since the last good checkpoint was changed, nobody can tell from here.
        bad = max(self.signed, self.outside) + 1
        try:
            note = open_note(str(body.data.get("note")), self.key)
        except NoteError as error:
            why = f"the checkpoint in record {number}: {error}"
            raise _BrokenError(Damage.CHECKPOINT, bad, why) from error
        if (note.journal, note.size, note.hash) != (self.journal, self.size, self.head.hex()):
            why = f"the checkpoint in record {number} contradicts the records before it"
            raise _BrokenError(Damage.CHECKPOINT, bad, why)
        self.signed = note.size
        self._silence(note, body, number)

    def _silence(self, note: SignedNote, body: Body, number: int) -> None:
        """Name gaps between heartbeats; only where there are heartbeats, and within one boot."""
        if note.reason == HEARTBEAT:
            if self.heartbeat is not None and self.heartbeat[1].boot == body.boot:
                last, before = self.heartbeat
                gap_s = (body.mono_ms - before.mono_ms) // 1000
                if gap_s > _HEARTBEAT_S + _HEARTBEAT_LATE_S:
                    self._note(f"no heartbeat for {gap_s} s between {last} and {number}")
            self.heartbeat = (number, body)
        elif note.reason == SERVER_STOPPED:
            self.heartbeat = None

    def _points(self) -> None:
        """Compare with what is known from outside about a journal of just this size."""
        found = self.points.pop(self.size, ())
        for point in found:
            if not self.head.hex().startswith(point.start):
                raise _BrokenError(
                    Damage.REWRITTEN,
                    self.outside + 1,
                    f"{Damage.REWRITTEN.value}: at {self.size} the head was {point.start[:32]}",
                )
        for point in found:
            self.outside, self.outside_at = self.size, self.placed_at
            if point is self.mark:
                self.mark_matches = True
            else:
                self.matched.append((self.size, self.placed_at))


def _read(raw: bytes, number: int) -> Body:
    try:
        return read_body(raw)
    except UnknownVersionError:
        raise
    except NotCanonicalError as error:
        why = f"{Damage.MALFORMED.value}: {error}"
        raise _BrokenError(Damage.MALFORMED, number, why) from error


def _span(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
