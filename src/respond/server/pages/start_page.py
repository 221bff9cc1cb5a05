"""Start a rehearsal: which runbooks there are, and a button beside each."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from respond.errors import UsageError
from respond.formats.faults import FormatFault, FormatFaults
from respond.server.guard import Refused, Visitor, form_of
from respond.server.pages.page_frame import PageFrame
from respond.views.layout import said, word

__all__ = ["StartPage"]


@dataclass(frozen=True, slots=True)
class StartPage:
    """What can be rehearsed here; where nothing can, what to do instead."""

    frame: PageFrame

    def offer(self, request: Request, visitor: Visitor) -> Response:
        """The runbooks."""
        del visitor
        practice = self.frame.workings.practice
        titles = practice.titles() if practice.is_open else {}
        rows = [(word(name, limit=60), said(title)) for name, title in sorted(titles.items())]
        return self.frame.page(request, "start.html", rows=rows, is_open=practice.is_open)

    def start(self, request: Request, visitor: Visitor) -> Response:
        """Propose a run, and go to its page."""
        name = form_of(request).get("runbook", "")
        try:
            run = self.frame.workings.practice.start(name, visitor.actor)
        except UsageError as error:
            return self.frame.refusal(request, Refused(409, error.what, error.why, error.do))
        except (FormatFault, FormatFaults) as fault:
            why = str(fault).partition("\n")[0]
            return self.frame.refusal(request, Refused(409, f"{name} cannot be loaded", why))
        return self.frame.taken(run)
