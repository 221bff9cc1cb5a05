"""A simulated mail server: it takes everything, remembers it, and delivers nothing.

Source: RFC 5321; RFC 4954 for AUTH PLAIN. STARTTLS is not offered.
"""

from __future__ import annotations

import base64
import binascii
import email.policy
import re
import socket
import threading
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import BinaryIO, ClassVar

from respond.company.company_clock import CompanyClock
from respond.company.exchange import Json, RefusalError
from respond.company.injected_faults import MAIL_KINDS, InjectedFault, InjectedFaults
from respond.company.ledger import Ledger
from respond.company.listening import wait_for_leaving
from respond.company.mint import hex_for
from respond.company.system import Counterpart, Errand, Night, Simulated

SYSTEM = "email"
MESSAGE_BYTES_MAX = 1_048_576
HOLD_S = 30.0
_LINE_BYTES_MAX = 4096
_EXTENSIONS = (f"SIZE {MESSAGE_BYTES_MAX}", "AUTH PLAIN", "8BITMIME", "SMTPUTF8")
_CODE = re.compile(r"^\d{8}\r?$", re.MULTILINE)
_ADDRESS = re.compile(r"<([^<>\s]*)>")


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted message.

    Attributes:
        data: As it arrived, with the dots that SMTP doubles taken out again.
    """

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    at: float

    def header(self, name: str) -> str:
        headers = BytesParser(policy=email.policy.default).parsebytes(self.data, headersonly=True)
        return str(headers.get(name, ""))

    def text(self) -> str:
        message = BytesParser(policy=email.policy.default).parsebytes(self.data)
        return str(message.get_content())

    def shown(self) -> Json:
        return {
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.header("Subject"),
            "message_id": self.header("Message-ID"),
            "bytes": len(self.data),
        }


class Mailbox(Simulated):
    """All the mail that the company's server took, and who may bring some."""

    name: ClassVar[str] = SYSTEM
    fault_kinds: ClassVar[tuple[str, ...]] = MAIL_KINDS

    def __init__(self, user: str, password: str, clock: CompanyClock, ledger: Ledger) -> None:
        super().__init__(None, clock, ledger)
        self.user, self.password = user, password
        self.mails: list[Mail] = []

    def accept(self, sender: str, recipients: list[str], data: bytes) -> None:
        mail = Mail(sender, tuple(recipients), data, self.clock.now())
        self.mails.append(mail)
        to, message_id = ", ".join(recipients), mail.header("Message-ID")
        self.happened("mail.accepted", to, message_id=message_id)

    def things(self) -> dict[str, Json]:
        return {f"mail #{number}": mail.shown() for number, mail in enumerate(self.mails, 1)}

    def told(self) -> list[Json]:
        return [m.shown() | {"text": m.data.decode("utf-8", "replace")} for m in self.mails]


class _EndedError(Exception):
    """The conversation is over, with or without a last word."""


@dataclass
class MailConversation:
    """One connection, from greeting to QUIT."""

    connection: socket.socket
    mailbox: Mailbox
    faults: InjectedFaults
    lock: threading.RLock
    closing: threading.Event
    _sender: str | None = None
    _recipients: list[str] = field(default_factory=list)
    _fault: InjectedFault | None = None

    def run(self) -> None:
        """Talk until the client leaves."""
        with self.connection.makefile("rb") as lines:
            self._say("220 mail.example.com ESMTP simulated")
            try:
                while line := lines.readline(_LINE_BYTES_MAX):
                    self._command(line.decode("utf-8", "replace").rstrip("\r\n"), lines)
            except _EndedError:
                return

    def _command(self, line: str, lines: BinaryIO) -> None:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO":
                self._reset()
                words = ("mail.example.com", *(_EXTENSIONS if verb.upper() == "EHLO" else ()))
                for word in words:
                    self._say(f"250{'-' if word != words[-1] else ' '}{word}")
            case "AUTH":
                self._auth(rest, lines)
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self._rcpt(rest)
            case "DATA":
                self._data(lines)
            case "RSET" | "NOOP":
                if verb.upper() == "RSET":
                    self._reset()
                self._say("250 2.0.0 Ok")
            case "QUIT":
                self._say("221 2.0.0 Bye")
                raise _EndedError
            case _:
                self._say("502 5.5.1 Command not implemented")

    def _auth(self, rest: str, lines: BinaryIO) -> None:
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() != "PLAIN":
            self._say("504 5.5.4 Unrecognized authentication type")
            return
        if not initial:
            self._say("334 ")
            initial = lines.readline(_LINE_BYTES_MAX).decode("ascii", "replace").strip()
        try:
            given = base64.b64decode(initial, validate=True).decode().split("\0")
        except (binascii.Error, UnicodeDecodeError):
            given = []
        if given[1:] == [self.mailbox.user, self.mailbox.password]:
            self._say("235 2.7.0 Authentication successful")
        else:
            self._say("535 5.7.8 Authentication credentials invalid")

    def _mail(self, rest: str) -> None:
        found = _ADDRESS.search(rest)
        if found is None or not rest.upper().startswith("FROM:"):
            self._say("501 5.5.4 Syntax: MAIL FROM:<address>")
            return
        size = re.search(r"SIZE=(\d+)", rest.upper())
        if size and int(size[1]) > MESSAGE_BYTES_MAX:
            self._say("552 5.3.4 Message too big")
            return
        self._reset()
        self._sender = found[1]
        with self.lock:
            self.mailbox.ledger.count(SYSTEM, write=True)
            self._fault = self.faults.take(SYSTEM, "*", "", write=True)
        self._say("250 2.1.0 Ok")

    def _rcpt(self, rest: str) -> None:
        found = _ADDRESS.search(rest)
        if self._sender is None:
            self._say("503 5.5.1 Need MAIL first")
        elif found is None or "@" not in found[1] or not rest.upper().startswith("TO:"):
            self._say("501 5.5.4 Syntax: RCPT TO:<address>")
        elif self._broken("550"):
            self._say("550 5.1.1 Recipient address rejected")
        else:
            self._recipients.append(found[1])
            self._say("250 2.1.5 Ok")

    def _data(self, lines: BinaryIO) -> None:
        if not self._recipients:
            self._say("503 5.5.1 Need RCPT first")
            return
        self._leave_if("before")
        self._say("354 End data with <CR><LF>.<CR><LF>")
        data = self._read_data(lines)
        if len(data) > MESSAGE_BYTES_MAX:
            self._say("552 5.3.4 Message too big")
        elif self._broken("451"):
            self._say("451 4.3.0 Try again later")
        else:
            with self.lock:
                self.mailbox.accept(self._sender or "", self._recipients, data)
            self._leave_if("after")
            self._say(f"250 2.0.0 Ok: queued as {len(self.mailbox.mails)}")
        self._reset()

    def _read_data(self, lines: BinaryIO) -> bytes:
        """The message without its final dot; what is beyond the limit is read and dropped."""
        kept: list[bytes] = []
        size = 0
        while (line := lines.readline()) not in {b".\r\n", b".\n"}:
            if not line:
                raise _EndedError
            size += len(line)
            if size <= MESSAGE_BYTES_MAX + len(line):
                kept.append(line.removeprefix(b"."))
        return b"".join(kept)

    def _broken(self, kind: str) -> bool:
        return self._fault is not None and self._fault.kind == kind

    def _leave_if(self, when: str) -> None:
        if self._broken(f"timeout-{when}"):
            wait_for_leaving(self.connection, self.closing, HOLD_S)
            raise _EndedError
        if self._broken(f"cut-{when}"):
            raise _EndedError

    def _reset(self) -> None:
        self._sender, self._recipients, self._fault = None, [], None

    def _say(self, text: str) -> None:
        self.connection.sendall(f"{text}\r\n".encode())


def _read_code(mailbox: Mailbox, errand: Errand) -> Json:
    """Whoever reads this mailbox reads the newest code out of it."""
    address = errand.text("address")
    texts = [mail.text() for mail in mailbox.mails if address in mail.recipients]
    codes = [found[0].strip() for text in reversed(texts) if (found := _CODE.search(text))]
    if not codes:
        raise RefusalError(404, f"no mail with a code has come to {address}")
    return {"value": codes[0]}


def _begin(night: Night) -> Mailbox:
    story = night.story
    return Mailbox(story.smtp_user, story.smtp_password, night.clock, night.ledger)


COUNTERPART = Counterpart(
    begin=_begin,
    facts={
        "smtp_user": "respond",
        "smtp_password": hex_for("smtp:password", 24),
        "mail_from": "security@example.com",
    },
    connection={
        "name": "mail",
        "system": "email",
        "options": {"from": "{mail_from}", "host": "127.0.0.1", "port": "{smtp_port}"},
        "credentials": {"": "{smtp_user}:{smtp_password}"},
        "base_urls": {},
    },
    console={"read_code": _read_code},
)
