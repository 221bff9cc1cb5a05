"""Bitwarden's command line, as the rest of the tool needs to know it.

Source: Bitwarden help, Password Manager CLI; the CLI's own source, apps/cli of bitwarden/clients.
"""

from __future__ import annotations

from typing import Final

from respond.errors import RefusedBySystemError
from respond.systems.vendor import (
    EVERY_SURFACE,
    Allowed,
    CarriedBy,
    CredentialRefusedError,
    CredentialVerdict,
    Probed,
    Probing,
    Reads,
    Right,
    Scheme,
    SentAs,
    Vendor,
    text_in,
)

__all__ = ["ALONE", "ITEM", "SYNC", "VENDOR"]

ALONE: Final = "--nointeraction"
"""Nobody sits there: it must not wait for a password."""

_STATUS: Final = (ALONE, "status")
SYNC: Final = (ALONE, "--response", "sync")
"""What it knows lies on this machine; this brings it up to date."""
ITEM: Final = (ALONE, "get", "item", "{item}")

_ITEMS: Final = Right(
    "change the items of your sinks",
    "Can edit on their collection, for an account made for respond alone",
    frozenset({"sink.check"}),
)


def _probe(opened: Probing) -> Probed:
    program = VENDOR.runs(opened.options)
    said = opened.fetch("command", program, *_STATUS).body
    if (status := text_in(said, "status")) != "unlocked":
        raise CredentialRefusedError(
            f"bw says that the vault is {status or 'in no known state'}",
            "unlock it, and give the session key that it prints: bw unlock --raw"
            if status == "locked"
            else "log in first: bw login, on this machine and as this user",
        )
    items = dict.fromkeys(sink.partition("#")[0] for sink in opened.sinks)
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=text_in(said, "serverUrl"),
        identity=text_in(said, "userEmail"),
        rights=(*(_may_look(opened, program, item) for item in items), _ITEMS),
        notes=("the next bw unlock makes another session key, and this one dead",),
    )


def _may_look(opened: Probing, program: str, item: str) -> Right:
    allowed, why = Allowed.YES, ""
    try:
        opened.fetch("command", program, *(item if word == "{item}" else word for word in ITEM))
    except RefusedBySystemError as error:
        allowed, why = Allowed.NO, error.why
    name, grant = f"look at the item {item}", "Can view on its collection"
    return Right(name, grant, _ITEMS.actions, allowed=allowed, why=why)


VENDOR: Final = Vendor(
    name="bitwarden",
    title="Bitwarden",
    aside=True,
    actions={},
    carried_by=CarriedBy.COMMAND,
    program="bw",
    settle_s=10,
    reads=Reads(commands=frozenset({_STATUS, SYNC, ITEM})),
    # Its other way is an argument, which others can see.
    schemes={EVERY_SURFACE: Scheme(SentAs.VARIABLE, header="BW_SESSION")},
    rights=(_ITEMS,),
    sink="respond.systems.bitwarden.bw_items",
    sink_form="bitwarden:NAME:ITEM-ID#FIELD",
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "bitwarden"
""",
    nicknames=("bw",),
    simulated="respond.company.bitwarden",
)
