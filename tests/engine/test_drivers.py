"""The seventeen rules of the design, each with a test that would fail without it.

| rule | test |
|---|---|
| 1  a done step is never run again       | test_a_done_step_is_never_looked_at_again |
| 2  a write not wanted any more is drift | test_engine: test_a_planned_write_that_is_not_wanted_any_more_is_a_question |
| 3  a yes binds request, hands, before, after | test_a_yes_binds_request_hands_before_and_after |
| 4  after a crash wait, then look        | test_after_a_crash_the_settle_time_passes_before_the_look |
| 5  a done write is never sent again     | test_a_done_write_is_answered_from_the_journal |
| 6  a sink is done by mark or digest     | systems/customerio/test_sinks |
| 7  secret and outcome in one transaction | test_a_secret_and_its_outcome_are_one_transaction |
| 8  a write outputs what it could again  | test_the_output_is_that_of_the_last_look |
| 9  read before write, no read after it  | test_a_script_that_breaks_the_language_is_stopped |
| 10 for_each in order, predictions shared | test_planner: test_the_second_of_two_last_ones_is_stopped |
| 11 a subject is written once            | test_a_script_that_breaks_the_language_is_stopped |
| 12 late values                          | test_a_late_value_has_no_text_no_truth_and_no_order |
| 13 expressions                          | formats/test_expressions |
| 14 two runs, one subject                | test_engine: test_a_second_run_over_the_same_subject_is_a_question |
| 15 undo is an action with arguments     | test_undo |
| 16 one engine a run                     | test_engine: test_an_engine_that_was_taken_over_appends_and_sends_nothing |
| 17 long waits park                      | test_engine: test_a_wait_parks_where_nobody_sits_and_ends_in_its_time |
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from respond.company.crash_points import Killed, KilledJournal, KilledPen, Moments
from respond.core.plan import write_key
from respond.core.records import replace
from respond.core.script import (
    Api,
    AuthNone,
    Becomes,
    Call,
    Done,
    DrawnSecret,
    Effect,
    Keep,
    OwnCredential,
    Person,
    Proof,
    Read,
    Reply,
    Subject,
    Write,
)
from respond.core.values import Late, LateValueUsedError
from respond.engine.drivers import ScriptFaultError, World, act, look
from respond.engine.step.send import _request_digest, _taken
from respond.errors import ExitCode, NoAnswerError, StepFailedError
from respond.testing.toy_system import SPREAD, BoxStage, runbook_of

SUBJECT: Subject[str] = Subject("box/a", 5)
CALL = Call("box", "", "PUT", ("a",), body={"value": "new"})
READ: Read[str] = Read(SUBJECT, Call("box", "", "GET", ("a",)), lambda replies: replies[0].body)
WRITE: Write[str] = Write(
    says="set a",
    verb="set",
    target="a",
    where="Boxes",
    effect=Effect.WRITES,
    hands=Api(CALL, lambda reply: str(reply.body)),
    before="old",
    after="new",
    becomes=(Becomes(SUBJECT, lambda _: "new"),),
    foretold="new",
)
SET = "  - {id: one, action: box.set, with: {name: a, value: new}}\n"
THREE = {"a": "old", "b": "old", "c": "old"}


class Outside:
    """Answers every read with ``old``."""

    def fetch(self, call: Call) -> Reply:
        assert call.method == "GET"
        return Reply(200, {}, "old")


def script(*requests: Any) -> Generator[Any, object, Done[Any]]:
    answers: list[object] = []
    for request in requests:
        answer = yield request
        answers.append(answer)
    return Done(answers)


def refuse(write: Write[Any]) -> Any:
    raise AssertionError(write)


# --- the three drivers --------------------------------------------------------------------------


@pytest.mark.promise("P5")
def test_a_look_holds_every_write_back() -> None:
    """The dry run's driver collects writes and answers them with what they foretell."""
    seen = look(script(READ, WRITE), World(Outside()), known={}, predict=False)
    assert seen.outcome == Done(["old", "new"])
    assert seen.writes == (WRITE,)
    assert seen.subjects == ("box/a",)


def test_an_act_hands_each_write_to_the_engine_once() -> None:
    """What is known to be done is answered; the rest is performed."""
    performed: list[Write[Any]] = []

    def perform(write: Write[Any]) -> str:
        performed.append(write)
        return "done"

    outcome, _ = act(script(READ, WRITE), World(Outside()), known={}, perform=perform)
    assert (outcome, performed) == (Done(["old", "done"]), [WRITE])
    known = {write_key(WRITE): "before"}
    outcome, _ = act(script(READ, WRITE), World(Outside()), known=known, perform=refuse)
    assert outcome == Done(["old", "before"])


@pytest.mark.parametrize(
    ("requests", "rule"),
    [
        ((WRITE,), "was not read first"),
        ((READ, WRITE, READ), "is read after a write"),
        ((READ, WRITE, WRITE), "is written twice"),
    ],
)
def test_a_script_that_breaks_the_language_is_stopped(requests: tuple[Any, ...], rule: str) -> None:
    """Rules 9 and 11: read before write, no look after it, one write for each subject."""
    with pytest.raises(ScriptFaultError, match=rule):
        look(script(*requests), World(Outside()), known={}, predict=False)


def test_what_nobody_can_look_at_may_be_written_unseen() -> None:
    """A chat message has nothing to be read first."""
    blind = replace(WRITE, proof=Proof.BLIND)
    assert look(script(blind), World(Outside()), known={}, predict=False).writes == (blind,)


def test_a_driver_never_throws_into_a_script() -> None:
    """A request that fails ends the script; it cannot catch it and go on."""
    caught: list[BaseException] = []

    def stubborn() -> Generator[Any, object, Done[Any]]:
        try:
            yield READ
        except Exception as error:  # noqa: BLE001 - that is the claim
            caught.append(error)
        return Done(None)

    class Down:
        def fetch(self, call: Call) -> Reply:
            raise NoAnswerError(call.says)

    with pytest.raises(StepFailedError):
        look(stubborn(), World(Down()), known={}, predict=False)
    assert caught == []


def test_a_look_that_may_fail_says_what_stands_for_the_answer() -> None:
    """A read with an alternative turns the reason into a value, and no other read does."""

    class Down:
        def fetch(self, call: Call) -> Reply:
            raise NoAnswerError(call.says)

    read = replace(READ, or_else=lambda why: f"unseen: {why}")
    assert look(script(read), World(Down()), known={}, predict=False).outcome == Done(
        ["unseen: GET /a"]
    )


def test_predictions_are_seen_by_later_looks_of_the_same_world() -> None:
    """Step 2 of a plan sees what step 1 would have changed."""
    world = World(Outside())
    look(script(READ, WRITE), world, known={}, predict=True)
    assert look(script(READ), world, known={}, predict=True).outcome == Done(["new"])
    assert look(script(READ), World(Outside()), known={}, predict=True).outcome == Done(["old"])


# --- rules that live in the engine --------------------------------------------------------------


def stage_of(steps: str, **more: Any) -> BoxStage:
    return BoxStage(runbook_of(steps), THREE, **more)


def killed(stage: BoxStage, where: Callable[[str], bool]) -> None:
    """Advance until a moment of this name, and die there."""

    class There(Moments):
        def here(self, name: str) -> None:
            if where(name):
                raise Killed(name)

    moments = There()
    with pytest.raises(Killed):
        stage.advance(
            journal=KilledJournal(stage.kept, moments), pen=KilledPen(stage.boxes, moments)
        )


def test_a_done_step_is_never_looked_at_again() -> None:
    """Rule 1: there and back in two steps; a resume leaves the first one alone."""
    back = SET.replace("one", "two").replace("value: new", "value: old")
    stage = stage_of(SET + back)
    killed(stage, lambda name: name == "after observed two")
    stage.boxes.reads.clear()
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.reads == []
    assert stage.boxes.writes == ["PUT /box/a", "PUT /box/a"]


@pytest.mark.promise("P10")
@pytest.mark.parametrize(
    "changed",
    [
        {"hands": Api(replace(CALL, body={"value": "else"}), str)},
        {"hands": Api(replace(CALL, path=("b",)), str)},
        {"hands": Api(replace(CALL, connection="other"), str)},
        {"hands": Api(replace(CALL, headers=(("X-Target", "Else"),)), str)},
        {"hands": Api(replace(CALL, form=True), str)},
        {"hands": Api(replace(CALL, auth=AuthNone()), str)},
        {"hands": Person((), "", "", "box.set", {"name": "a"}, "new")},
        {"before": "else"},
        {"after": "else"},
    ],
)
def test_a_yes_binds_request_hands_before_and_after(changed: dict[str, Any]) -> None:
    """Rule 3: change any of them, and the yes is for another write."""
    assert write_key(replace(WRITE, **changed)) != write_key(WRITE)
    assert write_key(replace(WRITE, says="other words")) == write_key(WRITE)


@pytest.mark.promise("P1", "P10")
@pytest.mark.parametrize("binds", [write_key, _request_digest])
def test_what_stands_for_a_value_is_not_nothing(binds: Callable[[Any], str]) -> None:
    """A value that is drawn, our own credential, and an empty record are three writes."""
    values: list[Any] = [DrawnSecret(), OwnCredential(), {}, "x"]
    calls = [replace(CALL, body={"value": each}) for each in values]
    assert len({binds(replace(WRITE, hands=Api(c, str))) for c in calls}) == 4


@pytest.mark.promise("P10")
def test_a_yes_outlives_another_version_of_what_is_written() -> None:
    """On what condition it is taken, does not say what it does. Source: RFC 9110, section 13.1."""
    keys = {
        write_key(replace(WRITE, hands=Api(replace(CALL, headers=h), str)))
        for h in ((), (("If-Match", "1"),), (("if-match", "2"),))
    }
    assert keys == {write_key(WRITE)}


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "changed",
    [
        {"connection": "other"},
        {"surface": "app"},
        {"method": "POST"},
        {"path": ("b",)},
        {"query": (("force", "1"),)},
        {"headers": (("X-Workspace", "2"),)},
        {"body": {"value": "other"}},
        {"form": True},
        {"auth": AuthNone()},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_intent_is_for_the_request_to_its_last_field(changed: dict[str, Any]) -> None:
    """What was recorded is what leaves: with any other request the pen refuses the intent."""
    other = Api(replace(CALL, **changed), lambda reply: str(reply.body))
    assert _request_digest(replace(WRITE, hands=other)) != _request_digest(WRITE)


@pytest.mark.promise("P2")
def test_after_a_crash_the_settle_time_passes_before_the_look() -> None:
    """Rule 4: the request's time-out and the settle time, counted from now; then it is seen."""
    stage = stage_of(SET)
    stage.boxes.shows_after_s = 4
    killed(stage, lambda name: name.startswith("after send"))
    before = stage.clock.mono_ms()
    assert stage.advance() is ExitCode.DONE
    assert stage.clock.mono_ms() - before >= (10 + 5) * 1000
    assert stage.boxes.writes == ["PUT /box/a"]


@pytest.mark.promise("P2")
@pytest.mark.parametrize(("behind", "writes"), [({1}, 1), ({1, 2}, 2)])
def test_after_a_crash_one_look_does_not_say_that_it_was_not_done(
    behind: set[int], writes: int
) -> None:
    """Rule 4: where a server may be behind, as many looks have to agree as prove that it is."""
    stage = BoxStage(
        runbook_of(SET.replace("name: a", f"name: {SPREAD}")), {**THREE, SPREAD: "old"}
    )
    stage.boxes.behind = frozenset(behind)
    killed(stage, lambda name: name.startswith("after send"))
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == [f"PUT /box/{SPREAD}"] * writes


@pytest.mark.promise("P2")
def test_a_done_write_is_answered_from_the_journal() -> None:
    """Rule 5: killed between outcome and proof, the write is not sent again."""
    stage = stage_of(SET)
    stage.boxes.shows_after_s = 4
    killed(stage, lambda name: name == "after outcome one")
    assert stage.advance() is ExitCode.DONE
    assert stage.boxes.writes == ["PUT /box/a"]


def test_every_attempt_has_an_intent_of_its_own() -> None:
    """Rule 5: an intent is spent by one request and cannot be used again."""
    stage = stage_of(SET)
    left = [1]

    def lost(_: Call) -> None:
        if left[0]:
            left[0] -= 1
            stage.boxes.put("a", "old")
            raise NoAnswerError("time-out")

    stage.boxes.lost = lost
    assert stage.advance() is ExitCode.DONE
    assert stage.events("intent", "unknown", "reconciled", "outcome") == [
        "intent one",
        "unknown one",
        "reconciled one",
        "intent one",
        "outcome one",
    ]


def test_a_secret_and_its_outcome_are_one_transaction() -> None:
    """Rule 7: before the outcome nothing is held, after it the secret is."""
    make = "  - {id: new, action: box.make, with: {like: a}}\n"
    stage = stage_of(make)
    killed(stage, lambda name: name == "before outcome new")
    assert dict(stage.kept.held(stage.run)) == {}
    stage = stage_of(make)
    killed(stage, lambda name: name == "after outcome new")
    assert list(stage.kept.held(stage.run)) == ["new.secret"]
    assert stage.advance() is ExitCode.DONE
    assert dict(stage.kept.held(stage.run)) == {}


@pytest.mark.promise("P22")
def test_a_new_secret_is_taken_out_of_the_whole_reply() -> None:
    """What the vendor says of it besides reaches no parser, and so no journal and no screen."""
    made = {"secret": "s3cret-1", "says": ["keep s3cret-1 safe", {"curl": "-H s3cret-1"}]}
    call = Call("box", "", "POST", ("box",))
    take = Keep("new.secret", lambda body: body["secret"], frozenset({"secret"}))
    hands = Api(call, lambda reply: reply.body, take)

    value, seal = _taken(hands, Reply(201, {}, made))

    assert value == {"secret": "", "says": ["keep  safe", {"curl": "-H "}]}
    assert seal == {"new.secret": "s3cret-1"}


@pytest.mark.promise("P22")
def test_only_where_a_new_secret_stands_may_an_answer_show_one() -> None:
    """A system that gives a known one as the new one gives that, and no mark of it, to be kept."""
    shown: dict[str, frozenset[str]] = {}
    stage = stage_of("  - {id: new, action: box.make, with: {like: a}}\n")
    stage.boxes.broken = lambda call: shown.update({call.method: call.shows_values})
    assert stage.advance() is ExitCode.DONE
    assert shown == {"GET": frozenset(), "POST": frozenset({"secret"})}


def test_the_output_is_that_of_the_last_look() -> None:
    """Rule 8: a resumed step outputs what an undisturbed one does."""
    undisturbed, crashed = stage_of(SET), stage_of(SET)
    undisturbed.advance()
    killed(crashed, lambda name: name == "after outcome one")
    crashed.advance()
    assert crashed.output("one") == undisturbed.output("one")


@pytest.mark.parametrize(
    "use",
    [str, bool, "{}".format, lambda late: late < late, lambda late: f"{late}"],  # noqa: PLR0124
)
def test_a_late_value_has_no_text_no_truth_and_no_order(use: Callable[[Any], object]) -> None:
    """Rule 12: what is not known yet cannot be built on; it equals itself alone."""
    late = Late("new", "id")
    with pytest.raises(LateValueUsedError):
        use(late)
    assert late == Late("new", "id")
    assert late != Late("new", "name")
