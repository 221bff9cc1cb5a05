"""IAM users and roles: who they are, who we are, and whom every action on them spares.

Source: IAM API reference, GetUser, GetRole; STS API reference, GetCallerIdentity. IAM acts on the
caller where no name is given, so a name always is.
"""

from __future__ import annotations

import re
from typing import Final

from respond.core.records import Frozen
from respond.core.script import Looking, Me
from respond.systems.arguments import ArgumentError
from respond.systems.aws.query_protocol import record, thing
from respond.systems.aws.vendor import our_principal
from respond.systems.guards import GuardRefusedError, spare
from respond.systems.rest import Thing, at

__all__ = [
    "NAME", "AwsCaller", "AwsPrincipal", "OnAwsPrincipal", "OnAwsUser", "caller", "seen_principal",
    "seen_user", "spare_principal",
]  # fmt: skip

NAME: Final = r"[\w+=,.@-]{1,128}"
_SERVICES: Final = "/aws-service-role/"
_IDENTITY_CENTER: Final = "/aws-reserved/sso.amazonaws.com/"


class AwsPrincipal(Frozen):
    """A user or a role as IAM has it now; without an ARN there is none.

    Attributes:
        last_signed_in: When the console password was used last; empty for never, and for a role.
    """

    arn: str = at("Arn", default="")
    path: str = at("Path", limit=520, default="/")
    created: str = at("CreateDate", limit=40, default="")
    last_signed_in: str = at("PasswordLastUsed", limit=40, default="")

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


class AwsCaller(Frozen):
    """Whose credential it is."""

    account: str = at("Account", limit=20)
    arn: str = at("Arn", limit=2048)


_NOBODY: Final = AwsPrincipal()
_PRINCIPALS: Final[dict[str, Thing[AwsPrincipal]]] = {
    "user": thing(
        "user/{name}", "GetUser", record(AwsPrincipal, "GetUser", "User"), gone=_NOBODY,
        UserName="{name}",
    ),
    "role": thing(
        "role/{name}", "GetRole", record(AwsPrincipal, "GetRole", "Role"), gone=_NOBODY,
        RoleName="{name}",
    ),
}  # fmt: skip
_CALLER: Final[Thing[AwsCaller]] = thing(
    "who-we-are", "GetCallerIdentity", record(AwsCaller, "GetCallerIdentity"), surface="sts",
    settle_s=0,
)  # fmt: skip


def caller(me: Me) -> Looking[AwsCaller]:
    """Who we are."""
    return (yield from _CALLER.of(me.connection))


def seen_principal(me: Me, principal: str) -> Looking[AwsPrincipal]:
    """The user or role that is called so.

    Raises:
        GuardRefusedError: There is none, or it is a service's of AWS.
    """
    kind, _, name = principal.partition("/")
    seen = yield from _PRINCIPALS[kind].of(me.connection, name=name)
    if not seen.arn:
        raise GuardRefusedError(f"there is no {kind} {name} in this account")
    if seen.path.startswith(_SERVICES):
        raise GuardRefusedError(
            f"the role {name} belongs to a service of AWS", why="only that service may change it"
        )
    if seen.path.startswith(_IDENTITY_CENTER):
        raise GuardRefusedError(
            f"the role {name} is made by IAM Identity Center",
            why="it cannot be edited in IAM",
            do="take the assignment away, and revoke the sessions, in IAM Identity Center",
        )
    return seen


def seen_user(me: Me, user: str) -> Looking[AwsPrincipal]:
    """The user of this name. Raises GuardRefusedError: There is none."""
    return (yield from seen_principal(me, f"user/{user}"))


def spare_principal(me: Me, principal: str, seen: AwsPrincipal, verb: str) -> Looking[None]:
    """Never the operator, an emergency account, or whom we work as (P8); here alone."""
    own = yield from caller(me)
    ours, account = our_principal(own.arn), me.connection.account
    if account not in {"", own.account}:
        raise GuardRefusedError(
            f"the credential is of the account {own.account}, and the connection of {account}",
            why="users and roles of the same names are others there",
            do=f"respond connect {me.connection.name}",
        )
    kind, _, name = principal.partition("/")
    theirs = [
        email
        for person in me.persons
        if kind == "user" and person.accounts.get("aws", "").casefold() == name.casefold()
        for email in person.emails
    ]
    # Names of users have no case of their own: none differs from another in it alone.
    is_ours = ours.casefold() == principal.casefold()
    spare(me, verb, name, principal, seen.arn, *theirs, is_ours=is_ours)


class OnAwsUser(Frozen):
    """An action on one user. Attributes: user: Name of the IAM user."""

    user: str

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.user, re.ASCII):
            raise ArgumentError("user must be the name of an IAM user such as ci-deploy")


class OnAwsPrincipal(Frozen):
    """An action on a user or a role. Attributes: principal: ``user/NAME`` or ``role/NAME``."""

    principal: str

    def __post_init__(self) -> None:
        if not re.fullmatch(f"(user|role)/{NAME}", self.principal, re.ASCII):
            raise ArgumentError("principal must be user/NAME or role/NAME, such as user/ci-deploy")
