from __future__ import annotations

import base64
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from respond.adapters.secrets import key_stores as keys_module
from respond.adapters.secrets.key_stores import FolderKeys, KeyringKeys, MemoryKeys
from respond.errors import NotReadyError
from respond.testing.contract_keys import KeyStoreContract

if TYPE_CHECKING:
    from respond.ports import KeyStore

PASSWD = 65534  # nobody


class SmallKeyring:
    """A keyring of this process: it remembers, can be locked, and can be broken."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False
        self.keeps = True

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        if self.keeps:
            self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        from keyring.errors import PasswordDeleteError  # noqa: PLC0415 (slow)

        self._check()
        if (service, username) not in self.entries:
            raise PasswordDeleteError("not found")
        del self.entries[service, username]

    def _check(self) -> None:
        from keyring.errors import KeyringLocked  # noqa: PLC0415 (slow)

        if self.locked:
            raise KeyringLocked("locked")


class TestMemoryKeys(KeyStoreContract):
    @pytest.fixture
    def keys(self) -> KeyStore:
        return MemoryKeys()


class TestFolderKeys(KeyStoreContract):
    @pytest.fixture
    def keys(self, tmp_path: Path) -> KeyStore:
        return FolderKeys(tmp_path / "keys")

    def test_another_object_reads_them(self, tmp_path: Path) -> None:
        """What one process wrote, the next one reads."""
        FolderKeys(tmp_path / "keys").set("signing-key/J", b"s")
        assert FolderKeys(tmp_path / "keys").get("signing-key/J") == b"s"

    @pytest.mark.promise("P22")
    def test_modes(self, tmp_path: Path) -> None:
        """The folder is 0700 and each file 0600, whatever the umask is."""
        before = os.umask(0)
        try:
            FolderKeys(tmp_path / "keys").set("a", b"1")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        assert [stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "keys").iterdir()] == [0o600]

    @pytest.mark.promise("P22")
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
    def test_a_file_that_others_can_open_is_refused(self, tmp_path: Path, mode: int) -> None:
        """A key that others could read is known to others, and is not used."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("a", b"1")
        next((tmp_path / "keys").iterdir()).chmod(mode)
        with pytest.raises(NotReadyError, match="open to other users"):
            keys.get("a")

    @pytest.mark.promise("P22")
    def test_a_folder_that_others_can_open_is_refused(self, tmp_path: Path) -> None:
        """In a folder that others can write to, keys can be exchanged: it is not used at all."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("a", b"1")
        (tmp_path / "keys").chmod(0o770)
        with pytest.raises(NotReadyError, match="open to other users"):
            keys.get("a")
        with pytest.raises(NotReadyError, match="open to other users"):
            keys.set("a", b"2")
        with pytest.raises(NotReadyError, match="open to other users"):
            keys.delete("a")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
    def test_a_foreign_file_is_refused(self, tmp_path: Path) -> None:
        """A key file that belongs to somebody else is not read."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("a", b"1")
        os.chown(next((tmp_path / "keys").iterdir()), PASSWD, PASSWD)
        with pytest.raises(NotReadyError, match="belongs to somebody else"):
            keys.get("a")

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        """A link in the place of a key file is refused, so that no other file is read for it."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("a", b"1")
        file = next((tmp_path / "keys").iterdir())
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(NotReadyError):
            keys.get("a")

    def test_a_left_over_file_is_no_hindrance(self, tmp_path: Path) -> None:
        """Writing leaves exactly one file, after an earlier crash in the middle of it too."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("a", b"1")
        keys.set("a", b"2")
        assert len(list((tmp_path / "keys").iterdir())) == 1

    @pytest.mark.promise("P23")
    def test_the_mark_is_written_over_in_its_file(self, tmp_path: Path) -> None:
        """It moves with each intent: one sync in a file that stays, and no new one each time."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("high-water/J", b"1 aa")
        (file,) = (tmp_path / "keys").iterdir()
        found = file.stat()
        for size in range(2, 9):
            keys.set("high-water/J", b"%d bb" % size)
            assert FolderKeys(tmp_path / "keys").get("high-water/J") == b"%d bb" % size
        assert list((tmp_path / "keys").iterdir()) == [file]
        assert (file.stat().st_ino, file.stat().st_size) == (found.st_ino, found.st_size)

    @pytest.mark.promise("P23")
    @pytest.mark.parametrize("place", [0, 4096])
    @pytest.mark.parametrize("at", [0, 31, 32, 39, 40, 42, 45])
    def test_a_mark_that_is_not_whole_counts_for_nothing(
        self, tmp_path: Path, place: int, at: int
    ) -> None:
        """Of two places one was met by a power cut: the other is the mark, and goes on from there.

        When neither is whole, that is said, and nothing is taken for the mark.
        """
        keys = FolderKeys(tmp_path / "keys")
        keys.set("high-water/J", b"7 aa")
        keys.set("high-water/J", b"8 bb")
        (file,) = (tmp_path / "keys").iterdir()
        content = bytearray(file.read_bytes())
        content[place + at] ^= 1
        file.write_bytes(content)
        left = b"8 bb" if place == 0 else b"7 aa"
        assert keys.get("high-water/J") == left
        keys.set("high-water/J", b"9 cc")
        assert keys.get("high-water/J") == b"9 cc"
        file.write_bytes(bytes(len(content)))
        with pytest.raises(NotReadyError, match="neither place"):
            keys.get("high-water/J")
        with pytest.raises(NotReadyError, match="neither place"):
            keys.set("high-water/J", b"10 dd")

    @pytest.mark.promise("P23")
    def test_a_mark_of_an_older_version_is_read_and_goes_on(self, tmp_path: Path) -> None:
        """There the file was the value itself."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("high-water/J", b"7 aa")
        (file,) = (tmp_path / "keys").iterdir()
        file.write_bytes(b"6 of an older version")
        assert keys.get("high-water/J") == b"6 of an older version"
        keys.set("high-water/J", b"8 bb")
        keys.set("high-water/J", b"9 cc")
        assert keys.get("high-water/J") == b"9 cc"

    @pytest.mark.promise("P22")
    def test_a_secret_that_was_replaced_stays_nowhere(self, tmp_path: Path) -> None:
        """Only the mark, which is no secret, leaves what it was in its file."""
        keys = FolderKeys(tmp_path / "keys")
        for value in (b"the first of them", b"the second", b"the third"):
            keys.set("run-key/CK-1", value)
        assert [p.read_bytes() for p in (tmp_path / "keys").iterdir()] == [b"the third"]

    @pytest.mark.promise("P22")
    def test_a_mark_that_others_can_write_is_refused(self, tmp_path: Path) -> None:
        """It is neither read nor written over, and a link in its place is not followed."""
        keys = FolderKeys(tmp_path / "keys")
        keys.set("high-water/J", b"7 aa")
        (file,) = (tmp_path / "keys").iterdir()
        file.chmod(0o620)
        with pytest.raises(NotReadyError, match="open to other users"):
            keys.set("high-water/J", b"8 bb")
        file.chmod(0o600)
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(NotReadyError):
            keys.set("high-water/J", b"8 bb")

    def test_it_says_the_folder(self, tmp_path: Path) -> None:
        """``audit verify`` can say that the keys are files, and where."""
        assert FolderKeys(tmp_path / "k").says == f"0600 files in {tmp_path / 'k'}"


class TestKeyringKeys(KeyStoreContract):
    @pytest.fixture
    def keys(self) -> KeyStore:
        return KeyringKeys(SmallKeyring())

    def test_a_locked_keyring_says_what_to_do(self) -> None:
        """A locked keyring ends with a reason and a way on, never with an empty answer."""
        ring = SmallKeyring()
        keys = KeyringKeys(ring)
        keys.set("a", b"1")
        ring.locked = True
        with pytest.raises(NotReadyError, match="unlock the keyring") as error:
            keys.get("a")
        assert 'keys = "file"' in str(error.value)
        with pytest.raises(NotReadyError, match="unlock the keyring"):
            keys.set("a", b"2")
        with pytest.raises(NotReadyError, match="unlock the keyring"):
            keys.delete("a")

    @pytest.mark.promise("P23")
    def test_a_keyring_that_keeps_nothing_is_found_out(self) -> None:
        """A backend that accepts and forgets would lose the signing key: it is refused at once."""
        ring = SmallKeyring()
        ring.keeps = False
        with pytest.raises(NotReadyError, match="did not keep"):
            KeyringKeys(ring).set("a", b"1")

    def test_foreign_entries_are_named(self) -> None:
        """An entry that is not ours is an error with its name."""
        ring = SmallKeyring()
        ring.set_password("respond", "a", "not base64!")
        with pytest.raises(NotReadyError, match="respond/a"):
            KeyringKeys(ring).get("a")


class PromptThatNeverComes:
    """A Secret Service that is locked: each call waits for a window, until it is unlocked."""

    def __init__(self) -> None:
        self.calls = 0
        self.unlocked = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        self.unlocked.wait(20)
        return base64.b64encode(b"1").decode()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)

    def delete_password(self, service: str, username: str) -> None:
        self.get_password(service, username)


def test_a_keyring_that_waits_for_its_window_is_said_and_ends() -> None:
    """First what is waited for; then not ready, with the remedy, and no second wait behind it."""
    ring, told = PromptThatNeverComes(), list[str]()
    keys = KeyringKeys(ring, tell=told.append, quiet_s=0.05, patience_s=0.2)
    try:
        verbs: tuple[Callable[[], object], ...] = (
            lambda: keys.get("a"),
            lambda: keys.set("a", b"1"),
            lambda: keys.delete("a"),
        )
        for verb in verbs:
            with pytest.raises(NotReadyError, match=r"did not (read|write)") as error:
                verb()
            assert "unlock the keyring in its own program" in error.value.do
            assert 'keys = "file"' in error.value.do
        assert told == ["waiting for the OS keyring: its window may want to be answered"]
        assert ring.calls == 1
    finally:
        ring.unlocked.set()
    keys._asking.join(20)  # type: ignore[union-attr]
    assert keys.get("a") == b"1", "once it is unlocked it works, without a new start"


def test_a_quick_keyring_says_nothing() -> None:
    """Nobody is told of a wait that there was not."""
    told = list[str]()
    keys = KeyringKeys(SmallKeyring(), tell=told.append, quiet_s=5)
    keys.set("a", b"1")
    assert (keys.get("a"), told) == (b"1", [])


@pytest.mark.promise("P22")
def test_the_environment_chooses_no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHON_KEYRING_BACKEND is ignored, even when it names the one that keeps nothing."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    with pytest.raises(NotReadyError) as error:
        KeyringKeys()
    assert 'keys = "file"' in str(error.value)


def test_the_library_chooses_nothing() -> None:
    """The library's own choosing is used nowhere in the package."""
    text = Path(str(keys_module.__file__)).read_text(encoding="utf-8")
    assert "get_keyring(" not in text
    assert "load_keyring" not in text
