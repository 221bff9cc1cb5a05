from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.test_other_people import (
    ANA,
    BEN,
    BOTH,
    PAGER,
    PEOPLE,
    PROOFS,
    REMOVE,
    SET,
    THEIRS,
    _signed,
    advance,
    at_terminal,
    entry,
    now,
    proof_of,
    request,
    say,
    served,
    tell,
)

from respond.company.crash_points import Killed, KilledJournal, Moments
from respond.core.approval import Standing, Verdict
from respond.core.asked import asked_now, changed_since
from respond.core.events import Actor, Event, Kind, Strength
from respond.core.fold import IllegalEventError, RunState, RunStatus, fold
from respond.core.policy import Chat, Policy, TwoPeople
from respond.core.questions import AskDrift, AskStart
from respond.core.recorded import AskKind
from respond.core.records import replace
from respond.core.script import Call
from respond.engine.undo import undo_run
from respond.errors import ExitCode, RefusedByPersonError, RespondError, UsageError
from respond.people.answers import Entry, answer, decide
from respond.server.due import due_s
from respond.testing.toy_system import ACTIONS, BoxStage, Quiet, refused, runbook_of
from respond.views.waiting import waiting

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
    stage.place = {"proofs": THEIRS}
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
        decide(
            door, stage.run, ANA, Verdict.APPROVE, channel="page", nonce=nonce, proof=proof_of(ANA)
        )
    assert now(stage).status is RunStatus.ENDED


class Between:
    """A journal that lets something happen between a door's look at it and its record, once."""

    def __init__(self, inner: Any, happens: Callable[[], object]) -> None:
        self.inner = inner
        self.happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def append(self, event: Event, **more: Any) -> Any:
        happens, self.happens = self.happens, lambda: None
        happens()
        return self.inner.append(event, **more)


@pytest.mark.promise("P9", "P11")
def test_of_two_at_two_doors_in_one_moment_the_second_is_judged_by_the_first() -> None:
    """The same yes counts once, however it comes twice; who is late with a word is told so."""
    stage = served(REMOVE, policy=Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2))
    advance(stage)
    given: dict[str, Any] = {"channel": "page", "nonce": request(stage).nonce}

    def at_once(who: Actor) -> Standing:
        door = replace(entry(stage), journal=Between(stage.kept, lambda: say(stage, who)))
        return decide(door, stage.run, who, Verdict.APPROVE, proof=proof_of(who), **given)

    assert at_once(ANA) is Standing.OPEN
    assert at_once(BEN) is Standing.AGREED
    assert [vote.who for vote in now(stage).votes] == [ANA, BEN]

    def no_deleting(call: Call) -> None:
        if call.method == "DELETE":
            raise refused()

    stage.boxes.broken = no_deleting
    advance(stage)
    asks = now(stage).asks
    other = Between(stage.kept, lambda: tell(stage, ANA, asks.id, "skip"))
    with pytest.raises(UsageError, match="does not ask that now"):
        answer(
            replace(entry(stage), journal=other), stage.run, BEN, asks.id, "by-hand",
            proof=proof_of(BEN),
        )  # fmt: skip
    assert now(stage).answers[asks.id].word == "skip"


@pytest.mark.promise("P7", "P11")
def test_an_undo_where_others_have_to_agree_asks_them_and_can_be_agreed_to() -> None:
    """Putting back what a run changed is a write like any other."""
    stage = BoxStage(
        runbook_of(SET),
        {"a": "old", "b": "old"},
        persons=at_terminal().persons,
        place={"proofs": THEIRS},
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
    stage = at_terminal(REMOVE, policy=Policy(), place={"proofs": {}})
    stage.says.is_there = True
    terminal_killed_at(stage, "before intent gone")
    assert stage.boxes.writes == []
    stage.policy = Policy(two_people=TwoPeople.DESTRUCTIVE)
    stage.place = {"proofs": THEIRS}
    stage.says.is_there = True
    leaves(stage)
    assert stage.boxes.writes == []


@pytest.mark.promise("P10", "P11")
def test_a_signature_under_one_plan_lets_no_other_plan_off() -> None:
    """The operator's key signed the first plan; another plan is destroyed by nobody's bare name."""
    stage = at_terminal(REMOVE, policy=Policy(), place={"proofs": PROOFS})
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
    stage.place = {"proofs": PROOFS, "operator": Actor("ana", Strength.CLAIMED)}
    stage.says.is_there = True

    leaves(stage)
    with pytest.raises(RefusedByPersonError):
        say(stage, Actor("ana", Strength.KEY))


@pytest.mark.promise("P11")
def test_who_took_it_over_is_the_initiator_without_a_terminal_too() -> None:
    """The request that a pipe makes names who typed start, and not the pager."""
    stage = served(BOTH, policy=EVERY)
    advance(stage)
    stage.place = {"proofs": PROOFS, "operator": Actor("ana", Strength.CLAIMED)}
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
        tell(stage, KIM, asks.id, "quit")


def test_a_question_s_quit_is_recorded_as_theirs_who_said_it() -> None:
    """The record names the person, and not the pager."""
    stage = served()
    advance(stage)
    stage.clock.advance(1_801)
    advance(stage)
    tell(stage, ANA, now(stage).parked.asks.id, "quit")
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


# --- what proved a yes ----------------------------------------------------------------------------

TWO = Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2)
OTHER_KEY = {**PROOFS, "ana": frozenset({"SHA256:new"})}
CHANGED = {
    "no-keys": {"proofs": {name: PROOFS[name] for name in ("dana", "ben", "eve")}},
    "another-key": {"proofs": OTHER_KEY},
}


@pytest.mark.promise("P11")
@pytest.mark.parametrize("place", CHANGED.values(), ids=list(CHANGED))
@pytest.mark.parametrize("strength", [Strength.KEY, Strength.SIGNED_ON])
def test_a_yes_counts_only_while_what_proved_it_is_theirs(
    place: dict[str, Any], strength: Strength
) -> None:
    """Key or account was taken away since: the yes is void, and people are asked anew, told why."""
    stage = served(policy=TWO)
    advance(stage)
    say(stage, Actor("ana", strength), channel="terminal")
    first = request(stage)

    stage.place = {**stage.place, **place}
    assert entry(stage).standing(now(stage), first) is Standing.VOID
    assert due_s(now(stage), Standing.VOID, 0) == 0
    with pytest.raises(RefusedByPersonError, match="asked anew") as refused:
        say(stage, BEN)
    assert "the yes of ana is void" in refused.value.why

    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert request(stage).nonce != first.nonce
    what = "key" if strength is Strength.KEY else "account"
    assert request(stage).anew == (
        f"ana: the {what} that proved it is not theirs in respond.toml any more; "
        "the yes of ana is void"
    )
    assert say(stage, BEN) is Standing.OPEN
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.promise("P11")
def test_a_no_needs_no_key_to_stay_a_no() -> None:
    """Whoever said no and has another key since has still said no; nothing is done by it."""
    stage = served()
    advance(stage)
    say(stage, Actor("ana", Strength.KEY), Verdict.DENY)
    stage.place = {**stage.place, "proofs": OTHER_KEY}
    assert advance(stage) is ExitCode.REFUSED


@pytest.mark.promise("P11")
def test_a_click_counts_only_while_the_account_in_chat_is_theirs() -> None:
    """The Slack user in respond.toml is another one since: the click is void."""
    stage = served(SET, policy=Policy(chat=Chat.ORDINARY))
    advance(stage)
    say(stage, Actor("ana", Strength.CHAT), channel="chat")
    stage.persons = tuple(
        replace(each, accounts={"slack": "U7"}) if each.id == "ana" else each for each in PEOPLE
    )
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.promise("P11", "P14")
@pytest.mark.parametrize("alone", ["", "nobody answers"])
def test_the_operators_own_signature_counts_only_while_the_key_is_theirs(alone: str) -> None:
    """Signed the start, or the emergency entry; killed before the write; their key is another."""
    stage = at_terminal(REMOVE, policy=Policy(), place={"proofs": PROOFS, "alone": alone})
    stage.says.is_there = True
    terminal_killed_at(stage, "before intent gone", sign=_signed)
    proofs = {**PROOFS, "dana": frozenset({"SHA256:new"})}
    stage.place = {**stage.place, "proofs": proofs, "alone": ""}
    stage.says.is_there = False
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.promise("P11")
def test_an_answer_counts_only_while_its_account_may_give_it() -> None:
    """A yes to what is there now, and its giver loses account or role before it is heard."""
    for place in ({"proofs": OTHER_KEY}, {"persons": PEOPLE[:1] + PEOPLE[2:]}):
        stage = served()
        advance(stage)
        stage.clock.advance(1_801)
        advance(stage)
        tell(stage, Actor("ana", Strength.KEY), now(stage).parked.asks.id, "ask again")
        stage.place = {**stage.place, **place}
        assert advance(stage) is ExitCode.PARKED
        assert stage.events("approval-asked") == ["approval-asked"]
        assert now(stage).parked.asks.question == "AskAgain"


# --- a yes to what is not any more ----------------------------------------------------------------


def door(stage: BoxStage) -> Entry:
    """The door of a process that reads the runbook as it is now."""

    def changed(state: RunState) -> tuple[str, ...]:
        site = stage.site
        return changed_since(
            state, stage.runbook, engine=site.engine, policy=site.policy, bound=site.bound
        )

    return replace(entry(stage), changed=changed)


def edited(stage: BoxStage) -> None:
    """Somebody edits the title of the only step, in line 7 of the file."""
    steps = "  - {id: gone, title: Other, phase: contain, action: box.remove, with: {name: a}}"
    stage.runbook = runbook_of(steps)


@pytest.mark.promise("P10", "P11")
def test_nobody_reads_that_all_have_agreed_to_a_runbook_that_changed() -> None:
    """One of two agrees, the runbook is edited: the second yes is refused, with what changed."""
    stage = served(REMOVE, policy=TWO)
    advance(stage)
    say(stage, ANA)
    edited(stage)
    asked, nonce = door(stage), request(stage).nonce

    with pytest.raises(RefusedByPersonError, match="asked anew") as refused:
        decide(
            asked, stage.run, BEN, Verdict.APPROVE, channel="file", nonce=nonce, proof=proof_of(BEN)
        )
    why = "the runbook changed (line 7); the yes of ana is void"
    assert refused.value.why == why
    waits = waiting(now(stage), asked.today())
    assert (waits.line, waits.why) == ("has to be asked anew: nothing was changed by it", why)
    assert due_s(now(stage), asked.standing(now(stage), request(stage)), 0) == 0

    assert advance(stage) is ExitCode.PARKED
    assert request(stage).anew == why
    shown = waiting(now(stage), door(stage).today())
    assert (shown.line, shown.why) == (
        "waits for 2 people to agree to the plan",
        f"asked anew: {why}",
    )
    assert stage.boxes.writes == []


@pytest.mark.promise("P10", "P11")
def test_a_no_is_taken_although_the_runbook_changed() -> None:
    """Stopping a run needs no question that is asked anew."""
    stage = served(REMOVE, policy=TWO)
    advance(stage)
    edited(stage)
    nonce = request(stage).nonce
    given: dict[str, Any] = {"channel": "file", "nonce": nonce, "proof": proof_of(BEN)}
    decide(door(stage), stage.run, BEN, Verdict.DENY, **given)
    assert advance(stage) is ExitCode.REFUSED


@pytest.mark.promise("P10", "P11")
def test_a_yes_that_took_effect_is_said_to_be_void_when_the_plan_changes() -> None:
    """Agreed, killed before the write, the policy changed: asked anew, with whose yes is void."""
    stage = served(REMOVE, policy=TWO)
    advance(stage)
    say(stage, ANA)
    say(stage, BEN)
    killed_at(stage, "before intent gone")
    stage.policy = replace(TWO, limit=7)
    assert advance(stage) is ExitCode.PARKED
    assert request(stage).anew == "the policy changed; the yes of ana and ben is void"


@pytest.mark.promise("P10", "P11")
def test_what_is_there_now_makes_a_yes_void_and_says_so() -> None:
    """Nobody agreed in time; asked again, everything is looked at anew and is another plan."""
    stage = served(REMOVE, policy=TWO)
    advance(stage)
    say(stage, ANA)
    stage.clock.advance(1_801)
    advance(stage)
    stage.boxes.put("a", "other")
    tell(stage, BEN, now(stage).parked.asks.id, "ask again")
    advance(stage)
    assert request(stage).anew == "what is there is not what it was; the yes of ana is void"


@pytest.mark.promise("P10", "P11")
def test_resuming_an_edited_runbook_says_whose_yes_is_void() -> None:
    """The operator is asked with the line that differs, and so are the others."""
    stage = at_terminal(REMOVE)
    stage.advance()
    say(stage, ANA)
    edited(stage)
    assert stage.advance() is ExitCode.PARKED
    (drift,) = [each for each in stage.says.asked if isinstance(each, AskDrift)]
    assert drift.title == "the runbook changed (line 7) since the plan was agreed to"
    assert request(stage).anew == "the runbook changed (line 7); the yes of ana is void"
    assert f"asked anew: {request(stage).anew}" in stage.progress.told
    assert stage.boxes.writes == []
