import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from respond.adapters.http.request import BaseUrl, UnsendableError, header_line, target
from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.core.records import replace
from respond.core.script import AuthNone, Call
from respond.errors import NoAnswerError, RefusedBySystemError, UsageError
from respond.testing.loopback import CannedAnswer, FixedSecrets, Loopback, says, transport_to
from respond.testing.settable_clock import SettableClock

SECRETS = FixedSecrets({"it": "credential-of-it"})
ATTACKS = [
    "..",
    ".",
    "",
    "../../admin",
    "..\\..\\admin",
    "a/../../b",
    "%2e%2e",
    "%2e%2e%2fadmin",
    "//evil.example/",
    "@evil.example",
    "x?admin=1",
    "x#frag",
    "x;jsessionid=1",
    "x&role=owner",
    "a=b",
    "a b+c",
    "\r\nX-Evil: 1",
    "x\r\n\r\nGET /evil HTTP/1.1\r\n",
    "\x00",
    "\x1b[2J",
    "\u202egpj",
    "\ud800",
    '"}],"admin":true',
    "<script>",
    "{{7*7}}",
    "${jndi:ldap://evil.example}",
    "\u0661\uff0e\uff0e",
    "*",
    "a" * 3000,
]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def elsewhere() -> Iterator[Loopback]:
    """Somebody else's server; nothing may ever connect to it."""
    with Loopback() as loopback:
        yield loopback
        assert loopback.accepted == 0


@pytest.fixture
def transport(server: Loopback) -> Iterator[HttpTransport]:
    with transport_to(f"{server.url}/base", SECRETS, system="x", auth="bearer") as made:
        yield made


def was_sent(server: Loopback, transport: HttpTransport, call: Call) -> bool:
    """Whether the call left; if not, it was refused before anything connected."""
    try:
        transport.reader().fetch(call)
    except RefusedBySystemError as refused:
        error = refused
    else:
        return True
    assert error.code == "not-sent"
    assert server.accepted == 0
    assert str(error).count("\n") == 1
    assert str(error).replace("\n", "").isprintable()
    return False


# --- P19: data stays data -----------------------------------------------------------------------


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_in_a_path_stays_one_segment(
    server: Loopback, transport: HttpTransport, attack: str
) -> None:
    """An id from outside is one segment of the path, or the request is refused unsent."""
    if not was_sent(server, transport, Call("it", "api", "GET", ("users", attack, "keys"))):
        return
    (seen,) = server.received
    base, users, value, keys = seen.target.lstrip("/").split("/")
    assert (base, users, keys) == ("base", "users", "keys")
    assert unquote(value) == attack


@pytest.mark.promise("P19")
@pytest.mark.parametrize("climbs", ["..", ".", "", "../../admin", "a/../../b", "..\\..\\admin"])
def test_a_value_that_would_climb_never_leaves(
    server: Loopback, transport: HttpTransport, climbs: str
) -> None:
    """A server folds the dots of a path after it has undone the quotes: no quoting is enough."""
    assert not was_sent(server, transport, Call("it", "api", "GET", ("users", climbs, "keys")))


@pytest.mark.promise("P19")
@pytest.mark.parametrize("text", ["\x00", "a\nb", "\x1b[2J", "\x9b2J"])
def test_a_control_character_in_a_path_never_leaves(
    server: Loopback, transport: HttpTransport, text: str
) -> None:
    """No id has one; what a server makes of it once unquoted nobody knows."""
    assert not was_sent(server, transport, Call("it", "api", "GET", ("users", text)))


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_in_a_query_stays_one_value(
    server: Loopback, transport: HttpTransport, attack: str
) -> None:
    """A value cannot add a parameter, end the query, or begin a header."""
    query = (("email", attack), ("limit", "1"))
    if not was_sent(server, transport, Call("it", "api", "GET", ("users",), query=query)):
        return
    (seen,) = server.received
    path, _, text = seen.target.partition("?")
    assert path == "/base/users"
    assert parse_qsl(text, keep_blank_values=True) == list(query)
    assert "x-evil" not in seen.headers


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_in_a_header_stays_one_value(
    server: Loopback, transport: HttpTransport, attack: str
) -> None:
    """A header value is sent as it is, or the request is refused unsent."""
    headers = (("X-Workspace-Id", attack),)
    if not was_sent(server, transport, Call("it", "api", "GET", ("users",), headers=headers)):
        return
    (seen,) = server.received
    assert seen.headers["x-workspace-id"] == attack
    assert set(seen.headers) == {
        "host", "user-agent", "accept", "accept-encoding", "authorization", "x-workspace-id",
    }  # fmt: skip


@pytest.mark.promise("P19")
@given(segment=st.text(max_size=12), name=st.text(max_size=6), value=st.text(max_size=12))
@example(segment="a/..", name="", value="")
@example(segment="\\..\\", name="&", value="=")
def test_any_text_keeps_its_place_in_the_target(segment: str, name: str, value: str) -> None:
    """Whatever the text, the target has as many segments and pairs as the call."""
    try:
        made = target("/v1", Call("", "", "GET", ("a", segment), query=((name, value),)))
    except UnsendableError:
        return
    text = made.decode("ascii")
    assert re.fullmatch(r"/v1/a/[A-Za-z0-9_.~%-]+\?[A-Za-z0-9_.~%-]*=[A-Za-z0-9_.~%-]*", text)
    path, _, query = text.partition("?")
    assert unquote(path.split("/")[3]) == segment
    assert [unquote(part) for part in query.split("=")] == [name, value]


@pytest.mark.promise("P19")
@given(name=st.text(max_size=8), value=st.text(max_size=12))
def test_any_header_is_one_printable_line(name: str, value: str) -> None:
    """No name and no value can hold what ends a line or a name."""
    try:
        raw_name, raw_value = header_line(name, value)
    except UnsendableError:
        return
    assert not re.search(rb"[^!-~]|:", raw_name)
    assert not re.search(rb"[^ -~]", raw_value)


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "name", ["Host", "Authorization", "Cookie", "Content-Length", "Transfer-Encoding", "Te"]
)
def test_a_call_can_not_set_what_frames_or_routes(
    server: Loopback, transport: HttpTransport, name: str
) -> None:
    """Host, framing and credentials are not for a call to set."""
    call = Call("it", "api", "GET", ("a",), headers=((name, "x"),))

    with pytest.raises(RefusedBySystemError, match="not for a call to set"):
        transport.reader().fetch(call)
    assert server.accepted == 0


@pytest.mark.promise("P19")
def test_the_target_goes_out_byte_by_byte(server: Loopback, transport: HttpTransport) -> None:
    """Nothing below folds dots or undoes quotes: percent signs arrive quoted."""
    transport.reader().fetch(Call("it", "api", "GET", ("%2e%2e", "a:b", "\u00e9", "..a", "a/b")))

    assert server.lines == ["GET /base/%252e%252e/a%3Ab/%C3%A9/..a/a%2Fb"]


@pytest.mark.promise("P10", "P19")
def test_a_method_behind_a_colon_is_ours_alone(server: Loopback, transport: HttpTransport) -> None:
    """The colon is one on the wire; one of an id never is, and what is no word is not sent."""
    call = Call("it", "api", "GET", ("keys", "7:delete"), custom="disable")
    transport.reader().fetch(call)

    assert server.lines == ["GET /base/keys/7%3Adelete:disable"]
    assert call.says == "GET /keys/7%3Adelete:disable"
    assert call.place != Call("it", "api", "GET", ("keys", "7:delete", "disable")).place
    for wrong in ("a/b", "a:b", "a?b", "é"):
        with pytest.raises(RefusedBySystemError, match="no method"):
            transport.reader().fetch(replace(call, custom=wrong))
    assert len(server.received) == 1


# --- P20: requests go where configured ----------------------------------------------------------


@pytest.mark.promise("P20")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(
    server: Loopback, elsewhere: Loopback, transport: HttpTransport, status: int
) -> None:
    """No status and no Location make us connect anywhere else."""
    server.will(CannedAnswer(status, b"{}", {"Location": f"{elsewhere.url}/x"}))

    with pytest.raises(NoAnswerError, match="redirect"):
        transport.reader().fetch(Call("it", "api", "GET", ("a",)))
    assert len(server.received) == 1


@pytest.mark.promise("P20")
@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_proxies_of_the_environment_are_not_used(
    server: Loopback, elsewhere: Loopback, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A proxy counts when it is configured, and an environment is no configuration."""
    monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.setenv(name.lower(), elsewhere.url)

    with transport_to(server.url, SECRETS, system="x", auth="bearer") as transport:
        transport.reader().fetch(Call("it", "api", "GET", ("a",)))
    assert server.lines == ["GET /a"]


@pytest.mark.promise("P20")
def test_netrc_is_not_read(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials come from the connection alone, even where a .netrc has some."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login a password netrc-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    with transport_to(server.url, SECRETS, system="x", auth="bearer") as transport:
        transport.reader().fetch(Call("it", "api", "GET", ("a",), auth=AuthNone()))
    assert "authorization" not in server.received[0].headers


@pytest.mark.promise("P20")
def test_cookies_of_one_answer_are_not_sent_with_the_next(
    server: Loopback, transport: HttpTransport
) -> None:
    """A session that a server opens by cookie does not exist for us."""
    server.will(says({}, Set_Cookie="session=1; Path=/"))
    reader = transport.reader()
    reply = reader.fetch(Call("it", "api", "GET", ("a",)))
    reader.fetch(Call("it", "api", "GET", ("b",)))

    assert "set-cookie" not in reply.headers
    assert "cookie" not in server.received[1].headers


@pytest.mark.promise("P20")
@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://localhost:8200",
        "http://127.0.0.1.evil.example",
        "http://127.1",
        "http://10.0.0.1",
        "http://[::2]",
        "http://[::1%25eth0]",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "//api.example.com",
        "api.example.com",
        "https://",
        "https:///path",
        "https://user@api.example.com",
        "https://user:password@api.example.com",
        "https://api.example.com@evil.example",
        "https://api.example.com\\@evil.example",
        "https://api.example.com#@evil.example",
        "https://api.example.com?x=1",
        "https://api.example.com/a?",
        "https://api.example.com/../x",
        "https://api.example.com/a//b",
        "https://api.example.com/%2e%2e/x",
        "https://api.example.com:99999",
        "https://api.example.com:x",
        "https://api..example.com",
        "https://api.example.com\r\n.evil.example",
        "https://api.example.com .evil.example",
        "https://\u0430pi.example.com",
        "https://[::1",
        f"https://{'a' * 64}.example.com",
    ],
)
def test_an_address_that_is_not_plain_https_is_refused(url: str) -> None:
    """The configuration is refused before anything connects, and the error names the line."""
    with pytest.raises(UsageError, match="connection 'it' cannot be used") as caught:
        BaseUrl.parse(url, connection="it", loopback_ok=True)
    assert "[connections.it]" in caught.value.do


@pytest.mark.promise("P20")
def test_plain_http_needs_a_loopback_address_and_leave() -> None:
    """Plain HTTP to this machine is for rehearsals, which ask for it."""
    with pytest.raises(UsageError, match="cannot be used"):
        BaseUrl.parse("http://127.0.0.1:1", connection="it", loopback_ok=False)
    assert BaseUrl.parse("http://127.0.0.1:1", connection="it", loopback_ok=True).prefix == ""
    assert BaseUrl.parse("http://[::1]:1/v1/", connection="it", loopback_ok=True).prefix == "/v1"
    assert BaseUrl.parse("https://slack.com/api", connection="it", loopback_ok=False) == BaseUrl(
        "https://slack.com/", "slack.com", secure=True, prefix="/api"
    )


@pytest.mark.parametrize(
    "url", ["https://Slack.com/api/", "https://slack.com:443/api", "https://slack.com/api"]
)
def test_an_origin_is_written_in_one_way(url: str) -> None:
    """Case, the usual port and a slash at the end make no other place."""
    site = BaseUrl.parse(url, connection="it", loopback_ok=False)
    assert (site.origin, site.prefix) == ("https://slack.com/", "/api")


@pytest.mark.promise("P20")
def test_a_wrong_address_is_found_when_the_transport_is_made() -> None:
    """Nobody has to send something to learn that an address cannot be used."""
    endpoint = Endpoint("it", "x", {"api": "http://api.example.com"}, "bearer")

    with pytest.raises(UsageError):
        HttpTransport(
            {"it": endpoint},
            SECRETS,
            SECRETS.opened,
            SettableClock(),
            user_agent="respond/test",
            redactor=Redactor(),
        )
