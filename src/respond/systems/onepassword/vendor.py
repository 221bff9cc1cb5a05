"""1Password's command line, as the rest of the tool needs to know it.

Source: 1Password CLI reference, version 2: item, vault, whoami; service accounts.
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

__all__ = ["AS_JSON", "VENDOR"]

AS_JSON: Final = ("--format", "json", "--cache=false")
"""What every question ends with: an answer that is kept would show what is not so any more."""

_WHO: Final = ("whoami", *AS_JSON)
_VAULT: Final = ("vault", "get", "{vault}", *AS_JSON)
_ITEMS: Final = ("item", "list", "--vault", "{vault}", *AS_JSON)
_ITEM: Final = ("item", "get", "{item}", "--vault", "{vault}", *AS_JSON)

_READS: Final = Right(
    "look into the vaults of your sinks",
    "read_items on them",
    frozenset({"sink.check"}),
)
_WRITES: Final = Right(
    "put new secrets there",
    "write_items on them",
    frozenset({"sink.check"}),
)


def _probe(opened: Probing) -> Probed:
    program = VENDOR.runs(opened.options)
    try:
        who = opened.fetch("command", program, *_WHO).body
    except RefusedBySystemError as error:
        raise CredentialRefusedError(
            f"op does not know who asks: {error.why}",
            "make a token: op service-account create NAME --vault VAULT:read_items,write_items",
        ) from error
    vaults = dict.fromkeys(sink.partition("/")[0] for sink in opened.sinks)
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=text_in(who, "url"),
        identity=text_in(who, "user_uuid"),
        rights=(*(_may_look(opened, program, vault) for vault in vaults), _WRITES),
        notes=()
        if text_in(who, "user_type") == "SERVICE_ACCOUNT"
        else ("this is no service account: it may do what its person may",),
    )


def _may_look(opened: Probing, program: str, vault: str) -> Right:
    allowed, why = Allowed.YES, ""
    try:
        opened.fetch("command", program, *("vault", "get", vault, *AS_JSON))
    except RefusedBySystemError as error:
        # An exit status does not tell a vault that is not there from one that is not shown.
        allowed, why = Allowed.NO, error.why
    name, grant = f"look into the vault {vault}", f"read_items on {vault}"
    return Right(name, grant, _READS.actions, allowed=allowed, why=why)


VENDOR: Final = Vendor(
    name="onepassword",
    title="1Password",
    aside=True,
    actions={},
    carried_by=CarriedBy.COMMAND,
    program="op",
    settle_s=10,
    reads=Reads(commands=frozenset({_WHO, _VAULT, _ITEMS, _ITEM})),
    # The only way without a person. An argument, which others can see, is none of its ways.
    schemes={EVERY_SURFACE: Scheme(SentAs.VARIABLE, header="OP_SERVICE_ACCOUNT_TOKEN")},
    rights=(_READS, _WRITES),
    sink="respond.systems.onepassword.op_items",
    sink_form="onepassword:NAME:VAULT/ITEM#FIELD",
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "onepassword"
""",
    nicknames=("op", "1password"),
    simulated="respond.company.onepassword",
)
