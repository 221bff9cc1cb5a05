"""What looks of one moment share, and each place where nothing may be shared.

In every test of the second part somebody changes a box behind the tool's back, at a moment after
which an answer from before would be believed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NewType

import pytest

from respond.core.plan import StepPlan
from respond.core.questions import Answer, AskConfirm, AskDrift, AskStart, Decision
from respond.core.records import replace
from respond.core.script import (
    AuthBearer,
    Becomes,
    Call,
    Done,
    Effect,
    Evidence,
    Me,
    Person,
    Read,
    Reply,
    Script,
    Subject,
    Write,
    action,
    both,
    gather,
)
from respond.core.values import SecretHandle
from respond.engine.drivers import ScriptFaultError, World, look
from respond.engine.proposing import GivenInputs
from respond.engine.shared_answers import SharedAnswers
from respond.engine.walk_plan import NotSoError
from respond.errors import (
    ExitCode,
    NoAnswerError,
    NotReadyError,
    RefusedBySystemError,
    RespondError,
)
from respond.ports import Intent
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import (
    ACTIONS,
    BoxStage,
    Says,
    no_answer,
    refused,
    runbook_of,
)

THREE = {"a": "old", "b": "old", "c": "old"}
SET = "  - {id: one, action: box.set, with: {name: a, value: new}}"
REMOVE = "  - {id: gone, phase: contain, action: box.remove, with: {name: a}}"
LIMIT_S = 10
"""Real seconds that two threads wait for each other at most; more, and the claim is false."""


def stage_of(steps: str, **more: Any) -> BoxStage:
    top = more.pop("top", "")
    actions = more.pop("actions", ACTIONS)
    return BoxStage(runbook_of(steps, top=top, actions=actions), THREE, **more)


def call(*path: str, **more: Any) -> Call:
    return Call("box", "", "GET", path, **more)


# --- an outside for threads ----------------------------------------------------------------------


@dataclass
class Outside:
    """Answers every read, and remembers them.

    Attributes:
        before: Called with each request while it is under way; what it raises comes out.
        at_once: The most requests that were ever under way at the same time.
    """

    before: Callable[[Call], None] = lambda _: None
    reads: list[str] = field(default_factory=list)
    at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, call: Call) -> Reply:
        with self._lock:
            self.reads.append(call.says)
            self._now += 1
            self.at_once = max(self.at_once, self._now)
        try:
            self.before(call)
            return Reply(200, {}, f"{call.path[-1]} {len(self.reads)}")
        finally:
            with self._lock:
                self._now -= 1


def shared(outside: Any, clock: Any = None, at_once: int = 6) -> SharedAnswers:
    return SharedAnswers(outside, clock or SettableClock(), lambda _: at_once)


def meeting(count: int) -> Callable[[Call], None]:
    """Nobody is answered before this many requests are there."""
    barrier = threading.Barrier(count)
    return lambda _: [barrier.wait(LIMIT_S)].clear()


# --- what is shared ------------------------------------------------------------------------------


def test_the_same_request_is_sent_once_a_moment() -> None:
    """A body is told apart by what it says, and how long an answer may take is no difference."""
    outside = Outside()
    answers = shared(outside)
    one = answers.fetch(call("a", body={"x": 1}))
    assert answers.fetch(call("a", body={"x": 1}, timeout_s=3)) is one
    assert answers.fetch(call("a", body={"x": 2})) is not one
    assert answers.fetch(call("a")) is not one
    answers.end()
    assert answers.fetch(call("a", body={"x": 1})) is not one
    assert len(outside.reads) == 4


def test_a_request_with_another_credential_is_another_request() -> None:
    """What one key is answered says nothing of what another one would be."""
    outside = Outside()
    answers = shared(outside)
    keys = [SecretHandle("old"), SecretHandle("new"), SecretHandle("old")]
    for key in keys:
        answers.fetch(call("a", auth=AuthBearer(key)))
    assert len(outside.reads) == 2


def test_an_old_answer_is_asked_for_anew() -> None:
    """After ten seconds nobody shares an answer, though nothing ended its moment."""
    outside, clock = Outside(), SettableClock()
    answers = shared(outside, clock)
    first = answers.fetch(call("a"))
    clock.advance(10)
    assert answers.fetch(call("a")) is first
    clock.advance(0.001)
    assert answers.fetch(call("a")) is not first


def test_of_a_thousand_answers_those_that_were_shared_last_are_held() -> None:
    """A set of ten thousand targets does not hold ten thousand answers."""
    outside = Outside()
    answers = shared(outside)
    first = answers.fetch(call("a"))
    for n in range(1_500):
        answers.fetch(call("item", str(n)))
        assert answers.fetch(call("a")) is first
    assert len(outside.reads) == 1_501
    for n in range(1_500 - 999, 1_500):
        answers.fetch(call("item", str(n)))
    assert len(outside.reads) == 1_501
    answers.fetch(call("item", "0"))
    assert len(outside.reads) == 1_502


def test_answers_that_were_asked_for_again_at_once_are_let_go_too() -> None:
    """Those of a pass that is taken again came by other threads."""
    outside = Outside()
    answers = shared(outside)
    first = answers.of("step")
    for path in ("a", "b"):
        first.fetch(call(path))
    answers.end()
    again = answers.of("step")
    assert [again.fetch(call(path)).status for path in ("a", "b")] == [200, 200]
    for n in range(1_500):
        answers.fetch(call("item", str(n)))
    answers.fetch(call("a"))
    assert len(outside.reads) == 2 + 2 + 1_500 + 1


class Gone:
    """Has nothing: a 404 is an answer to who takes it for one."""

    def __init__(self) -> None:
        self.reads = 0

    def fetch(self, call: Call) -> Reply:
        self.reads += 1
        if 404 in call.answers:
            return Reply(404, {}, None)
        raise RefusedBySystemError("box answered 404", code="404", request=call.says)


@pytest.mark.parametrize("first", [True, False])
def test_a_no_that_one_look_takes_for_an_answer_is_a_refusal_to_another(*, first: bool) -> None:
    """Whoever looked first, each gets what it would have got alone; and each is shared."""
    gone = Gone()
    answers = shared(gone)

    def takes_it() -> None:
        assert answers.fetch(call("a", answers=frozenset({404}))).status == 404

    def does_not() -> None:
        with pytest.raises(RefusedBySystemError):
            answers.fetch(call("a"))

    for look_at in (takes_it, does_not, takes_it) if first else (does_not, takes_it, does_not):
        look_at()
    assert gone.reads == 2


def test_an_error_is_shared_and_none_writes_into_anothers() -> None:
    """The second look fails as the first, and what the first added is not in it."""

    def breaks(_: Call) -> None:
        raise no_answer()

    outside = Outside(breaks)
    answers = shared(outside)
    errors: list[NoAnswerError] = []
    for _ in range(2):
        with pytest.raises(NoAnswerError) as caught:
            answers.fetch(call("a"))
        errors.append(caught.value)
        errors[0].why = "written by the first"
    assert len(outside.reads) == 1
    assert errors[1].why == "time-out"


def test_a_connection_is_never_asked_for_more_at_once_than_its_vendor_allows() -> None:
    """Eight looks, two at a time; and of those two are indeed under way together."""
    meet, third = meeting(2), threading.Event()

    def leave_time_for_a_third(asked: Call) -> None:
        if outside.at_once > 2:
            third.set()
        meet(asked)
        third.wait(0.2)
        third.set()  # The others need not.

    outside = Outside(leave_time_for_a_third)
    answers = shared(outside, at_once=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: answers.fetch(call(str(n))), range(8)))
    assert (len(outside.reads), outside.at_once) == (8, 2)


def test_a_look_that_is_taken_again_asks_for_all_it_asked_before_at_once() -> None:
    """An outside that answers only two together can be looked at by one thread."""
    outside = Outside()
    answers = shared(outside)
    first = answers.of("step")
    first.fetch(call("a"))
    first.fetch(call("b"))
    answers.end()
    outside.before = meeting(2)
    again = answers.of("step")
    assert again.fetch(call("a")).body.startswith("a")
    assert again.fetch(call("b")).body.startswith("b")
    assert sorted(outside.reads) == ["GET /a", "GET /a", "GET /b", "GET /b"]


class Watched(SettableClock):
    """Says when a thread of this name asked for the time."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.asked = threading.Event()

    def mono_ms(self) -> int:
        if threading.current_thread().name == self._name:
            self.asked.set()
        return super().mono_ms()


def held_up(outside: Outside) -> tuple[threading.Event, threading.Event]:
    """Let ``slow`` be on its way until it is let go: says that it is, and lets it."""
    in_flight, let_go = threading.Event(), threading.Event()

    def slow(call: Call) -> None:
        if call.path == ("slow",):
            in_flight.set()
            assert let_go.wait(LIMIT_S)

    outside.before = slow
    return in_flight, let_go


def test_what_an_ended_moment_did_not_send_is_asked_anew_by_who_waits_for_it() -> None:
    """Of two requests that stood in line, one has somebody who waits: it is sent, once."""
    outside, clock = Outside(), Watched("waits_0")
    in_flight, let_go = held_up(outside)
    answers = shared(outside, clock, at_once=1)
    first = answers.of("step")
    first.fetch(call("wanted"))
    first.fetch(call("unwanted"))
    answers.end()
    outside.reads.clear()
    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1, "waits") as pool:
        other.submit(answers.fetch, call("slow"))
        assert in_flight.wait(LIMIT_S)
        again = answers.of("step")  # Both stand in line behind the slow one.
        waits = pool.submit(again.fetch, call("wanted"))
        assert clock.asked.wait(LIMIT_S)
        answers.end()
        let_go.set()
        assert waits.result(LIMIT_S).body == "wanted 2"
    assert outside.reads == ["GET /slow", "GET /wanted"]


def test_what_an_ended_moment_did_not_send_is_never_sent_where_nobody_needs_it() -> None:
    """It stood in line while a plan was made; once that is asked about, others go first."""
    outside, clock, given_up = Outside(), Watched("ahead_0"), threading.Event()
    in_flight, let_go = held_up(outside)
    answers = shared(outside, clock, at_once=1)
    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1, "ahead") as pool:
        other.submit(answers.fetch, call("slow"))
        assert in_flight.wait(LIMIT_S)
        ahead = pool.submit(answers.fetch, call("ahead"), given_up)
        assert clock.asked.wait(LIMIT_S)
        given_up.set()
        answers.end()
        let_go.set()
        with pytest.raises(NotReadyError):
            ahead.result(LIMIT_S)
    assert outside.reads == ["GET /slow"]


# --- where nothing is shared ---------------------------------------------------------------------


def behind(stage: BoxStage, kind: type, change: Callable[[], None]) -> None:
    """Somebody changes something while a question of this kind is open, once."""
    todo = [change]

    def now(question: Any) -> None:
        if isinstance(question, kind) and todo:
            todo.pop()()

    stage.says.before = now


def asked(stage: BoxStage, kind: type) -> list[Any]:
    return [question for question in stage.says.asked if isinstance(question, kind)]


@pytest.mark.promise("P10")
def test_what_changes_while_the_start_is_asked_for_is_drift() -> None:
    """What the plan saw is not believed after the yes: nothing is written over it unasked."""
    stage = stage_of(SET)
    behind(stage, AskStart, lambda: stage.boxes.put("a", "somebody's"))
    stage.says.answers = {"AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    assert len(asked(stage, AskDrift)) == 1
    assert stage.boxes.writes == []


@pytest.mark.promise("P10")
def test_what_changes_while_verb_and_target_are_typed_is_seen_before_the_write() -> None:
    """The look between a typed yes and its write is new: the last box is not removed."""
    stage = stage_of(REMOVE)

    def others_go() -> None:
        stage.boxes.put("b", None)
        stage.boxes.put("c", None)

    behind(stage, AskConfirm, others_go)
    stage.advance()
    assert len(asked(stage, AskConfirm)) == 1
    assert stage.how("gone") == "failed"
    assert stage.boxes.writes == []


@pytest.mark.promise("P6")
def test_a_write_without_effect_is_not_taken_for_seen() -> None:
    """What somebody put back at once is looked at after the write, and was not seen."""
    stage = stage_of(SET)
    stage.boxes.lost = lambda _: stage.boxes.put("a", "old")
    stage.advance()
    assert stage.how("one") == "not-seen"


def test_a_write_that_shows_at_once_is_proved_without_waiting() -> None:
    """The look after a write asks anew at once; from before it comes no "not yet"."""
    stage = stage_of(SET)
    assert stage.advance() is ExitCode.DONE
    assert stage.clock.slept == []


SAID = """\
  - {id: before, action: box.read, with: {name: a}}
  - {id: say, action: box.say, with: {text: hello}}
  - {id: after, action: box.read, with: {name: a}}
"""


@dataclass
class LooksMeanwhile:
    """A pen that is busy for a while: meanwhile another step looks, and somebody changes a box."""

    stage: BoxStage
    look: Callable[[], object]
    is_before: bool

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        if self.is_before:
            self.look()
        self.stage.boxes.put("a", "changed")
        reply = self.stage.boxes.send(intent, call, digest)
        if not self.is_before:
            self.look()
        return reply


def test_what_was_seen_while_a_write_was_under_way_is_not_believed_after_it() -> None:
    """Another step looked before it took effect; what comes behind the write looks anew."""
    stage = stage_of(SAID)
    engine = stage.engine()
    pen = LooksMeanwhile(stage, lambda: engine.answers.fetch(call("box", "a")), is_before=True)
    engine.tools = replace(engine.tools, pen=pen)
    assert engine.advance() is ExitCode.DONE
    stage.state = engine.state
    assert stage.output("after") == {"name": "a", "value": "changed", "there": True}


def test_a_look_while_a_write_is_under_way_believes_nothing_from_before_it() -> None:
    """The write may have taken effect already, so another step's look is sent."""
    stage = stage_of(SAID)
    engine = stage.engine()
    saw: list[Any] = []
    pen = LooksMeanwhile(
        stage, lambda: saw.append(engine.answers.fetch(call("box", "a")).body), is_before=False
    )
    engine.tools = replace(engine.tools, pen=pen)
    assert engine.advance() is ExitCode.DONE
    assert saw == [{"value": "changed"}]


@pytest.mark.promise("P6")
def test_a_look_after_a_pause_is_new() -> None:
    """A change that shows after three seconds is seen within its settle time of five."""
    stage = stage_of(SET)
    stage.boxes.shows_after_s = 3
    assert stage.advance() is ExitCode.DONE
    assert stage.how("one") == "done"


def test_a_drift_that_passes_is_seen_to_pass() -> None:
    """A stale read is no drift: the second look is new, and nobody is asked."""
    stage = stage_of(SET)
    behind(stage, AskStart, lambda: stage.boxes.put("a", "for a moment"))
    sleep = stage.clock.sleep

    def passes(seconds: float) -> None:
        stage.boxes.put("a", "old")
        sleep(seconds)

    stage.clock.sleep = passes  # type: ignore[method-assign]
    assert stage.advance() is ExitCode.DONE
    assert asked(stage, AskDrift) == []
    assert len(stage.clock.slept) == 1


def test_a_run_that_is_taken_believes_nothing_from_before() -> None:
    """The same engine looked at something, waited, and is told to carry the run on."""
    stage = stage_of(SET)
    engine = stage.engine()
    engine.answers.fetch(call("box", "a"))
    stage.boxes.put("a", "changed")
    engine.take()
    assert engine.answers.fetch(call("box", "a")).body == {"value": "changed"}


def test_each_plan_looks_anew() -> None:
    """A plan that is made a second time shows what is so then."""
    stage = stage_of(SET)
    engine = stage.engine()
    assert engine.plan().steps[0].state is StepPlan.WRITES
    stage.boxes.put("a", "new")
    assert engine.plan().steps[0].state is StepPlan.NOTHING


@pytest.mark.promise("P10")
def test_a_resumed_run_believes_nothing_of_the_one_before() -> None:
    """It was parked at a question; what changed meanwhile is drift."""
    stage = stage_of(REMOVE)
    stage.says.answers = {"AskConfirm": Decision.LATER, "AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    stage.boxes.put("a", "somebody's")
    assert stage.advance() is ExitCode.PARKED
    assert len(asked(stage, AskDrift)) == 1
    assert stage.boxes.writes == []


HAND = "  - {id: one, action: box.set, with: {name: a, value: new, hand: true}}"


@dataclass
class Hands(Says):
    """A person whose hands the tool watches.

    Attributes:
        then: What they do when the tool has looked once.
        watched: Whether the tool looks once more, and it is that which ends the task.
    """

    then: Callable[[], None] = lambda: None
    watched: bool = True

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Answer:
        assert seen is not None
        assert not seen()
        self.then()
        if self.watched:
            assert seen()
        return Answer(Decision.YES)


def by_hands(*, watched: bool) -> BoxStage:
    stage = stage_of(HAND)

    def do() -> None:
        stage.boxes.put("a", "new")
        stage.boxes.reads.clear()

    stage.says = Hands(stage.boxes, then=do, watched=watched)
    return stage


def test_a_look_that_watches_hands_is_new() -> None:
    """It sees what was done since its last look."""
    assert by_hands(watched=True).advance() is ExitCode.DONE


def test_what_the_watch_saw_is_not_looked_at_a_third_time() -> None:
    """The look that ended the task is the proof, while nothing else happens."""
    stage = by_hands(watched=True)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.reads == ["GET /box/a"]
    assert stage.how("one") == "done"


@pytest.mark.promise("P6")
def test_a_word_that_the_watch_did_not_see_is_looked_at_anew() -> None:
    """Who says "done" after a look that saw nothing is proved right by a look, at once."""
    stage = by_hands(watched=False)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.reads == ["GET /box/a"]
    assert stage.clock.slept == []


@pytest.mark.promise("P2")
def test_what_came_of_an_unknown_write_is_looked_at_anew() -> None:
    """It took effect and no answer came: another step's look from before would send it twice."""
    stage = stage_of(SET)
    engine = stage.engine()

    def lost(_: Call) -> None:
        raise no_answer()

    stage.boxes.lost = lost
    sleep = stage.clock.sleep

    def somebody_looks(seconds: float) -> None:
        # What the write did shows while the tool waits for it, and not before.
        stage.boxes.put("a", "old")
        engine.answers.fetch(call("box", "a"))
        stage.boxes.put("a", "new")
        sleep(seconds)

    stage.clock.sleep = somebody_looks  # type: ignore[method-assign]
    assert engine.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


@pytest.mark.promise("P9")
def test_a_set_is_counted_by_a_new_look() -> None:
    """A box that appears while the last one is looked at is named, though nothing was written."""
    stage = stage_of(
        "  - {id: all, action: box.list}\n"
        "  - {id: each, for_each: all.names, as: n, limit: 9, action: box.read,"
        " with: {name: '${{ n }}'}}"
    )

    def appears(call: Call) -> None:
        if stage.says.asked and call.path[-1] == "c":
            stage.boxes.put("d", "new")

    stage.boxes.broken = appears
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert stage.state.ended is not None
    assert "d appeared while the run went on" in stage.state.ended.say


# --- gathered ------------------------------------------------------------------------------------


def read(name: str) -> Read[str]:
    return Read(Subject(f"box/{name}", 0), call(name), lambda replies: str(replies[0].body)[:1])


SET_A: Write[None] = Write(
    says="set a",
    verb="set",
    target="a",
    where="Boxes",
    effect=Effect.WRITES,
    hands=Person((), "", "", "box.set", {}, None),
    before=None,
    after=None,
    becomes=(Becomes(read("a").subject, lambda _: "new"),),
    foretold=None,
)


def ended(script: Any, outside: Any = None) -> Any:
    return look(script, World(outside or Outside(), threads=8), known={}, predict=False)


def test_what_is_gathered_keeps_its_order_whoever_answers_first() -> None:
    """Answers and subjects are those of one after the other, though the last one came first."""
    second = threading.Event()

    def last_comes_first(call: Call) -> None:
        if call.path == ("b",):
            second.set()
        assert second.wait(LIMIT_S)

    def script() -> Any:
        pair = yield from both(read("a"), read("b"))
        return Done((pair, (yield from gather([read("c")])), (yield from gather([]))))

    seen = ended(script(), Outside(last_comes_first))
    assert seen.outcome == Done((("a", "b"), ("c",), ()))
    assert seen.subjects == ("box/a", "box/b", "box/c")


@pytest.mark.promise("P24")
def test_what_is_kept_of_gathered_answers_keeps_their_order_too() -> None:
    """The last one came first, and the first one ended the look: each is evidence, in order."""
    second, kept = threading.Event(), list[str]()

    def last_comes_first(call: Call) -> None:
        if call.path == ("b",):
            second.set()
        assert second.wait(LIMIT_S)

    def keep(_: Evidence, call: Call, __: Reply) -> Callable[[], None]:
        return lambda: kept.append(call.says)

    def marked(name: str) -> Any:
        seen = yield from replace(read(name), evidence=Evidence())
        if name == "a":
            raise NoAnswerError("a makes no sense")
        return seen

    world = World(Outside(last_comes_first), threads=8, keep=keep)

    def script() -> Script[None]:
        yield from gather([marked("a"), marked("b")])
        return Done(None)

    with pytest.raises(NoAnswerError):
        look(script(), world, known={}, predict=False)
    assert kept == ["GET /a", "GET /b"]


def test_of_gathered_errors_the_first_in_order_comes_out() -> None:
    """Which one came first in time is chance, and chance is in no record."""
    second = threading.Event()

    def both_break(call: Call) -> None:
        if call.path == ("b",):
            second.set()
        assert second.wait(LIMIT_S)
        raise NoAnswerError(f"{call.path[0]} is silent")

    with pytest.raises(NoAnswerError, match="a is silent"):
        ended(gather([read("a"), read("b")]), Outside(both_break))


def test_a_gathered_part_that_writes_is_a_fault() -> None:
    """Nothing of what is gathered may change anything: its author hears of it."""

    def writes() -> Any:
        yield SET_A

    with pytest.raises(ScriptFaultError, match="wanted to write"):
        ended(gather([read("a"), writes()]))


@pytest.mark.parametrize("parts", [["a"], ["b", "a"]])
def test_a_part_that_reads_after_the_write_is_a_fault(parts: list[str]) -> None:
    """Rule 9 holds inside what is gathered, too."""

    def script() -> Any:
        yield from read("a")
        yield SET_A
        yield from gather([read(name) for name in parts])

    with pytest.raises(ScriptFaultError, match="box/a is read after a write"):
        ended(script())


# --- looked ahead --------------------------------------------------------------------------------

Name = NewType("Name", str)


@action("box.try", effect=Effect.READS, output=type(None), source="test")
@dataclass(frozen=True)
class TryKey:
    """Show a secret to a box."""

    key: SecretHandle

    def run(self, me: Me) -> Script[None]:
        subject: Subject[object] = Subject(f"{me.connection.name}/tried", 0)
        tried = call("tried", auth=AuthBearer(self.key))
        yield from Read(subject, tried, lambda replies: replies[0].body)
        return Done(None)


WITH_KEY = {**ACTIONS, "box.try": TryKey}
KEY = "inputs:\n  leaked: {type: secret, ask: Paste it}\n  names: {type: list, default: [b]}\n"


def with_key(when: str, between: str = "") -> BoxStage:
    return stage_of(
        f"  - {{id: one, action: box.read, with: {{name: a}}}}\n{between}"
        f"  - {{id: try, action: box.try, {when} with: {{key: '${{{{ inputs.leaked }}}}'}}}}",
        top=KEY,
        actions=WITH_KEY,
        given=GivenInputs(secrets={"leaked": "s3cret-leaked-key-0001"}),
    )


def test_a_plan_looks_at_what_comes_behind_a_step_meanwhile() -> None:
    """Three reads that need nothing of each other are under way together."""
    stage = stage_of(
        "  - {id: one, action: box.read, with: {name: a}}\n"
        "  - {id: two, action: box.read, with: {name: b}}\n"
        "  - {id: three, action: box.read, with: {name: c}}"
    )
    stage.boxes.broken = meeting(3)
    assert [step.address for step in stage.plan().steps] == ["one", "two", "three"]


def test_a_plan_looks_meanwhile_at_a_set_that_is_known() -> None:
    """What its items look at need not wait for what stands before the set."""
    stage = stage_of(
        "  - {id: one, action: box.read, with: {name: a}}\n"
        "  - {id: each, for_each: inputs.names, as: n, action: box.read, with: {name: '${{ n }}'}}",
        top="inputs:\n  names: {type: list, ask: Which?}\n",
        given=GivenInputs({"names": ["b", "c"]}),
    )
    stage.boxes.broken = meeting(3)
    assert len(stage.plan().steps) == 3
    assert sorted(stage.boxes.reads) == ["GET /box/a", "GET /box/b", "GET /box/c"]


@pytest.mark.promise("P22")
def test_a_set_that_had_its_turn_is_not_looked_at_again_for_what_comes_behind_it() -> None:
    """Each answer takes half a second: by then those of the set are too old to be shared."""
    names = [f"box-{n:02}" for n in range(20)]
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, for_each: all_of.names, as: n, limit: 100, action: box.read,"
        " with: {name: '${{ n }}'}}\n"
    )
    behind = "".join(
        f"  - {{id: then{n}, action: box.read, with: {{name: {name}}}}}\n"
        for n, name in enumerate(("x", "y", "z"))
    )
    values = dict.fromkeys((*names, "x", "y", "z"), "old")
    stage = BoxStage(runbook_of(steps + behind), values)
    stage.boxes.broken = lambda _: stage.clock.advance(0.5)
    stage.plan()
    reads = Counter(stage.boxes.reads)
    assert {reads[f"GET /box/{name}"] for name in names} == {1}


def test_no_secret_is_shown_to_a_set_on_a_guess() -> None:
    """It waits for what decides whether the set comes, as one step would."""
    stage = with_key("for_each: inputs.names, as: n, when: one.value == 'new',")
    stage.plan()
    assert stage.boxes.reads == ["GET /box/a"]


@pytest.mark.promise("P22")
def test_no_secret_is_shown_on_a_guess() -> None:
    """Whether a key is tried depends on a look that is still under way: it waits for that."""
    stage = with_key("when: one.value == 'new',")
    stage.plan()
    assert stage.boxes.reads == ["GET /box/a"]


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "between",
    [
        "  - {id: so, assert: one.value == 'new', message: No}\n",
        "  - {id: no, end: {when: one.value == 'old', say: Over}}\n",
    ],
)
def test_no_secret_is_shown_behind_what_may_end_the_run(between: str) -> None:
    """What stands before the step is not decided yet, and decides against it."""
    stage = with_key("", between)
    with suppress(NotSoError):
        stage.plan()
    assert stage.boxes.reads == ["GET /box/a"]


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    ("when", "between"),
    [
        ("when: one.value == 'old',", ""),
        ("", "  - {id: so, assert: one.value == 'old', message: No}\n"),
        ("", "  - {id: over, end: {when: one.value == 'new', say: Over}}\n"),
    ],
    ids=["when", "assert", "end"],
)
def test_a_run_shows_no_secret_that_the_plan_showed_before_it_has_its_turn(
    when: str, between: str
) -> None:
    """What changed since the plan decides against it: that is not known yet, and waited for."""
    stage = with_key(when, between)
    behind(stage, AskStart, lambda: stage.boxes.put("a", "new"))
    stage.advance()
    assert stage.boxes.reads.count("GET /tried") == 1


def test_a_secret_is_shown_ahead_where_it_is_sure_to_be() -> None:
    """A step that comes in any case is looked at with the first one."""
    stage = with_key("")
    stage.boxes.broken = meeting(2)
    stage.plan()
    assert sorted(stage.boxes.reads) == ["GET /box/a", "GET /tried"]


@pytest.mark.parametrize(
    "behind",
    [
        "  - {id: two, when: inputs.go == 'left', action: box.read, with: {name: b}}",
        """\
  - id: way
    choose: inputs.go
    left: [{id: two, action: box.read, with: {name: b}}]
    right: [{id: three, action: box.read, with: {name: c}}]""",
    ],
    ids=["when", "choose"],
)
def test_nothing_is_sent_for_a_branch_that_is_known_not_to_be_taken(behind: str) -> None:
    """What later steps look at is asked for; what is left out is not."""
    stage = stage_of(
        f"  - {{id: one, action: box.read, with: {{name: a}}}}\n{behind}",
        top="inputs:\n  go: {type: choice, of: [left, right], ask: Which?}\n",
        given=GivenInputs({"go": "right"}),
    )
    stage.plan()
    assert "GET /box/b" not in stage.boxes.reads


def test_a_branch_that_a_late_answer_decides_is_not_looked_at_ahead() -> None:
    """Which one it is nobody knows yet; the plan says so, and asks nothing of either."""
    stage = stage_of(
        """\
  - {id: one, action: box.read, with: {name: a}}
  - id: way
    choose: inputs.go
    left: [{id: two, action: box.read, with: {name: b}}]
    right: []""",
        top="inputs: {go: {type: choice, of: [left, right], default: left, late: true, ask: A?}}\n",
    )
    assert "one" in {step.address for step in stage.plan().steps}
    assert stage.boxes.reads == ["GET /box/a"]


def test_what_goes_wrong_ahead_says_nothing_and_the_steps_own_fault_does() -> None:
    """A plan that ends before a step says no word of it; one that comes to it fails with it."""
    two = "  - {id: two, action: box.read, with: {name: b}}"
    steps = "  - {id: one, action: box.read, with: {name: a}}\n"
    is_there = threading.Event()

    def b_refuses(call: Call) -> None:
        if call.path[-1] == "b":
            is_there.set()
            raise refused("500")
        assert is_there.wait(LIMIT_S)

    ends = stage_of(f"{steps}  - {{id: no, assert: one.value == 'x', message: no}}\n{two}")
    ends.boxes.broken = b_refuses
    with pytest.raises(RespondError) as caught:
        ends.plan()
    assert "500" not in f"{caught.value.what}{caught.value.why}"
    goes_on = stage_of(f"{steps}{two}")
    goes_on.boxes.broken = b_refuses
    with pytest.raises(RefusedBySystemError, match="box answered 500"):
        goes_on.plan()
    assert goes_on.boxes.reads.count("GET /box/b") == 1
