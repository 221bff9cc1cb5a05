from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from respond.core.events import Kind
from respond.core.finding import Finding, Severity
from respond.core.plan import PlannedStep
from respond.core.records import replace
from respond.core.review import ReviewEnd, ReviewMark, Stands
from respond.core.script import Proof
from respond.core.shapes import encode
from respond.errors import ExitCode
from respond.testing.example_run import (
    DANA,
    HEAD,
    MAKE,
    RESTART,
    REVOKE,
    STEPS,
    TELL,
    TODAY,
    ExampleRun,
    example_plan,
)
from respond.views.json_view import state_json
from respond.views.report import as_json, report
from respond.views.style import Tone
from respond.views.verdict import CameTo, RunVerdict, verdict_of

ROTATES = (replace(STEPS[2], writes=(MAKE,)), STEPS[5])


def of(run: ExampleRun) -> RunVerdict:
    return verdict_of(run.state, TODAY)


def contained_by(how: str, **data: Any) -> ExampleRun:
    run = ExampleRun(example_plan(steps=STEPS[:2])).propose().look().start()
    run.write("revoke", REVOKE)
    run.observe("revoke", how=how, **data)
    code = ExitCode.DONE if how in ("done", "your-word") else ExitCode.FAILED
    run.add(Kind.ENDED, exit=code, say="", next="")
    return run


def ended(*steps: PlannedStep, code: ExitCode = ExitCode.DONE) -> ExampleRun:
    run = ExampleRun(example_plan(steps=steps)).propose().look().start()
    for step in steps:
        for write in step.writes:
            run.write(step.address, write)
        if step is not STEPS[0]:
            run.observe(step.address, how="done")
    run.add(Kind.ENDED, exit=code, say="", next="")
    return run


def test_a_good_night_is_contained_and_proved() -> None:
    """With the time since the start and since the leak, and nothing missing."""
    verdict = of(ExampleRun().propose().look().start().contain().recover().finish())
    assert verdict.line == "CONTAINED and proved 1 min 29 s after the start"
    assert verdict.at == "2026-11-23 03:13:30Z, 3 d 3 h after 2026-11-20 00:00:00Z (the leak)"
    assert (verdict.because, verdict.do) == ((), ())
    assert verdict.tone is Tone.GOOD


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("how", "why"),
    [("done", "done, not proved"), ("your-word", "somebody's word, not proved")],
)
def test_contained_without_a_proof_never_reads_as_all_well(how: str, why: str) -> None:
    """It ends with 0, and the verdict says what the proof lacks."""
    run = contained_by(how, proved=False)
    assert run.state.ended_well
    verdict = of(run)
    assert verdict.title == "CONTAINED, NOT PROVED"
    assert verdict.because == (f"Revoke the leaked key: {why}",)
    assert verdict.tone is Tone.CARE
    assert verdict.at == ""


@pytest.mark.promise("P6")
@pytest.mark.parametrize("how", ["not-seen", "failed", "left-open"])
def test_what_was_not_seen_to_be_so_is_not_contained(how: str) -> None:
    """The system said yes, and the key still works: nobody calls that contained."""
    verdict = of(contained_by(how, why="it still works"))
    assert verdict.title == "NOT CONTAINED"
    assert verdict.because == ("Revoke the leaked key: " + {
        "not-seen": "done, and not seen"}.get(how, "it still works"),)  # fmt: skip
    assert verdict.tone is Tone.DANGER


def test_an_open_write_is_not_contained() -> None:
    """Where nobody knows whether it happened, nobody knows that it is contained."""
    run = ExampleRun(example_plan(steps=STEPS[:2])).propose().look().start()
    run.intend("revoke", REVOKE)
    run.add(Kind.ENDED, exit=ExitCode.UNKNOWN, say="", next="")
    assert of(run).line == (
        "NOT CONTAINED: Revoke the leaked key: nobody knows whether it happened"
    )


def test_what_failed_behind_containment_is_told_in_the_title() -> None:
    """The harm is stopped, and the run is not whole: both stand there."""
    run = ExampleRun().propose().look().start().contain()
    run.observe("new", how="failed", why="403")
    run.finish(code=1)
    verdict = of(run)
    assert verdict.title == "CONTAINED and proved 1 min 29 s after the start, NOT ALL DONE"
    assert "not done: Make a new key and store it: 403" in verdict.because
    assert verdict.tone is Tone.CARE


def unfinished() -> Iterator[tuple[ExampleRun, str, str]]:
    yield ExampleRun().propose(), "NOT DONE YET", "proposed, not planned"
    yield ExampleRun().propose().look(), "NOT CONTAINED YET", "planned, not started"
    yield (
        ExampleRun().propose().look().start().contain().park("run CK-7F3Q was stopped"),
        "CONTAINED and proved 1 min 29 s after the start, NOT OVER YET",
        "run CK-7F3Q was stopped: Ctrl-C",
    )


@pytest.mark.parametrize(("run", "title", "because"), list(unfinished()))
def test_a_run_that_is_not_over_says_so_and_how_to_go_on(
    run: ExampleRun, title: str, because: str
) -> None:
    """Parked, planned, proposed: what it waits for, and the command."""
    verdict = of(run)
    assert (verdict.title, verdict.because[0]) == (title, because)
    assert verdict.do == ("respond resume CK-7F3Q",)
    assert not verdict.is_over
    assert verdict.tone is not Tone.GOOD


def test_a_run_that_contains_nothing_is_done_or_not() -> None:
    """Rotating a key contains nothing: it is done and proved, not proved, or not done."""
    assert of(ended(*ROTATES)).line == "DONE and proved"

    blind = replace(MAKE, proof=Proof.BLIND)
    verdict = of(ended(replace(ROTATES[0], writes=(blind,))))
    assert verdict.line == "DONE, NOT PROVED: Make a new key and store it"
    assert verdict.came_to is CameTo.DONE_NOT_PROVED

    run = ExampleRun(example_plan(steps=ROTATES)).propose().look().start()
    run.observe("new", how="failed", why="403")
    run.add(Kind.ENDED, exit=ExitCode.FAILED, say="", next="")
    assert of(run).title == "NOT DONE"
    assert of(run).because[0] == "not done: Make a new key and store it: 403"


def test_what_nobody_can_see_takes_no_proof_away() -> None:
    """A message that arrived unseen and a person's own work leave the rest as proved as it is."""
    told = replace(TELL, proof=Proof.BLIND)
    task = replace(STEPS[2], address="restart", writes=(RESTART,))
    run = ended(ROTATES[0], replace(STEPS[5], writes=(told,)), task)
    assert of(run).line == "DONE and proved"


def test_a_run_that_changed_nothing_says_so() -> None:
    """Looking proves nothing and changes nothing."""
    assert of(ended(STEPS[0])).line == "DONE, nothing was changed"


def test_a_review_says_how_much_it_found() -> None:
    """What counts is counted; what is accepted or gone is not."""
    finding = Finding("a/b/c", Severity.LOW, "a key is old", "list of keys")
    marks = [ReviewMark(Stands.NEW, finding), ReviewMark(Stands.GONE, finding)]
    run = ExampleRun(example_plan(steps=STEPS[:1])).propose().look().start()
    run.add(Kind.ENDED, exit=0, say="", next="", review=encode(ReviewEnd(marks)))
    assert of(run).line == "DONE, 1 finding"


def test_a_dry_run_says_that_nothing_was_changed() -> None:
    """Whatever its plan holds."""
    verdict = of(ExampleRun(example_plan(mode="dry-run")).propose().look())
    assert verdict.line == "DRY RUN: nothing was changed"
    assert verdict.came_to is CameTo.DRY_RUN


def test_a_run_that_a_person_ended_says_who_left_what() -> None:
    """Cancelled before anything was done: not contained, and why."""
    run = ExampleRun().propose().look()
    run.add(Kind.CONFIRMED, by=DANA, decision="cancel", reason="")
    run.add(Kind.ENDED, exit=ExitCode.REFUSED, say="dana ended it", next="")
    verdict = of(run)
    assert verdict.line.startswith("NOT CONTAINED, NOTHING WAS STARTED: dana ended it")
    assert any("respond compromised-key" in each for each in verdict.do)
    assert not any("respond prove" in each for each in verdict.do)


def test_a_no_that_came_when_all_was_over_ended_nothing() -> None:
    """The run had come to its end by itself, and whoever carried it on could not hear of it."""
    run = ExampleRun().propose().look().start().contain()
    run.observe("new", how="failed", why="403")
    run.add(Kind.CONFIRMED, by=DANA, decision="cancel", reason="")
    run.add(Kind.ENDED, exit=ExitCode.FAILED, say="", next="")
    assert "a person ended it" not in of(run).because


def test_terminal_report_and_json_have_one_verdict() -> None:
    """They take it from here, so they cannot disagree."""
    run = contained_by("done", proved=False)
    told = state_json(run.state, TODAY)["verdict"]
    assert told == as_json(report(run.state, run.records, HEAD, TODAY))["verdict"]
    assert told["came_to"] == "contained-not-proved"
    assert told["title"] == of(run).title
    assert told["is_over"]
