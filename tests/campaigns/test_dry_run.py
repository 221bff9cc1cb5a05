"""P5: a dry run changes nothing, tells nobody, makes no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from respond.checks.rights import calls_of
from respond.core.plan import Plan
from respond.core.script import Call
from respond.errors import UsageError
from respond.ports import Intent, IntentSpentError
from respond.systems import discovery_of, specs
from respond.systems.hands import by_hand as left_to_people
from respond.testing.crashing import HANDS, RUNBOOKS
from respond.testing.runbook_kit import Stage

pytestmark = pytest.mark.promise("P5")


@pytest.mark.share(3)
@pytest.mark.parametrize("name", RUNBOOKS)
@pytest.mark.parametrize("hands", HANDS)
def test_a_dry_run_of_a_shipped_runbook_changes_nothing(
    name: str, hands: str, tmp_path: Path
) -> None:
    """No write reaches a system, nobody is told, no file and no key is left behind."""
    given = HANDS[hands]
    routes, by_hand = given.get("routes", False), given.get("by_hand", False)
    with Stage(tmp_path, name, routes=routes, by_hand=by_hand) as stage:
        before = stage.company()
        with stage.engine(dry_run=True) as engine:
            plan = engine.plan()
        assert plan.writes
        assert stage.effects() == []
        assert sum(count["writes"] for count in stage.counts().values()) == 0
        assert stage.company() == before
        assert stage.asked == []
        if not by_hand:
            offered = discovery_of("customerio") if routes else None
            can = frozenset(each.name for each in offered.candidates) if offered else frozenset()
            assert_hands_are_foretold(stage, plan, can)
    assert list(tmp_path.rglob("*")) == []


def assert_hands_are_foretold(stage: Stage, plan: Plan, can: frozenset[str]) -> None:
    """What doctor and the runbook's page say that a person does is what the plan leaves to one."""
    said: dict[str, str] = {}
    for step in calls_of(stage.runbook):
        spec = step.action.spec
        for each in left_to_people(spec, can=can, directories=["okta"]):
            said[each.action] = each.why
    hands = {
        step.action: {write.hands for write in step.writes} for step in plan.steps if step.writes
    }
    for planned in plan.steps:
        if planned.writes and not planned.action.startswith("directory."):
            undo = specs()[planned.action].undo
            assert any(w.undo for w in planned.writes) == ("." in undo), planned.action
    for action, whose in hands.items():
        assert "person" not in whose or action in said, action
        # In some cases only: ``for a Track API key: the account does not offer it``.
        assert "tool" not in whose or ": " in said.get(action, ": "), action


@pytest.mark.parametrize("name", RUNBOOKS)
def test_the_engine_of_a_dry_run_refuses_to_go_on(name: str, tmp_path: Path) -> None:
    """Even asked to, it carries nothing out."""
    with Stage(tmp_path, name) as stage:
        with stage.engine(dry_run=True) as engine, pytest.raises(UsageError):
            engine.advance()
        assert stage.effects() == []


def test_the_keys_of_a_dry_run_are_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its journal in memory seals is sealed with keys in memory, and never in a keyring."""
    import keyring  # noqa: PLC0415 - only to see that it is left alone

    touched: list[str] = []
    monkeypatch.setattr(keyring, "set_password", lambda *args: touched.append(str(args[0])))
    with (
        Stage(tmp_path, "compromised-key") as stage,
        stage.engine(dry_run=True) as engine,
    ):
        engine.plan()
    assert touched == []


def test_an_intent_cannot_be_made_by_anybody_but_a_journal() -> None:
    """There is no other key to a write."""
    call = Call("cio", "", "DELETE", ("x",))
    with pytest.raises(IntentSpentError):
        Intent(call, seq=1, run="XX", digest="d", record=None)
