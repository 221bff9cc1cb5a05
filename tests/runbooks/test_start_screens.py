"""Whatever a shipped runbook is about: what decides stands together when it asks to start."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.prompt.terminal import AutoPrompt
from respond.company.exchange import SimDelivery, SimRequest
from respond.core.questions import Answer, AskStart, Decision, Question
from respond.errors import ExitCode
from respond.testing.example_run import HEAD
from respond.testing.runbook_kit import Stage
from respond.views.deciding import deciding
from respond.views.layout import width_of
from respond.views.plan_text import plan_screen
from respond.views.start_screen import start_screen

RUNBOOKS = sorted(path.stem for path in (Path(__file__).parents[2] / "runbooks").glob("*.yaml"))
ROWS = 20
"""So many lines stand on the smallest terminal, the one that is typed on among them."""


@pytest.mark.share(2)
@pytest.mark.promise("P10")
@pytest.mark.parametrize("name", RUNBOOKS)
def test_what_decides_is_in_the_last_twenty_lines(name: str, tmp_path: Path) -> None:
    """What is done to what, where, what is lost, who is told, how much else, and the answers."""
    with Stage(tmp_path, name) as stage, stage.engine(dry_run=True) as engine:
        plan, state = engine.plan(), engine.state
    facts = deciding(plan, state)
    whole = start_screen(state, plan, HEAD, elapsed_s=1).splitlines()
    lines = whole[-(ROWS - 1) :]
    text = " ".join(" ".join(lines).split())
    assert max(map(width_of, whole)) <= 80
    assert len(whole) <= ROWS + 4, "the head has scrolled away on a terminal of 24 rows"

    known = [change for change in facts.asks if not change.known]
    shown = [change for change in known if change.says in text]
    assert shown == known[: len(shown)]
    assert bool(shown) == bool(known)
    for change in shown:
        assert change.place in text
        assert not change.for_ever or "CANNOT BE UNDONE" in text
    if rest := len(known) - len(shown):
        assert f"and {rest} more: " in text
    assert all(person in text for person in facts.told[:6])
    assert all(f"{fold.word.value} ({fold.count})" in text for fold in facts.folds)
    assert facts.closing in text
    assert "start" in lines[-1] + lines[-2]
    assert "later | quit" in text

    # What is folded stands in the whole plan, one word away.
    all_of_it = " ".join(plan_screen(state, plan, HEAD, elapsed_s=1).split())
    assert facts.closing in all_of_it


@dataclass
class Stops(AutoPrompt):
    """Puts off the start, and says when it was asked for it."""

    def __init__(self, clock: Any, asked_for: threading.Event) -> None:
        super().__init__(lambda _: None, clock)
        self._asked_for = asked_for

    def ask(self, question: Question) -> Answer:
        if isinstance(question, AskStart):
            self.asked.append(question)
            self._asked_for.set()
            return Answer(Decision.LATER, reason="seen")
        return super().ask(question)


def test_a_slow_company_is_asked_about_before_all_of_it_has_answered(tmp_path: Path) -> None:
    """As with vendors: what a review finds is waited for a second, and not until it is there."""
    asked_for = threading.Event()
    with Stage(
        tmp_path, "compromised-key", prompt=lambda clock, _: Stops(clock, asked_for)
    ) as stage:
        stage.rehearsal.slow_down(["slack=1ms"])
        receive = stage.server.company.receive

        def received(name: str, request: SimRequest) -> SimDelivery:
            if request.path.endswith("/exports"):
                assert asked_for.wait(60), "the question waited for the list of exports"
            return receive(name, request)

        stage.server.company.receive = received  # type: ignore[method-assign]
        assert stage.advance() is ExitCode.PARKED
        [question] = stage.asked
        looking = deciding(question.plan, stage.state).looking
        assert "What was downloaded since?: still being looked at" in looking
