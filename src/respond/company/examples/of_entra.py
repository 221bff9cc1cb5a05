"""Entra at work. Source: Microsoft Graph v1.0, description and reference."""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {
    "entra/graph": "https://graph.microsoft.com",
    "entra/login": "https://login.microsoftonline.com",
}

_MALLORY = {"user": "story.entra_mallory"}
_JEAN = {"user": "story.entra_jean"}
_BEN = {"user": "story.entra_ben"}
_APP = {"app": "story.entra_app"}
_CRM = {"app": "story.entra_crm_app"}
_SINK = {"sink": "vault:vault:kv/cio/entra#value"}
_RULE = {**_MALLORY, "rule": "story.entra_rule"}
_USER_ADMIN = {"role": "fe930be7-5e62-47db-91af-98c3a49a38b1"}
_OLD = {"old": "story.entra_old_secret"}
_PROVED = {**_CRM, "value": "${{ inputs.old }}"}

EXAMPLES = (
    Example("entra.find_user", {"email": "story.compromised"}),
    Example("entra.find_user", {"email": "nobody@example.com"}),
    Example("entra.disable_user", _MALLORY, undo="entra.enable_user"),
    Example("entra.revoke_sessions", _MALLORY),
    Example("entra.reset_password", _MALLORY),
    Example("entra.list_auth_methods", _JEAN),
    Example("entra.delete_auth_method", {**_JEAN, "method": "story.entra_method"}),
    Example("entra.reset_auth_methods", _JEAN),
    Example(
        "entra.create_temporary_access_pass",
        {**_JEAN, **_SINK},
        undo="entra.revoke_temporary_access_pass",
    ),
    Example("entra.list_admins"),
    Example("entra.remove_role", _MALLORY, undo="entra.assign_role"),
    Example("entra.assign_role", {**_JEAN, **_USER_ADMIN}, undo="entra.remove_role"),
    Example("entra.revoke_consents", _MALLORY, undo="entra.grant_consent"),
    Example("entra.find_app", {"name": "Customer.io"}),
    Example("entra.who_has_app", _APP),
    Example("entra.unassign_app", {**_MALLORY, **_APP}, undo="entra.assign_app"),
    Example("entra.assign_app", {**_BEN, **_APP}),
    Example("entra.list_devices", _MALLORY),
    Example("entra.disable_device", {"device": "story.entra_device"}, undo="entra.enable_device"),
    Example("entra.disable_device", {"device": "story.entra_phone"}),
    Example("entra.list_inbox_rules", _MALLORY),
    Example("entra.disable_inbox_rule", _RULE, undo="entra.enable_inbox_rule"),
    Example("entra.list_app_secrets", _CRM),
    Example("entra.add_app_secret", {**_CRM, **_SINK}, undo="entra.remove_app_secret"),
    Example("entra.prove_app_secret", _PROVED, secrets=_OLD),
    Example("entra.disable_app", {"app": "story.entra_crm"}, undo="entra.enable_app"),
    Example("entra.read_sign_ins", _MALLORY),
    Example("entra.read_app_changes"),
    Example("entra.list_left_behind", _MALLORY),
)

_KEY = {"Authorization": "Bearer {entra_token}"}


def _asked(method: str, path: str, body: Any = None, status: int = 200) -> BareRequest:
    return BareRequest(method, "entra/graph", path, _KEY, body, status)


_METHODS = "/v1.0/users/{entra_jean}/authentication/methods"

ASKED = (
    _asked("GET", "/v1.0/servicePrincipals/{entra_app}/appRoleAssignments"),
    _asked("GET", "/v1.0/oauth2PermissionGrants?$top=1"),
    _asked("GET", "/v1.0/devices?$top=1"),
    _asked("GET", "/v1.0/groups/{entra_group}/members"),
    _asked(
        "POST",
        "/v1.0/servicePrincipals/{entra_crm}/microsoft.graph.removePassword",
        {"keyId": "20bf7e2b-c05c-4c5e-b8c2-0f6fb7cf0d90"},
        400,
    ),
    _asked("POST", f"{_METHODS}/x/microsoft.graph.resetPassword", {}, 403),
    _asked("POST", "/v1.0/users/{entra_mallory}/revokeSignInSessions"),
)
UNASKED: dict[str, str] = {}
