"""What a worker and a server say of a database, a journal or a machine that is not right."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.postgres.team_kit import Laptop

from respond.adapters.store.postgres_schema import init
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster

OTHER_KEY = base64.b64encode(b"t" * 32)


@dataclass
class Night:
    """A machine that saw the team's journal, and what may be done to it or to the database."""

    postgres: PostgresCluster
    base: str
    one: Laptop
    two: Laptop
    patch: pytest.MonkeyPatch

    def sql(self, statement: str) -> None:
        with self.postgres.admin(self.base) as admin:
            admin.execute(statement)

    def no_store(self) -> None:
        self.one.configure('[journal]\nkeys = "file"\n')

    def no_extra(self) -> None:
        self.patch.setitem(sys.modules, "psycopg", None)
        self.patch.setitem(sys.modules, "procrastinate", None)
        self.patch.setitem(sys.modules, "respond.adapters.store.postgres", None)

    def other_version(self) -> None:
        self.sql("UPDATE respond.about SET version = 9")

    def other_team(self) -> None:
        self.one.keys.set("credential/store-key", OTHER_KEY)

    def no_team_key(self) -> None:
        self.one.keys.delete("credential/store-key")

    def other_journal(self) -> None:
        """The same address leads to what another cluster wrote; the team key is the same."""
        self.sql("ALTER SCHEMA respond RENAME TO before")
        with self.postgres.admin(self.base) as admin:
            init(admin, ENGINE_ROLE)
        self.two.record_run("CK-THEIRS")

    def emptied(self) -> None:
        self.sql("ALTER SCHEMA respond RENAME TO before")
        with self.postgres.admin(self.base) as admin:
            init(admin, ENGINE_ROLE)

    def no_tables(self) -> None:
        self.sql("DROP SCHEMA respond CASCADE")

    def no_queue(self) -> None:
        self.sql("ALTER TABLE respond.procrastinate_jobs RENAME TO other")

    def no_rights(self) -> None:
        self.sql(f"REVOKE ALL ON respond.journal FROM {ENGINE_ROLE}")

    def read_only(self) -> None:
        self.sql(f"ALTER DATABASE {self.base} SET default_transaction_read_only = on")


WRONG: list[tuple[Callable[[Night], None], str, str]] = [
    (Night.no_store, "there is no database that workers could share", "docs/many-machines.md"),
    (Night.no_extra, "not installed", "make postgres"),
    (Night.other_version, "has tables of version 9", "install a newer respond"),
    (Night.other_team, "belongs to another team key", "respond connect store-key"),
    (Night.no_team_key, "the credential 'store-key' is not set", "respond connect store-key"),
    (Night.other_journal, "is another journal", "[store] url"),
    (Night.emptied, "has been emptied", "[store] url"),
    (Night.no_tables, "has no tables of respond", "respond store init"),
    (Night.no_queue, "has no tables of respond", "respond store init"),
    (Night.no_rights, "refuses this user", "respond store init gives the rights"),
    (Night.read_only, "takes no writes", "target_session_attrs=read-write"),
]


@pytest.mark.promise("P1", "P23")
@pytest.mark.parametrize(("happens", "what", "do"), WRONG, ids=[h.__name__ for h, *_ in WRONG])
def test_what_is_not_right_is_said_before_anything_begins(
    postgres: PostgresCluster,
    base: str,
    laptops: tuple[Laptop, Laptop],
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[Night], None],
    what: str,
    do: str,
) -> None:
    """By a worker and by a server alike: what it is, and what to type."""
    one, two = laptops
    one.record_run("CK-7F3Q")
    if happens is not Night.other_journal:
        two.record_run("CK-8G4R")
    happens(Night(postgres, base, one, two, monkeypatch))
    one.here()
    serve = [("serve", "--port", "0")] if happens is not Night.no_store else []
    for words in (("worker",), *serve):
        ran = one.run(*words)
        told = " ".join(ran.err.split())
        assert ran.code not in (0, 1), told
        assert what in told, told
        assert do in told, told


def test_where_a_run_stands_is_said_without_a_queue(
    postgres: PostgresCluster, base: str, laptops: tuple[Laptop, Laptop]
) -> None:
    """It stands in the journal; what its workers lack is a line more, and `doctor`'s to find."""
    one, two = laptops
    one.record_run("CK-7F3Q")
    two.record_run("CK-8G4R")
    with postgres.admin(base) as admin:
        admin.execute("ALTER TABLE respond.procrastinate_jobs RENAME TO other")
    ran = one.run("status", "CK-7F3Q", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["run"], ran.json["left"]) == ("CK-7F3Q", None)
