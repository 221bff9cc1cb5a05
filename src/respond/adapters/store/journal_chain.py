"""The rules of the journal, over any store: what it returns is durable, or it is used no more.

One append is one transaction. The head is kept in memory and compared with the store inside every
transaction, because another process may append for another run; what it appended is checked and
taken over. Opening checks the records since the last checkpoint and the high-water mark;
``respond.audit.verify`` checks everything.

A store knows rows, a write lock and durability, and nothing of what the rows mean.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from respond.adapters.store.journal_keys import (
    ChainEnd,
    digest_key,
    read_mark,
    run_key,
    signing_key,
    write_mark,
)
from respond.adapters.store.sealing import (
    KEY_BYTES,
    UnsealError,
    describe_secret,
    meta_of,
    read_meta,
    seal,
    unseal,
)
from respond.audit.body import Body, read_body, time_text, write_body
from respond.audit.canonical import NotCanonicalError, encode
from respond.audit.chain import (
    GENESIS,
    body_hash,
    is_journal_id,
    keyed_digest,
    link,
    new_journal_id,
)
from respond.audit.checkpoint import SEED_BYTES, NoteError, Signer, open_note
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.records import replace
from respond.errors import (
    JournalBrokenError,
    JournalUnusableError,
    NotReadyError,
    RespondError,
    RunTakenError,
    SaidMeanwhileError,
    StepFailedError,
)
from respond.ports import Head, Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Self

    from respond.core.values import SecretHandle
    from respond.ports import Clock, KeyStore

__all__ = ["VERIFY_FIRST", "ChainJournal", "ChainRow", "ChainStore", "SealedRow", "lost"]

VERIFY_FIRST = "run `respond audit verify`; to go on without it: respond RUNBOOK --new-journal"

_AGAIN = "start again; `respond resume` carries the run on from what is recorded"
_BATCH = 500
_MARKED = frozenset({Kind.INTENT, Kind.DENIED})
"""The mark moves with these: cut off, a write would look unsent, and a no unsaid."""
_LAZY = frozenset({Kind.OUTCOME, Kind.OBSERVED})
"""Of these no reader knows whether they are durable. All others, and what stands before one of
them, are durable before anybody else sees them."""
_LAZY_WORDS = frozenset(kind.value for kind in _LAZY)
_SAID = frozenset({Kind.APPROVED, Kind.DENIED, Kind.ANSWERED, Kind.REVIEWED})
"""What people say of a run: each is judged by what the others have said before."""
_SECRET_LOOKED_FOR_FROM = 6
"""Shorter sealed values are not searched for in a body: they would be found by chance."""


class ChainRow(NamedTuple):
    """A record as stored; of unknown types until it is checked.

    Attributes:
        kind, run, step, at: Derived from ``body``, for queries.
        before: When read, the hash that stands in the row before, if there is one.
    """

    seq: int
    body: bytes
    body_hash: bytes
    hash: bytes
    kind: str
    run: str
    step: str
    at: str
    before: bytes = GENESIS


class SealedRow(NamedTuple):
    """A secret in its box, and what may be said about it. Not part of the chain."""

    run: str
    handle: str
    box: bytes
    meta: str


class ChainStore(Protocol):
    """Where a chain lies.

    Attributes:
        name: What messages call it.
        place: What the key store remembers it by; empty for one that is gone with the process.
        failures: What its methods may raise when it fails; the journal is closed then.
        back: What somebody does who finds another journal in it than was here.
    """

    name: str
    place: str
    failures: tuple[type[Exception], ...]
    back: str

    def reopen(self) -> None:
        """Open it anew after ``close``, with all that is in it made durable."""
        ...

    def explain(self, failure: Exception) -> JournalUnusableError | JournalBrokenError: ...

    def close(self) -> None:
        """Let go of what is open, and of what was not committed. Twice is no error."""
        ...

    # --- what it lies in ---

    def is_empty(self) -> bool:
        """Nothing was made in it yet, by nobody."""
        ...

    def make(self) -> bool:
        """Begin a transaction and make the tables in it; False when they are there meanwhile."""
        ...

    def recognise(self) -> None:
        """See that the tables are as ``make`` makes them, and remember what they lie in.

        What can be read afterwards is durable, whoever wrote it.

        Raises:
            JournalUnusableError, JournalBrokenError: They are of another version, or changed.
        """
        ...

    def check_place(self) -> None:
        """See that it is still what was recognised.

        Raises:
            JournalUnusableError: What is committed here is seen by nobody.
        """
        ...

    # --- transactions ---

    def begin(self, *, synced: bool) -> None:
        """Take the write lock, which one journal object of all processes can have.

        Args:
            synced: False lets the commit become durable with the next one that is synced.

        Raises:
            JournalUnusableError: Another has it for too long; nothing is lost by that.
        """
        ...

    def commit(self) -> None:
        """Returns when all since ``begin`` or ``make`` is durable, and gives the lock back."""
        ...

    def end(self) -> None:
        """Drop what was not committed."""
        ...

    # --- rows ---

    def insert(self, row: ChainRow) -> None: ...

    def last(self) -> ChainEnd: ...

    def rows(self, since: int, *, run: str = "", limit: int | None = None) -> Sequence[ChainRow]:
        """Rows from that seq on, in order: all, or those of a run."""
        ...

    def newest(self, kind: Kind, run: str = "") -> int | None:
        """Seq of the newest row of a kind, of any run or of one."""
        ...

    def runs(
        self,
        having: Kind,
        *,
        also: Kind | None = None,
        lacking: Kind | None = None,
        newest: int = -1,
    ) -> list[str]:
        """Runs with a row of one kind, by their first; one of another, and none of a third.

        Args:
            newest: Of how many such rows, the newest; -1 for all.
        """
        ...

    def highest(self) -> str:
        """The greatest ``at`` of all rows."""
        ...

    def put_sealed(self, rows: Sequence[SealedRow]) -> None:
        """Add them, each in the place of one with the same run and handle."""
        ...

    def sealed(self, run: str) -> Sequence[SealedRow]:
        """In the order of their handles."""
        ...

    def drop_sealed(self, run: str) -> None:
        """Leave no copy of them in the store."""
        ...


class ChainJournal:
    """The ``Journal`` port over a store.

    It may be used from several threads; appends come one after another. After any error from a
    write or a sync it is closed and refuses everything: open it anew, or ``reopen``.

    Attributes:
        wrote: Told of each transaction how many milliseconds it took, with its wait for a turn.
    """

    def __init__(self, store: ChainStore, *, keys: KeyStore, clock: Clock, actor: Actor) -> None:
        """Only the beginning: it is usable after ``_open`` or ``_begin_anew``."""
        self._store = store
        self._keys = keys
        self._clock = clock
        self._actor = actor
        self._lock = threading.RLock()
        self._dead = ""
        self._do = ""
        self._refused = False
        self._closed = False
        self._id = ""
        self._end = ChainEnd()
        self._durable = ChainEnd()
        """How far it was durable as far as this object knows, whoever wrote it."""
        self._epochs: dict[str, int] = {}
        self._taken_over: dict[str, int] = {}
        self._held: dict[str, Mapping[str, SecretHandle]] = {}
        self._run_keys: dict[str, bytes] = {}
        self._digest_key = b""
        self._mark_stuck = False
        self._signer = Signer("", b"")
        self.wrote: Callable[[int], None] = lambda _: None

    # --- opening and closing --------------------------------------------------------------------

    def _open(self, known: str, *, create: bool) -> None:
        """Go on with the journal in the store; ``known`` is which one was last seen there."""
        with self._closed_on_error():
            if self._store.is_empty():
                if known:
                    how = "has been emptied"
                    raise lost(self._store.name, known, self._keys, how, self._store.back)
                if not create:
                    raise JournalUnusableError(
                        f"{self._store.name} is empty and no journal yet",
                        do="run a runbook: the first run makes the journal",
                    )
                self._create([])
            self._load(known)

    def _begin_anew(self, old: str, *, instead_of: str, set_aside: str, reason: str) -> None:
        """Begin a journal whose second record names the head of a lost one, as far as known."""
        with self._closed_on_error():
            data: dict[str, Any] = {"instead_of": instead_of, "old": None, "reason": reason}
            data["set_aside"] = set_aside
            if old:
                mark = read_mark(old, self._keys)
                size, head = (mark.size, mark.hash.hex()) if mark else (None, None)
                data["old"] = {"journal": old, "size": size, "hash": head}
            self._create([Event(Kind.RESTORED, "", "", self._actor, data)])
            self._load("")

    def close(self) -> None:
        """Close the store. Closing twice is no error; anything else afterwards is."""
        with self._lock:
            self._closed = True
            self._die("it was closed")

    def reopen(self) -> bool:
        """Go on after a fault that closed the journal; whether there was one.

        For who carries no run: one that was taken is not taken up again. What lies there must
        verify, and hold all that was durable, whether it was written or only read here; or be a
        journal that somebody began in the place of this one.

        Raises:
            JournalUnusableError, JournalBrokenError: The fault lasts, or it is not what it was. So
                it stays until it is: no later try forgets what was here.
        """
        with self._lock:
            if not self._dead or self._closed or self._epochs:
                return False
            known, durable = self._id, self._durable
            try:
                try:
                    self._store.reopen()
                    self._load(known)
                    if self._id == known:
                        self._check_still_reaches(durable)
                except self._store.failures as error:
                    raise self._store.explain(error) from error
            except BaseException as error:
                self._id, self._durable = known, durable
                self._store.close()
                if isinstance(error, RespondError):
                    # What is wrong now says more than what was wrong first.
                    self._dead, self._do = error.sentence, error.do
                    self._refused = isinstance(error, JournalBrokenError)
                raise
            self._dead = self._do = ""
            self._refused = False
            self._held.clear()
            self._run_keys.clear()
            return True

    @property
    def is_shut(self) -> bool:
        """A fault closed it, and it was not opened anew since."""
        return bool(self._dead)

    @property
    def is_refused(self) -> bool:
        """It was to be opened anew, and what lies there is not what it was."""
        return self._refused

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def id(self) -> str:
        """The journal id, ``J-`` and 26 characters."""
        return self._id

    @property
    def public_key(self) -> str:
        """The line to pin with the runbooks; ``audit verify`` checks checkpoints with it."""
        return str(self._signer.public)

    # --- writing --------------------------------------------------------------------------------

    def append(
        self,
        event: Event,
        *,
        seal: Mapping[str, str] | None = None,
        synced: bool = True,
        seen: int | None = None,
    ) -> Record:
        """Add one event, and seal the secrets that came with it, in one transaction."""
        if not synced and event.kind not in _LAZY:
            raise ValueError(f"who reads a record of kind {event.kind.value} takes it for durable")
        boxes = self._boxes(event.run, seal or {})
        with self._transaction(synced=synced) as end:
            self._check_epoch(event.run)
            if seen is not None:
                self._check_unsaid(event.run, seen)
            body, after, record = self._insert(end, event)
            if boxes:
                _check_no_secret(event, body, seal or {})
                self._store.put_sealed(boxes)
                self._held.pop(event.run, None)
            self._commit(after, synced=synced)
        if event.kind in _MARKED:
            self._mark_follows(after)
        return record

    def intend(self, event: Event, *, digest: str) -> Intent:
        """Add an intent, sync, see that the store is still the same, and only then make the key.

        The mark moves before the key is made, so that no cut takes away what was sent. The record
        holds the request's digest as ``data.digest``.
        """
        if event.kind is not Kind.INTENT:
            raise ValueError(f"an intent is asked for with an event of kind {event.kind.value}")
        if event.data.get("digest", digest) != digest:
            raise ValueError(f"the event's digest is not that of the request: {digest}")
        record = self.append(replace(event, data={**event.data, "digest": digest}))
        # While the mark waited for its turn, another engine may have taken the run and settled it.
        self._check_epoch(event.run)
        return Intent.mint(seq=record.seq, run=event.run, digest=digest, record=record)

    def take(self, event: Event) -> int:
        """Take the run over: later appends of other journal objects that took it are refused.

        The record holds the epoch as ``data.epoch``; the first is 1.
        """
        if event.kind is not Kind.TAKEN or not event.run:
            msg = f"a run is taken with a taken event of that run, not {event.kind.value}"
            raise ValueError(msg)
        with self._transaction() as end:
            epoch = self._newest_epoch(event.run) + 1
            bound = replace(event, data={**event.data, "epoch": epoch})
            _, after, record = self._insert(end, bound)
            self._commit(after)
            self._epochs[event.run] = record.seq
            self._taken_over.pop(event.run, None)
        return epoch

    def checkpoint(self, reason: str) -> Head:
        """Sign the head, add the signed note as a record, and raise the high-water mark to it.

        Returns the head after that record. The signature covers everything before it.

        Raises:
            JournalUnusableError: Also when the key store fails; the record stands then, and
                only the mark is behind it.
        """
        with self._transaction() as end:
            after = self._insert_checkpoint(end, reason)
            self._commit(after)
            self._raise_mark(after)
        return self._head_of(after)

    def forget_secrets(self, run: str) -> None:
        """Destroy what is sealed for a run, and then its key.

        The rows go first: after a crash between the two the key is left over, which can open
        nothing, and the next call deletes it.
        """
        with self._transaction() as end:
            self._store.drop_sealed(run)
            self._commit(end)
            self._held.pop(run, None)
        self._run_keys.pop(run, None)
        self._keys.delete(run_key(run))

    def may_send(self) -> bool:
        """Whether what was recorded last may be acted on now, asked before anything leaves.

        Where a lock ends with its process, nobody else has the run as long as this one lives.
        """
        return True

    # --- reading --------------------------------------------------------------------------------

    def runs(self, *, newest: int) -> list[str]:
        with self._reading():
            return self._store.runs(Kind.PROPOSED, newest=newest)

    def unfinished(self, having: Kind | None = None) -> list[str]:
        with self._reading():
            return self._store.runs(Kind.PROPOSED, also=having, lacking=Kind.ENDED)

    def unreviewed(self) -> list[str]:
        with self._reading():
            return self._store.runs(Kind.BREAK_GLASS, lacking=Kind.REVIEWED)

    def records(self, run: str = "", *, since: int = 0) -> Iterator[Record]:
        """All records in order, or those of one run, each checked against its own hash.

        Raises:
            JournalBrokenError: One was changed; also one that stands under another run's name, and
                without which this run has no beginning.
        """
        begins = bool(run) and since == 0
        while True:
            with self._reading():
                found = self._store.rows(since, run=run, limit=_BATCH)
            if begins and found and found[0].kind != Kind.PROPOSED.value:
                # Perhaps its beginning hides under another name: the columns before say so.
                for other in self.records():
                    if other.seq >= found[0].seq:
                        break
            begins = False
            for row in found:
                record = self._checked(row, row.before)
                self._saw(row)
                yield record
            if len(found) < _BATCH:
                return
            since = found[-1].seq + 1

    def head(self) -> Head:
        with self._reading():
            return self._head_of(self._store.last())

    def highest_at(self) -> str:
        """The highest wall clock time that any record carries, as text (P16).

        Expiry is never decided by a clock that stands before this.
        """
        with self._reading():
            return self._store.highest()

    def open_secret(self, run: str, handle: str) -> str | None:
        """The value of a sealed secret; None when it is not held, or its key is gone."""
        with self._reading():
            found = [row for row in self._store.sealed(run) if row.handle == handle]
        key = self._run_key_if_any(run)
        if not found or key is None:
            return None
        try:
            return unseal(key, found[0].box, place=self._seal_place(run, handle, found[0].meta))
        except UnsealError as error:
            raise JournalBrokenError(
                f"the sealed secret {handle} of run {run} does not open",
                why="its row was changed, or belongs to another run or journal",
                do="treat the secret as lost: remove what it opens, and make a new one",
            ) from error

    def held(self, run: str) -> Mapping[str, SecretHandle]:
        with self._reading():
            if run not in self._held:
                rows = self._store.sealed(run)
                shut = rows and self._run_key_if_any(run) is None
                self._held[run] = {} if shut else {row.handle: read_meta(row.meta) for row in rows}
            return dict(self._held[run])

    def digest(self, value: str) -> str:
        return keyed_digest(self._digest_key, value)

    # --- transactions ---------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, *, synced: bool = True) -> Iterator[ChainEnd]:
        """Hold the write lock; gives the checked end of the chain.

        The block ends with ``_commit``. A failure of the store closes the journal.
        """
        began_ms = self._clock.mono_ms()
        with self._reading():
            try:
                self._check_place()
                self._store.begin(synced=synced)
                yield self._caught_up()
            except JournalBrokenError as error:
                self._die(error.what)
                raise
            except self._store.failures as error:
                raise self._fail(error) from error
            finally:
                if not self._dead:
                    self._store.end()
        self.wrote(self._clock.mono_ms() - began_ms)

    def _commit(self, after: ChainEnd, *, synced: bool = True) -> None:
        self._store.commit()
        # Asked after the commit as well: what was committed into a file without a name is not
        # durable, and nothing may be sent on its strength.
        self._check_place()
        self._end = after
        if synced:
            self._durable = after

    def _check_place(self) -> None:
        try:
            self._store.check_place()
        except JournalUnusableError as error:
            self._die(error.what)
            raise

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            if self._dead:
                raise JournalUnusableError(
                    f"the journal {self._store.name} can not be used any more",
                    why=self._dead,
                    do=self._do or _AGAIN,
                )
            try:
                yield
            except self._store.failures as error:
                raise self._fail(error) from error

    def _fail(self, failure: Exception) -> JournalUnusableError | JournalBrokenError:
        ours = self._store.explain(failure)
        self._die(ours.what)
        return ours

    def _saw(self, row: ChainRow) -> None:
        """Remember that a record was there that only a fault of the store can take away."""
        with self._lock:
            if row.seq >= self._durable.size and row.kind not in _LAZY_WORDS:
                self._durable = ChainEnd(row.seq + 1, row.hash)

    def _die(self, reason: str) -> None:
        """Close: a sync that failed once must not be asked again, it could lie."""
        self._dead = self._dead or reason
        self._store.close()

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._die("it could not be opened")
            raise

    # --- the chain ------------------------------------------------------------------------------

    def _caught_up(self) -> ChainEnd:
        """The end of the chain in the store, after checking what others appended."""
        last, end = self._store.last(), self._end
        if last == end:
            return end
        if last.size <= end.size:
            raise JournalBrokenError(
                f"the journal {self._store.name} changed while it was open",
                why=f"record {end.size} is no longer what was written",
                do=VERIFY_FIRST,
            )
        for row in self._store.rows(end.size):
            end = self._follow(end, row)
            self._saw(row)
            if row.kind == Kind.TAKEN.value:
                self._taken_over[row.run] = row.seq
            self._held.pop(row.run, None)
        self._end = end
        return end

    def _follow(self, end: ChainEnd, row: ChainRow) -> ChainEnd:
        """The end after this row, which must be the next and whole."""
        if row.seq != end.size:
            raise _broken(end.size, "it is missing")
        self._checked(row, end.hash)
        return ChainEnd(end.size + 1, row.hash)

    def _checked(self, row: ChainRow, before: bytes) -> Record:
        """The record of a row, if body, hashes and columns belong together."""
        if type(row.body) is not bytes or body_hash(row.body) != row.body_hash:
            raise _broken(row.seq, "its body is not what was written")
        if link(self._id, row.seq, before, row.body_hash) != row.hash:
            raise _broken(row.seq, "its hash does not follow from the record before it")
        try:
            body = read_body(row.body)
            kind, strength = Kind(body.kind), Strength(body.strength)
        except (NotCanonicalError, ValueError) as error:
            raise _broken(row.seq, str(error)) from error
        columns = (body.journal, body.seq, body.kind, body.run, body.step, body.at)
        if columns != (self._id, row.seq, row.kind, row.run, row.step, row.at):
            raise _broken(row.seq, "its columns do not say what its body says")
        event = Event(kind, body.run, body.step, Actor(body.actor, strength), body.data)
        return _record(event, body, row.hash)

    def _insert(self, end: ChainEnd, event: Event) -> tuple[bytes, ChainEnd, Record]:
        """Add a row for an event; gives its body, the end after it, and the record."""
        body = Body(
            journal=self._id,
            seq=end.size,
            at=time_text(self._clock.now_ms()),
            mono_ms=self._clock.mono_ms(),
            boot=self._clock.boot(),
            actor=event.actor.id,
            strength=event.actor.strength.value,
            run=event.run,
            step=event.step,
            kind=event.kind.value,
            data=event.data,
        )
        try:
            encoded = write_body(body)
        except NotCanonicalError as error:
            what = f"the record '{body.kind}' cannot be written"
            do = "nothing of it was recorded; look by hand"
            raise StepFailedError(what, why=str(error), do=do) from error
        digest = body_hash(encoded)
        linked = link(self._id, end.size, end.hash, digest)
        self._store.insert(
            ChainRow(end.size, encoded, digest, linked, body.kind, body.run, body.step, body.at)
        )
        return encoded, ChainEnd(end.size + 1, linked), _record(event, body, linked)

    def _insert_checkpoint(self, end: ChainEnd, reason: str) -> ChainEnd:
        note = self._signer.sign(
            size=end.size,
            head=end.hash.hex(),
            at=time_text(self._clock.now_ms()),
            reason=reason,
        )
        event = Event(Kind.CHECKPOINT, "", "", self._actor, {"note": note, "reason": reason})
        _, after, _ = self._insert(end, event)
        return after

    def _mark_follows(self, to: ChainEnd) -> None:
        """Lift the mark between checkpoints. What contains does not wait for a key store.

        After a failure that is recorded, only the next checkpoint tries again: each try may hang.
        """
        if self._mark_stuck:
            return
        try:
            self._raise_mark(to)
        except JournalUnusableError as error:
            if self._dead:
                raise
            self._mark_stuck = True
            says = f"{error.what}: {error.why}; a cut behind the last mark would not show"
            told = {"about": "high-water mark", "says": says}
            self.append(Event(Kind.NOTICE, "", "", self._actor, told))

    def _raise_mark(self, to: ChainEnd) -> None:
        """Lift the high-water mark, in a turn of its own so that it never sinks."""
        if not self._store.place:
            return
        try:
            with self._marking():
                self._lift_mark(to)
                self._mark_stuck = False
        except NotReadyError as error:
            raise JournalUnusableError(
                "the journal's high-water mark cannot be kept in the key store",
                why=f"{error.what}: {error.why}",
                do="mend the key store; all that was recorded stands: respond runs",
            ) from error

    def _lift_mark(self, to: ChainEnd) -> None:
        mark = read_mark(self._id, self._keys)
        if mark is None or mark.size < to.size:
            write_mark(self._id, self._keys, to)

    @contextmanager
    def _marking(self) -> Iterator[None]:
        """Nobody else on this machine lifts the mark meanwhile; what others appended is seen."""
        with self._transaction():
            yield

    @contextmanager
    def _turn_of_mark(self) -> Iterator[None]:
        """The same where the chain cannot be gone on with."""
        self._store.begin(synced=True)
        try:
            yield
        finally:
            self._store.end()

    def _head_of(self, end: ChainEnd) -> Head:
        return Head(journal=self._id, size=end.size, hash=end.hash.hex())

    # --- epochs ---------------------------------------------------------------------------------

    def _check_epoch(self, run: str) -> None:
        # Nobody else's record is in the chain that ``_caught_up`` did not come past.
        ours, newest = self._epochs.get(run), self._taken_over.get(run)
        if ours is not None and newest is not None:
            raise RunTakenError(
                f"run {run} was taken over by another process",
                why=f"record {newest + 1} took it after our {ours + 1}; nothing more is done here",
                do="leave it to the other process, or end that one and `respond resume`",
            )

    def _check_unsaid(self, run: str, seen: int) -> None:
        if any(Kind(row.kind) in _SAID for row in self._store.rows(seen + 1, run=run)):
            raise SaidMeanwhileError(
                f"somebody else said something about run {run} in the same moment",
                why="what you said was not recorded: it may not be asked any more",
                do=f"look again: respond status {run}",
            )

    def _newest_epoch(self, run: str) -> int:
        seq = self._store.newest(Kind.TAKEN, run)
        if seq is None:
            return 0
        (row,) = self._store.rows(seq, limit=1)
        epoch = read_body(row.body).data.get("epoch")
        if type(epoch) is not int:
            raise _broken(seq, "it is a taken record without an epoch")
        return epoch

    # --- secrets --------------------------------------------------------------------------------

    def _boxes(self, run: str, values: Mapping[str, str]) -> list[SealedRow]:
        if not values:
            return []
        key = self._run_key_if_any(run)
        if key is None:
            key = os.urandom(KEY_BYTES)
            self._keys.set(run_key(run), key)
            self._run_keys[run] = key
        boxes = []
        for handle, value in values.items():
            meta = meta_of(describe_secret(handle, value, self.digest(value)))
            box = seal(key, value, place=self._seal_place(run, handle, meta))
            boxes.append(SealedRow(run, handle, box, meta))
        return boxes

    def _run_key_if_any(self, run: str) -> bytes | None:
        key = self._run_keys.get(run) or self._keys.get(run_key(run))
        if key is not None:
            self._run_keys[run] = key
        return key

    def _seal_place(self, run: str, handle: str, meta: str) -> bytes:
        return f"{self._id}\0{run}\0{handle}\0{meta}".encode()

    # --- the opening record ---------------------------------------------------------------------

    def _create(self, more: list[Event]) -> None:
        """Make tables, opening record and first checkpoint in one transaction.

        If another process made them meanwhile, its journal stays and our keys go.
        """
        self._id = new_journal_id(os.urandom(16))
        seed = os.urandom(SEED_BYTES)
        self._signer = Signer(self._id, seed)
        self._keys.set(signing_key(self._id), seed)
        self._keys.set(digest_key(self._id), os.urandom(KEY_BYTES))
        try:
            if not self._store.make():
                self._keys.delete(signing_key(self._id))
                self._keys.delete(digest_key(self._id))
                return
            data = {"format": 1, "public_key": self.public_key}
            end = ChainEnd()
            for event in (Event(Kind.OPENED, "", "", self._actor, data), *more):
                _, end, _ = self._insert(end, event)
            end = self._insert_checkpoint(end, "opened")
            self._store.commit()
        finally:
            self._store.end()
        if self._store.place:
            write_mark(self._id, self._keys, end)

    def _load(self, known: str) -> None:
        """Read who this journal is, find its keys, and check its end."""
        self._store.recognise()
        self._id = self._read_id(known)
        seed = self._keys.get(signing_key(self._id))
        key = self._keys.get(digest_key(self._id))
        if seed is None or key is None:
            raise JournalUnusableError(
                f"the keys of journal {self._id} are not in {self._keys.says}",
                why="the file comes from another machine or user, or the key store was emptied",
                do="unlock or restore the key store, or begin a new journal: "
                "respond RUNBOOK --new-journal",
            )
        self._signer = Signer(self._id, seed)
        self._digest_key = key
        self._end = self._durable = self._checked_end()
        if self._store.place:
            self._check_mark()
            if known != self._id:
                self._keys.set(self._store.place, self._id.encode("ascii"))

    def _row(self, seq: int) -> ChainRow | None:
        return next((row for row in self._store.rows(seq, limit=1) if row.seq == seq), None)

    def _read_id(self, known: str) -> str:
        first = self._row(0)
        if first is None:
            raise _broken(0, "it is missing")
        try:
            found = read_body(first.body).journal
        except NotCanonicalError as error:
            raise _broken(0, str(error)) from error
        if not is_journal_id(found):
            raise _broken(0, "its journal id is malformed")
        if known and found != known and not self._succeeds(known):
            raise JournalBrokenError(
                f"{self._store.name} is another journal",
                why=f"{known} was here before; it holds {found}",
                do=f"{self._store.back}, or begin a new journal: respond RUNBOOK --new-journal",
            )
        return found

    def _succeeds(self, known: str) -> bool:
        """Whether this journal was begun in the place of that one, as its second record says.

        Another machine began it. What it says is as good as its signature, and that is checked
        with a key that only the key store has.
        """
        second = self._row(1)
        try:
            body = read_body(second.body) if second is not None else None
        except NotCanonicalError:
            return False
        old = (
            body.data.get("old") if body is not None and body.kind == Kind.RESTORED.value else None
        )
        return isinstance(old, dict) and old.get("journal") == known

    def _checked_end(self) -> ChainEnd:
        """Go to the last checkpoint, check its signature, and every record after it."""
        signed = self._store.newest(Kind.CHECKPOINT)
        tail = self._store.rows(signed or 0)
        end = ChainEnd(tail[0].seq, tail[0].before)
        if signed is not None:
            self._check_note(self._checked(tail[0], end.hash), end)
        for row in tail:
            end = self._follow(end, row)
        return end

    def _check_note(self, record: Record, end: ChainEnd) -> None:
        try:
            note = open_note(str(record.event.data.get("note")), self._signer.public)
        except NoteError as error:
            raise _broken(record.seq, f"of its checkpoint: {error}") from error
        if (note.journal, note.size, note.hash) != (self._id, end.size, end.hash.hex()):
            raise _broken(record.seq, "its checkpoint does not fit the records before it")

    def _check_mark(self) -> None:
        mark = read_mark(self._id, self._keys)
        if mark is not None:
            self._check_reaches(mark, self._keys.says)

    def _check_still_reaches(self, durable: ChainEnd) -> None:
        """See that what was here is here; if not, whoever is started later on this machine refuses
        it as well.
        """
        try:
            self._check_reaches(durable, "this process")
        except JournalBrokenError:
            # A key store that fails changes nothing here: this process knows it by itself.
            with suppress(NotReadyError, JournalUnusableError):
                if self._store.place:
                    with self._turn_of_mark():
                        self._lift_mark(durable)
            raise

    def _check_reaches(self, mark: ChainEnd, who: str) -> None:
        found = self._row(mark.size - 1)
        if found is None or found.hash != mark.hash:
            now = f"now it has {self._end.size}"
            if found is not None:
                now = f"record {mark.size} is another one now"
            raise JournalBrokenError(
                f"the journal {self._id} is older than it was, or was rewritten",
                why=(f"{who}: it had {mark.size} records and head {mark.hash.hex()[:32]}; {now}"),
                do=f"{self._store.back}, or begin a new journal: respond RUNBOOK --new-journal",
            )


def lost(name: str, journal: str, keys: KeyStore, how: str, back: str) -> JournalUnusableError:
    """That a journal which was here is not, so that none is begun quietly in its place."""
    mark = read_mark(journal, keys)
    had = f"it had at least {mark.size} records" if mark else "how long it was is not known"
    return JournalUnusableError(
        f"the journal {name} {how}",
        why=f"{keys.says} remembers {journal}: {had}",
        do=f"{back}, or begin a new journal that names the old one: respond RUNBOOK --new-journal",
    )


def _broken(seq: int, why: str) -> JournalBrokenError:
    # Counted from 1, as `audit verify` counts them.
    return JournalBrokenError(
        f"the journal is broken at record {seq + 1}", why=why, do=VERIFY_FIRST
    )


def _record(event: Event, body: Body, linked: bytes) -> Record:
    return Record(
        seq=body.seq,
        event=event,
        at=body.at,
        mono_ms=body.mono_ms,
        boot=body.boot,
        hash=linked.hex(),
    )


def _check_no_secret(event: Event, body: bytes, values: Mapping[str, str]) -> None:
    """A secret that is being sealed must not stand in the clear in the same record (P22)."""
    for handle, value in values.items():
        # As it would stand inside JSON, without the quotes.
        if len(value) >= _SECRET_LOOKED_FOR_FROM and encode(value)[1:-1] in body:
            raise JournalUnusableError(
                f"the event {event.kind.value} of step {event.step or '-'} holds a secret in clear",
                why=f"the value of {handle} stands in its data; nothing was recorded",
                do="report this as a fault of the action; the secret is not in the journal",
            )
