"""A small value that is written over again and again, in a file that is made once.

The file has two places, and they are written in turns. What is not whole counts for nothing, so
that after a crash at any moment the value before is there, or the new one. That takes one sync of
data; a new file that is renamed takes two, and the file system has its tables to write as well.

The value before stays readable in the other place: nothing that is secret belongs here.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from typing import NamedTuple

__all__ = ["SIZE", "VALUE_BYTES_MAX", "first_written", "value_in", "write_over"]

_APART = 4096
"""From place to place: a disk may lose the whole block that a power cut met."""
SIZE = 2 * _APART
"""How long such a file is, always."""
VALUE_BYTES_MAX = 256
_DIGEST, _TURN, _LENGTH = 32, 8, 2
_HEAD = _DIGEST + _TURN + _LENGTH

# What macOS has instead.
_sync = getattr(os, "fdatasync", os.fsync)


class _Place(NamedTuple):
    turn: int
    at: int
    value: bytes


def first_written(value: bytes) -> bytes:
    """What a new file of this kind holds."""
    return _written(1, value).ljust(SIZE, b"\0")


def value_in(content: bytes) -> bytes:
    """What was written last, of a file as it was read.

    Raises:
        OSError: Neither place is whole.
    """
    return _newest(content).value


def write_over(handle: int, value: bytes) -> None:
    """Make it the value of an open file; on return it is durable.

    Raises:
        OSError: It was not written, and the value before stands.
    """
    # Two at once would write into the same place.
    fcntl.flock(handle, fcntl.LOCK_EX)
    last = _newest(os.pread(handle, SIZE, 0))
    os.pwrite(handle, _written(last.turn + 1, value), _APART - last.at)
    _sync(handle)


def _written(turn: int, value: bytes) -> bytes:
    if len(value) > VALUE_BYTES_MAX:
        raise ValueError(f"{len(value)} bytes are more than {VALUE_BYTES_MAX}")
    told = turn.to_bytes(_TURN, "big") + len(value).to_bytes(_LENGTH, "big") + value
    return hashlib.sha256(told).digest() + told


def _newest(content: bytes) -> _Place:
    whole = [place for at in (0, _APART) if (place := _read(content, at)) is not None]
    if not whole:
        raise OSError(errno.EIO, "neither place of it is whole")
    return max(whole)


def _read(content: bytes, at: int) -> _Place | None:
    length = int.from_bytes(content[at + _HEAD - _LENGTH : at + _HEAD], "big")
    told = content[at + _DIGEST : at + _HEAD + length]
    if length > VALUE_BYTES_MAX or hashlib.sha256(told).digest() != content[at : at + _DIGEST]:
        return None
    return _Place(int.from_bytes(told[:_TURN], "big"), at, told[_TURN + _LENGTH :])
