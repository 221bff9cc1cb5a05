"""The routes of the management host: the API behind the vendor's web application.

Each handler reads its arguments, calls one operation, and shows the outcome. Which wrapper a
body has is the vendor's habit; for routes marked as a guess it is ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from respond.company.customerio import api_keys, bodies, data, team, tokens
from respond.company.customerio.routes import CioCall, Route, RouteTable
from respond.company.exchange import Json, RefusalError, SimReply, as_json, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from respond.company.customerio.rows import Member, PipelinesSource, ReportingWebhook


def _current_account(call: CioCall) -> SimReply:
    state = call.account.state
    shown = {
        "id": state.account_id,
        "name": state.name,
        "data_center": state.region,
        "environment_ids": list(state.environments),
    }
    return as_json({"account": shown})


def _environments(call: CioCall) -> SimReply:
    rows = [
        {"id": number, "name": name} for number, name in call.account.state.environments.items()
    ]
    return as_json({"environments": rows})


def _paged(call: CioCall, name: str, rows: Sequence[Json]) -> SimReply:
    """A page of a list; the caller may ask for less than the largest page, not for more."""
    limit = min(max(call.request.number("limit", 50), 1), call.account.settings.page_size_max)
    page = max(call.request.number("page", 1), 1)
    body = {
        name: rows[(page - 1) * limit : page * limit],
        "page": page,
        "limit": limit,
        "total": len(rows),
        "total_pages": -(-len(rows) // limit),
    }
    return as_json(body)


def _users(call: CioCall) -> SimReply:
    return _paged(call, "users", [member.shown() for member in call.account.listed()])


def _member(call: CioCall) -> Member:
    return team.find_member(call.account, call.number("user_id"))


def _create_user(call: CioCall) -> SimReply:
    member = team.add_member(call.account, call.actor, call.body["user"])
    return as_json({"user": member.shown()}, 201)


def _update_user(call: CioCall) -> SimReply:
    member = _member(call)
    team.change_roles(call.account, call.actor, member, call.body["user"])
    return as_json({"user": member.shown()})


def _delete_user(call: CioCall) -> SimReply:
    team.remove_member(call.account, call.actor, _member(call))
    return nothing()


def _resend_invitation(call: CioCall) -> SimReply:
    team.send_invitation(call.account, call.actor, _member(call))
    return nothing()


def _account_audit_log(call: CioCall) -> SimReply:
    return as_json(data.audit_page(call.account.state.audit, call.request))


def _environment_audit_log(call: CioCall) -> SimReply:
    number = call.number("environment_id")
    call.account.environment(number)
    entries = [entry for entry in call.account.state.audit if entry.environment_id == number]
    return as_json(data.audit_page(entries, call.request))


def _audit_entry(call: CioCall) -> SimReply:
    place, number = call.number("environment_id"), call.number("id")
    for entry in call.account.state.audit:
        if (entry.environment_id, entry.id) == (place, number):
            return as_json({"audit_log": entry.shown()})
    raise RefusalError(404, f"audit log {number} not found")


def _sso(call: CioCall) -> SimReply:
    return as_json({"sso_configuration": call.account.state.sso})


def _exports(call: CioCall) -> SimReply:
    found = data.exports_of(call.account, call.number("environment_id"))
    return as_json({"exports": [export.shown() for export in found]})


def _app_keys(call: CioCall) -> SimReply:
    found = api_keys.live_app_keys(call.account, call.number("environment_id"))
    return as_json({"ext_api_keys": [key.shown() for key in found]})


def _create_app_key(call: CioCall) -> SimReply:
    name = call.body["ext_api_key"]["name"]
    key = api_keys.create_app_key(call.account, call.actor, call.number("environment_id"), name)
    return as_json({"ext_api_key": key.shown() | {"key": key.value}}, 201)


def _delete_app_key(call: CioCall) -> SimReply:
    key = api_keys.find_app_key(call.account, call.number("environment_id"), call.number("id"))
    api_keys.revoke_app_key(call.account, call.actor, key)
    return nothing()


def _track_keys(call: CioCall) -> SimReply:
    found = api_keys.live_track_keys(call.account, call.number("environment_id"))
    return as_json({"site_ids": [key.shown() for key in found]})


def _create_track_key(call: CioCall) -> SimReply:
    name = call.body["site_id"]["name"]
    key = api_keys.create_track_key(call.account, call.actor, call.number("environment_id"), name)
    return as_json({"site_id": key.shown() | {"api_key": key.api_key}}, 201)


def _delete_track_key(call: CioCall) -> SimReply:
    key = api_keys.find_track_key(call.account, call.number("environment_id"), call.number("id"))
    api_keys.revoke_track_key(call.account, call.actor, key)
    return nothing()


def _webhook(call: CioCall) -> ReportingWebhook:
    return data.find_webhook(call.account, call.number("environment_id"), call.number("id"))


def _webhooks(call: CioCall) -> SimReply:
    found = data.webhooks_of(call.account, call.number("environment_id"))
    return as_json({"webhook_configurations": [hook.shown() for hook in found]})


def _get_webhook(call: CioCall) -> SimReply:
    return as_json({"webhook_configuration": _webhook(call).shown()})


def _put_webhook(call: CioCall) -> SimReply:
    hook = _webhook(call)
    data.change_webhook(call.account, call.actor, hook, call.body["webhook_configuration"])
    return as_json({"webhook_configuration": hook.shown()})


def _source(call: CioCall) -> PipelinesSource:
    return api_keys.find_source(call.account, call.number("workspace_id"), call.number("source_id"))


def _sources(call: CioCall) -> SimReply:
    found = api_keys.sources_of(call.account, call.number("workspace_id"))
    return as_json({"sources": [source.shown() for source in found]})


def _put_source(call: CioCall) -> SimReply:
    source, wanted = _source(call), call.body["source"]
    if "enabled" in wanted:
        api_keys.switch_source(call.account, call.actor, source, enabled=wanted["enabled"])
    return as_json({"source": source.shown()})


def _write_keys(call: CioCall) -> SimReply:
    return as_json({"api_keys": [key.shown() for key in _source(call).api_keys]})


def _create_write_key(call: CioCall) -> SimReply:
    key = api_keys.create_write_key(call.account, call.actor, _source(call))
    return as_json({"api_key": key.shown()}, 201)


def _delete_write_key(call: CioCall) -> SimReply:
    source = _source(call)
    key = api_keys.find_write_key(source, call.number("id"))
    api_keys.delete_write_key(call.account, call.actor, source, key)
    return nothing()


def _service_accounts(call: CioCall) -> SimReply:
    rows = [found.shown() for found in call.account.state.service_accounts]
    return as_json({"service_accounts": rows})


def _create_token(call: CioCall) -> SimReply:
    owner = tokens.find_service_account(call.account, call.number("service_account_id"))
    wanted = call.body["token"]
    token = tokens.create_token(
        call.account, call.actor, owner, wanted["name"], read_only=wanted.get("read_only", False)
    )
    return as_json({"token": token.shown() | {"token": token.value}}, 201)


def _delete_token(call: CioCall) -> SimReply:
    owner = tokens.find_service_account(call.account, call.number("service_account_id"))
    token = tokens.find_token(owner, call.number("token_id"))
    tokens.revoke_token(call.account, call.actor, owner, token)
    return nothing()


_ACCOUNT = "/v1/accounts/{account_id}"
_USERS = f"{_ACCOUNT}/users"
_SERVICE_ACCOUNTS = f"{_ACCOUNT}/service_accounts"
_TOKENS = f"{_SERVICE_ACCOUNTS}/{{service_account_id}}/tokens"
_ENVIRONMENT = "/v1/environments/{environment_id}"
_APP_KEYS = f"{_ENVIRONMENT}/ext_api_keys"
_TRACK_KEYS = f"{_ENVIRONMENT}/site_ids"
_WEBHOOKS = f"{_ENVIRONMENT}/webhook_configurations"
_SOURCES = "/cdp/api/workspaces/{workspace_id}/sources"
_SOURCE = f"{_SOURCES}/{{source_id}}"

_KNOWN = (
    Route("GET", "/v1/accounts/current", "Get the current account", _current_account),
    Route("GET", f"{_ACCOUNT}/environments", "List environments", _environments),
    Route("GET", _USERS, "List team members", _users),
    Route(
        "GET", f"{_ACCOUNT}/audit_logs", "List account audit logs", _account_audit_log, admin=True
    ),
    Route("GET", f"{_ACCOUNT}/sso_configuration", "Get SSO configuration", _sso),
    Route(
        "GET", f"{_ENVIRONMENT}/audit_logs", "List environment audit logs", _environment_audit_log
    ),
    Route("GET", f"{_ENVIRONMENT}/audit_log/{{id}}", "Get an audit log entry", _audit_entry),
    Route("GET", f"{_ENVIRONMENT}/exports", "List exports", _exports),
    Route("GET", _APP_KEYS, "List App API keys", _app_keys),
    Route("POST", _APP_KEYS, "Create an App API key", _create_app_key, bodies.APP_KEY),
    Route("GET", _TRACK_KEYS, "List Track API keys", _track_keys),
    Route("GET", _WEBHOOKS, "List reporting webhooks", _webhooks),
    Route("GET", f"{_WEBHOOKS}/{{id}}", "Get a reporting webhook", _get_webhook),
    Route("PUT", f"{_WEBHOOKS}/{{id}}", "Update a reporting webhook", _put_webhook, bodies.WEBHOOK),
    Route("GET", _SOURCES, "List sources", _sources),
    Route("GET", f"{_SOURCE}/api_keys", "List write keys of a source", _write_keys),
    Route("POST", f"{_SOURCE}/api_keys", "Create a write key for a source", _create_write_key),
)


# Nobody has confirmed that the vendor has these.
_GUESSED = (
    Route("POST", _USERS, "Add a team member", _create_user, bodies.NEW_USER, admin=True),
    Route(
        "PUT",
        f"{_USERS}/{{user_id}}",
        "Update a team member's roles",
        _update_user,
        bodies.USER,
        admin=True,
    ),
    Route("DELETE", f"{_USERS}/{{user_id}}", "Remove a team member", _delete_user, admin=True),
    Route(
        "POST",
        f"{_USERS}/{{user_id}}/resend_invitation",
        "Resend an invitation",
        _resend_invitation,
        admin=True,
    ),
    Route("DELETE", f"{_APP_KEYS}/{{id}}", "Delete an App API key", _delete_app_key),
    Route("POST", _TRACK_KEYS, "Create a Track API key", _create_track_key, bodies.TRACK_KEY),
    Route("DELETE", f"{_TRACK_KEYS}/{{id}}", "Delete a Track API key", _delete_track_key),
    Route("PUT", _SOURCE, "Update a source", _put_source, bodies.SOURCE),
    Route(
        "DELETE", f"{_SOURCE}/api_keys/{{id}}", "Delete a write key of a source", _delete_write_key
    ),
    Route("GET", _SERVICE_ACCOUNTS, "List service accounts", _service_accounts, admin=True),
    Route(
        "POST", _TOKENS, "Create a service account token", _create_token, bodies.TOKEN, admin=True
    ),
    Route(
        "DELETE",
        f"{_TOKENS}/{{token_id}}",
        "Revoke a service account token",
        _delete_token,
        admin=True,
    ),
)

ROUTES = RouteTable((*_KNOWN, *(replace(route, guess=True) for route in _GUESSED)))
