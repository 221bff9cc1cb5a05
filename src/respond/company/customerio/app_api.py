"""The App API: one workspace a key, Bearer, errors in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.customerio import data, tokens
from respond.company.customerio.account import ActingAs
from respond.company.customerio.routes import CioCall, Route, RouteTable
from respond.company.exchange import RefusalError, SimReply, as_json

if TYPE_CHECKING:
    from respond.company.customerio.account import CioAccount
    from respond.company.customerio.rows import ReportingWebhook
    from respond.company.exchange import SimRequest

SEND = ("v1", "send", "email")


def _ip_addresses(_: CioCall) -> SimReply:
    return as_json({"ip_addresses": ["203.0.113.10", "203.0.113.11"]})


def _workspaces(call: CioCall) -> SimReply:
    rows = [data.workspace_row(call.account, number) for number in call.account.state.environments]
    return as_json({"workspaces": rows})


def _exports(call: CioCall) -> SimReply:
    found = data.exports_of(call.account, call.number("environment_id"))
    return as_json({"exports": [export.shown() for export in found]})


def _export(call: CioCall) -> SimReply:
    found = data.find_export(call.account, call.number("environment_id"), call.number("id"))
    return as_json({"export": found.shown()})


def _download(call: CioCall) -> SimReply:
    found = data.find_export(call.account, call.number("environment_id"), call.number("id"))
    return as_json({"url": data.download_export(call.account, call.actor, found)})


def _webhook(call: CioCall) -> ReportingWebhook:
    return data.find_webhook(call.account, call.number("environment_id"), call.number("id"))


def _webhooks(call: CioCall) -> SimReply:
    found = data.webhooks_of(call.account, call.number("environment_id"))
    return as_json({"reporting_webhooks": [hook.shown() for hook in found]})


def _get_webhook(call: CioCall) -> SimReply:
    return as_json(_webhook(call).shown())


def _put_webhook(call: CioCall) -> SimReply:
    hook = _webhook(call)
    data.change_webhook(call.account, call.actor, hook, call.request.json_object())
    return as_json(hook.shown())


def _senders(_: CioCall) -> SimReply:
    sender = {
        "id": 1,
        "deduplicate_id": "1:1700000000",
        "name": "Security",
        "email": "security@example.com",
        "address": '"Security" <security@example.com>',
        "template_type": "email",
        "auto_generated": False,
    }
    return as_json({"sender_identities": [sender]})


def _send(call: CioCall) -> SimReply:
    fields = call.request.json_object()
    sent = data.send_email(call.account, call.actor, call.number("environment_id"), fields)
    return as_json({"delivery_id": sent.delivery_id, "queued_at": sent.queued_at})


def _message(call: CioCall) -> SimReply:
    for sent in call.account.state.sent:
        if sent.delivery_id == call.ids["id"]:
            shown = {"id": sent.delivery_id, "subject": sent.subject, "recipient": sent.to[0]}
            return as_json({"message": shown | {"metrics": {"sent": sent.queued_at}}})
    raise RefusalError(404, "not found")


ROUTES = RouteTable(
    (
        Route("GET", "/v1/info/ip_addresses", "List IP addresses", _ip_addresses),
        Route("GET", "/v1/workspaces", "List workspaces", _workspaces),
        Route("GET", "/v1/exports", "List exports", _exports),
        Route("GET", "/v1/exports/{id}", "Get an export", _export),
        Route("GET", "/v1/exports/{id}/download", "Download an export", _download),
        Route("GET", "/v1/reporting_webhooks", "List reporting webhooks", _webhooks),
        Route("GET", "/v1/reporting_webhooks/{id}", "Get a reporting webhook", _get_webhook),
        Route("PUT", "/v1/reporting_webhooks/{id}", "Update a webhook", _put_webhook),
        Route("GET", "/v1/sender_identities", "List sender identities", _senders),
        Route("GET", "/v1/messages/{id}", "Get a message", _message),
        Route("POST", "/v1/send/email", "Send a transactional email", _send),
    )
)


def serve(account: CioAccount, request: SimRequest) -> SimReply:
    """Answer one App API request.

    Raises:
        RefusalError: in all the ways that the vendor says no.
    """
    environment_id, actor = _caller(account, request)
    wait_s = account.settings.app_calls.take(account.clock.now())
    if wait_s is not None:
        body = {"errors": [{"detail": "rate limit exceeded", "status": 429}]}
        return as_json(body, 429, ("Retry-After", str(wait_s)))
    found = ROUTES.find(request.method, request.parts, guess_routes=True)
    if found is None:
        raise RefusalError(404, "not found")
    route, ids = found
    return route.handler(
        CioCall(account, request, actor, ids | {"environment_id": str(environment_id)}, {})
    )


def _caller(account: CioAccount, request: SimRequest) -> tuple[int, ActingAs]:
    """The workspace that the credential opens, and who it is."""
    if request.surface.partition("/")[0] != account.state.region:
        raise RefusalError(401, "unauthorized")
    for key in account.state.app_keys:
        if key.value == request.bearer() and account.works(key.revoked_at):
            if key.scopes is not None and request.parts[1] not in key.scopes:
                raise RefusalError(403, "this key lacks the scope")
            return key.environment_id, ActingAs("api", ip=request.peer)
    return _raw_token_caller(account, request)


def _raw_token_caller(account: CioAccount, request: SimRequest) -> tuple[int, ActingAs]:
    """Sends, and nothing else, also take a raw service account token with a workspace."""
    found = tokens.token_by_value(account, request.bearer())
    workspace = request.header("x-workspace-id")
    if found is None or request.parts != SEND or not workspace.isdecimal():
        raise RefusalError(401, "unauthorized")
    account.environment(int(workspace))
    return int(workspace), ActingAs("api", service_account_id=found[0].id, ip=request.peer)
