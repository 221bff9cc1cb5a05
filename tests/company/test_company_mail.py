"""The simulated mail server, spoken to by the standard library's client."""

from __future__ import annotations

import smtplib
import socket
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from respond.company import Server, default_company, serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    with serve(default_company()) as running:
        yield running


def message(text: str = "contained\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "security@example.com", "ana@example.com, ben@example.com"
    mail["Subject"], mail["Message-ID"] = "[IR-42] contained", "<r1.told@example.com>"
    mail.set_content(text)
    return mail


def client(server: Server, timeout_s: float = 5) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=timeout_s)


def test_a_mail_is_remembered_whole(server: Server) -> None:
    """Lines that begin with a dot arrive as they were written."""
    with client(server) as smtp:
        smtp.login(server.company.story.smtp_user, server.company.story.smtp_password)
        smtp.send_message(message(".hidden\n..two\n"))
    (mail,) = server.company.mail.mails

    assert mail.recipients == ("ana@example.com", "ben@example.com")
    assert mail.data.endswith(b"\r\n\r\n.hidden\r\n..two\r\n")
    (effect,) = server.company.ledger.of("mail.accepted")
    assert effect.target == "ana@example.com, ben@example.com"
    assert effect.detail["message_id"] == "<r1.told@example.com>"


def test_one_connection_may_send_several(server: Server) -> None:
    """With RSET and NOOP between them."""
    with client(server) as smtp:
        smtp.send_message(message())
        assert smtp.noop()[0] == 250
        smtp.mail("x@example.com")
        assert smtp.rset()[0] == 250
        smtp.send_message(message())
    assert len(server.company.mail.mails) == 2


def test_no_encryption_and_no_wrong_password(server: Server) -> None:
    """STARTTLS is not offered; AUTH PLAIN knows one pair."""
    with client(server) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("starttls")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login("respond", "wrong")


def test_commands_out_of_order_are_refused(server: Server) -> None:
    """And so is what the server does not know."""
    with client(server) as smtp:
        smtp.helo()
        assert smtp.docmd("DATA")[0] == 503
        assert smtp.docmd("RCPT", "TO:<a@example.com>")[0] == 503
        assert smtp.docmd("MAIL", "security@example.com")[0] == 501
        assert smtp.docmd("VRFY", "ana")[0] == 502


def test_a_mail_can_be_too_big(server: Server) -> None:
    """Announced or not, it is refused."""
    with client(server) as smtp:
        smtp.ehlo()
        assert smtp.docmd("MAIL", "FROM:<a@example.com> SIZE=2000000")[0] == 552
        smtp.mail("a@example.com")
        smtp.rcpt("b@example.com")
        assert smtp.data(b"x\r\n" * 400_000)[0] == 552
    assert server.company.mail.mails == []


def test_a_temporary_refusal(server: Server) -> None:
    """451 after the data; the next attempt goes through."""
    server.company.arm(["email:451"])
    with client(server) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            smtp.send_message(message())
        assert caught.value.smtp_code == 451
        smtp.send_message(message())
    counts = server.company.ledger.counts()["email"]
    assert (counts["writes"], counts["effects"]) == (2, 1)


def test_a_recipient_that_does_not_exist(server: Server) -> None:
    """550 for every recipient of the attempt."""
    server.company.arm(["email:550"])
    with client(server) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.send_message(message())
    assert {code for code, _ in caught.value.recipients.values()} == {550}


@pytest.mark.parametrize(("kind", "accepted"), [("cut-before", 0), ("cut-after", 1)])
def test_a_connection_that_breaks(server: Server, kind: str, accepted: int) -> None:
    """The sender sees the same; the mail is taken or is not."""
    server.company.arm([f"email:{kind}"])
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client(server).send_message(message())
    assert len(server.company.mail.mails) == accepted


@pytest.mark.parametrize(("kind", "accepted"), [("timeout-before", 0), ("timeout-after", 1)])
def test_an_answer_that_never_comes(server: Server, kind: str, accepted: int) -> None:
    """The sender gives up."""
    server.company.arm([f"email:{kind}"])
    smtp = client(server, timeout_s=0.3)
    with pytest.raises((smtplib.SMTPServerDisconnected, TimeoutError)):
        smtp.send_message(message())
    smtp.close()
    assert len(server.company.mail.mails) == accepted


def test_a_client_that_leaves_harms_nobody(server: Server) -> None:
    """In the middle of the data, for example."""
    with socket.create_connection(("127.0.0.1", server.smtp_port)) as raw:
        raw.sendall(
            b"HELO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nhalf"
        )
    with client(server) as smtp:
        smtp.send_message(message())
    assert len(server.company.mail.mails) == 1
