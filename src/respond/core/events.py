"""What can stand in the journal: one event type with a closed list of kinds.

The list is SECURITY-MODEL's, plus what the state of a run needs: ``taken`` (an engine took the
run, with its epoch), ``parked``, ``ended``, ``joined`` (another event from outside belongs to the
run), ``answered`` (a person answered elsewhere what the run was parked for), ``followed-up``
(somebody came back to what a run that is over had left open) and ``plan-part`` (steps of a plan
that is too long for one record).
``respond.core.fold`` says which may follow which; ``docs/journal-format.md`` describes the fields
of ``data`` for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Self

from respond.core.records import Frozen

__all__ = ["Actor", "Event", "Kind", "KnownWord", "Record", "Strength"]


class KnownWord(Enum):
    """Words of the journal; the member of the empty word stands for one of another version."""

    @classmethod
    def _missing_(cls, _value: object) -> Self:
        return cls("")


class Kind(Enum):
    """The kinds of event; the values are what stands in the journal."""

    # There is one of each, and tables have them as keys: theirs would hash the name each time.
    __hash__ = object.__hash__

    OPENED = "opened"
    PROPOSED = "proposed"
    JOINED = "joined"
    ANSWERED = "answered"
    TAKEN = "taken"
    PLAN_PART = "plan-part"
    PLANNED = "planned"
    APPROVAL_ASKED = "approval-asked"
    APPROVED = "approved"
    DENIED = "denied"
    CONFIRMED = "confirmed"
    OBSERVED = "observed"
    INTENT = "intent"
    OUTCOME = "outcome"
    UNKNOWN = "unknown"
    RECONCILED = "reconciled"
    UNDO_ASKED = "undo-asked"
    UNDO_DONE = "undo-done"
    UNDO_FAILED = "undo-failed"
    NOTICE = "notice"
    PARKED = "parked"
    ENDED = "ended"
    CHECKPOINT = "checkpoint"
    BREAK_GLASS = "break-glass"
    REVIEWED = "reviewed"
    ERASED = "erased"
    PRUNED = "pruned"
    RESTORED = "restored"
    CONFIG_CHANGED = "config-changed"
    FOLLOWED_UP = "followed-up"


class Strength(Enum):
    """How surely we know who it was (SECURITY-MODEL section 5)."""

    CLAIMED = "claimed"
    CHAT = "chat"
    KEY = "key"
    SIGNED_ON = "signed-on"
    MACHINE = "machine"


class Actor(Frozen):
    """Who did it, and how surely that is known."""

    id: str
    strength: Strength


class Event(Frozen):
    """Something that happened, before the journal gives it a place and a time.

    Attributes:
        run: Run id, or empty for events of the journal itself.
        step: Step address, or empty.
        data: JSON without floats and without secrets; handles appear by name and digest.
    """

    kind: Kind
    run: str
    step: str
    actor: Actor
    data: Mapping[str, Any] = {}


class Record(Frozen):
    """An event as it stands in the journal.

    Attributes:
        seq: Place in the chain; 0 is the opening record.
        at: Wall clock when it was written, RFC 3339 in UTC with milliseconds.
        mono_ms: Monotonic clock in milliseconds; comparable within one ``boot``.
        boot: Identity of the machine's boot.
        hash: The chain's hash at this record (hex).
    """

    seq: int
    event: Event
    at: str
    mono_ms: int
    boot: str
    hash: str
