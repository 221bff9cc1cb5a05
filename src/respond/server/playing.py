"""Play rehearsals beside the server: ``respond rehearse NAME --auto``, one at a time.

Each is a process of its own, with a company and a journal of its own and without anything of the
server's but its folders, so that nothing of the server can reach into it, nor the other way round.
What it says while it goes on, and what it came to, is read as the JSON of that command.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from respond.adapters.command import Ran, TookTooLongError
from respond.core.asked import Today
from respond.core.events import Actor
from respond.core.records import Frozen, Mutable, replace
from respond.errors import RefusedByPersonError, RespondError, UsageError
from respond.ports import Clock, Head
from respond.server.board import OneRun
from respond.server.supervising import foreseen

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["LIMIT_S", "OUTPUT_BYTES_MAX", "Played", "Player", "Plays", "SeenRehearsal"]

LIMIT_S: Final = 300
"""A rehearsal takes seconds; whatever takes longer than this hangs."""
OUTPUT_BYTES_MAX: Final = 4 << 20

_AN_HOUR: Final = 6
"""Rehearsals that one person begins in an hour: each takes a processor for seconds, and is kept."""
_HOUR_MS: Final = 3_600_000
_ROOM_BYTES: Final = 64 << 20
"""A rehearsal takes half a MiB of the disk that the journal of the real runs may need."""
_REMEMBERED: Final = 20
_STOP_S: Final = 5.0


Plays: TypeAlias = Callable[[str, Callable[[bytes], None], Callable[[], bool]], Ran]
"""Runs the command for a runbook to its end, as ``adapters.command.run`` with its last two."""


class SeenRehearsal(NamedTuple):
    """A rehearsal as its own journal has it, and whether its company outlives its process."""

    one: OneRun
    head: Head
    today: Today
    stays: bool = False


class Played(Frozen):
    """One rehearsal that was begun from the page.

    Attributes:
        who: Whose button it was.
        began_ms: Wall time.
        says: What it said last.
        run: Its id, once it has one.
        is_over: Its process has ended.
        result: What it printed at its end, as ``respond rehearse --json``; empty without an end.
        trouble: Why it did not come to its end.
    """

    runbook: str
    who: str
    began_ms: int
    says: str = ""
    run: str = ""
    is_over: bool = False
    result: Mapping[str, Any] = {}
    trouble: RespondError | None = None


class Player(Mutable):
    """Plays rehearsals for people who are signed on.

    Attributes:
        titles: The runbooks that there are, by name, with their titles.
        plays: Plays one.
        room: How many bytes are free where rehearsals are kept.
        lately: Ids of the rehearsals that were begun last, the newest first, however they were.
        read: One of them; None when there is none of this id. Raises as ``SqliteJournal.open``,
            and ``IllegalEventError``.
    """

    titles: Callable[[], Mapping[str, str]]
    plays: Plays
    room: Callable[[], int]
    lately: Callable[[], Sequence[str]]
    read: Callable[[str], SeenRehearsal | None]
    clock: Clock
    log: FilteringBoundLogger
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _played: deque[Played] = field(default_factory=lambda: deque(maxlen=_REMEMBERED), init=False)
    _began: dict[str, deque[int]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_AN_HOUR)), init=False
    )
    _version: int = field(default=0, init=False)

    def start(self, name: str, who: Actor) -> None:
        """Begin one.

        Raises:
            UsageError: There is no such runbook.
            RefusedByPersonError: One goes on, this person has begun too many, or there is no room.
        """
        # Also what keeps any other word from becoming one of the command line.
        if name not in self.titles():
            raise UsageError("there is no such runbook here", do="choose one of the list")
        with self._lock:
            self._see_that_it_may(who.id)
            self._began[who.id].append(self.clock.mono_ms())
            self._played.append(Played(name, who.id, self.clock.now_ms()))
            self._version += 1
            self._thread = threading.Thread(
                target=self._play, args=(name,), name="rehearsal", daemon=True
            )
            self._thread.start()
        self.log.info("rehearsal.began", runbook=name, who=who.id)

    def _see_that_it_may(self, who: str) -> None:
        last = self.last
        if last is not None and not last.is_over:
            raise RefusedByPersonError(
                "a rehearsal goes on already",
                why=f"{last.who} began {last.runbook}; there is one at a time",
                do="wait for its end: it takes some seconds",
            )
        began = self._began[who]
        if len(began) == _AN_HOUR and self.clock.mono_ms() - began[0] < _HOUR_MS:
            raise RefusedByPersonError(
                f"you have begun {_AN_HOUR} rehearsals within an hour",
                why="each takes a part of the machine that carries the real runs",
                do="later; or on a machine of your own: respond rehearse RUNBOOK --auto",
            )
        if self.room() < _ROOM_BYTES:
            raise RefusedByPersonError(
                "there is too little room for a rehearsal",
                why=f"fewer than {_ROOM_BYTES >> 20} MiB are free, and real runs may need them",
                do="make room on the disk of the state folder",
            )

    @property
    def last(self) -> Played | None:
        """What was begun last, as it stands now."""
        return self._played[-1] if self._played else None

    def played(self, run: str) -> Played | None:
        """What is known of a rehearsal beside its journal; only as long as this server lives."""
        with self._lock:
            return next((each for each in self._played if each.run == run), None)

    @property
    def version(self) -> int:
        """Another one whenever something has changed."""
        return self._version

    def close(self) -> None:
        """End what goes on, and begin nothing more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    # --- the thread of one ----------------------------------------------------------------------

    def _play(self, name: str) -> None:
        run = why = ""
        try:
            with foreseen(self.log, "rehearsal.broke", runbook=name):
                result = self._result_of(name)
            run = str(result["run"])
            self._change(is_over=True, run=run, result=result)
        except RespondError as error:
            why = error.sentence
            self._change(is_over=True, trouble=error)
        self.log.info("rehearsal.ended", runbook=name, run=run, why=why)

    def _result_of(self, name: str) -> Mapping[str, Any]:
        """What the command prints at its end.

        Raises:
            RespondError: It came to none.
        """
        lines = _Lines(self._told)
        by_hand = f"on a terminal: respond rehearse {name} --auto"
        try:
            ran = self.plays(name, lines.hear, self._stopping.is_set)
        except OSError as error:
            raise UsageError("it could not be started", why=error.strerror or "") from error
        except TookTooLongError as error:
            if self._stopping.is_set():
                raise UsageError("the server was stopped, and this with it") from error
            raise UsageError(f"it took more than {LIMIT_S} s, and was ended", do=by_hand) from error
        result = _object(ran.output)
        if "run" in result:
            return result
        if lines.error is not None:
            raise lines.error
        how = f"signal {-ran.exit} ended it" if ran.exit < 0 else f"it ended with {ran.exit}"
        raise UsageError("it came to no end", why=how, do=by_hand)

    def _told(self, says: str, run: str) -> None:
        self._change(**{name: text for name, text in (("says", says), ("run", run)) if text})

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self._played[-1] = replace(self._played[-1], **changes)
            self._version += 1


class _Lines:
    """What the command says on standard error, an object a line (``docs/json.md``)."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self.error: RespondError | None = None
        self._tell = tell
        self._rest = b""

    def hear(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            told = _object(line)
            if isinstance(error := told.get("error"), dict):
                what, why, do = (str(error.get(each, "")) for each in ("what", "why", "do"))
                self.error = UsageError(what, why=why, do=do)
            self._tell(str(told.get("text", "")), str(told.get("run", "")))


def _object(text: bytes) -> dict[str, Any]:
    """An object of JSON; an empty one where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
