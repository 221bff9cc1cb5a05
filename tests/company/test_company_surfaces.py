"""The App, Track and Pipelines surfaces of the simulated Customer.io: proofs of life and death."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, Server, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator


class FixedClock:
    def now_ms(self) -> int:
        return 1_795_403_520_000


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(default_company(clock=FixedClock())) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with loopback_client() as client:
        yield client


def revoke(company: Company, key_id: int) -> None:
    for key in company.customerio.state.app_keys:
        if key.id == key_id:
            key.gone_at = company.clock.now()


def app(
    http: httpx.Client, server: Server, path: str, key: str = "", region: str = "eu"
) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {key or server.company.story.leaked_app_key}"}
    return http.get(f"{server.urls[f'customerio/{region}/app']}{path}", headers=bearer)


def test_a_revoked_app_key_works_a_moment_longer(http: httpx.Client, server: Server) -> None:
    """A probe just after the revoke still answers 200; two seconds later it is 401."""
    revoke(server.company, server.company.story.leaked_app_key_id)

    assert app(http, server, "/v1/info/ip_addresses").status_code == 200
    server.company.clock.advance(2)
    dead = app(http, server, "/v1/info/ip_addresses")
    assert dead.status_code == 401
    assert dead.json() == {"errors": [{"detail": "unauthorized", "status": 401}]}


def test_the_wrong_region_is_no_dead_key(http: httpx.Client, server: Server) -> None:
    """A living key is answered 301 in the other region, and one that nobody knows 401."""
    assert app(http, server, "/v1/workspaces").status_code == 200
    wrong = app(http, server, "/v1/workspaces", region="us")
    assert (wrong.status_code, "datacenter" in wrong.text) == (301, True)


def test_a_narrow_key_is_alive_and_forbidden(http: httpx.Client, server: Server) -> None:
    """403 is no proof of death: the same key opens what it is made for."""
    key = server.company.customerio.state.app_keys[0]
    key.scopes = ("exports",)

    assert app(http, server, "/v1/workspaces").status_code == 403
    assert app(http, server, "/v1/exports").status_code == 200


def test_calls_to_the_app_api_can_be_limited(http: httpx.Client, server: Server) -> None:
    """Ten in a second, say: the next one waits for the clock."""
    server.company.customerio.rest.calls = 10
    answers = [app(http, server, "/v1/workspaces") for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    server.company.clock.advance(1)
    assert app(http, server, "/v1/workspaces").status_code == 200


def test_a_key_sees_its_own_workspace(http: httpx.Client, server: Server) -> None:
    """Exports of Production are not those of Staging."""
    staging = server.company.customerio.state.app_keys[1].value

    assert len(app(http, server, "/v1/exports").json()["exports"]) == 3
    assert app(http, server, "/v1/exports", staging).json() == {"exports": []}
    assert app(http, server, "/v1/exports/110", staging).status_code == 404
    assert app(http, server, "/v1/exports/110").json()["export"]["downloads"] == 2


def test_asking_for_a_download_counts_as_one(http: httpx.Client, server: Server) -> None:
    """It is a GET and changes the evidence all the same."""
    assert app(http, server, "/v1/exports/110/download").json()["url"]
    assert app(http, server, "/v1/exports/110").json()["export"]["downloads"] == 3
    assert [effect.kind for effect in server.company.ledger.effects] == ["export.downloaded"]


def test_a_reporting_webhook_is_switched_off_and_on(http: httpx.Client, server: Server) -> None:
    """PUT wants name, endpoint and events as they are; the same again has no effect."""
    story = server.company.story
    url = f"{server.urls['customerio/eu/app']}/v1/reporting_webhooks/{story.attacker_webhook_id}"
    bearer = {"Authorization": f"Bearer {story.app_key}"}
    hook: dict[str, Any] = http.get(url, headers=bearer).json()

    bare = http.put(url, headers=bearer, json={"disabled": True})
    assert bare.status_code == 400
    for disabled in (True, True, False):
        body = {name: hook[name] for name in ("name", "endpoint", "events")}
        told = http.put(url, headers=bearer, json=body | {"disabled": disabled}).json()
        assert told["disabled"] is disabled
    kinds = [effect.kind for effect in server.company.ledger.effects]
    assert kinds == ["webhook.disabled", "webhook.enabled"]


MAIL = {
    "to": "ana@example.com,ben@example.com",
    "identifiers": {"email": "ana@example.com"},
    "from": "Security <security@example.com>",
    "subject": "[IR-42] contained",
    "body": "<p>done</p>",
}


def test_sending_twice_sends_two_mails(http: httpx.Client, server: Server) -> None:
    """There is no key that makes two requests one."""
    url = f"{server.urls['customerio/eu/app']}/v1/send/email"
    bearer = {"Authorization": f"Bearer {server.company.story.app_key}"}
    told = [http.post(url, headers=bearer, json=MAIL).json() for _ in range(2)]

    assert told[0]["delivery_id"] != told[1]["delivery_id"]
    assert [e.target for e in server.company.ledger.effects] == [
        "ana@example.com, ben@example.com"
    ] * 2
    message = app(http, server, f"/v1/messages/{told[0]['delivery_id']}")
    assert message.json()["message"]["subject"] == MAIL["subject"]


def test_a_mail_that_lacks_something_is_refused_in_words_of_its_own(
    http: httpx.Client, server: Server
) -> None:
    """Sends have another shape of error than the rest of the App API."""
    url = f"{server.urls['customerio/eu/app']}/v1/send/email"
    bearer = {"Authorization": f"Bearer {server.company.story.app_key}"}
    bare = http.post(url, headers=bearer, json={name: MAIL[name] for name in MAIL if name != "to"})
    many = http.post(url, headers=bearer, json=MAIL | {"cc": ",".join(["x@example.com"] * 14)})

    assert bare.json() == {"meta": {"error": 'Missing required field: "to"'}}
    assert (bare.status_code, many.status_code) == (400, 400)
    assert server.company.ledger.effects == ()


def test_sends_and_nothing_else_take_a_raw_service_account_token(
    http: httpx.Client, server: Server
) -> None:
    """With the workspace in a header; other App API calls refuse the token."""
    base, token = server.urls["customerio/eu/app"], server.company.story.leaked_sa_token
    bearer = {"Authorization": f"Bearer {token}", "X-Workspace-Id": "190001"}

    assert http.post(f"{base}/v1/send/email", headers=bearer, json=MAIL).status_code == 200
    assert http.get(f"{base}/v1/workspaces", headers=bearer).status_code == 401
    del bearer["X-Workspace-Id"]
    assert http.post(f"{base}/v1/send/email", headers=bearer, json=MAIL).status_code == 401


def track(http: httpx.Client, server: Server, region: str = "eu") -> httpx.Response:
    story = server.company.story
    pair = (story.leaked_site_id, story.leaked_track_api_key)
    url = f"{server.urls[f'customerio/{region}/track']}/api/v1/accounts/region"
    return http.get(url, auth=pair)


def test_a_track_pair_tells_its_region_on_either_host(http: httpx.Client, server: Server) -> None:
    """The vendor documents that; a switch makes the wrong host answer 401 instead."""
    home = {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 190001}

    assert track(http, server).json() == home
    assert track(http, server, "us").json() == home
    server.company.customerio.settings.track_region_anywhere = False
    assert track(http, server, "us").status_code == 401


def test_events_go_to_the_home_region_only(http: httpx.Client, server: Server) -> None:
    """A pair that tells its region abroad does not work there."""
    story = server.company.story
    pair = (story.leaked_site_id, story.leaked_track_api_key)
    for region, status in (("us", 401), ("eu", 200)):
        url = f"{server.urls[f'customerio/{region}/track']}/api/v1/customers/7"
        assert http.put(url, auth=pair, json={"email": "x@example.com"}).status_code == status


def test_a_revoked_pair_dies_after_a_moment_without_a_word(
    http: httpx.Client, server: Server
) -> None:
    """401 and an empty body."""
    company = server.company
    company.customerio.state.track_keys[0].gone_at = company.clock.now()

    assert track(http, server).status_code == 200
    company.clock.advance(2)
    dead = track(http, server)
    assert (dead.status_code, dead.content) == (401, b"")


def test_ingest_says_yes_to_everything(http: httpx.Client, server: Server) -> None:
    """Dead keys get 200 as well, so there is no probe; only a living key has an effect."""
    url = f"{server.urls['customerio/eu/cdp']}/v1/track"
    for key in (server.company.story.leaked_write_key, "0" * 20):
        assert http.post(url, auth=(key, ""), json={"event": "x"}).status_code == 200
    assert len(server.company.ledger.of("event.ingested")) == 1
    server.company.customerio.state.sources[0].enabled = False
    http.post(url, auth=(server.company.story.leaked_write_key, ""), json={"event": "x"})
    assert len(server.company.ledger.of("event.ingested")) == 1
