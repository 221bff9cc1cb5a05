"""``runs``, ``status``, ``resume``, ``cancel``, ``undo``, ``report``: what became of runs.

Real runs are in one journal; each rehearsal has its own beside it. A command finds a run in either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from respond.cli.examples import examples
from respond.cli.output import result, say, screen_width
from respond.errors import ExitCode, JournalBrokenError, JournalUnusableError, UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.cli.screens import Stagehand
    from respond.core.events import Record
    from respond.core.fold import RunState
    from respond.ports import Head
    from respond.wiring.session import Session

__all__ = ["apps", "journal_of", "only_open"]

_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,40}")

apps = {
    name: typer.Typer(rich_markup_mode=None, add_completion=False)
    for name in ("runs", "status", "resume", "cancel", "undo", "report")
}


def _print(text: str) -> None:
    print(text.rstrip("\n"))  # noqa: T201 - the result


@dataclass(frozen=True, slots=True)
class _Kept:
    """A run as a journal has it."""

    state: RunState
    records: tuple[Record, ...]
    head: Head

    @property
    def is_rehearsal(self) -> bool:
        return self.state.proposed.mode == "rehearsal"


@contextmanager
def _journal(places: Places, run: str = "") -> Iterator[SqliteJournal | None]:
    """The journal that has this run (or the real one), opened; None when there is none yet.

    A rehearsal's folder is the place of its journal, also when the file is gone from it.

    Raises:
        JournalUnusableError, JournalBrokenError: As ``SqliteJournal.open``.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.secrets.key_stores import FolderKeys
    from respond.adapters.store.journal_sqlite import SqliteJournal
    from respond.company.rehearsal import OPERATOR
    from respond.wiring.session import journal_path, load_project, open_keys, os_user

    folder = _rehearsal_of(places, run)
    clock = SystemClock()
    if folder is not None:
        path, keys, actor = folder / "journal.db", FolderKeys(folder / "keys"), OPERATOR
        try:
            opened = SqliteJournal.open(path, keys=keys, clock=clock, create=False, actor=actor)
        except JournalUnusableError as error:
            do = "put the file back, or practise anew: respond rehearse RUNBOOK"
            raise JournalUnusableError(error.what, why=error.why, do=do) from error
        with opened:
            yield opened
        return
    project = load_project(places)
    path = journal_path(project, places)
    if not path.is_file():
        yield None
        return
    with SqliteJournal.open(
        path,
        keys=open_keys(project, places),
        clock=clock,
        create=False,
        actor=os_user(),
    ) as opened:
        yield opened


def _rehearsal_of(places: Places, run: str) -> Path | None:
    """The folder of a rehearsal's journal; a server that rehearses has one for all of its runs."""
    from respond.wiring.session import SERVED

    if not _RUN.fullmatch(run):
        return None
    own, served = places.rehearsals / run, places.rehearsals / SERVED
    if own.is_dir():
        return own
    if not (served / "journal.db").is_file():
        return None
    with _journal(places, SERVED) as journal:
        has_it = journal is not None and next(iter(journal.records(run)), None) is not None
    return served if has_it else None


@contextmanager
def journal_of(places: Places, run: str) -> Iterator[SqliteJournal]:
    """The journal that a run is in, opened, for a command that writes into it.

    Raises:
        UsageError: There is none yet.
        JournalUnusableError, JournalBrokenError: As ``SqliteJournal.open``.
    """
    with _journal(places, run) as journal:
        if journal is None:
            raise UsageError(f"there is no run {run!r}", do="respond runs --all")
        yield journal


def _read(places: Places, run: str) -> _Kept:
    """One run.

    Raises:
        UsageError: There is no such run.
    """
    from respond.core.fold import fold

    with _journal(places, run) as journal:
        if journal is not None:
            records = tuple(journal.records(run))
            state = fold(records)
            if state is not None:
                return _Kept(state, records, journal.head())
    raise UsageError(f"there is no run {run!r}", do="respond runs --all")


def _states(places: Places, *, rehearsals: bool) -> list[RunState]:
    from respond.core.fold import fold_all

    states: list[RunState] = list(_rehearsed(places)) if rehearsals else []
    with _journal(places) as journal:
        if journal is not None:
            states += fold_all(journal.records()).values()
    return sorted(states, key=lambda state: state.proposed_at)


def _rehearsed(places: Places) -> Iterator[RunState]:
    """Every rehearsal whose journal can be read; of another, words say why not."""
    from respond.core.fold import fold_all

    found = places.rehearsals.iterdir() if places.rehearsals.is_dir() else ()
    for folder in sorted(each for each in found if each.is_dir() and _RUN.fullmatch(each.name)):
        try:
            with _journal(places, folder.name) as journal:
                if journal is not None:
                    yield from fold_all(journal.records()).values()
        except (JournalUnusableError, JournalBrokenError) as error:
            say(f"rehearsal {folder.name} is not listed: {error.what}")


@apps["runs"].command(epilog=examples("respond runs", "respond runs --all --json"))
def runs(
    ctx: typer.Context,
    all_: bool = typer.Option(False, "--all", help="Rehearsals too"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """List the runs of this machine, the newest first."""
    from respond.views.json_view import state_json
    from respond.views.run_list import runs_table

    states = _states(ctx.obj, rehearsals=all_)
    if as_json:
        _print(json.dumps([state_json(state) for state in states], indent=2))
    else:
        _print(
            runs_table(states, width=screen_width())
            if states
            else "No runs yet (rehearsals: --all). To practise: respond rehearse"
        )
    return int(ExitCode.DONE)


@apps["status"].command(epilog=examples("respond status", "respond status CK-7F3Q --json"))
def status(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Show where a run stands, and what it waits for."""
    from respond.views.json_view import state_json
    from respond.views.run_list import run_status

    kept = _read(ctx.obj, run or only_open(ctx.obj))
    if as_json:
        _print(json.dumps(state_json(kept.state, kept.head), indent=2))
    else:
        _print(run_status(kept.state, kept.head, width=screen_width()))
    return int(ExitCode.DONE)


def only_open(places: Places) -> str:
    """The one run that is not over. A rehearsal counts if its company outlives its process.

    Raises:
        UsageError: There is none, or there are several.
    """
    from respond.core.fold import RunStatus

    still = [s for s in _states(places, rehearsals=False) if s.status is not RunStatus.ENDED]
    if not still:
        rehearsed = (s for s in _rehearsed(places) if s.status is not RunStatus.ENDED)
        still = [s for s in rehearsed if _company_of(places, s.id)]
    if len(still) == 1:
        return still[0].id
    if not still:
        raise UsageError("no run is open", do="respond runs --all")
    raise UsageError(
        f"{len(still)} runs are open: {', '.join(state.id for state in still)}",
        do="say which one",
    )


@apps["report"].command(
    epilog=examples("respond report CK-7F3Q", "respond report CK-7F3Q --short   # for a ticket")
)
def report(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the last one when left out"),
    short: bool = typer.Option(False, "--short", help="A few lines for a ticket"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Say what happened, what is proved, and what is left to do."""
    from respond.views import report as reports

    if not run:
        states = _states(ctx.obj, rehearsals=False) or _states(ctx.obj, rehearsals=True)
        if not states:
            raise UsageError("there is no run to report on", do="respond rehearse compromised-key")
        run = states[-1].id
    kept = _read(ctx.obj, run)
    made = reports.report(kept.state, kept.records, kept.head)
    if as_json:
        _print(json.dumps(reports.as_json(made), indent=2))
    else:
        _print(reports.short(made) if short else reports.as_text(made, width=screen_width()))
    return int(ExitCode.DONE)


# --- going on -----------------------------------------------------------------------------------


@apps["resume"].command(
    epilog=examples("respond resume", "respond resume CK-7F3Q   # rehearsals: --auto")
)
def resume(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    auto: bool = typer.Option(False, "--auto", help="Rehearsals only: yes to every question"),
    yes: bool = typer.Option(False, "--yes", help="Yes to all that destroys nothing"),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say every request, on stderr"),
    approval: str = typer.Option("", help="First take the answer in this file; see approve"),
    break_glass: bool = typer.Option(
        False, "--break-glass", help="Go alone in an emergency: your key, --reason"
    ),
    reason: str = typer.Option("", help="With --break-glass: why nobody else can be asked"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Carry a run on after a crash, a Ctrl-C or a wait. Nothing is done twice."""
    from respond.cli.foreground import carry_on

    places: Places = ctx.obj
    if approval:
        from respond.cli.deciding import take_answer

        run = take_answer(places, approval, run)
    kept = _read(places, run or only_open(places))
    if approval and kept.state.is_served:
        say(f"the server carries run {kept.state.id} on; without one: respond resume")
        return int(ExitCode.DONE)
    hand = _hand(kept, auto=auto, yes=yes, as_json=as_json)
    hand.verbosity = int(verbose)
    if kept.state.is_served and not (auto or hand.is_at_terminal):
        raise UsageError(
            f"the server carries run {kept.state.id} on, and nobody sits at a terminal here",
            why="resume at a terminal takes it over from the server",
            do=f"respond status {kept.state.id}, or answer on the page",
        )
    if kept.is_rehearsal:
        return int(_rehearsing(places, kept, hand).resume(_ahead_s(kept)))
    from respond.cli.run_runbook import ask_what_is_missing, emergency, say_unreviewed

    alone = emergency(hand, break_glass=break_glass, reason=reason)
    with _session(places, kept, hand, alone=alone) as (session, runbook):
        from respond.engine.undo import changed_meanwhile

        say_unreviewed(session)
        ask_what_is_missing(runbook, session)
        engine = session.engine(runbook)
        for line in changed_meanwhile(engine):
            say(f"CHANGED MEANWHILE: {line}")
        return int(carry_on(session, runbook, hand))


def _hand(kept: _Kept, *, auto: bool = False, yes: bool = False, as_json: bool) -> Stagehand:
    from respond.cli.screens import Stagehand

    mode = kept.state.proposed.mode or "real"
    if auto and mode != "rehearsal":
        raise UsageError("--auto answers questions, and that is for rehearsals only")
    return Stagehand(
        mode,
        as_json=as_json,
        auto=auto,
        yes=yes,
        runbook=kept.state.proposed.runbook,
        run=kept.state.id,
        operator=kept.state.operator,
    )


@contextmanager
def _session(
    places: Places, kept: _Kept, hand: Stagehand, *, alone: str = ""
) -> Iterator[tuple[Session, Any]]:
    """A session against the real systems for a run that was begun before."""
    from respond.wiring.session import load_runbook, real_session

    proposed = kept.state.proposed
    runbook = load_runbook(places, proposed.runbook)
    session = real_session(
        places,
        prompt=hand.prompt,
        progress=hand.progress,
        verbosity=hand.verbosity,
        runbook=runbook,
        run=kept.state.id,
        chosen=proposed.connection,
        by_hand=proposed.by_hand,
        alone=alone,
    )
    try:
        yield session, runbook
    finally:
        session.close()


def _rehearsing(places: Places, kept: _Kept, hand: Stagehand) -> Any:
    """The staging of a rehearsal whose company runs in a process of its own.

    Raises:
        UsageError: The company went with its process.
    """
    from respond.cli.rehearse import Staging
    from respond.company.rehearsal import Rehearsal, recall
    from respond.wiring.session import load_runbook

    folder = _rehearsal_of(places, kept.state.id) or places.rehearsals / kept.state.id
    facts = {**recall(folder), "runbook": kept.state.proposed.runbook}
    if not _company_of(places, kept.state.id):
        raise UsageError(
            f"the company of rehearsal {kept.state.id} went with its process",
            why="it was simulated inside the process that died",
            do="rehearse against one that stays: respond simulate, then rehearse --at URL",
        )
    rehearsal = Rehearsal.start(at=str(facts["at"]))
    hand.click = rehearsal.click
    runbook = load_runbook(places, str(facts["runbook"]))
    return Staging(
        places,
        runbook,
        rehearsal,
        kept.state.id,
        bool(facts.get("by_hand")),
        False,
        hand,
        folder=folder.name,
    )


def _company_of(places: Places, run: str) -> str:
    """Where the company of a rehearsal answers; empty when it went with its process."""
    from respond.company.rehearsal import recall

    folder = _rehearsal_of(places, run)
    return str(recall(folder).get("at") or "") if folder is not None else ""


def _is_company_gone(places: Places, run: str) -> bool:
    from respond.adapters.company_doors import Doors

    at = _company_of(places, run)
    if not at:
        return True
    try:
        Doors.knock(at)
    except UsageError:
        return True
    return False


def _end_alone(places: Places, kept: _Kept, reason: str) -> _Kept:
    """Record the end of a rehearsal whose company is gone: there is nothing left to ask.

    Raises:
        RefusedByPersonError: Another process has the run.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.store.run_lock import RunLocks
    from respond.company.rehearsal import OPERATOR
    from respond.core.events import Actor, Event, Kind, Strength
    from respond.core.questions import Decision
    from respond.core.recorded import Confirmed, Ended, data_of

    run = kept.state.id
    unknown = any(step.open() for step in kept.state.steps.values())
    code = ExitCode.UNKNOWN if unknown else ExitCode.REFUSED
    cancelled = data_of(Confirmed, decision=Decision.CANCEL, reason=reason)
    ended = data_of(Ended, exit=code, say="cancelled; its company was gone", next="")
    machine = Actor("respond", Strength.MACHINE)
    with (
        RunLocks(places.rehearsals / run, SystemClock()).hold(run),
        _journal(places, run) as journal,
    ):
        assert journal is not None  # noqa: S101 - the run was read from it
        journal.append(Event(Kind.CONFIRMED, run, "", OPERATOR, cancelled))
        journal.forget_secrets(run)
        journal.append(Event(Kind.ENDED, run, "", machine, ended))
        journal.checkpoint(f"end of run {run}")
    return _read(places, run)


def _ahead_s(kept: _Kept) -> float:
    """How far the rehearsal's clock was ahead of the machine's when its last record was made."""
    from datetime import datetime

    from respond.adapters.clock import SystemClock

    last = datetime.fromisoformat(kept.records[-1].at).timestamp()
    return max(0.0, last - SystemClock().now_ms() / 1000)


@apps["cancel"].command(epilog=examples("respond cancel CK-7F3Q --reason 'ana objects'"))
def cancel(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    reason: str = typer.Option("", help="Why, for the log"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """End a run. What is done stays done; `respond undo` puts back what can be put back."""
    from respond.cli.foreground import carry_on
    from respond.core.events import Kind
    from respond.core.fold import RunStatus
    from respond.core.questions import Decision
    from respond.core.recorded import Confirmed, data_of
    from respond.views import report as reports
    from respond.views.summary import summary

    places: Places = ctx.obj
    kept = _read(places, run or only_open(places))
    if kept.state.status is RunStatus.ENDED:
        raise UsageError(f"run {kept.state.id} has ended", do=f"respond report {kept.state.id}")
    hand = _hand(kept, as_json=as_json)
    if kept.is_rehearsal and _is_company_gone(places, kept.state.id):
        kept = _end_alone(places, kept, reason or "cancelled")
        made = reports.report(kept.state, kept.records, kept.head)
        code = kept.state.ended.exit
        if as_json:
            result(json.dumps({"exit": code, **reports.as_json(made)}, indent=2))
        else:
            width = screen_width()
            result(summary(kept.state, kept.head, exit_code=ExitCode(code), width=width))
        return code
    if kept.is_rehearsal:
        staging = _rehearsing(places, kept, hand)
        return int(staging.resume(_ahead_s(kept), cancel=reason or "cancelled"))
    with _session(places, kept, hand) as (session, runbook):
        engine = session.engine(runbook)
        told = data_of(Confirmed, decision=Decision.CANCEL, reason=reason)
        engine.add(Kind.CONFIRMED, by=session.site.operator, **told)
        return int(carry_on(session, runbook, hand))


@apps["undo"].command(epilog=examples("respond undo CK-7F3Q"))
def undo(
    ctx: typer.Context,
    run: str = typer.Argument(help="Id of the run"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Put back what a run changed, newest first, where that can be done; asks at each."""
    from respond.adapters.store.run_lock import RunLocks
    from respond.cli.foreground import put_back
    from respond.engine.undo import undo_run
    from respond.views.undo_text import undo_json, undo_text

    places: Places = ctx.obj
    kept = _read(places, run)
    hand = _hand(kept, as_json=as_json)
    if kept.is_rehearsal:
        return int(_rehearsing(places, kept, hand).undo(_ahead_s(kept)))
    with _session(places, kept, hand) as (session, runbook):
        engine = session.engine(runbook)
        hand.attach(session, engine)
        with RunLocks(session.locks, session.clock).hold(session.run):
            code = undo_run(engine)
        found = put_back(engine.state)
        hand.lines.clear()
        told = {
            "run": run,
            "exit": int(code),
            "undone": dict(engine.state.undone),
            "undo": undo_json(found),
        }
        result(
            json.dumps(told, indent=2) if as_json else undo_text(run, found, width=screen_width())
        )
        return int(code)
