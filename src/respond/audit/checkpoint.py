"""Checkpoints: a short text that says where the journal ended, signed with Ed25519.

The layout is that of a signed note (C2SP signed-note): lines of text, an empty line, and a
signature line that begins with an em dash. The text has five lines:

    J-4KZQ...        journal id
    1280             size: how many records the journal had
    a91f...          hash of the last of them, 64 hex digits
    2026-11-23T03:14:07.000Z
    end of run CK-7F3Q

The signature covers those lines with the line feed of the last. The signature line holds the
journal id again, and in base64 four bytes of key id and 64 bytes of signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from respond.audit.chain import is_journal_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = [
    "SEED_BYTES",
    "NoteError",
    "NoteKey",
    "SignedNote",
    "Signer",
    "open_note",
]

SEED_BYTES = 32
_REASON_MAX = 200
"""Longest reason, in characters."""

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_SIGNATURE_BYTES = 64
_TEXT_LINES = 5
_SIZE = re.compile(r"[1-9][0-9]{0,15}")


class NoteError(ValueError):
    """A text is not a signed note, or not one of this key."""


class SignedNote(NamedTuple):
    """A checkpoint: what is claimed, and the text that carries the claim."""

    journal: str
    size: int
    hash: str
    at: str
    reason: str
    text: str


class _Named(NamedTuple):
    name: str
    raw: bytes


class NoteKey(_Named):  # No slots: what a long check asks for again and again is kept.
    """The key that checks a journal's checkpoints; its text form is pinned with the runbooks.

    Attributes:
        name: The journal id.
        raw: 32 bytes.
    """

    @cached_property
    def id(self) -> bytes:
        """Four bytes: SHA-256 of name, line feed, 0x01, key; its beginning."""
        named = self.name.encode("ascii") + b"\n" + _ED25519 + self.raw
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    @cached_property
    def public(self) -> Ed25519PublicKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 (slow)

        return Ed25519PublicKey.from_public_bytes(self.raw)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_b64(_ED25519 + self.raw)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read ``<journal id>+<key id in hex>+<base64 of 0x01 and the key>``.

        Raises:
            NoteError: It is none.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _unb64(encoded)
        if not is_journal_id(name) or len(raw) != 1 + SEED_BYTES or raw[:1] != _ED25519:
            raise NoteError(f"{text[:100]!r} is not a journal's public key")
        key = cls(name, raw[1:])
        if key.id.hex() != key_id:
            raise NoteError(f"the key id of {text[:100]!r} does not fit: a character is wrong")
        return key


class Signer:
    """Signs checkpoints of one journal."""

    def __init__(self, journal: str, seed: bytes) -> None:
        self._journal = journal
        self._seed = seed

    @cached_property
    def public(self) -> NoteKey:
        return NoteKey(self._journal, self._key.public_key().public_bytes_raw())

    def sign(self, *, size: int, head: str, at: str, reason: str) -> str:
        """The signed note for a journal that has ``size`` records and ends with ``head`` (hex).

        Raises:
            NoteError: The reason is empty, longer than ``_REASON_MAX``, or has control characters.
        """
        if not (0 < len(reason) <= _REASON_MAX and reason.isprintable()):
            raise NoteError(f"the reason {reason[:40]!r} is no line of at most {_REASON_MAX}")
        text = f"{self._journal}\n{size}\n{head}\n{at}\n{reason}\n"
        signature = self._key.sign(text.encode("utf-8"))
        return f"{text}\n\u2014 {self._journal} {_b64(self.public.id + signature)}\n"

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 (slow)

        return Ed25519PrivateKey.from_private_bytes(self._seed)


def open_note(note: str, key: NoteKey) -> SignedNote:
    """Check the signature, then read the text.

    Further lines, of witnesses, may follow ours; they are not looked at.

    Raises:
        NoteError: It is no note, or not signed by this key.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (slow)

    text, signature = _parts(note, key)
    try:
        key.public.verify(signature, text.encode("utf-8"))
    except InvalidSignature as error:
        raise NoteError("its signature is wrong") from error
    lines = text[:-1].split("\n")
    if len(lines) != _TEXT_LINES:
        raise NoteError(f"it has {len(lines)} lines of text, not {_TEXT_LINES}")
    journal, size, head, at, reason = lines
    if not _SIZE.fullmatch(size):
        raise NoteError("its size is no number")
    return SignedNote(journal, int(size), head, at, reason, note)


def _parts(note: str, key: NoteKey) -> tuple[str, bytes]:
    """The signed text, and the key's own signature, which is the first line after the gap."""
    text, gap, signatures = note.partition("\n\n")
    line, end, _ = signatures.partition("\n")
    start = f"\u2014 {key.name} "
    if not gap or not end or not line.startswith(start):
        raise NoteError("it is not a note signed by this journal")
    raw = _unb64(line.removeprefix(start))
    if raw[:_KEY_ID_BYTES] != key.id:
        raise NoteError("it is not signed by the key that was given")
    if len(raw) != _KEY_ID_BYTES + _SIGNATURE_BYTES:
        raise NoteError("its signature has the wrong length")
    return f"{text}\n", raw[_KEY_ID_BYTES:]


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _unb64(text: str) -> bytes:
    """The bytes, or none at all when it is not base64 in its one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if _b64(raw) == text else b""
