from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.crash_points import Killed, KilledJournal, KilledPen, Moments
from respond.company.rehearsal import Rehearsal
from respond.core.outcome import outcome_of
from respond.core.questions import Answer, AskConfirm, Decision, Question
from respond.core.records import replace
from respond.core.script import Becomes, Connection, Done, Effect, Subject, Write
from respond.core.way_back import cannot_be_undone, undoable
from respond.engine.drivers import Look
from respond.engine.undo import UndoAgreement, changed_meanwhile, undo_run
from respond.errors import ExitCode, StepFailedError, UsageError
from respond.ports import Clock
from respond.testing.crashing import RUNBOOKS, changed_in
from respond.testing.example_run import HEAD, TODAY
from respond.testing.runbook_kit import Stage
from respond.testing.toy_system import ACTIONS, BoxStage, runbook_of
from respond.views.json_view import state_json
from respond.views.report import report
from respond.views.report_text import as_text, short
from respond.views.run_list import run_status, runs_table
from respond.views.summary import NOTHING_KNOWN, summary
from respond.views.verdict import CameTo, verdict_of
from respond.views.waiting import waiting

pytestmark = pytest.mark.promise("P7")

THREE = {"a": "old", "b": "old", "c": "old"}
TWO = (
    "  - {id: one, action: box.set, with: {name: a, value: new}}\n"
    "  - {id: gone, action: box.remove, with: {name: b}}\n"
)


def ran(steps: str = TWO, **more: Any) -> BoxStage:
    stage = BoxStage(runbook_of(steps), THREE, **more)
    assert stage.advance() is ExitCode.DONE
    stage.says.asked.clear()
    return stage


def undo(stage: BoxStage, *, only: str = "", **ports: Any) -> ExitCode:
    engine = stage.engine(**ports)
    try:
        return undo_run(engine, ACTIONS, only=only)
    finally:
        stage.state = engine.state


def undone(stage: BoxStage) -> dict[str, str]:
    assert stage.state is not None
    return dict(stage.state.undone)


def test_undo_puts_everything_back_newest_first() -> None:
    """The company looks as it did before the run."""
    stage = ran()
    assert undo(stage) is ExitCode.DONE
    assert stage.boxes.values == THREE
    assert stage.boxes.writes[2:] == ["PUT /box/b", "PUT /box/a"]


def test_undo_twice_is_undo_once() -> None:
    """What is back is left alone."""
    stage = ran()
    undo(stage)
    assert undo(stage) is ExitCode.DONE
    assert len(stage.boxes.writes) == 4


def test_giving_back_what_was_taken_away_wants_its_name_typed() -> None:
    """What undoes a destructive write is asked as one."""
    stage = ran()
    undo(stage)
    typed = [q.wants for q in stage.says.asked if isinstance(q, AskConfirm)]
    assert typed == ["set b", ""]


def test_what_somebody_changed_since_is_left_to_a_person() -> None:
    """Undo starts only from what the run left; else it says what is there, and exits with 6."""
    stage = ran()
    stage.boxes.put("a", "theirs")
    assert undo(stage) is ExitCode.UNDO_FAILED
    assert stage.boxes.values == {"a": "theirs", "b": "old", "c": "old"}
    assert undone(stage) == {"gone": "undo-done", "one": "undo-failed"}
    assert stage.state is not None
    end = stage.state.step("undo:one").conclusion
    assert end is not None
    assert "theirs" in end.why


def test_what_an_undo_would_write_anew_is_compared_in_a_record_too() -> None:
    """Where it writes a record whole, what others put in beside the run's change would be lost."""
    stage = ran()
    assert stage.state is not None
    way = next(way for way in undoable(stage.state) if way.name == "one")
    had: Any = {"roles": {"x": "admin", "y": "none"}}
    left: Any = {"roles": {"x": "none", "y": "none"}}
    way = replace(way, write=replace(way.write, write=replace(way.write.write, after=left)))
    way = replace(way, write=replace(way.write, write=replace(way.write.write, before=had)))
    subject: Subject[Any] = Subject(way.write.write.subject, 0)

    def check(now: Any, then: Any) -> None:
        hands: Any = None
        becomes = (Becomes(subject, lambda _: None),)
        write: Write[Any] = Write("", "", "", "", Effect.WRITES, hands, now, then, becomes, None)
        at: Any = None
        UndoAgreement(at, way=way).check(Look(Done(None), (write,), ()))

    theirs = {"roles": {"x": "none", "y": "owner"}}
    check(left, had)
    check(theirs, {"roles": {"x": "admin", "y": "owner"}})
    more: Any = {"roles": {**left["roles"], "z": "owner"}}
    gone: Any = {"roles": {}}
    for now in (theirs, more, gone):
        with pytest.raises(StepFailedError, match="not what the run left: now roles"):
            check(now, had)


def test_a_failed_undo_can_be_asked_for_again() -> None:
    """Once a person has put it right, the next undo takes it from there."""
    stage = ran()
    stage.boxes.put("a", "theirs")
    undo(stage)
    stage.boxes.put("a", "new")
    assert undo(stage) is ExitCode.DONE
    assert stage.boxes.values == THREE


def test_there_and_back_within_a_run_is_nothing_to_undo() -> None:
    """The net effect is nil, so undo touches nothing."""
    back = "  - {id: back, action: box.set, with: {name: a, value: old}}\n"
    stage = ran("  - {id: one, action: box.set, with: {name: a, value: new}}\n" + back)
    assert undo(stage) is ExitCode.DONE
    assert stage.says.asked == []
    assert len(stage.boxes.writes) == 2


@pytest.mark.promise("P10")
def test_nothing_is_put_back_where_the_run_did_not_write() -> None:
    """The connection leads elsewhere now: nothing is looked at there or written, and 5 says so."""

    def leads_to(url: str) -> dict[str, Any]:
        return {"connections": {"box": Connection("box", "box", reached={"address": url})}}

    stage = ran(place=leads_to("https://a.example"))
    stage.place = leads_to("https://b.example")
    wrote = len(stage.boxes.writes)
    assert undo(stage) is ExitCode.UNDO_FAILED
    assert len(stage.boxes.writes) == wrote
    assert set(undone(stage).values()) == {"undo-failed"}


def test_only_what_is_over_is_undone() -> None:
    """An open run is cancelled first; a failure never unwinds by itself."""
    stage = BoxStage(runbook_of(TWO), THREE)
    stage.says.answers = {"AskConfirm": Decision.LATER}
    stage.advance()
    with pytest.raises(UsageError):
        undo(stage)
    assert stage.boxes.writes == ["PUT /box/a"]


def test_what_has_no_way_back_is_said_before() -> None:
    """A message cannot be unsaid, and stands in the list of what cannot be undone."""
    stage = ran(TWO + "  - {id: tell, action: box.say, with: {text: hello}}\n")
    assert stage.state is not None
    assert cannot_be_undone(stage.state) == ["say hello"]
    assert [way.name for way in undoable(stage.state)] == ["gone", "one"]


def test_later_parks_the_undo_and_it_goes_on_from_there() -> None:
    """An undo is carried on like a run is; the run itself stays over."""
    stage = ran()
    stage.says.answers = {"AskConfirm": [Decision.LATER, Decision.YES]}
    assert undo(stage) is ExitCode.PARKED
    assert stage.state is not None
    assert stage.state.parked.do == f"respond undo {stage.run}"
    assert undo(stage) is ExitCode.DONE
    assert stage.boxes.values == THREE
    assert stage.advance() is ExitCode.DONE


@pytest.mark.parametrize("at", ["a question", "a request"])
def test_an_undo_that_is_stopped_says_so_wherever_it_is_looked_at(at: str) -> None:
    """Ctrl-C names the undo as what comes next, and not resume, which has nothing to carry on."""
    stage = ran()
    engine = stage.engine()
    if at == "a question":
        stage.says.answers = {"AskConfirm": Decision.LATER}
    else:
        stage.says.before = lambda _: setattr(engine.tools.stop, "wanted", True)
    assert undo_run(engine, ACTIONS) is ExitCode.PARKED
    stage.state = engine.state
    assert stage.state is not None
    waits = waiting(stage.state, TODAY)
    assert "its undo is begun, 2 of 2 changes left" in waits.line
    assert waits.next == f"respond undo {stage.run}"
    assert "resume" not in waits.why + stage.state.parked.do


@pytest.mark.campaign("C2")
@pytest.mark.promise("P2", "P3")
def test_an_undo_that_is_killed_anywhere_ends_as_if_it_was_not() -> None:
    """Every moment of an undo, killed and gone on with: the same boxes, each write once."""
    moments = Moments()
    whole = ran()
    undo(whole, journal=KilledJournal(whole.kept, moments), pen=KilledPen(whole.boxes, moments))
    for n in range(len(moments.names)):
        stage, dying = ran(), Moments(kill_at=n)
        with pytest.raises(Killed):
            undo(stage, journal=KilledJournal(stage.kept, dying), pen=KilledPen(stage.boxes, dying))
        assert undo(stage) is ExitCode.DONE, dying.names[-1]
        assert stage.boxes.values == THREE
        assert len(stage.boxes.writes) == 4, dying.names[-1]
    print(f"undo: {len(moments.names)} points")  # noqa: T201


@pytest.mark.campaign("C2")
@pytest.mark.promise("P2", "P3")
@pytest.mark.parametrize("name", RUNBOOKS)
def test_the_undo_of_a_shipped_runbook_survives_a_crash_anywhere(
    name: str, tmp_path: Path, todays: Callable[[range, int], list[int]]
) -> None:
    """Killed at every moment and asked for again: the same company, each effect once."""
    moments = Moments()
    with Stage(tmp_path / "base", name, routes=True) as stage:
        stage.advance()
        assert stage.undo(moments) is ExitCode.DONE
        base, tally = changed_in(stage), stage.tally()
    for n in todays(range(len(moments.names)), 60):
        dying = Moments(kill_at=n)
        with Stage(tmp_path / str(n), name, routes=True) as stage:
            stage.advance()
            with pytest.raises(Killed):
                stage.undo(dying)
            assert stage.undo() is ExitCode.DONE, dying.names[-1]
            assert (changed_in(stage), stage.tally()) == (base, tally), dying.names[-1]
    print(f"undo {name}: {len(moments.names)} points")  # noqa: T201


@pytest.mark.share(4)
@pytest.mark.parametrize("name", RUNBOOKS)
@pytest.mark.parametrize("routes", ["hidden", "shown"])
def test_the_undo_of_a_shipped_runbook_does_what_it_says(
    name: str, routes: str, tmp_path: Path
) -> None:
    """What can be put back is put back and seen; what was killed stays dead."""
    with Stage(tmp_path, name, routes=routes == "shown") as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.undo() is ExitCode.DONE
        assert stage.state is not None
        assert set(stage.state.undone.values()) == {"undo-done"}
        assert (
            stage.tally()[("customerio", "app_key.revoked")]
            == {
                "compromised-key": 2,
                "compromised-user": 1,
                "lost-2fa": 0,
            }[name]
        )


# --- what others changed ------------------------------------------------------------------------


def test_resume_names_what_others_changed_and_writes_nothing() -> None:
    """A finished step whose work is gone is named; putting it right is a person's decision."""
    stage = BoxStage(runbook_of(TWO), THREE)
    stage.says.answers = {"AskConfirm": [Decision.LATER, Decision.YES]}
    stage.advance()
    assert changed_meanwhile(stage.engine()) == ()
    stage.boxes.put("a", "theirs")
    (line,) = changed_meanwhile(stage.engine())
    assert "theirs" in line
    assert stage.boxes.writes == ["PUT /box/a"]


def test_there_and_back_is_no_change_by_others() -> None:
    """Only the last step that changed a thing is looked at."""
    steps = (
        "  - {id: one, action: box.set, with: {name: a, value: new}}\n"
        "  - {id: back, action: box.set, with: {name: a, value: old}}\n"
        "  - {id: gone, action: box.remove, with: {name: b}}\n"
    )
    stage = BoxStage(runbook_of(steps), THREE)
    stage.says.answers = {"AskConfirm": [Decision.LATER, Decision.YES]}
    stage.advance()
    assert changed_meanwhile(stage.engine()) == ()


# --- what every view says of it ------------------------------------------------------------------

SHUT = """\
  - {id: shut, title: Shut it, phase: contain, action: box.set, with: {name: a, value: new}}
  - {id: note, title: Write it down, action: box.set, with: {name: c, value: new}}
"""


def views(stage: BoxStage) -> dict[str, str]:
    """What each view says of the run now."""
    assert stage.state is not None
    state, records = stage.state, list(stage.kept.records(stage.run))
    made = report(state, records, HEAD, TODAY)
    return {
        "verdict": verdict_of(state, TODAY).line,
        "runs": runs_table([(state, TODAY)], width=200),
        "status": run_status(state, HEAD, TODAY),
        "report": as_text(made),
        "short": short(made),
        "last screen": summary(state, HEAD, exit_code=ExitCode.DONE, today=TODAY),
    }


@pytest.mark.promise("P6")
def test_what_was_put_back_is_contained_no_more_in_any_view() -> None:
    """One fact, and no view says that it is contained, proved or that nothing is left."""
    stage = ran(SHUT)
    assert all("any more" not in text.lower() for text in views(stage).values())
    undo(stage)
    for name, text in views(stage).items():
        assert "not contained any more" in text.lower(), name
        assert "CONTAINED and proved" not in text, name
        assert NOTHING_KNOWN not in text, name
        assert "nothing known" not in text, name
    assert stage.state is not None
    told = state_json(stage.state, TODAY)
    assert told["verdict"]["came_to"] == "put-back"
    assert told["outcome"]["containment"]["put_back"] == ["Shut it"]
    known = {item["step"]: (item["known"], item["how"]) for item in told["outcome"]["items"]}
    assert known["shut"] == known["note"] == ("looked", "undone")
    assert known["undo:shut"] == ("proved", "done")
    assert waiting(stage.state, TODAY).tone == "care"


@pytest.mark.promise("P6")
def test_who_puts_back_something_else_stays_contained() -> None:
    """That step alone is said to be put back."""
    stage = ran(SHUT)
    undo(stage, only="note")
    assert stage.state is not None
    assert verdict_of(stage.state, TODAY).came_to is CameTo.CONTAINED
    assert "Write it down: done; put back at" in views(stage)["status"]


def test_a_run_that_contained_nothing_and_was_put_back_is_not_done_any_more() -> None:
    """It says so, with what."""
    stage = ran("  - {id: one, title: Set it, action: box.set, with: {name: a, value: new}}\n")
    undo(stage)
    assert views(stage)["verdict"] == "PUT BACK: Set it: put back since the run"


def test_what_went_there_and_back_within_the_run_is_not_put_back_by_its_undo() -> None:
    """An undo that had nothing to do takes no proof away."""
    back = "  - {id: back, action: box.set, with: {name: a, value: old}}\n"
    stage = ran(SHUT.splitlines(keepends=True)[0] + back)
    before = views(stage)["verdict"]
    undo(stage)
    assert views(stage)["verdict"] == before
    assert "put back since" not in views(stage)["report"]


# --- what stands open until somebody did it, or said no ------------------------------------------


class SaysNoTo(AutoPrompt):
    """Skips the question about one step, and agrees to all else."""

    step = ""

    def ask(self, question: Question) -> Answer:
        answer = super().ask(question)
        if self.step and getattr(question, "step", "").startswith(self.step):
            return Answer(Decision.SKIP, typed="skip")
        return answer


def open_changes(stage: Stage) -> dict[str, str]:
    """What is to be put back, with its command, by step."""
    assert stage.state is not None
    items = outcome_of(stage.state).left_to_do
    return {item.step.partition("[")[0]: item.do for item in items if item.how == "put-back"}


def test_what_containment_changed_is_left_to_do_until_somebody_did_or_declined(
    tmp_path: Path,
) -> None:
    """Session length and webhooks, each with the command that restores it alone."""
    answers: list[SaysNoTo] = []

    def prompt(clock: Clock, rehearsal: Rehearsal) -> SaysNoTo:
        answers.append(SaysNoTo(rehearsal.click, clock))
        answers[-1].step = "undo:shut" if len(answers) == 3 else ""
        return answers[-1]

    with Stage(tmp_path, "compromised-user", routes=True, prompt=prompt) as stage:
        assert stage.advance() is ExitCode.DONE
        open_ = open_changes(stage)
        assert {"sessions", "shut", "suspended", "removed"} <= {*open_}
        assert open_["sessions"] == "respond undo XX-TEST --step sessions"
        assert stage.undo(only="sessions") is ExitCode.DONE
        assert stage.company()["customerio"]["account"]["session_hours"] == 336
        assert "sessions" not in open_changes(stage)
        assert stage.undo(only="shut") is ExitCode.UNDO_FAILED
        assert "shut" not in open_changes(stage)
        assert {"suspended", "removed"} <= {*open_changes(stage)}
        assert stage.tally()["customerio", "member.added"] == 0


def test_a_step_that_changed_nothing_is_no_undo(tmp_path: Path) -> None:
    """A slip in its name puts nothing back, and says what there is."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        with pytest.raises(UsageError) as refusal:
            stage.undo(only="session")
        assert "sessions" in refusal.value.do
        assert stage.state is not None
        assert stage.state.undone == {}


def test_where_nothing_can_be_put_back_no_step_is_offered(tmp_path: Path) -> None:
    """`one of: nothing` is no step that anybody could type."""
    with Stage(tmp_path, "address-review") as stage:
        assert stage.advance() is ExitCode.DONE
        with pytest.raises(UsageError) as refusal:
            stage.undo(only="sessions")
        assert "one of" not in refusal.value.do
        assert "respond report XX-TEST" in refusal.value.do
