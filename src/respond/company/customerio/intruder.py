"""What an intruder leaves behind in an account: one of each thing that keeps a way in or out open.

Written from what the vendor documents of its console. Types of log entries that nobody has
published are our best reading, as in ``rows``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.customerio import api_keys, team
from respond.company.customerio.account import ActingAs
from respond.company.example_co import DAY_S
from respond.company.simulated_rest import Row

if TYPE_CHECKING:
    from respond.company.customerio.account import CioAccount
    from respond.company.exchange import Json
    from respond.company.system import Errand

ADDED = "helper@attacker.example"
_ABROAD = "198.51.100.66"


def leave_behind(cio: CioAccount, errand: Errand) -> Json:
    """Let the intruder have been at work since the leak, by hand and with a stolen token."""
    story = errand.story
    mallory = team.find_email(cio, story.compromised)
    person = ActingAs("intruder", user_id=mallory.id, ip=_ABROAD)
    token = ActingAs("intruder", service_account_id=story.leaked_service_account_id, ip=_ABROAD)
    _members(cio, person, story.lost_2fa)
    _keys(cio, person, token, story.production)
    _settings(cio, person, story.production)
    _messages(cio, token, story.production)
    return {"added": ADDED}


def _members(cio: CioAccount, person: ActingAs, promoted: str) -> None:
    """Somebody new, invited as administrator; and a colleague with more rights than before."""
    team.add_member(cio, person, {"email": ADDED, "account_role": "admin"})
    team.change_roles(cio, person, team.find_email(cio, promoted), {"account_role": "admin"})


def _keys(cio: CioAccount, person: ActingAs, token: ActingAs, place: int) -> None:
    """A service account of their own with a token, and keys of two kinds."""
    owner = Row(id=690, name="metrics-sync", role="admin")
    cio.state.service_accounts.append(owner)
    cio.audit(person, ("created", "service_account", owner.id))
    api_keys.create(cio, person, "tokens", {"service_account_id": owner.id}, "sync")
    api_keys.create(cio, token, "app_keys", {"environment_id": place}, "metrics")
    api_keys.create(cio, person, "track_keys", {"environment_id": place}, "metrics")


def _settings(cio: CioAccount, person: ActingAs, place: int) -> None:
    """Single sign-on off, a login that lasts longer, an address allowed, a sender of theirs."""
    cio.state.sso = None
    cio.state.senders.append(
        Row(id=12, environment_id=place, name="Support", email="support@attacker.example")
    )
    at = cio.clock.now() - DAY_S
    for action, object_type, object_id, within in (
        ("deleted", "sso_configuration", 1, None),
        ("updated", "account", cio.state.account_id, None),
        ("created", "whitelisted_ip", 71, place),
        ("created", "sender_identity", 12, place),
        ("created", "destination", 81, place),
        ("created", "reverse_etl", 82, place),
    ):
        cio.audit(person, (action, object_type, object_id), environment_id=within, at=at)


def _messages(cio: CioAccount, token: ActingAs, place: int) -> None:
    """One that is scheduled, and one that was sent."""
    at = cio.clock.now() - DAY_S / 2
    for action, object_type, object_id in (
        ("created", "newsletter", 301),
        ("updated", "campaign", 302),
    ):
        cio.audit(token, (action, object_type, object_id), environment_id=place, at=at)
