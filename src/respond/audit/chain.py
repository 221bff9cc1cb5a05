"""The hash chain: each record's hash covers its body and every record before it.

    hash[n] = SHA-256( tag | journal id | n | hash[n-1] | SHA-256(body[n]) )

Every part has a fixed width, so no two different inputs join to the same bytes:

    tag           18 bytes   ASCII "respond-journal-v1"
    journal id    28 bytes   ASCII "J-" and 26 characters of base32 (128 random bits)
    n              8 bytes   unsigned, big-endian; the opening record is 0
    hash[n-1]     32 bytes   all zero for n = 0
    SHA-256(body) 32 bytes   of the body's bytes as stored
                 118 bytes in all

And what stands in a record in the place of a secret: its keyed digest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

__all__ = [
    "GENESIS",
    "HASH_BYTES",
    "TAG",
    "body_hash",
    "is_journal_id",
    "keyed_digest",
    "link",
    "new_journal_id",
]

TAG = b"respond-journal-v1"
HASH_BYTES = 32
GENESIS = bytes(HASH_BYTES)
"""What stands for the hash before the opening record."""

_ID_BYTES = 16
_JOURNAL_ID = re.compile(r"J-[A-Z2-7]{26}")


def body_hash(body: bytes) -> bytes:
    """SHA-256 of a body's bytes as they are stored."""
    return hashlib.sha256(body).digest()


def link(journal: str, seq: int, before: bytes, body_digest: bytes) -> bytes:
    """The hash of record ``seq``, given the hash before it and the hash of its body."""
    return hashlib.sha256(
        TAG + journal.encode("ascii") + seq.to_bytes(8, "big") + before + body_digest
    ).digest()


def keyed_digest(key: bytes, value: str) -> str:
    """What stands in a record for a secret: HMAC-SHA-256 of ``text``, a zero byte and the value in
    UTF-8; as hex.
    """
    return hmac.digest(key, b"text\0" + value.encode("utf-8"), "sha256").hex()


def new_journal_id(random: bytes) -> str:
    """A journal id from 16 random bytes."""
    if len(random) != _ID_BYTES:
        raise ValueError(f"a journal id is made of {_ID_BYTES} bytes, not {len(random)}")
    return "J-" + base64.b32encode(random).decode("ascii").rstrip("=")


def is_journal_id(text: object) -> bool:
    """A text of the one form that the fixed width allows."""
    return isinstance(text, str) and _JOURNAL_ID.fullmatch(text) is not None
