from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.nobody_there import ServedPrompt
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.run_lock import RunLocks
from respond.company.crash_points import Killed, KilledJournal, Moments
from respond.core.approval import Request, Standing, Verdict, answer_text
from respond.core.asked import asked_now
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import RunState, RunStatus, fold
from respond.core.policy import Chat, Confirm, Policy, TwoPeople
from respond.core.questions import AskConfirm, AskDrift, AskStart
from respond.core.recorded import AskKind
from respond.core.records import replace
from respond.core.script import Call, Effect, Me, PersonRecord, Script, Write, action
from respond.errors import ExitCode, RefusedByPersonError, RespondError, RunTakenError, UsageError
from respond.people.answers import Entry, answer, decide, decide_signed
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import ACTIONS, DANA, Box, BoxStage, refused, runbook_of

REMOVE = "  - {id: gone, phase: contain, action: box.remove, with: {name: a}}"
SET = "  - {id: one, action: box.set, with: {name: a, value: new}}"
BOTH = f"{SET}\n  - {{id: gone, phase: contain, action: box.remove, with: {{name: b}}}}"
TIP = "  - {id: one, action: box.tip, with: {name: a}}"
THREE = {"a": "old", "b": "old", "c": "old"}

PEOPLE = (
    PersonRecord("dana", emails=("dana@example.com",), roles=("approver",), logins=("dd",)),
    PersonRecord(
        "ana",
        emails=("ana@example.com",),
        roles=("approver",),
        accounts={"slack": "U1"},
        clicks=True,
    ),
    PersonRecord(
        "ben",
        emails=("ben@example.com",),
        roles=("approver",),
        accounts={"slack": "U2"},
        clicks=True,
    ),
    PersonRecord("eve", emails=("eve@example.com", "eve@home.example"), roles=("approver",)),
    PersonRecord("kim", emails=("kim@example.com",), roles=("admin",)),
)
PROOFS = {
    name: frozenset({f"SHA256:{name}", f"https://id.example.com {name}"})
    for name in ("dana", "ana", "ben", "eve", "kim", "zoe")
}
THEIRS = {name: PROOFS[name] for name in ("ana", "ben")}
SLACK = {"ana": "U1", "ben": "U2"}
PAGER = Actor("hook/pager", Strength.MACHINE)
ANA = Actor("ana", Strength.SIGNED_ON)
BEN = Actor("ben", Strength.KEY)


def served(steps: str = BOTH, **more: Any) -> BoxStage:
    """A run that a pager began and a server carries on."""
    place = {"served": True, "operator": PAGER, "proofs": PROOFS, **more.pop("place", {})}
    stage = BoxStage(runbook_of(steps), dict(THREE), persons=PEOPLE, place=place, **more)
    stage.says.is_there = False
    return stage


def advance(stage: BoxStage, **changed: Any) -> ExitCode:
    """As a server's worker does it: what people answered stands in the journal."""
    prompt = ServedPrompt(
        lambda: fold(stage.kept.records(stage.run)), lambda _: ("a question",), stage.site.people
    )
    return stage.advance(prompt=prompt, **changed)


def entry(stage: BoxStage) -> Entry:
    return Entry(stage.kept, stage.clock, stage.site.people, {})


def now(stage: BoxStage) -> RunState:
    state = fold(stage.kept.records(stage.run))
    assert state is not None
    return state


def request(stage: BoxStage) -> Request:
    found = asked_now(now(stage))
    assert found is not None
    return found


def proof_of(who: Actor) -> Mapping[str, str]:
    """What proves somebody at the door that they came through."""
    if who.strength is Strength.CHAT:
        return {"account": f"slack {SLACK.get(who.id, 'U9')}"}
    if who.strength is Strength.SIGNED_ON:
        return {"account": f"https://id.example.com {who.id}"}
    return {"key": f"SHA256:{who.id}"}


def tell(stage: BoxStage, who: Actor, question: str, word: str) -> None:
    answer(entry(stage), stage.run, who, question, word, proof=proof_of(who))


def say(stage: BoxStage, who: Actor, verdict: Verdict = Verdict.APPROVE, **more: Any) -> Standing:
    nonce = more.pop("nonce", None) or request(stage).nonce
    given = {"channel": "page", "proof": proof_of(who), **more}
    return decide(entry(stage), stage.run, who, verdict, nonce=nonce, **given)


# --- from the event to people's yes ---------------------------------------------------------------


@pytest.mark.promise("P13")
def test_a_run_that_a_pager_began_waits_with_its_plan_and_has_written_nothing() -> None:
    """It looks, records plan and request, and writes nothing before people agreed."""
    stage = served()

    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert stage.events("planned", "approval-asked", "confirmed") == ["planned", "approval-asked"]
    state = now(stage)
    assert state.plan is not None
    assert request(stage).digest == state.plan.digest
    assert state.parked.asks.kind is AskKind.APPROVAL


@pytest.mark.promise("P10", "P11")
def test_a_yes_to_the_plan_covers_every_write_it_shows() -> None:
    """One approver who is proved lets the run go on to its end, and nobody is asked again."""
    stage = served()
    advance(stage)

    assert say(stage, ANA) is Standing.AGREED
    assert advance(stage) is ExitCode.DONE
    assert stage.boxes.values == {"a": "new", "c": "old"}
    assert stage.says.asked == []


def test_advancing_while_people_think_asks_nobody_twice() -> None:
    """A worker that looks again finds the request standing, and adds no other."""
    stage = served()
    for _ in range(3):
        assert advance(stage) is ExitCode.PARKED
    assert stage.events("approval-asked") == ["approval-asked"]
    assert stage.events("planned") == ["planned"]


def _cut(stage: BoxStage, kind: Kind) -> RunState:
    """The run as a crash just after the last record of this kind leaves it."""
    records = list(stage.kept.records(stage.run))
    last = max(at for at, record in enumerate(records) if record.event.kind is kind)
    state = fold(records[: last + 1])
    assert state is not None
    return state


@pytest.mark.promise("P10")
def test_a_request_about_an_older_plan_is_not_what_is_asked_now() -> None:
    """Between a new plan and the request for it nobody is asked: the old one would be signed."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    stage.policy = Policy(confirm=Confirm.EVERY_WRITE)
    advance(stage)

    between = _cut(stage, Kind.PLANNED)
    assert len(between.requests) == 1
    assert asked_now(between) is None


@pytest.mark.promise("P11")
def test_a_request_whose_yes_took_effect_is_asked_no_more() -> None:
    """While the run goes on with it nobody can add a yes, or a no that comes too late."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    nonce = request(stage).nonce
    advance(stage)

    going_on = _cut(stage, Kind.CONFIRMED)
    assert going_on.status is RunStatus.RUNNING
    assert nonce in going_on.used
    assert asked_now(going_on) is None


@pytest.mark.promise("P11")
def test_a_run_that_was_cancelled_asks_nobody() -> None:
    """Its request is open still, and a yes to what will not happen is not taken."""
    stage = served()
    advance(stage)
    nonce = request(stage).nonce
    cancel = {"decision": "cancel", "reason": "a false alarm"}
    stage.kept.append(Event(Kind.CONFIRMED, stage.run, "", BEN, cancel))

    assert advance(stage) is ExitCode.REFUSED
    assert nonce not in now(stage).used
    with pytest.raises(UsageError, match="asks nobody"):
        say(stage, ANA, nonce=nonce)


@pytest.mark.promise("P11")
def test_two_people_means_two_people() -> None:
    """The same person on two channels is one person."""
    policy = Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2)
    stage = served(policy=policy)
    advance(stage)

    assert say(stage, ANA) is Standing.OPEN
    assert say(stage, Actor("ana", Strength.KEY), channel="terminal") is Standing.OPEN
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert say(stage, BEN, channel="terminal") is Standing.AGREED
    assert advance(stage) is ExitCode.DONE


@pytest.mark.promise("P11")
def test_a_no_wins_over_any_yes() -> None:
    """One person who may decide and says no ends the run, whoever agreed before."""
    stage = served()
    advance(stage)

    say(stage, ANA)
    assert say(stage, BEN, Verdict.DENY, reason="not our key") is Standing.DENIED
    assert advance(stage) is ExitCode.REFUSED
    assert stage.boxes.writes == []
    assert now(stage).ended.say == "ben said no: not our key"


@pytest.mark.promise("P11")
def test_an_approval_is_used_once() -> None:
    """The answer to one request counts for no other, and not again when its run is over."""
    stage = served()
    advance(stage)
    nonce = request(stage).nonce
    say(stage, ANA)
    advance(stage)

    with pytest.raises(UsageError, match="asks nobody"):
        say(stage, BEN, nonce=nonce)

    other = served(run="BX-TWO")
    advance(other)
    with pytest.raises(UsageError, match="earlier request"):
        say(other, ANA, nonce=nonce)
    assert now(other).votes == ()


# --- who may --------------------------------------------------------------------------------------

CHANNELS = {
    "claimed": Strength.CLAIMED,
    "chat": Strength.CHAT,
    "page": Strength.SIGNED_ON,
    "key": Strength.KEY,
    "machine": Strength.MACHINE,
}


@pytest.mark.share(4)
@pytest.mark.promise("P11")
@pytest.mark.parametrize("chat", Chat)
@pytest.mark.parametrize("destroys", [True, False])
@pytest.mark.parametrize(
    ("person", "channel"), list(itertools.product(("dana", "ana", "eve", "kim", "zoe"), CHANNELS))
)
def test_the_matrix_of_persons_and_channels(
    person: str, channel: str, *, destroys: bool, chat: Chat
) -> None:
    """Initiator, subject, no role, unknown: by no channel. An approver: by those that prove it."""
    policy = Policy(chat=chat)
    stage = BoxStage(
        runbook_of(REMOVE if destroys else SET),
        dict(THREE),
        persons=PEOPLE,
        policy=policy,
        place={"served": True, "operator": DANA, "proofs": PROOFS},
        extra={"subject": "eve@home.example"},
    )
    stage.says.is_there = False
    advance(stage)
    strength = CHANNELS[channel]
    strong = strength in (Strength.SIGNED_ON, Strength.KEY)
    by_chat = strength is Strength.CHAT and chat.covers(destroys=destroys)
    may = person == "ana" and (strong or by_chat or (strength is Strength.CLAIMED and not destroys))

    for _ in range(2):  # and once more: a replay changes nothing
        if may:
            assert say(stage, Actor(person, strength)) is Standing.AGREED
        else:
            with pytest.raises(RefusedByPersonError):
                say(stage, Actor(person, strength))
    assert len(now(stage).votes) == int(may)
    assert advance(stage) is (ExitCode.DONE if may else ExitCode.PARKED)


@pytest.mark.promise("P11")
@pytest.mark.parametrize("name", ["dana", "DANA@example.com", "dd"])
def test_the_initiator_by_another_name_is_the_initiator(name: str) -> None:
    """Login, address and id are one person; the yes of that person is none."""
    stage = served(place={"operator": Actor(name, Strength.CLAIMED)})
    advance(stage)
    with pytest.raises(RefusedByPersonError) as refusal:
        say(stage, Actor("dana", Strength.KEY))
    assert "they began the run" in refusal.value.why


def test_the_initiator_may_say_no() -> None:
    """Stopping one's own run needs nobody else."""
    stage = served(place={"operator": DANA})
    advance(stage)
    assert say(stage, Actor("dana", Strength.KEY), Verdict.DENY) is Standing.DENIED


def test_a_suspect_decides_nothing() -> None:
    """An account that the incident has made suspect can neither approve nor block."""
    stage = served(place={"suspects": ("ana@example.com",)})
    advance(stage)
    for verdict in (Verdict.APPROVE, Verdict.DENY):
        with pytest.raises(RefusedByPersonError):
            say(stage, ANA, verdict)
    assert say(stage, BEN) is Standing.AGREED


def test_whom_one_run_suspects_decides_nothing_there() -> None:
    """``--suspect`` holds for approvals, answers and notices of that run."""
    stage = served(extra={"suspects": ["ana@example.com"]})
    advance(stage)
    for verdict in (Verdict.APPROVE, Verdict.DENY):
        with pytest.raises(RefusedByPersonError):
            say(stage, ANA, verdict)
    assert say(stage, BEN) is Standing.AGREED


@pytest.mark.promise("P11")
def test_somebody_taken_out_since_counts_no_more() -> None:
    """Who may is asked again when the answers are counted."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    stage.persons = tuple(p for p in PEOPLE if p.id != "ana")
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []


def test_where_nobody_could_agree_nothing_is_asked() -> None:
    """A request that no person could answer says what is missing."""
    stage = served(place={"proofs": {}})
    assert advance(stage) is ExitCode.PARKED
    assert stage.events("approval-asked") == []
    assert "and 0 could" in now(stage).parked.why


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.promise("P16")
@pytest.mark.campaign("C5")
@pytest.mark.parametrize("jump_s", [0, -86_400, 86_400])
def test_a_request_runs_out_whatever_the_wall_clock_does(jump_s: int) -> None:
    """After half an hour the yes is none: a clock put back revives nothing."""
    stage = served()
    advance(stage)
    if jump_s < 0:
        stage.clock.jump(jump_s)
    stage.clock.advance(1_801)
    if jump_s > 0:
        stage.clock.jump(jump_s)
    with pytest.raises(RefusedByPersonError, match="run out"):
        say(stage, ANA)
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []


@pytest.mark.promise("P16")
@pytest.mark.campaign("C5")
def test_after_a_restart_the_journal_remembers_how_late_it_was() -> None:
    """Another boot, and a wall clock that stands earlier: what ran out stays so."""
    stage = served()
    advance(stage)
    stage.clock.advance(1_801)
    stage.kept.checkpoint("a server that runs says so every 15 minutes")
    stage.clock.reboot()
    stage.clock.jump(-3_600)
    with pytest.raises(RefusedByPersonError, match="run out"):
        say(stage, ANA)


@pytest.mark.promise("P16")
def test_a_yes_that_came_in_time_and_was_not_used_in_time_is_none() -> None:
    """What nobody carried on within the time is asked anew."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    stage.clock.advance(1_801)
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []


def test_when_nobody_agreed_in_time_somebody_can_ask_again() -> None:
    """Asking again looks anew, makes a new request, and the old answers are answers to nothing."""
    stage = served()
    advance(stage)
    old = request(stage).nonce
    stage.clock.advance(1_801)
    assert advance(stage) is ExitCode.PARKED
    asks = now(stage).parked.asks
    assert asks.words[0] == "ask again"

    tell(stage, ANA, asks.id, "ask again")
    assert advance(stage) is ExitCode.PARKED
    assert request(stage).nonce != old
    with pytest.raises(UsageError, match="earlier request"):
        say(stage, BEN, nonce=old)
    say(stage, BEN)
    assert advance(stage) is ExitCode.DONE


class _JustBefore(Moments):
    """The process is killed before it records this."""

    def __init__(self, record: str) -> None:
        super().__init__()
        self._record = record

    def here(self, passed: str) -> None:
        if passed == f"before {self._record}":
            raise Killed(passed)


@pytest.mark.promise("P11")
def test_a_request_that_was_answered_with_ask_again_is_not_taken_up_by_a_crash() -> None:
    """Killed between the wish to ask again and the new request: the next one asks anew."""
    stage = served()
    advance(stage)
    old = request(stage).nonce
    stage.clock.advance(1_801)
    advance(stage)
    tell(stage, ANA, now(stage).parked.asks.id, "ask again")
    with pytest.raises(Killed):
        advance(stage, journal=KilledJournal(stage.kept, _JustBefore("approval-asked")))
    assert old in now(stage).used

    assert advance(stage) is ExitCode.PARKED
    assert now(stage).parked.asks.kind is AskKind.APPROVAL
    assert request(stage).nonce != old


# --- what was shown is what runs ------------------------------------------------------------------


def _other_runbook(stage: BoxStage) -> None:
    stage.runbook = runbook_of(f"{BOTH}\n  - {{id: more, action: box.read, with: {{name: c}}}}")


def _other_policy(stage: BoxStage) -> None:
    stage.policy = Policy(confirm=Confirm.EVERY_WRITE)


def _other_engine(stage: BoxStage) -> None:
    stage.engine_name = "respond 9.9"


def _other_target(stage: BoxStage) -> None:
    stage.boxes.put("a", "somebody's")


@pytest.mark.promise("P10")
@pytest.mark.parametrize("change", [_other_runbook, _other_policy, _other_engine, _other_target])
def test_whatever_changes_after_the_yes_is_asked_anew(change: Any) -> None:
    """Runbook, policy, program, what is there: a yes to the old plan covers nothing new."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    change(stage)

    for _ in ("it is asked", "and to be asked is no yes"):
        assert advance(stage) is ExitCode.PARKED
        assert stage.boxes.writes == []
        assert len(now(stage).requests) == 2
    say(stage, BEN)
    assert advance(stage) is ExitCode.DONE
    assert stage.boxes.values == {"a": "new", "c": "old"}


@pytest.mark.promise("P10")
def test_another_mode_is_no_way_round() -> None:
    """A plan that was agreed to for the real systems is not carried on as something else."""
    stage = served()
    advance(stage)
    say(stage, ANA)
    stage.mode = "rehearsal"
    assert advance(stage) is not ExitCode.DONE
    assert stage.boxes.writes == []


@pytest.mark.promise("P10")
def test_a_changed_input_has_another_digest() -> None:
    """The plan's digest covers every argument: what is approved is these values."""
    steps = "  - {id: one, action: box.set, with: {name: a, value: '${{ inputs.v }}'}}"
    top = "inputs:\n  v: {type: text, default: new}\n"
    digests = set()
    for value in ("new", "newer"):
        stage = BoxStage(runbook_of(steps, top=top.replace("new", value)), dict(THREE))
        digests.add(stage.plan().digest)
    assert len(digests) == 2


@pytest.mark.promise("P8", "P10")
def test_more_targets_than_planned_wait_for_a_new_approval() -> None:
    """One planned and three found: people are asked for three."""
    steps = (
        "  - {id: all_of, action: box.list}\n"
        "  - {id: each, for_each: all_of.names, as: n, limit: 2, action: box.set,"
        " with: {name: '${{ n }}', value: new}}"
    )
    stage = served(steps)
    del stage.boxes.values["c"]
    advance(stage)
    say(stage, ANA)
    stage.boxes.put("c", "old")

    assert advance(stage) is ExitCode.PARKED
    assert request(stage).step == "each"
    say(stage, BEN)
    while (code := advance(stage)) is ExitCode.PARKED:
        say(stage, ANA)
    assert code is ExitCode.DONE


# --- at the terminal ------------------------------------------------------------------------------


def at_terminal(steps: str = BOTH, **more: Any) -> BoxStage:
    place = {"proofs": THEIRS, **more.pop("place", {})}
    policy = more.pop("policy", Policy(two_people=TwoPeople.DESTRUCTIVE))
    stage = BoxStage(
        runbook_of(steps, actions={**ACTIONS, "box.tip": TipBox}),
        dict(THREE),
        persons=PEOPLE,
        place=place,
        policy=policy,
        **more,
    )
    stage.says.is_there = False
    return stage


@pytest.mark.promise("P11", "P12")
def test_the_operator_starts_and_waits_where_others_have_to_agree() -> None:
    """What needs no second yes is done; the destructive step waits, and then still asks."""
    stage = at_terminal()
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.values == {"a": "new", "b": "old", "c": "old"}
    assert [type(q) for q in stage.says.asked] == [AskStart]

    say(stage, ANA)
    assert stage.advance() is ExitCode.DONE
    assert [type(q) for q in stage.says.asked] == [AskStart, AskConfirm]
    assert stage.boxes.values == {"a": "new", "c": "old"}


@action("box.tip", effect=Effect.WRITES, output=Box, source="test")
@dataclass(frozen=True)
class TipBox:
    """Put a value into a box, whatever it holds."""

    name: str

    def run(self, me: Me) -> Script[Box]:
        script, answer = ACTIONS["box.set"](self.name, "new").run(me), None
        while True:
            try:
                request = script.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if isinstance(request, Write):
                request = replace(request, effect=Effect.DESTROYS)
            answer = yield request


@pytest.mark.promise("P12")
@pytest.mark.parametrize("is_seen", [True, False])
def test_what_destroys_wants_two_people_whatever_its_action_does_else(*, is_seen: bool) -> None:
    """A sink that holds something that nobody meant: as planned, and as first seen in the run."""
    stage = at_terminal(TIP)
    if not is_seen:
        stage.boxes.values["a"] = "new"
        stage.says.before = lambda _: stage.boxes.put("a", "strange")
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    stage.says.before = lambda _: None
    say(stage, ANA)
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


@pytest.mark.promise("P12")
def test_where_policy_wants_two_people_at_every_write_the_start_covers_none() -> None:
    """The operator's start alone sends nothing."""
    stage = at_terminal(policy=Policy(two_people=TwoPeople.EVERY_WRITE))
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    say(stage, ANA)
    assert stage.advance() is ExitCode.DONE


def test_somebody_who_waits_at_the_terminal_goes_on_when_others_agree() -> None:
    """The yes that another process records is found within seconds."""
    stage = at_terminal()
    stage.says.is_there = True
    waited: list[str] = []

    class Listening(type(stage.progress)):  # type: ignore[misc]
        def waiting(self, what: str, seconds: float) -> None:
            waited.append(what)
            if len(waited) == 3:
                say(stage, ANA)

    assert stage.advance(progress=Listening()) is ExitCode.DONE
    assert "waiting for 1 of ana, ben to agree" in waited[0]


@pytest.mark.promise("P11")
def test_where_people_can_prove_themselves_a_claimed_name_destroys_nothing() -> None:
    """Once keys are configured, destroying wants the operator's own key, or one other's yes."""
    stage = at_terminal(REMOVE, policy=Policy())
    assert stage.advance() is ExitCode.PARKED
    assert stage.boxes.writes == []
    say(stage, BEN)
    assert stage.advance() is ExitCode.DONE

    signs = at_terminal(REMOVE, policy=Policy(), place={"proofs": PROOFS})
    assert signs.advance(sign=_signed) is ExitCode.DONE
    proved = now(signs).proved
    assert proved is not None
    assert proved.by == "dana"
    assert now(signs).requests == ()


def _signed(text: str, person: str) -> Mapping[str, str]:
    return {"text": text, "signature": f"of {person}", "key": f"SHA256:{person}"}


def test_a_login_that_is_nobodys_asks_nobody() -> None:
    """Whoever sits there could be the very person who agrees: it has to be known first."""
    stage = at_terminal(place={"operator": Actor("root", Strength.CLAIMED)})
    assert stage.advance() is ExitCode.PARKED
    assert stage.events("approval-asked") == []
    assert "not known who began" in now(stage).parked.why


# --- alone ----------------------------------------------------------------------------------------


def _alone(**more: Any) -> BoxStage:
    place = {
        "proofs": PROOFS,
        "alone": "ana and ben cannot be reached",
        **more.pop("place", {}),
    }
    stage = at_terminal(place=place, **more)
    stage.says.is_there = True
    return stage


@pytest.mark.promise("P14")
def test_going_alone_wants_key_reason_and_terminal_and_is_recorded_before_the_first_write() -> None:
    """It goes on without a second yes, waits when nobody could be told, and stays open."""
    stage = _alone()
    began = stage.clock.mono_ms()
    assert stage.advance(sign=_signed) is ExitCode.DONE
    state = now(stage)
    assert state.alone is not None
    assert state.alone.by == "dana"
    assert state.alone.reason == "ana and ben cannot be reached"
    assert state.reviewed is None
    events = stage.events()
    assert events.index("break-glass") < events.index("notice") < events.index("intent one")
    assert stage.clock.mono_ms() - began >= 120_000


def _unsigned(_text: str, _person: str) -> Mapping[str, str]:
    raise RespondError("no key of yours here")


@pytest.mark.promise("P14")
@pytest.mark.parametrize(
    "wrong",
    [
        {"place": {"alone": "  "}},
        {"policy": Policy(two_people=TwoPeople.DESTRUCTIVE, alone=False)},
        {"place": {"proofs": THEIRS}},
        {"sign": _unsigned},
        {"nobody": True},
    ],
    ids=["empty-reason", "policy", "no-personal-key", "key-not-there", "pipe"],
)
def test_going_alone_is_refused(wrong: dict[str, Any]) -> None:
    """Without reason, key or terminal, or where policy forbids it, nothing is started."""
    given = dict(wrong)
    sign, nobody = given.pop("sign", _signed), given.pop("nobody", False)
    stage = _alone(**given)
    stage.says.is_there = not nobody
    with pytest.raises(RefusedByPersonError):
        stage.advance(sign=sign)
    assert stage.boxes.writes == []
    assert now(stage).alone is None


@pytest.mark.promise("P14")
def test_a_server_never_goes_alone() -> None:
    """Neither a webhook nor a page gets there: the server's runs ask people."""
    stage = served(place={"alone": "in a hurry"})
    assert advance(stage, sign=_signed) is ExitCode.PARKED
    assert stage.boxes.writes == []
    assert now(stage).alone is None


# --- drift, questions -----------------------------------------------------------------------------


@pytest.mark.promise("P10")
def test_drift_at_the_terminal_wants_both_a_new_approval_and_a_new_yes() -> None:
    """What is there now is not what was agreed to: others first, then the operator."""
    stage = at_terminal(REMOVE)
    stage.advance()
    say(stage, ANA)
    stage.boxes.put("a", "somebody's")
    assert stage.advance() is ExitCode.PARKED
    assert request(stage).step == "gone"
    say(stage, BEN)
    stage.advance()
    assert any(isinstance(q, AskDrift) for q in stage.says.asked)


def test_a_question_is_answered_elsewhere_and_the_run_goes_on() -> None:
    """A step that fails asks for a person's hands on the page, and the answer is theirs."""
    stage = served(REMOVE)
    advance(stage)
    say(stage, ANA)

    def no_deleting(call: Call) -> None:
        if call.method == "DELETE":
            raise refused()

    stage.boxes.broken = no_deleting
    assert advance(stage) is ExitCode.PARKED
    asks = now(stage).parked.asks
    assert (asks.kind, asks.question) == (AskKind.QUESTION, "AskByHand")
    with pytest.raises(UsageError, match="answers nothing"):
        tell(stage, BEN, asks.id, "perhaps")
    tell(stage, BEN, asks.id, "by-hand")
    with pytest.raises(UsageError, match="does not ask that now"):
        tell(stage, ANA, asks.id, "no")

    # The person's hands are other hands than the agreed ones: people are asked for those.
    assert advance(stage) is ExitCode.PARKED
    assert now(stage).step("gone").by_hand
    say(stage, ANA)
    assert advance(stage) is ExitCode.PARKED
    task = now(stage).parked.asks
    assert task.kind is AskKind.TASK
    stage.boxes.put("a", None)
    tell(stage, BEN, task.id, "done")
    assert advance(stage) is ExitCode.DONE


@pytest.mark.promise("P11")
def test_the_subject_answers_no_question_either() -> None:
    """Whom the incident is about takes no part in it, in any way."""
    stage = served(extra={"subject": "eve@example.com"})
    advance(stage)
    stage.clock.advance(1_801)
    advance(stage)
    asks = now(stage).parked.asks
    with pytest.raises(RefusedByPersonError):
        tell(stage, Actor("eve", Strength.KEY), asks.id, "ask again")


# --- signed on another machine --------------------------------------------------------------------


@pytest.mark.promise("P11", "P27")
def test_a_signed_answer_from_another_machine_counts_once_and_only_for_its_request() -> None:
    """The text that was signed has to be the text of what is asked now."""
    stage = served()
    advance(stage)
    text = answer_text(request(stage), "ben", Verdict.APPROVE)
    asked: list[tuple[Any, ...]] = []

    def verify(*given: Any) -> str:
        asked.append(given)
        return "SHA256:ben"

    door = replace(entry(stage), keys={"ben": ("ssh-ed25519 AAAA",)})
    assert decide_signed(door, text, "sig", verify, channel="file") is Standing.AGREED
    assert asked == [(("ssh-ed25519 AAAA",), text.encode(), "sig", "approval@respond")]
    for changed in (
        text.replace("digest ", "digest 0"),
        text.replace("expires ", "expires 9"),
        text.replace("person ben", "person ana"),
        text.replace("run BX", "run CX"),
        text.replace("journal ", "journal X"),
        text + " ",
        "hello",
    ):
        with pytest.raises((UsageError, RefusedByPersonError)):
            decide_signed(door, changed, "sig", _refuses, channel="file")


@pytest.mark.promise("P10")
@pytest.mark.parametrize("line", ["journal", "digest", "request", "step", "expires", "nonce"])
def test_a_genuine_signature_under_another_text_than_is_asked_is_no_answer(line: str) -> None:
    """Their key did sign it: an older request, or a text that somebody has laid before them."""
    stage = served()
    advance(stage)
    text = answer_text(request(stage), "ben", Verdict.APPROVE)
    door = replace(entry(stage), keys={"ben": ("ssh-ed25519 AAAA",)})

    with pytest.raises(UsageError, match="not to what run"):
        decide_signed(
            door, text.replace(f"\n{line} ", f"\n{line} 0"), "sig", _proves, channel="file"
        )
    assert now(stage).votes == ()


@pytest.mark.promise("P11")
@pytest.mark.parametrize("verdict", [Verdict.START, Verdict.ALONE, Verdict.REVIEW])
def test_a_signature_under_another_word_is_no_answer(verdict: Verdict) -> None:
    """What somebody signed to start, to go alone or to review says neither yes nor no."""
    stage = served()
    advance(stage)
    text = answer_text(request(stage), "ben", verdict)
    door = replace(entry(stage), keys={"ben": ("ssh-ed25519 AAAA",)})

    with pytest.raises(UsageError, match="approve or deny"):
        decide_signed(door, text, "sig", _proves, channel="file")
    assert now(stage).votes == ()


def _proves(*_: Any) -> str:
    return "SHA256:ben"


def _refuses(*_: Any) -> str:
    raise RefusedByPersonError("no key of theirs signed this")


# --- several at once ------------------------------------------------------------------------------


def _together(*work: Callable[[], object]) -> list[RespondError]:
    """Let all of these begin at the same instant; what they were refused with."""
    gate = threading.Barrier(len(work))
    refused_with: list[RespondError] = []

    def one(go: Callable[[], object]) -> None:
        gate.wait()
        try:
            go()
        except RespondError as error:
            refused_with.append(error)

    threads = [threading.Thread(target=one, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused_with


@pytest.fixture
def two_servers(tmp_path: Path) -> Iterator[tuple[SettableClock, SqliteJournal, SqliteJournal]]:
    """Two servers' journals over one file, as two processes have them."""
    keys, clock, path = MemoryKeys(), SettableClock(), tmp_path / "j" / "journal.db"
    first = SqliteJournal.open(path, keys=keys, clock=clock, create=True, actor=DANA)
    second = SqliteJournal.open(path, keys=keys, clock=clock, create=False, actor=DANA)
    yield clock, first, second
    first.close()
    second.close()


@pytest.mark.promise("P4", "P11")
@pytest.mark.campaign("C7")
def test_one_approval_and_several_engines_start_once(
    two_servers: tuple[SettableClock, SqliteJournal, SqliteJournal],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    """Two servers find the same yes at the same instant: each write happens once, every time.

    Whoever carries a run on holds its lock, as ``Carrier`` does: what the journal alone can tell
    is who took the run, and not what is on its way already.
    """
    clock, first, second = two_servers
    locks = RunLocks(tmp_path / "locks", clock)

    def carry(stage: BoxStage, journal: SqliteJournal) -> None:
        with locks.hold(stage.run):
            if now(stage).status is not RunStatus.ENDED:
                advance(stage, journal=journal)

    rounds = 1_000 if pytestconfig.getoption("--every-point") else 30
    for n in range(rounds):
        stage = served(SET, run=f"BX-{n}", clock=clock, journal=first)
        advance(stage)
        say(stage, ANA)
        _together(partial(carry, stage, first), partial(carry, stage, second))
        assert len(stage.boxes.writes) == 1, n
        assert len(now(stage).used) == 1, n
        assert now(stage).status is RunStatus.ENDED, n


@pytest.mark.promise("P4")
def test_an_engine_whose_run_another_one_took_stops_at_its_next_look(
    two_servers: tuple[SettableClock, SqliteJournal, SqliteJournal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other one did is not held against it as a fault: it says who has the run."""
    clock, first, second = two_servers
    stage = served(SET, clock=clock, journal=first)
    advance(stage)
    say(stage, ANA)
    records = first.records

    def overtaken(run: str = "", *, since: int = 0) -> Iterator[Record]:
        if since:
            monkeypatch.undo()
            assert advance(stage, journal=second) is ExitCode.DONE
        return records(run, since=since)

    monkeypatch.setattr(first, "records", overtaken)
    with pytest.raises(RunTakenError):
        advance(stage)
    assert len(stage.boxes.writes) == 1


@pytest.mark.promise("P11")
@pytest.mark.campaign("C7")
def test_the_same_answer_at_the_same_instant_on_two_servers_counts_once(
    two_servers: tuple[SettableClock, SqliteJournal, SqliteJournal],
) -> None:
    """Two processes take the same person's yes: one person said yes."""
    clock, first, second = two_servers
    policy = Policy(two_people=TwoPeople.DESTRUCTIVE, approvals=2)
    stage = served(policy=policy, clock=clock, journal=first)
    advance(stage)
    nonce, people = request(stage).nonce, stage.site.people

    def vote(journal: SqliteJournal) -> None:
        door = Entry(journal, clock, people, {})
        decide(
            door, stage.run, ANA, Verdict.APPROVE, channel="page", nonce=nonce, proof=proof_of(ANA)
        )

    _together(lambda: vote(first), lambda: vote(second))
    assert entry(stage).standing(now(stage), request(stage)) is Standing.OPEN
    assert advance(stage) is ExitCode.PARKED
    assert stage.boxes.writes == []
