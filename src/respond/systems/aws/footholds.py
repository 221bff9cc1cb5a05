"""What somebody may have left behind, and the console password, which is one way back in.

Source: IAM API reference, ListAccessKeys, ListUserPolicies, ListAttachedUserPolicies,
GetLoginProfile, ListMFADevices, ListUsers, ListRoles, DeleteLoginProfile. What was switched off
goes on for seconds, so all this is looked at again when a minute has passed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.script import Done, Effect, Looking, Me, Script, action, gather
from respond.core.shapes import Timestamp
from respond.core.showable import showable
from respond.systems.aws.access_keys import AwsKey, keys_of
from respond.systems.aws.inline_policies import ATTACHED, aws_knows
from respond.systems.aws.principals import (
    AwsPrincipal,
    OnAwsUser,
    seen_user,
    spare_principal,
)
from respond.systems.aws.query_protocol import changing, record, thing
from respond.systems.rest import Thing, at, change

__all__ = [
    "ACTIONS", "AwsLeftBehind", "AwsLoginProfile", "AwsMfaDevice", "DeleteAwsLoginProfile",
    "ListAwsLeftBehind",
]  # fmt: skip


class AwsLoginProfile(Frozen):
    """The console password of a user; without a moment there is none."""

    created: str = at("CreateDate", limit=40, default="")


class AwsMfaDevice(Frozen):
    """A second factor."""

    serial: str = at("SerialNumber", limit=256)
    enabled: str = at("EnableDate", limit=40, default="")


_PROFILE: Final[Thing[AwsLoginProfile]] = thing(
    "user/{user}/login-profile", "GetLoginProfile",
    record(AwsLoginProfile, "GetLoginProfile", "LoginProfile"), gone=AwsLoginProfile(),
    UserName="{user}",
)  # fmt: skip
_INLINE: Final[Thing[tuple[str, ...]]] = thing(
    "user/{user}/policies", "ListUserPolicies", rows=(str, "PolicyNames"), UserName="{user}"
)
_MFA: Final[Thing[tuple[AwsMfaDevice, ...]]] = thing(
    "user/{user}/mfa", "ListMFADevices", rows=(AwsMfaDevice, "MFADevices"), UserName="{user}"
)
_USERS: Final[Thing[tuple[AwsPrincipal, ...]]] = thing(
    "users", "ListUsers", rows=(AwsPrincipal, "Users"), MaxItems="1000"
)
_ROLES: Final[Thing[tuple[AwsPrincipal, ...]]] = thing(
    "roles", "ListRoles", rows=(AwsPrincipal, "Roles"), MaxItems="1000"
)


class AwsLeftBehind(Frozen):
    """By what a user can still get in, and what is new.

    Attributes:
        keys: Those that are on.
        inline: Names of inline policies.
        attached: ARNs of attached ones.
        password_since: Since when there is a console password; empty: there is none.
        new_users, new_roles: ARNs of those made since, in the whole account, by whomever.
    """

    keys: tuple[AwsKey, ...]
    inline: tuple[str, ...]
    attached: tuple[str, ...]
    password_since: str
    mfa: tuple[AwsMfaDevice, ...]
    new_users: tuple[str, ...]
    new_roles: tuple[str, ...]


@action(
    "aws.list_left_behind",
    effect=Effect.READS,
    output=AwsLeftBehind,
    source="IAM API reference; IAM user guide on eventual consistency",
)
class ListAwsLeftBehind(OnAwsUser):
    """Look by what a user can still get in, and which users and roles are new in the account.

    Let a minute pass (``wait: {for: 60s}``) between containment and this: until then the old
    credential may have made a new one.

    Attributes:
        since: What was made from then on is new.
    """

    since: Timestamp

    def run(self, me: Me) -> Script[AwsLeftBehind]:
        yield from seen_user(me, self.user)
        to, user = me.connection, self.user
        looks: list[Looking[Any] | Any] = [
            keys_of(me, user),
            _INLINE.of(to, user=user),
            ATTACHED.of(to, user=user),
            _PROFILE.of(to, user=user),
            _MFA.of(to, user=user),
            _USERS.of(to),
            _ROLES.of(to),
        ]
        keys, inline, attached, profile, mfa, users, roles = yield from gather(looks)
        on = tuple(each for each in keys if each.status == "Active")
        left = AwsLeftBehind(
            on,
            tuple(showable(name, limit=128) for name in inline),
            tuple(each.arn for each in attached),
            profile.created,
            mfa,
            self._new(users),
            self._new(roles),
        )
        findings = (*self._findings(left, keys), *aws_knows(user, attached))
        says = f"{len(on)} access keys of {user} are on; {len(findings)} things to look at"
        return Done(left, says=says, findings=findings)

    def _new(self, seen: Iterable[AwsPrincipal]) -> tuple[str, ...]:
        return tuple(each.arn for each in seen if each.created >= self.since)

    def _findings(self, left: AwsLeftBehind, keys: Iterable[AwsKey]) -> list[str]:
        found = [f"{each.id} of {self.user} is on" for each in left.keys]
        found += [
            f"{each.id} of {self.user} is new, and off"
            for each in keys
            if each.created >= self.since and each.status != "Active"
        ]
        if left.password_since:
            found.append(f"{self.user} has a console password since {left.password_since}")
        found += [
            f"the second factor {each.serial} of {self.user} is new"
            for each in left.mfa
            if each.enabled >= self.since
        ]
        found += [f"{arn} is new" for arn in (*left.new_users, *left.new_roles)]
        return found


@action(
    "aws.delete_login_profile",
    effect=Effect.DESTROYS,
    output=AwsLoginProfile,
    source="IAM API reference, DeleteLoginProfile",
)
class DeleteAwsLoginProfile(OnAwsUser):
    """Take a user's console password away. Keys, and console sessions that are open, go on."""

    def run(self, me: Me) -> Script[AwsLoginProfile]:
        user = yield from seen_user(me, self.user)
        seen = yield from _PROFILE.of(me.connection, user=self.user)
        if seen.created:
            yield from spare_principal(me, f"user/{self.user}", user, "take the password of")
            yield from change(
                me,
                _PROFILE,
                seen,
                lambda _: AwsLoginProfile(),
                changing(me, "DeleteLoginProfile", ends=True, UserName=self.user),
                ids={"user": self.user},
                says=f"delete the console password of {self.user}",
                verb="delete",
                target=self.user,
                effect=Effect.DESTROYS,
                foretold=None,
                repeatable=True,  # The second time there is none.
                breaks=f"{self.user} cannot sign in to the console; a new password can be set, the "
                "old one never comes back.",
            )
        return Done(AwsLoginProfile(), says=f"{self.user} has no console password")


ACTIONS: tuple[type, ...] = (ListAwsLeftBehind, DeleteAwsLoginProfile)
