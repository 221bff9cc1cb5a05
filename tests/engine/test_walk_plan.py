from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from respond.core.plan import Plan, StepPlan
from respond.core.questions import AskStart, Question
from respond.core.script import Call, Done, Effect, Me, Person, Read, Script, Subject, action
from respond.core.values import Late
from respond.errors import ExitCode, StepFailedError
from respond.testing.toy_system import (
    ACTIONS,
    BoxStage,
    Name,
    Names,
    Quiet,
    no_answer,
    runbook_of,
)
from respond.views.deciding import deciding

THREE = {"a": "old", "b": "old", "c": "old"}
SET = "  - {id: one, action: box.set, with: {name: a, value: new}}\n"


def stage_of(steps: str, values: dict[str, str] | None = None) -> BoxStage:
    return BoxStage(runbook_of(steps), THREE if values is None else values)


def planned(steps: str, values: dict[str, str] | None = None) -> Plan:
    return stage_of(steps, values).plan()


def states(plan: Plan) -> dict[str, str]:
    return {step.address: step.state.value for step in plan.steps}


@pytest.mark.promise("P5")
def test_a_plan_writes_nothing() -> None:
    """Planning reads, and nothing else reaches the system."""
    stage = stage_of(SET)
    assert [write.says for write in stage.plan().writes] == ["set a to new"]
    assert stage.boxes.writes == []
    assert stage.boxes.reads


def test_a_step_sees_what_the_step_before_it_would_change() -> None:
    """Set, then remove: the removal is planned from what the first step foretells."""
    plan = planned(SET + "  - {id: gone, action: box.remove, with: {name: a}}\n")
    assert [write.before["value"] for write in plan.writes] == ["old", "new"]


def test_a_step_that_another_one_makes_needless_plans_nothing() -> None:
    """The same value twice is one write."""
    plan = planned(SET + SET.replace("one", "two"))
    assert states(plan) == {"one": "writes", "two": "nothing"}


def test_what_is_known_only_later_shows_as_late() -> None:
    """The id of a box that is not made yet is foretold by nobody."""
    plan = planned(
        "  - {id: new, action: box.make, with: {like: a}}\n"
        "  - {id: fill, action: box.set, with: {name: '${{ new.id }}', value: x}}\n"
    )
    fill = plan.step("fill")
    assert fill is not None
    assert (fill.state, fill.late_on, fill.says) == (StepPlan.LATE, ("new",), "known after new")


@action("box.list", effect=Effect.READS, output=Names, source="test")
@dataclass(frozen=True)
class ListForetold:
    """List the boxes, one of which is foretold."""

    def run(self, me: Me) -> Script[Names]:
        foretold: Subject[Any] = Subject(f"{me.connection.name}/foretold", 0)
        look = Call(me.connection.name, "", "GET", ("boxes",))
        name = yield from Read(foretold, look, lambda _: Late("new", "id"))
        return Done(Names([Name(f"{name}")]))


def test_a_step_that_needs_what_another_one_foretells_is_late() -> None:
    """It looks at something that is not made yet: what it comes to is known once that is."""
    steps = (
        "  - {id: new, action: box.make, with: {like: a}}\n"
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, for_each: all_of.names, as: n, limit: 5, action: box.set,"
        " with: {name: '${{ n }}', value: x}}\n"
    )
    runbook = runbook_of(steps, actions={**ACTIONS, "box.list": ListForetold})
    plan = BoxStage(runbook, THREE).plan()
    found = plan.step("all_of")

    assert found is not None
    assert (found.state, found.late_on, found.says) == (StepPlan.LATE, ("new",), "known after new")
    assert states(plan) == {"new": "writes", "all_of": "late", "each": "late"}


@pytest.mark.parametrize("kind", ["time", "integer", "boolean", "duration"])
def test_an_input_that_is_no_text_and_was_not_given_is_absent(kind: str) -> None:
    """As the checks of the runbook take it: ``has`` says no, and it is no empty text."""
    runbook = runbook_of(
        SET.replace("{id: one,", "{id: one, when: has(inputs.it),"),
        top=f"inputs:\n  it: {{type: {kind}, required: false}}\n",
    )
    assert states(BoxStage(runbook, THREE).plan()) == {"one": "skipped"}


def test_the_second_of_two_last_ones_is_stopped() -> None:
    """Rule 10: each alone would pass the last-one guard; in order, the second is refused."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, for_each: all_of.names, as: n, limit: 5, action: box.remove,"
        " with: {name: '${{ n }}'}}\n"
    )
    plan = planned(steps, {"a": "x", "b": "x"})
    assert [write.says for write in plan.writes] == ["remove a"]
    assert any("b is the last box" in line for line in plan.unseen)
    stage = stage_of(steps, {"a": "x", "b": "x"})
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.values == {"b": "x"}


def test_items_are_named_by_what_they_are() -> None:
    """Addresses of a set do not depend on its order."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, for_each: all_of.names, as: n, limit: 5, action: box.set,"
        " with: {name: '${{ n }}', value: x}}\n"
    )
    all_three = set(states(planned(steps)))
    assert set(states(planned(steps, {"c": "old", "a": "old"}))) < all_three


def test_a_read_that_fails_is_unseen_where_the_run_can_do_without_it() -> None:
    """on_failure: continue keeps the plan; what was not seen is said."""
    stage = stage_of(
        "  - {id: look, action: box.read, with: {name: z}, on_failure: continue}\n" + SET
    )

    def broken(call: Call) -> None:
        if call.path[-1] == "z":
            raise no_answer()

    stage.boxes.broken = broken
    plan = stage.plan()
    assert states(plan) == {"look": "unseen", "one": "writes"}
    assert len(plan.unseen) == 1


def test_a_read_that_fails_ends_the_plan_where_the_run_needs_it() -> None:
    """No guess stands in a plan."""
    stage = stage_of("  - {id: look, action: box.read, with: {name: a}}\n" + SET)

    def broken(_: Call) -> None:
        raise no_answer()

    stage.boxes.broken = broken
    with pytest.raises(StepFailedError):
        stage.plan()
    stage.advance()
    assert stage.state is not None
    by_hand = "or go through it on your word: respond boxes --by-hand"
    assert stage.state.parked.do == f"respond resume {stage.state.id}; {by_hand}"


def test_a_write_that_cannot_be_looked_at_stands_in_the_plan_as_unseen() -> None:
    """Its writes want a yes of their own when it comes to it."""
    stage = stage_of(SET)

    def broken(_: Call) -> None:
        raise no_answer()

    stage.boxes.broken = broken
    assert states(stage.plan()) == {"one": "unseen"}


CHOOSE = (
    "  - {id: is_there, action: box.read, with: {name: a}}\n"
    "  - choose: is_there.there\n"
    "    'true': [{id: yes_, action: box.list}]\n"
    "    'false': [{id: no_, action: box.list}]\n"
)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - {id: one, when: 'false', action: box.list}\n", {"one": "skipped"}),
        (
            CHOOSE,
            {"is_there": "nothing", "yes_": "nothing"},
        ),
        (
            "  - parallel:\n      - {id: x, action: box.list}\n      - {id: y, action: box.list}\n",
            {"x": "nothing", "y": "nothing"},
        ),
        (
            "  - {id: w, wait: {within: 10m}}\n  - {id: x, action: box.list}\n",
            {"w": "waits", "x": "nothing"},
        ),
        (
            "  - {id: x, action: box.list}\n  - {id: e, end: {when: 'true', say: enough}}\n" + SET,
            {"x": "nothing"},
        ),
    ],
)
def test_the_way_through_a_plan(steps: str, expected: dict[str, Any]) -> None:
    """when, choose, parallel, wait and end lead a plan the way they lead a run."""
    assert states(planned(steps)) == expected


def test_an_assertion_holds_in_a_plan_too() -> None:
    """What must hold is checked before anybody is asked."""
    with pytest.raises(StepFailedError, match="not here"):
        planned(f"  - {{id: ok, assert: 'false', message: not here}}\n{SET}")


@pytest.mark.promise("P10")
def test_the_digest_covers_what_decides_and_no_mere_words() -> None:
    """Another value, target or order is another plan; another title is none."""
    base = planned(SET).digest
    assert planned(SET).digest == base
    assert planned(SET, {**THREE, "a": "else"}).digest != base


# --- what need not be looked at before the question ---------------------------------------------

LOOK = "  - {id: two, action: box.read, with: {name: b}}\n"
BEHIND = "  - {id: three, when: two.value == 'old', action: box.read, with: {name: c}}\n"


def slow_stage(
    steps: str, *, top: str = "", mode: str = "real", served: bool = False
) -> tuple[BoxStage, threading.Event]:
    """A stage where the answer of box b takes until it is let go; and what lets it go.

    A step that waits for it lets it go in its turn: then its look was begun before.
    """
    place = {"patience_s": 0, "served": served}
    stage = BoxStage(runbook_of(steps, top=top), THREE, mode=mode, place=place)
    answers = threading.Event()

    class Tells(Quiet):
        def say(self, text: str) -> None:
            super().say(text)
            if text.endswith("two"):
                answers.set()

    def slowly(call: Call) -> None:
        assert call.path[-1] != "b" or answers.wait(10)

    stage.progress = Tells()
    stage.boxes.broken = slowly
    return stage, answers


@pytest.mark.promise("P10")
def test_the_question_does_not_wait_for_a_look_that_decides_nothing() -> None:
    """The plan says that it is still being looked at, its digest binds that, and it comes."""
    stage, answers = slow_stage(SET + LOOK)
    asked: list[tuple[str, tuple[str, ...]]] = []

    def question(question: Question | Person[Any]) -> None:
        if isinstance(question, AskStart):
            asked.append((question.plan.digest, deciding(question.plan).looking))
            answers.set()

    stage.says.before = question
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    assert stage.state.plan is not None
    assert states(stage.state.plan) == {"one": "writes", "two": "late"}
    [(digest, (line,))] = asked
    assert line.endswith(": still being looked at")
    assert digest == stage.state.plan_digest != stage_of(SET + LOOK).plan().digest
    assert stage.how("two") == "done"


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        (LOOK + SET, {}),
        (SET + LOOK + BEHIND, {}),
        (SET + LOOK, {"mode": "dry-run"}),
        (SET + LOOK, {"served": True}),
    ],
    ids=["before any write", "read by another step", "dry run", "agreed to from afar"],
)
def test_the_question_waits_for_what_it_rests_on(steps: str, more: dict[str, Any]) -> None:
    """What stands before a write, or is used, and whatever somebody wants to see as a whole."""
    stage, _ = slow_stage(steps, **more)
    assert states(stage.plan())["two"] == "nothing"
