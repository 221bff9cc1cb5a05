"""How a run went in time: whose waits they were, and which moments tell its story."""

from __future__ import annotations

from itertools import pairwise

import pytest

from respond.core.course import Course, CourseKind, course_of
from respond.core.events import Kind
from respond.core.outcome import outcome_of
from respond.core.recorded import AskKind, AsksFor, FollowedUp, FollowUp, Since, data_of
from respond.core.records import replace
from respond.testing.example_run import DANA, ExampleRun, example_plan


def course(run: ExampleRun) -> Course:
    return course_of(run.state, run.records, outcome_of(run.state).containment)


def spent(run: ExampleRun) -> tuple[float, float]:
    made = course(run)
    return made.people_s, made.systems_s


def test_who_decides_and_who_has_it_in_hand_is_waited_for() -> None:
    """40 s to the start, 9 s to the yes, 30 s with the key: people. All else: systems."""
    run = ExampleRun().propose().look().start().contain()
    assert spent(run) == (40 + 9 + 30, 5 + 2 + 1 + 2)


def test_a_run_that_is_parked_for_people_waits_for_them() -> None:
    """From the park to whoever takes it up again, whatever was answered in between."""
    run = ExampleRun().propose().look()
    before = spent(run)
    asks = data_of(AsksFor, kind=AskKind.QUESTION, id="q", title="go on?")
    run.add(Kind.PARKED, why="asks", asks=asks, exit=3)
    run.add(Kind.TAKEN, after_s=3600, epoch=2, by_whom="dana")
    assert spent(run) == (before[0] + 3600, before[1] + 1)


def test_a_run_that_waits_for_a_state_waits_for_a_system() -> None:
    """A ``wait`` looks at a system, or lets a time pass."""
    run = ExampleRun().propose().look()
    before = spent(run)
    run.add(Kind.PARKED, why="waits", waits=data_of(Since, since=1, mono=1, boot="b"), exit=3)
    run.add(Kind.TAKEN, after_s=600, epoch=2, by_whom="dana")
    assert spent(run) == (before[0], before[1] + 1 + 600)


def test_what_comes_after_the_end_waits_for_nobody() -> None:
    """An undo of the next day makes no night of a day."""
    run = ExampleRun().propose().look().start().contain().recover().finish()
    before = spent(run)
    run.add(Kind.UNDO_ASKED, by=DANA, after_s=86_400, can=["x"], cannot=[])
    said = data_of(FollowedUp, item="x", how=FollowUp.WORD, line="a look-alike")
    run.add(Kind.FOLLOWED_UP, by=DANA, after_s=3600, **said)
    assert spent(run) == before
    last = course(run).marks[-1]
    assert (last.kind, last.says, last.who) == (CourseKind.AFTERWARDS, "a look-alike", "dana")


def test_the_waits_leave_no_gap_and_no_overlap() -> None:
    """Each ends where the next begins, and two of one kind never follow each other."""
    waits = course(ExampleRun().propose().look().start().contain().recover().finish()).waits
    for one, other in pairwise(waits):
        assert one.end_s == other.begin_s
        assert one.for_people is not other.for_people


def test_the_moments_are_in_order_of_time_and_begin_with_the_leak() -> None:
    """Leak, beginning, decisions, containment, proof, people told, end."""
    made = course(ExampleRun().propose().look().start().contain().recover().finish())
    assert [mark.kind for mark in made.marks] == [
        CourseKind.LEAK, CourseKind.BEGAN, CourseKind.DECIDED, CourseKind.DECIDED,
        CourseKind.CONTAINS, CourseKind.PROVED, CourseKind.TOLD, CourseKind.ENDED,
    ]  # fmt: skip
    times = [mark.at_s for mark in made.marks]
    assert times == sorted(times)
    assert made.harm_until_s == next(
        mark.at_s for mark in made.marks if mark.kind is CourseKind.PROVED
    )


@pytest.mark.parametrize("since", ["", "not a time", "2026-11-20"])
def test_a_leak_whose_time_is_not_known_has_no_moment(since: str) -> None:
    """A day without an hour counts as its beginning in UTC; what is no time counts as none."""
    plan = example_plan()
    run = ExampleRun(replace(plan, inputs={**plan.inputs, "since": since}))
    made = course(run.propose().look())
    assert (made.harm_from_s is not None) is since.startswith("2026")
    assert (made.marks[0].kind is CourseKind.LEAK) is since.startswith("2026")
