"""Kept answers in the database, as sealed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from respond.adapters.store.journal_keys import evidence_key
from respond.adapters.store.postgres import explain
from respond.adapters.store.sealed_evidence import LostAnswerError, SealedEvidence, key_to_write
from respond.errors import JournalUnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from respond.adapters.store.postgres import Database, DatabaseConnection
    from respond.ports import KeyStore

__all__ = ["EvidenceTable"]


class EvidenceTable(SealedEvidence):
    """The ``EvidenceStore`` of all machines that use one database."""

    def __init__(
        self, database: Database, journal: str, key: bytes | None, trouble: str = ""
    ) -> None:
        super().__init__(journal, key, trouble)
        self._database = database
        self._db: DatabaseConnection | None = None

    @classmethod
    def to_write(cls, database: Database, journal: str, keys: KeyStore) -> EvidenceTable:
        """For a run; the key is made when the journal has none. A key store that fails is said
        with the first answer that should have been kept.
        """
        return cls(database, journal, *key_to_write(journal, keys))

    @classmethod
    def to_read(cls, database: Database, journal: str, keys: KeyStore) -> EvidenceTable:
        """For who looks at what was kept; it makes nothing.

        Raises:
            NotReadyError: The key store cannot be read.
        """
        return cls(database, journal, keys.get(evidence_key(journal)))

    def close(self) -> None:
        super().close()
        if self._db is not None:
            self._db.close()

    def kept_in(self, run: str) -> str:
        return f"{self._database.name}, run {run}"

    def _has(self, run: str, sha256: str) -> bool:
        try:
            query = "SELECT 1 FROM evidence WHERE run = %s AND sha256 = %s"
            return bool(self._ask(query, run, sha256))
        except JournalUnusableError:
            return False  # Putting it there says what is wrong.

    def _put(self, run: str, sha256: str, box: bytes) -> str:
        query = "INSERT INTO evidence VALUES (%s, %s, %b) ON CONFLICT DO NOTHING RETURNING run"
        try:
            is_new = bool(self._ask(query, run, sha256, box))
        except JournalUnusableError as error:
            return error.sentence
        return "" if is_new else "something else lies in its place"

    def _sync(self, waiting: Mapping[str, str]) -> dict[str, str]:
        """Commit something that is synced, which takes along all before it; and see that all is
        there: the database may have died in between, and lost what was not.
        """
        query = (
            "SELECT sha256 FROM unnest(%s::text[], %s::text[]) AS w (run, sha256)"
            " WHERE NOT EXISTS (SELECT FROM evidence e WHERE e.run = w.run AND e.sha256 = w.sha256)"
        )
        try:
            self._ask("SET synchronous_commit = on")
            self._ask("SELECT pg_logical_emit_message(true, 'respond', 'evidence')")
            self._ask("SET synchronous_commit = off")
            lost = self._ask(query, list(waiting.values()), list(waiting))
        except JournalUnusableError as error:
            return dict.fromkeys(waiting, error.sentence)
        return {sha256: "the database lost it" for (sha256,) in lost}

    def _box(self, run: str, sha256: str) -> bytes:
        query = "SELECT box FROM evidence WHERE run = %s AND sha256 = %s"
        try:
            found = self._ask(query, run, sha256)
        except JournalUnusableError as error:
            raise LostAnswerError("missing", why=error.sentence) from error
        if not found:
            raise LostAnswerError("missing", why="it is not in the database")
        return bytes(found[0][0])

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement; a session that fails is used no more."""
        is_new = self._db is None or self._db.closed
        if self._db is None or is_new:
            self._db = self._database.connect()
        try:
            if is_new:
                # A row need not be durable before the run rests; then they are made so together.
                self._db.execute("SET synchronous_commit = off")
            done = self._db.execute(query, values, binary=True)
            return done.fetchall() if done.description else []
        except psycopg.Error as error:
            self._db.close()
            raise explain(error, self._database.name) from error
