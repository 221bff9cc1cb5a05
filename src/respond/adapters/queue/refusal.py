"""Let everybody who looks at the queue see that a worker refuses the team's journal.

It is no worker then: it takes no job, and has no line among those who give signs of life. So it
holds a lock that all who refuse share, for as long as it does: nothing of it stays when it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

from respond.adapters.store.postgres import explain, lock_key
from respond.adapters.store.run_lock_postgres import HOLDER, called

if TYPE_CHECKING:
    from respond.adapters.store.postgres import Database, DatabaseConnection
    from respond.adapters.store.postgres_pool import PostgresPool

__all__ = ["Refusal", "refusing"]

_WHO: Final = f"SELECT DISTINCT a.application_name{HOLDER} ORDER BY 1"


class Refusal:
    """Of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._db: DatabaseConnection | None = None

    def show(self) -> None:
        """Be seen from now on; called again and again, also after the database was lost.

        Raises:
            JournalUnusableError: The database cannot be reached.
        """
        try:
            if self._db is not None:
                self._db.execute("SELECT 1")
                return
            self._db = self._database.connect()
            self._db.execute("SELECT pg_advisory_lock_shared(%s)", (_key(self._database),))
        except psycopg.Error as error:
            self.end()
            raise explain(error, self._database.name) from error

    def end(self) -> None:
        """Be seen no more. Twice is no error."""
        if self._db is not None:
            self._db.close()
            self._db = None


def refusing(pool: PostgresPool) -> tuple[str, ...]:
    """Which processes refuse the journal now: number and machine of each.

    Raises:
        JournalUnusableError: The database cannot be reached.
    """
    rows = pool.read(_WHO, {"key": _key(pool.database)})
    return tuple(called(name) or "one without a name" for (name,) in rows)


def _key(database: Database) -> int:
    return lock_key(f"refuses the journal {database.schema}")
