"""``respond worker``: carry on the runs of a team whose journal lies in a database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from respond.cli.binding import PORT_MAX, bound_to
from respond.cli.examples import examples
from respond.cli.output import say
from respond.errors import ExitCode, NotReadyError, RespondError, UsageError

if TYPE_CHECKING:
    from respond.wiring.places import Places
    from respond.wiring.team_worker import Crew

__all__ = ["apps"]

_JOBS_MAX = 64
_STOP_S = 25.0
"""What a service manager waits after SIGTERM is 30 s or more."""

_app = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"worker": _app}


@_app.command(
    epilog=examples(
        "respond worker",
        "respond worker --jobs 8",
        "respond worker --port 9090                    # /healthz, /readyz and /metrics",
        "respond worker --at http://127.0.0.1:8300     # a drill: see respond simulate",
    )
)
def worker(
    ctx: typer.Context,
    jobs: int = typer.Option(
        0, help="Jobs at the same time [default: workers of [server]]", show_default=False
    ),
    port: int = typer.Option(
        -1,
        help="Port for /healthz, /readyz and /metrics; 0 takes a free one [default: none]",
        show_default=False,
    ),
    listen: str = typer.Option("127.0.0.1", help="Address to listen on with --port"),
    at: str = typer.Option("", help="Rehearse against a company of `respond simulate`"),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say more in the log"),
) -> int:
    """Carry on the team's runs: plan them, wait for people, go on when somebody has decided.

    It needs [store] in respond.toml. Any number of workers may run, on any machines; who dies is
    taken over by another within seconds. A run that needs a credential which is not on this machine
    is left to another worker. Ctrl-C or SIGTERM stops it: a run in flight is taken to its next safe
    point, and another worker goes on with it.
    """
    if not 0 <= jobs <= _JOBS_MAX:
        raise UsageError(f"--jobs {jobs} is no number of jobs", do=f"1 to {_JOBS_MAX}")
    if not -1 <= port <= PORT_MAX:
        raise UsageError(f"--port {port} is no port", do=f"0 to {PORT_MAX}")
    try:
        import procrastinate  # noqa: F401 - only to see whether the extra is there
        import prometheus_client  # noqa: F401 - the same
    except ModuleNotFoundError as error:
        raise NotReadyError(
            f"the workers' libraries are not installed: {error.name}",
            why="they are extras, so that the command line stays small",
            do="in the checkout: make postgres; elsewhere: docs/many-machines.md",
        ) from error
    from respond.wiring.team_worker import build_crew

    places: Places = ctx.obj
    crew = build_crew(places, at=at, at_once=jobs, verbosity=2 if verbose else 1)
    try:
        if port >= 0:
            _listen(crew, listen, port)
        _greet(crew)
        _run(crew)
    finally:
        crew.close()
    return int(ExitCode.DONE)


def _listen(crew: Crew, listen: str, port: int) -> None:
    bound = bound_to(listen, port)
    crew.closers.append(bound.close)
    host, taken = bound.getsockname()[:2]
    crew.log.info("worker.listening", at=f"{host}:{taken}")
    crew.answer_at(bound)


def _greet(crew: Crew) -> None:
    """To a person in words; a machine reads the log."""
    if not sys.stderr.isatty():
        return
    say(f"respond carries on {crew.mode} runs of {crew.queue.database.name}; Ctrl-C stops it")
    for runbook, error in crew.lacks.items():
        say(f"  leaves runs of {runbook} to another worker: {error.what}")


def _run(crew: Crew) -> None:
    import signal
    import threading

    over = threading.Event()

    def stop(*_: object) -> None:
        over.set()

    crew.supervisor.give_up = stop
    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        crew.start()
        while not over.wait(1):  # Without an end, no signal would be heard.
            pass
        if not crew.stop(_STOP_S):
            crew.log.warning("worker.stopped-hard", why="a run did not come to rest in time")
        crew.log.info("worker.stopped")
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    if crew.supervisor.given_up:
        raise RespondError(
            f"the worker ended itself: {crew.supervisor.given_up} broke",
            why="it did so each time that it was begun; the log says where",
            do="start it again; what waited goes on",
        )
