"""SSH signatures: what counts, and that nothing else does.

Signatures in ``tests/data/ssh`` were made once by ``ssh-keygen``; those of hardware keys are made
here, after PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from respond.audit.ssh_signature import (
    SIGNATURE_CHARACTERS_MAX,
    SignatureRefusedError,
    is_hardware,
    public_key,
    verify,
)

pytestmark = pytest.mark.promise("P11")

DATA = Path(__file__).parents[1] / "data" / "ssh"
KINDS = ("ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048")
TEXT = (DATA / "text").read_bytes()
NAMESPACE = "approval@respond"


def key_of(kind: str) -> str:
    return (DATA / f"{kind}.pub").read_text()


def signature_of(kind: str) -> str:
    return (DATA / f"{kind}.sig").read_text()


def string(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def armored(raw: bytes) -> str:
    text = base64.b64encode(raw).decode()
    lines = "\n".join(text[at : at + 70] for at in range(0, len(text), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"


def unarmored(text: str) -> bytes:
    return base64.b64decode("".join(text.splitlines()[1:-1]))


@dataclass(frozen=True)
class Made:
    """A signature in its parts, so that each can be made otherwise."""

    blob: bytes
    sign: Callable[[bytes], bytes]
    magic: bytes = b"SSHSIG"
    version: int = 1
    namespace: bytes = NAMESPACE.encode()
    reserved: bytes = b""
    hash: bytes = b"sha512"
    behind: bytes = b""

    @property
    def line(self) -> str:
        kind = self.blob[4 : 4 + int.from_bytes(self.blob[:4], "big")].decode()
        return f"{kind} {base64.b64encode(self.blob).decode()} made@here"

    def text(self, text: bytes = TEXT) -> str:
        name = self.hash.decode() if self.hash in (b"sha256", b"sha512", b"sha1") else "sha512"
        digest = hashlib.new(name, text).digest()
        parts = (self.namespace, self.reserved, self.hash, digest)
        signed = b"SSHSIG" + b"".join(map(string, parts))
        fields = (self.blob, self.namespace, self.reserved, self.hash, self.sign(signed))
        whole = self.magic + self.version.to_bytes(4, "big") + b"".join(map(string, fields))
        return armored(whole + self.behind)


def raw_public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def made_ed25519() -> Made:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    blob = string(b"ssh-ed25519") + string(raw_public(key))
    return Made(blob, lambda signed: string(b"ssh-ed25519") + string(key.sign(signed)))


def as_device(application: bytes, flags: int, signed: bytes) -> tuple[bytes, bytes]:
    """What a hardware key signs, and what stands behind its signature."""
    behind = bytes([flags]) + (7).to_bytes(4, "big")
    digests = hashlib.sha256(application).digest(), hashlib.sha256(signed).digest()
    return digests[0] + behind + digests[1], behind


def made_sk_ed25519(flags: int = 1, application: bytes = b"ssh:") -> Made:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    kind = string(b"sk-ssh-ed25519@openssh.com")

    def sign(signed: bytes) -> bytes:
        what, behind = as_device(b"ssh:", flags, signed)
        return kind + string(key.sign(what)) + behind

    return Made(kind + string(raw_public(key)) + string(application), sign)


def ecdsa_blob(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


def made_sk_ecdsa(flags: int = 1) -> Made:
    key = ec.derive_private_key(123_456_789, ec.SECP256R1())
    kind = string(b"sk-ecdsa-sha2-nistp256@openssh.com")

    def sign(signed: bytes) -> bytes:
        what, behind = as_device(b"ssh:", flags, signed)
        r, s = decode_dss_signature(key.sign(what, ec.ECDSA(hashes.SHA256())))
        return kind + string(mpint(r) + mpint(s)) + behind

    return Made(kind + string(b"nistp256") + string(ecdsa_blob(key)) + string(b"ssh:"), sign)


def made_rsa(bits: int, name: bytes, digest: hashes.HashAlgorithm) -> Made:
    key = rsa.generate_private_key(65_537, bits)
    numbers = key.public_key().public_numbers()
    blob = string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)
    return Made(blob, lambda signed: string(name) + string(key.sign(signed, PKCS1v15(), digest)))


def refused(line: str, signature: str, *, text: bytes = TEXT, namespace: str = NAMESPACE) -> str:
    with pytest.raises(SignatureRefusedError) as caught:
        verify([line], text, signature, namespace)
    return str(caught.value)


# --- what counts --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_of_a_listed_key_counts(kind: str) -> None:
    """What ssh-keygen made is taken, and says which of the listed keys it was."""
    others = [key_of(other) for other in KINDS if other != kind]

    assert verify([*others, key_of(kind)], TEXT, signature_of(kind), NAMESPACE) == (
        public_key(key_of(kind)).fingerprint
    )


def test_a_fingerprint_is_the_one_that_ssh_shows() -> None:
    """A person can compare it with what `ssh-keygen -l` prints."""
    blob = base64.b64decode(key_of("ed25519").split()[1])
    shown = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")

    assert public_key(key_of("ed25519")).fingerprint == f"SHA256:{shown}"


@pytest.mark.parametrize("made", [made_sk_ed25519(), made_sk_ed25519(5), made_sk_ecdsa()])
def test_a_touched_hardware_key_counts(made: Made) -> None:
    """Presence is wanted; that a PIN was given as well does no harm."""
    assert is_hardware(public_key(made.line))
    assert verify([made.line], TEXT, made.text(), NAMESPACE) == public_key(made.line).fingerprint


@pytest.mark.parametrize("make", [made_sk_ed25519, made_sk_ecdsa])
def test_a_hardware_key_that_was_not_touched_does_not(make: Callable[[int], Made]) -> None:
    """Somebody on the machine could have used it while its owner was away."""
    for flags in (0, 4):
        made = make(flags)
        assert "not touched" in refused(made.line, made.text())


def test_a_hardware_key_of_another_application_does_not() -> None:
    """A login to a web site is signed by the same device, and is no approval."""
    made = made_sk_ed25519(1, b"https://evil.example")
    refused(made.line, made.text())


def test_both_hashes_of_the_text_are_taken() -> None:
    """SHA-256 and SHA-512, as OpenSSH makes them."""
    for name in (b"sha256", b"sha512"):
        made = replace(made_ed25519(), hash=name)
        verify([made.line], TEXT, made.text(), NAMESPACE)


# --- what does not ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_changed_byte_is_found(kind: str) -> None:
    """No byte of a signature can be another one."""
    line, whole = key_of(kind), unarmored(signature_of(kind))
    for place in range(len(whole)):
        for bit in (0x01, 0x80):
            changed = bytearray(whole)
            changed[place] ^= bit
            refused(line, armored(bytes(changed)))


@pytest.mark.parametrize("made", [made_sk_ed25519(), made_sk_ecdsa()])
def test_every_changed_byte_of_a_hardware_signature_is_found(made: Made) -> None:
    """Flags and counter are signed too."""
    whole = unarmored(made.text())
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x02
        refused(made.line, armored(bytes(changed)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.long
def test_every_changed_character_is_found(kind: str) -> None:
    """There is one way to write a signature down."""
    whole = signature_of(kind)
    for place, character in enumerate(whole):
        for other in ("A", " ", "="):
            if other != character:
                refused(key_of(kind), whole[:place] + other + whole[place + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_is_found(kind: str) -> None:
    """Neither the text nor the bytes may end early."""
    whole = unarmored(signature_of(kind))
    for length in range(len(whole)):
        refused(key_of(kind), armored(whole[:length]))
    refused(key_of(kind), signature_of(kind)[:-2])


@pytest.mark.parametrize("kind", KINDS)
def test_another_text_namespace_or_key_is_refused(kind: str) -> None:
    """A signature is for one text, one purpose and one listed key."""
    line, signature = key_of(kind), signature_of(kind)

    assert "another text" in refused(line, signature, text=TEXT + b"\n")
    assert "another text" in refused(line, signature, text=b"")
    for namespace in ("file", "git", "", f"{NAMESPACE}\0", NAMESPACE.upper()):
        assert "another purpose" in refused(line, signature, namespace=namespace)
    other = next(key_of(each) for each in KINDS if each != kind)
    assert "not listed" in refused(other, signature)


def test_no_listed_key_takes_no_signature() -> None:
    """An empty list, an empty line and a broken one let nobody in."""
    for lines in ([], [""], ["ssh-ed25519"], ["ssh-ed25519 AAAA"], [" "], ["# key"]):
        with pytest.raises(SignatureRefusedError, match="not listed"):
            verify(lines, TEXT, signature_of("ed25519"), NAMESPACE)


def test_a_broken_line_does_not_take_away_the_others() -> None:
    """One slip in the list must not lock everybody out."""
    lines = ["ssh-ed25519 AAAA", "", key_of("ed25519")]
    verify(lines, TEXT, signature_of("ed25519"), NAMESPACE)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"magic": b"SSHSIX"}, "no SSH signature"),
        ({"version": 0}, "version 0"),
        ({"version": 2}, "version 2"),
        ({"reserved": b"x"}, "reserved"),
        ({"hash": b"sha1"}, "hash"),
        ({"hash": b"sha384"}, "hash"),
        ({"hash": b""}, "hash"),
        ({"hash": b"\xff"}, "plain text"),
        ({"behind": b"\0"}, "follows"),
    ],
)
def test_a_well_signed_oddity_is_refused(change: dict[str, bytes], why: str) -> None:
    """The key's owner signed it, and still it is not in the one form that is taken."""
    made = replace(made_ed25519(), **change)  # type: ignore[arg-type]  # one field at a time
    assert why in refused(made.line, made.text())


@pytest.mark.parametrize("make", [made_ed25519, made_sk_ed25519, made_sk_ecdsa])
def test_nothing_follows_inside_a_signature_either(make: Callable[[], Made]) -> None:
    """Each of its parts is used up."""
    made = make()
    longer = replace(made, sign=lambda signed: made.sign(signed) + b"\0")
    assert "follows" in refused(made.line, longer.text())


def test_huge_lengths_are_refused() -> None:
    """A length beyond the end is no reason to reserve memory for it."""
    whole = unarmored(signature_of("ed25519"))
    for place in range(len(whole) - 4):
        refused(key_of("ed25519"), armored(whole[:place] + b"\xff" * 4 + whole[place + 4 :]))
    long = armored(b"SSHSIG" + bytes(SIGNATURE_CHARACTERS_MAX))
    assert "longer than" in refused(key_of("ed25519"), long)


def test_weak_rsa_is_refused() -> None:
    """Short keys and SHA-1 do not count, though they are listed and sign well."""
    for name, digest in ((b"rsa-sha2-256", hashes.SHA256()), (b"rsa-sha2-512", hashes.SHA512())):
        good = made_rsa(2048, name, digest)
        verify([good.line], TEXT, good.text(), NAMESPACE)
    old = made_rsa(2048, b"ssh-rsa", hashes.SHA1())  # noqa: S303 - what must be refused
    assert "SHA-256 or SHA-512" in refused(old.line, old.text())
    short = made_rsa(1024, b"rsa-sha2-512", hashes.SHA512())
    assert "2048" in refused(short.line, short.text())


def test_a_signature_of_another_kind_than_its_key_is_refused() -> None:
    """The key says how it signs, not the signature."""
    made = made_ed25519()
    other = replace(made, sign=lambda signed: string(b"ssh-rsa") + made.sign(signed)[15:])
    assert "different kinds" in refused(made.line, other.text())


@pytest.mark.parametrize(
    "kind",
    [
        "ssh-dss",
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "ecdsa-sha2-nistp224",
    ],
)
def test_certificates_and_other_kinds_are_refused(kind: str) -> None:
    """Even when somebody listed one."""
    made = made_ed25519()
    blob = string(kind.encode()) + made.blob[15:]
    odd = replace(made, blob=blob)
    assert "kind is not taken" in refused(odd.line, odd.text())
    with pytest.raises(SignatureRefusedError, match="kind is not taken"):
        public_key(odd.line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-rsa " + base64.b64encode(made_ed25519().blob).decode(),
        "from=10.0.0.1 " + made_ed25519().line,
        "ssh-ed25519 " + base64.b64encode(made_ed25519().blob + b"\0").decode(),
        "ssh-ed25519 " + base64.b64encode(made_ed25519().blob[:-1]).decode(),
        "ssh-ed25519 " + "A" * 10_000,
    ],
)
def test_a_line_that_is_no_key_is_refused(line: str) -> None:
    """Other types, options before the key, cut or lengthened ones."""
    with pytest.raises(SignatureRefusedError):
        public_key(line)


def test_numbers_have_one_form() -> None:
    """A zero in front, or a sign, would make a second signature of a first."""
    key = ec.derive_private_key(987_654_321, ec.SECP256R1())
    kind = string(b"ecdsa-sha2-nistp256")
    blob = kind + string(b"nistp256") + string(ecdsa_blob(key))

    def made(write: Callable[[int], bytes]) -> Made:
        def sign(signed: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
            return kind + string(write(r) + write(s))

        return Made(blob, sign)

    good = made(mpint)
    verify([good.line], TEXT, good.text(), NAMESPACE)
    for write in (
        lambda number: string(b"\0" + mpint(number)[4:]),
        lambda _: string(b""),
        lambda _: string(b"\0"),
        lambda _: string(b"\xff" * 32),
    ):
        assert "written" in refused(good.line, made(write).text())


@settings(max_examples=80)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(armored)))
def test_any_text_is_refused_in_the_one_way(text: str) -> None:
    """Whatever comes in, the answer is that one error."""
    refused(key_of("ed25519"), text)


@settings(max_examples=80)
@given(st.text(max_size=200))
def test_any_line_is_no_key_in_the_one_way(line: str) -> None:
    """A list with anything in it can be read."""
    with pytest.raises(SignatureRefusedError):
        public_key(line)


@settings(max_examples=80)
@given(
    st.sampled_from(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256",
                     "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]),
    st.lists(st.binary(max_size=80), max_size=4),
    st.lists(st.binary(max_size=80), max_size=4),
)  # fmt: skip
def test_any_listed_key_and_signature_give_the_one_error(
    kind: str, of_key: list[bytes], of_signature: list[bytes]
) -> None:
    """Well-formed on the outside, anything inside."""
    name = string(kind.encode())
    made = Made(
        name + b"".join(map(string, of_key)),
        lambda _signed: name + b"".join(map(string, of_signature)),
    )
    refused(made.line, made.text())
