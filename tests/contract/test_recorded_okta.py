"""Okta's recorded traffic against our requests, our parsers and our simulator.

The recordings are reference data outside the project: where they are absent, all this is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from respond.checks.exchanges import Exchange, VendorExamples
from respond.company import default_company
from respond.company.exchange import SimRequest
from respond.company.okta import Okta
from respond.company.simulated_rest import matched
from respond.core.script import Reply
from respond.systems.okta import apps, client_secrets, factors, roles, signing_out, tokens, users
from respond.systems.okta.vendor import GONE, VENDOR
from respond.systems.rest import Thing, is_gone, word_of

FILE = Path(__file__).parents[3] / "shared" / "recordings" / "okta" / "exchanges.jsonl"
LINES = FILE.read_text(encoding="utf-8").splitlines() if FILE.is_file() else []
pytestmark = pytest.mark.skipif(not LINES, reason="no recordings are on this machine")

V1 = "api/v1"
PARSED: dict[str, Thing[Any]] = {
    f"GET {V1}/users": users.SEARCHED,
    f"GET {V1}/users/{{user}}": users.USER,
    f"GET {V1}/users/{{user}}/factors": factors.FACTORS,
    f"GET {V1}/users/{{user}}/factors/{{factor}}": factors.FACTOR,
    f"GET {V1}/users/{{user}}/clients": signing_out._CLIENTS,
    f"GET {V1}/api-tokens": tokens.TOKENS,
    f"PUT {V1}/api-tokens/{{token}}": tokens.TOKEN,
    f"GET {V1}/apps/{{app}}/users": apps.APP_USERS,
    f"GET {V1}/apps/{{app}}/users/{{user}}": apps.APP_USER,
    f"POST {V1}/apps/{{app}}/users": apps.APP_USER,
    f"GET {V1}/iam/assignees/users": roles._ASSIGNEES,
    "GET .well-known/okta-organization": factors._ORG,
}
"""What takes the replies of a route; of writes what would take the same record."""

UNLIKE = {
    f"POST {V1}/apps/{{app}}/users": {"scope"},
    f"PUT {V1}/api-tokens/{{token}}": {"network.include[]"},
}
"""Fields of ours that no recording has: each is in the description, and not in the recorded use."""


def parts(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def route_of(method: str, path: str) -> str:
    """The route of our simulator that a request means; empty for none."""
    return next((r for r in Okta.routes if matched({r: r}, method, parts(path)) is not None), "")


@cache
def recorded() -> tuple[tuple[str, dict[str, Any]], ...]:
    rows = [json.loads(line) for line in LINES]
    # What may be asked as a security question is no factor, though it stands where one would.
    rows = [row for row in rows if not row["path"].endswith("/factors/questions")]
    pairs = [(route_of(row["method"], row["path"]), row) for row in rows]
    return tuple((route, row) for route, row in pairs if route)


@cache
def exchanged() -> tuple[Exchange, ...]:
    """What our actions and the simulator say to each other."""
    return VendorExamples("okta").exchanged.exchanges


def body(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) and text.strip() else text


def fields(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Each place in a body, and what stands there; ``profile`` and ``_links`` are open."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            place = f"{at}.{name}" if at else str(name)
            if name not in {"profile", "_links"}:
                yield from fields(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{at}[]")
    else:
        yield at, "nothing" if value is None else type(value).__name__


RECORDED_ROUTES = sorted({route for route, _ in recorded()})


def test_the_recordings_are_of_what_we_ask() -> None:
    """A check is not passed by being missed."""
    assert len(RECORDED_ROUTES) >= 20
    assert PARSED.keys() <= set(RECORDED_ROUTES)


@pytest.mark.parametrize("route", sorted({r for r, row in recorded() if row["request"]}))
def test_our_requests_have_the_recorded_form(route: str) -> None:
    """Each field of a body that we send was sent with that type in a recording, or is listed."""
    theirs = {
        pair
        for own, row in recorded()
        if own == route and row["status"] < 300 and row["request"]
        for pair in fields(body(row["request"]))
    }
    ours = {
        pair
        for one in exchanged()
        if one.is_ours and one.body and route_of(one.method, one.path) == route
        for pair in fields(json.loads(one.body))
    }
    assert theirs
    assert {name for name, _ in ours - theirs} == UNLIKE.get(route, set())


@pytest.mark.parametrize("route", sorted(PARSED))
def test_our_parsers_take_the_recorded_replies(route: str) -> None:
    """With nothing lost: as many records, and the same ids."""
    rows = [row for own, row in recorded() if own == route and row["status"] == 200]
    assert rows
    for row in rows:
        said = body(row["reply"])
        seen = PARSED[route].parse([Reply(200, {}, said)])
        listed = said.get("value", said) if isinstance(said, dict) else said
        if isinstance(seen, tuple):
            names = [each.get("id") or each.get("client_id") for each in listed]
            assert [each.id for each in seen] == names
        elif hasattr(seen, "id"):
            assert seen.id == said["id"]


def test_a_recorded_role_and_a_recorded_secret_are_read() -> None:
    """The id of a standard role follows from its type; a secret's value is nowhere."""
    given = [row for own, row in recorded() if own == f"POST {V1}/users/{{user}}/roles"]
    (role,) = roles.ROLES.parse([Reply(200, {}, [body(row["reply"]) for row in given])])
    assert role.id == roles._id_of("USER_ADMIN")

    made = [body(row["reply"]) for own, row in recorded() if own.endswith("/credentials/secrets")]
    me: Any = type("Me", (), {"digest": staticmethod(lambda value: f"digest of {len(value)}")})
    (secret,) = client_secrets._things(me).parse([Reply(200, {}, made)])
    assert made[0]["client_secret"] not in repr(secret)


def test_the_next_page_is_found_where_it_was_recorded() -> None:
    """Behind ``Link``; the link to the page itself leads nowhere."""
    call = VENDOR.call("okta", "GET", "users")
    assert VENDOR.pages is not None
    found = {}
    for route, row in recorded():
        if route == f"GET {V1}/users":
            header = next((v for k, v in row["headers"].items() if k.lower() == "link"), "")
            text = ", ".join(header) if isinstance(header, list) else header
            found['rel="next"' in text] = VENDOR.pages.after(
                call, Reply(200, {"link": text}, []), 1
            )
    assert found[False] is None
    following = found[True]
    assert following is not None
    assert dict(following.query)["after"]


NOS = [(r, row) for r, row in recorded() if row["status"] in {400, 403, 404, 405}]


@pytest.mark.parametrize(("route", "row"), NOS, ids=[f"{r} {row['status']}" for r, row in NOS])
def test_a_recorded_no_is_read_and_is_simulated_word_for_word(
    route: str, row: dict[str, Any]
) -> None:
    """What is gone is told by its word; the same request gets the same body here."""
    said = body(row["reply"])
    reply = Reply(row["status"], {}, said)
    assert word_of(VENDOR, reply) == said["errorCode"]
    assert is_gone(VENDOR, reply) == (said["errorCode"] == GONE)

    company = default_company(only=("okta",))
    headers = {"authorization": f"SSWS {company.story.okta_token}"}
    request = SimRequest(
        row["method"], "http", row["path"], parts(row["path"]), parse_qs(row["query"]), headers, b""
    )
    if "users" in request.parts and "(User)" not in said["errorSummary"]:
        company.okta.state.users[-1].id = request.parts[3]
    with company.lock:
        delivered = company.receive("okta", request).reply
    assert delivered is not None
    ours = json.loads(delivered.body)
    assert delivered.status == row["status"]
    assert {**ours, "errorId": ""} == {**said, "errorId": ""}, route


@pytest.mark.parametrize("route", RECORDED_ROUTES)
def test_the_simulator_answers_in_the_recorded_form(route: str) -> None:
    """No field that Okta does not send, none of another type, and the same status of success."""
    theirs = [(row["status"], body(row["reply"])) for own, row in recorded() if own == route]
    good = [(status, said) for status, said in theirs if status < 300]
    ours = [
        one for one in exchanged() if one.status < 300 and route_of(one.method, one.path) == route
    ]
    if not good or not ours:
        pytest.skip("no success of it was recorded, or is simulated")
    assert {one.status for one in ours} <= {status for status, _ in good}
    known = {pair for _, said in good for pair in fields(said)}
    names = {name for name, _ in known}
    if not known:
        return
    for one in ours:
        for name, kind in fields(body(one.reply.decode())):
            if name in UNLIKE.get(route, set()):
                continue
            assert name in names, (route, name)
            assert kind == "nothing" or (name, kind) in known or (name, "nothing") in known
