"""What users of Entra let applications do: taking it back, and giving it again.

Source: Microsoft Graph v1.0, oauth2PermissionGrant. What an administrator let an application do for
everybody is never touched here: it would hit everybody.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import (
    Api,
    Done,
    Effect,
    Looking,
    Me,
    Reply,
    Script,
    Undo,
    action,
    both,
    gather,
)
from respond.systems.arguments import one_line
from respond.systems.entra.tenant_users import (
    EntraUser,
    OnEntraUser,
    seen_entra_user,
    spare_entra_user,
)
from respond.systems.entra.vendor import VENDOR, about, ask, check_guid, ending, or_words
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import KEPT, Thing, at, change, no_answer, rows

__all__ = ["ACTIONS", "EntraGrant", "GrantEntraConsent", "RevokeEntraConsents", "consents_of"]

_LIVE_ON: Final = "access tokens that were issued live on until they run out"
_PATH: Final = ("users", "{user}", "oauth2PermissionGrants")


class EntraGrant(Frozen):
    """What a user, or everybody, lets an application do.

    Attributes:
        client: Object id of the application's service principal.
        resource: Object id of the service principal of the API that it may use.
        kind: ``Principal`` for one user, ``AllPrincipals`` for everybody.
    """

    id: str = at("id")
    client: str = at("clientId", limit=60)
    resource: str = at("resourceId", limit=60)
    scope: str = at("scope", limit=2000, default="")
    kind: str = at("consentType", limit=20, default="")


CONSENTS: Final = Thing(
    VENDOR, "user/{user}/consents", _PATH, rows(EntraGrant, "value"), evidence=KEPT
)
_FOR_ALL: Final = Thing(
    VENDOR,
    "application/{client}/consents-for-all",
    ("oauth2PermissionGrants",),
    rows(EntraGrant, "value"),
    query=(("$filter", "clientId eq '{client}' and consentType eq 'AllPrincipals'"),),
)


def _scope(client: str, resource: str) -> Thing[str]:
    """What this application may do of this API for a user: a thing for each."""

    def parse(replies: Sequence[Reply]) -> str:
        found = CONSENTS.parse(replies)
        pair = (client, resource)
        return next((one.scope for one in found if (one.client, one.resource) == pair), "")

    return Thing(VENDOR, f"user/{{user}}/consent/{client}/{resource}", _PATH, parse)


def consents_of(me: Me, user: str) -> Looking[tuple[EntraGrant, ...]]:
    """What a user themselves lets applications do."""
    seen = yield from CONSENTS.of(me.connection, user=user)
    return tuple(each for each in seen if each.kind == "Principal")


def _revoked(
    me: Me, user: EntraUser, grant: EntraGrant, for_all: tuple[EntraGrant, ...]
) -> Generator[Any, Any, None]:
    back = {"user": user.id, "client": grant.client, "resource": grant.resource}
    yield from change(
        me,
        _scope(grant.client, grant.resource),
        grant.scope,
        lambda _: "",
        ending(me, "oauth2PermissionGrants", grant.id),
        ids={"user": user.id},
        says=f"revoke what {user.login} lets {grant.client} do: {grant.scope[:100]}",
        verb="revoke",
        target=user.login,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time there is none.
        undo=Undo("entra.grant_consent", {**back, "scope": grant.scope}),
        breaks=f"{user.login} agrees anew; {_LIVE_ON}.",
        stays=tuple(f"{each.client}: {each.scope[:100]} for everybody" for each in for_all),
    )


class EntraGrantsLeft(Frozen):
    """How many consents of the user themselves are left."""

    left: int


@action(
    "entra.revoke_consents",
    effect=Effect.DESTROYS,
    output=EntraGrantsLeft,
    source="Microsoft Graph v1.0, GET /users/{id}/oauth2PermissionGrants, "
    "DELETE /oauth2PermissionGrants/{id}",
)
class RevokeEntraConsents(OnEntraUser):
    """Take back what a user let applications do. What holds for everybody stays, and is named."""

    def run(self, me: Me) -> Script[EntraGrantsLeft]:
        user = yield from seen_entra_user(me, self.user)
        seen = yield from consents_of(me, self.user)
        clients = tuple(dict.fromkeys(each.client for each in seen))
        _, lists = yield from both(
            gather(_scope(g.client, g.resource).of(me.connection, user=self.user) for g in seen),
            gather(_FOR_ALL.of(me.connection, client=each) for each in clients),
        )
        if seen:
            spare_entra_user(me, user, "revoke the consents of")
        for_all = dict(zip(clients, lists, strict=True))
        for grant in seen:
            yield from _revoked(me, user, grant, for_all[grant.client])
        return Done(EntraGrantsLeft(0), says=f"{user.login} lets no application act for them")


@action(
    "entra.grant_consent",
    effect=Effect.WRITES,
    output=EntraGrantsLeft,
    source="Microsoft Graph v1.0, POST /oauth2PermissionGrants",
)
class GrantEntraConsent(OnEntraUser):
    """Let an application act for a user again, as they had agreed.

    Attributes:
        client: Object id of the application's service principal.
        resource: Object id of the service principal of the API that it may use.
        scope: What it may do, with blanks between.
    """

    client: str
    resource: str
    scope: str

    def __post_init__(self) -> None:
        OnEntraUser.__post_init__(self)
        check_guid("client", self.client)
        check_guid("resource", self.resource)
        one_line("scope", self.scope, limit=2000)

    def run(self, me: Me) -> Script[EntraGrantsLeft]:
        user = yield from seen_entra_user(me, self.user)
        thing = _scope(self.client, self.resource)
        seen = yield from thing.of(me.connection, user=self.user)
        done = Done(EntraGrantsLeft(1), says=f"{user.login} lets {self.client} act for them")
        if {*self.scope.split()} <= {*seen.split()}:
            return done
        if seen:
            raise GuardRefusedError(
                f"{user.login} has agreed to something else for {self.client} meanwhile: {seen}",
                do="let the person agree anew in the application",
            )
        body = about(
            "oAuth2PermissionGrant",
            clientId=self.client,
            consentType="Principal",
            principalId=self.user,
            resourceId=self.resource,
            scope=self.scope,
        )
        call = ask(me, "POST", "oauth2PermissionGrants", body=body, answers=frozenset({409}))
        yield from change(
            me,
            thing,
            seen,
            lambda _: self.scope,
            Api(call, or_words(no_answer, "already exists", means=None)),
            ids={"user": self.user},
            says=f"let {self.client} act for {user.login}: {self.scope[:100]}",
            verb="let",
            target=user.login,
            effect=Effect.WRITES,
            foretold=None,
            repeatable=True,  # The second time it is there already.
        )
        return done


ACTIONS: tuple[type, ...] = (RevokeEntraConsents, GrantEntraConsent)
