"""The team's keys in the database, and what each machine remembers by itself."""

from __future__ import annotations

import pytest

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.postgres import Database
from respond.adapters.store.team_keys import TeamKeys, read_team_key
from respond.errors import NotReadyError
from respond.ports import KeyStore
from respond.testing.contract_keys import KeyStoreContract
from respond.testing.postgres_cluster import PostgresCluster


class TestTeamKeys(KeyStoreContract):
    @pytest.fixture
    def keys(self, database: Database) -> KeyStore:
        return TeamKeys(database, lambda: b"k" * 32, MemoryKeys())


@pytest.mark.promise("P22", "P23")
def test_machines_share_keys_and_nothing_that_they_saw(
    postgres: PostgresCluster, base: str, database: Database
) -> None:
    """A run's key is there for all, how far a machine saw with it alone; a moved box is shut."""
    owns = MemoryKeys(), MemoryKeys()
    here, there = (TeamKeys(database, lambda: b"k" * 32, own) for own in owns)
    here.set("run-key/A", b"a")
    here.set("run-key/B", b"b")
    here.set("high-water/J", b"9 ab")
    assert there.get("run-key/A") == b"a"
    assert there.get("high-water/J") is None
    assert owns[0].get("high-water/J") == b"9 ab"
    assert owns[0].get("run-key/A") is None

    with postgres.admin(base) as admin:
        admin.execute(
            "UPDATE respond.keys SET box = (SELECT box FROM respond.keys"
            " WHERE name = 'run-key/B') WHERE name = 'run-key/A'"
        )
        with pytest.raises(NotReadyError, match="does not open"):
            there.get("run-key/A")


@pytest.mark.promise("P22")
def test_another_teams_key_opens_nothing_and_changes_nothing(database: Database) -> None:
    """Two teams on one database are told apart before either writes."""
    ours = TeamKeys(database, lambda: b"k" * 32, MemoryKeys())
    ours.set("run-key/A", b"a")
    theirs = TeamKeys(database, lambda: b"t" * 32, MemoryKeys())
    with pytest.raises(NotReadyError, match="another team key"):
        theirs.get("run-key/A")
    with pytest.raises(NotReadyError, match="another team key"):
        theirs.set("run-key/A", b"x")
    assert ours.get("run-key/A") == b"a"


@pytest.mark.parametrize("text", ["", "hunter2", "AAAA", "A" * 44, "A" * 42 + "\u00e9="])
def test_a_credential_that_is_no_team_key_is_refused(text: str) -> None:
    """Whatever was pasted there instead, it says what it has to be, and never what it was."""
    with pytest.raises(NotReadyError, match="no team key") as error:
        read_team_key(text)
    assert not text or text not in str(error.value)
