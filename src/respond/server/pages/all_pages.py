"""The pages of ``respond serve``, as routes: which address is which page, and what goes wrong.

A page shows what the journal says and hands an answer to ``respond.people.answers``; whether
somebody may answer is said there. What all pages share, and whom a run is hidden from, is in
``page_frame``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from respond.core.fold import IllegalEventError
from respond.core.runbook import Runbook
from respond.errors import RespondError
from respond.people.answers import Entry
from respond.server.board import Board
from respond.server.event_stream import Streams
from respond.server.guard import HEADERS, Guard, Refused
from respond.server.pages.journal_page import JournalPage
from respond.server.pages.left_open_answers import LeftOpenAnswers
from respond.server.pages.list_page import ListPage
from respond.server.pages.page_frame import PageFrame, PageSettings
from respond.server.pages.play_page import PlayPage
from respond.server.pages.run_answers import RunAnswers
from respond.server.pages.run_page import RunPage
from respond.server.pages.run_report import ReportPage
from respond.server.pages.sign_on_page import BEGIN, SignOnPage
from respond.server.pages.start_page import StartPage
from respond.server.playing import Player
from respond.server.signon import CALLBACK, SignOn
from respond.server.workings import Workings

__all__ = ["pages"]


def pages(
    board: Board,
    entry: Entry,
    settings: PageSettings,
    signon: SignOn | None,
    load_runbook: Callable[[str], Runbook],
    on_change: Callable[[str], None],
    workings: Workings,
    streams: Streams | None = None,
) -> list[BaseRoute]:
    """The pages as routes. They answer every address that is left over, so they come last.

    Args:
        board: What is read.
        entry: Where answers go.
        settings: Address, mode, key.
        signon: None where nobody can sign on; then no run is shown.
        load_runbook: Gives a runbook by its name; raises as ``wiring.load_runbook``.
        on_change: Told the run of each answer that was recorded.
        workings: The server around the pages.
        streams: Handed in where somebody closes them when the server stops.
    """
    streams = streams or Streams(entry.clock)
    frame = PageFrame(board, entry, settings, signon, on_change, workings, streams)
    run = RunPage(frame, load_runbook)
    answers = RunAnswers(frame, run)
    left_open = LeftOpenAnswers(frame, run, workings.looks)
    journal, runs = JournalPage(frame), ListPage(frame)
    door = SignOnPage(frame)
    seen, heard = frame.seen, frame.heard
    routes: list[BaseRoute] = [
        Route("/", seen(runs.home)),
        Route("/held", seen(runs.let_go), methods=["POST"]),
        *_rehearsing(frame),
        Route("/events", heard(runs.home_events)),
        Route("/audit", seen(journal.audit)),
        Route("/runs/{run}", seen(run.run)),
        Route("/runs/{run}/report", seen(ReportPage(frame).report)),
        Route("/runs/{run}/events", heard(run.run_events)),
        Route("/runs/{run}/decision", seen(answers.decision), methods=["POST"]),
        Route("/runs/{run}/answer", seen(answers.answer), methods=["POST"]),
        Route("/runs/{run}/inputs", seen(answers.inputs), methods=["POST"]),
        Route("/runs/{run}/done", seen(left_open.done), methods=["POST"]),
        Route("/runs/{run}/prove", seen(left_open.prove), methods=["POST"]),
        Route("/runs/{run}/secret", seen(answers.secret), methods=["POST"]),
        Route("/runs/{run}/again", seen(answers.again), methods=["POST"]),
        Route("/runs/{run}/review", seen(answers.review), methods=["POST"]),
        Route("/sign-on", door.sign_on),
        Route(BEGIN, door.begin),
        Route(CALLBACK, door.callback),
        Route("/sign-off", door.sign_off, methods=["POST"]),
        Route("/static/{name}", frame.static),
    ]
    guard = Middleware(
        Guard,
        url=settings.url,
        sessions=frame.sessions,
        signon=signon,
        refuse=frame.refusal,
    )
    errors = _ErrorPages(frame)
    app = Starlette(
        routes=routes,
        middleware=[guard],
        exception_handlers={
            HTTPException: errors.http_error,
            RespondError: errors.trouble,
            IllegalEventError: errors.unreadable,
            Exception: errors.bug,
        },
    )
    return [Mount("/", app=app)]


def _rehearsing(frame: PageFrame) -> Iterator[BaseRoute]:
    """Where a rehearsal is begun; what came of it is a run of this server, or has a page here."""
    rehearses = frame.workings.rehearses
    begin: StartPage | PlayPage
    if isinstance(rehearses, Player):
        begin = played = PlayPage(frame, rehearses)
        yield Route("/start/events", frame.heard(played.events))
        yield Route("/rehearsals/{run}", frame.seen(played.one))
    else:
        begin = StartPage(frame, rehearses)
    yield Route("/start", frame.seen(begin.start), methods=["POST"])
    yield Route("/start", frame.seen(begin.offer))


class _ErrorPages:
    """What goes wrong, as a page."""

    def __init__(self, frame: PageFrame) -> None:
        self.frame = frame

    def http_error(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        match status:
            case 404:
                refused = Refused(404, "there is nothing here", do="look at the list of runs")
            case 405:
                refused = Refused(
                    405, "that cannot be done here", why="pages are read, and forms are sent"
                )
            case _:
                refused = Refused(status, "that did not work", do="try once more")
        return self.frame.refusal(request, refused)

    def trouble(self, request: Request, error: Exception) -> Response:
        """Our own trouble, such as a journal that cannot be read, in its own words."""
        if not isinstance(error, RespondError):
            return self.frame.refusal(request, Refused(500, "that did not work"))
        return self.frame.refusal(request, Refused(503, error.what, error.why, error.do))

    def bug(self, request: Request, error: Exception) -> Response:
        """Something that nobody foresaw. Starlette raises it on, for whoever keeps the log."""
        del error
        refused = Refused(500, "that did not work", "it is a fault of this program", "see its log")
        response = self.frame.refusal(request, refused)
        response.headers.update(HEADERS)
        return response

    def unreadable(self, request: Request, error: Exception) -> Response:
        return self.frame.refusal(
            request,
            Refused(
                500,
                "this run cannot be read",
                why=f"its records are not as this version knows them: {error}",
                do="respond audit verify",
            ),
        )
