from __future__ import annotations

import pytest

from respond.core.plan import OthersAgree, PlannedStep, StepPlan
from respond.core.records import replace
from respond.core.script import Effect
from respond.testing.example_run import (
    MAKE,
    RESTART,
    REVOKE,
    STEPS,
    STORE,
    TELL,
    ExampleRun,
    example_plan,
    example_write,
)
from respond.views.deciding import Deciding, FoldWord, deciding
from respond.views.json_view import plan_json

MESSAGE, PLAIN = STEPS[5], STEPS[2]


def of(*steps: PlannedStep) -> Deciding:
    return deciding(example_plan(steps=steps))


def test_what_wants_a_yes_is_told_whole() -> None:
    """What, name and ending, account, region, identity, alive or not, undo, what breaks."""
    (change,) = deciding(example_plan()).asks
    assert change.says == "revoke backend-prod ...cdef"
    assert (change.now, change.after) == ("alive", "refused")
    assert change.place == "customerio Example Co (48213) EU, as respond-ir"
    assert change.destroys
    assert change.for_ever
    assert change.by_hand
    assert change.breaks == "Whatever still uses this key stops working at once."
    assert change.stays == REVOKE.stays


def test_what_the_action_knows_of_the_place_is_added_to_the_account() -> None:
    """A workspace is no part of the account; what both say stands there once."""
    write = replace(REVOKE, where="Example Co (48213) EU, Production (190001)")
    (change,) = of(replace(STEPS[1], writes=(write,))).asks
    assert change.place == ("customerio Example Co (48213) EU, as respond-ir, Production (190001)")


@pytest.mark.promise("P7")
def test_a_message_is_no_change_that_cannot_be_undone() -> None:
    """Nothing is lost by telling people; what cannot be put back is counted, and nothing else."""
    facts = of(STEPS[1], replace(PLAIN, writes=(MAKE,)), MESSAGE)
    assert not TELL.undo
    assert facts.for_ever == facts.asks
    assert facts.told == ("Ana", "Ben")
    assert facts.closing == "Plan: 2 changes, 1 cannot be undone, 2 people told"

    lost = replace(STORE, undo=False)
    assert "2 cannot be undone" in of(STEPS[1], replace(PLAIN, writes=(lost,))).closing


def test_somebody_who_is_told_twice_is_one_person() -> None:
    """Two messages to the same people are told apart as messages, and not as people."""
    facts = of(MESSAGE, replace(MESSAGE, address="again"))
    assert len(facts.messages) == 2
    assert facts.closing == "Plan: no changes, 2 people told"


def test_a_persons_own_work_is_a_task_and_no_change() -> None:
    """Restarting billing changes no system that the tool knows of, and has no undo to count."""
    facts = of(replace(PLAIN, writes=(RESTART,)))
    assert [task.says for task in facts.tasks] == [RESTART.says]
    assert facts.closing == "Plan: no changes, 1 task for a person"


def test_what_is_not_known_yet_asks_and_is_no_change_yet() -> None:
    """A late step that may write stands among what asks again, with what it is known after."""
    late = replace(
        PLAIN, address="later", writes=(), state=StepPlan.LATE, late_on=("old",),
        effect=Effect.DESTROYS,
    )  # fmt: skip
    facts = of(*STEPS[:2], late)
    assert [change.known for change in facts.late] == ["known after old"]
    assert facts.late[0].destroys
    assert facts.closing == "Plan: 1 change, 1 cannot be undone, 1 known later"


def test_a_plan_that_changes_nothing_says_so() -> None:
    """A review has looks alone."""
    facts = of(STEPS[0], STEPS[4])
    assert facts.closing == "Plan: no changes"
    assert facts.looks == 1
    assert facts.found == ("backend-prod ...cdef, App API, Production: ALIVE now",)


def test_all_else_stands_behind_a_number_and_a_word() -> None:
    """Findings, what could not be seen, and skipped steps: counted, and complete when opened."""
    looked = replace(STEPS[4], findings=("one", "UNSEEN: the audit log: 403", "two"))
    facts = deciding(example_plan(steps=(*STEPS[:4], looked, *STEPS[5:])))
    assert [fold.title for fold in facts.folds] == ["2 findings", "2 unseen", "1 skipped"]
    assert facts.fold("findings") is facts.folds[0]
    assert facts.folds[0].lines == ("one", "two")
    assert facts.folds[1].lines == ("account audit log: 403", "the audit log: 403")
    assert facts.fold("nothing of it") is None
    assert [word.value for word in FoldWord] == ["findings", "unseen", "skipped"]
    assert deciding(example_plan(steps=(), unseen=())).folds == ()


def test_what_keeps_it_from_starting_alone_is_told() -> None:
    """Other people, pauses, and what a guard or a missing right keeps the tool from."""
    wanted = OthersAgree(2, ("approver",), within_s=1800, or_signed=False)
    steps = (
        replace(STEPS[1], approve=wanted),
        replace(STEPS[1], address="a", title="A", writes=(), state=StepPlan.WAITS, says="10 min"),
        replace(STEPS[1], address="b", title="B", writes=(), state=StepPlan.REFUSED, says="you"),
        replace(STEPS[1], address="c", title="C", writes=(), state=StepPlan.UNSEEN, says="403"),
    )
    facts = of(*steps)
    assert facts.agree == ("2 people with approver, before Revoke the leaked key",)
    assert (facts.waits, facts.refused) == (("A: 10 min",), ("B: you",))
    assert facts.not_seen == ("C: 403",)


def test_what_was_done_already_decides_nothing() -> None:
    """A plan that is shown again counts what is still to be done."""
    run = ExampleRun().propose().look().start().contain()
    assert not deciding(run.plan, run.state).asks
    assert deciding(run.plan).asks


def test_every_write_stands_in_one_place() -> None:
    """Nothing that is written is left out of what decides, and nothing is counted twice."""
    many = tuple(example_write(f"remove user{n}", effect=Effect.DESTROYS) for n in range(300))
    facts = of(*STEPS, replace(STEPS[1], address="set", writes=many))
    numbers = [c.number for c in (*facts.changes, *facts.tasks, *facts.messages)]
    assert len(numbers) == len(set(numbers)) == 304
    assert facts.closing == "Plan: 303 changes, 1 cannot be undone, 2 people told"


def test_the_json_has_the_same_facts() -> None:
    """A program that decides reads the numbers of the lines, and the same closing line."""
    told = plan_json(example_plan())["deciding"]
    assert told == {
        "closing": deciding(example_plan()).closing,
        "asks": [1],
        "changes": [1, 2, 3],
        "for_ever": [1],
        "tasks": [],
        "told": ["Ana", "Ben"],
        "findings": 1,
        "unseen": 1,
        "skipped": 1,
    }
