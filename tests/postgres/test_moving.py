"""Setting up the team's database from a machine, and moving that machine's journal into it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from tests.postgres.team_kit import TEAM_KEY, TOML, Laptop

from respond.adapters.clock import SystemClock
from respond.adapters.secrets.redactor import Redactor
from respond.adapters.store.journal_keys import run_key
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.core.events import Event, Kind
from respond.errors import JournalUnusableError
from respond.testing.cli_kit import Machine
from respond.testing.contract_inbox import delivery, event, keep
from respond.testing.contract_journal import DANA
from respond.testing.postgres_cluster import PostgresCluster

ANSWER = b'{"users": []}'
LOCAL = '[journal]\nkeys = "file"\n'


def old_journal(home: Machine) -> SqliteJournal:
    return SqliteJournal.open(
        home.journal, keys=home.keys, clock=SystemClock(), create=True, actor=DANA
    )


def lived(home: Laptop) -> None:
    """A machine of its own, in the middle of a run: sealed secret, kept answer, waiting event."""
    home.configure(LOCAL)
    home.write_run("CK-1")
    with old_journal(home) as journal:
        journal.append(
            Event(Kind.PROPOSED, "CK-2", "", DANA, {"runbook": "lost-laptop", "inputs": {}})
        )
        journal.append(
            Event(Kind.NOTICE, "CK-2", "", DANA, {}), seal={"new.key": "a canary of ours"}
        )
    with home.files.inbox(clock=SystemClock(), redactor=Redactor()) as inbox:
        keep(inbox, delivery("a"), [event("1")])
    evidence = home.files.evidence_to_write(journal.id)
    evidence.keep("CK-2", sha256(ANSWER).hexdigest(), ANSWER)
    assert evidence.unkept(20) == {}


@pytest.mark.promise("P22", "P23")
def test_a_journal_moves_with_all_that_belongs_to_it(
    laptops: tuple[Laptop, Laptop], database_url: str
) -> None:
    """Same head, same records; secrets, answers and what waits open there, and nothing sealed stays
    behind. The old file verifies as before and takes no more runs, also from who had it open.
    """
    one, two = laptops
    lived(one)
    with old_journal(one) as open_still:
        before = list(open_still.records())
        head = open_still.head()
        one.configure(TOML.format(url=database_url))
        moved = one.run("store", "move", "--json")
        assert moved.code == 0, moved.err
        assert (moved.json["records"], moved.json["head"]) == (head.size, head.hash)
        assert (moved.json["deliveries"], moved.json["answers"]) == (1, 1)
        with pytest.raises(JournalUnusableError, match="was moved into the database"):
            open_still.append(Event(Kind.NOTICE, "CK-2", "", DANA, {}))

    store = two.store
    with store.journal(clock=SystemClock(), actor=DANA, create=False) as journal:
        assert list(journal.records()) == before
        assert journal.open_secret("CK-2", "new.key") == "a canary of ours"
        journal.append(Event(Kind.NOTICE, "CK-2", "", DANA, {}))
    kept = store.evidence_to_read(journal.id)
    assert kept.read("CK-2", sha256(ANSWER).hexdigest()) == ANSWER
    kept.close()
    with store.inbox(clock=SystemClock(), redactor=Redactor()) as inbox:
        assert len(inbox.waiting(10)) == 1
    assert one.keys.get(run_key("CK-2")) is None
    with closing(sqlite3.connect(one.journal)) as file:
        assert file.execute("SELECT run FROM sealed").fetchall() == [("",)]

    again = one.run("store", "move")
    assert again.code != 0
    assert "was moved into the database" in again.err
    one.configure(LOCAL)
    assert one.run("audit", "verify").code == 0
    refused = one.run("runs")
    assert "[store]" in refused.err
    assert refused.code != 0


@pytest.mark.promise("P23")
def test_a_move_that_is_interrupted_begins_again(
    laptops: tuple[Laptop, Laptop], database_url: str
) -> None:
    """Before its commit nothing is there; behind it the mark is made up for, and nothing twice."""
    one, _ = laptops
    lived(one)
    one.configure(TOML.format(url=database_url))
    inbox_file = one.journal.with_name("inbox.db")
    whole = inbox_file.read_bytes()
    inbox_file.write_bytes(b"a disk that is broken" * 500)
    assert "cannot be read" in one.run("store", "move").err
    assert not one.store.is_there()
    with old_journal(one) as journal:
        assert journal.head().size == 7
    inbox_file.write_bytes(whole)

    before = shutil.copytree(one.state, one.state.parent / "before")
    assert one.run("store", "move").code == 0
    # As a power cut behind the commit would have left it.
    shutil.rmtree(one.state)
    before.rename(one.state)
    moved = one.run("store", "move", "--json")
    assert (moved.code, moved.json["records"]) == (0, 7), moved.err
    with one.store.inbox(clock=SystemClock(), redactor=Redactor()) as inbox:
        assert len(inbox.waiting(10)) == 1
    with pytest.raises(JournalUnusableError, match="was moved into the database"):
        old_journal(one)


@contextmanager
def changed(journal: Path) -> Iterator[None]:
    """A record of it is not what was written, for a while; its tables are as they were made."""
    query = "SELECT sql FROM sqlite_master WHERE name = 'journal_no_update'"
    with closing(sqlite3.connect(journal)) as file:
        (trigger,) = file.execute(query).fetchone()
        (step,) = file.execute("SELECT step FROM journal WHERE seq = 3").fetchone()

        def write(text: str) -> None:
            file.execute("DROP TRIGGER journal_no_update")
            file.execute("UPDATE journal SET step = ? WHERE seq = 3", (text,))
            file.execute(trigger)
            file.commit()

        write("x")
        yield
        write(step)


def test_what_cannot_be_moved_stays_as_it_is(
    laptops: tuple[Laptop, Laptop], database_url: str
) -> None:
    """No journal, one that does not verify, a run somebody carries on, a database with another."""
    one, two = laptops
    assert "there is no journal at" in one.run("store", "move").err
    lived(one)
    one.configure(TOML.format(url=database_url))
    with changed(one.journal):
        broken = one.run("store", "move")
    assert "is not moved" in broken.err
    assert broken.code == 7
    with one.files.hold("CK-2", SystemClock()):
        assert "another respond has run CK-2" in one.run("store", "move").err
    two.record_run("CK-9")
    other = one.run("store", "move")
    assert "holds another journal" in other.err


def test_a_database_is_set_up_from_nothing(
    postgres: PostgresCluster, laptops: tuple[Laptop, Laptop]
) -> None:
    """A password and a team key are made and shown once; init makes the role with it; the other
    machine is given both, and sees what the first one recorded.
    """
    one, two = laptops
    for each in laptops:
        each.configure(
            f'{LOCAL}[store]\nurl = "{postgres.url(base := postgres.new_base(), "team")}"\n'
            if each is one
            else (one.project / "respond.toml").read_text()
        )
        each.keys.delete("credential/store-key")
    admin = postgres.url(base)
    with pytest.raises(psycopg.Error):
        psycopg.connect(postgres.url(base, "team"))
    assert "respond connect store" in one.run("store", "init", "--admin", admin).err
    password = one.run("connect", "store", "--new", "--json").json
    key = one.run("connect", "store-key", "--new", "--json").json
    assert "init makes the role" in password["tried"]
    dry = one.run("store", "init", "--admin", admin, "--dry-run", "--json").json
    assert "has no tables" in one.run("runs").err or "lets nobody in" in one.run("runs").err
    assert one.run("store", "init", "--admin", admin, "--json").json["done"] == dry["done"]
    one.record_run("CK-1")

    two.here()
    for name, made in (("store", password), ("store-key", key)):
        file = two.project.parent / name
        file.write_text(made["secret"])
        told = two.run("connect", name, "--from", f"file:{file}", "--json")
        assert (told.code, told.json["tried"]) == (0, "accepted"), told.err
    assert "CK-1" in two.run("runs").out
    shown = two.run("audit", "show", "--kind", "config-changed").out
    assert "store-key" in shown

    other = two.run("connect", "store-key", "--from", f"file:{_other_key(two.project)}")
    assert "belongs to another team key" in other.err
    assert two.keys.get("credential/store-key") == key["secret"].encode()
    assert "shut this machine out" in two.run("connect", "store-key", "--new").err


def _other_key(folder: Path) -> Path:
    made = folder / "other"
    made.write_text(TEAM_KEY)
    return made


def test_init_comes_in_as_somebody_else_to_the_same_database(
    laptops: tuple[Laptop, Laptop], database_url: str
) -> None:
    """Another database, a password in an argument, a role that owns all: each is refused."""
    one, _ = laptops
    other = one.run("store", "init", "--admin", "postgresql://postgres@/elsewhere")
    assert "leads to the database 'elsewhere'" in other.err
    leaked = one.run("store", "init", "--admin", "postgresql://postgres:hunter2@/x")
    assert "takes no password" in leaked.err
    assert "hunter2" not in leaked.err
    owner = one.run("store", "init", "--admin", database_url)
    assert owner.code != 0
    one.configure(TOML.format(url="postgresql:///x"))
    assert "names no user" in one.run("store", "init").err
    one.configure(LOCAL)
    assert "names no database" in one.run("store", "move").err
