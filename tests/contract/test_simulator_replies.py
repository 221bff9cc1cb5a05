"""Replies of the simulated company against the vendors' own API descriptions.

The descriptions are reference data outside the project; where they are absent, this is skipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from respond.company import Server, default_company, serve
from respond.company.github import Location

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTIONS = Path(__file__).parents[2].parent / "shared" / "openapi"

pytestmark = pytest.mark.skipif(
    not DESCRIPTIONS.is_dir(), reason="the vendors' API descriptions are not on this machine"
)

INCIDENT = "/incidents/Q1EXAMPLE"


def as_json_schema(node: Any) -> Any:
    """Turn the dialects of OpenAPI 3.0 and Swagger 2.0 into JSON Schema.

    ``nullable`` becomes a type, and Slack's lists under ``items`` of what is no array become
    the choice that they mean.
    """
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: as_json_schema(value) for name, value in node.items()}
    if isinstance(made.get("items"), list) and made.get("type") != "array":
        made["anyOf"] = made.pop("items")
    if made.pop("nullable", None) is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made


@cache
def description(name: str) -> Any:
    return as_json_schema(json.loads((DESCRIPTIONS / f"{name}.json").read_text("utf-8")))


def pointer(*parts: str) -> str:
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


# The description of Events v2 has the reference for 400 in its text; 5XX has the same shape.
_DESCRIBED_UNDER = {("pagerduty-events-v2", 400): "5XX"}


@dataclass(frozen=True)
class Case:
    """One call, and where its reply is described.

    Attributes:
        path: As it is described; ``ids`` go into its braces.
        prepare: Calls to make before, as (path, body); what they reply is not looked at.
    """

    name: str
    method: str
    path: str
    status: int = 200
    ids: dict[str, str] = field(default_factory=dict)
    query: str = ""
    body: Any = None
    prepare: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

    def schema(self) -> Any:
        whole = description(self.name)
        status = _DESCRIBED_UNDER.get((self.name, self.status), str(self.status))
        parts = ["paths", self.path, self.method.lower(), "responses", status]
        described = whole
        for part in parts:
            described = described[part]
        if "$ref" in described:
            parts = described["$ref"].removeprefix("#/").split("/")
            described = whole
            for part in parts:
                described = described[part]
        if "content" in described:
            parts += ["content", "application/json"]
        return {**whole, "$ref": pointer(*parts, "schema")}

    def target(self) -> str:
        path = self.path
        for name, value in self.ids.items():
            path = path.replace(f"{{{name}}}", value)
        return path + self.query


def slack(method: str, path: str, query: str = "", *before: tuple[str, Any], **body: Any) -> Case:
    return Case("slack", method, path, query=query, body=body or None, prepare=before)


POSTED = ("/chat.postMessage", {"channel": "C0SECURITY1", "text": "hi"})
MADE = ("/conversations.create", {"name": "inc-1"})
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}]

SLACK = [
    slack("GET", "/auth.test"),
    slack("GET", "/users.lookupByEmail", "?email=ana@example.com"),
    slack("GET", "/users.info", "?user=U0ANA00001"),
    slack("GET", "/users.list"),
    slack("GET", "/conversations.list", "?types=public_channel,private_channel,im", MADE),
    slack("GET", "/conversations.info", "?channel=C0SECURITY1"),
    slack("GET", "/conversations.members", "?channel=C0SECURITY1"),
    slack("GET", "/conversations.history", "?channel=C0SECURITY1", POSTED),
    slack("POST", "/conversations.create", name="inc-2", is_private=True),
    slack("POST", "/conversations.open", users="U0ANA00001"),
    slack("POST", "/conversations.invite", channel="#inc-1", users="U0ANA00001"),
    slack("POST", "/conversations.setTopic", channel="C0SECURITY1", topic="t"),
    slack("POST", "/conversations.archive", channel="C0SECURITY1"),
    slack("POST", "/chat.postMessage", channel="C0SECURITY1", text="hi", blocks=BLOCKS),
    slack("POST", "/chat.postMessage", channel="U0ANA00001", text="hi"),
]


def pagerduty(method: str, path: str, status: int = 200, body: Any = None, query: str = "") -> Case:
    ids = {"id": "PANA001" if "/users" in path else "Q1EXAMPLE"}
    return Case("pagerduty", method, path, status, ids, query, body)


SERVICE = {"id": "PSECURE", "type": "service_reference"}
PAGERDUTY = [
    pagerduty("GET", "/abilities"),
    pagerduty("GET", "/users", query="?query=ana&total=true"),
    pagerduty("GET", "/users/{id}"),
    pagerduty("GET", "/oncalls"),
    pagerduty("GET", "/incidents"),
    pagerduty("GET", "/incidents/{id}"),
    pagerduty("GET", "/incidents/{id}/alerts"),
    pagerduty("GET", "/incidents/{id}/custom_fields/values"),
    pagerduty("POST", "/incidents", 201, {"incident": {"title": "t", "service": SERVICE}}),
    pagerduty("PUT", "/incidents/{id}", 200, {"incident": {"status": "acknowledged"}}),
    pagerduty("POST", "/incidents/{id}/notes", 200, {"note": {"content": "n"}}),
    pagerduty("GET", "/incidents/{id}/notes"),
    pagerduty("POST", "/incidents/{id}/status_updates", 200, {"message": "m"}),
]


def event(status: int, **fields: Any) -> Case:
    payload = {"summary": "s", "source": "respond", "severity": "info"}
    body = {"event_action": "trigger", "payload": payload} | fields
    return Case("pagerduty-events-v2", "POST", "/enqueue", status, body=body)


EVENTS = [event(202), event(202, dedup_key="k"), event(400, event_action="shout")]


def app(method: str, path: str, status: int = 200, body: Any = None) -> Case:
    ids = {"export_id": "110", "webhook_id": "411"}
    return Case("customerio-app", method, path, status, ids, body=body)


HOOK = {"name": "Metrics", "endpoint": "https://x.example", "events": ["email_sent"]}
MAIL = {"identifiers": {"email": "a@example.com"}, "from": "f", "subject": "s", "body": "b"}
APP = [
    app("GET", "/v1/info/ip_addresses"),
    app("GET", "/v1/exports"),
    app("GET", "/v1/exports/{export_id}"),
    app("GET", "/v1/exports/{export_id}/download"),
    app("GET", "/v1/reporting_webhooks"),
    app("GET", "/v1/reporting_webhooks/{webhook_id}"),
    app("PUT", "/v1/reporting_webhooks/{webhook_id}", 200, HOOK | {"disabled": True}),
    app("GET", "/v1/sender_identities"),
    app("POST", "/v1/send/email", 200, MAIL | {"to": "a@example.com"}),
    app("POST", "/v1/send/email", 400, MAIL),
]


def github(path: str, status: int = 200, query: str = "", **ids: str) -> Case:
    named = {"org": "example-co", "owner": "example-co", "repo": "shop", "hook_id": "4242"}
    return Case("github", "GET", path, status, {**named, "alert_number": "42", **ids}, query)


_ONE_ALERT = "/repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}"
GITHUB = [
    github("/orgs/{org}/secret-scanning/alerts", query="?state=open&sort=updated&per_page=1"),
    github("/repos/{owner}/{repo}/secret-scanning/alerts"),
    github(_ONE_ALERT),
    github(_ONE_ALERT, query="?hide_secret=true"),
    github(f"{_ONE_ALERT}/locations"),
    github("/orgs/{org}/hooks/{hook_id}/deliveries"),
    github("/orgs/{org}/secret-scanning/alerts", 404, org="other"),
]

TRACK = [Case("customerio-track", "GET", "/api/v1/accounts/region")]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(default_company()) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def without_null_priority(node: Any) -> Any:
    """PagerDuty sends ``null`` for an incident without priority, and does not describe that."""
    if isinstance(node, list):
        return [without_null_priority(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {name: without_null_priority(value) for name, value in node.items()}
    if kept.get("priority", "") is None:
        del kept["priority"]
    return kept


def check(case: Case, reply: httpx.Response) -> Any:
    """Compare status and body with what is described; the body comes back."""
    assert reply.status_code == case.status, reply.text
    body = without_null_priority(reply.json())
    errors = sorted(Draft202012Validator(case.schema()).iter_errors(body), key=str)
    assert not errors, [(error.json_path, error.message) for error in errors]
    return body


@pytest.mark.parametrize("case", SLACK, ids=str)
def test_slack_answers_as_described(case: Case, server: Server, http: httpx.Client) -> None:
    """Each method's successful answer, closed to further fields as Slack describes it."""
    base = f"{server.urls['slack']}/api"
    headers = {"Authorization": f"Bearer {server.company.story.slack_bot_token}"}
    for path, body in (*case.prepare, MADE):
        http.post(f"{base}{path}", json=body, headers=headers)
    check(case, http.request(case.method, base + case.target(), json=case.body, headers=headers))


def test_slack_changes_and_removes_as_described(server: Server, http: httpx.Client) -> None:
    """What needs a message's time stamp, and the link to it."""
    base = f"{server.urls['slack']}/api"
    headers = {"Authorization": f"Bearer {server.company.story.slack_bot_token}"}
    ts = http.post(f"{base}{POSTED[0]}", json=POSTED[1], headers=headers).json()["ts"]
    where = {"channel": "C0SECURITY1", "ts": ts}
    link = slack("GET", "/chat.getPermalink", f"?channel=C0SECURITY1&message_ts={ts}")
    update, delete = slack("POST", "/chat.update"), slack("POST", "/chat.delete")

    check(link, http.get(base + link.target(), headers=headers))
    changed = http.post(f"{base}/chat.update", json=where | {"text": "x"}, headers=headers)
    check(update, changed)
    check(delete, http.post(f"{base}/chat.delete", json=where, headers=headers))


@pytest.mark.parametrize("case", PAGERDUTY, ids=str)
def test_pagerduty_answers_as_described(case: Case, server: Server, http: httpx.Client) -> None:
    """Each REST operation's answer."""
    key = server.company.story.pagerduty_key
    headers = {"Authorization": f"Token token={key}", "From": "dana@example.com"}
    base = server.urls["pagerduty/rest"]
    if case.path.endswith("/notes") and case.method == "GET":
        note = {"note": {"content": "n"}}
        http.post(f"{base}{INCIDENT}/notes", json=note, headers=headers)
    check(case, http.request(case.method, base + case.target(), json=case.body, headers=headers))


@pytest.mark.parametrize("case", EVENTS, ids=str)
def test_pagerduty_takes_events_as_described(
    case: Case, server: Server, http: httpx.Client
) -> None:
    """Accepted and refused."""
    body = {"routing_key": server.company.story.pagerduty_routing_key} | case.body
    check(case, http.post(f"{server.urls['pagerduty/events']}/v2{case.path}", json=body))


@pytest.mark.parametrize("case", APP, ids=str)
def test_the_app_api_answers_as_described(case: Case, server: Server, http: httpx.Client) -> None:
    """Each operation that the description has; it is older than the list of workspaces."""
    headers = {"Authorization": f"Bearer {server.company.story.app_key}"}
    url = server.urls["customerio/eu/app"] + case.target()
    check(case, http.request(case.method, url, json=case.body, headers=headers))


@pytest.mark.parametrize("case", GITHUB, ids=str)
def test_github_answers_as_described(case: Case, server: Server, http: httpx.Client) -> None:
    """What is read of secret scanning, with an alert in a file and one in an issue."""
    headers = {"Authorization": f"Bearer {server.company.story.github_token}"}
    places = (Location("a.py", 3), Location(kind="issue_body"))
    server.company.github.open_alert("example-co/shop", "npm_access_token", locations=places)
    server.company.github.state.alerts[0].locations += places
    check(case, http.get(server.urls["github"] + case.target(), headers=headers))


@pytest.mark.parametrize("region", ["eu", "us"])
@pytest.mark.parametrize("case", TRACK, ids=str)
def test_the_track_api_answers_as_described(
    case: Case, region: str, server: Server, http: httpx.Client
) -> None:
    """On either host, as its description promises."""
    story = server.company.story
    url = server.urls[f"customerio/{region}/track"] + case.target()
    body = check(case, http.get(url, auth=(story.leaked_site_id, story.leaked_track_api_key)))
    assert body["region"] == "eu"


def test_a_reply_that_does_not_fit_is_noticed() -> None:
    """The comparison has teeth: a missing, a wrong and a further field are each found."""
    case = slack("GET", "/auth.test")
    fits = {
        "ok": True,
        "url": "https://example-co.slack.com/",
        "team": "Example Co",
        "user": "respond",
        "team_id": "T0EXAMPLECO",
        "user_id": "U0RESPOND1",
    }
    validator = Draft202012Validator(case.schema())

    assert validator.is_valid(fits)
    for broken in ({"ok": False}, {"team_id": "nothing"}, {"further": 1}):
        assert not validator.is_valid(fits | broken)
    assert not validator.is_valid({name: fits[name] for name in fits if name != "url"})
