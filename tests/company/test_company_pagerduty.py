"""The simulated PagerDuty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator

INCIDENT = "/incidents/Q1EXAMPLE"


@dataclass
class Pager:
    company: Company
    http: httpx.Client
    rest: str
    events: str
    auth: str
    sender: str = "dana@example.com"

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": self.auth} | ({"From": self.sender} if self.sender else {})
        return self.http.request(method, f"{self.rest}{path}", json=body, headers=headers)

    def enqueue(self, **fields: Any) -> httpx.Response:
        return self.http.post(f"{self.events}/v2/enqueue", json=fields)

    def trigger(self, **fields: Any) -> httpx.Response:
        payload = {"summary": "help", "source": "respond", "severity": "critical"}
        body = {"event_action": "trigger", "payload": payload} | fields
        return self.enqueue(routing_key=self.company.story.pagerduty_routing_key, **body)

    def kinds(self) -> list[str]:
        return [effect.kind for effect in self.company.ledger.effects]


@pytest.fixture
def pager() -> Iterator[Pager]:
    company = default_company()
    with serve(company) as server, loopback_client() as http:
        auth = f"Token token={company.story.pagerduty_key}"
        rest, events = server.urls["pagerduty/rest"], server.urls["pagerduty/events"]
        yield Pager(company, http, rest, events, auth)


@pytest.mark.parametrize("form", ["Token {}", "Bearer {}", "Token token=nobody"])
def test_a_key_in_any_other_form_is_refused_without_a_word(pager: Pager, form: str) -> None:
    """401 may have an empty body."""
    pager.auth = form.format(pager.company.story.pagerduty_key)
    reply = pager.call("GET", "/users")

    assert (reply.status_code, reply.content) == (401, b"")


def test_a_read_only_key_is_alive_and_forbidden(pager: Pager) -> None:
    """403 with its own code: no proof of a dead key."""
    pager.auth = f"Token token={pager.company.story.pagerduty_read_only_key}"
    refused = pager.call("PUT", INCIDENT, {"incident": {"status": "acknowledged"}})

    assert pager.call("GET", "/users?limit=1").json()["more"] is True
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, 2010)


@pytest.mark.parametrize("sender", ["", "nobody@example.com"])
def test_writes_say_for_whom(pager: Pager, sender: str) -> None:
    """A general key without a valid From changes nothing."""
    pager.sender = sender
    reply = pager.call("POST", f"{INCIDENT}/notes", {"note": {"content": "x"}})

    assert reply.status_code == 400
    error = reply.json()["error"]
    assert (error["code"], error["errors"]) == (2001, ["Requester User Not Found"])
    assert pager.kinds() == []


def test_a_status_that_is_there_already_has_its_own_code(pager: Pager) -> None:
    """1002 for acknowledged, 1001 for resolved: both mean that there is nothing left to do."""

    def put(status: str) -> Any:
        return pager.call("PUT", INCIDENT, {"incident": {"status": status}}).json()

    assert put("acknowledged")["incident"]["status"] == "acknowledged"
    assert put("acknowledged")["error"]["code"] == 1002
    assert put("resolved")["incident"]["status"] == "resolved"
    assert put("resolved")["error"]["code"] == 1001
    assert put("acknowledged")["error"]["code"] == 1001
    assert put("triggered")["incident"]["status"] == "triggered"
    assert put("asleep")["error"]["code"] == 2001
    told = ["incident.acknowledged", "incident.resolved", "incident.triggered"]
    assert pager.kinds() == told


def test_every_note_is_another_note(pager: Pager) -> None:
    """A retry writes twice; the list shows it."""
    body = {"note": {"content": "[respond R1/told] contained"}}
    ids = {pager.call("POST", f"{INCIDENT}/notes", body).json()["note"]["id"] for _ in range(2)}
    notes = pager.call("GET", f"{INCIDENT}/notes").json()["notes"]

    assert {note["id"] for note in notes} == ids
    assert len(ids) == 2
    assert pager.call("POST", f"{INCIDENT}/notes", {"note": {"content": ""}}).status_code == 400
    assert pager.call("POST", "/incidents/QNOBODY/notes", body).status_code == 404


def test_an_event_becomes_an_incident_a_little_later(pager: Pager) -> None:
    """202 is a promise; the incident is there two seconds after it."""
    assert pager.trigger(dedup_key="respond:R1:told").status_code == 202
    query = "/incidents?incident_key=respond:R1:told&statuses[]=triggered"
    assert pager.call("GET", query).json()["incidents"] == []
    pager.company.clock.advance(2)
    assert len(pager.call("GET", query).json()["incidents"]) == 1


def test_the_same_dedup_key_is_one_alert(pager: Pager) -> None:
    """Sending again is a write without an effect, until the first is resolved."""
    for _ in range(3):
        assert pager.trigger(dedup_key="k").json()["dedup_key"] == "k"
    assert pager.kinds() == ["incident.triggered"]
    assert pager.company.ledger.counts()["pagerduty"]["writes"] == 3
    for action in ("acknowledge", "resolve", "resolve", "trigger"):
        assert pager.trigger(dedup_key="k", event_action=action).status_code == 202
    told = ["incident.acknowledged", "incident.resolved", "incident.triggered"]
    assert pager.kinds()[1:] == told


def test_an_event_without_a_dedup_key_is_new_each_time(pager: Pager) -> None:
    """The vendor makes one up."""
    keys = {pager.trigger().json()["dedup_key"] for _ in range(2)}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"routing_key": "0" * 32},
        {"event_action": "shout"},
        {"event_action": "resolve"},
        {"payload": {"summary": "x", "source": "y", "severity": "awful"}},
        {"payload": {"source": "y", "severity": "info"}},
        {"payload": {"summary": "x" * 1025, "source": "y", "severity": "info"}},
    ],
)
def test_an_event_that_does_not_fit_is_refused(pager: Pager, fields: Any) -> None:
    """400 with a list of errors, and nobody is paged."""
    body = {
        "routing_key": pager.company.story.pagerduty_routing_key,
        "event_action": "trigger",
        "payload": {"summary": "help", "source": "respond", "severity": "critical"},
    }
    reply = pager.enqueue(**body | fields)

    assert reply.status_code == 400
    assert reply.json()["status"] == "invalid event"
    assert pager.kinds() == []


def test_an_incident_is_made_once_while_it_is_open(pager: Pager) -> None:
    """The same key on the same service is refused: it is there already."""
    service = {"id": pager.company.story.pagerduty_service, "type": "service_reference"}
    body = {"incident": {"title": "Leak", "service": service, "incident_key": "respond:R1"}}

    assert pager.call("POST", "/incidents", body).status_code == 201
    assert pager.call("POST", "/incidents", body).status_code == 400
    assert pager.call("POST", "/incidents", {"incident": {"title": "x"}}).status_code == 400


def test_the_incident_carries_what_the_runbook_needs(pager: Pager) -> None:
    """Its alert has the details; users, abilities and who is on call can be read."""
    alert = pager.call("GET", f"{INCIDENT}/alerts").json()["alerts"][0]

    assert alert["body"]["details"]["runbook"] == "compromised-key"
    assert pager.call("GET", INCIDENT).json()["incident"]["incident_number"] == 1234
    assert "teams" in pager.call("GET", "/abilities").json()["abilities"]
    assert pager.call("GET", "/oncalls").json()["oncalls"][0]["user"]["id"] == "PDANA01"
    found = pager.call("GET", "/users?query=ana").json()["users"]
    assert {user["email"] for user in found} == {"dana@example.com", "ana@example.com"}
    assert pager.call("GET", "/users/PANA001").json()["user"]["role"] == "admin"
    assert pager.call("GET", "/users/PNOBODY").json()["error"]["code"] == 2100


def test_calls_are_limited_by_the_minute_and_say_so(pager: Pager) -> None:
    """What remains is in the headers of every answer."""
    pager.company.pagerduty.rest.calls = 2
    replies = [pager.call("GET", "/abilities") for _ in range(3)]

    assert [reply.headers["ratelimit-remaining"] for reply in replies] == ["1", "0", "0"]
    assert replies[-1].status_code == 429
    assert replies[-1].json()["error"]["code"] == 2020
    pager.company.clock.advance(60)
    assert pager.call("GET", "/abilities").status_code == 200


def test_a_status_update_goes_out_each_time(pager: Pager) -> None:
    """It cannot be taken back, and an empty one is refused."""
    path = f"{INCIDENT}/status_updates"
    assert pager.call("POST", path, {"message": "contained"}).status_code == 200
    assert pager.call("POST", path, {}).status_code == 400
    assert pager.kinds() == ["status_update.sent"]
