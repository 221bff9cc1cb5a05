"""A guard that nothing would miss is none: each has a test that turns red without it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from tests.guards.switch_off import ROOT, Copy, Guard, guards

LEAST = 100
SAMPLE = 2


@cache
def named_in(path: Path) -> frozenset[str]:
    """Every function and class of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.ClassDef)
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    made = Copy(tmp_path_factory.mktemp("guards"))
    yield made
    made.close()


def faults_of(guard: Guard, *, compiled: bool) -> Iterator[str]:
    """What is wrong with an entry, as far as it can be seen without running anything."""
    file, *names = guard.test.partition("[")[0].split("::")
    # What a contract asks of every adapter stands there, and not in the test's own file.
    contracts = (ROOT / "src" / "respond" / "testing").glob("contract_*.py")
    if missing := {*names}.difference(*map(named_in, (ROOT / file, *contracts))):
        yield f"{guard.test}: there is no {missing}"
    try:
        text = (ROOT / "src" / "respond" / guard.file).read_text(encoding="utf-8")
        off = guard.switched_off(text)
        if compiled:
            compile(off, guard.file, "exec")
    except (OSError, SyntaxError, ValueError) as error:
        yield str(error)


def test_every_guard_stands_once_and_its_test_is_there(
    todays: Callable[[Sequence[Guard], int], list[Guard]],
) -> None:
    """A source text that moved, or a test that was renamed, is found before the night."""
    listed = guards()
    assert len(listed) >= LEAST
    compiled = todays(listed, 10)
    assert [
        fault for guard in listed for fault in faults_of(guard, compiled=guard in compiled)
    ] == []


def test_no_guard_is_listed_twice() -> None:
    """A hundred entries are a hundred guards."""
    listed = [(each.file, each.find, each.off) for each in guards()]
    assert len(set(listed)) == len(listed)
    assert len({each.says for each in guards()}) == len(listed)


def test_a_test_that_stays_green_is_said_to(copy: Copy) -> None:
    """The switch proves something: without a change nothing turns red, and that is a fault."""
    first, *_ = guards()
    idle = Guard(first.says, first.file, first.find, first.find, first.test)
    assert copy.without(idle).fault == "nothing turned red"


@pytest.mark.parametrize("place", range(SAMPLE))
def test_without_a_guard_its_test_turns_red(copy: Copy, place: int) -> None:
    """Each day others; ``make guards`` takes them all."""
    listed = guards()
    day = datetime.now(UTC).toordinal()
    guard = listed[(day * SAMPLE + place) % len(listed)]
    assert copy.without(guard).fault == "", guard
