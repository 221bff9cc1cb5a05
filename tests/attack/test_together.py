from __future__ import annotations

import contextlib

import pytest
from tests.engine.test_other_people import (
    ANA,
    PROOFS,
    REMOVE,
    SET,
    _JustBefore,
    _signed,
    advance,
    at_terminal,
    entry,
    now,
    request,
    say,
    served,
)

from respond.adapters.store.sealing import describe_secret
from respond.company.crash_points import Killed, KilledJournal, Moments
from respond.core.approval import Verdict
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import RunStatus, fold
from respond.core.policy import Policy, TwoPeople
from respond.core.recorded import AskKind
from respond.core.shapes import encode
from respond.engine.proposing import GivenInputs
from respond.engine.telling import _address
from respond.errors import ExitCode, RefusedByPersonError, RespondError
from respond.people.answers import give_inputs
from respond.testing.example_run import TELL
from respond.testing.toy_system import BoxStage, runbook_of


@pytest.mark.promise("P4")
def test_two_processes_that_tell_of_the_same_request_break_no_run() -> None:
    """Two servers start at once over one journal; both let people know of what is asked."""
    stage = served()
    advance(stage)
    first, second = stage.engine(), stage.engine()
    about = f"approval:{request(stage).nonce[:8]}"
    for each in (first, second):
        each.intend(_address(each, about), "0" * 64, key="k", write=encode(TELL), undo=None)
    assert fold(stage.kept.records(stage.run)) is not None


@pytest.mark.promise("P14")
def test_going_alone_covers_what_it_was_said_for() -> None:
    """Alone under one plan; another runbook, and a policy that forbids it: others are asked."""
    stage = at_terminal(REMOVE, place={"proofs": PROOFS, "alone": "ana and ben cannot be reached"})
    stage.says.is_there = True

    class There(Moments):
        def here(self, passed: str) -> None:
            if passed == "before intent gone":
                raise Killed(passed)

    with pytest.raises(Killed):
        stage.advance(sign=_signed, journal=KilledJournal(stage.kept, There()))
    assert now(stage).alone
    stage.runbook = runbook_of(REMOVE.replace("name: a", "name: b"))
    stage.policy = Policy(two_people=TwoPeople.DESTRUCTIVE, alone=False)
    stage.place = {"proofs": PROOFS, "operator": Actor("kim", Strength.CLAIMED)}

    class Leaves(type(stage.progress)):  # type: ignore[misc]
        def waiting(self, what: str, seconds: float) -> None:
            if "to agree" in what:
                raise Killed(what)

    with contextlib.suppress(Killed):
        stage.advance(progress=Leaves())
    assert stage.boxes.writes == []


@pytest.mark.promise("P14")
@pytest.mark.parametrize(
    ("steps", "person"),
    [(REMOVE.replace("name: a", "name: b"), "dana"), (REMOVE, "kim")],
    ids=["plan", "person"],
)
def test_who_went_alone_did_so_for_that_plan_and_lets_nobody_else_off(
    steps: str, person: str
) -> None:
    """The same person with another plan, and another person with the same: others are asked."""
    stage = at_terminal(REMOVE, place={"proofs": PROOFS, "alone": "nobody can be reached"})
    stage.says.is_there = True
    with pytest.raises(Killed):
        stage.advance(sign=_signed, journal=KilledJournal(stage.kept, _JustBefore("intent gone")))
    assert now(stage).alone
    stage.runbook = runbook_of(steps)
    stage.place = {"proofs": PROOFS, "operator": Actor(person, Strength.CLAIMED)}
    stage.says.is_there = False

    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert now(stage).parked.asks.kind is AskKind.APPROVAL


TOP = (
    "inputs:\n  who: {type: email, required: false}\n  v: {type: text, default: new}\n"
    "subject: who\n"
)


def _with_inputs() -> BoxStage:
    steps = "  - {id: one, action: box.set, with: {name: a, value: '${{ inputs.v }}'}}"
    stage = served(SET)
    made = BoxStage(
        runbook_of(steps, top=TOP), {"a": "old"}, persons=stage.persons, place=stage.place
    )
    made.says.is_there = False
    return made


@pytest.mark.promise("P10", "P11")
def test_an_input_that_is_given_after_people_were_asked_changes_nothing_they_agreed_to() -> None:
    """The subject becomes known after the request: they cannot agree to it, nor have agreed."""
    stage = _with_inputs()
    advance(stage)
    asked = request(stage)
    with contextlib.suppress(RespondError):
        give_inputs(
            entry(stage), stage.runbook, stage.run, Actor("kim", Strength.SIGNED_ON),
            GivenInputs({"who": "ana@example.com"}), describe_secret,
        )  # fmt: skip
    if now(stage).proposed.subject:
        with pytest.raises(RefusedByPersonError):
            say(stage, ANA, nonce=asked.nonce)


def test_a_no_to_what_the_end_does_is_asked_once() -> None:
    """on_cancel and always ask on their own; who says no to the first is not asked it again."""
    top = (
        "on_cancel:\n  - {id: c, action: box.set, with: {name: b, value: off}}\n"
        "always:\n  - {id: z, action: box.set, with: {name: c, value: off}}\n"
    )
    stage = BoxStage(
        runbook_of("  - {id: one, action: box.set, with: {name: a, value: new}}\n"
                   "  - {id: pause, wait: {for: 20m}}", top=top),
        {"a": "old", "b": "old", "c": "old"}, persons=served().persons, place=served().place,
    )  # fmt: skip
    stage.says.is_there = False
    advance(stage)
    say(stage, ANA)
    advance(stage)
    stage.kept.append(Event(Kind.CONFIRMED, stage.run, "", ANA, {"decision": "cancel"}))
    asked: list[str] = []
    for _ in range(6):
        advance(stage)
        if now(stage).status is RunStatus.ENDED:
            break
        asked.append(request(stage).step)
        say(stage, ANA, Verdict.DENY)
    assert asked.count("c") == 1, asked
