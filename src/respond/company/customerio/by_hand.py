"""What a person does by hand in Customer.io's web console: the operations behind its APIs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from respond.company.customerio import api_keys, data, team, tokens
from respond.company.customerio.account import ActingAs, CioAccount
from respond.company.exchange import RefusalError

if TYPE_CHECKING:
    from respond.company.customerio.rows import Member, PipelinesSource, ServiceAccount
    from respond.company.customerio.surfaces import CustomerIo
    from respond.company.exchange import Json
    from respond.company.system import Errand


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody of the team before the console, with an errand."""

    account: CioAccount
    errand: Errand

    @property
    def actor(self) -> ActingAs:
        """The person of the errand, at the office."""
        member = team.find_email(self.account, self.errand.who)
        return ActingAs(self.errand.by, user_id=member.id, ip="203.0.113.7")

    @property
    def id(self) -> int:
        return self.errand.number("id")

    @property
    def environment(self) -> int:
        """A workspace by its id or its name. Raises RefusalError with 404."""
        given = self.errand.about.get("environment")
        for number, name in self.account.state.environments.items():
            if str(given) in {str(number), name}:
                return number
        raise RefusalError(404, f"there is no environment {given}")

    @property
    def source(self) -> PipelinesSource:
        number = self.errand.number("source")
        return api_keys.find_source(self.account, self.environment, number)

    @property
    def member(self) -> Member:
        return team.find_email(self.account, self.errand.text("email"))

    @property
    def service_account(self) -> ServiceAccount:
        """By id or by name; by the ending of one of its tokens, as a person finds it on the page.

        Told nothing at all, the person takes the account that the leak is about.
        """
        owners, about = self.account.state.service_accounts, self.errand.about
        if not about.get("service_account"):
            ending = str(about.get("hint", ""))
            for owner in owners:
                if ending and any(token.value.endswith(ending) for token in owner.tokens):
                    return owner
            leaked = self.errand.story.leaked_service_account_id
            return tokens.find_service_account(self.account, leaked)
        for owner in owners:
            if about["service_account"] == owner.name:
                return owner
        return tokens.find_service_account(self.account, self.errand.number("service_account"))


def _revoke_app_key(seat: Seat) -> None:
    key = api_keys.find_app_key(seat.account, seat.environment, seat.id)
    api_keys.revoke_app_key(seat.account, seat.actor, key)


def _create_app_key(seat: Seat) -> Json:
    name = seat.errand.text("name")
    key = api_keys.create_app_key(seat.account, seat.actor, seat.environment, name)
    return {"id": key.id, "value": key.value}


def _revoke_track_key(seat: Seat) -> None:
    key = api_keys.find_track_key(seat.account, seat.environment, seat.id)
    api_keys.revoke_track_key(seat.account, seat.actor, key)


def _create_track_key(seat: Seat) -> Json:
    name = seat.errand.text("name")
    key = api_keys.create_track_key(seat.account, seat.actor, seat.environment, name)
    return {"id": key.id, "site_id": key.site_id, "value": key.api_key}


def _delete_write_key(seat: Seat) -> None:
    source = seat.source
    key = api_keys.find_write_key(source, seat.id)
    api_keys.delete_write_key(seat.account, seat.actor, source, key)


def _create_write_key(seat: Seat) -> Json:
    key = api_keys.create_write_key(seat.account, seat.actor, seat.source)
    return {"id": key.id, "value": key.value}


def _disable_source(seat: Seat) -> None:
    api_keys.switch_source(seat.account, seat.actor, seat.source, enabled=False)


def _enable_source(seat: Seat) -> None:
    api_keys.switch_source(seat.account, seat.actor, seat.source, enabled=True)


def _revoke_sa_token(seat: Seat) -> None:
    owner, ending = seat.service_account, str(seat.errand.about.get("hint", ""))
    shown = [token.id for token in owner.tokens if ending and token.value.endswith(ending)]
    token = tokens.find_token(owner, shown[0] if shown else seat.id)
    tokens.revoke_token(seat.account, seat.actor, owner, token)


def _create_sa_token(seat: Seat) -> Json:
    token = tokens.create_token(
        seat.account,
        seat.actor,
        seat.service_account,
        seat.errand.text("name"),
        read_only=seat.errand.about.get("read_only") is True,
    )
    return {"id": token.id, "value": token.value}


def _remove_member(seat: Seat) -> None:
    team.remove_member(seat.account, seat.actor, seat.member)


def _add_member(seat: Seat) -> Json:
    seat.errand.text("email")
    return {"id": team.add_member(seat.account, seat.actor, seat.errand.about).id}


def _accept_invitation(seat: Seat) -> None:
    member = seat.member
    team.accept_invitation(seat.account, ActingAs(seat.errand.by, user_id=member.id), member)


def _resend_invitation(seat: Seat) -> None:
    team.send_invitation(seat.account, seat.actor, seat.member)


def _set_member_role(seat: Seat) -> None:
    team.change_roles(seat.account, seat.actor, seat.member, seat.errand.about)


def _force_reauth(seat: Seat) -> None:
    """Set the session length; who finds it as asked for leaves it: somebody did it before."""
    minutes = seat.errand.number("minutes") if "minutes" in seat.errand.about else 60
    team.force_reauth(seat.account, seat.actor, max(1, minutes // 60))


def _disable_webhook(seat: Seat) -> None:
    hook = data.find_webhook(seat.account, seat.environment, seat.id)
    data.disable_webhook(seat.account, seat.actor, hook)


def _by_hand(click: Callable[[Seat], Json | None]) -> Callable[[CustomerIo, Errand], Json]:
    return lambda system, errand: click(Seat(system.account, errand)) or {}


CONSOLE = {
    "revoke_app_key": _by_hand(_revoke_app_key),
    "create_app_key": _by_hand(_create_app_key),
    "revoke_track_key": _by_hand(_revoke_track_key),
    "create_track_key": _by_hand(_create_track_key),
    "delete_write_key": _by_hand(_delete_write_key),
    "create_write_key": _by_hand(_create_write_key),
    "disable_source": _by_hand(_disable_source),
    "enable_source": _by_hand(_enable_source),
    "revoke_sa_token": _by_hand(_revoke_sa_token),
    "create_sa_token": _by_hand(_create_sa_token),
    "remove_member": _by_hand(_remove_member),
    "add_member": _by_hand(_add_member),
    "accept_invitation": _by_hand(_accept_invitation),
    "resend_invitation": _by_hand(_resend_invitation),
    "set_member_role": _by_hand(_set_member_role),
    "force_reauth": _by_hand(_force_reauth),
    "disable_reporting_webhook": _by_hand(_disable_webhook),
}
