"""Whoever is asked to agree reads what decides where they answer, and the whole plan above it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from respond.core.approval import Moment, Request
from respond.core.plan import Plan
from respond.core.records import replace
from respond.core.script import Effect
from respond.testing.example_run import HEAD, STEPS, ExampleRun, example_plan, example_write
from respond.testing.settable_clock import THE_NIGHT_MS
from respond.views.approval_text import approval_screen

MANY = example_plan(
    steps=(
        *STEPS[:1],
        replace(
            STEPS[1],
            writes=tuple(
                example_write(f"remove user{n}", effect=Effect.DESTROYS, undo=False)
                for n in range(40)
            ),
        ),
    )
)


def shown(plan: Plan) -> str:
    state = ExampleRun(plan).propose().look().state
    request = Request(
        nonce="n", run="CK-7F3Q", digest=plan.digest, step="", writes=(), count=1,
        roles=frozenset({"approver"}), destroys=True, initiator="dana", subject="",
        asked=Moment(THE_NIGHT_MS, 0, "boot"), within_s=1800, anchor="j-5d1e 1284 a91f03d2",
    )  # fmt: skip
    return approval_screen(state, plan, request, HEAD, writes=plan.writes)


@pytest.mark.promise("P10", "P11")
@pytest.mark.parametrize("plan", [example_plan(), MANY], ids=["a key", "forty"])
def test_what_decides_is_in_the_last_twenty_lines(plan: Plan) -> None:
    """Who asks, until when, for which plan, what is lost for ever, what the answer is bound to."""
    text = "\n".join(shown(plan).splitlines()[-20:])
    for needed in (
        "APPROVAL  asked for run CK-7F3Q",
        "the whole plan of compromised-key, REAL",
        "Began by     dana",
        "Open until",
        "CANNOT BE UNDONE",
        f"- DESTROYS: {plan.writes[0].says}",
        "Your answer is bound to",
    ):
        assert needed in text


def test_what_cannot_be_undone_is_counted_where_it_is_not_all_listed() -> None:
    """Six stand beside the answer, and all forty in the plan above it."""
    text = shown(MANY)
    assert "CANNOT BE UNDONE, the first 6 of 40" in text
    assert all(f"remove user{n}" in text for n in range(40))
    assert "Plan: 40 changes, 40 cannot be undone" in text


def test_a_message_is_not_called_a_loss() -> None:
    """Nothing is lost by telling people, and a person's own work has nothing to take back."""
    lost = shown(example_plan()).split("CANNOT BE UNDONE")[1]
    assert "Slack" not in lost


def test_the_approval_reads_well(golden: Callable[[str, str], None]) -> None:
    """The whole screen, as it stands before the answer."""
    golden("approval", shown(example_plan()))
