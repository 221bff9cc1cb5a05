"""A runbook that calls another: names, ends, failures, sets, crashes and undo of the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from respond.company.crash_points import Killed, KilledJournal, Moments
from respond.core.outcome import outcome_of
from respond.core.plan import StepPlan
from respond.core.questions import Answer, AskInput, Decision, Question, other_orders
from respond.core.records import replace
from respond.core.runbook import Runbook
from respond.core.script import Call
from respond.engine.undo import undo_run
from respond.errors import ExitCode
from respond.formats.runbook.runbook_file import load
from respond.testing.example_run import TODAY
from respond.testing.toy_system import ACTIONS, BoxStage, Says, refused
from respond.views.plan_rows import plan_rows
from respond.views.plan_text import plan_screen
from respond.views.verdict import CameTo, verdict_of

THREE = {"a": "old", "b": "old", "c": "old", "z": "old"}
ONE = {
    "renew": """
inputs:
  box: {type: text, ask: Which box?}
  how: {type: choice, of: [gently, fast], default: gently}
steps:
  - {id: now, action: box.read, with: {name: "${{ inputs.box }}"}}
  - id: right
    end: {when: "now.value == 'new'", say: "${{ inputs.box }} is new already"}
  - {id: there, assert: now.there, message: "there is no box ${{ inputs.box }}"}
  - {id: put, action: box.set, with: {name: "${{ inputs.box }}", value: new}}
  - id: order
    choose: inputs.how
    gently: []
    fast: []
"""
}
EACH = """
  - {id: all, action: box.list, with: {}}
  - id: each
    for_each: all.names.filter(name, name != 'z')
    as: one
    limit: 9
    on_failure: continue
    runbook: renew
    with: {box: "${{ one }}"}
  - {id: after, action: box.set, with: {name: z, value: last}}
"""


def book(steps: str, others: Mapping[str, str] = ONE, *, top: str = "") -> Runbook:
    """A runbook with these steps, and what it may call."""

    def text(name: str, body: str) -> bytes:
        return f"runbook: {name}\ntitle: {name.title()}\n{body}".encode()

    def find(name: str) -> tuple[str, bytes] | None:
        return (f"{name}.yaml", text(name, others[name])) if name in others else None

    data = text("boxes", f"{top}steps:\n{steps}\n")
    return load(data, name="boxes.yaml", actions=ACTIONS, find=find)


def stage_of(steps: str, others: Mapping[str, str] = ONE, **more: Any) -> BoxStage:
    more.setdefault("values", THREE)
    return BoxStage(book(steps, others), **more)


def address(stage: BoxStage, item: str) -> str:
    """Where the called steps of an item stand."""
    assert stage.state is not None
    assert stage.state.plan is not None
    (found,) = {
        step.address.rpartition("/")[0]
        for step in stage.state.plan.steps
        if step.within.endswith(f", {item}")
    }
    return found


def breaks(name: str) -> Any:
    """A service that refuses to change one box."""

    def broken(call: Call) -> None:
        if call.method == "PUT" and call.path[-1] == name:
            raise refused(by_hand=False)

    return broken


# --- names ----------------------------------------------------------------------------------------


def test_the_plan_names_the_called_runbook_and_its_steps() -> None:
    """Each of its steps has an address behind the caller's, and the screen says whose it is."""
    stage = stage_of(EACH)
    plan = stage.plan()
    inside = [step for step in plan.steps if step.within]
    assert {step.within for step in inside} == {"renew, a", "renew, b", "renew, c"}
    assert all(step.address.startswith("each[") and "]/" in step.address for step in inside)
    assert [write.says for write in plan.writes] == [
        "set a to new",
        "set b to new",
        "set c to new",
        "set z to last",
    ]
    state, head = stage.engine().state, stage.kept.head()
    screen = plan_screen(state, plan, head, elapsed_s=1)
    assert [line for line in screen.splitlines() if "renew, " in line] == [
        "STEPS  renew, a",
        "STEPS  renew, b",
        "STEPS  renew, c",
    ]
    assert plan_rows(plan)[-1].step.within == ""


def test_the_two_may_use_the_same_names() -> None:
    """What a called step saw is not what a step of the caller saw, and its inputs are its own."""
    steps = """
  - {id: now, action: box.read, with: {name: a}}
  - {id: other, runbook: renew, with: {box: b}}
  - {id: copy, action: box.set, with: {name: c, value: "${{ now.name }}"}}
"""
    stage = stage_of(steps)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.values == {**THREE, "b": "new", "c": "a"}
    assert stage.how("other/put") == "done"


def test_orders_of_a_called_runbook_are_no_choice_of_the_caller() -> None:
    """Its ``choose`` rests on its own input; a word at the start would change nothing."""
    steps = '  - {id: other, runbook: renew, with: {box: b, how: "${{ inputs.how }}"}}'
    top = "inputs: {how: {type: choice, of: [gently, fast], default: fast}}\n"
    assert other_orders(book(steps, top=top), {}) == ()


# --- what it is given -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("box: a, how: '${{ now.value }}'", "how must be one of gently, fast"),
        ("box: '${{ run.incident }}'", "renew needs box"),
    ],
    ids=["no-word-of-it", "nothing"],
)
def test_what_is_given_goes_through_the_door_of_the_inputs(given: str, why: str) -> None:
    """A value found on the way is no better than one that a person types."""
    steps = f"""
  - {{id: now, action: box.read, with: {{name: a}}}}
  - {{id: other, runbook: renew, with: {{{given}}}}}
"""
    stage = stage_of(steps)
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == []
    assert stage.state is not None
    assert why in stage.state.parked.why


LATE = "inputs: {which: {type: text, required: false, late: true, ask: Which?}}\n"
PICKY = {
    "renew": """
inputs: {box: {type: text, ask: Which box?, pattern: "(old-)?[ab]"}}
steps:
  - {id: put, action: box.set, with: {name: "${{ inputs.box }}", value: new}}
""",
    "between": """
inputs: {one: {type: text, required: false, ask: Which?}}
steps:
  - {id: inner, runbook: renew, with: {box: "${{ inputs.one }}"}}
""",
}


class Typist(Says):
    """Types one word, whatever is asked for."""

    word: str = ""

    def ask(self, question: Question) -> Answer:
        answer = super().ask(question)
        is_input = isinstance(question, AskInput)
        return replace(answer, typed=self.word) if is_input else answer


def typed_late(call: str, word: str) -> BoxStage:
    stage = BoxStage(book(f"  - {call}", PICKY, top=LATE), values=THREE)
    stage.says = Typist(stage.boxes)
    stage.says.word = word
    return stage


@pytest.mark.promise("P8", "P10")
@pytest.mark.parametrize(
    ("call", "word", "target"),
    [
        ("{id: it, runbook: renew, with: {box: '${{ inputs.which }}'}}", "a", "a"),
        ("{id: it, runbook: renew, with: {box: 'old-${{ inputs.which }}'}}", "b", "old-b"),
        ("{id: it, runbook: between, with: {one: '${{ inputs.which }}'}}", "a", "a"),
        ("{id: it, runbook: between, with: {one: 'old-${{ inputs.which }}'}}", "b", "old-b"),
        ("{id: it, runbook: renew, with: {box: '${{ inputs.which }}'}}", "z", ""),
        ("{id: it, runbook: renew, with: {box: '${{ inputs.which }}'}}", "", ""),
        ("{id: it, runbook: between, with: {one: '${{ inputs.which }}'}}", "z", ""),
        ("{id: it, runbook: between, with: {one: '${{ inputs.which }}'}}", "", ""),
    ],
    ids=["same", "text", "same-twice", "text-twice", "no", "none", "no-twice", "none-twice"],
)
def test_what_is_typed_late_goes_through_that_door_too(call: str, word: str, target: str) -> None:
    """It is what the caller made of it, and nothing that the called runbook does not take."""
    stage = typed_late(call, word)
    assert stage.advance() is (ExitCode.DONE if target else ExitCode.FAILED)
    assert stage.boxes.values == ({**THREE, target: "new"} if target else THREE)
    assert [type(each) for each in stage.says.asked].count(AskInput) == 1


# --- its end, its failures ------------------------------------------------------------------------


def test_an_end_inside_ends_only_the_called_runbook() -> None:
    """The caller goes on behind it, and the plan says why there is nothing to do."""
    stage = stage_of(EACH, values={**THREE, "b": "new"})
    (end,) = [step for step in stage.plan().steps if step.state is StepPlan.ENDS]
    assert end.says == "b is new already"
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/c", "PUT /box/z"]


@pytest.mark.promise("P10")
def test_an_end_that_nobody_foresaw_asks_about_its_own_writes_alone() -> None:
    """What the caller does afterwards is not lost, so nobody is asked about that."""
    stage = stage_of(EACH)

    def meanwhile(question: Any) -> None:
        if type(question).__name__ == "AskStart":
            stage.boxes.put("b", "new")

    stage.says.before = meanwhile
    assert stage.advance() is ExitCode.DONE
    (drift,) = [each for each in stage.says.asked if type(each).__name__ == "AskDrift"]
    assert drift.planned == ("set b to new",)
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/c", "PUT /box/z"]


def test_one_that_fails_leaves_the_others_done() -> None:
    """The run is not green for it, and the set says how many there were."""
    stage = stage_of(EACH)
    stage.boxes.broken = breaks("b")
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.values == {"a": "new", "b": "old", "c": "new", "z": "last"}
    assert stage.state is not None
    counts = {"items": 3, "done": 2, "failed": 1, "left": 0}
    assert stage.state.ended.inventory == {"each": counts}


def test_one_that_cannot_be_planned_leaves_the_others_planned() -> None:
    """An assertion of one of them does not hold before anything was changed."""
    steps = EACH.replace("all.names.filter(name, name != 'z')", "inputs.boxes")
    stage = BoxStage(book(steps, top="inputs: {boxes: {type: list, default: [a, x, c]}}\n"), THREE)
    plan = stage.plan()
    assert any("there is no box x" in line for line in plan.unseen)
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/c", "PUT /box/z"]


def test_without_continue_a_failure_stops_the_caller() -> None:
    """As a failed step of its own would."""
    stage = stage_of(EACH.replace("    on_failure: continue\n", ""))
    stage.boxes.broken = breaks("b")
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == ["PUT /box/a"]


HANDLED = {
    "renew": ONE["renew"]
    + """
on_failure:
  - {id: noted, action: box.set, with: {name: "${{ inputs.box }}-why", value: "${{ failed.step }}"}}
always:
  - {id: last, action: box.set, with: {name: "${{ inputs.box }}-seen", value: "yes"}}
"""
}


def test_its_handlers_come_with_it() -> None:
    """``always`` of each, and ``on_failure`` of the one that failed, before the caller goes on."""
    stage = stage_of(EACH, HANDLED)
    stage.boxes.broken = breaks("b")
    assert stage.advance() is ExitCode.FAILED
    failed = f"PUT /box/{'b-why'}"
    assert stage.boxes.writes == [
        "PUT /box/a",
        "PUT /box/a-seen",
        failed,
        "PUT /box/b-seen",
        "PUT /box/c",
        "PUT /box/c-seen",
        "PUT /box/z",
    ]
    assert stage.boxes.values["b-why"] == f"{address(stage, 'b')}/put"


def test_a_handler_of_the_caller_makes_good_what_failed_inside() -> None:
    """``recovered`` around a call says it of every step of it."""
    steps = """
  - id: other
    runbook: renew
    with: {box: b}
    on_failure:
      steps: [{id: instead, action: box.set, with: {name: a, value: other}}]
      recovered: true
  - {id: after, action: box.set, with: {name: z, value: last}}
"""
    stage = stage_of(steps)
    stage.boxes.broken = breaks("b")
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/z"]


def test_a_block_says_what_its_failure_means_and_has_an_end_of_its_own() -> None:
    """``on_failure`` and ``always`` of a block with a set hold for each of its items."""
    steps = """
  - id: each
    for_each: inputs.boxes
    as: one
    limit: 9
    on_failure: continue
    block: [{id: put, action: box.set, with: {name: "${{ one }}", value: new}}]
    always: [{id: looked, action: box.set, with: {name: "${{ one }}-seen", value: "yes"}}]
"""
    stage = BoxStage(book(steps, top="inputs: {boxes: {type: list, default: [a, b]}}\n"), THREE)
    stage.boxes.broken = breaks("a")
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == ["PUT /box/a-seen", "PUT /box/b", "PUT /box/b-seen"]


# --- sets ----------------------------------------------------------------------------------------


ALL = {
    "all-new": """
steps:
  - {id: all, action: box.list, with: {}}
  - id: put
    for_each: all.names
    as: one
    limit: 9
    action: box.set
    with: {name: "${{ one }}", value: new}
"""
}


@pytest.mark.promise("P9")
def test_a_set_inside_is_counted_and_read_again() -> None:
    """What appeared while the run went on is named, as for a set of the run's own."""
    stage = stage_of("  - {id: other, runbook: all-new}", ALL)

    def appears(call: Call) -> None:
        if call.says == "PUT /box/c":
            stage.boxes.values["d"] = "old"

    stage.boxes.lost = appears
    assert stage.advance() is ExitCode.FAILED
    assert stage.state is not None
    counts = {"items": 4, "done": 4, "failed": 0, "left": 0}
    assert stage.state.ended.inventory == {"other/put": counts}
    assert "d appeared while the run went on" in stage.state.ended.say


@pytest.mark.promise("P9")
def test_sets_in_sets_are_counted_each() -> None:
    """Two calls of a runbook with a set are two sets, and no item of one is one of the other."""
    steps = """
  - {id: each, for_each: inputs.rounds, as: round, limit: 2, runbook: all-new}
"""
    stage = BoxStage(book(steps, ALL, top="inputs: {rounds: {type: list, default: [x, y]}}\n"))
    stage.boxes.values = dict(THREE)
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    found = stage.state.ended.inventory
    assert [counts["done"] for counts in found.values()] == [2, 4, 4]
    assert all(not (counts["left"] or counts["failed"]) for counts in found.values())


# --- crash, undo, by hand -------------------------------------------------------------------------


@pytest.mark.promise("P2")
@pytest.mark.parametrize("moment", ["before outcome", "after outcome", "before observed"])
def test_a_crash_inside_is_carried_on_there(moment: str) -> None:
    """What took effect is seen; nothing is written twice, and the end is the same."""
    stage = stage_of(EACH)
    seen = 0

    class Second(Moments):
        def here(self, name: str) -> None:
            nonlocal seen
            if name.startswith(moment) and "/put" in name:
                seen += 1
                if seen == 2:
                    raise Killed(name)

    with pytest.raises(Killed):
        stage.advance(journal=KilledJournal(stage.kept, Second()))
    assert stage.advance() is ExitCode.DONE
    assert sorted(stage.boxes.writes) == [f"PUT /box/{name}" for name in "abcz"]


@pytest.mark.promise("P7")
def test_undo_goes_through_what_was_called() -> None:
    """Newest first, the called runbook's writes among those of the caller."""
    stage = stage_of(EACH)
    assert stage.advance() is ExitCode.DONE
    done = len(stage.boxes.writes)
    engine = stage.engine()
    assert undo_run(engine, ACTIONS) is ExitCode.DONE
    assert stage.boxes.values == THREE
    assert [each.rpartition("/")[2] for each in stage.boxes.writes[done:]] == list("zcba")


def test_on_a_persons_word_every_called_step_is_asked_for() -> None:
    """Where nothing can be looked at, the called runbook is gone through as well."""
    steps = "  - {id: other, runbook: renew, with: {box: b}}"
    stage = stage_of(steps, by_hand=True)

    def down(_: Call) -> None:
        raise refused("503")

    stage.boxes.broken = down
    stage.says.answers = {"AskByHand": Decision.BY_HAND}
    assert stage.advance() is ExitCode.DONE
    assert stage.how("other/put") == "your-word"


def test_on_a_persons_word_a_set_that_nobody_knows_is_said_to_be_one() -> None:
    """Its called steps are asked for once, and the first of them says for what."""
    stage = stage_of(EACH, by_hand=True)

    def down(_: Call) -> None:
        raise refused("503")

    stage.boxes.broken = down
    stage.says.answers = {"AskByHand": Decision.BY_HAND}
    assert stage.advance() is ExitCode.DONE
    asked = [each for each in stage.says.asked if type(each).__name__ == "AskPerson"]
    assert asked[0].instructions.startswith("All that follows for each, one by one:")


# --- a block that stands for itself --------------------------------------------------------------


ASIDE = """
  - {id: put, phase: contain, action: box.set, with: {name: a, value: new}}
  - id: aside
    on_failure: continue
    KIND:
      - {id: now, action: box.read, with: {name: b}}
      - {id: there, assert: now.there, message: there is no box b}
      - {id: more, action: box.set, with: {name: b, value: "${{ now.value }}er"}}
  - {id: after, action: box.set, with: {name: z, value: last}}
"""


def hides(name: str) -> Any:
    """A service that cannot say what one box holds."""

    def broken(call: Call) -> None:
        if call.path[-1] == name:
            raise refused(by_hand=False)

    return broken


@pytest.mark.parametrize("kind", ["block", "parallel"])
def test_a_block_that_cannot_be_looked_at_leaves_the_rest_planned_and_done(kind: str) -> None:
    """As a call that goes on does: what is in it is unseen, and containment is not held up."""
    steps = ASIDE.replace("KIND", kind)
    if kind == "parallel":  # No step of it may read another one.
        steps = steps.replace(
            "      - {id: there, assert: now.there, message: there is no box b}\n", ""
        )
        steps = steps.replace("${{ now.value }}er", "newer")
    stage = stage_of(steps)
    stage.boxes.broken = hides("b")
    plan = stage.plan()
    states = {step.address: step.state for step in plan.steps}
    unseen = StepPlan.UNSEEN
    does = StepPlan.WRITES
    assert states == {"put": does, "now": unseen, "more": unseen, "after": does}
    assert any("more: not planned, since now cannot be" in line for line in plan.unseen)
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/z"]


def test_an_assertion_in_such_a_block_stops_the_block_alone() -> None:
    """What does not hold before anything was changed keeps nothing else from being done."""
    stage = stage_of(ASIDE.replace("KIND", "block"), values={"a": "old", "z": "old"})
    assert any("there is no box b" in line for line in stage.plan().unseen)
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/z"]


@pytest.mark.promise("P10")
def test_an_assertion_that_fails_later_asks_about_the_writes_of_its_block_alone() -> None:
    """What stands behind the block is not lost, so nobody is asked about that."""
    stage = stage_of(ASIDE.replace("KIND", "block"))

    def meanwhile(question: Any) -> None:
        if type(question).__name__ == "AskStart":
            del stage.boxes.values["b"]

    stage.says.before = meanwhile
    assert stage.advance() is ExitCode.FAILED
    (drift,) = [each for each in stage.says.asked if type(each).__name__ == "AskDrift"]
    assert drift.planned == ("set b to older",)
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/z"]


@pytest.mark.promise("P10")
def test_what_was_unseen_in_such_a_block_is_asked_about_before_it_is_written() -> None:
    """It can be looked at again once the run comes there: its write was in no plan."""
    stage = stage_of(ASIDE.replace("KIND", "block"))
    stage.boxes.broken = hides("b")

    def meanwhile(question: Any) -> None:
        if type(question).__name__ == "AskStart":
            stage.boxes.broken = lambda _: None

    stage.says.before = meanwhile
    stage.says.answers = {"AskConfirm": Decision.SKIP}
    assert stage.advance() is ExitCode.FAILED
    (asked,) = [each for each in stage.says.asked if type(each).__name__ == "AskConfirm"]
    assert asked.lines == ("set b to older  [Boxes]  tool, undo: yes",)
    assert "PUT /box/b" not in stage.boxes.writes


def test_a_block_without_continue_stops_the_run_at_its_plan() -> None:
    """What it cannot do without is looked at before anything is written."""
    steps = ASIDE.replace("KIND", "block").replace("    on_failure: continue\n", "")
    stage = stage_of(steps)
    stage.boxes.broken = hides("b")
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.writes == []


# --- what was kept from being planned, or from being reached --------------------------------------

SHUT = {
    "shut": """
inputs:
  box: {type: text, ask: Which box?}
steps:
  - {id: now, action: box.read, with: {name: "${{ inputs.box }}"}}
  - {id: right, assert: "now.value == 'old'", message: "${{ inputs.box }} is not ours"}
  - id: closed
    title: Close it
    phase: contain
    action: box.set
    with: {name: "${{ inputs.box }}", value: new}
"""
}
SHUT_EACH = """
  - id: each
    for_each: "['a', 'b']"
    as: one
    on_failure: continue
    runbook: shut
    with: {box: "${{ one }}"}
"""
MADE_LATE = """
  - {id: made, action: box.make, with: {like: x}}
  - {id: look, action: box.read, with: {name: "${{ made.id }}"}}
"""
INSIDE = """
  - id: each
    for_each: "[made.id]"
    as: one
    on_failure: continue
    block:
      - {id: now, action: box.read, with: {name: "${{ one }}"}}
      - {id: right, assert: "now.value == 'WANTED'", message: not ours}
      - {id: closed, phase: contain, action: box.set, with: {name: "${{ one }}", value: shut}}
"""
CLOSES = "{id: closed, phase: contain, action: box.set, with: {name: a, value: new}}"


def came_to(stage: BoxStage) -> CameTo:
    assert stage.state is not None
    return verdict_of(stage.state, TODAY).came_to


def left(stage: BoxStage) -> dict[str, str]:
    """What is left to do, by the id of its step, but for what can be put back."""
    assert stage.state is not None
    items = outcome_of(stage.state).left_to_do
    return {i.step.rpartition("/")[2]: i.how for i in items if i.how != "put-back"}


@pytest.mark.promise("P6", "P9")
def test_what_an_assertion_kept_from_being_planned_is_left_to_do() -> None:
    """It stands in the plan as unseen, is left with whose it is, and nothing is contained."""
    stage = stage_of(SHUT_EACH, SHUT, values={"a": "old", "b": "theirs"})
    assert stage.advance() is ExitCode.FAILED
    assert stage.boxes.values == {"a": "new", "b": "theirs"}
    assert left(stage) == {"right": "failed", "closed": "not-started"}
    assert came_to(stage) is CameTo.NOT_CONTAINED
    assert stage.state is not None
    assert stage.state.plan is not None
    state, outcome = stage.state, outcome_of(stage.state)
    assert outcome.containment.open == ("Close it (shut, b): not done",)
    assert outcome.containment.close == (f"respond done {state.id} {outcome.left_to_do[1].name}",)
    (unseen,) = (s for s in stage.state.plan.steps if s.id == "closed" and s.within == "shut, b")
    assert unseen.state is StepPlan.UNSEEN


@pytest.mark.promise("P6", "P9")
def test_before_its_turn_comes_it_is_not_contained_either() -> None:
    """Whoever stops behind the first of them hears of the second."""
    stage = stage_of(SHUT_EACH, SHUT, values={"a": "old", "b": "theirs"})
    engine = stage.engine()
    stage.boxes.lost = lambda _: setattr(engine.tools.stop, "wanted", True)
    assert engine.advance() is ExitCode.PARKED
    stage.state = engine.state
    assert came_to(stage) is CameTo.NOT_CONTAINED


@pytest.mark.promise("P6", "P9")
@pytest.mark.parametrize(
    ("wanted", "code", "comes_to", "is_left"),
    [
        ("new", ExitCode.DONE, CameTo.CONTAINED, {}),
        ("old", ExitCode.FAILED, CameTo.NOT_CONTAINED, {"right": "failed", "closed": "left-open"}),
    ],
)
def test_of_a_set_that_came_late_each_item_is_contained_or_left(
    wanted: str, code: ExitCode, comes_to: CameTo, is_left: dict[str, str]
) -> None:
    """No plan names its items: what a failure kept from being reached is recorded by the run."""
    stage = stage_of(MADE_LATE + INSIDE.replace("WANTED", wanted))
    assert stage.advance() is code
    assert came_to(stage) is comes_to
    assert left(stage) == is_left


def test_the_targets_behind_one_that_fails_are_left_too() -> None:
    """Also where no plan could name them."""
    each = "{id: each, for_each: \"[made.id, 'q']\", as: one, phase: contain,"
    stage = stage_of(
        f"{MADE_LATE}  - {each} action: box.set, with: {{name: '${{{{ one }}}}', value: x}}}}"
    )

    def fails(call: Call) -> None:
        if call.method == "PUT":
            raise refused(by_hand=False)

    stage.boxes.broken = fails
    stage.advance()
    assert sorted(left(stage).values()) == ["failed", "left-open"]


@pytest.mark.parametrize(
    "decides",
    [
        f"{{id: some, when: \"look.value == 'no'\", block: [{CLOSES}]}}",
        f"{{id: which, choose: look.value, no: [{CLOSES}], new: []}}",
        f"{{id: each, for_each: \"look.value == 'no' ? ['a'] : []\", as: one, block: [{CLOSES}]}}",
    ],
    ids=["when", "choose", "an empty set"],
)
def test_what_a_run_finds_needless_lacks_nothing(decides: str) -> None:
    """It was planned as late, and not due: nothing stays to be contained for it."""
    stage = stage_of(f"{MADE_LATE}  - {decides}\n")
    assert stage.advance() is ExitCode.DONE
    assert came_to(stage) is CameTo.DONE
    assert left(stage) == {}


@pytest.mark.promise("P6")
def test_what_a_failure_that_was_made_good_kept_from_being_reached_is_not_contained() -> None:
    """A run that a handler lets end well claims nothing of what stood behind the failure."""
    steps = f"""
  - id: both
    on_failure:
      steps: [{{id: instead, action: box.set, with: {{name: c, value: other}}}}]
      recovered: true
    block:
      - {{id: fails, assert: "look.value == 'no'", message: not so}}
      - {{id: some, when: "look.value == 'new'", block: [{CLOSES}]}}
"""
    stage = stage_of(MADE_LATE + steps)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.values["a"] == "old"
    assert came_to(stage) is CameTo.NOT_CONTAINED
