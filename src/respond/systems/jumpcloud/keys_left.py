"""SSH keys of users in JumpCloud, and what else an account leaves behind.

Source: API 1.0, ``/systemusers/{id}/sshkeys``. A key that is put back is the same key, and has
another id.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import Api, Becomes, Done, Effect, Me, Script, Undo, Write, action, gather
from respond.systems.arguments import ArgumentError, one_line
from respond.systems.jumpcloud.console_admins import JumpCloudAdmin, admins_called
from respond.systems.jumpcloud.planned import JumpCloudPlan, planned_for
from respond.systems.jumpcloud.system_users import (
    JumpCloudUser,
    OnJumpCloudUser,
    seen_user,
    spare_user,
)
from respond.systems.jumpcloud.vendor import VENDOR, ask, ending
from respond.systems.rest import KEPT, Thing, at, change, no_answer, rows

__all__ = ["ACTIONS", "ListLeftInJumpCloud", "RemoveJumpCloudSshKeys"]

_KEY_MAX: Final = 16_000
_NAME_MAX: Final = 200


class JumpCloudSshKey(Frozen):
    """A public key with which a user signs in to devices."""

    id: str = at("_id")
    name: str = at("name", limit=_NAME_MAX, default="")
    public_key: str = at("public_key", limit=_KEY_MAX, default="")


_OF: Final = ("systemusers", "{user}", "sshkeys")
_KEYS: Final = Thing(
    VENDOR, "user/{user}/ssh-keys", _OF, rows(JumpCloudSshKey), surface="v1", evidence=KEPT
)


def _key(key: str) -> Thing[bool]:
    """Whether a key is there."""

    def parse(replies: Any) -> bool:
        return any(each.id == key for each in _KEYS.parse(replies))

    return Thing(VENDOR, f"user/{{user}}/ssh-key/{key}", _OF, parse, surface="v1")


class JumpCloudSshKeys(Frozen):
    """How many there are."""

    left: int


def _removal(me: Me, user: JumpCloudUser, key: JumpCloudSshKey, is_there: object) -> Write[None]:
    write = change(
        me,
        _key(key.id),
        is_there is True,
        lambda _: False,
        ending(me, "DELETE", "v1", "systemusers", user.id, "sshkeys", key.id),
        ids={"user": user.id},
        says=f"remove the SSH key {key.name or key.id} of {user.name}",
        verb="remove",
        target=user.name,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=True,  # The second time there is none of this id.
        undo=Undo(
            "jumpcloud.add_ssh_key",
            {"user": user.id, "name": key.name, "public_key": key.public_key},
        ),
        breaks=f"{user.name} signs in to devices with {key.name or key.id} no more.",
    )
    listed = Becomes(
        _KEYS.subject(me.connection, user=user.id),
        lambda now: tuple(each for each in now if each.id != key.id),
    )
    return replace(write, becomes=(*write.becomes, listed))


@action(
    "jumpcloud.remove_ssh_keys",
    effect=Effect.DESTROYS,
    output=JumpCloudSshKeys,
    source="JumpCloud API 1.0, GET and DELETE /systemusers/{id}/sshkeys",
)
class RemoveJumpCloudSshKeys(OnJumpCloudUser):
    """Remove a user's SSH keys; undoing it puts the same keys back."""

    def run(self, me: Me) -> Script[JumpCloudSshKeys]:
        user = yield from seen_user(me, self.user)
        keys = yield from _KEYS.of(me.connection, user=self.user)
        there = yield from gather(_key(k.id).of(me.connection, user=self.user) for k in keys)
        if keys:
            spare_user(me, user, "remove the SSH keys of")
        for key, is_there in zip(keys, there, strict=True):
            yield from _removal(me, user, key, is_there)
        return Done(JumpCloudSshKeys(0), says=f"{user.name} has no SSH key")


@action(
    "jumpcloud.add_ssh_key",
    effect=Effect.WRITES,
    output=JumpCloudSshKeys,
    source="JumpCloud API 1.0, POST /systemusers/{id}/sshkeys",
)
class AddJumpCloudSshKey(OnJumpCloudUser):
    """Put an SSH key of a user back.

    Attributes:
        name: What it is called.
        public_key: The key, one line.
    """

    name: str
    public_key: str

    def __post_init__(self) -> None:
        OnJumpCloudUser.__post_init__(self)
        one_line("name", self.name, limit=_NAME_MAX)
        one_line("public_key", self.public_key, limit=_KEY_MAX)
        if "PRIVATE" in self.public_key:
            raise ArgumentError("public_key must be a public key")

    def run(self, me: Me) -> Script[JumpCloudSshKeys]:
        user = yield from seen_user(me, self.user)
        keys = yield from _KEYS.of(me.connection, user=self.user)
        if not any(each.public_key == self.public_key for each in keys):
            new = JumpCloudSshKey("new", self.name, self.public_key)
            body = {"name": self.name, "public_key": self.public_key}
            call = ask(me, "POST", "v1", "systemusers", user.id, "sshkeys", body=body)
            yield from change(
                me,
                _KEYS,
                keys,
                lambda now: (*now, new),
                Api(call, no_answer),
                ids={"user": user.id},
                says=f"put the SSH key {self.name} of {user.name} back",
                verb="add",
                target=user.name,
                effect=Effect.WRITES,
                foretold=None,
                repeatable=False,  # Each adds one.
            )
        return Done(JumpCloudSshKeys(1), says=f"{user.name} has the SSH key {self.name}")


# --- what is left -------------------------------------------------------------------------------


class JumpCloudLeft(Frozen):
    """What goes on working when the account is closed, or opens it again."""

    ssh_keys: tuple[JumpCloudSshKey, ...]
    planned: tuple[JumpCloudPlan, ...]
    admins: tuple[JumpCloudAdmin, ...]


@action(
    "jumpcloud.list_left_behind",
    effect=Effect.READS,
    output=JumpCloudLeft,
    source="JumpCloud API 1.0, GET /systemusers/{id}/sshkeys, /users; API 2.0, /bulk/userstates",
)
class ListLeftInJumpCloud(OnJumpCloudUser):
    """Read what a user leaves: SSH keys, planned changes of state, an administrator's account."""

    def run(self, me: Me) -> Script[JumpCloudLeft]:
        user = yield from seen_user(me, self.user)
        keys = yield from _KEYS.of(me.connection, user=self.user)
        planned = yield from planned_for(me, self.user)
        admins = yield from admins_called(me, user.email)
        lines = (
            *(f"SSH key {key.name or key.id}" for key in keys),
            *(f"{plan.state} is planned for {plan.when}" for plan in planned),
            *(f"administrator {admin.says}" for admin in admins),
        )
        says = (
            f"{user.name} leaves {len(keys)} SSH keys, {len(planned)} planned changes, "
            f"{len(admins)} administrator accounts"
        )
        return Done(JumpCloudLeft(keys, planned, admins), says=says, findings=lines)


ACTIONS: tuple[type, ...] = (RemoveJumpCloudSshKeys, AddJumpCloudSshKey, ListLeftInJumpCloud)
