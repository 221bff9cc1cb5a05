"""What the engine needs from the outside, in our words. Adapters translate.

The one rule that the types carry: a write leaves only with an ``Intent``, and only the journal
makes those (P1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, Protocol

from respond.core.events import Actor, Event, Kind, Record
from respond.core.incoming import Delivery, Incoming
from respond.core.questions import Answer, Question
from respond.core.records import Frozen
from respond.core.script import Call, Person, Reply
from respond.core.values import SecretHandle

__all__ = [
    "FIRST_PAUSES_S",
    "Became",
    "Clock",
    "EvidenceStore",
    "Head",
    "Inbox",
    "Intent",
    "IntentSpentError",
    "Journal",
    "Kept",
    "KeptEvent",
    "KeyStore",
    "Pen",
    "Progress",
    "Prompt",
    "Reader",
    "Received",
    "Secrets",
    "ServerMemory",
    "Settlement",
    "Took",
]

FIRST_PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0)
"""Pauses between the first looks at something that is to change, in seconds; most is quick."""

_MINT = object()


class IntentSpentError(Exception):
    """An intent was used twice, for another request, or after the run was taken over."""


class Intent:
    """Permission for one request: that request, once, while its record is durable.

    Only ``mint`` makes one, and only a journal adapter calls ``mint``, after its commit; a
    structural test holds that still.
    """

    __slots__ = ("_spent", "digest", "record", "run", "seq")

    def __init__(
        self, seal: object, *, seq: int, run: str, digest: str, record: Record | None
    ) -> None:
        if seal is not _MINT:
            msg = "only a journal makes intents"
            raise IntentSpentError(msg)
        self.seq = seq
        self.run = run
        self.digest = digest
        self.record = record
        self._spent = False

    @classmethod
    def mint(cls, *, seq: int, run: str, digest: str, record: Record | None = None) -> Intent:
        """``record`` is the intent as it now stands in the journal, for the fold."""
        return cls(_MINT, seq=seq, run=run, digest=digest, record=record)

    def spend(self, digest: str) -> None:
        """Use it up for the request with this digest.

        Raises:
            IntentSpentError: Used before, or made for another request. Nothing was sent.
        """
        if self._spent:
            msg = f"intent {self.seq} was used before"
            raise IntentSpentError(msg)
        if digest != self.digest:
            msg = f"intent {self.seq} is for another request"
            raise IntentSpentError(msg)
        self._spent = True


class Head(Frozen):
    """Where the journal ends: how many records there are, and the hash of the last."""

    journal: str
    size: int
    hash: str

    @property
    def anchor(self) -> str:
        """The line that notices and reports carry: journal, size, first 32 hex of the head."""
        return f"{self.journal} {self.size} {self.hash[:32]}"


class Clock(Protocol):
    """Time. Nothing else asks the machine what time it is."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, wall clock."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds of a clock that never runs backwards, while ``boot`` stays the same."""
        ...

    def boot(self) -> str: ...

    def sleep(self, seconds: float) -> None: ...


class KeyStore(Protocol):
    """Small secrets by name: signing key, digest key, run keys, high-water mark."""

    @property
    def says(self) -> str:
        """Where they lie, for ``audit verify`` and ``doctor``, e.g. ``OS keyring``."""
        ...

    def get(self, name: str) -> bytes | None: ...

    def set(self, name: str, value: bytes) -> None: ...

    def delete(self, name: str) -> None: ...


class Journal(Protocol):
    """The append-only log. What it returns is durable.

    Every method raises ``JournalUnusableError`` when the record cannot be made durable (full disk,
    read-only, removed or replaced file) and ``JournalBrokenError`` when the chain does not verify;
    then nothing was recorded and nothing may be sent.
    """

    @property
    def id(self) -> str:
        """The journal's own id, the same for as long as it lives."""
        ...

    def append(
        self,
        event: Event,
        *,
        seal: Mapping[str, str] | None = None,
        synced: bool = True,
        seen: int | None = None,
    ) -> Record:
        """Add one event.

        Args:
            seal: Handle names to secret values, sealed under the run's key in one transaction.
            synced: False lets the next synced event make this one durable too. The process may
                die without losing it; a power cut may lose it, and never an event without all
                after it. Only for what a resumed run finds out again by looking, outcomes and
                what was observed: who reads a record of another kind takes it for durable.
            seen: The newest record of the run that what people say here was judged by. None: no
                matter.

        Raises:
            SaidMeanwhileError: People said something about the run after that; judge it anew.
            StepFailedError: The event has no canonical form, or is too large.
        """
        ...

    def intend(self, event: Event, *, digest: str) -> Intent:
        """Add an intent event and make the key to its one request."""
        ...

    def take(self, event: Event) -> int:
        """Add a ``taken`` event with the run's next epoch; every later append of this journal
        object for that run checks that the epoch is still the newest.
        """
        ...

    def runs(self, *, newest: int) -> Sequence[str]:
        """So many runs, the newest there are, oldest first."""
        ...

    def unfinished(self, having: Kind | None = None) -> Sequence[str]:
        """Runs that were proposed and are not over, oldest first; those with such a record."""
        ...

    def unreviewed(self) -> Sequence[str]:
        """Runs in which somebody went alone, and at which nobody else has looked, oldest first."""
        ...

    def records(self, run: str = "", *, since: int = 0) -> Iterator[Record]:
        """All records in order, or those of one run; from the seq ``since`` on."""
        ...

    def head(self) -> Head: ...

    def highest_at(self) -> str:
        """The latest wall clock time of any record, as text: time never stands before it (P16)."""
        ...

    def checkpoint(self, reason: str) -> Head:
        """Sign the head, record that, and raise the high-water mark."""
        ...

    def open_secret(self, run: str, handle: str) -> str | None:
        """A sealed secret of a run, or None when it is not held."""
        ...

    def held(self, run: str) -> Mapping[str, SecretHandle]:
        """Handles of all secrets sealed for a run."""
        ...

    def forget_secrets(self, run: str) -> None:
        """Destroy what is sealed for a run, and its key."""
        ...

    def digest(self, value: str) -> str:
        """Keyed digest (hex) of a secret value, typed as text; needs no open transaction."""
        ...


class Reader(Protocol):
    """Sends requests that cannot change anything; it has no way to send another."""

    def fetch(self, call: Call) -> Reply:
        """Send a read.

        Raises:
            RefusedBySystemError, NoAnswerError, NotReadyError: As their names say.
        """
        ...


class EvidenceStore(Protocol):
    """Keeps answers of systems, sealed. It holds nothing up, and nothing that fails here ends a
    run: what could not be kept is said.
    """

    def keep(self, run: str, sha256: str, answer: bytes) -> None:
        """Keep an answer under its digest; returns before it is kept, and never raises.

        One that is kept already is left as it is.
        """
        ...

    def unkept(self, patience_s: float) -> Mapping[str, str]:
        """What could not be kept so far, by digest, and why.

        What is still being written is waited for, and made durable, for so long at most.
        """
        ...


class Pen(Protocol):
    """Sends requests that change something, one intent each."""

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        """Spend the intent, then send.

        Raises:
            RefusedBySystemError: The system said no, or the request never left; nothing happened.
            NoAnswerError: It left and no usable answer came; it may have happened.
            IntentSpentError: Nothing was sent.
        """
        ...


class Prompt(Protocol):
    """A person at the terminal, or nobody, or the rehearsal's person.

    Attributes:
        is_there: Somebody sits there and sees what happens; when not, long waits park the run and
            every question is answered LATER.
    """

    is_there: bool

    def ask(self, question: Question) -> Answer: ...

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        """Let a person do a task while the tool looks; ends when seen.

        It looks at once, after each of ``FIRST_PAUSES_S``, and then every ``every_s`` seconds.
        """
        ...


class Progress(Protocol):
    """Told what happens, as it happens. It decides nothing and must not fail a run."""

    def event(self, record: Record) -> None: ...

    def say(self, text: str) -> None: ...

    def tell(self, text: str) -> None:
        """As ``say``, and it stays to be read: something else may write below it."""
        ...

    def waiting(self, what: str, seconds: float) -> None: ...

    def show_secret(self, title: str, value: str) -> None:
        """Show a new secret to the person at the terminal, once, as the last resort of a sink."""
        ...


class Secrets(Protocol):
    """Credentials of connections."""

    def credential(self, connection: str) -> str:
        """The credential in clear, for the transport only.

        Raises:
            NotReadyError: Not set, unreadable, or its store is locked; says how to set it.
        """
        ...


def actor_text(actor: Actor) -> str:
    """``dana (claimed)``."""
    return f"{actor.id} ({actor.strength.value})"


# --- the inbox ------------------------------------------------------------------------------------


class Took(Enum):
    """What the inbox took a delivery for."""

    NEW = "new"
    DUPLICATE = "duplicate"  # it was here before, all of it
    CONFLICT = "conflict"  # the sender's id was here before, with another body
    IGNORED = "ignored"  # genuine, and nothing in it can be used


class Became(Enum):
    """What became of one event."""

    WAITING = "waiting"
    PROPOSED = "proposed"
    JOINED = "joined"
    HELD = "held"  # until fewer runs of its runbook were proposed lately
    IGNORED = "ignored"


class Kept(Frozen):
    """What was kept of a delivery, durably.

    Attributes:
        delivery_id: Our id of it; of a duplicate, the id of the first.
    """

    delivery_id: str
    result: Took


class KeptEvent(Frozen):
    """An event that waits, or is held.

    Attributes:
        id: Its number in the inbox; they are settled by it.
    """

    id: int
    delivery: Delivery
    event: Incoming


class Settlement(Frozen):
    """What became of an event: as ``Inbox.settle`` takes it.

    Attributes:
        event: Its number in the inbox.
    """

    event: int
    became: Became
    run: str = ""
    why: str = ""
    stays: tuple[str, str] = ("", "")


class Received(Frozen):
    """One line of what came lately, for the page. All texts but ``source`` are from outside.

    Attributes:
        delivery: Our id of the delivery.
        result: Value of ``Became``; of a delivery without events, value of ``Took``.
        at_ms: When it was received, wall clock.
        event: Number of the event in the inbox; 0 of a delivery without events.
    """

    delivery: str
    source: str
    sender: str
    type: str
    title: str
    at_ms: int
    result: str
    run: str
    why: str
    weak: bool
    event: int = 0


class ServerMemory(Protocol):
    """What all servers behind one address know alike.

    Every method raises ``JournalUnusableError`` when it cannot be had: whoever asked does not know,
    and lets nobody in.
    """

    @property
    def apart_ms(self) -> int:
        """How far the clocks of two servers may differ; 0 where there is one."""
        ...

    def spend(self, thing: str, life_s: int) -> bool:
        """Use a thing up; False when it was before. It may be forgotten after its life."""
        ...

    def is_spent(self, thing: str) -> bool: ...

    def wait_s(self, source: str, rate: int) -> int:
        """Take one of this minute's deliveries of a source, at any of the servers.

        Args:
            rate: Deliveries a minute.

        Returns:
            0, or in how many seconds there is one again.
        """
        ...

    def close(self) -> None: ...


class Inbox(Protocol):
    """What came in, until the journal says what became of it. What ``keep`` returns is durable.

    Every method raises ``InboxUnusableError`` when that cannot be had; then nothing was kept.
    """

    def keep(
        self,
        delivery: Delivery,
        events: Sequence[Incoming],
        unusable: str,
        *,
        by_body: bool,
    ) -> Kept:
        """Keep a genuine delivery and those of its events that are new, in one transaction.

        Args:
            unusable: What in it can not be used, and why; empty when all can.
            by_body: The same body under another id is a duplicate: its signature has no time.
        """
        ...

    def waiting(self, limit: int) -> Sequence[KeptEvent]:
        """Events that are not settled, oldest first."""
        ...

    def held(self, limit: int) -> Sequence[KeptEvent]:
        """Events for which there are too many runs now, oldest first."""
        ...

    def settle(
        self,
        event_id: int,
        became: Became,
        *,
        run: str = "",
        why: str = "",
        stays: tuple[str, str] = ("", ""),
    ) -> bool:
        """Say what became of an event. False when it was settled before, or is not there.

        Of what it said only this type and title stay, in no file more; what is held stays whole.

        A held event can be settled once more; any other stays as it is.
        """
        ...

    def settle_all(self, settled: Sequence[Settlement]) -> int:
        """As ``settle``, several events in one transaction; how many it was not false for."""
        ...

    def count_waiting(self) -> int: ...

    def count_held(self) -> int: ...

    def count_open(self) -> tuple[int, Mapping[str, int]]:
        """How many wait, whosever they are, and how many of each source are held."""
        ...

    def last_heard(self) -> Mapping[str, int]:
        """When each source last delivered anything, wall clock in ms, as far as it is kept."""
        ...

    def recent(self, limit: int) -> Sequence[Received]:
        """What came last, newest first."""
        ...
