"""An account of Entra in wrong hands, closed in a rehearsal by the real engine, and given back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from respond.errors import ExitCode
from respond.testing.runbook_kit import Stage

ACCOUNT = {
    "left": "entra.list_left_behind",
    "closed": "entra.disable_user",
    "out": "entra.revoke_sessions",
    "consents": "entra.revoke_consents",
    "rights": "entra.remove_role",
    "factors": "entra.reset_auth_methods",
    "password": "entra.reset_password",
    "bridge": "entra.create_temporary_access_pass",
}
HEAD = """\
runbook: entra-account
title: Close an account of Entra
summary: Disables somebody and ends all that they are signed in with.
use_when: An account of Entra is in wrong hands.
owner: security@example.com
reviewed: "2026-11-29"
subject: email
inputs:
  email: {{type: email, ask: "Whose account?", example: jean@example.com}}
rehearsal:
  email: {0}
steps:
  - id: who
    title: who
    phase: identify
    action: entra.find_user
    with: {{email: "${{{{ inputs.email }}}}"}}
"""
STEP = """\
  - id: {0}
    title: {0}
    phase: contain
    action: {1}
    with: {{user: "${{{{ who.id }}}}"}}
"""


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Begin with somebody's account and some of the steps."""
    begun: list[Stage] = []

    def go(who: str, *steps: str) -> Stage:
        folder = tmp_path / "project"
        (folder / "runbooks").mkdir(parents=True)
        (folder / "respond.toml").write_text("", encoding="utf-8")
        text = HEAD.format(who) + "".join(STEP.format(n, ACCOUNT[n]) for n in steps or ACCOUNT)
        (folder / "runbooks" / "entra-account.yaml").write_text(text, encoding="utf-8")
        begun.append(Stage(tmp_path / "state", "entra-account", project=folder).__enter__())
        return begun[-1]

    yield go
    for each in begun:
        each.__exit__(None, None, None)


def kinds(stage: Stage) -> list[str]:
    return [effect["kind"] for effect in stage.effects() if effect["system"] == "entra"]


def test_it_is_closed_as_planned_and_all_of_it_is_seen(begin: Callable[..., Stage]) -> None:
    """Disabled first; sessions and password show late, and are waited for."""
    stage = begin("story.compromised")
    assert stage.advance() is ExitCode.DONE
    assert stage.state is not None
    assert kinds(stage) == [
        "user.disabled", "sessions.revoked", "consent.ended", "role.removed", "method.deleted",
        "password.reset", "pass.made",
    ]  # fmt: skip
    hows = {
        str(step.conclusion.how.value) for step in stage.state.steps.values() if step.conclusion
    }
    assert not any("not" in how for how in hows), hows


def test_the_default_method_is_asked_for_once_more_when_it_is_alone(
    begin: Callable[..., Stage],
) -> None:
    """It was refused before the others were gone; nothing is sent twice as it was."""
    stage = begin("story.lost_2fa", "factors")
    entra: Any = stage.server.company.entra
    for each in entra.user_of("jean@example.com").methods:
        each.default = each.kind == "phone"
    assert stage.advance() is ExitCode.DONE
    assert entra.user_of("jean@example.com").methods == []
    assert kinds(stage) == ["method.deleted"] * 3


def test_what_can_be_given_back_is_given_back_as_it_was(begin: Callable[..., Stage]) -> None:
    """Account, consent and role."""
    stage = begin("story.compromised", "closed", "consents", "rights")
    entra: Any = stage.server.company.entra

    def standing() -> Any:
        mallory = entra.user_of("mallory@example.com")
        rows = (entra.state.assignments, entra.state.grants)
        return mallory.enabled, *(sorted(each.id for each in row) for row in rows)

    before = standing()
    assert stage.advance() is ExitCode.DONE
    assert standing() != before
    assert stage.undo() is ExitCode.DONE
    assert standing() == before


def test_what_ended_after_the_alert_is_ended_by_the_run_too(begin: Callable[..., Stage]) -> None:
    """What the plan showed is what was agreed to, though the moment is another one by then."""
    stage = begin("story.compromised", "out")
    entra: Any = stage.server.company.entra
    mallory = entra.user_of("mallory@example.com")
    mallory.valid_from = entra.clock.now() + 60
    mallory.valid_shown = (mallory.valid_from, 0.0)
    assert stage.advance() is ExitCode.DONE
    assert kinds(stage) == ["sessions.revoked"]


def test_one_look_that_sees_it_is_not_enough(begin: Callable[..., Stage]) -> None:
    """The next read may be answered by a replica that has not heard of it yet."""
    stage = begin("story.compromised", "closed")
    entra: Any = stage.server.company.entra
    whole, late = entra.user_json, iter([False, True, False, False])
    shown: list[bool] = []

    def by_replicas(call: Any, user: Any) -> Any:
        told = whole(call, user)
        if "accountEnabled" in told and not user.enabled:
            told["accountEnabled"] = next(late, False)
            shown.append(told["accountEnabled"])
        return told

    entra.user_json = by_replicas
    assert stage.advance() is ExitCode.DONE
    assert shown[:4] == [False, True, False, False]
    assert kinds(stage) == ["user.disabled"]


@pytest.mark.parametrize(
    ("at", "times"), [("PATCH */users/*", 1), ("POST */*revokeSignInSessions", 2)]
)
def test_what_is_lost_on_the_way_is_found_out_and_not_sent_blindly(
    begin: Callable[..., Stage], at: str, times: int
) -> None:
    """An answer that is cut off after the effect. Who ended sessions nobody sees: once more."""
    stage = begin("story.compromised", "closed", "out")
    stage.faults(f"entra:cut-after@{at}")
    assert stage.advance() is ExitCode.DONE
    assert kinds(stage) == ["user.disabled", *["sessions.revoked"] * times]
