"""What the shipped runbooks owe their reader: safeguards that stop, notices that go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.crash_points import Killed, Moments
from respond.company.rehearsal import Rehearsal
from respond.core.events import Kind
from respond.core.fold import RunStatus
from respond.core.outcome import outcome_of
from respond.core.questions import Answer, Decision
from respond.core.recorded import Confirmed, data_of
from respond.core.script import Person
from respond.errors import ExitCode
from respond.ports import Clock
from respond.testing.runbook_kit import Stage


class LeavesOut(AutoPrompt):
    """Says yes to everything but one task, which it leaves out."""

    def __init__(self, rehearsal: Rehearsal, clock: Clock, title: str) -> None:
        super().__init__(rehearsal.click, clock)
        self.title = title

    def by_hand(self, task: Person[Any], title: str, *, seen: Any, every_s: float) -> Answer:
        if title == self.title:
            return Answer(Decision.SKIP, typed="skip")
        return super().by_hand(task, title, seen=seen, every_s=every_s)


class DiesAtTheRevoke(Moments):
    """The process is gone right before or after the request that revokes the leaked key."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment

    def here(self, name: str) -> None:
        if name.startswith(f"{self.moment} cio DELETE"):
            raise Killed(name)


def removed(stage: Stage) -> int:
    return stage.tally()["customerio", "member.removed"]


def concluded(stage: Stage, step: str) -> str:
    assert stage.state is not None
    conclusion = stage.state.step(step).conclusion
    return conclusion.how.value if conclusion is not None else "not started"


def test_nobody_is_removed_when_the_admins_could_not_be_told(tmp_path: Path) -> None:
    """An attacker who takes the chat down must not get an unannounced removal."""
    with Stage(tmp_path, "lost-2fa") as stage:
        stage.faults("slack:500xall", "email:550xall")
        assert stage.advance() is ExitCode.FAILED
        assert removed(stage) == 0


def test_nobody_is_removed_when_nobody_made_sure_who_asks(tmp_path: Path) -> None:
    """The step whose reason reads "a stranger who gets this right gets the account"."""
    title = "Make sure that it is really them who ask"
    with Stage(
        tmp_path, "lost-2fa", prompt=lambda clock, stage: LeavesOut(stage, clock, title)
    ) as stage:
        assert stage.advance() is ExitCode.FAILED
        assert removed(stage) == 0
        assert stage.tally()["slack", "message.posted"] == 0


@pytest.mark.parametrize("fault", ["vault:503xall", "vault:403xall"])
def test_the_admins_are_told_of_a_dead_key_whatever_else_failed(fault: str, tmp_path: Path) -> None:
    """Everything that used it is broken by then; nobody may have to find out why."""
    with Stage(tmp_path, "compromised-key") as stage:
        stage.faults(fault)
        assert stage.advance() is ExitCode.FAILED
        assert concluded(stage, "revoke") == "done"
        assert concluded(stage, "told") == "done"
        assert concluded(stage, "exports") == "done"


def test_nobody_is_told_that_a_key_is_contained_when_it_is_not(tmp_path: Path) -> None:
    """The notice names what was done; where that failed, they hear that an incident is open."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        stage.faults("customerio:409xall@DELETE *ext_api_keys*")
        stage.advance()
        assert concluded(stage, "revoke") != "done"
        assert concluded(stage, "told") != "done"
        assert concluded(stage, "told_anyway") == "done"
        assert stage.tally()["slack", "message.posted"] == 2


@pytest.mark.promise("P8")
@pytest.mark.parametrize("routes", [False, True], ids=["by-hand", "api"])
@pytest.mark.parametrize("secret", ["story.write_token", "story.app_key"])
def test_its_own_leaked_credential_is_replaced_before_it_dies(
    secret: str, *, routes: bool, tmp_path: Path
) -> None:
    """Made, stored in its own key store, tried, and gone on with; only then revoked."""
    overrides = {"leaked": secret, "key": ""}
    with Stage(tmp_path, "compromised-key", routes=routes, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.DONE
        kinds = [e["kind"] for e in stage.effects() if e["kind"].endswith(("created", "revoked"))]
        assert [kind.rpartition(".")[2] for kind in kinds] == ["created", "revoked"]


@pytest.mark.promise("P3")
@pytest.mark.parametrize("moment", ["before send", "after send"])
@pytest.mark.parametrize("secret", ["story.write_token", "story.app_key"])
def test_its_own_leaked_credential_dies_although_the_process_did(
    secret: str, moment: str, tmp_path: Path
) -> None:
    """What replaces it is durable before it dies: a new process works with it, kills, and tells."""
    overrides = {"leaked": secret, "key": ""}
    with Stage(tmp_path, "compromised-key", routes=True, overrides=overrides) as stage:
        with pytest.raises(Killed):
            stage.advance(DiesAtTheRevoke(moment))
        assert stage.advance() is ExitCode.DONE
        kinds = [e["kind"] for e in stage.effects() if e["kind"].endswith(("created", "revoked"))]
        assert [kind.rpartition(".")[2] for kind in kinds] == ["created", "revoked"]
        assert concluded(stage, "told_own") == "done"


@pytest.mark.promise("P9")
def test_what_was_not_contained_waits_and_is_tried_again(tmp_path: Path) -> None:
    """The run parks once all else is done, with the cause; carried on, it contains and then tells.

    A person who wants no more ends it with ``cancel``.
    """
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        stage.faults("customerio:409xall@DELETE *ext_api_keys*")
        assert stage.advance() is ExitCode.FAILED
        assert stage.state is not None
        assert stage.state.status is RunStatus.PARKED
        assert stage.state.parked.why == "not contained: Revoke the leaked key"
        assert "409" in stage.state.parked.reason
        assert concluded(stage, "told") != "done"
        assert concluded(stage, "left") == "done"
        assert stage.advance() is ExitCode.FAILED
        stage.rehearsal.doors.post("faults", {"faults": []})
        assert stage.advance() is ExitCode.DONE
        assert concluded(stage, "revoke") == concluded(stage, "told") == "done"
        assert stage.tally()["customerio", "app_key.created"] == 1
        assert stage.tally()["slack", "message.posted"] == 4


@pytest.mark.promise("P9")
def test_what_was_not_contained_can_be_ended_by_a_person(tmp_path: Path) -> None:
    """A cancel ends it, with what is left to do."""
    with Stage(tmp_path, "compromised-key", routes=True) as stage:
        stage.faults("customerio:409xall@DELETE *ext_api_keys*")
        assert stage.advance() is ExitCode.FAILED
        with stage.engine() as engine:
            engine.add(Kind.CONFIRMED, **data_of(Confirmed, decision=Decision.CANCEL))
            assert engine.advance() is ExitCode.REFUSED
        assert stage.state is not None
        assert stage.state.status is RunStatus.ENDED
        assert outcome_of(stage.state).containment.open
