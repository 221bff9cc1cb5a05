"""Okta at work. Source: Okta Management API and OAuth 2.0 API, descriptions of 2026.06.3."""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {"okta/http": "https://subdomain.okta.com"}
PARTS = ("/oauth2/v1", "/.well-known")

_MALLORY = {"user": "story.okta_mallory"}
_JEAN = {"user": "story.okta_jean"}
_APP = {"app": "story.okta_app"}
_SINK = {"sink": "vault:vault:kv/cio/okta#value"}
_BEN = {"user": "story.okta_ben"}
_CONFINED = {"type": "USER_ADMIN", "groups": ["story.okta_group"], "apps": ["customerio"]}
_ZONE = {"token": "story.okta_deploy_bot", "include": ["nzonkw1sfwwiH9Hxt1d7"]}
_TAKEN = {"off": ("okta.unassign_app", {**_MALLORY, **_APP})}
_MADE = {"new": ("okta.rotate_client_secret", {**_APP, **_SINK})}

EXAMPLES = (
    Example("okta.find_user", {"email": "story.compromised"}),
    Example("okta.find_user", {"email": "nobody@example.com"}),
    Example("okta.suspend_user", _MALLORY, undo="okta.unsuspend_user"),
    Example("okta.revoke_sessions", _MALLORY),
    Example("okta.sign_out_everywhere", _MALLORY),
    Example("okta.revoke_grants", _MALLORY),
    Example("okta.list_factors", _JEAN),
    Example("okta.delete_factor", {**_JEAN, "factor": "story.okta_factor"}),
    Example("okta.reset_all_factors", _JEAN),
    Example(
        "okta.create_temporary_access_code",
        {**_JEAN, **_SINK},
        undo="okta.revoke_temporary_access_code",
    ),
    Example("okta.expire_password", _MALLORY),
    Example("okta.reset_password", {**_MALLORY, **_SINK}),
    Example("okta.list_admins"),
    Example("okta.remove_role", {**_MALLORY, "role": "USER_ADMIN"}, undo="okta.add_role"),
    Example("okta.add_role", {**_JEAN, **_CONFINED}, undo="okta.remove_role"),
    Example("okta.find_app", {"label": "Customer.io"}),
    Example("okta.who_has_app", _APP),
    Example("okta.unassign_app", {**_MALLORY, **_APP}, undo="okta.assign_app"),
    Example("okta.assign_app", {**_BEN, **_APP, "profile": {"role": "Editor"}}),
    Example("okta.list_api_tokens"),
    Example("okta.confine_api_token", _ZONE, undo="okta.confine_api_token"),
    Example("okta.revoke_api_token", {"token": "story.okta_deploy_bot"}),
    Example("okta.rotate_client_secret", {**_APP, **_SINK}, undo="okta.deactivate_client_secret"),
    Example(
        "okta.deactivate_client_secret",
        {**_APP, "keep": ["${{ new.secret }}"]},
        earlier=_MADE,
        undo="okta.activate_client_secret",
    ),
    Example("okta.read_log", _MALLORY),
    Example("okta.list_left_behind", _MALLORY),
)

_KEY = {"Authorization": "SSWS {okta_token}"}


def _asked(method: str, path: str, body: Any = None, status: int = 200) -> BareRequest:
    return BareRequest(method, "okta", path, _KEY, body, status)


_ONE = "/api/v1/users/{okta_mallory}"
_SECRETS = "/api/v1/apps/{okta_app}/credentials/secrets"

ASKED = (
    _asked("GET", "/api/v1/users/me"),
    _asked("GET", "/api/v1/users?limit=1"),
    _asked("GET", "/api/v1/users/{compromised}"),
    _asked("GET", "/api/v1/apps?limit=1"),
    _asked("GET", "/api/v1/logs?limit=1"),
    _asked("GET", "/api/v1/iam/assignees/users?limit=1"),
    _asked("GET", "/api/v1/users/00u0000000nobody", status=404),
    _asked("POST", f"{_ONE}/lifecycle/unsuspend", status=403),
    _asked(
        "PUT", "/api/v1/users/{okta_ben}/roles/x/targets/catalog/apps/customerio/0oa1", None, 404
    ),
    _asked("DELETE", f"{_SECRETS}/{{okta_secret}}", status=400),
    _asked("POST", f"{_ONE}/lifecycle/deactivate"),
    _asked("DELETE", _ONE, status=204),
)
UNASKED: dict[str, str] = {}
