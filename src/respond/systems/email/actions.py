"""Send e-mail. What a mail server took is sent, and nobody can look whether it was read.

``Message-ID`` is made of run and step: the same mail sent twice is one mail for most programs
that show it, and a person can tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from respond.core.addresses import is_email
from respond.core.script import (
    STEERS,
    Api,
    Becomes,
    Call,
    Connection,
    Done,
    Effect,
    MalformedReplyError,
    Me,
    Proof,
    RefusedError,
    Reply,
    Script,
    Subject,
    Write,
    action,
    answer_as,
)
from respond.core.showable import showable, showable_host
from respond.errors import NotReadyError
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.guards import GuardRefusedError
from respond.systems.people.recipients import kept_out

__all__ = ["ACTIONS", "Send", "Sent", "mail", "message_id"]

_SUBJECT_MAX: Final = 200
_TEXT_MAX: Final = 100_000
_RECIPIENTS_MAX: Final = 50
_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True)
class Sent:
    """What the mail server said.

    Attributes:
        accepted: Addresses it took the mail for. Taken is not read.
        refused: Addresses it did not take.
    """

    message_id: str
    accepted: tuple[str, ...]
    refused: tuple[str, ...] = ()


def sender(connection: Connection) -> str:
    """Whom our mail comes from.

    Raises:
        NotReadyError: The connection does not say.
    """
    address = connection.options.get("from", "")
    if not isinstance(address, str) or not (address.isascii() and is_email(address)):
        raise NotReadyError(
            f"the connection {connection.name!r} has no address to send from",
            do=f'add from = "security@..." under [connections.{connection.name}]',
        )
    return address


def message_id(me: Me, sent_by: str) -> str:
    """The same for the same run and step, whenever the step runs.

    Source: RFC 5322, section 3.6.4.
    """
    left = ".".join(re.sub(r"[^A-Za-z0-9-]+", "-", part).strip("-") for part in (me.run, me.step))
    return f"<respond.{left.lower()}@{sent_by.rpartition('@')[2]}>"


def mail(
    connection: Connection,
    me: Me,
    *,
    subject_line: str,
    text: str,
    to: tuple[str, ...],
    things: tuple[Subject[Any], ...],
) -> Write[Sent]:
    """One mail to these addresses. ``things`` are what it changes: the mail, or who was told.

    A server that takes it for some addresses answers which ones it refused; one that takes it for
    nobody refuses the write.
    """
    sent_by = sender(connection)
    mail_id = message_id(me, sent_by)
    body = {
        "from": sent_by,
        "to": list(to),
        "subject": showable(subject_line, limit=_SUBJECT_MAX),
        "text": showable(text, limit=10 * max(1, len(text)), newlines=True),
        "message_id": mail_id,
    }

    def parse(reply: Reply) -> Sent:
        named = reply.body.get("refused", ()) if isinstance(reply.body, Mapping) else None
        if not isinstance(named, (Mapping, list, tuple)):
            raise MalformedReplyError("the reply does not say which recipients were refused")
        refused = tuple(address for address in to if address in named)
        accepted = tuple(address for address in to if address not in refused)
        if not accepted:
            raise RefusedError("recipients refused", "the mail server took none of the addresses")
        return Sent(mail_id, accepted, refused)

    shown = ", ".join(showable_host(address) for address in to)
    return Write(
        says=f"e-mail to {shown}",
        verb="send",
        target=shown if len(to) == 1 else str(len(to)),
        where=f"from {sent_by}",
        effect=Effect.WRITES,
        hands=Api(
            Call(connection.name, "smtp", "SEND", (), body=body, timeout_s=_TIMEOUT_S), parse
        ),
        before={"sent": False},
        after={"sent": True, "to": list(to)},
        becomes=tuple(Becomes(thing, lambda seen: seen) for thing in things),
        foretold=Sent(mail_id, to),
        proof=Proof.BLIND,
    )


@action(
    "email.send",
    effect=Effect.WRITES,
    output=Sent,
    source="RFC 5321 (SMTP); RFC 5322, section 3.6.4 (Message-ID)",
)
@dataclass(frozen=True)
class Send:
    """Send one plain-text e-mail; never to the subject of the incident or a suspect.

    Nobody can look whether a mail was sent. If the answer is lost, a person decides; it is not
    sent again by itself. Recipients that the server refuses are findings.

    Attributes:
        to: Plain addresses, at most 50.
        subject: One line.
        text: Plain text. Never put a secret in.
    """

    to: tuple[str, ...] = field(metadata=STEERS)
    subject: str
    text: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.to) <= _RECIPIENTS_MAX:
            raise ArgumentError(f"to takes 1 to {_RECIPIENTS_MAX} addresses")
        for address in self.to:
            # No display name, comma, second line or letters outside ASCII.
            if not (address.isascii() and is_email(address)):
                shown = showable_host(address)
                raise ArgumentError(f"to must be a plain address; {shown!r} is none")
        one_line("subject", self.subject, limit=_SUBJECT_MAX)
        if not self.text.strip() or len(self.text) > _TEXT_MAX:
            raise ArgumentError(f"text must have 1 to {_TEXT_MAX} characters")

    def run(self, me: Me) -> Script[Sent]:
        out = {address: why for address in self.to if (why := kept_out(me, (address,)))}
        to = tuple(dict.fromkeys(address for address in self.to if address not in out))
        if not to:
            raise GuardRefusedError(
                "nobody in this list may be told",
                why="they are the subject of the incident, or under suspicion",
                do="tell somebody else; the configured persons are in respond.toml",
            )
        thing: Subject[None] = Subject(f"{me.connection.name}/mail/{me.run}/{me.step}", 0)
        answer = yield from mail(
            me.connection,
            me,
            subject_line=self.subject,
            text=self.text,
            to=to,
            things=(thing,),
        )
        unknown = Sent(message_id(me, sender(me.connection)), to)
        sent = answer_as(Sent, answer, unknown)
        findings = [f"{showable_host(address)} was left out: {why}" for address, why in out.items()]
        findings += [f"the mail server refused {showable_host(one)}" for one in sent.refused]
        return Done(
            sent,
            says=f"the mail server took it for {len(sent.accepted)} of {len(self.to)}",
            findings=tuple(findings),
        )


ACTIONS: tuple[type, ...] = (Send,)
