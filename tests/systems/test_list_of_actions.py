import re
import subprocess
import sys

import pytest

from respond.core.script import Effect
from respond.core.shapes import RecordShape, shape_of
from respond.systems import NAMES, load, specs, vendors

VERBS = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")


def test_every_action_has_a_name_a_sentence_and_a_source() -> None:
    """What ``respond actions`` shows is there for each of them."""
    for name, spec in specs().items():
        assert VERBS.fullmatch(name), name
        assert spec.summary.endswith(".") or ";" in spec.summary, name
        assert spec.source, name


def test_what_goes_in_and_comes_out_can_be_checked() -> None:
    """Every argument and every output has one of the declared shapes."""
    for cls in load().values():
        assert isinstance(shape_of(cls), RecordShape)
        shape_of(cls.spec.output)  # type: ignore[attr-defined]


def test_the_list_is_in_order_and_an_action_is_named_after_its_system() -> None:
    """One visible list, read from top to bottom; the first half of a name says where to look."""
    modules = [pair for each in vendors().values() for pair in each.modules.items()]
    assert list(NAMES) == sorted(NAMES)
    assert len({module for _, module in modules}) == len(modules)
    assert {name.partition(".")[0] for name in load()} == {name for name, _ in modules}
    assert all(name == each.name for name, each in vendors().items())


def test_asking_for_one_action_imports_its_system_alone() -> None:
    """A runbook calls few systems, and it starts at 3 a.m."""
    code = (
        "import sys; from respond.systems import load; load()['human.do']; "
        "print([m for m in sys.modules if m.startswith('respond.systems.customerio.')])"
    )
    said = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "['respond.systems.customerio.vendor']"


@pytest.mark.promise("P12")
def test_what_takes_away_says_so() -> None:
    """Whether a step destroys is a property of the action, whatever a file says."""
    words = ("revoke", "remove", "delete", "disable", "end_", "destroy")
    for name, spec in specs().items():
        if name.partition(".")[2].startswith(words):
            assert spec.effect is Effect.DESTROYS, name
