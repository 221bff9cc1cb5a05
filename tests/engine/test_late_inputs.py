from __future__ import annotations

import pytest
from tests.engine.test_other_people import ANA, PAGER, PEOPLE, PROOFS, advance, entry, now, say

from respond.adapters.store.sealing import describe_secret
from respond.core.events import Actor, Strength
from respond.core.fold import RunStatus
from respond.core.recorded import AskKind
from respond.engine.proposing import GivenInputs
from respond.errors import ExitCode, RefusedByPersonError, UsageError
from respond.people.answers import asks_late, give_inputs
from respond.testing.toy_system import BoxStage, runbook_of

LATE = "inputs: {which: {type: text, required: false, late: true, ask: Which?}}\n"
STEPS = """\
  - {id: gone, phase: contain, action: box.remove, with: {name: a}}
  - id: more
    when: inputs.which == "b"
    action: box.read
    with: {name: b}
"""
EVE = Actor("eve", Strength.SIGNED_ON)


def waiting() -> BoxStage:
    """A served run that was agreed to, has contained, and needs to know more."""
    place = {"served": True, "operator": PAGER, "proofs": PROOFS}
    stage = BoxStage(
        runbook_of(STEPS, top=LATE), {"a": "old", "b": "old"}, persons=PEOPLE, place=place
    )
    stage.says.is_there = False
    advance(stage)
    say(stage, ANA)
    advance(stage)
    return stage


def give(stage: BoxStage, who: Actor, **values: str) -> None:
    given = GivenInputs(values=dict(values))
    give_inputs(entry(stage), stage.runbook, stage.run, who, given, describe_secret)


def test_a_served_run_waits_on_the_page_for_what_a_step_has_to_know() -> None:
    """Not before containment; it is asked once, and the run goes on with the answer to its end."""
    stage = waiting()
    assert "DELETE /box/a" in stage.boxes.writes
    asks = now(stage).asks
    assert (asks.kind, tuple(asks.names)) == (AskKind.INPUTS, ("which",))
    assert asks_late(now(stage))

    give(stage, EVE, which="b")
    with pytest.raises(UsageError, match="has what it needs"):
        give(stage, EVE, which="c")
    assert advance(stage) is ExitCode.DONE
    assert now(stage).inputs["which"] == "b"
    assert now(stage).step("more").conclusion is not None
    assert not now(stage).step("more").left_out


def test_that_nobody_knows_is_an_answer_too() -> None:
    """The run is not held up by it, and does not ask again."""
    stage = waiting()
    give(stage, ANA)
    assert advance(stage) is ExitCode.DONE
    assert now(stage).inputs["which"] is None
    assert now(stage).status is RunStatus.ENDED


@pytest.mark.promise("P13")
def test_a_stranger_says_nothing_of_what_a_run_has_to_know() -> None:
    """What a step needs is a person's word like any other."""
    stage = waiting()
    stranger = Actor("mallory", Strength.SIGNED_ON)
    with pytest.raises(RefusedByPersonError):
        give(stage, stranger, which="b")
    assert asks_late(now(stage))
