"""The App API: one workspace a key, Bearer, errors in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from respond.company.customerio import data
from respond.company.customerio.account import ActingAs, CioAccount
from respond.company.customerio.rows import shown
from respond.company.exchange import Json, RefusalError
from respond.company.simulated_rest import Row

if TYPE_CHECKING:
    from respond.company.exchange import SimRequest
    from respond.company.simulated_rest import Answer, RestCall

SEND = ("v1", "send", "email")
_EXPORTS = "v1/exports"
_WEBHOOKS = "v1/reporting_webhooks"


def _one(cio: CioAccount, table: str, call: RestCall) -> Row:
    return cio.row(table, environment_id=call.key.environment_id, id=call.ids["id"])


def _rows(cio: CioAccount, table: str, call: RestCall) -> list[Row]:
    return cio.rows(table, environment_id=call.key.environment_id)


def _all(cio: CioAccount, table: str, call: RestCall) -> list[Json]:
    return [shown(table, row) for row in _rows(cio, table, call)]


def _sender(row: Row) -> Json:
    return {
        "id": row.id,
        "deduplicate_id": f"{row.id}:1700000000",
        "name": row.name,
        "email": row.email,
        "address": f'"{row.name}" <{row.email}>',
        "template_type": "email",
        "auto_generated": False,
    }


def _put_webhook(cio: CioAccount, call: RestCall) -> Json:
    hook = _one(cio, "webhooks", call)
    data.change_webhook(cio, call.key.actor, hook, call.request.json_object())
    return shown("webhooks", hook)


def _send(cio: CioAccount, call: RestCall) -> Json:
    place, fields = call.key.environment_id, call.request.json_object()
    return shown(
        "sent", data.send_email(cio, call.key.actor, place, fields), "delivery_id queued_at"
    )


def _message(cio: CioAccount, call: RestCall) -> Json:
    for sent in cio.rows("sent", delivery_id=call.ids["id"]):
        message = {"id": sent.delivery_id, "subject": sent.subject, "recipient": sent.to[0]}
        return {"message": message | {"metrics": {"sent": sent.queued_at}}}
    raise cio.no(404)


ROUTES: dict[str, Answer] = {
    "GET v1/info/ip_addresses": lambda *_: {"ip_addresses": ["203.0.113.10", "203.0.113.11"]},
    "GET v1/workspaces": lambda cio, _: {
        "workspaces": [data.workspace_row(*pair) for pair in cio.state.environments.items()]
    },
    f"GET {_EXPORTS}": lambda cio, call: {"exports": _all(cio, "exports", call)},
    f"GET {_EXPORTS}/{{id}}": lambda cio, call: {
        "export": shown("exports", _one(cio, "exports", call))
    },
    f"GET {_EXPORTS}/{{id}}/download": lambda cio, call: {
        "url": data.download_export(cio, call.key.actor, _one(cio, "exports", call))
    },
    f"GET {_WEBHOOKS}": lambda cio, call: {"reporting_webhooks": _all(cio, "webhooks", call)},
    f"GET {_WEBHOOKS}/{{id}}": lambda cio, call: shown("webhooks", _one(cio, "webhooks", call)),
    f"PUT {_WEBHOOKS}/{{id}}": _put_webhook,
    "GET v1/sender_identities": lambda cio, call: {
        "sender_identities": [_sender(row) for row in _rows(cio, "senders", call)]
    },
    "GET v1/messages/{id}": _message,
    "POST v1/send/email": _send,
}


def caller(cio: CioAccount, request: SimRequest) -> Row:
    """The workspace that the credential opens, and who it is.

    Sends, and nothing else, also take a raw service account token with a workspace.

    Raises:
        RefusalError: with 401 or 403; with 301 at the other region's host, which knows of its keys.

    Source: customerio-node#134.
    """
    if not cio.is_home(request):
        known = any(key.value == request.bearer() for key in cio.state.app_keys)
        raise RefusalError(301, "wrong datacenter") if known else cio.no(401)
    for key in cio.state.app_keys:
        if key.value == request.bearer() and cio.works(key):
            if key.scopes is not None and request.parts[1] not in key.scopes:
                raise RefusalError(403, "this key lacks the scope")
            actor = ActingAs("api", ip=request.peer)
            return Row(environment_id=key.environment_id, actor=actor, read_only=False)
    tokens, workspace = cio.rows("tokens", value=request.bearer()), request.header("x-workspace-id")
    if not tokens or request.parts != SEND or not workspace.isdecimal():
        raise cio.no(401)
    cio.environment(int(workspace))
    owner = tokens[0].service_account_id
    actor = ActingAs("api", service_account_id=owner, ip=request.peer)
    return Row(environment_id=int(workspace), actor=actor, read_only=False)
