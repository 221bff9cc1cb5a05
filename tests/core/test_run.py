from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import (
    As,
    Conclusion,
    IllegalEventError,
    RunState,
    RunStatus,
    StepState,
    WriteState,
    WriteStatus,
    after,
    fold,
    verdict,
)
from respond.core.plan import Plan
from respond.core.recorded import SentWrite, Since, StepFailure
from respond.core.script import Effect, Proof
from respond.core.shapes import encode
from respond.errors import ExitCode

DANA = Actor("dana", Strength.CLAIMED)
PLAN = encode(Plan("boxes", "d", "respond", "real", {}, {}, {}, ()))
SENT = SentWrite(
    key="k",
    says="set a to new",
    verb="set",
    target="a",
    where="box",
    effect=Effect.WRITES,
    hands="tool",
    request="PUT /box/a",
    subject="a",
    before="old",
    after="new",
    proof=Proof.SEEN,
    undo=False,
    repeatable=True,
)
WRITE = encode(SENT)


def record(seq: int, kind: str, step: str = "", run: str = "BX-TEST", **data: Any) -> Record:
    event = Event(Kind(kind), run, step, DANA, data)
    return Record(seq, event, f"2026-11-23T03:12:{seq:02}.000Z", seq, "boot", f"{seq:064}")


PROPOSED = record(0, "proposed", inputs={"key": "old"}, mode="real")
STARTED = [
    PROPOSED,
    record(1, "taken", epoch=1),
    record(2, "planned", plan=PLAN, digest="d"),
    record(3, "confirmed", decision="yes", scope="start"),
]


def state_after(*more: Record) -> RunState:
    state = fold([*STARTED, *more])
    assert state is not None
    return state


def intent(seq: int, step: str = "one", key: str = "k") -> Record:
    return record(seq, "intent", step, key=key, write=WRITE)


# --- legal sequences ----------------------------------------------------------------------------

CHOICES = st.lists(st.integers(0, 11), max_size=40)


def legal(choices: list[int]) -> list[Record]:
    """Any sequence of choices, as the events of a run that an engine could have written."""
    records = list(STARTED)
    state = fold(records)
    for choice in choices:
        made = _next(state, choice, len(records))
        if made is None:
            continue
        records.append(made)
        state = after(state, made)
    return records


def _next(state: RunState | None, choice: int, seq: int) -> Record | None:
    assert state is not None
    name = f"step{choice % 3}"
    step = state.step(name)
    over = state.status is RunStatus.ENDED
    pending = step.open()
    match choice // 3:
        case 0 if not over and step.conclusion is None and not pending:
            return None if step.done() else intent(seq, name, f"key of {name}")
        case 1 if not over and pending:
            how = "done" if seq % 2 else "not-done"
            kind = "reconciled" if pending[0].status is WriteStatus.UNKNOWN else "outcome"
            return record(seq, kind, name, intent=pending[0].seq, how=how)
        case 2 if not over and pending and pending[0].status is WriteStatus.INTENT:
            return record(seq, "unknown", name, intent=pending[0].seq, why="no answer")
        case 3:
            return _seldom(state, name, choice, seq)
        case _:
            return None


def _seldom(state: RunState, name: str, choice: int, seq: int) -> Record | None:
    if choice == 11:
        return record(seq, "taken", epoch=state.epoch + 1)
    if choice == 10 and seq % 5 == 0 and state.status is not RunStatus.ENDED:
        return record(seq, "ended", exit=int(verdict(state)), say="", next="")
    step = state.step(name)
    open_ = bool(step.open()) or state.status is RunStatus.ENDED
    if choice == 9 and step.conclusion is None and not open_:
        return record(seq, "observed", name, how="done", output=None)
    return record(seq, "parked", why="later")


@given(CHOICES)
@settings(max_examples=60)
@pytest.mark.long
def test_a_resumed_fold_is_the_live_fold(choices: list[int]) -> None:
    """Cut the journal anywhere: folding the rest on top gives the same state."""
    records = legal(choices)
    for cut in range(1, len(records) + 1):
        state = fold(records[:cut])
        for rest in records[cut:]:
            state = after(state, rest)
        assert state == fold(records)


@given(CHOICES)
@settings(max_examples=100)
def test_no_write_has_two_done_attempts(choices: list[int]) -> None:
    """P2 in the fold: one write of a step is done at most once, and open at most once."""
    state = fold(legal(choices))
    assert state is not None
    for step in state.steps.values():
        keys = [w.key for w in step.writes if w.status is not WriteStatus.NOT_DONE]
        assert len(keys) == len(set(keys))


@given(CHOICES)
@settings(max_examples=60)
def test_a_run_that_is_over_stays_over(choices: list[int]) -> None:
    """No event brings an ended run back."""
    seen = False
    state: RunState | None = None
    for one in legal(choices):
        state = after(state, one)
        seen = seen or state.status is RunStatus.ENDED
        assert not seen or state.status is RunStatus.ENDED


# --- illegal ones -------------------------------------------------------------------------------

ENDED = record(9, "ended", exit=0, say="", next="")


@pytest.mark.parametrize(
    "records",
    [
        [record(0, "taken", epoch=1)],
        [PROPOSED, PROPOSED],
        [*STARTED, record(4, "outcome", "one", intent=3, how="done")],
        [*STARTED, intent(4), intent(5)],
        [*STARTED, intent(4), record(5, "unknown", "one", intent=4), intent(6)],
        [*STARTED, intent(4), record(5, "outcome", "one", intent=4, how="done"), intent(6)],
        [
            *STARTED,
            intent(4),
            record(5, "outcome", "one", intent=4, how="done"),
            record(6, "outcome", "one", intent=4, how="done"),
        ],
        [
            *STARTED,
            intent(4),
            record(5, "outcome", "one", intent=4, how="done"),
            record(6, "unknown", "one", intent=4),
        ],
        [*STARTED, intent(4), record(5, "outcome", "two", intent=4, how="done")],
        [
            *STARTED,
            record(4, "observed", "one", how="done"),
            record(5, "observed", "one", how="done"),
        ],
        [*STARTED, ENDED, record(10, "planned", plan=PLAN, digest="d")],
        [*STARTED, ENDED, ENDED],
        [*STARTED, ENDED, intent(10)],
        [*STARTED, ENDED, record(10, "observed", "one", how="done")],
        [*STARTED, ENDED, record(10, "plan-part", steps=[])],
        [*STARTED, record(4, "planned", plan=PLAN, digest="d", parts=1)],
        [*STARTED, record(4, "planned", plan=PLAN, digest="d", parts=-1)],
        [
            *STARTED,
            record(4, "plan-part", steps=[]),
            record(5, "planned", plan=PLAN, digest="d", parts=1),
            record(6, "planned", plan=PLAN, digest="d", parts=1),
        ],
        [
            *STARTED,
            record(4, "plan-part", steps=[]),
            record(5, "taken", epoch=2),
            record(6, "planned", plan=PLAN, digest="d", parts=1),
        ],
        [
            *STARTED,
            record(4, "plan-part", steps=[]),
            record(5, "planned", plan=PLAN, digest="d", parts=True),
        ],
    ],
)
def test_an_event_that_cannot_follow_is_refused(records: list[Record]) -> None:
    """A journal that no engine could have written is not folded into something plausible."""
    with pytest.raises(IllegalEventError):
        fold(records)


def test_an_undo_follows_the_end_and_leaves_the_run_over() -> None:
    """Its steps have addresses of their own; a park or a yes does not bring the run back."""
    state = state_after(
        ENDED,
        record(10, "taken", epoch=2),
        record(11, "undo-asked"),
        intent(12, "undo:one"),
        record(13, "outcome", "undo:one", intent=12, how="done"),
        record(14, "parked", why="later"),
        record(15, "confirmed", decision="yes"),
        record(16, "undo-failed", "one", why="changed"),
    )
    assert state.status is RunStatus.ENDED
    assert (state.undone, state.undo_round) == ({"one": "undo-failed"}, 1)
    again = after(state, record(17, "undo-asked"))
    assert (again.undone, again.undo_round) == ({}, 2)


# --- decisions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["cancel", "quit"])
def test_a_word_that_ends_the_run_is_remembered(word: str) -> None:
    """Whoever resumes it ends it."""
    assert state_after(record(4, "confirmed", decision=word)).cancelled


def test_a_yes_at_a_step_covers_those_writes_and_no_others() -> None:
    """What was agreed to is kept by key."""
    state = state_after(record(4, "confirmed", "one", decision="yes", writes=["k1"]))
    assert state.step("one").confirmed == {"k1"}
    assert state.step("two").confirmed == frozenset()


def test_a_wait_counts_from_its_beginning_through_any_number_of_parks() -> None:
    """The second park does not forget when the first one began."""
    since: dict[str, Any] = {"since": 1, "mono": 1, "boot": "b"}
    state = state_after(
        record(4, "parked", "object", why="waits", waits=since),
        record(5, "parked", why="Ctrl-C"),
    )
    assert state.waits == {"object": Since(**since)}


# --- the verdict --------------------------------------------------------------------------------


def concluded(how: As, **error: Any) -> StepState:
    end = Conclusion(how, "", None, "", error=StepFailure(**error))
    return StepState("one", conclusion=end)


def written(status: WriteStatus) -> StepState:
    return StepState("one", writes=(WriteState(1, "k", status, SENT),))


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("step", "code"),
    [
        (concluded(As.DONE), ExitCode.DONE),
        (concluded(As.UNCHANGED), ExitCode.DONE),
        (concluded(As.YOUR_WORD), ExitCode.DONE),
        (concluded(As.SKIPPED), ExitCode.DONE),
        (concluded(As.NOT_SEEN), ExitCode.FAILED),
        (concluded(As.LEFT_OPEN), ExitCode.FAILED),
        (concluded(As.FAILED), ExitCode.FAILED),
        (concluded(As.FAILED, recovered=True), ExitCode.DONE),
        (concluded(As.LEFT_OPEN, recovered=True), ExitCode.FAILED),
        (written(WriteStatus.INTENT), ExitCode.UNKNOWN),
        (written(WriteStatus.UNKNOWN), ExitCode.UNKNOWN),
        (written(WriteStatus.NOT_DONE), ExitCode.DONE),
        (written(WriteStatus.DONE), ExitCode.DONE),
    ],
)
def test_the_verdict_of_one_step(step: StepState, code: ExitCode) -> None:
    """Each word has its exit code, and none is success that was not seen."""
    assert verdict(RunState("BX-TEST", steps={"one": step})) is code


@pytest.mark.parametrize(
    ("undone", "code"),
    [({"one": "undo-done"}, ExitCode.DONE), ({"one": "undo-failed"}, ExitCode.UNDO_FAILED)],
)
def test_the_verdict_of_an_undo(undone: Mapping[str, str], code: ExitCode) -> None:
    """A failed undo is not success either."""
    assert verdict(RunState("BX-TEST", undone=undone)) is code


@pytest.mark.parametrize("kind", ["joined", "approved", "denied", "answered"])
def test_what_another_process_adds_may_cross_the_end_of_the_run(kind: str) -> None:
    """News, a vote or an answer that comes a moment too late poisons no run, and changes no end."""
    late = record(10, kind, nonce="n", channel="page", question="q", word="yes", event={})
    state = state_after(ENDED, late)
    assert state.status is RunStatus.ENDED
    assert state.ended.exit == 0
