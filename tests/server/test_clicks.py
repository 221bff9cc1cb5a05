from __future__ import annotations

import asyncio
import io
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.log import make_logger
from respond.adapters.prompt.nobody_there import ServedPrompt
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.inbox_sqlite import SqliteInbox
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.company import Company, default_company, serve
from respond.company.simulated_rest import Row
from respond.company.slack import SlackError
from respond.core.approval import Request
from respond.core.asked import asked_now
from respond.core.events import Actor, Strength
from respond.core.fold import RunState, RunStatus, fold
from respond.core.policy import Chat, Policy, TwoPeople
from respond.core.records import replace
from respond.core.script import Call, Connection, PersonRecord, Reply
from respond.engine.run import LiveRun
from respond.engine.telling import tell
from respond.errors import ExitCode, NotReadyError
from respond.people.answers import Entry
from respond.ports import Intent, Journal
from respond.senders import SENDERS, SenderSecrets
from respond.senders.button_clicks import Workspace
from respond.server.board import Board
from respond.server.clicks import Clicks, waiting_run
from respond.server.metrics import Metrics
from respond.server.receiving import Receiver, Source
from respond.testing.senders import secret_for, signed, slack_click
from respond.testing.settable_clock import SettableClock
from respond.testing.toy_system import DANA, Boxes, BoxStage, runbook_of

SET = "  - {id: one, action: box.set, with: {name: a, value: new}}"
REMOVE = "  - {id: gone, phase: contain, action: box.remove, with: {name: b}}"
BOTH = f"{SET}\n{REMOVE}"
PAGER = Actor("hook/pager", Strength.MACHINE)
TEAM, APP = "T0EXAMPLECO", "A0RESPOND1"
YES, NO = "respond.approve", "respond.deny"
DANA_ID, ANA, BEN = "U0DANA0001", "U0ANA00001", "U0BEN00001"
MALLORY, KIM, JEAN = "U0MALLORY1", "U0KIM00001", "U0JEAN0001"


def person(id_: str, slack: str, *roles: str) -> PersonRecord:
    accounts = {"slack": slack} if slack else {}
    emails = (f"{id_}@example.com",)
    return PersonRecord(id_, id_.title(), emails, roles, accounts, clicks=bool(slack))


PEOPLE = (
    person("dana", DANA_ID, "approver"),
    person("ana", ANA, "approver"),
    person("ben", BEN, "approver"),
    person("mallory", MALLORY, "approver"),
    person("kim", KIM, "admin"),
    person("jean", "", "approver"),
)


@dataclass
class Lines:
    """Boxes and Slack at the other end of one line, by the call's connection."""

    boxes: Boxes
    slack: HttpTransport

    def fetch(self, call: Call) -> Reply:
        at_slack = call.connection == "slack"
        return self.slack.reader().fetch(call) if at_slack else self.boxes.fetch(call)

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        pen = self.slack.pen() if call.connection == "slack" else self.boxes
        return pen.send(intent, call, digest)


@dataclass
class Token:
    value: str

    def credential(self, _connection: str) -> str:
        return self.value


@dataclass
class Chatting:
    """One served run over boxes, a simulated Slack, and the real receiver of its clicks.

    Attributes:
        woken: Runs of which somebody was told that they changed.
    """

    stage: BoxStage
    company: Company
    transport: HttpTransport
    folder: Path
    options: dict[str, str] = field(default_factory=lambda: {"team": TEAM, "app": APP})
    woken: list[str] = field(default_factory=list)
    said: io.StringIO = field(default_factory=io.StringIO)

    def advance(self) -> ExitCode:
        """As a server's worker does it."""
        stage = self.stage
        lines = Lines(stage.boxes, self.transport)
        prompt = ServedPrompt(
            lambda: fold(stage.kept.records(stage.run)),
            lambda _: ("a question",),
            stage.site.people,
        )
        return stage.advance(prompt=prompt, reader=lines, pen=lines, asked=_tell)

    @property
    def state(self) -> RunState:
        found = fold(self.stage.kept.records(self.stage.run))
        assert found is not None
        return found

    @property
    def request(self) -> Request:
        found = asked_now(self.state)
        assert found is not None
        return found

    def votes(self) -> list[tuple[str, str, str, str]]:
        return [
            (v.who.id, v.who.strength.value, v.verdict.value, v.channel) for v in self.state.votes
        ]

    def messages(self, user: str) -> list[Row]:
        return [
            message
            for place in self.company.slack.state.conversations
            if place.is_im and user in place.members
            for message in place.messages
        ]

    def press(self, user: str, button: str = YES, *, ts: str = "") -> int:
        """Somebody presses a button that stands in one of their messages."""
        return self.post(self.company.slack.click(user, button, ts=ts))

    def forge(self, user: str, **changed: Any) -> int:
        """A click that Slack signed, with anything in it."""
        given = {"action_id": YES, "team": TEAM, "user_team": TEAM, **changed}
        nonce = given.pop("nonce", None) or self.request.nonce
        body = slack_click(nonce, user=user, **given)
        return self.post(body.replace(b"A0RESPOND%22", f"{APP}%22".encode()))

    def post(self, body: bytes, *, secret: str = "", signed_s: int | None = None) -> int:
        """Give a body to the receiver, signed as Slack does; the status it answers."""
        now_s = self.stage.clock.now_ms() // 1000 if signed_s is None else signed_s
        headers = signed("slack", [secret or secret_for("slack")], body, now_s=now_s)
        return self.deliver(headers, body)

    def deliver(self, headers: list[tuple[str, str]], body: bytes) -> int:
        return asyncio.run(self._deliver(headers, body))

    async def _deliver(self, headers: list[tuple[str, str]], body: bytes) -> int:
        inbox = SqliteInbox.open(self.folder / "inbox.db", clock=self.stage.clock)
        log = self.log()
        receiver = Receiver(
            {"chat": Source(SENDERS["slack"], lambda: SenderSecrets((secret_for("slack"),)))},
            inbox,
            clock=self.stage.clock,
            log=log,
            metrics=Metrics(),
            on_new=lambda: None,
            on_click=self.clicks(),
        )
        app = Starlette(routes=[Route("/hooks/{source}", receiver)])
        try:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                answer = await client.post("/hooks/chat", content=body, headers=headers)
        finally:
            receiver.close()
            inbox.close()
        if answer.status_code == 200:
            assert answer.content == b""
        return answer.status_code

    def log(self) -> Any:
        return make_logger(Redactor(), self.stage.clock, self.said, verbosity=1)

    def clicks(self) -> Clicks:
        return Clicks(
            Entry(self.stage.kept, self.stage.clock, self.stage.site.people, {}),
            {"chat": Workspace.of("chat", self.options)},
            waiting_run(Board(self.stage.kept, self.stage.clock).runs),
            self.woken.append,
            self.log(),
        )

    def whys(self) -> list[str]:
        """Why clicks did not count, as the operational log has it."""
        lines = [json.loads(line) for line in self.said.getvalue().splitlines()]
        return [line["why"] for line in lines if line["event"] == "click.refused"]


def _tell(live: LiveRun, request: Request, persons: tuple[str, ...]) -> None:
    tell(live, f"approval:{request.nonce[:8]}", "approval-needed", persons)


Open = Callable[..., Chatting]


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Open]:
    """Opens a night: a run that a pager began, and people in Slack."""
    clock = SettableClock()
    company = default_company(clock=clock)
    with serve(company) as server:
        endpoint = Endpoint(
            "slack", "slack", {"api": f"{server.urls['slack']}/api"}, "slack", loopback_ok=True
        )
        token = Token(company.story.slack_bot_token)
        with HttpTransport(
            {"slack": endpoint}, token, _no_secret, clock, user_agent="t", redactor=Redactor()
        ) as transport:

            def _open(
                steps: str = SET,
                *,
                allows: Chat = Chat.ORDINARY,
                policy: Policy | None = None,
                journal: Journal | None = None,
                subject: str = "mallory@example.com",
                **place: Any,
            ) -> Chatting:
                stage = BoxStage(
                    runbook_of(steps),
                    {"a": "old", "b": "old", "c": "old"},
                    policy=policy or Policy(chat=allows),
                    persons=PEOPLE,
                    clock=clock,
                    journal=journal,
                    extra={"subject": subject},
                    place={
                        "served": True,
                        "operator": PAGER,
                        "proofs": dict.fromkeys(
                            ("dana", "ana", "ben", "mallory", "jean"), frozenset()
                        ),
                        "page": "https://respond.example.com",
                        "connections": {
                            "box": Connection("box", "box", "account", "eu"),
                            "slack": Connection("slack", "slack", "Example Co"),
                        },
                        **place,
                    },
                )
                stage.says.is_there = False
                return Chatting(stage, company, transport, tmp_path)

            yield _open


def _no_secret(_: Any) -> str:
    raise AssertionError


# --- who gets buttons -----------------------------------------------------------------------------


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    ("allows", "steps", "has"),
    [
        (Chat.NEVER, SET, False),
        (Chat.NEVER, BOTH, False),
        (Chat.ORDINARY, SET, True),
        (Chat.ORDINARY, BOTH, False),
        (Chat.ORDINARY, REMOVE, False),
        (Chat.DESTRUCTIVE, BOTH, True),
    ],
)
def test_buttons_stand_only_where_policy_lets_chat_decide(
    chat: Open, allows: Chat, steps: str, *, has: bool
) -> None:
    """By default never; and a click made up by whoever can sign counts no more than that."""
    night = chat(steps, allows=allows)
    assert night.advance() is ExitCode.PARKED
    for user in (DANA_ID, ANA, BEN):
        (message,) = night.messages(user)
        assert bool(message.blocks) is has
        assert message.text.startswith("A run waits for an approval.")

    assert night.forge(ANA) == 200
    assert night.votes() == ([("ana", "chat", "approve", "chat")] if has else [])
    assert night.advance() is (ExitCode.DONE if has else ExitCode.PARKED)
    if not has:
        assert night.whys() == [
            "ana may not approve run BX-TEST: policy does not let chat decide this"
        ]
        assert night.stage.boxes.writes == []
        assert night.woken == []


def test_the_buttons_carry_a_name_that_decides_nothing(chat: Open) -> None:
    """The value is the request's nonce; before a click counts, Slack asks once more."""
    night = chat()
    night.advance()
    (message,) = night.messages(ANA)
    *sections, actions = message.blocks

    assert [button["action_id"] for button in actions["elements"]] == [YES, NO]
    assert {button["value"] for button in actions["elements"]} == {night.request.nonce}
    for button in actions["elements"]:
        assert "BX-TEST" in button["confirm"]["title"]["text"]
    assert "\n\n".join(each["text"]["text"] for each in sections) == message.text
    assert {each["text"]["type"] for each in sections} == {"plain_text"}
    assert "url" not in json.dumps(message.blocks)


def test_whose_slack_id_is_not_known_here_is_told_without_buttons(chat: Open) -> None:
    """Nobody could say whose click it was; they answer on the page or in their terminal."""
    night = chat()
    night.advance()
    (message,) = night.messages(JEAN)
    assert message.blocks == []
    with pytest.raises(SlackError, match="action_not_found"):
        night.press(JEAN)
    assert night.forge(JEAN) == 200
    assert night.votes() == []
    assert night.whys() == ["this Slack user is none of [[person]]"]


@pytest.mark.promise("P2", "P10")
def test_only_a_notice_about_the_run_knows_its_request(chat: Open) -> None:
    """A step's write is the same before there is a plan and after."""
    night = chat()
    night.advance()
    site, state, journal = night.stage.site, night.state, night.stage.kept
    slack = site.connections["slack"]
    step = site.me(state, "one", slack, journal, 0)
    notice = site.me(state, "notice:approval:1#1", slack, journal, 0)

    assert (step.plan, step.page, step.request) == ("", "", "")
    assert notice.request == night.request.nonce
    assert notice.page == "https://respond.example.com/runs/BX-TEST"
    assert state.plan is not None
    assert notice.plan == state.plan.digest


# --- an answer ------------------------------------------------------------------------------------


@pytest.mark.promise("P11")
def test_a_click_by_somebody_who_may_lets_the_run_go_on(chat: Open) -> None:
    """It is recorded as theirs, by chat; the run is woken, and what was agreed to happens."""
    night = chat()
    night.advance()
    assert night.press(ANA) == 200
    assert night.votes() == [("ana", "chat", "approve", "chat")]
    assert night.woken == ["BX-TEST"]
    assert night.advance() is ExitCode.DONE
    assert night.stage.boxes.values["a"] == "new"


@pytest.mark.promise("P11")
def test_a_no_in_chat_ends_the_run(chat: Open) -> None:
    """Whoever agreed before."""
    night = chat()
    night.advance()
    night.press(ANA)
    night.press(BEN, NO)
    assert night.advance() is ExitCode.REFUSED
    assert night.stage.boxes.writes == []
    assert night.state.ended.say == "ben said no"


@pytest.mark.promise("P11")
def test_where_two_have_to_agree_two_click(chat: Open) -> None:
    """The same person's second click is no second person."""
    night = chat(policy=Policy(chat=Chat.ORDINARY, two_people=TwoPeople.EVERY_WRITE, approvals=2))
    night.advance()
    for _ in range(2):
        night.press(ANA)
    assert night.advance() is ExitCode.PARKED
    assert night.stage.boxes.writes == []
    night.press(BEN)
    assert night.advance() is ExitCode.DONE
    assert [vote[0] for vote in night.votes()] == ["ana", "ben"]


@pytest.mark.promise("P11", "P17")
def test_a_replay_within_five_minutes_counts_once_and_later_not_at_all(chat: Open) -> None:
    """The signature stays good for 300 seconds: the journal knows that it was answered."""
    night = chat(policy=Policy(chat=Chat.ORDINARY, two_people=TwoPeople.EVERY_WRITE, approvals=2))
    night.advance()
    bodies = [night.company.slack.click(ANA, button) for button in (YES, NO, YES, NO)]
    now_s = night.stage.clock.now_ms() // 1000
    for _, body in itertools.product(range(3), bodies):
        assert night.post(body, signed_s=now_s) == 200
    assert [vote[2] for vote in night.votes()] == ["approve", "deny"]

    night.stage.clock.advance(301)
    assert night.post(bodies[0], signed_s=now_s) == 401
    assert night.advance() is ExitCode.REFUSED
    night.post(bodies[0])
    assert len(night.votes()) == 2
    assert night.state.status is RunStatus.ENDED


@pytest.mark.promise("P11", "P17")
def test_a_message_of_an_earlier_request_answers_nothing(chat: Open) -> None:
    """A button that still stands in the chat is good for what it was shown with."""
    night = chat(BOTH, allows=Chat.DESTRUCTIVE)
    night.advance()
    first = night.messages(ANA)[0].ts
    night.press(BEN)
    night.stage.boxes.put("a", "somebody's")
    assert night.advance() is ExitCode.PARKED
    assert len(night.state.requests) == 2

    night.press(ANA, ts=first)
    assert len(night.votes()) == 1
    assert night.whys() == ["no run waits for an answer to that request"]
    night.press(ANA)
    assert night.advance() is ExitCode.DONE
    night.press(ANA)
    assert len(night.votes()) == 2


@pytest.mark.promise("P16")
def test_a_click_that_comes_too_late_is_none(chat: Open) -> None:
    """The request runs out whatever stands in the chat."""
    night = chat()
    night.advance()
    night.stage.clock.advance(1_801)
    assert night.press(ANA) == 200
    assert night.votes() == []
    assert "has run out" in night.whys()[0]


# --- whose click counts for nothing ---------------------------------------------------------------


@pytest.mark.promise("P11")
@pytest.mark.parametrize("user", [DANA_ID, MALLORY, KIM, "U0STRANGER"])
@pytest.mark.parametrize("button", [YES, NO])
def test_initiator_subject_and_those_without_the_role_count_for_nothing(
    chat: Open, user: str, button: str
) -> None:
    """Nor a stranger. The initiator may stop their own run, and that is all."""
    night = chat(operator=DANA)
    night.advance()
    assert night.messages(MALLORY) == []
    assert night.forge(user, action_id=button) == 200
    stopped = user == DANA_ID and button == NO
    assert night.votes() == ([("dana", "chat", "deny", "chat")] if stopped else [])
    assert len(night.whys()) == int(not stopped)
    assert night.advance() is (ExitCode.REFUSED if stopped else ExitCode.PARKED)
    assert night.stage.boxes.writes == []


@pytest.mark.promise("P11", "P17")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"user_team": "T0ELSEWHERE"}, "who clicked belongs to another workspace"),
        ({"team": "T0ELSEWHERE"}, "it comes from another workspace"),
        ({"team": "T0ELSEWHERE", "user_team": "T0ELSEWHERE"}, "it comes from another workspace"),
        ({"action_id": "approve"}, "it is no button of ours"),
        ({"nonce": "0" * 32}, "no run waits for an answer to that request"),
        ({"nonce": "BX-TEST"}, "no run waits for an answer to that request"),
    ],
)
def test_a_click_from_elsewhere_or_for_nothing_records_nothing(
    chat: Open, changed: dict[str, str], why: str
) -> None:
    """In a channel that two companies share, the other one's people are nobody of ours."""
    night = chat()
    night.advance()
    before = night.stage.kept.head()
    assert night.forge(ANA, **changed) == 200
    assert night.whys() == [why]
    assert night.stage.kept.head() == before
    assert night.woken == []


@pytest.mark.promise("P17")
def test_a_click_of_another_app_counts_for_nothing(chat: Open) -> None:
    """Where the source names its app."""
    night = chat()
    night.options["app"] = "A0OTHERAPP"
    night.advance()
    night.press(ANA)
    assert night.whys() == ["it comes from another app"]
    assert night.votes() == []


@pytest.mark.promise("P17")
@pytest.mark.parametrize(
    "body", [b"", b"payload=", b"payload=%7B%7D", b"payload=[]&payload=[]", b"{}", b"payload=%ff"]
)
def test_what_is_no_click_is_taken_and_answers_nothing(chat: Open, body: bytes) -> None:
    """Slack is told 200, and the journal stays as it is."""
    night = chat()
    night.advance()
    before = night.stage.kept.head()
    assert night.post(body) == 200
    assert night.stage.kept.head() == before


@pytest.mark.promise("P17")
def test_a_click_that_slack_did_not_sign_never_gets_here(chat: Open) -> None:
    """Another secret, another body, an old time: 401, and nothing is looked at."""
    night = chat()
    night.advance()
    body = night.company.slack.click(ANA, YES)
    now_s = night.stage.clock.now_ms() // 1000
    headers = signed("slack", [secret_for("slack")], body, now_s=now_s)
    assert night.post(body, secret="f" * 32) == 401
    assert night.deliver(headers, body.replace(b"approve", b"deny")) == 401
    assert night.post(body, signed_s=now_s - 301) == 401
    assert (night.votes(), night.whys()) == ([], [])


# --- several at once, and trouble of our own ------------------------------------------------------


@pytest.mark.promise("P11")
def test_many_clicks_at_the_same_instant_are_one_answer_each(chat: Open) -> None:
    """Twenty-four threads, two people, two buttons that say the same: two votes."""
    night = chat(policy=Policy(chat=Chat.ORDINARY, two_people=TwoPeople.EVERY_WRITE, approvals=2))
    night.advance()
    bodies = [night.company.slack.click(user, YES) for user in (ANA, BEN)] * 12
    clicks, gate = night.clicks(), threading.Barrier(len(bodies))

    def click(body: bytes) -> None:
        gate.wait()
        assert clicks("chat", body) == (200, None)

    threads = [threading.Thread(target=click, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(vote[0] for vote in night.votes()) == ["ana", "ben"]
    assert night.advance() is ExitCode.DONE


def test_an_answer_that_cannot_be_recorded_is_not_taken_for_one(chat: Open, tmp_path: Path) -> None:
    """Whoever clicked sees an error: 503, because the journal is not there any more."""
    path = tmp_path / "j" / "journal.db"
    clock = SettableClock()
    journal = SqliteJournal.open(path, keys=MemoryKeys(), clock=clock, create=True, actor=DANA)
    night = chat(journal=journal)
    night.advance()
    path.rename(path.with_name("gone.db"))
    assert night.press(ANA) == 503
    assert night.woken == []
    journal.close()


# --- how a source is set up -----------------------------------------------------------------------


@pytest.mark.promise("P17")
@pytest.mark.parametrize(
    "options",
    [{}, {"team": ""}, {"team": "acme"}, {"team": "U0JANE0001"}, {"team": TEAM, "app": "respond"}],
)
def test_a_source_without_its_workspace_is_refused_at_the_start(options: dict[str, str]) -> None:
    """It says where the id belongs; with nothing but a signing secret any workspace would do."""
    with pytest.raises(NotReadyError) as refused:
        Workspace.of("chat", options)
    assert "app" in options or "[sources.chat]" in refused.value.do


def test_an_app_need_not_be_named() -> None:
    """The signature already says that it is ours."""
    assert Workspace.of("chat", {"team": TEAM}) == replace(Workspace(TEAM, APP), app="")
