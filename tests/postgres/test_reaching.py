"""What a database has to be before anything is recorded in it."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from respond.adapters.store.postgres import Database, ShutOutError
from respond.errors import JournalUnusableError
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster


def refused(why: str) -> AbstractContextManager[pytest.ExceptionInfo[JournalUnusableError]]:
    return pytest.raises(JournalUnusableError, match=why)


@pytest.mark.promise("P1")
def test_a_database_whose_commits_prove_nothing_is_refused(postgres: PostgresCluster) -> None:
    """Without syncs, read-only, in another encoding, or another server than before: each is named,
    and what to do about it. What a role asks for by itself does not count.
    """
    base = postgres.new_base()
    database = Database(postgres.url(base, ENGINE_ROLE))
    with postgres.admin() as admin:
        admin.execute(f"ALTER ROLE {ENGINE_ROLE} SET synchronous_commit = off")
        admin.execute(f"ALTER ROLE {ENGINE_ROLE} SET idle_session_timeout = 1000")
        with database.connect() as db:
            found = db.execute("SHOW synchronous_commit").fetchone()
            assert found == ("on",)
            assert db.execute("SHOW idle_session_timeout").fetchone() == ("0",)
        admin.execute(f"ALTER ROLE {ENGINE_ROLE} RESET ALL")

        admin.execute(f"ALTER DATABASE {base} SET default_transaction_read_only = on")
        with refused("takes no writes") as standby:
            database.connect().close()
        assert "standby" in standby.value.why
        admin.execute(f"ALTER DATABASE {base} RESET ALL")

        admin.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
        odd = Database(postgres.url("ascii", ENGINE_ROLE))
        with refused("server_encoding = SQL_ASCII") as encoded:
            odd.connect().close()
        assert "same bytes" in encoded.value.why
        with pytest.raises(ShutOutError, match="lets nobody in"):
            Database(postgres.url(base, "nobody")).connect()

    postgres.stop()
    signal = postgres.folder / "data" / "standby.signal"
    signal.touch()
    postgres.start()
    try:
        with pytest.raises(JournalUnusableError, match="takes no writes") as real:
            database.connect()
        assert "standby" in real.value.why
        assert "target_session_attrs=read-write" in real.value.do
    finally:
        postgres.stop()
        signal.unlink()
    before, postgres.settings = postgres.settings, (*postgres.settings, "fsync=off")
    try:
        postgres.start()
        with refused("has fsync = off") as unsafe:
            database.connect().close()
        assert unsafe.value.do == "set fsync = on there"
    finally:
        postgres.stop()
        postgres.settings = before
        postgres.start()
    database.connect().close()


@pytest.mark.promise("P23")
def test_another_server_behind_the_same_address_is_told(postgres: PostgresCluster) -> None:
    """A process that knew one server does not go on with another that took its place."""
    database = Database(postgres.url("postgres", ENGINE_ROLE))
    database.connect().close()
    database.connect().close()
    database._server = "7713855842452191640"  # That of some other cluster.
    with refused("is another server now"):
        database.connect().close()
