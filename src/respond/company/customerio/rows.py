"""What a simulated Customer.io account holds, and which fields lists show of it.

Field names of people and audit entries are not published by the vendor; they stand here as our
best reading, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from respond.company.mint import hint
from respond.company.simulated_rest import Row

if TYPE_CHECKING:
    from respond.company.exchange import Json

PERMISSIONS = ("billing", "api_credentials", "support_access")

SHOWN = {
    "members": "id email first_name last_name account_role permissions environment_roles"
    " two_factor_enabled last_login_at invited created_at",
    "app_keys": "id name hint created_at created_by",
    "track_keys": "id name site_id api_key_hint=hint created_at",
    "sources": "id name slug enabled",
    # Anyone who may read this list reads the whole value.
    "write_keys": "id api_key=value",
    "service_accounts": "id name role",
    "tokens": "id name hint read_only created_at",
    "exports": "id user_id user_email total deduplicate_id type failed status description"
    " downloads created_at updated_at",
    "webhooks": "id name endpoint disabled events full_resolution with_content",
    "audit": "id timestamp action object_type object_id user_id service_account_id ip_addr"
    " environment_id",
}
"""By table; ``api_key=value`` is the row's value under another name."""


def shown(table: str, row: Row, words: str = "") -> Json:
    """A row as lists show it, or these fields of it."""
    wanted = (words or SHOWN[table]).split()
    return {word.partition("=")[0]: getattr(row, word.rpartition("=")[2]) for word in wanted}


def member_row(
    number: int, email: str, first: str, last: str, role: str, created_at: int, **more: Any
) -> Row:
    """A team member, invited or accepted.

    ``environment_roles`` has for each workspace ``environment_id`` and ``role`` or ``role_id``.
    ``gone_at`` is when the removal was asked for; lists show the member a while longer.
    """
    fields: Json = {
        "environment_roles": [],
        "two_factor_enabled": True,
        "last_login_at": None,
        "invited": False,
        "gone_at": None,
        **more,
        "permissions": dict.fromkeys(PERMISSIONS, False) | more.get("permissions", {}),
    }
    names = {"first_name": first, "last_name": last, "account_role": role}
    return Row(id=number, email=email, **names, created_at=created_at, **fields)


def key_row(number: int, name: str, value: str, **more: Any) -> Row:
    """A key of any kind; one that is gone keeps its row and its time.

    ``title`` is what histories call it. An App API key with ``scopes`` gets 403 elsewhere.
    """
    fields = {"environment_id": None, "scopes": None, "gone_at": None, **more}
    if "site_id" in fields:
        fields["site_hint"] = f"...{hint(fields['site_id'])}"
    return Row(id=number, name=name, value=value, hint=hint(value), **fields)


def export_row(number: int, what: str, total: int, created_at: int, **more: Any) -> Row:
    """A file of customers or deliveries that somebody asked for."""
    fields = {"type": "customers", "failed": False, "status": "done", "description": what, **more}
    dates = {"created_at": created_at, "updated_at": created_at + 60}
    deduplicate_id = f"{number}:{created_at}"
    return Row(id=number, deduplicate_id=deduplicate_id, total=total, **dates, **fields)


def webhook_row(number: int, name: str, endpoint: str, events: list[str], **more: Any) -> Row:
    """A webhook that streams message events, perhaps with content, to an endpoint."""
    fields = {"disabled": False, "full_resolution": False, "with_content": False, **more}
    return Row(id=number, name=name, endpoint=endpoint, events=events, **fields)
