"""Check SSH signatures over texts (SSHSIG), as ``ssh-keygen -Y sign`` makes them. No I/O.

A signature counts when one of the listed keys made it, over exactly this text and for this
namespace. It may be written in one way only: whatever is left over, missing, or spelt in another
way is refused. Certificates are refused too: those vouch for keys that nobody listed. Of hardware
keys a touch is wanted.

Source: OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f, PROTOCOL.key; RFC 4251 section 5 (how numbers and
strings are written), RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8332, RFC 8709.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

__all__ = [
    "SIGNATURE_CHARACTERS_MAX",
    "PublicKey",
    "SignatureRefusedError",
    "fingerprints",
    "is_hardware",
    "public_key",
    "verify",
]

SIGNATURE_CHARACTERS_MAX: Final = 8_192
"""Longest signature as text; one of RSA with 16,384 bits has about 5,700 characters."""

_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_LINE_MAX: Final = 76
_ARMOR_LINES_MIN: Final = 3
_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = ("sha256", "sha512")

_KEY_CHARACTERS_MAX: Final = 8_192
_RSA_BITS_MIN: Final = 2_048
_RSA_BITS_MAX: Final = 16_384
# OpenSSL takes no larger exponent for large keys either: checking would take too long.
_RSA_EXPONENT_BITS_MAX: Final = 64
_RSA: Final = "ssh-rsa"
_RSA_HASHES: Final = {"rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512"}
_SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
_SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
_TOUCHED: Final = 0x01


class SignatureRefusedError(ValueError):
    """The signature does not count; the text says why, in words of ours alone."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A listed key that can be used.

    Attributes:
        kind: Such as ``ssh-ed25519``, as the key itself says.
        blob: The key as SSH sends it; two keys are the same when these bytes are.
    """

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii")
        return f"SHA256:{digest.rstrip('=')}"

    @property
    def line(self) -> str:
        """As ``authorized_keys`` has it, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode('ascii')}"


def public_key(line: str) -> PublicKey:
    """Read ``TYPE BASE64 COMMENT``; options before the type are not taken.

    Raises:
        SignatureRefusedError: It is no such line, or a key that we take nothing from.
    """
    kind, _, rest = line.strip().partition(" ")
    encoded = rest.strip().partition(" ")[0]
    if len(line) > _KEY_CHARACTERS_MAX:
        raise SignatureRefusedError("the public key is too long")
    blob = _unb64(encoded)
    if not blob or _kind_of(blob) != kind:
        raise SignatureRefusedError("it is no public key as authorized_keys has them")
    _reader(blob)
    return PublicKey(kind, blob)


def is_hardware(key: PublicKey) -> bool:
    """Whether it lies in a device that wants to be touched."""
    return key.kind in (_SK_ED25519, _SK_ECDSA)


def verify(public_keys: Sequence[str], text: bytes, signature: str, namespace: str) -> str:
    """Check a signature and give the fingerprint of the listed key that made it.

    Args:
        public_keys: Lines of ``authorized_keys``; one that cannot be read or used signs nothing.
        text: What was signed, to the byte.
        signature: With its BEGIN and END lines.

    Raises:
        SignatureRefusedError: It does not count.
    """
    found = _Signature.parse(_unarmored(signature))
    if not namespace or found.namespace != namespace.encode("utf-8"):
        raise SignatureRefusedError("it was made for another purpose (its namespace)")
    if found.key not in _listed(public_keys):
        raise SignatureRefusedError("it was made with a key that is not listed")
    check = _reader(found.key)
    check(found.over(text), _Wire(found.signature))
    return PublicKey(_kind_of(found.key), found.key).fingerprint


def fingerprints(public_keys: Sequence[str]) -> frozenset[str]:
    """What ``verify`` can give for these lines of ``authorized_keys``."""
    return frozenset(PublicKey("", blob).fingerprint for blob in _listed(public_keys))


def _listed(public_keys: Sequence[str]) -> set[bytes]:
    encoded = (words[1] for line in public_keys if len(words := line.split(maxsplit=2)) > 1)
    return {blob for each in encoded if (blob := _unb64(each))}


# --- how it is written --------------------------------------------------------------------------


def _unarmored(text: str) -> bytes:
    """The bytes between the BEGIN and END lines."""
    if len(text) > SIGNATURE_CHARACTERS_MAX:
        raise SignatureRefusedError(f"it is longer than {SIGNATURE_CHARACTERS_MAX} characters")
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < _ARMOR_LINES_MIN or lines[0] != _BEGIN or lines[-1] != _END:
        raise SignatureRefusedError("it is no SSH signature: its first or last line is missing")
    inside = lines[1:-1]
    raw = _unb64("".join(inside))
    if not raw or not all(0 < len(line) <= _LINE_MAX for line in inside):
        raise SignatureRefusedError("it is no SSH signature: it is not base64")
    return raw


def _unb64(text: str) -> bytes:
    """The bytes, or none at all when it is not base64 in its one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode("ascii") == text else b""


class _Wire:
    """Reads bytes in the order in which SSH writes them, and wants them all used up."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        if count > len(self._raw) - self._at:
            raise SignatureRefusedError("it is cut off, or a length in it is wrong")
        self._at += count
        return self._raw[self._at - count : self._at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def word(self) -> str:
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError:
            raise SignatureRefusedError("a name in it is no plain text") from None

    def positive(self) -> int:
        """A number above 0 in its shortest form (RFC 4251, mpint)."""
        raw = self.string()
        shortest = raw[:1] != b"\0" or raw[1:2] >= b"\x80"
        if not raw or raw[0] >= 0x80 or not shortest:  # noqa: PLR2004 - the bit of the sign
            raise SignatureRefusedError("a number in it is not written as it has to be")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        if self._at != len(self._raw):
            raise SignatureRefusedError("something follows after its end")


@dataclass(frozen=True, slots=True)
class _Signature:
    """What stands in a signature, before anything of it is believed."""

    key: bytes
    namespace: bytes
    hash: str
    signature: bytes

    @classmethod
    def parse(cls, raw: bytes) -> _Signature:
        wire = _Wire(raw)
        if wire.take(len(_MAGIC)) != _MAGIC:
            raise SignatureRefusedError("it is no SSH signature")
        version = wire.number()
        if version != _VERSION:
            raise SignatureRefusedError(f"it has version {version}, and we know {_VERSION}")
        key, namespace, reserved = wire.string(), wire.string(), wire.string()
        if reserved:
            raise SignatureRefusedError("its reserved field is not empty")
        found = cls(key, namespace, wire.word(), wire.string())
        wire.end()
        if found.hash not in _HASHES:
            raise SignatureRefusedError("it was made with a hash other than SHA-256 and SHA-512")
        return found

    def over(self, text: bytes) -> bytes:
        """The bytes that the key has signed."""
        digest = hashlib.new(self.hash, text).digest()
        parts = (self.namespace, b"", self.hash.encode("ascii"), digest)
        return _MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


# --- keys ---------------------------------------------------------------------------------------

_Check = Callable[[bytes, _Wire], None]
"""Takes what was signed and the signature, and raises when they do not fit."""

_WRONG: Final = "it is wrong: another text, or a changed signature"
_UNUSABLE: Final = "its key cannot be used"


def _kind_of(blob: bytes) -> str:
    try:
        return _Wire(blob).word()
    except SignatureRefusedError:
        return ""


def _reader(blob: bytes) -> _Check:
    """What checks signatures of this key.

    Raises:
        SignatureRefusedError: The key cannot be read, is of another kind, or is too weak.
    """
    wire = _Wire(blob)
    kind = wire.word()
    make = _KINDS.get(kind)
    if make is None:
        known = ", ".join(_KINDS)
        raise SignatureRefusedError(f"a key of that kind is not taken; those are: {known}")
    check = make(kind, wire)
    wire.end()
    return check


def _same_kind(kind: str, wire: _Wire) -> None:
    if wire.word() != kind:
        raise SignatureRefusedError("key and signature are of different kinds")


@contextmanager
def _refused(why: str) -> Iterator[None]:
    """Inside, what ``cryptography`` does not take is refused, for this reason."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 (slow)

    try:
        yield
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise SignatureRefusedError(why) from error


def _ed25519(kind: str, wire: _Wire) -> _Check:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 (slow)

    raw = wire.string()
    with _refused(_UNUSABLE):
        key = Ed25519PublicKey.from_public_bytes(raw)
    application = wire.string() if kind == _SK_ED25519 else None

    def check(signed: bytes, signature: _Wire) -> None:
        _same_kind(kind, signature)
        made = signature.string()
        signed = _as_the_key_signs(application, signed, signature)
        with _refused(_WRONG):
            key.verify(made, signed)

    return check


def _ecdsa(kind: str, wire: _Wire) -> _Check:
    """Curve and hash by name: RFC 5656, sections 6.2.1 and 10.1."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 (slow)
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (slow)
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415 (slow)

    name = wire.word()
    if name != kind.removesuffix("@openssh.com").rpartition("-")[2]:
        raise SignatureRefusedError("its key names two curves")
    curves: Mapping[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
        "nistp256": (ec.SECP256R1(), hashes.SHA256()),
        "nistp384": (ec.SECP384R1(), hashes.SHA384()),
        "nistp521": (ec.SECP521R1(), hashes.SHA512()),
    }
    curve, digest = curves[name]
    point = wire.string()
    if point[:1] != b"\x04":  # Points are sent whole: RFC 5656, section 3.1.
        raise SignatureRefusedError(_UNUSABLE)
    with _refused(_UNUSABLE):
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    application = wire.string() if kind == _SK_ECDSA else None

    def check(signed: bytes, signature: _Wire) -> None:
        _same_kind(kind, signature)
        made = _Wire(signature.string())
        signed = _as_the_key_signs(application, signed, signature)
        r, s = made.positive(), made.positive()
        made.end()
        with _refused(_WRONG):
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))

    return check


def _rsa(_kind: str, wire: _Wire) -> _Check:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 (slow)
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 (slow)
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers  # noqa: PLC0415 (slow)

    exponent, modulus = wire.positive(), wire.positive()
    if not _RSA_BITS_MIN <= modulus.bit_length() <= _RSA_BITS_MAX:
        raise SignatureRefusedError(
            f"an RSA key has {_RSA_BITS_MIN} to {_RSA_BITS_MAX} bits, "
            f"and this one {modulus.bit_length()}"
        )
    if exponent.bit_length() > _RSA_EXPONENT_BITS_MAX:
        raise SignatureRefusedError(_UNUSABLE)
    with _refused(_UNUSABLE):
        key = RSAPublicNumbers(exponent, modulus).public_key()

    def check(signed: bytes, signature: _Wire) -> None:
        name = _RSA_HASHES.get(signature.word())
        if name is None:
            raise SignatureRefusedError("RSA is taken with SHA-256 or SHA-512 only (rsa-sha2-...)")
        made = signature.string()
        signature.end()
        digest = hashes.SHA256() if name == "sha256" else hashes.SHA512()
        with _refused(_WRONG):
            key.verify(made, signed, padding.PKCS1v15(), digest)

    return check


def _as_the_key_signs(application: bytes | None, signed: bytes, signature: _Wire) -> bytes:
    """What was signed; a device (``application``) has signed its flags and its counter too.

    Source: PROTOCOL.u2f.

    Raises:
        SignatureRefusedError: The device was not touched, or something follows.
    """
    if application is None:
        signature.end()
        return signed
    flags, counter = signature.take(1), signature.take(4)
    signature.end()
    if not flags[0] & _TOUCHED:
        raise SignatureRefusedError("the hardware key was not touched for it")
    digest = hashlib.sha256(signed).digest()
    return hashlib.sha256(application).digest() + flags + counter + digest


_KINDS: Final[Mapping[str, Callable[[str, _Wire], _Check]]] = {
    "ssh-ed25519": _ed25519,
    "ecdsa-sha2-nistp256": _ecdsa,
    "ecdsa-sha2-nistp384": _ecdsa,
    "ecdsa-sha2-nistp521": _ecdsa,
    _RSA: _rsa,
    _SK_ED25519: _ed25519,
    _SK_ECDSA: _ecdsa,
}
