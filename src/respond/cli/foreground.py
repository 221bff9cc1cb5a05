"""Carry one run on in the foreground: lock, signals, engine, summary, exit code.

Shared by a runbook's own command, ``resume`` and ``rehearse``, which differ in how they get a run.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from respond.cli.output import result, say, say_at_once, screen_width
from respond.errors import ExitCode

if TYPE_CHECKING:
    from types import FrameType

    from respond.cli.screens import Stagehand
    from respond.core.fold import RunState
    from respond.core.runbook import Runbook
    from respond.engine.engine import Engine
    from respond.engine.stopping import Stop
    from respond.views.undo_text import PutBack
    from respond.wiring.session import Session

__all__ = [
    "carry_on",
    "facts",
    "put_back",
    "record_cancel",
    "result",
    "run_engine",
    "undo_under_lock",
    "words",
]


_PATIENCE = 20
"""How often, twice a second, a cancelled run is tried that another process has."""


@contextmanager
def _signals(stop: Stop, go_on: str) -> Iterator[None]:
    """The first Ctrl-C parks at the next safe point, the second leaves at once."""

    def heard(_number: int, _frame: FrameType | None) -> None:
        if stop.wanted or stop.at_once:
            raise KeyboardInterrupt
        stop.wanted = True
        say_at_once("stopping after the request in flight; Ctrl-C again leaves at once")

    kept = {n: signal.signal(n, heard) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        say(f"left at once; what was in flight is looked at first by: {go_on}")
        raise
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def run_engine(session: Session, runbook: Runbook, hand: Stagehand) -> tuple[ExitCode, Engine]:
    """Advance the run under its lock; a slip in what was given is asked about, and it goes on.

    Raises:
        RespondError: Journal, connection or usage trouble; nothing was written after it.
        ParkedError: The person went away from such a question.
    """
    from respond.cli.asking_inputs import ask_what_is_missing
    from respond.core.recorded import AskKind

    session.corrects = session.prompt.is_there and not hand.auto
    code, engine = _advance(session, runbook, hand)
    while session.corrects and engine.state.asks.kind is AskKind.INPUTS:
        ask_what_is_missing(runbook, session)
        code, engine = _advance(session, runbook, hand)
    return code, engine


def _advance(session: Session, runbook: Runbook, hand: Stagehand) -> tuple[ExitCode, Engine]:
    with ExitStack() as held:
        _lock(held, session, is_cancelled=session.engine(runbook).state.cancelled)
        engine = session.engine(runbook)
        hand.attach(session, engine)
        with _signals(engine.tools.stop, f"respond resume {session.run}"):
            return _judged(engine.advance(), engine.state, hand), engine


def _judged(code: ExitCode, state: RunState, hand: Stagehand) -> ExitCode:
    """What the command ends with: a review's findings may make it fail, never the run."""
    from respond.core.review import reaches

    review = state.ended.review
    if code is ExitCode.DONE and hand.fail_on and review and reaches(review.marks, hand.fail_on):
        return ExitCode.FAILED
    return code


def _lock(held: ExitStack, session: Session, *, is_cancelled: bool) -> None:
    """Lock the run. Of a cancelled one, whoever has it looks for that, and is waited for.

    Raises:
        RunTakenError: Another process has it.
        ParkedError: It has it still, and ends it later.
    """
    from respond.adapters.clock import SystemClock
    from respond.errors import ParkedError, RunTakenError

    tries = _PATIENCE if is_cancelled else 1
    for left in reversed(range(tries)):
        try:
            held.enter_context(session.hold(session.run, session.clock))
        except RunTakenError as taken:
            if not is_cancelled:
                raise
            if not left:
                raise ParkedError(
                    f"run {session.run} is cancelled, and not over yet",
                    why=f"{taken.what}; it ends there before its next write",
                    do=f"respond status {session.run}",
                ) from taken
            SystemClock().sleep(0.5)
        else:
            return


def undo_under_lock(
    session: Session, runbook: Runbook, hand: Stagehand, only: str = ""
) -> tuple[ExitCode, Engine]:
    """Undo the run under its lock; raises as ``run_engine``."""
    from respond.engine.undo import undo_run

    engine = session.engine(runbook)
    hand.attach(session, engine)
    with (
        session.hold(session.run, session.clock),
        _signals(engine.tools.stop, f"respond undo {session.run}"),
    ):
        return undo_run(engine, only=only), engine


def record_cancel(session: Session, runbook: Runbook, reason: str) -> None:
    """Record that the operator ends the run; carrying it on ends it."""
    from respond.core.events import Kind
    from respond.core.questions import Decision
    from respond.core.recorded import Confirmed, data_of

    told = data_of(Confirmed, decision=Decision.CANCEL, reason=reason)
    session.engine(runbook).add(Kind.CONFIRMED, by=session.site.operator, **told)


def carry_on(session: Session, runbook: Runbook, hand: Stagehand) -> ExitCode:
    """Advance the run and print how it stands: the summary, or the report as JSON."""
    code, engine = run_engine(session, runbook, hand)
    if hand.as_json:
        result(json.dumps(facts(session, engine, code), indent=2))
    else:
        hand.lines.clear()
        result(words(session, engine, code))
    return code


def facts(session: Session, engine: Engine, code: ExitCode) -> dict[str, Any]:
    """The report as JSON, with the exit code."""
    from respond.views import report

    records = list(session.journal.records(session.run))
    made = report.report(engine.state, records, session.journal.head(), session.today())
    return {"exit": int(code), **report.as_json(made)}


def put_back(state: RunState) -> tuple[PutBack, ...]:
    """What became of every change of a run, after its undo."""
    from respond.core.way_back import cannot_be_undone, undoable
    from respond.views import undo_text

    return undo_text.put_back(undoable(state), cannot_be_undone(state), state)


def words(session: Session, engine: Engine, code: ExitCode) -> str:
    """The summary, for people."""
    from respond.views.summary import summary

    head, today = session.journal.head(), session.today()
    made = summary(engine.state, head, exit_code=code, today=today, width=screen_width())
    return made.rstrip("\n")
