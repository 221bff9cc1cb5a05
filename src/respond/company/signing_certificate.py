"""A certificate as somebody would paste it into single sign-on, until a moment of the company's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["made_certificate"]


def made_certificate(name: str, ends_s: int) -> str:
    """PEM of a certificate that signs itself and holds until then; its key is thrown away."""
    from cryptography import x509  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    ends = datetime.fromtimestamp(ends_s, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
