"""The report of a run as a page."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from respond.server.guard import Visitor
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.progress_facts import contained_lines
from respond.views.layout import said, word
from respond.views.report import report, report_sections
from respond.views.words import clock_text, day_text, exit_text, mode_word, value_text

__all__ = ["ReportPage"]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """What a run came to."""

    frame: PageFrame

    def report(self, request: Request, visitor: Visitor) -> Response:
        """What a run came to."""
        one = self.frame.one(request, visitor)
        made = report(one.state, one.records, self.frame.board.head(), self.frame.entry.today())
        facts = [
            ("Operator", word(made.operator)),
            ("Incident", said(made.incident)),
            ("Reason", said(made.reason)),
            *(("Account", f"{word(n)}: {said(a)}") for n, a in made.connections.items()),
            *(
                (word(name), value_text(value))
                for name, value in made.inputs.items()
                if value not in (None, "", [])
            ),
            ("Began", day_text(made.began)),
            ("Ended", day_text(made.ended) if made.ended else f"not ended: {made.status}"),
            (
                "Exit",
                "" if made.exit is None else exit_text(made.exit, made.says),
            ),
            ("Says", said(made.says)),
        ]
        return self.frame.page(
            request,
            "report.html",
            id=word(made.run),
            href=f"/runs/{one.state.id}",
            runbook=word(made.runbook),
            run_mode=mode_word(made.mode),
            facts_=[(label, text) for label, text in facts if text],
            nothing=made.outcome.nothing_started,
            contained=contained_lines(made.outcome),
            sections=report_sections(made),
            timeline=[(clock_text(m.at), m.what) for m in made.timeline],
            anchor=said(made.anchor),
        )
