"""An account of Okta in wrong hands, closed in a rehearsal and given back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from respond.core.questions import AskConfirm
from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

STEPS = {
    "left": "okta.list_left_behind",
    "closed": "okta.suspend_user",
    "out": "okta.sign_out_everywhere",
    "grants": "okta.revoke_grants",
    "rights": "okta.remove_role",
    "factors": "okta.reset_all_factors",
}
RUNBOOK = """\
runbook: okta-account
title: Close an account of Okta
summary: Suspends somebody and ends all that they are signed in with.
use_when: An account of Okta is in wrong hands.
owner: security@example.com
reviewed: "2026-11-29"
subject: email
inputs:
  email: {type: email, ask: "Whose account?", example: jean@example.com}
rehearsal:
  email: story.compromised
steps:
  - id: who
    title: who
    phase: identify
    action: okta.find_user
    with: {email: "${{ inputs.email }}"}
"""
STEP = """\
  - id: {0}
    title: {0}
    phase: contain
    action: {1}
    with: {{user: "${{{{ who.id }}}}"{2}}}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "project"
    (folder / "runbooks").mkdir(parents=True)
    (folder / "respond.toml").write_text("", encoding="utf-8")
    more = {"rights": ", role: USER_ADMIN"}
    text = RUNBOOK + "".join(STEP.format(n, a, more.get(n, "")) for n, a in STEPS.items())
    (folder / "runbooks" / "okta-account.yaml").write_text(text, encoding="utf-8")
    with Stage(tmp_path / "state", "okta-account", project=folder) as standing:
        yield standing


def test_it_is_closed_as_planned_and_given_back(stage: Stage) -> None:
    """Each step is asked once: none finds done what an earlier one took along."""
    assert stage.advance() is ExitCode.DONE

    asked = [each.step for each in stage.asked if isinstance(each, AskConfirm)]
    assert asked == list(STEPS)[1:]
    mallory = stage.company()["okta"]["user mallory@example.com"]
    assert mallory["status"] == "SUSPENDED"
    assert [mallory[name] for name in ("sessions", "factors", "roles", "grants")] == [0, 0, 0, 0]

    assert stage.undo() is ExitCode.DONE
    mallory = stage.company()["okta"]["user mallory@example.com"]
    assert (mallory["status"], mallory["roles"]) == ("ACTIVE", 1)
    assert stage.tally()["okta", "role.confined"] == 1


def test_a_question_about_several_writes_says_what_each_breaks(stage: Stage) -> None:
    """What the second of them ends for good is in it, too."""
    stage.advance()
    (out,) = [each for each in stage.asked if getattr(each, "step", "") == "out"]

    assert "sessions that applications keep themselves go on" in out.breaks
    assert "no API makes an API token again" in out.breaks
