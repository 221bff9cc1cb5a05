"""Seal secrets of a run under a key of that run, and say what may be said about each.

Deleting the run's key destroys every copy of the boxes at once, those in backups too.
"""

from __future__ import annotations

import json
import os
import re

from msgspec import structs

from respond.core.values import SecretHandle

__all__ = ["KEY_BYTES", "UnsealError", "describe_secret", "meta_of", "read_meta", "seal", "unseal"]

KEY_BYTES = 32
_NONCE_BYTES = 12

_SHOWN_FROM = 16
"""Secrets shorter than this, prefix not counted, show none of their characters."""
_SHOWN = 4

# What vendors put in front of their secrets for scanners; none of it is secret.
_PREFIXES = (
    "sa_live_", "sa_sandbox_", "xoxb-", "xoxp-", "xoxe-", "xapp-", "hvs.", "hvb.", "hvr.",
    "cfk_", "cfat_", "cfut_",
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "npm_", "pypi-",
    "jca_",
    "sk_live_", "sk_test_", "rk_live_", "whsec_", "sk-ant-", "SG.", "dop_v1_", "AKIA", "ASIA",
)  # fmt: skip

_HEX32 = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_PAIR = re.compile(r"[^\s:/]+:(?!//)\S+")


class UnsealError(Exception):
    """A box does not open: it was changed, moved to another place, or has another key."""


def describe_secret(name: str, value: str, digest: str) -> SecretHandle:
    """The handle of a secret: what people may see of it.

    ``digest`` is the journal's keyed digest of the value.
    """
    prefix = max((p for p in _PREFIXES if value.startswith(p)), key=len, default="")
    shown = len(value) - len(prefix) >= _SHOWN_FROM
    return SecretHandle(
        name=name,
        hint=value[-_SHOWN:] if shown else "",
        prefix=prefix,
        form=_form(value),
        digest=digest,
    )


def seal(key: bytes, value: str, *, place: bytes) -> bytes:
    """Encrypt a value; it opens only with the same key at the same place."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (slow)

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value.encode("utf-8"), place)


def unseal(key: bytes, box: bytes, *, place: bytes) -> str:
    """Open a box.

    Raises:
        UnsealError: It was changed, stands in another place, or belongs to another key.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (slow)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 (slow)

    try:
        return AESGCM(key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], place).decode("utf-8")
    except (InvalidTag, ValueError) as error:
        raise UnsealError from error


def meta_of(handle: SecretHandle) -> str:
    """The handle as JSON, without the value."""
    return json.dumps(structs.asdict(handle), sort_keys=True)


def read_meta(text: str) -> SecretHandle:
    """The handle that ``meta_of`` wrote."""
    return SecretHandle(**json.loads(text))


def _form(value: str) -> str:
    if _HEX32.fullmatch(value):
        return "hex32"
    return "pair" if _PAIR.fullmatch(value) else "text"
