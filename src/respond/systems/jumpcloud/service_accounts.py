"""Service accounts of JumpCloud, which belong to no person, and ending a credential of one.

Source: JumpCloud's own command line; the published descriptions have none of it. What a new
credential is called in the answer that shows it once, nothing says: a person makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import Done, Effect, MalformedReplyError, Me, Script, action
from respond.core.showable import showable
from respond.systems.arguments import one_line
from respond.systems.guards import GuardRefusedError, spare
from respond.systems.jumpcloud.vendor import LISTED, PAGES, VENDOR, ending, is_service_account
from respond.systems.rest import Thing, at, change, rows

__all__ = ["ACTIONS", "JumpCloudServiceAccount"]

_IDS: Final = ("objectId", "authConfigId", "id")


def _credentials(found: Any) -> tuple[str, ...]:
    """Their ids; one without is a fault, since it would pass for gone, and so is no list."""
    if not isinstance(found, list):
        raise MalformedReplyError("the reply does not say which credentials there are")
    ids = []
    for row in found:
        known = [row.get(name) for name in _IDS] if isinstance(row, Mapping) else []
        first = next((each for each in known if isinstance(each, str) and each), None)
        if first is None:
            raise MalformedReplyError("the reply has a credential without an id")
        ids.append(showable(first, limit=80))
    return tuple(ids)


class JumpCloudServiceAccount(Frozen):
    """A service account. Attributes: credentials: The ids of what it signs in with."""

    id: str = at("objectId", limit=80)
    name: str = at("name", default="")
    role: str = at("roleName", limit=80, default="")
    status: str = at("status", limit=40, default="")
    expires: str = at("expiresAt", limit=40, default="")
    credentials: tuple[str, ...] = at("authConfigList", read=_credentials, default=())


_ACCOUNTS: Final = Thing(
    VENDOR,
    "service-accounts",
    ("service-accounts",),
    rows(JumpCloudServiceAccount, "results"),
    pages=PAGES,
    query=LISTED,
    surface="v2",
)


class JumpCloudServiceAccounts(Frozen):
    """All of them."""

    accounts: tuple[JumpCloudServiceAccount, ...]


@action(
    "jumpcloud.list_service_accounts",
    effect=Effect.READS,
    output=JumpCloudServiceAccounts,
    source="JumpCloud command line, GET /service-accounts of API 2.0",
)
class ListJumpCloudServiceAccounts(Frozen):
    """Read which service accounts there are, with their roles and credentials."""

    def run(self, me: Me) -> Script[JumpCloudServiceAccounts]:
        seen = yield from _ACCOUNTS.of(me.connection)
        lines = tuple(
            f"{each.name}: {each.role}, {each.status}, {len(each.credentials)} credentials"
            for each in seen
        )
        says = f"{len(seen)} service accounts"
        return Done(JumpCloudServiceAccounts(seen), says=says, findings=lines)


@action(
    "jumpcloud.revoke_service_credential",
    effect=Effect.DESTROYS,
    output=JumpCloudServiceAccount,
    source="JumpCloud command line, DELETE /service-accounts/{id}/auth-config/{id} of API 2.0",
)
class RevokeJumpCloudCredential(Frozen):
    """End a credential of a service account at once. There is no way back.

    Attributes:
        account: The account's id, from ``jumpcloud.list_service_accounts``.
        credential: The credential's id.
    """

    account: str
    credential: str

    def __post_init__(self) -> None:
        one_line("account", self.account, limit=80)
        one_line("credential", self.credential, limit=80)

    def run(self, me: Me) -> Script[JumpCloudServiceAccount]:
        seen = yield from _ACCOUNTS.of(me.connection)
        account = next((each for each in seen if each.id == self.account), None)
        if account is None:
            raise GuardRefusedError(
                f"there is no service account {showable(self.account, limit=80)}",
                do="take it of jumpcloud.list_service_accounts",
            )
        left = tuple(each for each in account.credentials if each != self.credential)
        after = replace(account, credentials=left)
        if self.credential in account.credentials:
            _known(me, account, seen)
            spare(me, "end a credential of", account.name)
            path = ("service-accounts", account.id, "auth-config", self.credential)
            yield from change(
                me,
                _ACCOUNTS,
                seen,
                lambda now: tuple(after if each.id == account.id else each for each in now),
                ending(me, "DELETE", "v2", *path),
                ids={},
                says=f"end the credential {self.credential} of {account.name}",
                verb="end",
                target=account.name,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # What is ended stays ended.
                breaks="What uses it stops working at once. A person makes another one in the "
                f"console; {len(left)} others of {account.name} go on.",
            )
        says = f"{account.name} has no credential {showable(self.credential, limit=80)}; it has "
        return Done(after, says=says + (", ".join(left) or "none"))


def _known(
    me: Me, account: JumpCloudServiceAccount, seen: Sequence[JumpCloudServiceAccount]
) -> None:
    """Refuse where nobody knows which account we work as: with a client's secret it is of these.

    Raises:
        GuardRefusedError: The connection names none, or none of them.
    """
    ours, do = me.connection.identity, f"set identity under [connections.{me.connection.name}]"
    if not ours:
        raise GuardRefusedError(f"{account.name} may be what respond works as", do=do)
    named = ours.casefold() in {each.name.casefold() for each in seen}
    if is_service_account(me.connection.options) and not named:
        raise GuardRefusedError(
            f"which service account respond works as is not known: none is called {ours}", do=do
        )


ACTIONS: tuple[type, ...] = (ListJumpCloudServiceAccounts, RevokeJumpCloudCredential)
