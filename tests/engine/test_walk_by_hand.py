"""The night on which nothing answers: the runbook still leads somebody through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.crash_points import Killed, Moments
from respond.core.fold import As
from respond.core.questions import Answer, AskPerson, Decision
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

RUNBOOKS = ("compromised-key", "compromised-user", "lost-2fa")
every_runbook = pytest.mark.parametrize("name", RUNBOOKS)


class LeavesOut(AutoPrompt):
    """Cannot do what contains, and does all else."""

    def ask(self, question: Any) -> Answer:
        if isinstance(question, AskPerson) and "Revoke" in question.title:
            return Answer(Decision.SKIP, typed="cannot")
        return super().ask(question)


def words(stage: Stage) -> list[As]:
    assert stage.state is not None
    return [s.conclusion.how for s in stage.state.steps.values() if s.conclusion is not None]


@pytest.mark.promise("P27")
@pytest.mark.parametrize("fault", ["customerio:401xall", "customerio:503xall"])
@every_runbook
def test_by_hand_leads_through_when_no_credential_works(
    name: str, fault: str, tmp_path: Path
) -> None:
    """Every step is somebody's word, nothing is sent, and nothing counts as proved."""
    with Stage(tmp_path, name, by_hand=True) as stage:
        stage.faults(fault)
        assert stage.advance() is ExitCode.DONE
        assert set(words(stage)) == {As.YOUR_WORD}
        assert sum(count["writes"] for count in stage.counts().values()) == 0
        assert stage.state is not None
        assert all(not s.conclusion.proved for s in stage.state.steps.values() if s.conclusion)


@every_runbook
def test_without_by_hand_it_stops_before_the_first_step_and_says_so(
    name: str, tmp_path: Path
) -> None:
    """A refused credential is exit 9; nothing was written to any system."""
    with Stage(tmp_path, name) as stage:
        stage.faults("customerio:401xall")
        assert stage.advance() is ExitCode.NOT_READY
        assert not stage.effects()


def test_what_a_person_cannot_do_stays_open(tmp_path: Path) -> None:
    """And sets the exit code, as everywhere."""
    with Stage(
        tmp_path,
        "compromised-key",
        by_hand=True,
        prompt=lambda clock, company: LeavesOut(company.click, clock),
    ) as stage:
        stage.faults("customerio:503xall")
        assert stage.advance() is ExitCode.FAILED
        assert As.LEFT_OPEN in words(stage)


@pytest.mark.promise("P3")
@pytest.mark.long
def test_a_walk_on_somebodys_word_is_resumed_where_it_was_left(tmp_path: Path) -> None:
    """Killed at any moment, nobody is asked again for what they have said was done."""
    with Stage(tmp_path / "whole", "compromised-key", by_hand=True) as stage:
        stage.faults("customerio:503xall")
        moments = Moments()
        stage.advance(moments)
        whole = len([q for q in stage.asked if isinstance(q, AskPerson)])
    for kill in range(0, len(moments.names), 3):
        with Stage(tmp_path / str(kill), "compromised-key", by_hand=True) as stage:
            stage.faults("customerio:503xall")
            with pytest.raises(Killed):
                stage.advance(Moments(kill_at=kill))
            assert stage.advance() is ExitCode.DONE
            asked = len([q for q in stage.asked if isinstance(q, AskPerson)])
            assert asked in (whole, whole + 1), moments.names[kill]
