"""Vault at work, as the place where new secrets go. Source: developer.hashicorp.com/vault/api-docs.

It runs where somebody put it, so it has no address of its own.
"""

from __future__ import annotations

from respond.company.examples import BareRequest, Example

HOSTS = {"vault/http": "https://vault.example.com:8200"}

EXAMPLES = (
    Example("sink.check", {"sink": "vault:vault:kv/cio/backend#api_key"}),
    Example(
        "sink.check",
        {"sink": "vault:vault:kv/cio/backend#api_key", "value": "${{ inputs.leaked }}"},
        secrets={"leaked": "story.leaked_app_key"},
    ),
)
_TOKEN = {"X-Vault-Token": "{vault_token}"}

ASKED = (
    BareRequest("GET", "vault", "/v1/auth/token/lookup-self", _TOKEN),
    BareRequest("GET", "vault", "/v1/sys/internal/ui/mounts/kv/cio/backend", _TOKEN),
    BareRequest("GET", "vault", "/v1/kv/data/cio/backend", _TOKEN),
)
