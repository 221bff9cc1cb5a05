"""What people answer on the page of a run: a yes or a no, a word, inputs.

Each is handed to ``respond.people.answers``, which says whether it counts; here it is seen that
what is answered is what the page showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respond.adapters.store.sealing import describe_secret
from respond.core.approval import Standing, Verdict
from respond.core.asked import asked_now
from respond.core.records import Frozen
from respond.errors import RefusedByPersonError, UsageError
from respond.people.answers import (
    answer,
    decide,
    give_inputs,
    paste,
    review,
    see_that_it_may_be_tried,
)
from respond.server.board import OneRun
from respond.server.guard import Refused, Visitor, form_of
from respond.server.inputs_form import read_fields
from respond.server.pages.approval_facts import approval_view, tail_of
from respond.server.pages.asked_facts import Asks, asked_of
from respond.server.pages.page_frame import PageFrame
from respond.server.pages.run_page import RunPage
from respond.views.words import runbook_of

__all__ = ["RunAnswers"]

_REASON_MAX: Final = 300


class RunAnswers(Frozen):
    """Takes the forms of a run's page; what is not taken is said on that page."""

    frame: PageFrame
    page: RunPage

    def decision(self, request: Request, visitor: Visitor) -> Response:
        """Somebody's yes or no to what they were shown."""
        one, form = self.frame.one(request, visitor), form_of(request)
        verdict = {"approve": Verdict.APPROVE, "deny": Verdict.DENY}.get(form.get("verdict", ""))
        if verdict is None:
            return self.frame.refusal(request, Refused(400, "a decision is approve or deny"))
        run = one.state.id
        try:
            self._check_shown(one, visitor, verdict, form)
            decide(
                self.frame.entry,
                run,
                visitor.actor,
                verdict,
                channel="page",
                nonce=form.get("nonce", ""),
                reason=_reason(form.get("reason", "")),
                proof=visitor.proof,
            )
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, verdict.value)
        return self.frame.taken(run)

    def _check_shown(
        self, one: OneRun, visitor: Visitor, verdict: Verdict, form: Mapping[str, str]
    ) -> None:
        """See that what is asked is what the page showed, and that they meant it.

        Raises:
            UsageError: It is not so.
        """
        asked = asked_now(one.state)
        if asked is None or asked.nonce != form.get("nonce", ""):
            return  # ``decide`` says what has become of it.
        if asked.digest != form.get("digest", ""):
            raise UsageError(
                "that answer is to something else than is asked",
                why="nothing was recorded",
                do="read what is asked now, and answer that",
            )
        if verdict is Verdict.DENY:
            return
        made = approval_view(one, asked, visitor.actor, self.frame.entry)
        if made.unclear and made.standing is Standing.OPEN:
            raise UsageError(
                "this cannot be approved here",
                why=made.unclear,
                do=f"on a terminal: respond approve {one.state.id}",
            )
        wanted = tail_of(one.state.id) if asked.destroys else ""
        if form.get("typed", "").strip().casefold() != wanted.casefold():
            raise UsageError(
                f"to approve, type {wanted}" if wanted else "there is nothing to type here",
                why="something of it cannot be undone; nothing was recorded",
            )

    def answer(self, request: Request, visitor: Visitor) -> Response:
        """The answer to the question, or task, that a run waits with."""
        one, form = self.frame.one(request, visitor), form_of(request)
        run = one.state.id
        try:
            asked, said = form.get("question", ""), form.get("word", "")
            answer(self.frame.entry, run, visitor.actor, asked, said, proof=visitor.proof)
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, "answer")
        return self.frame.taken(run)

    def inputs(self, request: Request, visitor: Visitor) -> Response:
        """Inputs that the event could not give."""
        one = self.frame.one(request, visitor)
        asks, run = asked_of(one.state), one.state.id
        try:
            _check_wanted(run, asks)
            runbook = self.page.load_runbook(runbook_of(one.state))
            now_s = self.frame.entry.clock.now_ms() // 1000
            given, fields = read_fields(
                runbook,
                asks.names if asks else (),
                form_of(request),
                now_s=now_s,
                offered=one.state.asks.offered,
                may_be_unknown=asks is not None and asks.late,
            )
            if any(field.fault for field in fields):
                wrong = UsageError("not all of it fits", why="nothing was recorded")
                return self.page.not_taken(request, visitor, wrong, "inputs", fields)
            give_inputs(self.frame.entry, runbook, run, visitor.actor, given, describe_secret)
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, "inputs")
        return self.frame.taken(run)

    def secret(self, request: Request, visitor: Visitor) -> Response:
        """A new secret that a task yields. It is sealed at once, and shown to nobody."""
        run, form = self.frame.one(request, visitor).state.id, form_of(request)
        # Pasted: what surrounds it is the clipboard's.
        asked, value = form.get("question", ""), form.get("value", "").strip()
        try:
            paste(self.frame.entry, run, visitor.actor, asked, value, proof=visitor.proof)
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, "secret")
        return self.frame.taken(run)

    def again(self, request: Request, visitor: Visitor) -> Response:
        """Try a run now that waits for a system that did not answer."""
        run = self.frame.one(request, visitor).state.id
        try:
            see_that_it_may_be_tried(self.frame.entry, run, visitor.actor)
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, "again")
        self.frame.workings.again(run)
        return RedirectResponse(f"/runs/{run}", 303)

    def review(self, request: Request, visitor: Visitor) -> Response:
        """What somebody found who looked at an emergency entry."""
        run = self.frame.one(request, visitor).state.id
        words = _reason(form_of(request).get("words", ""))
        try:
            review(self.frame.entry, run, visitor.actor, words, visitor.proof)
        except (UsageError, RefusedByPersonError) as error:
            return self.page.not_taken(request, visitor, error, "review")
        return self.frame.taken(run)


def _check_wanted(run: str, asks: Asks | None) -> None:
    """See that a run waits for inputs, and nobody has given them.

    Raises:
        UsageError: It is not so.
    """
    if asks is None or asks.kind != "inputs" or asks.answered:
        raise UsageError(
            f"run {run} does not ask that now",
            why="somebody else may have answered; nothing was recorded",
        )


def _reason(text: str) -> str:
    return " ".join(text.split())[:_REASON_MAX]
