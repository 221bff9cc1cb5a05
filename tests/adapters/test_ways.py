"""How requests leave a company's network: its authorities, its proxy, and no address inside."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.test_smtp import STARTTLS, MailServer, send

from respond.adapters.http.transport import Endpoint, HttpTransport
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.sockets import InwardError, outward
from respond.adapters.way import WayThere
from respond.core.script import AuthNone, Call
from respond.errors import NotReadyError, RefusedBySystemError, UsageError
from respond.formats.project.project_file import parse_project
from respond.ports import Intent
from respond.server.signon import SignOn, SignOnSettings
from respond.testing.certificates import self_signed, server_context
from respond.testing.loopback import FixedSecrets, Loopback, says
from respond.testing.settable_clock import SettableClock
from respond.wiring.connections import _NEVER_USED, endpoint_of, mail_server_of, way_of

FAR = "192.0.2.7"
"""Nobody has this address (RFC 5737): only the proxy knows how to get there."""
WRITE = Call("it", "http", "PUT", ("a",), auth=AuthNone())
READ = Call("it", "http", "GET", ("a",), auth=AuthNone())


class Proxy:
    """A CONNECT proxy that leads every name to one port of this machine."""

    def __init__(self, port: int, answer: str = "200 Connection established") -> None:
        self.asked: list[str] = []
        self._port = port
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.append(head.split(b"\r\n")[0].decode())
        client.sendall(f"HTTP/1.1 {self._answer}\r\n\r\n".encode())
        if not self._answer.startswith("200"):
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self._port))
        threading.Thread(target=_pour, args=(server, client), daemon=True).start()
        _pour(client, server)

    def close(self) -> None:
        self._socket.close()


def _pour(source: socket.socket, into: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            into.sendall(piece)
        into.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        into.close()


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    made: list[Proxy] = []

    def start(port: int, **more: Any) -> Proxy:
        made.append(Proxy(port, **more))
        return made[-1]

    yield start
    for each in made:
        each.close()


def transport(url: str, way: WayThere) -> HttpTransport:
    endpoint = Endpoint("it", "http", {"http": url}, "none", way=way)
    secrets = FixedSecrets({})
    return HttpTransport(
        {"it": endpoint}, secrets, secrets.opened, SettableClock(), user_agent="t",
        redactor=Redactor(),
    )  # fmt: skip


def port_of(server: Loopback) -> int:
    return int(server.url.rpartition(":")[2])


# --- authorities ----------------------------------------------------------------------------------


def test_a_private_authority_counts_where_it_is_named(tmp_path: Path) -> None:
    """And nobody else's does there: it is no addition to the public ones."""
    pem = self_signed(tmp_path)
    with Loopback(server_context(pem)) as server, transport(server.url, WayThere(str(pem))) as http:
        assert http.reader().fetch(READ).status == 200
    other = tmp_path / "other"
    other.mkdir()
    with (
        Loopback(server_context(pem)) as server,
        transport(server.url, WayThere(str(self_signed(other)))) as http,
        pytest.raises(RefusedBySystemError, match=r"held against .*other") as caught,
    ):
        http.reader().fetch(READ)
    assert caught.value.code == "not-connected"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_used_are_named(tmp_path: Path, content: str | None) -> None:
    """The file, and where in respond.toml it stands; nothing is sent."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    way = WayThere(str(file), table="connections.it")
    with (
        Loopback() as server,
        transport(server.url.replace("http:", "https:"), way) as http,
        pytest.raises(NotReadyError, match=r"ca\.pem cannot be used") as caught,
    ):
        http.reader().fetch(READ)
    assert "[connections.it]" in caught.value.do
    assert server.accepted == 0


def test_a_mail_servers_port_that_is_no_number_is_named() -> None:
    """Options are a system's own, so the file's reader did not look."""
    project = parse_project(
        b'[connections.mail]\nsystem = "email"\noptions = { port = "smtp" }\n',
        name="respond.toml",
    )
    with pytest.raises(UsageError, match="the port 'smtp' of connection 'mail'"):
        mail_server_of(project.connections["mail"], project)


def test_authorities_of_a_user_whom_nobody_knows_are_a_file_that_is_not_there() -> None:
    """They are named as any other that cannot be used, when they are needed."""
    project = parse_project(
        b'[connections.it]\nsystem = "http"\nca = "~nobody-here/ca.pem"\n'
        b'base_urls = { http = "https://it.example.com" }\n',
        name="respond.toml",
    )
    assert endpoint_of(project.connections["it"], project).way.ca == "~nobody-here/ca.pem"


@pytest.mark.promise("P20")
def test_the_environment_is_not_used_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy and authorities that other programs would take: nothing goes there."""
    for name in _NEVER_USED:
        monkeypatch.delenv(name, raising=False)
    pem = self_signed(tmp_path)
    with Loopback() as trap, Loopback(server_context(pem)) as server:
        monkeypatch.setenv("HTTPS_PROXY", trap.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        project = parse_project(
            f'[connections.it]\nsystem = "http"\ninside = true\n'
            f'base_urls = {{ http = "{server.url}" }}\n'.encode(),
            name="respond.toml",
        )
        way = endpoint_of(project.connections["it"], project).way
        with transport(server.url, way) as http, pytest.raises(RefusedBySystemError) as caught:
            http.reader().fetch(READ)
    assert (trap.accepted, server.received) == (0, [])
    assert "HTTPS_PROXY, SSL_CERT_FILE of the environment counts for nothing" in caught.value.do
    assert "[connections.it]" in caught.value.do


# --- proxies --------------------------------------------------------------------------------------


def test_a_proxy_is_asked_and_looks_the_name_up_itself(
    tmp_path: Path, proxy: Callable[..., Proxy]
) -> None:
    """What is said to the far end stays inside TLS."""
    pem = self_signed(tmp_path, FAR)
    with Loopback(server_context(pem)) as server:
        through = proxy(port_of(server))
        with transport(f"https://{FAR}", WayThere(str(pem), through.url, inside=False)) as http:
            assert http.reader().fetch(READ).status == 200
    assert through.asked == [f"CONNECT {FAR}:443 HTTP/1.1"]
    assert server.lines == ["GET /a"]


def test_a_proxy_that_refuses_is_named_with_its_own_words(proxy: Callable[..., Proxy]) -> None:
    """Nothing left, so the write did not happen."""
    through = proxy(0, answer="407 Proxy Authentication Required")
    with (
        transport(f"https://{FAR}", WayThere(proxy=through.url)) as http,
        pytest.raises(RefusedBySystemError, match="407 Proxy Auth") as caught,
    ):
        http.reader().fetch(READ)
    assert f"through the proxy {through.url}" in caught.value.why


# --- the same for mail and sign-on ----------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("by", ["directly", "through a proxy"])
def test_mail_goes_the_same_way(
    tmp_path: Path, proxy: Callable[..., Proxy], tls: str, by: str
) -> None:
    """Its own authorities, and the proxy's tunnel."""
    pem = self_signed(tmp_path)
    replies = STARTTLS if tls == "starttls" else ["220 hi", *STARTTLS[3:]]
    server = MailServer(replies, pem, tls_first=tls == "implicit")
    through = proxy(server.port).url if by == "through a proxy" else ""
    try:
        way = WayThere(str(pem), through)
        assert send(server, loopback_ok=False, user="respond", tls=tls, way=way).status == 250
    finally:
        server.close()


def test_sign_on_goes_the_same_way(tmp_path: Path, proxy: Callable[..., Proxy]) -> None:
    """The identity provider has a certificate of the company's own, behind the company's proxy."""
    pem = self_signed(tmp_path, FAR)
    issuer = f"https://{FAR}"
    with Loopback(server_context(pem)) as server:
        through = proxy(port_of(server))
        server.will(_document(issuer))
        signon = _signon(issuer, WayThere(str(pem), through.url))
        assert asyncio.run(signon.begin())[0].startswith(f"{issuer}/authorize?")
        with pytest.raises(NotReadyError, match=f"through the proxy {through.url}"):
            asyncio.run(_signon(issuer, WayThere(proxy=through.url)).begin())


def _document(issuer: str) -> Any:
    named = {name: f"{issuer}/{name}" for name in ("jwks_uri", "token_endpoint")}
    return says({"issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", **named})


def _signon(issuer: str, way: WayThere) -> SignOn:
    settings = SignOnSettings(issuer, "page", lambda: "", "https://page.example", {}, way=way)
    return SignOn(settings, SettableClock())


@pytest.mark.parametrize(
    ("methods", "sent"),
    [
        (["client_secret_basic", "client_secret_post"], "client_secret=ab%2Bcd%2Fef%3D%3D"),
        (["client_secret_basic"], "Basic cGFnZTphYiUyQmNkJTJGZWYlM0QlM0Q="),
        (None, "Basic cGFnZTphYiUyQmNkJTJGZWYlM0QlM0Q="),
    ],
)
def test_a_client_secret_is_written_so_that_it_is_read_in_one_way(
    methods: list[str] | None, sent: str
) -> None:
    """In the form where the provider takes it there, else encoded as RFC 6749, 2.3.1, asks."""
    with Loopback() as server:
        named = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
        document = json.loads(_document(server.url).body) | named
        server.will(says(document), says({"error": "invalid_client"}, 401))
        settings = SignOnSettings(server.url, "page", lambda: "ab+cd/ef==", server.url, {})
        signon = SignOn(settings, SettableClock())
        _, kept = asyncio.run(signon.begin())
        with pytest.raises(NotReadyError, match="does not accept our client secret") as caught:
            asyncio.run(signon.finish({"state": kept["state"], "code": "c"}, kept))

    asked = server.received[-1]
    assert sent in asked.body.decode() + asked.headers.get("authorization", "")
    assert ("authorization" in asked.headers) == sent.startswith("Basic")
    assert "respond connect oidc" in caught.value.do


def test_every_table_that_requests_follow_has_both(tmp_path: Path) -> None:
    """Connections, mail, sources and sign-on; the file stands beside respond.toml."""
    both = 'ca = "company.pem"\nproxy = "http://proxy.example.com:3128"\n'
    project = parse_project(
        f"""
[connections.cio]
system = "customerio"
{both}
[connections.mail]
system = "email"
{both}
[connections.mail.options]
host = "smtp.example.com"
from = "security@example.com"
[sources.gh]
sender = "github"
runbooks = ["x"]
{both}
[server]
url = "https://respond.example.com"
[server.oidc]
issuer = "https://id.example.com"
client_id = "page"
{both}""".encode(),
        name="respond.toml",
        folder=tmp_path,
    )
    assert project.server.oidc is not None
    mail = mail_server_of(project.connections["mail"], project)
    ways = [
        endpoint_of(project.connections["cio"], project).way,
        mail.way,
        way_of(project.sources["gh"], project, "sources.gh"),
        way_of(project.server.oidc, project, "server.oidc"),
    ]
    assert {(way.ca, way.proxy) for way in ways} == {
        (str(tmp_path / "company.pem"), "http://proxy.example.com:3128")
    }
    assert mail.ehlo == "example.com"


# --- inside ---------------------------------------------------------------------------------------

INSIDE = (
    "127.0.0.1", "127.8.8.8", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "::1", "::", "fe80::1",
    "fd00:ec2::254", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1",
)  # fmt: skip


@pytest.mark.promise("P20")
@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_none(address: str) -> None:
    """Loopback, link-local, private, metadata; also wrapped into an address of another kind."""
    with pytest.raises(InwardError):
        outward(address, 443)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_an_address_outside_is_one(address: str) -> None:
    """What every other name leads to."""
    assert outward(address, 443) == [address]


@pytest.mark.promise("P20")
def test_a_generic_request_does_not_go_inside_unless_its_connection_says_so() -> None:
    """A name that leads to this machine: nothing connects, and the error says what allows it."""
    with Loopback() as server:
        address = f"https://localhost:{port_of(server)}"
        text = f'[connections.it]\nsystem = "http"\nbase_urls = {{ http = "{address}" }}\n'
        project = parse_project(text.encode(), name="respond.toml")
        way = endpoint_of(project.connections["it"], project).way
        with transport(address, way) as http, pytest.raises(RefusedBySystemError) as caught:
            http.reader().fetch(READ)
        assert server.accepted == 0
        assert "leads to an address inside" in caught.value.why
        assert "inside = true under [connections.it]" in caught.value.do

        allowed = parse_project(f"{text}inside = true\n".encode(), name="respond.toml")
        way = endpoint_of(allowed.connections["it"], allowed).way
        with transport(address, way) as http, pytest.raises(RefusedBySystemError):
            http.reader().fetch(READ)
        assert server.accepted >= 1, "it went there, and found no TLS"


@pytest.mark.promise("P20")
def test_the_address_that_was_checked_is_the_one_that_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that answers outside first and inside second gets nothing out of it."""
    answers = [["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]]
    went: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> Any:
        found = answers.pop(0) if host == "rebind.example.com" else [host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    def connect(place: tuple[str, int], *_: Any, **__: Any) -> Any:
        went.append(str(socket.getaddrinfo(*place)[0][4][0]))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with (
        transport("https://rebind.example.com", WayThere(inside=False)) as http,
        pytest.raises(RefusedBySystemError) as first,
    ):
        http.pen().send(Intent.mint(seq=1, run="r", digest="d"), WRITE, "d")
    with (
        transport("https://rebind.example.com", WayThere(inside=False)) as http,
        pytest.raises(RefusedBySystemError) as second,
    ):
        http.pen().send(Intent.mint(seq=1, run="r", digest="d"), WRITE, "d")

    assert went == ["93.184.215.14"]
    assert "no connection to" in first.value.why
    assert "127.0.0.1" in second.value.why
