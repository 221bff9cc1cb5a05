"""Where an address of a database leads: read as libpq reads it, and nothing else has a say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from psycopg import pq

from respond.adapters.store.postgres import Database
from respond.adapters.store.postgres_address import begin_with, place_at, said_of, way_to
from respond.errors import JournalUnusableError
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster

FAR = (
    "postgresql://r@db.internal/respond",
    "postgresql://r@db%2Einternal/respond",
    "postgresql://r@192.0.2.2/respond",
    "postgresql://r@[2001:db8::1]/respond",
    "postgresql://r@[::ffff:192.0.2.2]/respond",
    "postgresql://r@/respond?host=192.0.2.2",
    "postgresql://r@localhost/respond?host=db.internal",
    # Lists: the first one says nothing of the others.
    "postgresql://r@/respond?host=/run/postgresql,192.0.2.2",
    "postgresql://r@%2Frun%2Fpostgresql,db.internal/respond",
    "postgresql://r@localhost,db.internal/respond",
    "postgresql://r@db.internal,localhost/respond",
    "postgresql://r@[::1]:5432,[2001:db8::1]:5433/respond",
    "postgresql://r@,db.internal/respond",
    # What is connected to is the hostaddr; the host is only a name then.
    "postgresql://r@/respond?hostaddr=192.0.2.2",
    "postgresql://r@localhost/respond?hostaddr=192.0.2.2",
    "postgresql://r@localhost,localhost/respond?hostaddr=127.0.0.1,192.0.2.2",
    "postgresql://r@/respond?host=/run/postgresql&hostaddr=192.0.2.2",
    "postgresql://r@db.internal/respond?hostaddr=127.0.0.1",
    # Names that only begin or sound like this machine.
    "postgresql://r@localhost.example.org/respond",
    "postgresql://r@127.0.0.1.example.org/respond",
    "postgresql://r@0.0.0.0/respond",
    "postgresql://r@/respond?host=@abstract",
    "postgresql://r@/respond?host=run/postgresql",
    "host=db.internal dbname=respond",
    "hostaddr='192.0.2.2' dbname=respond",
    r"host='/run/postgresql,db\.internal' dbname=respond",
)
NEAR = (
    "postgresql://r@/respond",
    "postgresql:///respond",
    "postgresql://r@/respond?host=/run/postgresql",
    "postgresql://r@%2Frun%2Fpostgresql/respond",
    "postgresql://r@localhost:6000/respond",
    "postgresql://r@127.0.0.1,[::1],localhost/respond",
    "postgresql://r@/respond?host=/run/one,/run/two",
    "postgresql://r@localhost/respond?hostaddr=127.0.0.1",
    "host=/run/postgresql dbname=respond",
)


@pytest.mark.promise("P20")
@pytest.mark.parametrize("url", FAR)
def test_who_is_not_this_machine_has_to_prove_itself(url: str) -> None:
    """Whatever way an address names another machine, one of many hosts or by its number alone."""
    way = way_to(url)
    assert (way["sslmode"], way["sslrootcert"]) == ("verify-full", "system")
    assert way["gssencmode"] == "disable"
    assert "on this machine" not in said_of(url)


@pytest.mark.parametrize("url", NEAR)
def test_this_machine_need_not_prove_itself(url: str) -> None:
    """A socket in a folder, and the loopback: no certificate could say their name."""
    assert not {"sslmode", "sslrootcert", "gssencmode"} & set(way_to(url))


def test_the_address_itself_may_say_how_it_is_protected() -> None:
    """Its ``sslmode`` holds as it is; with its own authority alone it is verified by that one."""
    plain = way_to("postgresql://r@db.internal/respond?sslmode=require")
    assert (plain["sslmode"], "sslrootcert" in plain) == ("require", False)
    own = way_to("postgresql://r@db.internal/respond?sslrootcert=/etc/own.pem")
    assert (own["sslmode"], own["sslrootcert"]) == ("verify-full", "/etc/own.pem")


def test_messages_and_memory_name_where_a_connection_goes() -> None:
    """A hostaddr is what is connected to: it is said, and two of them are two places."""
    one = "postgresql://r@localhost/respond?hostaddr=192.0.2.2"
    assert said_of(one) == "database respond on localhost at 192.0.2.2"
    assert said_of("postgresql://r@/respond?hostaddr=192.0.2.2").endswith("on 192.0.2.2")
    assert said_of("postgresql://r@/respond") == "database respond on this machine"
    assert place_at(one) != place_at(one.replace("2.2", "2.3"))
    assert place_at("postgresql://r@db:6000/respond") == "db:6000/respond"
    assert place_at("postgresql://other@db/respond") == "db:5432/respond"


@pytest.mark.promise("P20")
@pytest.mark.parametrize(
    ("url", "what", "do"),
    [
        ("postgresql://r@/respond?service=other", "names a service", "take 'service' out"),
        ("service=other", "names a service", "take 'service' out"),
        ("postgresql://r@db/respond?hots=other", "cannot be read", "postgresql://USER@HOST"),
        ("postgresql://r@[::1/respond", "cannot be read", "postgresql://USER@HOST"),
    ],
)
def test_what_leaves_open_where_it_leads_is_refused(url: str, what: str, do: str) -> None:
    """Before anything is connected to, by whatever asks first."""
    for ask in (way_to, said_of, place_at, lambda each: Database(each).connect()):
        with pytest.raises(JournalUnusableError, match=what) as refused:
            ask(url)
        assert do in refused.value.do


@pytest.mark.promise("P20")
def test_the_environment_does_not_lead_a_connection(
    postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each variable of libpq says something wrong or weak: the connection is the same as without.

    The one that names a service cannot be overruled, and is refused.
    """
    database = Database(postgres.url("postgres", ENGINE_ROLE))
    before = database.way_in()
    wrong = {
        option.envvar.decode(): "nonsense" for option in pq.Conninfo.get_defaults() if option.envvar
    }
    assert {"PGHOSTADDR", "PGPORT", "PGSSLMODE", "PGTARGETSESSIONATTRS"} < set(wrong)
    del wrong["PGSERVICE"]
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with database.connect() as db:
        assert db.info.host == str(postgres.folder)
        assert db.info.user == ENGINE_ROLE
        assert db.info.password == ""

    # What libpq was told of where to go says nothing of what the environment says.
    after = database.way_in()
    assert {name: after[name] for name in before} == before
    assert (after["hostaddr"], after["port"], after["target_session_attrs"]) == ("", "5432", "any")
    far = way_to("postgresql://r@db.internal/respond")
    assert (far["sslmode"], far["sslrootcert"], far["sslcert"]) == ("verify-full", "system", "")
    # Where an address is silent, too.
    silent = way_to("postgresql:///respond")
    assert (silent["host"], silent["sslmode"]) == ("", "prefer")
    assert silent["user"] not in ("", "nonsense")
    assert os.environ["PGHOST"] == "nonsense"

    file = tmp_path / "services"
    file.write_text("[other]\nhost=192.0.2.2\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.setenv("PGSERVICE", "other")
    with pytest.raises(JournalUnusableError, match="PGSERVICE is set") as refused:
        database.connect()
    assert refused.value.do == "unset PGSERVICE"


def test_the_host_that_was_good_last_is_asked_first() -> None:
    """With its own port and number; a host that the address does not name changes nothing."""
    url = "postgresql://r@one:1,two:2,one:3/respond?hostaddr=192.0.2.1,192.0.2.2,192.0.2.3"
    way = begin_with(way_to(url), "two", 2)
    assert (way["host"], way["port"]) == ("two,one,one", "2,3,1")
    assert way["hostaddr"] == "192.0.2.2,192.0.2.3,192.0.2.1"
    assert begin_with(way_to(url), "one", 3)["port"] == "3,1,2"
    one = way_to("postgresql://r@one,two:5432/respond?hostaddr=192.0.2.1,192.0.2.2")
    assert begin_with(one, "three", 5432) == one
    shared = begin_with(way_to("host=one,two port=6 dbname=respond"), "two", 6)
    assert (shared["host"], shared["port"]) == ("two,one", "6,6")
    numbers = way_to("postgresql://r@/respond?hostaddr=192.0.2.1,192.0.2.2")
    assert begin_with(numbers, "192.0.2.2", 5432)["hostaddr"] == "192.0.2.2,192.0.2.1"
    alone = way_to("postgresql://r@/respond")
    assert begin_with(alone, "", 5432) == alone
