"""Kill a token of GitHub's that leaked, and what single sign-on lets a person's tokens do.

Source: GitHub REST API, Revocation; Organizations, SAML SSO authorizations; changelog of
2026-03-26. On github.com whoever holds a token may have it revoked, and only without a credential
of their own; on Enterprise Server only with one. It is carried out later, and nobody can undo it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from respond.core.records import Frozen
from respond.core.script import (
    Api,
    AuthBearer,
    AuthNone,
    AuthOwn,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Proof,
    Read,
    Reply,
    Script,
    Subject,
    Write,
    action,
)
from respond.core.showable import showable
from respond.core.values import SecretHandle
from respond.systems.github.org_members import OnOrgMember, spare_member
from respond.systems.github.vendor import DEAD, PAGE, VENDOR, ask, is_app, is_server, org_of
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, dig, no_answer, rows, where, word_of

__all__ = ["ACTIONS", "LeakedToken", "RevokeLeakedToken"]

_ALIVE: Final = "alive"
_REFUSED: Final = "refused"
_SETTLES_S: Final = 120
"""How long it takes is said nowhere."""

_TAKEN: Final = ("ghp_", "github_pat_")
_REFRESHES: Final = "ghr_"
_TAKEN_ONLINE: Final = ("gho_", "ghu_", _REFRESHES)


class LeakedToken(Frozen):
    """What trying a token came to.

    Attributes:
        state: ``alive``, ``refused`` or ``inconclusive``.
        owner: Whose it is; known while it lives.
        scopes: Of a classic token.
    """

    state: str
    owner: str = ""
    scopes: str = ""
    why: str = ""


def _life(replies: Sequence[Reply]) -> LeakedToken:
    reply = replies[0]
    login = dig(reply.body, "login")
    if reply.status < 300 and isinstance(login, str):  # noqa: PLR2004 - the class of successes
        scopes = showable(reply.headers.get("x-oauth-scopes", ""), limit=200)
        return LeakedToken(_ALIVE, showable(login, limit=100), scopes)
    word = word_of(VENDOR, reply)
    # Only GitHub's own word means it: a 403 may be a limit, a missing right or single sign-on.
    if reply.status == 401 and word == DEAD:  # noqa: PLR2004 - RFC 9110, section 15.5.2
        return LeakedToken(_REFUSED)
    return LeakedToken("inconclusive", why=f"{reply.status} {word}")


def _tried(me: Me, value: SecretHandle) -> Looking[LeakedToken]:
    if value.prefix == _REFRESHES:
        return LeakedToken("inconclusive", why="a refresh token signs in nowhere")
    call = ask(me, "GET", "user", auth=AuthBearer(value), answers=frozenset({401, 403, 404}))
    return (
        yield from Read(
            _subject(me, value),
            call,
            _life,
            # What is not known to be refused counts as alive.
            or_else=lambda why: LeakedToken("inconclusive", why=why),
        )
    )


def _subject(me: Me, value: SecretHandle) -> Subject[LeakedToken]:
    return Subject(f"{me.connection.name}/token/{value.name}/alive", _SETTLES_S)


class _OnToken(Frozen):
    """Attributes: value: The token that leaked."""

    value: SecretHandle


@action(
    "github.probe_token",
    effect=Effect.READS,
    output=LeakedToken,
    source="GitHub REST API, GET /user",
)
class ProbeGithubToken(_OnToken):
    """Try a token of a person: alive and whose, refused, or it cannot be told."""

    def run(self, me: Me) -> Script[LeakedToken]:
        seen = yield from _tried(me, self.value)
        owner = f", it belongs to {seen.owner}" if seen.owner else ""
        why = f": {seen.why}" if seen.why else ""
        return Done(seen, says=f"the token is {seen.state}{owner}{why}")


@action(
    "github.revoke_leaked_token",
    effect=Effect.DESTROYS,
    output=LeakedToken,
    source="GitHub REST API, POST /credentials/revoke",
)
class RevokeLeakedToken(_OnToken):
    """Kill a token for good, whoever owns it: personal, OAuth or an app's for a user."""

    def run(self, me: Me) -> Script[LeakedToken]:
        server = is_server(me.connection.options)
        self._guard(me, server=server)
        seen = yield from _tried(me, self.value)
        if seen.state == _REFUSED:
            return Done(seen, says="the token is refused")
        hint = f"...{self.value.hint}" if self.value.hint else self.value.name
        owner = seen.owner or "whoever owns it"
        refused: Becomes[LeakedToken] = Becomes(
            _subject(me, self.value), lambda _: LeakedToken(_REFUSED)
        )
        call = ask(
            me,
            "POST",
            "credentials",
            "revoke",
            body={"credentials": [self.value]},
            auth=AuthOwn() if server else AuthNone(),
        )
        yield Write(
            says=f"have GitHub revoke the token {hint}",
            verb="revoke",
            target=hint,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=Api(call, no_answer),
            before={"state": seen.state},
            after={"state": _REFUSED},
            becomes=(refused,),
            foretold=None,
            proof=Proof.BLIND if self.value.prefix == _REFRESHES else Proof.SEEN,
            repeatable=True,  # What is dead stays dead.
            breaks="whatever uses it is refused everywhere, and nobody can bring it back; GitHub "
            f"sends {owner} a mail.",
        )
        after = LeakedToken(_REFUSED, seen.owner, seen.scopes)
        if self.value.prefix == _REFRESHES:
            return Done(after, says=f"{hint} is revoked, on GitHub's word alone", proved=False)
        return Done(after, says=f"{hint} is refused")

    def _guard(self, me: Me, *, server: bool) -> None:
        own = me.connection.options.get("own_digests") or ()
        if self.value.digest and self.value.digest in own:
            raise GuardRefusedError(
                "this is the token that respond itself works with",
                do="make another one by hand, respond connect it, and then revoke this one",
            )
        prefix = self.value.prefix
        taken = _TAKEN if server else (*_TAKEN, *_TAKEN_ONLINE)
        if not prefix.startswith(taken):
            raise GuardRefusedError(
                f"GitHub revokes no token that begins with {showable(prefix, limit=20) or 'this'}",
                why=f"it takes {', '.join(taken)}",
                do="a token of an installation dies within an hour; suspend the app meanwhile",
            )


# --- what single sign-on lets in ----------------------------------------------------------------


class SsoCredential(Frozen):
    """A token or key that single sign-on lets in. Attributes: ending: Its last characters."""

    id: int = at("credential_id")
    login: str = at("login", limit=100)
    kind: str = at("credential_type", limit=40, default="")
    ending: str = at("token_last_eight", limit=20, default="")
    used: str = at("credential_accessed_at", limit=40, default="")


_SSO: Final = Thing(
    VENDOR,
    "sso-credentials/{login}",
    ("orgs", "{org}", "credential-authorizations"),
    rows(SsoCredential),
    query=(("login", "{login}"), *PAGE),
    settle_s=_SETTLES_S,
)


class SsoCredentials(Frozen):
    """How many of a person are let in now."""

    let_in: int


@action(
    "github.revoke_sso_credentials",
    effect=Effect.DESTROYS,
    output=SsoCredentials,
    source="GitHub REST API, POST /orgs/{org}/credential-authorizations/{username}/revoke",
)
class RevokeSsoCredentials(OnOrgMember):
    """Take what single sign-on allowed a person's tokens and keys here: Enterprise Cloud with SAML.

    The tokens themselves live on elsewhere, and only their owner can let them in again.
    """

    def run(self, me: Me) -> Script[SsoCredentials]:
        org = org_of(me)
        seen = yield from _SSO.of(me.connection, org=org, login=self.login)
        yield from self.still_so_called(me)
        if seen:
            yield from spare_member(me, self.login, "end the credentials of")
            yield from change(
                me,
                _SSO,
                seen,
                lambda _: (),
                Api(
                    ask(me, "POST", "orgs", org, "credential-authorizations", self.login, "revoke"),
                    no_answer,
                ),
                ids={"login": self.login},
                says=f"let no token and no key of {self.login} into {org} any more",
                verb="revoke",
                target=self.login,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # There is nothing to take twice.
                breaks=f"{len(seen)} tokens and keys of {self.login} are refused by {org}; only "
                f"{self.login} can let them in again, by signing in.",
            )
        return Done(SsoCredentials(0), says=f"nothing of {self.login} is let into {org}")


# --- fine-grained tokens that the organization let in -------------------------------------------


class FineGrainedToken(Frozen):
    """A fine-grained token of somebody, as far as it reaches into the organization."""

    id: int = at("id")
    owner: str = at("owner.login", limit=100)
    name: str = at("token_name", limit=100, default="")
    used: str = at("token_last_used_at", limit=40, default="")


_FINE: Final = Thing(
    VENDOR,
    "fine-grained-tokens/{login}",
    ("orgs", "{org}", "personal-access-tokens"),
    rows(FineGrainedToken),
    query=(("owner[]", "{login}"), *PAGE),
    settle_s=_SETTLES_S,
)
_AT_ONCE: Final = 100


@action(
    "github.revoke_fine_grained_tokens",
    effect=Effect.DESTROYS,
    output=SsoCredentials,
    source="GitHub REST API, POST /orgs/{org}/personal-access-tokens",
    by_hand=(
        "Open the organization, Settings, Personal access tokens, Active tokens.",
        "Choose each token of the person, and Revoke.",
        "https://github.com/settings/organizations",
    ),
)
class RevokeFineGrained(OnOrgMember):
    """Keep a person's fine-grained tokens out of the organization. Only an app may do it.

    The tokens live on elsewhere; to be let in again, each has to be asked for and approved.
    """

    def run(self, me: Me) -> Script[SsoCredentials]:
        org = org_of(me)
        if not is_app(me.connection.options):
            raise GuardRefusedError(
                f"the connection {me.connection.name!r} is no app",
                why="GitHub lets an app alone see and revoke fine-grained tokens",
                do="connect with the private key of an app, or revoke them by hand: the "
                "organization's Settings, Personal access tokens, Active tokens",
            )
        listed = yield from _FINE.of(me.connection, org=org, login=self.login)
        yield from self.still_so_called(me)
        seen = tuple(each for each in listed if each.owner.casefold() == self.login.casefold())
        if seen:
            yield from spare_member(me, self.login, "end the tokens of")
            ids = [each.id for each in seen[:_AT_ONCE]]
            names = ", ".join(each.name for each in seen[:5])
            yield from change(
                me,
                _FINE,
                listed,
                lambda now: tuple(each for each in now if each.id not in ids),
                Api(
                    ask(
                        me,
                        "POST",
                        "orgs",
                        org,
                        "personal-access-tokens",
                        body={"action": "revoke", "pat_ids": ids},
                    ),
                    no_answer,
                ),
                ids={"login": self.login},
                says=f"let {len(ids)} fine-grained tokens of {self.login} into {org} no more",
                verb="revoke",
                target=self.login,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # There is nothing to take twice.
                breaks=f"{names} of {self.login} are refused by {org}; each has to be asked for "
                "and approved again.",
            )
        says = f"no fine-grained token of {self.login} is let into {org}"
        return Done(SsoCredentials(max(0, len(seen) - _AT_ONCE)), says=says)


ACTIONS: tuple[type, ...] = (
    ProbeGithubToken,
    RevokeLeakedToken,
    RevokeSsoCredentials,
    RevokeFineGrained,
)
