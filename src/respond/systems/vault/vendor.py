"""Vault, as the rest of the tool needs to know it.

Source: Vault API reference, token and KV v2 secrets engine.
"""

from __future__ import annotations

from typing import Final

from respond.errors import RefusedBySystemError
from respond.systems.vendor import (
    EVERY_SURFACE,
    Ask,
    CredentialRefusedError,
    CredentialVerdict,
    Ending,
    Probed,
    Probing,
    Right,
    Scheme,
    SentAs,
    Vendor,
    record_at,
    text_in,
    tried,
)

__all__ = ["VENDOR"]


def _probe(opened: Probing) -> Probed:
    try:
        reply = opened.fetch("http", "v1", "auth", "token", "lookup-self")
    except RefusedBySystemError as error:
        if error.code == "403":
            # A token that lives may look itself up, unless its policy was cut below the default.
            raise CredentialRefusedError(
                "Vault answered 403 to a look at the token itself: it is dead or not a token",
                "mint a new token, or give its policy read on auth/token/lookup-self",
            ) from error
        raise
    row = record_at(reply.body, "data")
    policies, ttl = row.get("policies"), row.get("ttl")
    notes = [] if not isinstance(ttl, int) or ttl == 0 else [f"it lives for another {_span(ttl)}"]
    # Who minted a token that can be renewed renews it; every other one just ends.
    ends = "" if row.get("renewable") is True else text_in(row, "expire_time")
    if isinstance(policies, list) and "root" in policies:
        notes.append("it is a root token; a token with one policy for the sinks is enough")
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=text_in(row, "display_name"),
        rights=tuple(tried(opened, _right(sink)) for sink in opened.sinks),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
        endings=(Ending("the token", ends, "mint a new one"),) if ends else (),
    )


def _right(sink: str) -> Right:
    return Right(
        f"reach the sink {sink}",
        f"create, update, read and patch on the data path of {sink}",
        frozenset({"customerio.create_key", "sink.check"}),
        Ask("http", ("v1", "sys", "internal", "ui", "mounts", *sink.split("/"))),
    )


def _span(seconds: int) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


VENDOR: Final = Vendor(
    name="vault",
    title="Vault",
    aside=True,
    actions={},
    # Performance standbys may answer from a moment ago.
    settle_s=10,
    schemes={
        EVERY_SURFACE: Scheme(
            SentAs.HEADER,
            header="X-Vault-Token",
            before="",
            from_options=(("namespace", "X-Vault-Namespace"),),
        ),
    },
    sink="respond.systems.vault.kv",
    sink_form="vault:NAME:MOUNT/PATH#FIELD",
    probes={"": _probe},
    snippet="""\
[connections.{name}]
system = "vault"
base_urls = {{ http = "https://vault.example.com:8200" }}
""",
    simulated="respond.company.vault",
)
