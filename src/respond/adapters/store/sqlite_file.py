"""Open a SQLite file so that a commit means durable, and notice when the file goes away.

It knows files, folders, mounts and pragmas, and nothing of what the tables hold.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from respond.adapters.ordinary_file import real_path
from respond.core.records import Frozen
from respond.errors import JournalUnusableError

__all__ = [
    "FileIdentity",
    "carry_over",
    "connect_file",
    "connect_memory",
    "empty_log",
    "file_system_of",
    "is_empty",
    "is_network",
    "make_tables",
    "prepare_folder",
    "sqlite_says",
    "sync_folder",
    "write_locked",
]

BUSY_MS = 10_000
"""How long a commit waits for another process's commit, in milliseconds."""

_MOUNTS = Path("/proc/self/mountinfo")

# File systems whose locks or memory maps are not to be trusted by several processes, which WAL
# needs (sqlite.org/wal.html: all processes must be on the same host).
_NETWORK = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs",
        "nfs", "nfs4", "orangefs", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
_NETWORK_FUSE = ("ceph", "dav", "gcs", "gluster", "mergerfs", "nfs", "rclone", "s3", "smb", "sshfs")

_SIDE_FILES = ("", "-wal", "-shm")

_PRAGMAS: tuple[tuple[str, str, Any], ...] = (
    # name, value to set, value that must be read back
    ("trusted_schema", "OFF", 0),
    ("recursive_triggers", "ON", 1),
    ("secure_delete", "ON", 1),
    ("cell_size_check", "ON", 1),
    ("mmap_size", "0", 0),
    ("synchronous", "FULL", 2),
    ("fullfsync", "ON", 1),
    ("checkpoint_fullfsync", "ON", 1),
)
_FILE_ONLY = frozenset({"mmap_size"})


class FileIdentity(Frozen):
    """Device and inode of the database, its log and its index, when they were opened.

    A commit into a file that was unlinked succeeds without complaint; only this shows it.
    """

    marks: tuple[tuple[str, int, int], ...]
    """Path, device and inode of each."""

    @classmethod
    def take(cls, path: Path) -> FileIdentity:
        """Raises OSError when one of the files is not there."""
        paths = [f"{path}{suffix}" for suffix in _SIDE_FILES]
        found = [(each, os.lstat(each)) for each in paths]
        return cls(tuple((each, at.st_dev, at.st_ino) for each, at in found))

    def check(self) -> None:
        """Compare with what is there now.

        Raises:
            JournalUnusableError: A file was removed, renamed or replaced.
        """
        for path, device, inode in self.marks:
            try:
                found = os.lstat(path)
            except OSError as error:
                raise _gone(path, "removed or renamed") from error
            if found.st_ino != inode or found.st_dev != device:
                raise _gone(path, "replaced by another file")


def prepare_folder(folder: Path) -> None:
    """Make the journal's folder, or check that it is ours alone and on a local disk.

    Raises:
        JournalUnusableError: It is open to others, foreign, or on a network file system.
    """
    try:
        # Parents, too: a run's own folder may be made before the one that it lies in.
        for missing in reversed([each for each in folder.parents if not os.path.lexists(each)]):
            missing.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise _unusable(f"the folder {folder} cannot be made or read", error) from error
    if found.st_uid != os.geteuid():
        raise JournalUnusableError(
            f"the folder {folder} belongs to somebody else",
            why="who owns the folder can replace the journal",
            do="choose a folder of your own for the journal",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise JournalUnusableError(
            f"the folder {folder} is open to other users",
            why=f"its mode is {stat.S_IMODE(found.st_mode):04o}; the journal needs 0700",
            do=f"chmod 700 {folder}, or choose another folder",
        )
    kind = file_system_of(folder)
    if is_network(kind):
        raise JournalUnusableError(
            f"the folder {folder} is on a network file system ({kind})",
            why="locks and syncs there do not keep what the journal promises",
            do="choose a folder on a local disk",
        )


def connect_file(path: Path, *, create: bool, application_id: int) -> sqlite3.Connection:
    """Open the file for writing, in WAL mode with full sync, each setting read back.

    Raises:
        JournalUnusableError: Missing (and not ``create``), not ours, of another program, or a
            setting did not take.
        sqlite3.Error: As SQLite says.
    """
    _check_or_make(path, create=create)
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_MS / 1000,
    )
    try:
        _set_pragmas(db, in_memory=False)
        _refuse_other_program(db, path, application_id)
        _set_wal(db, path)
        # The first read makes the log and its index, so that their identity can be taken.
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def carry_over(db: sqlite3.Connection, path: Path) -> None:
    """Write what the log holds into the database file, and sync that.

    After a sync that failed, the log may look whole in memory and not be so on the disk. What is
    built on it, or said to be there already, must be there.
    """
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    if busy:
        raise sqlite3.OperationalError(f"{path.name} is being read by a process that does not end")


def empty_log(db: sqlite3.Connection) -> None:
    """Leave nothing in the log of what was overwritten; while somebody reads it, the next does."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def connect_memory() -> sqlite3.Connection:
    """A database of this process only, gone with it."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _set_pragmas(db, in_memory=True)
    return db


def is_empty(db: sqlite3.Connection) -> bool:
    """No table was made in it yet."""
    return bool(db.execute("SELECT count(*) = 0 FROM sqlite_schema").fetchone()[0])


def make_tables(
    db: sqlite3.Connection, application_id: int, version: int, statements: Iterable[str]
) -> None:
    """Write whose file it is, and its tables, in the open transaction."""
    db.execute(f"PRAGMA application_id={application_id}")
    db.execute(f"PRAGMA user_version={version}")
    for statement in statements:
        db.execute(statement)


@contextmanager
def write_locked(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction: leaving the block without an error commits, with a full sync."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.rollback()


def sqlite_says(error: Exception) -> str:
    """Its text, under the name by which SQLite's documents know it."""
    name = getattr(error, "sqlite_errorname", "")
    return f"SQLite says {name}: {error}" if name else str(error)


def file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Type of the file system that holds the folder, or empty where that cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place = real_path(folder)
    best, found = -1, ""
    for line in lines:
        mount, _, rest = line.partition(" - ")
        fields, kinds = mount.split(" "), rest.split(" ")
        if len(fields) < 5 or not kinds[0]:  # noqa: PLR2004 (the mount point is the fifth field)
            continue
        point = Path(_unescape(fields[4]))
        # The last of several mounts on one point is the one on top.
        if len(point.parts) >= best and place.is_relative_to(point):
            best, found = len(point.parts), kinds[0]
    return found


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_or_make(path: Path, *, create: bool) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError as error:
        if not create:
            raise JournalUnusableError(
                f"there is no journal at {path}",
                do="check the path, or run a runbook: the first run makes the journal",
            ) from error
        _make(path)
        return
    except OSError as error:
        raise _unusable(f"the journal {path} cannot be read", error) from error
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise JournalUnusableError(
            f"{path} is not a file of yours",
            why="a link, a folder, or another user's file stands where the journal should be",
            do="look at what put it there; the journal may have been replaced",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise JournalUnusableError(
            f"the journal {path} is open to other users",
            why=f"its mode is {stat.S_IMODE(found.st_mode):04o}; it should be 0600",
            do=f"find out who opened it, then chmod 600 {path}",
        )


def _make(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return  # Another process was faster; SQLite's own lock decides what comes next.
    except OSError as error:
        raise _unusable(f"the journal {path} cannot be made", error) from error
    os.close(handle)
    sync_folder(path.parent)


def _refuse_other_program(db: sqlite3.Connection, path: Path, application_id: int) -> None:
    """Asked before the first write, so that somebody else's database stays as it is."""
    (found,) = db.execute("PRAGMA application_id").fetchone()
    if found != application_id and not is_empty(db):
        raise JournalUnusableError(
            f"{path} is the database of another program",
            why=f"its application id is {found}, ours is {application_id}",
            do="choose another path for the journal",
        )


def _set_wal(db: sqlite3.Connection, path: Path) -> None:
    (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise JournalUnusableError(
            f"{path} cannot be used: SQLite keeps journal_mode={mode}",
            why="the journal needs the write-ahead log",
            do="choose a folder on a local disk",
        )


def _set_pragmas(db: sqlite3.Connection, *, in_memory: bool) -> None:
    for name, value, expected in _PRAGMAS:
        if in_memory and name in _FILE_ONLY:
            continue
        db.execute(f"PRAGMA {name}={value}")
        found = db.execute(f"PRAGMA {name}").fetchone()
        if found != (expected,):
            raise JournalUnusableError(
                f"SQLite did not take {name}={value}",
                why=f"it answers {found}; without this setting a commit may not be durable",
                do="use a Python with an ordinary SQLite",
            )


def _gone(path: str, how: str) -> JournalUnusableError:
    return JournalUnusableError(
        f"the journal's file {path} was {how} while it was open",
        why="what is written now may be seen by nobody",
        do="put the file back and `respond resume`, or begin a new "
        "journal: respond RUNBOOK --new-journal",
    )


def _unusable(what: str, error: OSError) -> JournalUnusableError:
    return JournalUnusableError(
        what, why=error.strerror or str(error), do="choose another folder, or mend this one"
    )


def is_network(kind: str) -> bool:
    """Whether a type of file system is one whose locks several machines share."""
    if kind.startswith("fuse."):
        return any(word in kind for word in _NETWORK_FUSE)
    return kind in _NETWORK


def _unescape(field: str) -> str:
    """Mount points have spaces, tabs, line feeds and backslashes as three octal digits."""
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        field = field.replace(f"\\{code}", character)
    return field
