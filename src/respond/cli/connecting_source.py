"""Carry out ``respond connect`` for what ``respond serve`` needs: secrets of sources, sign-on.

There is nothing to try them with: whether a secret is right is seen when the first delivery comes.
So it is only held against the sender's own form, recorded, stored, and said where it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from respond.core.records import Frozen, Mutable, replace
from respond.errors import NotReadyError, UsageError

if TYPE_CHECKING:
    from respond.cli.credential_keeper import CredentialKeeper
    from respond.formats.project.project import Project, SourceConfig
    from respond.senders import Sender

__all__ = ["Stored", "Storing", "is_for_server"]

_SECRET_BYTES: Final = 32


class Stored(Frozen):
    """What was stored, and what is left to do.

    Attributes:
        stored_in: Empty when the stored one stays.
        moved: The one before was kept as ``NAME/old``.
        made: The new secret in clear, to be printed once; empty when a person gave it.
        path: Where deliveries go, below the page; empty where there are none.
    """

    name: str
    kind: str
    stored_in: str = ""
    moved: bool = False
    made: str = field(default="", repr=False)
    path: str = ""
    url: str = ""
    at_sender: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sender": self.kind,
            "stored_in": self.stored_in,
            "old_kept": self.moved,
            "path": self.path,
            "url": self.url,
            "at_sender": self.at_sender,
            **({"secret": self.made} if self.made else {}),
        }


def is_for_server(project: Project, name: str) -> bool:
    """Whether ``pager``, ``pager/old`` or ``oidc`` is a credential of the server."""
    from respond.formats.project.project import OIDC

    main = name.partition("/")[0]
    return main in project.sources or (name == OIDC and project.server.oidc is not None)


class Storing(Mutable):
    """One call of ``respond connect`` for such a name.

    Args:
        new: Asks for the secret, or reads it. Not called when one is made or the old one stays.
        make: Whether to make a secret.
        chance: Gives that many bytes of chance.
        tell: Chatter.
    """

    name: str
    keeper: CredentialKeeper
    new: Callable[[], str]
    chance: Callable[[int], bytes]
    tell: Callable[[str], None]
    make: bool = False
    replace: bool = False

    def go(self) -> Stored:
        """Do it.

        Raises:
            UsageError: There is no such credential, or the secret is not one of this sender.
            NotReadyError: The one that is kept elsewhere cannot be read, or is too short.
        """
        place = self._place()
        spell = self._spelling()
        if place != "keyring" or (not self.replace and self.keeper.has(self.name)):
            self._look_at(elsewhere=place != "keyring")
            return self._told(Stored(self.name, self._kind))
        value = spell(self.chance(_SECRET_BYTES)) if spell is not None else self.new()
        if trouble := self._trouble(value):
            raise UsageError(f"{self.name}: {trouble}", do="nothing was stored; copy it again")
        self.keeper.redactor.register(self.name, value)
        moved = self._keep_old()
        self.keeper.keep(self.name, self._kind, value)
        made = value if self.make else ""
        return self._told(Stored(self.name, self._kind, self.keeper.keys.says, moved, made))

    # --- what it is ---

    @property
    def _source(self) -> SourceConfig | None:
        return self.keeper.project.sources.get(self.name.partition("/")[0])

    @property
    def _sender(self) -> Sender | None:
        from respond.senders import SENDERS

        return SENDERS[self._source.sender] if self._source is not None else None

    @property
    def _kind(self) -> str:
        return self._source.sender if self._source is not None else "sign-on"

    @property
    def _signs(self) -> bool:
        """Whether deliveries are verified with it; a token for an API is another thing."""
        return self._source is not None and self.name.partition("/")[2] in {"", "old"}

    def _place(self) -> str | tuple[str, ...]:
        found = self.keeper.project.references.get(self.name)
        if found is None:
            main, _, part = self.name.partition("/")
            keys = {"old": "old_secret", "token": "token"}
            if part not in keys:
                raise UsageError(
                    f"{main} has no credential {part[:60]!r}" if part else f"{main} has no secret",
                    why=f"{main}: the secret; {main}/old: the one before; {main}/token: its API",
                )
            raise UsageError(
                f"{self.name!r} is not in respond.toml",
                do=f'add to [sources.{main}]:\n\n{keys[part]} = "keyring"\n',
            )
        return found

    def _spelling(self) -> Callable[[bytes], str] | None:
        """How to make a secret; None when none is to be made."""
        if not self.make:
            return None
        ours = self._sender.ours if self._sender is not None and "/" not in self.name else None
        if ours is None:
            raise UsageError(
                f"--new: the secret {self.name} is made on the other side, not here",
                do=f"copy it from there, then: respond connect {self.name}",
            )
        return ours

    def _trouble(self, value: str) -> str:
        if not value.isascii() or not value.isprintable():
            return "it holds characters that no credential has"
        if not self._signs or self._sender is None:
            return ""
        return self._sender.scheme.trouble(value)

    # --- storing ---

    def _look_at(self, *, elsewhere: bool) -> None:
        if elsewhere and (self.replace or self.make):
            raise UsageError(
                f"{self.name} is kept outside of respond, as respond.toml says",
                do="put the new value there, then connect without --replace and --new",
            )
        if trouble := self._trouble(self.keeper.store.credential(self.name)):
            raise NotReadyError(
                f"{self.name} cannot be used: {trouble}", do="put another one in its place"
            )
        where = "is kept outside of respond" if elsewhere else "is stored already"
        more = "" if elsewhere else "; --replace gives a new one"
        self.tell(f"{self.name} {where} and has the right form{more}")

    def _keep_old(self) -> bool:
        """Keep the one before, where two may count, so that no delivery is refused meanwhile."""
        old = f"{self.name}/old"
        if self.keeper.project.references.get(old) != "keyring" or not self.keeper.has(self.name):
            return False
        self.keeper.keep(old, self._kind, self.keeper.store.credential(self.name))
        return True

    def _told(self, made: Stored) -> Stored:
        if not self._signs or self._source is None or self._sender is None:
            return made
        path = f"/hooks/{self._source.name}"
        base = self.keeper.project.server.url or "https://(url of [server])"
        return replace(made, path=path, url=f"{base}{path}", at_sender=self._sender.set_up)
