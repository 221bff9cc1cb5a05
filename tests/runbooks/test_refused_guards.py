"""A guard that refuses one write keeps the rest of a containment from nobody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.rehearsal import Rehearsal
from respond.core.fold import RunStatus
from respond.core.outcome import outcome_of
from respond.core.plan import StepPlan
from respond.core.questions import Answer
from respond.core.script import Person
from respond.errors import ExitCode
from respond.ports import Clock
from respond.testing.runbook_kit import Stage

SOLE = "customerio.sole_admin"


def happened(stage: Stage) -> list[str]:
    return [f"{each['system']} {each['kind']}" for each in stage.effects()]


def concluded(stage: Stage, step: str) -> str:
    assert stage.state is not None
    conclusion = stage.state.step(step).conclusion
    return conclusion.how.value if conclusion is not None else "not started"


def left(stage: Stage) -> str:
    assert stage.state is not None
    return " ".join(outcome_of(stage.state).containment.open)


@pytest.mark.promise("P8")
@pytest.mark.share(4)
@pytest.mark.parametrize("routes", [False, True], ids=["by-hand", "api"])
def test_the_only_administrator_is_contained_but_for_the_removal(
    *, routes: bool, tmp_path: Path
) -> None:
    """Directory, sessions, keys and webhooks go; nobody is removed; the run stays open."""
    with Stage(tmp_path, "compromised-user", routes=routes) as stage:
        stage.rehearsal.doors.happen(SOLE)
        assert stage.advance() is ExitCode.FAILED
        kinds = happened(stage)
        assert stage.state is not None
        assert stage.state.plan is not None
        removed = stage.state.plan.step("removed")
        assert removed is not None
        assert removed.state is StepPlan.REFUSED
        assert "last administrator" in removed.says
        assert stage.state.status is RunStatus.PARKED
        assert "last administrator" in left(stage)
        assert concluded(stage, "told_anyway") == "done"
    assert "customerio member.removed" not in kinds
    for kind in (
        "okta user.lifecycle.suspend",
        "okta user.session.clear",
        "okta grants.revoked",
        "customerio sessions.ended",
        "customerio app_key.revoked",
        "customerio webhook.disabled",
    ):
        assert kind in kinds


@pytest.mark.promise("P9")
def test_once_there_is_a_second_administrator_the_run_removes_the_first(tmp_path: Path) -> None:
    """What a guard refused is tried again by ``resume``; the others are told then, once."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        stage.rehearsal.doors.happen(SOLE)
        assert stage.advance() is ExitCode.FAILED
        about: dict[str, Any] = {"email": "ana@example.com", "account_role": "admin"}
        about |= {"permissions": {}, "environment_roles": []}
        stage.rehearsal.doors.post("person", {"task": "customerio.set_member_role", "about": about})
        assert stage.advance() is ExitCode.DONE
        assert concluded(stage, "removed") == concluded(stage, "told") == "done"
        assert stage.advance() is ExitCode.DONE
        assert stage.tally()["customerio", "member.removed"] == 1
        assert stage.tally()["slack", "message.posted"] == 4


@pytest.mark.promise("P8")
def test_your_own_account_is_spared_and_the_rest_is_done(tmp_path: Path) -> None:
    """Neither suspended nor removed; what data goes out by is shut, and the others hear of it."""
    overrides = {"email": "story.operator"}
    with Stage(tmp_path, "compromised-user", routes=True, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.FAILED
        kinds = happened(stage)
        assert {"customerio sessions.ended", "customerio webhook.disabled"} <= {*kinds}
        assert "slack message.posted" in kinds
        assert not {"customerio member.removed", "okta user.lifecycle.suspend"} & {*kinds}
        assert "you, the operator" in left(stage)
        assert stage.state is not None
        words = [w.write.says for w in stage.state.step("rest").writes]
        assert len(words) == 1
        assert "another admin" in words[0]


@pytest.mark.promise("P8")
def test_where_the_runbook_stops_a_guard_still_ends_it_at_the_plan(tmp_path: Path) -> None:
    """Nothing is asked, and nothing written."""
    project = tmp_path / "project"
    (project / "runbooks").mkdir(parents=True)
    (project / "runbooks" / "out.yaml").write_text(
        "runbook: out\n"
        "title: Remove somebody\n"
        "steps:\n"
        "  - id: removed\n"
        "    title: Remove the member\n"
        "    phase: contain\n"
        "    action: customerio.remove_member\n"
        "    with: {email: dana@example.com}\n",
        encoding="utf-8",
    )
    (project / "respond.toml").write_text("", encoding="utf-8")
    with Stage(tmp_path / "state", "out", project=project, routes=True) as stage:
        assert stage.advance() is ExitCode.REFUSED
        assert stage.asked == []
        assert happened(stage) == []


@pytest.mark.share(4)
@pytest.mark.parametrize("name", ["compromised-user", "compromised-key"])
def test_people_hear_of_it_before_anything_else_is_done(name: str, tmp_path: Path) -> None:
    """Right after the write that contains: before everybody is signed out, and steps by hand."""
    with Stage(tmp_path, name, routes=True) as stage:
        assert stage.advance() is ExitCode.DONE
        kinds = happened(stage)
    contained = "member.removed" if name == "compromised-user" else "app_key.revoked"
    at = kinds.index(f"customerio {contained}")
    assert kinds[at + 1 : at + 3] == ["slack message.posted"] * 2
    assert kinds.count("slack message.posted") == 2


class GoesBlind(AutoPrompt):
    """The person does what is asked, and from then on the list of keys answers nobody."""

    rehearsal: Rehearsal

    def by_hand(self, task: Person[Any], title: str, *, seen: Any, every_s: float) -> Answer:
        answer = super().by_hand(task, title, seen=None, every_s=every_s)
        self.rehearsal.doors.post("faults", {"faults": ["customerio:503xall@GET *ext_api_keys*"]})
        return answer


def blind(clock: Clock, rehearsal: Rehearsal) -> AutoPrompt:
    prompt = GoesBlind(rehearsal.click, clock)
    prompt.rehearsal = rehearsal
    return prompt


def test_a_key_that_a_person_killed_unseen_is_told_of(tmp_path: Path) -> None:
    """The kill happened and its step failed: the others hear that an incident is being handled."""
    with Stage(tmp_path, "compromised-key", prompt=blind) as stage:
        assert stage.advance() is ExitCode.FAILED
        assert stage.tally()["customerio", "app_key.revoked"] == 1
        assert concluded(stage, "told") != "done"
        assert concluded(stage, "told_anyway") == "done"


@pytest.mark.promise("P8")
def test_its_own_key_without_a_replacement_is_handed_to_people(tmp_path: Path) -> None:
    """No new one, so the old one is spared; whoever has a session is asked, and the others told."""
    overrides = {"leaked": "story.write_token", "key": ""}
    with Stage(tmp_path, "compromised-key", routes=True, overrides=overrides) as stage:
        stage.faults("customerio:409xall@POST *tokens*")
        assert stage.advance() is ExitCode.FAILED
        assert stage.tally()["customerio", "sa_token.revoked"] == 0
        assert concluded(stage, "rest") == "your-word"
        assert concluded(stage, "told_anyway") == "done"
        assert concluded(stage, "left") == "done"


# --- somebody who is no member any more ---------------------------------------------------------

MALLORY = "mallory@example.com"


def out_before(stage: Stage) -> None:
    """Somebody has removed the member already, and thought that this was all."""
    about = {"email": MALLORY}
    stage.rehearsal.doors.post("person", {"task": "customerio.remove_member", "about": about})
    stage.rehearsal.doors.advance(90)


@pytest.mark.promise("P8")
def test_who_was_removed_before_is_still_put_out_of_the_directory(tmp_path: Path) -> None:
    """Suspended, signed out, without grants; the others are told, and what was left is listed."""
    with Stage(tmp_path, "compromised-user", routes=True) as stage:
        out_before(stage)
        before = len(happened(stage))
        assert stage.advance() is ExitCode.DONE
        kinds = happened(stage)[before:]
        assert stage.state is not None
        found = " ".join(item.says for item in outcome_of(stage.state).items)
    assert "customerio member.removed" not in kinds
    told = kinds.index("slack message.posted")
    for kind in ("okta user.lifecycle.suspend", "okta user.session.clear", "okta grants.revoked"):
        assert kinds.index(kind) < told
    assert kinds.count("slack message.posted") == 2
    assert "customerio webhook.disabled" in kinds
    # Of a key that they made only the maker's number is left, and it is nobody's now.
    (key,) = re.findall(r"key: backend-prod-2 [^;]*; respond compromised-key --key \S+", found)
    assert "by user 51238, who is no member any more" in key
    # What they could read nobody can look up: it is everything, and each has its command.
    assert "respond rotate-key --key web-prod" in found


def test_a_key_of_somebody_long_gone_may_be_theirs_however_old_it_is(tmp_path: Path) -> None:
    """It was made before the time that is looked back over, by nobody who is a member now."""
    overrides = {"since": "1 hour ago"}
    with Stage(tmp_path, "compromised-user", routes=True, overrides=overrides) as stage:
        out_before(stage)
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        looked = stage.state.step("left").conclusion
        assert looked is not None
        lines = [line for line in looked.findings if "backend-prod-2" in line]
        assert ["51238, who is no member any more" in line for line in lines] == [True]


def test_a_directory_that_answers_nobody_does_not_make_them_unknown(tmp_path: Path) -> None:
    """Nobody can say that it does not know them: a person looks there."""
    with Stage(tmp_path, "compromised-user", routes=True, directories=("okta",)) as stage:
        out_before(stage)
        stage.faults("okta:503@GET *xall")
        assert stage.advance() is ExitCode.DONE
        assert concluded(stage, "told_too") == "done"
        assert stage.state is not None
        acts = [n for n in stage.state.steps if n.startswith("suspended[")]
        assert [w.by for n in acts for w in stage.state.steps[n].writes] == ["person"]


def test_an_address_that_nothing_knows_stops_before_anything_is_done(tmp_path: Path) -> None:
    """Neither Customer.io nor a directory: then it is a slip, and nobody is told or signed out."""
    overrides = {"email": "malory@example.com"}
    with Stage(tmp_path, "compromised-user", routes=True, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.FAILED
        assert happened(stage) == []
        assert stage.state is not None
        assert "Neither Customer.io nor a directory knows" in stage.state.ended.say
