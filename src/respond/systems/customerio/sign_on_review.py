"""Review how people sign in to Customer.io: single sign-on, its certificate, and the password.

The vendor publishes no field of the configuration. Whether there is one, whether it is the one that
somebody looked at, and until when whatever in it is a certificate holds, can be read; whether it is
required of everybody, and what passwords have to be like, a person attests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from respond.core.finding import Finding, Severity
from respond.core.records import Frozen
from respond.core.script import Done, Effect, Me, Script, action
from respond.systems.attesting import attested
from respond.systems.customerio.facts import link
from respond.systems.customerio.members import everybody, is_admin
from respond.systems.customerio.single_sign_on import SsoSeen, seen_sso
from respond.systems.rest import stamp
from respond.systems.seen_certificates import SeenCertificate

__all__ = ["ACTIONS", "ListTeam", "ReviewSso"]

_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S
_SEEN: Final = "single sign-on configuration"
_SWITCH_ON: Final = (
    "make a SAML application for Customer.io in what signs people in, and assign the members; "
    "under Account Settings, Security, enter its address and certificate; sign in with it in a "
    "private window while a second administrator stays signed in; then require it"
)


class Team(Frozen):
    """Who is on the team, mere invitations left out."""

    emails: tuple[str, ...]
    admins: tuple[str, ...]


@action(
    "customerio.list_team",
    effect=Effect.READS,
    output=Team,
    source="customerio/cli: GET accounts/{id}/users (CLI-ROUTE); field names assumed",
)
class ListTeam(Frozen):
    """List the addresses of the team members, and of the administrators among them."""

    def run(self, me: Me) -> Script[Team]:
        rows = [row for row in (yield from everybody(me)) if row.accepted]
        emails = tuple(sorted(row.email for row in rows))
        admins = tuple(sorted(row.email for row in rows if is_admin(row)))
        says = f"{len(emails)} team members, {len(admins)} of them administrators"
        return Done(Team(emails, admins), says=says)


class ReviewedSso(Frozen):
    """Single sign-on, as it stands.

    Attributes:
        fingerprint: What ``sso`` in ``[review]`` holds once somebody has looked at it.
        ends: When its certificate ends, RFC 3339; empty where none is in it.
    """

    on: bool
    fingerprint: str
    ends: str


@action(
    "customerio.review_sso",
    effect=Effect.READS,
    output=ReviewedSso,
    source="customerio/cli: GET accounts/{id}/sso_configuration (CLI-ROUTE); no field is published",
)
class ReviewSso(Frozen):
    """Find single sign-on that is off, was changed, or whose certificate is about to end."""

    def run(self, me: Me) -> Script[ReviewedSso]:
        sso = yield from seen_sso(me)
        findings = [*_configured(me, sso), *_policy(me, sso)]
        ends = []
        for each in sso.certificates:
            until, found = _certificate(me, each)
            findings += found
            ends.append(until)
        until = f"; its certificate ends {min(ends)}" if ends else ""
        says = f"single sign-on is {f'on ({sso.digest}){until}' if sso.digest else 'off'}"
        output = ReviewedSso(bool(sso.digest), sso.digest, min(ends, default=""))
        return Done(output, says=says, findings=tuple(findings))


def _configured(me: Me, sso: SsoSeen) -> Iterator[Finding]:
    wanted, mended = me.review.sso, {"link": link(me, "security")}
    if not sso.digest:
        was = "; somebody had looked at one that was on" if wanted else ""
        says = f"single sign-on is off{was}"
        yield Finding(
            "sso-off/customerio/account", Severity.HIGH, says, _SEEN, person=_SWITCH_ON, **mended
        )
    elif not wanted:
        look = f'look whether it is yours; then write sso = "{sso.digest}" under [review]'
        says = "nobody has looked at the single sign-on that is configured"
        yield Finding(
            f"sso-without-snapshot/customerio/{sso.digest}", Severity.LOW, says, _SEEN,
            person=look, **mended,
        )  # fmt: skip
    elif wanted != sso.digest:
        says = f"single sign-on is not what somebody looked at: {sso.digest}, and not {wanted}"
        look = "see in the audit log who changed it; put it back, or write the new one down"
        # By what it is now: who accepts one change accepts no other.
        name = f"sso-changed/customerio/{sso.digest}"
        yield Finding(name, Severity.HIGH, says, _SEEN, person=look, **mended)


def _policy(me: Me, sso: SsoSeen) -> Iterator[Finding]:
    at = link(me, "security")
    look = "look under Account Settings, Security"
    if sso.digest:
        yield from attested(
            me, "customerio", "sso-required",
            "everybody has to sign in with single sign-on, and by no other way",
            severity=Severity.MEDIUM, link=at, look=look,
        )  # fmt: skip
    else:
        yield from attested(
            me, "customerio", "password-policy",
            "a second factor is required of everybody, and passwords are as the company wants",
            severity=Severity.MEDIUM, link=at, look=look,
        )  # fmt: skip


def _certificate(me: Me, seen: SeenCertificate) -> tuple[str, list[Finding]]:
    """Until when it holds, and what is to be found in that."""
    ends, thing = seen.ends, f"sso-certificate/customerio/{seen.digest[:16]}"
    left_s, until = int(ends.timestamp()) - me.now, stamp(ends.timestamp())
    if left_s > me.review.certificate_s:
        return until, []
    grave = Severity.HIGH if left_s <= _WEEK_S else Severity.MEDIUM
    when = f"ends in {left_s // _DAY_S} days" if left_s > 0 else "has ended"
    says = f"the certificate of single sign-on {when}: then nobody signs in with it"
    person = "make a new one in what signs people in, and enter it while the old one still holds"
    found = Finding(
        thing, grave, says, f"{_SEEN}: not after {until}", link=link(me, "security"), person=person
    )
    return until, [found]


ACTIONS: Final = (ListTeam, ReviewSso)
