"""Cloudflare at work. Source: Cloudflare API v4 reference."""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {"cloudflare/api": "https://api.cloudflare.com"}

# Ids have the form of a secret: a runbook takes them of a step before.
_SEEN = {
    "mallory": ("cloudflare.find_member", {"email": "story.compromised"}),
    "jean": ("cloudflare.find_member", {"email": "story.lost_2fa"}),
}
_MALLORY = {"member": "${{ mallory.id }}"}
_JEAN = {"member": "${{ jean.id }}"}
_BOT = {"token": "${{ bot.token }}"}
_TRIED = ("cloudflare.test_token", {"value": "${{ inputs.leaked }}"})
_LEAKED = {"leaked": "story.cloudflare_leaked"}
_USER = {"user": "story.cloudflare_access_mallory"}
_SINK = {"sink": "vault:vault:kv/cio/cloudflare#value"}


def _of_mallory(name: str, **more: Any) -> Example:
    return Example(f"cloudflare.{name}", _MALLORY, earlier=_SEEN, **more)


def _of_the_bot(name: str, given: dict[str, str] | None = None, **more: Any) -> Example:
    """On the token whose secret has leaked."""
    given = {**_BOT, **(given or {})}
    earlier = {"bot": _TRIED}
    return Example(f"cloudflare.{name}", given, earlier=earlier, secrets=_LEAKED, **more)


EXAMPLES = (
    Example("cloudflare.find_member", {"email": "story.compromised"}),
    Example("cloudflare.find_member", {"email": "nobody@example.com"}),
    Example("cloudflare.list_admins"),
    _of_mallory("list_groups"),
    _of_mallory("restrict_member", undo="cloudflare.set_member_rights"),
    _of_mallory("remove_admin_rights", undo="cloudflare.set_member_rights"),
    _of_mallory("remove_member", undo="cloudflare.add_member"),
    Example(
        "cloudflare.add_member",
        {"email": "new@example.com", "roles": "${{ jean.roles.map(role, role.id) }}"},
        earlier=_SEEN,
        undo="cloudflare.cancel_invitation",
    ),
    Example(
        "cloudflare.give_super_admin", _JEAN, earlier=_SEEN, undo="cloudflare.set_member_rights"
    ),
    Example(
        "cloudflare.leave_group",
        {**_MALLORY, "group": "${{ groups.groups[0].id }}"},
        earlier={**_SEEN, "groups": ("cloudflare.list_groups", _MALLORY)},
        undo="cloudflare.join_group",
    ),
    Example("cloudflare.list_tokens"),
    _of_the_bot("disable_token", undo="cloudflare.enable_token"),
    _of_the_bot("roll_token", _SINK),
    _of_the_bot("delete_token"),
    Example(*_TRIED, secrets=_LEAKED),
    Example("cloudflare.find_access_user", {"email": "story.compromised"}),
    Example("cloudflare.revoke_access_sessions", _USER),
    Example("cloudflare.delete_access_factor", {**_USER, "factor": "story.cloudflare_factor"}),
    Example("cloudflare.who_is_in_app", {"app": "Wiki"}),
    _of_mallory("read_log"),
    _of_mallory("list_left_behind"),
)

_A = "/client/v4/accounts/{cloudflare_account}"


def _asked(method: str, path: str, status: int = 200, *, key: str = "cloudflare_token") -> Any:
    headers = {"Authorization": f"Bearer {{{key}}}"}
    return BareRequest(method, "cloudflare", path, headers, None, status)


ASKED = (
    _asked("GET", f"{_A}/tokens/verify"),
    _asked("GET", f"{_A}/tokens/verify", 401, key="cloudflare_user_token"),
    _asked("GET", "/client/v4/user/tokens/verify", key="cloudflare_user_token"),
    _asked("GET", "/client/v4/user", key="cloudflare_user_token"),
    _asked("GET", "/client/v4/user", 403),
    _asked("GET", f"{_A}/members/00000000000000000000000000000000", 404),
    _asked("GET", f"{_A}/nothing", 404),
    _asked("PUT", f"{_A}/members", 405),
)
UNASKED: dict[str, str] = {}
