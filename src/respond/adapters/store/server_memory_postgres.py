"""What all servers of a team know alike, in PostgreSQL: who signed off, and how fast sources send.

A thing that is used up is kept far longer than it could live, by the database's clock: whoever
sets that clock has to be wrong by weeks before anything lives again.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from respond.adapters.store.postgres_pool import PostgresPool

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database

__all__ = ["MEMORY_RIGHTS", "MEMORY_TABLES", "PostgresMemory"]

MEMORY_TABLES: Final = """
CREATE TABLE spent_things (thing TEXT PRIMARY KEY, at_ms BIGINT NOT NULL);
CREATE INDEX spent_things_at ON spent_things (at_ms);
CREATE TABLE source_rates (
    source TEXT PRIMARY KEY, millionths BIGINT NOT NULL, at_ms BIGINT NOT NULL,
    taken BOOLEAN NOT NULL
) WITH (fillfactor = 50);
"""
"""What ``respond store init`` makes; the schema is that of the search path."""

MEMORY_RIGHTS: Final[Mapping[str, str]] = {
    "spent_things": "SELECT, INSERT, DELETE",
    "source_rates": "SELECT, INSERT, UPDATE",
}

_APART_MS: Final = 300_000
_KEPT_MS: Final = 60 * 86_400_000
_WHOLE: Final = 1_000_000
"""Millionths of a delivery."""

_NOW: Final = "(extract(epoch FROM now()) * 1000)::bigint"
_SPEND: Final = f"""
WITH over AS (DELETE FROM spent_things WHERE at_ms < {_NOW} - %s)
INSERT INTO spent_things VALUES (%s, {_NOW}) ON CONFLICT DO NOTHING RETURNING thing
"""  # noqa: S608 - no text from outside
_IS_SPENT: Final = "SELECT 1 FROM spent_things WHERE thing = %s"
_FILLED: Final = (
    f"least(%(most)s::bigint, old.millionths"
    f" + greatest(0, {_NOW} - old.at_ms) * %(most)s::bigint / 60000)"
)
# Nothing is lost with the last second of these, so no sync is waited for.
_TAKE: Final = f"""
WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO source_rates AS old
SELECT %(source)s, %(most)s::bigint - %(whole)s::bigint, {_NOW}, true FROM quick
ON CONFLICT (source) DO UPDATE SET
    taken = {_FILLED} >= %(whole)s,
    millionths = {_FILLED} - CASE WHEN {_FILLED} >= %(whole)s THEN %(whole)s::bigint ELSE 0 END,
    at_ms = {_NOW}
RETURNING taken, millionths
"""  # noqa: S608 - the same


class PostgresMemory:
    """The ``ServerMemory`` of all servers that use one database."""

    apart_ms = _APART_MS

    def __init__(self, database: Database) -> None:
        self._pool = PostgresPool(database)
        self._lock = threading.Lock()
        self._here: dict[str, int] = {}

    def close(self) -> None:
        """Close the connections; anything else afterwards is an error."""
        self._pool.close()

    def spend(self, thing: str, life_s: int) -> bool:
        del life_s  # Kept longer than any of them lives.
        with self._pool.transaction() as db:
            return db.execute(_SPEND, (_KEPT_MS, _digest(thing))).fetchone() is not None

    def is_spent(self, thing: str) -> bool:
        return bool(self._pool.read(_IS_SPENT, (_digest(thing),)))

    def wait_s(self, source: str, rate: int) -> int:
        with self._lock:
            if self._here.get(source, 0) > 0:
                self._here[source] -= 1
                return 0
        # What arrives within a second is taken at once, so that few have to wait for it. Who has
        # some left over may send them later, and all servers together no more than the rate.
        at_once = max(1, rate // 60)
        most = max(1, rate) * _WHOLE
        given = {"source": source, "most": most, "whole": at_once * _WHOLE}
        ((taken, left),) = self._pool.read(_TAKE, given)
        if not taken:
            return max(1, math.ceil((at_once * _WHOLE - int(left)) * 60 / most))
        with self._lock:
            self._here[source] = self._here.get(source, 0) + at_once - 1
        return 0


def _digest(text: str) -> str:
    # Whoever reads the table learns no session's name.
    return hashlib.sha256(text.encode()).hexdigest()
