"""The pages of ``respond serve``: which runs there are, what each asks, and where to answer.

A page shows what the journal says and hands an answer to ``respond.people.answers``; whether
somebody may answer is said there. GET changes nothing. A run whose incident is about the viewer is
not there for them (A7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from respond.adapters.store.sealing import describe_secret
from respond.core.approval import Standing, Verdict, outsider
from respond.core.asked import asked_now
from respond.core.fold import IllegalEventError, RunState, RunStatus
from respond.core.outcome import LookedAgain
from respond.core.recorded import WentAlone
from respond.core.runbook import Runbook
from respond.errors import NotReadyError, RefusedByPersonError, RespondError, UsageError
from respond.formats.faults import FormatFault, FormatFaults
from respond.people.answers import Entry, answer, decide, give_inputs
from respond.people.following_up import close_by_word
from respond.ports import Received
from respond.server.board import Board, OneRun
from respond.server.event_stream import Streams
from respond.server.guard import HEADERS, Guard, Refused, Visitor, form_of, visitor_of
from respond.server.inputs_form import Field, fields_for, read_fields
from respond.server.later_looks import LaterLooks
from respond.server.run_page import (
    Asks,
    asked_of,
    contained_lines,
    run_page,
    since_of,
    tail_of,
)
from respond.server.sessions import (
    FLOW,
    FLOW_S,
    SESSION,
    SESSION_S,
    Sessions,
    local_path,
)
from respond.server.showing import Showing
from respond.server.signon import CALLBACK, SignOn
from respond.views.approval_text import at_text
from respond.views.layout import said, word
from respond.views.report import report, report_sections
from respond.views.waiting import waiting
from respond.views.words import (
    clock_text,
    day_text,
    exit_text,
    mode_of,
    mode_word,
    runbook_of,
    value_text,
)

__all__ = ["PageSettings", "pages"]

_RUNS_MAX: Final = 200
_WIDE: Final = 10_000
_REASON_MAX: Final = 300
_BEGIN: Final = "/sign-on/begin"


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What the pages are told.

    Attributes:
        url: Address as people reach it, without a slash at its end.
        mode: ``real`` or ``rehearsal``; it stands at the head of every page.
        session_key: At least 32 random bytes, the same for as long as sessions shall live.
        company: Whose page this is, or empty.
    """

    url: str
    mode: str
    session_key: bytes
    company: str = ""

    def __repr__(self) -> str:
        return f"PageSettings(url={self.url!r}, mode={self.mode!r})"


def pages(
    board: Board,
    entry: Entry,
    settings: PageSettings,
    signon: SignOn | None,
    load_runbook: Callable[[str], Runbook],
    on_change: Callable[[str], None],
    inbox_recent: Callable[[], Sequence[Received]],
    inbox_held: Callable[[], int],
    looks: LaterLooks,
    streams: Streams | None = None,
) -> list[BaseRoute]:
    """The pages as routes. They answer every address that is left over, so they come last.

    Args:
        board: What is read.
        entry: Where answers go.
        settings: Address, mode, key.
        signon: None where nobody can sign on; then no run is shown.
        load_runbook: Gives a runbook by its name; raises as ``wiring.load_runbook``.
        on_change: Told the run of each answer that was recorded.
        inbox_recent: What came in last, newest first.
        inbox_held: How many events wait until fewer runs are proposed.
        looks: Looks once more at what a run that is over could not prove.
        streams: Handed in where somebody closes them when the server stops.
    """
    made = _Pages(
        board, entry, settings, signon, load_runbook, on_change, inbox_recent, inbox_held, looks,
        streams or Streams(entry.clock),
    )  # fmt: skip
    return [Mount("/", app=made.app())]


class _Pages:
    def __init__(
        self,
        board: Board,
        entry: Entry,
        settings: PageSettings,
        signon: SignOn | None,
        load_runbook: Callable[[str], Runbook],
        on_change: Callable[[str], None],
        inbox_recent: Callable[[], Sequence[Received]],
        inbox_held: Callable[[], int],
        looks: LaterLooks,
        streams: Streams,
    ) -> None:
        self.board = board
        self.entry = entry
        self.settings = settings
        self.signon = signon
        self.load_runbook = load_runbook
        self.on_change = on_change
        self.inbox_recent = inbox_recent
        self.inbox_held = inbox_held
        self.looks = looks
        self.streams = streams
        self.sessions = Sessions(settings.session_key, entry.clock)
        self.showing = Showing(
            {"mode": mode_word(settings.mode), "company": settings.company, "url": settings.url}
        )

    def app(self) -> Starlette:
        routes: list[BaseRoute] = [
            Route("/", self.home),
            Route("/events", self.home_events),
            Route("/audit", self.audit),
            Route("/runs/{run}", self.run),
            Route("/runs/{run}/report", self.report),
            Route("/runs/{run}/events", self.run_events),
            Route("/runs/{run}/decision", self.decision, methods=["POST"]),
            Route("/runs/{run}/answer", self.answer, methods=["POST"]),
            Route("/runs/{run}/inputs", self.inputs, methods=["POST"]),
            Route("/runs/{run}/done", self.done, methods=["POST"]),
            Route("/runs/{run}/prove", self.prove, methods=["POST"]),
            Route("/sign-on", self.sign_on),
            Route(_BEGIN, self.begin),
            Route(CALLBACK, self.callback),
            Route("/sign-off", self.sign_off, methods=["POST"]),
            Route("/static/{name}", self.static),
        ]
        guard = Middleware(
            Guard,
            url=self.settings.url,
            sessions=self.sessions,
            signon=self.signon,
            refuse=self.refusal,
        )
        return Starlette(
            routes=routes,
            middleware=[guard],
            exception_handlers={
                HTTPException: self._http_error,
                RespondError: self._trouble,
                IllegalEventError: self._unreadable,
                Exception: self._bug,
            },
        )

    # --- what every page has --------------------------------------------------------------------

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        live: str = "",
        typing: bool = False,
        **values: Any,
    ) -> Response:
        """A page for whoever looks.

        Args:
            request: Theirs.
            template: Its file.
            status: Of the answer.
            live: Where to hear that it has changed; empty when it does not change.
            typing: Something is typed here, so the page must not be loaded anew by itself.
            values: What it shows.
        """
        visitor = visitor_of(request)
        return self.showing.page(
            template,
            {
                "visitor": word(visitor.person) if visitor is not None else "",
                "csrf": visitor.token if visitor is not None else "",
                "live": live,
                "typing": typing,
                "path": request.url.path,
                **values,
            },
            status=status,
        )

    def refusal(self, request: Request, refused: Refused) -> Response:
        """A page that says why not."""
        return self.page(
            request,
            "refused.html",
            status=refused.status,
            what=refused.what,
            why=refused.why,
            do=refused.do,
        )

    def _http_error(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        match status:
            case 404:
                refused = Refused(404, "there is nothing here", do="look at the list of runs")
            case 405:
                refused = Refused(
                    405, "that cannot be done here", why="pages are read, and forms are sent"
                )
            case _:
                refused = Refused(status, "that did not work", do="try once more")
        return self.refusal(request, refused)

    def _trouble(self, request: Request, error: Exception) -> Response:
        """Our own trouble, such as a journal that cannot be read, in its own words."""
        if not isinstance(error, RespondError):
            return self.refusal(request, Refused(500, "that did not work"))
        return self.refusal(request, Refused(503, error.what, error.why, error.do))

    def _bug(self, request: Request, error: Exception) -> Response:
        """Something that nobody foresaw. Starlette raises it on, for whoever keeps the log."""
        del error
        refused = Refused(500, "that did not work", "it is a fault of this program", "see its log")
        response = self.refusal(request, refused)
        response.headers.update(HEADERS)
        return response

    def _unreadable(self, request: Request, error: Exception) -> Response:
        return self.refusal(
            request,
            Refused(
                500,
                "this run cannot be read",
                why=f"its records are not as this version knows them: {error}",
                do="respond audit verify",
            ),
        )

    def _away(self, request: Request) -> Response:
        """What somebody gets who is not signed on."""
        if self.signon is None:
            return self.page(request, "unconfigured.html", status=503)
        to = local_path(request.url.path)
        return RedirectResponse(f"/sign-on?to={to}" if to != "/" else "/sign-on", 303)

    def _is_hidden(self, state: RunState, person: str) -> bool:
        """Whether the incident is about this person, or they are under suspicion in it."""
        people = self.entry.people.suspecting(state.proposed.suspects)
        found = next((each for each in people.persons if each.id == person), None)
        subject = state.proposed.subject
        return bool(outsider(found, person, subject, people))

    def _visible(self, visitor: Visitor) -> list[RunState]:
        return [s for s in self.board.runs() if not self._is_hidden(s, visitor.person)]

    def _one(self, request: Request, visitor: Visitor) -> OneRun:
        """The run that an address names.

        Raises:
            HTTPException: There is none, for this person.
        """
        one = self.board.run(request.path_params["run"])
        if one is None or self._is_hidden(one.state, visitor.person):
            raise HTTPException(404)
        return one

    # --- the list -------------------------------------------------------------------------------

    def home(self, request: Request) -> Response:
        """All runs, the open ones first; what came in; what is open to review."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        states = self._visible(visitor)
        version = self._home_version(visitor) or ""
        is_open = [s for s in states if s.status is not RunStatus.ENDED]
        over = [s for s in states if s.status is RunStatus.ENDED]
        return self.page(
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

    def _row(self, state: RunState) -> dict[str, Any]:
        waits = waiting(state, self.entry.today())
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
        if self.sessions.read_again(visitor.session) is None:
            return None
        newest = max((state.last_seq for state in self._visible(visitor)), default=0)
        # Of what this person is shown alone: no change tells of a run that is hidden from them.
        shown = list(self._came_in(self._visible(visitor)))
        came = f"{len(shown)}.{shown[0]['at_ms']}" if shown else "0"
        settled = sum(1 for each in shown if each["run"])
        return f"{newest}-{came}-{settled}-{self.inbox_held()}"

    # --- one run --------------------------------------------------------------------------------

    def run(self, request: Request) -> Response:
        """One run."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        return self._run(request, visitor, self._one(request, visitor))

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
        head = self.board.head()
        made = run_page(one, visitor.actor, self.entry, head.anchor)
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
        return self.page(
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

    def run_events(self, request: Request) -> Response:
        """Says when the run has changed."""
        visitor = visitor_of(request)
        if visitor is None:
            return PlainTextResponse("sign on", 401)
        run = self._one(request, visitor).state.id

        def version() -> str | None:
            state = self.board.state(run)
            gone = state is None or self._is_hidden(state, visitor.person)
            if gone or self.sessions.read_again(visitor.session) is None:
                return None
            return str(state.last_seq) if state is not None else None

        return self.streams.response(request, visitor.person, version)

    def home_events(self, request: Request) -> Response:
        """Says when the list has changed."""
        visitor = visitor_of(request)
        if visitor is None:
            return PlainTextResponse("sign on", 401)
        return self.streams.response(request, visitor.person, lambda: self._home_version(visitor))

    def report(self, request: Request) -> Response:
        """What a run came to."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        one = self._one(request, visitor)
        made = report(one.state, one.records, self.board.head(), self.entry.today())
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
        return self.page(
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

    # --- answers --------------------------------------------------------------------------------

    def decision(self, request: Request) -> Response:
        """Somebody's yes or no to what they were shown."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        one, form = self._one(request, visitor), form_of(request)
        verdict = {"approve": Verdict.APPROVE, "deny": Verdict.DENY}.get(form.get("verdict", ""))
        if verdict is None:
            return self.refusal(request, Refused(400, "a decision is approve or deny"))
        run = one.state.id
        try:
            self._check_shown(one, visitor, verdict, form)
            decide(
                self.entry,
                run,
                visitor.actor,
                verdict,
                channel="page",
                nonce=form.get("nonce", ""),
                reason=_reason(form.get("reason", "")),
                proof=visitor.proof,
            )
        except (UsageError, RefusedByPersonError) as error:
            return self._not_taken(request, visitor, error, verdict.value)
        return self._taken(run)

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
        made = run_page(one, visitor.actor, self.entry, "").approval
        if made is not None and made.unclear and made.standing is Standing.OPEN:
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

    def answer(self, request: Request) -> Response:
        """The answer to the question, or task, that a run waits with."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        one, form = self._one(request, visitor), form_of(request)
        run = one.state.id
        try:
            asked, said = form.get("question", ""), form.get("word", "")
            answer(self.entry, run, visitor.actor, asked, said, proof=visitor.proof)
        except (UsageError, RefusedByPersonError) as error:
            return self._not_taken(request, visitor, error, "answer")
        return self._taken(run)

    def inputs(self, request: Request) -> Response:
        """Inputs that the event could not give."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        one = self._one(request, visitor)
        asks, run = asked_of(one.state), one.state.id
        try:
            _check_wanted(run, asks)
            runbook = self.load_runbook(runbook_of(one.state))
            now_s = self.entry.clock.now_ms() // 1000
            given, fields = read_fields(
                runbook,
                asks.names if asks else (),
                form_of(request),
                now_s=now_s,
                offered=one.state.asks.offered,
            )
            if any(field.fault for field in fields):
                wrong = UsageError("not all of it fits", why="nothing was recorded")
                return self._not_taken(request, visitor, wrong, "inputs", fields)
            give_inputs(self.entry, runbook, run, visitor.actor, given, describe_secret)
        except (UsageError, RefusedByPersonError) as error:
            return self._not_taken(request, visitor, error, "inputs")
        return self._taken(run)

    def done(self, request: Request) -> Response:
        """Somebody's word for an item that a run left open."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        run, form = self._one(request, visitor).state.id, form_of(request)
        try:
            close_by_word(
                self.entry,
                run,
                visitor.actor,
                form.get("item", ""),
                _reason(form.get("words", "")),
                proof=visitor.proof,
                lock=self.looks.lock(run),
            )
        except (UsageError, RefusedByPersonError) as error:
            return self._not_taken(request, visitor, error, "done")
        return self._taken(run)

    def prove(self, request: Request) -> Response:
        """A look at what a run could not prove, with a value that somebody pasted."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        state, form = self._one(request, visitor).state, form_of(request)
        try:
            looked = self.looks.prove(
                state,
                visitor.actor,
                form.get("item", ""),
                form.get("value", "").strip(),
                proof=visitor.proof,
            )
            _check_told(looked)
        except (UsageError, RefusedByPersonError, NotReadyError) as error:
            return self._not_taken(request, visitor, error, "prove")
        except (FormatFault, FormatFaults) as fault:
            why = str(fault).partition("\n")[0]
            wrong = UsageError("the runbook cannot be loaded", why=why)
            return self._not_taken(request, visitor, wrong, "prove")
        return self._taken(state.id)

    def _taken(self, run: str) -> Response:
        self.on_change(run)
        return RedirectResponse(f"/runs/{run}", 303)

    def _not_taken(
        self,
        request: Request,
        visitor: Visitor,
        error: RespondError,
        at: str,
        fields: tuple[Field, ...] = (),
    ) -> Response:
        """The run's page once more, as it is now, with why nothing was recorded."""
        status = 403 if isinstance(error, RefusedByPersonError) else 409
        one = self._one(request, visitor)
        return self._run(request, visitor, one, error=error, at=at, fields=fields, status=status)

    # --- the journal ----------------------------------------------------------------------------

    def audit(self, request: Request) -> Response:
        """How far the journal is vouched for."""
        visitor = visitor_of(request)
        if visitor is None:
            return self._away(request)
        made = self.board.audit()
        names = {s.id for s in self._visible(visitor)}
        found = made.report
        return self.page(
            request,
            "audit.html",
            audit=made,
            anchor=said(made.head.anchor),
            says=said(found.says, limit=2_000) if found is not None else "",
            sound=found is not None and found.exit_code == 0,
            notes=[said(note, limit=_WIDE) for note in found.notes] if found is not None else [],
            checked=at_text(made.checked_at_ms) if found is not None else "",
            checkpoint=day_text(made.checkpoint_at) if made.checkpoint_at else "",
            witnesses=[
                (word(w.person), w.signed, said(w.anchor), day_text(w.at))
                for w in made.witnesses[:20]
            ],
            unreadable=[run for run in self.board.unreadable() if run in names],
        )

    # --- signing on -----------------------------------------------------------------------------

    def sign_on(self, request: Request) -> Response:
        """The door."""
        to = local_path(request.query_params.get("to", ""))
        if self.signon is None:
            return self.page(request, "unconfigured.html", status=503)
        if visitor_of(request) is not None:
            return RedirectResponse(to, 303)
        return self._door(request, to)

    def _door(
        self, request: Request, to: str, *, status: int = 200, error: object = None
    ) -> Response:
        begin = f"{_BEGIN}?to={to}" if to != "/" else _BEGIN
        run = to.split("/")[2] if to.startswith("/runs/") else "RUN"
        return self.page(request, "sign_on.html", status=status, begin=begin, run=run, error=error)

    async def begin(self, request: Request) -> Response:
        """On to the identity provider. It keeps what it needs in a cookie, and nothing here."""
        to = local_path(request.query_params.get("to", ""))
        if self.signon is None:
            return self.page(request, "unconfigured.html", status=503)
        try:
            address, kept = await self.signon.begin()
        except NotReadyError as error:
            return self._door(request, to, status=503, error=error)
        response = RedirectResponse(address, 303)
        _set_cookie(response, FLOW, self.sessions.keep_flow({**kept, "to": to}), FLOW_S)
        return response

    async def callback(self, request: Request) -> Response:
        """Back from the identity provider: a new session for a person, or why not."""
        if self.signon is None:
            return self.page(request, "unconfigured.html", status=503)
        kept = self.sessions.flow(request.cookies.get(FLOW, ""))
        to = local_path(kept["to"]) if kept is not None else "/"
        query = dict(request.query_params)
        try:
            once = len(query) == len(request.query_params.multi_items())
            issuer, subject = await self.signon.finish(query, (kept or {}) if once else {})
        except NotReadyError as error:
            response = self._door(request, to, status=503, error=error)
        except RefusedByPersonError as error:
            response = self._door(request, to, status=403, error=error)
        else:
            response = RedirectResponse(to, 303)
            _set_cookie(response, SESSION, self.sessions.begin(issuer, subject), SESSION_S)
        _set_cookie(response, FLOW, "", 0)
        return response

    def sign_off(self, request: Request) -> Response:
        """The session is over, its copies too."""
        visitor = visitor_of(request)
        if visitor is not None:
            self.sessions.end(visitor.session)
        response = RedirectResponse("/sign-on", 303)
        _set_cookie(response, SESSION, "", 0)
        return response

    def static(self, request: Request) -> Response:
        """The style and the script."""
        found = self.showing.static(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found


def _set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


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


def _check_told(looked: Sequence[LookedAgain]) -> None:
    """See that something was recorded: what is proved, or goes on.

    Raises:
        UsageError: Nothing could be told.
    """
    if all(each.how is None for each in looked):
        why = "; ".join(f"{each.item.title}: {each.says}" for each in looked)
        raise UsageError("nothing could be proved", why=said(why), do="try once more")


def _reason(text: str) -> str:
    return " ".join(text.split())[:_REASON_MAX]
