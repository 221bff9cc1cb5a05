from __future__ import annotations

import re
from typing import Any

import pytest

from respond.core.plan import write_key
from respond.core.script import Proof, RefusedError, Reply
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError, StepFailedError
from respond.systems.arguments import ArgumentError
from respond.systems.email.actions import Send
from respond.systems.email.reading_codes import SendCode
from respond.systems.guards import GuardRefusedError

SYSTEMS = ("mail_server",)

ACTION = Send(("ana@example.com", "ben@example.com"), "Please read", "The key is contained.")


def test_one_mail_goes_to_all(office: Any) -> None:
    """The server took it for everybody, under an id made of run and step."""
    done = office.do(ACTION)

    (mail,) = office.company.mail.mails
    assert mail.recipients == ("ana@example.com", "ben@example.com")
    assert mail.header("Message-ID") == done.output.message_id
    assert done.output.message_id == "<respond.ck-7f3q.told@example.com>"
    assert done.says == "the mail server took it for 2 of 2"


@pytest.mark.promise("P2")
def test_what_is_known_to_be_sent_is_not_sent_again(office: Any) -> None:
    """Nobody can look for a mail; the journal knows."""
    office.do(ACTION)
    again = office.do(ACTION)

    assert len(office.company.mail.mails) == 1
    assert again.output.accepted == ("ana@example.com", "ben@example.com")


@pytest.mark.promise("P2")
@pytest.mark.parametrize("fault", ["timeout-after", "cut-after"])
def test_a_lost_answer_is_nobodys_guess(office: Any, fault: str) -> None:
    """The write is blind and not harmless to repeat: a person decides."""
    office.company.arm([f"email:{fault}"])
    with pytest.raises(NoAnswerError):
        office.do(ACTION)

    (write,) = office.look(ACTION).writes
    assert (write.proof, write.repeatable) == (Proof.BLIND, False)


def test_a_person_may_say_that_it_was_sent(office: Any) -> None:
    """Their word stands where nobody saw an answer."""
    (write,) = office.look(ACTION).writes
    office.known[write_key(write)] = None

    assert office.look(ACTION).writes == ()


def test_refused_addresses_are_findings(office: Any) -> None:
    """The others get it."""
    (write,) = office.look(ACTION).writes
    sent = write.hands.parse(Reply(250, {}, {"refused": {"ben@example.com": "550 no"}}))

    assert sent.accepted == ("ana@example.com",)
    assert sent.refused == ("ben@example.com",)


@pytest.mark.promise("P6")
def test_a_mail_for_nobody_is_a_refusal(office: Any) -> None:
    """Taken for none of them is not sent."""
    (write,) = office.look(ACTION).writes
    with pytest.raises(RefusedError):
        write.hands.parse(Reply(250, {}, {"refused": dict.fromkeys(ACTION.to, "550 no")}))
    office.company.arm(["email:550"])
    with pytest.raises(RefusedBySystemError):
        office.do(ACTION)


@pytest.mark.promise("P13")
def test_the_subject_and_suspects_are_left_out(office: Any) -> None:
    """Who must not know is not written to, and the summary says so."""
    office.changes["suspects"] = ("ben@example.com",)
    done = office.do(Send(("ana@example.com", "BEN@example.com", "mallory@example.com"), "s", "t"))

    assert office.company.mail.mails[0].recipients == ("ana@example.com",)
    assert len(done.findings) == 2
    with pytest.raises(GuardRefusedError):
        office.look(Send(("mallory@example.com",), "s", "t"))


@pytest.mark.promise("P19")
@pytest.mark.parametrize("attack", ["\r\nBcc: eve@evil.example", "\x00", "\u202e", ".\r\nQUIT"])
def test_a_text_stays_a_text(office: Any, attack: str) -> None:
    """Nothing in a text becomes a header, a command or an invisible letter."""
    (body,) = office.wants(Send(("ana@example.com",), "s", f"before{attack}after"))
    (harmless,) = office.wants(Send(("ana@example.com",), "s", "harmless"))

    assert {**body, "text": ""} == {**harmless, "text": ""}
    assert not set("\r\x00\u202e") & set(body["text"])


@pytest.mark.parametrize(
    "address",
    ["ana@example.com, eve@evil.example", "Ana <ana@example.com>", "ana", "a@b\r\nX: y", "ä@x.org"],
)
def test_only_plain_addresses_are_taken(address: str) -> None:
    """An address cannot bring another one with it."""
    with pytest.raises(ArgumentError):
        Send((address,), "s", "t")


def test_a_subject_is_one_line() -> None:
    """A second line would be a header."""
    with pytest.raises(ArgumentError):
        Send(("ana@example.com",), "s\nBcc: eve@evil.example", "t")


def test_without_a_sender_it_is_found_before_the_start(office: Any) -> None:
    """The connection has to say whom mail comes from."""
    office.options["mail"] = {"from": ""}
    with pytest.raises(NotReadyError, match="no address to send from"):
        office.look(ACTION)


@pytest.mark.promise("P22")
def test_a_code_stands_in_its_mail_and_in_what_is_kept_alone(office: Any) -> None:
    """What the write answers, and the journal keeps, is without it."""
    office.do(SendCode("legal@example.com"), "sent")
    (mail,) = office.company.mail.mails
    code = office.opened["sent.code"]

    assert re.fullmatch(r"\d{8}", code)
    assert mail.text().splitlines()[-1] == code
    assert code not in repr(office.known)
    assert code not in repr(office.sent)


@pytest.mark.promise("P2")
def test_a_code_whose_answer_was_lost_proves_nothing(office: Any) -> None:
    """Somebody says that it was sent: nobody knows which one, and no call is made for it."""
    (write,) = office.look(SendCode("legal@example.com")).writes
    office.known[write_key(write)] = None

    with pytest.raises(StepFailedError, match="which code"):
        office.look(SendCode("legal@example.com"))


@pytest.mark.promise("P13")
def test_no_code_goes_to_the_subject(office: Any) -> None:
    """A mailbox of whom the incident is about is not asked."""
    with pytest.raises(GuardRefusedError):
        office.look(SendCode("mallory@example.com"))
