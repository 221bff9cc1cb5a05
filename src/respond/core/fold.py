"""Say what state a run is in: a fold over its events, and which event may follow which.

The only module that knows. The live run, the resumed run, the report, ``status`` and later the
page all come through ``fold``, so they cannot disagree. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from respond.core.approval import Request, Verdict, Vote
from respond.core.events import Kind, Record
from respond.core.plan import Plan, plan_from
from respond.errors import ExitCode

__all__ = [
    "As",
    "Conclusion",
    "IllegalEventError",
    "RunState",
    "RunStatus",
    "StepState",
    "WriteState",
    "WriteStatus",
    "after",
    "fold",
    "fold_all",
    "is_notice",
    "is_undo",
    "verdict",
]


class IllegalEventError(Exception):
    """This event cannot follow that state; the journal was made by something else."""


class RunStatus(Enum):
    """Where a run stands."""

    PROPOSED = "proposed"
    PLANNED = "planned"
    RUNNING = "running"
    PARKED = "parked"
    ENDED = "ended"


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


@dataclass(frozen=True, slots=True)
class WriteState:
    """One attempt. ``seq`` is its intent's place in the journal.

    Attributes:
        write: The planned write as JSON.
        value: What the system answered, typed and encoded; None until DONE.
        by: ``tool``, or ``person`` for a step done by hand.
        undo: The way back as recorded, or None.
    """

    seq: int
    key: str
    status: WriteStatus
    write: Mapping[str, Any]
    value: Any = None
    undo: Mapping[str, Any] | None = None
    at: str = ""
    why: str = ""
    by: str = "tool"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a step ended. A concluded step is never run or verified again."""

    how: As
    says: str
    output: Any
    at: str
    proved: bool = True
    findings: tuple[str, ...] = ()
    why: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recovered(self) -> bool:
        """It failed, and its handler says that this is made good; the handler counts itself."""
        return self.how is As.FAILED and bool(self.error.get("recovered"))


@dataclass(frozen=True, slots=True)
class StepState:
    """Everything the journal has about one step."""

    address: str
    writes: tuple[WriteState, ...] = ()
    confirmed: frozenset[str] = frozenset()
    already_so: frozenset[str] = frozenset()
    """Planned writes that nobody wants any more, and a person agreed to that. No yes to write."""
    words: frozenset[str] = frozenset()
    """What a person said that they did, where nothing could be read."""
    by_hand: bool = False
    conclusion: Conclusion | None = None
    phase: str = ""
    title: str = ""
    began: str = ""

    def done(self) -> dict[str, WriteState]:
        return {w.key: w for w in self.writes if w.status is WriteStatus.DONE}

    def open(self) -> tuple[WriteState, ...]:
        """Attempts of which nobody knows whether they happened."""
        return tuple(
            w for w in self.writes if w.status in (WriteStatus.INTENT, WriteStatus.UNKNOWN)
        )


@dataclass(frozen=True, slots=True)
class RunState:
    """A run, as its events tell it."""

    id: str
    status: RunStatus = RunStatus.PROPOSED
    proposed: Mapping[str, Any] = field(default_factory=dict)
    proposed_at: str = ""
    operator: str = ""
    plan: Plan | None = None
    plan_digest: str = ""
    """Of that plan, worked out anew when it was read."""
    planned_at: str = ""
    started_at: str = ""
    epoch: int = 0
    engine: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, StepState] = field(default_factory=dict)
    notices: Mapping[str, StepState] = field(default_factory=dict)
    """What people were told of the run itself; no step of its runbook, and in no verdict."""
    parked: Mapping[str, Any] = field(default_factory=dict)
    ended: Mapping[str, Any] = field(default_factory=dict)
    ended_at: str = ""
    waits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Since when each ``wait`` waits, by address."""
    requests: tuple[Request, ...] = ()
    """What people were asked to agree to, oldest first."""
    votes: tuple[Vote, ...] = ()
    used: frozenset[str] = frozenset()
    """Requests (by nonce) whose yes or no has taken effect: each does once."""
    agreed: frozenset[str] = frozenset()
    """Digests of plans that people agreed to, and that cover every write shown in them."""
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What people answered since the run was parked, by the question's id."""
    joined: tuple[Mapping[str, Any], ...] = ()
    """Other events from outside that belong to the run."""
    proved: Mapping[str, Any] = field(default_factory=dict)
    """The operator's own signature under the plan they started, if there is one."""
    alone: Mapping[str, Any] = field(default_factory=dict)
    """The emergency entry: who went alone, and why; empty when nobody did."""
    reviewed: Mapping[str, Any] = field(default_factory=dict)
    started_by: str = ""
    """Who typed ``start``; people's yes to a server's run is nobody's start."""
    beside: frozenset[str] = frozenset()
    """Other runs beside which a person let this one go on."""
    taken_seq: int = 0
    cancelled: bool = False
    by_word: bool = False
    """Nothing could be looked at: a person goes through it, and says what was done."""
    questions: int = 0
    undo_round: int = 0
    """How often a person asked for the run's undo."""
    undone: Mapping[str, str] = field(default_factory=dict)
    """``undo-done`` or ``undo-failed``, by what was to be undone."""
    last_seq: int = 0
    anchor: str = ""
    """Size and head of the journal when the run was proposed."""

    @property
    def started(self) -> bool:
        return bool(self.started_at)

    @property
    def suspects(self) -> tuple[str, ...]:
        """Accounts that are under suspicion in this run's incident."""
        return tuple(map(str, self.proposed.get("suspects", ())))

    @property
    def is_served(self) -> bool:
        """Whether a server carries it on: an event began it, and no person took it over."""
        by = str(self.engine.get("by", ""))
        return bool(self.proposed.get("served")) and by in ("", self.operator)

    def step(self, address: str) -> StepState:
        found = self.notices if is_notice(address) else self.steps
        return found.get(address) or StepState(address)

    def with_step(self, step: StepState, seq: int, status: RunStatus | None = None) -> RunState:
        """The state after record ``seq``, which said something about this step."""
        if is_notice(step.address):
            notices = {**self.notices, step.address: step}
            return replace(self, notices=notices, last_seq=seq)
        steps = {**self.steps, step.address: step}
        return replace(self, steps=steps, last_seq=seq, status=status or self.status)


def fold(records: Iterable[Record]) -> RunState | None:
    """The state after these records of one run; None when there are none."""
    state: RunState | None = None
    for record in records:
        state = after(state, record)
    return state


def fold_all(records: Iterable[Record]) -> dict[str, RunState]:
    """The state of every run in the journal, in the order in which they were proposed."""
    states: dict[str, RunState] = {}
    for record in records:
        if record.event.run:
            states[record.event.run] = after(states.get(record.event.run), record)
    return states


def after(state: RunState | None, record: Record) -> RunState:
    """The state after one more record.

    Raises:
        IllegalEventError: The record cannot follow.
    """
    event, data = record.event, record.event.data
    if state is None:
        if event.kind is not Kind.PROPOSED:
            msg = f"{event.kind.value} cannot begin a run"
            raise IllegalEventError(msg)
        return RunState(
            id=event.run,
            proposed=data,
            proposed_at=record.at,
            operator=event.actor.id,
            inputs=data["inputs"],
            last_seq=record.seq,
            anchor=f"{record.seq + 1} {record.hash[:32]}",
        )
    if state.status is RunStatus.ENDED and event.kind not in _AFTER_END:
        msg = f"{event.kind.value} cannot follow the end of run {state.id}"
        raise IllegalEventError(msg)
    outside = is_undo(event.step) or is_notice(event.step)
    if state.status is RunStatus.ENDED and event.kind in _STEPS and not outside:
        msg = f"{event.kind.value} of step {event.step} cannot follow the end of run {state.id}"
        raise IllegalEventError(msg)
    match event.kind:
        case Kind.INTENT | Kind.OUTCOME | Kind.UNKNOWN | Kind.RECONCILED:
            return _written(state, record)
        case Kind.OBSERVED:
            return _observed(state, record)
        case _:
            return _moved(replace(state, last_seq=record.seq), record)


def _moved(state: RunState, record: Record) -> RunState:
    """The state after a record that is about the run as a whole, or about an agreement."""
    event, data = record.event, record.event.data
    match event.kind:
        case Kind.PROPOSED:
            msg = f"run {state.id} is proposed twice"
            raise IllegalEventError(msg)
        case Kind.TAKEN:
            engine = {**data, "at": record.at}
            return replace(state, epoch=data["epoch"], engine=engine, taken_seq=record.seq)
        case Kind.PLANNED:
            return _planned(state, record)
        case Kind.CONFIRMED:
            return _confirmed(state, record)
        case Kind.APPROVAL_ASKED:
            asked = Request.from_json(state.id, data)
            return replace(state, requests=(*state.requests, asked))
        case Kind.APPROVED | Kind.DENIED:
            return replace(state, votes=(*state.votes, _vote(record)))
        case Kind.JOINED:
            return replace(state, joined=(*state.joined, {**data, "recorded_at": record.at}))
        case Kind.ANSWERED:
            told = {**data, "by": event.actor, "seq": record.seq}
            inputs = {**state.inputs, **data.get("inputs", {})}
            proposed = {**state.proposed, **data.get("proposed", {})}
            answers = {**state.answers, str(data["question"]): told}
            return replace(state, answers=answers, inputs=inputs, proposed=proposed)
        case Kind.BREAK_GLASS:
            return replace(state, alone={**data, "by": event.actor.id, "at": record.at})
        case Kind.REVIEWED:
            return replace(state, reviewed={**data, "by": event.actor.id, "at": record.at})
        case Kind.PARKED:
            return _parked(state, record)
        case Kind.ENDED:
            return replace(state, status=RunStatus.ENDED, ended=data, ended_at=record.at)
        case Kind.UNDO_ASKED:
            left = {k: v for k, v in state.undone.items() if v == Kind.UNDO_DONE.value}
            return replace(state, undo_round=state.undo_round + 1, undone=left)
        case Kind.UNDO_DONE | Kind.UNDO_FAILED:
            return replace(state, undone={**state.undone, event.step: event.kind.value})
        case _:
            return state


_AFTER_END = frozenset(
    {
        Kind.UNDO_ASKED,
        Kind.UNDO_DONE,
        Kind.UNDO_FAILED,
        Kind.TAKEN,
        Kind.INTENT,
        Kind.OUTCOME,
        Kind.UNKNOWN,
        Kind.RECONCILED,
        Kind.OBSERVED,
        Kind.CONFIRMED,
        Kind.NOTICE,
        Kind.REVIEWED,
        Kind.CHECKPOINT,
        Kind.ERASED,
        Kind.PARKED,
        # Other processes append these; the end of the run may come first.
        Kind.JOINED,
        Kind.ANSWERED,
        Kind.APPROVED,
        Kind.DENIED,
        Kind.APPROVAL_ASKED,  # for its undo
    }
)


_STEPS = frozenset({Kind.INTENT, Kind.OUTCOME, Kind.UNKNOWN, Kind.RECONCILED, Kind.OBSERVED})


def is_notice(address: str) -> bool:
    """Whether this is the address of a notice about the run, which is no step of its runbook."""
    return address.startswith("notice:")


def is_undo(address: str) -> bool:
    """Whether this is the address of an undo, which comes after the end of its run."""
    return address.startswith("undo:")


def _parked(state: RunState, record: Record) -> RunState:
    event, data = record.event, record.event.data
    # An undo may park too; the run itself is over and stays so.
    status = RunStatus.PARKED if state.status is not RunStatus.ENDED else state.status
    waits = {**state.waits, event.step: data["waits"]} if "waits" in data else state.waits
    parked = {**data, "step": event.step, "at": record.at}
    # What came while the engine was at work was not heard by it.
    unheard = {name: a for name, a in state.answers.items() if a["seq"] > state.taken_seq}
    return replace(state, status=status, parked=parked, waits=waits, answers=unheard)


def _planned(state: RunState, record: Record) -> RunState:
    status = RunStatus.RUNNING if state.started else RunStatus.PLANNED
    plan = plan_from(record.event.data["plan"])
    return replace(state, status=status, plan=plan, plan_digest=plan.digest, planned_at=record.at)


def _vote(record: Record) -> Vote:
    event, data = record.event, record.event.data
    return Vote(
        nonce=str(data.get("nonce", "")),
        verdict=Verdict.APPROVE if event.kind is Kind.APPROVED else Verdict.DENY,
        who=event.actor,
        channel=str(data.get("channel", "")),
        at=record.at,
        reason=str(data.get("reason", "")),
    )


def _confirmed(state: RunState, record: Record) -> RunState:
    event, data = record.event, record.event.data
    if "nonce" in data:
        # Other people's yes takes effect here, once; the operator was not asked.
        state = replace(state, used=state.used | {str(data["nonce"])})
        if data.get("scope") == "agreed":
            state = replace(state, agreed=state.agreed | {str(data["digest"])})
    else:
        state = replace(state, questions=state.questions + 1)
    if "proof" in data:
        proof = {**data["proof"], "by": event.actor.id, "digest": data["digest"]}
        state = replace(state, proved=proof)
    if data["decision"] in ("cancel", "quit"):
        # It does not wait any more: whoever carries it on ends it.
        over = state.status is RunStatus.ENDED
        return replace(state, cancelled=True, status=state.status if over else RunStatus.RUNNING)
    if data["decision"] == "beside":
        return replace(state, beside=state.beside | {str(data["other"])})
    if data["decision"] == "other-order":
        return replace(state, inputs=data["inputs"])
    if not event.step:
        if data["decision"] == "yes" and state.status is not RunStatus.ENDED:
            starts = data.get("scope") in ("start", "by-word", "replan")
            return replace(
                state,
                status=RunStatus.RUNNING,
                started_at=state.started_at or record.at,
                started_by=event.actor.id if starts else state.started_by,
                by_word=state.by_word or data.get("scope") == "by-word",
            )
        return state
    step = state.step(event.step)
    if data["decision"] == "by-hand":
        return state.with_step(replace(step, by_hand=True), record.seq)
    if data["decision"] == "word":
        words = step.words | frozenset(map(str, data.get("says", ())))
        return state.with_step(replace(step, words=words), record.seq)
    if data.get("scope") == "already-so":
        gone = step.already_so | frozenset(data.get("writes", ()))
        return state.with_step(replace(step, already_so=gone), record.seq)
    if data["decision"] == "yes":
        keys = step.confirmed | frozenset(data.get("writes", ()))
        return state.with_step(replace(step, confirmed=keys), record.seq)
    return state


def _written(state: RunState, record: Record) -> RunState:
    event, data = record.event, record.event.data
    step = state.step(event.step)
    if event.kind is Kind.INTENT:
        if any(w.key == data["key"] and w.status is not WriteStatus.NOT_DONE for w in step.writes):
            msg = f"write {data['key'][:8]} of {event.step} was not known to be undone"
            raise IllegalEventError(msg)
        attempt = WriteState(
            seq=record.seq,
            key=data["key"],
            status=WriteStatus.INTENT,
            write=data["write"],
            undo=data.get("undo"),
            at=record.at,
            by=data["write"]["hands"],
        )
        step = replace(step, writes=(*step.writes, attempt), began=step.began or record.at)
        # A notice about a run that waits, and the undo of one that is over, do not start it.
        waits = state.status is RunStatus.ENDED or is_notice(event.step)
        running = state.status if waits else RunStatus.RUNNING
        return state.with_step(step, record.seq, running)
    found = next((w for w in step.writes if w.seq == data["intent"]), None)
    if found is None:
        msg = f"{event.kind.value} names intent {data['intent']}, which {event.step} does not have"
        raise IllegalEventError(msg)
    return state.with_step(_with_write(step, _settled(found, record)), record.seq)


def _settled(write: WriteState, record: Record) -> WriteState:
    data = record.event.data
    legal = {
        Kind.OUTCOME: (WriteStatus.INTENT,),
        Kind.UNKNOWN: (WriteStatus.INTENT,),
        Kind.RECONCILED: (WriteStatus.INTENT, WriteStatus.UNKNOWN),
    }[record.event.kind]
    if write.status not in legal:
        msg = f"{record.event.kind.value} cannot follow {write.status.value}"
        raise IllegalEventError(msg)
    why = str(data.get("why", ""))
    if record.event.kind is Kind.UNKNOWN:
        return replace(write, status=WriteStatus.UNKNOWN, why=why)
    status = WriteStatus.DONE if data["how"] == "done" else WriteStatus.NOT_DONE
    return replace(write, status=status, value=data.get("value"), why=why, at=record.at)


def _with_write(step: StepState, write: WriteState) -> StepState:
    return replace(step, writes=tuple(write if w.seq == write.seq else w for w in step.writes))


def _observed(state: RunState, record: Record) -> RunState:
    event, data = record.event, record.event.data
    step = state.step(event.step)
    if step.conclusion is not None:
        msg = f"step {event.step} was concluded before"
        raise IllegalEventError(msg)
    conclusion = Conclusion(
        how=As(data["how"]),
        says=data.get("says", ""),
        output=data.get("output"),
        at=record.at,
        proved=data.get("proved", True),
        findings=tuple(data.get("findings", ())),
        why=data.get("why", ""),
        error=data.get("error", {}),
    )
    return state.with_step(
        replace(
            step,
            conclusion=conclusion,
            phase=data.get("phase", ""),
            title=data.get("title", ""),
            began=step.began or record.at,
        ),
        record.seq,
    )


def verdict(state: RunState) -> ExitCode:
    """The exit code that a run's steps add up to (DESIGN section 7)."""
    if any(step.open() for step in state.steps.values()):
        return ExitCode.UNKNOWN
    if Kind.UNDO_FAILED.value in state.undone.values():
        return ExitCode.UNDO_FAILED
    ends = (step.conclusion for step in state.steps.values())
    if any(end is not None and not (end.how.is_good or end.recovered) for end in ends):
        return ExitCode.FAILED
    return ExitCode.DONE
