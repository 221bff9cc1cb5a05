"""What decides stands together at the question, and all else behind one word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from respond.core.plan import Plan, StepPlan
from respond.core.questions import AskStart
from respond.core.records import replace
from respond.core.script import Effect
from respond.testing.example_run import (
    HEAD,
    STEPS,
    TELL,
    ExampleRun,
    example_plan,
    example_write,
)
from respond.views.deciding import deciding
from respond.views.layout import width_of
from respond.views.screen import Screen
from respond.views.start_screen import start_screen
from respond.views.style import ANSI, ANSI_256, PLAIN, Style, Tone

Golden = Callable[[str, str], None]


def shown(plan: Plan, *, width: int = 80, height: int = 24, style: Style = PLAIN) -> str:
    state = ExampleRun(plan).propose().look().state
    others = ("no-downtime",)
    return start_screen(
        state, plan, HEAD, elapsed_s=4, width=width, height=height, others=others, style=style
    )


def screen(plan: Plan) -> Screen:
    state = ExampleRun(plan).propose().look().state
    return Screen(lambda: state, lambda: HEAD, lambda: 1_795_403_700_000, lambda: 4.0)


MANY = example_plan(
    steps=(
        STEPS[0],
        replace(
            STEPS[1],
            writes=tuple(
                example_write(f"remove user{n}@example.com", effect=Effect.DESTROYS, undo=False)
                for n in range(300)
            ),
        ),
        *STEPS[2:],
    )
)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_start_question_reads_well(width: int, height: int, golden: Golden) -> None:
    """On a small terminal and on a large one."""
    golden(f"start_{width}x{height}", shown(example_plan(), width=width, height=height))


@pytest.mark.parametrize("plan", [example_plan(), MANY], ids=["a key", "three hundred"])
def test_what_decides_fits_twenty_lines(plan: Plan) -> None:
    """With the line to type on: nothing of it has scrolled away on the smallest terminal."""
    lines = shown(plan).splitlines()
    assert len(lines) < 20
    assert max(map(width_of, lines)) <= 80


def test_what_decides_is_named() -> None:
    """What is done to what, where, whether it lives, what is lost, who is told, what to type."""
    text = shown(example_plan())
    for needed in (
        "REAL",
        "revoke backend-prod ...cdef: alive -> refused, CANNOT BE UNDONE",
        "in customerio Example Co (48213) EU, as respond-ir",
        "Whatever still uses this key stops working at once.",
        "ALIVE now",
        "Ana, Ben",
        "findings (1)",
        "unseen (1)",
        "skipped (1)",
        "Plan: 3 changes, 1 cannot be undone, 2 people told",
        "start (asks again at 1) | no-downtime | later | quit",
    ):
        assert needed in text


@pytest.mark.promise("P10")
def test_what_is_folded_is_counted_and_one_word_away() -> None:
    """Of three hundred targets the first stand there; the rest has its number, its loss, a word."""
    text = shown(MANY)
    assert "remove user0@example.com, CANNOT BE UNDONE" in text
    assert "remove user299@example.com" not in text
    assert "; 29" in text
    whole = screen(MANY).more(AskStart(MANY), "plan")
    assert all(f"remove user{n}@example.com" in whole for n in range(300))
    assert whole.rstrip().endswith(deciding(MANY).closing)


def test_a_taller_terminal_folds_less() -> None:
    """Room is used where there is some, and never more than there is."""
    small, tall = (shown(MANY, height=height).splitlines() for height in (24, 40))
    assert len(small) < 20 < len(tall) <= 36


def test_each_word_shows_what_it_names() -> None:
    """Findings, unseen, skipped, a number: what the start question counts can be read there."""
    asks, plan = screen(example_plan()), example_plan()
    question = AskStart(plan, ("no-downtime",))
    assert "export 881" in asks.more(question, "findings")
    assert "account audit log: 403" in asks.more(question, "unseen")
    assert "Wake the on-call" in asks.more(question, "skipped")
    assert "POST /v1/example" in asks.more(question, "2")
    assert asks.more(question, "99") == "The plan has no line 99.\n"
    assert asks.more(question, "0")
    assert not asks.more(question, "yes")


def test_what_is_known_later_says_after_what() -> None:
    """A step that nobody can foresee stands among what asks again."""
    late = replace(
        STEPS[2], address="later", writes=(), state=StepPlan.LATE, late_on=("new",), says=""
    )
    text = shown(example_plan(steps=(*STEPS, late)))
    assert "Make a new key and store it (known after 2)" in text
    assert "start (asks again at 1, 7)" in text


def test_an_event_that_is_old_is_said_before_the_start() -> None:
    """Who starts has to know that the alert is of yesterday."""
    text = shown(replace(example_plan(), steps=(replace(STEPS[5], writes=(TELL,)),)))
    assert "Tells     Ana, Ben (1)" in text
    assert "Plan: no changes, 2 people told" in text


# --- colours --------------------------------------------------------------------------------------

XTERM_256 = {"160": (215, 0, 0), "28": (0, 135, 0), "130": (175, 95, 0)}
BASIC = {
    "31": {"xterm": (205, 0, 0), "Tango": (204, 0, 0), "Campbell": (197, 15, 31)},
    "35": {"xterm": (205, 0, 205), "Tango": (117, 80, 123), "Campbell": (136, 23, 152)},
}
"""The two colours of ours, as three terminals that many people have draw them."""


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """WCAG 2.1, relative luminance and contrast ratio."""

    def light(colour: tuple[int, int, int]) -> float:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_both_a_light_and_a_dark_reader_can_read_every_tone() -> None:
    """Only colours that stand out from white and from black; no bright one, no yellow."""
    codes = {code for style in (ANSI, ANSI_256) for code in style.codes.values()}
    assert codes == {"1", "2", "1;31", "35", "1;38;5;160", "38;5;28", "38;5;130"}
    drawn = [*XTERM_256.values(), *(c for each in BASIC.values() for c in each.values())]
    for colour in drawn:
        assert contrast(colour, (255, 255, 255)) > 4
        assert contrast(colour, (0, 0, 0)) > 2.3


@pytest.mark.parametrize("style", [ANSI, ANSI_256])
def test_colour_on_the_start_screen_changes_no_letter(style: Style) -> None:
    """Whoever sees no colour reads the same."""
    bare = shown(example_plan(), style=style)
    for code in style.codes.values():
        bare = bare.replace(f"\x1b[{code}m", "")
    assert bare.replace("\x1b[0m", "") == shown(example_plan())
    assert f"\x1b[{style.codes[Tone.DANGER]}m" in shown(example_plan(), style=style)
