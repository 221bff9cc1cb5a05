"""The bundled runbooks where JumpCloud signs people in, with the real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

ON = "customerio.single_sign_on"


def happened(stage: Stage) -> list[str]:
    return [effect["kind"] for effect in stage.effects() if effect["system"] == "jumpcloud"]


def stage_of(folder: Path, runbook: str, **overrides: Any) -> Stage:
    return Stage(folder, runbook, routes=True, directories=("jumpcloud",), overrides=overrides)


def test_an_account_is_closed_and_given_back(tmp_path: Path) -> None:
    """Suspended, and its SSH keys gone; that no session ends alone is said and stops nothing."""
    with stage_of(tmp_path, "compromised-user") as stage:
        assert stage.advance() is ExitCode.DONE
        assert happened(stage) == ["user_suspended", "plan.cancelled"] + ["user_update"] * 2
        assert stage.state is not None
        said = " ".join(
            each.conclusion.says for each in stage.state.steps.values() if each.conclusion
        )
        assert "no API ends sessions alone" in said
        assert stage.undo() is not ExitCode.UNDO_FAILED
        jumpcloud: Any = stage.server.company.jumpcloud
        user = jumpcloud.row("users", email="mallory@example.com")
        assert (user.state, len(user.ssh_keys)) == ("ACTIVATED", 2)
        assert len(jumpcloud.state.planned) == 1


@pytest.mark.parametrize("device", ["lost", "stolen"])
def test_a_lost_device_gets_a_time_without_and_a_stolen_one_none(
    device: str, tmp_path: Path
) -> None:
    """Both are reset; only who lost theirs signs in without for a while."""
    with stage_of(tmp_path, "lost-2fa", device=device) as stage:
        stage.rehearsal.doors.happen(ON)
        assert stage.advance() is ExitCode.DONE
        windows = [
            effect["detail"]["window"]
            for effect in stage.effects()
            if effect["kind"] == "totp_delete_enrollment"
        ]
        assert windows == [False, True][: 1 + (device == "lost")]
        assert happened(stage)[-1] == "totp_finish_enrollment"
