"""Write one mail: the request, and what the server's answer comes to.

``Message-ID`` is made of run and step: the same mail sent twice is one mail for most programs
that show it, and a person can tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from respond.core.addresses import is_email
from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Becomes,
    Call,
    Connection,
    DrawnSecret,
    Effect,
    Keep,
    MalformedReplyError,
    Me,
    Proof,
    RefusedError,
    Reply,
    Subject,
    Write,
)
from respond.core.showable import showable, showable_host
from respond.core.values import SecretHandle
from respond.errors import NotReadyError
from respond.systems.arguments import ArgumentError

__all__ = ["SUBJECT_MAX", "Sent", "check_address", "mail", "message_id", "sender"]

SUBJECT_MAX: Final = 200
_TIMEOUT_S: Final = 30


class Sent(Frozen):
    """What the mail server said.

    Attributes:
        accepted: Addresses it took the mail for. Taken is not read.
        refused: Addresses it did not take.
    """

    message_id: str
    accepted: tuple[str, ...]
    refused: tuple[str, ...] = ()


def check_address(name: str, address: str) -> None:
    """Refuse a display name, comma, second line or letters outside ASCII.

    Raises:
        ArgumentError: It is no plain address.
    """
    if not (address.isascii() and is_email(address)):
        raise ArgumentError(f"{name} must be a plain address; {showable_host(address)!r} is none")


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
    code: SecretHandle | None = None,
) -> Write[Sent]:
    """One mail to these addresses. ``things`` are what it changes: the mail, or who was told.

    A server that takes it for some addresses answers which ones it refused; one that takes it for
    nobody refuses the write.

    Args:
        code: Where a code is kept that is drawn for this mail alone, and stands at its end.
    """
    sent_by = sender(connection)
    mail_id = message_id(me, sent_by)
    body = {
        "from": sent_by,
        "to": list(to),
        "subject": showable(subject_line, limit=SUBJECT_MAX),
        "text": showable(text, limit=10 * max(1, len(text)), newlines=True),
        "message_id": mail_id,
        **({} if code is None else {"code": DrawnSecret()}),
    }
    keep = None
    if code is not None:
        keep = Keep(code.name, lambda answer: str(answer["code"]), frozenset({"code"}))

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
            Call(connection.name, "smtp", "SEND", (), body=body, timeout_s=_TIMEOUT_S), parse, keep
        ),
        before={"sent": False},
        after={"sent": True, "to": list(to)},
        becomes=tuple(Becomes(thing, lambda seen: seen) for thing in things),
        foretold=Sent(mail_id, to),
        proof=Proof.BLIND,
        tells=tuple(map(showable_host, to)),
    )
