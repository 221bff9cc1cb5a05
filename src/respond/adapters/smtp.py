"""Send one plain text e-mail over SMTP.

250 to the message means that the server took it, not that anybody read it. Up to the last line of
the message nothing has happened; between that line and the server's answer nobody knows.

Source: RFC 5321, section 4.2 (replies), 4.5.2 (dots), 6.1 (who is responsible when).
"""

from __future__ import annotations

import contextlib
import re
import secrets as random
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final

from respond.adapters.http.answer import How
from respond.adapters.http.request import is_loopback
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.sockets import tls_context, tunnel
from respond.adapters.way import SmtpServer
from respond.core.addresses import is_email
from respond.core.records import Frozen, Mutable
from respond.core.script import Call, DrawnSecret, Reply
from respond.core.showable import hidden_character, showable, showable_host
from respond.errors import NoAnswerError, NotReadyError, RefusedBySystemError
from respond.ports import Clock, Intent, Secrets

__all__ = ["SmtpPen", "log_in"]

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
_MESSAGE_ID: Final = re.compile(rf"<{_ATOM}(?:\.{_ATOM})*@{_HOST}>")
_EHLO: Final = re.compile(rf"{_HOST}|\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f.:]+\]")
_SUBJECT_MAX: Final = 500
_TEXT_MAX: Final = 256 * 1024
_LINES_MAX: Final = 100
_CODE_DIGITS: Final = 8
_OK: Final = 250
_FORWARDED: Final = 251
_GO_ON: Final = 354
_LATER: Final = 400
_FOREVER: Final = 500
_DOT: Final = re.compile(rb"(?m)^\.")


class SmtpPen(Mutable):
    """Sends e-mails, one intent each. A port: ``Pen``.

    The call's body has ``from``, ``to`` (a list), ``subject``, ``text`` and ``message_id``; with
    ``code`` (a ``DrawnSecret``), eight digits are drawn that stand below the text.
    """

    _servers: Mapping[str, SmtpServer]
    _secrets: Secrets
    _clock: Clock
    _redactor: Redactor
    timeout_scale: float = 1.0
    may_write: Callable[[], bool] = lambda: True

    def send(self, intent: Intent, call: Call, digest: str) -> Reply:
        """Send it once.

        Returns:
            A reply whose body has ``message_id`` and ``refused``: address to the server's words,
            for recipients that it did not take while it took others; and the ``code``, once.

        Raises:
            RefusedBySystemError: Nobody was sent anything.
            NoAnswerError: The message left and no answer came.
            IntentSpentError: Nothing was sent.
        """
        intent.spend(digest)
        server = self._servers.get(call.connection)
        if server is None:
            raise _Talk(call.connection, self._redactor).unsent(
                "the connection has no mail server", again=False
            )
        talk = _Talk(server.host, self._redactor)
        letter = _Letter.parse(call.body, talk)
        message = letter.compose(self._clock.now_ms())
        with contextlib.ExitStack() as stack:
            smtp = _open(server, call.timeout_s * self.timeout_scale, talk, stack, self._secrets)
            if not self.may_write():
                raise talk.unsent(How.LATE.value, again=True)
            refused = _address(smtp, letter, talk)
            _hand_over(smtp, message, talk, self.may_write)
        body = {"message_id": letter.message_id, "refused": refused}
        return Reply(_OK, {}, {**body, "code": letter.code} if letter.code else body)


def _is_plain(server: SmtpServer) -> bool:
    """Whether it is known to stay on this machine: an address is, a name may lead elsewhere."""
    return server.loopback_ok and is_loopback(server.host)


def log_in(server: SmtpServer, secrets: Secrets, redactor: Redactor, *, timeout_s: float) -> None:
    """Greet a server, log in where it has a user, and leave: it tries a credential, sends nothing.

    Raises:
        RefusedBySystemError: It did not work; ``code`` is the server's own where it gave one.
    """
    with contextlib.ExitStack() as stack:
        _open(server, timeout_s, _Talk(server.host, redactor), stack, secrets)


def _open(
    server: SmtpServer,
    timeout_s: float,
    talk: _Talk,
    stack: contextlib.ExitStack,
    secrets: Secrets,
) -> _Smtp:
    if not _EHLO.fullmatch(server.ehlo):
        raise talk.unsent(f"ehlo {server.ehlo!r} is no host name and no [address]", again=False)
    try:
        context = None if _is_plain(server) else tls_context(server.way)
        implicit = server.tls == "implicit" and not _is_plain(server)
        smtp = _SmtpTls(server, timeout_s, context) if implicit else _Smtp(server, timeout_s)
        stack.callback(_leave, smtp)
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "starttls" and not _is_plain(server):
            smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            password = secrets.credential(server.connection)
            talk.redactor.register(server.connection, password)
            smtp.login(server.user, password)
    except NotReadyError as error:
        raise talk.unsent(error.sentence, again=False, do=error.do) from error
    except smtplib.SMTPAuthenticationError as error:
        raise talk.unsent(
            f"the credential '{server.connection}' is not accepted; it says: "
            f"{error.smtp_code} {talk.words(_said(error))}",
            again=False,
            code=str(error.smtp_code),
            do=f"respond connect {server.connection}",
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise talk.unsent("it does not offer TLS, or no way to log in", again=False) from error
    except smtplib.SMTPResponseException as error:
        raise talk.said_no(f"greeting as {server.ehlo}", error.smtp_code, _said(error)) from error
    except ssl.SSLCertVerificationError as error:
        why = f"its certificate is not accepted: {error.verify_message}{server.way.says}"
        raise talk.unsent(why, again=True, do=server.way.do.removeprefix("; ")) from error
    except UnicodeError as error:  # From the codec for host names: "a..example.com".
        raise talk.unsent(f"{server.host!r} is no host name", again=False) from error
    except (smtplib.SMTPException, OSError) as error:
        why = f"{_short(error)}{server.way.says}"
        raise talk.unsent(why, again=True, do=server.way.do.removeprefix("; ")) from error
    return smtp


class _Smtp(smtplib.SMTP):
    """``smtplib.SMTP`` that does not read a reply for ever, and knows proxies."""

    def __init__(
        self, server: SmtpServer, timeout_s: float, context: ssl.SSLContext | None = None
    ) -> None:
        self._way = server.way
        more: dict[str, Any] = {} if context is None else {"context": context}
        super().__init__(
            server.host, server.port, local_hostname=server.ehlo, timeout=timeout_s, **more
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        if not self._way.proxy:
            return super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in typeshed
        sock = tunnel(self._way, host, port, timeout)
        if isinstance(self, smtplib.SMTP_SSL):
            return self.context.wrap_socket(sock, server_hostname=host)
        return sock

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        if isinstance(self.file, _Bounded):
            self.file.lines = 0
        return super().getreply()


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    """The same inside TLS from the first byte."""


class _Bounded:
    def __init__(self, file: Any) -> None:
        self._file = file
        self.lines = 0

    def readline(self, size: int = -1) -> bytes:
        self.lines += 1
        if self.lines > _LINES_MAX:
            raise OSError("the reply does not end")
        line: bytes = self._file.readline(size)
        return line

    def close(self) -> None:
        self._file.close()


def _said(error: smtplib.SMTPResponseException) -> bytes:
    said = error.smtp_error
    return said if isinstance(said, bytes) else said.encode()


def _address(smtp: _Smtp, letter: _Letter, talk: _Talk) -> dict[str, str]:
    """Say from whom and for whom; gives the recipients that were refused, if others were not."""
    try:
        code, said = smtp.mail(letter.sender)
        if code != _OK:
            raise talk.said_no("sender", code, said)
        refused: dict[str, tuple[int, bytes]] = {}
        for address in letter.to:
            code, said = smtp.rcpt(address)
            if code not in {_OK, _FORWARDED}:
                refused[address] = (code, said)
    except (smtplib.SMTPException, OSError) as error:
        raise talk.unsent(_short(error), again=True) from error
    if len(refused) == len(letter.to):
        # One recipient that may be taken later is enough to try again.
        code, said = min(refused.values(), key=lambda no: no[0])
        raise talk.said_no("recipients", code, said)
    return {address: f"{code} {talk.words(said)}" for address, (code, said) in refused.items()}


def _hand_over(smtp: _Smtp, message: bytes, talk: _Talk, may_write: Callable[[], bool]) -> None:
    try:
        code, said = smtp.docmd("DATA")
    except (smtplib.SMTPException, OSError) as error:
        raise talk.unsent(_short(error), again=True) from error
    if code != _GO_ON:
        raise talk.said_no("message", code, said)
    if not may_write():
        smtp.close()  # What has no end is no message (RFC 5321, section 4.1.1.10).
        raise talk.unsent(How.LATE.value, again=True)
    why = "its answer is no answer to a message"
    cause: Exception | None = None
    try:
        smtp.send(_DOT.sub(b"..", message) + b".\r\n")
        code, said = smtp.getreply()
    except (smtplib.SMTPException, OSError) as error:
        code, said, why, cause = 0, b"", _short(error), error
    if code == _OK:
        return
    if _LATER <= code < _FOREVER + 100:
        raise talk.said_no("message", code, said)
    raise NoAnswerError(
        f"the mail server {talk.host} did not say whether it took the message",
        why=talk.redactor.clean(showable(why)),
        do="ask a recipient, or look into the server's log",
        request="SEND",
    ) from cause


def _leave(smtp: _Smtp) -> None:
    # What the server has taken, it has taken; nothing that follows changes that.
    with contextlib.suppress(smtplib.SMTPException, OSError):
        smtp.quit()
    smtp.close()


class _Talk(Frozen):
    """Words about one server for errors."""

    server: str
    redactor: Redactor

    @property
    def host(self) -> str:
        return showable_host(self.server)

    def words(self, said: bytes) -> str:
        text = " ".join(said.decode("utf-8", "replace").split())
        return showable(self.redactor.clean(text), limit=200)

    def unsent(
        self, why: str, *, again: bool, code: str = "not-sent", do: str = ""
    ) -> RefusedBySystemError:
        return RefusedBySystemError(
            f"no e-mail left for the mail server {self.host}",
            code=code,
            why=self.redactor.clean(showable(why)),
            do=do,
            request="SEND",
            by_hand=True,
            again=again,
        )

    def said_no(self, to: str, code: int, said: bytes | str) -> RefusedBySystemError:
        text = said if isinstance(said, bytes) else said.encode()
        return RefusedBySystemError(
            f"the mail server {self.host} answered {code} to the {to}",
            code=str(code),
            why=self.words(text),
            request="SEND",
            by_hand=True,
            again=code < _FOREVER,
        )


class _Letter(Frozen):
    sender: str
    to: Sequence[str]
    subject: str
    text: str
    message_id: str
    code: str = ""

    @classmethod
    def parse(cls, body: Any, talk: _Talk) -> _Letter:
        """Take a call's body; anything that could end a header or a command is refused."""
        record = body if isinstance(body, Mapping) else {}
        if problem := _problem(record):
            raise talk.unsent(problem, again=False)
        return cls(
            record["from"],
            tuple(record["to"]),
            record["subject"],
            record["text"],
            record["message_id"],
            _drawn(talk.redactor) if isinstance(record.get("code"), DrawnSecret) else "",
        )

    def compose(self, now_ms: int) -> bytes:
        from email.policy import SMTP  # noqa: PLC0415 - its headers take 5 ms, and most runs mail nobody

        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Subject"] = self.subject
        message["Date"] = formatdate(now_ms / 1000)
        message["Message-ID"] = self.message_id
        # Quoted-printable keeps every line short and ASCII, whatever the server offers.
        text = f"{self.text}\n{self.code}\n" if self.code else self.text
        message.set_content(text.encode("utf-8", "replace").decode(), cte="quoted-printable")
        return message.as_bytes()


def _drawn(redactor: Redactor) -> str:
    """Digits: whoever reads them out, in whatever language, is understood."""
    code = f"{random.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}}"
    redactor.register("code", code)
    return code


def _problem(record: Mapping[str, Any]) -> str:
    to = record.get("to")
    if not isinstance(to, list | tuple) or not to:
        return "it has no recipient"
    for address in (record.get("from"), *to):
        if not (isinstance(address, str) and address.isascii() and is_email(address)):
            return f"{showable(str(address), limit=80)!r} is no plain e-mail address"
    if not _is(_MESSAGE_ID, record.get("message_id")):
        return "its message id is not of the form <left@right>"
    subject, text = record.get("subject"), record.get("text")
    if not isinstance(subject, str) or len(subject) > _SUBJECT_MAX:
        return f"its subject is no text of at most {_SUBJECT_MAX} characters"
    if re.search(r"[\t\n]", subject) or hidden_character(subject):
        return f"its subject {showable(subject, limit=80)!r} holds control characters"
    if not isinstance(text, str) or len(text) > _TEXT_MAX:
        return f"its text is no text of at most {_TEXT_MAX} characters"
    return ""


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _short(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
