"""A PostgreSQL of the tests' own: a cluster on a socket in a folder, that ends with the tests.

PostgreSQL refuses to run as root; then it runs as ``postgres``, whom Debian's package makes.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psycopg

__all__ = ["ENGINE_ROLE", "PostgresCluster", "bin_folder"]

# ruff: noqa: S603 - the programs of one package, by their full path

ENGINE_ROLE: Final = "respond_engine"
"""The role that engines come in as; a cluster has it from its beginning."""

_UP_WITHIN_S: Final = 60
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - with a folder of our own in it
_ROOM_BYTES_MIN: Final = 1 << 30


def bin_folder() -> Path | None:
    """Where ``initdb`` and ``postgres`` are; None on a machine without them."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in found if (each / "postgres").exists()), None)


def _place() -> Path:
    """A folder with a short name: a socket's path has 107 bytes at most.

    In memory where there is room: a new database is 300 files, which a disk takes eight times as
    long for. A crash of the server's processes loses nothing there either.
    """
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES_MIN
    return _MEMORY if has_room else Path("/tmp")  # noqa: S108 - the same


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_place()))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    return folder


@dataclass(slots=True)
class PostgresCluster:
    """One server of its own. ``stop`` it, or use it as a context.

    Attributes:
        folder: Where data and socket lie.
        settings: ``name=value`` for the server.
    """

    folder: Path
    settings: Sequence[str] = ()
    _server: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _names: itertools.count[int] = field(default_factory=itertools.count, init=False)

    @classmethod
    def begin(cls, *settings: str) -> Self:
        """Make a cluster in a new folder, and start it.

        Raises:
            LookupError: There is no PostgreSQL on this machine.
        """
        cluster = cls(_new_folder(), settings)
        try:
            made = [cluster._program("initdb"), "-D", str(cluster._data), "--auth=trust"]
            made += ["--username=postgres", "--no-sync", "--encoding=UTF8", "--no-locale"]
            subprocess.run(
                made, check=True, stdout=subprocess.DEVNULL, cwd="/", **cluster._as_whom()
            )
            cluster.start()
            with cluster.admin() as db:
                db.execute(f"CREATE ROLE {ENGINE_ROLE} LOGIN")
        except BaseException:
            cluster.stop(remove=True)
            raise
        return cluster

    def successor(self) -> Self:
        """A copy of it that took over as a standby does; this one goes on and knows nothing."""
        other = type(self)(_new_folder(), self.settings)
        data = other.folder / "data"
        self.stop()
        try:
            subprocess.run(["cp", "-a", self._data, data], check=True)  # noqa: S607 - with its owners
            self.start()
            (data / "standby.signal").touch()
            other.start()
            with other.admin() as db:
                db.execute("SELECT pg_promote()")
        except BaseException:
            other.stop(remove=True)
            raise
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What is thrown away need not be written down first.
        self.stop(signal.SIGQUIT, remove=True)

    # --- the server -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # After a crash it makes all files durable: by one call, not by one for each of thousands.
        own = ("listen_addresses=", "recovery_init_sync_method=syncfs")
        given = [f"-c{each}" for each in (*own, *self.settings)]
        program = [self._program("postgres"), "-D", str(self._data), "-k", str(self.folder), *given]
        setpriv = shutil.which("setpriv")
        if setpriv:  # So that it ends with us, however we end.
            program = [setpriv, "--pdeathsig=QUIT", *self._words(), *program]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                program, cwd="/", stdout=log, stderr=log, **({} if setpriv else self._as_whom())
            )
        end = time.monotonic() + _UP_WITHIN_S
        while True:
            try:
                self.admin().close()
            except psycopg.OperationalError:
                if time.monotonic() > end or self._server.poll() is not None:
                    raise
                time.sleep(0.02)  # A server that starts tells nobody.
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT, *, remove: bool = False) -> None:
        """Stop it: SIGINT as asked to, SIGQUIT as in a crash (``pg_ctl stop -m immediate``)."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait()
            self._server = None
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def pause(self, *, going_on: bool = False) -> None:
        """Stop every process of it dead as one that hangs; ``going_on`` lets them go on."""
        assert self._server is not None  # noqa: S101 - it was started
        children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children")
        for pid in (self._server.pid, *map(int, children.read_text().split())):
            os.kill(pid, signal.SIGCONT if going_on else signal.SIGSTOP)

    # --- databases ------------------------------------------------------------------------------

    def url(self, base: str = "postgres", role: str = "postgres") -> str:
        return f"postgresql://{role}@/{base}?host={self.folder}"

    def admin(self, base: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that may do everything, in autocommit."""
        return psycopg.connect(self.url(base), autocommit=True)

    def new_base(self, template: str = "") -> str:
        """A new database, empty or a copy of one that nobody is connected to; gives its name."""
        base = f"t{next(self._names)}"
        with self.admin() as db:
            db.execute(f"CREATE DATABASE {base}{f' TEMPLATE {template}' if template else ''}")
        return base

    def drop(self, base: str) -> None:
        """Throw a database away, whoever is connected to it."""
        with self.admin() as db:
            db.execute(f"DROP DATABASE IF EXISTS {base} WITH (FORCE)")

    # --- how it is run --------------------------------------------------------------------------

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _program(self, name: str) -> str:
        folder = bin_folder()
        if folder is None:
            msg = "there is no PostgreSQL on this machine"
            raise LookupError(msg)
        return str(folder / name)

    def _as_whom(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": "postgres", "group": "postgres", "extra_groups": ()}

    def _words(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        who = pwd.getpwnam("postgres")
        return [f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
