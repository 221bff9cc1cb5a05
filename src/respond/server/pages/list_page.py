"""The list of runs: which are open, what came in, which are over, what is open to review."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respond.core.asked import Today
from respond.core.fold import RunState, RunStatus
from respond.core.recorded import WentAlone
from respond.core.records import Frozen, replace
from respond.errors import RefusedByPersonError
from respond.people.answers import see_that_they_decide
from respond.people.whose_turn import waits_for
from respond.ports import Became
from respond.server.guard import Refused, Visitor, form_of
from respond.server.pages.list_query import WHICH, ListQuery
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.run_facts import since_of
from respond.views.layout import said, word
from respond.views.verdict import verdict_of
from respond.views.waiting import waiting
from respond.views.words import at_text, day_text, mode_of, mode_word, runbook_of

__all__ = ["ListPage"]

_OF_A_PAGE: Final = 50
_OVER_FIRST: Final = 10
"""Runs that are over on the first page; the others are a link away."""


class ListSection(Frozen):
    """Some runs under a heading.

    Attributes:
        key: Names it in the page.
        nothing: What stands there instead of no row.
        more: Words of the link to all of them; empty where all are shown.
        newer: Address of the page before, or empty.
        older: Address of the page after, or empty.
    """

    key: str
    title: str
    rows: tuple[dict[str, Any], ...]
    nothing: str
    more: str = ""
    newer: str = ""
    older: str = ""


class ListPage(Frozen):
    """The first page."""

    frame: PageFrame

    def home(self, request: Request, visitor: Visitor) -> Response:
        """The open runs, what came in, and the last that are over; or what somebody looks for."""
        wanted = ListQuery.read(request.query_params)
        states = self.frame.visible(visitor)
        came_in, held = list(self._came_in(states)), self.frame.workings.held()
        open_runs = [s for s in states if s.status is not RunStatus.ENDED]
        mine = {s.id for s in states if waits_for(self.frame.entry, s, visitor.actor)}
        sections = (
            [self._found(states, wanted, mine)]
            if wanted.is_narrowed
            else self._first(open_runs, states, mine)
        )
        return self.frame.page(
            request,
            "home.html",
            live=f"/events?since={_version(states, came_in, held)}",
            here=wanted.address(),
            wanted=wanted,
            about=said(_about(states, wanted), limit=80),
            which=WHICH,
            months=sorted({s.proposed_at[:7] for s in states}, reverse=True),
            sections=sections,
            unreviewed=[_alone(s, s.alone) for s in states if s.alone and not s.reviewed],
            came_in=came_in,
            held=held,
            says_mine=len(mine),
            says=f"{len(open_runs)} open, {len(mine)} waiting for you",
        )

    def _first(
        self, open_runs: Sequence[RunState], states: Sequence[RunState], mine: Collection[str]
    ) -> list[ListSection]:
        """What stands there when nobody looks for anything: theirs first."""
        over = [s for s in states if s.status is RunStatus.ENDED]
        first = sorted(open_runs, key=lambda s: s.id not in mine)
        # A review is asked of runs that are over, too; those stand above.
        return [
            self._section("open", "Open", "No run is open.", first[:_OF_A_PAGE], mine, len(first)),
            self._section(
                "over", "Over", "No run is over yet.", over[:_OVER_FIRST], mine, len(over)
            ),
        ]

    def _found(
        self, states: Sequence[RunState], wanted: ListQuery, mine: Collection[str]
    ) -> ListSection:
        """One page of what somebody looks for."""
        about = _about(states, wanted)
        fits = [s for s in states if wanted.fits(s, about)]
        if wanted.which == "mine":
            fits = [s for s in fits if s.id in mine]
        begin = (wanted.page - 1) * _OF_A_PAGE
        shown = fits[begin : begin + _OF_A_PAGE]
        end = begin + len(shown)
        where = f", {begin + 1} to {end}" if shown and len(fits) > len(shown) else ""
        title = f"{len(fits)} {'run' if len(fits) == 1 else 'runs'}{where}"
        made = self._section("found", title, "No run fits that.", shown, mine, 0)
        return replace(
            made,
            newer=wanted.address(page=wanted.page - 1) if wanted.page > 1 else "",
            older=wanted.address(page=wanted.page + 1) if end < len(fits) else "",
        )

    def _section(
        self,
        key: str,
        title: str,
        nothing: str,
        shown: Sequence[RunState],
        mine: Collection[str],
        total: int,
    ) -> ListSection:
        more = f"All {total}" if total > len(shown) else ""
        today = self.frame.entry.today()
        rows = tuple(_row(state, mine, today) for state in shown)
        return ListSection(key, title, rows, nothing, more=more)

    def let_go(self, request: Request, visitor: Visitor) -> Response:
        """Let an event that is held become a run now."""
        number = form_of(request).get("event", "")
        held = {str(each.event): each for each in self.frame.workings.recent()}
        found = held.get(number)
        if found is None or found.result != Became.HELD.value:
            why = "it has become a run meanwhile, or was set aside"
            return self.frame.refusal(request, Refused(409, "that is not held any more", why))
        try:
            see_that_they_decide(self.frame.entry, visitor.actor)
        except RefusedByPersonError as error:
            return self.frame.refusal(request, Refused(403, error.what, error.why, error.do))
        self.frame.workings.let_go(found.event, visitor.person)
        return RedirectResponse("/", 303)

    def home_events(self, request: Request, visitor: Visitor) -> Response:
        """Says when the list has changed."""
        return self.frame.streams.response(
            request, visitor.person, lambda: self._home_version(visitor)
        )

    def _came_in(self, states: Sequence[RunState]) -> Iterator[dict[str, Any]]:
        """Lately received, without the words of what this person may not know of."""
        visible = {state.id for state in states}
        for each in self.frame.workings.recent():
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
                "event": each.event if each.result == Became.HELD.value else 0,
            }

    def _home_version(self, visitor: Visitor) -> str | None:
        if self.frame.sessions.read_again(visitor.session) is None:
            return None
        states = self.frame.visible(visitor)
        return _version(states, list(self._came_in(states)), self.frame.workings.held())


def _about(states: Sequence[RunState], wanted: ListQuery) -> str:
    """What the incident of the run is about that others are to be like."""
    return next((s.proposed.subject for s in states if s.id == wanted.like), "")


def _row(state: RunState, mine: Collection[str], today: Today) -> dict[str, Any]:
    is_over = state.status is RunStatus.ENDED
    if is_over and state.undo_wanted <= len(state.undone):
        verdict = verdict_of(state, today)
        stands, tone = verdict.line, verdict.tone.value
    else:
        waits = waiting(state, today)
        stands, tone = waits.line, waits.tone
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
        "stands": stands,
        "tone": tone,
        "when": f"{'ended' if is_over else 'since'} {day_text(since)}",
        "weak": event is not None and event.weak,
        "mine": state.id in mine,
        "subject": said(state.proposed.subject, limit=80),
        "same": ListQuery(like=state.id).address(),
    }


def _alone(state: RunState, alone: WentAlone) -> dict[str, str]:
    return {
        "id": word(state.id),
        "href": f"/runs/{state.id}",
        "by": word(alone.by),
        "at": day_text(alone.at),
        "reason": said(alone.reason),
    }


def _version(states: Sequence[RunState], came_in: Sequence[dict[str, Any]], held: int) -> str:
    """Of what this person is shown alone: no change tells of a run that is hidden from them."""
    newest = max((state.last_seq for state in states), default=0)
    came = f"{len(came_in)}.{came_in[0]['at_ms']}" if came_in else "0"
    settled = sum(1 for each in came_in if each["run"])
    return f"{newest}-{came}-{settled}-{held}"
