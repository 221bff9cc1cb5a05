"""Put together what a person sees: lines, style, screen, progress and the prompt behind them.

One ``Stagehand`` a command. The prompt needs the run's state and the journal's head to draw its
screens, which exist only later; they are set when the session is there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from respond.cli.output import columns, print_out, rows, screen_width, stand_above
from respond.cli.secret_input import is_terminal
from respond.core.records import Mutable
from respond.errors import UsageError

if TYPE_CHECKING:
    from respond.core.finding import Severity
    from respond.core.fold import RunState
    from respond.core.plan import Plan
    from respond.core.script import Person, PersonRecord
    from respond.engine.engine import Engine
    from respond.engine.setting import Site
    from respond.ports import Clock, Head, Progress, Prompt
    from respond.views.live import Lines
    from respond.views.screen import Screen
    from respond.wiring.session import LogMaker, Session

__all__ = ["Stagehand", "show_plan"]


class Stagehand(Mutable):
    """Builds the prompt and the progress of one command.

    Attributes:
        mode: ``real``, ``rehearsal`` or ``dry-run``.
        auto: ``--auto``: the simulated person answers, in rehearsals only.
        yes: ``--yes``.
        verbosity: ``-v``, counted: 1 says every request in the operational log.
        click: What the simulated person does, in rehearsals.
        fail_on: Of a review: findings as bad as this, or worse, make the command fail.
    """

    mode: str
    as_json: bool = False
    auto: bool = False
    yes: bool = False
    click: Callable[[Person[Any]], str | None] | None = None
    operator: str = ""
    runbook: str = ""
    run: str = ""
    verbosity: int = 0
    fail_on: Severity | None = None
    persons: tuple[PersonRecord, ...] = ()
    state: Callable[[], RunState | None] = field(default=lambda: None)
    head: Callable[[], Head] | None = None
    _lines: Lines | None = field(default=None, init=False)
    _progress: Any = field(default=None, init=False)

    @property
    def lines(self) -> Lines:
        from respond.views.live import Lines

        if self._lines is None:
            self._lines = Lines(
                sys.stderr, live=sys.stderr.isatty(), width=screen_width(), columns=columns
            )
            stand_above(self._lines)
        return self._lines

    @property
    def log(self) -> LogMaker | None:
        """The operational log, where ``-v`` asks for it; it goes above the live line."""
        if not self.verbosity:
            return None
        from respond.adapters.log import make_logger

        return partial(
            make_logger,
            stream=self.lines,
            verbosity=self.verbosity,
            terminal=sys.stderr.isatty(),
        )

    def progress(self, clock: Clock) -> Progress:
        from respond.views.live import JsonProgress, LiveProgress
        from respond.views.style import style_for

        del clock
        if self.as_json:
            self._progress = JsonProgress(sys.stderr)
        else:
            self._progress = LiveProgress(
                self.lines,
                mode=self.mode,
                style=style_for(sys.stderr, os.environ),
                runbook=self.runbook,
                stored=self._stored if is_terminal() else None,
            )
        progress: Progress = self._progress
        return progress

    def prompt(self, clock: Clock, site: Site) -> Prompt:
        """The person at the terminal, the simulated one, or nobody.

        Raises:
            UsageError: ``--auto`` outside a rehearsal.
        """
        from respond.adapters.prompt.terminal import AutoPrompt, NobodyPrompt, YesPrompt

        self.operator, self.persons = site.operator.id, site.persons
        screen = self._screen(clock)
        if self.auto:
            if self.mode == "real" or self.click is None:
                raise UsageError("--auto answers questions, and that is for rehearsals only")
            tell = self._progress.tell
            return AutoPrompt(self.click, clock, tell, None if self.as_json else screen)
        if not is_terminal():
            tell = self._progress.tell
            nobody = NobodyPrompt(tell=tell, screen=None if self.as_json else screen)
            return YesPrompt(nobody) if self.yes else nobody
        prompt = self._terminal(clock, screen)
        return YesPrompt(prompt) if self.yes else prompt

    def _terminal(self, clock: Clock, screen: Screen) -> Prompt:
        from respond.adapters.prompt.keyboard import TtyKeyboard
        from respond.adapters.prompt.terminal import TerminalPrompt

        prompt = TerminalPrompt(
            TtyKeyboard(sys.stdin.fileno()),
            self.lines,
            screen,
            clock,
            persons=self.persons,
            operator=self.operator,
            run=lambda: state.id if (state := self.state()) is not None else "",
        )
        return _Helped(prompt, self.click, self.lines) if self.click is not None else prompt

    def _stored(self) -> None:
        """Wait until the person says that a secret on the screen is stored."""
        from respond.adapters.prompt.keyboard import TtyKeyboard
        from respond.adapters.prompt.terminal import wait_until_stored

        wait_until_stored(TtyKeyboard(sys.stdin.fileno()), self.lines)

    def _screen(self, clock: Clock) -> Screen:
        from respond.ports import Head
        from respond.views.screen import Screen
        from respond.views.style import style_for

        nowhere = Head("-", 0, "0" * 64)
        return Screen(
            state=lambda: self.state(),  # noqa: PLW0108 - set later, by attach
            head=lambda: self.head() if self.head is not None else nowhere,
            now_ms=clock.now_ms,
            looked_s=lambda: float(getattr(self._progress, "looked_s", 0.0)),
            mode=self.mode,
            width=self.lines.width,
            height=rows,
            style=style_for(sys.stderr, os.environ),
        )

    def attach(self, session: Session, engine: Engine) -> None:
        """From now on screens show this run."""
        self.state = lambda: engine.state
        self.head = session.journal.head
        remember = getattr(self._progress, "remember", None)
        if remember is not None:
            remember(session.journal.records(session.run))


class _Helped:
    """A person who rehearses: what the vendor's console would take, the simulated one clicks."""

    def __init__(
        self, prompt: Prompt, click: Callable[[Person[Any]], str | None], lines: Lines
    ) -> None:
        self._prompt = prompt
        self._click = click
        self._lines = lines
        self.is_there = True

    def ask(self, question: Any) -> Any:
        return self._prompt.ask(question)

    def by_hand(
        self, task: Person[Any], title: str, *, seen: Callable[[], bool] | None, every_s: float
    ) -> Any:
        """Show the task; a moment later the simulated person does it, so that it is seen."""
        from respond.core.questions import Answer, Decision

        clicked: list[str] = []

        def click() -> str:
            if not clicked:
                clicked.append(self._click(task) or "")
                if task.task not in ("", "none"):  # Those no console has.
                    self._lines.line(
                        "REHEARSAL: a simulated person does it in the simulated console"
                    )
            return clicked[0]

        def looked() -> bool:
            click()
            return seen is not None and seen()

        if task.keep:
            return Answer(Decision.YES, typed=click())
        watched = looked if seen is not None else None
        answer = self._prompt.by_hand(task, title, seen=watched, every_s=min(every_s, 1.0))
        if answer.decision is Decision.YES:
            click()
        return answer


def show_plan(
    session: Session,
    engine: Engine,
    hand: Stagehand,
    *,
    only: str = "",
    beside: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Make the plan, show it, and stop: a dry run. ``only`` shows one step in detail.

    ``beside`` is asked when the plan is made, and stands beside it in the JSON.

    Raises:
        UsageError: ``only`` is no step of the plan.
    """
    import json

    from respond.views.plan_text import plan_screen

    hand.attach(session, engine)
    plan = engine.plan()
    engine.add_plan(plan)
    if only:
        print_out(_one_step(plan, only))
        return
    if hand.as_json:
        from respond.views.json_view import plan_json

        print_out(json.dumps({**plan_json(plan), **beside()}, indent=2))
        return
    looked = float(getattr(hand._progress, "looked_s", 0.0))  # noqa: SLF001 - one class in two parts
    text = plan_screen(
        engine.state,
        plan,
        session.journal.head(),
        elapsed_s=looked,
        width=hand.lines.width,
    )
    hand.lines.clear()
    print_out(text)


def _one_step(plan: Plan, only: str) -> str:
    from respond.formats.faults import did_you_mean
    from respond.views.plan_rows import plan_rows
    from respond.views.plan_text import step_details

    rows = [row for row in plan_rows(plan) if only in (row.step.id, row.step.address)]
    if not rows:
        found = [step for step in plan.steps if only in (step.id, step.address)]
        if found:
            when = f"\n  only when {found[0].when}" if found[0].when else ""
            return f"{only}: {found[0].state.value}: {found[0].says}{when}"
        raise UsageError(
            f"the plan has no step {only!r}",
            why=did_you_mean(only, [step.id for step in plan.steps]),
        )
    return "\n".join(step_details(plan, row.number) for row in rows)
