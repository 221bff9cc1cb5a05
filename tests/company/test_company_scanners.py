"""The simulated GitHub, GitGuardian and incident.io, and what happens to the company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator

ALERTS = "/orgs/example-co/secret-scanning/alerts"
ALERT = "/repos/example-co/shop/secret-scanning/alerts/42"


@dataclass
class Night:
    company: Company
    http: httpx.Client
    urls: dict[str, str]
    base: str
    token: str

    def get(self, system: str, path: str, auth: str = "") -> httpx.Response:
        story = self.company.story
        own = {
            "github": f"Bearer {story.github_token}",
            "gitguardian": f"Token {story.gitguardian_key}",
            "incidentio": f"Bearer {story.incidentio_key}",
            "pagerduty/rest": f"Token token={story.pagerduty_key}",
        }
        headers = {"Authorization": auth or own[system]}
        return self.http.get(f"{self.urls[system]}{path}", headers=headers)

    def happen(self, what: str, **about: Any) -> httpx.Response:
        return self.http.post(
            f"{self.base}/_sim/happen",
            json={"what": what, "about": about},
            headers={"X-Respond-Sim": self.token},
        )


@pytest.fixture
def night() -> Iterator[Night]:
    company = default_company()
    with serve(company) as server, loopback_client() as http:
        yield Night(company, http, server.urls, server.base_url, server.token)


@pytest.mark.parametrize(
    ("system", "path"),
    [
        ("github", ALERTS),
        ("gitguardian", "/v1/incidents/secrets"),
        ("incidentio", "/v2/incidents/x"),
    ],
)
@pytest.mark.parametrize("auth", ["Bearer nobody", "Token nobody", "nobody"])
def test_a_wrong_key_reads_nothing(night: Night, system: str, path: str, auth: str) -> None:
    """Each in its vendor's own words."""
    reply = night.get(system, path, auth)

    assert reply.status_code == 401
    assert reply.json()


def test_github_shows_the_secret_unless_it_is_hidden(night: Night) -> None:
    """In the list and alone; an old server shows it all the same."""
    leaked = night.company.story.leaked_app_key
    for path in (ALERTS, ALERT):
        assert leaked in night.get("github", path).text
        assert leaked not in night.get("github", f"{path}?hide_secret=true").text
    night.company.github.state.honours_hiding = False
    assert leaked in night.get("github", f"{ALERT}?hide_secret=true").text


def test_github_pages_by_number_and_links_to_the_next(night: Night) -> None:
    """The link is on the vendor's own host, and the last page has none."""
    for _ in range(4):
        night.happen("github.alert", secret_type="aws_access_key_id")
    first = night.get("github", f"{ALERTS}?state=open&per_page=2")
    last = night.get("github", f"{ALERTS}?state=open&per_page=2&page=3")

    assert [alert["number"] for alert in first.json()] == [46, 45]
    assert (
        "<https://api.github.com/orgs/example-co/secret-scanning/alerts?" in first.headers["link"]
    )
    assert 'page=2>; rel="next"' in first.headers["link"]
    assert [alert["number"] for alert in last.json()] == [42]
    assert "link" not in last.headers


def test_github_sorts_by_what_changed_last(night: Night) -> None:
    """A reopened alert comes before a newer one; a resolved one is not open."""
    made = night.happen("github.alert", secret_type="npm_access_token").json()
    number = made["result"]["number"]
    night.company.clock.advance(60)
    night.happen("github.change", number=42, action="resolved")
    open_now = night.get("github", f"{ALERTS}?state=open").json()
    night.company.clock.advance(60)
    night.happen("github.change", number=42, action="reopened")
    by_change = night.get("github", f"{ALERTS}?state=open&sort=updated").json()

    assert [alert["number"] for alert in open_now] == [number]
    assert [alert["number"] for alert in by_change] == [42, number]
    assert by_change[0]["resolution"] is None


def test_github_tells_how_its_webhooks_were_answered(night: Night) -> None:
    """Newest first, for three days, page by page behind a cursor."""
    for answered in (0, 202, 503):
        night.happen("github.alert", secret_type="x", answered=answered)
    path = "/orgs/example-co/hooks/4242/deliveries"
    first = night.get("github", f"{path}?per_page=2")

    assert [sent["status_code"] for sent in first.json()] == [503, 202]
    assert "cursor=" in first.headers["link"]
    rest = night.get("github", f"{path}?per_page=2&cursor=o2").json()
    assert [sent["status_code"] for sent in rest] == [502]
    night.company.clock.advance(4 * 86_400)
    assert night.get("github", path).json() == []


@pytest.mark.parametrize(
    "path",
    [
        "/orgs/other/secret-scanning/alerts",
        "/repos/example-co/none/secret-scanning/alerts",
        "/repos/example-co/shop/secret-scanning/alerts/43",
        "/orgs/example-co/hooks/1/deliveries",
        "/user/moon",
    ],
)
def test_github_does_not_know_what_it_does_not_have(night: Night, path: str) -> None:
    """404, in its own shape."""
    reply = night.get("github", path)

    assert (reply.status_code, reply.json()["message"]) == (404, "Not Found")


def test_gitguardian_lists_what_was_found_since(night: Night) -> None:
    """By date of the find and by status, behind a cursor."""
    night.happen("gitguardian.incident", detector="aws_iam")
    list_ = "/v1/incidents/secrets?status=TRIGGERED"
    ids = [row["id"] for row in night.get("gitguardian", list_).json()]
    assert ids == [31543, 31542]
    page = night.get("gitguardian", f"{list_}&per_page=1")
    assert page.headers["link"].startswith("<https://api.gitguardian.com/v1/incidents/secrets?")
    assert [row["id"] for row in night.get("gitguardian", f"{list_}&cursor=o1").json()] == [31542]
    assert night.get("gitguardian", f"{list_}&cursor=x").status_code == 400
    assert night.get("gitguardian", f"{list_}&date_after=yesterday").status_code == 400
    assert night.get("gitguardian", f"{list_}&date_after=2999-01-01T00:00:00Z").json() == []
    assert night.get("gitguardian", "/v1/incidents/secrets?status=RESOLVED").json() == []


def test_a_private_incident_is_there_for_those_who_may_see_it(night: Night) -> None:
    """For any other key there is no such incident."""
    story = night.company.story
    path = f"/v2/incidents/{story.incidentio_incident}"
    incident = night.get("incidentio", path).json()["incident"]

    assert (incident["visibility"], incident["reference"]) == ("private", "INC-123")
    assert incident["custom_field_entries"][0]["custom_field"]["name"] == "Affected key"
    public = f"Bearer {story.incidentio_public_key}"
    assert night.get("incidentio", path, public).status_code == 404
    declared = night.happen("incidentio.incident", name="Outage", private=False).json()["result"]
    assert night.get("incidentio", f"/v2/incidents/{declared['id']}", public).status_code == 200


def test_a_page_has_details_and_fields(night: Night) -> None:
    """What the webhook leaves out can be read: of the alert, and of the incident."""
    made = night.happen(
        "pagerduty.incident",
        title="Leak",
        details={"key_id": "AKIA"},
        fields={"owner": "payments", "areas": ["eu", "us"]},
    ).json()["result"]
    path = f"/incidents/{made['id']}"

    alerts = night.get("pagerduty/rest", f"{path}/alerts").json()["alerts"]
    assert [alert["body"]["details"] for alert in alerts] == [{"key_id": "AKIA"}]
    fields = night.get("pagerduty/rest", f"{path}/custom_fields/values").json()["custom_fields"]
    assert {one["name"]: one["value"] for one in fields} == {
        "owner": "payments",
        "areas": ["eu", "us"],
    }
    triggered = night.get("pagerduty/rest", "/incidents?statuses[]=triggered").json()
    assert made["id"] in [incident["id"] for incident in triggered["incidents"]]


@pytest.mark.parametrize(
    ("what", "about", "status"),
    [
        ("github.moon", {}, 422),
        ("github.alert", {}, 400),
        ("github.alert", {"secret_type": "x", "answered": "yes"}, 400),
        ("github.change", {"number": 42, "action": "shouted"}, 400),
        ("github.change", {"number": 1, "action": "resolved"}, 422),
        ("pagerduty.incident", {"title": "x", "details": []}, 400),
    ],
)
def test_what_cannot_happen_is_refused(night: Night, what: str, about: Any, status: int) -> None:
    """And nothing has happened."""
    assert night.happen(what, **about).status_code == status
    assert night.company.ledger.effects == ()


def test_reading_is_all_that_a_scanner_lets_one_do(night: Night) -> None:
    """Whatever else is sent to it is not there."""
    url = f"{night.urls['gitguardian']}/v1/incidents/secrets/31542"
    auth = {"Authorization": f"Token {night.company.story.gitguardian_key}"}
    assert night.http.patch(url, json={}, headers=auth).status_code == 404


@pytest.mark.parametrize("system", ["github", "gitguardian", "incidentio"])
def test_each_of_them_can_be_down(night: Night, system: str) -> None:
    """503 until the fault is spent."""
    night.company.arm([f"{system}:503"])
    path = {"github": ALERT, "gitguardian": "/v1/incidents/secrets"}.get(
        system, f"/v2/incidents/{night.company.story.incidentio_incident}"
    )
    assert night.get(system, path).status_code == 503
    assert night.get(system, path).status_code == 200
