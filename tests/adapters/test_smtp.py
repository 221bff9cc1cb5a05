import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from respond.adapters.secrets.redactor import Redactor
from respond.adapters.smtp import SmtpPen
from respond.adapters.way import SmtpServer, WayThere
from respond.core.script import Call, Reply
from respond.errors import NoAnswerError, RefusedBySystemError
from respond.ports import Intent, IntentSpentError
from respond.testing.certificates import self_signed, server_context
from respond.testing.loopback import FixedSecrets
from respond.testing.settable_clock import SettableClock

LETTER = {
    "from": "respond@example.com",
    "to": ["ann@example.com", "bo@example.com"],
    "subject": "Key revoked \u00e9",
    "text": "Line one.\n.A line with a dot.\n\nBye, \u00e9.\n",
    "message_id": "<ck7f3q.tell.1@respond.example.com>",
}
TAKES_ALL = [
    "220 hi", "250-me\r\n250-8BITMIME\r\n250 AUTH PLAIN", "250 ok", "250 ok", "250 ok", "354 go",
    "250 queued", "221 bye",
]  # fmt: skip
CUT = ""


class MailServer:
    """Speaks a list of replies, one after each command; ``CUT`` ends the connection."""

    def __init__(
        self, replies: list[str], pem: Path | None = None, *, tls_first: bool = False
    ) -> None:
        self.heard: list[str] = []
        self.message = b""
        self._replies = replies
        self._pem = pem
        self._tls_first = tls_first
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # Wakes an accept that nobody came for.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        try:
            if self._tls_first and self._pem:
                connection = server_context(self._pem).wrap_socket(connection, server_side=True)
            self._talk(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def _talk(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        for reply in self._replies:
            if reply == CUT:
                break
            connection.sendall(f"{reply}\r\n".encode())
            if reply.startswith("220 tls") and self._pem:
                file.close()
                connection = server_context(self._pem).wrap_socket(connection, server_side=True)
                file = connection.makefile("rb")
            if reply.startswith("354"):
                while (line := file.readline()) not in {b".\r\n", b""}:
                    self.message += line
            else:
                line = file.readline()
                if not line:
                    break
                self.heard.append(line.decode().strip())
        file.close()
        connection.close()


@pytest.fixture
def mail() -> Iterator[Callable[..., MailServer]]:
    made: list[MailServer] = []

    def start(replies: list[str], *more: Any, **named: Any) -> MailServer:
        made.append(MailServer(replies, *more, **named))
        return made[-1]

    yield start
    for server in made:
        server.close()


def send(
    server: MailServer,
    letter: Any = LETTER,
    *,
    redactor: Redactor | None = None,
    meant: str = "d",
    **more: Any,
) -> Reply:
    named: dict[str, Any] = {"host": "127.0.0.1", "loopback_ok": True} | more
    pen = SmtpPen(
        {"mail": SmtpServer("mail", port=server.port, **named)},
        FixedSecrets({"mail": "password-of-mail"}),
        SettableClock(),
        redactor or Redactor(),
        timeout_scale=0.3,
    )
    call = Call("mail", "smtp", "SEND", (), body=letter)
    return pen.send(Intent.mint(seq=1, run="r", digest=meant), call, "d")


def test_a_letter_arrives_as_it_was_written(mail: Callable[..., MailServer]) -> None:
    """Addresses, subject, date, id and text, dots and letters outside ASCII included."""
    server = mail(TAKES_ALL)
    reply = send(server)

    assert reply == Reply(250, {}, {"message_id": LETTER["message_id"], "refused": {}})
    assert server.heard[1:4] == [
        "mail FROM:<respond@example.com>",
        "rcpt TO:<ann@example.com>",
        "rcpt TO:<bo@example.com>",
    ]
    assert b"\r\n..A line" in server.message
    message = message_from_bytes(server.message.replace(b"\r\n..", b"\r\n."), policy=policy.default)
    assert message["To"] == "ann@example.com, bo@example.com"
    assert message["Subject"] == LETTER["subject"]
    assert message["Message-ID"] == LETTER["message_id"]
    assert message["Date"] == "Mon, 23 Nov 2026 03:12:00 -0000"
    assert message.get_content().replace("\r\n", "\n") == LETTER["text"]


def test_our_own_name_is_neither_looked_up_nor_told(mail: Callable[..., MailServer]) -> None:
    """The greeting says localhost: the machine's name is nobody's business."""
    server = mail(TAKES_ALL)
    send(server)

    assert server.heard[0] == "ehlo localhost"


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("replies", "again", "says_so"),
    [
        ([CUT], True, "no e-mail left"),
        (["554 go away"], False, "554"),
        (["421 busy"], True, "421"),
        (["220 hi", CUT], True, "no e-mail left"),
        (["220 hi", "250 me", "550 who are you"], False, "550 to the sender"),
        (["220 hi", "250 me", "451 later"], True, "451 to the sender"),
        (["220 hi", "250 me", "250 ok", "550 no", "550 no"], False, "550 to the recipients"),
        (["220 hi", "250 me", "250 ok", "550 no", "450 later"], True, "450 to the recipients"),
        (["220 hi", "250 me", "250 ok", "250 ok", CUT], True, "no e-mail left"),
        ([*TAKES_ALL[:5], "451 later"], True, "451 to the message"),
        ([*TAKES_ALL[:5], "554 spam"], False, "554 to the message"),
        ([*TAKES_ALL[:5], CUT], True, "no e-mail left"),
        ([*TAKES_ALL[:6], "552 too big"], False, "552 to the message"),
        ([*TAKES_ALL[:6], "452 disk full"], True, "452 to the message"),
    ],
)
def test_a_refusal_is_a_refusal(
    mail: Callable[..., MailServer], replies: list[str], again: object, says_so: str
) -> None:
    """Up to the message's last line nothing has happened; 4xx may be tried again, 5xx not."""
    with pytest.raises(RefusedBySystemError) as caught:
        send(mail(replies))
    assert says_so in caught.value.what
    assert caught.value.again is again


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "end", [CUT, "250-" + "x" * 20_000, "garbage", "250-a\r\n" * 200, "150 odd"]
)
def test_a_connection_lost_after_the_message_is_unknown(
    mail: Callable[..., MailServer], end: str
) -> None:
    """The server may have taken it: nobody sends it again without a look."""
    with pytest.raises(NoAnswerError, match="did not say whether"):
        send(mail([*TAKES_ALL[:6], end]))


def test_some_refused_recipients_are_told(mail: Callable[..., MailServer]) -> None:
    """Whoever did not get it stands in the answer, with the server's words."""
    replies = list(TAKES_ALL)
    replies[4] = "550 no such \x1b[2J user"
    reply = send(mail(replies))

    assert reply.body["refused"] == {"bo@example.com": "550 no such \\x1b[2J user"}


def test_trouble_after_the_answer_changes_nothing(mail: Callable[..., MailServer]) -> None:
    """Once taken is taken, even if the server leaves without a word."""
    assert send(mail([*TAKES_ALL[:7], CUT])).status == 250


@pytest.mark.promise("P19")
@pytest.mark.parametrize(
    "change",
    [
        {"from": "a@example.com\r\nBcc: x@evil.example"},
        {"from": "a@example.com> SIZE=1"},
        {"from": "Ann <a@example.com>"},
        {"from": ""},
        {"from": None},
        {"to": []},
        {"to": "ann@example.com"},
        {"to": ["ann@example.com, bo@evil.example"]},
        {"to": ["ann@example.com\nRCPT TO:<x@evil.example>"]},
        {"to": ["\u00e9@example.com"]},
        {"to": ["a@b" + "c" * 300]},
        {"to": ["@"]},
        {"to": [7]},
        {"subject": "Hi\r\nBcc: x@evil.example"},
        {"subject": "Hi\nX: 1"},
        {"subject": "Hi\x00"},
        {"subject": "Hi \u202egpj"},
        {"subject": "x" * 600},
        {"subject": None},
        {"message_id": ""},
        {"message_id": "<a@b>\r\nX: 1"},
        {"message_id": "a@b"},
        {"text": None},
        {"text": "x" * 300_000},
    ],
    ids=repr,
)
def test_nothing_can_add_a_header_or_a_recipient(
    mail: Callable[..., MailServer], change: dict[str, Any]
) -> None:
    """What is no plain address, subject or id is refused before anything connects."""
    server = mail([CUT])

    with pytest.raises(RefusedBySystemError) as caught:
        send(server, {**LETTER, **change})
    assert caught.value.code == "not-sent"
    assert not caught.value.again
    assert server.heard == []


def test_a_body_that_is_no_letter_is_refused(mail: Callable[..., MailServer]) -> None:
    """Anything but a record is refused."""
    with pytest.raises(RefusedBySystemError, match="no e-mail left"):
        send(mail([CUT]), None)


@pytest.mark.promise("P20")
def test_without_tls_nothing_is_said(mail: Callable[..., MailServer]) -> None:
    """Outside loopback rehearsals a server that offers no TLS gets neither password nor letter."""
    server = mail(TAKES_ALL)

    with pytest.raises(RefusedBySystemError) as caught:
        send(server, loopback_ok=False, user="respond")
    assert "TLS" in caught.value.why
    assert server.heard[:1] == ["ehlo localhost"]
    assert not any("auth" in line.lower() or "mail" in line.lower() for line in server.heard)


@pytest.mark.promise("P20")
def test_a_name_is_no_loopback_address(mail: Callable[..., MailServer]) -> None:
    """Only an address is known to stay on this machine."""
    server = mail(["220 hi", "250 me", "221 bye"])
    with pytest.raises(RefusedBySystemError, match="no e-mail left") as told:
        send(server, host="localhost")
    assert "TLS" in told.value.why


STARTTLS = ["220 hi", "250-me\r\n250 STARTTLS", "220 tls now", "250-me\r\n250 AUTH PLAIN",
            "235 welcome", *TAKES_ALL[2:]]  # fmt: skip


@pytest.mark.promise("P20")
def test_an_untrusted_certificate_ends_it(mail: Callable[..., MailServer], tmp_path: Path) -> None:
    """The password is not sent to whom nobody vouches for."""
    server = mail(STARTTLS, self_signed(tmp_path))

    with pytest.raises(RefusedBySystemError) as caught:
        send(server, loopback_ok=False, user="respond")
    assert "certificate is not accepted" in caught.value.why
    assert server.heard == ["ehlo localhost", "STARTTLS"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_password_goes_inside_tls(
    mail: Callable[..., MailServer],
    tmp_path: Path,
    tls: str,
) -> None:
    """With a certificate that is trusted, log-in and letter go through."""
    pem = self_signed(tmp_path)
    replies = STARTTLS if tls == "starttls" else ["220 hi", *STARTTLS[3:]]
    server = mail(replies, pem, tls_first=tls == "implicit")

    way = WayThere(str(pem))
    assert send(server, loopback_ok=False, user="respond", tls=tls, way=way).status == 250
    assert server.message


@pytest.mark.promise("P20")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_authorities_of_the_environment_do_not_count(
    mail: Callable[..., MailServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    """Whoever can set SSL_CERT_FILE does not get the password."""
    pem = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server = mail(STARTTLS[:3], pem, tls_first=tls == "implicit")

    with pytest.raises(RefusedBySystemError, match="certificate is not accepted"):
        send(server, loopback_ok=False, user="respond", tls=tls)


@pytest.mark.promise("P20")
def test_nor_do_they_on_a_machine_without_any(
    mail: Callable[..., MailServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare container has no authorities of its own, and OpenSSL would look at the variable."""
    pem, gone = self_signed(tmp_path), str(tmp_path / "gone")
    bare = ssl.get_default_verify_paths()._replace(openssl_cafile=gone, openssl_capath=gone)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: bare)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    with pytest.raises(RefusedBySystemError, match="certificate is not accepted"):
        send(mail(STARTTLS[:3], pem), loopback_ok=False, user="respond")


def test_a_host_that_is_none_is_refused() -> None:
    """The codec for names raises what is no error of the network."""
    pen = SmtpPen(
        {"mail": SmtpServer("mail", "mail..example.com")}, FixedSecrets({}), SettableClock(),
        Redactor(),
    )  # fmt: skip
    with pytest.raises(RefusedBySystemError, match="is no host name"):
        pen.send(
            Intent.mint(seq=1, run="r", digest="d"),
            Call("mail", "smtp", "SEND", (), body=LETTER),
            "d",
        )


def test_a_relay_that_refuses_our_name_is_quoted(mail: Callable[..., MailServer]) -> None:
    """The name that we gave, and the server's own words; it can be set."""
    no = "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"
    with pytest.raises(RefusedBySystemError) as caught:
        send(mail(["220 hi", no, no]))
    assert "504 to the greeting as localhost" in caught.value.what
    assert "need fully-qualified hostname" in caught.value.why

    server = mail(TAKES_ALL)
    assert send(server, ehlo="desk.example.com").status == 250
    assert server.heard[0] == "ehlo desk.example.com"


@pytest.mark.promise("P19")
@pytest.mark.parametrize("name", ["", "a b", "x\r\nMAIL FROM:<y>", "[x]", "\u00e9.example"])
def test_a_name_of_ours_that_is_none_is_refused(mail: Callable[..., MailServer], name: str) -> None:
    """Nothing is connected to."""
    with pytest.raises(RefusedBySystemError, match="is no host name"):
        send(mail([CUT]), ehlo=name)


@pytest.mark.promise("P22")
def test_a_refused_password_is_named_and_not_shown(mail: Callable[..., MailServer]) -> None:
    """The error says which credential; the server's echo of it is redacted."""
    redactor = Redactor()
    server = mail([*TAKES_ALL[:2], "535 no: password-of-mail"])

    with pytest.raises(RefusedBySystemError) as caught:
        send(server, user="respond", redactor=redactor)
    said = "the credential 'mail' is not accepted; it says: 535 no: [secret mail]"
    assert caught.value.why == said
    assert caught.value.do == "respond connect mail"
    assert redactor.clean("password-of-mail") == "[secret mail]"


@pytest.mark.promise("P1")
def test_a_used_intent_sends_no_letter(mail: Callable[..., MailServer]) -> None:
    """The intent is spent before anything connects."""
    server = mail([CUT])

    with pytest.raises(IntentSpentError):
        send(server, meant="other")
    assert server.heard == []


def test_a_connection_without_a_server_is_refused() -> None:
    """The error does not guess a server."""
    pen = SmtpPen({}, FixedSecrets({}), SettableClock(), Redactor())
    intent = Intent.mint(seq=1, run="r", digest="d")

    with pytest.raises(RefusedBySystemError) as caught:
        pen.send(intent, Call("mail", "smtp", "SEND", (), body=LETTER), "d")
    assert caught.value.why == "the connection has no mail server"
