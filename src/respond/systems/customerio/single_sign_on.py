"""See how single sign-on is configured: no field of it is published, so only traces are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from respond.core.records import Frozen
from respond.core.script import (
    Done,
    Effect,
    Looking,
    MalformedReplyError,
    Me,
    Reply,
    Script,
    action,
)
from respond.systems.customerio.reading import account
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import KEPT, Thing
from respond.systems.seen_certificates import SeenCertificate, certificates_in

__all__ = ["ACTIONS", "ReadSso", "Sso", "SsoSeen", "seen_sso"]


class SsoSeen(Frozen):
    """What may be kept of the configuration: no field of it is published, and some may be secret.

    Attributes:
        fingerprint: Changes when the configuration changes; empty when it is off.
        digest: The same on every machine: for what people write down.
        certificates: Whatever in it is one.
    """

    fingerprint: str = ""
    digest: str = ""
    certificates: tuple[SeenCertificate, ...] = ()


def seen_sso(me: Me) -> Looking[SsoSeen]:
    """Single sign-on as it is configured now."""
    account_number = yield from account(me)

    def parse(replies: Sequence[Reply]) -> SsoSeen:
        body = replies[0].body
        if body is None:
            return SsoSeen()
        if not isinstance(body, dict):
            raise MalformedReplyError("no configuration")
        found = body.get("sso_configuration", body)
        if not found:
            return SsoSeen()
        text = json.dumps(found, sort_keys=True)
        fingerprint, same = me.digest(text)[:16], hashlib.sha256(text.encode()).hexdigest()[:16]
        return SsoSeen(fingerprint, same, tuple(certificates_in(found)))

    path = ("v1", "accounts", account_number, "sso_configuration")
    thing = Thing(VENDOR, "sso", path, parse, gone=SsoSeen(), settle_s=0, evidence=KEPT)
    return (yield from thing.of(me.connection))


class Sso(Frozen):
    """Single sign-on of the account.

    Attributes:
        fingerprint: Changes when the configuration changes; empty when it is off.
    """

    on: bool
    fingerprint: str
    says: str


@action(
    "customerio.read_sso",
    effect=Effect.READS,
    output=Sso,
    source="customerio/cli: GET accounts/{id}/sso_configuration (CLI-ROUTE)",
)
class ReadSso(Frozen):
    """See whether single sign-on is on; then a lost second factor is no matter of this account."""

    def run(self, me: Me) -> Script[Sso]:
        fingerprint = (yield from seen_sso(me)).fingerprint
        says = f"single sign-on is {'on' if fingerprint else 'off'}"
        return Done(Sso(bool(fingerprint), fingerprint, says), says=says)


ACTIONS: tuple[type, ...] = (ReadSso,)
