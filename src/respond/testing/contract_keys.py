"""What every key store does. Subclass it and say how to make one.

class TestMine(KeyStoreContract):
    @pytest.fixture
    def keys(self): return MyKeys(...)
"""

from __future__ import annotations

import os

from respond.ports import KeyStore

__all__ = ["KeyStoreContract"]

# ruff: noqa: S101 - these are tests, shipped

# The names that the journal uses.
_NAMES = (
    "signing-key/J-AAAAAAAAAAAAAAAAAAAAAAAAAA",
    "run-key/CK-7F3Q",
    "place/0123456789abcdef0123456789abcdef",
    "run-key/a run with spaces/.. and dots",
)


class KeyStoreContract:
    """Claims about a key store; the fixture ``keys`` gives an empty one."""

    def test_what_is_set_is_there(self, keys: KeyStore) -> None:
        """Any bytes come back as they were, under each name that the journal uses."""
        for name in _NAMES:
            value = os.urandom(32)
            keys.set(name, value)
            assert keys.get(name) == value

    def test_names_do_not_meet(self, keys: KeyStore) -> None:
        """Names that differ in one character, or in case, are different entries."""
        names = ("run-key/a", "run-key/A", "run-key--a", "run-key/a ", "run-key/ä", "run-key/")
        for place, name in enumerate(names):
            keys.set(name, bytes([place]))
        assert [keys.get(name) for name in names] == [bytes([n]) for n in range(len(names))]

    def test_absent_is_none(self, keys: KeyStore) -> None:
        """A name that was never set is no error."""
        assert keys.get("signing-key/none") is None

    def test_set_replaces(self, keys: KeyStore) -> None:
        """The last value stands, a shorter one too."""
        keys.set("high-water/J", b"1284 a91f")
        keys.set("high-water/J", b"2 b")
        assert keys.get("high-water/J") == b"2 b"

    def test_delete_forgets(self, keys: KeyStore) -> None:
        """A deleted key is gone, and deleting it again is no error."""
        keys.set("run-key/CK-7F3Q", b"k" * 32)
        keys.delete("run-key/CK-7F3Q")
        keys.delete("run-key/CK-7F3Q")
        assert keys.get("run-key/CK-7F3Q") is None

    def test_bytes_of_any_kind(self, keys: KeyStore) -> None:
        """Empty values, zero bytes and bytes that are no text survive."""
        for value in (b"", b"\0", bytes(range(256)), b"\n"):
            keys.set("x", value)
            assert keys.get("x") == value

    def test_it_says_where(self, keys: KeyStore) -> None:
        """It can tell a person where the keys lie."""
        assert keys.says
