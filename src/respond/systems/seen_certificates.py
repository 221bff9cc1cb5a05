"""Find the certificates that stand as text in what a system answers, and when they end.

Under which name one stands differs from vendor to vendor, and may not be published; what it looks
like does not: PEM, or the base64 of it alone (RFC 7468; SAML metadata has it without its lines).
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from respond.core.records import Frozen
from respond.core.showable import showable

__all__ = ["SeenCertificate", "certificates_in"]

_DEPTH_MAX: Final = 12
_PEM: Final = r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
# A DER sequence of 256 to 65,535 bytes begins with 30 82.
_BARE: Final = r"(?<![A-Za-z0-9+/])MII[A-Za-z0-9+/\s]{200,}={0,2}"


class SeenCertificate(Frozen):
    """One certificate.

    Attributes:
        ends: With a time zone.
        digest: SHA-256 of it (hex): its name wherever it is seen.
    """

    subject: str
    ends: datetime
    digest: str


def certificates_in(value: Any) -> Iterator[SeenCertificate]:
    """Every certificate in an answer, wherever it stands; what is none is passed over."""
    seen: set[bytes] = set()
    for text in _texts(value, 0):
        for encoded in re.findall(_PEM, text) or re.findall(_BARE, text):
            try:
                raw = b64decode("".join(encoded.split()), validate=True)
            except (binascii.Error, ValueError):
                continue
            if raw not in seen and (found := _parsed(raw)) is not None:
                seen.add(raw)
                yield found


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEPTH_MAX and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, depth + 1)


def _parsed(raw: bytes) -> SeenCertificate | None:
    from cryptography import x509  # noqa: PLC0415 (slow)

    try:
        found = x509.load_der_x509_certificate(raw)
        subject = showable(found.subject.rfc4514_string(), limit=120)
        return SeenCertificate(subject, found.not_valid_after_utc, sha256(raw).hexdigest())
    except ValueError:
        return None
