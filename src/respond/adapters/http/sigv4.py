"""Sign a whole request, so that the secret itself never leaves this machine. Pure; sends nothing.

Source: AWS, "Create a signed AWS API request" (Signature Version 4, HMAC-SHA256, in a header).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from respond.core.records import Frozen

__all__ = ["KeyPair", "UnsignableError", "sigv4"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SIGNED_BEGIN: Final = ("content-type", "host", "x-amz-")
"""What a proxy may change on the way (``User-Agent``, ``Accept``) is not signed."""


class UnsignableError(ValueError):
    """A credential that cannot sign. The text shows nothing of it."""


class KeyPair(Frozen):
    """What signs: the id of a key, its secret, and the token of a session, if it is of one."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, credential: str) -> KeyPair:
        """Take ``KEY_ID:SECRET`` or ``KEY_ID:SECRET:TOKEN`` apart.

        Raises:
            UnsignableError: It is none of these.
        """
        parts = credential.strip().split(":")
        if len(parts) not in {2, 3} or not all(part.isascii() and part for part in parts):
            raise UnsignableError("the credential is not of the form KEY_ID:SECRET")
        return cls(*parts)


def sigv4(
    pair: KeyPair,
    method: str,
    host: str,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    content: bytes,
    *,
    service: str,
    region: str,
    now_s: int,
) -> list[tuple[str, str]]:
    """The headers that sign a request; nothing of it may change afterwards.

    Args:
        target: Path and query as they go to the wire, quoted already.
        headers: All others that it goes with.
    """
    at = datetime.fromtimestamp(now_s, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    own = [("X-Amz-Date", at)] + ([("X-Amz-Security-Token", pair.token)] if pair.token else [])
    given = [(name.decode(), value.decode()) for name, value in headers]
    lines = sorted(
        (name.lower(), " ".join(value.split()))
        for name, value in (*given, *own, ("host", host))
        if name.lower().startswith(_SIGNED_BEGIN)
    )
    names = ";".join(name for name, _ in lines)
    path, _, query = target.decode().partition("?")
    whole = "\n".join(
        (
            method,
            # Quoted once more than on the wire; one store of files alone is another matter.
            quote(path, safe="/-_.~"),
            "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("=")[::2])),
            *(f"{name}:{value}" for name, value in lines),
            "",
            names,
            hashlib.sha256(content).hexdigest(),
        )
    )
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(whole.encode()).hexdigest()
    key = f"AWS4{pair.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{_ALGORITHM}\n{at}\n{scope}\n{digest}".encode(), "sha256").hex()
    credential = f"Credential={pair.key_id}/{scope}"
    told = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    return [*own, ("Authorization", told)]
