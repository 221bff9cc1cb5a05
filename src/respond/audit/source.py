"""Find the rows of a journal: in its SQLite file or in an export. Nothing is written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from stat import S_ISREG
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from respond.audit.body import read_body
from respond.audit.canonical import NotCanonicalError
from respond.audit.export import read_export
from respond.audit.record_schema import (
    APPLICATION_ID,
    MOVED_VERSION,
    READABLE_VERSIONS,
    schema_faults,
)
from respond.audit.verify import SourceError, StoredRow, VerifyReport, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from respond.audit.checkpoint import NoteKey
    from respond.audit.verify import Anchor, AnchorPolicy, Legal

    OpenRows = Callable[[], AbstractContextManager[Iterator[StoredRow]]]

__all__ = ["journal_id", "open_rows", "verify_rows"]

_TOLD_EVERY = 500
_ROWS = "SELECT seq, body, body_hash, hash, kind, run, step, at FROM journal ORDER BY seq"


@contextmanager
def open_rows(path: Path) -> Iterator[Iterator[StoredRow]]:
    """The rows of a journal file or an export, one at a time.

    Raises:
        SourceError: It is neither, or cannot be read; also while the rows are read.
    """
    try:
        is_file = S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - Path.is_file hides why it cannot tell
    except (FileNotFoundError, NotADirectoryError):
        is_file = False
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    if not is_file:
        raise SourceError(f"there is no file {path}")
    # SQLite is asked first, and the bytes are not looked at by ourselves: closing a handle of our
    # own would drop the locks that a journal which is open in this process holds on the file.
    db = _connect(path)
    if db is None:
        try:
            with path.open("rb") as file:
                yield read_export(file)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error
        return
    with closing(db):
        yield _table_rows(db)


def verify_rows(
    opened: OpenRows,
    *,
    keys: Sequence[NoteKey],
    mark: Anchor | None = None,
    anchors: Sequence[Anchor] = (),
    policy: AnchorPolicy | None = None,
    legal: Legal | None = None,
    told: Callable[[int], None] | None = None,
) -> VerifyReport:
    """``verify`` for the rows that are opened, wherever they lie.

    Args:
        told: Hears now and then how many records were checked.
    """
    rows = _rows_of(opened, told)
    return verify(rows, keys=keys, mark=mark, anchors=anchors, policy=policy, legal=legal)


def journal_id(path: Path) -> str:
    """The id that the first record names; only a claim, until it is verified.

    Raises:
        SourceError: It cannot be read.
    """
    with open_rows(path) as rows:
        for row in rows:
            try:
                return read_body(row.body).journal
            except (NotCanonicalError, TypeError) as error:
                raise SourceError(f"the first record cannot be read: {error}") from error
    raise SourceError("it has no records")


def _rows_of(opened: OpenRows, told: Callable[[int], None] | None) -> Iterator[StoredRow]:
    """The rows, with every error already a ``SourceError`` for ``verify`` to judge."""
    with opened() as rows:
        for number, row in enumerate(rows):
            if told is not None and number % _TOLD_EVERY == 0:
                told(number)
            yield row


def _connect(path: Path) -> sqlite3.Connection | None:
    """The database, or None when the file is none."""
    wal = path.with_name(f"{path.name}-wal")
    # Without a log beside it, a folder that cannot be written to (a mounted backup) is no
    # hindrance; with one, SQLite needs its index. A reader before us may have left an empty log.
    for options in ("mode=ro", "mode=ro&immutable=1"):
        db = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{options}", uri=True)
        try:
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("PRAGMA cell_size_check=ON")
            db.execute("PRAGMA mmap_size=0")
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # The second: a damaged schema can stand in the error's own text.
            db.close()
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                return None
            if options != "mode=ro" or _size(wal):
                raise SourceError(f"{path} cannot be read: {error}") from error
        else:
            return db
    return None


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - as above
    except OSError:
        return 0


def _table_rows(db: sqlite3.Connection) -> Iterator[StoredRow]:
    db.text_factory = _text
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID or version not in (*READABLE_VERSIONS, MOVED_VERSION):
            raise SourceError(f"application id {application}, schema version {version} is unknown")
        fault = schema_faults(db, version)
        if fault:
            raise SourceError(f"its tables were changed: {fault}")
        for seq, body, body_hash, digest, *columns in db.execute(_ROWS):
            yield StoredRow(seq, body, body_hash, digest, tuple(columns))
        # An index that hides rows would show an engine less than was checked here.
        (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise SourceError(f"the file is damaged: {error}") from error
    if found != "ok":
        raise SourceError(f"the file is damaged: {found}")


def _text(raw: bytes) -> Any:
    """Text that is not UTF-8 stays bytes; nothing that is compared with it will be equal."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw
