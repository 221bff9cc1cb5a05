"""One PostgreSQL database: how it is reached, what it has to be, and its faults in our words.

What may be believed of a commit hangs on a few settings of the server, which are read back on each
new connection. Everything lies in one schema, ``respond``, and every statement finds it there.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import field
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors
from psycopg.waiting import Ready, Wait

from respond.adapters.store.postgres_address import begin_with, place_at, said_of, way_to
from respond.core.records import Mutable
from respond.errors import JournalUnusableError

__all__ = [
    "ASK_SERVER",
    "ASK_TIME",
    "DRILL_NAME",
    "SCHEMA_NAME",
    "Database",
    "DatabaseConnection",
    "ShutOutError",
    "explain",
    "lock_key",
    "process_name",
]

SCHEMA_NAME: Final = "respond"
DRILL_NAME: Final = "respond_drill"
"""Where runs against a simulated company are recorded, so that they never stand among real ones."""

ASK_TIME: Final = "SELECT extract(epoch FROM clock_timestamp())::float"

ASK_SERVER: Final = (
    "SELECT system_identifier::text, greatest(timeline_id, min_recovery_end_timeline)"
    " FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()"
)
"""Whose copy it is, and its timeline: until its first checkpoint the second place alone has that.

Source: PostgreSQL, "Control Data Functions"; what a promotion writes before it takes a write.
"""

T = TypeVar("T")

_TOKEN: Final = os.urandom(4).hex()
"""Two machines may have one name, and two processes one number."""
_CONNECT_S: Final = 5
_ANSWER_S: Final = 15.0
"""Longer than any statement of ours may take, and its wait for a lock before."""
_SILENT_S: Final = _ANSWER_S + 1
_LOCK_S: Final = 10
_OLDEST: Final = 140_000
"""PostgreSQL 14, the oldest that its makers still mend."""

_SHUT_OUT: Final = ("authentication failed", 'role "', "is not permitted to log in")
"""What it says at the door; it gives no code there."""

_SETTINGS: Final = {
    "synchronous_commit": "on",
    "lock_timeout": f"{_LOCK_S}s",
    "statement_timeout": f"{round(_ANSWER_S)}s",
    "idle_in_transaction_session_timeout": f"{round(_ANSWER_S)}s",
    "client_min_messages": "warning",
    # A run may wait for days on a session that says nothing.
    "idle_session_timeout": "0",
    # A machine that is switched off lets go of what it holds within half a minute.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_WANTED: Final = {
    "synchronous_commit": ("on", "remote_apply"),
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "server_encoding": ("UTF8",),
    "transaction_read_only": ("off",),
}
_WHY: Final = {
    "server_encoding": "what is written has to come back as the same bytes",
}
_READ_ONLY: Final = (
    "it is a standby, or was made read-only",
    "name the one that takes writes in [store] url; of several: ?target_session_attrs=read-write",
)


class DatabaseConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which nothing waits for ever: a server that is silent is a server that fails.

    The server's own limits do not help when it, or the way to it, has stopped.

    Attributes:
        server: PostgreSQL's number of the server and all that were copied from it.
        timeline: Which of those it is: each that takes over begins one with a higher number.
    """

    server: str = ""
    timeline: int = 0

    def wait(
        self,
        gen: Generator[Wait, Ready | int, T],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> T:
        """Wait for an answer.

        Raises:
            psycopg.OperationalError: None came in time; the connection is closed then.
        """
        end = time.monotonic() + (timeout or _SILENT_S)
        try:
            return super().wait(gen, interval, timeout or _SILENT_S)
        except psycopg.DatabaseError as error:
            if time.monotonic() < end:
                raise
            self.pgconn.finish()
            msg = f"no answer for {timeout or _SILENT_S:.0f} seconds"
            raise psycopg.OperationalError(msg) from error


class Database(Mutable):
    """Where it is, and how to come in. It may be used from several threads.

    Attributes:
        url: ``postgresql://USER@HOST/NAME``, without a password.
        password: Asked at each new connection; empty where the server wants none.
        schema: Where the tables are.
    """

    url: str
    password: Callable[[], str] = str
    schema: str = SCHEMA_NAME
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _server: str = field(default="", init=False)
    _timeline: int = field(default=0, init=False)
    _at: tuple[str, int] = field(default=("", 0), init=False)
    """Host and port that was good last: it is asked first, also when an old one is back."""

    @property
    def name(self) -> str:
        """What messages call it: host and database."""
        return said_of(self.url)

    @property
    def place(self) -> str:
        """The same for everybody who means this database, whoever they come in as."""
        where = place_at(self.url)
        return where if self.schema == SCHEMA_NAME else f"{where} {self.schema}"

    def connect(self) -> DatabaseConnection:
        """A new connection in autocommit, to the same server as before; settings are read back.

        Raises:
            JournalUnusableError: It cannot be reached, or what it commits is not to be relied on.
            NotReadyError: There is no credential for it.
        """
        try:
            opened = DatabaseConnection.connect(**self.way_in(), autocommit=True)
        except psycopg.Error as error:
            raise explain(error, self.name) from error
        try:
            self._check(opened)
        except psycopg.Error as error:
            opened.close()
            raise explain(error, self.name) from error
        except BaseException:
            opened.close()
            raise
        return opened

    def way_in(self) -> dict[str, Any]:
        """What a connection is opened with, its credential asked now.

        Raises:
            JournalUnusableError: The address does not say where.
            NotReadyError: There is no credential for it.
        """
        settings = {**_SETTINGS, "search_path": self.schema}
        password = self.password()
        return {
            **begin_with(way_to(self.url), *self._at),
            **({"password": password} if password else {}),
            "connect_timeout": _CONNECT_S,
            "client_encoding": "UTF8",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": round(_ANSWER_S * 1000),
            "application_name": process_name(),
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        }

    def _check(self, opened: DatabaseConnection) -> None:
        if opened.info.server_version < _OLDEST:
            self._refuse(
                f"is PostgreSQL {opened.info.server_version // 10_000}",
                f"it has to be {_OLDEST // 10_000} or newer",
                "move it to a newer server",
            )
        asked = ", ".join(f"current_setting('{name}')" for name in _WANTED)
        # Names of settings only, all written above.
        found = opened.execute(f"SELECT {asked}").fetchone()
        for (name, wanted), value in zip(_WANTED.items(), found or (), strict=True):
            if value not in wanted and name == "transaction_read_only":
                self._refuse("takes no writes", *_READ_ONLY)
            if value not in wanted:
                why = _WHY.get(name, "a commit that it confirms could be lost with the power")
                self._refuse(f"has {name} = {value}", why, f"set {name} = {wanted[0]} there")
        opened.server, opened.timeline = opened.execute(ASK_SERVER).fetchone() or ("", 0)
        self.recognise(opened.server, opened.timeline)
        self._at = opened.info.host, opened.info.port

    def recognise(self, server: str, timeline: int) -> None:
        """Hold a server against those that this process was with, and keep it in mind.

        Raises:
            JournalUnusableError: It is another one, or one that another took over from.
        """
        with self._lock:
            if self._server not in ("", server):
                self._refuse(
                    "is another server now", "it has another system identifier than before",
                    "look where the address leads, and start again",
                )  # fmt: skip
            self._server = server
            if timeline < self._timeline:
                self._refuse(
                    "is on a server that another one took over from",
                    f"its timeline is {timeline}, and it was {self._timeline} already: what is"
                    " written here would be missing there",
                    "stop that server, or make it a standby of the new one; with the new one all"
                    " goes on (docs/team-database.md, 'When a standby takes over')",
                )
            self._timeline = timeline

    def is_behind(self, opened: DatabaseConnection) -> bool:
        """Whether another server took over from the one that a connection leads to."""
        with self._lock:
            return opened.timeline < self._timeline

    def _refuse(self, what: str, why: str, do: str) -> None:
        raise JournalUnusableError(f"the {self.name} {what}", why=why, do=do)


def process_name() -> str:
    """How all sessions of this process are called there: ``respond HOST PID``, and a token."""
    return f"respond {socket.gethostname()[:36]} {os.getpid()} {_TOKEN}"


def lock_key(name: str) -> int:
    """The number under which PostgreSQL knows an advisory lock of ours."""
    return int.from_bytes(hashlib.sha256(f"respond {name}".encode()).digest()[:8], signed=True)


class ShutOutError(JournalUnusableError):
    """The database does not let this user in with this credential."""


def explain(error: Exception, name: str) -> JournalUnusableError:
    """What happened to the database, why, and what to do."""
    why = _sentence(error)
    resume = "; a run that this stopped goes on with `respond resume`"
    if isinstance(error, errors.LockNotAvailable):
        return JournalUnusableError(
            f"the {name} is held by another process",
            why=f"it waited {_LOCK_S} seconds for its turn to write; nothing was recorded",
            do="look for a stopped `respond` process, end it, and `respond resume`",
        )
    if isinstance(error, errors.DiskFull):
        return JournalUnusableError(f"the {name} has no room", why=why, do=f"make room{resume}")
    if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
        return JournalUnusableError(
            f"the {name} has no tables of respond", why=why, do="respond store init"
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return JournalUnusableError(
            f"the {name} refuses this user", why=why, do="respond store init gives the rights"
        )
    if any(words in why for words in _SHUT_OUT):
        return ShutOutError(
            f"the {name} lets nobody in with this credential", why=why, do="respond connect store"
        )
    return JournalUnusableError(
        f"the {name} could not be reached, read or written",
        why=why,
        do="see that it runs and that this machine reaches it; what cannot wait: take [store] out"
        f" of respond.toml, and it is recorded on this machine{resume}",
    )


def _sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[0].split())[:300] if lines else type(error).__name__
