"""What the page reads: every run as the journal tells it now, and how far that is vouched for.

Folds are carried on from where they were, so a change costs what changed. Other processes append
to the same journal; each question looks at its head first. What was read may be gone: a database
that crashed, or that another one took over from, may have lost its last records, and others stand
under their numbers then. So the last record that was read has to be there still, or all is read
anew. Nothing is written, nothing decided.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from respond.core.events import Kind, Record
from respond.core.fold import IllegalEventError, RunState, after, fold
from respond.core.records import Frozen
from respond.ports import Clock, Head, Journal

if TYPE_CHECKING:
    from respond.audit.verify import VerifyReport

__all__ = ["Audit", "Board", "OneRun", "Witness"]

_CHECK_EVERY_MS: Final = 60_000


class OneRun(Frozen):
    """A run and all its records, which belong together."""

    state: RunState
    records: tuple[Record, ...]


class Witness(Frozen):
    """Somebody else who has an anchor, because they answered a request that carries it."""

    person: str
    signed: bool
    anchor: str
    at: str


class Audit(Frozen):
    """How far the journal is vouched for.

    Attributes:
        report: What the last check found; None where there is nothing to check with.
        checked_at_ms: When that was, wall clock.
        checkpoint_at: When the last checkpoint was signed, or empty.
        checkpoint_size: How many records it speaks of.
        witnesses: Newest first.
    """

    head: Head
    report: VerifyReport | None
    checked_at_ms: int
    checkpoint_at: str
    checkpoint_size: int
    witnesses: tuple[Witness, ...]


class Board:
    """All runs of a journal. It may be used from several threads at once.

    Args:
        journal: What is read.
        clock: For how old a check of the journal is.
        check: Verifies the journal. None where that cannot be done.
    """

    def __init__(
        self, journal: Journal, clock: Clock, check: Callable[[], VerifyReport] | None = None
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._check = check
        self._lock = threading.RLock()
        self._checking = threading.Lock()
        self._report: VerifyReport | None = None
        self._checked: tuple[int, int] | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._read: Record | None = None
        """The last record that is in the states."""
        self._states: dict[str, RunState] = {}
        self._unreadable: dict[str, str] = {}
        self._checkpoint: Record | None = None
        self._opened: Record | None = None

    # --- runs -----------------------------------------------------------------------------------

    def head(self) -> Head:
        """Where the journal ends now."""
        return self._journal.head()

    def runs(self) -> tuple[RunState, ...]:
        """Every run, the newest first."""
        with self._lock:
            self._catch_up()
            return tuple(reversed(self._states.values()))

    def run(self, run: str) -> OneRun | None:
        """One run with its records; None when there is none of this id.

        Raises:
            IllegalEventError: Something else made its records.
        """
        with self._lock:
            self._catch_up()
            if run not in self._states:
                return None
        records = tuple(self._journal.records(run))
        state = fold(records)
        return OneRun(state, records) if state is not None else None

    def state(self, run: str) -> RunState | None:
        """One run without its records."""
        with self._lock:
            self._catch_up()
            return self._states.get(run)

    def began_ms(self) -> int:
        """When the journal was opened, wall clock in ms; 0 before anything was read of it."""
        opened = self._opened
        return round(datetime.fromisoformat(opened.at).timestamp() * 1000) if opened else 0

    def unreadable(self) -> tuple[str, ...]:
        """Runs that this version does not understand, oldest first."""
        with self._lock:
            return tuple(self._unreadable)

    def _catch_up(self) -> None:
        head, read = self._journal.head(), self._read
        if read is not None and (head.size, head.hash) == (read.seq + 1, read.hash):
            return
        found = self._journal.records(since=read.seq if read is not None else 0)
        if read is not None:
            there = next(found, None)
            if there is None or there.hash != read.hash:
                self._begin_anew()
                self._checked = None
                found = self._journal.records()
        for record in found:
            self._take(record)

    def _take(self, record: Record) -> None:
        self._read = record
        run = record.event.run
        self._opened = self._opened or record
        if record.event.kind is Kind.CHECKPOINT:
            self._checkpoint = record
        if not run or run in self._unreadable:
            return
        try:
            self._states[run] = after(self._states.get(run), record)
        except IllegalEventError as error:
            # One run that cannot be read hides no other.
            self._unreadable[run] = str(error)

    # --- the journal itself ---------------------------------------------------------------------

    def audit(self) -> Audit:
        """How far the journal is vouched for; it is checked anew at most once a minute."""
        report, checked_at_ms = self._checked_report()
        with self._lock:
            self._catch_up()
            last = self._checkpoint
            states = tuple(self._states.values())
        return Audit(
            head=self._journal.head(),
            report=report,
            checked_at_ms=checked_at_ms,
            checkpoint_at=last.at if last is not None else "",
            checkpoint_size=last.seq if last is not None else 0,
            witnesses=tuple(_witnesses(states)),
        )

    def _checked_report(self) -> tuple[VerifyReport | None, int]:
        if self._check is None:
            return None, 0
        with self._checking:
            mono_ms = self._clock.mono_ms()
            if self._checked is None or mono_ms - self._checked[0] >= _CHECK_EVERY_MS:
                self._report = self._check()
                self._checked = (mono_ms, self._clock.now_ms())
            return self._report, self._checked[1]


def _witnesses(states: Sequence[RunState]) -> list[Witness]:
    anchors = {request.nonce: request.anchor for state in states for request in state.requests}
    found = [
        Witness(vote.who.id, vote.who.strength.value == "key", anchors[vote.nonce], vote.at)
        for state in states
        for vote in state.votes
        if vote.nonce in anchors
    ]
    return sorted(found, key=lambda witness: witness.at, reverse=True)
