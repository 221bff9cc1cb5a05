"""Take one step to its end: recover, look, agree, act, verify, conclude.

``StepRun.go`` is the only way from a step to a write. The order inside it is the promise: an open
outcome is looked at before anything else (P2), a yes covers the write or a question is asked (P10,
P15), the intent is durable before the request leaves (P1), and the step is done when a look with
tied hands no longer wants anything (P6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from respond.core.events import Kind
from respond.core.plan import (
    PlannedStep,
    PlannedWrite,
    StepPlan,
    digest_of,
    planned_write,
    write_key,
)
from respond.core.questions import (
    AskByHand,
    AskConfirm,
    AskDrift,
    AskPerson,
    AskUnknown,
    Decision,
)
from respond.core.run import As, StepState, WriteState, WriteStatus
from respond.core.runbook import ActionStep, Phase, Retry, Step
from respond.core.script import (
    Again,
    Api,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    NotYet,
    Person,
    Proof,
    RefusedError,
    Reply,
    Script,
    Write,
    WrittenAction,
)
from respond.core.shapes import ShapeError, encode
from respond.core.values import Value
from respond.drivers import Look, World, act, look, refusal, still_wanted
from respond.errors import (
    NoAnswerError,
    NotReadyError,
    ParkedError,
    RefusedByPersonError,
    RefusedBySystemError,
    StepFailedError,
    UnknownOutcomeError,
)
from respond.site import first_late, recorded_values, values_of
from respond.stopping import QuitError
from respond.walk import Absent, Here

if TYPE_CHECKING:
    from respond.engine import Engine

__all__ = ["StepRun", "failure_data", "request_digest"]

PASSES_MAX = 12
"""Passes over one script; more means that an action chases itself."""

ATTEMPTS = 4
"""Sends of one write in all, each with its own intent, when the system says "not now"."""

LOOK_AGAIN_S = 30
"""How long a look is tried again, where one answer alone would decide wrongly, in seconds."""

POLL_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between looks while a change settles; the last one repeats."""

PATIENCE_S = 300
"""How long a step waits for ``NotYet`` when it names no ``timeout``, in seconds."""


class _NotAgreedError(Exception):
    """The script wants a write that no yes covers."""


class _HandsError(Exception):
    """The next write is a person's; the generator has to be closed before anybody is asked."""

    def __init__(self, write: Write[Any]) -> None:
        super().__init__(write.says)
        self.write = write


class _UnknownError(Exception):
    """A write left and no usable answer came."""

    def __init__(self, error: NoAnswerError) -> None:
        super().__init__(error.what)
        self.error = error


class _OpenError(Exception):
    """The step stays open: a person chose so."""


def request_digest(write: Write[Any]) -> str:
    """What an intent is bound to: this request to the last field, secrets by their digest."""
    if isinstance(write.hands, Person):
        return digest_of({"task": write.hands.task, "about": encode(dict(write.hands.about))})
    call = write.hands.call
    return digest_of(
        {
            "connection": call.connection,
            "surface": call.surface,
            "method": call.method,
            "path": list(call.path),
            "query": [list(pair) for pair in call.query],
            "headers": [list(pair) for pair in call.headers],
            "body": encode(call.body),
            "form": call.form,
            "auth": type(call.auth).__name__,
        }
    )


@dataclass(slots=True)
class StepRun:
    """One action step at one address, in one advance."""

    engine: Engine
    step: ActionStep
    address: str
    here: Here
    _arguments: dict[str, Value] = field(default_factory=dict, init=False)
    _agreed: set[str] = field(default_factory=set, init=False)
    _action: WrittenAction[Any] | None = field(default=None, init=False)
    _connection: Connection = field(default_factory=lambda: Connection("", ""), init=False)
    _sent: Counter[str] = field(default_factory=Counter, init=False)

    # --- entry -----------------------------------------------------------------------------------

    def go(self) -> Value | Absent:
        """The step's output, or why there is none. Concluded steps answer from the journal."""
        concluded = self.state.conclusion
        if concluded is not None:
            if concluded.how.has_output:
                return recorded_values(self.step.action, concluded.output)
            return Absent(concluded.why or concluded.says, failed=concluded.how is As.FAILED)
        try:
            self._arguments = self.engine.site.arguments(self.step, self.here.values)
        except StepFailedError as error:
            return self._leave_open(error.what)
        self.engine.tools.stop.check(self.engine.run)
        late = first_late(self._arguments)
        if late is not None:
            return self._leave_open(f"it needs {late.step}.{late.name}, which has not happened")
        self.engine.tools.progress.say(f"{self.title}")
        try:
            return self._to_the_end()
        except ShapeError as error:
            return self._failed(
                StepFailedError(f"step {self.address!r} cannot run", why=str(error))
            )
        except _OpenError as open_:
            return self._leave_open(str(open_))
        except StepFailedError as error:
            return self._on_my_word(error) if self.state.by_hand else self._failed(error)
        except QuitError:
            raise
        except RefusedByPersonError as error:
            # A guard: what the step aims at now must not be touched (P8).
            return self._failed(StepFailedError(error.what, why=error.why, do=error.do))

    def look_again(self) -> Look[Any]:
        """Look with tied hands, whatever became of the step.

        Raises:
            StepFailedError, ShapeError: It cannot be looked at.
        """
        self._arguments = self.engine.site.arguments(self.step, self.here.values)
        return self._look()

    @property
    def state(self) -> StepState:
        return self.engine.state.step(self.address)

    @property
    def title(self) -> str:
        return self.step.words.title or self.step.action.spec.summary

    @property
    def phase(self) -> Phase | None:
        return self.step.words.phase or self.here.phase

    @property
    def planned(self) -> PlannedStep | None:
        plan = self.engine.state.plan
        return plan.step(self.address) if plan is not None else None

    # --- looking ---------------------------------------------------------------------------------

    def _script(self) -> Script[Any]:
        engine = self.engine
        if self._action is None:
            named = self.step.connection.value(self.here.values) if self.step.connection else ""
            named = named or self._arguments.get("connection", "")
            system = self.step.action.spec.system
            self._connection = engine.site.connection_for(system, str(named or ""))
            self._action = engine.site.action(self.step.action, self._arguments)
        me = engine.site.me(
            engine.state,
            self.address,
            self._connection,
            engine.tools.journal,
            engine.now,
            by_hand=self.state.by_hand,
        )
        return engine.site.script(self._action, me)

    def _world(self) -> World:
        return World(self.engine.tools.reader)

    def _known(self, *, blind_only: bool) -> dict[str, Any]:
        """Answers of writes that are done, by key, for the script to be answered with."""
        return {
            w.key: w.value
            for w in self.state.writes
            if w.status is WriteStatus.DONE
            and not (blind_only and w.write["proof"] == Proof.SEEN.value)
        }

    def _look(self) -> Look[Any]:
        return look(
            self._script(), self._world(), known=self._known(blind_only=True), predict=False
        )

    # --- the passes ------------------------------------------------------------------------------

    def _to_the_end(self) -> Value | Absent:
        began = self.engine.tools.clock.mono_ms()
        passes = 0
        while passes < PASSES_MAX:
            passes += 1
            self._recover()
            if self._wants_agreement_first():
                self._agree()
            try:
                outcome, _ = act(
                    self._script(),
                    self._world(),
                    known=self._known(blind_only=False),
                    perform=self._perform,
                )
            except _NotAgreedError:
                self._agree()
                continue
            except _HandsError as hands:
                self._by_hand(hands.write)
                continue
            except _UnknownError:
                continue
            if isinstance(outcome, Again):
                self.engine.tools.progress.say(outcome.says)
                continue
            if isinstance(outcome, NotYet):
                self._wait_for(outcome, began)
                passes -= 1  # Waiting is no pass: the step's own limit ends it.
                continue
            missing = self._planned_but_not_wanted()
            if missing and not self._is_already_so(missing):
                continue
            return self._prove(outcome)
        raise StepFailedError(
            f"step {self.address!r} did not come to an end in {PASSES_MAX} passes",
            why="what it looks at keeps changing",
            do=f"look at it, then: respond resume {self.engine.run}",
        )

    def _wait_for(self, outcome: NotYet, began: int) -> None:
        engine = self.engine
        limit = self.step.timeout_s or PATIENCE_S
        waited = (engine.tools.clock.mono_ms() - began) // 1000
        if waited >= limit:
            raise StepFailedError(
                f"step {self.address!r} waited {limit} s: {outcome.says}",
                do=f"when it has happened: respond resume {engine.run}",
            )
        if not engine.tools.prompt.is_there:
            raise ParkedError(outcome.says, do=f"respond resume {engine.run}")
        engine.pause(min(outcome.every_s, limit - waited), outcome.says)

    # --- agreement -------------------------------------------------------------------------------

    def _covered(self) -> set[str]:
        """Keys that a recorded yes covers: the start covers planned ordinary writes."""
        keys = set(self.state.confirmed) | self._agreed
        planned = self.planned
        if planned is not None and planned.state is StepPlan.WRITES and self.engine.state.started:
            keys |= {w.key for w in planned.writes if not self._wants_question(w)}
        return keys

    def _wants_question(self, write: PlannedWrite) -> bool:
        if write.cleans_up:
            return False
        return write.effect is Effect.DESTROYS or self.engine.site.care(self.step).confirm

    def _wants_agreement_first(self) -> bool:
        planned = self.planned
        if self.step.action.spec.effect is Effect.READS:
            return False
        if planned is None or planned.state is not StepPlan.WRITES or self.state.by_hand:
            return True
        covered = self._covered()
        return any(w.key not in covered for w in planned.writes) and not self.state.done()

    def _agree(self) -> None:
        """Look, and see to it that a yes covers every write that is wanted now."""
        seen = self._look()
        wanted = [planned_write(write) for write in seen.writes if not write.cleans_up]
        fresh = [w for w in wanted if w.key not in self._covered()]
        if not fresh:
            return
        self._check(seen)
        self._approval()
        drifted = self._drift(wanted)
        if drifted is not None:
            wanted = drifted
            fresh = [w for w in wanted if w.key not in self._covered()]
            if not fresh:
                return
            self._ask_drift(fresh)
            return
        self._confirm(fresh)

    def _check(self, seen: Look[Any]) -> None:
        """Whether what is wanted may be asked for at all; an undo knows more."""

    def _wants_typed(self, writes: list[PlannedWrite]) -> bool:
        """Whether verb and target have to be typed, and not just a yes."""
        return any(w.effect is Effect.DESTROYS for w in writes)

    def _drift(self, wanted: list[PlannedWrite]) -> list[PlannedWrite] | None:
        """What is wanted now, when that is not what was planned; None when it is the same.

        A difference is looked at again through the settle time: a stale read is no drift.
        """
        planned = self.planned
        if planned is None or planned.state is not StepPlan.WRITES or self.state.by_hand:
            return None
        done = self.state.done()
        expected = {w.key for w in planned.writes if not w.cleans_up} - set(done)
        if {w.key for w in wanted} <= expected:
            return None
        engine = self.engine
        for pause in self._pauses(LOOK_AGAIN_S):
            engine.pause(pause, "what is seen is not what was planned: looking again")
            seen = self._look()
            wanted = [planned_write(w) for w in seen.writes if not w.cleans_up]
            if {w.key for w in wanted} <= expected:
                return None
        return wanted

    def _pauses(self, total_s: float) -> list[float]:
        """Pauses that add up to ``total_s``."""
        pauses: list[float] = []
        n = 1
        while sum(pauses) < total_s:
            pauses.append(min(POLL_S[min(n, len(POLL_S) - 1)], total_s - sum(pauses)))
            n += 1
        return pauses

    def _approval(self) -> None:
        care = self.engine.site.care(self.step)
        if care.approvals == 0 or self.engine.site.mode == "rehearsal":
            return
        raise ParkedError(
            f"step {self.address!r} waits for another person's approval",
            why=f"{care.approvals} of {' and '.join(sorted(care.roles))} have to agree first",
            do="ways to approve come with a later version; nothing was written at this step",
        )

    def _confirm(self, writes: list[PlannedWrite]) -> None:
        together = self._group(writes)
        everything = [w for _, group in together for w in group]
        destructive = self._wants_typed(everything)
        first = everything[0]
        wants = ""
        if destructive:
            one = len(everything) == 1
            wants = f"{first.verb} {first.target}" if one else f"{first.verb} {len(everything)}"
        breaks = self.planned.confirm if self.planned and self.planned.confirm else ""
        if not breaks and self.step.confirm is not None:
            breaks = str(self.step.confirm.value(self.here.values) or "")
        answer = self.engine.ask(
            AskConfirm(
                step=self.address,
                title=self.title,
                wants=wants,
                destructive=destructive,
                lines=tuple(_line(w) for w in everything),
                breaks=breaks or first.breaks,
                undo="can be undone" if all(w.undo for w in everything) else "cannot be undone",
                where=first.where,
                stays=tuple(dict.fromkeys(s for w in everything for s in w.stays)),
                why=self.step.words.why,
                on_skip=self._on_skip(),
                writes=tuple(everything),
                by_hand=any(w.hands == "tool" for w in everything),
            )
        )
        self._take(answer.decision, together, typed=answer.typed)

    def _on_skip(self) -> str:
        if self.phase is Phase.CONTAIN:
            return "not contained: what this step kills goes on working, and the run ends with 1"
        return "it stays open, and the run ends with 1"

    def _take(
        self, decision: Decision, together: list[tuple[str, list[PlannedWrite]]], *, typed: str
    ) -> None:
        engine = self.engine
        match decision:
            case Decision.YES:
                for address, writes in together:
                    engine.add(
                        Kind.CONFIRMED,
                        address,
                        by=engine.site.operator,
                        decision="yes",
                        writes=[w.key for w in writes],
                        says=[w.says for w in writes],
                        typed=typed,
                    )
            case Decision.BY_HAND:
                engine.add(
                    Kind.CONFIRMED, self.address, by=engine.site.operator, decision="by-hand"
                )
                self._agree()
            case _:
                engine.add(
                    Kind.CONFIRMED,
                    self.address,
                    by=engine.site.operator,
                    decision="skip",
                    typed=typed,
                )
                raise _OpenError(f"left out by {engine.site.operator.id}")

    def _group(self, writes: list[PlannedWrite]) -> list[tuple[str, list[PlannedWrite]]]:
        """The destructive targets of one ``for_each`` are one question (P15)."""
        plan = self.engine.state.plan
        if not self.here.group or plan is None:
            return [(self.address, writes)]
        groups = [(self.address, writes)]
        for other in plan.steps:
            if other.group != self.here.group or other.address == self.address:
                continue
            state = self.engine.state.step(other.address)
            fresh = [
                w for w in other.writes if w.key not in state.confirmed and self._wants_question(w)
            ]
            if fresh and state.conclusion is None and other.action == self.step.action.spec.name:
                groups.append((other.address, fresh))
        return groups

    def _ask_drift(self, now: list[PlannedWrite]) -> None:
        planned = self.planned
        was = planned.writes if planned is not None else ()
        destructive = [w for w in now if w.effect is Effect.DESTROYS]
        wants = f"{destructive[0].verb} {destructive[0].target}" if destructive else "agree"
        answer = self.engine.ask(
            AskDrift(
                step=self.address,
                title=self.title,
                planned=tuple(_line(w) for w in was),
                now=tuple(_line(w) for w in now),
                wants=wants,
                planned_writes=tuple(was),
                now_writes=tuple(now),
            )
        )
        if answer.decision is Decision.NO:
            raise ParkedError(
                f"step {self.address!r}: what is there now is not what was planned",
                do=f"respond resume {self.engine.run}",
            )
        self._take(answer.decision, [(self.address, now)], typed=answer.typed)

    def _planned_but_not_wanted(self) -> list[PlannedWrite]:
        planned = self.planned
        if planned is None or planned.state is not StepPlan.WRITES or self.state.by_hand:
            return []
        written = {w.write["subject"] for w in self.state.writes if w.status is WriteStatus.DONE}
        return [
            w
            for w in planned.writes
            if w.subject not in written and not w.cleans_up and w.key not in self._agreed
        ]

    def _is_already_so(self, missing: list[PlannedWrite]) -> bool:
        """A planned write that is not wanted any more is drift: somebody did it, or we misread.

        It is looked at again through the settle time, then asked. False: it is wanted after all.
        """
        engine = self.engine
        keys = {w.key for w in missing}
        for pause in self._pauses(max(10, self._look().settle_s)):
            engine.pause(pause, "it is already so: looking again")
            if keys & {write_key(w) for w in self._look().writes}:
                return False
        answer = engine.ask(
            AskDrift(
                step=self.address,
                title=self.title,
                planned=tuple(_line(w) for w in missing),
                now=("already so: nothing is left to write",),
                wants="agree",
                planned_writes=tuple(missing),
            )
        )
        if answer.decision is Decision.NO:
            raise ParkedError(
                f"step {self.address!r}: it is already so, and nobody says why",
                do=f"respond resume {engine.run}",
            )
        engine.add(
            Kind.CONFIRMED,
            self.address,
            by=engine.site.operator,
            decision="yes",
            scope="already-so",
            writes=sorted(keys),
            typed=answer.typed,
        )
        self._agreed |= keys
        return True

    # --- writing ---------------------------------------------------------------------------------

    def _perform(self, write: Write[Any]) -> Any:
        key = write_key(write)
        if not write.cleans_up and key not in self._covered():
            raise _NotAgreedError
        self.engine.tools.stop.check(self.engine.run)
        if isinstance(write.hands, Person):
            raise _HandsError(write)
        return self._send(write, write.hands, key)

    def _intend(self, write: Write[Any], key: str, timeout_s: int) -> Any:
        return self.engine.intend(
            self.address,
            request_digest(write),
            key=key,
            write={
                **encode(planned_write(write)),
                "settle_s": write.subject.settle_s,
                "timeout_s": timeout_s,
            },
            undo=encode(write.undo) if write.undo is not None else None,
        )

    def _send(self, write: Write[Any], hands: Api[Any], key: str) -> Any:
        """Send one write; again only when the system says that it was not taken (429 and such)."""
        try:
            return self._send_once(write, hands, key)
        except RefusedBySystemError as error:
            if not self._may_again(error):
                raise
            return self._send_again(write, hands, key, error)

    @property
    def _retry(self) -> Retry:
        return self.step.retry or Retry(times=ATTEMPTS, wait_s=1)

    def _may_again(self, error: BaseException) -> bool:
        if not isinstance(error, RefusedBySystemError) or not error.again:
            return False
        kind = "rate-limit" if error.code == "429" else "unavailable"
        return self._retry.times > 1 and kind in self._retry.on

    def _send_again(
        self, write: Write[Any], hands: Api[Any], key: str, first: RefusedBySystemError
    ) -> Any:
        import tenacity  # noqa: PLC0415 - 34 ms, needed only when a system says "not now"

        retry = self._retry
        pause = tenacity.wait_exponential(multiplier=retry.wait_s, max=30)
        asked: list[float] = [float(first.retry_after_s or 0)]

        def wait(state: tenacity.RetryCallState) -> float:
            return max(asked[-1], pause(state))

        def once() -> Any:
            try:
                return self._send_once(write, hands, key)
            except RefusedBySystemError as error:
                asked.append(float(error.retry_after_s or 0))
                raise

        self._pause(max(asked[-1], 0.5), f"{first.what}; trying again")
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(retry.times - 1),
            wait=wait,
            retry=tenacity.retry_if_exception(
                lambda e: isinstance(e, RefusedBySystemError) and e.again
            ),
            sleep=lambda s: self._pause(s, "trying again"),
            reraise=True,
        )
        return retrying(once)

    def _pause(self, seconds: float, what: str) -> None:
        self.engine.pause(seconds, what)

    def _send_once(self, write: Write[Any], hands: Api[Any], key: str) -> Any:
        engine = self.engine
        intent = self._intend(write, key, hands.call.timeout_s)
        self._sent[key] += 1
        try:
            reply = engine.tools.pen.send(intent, hands.call, request_digest(write))
            value, seal = self._taken(hands, reply)
        except (RefusedBySystemError, NotReadyError) as error:
            engine.add(
                Kind.OUTCOME,
                self.address,
                intent=intent.seq,
                how="not-done",
                why=error.what,
                code=getattr(error, "code", ""),
            )
            raise
        except NoAnswerError as error:
            engine.add(Kind.UNKNOWN, self.address, intent=intent.seq, why=error.what)
            raise _UnknownError(error) from error
        engine.add(
            Kind.OUTCOME,
            self.address,
            seal=seal,
            intent=intent.seq,
            how="done",
            value=encode(value),
        )
        return value

    def _taken(self, hands: Api[Any], reply: Reply) -> tuple[Any, dict[str, str]]:
        """The reply as a typed value, and the secret that it showed once."""
        call = hands.call
        seal: dict[str, str] = {}
        try:
            if hands.keep is not None:
                try:
                    secret = hands.keep.take(reply.body)
                except (KeyError, TypeError, IndexError) as error:
                    msg = "the reply does not hold the new secret"
                    raise MalformedReplyError(msg) from error
                seal[hands.keep.handle] = secret
                reply = Reply(reply.status, reply.headers, _without(reply.body, secret))
            return hands.parse(reply), seal
        except RefusedError as error:
            raise refusal(error, call) from error
        except MalformedReplyError as error:
            raise NoAnswerError(
                f"{call.connection} answered {call.says} with something unexpected",
                why=str(error),
                request=call.says,
            ) from error

    # --- a person's hands ------------------------------------------------------------------------

    def _by_hand(self, write: Write[Any]) -> None:
        """Let a person do it, while the tool looks; the outcome says whose word or sight it was."""
        person, engine = write.hands, self.engine
        assert isinstance(person, Person)  # noqa: S101 - _perform raised for exactly these
        key = write_key(write)
        intent = self._intend(write, key, 0)
        intent.spend(request_digest(write))
        seen = self._watch(write) if write.proof is Proof.SEEN else None
        answer = engine.by_hand(person, self.title, seen)
        if answer.decision is Decision.LATER:
            engine.heed(answer, self.address)  # They may still do it: it is looked at first.
        if answer.decision is not Decision.YES:
            engine.add(
                Kind.OUTCOME,
                self.address,
                intent=intent.seq,
                how="not-done",
                why=answer.reason or "the person did not do it",
                by=engine.site.operator,
            )
            engine.heed(answer, self.address)
            raise _OpenError(answer.reason or "it could not be done by hand")
        seal = {person.keep: answer.typed} if person.keep else {}
        engine.add(
            Kind.OUTCOME,
            self.address,
            seal=seal,
            by=engine.site.operator,
            intent=intent.seq,
            how="done",
            value=encode(person.answer),
            word=write.proof is Proof.WORD,
        )

    def _watch(self, write: Write[Any]) -> Callable[[], bool]:
        name = write.subject.name

        def seen() -> bool:
            try:
                return name not in {w.subject.name for w in self._look().writes}
            except StepFailedError:
                return False

        return seen

    # --- what may have happened ------------------------------------------------------------------

    def _recover(self) -> None:
        """Find out about writes of which nobody knows whether they happened (P2, rule 4)."""
        open_writes = self.state.open()
        if not open_writes:
            return
        engine = self.engine
        for write in open_writes:
            if write.status is WriteStatus.INTENT:
                engine.add(
                    Kind.UNKNOWN,
                    self.address,
                    intent=write.seq,
                    why="the process ended before an answer was recorded",
                )
        pause = max(_could_still_land(w) for w in open_writes)
        self._pause(pause, "a write may have happened: waiting until it would be seen")
        seen = self._look_patiently() if any(_is_seen(w) for w in open_writes) else None
        for write in open_writes:
            self._reconcile(write, seen)

    def _look_patiently(self) -> Look[Any] | None:
        """Look until there is an answer; None when there is none for a while."""
        for pause in [0.0, *self._pauses(LOOK_AGAIN_S)]:
            self._pause(pause, "no answer to the look: looking again")
            try:
                return self._look()
            except StepFailedError as error:
                self.engine.tools.progress.say(error.what)
        return None

    def _reconcile(self, write: WriteState, seen: Look[Any] | None) -> None:
        subject = write.write["subject"]
        now = next((w for w in seen.writes if w.subject.name == subject), None) if seen else None
        if now is not None and now.proof is Proof.BLIND and not now.repeatable:
            # It could be looked at when it was sent, and cannot now: "not there" would be a guess.
            self._ask_unknown(write)
        elif _is_seen(write) and seen is not None:
            wanted = now is not None
            self._settle(
                write, done=not wanted, why="looked: " + ("not there" if wanted else "seen")
            )
            self._attempts_left(write)
        elif write.by == "person" and not _is_seen(write):
            self._settle(write, done=False, why="nobody said that it was done")
        elif write.write["repeatable"] and not _is_seen(write):
            self._settle(write, done=False, why="harmless to repeat, by the system's own word")
            self._attempts_left(write)
        else:
            self._ask_unknown(write)

    def _settle(self, write: WriteState, *, done: bool, why: str) -> None:
        word = "done" if done else "not-done"
        self.engine.add(
            Kind.RECONCILED,
            self.address,
            intent=write.seq,
            how=word,
            why=why,
            value=write.value,
        )

    def _attempts_left(self, write: WriteState) -> None:
        tried = self._sent[write.key]
        now = next(w for w in self.state.writes if w.seq == write.seq)
        if now.status is WriteStatus.NOT_DONE and tried >= ATTEMPTS:
            raise NoAnswerError(
                f"{write.write['request']} got no usable answer {tried} times",
                why=write.why or now.why,
                do=f"when the system answers again: respond resume {self.engine.run}",
                request=write.write["request"],
            )

    def _ask_unknown(self, write: WriteState) -> None:
        engine = self.engine
        try:
            answer = engine.ask(
                AskUnknown(
                    step=self.address,
                    says=write.write["says"],
                    evidence=f"sent {write.at}; {write.why or 'no answer was recorded'}",
                )
            )
        except ParkedError as parked:
            raise UnknownOutcomeError(
                f"step {self.address!r}: {write.write['says']}: nobody can see whether it happened",
                why=f"{write.write['request']} was sent at {write.at} and no answer was recorded; "
                "repeating it could do it twice",
                do=f"find out, then: respond resume {engine.run}",
            ) from parked
        self._settle(
            write, done=answer.decision is Decision.YES, why=f"{engine.site.operator.id} says so"
        )

    # --- proving ---------------------------------------------------------------------------------

    def _prove(self, outcome: Done[Any]) -> Value | Absent:
        """Look with tied hands until nothing is wanted, or the settle time is over (P6)."""
        seen_writes = [
            w
            for w in self.state.writes
            if w.status is WriteStatus.DONE and w.write["proof"] == Proof.SEEN.value
        ]
        if not seen_writes:
            return self._conclude(outcome)
        engine = self.engine
        settle = max(int(w.write.get("settle_s", 0)) for w in seen_writes)
        last: Look[Any] | None = None
        failure: StepFailedError | None = None
        for pause in [0.0, *self._pauses(settle)]:
            if pause:
                engine.pause(pause, "waiting until it is seen")
            try:
                last = self._look()
            except StepFailedError as error:
                # The write is done and recorded; a look that fails is tried until the time is over.
                failure = error
                continue
            if not still_wanted(last) and isinstance(last.outcome, Done):
                return self._conclude(last.outcome)
        return self._not_seen(outcome, last, failure, settle)

    def _not_seen(
        self,
        outcome: Done[Any],
        last: Look[Any] | None,
        failure: StepFailedError | None,
        settle: int,
    ) -> Value | Absent:
        if last is None and failure is not None:
            why = f"it was done, and could not be looked at: {failure.what}"
        else:
            why = f"it was done, and was not seen within {settle} s"
        output = last.outcome.output if last and isinstance(last.outcome, Done) else outcome.output
        self._observe(As.NOT_SEEN, Done(output, says=why, proved=False), why=why)
        return values_of(output)

    # --- the end of a step -----------------------------------------------------------------------

    def _conclude(self, outcome: Done[Any]) -> Value:
        done = self.state.done().values()
        how = As.DONE
        if not done and self.step.action.spec.effect is not Effect.READS:
            how = As.UNCHANGED
        if any(w.write["proof"] == Proof.WORD.value for w in done):
            how = As.YOUR_WORD
        self._observe(how, outcome, why="")
        return values_of(outcome.output)

    def _observe(self, how: As, outcome: Done[Any], *, why: str) -> None:
        findings = list(outcome.findings)
        if outcome.stays is not None:
            before = {
                name
                for w in self.state.writes
                if w.by == "person"
                for name in w.write.get("stays", ())
            }
            findings += [
                f"ALARM: {name} was there before and is gone: was the wrong one removed?"
                for name in sorted(before - set(outcome.stays))
            ]
        self.engine.add(
            Kind.OBSERVED,
            self.address,
            how=how.value,
            says=outcome.says,
            output=encode(outcome.output),
            proved=outcome.proved,
            findings=findings,
            why=why,
            title=self.title,
            phase=self.phase.value if self.phase else "",
        )

    def _leave_open(self, why: str) -> Absent:
        self.engine.add(
            Kind.OBSERVED,
            self.address,
            how=As.LEFT_OPEN.value,
            says=why,
            why=why,
            title=self.title,
            phase=self.phase.value if self.phase else "",
        )
        return Absent(why)

    def _failed(self, error: StepFailedError) -> Value | Absent:
        if self._may_go_by_hand(error):
            answer = self.engine.ask(
                AskByHand(
                    step=self.address,
                    title=self.title,
                    error=error.what,
                    why=self.step.words.why,
                    cause=error.why,
                    do=error.do,
                )
            )
            if answer.decision in (Decision.YES, Decision.BY_HAND):
                self.engine.add(
                    Kind.CONFIRMED,
                    self.address,
                    by=self.engine.site.operator,
                    decision="by-hand",
                    why=error.what,
                )
                return self._after_by_hand()
        self.engine.add(
            Kind.OBSERVED,
            self.address,
            how=As.FAILED.value,
            says=error.what,
            why=error.what,
            title=self.title,
            phase=self.phase.value if self.phase else "",
            error=failure_data(self.step, error),
        )
        return Absent(error.what, failed=True)

    def _may_go_by_hand(self, error: StepFailedError) -> bool:
        return (
            error.by_hand
            and self.phase is Phase.CONTAIN
            and self.step.action.spec.effect is not Effect.READS
            and not self.state.by_hand
            and not self.engine.site.by_hand
        )

    def _after_by_hand(self) -> Value | Absent:
        try:
            return self._to_the_end()
        except _OpenError as open_:
            return self._leave_open(str(open_))
        except StepFailedError as error:
            return self._on_my_word(error)

    def _on_my_word(self, error: StepFailedError) -> Value | Absent:
        """Nothing can be read either: the person's word is all there is, and is recorded so."""
        planned = self.planned
        if planned is None or not planned.writes:
            return self._failed(error)
        for write in planned.writes:
            answer = self.engine.ask(
                AskPerson(
                    step=self.address,
                    title=self.title,
                    instructions=f"{write.says} ({write.where})",
                    link="",
                    wants="done",
                )
            )
            if answer.decision is not Decision.YES:
                return self._leave_open(f"could not be done by hand: {error.what}")
            self.engine.add(
                Kind.CONFIRMED,
                self.address,
                by=self.engine.site.operator,
                decision="word",
                says=[write.says],
            )
        self._observe(
            As.YOUR_WORD,
            Done(None, says="done by hand, could not be looked at", proved=False),
            why=error.what,
        )
        return Absent("done by hand; nothing could be read")


def failure_data(step: Step, error: StepFailedError) -> dict[str, Any]:
    """A failure as it stands in the journal."""
    return {
        "what": error.what,
        "why": error.why,
        "do": error.do,
        "request": error.request,
        "by_hand": error.by_hand,
        "recovered": step.words.on_failure.recovered,
    }


def _is_seen(write: WriteState) -> bool:
    return bool(write.write["proof"] == Proof.SEEN.value)


def _could_still_land(write: WriteState) -> float:
    """Seconds until the outcome of a write would show, counted from now (rule 4)."""
    limit = 0 if write.by == "person" else write.write.get("timeout_s", 0)
    return float(limit) + float(write.write.get("settle_s", 0))


def _line(write: PlannedWrite) -> str:
    hands = "by hand" if write.hands == "person" else "tool"
    return f"{write.says}  [{write.where}]  {hands}, {'undo: yes' if write.undo else 'NO UNDO'}"


def _without(body: Any, secret: str) -> Any:
    """The reply without the secret, wherever it stands in it."""
    match body:
        case str() if secret in body:
            return body.replace(secret, "")
        case Mapping():
            return {k: _without(v, secret) for k, v in body.items()}
        case list():
            return [_without(v, secret) for v in body]
        case _:
            return body
