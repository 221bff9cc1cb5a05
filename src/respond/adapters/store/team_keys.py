"""The team's key store: small secrets in the database, each sealed under a key that is not there.

Who has a dump of the database, or reads along, has names and boxes. How far this machine saw the
journal, and which one, it remembers by itself, in its own key store: so a database that was put
back to an earlier day is found out by each machine that knew a later one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import psycopg

from respond.adapters.store.postgres import Database, DatabaseConnection, explain
from respond.adapters.store.sealing import KEY_BYTES, UnsealError, seal, unseal
from respond.errors import JournalUnusableError, NotReadyError

if TYPE_CHECKING:
    from respond.ports import KeyStore

__all__ = ["TeamKeys", "read_team_key"]

_OF_THIS_MACHINE: Final = ("high-water/", "place/", "timeline/")
_PROOF: Final = "team-key"
"""Sealed by whoever came first, so that another team's key is told apart from a changed box."""


def read_team_key(text: str) -> bytes:
    """The 32 bytes of the credential ``store-key``.

    Raises:
        NotReadyError: It is something else.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise NotReadyError(
            "the credential store-key is no team key",
            why=f"it has to be {KEY_BYTES} bytes in base64: `respond connect store-key` makes one",
            do="take the team's one from where it is kept, and `respond connect store-key`",
        )
    return key


class TeamKeys:
    """The ``KeyStore`` of all machines that use one database.

    Args:
        team_key: The team key; asked when it is first needed.
        own: This machine's own key store.
    """

    def __init__(self, database: Database, team_key: Callable[[], bytes], own: KeyStore) -> None:
        self._database = database
        self._team_key = cache(team_key)
        self._own = own
        self._is_ours = False

    @property
    def says(self) -> str:
        return f"the {self._database.name}, under the team key, and {self._own.says}"

    def get(self, name: str) -> bytes | None:
        if name.startswith(_OF_THIS_MACHINE):
            return self._own.get(name)
        found = self._do("SELECT box FROM keys WHERE name = %s", name)
        return self._opened(name, found[0][0]) if found else None

    def set(self, name: str, value: bytes) -> None:
        if name.startswith(_OF_THIS_MACHINE):
            self._own.set(name, value)
            return
        self._do(
            "INSERT INTO keys VALUES (%s, %b)"
            " ON CONFLICT (name) DO UPDATE SET box = excluded.box RETURNING name",
            name,
            self._sealed(name, value),
        )

    def delete(self, name: str) -> None:
        if name.startswith(_OF_THIS_MACHINE):
            self._own.delete(name)
            return
        self._do("DELETE FROM keys WHERE name = %s RETURNING name", name)

    # --- boxes ----------------------------------------------------------------------------------

    def _sealed(self, name: str, value: bytes) -> bytes:
        return seal(self._team_key(), value.hex(), place=_place(name))

    def _opened(self, name: str, box: bytes) -> bytes:
        try:
            return bytes.fromhex(unseal(self._team_key(), box, place=_place(name)))
        except UnsealError as error:
            raise NotReadyError(
                f"the entry {name} of the {self._database.name} does not open",
                why="its box was changed, or comes from another entry",
                do="find out what changed it; put it back from a backup",
            ) from error

    def _check_key(self, db: DatabaseConnection) -> None:
        """The first machine leaves a proof of the team key; every other one is held against it."""
        query = "INSERT INTO keys VALUES (%s, %b) ON CONFLICT DO NOTHING"
        row = db.execute("SELECT box FROM keys WHERE name = %s", (_PROOF,), binary=True).fetchone()
        if row is None:
            db.execute(query, (_PROOF, self._sealed(_PROOF, b"")))
            row = db.execute(
                "SELECT box FROM keys WHERE name = %s", (_PROOF,), binary=True
            ).fetchone()
        try:
            unseal(self._team_key(), (row or (b"",))[0], place=_place(_PROOF))
        except UnsealError as error:
            raise NotReadyError(
                f"the {self._database.name} belongs to another team key",
                why="what is sealed in it does not open with the credential store-key",
                do="take the key of the team that uses it: respond connect store-key; or give this"
                " team a database of its own",
            ) from error

    # --- the database ---------------------------------------------------------------------------

    def _do(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Carry out one statement on a session of its own: keys are asked for a few times a run."""
        try:
            with self._database.connect() as db:
                if not self._is_ours:
                    self._check_key(db)
                    self._is_ours = True
                return db.execute(query, values, binary=True).fetchall()
        except psycopg.Error as error:
            raise _not_ready(explain(error, self._database.name)) from error
        except JournalUnusableError as error:
            raise _not_ready(error) from error


def _place(name: str) -> bytes:
    return f"team-key\0{name}".encode()


def _not_ready(error: JournalUnusableError) -> NotReadyError:
    return NotReadyError(error.what, why=error.why, do=error.do)
