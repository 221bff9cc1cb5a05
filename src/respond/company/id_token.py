"""Sign the tokens of the simulated OpenID provider, and show the public half of its key.

Keys are made when the first token is: an RSA key takes a tenth of a second that most tests of the
company have no use for. Sources: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (RS256 and ES256).
"""

from __future__ import annotations

import base64
import json
from typing import Any

from respond.company.exchange import Json

ALGORITHMS = ("RS256", "ES256")
_RSA_BITS = 2048
_P256_BYTES = 32


class TokenSigner:
    """One key and its algorithm.

    Raises:
        ValueError: The algorithm is none of ``ALGORITHMS``.
    """

    def __init__(self, algorithm: str, kid: str) -> None:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"{algorithm!r} is none of {', '.join(ALGORITHMS)}")
        self.algorithm = algorithm
        self.kid = kid
        self._made: Any = None

    def token(self, claims: Json) -> str:
        """The claims, signed, in compact form."""
        head = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid}
        signed = f"{_part(head)}.{_part(claims)}"
        return f"{signed}.{_text(self._signature(signed.encode()))}"

    def public(self) -> Json:
        """The public key as it stands in a key set."""
        told: Json = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        numbers = self._key().public_key().public_numbers()
        if self.algorithm == "RS256":
            return told | {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        x, y = (_text(value.to_bytes(_P256_BYTES)) for value in (numbers.x, numbers.y))
        return told | {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def _signature(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: PLC0415 - heavy
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415 - heavy
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - heavy

        if self.algorithm == "RS256":
            signature: bytes = self._key().sign(data, padding.PKCS1v15(), SHA256())
            return signature
        r, s = decode_dss_signature(self._key().sign(data, ec.ECDSA(SHA256())))
        # RFC 7518, section 3.4: both numbers at full length, and no ASN.1 around them.
        return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)

    def _key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - heavy

        if self._made is None:
            is_rsa = self.algorithm == "RS256"
            self._made = (
                rsa.generate_private_key(65537, _RSA_BITS)
                if is_rsa
                else ec.generate_private_key(ec.SECP256R1())
            )
        return self._made


def unsigned(claims: Json) -> str:
    """A token that nobody signed: what a careless reader would take."""
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def _part(value: Any) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
