"""Requests that are signed as a whole, and answers in XML."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from respond.adapters.http.sigv4 import KeyPair, UnsignableError, sigv4
from respond.adapters.http.transport import WriteRefusedError
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.way import WayThere
from respond.core.script import AuthBearer, AuthNone, Call
from respond.core.strict_xml import NotStrictXmlError, decode
from respond.core.values import SecretHandle
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.ports import Intent
from respond.systems import vendor
from respond.testing.loopback import CannedAnswer, FixedSecrets, Loopback, page, transport_to
from respond.testing.settable_clock import SettableClock

AT = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp())
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PAIR = KeyPair("AKIDEXAMPLE", SECRET)
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfI"
    "eoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0"
    "wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDry"
    "pNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


def signature(
    method: str, target: bytes, *headers: tuple[bytes, bytes], pair: KeyPair = PAIR, **more: Any
) -> str:
    told = {"service": "service", "host": "example.amazonaws.com", "content": b"", **more}
    host, content = told.pop("host"), told.pop("content")
    lines = sigv4(
        pair, method, host, target, headers, content, region="us-east-1", now_s=AT, **told
    )
    return lines[-1][1].rpartition("=")[2]


@pytest.mark.parametrize(
    ("name", "found", "published"),
    [
        (
            "get-vanilla",
            signature("GET", b"/"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            signature("GET", b"/?Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-query-order-value",
            signature("GET", b"/?Param1=value2&Param1=Value1"),
            "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
        ),
        (
            "get-vanilla-utf8-query",
            signature("GET", b"/?%E1%88%B4=bar"),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "post-vanilla",
            signature("POST", b"/"),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-x-www-form-urlencoded",
            signature("POST", b"/", FORM, content=b"Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "post-sts-header-before",
            signature("POST", b"/", pair=KeyPair("AKIDEXAMPLE", SECRET, TOKEN)),
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        ),
        (
            "the example of the reference: ListUsers",
            signature(
                "GET",
                b"/?Action=ListUsers&Version=2010-05-08",
                (FORM[0], FORM[1] + b"; charset=utf-8"),
                service="iam",
                host="iam.amazonaws.com",
            ),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ],
)
def test_it_signs_as_the_published_examples_do(name: str, found: str, published: str) -> None:
    """AWS's test suite for Signature Version 4, by its own names."""
    assert found == published, name


def test_what_a_proxy_may_change_is_not_signed() -> None:
    """Else it would break what it passes on."""
    others = ((b"User-Agent", b"x"), (b"Accept", b"y"))

    assert signature("GET", b"/", *others) == signature("GET", b"/")


@pytest.mark.parametrize("wrong", ["", "AKIA", "AKIA:", ":secret", "a:b:c:d", "a:b:", "ä:b"])
def test_what_is_no_pair_signs_nothing(wrong: str) -> None:
    """And is not shown."""
    with pytest.raises(UnsignableError) as refused:
        KeyPair.of(wrong)
    assert str(refused.value) == "the credential is not of the form KEY_ID:SECRET"
    assert "secret" not in repr(KeyPair("a", "secret", "secret"))


# --- on the wire --------------------------------------------------------------------------------

OWN = f"AKIDOWN:{SECRET}"
SESSION = f"ASIASESSION:{SECRET}//x:the-token-of-it"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as found:
        yield found


def to(server: Loopback, redactor: Redactor | None = None, **secrets: str) -> Any:
    values = {"it": OWN, "leaked": SESSION, **secrets}
    return transport_to(
        server.url,
        FixedSecrets(values),
        system="aws",
        surfaces=("iam", "sts", "secrets"),
        options={"region": "eu-west-1"},
        clock=SettableClock(),
        redactor=redactor,
    )


def asked(action: str, surface: str = "iam", **more: Any) -> Call:
    return Call("it", surface, "GET", (), (("Action", action), ("Version", "1")), **more)


def named(operation: str, **more: Any) -> Call:
    target = ("X-Amz-Target", f"secretsmanager.{operation}")
    return Call("it", "secrets", "POST", (), headers=(target,), body={"SecretId": "a"}, **more)


def xml(text: str, status: int = 200) -> CannedAnswer:
    return CannedAnswer(status, text.encode(), {"content-type": "text/xml"})


def test_a_request_is_signed_for_its_service_and_region(server: Loopback) -> None:
    """Each surface with its own; the secret itself is nowhere."""
    server.will(xml("<a><b>1</b></a>"), xml("<a/>"), xml('{"ARN":"x"}'))
    with to(server) as transport:
        reader = transport.reader()
        assert reader.fetch(asked("GetUser")).body == {"a": {"b": "1"}}
        reader.fetch(asked("GetCallerIdentity", "sts"))
        assert reader.fetch(named("DescribeSecret")).body == {"ARN": "x"}

    scopes = [re.findall(r"Credential=AKIDOWN/\d{8}/([^,]+)", seen.headers["authorization"])
              for seen in server.received]  # fmt: skip
    assert scopes == [
        ["us-east-1/iam/aws4_request"],
        ["eu-west-1/sts/aws4_request"],
        ["eu-west-1/secretsmanager/aws4_request"],
    ]
    last = server.received[-1].headers
    assert last["content-type"] == "application/x-amz-json-1.1"
    assert "content-type;host;x-amz-date;x-amz-target" in last["authorization"]
    assert SECRET not in repr(server.received)


def test_what_is_signed_is_what_is_sent(server: Loopback) -> None:
    """The very bytes of target, headers and body."""
    server.will(xml("<a/>"))
    call = Call("it", "iam", "POST", (), form=True, body={"Action": "X", "Name": "a b+c/é"})
    with to(server) as transport:
        transport.pen().send(Intent.mint(seq=1, run="CK-1", digest="d"), call, "d")

    (seen,) = server.received
    host = seen.headers["host"]
    given = [(b"Content-Type", seen.headers["content-type"].encode())]
    at = datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    again = sigv4(
        KeyPair.of(OWN), "POST", host, seen.target.encode(), given, seen.body,
        service="iam", region="us-east-1", now_s=int(at.timestamp()),
    )  # fmt: skip
    assert seen.headers["authorization"] == again[-1][1]
    assert seen.body == b"Action=X&Name=a%20b%2Bc%2F%C3%A9"


def test_a_secret_of_the_run_signs_when_it_is_tried(server: Loopback) -> None:
    """With the token of its session; without any credential nothing is signed."""
    server.will(xml("<a/>"), xml("<a/>"))
    with to(server) as transport:
        reader = transport.reader()
        tried = AuthBearer(SecretHandle("leaked"))
        reader.fetch(asked("GetCallerIdentity", "sts", auth=tried))
        reader.fetch(asked("GetCallerIdentity", "sts", auth=AuthNone()))

    assert "Credential=ASIASESSION/" in server.received[0].headers["authorization"]
    assert server.received[0].headers["x-amz-security-token"] == "the-token-of-it"
    assert "authorization" not in server.received[1].headers


@pytest.mark.promise("P22")
def test_each_part_of_a_credential_is_kept_out_of_answers(server: Loopback) -> None:
    """Its secret and its token; the id of the key is none."""
    number, secret, token = SESSION.split(":")
    server.will(xml(f"<a><b>{secret}</b><c>{token}</c><d>{number}</d></a>"))
    with to(server, Redactor(), it=SESSION) as transport:
        found = transport.reader().fetch(asked("GetUser")).body["a"]

    assert (found["b"], found["c"]) == ("[secret it]", "[secret it]")
    assert found["d"] == number


@pytest.mark.parametrize("name", ["X-Amz-Date", "x-amz-security-token", "Authorization", "Host"])
def test_what_belongs_to_a_signature_is_not_for_a_call_to_set(server: Loopback, name: str) -> None:
    """Nothing is sent with two of them."""
    with to(server) as transport, pytest.raises(RefusedBySystemError) as refused:
        transport.reader().fetch(asked("GetUser", headers=((name, "20150830T123600Z"),)))
    assert refused.value.code == "not-sent"
    assert server.received == []


def test_a_credential_that_cannot_sign_sends_nothing(server: Loopback) -> None:
    """It says what is wanted and how to give it; nothing of what was given is shown."""
    transport = to(server, it="a-bearer-token")
    with transport, pytest.raises(NotReadyError, match="KEY_ID:SECRET") as refused:
        transport.reader().fetch(asked("GetUser"))
    assert refused.value.do == "respond connect it"
    assert "a-bearer-token" not in f"{refused.value.what} {refused.value.why}"
    assert server.received == []


# --- what only reads ----------------------------------------------------------------------------


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "call",
    [
        asked("DeleteUser"),
        asked("getuser"),
        Call("it", "iam", "GET", (), (("Action", "GetUser"), ("Action", "DeleteUser"))),
        Call("it", "iam", "GET", (), (("Action", "GetUser"), ("action", "DeleteUser"))),
        Call("it", "iam", "GET", ()),
        Call("it", "iam", "POST", (), (("Action", "GetUser"),)),
        Call("it", "iam", "POST", (), form=True, body={"Action": "GetUser"}),
        Call("it", "iam", "HEAD", (), (("Action", "GetUser"),)),
        Call("it", "sts", "GET", (), (("Action", "GetUser"),)),
        named("PutSecretValue"),
        named("GetSecretValue", query=(("Action", "DeleteSecret"),)),
        named("GetSecretValue", form=True),
        Call("it", "iam", "POST", (), headers=(("X-Amz-Target", "secretsmanager.GetSecretValue"),)),
        Call("it", "secrets", "GET", (), (("Action", "GetUser"),)),
    ],
)
def test_a_reader_sends_what_names_a_read_and_nothing_else(server: Loopback, call: Call) -> None:
    """Neither the verb nor the path tells: a GET deletes, a POST reads."""
    with to(server) as transport, pytest.raises(WriteRefusedError):
        transport.reader().fetch(call)
    assert server.received == []


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", b"/?Action=DeleteUser", []),
        ("GET", b"/x?Action=DeleteUser", []),
        ("GET", b"/?Action=GetUser&Action=DeleteUser", []),
        ("GET", b"/?Action=GetUser&%41ction=DeleteUser", []),
        ("POST", b"/", [("X-Amz-Target", "secretsmanager.PutSecretValue")]),
        ("POST", b"/", []),
        ("HEAD", b"/?Action=GetUser", []),
    ],
)
def test_the_client_itself_refuses_what_does_not_read(
    server: Loopback, method: str, target: bytes, headers: list[tuple[str, str]]
) -> None:
    """At its lowest level, whatever was handed to it."""
    with to(server) as transport:
        client: Any = transport.reader()._line.client()
        import httpx  # noqa: PLC0415 - the client's own

        within = dict.fromkeys(("connect", "read", "write", "pool"), 5.0)
        reached = {"target": target, "way": WayThere(inside=True), "timeout": within}
        request = httpx.Request(method, f"{server.url}/", headers=headers, extensions=reached)
        with pytest.raises(WriteRefusedError):
            client.handle_request(request)
    assert server.received == []


# --- a no, and not now --------------------------------------------------------------------------


def no(code: str, message: str = "words of theirs") -> str:
    error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f'<ErrorResponse xmlns="https://x/"><Error>{error}</Error></ErrorResponse>'


@pytest.mark.parametrize(
    ("code", "status", "means"),
    [
        ("InvalidClientTokenId", 403, "401"),
        ("ExpiredToken", 403, "401"),
        ("AccessDenied", 403, "403"),
        ("SignatureDoesNotMatch", 403, "403"),
        ("ValidationError", 400, "400"),
    ],
)
def test_the_word_decides_and_not_the_status_alone(
    server: Loopback, code: str, status: int, means: str
) -> None:
    """A dead credential and a missing right come with one status."""
    server.will(xml(no(code), status))
    with to(server) as transport, pytest.raises(RefusedBySystemError) as refused:
        transport.reader().fetch(asked("GetUser"))

    assert refused.value.code == means
    assert "words of theirs" in refused.value.why


def test_not_now_is_a_word_too(server: Loopback) -> None:
    """Also where the status is an answer otherwise."""
    later = xml('{"__type":"ThrottlingException","Message":"slow down"}', 400)
    server.will(xml(no("Throttling"), 400), xml("<a/>"), later, xml('{"ARN":"x"}'))
    with to(server) as transport:
        assert transport.reader().fetch(asked("GetUser")).body == {"a": ""}
        found = transport.reader().fetch(named("DescribeSecret", answers=frozenset({400})))

    assert found.body == {"ARN": "x"}


@pytest.mark.promise("P6")
@pytest.mark.parametrize("answer", [page(), xml("{}"), xml(""), xml("<a><b></a>")])
def test_a_success_that_is_no_xml_is_none(server: Loopback, answer: CannedAnswer) -> None:
    """A page, JSON, nothing, half of it."""
    server.will(answer)
    with to(server) as transport, pytest.raises(NoAnswerError):
        transport.reader().fetch(asked("GetUser"))


# --- XML ----------------------------------------------------------------------------------------


def test_xml_is_read_as_json_of_the_same_shape() -> None:
    """Records, lists of members, texts; attributes and comments say nothing."""
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?><R xmlns="https://x/"><!-- no --><L><member>1'
        "</member><member><N>é &amp; <![CDATA[<x>]]></N></member></L><E/><F>  </F></R>"
    )

    assert decode(text.encode()) == {"R": {"L": ["1", {"N": "é & <x>"}], "E": "", "F": "  "}}


@pytest.mark.promise("P21")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        ("<!DOCTYPE html><html/>", "document type"),
        ("<?php x ?><a/>", "instruction"),
        ("<a>&b;</a>", "not XML"),
        ("<a><b>1</b><b>2</b></a>", "twice"),
        ("<a><member>1</member><b>2</b><member>3</member></a>", "twice"),
        ("<a>x<b/></a>", "between"),
        ("<a>" * 70 + "</a>" * 70, "deeply"),
        ("<a", "not XML"),
        ("<a/><b/>", "not XML"),
        ("", "not XML"),
    ],
)
def test_what_is_more_than_plain_xml_is_refused(text: str, why: str) -> None:
    """No entities, so that none grows or fetches anything; nothing that two readers take twice."""
    with pytest.raises(NotStrictXmlError, match=why):
        decode(text.encode())


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    """Whatever they say of themselves."""
    for data in ("<a>é</a>".encode("latin-1"), "<a/>".encode("utf-16"), b"<a>\xff</a>"):
        with pytest.raises(NotStrictXmlError):
            decode(data)


def test_a_long_text_costs_no_more_than_its_length() -> None:
    """It comes in pieces."""
    long = "x" * 200_000 + "&amp;" * 1_000
    assert hashlib.sha256(decode(f"<a>{long}</a>".encode())["a"].encode()).hexdigest()


def test_the_regions_are_alike_and_no_region_leads_elsewhere() -> None:
    """A name that is no region's has no address."""
    aws = vendor("aws")

    assert aws.base_urls("")["sts"] == "https://sts.us-east-1.amazonaws.com"
    assert aws.base_urls("eu-west-1")["secrets"].startswith("https://secretsmanager.eu-west-1.")
    assert all(not aws.base_urls(name) for name in ("x.example", "a/b", "a b", "é", "x" * 41))
