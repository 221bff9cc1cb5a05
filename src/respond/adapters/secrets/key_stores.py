"""Key stores: memory, a folder of 0600 files, the operating system's keyring.

The keyring's backend is chosen from a list of ours and constructed by us. The library's own way,
its configuration file and ``PYTHON_KEYRING_BACKEND``, imports whatever it is told to, and can
choose a backend that keeps nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from respond.adapters.ordinary_file import open_ordinary
from respond.adapters.secrets import two_places
from respond.adapters.store.sqlite_file import sync_folder
from respond.errors import NotReadyError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FolderKeys", "KeyringBackend", "KeyringKeys", "MemoryKeys"]

T = TypeVar("T")
_OFTEN = "high-water/"
"""What such a name stands for is no secret, and is written over with each intent."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class MemoryKeys:
    """Throw-away keys of this process, for dry runs, rehearsals and tests."""

    says = "this process's memory"

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        with self._lock:
            return self._values.get(name)

    def set(self, name: str, value: bytes) -> None:
        with self._lock:
            self._values[name] = bytes(value)

    def delete(self, name: str) -> None:
        with self._lock:
            self._values.pop(name, None)


class FolderKeys:
    """One file a key, 0600, in a folder of its own, 0700; for servers without a keyring.

    A value is replaced as a whole: after a crash the old or the new one is there. A file or
    folder that others can read, or that belongs to somebody else, is refused, never repaired:
    what it holds may be known to others already. The high-water mark is written over in its file.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.absolute()
        self.says = f"0600 files in {self._folder}"

    def get(self, name: str) -> bytes | None:
        if not self._folder_is_there():
            return None
        path = self._path(name)
        try:
            with open_ordinary(path, links=False) as file:
                _refuse_open_to_others(path, os.fstat(file.fileno()), "0600")
                value = file.read()
            # An older version wrote every value as it is.
            is_often = name.startswith(_OFTEN) and len(value) == two_places.SIZE
            return two_places.value_in(value) if is_often else value
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _not_ready(f"the key file {path} cannot be read", error) from error

    def set(self, name: str, value: bytes) -> None:
        path = self._path(name)
        is_often = name.startswith(_OFTEN)
        try:
            if is_often and self._folder_is_there() and self._written_over(path, value):
                return
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder_is_there()
            self._replace(path, two_places.first_written(value) if is_often else value)
        except OSError as error:
            raise _not_ready(f"the key file {path} cannot be written", error) from error

    def delete(self, name: str) -> None:
        if not self._folder_is_there():
            return
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise _not_ready(f"the key file {path} cannot be removed", error) from error

    def _written_over(self, path: Path, value: bytes) -> bool:
        """Write it into the file of two places that stands there; False where none does."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            found = os.fstat(handle)
            _refuse_open_to_others(path, found, "0600")
            if not stat.S_ISREG(found.st_mode) or found.st_size != two_places.SIZE:
                return False
            two_places.write_over(handle, value)
        finally:
            os.close(handle)
        return True

    def _replace(self, path: Path, value: bytes) -> None:
        new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
        new.unlink(missing_ok=True)  # A crash may have left one, and then ids are used again.
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)

    def _folder_is_there(self) -> bool:
        try:
            found = os.lstat(self._folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _not_ready(f"the key folder {self._folder} cannot be read", error) from error
        if not stat.S_ISDIR(found.st_mode):
            raise NotReadyError(
                f"{self._folder} is not a folder",
                why="keys lie in a folder of their own; links are not followed",
                do="remove it, or set [journal] keys_path to another folder",
            )
        _refuse_open_to_others(self._folder, found, "0700")
        return True

    def _path(self, name: str) -> Path:
        """A file name for a key name: readable, and different for different names.

        Letters, digits and ``._-`` stay, ``/`` becomes ``--``. A digest is added, because two
        names may read alike, on disks that ignore case too.
        """
        digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:16]
        readable = name.replace("/", "--")
        if not _PLAIN_NAME.fullmatch(readable):
            readable = "key"
        return self._folder / f"{readable}.{digest}"


class KeyringBackend(Protocol):
    """The three methods of a keyring backend that are used."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


class KeyringKeys:
    """The operating system's keyring: Secret Service, KWallet, macOS Keychain, Windows.

    Values are stored in base64, because keyrings keep text. Locked or missing keyrings raise
    ``NotReadyError``; there is no fallback to anything weaker.

    Args:
        backend: For tests; without it the first of our list that works here is constructed.
        service: Under which name the entries stand in the keyring.
        tell: Told what is waited for, when the keyring has not answered for ``quiet_s``.
        patience_s: After so many seconds it counts as locked: its own window may never come.
    """

    def __init__(
        self,
        backend: KeyringBackend | None = None,
        *,
        service: str = "respond",
        tell: Callable[[str], None] = lambda _: None,
        quiet_s: float = 3,
        patience_s: float = 30,
    ) -> None:
        self._tell, self._quiet_s, self._patience_s = tell, quiet_s, patience_s
        self._asking: threading.Thread | None = None
        self._backend = backend or self._in_time(_choose_backend, "open", "the keyring")
        self._service = service
        self.says = f"the OS keyring ({type(self._backend).__module__.rpartition('.')[2]})"
        self._lock = threading.RLock()

    def get(self, name: str) -> bytes | None:
        with self._lock:
            stored = self._ask("read", name)
        if stored is None:
            return None
        try:
            return base64.b64decode(stored, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotReadyError(
                f"the keyring entry {self._service}/{name} was not written by respond",
                why="it is not base64",
                do="look at the entry in your keyring's own program, and remove it if it is wrong",
            ) from error

    def set(self, name: str, value: bytes) -> None:
        encoded = base64.b64encode(value).decode("ascii")
        with self._lock:
            self._ask("write", name, encoded)
            # A backend that accepts and keeps nothing would cost us the journal's key.
            if self._ask("read", name) != encoded:
                raise NotReadyError(
                    f"the keyring did not keep {self._service}/{name}",
                    why="reading it back gave something else",
                    do=_DO_INSTEAD,
                )

    def delete(self, name: str) -> None:
        with self._lock:
            if self._ask("read", name) is not None:
                self._ask("delete", name)

    def _ask(self, verb: str, name: str, value: str = "") -> str | None:
        from keyring.errors import KeyringError  # noqa: PLC0415 (slow)

        entry = f"{self._service}/{name}"
        try:
            if verb == "read":
                return self._in_time(self._backend.get_password, verb, entry, self._service, name)
            if verb == "write":
                self._in_time(self._backend.set_password, verb, entry, self._service, name, value)
            else:
                self._in_time(self._backend.delete_password, verb, entry, self._service, name)
        except NotReadyError:
            raise
        except _backend_errors(KeyringError) as error:
            raise NotReadyError(
                f"the keyring could not {verb} {entry}",
                why=f"{type(error).__name__}: {error}",
                do=f"unlock the keyring and try again; {_DO_INSTEAD}",
            ) from error
        return None

    def _in_time(self, do: Callable[..., T], verb: str, entry: str, *words: str) -> T:
        """What ``do`` gives or raises; a keyring that waits for its own window does neither."""
        late = NotReadyError(
            f"the keyring did not {verb} {entry} within {self._patience_s:.0f} s",
            why="it is locked, and nobody has answered its window, or none came up",
            do=f"unlock the keyring in its own program and try again; {_DO_INSTEAD}",
        )
        if self._asking is not None and self._asking.is_alive():
            raise late  # The question before is still open, and this one would wait behind it.
        answer: Future[T] = Future()

        def ask() -> None:
            from keyring.errors import KeyringError  # noqa: PLC0415 (slow)

            try:
                answer.set_result(do(*words))
            except _backend_errors(KeyringError) as error:
                answer.set_exception(error)
            finally:
                # What nobody foresaw is told by the thread itself, and ends the wait, too.
                if not answer.done():
                    answer.set_exception(RuntimeError("the keyring's own library broke"))

        # A thread that may be left behind: the call below it cannot be ended.
        self._asking = threading.Thread(target=ask, name="keyring", daemon=True)
        self._asking.start()
        if not wait([answer], self._quiet_s).done:
            self._tell("waiting for the OS keyring: its window may want to be answered")
            if not wait([answer], self._patience_s - self._quiet_s).done:
                raise late
        self._asking = None
        return answer.result()


_BACKENDS = {
    "darwin": {"macOS": ("macOS", "Keyring")},
    "win32": {"Windows": ("Windows", "WinVaultKeyring")},
    "": {"SecretService": ("SecretService", "Keyring"), "KWallet": ("kwallet", "DBusKeyring")},
}
"""Module and class of those that are tried, by platform; the empty one stands for all others."""

_DO_INSTEAD = 'where there is no keyring, set `keys = "file"` under [journal] in respond.toml'


def _backend_errors(own: type[Exception]) -> tuple[type[Exception], ...]:
    """What backends raise: the library's errors, and those of the bus below it where loaded."""
    found: list[type[Exception]] = [own, OSError, NotReadyError]
    for module, name in (
        ("secretstorage.exceptions", "SecretStorageException"),
        ("jeepney.wrappers", "DBusErrorResponse"),
    ):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def _choose_backend() -> KeyringBackend:
    from keyring.errors import KeyringError  # noqa: PLC0415 (slow)

    reasons: list[str] = []
    for name, (module, made) in _BACKENDS.get(sys.platform, _BACKENDS[""]).items():
        try:
            backend = getattr(import_module(f"keyring.backends.{module}"), made)
            _ = backend.priority  # A property of the class that raises where it cannot work.
            return cast("KeyringBackend", backend())
        except (ImportError, RuntimeError, OSError, KeyringError) as error:
            reasons.append(f"{name}: {error}")
    raise NotReadyError(
        "there is no OS keyring here", why="; ".join(reasons) or "none is known", do=_DO_INSTEAD
    )


def _refuse_open_to_others(path: Path, found: os.stat_result, wanted: str) -> None:
    if found.st_uid != os.geteuid():
        raise NotReadyError(
            f"{path} belongs to somebody else",
            why="its owner can read and replace the keys",
            do="choose a folder of your own for the keys",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise NotReadyError(
            f"{path} is open to other users",
            why=f"its mode is {stat.S_IMODE(found.st_mode):04o}; it should be {wanted}",
            do="treat the keys as known to others: make new ones in a folder with mode 0700",
        )


def _not_ready(what: str, error: OSError) -> NotReadyError:
    return NotReadyError(
        what,
        why=error.strerror or str(error),
        do="make room or mend the folder; or copy it to another, and set [journal] keys_path",
    )
