"""What a person does by hand in Customer.io's web console: the operations behind its APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from respond.company.customerio import api_keys, data, team
from respond.company.customerio.account import ActingAs, CioAccount
from respond.company.customerio.intruder import leave_behind
from respond.company.customerio.rows import PERMISSIONS, export_row, member_row
from respond.company.exchange import RefusalError
from respond.company.signing_certificate import made_certificate

if TYPE_CHECKING:
    from respond.company.exchange import Json
    from respond.company.simulated_rest import Row
    from respond.company.system import Errand


Click: TypeAlias = "Callable[[Seat], Json | None]"


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody of the team before the console, with an errand."""

    cio: CioAccount
    errand: Errand

    @property
    def actor(self) -> ActingAs:
        """The person of the errand, at the office."""
        member = team.find_email(self.cio, self.errand.who)
        return ActingAs(self.errand.by, user_id=member.id, ip="203.0.113.7")

    @property
    def member(self) -> Row:
        return team.find_email(self.cio, self.errand.text("email"))

    def place(self, table: str) -> dict[str, int]:
        """Where a thing of this kind stands; a workspace by its id or its name.

        Raises:
            RefusalError: with 404 if there is none.
        """
        if table == "tokens":
            return {"service_account_id": self._service_account()}
        given = str(self.errand.about.get("environment"))
        for number, name in self.cio.state.environments.items():
            if given in {str(number), name}:
                more = {"source_id": self.errand.number("source")} if table == "write_keys" else {}
                return {"environment_id": number, **more}
        raise RefusalError(404, f"there is no environment {self.errand.about.get('environment')}")

    def row(self, table: str, field: str = "id") -> Row:
        """The thing that the errand is about; a token perhaps by its ending alone."""
        place, ending = self.place(table), str(self.errand.about.get("hint", ""))
        for token in self.cio.state.tokens if table == "tokens" and ending else ():
            if token.value.endswith(ending) and place.items() <= vars(token).items():
                return self.cio.row(table, **place, id=token.id)
        return self.cio.row(table, **place, id=self.errand.number(field))

    def _service_account(self) -> int:
        """By id or by name; by the ending of one of its tokens, as a person finds it on the page.

        Told nothing at all, the person takes the account that the leak is about.
        """
        about = self.errand.about
        wanted, ending = about.get("service_account"), str(about.get("hint", ""))
        if not wanted:
            tokens = [t for t in self.cio.state.tokens if ending and t.value.endswith(ending)]
            leaked: int = self.errand.story.leaked_service_account_id
            return tokens[0].service_account_id if tokens else leaked
        owners = self.cio.rows("service_accounts", name=wanted)
        return owners[0].id if owners else self.errand.number("service_account")


def _revoked(table: str) -> Click:
    return lambda seat: api_keys.revoke(seat.cio, seat.actor, table, seat.row(table))


def _created(table: str) -> Click:
    def click(seat: Seat) -> Json:
        name = "" if table == "write_keys" else seat.errand.text("name")
        read_only, place = seat.errand.about.get("read_only") is True, seat.place(table)
        key = api_keys.create(seat.cio, seat.actor, table, place, name, read_only=read_only)
        site = {"site_id": key.site_id} if table == "track_keys" else {}
        return {"id": key.id, **site, "value": key.value}

    return click


def _switched(*, enabled: bool) -> Click:
    return lambda seat: api_keys.switch_source(
        seat.cio, seat.actor, seat.row("sources", "source"), enabled=enabled
    )


def _add_member(seat: Seat) -> Json:
    seat.errand.text("email")
    return {"id": team.add_member(seat.cio, seat.actor, seat.errand.about).id}


def _accept_invitation(seat: Seat) -> None:
    member = seat.member
    team.accept_invitation(seat.cio, ActingAs(seat.errand.by, user_id=member.id), member)


def _force_reauth(seat: Seat) -> None:
    """Set the session length; who finds it as asked for leaves it: somebody did it before."""
    minutes = seat.errand.number("minutes") if "minutes" in seat.errand.about else 60
    team.force_reauth(seat.cio, seat.actor, max(1, minutes // 60))


def _disable_webhook(seat: Seat) -> None:
    """Switch it off and leave the rest as it is."""
    hook = seat.row("webhooks")
    data.change_webhook(seat.cio, seat.actor, hook, vars(hook) | {"disabled": True})


def _by_hand(click: Click) -> Callable[[CioAccount, Errand], Json]:
    return lambda cio, errand: click(Seat(cio, errand)) or {}


_CLICKS: Mapping[str, Click] = {
    "revoke_app_key": _revoked("app_keys"),
    "create_app_key": _created("app_keys"),
    "revoke_track_key": _revoked("track_keys"),
    "create_track_key": _created("track_keys"),
    "delete_write_key": _revoked("write_keys"),
    "create_write_key": _created("write_keys"),
    "disable_source": _switched(enabled=False),
    "enable_source": _switched(enabled=True),
    "revoke_sa_token": _revoked("tokens"),
    "create_sa_token": _created("tokens"),
    "remove_member": lambda seat: team.remove_member(seat.cio, seat.actor, seat.member),
    "add_member": _add_member,
    "accept_invitation": _accept_invitation,
    "resend_invitation": lambda seat: team.send_invitation(seat.cio, seat.actor, seat.member),
    "set_member_role": lambda seat: team.change_roles(
        seat.cio, seat.actor, seat.member, seat.errand.about
    ),
    "force_reauth": _force_reauth,
    "disable_reporting_webhook": _disable_webhook,
}

CONSOLE = {task: _by_hand(click) for task, click in _CLICKS.items()}


# --- how else the night may begin ---------------------------------------------------------------


def _single_sign_on(cio: CioAccount, _: Errand) -> Json:
    cio.state.sso = {"provider": "okta", "certificate": "MIIC..."}
    return {}


def _sole_admin(cio: CioAccount, errand: Errand) -> Json:
    """Nobody is an administrator but the account in wrong hands."""
    sole = errand.words("email", errand.story.compromised)
    for member in cio.table("members"):
        member.account_role = "admin" if member.email == sole else "member"
    return {}


def _neglected(cio: CioAccount, errand: Errand) -> Json:
    """Nobody has looked after the account for a year: something of all that can be found."""
    day, now, own = 86_400, int(cio.clock.now()), errand.story.operator.partition("@")[2]
    switched = {"permissions": dict.fromkeys(PERMISSIONS, True)}
    everywhere = [{"environment_id": each, "role": "author"} for each in cio.state.environments]
    for number, email, role, more in (
        (51250, f"support@{own}", "member", {"last_login_at": now - day}),
        (51251, f"lena@{own}", "admin", {"last_login_at": now - 200 * day}),
        (51252, f"otto@{own}", "member", {"environment_roles": everywhere}),
        (51253, "nova@agency.example", "member", {"last_login_at": now - day, **switched}),
        (51254, f"tariq@{own}", "admin", {"last_login_at": now - day, "two_factor_enabled": False}),
    ):
        first = email.partition("@")[0].capitalize()
        cio.state.members.append(
            member_row(number, email, first, "", role, now - 400 * day, **more)
        )
    tariq = ActingAs("person", user_id=51254, ip="203.0.113.7")
    for actor, ago in ((tariq, 4_000), (replace(tariq, ip="198.51.100.66"), 3_700)):
        cio.audit(actor, ("created", "session", 51254), at=cio.clock.now() - ago)
    return {}


def _expiring(cio: CioAccount, errand: Errand) -> Json:
    """Single sign-on is on, and its certificate ends in so many days."""
    days = errand.number("days") if "days" in errand.about else 10
    certificate = made_certificate("sso.example.com", int(cio.clock.now()) + days * 86_400)
    cio.state.sso = {"provider": "okta", "settings": {"certificate": certificate}}
    return {}


def _exported(cio: CioAccount, errand: Errand) -> Json:
    """Somebody who left took everything, at night, and Ana much more than ever."""
    own, now = errand.story.operator.partition("@")[2], int(cio.clock.now())
    night = now - now % 86_400 - 86_400 + 2 * 3_600
    rows = [
        (130, 51199, f"otto@{own}", "All people", 25_666, 1, night),
        (131, 51235, errand.story.admins[0], "All people", 25_666, 1, night + 10 * 3_600),
    ]
    rows += [
        (132 + n, 51236, errand.story.admins[1], "Part", 500, 1, night + (9 + n) * 3_600)
        for n in range(3)
    ]
    place = next(iter(cio.state.environments))
    cio.state.exports += [
        export_row(
            number, what, total, at, user_id=user, user_email=email, downloads=downloads,
            environment_id=place, place="",
        )
        for number, user, email, what, total, downloads, at in rows
    ]  # fmt: skip
    return {}


HAPPENINGS = {
    "exported": _exported,
    "expiring_single_sign_on": _expiring,
    "single_sign_on": _single_sign_on,
    "sole_admin": _sole_admin,
    "neglected": _neglected,
    "left_behind": leave_behind,
}
