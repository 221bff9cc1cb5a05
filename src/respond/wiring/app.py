"""The server as one ASGI application: deliveries, health, figures, and the pages.

It joins what others made and decides nothing. Starting and stopping follow the server's own life
(lifespan): a run in flight is taken to its next safe point, and carried on at the next start.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from respond.errors import InboxUnusableError
from respond.server.event_stream import Streams
from respond.server.framing import Framed
from respond.server.metrics import CONTENT_TYPE
from respond.server.pages.all_pages import pages
from respond.server.pages.page_frame import PageSettings

if TYPE_CHECKING:
    from respond.wiring.server import House

__all__ = ["STOP_S", "application"]

STOP_S: Final = 20
"""How long runs in flight get to come to rest when the server stops, in seconds."""

_TURN_S: Final = 0.0005
"""How long one thread may compute while another waits; Python's own is ten times as long."""


def application(house: House) -> Starlette:
    """The application of a house; it starts and stops the house's threads."""
    streams = Streams(house.clock)

    routes: list[BaseRoute] = [
        Route("/hooks/{source}", house.receiver),
        Route("/healthz", _Health(house).alive),
        Route("/readyz", _Health(house).ready),
        Route("/metrics", _Health(house).figures),
        *pages(
            house.board,
            house.entry,
            PageSettings(house.url, house.mode, house.sessions),
            house.signon,
            house.runbook,
            lambda _: house.conductor.news(),
            house.workings,
            streams,
        ),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # Deliveries are answered between the turns of threads that make plans: shorter turns.
        sys.setswitchinterval(_TURN_S)
        house.conductor.start()
        house.log.info("server.started", mode=house.mode, url=house.url)
        try:
            yield
        finally:
            streams.close()
            rested = await to_thread.run_sync(house.conductor.stop, STOP_S)
            if not rested:
                house.log.warning("server.stopped-hard", why="a run did not come to rest in time")
            house.log.info("server.stopped")

    framed = Middleware(Framed, house.log, house.metrics)
    return Starlette(routes=routes, lifespan=lifespan, middleware=[framed])


class _Health:
    """Whether it lives, whether it is ready, and its figures. No detail for strangers."""

    def __init__(self, house: House) -> None:
        self._house = house

    def alive(self, request: Request) -> Response:
        """200 while the rounds come to their end."""
        del request
        stuck = self._house.outages.is_stuck()
        return JSONResponse({"alive": not stuck}, 503 if stuck else 200)

    def ready(self, request: Request) -> Response:
        """200 when what comes in is carried on, and kept; what is wrong stands in the log."""
        del request
        outage = next(self._house.outages.stopping(), None)
        if outage is None:
            return JSONResponse({"ready": True})
        self._house.log.warning("server.not-ready", why=outage.what, do=outage.do)
        return JSONResponse({"ready": False}, 503)

    def figures(self, request: Request) -> Response:
        """Prometheus' text; what waits is counted now, however the rounds go."""
        del request
        house = self._house
        try:
            house.metrics.waiting.set(house.inbox.count_waiting() + house.inbox.count_held())
        except InboxUnusableError:
            house.metrics.waiting.set(math.nan)  # Not known, which is not none.
        return Response(house.metrics.text(), media_type=CONTENT_TYPE)
