"""The command line on machines that share one database."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from tests.audit.test_c8_mutations import load_second

from respond.adapters.clock import SystemClock
from respond.adapters.store.evidence_postgres import EvidenceTable
from respond.adapters.store.postgres import Database
from respond.adapters.store.sealed_evidence import LostAnswerError
from respond.core.events import Actor, Event, Kind, Strength
from respond.formats.project.project_file import parse_project
from respond.testing.cli_kit import Machine
from respond.testing.postgres_cluster import ENGINE_ROLE, PostgresCluster
from respond.wiring.places import Places
from respond.wiring.session import own_secrets
from respond.wiring.stores import DatabaseStore, store_of

TEAM_KEY = base64.b64encode(bytes(range(32))).decode()
DANA = Actor("dana", Strength.CLAIMED)
TOML = """\
[journal]
keys = "file"

[store]
url = "{url}"
credential = "none"
"""


class Laptop(Machine):
    """A machine of the team; which one the command line is on is said by ``here``."""

    patch: pytest.MonkeyPatch

    def here(self) -> None:
        self.patch.setenv("XDG_STATE_HOME", str(self.state.parent))
        self.patch.chdir(self.project)

    @property
    def store(self) -> DatabaseStore:
        project = parse_project((self.project / "respond.toml").read_bytes(), name="respond.toml")
        secrets = own_secrets(project, self.keys, lambda _: None)
        made = store_of(project, Places(self.project, self.state), self.keys, secrets)
        assert isinstance(made, DatabaseStore)
        return made

    def record_run(self, run: str) -> None:
        """A short run in the team's journal, signed at its end."""
        with self.store.journal(clock=SystemClock(), actor=DANA, create=True) as journal:
            for kind, data in (
                (Kind.PROPOSED, {"runbook": "lost-laptop", "inputs": {}}),
                (Kind.PARKED, {"reason": "quit"}),
            ):
                journal.append(Event(kind, run, "", DANA, data))
            journal.checkpoint(f"end of run {run}")


@pytest.fixture
def laptops(
    postgres: PostgresCluster,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[Laptop, Laptop]:
    """Two machines with the same respond.toml and the same team key."""

    def read() -> tuple[str, str]:
        out, err = capsys.readouterr()
        return out, err

    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "project").mkdir(parents=True)
        one = Laptop(folder / "project", folder / "state" / "respond", read)
        one.patch = monkeypatch
        one.configure(TOML.format(url=postgres.url(base, ENGINE_ROLE)))
        one.state.mkdir(mode=0o700, parents=True)
        one.keys.set("credential/store-key", TEAM_KEY.encode())
        made.append(one)
    made[0].here()
    return made[0], made[1]


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
        assert "may UPDATE in the table journal" in found()["store/rights"]
        admin.execute("UPDATE respond.about SET version = 9")
    assert "tables of version 9" in found()["store/tables"]
    one.configure(TOML.format(url=f"postgresql://x@/{base}?host=/nowhere"))
    assert "could not be reached" in found()["store/unreached"]


@pytest.mark.promise("P22", "P23")
def test_answers_are_kept_sealed_in_the_database(
    postgres: PostgresCluster, base: str, laptops: tuple[Laptop, Laptop]
) -> None:
    """Another machine opens them; one that was changed, moved or never came is named."""
    one, two = laptops
    text = b'{"users": ["mallory@example.com"]}\n'
    digest = sha256(text).hexdigest()
    kept, read = one.store.evidence_to_write("J-TEST"), two.store.evidence_to_write("J-TEST")
    kept.keep("CK-1", digest, text)
    assert kept.unkept(20) == {}
    assert read.read("CK-1", digest) == text
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
