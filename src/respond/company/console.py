"""What a person does by hand in a vendor's web console, where the API may not offer it.

The same operations as behind the APIs, by somebody who is logged in. The engine cannot reach
this: only the simulator's own doors lead here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from respond.company.customerio import Actor, api_keys, data, team, tokens
from respond.company.exchange import RefusedError
from respond.company.slack import SlackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.customerio.rows import ServiceAccount, Source
    from respond.company.exchange import Json
    from respond.company.world import Company

BY = "person"


class UnknownTaskError(Exception):
    """Nobody knows how to do this; the message lists what can be done."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One task for the person: what it is about, and where."""

    company: Company
    about: Json

    @property
    def actor(self) -> Actor:
        """The operator, at the office, unless ``about.as`` names another member."""
        account = self.company.customerio.account
        email = str(self.about.get("as", self.company.story.operator))
        return Actor(BY, user_id=team.find_email(account, email).id, ip="203.0.113.7")

    def text(self, name: str) -> str:
        """A text that must be there. Raises RefusedError with 400 if it is not."""
        value = self.about.get(name)
        if not isinstance(value, str):
            raise RefusedError(400, f"about.{name} must be a text")
        return value

    def number(self, name: str) -> int:
        """A number that must be there, perhaps as text. Raises RefusedError with 400."""
        value = str(self.about.get(name))
        if not value.isdecimal():
            raise RefusedError(400, f"about.{name} must be a number")
        return int(value)

    def environment(self) -> int:
        """A workspace by its id or its name. Raises RefusedError with 400 or 404."""
        given = self.about.get("environment")
        for number, name in self.company.customerio.state.environments.items():
            if str(given) in {str(number), name}:
                return number
        raise RefusedError(404, f"there is no environment {given}")

    def source(self) -> Source:
        account = self.company.customerio.account
        return api_keys.find_source(account, self.environment(), self.number("source"))


def do(company: Company, task: str, about: Json) -> Json:
    """Let the person do one task; what they got to see comes back.

    Raises:
        UnknownTaskError: if there is no such task.
        RefusedError: if the console does not let them, or ``about`` lacks something.
    """
    if task not in TASKS:
        raise UnknownTaskError(f"unknown task {task!r}; there are {', '.join(sorted(TASKS))}")
    with company.lock:
        try:
            return TASKS[task](Errand(company, about))
        except SlackError as error:
            raise RefusedError(422, error.error) from error


def _nothing(_: Errand) -> Json:
    return {}


def _revoke_app_key(errand: Errand) -> Json:
    account = errand.company.customerio.account
    key = api_keys.find_app_key(account, errand.environment(), errand.number("id"))
    api_keys.revoke_app_key(account, errand.actor, key)
    return {}


def _create_app_key(errand: Errand) -> Json:
    account = errand.company.customerio.account
    key = api_keys.create_app_key(account, errand.actor, errand.environment(), errand.text("name"))
    return {"id": key.id, "value": key.value}


def _revoke_track_key(errand: Errand) -> Json:
    account = errand.company.customerio.account
    key = api_keys.find_track_key(account, errand.environment(), errand.number("id"))
    api_keys.revoke_track_key(account, errand.actor, key)
    return {}


def _create_track_key(errand: Errand) -> Json:
    account = errand.company.customerio.account
    key = api_keys.create_track_key(
        account, errand.actor, errand.environment(), errand.text("name")
    )
    return {"id": key.id, "site_id": key.site_id, "value": key.api_key}


def _delete_write_key(errand: Errand) -> Json:
    source = errand.source()
    key = api_keys.find_write_key(source, errand.number("id"))
    api_keys.delete_write_key(errand.company.customerio.account, errand.actor, source, key)
    return {}


def _create_write_key(errand: Errand) -> Json:
    key = api_keys.create_write_key(
        errand.company.customerio.account, errand.actor, errand.source()
    )
    return {"id": key.id, "value": key.value}


def _switch_source(*, enabled: bool) -> Callable[[Errand], Json]:
    def switch(errand: Errand) -> Json:
        account = errand.company.customerio.account
        api_keys.switch_source(account, errand.actor, errand.source(), enabled=enabled)
        return {}

    return switch


def _service_account(errand: Errand) -> ServiceAccount:
    """By id or by name; by the ending of one of its tokens, as a person finds it on the page.

    Told nothing at all, the person takes the account that the leak is about.
    """
    account = errand.company.customerio.account
    if not errand.about.get("service_account"):
        ending = str(errand.about.get("hint", ""))
        for owner in account.state.service_accounts:
            if ending and any(token.value.endswith(ending) for token in owner.tokens):
                return owner
        leaked = errand.company.story.leaked_service_account_id
        return tokens.find_service_account(account, leaked)
    for found in account.state.service_accounts:
        if errand.about.get("service_account") == found.name:
            return found
    return tokens.find_service_account(account, errand.number("service_account"))


def _revoke_sa_token(errand: Errand) -> Json:
    owner = _service_account(errand)
    ending = str(errand.about.get("hint", ""))
    shown = [t.id for t in owner.tokens if ending and t.value.endswith(ending)]
    token = tokens.find_token(owner, shown[0] if shown else errand.number("id"))
    tokens.revoke_token(errand.company.customerio.account, errand.actor, owner, token)
    return {}


def _create_sa_token(errand: Errand) -> Json:
    token = tokens.create_token(
        errand.company.customerio.account,
        errand.actor,
        _service_account(errand),
        errand.text("name"),
        read_only=errand.about.get("read_only") is True,
    )
    return {"id": token.id, "value": token.value}


def _remove_member(errand: Errand) -> Json:
    account = errand.company.customerio.account
    member = team.find_email(account, errand.text("email"))
    team.remove_member(account, errand.actor, member)
    return {}


def _add_member(errand: Errand) -> Json:
    account = errand.company.customerio.account
    errand.text("email")
    member = team.add_member(account, errand.actor, errand.about)
    return {"id": member.id}


def _accept_invitation(errand: Errand) -> Json:
    account = errand.company.customerio.account
    member = team.find_email(account, errand.text("email"))
    team.accept_invitation(account, Actor(BY, user_id=member.id), member)
    return {}


def _resend_invitation(errand: Errand) -> Json:
    account = errand.company.customerio.account
    member = team.find_email(account, errand.text("email"))
    team.send_invitation(account, errand.actor, member)
    return {}


def _set_member_role(errand: Errand) -> Json:
    account = errand.company.customerio.account
    member = team.find_email(account, errand.text("email"))
    team.change_roles(account, errand.actor, member, errand.about)
    return {}


def _force_reauth(errand: Errand) -> Json:
    """Set the session length; who finds it as asked for leaves it: somebody did it before."""
    minutes = errand.number("minutes") if "minutes" in errand.about else 60
    team.force_reauth(errand.company.customerio.account, errand.actor, max(1, minutes // 60))
    return {}


def _disable_webhook(errand: Errand) -> Json:
    account = errand.company.customerio.account
    hook = data.find_webhook(account, errand.environment(), errand.number("id"))
    data.disable_webhook(account, errand.actor, hook)
    return {}


def _change_widget(errand: Errand) -> Json:
    changes: Json = {
        name: errand.about[name] for name in ("enabled", "note") if name in errand.about
    }
    return errand.company.widgets.change(errand.text("id"), changes, by=BY)


def _vault_put_field(errand: Errand) -> Json:
    """Change one field; the person sees the others and leaves them alone."""
    vault, mount = errand.company.vault, errand.text("mount")
    place = vault.state.mounts.get(mount)
    if place is None:
        raise RefusedError(404, f"there is no mount {mount}")
    path, name, value = errand.text("path"), errand.text("field"), errand.text("value")
    if place.version == 1:
        place.plain.setdefault(path, {})[name] = value
        vault.happened("secret.written", mount, path, by=BY, fields=sorted(place.plain[path]))
        return {}
    known = place.secrets.get(path)
    latest = known.latest() if known else None
    version, _ = vault.write(mount, path, {**(latest.data if latest else {}), name: value}, by=BY)
    return {"version": version}


def _slack_post(errand: Errand) -> Json:
    slack = errand.company.slack
    me = slack.by_email(str(errand.about.get("as", errand.company.story.operator)))
    place = slack.visible(errand.text("channel"), me)
    return {"channel": place.id, "ts": slack.post(place, me, errand.text("text"), by=BY).ts}


def _slack_dm(errand: Errand) -> Json:
    slack = errand.company.slack
    me = slack.by_email(str(errand.about.get("as", errand.company.story.operator)))
    place, _ = slack.direct(me, slack.by_email(errand.text("email")))
    return {"channel": place.id, "ts": slack.post(place, me, errand.text("text"), by=BY).ts}


def _pagerduty_note(errand: Errand) -> Json:
    pagerduty = errand.company.pagerduty
    user = pagerduty.state.users[0]
    incident = pagerduty.incident(errand.text("incident"))
    return {"id": pagerduty.add_note(incident, user, errand.text("content"), by=BY).id}


def _pagerduty_status(errand: Errand) -> Json:
    pagerduty = errand.company.pagerduty
    incident = pagerduty.incident(errand.text("incident"))
    pagerduty.set_status(incident, errand.text("status"), by=BY)
    return {}


TASKS: dict[str, Callable[[Errand], Json]] = {
    "none": _nothing,
    "customerio.revoke_app_key": _revoke_app_key,
    "customerio.create_app_key": _create_app_key,
    "customerio.revoke_track_key": _revoke_track_key,
    "customerio.create_track_key": _create_track_key,
    "customerio.delete_write_key": _delete_write_key,
    "customerio.create_write_key": _create_write_key,
    "customerio.disable_source": _switch_source(enabled=False),
    "customerio.enable_source": _switch_source(enabled=True),
    "customerio.revoke_sa_token": _revoke_sa_token,
    "customerio.create_sa_token": _create_sa_token,
    "customerio.remove_member": _remove_member,
    "customerio.add_member": _add_member,
    "customerio.accept_invitation": _accept_invitation,
    "customerio.resend_invitation": _resend_invitation,
    "customerio.set_member_role": _set_member_role,
    "customerio.force_reauth": _force_reauth,
    "customerio.disable_reporting_webhook": _disable_webhook,
    "vault.put_field": _vault_put_field,
    "widgets.change": _change_widget,
    "slack.post_message": _slack_post,
    "slack.send_dm": _slack_dm,
    "pagerduty.add_note": _pagerduty_note,
    "pagerduty.set_incident_status": _pagerduty_status,
}
