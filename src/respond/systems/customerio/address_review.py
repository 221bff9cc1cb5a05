"""Review the addresses that Customer.io writes to: members, open invitations, and contacts.

When somebody was invited only the audit log tells, and it is not kept for ever: an invitation of
which it says nothing is older than what was looked at. The company's legal and technical contact no
API tells; a person attests that its mailbox reaches somebody.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Me, Script, action, both
from respond.core.shapes import Seconds
from respond.core.showable import showable
from respond.systems.attesting import attested
from respond.systems.customerio.evidence import read_log
from respond.systems.customerio.facts import link, timestamp
from respond.systems.customerio.members import MemberRow, everybody, number_of_member

__all__ = ["ACTIONS", "ReviewAddresses"]

_DAY_S: Final = 86_400
_MONTH: Final = Seconds(30 * _DAY_S)
_WEEK_S: Final = 7 * _DAY_S
_SEEN: Final = "list of team members"
_CONTACTS: Final = {
    "legal-contact": "the legal contact of the account is a mailbox that somebody of us reads",
    "technical-contact": "the technical contact of the account is one that somebody of us reads",
}


class ReviewedAddresses(Frozen):
    """Whom the account writes to.

    Attributes:
        emails: Of everybody who is no mere invitation.
        invited: How many invitations are open.
    """

    emails: tuple[str, ...]
    invited: int


@action(
    "customerio.review_addresses",
    effect=Effect.READS,
    output=ReviewedAddresses,
    source="GET accounts/{id}/users and audit_logs (CLI-ROUTE); field names assumed",
)
class ReviewAddresses(Frozen):
    """Find addresses outside of the company, invitations that lie open, and contacts unattested.

    Attributes:
        within: How far back the audit log is read for when somebody was invited.
    """

    within: Seconds = _MONTH

    def run(self, me: Me) -> Script[ReviewedAddresses]:
        rows, log = yield from both(everybody(me), read_log(me, me.now - self.within, ()))
        invited = {
            entry.object_id: entry.at
            for entry in log.entries
            if (entry.action, entry.object_type) in {("created", "invitation"), ("created", "user")}
        }
        findings = [
            found
            for row in sorted(rows, key=number_of_member)
            for found in (*_outside(me, row), *_open(me, row, invited, self.within, seen=log.seen))
        ]
        for fact, says in _CONTACTS.items():
            findings += attested(
                me, "customerio", fact, says, severity=Severity.MEDIUM, link=link(me, "members"),
                look="look under Account Settings which address stands there, then: "
                f"respond prove-contact --contact {fact} --address ADDRESS",
            )  # fmt: skip
        emails = tuple(sorted(row.email for row in rows if row.accepted))
        waiting = sum(not row.accepted for row in rows)
        says = f"{len(emails)} addresses of members, {waiting} open invitations"
        return Done(
            ReviewedAddresses(emails, waiting),
            says=says,
            findings=(*findings, *log.unseen),
            proved=log.seen,
        )


def _offboard(row: MemberRow) -> str:
    return f"respond offboard-member --email {shlex.quote(showable(row.email))}"


def _outside(me: Me, row: MemberRow) -> Iterator[Finding]:
    domains = {each.casefold() for each in me.review.domains}
    if domains and row.email.rpartition("@")[2].casefold() not in domains:
        yield Finding(
            id=f"outside-address/customerio/{number_of_member(row)}",
            severity=Severity.MEDIUM,
            says=f"{row.email} is no address of the company",
            evidence=_SEEN,
            command=_offboard(row),
        )


def _open(
    me: Me, row: MemberRow, invited: Mapping[str, int], within: int, *, seen: bool
) -> Iterator[Finding]:
    """An invitation that nobody took up for a week: whoever gets at that mailbox can."""
    if row.accepted:
        return
    at = invited.get(number_of_member(row), 0)
    if at and me.now - at <= _WEEK_S:
        return
    since = f"since {timestamp(at)}" if at else f"for more than {within // _DAY_S} days"
    if not at and not seen:
        since = "since nobody knows when"
    yield Finding(
        id=f"open-invitation/customerio/{number_of_member(row)}",
        severity=Severity.MEDIUM if row.account_role == "admin" else Severity.LOW,
        says=f"the invitation of {row.email} ({row.account_role or 'role unknown'}) lies open "
        f"{since}: whoever reads that mailbox can take it up",
        evidence=f"{_SEEN}, and the audit log",
        since=timestamp(at),
        command=_offboard(row),
    )


ACTIONS: Final = (ReviewAddresses,)
