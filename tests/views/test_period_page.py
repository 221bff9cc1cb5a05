"""The quarter: figures that are worked out from the runs, and a page that does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

import pytest
from tests.views.test_hostile_text import MARK, bad_run
from tests.views.test_report_forms import EVERY, Page

from respond.core.events import Event
from respond.core.fold import RunState, fold
from respond.core.period import period_of
from respond.core.records import replace
from respond.testing.example_run import TODAY, ExampleRun
from respond.views.period_page import PeriodFacts, period_json, period_page


def named(run: ExampleRun, name: str, *, mode: str = "real") -> RunState:
    """The run under another name and in another mode, as a journal of its own would have it."""

    def other(event: Event) -> Event:
        data = {**event.data, "mode": mode} if event.kind.value == "proposed" else event.data
        return replace(event, run=name, data=data)

    state = fold([replace(record, event=other(record.event)) for record in run.records])
    assert state is not None
    return state


def slow(seconds: float) -> ExampleRun:
    """A run whose containment is proved so many seconds later than the example's 89."""
    run = ExampleRun().propose().look()
    run.at_ms += round(seconds * 1000)
    return run.start().contain().recover().finish()


def facts(states: Iterable[RunState]) -> PeriodFacts:
    found = list(states)
    real, rehearsed = period_of(found)
    at = "2026-11-30T00:00:00.000Z"
    days = {state.id: TODAY for state in found}
    anchor = f"J-{'A' * 26} 1284 {'a9' * 16}"
    return PeriodFacts("2026-09-01T00:00:00.000Z", at, at, real, rehearsed, days, anchor)


def quarter() -> PeriodFacts:
    return facts(
        [
            named(slow(0), "CK-0001"),
            named(slow(100), "CK-0002"),
            named(slow(1000), "CK-0003"),
            named(ExampleRun().propose().look().start().park("stopped"), "CK-0004"),
            named(slow(5), "CK-0005", mode="rehearsal"),
        ]
    )


def test_the_times_are_those_of_real_runs_that_are_proved() -> None:
    """Median and worst; what is not proved is counted beside them, and rehearsals apart."""
    told = period_json(quarter())
    assert told["incidents"]["from_start"] == {"count": 3, "median_s": 189, "worst_s": 1089}
    assert told["incidents"]["to_contain"] == 4
    assert told["incidents"]["not_proved"] == told["incidents"]["still_open"] == ["CK-0004"]
    assert told["rehearsals"]["runs"] == ["CK-0005"]
    assert told["rehearsals"]["from_start"]["worst_s"] == 94


def test_the_page_shows_every_run_and_what_is_left_open() -> None:
    """Each real run; of the one that is not over, that nothing is proved there."""
    text = " ".join("".join(Page(period_page(quarter())).texts).split())
    for name in ("CK-0001", "CK-0002", "CK-0003", "CK-0004"):
        assert name in text
    assert "3 min 9 s" in text
    assert "18 min 9 s" in text
    left = text[text.index("Left open") : text.index("How to check")]
    assert "CK-0004" in left
    assert "the run is not over (parked)" in left
    assert "not proved: Revoke the leaked key: not done" in left
    assert "CK-0001" not in left
    assert "CK-0005" not in text


def test_a_quarter_without_an_incident_says_so() -> None:
    """And has no figure that looks like one."""
    text = "".join(Page(period_page(facts([]))).texts)
    assert "No incident was handled." in text
    assert "Nothing was rehearsed." in text
    assert period_json(facts([]))["incidents"]["from_start"]["median_s"] is None


@pytest.mark.promise("P21")
def test_the_page_runs_nothing_and_takes_no_markup() -> None:
    """The same elements, whatever a run's names and messages hold; no link, no script."""
    harmless = Page(period_page(facts([bad_run("harmless").state])))
    tags = {tag for tag, _ in harmless.tags}
    assert tags.isdisjoint({"script", "link", "a", "img", "iframe", "form", "base"})
    assert sum(tag == "h1" for tag, _ in harmless.tags) == 1
    for attack in EVERY.values():
        page = Page(period_page(facts([bad_run(attack).state])))
        assert {tag for tag, _ in page.tags} <= tags
        values = chain.from_iterable(given.values() for _, given in page.tags)
        assert not any(MARK in value for value in values)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", "".join(page.texts))
