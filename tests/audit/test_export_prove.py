from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path

import pytest

from respond import audit
from respond.adapters.secrets.key_stores import MemoryKeys
from respond.adapters.store.journal_sqlite import SqliteJournal
from respond.audit.export import read_export, write_export
from respond.audit.proof_of_value import prove
from respond.audit.source import journal_id, open_rows
from respond.audit.verify import SourceError, Verification, verify
from respond.core.events import Kind
from respond.testing.contract_journal import DANA, RUN, event
from respond.testing.journals import make_journal, outside_evidence, verify_file
from respond.testing.settable_clock import SettableClock

MADE = make_journal(3)
VALUE = "sa_live_0123456789abcdef0123456789abcdef"


def exported() -> bytes:
    out = io.BytesIO()
    assert write_export(MADE.rows, out) == len(MADE.rows)
    return out.getvalue()


@pytest.mark.promise("P24")
def test_an_export_carries_every_record_as_stored() -> None:
    """Reading an export gives the rows back, byte for byte, and they verify."""
    rows = list(read_export(io.BytesIO(exported())))
    assert rows == [row._replace(columns=None) for row in MADE.rows]
    assert verify(rows, keys=[MADE.key]).answer is Verification.INTACT


def test_an_export_is_json_lines() -> None:
    """Any tool can read it: a header, a line a record, a last line with checkpoint and key."""
    header, *records, last = (json.loads(line) for line in exported().splitlines())
    assert header == {"format": "respond-journal-export", "journal": MADE.id, "v": 1}
    assert [record["seq"] for record in records] == list(range(len(MADE.rows)))
    assert all(json.loads(record["body"])["journal"] == MADE.id for record in records)
    assert last["public_key"] == str(MADE.key)
    assert last["checkpoint"].startswith(f"{MADE.id}\n{MADE.checkpoints[-1]}\n")


def test_what_is_no_journal_is_not_exported() -> None:
    """A row that could not be checked afterwards is refused while exporting."""
    for body in (b"{}", b"\xff", None):
        with pytest.raises(SourceError, match="record 1"):
            write_export([MADE.rows[0]._replace(body=body)], io.BytesIO())


@pytest.mark.promise("P25")
def test_a_used_secret_is_found_and_another_is_not(tmp_path: Path) -> None:
    """Who has the value can prove where it was used, and that another value was not."""
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    with SqliteJournal.open(
        path, keys=keys, clock=SettableClock(), create=True, actor=DANA
    ) as journal:
        digest = journal.digest(VALUE)
        journal.append(event(Kind.PROPOSED, inputs={"leaked": [{"digest": digest}]}))
        journal.append(event(Kind.NOTICE, step="told", text=f"digest {digest} is said, not held"))
        digest_key = keys.get(f"digest-key/{journal.id}")
        assert digest_key is not None
        assert journal_id(path) == journal.id
    with open_rows(path) as rows:
        (found,) = prove(rows, VALUE, digest_key)
    assert (found.run, found.kind, found.where) == (RUN, "proposed", "inputs.leaked.0.digest")
    assert not found.in_clear
    with open_rows(path) as rows:
        assert list(prove(rows, VALUE + "x", digest_key)) == []
    with open_rows(path) as rows:
        assert list(prove(rows, VALUE, b"another key")) == []


@pytest.mark.promise("P22", "P25")
def test_a_secret_in_clear_is_found_too(tmp_path: Path) -> None:
    """If a value ever stood in a record itself, proving says so: that is an incident of its own."""
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    with SqliteJournal.open(
        path, keys=keys, clock=SettableClock(), create=True, actor=DANA
    ) as journal:
        journal.append(event(Kind.PROPOSED, note=f'it is "{VALUE}"'))
    with open_rows(path) as rows:
        assert [found.in_clear for found in prove(rows, VALUE, b"k")] == [True]


def test_a_live_journal_can_be_checked(tmp_path: Path) -> None:
    """Verifying while another object appends reads a whole state and disturbs nothing."""
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    with SqliteJournal.open(
        path, keys=keys, clock=SettableClock(), create=True, actor=DANA
    ) as journal:
        for number in range(5):
            journal.append(event(Kind.PROPOSED, f"CK-{number}"))
            key, mark = outside_evidence(path, keys)
            assert key is not None
            report = verify_file(path, keys=[key], mark=mark)
            assert (report.answer, report.checked) == (Verification.INTACT, journal.head().size)


def test_a_backup_on_a_read_only_disk_can_be_checked(tmp_path: Path) -> None:
    """A copy without its log, in a folder that cannot be written to, is read all the same."""
    path, keys = tmp_path / "state" / "journal.db", MemoryKeys()
    SqliteJournal.open(path, keys=keys, clock=SettableClock(), create=True, actor=DANA).close()
    key, _ = outside_evidence(path, keys)
    assert key is not None
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert verify_file(path, keys=[key]).answer is Verification.INTACT
    finally:
        path.parent.chmod(0o700)


@pytest.mark.promise("P24")
def test_checking_needs_nothing_of_ours() -> None:
    """``respond.audit`` imports the standard library, itself and, late, ``cryptography``."""
    folder = Path(str(audit.__file__)).parent
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                first = name.split(".")[0]
                assert first in {*sys.stdlib_module_names, "cryptography"} or name.startswith(
                    "respond.audit"
                ), f"{path.name} imports {name}"
                assert first != "cryptography" or node not in tree.body, f"{path.name}: {name}"
