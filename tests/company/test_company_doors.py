"""The simulator's own doors, and the person who works at the vendors' consoles."""

from __future__ import annotations

import contextlib
import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from respond.company import Company, default_company, serve
from respond.company.console import tasks
from respond.testing.loopback import loopback_client

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Visitor:
    company: Company
    http: httpx.Client
    base: str
    token: str

    def get(self, door: str) -> Any:
        return self.call("GET", door).json()

    def call(self, method: str, door: str, body: Any = None) -> httpx.Response:
        headers = {"X-Respond-Sim": self.token}
        url = f"{self.base}/_sim/{door}"
        return self.http.request(method, url, json=body, headers=headers)

    def person(self, task: str, **about: Any) -> httpx.Response:
        return self.call("POST", "person", {"task": task, "about": about})

    def kinds(self) -> list[str]:
        return [effect["kind"] for effect in self.get("effects")["effects"]]


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    company = default_company()
    with serve(company) as server, loopback_client() as http:
        hello = http.get(f"{server.base_url}/_sim/hello").json()
        assert hello["respond_simulator"] == 1
        yield Visitor(company, http, server.base_url, hello["token"])


def test_doors_want_the_token_of_the_handshake(visitor: Visitor) -> None:
    """Without it every door but hello is shut."""
    visitor.token = "wrong"
    for door in ("effects", "counts", "state", "story", "clock", "outbox"):
        assert visitor.call("GET", door).status_code == 403
    for door in ("person", "faults", "clock", "drift"):
        assert visitor.call("POST", door, {}).status_code == 403
    assert visitor.get("hello")["company"] == "Example Co"


@pytest.mark.parametrize(
    "prefix",
    [
        "customerio/eu/management",
        "customerio/us/app",
        "customerio/eu/track",
        "slack",
        "slack/api",
        "vault",
        "vault/v1",
        "pagerduty/rest",
        "pagerduty/events",
        "widgets",
    ],
)
@pytest.mark.parametrize("way", ["_sim", "%5Fsim", "../_sim", "..%2F_sim", "/_sim"])
def test_no_vendor_has_these_doors(visitor: Visitor, prefix: str, way: str) -> None:
    """Nothing below a vendor's prefix leads to them, token or not."""
    # Not httpx: it would resolve the dots before sending.
    raw = http.client.HTTPConnection(visitor.base.removeprefix("http://"))
    with contextlib.closing(raw):
        raw.request("GET", f"/{prefix}/{way}/story", headers={"X-Respond-Sim": visitor.token})
        told = raw.getresponse().read().decode()

    assert visitor.company.story.leaked_app_key not in told


def test_the_story_has_what_a_rehearsal_must_be_told(visitor: Visitor) -> None:
    """Secrets, ids, and where everything is."""
    told = visitor.get("story")
    urls = told["urls"]

    assert told["story"]["leaked_app_key"] == visitor.company.story.leaked_app_key
    assert told["smtp"]["port"] > 0
    slack = visitor.http.get(
        f"{urls['slack']}/api/auth.test",
        headers={"Authorization": f"Bearer {told['story']['slack_bot_token']}"},
    )
    assert slack.json()["ok"] is True


def test_the_state_shows_no_secret(visitor: Visitor) -> None:
    """Neither do effects and counts; each of the known secrets is looked for."""
    visitor.person("customerio.create_write_key", environment=190001, source=31)
    story = visitor.company.story.as_json()
    shown = json.dumps([visitor.get(door) for door in ("state", "effects", "counts")])
    secrets = [
        value
        for name, value in story.items()
        if isinstance(value, str)
        and len(value) >= 20
        and ("key" in name or "token" in name or "site_id" in name)
        and "name" not in name
    ]

    assert len(secrets) >= 12
    assert [secret for secret in secrets if secret in shown] == []


def test_the_difference_of_two_states_is_what_was_done(visitor: Visitor) -> None:
    """By system, by the name that a person would use."""
    before = visitor.get("state")
    visitor.person("customerio.revoke_app_key", environment="Production", id=9101)
    after = visitor.get("state")
    changed = {
        (system, name)
        for system in before
        for name in before[system].keys() | after[system].keys()
        if before[system].get(name) != after[system].get(name)
    }

    assert changed == {("customerio", "app key Production/backend-prod #9101")}


def test_time_moves_on_request(visitor: Visitor) -> None:
    """Forward only."""
    before = visitor.get("clock")["now"]
    after = visitor.call("POST", "clock", {"advance_s": 3600}).json()["now"]

    assert 3600 <= after - before < 3660
    for wrong in (-1, "soon", None, True):
        assert visitor.call("POST", "clock", {"advance_s": wrong}).status_code == 400


def test_faults_are_armed_at_a_door(visitor: Visitor) -> None:
    """They replace those of before; a fault that is none is refused with its reason."""
    armed = visitor.call("POST", "faults", {"faults": ["slack:429", "vault:503x2"]})
    assert armed.json() == {"faults": ["slack:429", "vault:503x2"]}
    refused = visitor.call("POST", "faults", {"faults": ["slack:430"]})
    assert (refused.status_code, "unknown kind" in refused.json()["error"]) == (400, True)
    assert visitor.get("faults")["faults"] == ["slack:429", "vault:503x2"]
    assert visitor.call("POST", "faults", {"faults": []}).json() == {"faults": []}


def test_how_slow_it_is_is_set_at_a_door_and_told_with_its_story(visitor: Visitor) -> None:
    """For each system or for one; what is no time, or of no system, changes nothing."""
    assert visitor.get("story")["latency_s"] == {}
    visitor.call("POST", "latency", {"latency": ["200ms", "slack=1s"]})
    told = visitor.get("story")["latency_s"]
    assert (told["customerio"], told["slack"]) == (0.2, 1.0)
    for wrong in ("soon", "nobody=1s", "61s"):
        assert visitor.call("POST", "latency", {"latency": [wrong]}).status_code == 400
    assert visitor.get("story")["latency_s"] == told
    visitor.call("POST", "latency", {"latency": []})
    assert visitor.get("story")["latency_s"] == {}


def test_a_description_is_altered_at_a_door(visitor: Visitor) -> None:
    """So that a caller in another process finds drift."""
    path = "/v1/environments/{environment_id}/ext_api_keys"
    body = {"method": "POST", "path": path, "summary": "Something else"}
    assert visitor.call("POST", "drift", body).status_code == 200
    document = visitor.http.get(f"{visitor.base}/customerio/eu/management/v1/openapi.json").json()
    assert document["paths"][path]["post"]["summary"] == "Something else"


def test_the_outbox_has_what_people_were_told(visitor: Visitor) -> None:
    """In full, for whoever checks that no secret went out."""
    visitor.person("slack.post_message", channel="#security", text="we are on it")
    visitor.person("slack.send_dm", email="ana@example.com", text="call me")
    visitor.person("pagerduty.add_note", incident="Q1EXAMPLE", content="contained")
    told = visitor.get("outbox")["messages"]
    texts = {(row["system"], row["to"]): row["text"] for row in told}

    assert texts["slack", "#security"] == "we are on it"
    assert texts["slack", "@dana, @ana"] == "call me"
    assert texts["pagerduty", "Q1EXAMPLE"] == "contained"


ABOUT: dict[str, dict[str, Any]] = {
    "directory.enroll_factor": {"email": "ana@example.com"},
    "github.accept_invitation": {"login": "kim-example"},
    "github.rename": {"login": "mallory-hart", "to": "mallory-else"},
    "google.enroll_factor": {"email": "ana@example.com"},
    "entra.enroll_factor": {"email": "ana@example.com"},
    "okta.enroll_factor": {"email": "ana@example.com"},
    "jumpcloud.enroll_factor": {"email": "ana@example.com"},
    "jumpcloud.suspend_admin": {"email": "mallory@example.com"},
    "jumpcloud.restore_admin": {"email": "mallory@example.com"},
    "jumpcloud.rotate_admin_key": {"email": "mallory@example.com"},
    "jumpcloud.remove_security_keys": {"email": "jean@example.com"},
    "none": {},
    "entra.disable_device": {"device": "e89b8129-135e-2eea-c593-2d9879bb186b"},
    "entra.enable_device": {"device": "e89b8129-135e-2eea-c593-2d9879bb186b"},
    "okta.deactivate_user": {"user": "jean@example.com"},
    "customerio.revoke_app_key": {"environment": 190001, "id": 9101},
    "customerio.create_app_key": {"environment": 190001, "name": "n"},
    "customerio.revoke_track_key": {"environment": 190001, "id": 8101},
    "customerio.create_track_key": {"environment": 190001, "name": "n"},
    "customerio.delete_write_key": {"environment": 190001, "source": 31, "id": 7101},
    "customerio.create_write_key": {"environment": 190001, "source": 31},
    "customerio.disable_source": {"environment": 190001, "source": 31},
    "customerio.enable_source": {"environment": 190001, "source": 31},
    "customerio.revoke_sa_token": {"service_account": 602, "id": 6103},
    "customerio.create_sa_token": {"service_account": "respond-ir", "name": "n", "read_only": True},
    "customerio.remove_member": {"email": "jean@example.com"},
    "customerio.add_member": {"email": "new@example.com", "account_role": "member"},
    "customerio.accept_invitation": {"email": "kim@example.com"},
    "customerio.resend_invitation": {"email": "kim@example.com"},
    "customerio.set_member_role": {"email": "mallory@example.com", "account_role": "member"},
    "customerio.force_reauth": {},
    "customerio.disable_reporting_webhook": {"environment": 190001, "id": 411},
    "vault.put_field": {"mount": "kv", "path": "cio/backend", "field": "api_key", "value": "v"},
    "widgets.change": {"id": "door-7", "enabled": False},
    "email.read_code": {"address": "legal@example.com"},
    "slack.post_message": {"channel": "#security", "text": "t"},
    "slack.send_dm": {"email": "ana@example.com", "text": "t"},
    "pagerduty.add_note": {"incident": "Q1EXAMPLE", "content": "t"},
    "pagerduty.set_incident_status": {"incident": "Q1EXAMPLE", "status": "acknowledged"},
}


def test_every_task_is_tried_here() -> None:
    """A new task needs a line above."""
    assert set(ABOUT) == tasks(default_company())


NEEDS_MORE = {
    "none",
    "customerio.enable_source",
    "email.read_code",
    "github.accept_invitation",
    "github.rename",
}
"""What is no effect, or not on this night: nobody was invited yet, and no mail has come."""


@pytest.mark.parametrize("task", sorted(set(ABOUT) - NEEDS_MORE))
def test_what_a_person_does_is_an_effect(visitor: Visitor, task: str) -> None:
    """Marked as done by a person; counted neither as a read nor as a write."""
    assert visitor.person(task, **ABOUT[task]).json()["done"] is True
    effects = visitor.get("effects")["effects"]

    assert effects
    assert {effect["detail"]["by"] for effect in effects} == {"person"}
    assert all(row["reads"] == row["writes"] == 0 for row in visitor.get("counts").values())


def test_a_person_may_do_nothing(visitor: Visitor) -> None:
    """Or find it done already."""
    assert visitor.person("none").json() == {"done": True, "result": {}}
    visitor.person("customerio.enable_source", environment=190001, source=31)
    assert visitor.kinds() == []


def test_an_unknown_task_is_named(visitor: Visitor) -> None:
    """404, with what there is."""
    reply = visitor.person("customerio.delete_everything")
    assert reply.status_code == 404
    assert "customerio.revoke_app_key" in reply.json()["error"]


@pytest.mark.parametrize(
    ("task", "about", "status"),
    [
        ("customerio.revoke_app_key", {"environment": 190001, "id": 1}, 422),
        ("customerio.revoke_app_key", {"environment": 7, "id": 9101}, 422),
        ("customerio.revoke_app_key", {"environment": 190001}, 400),
        ("customerio.remove_member", {"email": "nobody@example.com"}, 422),
        ("customerio.add_member", {"email": "ana@example.com"}, 422),
        ("customerio.accept_invitation", {"email": "ana@example.com"}, 422),
        ("slack.send_dm", {"email": "lee@example.com", "text": "t"}, 422),
        ("vault.put_field", {"mount": "x", "path": "p", "field": "f", "value": "v"}, 422),
    ],
)
def test_the_console_refuses_a_person_too(
    visitor: Visitor, task: str, about: Any, status: int
) -> None:
    """With a reason, and without an effect."""
    reply = visitor.person(task, **about)
    assert reply.status_code == status
    assert reply.json()["error"]
    assert visitor.kinds() == []


def test_a_person_sees_a_new_value_and_it_works(visitor: Visitor) -> None:
    """The console shows it once; nobody else does."""
    value = visitor.person("customerio.create_app_key", environment=190001, name="n").json()
    key = value["result"]["value"]
    url = f"{visitor.base}/customerio/eu/app/v1/workspaces"
    assert visitor.http.get(url, headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_a_member_by_hand_from_removal_to_acceptance(visitor: Visitor) -> None:
    """The lost second factor: out, in again with the same roles, accepted with a new one."""
    roles = {
        "account_role": "member",
        "permissions": {"api_credentials": True},
        "environment_roles": [
            {"environment_id": 190001, "role": "workspace_admin"},
            {"environment_id": 190002, "role_id": 88},
        ],
    }
    before = visitor.get("state")["customerio"]["member jean@example.com"]
    visitor.person("customerio.remove_member", email="jean@example.com")
    assert (
        visitor.person("customerio.add_member", email="jean@example.com", **roles).status_code
        == 422
    )
    visitor.call("POST", "clock", {"advance_s": 4})
    names = {"first_name": "Jean", "last_name": "Martin"}
    visitor.person("customerio.add_member", email="jean@example.com", **roles, **names)
    visitor.person("customerio.accept_invitation", email="jean@example.com")
    after = visitor.get("state")["customerio"]["member jean@example.com"]

    assert {k for k in before if before[k] != after[k]} == {"id", "created_at"}


def test_sessions_end_when_their_length_changes_and_only_then(visitor: Visitor) -> None:
    """Another value ends every session; who finds the value there already has nothing to do."""
    visitor.person("customerio.force_reauth")
    visitor.person("customerio.force_reauth", minutes=1440)
    again = visitor.person("customerio.force_reauth", minutes=1440)
    assert again.status_code == 422
    assert visitor.get("state")["customerio"]["account"]["session_hours"] == 24
    assert visitor.kinds().count("sessions.ended") == 2
