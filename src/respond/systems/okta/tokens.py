"""Okta's API tokens: whose there are, confining one to network zones, and revoking it.

Source: Okta Management API, API tokens. No API makes one: what is revoked, only a person in the
Admin Console can replace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import Api, Becomes, Done, Effect, Looking, Me, Script, Undo, Write, action
from respond.systems.arguments import ArgumentError, one_of
from respond.systems.okta.users import USER, OktaUserId, check_id, spare_user
from respond.systems.okta.vendor import VENDOR, ask, ending
from respond.systems.rest import KEPT, Thing, at, change, no_answer, one, rows

__all__ = [
    "ACTIONS", "ConfineOktaToken", "ListOktaTokens", "OktaApiToken", "OktaApiTokens",
    "OktaTokenGone", "RevokeOktaToken", "revoke_token", "tokens_of", "without",
]  # fmt: skip

_EVERYBODY: Final = OktaUserId("")
_ANYWHERE: Final = "ANYWHERE"
_CONNECTIONS: Final = (_ANYWHERE, "ZONE")


def _zones(found: Any) -> tuple[str, ...]:
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


class OktaApiToken(Frozen):
    """An API token, without its value, which nothing shows.

    Attributes:
        connection: ``ANYWHERE``, or ``ZONE`` for the network zones that follow.
    """

    id: str = at("id")
    name: str = at("name", default="")
    owner: str = at("userId", limit=60, default="")
    client: str = at("clientName", limit=80, default="")
    created: str = at("created", limit=40, default="")
    expires: str = at("expiresAt", limit=40, default="")
    connection: str = at("network.connection", limit=40, default=_ANYWHERE)
    include: tuple[str, ...] = at("network.include", read=_zones, default=())
    exclude: tuple[str, ...] = at("network.exclude", read=_zones, default=())


_NONE: Final = OktaApiToken("")
TOKENS: Final = Thing(VENDOR, "api-tokens", ("api-tokens",), rows(OktaApiToken), evidence=KEPT)
TOKEN: Final = Thing(
    VENDOR, "api-token/{token}", ("api-tokens", "{token}"), one(OktaApiToken), gone=_NONE
)


def tokens_of(me: Me, user: str = "") -> Looking[tuple[OktaApiToken, ...]]:
    """The API tokens of one user, or all that there are."""
    listed = yield from TOKENS.of(me.connection)
    return tuple(each for each in listed if user in ("", each.owner))


def without(me: Me, tokens: tuple[OktaApiToken, ...]) -> tuple[Becomes[Any], ...]:
    """The prediction that these are gone."""
    left = Becomes(
        TOKENS.subject(me.connection), lambda now: tuple(t for t in now if t not in tokens)
    )
    subjects = (TOKEN.subject(me.connection, token=each.id) for each in tokens)
    return (left, *(Becomes(subject, lambda _: _NONE) for subject in subjects))


class OktaApiTokens(Frozen):
    """API tokens."""

    tokens: tuple[OktaApiToken, ...]


@action(
    "okta.list_api_tokens",
    effect=Effect.READS,
    output=OktaApiTokens,
    source="Okta Management API, GET /api/v1/api-tokens",
)
class ListOktaTokens(Frozen):
    """Read which API tokens there are.

    Attributes:
        user: Id of the owner; empty: those of everybody.
    """

    user: OktaUserId = _EVERYBODY

    def run(self, me: Me) -> Script[OktaApiTokens]:
        seen = yield from tokens_of(me, self.user)
        return Done(OktaApiTokens(seen), says=f"{len(seen)} API tokens")


# --- one of them --------------------------------------------------------------------------------


def _spare(me: Me, token: OktaApiToken, verb: str) -> Looking[None]:
    """Never one of whoever we work as: which of theirs is ours, nothing tells (P8)."""
    owner = yield from USER.of(me.connection, user=token.owner)
    if owner.id:
        yield from spare_user(me, owner, f"{verb} a token of")


class _OnToken(Frozen):
    """An action on one API token. Attributes: token: Its id, from ``okta.list_api_tokens``."""

    token: str

    def __post_init__(self) -> None:
        check_id("token", self.token, "00T", "00T1f3w86v9h8o1VZ1d7")


def _confined(token: OktaApiToken) -> str:
    """Where a token works, in words."""
    zones = [*token.include, *(f"not {each}" for each in token.exclude)]
    return "anywhere" if token.connection == _ANYWHERE else f"in {', '.join(zones)} only"


@action(
    "okta.confine_api_token",
    effect=Effect.DESTROYS,
    output=OktaApiToken,
    source="Okta Management API, PUT /api/v1/api-tokens/{apiTokenId}",
)
class ConfineOktaToken(_OnToken):
    """Let an API token work in some network zones only; this has a way back, revoking has none.

    Attributes:
        connection: ``ZONE``, or ``ANYWHERE``.
        include: Ids of the zones from which it works.
        exclude: Ids of zones from which it does not.
    """

    connection: str = "ZONE"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _OnToken.__post_init__(self)
        one_of("connection", self.connection, _CONNECTIONS)
        zones = (*self.include, *self.exclude)
        if bool(zones) != (self.connection == "ZONE"):
            raise ArgumentError("connection ZONE, and no other, has zones in include or exclude")
        for zone in zones:
            check_id("a zone", zone, "nzo", "nzonkw1sfwwiH9Hxt1d7")

    def run(self, me: Me) -> Script[OktaApiToken]:
        seen = yield from TOKEN.of(me.connection, token=self.token)
        if not seen.id:
            return Done(seen, says=f"there is no token {self.token} any more")
        wanted = self._confined(seen)
        if seen == wanted:
            return Done(seen, says=f"{seen.name} works {_confined(seen)} already")
        yield from _spare(me, seen, "confine")
        body = {
            "name": seen.name,
            "clientName": seen.client,
            "userId": seen.owner,
            "created": seen.created,
            "network": self._network(),
        }
        yield from change(
            me,
            TOKEN,
            seen,
            self._confined,
            Api(ask(me, "PUT", "api-tokens", self.token, body=body), no_answer),
            ids={"token": self.token},
            says=f"let {seen.name} work {_confined(wanted)}",
            verb="confine",
            target=seen.name,
            effect=Effect.DESTROYS,
            foretold=None,
            repeatable=True,  # PUT (RFC 9110, section 9.2.2).
            undo=Undo(
                "okta.confine_api_token",
                {
                    "token": self.token,
                    "connection": seen.connection,
                    "include": list(seen.include),
                    "exclude": list(seen.exclude),
                },
            ),
            breaks=f"whatever uses {seen.name} from elsewhere is refused.",
        )
        return Done(wanted, says=f"{seen.name} works {_confined(wanted)}")

    def _confined(self, seen: OktaApiToken) -> OktaApiToken:
        return replace(seen, connection=self.connection, include=self.include, exclude=self.exclude)

    def _network(self) -> Mapping[str, Any]:
        lists = {"include": list(self.include), "exclude": list(self.exclude)}
        return {
            "connection": self.connection,
            **{name: each for name, each in lists.items() if each},
        }


class OktaTokenGone(Frozen):
    """The id of the token that is not there now."""

    token: str


def revoke_token(me: Me, token: OktaApiToken) -> Write[None]:
    """Revoke an API token, for good."""
    return change(
        me,
        TOKEN,
        token,
        lambda _: _NONE,
        ending(me, "DELETE", "api-tokens", token.id),
        ids={"token": token.id},
        says=f"revoke the API token {token.name}",
        verb="revoke",
        target=token.name,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # Recorded: the second time it answers that there is no such token.
        breaks=f"whatever uses {token.name} stops. No API makes another: a person does, in the "
        "Admin Console.",
    )


@action(
    "okta.revoke_api_token",
    effect=Effect.DESTROYS,
    output=OktaTokenGone,
    source="Okta Management API, DELETE /api/v1/api-tokens/{apiTokenId}",
    by_hand=(
        "Open Security, API, Tokens. Choose the bin beside the token, Revoke.",
        "https://login.okta.com",
    ),
)
class RevokeOktaToken(_OnToken):
    """Revoke an API token. There is no way back, and no API makes another."""

    def run(self, me: Me) -> Script[OktaTokenGone]:
        seen = yield from TOKEN.of(me.connection, token=self.token)
        if not seen.id:
            return Done(OktaTokenGone(self.token), says=f"there is no token {self.token} any more")
        yield from _spare(me, seen, "revoke")
        yield from revoke_token(me, seen)
        return Done(OktaTokenGone(self.token), says=f"revoked {seen.name}")


ACTIONS: tuple[type, ...] = (ListOktaTokens, ConfineOktaToken, RevokeOktaToken)
