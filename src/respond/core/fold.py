"""Say what state a run is in: a fold over its events, and which event may follow which.

The only module that knows. The live run, the resumed run, the report, ``status`` and later the
page all come through ``fold``, so they cannot disagree. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from respond.core import recorded
from respond.core.approval import Request, Verdict, Vote, proved_by
from respond.core.events import Event, Kind, Record
from respond.core.growing import grown
from respond.core.kept_answer import KeptAnswer
from respond.core.plan import Plan
from respond.core.questions import Decision
from respond.core.recorded import (
    As,
    Conclusion,
    ConfirmScope,
    FollowedUp,
    FollowUp,
    Parked,
    Proposed,
    WriteStatus,
    content_of,
)
from respond.core.records import Frozen, replace
from respond.core.script import Undo
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
    "is_notice",
    "is_undo",
    "may_follow",
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


class WriteState(Frozen):
    """One attempt. ``seq`` is its intent's place in the journal.

    Attributes:
        value: What the system answered, typed and encoded; None until DONE.
        by: ``tool``, or ``person`` for a step done by hand.
    """

    seq: int
    key: str
    status: WriteStatus
    write: recorded.SentWrite
    value: Any = None
    undo: Undo | None = None
    at: str = ""
    why: str = ""
    by: str = "tool"


class StepState(Frozen):
    """Everything the journal has about one step."""

    address: str
    writes: tuple[WriteState, ...] = ()
    confirmed: frozenset[str] = frozenset()
    already_so: frozenset[str] = frozenset()
    """Planned writes that nobody wants any more, and a person agreed to that. No yes to write."""
    words: frozenset[str] = frozenset()
    """What a person said that they did, where nothing could be read."""
    by_hand: bool = False
    left_out: bool = False
    """A person decided that it is not done."""
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


_NOT_OVER: Final = recorded.Ended(ExitCode.UNKNOWN)


class RunState(Frozen):
    """A run, as its events tell it."""

    id: str
    status: RunStatus = RunStatus.PROPOSED
    proposed: Proposed = Proposed()
    proposed_at: str = ""
    operator: str = ""
    parts: tuple[recorded.PlanPart, ...] = ()
    """Of a long plan that is being recorded."""
    plan: Plan | None = None
    plan_digest: str = ""
    """Of that plan, worked out anew when it was read."""
    planned_at: str = ""
    runbook_text: str = ""
    """What that plan was made from; empty where an older version made it."""
    changed: tuple[str, ...] = ()
    """What a yes to the plan before it bound, and was not what it was when this one was made."""
    started_at: str = ""
    epoch: int = 0
    taken_by: str = ""
    """Operator of the engine that has it."""
    inputs: Mapping[str, Any] = {}
    steps: Mapping[str, StepState] = {}
    notices: Mapping[str, StepState] = {}
    """What people were told of the run itself; no step of its runbook."""
    parked: Parked = Parked()
    ended: recorded.Ended = _NOT_OVER
    ended_at: str = ""
    waits: Mapping[str, recorded.Since] = {}
    """Since when each ``wait`` waits, by address."""
    requests: tuple[Request, ...] = ()
    """What people were asked to agree to, oldest first."""
    votes: tuple[Vote, ...] = ()
    used: frozenset[str] = frozenset()
    """Requests (by nonce) whose yes or no has taken effect: each does once."""
    agreed: frozenset[str] = frozenset()
    """Digests of plans that people agreed to, and that cover every write shown in them."""
    answers: Mapping[str, recorded.Answered] = {}
    """What people answered since the run was parked, by the question's id."""
    joined: tuple[recorded.Joined, ...] = ()
    """Other events from outside that belong to the run."""
    proved: recorded.Signed | None = None
    """The operator's own signature under the plan they started, if there is one."""
    alone: recorded.WentAlone | None = None
    """The emergency entry: who went alone, and why."""
    reviewed: recorded.Reviewed | None = None
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
    undo_wanted: int = 0
    """How many changes are put back when its undo is over."""
    evidence: tuple[KeptAnswer, ...] = ()
    """Answers that were kept, in the order in which the journal speaks of them."""
    unkept: tuple[str, ...] = ()
    """What could not be kept, and why."""
    undone: Mapping[str, str] = {}
    """``undo-done`` or ``undo-failed``, by what was to be undone."""
    followed_up: Mapping[str, FollowedUp] = {}
    """What was said last of each item that the run left open, by its id."""
    last_seq: int = 0
    anchor: str = ""
    """Size and head of the journal when the run was proposed."""

    @property
    def old_event(self) -> str:
        """How old the event was that began it, or empty."""
        return self.proposed.event.old if self.proposed.event is not None else ""

    @property
    def started(self) -> bool:
        return bool(self.started_at)

    @property
    def is_served(self) -> bool:
        """Whether a server carries it on: an event began it, and no person took it over."""
        return self.proposed.served and self.taken_by in ("", self.operator)

    @property
    def ended_well(self) -> bool:
        return self.status is RunStatus.ENDED and self.ended.exit is ExitCode.DONE

    @property
    def untold(self) -> tuple[StepState, ...]:
        """Notices that nobody knows to have reached anybody, where none about the same did."""

        def about(notice: StepState) -> str:
            return notice.address.rpartition("#")[0]

        ends = ((about(each), each.conclusion) for each in self.notices.values())
        told = {name for name, end in ends if end is not None and end.how is not As.FAILED}
        return tuple(
            notice
            for notice in self.notices.values()
            if about(notice) not in told
            and any(write.status is WriteStatus.UNKNOWN for write in notice.writes)
        )

    @property
    def asks(self) -> recorded.AsksFor:
        """What people are asked while the run is parked; of kind NOTHING when it is not."""
        return self.parked.asks if self.status is RunStatus.PARKED else recorded.AsksFor()

    def step(self, address: str) -> StepState:
        found = self.notices if is_notice(address) else self.steps
        return found.get(address) or StepState(address)

    def with_step(self, step: StepState, seq: int, status: RunStatus | None = None) -> RunState:
        """The state after record ``seq``, which said something about this step."""
        if is_notice(step.address):
            notices = grown(self.notices, step.address, step)
            return replace(self, notices=notices, last_seq=seq)
        steps = grown(self.steps, step.address, step)
        return replace(self, steps=steps, last_seq=seq, status=status or self.status)


def fold(records: Iterable[Record], state: RunState | None = None) -> RunState | None:
    """The state after these records of one run, from that state on; None when there are none."""
    for record in records:
        state = after(state, record)
    return state


def may_follow(state: RunState | None, event: Event) -> recorded.Content:
    """What an event tells, if it may follow.

    Raises:
        IllegalEventError: It cannot follow.
    """
    try:
        said = content_of(event)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{event.kind.value} of run {event.run} does not tell what its kind tells"
        raise IllegalEventError(msg) from error
    if state is None:
        if not isinstance(said, Proposed):
            raise IllegalEventError(f"{event.kind.value} cannot begin a run")
        return said
    if state.status is RunStatus.ENDED and event.kind not in _AFTER_END:
        raise IllegalEventError(f"{event.kind.value} cannot follow the end of run {state.id}")
    # What became of a write can be found out late.
    found_out = event.kind in (Kind.UNKNOWN, Kind.RECONCILED)
    outside = is_undo(event.step) or is_notice(event.step) or found_out
    is_step = isinstance(said, recorded.Intended | recorded.Settled | Conclusion)
    if state.status is RunStatus.ENDED and is_step and not outside:
        msg = f"{event.kind.value} of step {event.step} cannot follow the end of run {state.id}"
        raise IllegalEventError(msg)
    match said:
        case Proposed():
            raise IllegalEventError(f"run {state.id} is proposed twice")
        case recorded.Intended():
            _check_intended(state.step(event.step), said)
        case recorded.Settled():
            _check_settled(state.step(event.step), event.kind, said)
        case recorded.Planned(parts=parts) if not 0 <= parts <= len(state.parts):
            raise IllegalEventError(f"a part of the plan of run {state.id} is missing")
        case Conclusion() if state.step(event.step).conclusion is not None:
            raise IllegalEventError(f"step {event.step} was concluded before")
        case FollowedUp():
            _check_followed_up(state, said)
    return said


def after(state: RunState | None, record: Record, said: recorded.Content | None = None) -> RunState:
    """The state after one more record.

    Args:
        said: What it tells, where ``may_follow`` was asked already.

    Raises:
        IllegalEventError: The record cannot follow.
    """
    if said is None:
        said = may_follow(state, record.event)
    if state is None:
        if not isinstance(said, Proposed):
            raise IllegalEventError(f"{record.event.kind.value} cannot begin a run")
        return RunState(
            id=record.event.run,
            proposed=said,
            proposed_at=record.at,
            operator=record.event.actor.id,
            inputs=said.inputs,
            last_seq=record.seq,
            anchor=f"{record.seq + 1} {record.hash[:32]}",
        )
    if isinstance(said, recorded.CarriesEvidence) and said.evidence:
        kept = (replace(answer, seq=record.seq) for answer in said.evidence)
        state = replace(state, evidence=(*state.evidence, *kept))
    match said:
        case recorded.Intended():
            return _intended(state, record, said)
        case recorded.Settled():
            return _settled(state, record, said)
        case Conclusion():
            return _observed(state, record, said)
        case recorded.PlanPart():
            return replace(state, parts=(*state.parts, said), last_seq=record.seq)
        case recorded.Planned():
            return _planned(state, record, said)
        case FollowedUp(item=item):
            said = replace(said, by=record.event.actor, at=record.at)
            known = grown(state.followed_up, item, said)
            return replace(state, followed_up=known, last_seq=record.seq)
        case _:
            return _moved(replace(state, last_seq=record.seq), record, said)


def _planned(state: RunState, record: Record, said: recorded.Planned) -> RunState:
    plan = said.whole(state.parts)
    if state.plan is not None and state.plan.bound != plan.bound:
        # Who agreed to a write agreed to where it went.
        steps = {a: replace(s, confirmed=frozenset()) for a, s in state.steps.items()}
        state = replace(state, steps=steps)
    return replace(
        state,
        status=RunStatus.RUNNING if state.started else RunStatus.PLANNED,
        parts=(),
        plan=plan,
        plan_digest=plan.digest,
        planned_at=record.at,
        runbook_text=said.runbook,
        changed=tuple(said.changed),
        last_seq=record.seq,
    )


def _moved(state: RunState, record: Record, said: recorded.Content) -> RunState:
    """The state after a record that is about the run as a whole, or about an agreement."""
    event, by, at = record.event, record.event.actor, record.at
    match said:
        case recorded.Taken():
            steps = _open_again(state) if state.parked.again else state.steps
            parked = replace(state.parked, again=False)
            state = replace(state, steps=steps, parked=parked, taken_seq=record.seq)
            return replace(state, epoch=said.epoch, taken_by=said.by, parts=())
        case recorded.Confirmed():
            return _confirmed(state, record, said)
        case recorded.ApprovalAsked(request=request):
            return replace(state, requests=(*state.requests, request))
        case recorded.Voted():
            verdict = Verdict.APPROVE if event.kind is Kind.APPROVED else Verdict.DENY
            proof = proved_by(said.proof)
            vote = Vote(said.nonce, verdict, by, said.channel, at, said.reason, proof)
            return replace(state, votes=(*state.votes, vote))
        case recorded.Joined():
            return replace(state, joined=(*state.joined, replace(said, recorded_at=at)))
        case recorded.Answered():
            return _answered(state, replace(said, by=by, seq=record.seq))
        case recorded.WentAlone():
            return replace(state, alone=replace(said, by=by.id, at=at))
        case recorded.Reviewed():
            return replace(state, reviewed=replace(said, by=by.id, at=at))
        case Parked():
            return _parked(state, replace(said, step=event.step, at=at))
        case recorded.Ended():
            over = RunStatus.ENDED  # From here on it is the undo that parks.
            return replace(state, status=over, ended=said, ended_at=at, parked=Parked())
        case recorded.Noticed(about=recorded.ABOUT_EVIDENCE, says=says):
            return replace(state, unkept=(*state.unkept, says))
        case recorded.UndoAsked():
            left = {k: v for k, v in state.undone.items() if v == Kind.UNDO_DONE.value}
            state = replace(state, undo_wanted=len(left) + len(said.can))
            return replace(state, undo_round=state.undo_round + 1, undone=left)
        case recorded.UndoEnded():
            return replace(state, undone=grown(state.undone, event.step, event.kind.value))
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
        Kind.FOLLOWED_UP,
    }
)


def is_notice(address: str) -> bool:
    """Whether this is the address of a notice about the run, which is no step of its runbook."""
    return address.startswith("notice:")


def is_undo(address: str) -> bool:
    """Whether this is the address of an undo, which comes after the end of its run."""
    return address.startswith("undo:")


def _answered(state: RunState, said: recorded.Answered) -> RunState:
    inputs = {**state.inputs, **said.inputs}
    subject = said.proposed.subject or state.proposed.subject
    answers = {**state.answers, said.question: said}
    proposed = replace(state.proposed, subject=subject)
    return replace(state, answers=answers, inputs=inputs, proposed=proposed)


def _parked(state: RunState, said: Parked) -> RunState:
    # An undo may park too; the run itself is over and stays so.
    status = RunStatus.PARKED if state.status is not RunStatus.ENDED else state.status
    waits = {**state.waits, said.step: said.waits} if said.waits is not None else state.waits
    # What came while the engine was at work was not heard by it.
    unheard = {name: a for name, a in state.answers.items() if a.seq > state.taken_seq}
    return replace(state, status=status, parked=said, waits=waits, answers=unheard)


def _open_again(state: RunState) -> Mapping[str, StepState]:
    """The steps, without the conclusions of those that did not come about."""

    def is_kept(step: StepState) -> bool:
        end = step.conclusion
        if end is None or step.left_out or end.recovered:
            return True
        return end.how not in (As.FAILED, As.SKIPPED, As.LEFT_OPEN)

    found = state.steps.items()
    return {a: step if is_kept(step) else replace(step, conclusion=None) for a, step in found}


_STARTS = frozenset({ConfirmScope.START, ConfirmScope.BY_WORD, ConfirmScope.REPLAN})


def _confirmed(state: RunState, record: Record, said: recorded.Confirmed) -> RunState:
    event = record.event
    if said.nonce is not None:
        # Other people's yes takes effect here, once; the operator was not asked.
        state = replace(state, used=state.used | {said.nonce})
        if said.scope is ConfirmScope.AGREED:
            state = replace(state, agreed=state.agreed | {said.digest})
    else:
        state = replace(state, questions=state.questions + 1)
    if said.proof is not None:
        signed = recorded.Signed(event.actor.id, said.digest, proved_by(said.proof))
        state = replace(state, proved=signed)
    over, is_yes = state.status is RunStatus.ENDED, said.decision is Decision.YES
    match said.decision:
        case Decision.CANCEL | Decision.QUIT:
            # It does not wait any more: whoever carries it on ends it.
            status = state.status if over else RunStatus.RUNNING
            return replace(state, cancelled=True, status=status)
        case Decision.BESIDE:
            return replace(state, beside=state.beside | {said.other})
        case Decision.OTHER_ORDER:
            return replace(state, inputs=said.inputs)
    if not event.step:
        if not is_yes or over:
            return state
        return replace(
            state,
            status=RunStatus.RUNNING,
            started_at=state.started_at or record.at,
            started_by=event.actor.id if said.scope in _STARTS else state.started_by,
            by_word=state.by_word or said.scope is ConfirmScope.BY_WORD,
        )
    step = state.step(event.step)
    if said.decision is Decision.BY_HAND:
        step = replace(step, by_hand=True)
    elif said.decision is Decision.WORD:
        step = replace(step, words=step.words.union(said.says))
    elif said.scope is ConfirmScope.ALREADY_SO:
        step = replace(step, already_so=step.already_so.union(said.writes))
    elif is_yes:
        step = replace(step, confirmed=step.confirmed.union(said.writes))
    elif said.decision is Decision.SKIP:
        step = replace(step, left_out=True)
    else:
        return state
    return state.with_step(step, record.seq)


def _check_followed_up(state: RunState, said: FollowedUp) -> None:
    if state.status is not RunStatus.ENDED:
        raise IllegalEventError(f"nothing of run {state.id} is followed up before it is over")
    if not said.item:
        raise IllegalEventError("what is followed up has no name")
    was = state.followed_up.get(said.item)
    if was is None or not was.how.closes:
        return
    # A proof goes beyond a word; nothing goes beyond a proof.
    if was.how is FollowUp.PROVED or said.how is FollowUp.WORD:
        raise IllegalEventError(f"item {said.item} of run {state.id} was closed before")


def _check_intended(step: StepState, said: recorded.Intended) -> None:
    if any(w.key == said.key and w.status is not WriteStatus.NOT_DONE for w in step.writes):
        msg = f"write {said.key[:8]} of {step.address} was not known to be undone"
        raise IllegalEventError(msg)


def _check_settled(step: StepState, kind: Kind, said: recorded.Settled) -> None:
    write = next((w for w in step.writes if w.seq == said.intent), None)
    if write is None:
        msg = f"{kind.value} names intent {said.intent}, which {step.address} does not have"
        raise IllegalEventError(msg)
    is_late = kind is Kind.RECONCILED and write.status is WriteStatus.UNKNOWN
    if write.status is not WriteStatus.INTENT and not is_late:
        raise IllegalEventError(f"{kind.value} cannot follow {write.status.value}")


def _intended(state: RunState, record: Record, said: recorded.Intended) -> RunState:
    address, step = record.event.step, state.step(record.event.step)
    write = _as_planned(state, address, said.write)
    attempt = WriteState(
        seq=record.seq,
        key=write.key,
        status=WriteStatus.INTENT,
        write=write,
        undo=said.undo,
        at=record.at,
        by=said.write.hands,
    )
    step = replace(step, writes=(*step.writes, attempt), began=step.began or record.at)
    # A notice about a run that waits, and the undo of one that is over, do not start it.
    waits = state.status is RunStatus.ENDED or is_notice(address)
    return state.with_step(step, record.seq, state.status if waits else RunStatus.RUNNING)


_LARGE: Final = ("key", "says", "request", "subject", "before", "after", "stays", "also")
"""Of a write, what takes room and is mostly what the plan says."""


def _as_planned(state: RunState, address: str, write: recorded.SentWrite) -> recorded.SentWrite:
    """The same, with the plan's own values where they are equal: of thousands each is held once."""
    planned = state.plan.step(address) if state.plan is not None else None
    shown = next((w for w in planned.writes if w.key == write.key), None) if planned else None
    if state.plan is None or shown is None:
        return write
    mine = ((name, getattr(shown, name)) for name in _LARGE)
    bound = state.plan.bound
    to = {name: bound[name] if bound.get(name) == led else led for name, led in write.to.items()}
    return replace(write, to=to, **{n: v for n, v in mine if v == getattr(write, n)})


def _as_foreseen(state: RunState, end: Conclusion, address: str) -> Conclusion:
    """The same of what a step came to."""
    planned = state.plan.step(address) if state.plan is not None else None
    if planned is None:
        return end
    mine = ((name, getattr(planned, name)) for name in ("title", "says", "output"))
    return replace(end, **{name: v for name, v in mine if v == getattr(end, name)})


def _settled(state: RunState, record: Record, said: recorded.Settled) -> RunState:
    step = state.step(record.event.step)

    def settled(write: WriteState) -> WriteState:
        if record.event.kind is Kind.UNKNOWN:
            return replace(write, status=WriteStatus.UNKNOWN, why=said.why)
        return replace(write, status=said.how, value=said.value, why=said.why, at=record.at)

    writes = tuple(settled(w) if w.seq == said.intent else w for w in step.writes)
    return state.with_step(replace(step, writes=writes), record.seq)


def _observed(state: RunState, record: Record, said: Conclusion) -> RunState:
    step, end = state.step(record.event.step), replace(said, at=record.at)
    end = _as_foreseen(state, end, step.address)
    began = step.began or record.at
    step = replace(step, conclusion=end, phase=said.phase, title=end.title, began=began)
    return state.with_step(step, record.seq)


def verdict(state: RunState) -> ExitCode:
    """The exit code that a run's steps and notices add up to (DESIGN section 7)."""
    if state.untold or any(step.open() for step in state.steps.values()):
        return ExitCode.UNKNOWN
    if Kind.UNDO_FAILED.value in state.undone.values():
        return ExitCode.UNDO_FAILED
    ends = (step.conclusion for step in state.steps.values())
    if any(end is not None and not (end.how.is_good or end.recovered) for end in ends):
        return ExitCode.FAILED
    return ExitCode.DONE
