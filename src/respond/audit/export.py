"""Write a journal as JSON lines that carry their own proof, and read such a file back.

First a header, then one line a record, last a line with the newest checkpoint and the public key.
Both ways hold one line in memory at a time. The public key in the file is for information: who
checks the file brings the key along.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from respond.audit.body import read_body
from respond.audit.canonical import BODY_BYTES_MAX, NotCanonicalError, decode, encode
from respond.audit.verify import SourceError, StoredRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

__all__ = ["read_export", "write_export"]

_FORMAT = "respond-journal-export"
_VERSION = 1

_LINE_BYTES_MAX = 2 * BODY_BYTES_MAX + 4096
"""A body inside a JSON text grows to at most twice its length."""

_HASH = re.compile(r"[0-9a-f]{64}")


def write_export(rows: Iterable[StoredRow], out: BinaryIO) -> int:
    """Write rows as an export, and say how many there were.

    It copies what is stored and judges nothing; ``verify`` does that.

    Raises:
        SourceError: A row cannot be copied, because it is no row of a journal.
    """
    note, public_key, size, before = "", "", 0, hashlib.sha256()

    def line(value: dict[str, Any]) -> None:
        encoded = encode(value, bytes_max=_LINE_BYTES_MAX) + b"\n"
        before.update(encoded)
        out.write(encoded)

    for row in rows:
        try:
            text = row.body.decode("utf-8")
            body = read_body(row.body)
        except (UnicodeDecodeError, NotCanonicalError, AttributeError) as error:
            raise SourceError(f"record {size + 1} cannot be exported: {error}") from error
        if size == 0:
            public_key = str(body.data.get("public_key", ""))
            line({"format": _FORMAT, "journal": body.journal, "v": _VERSION})
        if body.kind == "checkpoint":
            note = str(body.data.get("note", ""))
        hashes = {"body_hash": row.body_hash.hex(), "hash": row.hash.hex()}
        line({"body": text, **hashes, "seq": row.seq})
        size += 1
    before.update((note + public_key).encode("utf-8"))
    sums = {"sha256": before.hexdigest(), "size": size}
    line({"checkpoint": note, "public_key": public_key, **sums})
    return size


def read_export(source: BinaryIO) -> Iterator[StoredRow]:
    """The rows of an export.

    Raises:
        SourceError: A line is not what it should be, or the last line is missing or does not
            fit the others.
    """
    before, size = hashlib.sha256(), 0
    header, line = _object(source, _HEADER)
    if (header["format"], header["v"]) != (_FORMAT, _VERSION):
        raise SourceError(f"{header['format'][:40]!r}, version {header['v']}, is unknown")
    while True:
        before.update(line)
        found, line = _object(source, _RECORD, _LAST)
        if "size" in found:
            break
        if not (_HASH.fullmatch(found["body_hash"]) and _HASH.fullmatch(found["hash"])):
            raise SourceError("a hash is not 64 hex digits")
        yield StoredRow(
            seq=found["seq"],
            body=found["body"].encode("utf-8"),
            body_hash=bytes.fromhex(found["body_hash"]),
            hash=bytes.fromhex(found["hash"]),
        )
        size += 1
    before.update((found["checkpoint"] + found["public_key"]).encode("utf-8"))
    if found["size"] != size or found["sha256"] != before.hexdigest():
        raise SourceError("the last line does not fit the others")
    if source.read(1):
        raise SourceError("something follows the last line")


_HEADER = {"format": str, "journal": str, "v": int}
_RECORD = {"body": str, "body_hash": str, "hash": str, "seq": int}
_LAST = {"checkpoint": str, "public_key": str, "sha256": str, "size": int}


def _object(source: BinaryIO, *shapes: dict[str, type]) -> tuple[dict[str, Any], bytes]:
    """The next line as an object of one of these shapes, and its bytes."""
    line = source.readline(_LINE_BYTES_MAX + 1)
    if not line.endswith(b"\n") or len(line) > _LINE_BYTES_MAX:
        raise SourceError("a line is too long, or cut" if line else "the last line is missing")
    try:
        found = decode(line[:-1], bytes_max=_LINE_BYTES_MAX)
    except NotCanonicalError as error:
        raise SourceError(f"a line cannot be read: {error}") from error
    for shape in shapes:
        if (
            isinstance(found, dict)
            and found.keys() == shape.keys()
            and all(type(found[name]) is kind for name, kind in shape.items())
        ):
            return found, line
    raise SourceError("a line has other members than it should")
