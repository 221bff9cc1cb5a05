"""The simulated OpenID provider: strict where a provider may be, and lying where it is told to."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLBACK = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43


def challenge(verifier: str = VERIFIER) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def part(token: str, place: int) -> Any:
    text = token.split(".")[place]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@dataclass
class Browser:
    """Somebody with a browser, and the application that sent them."""

    company: Company
    http: httpx.Client
    issuer: str
    asked: dict[str, str] = field(default_factory=dict)

    def authorize(self, **changes: str) -> httpx.Response:
        self.asked = {
            "response_type": "code",
            "client_id": "respond",
            "redirect_uri": CALLBACK,
            "scope": "openid email",
            "state": "s1",
            "nonce": "n1",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            **changes,
        }
        query = {name: value for name, value in self.asked.items() if value}
        return self.http.get(f"{self.issuer}/authorize", params=query)

    def click(self, page: httpx.Response, person: str = "dana@example.com") -> dict[str, str]:
        """Click a name; what the application is told in its own address comes back."""
        request = re.search(r'name="request" value="([^"]+)"', page.text)
        assert request, page.text
        form = {"request": request[1], "person": person}
        return self.answer(self.http.post(f"{self.issuer}/choose", data=form))

    def answer(self, reply: httpx.Response) -> dict[str, str]:
        assert reply.status_code == 303, reply.text
        place = urlsplit(reply.headers["location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == CALLBACK
        return {name: values[0] for name, values in parse_qs(place.query).items()}

    def code(self, person: str = "dana@example.com", **changes: str) -> str:
        return self.click(self.authorize(**changes), person)["code"]

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": "respond",
            "client_secret": self.company.story.sign_on_client_secret,
            **changes,
        }
        data = {name: value for name, value in form.items() if value}
        return self.http.post(f"{self.issuer}/token", data=data)

    def claims(self, person: str = "dana@example.com") -> Any:
        return part(self.redeem(self.code(person)).json()["id_token"], 1)


@pytest.fixture
def browser() -> Iterator[Browser]:
    company = default_company()
    with serve(company) as server, loopback_client() as http:
        yield Browser(company, http, server.urls["sign-on"])


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_library_that_is_not_ours_takes_the_token(browser: Browser, algorithm: str) -> None:
    """Signature and claims, by the addresses that discovery tells."""
    jwt = pytest.importorskip("joserfc.jwt", reason="comes with the server extra")
    from joserfc.jwk import KeySet  # noqa: PLC0415 - only with the server extra

    browser.company.sign_on.state.algorithm = algorithm
    told = browser.http.get(f"{browser.issuer}/.well-known/openid-configuration").json()
    keys = KeySet.import_key_set(browser.http.get(told["jwks_uri"]).json())
    token = jwt.decode(browser.redeem(browser.code()).json()["id_token"], keys, [algorithm])
    now = int(browser.company.clock.now())
    rules = jwt.JWTClaimsRegistry(
        now=now,
        iss={"essential": True, "value": told["issuer"]},
        aud={"essential": True, "value": "respond"},
        exp={"essential": True},
        nonce={"essential": True, "value": "n1"},
        sub={"value": browser.company.story.sign_on_subjects["dana@example.com"]},
    )
    rules.validate(token.claims)

    assert token.header["alg"] == algorithm
    assert token.claims["email"] == "dana@example.com"
    assert abs(token.claims["auth_time"] - now) <= 2


def test_the_page_lists_everybody_and_carries_the_state_back(browser: Browser) -> None:
    """Each person is a button; state and issuer come back with the code."""
    page = browser.authorize()

    for email in browser.company.story.sign_on_subjects:
        assert f'value="{email}"' in page.text
    answer = browser.click(page, "ana@example.com")
    assert (answer["state"], answer["iss"]) == ("s1", browser.issuer)
    assert browser.company.sign_on.state.signed_on == ["ana@example.com"]


def test_who_does_not_want_to_sign_on_is_sent_back_with_a_word(browser: Browser) -> None:
    """No code is made."""
    answer = browser.click(browser.authorize(), "")

    assert answer["error"] == "access_denied"
    assert "code" not in answer


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_request_without_pkce_or_of_another_flow_is_sent_back(
    browser: Browser, changes: dict[str, str], error: str
) -> None:
    """The application hears why, with its own state."""
    answer = browser.answer(browser.authorize(**changes))

    assert (answer["error"], answer["state"]) == (error, "s1")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "stranger"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example/"},
        {"redirect_uri": "http://me@127.0.0.1/"},
        {"redirect_uri": f"{CALLBACK}#here"},
        {"redirect_uri": ""},
    ],
)
def test_nobody_is_sent_to_a_stranger(browser: Browser, changes: dict[str, str]) -> None:
    """An unknown client, or a place that is not on this machine, is told off on the page."""
    reply = browser.authorize(**changes)

    assert reply.status_code == 400
    assert "location" not in reply.headers


def test_a_code_is_good_once(browser: Browser) -> None:
    """The second who shows it gets nothing, and neither does the second click on one page."""
    page = browser.authorize()
    code = browser.click(page)["code"]

    assert browser.redeem(code).status_code == 200
    assert browser.redeem(code).json()["error"] == "invalid_grant"
    request = re.search(r'name="request" value="([^"]+)"', page.text)
    assert request
    form = {"request": request[1], "person": "ana@example.com"}
    assert browser.http.post(f"{browser.issuer}/choose", data=form).status_code == 400


def test_of_many_at_once_one_redeems_a_code(browser: Browser) -> None:
    """A race does not make two sign-ons of one."""
    code = browser.code()
    seen: list[int] = []

    def redeem() -> None:
        seen.append(browser.redeem(code).status_code)

    threads = [threading.Thread(target=redeem) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [200] + [400] * 7


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": f"{CALLBACK}/2"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "respond-public", "client_secret": ""}, 400, "invalid_grant"),
        ({"client_id": "stranger"}, 401, "invalid_client"),
    ],
)
def test_a_code_alone_is_worth_nothing(
    browser: Browser, changes: dict[str, str], status: int, error: str
) -> None:
    """It wants the verifier, the same place, and the client that asked."""
    reply = browser.redeem(browser.code(), **changes)

    assert (reply.status_code, reply.json()["error"]) == (status, error)


def test_a_code_is_too_old_after_a_minute(browser: Browser) -> None:
    """Time is the company's own."""
    code = browser.code()
    browser.company.clock.advance(61)

    assert browser.redeem(code).json()["error"] == "invalid_grant"


def test_a_client_may_show_its_secret_in_the_header(browser: Browser) -> None:
    """Basic, with both parts form-encoded first; in two ways at once it is refused."""
    form = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "code": browser.code(),
    }
    pair = ("respond", browser.company.story.sign_on_client_secret)
    url = f"{browser.issuer}/token"

    twice = browser.http.post(url, data=form | {"client_secret": pair[1]}, auth=pair)
    assert twice.json()["error"] == "invalid_request"
    assert browser.http.post(url, data=form, auth=pair).json()["token_type"] == "Bearer"


def test_a_public_client_has_pkce_alone(browser: Browser) -> None:
    """No secret, and one that is made up is refused."""
    code = browser.code(client_id="respond-public")
    public = {"client_id": "respond-public", "client_secret": ""}
    token = browser.redeem(code, **public).json()["id_token"]

    assert part(token, 1)["aud"] == "respond-public"
    code = browser.code(client_id="respond-public")
    assert browser.redeem(code, **public | {"client_secret": "x"}).status_code == 401


def test_it_lies_when_it_is_told_to(browser: Browser) -> None:
    """Wrong claims, a missing one, a stranger's key and no signature, for those who must notice."""
    state = browser.company.sign_on.state
    state.lies = {"nonce": "other", "aud": None}
    claims = browser.claims()
    assert (claims["nonce"], "aud" in claims) == ("other", False)
    state.lies, state.signed_by = {}, "nobody"
    token = browser.redeem(browser.code()).json()["id_token"]
    assert (part(token, 0)["alg"], token[-1]) == ("none", ".")

    jwt = pytest.importorskip("joserfc.jwt", reason="comes with the server extra")
    from joserfc.errors import BadSignatureError  # noqa: PLC0415 - only with the server extra
    from joserfc.jwk import KeySet  # noqa: PLC0415 - only with the server extra

    state.signed_by = "stranger"
    keys = KeySet.import_key_set(browser.http.get(f"{browser.issuer}/jwks").json())
    token = browser.redeem(browser.code()).json()["id_token"]
    with pytest.raises(BadSignatureError):
        jwt.decode(token, keys, ["RS256"])


@pytest.mark.promise("P27")
def test_it_can_be_down(browser: Browser) -> None:
    """503 everywhere, or for one address alone."""
    browser.company.arm(["sign-on:503xall"])
    for path in (".well-known/openid-configuration", "jwks", "authorize"):
        assert browser.http.get(f"{browser.issuer}/{path}").status_code == 503
    browser.company.arm(["sign-on:503@POST /tokenxall"])
    assert browser.redeem(browser.code()).status_code == 503


def test_signing_on_is_no_change_to_the_company(browser: Browser) -> None:
    """Not a write, and no effect: what a run did is counted elsewhere."""
    browser.claims()

    assert browser.company.ledger.counts()["sign-on"]["writes"] == 0
    assert browser.company.ledger.effects == ()
    shown = json.dumps(browser.company.snapshot()["sign-on"])
    assert browser.company.story.sign_on_client_secret not in shown
    assert '"signed_on": 1' in shown
