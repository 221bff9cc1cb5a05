"""Start a rehearsal in a server for drills: which runbooks there are, and a button beside each."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from respond.core.records import Frozen
from respond.errors import UsageError
from respond.formats.faults import FormatFault, FormatFaults
from respond.intake.practice import Practice
from respond.server.guard import Refused, Visitor, form_of
from respond.server.pages.page_frame import PageFrame
from respond.views.layout import said, word

__all__ = ["StartPage", "runbook_rows"]


def runbook_rows(titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each runbook's name, and its title."""
    return [(word(name, limit=60), said(title)) for name, title in sorted(titles.items())]


class StartPage(Frozen):
    """What can be rehearsed here."""

    frame: PageFrame
    practice: Practice

    def offer(self, request: Request, visitor: Visitor) -> Response:
        """The runbooks."""
        del visitor
        return self.frame.page(request, "start.html", rows=runbook_rows(self.practice.titles()))

    def start(self, request: Request, visitor: Visitor) -> Response:
        """Propose a run, and go to its page."""
        name = form_of(request).get("runbook", "")
        try:
            run = self.practice.start(name, visitor.actor)
        except UsageError as error:
            return self.frame.refusal(request, Refused(409, error.what, error.why, error.do))
        except (FormatFault, FormatFaults) as fault:
            why = str(fault).partition("\n")[0]
            return self.frame.refusal(request, Refused(409, f"{name} cannot be loaded", why))
        return self.frame.taken(run)
