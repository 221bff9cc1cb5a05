"""The server as one ASGI application: deliveries, health, figures, and the pages.

It joins what others made and decides nothing. Starting and stopping follow the server's own life
(lifespan): a run in flight is taken to its next safe point, and carried on at the next start.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from respond.server.event_stream import Streams
from respond.server.framing import Framed
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
        *house.health.routes(),
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
        # Deliveries are answered between the turns of what works on them: shorter turns.
        sys.setswitchinterval(_TURN_S)
        house.conductor.start()
        house.log.info("server.started", mode=house.mode, url=house.url)
        try:
            yield
        finally:
            house.log.info("server.stopping", rest_s=STOP_S)
            streams.close()
            rested = await to_thread.run_sync(house.conductor.stop, STOP_S)
            if not rested:
                house.log.warning("server.stopped-hard", why="a run did not come to rest in time")
            house.log.info("server.stopped")

    framed = Middleware(Framed, house.log, house.metrics)
    return Starlette(routes=routes, lifespan=lifespan, middleware=[framed])
