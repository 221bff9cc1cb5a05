"""Where data leaves the account: exports, reporting webhooks, transactional mail; and the log."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING

from respond.company.customerio.rows import shown
from respond.company.exchange import RefusalError
from respond.company.simulated_rest import Row

if TYPE_CHECKING:
    from respond.company.customerio.account import ActingAs, CioAccount
    from respond.company.exchange import Json, SimRequest

RECIPIENTS_MAX = 15
_WEBHOOK_FIELDS = ("name", "endpoint", "events", "disabled", "full_resolution", "with_content")


def download_export(cio: CioAccount, actor: ActingAs, export: Row) -> str:
    """A link to the file. Asking for it counts as a download, which is why nobody should."""
    export.downloads += 1
    cio.changed(
        actor,
        "export.downloaded",
        f"{export.place}/export #{export.id}",
        ("updated", "export", export.id),
        environment_id=export.environment_id,
        id=export.id,
    )
    return f"https://exports.example.com/{export.id}/people.csv"


def change_webhook(cio: CioAccount, actor: ActingAs, hook: Row, fields: Json) -> None:
    """Set the fields that are given; the same again has no effect.

    Raises:
        RefusalError: with 400, if name, endpoint or events are missing or empty.
    """
    for needed in ("name", "endpoint", "events"):
        if not fields.get(needed):
            raise RefusalError(400, f"{needed} is required")
    wanted = {name: fields[name] for name in _WEBHOOK_FIELDS if name in fields}
    if wanted.items() <= vars(hook).items():
        return
    kind = "webhook.changed"
    if wanted.get("disabled", hook.disabled) != hook.disabled:
        kind = "webhook.enabled" if hook.disabled else "webhook.disabled"
    vars(hook).update(wanted)
    cio.changed(
        actor,
        kind,
        f"{hook.place}/{hook.name} #{hook.id}",
        ("updated", "reporting_webhook", hook.id),
        environment_id=hook.environment_id,
        id=hook.id,
        disabled=hook.disabled,
    )


def send_email(cio: CioAccount, actor: ActingAs, environment_id: int, fields: Json) -> Row:
    """Queue a transactional mail. The same request again sends again.

    Raises:
        RefusalError: with 400, if a field is missing or there are too many recipients.
    """
    for needed in ("to", "identifiers", "from", "subject", "body"):
        if not fields.get(needed):
            raise RefusalError(400, f'Missing required field: "{needed}"')
    to = [part.strip() for part in str(fields["to"]).split(",") if part.strip()]
    copies = [part for name in ("cc", "bcc") for part in str(fields.get(name, "")).split(",")]
    if len(to) + len([part for part in copies if part.strip()]) > RECIPIENTS_MAX:
        raise RefusalError(400, f"Too many recipients: at most {RECIPIENTS_MAX}")
    number = cio.state.numbers.take("delivery")
    sent = Row(
        delivery_id=base64.b64encode(f"RPIy:{environment_id}:{number:08d}".encode()).decode(),
        to=to,
        sender=str(fields["from"]),
        subject=str(fields["subject"]),
        body=str(fields["body"]),
        queued_at=int(cio.clock.now()),
    )
    cio.state.sent.append(sent)
    more = {"delivery_id": sent.delivery_id, "environment_id": environment_id}
    cio.happened("email.queued", ", ".join(to), actor.by, **more)
    return sent


def audit_page(entries: list[Row], request: SimRequest) -> Json:
    """Filter, sort and cut an audit log as the query asks: newest first unless told otherwise.

    Raises:
        RefusalError: with 400, for a time that is none.
    """
    oldest_first = request.argument("sort_order") == "asc"
    kept = [entry for entry in entries if _wanted(entry, request)]
    kept.sort(key=lambda entry: entry.id, reverse=not oldest_first)
    cursor = request.number("cursor", 0)
    if cursor:
        kept = [e for e in kept if (e.id >= cursor if oldest_first else e.id <= cursor)]
    limit = min(max(request.number("limit", 50), 1), 100)
    rest = kept[limit:]
    return {
        "audit_logs": [shown("audit", entry) for entry in kept[:limit]],
        "next_cursor": rest[0].id if rest else None,
    }


def _wanted(entry: Row, request: SimRequest) -> bool:
    for name in ("user_id", "service_account_id", "ip_addr", "object_type", "object_id", "action"):
        wanted = request.argument(name)
        if wanted and str(getattr(entry, name)) != wanted:
            return False
    start, end = (_time(request.argument(name)) for name in ("start_time", "end_time"))
    return (start is None or entry.at >= start) and (end is None or entry.at <= end)


def _time(text: str) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise RefusalError(400, f"{text} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise RefusalError(400, f"{text} has no offset from UTC")
    return moment.timestamp()


def workspace_row(environment_id: int, name: str) -> Json:
    """One row of the App API's list of workspaces."""
    return {
        "id": environment_id,
        "name": name,
        "messages_sent": 100202,
        "billable_messages_sent": 75124,
        "people": 25666,
        "object_types": 4,
        "objects": 10,
    }
