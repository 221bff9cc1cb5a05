"""Carry out ``respond connect`` for the team's database: its password, and the team key.

Both lie in this machine's key store. The journal that would record them may not be there yet, so
that it is recorded afterwards where that can be done, and said where it cannot.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from respond.adapters.store.sealing import KEY_BYTES, UnsealError
from respond.core.records import Frozen, Mutable
from respond.errors import JournalBrokenError, JournalUnusableError, NotReadyError, UsageError
from respond.formats.project.project import KEYRING, STORE, STORE_KEY

if TYPE_CHECKING:
    from respond.formats.project.project import Project
    from respond.ports import KeyStore
    from respond.wiring.places import Places

__all__ = ["OpenedStore", "StoreAccess", "is_for_store"]

_PASSWORD_BYTES: Final = 24


def is_for_store(project: Project, name: str) -> bool:
    """Whether ``store`` or ``store-key`` is a credential of the team's database."""
    return bool(project.store.url) and name in {STORE, STORE_KEY}


class OpenedStore(Frozen):
    """What was stored, and whether it opens the database.

    Attributes:
        stored_in: Empty when the stored one stays.
        made: The new one in clear, to be printed once; empty when a person gave it.
        tried: What came of trying it; empty when the database took it.
        unrecorded: Why the journal has no record of it; empty when it has.
    """

    name: str
    stored_in: str = ""
    made: str = field(default="", repr=False)
    tried: str = ""
    unrecorded: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "stored_in": self.stored_in,
            "tried": self.tried or "accepted",
            "unrecorded": self.unrecorded,
            **({"secret": self.made} if self.made else {}),
        }


class StoreAccess(Mutable):
    """One call of ``respond connect`` for such a name.

    Args:
        new: Asks for the value, or reads it. Not called when one is made or the stored one stays.
        make: Whether to make one.
        chance: Gives that many bytes of chance.
        tell: Chatter.
    """

    places: Places
    project: Project
    name: str
    keys: KeyStore
    new: Callable[[], str]
    chance: Callable[[int], bytes]
    tell: Callable[[str], None]
    make: bool = False
    replace: bool = False

    def go(self) -> OpenedStore:
        """Do it.

        Raises:
            UsageError: It is kept elsewhere, or there is one already.
            NotReadyError: It does not open the database; nothing was stored.
        """
        from respond.wiring.session import own_secrets

        stored = own_secrets(self.project, self.keys, self.tell)
        place = self.project.references.get(self.name)
        if place is None:
            raise UsageError(
                f"the database asks for no {self.name}",
                why='[store] of respond.toml says credential = "none"',
                do="take that line out if it asks for a password",
            )
        has = self._has(stored.credential)
        if (place != KEYRING or has) and not self.replace:
            if self.make:
                raise UsageError(
                    f"{self.name} is there already, and a new one would shut this machine out",
                    do=f"to take another one that the team has: respond connect {self.name}"
                    " --replace",
                )
            return OpenedStore(self.name, tried=self._tried(stored.credential(self.name)))
        if place != KEYRING:
            raise UsageError(
                f"{self.name} is kept outside of respond, as respond.toml says",
                do="put the new value there, then connect without --replace",
            )
        value = self._made() if self.make else self.new()
        tried = self._tried(value, is_new=self.make)
        self.keys.set(f"credential/{self.name}", value.encode())
        return OpenedStore(
            self.name,
            self.keys.says,
            value if self.make else "",
            tried,
            self._recorded(),
        )

    def _has(self, credential: Callable[[str], str]) -> bool:
        try:
            credential(self.name)
        except NotReadyError:
            return False
        return True

    def _made(self) -> str:
        if self.name == STORE:
            return self.chance(_PASSWORD_BYTES).hex()
        return base64.b64encode(self.chance(KEY_BYTES)).decode()

    def _tried(self, value: str, *, is_new: bool = False) -> str:
        """Why it could not be tried; empty when it is the right one.

        Raises:
            NotReadyError: It is not.
        """
        from respond.adapters.secrets.key_stores import MemoryKeys
        from respond.wiring.session import own_secrets
        from respond.wiring.stores import database_of

        secrets = own_secrets(self.project, self.keys, self.tell)
        database = database_of(self.project, secrets)
        from respond.adapters.store.postgres import ShutOutError
        from respond.adapters.store.team_keys import TeamKeys, read_team_key

        if self.name == STORE:
            database.password = lambda: value
            try:
                database.connect().close()
            except ShutOutError as error:
                if is_new:
                    return "respond store init makes the role with this password"
                raise NotReadyError(
                    f"{self.name} is not accepted: nothing was stored",
                    why=error.why,
                    do="copy it anew; where `respond store init` is still to make the role:"
                    " respond connect store --new",
                ) from error
            except JournalUnusableError as error:
                return error.sentence
            return ""
        key = read_team_key(value)
        try:
            TeamKeys(database, lambda: key, MemoryKeys()).get("connect/looks-whether-this-opens")
        except NotReadyError as error:
            if isinstance(error.__cause__, UnsealError):
                raise
            return error.sentence
        return ""

    def _recorded(self) -> str:
        """Why the journal has no record of it; empty when it has."""
        from respond.adapters.clock import SystemClock
        from respond.core.events import Event, Kind
        from respond.wiring.session import os_user, own_secrets
        from respond.wiring.stores import store_of

        secrets = own_secrets(self.project, self.keys, self.tell)
        told = {"connection": self.name, "system": "store", "what": "credential-stored"}
        try:
            store = store_of(self.project, self.places, self.keys, secrets)
            with store.journal(clock=SystemClock(), actor=os_user(), create=True) as journal:
                told["keys"] = self.keys.says
                journal.append(Event(Kind.CONFIG_CHANGED, "", "", os_user(), told))
                journal.checkpoint(f"connect {self.name}")
        except (JournalUnusableError, JournalBrokenError, NotReadyError) as error:
            return error.what
        return ""
