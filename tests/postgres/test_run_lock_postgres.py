"""One engine a run on all machines."""

from __future__ import annotations

# ruff: noqa: S603 - this Python, on a program of this file
import os
import socket
import subprocess
import sys

import pytest

from respond.adapters.store.journal_postgres import turn_of
from respond.adapters.store.postgres import Database, lock_key
from respond.adapters.store.run_lock_postgres import DatabaseRunLocks
from respond.errors import RunTakenError
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster

HOLDS = """
import sys, signal
from respond.adapters.store.postgres import Database, lock_key
from respond.adapters.store.run_lock_postgres import DatabaseRunLocks
database = Database(sys.argv[1])
with database.connect() as db, DatabaseRunLocks(database).hold("CK-1"):
    db.execute(f"BEGIN; SELECT pg_advisory_xact_lock({sys.argv[2]})")
    print("holds", flush=True)
    signal.pause()
"""


@pytest.mark.promise("P4")
def test_one_has_a_run_and_who_comes_second_is_told_who(database: Database) -> None:
    """Runs do not meet, the second is refused, and leaving gives the lock back."""
    locks = DatabaseRunLocks(database)
    with locks.hold("CK-1"), locks.hold("CK-2"):
        with pytest.raises(RunTakenError) as error, locks.hold("CK-1"):
            pass
        who = f"process {os.getpid()} on {socket.gethostname()[:36]}, since "
        assert f"another respond has run CK-1: {who}" in error.value.what
    with locks.hold("CK-1"):
        pass


@pytest.mark.promise("P4")
def test_a_lock_is_free_the_moment_that_it_was_given_back(database: Database) -> None:
    """Whoever waited for it is not refused because the server has not ended a session yet."""
    locks, key = DatabaseRunLocks(database), lock_key(f"run CK-1 {database.schema}")
    with database.connect() as waits:
        for _ in range(100):
            with locks.hold("CK-1"):
                pass
            assert waits.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() == (True,)
            waits.execute("SELECT pg_advisory_unlock(%s)", (key,))


@pytest.mark.promise("P4")
@pytest.mark.long
def test_the_lock_of_a_process_that_shows_no_life_can_be_ended(
    postgres: PostgresCluster, base: str, database: Database
) -> None:
    """A stopped process loses its sessions, and with them the run and its turn in the journal."""
    url = postgres.url(base, ENGINE_ROLE)
    locks = DatabaseRunLocks(database)
    assert not locks.end_holder("CK-1")
    program = [sys.executable, "-c", HOLDS, url, str(turn_of(database))]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"holds\n"
            with pytest.raises(RunTakenError, match=f"process {holder.pid} "), locks.hold("CK-1"):
                pass
            assert locks.end_holder("CK-1")
            with database.connect() as db, locks.hold("CK-1"):
                db.execute("SELECT pg_advisory_lock(%s)", (turn_of(database),))
        finally:
            holder.kill()
