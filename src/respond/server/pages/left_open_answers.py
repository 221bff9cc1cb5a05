"""Take what closes an item of a run that is over: a word, or a value to try."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from respond.core.outcome import LookedAgain
from respond.core.records import Frozen
from respond.errors import NotReadyError, RefusedByPersonError, UsageError
from respond.formats.faults import FormatFault, FormatFaults
from respond.people.following_up import close_by_word
from respond.server.guard import Visitor, form_of
from respond.server.later_looks import LaterLooks
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.run_page import RunPage
from respond.views.layout import said

__all__ = ["LeftOpenAnswers"]


class LeftOpenAnswers(Frozen):
    """Takes the forms; what is not taken is said on the run's page.

    Attributes:
        looks: Looks once more at what a run could not prove.
    """

    frame: PageFrame
    page: RunPage
    looks: LaterLooks

    def done(self, request: Request, visitor: Visitor) -> Response:
        """Somebody's word for an item."""
        run, form = self.frame.one(request, visitor).state.id, form_of(request)
        try:
            close_by_word(
                self.frame.entry,
                run,
                visitor.actor,
                form.get("item", ""),
                form.get("words", ""),
                proof=visitor.proof,
                lock=self.looks.lock(run),
            )
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, "done")
        return self.frame.taken(run)

    def prove(self, request: Request, visitor: Visitor) -> Response:
        """A look at what could not be proved, with a value that somebody pasted."""
        state, form = self.frame.one(request, visitor).state, form_of(request)
        item, value = form.get("item", ""), form.get("value", "").strip()
        try:
            looked = self.looks.prove(state, visitor.actor, item, value, proof=visitor.proof)
            _see_that_it_told(looked)
        except (UsageError, RefusedByPersonError, NotReadyError) as error:
            return self.page.not_taken(request, visitor, error, "prove")
        except (FormatFault, FormatFaults) as fault:
            why = str(fault).partition("\n")[0]
            wrong = UsageError("the runbook cannot be loaded", why=why)
            return self.page.not_taken(request, visitor, wrong, "prove")
        return self.frame.taken(state.id)


def _see_that_it_told(looked: Sequence[LookedAgain]) -> None:
    """See that something was recorded: what is proved, or goes on.

    Raises:
        UsageError: Nothing could be told.
    """
    if all(each.how is None for each in looked):
        why = "; ".join(f"{each.item.title}: {each.says}" for each in looked)
        raise UsageError("nothing could be proved", why=said(why), do="try once more")
