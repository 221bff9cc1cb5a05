"""What a step costs, in counts: what is synced, read and digested. Times are for `bench/`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import respond.engine.drivers
import respond.engine.step.send
import respond.engine.step.step
from respond.adapters.secrets.key_stores import FolderKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.company.crash_points import Killed, KilledJournal, KilledPen, Moments
from respond.core.events import Event, Kind, Record
from respond.core.fold import fold
from respond.core.plan import digest_of, write_key
from respond.core.questions import AskStart, AskUnknown, Decision
from respond.core.records import replace
from respond.core.script import Call
from respond.errors import ExitCode
from respond.ports import Intent
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import DANA, BoxStage, refused, runbook_of


class CountedJournal(KilledJournal):
    """A journal that says what was synced, and how often it was read.

    Attributes:
        synced: Kind and step of each append that a power cut does not take away.
        lost: Of those that it may.
        reads: How often records were asked for.
        read: The kinds of those that came.
    """

    def __init__(self, stage: BoxStage) -> None:
        super().__init__(stage.kept, Moments())
        self.synced: list[tuple[Kind, str]] = []
        self.lost: list[tuple[Kind, str]] = []
        self.reads = 0
        self.read: list[Kind] = []

    def append(
        self,
        event: Event,
        *,
        seal: Mapping[str, str] | None = None,
        synced: bool = True,
        seen: int | None = None,
    ) -> Record:
        (self.synced if synced else self.lost).append((event.kind, event.step))
        return super().append(event, seal=seal, synced=synced, seen=seen)

    def intend(self, event: Event, *, digest: str) -> Intent:
        self.synced.append((event.kind, event.step))
        return super().intend(event, digest=digest)

    def records(self, run: str = "", *, since: int = 0) -> Iterator[Record]:
        self.reads += 1
        for record in super().records(run, since=since):
            self.read.append(record.event.kind)
            yield record


def ran(steps: str, **more: Any) -> tuple[BoxStage, CountedJournal]:
    stage = BoxStage(runbook_of(steps), {"a": "old", "b": "old", "c": "old"}, **more)
    journal = CountedJournal(stage)
    assert stage.advance(journal=journal) is ExitCode.DONE
    return stage, journal


SET_A = "box.set, with: {name: a, value: new}"
SEEN = f"  - {{id: one, action: {SET_A}}}"


@pytest.mark.promise("P1")
def test_a_write_that_can_be_seen_syncs_its_intent_and_nothing_else() -> None:
    """Its outcome and its conclusion are found again by looking."""
    _, journal = ran(SEEN)
    assert [kind for kind, step in journal.synced if step == "one"] == [Kind.INTENT]
    assert [kind for kind, step in journal.lost] == [Kind.OUTCOME, Kind.OBSERVED]


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize(
    ("step", "more"),
    [
        ("{id: one, action: box.say, with: {text: hi}}", {}),
        ("{id: one, action: box.make, with: {like: a}}", {}),
        ("{id: one, action: box.set, with: {name: a, value: new}}", {"by_hand": True}),
    ],
    ids=["nobody can look", "a secret is sealed", "a person's word"],
)
def test_what_nobody_could_find_again_is_synced(step: str, more: Any) -> None:
    """No power cut takes away a blind write's outcome, a secret, or what a person said."""
    _, journal = ran(f"  - {step}", **more)
    kinds = [kind for kind, where in journal.synced if where == "one"]
    assert kinds[-2:] == [Kind.INTENT, Kind.OUTCOME]


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize(
    ("action", "by_hand", "refused_with", "answers", "kind"),
    [
        ("box.say, with: {text: hi}", False, "403", {"AskByHand": Decision.NO}, Kind.OUTCOME),
        (SET_A, True, "", {"Person": Decision.NO}, Kind.OUTCOME),
        (SET_A, False, "403", {"AskByHand": Decision.NO}, Kind.OBSERVED),
        (SET_A, False, "401", {"AskPerson": Decision.NO}, Kind.OBSERVED),
    ],
    ids=["nobody can look", "not by hand", "not by hand either", "nothing can be looked at"],
)
def test_what_was_not_done_is_synced_where_nobody_could_find_out(
    action: str, *, by_hand: bool, refused_with: str, answers: Any, kind: Kind
) -> None:
    """That a blind write was refused, and that a person said no, is asked for once."""
    step = f"  - {{id: one, phase: contain, action: {action}}}"
    stage = BoxStage(runbook_of(step), {"a": "old"}, by_hand=by_hand)
    stage.says.answers = answers

    def refuse(call: Call) -> None:
        started = any(isinstance(each, AskStart) for each in stage.says.asked)
        if refused_with and started and (refused_with == "401" or call.method != "GET"):
            raise refused(refused_with)

    stage.boxes.broken = refuse
    journal = CountedJournal(stage)
    stage.advance(journal=journal)
    assert {type(each).__name__ for each in stage.says.asked} >= answers.keys()
    assert (kind, "one") in journal.synced


@pytest.mark.promise("P1")
def test_nothing_stands_unsynced_behind_the_end_or_where_a_run_waits() -> None:
    """The last event of a run that is over, or parks, is synced with all that stands before it."""
    _, journal = ran(SEEN)
    assert journal.synced[-1][0] is Kind.ENDED


class CutJournal(KilledJournal):
    """A journal in a file that a power cut brings back to what was synced last."""

    def __init__(self, folder: Path, journal: SqliteJournal, moments: Moments) -> None:
        super().__init__(journal, moments)
        self._files = [folder / "journal.db", folder / "journal.db-wal"]
        self._durable: list[bytes] | None = None

    def append(
        self,
        event: Event,
        *,
        seal: Mapping[str, str] | None = None,
        synced: bool = True,
        seen: int | None = None,
    ) -> Record:
        if synced:
            self._durable = None
        elif self._durable is None:
            self._durable = [path.read_bytes() for path in self._files]
        return super().append(event, seal=seal, synced=synced, seen=seen)

    def intend(self, event: Event, *, digest: str) -> Intent:
        self._durable = None
        return super().intend(event, digest=digest)

    def cut(self) -> bool:
        """Whether anything was lost."""
        if self._durable is None:
            return False
        for path, data in zip(self._files, self._durable, strict=True):
            path.write_bytes(data)
        return True


SET_B = "{id: two, action: box.set, with: {name: b, value: newer}}"
GONE = "{id: gone, action: box.remove, with: {name: c}}"
SAY = "{id: say, action: box.say, with: {text: hi}}"
MAKE = "{id: make, action: box.make, with: {like: d}}"


@pytest.mark.promise("P1", "P2", "P3")
@pytest.mark.long
@pytest.mark.parametrize(
    ("steps", "by_hand", "does"),
    [
        ((SET_B, GONE), False, {"PUT /box/a": 1, "PUT /box/b": 1, "DELETE /box/c": 1}),
        ((SET_B, GONE), True, {"box.set": 3}),
        (
            (SAY, SET_B, MAKE, GONE),
            False,
            {
                "PUT /box/a": 1,
                "PUT /box/b": 1,
                "DELETE /box/c": 1,
                "POST /box/bxtest-d": 1,
                "SAY /said": 1,
            },
        ),
    ],
    ids=["seen", "by hand", "blind, and a secret"],
)
def test_a_power_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, steps: tuple[str, ...], *, by_hand: bool, does: Any
) -> None:
    """What was not synced is gone with it; the resumed run looks, and does nothing twice.

    What nobody could find out by looking is not gone: nobody is asked whether it happened, and a
    secret that was sealed opens.
    """
    text = "\n".join([SEEN, *(f"  - {step}" for step in steps)])
    clock, keys = SettableClock(), FolderKeys(tmp_path / "keys")

    def opened(folder: Path) -> SqliteJournal:
        path = folder / "journal.db"
        return SqliteJournal.open(path, keys=keys, clock=clock, create=True, actor=DANA)

    def cut_at(kill: int | None) -> tuple[BoxStage, Moments, bool]:
        folder, moments = tmp_path / str(kill), Moments(kill_at=kill)
        with opened(folder) as journal:
            values = {"a": "old", "b": "old", "c": "old", "d": "old"}
            stage = BoxStage(
                runbook_of(text), values, journal=journal, clock=clock, by_hand=by_hand
            )
            cut = CutJournal(folder, journal, moments)
            with contextlib.suppress(Killed):
                stage.advance(journal=cut, pen=KilledPen(stage.boxes, moments))
        return stage, moments, cut.cut()

    base = cut_at(None)[1]
    lost = 0
    for kill in range(len(base.names)):
        stage, moments, was_lost = cut_at(kill)
        lost += was_lost
        passed = moments.names
        stage.says.asked.clear()
        stage.says.answers = {"AskUnknown": Decision.YES if stage.boxes.said else Decision.NO}
        with opened(tmp_path / str(kill)) as journal:
            if "after outcome make" in passed and "before forgetting secrets" not in passed:
                assert [journal.open_secret(stage.run, name) for name in journal.held(stage.run)]
            assert stage.advance(journal=journal) is ExitCode.DONE, passed[-1]
        assert Counter(stage.boxes.hands or stage.boxes.writes) == does, passed[-1]
        if "after outcome say" in passed:
            assert AskUnknown not in map(type, stage.says.asked), passed[-1]
    assert lost > len(base.names) // 8


def test_a_step_reads_the_journal_once_and_digests_its_write_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each further step of a run costs one look for what others wrote, and one digest."""
    keys: list[str] = []

    def counted(write: Any) -> str:
        keys.append(write.says)
        return write_key(write)

    for module in (respond.engine.drivers, respond.engine.step.send, respond.engine.step.step):
        monkeypatch.setattr(module, "write_key", counted)

    def cost(names: str) -> tuple[int, int]:
        keys.clear()
        step = "  - {{id: s{0}, action: box.set, with: {{name: {0}, value: new}}}}"
        _, journal = ran("\n".join(step.format(name) for name in names))
        return journal.reads, len(keys)

    one, three = cost("a"), cost("abc")
    assert (three[0] - one[0], three[1] - one[1]) == (2, 2)


def test_a_run_reads_nothing_again_that_it_wrote_itself() -> None:
    """Not even its plan, which may be of thousands of targets, and has a checkpoint before it."""
    stage, journal = ran(SEEN)
    assert set(journal.read) == {Kind.PROPOSED, Kind.TAKEN}
    assert Kind.PLANNED in {record.event.kind for record in stage.kept.records()}


def test_what_a_step_did_as_planned_is_held_once() -> None:
    """Of thousands of targets the plan and the state hold the same values, not equal ones."""
    stage, _ = ran(SEEN)
    state = fold(stage.kept.records(stage.run))
    assert state is not None
    assert state.plan is not None
    planned, step = state.plan.steps[0], state.steps["one"]
    assert step.conclusion is not None
    assert step.conclusion.output is planned.output
    for name in ("key", "says", "request", "subject", "before", "after", "stays", "also"):
        assert getattr(step.writes[0].write, name) is getattr(planned.writes[0], name), name


@pytest.mark.promise("P10")
def test_a_digest_step_by_step_is_that_of_the_whole_plan() -> None:
    """A large plan is digested without being written out as a whole; nothing else is said of it."""
    step = "  - {{id: s{0}, action: box.set, with: {{name: {0}, value: '[] é \\ud800'}}}}"
    stage, _ = ran("\n".join(step.format(name) for name in "abc"))
    state = fold(stage.kept.records(stage.run))
    assert state is not None
    assert state.plan is not None
    for count in range(4):
        plan = replace(state.plan, steps=state.plan.steps[:count], runbook='"steps":[]')
        assert plan.digest == digest_of(plan.canonical)
    assert state.plan.digest == state.plan_digest
