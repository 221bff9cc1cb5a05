"""Hold one run while it goes on: its state, its ports, and the one way to record and to ask.

Everything that moves a run (a step, a walk, an undo, the engine) does it through a ``LiveRun``:
what is added to the journal is in its state at once, and a person is asked one question at a time.
It decides nothing about steps.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from typing import Any

from respond.core.approval import Request
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import As, RunState, RunStatus, after, fold, may_follow
from respond.core.inputs import input_value
from respond.core.plan import Plan, PlannedStep, in_parts
from respond.core.questions import Answer, Decision, Question, cause_of
from respond.core.recorded import (
    ABOUT_EVIDENCE,
    Confirmed,
    Content,
    Noticed,
    Parked,
    Since,
    Taken,
    data_of,
)
from respond.core.records import Frozen, Mutable, replace
from respond.core.runbook import Input, InputKind, Runbook
from respond.core.script import Call, Person, Reply
from respond.core.shapes import decode, encode
from respond.core.values import Late, SecretHandle, Value
from respond.engine.keeping import Keeping
from respond.engine.setting import Site
from respond.engine.shared_answers import SharedAnswers
from respond.engine.stopping import QuitError, Stop, WaitsError
from respond.engine.walk import absent_input
from respond.errors import ExitCode, ParkedError, RespondError, RunTakenError
from respond.ports import Clock, EvidenceStore, Intent, Journal, Pen, Progress, Prompt, Reader

__all__ = ["INPUTS", "LiveRun", "Tools", "lies_in"]

INPUTS = "inputs"
"""How expressions call what was given, and how a value that nobody gave yet says where it lacks."""

MEANWHILE_S = 2.0
"""How often the journal is looked at for what other processes wrote, while time passes."""

MACHINE = Actor("respond", Strength.MACHINE)


class Tools(Frozen):
    """The ports of a run.

    Attributes:
        nonce: Gives an unguessable name.
        asked: Told when these persons were asked to agree; it lets them know.
        one_teller: Holds what its name says for one of all processes, or raises
            ``RefusedByPersonError``; who has it knows that an earlier one is gone.
        sign: Has the operator sign a text with their own key: text and person's id to text,
            signature and fingerprint. None where nobody could.
        evidence: Keeps what systems answered; None where nothing is kept.
        typed: What a person typed for an input, as its value; with the time in seconds.
        corrects: Whoever gave the inputs sits there and can correct them.
    """

    journal: Journal
    reader: Reader
    pen: Pen
    clock: Clock
    prompt: Prompt
    progress: Progress
    stop: Stop = field(default_factory=Stop)
    nonce: Callable[[], str] = lambda: secrets.token_hex(16)
    asked: Callable[[LiveRun, Request, tuple[str, ...]], None] = lambda *_: None
    one_teller: Callable[[str], AbstractContextManager[object]] = nullcontext
    sign: Callable[[str, str], Mapping[str, str]] | None = None
    typed: Callable[[Input, str, int], Value] = lambda each, text, _: input_value(each, text)
    evidence: EvidenceStore | None = None
    corrects: bool = False


class LiveRun(Mutable):
    """One run, as it is now; the journal is its only memory (P3)."""

    run: str
    runbook: Runbook
    site: Site
    tools: Tools
    state: RunState = field(init=False)
    is_stopping: bool = field(default=False, init=False)
    """Somebody ended it and that is being carried out: what they said is heard."""
    waiting: dict[str, ParkedError] = field(default_factory=dict, init=False)
    """Steps that failed and that only people can decide about, by address: the run went on with
    what their author lets go on, and parks before it ends."""
    answers: SharedAnswers = field(init=False)
    """What looks of one moment share; a write, a question and a pause end it."""
    kept: Keeping = field(init=False)
    """What is kept of answers, as evidence."""
    _epoch: int = field(default=0, init=False)
    _mine: set[int] = field(default_factory=set, init=False)
    _read: int = field(default=0, init=False)
    _known: RunState | None = field(default=None, init=False)
    """The state after all records before ``_read``, whoever made them."""
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    _asking: threading.RLock = field(default_factory=threading.RLock, init=False)

    def __post_init__(self) -> None:
        tools, site = self.tools, self.site
        self.answers = SharedAnswers(tools.reader, tools.clock, site.at_once)
        self.kept = Keeping(self.run, tools.evidence, tools.clock)
        self._read_on()

    def _read_on(self) -> None:
        """Be in the state that the journal tells, where ours may stand between those of others."""
        # Up to here it is read, whosever the records are: what is added next is read by nobody.
        size = self.tools.journal.head().size
        state = fold(self.tools.journal.records(self.run, since=self._read), self._known)
        if state is None:
            raise RespondError(f"there is no run {self.run!r}", do="respond runs")
        self.state, self._known, self._read = state, state, max(size, state.last_seq + 1)
        self._mine.clear()
        self.kept.remember(state)
        if self._epoch not in (0, state.epoch):
            # Nothing of ours may follow what the other one did, nor be taken for a fault of it.
            raise RunTakenError(
                f"run {self.run} was taken over by another process",
                why=f"that is engine {state.epoch} of the run, and this one was {self._epoch}",
                do="leave it to the other process, or end that one and `respond resume`",
            )

    # --- what is recorded ------------------------------------------------------------------------

    def add(
        self,
        kind: Kind,
        step: str = "",
        *,
        seal: Mapping[str, str] | None = None,
        by: Actor | None = None,
        synced: bool | None = None,
        **data: Any,
    ) -> Record:
        """Append an event, and be in the state after it.

        Args:
            synced: A power cut must not take it away. What is not synced is found again by
                looking, and the next event that is synced keeps it too. So is a conclusion, where
                nothing is said: the next intent syncs it before anything else happens.
        """
        if kind in (Kind.PARKED, Kind.ENDED) and (lost := self.kept.unkept()):
            self.tools.progress.say(lost)
            self.add(Kind.NOTICE, **data_of(Noticed, about=ABOUT_EVIDENCE, says=lost))
        if kept := self.kept.taken(kind, step):
            data["evidence"] = kept
        event = Event(kind, self.run, step, by or MACHINE, data)
        synced = kind is not Kind.OBSERVED if synced is None else synced
        with self._lock:
            # Before it stands in the journal for ever.
            said = may_follow(self.state, event)
            record = self.tools.journal.append(event, seal=seal, synced=synced)
            self._took(record, said)
        if kind is Kind.OBSERVED:
            self.answers.forget(step)
        return record

    def add_plan(self, plan: Plan, **told: Any) -> None:
        """Record a plan; of a long one the first steps in records before its own."""
        parts = in_parts(plan.steps)
        last = next(parts)
        for number, part in enumerate(parts, 1):
            self.add(Kind.PLAN_PART, steps=last)
            last, told["parts"] = part, number
        whole = {**encode(replace(plan, steps=())), "steps": last}
        self.add(Kind.PLANNED, digest=plan.digest, plan=whole, **told)

    def intend(self, step: str, digest: str, **data: Any) -> Intent:
        """Append an intent, and get the key to its one request (P1)."""
        if kept := self.kept.taken(Kind.INTENT, step):
            data["evidence"] = kept
        event = Event(Kind.INTENT, self.run, step, MACHINE, {**data, "digest": digest})
        with self._lock:
            said = may_follow(self.state, event)
            intent = self.tools.journal.intend(event, digest=digest)
            if intent.record is None:
                raise RespondError("the journal gave an intent without its record")
            self._took(intent.record, said)
        return intent

    def refresh(self) -> None:
        """Be in the state that the journal tells now; other processes append too.

        Raises:
            RunTakenError: Another engine has taken the run.
        """
        with self._lock:
            new = {r.seq for r in self.tools.journal.records(self.run, since=self._read)}
            if new <= self._mine:
                # Each write asks; going through all records anew would cost more with each.
                self._read = max(new, default=self._read - 1) + 1
                self._known = self.state
                self._mine.clear()
                return
            was = len(self.state.votes)
            self._read_on()
            for vote in self.state.votes[was:]:
                self.tools.progress.say(f"{vote.who.id} said: {vote.verdict.value}")

    def _took(self, record: Record, said: Content) -> None:
        self.state = after(self.state, record, said)
        if record.seq == self._read:
            # Nobody's stands before it: it need not be read again.
            self._read, self._known = self._read + 1, self.state
        else:
            self._mine.add(record.seq)
        self.tools.progress.event(record)

    def take(self) -> None:
        """Be the one engine of this run; an older one can append nothing from now on (P4)."""
        told = data_of(Taken, by=self.site.operator.id)
        event = Event(Kind.TAKEN, self.run, "", MACHINE, told)
        self._epoch = self.tools.journal.take(event)
        self.answers.end()
        self.tools.journal.checkpoint(f"run {self.run} taken")
        self._read_on()
        if self._epoch > 1:
            self.tools.progress.say(f"run {self.run} is carried on")

    def park(self, error: RespondError, code: ExitCode, *, again: bool = False) -> ExitCode:
        """Record where the run waits, and for what; ``again``: what did not come about is tried."""
        do = error.do
        if self.state.proposed.passing and self.run in do:
            do = ""  # Nobody can go on with it.
        if self.state.status is RunStatus.ENDED:  # Its undo parks: a step does not know that.
            do = do.replace(f"respond resume {self.run}", f"respond undo {self.run}")
        told = data_of(Parked, why=error.what, reason=error.why, do=do, exit=code)
        if again:
            told |= data_of(Parked, again=True)
        if isinstance(error, ParkedError) and error.asks:
            told["asks"] = error.asks
        if isinstance(error, WaitsError):
            told |= data_of(Parked, waits=error.since)
        self.add(Kind.PARKED, error.address if isinstance(error, WaitsError) else "", **told)
        # While it waits, an old copy of the journal could be put back: the mark tells (P23).
        self.tools.journal.checkpoint(f"run {self.run} parked")
        return code

    # --- a person, and time ----------------------------------------------------------------------

    def ask(self, question: Question) -> Answer:
        """Put a question to the operator; one at a time, also from parallel steps.

        Raises:
            ParkedError: LATER was answered, or nobody is there.
            QuitError: QUIT was answered.
        """
        with self._asking, self.tools.stop.waiting(self.run):
            answer = self.tools.prompt.ask(question)
        self.answers.end()
        return self.heed(answer, getattr(question, "step", ""), cause_of(question))

    def by_hand(self, task: Person[Any], title: str, seen: Callable[[], bool] | None) -> Answer:
        """Let a person do a task; the answer is not heeded yet.

        What the look saw that ended it, if one did, holds for whoever looks next.
        """
        saw = False

        def look() -> bool:
            nonlocal saw
            self.answers.end()
            saw = seen is not None and seen()
            return saw

        with self._asking, self.tools.stop.waiting(self.run):
            watch = look if seen is not None else None
            answer = self.tools.prompt.by_hand(task, title, seen=watch, every_s=3.0)
        if not saw:
            self.answers.end()
        return answer

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        """Send a write; nothing that was seen before it is taken for seen after it.

        Raises:
            RefusedBySystemError, NoAnswerError, IntentSpentError: As the pen.
        """
        self.answers.end()
        try:
            return self.tools.pen.send(intent, call, digest)
        finally:
            self.answers.end()

    def heed(self, answer: Answer, step: str, cause: str = "") -> Answer:
        """Let LATER and QUIT end the advance; hand every other answer back.

        Args:
            cause: What happened that a person was needed; it stands beside why nobody answered.
        """
        if answer.decision is Decision.LATER:
            what, behind = (f"stopped before step {step!r}", cause) if step else (cause, "")
            raise ParkedError(
                what or "stopped before its start",
                why="; ".join(filter(None, (behind, answer.reason))),
                do=f"respond resume {self.run}",
                asks=answer.asks,
            )
        if answer.decision is Decision.QUIT:
            by = answer.by or self.site.operator
            told = data_of(Confirmed, decision=Decision.QUIT, at=step, reason=answer.reason)
            self.add(Kind.CONFIRMED, by=by, **told)
            raise QuitError(f"run {self.run} was ended by {by.id}")
        return answer

    def pause(
        self,
        seconds: float,
        what: str,
        meanwhile: Callable[[], None] = lambda: None,
        left: float = 0,
    ) -> None:
        """Let time pass; Ctrl-C parks the run meanwhile.

        Args:
            meanwhile: Called every few seconds, and at the end; what it raises comes out.
            left: How long all of it may take, where it is looked at more often.
        """
        if seconds <= 0:
            return
        self.tools.progress.waiting(what, left or seconds)
        # In a rehearsal no time passes in which anything could happen.
        piece = seconds if self.site.mode == "rehearsal" else MEANWHILE_S
        with self.tools.stop.waiting(self.run):
            while seconds > 0:
                self.tools.stop.nap(self.tools.clock, min(piece, seconds), self.run)
                seconds -= piece
                meanwhile()
        self.answers.end()

    def since_now(self) -> Since:
        """This moment by both clocks, as a wait that may park remembers when it began."""
        clock = self.tools.clock
        return Since(clock.now_ms(), clock.mono_ms(), clock.boot())

    def passed_s(self, since: Since) -> int:
        """Seconds since then, by the slower of two clocks: a jump ends no wait early (P16)."""
        now = self.since_now()
        passed = now.since - since.since
        if now.boot == since.boot:
            passed = min(passed, now.mono - since.mono)
        return max(0, passed) // 1000

    # --- what is known ---------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """When the run was proposed, in seconds; what actions take as their now."""
        return self.state.proposed.at_s

    def inputs(self) -> Value:
        """The inputs as expressions see them; secrets by handle, late ones unasked."""
        return {each.name: self.input_value(each) for each in self.runbook.inputs}

    def input_value(self, declared: Input) -> Value:
        """One of them."""
        given = self.state.inputs
        if declared.late and declared.name not in given:
            return Late(INPUTS, declared.name)
        return _input_value(declared, given.get(declared.name))

    def first_values(self) -> dict[str, Value]:
        return self.site.first_values(self.runbook, self.state, self.inputs())

    def first_failure(self, within: str = "") -> dict[str, str]:
        """The first step that failed and was not made good; empty when there is none.

        Args:
            within: How its address begins.
        """
        for step in self.state.steps.values():
            end = step.conclusion
            begins = step.address.startswith(within)
            if begins and end is not None and end.how is As.FAILED and not end.recovered:
                return {"step": step.address, "reason": end.why}
        return {}

    def agreed_to_end(self, address: str) -> bool:
        """A person agreed to an end that took this step away, and that no plan foresaw."""
        return lies_in(address, self._agreed_ends())

    def not_reached(self) -> list[PlannedStep]:
        """Steps with planned writes that the run has not come to."""
        plan = self.state.plan
        if plan is None or self.first_failure():
            return []
        ends = self._agreed_ends()
        return [
            step
            for step in plan.steps
            if step.writes
            and self.state.step(step.address).conclusion is None
            and not lies_in(step.address, ends)
        ]

    def _agreed_ends(self) -> tuple[str, ...]:
        """What an end took away that a person agreed to, as ``lies_in`` takes it."""
        words = (each for step in self.state.steps.values() for each in step.confirmed)
        return tuple(w.removeprefix("end").lstrip() for w in words if w.split(" ")[0] == "end")


def lies_in(address: str, places: Iterable[str]) -> bool:
    """Whether a step is one of these, or below one of them.

    Args:
        places: Addresses of steps, or how addresses begin, ending in ``/``; an empty one is all.
    """
    return any(
        not place
        or address == place
        or address.startswith(place if place.endswith("/") else (f"{place}/", f"{place}["))
        for place in places
    )


def _input_value(declared: Input, given: Any) -> Value:
    if given is None:
        return absent_input(declared)
    if declared.kind is InputKind.SECRET:
        handle: SecretHandle = decode(SecretHandle, given)
        return handle
    value: Value = given
    return value
