"""Replacing keys: new before old, the others whatever becomes of one, respond's own last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.rehearsal import Rehearsal
from respond.core.outcome import outcome_of
from respond.core.questions import Answer, Decision
from respond.core.script import Person
from respond.errors import ExitCode
from respond.ports import Clock
from respond.testing.runbook_kit import Stage

LEAKED = "app/190001/9101"
OWN = "app/190001/9105"
KEYS = {"keys": f"{OWN}, {LEAKED}"}


class LeavesKeysAlone(AutoPrompt):
    """Does everything but bring the new key to where the old one is used."""

    def __init__(self, rehearsal: Rehearsal, clock: Clock) -> None:
        super().__init__(rehearsal.click, clock)

    def by_hand(self, task: Person[Any], title: str, *, seen: Any, every_s: float) -> Answer:
        if title.startswith("Let what uses the key"):
            return Answer(Decision.SKIP, typed="skip")
        return super().by_hand(task, title, seen=seen, every_s=every_s)


def kinds(stage: Stage) -> list[str]:
    """What happened to keys, in order."""
    return [effect["kind"] for effect in stage.effects() if effect["kind"].startswith("app_key.")]


def test_each_key_is_made_before_its_old_one_dies_and_our_own_comes_last(tmp_path: Path) -> None:
    """Whatever the order of the list: respond goes on with its new key until the end."""
    with Stage(tmp_path, "rotate-all-keys", routes=True, overrides=KEYS) as stage:
        assert stage.advance() is ExitCode.DONE
        assert kinds(stage) == ["app_key.created", "app_key.revoked"] * 2
        assert stage.state is not None
        own = [
            n for n, step in stage.state.steps.items() if n.endswith("/revoke_own") and step.done()
        ]
        assert own
        assert list(stage.state.ended.inventory.values()) == [
            {"items": 2, "done": 2, "failed": 0, "left": 0}
        ]


@pytest.mark.promise("P8")
def test_no_old_key_dies_before_somebody_brought_the_new_one(tmp_path: Path) -> None:
    """A skipped restart is an outage at the revoke; so both keys stay, and the run says so."""
    with Stage(
        tmp_path,
        "rotate-all-keys",
        routes=True,
        overrides=KEYS,
        prompt=lambda clock, stage: LeavesKeysAlone(stage, clock),
    ) as stage:
        assert stage.advance() is ExitCode.FAILED
        # Our own needs nobody to bring it anywhere.
        assert kinds(stage) == ["app_key.created", "app_key.created", "app_key.revoked"]
        assert stage.state is not None
        says = " ".join(item.says for item in outcome_of(stage.state).items)
        assert "The old one stays; both are valid" in says


def test_one_that_cannot_be_made_leaves_the_others_replaced(tmp_path: Path) -> None:
    """The service refuses one workspace: that key stays as it is, and the run is not green."""
    keys = {"keys": f"app/190002/9102, {LEAKED}"}
    with Stage(tmp_path, "rotate-all-keys", routes=True, overrides=keys) as stage:
        stage.faults("customerio:403@POST *environments/190002/ext_api_keys*xall")
        assert stage.advance() is ExitCode.FAILED
        assert kinds(stage) == ["app_key.created", "app_key.revoked"]


def test_what_is_made_and_cannot_be_looked_at_is_tried_all_the_same(tmp_path: Path) -> None:
    """A write key shown on the screen: nobody sees it made, and its value is known to the next."""
    overrides = {"key": "write/190001/31/7101", "sink": "screen"}
    with Stage(tmp_path, "rotate-key", routes=True, overrides=overrides) as stage:
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        tried = stage.state.step("works").conclusion
        assert tried is not None
        assert tried.output["state"] == "listed"


@pytest.mark.promise("P8")
def test_a_slip_in_one_id_replaces_nothing(tmp_path: Path) -> None:
    """The run ends before any question, and says which one is in no list."""
    with Stage(tmp_path, "rotate-all-keys", overrides={"keys": f"{LEAKED}, app/1/1"}) as stage:
        assert stage.advance() is ExitCode.FAILED
        assert (stage.asked, kinds(stage)) == ([], [])
        assert stage.state is not None
        assert "app/1/1" in stage.state.ended.say
