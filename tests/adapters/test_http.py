from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respond.adapters.http.transport import (
    HttpPen,
    HttpReader,
    HttpTransport,
    WriteRefusedError,
)
from respond.core.script import AuthBearer, AuthNone, Call, Reply
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.ports import Intent, IntentSpentError
from respond.systems.slack.vendor import VENDOR as SLACK
from respond.testing.certificates import self_signed, server_context
from respond.testing.loopback import CannedAnswer, FixedSecrets, Loopback, page, says, transport_to
from respond.testing.settable_clock import SettableClock

READ = Call("it", "api", "GET", ("things", "7"))
WRITE = Call("it", "api", "POST", ("things",), body={"name": "a"})
SECRETS = FixedSecrets({"it": "credential-of-it", "leaked": "leaked-value-1"})
DIGEST = "d1"


def an_intent(digest: str = DIGEST) -> Intent:
    return Intent.mint(seq=1, run="CK-1", digest=digest)


class Lines:
    """Makes transports, and closes them when the test is over."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def to(self, url: str, secrets: FixedSecrets = SECRETS, **more: Any) -> HttpTransport:
        named = {"system": "x", "auth": "bearer"} | more
        return self._stack.enter_context(transport_to(url, secrets, **named))

    def reader(self, server: Loopback, **more: Any) -> HttpReader:
        return self.to(server.url, **more).reader()

    def pen(self, server: Loopback, **more: Any) -> HttpPen:
        return self.to(server.url, **more).pen()

    def write(self, server: Loopback, call: Call = WRITE) -> Reply:
        return self.pen(server).send(an_intent(), call, DIGEST)


@pytest.fixture
def lines() -> Iterator[Lines]:
    with ExitStack() as stack:
        yield Lines(stack)


# --- P5: a reader can not write ---------------------------------------------------------------


@pytest.mark.promise("P5")
@settings(max_examples=20)
@given(
    method=st.one_of(
        st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "get", "GET ", "MERGE", "CONNECT"]),
        st.text(max_size=8).filter(lambda text: text not in {"GET", "HEAD", "OPTIONS"}),
    ),
    path=st.lists(st.text(max_size=6), max_size=3).map(tuple),
    surface=st.sampled_from(["api", "management", "scim"]),
    form=st.booleans(),
    body=st.none() | st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)
@pytest.mark.long
def test_a_reader_refuses_whatever_is_not_a_read(
    *, method: str, path: tuple[str, ...], surface: str, form: bool, body: object
) -> None:
    """No call with another verb leaves a reader, whatever else it says of itself."""
    surfaces = ("api", "management", "scim")
    with (
        Loopback() as server,
        transport_to(server.url, SECRETS, system="customerio", surfaces=surfaces) as transport,
    ):
        call = Call("it", surface, method, path, body=body, form=form, auth=AuthNone())

        with pytest.raises(WriteRefusedError):
            transport.reader().fetch(call)
        assert server.accepted == 0


@pytest.mark.promise("P5")
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"])
def test_a_read_can_not_be_dressed_up_as_a_write(lines: Lines, header: str) -> None:
    """Headers that turn a GET into another verb at the server are refused."""
    with Loopback() as server:
        call = Call("it", "api", "GET", ("things",), headers=((header, "DELETE"),))

        with pytest.raises(RefusedBySystemError, match="not for a call to set"):
            lines.reader(server).fetch(call)
        assert server.received == []


@pytest.mark.promise("P10")
@pytest.mark.parametrize(
    "part", ["a?b=c", "a#b", "a b", "50%", "a%2Fb", "x@y.example", "a/b", "ä", "a.b-c_d~e"]
)
def test_what_is_shown_of_a_request_is_what_is_sent(lines: Lines, part: str) -> None:
    """Method and path stand in a plan, a question and the journal as in the request line."""
    call = Call("it", "api", "GET", ("things", part, "x"))
    with Loopback() as server:
        lines.reader(server).fetch(call)
        assert server.lines == [call.says]


@pytest.mark.promise("P5")
def test_a_read_has_no_body(lines: Lines) -> None:
    """A GET with a body is refused: some servers act on it."""
    with Loopback() as server, pytest.raises(WriteRefusedError):
        lines.reader(server).fetch(Call("it", "api", "GET", ("things",), body={"a": 1}))


@pytest.mark.promise("P5")
@pytest.mark.parametrize("method", ["chat.postMessage", "auth.revoke", "conversations.create"])
def test_slack_methods_that_write_are_refused_by_name(lines: Lines, method: str) -> None:
    """Slack takes writing methods by GET, so there the name decides, not the verb."""
    with Loopback() as server:
        reader = lines.reader(server, system="slack")

        with pytest.raises(WriteRefusedError):
            reader.fetch(Call("it", "api", "GET", (method,), query=(("channel", "C1"),)))
        assert server.received == []


@pytest.mark.promise("P5")
def test_slack_methods_that_read_are_let_through(lines: Lines) -> None:
    """Every method on the list can be read, and so can SCIM."""
    with Loopback() as server:
        transport = lines.to(server.url, system="slack", auth="slack", surfaces=("api", "scim"))
        reader = transport.reader()
        reads = SLACK.reads.only or ()
        for name in reads:
            reader.fetch(Call("it", "api", "GET", (name,)))
        reader.fetch(Call("it", "scim", "GET", ("Users", "W1")))

        assert len(server.received) == len(reads) + 1


@pytest.mark.promise("P5")
def test_the_exchange_is_read_only_or_refused(lines: Lines) -> None:
    """The one POST that a reader sends asks for a session that can only read."""
    path = ("v1", "service_accounts", "oauth", "token")
    body = {"grant_type": "client_credentials", "client_secret": SecretHandle("leaked")}
    probe = Call("it", "eu/management", "POST", path, body=body, form=True, auth=AuthNone())
    with Loopback() as server:
        reader = lines.to(
            server.url, system="customerio", auth="customerio", surfaces=("eu/management",)
        ).reader()

        with pytest.raises(WriteRefusedError):
            reader.fetch(probe)
        assert server.received == []

        asked = {**body, "scope": "read_only"}
        reader.fetch(
            Call("it", "eu/management", "POST", path, body=asked, form=True, auth=AuthNone())
        )
        assert server.received[0].body == (
            b"grant_type=client_credentials&client_secret=leaked-value-1&scope=read_only"
        )


@pytest.mark.promise("P5")
def test_the_client_of_a_reader_refuses_writes_by_itself(lines: Lines) -> None:
    """Below the reader's own check stands a client that has no way to send a write."""
    with Loopback() as server:
        reader = lines.reader(server)

        with pytest.raises(WriteRefusedError):
            reader._line.round(WRITE)
        assert server.received == []


# --- P6: the right word for every answer ------------------------------------------------------

NO, UNKNOWN = RefusedBySystemError, NoAnswerError


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("answer", "kind", "says_so"),
    [
        (page(200), UNKNOWN, "not JSON"),
        (CannedAnswer(200, b'{"id": 7', {}), UNKNOWN, "not JSON"),
        (CannedAnswer(200, b"ok", {}), UNKNOWN, "not JSON"),
        (page(201), UNKNOWN, "not JSON"),
        (CannedAnswer(cut=0), UNKNOWN, "cut the connection"),
        (CannedAnswer(200, b'{"id": 7}', cut=4), UNKNOWN, "cut the connection"),
        (CannedAnswer(raw=[b"SSH-2.0-x\r\n\r\n"]), UNKNOWN, "cannot be read"),
        (CannedAnswer(301, b"", {"Location": "https://login.example/"}), UNKNOWN, "redirect"),
        (CannedAnswer(303, b"", {}), UNKNOWN, "redirect"),
        (CannedAnswer(304, b"", {}), UNKNOWN, "redirect"),
        (says({"error": "invalid"}, 400), NO, "answered 400"),
        (page(401), NO, "the credential 'it' is not accepted"),
        (says({}, 402), NO, "plan"),
        (says({}, 403), NO, "may not do this"),
        (says({"errors": []}, 404), NO, "no such thing"),
        (says({}, 405), NO, "does not offer"),
        (says({}, 409), NO, "look again"),
        (says({}, 410), NO, "gone"),
        (says({}, 412), NO, "answered 412"),
        (says({}, 418), NO, "answered 418"),
        (says({}, 422), NO, "does not accept"),
        (says({}, 429), NO, "too many requests"),
        (says({}, 408), UNKNOWN, "answered 408"),
        (says({}, 500), UNKNOWN, "answered 500"),
        (page(502), UNKNOWN, "answered 502"),
        (says({}, 503), UNKNOWN, "answered 503"),
        (says({}, 599), UNKNOWN, "answered 599"),
        (CannedAnswer(raw=[b"HTTP/1.1 700 x\r\nContent-Length: 2\r\n\r\n{}"]), UNKNOWN, "700"),
    ],
)
def test_a_write_gets_the_right_word(
    lines: Lines, answer: CannedAnswer, kind: type[Exception], says_so: str
) -> None:
    """Refused where the system decided against it; unknown wherever it may have happened."""
    with Loopback() as server:
        server.will(answer)

        with pytest.raises(kind) as caught:
            lines.write(server)
        assert type(caught.value) is kind
        assert says_so in str(caught.value)
        assert server.lines == ["POST /things"]


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (says({"ok": False, "error": "x"}), {"ok": False, "error": "x"}),
        (says({"status": "success"}, 202), {"status": "success"}),
        (CannedAnswer(204, b""), None),
        (CannedAnswer(200, b""), None),
        (says([1, None, "a"]), [1, None, "a"]),
    ],
)
def test_a_write_hands_every_other_success_to_the_parser(
    lines: Lines, answer: CannedAnswer, body: object
) -> None:
    """A 2xx with JSON, or without a word, is a reply; what it means only the parser knows."""
    with Loopback() as server:
        server.will(answer)

        reply = lines.write(server)
        assert (reply.status, reply.body) == (answer.status, body)


@pytest.mark.promise("P6")
def test_an_empty_200_is_no_answer_to_a_read(lines: Lines) -> None:
    """A read that comes back with nothing has seen nothing."""
    with Loopback() as server:
        server.will(CannedAnswer(200, b""))

        with pytest.raises(NoAnswerError, match="not JSON"):
            lines.reader(server).fetch(READ)


@pytest.mark.promise("P6")
def test_statuses_that_the_parser_wants_come_back_as_replies(lines: Lines) -> None:
    """404 with a body, 401 without one and 200 with a page are replies when asked for."""
    call = Call("it", "api", "GET", ("a",), answers=frozenset({200, 304, 401, 404, 503}))
    with Loopback() as server:
        reader = lines.reader(server)
        server.will(
            says({"data": {"version": 3}}, 404), CannedAnswer(401, b""), page(200), page(503)
        )
        server.will(CannedAnswer(304, b"", {"ETag": '"x"'}))

        assert reader.fetch(call).body == {"data": {"version": 3}}
        empty = reader.fetch(call)
        assert (empty.status, empty.body) == (401, None)
        assert "x-respond-not-json" not in empty.headers
        html = reader.fetch(call)
        assert (html.status, html.body, html.headers["x-respond-not-json"]) == (200, None, "1")
        assert html.headers["content-type"] == "text/html; charset=utf-8"
        assert reader.fetch(call).status == 503
        assert reader.fetch(call).headers["etag"] == '"x"'


@pytest.mark.promise("P6")
def test_a_timeout_of_a_write_is_unknown_and_not_sent_again(lines: Lines) -> None:
    """A write that got no answer in time may have happened; it is sent once."""
    with Loopback() as server:
        server.will(CannedAnswer(hold=True))
        pen = lines.to(server.url, timeout_scale=0.01).pen()

        with pytest.raises(NoAnswerError, match="did not answer POST /things within 10 s"):
            pen.send(an_intent(), WRITE, DIGEST)
        assert server.lines == ["POST /things"]


@pytest.mark.promise("P6")
def test_a_refused_connection_is_a_refusal_that_may_be_tried_again(lines: Lines) -> None:
    """What never left can not have happened."""
    with Loopback() as server:
        gone = server.url
    pen = lines.to(gone).pen()

    with pytest.raises(RefusedBySystemError, match="could not be reached") as caught:
        pen.send(an_intent(), WRITE, DIGEST)
    assert caught.value.again
    assert caught.value.code == "not-connected"


@pytest.mark.promise("P6")
def test_a_plain_server_where_tls_is_expected_gets_nothing(lines: Lines) -> None:
    """A failed TLS handshake names the host; nothing was sent."""
    with Loopback() as server:
        url = server.url.replace("http:", "https:")
        pen = lines.to(url).pen()

        with pytest.raises(RefusedBySystemError, match=r"127\.0\.0\.1 does not speak TLS"):
            pen.send(an_intent(), WRITE, DIGEST)
        assert server.received == []


@pytest.mark.promise("P20")
def test_a_certificate_that_nobody_vouches_for_ends_it(lines: Lines, tmp_path: Path) -> None:
    """The error names the host and the certificate's problem; no request left, not even twice."""
    with Loopback(server_context(self_signed(tmp_path))) as server:
        pen, reader = lines.pen(server), lines.reader(server)

        with pytest.raises(RefusedBySystemError, match=r"certificate of 127\.0\.0\.1") as caught:
            pen.send(an_intent(), WRITE, DIGEST)
        assert "self-signed certificate" in caught.value.why.replace("self signed", "self-signed")
        with pytest.raises(RefusedBySystemError):
            reader.fetch(READ)
        assert server.received == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"detail": "unauthorized", "status": 401}]}, "unauthorized"),
        ({"meta": {"error": "Missing field"}}, "Missing field"),
        ({"meta": {"errors": ["bad id"]}}, "bad id"),
        (
            {"errors": [{"detail": "is blank", "source": {"pointer": "/data/name"}}]},
            "is blank; /data/name",
        ),
        ({"error": "invalid_client", "error_description": "no"}, "invalid_client; no"),
        ({"ok": False, "error": "missing_scope", "needed": "a:b"}, "missing_scope; a:b"),
        (
            {"error": {"message": "Invalid Input", "code": 2001, "errors": ["No User"]}},
            "Invalid Input; No User",
        ),
        ({"errors": ["permission denied"]}, "permission denied"),
        ({"odata.error": {"code": "x", "message": {"lang": "en", "value": "No."}}}, "No."),
        ({"kind": "Status", "message": "not found", "reason": "NotFound"}, "not found; NotFound"),
    ],
)
def test_the_vendors_own_words_are_shown(lines: Lines, body: object, words: str) -> None:
    """An error quotes the vendor's message, whichever shape the vendor gave it."""
    with Loopback() as server:
        server.will(says(body, 400))

        with pytest.raises(RefusedBySystemError) as caught:
            lines.write(server)
        assert caught.value.why == f"it does not accept the request; it says: {words}"


def test_an_error_names_method_path_status_and_the_way_on(lines: Lines) -> None:
    """A 403 says who may not do what, and that a person could."""
    with Loopback() as server:
        server.will(says({"error": "forbidden"}, 403))

        with pytest.raises(RefusedBySystemError) as caught:
            lines.write(server)
    error = caught.value
    assert error.what == "x answered 403 to POST /things"
    assert error.request == "POST /things"
    assert error.code == "403"
    assert error.by_hand
    assert not error.again


# --- the pen ----------------------------------------------------------------------------------


@pytest.mark.promise("P1")
def test_a_pen_wants_the_intent_of_this_very_request(lines: Lines) -> None:
    """A used intent, or one for another request, sends nothing."""
    with Loopback() as server:
        pen = lines.pen(server)
        intent = an_intent()
        pen.send(intent, WRITE, DIGEST)

        with pytest.raises(IntentSpentError):
            pen.send(intent, WRITE, DIGEST)
        with pytest.raises(IntentSpentError):
            pen.send(an_intent("other"), WRITE, DIGEST)
        assert server.lines == ["POST /things"]


@pytest.mark.promise("P2")
@pytest.mark.parametrize("answer", [says({}, 429), says({}, 503), CannedAnswer(cut=0), page(200)])
def test_a_pen_never_sends_twice(lines: Lines, answer: CannedAnswer) -> None:
    """What a reader would try again, a pen leaves to the engine."""
    with Loopback() as server:
        server.will(answer)

        with pytest.raises((RefusedBySystemError, NoAnswerError)):
            lines.write(server)
        assert len(server.received) == 1


def test_a_missing_credential_is_a_refusal_to_a_pen(lines: Lines) -> None:
    """Without a credential nothing leaves, and a person could do the step."""
    with Loopback() as server:
        pen = lines.to(server.url, FixedSecrets({})).pen()

        with pytest.raises(RefusedBySystemError, match="is not set") as caught:
            pen.send(an_intent(), WRITE, DIGEST)
        assert caught.value.by_hand
        assert server.accepted == 0


def test_an_unknown_connection_or_surface_is_not_ready(lines: Lines) -> None:
    """The error names what is missing in the configuration."""
    with Loopback() as server:
        reader = lines.reader(server)

        with pytest.raises(NotReadyError, match="'other' is not configured"):
            reader.fetch(Call("other", "api", "GET", ("a",)))
        with pytest.raises(NotReadyError, match="no address for 'events'"):
            reader.fetch(Call("it", "events", "GET", ("a",)))


def test_bodies_are_sent_as_they_are_described(lines: Lines) -> None:
    """JSON with its secrets opened, forms as pairs, and a content type of the call's own."""
    body = {"data": {"key": SecretHandle("leaked"), "n": [1, None, True, "\u00e9"]}}
    kind = (("Content-Type", "application/merge-patch+json"),)
    with Loopback() as server:
        pen = lines.pen(server)
        pen.send(an_intent(), Call("it", "api", "PATCH", ("a",), body=body, headers=kind), DIGEST)
        form = {"a": "1 &=\u00e9", "n": 3, "yes": True}
        pen.send(an_intent(), Call("it", "api", "POST", ("a",), body=form, form=True), DIGEST)
        pen.send(an_intent(), Call("it", "api", "DELETE", ("a",)), DIGEST)

        patch, post, delete = server.received
        assert patch.body == '{"data":{"key":"leaked-value-1","n":[1,null,true,"\u00e9"]}}'.encode()
        assert patch.headers["content-type"] == "application/merge-patch+json"
        assert post.body == b"a=1%20%26%3D%C3%A9&n=3&yes=true"
        assert post.headers["content-type"] == "application/x-www-form-urlencoded"
        assert (delete.line, delete.body) == ("DELETE /a", b"")


# --- retries of reads -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_waits_as_long_as_it_is_asked_to(lines: Lines, status: int) -> None:
    """Retry-After in seconds is honoured, through the clock."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(says({}, status, Retry_After="7"), says({"a": 1}))

        assert lines.reader(server, clock=clock).fetch(READ).body == {"a": 1}
        assert clock.slept == [7]


def test_retry_after_may_be_a_date(lines: Lines) -> None:
    """A date is compared with the wall clock of the clock port."""
    clock = SettableClock()  # 2026-11-23T03:12:00Z
    with Loopback() as server:
        server.will(says({}, 429, Retry_After="Mon, 23 Nov 2026 03:12:09 GMT"), says({}))

        lines.reader(server, clock=clock).fetch(READ)
        assert clock.slept == [9]


def test_a_date_is_held_against_the_systems_own_clock(lines: Lines) -> None:
    """Ours is a day ahead: the date lies before it, and still is nine seconds off."""
    clock = SettableClock()  # 2026-11-23T03:12:00Z
    with Loopback() as server:
        told = {"Date": "Sun, 22 Nov 2026 03:12:00 GMT"}
        server.will(says({}, 429, Retry_After="Sun, 22 Nov 2026 03:12:09 GMT", **told), says({}))

        lines.reader(server, clock=clock).fetch(READ)
        assert clock.slept == [9]


def test_a_read_waits_longer_each_time_and_gives_up_after_four(lines: Lines) -> None:
    """Without a word from the system the pauses grow from half a second, with jitter."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(*[says({}, 503)] * 4)

        with pytest.raises(NoAnswerError, match="answered 503"):
            lines.reader(server, clock=clock).fetch(READ)
        assert len(server.received) == 4
        first, second, third = clock.slept
        assert 0.5 <= first <= 1
        assert 1 <= second <= 1.5
        assert 2 <= third <= 2.5


def test_retry_after_zero_is_no_invitation_to_hammer(lines: Lines) -> None:
    """Zero, nonsense and dates long ago fall back to the growing pauses."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(
            says({}, 429, Retry_After="0"),
            says({}, 429, Retry_After="soon"),
            says({}, 429, Retry_After="Mon, 23 Nov 2020 03:12:09 GMT"),
            says({}),
        )

        lines.reader(server, clock=clock).fetch(READ)
        assert all(pause >= 0.5 for pause in clock.slept)
        assert len(clock.slept) == 3


def test_a_long_retry_after_ends_the_read(lines: Lines) -> None:
    """More than a minute is for the engine to decide; nobody sleeps here."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(says({}, 429, Retry_After="61"))

        with pytest.raises(RefusedBySystemError) as caught:
            lines.reader(server, clock=clock).fetch(READ)
        assert caught.value.again
        assert caught.value.retry_after_s == 61
        assert caught.value.by_hand
        assert clock.slept == []


SPENT = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1795403527"}  # 03:12:07


@pytest.mark.parametrize("system", ["github", "http"])
@pytest.mark.parametrize("headers", [{"Retry_After": "7"}, {"Retry_After": "6.5"}, SPENT])
def test_a_403_that_means_not_now_is_waited_for(
    lines: Lines, system: str, headers: dict[str, str]
) -> None:
    """GitHub's word for too many requests; also where nobody knows whose API it is."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(says({"message": "secondary rate limit"}, 403, **headers), says({"a": 1}))
        reader = lines.to(server.url, clock=clock, system=system, auth="bearer").reader()

        assert reader.fetch(READ).body == {"a": 1}
    if system == "github" or headers is not SPENT:
        assert clock.slept == [7]


@pytest.mark.parametrize("status", [403, 429])
def test_githubs_limit_on_too_much_at_once_may_stand_in_its_words_alone(
    lines: Lines, status: int
) -> None:
    """Nothing says how long: a minute, as GitHub asks for then, and no missing right."""
    clock = SettableClock()
    message = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    with Loopback() as server:
        server.will(says(message, status, x_ratelimit_remaining="4999"), says({"a": 1}))
        reader = lines.to(server.url, clock=clock, system="github", auth="bearer").reader()

        assert reader.fetch(READ).body == {"a": 1}
    assert clock.slept == [60]


@pytest.mark.parametrize("system", ["github", "http", "vault", "pagerduty"])
def test_a_403_that_means_no_is_not_tried_again(lines: Lines, system: str) -> None:
    """A budget that is not spent says nothing; and to others a header is no reason to wait."""
    clock = SettableClock()
    told = {"x_ratelimit_remaining": "4999", "x_ratelimit_reset": "1795403527"}
    told |= {"ratelimit_remaining": "4999", "ratelimit_reset": "50"}
    more = {} if system in {"github", "http"} else {"Retry_After": "7"}
    with Loopback() as server:
        server.will(says({}, 403, **told, **more))
        reader = lines.to(server.url, clock=clock, system=system, auth="bearer").reader()

        with pytest.raises(RefusedBySystemError) as caught:
            reader.fetch(READ)
    assert (caught.value.code, caught.value.again, clock.slept) == ("403", False, [])


def test_a_budget_that_every_answer_tells_is_no_reason_to_wait(lines: Lines) -> None:
    """GitHub says when the hour is over with each answer, a 502 included."""
    clock = SettableClock()
    with Loopback() as server:
        told = {"x_ratelimit_remaining": "4999", "x_ratelimit_reset": "1795407000"}
        server.will(says({}, 502, **told), says({}))
        lines.to(server.url, clock=clock, system="github", auth="bearer").reader().fetch(READ)
    assert clock.slept[0] <= 1


def test_pagerdutys_reset_header_counts_as_retry_after(lines: Lines) -> None:
    """PagerDuty says in another header how long to wait."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(says({}, 429, ratelimit_reset="12"), says({}))

        reader = lines.to(server.url, clock=clock, system="pagerduty", auth="bearer").reader()
        reader.fetch(READ)
        assert clock.slept == [12]


def test_a_read_survives_a_cut_connection(lines: Lines) -> None:
    """Network errors of reads are tried again."""
    with Loopback() as server:
        server.will(CannedAnswer(cut=0), CannedAnswer(200, b'{"a": 1}', cut=3), says({"a": 1}))

        assert lines.reader(server).fetch(READ).body == {"a": 1}
        assert len(server.received) == 3


@pytest.mark.parametrize(
    "answer", [page(200), says({}, 404), says({}, 403), CannedAnswer(302, b"")]
)
def test_what_would_be_the_same_again_is_asked_once(lines: Lines, answer: CannedAnswer) -> None:
    """A page, a 404, a 403 and a redirect are answers; a read does not repeat them."""
    clock = SettableClock()
    with Loopback() as server:
        server.will(answer)

        with pytest.raises((NoAnswerError, RefusedBySystemError)):
            lines.reader(server, clock=clock).fetch(READ)
        assert len(server.received) == 1
        assert clock.slept == []


def test_whoever_waits_is_told(lines: Lines) -> None:
    """Each pause is announced before it begins."""
    told: list[float] = []
    with Loopback() as server:
        server.will(says({}, 429, Retry_After="5"))
        transport = lines.to(
            server.url,
            waiting=lambda _, seconds: told.append(seconds),
        )
        transport.reader().fetch(READ)
    assert told == [5]


def test_the_limit_is_for_the_whole_answer(lines: Lines) -> None:
    """A server that drips header by header is not waited for beyond the call's limit."""
    clock = SettableClock()

    def slowly() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            clock.advance(1)
            yield b"X-A: b\r\n"

    with Loopback() as server:
        server.will(CannedAnswer(raw=slowly()))
        pen = lines.to(server.url, clock=clock).pen()

        with pytest.raises(NoAnswerError, match="within 10 s"):
            pen.send(an_intent(), WRITE, DIGEST)


# --- credentials under test -------------------------------------------------------------------


def test_a_leaked_value_is_tried_and_nothing_of_ours_goes_with_it(lines: Lines) -> None:
    """A probe carries the leaked value alone; a 401 is not blamed on our credential."""
    secrets = FixedSecrets({"it": "credential-of-it", "leaked": "leaked-value-1"})
    with Loopback() as server:
        server.will(says({}, 401))
        reader = lines.to(server.url, secrets).reader()

        with pytest.raises(RefusedBySystemError, match="the secret that was tried is not accepted"):
            reader.fetch(Call("it", "api", "GET", ("a",), auth=AuthBearer(SecretHandle("leaked"))))
        assert server.received[0].headers["authorization"] == "Bearer leaked-value-1"
        assert secrets.asked == ["leaked"]
