"""Write a file that a person named and that is not there yet. Nothing is ever written over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from respond.adapters.ordinary_file import write_whole
from respond.core.showable import showable
from respond.errors import UsageError

__all__ = ["see_that_it_is_free", "write_new", "write_private", "written"]


def see_that_it_is_free(path: Path, *, do: str = "give another name") -> None:
    """See that nothing is there, not even a link that leads nowhere.

    Raises:
        UsageError: Something is, or nobody can tell.
    """
    with written(path):
        is_free = not _is_there(path)
    if not is_free:
        raise UsageError(
            f"{showable(str(path))} is there already", why="nothing is written over", do=do
        )


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Trouble with writing ``path`` becomes words.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{showable(str(path))} cannot be written", why=error.strerror or str(error)
        ) from error


def write_new(path: Path, text: str, *, folder: bool = False) -> None:
    """Write a file of a project, for everybody who may read its folder.

    Args:
        folder: Make its folder, too, where that is not there.

    Raises:
        UsageError: It is there, or cannot be written.
    """
    see_that_it_is_free(path)
    with written(path):
        if folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def write_private(path: Path, body: bytes) -> None:
    """Write a file for its owner alone, as a whole or not at all.

    Raises:
        UsageError: It is there, or cannot be written.
    """
    see_that_it_is_free(path)
    with written(path):
        path.touch(0o600, exist_ok=False)  # Ours from here on, whoever else writes there.
        try:
            write_whole(path, lambda file: file.write(body))
        except OSError:
            path.unlink(missing_ok=True)
            raise
