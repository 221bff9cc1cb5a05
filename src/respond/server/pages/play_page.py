"""Rehearse from the page of a server on real systems: begin one, see it go on, and what it came to.

Nothing here touches the server's own journal: a rehearsal has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respond.core.fold import IllegalEventError, RunStatus
from respond.core.records import Frozen
from respond.errors import RefusedByPersonError, RespondError, UsageError
from respond.server.guard import Refused, Visitor, form_of
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.start_page import runbook_rows
from respond.server.playing import Played, Player, SeenRehearsal
from respond.server.showing import built
from respond.views.company import change_text, counted
from respond.views.layout import said, word
from respond.views.report import report
from respond.views.report_document import document_of
from respond.views.report_page import report_body
from respond.views.verdict import verdict_of
from respond.views.words import at_text, day_text, exit_text, mode_word, runbook_of

__all__ = ["PlayPage"]

_REHEARSAL: Final = mode_word("rehearsal")
"""What stands at the head of these pages: what is seen here is nothing real."""


class PlayPage(Frozen):
    """Rehearsals beside this server."""

    frame: PageFrame
    player: Player

    def offer(self, request: Request, visitor: Visitor) -> Response:
        """What goes on, the runbooks, and the last rehearsals."""
        version, last = self.player.version, self.player.last
        return self.frame.page(
            request,
            "play.html",
            live=f"/start/events?since={version}",
            mode=_REHEARSAL,
            rows=runbook_rows(self.player.titles()),
            last=self._shown(last, visitor) if last is not None else None,
            goes_on=last is not None and not last.is_over,
            lately=list(self._lately(visitor)),
        )

    def start(self, request: Request, visitor: Visitor) -> Response:
        """Begin one."""
        try:
            self.player.start(form_of(request).get("runbook", ""), visitor.actor)
        except (UsageError, RefusedByPersonError) as error:
            return self.frame.refusal(request, Refused(409, error.what, error.why, error.do))
        return RedirectResponse("/start", 303)

    def events(self, request: Request, visitor: Visitor) -> Response:
        """Says when something has changed."""

        def version() -> str | None:
            is_here = self.frame.sessions.read_again(visitor.session) is not None
            return str(self.player.version) if is_here else None

        return self.frame.streams.response(request, visitor.person, version)

    def one(self, request: Request, visitor: Visitor) -> Response:
        """What one came to: its report, and what its company counted while that is remembered."""
        seen = self._read(request.path_params["run"], visitor)
        if seen is None:
            raise HTTPException(404)
        state, records = seen.one.state, seen.one.records
        document = document_of(report(state, records, seen.head, seen.today))
        played = self.player.played(state.id)
        result: Mapping[str, Any] = played.result if played is not None else {}
        is_over = state.status is RunStatus.ENDED
        return self.frame.page(
            request,
            "rehearsal.html",
            mode=_REHEARSAL,
            id=document.run,
            name=document.title or document.runbook,
            runbook=document.runbook,
            who=word(played.who) if played is not None else "",
            code=exit_text(state.ended.exit, state.ended.say) if is_over else "",
            is_gone=not seen.stays,
            proves=any("respond prove" in each for each in document.verdict.do),
            body=built(report_body(document)),
            changed=[
                change_text(str(each["what"]), str(each["before"]), str(each["after"]))
                for each in result.get("changes", ())
            ],
            counts=counted(result["systems"]) if "systems" in result else (),
        )

    def _read(self, run: str, visitor: Visitor) -> SeenRehearsal | None:
        seen = self.player.read(run)
        hidden = seen is not None and self.frame.is_hidden(seen.one.state, visitor.person)
        return None if hidden else seen

    def _shown(self, played: Played, visitor: Visitor) -> dict[str, Any]:
        """What was begun last; once it is over, as its own journal has it."""
        is_read = played.is_over and played.trouble is None
        seen = self._read(played.run, visitor) if is_read else None
        verdict = verdict_of(seen.one.state, seen.today) if seen is not None else None
        return {
            "runbook": word(played.runbook),
            "who": word(played.who),
            "at": at_text(played.began_ms),
            "says": said(played.says, limit=160),
            "href": f"/rehearsals/{played.run}",
            "verdict": verdict,
            "code": exit_text(int(played.result.get("exit", 0)), ""),
            "trouble": played.trouble,
        }

    def _lately(self, visitor: Visitor) -> Iterator[dict[str, str]]:
        for run in self.player.lately():
            try:
                seen = self._read(run, visitor)
            except (RespondError, IllegalEventError) as error:
                yield {"id": word(run), "stands": f"it cannot be read: {said(str(error))}"}
                continue
            if seen is not None:
                yield _row(seen)


def _row(seen: SeenRehearsal) -> dict[str, str]:
    state = seen.one.state
    verdict, is_over = verdict_of(state, seen.today), state.status is RunStatus.ENDED
    at = day_text(state.ended_at if is_over else state.proposed_at)
    return {
        "id": word(state.id),
        "href": f"/rehearsals/{state.id}",
        "runbook": word(runbook_of(state)),
        "stands": verdict.line,
        "tone": verdict.tone.value,
        "when": f"{'ended' if is_over else 'began'} {at}",
    }
