"""A store or a list that is hostile: its answer has our own credential in one more place.

Each place of each answer that shows values, one at a time, over real HTTP and the company's own
programs.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.systems.stores.conftest import Runner, SinkBench

from respond.adapters.command import Ran
from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.company import Company, default_company, serve
from respond.company.bitwarden import guid
from respond.core.plan import planned_write, write_key
from respond.core.records import replace
from respond.core.redact import forms
from respond.core.script import Connection, Done, Me, Script
from respond.core.shapes import encode
from respond.engine.drivers import World, look
from respond.errors import RespondError
from respond.systems.customerio.facts import KeyId, KeyRef
from respond.systems.customerio.reading import key_rows
from respond.systems.google.two_step import MakeGoogleBackupCodes
from respond.systems.okta.client_secrets import secrets_of
from respond.systems.sinks.sink import sink_of
from respond.testing.loopback import FixedSecrets

_PIECE = 8

Path = tuple[str | int, ...]
Wanted = Callable[[Me, Any], Script[Any]]


def stored(place: str) -> Wanted:
    """What an action does that brings a secret there."""

    def script(me: Me, _: Any) -> Script[Any]:
        sink = sink_of(place, me)
        seen = yield from sink.look(me, None)
        yield from sink.deliver(me, replace(seen, known=seen.current), me.handle("v"), "a key")
        return Done(seen, says=seen.says)

    return script


def listed(rows: Callable[[Me, Any], Any]) -> Wanted:
    """What an action sees of a list."""

    def script(me: Me, story: Any) -> Script[Any]:
        seen = yield from rows(me, story)
        return Done(seen, says=f"{len(seen)} of them")

    return script


@dataclass(frozen=True)
class Case:
    """One answer that shows values.

    Attributes:
        script: What looks at it.
        at: In the request for it.
        values: Where values stand; a star is any name or number.
        compared: The one that is compared, of those.
        credential: Attribute of the story with what we come with.
        surfaces: Places of the company, by surface; empty: it is a program.
        coded: Values stand in base64.
    """

    script: Wanted
    at: str
    values: tuple[str, ...]
    compared: Path
    credential: str
    surfaces: tuple[tuple[str, str], ...] = ()
    auth: str = ""
    coded: bool = False
    whole: Callable[[Any], str] | None = None


CASES = {
    "vault": Case(
        stored("vault:vault:kv/cio/backend#api_key"),
        "/data/cio/backend",
        ("data.data.*",),
        ("data", "data", "api_key"),
        "vault_token",
        (("http", "vault"),),
    ),
    "kubernetes": Case(
        stored("kubernetes:kubernetes:prod/cio-backend#API_KEY"),
        "/secrets/cio-backend",
        ("data.*",),
        ("data", "API_KEY"),
        "kubernetes_token",
        (("http", "kubernetes"),),
        coded=True,
    ),
    "aws": Case(
        stored("aws:aws:app/key"),
        "GetSecretValue",
        ("SecretString",),
        ("SecretString",),
        "aws_credential",
        (("secrets", "aws/secrets"),),
    ),
    "okta": Case(
        listed(lambda me, story: secrets_of(me, story.okta_app)),
        "/credentials/secrets",
        ("*.client_secret",),
        (0, "client_secret"),
        "okta_token",
        (("http", "okta"),),
    ),
    "customerio": Case(
        listed(lambda me, _: key_rows(me, KeyRef.of(KeyId("write/190001/31/7101")))),
        "/api_keys",
        ("api_keys.*.api_key",),
        ("api_keys", 0, "api_key"),
        "write_token",
        (("management", "customerio/eu/management"),),
    ),
    "google": Case(
        lambda me, story: MakeGoogleBackupCodes(story.google_mallory).run(me),
        "/verificationCodes",
        ("items.*.verificationCode",),
        ("items", 0, "verificationCode"),
        "google_token",
        (("admin", "google/admin"),),
        auth="google-token",
        whole=lambda body: " ".join(row["verificationCode"] for row in body["items"]),
    ),
    "onepassword": Case(
        stored("onepassword:onepassword:Prod/cio-backend#credential"),
        "item get",
        ("fields.*.value",),
        ("fields", 2, "value"),
        "onepassword_token",
    ),
    "bitwarden": Case(
        stored(f"bitwarden:bitwarden:{guid('cio-backend')}#password"),
        "get item",
        ("login.password", "fields.*.value"),
        ("login", "password"),
        "bitwarden_session",
    ),
}


@dataclass
class Teller:
    """A system that says something else where it shows values.

    Attributes:
        body: What it would have said last.
        spoil: What is said instead, at which place; None: nothing.
    """

    case: Case
    body: Any = None
    spoil: tuple[Path, Any] | None = None

    def told(self, request: str, text: str | bytes) -> bytes:
        if self.case.at not in request:
            return text.encode() if isinstance(text, str) else text
        self.body = json.loads(text)
        said = copy.deepcopy(self.body)
        if self.spoil is not None:
            path, instead = self.spoil
            part = said
            for name in path[:-1]:
                part = part[name]
            part[path[-1]] = instead
        return json.dumps(said).encode()


@dataclass
class Heard:
    """Somebody who looks there, and all that comes of it."""

    case: Case
    company: Company
    bench: SinkBench
    system: str
    teller: Teller

    @property
    def token(self) -> str:
        return str(getattr(self.company.story, self.case.credential))

    def of(self, spoil: tuple[Path, Any] | None = None) -> str:
        """All that a plan, the journal and a screen could have of one look."""
        self.teller.spoil = spoil
        me = replace(self.bench.me(), connection=self.bench.connections[self.system])
        try:
            script = self.case.script(me, self.company.story)
            seen = look(script, World(self.bench.reader), known={}, predict=False)
        except RespondError as error:
            return "\n".join(traceback.format_exception(error)) + repr(vars(error))
        planned = [encode(planned_write(write, write_key(write))) for write in seen.writes]
        return f"{seen!r}\n{json.dumps(planned)}\n{json.dumps(encode(seen.outcome))}"


def _over_http(heard: Heard, leave: contextlib.ExitStack) -> None:
    case, name = heard.case, heard.system
    system = getattr(heard.company, name)
    answer = system.answer

    def told(request: Any) -> Any:
        reply = answer(request)
        asked = f"{request.path} {request.header('x-amz-target')}"
        return replace(reply, body=heard.teller.told(asked, reply.body))

    system.answer = told
    server = leave.enter_context(serve(heard.company))
    urls = {surface: server.urls[place] for surface, place in case.surfaces}
    story = heard.company.story
    options = {"region": "eu-west-1"} if name == "aws" else {}
    own = {"acts_as": story.google_acts_as} if name == "google" else {}
    transport = HttpTransport(
        {name: Endpoint(name, name, urls, case.auth or name, loopback_ok=True, options=options)},
        FixedSecrets({name: heard.token}),
        lambda handle: heard.bench.opened[handle.name],
        heard.bench.clock,
        user_agent="respond/test",
        redactor=Redactor(),
    )
    heard.bench.reader = leave.enter_context(transport).reader()
    heard.bench.connections[name] = Connection(name, name, region="eu-west-1", options=own)


def _by_program(heard: Heard) -> None:
    runner = Runner(getattr(heard.company, heard.system))

    def runs(argv: Any, **more: Any) -> Ran:
        ran = runner(argv, **more)
        return replace(ran, output=heard.teller.told(" ".join(argv), ran.output))

    heard.bench.through(heard.system, heard.system, {heard.system: heard.token}, runs)


@pytest.fixture
def heard(bench: SinkBench, system: str) -> Iterator[Heard]:
    case = CASES[system]
    company = default_company(clock=bench.clock, only=(system,))
    made = Heard(case, company, bench, system, Teller(case))
    with contextlib.ExitStack() as leave:
        if case.surfaces:
            _over_http(made, leave)
        else:
            _by_program(made)
        made.of()
        yield made


def places(part: Any, path: Path = ()) -> Iterator[Path]:
    """Where something stands that is no container, and where there is an empty one."""
    inside = part.items() if isinstance(part, dict) else enumerate(part)
    for name, each in inside:
        if isinstance(each, dict | list) and each:
            yield from places(each, (*path, name))
        else:
            yield (*path, name)


def is_value(case: Case, path: Path) -> bool:
    """Whether values stand there."""
    for form in case.values:
        names = form.split(".")
        fits = zip(names, path, strict=False)
        if len(names) == len(path) and all(n in {"*", str(p)} for n, p in fits):
            return True
    return False


def shows(text: str, token: str) -> list[str]:
    """How the credential stands in it, or a piece of it: what is shown may have been cut."""
    pieces = {token[n : n + _PIECE] for n in range(len(token) - _PIECE + 1)}
    coded = base64.b64encode(token.encode()).decode()
    return [each for each in (*forms(token), coded[:_PIECE], *pieces) if each in text]


@pytest.mark.promise("P22")
@pytest.mark.parametrize("system", CASES)
def test_our_credential_told_back_anywhere_is_shown_nowhere(heard: Heard) -> None:
    """Whole, in base64, inside of a longer text, at each place in turn; values or not."""
    found = list(places(heard.teller.body))
    assert any(is_value(heard.case, path) for path in found)
    assert not all(is_value(heard.case, path) for path in found)
    coded = base64.b64encode(heard.token.encode()).decode()

    for path in found:
        for said in (heard.token, coded, f"it is {heard.token}, or so"):
            assert shows(heard.of((path, said)), heard.token) == [], path


@pytest.mark.promise("P22")
@pytest.mark.parametrize("system", CASES)
def test_what_stands_where_values_do_is_compared(heard: Heard) -> None:
    """A store that holds our own credential is seen to: by the digest of it, not of its mark."""
    case, body = heard.case, copy.deepcopy(heard.teller.body)
    value = heard.token
    said = base64.b64encode(value.encode()).decode() if case.coded else value
    part: Any = body
    for name in case.compared[:-1]:
        part = part[name]
    part[case.compared[-1]] = said

    digest = heard.bench.digest(case.whole(body) if case.whole else value)

    assert digest[:12] in heard.of((case.compared, said))
    assert digest[:12] not in heard.of()


@pytest.mark.parametrize(
    ("system", "place", "said"),
    [("vault", ("data", "metadata", "version"), "7"), ("onepassword", ("id",), "another")],
)
def test_what_was_not_asked_for_is_no_answer(heard: Heard, place: Path, said: str) -> None:
    """A version that is a text, and another item: an error of ours that names the system."""
    assert "NoAnswerError" in heard.of((place, said))
