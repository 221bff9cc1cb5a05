"""Stop a run dead at a chosen moment, as a power cut would, without a process to kill.

Every append, every intent and every request has a moment before and one after. ``Moments`` counts
them; at the chosen one it raises ``Killed``, which nothing in the tool catches. What the journal
has by then is all that a resumed run knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from respond.core.events import Event, Kind, Record
from respond.core.script import Call, Reply
from respond.core.values import SecretHandle
from respond.ports import Head, Intent, Journal, Pen

__all__ = ["Killed", "KilledJournal", "KilledPen", "Moments"]


class Killed(BaseException):
    """The process is gone. Not an Exception, so that no handler takes it for trouble."""


@dataclass(slots=True)
class Moments:
    """Counts moments and ends the run at one of them.

    Attributes:
        kill_at: Number of the moment to die at, from 0; None only counts.
        kill_step: Die when the first answer of this step would be recorded: it was sent, and
            nobody wrote down what came back.
        names: What was passed, in order, for messages.
    """

    kill_at: int | None = None
    kill_step: str = ""
    names: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, init=False)

    def here(self, name: str) -> None:
        with self._lock:
            # Whatever else was under way in the process is gone with it.
            if self.kill_at is None or len(self.names) <= self.kill_at:
                self.names.append(name)
            if self.kill_at is not None and len(self.names) > self.kill_at:
                raise Killed(self.names[-1])

    def at_step(self, event: Event) -> None:
        # ``revoke[3f2a]/log`` as its author wrote it: ``revoke/log``, and ``log`` alone.
        plain = _ITEM.sub("", event.step)
        meant = self.kill_step in {plain, plain.rpartition("/")[2]}
        if self.kill_step and event.kind in _ANSWERS and meant:
            raise Killed(f"before {event.kind.value} {event.step}")


_ITEM = re.compile(r"\[[^]]*\]")
_ANSWERS = (Kind.OUTCOME, Kind.UNKNOWN, Kind.OBSERVED)


class KilledJournal:
    """A journal with a moment before and after each append."""

    def __init__(self, journal: Journal, moments: Moments) -> None:
        self._journal = journal
        self._moments = moments

    @property
    def id(self) -> str:
        return self._journal.id

    def append(
        self,
        event: Event,
        *,
        seal: Mapping[str, str] | None = None,
        synced: bool = True,
        seen: int | None = None,
    ) -> Record:
        name = f"{event.kind.value} {event.step}".strip()
        self._moments.at_step(event)
        self._moments.here(f"before {name}")
        record = self._journal.append(event, seal=seal, synced=synced, seen=seen)
        self._moments.here(f"after {name}")
        return record

    def intend(self, event: Event, *, digest: str) -> Intent:
        self._moments.here(f"before intent {event.step}")
        intent = self._journal.intend(event, digest=digest)
        self._moments.here(f"after intent {event.step}")
        return intent

    def take(self, event: Event) -> int:
        self._moments.here("before taken")
        epoch = self._journal.take(event)
        self._moments.here("after taken")
        return epoch

    def runs(self, *, newest: int) -> Sequence[str]:
        return self._journal.runs(newest=newest)

    def unfinished(self, having: Kind | None = None) -> Sequence[str]:
        return self._journal.unfinished(having)

    def unreviewed(self) -> Sequence[str]:
        return self._journal.unreviewed()

    def records(self, run: str = "", *, since: int = 0) -> Iterator[Record]:
        return self._journal.records(run, since=since)

    def head(self) -> Head:
        return self._journal.head()

    def highest_at(self) -> str:
        return self._journal.highest_at()

    def checkpoint(self, reason: str) -> Head:
        self._moments.here("before checkpoint")
        head = self._journal.checkpoint(reason)
        self._moments.here("after checkpoint")
        return head

    def open_secret(self, run: str, handle: str) -> str | None:
        return self._journal.open_secret(run, handle)

    def held(self, run: str) -> Mapping[str, SecretHandle]:
        return self._journal.held(run)

    def forget_secrets(self, run: str) -> None:
        self._moments.here("before forgetting secrets")
        self._journal.forget_secrets(run)
        self._moments.here("after forgetting secrets")

    def digest(self, value: str) -> str:
        return self._journal.digest(value)


class KilledPen:
    """A pen with a moment before and after each request."""

    def __init__(self, pen: Pen, moments: Moments) -> None:
        self._pen = pen
        self._moments = moments

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        name = f"{call.connection} {call.says}"
        self._moments.here(f"before send {name}")
        reply = self._pen.send(intent, call, digest)
        self._moments.here(f"after send {name}")
        return reply
