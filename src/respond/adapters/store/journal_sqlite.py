"""The journal in SQLite: what it returns is durable, or it raises and can not be used again.

One append is one transaction with a full sync. The head is kept in memory and compared with the
table inside every transaction, because another process may append for another run; what it
appended is checked and taken over. Opening checks the records since the last checkpoint and the
high-water mark; ``respond.audit.verify`` checks everything.

Keys in the key store, with J for the journal id:

    signing-key/J     32 bytes, Ed25519
    digest-key/J      32 bytes, for keyed digests of secrets
    high-water/J      size and hash after the last checkpoint, as text
    run-key/RUN       32 bytes, seals the secrets of one run
    place/DIGEST      which journal id lies at a path; DIGEST is of the path
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from respond.adapters.store.sealing import (
    KEY_BYTES,
    UnsealError,
    describe_secret,
    meta_of,
    read_meta,
    seal,
    unseal,
)
from respond.adapters.store.sqlite_file import (
    FileIdentity,
    connect_file,
    connect_memory,
    prepare_folder,
    sync_folder,
)
from respond.audit.body import Body, read_body, time_text, write_body
from respond.audit.canonical import NotCanonicalError, encode
from respond.audit.chain import GENESIS, body_hash, is_journal_id, link, new_journal_id
from respond.audit.checkpoint import SEED_BYTES, NoteError, PublicKey, Signer, open_note
from respond.audit.proof_of_value import keyed_digest
from respond.audit.record_schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, schema_faults
from respond.audit.verify import Anchor
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.errors import (
    JournalBrokenError,
    JournalUnusableError,
    NotReadyError,
    RefusedByPersonError,
)
from respond.ports import Head, Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from respond.core.values import SecretHandle
    from respond.ports import Clock, KeyStore

__all__ = ["SqliteJournal", "outside_evidence"]

_BATCH = 500
_SECRET_LOOKED_FOR_FROM = 6
"""Shorter sealed values are not searched for in a body: they would be found by chance."""

_INSERT = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LAST = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
_NEWEST_TAKEN = "SELECT seq FROM journal WHERE kind = 'taken' AND run = ? ORDER BY seq DESC LIMIT 1"
_UNFINISHED = (
    "SELECT run FROM journal WHERE kind = 'proposed'"
    " AND run NOT IN (SELECT run FROM journal WHERE kind = 'ended') ORDER BY seq"
)
_ROWS = "SELECT seq, body, body_hash, hash, kind, run, step, at FROM journal"
_UNREVIEWED = (
    "SELECT DISTINCT run FROM journal WHERE kind = 'break-glass'"
    " AND run NOT IN (SELECT run FROM journal WHERE kind = 'reviewed') ORDER BY seq"
)
_HIGHEST = "SELECT max(at), max(seq) FROM journal WHERE seq >= ?"
_BEFORE = "SELECT hash FROM journal WHERE seq = ?"

_VERIFY_FIRST = "run `respond audit verify`; to go on without it: respond RUNBOOK --new-journal"


_FULL = 2


class _Row(NamedTuple):
    """A row of the table, as stored; of unknown types until it is checked."""

    seq: int
    body: bytes
    body_hash: bytes
    hash: bytes
    kind: str
    run: str
    step: str
    at: str


class _End(NamedTuple):
    """Where the chain ends: how many records, the hash of the last."""

    size: int
    hash: bytes


class SqliteJournal:
    """The ``Journal`` port over one SQLite file, or over memory for dry runs and rehearsals.

    It may be used from several threads; appends come one after another. After any error from a
    write or a sync it is closed and refuses everything: open it anew.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        *,
        path: Path | None,
        keys: KeyStore,
        clock: Clock,
        actor: Actor,
    ) -> None:
        """Use ``open``, ``fresh`` or ``in_memory`` instead."""
        self._db = db
        self._path = path
        self._keys = keys
        self._clock = clock
        self._actor = actor
        self._lock = threading.RLock()
        self._dead = ""
        self._identity: FileIdentity | None = None
        self._id = ""
        self._end = _End(0, GENESIS)
        self._epochs: dict[str, int] = {}
        self._taken_over: dict[str, int] = {}
        self._held: dict[str, Mapping[str, SecretHandle]] = {}
        self._run_keys: dict[str, bytes] = {}
        self._digest_key = b""
        self._highest: tuple[int, str] = (0, "")
        self._signer = Signer("", b"")

    # --- opening and closing --------------------------------------------------------------------

    @classmethod
    def open(
        cls, path: Path, *, keys: KeyStore, clock: Clock, create: bool, actor: Actor
    ) -> SqliteJournal:
        """Open the journal at a path, and make it if there never was one and ``create`` is set.

        Raises:
            JournalUnusableError: Missing, emptied, not ours, on a network disk, or its keys are
                not in the key store. Nothing was changed.
            JournalBrokenError: It does not verify, ends before the high-water mark, or is another
                journal than the one that was here.
        """
        path = path.absolute()
        known = _known_at(path, keys)
        if known and not path.exists():
            raise _lost(path, known, keys, "is gone")
        prepare_folder(path.parent)
        with _translated(path):
            if known and path.stat().st_size == 0:
                raise _lost(path, known, keys, "has been emptied")
            db = connect_file(path, create=create, application_id=APPLICATION_ID)
            journal = cls(db, path=path, keys=keys, clock=clock, actor=actor)
            with journal._closed_on_error():
                if _is_empty(db):
                    if known:
                        raise _lost(path, known, keys, "has been emptied")
                    if not create:
                        raise JournalUnusableError(
                            f"{path} is empty and no journal yet",
                            do="run a runbook: the first run makes the journal",
                        )
                    journal._create([])
                journal._load(known)
        return journal

    @classmethod
    def fresh(
        cls,
        path: Path,
        *,
        keys: KeyStore,
        clock: Clock,
        actor: Actor,
        instead_of: Path | None = None,
        reason: str = "",
    ) -> SqliteJournal:
        """Begin a new journal in the place of one that is lost or broken (``--new-journal``).

        Its second record, ``restored``, names the head of the old one as far as the key store
        knows it. A file that stands at ``path`` is set aside under another name, never removed.
        ``instead_of`` is where the old one was, if not at ``path``.

        Raises:
            JournalUnusableError: The place cannot be used either.
        """
        path = path.absolute()
        old_path = (instead_of or path).absolute()
        old = _known_at(old_path, keys)
        prepare_folder(path.parent)
        with _translated(path):
            aside = _set_aside(path, time_text(clock.now_ms()))
            db = connect_file(path, create=True, application_id=APPLICATION_ID)
            journal = cls(db, path=path, keys=keys, clock=clock, actor=actor)
            with journal._closed_on_error():
                data = {
                    "instead_of": str(old_path),
                    "old": _mark_data(old, keys),
                    "reason": reason,
                    "set_aside": aside,
                }
                journal._create([Event(Kind.RESTORED, "", "", actor, data)])
                journal._load("")
        return journal

    @classmethod
    def in_memory(cls, keys: KeyStore, clock: Clock, actor: Actor) -> SqliteJournal:
        """A journal that is gone with the process; give it throw-away keys."""
        journal = cls(connect_memory(), path=None, keys=keys, clock=clock, actor=actor)
        with journal._closed_on_error():
            journal._create([])
            journal._load("")
        return journal

    def close(self) -> None:
        """Close the file. Closing twice is no error; anything else afterwards is."""
        with self._lock:
            self._dead = self._dead or "it was closed"
            self._db.close()

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
        self, event: Event, *, seal: Mapping[str, str] | None = None, synced: bool = True
    ) -> Record:
        """Add one event, and seal the secrets that came with it, in one transaction."""
        boxes = self._boxes(event.run, seal or {})
        with self._sync_level(synced=synced), self._transaction() as end:
            self._check_epoch(event.run)
            body, after, record = self._insert(end, event)
            if boxes:
                _check_no_secret(event, body, seal or {})
                self._db.executemany("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?)", boxes)
                self._held.pop(event.run, None)
            self._commit(after)
        return record

    def intend(self, event: Event, *, digest: str) -> Intent:
        """Add an intent, sync, see that the file is still the same, and only then make the key.

        The record holds the request's digest as ``data.digest``.
        """
        if event.kind is not Kind.INTENT:
            msg = f"an intent is asked for with an event of kind {event.kind.value}"
            raise ValueError(msg)
        if event.data.get("digest", digest) != digest:
            msg = f"the event's digest is not that of the request: {digest}"
            raise ValueError(msg)
        bound = Event(
            event.kind, event.run, event.step, event.actor, {**event.data, "digest": digest}
        )
        record = self.append(bound)
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
            data = {**event.data, "epoch": epoch}
            bound = Event(event.kind, event.run, event.step, event.actor, data)
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
            self._db.execute("DELETE FROM sealed WHERE run = ?", (run,))
            self._commit(end)
            self._held.pop(run, None)
        self._run_keys.pop(run, None)
        self._keys.delete(_run_key(run))

    # --- reading --------------------------------------------------------------------------------

    def unfinished(self) -> list[str]:
        with self._reading() as db:
            return [run for (run,) in db.execute(_UNFINISHED).fetchall()]

    def unreviewed(self) -> list[str]:
        with self._reading() as db:
            return [run for (run,) in db.execute(_UNREVIEWED).fetchall()]

    def records(self, run: str = "", *, since: int = 0) -> Iterator[Record]:
        """All records in order, or those of one run, each checked against its own hash."""
        from_seq = since
        while True:
            found = self._batch(run, from_seq)
            for row, before in found:
                yield self._checked(row, before)
            if len(found) < _BATCH:
                return
            from_seq = found[-1][0].seq + 1

    def head(self) -> Head:
        with self._reading() as db:
            seq, digest = db.execute(_LAST).fetchone()
        return Head(journal=self._id, size=seq + 1, hash=digest.hex())

    def highest_at(self) -> str:
        """The highest wall clock time that any record carries, as text (P16).

        Expiry is never decided by a clock that stands before this.
        """
        with self._reading() as db:
            # A server asks often: only what came since it asked last is looked at.
            since, highest = self._highest
            found, last = db.execute(_HIGHEST, (since,)).fetchone()
            if last is not None:
                highest = max(highest, str(found))
                self._highest = (last + 1, highest)
        return highest

    def open_secret(self, run: str, handle: str) -> str | None:
        """The value of a sealed secret; None when it is not held, or its key is gone."""
        with self._reading() as db:
            found = db.execute(
                "SELECT box, meta FROM sealed WHERE run = ? AND handle = ?", (run, handle)
            ).fetchone()
        key = self._run_key_if_any(run)
        if found is None or key is None:
            return None
        box, meta = found
        try:
            return unseal(key, box, place=self._seal_place(run, handle, meta))
        except UnsealError as error:
            raise JournalBrokenError(
                f"the sealed secret {handle} of run {run} does not open",
                why="its row was changed, or belongs to another run or journal",
                do="treat the secret as lost: remove what it opens, and make a new one",
            ) from error

    def held(self, run: str) -> Mapping[str, SecretHandle]:
        with self._reading() as db:
            if run not in self._held:
                query = "SELECT handle, meta FROM sealed WHERE run = ? ORDER BY handle"
                rows = db.execute(query, (run,)).fetchall()
                lost = rows and self._run_key_if_any(run) is None
                self._held[run] = {} if lost else {name: read_meta(meta) for name, meta in rows}
            return dict(self._held[run])

    def digest(self, value: str) -> str:
        return keyed_digest(self._digest_key, value)

    # --- transactions ---------------------------------------------------------------------------

    @contextmanager
    def _sync_level(self, *, synced: bool) -> Iterator[None]:
        """Let one commit be synced by the next one: the WAL is one file, synced from its start."""
        if synced:
            yield
            return
        with self._lock:
            self._check_usable()
            try:
                self._db.execute("PRAGMA synchronous=NORMAL")
                yield
            finally:
                if self._db_is_open():
                    self._db.execute("PRAGMA synchronous=FULL")
                    (level,) = self._db.execute("PRAGMA synchronous").fetchone()
                    if level != _FULL:
                        self._die("SQLite does not go back to synchronous=FULL")

    @contextmanager
    def _transaction(self) -> Iterator[_End]:
        """Hold the write lock; gives the checked end of the chain.

        The block ends with ``_commit``. An error from SQLite closes the journal for good.
        """
        with self._lock:
            self._check_usable()
            try:
                self._begin()
                yield self._caught_up()
            except sqlite3.Error as error:
                raise self._fail(error) from error
            except JournalBrokenError as error:
                self._die(error.what)
                raise
            finally:
                if self._db_is_open() and self._db.in_transaction:
                    self._db.rollback()

    def _begin(self) -> None:
        if self._identity is not None:
            self._check_identity(self._identity)
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise JournalUnusableError(
                    f"the journal {self._path} is held by another process",
                    why="it waited 10 seconds for its turn to write; nothing was recorded",
                    do="look for a stopped `respond` process, end it, and `respond resume`",
                ) from error
            raise

    def _commit(self, after: _End) -> None:
        self._db.execute("COMMIT")
        # Asked after the commit as well: what was committed into a file without a name is not
        # durable, and nothing may be sent on its strength.
        if self._identity is not None:
            self._check_identity(self._identity)
        self._end = after

    def _check_identity(self, identity: FileIdentity) -> None:
        try:
            identity.check()
        except JournalUnusableError as error:
            self._die(error.what)
            raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._check_usable()
            try:
                yield self._db
            except sqlite3.Error as error:
                raise self._fail(error) from error

    def _check_usable(self) -> None:
        if self._dead:
            raise JournalUnusableError(
                f"the journal {self._path or 'in memory'} can not be used any more",
                why=self._dead,
                do="start again; `respond resume` carries the run on from what is recorded",
            )

    def _fail(self, error: sqlite3.Error) -> JournalUnusableError | JournalBrokenError:
        ours = _translate(error, self._path)
        self._die(ours.what)
        return ours

    def _die(self, reason: str) -> None:
        """Close for good: a sync that failed once must not be asked again, it could lie."""
        self._dead = self._dead or reason
        self._db.close()

    def _db_is_open(self) -> bool:
        return not self._dead

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._die("it could not be opened")
            raise

    # --- the chain ------------------------------------------------------------------------------

    def _caught_up(self) -> _End:
        """The end of the chain in the table, after checking what others appended."""
        last = self._db.execute(_LAST).fetchone()
        size, digest = (last[0] + 1, last[1]) if last else (0, GENESIS)
        if size == self._end.size and digest == self._end.hash:
            return self._end
        if size <= self._end.size:
            raise JournalBrokenError(
                f"the journal {self._path} changed while it was open",
                why=f"record {self._end.size} is no longer what was written",
                do=_VERIFY_FIRST,
            )
        end = self._end
        query = f"{_ROWS} WHERE seq >= ? ORDER BY seq"
        for values in self._db.execute(query, (end.size,)).fetchall():
            row = _Row(*values)
            end = self._follow(end, row)
            if row.kind == Kind.TAKEN.value:
                self._taken_over[row.run] = row.seq
            self._held.pop(row.run, None)
        self._end = end
        return end

    def _follow(self, end: _End, row: _Row) -> _End:
        """The end after this row, which must be the next and whole."""
        if row.seq != end.size:
            raise _broken(end.size, "it is missing")
        self._checked(row, end.hash)
        return _End(end.size + 1, row.hash)

    def _checked(self, row: _Row, before: bytes) -> Record:
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
        return Record(
            seq=body.seq,
            event=Event(
                kind=kind,
                run=body.run,
                step=body.step,
                actor=Actor(body.actor, strength),
                data=body.data,
            ),
            at=body.at,
            mono_ms=body.mono_ms,
            boot=body.boot,
            hash=row.hash.hex(),
        )

    def _batch(self, run: str, from_seq: int) -> list[tuple[_Row, bytes]]:
        """The next rows, each with the hash before it."""
        where = "j.seq >= ? AND j.run = ?" if run else "j.seq >= ?"
        query = (
            "SELECT j.seq, j.body, j.body_hash, j.hash, j.kind, j.run, j.step, j.at, b.hash"  # noqa: S608 (both forms stand above)
            f" FROM journal j LEFT JOIN journal b ON b.seq = j.seq - 1 WHERE {where}"
            f" ORDER BY j.seq LIMIT {_BATCH}"
        )
        with self._reading() as db:
            found = db.execute(query, (from_seq, run) if run else (from_seq,)).fetchall()
        return [(_Row(*values[:-1]), values[-1] or GENESIS) for values in found]

    def _insert(self, end: _End, event: Event) -> tuple[bytes, _End, Record]:
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
        encoded = write_body(body)
        digest = body_hash(encoded)
        linked = link(self._id, end.size, end.hash, digest)
        self._db.execute(
            _INSERT,
            (end.size, encoded, digest, linked, body.kind, body.run, body.step, body.at),
        )
        record = Record(
            seq=end.size,
            event=event,
            at=body.at,
            mono_ms=body.mono_ms,
            boot=body.boot,
            hash=linked.hex(),
        )
        return encoded, _End(end.size + 1, linked), record

    def _insert_checkpoint(self, end: _End, reason: str) -> _End:
        note = self._signer.sign(
            size=end.size,
            head=end.hash.hex(),
            at=time_text(self._clock.now_ms()),
            reason=reason,
        )
        event = Event(Kind.CHECKPOINT, "", "", self._actor, {"note": note, "reason": reason})
        _, after, _ = self._insert(end, event)
        return after

    def _raise_mark(self, to: _End) -> None:
        """Lift the high-water mark. It is done under the write lock so that it never sinks."""
        if self._path is None:
            return
        try:
            with self._transaction():
                mark = _read_mark(self._id, self._keys)
                if mark is None or mark.size < to.size:
                    value = f"{to.size} {to.hash.hex()}".encode("ascii")
                    self._keys.set(_mark_key(self._id), value)
        except NotReadyError as error:
            raise JournalUnusableError(
                "the journal's high-water mark cannot be kept in the key store",
                why=f"{error.what}: {error.why}",
                do="mend the key store; all that was recorded stands: respond runs",
            ) from error

    def _head_of(self, end: _End) -> Head:
        return Head(journal=self._id, size=end.size, hash=end.hash.hex())

    # --- epochs ---------------------------------------------------------------------------------

    def _check_epoch(self, run: str) -> None:
        # Nobody else's record is in the chain that ``_caught_up`` did not come past.
        ours, newest = self._epochs.get(run), self._taken_over.get(run)
        if ours is not None and newest is not None:
            raise RefusedByPersonError(
                f"run {run} was taken over by another process",
                why=f"record {newest + 1} took it after our {ours + 1}; nothing was recorded",
                do="leave it to the other process, or end that one and `respond resume`",
            )

    def _newest_epoch(self, run: str) -> int:
        found = self._db.execute(_NEWEST_TAKEN, (run,)).fetchone()
        if found is None:
            return 0
        (encoded,) = self._db.execute("SELECT body FROM journal WHERE seq = ?", found).fetchone()
        epoch = read_body(encoded).data.get("epoch")
        if type(epoch) is not int:
            raise _broken(found[0], "it is a taken record without an epoch")
        return epoch

    # --- secrets --------------------------------------------------------------------------------

    def _boxes(self, run: str, values: Mapping[str, str]) -> list[tuple[str, str, bytes, str]]:
        if not values:
            return []
        key = self._run_key_if_any(run)
        if key is None:
            key = os.urandom(KEY_BYTES)
            self._keys.set(_run_key(run), key)
            self._run_keys[run] = key
        boxes = []
        for handle, value in values.items():
            meta = meta_of(describe_secret(handle, value, self.digest(value)))
            box = seal(key, value, place=self._seal_place(run, handle, meta))
            boxes.append((run, handle, box, meta))
        return boxes

    def _run_key_if_any(self, run: str) -> bytes | None:
        key = self._run_keys.get(run) or self._keys.get(_run_key(run))
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
        self._keys.set(_signing_key(self._id), seed)
        self._keys.set(_digest_key(self._id), os.urandom(KEY_BYTES))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not _is_empty(self._db):
                self._keys.delete(_signing_key(self._id))
                self._keys.delete(_digest_key(self._id))
                return
            self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            for statement in SCHEMA.values():
                self._db.execute(statement)
            data = {"format": 1, "public_key": self.public_key}
            end = _End(0, GENESIS)
            for event in (Event(Kind.OPENED, "", "", self._actor, data), *more):
                _, end, _ = self._insert(end, event)
            end = self._insert_checkpoint(end, "opened")
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.rollback()
        if self._path is not None:
            sync_folder(self._path.parent)
        self._raise_first_mark(end)

    def _raise_first_mark(self, end: _End) -> None:
        if self._path is not None:
            mark = f"{end.size} {end.hash.hex()}".encode("ascii")
            self._keys.set(_mark_key(self._id), mark)

    def _load(self, known: str) -> None:
        """Read who this journal is, find its keys, and check its end."""
        self._check_schema()
        self._id = self._read_id(known)
        seed = self._keys.get(_signing_key(self._id))
        digest_key = self._keys.get(_digest_key(self._id))
        if seed is None or digest_key is None:
            raise JournalUnusableError(
                f"the keys of journal {self._id} are not in {self._keys.says}",
                why="the file comes from another machine or user, or the key store was emptied",
                do="unlock or restore the key store, or begin a new journal: "
                "respond RUNBOOK --new-journal",
            )
        self._signer = Signer(self._id, seed)
        self._digest_key = digest_key
        self._end = self._checked_end()
        if self._path is None:
            return
        self._check_mark()
        if not known:
            self._keys.set(_place(self._path), self._id.encode("ascii"))
        self._identity = FileIdentity.take(self._path)

    def _check_schema(self) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID or version != SCHEMA_VERSION:
            raise JournalUnusableError(
                f"{self._path} is not a journal that this version can read",
                why=f"application id {application}, schema version {version}",
                do="use the version of respond that wrote it, or choose another path",
            )
        fault = schema_faults(self._db)
        if fault:
            raise JournalBrokenError(
                f"the tables of {self._path} were changed", why=fault, do=_VERIFY_FIRST
            )

    def _read_id(self, known: str) -> str:
        first = self._db.execute(f"{_ROWS} WHERE seq = 0").fetchone()
        if first is None:
            raise _broken(0, "it is missing")
        try:
            found = read_body(_Row(*first).body).journal
        except NotCanonicalError as error:
            raise _broken(0, str(error)) from error
        if not is_journal_id(found):
            raise _broken(0, "its journal id is malformed")
        if known and found != known:
            raise JournalBrokenError(
                f"{self._path} is another journal",
                why=f"{known} was here before; the file says {found}",
                do="put the right file back, or begin a new journal: respond RUNBOOK --new-journal",
            )
        return found

    def _checked_end(self) -> _End:
        """Walk back to the last checkpoint, check its signature, and every record after it."""
        tail: list[_Row] = []
        for values in self._db.execute(f"{_ROWS} ORDER BY seq DESC"):
            tail.append(_Row(*values))
            if tail[-1].kind == Kind.CHECKPOINT.value:
                break
        first = tail[-1].seq
        before = self._db.execute(_BEFORE, (first - 1,)).fetchone()
        end = _End(first, before[0] if before else GENESIS)
        if tail[-1].kind == Kind.CHECKPOINT.value:
            self._check_note(self._checked(tail[-1], end.hash), end)
        elif first != 0:
            raise _broken(0, "it is missing")
        for row in reversed(tail):
            end = self._follow(end, row)
        return end

    def _check_note(self, record: Record, end: _End) -> None:
        try:
            note = open_note(str(record.event.data.get("note")), self._signer.public)
        except NoteError as error:
            raise _broken(record.seq, f"of its checkpoint: {error}") from error
        if (note.journal, note.size, note.hash) != (self._id, end.size, end.hash.hex()):
            raise _broken(record.seq, "its checkpoint does not fit the records before it")

    def _check_mark(self) -> None:
        mark = _read_mark(self._id, self._keys)
        if mark is None:
            return
        found = self._db.execute(_BEFORE, (mark.size - 1,)).fetchone()
        if found is None or found[0] != mark.hash:
            raise JournalBrokenError(
                f"the journal {self._path} is older than it was, or was rewritten",
                why=(
                    f"{self._keys.says}: it had {mark.size} records and head {mark.hash.hex()[:32]}"
                    f"; the file has {self._end.size}"
                ),
                do="put the newest file back, or begin a new journal: respond "
                "RUNBOOK --new-journal",
            )


# --- names in the key store -----------------------------------------------------------------------


def _signing_key(journal: str) -> str:
    return f"signing-key/{journal}"


def _digest_key(journal: str) -> str:
    return f"digest-key/{journal}"


def _mark_key(journal: str) -> str:
    return f"high-water/{journal}"


def _run_key(run: str) -> str:
    return f"run-key/{run}"


def _place(path: Path) -> str:
    where = path.parent.resolve() / path.name
    return f"place/{hashlib.sha256(os.fsencode(where)).hexdigest()[:32]}"


def _known_at(path: Path, keys: KeyStore) -> str:
    """Id of the journal that was last seen at this path, or empty."""
    return (keys.get(_place(path)) or b"").decode("ascii", "replace")


def _read_mark(journal: str, keys: KeyStore) -> _End | None:
    stored = keys.get(_mark_key(journal))
    if stored is None:
        return None
    try:
        size, digest = stored.decode("ascii").split(" ")
        return _End(int(size), bytes.fromhex(digest))
    except ValueError as error:
        raise JournalUnusableError(
            f"the high-water mark of {journal} in {keys.says} is malformed",
            do="find out what changed it; `respond audit verify` checks without it",
        ) from error


def _mark_data(journal: str, keys: KeyStore) -> dict[str, Any] | None:
    if not journal:
        return None
    mark = _read_mark(journal, keys)
    if mark is None:
        return {"journal": journal, "size": None, "hash": None}
    return {"journal": journal, "size": mark.size, "hash": mark.hash.hex()}


def outside_evidence(path: Path, keys: KeyStore) -> tuple[PublicKey | None, Anchor | None]:
    """What the key store knows of the journal at a path, for ``verify``: key and high-water mark.

    The journal is the one that was last seen there, whatever the file says it is.
    """
    journal = _known_at(path.absolute(), keys)
    seed = keys.get(_signing_key(journal)) if journal else None
    mark = _read_mark(journal, keys) if journal else None
    return (
        Signer(journal, seed).public if seed else None,
        Anchor(journal, mark.size, mark.hash.hex()) if mark else None,
    )


# --- errors, files --------------------------------------------------------------------------------


def _broken(seq: int, why: str) -> JournalBrokenError:
    # Counted from 1, as `audit verify` counts them.
    return JournalBrokenError(
        f"the journal is broken at record {seq + 1}", why=why, do=_VERIFY_FIRST
    )


def _lost(path: Path, journal: str, keys: KeyStore, how: str) -> JournalUnusableError:
    mark = _read_mark(journal, keys)
    had = f"it had at least {mark.size} records" if mark else "how long it was is not known"
    return JournalUnusableError(
        f"the journal {path} {how}",
        why=f"{keys.says} remembers {journal}: {had}",
        do="put the file back, or begin a new journal that names the "
        "old one: respond RUNBOOK --new-journal",
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


def _is_empty(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT count(*) = 0 FROM sqlite_schema").fetchone()[0])


def _set_aside(path: Path, at: str) -> str:
    """Rename what stands at the path, with its side files; gives the new name or empty."""
    if not os.path.lexists(path):
        return ""
    aside = path.with_name(f"{path.name}.set-aside-{at.replace(':', '')}")
    for suffix in ("", "-wal", "-shm"):
        here = path.with_name(path.name + suffix)
        if os.path.lexists(here):
            here.rename(aside.with_name(aside.name + suffix))
    return aside.name


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error
    except UnicodeDecodeError as error:
        # SQLite's error text quotes the damaged schema, and Python cannot read that.
        raise JournalBrokenError(
            f"the file {path} is damaged", why="its schema is not text", do=_VERIFY_FIRST
        ) from error
    except OSError as error:
        raise JournalUnusableError(
            f"the journal {path} cannot be used", why=error.strerror or str(error)
        ) from error


def _is_disk_full(name: str, path: Path | None) -> bool:
    """SQLite says so, or it says only that writing failed and the disk has no room."""
    if name == "SQLITE_FULL":
        return True
    if path is None or not name.startswith("SQLITE_IOERR"):
        return False
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _ROOM_MIN


_ROOM_MIN = 65_536
"""A disk with less room is full: a commit needs some pages of 4096 bytes, and WAL frames."""
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def _translate(
    error: sqlite3.Error, path: Path | None
) -> JournalUnusableError | JournalBrokenError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_DAMAGED):
        return JournalBrokenError(
            f"the file {path} is damaged", why=f"SQLite says {name}: {error}", do=_VERIFY_FIRST
        )
    if _is_disk_full(name, path):
        return JournalUnusableError(
            f"the disk is full: the journal {path or 'in memory'} could not be written",
            why=f"SQLite says {name}: {error}",
            do=(
                "make room and `respond resume`; to go on at once on another disk:"
                " set [journal] path, then respond RUNBOOK --new-journal"
            ),
        )
    return JournalUnusableError(
        f"the journal {path or 'in memory'} could not be written or read",
        why=f"SQLite says {name}: {error}" if name else str(error),
        do=(
            "make room or mend the disk and `respond resume`;"
            " to go on at once on another disk: set [journal] path, then "
            "respond RUNBOOK --new-journal"
        ),
    )
