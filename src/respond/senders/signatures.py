"""Say whether a delivery is genuine: four schemes that between them serve every sender.

All work on raw bytes, before anything is decoded. Whatever is wrong ends in the one
``NotGenuineError``. Every secret is tried against every signature that is looked at, so that
the time taken says nothing about which of them came close.

Source: the senders' own documents on verifying; Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from respond.core.records import Frozen
from respond.senders.headers import Headers, single, word
from respond.senders.model import Options, Proven, SenderSecrets
from respond.senders.refusals import NotGenuineError

__all__ = ["BearerToken", "HmacHeader", "StandardWebhooks", "plain", "webhook_id", "whsec"]

TOLERANCE_S: Final = 300
"""How far a signed time may lie from ours, both ways."""

SECRET_BYTES_MIN: Final = 16

_SIGNATURES_MAX: Final = 8
"""Signatures of one header that are looked at. Two secrets active at the sender make two."""

_SECONDS: Final = re.compile(rb"0|[1-9][0-9]{0,11}")
_BEARER: Final = re.compile(rb"([!-~]{1,64}) +([!-~]{1,1000})")
# A dot would let bytes move between the id, the time and the body without breaking the signature.
_WEBHOOK_ID: Final = re.compile(rb"[!-\-/-~]{1,200}")

_Bytes = Callable[[bytes, bytes], bytes]


def _secret_alone(secret: bytes, _time: bytes) -> bytes:
    return secret


def _body_alone(body: bytes, _time: bytes) -> bytes:
    return body


class HmacHeader(Frozen):
    """An HMAC-SHA256 in hex in a header of its own.

    Attributes:
        header: Where the signature stands.
        prefix: What stands before the hex; an entry with another prefix is another version.
        key: The HMAC's key from secret and time.
        message: What is signed, from body and time.
        time_header: Where the signed time stands; empty when none is signed.
        id_header: Where the delivery's id stands.
        several: Whether entries stand side by side, separated by commas.
        configurable: Whether the source's options name the headers (``signature_header``,
            ``timestamp_header``).
    """

    header: str
    prefix: bytes = b""
    key: _Bytes = _secret_alone
    message: _Bytes = _body_alone
    time_header: str = ""
    id_header: str = ""
    several: bool = False
    configurable: bool = False

    @property
    def weak(self) -> bool:
        return False

    def verify(
        self, secrets: SenderSecrets, options: Options, headers: Headers, body: bytes, now_s: int
    ) -> Proven:
        """Compare with what each secret would have made of these bytes."""
        value = single(headers, self._named(options, "signature_header", self.header))
        if value is None:
            raise NotGenuineError
        time_header = self._named(options, "timestamp_header", self.time_header)
        time = single(headers, time_header) if time_header else b""
        signed_at_s = _fresh(time, now_s) if time_header else None
        message = self.message(body, time or b"")
        _match(
            [
                hmac.digest(self.key(secret, time or b""), message, "sha256").hex().encode()
                for secret in _usable(secrets)
            ],
            self._offered(value),
        )
        their_id = word(headers, self.id_header) if self.id_header else ""
        return Proven(their_id, signed_at_s, weak=False)

    def trouble(self, secret: str) -> str:
        return _trouble(secret)

    def _named(self, options: Options, option: str, default: str) -> str:
        named = options.get(option) if self.configurable else None
        return named if isinstance(named, str) and named else default

    def _offered(self, value: bytes) -> list[bytes]:
        entries = value.split(b",", _SIGNATURES_MAX)[:_SIGNATURES_MAX] if self.several else [value]
        return [
            entry.strip().removeprefix(self.prefix)
            for entry in entries
            if entry.strip().startswith(self.prefix)
        ]


class StandardWebhooks(Frozen):
    """Standard Webhooks with a shared secret: id, time and body are signed together.

    Entries of another version than ``v1`` are passed over, ``v1a`` (public keys) too.
    """

    @property
    def weak(self) -> bool:
        return False

    def verify(
        self, secrets: SenderSecrets, options: Options, headers: Headers, body: bytes, now_s: int
    ) -> Proven:
        """Compare with what each secret would have made of id, time and body."""
        family = _family(headers)
        their_id = single(headers, f"{family}-id")
        time = single(headers, f"{family}-timestamp")
        value = single(headers, f"{family}-signature")
        if their_id is None or value is None or _WEBHOOK_ID.fullmatch(their_id) is None:
            raise NotGenuineError
        signed_at_s = _fresh(time, now_s)
        message = b".".join((their_id, time or b"", body))
        keys = [key for key in map(_whsec, secrets.values) if key]
        _match(
            [base64.b64encode(hmac.digest(key, message, "sha256")) for key in keys],
            [
                entry.removeprefix(b"v1,")
                for entry in value.split(b" ", _SIGNATURES_MAX)[:_SIGNATURES_MAX]
                if entry.startswith(b"v1,")
            ],
        )
        return Proven(their_id.decode("ascii"), signed_at_s, weak=False)

    def trouble(self, secret: str) -> str:
        key = _whsec(secret)
        if key is None and "whsec_" in secret[1:]:
            return "leave out what stands before whsec_"
        if key is None:
            return "it is not whsec_ and Base64 after it; copy the signing secret as it is shown"
        if len(key) < SECRET_BYTES_MIN:
            return f"it is shorter than {SECRET_BYTES_MIN} bytes"
        return ""


def webhook_id(headers: Headers) -> str:
    """Give the id that Standard Webhooks signs, from the same headers that were verified."""
    return word(headers, f"{_family(headers)}-id")


class BearerToken(Frozen):
    """A token in a header. It proves that somebody knew the token, and nothing about the body.

    The source's options may name the header (``token_header``) and the word before the token
    (``scheme``); a header of one's own holds the token alone unless ``scheme`` says otherwise.
    """

    @property
    def weak(self) -> bool:
        return True

    def verify(
        self, secrets: SenderSecrets, options: Options, headers: Headers, body: bytes, now_s: int
    ) -> Proven:
        """Compare digests, so that not even the token's length shows."""
        header = _text_option(options, "token_header") or "authorization"
        scheme = _text_option(options, "scheme")
        if not scheme and header.lower() == "authorization":
            scheme = "Bearer"
        value = single(headers, header)
        if value is None:
            raise NotGenuineError
        _match(
            [hashlib.sha256(secret).digest() for secret in _usable(secrets)],
            [hashlib.sha256(_token(value, scheme)).digest()],
        )
        return Proven("", None, weak=True)

    def trouble(self, secret: str) -> str:
        if trouble := _trouble(secret):
            return trouble
        if not all("!" <= character <= "~" for character in secret):
            return "a header cannot carry it: only visible ASCII characters without spaces"
        return ""


def _token(value: bytes, scheme: str) -> bytes:
    if not scheme:
        return value.strip(b" \t")
    found = _BEARER.fullmatch(value.strip(b" \t"))
    # Names of schemes are compared without case: RFC 9110, section 11.1.
    if found is None or found[1].lower() != scheme.lower().encode("utf-8", "replace"):
        raise NotGenuineError
    return found[2]


def _text_option(options: Options, name: str) -> str:
    value = options.get(name)
    return value if isinstance(value, str) else ""


def _usable(secrets: SenderSecrets) -> list[bytes]:
    """Every secret that is one: HMAC with an empty key verifies happily."""
    return [value.encode("utf-8", "surrogatepass") for value in secrets.values if value]


def _match(expected: Sequence[bytes], offered: Iterable[bytes]) -> None:
    genuine = False
    for candidate in offered:
        for ours in expected:
            genuine |= hmac.compare_digest(ours, candidate)
    if not genuine:
        raise NotGenuineError


def _fresh(time: bytes | None, now_s: int) -> int:
    """Read a signed time in whole seconds. Nothing but plain digits is one."""
    if time is None or _SECONDS.fullmatch(time) is None:
        raise NotGenuineError
    signed_at_s = int(time)
    if abs(now_s - signed_at_s) > TOLERANCE_S:
        raise NotGenuineError
    return signed_at_s


def _family(headers: Headers) -> str:
    """The headers' first word: ``webhook``, or the older ``svix``. They are never mixed."""
    return "svix" if single(headers, "webhook-signature") is None else "webhook"


def plain(chance: bytes) -> str:
    """Spell a secret of ours."""
    return base64.urlsafe_b64encode(chance).decode().rstrip("=")


def whsec(chance: bytes) -> str:
    """Spell a secret of ours as Standard Webhooks has them."""
    return f"whsec_{base64.b64encode(chance).decode()}"


def _whsec(secret: str) -> bytes | None:
    if not secret.startswith("whsec_"):
        return None
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _trouble(secret: str) -> str:
    if not secret:
        return "it is empty"
    if secret.strip() != secret:
        return "it begins or ends with a space or a line's end"
    if len(secret.encode("utf-8", "surrogatepass")) < SECRET_BYTES_MIN:
        return f"it is shorter than {SECRET_BYTES_MIN} bytes"
    return ""
