"""Say which part of the server does not work: for ``/readyz``, and for those who look at a page.

What is asked is what decides elsewhere whether deliveries are taken and runs carried on; nothing
is judged twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from respond.core.clocks import APART_DO, apart, are_apart
from respond.core.records import Frozen, Mutable
from respond.errors import RespondError
from respond.ports import Clock, Inbox, Journal

if TYPE_CHECKING:
    from respond.adapters.queue.team_queue import Backlog

__all__ = ["Outage", "Outages"]

_STUCK_MS: Final = 60_000
"""A round of the conductor that takes longer is no sign of life."""

_ROOM_BYTES: Final = 4 << 20
"""Less room than this on the journal's disk, and the next night does not fit."""

_SILENT_MS: Final = 7 * 86_400_000
"""A pager that sends nothing for a week may have been switched off."""

_LATE_S: Final = 60
"""The workers take what any of them could do at once, unless there are too few of them."""

_ASK_EVERY_MS: Final = 60_000
_DAY_MS: Final = 86_400_000


class Outage(Frozen):
    """One thing that does not work.

    Attributes:
        stops: What comes in is not carried on because of it.
    """

    what: str
    do: str
    stops: bool = True


class Outages(Mutable):
    """What does not work now. It may be asked from several threads.

    Attributes:
        conductor: Why what comes in is not carried on, or empty.
        down: Threads that broke and were not begun again yet.
        carrying: Why runs are not carried on by another process, or empty.
        alive_ms: Monotonic time of the last whole round.
        began_ms: Wall time of the journal's first record, or 0.
        disk: The folder of the journal.
        senders: Sources that are expected to send by themselves.
        backlog: What waits for the workers of a team; None where there are none beside this one.
    """

    conductor: Callable[[], str]
    down: Collection[str]
    alive_ms: Callable[[], int]
    began_ms: Callable[[], int]
    journal: Journal
    inbox: Inbox
    clock: Clock
    disk: Path
    senders: Collection[str]
    backlog: Callable[[], Backlog] | None = None
    carrying: Callable[[], str] = lambda: ""
    _asked_ms: int | None = field(default=None, init=False)
    _silent: tuple[Outage, ...] = field(default=(), init=False)

    def stopping(self) -> Iterator[Outage]:
        """What stands in the way of carrying on what comes in, the first cause first."""
        broke = "; ".join(filter(None, [self.conductor(), *sorted(self.down), self.carrying()]))
        if broke:
            do = "the log says what broke; it is tried again by itself"
            yield Outage(broke, do)
        try:
            self.journal.head()
            self.inbox.count_waiting()
            room = shutil.disk_usage(self.disk).free
        except RespondError as error:
            yield Outage(f"{error.what}: {error.why}", error.do)
            return
        except OSError as error:
            yield Outage(str(error), "mend the disk")
            return
        if room < _ROOM_BYTES:
            yield Outage(
                f"{room} bytes are free for the journal, fewer than {_ROOM_BYTES}",
                f"make room in {self.disk}; deliveries are taken while they can be kept",
            )

    def is_stuck(self) -> bool:
        """Whether no round of the conductor came to its end for a minute."""
        return self.clock.mono_ms() - self.alive_ms() > _STUCK_MS

    def all(self) -> tuple[Outage, ...]:
        """Everything that whoever looks at a page should know, what stops runs first."""
        found = list(self.stopping())
        if self.is_stuck():
            what = "runs are not carried on: the last round is over a minute old"
            found.append(Outage(what, "look into the server's log; start it anew"))
        return (*found, *self._without_workers(), *self._silent_ones())

    def _without_workers(self) -> Iterator[Outage]:
        """What comes in is kept all the same: it is no reason to take nothing."""
        if self.backlog is None:
            return
        try:
            waits = self.backlog()
        except RespondError:
            return  # That the database cannot be reached is said already.
        if not waits.workers:
            what = f"runs are not carried on: no worker gives a sign of life; {waits.waiting} wait"
            yield Outage(what, "start one: respond worker", stops=False)
        elif waits.oldest_s > _LATE_S:
            what = f"runs are carried on late: the oldest job waits for {waits.oldest_s:.0f} s"
            yield Outage(what, "start another: respond worker; look into their logs", stops=False)
        for who in waits.refusing:
            what = f"a worker refuses the journal and does nothing: {who} has seen more of it"
            do = "its log says what is missing; docs/team-database.md says what can be done"
            yield Outage(what, do, stops=False)
        for left in waits.left:
            what = (
                f"{', '.join(left.runs)} of {left.runbook}:"
                f" left until a worker can carry it on: {left.lacks}"
            )
            yield Outage(what, f"on a machine with a worker: {left.do}", stops=False)
        if are_apart(waits.ahead_s):
            yield Outage(apart(waits.ahead_s, "team's database"), APART_DO, stops=False)

    def _silent_ones(self) -> tuple[Outage, ...]:
        mono_ms = self.clock.mono_ms()
        if self._asked_ms is None or mono_ms - self._asked_ms >= _ASK_EVERY_MS:
            try:
                self._silent = tuple(self._silent_now())
            except RespondError:
                return ()  # That it cannot be read is said already.
            self._asked_ms = mono_ms
        return self._silent

    def _silent_now(self) -> Iterator[Outage]:
        now_ms, heard = self.clock.now_ms(), self.inbox.last_heard()
        for source in sorted(self.senders):
            since_ms = heard.get(source, self.began_ms())
            if since_ms and now_ms - since_ms >= _SILENT_MS:
                days = (now_ms - since_ms) // _DAY_MS
                never = "" if source in heard else ", and before that nothing is known"
                yield Outage(
                    f"the source {source} has sent nothing for {days} days{never}",
                    "send a test event from there; respond doctor",
                    stops=False,
                )
