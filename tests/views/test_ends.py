"""Every end of a run on its last screen: the verdict first, the verdict last, and what to type."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from respond.core.events import Kind
from respond.core.finding import Finding, Severity
from respond.core.recorded import Ended, data_of
from respond.core.records import replace
from respond.core.review import ReviewEnd, ReviewMark, Stands
from respond.core.script import Proof
from respond.errors import ExitCode
from respond.testing.example_run import (
    DANA,
    HEAD,
    MAKE,
    REVOKE,
    STEPS,
    TODAY,
    ExampleRun,
    example_plan,
    example_questions,
)
from respond.views.layout import width_of
from respond.views.question_text import question_text
from respond.views.summary import summary
from respond.views.verdict import verdict_of

Golden = Callable[[str, str], None]


def contained(how: str, code: ExitCode, *, proved: bool = False, why: str = "") -> ExampleRun:
    run = ExampleRun(example_plan(steps=STEPS[:2])).propose().look().start()
    run.write("revoke", REVOKE)
    run.observe("revoke", how=how, proved=proved, why=why, says="backend-prod: removed")
    run.add(Kind.ENDED, exit=code, say="", next="")
    return run


def skipped() -> ExampleRun:
    run = ExampleRun().propose().look().start()
    run.add(Kind.CONFIRMED, "revoke", by=DANA, decision="skip", typed="skip")
    run.observe("revoke", how="left-open", why="skipped by dana")
    run.observe("new", how="failed", why="cio answered 403", error={"do": "ask an admin"})
    run.add(Kind.ENDED, exit=ExitCode.FAILED, say="", next="")
    return run


def rotated() -> ExampleRun:
    blind = replace(MAKE, proof=Proof.BLIND)
    steps = (STEPS[0], replace(STEPS[2], writes=(blind,)))
    run = ExampleRun(example_plan(steps=steps)).propose().look().start()
    run.write("new", blind)
    run.observe("new", how="done", says="backend-prod-ck7f3q: made")
    run.add(Kind.ENDED, exit=0, say="", next="")
    return run


def reviewed() -> ExampleRun:
    finding = Finding("a/b/c", Severity.LOW, "a key is old", "list of keys", command="respond x")
    run = ExampleRun(example_plan(steps=STEPS[:1])).propose().look().start()
    review = ReviewEnd([ReviewMark(Stands.NEW, finding)])
    run.add(Kind.ENDED, **data_of(Ended, exit=ExitCode.DONE, review=review))
    return run


def cancelled() -> ExampleRun:
    run = ExampleRun().propose().look()
    run.add(Kind.CONFIRMED, by=DANA, decision="cancel", reason="")
    run.add(Kind.ENDED, exit=ExitCode.REFUSED, say="dana ended it", next="")
    return run


ENDS = {
    "contained": ExampleRun().propose().look().start().contain().recover().finish(),
    "contained, not proved": contained("done", ExitCode.DONE),
    "not contained": contained("not-seen", ExitCode.FAILED, why="not seen within 60 s"),
    "skipped and failed": skipped(),
    "done, not proved": rotated(),
    "a review": reviewed(),
    "ended before its start": cancelled(),
    "parked": ExampleRun().propose().look().start().contain().park("run CK-7F3Q was stopped"),
}


def last(run: ExampleRun, width: int = 80) -> str:
    state = run.state
    code = state.ended.exit if state.ended_at else ExitCode.PARKED
    return summary(state, HEAD, exit_code=code, today=TODAY, width=width)


@pytest.mark.parametrize("width", [80, 120])
def test_every_end_reads_well(width: int, golden: Golden) -> None:
    """On a small terminal and on a large one."""
    shown = (f"### {name}\n{last(run, width)}" for name, run in ENDS.items())
    text = "\n".join(shown)
    golden(f"ends_{width}", text)
    assert max(map(width_of, text.splitlines())) <= width


@pytest.mark.parametrize("name", ENDS)
def test_the_verdict_stands_first_and_last(name: str) -> None:
    """Whoever reads the top or the bottom reads what it came to; what to type is above it."""
    run = ENDS[name]
    verdict = verdict_of(run.state, TODAY)
    lines = last(run, 200).splitlines()
    assert lines[1] == verdict.title
    assert lines[-1] == verdict.line
    for command in verdict.do[:4]:
        assert any(command in line for line in lines[-8:])


@pytest.mark.promise("P6")
def test_what_ends_with_0_and_is_not_proved_never_reads_as_all_well() -> None:
    """The exit says it, something is to be typed, and nothing claims that nothing is left."""
    for name in ("contained, not proved", "done, not proved"):
        text = last(ENDS[name])
        assert "Exit         0: done, and not proved" in text
        assert "NOT PROVED" in text.splitlines()[1]
        assert "Now          respond " in text
        assert "nothing that this tool knows of" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_every_question_reads_well_on_either_terminal(width: int, golden: Golden) -> None:
    """The same words, in the room that there is."""
    questions = example_questions()
    text = "\n".join(question_text(questions[name], width=width) for name in questions)
    golden(f"questions_{width}", text)
    assert max(map(width_of, text.splitlines())) <= width
