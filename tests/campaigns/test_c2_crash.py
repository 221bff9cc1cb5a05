"""Campaign C2: kill every shipped runbook at every moment, resume it, and kill the resume too.

A moment lies before and after each append, each intent and each request. The verdict is in
``respond.testing.crashing``: the same company with each effect once, or exit 5 with the reason.

CI takes one moment in eighty, others on the next day; ``--every-point`` (``make campaign``) takes
them all.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from respond.errors import ExitCode
from respond.testing.crashing import HANDS, RUNBOOKS, crash_and_resume, undisturbed, wrong_with

SEED = 20261123
DOUBLES = 30
"""Double crashes for each runbook and hands, one in thirty a day; all are some 15,000."""

pytestmark = [pytest.mark.campaign("C2"), pytest.mark.promise("P2", "P3")]
every_runbook = pytest.mark.parametrize("name", RUNBOOKS)
all_hands = pytest.mark.parametrize("hands", HANDS)


@every_runbook
@all_hands
def test_a_run_that_is_killed_anywhere_ends_as_if_it_was_not(
    name: str,
    hands: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    todays: Callable[[range, int], list[int]],
) -> None:
    """Whatever moment the process dies at, the resumed run does the rest and nothing twice."""
    base = undisturbed(name, hands)
    assert base.code is ExitCode.DONE
    count = len(base.moments[0])
    wrong: list[str] = []
    stopped = 0
    kills = todays(range(count), 160)
    for kill in kills:
        ran = crash_and_resume(tmp_path / str(kill), name, HANDS[hands], [kill])
        stopped += ran.code is ExitCode.UNKNOWN
        fault = wrong_with(ran, base)
        if fault:
            wrong.append(f"{kill} {ran.died}: {fault}")

    record_property("points", len(kills))
    record_property("needs_person", stopped)
    print(f"C2 {name}, {hands}: {len(kills)} of {count} points, {stopped} left to a person")  # noqa: T201
    assert wrong == []


@every_runbook
@all_hands
def test_a_resume_that_is_killed_ends_as_if_it_was_not(
    name: str,
    hands: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    todays: Callable[[list[list[int]], int], list[list[int]]],
) -> None:
    """A laptop that restarts twice in one night changes nothing about the outcome."""
    base = undisturbed(name, hands)
    count = len(base.moments[0])
    chance = random.Random(f"{SEED} {name} {hands}")  # noqa: S311 - a sample, no secret
    firsts = [chance.randrange(count) for _ in range(DOUBLES)]
    points = todays([[first, chance.randrange(max(1, count - first))] for first in firsts], 60)
    wrong: list[str] = []
    for n, kills in enumerate(points):
        ran = crash_and_resume(tmp_path / str(n), name, HANDS[hands], kills)
        fault = wrong_with(ran, base)
        if fault:
            wrong.append(f"{kills} {ran.died}: {fault}")

    record_property("points", len(points))
    print(f"C2 {name}, {hands}: {len(points)} double crashes, seed {SEED}")  # noqa: T201
    assert wrong == []
