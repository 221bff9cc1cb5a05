import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from msgspec import structs

from respond.adapters.clock import SystemClock
from respond.adapters.secrets.credential_store import CredentialStore
from respond.adapters.secrets.redactor import Redactor
from respond.errors import NotReadyError

VALUE = "canary-credential"


class Keys:
    """A key store in memory."""

    says = "memory"

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self.values = dict(values)
        self.asked: list[str] = []

    def get(self, name: str) -> bytes | None:
        self.asked.append(name)
        return self.values.get(name)

    def set(self, name: str, value: bytes) -> None:
        self.values[name] = value

    def delete(self, name: str) -> None:
        self.values.pop(name, None)


def a_store(
    references: Mapping[str, str | Sequence[str]] | None = None,
    keys: Keys | None = None,
    redactor: Redactor | None = None,
    folder: Path | None = None,
) -> CredentialStore:
    return CredentialStore(
        references or {},
        keys or Keys({}),
        redactor or Redactor(),
        SystemClock(),
        environment={"PATH": os.environ["PATH"]},
        purposes={"cio/app": "proving that an App API key is dead"},
        folder=folder,
    )


def a_file(path: Path, text: bytes = f"{VALUE}\n".encode(), mode: int = 0o600) -> str:
    path.write_bytes(text)
    path.chmod(mode)
    return f"file:{path}"


def python(program: str) -> list[str]:
    return [sys.executable, "-I", "-c", program]


def test_a_credential_comes_from_the_key_store_once() -> None:
    """It is fetched once a run, and the redactor knows it from then on."""
    keys = Keys({"credential/cio/app": VALUE.encode()})
    redactor = Redactor()
    store = a_store(keys=keys, redactor=redactor)

    assert store.credential("cio/app") == VALUE
    assert store.credential("cio/app") == VALUE
    assert keys.asked == ["credential/cio/app"]
    assert redactor.clean(VALUE) == "[secret cio/app]"


def test_a_missing_credential_says_which_what_for_and_what_to_do() -> None:
    """The three things that a person at night needs."""
    with pytest.raises(NotReadyError) as caught:
        a_store().credential("cio/app")
    assert caught.value.what == "the credential 'cio/app' is not set"
    assert caught.value.why == "it is needed for proving that an App API key is dead"
    assert caught.value.do == "respond connect cio"


def test_a_file_of_our_own_is_read(tmp_path: Path) -> None:
    """One newline at its end is the editor's; the rest is the credential."""
    assert a_store({"cio": a_file(tmp_path / "a")}).credential("cio") == VALUE
    assert a_store({"cio": a_file(tmp_path / "b", b"abc def")}).credential("cio") == "abc def"
    assert a_store({"cio": a_file(tmp_path / "c", b"abcdef\r\n")}).credential("cio") == "abcdef"


@pytest.mark.promise("P22")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o620])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Group and world rights of any kind end it, with the command that mends it."""
    with pytest.raises(NotReadyError, match="others can read or change") as caught:
        a_store({"cio": a_file(tmp_path / "a", mode=mode)}).credential("cio")
    assert caught.value.do == f"chmod 600 {tmp_path / 'a'}"
    assert VALUE not in str(caught.value)


def test_the_service_managers_folder_is_trusted(tmp_path: Path) -> None:
    """There a file may be readable for the service's group, and is named without a path."""
    a_file(tmp_path / "cio", mode=0o440)

    assert a_store({"cio": "file:cio"}, folder=tmp_path).credential("cio") == VALUE
    (tmp_path / "cio").chmod(0o444)
    with pytest.raises(NotReadyError, match="others can read"):
        a_store({"cio": "file:cio"}, folder=tmp_path).credential("cio")
    with pytest.raises(NotReadyError, match="there is none here"):
        a_store({"cio": "file:cio"}).credential("cio")


def test_links_folders_and_pipes_are_no_credential_files(tmp_path: Path) -> None:
    """Only an ordinary file is read; a pipe does not make us wait."""
    a_file(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", ".", "pipe", "missing"):
        with pytest.raises(NotReadyError) as caught:
            a_store({"cio": f"file:{tmp_path / name}"}).credential("cio")
        assert "chmod" not in caught.value.do


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"12345", "fewer than 6"),
        (b"\xff\xfe12345", "is not text"),
        (b"two\nlines", "no credential has"),
        (b"canary\n\n", "no credential has"),
        (b"a\tb c d e", "no credential has"),
        ("caf\u00e9-canary".encode(), "no credential has"),
        (b"x" * 70_000, "more than"),
    ],
)
def test_what_can_not_be_a_credential_is_refused(tmp_path: Path, raw: bytes, why: str) -> None:
    """Found before a request, and not shown."""
    with pytest.raises(NotReadyError, match=why) as caught:
        a_store({"cio": a_file(tmp_path / "a", raw)}).credential("cio")
    assert "canary" not in str(caught.value)


def test_a_program_may_know_the_credential() -> None:
    """Its standard output is the credential."""
    assert a_store({"cio": python(f"print('{VALUE}')")}).credential("cio") == VALUE


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (
            python(f"import sys; print('{VALUE}'); sys.exit('locked')"),
            "exit status 1: locked",
        ),
        (python("print('x' * 100_000)"), "printed too much"),
        (["respond-no-such-program"], "did not start: No such file"),
        ([], "has no words"),
    ],
)
def test_a_program_that_fails_is_quoted_without_its_output(argv: list[str], why: str) -> None:
    """What it complains about is shown; what it printed may be the credential."""
    with pytest.raises(NotReadyError, match="cannot be fetched") as caught:
        a_store({"cio": argv}).credential("cio")
    assert why in caught.value.why
    assert VALUE not in str(caught.value)


def test_a_place_that_nobody_knows_is_refused() -> None:
    """An environment variable, above all, is no place."""
    with pytest.raises(NotReadyError, match="not known"):
        a_store({"cio": "env:TOKEN"}).credential("cio")


def test_a_new_value_replaces_the_old_one() -> None:
    """After a rotation the run goes on with the new credential, and so does the next one."""
    keys = Keys({"credential/cio": b"old-credential"})
    redactor = Redactor()
    store = a_store(keys=keys, redactor=redactor)
    assert store.credential("cio") == "old-credential"
    store.keep("cio", "new-credential")

    assert store.credential("cio") == "new-credential"
    assert a_store(keys=keys).credential("cio") == "new-credential"
    assert keys.values == {"credential/cio": b"new-credential"}
    assert redactor.clean("old-credential new-credential") == "[secret cio] [secret cio]"


def test_a_credential_that_lives_elsewhere_is_not_replaced(tmp_path: Path) -> None:
    """Who keeps it in a file or a password manager has to put the new one there."""
    store = a_store({"cio": a_file(tmp_path / "a")})

    with pytest.raises(NotReadyError, match="kept outside of respond"):
        store.keep("cio", "new-credential")
    assert store.credential("cio") == VALUE


@pytest.mark.promise("P22")
def test_a_store_shows_nothing_of_what_it_holds() -> None:
    """Neither its text nor its fields hold a value in clear."""
    store = a_store(keys=Keys({}))
    store.keep("cio", VALUE)

    assert VALUE not in f"{store!r} {structs.asdict(store)!r}"
