"""A personal key that is good for one rehearsal, so that going alone can be practised (P14)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from respond.adapters.ordinary_file import is_file
from respond.adapters.secrets import ssh
from respond.core.approval import NAMESPACE

__all__ = ["rehearsed_key"]


def rehearsed_key(folder: Path) -> tuple[str, Callable[[str, str], Mapping[str, str]]]:
    """The public line of the operator's key, and what signs with it as ``ssh-keygen`` does.

    It lies beside the journal of the rehearsal, where only its owner reads it.
    """
    private = folder / "operator_key"
    if not is_file(private):
        _make(private)
    line = ssh.public_line(private)

    def sign(text: str, person: str) -> Mapping[str, str]:
        del person  # The one who rehearses.
        signature = ssh.sign(
            text.encode(), [line], namespace=NAMESPACE, environment=os.environ, key_file=private
        )
        fingerprint = ssh.check_signature([line], text.encode(), signature, NAMESPACE)
        return {"text": text, "signature": signature, "key": fingerprint}

    return line, sign


def _make(private: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, data in ((private, secret), (private.with_name(f"{private.name}.pub"), public)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data + b"\n")
