"""SCIM 2.0, as the rest of the tool needs to know it: one record for any product that speaks it.

Source: RFC 7643 (schemas) and RFC 7644 (protocol). The standard has no scopes, no limits and no
addresses: base URL and token come from the product, what it can from its ServiceProviderConfig.
"""

from __future__ import annotations

from typing import Any, Final

from respond.core.script import Call, Me, Paging, Reply
from respond.errors import RefusedBySystemError
from respond.systems.rest import asking, dig, read_record
from respond.systems.scim.provider import ScimFeatures, switches_in
from respond.systems.vendor import (
    EVERY_SURFACE,
    Ask,
    CredentialVerdict,
    Probed,
    Probing,
    Refusals,
    Right,
    Scheme,
    SentAs,
    Vendor,
    tried,
)

__all__ = ["A_PAGE", "NO_FILTER", "PAGES", "VENDOR", "ask"]

A_PAGE: Final = (("count", "100"),)
NO_FILTER: Final = frozenset({400, 501})
"""Statuses by which a product says that it does not understand a filter (RFC 7644, 3.4.2.2)."""

_JSON: Final = "application/scim+json"


def _after(call: Call, reply: Reply, _: int) -> Call | None:
    """The next page. Its length is counted: ``itemsPerPage`` is not always told as it is."""
    page, total = dig(reply.body, "Resources"), dig(reply.body, "totalResults")
    if not isinstance(page, list) or not page or not isinstance(total, int):
        return None
    then = int(dict(call.query).get("startIndex", "1")) + len(page)
    return asking(call, "startIndex", str(then)) if then <= total else None


PAGES: Final = Paging(_after, pages_max=500)
"""Source: RFC 7644, section 3.4.2.4."""

_LOOK: Final = {"count": "1", "attributes": "id"}
_GRANT: Final = "the token of the product's SCIM page; the standard knows no scopes"
_RIGHTS: Final = tuple(
    Right(
        name,
        _GRANT,
        frozenset(f"scim.{each}" for each in actions.split()),
        Ask("http", path, _LOOK) if path else None,
    )
    for name, path, actions in (
        ("look at users", ("Users",), "find_user list_users list_admins"),
        (
            "look at groups",
            ("Groups",),
            "find_group list_admins deactivate_user delete_user add_to_group remove_from_group",
        ),
        ("change users", (), "deactivate_user activate_user delete_user recreate_user set_roles"),
        ("change groups", (), "add_to_group remove_from_group recreate_user"),
        ("set passwords", (), "set_password"),
    )
)


def _probe(opened: Probing) -> Probed:
    # What says what a product can may be read without any token, so it tries none.
    reply = opened.fetch("http", "Users", query=_LOOK)
    notes = ["treat it as an administrator's: it does whatever the product lets SCIM do"]
    try:
        told = opened.fetch("http", "ServiceProviderConfig").body
        says = read_record(ScimFeatures, told if isinstance(told, dict) else {}).says
        notes.append(f"by its own word the product {says}")
    except RefusedBySystemError as error:
        notes.append(f"what the product can, it does not say: {error.sentence}")
    switches, wrong = switches_in(opened.options)
    if not wrong and not switches.tells_admins:
        notes.append(
            "who administers it is not said, so nobody is deactivated there: set admin_groups, "
            "admin_roles, or admins_elsewhere in its options"
        )
    return Probed(
        CredentialVerdict.ACCEPTED,
        account=opened.account,
        identity=opened.identity,
        rights=tuple(tried(opened, right) for right in _RIGHTS),
        mismatch=(f"{wrong} ({opened.name})",) if wrong else (),
        notes=tuple(notes),
        date=reply.headers.get("date", ""),
    )


VENDOR: Final = Vendor(
    name="scim",
    title="SCIM",
    # No limit is in the standard: one at a time is what every product stands.
    at_once=1,
    schemes={
        EVERY_SURFACE: Scheme(
            SentAs.HEADER,
            json_type=_JSON.encode(),
            always=(("Accept", f"{_JSON}, application/json"),),
        )
    },
    refusals=Refusals(
        code="scimType",
        hints={
            "invalidPath": "perhaps it wants changes without a path: options = { patch = 'value' }",
            "invalidSyntax": "perhaps it wants changes otherwise: options = { patch = ... }",
            "mutability": "this product does not let SCIM change that",
            "sensitive": "the filter would show what must not stand in an address",
            "tooMany": "the filter finds more than the product is ready to list",
            "uniqueness": "the account exists already, perhaps inactive and hidden",
        },
    ),
    probes={"": _probe},
    rights=_RIGHTS,
    snippet="""\
[connections.{name}]
system = "scim"
base_urls = {{ http = "https://product.example.com/scim/v2" }}
options = {{ admin_groups = ["Admins"] }}
""",
    directory="respond.systems.scim.directory",
    simulated="respond.company.scim",
)


def ask(me: Me, method: str, *path: str, **more: Any) -> Call:
    """A request to the product of this step."""
    return VENDOR.call(me.connection.name, method, *path, **more)
