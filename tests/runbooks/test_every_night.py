"""Every runbook on every kind of night: whoever acts, however many directories, whatever is wrong.

The runbooks are found by their folder, so one that is new has to say here what becomes of it in the
stories that it can be in. Reviews only read: for them no story says anything else than an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from respond.core.fold import RunStatus
from respond.core.outcome import outcome_of
from respond.core.script import Effect
from respond.errors import ExitCode
from respond.testing.crashing import HANDS
from respond.testing.runbook_kit import Stage
from respond.wiring.session import systems_of

FOLDER = Path(__file__).parents[2] / "runbooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

DIRECTORIES: Mapping[str, tuple[str, ...]] = {
    "no directory": (),
    "one directory": ("okta",),
    "two directories": ("okta", "google"),
}
SOLE = "customerio.sole_admin"
BEGINS: Mapping[str, str] = {"sole-admin-locked-out": SOLE}
"""How the night begins for a runbook that has nothing to do on any other."""

DANA = "dana@example.com"
DEAD = "customerio:503xall"


@dataclass(frozen=True)
class Ends:
    """What a runbook comes to in a story.

    Attributes:
        exit: Its exit code.
        says: What is said of what stays open, or why it ended.
        writes: Whether anything was changed anywhere.
        given: Inputs that make the story.
    """

    exit: ExitCode
    says: str = ""
    writes: bool = False
    given: Mapping[str, str] = field(default_factory=dict)


NOT_LAST = "This is the only usable admin"
NOT_YOU = "This is your own account"

INTRUDER_IS_THE_ONLY_ADMIN: Mapping[str, Ends] = {
    "compromised-key": Ends(ExitCode.DONE, writes=True),
    # The guard keeps the member; all that it does not forbid is done, and it stays open.
    "compromised-user": Ends(ExitCode.FAILED, "not contained: Remove the member", writes=True),
    # Somebody else lost the second factor; the only administrator is asked for nothing.
    "lost-2fa": Ends(ExitCode.DONE, writes=True),
    "prove-contact": Ends(ExitCode.DONE, writes=True),
    # Whoever leaves as the only administrator locks the company out: nothing of it is done.
    "offboard-member": Ends(ExitCode.FAILED, NOT_LAST),
    "role-change": Ends(ExitCode.FAILED, NOT_LAST),
    "rotate-all-keys": Ends(ExitCode.DONE, writes=True),
    "rotate-key": Ends(ExitCode.DONE, writes=True),
    "sole-admin-locked-out": Ends(ExitCode.DONE, writes=True),
}

IT_IS_THE_OPERATORS_OWN: Mapping[str, Ends] = {
    "compromised-user": Ends(ExitCode.FAILED, "is you, the operator of this run", writes=True),
    "lost-2fa": Ends(ExitCode.FAILED, NOT_YOU),
    "offboard-member": Ends(ExitCode.FAILED, NOT_YOU),
    "role-change": Ends(ExitCode.FAILED, NOT_YOU),
    # Nobody else is administrator: they may do this, and end with a second one.
    "sole-admin-locked-out": Ends(ExitCode.DONE, writes=True),
}

THE_KEY_IS_OUR_OWN: Mapping[str, Ends] = {
    "compromised-key": Ends(
        ExitCode.DONE, writes=True, given={"leaked": "story.app_key", "key": "respond-ir"}
    ),
    "rotate-all-keys": Ends(ExitCode.DONE, writes=True, given={"keys": "app/190001/9105"}),
    "rotate-key": Ends(ExitCode.DONE, writes=True, given={"key": "app/190001/9105"}),
}


def is_review(stage: Stage) -> bool:
    return stage.runbook.review


def asks_the_vendor(stage: Stage) -> bool:
    return "customerio" in systems_of(stage.runbook)


def begin(stage: Stage, *, story: str = "", **about: str) -> None:
    what = story or BEGINS.get(stage.name, "")
    if what:
        stage.rehearsal.doors.post("happen", {"what": what, "about": about})


def said(stage: Stage) -> str:
    assert stage.state is not None
    lines = [item.says for item in outcome_of(stage.state).items]
    return " ".join([*lines, stage.state.ended.say, stage.state.parked.why, stage.state.parked.do])


def came_to(stage: Stage, ends: Ends) -> None:
    assert stage.advance() is ends.exit
    assert ends.says in said(stage)
    assert bool(stage.effects()) is ends.writes


# --- whoever acts, whatever signs people in -------------------------------------------------------


@pytest.mark.share(8)
@pytest.mark.parametrize("directories", DIRECTORIES)
@pytest.mark.parametrize("hands", HANDS)
@pytest.mark.parametrize("name", NAMES)
def test_each_runbook_comes_to_its_end(
    name: str, hands: str, directories: str, tmp_path: Path
) -> None:
    """Green, and with hands of the kind that the night has; a review changes nothing on its way."""
    among, who = DIRECTORIES[directories], HANDS[hands]
    routes, by_hand = who.get("routes", False), who.get("by_hand", False)
    with Stage(tmp_path, name, routes=routes, by_hand=by_hand, directories=among) as stage:
        begin(stage)
        assert stage.advance() is ExitCode.DONE
        assert stage.state is not None
        assert bool(stage.effects()) is not is_review(stage)
        done = [write for step in stage.state.steps.values() for write in step.done().values()]
        destroyed = {write.by for write in done if write.write.effect is Effect.DESTROYS}
        assert destroyed <= ({"person"} if hands == "by hand" else {"person", "tool"})


@pytest.mark.share(4)
@pytest.mark.promise("P5")
@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_of_each_runbook_writes_nothing(name: str, tmp_path: Path) -> None:
    """The systems themselves count: no write, and no effect."""
    with Stage(tmp_path, name, routes=True) as stage:
        begin(stage)
        with stage.engine(dry_run=True) as engine:
            plan = engine.plan()
        assert bool(plan.writes) is not is_review(stage)
        assert {
            name: each["writes"] for name, each in stage.counts().items() if each["writes"]
        } == {}
        assert stage.effects() == []


# --- the four stories -----------------------------------------------------------------------------


@pytest.mark.share(4)
@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", NAMES)
def test_the_intruder_is_the_only_administrator(name: str, tmp_path: Path) -> None:
    """What a guard forbids is not done, and it is said what is to be done instead."""
    with Stage(tmp_path, name, routes=True) as stage:
        begin(stage, story=SOLE)
        review = Ends(ExitCode.DONE)
        came_to(stage, review if is_review(stage) else INTRUDER_IS_THE_ONLY_ADMIN[name])


@pytest.mark.share(4)
@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", NAMES)
def test_the_account_is_the_operators_own(name: str, tmp_path: Path) -> None:
    """Nobody acts on the account that works on the incident; who has one may be in this story."""
    with Stage(tmp_path, name, routes=True, overrides={"email": DANA}) as stage:
        if not stage.runbook.subject:
            assert name not in IT_IS_THE_OPERATORS_OWN
            return
        begin(stage, **({"email": DANA} if name in BEGINS else {}))
        came_to(stage, IT_IS_THE_OPERATORS_OWN[name])


@pytest.mark.share(4)
@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", NAMES)
def test_the_key_is_what_respond_works_with(name: str, tmp_path: Path) -> None:
    """A new one is in use before the old one dies, so that the run comes to its end."""
    ends = THE_KEY_IS_OUR_OWN.get(name)
    with Stage(tmp_path, name, routes=True, overrides=ends.given if ends else {}) as stage:
        asked = {each.name for each in stage.runbook.inputs}
        if ends is None:
            assert not asked & {"key", "leaked"}
            return
        came_to(stage, ends)
        kinds = [each["kind"] for each in stage.effects() if each["kind"].startswith("app_key.")]
        assert kinds == ["app_key.created", "app_key.revoked"]


@pytest.mark.share(4)
@pytest.mark.parametrize("name", NAMES)
def test_the_vendor_answers_nothing(name: str, tmp_path: Path) -> None:
    """Nothing is changed and nothing lost: it can be gone on with, or gone through by hand.

    A review ends: the next one looks anew.
    """
    with Stage(tmp_path, name) as stage:
        begin(stage)
        stage.faults(DEAD)
        if not asks_the_vendor(stage):
            came_to(stage, Ends(ExitCode.DONE, writes=True))
            return
        came_to(stage, Ends(ExitCode.FAILED, "answered 503"))
        assert stage.state is not None
        if is_review(stage):
            assert stage.state.status is RunStatus.ENDED
            return
        assert stage.state.status is RunStatus.PARKED
        assert "--by-hand" in said(stage)


@pytest.mark.share(4)
@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_can_be_looked_at_a_person_is_led_through(name: str, tmp_path: Path) -> None:
    """On somebody's word: every step that changes something is asked for, and none is proved.

    Nobody's word is a finding: a review has failed then.
    """
    with Stage(tmp_path, name, by_hand=True) as stage:
        begin(stage)
        stage.faults(DEAD)
        if not asks_the_vendor(stage):
            came_to(stage, Ends(ExitCode.DONE, writes=True))
            return
        if is_review(stage):
            came_to(stage, Ends(ExitCode.FAILED, "answered 503"))
            return
        came_to(stage, Ends(ExitCode.DONE, "nothing is proved"))
        assert stage.state is not None
        words = {
            step.conclusion.how.value for step in stage.state.steps.values() if step.conclusion
        }
        assert words == {"your-word"}
