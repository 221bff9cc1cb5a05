"""Every vendor's writes against all that goes wrong on the way, by real HTTP.

A vendor gets a table in ``writes`` and runs all of it. What it does unlike others stands in a test
file of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.systems.writes.write_case import Gone, Lost, Slow, VendorWrites, WriteCase, built

from respond.company import default_company
from respond.core.script import Done, Effect, Proof
from respond.errors import RefusedBySystemError, StepFailedError
from respond.systems import load
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError

TABLES = sorted(Path(__file__).with_name("writes").glob("of_*.py"))
VENDORS: dict[str, VendorWrites] = {
    path.stem.removeprefix("of_"): import_module(f"tests.systems.writes.{path.stem}").WRITES
    for path in TABLES
}
OWN = {
    "customerio",
    "directory",
    "email",
    "http",
    "human",
    "notify",
    "pagerduty",
    "people",
    "slack",
}
"""What these write has tests of its own."""
CASES = [case for vendor in VENDORS.values() for case in vendor.cases.values()]
FIRST = {next(iter(vendor.cases.values())) for vendor in VENDORS.values()}
TOO_OFTEN = [(case, how) for case in CASES for how in VENDORS[case.system].slow]


def each(cases: Iterable[WriteCase]) -> pytest.MarkDecorator:
    listed = list(cases)
    return pytest.mark.parametrize("case", listed, ids=map(str, listed))


def each_with(*faults: str, more: str = "") -> pytest.MarkDecorator:
    """Each write with each fault, and with those that its vendor has in ``more``."""
    pairs = [
        (case, fault)
        for case in CASES
        for fault in (*faults, *(getattr(VENDORS[case.system], more) if more else ()))
    ]
    # To an action, an answer that never comes is one that was cut: one of each vendor shows it.
    pairs = [(case, fault) for case, fault in pairs if "timeout" not in fault or case in FIRST]
    ids = [f"{case}-{fault}" for case, fault in pairs]
    return pytest.mark.parametrize(("case", "fault"), pairs, ids=ids)


too_often = pytest.mark.parametrize(
    ("case", "how"), TOO_OFTEN, ids=[f"{case}-{how}" for case, how in TOO_OFTEN]
)


@pytest.fixture
def vendor(office: Any, case: WriteCase) -> VendorWrites:
    found = VENDORS[case.system]
    found.ready(office)
    return found


@cache
def story() -> Any:
    return default_company(only=("mail_server",)).story


def test_every_action_that_writes_is_here() -> None:
    """A new one is driven through all that goes wrong, too; a vendor that is added as well."""
    actions: Mapping[str, Any] = load()
    writing = {name for name, cls in actions.items() if cls.spec.effect is not Effect.READS}
    here = {
        f"{vendor.system}.{name}"
        for vendor in VENDORS.values()
        for name in {case.name for case in vendor.cases.values()} | set(vendor.elsewhere)
    }

    assert {name for name in writing if name.partition(".")[0] not in OWN} == here


@pytest.mark.share(4)
@each(CASES)
@pytest.mark.promise("P5")
def test_a_look_writes_nothing(office: Any, case: WriteCase, vendor: VendorWrites) -> None:
    """A dry run says what it would write, and what breaks where nothing takes it back."""
    seen = office.look(case.of(office))

    assert seen.writes
    assert all(write.says and write.target and write.where for write in seen.writes)
    assert all(write.breaks for write in seen.writes if write.effect is Effect.DESTROYS)
    assert all(vendor.holds(write) for write in seen.writes)
    assert office.writes() == 0


@pytest.mark.share(4)
@each(CASES)
@pytest.mark.promise("P2")
def test_run_twice_it_writes_once(office: Any, case: WriteCase, vendor: VendorWrites) -> None:
    """The second time finds it done; what nobody can see is in the journal."""
    first = office.do(case.of(office))
    before, sent = vendor.state(office), len(office.sent)
    again = office.do(case.of(office))

    assert "not seen" not in first.says + again.says
    assert isinstance(again, Done)
    assert len(office.sent) == sent
    assert vendor.state(office) == before


@pytest.mark.share(8)
@each_with("timeout-after", "cut-after", "500-after", "html-after")
@pytest.mark.promise("P2")
def test_an_answer_that_is_lost_after_the_effect(
    office: Any, case: WriteCase, vendor: VendorWrites, fault: str
) -> None:
    """It happened though nobody said so: seen where it can be, repeated where that is harmless."""
    office.company.arm([f"{case.system}:{fault}@{case.at}"])
    with pytest.raises(vendor.no_answer):
        office.do(case.of(office))
    after, lost = vendor.state(office), office.sent[-1]
    if case.lost is Lost.STOPS:
        with pytest.raises(GuardRefusedError, match=case.stops):
            office.do(case.of(office))
        assert vendor.state(office) == after
        return
    office.clock.sleep(60)
    wanted = [w for w in office.look(case.of(office)).writes if w.subject == lost.subject]
    assert bool(wanted) == (case.lost is not Lost.SEEN)
    assert {w.repeatable or bool(w.cleans_up) for w in wanted} <= {case.lost is Lost.AGAIN}
    if case.lost is Lost.PERSON:
        return
    office.do(case.of(office))

    assert isinstance(office.do(case.of(office)), Done)
    assert case.moves or vendor.state(office) == after


@pytest.mark.share(12)
@each_with("timeout-before", "cut-before", "500", "503", "html")
@pytest.mark.promise("P2")
def test_an_answer_that_is_lost_before_the_effect(
    office: Any, case: WriteCase, vendor: VendorWrites, fault: str
) -> None:
    """Nobody knows; a look finds that it is still wanted, and it is done then."""
    before = vendor.state(office)
    office.company.arm([f"{case.system}:{fault}@{case.at}"])
    with pytest.raises(vendor.no_answer):
        office.do(case.of(office))
    assert case.later or vendor.state(office) == before
    office.do(case.of(office))

    assert case.unseen or vendor.state(office) != before


@pytest.mark.share(6)
@each_with("401", "403", more="noes")
def test_a_no_is_a_no(office: Any, case: WriteCase, vendor: VendorWrites, fault: str) -> None:
    """Nothing happened, and a person could do it by hand where it is about who asks."""
    for _ in range(2 if case.later else 1):  # What goes before it has gone, the second time.
        before = vendor.state(office)
        office.company.arm([f"{case.system}:{fault}@{case.at}"])
        with pytest.raises(RefusedBySystemError) as refused:
            office.do(case.of(office))

    assert refused.value.code == vendor.codes.get(fault, fault)
    assert refused.value.by_hand is (fault in {"401", "403"})
    assert fault == "401" or not refused.value.again
    assert vendor.state(office) == before
    assert fault != "403" or vendor.lacks in refused.value.why


def _slowed(office: Any, vendor: VendorWrites, how: str) -> Slow:
    """From now on it tells this much of when to come back."""
    simulated, slow = office.company.systems[vendor.system], vendor.slow[how]
    if (headers := slow.headers) is not None:
        simulated.come_back = lambda _: headers(simulated)
    return slow


@pytest.mark.share(6)
@too_often
def test_a_write_that_comes_too_often_is_to_come_again(
    office: Any, case: WriteCase, vendor: VendorWrites, how: str
) -> None:
    """It did not happen, and is no missing right; when to come again is said where that is told."""
    slow = _slowed(office, vendor, how)
    for _ in range(2 if case.later else 1):
        before = vendor.state(office)
        office.company.arm([f"{case.system}:429@{case.at}"])
        with pytest.raises(RefusedBySystemError) as refused:
            office.do(case.of(office))

    assert (refused.value.code, refused.value.again) == ("429", True)
    assert refused.value.retry_after_s in slow.write_s
    assert vendor.state(office) == before


@pytest.mark.share(6)
@too_often
def test_a_read_that_comes_too_often_waits(
    office: Any, case: WriteCase, vendor: VendorWrites, how: str
) -> None:
    """As long as is told; where nothing is, a little longer each time."""
    slow = _slowed(office, vendor, how)
    before = office.clock.now_ms()
    office.company.arm([f"{case.system}:429x2@GET *"])

    assert office.look(case.of(office)).writes
    assert office.clock.now_ms() - before >= slow.read_ms * case.looks


@pytest.mark.share(6)
@each_with("html", "empty", "500", "503", more="unseen")
@pytest.mark.promise("P6")
@pytest.mark.usefixtures("vendor")
def test_what_cannot_be_seen_is_not_written(office: Any, case: WriteCase, fault: str) -> None:
    """A page with 200, nothing at all, trouble: no guess is made.

    What needs no look is not spared by that: a token leaked, whatever is known of it.
    """
    office.company.arm([f"{case.system}:{fault}xall@GET *"])
    if not case.looks:
        assert office.look(case.of(office)).writes
        return
    with pytest.raises(StepFailedError):
        office.do(case.of(office))

    assert office.sent == []
    assert office.writes() == 0


@pytest.mark.share(4)
@each(CASES)
@pytest.mark.promise("P6")
@pytest.mark.usefixtures("vendor")
def test_what_shows_late_is_waited_for(office: Any, case: WriteCase) -> None:
    """A read from before the write is no proof of failure, and never of success."""
    office.changes["now"] = office.clock.now_ms() // 1000
    office.company.arm([f"{case.system}:stale@{case.at}"])
    done = office.do(case.of(office))

    assert "not seen" in done.says or all(w.proof is not Proof.SEEN for w in office.sent)
    office.clock.sleep(90)
    again = office.look(case.of(office)).writes
    assert not case.shows or all(write.proof is not Proof.SEEN for write in again)


def _about(case: WriteCase, names: Iterable[str]) -> str:
    """Which of these arguments it has, the first one."""
    given = case.given(story())
    return next((name for name in names if name in given), "")


@pytest.mark.share(4)
@each(case for case in CASES if _about(case, VENDORS[case.system].nobody))
def test_what_is_gone_is_named(office: Any, case: WriteCase, vendor: VendorWrites) -> None:
    """That is no success; only for what was to end it is."""
    name = _about(case, vendor.nobody)
    action = case.of(office, **{name: vendor.nobody[name]})
    if case.gone is Gone.DONE:
        assert isinstance(office.do(action), Done)
    else:
        no = (GuardRefusedError, RefusedBySystemError)
        with pytest.raises(no, match=vendor.nobody_says):
            office.do(action)
    assert office.sent == []


@pytest.mark.share(4)
@each(case for case in CASES if case.back)
@pytest.mark.promise("P12")
def test_the_way_back_leads_back_and_is_gone_once(
    office: Any, case: WriteCase, vendor: VendorWrites
) -> None:
    """What it leaves is what was there before; the second time it writes nothing."""

    def now() -> Any:
        return vendor.back_state(office, case) if vendor.back_state else vendor.state(office)

    def go_back() -> None:
        for way in ways:
            office.do(built(way.action, **way.arguments), f"back-{way.action}")

    before = now()
    office.do(case.of(office), "there")
    ways = [write.undo for write in reversed(office.sent) if write.undo is not None]
    assert ways
    go_back()
    sent = len(office.sent)
    vendor.came_back(office, case)
    restored = now()
    office.clock.sleep(30)
    go_back()

    assert len(office.sent) == sent
    assert restored == before


@each(case for case in CASES if _about(case, VENDORS[case.system].wrong))
@pytest.mark.promise("P19")
def test_what_can_be_no_id_is_refused_at_once(case: WriteCase) -> None:
    """Before anything is looked at: it would find nobody, and pass for somebody who is gone."""
    wrong = VENDORS[case.system].wrong
    name = _about(case, wrong)
    for value in wrong[name]:
        with pytest.raises(ArgumentError):
            built(f"{case.system}.{case.name}", **{**case.given(story()), name: value})
