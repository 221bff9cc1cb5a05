"""What every page has: the template with its head, who looks, and which runs are there for them.

A run whose incident is about the viewer is not there for them (A7); it is said here, and nowhere
else. GET changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from respond.core.approval import outsider
from respond.core.fold import RunState
from respond.core.records import Frozen
from respond.people.answers import Entry
from respond.server.board import Board, OneRun
from respond.server.event_stream import Streams
from respond.server.guard import Refused, Visitor, visitor_of
from respond.server.outages import Outage
from respond.server.sessions import Sessions, local_path
from respond.server.showing import Showing
from respond.server.signon import SignOn
from respond.server.workings import Workings
from respond.views.layout import word
from respond.views.words import mode_word

__all__ = ["PageFrame", "PageSettings"]


class PageSettings(Frozen):
    """What the pages are told.

    Attributes:
        url: Address as people reach it, without a slash at its end.
        mode: ``real`` or ``rehearsal``; it stands at the head of every page, but for those that
            show nothing else than rehearsals.
        sessions: Of those who are signed on.
        company: Whose page this is, or empty.
    """

    url: str
    mode: str
    sessions: Sessions
    company: str = ""


class PageFrame:
    """What the pages share.

    Args:
        board: What is read.
        entry: Where answers go.
        settings: Address, mode, sessions.
        signon: None where nobody can sign on; then no run is shown.
        on_change: Told the run of each answer that was recorded.
        workings: The server around the pages.
        streams: Open streams of this server.
    """

    def __init__(
        self,
        board: Board,
        entry: Entry,
        settings: PageSettings,
        signon: SignOn | None,
        on_change: Callable[[str], None],
        workings: Workings,
        streams: Streams,
    ) -> None:
        self.board = board
        self.entry = entry
        self.settings = settings
        self.signon = signon
        self.workings = workings
        self.streams = streams
        self.sessions = settings.sessions
        self._on_change = on_change
        self._showing = Showing(
            {"mode": mode_word(settings.mode), "company": settings.company, "url": settings.url}
        )

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        live: str = "",
        typing: bool = False,
        **values: Any,
    ) -> Response:
        """A page for whoever looks.

        Args:
            request: Theirs.
            template: Its file.
            status: Of the answer.
            live: Where to hear that it has changed; empty when it does not change.
            typing: Something is typed here, so the page must not be loaded anew by itself.
            values: What it shows.
        """
        visitor = visitor_of(request)
        return self._showing.page(
            template,
            {
                "visitor": word(visitor.person) if visitor is not None else "",
                "csrf": visitor.token if visitor is not None else "",
                "live": live,
                "typing": typing,
                "path": request.url.path,
                "here": request.url.path,
                "outages": self._outages(request),
                **values,
            },
            status=status,
        )

    def _outages(self, request: Request) -> tuple[Outage, ...]:
        """What does not work, for people; beside a decision nothing but what stops runs."""
        if visitor_of(request) is None:
            return ()
        is_list = request.url.path in ("/", "/audit")
        return tuple(each for each in self.workings.outages() if each.stops or is_list)

    def refusal(self, request: Request, refused: Refused) -> Response:
        """A page that says why not."""
        return self.page(
            request,
            "refused.html",
            status=refused.status,
            what=refused.what,
            why=refused.why,
            do=refused.do,
        )

    def static(self, request: Request) -> Response:
        """The style and the script."""
        found = self._showing.static(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found

    # --- for whom -------------------------------------------------------------------------------

    def seen(
        self, handler: Callable[[Request, Visitor], Response]
    ) -> Callable[[Request], Response]:
        """A page for those who are signed on; everybody else is led to the door."""

        @wraps(handler)
        def guarded(request: Request) -> Response:
            visitor = visitor_of(request)
            return self._away(request) if visitor is None else handler(request, visitor)

        return guarded

    def heard(
        self, handler: Callable[[Request, Visitor], Response]
    ) -> Callable[[Request], Response]:
        """A stream for those who are signed on; a plain no for everybody else."""

        @wraps(handler)
        def guarded(request: Request) -> Response:
            visitor = visitor_of(request)
            return (
                PlainTextResponse("sign on", 401) if visitor is None else handler(request, visitor)
            )

        return guarded

    def _away(self, request: Request) -> Response:
        if self.signon is None:
            return self.page(request, "unconfigured.html", status=503)
        to = local_path(request.url.path)
        return RedirectResponse(f"/sign-on?to={to}" if to != "/" else "/sign-on", 303)

    def is_hidden(self, state: RunState, person: str) -> bool:
        """Whether the incident is about this person, or they are under suspicion in it."""
        people = self.entry.people.suspecting(state.proposed.suspects)
        found = next((each for each in people.persons if each.id == person), None)
        subject = state.proposed.subject
        return bool(outsider(found, person, subject, people))

    def visible(self, visitor: Visitor) -> list[RunState]:
        """Every run that is there for this person, the newest first."""
        return [s for s in self.board.runs() if not self.is_hidden(s, visitor.person)]

    def one(self, request: Request, visitor: Visitor) -> OneRun:
        """The run that an address names.

        Raises:
            HTTPException: There is none, for this person.
        """
        one = self.board.run(request.path_params["run"])
        if one is None or self.is_hidden(one.state, visitor.person):
            raise HTTPException(404)
        return one

    def taken(self, run: str) -> Response:
        """An answer was recorded: the run may be due, and whoever gave it sees where it stands."""
        self._on_change(run)
        return RedirectResponse(f"/runs/{run}", 303)
