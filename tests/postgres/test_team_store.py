"""The command line on machines that share one database."""

from __future__ import annotations

import base64
import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.audit.test_c8_mutations import load_second
from tests.postgres.team_kit import TOML, Laptop

from respond.adapters.store.evidence_postgres import EvidenceTable
from respond.adapters.store.postgres import Database
from respond.adapters.store.sealed_evidence import LostAnswerError
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster


@pytest.mark.promise("P23")
def test_every_machine_reads_checks_and_exports_the_teams_journal(
    laptops: tuple[Laptop, Laptop], tmp_path: Path
) -> None:
    """What one machine recorded the other one lists, verifies and exports; the export is what a
    second verifier, which knows nothing of us, finds intact, byte for byte.
    """
    one, two = laptops
    assert one.run("runs").code == 0
    one.record_run("CK-7F3Q")
    two.here()
    assert "CK-7F3Q" in two.run("runs").out
    assert two.run("status", "CK-7F3Q").code == 0
    verified = two.run("audit", "verify", "--json")
    assert (verified.code, verified.json["answer"]) == (0, "intact"), verified.json
    assert verified.json["file"] == two.store.name
    shown = two.run("audit", "show", "--run", "CK-7F3Q", "--json")
    assert [json.loads(line)["kind"] for line in shown.out.splitlines()] == ["proposed", "parked"]

    out = tmp_path / "log.jsonl"
    assert two.run("audit", "export", "--out", str(out)).code == 0
    key = two.run("audit", "key").out.strip()
    second = load_second()
    with out.open("rb") as file:
        rows = list(second.rows_of_file(file))
    assert second.verify(rows, [key]) == 0
    with two.store.rows() as lying:
        assert [row.body for row in lying] == [body for _, body, *_ in rows]


def test_what_servers_rehearse_is_found_beside_the_real_runs(
    laptops: tuple[Laptop, Laptop],
) -> None:
    """A drill's run lies in the database, too: it is listed as a rehearsal, shown and verified."""
    one, two = laptops
    one.record_run("CK-7F3Q")
    one.record_run("CK-DR1L", drill=True)
    two.here()
    assert "CK-DR1L" not in two.run("runs").out
    both = two.run("runs", "--all").out
    assert "CK-DR1L" in both
    assert "CK-7F3Q" in both
    assert two.run("status", "CK-DR1L").code == 0
    assert "CK-DR1L" in two.run("report", "CK-DR1L", "--short").out
    verified = two.run("audit", "verify", "--run", "CK-DR1L", "--json").json
    assert verified["answer"] == "intact"
    assert verified["journal"] != two.run("audit", "verify", "--json").json["journal"]


@pytest.mark.parametrize(
    "words",
    [
        ("runs",), ("store", "init"), ("store", "move"), ("audit", "verify"),
        ("connect", "store-key", "--new"), ("connect", "store-key"),
    ],
)  # fmt: skip
def test_a_machine_without_the_extra_says_what_to_install(
    laptops: tuple[Laptop, Laptop], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked of the database there, it is a sentence, and no missing module."""
    laptops[0].here()
    if "--new" in words:
        laptops[0].keys.delete("credential/store-key")
    for name in ("psycopg", "respond.adapters.store.postgres"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = laptops[0].run(*words)
    assert ran.code != 0
    assert "make postgres" in ran.err


def test_a_laptop_says_what_is_wrong_with_the_database(
    postgres: PostgresCluster, base: str, laptops: tuple[Laptop, Laptop]
) -> None:
    """Unreachable, without tables, sealed by another team, without its key: each by its name."""
    one, two = laptops
    one.record_run("CK-7F3Q")
    two.here()
    two.keys.set("credential/store-key", base64.b64encode(b"t" * 32))
    other = two.run("runs")
    assert other.code != 0
    assert "belongs to another team key" in other.err
    two.keys.delete("credential/store-key")
    assert "the credential 'store-key' is not set" in two.run("runs").err

    empty = postgres.new_base()
    one.configure(TOML.format(url=postgres.url(empty, ENGINE_ROLE)))
    one.here()
    none = one.run("runs")
    assert "has no tables of respond" in none.err
    assert "respond store init" in none.err
    one.configure(TOML.format(url=f"postgresql://x@/{base}?host=/nowhere"))
    gone = one.run("runs")
    assert gone.code != 0
    assert "could not be reached" in gone.err
    # A file that cannot be read says where the journal is all the same.
    one.configure(TOML.format(url=postgres.url(base, ENGINE_ROLE)) + "\n[policy]\nwrong = 1\n")
    assert "CK-7F3Q" in one.run("runs").out


@pytest.mark.long
def test_doctor_looks_at_the_database(
    postgres: PostgresCluster, base: str, laptops: tuple[Laptop, Laptop]
) -> None:
    """Version, rights and clock are told, and a database that is not there stops all."""
    one, _ = laptops
    one.record_run("CK-7F3Q")

    def found() -> dict[str, str]:
        told = one.run("doctor", "lost-2fa", "--json").json
        return {each["id"]: each["what"] for each in told["findings"]}

    assert not [each for each in found() if each.startswith("store/")]
    with postgres.admin(base) as admin:
        admin.execute(f"GRANT UPDATE ON respond.journal TO {ENGINE_ROLE}")
        admin.execute("SET search_path = respond")
        admin.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        admin.execute("UPDATE procrastinate_events SET at = at - interval '2 minutes'")
        told = found()
        assert "may UPDATE in the table journal" in told["store/rights"]
        assert "oldest job of the team's workers waits for 12" in told["store/late"]
        admin.execute("UPDATE respond.about SET version = 9")
    assert "tables of version 9" in found()["store/tables"]
    one.configure(TOML.format(url=f"postgresql://x@/{base}?host=/nowhere"))
    assert "could not be reached" in found()["store/unreached"]


@pytest.mark.promise("P22", "P23")
def test_answers_are_kept_sealed_in_the_database(
    postgres: PostgresCluster, base: str, laptops: tuple[Laptop, Laptop]
) -> None:
    """Another machine opens them, and keeps one that is there already; one that was changed, moved
    or never came is named.
    """
    one, two = laptops
    text = b'{"users": ["mallory@example.com"]}\n'
    digest = sha256(text).hexdigest()
    kept, read = one.store.evidence_to_write("J-TEST"), two.store.evidence_to_write("J-TEST")
    kept.keep("CK-1", digest, text)
    assert kept.unkept(20) == {}
    assert read.read("CK-1", digest) == text
    read.keep("CK-1", digest, text)
    assert read.unkept(20) == {}
    other = sha256(b"[]").hexdigest()
    kept.keep("CK-1", other, b"[]")
    while not kept._unsynced:
        pass  # Written, and not durable yet.
    with postgres.admin(base) as admin:
        admin.execute("DELETE FROM respond.evidence WHERE sha256 = %s", (other,))
    assert kept.unkept(20) == {other: "the database lost it"}
    with postgres.admin(base) as admin:
        ((box,),) = admin.execute("SELECT box FROM respond.evidence").fetchall()
        assert b"mallory" not in box
        admin.execute("UPDATE respond.evidence SET run = 'CK-2'")
    with pytest.raises(LostAnswerError, match="damaged"):
        read.read("CK-2", digest)
    with pytest.raises(LostAnswerError, match="missing"):
        read.read("CK-1", digest)
    lost = EvidenceTable(Database(f"postgresql://x@/{base}?host=/nowhere"), "J-TEST", bytes(32))
    lost.keep("CK-1", digest, text)
    assert "could not be reached" in lost.unkept(20)[digest]
    for each in (kept, read):
        each.close()
