"""P10 over the shipped runbooks: somebody changes a thing between the plan and its write.

What the person at the console does goes through the simulator's own door, behind the tool's back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.core.fold import RunStatus
from respond.core.questions import Answer, AskDrift, AskStart, Decision, Question
from respond.errors import ExitCode
from respond.ports import Clock, Prompt
from respond.testing.runbook_kit import Stage

pytestmark = pytest.mark.promise("P10")

KEY = {"environment": 190001, "id": 9101}
MALLORY, JEAN = {"email": "mallory@example.com"}, {"email": "jean@example.com"}
HOOK = {"environment": 190001, "id": 411}
LESS = {
    "account_role": "member",
    "permissions": {"billing": False, "api_credentials": False, "support_access": False},
    "environment_roles": [{"environment_id": 190001, "role": "viewer"}],
}

CHANGES = [
    ("compromised-key", "revoke", "customerio.revoke_app_key", KEY),
    ("compromised-user", "removed", "customerio.remove_member", MALLORY),
    ("compromised-user", "removed", "customerio.set_member_role", {**MALLORY, **LESS}),
    ("compromised-user", "shut", "customerio.disable_reporting_webhook", HOOK),
    ("lost-2fa", "removed", "customerio.remove_member", JEAN),
    ("lost-2fa", "removed", "customerio.set_member_role", {**JEAN, **LESS}),
]


@dataclass(slots=True)
class Behind:
    """Says yes like the rehearsal's person, but to drift; at the start it lets something happen."""

    auto: AutoPrompt
    happens: Callable[[], None]
    drift: Decision
    asked: list[Question] = field(default_factory=list)
    is_there: bool = True

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(question, AskStart):
            self.happens()
        if isinstance(question, AskDrift):
            return Answer(self.drift, typed=question.wants)
        return self.auto.ask(question)

    def by_hand(self, *args: Any, **more: Any) -> Answer:
        return self.auto.by_hand(*args, **more)


@contextmanager
def changing(
    folder: Path, name: str, task: str, about: dict[str, Any], drift: Decision
) -> Iterator[Stage]:
    stage = Stage(folder, name, routes=True)

    def happens() -> None:
        stage.rehearsal.doors.post("person", {"task": task, "about": about})
        stage.rehearsal.doors.advance(120)  # By now every look shows it.

    def prompt(clock: Clock, _: Any) -> Prompt:
        return Behind(AutoPrompt(stage.click, clock), happens, drift)

    stage.prompt = prompt
    with stage:
        yield stage


def gone(stage: Stage, code: ExitCode) -> None:
    """Who was removed meanwhile is put out of the directory all the same, and that is said."""
    assert stage.state is not None
    end = stage.state.step("removed").conclusion
    assert code is ExitCode.FAILED
    assert end is not None
    assert end.says.startswith("it was planned, and now: ")


@pytest.mark.share(4)
@pytest.mark.parametrize(("name", "step", "task", "about"), CHANGES)
def test_what_changed_since_the_plan_is_asked_and_no_writes_nothing(
    name: str, step: str, task: str, about: dict[str, Any], tmp_path: Path
) -> None:
    """The difference stands on the screen; until somebody agrees to it the step writes nothing."""
    with changing(tmp_path, name, task, about, Decision.LATER) as stage:
        code = stage.advance()
        assert stage.state is not None
        assert stage.state.step(step).writes == ()
        if step == "shut":  # That set is taken in the run: what is off already is not in it.
            assert code is ExitCode.FAILED
            assert "was planned, and was not there any more" in stage.state.ended.say
            return
        if task.endswith("remove_member") and name == "compromised-user":
            gone(stage, code)
            return
        assert code is ExitCode.PARKED
        assert stage.state.status is RunStatus.PARKED
        assert len([q for q in stage.asked if isinstance(q, AskDrift)]) == 1


@pytest.mark.share(4)
@pytest.mark.parametrize(
    ("name", "step", "task", "about"), [row for row in CHANGES if row[1] != "shut"]
)
def test_a_yes_to_the_difference_goes_on_from_there(
    name: str, step: str, task: str, about: dict[str, Any], tmp_path: Path
) -> None:
    """What is wanted now is done once; what somebody else did is not done again."""
    with changing(tmp_path, name, task, about, Decision.YES) as stage:
        code = stage.advance()
        assert stage.state is not None
        end = stage.state.step(step).conclusion
        if task.endswith("set_member_role"):
            assert code is ExitCode.DONE
            assert end is not None
            assert end.how.value == "done"
        elif name == "compromised-user":
            gone(stage, code)
        else:  # It is gone: the runbook ends here, and says what it had planned instead.
            assert code is (ExitCode.DONE if name == "compromised-key" else ExitCode.FAILED)
            assert end is None
            (question,) = (q for q in stage.asked if isinstance(q, AskDrift))
            assert question.wants == "end here"
            assert question.planned_writes
            assert sum(stage.tally().values()) == 1
