"""Put a question on the screen: its head, the plan or its text, and the words that answer it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from respond.core.fold import RunState
from respond.core.plan import Plan
from respond.core.questions import AskConfirm, AskInput, AskStart, Question
from respond.core.records import Frozen
from respond.core.script import Person
from respond.ports import Head
from respond.views.answer_words import HELP, answers, beside_words, help_text
from respond.views.plan_text import plan_screen, step_details
from respond.views.question_text import by_hand_text, details_text, question_text
from respond.views.start_screen import fold_text, start_screen
from respond.views.style import PLAIN, Style
from respond.views.words import head_line, mode_of, runbook_of, seconds_between, span_text

__all__ = ["Screen"]

_DIGITS_MAX: Final = 6


class Screen(Frozen):
    """What a prompt draws its questions with.

    Attributes:
        state: The run as it is now; None before there is one.
        head: Where the journal ends now.
        now_ms: Wall clock, in milliseconds since 1970.
        looked_s: How long the look at the plan took, in seconds.
        mode: ``real``, ``rehearsal`` or ``dry-run``, for screens without a plan.
        width: Columns.
        height: Rows of the terminal, as it is now.
    """

    state: Callable[[], RunState | None]
    head: Callable[[], Head]
    now_ms: Callable[[], int]
    looked_s: Callable[[], float]
    mode: str = ""
    width: int = 80
    height: Callable[[], int] = lambda: 24
    style: Style = PLAIN

    def question(self, question: Question, *, asks: bool = True) -> str:
        """The whole screen of a question."""
        state = self.state()
        if isinstance(question, AskStart) and state is not None:
            if not asks:
                return "\n" + self.plan(question.plan)
            return "\n" + start_screen(
                state,
                question.plan,
                self.head(),
                elapsed_s=self.looked_s(),
                width=self.width,
                height=self.height(),
                others=question.others,
                style=self.style,
            )
        accounts = _accounts(state, question) if state is not None else ()
        top = "" if isinstance(question, AskInput) else self.top().rstrip("\n")
        text = question_text(
            question, accounts=accounts, top=top, width=self.width, style=self.style
        )
        return text if isinstance(question, AskInput) else f"\n{text}"

    def by_hand(self, task: Person[Any], title: str, *, watched: bool, every_s: float) -> str:
        """The whole screen of a task."""
        text = by_hand_text(
            task, title, watched=watched, every_s=every_s, width=self.width, style=self.style
        )
        return f"\n{self.top()}{text}"

    def plan(self, plan: Plan) -> str:
        """The whole plan; empty while there is no run."""
        state = self.state()
        if state is None:
            return ""
        return plan_screen(
            state,
            plan,
            self.head(),
            elapsed_s=self.looked_s(),
            width=self.width,
            style=self.style,
        )

    def more(self, question: Question, text: str) -> str:
        """What a word shows that answers nothing; empty when it is none of those."""
        word = text.lower()
        if word in HELP:
            meanings = answers(question, self.run(), passing=self.passing())
            return help_text(meanings, beside_words(question), width=self.width)
        if isinstance(question, AskStart):
            if word == "plan":
                return self.plan(question.plan)
            if text.isascii() and text.isdigit():
                number = int(text[:_DIGITS_MAX])
                found = step_details(question.plan, number, width=self.width, style=self.style)
                return found or f"The plan has no line {number}.\n"
            return fold_text(question.plan, word, width=self.width)
        return details_text(question, width=self.width) if word == "details" else ""

    def run(self) -> str:
        """Its id; empty while there is none."""
        state = self.state()
        return state.id if state is not None else ""

    def passing(self) -> bool:
        """Whether what is asked about ends with this process."""
        state = self.state()
        return state is not None and state.proposed.passing

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
