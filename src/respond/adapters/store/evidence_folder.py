"""Keep answers of systems as sealed files beside the journal, one a digest, and open them again.

A file is written by a thread of its own, beside and then renamed, and only made durable when a run
parks or ends: so no write to a system waits for it. The journal has the digest; a file that is
lost, cut or changed is found by it.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Thread
from typing import TYPE_CHECKING

from respond.adapters.ordinary_file import open_ordinary, read_ordinary
from respond.adapters.store.journal_keys import evidence_key
from respond.adapters.store.sealing import KEY_BYTES, UnsealError, seal, unseal
from respond.errors import NotReadyError, RespondError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.ports import KeyStore

__all__ = ["EvidenceFolder", "LostAnswerError"]

_FILE_BYTES_MAX = 64 * 1024 * 1024
"""More than any answer has: a longer file is not read."""


class LostAnswerError(RespondError):
    """An answer that the journal speaks of is not there as it was."""


@dataclass(slots=True, eq=False, repr=False)
class EvidenceFolder:
    """The ``EvidenceStore`` of one journal.

    Attributes:
        folder: Made with the first answer; only its owner may look into it.
        journal: Id of the journal; a file opens only for the run and digest that it was made for.
    """

    folder: Path
    journal: str
    _key: bytes | None
    _trouble: str = ""
    _lost: dict[str, str] = field(default_factory=dict, init=False)
    _left: dict[str, Path] = field(default_factory=dict, init=False)
    """Asked for and not on the disk yet, by digest."""
    _unsynced: dict[str, Path] = field(default_factory=dict, init=False)
    _todo: SimpleQueue[tuple[str, str, bytes] | None] = field(
        default_factory=SimpleQueue, init=False
    )
    _writer: Thread | None = field(default=None, init=False)
    _changed: Condition = field(default_factory=Condition, init=False)

    @classmethod
    def to_write(cls, beside: Path, journal: str, keys: KeyStore) -> EvidenceFolder:
        """For a run; the key is made when the journal has none. A key store that fails is said
        with the first answer that should have been kept.
        """
        try:
            key = keys.get(evidence_key(journal))
            if key is None:
                key = os.urandom(KEY_BYTES)
                keys.set(evidence_key(journal), key)
        except NotReadyError as error:
            return cls(_of(beside, journal), journal, None, error.sentence)
        return cls(_of(beside, journal), journal, key)

    @classmethod
    def to_read(cls, beside: Path, journal: str, keys: KeyStore) -> EvidenceFolder:
        """For who looks at what was kept; it makes nothing.

        Raises:
            NotReadyError: The key store cannot be read.
        """
        return cls(_of(beside, journal), journal, keys.get(evidence_key(journal)))

    # --- writing --------------------------------------------------------------------------------

    def keep(self, run: str, sha256: str, answer: bytes) -> None:
        """Have it written; returns at once."""
        with self._changed:
            if self._key is None:
                self._lost[sha256] = self._trouble
                return
            self._left[sha256] = self._path(run, sha256)
            if self._writer is None:
                self._writer = Thread(target=self._write, name="evidence", daemon=True)
                self._writer.start()
        self._todo.put((run, sha256, answer))

    def unkept(self, patience_s: float) -> Mapping[str, str]:
        """What is not there, by digest, and why; what is there is durable."""
        with self._changed:
            self._todo.put(None)
            self._changed.wait_for(lambda: not (self._left or self._unsynced), patience_s)
            late = dict.fromkeys(
                (*self._left, *self._unsynced), f"not written within {patience_s:g} s"
            )
            return {**self._lost, **late}

    def close(self) -> None:
        """Wait a little for what is left, so that the process does not end in the middle."""
        if self._writer is not None:
            self.unkept(1.0)

    def _write(self) -> None:
        while True:
            wanted = self._todo.get()
            if wanted is None:
                self._sync()
                continue
            run, sha256, answer = wanted
            trouble = self._written(run, sha256, answer)
            with self._changed:
                path = self._left.pop(sha256, None)
                if trouble:
                    self._lost[sha256] = trouble
                else:
                    self._lost.pop(sha256, None)
                    if path is not None:
                        self._unsynced[sha256] = path
                self._changed.notify_all()

    def _written(self, run: str, sha256: str, answer: bytes) -> str:
        """Write one file; says why that cannot be done, or nothing."""
        path, key = self._path(run, sha256), self._key
        if key is None:
            return self._trouble
        if path.exists():
            with suppress(LostAnswerError):
                self.read(run, sha256)
                return ""
        new = path.with_suffix(".new")
        try:
            for folder in (self.folder.parent, self.folder, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            box = seal(key, answer.decode(), place=self._place(run, sha256))
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(box)
            new.replace(path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            return error.strerror or str(error)
        return ""

    def _sync(self) -> None:
        with self._changed:
            waiting = dict(self._unsynced)
        folders = {path.parent for path in waiting.values()}
        for sha256, path in waiting.items():
            trouble = _synced(path)
            with self._changed:
                self._unsynced.pop(sha256, None)
                if trouble:
                    self._lost[sha256] = trouble
                self._changed.notify_all()
        for folder in folders:
            with suppress(OSError):  # A name that a power cut takes away is missing, and named.
                handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                os.fsync(handle)
                os.close(handle)

    # --- reading --------------------------------------------------------------------------------

    def read(self, run: str, sha256: str) -> bytes:
        """The answer with this digest, exactly.

        Raises:
            LostAnswerError: It is not there, or not what was kept.
        """
        path = self._path(run, sha256)
        try:
            box = read_ordinary(path, _FILE_BYTES_MAX)
        except FileNotFoundError:
            raise LostAnswerError("missing", why="its file is not there") from None
        except OSError as error:
            raise LostAnswerError("missing", why=error.strerror or str(error)) from error
        if self._key is None:
            raise LostAnswerError("sealed", why="its key is not in the key store")
        try:
            answer = unseal(self._key, box, place=self._place(run, sha256)).encode()
        except UnsealError:
            raise LostAnswerError("damaged", why="its file was cut or changed") from None
        if hashlib.sha256(answer).hexdigest() != sha256:
            raise LostAnswerError("damaged", why="its file holds another answer")
        return answer

    def _path(self, run: str, sha256: str) -> Path:
        return self.folder / run / f"{sha256}.sealed"

    def _place(self, run: str, sha256: str) -> bytes:
        return f"evidence\0{self.journal}\0{run}\0{sha256}".encode()


def _of(beside: Path, journal: str) -> Path:
    return beside.parent / "evidence" / journal


def _synced(path: Path) -> str:
    try:
        with open_ordinary(path, links=False) as file:
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""
