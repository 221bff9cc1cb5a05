"""Keep answers of systems sealed, one a digest, and open them again, wherever they lie.

A thread of its own writes, and what it wrote is only made durable when a run parks or ends: so no
write to a system waits for it. The journal has the digest; an answer that is lost, cut or changed
is found by it.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from enum import Enum
from queue import SimpleQueue
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final

from respond.adapters.store.journal_keys import evidence_key
from respond.adapters.store.sealing import KEY_BYTES, UnsealError, seal, unseal
from respond.errors import NotReadyError, RespondError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.ports import KeyStore

__all__ = ["LostAnswerError", "SealedEvidence", "key_to_write"]

_PATIENCE_S: Final = 1.0


class LostAnswerError(RespondError):
    """An answer that the journal speaks of is not there as it was."""


def key_to_write(journal: str, keys: KeyStore) -> tuple[bytes | None, str]:
    """The key of a journal's evidence, made when it has none; or why there is none to be had."""
    try:
        key = keys.get(evidence_key(journal))
        if key is None:
            key = os.urandom(KEY_BYTES)
            keys.set(evidence_key(journal), key)
    except NotReadyError as error:
        return None, error.sentence
    return key, ""


class _Ask(Enum):
    SYNC = "sync"
    END = "end"


class SealedEvidence(ABC):
    """The ``EvidenceStore`` of one journal, until it is closed.

    Args:
        journal: Id of the journal; an answer opens only for its own run and digest.
        trouble: Why there is no key to write with; said with the first answer.
    """

    def __init__(self, journal: str, key: bytes | None, trouble: str = "") -> None:
        self._journal = journal
        self._key = key
        self._trouble = trouble
        self._lost: dict[str, str] = {}
        self._left: dict[str, str] = {}
        """Asked for and not written yet: run by digest."""
        self._unsynced: dict[str, str] = {}
        self._todo: SimpleQueue[tuple[str, str, bytes] | _Ask] = SimpleQueue()
        self._writer: Thread | None = None
        self._changed = Condition()

    # --- where they lie -------------------------------------------------------------------------

    @abstractmethod
    def kept_in(self, run: str) -> str:
        """Where a run's answers lie, for people."""

    @abstractmethod
    def _has(self, run: str, sha256: str) -> bool:
        """Whether something is there under this digest, whole or not."""

    @abstractmethod
    def _put(self, run: str, sha256: str, box: bytes) -> str:
        """Write a box; says why that cannot be done, or nothing. It need not be durable."""

    @abstractmethod
    def _sync(self, waiting: Mapping[str, str]) -> Mapping[str, str]:
        """Make these durable, run by digest; says of each that is not why."""

    @abstractmethod
    def _box(self, run: str, sha256: str) -> bytes:
        """What lies there.

        Raises:
            LostAnswerError: Nothing does, or it cannot be read.
        """

    # --- writing --------------------------------------------------------------------------------

    def keep(self, run: str, sha256: str, answer: bytes) -> None:
        """Have it written; returns at once."""
        with self._changed:
            if self._key is None:
                self._lost[sha256] = self._trouble
                return
            self._left[sha256] = run
            if self._writer is None:
                self._writer = Thread(target=self._write, name="evidence", daemon=True)
                self._writer.start()
        self._todo.put((run, sha256, answer))

    def unkept(self, patience_s: float) -> Mapping[str, str]:
        """What is not there, by digest, and why; what is there is durable."""
        with self._changed:
            self._todo.put(_Ask.SYNC)
            self._changed.wait_for(lambda: not (self._left or self._unsynced), patience_s)
            late = dict.fromkeys(
                (*self._left, *self._unsynced), f"not written within {patience_s:g} s"
            )
            return {**self._lost, **late}

    def close(self) -> None:
        """Wait a little for what is left, so that the process does not end in the middle.

        The thread ends with what it has to do, so that a server has none for each run it carried.
        """
        if self._writer is not None:
            self.unkept(_PATIENCE_S)
            self._todo.put(_Ask.END)
            self._writer.join(_PATIENCE_S)

    def _write(self) -> None:
        while True:
            wanted = self._todo.get()
            if wanted is _Ask.END:
                return
            if wanted is _Ask.SYNC:
                self._make_durable()
                continue
            run, sha256, answer = wanted
            trouble = self._written(run, sha256, answer)
            with self._changed:
                is_asked_for = self._left.pop(sha256, None) is not None
                if trouble:
                    self._lost[sha256] = trouble
                else:
                    self._lost.pop(sha256, None)
                    if is_asked_for:
                        self._unsynced[sha256] = run
                self._changed.notify_all()

    def _written(self, run: str, sha256: str, answer: bytes) -> str:
        if self._key is None:
            return self._trouble
        if self._has(run, sha256):
            with suppress(LostAnswerError):
                self.read(run, sha256)
                return ""
        box = seal(self._key, answer.decode(), place=self._place(run, sha256))
        return self._put(run, sha256, box)

    def _make_durable(self) -> None:
        with self._changed:
            waiting = dict(self._unsynced)
        troubles = self._sync(waiting) if waiting else {}
        with self._changed:
            for sha256 in waiting:
                self._unsynced.pop(sha256, None)
            self._lost.update(troubles)
            self._changed.notify_all()

    # --- reading --------------------------------------------------------------------------------

    def read(self, run: str, sha256: str) -> bytes:
        """The answer with this digest, exactly.

        Raises:
            LostAnswerError: It is not there, or not what was kept.
        """
        box = self._box(run, sha256)
        if self._key is None:
            raise LostAnswerError("sealed", why="its key is not in the key store")
        try:
            answer = unseal(self._key, box, place=self._place(run, sha256)).encode()
        except UnsealError:
            raise LostAnswerError("damaged", why="it was cut or changed where it lies") from None
        if hashlib.sha256(answer).hexdigest() != sha256:
            raise LostAnswerError("damaged", why="another answer lies in its place")
        return answer

    def _place(self, run: str, sha256: str) -> bytes:
        return f"evidence\0{self._journal}\0{run}\0{sha256}".encode()
