"""A plan that is too long for one record stands in several, and is one plan all the same."""

from __future__ import annotations

import io
from functools import cache

import pytest

from respond.company.crash_points import Killed, KilledJournal, Moments
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import fold
from respond.core.recorded import Noticed, PlanPart, content_of, data_of
from respond.core.shapes import encode
from respond.errors import ExitCode
from respond.ports import Journal
from respond.testing.toy_system import BoxStage, runbook_of
from respond.views.json_view import record_json
from respond.views.live import Lines, LiveProgress

STEPS = (
    "  - {id: all_of, action: box.list}\n"
    "  - {id: each, for_each: all_of.names, as: n, limit: 1000, on_failure: continue,"
    " action: box.set, with: {name: '${{ n }}', value: VALUE}}"
)
PARTS = ["plan-part", "plan-part", "planned"]
MIB = 1 << 20


def stage_of(count: int, value: str = "new") -> BoxStage:
    values = {f"box-{n:04}": "old" for n in range(count)}
    return BoxStage(runbook_of(STEPS.replace("VALUE", value)), values)


def plan_records(stage: BoxStage) -> list[Record]:
    kinds = (Kind.PLAN_PART, Kind.PLANNED)
    return [record for record in stage.kept.records(stage.run) if record.event.kind in kinds]


def kinds_of(stage: BoxStage) -> list[str]:
    return [record.event.kind.value for record in plan_records(stage)]


@pytest.mark.parametrize(
    ("targets", "kinds"),
    [(3, PARTS[2:]), (199, PARTS[2:]), (200, PARTS[1:]), (399, PARTS[1:]), (400, PARTS)],
)
def test_a_record_holds_two_hundred_steps_of_a_plan(targets: int, kinds: list[str]) -> None:
    """Their set has a step of its own. What is folded is what was planned, with its digest."""
    stage = stage_of(targets)
    made = stage.plan()
    assert stage.advance() is ExitCode.DONE
    assert kinds_of(stage) == kinds
    assert stage.state is not None
    assert stage.state.plan is not None
    assert encode(stage.state.plan) == encode(made)
    assert stage.state.plan_digest == made.digest
    assert stage.state.parts == ()
    assert set(stage.boxes.values.values()) == {"new"}


def test_a_plan_that_is_longer_than_a_record_may_be_is_recorded() -> None:
    """Together its records are longer than one may be, and none is."""
    stage = stage_of(250, "x" * 20_000)
    assert stage.advance() is ExitCode.DONE
    sizes = [len(str(record.event.data)) for record in plan_records(stage)]
    assert max(sizes) < 16 * MIB < sum(sizes)


@cache
def moments() -> list[str]:
    """What a run of 450 boxes passes in its journal, undisturbed."""
    passed = Moments(kill_at=None)
    stage = stage_of(450)
    stage.advance(journal=KilledJournal(stage.kept, passed))
    return passed.names


@pytest.mark.parametrize("kill", range(6))
def test_a_process_that_dies_while_a_plan_is_recorded_is_carried_on(kill: int) -> None:
    """Before and after each record. What it left is no part of the next plan."""
    of_plan = [n for n, name in enumerate(moments()) if name.endswith(("plan-part", "planned"))]
    stage = stage_of(450)
    with pytest.raises(Killed):
        stage.advance(journal=KilledJournal(stage.kept, Moments(kill_at=of_plan[kill])))
    left = kinds_of(stage)
    assert left == PARTS[: (kill + 1) // 2]
    assert stage.advance() is ExitCode.DONE
    assert kinds_of(stage) == left + PARTS
    assert stage.state is not None
    assert stage.state.plan is not None
    assert len(stage.state.plan.steps) == 451
    assert len(stage.events("intent")) == len(set(stage.events("intent"))) == 450
    assert stage.state == fold(stage.kept.records(stage.run))


class Busy:
    """A journal into which another process writes after each part of a plan."""

    def __init__(self, journal: Journal, run: str) -> None:
        self._journal, self._run = journal, run

    def append(self, event: Event, **given: object) -> Record:
        record = self._journal.append(event, **given)  # type: ignore[arg-type]
        if event.kind is Kind.PLAN_PART:
            told = data_of(Noticed, about="somebody", says="something else")
            machine = Actor("another", Strength.MACHINE)
            self._journal.append(Event(Kind.NOTICE, self._run, "", machine, told))
        return record

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)


def test_what_another_process_writes_between_the_parts_is_no_part() -> None:
    """A server records what comes in meanwhile."""
    stage = stage_of(450)
    assert stage.advance(journal=Busy(stage.kept, stage.run)) is ExitCode.DONE
    assert kinds_of(stage) == PARTS
    assert stage.state == fold(stage.kept.records(stage.run))


def test_how_far_a_run_is_counts_every_part() -> None:
    """The line on the screen is of all targets, and a part itself has none."""
    stage = stage_of(450)
    stream = io.StringIO()
    progress = LiveProgress(Lines(stream, live=False, width=100), mode="real")
    assert stage.advance(progress=progress) is ExitCode.DONE
    lines = stream.getvalue()
    assert "451/451" in lines
    assert "plan-part" not in lines


def test_a_part_appears_without_its_steps() -> None:
    """As a plan does, where a run is followed by machine."""
    stage = stage_of(250)
    stage.advance()
    part, planned = plan_records(stage)
    assert isinstance(content_of(part.event), PlanPart)
    assert record_json(part)["data"] == {}
    assert record_json(planned)["data"].keys() == {"digest", "parts"}
