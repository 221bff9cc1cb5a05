"""Read a file that others may have put there: an ordinary one, so much of it, and no wait."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_ordinary", "read_ordinary"]


def open_ordinary(path: Path, *, links: bool = True) -> BinaryIO:
    """Open a file to read it; without ``links`` none is followed at its end.

    Raises:
        OSError: It cannot be read, or is a folder, a pipe, a device or a socket.
    """
    # Without O_NONBLOCK a pipe that nobody writes to holds the process for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    return os.fdopen(handle, "rb")


def read_ordinary(path: Path, limit: int) -> bytes:
    """The first ``limit`` bytes.

    Raises:
        OSError: As ``open_ordinary``.
    """
    with open_ordinary(path) as file:
        return file.read(limit)
