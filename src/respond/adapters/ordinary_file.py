"""Read a file that others may have put there: an ordinary one, so much of it, and no wait; and
write one as a whole. Ask what stands at a path, without an answer that ends in an error.

What a run does stands in such files. Who else could write one is for a person to know.

``Path.exists``, ``is_file``, ``is_dir``, ``is_symlink`` and ``resolve`` raise where a folder cannot
be searched, a name is too long or a link leads to itself: nobody else here calls them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "OPEN_DO",
    "is_file",
    "is_folder",
    "is_link",
    "may_be_there",
    "names_in",
    "open_ordinary",
    "read_ordinary",
    "real_path",
    "who_else_decides",
    "write_whole",
]

OPEN_DO = "who changes it says what a run does: give file and folder to one owner, chmod go-w"


def is_file(path: Path) -> bool:
    """Whether a file is there, for who goes on without one; not where that cannot be asked."""
    return os.path.isfile(path)  # noqa: PTH113 - see the head of this file


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    return os.path.isdir(path)  # noqa: PTH112 - see the head of this file


def is_link(path: Path) -> bool:
    """The same of a link, also of one that leads nowhere."""
    return os.path.islink(path)  # noqa: PTH114 - see the head of this file


def may_be_there(path: Path) -> bool:
    """Whether something is there, or nobody can tell: who opens it then says why that fails.

    For what must not pass for absent, such as a journal, only because it cannot be looked at.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def names_in(folder: Path) -> list[str]:
    """What is called how in a folder, in order; nothing where there is none.

    Raises:
        OSError: It is there, and cannot be read.
    """
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - Path.iterdir does the same, and more
    except FileNotFoundError:
        return []


def real_path(path: Path) -> Path:
    """Where it is once links are followed, as far as that goes."""
    return Path(os.path.realpath(path))


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


def who_else_decides(path: Path, project: Path) -> Iterator[str]:
    """Who besides the owner of this process could say what stands in a file of the project."""
    real = real_path(path)
    if not real.is_relative_to(real_path(project)):
        yield f"it is {real} in truth: a link leads out of the project"
    for each, what in ((real, "write it"), (real.parent, "replace it, by its folder")):
        try:
            found = each.stat()
        except OSError:
            continue  # That it cannot be read is said by whoever reads it.
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            yield f"everybody on this machine may {what}"
        if found.st_uid not in {0, os.geteuid()}:
            yield f"another user (number {found.st_uid}) may {what}"


def write_whole(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Write beside, sync, and rename: the file is there as a whole or not at all; only its
    owner reads it. Gives what ``write`` gives.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)  # A crash may have left one, and then ids are used again.
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            size = write(file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return size
