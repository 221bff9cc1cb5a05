from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from respond.core.plan import OthersAgree, Plan, StepPlan
from respond.core.records import replace
from respond.core.runbook import Phase
from respond.core.script import Effect
from respond.testing.example_run import HEAD, STEPS, ExampleRun, example_plan, example_write
from respond.views.layout import width_of
from respond.views.plan_rows import others_needed, plan_rows
from respond.views.plan_text import plan_screen, step_details
from respond.views.style import ANSI

Golden = Callable[[str, str], None]


def shown(plan: Plan, **options: object) -> str:
    run = ExampleRun(plan).propose().look()
    given: dict[str, object] = {"elapsed_s": 4.0, **options}
    return plan_screen(run.state, plan, HEAD, **given)  # type: ignore[arg-type]


def test_the_plan_of_the_night_fits_one_screen(golden: Golden) -> None:
    """What is there, what would change, what cannot be undone, who is told: on 80 columns."""
    text = shown(example_plan())

    golden("plan", text)
    assert max(width_of(line) for line in text.splitlines()) <= 80


def test_one_line_in_full(golden: Golden) -> None:
    """A number shows everything that the plan has about its line."""
    golden("plan_details", step_details(example_plan(), 1))
    assert step_details(example_plan(), 99) == ""


def test_what_is_foretold_is_not_called_seen() -> None:
    """A step that writes says what will be so; one that only looks says what it saw."""
    foretold = replace(STEPS[1], says="backend-prod: refused")
    looked = replace(STEPS[1], writes=(), state=StepPlan.NOTHING, says="backend-prod: alive")
    plan = replace(example_plan(), steps=(foretold, looked))
    assert [row.step.writes for row in plan_rows(plan)] == [foretold.writes, ()]
    assert "\nThen         backend-prod: refused\n" in step_details(plan, 1)
    assert "Seen" not in step_details(plan, 1)
    assert "\nSeen         backend-prod: alive\n" in step_details(plan, 2)


@pytest.mark.parametrize(
    ("mode", "word"), [("real", "REAL"), ("rehearsal", "REHEARSAL"), ("dry-run", "DRY RUN")]
)
def test_the_head_says_how_serious_it_is(mode: str, word: str) -> None:
    """Nobody takes a rehearsal for the real thing, or the other way round."""
    assert word in shown(example_plan(mode=mode)).splitlines()[0]


def test_a_dry_run_offers_nothing_to_start() -> None:
    """A dry run is looked at, not answered."""
    text = shown(example_plan(mode="dry-run"))
    assert "start" not in text
    assert "nothing was changed, and nothing will be" in text


def test_what_was_done_before_is_not_called_nothing() -> None:
    """After a write, a plan that is shown again does not say that nothing was changed."""
    run = ExampleRun().propose().look().start().contain()
    text = plan_screen(run.state, run.plan, HEAD, elapsed_s=1)
    assert "Nothing has been changed" not in text
    assert "1 write was made before" in text


def test_every_write_has_its_own_line() -> None:
    """Three hundred targets are three hundred lines: the set is shown, not a count."""
    writes = tuple(
        example_write(f"remove user{n}@example.com", effect=Effect.DESTROYS, undo=False)
        for n in range(300)
    )
    plan = example_plan(steps=(replace(STEPS[1], writes=writes),))
    text = shown(plan)

    assert len(plan_rows(plan)) == 300
    assert all(f"user{n}@example.com" in text for n in range(300))
    assert max(width_of(line) for line in text.splitlines()) <= 80


def test_who_else_is_needed_stands_on_the_screen() -> None:
    """A plan that nobody may carry out alone says so before the start."""
    wanted = OthersAgree(2, ("approver",), within_s=1800, or_signed=False)
    plan = example_plan(steps=(replace(STEPS[1], approve=wanted),))
    assert others_needed(plan) == ("2 people with approver, before Revoke the leaked key",)
    assert "Not alone" in shown(plan)

    proved = OthersAgree(1, (), within_s=1800, or_signed=True)
    plan = example_plan(steps=(replace(STEPS[1], approve=proved),))
    assert others_needed(plan) == ("1 person, or your own key, before Revoke the leaked key",)

    nothing = replace(STEPS[1], approve=wanted, writes=(), state=StepPlan.NOTHING)
    assert others_needed(example_plan(steps=(nothing,))) == ()


def test_steps_without_a_write_say_why() -> None:
    """Unseen, waiting, already so: each has a line, and none of them looks like a change."""
    steps = (
        replace(STEPS[1], address="a", title="Cannot look", writes=(), state=StepPlan.UNSEEN),
        replace(STEPS[1], address="b", title="Wait for objections", writes=(),
                state=StepPlan.WAITS, says="waits 30 min"),
        replace(STEPS[2], address="c", title="Store it", writes=(), state=StepPlan.NOTHING,
                says="stored already"),
    )  # fmt: skip
    text = shown(example_plan(steps=steps))
    assert "not seen" in text
    assert "waits 30 min" in text
    assert "unchanged" in text


def test_wide_letters_keep_the_columns_straight() -> None:
    """Chinese names and emoji take two columns each; the table stays a table."""
    write = example_write("删除成员 王小明 🔥 from 示例公司", undo=False)
    plan = example_plan(steps=(replace(STEPS[1], writes=(write,)),))
    row = next(line for line in shown(plan).splitlines() if "删除成员" in line)
    head = next(line for line in shown(plan).splitlines() if "undo" in line)
    assert width_of(row[: row.index("absent")]) == head.index("now")


def test_colour_changes_no_letter() -> None:
    """Meaning is never carried by colour: without the escapes the text is the same."""
    plain, coloured = shown(example_plan()), shown(example_plan(), style=ANSI)
    assert coloured != plain
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain


def test_phases_head_their_lines() -> None:
    """Phases stand in the order of the plan, each above its own lines."""
    text = shown(example_plan())
    words = [p.value.upper() for p in (Phase.CONTAIN, Phase.RECOVER, Phase.REVIEW, Phase.NOTIFY)]
    places = [text.index(f"\n{word}\n") for word in words]
    assert places == sorted(places)
