"""``respond serve``: a pager event becomes a plan that waits for people."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import typer

from respond.cli.binding import PORT_MAX, bound_to
from respond.cli.examples import examples
from respond.cli.output import say
from respond.errors import (
    ExitCode,
    NotReadyError,
    RefusedByPersonError,
    RespondError,
    UsageError,
)

if TYPE_CHECKING:
    import socket

    from respond.wiring.places import Places
    from respond.wiring.server import House

__all__ = ["apps"]


_app = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"serve": _app}


@_app.command(
    epilog=examples(
        "respond serve",
        "respond serve --port 8080 --listen 127.0.0.1",
        "respond serve --at http://127.0.0.1:8300     # rehearse: see respond simulate",
    )
)
def serve(
    ctx: typer.Context,
    port: int = typer.Option(
        -1, help="Port; 0 takes a free one [default: of [server], or 8080]", show_default=False
    ),
    listen: str = typer.Option(
        "", help="Address to listen on [default: of [server], or 127.0.0.1]"
    ),
    at: str = typer.Option("", help="Rehearse against a company of `respond simulate`"),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say more in the log"),
) -> int:
    """Receive pager events, make plans, wait for people, and carry runs on.

    Deliveries come to /hooks/SOURCE. Nothing is written to any system before people agreed.
    With [store] in respond.toml any number may run, and `respond worker` carries the runs on.
    The log goes to stderr, as JSON when that is no terminal. Ctrl-C or SIGTERM stops it: a run in
    flight is taken to its next safe point and carried on at the next start.
    """
    try:
        import starlette
        import uvicorn  # noqa: F401 - only to see whether the extra is there
    except ModuleNotFoundError as error:
        raise NotReadyError(
            f"the server's libraries are not installed: {error.name}",
            why="they are an extra, so that the command line stays small",
            do="in the checkout: make server; elsewhere: docs/server.md",
        ) from error
    del starlette

    places: Places = ctx.obj
    from respond.wiring.server import build
    from respond.wiring.session import load_project

    if not -1 <= port <= PORT_MAX:
        raise UsageError(f"--port {port} is no port", do=f"0 to {PORT_MAX}")
    project = load_project(places)
    own = project.server
    address, number = listen or own.listen, own.port if port < 0 else port
    with bound_to(address, number) as bound:
        host, taken = bound.getsockname()[:2]
        here = f"http://[{host}]:{taken}" if ":" in host else f"http://{host}:{taken}"
        with nullcontext() if project.store.url else _alone(places, rehearses=bool(at)):
            house = build(places, at=at, url=here, verbosity=2 if verbose else 1)
            try:
                _greet(house, here)
                _run(house, bound)
            finally:
                house.close()
    return int(ExitCode.DONE)


@contextmanager
def _alone(places: Places, *, rehearses: bool) -> Iterator[None]:
    """Be the one server of this journal on this machine; of a database there may be any number.

    Raises:
        RefusedByPersonError: There is one.
    """
    from respond.adapters.clock import SystemClock
    from respond.adapters.store.run_lock import RunLocks
    from respond.wiring.rehearsed_journal import SERVED

    folder = places.rehearsals / SERVED if rehearses else places.state / "locks"
    try:
        with RunLocks(folder, SystemClock()).hold("server"):
            yield
    except RefusedByPersonError as error:
        if "has run server" not in error.what:
            raise
        raise RefusedByPersonError(
            error.what.replace("has run server", "serves from this journal"),
            why="two servers would do each other's work, and their page would disagree",
            do="stop the other one, or set XDG_STATE_HOME to another folder",
        ) from error


def _greet(house: House, here: str) -> None:
    """Say where it is: in words to a person, as a line of the log to a machine."""
    names = list(house.project.sources)
    if not sys.stderr.isatty():
        house.log.info("server.listening", mode=house.mode, at=here, sources=names)
        return
    say(f"respond serves {house.mode} runs at {here}; Ctrl-C stops it")
    for name in names:
        say(f"  deliveries of {name}: {house.url or here}/hooks/{name}")


def _run(house: House, bound: socket.socket) -> None:
    import signal
    import threading

    import uvicorn

    from respond.wiring.app import STOP_S, application

    def told(args: threading.ExceptHookArgs) -> None:
        house.log.error(
            "thread.broke",
            thread=args.thread.name if args.thread else "",
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )

    threading.excepthook = told
    config = uvicorn.Config(
        application(house),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        limit_concurrency=500,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_S,
        proxy_headers=False,
        h11_max_incomplete_event_size=131_072,  # What is too much is told 431 by us.
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    house.supervisor.give_up = stop
    # uvicorn has handlers of its own while it runs, and raises the signal again when it is done:
    # ours keep that from ending the process before journal and inbox are closed.
    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[bound])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    if server.lifespan.should_exit or house.supervisor.given_up:
        raise RespondError(
            f"the server ended itself: {house.supervisor.given_up or 'start or stop'} broke",
            why="it did so each time that it was begun; the log says where",
            do="start it again; what was taken is kept, and what waited goes on",
        )
