"""Say whose secret was found, from the name that a secret scanner has for its kind.

Scanners rename and add kinds all the time: what no row fits is ``other``, and is never dropped.
"""

from __future__ import annotations

from typing import Final

__all__ = ["OTHER", "provider_of"]

OTHER: Final = "other"

# A scanner's first words, and ours.
_PROVIDERS: Final = (
    ("amazon_aws", "aws"),
    ("aws", "aws"),
    ("customerio", "customerio"),
    ("customer_io", "customerio"),
    ("datadog", "datadog"),
    ("github", "github"),
    ("gitlab", "gitlab"),
    ("npm", "npm"),
    ("sendgrid", "sendgrid"),
    ("slack", "slack"),
    ("stripe", "stripe"),
    ("twilio", "twilio"),
)


def provider_of(kind: str) -> str:
    """Give the provider's word for a ``secret_type`` or a detector's name."""
    plain = f"{kind.lower().replace('-', '_').replace('.', '_')}_"
    for first_words, provider in _PROVIDERS:
        if plain.startswith(f"{first_words}_"):
            return provider
    return OTHER
