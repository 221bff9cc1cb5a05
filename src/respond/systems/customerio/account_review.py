"""Review how members signed in, and who answers for the accounts that are no person.

Of an address only its network is known here: how far apart two are, no address tells without a
database that somebody keeps. So what is told is what is so: one account, two networks, minutes.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from respond.core.finding import Finding, Found, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Me, Script, action, both
from respond.core.shapes import Seconds
from respond.core.showable import showable
from respond.systems.customerio.evidence import AuditRow, read_log
from respond.systems.customerio.facts import KEY_SETTLE_S, id_of, link, text_of, timestamp, told
from respond.systems.customerio.members import MemberRow, everybody, number_of_member
from respond.systems.customerio.reading import PAGES_IF_SAID, account, tokens_listed
from respond.systems.customerio.vendor import VENDOR
from respond.systems.rest import Thing, at, rows

__all__ = ["ACTIONS", "ReviewServiceAccounts", "ReviewSignIns"]

_A_WEEK: Final = Seconds(7 * 86_400)
_AT_ONCE_S: Final = 900
"""Two sessions that begin so near each other, from two networks: a quarter of an hour."""

_V4_BITS: Final = 24
_V6_BITS: Final = 48
"""As providers hand networks out: one site is rarely more than this (RFC 6177 for version 6)."""


def _network(address: str) -> str:
    """The network that an address is in; empty where it is none."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return ""
    bits = _V4_BITS if known.version == 4 else _V6_BITS  # noqa: PLR2004 - of the protocol
    return str(ipaddress.ip_network((known, bits), strict=False))


class ReviewedSignIns(Frozen):
    """How many sessions began, of how many members."""

    sessions: int
    members: int


@action(
    "customerio.review_sign_ins",
    effect=Effect.READS,
    output=ReviewedSignIns,
    source="GET accounts/{id}/audit_logs (CLI-ROUTE); fields named after its filters",
)
class ReviewSignIns(Frozen):
    """Find members whose sessions began in two networks within a quarter of an hour.

    Attributes:
        within: How far back to look.
    """

    within: Seconds = _A_WEEK

    def run(self, me: Me) -> Script[ReviewedSignIns]:
        log, people = yield from both(read_log(me, me.now - self.within, ()), everybody(me))
        begun: dict[str, list[AuditRow]] = {}
        for entry in log.entries:
            if entry.user and (entry.action, entry.object_type) == ("created", "session"):
                begun.setdefault(entry.user, []).append(entry)
        findings: list[Found] = [
            found
            for row in sorted(people, key=number_of_member)
            for found in _at_once(row, begun.get(number_of_member(row), ()))
        ]
        sessions = sum(map(len, begun.values()))
        says = (
            f"{sessions} sessions of {len(begun)} members began; places are not known, networks are"
        )
        return Done(
            ReviewedSignIns(sessions, len(begun)),
            says=says,
            findings=(*findings, *log.unseen),
            proved=log.seen,
        )


def _at_once(row: MemberRow, begun: Sequence[AuditRow]) -> Iterator[Finding]:
    """The newest two sessions in a row that were too near each other, if any were."""
    near = [
        (one, other)
        for one, other in pairwise(each for each in begun if _network(each.address))
        if other.at - one.at <= _AT_ONCE_S and _network(one.address) != _network(other.address)
    ]
    for one, other in near[-1:]:
        who = shlex.quote(showable(row.email))
        yield Finding(
            id=f"two-networks/customerio/{number_of_member(row)}",
            severity=Severity.MEDIUM,
            says=f"{row.email} signed in from two networks within {(other.at - one.at) // 60} min; "
            "how far apart they are, no address tells: ask the person, on a number that you know",
            evidence=f"audit log: {one.address} at {timestamp(one.at)}, "
            f"{other.address} at {timestamp(other.at)}",
            since=timestamp(one.at),
            command=f"respond compromised-user --email {who}",
        )


# --- accounts that are no person ------------------------------------------------------------------


class ServiceAccountRow(Frozen):
    """A service account as the list shows it."""

    id: str = told("key.id", id_of)
    name: str = told("key.name")
    role: str = at("", read=lambda row: text_of(row, "member.account_role"), default="")


_SERVICE_ACCOUNTS: Final = Thing(
    VENDOR,
    "service-accounts",
    ("v1", "accounts", "{account}", "service_accounts"),
    rows(ServiceAccountRow, "service_accounts"),
    pages=PAGES_IF_SAID,
    settle_s=KEY_SETTLE_S,
)


class ReviewedServiceAccounts(Frozen):
    """How many there are."""

    accounts: int


@action(
    "customerio.review_service_accounts",
    effect=Effect.READS,
    output=ReviewedServiceAccounts,
    source="GET accounts/{id}/service_accounts (CLI-SHOWN as a command; discovery has to find it)",
)
class ReviewServiceAccounts(Frozen):
    """Find service accounts for which nobody answers by ``[review]`` of ``respond.toml``."""

    def run(self, me: Me) -> Script[ReviewedServiceAccounts]:
        if not tokens_listed(me):
            line = f"UNSEEN service accounts: no list of them is confirmed; see {link(me, 'sa')}"
            return Done(ReviewedServiceAccounts(0), says=line, findings=(line,), proved=False)
        number = yield from account(me)
        seen = yield from _SERVICE_ACCOUNTS.of(me.connection, account=number)
        says = f"{len(seen)} service accounts"
        return Done(
            ReviewedServiceAccounts(len(seen)), says=says, findings=tuple(_unowned(me, seen))
        )


def _unowned(me: Me, seen: Iterable[ServiceAccountRow]) -> Iterator[Finding]:
    owners, persons = me.review.owners, {person.id for person in me.persons}
    for each in sorted(seen, key=lambda one: one.id):
        owner = owners.get(each.name) or owners.get(each.id) or ""
        if owner in persons:
            continue
        why = f"{owner}, who is no [[person]], answers" if owner else "nobody answers"
        yield Finding(
            id=f"service-account-without-owner/customerio/{each.id}",
            severity=Severity.MEDIUM if each.role != "member" else Severity.LOW,
            says=f"{why} for the service account {each.name} ({each.role or 'role unknown'})",
            evidence="list of service accounts, and owners in [review] of respond.toml",
            person="name its owner in respond.toml, or revoke its tokens",
            link=link(me, "sa"),
        )


ACTIONS: Final = (ReviewSignIns, ReviewServiceAccounts)
