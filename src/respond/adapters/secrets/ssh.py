"""Have a text signed by the person's own SSH key, with OpenSSH's ``ssh-keygen``.

Passphrases, agents and hardware keys are that program's work: it talks with the person on the
terminal, and no private key comes near us. What comes back is checked before it is given on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from respond.adapters.command import TookTooLongError, minimal_environment
from respond.adapters.ordinary_file import is_file, read_ordinary
from respond.audit.ssh_signature import (
    PublicKey,
    SignatureRefusedError,
    fingerprints,
    is_hardware,
    public_key,
    verify,
)
from respond.core.records import Frozen
from respond.core.showable import showable
from respond.errors import NotReadyError, RefusedByPersonError

__all__ = ["check_signature", "public_line", "sign"]

_TIMEOUT_S: Final = 60.0
"""How long one key may take: a passphrase is typed, a device is looked for and touched."""

_KEPT: Final = (
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "TERM",
)
_KEYGEN: Final = "ssh-keygen"
_LISTER: Final = "ssh-add"
_LIST_S: Final = 10.0
_END_S: Final = 5.0
_FILE_BYTES_MAX: Final = 16_384
_FILES_MAX: Final = 200
_SHOWN_MAX: Final = 8
_CHATTER: Final = ("Signing data on standard input",)


def check_signature(keys: Sequence[str], text: bytes, signature: str, namespace: str) -> str:
    """Check a signature, and give the fingerprint of the listed key that made it.

    Raises:
        RefusedByPersonError: It does not count.
    """
    try:
        return verify(keys, text, signature, namespace)
    except SignatureRefusedError as error:
        raise RefusedByPersonError("the signature does not count", why=str(error)) from error


def public_line(key_file: Path) -> str:
    """The public key beside a private key file, as ``respond.toml`` lists keys.

    Raises:
        NotReadyError: There is none to be read.
    """
    key = _beside(key_file)
    if key is None:
        raise NotReadyError(
            f"there is no public key in {showable(str(key_file))}.pub",
            do="name the private key file that has its .pub file beside it",
        )
    return key.line


def proof_of(line: str) -> frozenset[str]:
    """What proves that a text was signed with this key: its fingerprint."""
    return fingerprints([line])


def sign(
    text: bytes,
    keys: Sequence[str],
    *,
    namespace: str,
    environment: Mapping[str, str],
    key_file: Path | None = None,
    say: Callable[[str], None] = lambda _text: None,
    timeout_s: float = _TIMEOUT_S,
) -> str:
    """Sign with one of the listed keys: one that the agent has, or else one in ``~/.ssh``.

    Args:
        keys: The person's public keys, as ``respond.toml`` lists them.
        environment: Of our own process; ssh-keygen gets only what SSH needs of it.
        key_file: Sign with this one, and with no other; still it has to be a listed one.
        say: Told what the person has to do, such as to touch the key.
        timeout_s: For each key that is tried, in seconds.

    Raises:
        NotReadyError: There is no ssh-keygen, no key of this person here, or it did not sign.
    """
    listed = _listed(keys)
    program = _Program.find(environment, timeout_s)
    with _tried(program, listed, key_file) as ways:
        complaints = []
        for key, path in ways:
            if key is not None and is_hardware(key):
                say(f"touch the security key when it blinks ({key.fingerprint})")
            try:
                made = program.sign(text, path, namespace)
                verify(keys, text, made, namespace)
            except (_RefusedError, SignatureRefusedError) as error:
                name = key.fingerprint if key is not None else showable(str(path))
                complaints.append(f"{name}: {error}")
            else:
                return made
    raise NotReadyError(
        "nothing was signed",
        why="; ".join(complaints),
        do="try again (passphrase, touch, agent), or choose another key: --key FILE",
    )


class _RefusedError(Exception):
    """This key did not sign; the text says why."""


def _listed(keys: Sequence[str]) -> tuple[PublicKey, ...]:
    """Those keys of the person that can be used.

    Raises:
        NotReadyError: There is none.
    """
    found, faults = [], []
    for line in keys:
        try:
            found.append(public_key(line))
        except SignatureRefusedError as error:
            faults.append(str(error))
    if not found:
        raise NotReadyError(
            "you have no SSH key in respond.toml that can sign",
            why="; ".join(dict.fromkeys(faults)) or "ssh_keys of your [[person]] is empty",
            do="add the public key to ssh_keys there: the line in ~/.ssh/id_ed25519.pub",
        )
    return tuple(found)


@contextmanager
def _tried(
    program: _Program, listed: Sequence[PublicKey], key_file: Path | None
) -> Iterator[list[tuple[PublicKey | None, Path]]]:
    """The keys that can be signed with here, in the order in which they are tried.

    Raises:
        NotReadyError: There is none.
    """
    if key_file is not None:
        if not is_file(key_file):
            raise NotReadyError(f"there is no key file {showable(str(key_file))}")
        yield [(_beside(key_file), key_file)]
        return
    in_agent = program.agent()
    files = _files(program.home / ".ssh")
    with tempfile.TemporaryDirectory(prefix="respond-ssh-") as folder:
        ways: list[tuple[PublicKey | None, Path]] = []
        for number, key in enumerate(listed):
            if in_agent is not None and key.blob in in_agent:
                ways.append((key, _written(Path(folder) / f"{number}.pub", key)))
        ways += [(key, files[key.blob]) for key in listed if key.blob in files]
        if not ways:
            raise _no_key(listed, in_agent)
        yield ways


def _written(path: Path, key: PublicKey) -> Path:
    """The public key in a file of its own: beside it lies no private one, so the agent signs."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key.line}\n")
    return path


def _no_key(
    listed: Sequence[PublicKey], in_agent: Mapping[bytes, PublicKey] | None
) -> NotReadyError:
    agent = "there is no ssh-agent"
    if in_agent is not None:
        agent = f"the agent has {_shown([key.fingerprint for key in in_agent.values()])}"
    return NotReadyError(
        "none of your SSH keys is on this machine",
        why=f"respond.toml lists {_shown([key.fingerprint for key in listed])}; {agent}, "
        "and no .pub file in ~/.ssh is one of them",
        do="ssh-add it, or name it: --key FILE; or decide on the machine that has it",
    )


def _shown(fingerprints: Sequence[str]) -> str:
    if not fingerprints:
        return "no key"
    more = len(fingerprints) - _SHOWN_MAX
    return ", ".join(fingerprints[:_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def _files(folder: Path) -> Mapping[bytes, Path]:
    """Private key files that have a ``.pub`` file beside them, by their public key."""
    found: dict[bytes, Path] = {}
    for path in sorted(folder.glob("*.pub"))[:_FILES_MAX]:
        private = path.with_suffix("")
        key = _beside(private)
        if key is not None and is_file(private):
            found.setdefault(key.blob, private)
    return found


def _beside(private: Path) -> PublicKey | None:
    """The public key in the file beside a private one; None when there is none to be read."""
    try:
        line = read_ordinary(Path(f"{private}.pub"), _FILE_BYTES_MAX).decode("utf-8", "replace")
        return public_key(line)
    except (OSError, SignatureRefusedError):
        return None


# --- OpenSSH's programs -------------------------------------------------------------------------


class _Program(Frozen):
    """``ssh-keygen`` and ``ssh-add``, and what they may know of us."""

    keygen: str
    lister: str
    environment: Mapping[str, str]
    timeout_s: float

    @classmethod
    def find(cls, source: Mapping[str, str], timeout_s: float) -> _Program:
        """Look for them in PATH.

        Raises:
            NotReadyError: There is no ssh-keygen.
        """
        environment = minimal_environment(source, _KEPT)
        keygen = shutil.which(_KEYGEN, path=environment["PATH"])
        if keygen is None:
            raise NotReadyError(
                "there is no ssh-keygen on this machine, and it makes the signatures",
                do="install OpenSSH 8.2 or later, or decide on the page",
            )
        lister = shutil.which(_LISTER, path=environment["PATH"]) or ""
        return cls(keygen, lister, environment, timeout_s)

    @property
    def home(self) -> Path:
        return Path(self.environment.get("HOME") or "/nowhere")

    def agent(self) -> Mapping[bytes, PublicKey] | None:
        """The keys that the agent has, by their bytes; None when no agent answers."""
        if not self.lister or not self.environment.get("SSH_AUTH_SOCK"):
            return None
        try:
            status, output, _ = self._run([self.lister, "-L"], b"", _LIST_S)
        except (TookTooLongError, OSError):
            return None
        if status not in (0, 1):  # 1: it has none.
            return None
        found: dict[bytes, PublicKey] = {}
        for line in output.splitlines():
            try:
                key = public_key(line)
            except SignatureRefusedError:
                continue  # "The agent has no identities", or a key that we take nothing from.
            found[key.blob] = key
        return found

    def sign(self, text: bytes, path: Path, namespace: str) -> str:
        """One signature.

        Raises:
            _RefusedError: It was not made.
        """
        argv = [self.keygen, "-Y", "sign", "-n", namespace, "-f", str(path)]
        try:
            status, output, complaint = self._run(argv, text, self.timeout_s)
        except TookTooLongError:
            raise _RefusedError(f"no passphrase or touch within {self.timeout_s:g} s") from None
        except OSError as error:
            raise _RefusedError(f"ssh-keygen: {error.strerror or type(error).__name__}") from error
        if status:
            raise _RefusedError(complaint or f"ssh-keygen ended with {status}")
        return output

    def _run(self, argv: Sequence[str], given: bytes, timeout_s: float) -> tuple[int, str, str]:
        """Run it with our terminal, on which it asks for passphrases: exit, output, complaint.

        It stays in our session and process group: another one could not read the terminal.
        """
        with subprocess.Popen(  # noqa: S603 - a list, the program found in PATH, no shell
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(self.environment),
        ) as process:
            try:
                output, complaint = process.communicate(given, timeout_s)
            except subprocess.TimeoutExpired:
                _end(process)
                raise TookTooLongError from None
            except KeyboardInterrupt:
                _end(process)
                raise
        lines = complaint.decode("utf-8", "replace").splitlines()
        told = " ".join(line.strip() for line in lines if line.strip() not in _CHATTER)
        shown = showable(told, limit=200)
        return process.returncode, output.decode("ascii", "replace"), shown


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it, gently first: asked for a passphrase, it has switched off the terminal's echo."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
