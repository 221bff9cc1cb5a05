"""Devices of Entra: which a user has, switching one off, and on again.

Source: Microsoft Graph v1.0, device: update; Microsoft's guide "Revoke user access". An application
switches Windows devices alone; the others a person switches in the console, and it is seen here.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from respond.core.records import Frozen, replace
from respond.core.script import (
    Api,
    Done,
    Effect,
    Looking,
    Me,
    Person,
    Script,
    Undo,
    action,
    both,
    gather,
)
from respond.systems.entra.tenant_users import ENTRA_USER, OnEntraUser, spare_entra_user
from respond.systems.entra.vendor import VENDOR, about, ask, check_guid
from respond.systems.guards import GuardRefusedError
from respond.systems.rest import Thing, at, change, no_answer, one, rows

__all__ = [
    "ACTIONS", "DisableEntraDevice", "EnableEntraDevice", "EntraDevice", "EntraDevices",
    "ListEntraDevices", "devices_of",
]  # fmt: skip

_BY_API: Final = "Windows"
_PAGE: Final = (
    "https://entra.microsoft.com/#view/Microsoft_AAD_Devices/DeviceDetailsMenuBlade/objectId/"
)


class EntraDevice(Frozen):
    """A device; without an id there is none."""

    id: str = at("id", limit=60)
    name: str = at("displayName", default="")
    system: str = at("operatingSystem", limit=60, default="")
    is_enabled: bool = at("accountEnabled", default=False)

    @property
    def says(self) -> str:
        word = "enabled" if self.is_enabled else "disabled"
        return f"{self.name} ({self.system or 'unknown'}, {word})"


class _Owner(Frozen):
    """Who has a device: nothing but the id, since of whom we may not read no name is told."""

    id: str = at("id", limit=60)


_NONE: Final = EntraDevice("")
_DEVICE: Final = Thing(
    VENDOR, "device/{device}", ("devices", "{device}"), one(EntraDevice), gone=_NONE
)
_OWNERS: Final[Thing[tuple[_Owner, ...]]] = Thing(
    VENDOR,
    "device/{device}/owners",
    ("devices", "{device}", "registeredOwners"),
    rows(_Owner, "value"),
    gone=(),
)


def _listed(name: str) -> Thing[tuple[EntraDevice, ...]]:
    return Thing(
        VENDOR, f"user/{{user}}/{name}", ("users", "{user}", name), rows(EntraDevice, "value")
    )


_REGISTERED: Final = _listed("registeredDevices")
_OWNED: Final = _listed("ownedDevices")


def devices_of(me: Me, user: str) -> Looking[tuple[EntraDevice, ...]]:
    """The devices that a user registered or owns."""
    registered, owned = yield from both(
        _REGISTERED.of(me.connection, user=user), _OWNED.of(me.connection, user=user)
    )
    return tuple({each.id: each for each in (*registered, *owned)}.values())


class EntraDevices(Frozen):
    """Devices; the ids of those that are enabled, for a step over each."""

    devices: tuple[EntraDevice, ...]
    enabled: tuple[str, ...]


@action(
    "entra.list_devices",
    effect=Effect.READS,
    output=EntraDevices,
    source="Microsoft Graph v1.0, GET /users/{id}/registeredDevices and /ownedDevices",
)
class ListEntraDevices(OnEntraUser):
    """Read a user's devices."""

    def run(self, me: Me) -> Script[EntraDevices]:
        seen = yield from devices_of(me, self.user)
        enabled = tuple(each.id for each in seen if each.is_enabled)
        lines = tuple(each.says for each in seen)
        return Done(EntraDevices(seen, enabled), says=f"{len(seen)} devices", findings=lines)


class _OnDevice(Frozen):
    """An action on one device. Attributes: device: Its object id, not its device id."""

    device: str

    def __post_init__(self) -> None:
        check_guid("device", self.device)

    def seen(self, me: Me) -> Looking[EntraDevice]:
        seen = yield from _DEVICE.of(me.connection, device=self.device)
        if not seen.id:
            raise GuardRefusedError(
                f"there is no device {self.device}", do="take it of entra.list_devices"
            )
        return seen

    def switched(
        self, me: Me, device: EntraDevice, *, on: bool, **words: Any
    ) -> Generator[Any, Any, None]:
        verb = "enable" if on else "disable"
        hands: Api[None] | Person[None] = Person(
            steps=(f"Open the device {device.name}. Choose {verb.capitalize()}.",),
            link=f"{_PAGE}{device.id}",
            look_for="I see the change, and go on by myself.",
            task=f"entra.{verb}_device",
            about={"device": device.id},
            answer=None,
        )
        if device.system == _BY_API:
            body = about("device", accountEnabled=on)
            hands = Api(ask(me, "PATCH", "devices", device.id, body=body), no_answer)
        yield from change(
            me,
            _DEVICE,
            device,
            lambda now: replace(now, is_enabled=on),
            hands,
            ids={"device": device.id},
            says=f"{verb} the device {device.name}",
            verb=verb,
            target=device.name,
            foretold=None,
            repeatable=True,  # PATCH to the same value.
            **words,
        )


@action(
    "entra.disable_device",
    effect=Effect.DESTROYS,
    output=EntraDevice,
    source="Microsoft Graph v1.0, PATCH /devices/{id}",
)
class DisableEntraDevice(_OnDevice):
    """Keep a device from signing anybody in. What is no Windows device a person disables."""

    def run(self, me: Me) -> Script[EntraDevice]:
        device = yield from self.seen(me)
        if not device.is_enabled:
            return Done(device, says=f"{device.name} is disabled already")
        listed = yield from _OWNERS.of(me.connection, device=self.device)
        seen = yield from gather(ENTRA_USER.of(me.connection, user=each.id) for each in listed)
        owners = [each for each in seen if each.id]  # What is no user has no address either.
        for each in owners:
            spare_entra_user(me, each, "disable the device of")
        names = ", ".join(each.login for each in owners) or "nobody that is named"
        yield from self.switched(
            me,
            device,
            on=False,
            effect=Effect.DESTROYS,
            undo=Undo("entra.enable_device", {"device": device.id}),
            breaks=f"Nobody signs in with {device.name}; its owners: {names}.",
        )
        return Done(replace(device, is_enabled=False), says=f"{device.name} is disabled")


@action(
    "entra.enable_device",
    effect=Effect.WRITES,
    output=EntraDevice,
    source="Microsoft Graph v1.0, PATCH /devices/{id}",
)
class EnableEntraDevice(_OnDevice):
    """Let a disabled device sign people in again."""

    def run(self, me: Me) -> Script[EntraDevice]:
        device = yield from self.seen(me)
        if device.is_enabled:
            return Done(device, says=f"{device.name} is enabled already")
        yield from self.switched(me, device, on=True, effect=Effect.WRITES)
        return Done(replace(device, is_enabled=True), says=f"{device.name} is enabled")


ACTIONS: tuple[type, ...] = (ListEntraDevices, DisableEntraDevice, EnableEntraDevice)
