"""What the company wants to be so, for reviews: ``[review]``, ``[rights.NAME]``, ``[[accepted]]``.

Wishes as data, with their defaults. A review holds the world against them; nothing here raises or
lowers the care of a run, which is ``respond.core.policy``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from respond.core.records import Frozen

__all__ = ["FACTS", "SHARED", "AcceptedRisk", "AttestedFact", "ReviewPolicy", "Rights"]

SHARED: Final = (
    "abuse", "accounts", "admin", "administrator", "billing", "contact", "dev", "developers",
    "devops", "engineering", "finance", "hello", "help", "helpdesk", "hr", "info", "it", "legal",
    "marketing", "office", "ops", "postmaster", "root", "sales", "security", "service", "shared",
    "support", "team", "test", "webmaster",
)  # fmt: skip
"""First parts of addresses that name a post and no person (RFC 2142 has the older of them)."""


class AcceptedRisk(Frozen):
    """A finding with which somebody decided to live for a while.

    Attributes:
        finding: Its id.
        by: Id of the person in ``respond.toml`` who decided it.
        until: The last day, ``2027-01-31``; empty is a risk without an end, which counts for none.
    """

    finding: str
    by: str = ""
    why: str = ""
    until: str = ""

    def is_over(self, today: date) -> bool:
        """Whether its last day has passed."""
        return bool(self.until) and date.fromisoformat(self.until) < today


class AttestedFact(Frozen):
    """Something that no API tells, and a person saw to be so.

    Attributes:
        fact: Its name: one of ``FACTS``.
        by: Id of the person in ``respond.toml`` who looked.
        on: The day, ``2026-11-29``.
    """

    fact: str
    by: str
    on: str


FACTS: Final = ("legal-contact", "password-policy", "sso-required", "technical-contact")


class Rights(Frozen):
    """What people with one job may do in the account that is reviewed, at most.

    Attributes:
        name: Of the job; persons have it among their ``roles``.
        who: Addresses of further people who have it, and are no ``[[person]]``.
        account: ``admin`` or ``member``.
        workspaces: Workspace (its id, or ``*`` for each) to the name of the role there.
        switches: Of ``billing``, ``api_credentials`` and ``support_access``, those that may be on.
    """

    name: str
    who: tuple[str, ...] = ()
    account: str = "member"
    workspaces: Mapping[str, str] = {}
    switches: tuple[str, ...] = ()


class ReviewPolicy(Frozen):
    """What reviews hold the world against.

    Attributes:
        domains: Of the company's own addresses; empty: not looked at.
        idle_s: Not signed in for so long is idle, in seconds.
        admins_max: More administrators than this are too many.
        admins_min: Fewer who could act than this are too few.
        shared: First parts of addresses that are nobody's own.
        owners: Service account, by name or id, to the id of the person who answers for it.
        certificate_s: A certificate that ends within so many seconds is about to end.
        sso: Fingerprint of the single sign-on that somebody looked at, as a review shows it.
        apps: Directory, by its connection, to the id that the reviewed account has there.
        attested_s: How long a fact counts as attested, in seconds.
        night: Hours in UTC between which nobody works: ``22-6``.
        rights: By job; none: what somebody may do is not held against anything.
    """

    domains: tuple[str, ...] = ()
    idle_s: int = 90 * 86_400
    admins_max: int = 5
    admins_min: int = 3
    shared: tuple[str, ...] = SHARED
    owners: Mapping[str, str] = {}
    certificate_s: int = 30 * 86_400
    sso: str = ""
    apps: Mapping[str, str] = {}
    attested_s: int = 180 * 86_400
    attested: tuple[AttestedFact, ...] = ()
    night: str = "22-6"
    rights: Mapping[str, Rights] = {}
    accepted: tuple[AcceptedRisk, ...] = ()
