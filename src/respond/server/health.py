"""Whether a process lives, whether it is ready, and its figures. No detail for strangers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from respond.core.records import Mutable
from respond.errors import InboxUnusableError, RespondError
from respond.ports import Inbox
from respond.server.metrics import CONTENT_TYPE, Metrics, TeamFigures
from respond.server.outages import Outages

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from respond.adapters.queue.team_queue import Backlog

__all__ = ["Health"]


class Health(Mutable):
    """Three addresses for whoever watches a process: a balancer, systemd, Prometheus.

    Attributes:
        outages: Knows what does not work.
        inbox: Its events are counted when somebody asks.
        team: Figures of a team's queue; None where this process is alone.
        backlog: What waits there.
    """

    outages: Outages
    metrics: Metrics
    inbox: Inbox
    log: FilteringBoundLogger
    team: TeamFigures | None = None
    backlog: Callable[[], Backlog] | None = None
    _said: str = field(default="", init=False)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.figures),
        ]

    def alive(self, request: Request) -> Response:
        """200 while the rounds come to their end, whatever the database does."""
        del request
        stuck = self.outages.is_stuck()
        return JSONResponse({"alive": not stuck}, 503 if stuck else 200)

    def ready(self, request: Request) -> Response:
        """200 when what comes in is carried on, and kept; what is wrong stands in the log."""
        del request
        outage = next(self.outages.stopping(), None)
        if outage is None:
            self._said = ""
            return JSONResponse({"ready": True})
        if outage.what != self._said:  # A balancer asks each second.
            self.log.warning("server.not-ready", why=outage.what, do=outage.do)
        self._said = outage.what
        return JSONResponse({"ready": False}, 503)

    def figures(self, request: Request) -> Response:
        """Prometheus' text; what waits is counted now, however the rounds go."""
        del request
        try:
            self.metrics.waiting.set(self.inbox.count_waiting() + self.inbox.count_held())
        except InboxUnusableError:
            self.metrics.waiting.set(math.nan)  # Not known, which is not none.
        if self.team is not None and self.backlog is not None:
            _count_jobs(self.team, self.backlog)
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)


def _count_jobs(team: TeamFigures, backlog: Callable[[], Backlog]) -> None:
    try:
        found = backlog()
    except RespondError:
        unknown = math.nan
        team.queue(
            waiting=unknown, aside=unknown, oldest_s=unknown, workers=unknown, ahead_s=unknown
        )
    else:
        team.queue(
            waiting=found.waiting,
            aside=found.aside,
            oldest_s=found.oldest_s,
            workers=found.workers,
            ahead_s=found.ahead_s,
        )
