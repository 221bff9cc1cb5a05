"""Say what each kind of event tells: one small record a kind, between us and the journal's JSON.

``content_of`` is the one door in: nobody else looks into ``Event.data``. ``data_of`` is the one
door out; the bytes of an event are decided where it is written, by the fields that are given.
Fields that are said to be "of its record" are not in the JSON: the fold takes them from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from respond.core.approval import Request, proved_by
from respond.core.events import Actor, Event, Kind, KnownWord, Strength
from respond.core.exposure import Exposure
from respond.core.finding import Finding
from respond.core.incoming import Means
from respond.core.kept_answer import KeptAnswer
from respond.core.plan import Plan, PlannedStep, PlannedWrite, plan_from, steps_from
from respond.core.questions import Decision
from respond.core.read_back import data_of, read
from respond.core.records import Frozen, replace
from respond.core.review import ReviewEnd
from respond.core.script import Undo
from respond.errors import ExitCode

__all__ = [
    "ABOUT_EVIDENCE",
    "Answered",
    "ApprovalAsked",
    "As",
    "AskKind",
    "AsksFor",
    "CarriesEvidence",
    "Conclusion",
    "ConfirmScope",
    "Confirmed",
    "Content",
    "Ended",
    "FollowUp",
    "FollowedUp",
    "Intended",
    "Joined",
    "Noticed",
    "OutsideEvent",
    "Parked",
    "PlanPart",
    "Planned",
    "Proposed",
    "Reviewed",
    "SentWrite",
    "Settled",
    "Signed",
    "Since",
    "StepFailure",
    "Taken",
    "UndoAsked",
    "UndoEnded",
    "Voted",
    "WentAlone",
    "WriteStatus",
    "content_of",
    "data_of",
]


class Content(Frozen):
    """What an event tells; bare for an event of the journal itself."""


ABOUT_EVIDENCE: Final = "evidence"
"""What a notice is about that says what could not be kept."""


class CarriesEvidence(Content, frozen=True, kw_only=True):
    """What an event tells that may also say which answers were kept since the one before."""

    evidence: Sequence[KeptAnswer] = ()


_NOBODY: Final = Actor("", Strength.MACHINE)

_OLD_S: Final = 600
"""Older than this, an event looks new and is not; senders try again for minutes."""


# --- a run ----------------------------------------------------------------------------------------


class OutsideEvent(Frozen):
    """An event from outside, as far as a run keeps it; what each is says ``Incoming``.

    Attributes:
        delivery: Our id of the delivery that it came in.
        weak: Its source proves less than a signature.
        age_s: How long before it came it happened, by its sender's account, in seconds.
    """

    source: str = ""
    sender: str = ""
    delivery: str = ""
    key: str = ""
    about: str = ""
    type: str = ""
    means: Means | None = None
    title: str = ""
    at: str = ""
    url: str = ""
    weak: bool = False
    age_s: int = 0

    @property
    def old(self) -> str:
        """``3 days old when it came``; empty when it was new."""
        if self.age_s < _OLD_S:
            return ""
        units = (("days", 86_400), ("hours", 3_600), ("minutes", 60))
        unit, size = next((u, s) for u, s in units if self.age_s >= 2 * s)
        return f"{self.age_s // size} {unit} old when it came"


class Proposed(Content, frozen=True):
    """A run is wanted.

    Attributes:
        inputs: As JSON; secrets by handle.
        subject: Whom the incident is about, as an input names them.
        connection: ``--connection``.
        at_s: When, in seconds.
        served: An event began it, and a server carries it on.
        passing: Its systems end with the process that began it: a rehearsal in a company of its
            own, which nobody can carry on or look at later.
        keys: What another event has to share to belong to the run.
        notes: What of the event was not taken.
    """

    runbook: str = ""
    title: str = ""
    runbook_digest: str = ""
    mode: str = ""
    inputs: Mapping[str, Any] = {}
    subject: str = ""
    incident: str = ""
    reason: str = ""
    by_hand: bool = False
    connection: str = ""
    suspects: Sequence[str] = ()
    at_s: int = 0
    served: bool = False
    passing: bool = False
    keys: Sequence[str] = ()
    event: OutsideEvent | None = None
    notes: Sequence[str] = ()


class Joined(Content, frozen=True):
    """Another event from outside belongs to the run; ``recorded_at`` is of its record."""

    event: OutsideEvent = OutsideEvent()
    notes: Sequence[str] = ()
    recorded_at: str = ""


class Taken(Content, frozen=True):
    """An engine took the run; ``by`` is its operator."""

    by: str = ""
    epoch: int = 0


class PlanPart(Content, frozen=True):
    """Steps of a plan that is too long for one record."""

    steps: tuple[PlannedStep, ...]


class Planned(CarriesEvidence, frozen=True):
    """It was looked at.

    Attributes:
        plan: Of a long one, with its last steps alone.
        runbook: The text that the plan was made from.
        changed: What a yes to the plan before bound beside its writes, and is not what it was.
        parts: How many ``PlanPart`` before it have the steps that come first.
    """

    digest: str
    plan: Plan
    runbook: str = ""
    changed: Sequence[str] = ()
    parts: int = 0

    def whole(self, before: Sequence[PlanPart]) -> Plan:
        """The plan with all of its steps, given the parts that stand before it."""
        if not self.parts:
            return self.plan
        steps = (step for part in before[-self.parts :] for step in part.steps)
        return replace(self.plan, steps=(*steps, *self.plan.steps))


class Since(Frozen):
    """When a wait began, by both clocks, in milliseconds."""

    since: int
    mono: int
    boot: str


class AskKind(KnownWord):
    """What a run that is parked waits for from people."""

    NOTHING = ""
    APPROVAL = "approval"
    QUESTION = "question"
    TASK = "task"
    INPUTS = "inputs"


class AsksFor(Frozen):
    """What people are asked while a run is parked.

    Attributes:
        id: Of the question, the task, or the request for approval.
        question: Name of the question's type.
        words: What may be answered.
        link, look_for, avoid: Of a task.
        watched: The tool sees by itself when the task is done.
        keep: The task gives a value, which only a terminal takes.
        names: Inputs that are missing, or do not fit.
        offered: Of those, what is there to pick from: the value to give, and what tells it apart.
    """

    kind: AskKind = AskKind.NOTHING
    id: str = ""
    question: str = ""
    title: str = ""
    lines: Sequence[str] = ()
    words: Sequence[str] = ()
    link: str = ""
    look_for: str = ""
    avoid: Sequence[str] = ()
    watched: bool = False
    keep: bool = False
    names: Sequence[str] = ()
    offered: Mapping[str, Sequence[Sequence[str]]] = {}


class Parked(CarriesEvidence, frozen=True):
    """The run waits.

    Attributes:
        why: What happened.
        reason: Why that is.
        exit: With what the process ended; None before the first park.
        waits: Since when the ``wait`` at this step waits.
        again: What did not come about is tried again when the run is taken next.
        step, at: Of its record.
    """

    why: str = ""
    reason: str = ""
    do: str = ""
    exit: int | None = None
    asks: AsksFor = AsksFor()
    waits: Since | None = None
    again: bool = False
    step: str = ""
    at: str = ""


class Ended(CarriesEvidence, frozen=True):
    """The run is over.

    Attributes:
        next: Name of the runbook to go on with.
        inventory: For each set: how many there were, and how they came out.
        review: Of a review: how its findings stand to those of the last one.
    """

    exit: ExitCode
    say: str = ""
    next: str = ""
    inventory: Mapping[str, Any] = {}
    review: ReviewEnd | None = None


# --- people ---------------------------------------------------------------------------------------


class ConfirmScope(KnownWord):
    """What more than a step's writes a decision is about."""

    WRITES = ""
    START = "start"
    REPLAN = "replan"
    BY_WORD = "by-word"
    READS_ONLY = "reads-only"
    AGREED = "agreed"
    ALREADY_SO = "already-so"
    LIMIT = "limit"
    END = "end"


class Confirmed(Content, frozen=True):
    """A decision takes effect.

    Attributes:
        writes: Keys of the writes that it covers.
        says: The same in words, or what somebody says that they did.
        nonce: Of the request that is answered; None when the operator decided.
        at_step: Step of that request.
        at: Step of the question that was answered with ``quit``.
        other: The run beside which this one may go on.
        inputs: All of them, after another order was chosen.
        proof: Text, signature and fingerprint, where the operator signed.
    """

    decision: Decision
    scope: ConfirmScope = ConfirmScope.WRITES
    digest: str = ""
    writes: Sequence[str] = ()
    says: Sequence[str] = ()
    typed: str = ""
    why: str = ""
    reason: str = ""
    nonce: str | None = None
    persons: Sequence[str] = ()
    at_step: str = ""
    at: str = ""
    other: str = ""
    changed: Sequence[str] = ()
    inputs: Mapping[str, Any] = {}
    proof: Mapping[str, str] | None = None


class Corrected(Frozen):
    """What an answer changes in what was proposed."""

    subject: str = ""


class Answered(Content, frozen=True):
    """A person answered elsewhere what the run was parked for; ``by``, ``seq`` of its record."""

    question: str
    word: str = ""
    proof: Mapping[str, str] = {}
    inputs: Mapping[str, Any] = {}
    proposed: Corrected = Corrected()
    by: Actor = _NOBODY
    seq: int = 0


class ApprovalAsked(Content, frozen=True):
    """Other people are asked to agree."""

    request: Request


class Voted(Content, frozen=True):
    """Somebody approved or denied.

    Attributes:
        proof: ``text``, ``signature`` and ``key``; or the ``account`` that they came in with.
    """

    nonce: str = ""
    digest: str = ""
    channel: str = ""
    reason: str = ""
    proof: Mapping[str, str] = {}


class Signed(Frozen):
    """Whose key stands under which plan; ``key`` is its fingerprint."""

    by: str
    digest: str
    key: str


class WentAlone(Content, frozen=True):
    """One person goes on without a second one's yes; ``by`` and ``at`` of its record."""

    reason: str = ""
    digest: str = ""
    proof: Mapping[str, str] = {}
    by: str = ""
    at: str = ""

    @property
    def key(self) -> str:
        """Fingerprint of the key that signed it."""
        return proved_by(self.proof)


class Reviewed(Content, frozen=True):
    """Somebody else has looked at it; ``by`` and ``at`` of its record."""

    words: str = ""
    proof: Mapping[str, str] | None = None
    by: str = ""
    at: str = ""


class Noticed(Content, frozen=True):
    """What is to be known of a run and is no step of it: that somebody went alone was told to
    others, or (``about`` is ``evidence``) that an answer could not be kept.
    """

    about: str = ""
    says: str = ""
    told: Sequence[str] = ()
    waited_s: int = 0


# --- steps ----------------------------------------------------------------------------------------


class WriteStatus(Enum):
    """What is known of one attempt to write.

    INTENT: recorded, and maybe sent: after a crash it may have happened. UNKNOWN: it was sent and
    no usable answer came.
    """

    INTENT = "intent"
    DONE = "done"
    NOT_DONE = "not-done"
    UNKNOWN = "unknown"


class As(Enum):
    """How a step came out."""

    DONE = "done"
    UNCHANGED = "unchanged"
    YOUR_WORD = "your-word"
    NOT_SEEN = "not-seen"
    SKIPPED = "skipped"  # by its own `when`
    LEFT_OPEN = "left-open"  # by a person, or because something it needs did not happen
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        return self in (As.DONE, As.UNCHANGED, As.YOUR_WORD, As.SKIPPED)

    @property
    def has_output(self) -> bool:
        return self in (As.DONE, As.UNCHANGED, As.YOUR_WORD, As.NOT_SEEN)


class SentWrite(PlannedWrite, frozen=True):
    """A write as its intent has it.

    Attributes:
        settle_s: How long it may take to show, in seconds.
        looks: How many looks in a row have to see it.
        timeout_s: How long its request may take, in seconds.
        to: The connection that it went to, by name, with ``Connection.bound`` of then.
    """

    settle_s: int = 0
    looks: int = 1
    timeout_s: int = 0
    to: Mapping[str, Mapping[str, str]] = {}


class Intended(CarriesEvidence, frozen=True):
    """A write is about to be sent."""

    key: str
    write: SentWrite
    undo: Undo | None = None
    digest: str = ""


class Settled(Content, frozen=True):
    """What became of a write, or that nobody knows.

    Attributes:
        intent: Place of its intent.
        value: What the system answered, typed and encoded.
        code: Of a refusal.
        word: It is done by somebody's word alone.
    """

    intent: int
    how: WriteStatus = WriteStatus.UNKNOWN
    value: Any = None
    why: str = ""
    code: str = ""
    word: bool = False


class StepFailure(Frozen):
    """Why a step failed; ``recovered``: its handler says that this is made good."""

    what: str = ""
    why: str = ""
    do: str = ""
    request: str = ""
    by_hand: bool = False
    recovered: bool = False


_NO_FAILURE = StepFailure()


class Conclusion(CarriesEvidence, frozen=True):
    """How a step ended; ``at`` of its record. A concluded step is never run or verified again.

    Attributes:
        findings: A line each.
        found: Of these, those that have a name; not in the JSON where there are none.
    """

    how: As
    says: str = ""
    output: Any = None
    at: str = ""
    proved: bool = True
    findings: Sequence[str] = ()
    found: Sequence[Finding] = ()
    why: str = ""
    error: StepFailure = _NO_FAILURE
    title: str = ""
    phase: str = ""
    exposures: Sequence[Exposure] = ()

    @property
    def recovered(self) -> bool:
        """It failed, and its handler says that this is made good; the handler counts itself."""
        return self.how is As.FAILED and self.error.recovered


class UndoAsked(Content, frozen=True):
    """Somebody wants the run put back: what can be, and what cannot."""

    can: Sequence[str] = ()
    cannot: Sequence[str] = ()


class UndoEnded(Content, frozen=True):
    """One way back was gone, or could not be."""

    says: str = ""
    why: str = ""
    do: str = ""


class FollowUp(Enum):
    """What somebody says afterwards of an item that a run left open.

    WORD: it is seen to, by their word. PROVED: it was looked at, and is so. ALIVE: it was looked
    at, and is not so: what was to end goes on.
    """

    WORD = "word"
    PROVED = "proved"
    ALIVE = "alive"

    @property
    def closes(self) -> bool:
        return self is not FollowUp.ALIVE


class FollowedUp(Content, frozen=True):
    """Somebody came back to an item that a run left open; ``by`` and ``at`` of its record.

    Attributes:
        item: Its whole id; people see the beginning of it.
        line: The item as they saw it.
        says: Their words, or what was seen.
        findings: Of the look that proved it, a line each.
        proof: Text, signature and fingerprint of who signed; or the account they came in with.
    """

    item: str
    how: FollowUp
    line: str = ""
    says: str = ""
    findings: Sequence[str] = ()
    proof: Mapping[str, str] = {}
    by: Actor = _NOBODY
    at: str = ""


# --- the door -------------------------------------------------------------------------------------

_RECORDS: Final[Mapping[Kind, type[Content]]] = {
    Kind.PROPOSED: Proposed,
    Kind.JOINED: Joined,
    Kind.TAKEN: Taken,
    Kind.PARKED: Parked,
    Kind.ENDED: Ended,
    Kind.CONFIRMED: Confirmed,
    Kind.ANSWERED: Answered,
    Kind.APPROVED: Voted,
    Kind.DENIED: Voted,
    Kind.BREAK_GLASS: WentAlone,
    Kind.REVIEWED: Reviewed,
    Kind.NOTICE: Noticed,
    Kind.INTENT: Intended,
    Kind.OUTCOME: Settled,
    Kind.UNKNOWN: Settled,
    Kind.RECONCILED: Settled,
    Kind.OBSERVED: Conclusion,
    Kind.UNDO_ASKED: UndoAsked,
    Kind.UNDO_DONE: UndoEnded,
    Kind.UNDO_FAILED: UndoEnded,
    Kind.FOLLOWED_UP: FollowedUp,
}


def content_of(event: Event) -> Content:
    """What an event tells.

    Raises:
        KeyError, TypeError, ValueError: It is not what an event of its kind tells.
    """
    match event.kind:
        case Kind.PLANNED:
            data = event.data
            text, changed = str(data.get("runbook", "")), tuple(data.get("changed", ()))
            kept = tuple(read(KeptAnswer, each) for each in data.get("evidence", ()))
            digest, parts = str(data.get("digest", "")), data.get("parts", 0)
            if type(parts) is not int:
                raise TypeError("the number of a plan's parts is none")
            plan = plan_from(data["plan"])
            return Planned(digest, plan, text, changed, parts, evidence=kept)
        case Kind.PLAN_PART:
            return PlanPart(steps_from(event.data["steps"]))
        case Kind.APPROVAL_ASKED:
            return ApprovalAsked(Request.from_json(event.run, event.data))
        case kind:
            return read(_RECORDS.get(kind, Content), event.data)
