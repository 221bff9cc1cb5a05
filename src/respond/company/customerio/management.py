"""The routes of the management host: the API behind the vendor's web application.

A handler reads its arguments, calls one operation, and shows the outcome. Which wrapper a
body has is the vendor's habit; for routes marked as a guess it is ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from respond.company.customerio import api_keys, bodies, data, team
from respond.company.customerio.account import ActingAs, CioAccount, CioCall, Route
from respond.company.customerio.rows import shown
from respond.company.exchange import Json, SimReply, as_json, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from respond.company.simulated_rest import Row


Handler: TypeAlias = "Callable[[CioAccount, CioCall], SimReply | Json]"


def _all(table: str, name: str) -> Handler:
    return lambda cio, call: {name: [shown(table, row) for row in cio.rows(table, **call.ids)]}


def _one(table: str, name: str) -> Handler:
    return lambda cio, call: {name: shown(table, cio.row(table, **call.ids))}


def _new_key(table: str) -> Handler:
    kind = api_keys.KINDS[table]

    def create(cio: CioAccount, call: CioCall) -> SimReply:
        wanted = call.body.get(kind.wrapper, {})
        key = api_keys.create(cio, call.actor, table, call.ids, **wanted)
        return as_json({kind.wrapper: shown(table, key) | {kind.shown_as: key.value}}, 201)

    return create


def _no_key(table: str) -> Handler:
    def revoke(cio: CioAccount, call: CioCall) -> SimReply:
        api_keys.revoke(cio, call.actor, table, cio.row(table, **call.ids))
        return nothing()

    return revoke


def _current_account(cio: CioAccount, _: CioCall) -> Json:
    state = cio.state
    row = {"id": state.account_id, "name": state.name, "data_center": state.region}
    return {"account": row | {"environment_ids": list(state.environments)}}


def _environments(cio: CioAccount, _: CioCall) -> Json:
    rows = [{"id": number, "name": name} for number, name in cio.state.environments.items()]
    return {"environments": rows}


def _users(cio: CioAccount, call: CioCall) -> Json:
    """A page of the list; the caller may ask for less than the largest page, not for more."""
    limit = min(max(call.request.number("limit", 50), 1), cio.settings.page_size_max)
    page = max(call.request.number("page", 1), 1)
    rows = [shown("members", member) for member in cio.listed()]
    return {
        "users": rows[(page - 1) * limit : page * limit],
        "page": page,
        "limit": limit,
        "total": len(rows),
        "total_pages": -(-len(rows) // limit),
    }


def _create_user(cio: CioAccount, call: CioCall) -> SimReply:
    member = team.add_member(cio, call.actor, call.body["user"])
    return as_json({"user": shown("members", member)}, 201)


def _update_user(cio: CioAccount, call: CioCall) -> Json:
    member = cio.row("members", **call.ids)
    team.change_roles(cio, call.actor, member, call.body["user"])
    return {"user": shown("members", member)}


def _about_user(operation: Callable[[CioAccount, ActingAs, Row], None]) -> Handler:
    def act(cio: CioAccount, call: CioCall) -> SimReply:
        operation(cio, call.actor, cio.row("members", **call.ids))
        return nothing()

    return act


def _audit_logs(cio: CioAccount, call: CioCall) -> Json:
    return data.audit_page(cio.rows("audit", **call.ids), call.request)


def _sso(cio: CioAccount, _: CioCall) -> Json:
    return {"sso_configuration": cio.state.sso}


def _put_webhook(cio: CioAccount, call: CioCall) -> Json:
    hook = cio.row("webhooks", **call.ids)
    data.change_webhook(cio, call.actor, hook, call.body["webhook_configuration"])
    return {"webhook_configuration": shown("webhooks", hook)}


def _put_source(cio: CioAccount, call: CioCall) -> Json:
    place, number = call.ids.values()
    source, wanted = cio.row("sources", environment_id=place, id=number), call.body["source"]
    if "enabled" in wanted:
        api_keys.switch_source(cio, call.actor, source, enabled=wanted["enabled"])
    return {"source": shown("sources", source)}


def _service_accounts(cio: CioAccount, _: CioCall) -> Json:
    rows = []
    for owner in cio.rows("service_accounts"):
        tokens = [shown("tokens", row) for row in cio.rows("tokens", service_account_id=owner.id)]
        rows.append(shown("service_accounts", owner) | {"tokens": tokens})
    return {"service_accounts": rows}


_ACCOUNT = "v1/accounts/{account_id}"
_USERS = f"{_ACCOUNT}/users"
_USER = f"{_USERS}/{{user_id}}"
_SERVICE_ACCOUNTS = f"{_ACCOUNT}/service_accounts"
_TOKENS = f"{_SERVICE_ACCOUNTS}/{{service_account_id}}/tokens"
_ENVIRONMENT = "v1/environments/{environment_id}"
_APP_KEYS = f"{_ENVIRONMENT}/ext_api_keys"
_TRACK_KEYS = f"{_ENVIRONMENT}/site_ids"
_HOOKS = f"{_ENVIRONMENT}/webhook_configurations"
_HOOK = f"{_HOOKS}/{{id}}"
_SOURCES = "cdp/api/workspaces/{workspace_id}/sources"
_SOURCE = f"{_SOURCES}/{{source_id}}"
_WRITE_KEYS = f"{_SOURCE}/api_keys"

_KNOWN = {
    "GET v1/accounts/current": Route("Get the current account", _current_account),
    f"GET {_ACCOUNT}/environments": Route("List environments", _environments),
    f"GET {_USERS}": Route("List team members", _users),
    f"GET {_ACCOUNT}/audit_logs": Route("List account audit logs", _audit_logs, admin=True),
    f"GET {_ACCOUNT}/sso_configuration": Route("Get SSO configuration", _sso),
    f"GET {_ENVIRONMENT}/audit_logs": Route("List environment audit logs", _audit_logs),
    f"GET {_ENVIRONMENT}/audit_log/{{id}}": Route(
        "Get an audit log entry", _one("audit", "audit_log")
    ),
    f"GET {_ENVIRONMENT}/exports": Route("List exports", _all("exports", "exports")),
    f"GET {_APP_KEYS}": Route("List App API keys", _all("app_keys", "ext_api_keys")),
    f"POST {_APP_KEYS}": Route("Create an App API key", _new_key("app_keys"), bodies.APP_KEY),
    f"GET {_TRACK_KEYS}": Route("List Track API keys", _all("track_keys", "site_ids")),
    f"GET {_HOOKS}": Route("List reporting webhooks", _all("webhooks", "webhook_configurations")),
    f"GET {_HOOK}": Route("Get a reporting webhook", _one("webhooks", "webhook_configuration")),
    f"PUT {_HOOK}": Route("Update a reporting webhook", _put_webhook, bodies.WEBHOOK),
    f"GET {_SOURCES}": Route("List sources", _all("sources", "sources")),
    f"GET {_WRITE_KEYS}": Route("List write keys of a source", _all("write_keys", "api_keys")),
    f"POST {_WRITE_KEYS}": Route("Create a write key for a source", _new_key("write_keys")),
}

# Nobody has confirmed that the vendor has these.
_GUESSED = {
    f"POST {_USERS}": Route("Add a team member", _create_user, bodies.NEW_USER, admin=True),
    f"PUT {_USER}": Route("Update a team member's roles", _update_user, bodies.USER, admin=True),
    f"DELETE {_USER}": Route("Remove a team member", _about_user(team.remove_member), admin=True),
    f"POST {_USER}/resend_invitation": Route(
        "Resend an invitation", _about_user(team.send_invitation), admin=True
    ),
    f"DELETE {_APP_KEYS}/{{id}}": Route("Delete an App API key", _no_key("app_keys")),
    f"POST {_TRACK_KEYS}": Route(
        "Create a Track API key", _new_key("track_keys"), bodies.TRACK_KEY
    ),
    f"DELETE {_TRACK_KEYS}/{{id}}": Route("Delete a Track API key", _no_key("track_keys")),
    f"PUT {_SOURCE}": Route("Update a source", _put_source, bodies.SOURCE),
    f"DELETE {_WRITE_KEYS}/{{id}}": Route("Delete a write key of a source", _no_key("write_keys")),
    f"GET {_SERVICE_ACCOUNTS}": Route("List service accounts", _service_accounts, admin=True),
    f"POST {_TOKENS}": Route(
        "Create a service account token", _new_key("tokens"), bodies.TOKEN, admin=True
    ),
    f"DELETE {_TOKENS}/{{token_id}}": Route(
        "Revoke a service account token", _no_key("tokens"), admin=True
    ),
}

ROUTES = _KNOWN | {name: replace(route, guess=True) for name, route in _GUESSED.items()}
