"""Sealed answers on a disk: they open as they were, or it is said why not; nobody waits."""

from __future__ import annotations

import os
import stat
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from respond.adapters.secrets.key_stores import FolderKeys, MemoryKeys
from respond.adapters.store.evidence_folder import EvidenceFolder
from respond.adapters.store.sealed_evidence import LostAnswerError
from respond.errors import NotReadyError

JOURNAL = "J-TEST"
TEXT = b'{"users": ["mallory@example.com"]}\n'
DIGEST = sha256(TEXT).hexdigest()
PATIENCE_S = 20.0


def folder_at(place: Path, journal: str = JOURNAL) -> EvidenceFolder:
    return EvidenceFolder.to_write(place / "journal.db", journal, FolderKeys(place / "keys"))


def file_of(place: Path, digest: str = DIGEST) -> Path:
    return place / "evidence" / JOURNAL / "CK-1" / f"{digest}.sealed"


@pytest.fixture
def kept(tmp_path: Path) -> EvidenceFolder:
    folder = folder_at(tmp_path)
    folder.keep("CK-1", DIGEST, TEXT)
    assert folder.unkept(PATIENCE_S) == {}
    return folder


@pytest.mark.promise("P22")
def test_what_is_kept_opens_again_and_lies_sealed_for_its_owner_alone(
    kept: EvidenceFolder, tmp_path: Path
) -> None:
    """In another process, by the key of the key store; the disk shows none of it."""
    again = EvidenceFolder.to_read(tmp_path / "journal.db", JOURNAL, FolderKeys(tmp_path / "keys"))
    assert again.read("CK-1", DIGEST) == TEXT
    assert kept.read("CK-1", DIGEST) == TEXT
    path = file_of(tmp_path)
    assert b"mallory" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for above in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_nothing_of_it_outlives_it(tmp_path: Path) -> None:
    """A server that carried a thousand runs has not a thousand threads; what was kept is there."""
    before = set(threading.enumerate())
    folder = folder_at(tmp_path)
    folder.keep("CK-1", DIGEST, TEXT)
    folder.close()
    assert set(threading.enumerate()) <= before
    assert folder_at(tmp_path).read("CK-1", DIGEST) == TEXT


@pytest.mark.promise("P23")
@pytest.mark.parametrize("how", ["lost", "cut", "empty", "changed", "swapped", "a folder"])
def test_what_is_not_there_as_it_was_is_named(
    how: str, kept: EvidenceFolder, tmp_path: Path
) -> None:
    """Lost, cut, changed or another one's: never an answer, and never a trace of Python."""
    path = file_of(tmp_path)
    sealed = path.read_bytes()
    path.unlink()
    other = b'{"users": []}\n'
    match how:
        case "cut":
            path.write_bytes(sealed[:-1])
        case "empty":
            path.write_bytes(b"")
        case "changed":
            path.write_bytes(sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:])
        case "swapped":
            kept.keep("CK-1", sha256(other).hexdigest(), other)
            assert kept.unkept(PATIENCE_S) == {}
            file_of(tmp_path, sha256(other).hexdigest()).rename(path)
        case "a folder":
            path.mkdir()
    with pytest.raises(LostAnswerError) as lost:
        kept.read("CK-1", DIGEST)
    assert lost.value.what == ("missing" if how in ("lost", "a folder") else "damaged")
    assert lost.value.why


def test_an_answer_opens_for_no_other_run_and_no_other_journal(
    kept: EvidenceFolder, tmp_path: Path
) -> None:
    """A file that was moved is as good as a changed one; without its key it stays sealed."""
    path = file_of(tmp_path)
    elsewhere = path.parent.with_name("CK-2") / path.name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(path.read_bytes())
    with pytest.raises(LostAnswerError, match="damaged"):
        kept.read("CK-2", DIGEST)
    keyless = EvidenceFolder.to_read(tmp_path / "journal.db", JOURNAL, MemoryKeys())
    with pytest.raises(LostAnswerError, match="sealed"):
        keyless.read("CK-1", DIGEST)


@pytest.mark.promise("P27")
def test_nobody_waits_for_a_disk_that_hangs(tmp_path: Path) -> None:
    """Keeping returns while the writer hangs; what is not written is named, and is there later."""
    folder = folder_at(tmp_path)
    hangs = file_of(tmp_path).with_suffix(".new")
    hangs.parent.mkdir(parents=True)
    os.mkfifo(hangs)  # Opening it to write waits for a reader.
    other = sha256(b"[]").hexdigest()
    folder.keep("CK-1", DIGEST, TEXT)
    folder.keep("CK-1", other, b"[]")
    late = folder.unkept(0.01)
    assert late.keys() == {DIGEST, other}
    assert set(late.values()) == {"not written within 0.01 s"}
    with hangs.open("rb") as reader:
        assert reader.read()
    # The pipe itself keeps nothing, and that is said as well.
    assert folder.unkept(PATIENCE_S) == {DIGEST: "it is no ordinary file"}
    assert folder.read("CK-1", other) == b"[]"


@pytest.mark.promise("P27")
def test_what_cannot_be_written_is_said_with_its_reason_and_tried_again(tmp_path: Path) -> None:
    """A file stands where the folder belongs: named; when it is gone, the answer is kept."""
    in_the_way = tmp_path / "evidence"
    in_the_way.write_text("")
    folder = folder_at(tmp_path)
    folder.keep("CK-1", DIGEST, TEXT)
    assert folder.unkept(PATIENCE_S) == {DIGEST: "File exists"}
    in_the_way.unlink()
    folder.keep("CK-1", DIGEST, TEXT)
    assert folder.unkept(PATIENCE_S) == {}
    assert folder.read("CK-1", DIGEST) == TEXT


@pytest.mark.promise("P27")
def test_a_key_store_that_fails_costs_the_evidence_and_not_the_run(tmp_path: Path) -> None:
    """Nothing is written in clear instead; why is said with the first answer."""

    class Locked(MemoryKeys):
        def get(self, name: str) -> bytes | None:
            raise NotReadyError("the keyring is locked", why="nobody unlocked it")

    folder = EvidenceFolder.to_write(tmp_path / "journal.db", JOURNAL, Locked())
    folder.keep("CK-1", DIGEST, TEXT)
    assert folder.unkept(PATIENCE_S) == {DIGEST: "the keyring is locked: nobody unlocked it"}
    assert not (tmp_path / "evidence").exists()


def test_a_file_that_is_cut_is_not_taken_for_kept_when_the_same_comes_again(
    kept: EvidenceFolder, tmp_path: Path
) -> None:
    """A resumed run sees the same again: then it is whole."""
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes()[:7])
    kept.keep("CK-1", DIGEST, TEXT)
    assert kept.unkept(PATIENCE_S) == {}
    assert kept.read("CK-1", DIGEST) == TEXT
