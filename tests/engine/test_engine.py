from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.run_lock import RunLocks
from respond.company.crash_points import Killed, KilledJournal, KilledPen, Moments
from respond.core.events import Event, Kind, Record
from respond.core.fold import RunStatus, fold
from respond.core.outcome import Known, outcome_of
from respond.core.policy import Confirm, Policy, TwoPeople
from respond.core.questions import AskConfirm, AskDrift, AskStart, Decision, Question
from respond.core.recorded import Confirmed, data_of
from respond.core.records import replace
from respond.core.script import Call, Connection, Effect, Me, Person, Reply, Script, action
from respond.core.way_back import undoable
from respond.engine.stopping import Stop
from respond.engine.undo import undo_run
from respond.errors import (
    LATE,
    ExitCode,
    JournalUnusableError,
    NoAnswerError,
    RefusedByPersonError,
    RefusedBySystemError,
    RespondError,
    RunTakenError,
    UsageError,
)
from respond.ports import Intent
from respond.systems.http.actions import ReadFields
from respond.testing.crashing import HANDS, RUNBOOKS
from respond.testing.example_run import TODAY
from respond.testing.runbook_kit import Stage
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import (
    ACTIONS,
    DANA,
    Box,
    BoxStage,
    Names,
    RemoveBox,
    SetBox,
    no_answer,
    refused,
    runbook_of,
)
from respond.views.undo_text import put_back
from respond.views.verdict import verdict_of
from respond.wiring.session import systems_of

SET = "  - {id: one, action: box.set, with: {name: a, value: new}}"
REMOVE = "  - {id: gone, phase: contain, action: box.remove, with: {name: a}}"
THREE = {"a": "old", "b": "old", "c": "old"}


def stage_of(steps: str, values: dict[str, str] | None = None, **more: Any) -> BoxStage:
    top = more.pop("top", "")
    return BoxStage(runbook_of(steps, top=top), values if values is not None else THREE, **more)


def asked(stage: BoxStage, kind: type) -> list[Any]:
    return [question for question in stage.says.asked if isinstance(question, kind)]


class CountedJournal(SqliteJournal):
    """Counts how many records were read out of it."""

    read = 0

    def records(self, run: str = "", *, since: int = 0) -> Iterator[Record]:
        for record in super().records(run, since=since):
            self.read += 1
            yield record


def test_a_run_reads_each_of_its_records_a_few_times_at_most() -> None:
    """Others write into it while it goes on; what it knew before is not read and folded again."""
    clock = SettableClock()
    journal = CountedJournal.in_memory(MemoryKeys(), clock, DANA)
    assert isinstance(journal, CountedJournal)
    stage = stage_of(SET, clock=clock, journal=journal)
    live = stage.engine()
    live.take()
    for number in range(200):
        journal.append(Event(Kind.JOINED, stage.run, "", DANA, {"event": {"title": str(number)}}))
        live.add(Kind.NOTICE, about="a test")
        live.refresh()
        live.add(Kind.NOTICE, about="another")
    records = list(super(CountedJournal, journal).records(stage.run))
    assert journal.read < 3 * len(records)
    assert len(live.state.joined) == 200
    live.refresh()
    assert live.state == fold(records)


# --- deciding -----------------------------------------------------------------------------------


def test_start_covers_ordinary_writes() -> None:
    """The plan's yes is enough for what destroys nothing."""
    stage = stage_of(SET)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.values["a"] == "new"
    assert [type(q) for q in stage.says.asked] == [AskStart]


@pytest.mark.promise("P15")
def test_what_destroys_asks_again_and_wants_verb_and_target() -> None:
    """The question for a destructive write names what has to be typed."""
    stage = stage_of(REMOVE)
    assert stage.advance() is ExitCode.DONE
    assert [q.wants for q in asked(stage, AskConfirm)] == ["remove a"]


def test_no_at_the_start_changes_nothing() -> None:
    """A plan that nobody starts ends the run, and nothing was written."""
    stage = stage_of(SET)
    stage.says.answers = {"AskStart": Decision.NO}
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.writes == []


def test_skip_leaves_the_step_open_and_the_run_failed() -> None:
    """What was left out is said, and the exit code is 1."""
    stage = stage_of(f"{REMOVE}\n{SET.replace('one', 'two').replace('name: a', 'name: b')}")
    stage.says.answers = {"AskConfirm": Decision.SKIP}
    assert stage.advance() is ExitCode.FAILED
    assert (stage.how("gone"), stage.how("two")) == ("left-open", "done")


def test_later_parks_and_resume_asks_again() -> None:
    """Later is no answer: the run waits where it is, and goes on from there."""
    stage = stage_of(REMOVE)
    stage.says.answers = {"AskConfirm": [Decision.LATER, Decision.YES]}
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["DELETE /box/a"]


def test_quit_ends_the_run_and_its_handlers_go_on() -> None:
    """Whoever quits gets what on_cancel and always promise, and nothing else."""
    top = (
        "on_cancel:\n  - {id: tidy, action: box.set, with: {name: b, value: tidy}}\n"
        "always:\n  - {id: last, action: box.set, with: {name: c, value: last}}\n"
    )
    stage = stage_of(REMOVE, top=top)
    stage.says.answers = {"AskConfirm": [Decision.QUIT, Decision.YES, Decision.YES]}
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.values == {"a": "old", "b": "tidy", "c": "last"}
    assert stage.advance() is ExitCode.REFUSED


def test_a_crash_after_quit_does_not_bring_the_run_back() -> None:
    """The word quit stands in the journal, so a resumed run ends and does not go on."""
    stage = stage_of(REMOVE)
    stage.says.answers = {"AskConfirm": [Decision.QUIT, Decision.YES]}
    with pytest.raises(Killed):
        stage.advance(journal=KilledJournal(stage.kept, at(stage, "before ended")))
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.writes == []


def at(stage: BoxStage, name: str) -> Moments:
    """Moments that end the run at the first one of this name."""
    del stage

    class AtName(Moments):
        def here(self, passed: str) -> None:
            if passed == name:
                raise Killed(passed)

    return AtName()


def test_by_hand_at_the_question_is_done_by_a_person() -> None:
    """The tool's hands can be traded for a person's at any destructive question."""
    stage = stage_of(REMOVE)
    stage.says.answers = {"AskConfirm": [Decision.BY_HAND, Decision.YES]}
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == []
    assert stage.boxes.hands == ["box.set"]


@pytest.mark.promise("P4")
def test_a_process_that_may_not_write_any_more_asks_nobody_and_leaves_the_run() -> None:
    """Its silence is no fault of the step: nothing is parked, and whoever has the run goes on."""
    stage = stage_of(SET.replace("action", "phase: contain, action"))

    def late(call: Call) -> None:
        if call.method != "GET":
            raise RefusedBySystemError("not sent", code=LATE, again=True, by_hand=True)

    stage.boxes.broken = late
    with pytest.raises(RunTakenError, match="not sent"):
        stage.advance()
    assert [type(question) for question in stage.says.asked] == [AskStart]
    state = fold(stage.kept.records(stage.run))
    assert state is not None
    assert state.status is RunStatus.RUNNING
    assert [write.status.value for write in state.step("one").writes] == ["not-done"]
    stage.boxes.broken = lambda _: None
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


@action("box.push", effect=Effect.WRITES, output=Box, source="test")
class Push(SetBox):
    """Set a box; it knows no way by hand."""

    def run(self, me: Me) -> Script[Box]:
        return (yield from super().run(replace(me, by_hand=False)))


@action("box.drop", effect=Effect.DESTROYS, output=Names, source="test")
class Drop(RemoveBox):
    """Remove a box; it knows no way by hand."""

    def run(self, me: Me) -> Script[Names]:
        return (yield from super().run(replace(me, by_hand=False)))


def with_no_way_by_hand(step: str, **more: Any) -> tuple[BoxStage, list[Person[Any]]]:
    """A step whose action has no steps for a person, who does it all the same."""
    steps = f"  - {{id: one, phase: contain, {step}}}"
    actions = {**ACTIONS, "box.push": Push, "box.drop": Drop}
    stage = BoxStage(runbook_of(steps, actions=actions), THREE, **more)
    tasks: list[Person[Any]] = []

    def asked_for(question: Question | Person[Any]) -> None:
        if isinstance(question, Person):
            tasks.append(question)
            stage.boxes.put("a", None if "drop" in step else "new")

    stage.says.before = asked_for
    return stage, tasks


@pytest.mark.promise("P2")
def test_whoever_takes_over_by_hand_is_not_raced_by_the_tool() -> None:
    """The tool was refused; the same request does not go out again, and what they did is seen."""
    stage, tasks = with_no_way_by_hand("action: box.push, with: {name: a, value: new}")
    sent: list[str] = []

    def no(call: Call) -> None:
        if call.method != "GET":
            sent.append(call.says)
            raise refused("500")

    stage.boxes.broken = no
    stage.says.answers = {"AskByHand": Decision.BY_HAND}
    assert stage.advance() is ExitCode.DONE
    assert sent == ["PUT /box/a"]
    (task,) = tasks
    assert task.steps == ("set a to new (Boxes)", "What the tool would send: PUT /box/a")
    assert task.avoid == ("a-2",)
    assert stage.state is not None
    assert [item.step for item in outcome_of(stage.state).of(Known.PROVED)] == ["one"]
    assert stage.state.step("one").writes[-1].by == "person"


@pytest.mark.promise("P2")
def test_with_by_hand_the_tool_sends_nothing_whatever_the_action() -> None:
    """The plan says so before, and what the person did is seen."""
    stage, tasks = with_no_way_by_hand(
        "action: box.push, with: {name: a, value: new}", by_hand=True
    )
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    assert stage.state.plan is not None
    (planned,) = stage.state.plan.steps
    assert [write.hands for write in planned.writes] == ["person"]
    assert stage.boxes.writes == []
    assert [task.steps[0] for task in tasks] == ["set a to new (Boxes)"]


@pytest.mark.promise("P15")
def test_by_hand_at_the_question_needs_no_action_that_knows_how() -> None:
    """A person does what destroys, after they typed what it is; the tool sends nothing."""
    stage, tasks = with_no_way_by_hand("action: box.drop, with: {name: a}")
    stage.says.answers = {"AskConfirm": [Decision.BY_HAND, Decision.YES]}
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == []
    assert [question.by_hand for question in asked(stage, AskConfirm)] == [True, False]
    assert [task.steps[0] for task in tasks] == ["remove a (Boxes)"]
    assert stage.how("one") == "done"


def test_step_by_step_asks_at_every_write() -> None:
    """With --step-by-step an ordinary write is a question too."""
    stage = stage_of(SET, step_by_step=True)
    assert stage.advance() is ExitCode.DONE
    assert len(asked(stage, AskConfirm)) == 1


@pytest.mark.promise("P12")
def test_policy_raises_care_over_the_runbook() -> None:
    """A project that wants every write asked gets every write asked."""
    stage = stage_of(SET, policy=Policy(confirm=Confirm.EVERY_WRITE))
    stage.advance()
    assert len(asked(stage, AskConfirm)) == 1


@pytest.mark.promise("P12")
def test_policy_wants_two_people_and_the_run_parks() -> None:
    """Where another person has to agree, the operator alone gets no further."""
    stage = stage_of(REMOVE, policy=Policy(two_people=TwoPeople.DESTRUCTIVE))
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.promise("P8")
def test_more_targets_than_the_limit_ask_again() -> None:
    """Three boxes where the runbook expects two: the number has to be typed, or nothing runs."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, for_each: all_of.names, as: n, limit: 2, action: box.set,"
        " with: {name: '${{ n }}', value: new}}"
    )
    stage = stage_of(steps)
    stage.says.answers = {"AskConfirm": Decision.SKIP}
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == []
    assert stage.how("each") == "failed"
    stage = stage_of(steps)
    assert stage.advance() is ExitCode.DONE
    assert [q.wants for q in asked(stage, AskConfirm)] == ["all 3"]


# --- drift --------------------------------------------------------------------------------------


@pytest.mark.promise("P10")
@pytest.mark.parametrize("steps", [REMOVE, SET], ids=["destroys", "writes"])
def test_what_changed_between_plan_and_write_is_shown_before_it_is_written(steps: str) -> None:
    """Another value than the plan saw is a question, and the run waits for its answer."""
    stage = stage_of(steps)
    stage.says.before = lambda q: stage.boxes.put("a", "else") if isinstance(q, AskStart) else None
    stage.says.answers = {"AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert len(asked(stage, AskDrift)) == 1


@pytest.mark.promise("P10")
def test_a_planned_write_that_is_not_wanted_any_more_is_a_question() -> None:
    """Somebody did it meanwhile, or we misread: a person says which."""
    stage = stage_of(SET)
    stage.says.before = lambda q: stage.boxes.put("a", "new") if isinstance(q, AskStart) else None
    assert stage.advance() is ExitCode.DONE
    assert (stage.how("one"), stage.boxes.writes) == ("unchanged", [])
    assert len(asked(stage, AskDrift)) == 1


@pytest.mark.promise("P10")
@pytest.mark.parametrize("meanwhile", ["else", "new"], ids=["another", "already so"])
def test_a_skip_of_what_changed_agrees_to_nothing(meanwhile: str) -> None:
    """The step stays open, as the screen says, and no yes is recorded of it."""
    stage = stage_of(SET)
    stage.says.before = lambda q: (
        stage.boxes.put("a", meanwhile) if isinstance(q, AskStart) else None
    )
    stage.says.answers = {"AskDrift": Decision.SKIP}
    assert stage.advance() is ExitCode.FAILED
    assert (stage.how("one"), stage.boxes.writes) == ("left-open", [])
    said = [r.event for r in stage.kept.records(stage.run) if r.event.kind is Kind.CONFIRMED]
    assert [e.data["decision"] for e in said if e.step == "one"] == ["skip"]


@pytest.mark.promise("P10")
@pytest.mark.parametrize("part", ["runbook", "engine", "policy"])
def test_a_yes_does_not_outlive_what_it_was_given_to(part: str) -> None:
    """Runbook, program or policy changed since the yes: the new plan wants a yes of its own."""
    stage = stage_of(f"{SET}\n{REMOVE}")
    stage.says.answers = {"AskConfirm": [Decision.LATER, Decision.YES], "AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    if part == "runbook":
        stage.runbook = runbook_of(f"{SET}\n{REMOVE}", top="# another byte\n")
    elif part == "engine":
        stage.engine_name = "respond other"
    else:
        stage.policy = Policy(limit=3)
    assert stage.advance() is ExitCode.PARKED
    assert "DELETE /box/a" not in stage.boxes.writes
    stage.says.answers = {}
    assert stage.advance() is ExitCode.DONE


def boxes_at(url: str, account: str = "", identity: str = "") -> dict[str, Any]:
    """The place of a run whose boxes are there."""
    connection = Connection(
        "box", "box", account=account, identity=identity, reached={"address": url}
    )
    return {"connections": {"box": connection}}


ELSEWHERE = {
    "address": boxes_at("https://b.example"),
    "account": boxes_at("https://a.example", account="other"),
    "identity": boxes_at("https://a.example", identity="root"),
    "gone": {"connections": {"new": Connection("new", "box")}},
}


@pytest.mark.promise("P10")
@pytest.mark.parametrize("to", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_yes_is_bound_to_where_the_write_goes(to: dict[str, Any]) -> None:
    """A connection that leads elsewhere voids the start; the question names both."""
    stage = stage_of(
        f"{SET}\n  - {{id: w, wait: {{for: 60s}}}}\n{AFTER}", place=boxes_at("https://a.example")
    )
    stage.says.is_there = False
    assert stage.advance() is ExitCode.PARKED
    stage.place = to
    stage.clock.advance(60)
    stage.says.answers = {"AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == ["PUT /box/a"]
    (question,) = asked(stage, AskDrift)
    assert question.title.startswith("connection box (")
    was, now = question.title.split(", now ", 1)
    assert was
    assert any(part in now for part in ("https://b.example", "other", "root", "none"))


def test_a_drift_left_for_later_keeps_its_cause_once() -> None:
    """Who comes back reads what changed, and not the same writes as planned and as wanted."""
    stage = stage_of(REMOVE, place=boxes_at("https://a.example"))
    stage.says.answers = {"AskConfirm": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    assert stage.state is not None
    assert stage.state.parked.why == "stopped before step 'gone'"
    stage.place = boxes_at("https://b.example")
    stage.says.answers = {"AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    assert "now https://b.example) changed" in stage.state.parked.why
    assert "planned:" not in stage.state.parked.why + stage.state.parked.reason


@pytest.mark.promise("P10")
def test_a_typed_yes_does_not_outlive_where_the_write_goes() -> None:
    """A destructive write that was agreed to and not sent is asked again for the other place."""
    stage = stage_of(REMOVE, place=boxes_at("https://a.example"))
    with pytest.raises(Killed):
        stage.advance(journal=KilledJournal(stage.kept, at(stage, "before intent gone")))
    stage.place = boxes_at("https://b.example")
    assert stage.advance() is ExitCode.DONE
    assert len(asked(stage, AskDrift)) == 1
    assert len(asked(stage, AskConfirm)) == 2
    assert stage.state is not None
    (write,) = stage.state.step("gone").writes
    assert write.write.to["box"]["address"] == "https://b.example"


@pytest.mark.promise("P10")
def test_a_cancelled_run_writes_nothing_where_nobody_agreed_to() -> None:
    """Its handlers were agreed to at the place of then: the run ends without them, and says so."""
    top = "always:\n  - {id: last, action: box.set, with: {name: c, value: last}}\n"
    stage = stage_of(REMOVE, top=top, place=boxes_at("https://a.example"))
    stage.says.answers = {"AskConfirm": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    stage.engine().add(Kind.CONFIRMED, **data_of(Confirmed, decision=Decision.CANCEL))
    stage.place = boxes_at("https://b.example")
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.writes == []
    assert stage.state is not None
    assert "https://b.example" in stage.state.ended.say


@pytest.mark.promise("P2")
def test_an_open_write_is_not_looked_for_elsewhere() -> None:
    """What may have happened there is not seen here: a person says."""
    stage = stage_of(SET, place=boxes_at("https://a.example"))
    with pytest.raises(Killed):
        stage.advance(pen=KilledPen(stage.boxes, at(stage, "after send box PUT /box/a")))
    stage.place = boxes_at("https://b.example")
    stage.says.answers = {"AskUnknown": Decision.LATER}
    assert stage.advance() is ExitCode.UNKNOWN
    assert len(stage.boxes.writes) == 1


# --- a no from elsewhere ------------------------------------------------------------------------


def says_no(stage: BoxStage) -> None:
    """Another process records that the run is cancelled."""
    event = Event(Kind.CONFIRMED, stage.run, "", DANA, data_of(Confirmed, decision=Decision.CANCEL))
    stage.kept.append(event)


@pytest.mark.parametrize("asked_", ["AskStart", "AskConfirm"])
def test_a_no_that_came_during_a_question_is_heeded_before_its_answer(asked_: str) -> None:
    """Who types ``start`` into a run that was cancelled elsewhere starts nothing: no yes stands."""
    stage = stage_of(REMOVE)

    def meanwhile(question: object) -> None:
        if type(question).__name__ == asked_:
            says_no(stage)

    stage.says.before = meanwhile
    assert stage.advance() is ExitCode.REFUSED
    records = [r.event for r in stage.kept.records(stage.run)]
    (no,) = (n for n, e in enumerate(records) if e.data.get("decision") == "cancel")
    assert all(e.kind is not Kind.CONFIRMED for e in records[no + 1 :])
    assert stage.boxes.writes == []


class Hearing(SettableClock):
    """A clock during whose first long pause something happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self.happens = happens
        self.waited = 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.waited += seconds
        if seconds <= self.waited < seconds * 2:
            self.happens()


def test_what_is_waited_for_is_looked_at_soon_and_then_at_the_actions_pace() -> None:
    """After 0.2, 0.5, 1 and 2 seconds, and then every 10, as the action has it; also in proving."""
    stage = stage_of("  - {id: w, timeout: 1m, action: box.await, with: {name: z}}")
    looks: list[int] = []
    stage.boxes.broken = lambda _: looks.append(stage.clock.mono_ms())
    assert stage.advance() is ExitCode.FAILED
    waits = [round(b - a) for a, b in pairwise(looks[1:])]
    assert waits == [200, 500, 1000, 2000, 10_000, 10_000, 10_000, 10_000, 10_000, 7_000]
    proves = stage_of(SET)
    proves.boxes.shows_after_s = 3.6
    assert proves.advance() is ExitCode.DONE
    assert proves.clock.slept == [0.2, 0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "waits",
    [
        "  - {id: w, wait: {for: 10m}}\n",
        "  - id: w\n    wait: {action: box.read, with: {name: z}, until: seen.there, within: 9m}\n",
        "  - {id: w, timeout: 10m, action: box.await, with: {name: z}}\n",
    ],
    ids=["for", "until", "not yet"],
)
def test_a_run_that_waits_hears_that_it_is_cancelled(waits: str) -> None:
    """It ends within seconds, with 4, and writes nothing more."""
    clock = Hearing(lambda: says_no(stage))
    stage = stage_of(f"{SET}\n{waits}{AFTER}", clock=clock)
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.writes == ["PUT /box/a"]
    assert clock.waited < 10


@pytest.mark.parametrize(
    "top", ["", "on_cancel:\n  - {id: t, action: box.set, with: {name: c, value: t}}\n"]
)
def test_a_run_hears_before_each_write_that_it_is_cancelled(top: str) -> None:
    """Between two writes, without any pause; what on_cancel promises still happens, asked."""
    stage = stage_of(f"{SET}\n{AFTER}", top=top)
    stage.boxes.lost = lambda call: says_no(stage) if call.path[-1] == "a" else None
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.writes == ["PUT /box/a", *(["PUT /box/c"] if top else [])]
    assert stage.how("one") == "done"


@pytest.mark.parametrize("fails", [False, True], ids=["all well", "after a failure"])
def test_a_no_that_comes_while_the_last_look_goes_on_ends_the_run(*, fails: bool) -> None:
    """No write comes any more that would hear it; terminal and report say the same all the same."""
    look = "always:\n  - {id: last, action: box.read, with: {name: z}}\n"
    stage = stage_of(SET, top=look)

    def answers(call: Call) -> None:
        if call.method == "PUT" and fails:
            raise refused()
        if call.path[-1] == "z":
            stage.boxes.broken = lambda _: None
            says_no(stage)

    stage.says.before = lambda _: setattr(stage.boxes, "broken", answers)
    assert stage.advance() is ExitCode.REFUSED
    assert stage.state is not None
    told = fold(stage.kept.records(stage.run))
    assert told is not None
    assert verdict_of(stage.state, TODAY) == verdict_of(told, TODAY)
    assert verdict_of(told, TODAY).because[0] == "cancelled"


def test_at_the_same_time_each_hears_that_it_is_cancelled() -> None:
    """Steps of a ``parallel`` stop alike."""
    inner = "".join(
        f"      - {{id: s{n}, action: box.set, with: {{name: {n}, value: new}}}}\n" for n in "abc"
    )
    stage = stage_of(
        f"  - {{id: one, action: box.set, with: {{name: z, value: new}}}}\n  - parallel:\n{inner}"
    )
    stage.boxes.lost = lambda call: says_no(stage) if call.path[-1] == "z" else None
    assert stage.advance() is ExitCode.REFUSED
    assert stage.boxes.writes == ["PUT /box/z"]


def left_in_the_hands(stage: BoxStage, *, done: bool) -> None:
    """Ctrl-C while a person's hands are at a removal, which happens or not; then cancel."""
    stage.says.answers = {"AskConfirm": [Decision.BY_HAND, Decision.YES], "Person": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    if done:
        stage.boxes.put("a", None)
    says_no(stage)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("done", [True, False])
def test_cancel_looks_at_what_may_have_happened(*, done: bool) -> None:
    """As resume does: what is seen is known and offered for undo, and the code is no `unknown`."""
    stage = stage_of(REMOVE)
    left_in_the_hands(stage, done=done)
    assert stage.advance() is ExitCode.REFUSED
    assert stage.state is not None
    (write,) = stage.state.step("gone").writes
    assert (write.status.value == "done") is done
    assert [way.says for way in undoable(stage.state)] == (["remove a"] if done else [])
    stage.says.answers = {}
    assert undo_run(stage.engine(), ACTIONS) is ExitCode.DONE
    assert stage.boxes.values == THREE


@pytest.mark.promise("P2")
def test_cancel_looks_past_what_another_version_recorded() -> None:
    """An output that fits its action no more keeps nobody from ending the run."""
    steps = f"  - {{id: first, action: box.read, with: {{name: a}}}}\n{REMOVE}"
    stage = stage_of(steps)
    left_in_the_hands(stage, done=True)
    stage.runbook = runbook_of(steps, actions={**ACTIONS, "box.read": ACTIONS["box.remove"]})
    assert stage.advance() is ExitCode.REFUSED
    assert stage.state is not None
    assert [write.status.value for write in stage.state.step("gone").writes] == ["done"]


@pytest.mark.promise("P2")
def test_quit_where_cancel_asks_what_happened_ends_the_run_all_the_same() -> None:
    """Who does not know ends it without; what may have happened stays open."""
    stage = stage_of(REMOVE)
    left_in_the_hands(stage, done=True)

    def broken(_: Call) -> None:
        raise no_answer()

    stage.boxes.broken = broken
    stage.says.answers = {"AskUnknown": Decision.QUIT}
    assert stage.advance() is ExitCode.UNKNOWN
    assert stage.state is not None
    assert stage.state.status is RunStatus.ENDED


@pytest.mark.promise("P2")
def test_undo_looks_at_what_cancel_could_not_see() -> None:
    """Open stays open, by name and by code, until it can be looked at; also after the end."""
    stage = stage_of(REMOVE)
    left_in_the_hands(stage, done=True)

    def broken(_: Call) -> None:
        raise no_answer()

    stage.boxes.broken = broken
    stage.says.answers = {"AskUnknown": Decision.LATER}
    assert stage.advance() is ExitCode.UNKNOWN
    assert undo_run(engine := stage.engine(), ACTIONS) is ExitCode.UNKNOWN
    assert [(one.how, one.says) for one in put_back((), (), engine.state)] == [("open", "remove a")]
    stage.boxes.broken = lambda _: None
    stage.says.answers = {}
    assert undo_run(engine := stage.engine(), ACTIONS) is ExitCode.DONE
    assert stage.boxes.values == THREE


@pytest.mark.promise("P7")
def test_a_cancelled_run_can_be_undone() -> None:
    """The no is about the run, not about its way back."""
    stage = stage_of(f"{SET}\n{AFTER}")
    stage.boxes.lost = lambda call: says_no(stage) if call.path[-1] == "a" else None
    stage.advance()
    stage.boxes.lost = lambda _: None
    assert undo_run(stage.engine(), ACTIONS) is ExitCode.DONE
    assert stage.boxes.values["a"] == "old"


@pytest.mark.promise("P10")
def test_a_rehearsal_is_never_carried_on_for_real() -> None:
    """The mode is part of what was agreed to, and cannot change."""
    stage = stage_of(REMOVE)
    stage.says.answers = {"AskConfirm": Decision.LATER}
    stage.advance()
    stage.mode = "rehearsal"
    with pytest.raises(RefusedByPersonError):
        stage.advance()


@pytest.mark.promise("P5")
def test_a_dry_run_is_not_carried_on() -> None:
    """An engine in dry-run mode makes its plan and refuses everything else."""
    stage = stage_of(SET, mode="dry-run")
    assert stage.plan().writes
    with pytest.raises(UsageError):
        stage.advance()
    assert stage.boxes.writes == []


LOOK = "  - {id: look, action: box.read, with: {name: c}}\n"


def at_start(stage: BoxStage, name: str, value: str | None) -> None:
    """Somebody changes a box while the plan stands on the screen."""
    stage.says.before = lambda q: stage.boxes.put(name, value) if isinstance(q, AskStart) else None


def test_what_an_assertion_keeps_from_happening_does_not_happen() -> None:
    """An assertion that held in the plan and fails in the run stops containment too."""
    stage = stage_of(f"{LOOK}  - {{id: ok, assert: look.there, message: gone}}\n{REMOVE}")
    at_start(stage, "c", None)
    assert stage.advance() is ExitCode.FAILED
    assert (stage.boxes.writes, stage.how("gone")) == ([], "")


@pytest.mark.promise("P10")
@pytest.mark.parametrize(
    ("answer", "code"), [(Decision.YES, ExitCode.DONE), (Decision.LATER, ExitCode.PARKED)]
)
def test_an_end_that_was_not_planned_is_a_question(answer: Decision, code: ExitCode) -> None:
    """It would take planned writes away, so somebody has to agree to it."""
    stage = stage_of(f"{LOOK}  - {{id: e, end: {{when: '!look.there', say: none}}}}\n{REMOVE}")
    at_start(stage, "c", None)
    stage.says.answers = {"AskDrift": answer}
    assert stage.advance() is code
    assert stage.boxes.writes == []
    assert [q.planned for q in asked(stage, AskDrift)] == [("remove a",)]


@pytest.mark.promise("P10")
def test_a_planned_step_that_is_skipped_in_the_run_is_left_open() -> None:
    """A condition that changed since the plan does not make less work look like success."""
    stage = stage_of(LOOK + REMOVE.replace("phase", "when: look.there, phase"))
    at_start(stage, "c", None)
    assert stage.advance() is ExitCode.FAILED
    assert stage.how("gone") == "left-open"


@pytest.mark.promise("P10")
def test_another_branch_than_the_planned_one_is_no_success() -> None:
    """What was shown and not done is said at the end."""
    steps = (
        "  - choose: look.there\n"
        "    'true': [{id: yes_, action: box.set, with: {name: a, value: new}}]\n"
        "    'false': [{id: no_, action: box.set, with: {name: b, value: new}}]\n"
    )
    stage = stage_of(LOOK + steps)
    at_start(stage, "c", None)
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert stage.state.ended.say == "planned, and not done: set a to new"
    assert len(asked(stage, AskConfirm)) == 1


# --- failures -----------------------------------------------------------------------------------


def breaking(name: str, *, by_hand: bool = False) -> Callable[[Call], None]:
    """Requests to this box are refused, writes only."""

    def broken(call: Call) -> None:
        if call.path[-1] == name and call.method != "GET":
            raise refused(by_hand=by_hand)

    return broken


FAILS = "  - {{id: bad, action: box.set, with: {{name: a, value: new}}{more}}}\n"
AFTER = "  - {id: then, action: box.set, with: {name: b, value: new}}\n"


@pytest.mark.parametrize(
    ("more", "then", "code"),
    [
        ("", "", ExitCode.FAILED),
        (", on_failure: continue", "done", ExitCode.FAILED),
    ],
)
def test_a_failed_step_stops_the_rest_or_not(more: str, then: str, code: ExitCode) -> None:
    """on_failure says what a failure means for the rest; it stays a failure."""
    stage = stage_of(FAILS.format(more=more) + AFTER)
    stage.boxes.broken = breaking("a")
    assert stage.advance() is code
    assert (stage.how("bad"), stage.how("then")) == ("failed", then)


CONTAIN = (
    "  - {id: all_of, action: box.list}\n"
    "  - id: each\n    for_each: all_of.names\n    as: n\n    limit: 5\n    phase: contain\n"
    "    action: box.set\n    with: {name: '${{ n }}', value: new}\n"
)


@pytest.mark.parametrize("fault", [refused(), no_answer()], ids=["refused", "no answer"])
def test_what_can_be_contained_is_before_a_question_that_nobody_answers(fault: Exception) -> None:
    """`on_failure: continue` holds where nobody sits too: then the run parks with what is left."""
    steps = f"{CONTAIN}    on_failure: continue\n" + AFTER.replace("value: new", "value: newer")
    stage = stage_of(
        steps, top="always:\n  - {id: last, action: box.set, with: {name: c, value: last}}\n"
    )
    stage.says.is_there = False
    stage.says.answers = {"AskByHand": Decision.LATER, "AskUnknown": Decision.LATER}

    def broken(call: Call) -> None:
        if call.path[-1] == "a" and (call.method != "GET" or isinstance(fault, NoAnswerError)):
            raise fault

    stage.says.before = lambda _: setattr(stage.boxes, "broken", broken)
    for _ in range(2):
        assert stage.advance() in (ExitCode.PARKED, ExitCode.UNKNOWN)
        # The two of the set go at the same time, whichever is first.
        assert sorted(stage.boxes.writes[:2]) == ["PUT /box/b", "PUT /box/c"]
        assert stage.boxes.writes[2:] == ["PUT /box/b"]
    stage.says.before = lambda _: None
    stage.boxes.broken = lambda _: None
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes[3:] == ["PUT /box/a", "PUT /box/c"]


def test_what_needs_a_step_that_waits_for_people_waits_with_it() -> None:
    """It is not concluded before anybody has said what becomes of the other."""
    steps = (
        "  - {id: new, phase: contain, action: box.make, with: {like: n}, on_failure: continue}\n"
        "  - id: use\n    action: box.set\n"
        "    with: {name: \"${{ has(new.id) ? new.id : 'z' }}\", value: mine}\n"
        f"{AFTER}"
    )
    stage = stage_of(steps)
    stage.says.is_there = False
    stage.says.answers = {"AskByHand": Decision.LATER}

    def broken(call: Call) -> None:
        if call.method == "POST":
            raise refused()

    stage.boxes.broken = broken
    assert stage.advance() is ExitCode.PARKED
    assert (stage.how("new"), stage.how("use"), stage.how("then")) == ("", "", "done")
    stage.boxes.broken = lambda _: None
    assert stage.advance() is ExitCode.DONE
    assert stage.how("use") == "done"


def test_a_failure_that_stops_parks_at_its_question() -> None:
    """Whoever wrote no `continue` wanted nothing after it."""
    stage = stage_of(CONTAIN)
    stage.says.is_there = False
    stage.says.answers = {"AskByHand": Decision.LATER}
    stage.boxes.broken = breaking("a", by_hand=True)
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.parametrize(
    ("recovered", "code"), [("true", ExitCode.DONE), ("false", ExitCode.FAILED)]
)
def test_only_a_handler_that_recovers_makes_the_run_good(recovered: str, code: ExitCode) -> None:
    """A handler runs; whether the run is good again is what it says."""
    steps = (
        "  - id: bad\n    action: box.set\n    with: {name: a, value: new}\n"
        f"    on_failure:\n      recovered: {recovered}\n      steps:\n"
        "        - {id: fix, action: box.set, with: {name: c, value: fixed}}\n"
    )
    stage = stage_of(steps + AFTER)
    stage.boxes.broken = breaking("a")
    assert stage.advance() is code
    assert stage.how("fix") == "done"
    assert stage.how("then") == ("done" if recovered == "true" else "")


def test_a_failed_step_never_keeps_containment_from_running() -> None:
    """A step outside of contain fails: what contains still runs, the rest does not."""
    stage = stage_of(FAILS.format(more="") + AFTER + REMOVE.replace("name: a", "name: c"))
    stage.boxes.broken = breaking("a")
    assert stage.advance() is ExitCode.FAILED
    assert (stage.how("then"), stage.how("gone")) == ("", "done")


def test_always_runs_whatever_happened() -> None:
    """After a failure as after success."""
    top = "always:\n  - {id: last, action: box.set, with: {name: c, value: last}}\n"
    stage = stage_of(FAILS.format(more=""), top=top)
    stage.boxes.broken = breaking("a")
    assert stage.advance() is ExitCode.FAILED
    assert stage.how("last") == "done"


def test_an_end_after_writes_runs_them_first() -> None:
    """A plan that ends well half-way does what stands before the end."""
    stage = stage_of(f"{SET}\n  - {{id: stop, end: {{when: 'true', say: enough}}}}\n{AFTER}")
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]
    assert stage.state is not None
    assert stage.state.ended.say == "enough"


def test_an_end_before_any_write_asks_nothing() -> None:
    """Nothing to do is said, and no question is put."""
    stage = stage_of(f"  - {{id: stop, end: {{when: 'true', say: nothing}}}}\n{SET}")
    assert stage.advance() is ExitCode.DONE
    assert stage.says.asked == []


def test_an_assert_that_does_not_hold_ends_the_run_before_any_question() -> None:
    """The wrong case for this runbook: it says so, and is over."""
    stage = stage_of(f"  - {{id: ok, assert: 'false', message: not here}}\n{SET}")
    assert stage.advance() is ExitCode.FAILED
    assert stage.says.asked == []
    assert stage.state is not None
    assert stage.state.status is RunStatus.ENDED
    assert stage.state.ended.say == "not here"


def test_a_look_that_fails_before_the_plan_parks_the_run() -> None:
    """A system that is down at the first look is named, and the run can be carried on later."""
    steps = f"  - {{id: look, action: box.read, with: {{name: a}}}}\n{SET}"
    stage = stage_of(steps)

    def down(_: Call) -> None:
        raise no_answer()

    stage.boxes.broken = down
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert stage.state.status is RunStatus.PARKED
    stage.boxes.broken = lambda _: None
    assert stage.advance() is ExitCode.DONE


@pytest.mark.promise("P6")
def test_done_and_not_seen_is_not_done() -> None:
    """A write that never shows is recorded as done and not seen; the run does not succeed."""
    stage = stage_of(SET)
    stage.boxes.shows_after_s = 10_000
    assert stage.advance() is ExitCode.FAILED
    assert stage.how("one") == "not-seen"
    assert stage.boxes.writes == ["PUT /box/a"]


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("behind", "how", "reads"),
    [({}, "done", 2), ({2}, "done", 4), ({2, 4, 6, 8, 10, 12}, "not-seen", 0)],
    ids=["seen twice", "seen, not seen, seen twice", "never twice"],
)
def test_what_spreads_is_seen_only_when_looks_in_a_row_agree(
    behind: set[int], how: str, reads: int
) -> None:
    """The next look may be answered by a server that has not heard of it."""
    stage = stage_of(SET.replace("name: a", "name: spread"), {"spread": "old"})
    before: list[int] = []
    stage.boxes.lost = lambda _: before.append(len(stage.boxes.reads))
    stage.boxes.behind = frozenset(behind)
    stage.advance()
    assert stage.how("one") == how
    assert not reads or len(stage.boxes.reads) - before[0] == reads
    assert stage.boxes.writes == ["PUT /box/spread"]


@pytest.mark.promise("P6")
def test_a_change_that_shows_late_is_waited_for() -> None:
    """Within the settle time a look that does not see it yet is no failure."""
    stage = stage_of(SET)
    stage.boxes.shows_after_s = 3
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


def test_a_look_alike_that_vanishes_is_an_alarm() -> None:
    """A person at the console who removes the wrong one too is told at once."""
    stage = stage_of(REMOVE, {"a": "x", "a-2": "x", "b": "x"}, by_hand=True)

    def clumsy(question: object) -> None:
        if isinstance(question, Person):
            stage.boxes.put("a-2", None)

    stage.says.before = clumsy
    stage.advance()
    assert stage.state is not None
    end = stage.state.step("gone").conclusion
    assert end is not None
    assert any(finding.startswith("ALARM: a-2") for finding in end.findings)


# --- unknown ------------------------------------------------------------------------------------


SAY = "  - {id: tell, action: box.say, with: {text: hello}}"


@pytest.mark.promise("P2", "P3")
@pytest.mark.parametrize(("answer", "said"), [(Decision.YES, 1), (Decision.NO, 2)])
def test_what_nobody_can_see_is_left_to_a_person(answer: Decision, said: int) -> None:
    """A blind write without an answer ends with 5 and evidence; a person's word goes on."""
    stage = stage_of(SAY)
    lose = iter([True])

    def lost(_: Call) -> None:
        if next(lose, False):
            raise no_answer()

    stage.boxes.lost = lost
    stage.says.answers = {"AskUnknown": [Decision.LATER, answer]}
    assert stage.advance() is ExitCode.UNKNOWN
    assert stage.state is not None
    assert "say hello" in stage.state.parked.why
    assert "did not answer in time" in stage.state.parked.reason
    assert stage.advance() is ExitCode.DONE
    assert len(stage.boxes.said) == said


@pytest.mark.promise("P2", "P3")
def test_an_unknown_write_that_cannot_be_looked_at_is_not_concluded() -> None:
    """The system dies behind the write: the step stays open for a person, and is not failed."""
    stage = stage_of(SET)
    dead: list[bool] = []

    def broken(_: Call) -> None:
        if dead:
            raise no_answer()

    def lost(_: Call) -> None:
        dead.append(True)
        raise no_answer()

    stage.boxes.broken, stage.boxes.lost = broken, lost
    stage.says.answers = {"AskUnknown": Decision.LATER}
    assert stage.advance() is ExitCode.UNKNOWN
    assert stage.how("one") == ""
    stage.boxes.broken = stage.boxes.lost = lambda _: None
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


def test_a_refusal_for_now_is_tried_again_within_bounds() -> None:
    """429 four times is a failure; once is not."""
    stage = stage_of(SET)
    left = [2]

    def broken(call: Call) -> None:
        if call.method == "PUT" and left[0]:
            left[0] -= 1
            raise refused("429", again=True)

    stage.boxes.broken = broken
    assert stage.advance() is ExitCode.DONE
    left[0] = 99
    again = stage_of(SET)
    again.boxes.broken = broken
    assert again.advance() is ExitCode.FAILED
    assert left[0] == 95


@pytest.mark.promise("P2")
@pytest.mark.parametrize(("error", "times"), [(refused("403"), 1), (no_answer(), 4)])
def test_a_no_is_asked_once_and_no_answer_four_times_at_most(
    error: RespondError, times: int
) -> None:
    """Who says no has said it; a system that never answers is not written to for ever."""
    stage = stage_of(SET)
    sent: list[str] = []

    def broken(call: Call) -> None:
        if call.method == "PUT":
            sent.append(call.says)
            raise error

    stage.boxes.broken = broken
    assert stage.advance() is not ExitCode.DONE
    assert len(sent) == times


@pytest.mark.promise("P3")
def test_a_run_that_is_to_stop_stops_before_the_next_write() -> None:
    """Ctrl-C during a write lets that one end; the next one is another evening's."""
    stage = stage_of(f"{SET}\n  - {{id: two, action: box.set, with: {{name: b, value: new}}}}")
    stop = Stop()

    def pressed(_: Call) -> None:
        stop.wanted = True

    stage.boxes.lost = pressed
    assert stage.advance(stop=stop) is ExitCode.PARKED
    assert stage.boxes.writes == ["PUT /box/a"]


def test_a_step_by_hand_may_be_put_off_as_often_as_it_takes() -> None:
    """Later five times in a row is no failure of the system."""
    stage = stage_of(SET, by_hand=True)
    stage.says.answers = {"Person": [Decision.LATER] * 5 + [Decision.YES]}
    for _ in range(5):
        assert stage.advance() is ExitCode.PARKED
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.hands == ["box.set"]


# --- waiting ------------------------------------------------------------------------------------


WAIT = "  - {id: object, wait: {within: 10m}}\n"


@pytest.mark.promise("P16")
def test_a_wait_parks_where_nobody_sits_and_ends_in_its_time() -> None:
    """An objection period counts from its beginning, over any number of resumes."""
    stage = stage_of(WAIT + SET)

    def leaves(_: object) -> None:
        stage.says.is_there = False

    stage.says.before = leaves
    assert stage.advance() is ExitCode.PARKED
    stage.clock.advance(300)
    assert stage.advance() is ExitCode.PARKED
    stage.clock.jump(86_400)
    assert stage.advance() is ExitCode.PARKED
    stage.clock.jump(-86_400)
    stage.clock.advance(301)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


@pytest.mark.promise("P16")
def test_a_wait_lasts_as_long_as_its_expression_says() -> None:
    """An objection period that is worked out is no shorter than one that is written out."""
    steps = (
        "  - {id: all, action: box.list}\n  - {id: w, wait: {for: '${{ 600 * size(all.names) }}'}}"
    )
    stage = stage_of(steps)
    began = stage.clock.mono_ms()
    assert stage.advance() is ExitCode.DONE
    assert stage.clock.mono_ms() - began == 3 * 600_000
    assert stage.state is not None
    assert stage.state.plan is not None
    assert stage.state.plan.steps[-1].says == "waits 30 min"


def test_a_wait_for_what_is_no_duration_fails() -> None:
    """It is not left out: whoever was to object had no time to."""
    stage = stage_of(
        "  - {id: all, action: box.list}\n  - {id: w, wait: {for: '${{ 1 - 2 }}'}}\n" + SET
    )
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert "no duration" in stage.state.parked.why
    assert stage.boxes.writes == []


def test_a_wait_ends_as_soon_as_it_is_met() -> None:
    """Until is looked at again and again; what it saw is the step's output."""
    steps = (
        "  - id: ready\n    wait:\n      until: seen.there\n      every: 10s\n      within: 5m\n"
        "      action: box.read\n      with: {name: z}\n"
    )
    stage = stage_of(steps + SET)
    seen = iter(range(5))

    def appears(call: Call) -> None:
        if call.path[-1] == "z" and next(seen, 99) == 3:
            stage.boxes.values["z"] = "here"

    stage.boxes.broken = appears
    assert stage.advance() is ExitCode.DONE
    assert stage.how("ready") == "done"


THERE = "action: http.read, with: {observe: {path: [boxes, z], pick: [value]}, connection: back}"


@pytest.mark.parametrize(
    "step",
    [
        f"wait: {{{THERE}, until: seen.there, within: 5m}}",
        THERE,
        "action: http.read, with: {observe: {path: [boxes, z]}}, connection: back",
    ],
)
def test_a_step_looks_through_the_connection_that_it_names(step: str) -> None:
    """Where a system has several, whatever looks: a plan, a step that runs, and a wait."""
    doors = {name: Connection(name, "http") for name in ("front", "back")}
    book = runbook_of(f"  - {{id: ready, {step}}}", actions={"http.read": ReadFields})
    stage = BoxStage(book, {"z": "here"}, place={"connections": doors})
    used: set[str] = set()
    stage.boxes.broken = lambda call: used.add(call.connection)
    assert stage.advance() is ExitCode.DONE
    assert used == {"back"}


def test_what_only_a_wait_looks_at_is_a_system_of_the_runbook() -> None:
    """A rehearsal stands it up, and its credential is asked for before the first step."""
    wait = f"  - {{id: ready, wait: {{{THERE}, until: seen.there, within: 5m}}}}"
    assert systems_of(runbook_of(wait, actions={"http.read": ReadFields})) == {"http"}


@pytest.mark.parametrize(("minutes", "how"), [(4, "done"), (40, "failed")])
def test_a_step_waits_as_long_as_its_timeout(minutes: int, how: str) -> None:
    """Not yet is no pass of a script that chases itself: only the time-out ends it."""
    stage = stage_of("  - {id: wait_for, action: box.await, with: {name: z}, timeout: 30m}")
    stage.says.before = lambda _: None
    ready = stage.clock.mono_ms() + minutes * 60_000

    def appears(call: Call) -> None:
        if call.path[-1] == "z" and stage.clock.mono_ms() >= ready:
            stage.boxes.values["z"] = "here"

    stage.boxes.broken = appears
    stage.advance()
    assert stage.how("wait_for") == how


# --- one engine a run ---------------------------------------------------------------------------


@pytest.mark.promise("P4")
def test_an_engine_that_was_taken_over_appends_and_sends_nothing(tmp_path: Path) -> None:
    """A frozen process that comes back is stopped by the epoch before its next intent."""
    clock, keys = SettableClock(), MemoryKeys()
    file = tmp_path / "journal.db"
    first = SqliteJournal.open(file, keys=keys, clock=clock, create=True, actor=DANA)
    second = SqliteJournal.open(file, keys=keys, clock=clock, create=False, actor=DANA)
    stage = stage_of(REMOVE, journal=first, clock=clock)

    def taken_over(question: object) -> None:
        if isinstance(question, AskConfirm):
            stage.engine(journal=second).take()

    stage.says.before = taken_over
    with pytest.raises((RefusedByPersonError, JournalUnusableError)):
        stage.advance()
    assert stage.boxes.writes == []
    stage.says.before = lambda _: None
    assert stage.advance(journal=second) is ExitCode.DONE
    assert stage.boxes.writes == ["DELETE /box/a"]
    first.close()
    second.close()


@pytest.mark.promise("P4")
def test_two_processes_cannot_hold_one_run(tmp_path: Path) -> None:
    """The kernel's lock lets one in and tells the other who it is."""
    locks = RunLocks(tmp_path, SettableClock())
    with (
        locks.hold("BX-TEST"),
        pytest.raises(RefusedByPersonError, match="another respond has run BX-TEST"),
        RunLocks(tmp_path, SettableClock()).hold("BX-TEST"),
    ):
        pass


# --- at the same time ---------------------------------------------------------------------------


def at_once(stage: BoxStage) -> int:
    """The most writes that were under way at the same time."""
    together, most = 0, 0
    lock = threading.Lock()
    gate = threading.Event()

    def broken(call: Call) -> None:
        nonlocal together, most
        if call.method == "GET":
            return
        with lock:
            together += 1
            most = max(most, together)
            if together == 2:
                gate.set()
        gate.wait(0.3)
        with lock:
            together -= 1

    stage.boxes.broken = broken
    assert stage.advance() is ExitCode.DONE
    return most


def test_steps_that_share_nothing_run_at_the_same_time() -> None:
    """Two boxes, two threads."""
    assert at_once(stage_of(two("a", "b"))) == 2


def test_steps_that_share_a_subject_never_run_at_the_same_time() -> None:
    """One writes what the other one reads: in order."""
    assert at_once(stage_of(two("a", "a"))) == 1


def two(left: str, right: str) -> str:
    return (
        "  - parallel:\n"
        f"      - {{id: left, action: box.say, with: {{text: {left}}}}}\n"
        f"      - {{id: right, action: box.say, with: {{text: {right}}}}}\n"
        if left != right
        else "  - parallel:\n"
        f"      - {{id: left, action: box.set, with: {{name: {left}, value: one}}}}\n"
        f"      - {{id: right, action: box.remove, with: {{name: {right}}}}}\n"
    )


# --- questions ----------------------------------------------------------------------------------


@pytest.mark.share(6)
@pytest.mark.promise("P15")
@pytest.mark.parametrize("name", RUNBOOKS)
@pytest.mark.parametrize("hands", HANDS)
def test_a_shipped_runbook_asks_once_for_each_destructive_group(
    name: str, hands: str, tmp_path: Path
) -> None:
    """The start, and one typed question for each destructive step: no more."""
    given = HANDS[hands]
    routes, by_hand = given.get("routes", False), given.get("by_hand", False)
    with Stage(tmp_path, name, routes=routes, by_hand=by_hand) as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert stage.state.plan is not None
        groups = {
            step.group or step.address
            for step in stage.state.plan.steps
            if any(write.effect.value == "destroys" for write in step.writes)
        }
        typed = [q for q in stage.asked if isinstance(q, AskConfirm)]
        assert len(typed) <= len(groups)
        assert all(q.wants for q in typed)
        assert len(stage.asked) == len(typed) + 1


@pytest.mark.promise("P15")
def test_the_targets_of_one_set_are_one_question() -> None:
    """Three boxes to remove: one question, with their number in it."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, phase: contain, for_each: all_of.names, as: n, limit: 5,"
        " action: box.remove, with: {name: '${{ n }}'}}"
    )
    stage = stage_of(steps, {"a": "x", "b": "x", "c": "x"})
    stage.advance()
    assert [q.wants for q in asked(stage, AskConfirm)][:1] == ["remove 2"]


# --- two runs -----------------------------------------------------------------------------------


def test_a_second_run_over_the_same_subject_is_a_question() -> None:
    """An unfinished run that writes the same things is named before this one starts."""
    first = stage_of(REMOVE)
    first.says.answers = {"AskConfirm": Decision.LATER}
    assert first.advance() is ExitCode.PARKED
    second = stage_of(REMOVE, journal=first.kept, clock=first.clock, run="BX-NEXT")
    second.says.answers = {"AskConfirm": Decision.SKIP}
    assert second.advance() is ExitCode.REFUSED
    assert [q.wants for q in asked(second, AskConfirm)] == ["beside BX-TEST"]
    third = stage_of(SET.replace("name: a", "name: c"), journal=first.kept, run="BX-LAST")
    third.advance()
    assert asked(third, AskConfirm) == []


def test_runs_that_nobody_started_are_not_read_for_it() -> None:
    """A storm proposes many: to plan one of them costs no more than to plan the only one."""
    clock = SettableClock()
    journal = CountedJournal.in_memory(MemoryKeys(), clock, DANA)
    assert isinstance(journal, CountedJournal)
    reads = []
    for number in range(5):
        stage = stage_of(REMOVE, clock=clock, journal=journal, run=f"BX-{number}")
        stage.says.answers = {"AskStart": Decision.LATER}
        before = journal.read
        assert stage.advance() is ExitCode.PARKED
        reads.append(journal.read - before)
    assert len(set(reads)) == 1
    assert len(journal.unfinished()) == 5


# --- all means all ------------------------------------------------------------------------------


EACH = (
    "  - {id: all_of, action: box.list}\n"
    "  - {id: each, for_each: all_of.names, as: n, limit: 5, on_failure: continue,"
    " action: box.set, with: {name: '${{ n }}', value: new}}"
)


@pytest.mark.promise("P9")
def test_the_end_counts_every_item() -> None:
    """Done, failed and left out add up to the set."""
    stage = stage_of(EACH)
    stage.boxes.broken = breaking("b")
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert stage.state.ended.inventory == {"each": {"items": 3, "done": 2, "failed": 1, "left": 0}}


@pytest.mark.promise("P9")
def test_an_item_that_appeared_meanwhile_is_named_and_the_run_does_not_succeed() -> None:
    """A box that was made while the run went on was in no plan, and is said."""
    stage = stage_of(EACH)

    def appears(call: Call) -> None:
        if call.method == "PUT":
            stage.boxes.values["d"] = "made meanwhile"

    stage.boxes.lost = appears
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert "d appeared while the run went on" in stage.state.ended.say


@pytest.mark.promise("P9")
def test_a_set_that_cannot_be_listed_again_is_no_success() -> None:
    """Nobody can say that it was all of them."""
    stage = stage_of(EACH)
    done: list[str] = []

    def broken(call: Call) -> None:
        if call.path == ("boxes",) and len(stage.boxes.writes) == 3:
            done.append(call.says)
            raise no_answer()

    stage.boxes.broken = broken
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    assert "could not be listed again" in stage.state.ended.say


def test_the_journal_is_written_before_the_request_leaves() -> None:
    """No record, no effect: the intent stands in the journal when the request is made."""
    stage = stage_of(SET)
    seen: list[str] = []

    class Pen:
        def send(self, intent: Intent, call: Call, digest: str) -> Reply:
            seen.extend(stage.events("intent", "outcome"))
            return stage.boxes.send(intent, call, digest)

    assert stage.advance(pen=Pen()) is ExitCode.DONE
    assert seen == ["intent one"]


def test_an_action_is_told_once_its_step_has_sent_a_write() -> None:
    """What it sees from then on may be of before or after it."""
    told: list[bool] = []

    @action("box.set", effect=Effect.WRITES, output=Box, source="test")
    class SetTold(SetBox):
        """Put a value into a box."""

        def run(self, me: Me) -> Script[Box]:
            told.append(me.begun)
            return (yield from SetBox.run(self, me))

    steps = f"{SET}\n{SET.replace('one', 'two').replace('new', 'newer')}"
    stage = BoxStage(runbook_of(steps, actions={**ACTIONS, "box.set": SetTold}), THREE)
    assert stage.advance() is ExitCode.DONE

    assert [begun for begun, _ in groupby(told)] == [False, True, False, True]
