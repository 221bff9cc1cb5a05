"""A company's night behind real pages: a journal, runs as an engine leaves them, a real server.

Runs are written record by record into a real journal, as ``example_run`` has them; the pages are
served by uvicorn on loopback; people sign on with a real OpenID Connect provider of its own.
"""

from __future__ import annotations

import atexit
import copy
import io
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette

from respond import systems
from respond.adapters.command import Ran
from respond.adapters.log import make_logger
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.adapters.store.sealing import describe_secret
from respond.core.approval import Moment, People, Request, account
from respond.core.events import Actor, Event, Kind, Record, Strength
from respond.core.fold import RunState
from respond.core.plan import Plan
from respond.core.records import replace
from respond.core.runbook import Runbook
from respond.core.script import PersonRecord
from respond.engine.setting import Site
from respond.errors import NotReadyError
from respond.formats.runbook.runbook_file import load
from respond.intake.practice import Practice
from respond.people.answers import Entry
from respond.ports import Received, ServerMemory
from respond.server.board import Board
from respond.server.event_stream import Streams
from respond.server.later_looks import LaterLooks
from respond.server.outages import Outage
from respond.server.own_memory import OwnMemory
from respond.server.pages.all_pages import pages
from respond.server.pages.page_frame import PageSettings
from respond.server.playing import Player, Plays, SeenRehearsal
from respond.server.sessions import SESSION, Sessions
from respond.server.signon import SignOn, SignOnSettings
from respond.server.workings import Workings
from respond.testing.example_run import ExampleRun, example_plan, example_task
from respond.testing.loopback import loopback_client
from respond.testing.settable_clock import SettableClock

RUN = "CK-7F3Q"
SESSION_KEY = b"k" * 32
CLIENT = "respond-page"
SECRET = "a-client-secret-of-the-tests"
HOOK = Actor("hook/pager", Strength.MACHINE)
ENGINE = Actor("respond", Strength.MACHINE)

DANA = PersonRecord("dana", "Dana Example", ("dana@example.com",), ("operator", "approver"))
ANA = PersonRecord("ana", "Ana Example", ("ana@example.com",), ("admin", "approver"))
BEN = PersonRecord("ben", "Ben Example", ("ben@example.com",), ("approver",))
JEAN = PersonRecord("jean", "Jean Example", ("jean@example.com",), ("admin", "approver"))
KIM = PersonRecord("kim", "Kim Example", ("kim@example.com",), ())
EVERYBODY = (DANA, ANA, BEN, JEAN, KIM)

EVENT: Mapping[str, Any] = {
    "source": "pager",
    "sender": "pagerduty",
    "delivery": "d-1",
    "key": "01DEN",
    "about": "incident/PFQZPSY",
    "type": "incident.triggered",
    "means": "begins",
    "title": "API key of Customer.io found in a public repository",
    "at": "2026-11-23T03:11:40Z",
    "url": "https://example.pagerduty.com/incidents/PFQZPSY",
    "weak": False,
}

INPUTS_RUNBOOK = b"""
runbook: sample-inputs
title: A runbook that has to be told something
inputs:
  user: {type: email, required: true, ask: "Whose account is it?", example: jean@example.com}
  since: {type: time, required: true, ask: "Since when?", example: 3 days ago}
  order: {type: choice, of: [contain-first, no-downtime], required: true, ask: "Which not?"}
  leaked: {type: secret, required: false, ask: "Paste the leaked key"}
  key: {type: text, required: false, ask: "Or its name"}
require: [[leaked, key]]
steps:
  - id: look
    action: human.do
    with: {instructions: "Look at it."}
"""


TITLES = {"sample-inputs": "A runbook that has to be told something"}


def subject_of(person: str) -> str:
    """The ``sub`` of a person at the identity provider."""
    return f"sub-{person}"


def sessions_of(
    clock: SettableClock, key: bytes = SESSION_KEY, memory: ServerMemory | None = None
) -> Sessions:
    """Sessions of a server that is alone, or shares a memory."""
    return Sessions(key, clock, memory or OwnMemory(clock))


@dataclass
class Night:
    """Journal, clock and people, and what was told to whom."""

    clock: SettableClock = field(default_factory=SettableClock)
    suspects: tuple[str, ...] = ()
    changed: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    let_gone: list[tuple[int, str]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    rehearses: Player | None = None
    check: Callable[[], Any] | None = None
    issuer: str = "https://id.example.com"

    def __post_init__(self) -> None:
        self.keys = MemoryKeys()
        self.journal = SqliteJournal.in_memory(self.keys, self.clock, ENGINE)
        self.board = Board(self.journal, self.clock, self.check)
        self.streams = Streams(self.clock, look_every_s=0.02)

    def account(self, person: str) -> str:
        """What proves somebody on the page."""
        return account(self.issuer, subject_of(person))

    @property
    def entry(self) -> Entry:
        proofs = {p.id: frozenset({f"SHA256:{p.id}", self.account(p.id)}) for p in EVERYBODY}
        people = People(EVERYBODY, self.suspects, proofs=proofs)
        return Entry(self.journal, self.clock, people, {})

    def sessions(self, memory: ServerMemory | None = None) -> Sessions:
        """Sessions as this night's servers make them."""
        return sessions_of(self.clock, memory=memory)

    def looks(self, load_runbook: Callable[[str], Runbook]) -> LaterLooks:
        """Looks at nothing: these pages have no system behind them."""

        def nowhere(*_: object) -> Any:
            raise NotReadyError("there is no system here")

        return LaterLooks(self.entry, nowhere, load_runbook, nullcontext)

    def player(self, plays: Plays, **others: Any) -> Player:
        """Plays rehearsals of these pages; those of them that there are, are runs of the night."""

        def read(run: str) -> SeenRehearsal | None:
            one = self.board.run(run)
            if one is None:
                return None
            return SeenRehearsal(one, self.board.head(), self.entry.today())

        def lately() -> list[str]:
            return [each.id for each in self.board.runs() if each.proposed.mode == "rehearsal"]

        log = make_logger(Redactor(), self.clock, io.StringIO())
        known = {"room": lambda: 1 << 30, "lately": lately, "read": read, **others}
        return Player(lambda: TITLES, plays, clock=self.clock, log=log, **known)

    def state(self, run: str = RUN) -> RunState:
        found = self.board.state(run)
        assert found is not None
        return found

    def add(
        self, kind: Kind, run: str = RUN, step: str = "", by: Actor = ENGINE, **data: Any
    ) -> Record:
        return self.journal.append(Event(kind, run, step, by, data))

    # --- runs -----------------------------------------------------------------------------------

    def put(self, example: ExampleRun, run: str = RUN, **proposed: Any) -> None:
        """Write an example's records into the journal, as its engine would have.

        Args:
            example: The run.
            run: Its id here.
            proposed: More of what its first record says.
        """
        seqs: dict[int, int] = {}
        last = example.records[0].at
        for record in example.records:
            event = record.event
            data = copy.deepcopy(dict(event.data))
            by = event.actor
            if event.kind is Kind.PROPOSED:
                data |= {"mode": example.plan.mode, "title": "Contain a leaked key", **proposed}
                by = proposed.get("by", by)
                data.pop("by", None)
            if "intent" in data:
                data["intent"] = seqs[data["intent"]]
            self.clock.advance(_seconds(last, record.at))
            last = record.at
            made = self.journal.append(Event(event.kind, run, event.step, by, data))
            seqs[record.seq] = made.seq

    def proposed(self, run: str = RUN, *, mode: str = "real", **proposed: Any) -> ExampleRun:
        """A run that an event brought, looked at and planned."""
        example = ExampleRun(example_plan(mode=mode)).propose().look()
        known = {"event": dict(EVENT), "subject": JEAN.emails[0], "by": HOOK, "incident": ""}
        self.put(example, run, **{**known, **proposed})
        return example

    def ask(self, run: str = RUN, **others: Any) -> Request:
        """Ask people to agree to the run's plan, and park it."""
        state = self.state(run)
        assert state.plan is not None
        head = self.journal.checkpoint(f"before an approval of run {run}")
        request = Request(
            nonce=f"nonce-{run}-{len(state.requests)}",
            run=run,
            digest=state.plan.digest,
            step="",
            writes=tuple(write.key for write in state.plan.writes),
            count=1,
            roles=frozenset({"approver"}),
            destroys=True,
            initiator=state.operator,
            subject=state.proposed.subject,
            asked=Moment(self.clock.now_ms(), self.clock.mono_ms(), self.clock.boot()),
            within_s=1_800,
            anchor=head.anchor,
        )
        request = replace(request, **others)
        self.add(Kind.APPROVAL_ASKED, run, **request.as_json())
        self.park(run, {"kind": "approval", "id": request.nonce})
        return request

    def park(self, run: str, asks: Mapping[str, Any], why: str = "it waits for a person") -> None:
        self.add(
            Kind.PARKED, run, why=why, reason="", do=f"respond resume {run}", exit=3, asks=asks
        )

    def waiting(self, run: str = RUN, **others: Any) -> Request:
        """A run that waits for somebody's yes."""
        self.proposed(run)
        return self.ask(run, **others)

    def task(self, run: str = RUN, **others: Any) -> None:
        """A run that was agreed to and waits for a person's hands."""
        request = self.waiting(run)
        yes = Actor("ana", Strength.SIGNED_ON)
        self.add(Kind.APPROVED, run, by=yes, nonce=request.nonce, digest=request.digest,
                 channel="page", reason="", proof={"account": self.account("ana")})  # fmt: skip
        self.add(Kind.CONFIRMED, run, decision="yes", scope="agreed", nonce=request.nonce,
                 digest=request.digest, at_step="", persons=["ana"])  # fmt: skip
        asked = example_task()
        asks = {
            "kind": "task",
            "id": "task-1",
            "title": "Revoke the leaked key",
            "lines": list(asked.steps),
            "link": asked.link,
            "look_for": asked.look_for,
            "avoid": list(asked.avoid),
            "watched": True,
            "keep": False,
            "words": ["done", "skip"],
        }
        self.park(run, {**asks, **others}, why="a person does it by hand")

    def needs_inputs(self, run: str = "SI-2K4M", runbook: str = "sample-inputs") -> None:
        """A run whose event did not say everything."""
        self.add(Kind.PROPOSED, run, by=HOOK, runbook=runbook, title="A runbook", mode="real",
                 inputs={}, subject="", incident="", reason="", at_s=0,
                 event=dict(EVENT), notes=["user: the event has no e-mail address"])  # fmt: skip
        names = ["user", "since", "order", "leaked", "key"]
        asks = {"kind": "inputs", "id": "inputs", "names": names}
        self.park(run, asks, why=f"run {run} needs user, since")

    def add_joined(self, run: str = RUN, **others: Any) -> None:
        """Another event that belongs to a run."""
        event = {**EVENT, "type": "incident.annotated", "title": "The owner was called", **others}
        self.add(Kind.JOINED, run, by=HOOK, event=event)

    def running(self, run: str) -> None:
        """A run in the middle: the key is dead, the new one is being made."""
        example = ExampleRun().propose().look().start().contain()
        example.intend("new", example.plan.steps[2].writes[0])
        self.put(example, run)

    def went_alone(self, run: str) -> None:
        """A run that somebody did alone, at night, and that nobody has reviewed."""
        example = ExampleRun().propose().look()
        dana = Actor("dana", Strength.KEY)
        digest = example.plan.digest
        reason = "nobody else answers and the key is in use"
        example.add(Kind.BREAK_GLASS, by=dana, reason=reason, digest=digest, proof={})
        self.put(example.start().contain().recover().finish(), run)

    def whole(self, run: str = "CK-9XKP") -> None:
        """A run that is over and went well."""
        example = ExampleRun().propose().look().start().contain().recover().finish()
        self.put(example, run)

    def came(self, run: str, result: str = "proposed", **others: Any) -> None:
        """One more line of what came in."""
        made = Received(
            delivery="d-1", source="pager", sender="pagerduty", type="incident.triggered",
            title=str(EVENT["title"]), at_ms=self.clock.now_ms(), result=result, run=run, why="",
            weak=False,
        )  # fmt: skip
        self.received.insert(0, replace(made, **others))


def _seconds(begin: str, end: str) -> float:
    from datetime import datetime  # noqa: PLC0415 - one line needs it

    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def runbook_named(name: str) -> Runbook:
    """The sample runbook, whatever a run calls it."""
    text = INPUTS_RUNBOOK.replace(b"sample-inputs", name.encode())
    return load(text, name=f"{name}.yaml", actions=systems.load())


def _nowhere(*_: object) -> Ran:
    raise FileNotFoundError(2, "there is no such program")


# --- the server ---------------------------------------------------------------------------------


@dataclass
class Served:
    """The pages, as people reach them."""

    url: str
    night: Night

    def client(self) -> Browserish:
        return Browserish(self.url)


def workings_of(night: Night, mode: str, load_runbook: Callable[[str], Runbook]) -> Workings:
    """The server around the pages of a night: it notes down what is set going."""
    site = Site(
        connections={},
        persons=EVERYBODY,
        operator=Actor("server", Strength.MACHINE),
        mode=mode,
        engine="respond test",
    )
    practice = Practice(
        journal=night.journal,
        clock=night.clock,
        site=site,
        titles=lambda: TITLES,
        load_runbook=load_runbook,
        states=night.board.runs,
        describe=describe_secret,
        chance=lambda: bytes(range(64)),
    )
    return Workings(
        recent=lambda: tuple(night.received),
        held=lambda: sum(each.result == "held" for each in night.received),
        let_go=lambda event, who: night.let_gone.append((event, who)),
        again=night.tried.append,
        rehearses=practice if mode == "rehearsal" else night.rehearses or night.player(_nowhere),
        outages=lambda: tuple(night.outages),
        looks=night.looks(load_runbook),
    )


@contextmanager
def served(
    night: Night,
    issuer: str = "",
    *,
    mode: str = "real",
    persons: Mapping[tuple[str, str], str] | None = None,
    load_runbook: Callable[[str], Runbook] = runbook_named,
    secret: Callable[[], str] = lambda: SECRET,
    memory: ServerMemory | None = None,
    known_as: str = "",
) -> Iterator[Served]:
    """Serve the pages of a night on loopback; without an issuer nobody can sign on.

    ``known_as``: the address that people come back to from there, where it is not its own.
    """
    loopback = _FREE.pop() if _FREE else _Loopback()
    listed = persons
    if listed is None:
        listed = {(issuer, subject_of(person.id)): person.id for person in EVERYBODY}
    signon = None
    if issuer:
        night.issuer = issuer
        asked = SignOnSettings(issuer, CLIENT, secret, known_as or loopback.url, listed)
        signon = SignOn(asked, night.clock)
    loopback.app = Starlette(
        routes=pages(
            night.board,
            night.entry,
            PageSettings(loopback.url, mode, night.sessions(memory), "Example Co"),
            signon,
            load_runbook,
            night.changed.append,
            workings_of(night, mode, load_runbook),
            night.streams,
        )
    )
    try:
        yield Served(loopback.url, night)
    finally:
        night.streams.close()
        _FREE.append(loopback)


class _Loopback:
    """A real server, whose pages are exchanged: to stop one takes longer than a test."""

    def __init__(self) -> None:
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen()  # Who comes before the server is up waits a moment.
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.app: Any = None
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            log_config=None,  # A level would stay for every server after this one.
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.listening]}, daemon=True
        )
        self.thread.start()
        atexit.register(self.stop)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=60)
        self.listening.close()


_FREE: list[_Loopback] = []


_PROVIDER = """
from oidc_provider_mock import run_server_in_thread
with run_server_in_thread() as server:
    print(server.server_port, flush=True)
    input()
"""


@contextmanager
def provider() -> Iterator[str]:
    """A real OpenID Connect provider on loopback; gives its issuer.

    It has a process of its own: what its libraries warn about is none of ours.
    """
    with subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-W", "ignore", "-c", _PROVIDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        port = running.stdout.readline().strip()
        assert port, "the provider did not start"
        try:
            yield f"http://localhost:{port}"
        finally:
            running.communicate("\n", timeout=60)


# --- somebody at it -----------------------------------------------------------------------------


class Browserish:
    """A client that does what a browser does: cookies, form tokens, where a form comes from."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        hooks: dict[str, list[Any]] = {"request": [self._send], "response": [self._kept]}
        self.http = loopback_client(
            base_url=url,
            timeout=60,
            event_hooks=hooks,
        )

    # A browser sends Secure cookies to loopback without TLS; this library's own jar does not.
    def _send(self, request: httpx.Request) -> None:
        if self.cookies:
            request.headers["cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())

    def _kept(self, response: httpx.Response) -> None:
        for header in response.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "max-age=0" in header.lower():
                del self.cookies[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, **others: Any) -> httpx.Response:
        return self.http.get(path, **others)

    def token(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/").text)
        return found[1] if found else ""

    def post(
        self, path: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a form as one of our own pages does, with its token."""
        own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        fields = {"csrf": self.token(), **data}
        return self.http.post(path, data=fields, headers=own if headers is None else headers)

    def begin(self, to: str = "/") -> httpx.Response:
        """Begin to sign on: gives the answer that sends the browser to the provider."""
        return self.get("/sign-on/begin", params={"to": to})

    def sign_on(self, person: str, to: str = "/", **others: str) -> httpx.Response:
        """All of it; gives the answer to coming back."""
        address = self.begin(to).headers["location"]
        return self.come_back(self.agree(address, person), **others)

    def agree(self, address: str, person: str) -> str:
        """At the provider: say who one is; gives the address that it sends the browser back to."""
        with loopback_client(timeout=60) as there:
            answer = there.post(address, data={"sub": subject_of(person)})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def come_back(self, address: str, **others: str) -> httpx.Response:
        return self.http.get(httpx.URL(address).copy_merge_params(others))


def plan_of(night: Night) -> Plan:
    """The plan of the run that everybody looks at."""
    plan = night.state().plan
    assert plan is not None
    return plan


ISSUER = "https://id.example"
"""Nobody is asked there: sessions are made with the server's own key, as it makes them."""


def on(at: Served, person: str) -> Browserish:
    """Somebody who is signed on."""
    made = at.client()
    made.cookies[SESSION] = at.night.sessions().begin(ISSUER, subject_of(person))
    return made


def form_in(text: str, name: str) -> dict[str, str]:
    """The fields of a form as the page has them."""
    found = re.search(rf'<form id="{name}".*?</form>', text, re.DOTALL)
    assert found is not None, f"there is no form {name}"
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[0]))


def runs_of(kinds: Sequence[Kind], night: Night) -> list[Event]:
    """The events of these kinds in the journal."""
    return [r.event for r in night.journal.records() if r.event.kind in kinds]


def decided(night: Night) -> list[Event]:
    """What anybody decided or answered."""
    return runs_of((Kind.APPROVED, Kind.DENIED, Kind.ANSWERED), night)
