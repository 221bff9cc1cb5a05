"""A wait until a time: agreed to now, looked at again and done then."""

from __future__ import annotations

import pytest

from respond.core.questions import Decision
from respond.engine.proposing import GivenInputs
from respond.errors import ExitCode
from respond.formats.faults import FormatFaults
from respond.testing.toy_system import BoxStage, runbook_of

TOP = "inputs: {then: {type: deadline, required: false}}\n"
STEPS = """
  - {id: until_then, when: has(inputs.then), wait: {at: "${{ inputs.then }}"}}
  - {id: put, action: box.set, with: {name: a, value: new}}
"""
DAY_S = 86_400


def stage_for(then: str | None) -> BoxStage:
    given = GivenInputs({"then": then} if then else {})
    return BoxStage(runbook_of(STEPS, top=TOP), {"a": "old"}, given=given)


def test_without_a_time_it_is_done_now() -> None:
    """The wait is left out, and the plan says so."""
    stage = stage_for(None)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.values == {"a": "new"}


def test_nobody_sits_at_a_terminal_until_tomorrow() -> None:
    """It parks, goes on when it is resumed then, and not before."""
    stage = stage_for("2026-11-24T03:12:00Z")
    assert stage.advance() is ExitCode.PARKED
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    stage.clock.advance(DAY_S)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


def test_a_few_minutes_are_waited_for_at_the_terminal() -> None:
    """Whoever sits there sees how long, and it goes on by itself."""
    stage = stage_for("2026-11-23T03:20:00Z")
    assert stage.advance() is ExitCode.DONE
    assert any("waits until 2026-11-23T03:20:00Z" in line for line in stage.progress.told)


@pytest.mark.promise("P10")
def test_what_differs_then_is_asked_again() -> None:
    """The yes of today covers what was seen today."""
    stage = stage_for("2026-11-24T03:12:00Z")
    assert stage.advance() is ExitCode.PARKED
    stage.clock.advance(DAY_S)
    stage.boxes.put("a", "other")
    stage.says.answers = {"AskDrift": Decision.LATER}
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert [type(each).__name__ for each in stage.says.asked][-1] == "AskDrift"


@pytest.mark.promise("P16")
def test_a_clock_that_jumps_ends_no_wait_early() -> None:
    """The slower of two clocks counts."""
    stage = stage_for("2026-11-24T03:12:00Z")
    assert stage.advance() is ExitCode.PARKED
    stage.clock.jump(DAY_S)
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.parametrize(
    ("wait", "fault"),
    [
        ("{at: 'tomorrow'}", "'at' must be one expression and nothing else"),
        ("{at: '${{ inputs.then }}', for: 5m}", "a wait takes one of 'within', 'for' and 'at'"),
        ("{at: '${{ size(inputs.then) }}'}", "'at' must be a time, and is"),
    ],
)
def test_a_time_that_is_none_is_a_fault(wait: str, fault: str) -> None:
    """At load, with its place."""
    with pytest.raises(FormatFaults) as caught:
        runbook_of(f"  - {{id: w, when: has(inputs.then), wait: {wait}}}\n", top=TOP)
    assert any(each.what.startswith(fault) for each in caught.value.faults)
