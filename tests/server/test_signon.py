from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.server.page_kit import (
    CLIENT,
    RUN,
    SECRET,
    Browserish,
    Night,
    Served,
    provider,
    served,
    sessions_of,
    subject_of,
)

from respond.core.approval import Moment
from respond.server.pages.page_frame import PageSettings
from respond.server.sessions import FLOW, SESSION, local_path
from respond.testing.settable_clock import SettableClock

HOUR_S = 3_600


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as made:
        yield made


@pytest.fixture
def at(issuer: str) -> Iterator[Served]:
    night = Night()
    night.waiting()
    with served(night, issuer) as made:
        yield made


@pytest.fixture
def browser(at: Served) -> Iterator[Browserish]:
    with at.client() as made:
        yield made


def is_on(browser: Browserish) -> bool:
    return browser.get("/").status_code == 200


# --- signing on -----------------------------------------------------------------------------------


def test_somebody_listed_gets_in_and_comes_to_where_they_wanted(browser: Browserish) -> None:
    """One click and the provider's own page; then the run that they came for."""
    answer = browser.sign_on("ana", f"/runs/{RUN}")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{RUN}")
    assert "Signed on as" in browser.get(f"/runs/{RUN}").text


def test_the_cookie_is_of_this_host_alone_and_no_script_reads_it(browser: Browserish) -> None:
    """``__Host-`` with Secure, HttpOnly, SameSite and Path, for eight hours."""
    answer = browser.sign_on("ana")

    cookies = answer.headers.get_list("set-cookie")
    kept = next(each for each in cookies if each.startswith(f"{SESSION}="))
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=28800"):
        assert part in kept
    assert "Domain" not in kept
    assert any(each.startswith(f"{FLOW}=") and "Max-Age=0" in each for each in cookies)


def test_the_request_carries_pkce_state_and_nonce_and_no_secret(browser: Browserish) -> None:
    """RFC 7636 with S256; neither the verifier nor the client's secret is in an address."""
    query = parse_qs(urlsplit(browser.begin().headers["location"]).query)

    assert query["code_challenge_method"] == ["S256"]
    assert query["response_type"] == ["code"]
    assert query["client_id"] == [CLIENT]
    assert len(query["state"][0]) >= 20
    assert len(query["nonce"][0]) >= 20
    assert "code_verifier" not in query
    assert SECRET not in str(query)


def test_a_good_token_of_somebody_who_is_not_listed_opens_nothing(issuer: str) -> None:
    """The page says so, and names nobody who is."""
    night = Night()
    night.waiting()
    with (
        served(night, issuer, persons={(issuer, subject_of("ben")): "ben"}) as at,
        at.client() as browser,
    ):
        answer = browser.sign_on("ana")

        assert answer.status_code == 403
        assert "only those whom its configuration lists" in answer.text
        assert "ben" not in answer.text
        assert not is_on(browser)


def test_the_same_subject_of_another_issuer_is_somebody_else(issuer: str) -> None:
    """Issuer and subject both have to be those of the person."""
    listed = {("https://other.example", subject_of("ana")): "ana"}
    with served(Night(), issuer, persons=listed) as at, at.client() as browser:
        assert browser.sign_on("ana").status_code == 403
        assert not is_on(browser)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"state": "x" * 30}, "was not begun here"),
        ({"state": ""}, "was not begun here"),
        ({"iss": "https://other.example"}, "another identity provider"),
        ({"error": "access_denied"}, "access_denied"),
        ({"code": ""}, "no code"),
        ({"code": "made-up"}, "does not hold"),
    ],
)
def test_an_answer_that_was_tampered_with_is_refused(
    browser: Browserish, changed: dict[str, str], why: str
) -> None:
    """Another state, issuer or code: no session."""
    answer = browser.sign_on("ana", **changed)

    assert answer.status_code == 403
    assert why in answer.text
    assert not is_on(browser)


def test_an_answer_counts_only_in_the_browser_that_began(at: Served, browser: Browserish) -> None:
    """Somebody else's finished sign-on, sent as a link, signs nobody on."""
    address = browser.agree(browser.begin().headers["location"], "ana")

    with at.client() as other:
        assert other.come_back(address).status_code == 403
        assert not is_on(other)


def test_an_answer_counts_once(browser: Browserish) -> None:
    """The address of the callback, loaded again, opens nothing."""
    address = browser.agree(browser.begin().headers["location"], "ana")
    assert browser.come_back(address).status_code == 303

    browser.cookies.clear()

    assert browser.come_back(address).status_code == 403
    assert not is_on(browser)


def test_a_sign_on_that_takes_too_long_is_begun_anew(at: Served, browser: Browserish) -> None:
    """What was kept for it is good for ten minutes."""
    address = browser.agree(browser.begin().headers["location"], "ana")

    at.night.clock.advance(601)

    assert browser.come_back(address).status_code == 403


def test_signing_on_always_makes_a_new_session(at: Served, browser: Browserish) -> None:
    """A session that somebody planted is not the one that is used afterwards."""
    browser.sign_on("ben")
    planted = browser.cookies[SESSION]

    browser.sign_on("ana")

    assert browser.cookies[SESSION] != planted
    sessions = at.night.sessions()
    one, other = sessions.read(planted), sessions.read(browser.cookies[SESSION])
    assert one is not None
    assert other is not None
    assert one.id != other.id


# --- how long it lasts ----------------------------------------------------------------------------


def test_a_session_ends_after_eight_hours_however_it_is_used(
    at: Served, browser: Browserish
) -> None:
    """No use makes it longer."""
    browser.sign_on("ana")
    for _ in range(7):
        at.night.clock.advance(HOUR_S)
        assert is_on(browser)

    at.night.clock.advance(HOUR_S)

    assert not is_on(browser)


@pytest.mark.promise("P16")
def test_a_clock_that_is_set_back_makes_no_session_longer(at: Served, browser: Browserish) -> None:
    """Neither within a boot nor after one does a session that is over live again."""
    browser.sign_on("ana")
    at.night.clock.advance(9 * HOUR_S)
    at.night.clock.jump(-24 * HOUR_S)
    assert not is_on(browser)

    at.night.clock.reboot()
    assert not is_on(browser)


def test_signing_off_ends_the_copies_too(at: Served, browser: Browserish) -> None:
    """A cookie that somebody copied opens nothing after its owner has signed off."""
    browser.sign_on("ana")
    copied = dict(browser.cookies)

    assert browser.post("/sign-off", {}).headers["location"] == "/sign-on"

    with at.client() as other:
        other.cookies.update(copied)
        assert not is_on(other)


def test_signing_off_wants_a_form_of_this_session(browser: Browserish) -> None:
    """No link and no other site signs anybody off."""
    browser.sign_on("ana")

    assert browser.get("/sign-off").status_code == 405
    assert browser.post("/sign-off", {"csrf": "0" * 64}).status_code == 403
    assert is_on(browser)


def test_a_cookie_that_was_changed_is_none() -> None:
    """Every byte of it counts, and one kind of cookie is not another."""
    clock = SettableClock()
    sessions = sessions_of(clock)
    cookie = sessions.begin("https://id.example", "sub-ana")
    assert sessions.read(cookie) is not None

    for at in range(0, len(cookie), 7):
        other = "A" if cookie[at] != "A" else "B"
        assert sessions.read(cookie[:at] + other + cookie[at + 1 :]) is None
    assert sessions.flow(cookie) is None
    assert sessions.read(sessions.keep_flow({"state": "x"})) is None
    assert sessions_of(clock, b"o" * 32).read(cookie) is None
    assert sessions.read("") is None


def test_a_short_key_is_refused() -> None:
    """What signs sessions is not guessed."""
    with pytest.raises(ValueError, match="31 bytes"):
        sessions_of(SettableClock(), b"k" * 31)


def test_the_page_settings_do_not_show_their_key() -> None:
    """Not in a log, not in a traceback."""
    settings = PageSettings(
        "https://x.example", "real", sessions_of(SettableClock(), b"secret" * 8)
    )
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/runs/../sign-off",
        "/runs/CK-7F3Q?x=1",
        "/runs/CK-7F3Q\n",
        "javascript:alert(1)",
        "/static/respond.js",
        "",
    ],
)
def test_only_our_own_pages_are_come_back_to(to: str) -> None:
    """An open redirect would be a phisher's best line."""
    assert local_path(to) == "/"


# --- when the provider is away --------------------------------------------------------------------


@pytest.mark.promise("P27")
def test_without_the_provider_the_page_says_how_to_go_on() -> None:
    """503 and a command; whoever is signed on already goes on as before."""
    night = Night()
    night.waiting()
    with _answering(503) as away, served(night, away) as at, at.client() as browser:
        begun = at.client()
        cookie = night.sessions().begin(away, subject_of("ana"))
        begun.cookies[SESSION] = cookie

        answer = browser.begin(f"/runs/{RUN}")

        assert answer.status_code == 503
        assert f"respond approve {RUN}" in answer.text
        assert "does not answer" in answer.text
        assert begun.get(f"/runs/{RUN}").status_code == 200
        assert browser.get("/sign-on").status_code == 200
        begun.__exit__()


@pytest.mark.promise("P27")
def test_a_provider_that_comes_back_is_used_again() -> None:
    """A failure is kept for seconds, so that strangers cost nothing; not longer."""
    night = Night()
    with _Fake() as fake, served(night, fake.issuer) as at, at.client() as browser:
        fake.status = 503
        assert browser.begin().status_code == 503
        fake.status = 200
        assert browser.begin().status_code == 503
        night.clock.advance(5)
        assert browser.begin().status_code == 303


@contextmanager
def _answering(status: int) -> Iterator[str]:
    with _Fake() as fake:
        fake.status = status
        yield fake.issuer


def test_a_provider_that_calls_itself_something_else_is_not_used() -> None:
    """OpenID Connect Discovery 1.0, section 4.3: the issuer has to be the same to the letter."""
    with _Fake() as fake, served(Night(), fake.issuer) as at, at.client() as browser:
        fake.document = {"issuer": "https://other.example"}

        answer = browser.begin()

        assert answer.status_code == 503
        assert "https://other.example" in answer.text


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("address", ["http://evil.example/x", "", "ftp://x", "javascript:alert(1)"])
def test_addresses_of_the_provider_without_tls_are_not_used(name: str, address: str) -> None:
    """Only https, or this very machine."""
    with _Fake() as fake, served(Night(), fake.issuer) as at, at.client() as browser:
        fake.document = {name: address}
        assert browser.begin().status_code == 503


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"<html>", b"null"])
def test_what_is_no_document_is_trouble_of_the_provider(body: bytes) -> None:
    """A captive portal's page ends in words."""
    with _Fake() as fake, served(Night(), fake.issuer) as at, at.client() as browser:
        fake.raw = body
        assert browser.begin().status_code == 503


# --- ID tokens ------------------------------------------------------------------------------------


@cache
def _key(which: str) -> RSAKey:
    """A signing key; each is made once."""
    del which
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True)


class _Fake:
    """A provider that says whatever a test wants."""

    def __init__(self) -> None:
        self.status = 200
        self.document: Mapping[str, Any] = {}
        self.raw: bytes | None = None
        self.key = _key("first")
        self.token: Callable[[str], Mapping[str, Any]] = lambda _: {}
        self.nonce = ""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.answer(fake.get(self.path))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.answer(fake.token(fake.nonce))

            def answer(self, data: Any) -> None:
                body = fake.raw if fake.raw is not None else json.dumps(data).encode()
                self.send_response(fake.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))

    def get(self, path: str) -> Mapping[str, Any]:
        if path == "/jwks":
            return {"keys": [self.key.as_dict(private=False)]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
            **self.document,
        }

    def claims(self, nonce: str, /, **others: Any) -> dict[str, Any]:
        """Those of a good token but for ``others``; times among them count from now."""
        now = int(time.time())
        others |= {n: now + others[n] for n in ("exp", "iat", "nbf") if others.get(n) is not None}
        made = {
            "iss": self.issuer,
            "sub": subject_of("ana"),
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **others,
        }
        return {name: value for name, value in made.items() if value is not None}

    def signed(self, claims: Mapping[str, Any], *, key: Any = None) -> dict[str, Any]:
        header = {"alg": "RS256", "kid": "one"}
        text = jwt.encode(header, dict(claims), key or self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": text}

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def tried(self, token: Callable[[str], Mapping[str, Any]]) -> tuple[int, bool, str]:
        """Sign on with this token; status, whether somebody is signed on, and the text."""
        with served(Night(), self.issuer) as at:
            return self.tried_at(at, token)

    def tried_at(
        self, at: Served, token: Callable[[str], Mapping[str, Any]]
    ) -> tuple[int, bool, str]:
        """The same at a page that runs."""
        self.token = token
        with at.client() as browser:
            address = browser.begin().headers["location"]
            query = parse_qs(urlsplit(address).query)
            self.nonce = query["nonce"][0]
            back = f"{at.url}/sign-on/callback?code=c&state={query['state'][0]}"
            answer = browser.come_back(back)
            return answer.status_code, is_on(browser), answer.text


def test_a_token_as_it_should_be_signs_on() -> None:
    """The other tests of this part change one thing of it each."""
    with _Fake() as fake:
        status, on, _ = fake.tried(lambda nonce: fake.signed(fake.claims(nonce)))
        assert (status, on) == (303, True)


def test_a_provider_with_new_keys_signs_on_at_once() -> None:
    """Under the same name too, as one that was set up anew has them; another key stays refused."""
    with _Fake() as fake, served(Night(), fake.issuer) as at:
        for name in ("first", "second", "first"):
            fake.key = _key(name)
            status, on, _ = fake.tried_at(at, lambda nonce: fake.signed(fake.claims(nonce)))
            assert (status, on) == (303, True), name
        other = _key("third")
        status, on, _ = fake.tried_at(at, lambda nonce: fake.signed(fake.claims(nonce), key=other))
        assert (status, on) == (403, False)


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": ["somebody-else"]},
        {"aud": []},
        {"aud": None},
        {"aud": [CLIENT, "somebody-else"]},
        {"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"},
        {"azp": "somebody-else"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": -HOUR_S},
        {"exp": None},
        {"iat": HOUR_S},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["sub-ana"]},
        {"nbf": HOUR_S},
    ],
    ids=lambda changed: "-".join(f"{n}={v}" for n, v in changed.items())[:60],
)
@pytest.mark.long
def test_a_token_that_says_something_else_signs_nobody_on(changed: dict[str, Any]) -> None:
    """Issuer, audience, nonce, time and subject are each looked at."""
    with _Fake() as fake:
        status, on, _ = fake.tried(lambda nonce: fake.signed(fake.claims(nonce, **changed)))
        assert (status, on) == (403, False)


@pytest.mark.promise("P11")
@pytest.mark.long
def test_a_token_that_the_provider_did_not_sign_signs_nobody_on() -> None:
    """Another key, no key, and our own client's secret as the key."""
    other = _key("second")

    def none(nonce: str) -> Mapping[str, Any]:
        head, body, _ = fake.signed(fake.claims(nonce))["id_token"].split(".")
        import base64  # noqa: PLC0415 - one attack needs it

        bare = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        del head
        return {"access_token": "a", "token_type": "Bearer", "id_token": f"{bare}.{body}."}

    def with_secret(nonce: str) -> Mapping[str, Any]:
        key = OctKey.import_key(SECRET.encode().ljust(32, b"x"))
        text = jwt.encode({"alg": "HS256"}, fake.claims(nonce), key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": text}

    with _Fake() as fake:
        attacks: tuple[Callable[[str], Mapping[str, Any]], ...] = (
            lambda nonce: fake.signed(fake.claims(nonce), key=other),
            none,
            with_secret,
            lambda _: {"access_token": "a", "token_type": "Bearer"},
            lambda _: {"access_token": "a", "token_type": "Bearer", "id_token": "x.y.z"},
            lambda _: {"error": "invalid_grant", "error_description": "<b>FORGED</b>"},
            lambda _: {},
        )
        for attack in attacks:
            status, on, text = fake.tried(attack)
            assert (status, on) == (403, False)
            assert "FORGED" not in text


# --- without any ----------------------------------------------------------------------------------


def test_where_nobody_can_sign_on_the_page_says_how_to_decide_without() -> None:
    """It shows no run, and says what is missing."""
    night = Night()
    night.waiting()
    with served(night) as at, at.client() as browser:
        for path in ("/", f"/runs/{RUN}", "/audit", "/sign-on", "/sign-on/begin"):
            answer = browser.get(path)
            assert answer.status_code == 503
            assert "respond approve RUN" in answer.text
            assert "[server.oidc]" in answer.text
            assert RUN not in answer.text


def test_a_secret_that_cannot_be_read_is_said_in_words(issuer: str) -> None:
    """A locked key store is our own trouble, and no traceback."""
    from respond.errors import NotReadyError  # noqa: PLC0415 - one test needs it

    def locked() -> str:
        raise NotReadyError("the credential oidc cannot be read", do="respond connect oidc")

    with served(Night(), issuer, secret=locked) as at, at.client() as browser:
        answer = browser.begin()
        assert answer.status_code == 503
        assert "respond connect oidc" in answer.text


@pytest.mark.long
def test_a_moment_of_another_boot_is_compared_by_the_wall() -> None:
    """After a restart of the machine a session goes on, and still ends."""
    clock = SettableClock()
    sessions = sessions_of(clock)
    cookie = sessions.begin("i", "s")
    clock.reboot()
    found = sessions.read(cookie)
    assert found is not None
    assert isinstance(found.began, Moment)
    clock.advance(8 * HOUR_S)
    assert sessions.read(cookie) is None


@pytest.mark.promise("P16")
def test_a_session_that_began_in_the_future_is_over() -> None:
    """After a restart with the clock set back nothing says how old a session is."""
    clock = SettableClock()
    sessions = sessions_of(clock)
    cookie = sessions.begin("i", "s")
    clock.reboot()
    clock.jump(-60)
    assert sessions.read(cookie) is None
