"""Faults: what they look like to a caller, and what has really happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from respond.company import HTTP_KINDS, MAIL_KINDS, Company, InjectedFault, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Caller:
    company: Company
    http: httpx.Client
    urls: dict[str, str]

    def read(self) -> httpx.Response:
        return self.http.get(f"{self.urls['widgets']}/items/door-7", headers=self._headers())

    def write(self, item: str = "door-7") -> httpx.Response:
        url, body = f"{self.urls['widgets']}/items/{item}", {"enabled": False}
        return self.http.put(url, json=body, headers=self._headers())

    def enabled(self) -> bool:
        return bool(self.read().json()["enabled"])

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.company.story.widgets_token}"}


@pytest.fixture
def caller() -> Iterator[Caller]:
    company = default_company()
    with (
        serve(company) as server,
        loopback_client(timeout=httpx.Timeout(5, read=0.3)) as http,
    ):
        yield Caller(company, http, server.urls)


# What a person writes


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("customerio:429", InjectedFault("customerio", "429")),
        ("slack:503x2", InjectedFault("slack", "503", times=2)),
        ("vault:cut-afterxall", InjectedFault("vault", "cut-after", times=None)),
        (
            "customerio:timeout-before@POST *ext_api_keys*",
            InjectedFault("customerio", "timeout-before", "POST", "*ext_api_keys*"),
        ),
        ("widgets:404@* /items/*x3", InjectedFault("widgets", "404", "*", "/items/*", 3)),
        ("widgets:404x3@GET /items/*", InjectedFault("widgets", "404", "GET", "/items/*", 3)),
        ("widgets:404@/items/*", InjectedFault("widgets", "404", "*", "/items/*")),
        ("email:451", InjectedFault("email", "451")),
    ],
)
def test_a_fault_can_be_written(text: str, fault: InjectedFault) -> None:
    """System, kind, how often, and which request; and it reads back as the same."""
    assert default_company().fault(text) == fault
    assert default_company().fault(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("429", "SYSTEM:KIND"),
        ("acme:429", "unknown system 'acme'; there are "),
        ("slack:430", "timeout-before"),
        ("slack:crash@revoke", "unknown kind 'crash'"),
        ("email:429", "451, 550"),
        ("slack:429x0", "never strikes"),
        ("slack:429@FETCH /api/*", "METHOD is one of"),
        ("slack:429@POST", "METHOD PATH-GLOB"),
        ("email:451@POST *", "no method and path"),
    ],
)
def test_a_fault_that_is_none_says_what_is_wrong(text: str, words: str) -> None:
    """The message names the part at fault and what could stand there."""
    with pytest.raises(ValueError, match="fault") as caught:
        default_company().fault(text)
    assert words in str(caught.value)
    assert repr(text) in str(caught.value)


def test_every_kind_can_be_written() -> None:
    """For each system, all that it can suffer."""
    for kind in HTTP_KINDS:
        assert default_company().fault(f"customerio:{kind}").kind == kind
    for kind in MAIL_KINDS:
        assert default_company().fault(f"email:{kind}").kind == kind


# Which request is hit


@pytest.mark.parametrize("kind", ["429", "503", "500", "401", "403", "404"])
def test_a_plain_refusal_hits_the_first_request_of_any_kind_once(caller: Caller, kind: str) -> None:
    """The next request is answered, so a careful caller recovers."""
    caller.company.arm([f"widgets:{kind}"])
    assert caller.read().status_code == int(kind)
    assert caller.read().status_code == 200
    assert caller.company.faults.waiting == ()


def test_a_fault_about_effects_waits_for_a_write(caller: Caller) -> None:
    """Reads pass it by."""
    caller.company.arm(["widgets:500-after"])
    assert caller.read().status_code == 200
    assert caller.write().status_code == 500
    assert caller.write().status_code == 200


def test_a_fault_can_choose_method_and_path(caller: Caller) -> None:
    """Nothing else is hit, reads not excluded."""
    caller.company.arm(["widgets:cut-before@PUT */door-8", "widgets:empty@GET /items/*"])
    assert caller.write("door-7").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        caller.write("door-8")
    assert caller.read().content == b""


def test_a_fault_can_strike_often_or_always(caller: Caller) -> None:
    """Two times is two times; always is always, until others are armed."""
    caller.company.arm(["widgets:503x2"])
    assert [caller.read().status_code for _ in range(3)] == [503, 503, 200]
    caller.company.arm(["widgets:503xall"])
    assert [caller.read().status_code for _ in range(5)] == [503] * 5
    caller.company.arm([])
    assert caller.read().status_code == 200


def test_faults_of_one_system_leave_the_others_alone(caller: Caller) -> None:
    """An outage of Slack is not one of the widgets."""
    caller.company.arm(["slack:503xall"])
    assert caller.read().status_code == 200


# What it looks like, and what has happened


def test_too_many_requests_say_how_long_to_wait(caller: Caller) -> None:
    """One second."""
    caller.company.arm(["widgets:429"])
    assert caller.read().headers["retry-after"] == "1"


@pytest.mark.parametrize("kind", ["html", "empty"])
def test_a_success_that_is_none(caller: Caller, kind: str) -> None:
    """200, nothing that can be read, and nothing has happened."""
    caller.company.arm([f"widgets:{kind}"])
    assert caller.write().status_code == 200
    assert caller.enabled() is True


@pytest.mark.parametrize("kind", ["html-after", "empty-after"])
def test_a_success_that_cannot_be_read(caller: Caller, kind: str) -> None:
    """The same answer, and it has happened."""
    caller.company.arm([f"widgets:{kind}"])
    reply = caller.write()
    assert reply.status_code == 200
    assert b"door-7" not in reply.content
    assert caller.enabled() is False


def test_an_error_after_the_effect(caller: Caller) -> None:
    """500 does not mean that nothing happened."""
    caller.company.arm(["widgets:500-after"])
    assert caller.write().status_code == 500
    assert caller.enabled() is False


@pytest.mark.parametrize(("kind", "happened"), [("cut-before", False), ("cut-after", True)])
def test_a_connection_that_breaks(caller: Caller, kind: str, *, happened: bool) -> None:
    """The caller sees the same in both cases; only looking again tells them apart."""
    caller.company.arm([f"widgets:{kind}"])
    with pytest.raises(httpx.RemoteProtocolError):
        caller.write()
    assert caller.enabled() is not happened


@pytest.mark.parametrize(("kind", "happened"), [("timeout-before", False), ("timeout-after", True)])
def test_an_answer_that_never_comes(caller: Caller, kind: str, *, happened: bool) -> None:
    """The caller gives up by itself; the simulator goes on serving others."""
    caller.company.arm([f"widgets:{kind}"])
    with pytest.raises(httpx.ReadTimeout):
        caller.write()
    assert caller.enabled() is not happened


@pytest.mark.usefixtures("crowd")
def test_it_answers_among_a_thousand_open_files(caller: Caller) -> None:
    """Also where it waits for a caller to leave."""
    caller.company.arm(["widgets:timeout-after"])
    with pytest.raises(httpx.ReadTimeout):
        caller.write()
    assert caller.enabled() is False


def test_a_slow_answer_comes_in_the_end(caller: Caller) -> None:
    """Whoever waits a little longer than usual gets the truth."""
    caller.company.arm(["widgets:slow"])
    caller.http.timeout = httpx.Timeout(5)
    assert caller.enabled() is True


def test_stale_reads_show_the_time_before_the_write(caller: Caller) -> None:
    """For a minute of simulated time; writes are never stale."""
    caller.company.arm(["widgets:stale"])
    assert caller.enabled() is True
    assert caller.write().json()["enabled"] is False
    assert caller.enabled() is True
    caller.company.clock.advance(59)
    assert caller.enabled() is True
    caller.company.clock.advance(1)
    assert caller.enabled() is False


def test_stale_reads_of_customerio(caller: Caller) -> None:
    """A new key is not listed, the session of the caller lives on."""
    story, base = caller.company.story, caller.urls["customerio/eu/management"]
    form = {"grant_type": "client_credentials", "client_secret": story.write_token}
    jwt = caller.http.post(f"{base}/v1/service_accounts/oauth/token", data=form).json()
    headers = {"Authorization": f"Bearer {jwt['access_token']}"}
    url = f"{base}/v1/environments/190001/ext_api_keys"
    caller.company.arm(["customerio:stale"])
    assert caller.http.post(url, json={"ext_api_key": {"name": "new"}}, headers=headers).is_success

    assert '"new"' not in caller.http.get(url, headers=headers).text
    caller.company.clock.advance(60)
    assert '"new"' in caller.http.get(url, headers=headers).text


@pytest.mark.parametrize(
    ("surface", "path", "body"),
    [
        ("customerio/eu/app", "/v1/workspaces", "errors"),
        ("customerio/eu/management", "/v1/accounts/current", '{"error":"unauthorized"}'),
        ("slack", "/api/auth.test", '{"ok":false,"error":"invalid_auth"}'),
        ("vault", "/v1/kv/data/cio/backend", '{"errors":["permission denied"]}'),
        ("pagerduty/rest", "/users", ""),
        ("customerio/eu/track", "/api/v1/accounts/region", ""),
    ],
)
def test_a_refusal_speaks_the_vendors_language(
    caller: Caller, surface: str, path: str, body: str
) -> None:
    """401 by fault looks like any other 401 of that surface."""
    caller.company.arm([f"{surface.partition('/')[0]}:401"])
    reply = caller.http.get(f"{caller.urls[surface]}{path}")
    assert body in reply.text
    assert bool(body) == bool(reply.text)


def test_a_broken_write_is_counted_and_no_effect(caller: Caller) -> None:
    """What the caller tried stands beside what took effect."""
    caller.company.arm(["widgets:503", "widgets:cut-after"])
    caller.write()
    with pytest.raises(httpx.RemoteProtocolError):
        caller.write()
    assert caller.company.ledger.counts()["widgets"] == {"reads": 0, "writes": 2, "effects": 1}
