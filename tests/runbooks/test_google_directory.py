"""The bundled runbooks where Google Workspace signs people in."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.core.outcome import outcome_of
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage


def happened(stage: Stage) -> list[str]:
    return [effect["kind"] for effect in stage.effects() if effect["system"] == "google"]


def test_an_account_in_wrong_hands_is_suspended_first(tmp_path: Path) -> None:
    """That ends its sessions, too: nothing more is sent for them; then grants and app passwords."""
    with Stage(tmp_path, "compromised-user", routes=True, directories=("google",)) as stage:
        assert stage.advance() is ExitCode.DONE
        assert happened(stage) == [
            "user.suspended",
            "token.revoked",
            "token.revoked",
            "asp.revoked",
        ]


@pytest.mark.parametrize(
    ("enforced", "kinds"),
    [(False, ["user.two_step_off", "user.enrolled"]), (True, ["user.codes", "user.enrolled"])],
)
def test_a_lost_device_goes_the_way_that_google_leaves(
    tmp_path: Path,
    enforced: bool,  # noqa: FBT001
    kinds: list[str],
) -> None:
    """Off where it may be off; a backup code where second steps are enforced, and it is said."""
    with Stage(tmp_path, "lost-2fa", directories=("google",)) as stage:
        stage.server.company.google.user_of("jean@example.com").enforced = enforced
        stage.rehearsal.doors.happen("customerio.single_sign_on")
        assert stage.advance() is ExitCode.DONE
        assert happened(stage) == kinds
        assert stage.state is not None
        says = [item.says for item in outcome_of(stage.state).items]
        assert any("Google does not turn it off then" in line for line in says) == enforced
