"""End what somebody is signed in with at Okta: sessions, tokens, grants.

Source: Okta Management API, User sessions, grants and clients; Global token revocation. Nothing
lists a user's sessions, so that they are ended is known from Okta's answer alone.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Proof,
    Reply,
    Script,
    Subject,
    Write,
    action,
    answer_as,
    both,
    gather,
)
from respond.systems.okta.tokens import OktaApiToken, tokens_of, without
from respond.systems.okta.users import OktaUser, OnOktaUser, seen_user, spare_user
from respond.systems.okta.vendor import ORG, VENDOR, ask, ending
from respond.systems.rest import KEPT, Thing, at, change, no_answer, rows, where, word_of

__all__ = [
    "ACTIONS", "OktaGrant", "OktaGrants", "RevokeOktaGrants", "RevokeOktaSessions",
    "SignOutOfOkta", "end_sessions", "grants_of", "revoke_grants", "sign_out_everywhere",
]  # fmt: skip

_STAY: Final = (
    "sessions that applications keep themselves go on, and an access token that is checked offline "
    "lives until it runs out"
)
_NOT_THERE: Final = frozenset({403, 404})


# --- what there is ------------------------------------------------------------------------------


class OktaGrant(Frozen):
    """What a user let an application do."""

    id: str = at("id")
    client: str = at("clientId", limit=60, default="")
    scope: str = at("scopeId", default="")


class OktaClient(Frozen):
    """An application that holds grants or tokens of a user."""

    id: str = at("client_id", limit=60)
    name: str = at("client_name", default="")


class OktaToken(Frozen):
    """A refresh token of a user, by its id."""

    id: str = at("id")


_OF: Final = ("users", "{user}")
GRANTS: Final = Thing(
    VENDOR, "user/{user}/grants", (*_OF, "grants"), rows(OktaGrant), evidence=KEPT
)
_CLIENTS: Final = Thing(
    VENDOR, "user/{user}/clients", (*_OF, "clients"), rows(OktaClient), evidence=KEPT
)
_TOKENS: Final = Thing(
    VENDOR,
    "user/{user}/client/{client}/tokens",
    (*_OF, "clients", "{client}", "tokens"),
    rows(OktaToken),
)


class OktaGrants(Frozen):
    """What a user let applications do, and the refresh tokens that these hold."""

    grants: tuple[OktaGrant, ...]
    clients: tuple[OktaClient, ...]
    tokens: tuple[tuple[OktaToken, ...], ...]

    def without_tokens(self, me: Me, user: OktaUser) -> tuple[Becomes[Any], ...]:
        """The prediction that no refresh token is left."""
        subjects = (_TOKENS.subject(me.connection, user=user.id, client=c.id) for c in self.clients)
        return tuple(Becomes(subject, lambda _: ()) for subject in subjects)

    @property
    def count(self) -> int:
        return len(self.grants) + sum(map(len, self.tokens))


def grants_of(me: Me, user: str) -> Looking[OktaGrants]:
    """All of a user's grants and refresh tokens."""
    grants, clients = yield from both(
        GRANTS.of(me.connection, user=user), _CLIENTS.of(me.connection, user=user)
    )
    tokens = yield from gather(
        _TOKENS.of(me.connection, user=user, client=each.id) for each in clients
    )
    return OktaGrants(grants, clients, tokens)


# --- sessions -----------------------------------------------------------------------------------


def end_sessions(me: Me, user: OktaUser, seen: OktaGrants) -> Write[None]:
    """End every session at Okta, with refresh and access tokens and remembered devices.

    Without ``oauthTokens`` the tokens would live on.
    """
    query = (("oauthTokens", "true"), ("forgetDevices", "true"))
    return Write(
        says=f"end the sessions and tokens of {user.login}",
        verb="end",
        target=user.login,
        where=where(VENDOR, me.connection),
        effect=Effect.DESTROYS,
        hands=Api(ask(me, "DELETE", "users", user.id, "sessions", query=query), no_answer),
        before=None,
        after={"sessions": "ended"},
        becomes=(_blind(me, user, "sessions"), *seen.without_tokens(me, user)),
        foretold=None,
        proof=Proof.BLIND,
        repeatable=True,  # Recorded: 204 also where there is nothing to end.
        breaks=f"{user.login} signs in again; {_STAY}.",
    )


def _blind(me: Me, user: OktaUser, what: str) -> Becomes[Any]:
    subject: Subject[Any] = Subject(f"{me.connection.name}/user/{user.id}/{what}", VENDOR.settle_s)
    return Becomes(subject, lambda before: before)


class OktaSignedOut(Frozen):
    """How far it went: ``everywhere`` is true where Okta also told the applications."""

    everywhere: bool
    why_not: str = ""


@action(
    "okta.revoke_sessions",
    effect=Effect.DESTROYS,
    output=OktaSignedOut,
    source="Okta Management API, DELETE /api/v1/users/{id}/sessions",
    by_hand=(
        "Open Directory, People, the person. Choose More Actions, Clear User Sessions.",
        "https://login.okta.com",
    ),
)
class RevokeOktaSessions(OnOktaUser):
    """End a user's sessions at Okta, with their OAuth tokens. There is no way back, and no harm."""

    def run(self, me: Me) -> Script[OktaSignedOut]:
        user = yield from seen_user(me, self.user)
        _, seen = yield from both(spare_user(me, user, "sign out"), grants_of(me, self.user))
        yield from end_sessions(me, user, seen)
        says = f"{user.login} is signed out of Okta"
        return Done(OktaSignedOut(everywhere=False), says=says, findings=(_STAY,))


# --- everywhere ---------------------------------------------------------------------------------


def sign_out_everywhere(
    me: Me, user: OktaUser, api_tokens: tuple[OktaApiToken, ...]
) -> Write[OktaSignedOut]:
    """Have Okta end all that the user is signed in with; not every edition can."""
    body = {"sub_id": {"format": "opaque", "id": user.id}}
    call = ORG.call(
        me.connection.name,
        "POST",
        "oauth2",
        "v1",
        "global-token-revocation",
        body=body,
        answers=_NOT_THERE,
    )
    names = ", ".join(each.name for each in api_tokens)
    lost = f"; for good with it: API tokens {names}" if names else ""
    return Write(
        says=f"sign {user.login} out of every application that can be told{lost}",
        verb="end",
        target=user.login,
        where=where(VENDOR, me.connection),
        effect=Effect.DESTROYS,
        hands=Api(call, _how_far),
        before=None,  # What is seen before would make another write of it afterwards.
        after={"signed in": "nowhere"},
        becomes=(_blind(me, user, "everywhere"), *without(me, api_tokens)),
        foretold=OktaSignedOut(everywhere=True),
        proof=Proof.BLIND,
        repeatable=True,  # What is ended stays ended.
        breaks=f"{user.login} signs in again everywhere; no API makes an API token again.",
    )


def _how_far(reply: Reply) -> OktaSignedOut:
    if reply.status not in _NOT_THERE:
        return OktaSignedOut(everywhere=True)
    word = word_of(VENDOR, reply)
    return OktaSignedOut(False, f"{word} {VENDOR.refusals.hints.get(word, '')}".rstrip())


@action(
    "okta.sign_out_everywhere",
    effect=Effect.DESTROYS,
    output=OktaSignedOut,
    source="Okta OpenID Connect & OAuth 2.0 API, POST /oauth2/v1/global-token-revocation",
)
class SignOutOfOkta(OnOktaUser):
    """End sessions and tokens, then have Okta sign the user out of applications, where it can.

    Their API tokens die with it, and cannot be made again by an API.
    """

    def run(self, me: Me) -> Script[OktaSignedOut]:
        user = yield from seen_user(me, self.user)
        _, (seen, api_tokens) = yield from both(
            spare_user(me, user, "sign out"),
            both(grants_of(me, self.user), tokens_of(me, user.id)),
        )
        yield from end_sessions(me, user, seen)
        sent = sign_out_everywhere(me, user, api_tokens)
        answer = yield from sent
        how_far = answer_as(OktaSignedOut, answer, sent.foretold)
        if how_far.everywhere:
            return Done(how_far, says=f"{user.login} is signed out everywhere")
        no = f"Okta did not sign {user.login} out of applications ({how_far.why_not}); {_STAY}"
        return Done(how_far, says=f"{user.login} is signed out of Okta alone", findings=(no,))


# --- grants and tokens --------------------------------------------------------------------------


def revoke_grants(me: Me, user: OktaUser, seen: OktaGrants) -> Generator[Any, Any, None]:
    """Take all of it away: grants in one request, tokens in one for each application."""
    if seen.grants:
        yield from _revocation(me, user, GRANTS, seen.grants, "all grants", ("grants",))
    for client, tokens in zip(seen.clients, seen.tokens, strict=True):
        if tokens:
            what, path = (
                f"{len(tokens)} tokens of {client.name or client.id}",
                ("clients", client.id),
            )
            yield from _revocation(
                me, user, _TOKENS, tokens, what, (*path, "tokens"), client=client.id
            )


def _revocation(
    me: Me,
    user: OktaUser,
    thing: Thing[tuple[Any, ...]],
    seen: tuple[Any, ...],
    what: str,
    path: tuple[str, ...],
    **ids: str,
) -> Write[None]:
    return change(
        me,
        thing,
        seen,
        lambda _: (),
        ending(me, "DELETE", "users", user.id, *path),
        ids={"user": user.id, **ids},
        says=f"revoke {what} of {user.login}",
        verb="revoke",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Recorded: 204 also where there is nothing to revoke.
        breaks=f"{user.login} agrees anew, in each application.",
    )


class OktaGrantsLeft(Frozen):
    """How many grants and refresh tokens are left."""

    left: int


@action(
    "okta.revoke_grants",
    effect=Effect.DESTROYS,
    output=OktaGrantsLeft,
    source="Okta Management API, DELETE /api/v1/users/{id}/grants and .../clients/{id}/tokens",
)
class RevokeOktaGrants(OnOktaUser):
    """Take away what a user let applications do, with the refresh tokens. There is no way back."""

    def run(self, me: Me) -> Script[OktaGrantsLeft]:
        user, seen = yield from both(seen_user(me, self.user), grants_of(me, self.user))
        if seen.count:
            yield from spare_user(me, user, "revoke the grants of")
            yield from revoke_grants(me, user, seen)
        return Done(OktaGrantsLeft(0), says=f"{user.login} lets no application act for them")


ACTIONS: tuple[type, ...] = (RevokeOktaSessions, SignOutOfOkta, RevokeOktaGrants)
