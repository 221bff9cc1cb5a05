"""Customer.io at work, with the routes that nobody has confirmed, and by people's hands.

The published descriptions have the US hosts alone; those of the EU, where the account is, are
their twins. The management host has no published description.
"""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {
    f"customerio/{region}/{surface}": f"https://{host}"
    for region in ("us", "eu")
    for surface, host in (
        ("management", f"{region}.fly.customer.io"),
        ("app", "api.customer.io"),
        ("track", "track.customer.io"),
        ("cdp", "cdp.customer.io"),
    )
}

_SINCE = "2026-01-01T00:00:00Z"
_APP, _TRACK, _WRITE, _TOKEN = (
    "app/190001/9101",
    "track/190001/8101",
    "write/190001/31/7101",
    "sa/602/6103",
)
_LEAKED = {
    _APP: "story.leaked_app_key",
    _TRACK: "story.leaked_site_id:story.leaked_track_api_key",
    _WRITE: "story.leaked_write_key",
    _TOKEN: "story.leaked_sa_token",
}
_MALLORY, _JEAN, _KIM = "story.compromised", "story.lost_2fa", "story.invited"
_VALUE = "${{ inputs.leaked }}"
_HOOK = "webhook/190001/411"
_ROLES = {
    "account_role": "member",
    "billing": False,
    "api_credentials": False,
    "support_access": False,
    "environment_roles": [{"environment": "190001", "role": "workspace_admin"}],
}


def _member(email: str) -> dict[str, tuple[str, dict[str, Any]]]:
    return {"member": ("customerio.find_member", {"email": email})}


def _of_each_kind(action: str, **more: Any) -> tuple[Example, ...]:
    """The same with a key of each kind, its value known."""
    return tuple(
        Example(action, {"key": key, "value": _VALUE, **more}, secrets={"leaked": value})
        for key, value in _LEAKED.items()
    )


EXAMPLES = (
    *(
        Example("customerio.identify_key", {"value": _VALUE}, secrets={"leaked": value})
        for value in _LEAKED.values()
    ),
    Example("customerio.identify_key", {"name": "backend-prod"}),
    *_of_each_kind("customerio.probe_key", expect="alive"),
    *_of_each_kind("customerio.revoke_key"),
    Example("customerio.revoke_key", {"key": _APP}, by_hand=True),
    *(Example("customerio.create_key", {"like": key, "name": "new-one"}) for key in _LEAKED),
    Example(
        "customerio.create_key",
        {"like": _APP, "name": "new-one"},
        undo="customerio.remove_made_key",
    ),
    Example("customerio.list_keys"),
    Example("customerio.choose_keys"),
    Example("customerio.read_job", {"email": _MALLORY, "job": "member"}),
    Example("customerio.list_suspect_keys", {"since": _SINCE, "like": _APP}),
    Example("customerio.list_left_behind", {"since": _SINCE, "key": _APP}),
    Example("customerio.list_exports", {"since": _SINCE}),
    Example("customerio.read_audit_log", {"since": _SINCE}),
    Example("customerio.read_sso"),
    Example("customerio.list_webhooks", {"since": _SINCE}),
    Example("customerio.disable_webhook", {"webhook": _HOOK}),
    Example(
        "customerio.enable_webhook",
        {"webhook": _HOOK},
        earlier={"off": ("customerio.disable_webhook", {"webhook": _HOOK})},
    ),
    Example("customerio.disable_source", {"key": _WRITE}),
    Example(
        "customerio.enable_source",
        {"key": _WRITE},
        earlier={"off": ("customerio.disable_source", {"key": _WRITE})},
    ),
    Example("customerio.find_member", {"email": _JEAN}),
    Example("customerio.list_admins", {}),
    Example("customerio.add_member", {"email": "new@example.com", "roles": _ROLES}),
    Example("customerio.set_member_role", {"email": _MALLORY}),
    Example("customerio.remove_member", {"email": _MALLORY}),
    Example(
        "customerio.await_member",
        {"email": _KIM},
        before=(("customerio.accept_invitation", {"email": _KIM}),),
    ),
    Example(
        "customerio.list_member_keys",
        {"member": "${{ member.id }}", "email": _MALLORY, "since": _SINCE},
        earlier=_member(_MALLORY),
    ),
    Example(
        "customerio.list_exposed_keys",
        {"member": "${{ member.id }}", "email": _MALLORY},
        earlier=_member(_MALLORY),
    ),
    Example("customerio.end_sessions"),
    Example(
        "customerio.restore_session_length",
        earlier={"ended": ("customerio.end_sessions", {})},
    ),
    Example("customerio.review_members"),
    Example("customerio.review_sign_ins"),
    Example("customerio.review_service_accounts"),
    Example("customerio.list_team"),
    Example("customerio.review_sso"),
    Example("customerio.review_exports"),
    Example("customerio.review_addresses"),
)

_KEY = {"Authorization": "Bearer {app_key}"}
_CHANGED = {"name": "Metrics", "endpoint": "https://x.example", "events": ["email_sent"]}
_MAIL = {"identifiers": {"email": "a@example.com"}, "from": "f", "subject": "s", "body": "b"}


def _app(method: str, path: str, body: Any = None, status: int = 200) -> BareRequest:
    return BareRequest(method, "customerio/eu/app", path, _KEY, body, status)


ASKED = (
    _app("GET", "/v1/info/ip_addresses"),
    _app("GET", "/v1/workspaces"),
    _app("GET", "/v1/exports"),
    _app("GET", "/v1/exports/110"),
    _app("GET", "/v1/exports/110/download"),
    _app("GET", "/v1/reporting_webhooks"),
    _app("GET", "/v1/reporting_webhooks/{attacker_webhook_id}"),
    _app("PUT", "/v1/reporting_webhooks/{attacker_webhook_id}", {**_CHANGED, "disabled": True}),
    _app("GET", "/v1/sender_identities"),
    _app("POST", "/v1/send/email", {**_MAIL, "to": "a@example.com"}),
    _app("GET", "/v1/messages/{last[delivery_id]}"),
    _app("POST", "/v1/send/email", _MAIL, 400),
    *(
        BareRequest(
            "GET",
            f"customerio/{region}/track",
            "/api/v1/accounts/region",
            {"Authorization": "Basic {leaked_site_id}:{leaked_track_api_key}"},
        )
        for region in ("us", "eu")
    ),
    BareRequest(
        "POST",
        "customerio/eu/cdp",
        "/v1/identify",
        {"Authorization": "Basic {leaked_write_key}:"},
        {"userId": "a", "traits": {"plan": "b"}},
    ),
)
UNASKED = {
    "GET /v1/accounts/current": "respond connect and doctor find the account with it; an example"
    " says which account it is",
    "GET /v1/environments/{environment_id}/audit_log/{id}": "the list has all that an action reads",
    "GET /v1/environments/{environment_id}/webhook_configurations/{id}": "only where no App API key"
    " is connected; one is, and the App API is what its vendor describes",
    "PUT /v1/environments/{environment_id}/webhook_configurations/{id}": "the same",
    "POST /v1/accounts/{account_id}/users/{user_id}/resend_invitation": "people do it by hand",
}
