"""An office on the night of an incident: Example Co over real HTTP and SMTP, and who works there.

The drivers, the transport and the simulated company are the real ones. In place of the engine
stands as little as can be: it sends what a script wants, remembers answers as the journal does (as
JSON), and looks again until nothing is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.smtp import SmtpPen
from respond.adapters.way import SmtpServer
from respond.company import Company, default_company, serve
from respond.core.plan import write_key
from respond.core.records import replace
from respond.core.script import (
    Again,
    Api,
    Connection,
    Done,
    Effect,
    Keep,
    Me,
    Person,
    PersonRecord,
    Proof,
    RefusedError,
    Reply,
    Write,
)
from respond.core.shapes import encode
from respond.core.values import SecretHandle
from respond.engine.drivers import Look, World, act, look, refusal, still_wanted
from respond.ports import Intent
from respond.testing.settable_clock import SettableClock

RUN = "CK-7F3Q"
ANCHOR = "J1 1284 a91f03d2"


class CrashedError(Exception):
    """The process is gone."""


def taken(keep: Keep, body: Any) -> str:
    """The new secret; where it stands is said rightly, so that it comes whole if it is known."""
    value = keep.take(body)
    redactor = Redactor()
    redactor.register("known", value)
    if value.count(":") == 1:
        redactor.register("known", value.partition(":")[2])
    if "//" not in value:
        assert keep.take(redactor.clean_data(body, but_at=keep.shows_values)) == value
    return value


def is_graver(write: Write[Any], action: Any) -> bool:
    """Whether it does more than its action says. What a sink holds, is the sink's to say."""
    gravity = list(Effect).index
    return write.verb != "store" and gravity(write.effect) > gravity(action.spec.effect)


@dataclass
class Office:
    """Example Co, and somebody at a terminal in it.

    Attributes:
        began: When the run was proposed, in seconds since 1970.
        known: Answers of writes, by key, as the journal has them.
        sent: Writes that left, in order.
        tasks: What a person was asked to do.
        shown: Names of secrets that stood on the screen.
        begun: Steps that have sent a write.
    """

    company: Company
    transport: HttpTransport
    mail: SmtpPen
    clock: SettableClock
    opened: dict[str, str]
    began: int
    changes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    known: dict[str, Any] = field(default_factory=dict)
    sent: list[Write[Any]] = field(default_factory=list)
    tasks: list[Person[Any]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)

    @property
    def story(self) -> Any:
        return self.company.story

    @property
    def connections(self) -> dict[str, Connection]:
        plain = {
            "cio": Connection("cio", "customerio", "48213", options={"account_name": "Example Co"}),
            "cloudflare": Connection("cloudflare", "cloudflare", self.story.cloudflare_account),
            "slack": Connection("slack", "slack", "Example Co"),
            "pager": Connection("pager", "pagerduty", options={"from": self.story.pagerduty_user}),
            "mail": Connection("mail", "email", options={"from": self.story.mail_from}),
            "widgets": Connection("widgets", "http", "the doors"),
            "github": Connection("github", "github", "example-co"),
            "github-app": Connection("github-app", "github", "example-co", options={"app": True}),
            "google": Connection(
                "google",
                "google",
                "example.com",
                identity=self.story.google_identity,
                options={
                    "acts_as": self.story.google_acts_as,
                    "keys_as": self.story.google_iam_account,
                },
            ),
            "entra": Connection(
                "entra",
                "entra",
                "example-co",
                identity=self.story.entra_owner,
                options={"tenant": self.story.entra_tenant, "client_id": self.story.entra_client},
            ),
            "jumpcloud": Connection(
                "jumpcloud", "jumpcloud", "Example Co", identity=self.story.jumpcloud_owner
            ),
            "aws": Connection("aws", "aws", self.story.aws_account, "eu-west-1"),
            "okta": Connection("okta", "okta", "example-co"),
            "scim": Connection(
                "scim",
                "scim",
                "Example Co wiki",
                identity=self.story.scim_owner,
                options={"admin_groups": ["Admins"], "admin_roles": ["admin"]},
            ),
        }
        return {
            name: replace(one, options={**one.options, **self.options.get(name, {})})
            for name, one in plain.items()
            if name not in self.without
        }

    def me(self, action: Any, step: str = "told") -> Me:
        connections = self.connections
        system = action.spec.system
        own = next((c for c in connections.values() if c.system == system), Connection("", system))
        plain = Me(
            run=RUN,
            step=step,
            connection=own,
            connections=connections,
            persons=(
                PersonRecord("dana", "Dana Reyes", ("dana@example.com",), ("admin",)),
                PersonRecord("ana", "Ana Silva", ("ana@example.com",), ("admin",)),
                PersonRecord("ben", "Ben Okafor", ("ben@example.com",), ("admin",)),
                PersonRecord("mal", "Mallory Hart", ("mallory@example.com",), ("admin",)),
                PersonRecord("jean", "Jean Martin", ("jean@example.com",)),
            ),
            operator="dana",
            subject="mallory@example.com",
            suspects=(),
            by_hand=False,
            now=self.began,
            held={},
            digest=lambda value: value,
            runbook="compromised-key",
            anchor=ANCHOR,
            begun=step in self.begun,
        )
        return replace(plain, **self.changes)

    def world(self) -> World:
        return World(self.transport.reader())

    def look(self, action: Any, step: str = "told") -> Look[Any]:
        """One look; what cannot be seen is answered from the journal."""
        seen = {write_key(write) for write in self.sent if write.proof is Proof.SEEN}
        blind = {key: value for key, value in self.known.items() if key not in seen}
        script = action.run(self.me(action, step))
        looked = look(script, self.world(), known=blind, predict=False)
        assert [each.says for each in looked.writes if is_graver(each, action)] == []
        return looked

    def wants(self, action: Any, step: str = "told") -> list[Any]:
        """Bodies of the writes that one look wants."""
        return [body_of(write) for write in self.look(action, step).writes]

    def do(self, action: Any, step: str = "told") -> Done[Any]:
        """Carry an action out, and look until what was written is seen."""
        outcome: Any = Again("")
        sent = len(self.sent)
        while isinstance(outcome, Again):
            script = action.run(self.me(action, step))
            outcome, _ = act(script, self.world(), known=self.known, perform=self.perform)
        if len(self.sent) > sent:
            self.begun.add(step)
        # Most of what lags is there after two seconds; what is not then takes far longer.
        for pause_s in (0, 2, 6, 12, 20):
            self.clock.sleep(pause_s)
            seen = self.look(action, step)
            if not still_wanted(seen):
                return seen.outcome if self.sent else outcome  # type: ignore[return-value]
        assert isinstance(outcome, Done)
        return replace(outcome, says=f"not seen: {outcome.says}")

    def perform(self, write: Write[Any]) -> Any:
        self.sent.append(write)
        if isinstance(write.hands, Person):
            self.tasks.append(write.hands)
            answer = write.hands.answer
        elif write.hands.call.surface == "screen":
            self.shown.append(write.hands.call.body.name)
            answer = None
        else:
            reply = self.send(write.hands)
            try:
                answer = write.hands.parse(reply)
            except RefusedError as error:
                raise refusal(error, write.hands.call) from error
            if write.hands.keep is not None:
                self.keep(write.hands.keep, reply.body)
        self.known[write_key(write)] = encode(answer)
        return answer

    def keep(self, keep: Keep, body: Any) -> None:
        """Hold a secret for the run, as the journal does; its digest is itself here."""
        value = self.opened[keep.handle] = taken(keep, body)
        held = {keep.handle: SecretHandle(keep.handle, digest=value)}
        self.changes["held"] = {**self.changes.get("held", {}), **held}

    def send(self, hands: Api[Any]) -> Reply:
        intent = Intent.mint(seq=len(self.sent) + 1, run=RUN, digest="d")
        pen = self.mail if hands.call.surface == "smtp" else self.transport.pen()
        return pen.send(intent, hands.call, "d")

    def lose(self, action: Any, step: str = "told") -> None:
        """Let the first write take effect, and lose its answer in a crash."""

        def crash(write: Write[Any]) -> Any:
            assert isinstance(write.hands, Api)
            self.send(write.hands)
            raise CrashedError

        with pytest.raises(CrashedError):
            act(action.run(self.me(action, step)), self.world(), known={}, perform=crash)

    def effects(self, kind: str) -> list[Any]:
        return list(self.company.ledger.of(kind))

    def writes(self) -> int:
        return sum(counts["writes"] for counts in self.company.ledger.counts().values())

    def read_by(self, user: str) -> list[str]:
        """Texts of the direct messages with somebody in Slack."""
        return [
            message.text
            for place in self.company.slack.state.conversations
            if place.is_im and user in place.members
            for message in place.messages
        ]


def body_of(write: Write[Any]) -> Any:
    """What a write says to the system, or the person's task."""
    return write.hands.call.body if isinstance(write.hands, Api) else write.hands.about


@dataclass
class _Credentials:
    values: Mapping[str, str]

    def credential(self, connection: str) -> str:
        return self.values[connection]


@pytest.fixture
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    """Of Example Co only the system stands there that the test is about, or those of its module."""
    clock = SettableClock()
    about = getattr(request.node, "callspec", None)
    params = about.params if about is not None else {}
    one = params.get("system") or getattr(params.get("case"), "system", None)
    # Only what waits for a time limit has a short one: half a second is nothing on a busy machine.
    scale = 0.1 if "timeout" in str(params.get("fault")) else 1.0
    company = default_company(clock=clock, only=(one,) if one else request.module.SYSTEMS)
    story = company.story
    opened: dict[str, str] = {}
    redactor = Redactor()
    credentials = _Credentials(
        {
            "cloudflare": story.cloudflare_token,
            "cloudflare-user": story.cloudflare_user_token,
            "slack": story.slack_bot_token,
            "pager": story.pagerduty_key,
            "pager/events": story.pagerduty_routing_key,
            "widgets": story.widgets_token,
            "google": story.google_token,
            "google/iam": story.google_iam_token,
            "google-file": story.google_key_file,
            "google-file/iam": story.google_iam_file,
            "entra": story.entra_secret,
            "entra-two": story.entra_second_secret,
            "jumpcloud": story.jumpcloud_key,
            "jumpcloud-app": f"{story.jumpcloud_client}:{story.jumpcloud_client_secret}",
            "aws": story.aws_credential,
            "okta": story.okta_token,
            "okta-app": story.okta_private_key,
            "github": story.github_token,
            "github-app": story.github_private_key,
            "mail": story.smtp_password,
            "scim": story.scim_token,
            "scim-b": story.scim_second_token,
        }
    )

    def opener(handle: SecretHandle) -> str:
        return opened[handle.name]

    with (
        serve(company) as server,
        HttpTransport(
            _endpoints(server.urls, story),
            credentials,
            opener,
            clock,
            user_agent="respond/test",
            redactor=redactor,
            timeout_scale=scale,
        ) as transport,
    ):
        postfix = SmtpServer(
            "mail", "127.0.0.1", server.smtp_port, user=story.smtp_user, loopback_ok=True
        )
        pen = SmtpPen({"mail": postfix}, credentials, clock, redactor, timeout_scale=scale)
        yield Office(company, transport, pen, clock, opened, clock.now_ms() // 1000)


_SERVICE_APP = {
    "read_scopes": "okta.users.read okta.logs.read",
    "write_scopes": "okta.users.manage",
}
"""What its service app was granted in Okta."""


_JUMPCLOUD = dict.fromkeys(("v1", "v2", "insights", "oauth"), "jumpcloud")
_BELOW = {
    ("jumpcloud", "v1"): "/api",
    ("jumpcloud", "v2"): "/api/v2",
    ("jumpcloud", "insights"): "/insights/directory/v1",
    ("slack", "api"): "/api",
}
"""Where a surface begins below its address."""
_GOOGLE = {each: f"google/{each}" for each in ("admin", "iam", "token")}


def _options(system: str, story: Any) -> dict[str, str]:
    """What the scheme of a connection wants to know."""
    match system:
        case "aws":
            return {"region": "eu-west-1"}
        case "entra":
            return {"tenant": story.entra_tenant, "client_id": story.entra_client}
        case "github":
            return {"identity": story.github_app, "installation": story.github_installation}
        case "google":
            return {"acts_as": story.google_acts_as}
        case "okta":
            return {"identity": story.okta_client, **_SERVICE_APP}
        case _:
            return {"from": story.pagerduty_user}


def _endpoints(urls: Mapping[str, str], story: Any) -> dict[str, Endpoint]:
    """Those that lead to a system that stands there."""
    every = (
        ("cloudflare", "cloudflare", {"api": "cloudflare"}, ""),
        ("cloudflare-user", "cloudflare", {"api": "cloudflare"}, ""),
        ("slack", "slack", {"api": "slack"}, "slack"),
        ("pager", "pagerduty", {"rest": "pagerduty/rest", "events": "pagerduty/events"}, ""),
        ("widgets", "http", {"http": "widgets"}, "bearer"),
        ("google", "google", _GOOGLE, "google-token"),
        ("google-file", "google", _GOOGLE, ""),
        *(
            (name, "entra", {"graph": "entra/graph", "login": "entra/login"}, "")
            for name in ("entra", "entra-two")
        ),
        ("jumpcloud", "jumpcloud", _JUMPCLOUD, ""),
        ("jumpcloud-app", "jumpcloud", _JUMPCLOUD, "jumpcloud-oauth"),
        ("aws", "aws", {name: f"aws/{name}" for name in ("iam", "sts", "secrets")}, ""),
        ("okta", "okta", {"http": "okta"}, ""),
        ("okta-app", "okta", {"http": "okta"}, "okta-oauth"),
        ("github", "github", {"rest": "github"}, ""),
        ("github-app", "github", {"rest": "github"}, "github-app"),
        ("scim", "scim", {"http": "scim/wiki/v2"}, ""),
        ("scim-b", "scim", {"http": "scim/wiki/v2"}, ""),
    )
    return {
        name: Endpoint(
            name,
            system,
            {
                surface: f"{urls[place]}{_BELOW.get((system, surface), '')}"
                for surface, place in places.items()
            },
            auth or system,
            loopback_ok=True,
            options=_options(system, story),
        )
        for name, system, places, auth in every
        if urls.keys() >= set(places.values())
    }
