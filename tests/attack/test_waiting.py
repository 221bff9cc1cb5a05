from __future__ import annotations

import contextlib
import io
import itertools
from typing import Any

import pytest
from tests.engine.test_other_people import (
    ANA,
    BEN,
    SET,
    advance,
    at_terminal,
    entry,
    now,
    request,
    say,
    served,
    tell,
)

from respond.adapters.log import make_logger
from respond.adapters.prompt.nobody_there import ServedPrompt
from respond.adapters.secrets.redactor import Redactor
from respond.company.crash_points import Killed
from respond.core.asked import asked_now
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunStatus
from respond.core.policy import Policy
from respond.core.recorded import AskKind
from respond.core.script import Call, Connection
from respond.errors import ExitCode, NotReadyError, RespondError
from respond.server.board import Board
from respond.server.carrying import Carrier
from respond.server.due import Pace, due_s
from respond.testing.toy_system import BoxStage

SECOND = (
    "  - {id: gone, phase: contain, action: box.remove, with: {name: a}}\n"
    "  - {id: too, phase: contain, action: box.remove, with: {name: b}}"
)


def due(stage: BoxStage, tried: int = 0) -> int | None:
    """What the conductor makes of the run now."""
    state = now(stage)
    if state.status is RunStatus.ENDED:
        return None
    asked = asked_now(state)
    return due_s(state, entry(stage).standing(state, asked) if asked else None, tried)


def grown_in(stage: BoxStage, seconds: int) -> int:
    """Records that a server adds in this time: it asks each second, as ``Conductor`` does."""
    was, pace = stage.kept.head().size, Pace()
    seen, state = -1, now(stage)
    for _ in range(seconds):
        if stage.kept.head().size != seen:
            seen, state = stage.kept.head().size, now(stage)
        asked = asked_now(state)
        standing = entry(stage).standing(state, asked) if asked else None
        over = state.status is RunStatus.ENDED
        if not over and pace.is_due(state, standing, stage.clock.mono_ms()):
            with contextlib.suppress(RespondError):
                carried(stage)
        stage.clock.advance(1)
    return stage.kept.head().size - was


def carried(stage: BoxStage) -> ExitCode:
    """As ``Carrier`` advances: the prompt reads the engine's own state, and not the journal."""
    prompt = ServedPrompt(lambda: None, lambda _: ("a question",), stage.site.people)
    engine = stage.engine(prompt=prompt)
    prompt.state = lambda: engine.state
    return engine.advance()


# --- waits for ever -------------------------------------------------------------------------------


@pytest.mark.promise("P11")
def test_the_request_for_the_plan_can_still_be_answered_after_one_for_a_step() -> None:
    """The first step drifts and is agreed to; the next one needs the plan's yes, and gets it."""
    stage = at_terminal(SECOND)
    stage.advance()
    stage.boxes.put("a", "other")
    stage.advance()
    assert request(stage).step == "gone"
    say(stage, ANA)
    stage.advance()
    assert "DELETE /box/a" in stage.boxes.writes
    assert now(stage).status is RunStatus.PARKED
    assert now(stage).parked.asks.kind is AskKind.APPROVAL
    assert asked_now(now(stage)) is not None


@pytest.mark.promise("P16")
def test_a_clock_that_was_a_day_ahead_for_a_minute_lets_people_approve() -> None:
    """NTP puts it right: a request that is made now is open now."""
    stage = served()
    stage.clock.jump(86_400)
    stage.kept.checkpoint("while the clock was wrong")
    stage.clock.jump(-86_400)
    advance(stage)
    stage.clock.advance(5)
    say(stage, ANA)
    assert advance(stage) is ExitCode.DONE


@pytest.mark.promise("P16")
def test_what_never_comes_about_ends_within_the_step_s_own_time() -> None:
    """`timeout` of a step holds where a server carries the run on, too."""
    stage = served("  - {id: come, action: box.await, with: {name: zz}, timeout: 60s}\n" + SET)
    advance(stage)
    say(stage, ANA)
    for _ in range(20):
        advance(stage)
        stage.clock.advance(60)
        if now(stage).step("come").conclusion is not None:
            break
    assert now(stage).step("come").conclusion is not None


@pytest.mark.promise("P3")
def test_two_other_runs_at_work_there_are_two_questions_and_no_more() -> None:
    """Each is answered once; then people are asked to agree."""
    first = served(SET, run="BX-A")
    others = [served(SET, run=f"BX-{n}", clock=first.clock, journal=first.kept) for n in "BC"]
    for stage in (first, *others):
        advance(stage)
    # Two of them are at work, and their step waits for something.
    third = served(SET, run="BX-D", clock=first.clock, journal=first.kept)
    for stage in (first, *others[:1]):
        say(stage, ANA)

        def down(call: Call) -> None:
            if call.method == "PUT":
                raise Killed(call.says)

        stage.boxes.broken = down
        with pytest.raises(Killed):
            advance(stage)
        assert now(stage).started
    asked = 0
    for _ in range(8):
        advance(third)
        asks = now(third).parked.asks
        if asks.kind is AskKind.APPROVAL:
            break
        asked += 1
        tell(third, BEN, asks.id, asks.words[0])
    assert now(third).parked.asks.kind is AskKind.APPROVAL
    assert asked == 2


@pytest.mark.promise("P3")
def test_an_answer_that_comes_while_the_run_looks_is_not_lost() -> None:
    """A watched task is looked at each minute; somebody says to leave it open, just then."""
    stage = served("  - {id: one, action: box.set, with: {name: a, value: new, hand: true}}")
    advance(stage)
    say(stage, ANA)
    advance(stage)
    task = now(stage).parked.asks
    assert task.kind is AskKind.TASK
    once = itertools.count()

    def meanwhile(_: Call) -> None:
        if next(once) == 0:
            tell(stage, BEN, task.id, "skip")

    stage.boxes.broken = meanwhile
    carried(stage)
    assert now(stage).answers or now(stage).step("one").conclusion is not None


@pytest.mark.promise("P3")
def test_an_answer_outlives_a_session_that_could_not_be_opened() -> None:
    """What the carrier records of its own trouble takes nobody's word away."""
    stage = served("  - {id: one, action: box.set, with: {name: a, value: new, hand: true}}")
    advance(stage)
    say(stage, ANA)
    advance(stage)
    task = now(stage).parked.asks
    tell(stage, BEN, task.id, "skip")

    def no_session(*_: Any) -> Any:
        raise NotReadyError("the credential cio is not there")

    log = make_logger(Redactor(), stage.clock, io.StringIO(), verbosity=0, terminal=False)
    board = Board(stage.kept, stage.clock)
    Carrier(entry(stage), board, no_session, lambda _: stage.runbook, log).carry(stage.run)
    assert now(stage).answers


def test_what_needs_no_second_yes_does_not_wait_for_one() -> None:
    """Two people for what destroys; an ordinary step with a question waits for none."""
    steps = (
        "  - {id: one, action: box.set, with: {name: a, value: new}, confirm: mail stops}\n"
        "  - {id: gone, phase: contain, action: box.remove, with: {name: b}}"
    )
    stage = at_terminal(steps)
    stage.advance()
    assert "PUT /box/a" in stage.boxes.writes


def test_news_about_what_nobody_answered_in_time_asks_people_again() -> None:
    """The same alert the night after is not swallowed by a run that nobody looked at."""
    stage = served()
    advance(stage)
    stage.clock.advance(1_801)
    advance(stage)
    stage.clock.advance(86_400)
    stage.kept.append(
        Event(
            Kind.JOINED, stage.run, "", Actor("hook/pager", Strength.MACHINE),
            {"event": {"means": "begins"}, "notes": []},
        )
    )  # fmt: skip
    assert due(stage) is not None


# --- loops ----------------------------------------------------------------------------------------


def test_a_run_that_cannot_be_planned_is_parked_and_says_why() -> None:
    """Two connections and nobody to choose one: a reason on the page, and no loop."""
    two = {n: Connection(n, "box", "account", "eu") for n in ("one", "two")}
    stage = served(place={"connections": two})
    grown = grown_in(stage, 60)
    assert now(stage).status is RunStatus.PARKED, (now(stage).status, grown)
    assert grown <= 10


def test_a_yes_nobody_needs_any_more_makes_no_loop() -> None:
    """A step's request is agreed to when the step has no need of it; the run then waits calmly."""
    steps = (
        "  - {id: one, action: box.set, with: {name: a, value: new}}\n"
        "  - {id: pause, wait: {for: 20m}}\n"
        "  - {id: two, action: box.set, with: {name: b, value: new}}"
    )
    stage = served(steps)
    advance(stage)
    say(stage, ANA)
    stage.boxes.put("a", "other")
    advance(stage)
    assert request(stage).step == "one"
    stage.boxes.put("a", "old")
    say(stage, ANA)
    grown = grown_in(stage, 60)
    assert grown <= 40, grown


def test_a_system_that_is_down_after_a_yes_makes_no_loop() -> None:
    """Agreed, then the runbook changed, and nothing can be looked at: it is tried with pauses."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    stage.policy = Policy(limit=7)

    def down(_: Call) -> None:
        raise NotReadyError("the credential is not there")

    stage.boxes.broken = down
    assert grown_in(stage, 60) <= 15


@pytest.mark.share(2)
@pytest.mark.parametrize(
    ("what", "most"), [("people", 8), ("task", 130), ("wait", 500), ("down", 60)]
)
@pytest.mark.long
def test_an_hour_of_waiting_grows_the_journal_a_little(what: str, most: int) -> None:
    """Four checkpoints an hour say that a server lives; a run that waits need not say it, too."""
    steps = {
        "people": SET,
        "task": "  - {id: one, action: box.set, with: {name: a, value: new, hand: true}}",
        "wait": f"  - {{id: pause, wait: {{for: 2h}}}}\n{SET}",
        "down": SET,
    }[what]
    stage = served(steps)
    if what == "down":

        def down(_: Call) -> None:
            raise NotReadyError("the credential is not there")

        stage.boxes.broken = down
    advance(stage)
    if what in ("task", "wait"):
        say(stage, ANA)
        advance(stage)
    grown = grown_in(stage, 3_600)
    assert grown <= most, (what, grown)
