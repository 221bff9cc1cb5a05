"""What comes from outside may be anything; it ends in a typed value or in one of our errors."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respond.core.script import Call, Read, Reply
from respond.core.shapes import Timestamp
from respond.core.values import SecretHandle
from respond.engine.drivers import World, look
from respond.errors import NoAnswerError, RespondError
from respond.systems.customerio.evidence import (
    ListExports,
    ListExposedKeys,
    ListSuspectKeys,
    ReadAuditLog,
)
from respond.systems.customerio.facts import FIELDS, KeyId, KeyRef, MemberId, WebhookId, timestamp
from respond.systems.customerio.identify import IdentifyKey, ListKeys
from respond.systems.customerio.keys import CreateKey, ProbeKey, RevokeKey
from respond.systems.customerio.members import (
    NO_ROLES,
    AddMember,
    AwaitMember,
    FindMember,
    RemoveMember,
    SetMemberRole,
)
from respond.systems.customerio.probes import probe
from respond.systems.customerio.reading import PAGES, key_rows, workspaces
from respond.systems.customerio.single_sign_on import ReadSso
from respond.systems.customerio.switches import DisableSource, DisableWebhook, ListWebhooks

APP = KeyId("app/190001/9101")
SINCE = Timestamp("2026-11-20T00:00:00Z")
VALUE = SecretHandle("inputs.leaked", "cdef", "", "hex32", "d")


class Outside:
    """Whatever is at the other end, answering each call with the next of some replies."""

    def __init__(self, *replies: Reply | NoAnswerError) -> None:
        self.replies = list(replies)
        self.calls: list[Call] = []

    def fetch(self, call: Call) -> Reply:
        self.calls.append(call)
        reply = self.replies[min(len(self.calls), len(self.replies)) - 1]
        if isinstance(reply, NoAnswerError):
            raise reply
        return reply


def json(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def answer_of(script: Any, outside: Outside) -> Any:
    """Run a part of a script that only reads."""
    world = World(outside)
    answer: Any = None
    try:
        while True:
            request = script.send(answer)
            assert isinstance(request, Read)
            answer = world.read(request)
    except StopIteration as end:
        return end.value


# --- probes ---

DENIED = {"errors": [{"detail": "unauthorized", "status": 401}]}
INVALID = {"error": "invalid_client", "error_description": "invalid client credentials"}
HTML = {"content_type": "text/html", "x_respond_not_json": "1"}
ELSEWHERE = {"errors": [{"detail": "wrong datacenter", "status": "301"}]}


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("kind", "first", "second", "state"),
    [
        ("app", json(200, {"ip_addresses": []}), None, "alive"),
        ("app", json(401, DENIED), json(200, {"ip_addresses": []}), "alive"),
        ("app", json(403, {"errors": []}), None, "alive"),
        ("app", json(401, DENIED), json(403, {"errors": [{"detail": "scope"}]}), "alive"),
        ("app", json(401, DENIED), json(401, DENIED), "refused"),
        ("app", json(401, DENIED), json(429, {}), "inconclusive"),
        ("app", json(401, DENIED), json(503, None), "inconclusive"),
        ("app", json(401, None, **HTML), json(401, DENIED), "inconclusive"),
        ("app", json(401, {"login": "proxy"}), json(401, DENIED), "inconclusive"),
        ("app", json(403, None, **HTML), json(401, DENIED), "inconclusive"),
        ("app", json(404, {"errors": ["not found"]}), json(401, DENIED), "inconclusive"),
        ("app", json(301, ELSEWHERE), json(200, {"ip_addresses": []}), "alive"),
        ("app", json(401, DENIED), json(301, ELSEWHERE), "refused"),
        ("app", json(301, ELSEWHERE), json(401, DENIED), "refused"),
        ("app", json(301, ELSEWHERE), json(301, ELSEWHERE), "inconclusive"),
        ("app", json(302, None, **HTML), json(401, DENIED), "inconclusive"),
        ("track", json(200, {"region": "us", "environment_id": 7}), None, "alive"),
        ("track", json(200, {}), json(401, None), "inconclusive"),
        ("track", json(401, None), json(401, None), "refused"),
        ("track", json(401, None, **HTML), json(401, None), "inconclusive"),
        ("track", json(401, None), json(403, None), "alive"),
        ("sa", json(200, {"access_token": "x", "token_type": "Bearer"}), None, "alive"),
        ("sa", json(401, INVALID), json(401, INVALID), "refused"),
        ("sa", json(401, {"error": "unauthorized"}), json(401, INVALID), "inconclusive"),
        ("sa", json(400, INVALID), json(401, INVALID), "inconclusive"),
        ("sa", json(429, {"error": "rate_limited"}), json(401, INVALID), "inconclusive"),
    ],
)
def test_what_a_probe_says(
    night: Any, kind: str, first: Reply, second: Reply | None, state: str
) -> None:
    """Refused is said only when every region's own API called the credential invalid."""
    outside = Outside(first, second or json(401, DENIED))

    life = answer_of(probe(night.me(), kind, VALUE, "x"), outside)

    assert life.state == state
    assert [call.surface.split("/")[0] for call in outside.calls] == ["eu", "us"][
        : len(outside.calls)
    ]


def test_a_region_that_does_not_answer_does_not_end_the_look(night: Any) -> None:
    """The other one is asked, and why the first could not be is not lost."""
    cut = NoAnswerError("Customer.io cut the connection", request="GET /v1/info/ip_addresses")

    alive = answer_of(probe(night.me(), "app", VALUE, "x"), Outside(cut, json(200, {})))
    unclear = answer_of(probe(night.me(), "app", VALUE, "x"), Outside(cut, json(401, DENIED)))

    assert (alive.state, alive.region) == ("alive", "us")
    assert (unclear.state, unclear.why) == ("inconclusive", "Customer.io cut the connection")


def test_a_pair_is_at_home_where_it_says(night: Any) -> None:
    """Either host tells a pair's region, so the answer counts and not the host."""
    outside = Outside(json(200, {"region": "us", "environment_id": 7}))

    life = answer_of(probe(night.me(), "track", VALUE, "x"), outside)

    assert (life.region, life.workspace) == ("us", "7")


@pytest.mark.promise("P22")
def test_a_session_is_not_kept(night: Any) -> None:
    """Trying a token makes a session; nothing of it stays."""
    outside = Outside(json(200, {"access_token": "the-session", "token_type": "Bearer"}))

    assert "the-session" not in repr(answer_of(probe(night.me(), "sa", VALUE, "x"), outside))
    assert outside.calls[0].body["scope"] == "read_only"


# --- lists ---


def pages(*bodies: Any) -> Outside:
    return Outside(*(json(200, body) for body in bodies))


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": str(number)} for number in numbers]


@pytest.mark.parametrize(
    ("outside", "count"),
    [
        (pages({"environments": rows(1, 2)}), 2),
        (pages({"environments": rows(1), "has_more": True}, {"environments": rows(2)}), 2),
        (
            pages(
                {"environments": rows(1, 2), "total": 3, "limit": 2},
                {"environments": rows(3), "total": 3, "limit": 2},
            ),
            3,
        ),
        (
            pages(
                {"environments": rows(1), "total_pages": 2},
                {"environments": rows(2), "total_pages": 2},
            ),
            2,
        ),
        (pages({"environments": []}), 0),
    ],
)
@pytest.mark.promise("P9")
def test_pages_end_where_the_reply_says(night: Any, outside: Outside, count: int) -> None:
    """By number of pages, total, a flag, or an empty page: whichever is there."""
    assert len(answer_of(workspaces(night.me()), outside)) == count


def test_pages_without_a_word_go_on_until_an_empty_one() -> None:
    """A full page that says nothing about the end may have a successor."""
    call = Call("cio", "management", "GET", ("x",), query=(("page", "1"),))

    more = PAGES.after(call, json(200, {"users": rows(1)}), 1)
    assert more is not None
    assert more.query == (("page", "2"),)
    assert PAGES.after(call, json(200, {"users": []}), 2) is None


def test_a_list_that_never_ends_is_an_error(night: Any) -> None:
    """A server that repeats itself is stopped, and nothing is cut in silence."""
    with pytest.raises(RespondError):
        night_of(night, FindMember("x@example.com"), pages({"users": rows(1)}))


def night_of(night: Any, action: Any, outside: Outside) -> Any:
    return look(action.run(night.me()), World(outside), known={}, predict=False)


def test_an_id_cannot_climb(night: Any) -> None:
    """An id becomes part of a path later; one with a slash is no id."""
    outside = pages({"ext_api_keys": [{"id": "../../users/1", "name": "x"}]})
    with pytest.raises(RespondError):
        answer_of(key_rows(night.me(), KeyRef.of(APP)), outside)


def test_a_time_beyond_the_calendar_is_unknown() -> None:
    """A number that is no time is not shown as one."""
    assert timestamp(10**18) == ""
    assert timestamp(0) == ""
    assert timestamp(1_700_000_000) == "2023-11-14T22:13:20Z"


# --- anything at all ---

NAMES = sorted({name for names in FIELDS.values() for name in names})
LISTS = (
    "environments",
    "ext_api_keys",
    "site_ids",
    "sources",
    "api_keys",
    "service_accounts",
    "tokens",
    "users",
    "exports",
    "audit_logs",
    "webhook_configurations",
    "reporting_webhooks",
    "environment_roles",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["1", "admin", "member", "2026-11-22T00:00:00Z", "a@example.com"])
)
ROW = st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=8)
INNER = ROW | SCALARS | st.lists(ROW, max_size=2)
RICH = st.dictionaries(st.sampled_from([*NAMES, *LISTS]), INNER, max_size=8)
BODY = SCALARS | st.fixed_dictionaries(
    {}, optional={name: st.lists(RICH, max_size=3) | SCALARS for name in LISTS}
)

ACTIONS = (
    IdentifyKey(VALUE, "backend"),
    IdentifyKey(name="backend"),
    ListKeys(),
    RevokeKey(APP, VALUE, "alive"),
    RevokeKey(KeyId("sa/601/6101"), VALUE),
    CreateKey(APP, "screen"),
    CreateKey(APP, "vault:kv:kv/a/b#c"),
    ProbeKey(KeyId("write/1/2/3"), VALUE),
    FindMember("a@example.com"),
    RemoveMember("a@example.com", MemberId("member/1")),
    AddMember("a@example.com", NO_ROLES),
    SetMemberRole("a@example.com"),
    AwaitMember("a@example.com"),
    ReadSso(),
    ListExports(SINCE),
    ReadAuditLog(SINCE, "a@example.com"),
    ListSuspectKeys(SINCE),
    ListExposedKeys(MemberId("member/1")),
    ListWebhooks(SINCE),
    DisableWebhook(WebhookId("webhook/1/2")),
    DisableSource(KeyId("write/1/2/3")),
)


@pytest.mark.promise("P18", "P6")
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(ACTIONS),
    st.lists(st.tuples(st.sampled_from([200, 403, 404, 401]), BODY), min_size=1, max_size=4),
)
@pytest.mark.long
def test_any_reply_ends_in_a_value_or_in_our_error(
    open_night: Any, action: Any, replies: list[tuple[int, Any]]
) -> None:
    """Whatever a vendor, proxy or attacker answers, nothing else comes out of an action."""
    outside = Outside(*(json(status, body) for status, body in replies))
    with contextlib.suppress(RespondError):
        night_of(open_night, action, outside)
