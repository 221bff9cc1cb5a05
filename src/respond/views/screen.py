"""Put a question on the screen: its head, the plan or its text, and the words that answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from respond.core.fold import RunState
from respond.core.plan import Plan
from respond.core.questions import AskConfirm, AskInput, AskStart, Question
from respond.core.script import Person
from respond.ports import Head
from respond.views.plan_text import plan_screen, step_details
from respond.views.question_text import by_hand_text, question_text
from respond.views.style import PLAIN, Style
from respond.views.words import head_line, mode_of, runbook_of, seconds_between, span_text

__all__ = ["Screen"]


@dataclass(frozen=True, slots=True)
class Screen:
    """What a prompt draws its questions with.

    Attributes:
        state: The run as it is now; None before there is one.
        head: Where the journal ends now.
        now_ms: Wall clock, in milliseconds since 1970.
        looked_s: How long the look at the plan took, in seconds.
        mode: ``real``, ``rehearsal`` or ``dry-run``, for screens without a plan.
        width: Columns.
    """

    state: Callable[[], RunState | None]
    head: Callable[[], Head]
    now_ms: Callable[[], int]
    looked_s: Callable[[], float]
    mode: str = ""
    width: int = 80
    style: Style = PLAIN

    def question(self, question: Question, *, asks: bool = True) -> str:
        """The whole screen of a question."""
        state = self.state()
        if isinstance(question, AskStart) and state is not None:
            return "\n" + plan_screen(
                state,
                question.plan,
                self.head(),
                elapsed_s=self.looked_s(),
                width=self.width,
                others=question.others,
                asks=asks,
                style=self.style,
            )
        accounts = _accounts(state, question) if state is not None else ()
        text = question_text(question, accounts=accounts, width=self.width, style=self.style)
        if isinstance(question, AskInput):
            return text
        return f"\n{self.top()}{text}"

    def by_hand(self, task: Person[Any], title: str, *, watched: bool, every_s: float) -> str:
        """The whole screen of a task."""
        text = by_hand_text(
            task, title, watched=watched, every_s=every_s, width=self.width, style=self.style
        )
        return f"\n{self.top()}{text}"

    def details(self, plan: Plan, number: int) -> str:
        return step_details(plan, number, width=self.width, style=self.style)

    def top(self) -> str:
        """The head of every screen; empty while there is no run."""
        state = self.state()
        if state is None:
            return ""
        now = datetime.fromtimestamp(self.now_ms() / 1000, UTC)
        seconds = seconds_between(state.proposed_at, now.isoformat())
        since = f", {span_text(seconds)} since the start" if seconds is not None else ""
        right = f"{now:%H:%M:%S}Z{since}"
        mode = mode_of(state) or self.mode
        return head_line(state.id, runbook_of(state), mode, right, self.width, self.style) + "\n"

    def clock(self) -> str:
        """``03:16:10``, for live lines."""
        return f"{datetime.fromtimestamp(self.now_ms() / 1000, UTC):%H:%M:%S}"


def _accounts(state: RunState, question: Question) -> tuple[str, ...]:
    """The account lines of the connections that a question's writes go to."""
    if state.plan is None or not isinstance(question, AskConfirm):
        return ()
    # A subject's name begins with its connection.
    used = {write.subject.partition("/")[0] for write in question.writes}
    lines = state.plan.connections
    return tuple(line for name, line in lines.items() if name in used)
