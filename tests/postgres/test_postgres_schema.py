"""Who may do what in the database, and what is found out about tables that are not as made."""

from __future__ import annotations

import pytest
from psycopg import errors

from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_postgres import PostgresJournal
from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_schema import excess_rights, init, see
from respond.core.events import Kind
from respond.errors import JournalBrokenError, JournalUnusableError, NotReadyError
from respond.testing.contract_journal import DANA, event
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.testing.settable_clock import SettableClock

REFUSED = (
    "UPDATE journal SET step = 'x'",
    "DELETE FROM journal",
    "TRUNCATE journal",
    "ALTER TABLE journal DISABLE TRIGGER ALL",
    "ALTER TABLE journal RENAME TO old",
    "ALTER TABLE journal SET UNLOGGED",
    "DROP TABLE journal",
    "DROP SCHEMA respond CASCADE",
    "CREATE TRIGGER mine BEFORE INSERT ON journal EXECUTE FUNCTION journal_refuses()",
    "CREATE RULE mine AS ON INSERT TO journal DO INSTEAD NOTHING",
    "CREATE VIEW respond.mine AS SELECT * FROM journal",
    "CREATE OR REPLACE FUNCTION journal_refuses() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "SET session_replication_role = replica",
    "UPDATE about SET version = 2",
    "DELETE FROM evidence",
)


def opened(database: Database) -> PostgresJournal:
    clock = SettableClock()
    return PostgresJournal.open(database, keys=MemoryKeys(), clock=clock, create=True, actor=DANA)


@pytest.mark.promise("P23")
def test_engines_add_to_the_journal_and_do_nothing_else_to_it(
    postgres: PostgresCluster, base: str, database: Database
) -> None:
    """Whoever has an engine's credential can change no record; who owns the table trips first."""
    with opened(database) as journal:
        journal.append(event(Kind.PROPOSED))
        before = list(journal.records())
        with database.connect() as engine:
            assert excess_rights(engine) == []
            for statement in REFUSED:
                with pytest.raises(errors.InsufficientPrivilege):
                    engine.execute(statement)
            engine.execute("GRANT UPDATE ON journal TO CURRENT_USER")
            assert excess_rights(engine) == [], "what one has not one cannot give"
        with postgres.admin(base) as owner:
            owner.execute("SET search_path = respond")
            for statement in REFUSED[:3]:
                with pytest.raises(errors.RaiseException, match="append-only"):
                    owner.execute(statement)
        assert list(journal.records()) == before


@pytest.mark.promise("P23")
def test_tables_that_are_not_as_made_are_found_out(postgres: PostgresCluster, base: str) -> None:
    """What could show a reader other rows than were written, or lose them, is named."""
    changes = {
        "ALTER TABLE journal DISABLE TRIGGER journal_no_change": "journal_no_change (off)",
        "DROP TRIGGER journal_no_truncate ON journal": "lacks the trigger 'journal_no_truncate'",
        "CREATE TRIGGER more BEFORE INSERT ON journal EXECUTE FUNCTION journal_refuses()": "'more'",
        "ALTER TABLE journal RENAME TO old; CREATE VIEW journal AS SELECT * FROM old": "no plain",
        "CREATE RULE more AS ON INSERT TO journal DO ALSO NOTHING": "no plain",
        "ALTER TABLE journal ENABLE ROW LEVEL SECURITY": "no plain",
        "CREATE TABLE more () INHERITS (journal)": "no plain",
        "ALTER TABLE journal SET UNLOGGED": "no plain",
        "ALTER TABLE sealed ADD more text": "'sealed' has the columns",
        "DROP TABLE keys": "'keys' is missing",
    }
    with postgres.admin(base) as owner:
        owner.execute("SET search_path = respond")
        see(owner, "database")
        for change, says in changes.items():
            with owner.transaction(force_rollback=True):
                owner.execute(change)
                with pytest.raises(JournalBrokenError) as error:
                    see(owner, "database")
                assert says in error.value.why


def test_tables_of_another_version_are_named_and_left_alone(
    postgres: PostgresCluster, base: str, database: Database
) -> None:
    """Neither a machine nor `init` changes what another version made."""
    with postgres.admin(base) as owner:
        for version, do in ((9, "install a newer"), (0, "the respond that made them")):
            owner.execute("UPDATE respond.about SET version = %s", (version,))
            with pytest.raises(JournalUnusableError, match=f"version {version}") as error:
                init(owner, ENGINE_ROLE)
            assert do in error.value.do
            with pytest.raises(JournalUnusableError, match=f"version {version}"):
                opened(database)
        owner.execute("DROP SCHEMA respond CASCADE")
    with pytest.raises(JournalUnusableError, match="no tables of respond") as none:
        opened(database)
    assert none.value.do == "respond store init"


def test_init_says_what_it_did_and_does_it_once(postgres: PostgresCluster) -> None:
    """The role gets its password as a digest; the second time all is found, and rights mend."""
    base = postgres.new_base()
    with postgres.admin(base) as owner:
        first = init(owner, "team_engine", "hunter2")
        assert first[0] == "made the role team_engine"
        assert "made the schema respond with the tables about, journal, " in first[1]
        assert "team_engine may SELECT, INSERT in evidence, journal of the schema respond" in first
        query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'team_engine'"
        ((digest,),) = owner.execute(query).fetchall()
        assert digest.startswith("SCRAM-SHA-256$")

        owner.execute("GRANT UPDATE ON respond.journal TO team_engine")
        again = init(owner, "team_engine", "other")
        assert again[:2] == [
            "found the role team_engine; its password stays as it is",
            "found the tables of version 1 in the schema respond",
        ]
        assert owner.execute(query).fetchall() == [(digest,)]
    with Database(postgres.url(base, "team_engine")).connect() as engine:
        assert excess_rights(engine) == []


def test_engines_never_own_what_they_write_into(postgres: PostgresCluster) -> None:
    """`init` refuses to make the tables for the very role that would come in."""
    with postgres.admin(postgres.new_base()) as owner:
        with pytest.raises(NotReadyError, match="may do everything"):
            init(owner, "postgres")
        there = owner.execute("SELECT to_regnamespace('respond') IS NULL").fetchone()
        assert there == (True,)


def test_rights_that_nobody_needs_are_told(postgres: PostgresCluster, base: str) -> None:
    """What `doctor` says of a superuser, an owner, and a role that was given more."""
    with postgres.admin(base) as owner:
        owner.execute("SET search_path = respond")
        assert excess_rights(owner) == ["be a superuser"]
        owner.execute("CREATE ROLE too_much CREATEROLE")
        owner.execute("GRANT USAGE, CREATE ON SCHEMA respond TO too_much")
        owner.execute("GRANT ALL ON journal TO too_much")
        owner.execute("ALTER TABLE sealed OWNER TO too_much")
        owner.execute("SET ROLE too_much")
        assert excess_rights(owner) == [
            "make roles",
            "make tables beside ours",
            "UPDATE in the table journal",
            "DELETE in the table journal",
            "TRUNCATE in the table journal",
            "TRIGGER in the table journal",
            "change the table sealed: it owns it",
        ]
