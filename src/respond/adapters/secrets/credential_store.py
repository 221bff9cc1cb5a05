"""Find the credential of a connection: in the key store, in a file, or from a program.

Never in the environment, in arguments or in a runbook. A value is opened for the transport and
told to the redactor in the same moment; what is kept in between is a ``Secret``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from respond.adapters.command import TookTooLongError, run, told_when_slow
from respond.adapters.ordinary_file import open_ordinary
from respond.adapters.secrets.redactor import Redactor
from respond.core.records import Mutable
from respond.core.redact import SHORTEST
from respond.core.secret_value import Secret
from respond.core.showable import showable
from respond.errors import NotReadyError
from respond.ports import Clock, KeyStore

__all__ = ["KEYRING", "CredentialStore"]

KEYRING: Final = "keyring"
_BYTES_MAX: Final = 64 * 1024
_COMMAND_S: Final = 30
_FILE: Final = "file:"
_SHARED: Final = "others can read or change"


def _key_name(credential: str) -> str:
    """The name of a credential in the key store: ``credential/cio/app``."""
    return f"credential/{credential}"


class CredentialStore(Mutable):
    """Credentials by name, each from the place that configuration refers to. A port: ``Secrets``.

    ``cio`` is the main credential of the connection ``cio``; ``cio/app`` is another one of it.

    Args:
        references: Name of a credential to its place: ``keyring``, ``file:PATH``, or the words
            of a command that prints it. A name that is missing is in the key store.
        redactor: Told about every value that is opened.
        environment: What such a command may see of ours.
        purposes: Name of a credential to what it is for, said when it is missing.
        folder: The service manager's credentials folder. Paths without a slash at their
            beginning lie in it.
    """

    _references: Mapping[str, str | Sequence[str]]
    _store: KeyStore
    _redactor: Redactor
    _clock: Clock
    environment: Mapping[str, str]
    purposes: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    tell: Callable[[str], None] = lambda _: None
    _open: dict[str, Secret] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def credential(self, connection: str) -> str:
        """The credential in clear, for the transport only. It is fetched once a run.

        Raises:
            NotReadyError: Not set, unreadable, open to others, or not usable; says how to set it.
        """
        with self._lock:
            secret = self._open.get(connection)
            if secret is None:
                secret = self._open[connection] = Secret(self._fetch(connection))
            return secret.open()

    def keep(self, connection: str, value: str) -> None:
        """Put a new value into the key store, and use it from now on.

        Raises:
            NotReadyError: The credential does not live in the key store; nothing was changed.
        """
        if self._references.get(connection, KEYRING) != KEYRING:
            raise self._problem(
                connection,
                "is kept outside of respond",
                do=f"put the new value where {self._where(connection)} takes it from",
            )
        self._usable(connection, value)
        self._redactor.register(connection, value)
        with self._lock:
            self._store.set(_key_name(connection), value.encode())
            self._open[connection] = Secret(value)

    def _fetch(self, name: str) -> str:
        reference = self._references.get(name, KEYRING)
        raw: bytes | None
        if not isinstance(reference, str):
            raw = self._from_command(name, reference)
        elif reference == KEYRING:
            raw = self._store.get(_key_name(name))
        elif reference.startswith(_FILE):
            raw = self._from_file(name, reference.removeprefix(_FILE))
        else:
            raise self._problem(
                name, "has a place that is not known", do="write keyring, file:PATH or a command"
            )
        if raw is None:
            raise self._problem(name, "is not set")
        try:
            # One newline at the end belongs to the editor, not to the credential.
            bare = raw.removesuffix(b"\n").removesuffix(b"\r") if raw.endswith(b"\n") else raw
            value = bare.decode("utf-8")
        except UnicodeDecodeError:
            raise self._problem(name, "is not text") from None
        self._usable(name, value)
        self._redactor.register(name, value)
        return value

    def _usable(self, name: str, value: str) -> None:
        if not value:
            raise self._problem(name, "is empty")
        if len(value) < SHORTEST:
            raise self._problem(name, f"has fewer than {SHORTEST} characters")
        if not value.isprintable() or not value.isascii():
            raise self._problem(name, "holds characters that no credential has, e.g. a line break")

    def _from_file(self, name: str, text: str) -> bytes:
        path = Path(text)
        if not path.is_absolute():
            if self.folder is None:
                raise self._problem(
                    name, "lies in the service's credentials folder, and there is none here"
                )
            path = self.folder / path
        try:
            # Opened first, looked at afterwards: what is checked is what is read.
            with open_ordinary(path, links=False) as file:
                service = self.folder is not None and path.parent == self.folder
                if why := _open_to_others(os.fstat(file.fileno()), service=service):
                    shown = showable(str(path))
                    mend = f"chmod 600 {shown}" if why == _SHARED else f"look at {shown}"
                    raise self._problem(name, f"lies in a file that {why}", do=mend)
                raw = file.read(_BYTES_MAX + 1)
        except OSError as error:
            raise self._problem(
                name, "cannot be read", why=f"{showable(str(path))}: {error.strerror}"
            ) from error
        if len(raw) > _BYTES_MAX:
            raise self._problem(name, f"lies in a file of more than {_BYTES_MAX} bytes")
        return raw

    def _from_command(self, name: str, argv: Sequence[str]) -> bytes:
        shown = showable(argv[0], limit=80) if argv else "nothing"
        try:
            with told_when_slow(self.tell, shown, f"which gives the credential '{name}'"):
                ran = run(
                    argv,
                    stdin=b"",
                    environment=self.environment,
                    timeout_s=_COMMAND_S,
                    clock=self._clock,
                    output_bytes_max=_BYTES_MAX,
                )
        except (OSError, IndexError) as error:
            reason = getattr(error, "strerror", "") or "it has no words"
            raise self._problem(
                name, "cannot be fetched", why=f"the command {shown} did not start: {reason}"
            ) from error
        except TookTooLongError as error:
            why = f"the command {shown} did not end within {_COMMAND_S} s; does it ask something?"
            raise self._problem(name, "cannot be fetched", why=why) from error
        if not ran.whole:
            raise self._problem(name, "cannot be fetched", why=f"{shown} printed too much")
        if ran.exit:
            # Its complaint is shown, never its output: that may be the credential.
            said = self._redactor.clean(ran.complaint.decode("utf-8", "replace")).strip()
            why = f"the command {shown} ended with exit status {ran.exit}"
            raise self._problem(
                name, "cannot be fetched", why=f"{why}: {showable(said)}" if said else why
            )
        return ran.output

    def _where(self, name: str) -> str:
        reference = self._references.get(name, KEYRING)
        return showable(reference if isinstance(reference, str) else f"the command {reference[0]}")

    def _problem(self, name: str, what: str, *, why: str = "", do: str = "") -> NotReadyError:
        connection = name.partition("/")[0]
        purpose = self.purposes.get(name, "")
        needed = f"it is needed for {purpose}" if purpose else f"connection '{connection}' needs it"
        return NotReadyError(
            f"the credential '{name}' {what}",
            why=f"{why}; {needed}" if why else needed,
            do=do or f"respond connect {connection}",
        )


def _open_to_others(status: os.stat_result, *, service: bool) -> str:
    """What is wrong with the rights on a file, or nothing.

    systemd shows files in its credentials folder as 0440 where an access list lets the service's
    own user in; the folder itself is closed to everybody else.
    """
    if status.st_uid not in {0, os.geteuid()}:
        return "belongs to somebody else"
    others = 0o037 if service else 0o077
    if status.st_mode & others:
        return _SHARED
    return ""
