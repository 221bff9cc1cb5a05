"""What an account of Customer.io may offer, and nobody has confirmed.

The vendor publishes no reference for its management API, and answers 200 to unknown paths.
"""

from __future__ import annotations

from typing import Final

from respond.systems.discovery import Candidate, Discovery

__all__ = ["DISCOVERY"]

_CDP: Final = "/cdp/api"
_REMOVE: Final = ("remove", "delete", "revoke", "destroy")
_CREATE: Final = ("create", "add", "invite", "new")
_UPDATE: Final = ("update", "change", "edit", "set")
_PERSON: Final = ("member", "members", "user", "users", "teammate")
_USER: Final = "/v1/accounts/{}/users"
_ROLES: Final = (
    ("user.account_role", "string"),
    ("user.permissions", "object"),
    ("user.environment_roles", "array"),
)
_SOURCE: Final = "/cdp/api/workspaces/{}/sources/{}"
_ACCOUNTS: Final = "/v1/accounts/{}/service_accounts"
_REVOKES: Final = frozenset({"customerio.revoke_key", "customerio.remove_made_key"})
_MAKES: Final = frozenset({"customerio.create_key"})
_TRACK: Final = "for a Track API key"
_ACCESS: Final = "for a service account's token"

_CANDIDATES: Final = (
    Candidate(
        "customerio.members.add",
        "POST",
        _USER,
        (_CREATE, _PERSON),
        (("user.email", "string"), *_ROLES),
        actions=frozenset({"customerio.add_member"}),
    ),
    Candidate(
        "customerio.members.update",
        "PUT",
        f"{_USER}/{{}}",
        (_UPDATE, _PERSON),
        _ROLES,
        actions=frozenset({"customerio.set_member_role"}),
    ),
    Candidate(
        "customerio.members.remove",
        "DELETE",
        f"{_USER}/{{}}",
        (_REMOVE, _PERSON),
        actions=frozenset({"customerio.remove_member"}),
    ),
    Candidate(
        "customerio.app_keys.delete",
        "DELETE",
        "/v1/environments/{}/ext_api_keys/{}",
        (_REMOVE, ("key", "keys")),
        actions=_REVOKES,
        where="for an App API key",
    ),
    Candidate(
        "customerio.track_keys.create",
        "POST",
        "/v1/environments/{}/site_ids",
        (_CREATE, ("key", "keys", "site", "site_ids")),
        (("site_id.name", "string"),),
        actions=_MAKES,
        where=_TRACK,
    ),
    Candidate(
        "customerio.track_keys.delete",
        "DELETE",
        "/v1/environments/{}/site_ids/{}",
        (_REMOVE, ("key", "keys", "site", "site_ids")),
        actions=_REVOKES,
        where=_TRACK,
    ),
    Candidate(
        "customerio.write_keys.delete",
        "DELETE",
        f"{_SOURCE}/api_keys/{{}}",
        (_REMOVE, ("key", "keys")),
        document=1,
        below=_CDP,
        actions=_REVOKES,
        where="for a Pipelines write key",
    ),
    Candidate(
        "customerio.sources.update",
        "PUT",
        _SOURCE,
        (_UPDATE, ("source",)),
        (("source.enabled", "boolean"),),
        document=1,
        below=_CDP,
        actions=frozenset({"customerio.disable_source", "customerio.enable_source"}),
    ),
    Candidate(
        "customerio.service_accounts.list",
        "GET",
        _ACCOUNTS,
        (("list", "get", "index"), ("accounts",)),
    ),
    Candidate(
        "customerio.sa_tokens.create",
        "POST",
        f"{_ACCOUNTS}/{{}}/tokens",
        (_CREATE, ("token", "tokens")),
        (("token.name", "string"),),
        actions=_MAKES,
        where=_ACCESS,
    ),
    Candidate(
        "customerio.sa_tokens.revoke",
        "DELETE",
        f"{_ACCOUNTS}/{{}}/tokens/{{}}",
        (_REMOVE, ("token", "tokens")),
        actions=_REVOKES,
        where=_ACCESS,
    ),
    Candidate(
        "customerio.webhooks.update",
        "PUT",
        "/v1/environments/{}/webhook_configurations/{}",
        (_UPDATE, ("webhook", "webhooks")),
        (
            ("webhook_configuration.name", "string"),
            ("webhook_configuration.endpoint", "string"),
            ("webhook_configuration.events", "array"),
            ("webhook_configuration.disabled", "boolean"),
            ("webhook_configuration.full_resolution", "boolean"),
            ("webhook_configuration.with_content", "boolean"),
        ),
        actions=frozenset({"customerio.disable_webhook", "customerio.enable_webhook"}),
        where="in a workspace whose App API key is not connected",
    ),
)

DISCOVERY: Final = Discovery(
    # Of the management API, and of the Pipelines control plane.
    documents=(
        ("management", ("v1", "openapi.json")),
        ("management", ("cdp", "api", "openapi.json")),
    ),
    candidates=_CANDIDATES,
)
