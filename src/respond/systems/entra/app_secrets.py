"""Secrets of applications in Entra: add one, prove it, remove another; and the kill switch.

Source: Microsoft Graph v1.0, application and servicePrincipal: addPassword, removePassword;
Microsoft's playbook for compromised applications; identity platform, client credentials. A secret
cannot be switched off, so the reversible way is the service principal: disabled, it gets no token.
Secrets stand on the registration or on the service principal: both are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import field
from typing import Any, Final, TypeAlias

from respond.core.records import Frozen, replace
from respond.core.script import (
    STEERS,
    Again,
    Api,
    AuthNone,
    Becomes,
    Connection,
    Done,
    Effect,
    Keep,
    Looking,
    Me,
    NotYet,
    Read,
    Reply,
    Script,
    Subject,
    Undo,
    Write,
    action,
    both,
)
from respond.core.showable import showable
from respond.core.values import Late, SecretHandle
from respond.errors import UsageError
from respond.systems.arguments import ArgumentError, one_line, one_of
from respond.systems.entra.app_assignments import PRINCIPAL, EntraApp, OnEntraApp
from respond.systems.entra.vendor import (
    GRAPH,
    LOGIN,
    SCOPE,
    VENDOR,
    about,
    ask,
    check_guid,
    or_words,
)
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, dig, no_answer, read_record, records, stamp
from respond.systems.sinks.sink import sink_of

__all__ = [
    "ACTIONS", "AddEntraSecret", "DisableEntraApp", "EnableEntraApp", "EntraSecret",
    "ListEntraSecrets", "ProveEntraSecret", "RemoveEntraSecret",
]  # fmt: skip

_NO_KEY: Final = "No password credential found"
_WRONG, _EXPIRED = 7000215, 7000222
_REFUSED: Final = frozenset({400, 401})
_LIVE_ON: Final = "tokens that were issued live on for up to about an hour"
_ALIVE, _DEAD, _UNCLEAR = "alive", "refused", "inconclusive"
_OK: Final = 200
_OURS: Final = "respond "
"""How the names of secrets begin that were made here."""
_A_DAY_S: Final = 86_400
_DAYS_MOST: Final = 730


class EntraSecret(Frozen):
    """A client secret, without its value. Attributes: hint: Its first three characters."""

    id: str = at("keyId", limit=60)
    name: str = at("displayName", default="")
    hint: str = at("hint", limit=10, default="")
    until: str = at("endDateTime", limit=40, default="")


def _secrets(found: Any) -> tuple[EntraSecret, ...]:
    return tuple(read_record(EntraSecret, each) for each in found or ())


def _count(found: Any) -> int:
    return len(found or ())


class EntraCredentials(Frozen):
    """Where secrets of an application stand; without an id there is no such place.

    Attributes:
        certificates: How many certificates stand there.
    """

    id: str = at("id", limit=60)
    name: str = at("displayName", default="")
    secrets: tuple[EntraSecret, ...] = at("passwordCredentials", read=_secrets, default=())
    certificates: int = at("keyCredentials", read=_count, default=0)


def _place(name: str, part: str) -> Thing[EntraCredentials]:
    def parse(replies: Sequence[Reply]) -> EntraCredentials:
        found = records(replies, "value")
        return read_record(EntraCredentials, found[0]) if found else EntraCredentials("")

    select = "id,appId,displayName,passwordCredentials,keyCredentials"
    query = (("$filter", "appId eq '{app}'"), ("$select", select))
    return Thing(VENDOR, f"app/{{app}}/{name}", (part,), parse, query=query)


_After: TypeAlias = Callable[[tuple[EntraSecret, ...]], tuple[EntraSecret, ...]]
_PLACES: Final = {
    part: _place(name, part)
    for name, part in (
        ("secrets-of-registration", "applications"),
        ("secrets-of-principal", "servicePrincipals"),
    )
}


def _standing(part: str, secret: str) -> Thing[bool]:
    """Whether a secret of this id or name stands there: a thing for each."""
    place = _PLACES[part]

    def parse(replies: Sequence[Reply]) -> bool:
        return any(secret in (each.id, each.name) for each in place.parse(replies).secrets)

    name = f"app/{{app}}/secret/{secret}"
    return Thing(VENDOR, name, place.path, parse, query=place.query)


def _in_list(me: Me, app: str, part: str, after: _After) -> Becomes[Any]:
    """What becomes of the list in which a secret stands."""
    return Becomes(
        _PLACES[part].subject(me.connection, app=app),
        lambda now: replace(now, secrets=after(now.secrets)),
    )


def _seen(me: Me, app: str) -> Looking[dict[str, EntraCredentials]]:
    """Both places in which secrets of this application may stand."""
    found = yield from both(
        _PLACES["applications"].of(me.connection, app=app),
        _PLACES["servicePrincipals"].of(me.connection, app=app),
    )
    if not any(each.id for each in found):
        raise GuardRefusedError(
            f"there is no application {app} in this tenant",
            do="give its own id, app_id of entra.find_app, and no object id",
        )
    return dict(zip(_PLACES, found, strict=True))


def _spare_our_own(me: Me, app_id: str, name: str) -> None:
    """Never the application that we work as, or through (P8).

    Which of its secrets is ours nobody tells.
    """
    every = (me.connection, *me.connections.values())
    ours = {str(c.options.get("client_id", "")).casefold() for c in every if c.system == "entra"}
    if app_id and app_id.casefold() in {*ours, GRAPH}:
        raise GuardRefusedError(
            f"{name or app_id} is the application that respond itself works with",
            do="give it a second secret by hand, connect with that, then remove the first one",
        )


class _OnSecretsOf(Frozen):
    """An action on secrets. Attributes: app: The application's own id ("client id")."""

    app: str

    def __post_init__(self) -> None:
        check_guid("app", self.app)


class EntraSecrets(Frozen):
    """The secrets of an application, those of its service principal too."""

    secrets: tuple[EntraSecret, ...]
    certificates: int


@action(
    "entra.list_app_secrets",
    effect=Effect.READS,
    output=EntraSecrets,
    source="Microsoft Graph v1.0, GET /applications and /servicePrincipals",
)
class ListEntraSecrets(_OnSecretsOf):
    """Read which secrets an application has, and how many certificates."""

    def run(self, me: Me) -> Script[EntraSecrets]:
        seen = yield from _seen(me, self.app)
        secrets = tuple(secret for place in seen.values() for secret in place.secrets)
        certificates = sum(place.certificates for place in seen.values())
        lines = tuple(
            f"{secret.id} {secret.name!r} {secret.hint}... until {secret.until} ({part})"
            for part, place in seen.items()
            for secret in place.secrets
        )
        says = f"{len(secrets)} secrets, {certificates} certificates"
        return Done(EntraSecrets(secrets, certificates), says=says, findings=lines)


# --- add ----------------------------------------------------------------------------------------


def _key_id(reply: Reply) -> str | Late:
    return read_record(EntraSecret, reply.body).id


class EntraSecretAdded(Frozen):
    """The new secret: its id, and where it is. The others go on working."""

    secret: str | Late
    sink: str


@action(
    "entra.add_app_secret",
    effect=Effect.WRITES,
    output=EntraSecretAdded,
    source="Microsoft Graph v1.0, POST /applications/{id}/addPassword",
)
class AddEntraSecret(_OnSecretsOf):
    """Make an application another secret, and bring it to its sink; the old ones stay.

    Tokens may be refused to it for some seconds: ``entra.prove_app_secret`` waits for that.

    Attributes:
        days: How long it is good for.
        sink: Where the new value goes, such as ``vault:vault:kv/entra/app#secret``.
    """

    days: int = 180
    sink: str = field(default="", metadata=STEERS)

    def __post_init__(self) -> None:
        _OnSecretsOf.__post_init__(self)
        if not 0 < self.days <= _DAYS_MOST:
            raise ArgumentError(f"days must be 1 to {_DAYS_MOST}")

    def run(self, me: Me) -> Script[EntraSecretAdded]:
        place = self.sink or me.connection.sink or "screen"
        sink, handle = sink_of(place, me), me.handle("value")
        held = me.held.get(handle.name)
        own = yield from _PLACES["applications"].of(me.connection, app=self.app)
        if not own.id:
            raise GuardRefusedError(
                f"the application {self.app} is not registered in this tenant",
                do="make the secret where it is registered, or by hand",
            )
        mark = f"{_OURS}{me.mark} {me.step}"
        yield from _standing("applications", mark).of(me.connection, app=self.app)
        made = next((each for each in own.secrets if each.name == mark), None)
        seen = yield from sink.look(me, held)
        if made is not None and held is None:
            # Its value was lost with an answer: nobody has it.
            write = _removal(me, self.app, "applications", own, made)
            yield from replace(write, effect=Effect.WRITES, cleans_up=True)
            return Again(f"a secret of {own.name} whose value was lost is removed")
        number: str | Late
        if made is not None:
            number = made.id
        else:
            answer = yield from self._creation(me, own, mark, handle)
            number = answer if isinstance(answer, str) else Late(me.step, "secret")
        if not seen.holds:
            yield from sink.deliver(me, seen, handle, f"the new secret of {own.name}")
        says = f"new secret of {own.name} -> {place}"
        return Done(EntraSecretAdded(number, place), says=says)

    def _creation(
        self, me: Me, own: EntraCredentials, mark: str, handle: SecretHandle
    ) -> Write[str | Late]:
        late = Late(me.step, "secret")
        until = stamp(me.now + self.days * _A_DAY_S)
        path = ("applications", own.id, "microsoft.graph.addPassword")
        body = {"passwordCredential": {"displayName": mark, "endDateTime": until}}
        keep = Keep(
            handle.name,
            lambda found: str(dig(found, "secretText") or ""),
            frozenset({"secretText"}),
        )
        new = EntraSecret("foretold", mark, until=until)
        write = change(
            me,
            _standing("applications", mark),
            seen=False,
            after=lambda _: True,
            hands=Api(ask(me, "POST", *path, body=body), _key_id, keep),
            ids={"app": self.app},
            says=f"make another secret of {own.name}, good for {self.days} days",
            verb="make",
            target=own.name,
            effect=Effect.WRITES,
            foretold=late,
            repeatable=False,  # Each makes one.
            undo=Undo("entra.remove_app_secret", {"app": self.app, "secret": mark}),
        )
        listed = _in_list(me, self.app, "applications", lambda now: (*now, new))
        return replace(write, becomes=(*write.becomes, listed))


# --- prove --------------------------------------------------------------------------------------


class EntraSecretLife(Frozen):
    """Whether a secret gets a token: ``alive``, ``refused`` or ``inconclusive``; and why."""

    state: str
    why: str = ""


def _life(replies: Sequence[Reply]) -> EntraSecretLife:
    """Only the endpoint's own word about this secret is a no; the token is let out to nobody."""
    reply = replies[-1]
    if reply.status == _OK and dig(reply.body, "access_token"):
        return EntraSecretLife(_ALIVE)
    codes = dig(reply.body, "error_codes")
    if isinstance(codes, list) and dig(reply.body, "error") == "invalid_client":
        if _WRONG in codes:
            return EntraSecretLife(_DEAD)
        if _EXPIRED in codes:
            return EntraSecretLife(_DEAD, "it has run out")
    return EntraSecretLife(_UNCLEAR, showable(str(dig(reply.body, "error_description")), limit=200))


def _try(me: Me, app: str, value: SecretHandle) -> Looking[EntraSecretLife]:
    connection: Connection = me.connection
    tenant = str(connection.options.get("tenant", ""))
    if not tenant:
        raise UsageError(
            f"the connection '{connection.name}' names no tenant",
            do=f'add options = {{ tenant = "..." }} under [connections.{connection.name}]',
        )
    call = LOGIN.call(
        connection.name,
        "POST",
        tenant,
        "oauth2",
        "v2.0",
        "token",
        surface="login",
        form=True,
        body={
            "grant_type": "client_credentials",
            "client_id": app,
            "client_secret": value,
            "scope": SCOPE,
        },
        auth=AuthNone(),
        answers=_REFUSED,
    )
    subject: Subject[EntraSecretLife] = Subject(
        f"{connection.name}/app/{app}/secret/{value.name}/alive", VENDOR.settle_s
    )
    return (yield from Read(subject, call, _life))


@action(
    "entra.prove_app_secret",
    effect=Effect.READS,
    output=EntraSecretLife,
    source="Microsoft identity platform, client credentials; AADSTS7000215, AADSTS7000222",
)
class ProveEntraSecret(_OnSecretsOf):
    """Try a secret where tokens are issued, until it is as expected; nothing is done with a token.

    Attributes:
        value: The secret.
        expect: ``alive`` for a new one, ``refused`` for one that was removed; both take a while.
    """

    value: SecretHandle
    expect: str = _ALIVE

    def __post_init__(self) -> None:
        _OnSecretsOf.__post_init__(self)
        one_of("expect", self.expect, (_ALIVE, _DEAD))

    def run(self, me: Me) -> Script[EntraSecretLife]:
        life = yield from _try(me, self.app, self.value)
        says = f"the secret of {self.app} is {life.state} {life.why}".rstrip()
        if life.state == self.expect:
            return Done(life, says=says)
        return NotYet(f"{says}, not {self.expect} yet", every_s=5)


# --- remove -------------------------------------------------------------------------------------


def _key(secret: EntraSecret) -> str:
    """What a secret is called here: one that we made by its name, which is known before its id."""
    return secret.name if secret.name.startswith(_OURS) else secret.id


def _removal(
    me: Me, app: str, part: str, place: EntraCredentials, secret: EntraSecret
) -> Write[None]:
    path = (part, place.id, "microsoft.graph.removePassword")
    call = ask(me, "POST", *path, body={"keyId": secret.id}, answers=frozenset({400}))
    last = len(place.secrets) == 1 and not place.certificates
    write = change(
        me,
        _standing(part, _key(secret)),
        seen=True,
        after=lambda _: False,
        hands=Api(call, or_words(no_answer, _NO_KEY, means=None)),
        ids={"app": app},
        says=f"remove the secret {secret.name or secret.id} ({secret.hint}...) of {place.name}",
        verb="remove",
        target=place.name,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time there is no such secret.
        breaks=f"Whatever uses it gets no token any more; {_LIVE_ON}. Nothing brings it back."
        + (f" It is the last one: {place.name} cannot sign in by itself then." if last else ""),
    )
    listed = _in_list(me, app, part, lambda now: tuple(s for s in now if s.id != secret.id))
    return replace(write, becomes=(*write.becomes, listed))


class EntraSecretGone(Frozen):
    """Which secret is not there now."""

    secret: str


@action(
    "entra.remove_app_secret",
    effect=Effect.DESTROYS,
    output=EntraSecretGone,
    source="Microsoft Graph v1.0, POST /applications/{id}/removePassword",
)
class RemoveEntraSecret(_OnSecretsOf):
    """Remove a secret of an application. There is no way back: prove the new one before.

    Attributes:
        secret: Its id, or its name where only one has it.
    """

    secret: str

    def __post_init__(self) -> None:
        _OnSecretsOf.__post_init__(self)
        one_line("secret", self.secret)

    def run(self, me: Me) -> Script[EntraSecretGone]:
        seen = yield from _seen(me, self.app)
        found = [
            (part, place, each)
            for part, place in seen.items()
            for each in place.secrets
            if self.secret == each.name or self.secret.casefold() == each.id.casefold()
        ]
        if len(found) > 1:
            raise GuardRefusedError(
                f"{len(found)} secrets of {self.app} are called {showable(self.secret, limit=60)}",
                do="give the id of the one that is meant",
            )
        for part, place, each in found:
            yield from _standing(part, _key(each)).of(me.connection, app=self.app)
            _spare_our_own(me, self.app, place.name)
            yield from _removal(me, self.app, part, place, each)
        says = f"{showable(self.secret, limit=60)} of {self.app} is not there"
        return Done(EntraSecretGone(self.secret), says=says, findings=(_LIVE_ON,))


# --- the kill switch ----------------------------------------------------------------------------


def _switch(me: Me, wanted: str, *, on: bool, **words: Any) -> Generator[Any, Any, EntraApp]:
    """Switch a service principal, unless it is so already; as it is then."""
    app = yield from PRINCIPAL.of(me.connection, app=wanted)
    if not app.id:
        raise GuardRefusedError(f"there is no application {wanted}", do="take it of entra.find_app")
    if app.is_enabled == on:
        return app
    if not on:
        _spare_our_own(me, app.app_id, app.name)
    verb = "enable" if on else "disable"
    call = ask(
        me,
        "PATCH",
        "servicePrincipals",
        wanted,
        body=about("servicePrincipal", accountEnabled=on),
    )
    yield from change(
        me,
        PRINCIPAL,
        app,
        lambda now: replace(now, is_enabled=on),
        Api(call, no_answer),
        ids={"app": wanted},
        says=f"{verb} the application {app.name}",
        verb=verb,
        target=app.name,
        foretold=None,
        repeatable=True,  # PATCH to the same value.
        **words,
    )
    return replace(app, is_enabled=on)


@action(
    "entra.disable_app",
    effect=Effect.DESTROYS,
    output=EntraApp,
    source="Microsoft Graph v1.0, PATCH /servicePrincipals/{id}",
    by_hand=(
        "Open Enterprise applications, the application, Properties.",
        "Set Enabled for users to sign-in to No, Save.",
        "https://entra.microsoft.com",
    ),
)
class DisableEntraApp(OnEntraApp):
    """Stop every new token of an application, for all of its secrets and users. It can be undone.

    It is an outage of that application: for a secret that is being abused.
    """

    def run(self, me: Me) -> Script[EntraApp]:
        app = yield from _switch(
            me,
            self.app,
            on=False,
            effect=Effect.DESTROYS,
            undo=Undo("entra.enable_app", {"app": self.app}),
            breaks=f"Nobody and nothing gets a token for it any more; {_LIVE_ON}.",
        )
        return Done(app, says=f"{app.name} is disabled", findings=(_LIVE_ON,))


@action(
    "entra.enable_app",
    effect=Effect.WRITES,
    output=EntraApp,
    source="Microsoft Graph v1.0, PATCH /servicePrincipals/{id}",
)
class EnableEntraApp(OnEntraApp):
    """Let an application get tokens again."""

    def run(self, me: Me) -> Script[EntraApp]:
        app = yield from _switch(me, self.app, on=True, effect=Effect.WRITES)
        return Done(app, says=f"{app.name} is enabled")


ACTIONS: tuple[type, ...] = (
    ListEntraSecrets,
    AddEntraSecret,
    ProveEntraSecret,
    RemoveEntraSecret,
    DisableEntraApp,
    EnableEntraApp,
)
