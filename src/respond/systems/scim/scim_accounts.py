"""Switch accounts off and on in a product by SCIM; delete them, make them again, set passwords.

Source: RFC 7644, sections 3.3, 3.5.2 and 3.6. Whether sessions that are open end with the account,
the product decides. What provisions it, mostly an identity provider, may switch it on again at its
next turn: the assignment there goes first.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import field
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Call,
    Done,
    Effect,
    Me,
    Proof,
    Reply,
    Script,
    Subject,
    Undo,
    action,
    answer_as,
    gather,
)
from respond.core.values import Late, SecretHandle
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, change, no_answer, one, or_said
from respond.systems.scim.provider import switches
from respond.systems.scim.scim_admins import keep_an_admin
from respond.systems.scim.scim_changes import Edit, change_user, ours_of
from respond.systems.scim.scim_groups import GROUP, groups_with, joining
from respond.systems.scim.scim_users import (
    NOBODY,
    RECORD,
    USER,
    OnScimUser,
    ScimUser,
    account_called,
    features,
    is_on,
    seen_user,
    spare_user,
    there,
)
from respond.systems.scim.vendor import VENDOR, ask

__all__ = [
    "ACTIONS", "ActivateScimUser", "DeactivateScimUser", "DeleteScimUser", "RecreateScimUser",
    "SetScimPassword",
]  # fmt: skip

_SYNC: Final = "What provisions it may switch it on again: take the assignment there first."


def _active(*, value: bool) -> Edit:
    return Edit(
        {"op": "replace", "path": "active", "value": value},
        lambda record: {**record, "active": value},
    )


def _activation(me: Me, user: ScimUser) -> Generator[Any, Any, None]:
    write = yield from change_user(
        me,
        user,
        _active(value=True),
        lambda now: replace(now, id=user.id, active=True),
        says=f"give {user.called} their account back",
        verb="activate",
        effect=Effect.WRITES,
    )
    yield from write


def _removal(me: Me, user: ScimUser, call: Call, **words: Any) -> Generator[Any, Any, None]:
    """The write after which there is no account. What is kept of it makes another one.

    Some products leave the id among the members of its groups: nobody has it any more.
    """
    record = yield from RECORD.of(me.connection, kind="Users", id=user.id)
    groups = yield from groups_with(me, user)
    back = {"record": ours_of(record), "groups": [group.id for group in groups]}
    write = change(
        me,
        USER,
        user,
        lambda _: NOBODY,
        Api(call, or_said(VENDOR, no_answer, "404", means=None)),
        ids={"user": user.id},
        target=user.called,
        effect=Effect.DESTROYS,
        foretold=None,
        repeatable=False,  # Harmless by the standard; but what destroys is looked at first.
        undo=Undo("scim.recreate_user", back),
        breaks=f"{user.called} loses the account and what it owns there; another one can be made, "
        f"with another id. {_SYNC}",
        **words,
    )
    # Not all of it, which has a version in it: a yes would not outlive the step before.
    yield from replace(write, before={"account": user.state}, after={"account": "none"})


# --- off and on ---------------------------------------------------------------------------------


@action(
    "scim.deactivate_user",
    effect=Effect.DESTROYS,
    output=ScimUser,
    source="RFC 7643, section 4.1.1 (active); RFC 7644, section 3.5.2.3: PATCH /Users/{id}",
    by_hand=("Open the administration of the product, Users. Deactivate the person.",),
)
class DeactivateScimUser(OnScimUser):
    """Switch an account off. Whether sessions that are open end with it, the product decides."""

    def run(self, me: Me) -> Script[ScimUser]:
        told = switches(me.connection)
        user = yield from there(me, self.user)
        if not user.id and (told.hides_inactive or told.deactivate_deletes):
            return Done(NOBODY, says=f"{self.user} is not to be seen any more: inactive or gone")
        user = user if user.id else (yield from seen_user(me, self.user))
        if not user.active:
            return Done(user, says=f"{user.called} is inactive already")
        spare_user(me, user, "deactivate")
        yield from keep_an_admin(me, user)
        off = _active(value=False)
        if told.deactivate_deletes:
            call, _ = yield from off.call(
                me, "Users", user.id, user.version, answers=frozenset({404})
            )
            says = f"deactivate {user.called}, which removes the account"
            yield from _removal(me, user, call, says=says, verb="deactivate")
            return Done(NOBODY, says=f"{user.called} is removed")
        write = yield from change_user(
            me,
            user,
            off,
            lambda now: replace(now, active=False),
            says=f"deactivate {user.called}",
            verb="deactivate",
            effect=Effect.DESTROYS,
            undo=Undo("scim.activate_user", {"user": user.id}),
            breaks=f"{user.called} cannot sign in there any more; whether sessions end, the "
            f"product decides. {_SYNC}",
        )
        yield from write
        return Done(replace(user, active=False), says=f"{user.called} is inactive")


@action(
    "scim.activate_user",
    effect=Effect.WRITES,
    output=ScimUser,
    source="RFC 7643, section 4.1.1 (active); RFC 7644, section 3.5.2.3: PATCH /Users/{id}",
)
class ActivateScimUser(OnScimUser):
    """Switch an account on again."""

    def run(self, me: Me) -> Script[ScimUser]:
        user = yield from there(me, self.user)
        if not user.id and switches(me.connection).deactivate_deletes:
            raise GuardRefusedError(
                f"there is no user {self.user}",
                why="this product removes whom it deactivates",
                do="respond undo RUN makes the account again, with another id",
            )
        if not user.id and switches(me.connection).hides_inactive:
            user = ScimUser(self.user)
        elif not user.id:
            user = yield from seen_user(me, self.user)
        if user.active:
            return Done(user, says=f"{user.called} is active already")
        yield from _activation(me, user)
        return Done(replace(user, active=True), says=f"{user.called} has the account back")


def _made(reply: Reply) -> str | Late:
    return str(one(ScimUser)([reply]).id)


# --- gone and again -----------------------------------------------------------------------------


class ScimUserGone(Frozen):
    """The id that is not there now."""

    user: str


@action(
    "scim.delete_user",
    effect=Effect.DESTROYS,
    output=ScimUserGone,
    source="RFC 7644, section 3.6: DELETE /Users/{id}",
)
class DeleteScimUser(OnScimUser):
    """Delete an account. Deactivate it instead, where that is enough: what it owns may be lost."""

    def run(self, me: Me) -> Script[ScimUserGone]:
        user = yield from there(me, self.user)
        if not user.id:
            return Done(ScimUserGone(self.user), says=f"there is no user {self.user} any more")
        spare_user(me, user, "delete")
        yield from keep_an_admin(me, user)
        can = yield from features(me.connection)
        headers = (("If-Match", user.version),) if can.etag and user.version else ()
        call = ask(me, "DELETE", "Users", self.user, headers=headers, answers=frozenset({404}))
        says = f"delete the account of {user.called}"
        yield from _removal(me, user, call, says=says, verb="delete")
        return Done(ScimUserGone(self.user), says=f"the account of {user.called} is deleted")


class ScimUserMade(Frozen):
    """The id that the account has now."""

    user: str | Late


@action(
    "scim.recreate_user",
    effect=Effect.WRITES,
    output=ScimUserMade,
    source="RFC 7644, section 3.3: POST /Users",
)
class RecreateScimUser(Frozen):
    """Make a deleted account again, with its groups; one that was inactive stays so.

    What the old one owned does not come back.

    Attributes:
        record: The account as it was.
        groups: Ids of its groups.
    """

    record: dict[str, Any]
    groups: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not isinstance(self.record.get("userName"), str) or not self.record["userName"]:
            raise ArgumentError("record must have a userName")

    @property
    def _was_active(self) -> bool:
        return is_on(self.record.get("active"))

    def run(self, me: Me) -> Script[ScimUserMade]:
        name = self.record["userName"]
        thing, text = yield from account_called(me.connection, name)
        seen = yield from thing.of(me.connection, text=text)
        groups = yield from gather(GROUP.of(me.connection, group=each) for each in self.groups)
        old = str(self.record.get("id") or "")
        if not seen.id and old:
            # Whom the product hides is known by the old id alone.
            seen = yield from USER.of(me.connection, user=old)
        user: str | Late = seen.id
        if not seen.id:
            made = yield from self._creation(me, seen, thing, text)
            user = made if isinstance(made, Late) else answer_as(str, made, "")
        elif self._was_active and not seen.active:
            yield from _activation(me, (yield from USER.of(me.connection, user=seen.id)))
        for group in groups:
            if group.id and user not in group.members:
                yield from joining(me, user, name, group)
        gone = ", ".join(
            each for each, group in zip(self.groups, groups, strict=True) if not group.id
        )
        return Done(
            ScimUserMade(user),
            says=f"{name} has an account again",
            findings=(f"groups that are gone, so that {name} is not in them: {gone}",)
            if gone
            else (),
        )

    def _creation(self, me: Me, seen: ScimUser, thing: Thing[ScimUser], text: str) -> Any:
        name = self.record["userName"]
        late: str | Late = Late(me.step, "user")
        body = {k: v for k, v in ours_of(self.record).items() if k not in {"id", "password"}}
        write = change(
            me,
            thing,
            seen,
            lambda _: replace(NOBODY, user_name=name, active=self._was_active),
            Api(ask(me, "POST", "Users", body=body), _made),
            ids={"text": text},
            says=f"make the account of {name} again",
            verb="create",
            target=name,
            effect=Effect.WRITES,
            foretold=late,
            repeatable=True,  # The second one is refused: a user name is there once.
        )
        there_now = {"account": "active" if self._was_active else "inactive"}
        return (yield from replace(write, before={"account": "none"}, after=there_now))


# --- passwords ----------------------------------------------------------------------------------


@action(
    "scim.set_password",
    effect=Effect.DESTROYS,
    output=ScimUser,
    source="RFC 7643, sections 4.1.1 (password) and 5 (changePassword); RFC 7644, section 3.5.2.3",
)
class SetScimPassword(OnScimUser):
    """Set a user's password to one that the run was given, where the product lets SCIM do that.

    Attributes:
        password: The new one. Nobody can look at it there.
    """

    password: SecretHandle

    def run(self, me: Me) -> Script[ScimUser]:
        user = yield from seen_user(me, self.user)
        if not (yield from features(me.connection)).password:
            left = f"left to do: this product takes no password of {user.called} by SCIM"
            return Done(user, says=left, findings=(left,), proved=False)
        spare_user(me, user, "set the password of")
        yield from keep_an_admin(me, user)
        edit = Edit(
            {"op": "replace", "path": "password", "value": self.password},
            lambda record: {**record, "password": self.password},
        )
        write = yield from change_user(
            me,
            user,
            edit,
            lambda now: now,
            says=f"set the password of {user.called}",
            verb="set",
            effect=Effect.DESTROYS,
            breaks=f"{user.called} cannot sign in with the old password. There is no way back.",
        )
        place = f"{me.connection.name}/user/{user.id}/password"
        secret: Subject[Any] = Subject(place, VENDOR.settle_s)
        yield from replace(
            write,
            after={"password": "another"},
            becomes=(Becomes(secret, lambda now: now),),
            proof=Proof.BLIND,
        )
        return Done(user, says=f"the password of {user.called} is another one")


ACTIONS: tuple[type, ...] = (
    DeactivateScimUser,
    ActivateScimUser,
    DeleteScimUser,
    RecreateScimUser,
    SetScimPassword,
)
