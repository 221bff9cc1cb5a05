"""Example Co over real HTTP, and hands that do what an action wants, for tests of actions.

The drivers, the transport and the simulated company are the real ones. What stands here in place
of the engine is as small as it can be: it sends what a script wants, remembers what was done, lets
a person do what is theirs, and looks again until nothing is wanted.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.systems.conftest import is_graver, taken

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.sealing import describe_secret
from respond.company import Company, console, default_company, serve
from respond.core.plan import write_key
from respond.core.script import (
    Again,
    Connection,
    Done,
    Me,
    NotYet,
    Person,
    PersonRecord,
    Proof,
    Reply,
    Write,
)
from respond.core.shapes import encode
from respond.core.values import SecretHandle
from respond.engine.drivers import Look, World, act, look, still_wanted
from respond.ports import Intent
from respond.testing.settable_clock import SettableClock

ALL_GUESSES = frozenset(
    f"customerio.{name}"
    for name in (
        "app_keys.delete",
        "track_keys.create",
        "track_keys.delete",
        "write_keys.delete",
        "sources.update",
        "service_accounts.list",
        "sa_tokens.create",
        "sa_tokens.revoke",
        "members.add",
        "members.update",
        "members.remove",
    )
)


@dataclass
class Night:
    """Example Co on the night of the incident, and somebody who works through it."""

    company: Company
    transport: HttpTransport
    clock: SettableClock
    opened: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    can: frozenset[str] = frozenset()
    by_hand: bool = False
    suspects: tuple[str, ...] = ()
    subject: str = ""
    identity: str = "respond-ir"
    held: dict[str, SecretHandle] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    sent: list[Write[Any]] = field(default_factory=list)
    tasks: list[Person[Any]] = field(default_factory=list)

    @property
    def story(self) -> Any:
        return self.company.story

    def digest(self, value: str) -> str:
        return hmac.new(b"a key of this test", value.encode(), hashlib.sha256).hexdigest()

    def secret(self, name: str, value: str) -> SecretHandle:
        """A handle of a value, as a hidden prompt would make it."""
        self.opened[name] = value
        return describe_secret(name, value, self.digest(value))

    def me(self, step: str = "step") -> Me:
        one = Connection(
            "cio",
            "customerio",
            account=str(self.story.account_id),
            region=self.story.region,
            identity=self.identity,
            options={"account_name": "Example Co", **self.options},
            can=self.can,
        )
        others = {
            "kv": Connection("kv", "vault"),
            "deploy": Connection("deploy", "command", options={"argv": ["put-secret", "backend"]}),
        }
        persons = (
            PersonRecord("dana", "Dana", ("dana@example.com",), ("admin",)),
            PersonRecord("glass", "Break glass", ("glass@example.com",), ("break-glass",)),
        )
        return Me(
            run="CK-7F3Q",
            step=step,
            connection=one,
            connections={"cio": one, **others},
            persons=persons,
            operator="dana",
            subject=self.subject,
            suspects=self.suspects,
            by_hand=self.by_hand,
            now=self.clock.now_ms() // 1000,
            held=self.held,
            digest=self.digest,
        )

    def look(self, action: Any, step: str = "step", world: World | None = None) -> Look[Any]:
        """One look, as in a dry run."""
        blind = {k: v for k, v in self.known.items() if k not in self._seen_keys}
        looked = look(
            action.run(self.me(step)), world or self.world(), known=blind, predict=world is not None
        )
        assert [each.says for each in looked.writes if is_graver(each, action)] == []
        return looked

    def world(self) -> World:
        return World(self.transport.reader())

    @property
    def _seen_keys(self) -> set[str]:
        return {write_key(w) for w in self.sent if w.proof is Proof.SEEN}

    def do(self, action: Any, step: str = "step", *, patience: int = 20) -> Done[Any] | NotYet:
        """Carry an action out and look until it is seen; what is asked of a person is done."""
        for _ in range(patience):
            outcome, _ = act(
                action.run(self.me(step)), self.world(), known=self.known, perform=self._perform
            )
            if isinstance(outcome, Again):
                continue
            seen = self.look(action, step)
            if isinstance(seen.outcome, Done) and not still_wanted(seen):
                return seen.outcome
            self.clock.sleep(getattr(outcome, "every_s", 1))
        assert isinstance(outcome, Done | NotYet)
        return outcome

    def _perform(self, write: Write[Any]) -> Any:
        self.sent.append(write)
        if isinstance(write.hands, Person):
            answer: Any = self._person(write.hands)
        elif write.hands.call.surface in {"own", "screen", "command"}:
            answer = write.hands.parse(Reply(200, {}, None))
        else:
            answer = self._send(write)
        self.known[write_key(write)] = encode(answer)
        return answer

    def _person(self, person: Person[Any]) -> Any:
        self.tasks.append(person)
        shown = console.do(self.company, person.task, dict(person.about))
        if person.keep:
            site = shown.get("site_id")
            self.keep(person.keep, f"{site}:{shown['value']}" if site else shown["value"])
        return person.answer

    def _send(self, write: Write[Any]) -> Any:
        hands = write.hands
        assert not isinstance(hands, Person)
        intent = Intent.mint(seq=len(self.sent), run="CK-7F3Q", digest="d")
        reply = self.transport.pen().send(intent, hands.call, "d")
        if hands.keep is not None:
            self.keep(hands.keep.handle, taken(hands.keep, reply.body))
        return hands.parse(reply)

    def keep(self, name: str, value: str) -> None:
        self.held[name] = self.secret(name, value)

    def lose(self, action: Any, step: str = "step") -> None:
        """Let the first write take effect, and crash before its answer is written down."""

        def crash(write: Write[Any]) -> Any:
            assert not isinstance(write.hands, Person)
            intent = Intent.mint(seq=0, run="CK-7F3Q", digest="d")
            self.transport.pen().send(intent, write.hands.call, "d")
            raise CrashedError

        with pytest.raises(CrashedError):
            act(action.run(self.me(step)), self.world(), known={}, perform=crash)

    def effects(self, kind: str) -> int:
        return len(self.company.ledger.of(kind))

    def writes(self) -> int:
        return sum(counts["writes"] for counts in self.company.ledger.counts().values())


class CrashedError(Exception):
    """The process is gone."""


def _endpoints(urls: Mapping[str, str]) -> dict[str, Endpoint]:
    surfaces = {
        name.removeprefix("customerio/"): url
        for name, url in urls.items()
        if name.startswith("customerio/")
    }
    own = {kind: surfaces[f"eu/{kind}"] for kind in ("management", "app", "track")}
    return {
        "cio": Endpoint("cio", "customerio", {**surfaces, **own}, "customerio", loopback_ok=True),
        "kv": Endpoint("kv", "vault", {"http": urls["vault"]}, "vault", loopback_ok=True),
    }


@dataclass
class _Credentials:
    values: Mapping[str, str]

    def credential(self, connection: str) -> str:
        return self.values[connection]


def _night(*, guess_routes: bool) -> Iterator[Night]:
    clock = SettableClock()
    company = default_company(guess_routes=guess_routes, clock=clock, only=("customerio", "vault"))
    story = company.story
    opened: dict[str, str] = {}
    own = {"cio": story.write_token, "cio/app": story.app_key, "kv": story.vault_token}
    with (
        serve(company) as server,
        HttpTransport(
            _endpoints(server.urls),
            _Credentials(own),
            lambda handle: opened[handle.name],
            clock,
            user_agent="respond/test",
            redactor=Redactor(),
            timeout_scale=0.2,
        ) as transport,
    ):
        can = ALL_GUESSES if guess_routes else frozenset()
        yield Night(company, transport, clock, opened, can=can)


@pytest.fixture
def night() -> Iterator[Night]:
    """The account hides what nobody confirmed; a person does that."""
    yield from _night(guess_routes=False)


@pytest.fixture
def open_night() -> Iterator[Night]:
    """The account has every candidate route, and discovery has found them."""
    yield from _night(guess_routes=True)


@pytest.fixture(params=["by hand", "by API"])
def either(request: pytest.FixtureRequest) -> Iterator[Night]:
    """Both accounts in turn: what a person does and what the tool does come to the same."""
    yield from _night(guess_routes=request.param == "by API")
