"""Second factors in JumpCloud: which there are, taking them, a device off and on, a time without.

Source: API 1.0, ``/systemusers/{id}/resetmfa``; API 2.0, ``/users/{id}/pushendpoints``. What is
reset the person enrols again: nothing brings it back. No published API takes a security key.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Becomes,
    Done,
    Effect,
    Looking,
    Me,
    Person,
    Proof,
    Script,
    Subject,
    Undo,
    Write,
    action,
    both,
    gather,
)
from respond.systems.arguments import ArgumentError
from respond.systems.guards import GuardRefusedError
from respond.systems.jumpcloud.ids import check_object_id
from respond.systems.jumpcloud.system_users import (
    USER,
    JumpCloudUser,
    OnJumpCloudUser,
    seen_user,
    spare_user,
)
from respond.systems.jumpcloud.vendor import VENDOR, ask
from respond.systems.rest import KEPT, Thing, at, change, no_answer, rows, stamp, where

__all__ = [
    "ACTIONS", "DeactivateJumpCloudDevice", "JumpCloudDevice", "ListJumpCloudFactors",
    "OpenJumpCloudWindow", "ResetJumpCloudMfa",
]  # fmt: skip

_ON, _OFF = "active", "inactive"
_HOURS_MAX: Final = 24
_AGAIN: Final = "There is no way back: they are enrolled again at the next sign-in."


class JumpCloudDevice(Frozen):
    """A device that answers questions with a tap. Attributes: state: ``active`` or not."""

    id: str = at("id")
    name: str = at("name", default="")
    state: str = at("state", limit=20, default="")
    last_used: str = at("lastUsedDate", limit=40, default="")

    @property
    def says(self) -> str:
        return f"push device {self.name or self.id} ({self.id}): {self.state}"


_OF: Final = ("users", "{user}", "pushendpoints")
DEVICES: Final = Thing(
    VENDOR, "user/{user}/devices", _OF, rows(JumpCloudDevice), surface="v2", evidence=KEPT
)


def _state_of(device: str) -> Thing[str]:
    """The state of one device; empty where it is not there."""

    def parse(replies: Any) -> str:
        return next((each.state for each in DEVICES.parse(replies) if each.id == device), "")

    return Thing(VENDOR, f"user/{{user}}/device/{device}", _OF, parse, surface="v2")


def enrolled(word: str) -> str:
    """JumpCloud's word for a kind of factor, where it may mean that there is one."""
    return "" if word.upper().startswith("NOT") else word


def _window(user: JumpCloudUser) -> str:
    until = f" until {user.exclusion_until}" if user.exclusion_until else ", without an end"
    return f"nobody asks {user.name} for a second factor{until}" if user.exclusion else ""


class JumpCloudFactors(Frozen):
    """Second factors of a user.

    Attributes:
        security_keys: JumpCloud's own word for them.
        window: They are not asked for any.
        go: JumpCloud's word for JumpCloud Go.
    """

    has_totp: bool
    devices: tuple[JumpCloudDevice, ...]
    security_keys: str
    window: bool
    go: str = ""


@action(
    "jumpcloud.list_factors",
    effect=Effect.READS,
    output=JumpCloudFactors,
    source="JumpCloud API 1.0, GET /systemusers/{id}; API 2.0, GET /users/{id}/pushendpoints",
)
class ListJumpCloudFactors(OnJumpCloudUser):
    """Read a user's second factors, and whether they are asked for one."""

    def run(self, me: Me) -> Script[JumpCloudFactors]:
        user, devices = yield from both(
            seen_user(me, self.user), DEVICES.of(me.connection, user=self.user)
        )
        keys, go = enrolled(user.security_keys), enrolled(user.go)
        lines = [
            _window(user),
            "codes of an application" if user.has_totp else "",
            *(each.says for each in devices),
            f"security keys: {keys}" if keys else "",
            f"JumpCloud Go: {go}" if go else "",
        ]
        seen = tuple(filter(None, lines))
        output = JumpCloudFactors(
            user.has_totp, devices, user.security_keys, user.exclusion, user.go
        )
        return Done(output, says=", ".join(seen) or "no second factor", findings=seen)


# --- a device off, and on -----------------------------------------------------------------------


def _switch(
    me: Me, user: JumpCloudUser, device: JumpCloudDevice, state: str, undo: str
) -> Write[None]:
    path = ("users", user.id, "pushendpoints", device.id)
    off = state == _OFF
    write = change(
        me,
        _state_of(device.id),
        device.state,
        lambda _: state,
        Api(ask(me, "PATCH", "v2", *path, body={"state": state}), no_answer),
        ids={"user": user.id},
        says=f"{'switch off' if off else 'switch on'} the push device {device.name or device.id} "
        f"of {user.name}",
        verb="switch",
        target=user.name,
        effect=Effect.DESTROYS if off else Effect.WRITES,
        foretold=None,
        repeatable=True,  # The same state.
        undo=Undo(undo, {"user": user.id, "device": device.id}) if undo else None,
        breaks=f"{device.name or device.id} can confirm no sign-in of {user.name}." if off else "",
    )

    def switched(now: tuple[JumpCloudDevice, ...]) -> tuple[JumpCloudDevice, ...]:
        return tuple(replace(d, state=state) if d.id == device.id else d for d in now)

    listed = Becomes(DEVICES.subject(me.connection, user=user.id), switched)
    return replace(write, becomes=(*write.becomes, listed))


class _OnDevice(OnJumpCloudUser):
    """An action on a device. Attributes: device: Its id, from ``jumpcloud.list_factors``."""

    device: str

    def __post_init__(self) -> None:
        OnJumpCloudUser.__post_init__(self)
        check_object_id("device", self.device)

    def switched(self, me: Me, state: str, undo: str) -> Script[JumpCloudDevice]:
        user, (devices, _) = yield from both(
            seen_user(me, self.user),
            both(
                DEVICES.of(me.connection, user=self.user),
                _state_of(self.device).of(me.connection, user=self.user),
            ),
        )
        device = next((each for each in devices if each.id == self.device), None)
        if device is None:
            if state == _OFF:
                gone = JumpCloudDevice(self.device)
                return Done(gone, says=f"{user.name} has no device {self.device}")
            raise GuardRefusedError(
                f"{user.name} has no device {self.device}", do="let them enrol it again"
            )
        if device.state != state:
            if state == _OFF:
                spare_user(me, user, "switch off a device of")
            yield from _switch(me, user, device, state, undo)
        after = replace(device, state=state)
        return Done(after, says=f"{device.name or device.id} of {user.name} is {state}")


@action(
    "jumpcloud.deactivate_push_device",
    effect=Effect.DESTROYS,
    output=JumpCloudDevice,
    source="JumpCloud API 2.0, PATCH /users/{id}/pushendpoints/{id}",
)
class DeactivateJumpCloudDevice(_OnDevice):
    """Switch off a device that confirms sign-ins, such as a stolen telephone. It can be undone."""

    def run(self, me: Me) -> Script[JumpCloudDevice]:
        return (yield from self.switched(me, _OFF, "jumpcloud.activate_push_device"))


@action(
    "jumpcloud.activate_push_device",
    effect=Effect.WRITES,
    output=JumpCloudDevice,
    source="JumpCloud API 2.0, PATCH /users/{id}/pushendpoints/{id}",
)
class ActivateJumpCloudDevice(_OnDevice):
    """Let a device confirm sign-ins again."""

    def run(self, me: Me) -> Script[JumpCloudDevice]:
        return (yield from self.switched(me, _ON, "jumpcloud.deactivate_push_device"))


# --- all of them --------------------------------------------------------------------------------


def _reset(
    me: Me, user: JumpCloudUser, body: dict[str, Any], **words: Any
) -> Generator[Any, Any, None]:
    """Take the codes, and say whether anything is asked for until there are new ones."""
    until = str(body.get("exclusionUntil", ""))
    yield from change(
        me,
        USER,
        user,
        lambda now: replace(
            now, has_totp=False, exclusion=bool(body["exclusion"]), exclusion_until=until
        ),
        Api(ask(me, "POST", "v1", "systemusers", user.id, "resetmfa", body=body), no_answer),
        ids={"user": user.id},
        target=user.name,
        foretold=None,
        repeatable=False,  # It would take what was enrolled meanwhile.
        **words,
    )


@action(
    "jumpcloud.reset_mfa",
    effect=Effect.DESTROYS,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, POST /systemusers/{id}/resetmfa (exclusion: false)",
    by_hand=(
        "Open User Management, Users, the person. Reset their MFA; allow no time without.",
        "https://console.jumpcloud.com/",
    ),
)
class ResetJumpCloudMfa(OnJumpCloudUser):
    """Take codes and push devices of a user. Security keys stay: a person takes them."""

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user, devices = yield from both(
            seen_user(me, self.user), DEVICES.of(me.connection, user=self.user)
        )
        on = [each for each in devices if each.state != _OFF]
        yield from _states(me, user, on)
        if on or user.has_totp:
            spare_user(me, user, "reset the factors of")
        # Where factors are one for all of JumpCloud, the reset deletes the devices: they go first.
        for device in on:
            yield from _switch(me, user, device, _OFF, "")
        if user.has_totp:
            yield from _reset(
                me,
                user,
                {"exclusion": False},
                says=f"take the codes of {user.name}",
                verb="reset",
                effect=Effect.DESTROYS,
                breaks=_AGAIN,
            )
        keys, go = enrolled(user.security_keys), enrolled(user.go)
        more = [
            f"security keys of {user.name} stay ({keys}): jumpcloud.remove_security_keys"
            if keys
            else "",
            f"whether JumpCloud Go of {user.name} ({go}) goes with the reset is documented nowhere"
            if go
            else "",
            "" if user.has_totp else _window(user),
        ]
        after = replace(user, has_totp=False)
        says = f"{user.name} has neither codes nor a push device"
        return Done(after, says=says, findings=tuple(filter(None, more)))


def _states(me: Me, user: JumpCloudUser, devices: list[JumpCloudDevice]) -> Looking[None]:
    """Look at each that is to be written."""
    yield from gather(_state_of(each.id).of(me.connection, user=user.id) for each in devices)


class JumpCloudKeysGone(Frozen):
    """Whether somebody said so."""

    removed: bool


@action(
    "jumpcloud.remove_security_keys",
    effect=Effect.DESTROYS,
    output=JumpCloudKeysGone,
    person="the vendor shows no request for it",
    source="JumpCloud API: the routes for security keys are not published",
)
class RemoveJumpCloudKeys(OnJumpCloudUser):
    """Have a user's security keys removed by a person, whose word is all there is."""

    def run(self, me: Me) -> Script[JumpCloudKeysGone]:
        user = yield from seen_user(me, self.user)
        spare_user(me, user, "remove the security keys of")
        removed: Subject[bool] = Subject(f"{me.connection.name}/user/{user.id}/security-keys", 0)
        yield from Write(
            says=f"have the security keys of {user.name} removed",
            verb="remove",
            target=user.name,
            where=where(VENDOR, me.connection),
            effect=Effect.DESTROYS,
            hands=Person(
                steps=(
                    f"Open User Management, Users, {user.name}.",
                    "Remove the security keys that are not in their hands.",
                ),
                link="https://console.jumpcloud.com/",
                look_for="The person's page shows none of them.",
                task="jumpcloud.remove_security_keys",
                about={"email": user.email},
                answer=None,
            ),
            before={"removed": False},
            after={"removed": True},
            becomes=(Becomes(removed, lambda _: True),),
            foretold=None,
            # The words that JumpCloud has for this are not published.
            proof=Proof.WORD,
            breaks=_AGAIN,
        )
        says = f"the security keys of {user.name} are removed, by somebody's word"
        return Done(JumpCloudKeysGone(removed=True), says=says, proved=False)


# --- a time without -----------------------------------------------------------------------------


def _too_long(user: JumpCloudUser, now_s: int) -> bool:
    try:
        until = datetime.fromisoformat(user.exclusion_until).timestamp()
    except ValueError:
        return True
    return until - now_s > _HOURS_MAX * 3_600


@action(
    "jumpcloud.open_mfa_window",
    effect=Effect.DESTROYS,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, POST /systemusers/{id}/resetmfa (exclusion: true)",
)
class OpenJumpCloudWindow(OnJumpCloudUser):
    """Ask somebody who lost their device for no second factor, for a while. Codes are taken.

    Attributes:
        stolen: The device is in other hands: then no time is opened.
        hours: How long, 1 to 24.
    """

    stolen: bool
    hours: int = 4

    def __post_init__(self) -> None:
        OnJumpCloudUser.__post_init__(self)
        if not 1 <= self.hours <= _HOURS_MAX:
            raise ArgumentError(f"hours must be 1 to {_HOURS_MAX}")

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from seen_user(me, self.user)
        suspects = {email.casefold() for email in me.suspects}
        if self.stolen or user.email.casefold() in suspects:
            left = (
                f"left to do: let {user.name} enrol at a desk; nobody gets in without a second "
                "factor where who has the device, or the account, may have the password, too"
            )
            return Done(user, says=left, findings=(left,), proved=False)
        if user.state != "ACTIVATED":
            raise GuardRefusedError(
                f"{user.name} is {user.state}", do="give the account back first"
            )
        if user.exclusion:
            more = "; that is longer than a day: close it" if _too_long(user, me.now) else ""
            return Done(user, says=_window(user), findings=(f"{_window(user)}{more}",))
        spare_user(me, user, "take the second factor of")
        text = stamp(me.now + self.hours * 3_600)
        yield from _reset(
            me,
            user,
            {"exclusion": True, "exclusionUntil": text},
            says=f"ask {user.name} for no second factor until {text}"
            + (", and take their codes" if user.has_totp else ""),
            verb="open",
            effect=Effect.DESTROYS,
            undo=Undo("jumpcloud.close_mfa_window", {"user": user.id}),
            breaks=f"Until then whoever has the password of {user.name} gets in: never where the "
            "device was stolen. The codes do not come back.",
        )
        after = replace(user, has_totp=False, exclusion=True, exclusion_until=text)
        return Done(after, says=_window(after))


@action(
    "jumpcloud.close_mfa_window",
    effect=Effect.WRITES,
    output=JumpCloudUser,
    source="JumpCloud API 1.0, PUT /systemusers/{id} (mfa.exclusion)",
)
class CloseJumpCloudWindow(OnJumpCloudUser):
    """Ask somebody for a second factor again, at once."""

    def run(self, me: Me) -> Script[JumpCloudUser]:
        user = yield from seen_user(me, self.user)
        if user.exclusion:
            body = {"mfa": {"exclusion": False}}
            yield from change(
                me,
                USER,
                user,
                lambda now: replace(now, exclusion=False, exclusion_until=""),
                Api(ask(me, "PUT", "v1", "systemusers", user.id, body=body), no_answer),
                ids={"user": user.id},
                says=f"ask {user.name} for a second factor again",
                verb="close",
                target=user.name,
                effect=Effect.WRITES,
                foretold=None,
                repeatable=True,  # PUT (RFC 9110, section 9.2.2).
                breaks=f"{user.name} signs in with a second factor, or not at all.",
            )
        after = replace(user, exclusion=False, exclusion_until="")
        return Done(after, says=f"{user.name} is asked for a second factor")


ACTIONS: tuple[type, ...] = (
    ListJumpCloudFactors,
    DeactivateJumpCloudDevice,
    ActivateJumpCloudDevice,
    ResetJumpCloudMfa,
    RemoveJumpCloudKeys,
    OpenJumpCloudWindow,
    CloseJumpCloudWindow,
)
