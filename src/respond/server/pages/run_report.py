"""The report of a run as a page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from respond.core.records import Frozen
from respond.server.guard import Visitor
from respond.server.pages.page_frame import PageFrame
from respond.server.showing import built
from respond.views.report import report
from respond.views.report_document import document_of
from respond.views.report_page import report_body

__all__ = ["ReportPage"]


class ReportPage(Frozen):
    """What a run came to."""

    frame: PageFrame

    def report(self, request: Request, visitor: Visitor) -> Response:
        """The same body as in ``respond report --html``."""
        one = self.frame.one(request, visitor)
        made = report(one.state, one.records, self.frame.board.head(), self.frame.entry.today())
        document = document_of(made)
        return self.frame.page(
            request,
            "report.html",
            id=document.run,
            href=f"/runs/{one.state.id}",
            name=document.title or document.runbook,
            run_mode=document.mode,
            body=built(report_body(document)),
        )
