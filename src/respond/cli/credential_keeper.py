"""Put credentials into the key store: the journal has the record before the store has the value."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from respond.cli.output import say
from respond.core.events import Event, Kind
from respond.core.records import Mutable
from respond.errors import NotReadyError
from respond.wiring.session import credential_store, os_user

if TYPE_CHECKING:
    from respond.adapters.secrets.credential_store import CredentialStore
    from respond.adapters.secrets.redactor import Redactor
    from respond.adapters.store.journal_chain import ChainJournal
    from respond.formats.project.project import Project
    from respond.ports import Clock, KeyStore

__all__ = ["CredentialKeeper"]


class CredentialKeeper(Mutable):
    """What one call of ``respond connect`` stores and records with."""

    project: Project
    keys: KeyStore
    clock: Clock
    journal: ChainJournal
    redactor: Redactor
    store: CredentialStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = credential_store(self.project, self.keys, self.redactor, self.clock, say)

    def has(self, name: str) -> bool:
        try:
            self.store.credential(name)
        except NotReadyError:
            return False
        return True

    def keep(
        self, name: str, system: str, value: str, *, tried: str = "not tried", account: str = ""
    ) -> None:
        """Record first, store then: a stored credential without a record must not be."""
        self.record(
            name,
            system,
            what="credential-stored",
            digest=self.journal.digest(value),
            keys=self.keys.says,
            tried=tried,
            account=account,
        )
        try:
            self.store.keep(name, value)
        except NotReadyError as error:
            self.record(name, system, what="credential-not-stored", why=error.what)
            raise

    def record(self, name: str, system: str, **data: Any) -> None:
        named = {"connection": name, "system": system, **data}
        self.journal.append(Event(Kind.CONFIG_CHANGED, "", "", os_user(), named))
        # Signed at once: there may be no run, and so no other signature, for weeks.
        self.journal.checkpoint(f"connect {name}")
