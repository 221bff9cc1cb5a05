"""Review the team members: who they are, what they may do, and whether they still come.

One list is read, whatever the number of members. What the list does not say is no finding: a member
whose second factor is unknown is told as unknown, and one who never signed in is no member without
a second factor.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.review_policy import Rights
from respond.core.script import Done, Effect, Me, Script, action, both
from respond.core.showable import showable
from respond.systems.customerio.facts import link, timestamp
from respond.systems.customerio.jobs import is_within, jobs_of, role_in
from respond.systems.customerio.members import (
    MemberRoles,
    MemberRow,
    everybody,
    is_admin,
    number_of_member,
    usable_admins,
)
from respond.systems.customerio.single_sign_on import seen_sso
from respond.systems.guards import emergency_names, who_could_act

__all__ = ["ACTIONS", "ReviewMembers", "ReviewedMembers"]

_DAY_S: Final = 86_400
_NAMED: Final = 5
_SEEN: Final = "list of team members"

_SWITCHES: Final = {
    "billing": ("billing-switch", Severity.LOW, "billing and account info"),
    "api_credentials": ("key-switch", Severity.MEDIUM, "API credentials: every key can be made"),
    "support_access": ("support-switch", Severity.LOW, "letting the vendor's support in"),
}


class ReviewedMembers(Frozen):
    """Who there is.

    Attributes:
        emails: Of everybody who is no mere invitation.
        admins: Administrators who could act tonight.
    """

    emails: tuple[str, ...]
    members: int
    admins: int


class _Review(Frozen):
    """One look at the list, held against what the company wants."""

    me: Me
    rows: Sequence[MemberRow]
    is_sso: bool

    def findings(self) -> Iterator[Finding]:
        yield from self._administrators()
        kept = emergency_names(self.me)
        for row in self.rows:
            is_kept = row.email.casefold() in kept
            yield from self._address(row)
            yield from () if is_kept else self._coming(row)
            yield from self._second_factor(row)
            yield from () if is_kept else self._rights(row)

    # --- administrators ---------------------------------------------------------------------------

    def _administrators(self) -> Iterator[Finding]:
        policy = self.me.review
        every = [row for row in self.rows if is_admin(row)]
        able = who_could_act(self.me, usable_admins(self.rows))
        if len(every) > policy.admins_max:
            rarest = min(every, key=lambda row: (row.last_login, row.email))
            yield self._of_account(
                "too-many-admins",
                Severity.MEDIUM,
                f"{len(every)} administrators, and {policy.admins_max} are wanted at most: "
                f"{_names(row.email for row in every)}",
                command=_role_change(rarest),
            )
        if len(able) < policy.admins_min:
            yield self._of_account(
                "too-few-admins",
                Severity.HIGH,
                f"{len(able)} administrators could act tonight, and {policy.admins_min} are "
                f"wanted at least: {_names(able) or 'nobody'}",
                person="make one more person Account Admin, and let them accept",
            )

    def _of_account(self, kind: str, severity: Severity, says: str, **mends: str) -> Finding:
        if "person" in mends:
            mends["link"] = link(self.me, "members")
        return Finding(f"{kind}/customerio/account", severity, says, _SEEN, **mends)

    # --- one member -------------------------------------------------------------------------------

    def _of(
        self, row: MemberRow, kind: str, severity: Severity, says: str, evidence: str = "",
        **more: str,
    ) -> Finding:  # fmt: skip
        thing = number_of_member(row) or row.email.casefold()
        # Who accepted it of a member did not accept it of the administrator that they become.
        kind += "-of-admin" if is_admin(row) else ""
        seen = f"{_SEEN}: {evidence}" if evidence else _SEEN
        return Finding(f"{kind}/customerio/{thing}", severity, says, seen, **more)

    def _address(self, row: MemberRow) -> Iterator[Finding]:
        local = row.email.partition("@")[0].partition("+")[0].casefold()
        if local in {each.casefold() for each in self.me.review.shared}:
            says = f"{row.email} is a shared or role address: nobody can tell who used it"
            yield self._of(
                row, "shared-address", Severity.MEDIUM, says, command=_offboard(row)
            )  # fmt: skip

    def _coming(self, row: MemberRow) -> Iterator[Finding]:
        grave = Severity.MEDIUM if is_admin(row) else Severity.LOW
        who = f"{row.email} ({row.account_role or 'role unknown'})"
        if not row.last_login:
            invited = "is invited" if not row.accepted else "is a member"
            says = f"{who} {invited}, and has never signed in"
            yield self._of(row, "never-signed-in", grave, says, command=_offboard(row))
            return
        days = (self.me.now - row.last_login) // _DAY_S
        if self.me.now - row.last_login > self.me.review.idle_s:
            last = timestamp(row.last_login)
            yield self._of(
                row, "idle", grave, f"{who} has not signed in for {days} days",
                f"last login {last}", since=last, command=_offboard(row),
            )  # fmt: skip

    def _second_factor(self, row: MemberRow) -> Iterator[Finding]:
        # With single sign-on on the vendor's own is off, and who signs people in asks for one.
        if self.is_sso or row.two_factor is not False or not row.last_login:
            return
        grave = Severity.HIGH if is_admin(row) else Severity.MEDIUM
        yield self._of(
            row, "no-second-factor", grave, f"{row.email} signs in without a second factor",
            person=f"require it for everybody, or let {row.email} set one up",
            link=link(self.me, "security"),
        )  # fmt: skip

    # --- rights -----------------------------------------------------------------------------------

    def _rights(self, row: MemberRow) -> Iterator[Finding]:
        if row.roles is None:
            yield self._of(
                row, "roles-unknown", Severity.MEDIUM,
                f"what {row.email} may do cannot be read whole",
                person="look in the console", link=link(self.me, "members"),
            )  # fmt: skip
            return
        jobs = jobs_of(self.me, row.email)
        if self.me.review.rights and not jobs:
            says = f"no [rights.NAME] in respond.toml says what {row.email} may do"
            yield self._of(row, "no-job", Severity.LOW, says, command=_offboard(row))
        if jobs:
            yield from self._beyond(row, row.roles, jobs)
        if not is_admin(row):
            yield from self._switches(row, row.roles, jobs)

    def _beyond(
        self, row: MemberRow, roles: MemberRoles, jobs: Sequence[Rights]
    ) -> Iterator[Finding]:
        named = " and ".join(each.name for each in jobs)
        allowed = f"[rights.{jobs[0].name}] in respond.toml"
        if is_admin(row):
            if not any(each.account == "admin" for each in jobs):
                says = f"{row.email} is Account Admin, and {named} is no administrator's job"
                yield self._of(
                    row, "more-rights", Severity.HIGH, says, allowed, command=_role_change(row)
                )
            return
        over = []
        for place in roles.environment_roles:
            has = place.role or place.role_id
            if not any(is_within(has, role_in(each, place.environment)) for each in jobs):
                over.append(f"{has} in workspace {place.environment}")
        if over:
            says = f"{row.email} has more rights than {named}: {', '.join(over)}"
            yield self._of(
                row, "more-rights", Severity.MEDIUM, says, allowed, command=_role_change(row)
            )

    def _switches(
        self, row: MemberRow, roles: MemberRoles, jobs: Sequence[Rights]
    ) -> Iterator[Finding]:
        for name, (kind, grave, says) in _SWITCHES.items():
            if getattr(roles, name) and not any(name in each.switches for each in jobs):
                yield self._of(
                    row, kind, grave, f"{row.email} has the switch for {says}",
                    f"{name} is on", command=_role_change(row),
                )  # fmt: skip


def _command(runbook: str) -> Callable[[MemberRow], str]:
    return lambda row: f"respond {runbook} --email {shlex.quote(showable(row.email))}"


_offboard: Final = _command("offboard-member")
_role_change: Final = _command("role-change")


def _names(emails: Sequence[str] | Iterator[str]) -> str:
    every = sorted(emails)
    more = len(every) - _NAMED
    return ", ".join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@action(
    "customerio.review_members",
    effect=Effect.READS,
    output=ReviewedMembers,
    source="customerio/cli: GET accounts/{id}/users (CLI-ROUTE); field names assumed",
)
class ReviewMembers(Frozen):
    """Hold every team member against what the company wants: address, rights, last login."""

    def run(self, me: Me) -> Script[ReviewedMembers]:
        rows, sso = yield from both(everybody(me), seen_sso(me))
        able = who_could_act(me, usable_admins(rows))
        emails = tuple(sorted(row.email for row in rows if row.accepted))
        found = tuple(
            sorted(_Review(me, rows, bool(sso.fingerprint)).findings(), key=lambda each: each.id)
        )
        says = f"{len(rows)} team members, {len(able)} administrators who could act"
        return Done(ReviewedMembers(emails, len(rows), len(able)), says=says, findings=found)


ACTIONS: Final = (ReviewMembers,)
