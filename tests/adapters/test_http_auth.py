import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs

import pytest

from respond.adapters.http.auth import AccessSession, NotTradedError, session_from, signed
from respond.adapters.http.transport import HttpTransport
from respond.company.assertions import PRIVATE_KEY, claims_of
from respond.core.script import AuthBasic, AuthBearer, Call, DrawnSecret, OwnCredential
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError, UsageError
from respond.ports import Intent
from respond.systems.vendor import EVERY_SURFACE, Assertion, Scheme, SentAs, Trade, Vendor
from respond.testing.loopback import CannedAnswer, FixedSecrets, Loopback, page, says, transport_to
from respond.testing.settable_clock import THE_NIGHT_MS, SettableClock

EXCHANGE = "POST /v1/service_accounts/oauth/token"
READ = Call("cio", "management", "GET", ("v1", "accounts", "current"))
WRITE = Call("cio", "management", "DELETE", ("v1", "accounts", "7", "users", "9"))
SURFACES = ("management", "eu/management", "app", "eu/app", "track", "cdp")
GONE = CannedAnswer(204, b"")


def a_session(token: str = "session-token-1", **more: Any) -> CannedAnswer:  # noqa: S107 - a canary
    return says({"access_token": token, "token_type": "Bearer", "scope": "read_only", **more})


def jwt(exp: int) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).rstrip(b"=").decode()
    return f"e30.{claims}.c2ln"


class World:
    """A loopback server, a clock, and transports to it with every credential set."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.server = stack.enter_context(Loopback())
        self.clock = SettableClock()
        self.secrets = FixedSecrets(
            {
                "cio": "sa_live_of_ours",
                "cio/app": "app-key-of-ours",
                "cio/track": "site1:track-key-of-ours",
                "cio/cdp": "write-key-of-ours",
                "pd": "pagerduty-key-1",
                "pd/events": "routing-key-of-ours",
                "chat": "xoxb-of-ours",
                "vault": "hvs.of-ours",
                "leaked": "leaked-value",
                "leaked-pair": "site9:leaked-key",
            }
        )

    def to(self, connection: str, system: str, *surfaces: str, **more: Any) -> HttpTransport:
        return self._stack.enter_context(
            transport_to(
                self.server.url,
                self.secrets,
                system=system,
                connection=connection,
                surfaces=surfaces or SURFACES,
                clock=self.clock,
                **more,
            )
        )

    def customerio(self) -> HttpTransport:
        return self.to("cio", "customerio")

    def header(self, number: int, name: str = "authorization") -> str | None:
        return self.server.received[number].headers.get(name)


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


def intent() -> Intent:
    return Intent.mint(seq=1, run="CK-1", digest="d")


# --- Customer.io: a session for a token --------------------------------------------------------


@pytest.mark.promise("P5")
def test_a_reader_gets_a_session_that_can_only_read(world: World) -> None:
    """One exchange with scope read_only serves many reads."""
    reader = world.customerio().reader()
    world.server.will(a_session(), says({"a": 1}), says({"a": 2}))

    assert reader.fetch(READ).body == {"a": 1}
    assert reader.fetch(READ).body == {"a": 2}
    assert world.server.lines == [EXCHANGE, *["GET /v1/accounts/current"] * 2]
    assert world.server.received[0].body == (
        b"grant_type=client_credentials&client_secret=sa_live_of_ours&scope=read_only"
    )
    assert world.header(0) is None
    assert world.header(1) == "Bearer session-token-1"


@pytest.mark.promise("P5")
@pytest.mark.parametrize("scope", [None, "", "full", "read_only2", ["read_only"], 7])
def test_a_session_that_may_write_is_not_given_to_a_reader(world: World, scope: object) -> None:
    """Unless read_only comes back, the read is not sent at all."""
    world.server.will(a_session(scope=scope))

    with pytest.raises(RefusedBySystemError, match="no session") as caught:
        world.customerio().reader().fetch(READ)
    assert "read_only was not confirmed" in caught.value.why
    assert caught.value.do == "respond connect cio"
    assert world.server.lines == [EXCHANGE]


def test_a_pen_gets_a_session_without_a_scope_and_asks_for_strict_bodies(world: World) -> None:
    """Writes go with a session of their own and X-Validate; reads without that header."""
    transport = world.customerio()
    world.server.will(says({"access_token": "writing-session"}), GONE, a_session(), says({}))

    transport.pen().send(intent(), WRITE, "d")
    transport.reader().fetch(READ)
    assert b"scope" not in world.server.received[0].body
    assert world.header(1) == "Bearer writing-session"
    assert world.header(1, "x-validate") == "strict"
    assert world.header(3) == "Bearer session-token-1"
    assert world.header(3, "x-validate") is None


@pytest.mark.parametrize(
    ("token", "more", "good_s"),
    [
        (jwt(THE_NIGHT_MS // 1000 + 600), {"expires_in": 9999}, 540),
        ("opaque-session", {"expires_in": 900}, 840),
        ("opaque-session", {}, 54 * 60),
        ("a.b.c", {"expires_in": "soon"}, 54 * 60),
        (jwt(1), {}, 30),
    ],
)
def test_a_session_is_renewed_a_minute_early(
    world: World, token: str, more: dict[str, Any], good_s: int
) -> None:
    """Its own expiry counts first, then what the answer says, then 55 minutes."""
    reader = world.customerio().reader()
    world.server.will(a_session(token, **more), says({}), says({}), a_session(), says({}))

    reader.fetch(READ)
    world.clock.advance(good_s - 1)
    reader.fetch(READ)
    assert world.server.lines.count(EXCHANGE) == 1
    world.clock.advance(1)
    reader.fetch(READ)
    assert world.server.lines.count(EXCHANGE) == 2


def test_a_read_that_meets_a_dead_session_gets_another_one_once(world: World) -> None:
    """An unexpected 401 leads to one more exchange and one more try."""
    reader = world.customerio().reader()
    world.server.will(
        a_session("old-session"), says({}, 401), a_session("new-session"), says({"a": 1})
    )

    assert reader.fetch(READ).body == {"a": 1}
    assert [world.header(1), world.header(3)] == ["Bearer old-session", "Bearer new-session"]


def test_reads_that_meet_a_dead_session_together_get_another_one_once(world: World) -> None:
    """Who meets it second finds it replaced, and drops nothing: one exchange for all."""
    reader = world.customerio().reader()
    world.server.will(a_session("old-session"), says({}))
    reader.fetch(READ)
    both_are_there = threading.Barrier(2)

    def dead() -> Iterator[bytes]:
        both_are_there.wait(10)
        yield b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"

    world.server.will(CannedAnswer(raw=dead()), CannedAnswer(raw=dead()))
    world.server.will(a_session("new-session"), says({"a": 1}), says({"a": 1}))

    with ThreadPoolExecutor(2) as pool:
        assert [reply.body for reply in pool.map(reader.fetch, [READ, READ])] == [{"a": 1}] * 2
    assert world.server.lines.count(EXCHANGE) == 2


def test_a_read_that_is_refused_twice_is_refused(world: World) -> None:
    """When a fresh session is refused as well, the credential is at fault."""
    reader = world.customerio().reader()
    world.server.will(a_session("one-session"), says({}, 401), a_session("two-session"))
    world.server.will(says({"error": "unauthorized"}, 401))

    with pytest.raises(RefusedBySystemError, match="the credential 'cio' is not accepted"):
        reader.fetch(READ)
    assert len(world.server.received) == 4


@pytest.mark.promise("P2")
def test_a_write_that_meets_a_dead_session_is_left_to_the_engine(world: World) -> None:
    """The pen sends once; a new intent then goes with a new session, and no third time."""
    pen = world.customerio().pen()
    world.server.will(a_session("one-session"), says({}, 401))
    with pytest.raises(RefusedBySystemError) as caught:
        pen.send(intent(), WRITE, "d")
    assert caught.value.again
    assert len(world.server.received) == 2

    world.server.will(a_session("two-session"), says({}, 401))
    with pytest.raises(RefusedBySystemError) as caught:
        pen.send(intent(), WRITE, "d")
    assert not caught.value.again
    assert [world.header(1), world.header(3)] == ["Bearer one-session", "Bearer two-session"]


def test_a_dead_token_says_how_to_replace_it(world: World) -> None:
    """The exchange's own 401 names the credential and the way on."""
    world.server.will(says({"error": "invalid_client", "error_description": "bad"}, 401))

    with pytest.raises(RefusedBySystemError) as caught:
        world.customerio().reader().fetch(READ)
    assert caught.value.code == "401"
    assert caught.value.why == (
        "the credential 'cio' is not accepted; it says: invalid_client; bad"
    )
    assert caught.value.do == "respond connect cio"
    assert caught.value.by_hand


@pytest.mark.promise("P6")
@pytest.mark.parametrize("answer", [CannedAnswer(cut=0), says({}, 503), says({}, 429)])
def test_trouble_with_the_exchange_is_no_unknown_write(world: World, answer: CannedAnswer) -> None:
    """Before there is a session the write has not left, so nothing has happened."""
    world.server.will(answer)

    with pytest.raises(RefusedBySystemError) as caught:
        world.customerio().pen().send(intent(), WRITE, "d")
    assert caught.value.again
    assert caught.value.request == WRITE.says
    assert world.server.lines == [EXCHANGE]


def test_a_read_tries_the_exchange_again_too(world: World) -> None:
    """A 503 from the exchange is waited out like any other."""
    world.server.will(says({}, 503, Retry_After="3"), a_session(), says({"a": 1}))

    assert world.customerio().reader().fetch(READ).body == {"a": 1}
    assert world.clock.slept == [3]


def test_many_threads_share_one_exchange(world: World) -> None:
    """The exchange is rate limited by address: parallel reads wait for one session."""
    reader = world.customerio().reader()
    world.server.will(a_session())
    threads = [threading.Thread(target=reader.fetch, args=(READ,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.server.lines.count(EXCHANGE) == 1
    assert len(world.server.received) == 9


def test_each_surface_has_its_own_credential(world: World) -> None:
    """App API, Track API and ingest take keys of their own, in every region."""
    reader = world.customerio().reader()
    for surface in ("app", "eu/app", "track", "cdp"):
        reader.fetch(Call("cio", surface, "GET", ("a",)))

    pair = base64.b64encode(b"site1:track-key-of-ours").decode()
    key = base64.b64encode(b"write-key-of-ours:").decode()
    assert [world.header(number) for number in range(4)] == [
        "Bearer app-key-of-ours",
        "Bearer app-key-of-ours",
        f"Basic {pair}",
        f"Basic {key}",
    ]


def test_a_value_under_test_is_never_exchanged(world: World) -> None:
    """A probe goes as it is, is not cached, and a 401 brings no second try."""
    reader = world.customerio().reader()
    probe = Call("cio", "management", "GET", ("a",), auth=AuthBearer(SecretHandle("leaked")))
    pair = Call("cio", "track", "GET", ("a",), auth=AuthBasic(SecretHandle("leaked-pair")))
    world.server.will(says({}, 401), says({}, 401))
    for call in (probe, pair):
        with pytest.raises(RefusedBySystemError, match="that was tried is not accepted"):
            reader.fetch(call)

    assert world.server.lines == ["GET /a", "GET /a"]
    assert world.header(0) == "Bearer leaked-value"
    assert world.header(1) == f"Basic {base64.b64encode(b'site9:leaked-key').decode()}"


# --- Okta: a session for what a private key signs ------------------------------------------------

ORG_READ = Call("org", "http", "GET", ("api", "v1", "users", "00u1"))
ORG_WRITE = Call("org", "http", "POST", ("api", "v1", "users", "00u1", "lifecycle", "suspend"))
GRANTED = {"read_scopes": "okta.users.read okta.logs.read", "write_scopes": "okta.users.manage"}


def an_org(world: World, **options: str) -> HttpTransport:
    world.secrets = FixedSecrets({"org": PRIVATE_KEY})
    named = {"identity": "0oaservice1", **GRANTED, **options}
    return world.to("org", "okta", "http", auth="okta-oauth", options=named)


def sent_form(world: World, number: int) -> dict[str, str]:
    body = world.server.received[number].body.decode()
    return {name: values[0] for name, values in parse_qs(body).items()}


@pytest.mark.promise("P5", "P17")
def test_a_private_key_signs_and_stays_here(world: World) -> None:
    """A reader asks for what only reads, and insists on it; the key is in no request."""
    world.server.will(a_session(scope=GRANTED["read_scopes"]), says({"a": 1}))

    assert an_org(world, key_id="kid1").reader().fetch(ORG_READ).body == {"a": 1}
    form = sent_form(world, 0)
    claims = claims_of(
        form["client_assertion"],
        audience=f"{world.server.url}/oauth2/v1/token",
        now=world.clock.now_ms() / 1000,
    )
    assert claims is not None
    assert (claims["iss"], claims["sub"]) == ("0oaservice1", "0oaservice1")
    assert form["scope"] == GRANTED["read_scopes"]
    assert world.header(1) == "Bearer session-token-1"
    inside = "".join(PRIVATE_KEY.splitlines()[1:3])
    assert not any(inside.encode() in each.body for each in world.server.received)


def test_each_assertion_is_another_one() -> None:
    """Who caught one on its way cannot use it again where the vendor remembers them."""
    made = [signed(Assertion({}), PRIVATE_KEY, {}, now_s=1) for _ in range(2)]
    assert made[0].text != made[1].text


@pytest.mark.promise("P5")
def test_a_session_that_confirms_less_than_it_was_asked_for_is_none(world: World) -> None:
    """Each scope counts: one of two is not both."""
    world.server.will(a_session(scope="okta.users.read"))

    with pytest.raises(RefusedBySystemError, match="no session"):
        an_org(world).reader().fetch(ORG_READ)


def test_a_pen_asks_for_what_it_writes_with(world: World) -> None:
    """Its session is another one, and nothing of it has to be confirmed."""
    world.server.will(says({"access_token": "writes"}), says({}))

    an_org(world).pen().send(intent(), ORG_WRITE, "d")
    assert sent_form(world, 0)["scope"] == "okta.users.manage"
    assert world.header(1) == "Bearer writes"


@pytest.mark.parametrize(
    ("credential", "options", "says_what", "do"),
    [
        ("no key", {}, "no private RSA key", "respond connect org"),
        ("", {}, "no private RSA key", "respond connect org"),
        (PRIVATE_KEY[:900], {}, "no private RSA key", "respond connect org"),
        (PRIVATE_KEY, {"identity": None}, "the option identity is missing", 'identity = "..."'),
    ],
)
def test_what_cannot_be_signed_is_said_before_anything_leaves(
    world: World, credential: str, options: dict[str, None], says_what: str, do: str
) -> None:
    """In words that show nothing of the key."""
    named = {k: v for k, v in {"identity": "0oa1", **GRANTED, **options}.items() if v is not None}
    world.secrets = FixedSecrets({"org": credential})
    transport = world.to("org", "okta", "http", auth="okta-oauth", options=named)

    with pytest.raises(NotReadyError) as caught:
        transport.reader().fetch(ORG_READ)
    assert says_what in caught.value.what
    assert do in caught.value.do
    assert world.server.received == []


def test_a_clock_that_is_ahead_leaves_a_session() -> None:
    """A vendor takes nothing from the future, and Google nothing that lasts over an hour."""
    for lives_s in (540, 600, 3_600):
        made = signed(Assertion({}, lives_s=lives_s), PRIVATE_KEY, {}, now_s=1_000)
        claims = json.loads(base64.urlsafe_b64decode(made.text.split(".")[1] + "=="))
        assert claims["iat"] == 940
        assert claims_of(made.text, now=945) is not None
        assert 1_000 <= claims["exp"] <= 940 + 3_600


def test_a_key_file_brings_names_of_its_own() -> None:
    """What it says of itself is filled in; what is no key file is said."""
    file = json.dumps({"client_email": "bot@x.example", "private_key": PRIVATE_KEY, "n": 7})
    claims = {"iss": "{client_email}", "sub": "{identity}", "aud": "there"}
    made = signed(
        Assertion(claims, key="private_key", lives_s=120), file, {"identity": "me"}, now_s=1_000
    )
    found = claims_of(made.text, audience="there", now=1_000)
    assert found is not None
    assert (found["iss"], found["sub"], found["exp"] - found["iat"]) == ("bot@x.example", "me", 120)
    for odd in ("[]", "{", PRIVATE_KEY, "[" * 10_000):
        with pytest.raises(NotTradedError, match="no key file"):
            signed(Assertion(claims, key="private_key"), odd, {"identity": "me"}, now_s=1)


def refused_trade(world: World, answer: CannedAnswer) -> RefusedBySystemError:
    world.server.will(answer, answer)
    with pytest.raises(RefusedBySystemError) as caught:
        an_org(world).reader().fetch(ORG_READ)
    return caught.value


@pytest.mark.parametrize(
    ("status", "word", "says_what", "code", "why", "do"),
    [
        (401, "invalid_client", "No.", "401", "'org' is not accepted", "respond connect org"),
        (400, "invalid_client", "No.", "401", "'org' is not accepted", "respond connect org"),
        (400, "invalid_grant", "Invalid JWT Signature.", "401", "'org' is not accepted", "connect"),
        (400, "invalid_grant", "Check your iat and exp.", "invalid_grant", "no session", "iat"),
        (400, "unauthorized_client", "No.", "unauthorized_client", "was not granted", "read_sco"),
        (401, "unauthorized_client", "No.", "unauthorized_client", "was not granted", "read_sco"),
        (400, "invalid_scope", "No.", "invalid_scope", "that was not granted", "read_scopes"),
        (403, "access_denied", "Zone.", "access_denied", "no session", "Zone"),
    ],
)
def test_a_trade_that_is_refused_says_what_to_do(
    world: World, status: int, word: str, says_what: str, code: str, why: str, do: str
) -> None:
    """By OAuth's own word; only of who is not known the credential is dead.

    Source: RFC 6749, section 5.2.
    """
    answer = says({"error": word, "error_description": says_what}, status)
    refused = refused_trade(world, answer)
    assert refused.code == code
    assert why in refused.why
    assert do in f"{refused.why} {refused.do}"
    assert ("is not accepted" in refused.why) is (code == "401")
    assert refused.by_hand


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "answer", [page(401), page(403), says({}, 401), says({"message": "x"}, 404)]
)
def test_a_trade_that_somebody_else_refuses_says_nothing_of_the_credential(
    world: World, answer: CannedAnswer
) -> None:
    """A page of a proxy, or a place that is not there."""
    refused = refused_trade(world, answer)
    assert refused.code == "no-session"
    assert "is not accepted" not in refused.why


@pytest.mark.parametrize("body", [None, [], {}, {"access_token": ""}, {"access_token": 7}, "x"])
def test_an_exchange_without_a_token_is_no_session(body: object) -> None:
    """What answers without a token gives no session."""
    assert isinstance(session_from(body, scope="", now_ms=0), str)


def test_odd_expiries_do_not_break_a_session() -> None:
    """A token that only looks like a JWT is good for as long as the answer says."""
    for token in ("a.!.c", f"a.{base64.urlsafe_b64encode(b'[]').decode()}.c", "..", "a.b.c.d"):
        session = session_from({"access_token": token, "expires_in": 100}, scope="", now_ms=0)
        assert isinstance(session, AccessSession)
        assert session.until_ms == 40_000


@pytest.mark.parametrize("tenant", ["", "..", "a\n"])
def test_an_option_that_leads_nowhere_is_said_where_it_is_needed(world: World, tenant: str) -> None:
    """Not when the transport is made: another connection has nothing to do with it."""
    world.secrets = FixedSecrets({"org": "the-secret"})
    options = {"tenant": tenant, "client_id": "c"}
    transport = world.to("org", "entra", "graph", "login", auth="entra", options=options)

    with pytest.raises(RefusedBySystemError, match="was not sent") as caught:
        transport.reader().fetch(Call("org", "graph", "GET", ("v1.0", "users")))
    assert caught.value.code == "not-sent"
    assert world.server.received == []


def test_a_reader_may_trade_where_a_usual_option_stands() -> None:
    """The place is what the trade itself goes to."""
    trade = Trade(("{realm}", "token"), {}, usual={"realm": "home"})
    record = Vendor(
        name="v",
        title="V",
        hosts={"": {"api": "https://v.example"}},
        schemes={EVERY_SURFACE: Scheme(SentAs.SESSION, trade=trade)},
    )
    assert list(record.reading_posts({})) == [("api", ("home", "token"))]
    assert list(record.reading_posts({"realm": "other"})) == [("api", ("other", "token"))]


# --- the other systems ---------------------------------------------------------------------------


def test_pagerduty_is_told_who_acts_on_writes_only(world: World) -> None:
    """Token token=, version 2 by Accept, and From where something is written."""
    transport = world.to("pd", "pagerduty", "rest", options={"from": "dana@example.com"})
    transport.reader().fetch(Call("pd", "rest", "GET", ("incidents",)))
    transport.pen().send(intent(), Call("pd", "rest", "POST", ("incidents",), body={}), "d")

    for number in (0, 1):
        assert world.header(number) == "Token token=pagerduty-key-1"
        assert world.header(number, "accept") == "application/vnd.pagerduty+json;version=2"
    assert world.header(0, "from") is None
    assert world.header(1, "from") == "dana@example.com"
    assert world.header(1, "content-type") == "application/json"


def test_pagerduty_takes_an_oauth_token_as_bearer(world: World) -> None:
    """A scoped app token goes in the standard form."""
    transport = world.to("pd", "pagerduty", "rest", auth="pagerduty-oauth")
    transport.reader().fetch(Call("pd", "rest", "GET", ("users",)))

    assert world.header(0) == "Bearer pagerduty-key-1"


def test_a_pagerduty_key_under_test_goes_in_pagerdutys_form(world: World) -> None:
    """In any other form a live key would look dead."""
    transport = world.to("pd", "pagerduty", "rest")
    auth = AuthBearer(SecretHandle("leaked"))
    transport.reader().fetch(Call("pd", "rest", "GET", ("users",), auth=auth))

    assert world.header(0) == "Token token=leaked-value"


def test_an_event_carries_its_key_in_the_body(world: World) -> None:
    """The routing key stands where the call put the mark, and in no header."""
    transport = world.to("pd", "pagerduty", "events")
    body = {"routing_key": OwnCredential(), "event_action": "trigger"}
    world.server.will(says({"status": "success"}, 202))
    transport.pen().send(intent(), Call("pd", "events", "POST", ("v2", "enqueue"), body=body), "d")

    assert json.loads(world.server.received[0].body) == {
        "routing_key": "routing-key-of-ours",
        "event_action": "trigger",
    }
    assert "authorization" not in world.server.received[0].headers


@pytest.mark.promise("P17", "P22")
def test_what_nobody_shall_know_is_drawn_each_time_and_shown_nowhere(world: World) -> None:
    """Also where the service says it back."""
    pen = world.to("chat", "slack", "api").pen()
    call = Call("chat", "api", "POST", ("x",), body={"password": DrawnSecret()})
    world.server.will(says({}))
    pen.send(intent(), call, "d")
    first = json.loads(world.server.received[0].body)["password"]
    world.server.will(says({"you": f"sent {first}"}))
    assert first not in repr(pen.send(intent(), call, "d").body)

    second = json.loads(world.server.received[1].body)["password"]
    assert second != first
    assert min(len(first), len(second)) > 40


def test_slack_gets_a_charset_with_its_json(world: World) -> None:
    """POSTs name their charset; reads go as query."""
    transport = world.to("chat", "slack", "api")
    transport.pen().send(
        intent(), Call("chat", "api", "POST", ("chat.postMessage",), body={"text": "a"}), "d"
    )

    assert world.header(0) == "Bearer xoxb-of-ours"
    assert world.header(0, "content-type") == "application/json; charset=utf-8"


def test_vault_has_its_own_header_and_namespace(world: World) -> None:
    """The token and the namespace go in Vault's own headers."""
    transport = world.to("vault", "vault", "api", options={"namespace": "team/"})
    call = Call("vault", "api", "GET", ("v1", "kv", "data", "a"), answers=frozenset({404}))
    world.server.will(says({"data": {"metadata": {"deletion_time": "x"}}}, 404))
    reply = transport.reader().fetch(call)

    assert reply.body["data"]["metadata"] == {"deletion_time": "x"}
    assert world.header(0, "x-vault-token") == "hvs.of-ours"
    assert world.header(0, "x-vault-namespace") == "team/"
    assert world.header(0) is None


def test_an_unknown_scheme_is_found_when_the_transport_is_made(world: World) -> None:
    """A wrong word in the configuration is not found in the middle of a run."""
    with pytest.raises(UsageError, match="unknown scheme 'oauth1'"):
        world.to("it", "http", "api", auth="oauth1")
    assert world.server.accepted == 0


@pytest.mark.promise("P22")
def test_a_credential_that_could_end_a_header_is_not_sent(world: World) -> None:
    """A line break in a credential is refused, and not shown."""
    secrets = FixedSecrets({"it": "first-line\r\nX-Evil: 1"})
    with (
        transport_to(world.server.url, secrets, system="x", auth="bearer") as transport,
        pytest.raises(RefusedBySystemError, match="no header can") as caught,
    ):
        transport.reader().fetch(Call("it", "api", "GET", ("a",)))
    assert "first-line" not in str(caught.value)
    assert world.server.accepted == 0


def test_an_answer_that_is_cut_after_the_exchange_is_unknown(world: World) -> None:
    """Once the write itself has left, the session's luck does not matter any more."""
    world.server.will(a_session(), CannedAnswer(cut=0))

    with pytest.raises(NoAnswerError):
        world.customerio().pen().send(intent(), WRITE, "d")
