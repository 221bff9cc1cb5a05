"""JumpCloud at work. Source: its Swagger files of API 1.0, API 2.0 and Directory Insights."""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {"jumpcloud/host": "https://console.jumpcloud.com"}

_MALLORY = {"user": "story.jumpcloud_mallory"}
_JEAN = {"user": "story.jumpcloud_jean"}
_BEN = {"user": "story.jumpcloud_ben"}
_APP = {"app": "story.jumpcloud_app"}
_GROUP = {"group": "story.jumpcloud_group"}
_ADMIN = {"admin": "story.jumpcloud_admin_ben"}
_PHONE = {**_JEAN, "device": "story.jumpcloud_device"}
_KEY = {"name": "work", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ben"}

EXAMPLES = (
    Example("jumpcloud.find_user", {"email": "story.compromised"}),
    Example("jumpcloud.find_user", {"email": "nobody@example.com"}),
    Example("jumpcloud.suspend_user", _MALLORY, undo="jumpcloud.restore_user"),
    Example("jumpcloud.expire_password", _MALLORY),
    Example("jumpcloud.reset_password", _MALLORY),
    Example("jumpcloud.cancel_reactivations", _MALLORY, undo="jumpcloud.plan_reactivation"),
    Example("jumpcloud.list_factors", _JEAN),
    Example("jumpcloud.deactivate_push_device", _PHONE, undo="jumpcloud.activate_push_device"),
    Example("jumpcloud.reset_mfa", _JEAN),
    Example("jumpcloud.remove_security_keys", _JEAN),
    Example(
        "jumpcloud.open_mfa_window",
        {**_JEAN, "stolen": False, "hours": 2},
        undo="jumpcloud.close_mfa_window",
    ),
    Example("jumpcloud.remove_ssh_keys", _MALLORY, undo="jumpcloud.add_ssh_key"),
    Example("jumpcloud.add_ssh_key", {**_BEN, **_KEY}),
    Example("jumpcloud.list_left_behind", _MALLORY),
    Example("jumpcloud.find_app", {"label": "Customer.io"}),
    Example("jumpcloud.who_has_app", _APP),
    Example("jumpcloud.take_app", {**_MALLORY, **_APP}, undo="jumpcloud.join_group"),
    Example("jumpcloud.give_app", {**_BEN, **_APP}, undo="jumpcloud.take_app"),
    Example("jumpcloud.leave_group", {**_MALLORY, **_GROUP}, undo="jumpcloud.join_group"),
    Example("jumpcloud.unbind_group", {**_GROUP, **_APP}, undo="jumpcloud.bind_group"),
    Example("jumpcloud.list_admins"),
    Example("jumpcloud.set_admin_role", _ADMIN, undo="jumpcloud.set_admin_role"),
    Example("jumpcloud.set_admin_api_access", {**_ADMIN, "allowed": False}),
    Example("jumpcloud.reset_admin_totp", _ADMIN),
    Example("jumpcloud.reset_admin_password", _ADMIN),
    Example("jumpcloud.suspend_admin", _ADMIN, undo="jumpcloud.restore_admin"),
    Example("jumpcloud.rotate_admin_key", _ADMIN),
    Example("jumpcloud.list_service_accounts"),
    Example(
        "jumpcloud.revoke_service_credential",
        {"account": "story.jumpcloud_account", "credential": "ac1"},
    ),
    Example("jumpcloud.read_events", _MALLORY),
)


def _asked(path: str, status: int = 200, **headers: str) -> BareRequest:
    shown = {"x-api-key": "{jumpcloud_key}", **headers}
    return BareRequest("GET", "jumpcloud", path, shown, None, status)


ASKED: tuple[Any, ...] = (
    _asked("/api/organizations"),
    _asked("/api/v2/usergroups?limit=1"),
    _asked("/api/systemusers/64b0000000000000000000ff", 404),
    _asked("/api/organizations", 400, **{"x-org-id": "x"}),
    _asked("/api/organizations", 404, **{"x-org-id": "5a00000000000000000000ff"}),
    BareRequest("GET", "jumpcloud", "/api/organizations", {"x-api-key": "jca_none"}, None, 401),
)
UNASKED: dict[str, str] = {}
