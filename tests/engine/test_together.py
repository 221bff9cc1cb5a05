"""Items of a set at the same time: what still holds of each, and of all of them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import pytest

from respond.audit.body import read_body
from respond.audit.transitions import Transitions
from respond.company.crash_points import Killed, KilledJournal, KilledPen, Moments
from respond.core.events import Kind
from respond.core.questions import AskConfirm, AskDrift
from respond.core.script import Call
from respond.engine.stopping import Stop
from respond.errors import ExitCode
from respond.testing.toy_system import BoxStage, no_answer, refused, runbook_of

LIST = "  - {id: all_of, action: box.list}\n"


def each(action: str, *, on_failure: str = "continue", more: str = "") -> str:
    given = "name: '${{ n }}'" + more
    return (
        f"{LIST}  - {{id: each, for_each: all_of.names, as: n, limit: 1000,"
        f" on_failure: {on_failure}, action: {action}, with: {{{given}}}}}"
    )


SET = each("box.set", more=", value: new")


def stage_of(steps: str, count: int, **more: Any) -> BoxStage:
    return BoxStage(runbook_of(steps), {f"b{n:02}": "old" for n in range(count)}, **more)


class Crowd:
    """Writes that wait for each other, so that two under way at once are seen to be."""

    def __init__(self, method: str = "PUT", patience_s: float = 2) -> None:
        self._method, self._patience_s = method, patience_s
        self.most = self._now = 0
        self._changed = threading.Condition()

    def __call__(self, call: Call) -> None:
        if call.method != self._method:
            return
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most > 1, timeout=self._patience_s)
            self._now -= 1


def written(stage: BoxStage) -> Counter[str]:
    return Counter(stage.boxes.writes)


def faults_of_order(stage: BoxStage) -> list[str]:
    """What a verifier finds wrong with the order of the records."""
    checks = Transitions()
    rows = stage.kept._store.rows(0)  # type: ignore[attr-defined]
    return [fault for row in rows if (fault := checks(read_body(row.body)))]


def test_targets_that_do_not_touch_go_at_the_same_time() -> None:
    """Two writes of a set are under way at once, and each is done once."""
    stage = stage_of(SET, 6)
    stage.boxes.broken = crowd = Crowd()
    assert stage.advance() is ExitCode.DONE
    assert 1 < crowd.most <= stage.site.at_once("box")
    assert written(stage) == Counter(f"PUT /box/b{n:02}" for n in range(6))
    assert faults_of_order(stage) == []


def test_outputs_stand_in_the_order_of_the_set() -> None:
    """Whoever is first to answer, the list of outputs follows the list of items."""
    last = "\n  - {id: last, action: box.read, with: {name: '${{ each[3].name }}'}}"
    stage = stage_of(each("box.read", on_failure="stop") + last, 6)
    first_comes_last = threading.Event()

    def late(call: Call) -> None:
        if call.path[-1] == "b00":
            first_comes_last.wait(0.1)

    stage.boxes.broken = late
    assert stage.advance() is ExitCode.DONE
    output = stage.output("last")
    assert isinstance(output, dict)
    assert output["name"] == "b03"


def test_a_failure_that_stops_the_run_keeps_every_target_behind_it_from_being_written() -> None:
    """Without `on_failure: continue` the targets go one after the other."""
    stage = stage_of(each("box.set", on_failure="stop", more=", value: new"), 6)

    def broken(call: Call) -> None:
        if call.method == "PUT" and call.path[-1] == "b01":
            raise refused(by_hand=False)

    stage.boxes.broken = broken
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == ["PUT /box/b00"]


def test_one_that_fails_keeps_none_from_being_done() -> None:
    """Where its author lets the run go on, the others are done, and it is counted as failed."""
    stage = stage_of(SET, 6)

    def broken(call: Call) -> None:
        if call.method == "PUT" and call.path[-1] == "b01":
            raise refused(by_hand=False)

    stage.boxes.broken = broken
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert stage.state.ended.inventory == {"each": {"items": 6, "done": 5, "failed": 1, "left": 0}}


@pytest.mark.promise("P8")
def test_targets_that_look_at_what_the_others_change_go_one_after_the_other() -> None:
    """Each removal looks whether it is the last box: the last one stays, however many go."""
    stage = stage_of(each("box.remove"), 4)
    stage.boxes.broken = crowd = Crowd("DELETE", patience_s=0.1)
    assert stage.advance() is not ExitCode.DONE
    assert crowd.most == 1
    assert len(stage.boxes.values) == 1


@pytest.mark.promise("P15")
def test_a_set_that_asks_asks_once_and_goes_on_together() -> None:
    """The first target brings the question for all of them; then none waits for another."""
    stage = stage_of(SET, 5, step_by_step=True)
    stage.boxes.broken = crowd = Crowd()
    assert stage.advance() is ExitCode.DONE
    assert len([q for q in stage.says.asked if isinstance(q, AskConfirm)]) == 1
    assert written(stage).total() == 5
    assert crowd.most > 1


def test_questions_come_one_at_a_time() -> None:
    """Two targets that are not as planned are two questions, and never both at once."""
    stage = stage_of(SET, 6)
    asking = threading.Lock()
    changed: list[str] = []

    def other(call: Call) -> None:
        # Somebody changes two of them after the plan.
        if call.method == "PUT" and not changed:
            changed.extend(["b04", "b05"])
            for name in changed:
                stage.boxes.values[name] = "else"

    def alone(question: Any) -> None:
        assert asking.acquire(blocking=False)
        asking.release()
        if isinstance(question, AskDrift):
            with asking:
                threading.Event().wait(0.05)

    stage.boxes.broken, stage.says.before = other, alone
    assert stage.advance() is ExitCode.DONE
    assert set(stage.boxes.values.values()) == {"new"}


def test_a_stop_in_the_middle_ends_what_is_under_way_and_begins_nothing() -> None:
    """Ctrl-C parks; each target that was begun has its outcome, and the rest is done later."""
    stage = stage_of(SET, 20)
    stop = Stop()

    def wants(call: Call) -> None:
        if call.method == "PUT" and len(stage.boxes.writes) >= 3:
            stop.wanted = True

    stage.boxes.broken = wants
    assert stage.advance(stop=stop) is ExitCode.PARKED
    assert stage.state is not None
    assert not any(step.open() for step in stage.state.steps.values())
    assert len(stage.boxes.writes) <= 4 + stage.site.at_once("box")
    stage.boxes.broken = lambda _: None
    assert stage.advance() is ExitCode.DONE
    assert written(stage) == Counter(f"PUT /box/b{n:02}" for n in range(20))


@pytest.mark.promise("P2", "P3")
def test_a_set_that_is_killed_anywhere_is_done_once() -> None:
    """Whatever moment the process dies at, the resumed run does the rest and nothing twice."""
    count = 5
    base = Moments()
    stage = stage_of(SET, count)
    journal, pen = KilledJournal(stage.kept, base), KilledPen(stage.boxes, base)
    assert stage.advance(journal=journal, pen=pen) is ExitCode.DONE
    wrong = []
    for kill in range(len(base.names)):
        stage = stage_of(SET, count)
        moments = Moments(kill_at=kill)
        journal, pen = KilledJournal(stage.kept, moments), KilledPen(stage.boxes, moments)
        with pytest.raises(Killed):
            stage.advance(journal=journal, pen=pen)
        code = stage.advance()
        twice = [name for name, times in written(stage).items() if times != 1]
        left = [name for name, value in stage.boxes.values.items() if value != "new"]
        if code is not ExitCode.DONE or twice or left or faults_of_order(stage):
            wrong.append((kill, moments.names[-1], code, twice, left))
    assert wrong == []


@pytest.mark.promise("P2")
@pytest.mark.parametrize("seed", range(6))
def test_a_set_of_fifty_with_faults_has_each_effect_once(seed: int) -> None:
    """Answers get lost before and after the effect, and systems say not now: once is once."""
    stage = stage_of(SET, 50)
    chance, lock = random.Random(seed), threading.Lock()  # noqa: S311 - a sample, no secret
    effects: Counter[str] = Counter()

    def luck(of: float) -> bool:
        with lock:
            return chance.random() < of

    def broken(call: Call) -> None:
        if call.method == "PUT" and luck(0.15):
            raise no_answer() if luck(0.5) else refused("503", again=True)

    def lost(call: Call) -> None:
        with lock:
            effects[call.path[-1]] += 1
        if luck(0.2):
            raise no_answer()

    stage.boxes.broken, stage.boxes.lost = broken, lost
    code = stage.advance()
    for _ in range(8):
        if code is ExitCode.DONE:
            break
        code = stage.advance()
    assert code in (ExitCode.DONE, ExitCode.FAILED)
    assert max(effects.values()) == 1
    assert faults_of_order(stage) == []


@pytest.mark.promise("P3")
def test_a_set_that_was_half_done_is_looked_at_no_more_than_once() -> None:
    """A resumed run answers for the targets that are done from the journal."""
    stage = stage_of(SET, 20)
    moments = Moments()

    def half(call: Call) -> None:
        if call.method == "PUT" and len(stage.boxes.writes) >= 10:
            raise Killed

    stage.boxes.broken = half
    with pytest.raises(Killed):
        stage.advance(pen=KilledPen(stage.boxes, moments))
    ends = [r for r in stage.kept.records(stage.run) if r.event.kind is Kind.OBSERVED]
    done = {r.event.step for r in ends} - {"all_of"}
    assert done
    stage.boxes.broken = lambda _: None
    stage.boxes.reads.clear()
    assert stage.advance() is ExitCode.DONE
    again = Counter(stage.boxes.reads)
    assert sum(again.values()) <= 1 + 3 * (20 - len(done))


def calls_of(count: int) -> int:
    """Calls of functions of ours that a run over so many targets makes in its main thread."""
    import sys  # noqa: PLC0415 - of this measurement alone

    stage, calls = stage_of(each("box.set", on_failure="stop", more=", value: new"), count), 0

    def counts(_frame: Any, what: str, _arg: Any) -> None:
        nonlocal calls
        calls += what == "call"

    sys.setprofile(counts)
    try:
        assert stage.advance() is ExitCode.DONE
    finally:
        sys.setprofile(None)
    return calls


def test_a_target_costs_as_many_calls_in_a_large_set_as_in_a_small_one() -> None:
    """Nothing compares each target with every other."""
    small, medium, large = calls_of(10), calls_of(60), calls_of(160)
    assert (large - medium) / 100 <= 1.1 * (medium - small) / 50
