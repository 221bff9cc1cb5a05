"""The page of one run: where it stands, what it asks, what it does.

It shows what the journal says; whether somebody may answer is said by ``core.approval``. After an
answer that was not taken it is shown once more, with why.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from respond.core.records import Frozen
from respond.core.runbook import Runbook
from respond.errors import RefusedByPersonError, RespondError, UsageError
from respond.formats.faults import FormatFault, FormatFaults
from respond.server.board import OneRun
from respond.server.guard import Visitor
from respond.server.inputs_form import Field, fields_for
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.run_facts import run_facts
from respond.views.words import runbook_of

__all__ = ["RunPage"]


class RunPage(Frozen):
    """One run, for whoever looks.

    Attributes:
        load_runbook: Gives a runbook by its name; raises as ``wiring.load_runbook``.
    """

    frame: PageFrame
    load_runbook: Callable[[str], Runbook]

    def run(self, request: Request, visitor: Visitor) -> Response:
        """One run."""
        return self._run(request, visitor, self.frame.one(request, visitor))

    def _run(
        self,
        request: Request,
        visitor: Visitor,
        one: OneRun,
        *,
        error: RespondError | None = None,
        at: str = "",
        fields: tuple[Field, ...] = (),
        status: int = 200,
    ) -> Response:
        """The page of a run; after an answer that was not taken, with why at the form it came by.

        Args:
            request: The viewer's.
            visitor: The viewer.
            one: The run.
            error: Why the answer was not taken.
            at: Which form: ``approve``, ``deny``, ``answer``, ``inputs``, ``done`` or ``prove``.
            fields: The inputs as they were typed.
            status: Of the answer.
        """
        head = self.frame.board.head()
        made = run_facts(one, visitor.actor, self.frame.entry, head.anchor)
        unloaded = ""
        if made.asks is not None and made.asks.kind == "inputs" and not fields:
            try:
                fields = fields_for(
                    self.load_runbook(runbook_of(one.state)),
                    made.asks.names,
                    one.state.inputs,
                    one.state.asks.offered,
                )
            except (UsageError, FormatFault, FormatFaults) as fault:
                unloaded = str(fault).partition("\n")[0]
        approval = made.approval
        decides = approval is not None and approval.is_open and not approval.may_not_deny
        typing = decides or (made.asks is not None and not made.asks.answered)
        return self.frame.page(
            request,
            "run.html",
            status=status,
            live="" if made.is_over else f"/runs/{one.state.id}/events?since={made.version}",
            typing=typing,
            run=made,
            href=f"/runs/{one.state.id}",
            error=error,
            at=at,
            fields=fields,
            unloaded=unloaded,
        )

    def run_events(self, request: Request, visitor: Visitor) -> Response:
        """Says when the run has changed."""
        run = self.frame.one(request, visitor).state.id

        def version() -> str | None:
            state = self.frame.board.state(run)
            gone = state is None or self.frame.is_hidden(state, visitor.person)
            if gone or self.frame.sessions.read_again(visitor.session) is None:
                return None
            return str(state.last_seq) if state is not None else None

        return self.frame.streams.response(request, visitor.person, version)

    def not_taken(
        self,
        request: Request,
        visitor: Visitor,
        error: RespondError,
        at: str,
        fields: tuple[Field, ...] = (),
    ) -> Response:
        """The run's page once more, as it is now, with why nothing was recorded."""
        status = 403 if isinstance(error, RefusedByPersonError) else 409
        one = self.frame.one(request, visitor)
        return self._run(request, visitor, one, error=error, at=at, fields=fields, status=status)
