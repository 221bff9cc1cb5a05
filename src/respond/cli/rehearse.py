"""``respond rehearse`` and ``respond simulate``: practise with no account, no key, no network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from respond.cli.examples import examples
from respond.cli.output import print_out, say, screen_width
from respond.core.records import Mutable
from respond.errors import ExitCode, JournalUnusableError, UsageError
from respond.wiring.places import Places

if TYPE_CHECKING:
    from respond.cli.screens import Stagehand
    from respond.company.crash_points import Moments
    from respond.company.rehearsal import Rehearsal
    from respond.core.runbook import Runbook
    from respond.engine.engine import Engine
    from respond.wiring.session import Session
    from respond.wiring.stores import Store

__all__ = ["Staging", "apps"]

_rehearse = typer.Typer(rich_markup_mode=None, add_completion=False)
_simulate = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"rehearse": _rehearse, "simulate": _simulate}


_GONE = "The company of this rehearsal ended with this process"
_NOBODY = "There was no terminal to ask on; --auto answers every question with yes."
_STAYS = "With one that stays: respond simulate, then respond rehearse RUNBOOK --at URL"
_LATENCY = "Time that each answer takes: 200ms, or customerio=200ms for one system"


@_rehearse.command(
    epilog=examples(
        "respond rehearse compromised-key",
        "respond rehearse lost-2fa --auto",
        "respond rehearse compromised-key --auto --fault customerio:timeout-after",
    )
)
def rehearse(
    ctx: typer.Context,
    runbook: str = typer.Argument(help="Name of the runbook"),
    auto: bool = typer.Option(False, "--auto", help="Answer every question with yes"),
    at: str = typer.Option("", help="URL of a company started with `respond simulate`"),
    fault: list[str] = typer.Option(
        [], help="SYSTEM:KIND, e.g. customerio:503, customerio:timeout-after, crash@STEP"
    ),
    latency: list[str] = typer.Option([], help=_LATENCY),
    set_: list[str] = typer.Option(
        [], "--set", help="NAME=VALUE of an input; story.NAME takes it from the company's story"
    ),
    by_hand: bool = typer.Option(False, "--by-hand", help="A person does all, the tool watches"),
    step_by_step: bool = typer.Option(False, "--step-by-step", help="Ask at every write"),
    break_glass: bool = typer.Option(
        False, "--break-glass", help="Go alone where a second person would have to agree"
    ),
    reason: str = typer.Option("", help="With --break-glass: why nobody else can be asked"),
    api_hands: bool = typer.Option(
        False, "--api-hands", help="Show the routes that the vendor has not confirmed"
    ),
    directory: list[str] = typer.Option(
        [], metavar="NAME", help="What signs people in, in order; none: a person acts there"
    ),
    as_if: list[str] = typer.Option(
        [], metavar="WHAT", help="How else the night begins, e.g. customerio.sole_admin"
    ),
    fail_on: str = typer.Option(
        "", "--fail-on", metavar="SEVERITY", help="Of a review: end with 1 at low, medium or high"
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Make the plan and stop"),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say every request, on stderr"),
    as_json: bool = typer.Option(False, "--json", help="The result as JSON"),
) -> int:
    """Run a runbook against the simulated company, writes included.

    Real engine, real journal, real HTTP on this machine; no real system is touched and no real
    credential is loaded. Waits are jumped over. Steps by hand are done by a simulated person.
    """
    from respond.cli.run_runbook import severity_of
    from respond.cli.screens import Stagehand
    from respond.company.rehearsal import Rehearsal
    from respond.wiring.session import load_runbook

    places: Places = ctx.obj
    loaded = load_runbook(places, runbook)
    if fail_on and not loaded.review:
        raise UsageError("--fail-on goes with a review", why=f"{loaded.name} is none")
    if break_glass != bool(reason.strip()):
        raise UsageError(
            "going alone wants a reason" if break_glass else "--reason goes with --break-glass",
            do="--break-glass --reason 'why nobody else can be asked'",
        )
    overrides = _pairs(set_)
    crash, faults = _split(fault)
    _check_crash(loaded, crash)
    directories = [] if directory == ["none"] else directory or None
    started = Rehearsal.start(
        at=at, routes=api_hands, directories=directories, stand_ins=loaded.stand_ins
    )
    with closing(started) as rehearsal:
        for what in as_if:
            rehearsal.doors.happen(what)
        if faults:
            rehearsal.arm(faults)
        if latency:
            rehearsal.slow_down(latency)
        run = _new_run(places, loaded.name)
        hand = Stagehand(
            "dry-run" if dry_run else "rehearsal",
            runbook=loaded.name,
            run=run,
            verbosity=int(verbose),
            as_json=as_json,
            auto=auto,
            click=rehearsal.click,
            fail_on=severity_of(fail_on) if fail_on else None,
        )
        ways = {"by_hand": by_hand, "step_by_step": step_by_step, "alone": reason.strip()}
        stage = Staging(places, loaded, rehearsal, run, ways, dry_run, hand)
        try:
            return int(stage.play(overrides, crash, at))
        except JournalUnusableError as error:
            if rehearsal.own is None:
                raise
            # Its company is gone with this process: there is nothing to resume, and nothing lost.
            do = f"see to that, and begin anew: respond rehearse {loaded.name}"
            raise JournalUnusableError(error.what, why=error.why, do=do) from error


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign:
            raise UsageError(f"--set takes NAME=VALUE, and not {each!r}")
        name = name.replace("-", "_")
        if name in pairs:
            raise UsageError(f"--set {name} is given twice", why="it takes one value")
        pairs[name] = value
    return pairs


def _split(given: list[str]) -> tuple[str, list[str]]:
    crashes = [each.removeprefix("crash@") for each in given if each.startswith("crash@")]
    if len(crashes) > 1:
        raise UsageError("a rehearsal dies once", do="give one --fault crash@STEP")
    if "" in crashes:
        raise UsageError("crash@ wants a step", do="--fault crash@STEP, e.g. crash@removed")
    return (crashes[0] if crashes else ""), [e for e in given if not e.startswith("crash@")]


def _check_crash(runbook: Runbook, step: str) -> None:
    """See that the step to die at is one.

    Raises:
        UsageError: It is none of this runbook.
    """
    from respond.core.runbook import BlockStep, ChooseStep, ParallelStep, all_steps
    from respond.formats.faults import did_you_mean

    steps = (*runbook.steps, *runbook.on_failure, *runbook.on_cancel, *runbook.always)
    known = dict.fromkeys(
        each.words.id
        for each in all_steps(steps)
        if each.words.id and not isinstance(each, BlockStep | ChooseStep | ParallelStep)
    )
    if step and step not in known:
        raise UsageError(
            f"{runbook.name} has no step {step[:60]!r} to crash at",
            why=did_you_mean(step, known) or f"its steps: {', '.join(known)}",
            do="see docs/rehearsal.md for what can be broken",
        )


def _new_run(places: Places, runbook: str) -> str:
    from respond.engine.proposing import new_run_id
    from respond.wiring.session import chance

    return new_run_id(runbook, lambda name: os.path.lexists(places.rehearsals / name), chance())


class Staging(Mutable):
    """One rehearsal from its first look to the curtain.

    Attributes:
        ways: How it is gone through: ``by_hand``, ``step_by_step``, ``alone``.
        kept_in: Where it is recorded, where a server began it.
    """

    places: Places
    runbook: Runbook
    rehearsal: Rehearsal
    run: str
    ways: Mapping[str, Any]
    dry_run: bool
    hand: Stagehand
    kept_in: Store | None = None

    def play(self, overrides: dict[str, str], crash: str, at: str) -> ExitCode:
        from respond.adapters.clock import SystemClock
        from respond.cli.screens import show_plan

        moments: Moments | None = None
        dies: tuple[type[BaseException], ...] = ()
        if crash:
            from respond.company.crash_points import Killed, Moments

            moments, dies = Moments(kill_step=crash), (Killed,)
        with closing(self._session(0.0, moments)) as session:
            self._propose(session, overrides, at)
            if self.dry_run:
                doors, engine = self.rehearsal.doors, session.engine(self.runbook)
                show_plan(
                    session, engine, self.hand, beside=lambda: {"systems": doors.get("counts")}
                )
                return ExitCode.DONE
            try:
                return self._carry(session)
            except dies as killed:
                say(f"CRASH: the process died {killed}. Resuming, as `respond resume` would.")
                ahead_s = (session.clock.now_ms() - SystemClock().now_ms()) / 1000
        with closing(self._session(ahead_s, None)) as session:
            return self._carry(session)

    def resume(self, ahead_s: float, *, cancel: str = "") -> ExitCode:
        """Carry on (or cancel) a rehearsal that another process began."""
        from respond.cli.asking_inputs import ask_what_is_missing
        from respond.cli.foreground import record_cancel

        with closing(self._session(ahead_s, None)) as session:
            if cancel:
                record_cancel(session, self.runbook, cancel)
            else:
                ask_what_is_missing(self.runbook, session)
            return self._carry(session)

    def undo(self, ahead_s: float, only: str = "") -> ExitCode:
        """Undo a rehearsal."""
        from respond.cli.foreground import undo_under_lock

        with closing(self._session(ahead_s, None)) as session:
            code, engine = undo_under_lock(session, self.runbook, self.hand, only)
            self._curtain(session, engine, code, undone=True)
            return code

    @contextmanager
    def looking_back(self, ahead_s: float) -> Iterator[tuple[Session, Engine]]:
        """A session for a rehearsal that is over, to look once more."""
        with closing(self._session(ahead_s, None)) as session:
            yield session, session.engine(self.runbook)

    def _propose(self, session: Session, overrides: dict[str, str], at: str) -> None:
        from respond.adapters.store.sealing import describe_secret
        from respond.company.rehearsal import rehearsal_inputs, remember
        from respond.core.recorded import Proposed, data_of
        from respond.engine.proposing import propose

        if not self.dry_run:
            # Before the run is recorded: whoever finds the run also finds its company.
            facts = {
                "runbook": self.runbook.name,
                "at": at,
                **self.ways,
                "directories": self.rehearsal.directories,
            }
            remember(self.places.rehearsals / self.run, facts)
        now_s = session.clock.now_ms() // 1000
        given = rehearsal_inputs(self.runbook, self.rehearsal.story, overrides, now_s)
        for declared in self.runbook.inputs:
            if declared.late and declared.name not in overrides and not self.hand.auto:
                # Who rehearses is asked for it where the night would ask.
                given.values.pop(declared.name, None)
        propose(
            self.runbook,
            given,
            run=self.run,
            site=session.site,
            journal=session.journal,
            clock=session.clock,
            describe=describe_secret,
            extra=data_of(Proposed, passing=True) if self.rehearsal.own is not None else {},
        )

    def _session(self, ahead_s: float, moments: Moments | None) -> Session:
        from respond.wiring.session import rehearsal_session, systems_of

        return rehearsal_session(
            self.places,
            self.rehearsal,
            run=self.run,
            prompt=self.hand.prompt,
            progress=self.hand.progress,
            by_hand=bool(self.ways.get("by_hand")),
            step_by_step=bool(self.ways.get("step_by_step")),
            alone=str(self.ways.get("alone") or ""),
            dry_run=self.dry_run,
            ahead_s=ahead_s,
            systems=systems_of(self.runbook),
            moments=moments,
            log=self.hand.log,
            kept_in=self.kept_in,
            taken_over=self.kept_in is not None,
        )

    def _carry(self, session: Session) -> ExitCode:
        from respond.cli.foreground import run_engine

        code, engine = run_engine(session, self.runbook, self.hand)
        self._curtain(session, engine, code)
        return code

    def _curtain(
        self, session: Session, engine: Engine, code: ExitCode, *, undone: bool = False
    ) -> None:
        from respond.cli.foreground import facts, put_back, result, words
        from respond.cli.secret_input import is_terminal
        from respond.views import company
        from respond.views.undo_text import undo_json, undo_text

        alone = self._end_with_its_company(session, engine, code)
        found = put_back(engine.state) if undone else ()

        counts, after = self.rehearsal.doors.get("counts"), self.rehearsal.doors.get("state")
        before = self.rehearsal.before
        if self.hand.as_json:
            changed = [
                {"what": what, "before": was, "after": now}
                for what, was, now in company.changes(before, after)
            ]
            told = {**facts(session, engine, code), "systems": counts, "changes": changed}
            if undone:
                told["undo"] = undo_json(found)
            result(json.dumps(told, indent=2))
            return
        self.hand.lines.clear()
        # Whoever looks at the end of it reads the verdict.
        result(company.diff_text(before, after, width=screen_width()))
        result(company.counts_text(counts, width=screen_width()) + "\n")
        result(
            undo_text(self.run, found, width=screen_width())
            if undone
            else words(session, engine, code)
        )
        if alone and not self.hand.auto and not is_terminal():
            say(_NOBODY)
        if alone:
            say(f"{_GONE}:\nthis rehearsal cannot be carried on.\n{_STAYS}")

    def _end_with_its_company(self, session: Session, engine: Engine, code: ExitCode) -> bool:
        """A run that waits, and whose company ends now, is over: nobody could carry it on."""
        from respond.core.events import Kind
        from respond.core.fold import RunStatus
        from respond.core.recorded import Ended, data_of

        if engine.state.status is not RunStatus.PARKED or self.rehearsal.own is None:
            return False
        session.journal.forget_secrets(session.run)
        parked = engine.state.parked
        say_ = ": ".join(filter(None, (parked.why, parked.reason)))
        if code is ExitCode.PARKED:
            say_ += "; its company ended with this process"
        engine.add(Kind.ENDED, **data_of(Ended, exit=code, say=say_, next=""))
        session.journal.checkpoint(f"end of run {session.run}")
        return True


@_simulate.command(
    epilog=examples(
        "respond simulate --port 8300", "respond rehearse lost-2fa --at http://127.0.0.1:8300"
    )
)
def simulate(
    port: int = typer.Option(0, min=0, max=65_535, help="Port on loopback; 0 takes a free one"),
    api_hands: bool = typer.Option(
        False, "--api-hands", help="Show the routes that the vendor has not confirmed"
    ),
    latency: list[str] = typer.Option([], help=_LATENCY),
) -> int:
    """Run the simulated company alone, until Ctrl-C: for drills with several people."""
    import signal
    import threading

    from respond.company import default_company, serve

    gone = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: gone.set())
    company = default_company(guess_routes=api_hands)
    try:
        company.slow_down(latency)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        server = serve(company, port=port)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used", why=error.strerror or "", do="take another: --port N"
        ) from error
    with server:
        print_out(json.dumps({"url": server.base_url, "smtp_port": server.smtp_port}))
        say(f"Example Co is simulated at {server.base_url}; Ctrl-C ends it")
        gone.wait()
    return int(ExitCode.DONE)
