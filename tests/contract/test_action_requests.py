"""Whether the vendors' own API descriptions know the requests that our actions make.

The descriptions are not part of this project: without them these tests are skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from respond.company import Company, default_company, exchange
from respond.core.script import (
    Api,
    AuthBasic,
    AuthBearer,
    Call,
    Connection,
    Me,
    OwnCredential,
    PersonRecord,
    Read,
    Reply,
)
from respond.core.values import SecretHandle
from respond.systems.pagerduty import actions
from respond.systems.people import notify
from respond.systems.slack import actions as slack

DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "openapi"

NEWER: Mapping[str, frozenset[str]] = {
    # Slack's description is of October 2020. Metadata came in 2022, and force for invitations too.
    "/conversations.history": frozenset({"include_all_metadata"}),
    "/chat.postMessage": frozenset({"metadata"}),
    "/conversations.invite": frozenset({"force"}),
}
ROOM = slack.ChannelId("C0SECURITY1")
INCIDENT = actions.IncidentId("Q1EXAMPLE")
ACTIONS: tuple[Any, ...] = (
    slack.FindPerson("ana@example.com"),
    slack.FindPerson("lee@example.com"),
    slack.PostMessage(ROOM, "text"),
    slack.DirectMessage("ana@example.com", "text"),
    slack.OpenIncidentChannel("inc-x"),
    slack.GatherPeople(ROOM, ("jean@example.com",), topic="x"),
    slack.ArchiveIncidentChannel("inc-x-ck7f3q"),
    actions.FindIncident(incident=INCIDENT),
    actions.FindIncident(key="respond:x"),
    actions.GetContext(INCIDENT),
    actions.AddNote(INCIDENT, "text"),
    actions.SetStatus(INCIDENT, "acknowledged"),
    actions.SetStatus(INCIDENT, "resolved"),
    actions.Page("summary"),
    actions.WhoIsOnCall(),
    notify.Persons("incident-opened", page=True),
)


def described(name: str) -> Any:
    path = DESCRIPTIONS / name
    if not path.is_file():
        pytest.skip(f"the vendor's description {name} is not at hand")
    return json.loads(path.read_text())


# --- what our actions ask -----------------------------------------------------------------------


@dataclass
class Wire:
    """Sends calls into the simulated company without a network, and keeps them."""

    company: Company
    calls: list[Call] = field(default_factory=list)

    def ask(self, call: Call) -> Reply:
        self.calls.append(call)
        system = "slack" if call.connection == "slack" else "pagerduty"
        parts = ("api", *call.path) if system == "slack" else call.path
        query: dict[str, list[str]] = {}
        for name, value in call.query:
            query.setdefault(name, []).append(value)
        story = self.company.story
        own = {"slack": f"Bearer {story.slack_bot_token}"}
        headers = {
            "authorization": own.get(system, f"Token token={story.pagerduty_key}"),
            "content-type": "application/json",
            "from": story.pagerduty_user,
        }
        body = b"" if call.body is None else json.dumps(opened(call.body, story)).encode()
        delivery = self.company.receive(
            system,
            exchange.SimRequest(
                call.method, call.surface, "/" + "/".join(parts), parts, query, headers, body
            ),
        )
        assert delivery.reply is not None
        reply = delivery.reply
        return Reply(reply.status, {}, json.loads(reply.body) if reply.body else None)


def opened(body: Any, story: Any) -> Any:
    """The body as it leaves, with the routing key in it."""
    if isinstance(body, dict):
        return {name: opened(value, story) for name, value in body.items()}
    return story.pagerduty_routing_key if isinstance(body, OwnCredential) else body


def calls_of(action: Any) -> list[Call]:
    """All requests of one action, writes carried out."""
    line = Wire(default_company())
    script = action.run(me_for(action))
    answer: Any = None
    while True:
        try:
            request = script.send(answer)
        except StopIteration:
            return line.calls
        if isinstance(request, Read):
            answer = request.parse(pages(request, line))
        else:
            assert isinstance(request.hands, Api)
            answer = request.hands.parse(line.ask(request.hands.call))


def pages(read: Read[Any], line: Wire) -> list[Reply]:
    replies = [line.ask(read.call)]
    call: Call | None = read.call
    while call is not None and read.paging is not None:
        call = read.paging.after(call, replies[-1], len(replies))
        if call is not None:
            replies.append(line.ask(call))
    return replies


def me_for(action: Any) -> Me:
    connections = {
        "slack": Connection("slack", "slack"),
        "pager": Connection("pager", "pagerduty"),
    }
    system = action.spec.system
    own = next((c for c in connections.values() if c.system == system), Connection("", system))
    return Me(
        run="CK-7F3Q",
        step="told",
        connection=own,
        connections=connections,
        persons=(PersonRecord("ana", "Ana", ("ana@example.com",), ("admin",)),),
        operator="dana",
        subject="",
        suspects=(),
        by_hand=False,
        now=1_795_400_000,
        held={},
        digest=lambda value: value,
    )


def asked(connection: str) -> Iterator[Call]:
    for action in ACTIONS:
        yield from (call for call in calls_of(action) if call.connection == connection)


# --- what the vendors take ----------------------------------------------------------------------


def check_query(call: Call, parameters: list[Any], newer: frozenset[str]) -> None:
    known = {p["name"]: p for p in parameters if p["in"] == "query"}
    given = dict(call.query)
    assert set(given) <= set(known) | newer, f"{call.says}?{urlencode(call.query)}"
    needed = {name for name, p in known.items() if p.get("required")}
    assert needed - {"token"} <= set(given), call.says
    for name, value in call.query:
        schema = known.get(name, {}).get("schema", {})
        if "enum" in schema:
            assert value in schema["enum"], f"{call.says}: {name}={value}"


def test_slack_knows_our_requests() -> None:
    """Method, verb, names and required arguments; what is newer is listed by name."""
    spec = described("slack.json")
    seen = set()
    for call in asked("slack"):
        path = "/" + "/".join(call.path)
        operation = spec["paths"][path][call.method.lower()]
        newer = NEWER.get(path, frozenset())
        check_query(call, operation["parameters"], newer)
        fields = {p["name"]: p for p in operation["parameters"] if p["in"] == "formData"}
        body = call.body or {}
        assert set(body) <= set(fields) | newer, call.says
        assert {n for n, p in fields.items() if p.get("required")} <= set(body), call.says
        if body:
            assert "application/json" in operation["consumes"], call.says
        for name in set(body) & set(fields):
            wanted = {"string": str, "boolean": bool, "integer": int}[fields[name]["type"]]
            assert isinstance(body[name], wanted), f"{call.says}: {name}"
        seen.add(path)

    assert seen >= {"/auth.test", "/users.list", "/conversations.history", "/chat.postMessage"}
    assert seen >= {"/conversations.create", "/conversations.invite", "/conversations.setTopic"}


def test_pagerduty_knows_our_requests() -> None:
    """Path, names, required headers and bodies, against REST and Events descriptions."""
    rest, events = described("pagerduty.json"), described("pagerduty-events-v2.json")
    seen = set()
    for call in asked("pager"):
        spec = events if call.surface == "events" else rest
        # The events description has /v2 in its server's address.
        path = "/" + "/".join(call.path).removeprefix("v2/")
        template = matching(spec, path)
        operation = spec["paths"][template][call.method.lower()]
        shared = spec["paths"][template].get("parameters", [])
        parameters = [resolved(spec, p) for p in [*shared, *operation.get("parameters", [])]]
        check_query(call, parameters, frozenset())
        headers = {p["name"] for p in parameters if p["in"] == "header" and p.get("required")}
        # The transport adds these, From for writes only.
        allowed = {"Accept", "Content-Type"} | (set() if call.method == "GET" else {"From"})
        assert headers <= allowed, call.says
        if call.body is not None:
            check_body(spec, operation, opened(call.body, default_company().story))
        seen.add((call.method, template))

    assert seen >= {
        ("GET", "/incidents"),
        ("GET", "/incidents/{id}/alerts"),
        ("POST", "/incidents/{id}/notes"),
        ("PUT", "/incidents/{id}"),
        ("POST", "/enqueue"),
        ("GET", "/oncalls"),
    }


def test_customerio_knows_our_probes() -> None:
    """App and Track keys are tried where the vendor says, the way the vendor says."""
    probes = pytest.importorskip("respond.systems.customerio.probes")
    app, track = described("customerio-app.json"), described("customerio-track.json")
    me = me_for(slack.FindPerson("x@example.com"))
    handle = SecretHandle("inputs.leaked")
    for spec, kind, auth in ((app, "app", AuthBearer), (track, "track", AuthBasic)):
        call = next(probes.probe(me, kind, handle, "k")).call
        assert isinstance(call.auth, auth)
        operation = spec["paths"]["/" + "/".join(call.path)][call.method.lower()]
        check_query(call, operation.get("parameters", []), frozenset())


def matching(spec: Any, path: str) -> str:
    """The template of a path; a fixed segment goes before a variable one."""
    found: list[str] = [
        template
        for template in spec["paths"]
        if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path)
    ]
    assert found, f"no such path: {path}"
    return min(found, key=lambda template: template.count("{"))


def resolved(spec: Any, record: Any) -> Any:
    if "$ref" not in record:
        return record
    for part in record["$ref"].removeprefix("#/").split("/"):
        spec = spec[part]
    return spec


def check_body(spec: Any, operation: Any, body: Any) -> None:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    whole = {"allOf": [schema], "components": spec["components"]}
    jsonschema.Draft4Validator(whole).validate(body)
