"""Signing with the real ssh-keygen, its agent, and its questions on the terminal."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from respond.adapters.secrets.ssh import sign
from respond.audit.ssh_signature import public_key, verify
from respond.errors import NotReadyError

KEYGEN = shutil.which("ssh-keygen")
AGENT = shutil.which("ssh-agent")
ADD = shutil.which("ssh-add")

pytestmark = [
    pytest.mark.promise("P11"),
    pytest.mark.skipif(KEYGEN is None, reason="there is no ssh-keygen on this machine"),
]
with_agent = pytest.mark.skipif(
    AGENT is None or ADD is None, reason="there is no ssh-agent on this machine"
)

TEXT = b"respond approval v1\nrun CK-7F3Q\n"
NAMESPACE = "approval@respond"
PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Home:
    """A person's home folder with keys in it."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.path), "PATH": os.environ["PATH"]}

    def key(self, name: str = "id", kind: str = "ed25519", passphrase: str = "") -> str:
        """Make a key and give its public line."""
        words = ["-t", kind, "-N", passphrase, "-C", "dana@example.com"]
        path = self.path / ".ssh" / name
        subprocess.run([str(KEYGEN), "-q", *words, "-f", str(path)], check=True)  # noqa: S603
        return path.with_suffix(".pub").read_text()

    def script(self, name: str, *lines: str) -> str:
        """A program of ours, and where it is."""
        path = self.path / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o700)
        return str(path)

    def file(self, name: str = "id") -> Path:
        return self.path / ".ssh" / name


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return Home(tmp_path)


@pytest.fixture
def agent(home: Home) -> Iterator[Callable[[str], dict[str, str]]]:
    """An agent of its own; called with a key's name, it takes that key."""
    # Not below tmp_path: the path of a socket has at most about 100 characters.
    with tempfile.TemporaryDirectory() as folder:
        begin = [str(AGENT), "-s", "-a", f"{folder}/agent"]
        said = subprocess.run(begin, check=True, capture_output=True, text=True)  # noqa: S603
        found = re.search(r"SSH_AGENT_PID=(\d+)", said.stdout)
        assert found is not None
        environment = {**home.environment, "SSH_AUTH_SOCK": f"{folder}/agent"}

        def add(name: str) -> dict[str, str]:
            if name:
                words = [str(ADD), "-q", str(home.file(name))]
                subprocess.run(words, check=True, env=environment)  # noqa: S603
            return environment

        try:
            yield add
        finally:
            os.kill(int(found[1]), signal.SIGTERM)


def signed(
    home: Home, *keys: str, environment: dict[str, str] | None = None, key_file: Path | None = None
) -> str:
    given = home.environment if environment is None else environment
    return sign(TEXT, keys, namespace=NAMESPACE, environment=given, key_file=key_file)


def signer(keys: list[str], signature: str) -> str:
    return verify(keys, TEXT, signature, NAMESPACE)


# --- with files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.long
def test_what_is_signed_here_is_taken_here(home: Home, kind: str) -> None:
    """A key file in ~/.ssh that is listed signs, and its fingerprint comes out."""
    line = home.key(kind=kind)
    assert signer([line], signed(home, line)) == public_key(line).fingerprint


def test_openssh_takes_what_we_take(home: Home, tmp_path: Path) -> None:
    """The program that made it agrees with our own check."""
    line = home.key()
    (tmp_path / "sig").write_text(signed(home, line))
    (tmp_path / "allowed").write_text(f"dana {line}")
    words = ["-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "dana", "-n", NAMESPACE]
    told = subprocess.run(  # noqa: S603
        [str(KEYGEN), *words, "-s", str(tmp_path / "sig")],
        input=TEXT,
        capture_output=True,
        check=False,
    )
    assert told.returncode == 0


def test_the_key_that_is_listed_signs_and_no_other(home: Home) -> None:
    """Other keys lie in the folder; the listed one is found by itself, not by its name."""
    home.key("id_ed25519")
    line = home.key("work key")
    home.file("no_private.pub").write_text(line)
    home.file("broken.pub").write_text("ssh-ed25519 AAAA\n")
    home.file("folder.pub").mkdir()

    assert signer([line], signed(home, line)) == public_key(line).fingerprint


def test_a_named_key_file_signs(home: Home) -> None:
    """--key chooses among several listed ones."""
    first, second = home.key("first"), home.key("second")
    made = signed(home, first, second, key_file=home.file("second"))
    assert signer([first, second], made) == public_key(second).fingerprint


def test_a_named_key_that_is_not_listed_is_refused(home: Home) -> None:
    """What is made with another key would only be refused later."""
    mine, stranger = home.key("mine"), home.key("stranger")
    with pytest.raises(NotReadyError, match="nothing was signed") as caught:
        signed(home, mine, key_file=home.file("stranger"))
    assert "not listed" in caught.value.why
    assert public_key(stranger).fingerprint in caught.value.why


def test_a_named_key_file_that_is_not_there(home: Home) -> None:
    """It is named, and what is odd in its name is shown and does nothing."""
    with pytest.raises(NotReadyError, match=r"no key file .*\\x1b") as caught:
        signed(home, home.key(), key_file=Path("\x1b[2J"))
    assert "\x1b" not in str(caught.value)


def test_an_old_kind_of_signature_is_not_given_on(home: Home) -> None:
    """A listed key that is too weak is found before it is used."""
    words = ["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", str(home.file())]
    subprocess.run([str(KEYGEN), *words], check=True)  # noqa: S603
    with pytest.raises(NotReadyError, match="no SSH key in") as caught:
        signed(home, home.file("id.pub").read_text())
    assert "2048" in caught.value.why


# --- with the agent -----------------------------------------------------------------------------


@with_agent
def test_a_key_in_the_agent_signs(home: Home, agent: Callable[[str], dict[str, str]]) -> None:
    """The file is not needed, and may lie on another machine."""
    line = home.key()
    environment = agent("id")
    home.file().unlink()

    assert signer([line], signed(home, line, environment=environment)) == (
        public_key(line).fingerprint
    )


@with_agent
def test_the_agent_is_asked_before_a_file(
    home: Home, agent: Callable[[str], dict[str, str]]
) -> None:
    """A passphrase is asked for only where it must be."""
    in_file, in_agent = home.key("file", passphrase=PASSPHRASE), home.key("agent")
    made = signed(home, in_file, in_agent, environment=agent("agent"))
    assert signer([in_file, in_agent], made) == public_key(in_agent).fingerprint


@with_agent
def test_a_key_that_is_nowhere_says_what_there_is(
    home: Home, agent: Callable[[str], dict[str, str]]
) -> None:
    """The fingerprints that are listed, and those that the agent has."""
    line, other = home.key("gone"), home.key("other")
    home.file("gone").unlink()
    with pytest.raises(NotReadyError, match="none of your SSH keys") as caught:
        signed(home, line, environment=agent("other"))
    assert f"lists {public_key(line).fingerprint}" in caught.value.why
    assert f"the agent has {public_key(other).fingerprint}" in caught.value.why
    with pytest.raises(NotReadyError) as caught:
        signed(home, line)
    assert "there is no ssh-agent" in caught.value.why


@with_agent
def test_an_agent_without_keys_is_said_to_have_none(
    home: Home, agent: Callable[[str], dict[str, str]]
) -> None:
    """That is another trouble than an agent that is not there."""
    line = home.key()
    home.file().unlink()
    with pytest.raises(NotReadyError) as caught:
        signed(home, line, environment=agent(""))
    assert "the agent has no key" in caught.value.why


def test_an_agent_that_is_gone_does_not_stop_a_file(home: Home) -> None:
    """A stale SSH_AUTH_SOCK is common after a new login."""
    environment = {**home.environment, "SSH_AUTH_SOCK": "/nowhere/agent"}
    line = home.key()
    signer([line], signed(home, line, environment=environment))


# --- people -------------------------------------------------------------------------------------


def test_a_passphrase_is_asked_for_on_the_terminal(home: Home) -> None:
    """By ssh-keygen itself: it never comes through us."""
    line = home.key(passphrase=PASSPHRASE)
    program = (
        "import os, sys\n"
        "from respond.adapters.secrets.ssh import sign\n"
        "made = sign(sys.argv[1].encode(), [sys.argv[2]], namespace=sys.argv[3],\n"
        "            environment=os.environ)\n"
        "print(made)\n"
    )
    child = pexpect.spawn(
        sys.executable,
        ["-c", program, TEXT.decode(), line, NAMESPACE],
        env={**home.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        encoding="utf-8",
        timeout=120,
    )
    child.expect("Enter passphrase")
    child.sendline(PASSPHRASE)
    child.expect(r"-----BEGIN[^$]*-----END SSH SIGNATURE-----")
    made = str(child.after).replace("\r", "")
    child.expect(pexpect.EOF)
    child.close()

    assert signer([line], made) == public_key(line).fingerprint
    assert PASSPHRASE not in str(child.before)


def test_a_wrong_passphrase_is_said(home: Home) -> None:
    """In ssh-keygen's words, with the key that it was for."""
    line = home.key(passphrase=PASSPHRASE)
    ask = {"SSH_ASKPASS": home.script("ask", "echo wrong"), "SSH_ASKPASS_REQUIRE": "force"}
    with pytest.raises(NotReadyError, match="nothing was signed") as caught:
        signed(home, line, environment=home.environment | ask)
    assert "incorrect passphrase" in caught.value.why
    assert public_key(line).fingerprint in caught.value.why


def test_the_right_passphrase_from_a_window_signs(home: Home) -> None:
    """SSH_ASKPASS reaches the program."""
    line = home.key(passphrase=PASSPHRASE)
    ask = {
        "SSH_ASKPASS": home.script("ask", f"echo '{PASSPHRASE}'"),
        "SSH_ASKPASS_REQUIRE": "force",
    }
    signer([line], signed(home, line, environment=home.environment | ask))


def test_nobody_there_does_not_hang(home: Home) -> None:
    """A question that nobody answers ends after its time, and says so."""
    line = home.key(passphrase=PASSPHRASE)
    # It waits for as long as ssh-keygen does, so that nothing is left behind.
    wait = home.script("ask", "while kill -0 $PPID 2>/dev/null; do sleep 0.05; done")
    environment = {**home.environment, "SSH_ASKPASS": wait, "SSH_ASKPASS_REQUIRE": "force"}
    with pytest.raises(NotReadyError) as caught:
        sign(TEXT, [line], namespace=NAMESPACE, environment=environment, timeout_s=0.3)
    assert "within 0.3 s" in caught.value.why


def test_a_person_is_told_to_touch_a_hardware_key(home: Home) -> None:
    """Its light blinks, and nobody else says why."""
    blob = b"".join(
        len(part).to_bytes(4, "big") + part
        for part in (b"sk-ssh-ed25519@openssh.com", bytes(range(32)), b"ssh:")
    )
    line = f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}"
    home.file("sk.pub").write_text(line)
    home.file("sk").write_text("no key")
    told: list[str] = []
    with pytest.raises(NotReadyError, match="nothing was signed"):
        sign(TEXT, [line], namespace=NAMESPACE, environment=home.environment, say=told.append)
    assert told == [f"touch the security key when it blinks ({public_key(line).fingerprint})"]


# --- the program --------------------------------------------------------------------------------


def test_without_ssh_keygen_it_is_said(home: Home) -> None:
    """Nothing else can sign; the page still can be used."""
    with pytest.raises(NotReadyError, match="no ssh-keygen"):
        signed(home, home.key(), environment={"HOME": str(home.path), "PATH": "/nowhere"})


@pytest.mark.promise("P22")
def test_it_sees_only_what_ssh_needs(home: Home) -> None:
    """No credential that lies in our environment reaches it."""
    home.script("ssh-keygen", "env >&2", "exit 1")
    line = home.key()
    environment = {**home.environment, "PATH": f"{home.path}:/usr/bin:/bin", "TOKEN": "canary"}
    with pytest.raises(NotReadyError) as caught:
        signed(home, line, environment=environment | {"TERM": "xterm"})
    assert "TERM=xterm" in caught.value.why
    assert "canary" not in caught.value.why


@pytest.mark.parametrize("says", ["", "-----BEGIN SSH SIGNATURE-----", "\x1b[2J", "signed!"])
def test_a_program_that_signs_nothing_is_found_out(home: Home, says: str) -> None:
    """What comes back is checked here before anybody relies on it."""
    home.script("ssh-keygen", f"printf '%s' '{says}'")
    environment = {**home.environment, "PATH": f"{home.path}:/usr/bin:/bin"}
    with pytest.raises(NotReadyError, match="nothing was signed") as caught:
        signed(home, home.key(), environment=environment)
    assert "\x1b" not in str(caught.value)


def test_a_signature_over_another_text_is_found_out(home: Home) -> None:
    """A replaced program cannot slip us what it signed before."""
    line = home.key()
    other = sign(b"another", [line], namespace=NAMESPACE, environment=home.environment)
    (home.path / "made").write_text(other)
    home.script("ssh-keygen", f"cat '{home.path}/made'")
    environment = {**home.environment, "PATH": f"{home.path}:/usr/bin:/bin"}
    with pytest.raises(NotReadyError) as caught:
        signed(home, line, environment=environment)
    assert "another text" in caught.value.why


@pytest.mark.parametrize("keys", [[], [""], ["ssh-dss AAAA"]])
def test_a_person_without_a_usable_key_is_told(home: Home, keys: list[str]) -> None:
    """And where to put one."""
    with pytest.raises(NotReadyError, match="no SSH key in") as caught:
        signed(home, *keys)
    assert "ssh_keys" in caught.value.do


def test_nothing_is_left_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public key that is handed to the agent goes with its folder."""
    scratch = home.path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    signed(home, home.key())
    assert list(scratch.iterdir()) == []
