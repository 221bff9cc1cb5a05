"""Google Workspace at work. Source: discovery documents of the Admin SDK and of IAM."""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {
    "google/admin": "https://admin.googleapis.com",
    "google/iam": "https://iam.googleapis.com",
}

_MALLORY = {"user": "story.google_mallory"}
_JEAN = {"user": "story.google_jean"}
_BEN = {"user": "story.google_ben"}
_ROLE = {"role": "story.google_role"}
_GROUP = {"group": "story.google_group"}
_BOT = {"project": "story.google_project", "account": "story.google_bot"}
_KEY = {**_BOT, "key": "story.google_key"}
_SINK = {"sink": "vault:vault:kv/cio/google#value"}

EXAMPLES = (
    Example("google.find_user", {"email": "story.compromised"}),
    Example("google.find_user", {"email": "nobody@example.com"}),
    Example("google.suspend_user", _MALLORY, undo="google.unsuspend_user"),
    Example("google.sign_out", _MALLORY),
    Example("google.revoke_grants", _MALLORY),
    Example("google.list_factors", _MALLORY),
    Example("google.turn_off_two_step", _JEAN),
    Example("google.make_backup_codes", {**_JEAN, **_SINK}, undo="google.end_backup_codes"),
    Example("google.reset_password", _MALLORY),
    Example("google.set_recovery", _MALLORY, undo="google.set_recovery"),
    Example("google.list_admins"),
    Example("google.remove_role", {**_MALLORY, **_ROLE}, undo="google.assign_role"),
    Example("google.assign_role", {**_JEAN, **_ROLE}, undo="google.remove_role"),
    Example("google.leave_group", {**_MALLORY, **_GROUP}, undo="google.join_group"),
    Example("google.join_group", {**_BEN, **_GROUP}, undo="google.leave_group"),
    Example("google.read_logins", _MALLORY),
    Example("google.read_admin_log", _MALLORY),
    Example("google.list_left_behind", _MALLORY),
    Example("google.list_keys", _BOT),
    Example("google.create_key", {**_BOT, **_SINK}),
    Example("google.disable_key", _KEY, undo="google.enable_key"),
    Example("google.delete_key", _KEY, earlier={"off": ("google.disable_key", _KEY)}),
)

_SHOWN = {"Authorization": "Bearer {google_token}"}


def _asked(method: str, path: str, body: Any = None, status: int = 200) -> BareRequest:
    return BareRequest(method, "google/admin", path, _SHOWN, body, status)


_DIR = "/admin/directory/v1"

ASKED = (
    _asked("GET", f"{_DIR}/users?customer=my_customer&maxResults=1"),
    _asked("GET", f"{_DIR}/customer/my_customer/roles?maxResults=1"),
    _asked("GET", "/admin/reports/v1/activity/users/all/applications/login?maxResults=1"),
    _asked("GET", f"{_DIR}/groups/{{google_group}}/members?maxResults=1"),
    _asked("GET", f"{_DIR}/users/100000000000000000000", status=404),
)
UNASKED: dict[str, str] = {}
