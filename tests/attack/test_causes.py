"""Why a run was parked stands beside its question, in every view."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.attack.test_votes import terminal_killed_at
from tests.engine.test_other_people import (
    ANA,
    REMOVE,
    SET,
    advance,
    at_terminal,
    entry,
    now,
    say,
    served,
)

from respond.adapters.prompt.terminal import NobodyPrompt
from respond.core.fold import RunStatus
from respond.core.policy import Policy
from respond.core.script import Call
from respond.errors import ExitCode, NoAnswerError
from respond.testing.toy_system import BoxStage, refused
from respond.views.json_view import state_json
from respond.views.run_list import run_status
from respond.views.summary import summary
from respond.views.waiting import waiting


def everywhere(stage: BoxStage) -> list[str]:
    """What terminal, summary, JSON and page say of a parked run, each in one line."""
    state, head, today = now(stage), stage.kept.head(), entry(stage).today()
    shown = summary(state, head, exit_code=ExitCode.PARKED, today=today, width=9_999)
    waits = waiting(state, today)
    facts = state_json(state, today)
    status = run_status(state, head, today, width=9_999)
    return [status, shown, facts["waits"]["why"], facts["parked"]["reason"], waits.why]


def dead(call: Call) -> None:
    if call.method in ("DELETE", "PUT"):
        raise NoAnswerError("box could not be reached", why="connection refused", by_hand=True)


def unavailable(call: Call) -> None:
    if call.method in ("DELETE", "PUT"):
        raise refused("503")


TROUBLE = pytest.mark.parametrize(
    ("trouble", "cause"), [(unavailable, "box answered 503"), (dead, "box could not be reached")]
)


@TROUBLE
def test_a_served_run_says_what_the_system_said(
    trouble: Callable[[Call], None], cause: str
) -> None:
    """People are asked whether it is to be done by hand, and read why."""
    stage = served(REMOVE)
    advance(stage)
    say(stage, ANA)
    stage.boxes.broken = trouble
    assert advance(stage) is ExitCode.PARKED
    for text in everywhere(stage):
        assert cause in text


@TROUBLE
def test_a_run_without_a_terminal_says_what_the_system_said(
    trouble: Callable[[Call], None], cause: str
) -> None:
    """That nobody sits at a terminal is one half of it only."""
    stage = at_terminal(REMOVE, policy=Policy(), place={"proofs": {}})
    stage.says.is_there = True
    terminal_killed_at(stage, "before intent gone")
    stage.boxes.broken = trouble
    assert stage.advance(prompt=NobodyPrompt()) is ExitCode.PARKED
    for text in everywhere(stage):
        assert cause in text
        assert "nobody sits at a terminal" in text


def test_what_a_wait_cannot_see_is_why_it_waits() -> None:
    """The look of an unattended wait is answered 503 each time."""
    there = "action: box.read, with: {name: z}, until: seen.there, within: 5m"
    stage = served(f"  - {{id: ready, wait: {{{there}}}}}\n{SET}")
    advance(stage)
    say(stage, ANA)

    def broken(call: Call) -> None:
        if call.path[-1] == "z":
            raise refused("503")

    stage.boxes.broken = broken
    assert advance(stage) is ExitCode.PARKED
    for text in everywhere(stage):
        assert "box answered 503" in text


def test_drift_that_nobody_answers_says_what_is_there_now() -> None:
    """Planned and found stand in the record, and in each view, beside the question."""
    stage = at_terminal(REMOVE, policy=Policy(), place={"proofs": {}})
    stage.says.is_there = True
    terminal_killed_at(stage, "before intent gone")
    stage.boxes.put("a", None)
    stage.advance(prompt=NobodyPrompt())
    assert now(stage).status is RunStatus.PARKED
    for text in everywhere(stage):
        assert "planned: remove a" in text
        assert "now: already so" in text
