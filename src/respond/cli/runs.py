"""``runs``, ``status``, ``resume``, ``cancel``, ``undo``, ``report``: what became of runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from respond.cli.examples import examples
from respond.cli.opening import (
    KeptRun,
    company_of,
    only_open,
    open_journal,
    read_run,
    states_of,
    store_with,
)
from respond.cli.output import answer, result, say, screen_width
from respond.cli.reopening import (
    ahead_s,
    hand_for,
    left_by_workers,
    missing_for,
    session_for,
    staging_for,
)
from respond.errors import ExitCode, UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.views.report import Report

__all__ = ["apps"]

apps = {
    name: typer.Typer(rich_markup_mode=None, add_completion=False)
    for name in ("runs", "status", "resume", "cancel", "undo", "report")
}


@apps["runs"].command(
    epilog=examples(
        "respond runs",
        "respond runs --all --json",
        "respond runs --since 2026-07-01 --until 2026-10-01",
        "respond runs --html quarter.html   # the last 92 days, for an auditor",
    )
)
def runs(
    ctx: typer.Context,
    all_: bool = typer.Option(False, "--all", help="Rehearsals too"),
    page: int = typer.Option(1, "--page", min=1, help="50 a page; what is open is on the first"),
    since: str = typer.Option(
        "", metavar="TIME", help="Only what began from then on, e.g. 2026-07-01 or '30 days ago'"
    ),
    until: str = typer.Option("", metavar="TIME", help="Only what began before then"),
    html: str = typer.Option(
        "", metavar="FILE", help="Write what they came to as one page, rehearsals too; - is stdout"
    ),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """List the runs of this machine, the newest first."""
    from respond.cli.period_out import runs_between, write_period
    from respond.views.json_view import state_json
    from respond.views.run_list import runs_table

    if html:
        write_period(ctx.obj, since, until, html, as_json=as_json)
        return int(ExitCode.DONE)
    if since or until:
        found, older = runs_between(ctx.obj, since, until, rehearsals=all_), False
    else:
        found, older = states_of(ctx.obj, rehearsals=all_, page=page)
    text = "No runs yet (rehearsals: --all). To practise: respond rehearse"
    if page > 1:
        text = "No runs are older. The newest: respond runs"
    if found and not as_json:
        text = runs_table(found, width=screen_width())
    facts = [state_json(state, today) for state, today in found] if as_json else []
    answer(facts, text, as_json=as_json)
    if ctx.obj.unfound and not as_json:
        say(ctx.obj.unfound)
    if older:
        say(f"older runs: respond runs{' --all' if all_ else ''} --page {page + 1}")
    return int(ExitCode.DONE)


@apps["status"].command(epilog=examples("respond status", "respond status CK-7F3Q --json"))
def status(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Show where a run stands, and what it waits for."""
    from respond.core.fold import RunStatus
    from respond.views.json_view import state_json
    from respond.views.layout import labelled, said
    from respond.views.run_list import run_status

    kept = read_run(ctx.obj, run or only_open(ctx.obj))
    text = run_status(kept.state, kept.head, kept.today, width=screen_width())
    run, is_over = kept.state.id, kept.state.status is RunStatus.ENDED
    missing = "" if is_over else missing_for(ctx.obj, kept)
    left = None if is_over else left_by_workers(ctx.obj, run)
    if left is not None:
        why = f"until a worker can carry it on: {said(left.lacks)}"
        do = f"on a machine with a worker: {said(left.do)}; it goes on by itself then"
        text += "\n".join(
            ("", *labelled("Left", why, screen_width()), *labelled("", do, screen_width()))
        )
    if missing:
        text += f"\nMissing: {missing}\n  respond cancel {run} does without it; "
        text += f"the runbook as it was: respond show {run}"
    told = {
        **state_json(kept.state, kept.today, kept.head),
        "missing": missing,
        "left": {"lacks": left.lacks, "do": left.do} if left else None,
    }
    answer(told, text, as_json=as_json)
    return int(ExitCode.DONE)


@apps["report"].command(
    epilog=examples(
        "respond report CK-7F3Q",
        "respond report CK-7F3Q --short   # for a ticket",
        "respond report CK-7F3Q --html CK-7F3Q.html --pdf CK-7F3Q.pdf",
        "respond report CK-7F3Q --markdown -   # for a wiki",
        "respond report CK-7F3Q --evidence CK-7F3Q.zip",
    )
)
def report(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the last one when left out"),
    short: bool = typer.Option(False, "--short", help="A few lines for a ticket"),
    html: str = typer.Option(
        "", metavar="FILE", help="Write it as one page that needs nothing else; - is stdout"
    ),
    markdown: str = typer.Option(
        "", metavar="FILE", help="Write it as Markdown, for a ticket or a wiki; - is stdout"
    ),
    pdf: str = typer.Option(
        "", metavar="FILE", help="Write it as a PDF, with the browser of this machine"
    ),
    evidence: str = typer.Option(
        "", metavar="FILE", help="Write what systems answered into one zip, with digests"
    ),
    as_json: bool = typer.Option(False, "--json", help="As JSON"),
) -> int:
    """Say what happened, what is proved, and what is left to do."""
    from respond.views import report as reports
    from respond.views.report_text import as_text
    from respond.views.report_text import short as short_text

    if not run:
        states, _ = states_of(ctx.obj, rehearsals=False, size=1)
        if not states:
            states, _ = states_of(ctx.obj, rehearsals=True, size=1)
        if not states:
            raise UsageError("there is no run to report on", do="respond rehearse compromised-key")
        run = states[0][0].id
    kept = read_run(ctx.obj, run)
    if evidence:
        from respond.cli.evidence_out import write_evidence

        if short or html or markdown or pdf:
            raise UsageError("--evidence and another form are two things", do="ask for one of them")
        return int(write_evidence(ctx.obj, kept, evidence, as_json=as_json))
    made = reports.report(kept.state, kept.records, kept.head, kept.today)
    if html or markdown or pdf:
        if short:
            raise UsageError("--short and a file are two things", do="ask for one of them")
        _hand_out(made, {"html": html, "markdown": markdown, "pdf": pdf}, as_json=as_json)
        return int(ExitCode.DONE)
    text = short_text(made) if short else as_text(made, width=screen_width())
    answer(reports.as_json(made), text, as_json=as_json)
    return int(ExitCode.DONE)


def _hand_out(made: Report, wanted: dict[str, str], *, as_json: bool) -> None:
    """Write the report as files."""
    import os

    from respond.adapters.clock import SystemClock
    from respond.adapters.pdf_browser import pdf_of
    from respond.cli.report_out import write_out
    from respond.views.report_markdown import as_markdown
    from respond.views.report_page import report_page

    making: dict[str, Callable[[], str | bytes]] = {
        "html": lambda: report_page(made),
        "markdown": lambda: as_markdown(made),
        "pdf": lambda: pdf_of(report_page(made), SystemClock(), os.environ),
    }
    write_out(wanted, making, {"run": made.run}, as_json=as_json)


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
    from respond.cli.secret_input import is_terminal
    from respond.core.fold import RunStatus

    places: Places = ctx.obj
    if approval:
        from respond.cli.voting import take_answer

        run = take_answer(places, approval, run)
    kept = read_run(places, run or only_open(places))
    if approval and kept.state.is_served:
        say(f"the server carries run {kept.state.id} on; without one: respond resume")
        return int(ExitCode.DONE)
    hand = hand_for(kept, auto=auto, yes=yes, as_json=as_json)
    hand.verbosity = int(verbose)
    if kept.state.status is RunStatus.ENDED:
        return _is_over(kept, as_json=as_json)
    if kept.state.is_served and not (auto or is_terminal()):
        raise UsageError(
            f"the server carries run {kept.state.id} on, and nobody sits at a terminal here",
            why="resume at a terminal takes it over from the server",
            do=f"respond status {kept.state.id}, or answer on the page",
        )
    if kept.is_rehearsal:
        return int(staging_for(places, kept, hand).resume(ahead_s(kept)))
    from respond.cli.asking_inputs import ask_what_is_missing
    from respond.cli.run_runbook import emergency, say_unreviewed

    alone = emergency(hand, break_glass=break_glass, reason=reason)
    with session_for(places, kept, hand, alone=alone) as (session, runbook):
        from respond.engine.undo import changed_meanwhile

        say_unreviewed(session)
        ask_what_is_missing(runbook, session)
        engine = session.engine(runbook)
        for line in changed_meanwhile(engine):
            say(f"CHANGED MEANWHILE: {line}")
        return int(carry_on(session, runbook, hand))


def _is_company_gone(places: Places, run: str) -> bool:
    from respond.adapters.company_doors import Doors

    at = company_of(places, run)
    if not at:
        return True
    try:
        Doors.knock(at)
    except UsageError:
        return True
    return False


def _end_alone(places: Places, kept: KeptRun, reason: str, why: str) -> KeptRun:
    """Record the end of a run by the journal alone, without its handlers: ``why`` says why.

    Raises:
        RefusedByPersonError: Another process has the run.
    """
    from respond.adapters.clock import SystemClock
    from respond.company.rehearsal import OPERATOR
    from respond.core.events import Actor, Event, Kind, Strength
    from respond.core.fold import verdict
    from respond.core.questions import Decision
    from respond.core.recorded import Confirmed, Ended, data_of
    from respond.wiring.session import os_user

    run = kept.state.id
    code = verdict(kept.state)
    code = code if code is ExitCode.UNKNOWN else ExitCode.REFUSED
    cancelled = data_of(Confirmed, decision=Decision.CANCEL, reason=reason)
    ended = data_of(Ended, exit=code, say=f"cancelled; {why}", next="")
    machine = Actor("respond", Strength.MACHINE)
    by = OPERATOR if kept.is_rehearsal else os_user()
    with (
        store_with(places, run).hold(run, SystemClock()),
        open_journal(places, run) as journal,
    ):
        assert journal is not None  # noqa: S101 - the run was read from it
        journal.append(Event(Kind.CONFIRMED, run, "", by, cancelled))
        journal.forget_secrets(run)
        journal.append(Event(Kind.ENDED, run, "", machine, ended))
        journal.checkpoint(f"end of run {run}")
    return read_run(places, run)


def _is_over(kept: KeptRun, *, as_json: bool) -> int:
    """Say of a run that is over what it left open; nothing is carried on."""
    from respond.views import report as reports
    from respond.views.left_open_text import left_open_text

    code = kept.state.ended.exit
    if as_json:
        made = reports.report(kept.state, kept.records, kept.head, kept.today)
        result(json.dumps({"exit": code, **reports.as_json(made)}, indent=2))
        return int(code)
    say(f"run {kept.state.id} is over: nothing is carried on")
    result(left_open_text(kept.state, width=screen_width()))
    return int(code)


@apps["cancel"].command(epilog=examples("respond cancel CK-7F3Q --reason 'ana objects'"))
def cancel(
    ctx: typer.Context,
    run: str = typer.Argument("", help="Id of the run; the only open one when left out"),
    reason: str = typer.Option("", help="Why, for the log"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """End a run. What is done stays done; `respond undo` puts back what can be put back."""
    from respond.cli.foreground import carry_on, record_cancel
    from respond.core.fold import RunStatus
    from respond.views import report as reports
    from respond.views.summary import summary

    places: Places = ctx.obj
    kept = read_run(places, run or only_open(places))
    if kept.state.status is RunStatus.ENDED:
        raise UsageError(f"run {kept.state.id} has ended", do=f"respond report {kept.state.id}")
    hand = hand_for(kept, as_json=as_json)
    missing = missing_for(places, kept)
    alone = f"its handlers were left out: {missing}" if missing else ""
    if kept.is_rehearsal and _is_company_gone(places, kept.state.id):
        alone = "its company was gone"
    if alone:
        kept = _end_alone(places, kept, reason or "cancelled", alone)
        made = reports.report(kept.state, kept.records, kept.head, kept.today)
        code = kept.state.ended.exit
        if as_json:
            result(json.dumps({"exit": code, **reports.as_json(made)}, indent=2))
        else:
            width = screen_width()
            result(summary(kept.state, kept.head, exit_code=code, today=kept.today, width=width))
        return code
    if kept.is_rehearsal:
        staging = staging_for(places, kept, hand)
        return int(staging.resume(ahead_s(kept), cancel=reason or "cancelled"))
    with session_for(places, kept, hand) as (session, runbook):
        record_cancel(session, runbook, reason)
        return int(carry_on(session, runbook, hand))


@apps["undo"].command(epilog=examples("respond undo CK-7F3Q"))
def undo(
    ctx: typer.Context,
    run: str = typer.Argument(help="Id of the run"),
    step: str = typer.Option("", "--step", help="Only what this step changed, e.g. sessions"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Put back what a run changed, newest first, where that can be done; asks at each."""
    from respond.cli.foreground import put_back, undo_under_lock
    from respond.views.undo_text import undo_json, undo_text

    places: Places = ctx.obj
    kept = read_run(places, run)
    hand = hand_for(kept, as_json=as_json)
    if kept.is_rehearsal:
        return int(staging_for(places, kept, hand).undo(ahead_s(kept), step))
    with session_for(places, kept, hand) as (session, runbook):
        code, engine = undo_under_lock(session, runbook, hand, step)
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
