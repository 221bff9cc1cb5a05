"""The list of runs: which are open, what came in, which are over, what is open to review."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from respond.core.fold import RunState, RunStatus
from respond.core.recorded import WentAlone
from respond.ports import Received
from respond.server.guard import Visitor
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.run_facts import since_of
from respond.views.approval_text import at_text
from respond.views.layout import said, word
from respond.views.waiting import waiting
from respond.views.words import day_text, mode_of, mode_word, runbook_of

__all__ = ["ListPage"]

_RUNS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class ListPage:
    """The first page.

    Attributes:
        inbox_recent: What came in last, newest first.
        inbox_held: How many events wait until fewer runs are proposed.
    """

    frame: PageFrame
    inbox_recent: Callable[[], Sequence[Received]]
    inbox_held: Callable[[], int]

    def home(self, request: Request, visitor: Visitor) -> Response:
        """All runs, the open ones first; what came in; what is open to review."""
        states = self.frame.visible(visitor)
        version = self._home_version(visitor) or ""
        is_open = [s for s in states if s.status is not RunStatus.ENDED]
        over = [s for s in states if s.status is RunStatus.ENDED]
        return self.frame.page(
            request,
            "home.html",
            live=f"/events?since={version}",
            open=[self._row(state) for state in is_open[:_RUNS_MAX]],
            over=[self._row(state) for state in over[:_RUNS_MAX]],
            more=max(0, len(is_open) - _RUNS_MAX) + max(0, len(over) - _RUNS_MAX),
            unreviewed=[self._alone(s, s.alone) for s in states if s.alone and not s.reviewed],
            came_in=list(self._came_in(states)),
            held=self.inbox_held(),
            version=version,
            says=f"{len(is_open)} open",
        )

    def home_events(self, request: Request, visitor: Visitor) -> Response:
        """Says when the list has changed."""
        return self.frame.streams.response(
            request, visitor.person, lambda: self._home_version(visitor)
        )

    def _row(self, state: RunState) -> dict[str, Any]:
        waits = waiting(state, self.frame.entry.today())
        since = since_of(state)
        event = state.proposed.event
        about = event.title if event is not None else ""
        if event is not None and event.old:
            about = f"{event.old}: {about}"
        return {
            "id": word(state.id),
            "href": f"/runs/{state.id}",
            "runbook": word(runbook_of(state)),
            "mode": mode_word(mode_of(state)),
            "about": said(about or state.proposed.reason, limit=120),
            "stands": waits.line,
            "tone": waits.tone,
            "when": f"{'ended' if state.status is RunStatus.ENDED else 'since'} {day_text(since)}",
            "weak": event is not None and event.weak,
        }

    def _alone(self, state: RunState, alone: WentAlone) -> dict[str, str]:
        return {
            "id": word(state.id),
            "href": f"/runs/{state.id}",
            "by": word(alone.by),
            "at": day_text(alone.at),
            "reason": said(alone.reason),
        }

    def _came_in(self, states: Sequence[RunState]) -> Iterator[dict[str, Any]]:
        """Lately received, without the words of what this person may not know of."""
        visible = {state.id for state in states}
        for each in self.inbox_recent():
            if each.run and each.run not in visible:
                continue
            yield {
                "at": at_text(each.at_ms),
                "at_ms": each.at_ms,
                "source": word(each.source),
                "sender": word(each.sender),
                "type": word(each.type),
                # Nobody knows yet whom an event is about that became no run.
                "title": said(each.title, limit=160) if each.run else "",
                "result": word(each.result),
                "run": word(each.run),
                "href": f"/runs/{each.run}" if each.run else "",
                "why": said(each.why),
                "weak": each.weak,
            }

    def _home_version(self, visitor: Visitor) -> str | None:
        if self.frame.sessions.read_again(visitor.session) is None:
            return None
        newest = max((state.last_seq for state in self.frame.visible(visitor)), default=0)
        # Of what this person is shown alone: no change tells of a run that is hidden from them.
        shown = list(self._came_in(self.frame.visible(visitor)))
        came = f"{len(shown)}.{shown[0]['at_ms']}" if shown else "0"
        settled = sum(1 for each in shown if each["run"])
        return f"{newest}-{came}-{settled}-{self.inbox_held()}"
