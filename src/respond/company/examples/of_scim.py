"""A product at work that speaks SCIM. Source: RFC 7643 and RFC 7644.

It is described by no vendor: in place of a description two servers of other people stand in the
tests, and a tester of other people tries the simulated one.
"""

from __future__ import annotations

from typing import Any

from respond.company.examples import BareRequest, Example

HOSTS = {"scim/http": "https://wiki.example.com/v2"}

_MALLORY = {"user": "story.scim_mallory"}
_WRITERS = {**_MALLORY, "group": "story.scim_writers"}

EXAMPLES = (
    Example("scim.find_user", {"email": "story.compromised"}),
    Example("scim.find_user", {"email": "nobody@example.com"}),
    Example("scim.list_users"),
    Example("scim.list_admins"),
    Example("scim.find_group", {"name": "Writers"}),
    Example("scim.deactivate_user", _MALLORY, undo="scim.activate_user"),
    Example("scim.delete_user", _MALLORY, undo="scim.recreate_user"),
    Example("scim.remove_from_group", _WRITERS, undo="scim.add_to_group"),
    Example(
        "scim.add_to_group",
        {**_MALLORY, "group": "story.scim_readers"},
        undo="scim.remove_from_group",
    ),
    Example("scim.set_roles", {**_MALLORY, "roles": [{"value": "viewer"}]}, undo="scim.set_roles"),
    Example(
        "scim.set_password",
        {**_MALLORY, "password": "${{ inputs.new }}"},
        secrets={"new": "story.scim_second_token"},
    ),
)

_KEY = {"Authorization": "Bearer {scim_token}", "Content-Type": "application/scim+json"}


def _asked(method: str, path: str, body: Any = None, status: int = 200) -> BareRequest:
    return BareRequest(method, "scim/wiki/v2", path, _KEY, body, status)


_GROUP = {"displayName": "New"}

ASKED = (
    _asked("GET", "/Users?count=1&attributes=id"),
    _asked("GET", "/Groups?count=1&attributes=id"),
    _asked("GET", "/ResourceTypes"),
    _asked("GET", "/ResourceTypes/User"),
    _asked("GET", "/Schemas"),
    _asked("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"),
    *(
        _asked("POST", f"/{path}", {}, 405)
        for path in ("ServiceProviderConfig", "ResourceTypes", "Schemas")
    ),
    *(_asked("POST", f"{path}/.search", {"count": 1}) for path in ("", "/Users", "/Groups")),
    _asked("PUT", "/Users/{scim_jean}", {"userName": "jean@example.com"}),
    _asked("POST", "/Groups", _GROUP, 201),
    _asked("PUT", "/Groups/{scim_readers}", _GROUP),
    _asked("DELETE", "/Groups/{scim_readers}", status=204),
)
UNASKED: dict[str, str] = {}
