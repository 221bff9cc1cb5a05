"""Mail over SMTP, as the rest of the tool needs to know it.

Source: RFC 5321; RFC 4954, section 6 (535: the credentials are not valid).
"""

from __future__ import annotations

from typing import Final

from respond.errors import RefusedBySystemError
from respond.systems.vendor import (
    CarriedBy,
    CredentialRefusedError,
    Probed,
    Probing,
    Reaches,
    Vendor,
    Verdict,
)

__all__ = ["VENDOR"]


def _probe(opened: Probing) -> Probed:
    try:
        place, user = opened.log_in()
    except RefusedBySystemError as error:
        if error.code == "535":
            raise CredentialRefusedError(error.sentence, "give the user's password anew") from error
        raise
    if not place:
        return Probed(
            Verdict.UNCLEAR,
            says="there is no mail server",
            do="set smtp_host under [notify], or options.host of the connection",
        )
    login = f"as {user}" if user else "without logging in"
    return Probed(
        Verdict.ACCEPTED,
        account=place,
        identity=user,
        notes=(f"the server was greeted {login}; no mail was sent",),
    )


VENDOR: Final = Vendor(
    name="email",
    title="Mail",
    carried_by=CarriedBy.SMTP,
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "email"

[connections.{name}.options]
host = "smtp.example.com"
port = 587
user = "respond"
from = "security@example.com"
""",
    nicknames=("mail", "smtp"),
    channel="respond.systems.email.channel",
    reaches=Reaches.MANY,
    simulated="respond.company.mail_server",
)
