"""Kept answers as files beside the journal: each is written beside and then renamed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from respond.adapters.ordinary_file import open_ordinary, read_ordinary
from respond.adapters.store.journal_keys import evidence_key
from respond.adapters.store.sealed_evidence import LostAnswerError, SealedEvidence, key_to_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from respond.ports import KeyStore

__all__ = ["FILE_BYTES_MAX", "EvidenceFolder"]

FILE_BYTES_MAX = 64 * 1024 * 1024
"""More than any answer has: a longer file is not read."""


class EvidenceFolder(SealedEvidence):
    """The ``EvidenceStore`` in a folder, which is made with the first answer.

    Only its owner may look into it.
    """

    def __init__(self, beside: Path, journal: str, key: bytes | None, trouble: str = "") -> None:
        super().__init__(journal, key, trouble)
        self._folder = beside.parent / "evidence" / journal

    @classmethod
    def to_write(cls, beside: Path, journal: str, keys: KeyStore) -> EvidenceFolder:
        """For a run; the key is made when the journal has none. A key store that fails is said
        with the first answer that should have been kept.
        """
        return cls(beside, journal, *key_to_write(journal, keys))

    @classmethod
    def to_read(cls, beside: Path, journal: str, keys: KeyStore) -> EvidenceFolder:
        """For who looks at what was kept; it makes nothing.

        Raises:
            NotReadyError: The key store cannot be read.
        """
        return cls(beside, journal, keys.get(evidence_key(journal)))

    def kept_in(self, run: str) -> str:
        return str(self._folder / run)

    def _has(self, run: str, sha256: str) -> bool:
        return os.path.lexists(self._path(run, sha256))

    def _put(self, run: str, sha256: str, box: bytes) -> str:
        path = self._path(run, sha256)
        new = path.with_suffix(".new")
        try:
            for folder in (self._folder.parent, self._folder, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(box)
            new.replace(path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            return error.strerror or str(error)
        return ""

    def _sync(self, waiting: Mapping[str, str]) -> dict[str, str]:
        paths = {sha256: self._path(run, sha256) for sha256, run in waiting.items()}
        troubles = {sha256: _synced(path) for sha256, path in paths.items()}
        for folder in {path.parent for path in paths.values()}:
            with suppress(OSError):  # A name that a power cut takes away is missing, and named.
                handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                os.fsync(handle)
                os.close(handle)
        return {sha256: why for sha256, why in troubles.items() if why}

    def _box(self, run: str, sha256: str) -> bytes:
        try:
            return read_ordinary(self._path(run, sha256), FILE_BYTES_MAX)
        except FileNotFoundError:
            raise LostAnswerError("missing", why="its file is not there") from None
        except OSError as error:
            raise LostAnswerError("missing", why=error.strerror or str(error)) from error

    def _path(self, run: str, sha256: str) -> Path:
        return self._folder / run / f"{sha256}.sealed"


def _synced(path: Path) -> str:
    try:
        with open_ordinary(path, links=False) as file:
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""
