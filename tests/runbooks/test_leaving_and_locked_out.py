"""People who leave, change jobs, or are the only one: what is refused, asked, and put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.core.outcome import outcome_of
from respond.core.plan import StepPlan
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

JEAN, DANA, MALLORY = "jean@example.com", "dana@example.com", "mallory@example.com"
SOLE = "customerio.sole_admin"


def happened(stage: Stage) -> list[str]:
    return [f"{effect['system']} {effect['kind']}" for effect in stage.effects()]


def says(stage: Stage) -> str:
    assert stage.state is not None
    found = [item.says for item in outcome_of(stage.state).items]
    return " ".join([*found, stage.state.ended.say, stage.state.parked.why])


# --- leaving --------------------------------------------------------------------------------------


def test_who_leaves_is_out_of_the_directory_before_the_service(tmp_path: Path) -> None:
    """Then out of Customer.io; only then their keys are replaced, and none of them is forgotten."""
    with Stage(tmp_path, "offboard-member", routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        order = happened(stage)
        wanted = ["okta user.lifecycle.suspend", "customerio member.removed"]
        wanted += ["customerio app_key.created", "customerio app_key.revoked"]
        places = [order.index(each) for each in wanted]
        assert places == sorted(places)
        assert order.count("customerio app_key.revoked") == 1


def test_their_keys_can_only_get_another_owner(tmp_path: Path) -> None:
    """Where nobody thinks that a value was kept: nothing is made, and nothing dies."""
    overrides = {"keys": "hand-over", "heir": "ana"}
    with Stage(tmp_path, "offboard-member", routes=True, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.DONE
        assert not [each for each in happened(stage) if "key." in each]
        assert "ana owns the key backend-prod-2" in says(stage)


@pytest.mark.promise("P8")
def test_who_made_no_key_has_no_key_replaced(tmp_path: Path) -> None:
    """An empty list would mean every key of the account."""
    with Stage(tmp_path, "offboard-member", routes=True, overrides={"email": JEAN}) as stage:
        assert stage.advance() is ExitCode.DONE
        assert not [each for each in happened(stage) if "key." in each]


def test_until_they_leave_nothing_is_written(tmp_path: Path) -> None:
    """The plan shows all of it now; the run waits in front of the first write."""
    with Stage(tmp_path, "offboard-member", overrides={"at": "in 6 hours"}) as stage:
        with stage.engine() as engine:
            plan = engine.plan()
        assert plan.steps[0].state is StepPlan.WAITS
        assert {write.verb for write in plan.writes} >= {"suspend", "remove"}
        assert stage.advance() is ExitCode.DONE
        assert stage.ahead_s > 5 * 3_600
        assert "member.removed" in " ".join(happened(stage))


# --- another job ----------------------------------------------------------------------------------


@pytest.mark.promise("P7")
def test_rights_are_shown_changed_and_put_back(tmp_path: Path) -> None:
    """Now and then stand in the plan; undo gives back exactly what there was."""
    with Stage(tmp_path, "role-change", routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert stage.state.plan is not None
        (change,) = [w for w in stage.state.plan.writes if w.verb == "change"]
        assert (change.before["state"], change.after["state"]) == ("admin", "member")
        assert stage.undo() is ExitCode.DONE
        assert happened(stage).count("customerio member.role_changed") == 2


def test_more_rights_are_told_and_wait_for_an_objection(tmp_path: Path) -> None:
    """Whoever talks their way to an administrator's rights is seen by the others first."""
    overrides = {"email": JEAN, "role": "admin"}
    with Stage(tmp_path, "role-change", routes=True, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.DONE
        order = happened(stage)
        assert order.index("slack message.posted") < order.index("customerio member.role_changed")
        assert stage.ahead_s > 599


def test_a_job_that_respond_toml_does_not_know_is_not_guessed(tmp_path: Path) -> None:
    """The run ends before any question, and says which there are."""
    with Stage(tmp_path, "role-change", overrides={"role": "supprot"}) as stage:
        assert stage.advance() is ExitCode.FAILED
        assert "there are member, admin" in says(stage)
        assert happened(stage) == []


# --- the only one ---------------------------------------------------------------------------------


@pytest.mark.share(4)
@pytest.mark.parametrize("has", ["open-session", "backup-code", "nothing"])
def test_whoever_got_in_there_are_two_administrators_then(has: str, tmp_path: Path) -> None:
    """Whichever way was left; with an open session the second one is made before all else."""
    with Stage(tmp_path, "sole-admin-locked-out", overrides={"has": has}) as stage:
        stage.rehearsal.doors.happen(SOLE)
        assert stage.advance() is ExitCode.DONE
        assert "customerio member.role_changed" in happened(stage)
        assert stage.state is not None
        steps = [name for name, step in stage.state.steps.items() if step.done()]
        first = {"open-session": "made", "backup-code": "code", "nothing": "written"}[has]
        assert steps[:2] == ["proved", first]


def test_with_single_sign_on_the_directory_lets_them_in(tmp_path: Path) -> None:
    """By the runbook for a lost second factor, in the same run; nobody writes to the vendor."""
    with Stage(tmp_path, "sole-admin-locked-out", routes=True) as stage:
        stage.rehearsal.doors.happen(SOLE)
        stage.rehearsal.doors.happen("customerio.single_sign_on")
        assert stage.advance() is ExitCode.DONE
        assert "customerio member.role_changed" in happened(stage)
        assert stage.state is not None
        assert stage.state.step("written").conclusion is None
        assert any(name.startswith("reset/") and s.done() for name, s in stage.state.steps.items())


def test_where_another_administrator_can_act_nothing_is_done(tmp_path: Path) -> None:
    """They are not the only one: the other runbook is the right one."""
    with Stage(tmp_path, "sole-admin-locked-out") as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert stage.state.ended.next == "lost-2fa"
        assert happened(stage) == []
