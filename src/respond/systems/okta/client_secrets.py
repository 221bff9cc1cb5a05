"""Secrets of OAuth applications in Okta: make a second one, then switch the first one off.

Source: Okta Management API, OAuth 2.0 client secrets. An application has at most two, and its only
active one cannot be switched off. The list shows the values in clear: digests are all we keep.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Api,
    Done,
    Effect,
    Keep,
    Looking,
    MalformedReplyError,
    Me,
    Reply,
    Script,
    Undo,
    Write,
    action,
)
from respond.core.values import Late, SecretHandle
from respond.systems.guards import GuardRefusedError
from respond.systems.okta.users import check_id
from respond.systems.okta.vendor import VENDOR, ask
from respond.systems.rest import Thing, at, change, dig, one, read_record, records
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "ActivateOktaSecret", "DeactivateOktaSecrets", "OktaSecret", "RotateOktaSecret",
    "RotatedOktaSecret", "secrets_of",
]  # fmt: skip

_MOST: Final = 2
_VALUES: Final = frozenset({"client_secret"})


class OktaSecret(Frozen):
    """A client secret, without its value."""

    id: str | Late = at("id")
    status: str = at("status", among=("ACTIVE", "INACTIVE"))
    digest: str = ""


def _things(me: Me) -> Thing[tuple[OktaSecret, ...]]:
    def parse(replies: Sequence[Reply]) -> tuple[OktaSecret, ...]:
        return tuple(
            replace(
                read_record(OktaSecret, row), digest=me.digest(str(row.get("client_secret", "")))
            )
            for row in records(replies)
        )

    return Thing(
        VENDOR,
        "app/{app}/secrets",
        ("apps", "{app}", "credentials", "secrets"),
        parse,
        shows_values=_VALUES,
    )


def secrets_of(me: Me, app: str) -> Looking[tuple[OktaSecret, ...]]:
    """The client secrets of an application."""
    return (yield from _things(me).of(me.connection, app=app))


class _OnSecretsOf(Frozen):
    """An action on secrets. Attributes: app: Id of the application, from ``okta.find_app``."""

    app: str

    def __post_init__(self) -> None:
        check_id("app", self.app, "0oa", "0oaj96z2dGonI16R1d7")


class RotatedOktaSecret(Frozen):
    """The new secret: its id, and where it is. The old one goes on working."""

    secret: str | Late
    sink: str


@action(
    "okta.rotate_client_secret",
    effect=Effect.WRITES,
    output=RotatedOktaSecret,
    source="Okta Management API, POST /api/v1/apps/{appId}/credentials/secrets",
)
class RotateOktaSecret(_OnSecretsOf):
    """Make an application a second client secret, and bring it to its sink; the old one stays.

    ``okta.deactivate_client_secret`` ends the old one when the new one is in use.

    Attributes:
        sink: Where the new value goes, such as ``vault:vault:kv/okta/app#secret``.
    """

    sink: str = field(default="", metadata=STEERS)

    def run(self, me: Me) -> Script[RotatedOktaSecret]:
        place = self.sink or me.connection.sink or "screen"
        sink, handle = sink_of(place, me), me.handle("value")
        held = me.held.get(handle.name)
        secrets = yield from secrets_of(me, self.app)
        made = next((s for s in secrets if held and held.digest == s.digest), None)
        seen = yield from sink.look(me, held)
        if made is not None:
            number = made.id
        else:
            answer = yield from self._creation(me, secrets, handle)
            number = answer if isinstance(answer, str) else Late(me.step, "secret")
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, f"the new client secret of {self.app}")
        return Done(RotatedOktaSecret(number, place), says=f"new client secret -> {place}")

    def _creation(
        self, me: Me, secrets: tuple[OktaSecret, ...], handle: SecretHandle
    ) -> Write[str | Late]:
        if len(secrets) >= _MOST:
            raise GuardRefusedError(
                f"the application {self.app} has {len(secrets)} client secrets already",
                why="Okta takes no third one; one of them may be of a try whose answer was lost",
                do="delete the one that is not in use in the Admin Console, then go on",
            )
        late = Late(me.step, "secret")
        call = ask(me, "POST", "apps", self.app, "credentials", "secrets", body={})
        keep = Keep(handle.name, lambda body: str(dig(body, "client_secret") or ""), _VALUES)
        return change(
            me,
            _things(me),
            secrets,
            lambda now: (*now, OktaSecret(late, "ACTIVE")),
            Api(call, lambda reply: str(one(OktaSecret)([reply]).id), keep),
            ids={"app": self.app},
            says=f"make a second client secret of {self.app}",
            verb="make",
            target=self.app,
            effect=Effect.WRITES,
            foretold=late,
            repeatable=False,  # Each makes one.
            undo=Undo(
                "okta.deactivate_client_secret",
                {"app": self.app, "keep": [str(each.id) for each in secrets]},
            ),
        )


class OktaSecretsOn(Frozen):
    """Ids of the secrets that are on."""

    active: tuple[str, ...]


def _switched(
    me: Me, app: str, secrets: tuple[OktaSecret, ...], secret: OktaSecret, to: str, **words: Any
) -> Generator[Any, Any, None]:
    if isinstance(secret.id, Late):
        raise MalformedReplyError("a secret that is not made yet cannot be switched")
    verb = "activate" if to == "ACTIVE" else "deactivate"
    path = ("apps", app, "credentials", "secrets", secret.id, "lifecycle", verb)
    yield from change(
        me,
        _things(me),
        secrets,
        lambda now: tuple(replace(s, status=to) if s.id == secret.id else s for s in now),
        Api(ask(me, "POST", *path), lambda _: None),
        ids={"app": app},
        says=f"{verb} the client secret {secret.id} of {app}",
        verb=verb,
        target=app,
        foretold=None,
        repeatable=True,  # It is on or off.
        **words,
    )


@action(
    "okta.deactivate_client_secret",
    effect=Effect.DESTROYS,
    output=OktaSecretsOn,
    source="Okta Management API, POST .../credentials/secrets/{secretId}/lifecycle/deactivate",
)
class DeactivateOktaSecrets(_OnSecretsOf):
    """Switch the client secrets of an application off but those that are kept.

    Attributes:
        keep: Ids of those that stay on; at least one of them has to be on.
    """

    keep: tuple[str, ...]

    def run(self, me: Me) -> Script[OktaSecretsOn]:
        secrets = yield from secrets_of(me, self.app)
        on = [each for each in secrets if each.status == "ACTIVE"]
        stay = [each for each in on if each.id in self.keep]
        off = [each for each in on if each not in stay]
        if off and not stay:
            raise GuardRefusedError(
                f"no client secret of {self.app} would stay on",
                why="Okta does not switch the only one off",
                do="make a new one with okta.rotate_client_secret first",
            )
        for each in off[:1]:
            yield from _switched(
                me,
                self.app,
                secrets,
                each,
                "INACTIVE",
                effect=Effect.DESTROYS,
                undo=Undo("okta.activate_client_secret", {"app": self.app, "secret": str(each.id)}),
                breaks="whatever still uses the old secret is refused.",
            )
        says = f"{len(stay)} client secret of {self.app} is on"
        return Done(OktaSecretsOn(tuple(str(each.id) for each in stay)), says=says)


@action(
    "okta.activate_client_secret",
    effect=Effect.WRITES,
    output=OktaSecretsOn,
    source="Okta Management API, POST .../credentials/secrets/{secretId}/lifecycle/activate",
)
class ActivateOktaSecret(_OnSecretsOf):
    """Switch a client secret on again.

    Attributes:
        secret: Id of the secret, as Okta lists it with the application.
    """

    secret: str

    def run(self, me: Me) -> Script[OktaSecretsOn]:
        secrets = yield from secrets_of(me, self.app)
        wanted = next((each for each in secrets if each.id == self.secret), None)
        if wanted is None:
            raise GuardRefusedError(f"the client secret {self.secret} of {self.app} is not there")
        if wanted.status != "ACTIVE":
            yield from _switched(me, self.app, secrets, wanted, "ACTIVE", effect=Effect.WRITES)
        active = [each.id for each in secrets if each.status == "ACTIVE" or each is wanted]
        return Done(OktaSecretsOn(tuple(map(str, active))), says=f"{self.secret} is on")


ACTIONS: tuple[type, ...] = (RotateOktaSecret, DeactivateOktaSecrets, ActivateOktaSecret)
