"""Send e-mail. What a mail server took is sent, and nobody can look whether it was read."""

from __future__ import annotations

from dataclasses import field
from typing import Final

from respond.core.records import Frozen
from respond.core.script import (
    STEERS,
    Done,
    Effect,
    Me,
    Script,
    Subject,
    action,
    answer_as,
)
from respond.core.showable import showable_host
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.email import reading_codes
from respond.systems.email.letter import SUBJECT_MAX, Sent, check_address, mail, message_id, sender
from respond.systems.guards import GuardRefusedError
from respond.systems.people.recipients import kept_out

__all__ = ["ACTIONS", "Send"]

_TEXT_MAX: Final = 100_000
_RECIPIENTS_MAX: Final = 50


@action(
    "email.send",
    effect=Effect.WRITES,
    output=Sent,
    source="RFC 5321 (SMTP); RFC 5322, section 3.6.4 (Message-ID)",
)
class Send(Frozen):
    """Send one plain-text e-mail; never to the subject of the incident or a suspect.

    Nobody can look whether a mail was sent. If the answer is lost, a person decides; it is not
    sent again by itself. Recipients that the server refuses are findings.

    Attributes:
        to: Plain addresses, at most 50.
        subject: What the mail's head says, in one line. Never put a secret in.
        text: Plain text. Never put a secret in.
    """

    to: tuple[str, ...] = field(metadata=STEERS)
    subject: str
    text: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.to) <= _RECIPIENTS_MAX:
            raise ArgumentError(f"to takes 1 to {_RECIPIENTS_MAX} addresses")
        for address in self.to:
            check_address("to", address)
        one_line("subject", self.subject, limit=SUBJECT_MAX)
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


ACTIONS: tuple[type, ...] = (Send, *reading_codes.ACTIONS)
