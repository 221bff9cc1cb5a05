from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from tests.engine.test_other_people import (
    ANA,
    BEN,
    BOTH,
    PAGER,
    PROVABLE,
    REMOVE,
    SET,
    _signed,
    advance,
    at_terminal,
    entry,
    now,
    request,
    say,
    served,
)

from respond.company.crash_points import Killed, KilledJournal, Moments
from respond.core.approval import Standing, Verdict
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import IllegalEventError, RunStatus, fold
from respond.core.policy import Policy, TwoPeople
from respond.core.questions import AskStart
from respond.core.recorded import AskKind
from respond.engine.undo import undo_run
from respond.errors import ExitCode, RefusedByPersonError, RespondError
from respond.people.answers import answer, asked_now, decide
from respond.server.due import due_s
from respond.testing.toy_system import ACTIONS, BoxStage, Quiet, runbook_of

EVERY = Policy(two_people=TwoPeople.EVERY_WRITE)
KIM = Actor("kim", Strength.SIGNED_ON)


class There(Moments):
    """Die at the first moment of this name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def here(self, name: str) -> None:
        if name == self.name:
            raise Killed(name)


class Leaves(Quiet):
    """Somebody who does not wait at the terminal for other people."""

    def waiting(self, what: str, seconds: float) -> None:
        if "to agree" in what:
            raise Killed(what)


def killed_at(stage: BoxStage, name: str, **changed: Any) -> None:
    """A server's advance that dies there."""
    with pytest.raises(Killed):
        advance(stage, journal=KilledJournal(stage.kept, There(name)), **changed)


def terminal_killed_at(stage: BoxStage, name: str, **changed: Any) -> None:
    """A terminal's advance that dies there."""
    with pytest.raises(Killed):
        stage.advance(journal=KilledJournal(stage.kept, There(name)), **changed)


def leaves(stage: BoxStage) -> None:
    """Carry it on at the terminal until others have to agree, and leave."""
    with contextlib.suppress(Killed):
        stage.advance(progress=Leaves())


# --- a no that is lost ----------------------------------------------------------------------------


@pytest.mark.promise("P11")
def test_a_no_that_came_in_time_and_was_found_late_is_a_no() -> None:
    """The server was down for half an hour after somebody said no: the run ends at its start."""
    stage = served()
    advance(stage)
    say(stage, BEN, Verdict.DENY)
    stage.clock.advance(1_801)
    assert advance(stage) is ExitCode.REFUSED
    assert now(stage).status is RunStatus.ENDED


@pytest.mark.promise("P11")
def test_a_no_found_late_makes_no_run_loop() -> None:
    """After it was looked at, a denied run is not due again at once, for ever."""
    stage = served()
    advance(stage)
    say(stage, BEN, Verdict.DENY)
    stage.clock.advance(1_801)
    was = stage.kept.head().size
    for _ in range(5):
        state = now(stage)
        asked = asked_now(state)
        standing = entry(stage).standing(state, asked) if asked else None
        if state.status is RunStatus.ENDED or due_s(state, standing, 0) != 0:
            break
        advance(stage)
        stage.clock.advance(1)
    assert stage.kept.head().size - was <= 12


@pytest.mark.promise("P11")
def test_a_no_survives_a_change_of_policy() -> None:
    """Somebody said no to the run; that respond.toml changed before it was found makes no yes."""
    stage = served()
    advance(stage)
    say(stage, BEN, Verdict.DENY)
    stage.policy = Policy(limit=7)
    advance(stage)
    assert now(stage).status is RunStatus.ENDED


@pytest.mark.promise("P11")
def test_a_no_is_not_lost_when_a_terminal_takes_the_run_over() -> None:
    """`respond resume` of a run that somebody has said no to ends it."""
    stage = served()
    advance(stage)
    say(stage, BEN, Verdict.DENY)
    stage.place = {"provable": frozenset({"ana", "ben"})}
    stage.says.is_there = True
    stage.advance()
    assert stage.boxes.writes == []


@pytest.mark.promise("P11")
def test_a_no_to_one_step_is_not_lost_when_what_is_there_changes_again() -> None:
    """Drift, a no, and drift once more: the no stands."""
    stage = served(REMOVE)
    advance(stage)
    say(stage, ANA)
    stage.boxes.put("a", "other")
    advance(stage)
    assert request(stage).step == "gone"
    say(stage, BEN, Verdict.DENY)
    stage.boxes.put("a", "third")
    advance(stage)
    assert now(stage).status is RunStatus.ENDED


@pytest.mark.promise("P3", "P11")
def test_a_no_that_took_effect_ends_the_run_after_a_crash() -> None:
    """Killed between the no's effect and the end: the conductor has to come back to it."""
    stage = served()
    advance(stage)
    say(stage, BEN, Verdict.DENY)
    killed_at(stage, "after confirmed")
    state = now(stage)
    assert state.cancelled
    asked = asked_now(state)
    assert due_s(state, entry(stage).standing(state, asked) if asked else None, 0) is not None


def test_a_cancel_while_a_run_waits_for_people_makes_it_due() -> None:
    """`respond cancel` that could not take the lock leaves a run that the server ends."""
    stage = served()
    advance(stage)
    stage.kept.append(
        Event(Kind.CONFIRMED, stage.run, "", ANA, {"decision": "cancel", "reason": "no"})
    )
    state = now(stage)
    asked = asked_now(state)
    assert due_s(state, entry(stage).standing(state, asked) if asked else None, 0) == 0


# --- what comes after the end ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["joined", "approved", "denied", "answered"])
def test_what_arrives_just_after_the_end_poisons_no_run(kind: str) -> None:
    """Another process read the run before its end and appends after it: all can still be read."""
    stage = served()
    advance(stage)
    nonce = request(stage).nonce
    say(stage, ANA)
    assert advance(stage) is ExitCode.DONE
    texts: dict[str, dict[str, Any]] = {
        "joined": {"event": {}, "notes": []},
        "approved": {"nonce": nonce, "channel": "page"},
        "denied": {"nonce": nonce, "channel": "page"},
        "answered": {"question": "x", "word": "later"},
    }
    stage.kept.append(Event(Kind(kind), stage.run, "", BEN, texts[kind]))
    assert now(stage).status is RunStatus.ENDED


@pytest.mark.promise("P11")
def test_a_yes_that_races_with_the_end_leaves_the_run_readable() -> None:
    """decide() looks, the run ends in another process, decide() appends: nothing is broken."""
    stage = served(policy=Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2))
    advance(stage)

    class Racing:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def append(self, event: Event, **more: Any) -> Any:
            if event.kind is Kind.APPROVED:
                say(stage, BEN, Verdict.DENY)
                advance(stage)
            return self.inner.append(event, **more)

    door = replace(entry(stage), journal=Racing(stage.kept))
    nonce = request(stage).nonce
    with contextlib.suppress(RespondError):
        decide(door, stage.run, ANA, Verdict.APPROVE, channel="page", nonce=nonce)
    assert now(stage).status is RunStatus.ENDED


@pytest.mark.promise("P7", "P11")
def test_an_undo_where_others_have_to_agree_asks_them_and_can_be_agreed_to() -> None:
    """Putting back what a run changed is a write like any other."""
    stage = BoxStage(
        runbook_of(SET),
        {"a": "old", "b": "old"},
        persons=at_terminal().persons,
        place={"provable": frozenset({"ana", "ben"})},
        policy=EVERY,
    )
    stage.says.is_there = False
    stage.advance()
    say(stage, ANA)
    assert stage.advance() is ExitCode.DONE
    try:
        undo_run(stage.engine(), ACTIONS)
    finally:
        assert fold(stage.kept.records(stage.run)) is not None
    say(stage, ANA)
    assert undo_run(stage.engine(), ACTIONS) is ExitCode.DONE
    assert stage.boxes.values["a"] == "old"


@pytest.mark.promise("P7")
def test_an_undo_that_destroys_under_the_default_policy_breaks_no_record() -> None:
    """People have keys; the way back of what was made is a removal: it waits, and can be read."""
    steps = "  - {id: one, action: box.set, with: {name: new, value: x}}"
    stage = at_terminal(steps, policy=Policy())
    assert stage.advance() is ExitCode.DONE
    with contextlib.suppress(IllegalEventError):
        undo_run(stage.engine(), ACTIONS)
    assert now(stage).status is RunStatus.ENDED


# --- an old yes for something new -----------------------------------------------------------------


@pytest.mark.promise("P10")
def test_a_yes_to_one_steps_writes_does_not_outlive_its_plan() -> None:
    """Drift agreed to under one policy; the policy asks for two people before it is sent."""
    stage = served(REMOVE)
    advance(stage)
    say(stage, ANA)
    stage.boxes.put("a", "other")
    advance(stage)
    say(stage, ANA)
    killed_at(stage, "before intent gone")
    assert stage.boxes.writes == []
    stage.policy = Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2)
    advance(stage)
    assert stage.boxes.writes == []


@pytest.mark.promise("P10", "P11", "P12")
def test_the_operators_yes_under_an_old_policy_is_not_two_peoples() -> None:
    """Confirmed alone, then policy wants two people: the write waits for the second one."""
    stage = at_terminal(REMOVE, policy=Policy(), place={"provable": frozenset()})
    stage.says.is_there = True
    terminal_killed_at(stage, "before intent gone")
    assert stage.boxes.writes == []
    stage.policy = Policy(two_people=TwoPeople.DESTRUCTIVE)
    stage.place = {"provable": frozenset({"ana", "ben"})}
    stage.says.is_there = True
    leaves(stage)
    assert stage.boxes.writes == []


@pytest.mark.promise("P10", "P11")
def test_a_signature_under_one_plan_lets_no_other_plan_off() -> None:
    """The operator's key signed the first plan; another plan is destroyed by nobody's bare name."""
    stage = at_terminal(REMOVE, policy=Policy(), place={"provable": PROVABLE})
    stage.says.is_there = True
    terminal_killed_at(stage, "before intent gone", sign=_signed)
    stage.runbook = runbook_of(
        "  - {id: gone, phase: contain, action: box.remove, with: {name: b}}"
    )
    stage.says.is_there = False  # whoever is there has no key
    stage.advance()
    assert stage.boxes.writes == []


@pytest.mark.promise("P11")
def test_already_so_is_no_yes_to_write_it_later() -> None:
    """The operator agrees that nothing is left; killed there; it comes back: others are asked."""
    stage = at_terminal(REMOVE)
    stage.advance()
    stage.boxes.put("a", None)
    stage.says.is_there = True
    terminal_killed_at(stage, "after confirmed gone")
    stage.boxes.put("a", "old")
    stage.clock.advance(3_600)
    stage.says.is_there = False
    stage.advance()
    assert stage.boxes.writes == []


@pytest.mark.promise("P8", "P11", "P15")
def test_one_question_for_a_group_covers_only_what_others_agreed_to() -> None:
    """A new target's approval lets the operator's group answer carry the unapproved rest along."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: gone, phase: contain, for_each: 'all_of.names.filter(x, x != \"c\")', as: n,"
        " limit: 9, action: box.remove, with: {name: '${{ n }}'}}"
    )
    stage = at_terminal(steps)
    stage.says.is_there = True

    # A new one comes first in the set when its turn comes; to the plan itself nobody agreed.
    def grow(question: Any) -> None:
        if isinstance(question, AskStart):
            stage.boxes.put("0", "new here")

    stage.says.before = grow
    leaves(stage)
    stage.says.before = lambda _: None
    asked = now(stage).requests[-1]
    assert asked.step.startswith("gone["), asked
    say(stage, ANA, nonce=asked.nonce)
    leaves(stage)
    assert stage.boxes.writes == ["DELETE /box/0"], stage.boxes.writes


# --- who is two people ----------------------------------------------------------------------------


@pytest.mark.promise("P11")
def test_who_takes_a_served_run_over_does_not_agree_with_themselves() -> None:
    """Ana types start for a run that the pager began; her own yes is not another person's."""
    stage = served(REMOVE, policy=Policy(two_people=TwoPeople.DESTRUCTIVE))
    advance(stage)
    stage.place = {"provable": PROVABLE, "operator": Actor("ana", Strength.CLAIMED)}
    stage.says.is_there = True

    leaves(stage)
    with pytest.raises(RefusedByPersonError):
        say(stage, Actor("ana", Strength.KEY))


@pytest.mark.promise("P11")
def test_who_took_it_over_is_the_initiator_without_a_terminal_too() -> None:
    """The request that a pipe makes names who typed start, and not the pager."""
    stage = served(BOTH, policy=EVERY)
    advance(stage)
    stage.place = {"provable": PROVABLE, "operator": Actor("ana", Strength.CLAIMED)}
    stage.says.is_there = True
    terminal_killed_at(stage, "after confirmed")
    assert now(stage).started
    stage.boxes.put("a", "other")
    stage.says.is_there = False
    stage.advance()
    asked = now(stage).requests[-1]
    assert asked.step == "one", asked
    with pytest.raises(RefusedByPersonError):
        say(stage, Actor("ana", Strength.KEY))


@pytest.mark.promise("P11", "P12")
def test_where_policy_wants_two_people_a_pager_is_none_of_them() -> None:
    """Whoever can make the pager ring must not be able to agree with it alone."""
    stage = served(policy=EVERY)
    advance(stage)
    assert say(stage, ANA) is Standing.OPEN
    advance(stage)
    assert stage.boxes.writes == []


@pytest.mark.promise("P11")
def test_who_may_not_say_no_may_not_quit_by_way_of_a_question() -> None:
    """A person without the role ends no run: neither by denying nor by a question's words."""
    stage = served()
    advance(stage)
    stage.clock.advance(1_801)
    advance(stage)
    asks = now(stage).parked.asks
    with pytest.raises(RefusedByPersonError):
        answer(entry(stage), stage.run, KIM, asks.id, "quit")


def test_a_question_s_quit_is_recorded_as_theirs_who_said_it() -> None:
    """The record names the person, and not the pager."""
    stage = served()
    advance(stage)
    stage.clock.advance(1_801)
    advance(stage)
    answer(entry(stage), stage.run, ANA, now(stage).parked.asks.id, "quit")
    advance(stage)
    (quit_,) = [
        r
        for r in stage.kept.records(stage.run)
        if r.event.kind is Kind.CONFIRMED and r.event.data["decision"] == "quit"
    ]
    assert quit_.event.actor.id == "ana"
    assert PAGER.id not in str(now(stage).ended.say)


@pytest.mark.promise("P8")
def test_more_than_the_limit_is_let_through_by_an_approver_and_not_by_anybody() -> None:
    """A block over a set that grew: its limit is lifted by those who may approve."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - id: each\n    for_each: all_of.names\n    as: n\n    limit: 2\n    block:\n"
        "      - {id: one, action: box.set, with: {name: '${{ n }}', value: new}}"
    )
    stage = served(steps)
    del stage.boxes.values["c"]
    advance(stage)
    say(stage, ANA)
    stage.boxes.put("c", "old")
    advance(stage)
    asks = now(stage).parked.asks
    assert asks.kind is AskKind.APPROVAL, asks
